/* SPDX-License-Identifier: Apache-2.0 */
/* What dnsmasq reads: pure text from a plan. */
#include "network/dnsmasq.h"

#include <string.h>

#include "network/ip.h"
#include "network/object.h"

#define LEASE_SECONDS 86400
#define LEASES_MAX 65536

static bool
parse_cidr (const KnWireSubnet *subnet, KnCidr *out_cidr)
{
    return subnet->dhcp_address != NULL && kn_cidr_parse (subnet->cidr, out_cidr, NULL);
}

/* The subnet that answers DHCP for @address, or NULL. */
static const KnWireSubnet *
subnet_of (const KnWirePlan *plan, KnIp address)
{
    for (guint i = 0; i < plan->subnets->len; i++) {
        const KnWireSubnet *subnet = g_ptr_array_index (plan->subnets, i);
        KnCidr cidr;

        if (parse_cidr (subnet, &cidr) && kn_cidr_contains (&cidr, address))
            return subnet;
    }
    return NULL;
}

char *
kn_dnsmasq_format_hosts (const KnWirePlan *plan)
{
    GString *text = g_string_new (NULL);

    for (guint i = 0; i < plan->hosts->len; i++) {
        const KnWireHost *host = g_ptr_array_index (plan->hosts, i);
        KnIp ip;

        if (!kn_ip_parse (host->address, &ip) || subnet_of (plan, ip) == NULL)
            continue;
        g_string_append_printf (text, ip.version == 6 ? "%s,[%s]\n" : "%s,%s\n", host->mac,
                                host->address);
    }
    return g_string_free (text, FALSE);
}

/* RFC 3442: whoever sends these routes has to send the default one among them. */
static void
append_routes (GString *text, guint i, const KnWireSubnet *subnet)
{
    static const char *const codes[] = { "option:classless-static-route", "249" };

    for (gsize c = 0; subnet->routes->len > 0 && c < G_N_ELEMENTS (codes); c++) {
        g_string_append_printf (text, "tag:s%u,%s", i, codes[c]);
        for (guint r = 0; r < subnet->routes->len; r++) {
            const KnPair *route = g_ptr_array_index (subnet->routes, r);

            g_string_append_printf (text, ",%s,%s", route->first, route->second);
        }
        if (subnet->gateway != NULL)
            g_string_append_printf (text, ",0.0.0.0/0,%s", subnet->gateway);
        g_string_append_c (text, '\n');
    }
}

static void
append_dns (GString *text, guint i, const KnWireSubnet *subnet, guint version)
{
    /* Without servers the option stands there empty: dnsmasq would name itself. */
    g_string_append_printf (text, "tag:s%u,%s:dns-server", i, version == 6 ? "option6" : "option");
    for (char **dns = subnet->dns; dns != NULL && *dns != NULL; dns++) {
        KnIp ip;

        if (kn_ip_parse (*dns, &ip) && ip.version == version)
            g_string_append_printf (text, version == 6 ? ",[%s]" : ",%s", *dns);
    }
    g_string_append_c (text, '\n');
}

/* Sent to clients whose request names these options (RFC 2132, 8.3; RFC 4833, 2), as all that is said here. A POSIX zone has commas,
 * so it stands in quotes. */
static void
append_time (GString *text, guint i, const KnTimeService *time)
{
    gsize start = text->len;

    for (char **address = time->ntp; address != NULL && *address != NULL; address++) {
        KnIp ip;

        if (!kn_ip_parse (*address, &ip) || ip.version != 4)
            continue;
        if (text->len == start)
            g_string_append_printf (text, "tag:s%u,option:ntp-server", i);
        g_string_append_printf (text, ",%s", *address);
    }
    if (text->len > start)
        g_string_append_c (text, '\n');
    if (time->zone != NULL) {
        g_string_append_printf (text, "tag:s%u,option:posix-timezone,\"%s\"\n", i,
                                time->posix_zone);
        g_string_append_printf (text, "tag:s%u,option:tzdb-timezone,\"%s\"\n", i, time->zone);
    }
}

