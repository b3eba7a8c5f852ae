/* SPDX-License-Identifier: Apache-2.0 */
/* The same cases on SQLite and on a MariaDB of our own. */
#include "base/error.h"
#include "base/spawn.h"
#include "db/db_priv.h"
#include "scratch_mariadb.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static KnScratchMariadb *mariadb;

static const KnMigration first[] = {
    { 1, "0001-things",
      "CREATE TABLE things (\n  id @AUTOID@,\n  name VARCHAR(64) NOT NULL UNIQUE,\n"
      "  number BIGINT,\n  \"key\" @TEXT@,\n  bytes @BLOB@,\n  at DATETIME\n) @TABLE@;\n"
      "CREATE TABLE parts (\n  id @AUTOID@,\n  thing BIGINT NOT NULL REFERENCES things (id)\n)"
      " @TABLE@;\n" },
    { 0, NULL, NULL },
};
static const KnMigration second[] = {
    { 1, "0001-things", "unused;" },
    { 2, "0002-colour",
      "ALTER TABLE things ADD COLUMN colour VARCHAR(16);\n"
      "@sqlite CREATE TABLE only_sqlite (a INTEGER);\n"
      "@mariadb CREATE TABLE only_mariadb (a INTEGER) @TABLE@;\n" },
    { 0, NULL, NULL },
};

KN_STMT (INSERT, "INSERT INTO things (name, number, \"key\", bytes, at) VALUES (?, ?, ?, ?, ?)");
KN_STMT (SELECT, "SELECT id, name, number, \"key\", bytes, at FROM things WHERE name=?");
KN_STMT (COUNT, "SELECT COUNT(*), SUM(number) FROM things");
KN_STMT (LIST, "SELECT id, name FROM things ORDER BY id");
KN_STMT (SET_NUMBER, "UPDATE things SET number=? WHERE name=?");
KN_STMT (DELETE, "DELETE FROM things WHERE name=?");
KN_STMT (PART, "INSERT INTO parts (thing) VALUES (?)");
KN_STMT (COLOUR, "UPDATE things SET colour='red' WHERE name=?");

typedef struct {
    const char *engine;
    void (*run) (const char *url);
} Case;

static KnDbPool *
open_pool (const char *url, const KnMigration *migrations)
{
    g_autoptr (GError) error = NULL;
    KnDbPool *pool = kn_db_pool_open_with (url, migrations, NULL, &error);

    g_assert_no_error (error);
    return pool;
}

static KnDb *
connection (KnDbPool *pool)
{
    g_autoptr (GError) error = NULL;
    KnDb *db = kn_db_thread (pool, &error);

    g_assert_no_error (error);
    return db;
}

static bool
insert (KnDb *db, const char *name, gint64 number, GError **error)
{
    gint64 id = 0;

    return kn_db_insert (
        db, &INSERT, KN_BIND (kn_text (name), kn_int (number), kn_null (), kn_null (), kn_null ()),
        &id, error);
}

static gint64
number_of_things (KnDb *db)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnRows) rows = kn_db_query (db, &COUNT, KN_NO_BIND, &error);

    g_assert_no_error (error);
    g_assert_true (kn_rows_next (rows, &error));
    return kn_rows_int (rows, 0);
}

