/* SPDX-License-Identifier: Apache-2.0 */
/* Links and addresses by rtnetlink. */
#include "network/netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/inet6.h>
#include <netlink/route/link/veth.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"

typedef struct nl_addr KnNlAddr;
typedef struct nl_cache KnNlCache;
typedef struct rtnl_link KnNlLink;
typedef struct rtnl_addr KnNlRtAddr;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnNlAddr, nl_addr_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnNlCache, nl_cache_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnNlLink, rtnl_link_put)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnNlRtAddr, rtnl_addr_put)

struct KnNetlink {
    struct nl_sock *sock;
};

static bool
failed (int code, const char *what, const char *subject, GError **error)
{
    kn_error_set (error, KN_ERROR_INTERNAL, "cannot %s '%s': %s", what, subject,
                  nl_geterror (code));
    return false;
}

KnNetlink *
kn_netlink_open (GError **error)
{
    g_autoptr (KnNetlink) nl = g_new0 (KnNetlink, 1);
    int code;

    nl->sock = nl_socket_alloc ();
    code = nl->sock != NULL ? nl_connect (nl->sock, NETLINK_ROUTE) : -NLE_NOMEM;
    if (code < 0) {
        failed (code, "open", "rtnetlink", error);
        return NULL;
    }
    return g_steal_pointer (&nl);
}

void
kn_netlink_close (KnNetlink *nl)
{
    if (nl == NULL)
        return;
    if (nl->sock != NULL)
        nl_socket_free (nl->sock);
    g_free (nl);
}

void
kn_link_free (KnLink *link)
{
    if (link == NULL)
        return;
    g_free (link->name);
    g_free (link->kind);
    g_free (link->alias);
    g_free (link);
}

static KnLink *
from_rtnl (KnNlLink *raw)
{
    KnLink *link = g_new0 (KnLink, 1);
    struct nl_addr *mac = rtnl_link_get_addr (raw);

    link->index = rtnl_link_get_ifindex (raw);
    link->peer = rtnl_link_get_link (raw);
    link->master = rtnl_link_get_master (raw);
    link->name = g_strdup (rtnl_link_get_name (raw));
    link->kind = g_strdup (rtnl_link_get_type (raw));
    link->alias = g_strdup (rtnl_link_get_ifalias (raw));
    link->mtu = rtnl_link_get_mtu (raw);
    link->up = (rtnl_link_get_flags (raw) & IFF_UP) != 0;
    link->carrier = rtnl_link_get_carrier (raw) != 0;
    if (mac != NULL && nl_addr_get_len (mac) == 6)
        (void)nl_addr2str (mac, link->mac, sizeof link->mac);
    return link;
}

bool
kn_netlink_find (KnNetlink *nl, const char *name, KnLink **out_link, GError **error)
{
    g_autoptr (KnNlLink) raw = NULL;
    int code = rtnl_link_get_kernel (nl->sock, 0, name, &raw);

    if (code < 0 && code != -NLE_NODEV && code != -NLE_OBJ_NOTFOUND)
        return failed (code, "look up interface", name, error);
    *out_link = code < 0 ? NULL : from_rtnl (raw);
    return true;
}

static void
append_link (struct nl_object *object, void *data)
{
    g_ptr_array_add (data, from_rtnl ((KnNlLink *)object));
}

GPtrArray *
kn_netlink_list (KnNetlink *nl, GError **error)
{
    g_autoptr (KnNlCache) cache = NULL;
    int code = rtnl_link_alloc_cache (nl->sock, AF_UNSPEC, &cache);
    GPtrArray *links;

    if (code < 0) {
        failed (code, "list", "interfaces", error);
        return NULL;
    }
    links = g_ptr_array_new_with_free_func ((GDestroyNotify)kn_link_free);
    nl_cache_foreach (cache, append_link, links);
    return links;
}

