/* SPDX-License-Identifier: Apache-2.0 */
/* The queue: workers, claims, leases, start and stop. */
#include "jobs/jobs_priv.h"

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"

#define DEFAULT_KEEP_US (7 * G_TIME_SPAN_DAY)
#define DEFAULT_PAUSE_MS 500
/* How often work of other controllers is looked for; alone, only against lost wake-ups. */
#define POLL_SHARED_US (1 * G_TIME_SPAN_SECOND)
#define POLL_ALONE_US (30 * G_TIME_SPAN_SECOND)
#define PRUNE_US (600 * G_TIME_SPAN_SECOND)
#define FIRST_PRUNE_US (60 * G_TIME_SPAN_SECOND)

KnJobs *
kn_jobs_new (KnDbPool *pool, const char *owner, guint workers)
{
    KnJobs *jobs = g_new (KnJobs, 1);

    *jobs = (KnJobs){
        .pool = pool,
        .owner = g_strdup (owner),
        .n_workers = MAX (workers, 1),
        .exclusive = kn_db_pool_is_sqlite (pool),
        .retry_pause_ms = DEFAULT_PAUSE_MS,
        .lease_us = KN_JOBS_LEASE_US,
        .poll_us = kn_db_pool_is_sqlite (pool) ? POLL_ALONE_US : POLL_SHARED_US,
        .keep_us = DEFAULT_KEEP_US,
        .kinds = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free),
        .busy = g_hash_table_new (g_str_hash, g_str_equal),
        .threads = g_ptr_array_new (),
    };
    g_mutex_init (&jobs->lock);
    g_cond_init (&jobs->work);
    g_cond_init (&jobs->ended);
    g_cond_init (&jobs->stop);
    return jobs;
}

void
kn_jobs_set_keep (KnJobs *jobs, guint seconds)
{
    jobs->keep_us = seconds * G_TIME_SPAN_SECOND;
}

void
kn_jobs_register (KnJobs *jobs, const KnJobKind *kind, gpointer data)
{
    KnJobsKind *row = g_new0 (KnJobsKind, 1);

    g_assert (kind->n_steps > 0 && jobs->threads->len == 0);
    g_assert (!g_hash_table_contains (jobs->kinds, kind->kind));
    row->kind = kind;
    row->data = data;
    g_hash_table_insert (jobs->kinds, (gpointer)kind->kind, row);
}

void
kn_jobs_wake (KnJobs *jobs)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&jobs->lock);

    jobs->wakes++;
    g_cond_signal (&jobs->work);
}

void
kn_jobs_wake_all (KnJobs *jobs)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&jobs->lock);

    jobs->wakes++;
    g_cond_broadcast (&jobs->work);
}

static bool
reserve (KnJobs *jobs, KnJob *job)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&jobs->lock);

    return !g_hash_table_contains (jobs->busy, job->object_uuid)
           && g_hash_table_insert (jobs->busy, job->object_uuid, job);
}

void
kn_jobs_release (KnJobs *jobs, KnJob *job)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&jobs->lock);

    (void)g_hash_table_remove (jobs->busy, job->object_uuid);
}

/* Makes @job ours. Between the list and now it may have run elsewhere: the row is asked again. */
static bool
make_ours (KnJobs *jobs, KnDb *db, KnJob *job, GError **error)
{
    job->jobs = jobs;
    job->db = db;
    job->kind = g_hash_table_lookup (jobs->kinds, job->kind_name);
    if (jobs->exclusive)
        return kn_store_job_still (db, job, error);
    return kn_store_job_claim (db, job, jobs->owner, kn_time_now () + jobs->lease_us, error);
}

KnJob *
kn_jobs_claim (KnJobs *jobs, KnDb *db, GError **error)
{
    /* At most n_workers of those that are ready can be under way here. */
    g_autoptr (GPtrArray) ready = kn_store_jobs_list_ready (db, jobs->n_workers + 1, error);

    for (guint i = 0; ready && i < ready->len; i++) {
        KnJob *job = g_ptr_array_index (ready, i);
        g_autoptr (GError) problem = NULL;

        if (!reserve (jobs, job))
            continue;
        if (make_ours (jobs, db, job, &problem))
            return g_ptr_array_steal_index (ready, i);
        kn_jobs_release (jobs, job);
        if (!g_error_matches (problem, KN_ERROR, KN_ERROR_CONFLICT)) {
            g_propagate_error (error, g_steal_pointer (&problem));
            return NULL;
        }
    }
    return NULL;
}

static void
set_leased (KnJobs *jobs, KnJob *job)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&jobs->lock);

    job->leased = true;
    /* There may be more to do than this one, and somebody else has to look at the clock. */
    jobs->wakes++;
    g_cond_signal (&jobs->work);
}

/* Runs one job if there is one. Errors: the database's. */
static bool
work_once (KnJobs *jobs, KnDb *db, GError **error)
{
    g_autoptr (KnJob) job = kn_jobs_claim (jobs, db, error);

    if (!job)
        return false;
    set_leased (jobs, job);
    kn_job_run (job);
    kn_jobs_release (jobs, job);
    return true;
}

