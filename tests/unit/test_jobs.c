/* SPDX-License-Identifier: Apache-2.0 */
/* Order, parallelism, retries, crashes and second owners, on both databases. */
#include "base/error.h"
#include "base/time.h"
#include "db/db_priv.h"
#include "jobs/jobs_priv.h"
#include "scratch_mariadb.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_S 40

static KnScratchMariadb *mariadb;
static const char *program;

KN_STMT (LOG, "INSERT INTO log (object_uuid, step, attempt) VALUES (?, ?, ?)");
KN_STMT (LOG_LIST, "SELECT step FROM log WHERE object_uuid=? ORDER BY id");
KN_STMT (STATE, "SELECT state FROM jobs WHERE id=?");
KN_STMT (RESULT, "SELECT result FROM jobs WHERE id=?");
KN_STMT (COUNT, "SELECT COUNT(*) FROM jobs");
KN_STMT (STEAL, "UPDATE jobs SET owner='other', fence=fence+1, lease_until=? WHERE id=?");
KN_STMT (LEAP, "UPDATE jobs SET step=99 WHERE id=?");
KN_STMT (AGE, "UPDATE jobs SET finished_at='2001-01-01 00:00:00' WHERE id=?");

static const char log_table[]
    = "CREATE TABLE log (\n  id @AUTOID@,\n  object_uuid VARCHAR(36) NOT NULL,\n"
      "  step VARCHAR(64) NOT NULL,\n  attempt INTEGER NOT NULL\n) @TABLE@;\n";

static KnDbPool *
open_pool (const char *url)
{
    static KnMigration migrations[3];
    g_autoptr (GError) error = NULL;
    KnDbPool *pool;

    for (guint i = 0; kn_db_migrations[i].name; i++)
        if (g_str_equal (kn_db_migrations[i].name, "0005-jobs"))
            migrations[0] = kn_db_migrations[i];
    migrations[1] = (KnMigration){ 9000, "9000-log", log_table };
    pool = kn_db_pool_open_with (url, migrations, NULL, &error);
    g_assert_no_error (error);
    return pool;
}

/* What the steps of a test share. */
typedef struct {
    GMutex lock;
    GCond changed;
    guint started, finished, failed, cancelled;
    guint wanted; /* RENDEZVOUS: that many steps have to be in at once */
    guint fail;   /* that many tries fail */
    KnErrorCode code;
    bool hold;        /* steps wait until this is false, or they are cancelled */
    bool fail_record; /* the record of the next step two cannot be written */
    gint64 start_us;
} Shared;

static void
note (KnJob *job, const char *what)
{
    g_autoptr (GError) error = NULL;

    g_assert_true (kn_db_exec (
        kn_job_db (job), &LOG,
        KN_BIND (kn_text (kn_job_object (job)), kn_text (what), kn_int (kn_job_attempt (job))),
        NULL, &error));
    g_assert_no_error (error);
}

static void
count (Shared *shared, guint *counter)
{
    g_mutex_lock (&shared->lock);
    (*counter)++;
    g_cond_broadcast (&shared->changed);
    g_mutex_unlock (&shared->lock);
}

static void
wait_for (Shared *shared, const guint *counter, guint value)
{
    gint64 deadline = g_get_monotonic_time () + DEADLINE_S * G_TIME_SPAN_SECOND;

    g_mutex_lock (&shared->lock);
    while (*counter < value)
        g_assert_true (g_cond_wait_until (&shared->changed, &shared->lock, deadline));
    g_mutex_unlock (&shared->lock);
}

static bool
step_one (KnJob *job, gpointer data, GError **error)
{
    Shared *shared = data;
    const char *tag = json_string_value (json_object_get (kn_job_payload (job), "tag"));

    (void)error;
    g_mutex_lock (&shared->lock);
    shared->start_us = g_get_monotonic_time ();
    g_mutex_unlock (&shared->lock);
    note (job, tag ? tag : "one");
    return true;
}

