/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, ranges and hardware addresses as numbers. */
#include "network/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

static guint
width_of (guint version)
{
    return version == 4 ? 32 : 128;
}

/* All ones in the host part. */
static KnIpNumber
host_mask (const KnCidr *cidr)
{
    guint host_bits = width_of (cidr->base.version) - cidr->prefix;

    if (host_bits == 0)
        return 0;
    return (~(KnIpNumber)0) >> (128 - host_bits);
}

static KnIp
from_bytes (const guint8 *bytes, guint version)
{
    KnIp ip = { .version = version };

    for (guint i = 0; i < width_of (version) / 8; i++)
        ip.value = ip.value << 8 | bytes[i];
    return ip;
}

bool
kn_ip_parse (const char *text, KnIp *out_ip)
{
    guint8 bytes[16];
    guint version = text != NULL && strchr (text, ':') != NULL ? 6 : 4;

    if (text == NULL || inet_pton (version == 6 ? AF_INET6 : AF_INET, text, bytes) != 1)
        return false;

    *out_ip = from_bytes (bytes, version);
    return true;
}

const char *
kn_ip_format (KnIp ip, char *buffer)
{
    guint8 bytes[16] = { 0 };
    guint n = width_of (ip.version) / 8;

    for (guint i = 0; i < n; i++)
        bytes[n - 1 - i] = (guint8)(ip.value >> (8 * i));
    return inet_ntop (ip.version == 6 ? AF_INET6 : AF_INET, bytes, buffer, KN_IP_TEXT_MAX);
}

bool
kn_cidr_parse (const char *text, KnCidr *out_cidr, bool *out_exact)
{
    g_auto (GStrv) parts = text != NULL ? g_strsplit (text, "/", 3) : NULL;
    KnCidr cidr;
    gint64 prefix;
    KnIp ip;

    if (parts == NULL || g_strv_length (parts) != 2 || !kn_ip_parse (parts[0], &ip)
        || !kn_parse_int (parts[1], 0, width_of (ip.version), &prefix))
        return false;

    cidr = (KnCidr){ .base = ip, .prefix = (guint)prefix };
    cidr.base.value &= ~host_mask (&cidr);
    if (out_exact != NULL)
        *out_exact = kn_ip_equal (cidr.base, ip);
    *out_cidr = cidr;
    return true;
}

const char *
kn_cidr_format (const KnCidr *cidr, char *buffer)
{
    gsize len;

    kn_ip_format (cidr->base, buffer);
    len = strlen (buffer);
    g_snprintf (buffer + len, KN_IP_TEXT_MAX - len, "/%u", cidr->prefix);
    return buffer;
}

const char *
kn_cidr_format_mask (const KnCidr *cidr, char *buffer)
{
    KnIp mask = { .value = ~host_mask (cidr) & 0xffffffff, .version = 4 };

    return kn_ip_format (mask, buffer);
}

KnIp
kn_cidr_last (const KnCidr *cidr)
{
    return (KnIp){ .value = cidr->base.value | host_mask (cidr), .version = cidr->base.version };
}

bool
kn_cidr_contains (const KnCidr *cidr, KnIp ip)
{
    return ip.version == cidr->base.version && (ip.value & ~host_mask (cidr)) == cidr->base.value;
}

bool
kn_cidr_overlaps (const KnCidr *a, const KnCidr *b)
{
    return kn_cidr_contains (a, b->base) || kn_cidr_contains (b, a->base);
}

bool
kn_cidr_hosts (const KnCidr *cidr, KnIpRange *out_range)
{
    KnIpRange range = { .start = cidr->base, .end = kn_cidr_last (cidr) };

    /* Two addresses or one have neither a network nor a broadcast address (RFC 3021). */
    if (width_of (cidr->base.version) - cidr->prefix >= 2) {
        range.start.value++;
        if (cidr->base.version == 4)
            range.end.value--;
    }
    *out_range = range;
    return range.start.value <= range.end.value;
}

