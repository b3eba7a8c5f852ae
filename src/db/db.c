/* SPDX-License-Identifier: Apache-2.0 */
/* Statements: the cache of prepared ones, running them, reading rows. */
#include "db/db_priv.h"

#include "base/error.h"
#include "base/time.h"

#include <string.h>

KnValue
kn_text (const char *value)
{
    if (!value)
        return kn_null ();
    return (KnValue){ .type = KN_VALUE_TEXT, .bytes = value, .len = strlen (value) };
}

KnValue
kn_blob (const void *bytes, gsize len)
{
    return (KnValue){ .type = KN_VALUE_BLOB, .bytes = len ? bytes : "", .len = len };
}

bool
kn_db_pass (KnDb *db, const char *name, GError **error)
{
    if (db->fail_after == 0 || --db->fail_after > 0)
        return true;
    db->retry = false;
    kn_error_set (error, KN_ERROR_DB, "cannot run '%s': a test wants it to fail", name);
    return false;
}

void
kn_db_fail_after (KnDb *db, guint n)
{
    db->fail_after = n;
}

void
kn_db_note_failure (KnDb *db)
{
    db->retry = db->conn->retry;
    /* Its writes so far are gone, or will be: nothing more may be written outside of it by mistake. */
    if (db->depth > 0 && (db->conn->retry || db->conn->lost || db->conn->rolled_back))
        db->doomed = true;
}

bool
kn_db_command (KnDb *db, const char *sql, GError **error)
{
    if (!kn_db_pass (db, sql, error))
        return false;
    if (db->ops->command (db->conn, sql, error))
        return true;
    kn_db_note_failure (db);
    return false;
}

static KnRows *
prepare (KnDb *db, const KnStmt *stmt, GError **error)
{
    KnRows *rows = g_hash_table_lookup (db->prepared, stmt);
    const char *sql = db->ops == &kn_db_mariadb && stmt->mariadb ? stmt->mariadb : stmt->sql;
    bool writes = false;
    gpointer handle;

    if (rows)
        return rows;
    handle = db->ops->prepare (db->conn, sql, &writes, error);
    if (!handle) {
        kn_db_note_failure (db);
        return NULL;
    }
    rows = g_new (KnRows, 1);
    *rows = (KnRows){ .db = db, .stmt = stmt, .handle = handle, .writes = writes };
    g_hash_table_insert (db->prepared, (gpointer)stmt, rows);
    return rows;
}

/* The statement, ready and not in use. */
static KnRows *
acquire (KnDb *db, const KnStmt *stmt, GError **error)
{
    KnRows *rows;

    if (!kn_db_ensure (db, error) || !kn_db_pass (db, stmt->name, error))
        return NULL;
    if (db->doomed) {
        kn_error_set (error, KN_ERROR_DB, "cannot run '%s': the transaction has failed",
                      stmt->name);
        return NULL;
    }
    rows = prepare (db, stmt, error);
    if (!rows) {
        g_prefix_error (error, "%s: ", stmt->name);
        return NULL;
    }
    if (rows->open) {
        kn_error_set (error, KN_ERROR_INTERNAL, "cannot run '%s': its rows are still being read",
                      stmt->name);
        return NULL;
    }
    return rows;
}

static bool
start (KnDb *db, KnRows *rows, const KnValue *values, gsize n_values, GError **error)
{
    if (db->ops->start (db->conn, rows->handle, values, n_values, error))
        return true;
    kn_db_note_failure (db);
    db->ops->reset (rows->handle);
    g_prefix_error (error, "%s: ", rows->stmt->name);
    return false;
}

static KnDbStep
step (KnDb *db, KnRows *rows, GError **error)
{
    KnDbStep result = db->ops->step (db->conn, rows->handle, error);

    if (result == KN_STEP_FAILED) {
        kn_db_note_failure (db);
        g_prefix_error (error, "%s: ", rows->stmt->name);
    }
    return result;
}

static bool
run (KnDb *db, KnRows *rows, const KnValue *values, gsize n_values, gint64 *out_changed,
     gint64 *out_id, GError **error)
{
    KnDbStep result;

    if (!start (db, rows, values, n_values, error))
        return false;
    do
        result = step (db, rows, error);
    while (result == KN_STEP_ROW);
    if (result == KN_STEP_DONE && out_changed)
        *out_changed = db->ops->changes (db->conn, rows->handle);
    if (result == KN_STEP_DONE && out_id)
        *out_id = db->ops->insert_id (db->conn, rows->handle);
    db->ops->reset (rows->handle);
    return result == KN_STEP_DONE;
}

