/* SPDX-License-Identifier: Apache-2.0 */
/* Subnets and allocated addresses in the database. */
#include "network/network_priv.h"

#include "base/error.h"

#define COLUMNS                                                                                    \
    "s.project_id, s.network_id, s.name, s.description, s.ip_version, s.cidr, s.gateway_ip, "      \
    "s.enable_dhcp, s.ipv6_ra_mode, s.ipv6_address_mode, s.allocation_pools, s.dns_nameservers, "  \
    "s.host_routes, s.created_at, s.updated_at, s.revision_number, s.id"

KN_STMT (SUBNET_LIST, "SELECT " COLUMNS " FROM subnets s JOIN networks n ON n.id=s.network_id "
                      "WHERE ?=1 OR s.project_id=? OR n.shared=1");
KN_STMT (SUBNET_LIST_OF,
         "SELECT " COLUMNS " FROM subnets s WHERE s.network_id=? ORDER BY s.created_at, s.id");
KN_STMT (SUBNET_FIND, "SELECT " COLUMNS " FROM subnets s WHERE s.id=?");
KN_STMT (SUBNET_INSERT,
         "INSERT INTO subnets (project_id, network_id, name, description, ip_version, cidr, "
         "gateway_ip, enable_dhcp, ipv6_ra_mode, ipv6_address_mode, allocation_pools, "
         "dns_nameservers, host_routes, created_at, updated_at, revision_number, id) "
         "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
KN_STMT (SUBNET_UPDATE,
         "UPDATE subnets SET project_id=?, network_id=?, name=?, description=?, ip_version=?, "
         "cidr=?, gateway_ip=?, enable_dhcp=?, ipv6_ra_mode=?, ipv6_address_mode=?, "
         "allocation_pools=?, dns_nameservers=?, host_routes=?, created_at=?, updated_at=?, "
         "revision_number=? WHERE id=? AND revision_number=?");
KN_STMT (SUBNET_DELETE, "DELETE FROM subnets WHERE id=?");
KN_STMT (SUBNET_USERS, "SELECT COUNT(*) FROM ipallocations a JOIN ports p ON p.id=a.port_id "
                       "WHERE a.subnet_id=? AND p.device_owner<>'" KN_DHCP_OWNER "'");
KN_STMT (ADDRESS_INSERT, "INSERT INTO ipallocations (subnet_id, ip_address, port_id, network_id) "
                         "VALUES (?,?,?,?)");
KN_STMT (ADDRESS_DELETE, "DELETE FROM ipallocations WHERE subnet_id=? AND ip_address=?");
KN_STMT (ADDRESS_CLEAR, "DELETE FROM ipallocations WHERE subnet_id=?");
KN_STMT (ADDRESS_LIST, "SELECT ip_address FROM ipallocations WHERE subnet_id=?");

#define C(kind, member)                                                                            \
    {                                                                                              \
        KN_COL_##kind, offsetof (KnSubnet, member)                                                 \
    }
static const KnColumn columns[] = {
    C (TEXT, base.project_id),  C (TEXT, network_id),      C (TEXT, base.name),
    C (TEXT, base.description), C (INT, ip_version),       C (TEXT, cidr),
    C (TEXT, gateway_ip),       C (BOOL, enable_dhcp),     C (TEXT, ra_mode),
    C (TEXT, address_mode),     C (PAIRS, pools),          C (LINES, dns),
    C (PAIRS, routes),          C (TEXT, base.created_at), C (TEXT, base.updated_at),
    C (INT, base.revision),     C (TEXT, base.id),
};

static bool
read_subnets (KnRows *rows, GPtrArray *subnets, GError **error)
{
    return rows != NULL
           && kn_columns_read_all (rows, &kn_subnet_resource, columns, G_N_ELEMENTS (columns),
                                   subnets, error);
}

bool
kn_store_subnet_list (KnDb *db, const KnScope *scope, GPtrArray *subnets, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (
        db, &SUBNET_LIST, KN_BIND (kn_int (scope->admin), kn_text (scope->project_id)), error);

    return read_subnets (rows, subnets, error);
}

bool
kn_store_subnet_list_of (KnDb *db, const char *network_id, GPtrArray *subnets, GError **error)
{
    g_autoptr (KnRows) rows
        = kn_db_query (db, &SUBNET_LIST_OF, KN_BIND (kn_text (network_id)), error);

    return read_subnets (rows, subnets, error);
}

KnObject *
kn_store_subnet_find (KnDb *db, const char *id, GError **error)
{
    g_autoptr (GPtrArray) subnets = kn_objects_new ();
    g_autoptr (KnRows) rows = kn_db_query (db, &SUBNET_FIND, KN_BIND (kn_text (id)), error);

    if (!read_subnets (rows, subnets, error) || subnets->len == 0)
        return NULL;
    return g_ptr_array_steal_index (subnets, 0);
}

bool
kn_store_subnet_insert (KnDb *db, const KnSubnet *subnet, GError **error)
{
    return kn_columns_insert (db, &SUBNET_INSERT, columns, G_N_ELEMENTS (columns), subnet, error);
}

bool
kn_store_subnet_update (KnDb *db, const KnSubnet *subnet, GError **error)
{
    return kn_columns_update (db, &SUBNET_UPDATE, columns, G_N_ELEMENTS (columns), &subnet->base,
                              error);
}

bool
kn_store_subnet_delete (KnDb *db, const char *id, GError **error)
{
    return kn_db_exec (db, &ADDRESS_CLEAR, KN_BIND (kn_text (id)), NULL, error)
           && kn_db_exec (db, &SUBNET_DELETE, KN_BIND (kn_text (id)), NULL, error);
}

bool
kn_store_subnet_in_use (KnDb *db, const char *subnet_id, bool *out_in_use, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &SUBNET_USERS, KN_BIND (kn_text (subnet_id)), error);

    if (rows == NULL || !kn_rows_next (rows, error))
        return false;
    *out_in_use = kn_rows_int (rows, 0) > 0;
    return true;
}

bool
kn_store_address_insert (KnDb *db, const KnPortRow *port, const char *subnet_id,
                         const char *address, GError **error)
{
    return kn_db_exec (db, &ADDRESS_INSERT,
                       KN_BIND (kn_text (subnet_id), kn_text (address), kn_text (port->base.id),
                                kn_text (port->network_id)),
                       NULL, error);
}

bool
kn_store_address_delete (KnDb *db, const char *subnet_id, const char *address, GError **error)
{
    return kn_db_exec (db, &ADDRESS_DELETE, KN_BIND (kn_text (subnet_id), kn_text (address)), NULL,
                       error);
}

bool
kn_store_address_list (KnDb *db, const char *subnet_id, GArray *ips, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &ADDRESS_LIST, KN_BIND (kn_text (subnet_id)), error);
    g_autoptr (GError) local = NULL;

    if (rows == NULL)
        return false;
    while (kn_rows_next (rows, &local)) {
        KnIp ip;

        if (kn_ip_parse (kn_rows_text (rows, 0), &ip))
            g_array_append_val (ips, ip);
    }
    return kn_rows_ended (&local, error);
}
