/* SPDX-License-Identifier: Apache-2.0 */
/* Links and addresses by rtnetlink, in the network namespace of the thread that opens the socket. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "network/ip.h"

typedef struct KnNetlink KnNetlink;

KnNetlink *kn_netlink_open (GError **error);
void kn_netlink_close (KnNetlink *nl);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnNetlink, kn_netlink_close)

typedef struct {
    int index, peer, master; /* 0: none */
    char *name, *kind, *alias;
    char mac[KN_MAC_TEXT_MAX];
    guint mtu;
    bool up, carrier;
} KnLink;
void kn_link_free (KnLink *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnLink, kn_link_free)

/* Sets *@out_link, NULL if there is no link of that name. Errors: INTERNAL. */
bool kn_netlink_find (KnNetlink *nl, const char *name, KnLink **out_link, GError **error);
/* All links; array of KnLink. */
GPtrArray *kn_netlink_list (KnNetlink *nl, GError **error);

bool kn_netlink_add_bridge (KnNetlink *nl, const char *name, GError **error);

/* Makes a pair: @name with @mac here, @peer in the namespace of @peer_fd. */
bool kn_netlink_add_veth (KnNetlink *nl, const char *name, const char *mac, const char *peer,
                          int peer_fd, GError **error);

/* What to change; members that are zero stay as they are. */
typedef struct {
    const char *alias, *mac;
    guint mtu;
    int master;
    bool up;
    bool no_autoconf; /* no IPv6 link-local address either */
} KnLinkChange;
bool kn_netlink_change (KnNetlink *nl, int index, const KnLinkChange *change, GError **error);

/* Repeatable: a link that is gone is a success. */
bool kn_netlink_remove (KnNetlink *nl, int index, GError **error);

/* Gives the link exactly the addresses @wanted (KnCidr whose base is the address itself); IPv6 link-local ones stay. */
bool kn_netlink_set_addresses (KnNetlink *nl, int index, const GArray *wanted, GError **error);

/* Waits until @ready says true of the links as they are, asked again at every change, or until @deadline_us (monotonic).
 * Returns false without error when the time is over. */
bool kn_netlink_wait (KnNetlink *nl, bool (*ready) (KnNetlink *nl, gpointer data), gpointer data,
                      gint64 deadline_us, GError **error);
