/* SPDX-License-Identifier: Apache-2.0 */
/* Durable operations. A job is a row written in the transaction of the state change that asks for it; workers run it step by
 * step, one job at a time for each object and in order; after a crash the next start goes on with the step that was under way.
 * Steps must therefore be repeatable: "make it so", not "do it". */
#pragma once

#include "db/db.h"
#include "json/read.h"

typedef struct KnJobs KnJobs;
typedef struct KnJob KnJob;

typedef struct {
    const char *name; /* "define"; also the fault point "job.<kind>.<name>" */
    bool (*run) (KnJob *job, gpointer data, GError **error); /* true: go to the next step */
} KnJobStep;

typedef struct {
    const char *kind; /* "server.boot" */
    const KnJobStep *steps;
    gsize n_steps;
    /* Of each step, for transient errors (kn_error_is_transient), with growing pauses; 0: 1. */
    guint max_attempts;
    /* The job cannot be done: bring the object into a state that says why. Must be repeatable. @why is the last error. */
    void (*failed) (KnJob *job, gpointer data, const GError *why);
    /* All steps are done and recorded; may be NULL. */
    void (*done) (KnJob *job, gpointer data);
} KnJobKind;

/* What a step sees. Borrowed. */
const char *kn_job_object (const KnJob *job); /* object_uuid */
const char *kn_job_request_id (const KnJob *job);
const json_t *kn_job_payload (const KnJob *job); /* object; {} if none */
guint kn_job_attempt (const KnJob *job);         /* of this step: 1 on the first */
KnDb *kn_job_db (const KnJob *job);              /* this worker's connection */
/* The server stops, or somebody else owns the job now: end soon with UNAVAILABLE. */
bool kn_job_cancelled (const KnJob *job);

/* Called by a step that then returns true: it runs again after @pause_ms and is not done before that. Unlike an error this is no
 * failure: nothing is logged and no attempt counted; the worker is free meanwhile. */
void kn_job_again (KnJob *job, guint pause_ms);

/* @owner tells this controller from others ("host:pid:random"). */
KnJobs *kn_jobs_new (KnDbPool *pool, const char *owner, guint workers);

/* How long rows of finished jobs are kept; before kn_jobs_start(). 7 days if not called. */
void kn_jobs_set_keep (KnJobs *jobs, guint seconds);

/* Before kn_jobs_start(): registers @kind, which must stay valid; @data is given to its functions. */
void kn_jobs_register (KnJobs *jobs, const KnJobKind *kind, gpointer data);

/* Takes over what an earlier process left, then runs. */
bool kn_jobs_start (KnJobs *jobs, GError **error);

/* Lets running steps end within @grace_ms; what is not done goes on at the next start. */
void kn_jobs_stop (KnJobs *jobs, guint grace_ms);
/* Waits for steps that outlast the grace. */
void kn_jobs_free (KnJobs *jobs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnJobs, kn_jobs_free)

/* Writes a job row; call it inside the kn_db_txn() of the state change. @payload (borrowed, may be NULL) is stored with @version. */
bool kn_jobs_enqueue (KnDb *db, const char *kind, const char *object_uuid, const json_t *payload,
                      guint version, const char *request_id, gint64 *out_id, GError **error);

/* Tells the workers that there is something new; call it after the commit. */
void kn_jobs_wake (KnJobs *jobs);

/* Whether unfinished jobs stand for @object_uuid. */
bool kn_jobs_pending (KnDb *db, const char *object_uuid, bool *out_pending, GError **error);

void kn_jobs_write_metrics (KnJobs *jobs, GString *out);