static void
test_types (const char *url)
{
    static const char utf8[] = "caf\xc3\xa9 \xf0\x9f\x8c\x9f 'quoted' \\ \"x\"";
    g_autoptr (GError) error = NULL;
    g_autoptr (KnDbPool) pool = open_pool (url, first);
    KnDb *db = connection (pool);
    g_autofree char *large = g_strnfill (1000000, 'x');
    const char blob[] = { 0, 1, 2, (char)0xff, 0 };
    gint64 id = 0;
    gsize len = 0;

    g_assert_true (
        kn_db_insert (db, &INSERT,
                      KN_BIND (kn_text ("a"), kn_int (G_MAXINT64), kn_text (utf8),
                               kn_blob (blob, sizeof blob), kn_text ("2023-11-14 22:13:20")),
                      &id, &error));
    g_assert_cmpint (id, ==, 1);
    g_assert_true (kn_db_insert (db, &INSERT,
                                 KN_BIND (kn_text ("b"), kn_int (G_MININT64), kn_text (large),
                                          kn_blob (NULL, 0), kn_null ()),
                                 &id, &error));
    g_assert_cmpint (id, ==, 2);
    {
        g_autoptr (KnRows) rows = kn_db_query (db, &SELECT, KN_BIND (kn_text ("a")), &error);

        g_assert_true (kn_rows_next (rows, &error));
        g_assert_cmpint (kn_rows_int (rows, 0), ==, 1);
        g_assert_cmpstr (kn_rows_text (rows, 0), ==, "1");
        g_assert_cmpint (kn_rows_int (rows, 2), ==, G_MAXINT64);
        g_assert_cmpstr (kn_rows_text (rows, 3), ==, utf8);
        g_assert_cmpmem (kn_rows_blob (rows, 4, &len), 5, blob, 5);
        g_assert_cmpint (len, ==, 5);
        g_assert_cmpstr (kn_rows_text (rows, 5), ==, "2023-11-14 22:13:20");
        g_assert_false (kn_rows_next (rows, &error));
        g_assert_no_error (error);
    }
    g_autoptr (KnRows) rows = kn_db_query (db, &SELECT, KN_BIND (kn_text ("b")), &error);

    g_assert_true (kn_rows_next (rows, &error));
    g_assert_cmpint (kn_rows_int (rows, 2), ==, G_MININT64);
    g_assert_cmpstr (kn_rows_text (rows, 3), ==, large);
    g_assert_false (kn_rows_is_null (rows, 4));
    g_assert_nonnull (kn_rows_blob (rows, 4, &len));
    g_assert_cmpint (len, ==, 0);
    g_assert_true (kn_rows_is_null (rows, 5));
    g_assert_null (kn_rows_text (rows, 5));
    g_assert_cmpint (kn_rows_int (rows, 5), ==, 0);
}

