/* SPDX-License-Identifier: Apache-2.0 */
/* Connections, statements, transactions, migrations; SQLite and MariaDB behind one ops table.
 *
 * URLs: "sqlite:/path/file.db", "mariadb://user[:password]@host[:port]/name", "mariadb:///name?socket=/run/mysqld.sock&user=…".
 * A connection belongs to one thread: ask kn_db_thread() for this thread's. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct KnDbPool KnDbPool;
typedef struct KnDb KnDb;
typedef struct KnRows KnRows;

/* A statement: a static const row in a *_store.c. Its address is the key of the prepared-statement cache. */
typedef struct {
    const char *name; /* for logs: "SERVER_CLAIM" */
    const char *
        sql; /* `?` placeholders, reserved words quoted with "…" (MariaDB runs in ANSI_QUOTES mode) */
    const char *mariadb; /* only where one text cannot serve both */
} KnStmt;

/* Declares a statement: static const KnStmt NAME = … */
#define KN_STMT(NAME, SQL) static const KnStmt NAME = { .name = #NAME, .sql = SQL }

typedef struct {
    enum { KN_VALUE_NULL, KN_VALUE_INT, KN_VALUE_TEXT, KN_VALUE_BLOB } type;
    gint64 integer;
    const void *bytes; /* borrowed until the call returns */
    gsize len;
} KnValue;

static inline KnValue
kn_int (gint64 value)
{
    return (KnValue){ .type = KN_VALUE_INT, .integer = value };
}
KnValue kn_text (const char *value); /* NULL: SQL NULL */
KnValue kn_blob (const void *bytes, gsize len);
static inline KnValue
kn_null (void)
{
    return (KnValue){ .type = KN_VALUE_NULL };
}

#define KN_BIND(...)                                                                               \
    ((const KnValue[]){ __VA_ARGS__ }),                                                            \
        (sizeof ((const KnValue[]){ __VA_ARGS__ }) / sizeof (KnValue))
#define KN_NO_BIND NULL, 0

/* Opens the database (creates a SQLite file), refuses a newer schema, brings an older one up to date after a backup. Errors: DB, UNAVAILABLE. */
KnDbPool *kn_db_pool_open (const char *url, const char *backup_dir, GError **error);
void kn_db_pool_close (
    KnDbPool *
        pool); /* connections of ended threads are closed already; call after all workers have ended */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnDbPool, kn_db_pool_close)
bool kn_db_pool_is_sqlite (const KnDbPool *pool);

/* Opens a database that exists, as it is: nothing is migrated. For tools beside a running server. Errors: NOT_FOUND, UNAVAILABLE. */
KnDbPool *kn_db_pool_attach (const char *url, GError **error);

/* The same for somebody else's database, which is only read: a SQLite file stays as it is to the byte. */
KnDbPool *kn_db_pool_attach_foreign (const char *url, GError **error);

/* This thread's connection, opened on first use and closed with the thread. Borrowed. Errors: UNAVAILABLE. */
KnDb *kn_db_thread (KnDbPool *pool, GError **error);

/* Commits of this connection need not outlive a power cut any more; they do outlive the end of the process, and are never lost
 * while a later one is kept. For work that is repeated when its record is missing: no commit waits for the disk then. */
bool kn_db_relax (KnDb *db, GError **error);

/* Runs a statement that returns no rows. @out_changed (may be NULL): rows matched by an UPDATE or DELETE, or inserted.
 * Errors: CONFLICT (unique key), IN_USE (foreign key), UNAVAILABLE (busy, deadlock, lost connection), NO_SPACE, DB. */
bool kn_db_exec (KnDb *db, const KnStmt *stmt, const KnValue *values, gsize n_values,
                 gint64 *out_changed, GError **error);

/* As above for an INSERT; returns the row's AUTO_INCREMENT id. */
bool kn_db_insert (KnDb *db, const KnStmt *stmt, const KnValue *values, gsize n_values,
                   gint64 *out_id, GError **error);

/* Starts a query. Free the rows before the same statement is run again on this connection. */
KnRows *kn_db_query (KnDb *db, const KnStmt *stmt, const KnValue *values, gsize n_values,
                     GError **error);
bool kn_rows_next (KnRows *rows, GError **error); /* false: end, or error set */
void kn_rows_free (KnRows *rows);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnRows, kn_rows_free)

/* Columns of the current row; text is borrowed until the next call on @rows. NULL stays NULL, or 0. */
const char *kn_rows_text (KnRows *rows, guint column);
gint64 kn_rows_int (KnRows *rows, guint column);
bool kn_rows_is_null (KnRows *rows, guint column);
const void *kn_rows_blob (KnRows *rows, guint column, gsize *out_len);
char *kn_rows_dup (KnRows *rows, guint column);

/* The first column of all rows that are left, as an array of char* (unref frees). @rows may be NULL: the query failed and has
 * set @error already; then NULL too. */
GPtrArray *kn_rows_list_texts (KnRows *rows, GError **error);

typedef bool (*KnTxnFn) (KnDb *db, gpointer data, GError **error);

/* Runs @fn in a transaction that may write (BEGIN IMMEDIATE); commits on true, rolls back on false. Busy and deadlock are retried
 * with a bound, so @fn may run more than once. Nested calls join the outer transaction. No network, libvirt or file work inside. */
bool kn_db_txn (KnDb *db, KnTxnFn fn, gpointer data, GError **error);

/* Runs @fn in one consistent read snapshot. */
bool kn_db_read_txn (KnDb *db, KnTxnFn fn, gpointer data, GError **error);

/* A number that is another one if anything was committed, by whomever, since this connection gave it the last time: for answers that
 * are kept until the data change. Numbers of two connections cannot be compared. 0: this engine cannot tell. Outside of transactions. */
guint64 kn_db_version (KnDb *db);

/* Now, in the columns' format; caller frees. */
char *kn_db_now (void);

/* Lets the n-th statement from now on this connection fail with DB (n=1: the next), for tests that fail each call in turn; 0: off. */
void kn_db_fail_after (KnDb *db, guint n);