bool
kn_cidr_is_host (const KnCidr *cidr, KnIp ip)
{
    KnIpRange hosts;

    return kn_cidr_hosts (cidr, &hosts) && kn_range_contains (&hosts, ip);
}

bool
kn_cidr_eui64 (const KnCidr *cidr, const char *mac, KnIp *out_ip)
{
    unsigned m[6];
    KnIpNumber id = 0;

    if (cidr->base.version != 6 || cidr->prefix != 64
        || sscanf (mac, "%2x:%2x:%2x:%2x:%2x:%2x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6)
        return false;

    const unsigned eui[8] = { m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5] };
    for (guint i = 0; i < 8; i++)
        id = id << 8 | eui[i];
    *out_ip = (KnIp){ .value = cidr->base.value | id, .version = 6 };
    return true;
}

bool
kn_ip_equal (KnIp a, KnIp b)
{
    return a.version == b.version && a.value == b.value;
}

bool
kn_range_contains (const KnIpRange *range, KnIp ip)
{
    return ip.version == range->start.version && ip.value >= range->start.value
           && ip.value <= range->end.value;
}

bool
kn_range_overlaps (const KnIpRange *a, const KnIpRange *b)
{
    return a->start.version == b->start.version && a->start.value <= b->end.value
           && b->start.value <= a->end.value;
}

GArray *
kn_range_without (const KnIpRange *range, const KnIp *hole)
{
    GArray *ranges = g_array_new (FALSE, FALSE, sizeof (KnIpRange));
    KnIpRange below = *range, above = *range;

    if (hole == NULL || !kn_range_contains (range, *hole)) {
        g_array_append_val (ranges, *range);
        return ranges;
    }
    if (hole->value > range->start.value) {
        below.end.value = hole->value - 1;
        g_array_append_val (ranges, below);
    }
    if (hole->value < range->end.value) {
        above.start.value = hole->value + 1;
        g_array_append_val (ranges, above);
    }
    return ranges;
}

static gint
compare_ips (gconstpointer a, gconstpointer b)
{
    const KnIp *left = a, *right = b;

    return left->value < right->value ? -1 : left->value > right->value;
}

bool
kn_range_pick (const GArray *ranges, GArray *used, KnIp *out_ip)
{
    g_array_sort (used, compare_ips);
    for (guint i = 0; i < ranges->len; i++) {
        const KnIpRange *range = &g_array_index (ranges, KnIpRange, i);
        KnIp next = range->start;

        for (guint u = 0; u < used->len; u++) {
            KnIp taken = g_array_index (used, KnIp, u);

            if (taken.value > next.value)
                break;
            if (taken.value == next.value)
                next.value++;
        }
        /* After the highest address of all the number is 0 again. */
        if (next.value < range->start.value || !kn_range_contains (range, next))
            continue;
        *out_ip = next;
        return true;
    }
    return false;
}

bool
kn_mac_parse (const char *text, char *buffer)
{
    g_autofree char *lower = g_ascii_strdown (text, -1);
    guint sum = 0;

    if (strlen (lower) != KN_MAC_TEXT_MAX - 1)
        return false;
    for (guint i = 0; lower[i] != '\0'; i++) {
        bool separator = i % 3 == 2;

        if (separator ? lower[i] != ':' && lower[i] != '-' : !g_ascii_isxdigit (lower[i]))
            return false;
        if (separator)
            lower[i] = ':';
        else
            sum += (guint)g_ascii_xdigit_value (lower[i]);
    }
    /* The lowest bit of the first byte marks groups. */
    if (sum == 0 || (g_ascii_xdigit_value (lower[1]) & 1) != 0)
        return false;

    g_strlcpy (buffer, lower, KN_MAC_TEXT_MAX);
    return true;
}

const char *
kn_mac_random (char *buffer)
{
    guint32 random = g_random_int ();

    g_snprintf (buffer, KN_MAC_TEXT_MAX, "fa:16:3e:%02x:%02x:%02x", random >> 16 & 0xff,
                random >> 8 & 0xff, random & 0xff);
    return buffer;
}