static void
test_statements (const char *url)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnDbPool) pool = open_pool (url, first);
    KnDb *db = connection (pool);
    gint64 changed = -1;

    g_assert_true (insert (db, "a", 1, &error));
    g_assert_false (insert (db, "a", 1, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_CONFLICT);
    g_clear_error (&error);
    /* Matched counts, changed or not; names differ by case. */
    g_assert_true (
        kn_db_exec (db, &SET_NUMBER, KN_BIND (kn_int (1), kn_text ("a")), &changed, NULL));
    g_assert_cmpint (changed, ==, 1);
    g_assert_true (
        kn_db_exec (db, &SET_NUMBER, KN_BIND (kn_int (1), kn_text ("A")), &changed, NULL));
    g_assert_cmpint (changed, ==, 0);
    g_assert_true (insert (db, "A", 1, &error));

    g_assert_true (kn_db_exec (db, &PART, KN_BIND (kn_int (1)), NULL, &error));
    g_assert_false (kn_db_exec (db, &DELETE, KN_BIND (kn_text ("a")), NULL, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_IN_USE);
    g_clear_error (&error);
    g_assert_false (kn_db_exec (db, &PART, KN_BIND (kn_int (99)), NULL, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_IN_USE);
    g_clear_error (&error);
    g_assert_false (kn_db_exec (db, &PART, KN_NO_BIND, NULL, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_INTERNAL);
}

static void
test_interleaved (const char *url)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnDbPool) pool = open_pool (url, first);
    KnDb *db = connection (pool);
    guint n = 0;

    g_assert_true (insert (db, "a", 1, &error) && insert (db, "b", 2, &error));

    g_autoptr (KnRows) rows = kn_db_query (db, &LIST, KN_NO_BIND, &error);

    while (kn_rows_next (rows, &error)) {
        g_assert_true (kn_db_exec (
            db, &SET_NUMBER, KN_BIND (kn_int (7), kn_text (kn_rows_text (rows, 1))), NULL, &error));
        g_assert_cmpint (number_of_things (db), ==, 2);
        n++;
    }
    g_assert_no_error (error);
    g_assert_cmpint (n, ==, 2);
    g_assert_null (kn_db_query (db, &LIST, KN_NO_BIND, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_INTERNAL);
}

typedef struct {
    bool inner_fails, swallow, fail;
    guint runs;
} Plan;

static bool
write_b (KnDb *db, gpointer data, GError **error)
{
    const Plan *plan = data;

    if (!insert (db, "b", 2, error))
        return false;
    if (plan->inner_fails)
        kn_error_set (error, KN_ERROR_CONFLICT, "inner");
    return !plan->inner_fails;
}

static bool
write_a_and_b (KnDb *db, gpointer data, GError **error)
{
    Plan *plan = data;
    bool good;

    plan->runs++;
    if (!insert (db, "a", 1, error))
        return false;
    good = kn_db_txn (db, write_b, plan, plan->swallow ? NULL : error);
    if (!good && !plan->swallow)
        return false;
    if (plan->fail)
        kn_error_set (error, KN_ERROR_GONE, "outer");
    return !plan->fail;
}

static void
test_transactions (const char *url)
{
    static const struct {
        Plan plan;
        KnErrorCode code;
        gint64 rows;
    } cases[] = {
        { { .fail = true }, KN_ERROR_GONE, 0 },
        { { .inner_fails = true }, KN_ERROR_CONFLICT, 0 },
        { { .inner_fails = true, .swallow = true }, KN_ERROR_DB, 0 },
        { { .fail = false }, KN_ERROR_N, 2 },
    };
    g_autoptr (KnDbPool) pool = open_pool (url, first);
    KnDb *db = connection (pool);

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autoptr (GError) error = NULL;
        Plan plan = cases[i].plan;
        bool good = kn_db_txn (db, write_a_and_b, &plan, &error);

        g_assert_cmpint (good, ==, cases[i].code == KN_ERROR_N);
        if (!good)
            g_assert_error (error, KN_ERROR, (gint)cases[i].code);
        g_assert_cmpint (plan.runs, ==, 1);
        g_assert_cmpint (number_of_things (db), ==, cases[i].rows);
    }
}

/* Every statement of a transaction fails once: nothing is half done. */
static void
test_fail_each (const char *url)
{
    g_autoptr (KnDbPool) pool = open_pool (url, first);
    KnDb *db = connection (pool);

    for (guint n = 1;; n++) {
        g_autoptr (GError) error = NULL;
        Plan plan = { .fail = false };

        kn_db_fail_after (db, n);
        if (kn_db_txn (db, write_a_and_b, &plan, &error)) {
            g_assert_cmpint (n, ==, 5); /* begin, two inserts, commit went before */
            break;
        }
        g_assert_error (error, KN_ERROR, KN_ERROR_DB);
        g_assert_cmpint (number_of_things (db), ==, 0);
    }
    kn_db_fail_after (db, 0);
    g_assert_cmpint (number_of_things (db), ==, 2);
}

static gpointer
write_one (gpointer pool)
{
    g_assert_true (insert (connection (pool), "a", 1, NULL));
    return NULL;
}

/* An operator's own look into the database, by another process, does not take the log away from under ours. */
static void
test_another_program (const char *url)
{
    const char *file = url + strlen ("sqlite:");
    g_autofree char *log = g_strconcat (file, "-wal", NULL);
    g_autoptr (KnDbPool) pool = open_pool (url, first);
    KnDb *db = connection (pool);
    g_autofree char *tool = g_find_program_in_path ("sqlite3");
    GStatBuf before, after;

    if (!tool) {
        g_test_skip ("sqlite3 is not installed");
        return;
    }
    g_assert_null (g_thread_join (g_thread_new ("another connection", write_one, pool)));
    g_assert_cmpint (g_stat (log, &before), ==, 0);

    const char *const insert_argv[]
        = { tool, file, "INSERT INTO things (name) VALUES ('theirs')", NULL };
    g_assert_true (kn_spawn (insert_argv, NULL, NULL, NULL));
    g_assert_cmpint (g_stat (log, &after), ==, 0);
    g_assert_cmpuint (before.st_ino, ==, after.st_ino);
    g_assert_cmpint (number_of_things (db), ==, 2);

    g_assert_true (insert (db, "ours", 1, NULL));
    const char *const count_argv[] = { tool, file, "SELECT COUNT(*) FROM things", NULL };
    g_autofree char *count = NULL;
    g_assert_true (kn_spawn (count_argv, NULL, &count, NULL));
    g_assert_cmpstr (g_strchomp (count), ==, "3");
}

static bool
read_twice (KnDb *db, gpointer data, GError **error)
{
    GThread *other;

    g_assert_cmpint (number_of_things (db), ==, 0);
    other = g_thread_new ("writer", write_one, data);
    g_assert_null (g_thread_join (other));
    g_assert_cmpint (number_of_things (db), ==, 0);
    g_assert_false (insert (db, "z", 1, error));
    g_assert_error (*error, KN_ERROR, KN_ERROR_INTERNAL);
    g_clear_error (error);
    return true;
}

static void
test_snapshot (const char *url)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnDbPool) pool = open_pool (url, first);
    KnDb *db = connection (pool);

    g_assert_true (kn_db_read_txn (db, read_twice, pool, &error));
    g_assert_no_error (error);
    g_assert_cmpint (number_of_things (db), ==, 1);
}

