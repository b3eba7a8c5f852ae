/* SPDX-License-Identifier: Apache-2.0 */
/* Ports: their attributes and rules. */
#include "network/network_priv.h"

#include <string.h>

#include "base/error.h"
#include "base/id.h"
#include "network/formats.h"

#define FIXED_IPS_MAX 5
#define GROUPS_MAX 100
#define MAC_TRIES 16
#define PROFILE_MAX 4096

static void
init (KnObject *object)
{
    KnPortRow *port = (KnPortRow *)object;

    port->base.name = g_strdup ("");
    port->base.description = g_strdup ("");
    port->status = g_strdup ("DOWN");
    port->admin_state_up = true;
    port->device_id = g_strdup ("");
    port->device_owner = g_strdup ("");
    port->host = g_strdup ("");
    port->vnic_type = g_strdup ("normal");
    port->profile = g_strdup ("{}");
    port->fixed_ips = kn_pairs_new ();
    port->security_groups = g_new0 (char *, 1);
}

static bool
owns_network (KnDb *db, const KnScope *scope, const char *network_id)
{
    g_autoptr (GError) ignored = NULL;
    g_autoptr (KnNet) net = (KnNet *)kn_store_net_find (db, network_id, &ignored);

    return net != NULL && g_strcmp0 (net->base.project_id, scope->project_id) == 0;
}

static bool
visible (KnDb *db, const KnScope *scope, const KnObject *object)
{
    return scope->admin || g_strcmp0 (object->project_id, scope->project_id) == 0
           || owns_network (db, scope, ((const KnPortRow *)object)->network_id);
}

static bool
is_server_port (const KnPortRow *port)
{
    return *port->device_id != '\0' && g_str_has_prefix (port->device_owner, "compute:");
}

static void
note_effects (KnEffects *effects, const KnPortRow *port, bool tell)
{
    kn_effects_network (effects, port->network_id);
    if (tell && is_server_port (port))
        g_ptr_array_add (effects->ports, kn_pair_new (port->device_id, port->base.id));
}

/* What only the owner of the network or an administrator may choose. */
static bool
check_rights (const KnScope *scope, const KnNet *net, const KnPortRow *request, GError **error)
{
    const char *what = NULL;

    if (scope->admin || g_strcmp0 (net->base.project_id, scope->project_id) == 0)
        return true;
    if (kn_object_has (&request->base, "mac_address"))
        what = "mac_address";
    if (kn_object_has (&request->base, "device_owner")
        && g_str_has_prefix (request->device_owner, "network:"))
        what = "device_owner";
    for (guint i = 0; kn_object_has (&request->base, "fixed_ips") && request->fixed_ips != NULL
                      && i < request->fixed_ips->len;
         i++)
        if (((KnPair *)request->fixed_ips->pdata[i])->second != NULL)
            what = "ip_address";
    if (what != NULL)
        kn_error_public_type (error, KN_ERROR_FORBIDDEN, "PolicyNotAuthorized",
                              "Only the owner of network %s may choose %s.", net->base.id, what);
    return what == NULL;
}

static bool
check_groups (KnDb *db, const KnScope *scope, const KnPortRow *port, GError **error)
{
    for (char **id = port->security_groups; id != NULL && *id != NULL; id++) {
        g_autoptr (GError) local = NULL;
        g_autoptr (KnSecurityGroup) group
            = (KnSecurityGroup *)kn_store_group_find (db, *id, &local);

        if (local != NULL) {
            g_propagate_error (error, g_steal_pointer (&local));
            return false;
        }
        if (group != NULL
            && (scope->admin || strcmp (group->base.project_id, port->base.project_id) == 0))
            continue;
        kn_error_public_type (error, KN_ERROR_NOT_FOUND, "SecurityGroupNotFound",
                              "There is no security group %s.", *id);
        return false;
    }
    return true;
}

static bool
choose_groups (KnDb *db, const KnScope *scope, KnPortRow *port, GError **error)
{
    char *group;

    if (kn_object_has (&port->base, "security_groups"))
        return check_groups (db, scope, port, error);
    if (g_str_has_prefix (port->device_owner, "network:"))
        return true;

    group = kn_group_ensure_default (db, port->base.project_id, error);
    if (group == NULL)
        return false;
    g_strfreev (port->security_groups);
    port->security_groups = g_new0 (char *, 2);
    port->security_groups[0] = group;
    return true;
}

