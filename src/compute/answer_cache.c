/* SPDX-License-Identifier: Apache-2.0 */
/* One kept answer a thread; the database says whether it is still true. */
#include "compute/answer_cache.h"

#include <string.h>

#include "base/util.h"

#define MAX_KEPT MIB

typedef struct {
    char *question, *answer;
    guint64 version;
} Kept;

static void
kept_free (gpointer data)
{
    Kept *kept = data;

    if (kept == NULL)
        return;
    g_free (kept->question);
    g_free (kept->answer);
    g_free (kept);
}

static GPrivate kept_of_thread = G_PRIVATE_INIT (kept_free);

static bool
append_parameter (const char *name, const char *value, gpointer data)
{
    g_string_append_printf (data, "%zu:%s%zu:%s", strlen (name), name, strlen (value), value);
    return true;
}

/* All that an answer follows from beside the data: who asks, where, for what. */
static char *
format_question (const KnRequest *req)
{
    const KnAuth *auth = kn_request_auth (req);
    GString *question = g_string_new (kn_request_base_url (req));

    g_string_append_printf (question, " %s %s %d %u ", kn_request_path (req), auth->project_id,
                            kn_request_is_admin (req), kn_request_minor (req));
    kn_request_each_query (req, append_parameter, question);

    return g_string_free (question, false);
}

bool
kn_answer_cache_reply (KnRequest *req, KnDb *db, guint64 *out_version)
{
    const Kept *kept = g_private_get (&kept_of_thread);
    g_autofree char *question = NULL;

    *out_version = kn_db_version (db);
    if (kept == NULL || *out_version == 0 || kept->version != *out_version)
        return false;
    question = format_question (req);
    if (strcmp (question, kept->question) != 0)
        return false;
    kn_request_reply_text (req, 200, "application/json", kept->answer);

    return true;
}

void
kn_answer_cache_put (KnRequest *req, guint64 version, KnJw *w)
{
    g_autofree char *answer = NULL;
    gsize len;
    Kept *kept;

    if (version == 0) {
        kn_request_reply_json (req, 200, w);
        return;
    }
    answer = kn_jw_finish (w, &len);
    kn_request_reply_text (req, 200, "application/json", answer);
    if (len > MAX_KEPT)
        return;
    kept = g_new0 (Kept, 1);
    kept->question = format_question (req);
    kept->answer = g_steal_pointer (&answer);
    kept->version = version;
    g_private_replace (&kept_of_thread, kept);
}
