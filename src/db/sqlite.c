/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite behind the ops table: WAL, fully synchronous, one connection a thread, one writer at a time. */
#include "db/db_priv.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* For writers outside of this process (an operator's shell); our own take turns before. */
#define BUSY_TIMEOUT_MS 5000
#define BACKUP_PAGES 256

typedef struct {
    KnDbConn base;
    sqlite3 *db;
} SqliteConn;

typedef struct {
    KnErrorCode code;
    int result; /* primary or extended result code */
    bool retry;
} SqliteError;

/* Extended codes stand before the primary code that they belong to. */
static const SqliteError sqlite_errors[] = {
    { KN_ERROR_CONFLICT, SQLITE_CONSTRAINT_UNIQUE, false },
    { KN_ERROR_CONFLICT, SQLITE_CONSTRAINT_PRIMARYKEY, false },
    { KN_ERROR_CONFLICT, SQLITE_CONSTRAINT_ROWID, false },
    { KN_ERROR_IN_USE, SQLITE_CONSTRAINT_FOREIGNKEY, false },
    { KN_ERROR_IN_USE, SQLITE_CONSTRAINT_TRIGGER, false },
    { KN_ERROR_UNAVAILABLE, SQLITE_BUSY, true },
    { KN_ERROR_UNAVAILABLE, SQLITE_LOCKED, true },
    { KN_ERROR_NO_SPACE, SQLITE_FULL, false },
};

/* Memory: 20 threads with a connection each have to fit into the program's budget. */
#define N_OWNER_PRAGMAS 3
static const char *const pragmas[] = {
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    /* from here on nothing is about writing */
    "PRAGMA cache_size=-256",
    "PRAGMA mmap_size=0",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA journal_size_limit=8388608",
    "PRAGMA recursive_triggers=OFF",
};

static bool
fail (SqliteConn *conn, const char *what, GError **error)
{
    int extended = sqlite3_extended_errcode (conn->db);
    KnErrorCode code = KN_ERROR_DB;

    conn->base.retry = false;
    conn->base.rolled_back = sqlite3_get_autocommit (conn->db) != 0;
    for (gsize i = 0; i < G_N_ELEMENTS (sqlite_errors); i++) {
        const SqliteError *row = &sqlite_errors[i];

        if (row->result != extended && row->result != (extended & 0xff))
            continue;
        code = row->code;
        conn->base.retry = row->retry;
        break;
    }
    kn_error_set (error, code, "cannot %s: %s (%d)", what, sqlite3_errmsg (conn->db), extended);
    return false;
}

