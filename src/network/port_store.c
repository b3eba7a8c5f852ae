/* SPDX-License-Identifier: Apache-2.0 */
/* Ports with their addresses and groups in the database. */
#include "network/network_priv.h"

#include "base/error.h"

#define COLUMNS                                                                                    \
    "p.project_id, p.network_id, p.name, p.description, p.mac_address, p.admin_state_up, "         \
    "p.status, p.device_id, p.device_owner, p.host, p.vnic_type, p.profile, p.position, "          \
    "p.made_for_server, p.created_at, p.updated_at, p.revision_number, p.id"

/* One condition for the ports and for what belongs to them: all, a project's own and those on its networks; of a network; of a
 * device; one. */
#define SCOPE "(?=1 OR p.project_id=? OR n.project_id=?)"
#define FROM_PORTS " FROM ports p JOIN networks n ON n.id=p.network_id WHERE "
#define FROM_ADDRESSES                                                                             \
    "SELECT a.port_id, a.subnet_id, a.ip_address FROM ipallocations a JOIN ports p ON "            \
    "p.id=a.port_id JOIN networks n ON n.id=p.network_id WHERE "
#define FROM_GROUPS                                                                                \
    "SELECT g.port_id, g.security_group_id FROM securitygroupportbindings g JOIN ports p ON "      \
    "p.id=g.port_id JOIN networks n ON n.id=p.network_id WHERE "
#define ORDER " ORDER BY p.position, p.created_at, p.id"

typedef enum { BY_SCOPE, BY_NETWORK, BY_DEVICE, BY_ID, BY_N } KnPortChoice;

#define CHOICE(title, condition)                                                                   \
    {                                                                                              \
        { .name = title, .sql = "SELECT " COLUMNS FROM_PORTS condition ORDER },                    \
            { .name = title "_ADDRESSES", .sql = FROM_ADDRESSES condition },                       \
            { .name = title "_GROUPS", .sql = FROM_GROUPS condition },                             \
    }
/* Ports, addresses, groups. */
static const KnStmt choices[BY_N][3] = {
    [BY_SCOPE] = CHOICE ("PORT_LIST", SCOPE),
    [BY_NETWORK] = CHOICE ("PORT_LIST_OF_NETWORK", "p.network_id=?"),
    [BY_DEVICE] = CHOICE ("PORT_LIST_OF_DEVICE", "p.device_id=?"),
    [BY_ID] = CHOICE ("PORT_FIND", "p.id=?"),
};

KN_STMT (PORT_INSERT,
         "INSERT INTO ports (project_id, network_id, name, description, mac_address, "
         "admin_state_up, status, device_id, device_owner, host, vnic_type, profile, position, "
         "made_for_server, created_at, updated_at, revision_number, id) "
         "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
KN_STMT (PORT_UPDATE,
         "UPDATE ports SET project_id=?, network_id=?, name=?, description=?, mac_address=?, "
         "admin_state_up=?, status=?, device_id=?, device_owner=?, host=?, vnic_type=?, profile=?, "
         "position=?, made_for_server=?, created_at=?, updated_at=?, revision_number=? "
         "WHERE id=? AND revision_number=?");
KN_STMT (PORT_STATUS, "UPDATE ports SET status=? WHERE id=?");
KN_STMT (PORT_DELETE, "DELETE FROM ports WHERE id=?");
KN_STMT (PORT_GROUPS_CLEAR, "DELETE FROM securitygroupportbindings WHERE port_id=?");
KN_STMT (PORT_GROUPS_INSERT,
         "INSERT INTO securitygroupportbindings (port_id, security_group_id) VALUES (?,?)");
KN_STMT (PORT_LIST_WIRED,
         "SELECT DISTINCT network_id FROM ports WHERE host<>'' AND device_id<>'' AND "
         "device_owner<>'" KN_DHCP_OWNER "'");

#define C(kind, member)                                                                            \
    {                                                                                              \
        KN_COL_##kind, offsetof (KnPortRow, member)                                                \
    }
static const KnColumn columns[] = {
    C (TEXT, base.project_id),
    C (TEXT, network_id),
    C (TEXT, base.name),
    C (TEXT, base.description),
    C (TEXT, mac),
    C (BOOL, admin_state_up),
    C (TEXT, status),
    C (TEXT, device_id),
    C (TEXT, device_owner),
    C (TEXT, host),
    C (TEXT, vnic_type),
    C (TEXT, profile),
    C (INT, position),
    C (BOOL, made_for_server),
    C (TEXT, base.created_at),
    C (TEXT, base.updated_at),
    C (INT, base.revision),
    C (TEXT, base.id),
};

typedef void (*KnAttach) (KnRows *rows, KnPortRow *port);

static void
attach_address (KnRows *rows, KnPortRow *port)
{
    KnPair *pair = g_new0 (KnPair, 1);

    pair->first = kn_rows_dup (rows, 1);
    pair->second = kn_rows_dup (rows, 2);
    g_ptr_array_add (port->fixed_ips, pair);
}

static void
attach_group (KnRows *rows, KnPortRow *port)
{
    guint n = g_strv_length (port->security_groups);

    port->security_groups = g_renew (char *, port->security_groups, n + 2);
    port->security_groups[n] = kn_rows_dup (rows, 1);
    port->security_groups[n + 1] = NULL;
}

/* Runs a query whose first column is a port's id and hands each row to its port. */
static bool
attach (KnDb *db, const KnStmt *stmt, const KnValue *values, gsize n, GHashTable *by_id,
        KnAttach fn, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, stmt, values, n, error);
    g_autoptr (GError) local = NULL;

    if (rows == NULL)
        return false;
    while (kn_rows_next (rows, &local)) {
        KnPortRow *port = g_hash_table_lookup (by_id, kn_rows_text (rows, 0));

        if (port != NULL)
            fn (rows, port);
    }
    return kn_rows_ended (&local, error);
}