static bool
is_conflict (const GError *error)
{
    return g_error_matches (error, KN_ERROR, KN_ERROR_CONFLICT);
}

static bool
set_mac_taken (const KnPortRow *port, GError **error)
{
    kn_error_public_type (error, KN_ERROR_CONFLICT, "MacAddressInUse",
                          "Hardware address %s is taken on network %s.", port->mac,
                          port->network_id);
    return false;
}

/* Writes the row; a hardware address that was not asked for is made up until it is new in the network. */
static bool
insert_row (KnDb *db, KnPortRow *port, GError **error)
{
    bool given = port->mac != NULL;
    char buffer[KN_MAC_TEXT_MAX];

    for (guint i = 0; i < MAC_TRIES; i++) {
        g_autoptr (GError) local = NULL;

        if (!given) {
            g_free (port->mac);
            port->mac = g_strdup (kn_mac_random (buffer));
        }
        if (kn_store_port_insert (db, port, &local))
            return true;
        if (!is_conflict (local)) {
            g_propagate_error (error, g_steal_pointer (&local));
            return false;
        }
        if (given)
            break;
    }
    return set_mac_taken (port, error);
}

/* What null means for columns that are never null. */
static void
replace_nulls (KnPortRow *port)
{
    if (port->host == NULL)
        port->host = g_strdup ("");
    if (port->profile == NULL)
        port->profile = g_strdup ("{}");
    if (port->security_groups == NULL)
        port->security_groups = g_new0 (char *, 1);
    if (port->fixed_ips == NULL)
        port->fixed_ips = kn_pairs_new ();
}

bool
kn_port_create (KnDb *db, const KnScope *scope, KnPortRow *port, GError **error)
{
    bool wished = kn_object_has (&port->base, "fixed_ips");
    g_autoptr (KnNet) net = NULL;

    replace_nulls (port);
    if (!kn_net_load (db, scope, port->network_id, &net, error))
        return false;

    if (!check_rights (scope, net, port, error) || !choose_groups (db, scope, port, error))
        return false;
    if (port->position == KN_NO_INT)
        port->position = 0;
    kn_object_stamp (&port->base);
    if (!insert_row (db, port, error) || !kn_store_port_set_groups (db, port, error))
        return false;

    g_autoptr (GPtrArray) wishes = g_steal_pointer (&port->fixed_ips);
    port->fixed_ips = kn_pairs_new ();
    return kn_allocate_addresses (db, port, wished ? wishes : NULL, error);
}

static bool
create (KnDb *db, const KnScope *scope, KnObject *object, KnEffects *effects, GError **error)
{
    KnPortRow *port = (KnPortRow *)object;

    if (!kn_port_create (db, scope, port, error))
        return false;
    note_effects (effects, port, false);
    return true;
}

/* Takes the entry of @have that @wish stands for out of @have; NULL if there is none. */
static KnPair *
steal_match (GPtrArray *have, const KnPair *wish)
{
    for (guint i = 0; i < have->len; i++) {
        const KnPair *pair = g_ptr_array_index (have, i);

        if ((wish->first == NULL || strcmp (wish->first, pair->first) == 0)
            && (wish->second == NULL || strcmp (wish->second, pair->second) == 0))
            return g_ptr_array_steal_index (have, i);
    }
    return NULL;
}

/* Addresses that are wished and had stay, the others go, new ones are allocated. */
static bool
change_addresses (KnDb *db, KnPortRow *port, const GPtrArray *wishes, GError **error)
{
    g_autoptr (GPtrArray) have = g_steal_pointer (&port->fixed_ips);
    g_autoptr (GPtrArray) fresh = g_ptr_array_new ();

    port->fixed_ips = kn_pairs_new ();
    for (guint i = 0; i < wishes->len; i++) {
        KnPair *wish = g_ptr_array_index (wishes, i);
        KnPair *match = steal_match (have, wish);

        g_ptr_array_add (match != NULL ? port->fixed_ips : fresh, match != NULL ? match : wish);
    }
    for (guint i = 0; i < have->len; i++) {
        const KnPair *pair = g_ptr_array_index (have, i);

        if (!kn_store_address_delete (db, pair->first, pair->second, error))
            return false;
    }
    return kn_allocate_addresses (db, port, fresh, error);
}

