/* SPDX-License-Identifier: Apache-2.0 */
/* MariaDB behind the ops table: server-side prepared statements, results buffered on our side. */
#include "db/db_priv.h"

#include "base/error.h"
#include "base/time.h"

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <string.h>

#define CONNECT_TIMEOUT_S 10
#define IO_TIMEOUT_S 30
#define MIGRATE_LOCK_S "60"
/* A connection that was idle for longer may have been closed by the server or a firewall: ask before use. */
#define IDLE_US (10 * G_TIME_SPAN_SECOND)
#define FIRST_BUFFER 64

/* The behaviour that SQLite has too: quoted names, no silent truncation, plain strings, UTC, serial transactions. */
#define SESSION                                                                                    \
    "SET SESSION sql_mode='STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,"   \
    "ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,NO_ZERO_DATE,NO_ZERO_IN_DATE',"              \
    "time_zone='+00:00',tx_isolation='SERIALIZABLE',innodb_lock_wait_timeout=10,"                  \
    "autocommit=1,sql_select_limit=DEFAULT"

typedef struct {
    KnDbConn base;
    MYSQL *mysql;
    unsigned int code; /* of the last failure */
    gint64 used_us;    /* monotonic */
} MariaConn;

typedef struct {
    MYSQL_BIND bind;
    gint64 integer;
    char digits[24]; /* the integer as text, on demand */
    char *bytes;     /* NUL-terminated by us */
    unsigned long len;
    my_bool null, truncated;
} MariaColumn;

typedef struct {
    MYSQL_STMT *stmt;
    MariaColumn *columns;
    MYSQL_BIND *binds; /* as the library wants them: one array */
    guint n_columns;
} MariaStmt;

typedef struct {
    KnErrorCode code;
    unsigned int number;
    bool retry, lost;
} MariaError;

static const MariaError maria_errors[] = {
    { KN_ERROR_CONFLICT, ER_DUP_ENTRY, false, false },
    { KN_ERROR_CONFLICT, ER_DUP_KEY, false, false },
    { KN_ERROR_IN_USE, ER_ROW_IS_REFERENCED, false, false },
    { KN_ERROR_IN_USE, ER_ROW_IS_REFERENCED_2, false, false },
    { KN_ERROR_IN_USE, ER_NO_REFERENCED_ROW, false, false },
    { KN_ERROR_IN_USE, ER_NO_REFERENCED_ROW_2, false, false },
    { KN_ERROR_INTERNAL, ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, false, false },
    { KN_ERROR_NO_SPACE, ER_DISK_FULL, false, false },
    { KN_ERROR_NO_SPACE, ER_RECORD_FILE_FULL, false, false },
    { KN_ERROR_UNAVAILABLE, ER_LOCK_DEADLOCK, true, false },
    { KN_ERROR_UNAVAILABLE, ER_LOCK_WAIT_TIMEOUT, true, false },
    { KN_ERROR_UNAVAILABLE, ER_CHECKREAD, true, false },
    { KN_ERROR_UNAVAILABLE, ER_CON_COUNT_ERROR, false, true },
    { KN_ERROR_UNAVAILABLE, ER_UNKNOWN_COM_ERROR, true,
      false }, /* a Galera node that is not ready */
    { KN_ERROR_UNAVAILABLE, ER_SERVER_SHUTDOWN, true, true },
    { KN_ERROR_UNAVAILABLE, ER_CONNECTION_KILLED, true, true },
    { KN_ERROR_UNAVAILABLE, CR_CONNECTION_ERROR, true, true },
    { KN_ERROR_UNAVAILABLE, CR_CONN_HOST_ERROR, true, true },
    { KN_ERROR_UNAVAILABLE, CR_SERVER_GONE_ERROR, true, true },
    { KN_ERROR_UNAVAILABLE, CR_SERVER_LOST, true, true },
    { KN_ERROR_UNAVAILABLE, CR_SERVER_LOST_EXTENDED, true, true },
};

/* DDL whose effect is there already. */
static const unsigned int exists_errors[]
    = { ER_TABLE_EXISTS_ERROR, ER_DUP_FIELDNAME, ER_DUP_KEYNAME, ER_CANT_DROP_FIELD_OR_KEY,
        ER_BAD_TABLE_ERROR };

static bool
fail (MariaConn *conn, const char *what, unsigned int number, const char *text, GError **error)
{
    KnErrorCode code = KN_ERROR_DB;

    conn->code = number;
    conn->base.retry = conn->base.rolled_back = false;
    for (gsize i = 0; i < G_N_ELEMENTS (maria_errors); i++) {
        const MariaError *row = &maria_errors[i];

        if (row->number != number)
            continue;
        code = row->code;
        conn->base.retry = row->retry;
        conn->base.lost |= row->lost;
        conn->base.rolled_back = number == ER_LOCK_DEADLOCK;
        break;
    }
    kn_error_set (error, code, "cannot %s: %s (%u)", what, text, number);
    return false;
}

