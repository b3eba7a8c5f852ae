/* SPDX-License-Identifier: Apache-2.0 */
/* Which address a port gets. The table's primary key decides among parallel transactions; the loser takes the next one. */
#include "network/network_priv.h"

#include <string.h>

#include "base/error.h"

/* So many transactions may be faster before a request gives up. */
#define TRIES_MAX 128

typedef struct {
    KnDb *db;
    KnPortRow *port;
    GPtrArray *subnets; /* of the port's network */
} KnAllocation;

static void
note_address (KnAllocation *a, const KnSubnet *subnet, const char *address)
{
    g_ptr_array_add (a->port->fixed_ips, kn_pair_new (subnet->base.id, address));
}

static bool
take_address (KnAllocation *a, const KnSubnet *subnet, KnIp ip, GError **error)
{
    char text[KN_IP_TEXT_MAX];

    kn_ip_format (ip, text);
    if (!kn_store_address_insert (a->db, a->port, subnet->base.id, text, error))
        return false;
    note_address (a, subnet, text);
    return true;
}

/* A given address. */
static bool
take_wished (KnAllocation *a, const KnSubnet *subnet, KnIp ip, GError **error)
{
    g_autoptr (GError) local = NULL;
    char text[KN_IP_TEXT_MAX];

    if (take_address (a, subnet, ip, &local))
        return true;
    if (!g_error_matches (local, KN_ERROR, KN_ERROR_CONFLICT)) {
        g_propagate_error (error, g_steal_pointer (&local));
        return false;
    }
    kn_error_public_type (error, KN_ERROR_CONFLICT, "IpAddressInUse",
                          "Address %s of network %s belongs to another port.",
                          kn_ip_format (ip, text), a->port->network_id);
    return false;
}

static GArray *
pools_of (const KnSubnet *subnet)
{
    GArray *ranges = g_array_new (FALSE, FALSE, sizeof (KnIpRange));

    for (guint i = 0; i < subnet->pools->len; i++) {
        const KnPair *pool = g_ptr_array_index (subnet->pools, i);
        KnIpRange range;

        if (kn_ip_parse (pool->first, &range.start) && kn_ip_parse (pool->second, &range.end))
            g_array_append_val (ranges, range);
    }
    return ranges;
}

/* Any free address of @subnet; *@out_full instead of an error if there is none. */
static bool
take_free (KnAllocation *a, const KnSubnet *subnet, bool *out_full, GError **error)
{
    g_autoptr (GArray) used = g_array_new (FALSE, FALSE, sizeof (KnIp));
    g_autoptr (GArray) pools = pools_of (subnet);

    *out_full = false;
    if (!kn_store_address_list (a->db, subnet->base.id, used, error))
        return false;
    for (guint i = 0; i < TRIES_MAX; i++) {
        g_autoptr (GError) local = NULL;
        KnIp ip;

        if (!kn_range_pick (pools, used, &ip))
            break;
        if (take_address (a, subnet, ip, &local))
            return true;
        if (!g_error_matches (local, KN_ERROR, KN_ERROR_CONFLICT)) {
            g_propagate_error (error, g_steal_pointer (&local));
            return false;
        }
        g_array_append_val (used, ip);
    }
    *out_full = true;
    return false;
}

static bool
take_auto (KnAllocation *a, const KnSubnet *subnet, GError **error)
{
    KnCidr cidr;
    KnIp ip;

    if (!kn_cidr_parse (subnet->cidr, &cidr, NULL) || !kn_cidr_eui64 (&cidr, a->port->mac, &ip)) {
        kn_error_set (error, KN_ERROR_INTERNAL, "no address of '%s' follows from '%s'",
                      subnet->cidr, a->port->mac);
        return false;
    }
    return take_wished (a, subnet, ip, error);
}

static void
set_exhausted (const KnAllocation *a, GError **error)
{
    kn_error_public_type (error, KN_ERROR_CONFLICT, "IpAddressGenerationFailure",
                          "Network %s has no free address left.", a->port->network_id);
}

