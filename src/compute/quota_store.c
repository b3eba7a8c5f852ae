/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of quotas. */
#include "compute/quota_store.h"

#include <string.h>

KN_STMT (QUOTA_READ, "SELECT resource, hard_limit FROM quotas WHERE project_id=?");
KN_STMT (QUOTA_UPDATE, "UPDATE quotas SET hard_limit=?, updated_at=? WHERE project_id=?"
                       " AND resource=?");
KN_STMT (QUOTA_INSERT, "INSERT INTO quotas (hard_limit, created_at, project_id, resource)"
                       " VALUES (?, ?, ?, ?)");
KN_STMT (QUOTA_DELETE, "DELETE FROM quotas WHERE project_id=?");
KN_STMT (CLASS_READ, "SELECT resource, hard_limit FROM quota_classes WHERE class_name=?");
KN_STMT (CLASS_UPDATE, "UPDATE quota_classes SET hard_limit=?, updated_at=? WHERE class_name=?"
                       " AND resource=?");
KN_STMT (CLASS_INSERT, "INSERT INTO quota_classes (hard_limit, created_at, class_name, resource)"
                       " VALUES (?, ?, ?, ?)");
KN_STMT (USAGE, "SELECT COUNT(*), SUM(vcpus), SUM(memory_mb) FROM instances WHERE project_id=?"
                " AND deleted=0");
KN_STMT (KEYPAIR_COUNT, "SELECT COUNT(*) FROM key_pairs WHERE user_id=?");

static void
note_limit (KnRows *rows, gint64 *limits)
{
    const char *resource = kn_rows_text (rows, 0);

    for (guint i = 0; resource && i < KN_QUOTA_N; i++)
        if (strcmp (resource, kn_quota_names[i]) == 0)
            limits[i] = kn_rows_int (rows, 1);
}

static bool
read_limits (KnDb *db, const KnStmt *stmt, const char *owner, gint64 *limits, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, stmt, KN_BIND (kn_text (owner)), error);
    g_autoptr (GError) problem = NULL;

    if (!rows)
        return false;
    while (kn_rows_next (rows, &problem))
        note_limit (rows, limits);
    if (problem)
        g_propagate_error (error, g_steal_pointer (&problem));
    return !problem;
}

bool
kn_store_quota_read (KnDb *db, const char *project_id, gint64 limits[KN_QUOTA_N], GError **error)
{
    return read_limits (db, &QUOTA_READ, project_id, limits, error);
}

bool
kn_store_quota_read_class (KnDb *db, const char *name, gint64 limits[KN_QUOTA_N], GError **error)
{
    return read_limits (db, &CLASS_READ, name, limits, error);
}

static bool
set_limit (KnDb *db, const KnStmt *update, const KnStmt *insert, const char *owner, KnQuota quota,
           gint64 limit, GError **error)
{
    g_autofree char *now = kn_db_now ();
    const KnValue values[]
        = { kn_int (limit), kn_text (now), kn_text (owner), kn_text (kn_quota_names[quota]) };
    gint64 changed = 0;

    if (!kn_db_exec (db, update, values, G_N_ELEMENTS (values), &changed, error))
        return false;
    return changed > 0 || kn_db_exec (db, insert, values, G_N_ELEMENTS (values), NULL, error);
}

bool
kn_store_quota_set (KnDb *db, const char *project_id, KnQuota quota, gint64 limit, GError **error)
{
    return set_limit (db, &QUOTA_UPDATE, &QUOTA_INSERT, project_id, quota, limit, error);
}

bool
kn_store_quota_set_class (KnDb *db, const char *name, KnQuota quota, gint64 limit, GError **error)
{
    return set_limit (db, &CLASS_UPDATE, &CLASS_INSERT, name, quota, limit, error);
}

bool
kn_store_quota_delete (KnDb *db, const char *project_id, GError **error)
{
    return kn_db_exec (db, &QUOTA_DELETE, KN_BIND (kn_text (project_id)), NULL, error);
}

bool
kn_store_quota_usage (KnDb *db, const char *project_id, gint64 out_used[KN_QUOTA_N], GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &USAGE, KN_BIND (kn_text (project_id)), error);

    if (!rows || !kn_rows_next (rows, error))
        return false;
    for (guint i = 0; i < KN_QUOTA_N; i++)
        out_used[i] = 0;
    out_used[KN_QUOTA_INSTANCES] = kn_rows_int (rows, 0);
    out_used[KN_QUOTA_CORES] = kn_rows_int (rows, 1);
    out_used[KN_QUOTA_RAM] = kn_rows_int (rows, 2);
    return true;
}

bool
kn_store_quota_count_keypairs (KnDb *db, const char *user_id, gint64 *out_count, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &KEYPAIR_COUNT, KN_BIND (kn_text (user_id)), error);

    if (!rows || !kn_rows_next (rows, error))
        return false;
    *out_count = kn_rows_int (rows, 0);
    return true;
}