bool
kn_netlink_add_bridge (KnNetlink *nl, const char *name, GError **error)
{
    g_autoptr (KnNlLink) link = rtnl_link_bridge_alloc ();
    int code;

    rtnl_link_set_name (link, name);
    code = rtnl_link_add (nl->sock, link, NLM_F_CREATE | NLM_F_EXCL);
    return code >= 0 ? true : failed (code, "make bridge", name, error);
}

static bool
set_mac (KnNlLink *link, const char *mac)
{
    g_autoptr (KnNlAddr) addr = NULL;

    if (nl_addr_parse (mac, AF_LLC, &addr) < 0)
        return false;
    rtnl_link_set_addr (link, addr);
    return true;
}

bool
kn_netlink_add_veth (KnNetlink *nl, const char *name, const char *mac, const char *peer,
                     int peer_fd, GError **error)
{
    g_autoptr (KnNlLink) link = rtnl_link_veth_alloc ();
    KnNlLink *other = rtnl_link_veth_get_peer (link);
    int code;

    rtnl_link_set_name (link, name);
    rtnl_link_set_name (other, peer);
    rtnl_link_set_ns_fd (other, peer_fd);
    code = set_mac (link, mac) ? rtnl_link_add (nl->sock, link, NLM_F_CREATE | NLM_F_EXCL)
                               : -NLE_INVAL;
    rtnl_link_put (other);
    return code >= 0 ? true : failed (code, "make interface", name, error);
}

static bool
apply (KnNetlink *nl, int index, KnNlLink *wanted, GError **error)
{
    g_autoptr (KnNlLink) link = NULL;
    char number[16];
    int code = rtnl_link_get_kernel (nl->sock, index, NULL, &link);

    g_snprintf (number, sizeof number, "%d", index);
    if (code < 0)
        return failed (code, "look up interface", number, error);
    code = rtnl_link_change (nl->sock, link, wanted, 0);
    return code >= 0 ? true : failed (code, "change interface", rtnl_link_get_name (link), error);
}

bool
kn_netlink_change (KnNetlink *nl, int index, const KnLinkChange *change, GError **error)
{
    g_autoptr (KnNlLink) wanted = rtnl_link_alloc (), up = rtnl_link_alloc ();

    if (change->alias != NULL)
        rtnl_link_set_ifalias (wanted, change->alias);
    if (change->mac != NULL && !set_mac (wanted, change->mac))
        return failed (-NLE_INVAL, "use address", change->mac, error);
    if (change->mtu > 0)
        rtnl_link_set_mtu (wanted, change->mtu);
    if (change->master > 0)
        rtnl_link_set_master (wanted, change->master);
    if (change->no_autoconf)
        (void)rtnl_link_inet6_set_addr_gen_mode (wanted, IN6_ADDR_GEN_MODE_NONE);
    if (!apply (nl, index, wanted, error))
        return false;

    /* In one message the kernel raises the link before it learns not to make an address for it. */
    rtnl_link_set_flags (up, IFF_UP);
    return !change->up || apply (nl, index, up, error);
}

bool
kn_netlink_remove (KnNetlink *nl, int index, GError **error)
{
    g_autoptr (KnNlLink) link = rtnl_link_alloc ();
    int code;

    rtnl_link_set_ifindex (link, index);
    code = rtnl_link_delete (nl->sock, link);
    if (code >= 0 || code == -NLE_NODEV || code == -NLE_OBJ_NOTFOUND)
        return true;
    return failed (code, "remove", "an interface", error);
}

/* Whether @wanted has the address of @have, prefix included. */
static bool
has_address (const GArray *wanted, KnNlRtAddr *have)
{
    struct nl_addr *local = rtnl_addr_get_local (have);
    char text[KN_IP_TEXT_MAX + 8], buffer[KN_IP_TEXT_MAX];

    if (local == NULL)
        return false;
    (void)nl_addr2str (local, text, sizeof text);
    if (strchr (text, '/') == NULL)
        g_snprintf (text + strlen (text), sizeof text - strlen (text), "/%d",
                    rtnl_addr_get_prefixlen (have));
    for (guint i = 0; i < wanted->len; i++)
        if (strcmp (kn_cidr_format (&g_array_index (wanted, KnCidr, i), buffer), text) == 0)
            return true;
    return false;
}

