/* SPDX-License-Identifier: Apache-2.0 */
/* Renews the leases of jobs under way, where several controllers share the database. */
#include "jobs/jobs_priv.h"

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"

typedef struct {
    KnJob job; /* id and fence only */
    char *object_uuid;
} Lease;

static void
lease_clear (gpointer data)
{
    g_free (((Lease *)data)->object_uuid);
}

/* The leases that stand, copied: a job may end while its lease is renewed. */
static GArray *
copy_leases (KnJobs *jobs)
{
    GArray *leases = g_array_new (FALSE, FALSE, sizeof (Lease));
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&jobs->lock);
    GHashTableIter iter;
    gpointer value;

    g_array_set_clear_func (leases, lease_clear);
    g_hash_table_iter_init (&iter, jobs->busy);
    while (g_hash_table_iter_next (&iter, NULL, &value)) {
        const KnJob *job = value;
        Lease lease = { .job = { .id = job->id, .fence = job->fence }, .object_uuid = NULL };

        if (!job->leased)
            continue;
        lease.object_uuid = g_strdup (job->object_uuid);
        g_array_append_val (leases, lease);
    }
    return leases;
}

static void
mark_lost (KnJobs *jobs, const Lease *lease)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&jobs->lock);
    KnJob *job = g_hash_table_lookup (jobs->busy, lease->object_uuid);

    if (job && job->id == lease->job.id)
        g_atomic_int_set (&job->lost, 1);
}

static void
renew_leases (KnJobs *jobs)
{
    g_autoptr (GArray) leases = copy_leases (jobs);
    g_autoptr (GError) error = NULL;
    KnDb *db = leases->len ? kn_db_thread (jobs->pool, &error) : NULL;

    for (guint i = 0; db && i < leases->len; i++) {
        const Lease *lease = &g_array_index (leases, Lease, i);

        g_clear_error (&error);
        if (!kn_store_job_renew (db, &lease->job, kn_time_now () + jobs->lease_us, &error)
            && g_error_matches (error, KN_ERROR, KN_ERROR_CONFLICT))
            mark_lost (jobs, lease);
    }
    if (error && !g_error_matches (error, KN_ERROR, KN_ERROR_CONFLICT))
        kn_log (KN_LOG_WARNING, "cannot renew leases", "error", error->message, NULL);
}

/* Renews three times a lease's life, until the last worker has ended. */
gpointer
kn_jobs_run_keeper (gpointer data)
{
    KnJobs *jobs = data;

    g_mutex_lock (&jobs->lock);
    while (jobs->n_alive > 0) {
        gint64 deadline = g_get_monotonic_time () + jobs->lease_us / 3;

        while (jobs->n_alive > 0 && g_cond_wait_until (&jobs->ended, &jobs->lock, deadline))
            continue;
        g_mutex_unlock (&jobs->lock);
        renew_leases (jobs);
        g_mutex_lock (&jobs->lock);
    }
    g_mutex_unlock (&jobs->lock);
    return NULL;
}
