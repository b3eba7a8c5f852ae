/* SPDX-License-Identifier: Apache-2.0 */
/* The queue's figures for Prometheus. */
#include "jobs/jobs_priv.h"

typedef struct {
    const char *name, *help;
    gsize offset; /* of a guint64 in KnJobsKind */
} Counter;

static const Counter counters[] = {
    { "kilonova_jobs_done_total", "Jobs that ended well.", offsetof (KnJobsKind, done) },
    { "kilonova_jobs_failed_total", "Jobs that were given up.", offsetof (KnJobsKind, failed) },
    { "kilonova_jobs_retried_total", "Steps that had to try again.",
      offsetof (KnJobsKind, retried) },
};

static void
write_counter (KnJobs *jobs, const Counter *counter, GString *out)
{
    GHashTableIter iter;
    gpointer value;

    g_string_append_printf (out, "# HELP %s %s\n# TYPE %s counter\n", counter->name, counter->help,
                            counter->name);
    g_hash_table_iter_init (&iter, jobs->kinds);
    while (g_hash_table_iter_next (&iter, NULL, &value)) {
        const KnJobsKind *kind = value;

        g_string_append_printf (out, "%s{kind=\"%s\"} %" G_GUINT64_FORMAT "\n", counter->name,
                                kind->kind->kind, G_STRUCT_MEMBER (guint64, kind, counter->offset));
    }
}

void
kn_jobs_write_metrics (KnJobs *jobs, GString *out)
{
    KnDb *db = kn_db_thread (jobs->pool, NULL);
    gint64 active = 0;
    GHashTableIter iter;
    gpointer value;

    if (db && kn_store_jobs_count (db, &active, NULL))
        g_string_append_printf (out,
                                "# HELP kilonova_jobs_unfinished Jobs in the queue or under way.\n"
                                "# TYPE kilonova_jobs_unfinished gauge\n"
                                "kilonova_jobs_unfinished %" G_GINT64_FORMAT "\n",
                                active);

    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&jobs->lock);

    g_string_append_printf (out,
                            "# HELP kilonova_jobs_running Jobs under way here.\n"
                            "# TYPE kilonova_jobs_running gauge\nkilonova_jobs_running %u\n",
                            g_hash_table_size (jobs->busy));
    for (gsize i = 0; i < G_N_ELEMENTS (counters); i++)
        write_counter (jobs, &counters[i], out);
    g_string_append (out, "# HELP kilonova_jobs_busy_seconds_total Time spent in jobs.\n"
                          "# TYPE kilonova_jobs_busy_seconds_total counter\n");
    g_hash_table_iter_init (&iter, jobs->kinds);
    while (g_hash_table_iter_next (&iter, NULL, &value)) {
        const KnJobsKind *kind = value;

        g_string_append_printf (out, "kilonova_jobs_busy_seconds_total{kind=\"%s\"} %.6f\n",
                                kind->kind->kind, (double)kind->busy_us / G_USEC_PER_SEC);
    }
}
