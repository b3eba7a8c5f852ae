/* SPDX-License-Identifier: Apache-2.0 */
/* One job, step by step. What a step did is recorded before the next begins. */
#include "jobs/jobs_priv.h"

#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/time.h"

#include <string.h>

#define PAUSE_MAX_US (60 * G_TIME_SPAN_SECOND)
#define UNKNOWN_KIND_PAUSE_US (60 * G_TIME_SPAN_SECOND)
/* Recording is tried this often when the database is away; after that the step runs again later. */
#define RECORD_TRIES 3
/* A job whose state cannot be written is not begun again at once. */
#define UNRECORDED_PAUSE_US (2 * G_TIME_SPAN_SECOND)

void
kn_job_free (KnJob *job)
{
    if (!job)
        return;
    g_free (job->kind_name);
    g_free (job->object_uuid);
    g_free (job->request_id);
    g_free (job->payload_text);
    json_decref (job->payload);
    g_free (job);
}

const char *
kn_job_object (const KnJob *job)
{
    return job->object_uuid;
}

const char *
kn_job_request_id (const KnJob *job)
{
    return job->request_id;
}

const json_t *
kn_job_payload (const KnJob *job)
{
    return job->payload;
}

guint
kn_job_attempt (const KnJob *job)
{
    return job->attempts + 1;
}

KnDb *
kn_job_db (const KnJob *job)
{
    return job->db;
}

void
kn_job_again (KnJob *job, guint pause_ms)
{
    job->again_us = kn_time_now () + (gint64)pause_ms * 1000;
}

static bool
is_stopping (KnJobs *jobs)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&jobs->lock);

    return jobs->stopping;
}

bool
kn_job_cancelled (const KnJob *job)
{
    return g_atomic_int_get (&job->lost) || is_stopping (job->jobs);
}

static void
log_job (KnLogLevel level, const KnJob *job, const char *message, const GError *why)
{
    g_autofree char *id = g_strdup_printf ("%" G_GINT64_FORMAT, job->id);

    kn_log (level, message, "job", id, "kind", job->kind_name, "object", job->object_uuid,
            "request", job->request_id, "error", why ? why->message : NULL, NULL);
}

static bool
pass_fault (const KnJob *job, const char *suffix, GError **error)
{
    g_autofree char *point = g_strdup_printf ("job.%s.%s%s", job->kind_name,
                                              job->kind->kind->steps[job->step].name, suffix);

    return kn_fault (point, error);
}

static bool
run_step (KnJob *job, GError **error)
{
    const KnJobStep *step = &job->kind->kind->steps[job->step];

    return pass_fault (job, "", error) && step->run (job, job->kind->data, error)
           && pass_fault (job, ".after", error);
}

static gint64
lease_end (const KnJob *job)
{
    return job->jobs->exclusive ? 0 : kn_time_now () + job->jobs->lease_us;
}

/* Records the step, or the end after the last one. */
static bool
record_progress (KnJob *job, GError **error)
{
    guint next = job->step + 1;

    for (guint tries = 1;; tries++) {
        g_autoptr (GError) problem = NULL;
        bool good = next == job->kind->kind->n_steps
                        ? kn_store_job_finish (job->db, job, NULL, &problem)
                        : kn_store_job_step (job->db, job, next, job->jobs->owner, lease_end (job),
                                             &problem);

        if (good)
            return true;
        if (!kn_error_is_transient (problem) || tries == RECORD_TRIES) {
            g_propagate_error (error, g_steal_pointer (&problem));
            return false;
        }
    }
}

static void
count (KnJob *job, guint64 *counter)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&job->jobs->lock);

    (*counter)++;
    job->kind->busy_us += g_get_monotonic_time () - job->started_us;
}

static gint64
pause_us (const KnJob *job)
{
    gint64 pause = (gint64)job->jobs->retry_pause_ms * 1000 << MIN (job->attempts, 16);

    pause = MIN (pause, PAUSE_MAX_US);
    return pause - pause / 4 + g_random_int_range (0, (gint32)(pause / 4) + 1);
}

/* Holds this worker, and with it the object, for a while: the database takes nothing. */
static void
wait_unrecorded (KnJobs *jobs)
{
    gint64 deadline = g_get_monotonic_time () + UNRECORDED_PAUSE_US;
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&jobs->lock);

    while (!jobs->stopping && g_cond_wait_until (&jobs->stop, &jobs->lock, deadline))
        continue; /* a spurious wake-up, or the end */
}