char *
kn_dnsmasq_format_options (const KnWirePlan *plan)
{
    GString *text = g_string_new (NULL);

    for (guint i = 0; i < plan->subnets->len; i++) {
        const KnWireSubnet *subnet = g_ptr_array_index (plan->subnets, i);
        KnCidr cidr;

        if (!parse_cidr (subnet, &cidr))
            continue;
        append_dns (text, i, subnet, cidr.base.version);
        if (cidr.base.version == 6)
            continue;
        g_string_append_printf (text, "tag:s%u,option:router%s%s\n", i,
                                subnet->gateway != NULL ? "," : "",
                                subnet->gateway != NULL ? subnet->gateway : "");
        g_string_append_printf (text, "tag:s%u,option:mtu,%u\n", i, plan->mtu);
        append_routes (text, i, subnet);
        append_time (text, i, &plan->time);
    }
    return g_string_free (text, FALSE);
}

static void
append_range (GString *text, guint i, const KnCidr *cidr)
{
    char base[KN_IP_TEXT_MAX], mask[KN_IP_TEXT_MAX];

    kn_ip_format (cidr->base, base);
    if (cidr->base.version == 4)
        g_string_append_printf (text, "dhcp-range=set:s%u,%s,static,%s,%ds\n", i, base,
                                kn_cidr_format_mask (cidr, mask), LEASE_SECONDS);
    else
        g_string_append_printf (text, "dhcp-range=set:s%u,%s,static,%u,%ds\n", i, base,
                                cidr->prefix, LEASE_SECONDS);
}

char *
kn_dnsmasq_format_config (const KnDnsmasq *dnsmasq, const KnWirePlan *plan)
{
    /* port=0: no DNS. Only known hosts get an address ("static"), and they get it at once. */
    static const char *const fixed[] = {
        "port=0",
        "no-hosts",
        "no-resolv",
        "bind-interfaces",
        "except-interface=lo",
        "dhcp-authoritative",
        "quiet-dhcp",
        "quiet-dhcp6",
        "quiet-ra",
        "no-ping",
    };
    GString *text = g_string_new (NULL);

    for (gsize i = 0; i < G_N_ELEMENTS (fixed); i++)
        g_string_append_printf (text, "%s\n", fixed[i]);
    g_string_append_printf (text, "interface=%s\n", KN_DHCP_LINK);
    g_string_append_printf (text, "dhcp-lease-max=%d\n", LEASES_MAX);
    g_string_append_printf (text, "dhcp-hostsfile=%s/hosts\n", dnsmasq->dir);
    g_string_append_printf (text, "dhcp-optsfile=%s/options\n", dnsmasq->dir);
    g_string_append_printf (text, "dhcp-leasefile=%s/leases\n", dnsmasq->dir);
    g_string_append_printf (text, "pid-file=%s/pid\n", dnsmasq->dir);
    for (guint i = 0; i < plan->subnets->len; i++) {
        KnCidr cidr;

        if (parse_cidr (g_ptr_array_index (plan->subnets, i), &cidr))
            append_range (text, i, &cidr);
    }
    return g_string_free (text, FALSE);
}

/* Whether the lease of @address to @mac is what the plan wants. IPv6 lines carry no hardware address: the address decides. */
static bool
lease_fits (const KnWirePlan *plan, const char *mac, const char *address)
{
    bool by_mac = strlen (mac) == KN_MAC_TEXT_MAX - 1 && strchr (mac, ':') != NULL;

    for (guint i = 0; i < plan->hosts->len; i++) {
        const KnWireHost *host = g_ptr_array_index (plan->hosts, i);

        if (strcmp (host->address, address) == 0 && (!by_mac || strcmp (host->mac, mac) == 0))
            return true;
    }
    return false;
}

char *
kn_dnsmasq_prune_leases (const char *leases, const KnWirePlan *plan, bool *out_stale)
{
    GString *kept = g_string_new (NULL);
    g_auto (GStrv) lines = g_strsplit (leases, "\n", -1);

    *out_stale = false;
    for (char **line = lines; *line != NULL; line++) {
        /* "expiry mac address name client-id"; "duid …" names the server itself. */
        g_auto (GStrv) words = g_strsplit (*line, " ", 5);

        if (**line == '\0')
            continue;
        if (g_strv_length (words) < 5 || lease_fits (plan, words[1], words[2]))
            g_string_append_printf (kept, "%s\n", *line);
        else
            *out_stale = true;
    }
    return g_string_free (kept, FALSE);
}