/* Called by the worker that looks at the clock. */
static void
prune_if_due (KnJobs *jobs, KnDb *db)
{
    g_autoptr (GError) error = NULL;
    gint64 now_us = g_get_monotonic_time (), removed = 0;

    if (now_us < jobs->prune_at_us)
        return;
    jobs->prune_at_us = now_us + PRUNE_US;
    if (!kn_store_jobs_prune (db, kn_time_now () - jobs->keep_us, &removed, &error))
        kn_log (KN_LOG_WARNING, "cannot remove old jobs", "error", error->message, NULL);
}

static gint64
poll_deadline (KnJobs *jobs, KnDb *db)
{
    gint64 poll_us = jobs->poll_us;
    gint64 next_us = 0;

    if (db)
        prune_if_due (jobs, db);
    if (db && kn_store_jobs_next_time (db, &next_us, NULL) && next_us > 0)
        poll_us = CLAMP (next_us - kn_time_now (), 0, poll_us);
    return g_get_monotonic_time () + poll_us;
}

/* Sleeps until something was woken since @seen. One worker at a time looks at the clock. */
static void
wait_for_work (KnJobs *jobs, KnDb *db, guint64 seen)
{
    bool poller;
    gint64 deadline;

    g_mutex_lock (&jobs->lock);
    poller = !jobs->polling;
    jobs->polling = true;
    g_mutex_unlock (&jobs->lock);

    /* The database is asked without the lock; a wake-up meanwhile has moved the count. */
    deadline = poller ? poll_deadline (jobs, db) : 0;

    g_mutex_lock (&jobs->lock);
    while (jobs->wakes == seen && !jobs->stopping) {
        if (!poller)
            g_cond_wait (&jobs->work, &jobs->lock);
        else if (!g_cond_wait_until (&jobs->work, &jobs->lock, deadline))
            break;
    }
    if (poller)
        jobs->polling = false;
    g_mutex_unlock (&jobs->lock);
}

static guint64
wakes_so_far (KnJobs *jobs, bool *out_stopping)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&jobs->lock);

    *out_stopping = jobs->stopping;
    return jobs->wakes;
}

static gpointer
run_worker (gpointer data)
{
    KnJobs *jobs = data;
    bool stopping = false;

    for (;;) {
        guint64 seen = wakes_so_far (jobs, &stopping);
        g_autoptr (GError) error = NULL;
        KnDb *db;

        if (stopping)
            break;
        db = kn_db_thread (jobs->pool, &error);
        /* A step whose record a power cut has eaten runs again; waiting for the disk would cost more than the step. */
        if (db && kn_db_relax (db, &error) && work_once (jobs, db, &error))
            continue;
        if (error)
            kn_log (KN_LOG_WARNING, "cannot look for jobs", "error", error->message, NULL);
        wait_for_work (jobs, db, seen);
    }

    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&jobs->lock);

    jobs->n_alive--;
    g_cond_broadcast (&jobs->ended);
    return NULL;
}

bool
kn_jobs_start (KnJobs *jobs, GError **error)
{
    KnDb *db = kn_db_thread (jobs->pool, error);

    /* Alone on the data nobody else can be working on what is not finished. */
    if (!db || (jobs->exclusive && !kn_store_jobs_take_over (db, jobs->owner, error)))
        return false;
    jobs->prune_at_us = g_get_monotonic_time () + FIRST_PRUNE_US;
    jobs->n_alive = jobs->n_workers;
    for (guint i = 0; i < jobs->n_workers; i++)
        g_ptr_array_add (jobs->threads, g_thread_new ("job", run_worker, jobs));
    if (!jobs->exclusive)
        g_ptr_array_add (jobs->threads, g_thread_new ("lease", kn_jobs_run_keeper, jobs));
    return true;
}

void
kn_jobs_stop (KnJobs *jobs, guint grace_ms)
{
    gint64 deadline = g_get_monotonic_time () + grace_ms * G_TIME_SPAN_MILLISECOND;
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&jobs->lock);

    jobs->stopping = true;
    g_cond_broadcast (&jobs->work);
    g_cond_broadcast (&jobs->stop);
    while (jobs->n_alive > 0)
        if (!g_cond_wait_until (&jobs->ended, &jobs->lock, deadline))
            break;
}

void
kn_jobs_free (KnJobs *jobs)
{
    if (!jobs)
        return;
    kn_jobs_stop (jobs, 0);
    for (guint i = 0; i < jobs->threads->len; i++)
        (void)g_thread_join (g_ptr_array_index (jobs->threads, i));
    g_ptr_array_unref (jobs->threads);
    g_hash_table_unref (jobs->busy);
    g_hash_table_unref (jobs->kinds);
    g_mutex_clear (&jobs->lock);
    g_cond_clear (&jobs->work);
    g_cond_clear (&jobs->ended);
    g_cond_clear (&jobs->stop);
    g_free (jobs->owner);
    g_free (jobs);
}
