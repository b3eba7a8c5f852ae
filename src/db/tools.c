/* SPDX-License-Identifier: Apache-2.0 */
/* Version, copy and check of a database. */
#include "db/tools.h"

#include "base/error.h"
#include "db/db_priv.h"

#include <string.h>

#define MAX_PROBLEMS 100

KN_STMT (VERSION_NEWEST, "SELECT COALESCE(MAX(version), 0) FROM schema_version WHERE complete=1");
KN_STMT (VERSION_UNFINISHED, "SELECT name FROM schema_version WHERE complete=0");
KN_STMT (SQLITE_INTEGRITY, "PRAGMA integrity_check(100)");
KN_STMT (SQLITE_REFERENCES, "PRAGMA foreign_key_check");

bool
kn_db_load_version (KnDb *db, guint *out_version, guint *out_known, GError **error)
{
    g_autoptr (GError) failed = NULL;
    g_autoptr (KnRows) rows = kn_db_query (db, &VERSION_NEWEST, KN_NO_BIND, error);
    guint known = 0;

    if (!rows) {
        g_prefix_error (error, "this is not a database of kilonova: ");
        return false;
    }
    if (!kn_rows_next (rows, &failed)) {
        if (failed)
            g_propagate_error (error, g_steal_pointer (&failed));
        else
            kn_error_set (error, KN_ERROR_DB, "cannot read the schema version: no row");
        return false;
    }
    for (const KnMigration *m = kn_db_migrations; m->name; m++)
        known = MAX (known, m->number);
    *out_version = (guint)kn_rows_int (rows, 0);
    *out_known = known;
    return true;
}

bool
kn_db_check_version (KnDb *db, GError **error)
{
    guint version = 0, known = 0;

    if (!kn_db_load_version (db, &version, &known, error))
        return false;
    if (version == known)
        return true;
    kn_error_set (error, KN_ERROR_UNAVAILABLE,
                  "the database has schema version %u and this program has %u: %s", version, known,
                  version < known ? "start kilonova serve once, which brings it up to date"
                                  : "this program is too old for it");
    return false;
}

typedef struct {
    KnDbPool *pool;
    const char *file;
} Backup;

/* In a transaction that may write, which keeps the source still. */
static bool
txn_backup (KnDb *db, gpointer data, GError **error)
{
    const Backup *backup = data;

    return backup->pool->ops->backup (&backup->pool->target, backup->file, error);
}

bool
kn_db_backup (KnDbPool *pool, const char *file, GError **error)
{
    if (!pool->ops->backup) {
        kn_error_set (error, KN_ERROR_NOT_IMPLEMENTED,
                      "this database is backed up by its own tools: mariadb-dump "
                      "--single-transaction");
        return false;
    }
    if (g_file_test (file, G_FILE_TEST_EXISTS)) {
        kn_error_set (error, KN_ERROR_CONFLICT, "'%s' is there already", file);
        return false;
    }
    KnDb *db = kn_db_thread (pool, error);
    return db && kn_db_txn (db, txn_backup, &(Backup){ pool, file }, error);
}

/* Adds a sentence for each row: @what and the first column. */
static bool
add_rows (KnDb *db, const KnStmt *stmt, const char *what, GPtrArray *problems, GError **error)
{
    g_autoptr (GError) failed = NULL;
    g_autoptr (KnRows) rows = kn_db_query (db, stmt, KN_NO_BIND, error);

    if (!rows)
        return false;
    while (problems->len < MAX_PROBLEMS && kn_rows_next (rows, &failed)) {
        const char *text = kn_rows_text (rows, 0);
        if (g_strcmp0 (text, "ok") != 0)
            g_ptr_array_add (problems, g_strdup_printf ("%s%s", what, text ? text : "?"));
    }
    if (!failed)
        return true;
    g_propagate_error (error, g_steal_pointer (&failed));
    return false;
}

GPtrArray *
kn_db_check (KnDbPool *pool, GError **error)
{
    g_autoptr (GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);
    KnDb *db = kn_db_thread (pool, error);
    guint version = 0, known = 0;

    if (!db || !kn_db_load_version (db, &version, &known, error)
        || !add_rows (db, &VERSION_UNFINISHED, "migration not finished: ", problems, error))
        return NULL;
    if (version != known)
        g_ptr_array_add (problems, g_strdup_printf ("schema version %u, but this program has %u",
                                                    version, known));
    if (kn_db_pool_is_sqlite (pool)
        && (!add_rows (db, &SQLITE_INTEGRITY, "", problems, error)
            || !add_rows (db, &SQLITE_REFERENCES, "a row refers to one that is missing, in table ",
                          problems, error)))
        return NULL;
    return g_steal_pointer (&problems);
}