static bool
step_two (KnJob *job, gpointer data, GError **error)
{
    Shared *shared = data;

    note (job, "two");
    count (shared, &shared->started);

    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&shared->lock);

    if (shared->fail_record)
        kn_db_fail_after (kn_job_db (job), 1);
    shared->fail_record = false;
    if (shared->fail == 0)
        return true;
    shared->fail--;
    kn_error_set (error, shared->code, "try %u", kn_job_attempt (job));
    return false;
}

static bool
step_meet (KnJob *job, gpointer data, GError **error)
{
    Shared *shared = data;

    (void)job;
    (void)error;
    count (shared, &shared->started);
    wait_for (shared, &shared->started, shared->wanted);
    return true;
}

/* Goes on until it is let go or cancelled. */
static bool
step_hold (KnJob *job, gpointer data, GError **error)
{
    Shared *shared = data;

    note (job, "hold");
    count (shared, &shared->started);
    g_mutex_lock (&shared->lock);
    while (shared->hold) {
        g_mutex_unlock (&shared->lock);
        if (kn_job_cancelled (job)) {
            count (shared, &shared->cancelled);
            kn_error_set (error, KN_ERROR_UNAVAILABLE, "cancelled");
            return false;
        }
        g_mutex_lock (&shared->lock);
        (void)g_cond_wait_until (&shared->changed, &shared->lock, g_get_monotonic_time () + 5000);
    }
    g_mutex_unlock (&shared->lock);
    return true;
}

/* Asks to be run again as often as .fail says. */
static bool
step_again (KnJob *job, gpointer data, GError **error)
{
    Shared *shared = data;
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&shared->lock);

    (void)error;
    note (job, "again");
    if (shared->fail > 0) {
        shared->fail--;
        kn_job_again (job, 1);
    }
    return true;
}

static void
on_done (KnJob *job, gpointer data)
{
    (void)job;
    count (data, &((Shared *)data)->finished);
}

static void
on_failed (KnJob *job, gpointer data, const GError *why)
{
    note (job, why->message);
    count (data, &((Shared *)data)->failed);
}

static const KnJobStep plain_steps[] = { { "one", step_one }, { "two", step_two } };
static const KnJobStep meet_steps[] = { { "meet", step_meet } };
static const KnJobStep again_steps[] = { { "again", step_again }, { "one", step_one } };
static const KnJobStep hold_steps[] = { { "hold", step_hold }, { "one", step_one } };
static const KnJobKind kinds[] = {
    { "plain", plain_steps, 2, 3, on_failed, on_done },
    { "meet", meet_steps, 1, 1, on_failed, on_done },
    { "hold", hold_steps, 2, 1, on_failed, on_done },
    { "again", again_steps, 2, 1, on_failed, on_done },
};

typedef struct {
    Shared shared;
    KnDbPool *pool;
    KnDb *db;
    KnJobs *jobs;
} Fixture;

static void
set_up (Fixture *f, const char *url)
{
    *f = (Fixture){ .pool = open_pool (url) };
    f->db = kn_db_thread (f->pool, NULL);
    g_mutex_init (&f->shared.lock);
    g_cond_init (&f->shared.changed);
    f->jobs = kn_jobs_new (f->pool, "host:1:abc", 4);
    f->jobs->retry_pause_ms = 5;
    f->jobs->poll_us = 20 * G_TIME_SPAN_MILLISECOND;
    for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
        kn_jobs_register (f->jobs, &kinds[i], &f->shared);
}

static void
tear_down (Fixture *f)
{
    kn_jobs_stop (f->jobs, 5000);
    kn_jobs_free (f->jobs);
    kn_db_pool_close (f->pool);
    g_mutex_clear (&f->shared.lock);
    g_cond_clear (&f->shared.changed);
}

static void
start (Fixture *f)
{
    g_autoptr (GError) error = NULL;

    g_assert_true (kn_jobs_start (f->jobs, &error));
    g_assert_no_error (error);
}