static bool
check_mac_change (KnDb *db, const KnPortRow *port, const char *before, GError **error)
{
    if (strcmp (before, port->mac) != 0 && *port->host != '\0') {
        kn_error_public_type (error, KN_ERROR_CONFLICT, "PortBound",
                              "Port %s is in use on host %s; its hardware address cannot change.",
                              port->base.id, port->host);
        return false;
    }
    return true;
}

static bool
save_row (KnDb *db, KnPortRow *port, GError **error)
{
    g_autoptr (GError) local = NULL;

    kn_object_stamp (&port->base);
    if (kn_store_port_update (db, port, &local))
        return true;
    if (is_conflict (local) && kn_error_type (local) == NULL)
        return set_mac_taken (port, error);
    g_propagate_error (error, g_steal_pointer (&local));
    return false;
}

static bool
update (KnDb *db, const KnScope *scope, KnObject *object, KnObject *change, KnEffects *effects,
        GError **error)
{
    KnPortRow *port = (KnPortRow *)object, *request = (KnPortRow *)change;
    bool addresses = kn_object_has (change, "fixed_ips");
    bool groups = kn_object_has (change, "security_groups");
    g_autofree char *mac_before = g_strdup (port->mac);
    g_autoptr (GPtrArray) had = NULL;
    g_autoptr (KnNet) net = NULL;

    if (!kn_net_load (db, &(KnScope){ .admin = true }, port->network_id, &net, error))
        return false;
    if (!check_rights (scope, net, request, error))
        return false;

    if (addresses)
        had = g_steal_pointer (&port->fixed_ips);
    kn_object_apply (object, change);
    replace_nulls (port);
    if (!check_mac_change (db, port, mac_before, error) || !save_row (db, port, error)
        || (groups
            && (!check_groups (db, scope, port, error)
                || !kn_store_port_set_groups (db, port, error))))
        return false;
    if (addresses) {
        g_autoptr (GPtrArray) wishes = g_steal_pointer (&port->fixed_ips);

        port->fixed_ips = g_steal_pointer (&had);
        if (!change_addresses (db, port, wishes, error))
            return false;
    }
    note_effects (effects, port, addresses);
    return true;
}

static bool
remove_port (KnDb *db, const KnScope *scope, KnObject *object, KnEffects *effects, GError **error)
{
    const KnPortRow *port = (const KnPortRow *)object;
    bool answered_dhcp = strcmp (port->device_owner, KN_DHCP_OWNER) == 0;
    g_autoptr (KnNet) net = NULL;

    note_effects (effects, port, true);
    if (!kn_store_port_delete (db, object->id, error)
        || !kn_store_tags_clear (db, object->id, error))
        return false;
    if (!answered_dhcp)
        return true;

    if (!kn_net_load (db, &(KnScope){ .admin = true }, port->network_id, &net, error))
        return false;
    return kn_port_ensure_dhcp (db, net, error);
}

static KnPortRow *
steal_dhcp_port (GPtrArray *ports)
{
    for (guint i = 0; i < ports->len; i++)
        if (strcmp (((KnPortRow *)ports->pdata[i])->device_owner, KN_DHCP_OWNER) == 0)
            return g_ptr_array_steal_index (ports, i);
    return NULL;
}

static KnPortRow *
new_dhcp_port (const KnNet *net)
{
    KnPortRow *port = kn_object_new (&kn_port_resource);

    port->base.project_id = g_strdup (net->base.project_id);
    port->network_id = g_strdup (net->base.id);
    g_free (port->device_owner);
    port->device_owner = g_strdup (KN_DHCP_OWNER);
    g_free (port->device_id);
    port->device_id = g_strconcat ("dhcp-", net->base.id, NULL);
    g_free (port->status);
    port->status = g_strdup ("ACTIVE");
    port->position = 0;
    return port;
}