static bool
fail_conn (MariaConn *conn, const char *what, GError **error)
{
    return fail (conn, what, mysql_errno (conn->mysql), mysql_error (conn->mysql), error);
}

static bool
fail_stmt (MariaConn *conn, MariaStmt *stmt, const char *what, GError **error)
{
    return fail (conn, what, mysql_stmt_errno (stmt->stmt), mysql_stmt_error (stmt->stmt), error);
}

static void
maria_close (KnDbConn *base)
{
    MariaConn *conn = (MariaConn *)base;

    if (!conn)
        return;
    mysql_close (conn->mysql);
    g_free (conn);
}

static gpointer
start_library (gpointer unused)
{
    (void)unused;
    return GINT_TO_POINTER (mysql_library_init (0, NULL, NULL) == 0);
}

static void
set_options (MYSQL *mysql, const KnDbTarget *target)
{
    const unsigned int connect_s = CONNECT_TIMEOUT_S, io_s = IO_TIMEOUT_S;
    const my_bool off = 0;

    (void)mysql_optionsv (mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    (void)mysql_optionsv (mysql, MYSQL_OPT_READ_TIMEOUT, &io_s);
    (void)mysql_optionsv (mysql, MYSQL_OPT_WRITE_TIMEOUT, &io_s);
    (void)mysql_optionsv (mysql, MYSQL_OPT_RECONNECT, &off);
    (void)mysql_optionsv (mysql, MYSQL_OPT_LOCAL_INFILE, NULL);
    (void)mysql_optionsv (mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    (void)mysql_optionsv (mysql, MYSQL_INIT_COMMAND, SESSION);
    if (target->tls_ca) {
        const my_bool on = 1;

        (void)mysql_optionsv (mysql, MYSQL_OPT_SSL_CA, target->tls_ca);
        (void)mysql_optionsv (mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &on);
    }
}

static KnDbConn *
maria_open (const KnDbTarget *target, GError **error)
{
    static GOnce started = G_ONCE_INIT;
    const char *host = target->host && *target->host ? target->host : NULL;
    MariaConn *conn;

    if (!g_once (&started, start_library, NULL)) {
        kn_error_set (error, KN_ERROR_INTERNAL, "cannot start libmariadb");
        return NULL;
    }
    conn = g_new0 (MariaConn, 1);
    conn->mysql = mysql_init (NULL);
    if (!conn->mysql)
        g_error ("out of memory");
    set_options (conn->mysql, target);
    /* UPDATE reports the rows that matched, as SQLite does, not only those that changed. */
    if (!mysql_real_connect (conn->mysql, host, target->user, target->password, target->name,
                             target->port, target->socket, CLIENT_FOUND_ROWS)) {
        (void)fail_conn (conn, "connect to the database", error);
        maria_close (&conn->base);
        return NULL;
    }
    conn->used_us = g_get_monotonic_time ();
    return &conn->base;
}

static bool
maria_alive (KnDbConn *base)
{
    MariaConn *conn = (MariaConn *)base;
    gint64 now_us = g_get_monotonic_time ();
    bool idle = now_us - conn->used_us > IDLE_US;

    conn->used_us = now_us;
    return !idle || mysql_ping (conn->mysql) == 0;
}

static bool
maria_command (KnDbConn *base, const char *sql, GError **error)
{
    MariaConn *conn = (MariaConn *)base;

    if (mysql_real_query (conn->mysql, sql, strlen (sql)) != 0)
        return fail_conn (conn, "run a command", error);

    MYSQL_RES *result = mysql_store_result (conn->mysql);

    mysql_free_result (result);
    return true;
}

/* Integers come as such, everything else as bytes. */
static void
describe_column (MariaColumn *column, const MYSQL_FIELD *field)
{
    const bool integer = field->type == MYSQL_TYPE_TINY || field->type == MYSQL_TYPE_SHORT
                         || field->type == MYSQL_TYPE_INT24 || field->type == MYSQL_TYPE_LONG
                         || field->type == MYSQL_TYPE_LONGLONG;

    column->bind.is_null = &column->null;
    column->bind.length = &column->len;
    column->bind.error = &column->truncated;
    if (integer) {
        column->bind.buffer_type = MYSQL_TYPE_LONGLONG;
        column->bind.buffer = &column->integer;
        return;
    }
    column->bytes = g_malloc (FIRST_BUFFER + 1);
    column->bind.buffer_type = MYSQL_TYPE_STRING;
    column->bind.buffer = column->bytes;
    column->bind.buffer_length = FIRST_BUFFER;
}

static void
describe_columns (MariaStmt *stmt)
{
    MYSQL_RES *meta = mysql_stmt_result_metadata (stmt->stmt);

    if (!meta)
        return;
    stmt->n_columns = mysql_num_fields (meta);
    stmt->columns = g_new0 (MariaColumn, stmt->n_columns);
    stmt->binds = g_new0 (MYSQL_BIND, stmt->n_columns);
    for (guint i = 0; i < stmt->n_columns; i++)
        describe_column (&stmt->columns[i], mysql_fetch_field_direct (meta, i));
    mysql_free_result (meta);
}

static void
maria_finalize (gpointer data)
{
    MariaStmt *stmt = data;

    (void)mysql_stmt_close (stmt->stmt);
    for (guint i = 0; i < stmt->n_columns; i++)
        g_free (stmt->columns[i].bytes);
    g_free (stmt->columns);
    g_free (stmt->binds);
    g_free (stmt);
}

static gpointer
maria_prepare (KnDbConn *base, const char *sql, bool *out_writes, GError **error)
{
    MariaConn *conn = (MariaConn *)base;
    MariaStmt *stmt = g_new0 (MariaStmt, 1);

    stmt->stmt = mysql_stmt_init (conn->mysql);
    if (!stmt->stmt)
        g_error ("out of memory");
    if (mysql_stmt_prepare (stmt->stmt, sql, strlen (sql)) != 0) {
        (void)fail_stmt (conn, stmt, "prepare a statement", error);
        maria_finalize (stmt);
        return NULL;
    }
    describe_columns (stmt);
    *out_writes = stmt->n_columns == 0;
    return stmt;
}

static void
bind_value (MYSQL_BIND *bind, const KnValue *value)
{
    static const enum enum_field_types types[] = {
        [KN_VALUE_NULL] = MYSQL_TYPE_NULL,
        [KN_VALUE_INT] = MYSQL_TYPE_LONGLONG,
        [KN_VALUE_TEXT] = MYSQL_TYPE_STRING,
        [KN_VALUE_BLOB] = MYSQL_TYPE_BLOB,
    };

    bind->buffer_type = types[value->type];
    bind->buffer = value->type == KN_VALUE_INT ? (void *)&value->integer : (void *)value->bytes;
    bind->buffer_length = value->len;
}

static bool
maria_start (KnDbConn *base, gpointer data, const KnValue *values, gsize n, GError **error)
{
    MariaConn *conn = (MariaConn *)base;
    MariaStmt *stmt = data;
    g_autofree MYSQL_BIND *binds = n ? g_new0 (MYSQL_BIND, n) : NULL;

    if (mysql_stmt_param_count (stmt->stmt) != n) {
        kn_error_set (error, KN_ERROR_INTERNAL, "statement takes %lu values, not %zu",
                      mysql_stmt_param_count (stmt->stmt), n);
        return false;
    }
    for (gsize i = 0; i < n; i++)
        bind_value (&binds[i], &values[i]);
    if ((n && mysql_stmt_bind_param (stmt->stmt, binds)) || mysql_stmt_execute (stmt->stmt))
        return fail_stmt (conn, stmt, "run a statement", error);
    /* Buffered here, so that other statements may run on this connection while the rows are read. */
    if (stmt->n_columns && mysql_stmt_store_result (stmt->stmt))
        return fail_stmt (conn, stmt, "read the result", error);
    conn->used_us = g_get_monotonic_time ();
    return true;
}

static bool
bind_results (MariaStmt *stmt)
{
    for (guint i = 0; i < stmt->n_columns; i++)
        stmt->binds[i] = stmt->columns[i].bind;
    return mysql_stmt_bind_result (stmt->stmt, stmt->binds) == 0;
}

/* Fetches a value again that was longer than its buffer. */
static bool
fetch_long (MariaStmt *stmt, guint i)
{
    MariaColumn *column = &stmt->columns[i];
    unsigned long len = column->len;

    g_free (column->bytes);
    column->bytes = g_malloc (len + 1);
    column->bind.buffer = column->bytes;
    column->bind.buffer_length = len;
    return mysql_stmt_fetch_column (stmt->stmt, &column->bind, i, 0) == 0;
}

static bool
finish_columns (MariaStmt *stmt)
{
    for (guint i = 0; i < stmt->n_columns; i++) {
        MariaColumn *column = &stmt->columns[i];

        if (!column->bytes || column->null)
            continue;
        if (column->len > column->bind.buffer_length && !fetch_long (stmt, i))
            return false;
        column->bytes[column->len] = '\0';
    }
    return true;
}

static KnDbStep
maria_step (KnDbConn *base, gpointer data, GError **error)
{
    MariaConn *conn = (MariaConn *)base;
    MariaStmt *stmt = data;
    int result;

    if (stmt->n_columns == 0)
        return KN_STEP_DONE;
    result = bind_results (stmt) ? mysql_stmt_fetch (stmt->stmt) : 1;
    if (result == MYSQL_NO_DATA)
        return KN_STEP_DONE;
    if ((result == 0 || result == MYSQL_DATA_TRUNCATED) && finish_columns (stmt))
        return KN_STEP_ROW;
    (void)fail_stmt (conn, stmt, "read a row", error);
    return KN_STEP_FAILED;
}

static void
maria_reset (gpointer data)
{
    MariaStmt *stmt = data;

    (void)mysql_stmt_free_result (stmt->stmt);
}

static gint64
maria_changes (KnDbConn *base, gpointer data)
{
    (void)base;
    return (gint64)mysql_stmt_affected_rows (((MariaStmt *)data)->stmt);
}

static gint64
maria_insert_id (KnDbConn *base, gpointer data)
{
    (void)base;
    return (gint64)mysql_stmt_insert_id (((MariaStmt *)data)->stmt);
}

static MariaColumn *
column_of (gpointer data, guint column)
{
    MariaStmt *stmt = data;

    g_assert (column < stmt->n_columns);
    return &stmt->columns[column];
}

static bool
maria_is_null (gpointer stmt, guint column)
{
    return column_of (stmt, column)->null;
}

static gint64
maria_integer (gpointer stmt, guint i)
{
    MariaColumn *column = column_of (stmt, i);

    if (column->null)
        return 0;
    /* Sums are decimals: text. */
    return column->bytes ? g_ascii_strtoll (column->bytes, NULL, 10) : column->integer;
}

static const char *
maria_bytes (gpointer stmt, guint i, gsize *out_len)
{
    MariaColumn *column = column_of (stmt, i);

    if (column->bytes) {
        *out_len = column->len;
        return column->bytes;
    }
    /* An integer that is wanted as text. */
    *out_len = (gsize)g_snprintf (column->digits, sizeof column->digits, "%" G_GINT64_FORMAT,
                                  column->integer);
    return column->digits;
}

static bool
maria_migrate_begin (KnDbConn *base, GError **error)
{
    MariaConn *conn = (MariaConn *)base;
    MYSQL_RES *result;
    MYSQL_ROW row;
    bool locked;

    if (mysql_query (conn->mysql,
                     "SELECT GET_LOCK(CONCAT('kilonova.',DATABASE())," MIGRATE_LOCK_S ")"))
        return fail_conn (conn, "lock the schema", error);
    result = mysql_store_result (conn->mysql);
    row = result ? mysql_fetch_row (result) : NULL;
    locked = row && row[0] && g_str_equal (row[0], "1");
    mysql_free_result (result);
    if (!locked)
        kn_error_set (error, KN_ERROR_UNAVAILABLE,
                      "another controller has been changing the schema for " MIGRATE_LOCK_S " s");
    return locked;
}

static bool
maria_migrate_end (KnDbConn *base, bool commit, GError **error)
{
    (void)commit;
    return maria_command (base, "SELECT RELEASE_LOCK(CONCAT('kilonova.',DATABASE()))", error);
}

static bool
maria_exists_already (KnDbConn *base)
{
    for (gsize i = 0; i < G_N_ELEMENTS (exists_errors); i++)
        if (((MariaConn *)base)->code == exists_errors[i])
            return true;
    return false;
}

static const char *const begin_write[] = { "START TRANSACTION", NULL };
/* In a serial transaction every read locks; a snapshot for reading needs none. */
static const char *const begin_read[]
    = { "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", NULL };

static const KnDbToken tokens[] = {
    { "@AUTOID@", "BIGINT AUTO_INCREMENT PRIMARY KEY" },
    { "@TABLE@", "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin" },
    { "@TEXT@", "MEDIUMTEXT" },
    { "@BLOB@", "LONGBLOB" },
    { NULL, NULL },
};

const KnDbOps kn_db_mariadb = {
    .dialect = "mariadb",
    .ddl_commits = true,
    .begin_write = begin_write,
    .begin_read = begin_read,
    .tokens = tokens,
    .backup_hint = "make a backup (mariadb-dump --single-transaction), then start once with "
                   "'migrate=yes' in the database URL",
    .open = maria_open,
    .close = maria_close,
    .alive = maria_alive,
    .command = maria_command,
    .prepare = maria_prepare,
    .finalize = maria_finalize,
    .start = maria_start,
    .step = maria_step,
    .reset = maria_reset,
    .changes = maria_changes,
    .insert_id = maria_insert_id,
    .is_null = maria_is_null,
    .integer = maria_integer,
    .bytes = maria_bytes,
    .migrate_begin = maria_migrate_begin,
    .migrate_end = maria_migrate_end,
    .exists_already = maria_exists_already,
};