/* Gives the job back; if even that cannot be recorded, lease or restart bring it back. */
static void
postpone (KnJob *job, guint attempts, gint64 run_after_us, const GError *why)
{
    g_autoptr (GError) problem = NULL;

    if (!kn_store_job_postpone (job->db, job, attempts, run_after_us, why ? why->message : NULL,
                                &problem)) {
        log_job (KN_LOG_WARNING, job, "cannot give a job back", problem);
        wait_unrecorded (job->jobs);
    }
    kn_jobs_wake_all (job->jobs);
}

static void
give_up (KnJob *job, const GError *why)
{
    g_autoptr (GError) problem = NULL;

    g_assert (why);
    log_job (KN_LOG_ERROR, job, "job failed", why);
    if (job->kind->kind->failed)
        job->kind->kind->failed (job, job->kind->data, why);
    if (!kn_store_job_finish (job->db, job, why->message, &problem)) {
        log_job (KN_LOG_WARNING, job, "cannot record that a job failed", problem);
        wait_unrecorded (job->jobs);
        return;
    }
    count (job, &job->kind->failed);
}

/* Ends early: neither the end of this process nor a second owner is the job's fault. */
static void
give_back (KnJob *job)
{
    if (g_atomic_int_get (&job->lost))
        log_job (KN_LOG_WARNING, job, "job was taken over by another controller", NULL);
    else
        postpone (job, job->attempts, 0, NULL);
}

static void
step_failed (KnJob *job, const GError *why)
{
    const KnJobKind *kind = job->kind->kind;

    if (g_atomic_int_get (&job->lost) || (is_stopping (job->jobs) && kn_error_is_transient (why))) {
        give_back (job);
        return;
    }
    if (kn_error_is_transient (why) && kn_job_attempt (job) < MAX (kind->max_attempts, 1)) {
        log_job (KN_LOG_WARNING, job, "job has to try again", why);
        count (job, &job->kind->retried);
        postpone (job, job->attempts + 1, kn_time_now () + pause_us (job), why);
        return;
    }
    give_up (job, why);
}

/* What was done is not recorded: the step will run again, here or elsewhere. */
static void
record_failed (KnJob *job, const GError *why)
{
    if (g_error_matches (why, KN_ERROR, KN_ERROR_CONFLICT)) {
        g_atomic_int_set (&job->lost, 1);
        log_job (KN_LOG_WARNING, job, "job was taken over by another controller", why);
        return;
    }
    log_job (KN_LOG_ERROR, job, "cannot record a job's step", why);
    postpone (job, job->attempts, kn_time_now () + pause_us (job), why);
}

static void
finish (KnJob *job)
{
    count (job, &job->kind->done);
    log_job (KN_LOG_DEBUG, job, "job done", NULL);
    if (job->kind->kind->done)
        job->kind->kind->done (job, job->kind->data);
}

static bool
parse_payload (KnJob *job, GError **error)
{
    job->payload = job->payload_text
                       ? kn_json_parse (job->payload_text, strlen (job->payload_text), error)
                       : json_object ();
    return job->payload != NULL;
}

static void
run_steps (KnJob *job)
{
    while (job->step < job->kind->kind->n_steps) {
        g_autoptr (GError) error = NULL;

        if (kn_job_cancelled (job)) {
            give_back (job);
            return;
        }
        if (!run_step (job, &error)) {
            step_failed (job, error);
            return;
        }
        if (job->again_us > 0) {
            postpone (job, job->attempts, job->again_us, NULL);
            return;
        }
        if (!record_progress (job, &error)) {
            record_failed (job, error);
            return;
        }
        job->step++;
        job->attempts = 0;
    }
    finish (job);
}

void
kn_job_run (KnJob *job)
{
    g_autoptr (GError) error = NULL;

    job->started_us = g_get_monotonic_time ();
    if (!job->kind) {
        /* Perhaps a newer controller's; it must not be lost. */
        log_job (KN_LOG_WARNING, job, "job of a kind that is not known here", NULL);
        postpone (job, job->attempts, kn_time_now () + UNKNOWN_KIND_PAUSE_US, NULL);
    } else if (!parse_payload (job, &error)) {
        job->payload = json_object ();
        give_up (job, error);
    } else if (job->step >= job->kind->kind->n_steps) {
        /* Written by a program whose kind had more steps. */
        job->step = job->kind->kind->n_steps - 1;
        if (record_progress (job, &error))
            finish (job);
        else
            record_failed (job, error);
    } else {
        run_steps (job);
    }
}
