/* SPDX-License-Identifier: Apache-2.0 */
/* RTC_CHANGE events, from libvirt's event thread to the store. A guest that sets its clock register by register raises one at the
 * first and one, a second later, with the last: only what has settled counts. A guest that does nothing else costs one write in
 * two seconds. */
#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "compute/clock.h"
#include "compute/compute_priv.h"
#include "compute/server_store.h"

typedef struct {
    gint64 event_s, heard_us;
    bool waits; /* somebody will settle it: nobody does what was put back */
} Heard;

struct KnClockNews {
    GMutex lock;       /* of @heard */
    GHashTable *heard; /* char* server -> Heard* */
    GMutex settling;   /* held while a store is under way: who comes later finds it done */
};

KnClockNews *
kn_clock_news_new (void)
{
    KnClockNews *news = g_new0 (KnClockNews, 1);

    g_mutex_init (&news->lock);
    g_mutex_init (&news->settling);
    news->heard = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    return news;
}

void
kn_clock_news_free (KnClockNews *news)
{
    if (news == NULL)
        return;
    g_hash_table_unref (news->heard);
    g_mutex_clear (&news->lock);
    g_mutex_clear (&news->settling);
    g_free (news);
}

bool
kn_clock_news_hear (KnClockNews *news, const char *server, gint64 event_s)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&news->lock);
    Heard *heard = g_hash_table_lookup (news->heard, server);
    bool first = heard == NULL || !heard->waits;

    if (heard == NULL) {
        heard = g_new (Heard, 1);
        g_hash_table_insert (news->heard, g_strdup (server), heard);
    }
    *heard = (Heard){ event_s, kn_time_now (), true };
    return first;
}

static bool
take (KnClockNews *news, const char *server, Heard *out_heard)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&news->lock);
    const Heard *heard = g_hash_table_lookup (news->heard, server);

    if (heard == NULL)
        return false;
    *out_heard = *heard;
    out_heard->waits = false;
    g_hash_table_remove (news->heard, server);
    return true;
}

static bool
store (KnDb *db, const char *id, const Heard *heard, GError **error)
{
    GError *local = NULL;
    g_autoptr (KnServer) server = kn_store_server_find (db, id, &local);
    g_autoptr (KnClockRow) row = NULL;
    gint64 offset_s;

    if (local != NULL) {
        g_propagate_error (error, local);
        return false;
    }
    if (server == NULL || server->deleted) /* a stranger's domain, or one on its way out */
        return true;
    row = kn_store_clock_load (db, id, error);
    if (row == NULL)
        return false;
    if (kn_clock_meaning (row, heard->event_s, heard->heard_us, &offset_s))
        return kn_store_clock_set_offset (db, id, offset_s, heard->heard_us,
                                          kn_clock_source_of (row, offset_s, heard->heard_us),
                                          error);
    kn_log (KN_LOG_WARNING,
            "a guest has set its clock, but its host's zone is not known: set os_timezone",
            "server", id, "host", server->host, NULL);
    return true;
}

/* What could not be stored is tried again with the next event, the next start, or at the end; one heard since is newer. */
static void
put_back (KnClockNews *news, const char *server, const Heard *heard)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&news->lock);

    if (!g_hash_table_contains (news->heard, server))
        g_hash_table_insert (news->heard, g_strdup (server), g_memdup2 (heard, sizeof *heard));
}

bool
kn_server_clock_settle (KnCompute *compute, KnDb *db, const char *server, GError **error)
{
    KnClockNews *news = compute->clock_news;
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&news->settling);
    Heard heard;

    if (!take (news, server, &heard) || store (db, server, &heard, error))
        return true;
    put_back (news, server, &heard);

    return false;
}

void
kn_clock_settle_all (KnCompute *compute, KnDb *db)
{
    g_auto (GStrv) servers = NULL;

    g_mutex_lock (&compute->clock_news->lock);
    {
        g_autofree gpointer *keys
            = (gpointer *)g_hash_table_get_keys_as_array (compute->clock_news->heard, NULL);

        servers = g_strdupv ((char **)keys);
    }
    g_mutex_unlock (&compute->clock_news->lock);
    for (char **server = servers; *server != NULL; server++) {
        g_autoptr (GError) error = NULL;

        if (!kn_server_clock_settle (compute, db, *server, &error))
            kn_log (KN_LOG_WARNING, "cannot keep what a guest set its clock to", "server", *server,
                    "why", error->message, NULL);
    }
}
