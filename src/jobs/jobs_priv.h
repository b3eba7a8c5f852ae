/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/jobs: the queue's state, a job under way, and its rows. */
#pragma once

#include "jobs/jobs.h"

/* Another controller may take a job over when its owner has not renewed the lease for this long. */
#define KN_JOBS_LEASE_US (20 * G_TIME_SPAN_SECOND)

typedef struct {
    const KnJobKind *kind;
    gpointer data;
    /* Counters, under KnJobs.lock. */
    guint64 done, failed, retried;
    gint64 busy_us;
} KnJobsKind;

struct KnJobs {
    KnDbPool *pool;
    char *owner;
    guint n_workers;
    /* The database has one process: claims live in memory and need no commit. */
    bool exclusive;
    guint retry_pause_ms; /* before the first retry; doubles */
    gint64 lease_us, poll_us, keep_us;
    GHashTable *kinds; /* name (borrowed) -> KnJobsKind *; fixed once started */

    GMutex lock; /* for all below */
    GCond work;  /* something may be there to do, or the end */
    GCond ended; /* a worker has ended */
    GCond stop;  /* .stopping was set; for workers that hold still */
    guint64 wakes;
    bool polling; /* one idle worker looks at the clock, the others sleep */
    bool stopping;
    guint n_alive;      /* workers that have not ended */
    gint64 prune_at_us; /* monotonic */
    GHashTable *busy;   /* object_uuid -> KnJob * under way here */
    GPtrArray *threads; /* workers, and with several controllers the keeper of leases */
};

struct KnJob {
    KnJobs *jobs;
    KnJobsKind *kind; /* NULL: a kind that this program does not know */
    KnDb *db;
    gint64 id, fence;
    char *kind_name, *object_uuid, *request_id, *payload_text;
    json_t *payload;
    guint version, step, attempts; /* attempts: failed ones of this step */
    gint64 started_us;
    gint64 again_us; /* the step asked to run again at this time; 0: it did not */
    bool leased;     /* under KnJobs.lock: the keeper renews it */
    gint lost;       /* atomic: the lease went to somebody else */
};

void kn_job_free (KnJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnJob, kn_job_free)

/* The next job that may run and whose object is not busy here; NULL without error: none. The object is busy from then on.
 * Takes KnJobs.lock. */
KnJob *kn_jobs_claim (KnJobs *jobs, KnDb *db, GError **error);

/* Lets other jobs of the object run. Takes KnJobs.lock. */
void kn_jobs_release (KnJobs *jobs, KnJob *job);

/* Runs a claimed job until it ends, has to wait or the server stops. */
void kn_job_run (KnJob *job);

/* Wakes all workers, so that the one that looks at the clock sees a new time. */
void kn_jobs_wake_all (KnJobs *jobs);

/* Thread function: renews leases until the last worker has ended. @data: KnJobs. */
gpointer kn_jobs_run_keeper (gpointer data);

/* Rows. The writing ones return CONFLICT where the job has another owner by now. */
bool kn_store_jobs_take_over (KnDb *db, const char *owner, GError **error);
/* Jobs that may run now, at most @limit, oldest first; KnJob *, owned by the array. */
GPtrArray *kn_store_jobs_list_ready (KnDb *db, guint limit, GError **error);
/* When the next waiting job may run; 0: none waits. */
bool kn_store_jobs_next_time (KnDb *db, gint64 *out_time_us, GError **error);
/* Whether the row is as @job was read; enough where no other process claims. Errors: CONFLICT. */
bool kn_store_job_still (KnDb *db, const KnJob *job, GError **error);
bool kn_store_job_claim (KnDb *db, KnJob *job, const char *owner, gint64 lease_until_us,
                         GError **error);
bool kn_store_job_renew (KnDb *db, const KnJob *job, gint64 lease_until_us, GError **error);
bool kn_store_job_step (KnDb *db, const KnJob *job, guint step, const char *owner,
                        gint64 lease_until_us, GError **error);
/* Gives the job back to run after @run_after_us with @attempts failed ones. */
bool kn_store_job_postpone (KnDb *db, const KnJob *job, guint attempts, gint64 run_after_us,
                            const char *why, GError **error);
bool kn_store_job_finish (KnDb *db, const KnJob *job, const char *why, GError **error);
bool kn_store_jobs_prune (KnDb *db, gint64 before_us, gint64 *out_removed, GError **error);
bool kn_store_jobs_count (KnDb *db, gint64 *out_active, GError **error);
