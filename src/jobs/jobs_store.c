/* SPDX-License-Identifier: Apache-2.0 */
/* The table `jobs`. A row is 'active' until it is 'done' or 'failed'; who may run it is a matter of lease and fence. */
#include "jobs/jobs_priv.h"

#include "base/error.h"
#include "base/time.h"

#define PRUNE_BATCH "500"

KN_STMT (JOB_ENQUEUE,
         "INSERT INTO jobs (kind, object_uuid, state, step, payload, payload_version,"
         " lease_until, fence, attempts, run_after, request_id, created_at, updated_at)"
         " VALUES (?, ?, 'active', 0, ?, ?, 0, 0, 0, 0, ?, ?, ?)");
KN_STMT (JOB_PENDING, "SELECT 1 FROM jobs WHERE object_uuid=? AND state='active' LIMIT 1");
KN_STMT (JOBS_TAKE_OVER, "UPDATE jobs SET owner=?, fence=fence+1, lease_until=0"
                         " WHERE state='active'");
/* The oldest of each object only: that is the order that callers were promised. */
KN_STMT (JOBS_READY,
         "SELECT j.id, j.kind, j.object_uuid, j.step, j.payload, j.payload_version, j.fence,"
         " j.attempts, j.request_id FROM jobs j WHERE j.state='active' AND j.lease_until<=?"
         " AND j.run_after<=? AND NOT EXISTS (SELECT 1 FROM jobs e WHERE"
         " e.object_uuid=j.object_uuid AND e.state='active' AND e.id<j.id)"
         " ORDER BY j.id LIMIT ?");
KN_STMT (JOBS_NEXT_TIME, "SELECT MIN(run_after) FROM jobs WHERE state='active' AND run_after>?");
KN_STMT (JOB_STILL, "SELECT COUNT(*) FROM jobs WHERE id=? AND fence=? AND state='active' AND step=?"
                    " AND attempts=? AND run_after<=?");
KN_STMT (JOB_CLAIM, "UPDATE jobs SET owner=?, fence=fence+1, lease_until=?"
                    " WHERE id=? AND fence=? AND state='active' AND lease_until<=?");
KN_STMT (JOB_RENEW, "UPDATE jobs SET lease_until=? WHERE id=? AND fence=? AND state='active'");
KN_STMT (JOB_STEP, "UPDATE jobs SET step=?, attempts=0, owner=?, lease_until=?, updated_at=?"
                   " WHERE id=? AND fence=? AND state='active'");
KN_STMT (JOB_POSTPONE, "UPDATE jobs SET attempts=?, run_after=?, result=?, lease_until=0,"
                       " updated_at=? WHERE id=? AND fence=? AND state='active'");
KN_STMT (JOB_FINISH, "UPDATE jobs SET state=?, result=?, lease_until=0, updated_at=?,"
                     " finished_at=? WHERE id=? AND fence=? AND state='active'");
KN_STMT (JOBS_OLD, "SELECT MAX(id) FROM (SELECT id FROM jobs WHERE state<>'active'"
                   " AND finished_at<? ORDER BY id LIMIT " PRUNE_BATCH ") AS old");
KN_STMT (JOBS_PRUNE, "DELETE FROM jobs WHERE id<=? AND state<>'active' AND finished_at<?");
KN_STMT (JOBS_COUNT, "SELECT COUNT(*) FROM jobs WHERE state='active'");

bool
kn_jobs_enqueue (KnDb *db, const char *kind, const char *object_uuid, const json_t *payload,
                 guint version, const char *request_id, gint64 *out_id, GError **error)
{
    g_autofree char *now = kn_db_now ();
    char *text = payload ? json_dumps (payload, JSON_COMPACT) : NULL;
    gint64 id = 0;
    bool good = kn_db_insert (db, &JOB_ENQUEUE,
                              KN_BIND (kn_text (kind), kn_text (object_uuid), kn_text (text),
                                       kn_int (version), kn_text (request_id), kn_text (now),
                                       kn_text (now)),
                              &id, error);

    free (text);
    if (good && out_id)
        *out_id = id;
    return good;
}

/* Reads the first column of the only row; NULL counts as 0. */
static bool
load_number (KnDb *db, const KnStmt *stmt, const KnValue *values, gsize n_values,
             gint64 *out_number, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, stmt, values, n_values, error);
    g_autoptr (GError) problem = NULL;

    if (!rows)
        return false;
    *out_number = kn_rows_next (rows, &problem) ? kn_rows_int (rows, 0) : 0;
    if (problem)
        g_propagate_error (error, g_steal_pointer (&problem));
    return !problem;
}

bool
kn_jobs_pending (KnDb *db, const char *object_uuid, bool *out_pending, GError **error)
{
    gint64 one = 0;

    if (!load_number (db, &JOB_PENDING, KN_BIND (kn_text (object_uuid)), &one, error))
        return false;
    *out_pending = one == 1;
    return true;
}

bool
kn_store_jobs_take_over (KnDb *db, const char *owner, GError **error)
{
    return kn_db_exec (db, &JOBS_TAKE_OVER, KN_BIND (kn_text (owner)), NULL, error);
}