static bool
increment (KnDb *db, gpointer data, GError **error)
{
    gint64 number;
    {
        g_autoptr (KnRows) rows = kn_db_query (db, &SELECT, KN_BIND (kn_text ("a")), error);

        if (!rows || !kn_rows_next (rows, error))
            return false;
        number = kn_rows_int (rows, 2);
    }
    (void)data;
    g_thread_yield ();
    return kn_db_exec (db, &SET_NUMBER, KN_BIND (kn_int (number + 1), kn_text ("a")), NULL, error);
}

#define INCREMENTS 50

static gpointer
increment_often (gpointer data)
{
    KnDb *db = connection (data);

    for (guint i = 0; i < INCREMENTS; i++) {
        g_autoptr (GError) error = NULL;

        (void)kn_db_txn (db, increment, NULL, &error);
        g_assert_no_error (error);
    }
    return NULL;
}

/* Read, then write: no update may be lost, on either engine. */
static void
test_concurrency (const char *url)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnDbPool) pool = open_pool (url, first);
    KnDb *db = connection (pool);
    GThread *threads[3];

    g_assert_true (insert (db, "a", 0, &error));
    for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
        threads[i] = g_thread_new ("increment", increment_often, pool);
    for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
        g_assert_null (g_thread_join (threads[i]));

    g_autoptr (KnRows) rows = kn_db_query (db, &COUNT, KN_NO_BIND, &error);

    g_assert_true (kn_rows_next (rows, &error));
    g_assert_cmpint (kn_rows_int (rows, 1), ==, INCREMENTS * G_N_ELEMENTS (threads));
}

/* A child writes rows and tells each number once it is committed; it is killed under way. */
static void
write_until_killed (const char *url, int pipe_fd, bool relaxed)
{
    KnDbPool *pool = open_pool (url, first);
    KnDb *db = connection (pool);

    if (relaxed && !kn_db_relax (db, NULL))
        _exit (1);

    for (gint32 i = 0;; i++) {
        g_autofree char *name = g_strdup_printf ("n%d", i);

        if (!insert (db, name, i, NULL) || write (pipe_fd, &i, sizeof i) != sizeof i)
            _exit (1);
    }
}

static void
check_kill (const char *url, bool relaxed)
{
    int fds[2];
    gint32 last = -1, told = 0;
    pid_t pid;

    kn_db_pool_close (open_pool (url, first));
    g_assert_cmpint (pipe (fds), ==, 0);
    pid = fork ();
    if (pid == 0)
        write_until_killed (url, fds[1], relaxed);
    (void)close (fds[1]);
    while (read (fds[0], &told, sizeof told) == sizeof told) {
        last = told;
        if (last == 40)
            g_assert_cmpint (kill (pid, SIGKILL), ==, 0);
    }
    (void)close (fds[0]);
    g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);

    g_autoptr (KnDbPool) pool = open_pool (url, first);
    gint64 rows = number_of_things (connection (pool));

    g_assert_cmpint (last, >=, 40);
    g_assert_cmpint (rows, >=, last + 1);
    g_assert_cmpint (rows, <=, last + 2);
}

static void
test_kill (const char *url)
{
    check_kill (url, false);
}

/* Without waiting for the disk the end of the process still loses nothing. */
static void
test_kill_relaxed (const char *url)
{
    check_kill (url, true);
}

static void
test_newer (const char *url)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *migrate = g_str_has_prefix (url, "mariadb")
                                   ? g_strconcat (url, "&migrate=yes", NULL)
                                   : g_strdup (url);
    KnDbPool *pool;

    kn_db_pool_close (open_pool (url, first));
    pool = open_pool (migrate, second);
    g_assert_true (insert (connection (pool), "a", 1, &error));
    g_assert_true (kn_db_exec (connection (pool), &COLOUR, KN_BIND (kn_text ("a")), NULL, &error));
    kn_db_pool_close (pool);
    g_assert_null (kn_db_pool_open_with (url, first, NULL, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_UNAVAILABLE);
    g_assert_nonnull (strstr (error->message, "version 2 (0002-colour)"));
    g_assert_nonnull (strstr (error->message, "up to 1"));
}

