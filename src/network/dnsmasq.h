/* SPDX-License-Identifier: Apache-2.0 */
/* The DHCP server of one network: its files, its process, and proof that it took a change. */
#pragma once

#include "network/driver.h"

#define KN_DHCP_LINK "dhcp0" /* the interface inside the namespace */

typedef struct {
    char *dir;   /* of this network, absolute */
    char *netns; /* name of the namespace it runs in */
    guint timeout_ms;
} KnDnsmasq;

/* Makes it run with what @plan says, and waits until it has read that. @sure: what the files say was taken by the running
 * process for certain, so equal files need no signal. Repeatable. */
bool kn_dnsmasq_ensure (const KnDnsmasq *dnsmasq, const KnWirePlan *plan, bool sure,
                        KnSilence *silence, GError **error);

/* Whether one with the current configuration runs in the namespace. */
bool kn_dnsmasq_is_running (const KnDnsmasq *dnsmasq, const KnWirePlan *plan);

/* Ends every process of this network. Repeatable. */
bool kn_dnsmasq_stop (const KnDnsmasq *dnsmasq, GError **error);

/* The contents of its files; caller frees. */
char *kn_dnsmasq_format_hosts (const KnWirePlan *plan);
char *kn_dnsmasq_format_options (const KnWirePlan *plan);
char *kn_dnsmasq_format_config (const KnDnsmasq *dnsmasq, const KnWirePlan *plan);

/* What of @leases (the text of a lease file) still fits @plan; *@out_stale says whether anything does not. Caller frees. */
char *kn_dnsmasq_prune_leases (const char *leases, const KnWirePlan *plan, bool *out_stale);