/* Takes the writers' turn for a statement outside of a transaction. */
static bool
run_in_turn (KnDb *db, const KnStmt *stmt, const KnValue *values, gsize n_values,
             gint64 *out_changed, gint64 *out_id, GError **error)
{
    KnRows *rows = acquire (db, stmt, error);
    bool alone, good;

    if (!rows)
        return false;
    if (rows->writes && db->read_only) {
        kn_error_set (error, KN_ERROR_INTERNAL, "cannot run '%s' in a read transaction",
                      stmt->name);
        return false;
    }
    alone = rows->writes && db->depth == 0;
    if (alone && !kn_db_writer_lock (db, error))
        return false;
    good = run (db, rows, values, n_values, out_changed, out_id, error);
    if (alone)
        kn_db_writer_unlock (db);
    return good;
}

/* One statement with its values, to be run again. */
typedef struct {
    const KnStmt *stmt;
    const KnValue *values;
    gsize n_values;
    gint64 *out_changed, *out_id;
} Write;

static bool
run_write (KnDb *db, gpointer data, GError **error)
{
    const Write *write = data;

    return run_in_turn (db, write->stmt, write->values, write->n_values, write->out_changed,
                        write->out_id, error);
}

/* Outside of a transaction a statement that met a deadlock was undone as a whole: it is tried again in one of its own. */
static bool
run_or_repeat (KnDb *db, Write *write, GError **error)
{
    g_autoptr (GError) problem = NULL;

    if (db->depth > 0)
        return run_write (db, write, error);
    db->retry = false;
    if (run_write (db, write, &problem))
        return true;
    if (db->retry)
        return kn_db_txn (db, run_write, write, error);
    g_propagate_error (error, g_steal_pointer (&problem));
    return false;
}

bool
kn_db_exec (KnDb *db, const KnStmt *stmt, const KnValue *values, gsize n_values,
            gint64 *out_changed, GError **error)
{
    Write write = { stmt, values, n_values, .out_changed = out_changed };

    return run_or_repeat (db, &write, error);
}

bool
kn_db_insert (KnDb *db, const KnStmt *stmt, const KnValue *values, gsize n_values, gint64 *out_id,
              GError **error)
{
    Write write = { stmt, values, n_values, .out_id = out_id };

    return run_or_repeat (db, &write, error);
}

KnRows *
kn_db_query (KnDb *db, const KnStmt *stmt, const KnValue *values, gsize n_values, GError **error)
{
    KnRows *rows = acquire (db, stmt, error);

    if (!rows || !start (db, rows, values, n_values, error))
        return NULL;
    rows->open = true;
    return rows;
}

bool
kn_rows_next (KnRows *rows, GError **error)
{
    if (!rows->handle) {
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "the connection was lost while rows were read");
        return false;
    }
    return step (rows->db, rows, error) == KN_STEP_ROW;
}

void
kn_rows_free (KnRows *rows)
{
    if (!rows || !rows->open)
        return;
    if (!rows->handle) {
        g_free (rows);
        return;
    }
    rows->db->ops->reset (rows->handle);
    rows->open = false;
}

const char *
kn_rows_text (KnRows *rows, guint column)
{
    gsize len = 0;

    return kn_rows_is_null (rows, column) ? NULL
                                          : rows->db->ops->bytes (rows->handle, column, &len);
}

gint64
kn_rows_int (KnRows *rows, guint column)
{
    return rows->handle ? rows->db->ops->integer (rows->handle, column) : 0;
}

bool
kn_rows_is_null (KnRows *rows, guint column)
{
    return !rows->handle || rows->db->ops->is_null (rows->handle, column);
}

const void *
kn_rows_blob (KnRows *rows, guint column, gsize *out_len)
{
    *out_len = 0;
    return kn_rows_is_null (rows, column) ? NULL
                                          : rows->db->ops->bytes (rows->handle, column, out_len);
}

char *
kn_rows_dup (KnRows *rows, guint column)
{
    return g_strdup (kn_rows_text (rows, column));
}

GPtrArray *
kn_rows_list_texts (KnRows *rows, GError **error)
{
    g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
    GError *problem = NULL;

    if (!rows)
        return NULL;
    while (kn_rows_next (rows, &problem))
        g_ptr_array_add (texts, kn_rows_dup (rows, 0));
    if (problem) {
        g_propagate_error (error, problem);
        return NULL;
    }
    return g_steal_pointer (&texts);
}

/* Counts what other connections commit; not what this one does. */
KN_STMT (DATA_VERSION, "PRAGMA data_version");

guint64
kn_db_version (KnDb *db)
{
    g_autoptr (KnRows) rows = NULL;

    if (db->ops->all_changes == NULL)
        return 0;
    rows = kn_db_query (db, &DATA_VERSION, KN_NO_BIND, NULL);
    if (rows == NULL || !kn_rows_next (rows, NULL))
        return 0;

    return ((guint64)kn_rows_int (rows, 0) << 40) + db->ops->all_changes (db->conn) + 1;
}

char *
kn_db_now (void)
{
    return kn_time_dup (kn_time_now (), KN_TIME_DB);
}
