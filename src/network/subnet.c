/* SPDX-License-Identifier: Apache-2.0 */
/* Subnets: their attributes and rules. */
#include "network/network_priv.h"

#include <string.h>

#include "base/error.h"
#include "network/formats.h"

#define DNS_MAX 5
#define ROUTES_MAX 20
#define POOLS_MAX 100

static void
init (KnObject *object)
{
    KnSubnet *subnet = (KnSubnet *)object;

    subnet->base.name = g_strdup ("");
    subnet->base.description = g_strdup ("");
    subnet->enable_dhcp = true;
    subnet->dns = g_new0 (char *, 1);
    subnet->routes = kn_pairs_new ();
}

bool
kn_subnet_is_auto (const KnSubnet *subnet)
{
    return g_strcmp0 (subnet->address_mode, "slaac") == 0
           || g_strcmp0 (subnet->address_mode, "dhcpv6-stateless") == 0;
}

bool
kn_subnet_has_dhcp (const KnSubnet *subnet)
{
    if (!subnet->enable_dhcp)
        return false;
    return subnet->ip_version == 4 || (subnet->address_mode == NULL && subnet->ra_mode == NULL)
           || (subnet->address_mode != NULL && g_str_has_prefix (subnet->address_mode, "dhcpv6-"));
}

static bool
visible (KnDb *db, const KnScope *scope, const KnObject *object)
{
    const KnSubnet *subnet = (const KnSubnet *)object;
    g_autoptr (GError) ignored = NULL;
    g_autoptr (KnNet) net = NULL;

    if (scope->admin || g_strcmp0 (object->project_id, scope->project_id) == 0)
        return true;
    if (!kn_net_load (db, scope, subnet->network_id, &net, &ignored))
        return false;
    return net->shared;
}

static bool bad (GError **error, const char *type, const char *format, ...) G_GNUC_PRINTF (3, 4);

static bool
bad (GError **error, const char *type, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    g_autofree char *text = g_strdup_vprintf (format, args);
    va_end (args);
    kn_error_public_type (error, KN_ERROR_BAD_REQUEST, type, "%s", text);
    return false;
}

static bool
check_ipv6_modes (const KnSubnet *subnet, const KnCidr *cidr, GError **error)
{
    if (subnet->ra_mode == NULL && subnet->address_mode == NULL)
        return true;
    if (cidr->base.version != 6)
        return bad (error, "InvalidInput",
                    "ipv6_ra_mode and ipv6_address_mode need an IPv6 subnet.");
    if (!subnet->enable_dhcp)
        return bad (error, "InvalidInput",
                    "ipv6_ra_mode and ipv6_address_mode need enable_dhcp to be true.");
    if (subnet->ra_mode != NULL && subnet->address_mode != NULL
        && strcmp (subnet->ra_mode, subnet->address_mode) != 0)
        return bad (error, "InvalidInput",
                    "ipv6_ra_mode '%s' and ipv6_address_mode '%s' contradict each other.",
                    subnet->ra_mode, subnet->address_mode);
    if (kn_subnet_is_auto (subnet) && cidr->prefix != 64)
        return bad (error, "InvalidInput",
                    "Addresses are made from hardware addresses only in a /64, not in %s.",
                    subnet->cidr);
    return true;
}

/* The first host is the router's unless the request says otherwise. */
static bool
choose_gateway (KnSubnet *subnet, const KnCidr *cidr, GError **error)
{
    char buffer[KN_IP_TEXT_MAX];
    KnIpRange hosts;
    KnIp ip;

    if (!kn_object_has (&subnet->base, "gateway_ip")) {
        g_clear_pointer (&subnet->gateway_ip, g_free);
        if (kn_cidr_hosts (cidr, &hosts) && hosts.start.value != hosts.end.value)
            subnet->gateway_ip = g_strdup (kn_ip_format (hosts.start, buffer));
        return true;
    }
    if (subnet->gateway_ip == NULL)
        return true;
    if (!kn_ip_parse (subnet->gateway_ip, &ip) || ip.version != cidr->base.version)
        return bad (error, "InvalidInput", "gateway_ip %s is of another IP version than %s.",
                    subnet->gateway_ip, subnet->cidr);
    if (kn_cidr_contains (cidr, ip) && !kn_cidr_is_host (cidr, ip))
        return bad (error, "InvalidInput", "gateway_ip %s is no host's address in %s.",
                    subnet->gateway_ip, subnet->cidr);
    return true;
}