static void
test_backup (const char *url)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp ("kn-backup-XXXXXX", NULL);
    g_autofree char *yes = g_strconcat (url, "&migrate=yes", NULL);
    bool sqlite = g_str_has_prefix (url, "sqlite");
    KnDbPool *pool = open_pool (url, first);

    g_assert_true (insert (connection (pool), "a", 1, &error));
    kn_db_pool_close (pool);
    pool = kn_db_pool_open_with (url, second, folder, &error);
    if (sqlite) {
        g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
        g_autofree char *copy = g_strconcat ("sqlite:", folder, "/", g_dir_read_name (dir), NULL);

        g_assert_no_error (error);
        kn_db_pool_close (pool);
        pool = open_pool (copy, first);
        g_assert_cmpint (number_of_things (connection (pool)), ==, 1);
    } else {
        g_assert_error (error, KN_ERROR, KN_ERROR_UNAVAILABLE);
        g_assert_nonnull (strstr (error->message, "backup"));
        g_clear_error (&error);
        pool = kn_db_pool_open_with (yes, second, folder, &error);
        g_assert_no_error (error);
    }
    kn_db_pool_close (pool);
    kn_scratch_remove (folder);
}

/* A migration whose last statement is wrong leaves a state from which the mended one goes on. */
static void
test_interrupted (const char *url)
{
    static const KnMigration broken[]
        = { { 1, "0001-things", "CREATE TABLE one (a INTEGER);\nCREATE TABLE two (nonsense;\n" },
            { 0, NULL, NULL } };
    static const KnMigration mended[]
        = { { 1, "0001-things", "CREATE TABLE one (a INTEGER);\nCREATE TABLE two (a INTEGER);\n" },
            { 0, NULL, NULL } };
    g_autoptr (GError) error = NULL;
    g_autofree char *yes = g_str_has_prefix (url, "mariadb")
                               ? g_strconcat (url, "&migrate=yes", NULL)
                               : g_strdup (url);

    g_assert_null (kn_db_pool_open_with (url, broken, NULL, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_DB);
    g_assert_nonnull (strstr (error->message, "statement 2"));
    kn_db_pool_close (open_pool (yes, mended));
    kn_db_pool_close (open_pool (yes, mended));
}

static gpointer
open_concurrently (gpointer data)
{
    kn_db_pool_close (open_pool (data, first));
    return NULL;
}

static void
test_two_openers (const char *url)
{
    GThread *threads[4];

    for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
        threads[i] = g_thread_new ("opener", open_concurrently, (gpointer)url);
    for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
        g_assert_null (g_thread_join (threads[i]));
}

/* The program's own migrations, from nothing. */
static void
test_program (const char *url)
{
    g_autoptr (GError) error = NULL;
    KnDbPool *pool = kn_db_pool_open (url, NULL, &error);

    g_assert_no_error (error);
    kn_db_pool_close (pool);
    pool = kn_db_pool_open (url, NULL, &error);
    g_assert_no_error (error);
    kn_db_pool_close (pool);
}

/* A stranger (an operator's shell) holds the lock for a while. */
static void
test_busy (const char *url)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnDbPool) pool = open_pool (url, first);
    sqlite3 *stranger = NULL;
    GThread *thread;

    g_assert_cmpint (sqlite3_open (url + strlen ("sqlite:"), &stranger), ==, SQLITE_OK);
    g_assert_cmpint (sqlite3_exec (stranger, "BEGIN IMMEDIATE", NULL, NULL, NULL), ==, SQLITE_OK);
    thread = g_thread_new ("writer", write_one, pool);
    (void)g_poll (NULL, 0, 50);
    g_assert_cmpint (number_of_things (connection (pool)), ==, 0);
    g_assert_cmpint (sqlite3_exec (stranger, "COMMIT", NULL, NULL, NULL), ==, SQLITE_OK);
    g_assert_null (g_thread_join (thread));
    g_assert_cmpint (number_of_things (connection (pool)), ==, 1);
    (void)sqlite3_close (stranger);
}