static bool
sqlite_command (KnDbConn *base, const char *sql, GError **error)
{
    SqliteConn *conn = (SqliteConn *)base;

    if (sqlite3_exec (conn->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return fail (conn, "run a command", error);
    return true;
}

static void
sqlite_close (KnDbConn *base)
{
    SqliteConn *conn = (SqliteConn *)base;

    if (!conn)
        return;
    (void)sqlite3_close_v2 (conn->db);
    g_free (conn);
}

/* Creates the file with a narrow mode: it holds password hashes. One that is there must not be opened: closing it again would drop
 * SQLite's locks on it (POSIX locks belong to the process), and the next program that looks into the database would take itself
 * for the only one and remove the write-ahead log under our feet. */
static bool
ensure_file (const char *path, GError **error)
{
    kn_autofd fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 && errno != EEXIST) {
        kn_error_set_errno (error, errno, "cannot open database '%s'", path);
        return false;
    }
    return true;
}

static gpointer
configure_library (gpointer unused)
{
    (void)unused;
    /* Statistics cost a lock shared by all threads. Refused without harm if the library runs already. */
    (void)sqlite3_config (SQLITE_CONFIG_MEMSTATUS, 0);
    return NULL;
}

static KnDbConn *
sqlite_open (const KnDbTarget *target, GError **error)
{
    static GOnce configured = G_ONCE_INIT;
    const int way
        = target->foreign ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    const int flags = way | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    SqliteConn *conn;

    (void)g_once (&configured, configure_library, NULL);
    if (!target->foreign && !ensure_file (target->path, error))
        return NULL;

    conn = g_new0 (SqliteConn, 1);
    if (sqlite3_open_v2 (target->path, &conn->db, flags, NULL) != SQLITE_OK) {
        (void)fail (conn, "open the database", error);
        sqlite_close (&conn->base);
        return NULL;
    }
    (void)sqlite3_busy_timeout (conn->db, BUSY_TIMEOUT_MS);
    (void)sqlite3_db_config (conn->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 256, 128);
    for (gsize i = target->foreign ? N_OWNER_PRAGMAS : 0; i < G_N_ELEMENTS (pragmas); i++) {
        if (sqlite_command (&conn->base, pragmas[i], error))
            continue;
        g_prefix_error (error, "cannot use database '%s': ", target->path);
        sqlite_close (&conn->base);
        return NULL;
    }
    return &conn->base;
}

static bool
sqlite_alive (KnDbConn *base)
{
    (void)base;
    return true;
}

static gpointer
sqlite_prepare (KnDbConn *base, const char *sql, bool *out_writes, GError **error)
{
    SqliteConn *conn = (SqliteConn *)base;
    sqlite3_stmt *stmt = NULL;

    if (sqlite3_prepare_v3 (conn->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL)
        != SQLITE_OK) {
        (void)fail (conn, "prepare a statement", error);
        return NULL;
    }
    *out_writes = !sqlite3_stmt_readonly (stmt);
    return stmt;
}

static void
sqlite_finalize (gpointer stmt)
{
    (void)sqlite3_finalize (stmt);
}

static int
bind_value (sqlite3_stmt *stmt, int index, const KnValue *value)
{
    switch (value->type) {
    case KN_VALUE_INT:
        return sqlite3_bind_int64 (stmt, index, value->integer);
    case KN_VALUE_TEXT:
        return sqlite3_bind_text64 (stmt, index, value->bytes, value->len, SQLITE_TRANSIENT,
                                    SQLITE_UTF8);
    case KN_VALUE_BLOB:
        return sqlite3_bind_blob64 (stmt, index, value->bytes, value->len, SQLITE_TRANSIENT);
    case KN_VALUE_NULL:
        break;
    }
    return sqlite3_bind_null (stmt, index);
}

static bool
sqlite_start (KnDbConn *base, gpointer stmt, const KnValue *values, gsize n, GError **error)
{
    SqliteConn *conn = (SqliteConn *)base;

    if ((gsize)sqlite3_bind_parameter_count (stmt) != n) {
        kn_error_set (error, KN_ERROR_INTERNAL, "statement takes %d values, not %zu",
                      sqlite3_bind_parameter_count (stmt), n);
        return false;
    }
    for (gsize i = 0; i < n; i++)
        if (bind_value (stmt, (int)i + 1, &values[i]) != SQLITE_OK)
            return fail (conn, "bind a value", error);
    return true;
}

static KnDbStep
sqlite_step (KnDbConn *base, gpointer stmt, GError **error)
{
    int result = sqlite3_step (stmt);

    if (result == SQLITE_ROW)
        return KN_STEP_ROW;
    if (result == SQLITE_DONE)
        return KN_STEP_DONE;
    (void)fail ((SqliteConn *)base, "run a statement", error);
    return KN_STEP_FAILED;
}

static void
sqlite_reset (gpointer stmt)
{
    (void)sqlite3_reset (stmt);
    (void)sqlite3_clear_bindings (stmt);
}

static gint64
sqlite_changes (KnDbConn *base, gpointer stmt)
{
    (void)stmt;
    return sqlite3_changes64 (((SqliteConn *)base)->db);
}

static guint64
sqlite_all_changes (KnDbConn *base)
{
    return (guint64)sqlite3_total_changes64 (((SqliteConn *)base)->db);
}

static gint64
sqlite_insert_id (KnDbConn *base, gpointer stmt)
{
    (void)stmt;
    return sqlite3_last_insert_rowid (((SqliteConn *)base)->db);
}

static bool
sqlite_is_null (gpointer stmt, guint column)
{
    return sqlite3_column_type (stmt, (int)column) == SQLITE_NULL;
}

static gint64
sqlite_integer (gpointer stmt, guint column)
{
    return sqlite3_column_int64 (stmt, (int)column);
}

static const char *
sqlite_bytes (gpointer stmt, guint column, gsize *out_len)
{
    bool blob = sqlite3_column_type (stmt, (int)column) == SQLITE_BLOB;
    const char *bytes = blob ? sqlite3_column_blob (stmt, (int)column)
                             : (const char *)sqlite3_column_text (stmt, (int)column);

    *out_len = (gsize)sqlite3_column_bytes (stmt, (int)column);
    /* An empty blob has no address, but it is not NULL. */
    return !bytes && blob ? "" : bytes;
}

static bool
sqlite_migrate_begin (KnDbConn *base, GError **error)
{
    /* Tables are rebuilt by drop and rename, which must not cascade; the references are checked at the end. */
    return sqlite_command (base, "PRAGMA foreign_keys=OFF", error)
           && sqlite_command (base, "BEGIN IMMEDIATE", error);
}

static bool
check_references (SqliteConn *conn, GError **error)
{
    sqlite3_stmt *stmt = NULL;
    bool good = false;

    if (sqlite3_prepare_v2 (conn->db, "PRAGMA foreign_key_check", -1, &stmt, NULL) != SQLITE_OK)
        return fail (conn, "check references", error);
    if (sqlite3_step (stmt) == SQLITE_DONE)
        good = true;
    else
        kn_error_set (error, KN_ERROR_DB, "migration left rows of '%s' without their parents",
                      (const char *)sqlite3_column_text (stmt, 0));
    (void)sqlite3_finalize (stmt);
    return good;
}

static bool
sqlite_migrate_end (KnDbConn *base, bool commit, GError **error)
{
    bool good = commit && check_references ((SqliteConn *)base, error)
                && sqlite_command (base, "COMMIT", error);

    if (!good)
        (void)sqlite_command (base, "ROLLBACK", NULL);
    (void)sqlite_command (base, "PRAGMA foreign_keys=ON", NULL);
    return good || !commit;
}

static bool
copy_database (sqlite3 *from, SqliteConn *to, GError **error)
{
    sqlite3_backup *backup = sqlite3_backup_init (to->db, "main", from, "main");
    int result;

    if (!backup)
        return fail (to, "begin the backup", error);
    do
        result = sqlite3_backup_step (backup, BACKUP_PAGES);
    while (result == SQLITE_OK);
    /* The last error moves to the target's handle here. */
    if (sqlite3_backup_finish (backup) != SQLITE_OK || result != SQLITE_DONE)
        return fail (to, "copy the database", error);
    return true;
}

/* Reads by a connection of its own: the migrating one holds the write lock, which keeps the source still. */
static bool
sqlite_backup (const KnDbTarget *target, const char *file, GError **error)
{
    SqliteConn from = { .db = NULL }, to = { .db = NULL };
    bool good = false;

    if (!ensure_file (file, error))
        return false;
    if (sqlite3_open_v2 (target->path, &from.db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        (void)fail (&from, "open the database for a backup", error);
    else if (sqlite3_open_v2 (file, &to.db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        (void)fail (&to, "open the backup", error);
    else
        good = copy_database (from.db, &to, error);
    (void)sqlite3_close (to.db);
    (void)sqlite3_close (from.db);
    if (!good)
        (void)unlink (file);
    return good;
}

static bool
sqlite_exists_already (KnDbConn *base)
{
    (void)base;
    return false;
}

static const char *const begin_write[] = { "BEGIN IMMEDIATE", NULL };
static const char *const begin_read[] = { "BEGIN", NULL };

static const KnDbToken tokens[] = {
    { "@AUTOID@", "INTEGER PRIMARY KEY AUTOINCREMENT" },
    { "@TABLE@", "" },
    { "@TEXT@", "TEXT" },
    { "@BLOB@", "BLOB" },
    { NULL, NULL },
};

const KnDbOps kn_db_sqlite = {
    .dialect = "sqlite",
    .one_writer = true,
    .begin_write = begin_write,
    .begin_read = begin_read,
    .relax = "PRAGMA synchronous=NORMAL",
    .tokens = tokens,
    .open = sqlite_open,
    .close = sqlite_close,
    .alive = sqlite_alive,
    .command = sqlite_command,
    .prepare = sqlite_prepare,
    .finalize = sqlite_finalize,
    .start = sqlite_start,
    .step = sqlite_step,
    .reset = sqlite_reset,
    .changes = sqlite_changes,
    .all_changes = sqlite_all_changes,
    .insert_id = sqlite_insert_id,
    .is_null = sqlite_is_null,
    .integer = sqlite_integer,
    .bytes = sqlite_bytes,
    .migrate_begin = sqlite_migrate_begin,
    .migrate_end = sqlite_migrate_end,
    .backup = sqlite_backup,
    .exists_already = sqlite_exists_already,
};
