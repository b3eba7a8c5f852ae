/* SPDX-License-Identifier: Apache-2.0 */
/* How long a round over many guests' clocks takes: the real round, threads and SQLite; the guests are stood in for by a wait as
 * long as a real agent's answer takes, those that hang by the whole deadline. usage: skew GUESTS HANGING LATENCY_MS */
#include <stdio.h>

#include "base/time.h"
#include "compute/skew_round.h"

typedef struct {
    guint hanging;
    guint latency_us;
    gint64 start_us, healthy_us; /* monotonic; when the last guest that answers had answered */
    GMutex lock;
} Guests;

static char *
ask (gpointer data, const char *host, const char *server, const char *command, guint deadline_ms,
     KnAgentFailure *out_failure)
{
    Guests *guests = data;

    if (g_ascii_strtoull (server, NULL, 10) < guests->hanging) {
        g_usleep (deadline_ms * 1000UL);
        *out_failure = KN_AGENT_SILENT;
        return NULL;
    }
    g_usleep (guests->latency_us);
    g_mutex_lock (&guests->lock);
    guests->healthy_us = g_get_monotonic_time ();
    g_mutex_unlock (&guests->lock);
    *out_failure = KN_AGENT_ANSWERED;
    return g_strstr_len (command, -1, "get-time\"")
               ? g_strdup_printf ("{\"return\": %" G_GINT64_FORMAT "}", kn_time_now () * 1000)
               : g_strdup ("{\"return\": {\"offset\": 0, \"zone\": \"UTC\", \"id\": \"debian\"}}");
}

/* Those that hang are spread among the others: their numbers come first, their places do not. */
static bool
insert_servers (KnDb *db, gpointer data, GError **error)
{
    KN_STMT (INSERT, "INSERT INTO instances (uuid, vm_state, memory_mb, vcpus, root_gb, "
                     "ephemeral_gb, instance_type_id, host) VALUES (?,'active',1,1,1,1,1,'h')");
    guint n = *(guint *)data;

    for (guint i = 0; i < n; i++) {
        g_autofree char *id = g_strdup_printf ("%u", (guint)(i * (guint64)7919 % n));

        if (!kn_db_exec (db, &INSERT, KN_BIND (kn_text (id)), NULL, error))
            return false;
    }
    return true;
}

static bool
run_round (const KnSkewPlan *plan, KnDb *db, const char *which, guint n, GError **error)
{
    Guests *guests = plan->ops.data;
    g_autoptr (GPtrArray) targets = kn_store_skew_list_targets (db, NULL, error);
    gint64 counts[KN_SKEW_VERDICT_N];

    guests->start_us = g_get_monotonic_time ();
    if (targets == NULL || !kn_skew_round (plan, targets, NULL, error)
        || !kn_store_skew_count (db, counts, error))
        return false;
    (void)printf (
        "{\"measure\": \"skew_%s\", \"guests\": %u, \"hanging\": %u, \"latency_ms\": %.1f, "
        "\"healthy_s\": %.2f, \"all_s\": %.2f, \"right\": %d, \"unknown\": %d}\n",
        which, n, guests->hanging, guests->latency_us / 1000.0,
        (double)(guests->healthy_us - guests->start_us) / G_USEC_PER_SEC,
        (double)(g_get_monotonic_time () - guests->start_us) / G_USEC_PER_SEC,
        (int)counts[KN_SKEW_RIGHT], (int)counts[KN_SKEW_UNKNOWN]);
    return true;
}

static bool
run (const char *url, guint n, Guests *guests, GError **error)
{
    g_autoptr (KnDbPool) pool = kn_db_pool_open (url, NULL, error);
    KnDb *db = pool != NULL ? kn_db_thread (pool, error) : NULL;
    const KnSkewPlan plan = { .db = pool, .ops = { .ask = ask, .data = guests } };

    return db != NULL && kn_db_relax (db, error) && kn_db_txn (db, insert_servers, &n, error)
           && run_round (&plan, db, "first", n, error) && run_round (&plan, db, "second", n, error);
}

int
main (int argc, char **argv)
{
    g_autofree char *dir = g_dir_make_tmp ("kn-bench-XXXXXX", NULL);
    g_autofree char *path = g_build_filename (dir, "skew.db", NULL);
    g_autofree char *url = g_strconcat ("sqlite:", path, NULL);
    g_autoptr (GError) error = NULL;
    Guests guests = { 0 };

    if (argc != 4) {
        (void)fputs ("usage: skew GUESTS HANGING LATENCY_MS\n", stderr);
        return 2;
    }
    guests.hanging = (guint)g_ascii_strtoull (argv[2], NULL, 10);
    guests.latency_us = (guint)(g_ascii_strtod (argv[3], NULL) * 1000);
    g_mutex_init (&guests.lock);
    if (run (url, (guint)g_ascii_strtoull (argv[1], NULL, 10), &guests, &error))
        return 0;
    (void)fprintf (stderr, "skew: %s\n", error->message);
    return 1;
}