/* One address from the first subnet of @version that has one. */
static bool
take_of_version (KnAllocation *a, gint64 version, GError **error)
{
    bool some = false, full = false;

    for (guint i = 0; i < a->subnets->len; i++) {
        const KnSubnet *subnet = g_ptr_array_index (a->subnets, i);

        if (subnet->ip_version != version || kn_subnet_is_auto (subnet))
            continue;
        some = true;
        if (take_free (a, subnet, &full, error))
            return true;
        if (!full)
            return false;
    }
    if (some)
        set_exhausted (a, error);
    return !some;
}

static bool
take_default (KnAllocation *a, GError **error)
{
    if (!take_of_version (a, 4, error) || !take_of_version (a, 6, error))
        return false;
    for (guint i = 0; i < a->subnets->len; i++) {
        const KnSubnet *subnet = g_ptr_array_index (a->subnets, i);

        if (kn_subnet_is_auto (subnet) && !take_auto (a, subnet, error))
            return false;
    }
    return true;
}

static const KnSubnet *
find_subnet (const KnAllocation *a, const KnPair *wish, const KnIp *ip, GError **error)
{
    for (guint i = 0; i < a->subnets->len; i++) {
        const KnSubnet *subnet = g_ptr_array_index (a->subnets, i);
        KnCidr cidr;

        if (wish->first != NULL ? strcmp (subnet->base.id, wish->first) != 0
                                : ip == NULL || !kn_cidr_parse (subnet->cidr, &cidr, NULL)
                                      || !kn_cidr_contains (&cidr, *ip))
            continue;
        return subnet;
    }
    kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "InvalidIpForNetwork",
                          "Network %s has no subnet %s%s.", a->port->network_id,
                          wish->first != NULL ? wish->first : "for address ",
                          wish->first != NULL ? "" : wish->second);
    return NULL;
}

static bool
check_wished (const KnAllocation *a, const KnSubnet *subnet, KnIp ip, GError **error)
{
    char text[KN_IP_TEXT_MAX];
    KnCidr cidr;
    KnIp made;

    if (!kn_cidr_parse (subnet->cidr, &cidr, NULL) || !kn_cidr_is_host (&cidr, ip)) {
        kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "InvalidIpForSubnet",
                              "%s is no host's address in subnet %s (%s).", kn_ip_format (ip, text),
                              subnet->base.id, subnet->cidr);
        return false;
    }
    if (kn_subnet_is_auto (subnet)
        && (!kn_cidr_eui64 (&cidr, a->port->mac, &made) || !kn_ip_equal (made, ip))) {
        kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "AllocationOnAutoAddressSubnet",
                              "Addresses in subnet %s follow from the hardware address; %s "
                              "cannot be chosen.",
                              subnet->base.id, kn_ip_format (ip, text));
        return false;
    }
    return true;
}

static bool
take_wish (KnAllocation *a, const KnPair *wish, GError **error)
{
    const KnSubnet *subnet;
    bool full;
    KnIp ip = { 0 };

    if (wish->second != NULL && !kn_ip_parse (wish->second, &ip)) {
        kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "InvalidInput",
                              "'%s' is not an IP address.", wish->second);
        return false;
    }
    subnet = find_subnet (a, wish, wish->second != NULL ? &ip : NULL, error);
    if (subnet == NULL)
        return false;
    if (wish->second != NULL)
        return check_wished (a, subnet, ip, error) && take_wished (a, subnet, ip, error);
    if (kn_subnet_is_auto (subnet))
        return take_auto (a, subnet, error);
    if (take_free (a, subnet, &full, error))
        return true;
    if (full)
        set_exhausted (a, error);
    return false;
}

bool
kn_allocate_addresses (KnDb *db, KnPortRow *port, const GPtrArray *wishes, GError **error)
{
    g_autoptr (GPtrArray) subnets = kn_objects_new ();
    KnAllocation a = { db, port, subnets };

    if (!kn_store_subnet_list_of (db, port->network_id, subnets, error))
        return false;
    if (wishes == NULL)
        return take_default (&a, error);
    for (guint i = 0; i < wishes->len; i++)
        if (!take_wish (&a, g_ptr_array_index (wishes, i), error))
            return false;
    return true;
}