static bool
load (KnDb *db, KnPortChoice choice, const KnValue *values, gsize n, GPtrArray *ports,
      GError **error)
{
    g_autoptr (GHashTable) by_id = g_hash_table_new (g_str_hash, g_str_equal);
    g_autoptr (KnRows) rows = kn_db_query (db, &choices[choice][0], values, n, error);
    guint first = ports->len;

    if (rows == NULL
        || !kn_columns_read_all (rows, &kn_port_resource, columns, G_N_ELEMENTS (columns), ports,
                                 error))
        return false;
    for (guint i = first; i < ports->len; i++) {
        KnPortRow *port = g_ptr_array_index (ports, i);

        g_clear_pointer (&port->fixed_ips, g_ptr_array_unref);
        g_strfreev (port->security_groups);
        port->fixed_ips = kn_pairs_new ();
        port->security_groups = g_new0 (char *, 1);
        g_hash_table_insert (by_id, port->base.id, port);
    }
    return g_hash_table_size (by_id) == 0
           || (attach (db, &choices[choice][1], values, n, by_id, attach_address, error)
               && attach (db, &choices[choice][2], values, n, by_id, attach_group, error));
}

bool
kn_store_port_list (KnDb *db, const KnScope *scope, GPtrArray *ports, GError **error)
{
    return load (
        db, BY_SCOPE,
        KN_BIND (kn_int (scope->admin), kn_text (scope->project_id), kn_text (scope->project_id)),
        ports, error);
}

bool
kn_store_port_list_of_network (KnDb *db, const char *network_id, GPtrArray *ports, GError **error)
{
    return load (db, BY_NETWORK, KN_BIND (kn_text (network_id)), ports, error);
}

bool
kn_store_port_list_of_device (KnDb *db, const char *device_id, GPtrArray *ports, GError **error)
{
    return load (db, BY_DEVICE, KN_BIND (kn_text (device_id)), ports, error);
}

KnObject *
kn_store_port_find (KnDb *db, const char *id, GError **error)
{
    g_autoptr (GPtrArray) ports = kn_objects_new ();

    if (!load (db, BY_ID, KN_BIND (kn_text (id)), ports, error) || ports->len == 0)
        return NULL;
    return g_ptr_array_steal_index (ports, 0);
}

bool
kn_store_port_insert (KnDb *db, const KnPortRow *port, GError **error)
{
    return kn_columns_insert (db, &PORT_INSERT, columns, G_N_ELEMENTS (columns), port, error);
}

bool
kn_store_port_update (KnDb *db, const KnPortRow *port, GError **error)
{
    return kn_columns_update (db, &PORT_UPDATE, columns, G_N_ELEMENTS (columns), &port->base,
                              error);
}

bool
kn_store_port_delete (KnDb *db, const char *id, GError **error)
{
    return kn_db_exec (db, &PORT_DELETE, KN_BIND (kn_text (id)), NULL, error);
}

bool
kn_store_port_set_status (KnDb *db, const char *id, const char *status, GError **error)
{
    return kn_db_exec (db, &PORT_STATUS, KN_BIND (kn_text (status), kn_text (id)), NULL, error);
}

bool
kn_store_port_set_groups (KnDb *db, const KnPortRow *port, GError **error)
{
    if (!kn_db_exec (db, &PORT_GROUPS_CLEAR, KN_BIND (kn_text (port->base.id)), NULL, error))
        return false;
    for (char **id = port->security_groups; id != NULL && *id != NULL; id++)
        if (!kn_db_exec (db, &PORT_GROUPS_INSERT, KN_BIND (kn_text (port->base.id), kn_text (*id)),
                         NULL, error))
            return false;
    return true;
}

bool
kn_store_port_list_wired (KnDb *db, GPtrArray *network_ids, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &PORT_LIST_WIRED, KN_NO_BIND, error);
    g_autoptr (GError) local = NULL;

    if (rows == NULL)
        return false;
    while (kn_rows_next (rows, &local))
        g_ptr_array_add (network_ids, kn_rows_dup (rows, 0));
    return kn_rows_ended (&local, error);
}