static KnJob *
read_job (KnRows *rows)
{
    KnJob *job = g_new (KnJob, 1);

    *job = (KnJob){
        .id = kn_rows_int (rows, 0),
        .kind_name = kn_rows_dup (rows, 1),
        .object_uuid = kn_rows_dup (rows, 2),
        .step = (guint)kn_rows_int (rows, 3),
        .payload_text = kn_rows_dup (rows, 4),
        .version = (guint)kn_rows_int (rows, 5),
        .fence = kn_rows_int (rows, 6),
        .attempts = (guint)kn_rows_int (rows, 7),
        .request_id = kn_rows_dup (rows, 8),
    };
    return job;
}

GPtrArray *
kn_store_jobs_list_ready (KnDb *db, guint limit, GError **error)
{
    gint64 now_us = kn_time_now ();
    g_autoptr (KnRows) rows = kn_db_query (
        db, &JOBS_READY, KN_BIND (kn_int (now_us), kn_int (now_us), kn_int (limit)), error);
    g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func ((GDestroyNotify)kn_job_free);
    g_autoptr (GError) problem = NULL;

    if (!rows)
        return NULL;
    while (kn_rows_next (rows, &problem))
        g_ptr_array_add (found, read_job (rows));
    if (problem) {
        g_propagate_error (error, g_steal_pointer (&problem));
        return NULL;
    }
    return g_steal_pointer (&found);
}

bool
kn_store_jobs_next_time (KnDb *db, gint64 *out_time_us, GError **error)
{
    return load_number (db, &JOBS_NEXT_TIME, KN_BIND (kn_int (kn_time_now ())), out_time_us, error);
}

/* Turns "no row had this id and fence" into CONFLICT. */
static bool
exec_owned (KnDb *db, const KnStmt *stmt, const KnValue *values, gsize n_values, GError **error)
{
    gint64 changed = 0;

    if (!kn_db_exec (db, stmt, values, n_values, &changed, error))
        return false;
    if (changed == 0)
        kn_error_set (error, KN_ERROR_CONFLICT, "the job has another owner");
    return changed != 0;
}

bool
kn_store_job_still (KnDb *db, const KnJob *job, GError **error)
{
    gint64 n = 0;

    if (!load_number (db, &JOB_STILL,
                      KN_BIND (kn_int (job->id), kn_int (job->fence), kn_int (job->step),
                               kn_int (job->attempts), kn_int (kn_time_now ())),
                      &n, error))
        return false;
    if (n == 0)
        kn_error_set (error, KN_ERROR_CONFLICT, "the job has run meanwhile");
    return n != 0;
}

bool
kn_store_job_claim (KnDb *db, KnJob *job, const char *owner, gint64 lease_until_us, GError **error)
{
    if (!exec_owned (db, &JOB_CLAIM,
                     KN_BIND (kn_text (owner), kn_int (lease_until_us), kn_int (job->id),
                              kn_int (job->fence), kn_int (kn_time_now ())),
                     error))
        return false;
    job->fence++;
    return true;
}

bool
kn_store_job_renew (KnDb *db, const KnJob *job, gint64 lease_until_us, GError **error)
{
    return exec_owned (db, &JOB_RENEW,
                       KN_BIND (kn_int (lease_until_us), kn_int (job->id), kn_int (job->fence)),
                       error);
}

bool
kn_store_job_step (KnDb *db, const KnJob *job, guint step, const char *owner, gint64 lease_until_us,
                   GError **error)
{
    g_autofree char *now = kn_db_now ();

    return exec_owned (db, &JOB_STEP,
                       KN_BIND (kn_int (step), kn_text (owner), kn_int (lease_until_us),
                                kn_text (now), kn_int (job->id), kn_int (job->fence)),
                       error);
}

bool
kn_store_job_postpone (KnDb *db, const KnJob *job, guint attempts, gint64 run_after_us,
                       const char *why, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return exec_owned (db, &JOB_POSTPONE,
                       KN_BIND (kn_int (attempts), kn_int (run_after_us), kn_text (why),
                                kn_text (now), kn_int (job->id), kn_int (job->fence)),
                       error);
}

bool
kn_store_job_finish (KnDb *db, const KnJob *job, const char *why, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return exec_owned (db, &JOB_FINISH,
                       KN_BIND (kn_text (why ? "failed" : "done"), kn_text (why), kn_text (now),
                                kn_text (now), kn_int (job->id), kn_int (job->fence)),
                       error);
}

bool
kn_store_jobs_prune (KnDb *db, gint64 before_us, gint64 *out_removed, GError **error)
{
    g_autofree char *before = kn_time_dup (before_us, KN_TIME_DB);
    gint64 last = 0;

    *out_removed = 0;
    if (!load_number (db, &JOBS_OLD, KN_BIND (kn_text (before)), &last, error))
        return false;
    return last == 0
           || kn_db_exec (db, &JOBS_PRUNE, KN_BIND (kn_int (last), kn_text (before)), out_removed,
                          error);
}

bool
kn_store_jobs_count (KnDb *db, gint64 *out_active, GError **error)
{
    return load_number (db, &JOBS_COUNT, KN_NO_BIND, out_active, error);
}
