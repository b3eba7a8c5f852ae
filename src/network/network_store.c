/* SPDX-License-Identifier: Apache-2.0 */
/* Networks in the database. */
#include "network/network_priv.h"

#define COLUMNS                                                                                    \
    "n.project_id, n.name, n.description, n.status, n.admin_state_up, n.shared, n.external, "      \
    "n.mtu, n.created_at, n.updated_at, n.revision_number, n.id"

KN_STMT (NET_LIST, "SELECT " COLUMNS " FROM networks n WHERE ?=1 OR n.project_id=? OR n.shared=1 "
                   "OR n.external=1");
KN_STMT (NET_FIND, "SELECT " COLUMNS " FROM networks n WHERE n.id=?");
KN_STMT (NET_SUBNETS, "SELECT network_id, id FROM subnets WHERE ?=1 OR network_id=? ORDER BY "
                      "created_at, id");
KN_STMT (NET_INSERT,
         "INSERT INTO networks (project_id, name, description, status, admin_state_up, shared, "
         "external, mtu, created_at, updated_at, revision_number, id) "
         "VALUES (?,?,?,?,?,?,?,?,?,?,?,?)");
KN_STMT (NET_UPDATE,
         "UPDATE networks SET project_id=?, name=?, description=?, status=?, admin_state_up=?, "
         "shared=?, external=?, mtu=?, created_at=?, updated_at=?, revision_number=? "
         "WHERE id=? AND revision_number=?");
/* SQLite has one writer at a time anyway. */
static const KnStmt NET_LOCK = { .name = "NET_LOCK",
                                 .sql = "SELECT 1",
                                 .mariadb = "SELECT id FROM network_lock WHERE id=1 FOR UPDATE" };
KN_STMT (NET_DELETE, "DELETE FROM networks WHERE id=?");

#define C(kind, member)                                                                            \
    {                                                                                              \
        KN_COL_##kind, offsetof (KnNet, member)                                                    \
    }
static const KnColumn columns[] = {
    C (TEXT, base.project_id),  C (TEXT, base.name),
    C (TEXT, base.description), C (TEXT, status),
    C (BOOL, admin_state_up),   C (BOOL, shared),
    C (BOOL, external),         C (INT, mtu),
    C (TEXT, base.created_at),  C (TEXT, base.updated_at),
    C (INT, base.revision),     C (TEXT, base.id),
};

static bool
read_nets (KnRows *rows, GPtrArray *nets, GError **error)
{
    return kn_columns_read_all (rows, &kn_net_resource, columns, G_N_ELEMENTS (columns), nets,
                                error);
}

/* Fills the subnets' ids, of one network when @id is given. */
static bool
load_subnets (KnDb *db, const char *id, GPtrArray *nets, GError **error)
{
    g_autoptr (GHashTable) of = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                                       (GDestroyNotify)g_ptr_array_unref);
    g_autoptr (KnRows) rows
        = kn_db_query (db, &NET_SUBNETS, KN_BIND (kn_int (id == NULL), kn_text (id)), error);
    g_autoptr (GError) local = NULL;

    if (rows == NULL)
        return false;

    while (kn_rows_next (rows, &local)) {
        GPtrArray *ids = g_hash_table_lookup (of, kn_rows_text (rows, 0));

        if (ids == NULL) {
            ids = g_ptr_array_new_null_terminated (2, g_free, TRUE);
            g_hash_table_insert (of, kn_rows_dup (rows, 0), ids);
        }
        g_ptr_array_add (ids, kn_rows_dup (rows, 1));
    }
    if (!kn_rows_ended (&local, error))
        return false;

    for (guint i = 0; i < nets->len; i++) {
        KnNet *net = g_ptr_array_index (nets, i);
        GPtrArray *ids = g_hash_table_lookup (of, net->base.id);

        net->subnets = ids != NULL ? g_strdupv ((char **)ids->pdata) : g_new0 (char *, 1);
    }
    return true;
}

bool
kn_store_net_lock (KnDb *db, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &NET_LOCK, KN_NO_BIND, error);

    return rows != NULL && kn_rows_next (rows, error);
}

bool
kn_store_net_list (KnDb *db, const KnScope *scope, GPtrArray *nets, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (
        db, &NET_LIST, KN_BIND (kn_int (scope->admin), kn_text (scope->project_id)), error);

    return rows != NULL && read_nets (rows, nets, error) && load_subnets (db, NULL, nets, error);
}

KnObject *
kn_store_net_find (KnDb *db, const char *id, GError **error)
{
    g_autoptr (GPtrArray) nets = kn_objects_new ();
    g_autoptr (KnRows) rows = kn_db_query (db, &NET_FIND, KN_BIND (kn_text (id)), error);

    if (rows == NULL || !read_nets (rows, nets, error) || nets->len == 0
        || !load_subnets (db, id, nets, error))
        return NULL;
    return g_ptr_array_steal_index (nets, 0);
}

bool
kn_store_net_insert (KnDb *db, const KnNet *net, GError **error)
{
    return kn_columns_insert (db, &NET_INSERT, columns, G_N_ELEMENTS (columns), net, error);
}

bool
kn_store_net_update (KnDb *db, const KnNet *net, GError **error)
{
    return kn_columns_update (db, &NET_UPDATE, columns, G_N_ELEMENTS (columns), &net->base, error);
}

bool
kn_store_net_delete (KnDb *db, const char *id, GError **error)
{
    return kn_db_exec (db, &NET_DELETE, KN_BIND (kn_text (id)), NULL, error);
}