static void
add_pool (GPtrArray *pools, const KnIpRange *range)
{
    char start[KN_IP_TEXT_MAX], end[KN_IP_TEXT_MAX];

    g_ptr_array_add (
        pools, kn_pair_new (kn_ip_format (range->start, start), kn_ip_format (range->end, end)));
}

static void
default_pools (KnSubnet *subnet, const KnCidr *cidr)
{
    KnIpRange hosts;
    KnIp gateway;

    g_clear_pointer (&subnet->pools, g_ptr_array_unref);
    subnet->pools = kn_pairs_new ();
    if (!kn_cidr_hosts (cidr, &hosts))
        return;

    bool has_gateway = subnet->gateway_ip != NULL && kn_ip_parse (subnet->gateway_ip, &gateway);
    g_autoptr (GArray) ranges = kn_range_without (&hosts, has_gateway ? &gateway : NULL);
    for (guint i = 0; i < ranges->len; i++)
        add_pool (subnet->pools, &g_array_index (ranges, KnIpRange, i));
}

static bool
parse_pool (const KnSubnet *subnet, const KnCidr *cidr, const KnPair *pair, KnIpRange *out_range,
            GError **error)
{
    KnIpRange range;

    if (!kn_ip_parse (pair->first, &range.start) || !kn_ip_parse (pair->second, &range.end)
        || range.start.version != cidr->base.version || range.end.version != cidr->base.version
        || range.start.value > range.end.value)
        return bad (error, "InvalidAllocationPool", "%s to %s is not a range of addresses.",
                    pair->first, pair->second);
    if (!kn_cidr_is_host (cidr, range.start) || !kn_cidr_is_host (cidr, range.end))
        return bad (error, "OutOfBoundsAllocationPool",
                    "The allocation pool %s to %s is not within the hosts of %s.", pair->first,
                    pair->second, subnet->cidr);
    *out_range = range;
    return true;
}

static bool
check_pools (const KnSubnet *subnet, const KnCidr *cidr, GError **error)
{
    g_autoptr (GArray) ranges = g_array_new (FALSE, FALSE, sizeof (KnIpRange));
    KnIp gateway;
    bool has_gateway = subnet->gateway_ip != NULL && kn_ip_parse (subnet->gateway_ip, &gateway);

    for (guint i = 0; i < subnet->pools->len; i++) {
        KnIpRange range;

        if (!parse_pool (subnet, cidr, g_ptr_array_index (subnet->pools, i), &range, error))
            return false;
        if (has_gateway && kn_range_contains (&range, gateway)) {
            kn_error_public_type (error, KN_ERROR_CONFLICT, "GatewayConflictWithAllocationPools",
                                  "The gateway %s lies in an allocation pool.", subnet->gateway_ip);
            return false;
        }
        for (guint k = 0; k < ranges->len; k++) {
            if (!kn_range_overlaps (&range, &g_array_index (ranges, KnIpRange, k)))
                continue;
            kn_error_public_type (error, KN_ERROR_CONFLICT, "OverlappingAllocationPools",
                                  "Two allocation pools overlap.");
            return false;
        }
        g_array_append_val (ranges, range);
    }
    return true;
}

static bool
check_routes (const KnSubnet *subnet, const KnCidr *cidr, GError **error)
{
    for (guint i = 0; i < subnet->routes->len; i++) {
        const KnPair *route = g_ptr_array_index (subnet->routes, i);
        KnCidr destination;
        KnIp hop;

        if (!kn_cidr_parse (route->first, &destination, NULL) || !kn_ip_parse (route->second, &hop)
            || destination.base.version != cidr->base.version || hop.version != cidr->base.version)
            return bad (error, "InvalidInput", "The route to %s by %s is of another IP version.",
                        route->first, route->second);
    }
    return true;
}

static bool
check_overlap (KnDb *db, const KnSubnet *subnet, const KnCidr *cidr, GError **error)
{
    g_autoptr (GPtrArray) others = kn_objects_new ();

    if (!kn_store_subnet_list_of (db, subnet->network_id, others, error))
        return false;
    for (guint i = 0; i < others->len; i++) {
        const KnSubnet *other = g_ptr_array_index (others, i);
        KnCidr range;

        if (kn_cidr_parse (other->cidr, &range, NULL) && kn_cidr_overlaps (cidr, &range))
            return bad (error, "InvalidInput",
                        "Invalid input: subnet %s of network %s overlaps with another subnet, %s.",
                        subnet->cidr, subnet->network_id, other->base.id);
    }
    return true;
}