static bool
add_address (KnNetlink *nl, int index, const KnCidr *cidr, GError **error)
{
    g_autoptr (KnNlRtAddr) address = rtnl_addr_alloc ();
    g_autoptr (KnNlAddr) local = NULL;
    char text[KN_IP_TEXT_MAX];
    int code = nl_addr_parse (kn_cidr_format (cidr, text), AF_UNSPEC, &local);

    if (code < 0)
        return failed (code, "use address", text, error);
    rtnl_addr_set_ifindex (address, index);
    rtnl_addr_set_local (address, local);
    /* Nobody else has it: the table of addresses says so. */
    if (cidr->base.version == 6)
        rtnl_addr_set_flags (address, IFA_F_NODAD);
    code = rtnl_addr_add (nl->sock, address, 0);
    return code >= 0 || code == -NLE_EXIST ? true : failed (code, "add address", text, error);
}

static bool
is_ours_to_remove (KnNlRtAddr *address, int index, const GArray *wanted)
{
    return rtnl_addr_get_ifindex (address) == index
           && rtnl_addr_get_scope (address) != RT_SCOPE_LINK && !has_address (wanted, address);
}

bool
kn_netlink_set_addresses (KnNetlink *nl, int index, const GArray *wanted, GError **error)
{
    g_autoptr (KnNlCache) cache = NULL;
    int code = rtnl_addr_alloc_cache (nl->sock, &cache);

    if (code < 0)
        return failed (code, "list", "addresses", error);
    for (struct nl_object *object = nl_cache_get_first (cache); object != NULL;
         object = nl_cache_get_next (object)) {
        KnNlRtAddr *address = (KnNlRtAddr *)object;

        if (!is_ours_to_remove (address, index, wanted))
            continue;
        code = rtnl_addr_delete (nl->sock, address, 0);
        if (code < 0 && code != -NLE_NOADDR)
            return failed (code, "remove", "an address", error);
    }
    for (guint i = 0; i < wanted->len; i++)
        if (!add_address (nl, index, &g_array_index (wanted, KnCidr, i), error))
            return false;
    return true;
}

/* A socket that hears of every change to links. */
static struct nl_sock *
open_events (GError **error)
{
    struct nl_sock *sock = nl_socket_alloc ();
    int code = sock != NULL ? nl_connect (sock, NETLINK_ROUTE) : -NLE_NOMEM;

    if (code >= 0)
        code = nl_socket_add_membership (sock, RTNLGRP_LINK);
    if (code >= 0)
        code = nl_socket_set_nonblocking (sock);
    if (code >= 0)
        return sock;
    nl_socket_free (sock);
    failed (code, "listen to", "rtnetlink", error);
    return NULL;
}

bool
kn_netlink_wait (KnNetlink *nl, bool (*ready) (KnNetlink *nl, gpointer data), gpointer data,
                 gint64 deadline_us, GError **error)
{
    struct nl_sock *events = open_events (error);
    bool done = false;

    if (events == NULL)
        return false;
    for (;;) {
        struct pollfd fd = { .fd = nl_socket_get_fd (events), .events = POLLIN };
        gint64 left_us;
        char drop[8192];

        done = ready (nl, data);
        left_us = deadline_us - g_get_monotonic_time ();
        if (done || left_us <= 0)
            break;
        (void)poll (&fd, 1, (int)(left_us / 1000) + 1);
        while (recv (fd.fd, drop, sizeof drop, MSG_DONTWAIT) > 0)
            ;
    }
    nl_socket_free (events);
    return done;
}
