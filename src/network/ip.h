/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, ranges and hardware addresses as numbers: pure arithmetic for IPv4 and IPv6 alike. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define KN_IP_TEXT_MAX 50 /* an IPv6 address, a slash, three digits, NUL */
#define KN_MAC_TEXT_MAX 18

__extension__ typedef unsigned __int128 KnIpNumber;

typedef struct {
    KnIpNumber value;
    guint version; /* 4 or 6 */
} KnIp;

typedef struct {
    KnIp base; /* host bits are zero */
    guint prefix;
} KnCidr;

/* From @start to @end, both included. */
typedef struct {
    KnIp start, end;
} KnIpRange;

/* Reads one address without prefix or zone. False: not one. */
bool kn_ip_parse (const char *text, KnIp *out_ip);

/* Writes the canonical spelling into @buffer (KN_IP_TEXT_MAX bytes), returns it. */
const char *kn_ip_format (KnIp ip, char *buffer);

/* Reads "address/prefix"; host bits are cleared and *@out_exact (may be NULL) says whether there were none. */
bool kn_cidr_parse (const char *text, KnCidr *out_cidr, bool *out_exact);
const char *kn_cidr_format (const KnCidr *cidr, char *buffer);

/* "255.255.255.0" of an IPv4 prefix. */
const char *kn_cidr_format_mask (const KnCidr *cidr, char *buffer);

KnIp kn_cidr_last (const KnCidr *cidr);
bool kn_cidr_contains (const KnCidr *cidr, KnIp ip);
bool kn_cidr_overlaps (const KnCidr *a, const KnCidr *b);

/* Whether @ip may stand on an interface: inside, not the network's own address, not IPv4's broadcast. */
bool kn_cidr_is_host (const KnCidr *cidr, KnIp ip);

/* All addresses that hosts may have; false if there is none. */
bool kn_cidr_hosts (const KnCidr *cidr, KnIpRange *out_range);

/* The address that stateless autoconfiguration gives to @mac in a /64 (RFC 4291, appendix A). */
bool kn_cidr_eui64 (const KnCidr *cidr, const char *mac, KnIp *out_ip);

bool kn_ip_equal (KnIp a, KnIp b);
bool kn_range_contains (const KnIpRange *range, KnIp ip);
bool kn_range_overlaps (const KnIpRange *a, const KnIpRange *b);

/* The ranges (KnIpRange) that remain of @range without @hole; @hole may be NULL. Caller frees. */
GArray *kn_range_without (const KnIpRange *range, const KnIp *hole);

/* The lowest address of @ranges that is not among @used (KnIp, sorted here). False: all are taken. */
bool kn_range_pick (const GArray *ranges, GArray *used, KnIp *out_ip);

/* Whether @text is a unicast hardware address other than zero; writes it in lower case with colons. */
bool kn_mac_parse (const char *text, char *buffer);

/* A random address of the range that OpenStack uses, fa:16:3e:xx:xx:xx. */
const char *kn_mac_random (char *buffer);