static bool
check_cidr (const KnSubnet *subnet, KnCidr *out_cidr, GError **error)
{
    KnIpRange hosts;

    if (subnet->cidr == NULL)
        return bad (error, "BadRequest", "A subnet needs a 'cidr': there are no subnet pools.");
    if (!kn_cidr_parse (subnet->cidr, out_cidr, NULL)
        || out_cidr->base.version != (guint)subnet->ip_version)
        return bad (error, "InvalidInput", "%s is not an IPv%d range.", subnet->cidr,
                    (int)subnet->ip_version);
    if (out_cidr->prefix == 0 || !kn_cidr_hosts (out_cidr, &hosts))
        return bad (error, "InvalidInput", "%s cannot be a subnet.", subnet->cidr);
    return true;
}

/* An address made from its hardware address is due for every port that is there already. */
static bool
add_auto_addresses (KnDb *db, const KnSubnet *subnet, const KnCidr *cidr, GError **error)
{
    g_autoptr (GPtrArray) ports = kn_objects_new ();
    char buffer[KN_IP_TEXT_MAX];

    if (!kn_subnet_is_auto (subnet))
        return true;
    if (!kn_store_port_list_of_network (db, subnet->network_id, ports, error))
        return false;
    for (guint i = 0; i < ports->len; i++) {
        const KnPortRow *port = g_ptr_array_index (ports, i);
        KnIp ip;

        if (strcmp (port->device_owner, KN_DHCP_OWNER) == 0
            || !kn_cidr_eui64 (cidr, port->mac, &ip))
            continue;
        if (!kn_store_address_insert (db, port, subnet->base.id, kn_ip_format (ip, buffer), error))
            return false;
    }
    return true;
}

static bool
create (KnDb *db, const KnScope *scope, KnObject *object, KnEffects *effects, GError **error)
{
    KnSubnet *subnet = (KnSubnet *)object;
    g_autoptr (KnNet) net = NULL;
    KnCidr cidr;

    if (!kn_net_load (db, scope, subnet->network_id, &net, error))
        return false;

    if (!scope->admin && g_strcmp0 (net->base.project_id, scope->project_id) != 0) {
        kn_error_public_type (error, KN_ERROR_FORBIDDEN, "PolicyNotAuthorized",
                              "Network %s belongs to another project.", subnet->network_id);
        return false;
    }
    if (!check_cidr (subnet, &cidr, error) || !choose_gateway (subnet, &cidr, error)
        || !check_ipv6_modes (subnet, &cidr, error) || !check_routes (subnet, &cidr, error)
        || !check_overlap (db, subnet, &cidr, error))
        return false;
    if (!kn_object_has (object, "allocation_pools"))
        default_pools (subnet, &cidr);
    if (!check_pools (subnet, &cidr, error))
        return false;

    kn_object_stamp (object);
    kn_effects_network (effects, subnet->network_id);
    return kn_store_subnet_insert (db, subnet, error)
           && add_auto_addresses (db, subnet, &cidr, error) && kn_port_ensure_dhcp (db, net, error);
}

/* A port must not lose its address to the router. */
static bool
check_new_gateway (KnDb *db, const KnSubnet *subnet, GError **error)
{
    g_autoptr (GArray) used = g_array_new (FALSE, FALSE, sizeof (KnIp));
    KnIp gateway;

    if (subnet->gateway_ip == NULL || !kn_ip_parse (subnet->gateway_ip, &gateway))
        return true;
    if (!kn_store_address_list (db, subnet->base.id, used, error))
        return false;
    for (guint i = 0; i < used->len; i++) {
        if (!kn_ip_equal (g_array_index (used, KnIp, i), gateway))
            continue;
        kn_error_public_type (error, KN_ERROR_CONFLICT, "GatewayIpInUse",
                              "%s belongs to a port already.", subnet->gateway_ip);
        return false;
    }
    return true;
}

