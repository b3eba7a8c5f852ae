/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas and tags in the database. */
#include "network/network_priv.h"

#include <string.h>

#include "base/error.h"

static const struct {
    const char *resource;
    KnStmt count;
} counts[] = {
    { "network",
      { .name = "COUNT_NETWORKS", .sql = "SELECT COUNT(*) FROM networks WHERE project_id=?" } },
    { "subnet",
      { .name = "COUNT_SUBNETS", .sql = "SELECT COUNT(*) FROM subnets WHERE project_id=?" } },
    { "port", { .name = "COUNT_PORTS", .sql = "SELECT COUNT(*) FROM ports WHERE project_id=?" } },
    { "security_group",
      { .name = "COUNT_GROUPS", .sql = "SELECT COUNT(*) FROM securitygroups WHERE project_id=?" } },
    { "security_group_rule",
      { .name = "COUNT_RULES",
        .sql = "SELECT COUNT(*) FROM securitygrouprules WHERE project_id=?" } },
};

KN_STMT (QUOTA_FIND, "SELECT quota_limit FROM network_quotas WHERE project_id=? AND resource=?");
KN_STMT (QUOTA_DELETE, "DELETE FROM network_quotas WHERE project_id=? AND resource=?");
KN_STMT (QUOTA_INSERT,
         "INSERT INTO network_quotas (project_id, resource, quota_limit) VALUES (?,?,?)");
KN_STMT (QUOTA_RESET, "DELETE FROM network_quotas WHERE project_id=?");
KN_STMT (QUOTA_PROJECTS, "SELECT DISTINCT project_id FROM network_quotas ORDER BY project_id");
KN_STMT (TAG_LIST, "SELECT object_id, tag FROM network_tags ORDER BY object_id, tag");
KN_STMT (TAG_LIST_OF, "SELECT object_id, tag FROM network_tags WHERE object_id=? ORDER BY tag");
KN_STMT (TAG_INSERT, "INSERT INTO network_tags (object_id, tag) VALUES (?,?)");
KN_STMT (TAG_DELETE, "DELETE FROM network_tags WHERE object_id=? AND tag=?");
KN_STMT (TAG_CLEAR, "DELETE FROM network_tags WHERE object_id=?");

bool
kn_store_net_quota_count (KnDb *db, const char *project_id, const char *resource, gint64 *out_n,
                          GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS (counts); i++) {
        if (strcmp (counts[i].resource, resource) != 0)
            continue;
        g_autoptr (KnRows) rows
            = kn_db_query (db, &counts[i].count, KN_BIND (kn_text (project_id)), error);

        if (rows == NULL || !kn_rows_next (rows, error))
            return false;
        *out_n = kn_rows_int (rows, 0);
        return true;
    }
    g_assert_not_reached ();
}

bool
kn_store_net_quota_find (KnDb *db, const char *project_id, const char *resource, gint64 *out_limit,
                         GError **error)
{
    g_autoptr (KnRows) rows
        = kn_db_query (db, &QUOTA_FIND, KN_BIND (kn_text (project_id), kn_text (resource)), error);

    if (rows == NULL || !kn_rows_next (rows, error))
        return false;
    *out_limit = kn_rows_int (rows, 0);
    return true;
}

bool
kn_store_net_quota_set (KnDb *db, const char *project_id, const char *resource, gint64 limit,
                        GError **error)
{
    return kn_db_exec (db, &QUOTA_DELETE, KN_BIND (kn_text (project_id), kn_text (resource)), NULL,
                       error)
           && kn_db_exec (db, &QUOTA_INSERT,
                          KN_BIND (kn_text (project_id), kn_text (resource), kn_int (limit)), NULL,
                          error);
}

bool
kn_store_net_quota_reset (KnDb *db, const char *project_id, gint64 *out_n, GError **error)
{
    return kn_db_exec (db, &QUOTA_RESET, KN_BIND (kn_text (project_id)), out_n, error);
}

GPtrArray *
kn_store_net_quota_projects (KnDb *db, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &QUOTA_PROJECTS, KN_NO_BIND, error);

    return kn_rows_list_texts (rows, error);
}

static void
add_tag (KnObject *object, const char *tag)
{
    guint n = g_strv_length (object->tags);

    object->tags = g_renew (char *, object->tags, n + 2);
    object->tags[n] = g_strdup (tag);
    object->tags[n + 1] = NULL;
}

bool
kn_store_tags_load (KnDb *db, GPtrArray *objects, GError **error)
{
    g_autoptr (GHashTable) by_id = g_hash_table_new (g_str_hash, g_str_equal);
    g_autoptr (GError) local = NULL;
    const char *only = objects->len == 1 ? ((KnObject *)objects->pdata[0])->id : NULL;

    for (guint i = 0; i < objects->len; i++) {
        KnObject *object = g_ptr_array_index (objects, i);

        g_strfreev (object->tags);
        object->tags = g_new0 (char *, 1);
        g_hash_table_insert (by_id, object->id, object);
    }
    if (objects->len == 0)
        return true;

    g_autoptr (KnRows) rows = only != NULL
                                  ? kn_db_query (db, &TAG_LIST_OF, KN_BIND (kn_text (only)), error)
                                  : kn_db_query (db, &TAG_LIST, KN_NO_BIND, error);
    if (rows == NULL)
        return false;
    while (kn_rows_next (rows, &local)) {
        KnObject *object = g_hash_table_lookup (by_id, kn_rows_text (rows, 0));

        if (object != NULL)
            add_tag (object, kn_rows_text (rows, 1));
    }
    return kn_rows_ended (&local, error);
}

bool
kn_store_tag_insert (KnDb *db, const char *object_id, const char *tag, GError **error)
{
    return kn_db_exec (db, &TAG_INSERT, KN_BIND (kn_text (object_id), kn_text (tag)), NULL, error);
}

bool
kn_store_tag_delete (KnDb *db, const char *object_id, const char *tag, gint64 *out_n,
                     GError **error)
{
    return kn_db_exec (db, &TAG_DELETE, KN_BIND (kn_text (object_id), kn_text (tag)), out_n, error);
}

bool
kn_store_tags_clear (KnDb *db, const char *object_id, GError **error)
{
    return kn_db_exec (db, &TAG_CLEAR, KN_BIND (kn_text (object_id)), NULL, error);
}