static gint64
enqueue (Fixture *f, const char *kind, const char *object, const char *tag)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (json_t) payload = tag ? json_pack ("{s:s}", "tag", tag) : NULL;
    gint64 id = 0;

    g_assert_true (kn_jobs_enqueue (f->db, kind, object, payload, 1, "req-1", &id, &error));
    g_assert_no_error (error);
    kn_jobs_wake (f->jobs);
    return id;
}

static char *
text_of (KnDb *db, const KnStmt *stmt, gint64 id)
{
    g_autoptr (KnRows) rows = kn_db_query (db, stmt, KN_BIND (kn_int (id)), NULL);

    g_assert_true (kn_rows_next (rows, NULL));
    return kn_rows_dup (rows, 0);
}

static void
assert_text (KnDb *db, const KnStmt *stmt, gint64 id, const char *expected)
{
    g_autofree char *text = text_of (db, stmt, id);

    g_assert_cmpstr (text, ==, expected);
}

/* Callbacks come before the last commit is seen by others only where a job failed: wait for the row. */
static void
wait_for_state (Fixture *f, gint64 id, const char *state)
{
    gint64 deadline = g_get_monotonic_time () + DEADLINE_S * G_TIME_SPAN_SECOND;

    for (;;) {
        g_autofree char *now = text_of (f->db, &STATE, id);

        if (g_str_equal (now, state))
            return;
        g_assert_cmpint (g_get_monotonic_time (), <, deadline);
        (void)g_poll (NULL, 0, 2);
    }
}

static void
assert_log (KnDb *db, const char *object, const char *expected)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &LOG_LIST, KN_BIND (kn_text (object)), NULL);
    g_autoptr (GString) text = g_string_new (NULL);

    while (kn_rows_next (rows, NULL))
        g_string_append_printf (text, "%s%s", text->len ? " " : "", kn_rows_text (rows, 0));
    g_assert_cmpstr (text->str, ==, expected);
}

static void
test_order (const char *url)
{
    static const char *const objects[] = { "a", "b", "c" };
    static const char *const tags[] = { "1", "2", "3", "4", "5" };
    Fixture f;

    set_up (&f, url);
    for (gsize t = 0; t < G_N_ELEMENTS (tags); t++) {
        for (gsize o = 0; o < G_N_ELEMENTS (objects); o++)
            (void)enqueue (&f, "plain", objects[o], tags[t]);
        if (t == 2)
            start (&f);
    }
    wait_for (&f.shared, &f.shared.finished, 15);
    for (gsize o = 0; o < G_N_ELEMENTS (objects); o++)
        assert_log (f.db, objects[o], "1 two 2 two 3 two 4 two 5 two");
    tear_down (&f);
}

static void
test_parallel (const char *url)
{
    static const char *const objects[] = { "a", "b", "c", "d" };
    Fixture f;

    set_up (&f, url);
    f.shared.wanted = 4;
    start (&f);
    for (gsize o = 0; o < G_N_ELEMENTS (objects); o++)
        (void)enqueue (&f, "meet", objects[o], NULL);
    wait_for (&f.shared, &f.shared.finished, 4);
    tear_down (&f);
}

static void
test_retry (const char *url)
{
    Fixture f;
    gint64 id;

    set_up (&f, url);
    f.shared.fail = 2;
    f.shared.code = KN_ERROR_UNAVAILABLE;
    start (&f);
    id = enqueue (&f, "plain", "a", NULL);
    wait_for (&f.shared, &f.shared.finished, 1);
    assert_log (f.db, "a", "one two two two");
    assert_text (f.db, &STATE, id, "done");
    tear_down (&f);
}

