/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of a server's two tables of key and value: what users say and what the system remembers. */
#include "compute/server_store.h"

#include <string.h>

typedef struct {
    KnStmt load, set, insert, unset, clear;
} MetaStatements;

static const MetaStatements statements[KN_META_N];

GHashTable *
kn_store_meta_load (KnDb *db, KnMetaTable table, const char *id, GError **error)
{
    g_autoptr (GHashTable) values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr (KnRows) rows = NULL;
    GError *local = NULL;

    rows = kn_db_query (db, &statements[table].load, KN_BIND (kn_text (id)), error);
    if (rows == NULL)
        return NULL;
    while (kn_rows_next (rows, &local)) {
        const char *value;
        char *key = kn_rows_dup (rows, 0);

        value = kn_rows_text (rows, 1);
        g_hash_table_insert (values, key, g_strdup (value != NULL ? value : ""));
    }
    if (local != NULL) {
        g_propagate_error (error, local);
        return NULL;
    }

    return g_steal_pointer (&values);
}

bool
kn_store_meta_set (KnDb *db, KnMetaTable table, const char *id, const char *key, const char *value,
                   GError **error)
{
    const MetaStatements *by = &statements[table];
    g_autofree char *now = kn_db_now ();
    gint64 changed;

    if (!kn_db_exec (db, &by->set,
                     KN_BIND (kn_text (value), kn_text (now), kn_text (id), kn_text (key)),
                     &changed, error))
        return false;

    return changed > 0
           || kn_db_exec (db, &by->insert,
                          KN_BIND (kn_text (now), kn_text (id), kn_text (key), kn_text (value)),
                          NULL, error);
}

bool
kn_store_meta_insert_all (KnDb *db, KnMetaTable table, const char *id, GHashTable *values,
                          GError **error)
{
    g_autofree char *now = kn_db_now ();
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init (&iter, values);
    while (g_hash_table_iter_next (&iter, &key, &value))
        if (!kn_db_exec (db, &statements[table].insert,
                         KN_BIND (kn_text (now), kn_text (id), kn_text (key), kn_text (value)),
                         NULL, error))
            return false;

    return true;
}

bool
kn_store_meta_delete (KnDb *db, KnMetaTable table, const char *id, const char *key, bool *out_found,
                      GError **error)
{
    g_autofree char *now = kn_db_now ();
    gint64 changed;

    if (!kn_db_exec (db, &statements[table].unset,
                     KN_BIND (kn_text (now), kn_text (id), kn_text (key)), &changed, error))
        return false;
    if (out_found != NULL)
        *out_found = changed > 0;

    return true;
}

bool
kn_store_meta_clear (KnDb *db, KnMetaTable table, const char *id, const char *prefix,
                     GError **error)
{
    g_autofree char *now = kn_db_now ();

    return kn_db_exec (
        db, &statements[table].clear,
        KN_BIND (kn_text (now), kn_text (id), kn_int ((gint64)strlen (prefix)), kn_text (prefix)),
        NULL, error);
}

KN_STMT (META_LOAD_PROJECT,
         "SELECT m.instance_uuid, m.\"key\", m.\"value\" FROM instance_metadata m JOIN instances i "
         "ON i.uuid=m.instance_uuid WHERE m.deleted=0 AND (? IS NULL OR i.project_id=?) "
         "AND i.id BETWEEN ? AND ? ORDER BY m.id");

GHashTable *
kn_store_meta_load_project (KnDb *db, const char *project_id, gint64 first_id, gint64 last_id,
                            GError **error)
{
    g_autoptr (GHashTable) all = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                                        (GDestroyNotify)g_hash_table_unref);
    g_autoptr (KnRows) rows = NULL;
    GError *local = NULL;

    rows = kn_db_query (
        db, &META_LOAD_PROJECT,
        KN_BIND (kn_text (project_id), kn_text (project_id), kn_int (first_id), kn_int (last_id)),
        error);
    if (rows == NULL)
        return NULL;
    while (kn_rows_next (rows, &local)) {
        g_autofree char *id = kn_rows_dup (rows, 0);
        GHashTable *values = g_hash_table_lookup (all, id);
        char *key = kn_rows_dup (rows, 1), *value = kn_rows_dup (rows, 2);

        if (values == NULL) {
            values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
            g_hash_table_insert (all, g_steal_pointer (&id), values);
        }
        g_hash_table_insert (values, key, value);
    }
    if (local != NULL) {
        g_propagate_error (error, local);
        return NULL;
    }

    return g_steal_pointer (&all);
}

/* The tables have the same columns but for their order. */
#define META(TABLE, NAME)                                                                          \
    {                                                                                              \
        .load = { .name = NAME "_LOAD",                                                            \
                  .sql = "SELECT \"key\", \"value\" FROM " TABLE                                   \
                         " WHERE instance_uuid=? AND COALESCE(deleted,0)=0 ORDER BY id" },         \
        .set = { .name = NAME "_SET",                                                              \
                 .sql = "UPDATE " TABLE " SET \"value\"=?, updated_at=? WHERE instance_uuid=? "    \
                        "AND \"key\"=? AND COALESCE(deleted,0)=0" },                               \
        .insert                                                                                    \
            = { .name = NAME "_INSERT",                                                            \
                .sql = "INSERT INTO " TABLE " (created_at, instance_uuid, \"key\", \"value\", "    \
                       "deleted) VALUES (?,?,?,?,0)" },                                            \
        .unset = { .name = NAME "_UNSET",                                                          \
                   .sql = "UPDATE " TABLE " SET deleted=id, deleted_at=? WHERE instance_uuid=? "   \
                          "AND \"key\"=? AND COALESCE(deleted,0)=0" },                             \
        .clear = { .name = NAME "_CLEAR",                                                          \
                   .sql = "UPDATE " TABLE " SET deleted=id, deleted_at=? WHERE instance_uuid=? "   \
                          "AND COALESCE(deleted,0)=0 AND SUBSTR(\"key\",1,?)=?" },                 \
    }

static const MetaStatements statements[KN_META_N] = {
    [KN_META_USER] = META ("instance_metadata", "META_USER"),
    [KN_META_SYSTEM] = META ("instance_system_metadata", "META_SYSTEM"),
};