/* The server ends our connections: the next use outside of a transaction works, and a transaction is run again. */
static void
test_kicked (const char *url)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnDbPool) pool = open_pool (url, first);
    KnDb *db = connection (pool);
    Plan plan = { .fail = false };

    kn_scratch_mariadb_kick (mariadb);
    g_assert_true (kn_db_txn (db, write_a_and_b, &plan, &error));
    g_assert_no_error (error);
    g_assert_cmpint (number_of_things (db), ==, 2);
    kn_scratch_mariadb_kick (mariadb);
    if (!insert (db, "c", 1, &error)) {
        g_assert_error (error, KN_ERROR, KN_ERROR_UNAVAILABLE);
        g_clear_error (&error);
        g_assert_true (insert (db, "c", 1, &error));
    }
    g_assert_cmpint (number_of_things (db), ==, 3);
}

static void
test_urls (void)
{
    static const struct {
        const char *url, *host, *name, *socket, *user, *password;
        guint port;
        bool good;
    } cases[] = {
        { "mariadb://u:p%40ss@db.example:3307/kilonova", "db.example", "kilonova", NULL, "u",
          "p@ss", 3307, true },
        { "mariadb:///kn?socket=/run/x.sock&user=root&password=a%26b", "", "kn", "/run/x.sock",
          "root", "a&b", 0, true },
        { .url = "mariadb://host/" },
        { .url = "mariadb://host/kn?colour=red" },
        { .url = "mariadb://host/kn?migrate=maybe" },
        { .url = "postgres://host/kn" },
        { .url = "sqlite:" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autoptr (GError) error = NULL;
        KnDbTarget target = { .path = NULL };
        bool good = kn_db_target_parse (cases[i].url, &target, &error);

        g_assert_cmpint (good, ==, cases[i].good);
        if (!good) {
            g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
            continue;
        }
        g_assert_cmpstr (target.host, ==, cases[i].host);
        g_assert_cmpstr (target.name, ==, cases[i].name);
        g_assert_cmpstr (target.socket, ==, cases[i].socket);
        g_assert_cmpstr (target.user, ==, cases[i].user);
        g_assert_cmpstr (target.password, ==, cases[i].password);
        g_assert_cmpint (target.port, ==, cases[i].port);
        kn_db_target_clear (&target);
    }
}

static void
run_on_sqlite (gconstpointer data)
{
    const Case *one = data;
    g_autofree char *folder = g_dir_make_tmp ("kn-db-XXXXXX", NULL);
    g_autofree char *url = g_strconcat ("sqlite:", folder, "/test.db", NULL);

    one->run (url);
    kn_scratch_remove (folder);
}

static void
run_on_mariadb (gconstpointer data)
{
    const Case *one = data;
    g_autofree char *url = NULL;

    if (!mariadb) {
        g_test_skip ("mariadbd is not installed");
        return;
    }
    url = kn_scratch_mariadb_url (mariadb);
    one->run (url);
}

static const struct {
    const char *name;
    Case one;
} cases[] = {
    { "types", { NULL, test_types } },
    { "statements", { NULL, test_statements } },
    { "interleaved", { NULL, test_interleaved } },
    { "transactions", { NULL, test_transactions } },
    { "fail-each", { NULL, test_fail_each } },
    { "snapshot", { NULL, test_snapshot } },
    { "concurrency", { NULL, test_concurrency } },
    { "kill", { NULL, test_kill } },
    { "kill-relaxed", { NULL, test_kill_relaxed } },
    { "newer", { NULL, test_newer } },
    { "backup", { NULL, test_backup } },
    { "interrupted", { NULL, test_interrupted } },
    { "two-openers", { NULL, test_two_openers } },
    { "program", { NULL, test_program } },
    { "busy", { "sqlite", test_busy } },
    { "another-program", { "sqlite", test_another_program } },
    { "kicked", { "mariadb", test_kicked } },
};

int
main (int argc, char **argv)
{
    static const struct {
        const char *name;
        GTestDataFunc run;
    } engines[] = { { "sqlite", run_on_sqlite }, { "mariadb", run_on_mariadb } };
    int result;

    g_test_init (&argc, &argv, NULL);
    mariadb = kn_scratch_mariadb_start ();
    g_test_add_func ("/db/urls", test_urls);
    for (gsize e = 0; e < G_N_ELEMENTS (engines); e++)
        for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
            g_autofree char *path = g_strdup_printf ("/db/%s/%s", engines[e].name, cases[i].name);

            if (!cases[i].one.engine || g_str_equal (cases[i].one.engine, engines[e].name))
                g_test_add_data_func (path, &cases[i].one, engines[e].run);
        }
    result = g_test_run ();
    kn_scratch_mariadb_stop (mariadb);
    return result;
}