static void
test_failure (const char *url)
{
    static const struct {
        KnErrorCode code;
        const char *log, *result;
    } cases[] = {
        { KN_ERROR_UNAVAILABLE, "one two two two try 3 one two", "try 3" },
        { KN_ERROR_VIRT, "one two try 1 one two", "try 1" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autofree char *object = g_strdup_printf ("case%zu", i);
        g_autofree char *own_url = i == 0 ? g_strdup (url) : NULL;
        Fixture f;
        gint64 id, next;
        bool pending = true;

        if (!own_url)
            own_url = g_str_has_prefix (url, "sqlite") ? g_strconcat (url, "2", NULL)
                                                       : kn_scratch_mariadb_url (mariadb);
        set_up (&f, own_url);
        f.shared.fail = i == 0 ? 3 : 1;
        f.shared.code = cases[i].code;
        id = enqueue (&f, "plain", object, NULL);
        next = enqueue (&f, "plain", object, NULL);
        start (&f);
        wait_for (&f.shared, &f.shared.failed, 1);
        wait_for_state (&f, next, "done");
        assert_log (f.db, object, cases[i].log);
        assert_text (f.db, &STATE, id, "failed");
        assert_text (f.db, &RESULT, id, cases[i].result);
        g_assert_true (kn_jobs_pending (f.db, object, &pending, NULL));
        g_assert_false (pending);
        tear_down (&f);
    }
}

static void
test_stop (const char *url)
{
    Fixture f;
    gint64 id;
    bool pending = false;

    set_up (&f, url);
    f.shared.hold = true;
    start (&f);
    id = enqueue (&f, "hold", "a", NULL);
    wait_for (&f.shared, &f.shared.started, 1);
    kn_jobs_stop (f.jobs, 5000);
    g_assert_cmpuint (f.shared.cancelled, ==, 1);
    assert_text (f.db, &STATE, id, "active");
    g_assert_true (kn_jobs_pending (f.db, "a", &pending, NULL));
    g_assert_true (pending);
    tear_down (&f);

    /* The next start goes on. */
    set_up (&f, url);
    start (&f);
    wait_for (&f.shared, &f.shared.finished, 1);
    assert_log (f.db, "a", "hold hold one");
    tear_down (&f);
}

/* Somebody else takes the job while we run it: we notice, and write nothing more. */
static void
test_stolen (const char *url)
{
    Fixture f;
    gint64 id;

    set_up (&f, url);
    f.shared.hold = true;
    f.jobs->lease_us = 60 * 1000;
    start (&f);
    id = enqueue (&f, "hold", "a", NULL);
    wait_for (&f.shared, &f.shared.started, 1);
    g_assert_true (kn_db_exec (f.db, &STEAL,
                               KN_BIND (kn_int (kn_time_now () + G_TIME_SPAN_MINUTE), kn_int (id)),
                               NULL, NULL));
    wait_for (&f.shared, &f.shared.cancelled, 1);
    assert_text (f.db, &STATE, id, "active");
    assert_log (f.db, "a", "hold");

    /* The thief dies: its lease runs out, and the job goes on here. */
    f.shared.hold = false;
    g_assert_true (
        kn_db_exec (f.db, &STEAL, KN_BIND (kn_int (kn_time_now ()), kn_int (id)), NULL, NULL));
    kn_jobs_wake (f.jobs);
    wait_for (&f.shared, &f.shared.finished, 1);
    assert_text (f.db, &STATE, id, "done");
    tear_down (&f);
}

/* A stale owner's step ends well, but cannot be recorded. */
static void
test_stale (const char *url)
{
    Fixture f;
    gint64 id;

    set_up (&f, url);
    f.shared.hold = true;
    start (&f);
    id = enqueue (&f, "hold", "a", NULL);
    wait_for (&f.shared, &f.shared.started, 1);
    g_assert_true (kn_db_exec (f.db, &STEAL,
                               KN_BIND (kn_int (kn_time_now () + G_TIME_SPAN_MINUTE), kn_int (id)),
                               NULL, NULL));
    g_mutex_lock (&f.shared.lock);
    f.shared.hold = false;
    g_mutex_unlock (&f.shared.lock);
    kn_jobs_stop (f.jobs, 5000);
    g_assert_cmpuint (f.shared.finished, ==, 0);
    assert_text (f.db, &STATE, id, "active");
    assert_log (f.db, "a", "hold");
    tear_down (&f);
}

static void
test_prune (const char *url)
{
    Fixture f;
    gint64 old, young, removed = 0, n = 0;

    set_up (&f, url);
    start (&f);
    old = enqueue (&f, "plain", "a", NULL);
    young = enqueue (&f, "plain", "b", NULL);
    wait_for (&f.shared, &f.shared.finished, 2);
    g_assert_true (kn_db_exec (f.db, &AGE, KN_BIND (kn_int (old)), NULL, NULL));
    g_assert_true (kn_store_jobs_prune (f.db, kn_time_now () - G_TIME_SPAN_DAY, &removed, NULL));
    g_assert_cmpint (removed, ==, 1);
    assert_text (f.db, &STATE, young, "done");
    {
        g_autoptr (KnRows) rows = kn_db_query (f.db, &COUNT, KN_NO_BIND, NULL);

        g_assert_true (kn_rows_next (rows, NULL));
        n = kn_rows_int (rows, 0);
    }
    g_assert_cmpint (n, ==, 1);

    g_autoptr (GString) metrics = g_string_new (NULL);

    kn_jobs_write_metrics (f.jobs, metrics);
    g_assert_nonnull (strstr (metrics->str, "kilonova_jobs_done_total{kind=\"plain\"} 2\n"));
    g_assert_nonnull (strstr (metrics->str, "kilonova_jobs_unfinished 0\n"));
    tear_down (&f);
}

static void
test_latency (const char *url)
{
    Fixture f;
    gint64 best = G_MAXINT64;

    set_up (&f, url);
    start (&f);
    for (guint i = 1; i <= 20; i++) {
        gint64 before, id;
        g_autoptr (GError) error = NULL;

        g_assert_true (kn_jobs_enqueue (f.db, "plain", "a", NULL, 1, NULL, &id, &error));
        before = g_get_monotonic_time ();
        kn_jobs_wake (f.jobs);
        wait_for (&f.shared, &f.shared.finished, i);
        best = MIN (best, f.shared.start_us - before);
    }
    g_test_message ("wake to step start: %" G_GINT64_FORMAT " us", best);
    g_assert_cmpint (best, <, 100000); /* a loaded machine; the message has the figure */
    tear_down (&f);
}

/* The crash test's child: runs what is in the queue; the environment says where it dies. */
static int
run_child (const char *url)
{
    Fixture f;

    set_up (&f, url);
    f.jobs->lease_us = 50 * 1000;
    start (&f);
    wait_for (&f.shared, &f.shared.finished, 1);
    tear_down (&f);
    return 0;
}

static int
spawn_child (const char *url, const char *fault)
{
    const char *const argv[] = { program, "--child", url, NULL };
    g_auto (GStrv) env = g_get_environ ();
    g_autoptr (GError) error = NULL;
    int status = 0;

    if (fault)
        env = g_environ_setenv (env, "KILONOVA_FAULT", fault, TRUE);
    (void)g_spawn_sync (NULL, (char **)argv, env, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status,
                        &error);
    g_assert_no_error (error);
    return status;
}

static void
test_crash (const char *url)
{
    static const struct {
        const char *fault, *object, *log;
    } cases[] = {
        { "job.plain.one=kill", "p1", "one two" },
        { "job.plain.one.after=kill", "p2", "one one two" },
        { "job.plain.two=kill", "p3", "one two" },
        { "job.plain.two.after=kill", "p4", "one two two" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        Fixture f;
        gint64 id;
        int status;

        set_up (&f, url);
        id = enqueue (&f, "plain", cases[i].object, NULL);
        status = spawn_child (url, cases[i].fault);
        g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
        assert_text (f.db, &STATE, id, "active");
        status = spawn_child (url, NULL);
        g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
        assert_text (f.db, &STATE, id, "done");
        assert_log (f.db, cases[i].object, cases[i].log);
        tear_down (&f);
    }
}

static void
test_unknown (const char *url)
{
    Fixture f;
    gint64 id;

    set_up (&f, url);
    start (&f);
    id = enqueue (&f, "of-tomorrow", "a", NULL);
    (void)enqueue (&f, "plain", "b", NULL);
    wait_for (&f.shared, &f.shared.finished, 1);
    assert_text (f.db, &STATE, id, "active");
    tear_down (&f);
}

/* What a step did cannot be written down: it runs again. */
static void
test_unrecorded (const char *url)
{
    Fixture f;
    gint64 id;

    set_up (&f, url);
    f.shared.fail_record = true;
    start (&f);
    id = enqueue (&f, "plain", "a", NULL);
    wait_for (&f.shared, &f.shared.finished, 1);
    assert_log (f.db, "a", "one two two");
    assert_text (f.db, &STATE, id, "done");
    tear_down (&f);
}

/* A program whose kind had more steps has left the job. */
static void
test_beyond (const char *url)
{
    Fixture f;
    gint64 id;

    set_up (&f, url);
    id = enqueue (&f, "plain", "a", NULL);
    g_assert_true (kn_db_exec (f.db, &LEAP, KN_BIND (kn_int (id)), NULL, NULL));
    start (&f);
    wait_for (&f.shared, &f.shared.finished, 1);
    assert_text (f.db, &STATE, id, "done");
    assert_log (f.db, "a", "");
    tear_down (&f);
}

/* A step that runs again counts no attempt, and the next one waits for its end. */
static void
test_again (const char *url)
{
    Fixture f;
    gint64 id;

    set_up (&f, url);
    f.shared.fail = 3;
    start (&f);
    id = enqueue (&f, "again", "a", NULL);
    wait_for (&f.shared, &f.shared.finished, 1);
    assert_text (f.db, &STATE, id, "done");
    assert_log (f.db, "a", "again again again again one");
    tear_down (&f);
}

typedef struct {
    const char *name, *engine;
    void (*run) (const char *url);
} Case;

static const Case cases[] = {
    { "order", NULL, test_order },     { "parallel", NULL, test_parallel },
    { "retry", NULL, test_retry },     { "failure", NULL, test_failure },
    { "stop", NULL, test_stop },       { "stolen", "mariadb", test_stolen },
    { "stale", NULL, test_stale },     { "prune", NULL, test_prune },
    { "latency", NULL, test_latency }, { "crash", NULL, test_crash },
    { "unknown", NULL, test_unknown }, { "again", NULL, test_again },
    { "beyond", NULL, test_beyond },   { "unrecorded", NULL, test_unrecorded },
};

static void
run_on_sqlite (gconstpointer data)
{
    g_autofree char *folder = g_dir_make_tmp ("kn-jobs-XXXXXX", NULL);
    g_autofree char *url = g_strconcat ("sqlite:", folder, "/test.db", NULL);

    ((const Case *)data)->run (url);
    kn_scratch_remove (folder);
}

static void
run_on_mariadb (gconstpointer data)
{
    g_autofree char *url = NULL;

    if (!mariadb) {
        g_test_skip ("mariadbd is not installed");
        return;
    }
    url = kn_scratch_mariadb_url (mariadb);
    ((const Case *)data)->run (url);
}

int
main (int argc, char **argv)
{
    static const struct {
        const char *name;
        GTestDataFunc run;
    } engines[] = { { "sqlite", run_on_sqlite }, { "mariadb", run_on_mariadb } };
    int result;

    program = argv[0];
    if (argc == 3 && g_str_equal (argv[1], "--child"))
        return run_child (argv[2]);
    g_test_init (&argc, &argv, NULL);
    mariadb = kn_scratch_mariadb_start ();
    for (gsize e = 0; e < G_N_ELEMENTS (engines); e++)
        for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
            g_autofree char *path = g_strdup_printf ("/jobs/%s/%s", engines[e].name, cases[i].name);

            if (!cases[i].engine || g_str_equal (cases[i].engine, engines[e].name))
                g_test_add_data_func (path, &cases[i], engines[e].run);
        }
    result = g_test_run ();
    kn_scratch_mariadb_stop (mariadb);
    return result;
}