bool
kn_port_ensure_dhcp (KnDb *db, const KnNet *net, GError **error)
{
    g_autoptr (GPtrArray) subnets = kn_objects_new (), ports = kn_objects_new ();
    g_autoptr (GPtrArray) wishes = kn_pairs_new ();

    if (!kn_store_subnet_list_of (db, net->base.id, subnets, error)
        || !kn_store_port_list_of_network (db, net->base.id, ports, error))
        return false;
    for (guint i = 0; i < subnets->len; i++) {
        const KnSubnet *subnet = g_ptr_array_index (subnets, i);

        if (kn_subnet_has_dhcp (subnet))
            g_ptr_array_add (wishes, kn_pair_new (subnet->base.id, NULL));
    }

    g_autoptr (KnPortRow) port = steal_dhcp_port (ports);
    if (wishes->len == 0)
        return port == NULL || kn_store_port_delete (db, port->base.id, error);
    if (port == NULL) {
        port = new_dhcp_port (net);
        kn_object_stamp (&port->base);
        if (!insert_row (db, port, error))
            return false;
    }
    return change_addresses (db, port, wishes, error);
}

static const char *const vnic_types[] = { "normal", NULL };

#define A(attribute, kind, member)                                                                 \
    .name = attribute, .type = KN_ATTR_##kind, .offset = offsetof (KnPortRow, member)
static const KnAttr attrs[] = {
    { A ("id", TEXT, base.id) },
    { A ("name", TEXT, base.name), .flags = KN_A_SET },
    { A ("description", TEXT, base.description), .flags = KN_A_SET },
    { A ("project_id", TEXT, base.project_id), .flags = KN_A_POST, .normalise = kn_format_project,
      .what = "a project id" },
    { A ("tenant_id", TEXT, base.project_id), .flags = KN_A_POST | KN_A_ALIAS,
      .normalise = kn_format_project, .what = "a project id" },
    { A ("network_id", TEXT, network_id), .flags = KN_A_POST | KN_A_REQUIRED,
      .normalise = kn_format_uuid, .what = "a UUID" },
    { A ("mac_address", TEXT, mac), .flags = KN_A_SET, .normalise = kn_format_mac,
      .what = "a unicast hardware address" },
    { A ("fixed_ips", PAIRS, fixed_ips), .flags = KN_A_SET | KN_A_PARTIAL, .max = FIXED_IPS_MAX,
      .keys = { "subnet_id", "ip_address" }, .parts = { kn_format_uuid, kn_format_ip } },
    { A ("admin_state_up", BOOL, admin_state_up), .flags = KN_A_SET },
    { A ("status", TEXT, status) },
    { A ("device_id", TEXT, device_id), .flags = KN_A_SET },
    { A ("device_owner", TEXT, device_owner), .flags = KN_A_SET },
    { A ("security_groups", LINES, security_groups), .flags = KN_A_SET | KN_A_NULL,
      .max = GROUPS_MAX, .normalise = kn_format_uuid, .what = "a UUID" },
    { A ("binding:host_id", TEXT, host),
      .flags = KN_A_SET | KN_A_NULL | KN_A_ADMIN_SET | KN_A_ADMIN_SEE },
    { A ("binding:vif_type", TEXT, vif_type), .flags = KN_A_ADMIN_SEE },
    { A ("binding:vif_details", JSON, vif_details), .flags = KN_A_ADMIN_SEE },
    { A ("binding:vnic_type", TEXT, vnic_type), .flags = KN_A_SET, .choices = vnic_types },
    { A ("binding:profile", JSON, profile),
      .flags = KN_A_SET | KN_A_NULL | KN_A_ADMIN_SET | KN_A_ADMIN_SEE, .max = PROFILE_MAX },
    { A ("tags", LINES, base.tags) },
    { A ("created_at", TIME, base.created_at) },
    { A ("updated_at", TIME, base.updated_at) },
    { A ("revision_number", INT, base.revision) },
};

const KnResource kn_port_resource = {
    .name = "port",
    .plural = "ports",
    .title = "port",
    .not_found = "PortNotFound",
    .quota = "port",
    .size = sizeof (KnPortRow),
    .attrs = attrs,
    .n_attrs = G_N_ELEMENTS (attrs),
    .init = init,
    .list = kn_store_port_list,
    .find = kn_store_port_find,
    .visible = visible,
    .create = create,
    .update = update,
    .remove = remove_port,
};