static bool
update (KnDb *db, const KnScope *scope, KnObject *object, KnObject *change, KnEffects *effects,
        GError **error)
{
    KnSubnet *subnet = (KnSubnet *)object;
    bool moves_gateway = kn_object_has (change, "gateway_ip");
    g_autoptr (KnNet) net = NULL;
    KnCidr cidr;

    object->present = change->present;
    kn_object_apply (object, change);
    if (!kn_net_load (db, &(KnScope){ .admin = true }, subnet->network_id, &net, error))
        return false;

    if (!check_cidr (subnet, &cidr, error)
        || (moves_gateway
            && (!choose_gateway (subnet, &cidr, error) || !check_new_gateway (db, subnet, error)))
        || !check_ipv6_modes (subnet, &cidr, error) || !check_routes (subnet, &cidr, error)
        || !check_pools (subnet, &cidr, error))
        return false;

    kn_object_stamp (object);
    kn_effects_network (effects, subnet->network_id);
    return kn_store_subnet_update (db, subnet, error) && kn_port_ensure_dhcp (db, net, error);
}

static bool
remove_subnet (KnDb *db, const KnScope *scope, KnObject *object, KnEffects *effects, GError **error)
{
    const KnSubnet *subnet = (const KnSubnet *)object;
    bool in_use = false;
    g_autoptr (KnNet) net = NULL;

    if (!kn_net_load (db, &(KnScope){ .admin = true }, subnet->network_id, &net, error))
        return false;

    /* An address that follows from a hardware address is nobody's choice and goes with the range. */
    if (!kn_subnet_is_auto (subnet) && !kn_store_subnet_in_use (db, object->id, &in_use, error))
        return false;
    if (in_use) {
        kn_error_public_type (error, KN_ERROR_IN_USE, "SubnetInUse",
                              "Subnet %s has ports with addresses; delete them first.", object->id);
        return false;
    }
    kn_effects_network (effects, subnet->network_id);
    return kn_store_subnet_delete (db, object->id, error)
           && kn_store_tags_clear (db, object->id, error) && kn_port_ensure_dhcp (db, net, error);
}

static const char *const ipv6_modes[] = { "slaac", "dhcpv6-stateful", "dhcpv6-stateless", NULL };

#define A(attribute, kind, member)                                                                 \
    .name = attribute, .type = KN_ATTR_##kind, .offset = offsetof (KnSubnet, member)
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
    { A ("ip_version", INT, ip_version), .flags = KN_A_POST | KN_A_REQUIRED, .min = 4, .max = 6 },
    { A ("cidr", TEXT, cidr), .flags = KN_A_POST | KN_A_NULL, .normalise = kn_format_cidr,
      .what = "a range such as 10.0.0.0/24, without host bits" },
    { A ("gateway_ip", TEXT, gateway_ip), .flags = KN_A_SET | KN_A_NULL, .normalise = kn_format_ip,
      .what = "an IP address" },
    { A ("allocation_pools", PAIRS, pools), .flags = KN_A_SET, .max = POOLS_MAX,
      .keys = { "start", "end" }, .parts = { kn_format_ip, kn_format_ip } },
    { A ("dns_nameservers", LINES, dns), .flags = KN_A_SET, .max = DNS_MAX,
      .normalise = kn_format_ip, .what = "an IP address" },
    { A ("host_routes", PAIRS, routes), .flags = KN_A_SET, .max = ROUTES_MAX,
      .keys = { "destination", "nexthop" }, .parts = { kn_format_prefix, kn_format_ip } },
    { A ("enable_dhcp", BOOL, enable_dhcp), .flags = KN_A_SET },
    { A ("ipv6_ra_mode", TEXT, ra_mode), .flags = KN_A_POST | KN_A_NULL, .choices = ipv6_modes },
    { A ("ipv6_address_mode", TEXT, address_mode), .flags = KN_A_POST | KN_A_NULL,
      .choices = ipv6_modes },
    { A ("tags", LINES, base.tags) },
    { A ("created_at", TIME, base.created_at) },
    { A ("updated_at", TIME, base.updated_at) },
    { A ("revision_number", INT, base.revision) },
};

const KnResource kn_subnet_resource = {
    .name = "subnet",
    .plural = "subnets",
    .title = "subnet",
    .not_found = "SubnetNotFound",
    .quota = "subnet",
    .size = sizeof (KnSubnet),
    .attrs = attrs,
    .n_attrs = G_N_ELEMENTS (attrs),
    .init = init,
    .list = kn_store_subnet_list,
    .find = kn_store_subnet_find,
    .visible = visible,
    .create = create,
    .update = update,
    .remove = remove_subnet,
};
