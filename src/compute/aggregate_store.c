/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of aggregates. */
#include "compute/aggregate_store.h"

#include "base/error.h"
#include "base/id.h"

KN_STMT (AGGREGATE_LIST, "SELECT id, name, created_at, updated_at FROM aggregates ORDER BY id");
KN_STMT (AGGREGATE_FIND, "SELECT id, name, created_at, updated_at FROM aggregates WHERE id=?");
KN_STMT (AGGREGATE_INSERT, "INSERT INTO aggregates (created_at, uuid, name) VALUES (?, ?, ?)");
KN_STMT (AGGREGATE_RENAME, "UPDATE aggregates SET name=?, updated_at=? WHERE id=?");
KN_STMT (AGGREGATE_DELETE, "DELETE FROM aggregates WHERE id=?");
KN_STMT (HOST_LIST, "SELECT host FROM aggregate_hosts WHERE aggregate_id=? ORDER BY id");
KN_STMT (HOST_INSERT, "INSERT INTO aggregate_hosts (created_at, aggregate_id, host)"
                      " VALUES (?, ?, ?)");
KN_STMT (HOST_DELETE, "DELETE FROM aggregate_hosts WHERE aggregate_id=? AND host=?");
KN_STMT (META_LIST, "SELECT \"key\", \"value\" FROM aggregate_metadata WHERE aggregate_id=?");
KN_STMT (META_UPDATE, "UPDATE aggregate_metadata SET \"value\"=?, updated_at=?"
                      " WHERE aggregate_id=? AND \"key\"=?");
KN_STMT (META_INSERT,
         "INSERT INTO aggregate_metadata (\"value\", created_at, aggregate_id, \"key\")"
         " VALUES (?, ?, ?, ?)");
KN_STMT (META_DELETE, "DELETE FROM aggregate_metadata WHERE aggregate_id=? AND \"key\"=?");
KN_STMT (META_DELETE_ALL, "DELETE FROM aggregate_metadata WHERE aggregate_id=?");

void
kn_aggregate_free (KnAggregate *aggregate)
{
    if (!aggregate)
        return;
    g_free (aggregate->name);
    g_free (aggregate->created_at);
    g_free (aggregate->updated_at);
    g_ptr_array_unref (aggregate->hosts);
    g_hash_table_unref (aggregate->metadata);
    g_free (aggregate);
}

static KnAggregate *
read_aggregate (KnRows *rows)
{
    KnAggregate *aggregate = g_new (KnAggregate, 1);

    *aggregate = (KnAggregate){
        .id = kn_rows_int (rows, 0),
        .name = kn_rows_dup (rows, 1),
        .created_at = kn_rows_dup (rows, 2),
        .updated_at = kn_rows_dup (rows, 3),
        .hosts = g_ptr_array_new_with_free_func (g_free),
        .metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free),
    };
    return aggregate;
}

/* Passes on the error with which reading of rows ended, if any. */
static bool
ended_well (GError *problem, GError **error)
{
    if (problem)
        g_propagate_error (error, problem);
    return !problem;
}

static bool
load_hosts (KnDb *db, KnAggregate *aggregate, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &HOST_LIST, KN_BIND (kn_int (aggregate->id)), error);
    GError *problem = NULL;

    if (!rows)
        return false;
    while (kn_rows_next (rows, &problem))
        g_ptr_array_add (aggregate->hosts, kn_rows_dup (rows, 0));
    return ended_well (problem, error);
}

static bool
load_metadata (KnDb *db, KnAggregate *aggregate, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &META_LIST, KN_BIND (kn_int (aggregate->id)), error);
    GError *problem = NULL;

    if (!rows)
        return false;
    while (kn_rows_next (rows, &problem))
        g_hash_table_insert (aggregate->metadata, kn_rows_dup (rows, 0), kn_rows_dup (rows, 1));
    return ended_well (problem, error);
}

GPtrArray *
kn_store_aggregate_list (KnDb *db, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &AGGREGATE_LIST, KN_NO_BIND, error);
    g_autoptr (GPtrArray) found
        = g_ptr_array_new_with_free_func ((GDestroyNotify)kn_aggregate_free);
    GError *problem = NULL;

    if (!rows)
        return NULL;
    while (kn_rows_next (rows, &problem))
        g_ptr_array_add (found, read_aggregate (rows));
    if (!ended_well (problem, error))
        return NULL;
    for (guint i = 0; i < found->len; i++)
        if (!load_hosts (db, g_ptr_array_index (found, i), error)
            || !load_metadata (db, g_ptr_array_index (found, i), error))
            return NULL;
    return g_steal_pointer (&found);
}

static KnAggregate *
find_row (KnDb *db, gint64 id, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &AGGREGATE_FIND, KN_BIND (kn_int (id)), error);

    return rows && kn_rows_next (rows, error) ? read_aggregate (rows) : NULL;
}

KnAggregate *
kn_store_aggregate_find (KnDb *db, gint64 id, GError **error)
{
    g_autoptr (KnAggregate) aggregate = find_row (db, id, error);
    bool good
        = aggregate && load_hosts (db, aggregate, error) && load_metadata (db, aggregate, error);

    return good ? g_steal_pointer (&aggregate) : NULL;
}

bool
kn_store_aggregate_insert (KnDb *db, const char *name, gint64 *out_id, GError **error)
{
    g_autofree char *now = kn_db_now ();
    g_autofree char *uuid = kn_id_uuid ();

    return kn_db_insert (db, &AGGREGATE_INSERT,
                         KN_BIND (kn_text (now), kn_text (uuid), kn_text (name)), out_id, error);
}

bool
kn_store_aggregate_rename (KnDb *db, gint64 id, const char *name, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return kn_db_exec (db, &AGGREGATE_RENAME, KN_BIND (kn_text (name), kn_text (now), kn_int (id)),
                       NULL, error);
}

static bool
delete_all (KnDb *db, gpointer data, GError **error)
{
    gint64 id = *(const gint64 *)data;

    return kn_db_exec (db, &META_DELETE_ALL, KN_BIND (kn_int (id)), NULL, error)
           && kn_db_exec (db, &AGGREGATE_DELETE, KN_BIND (kn_int (id)), NULL, error);
}

bool
kn_store_aggregate_delete (KnDb *db, gint64 id, GError **error)
{
    return kn_db_txn (db, delete_all, &id, error);
}

bool
kn_store_aggregate_add_host (KnDb *db, gint64 id, const char *host, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return kn_db_exec (db, &HOST_INSERT, KN_BIND (kn_text (now), kn_int (id), kn_text (host)), NULL,
                       error);
}

bool
kn_store_aggregate_remove_host (KnDb *db, gint64 id, const char *host, bool *out_was,
                                GError **error)
{
    gint64 changed = 0;

    if (!kn_db_exec (db, &HOST_DELETE, KN_BIND (kn_int (id), kn_text (host)), &changed, error))
        return false;
    *out_was = changed > 0;
    return true;
}

bool
kn_store_aggregate_set_metadata (KnDb *db, gint64 id, const char *key, const char *value,
                                 GError **error)
{
    g_autofree char *now = kn_db_now ();
    const KnValue values[] = { kn_text (value), kn_text (now), kn_int (id), kn_text (key) };
    gint64 changed = 0;

    if (!value)
        return kn_db_exec (db, &META_DELETE, KN_BIND (kn_int (id), kn_text (key)), NULL, error);
    if (!kn_db_exec (db, &META_UPDATE, values, G_N_ELEMENTS (values), &changed, error))
        return false;
    return changed > 0 || kn_db_exec (db, &META_INSERT, values, G_N_ELEMENTS (values), NULL, error);
}
