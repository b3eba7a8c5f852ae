/* SPDX-License-Identifier: Apache-2.0 */
/* The Network service for others: the API's service row, and ports as Compute uses them. No libvirt word stands here. */
#pragma once

#include "base/config.h"
#include "db/db.h"
#include "http/route.h"

typedef struct KnNetworks KnNetworks;

typedef struct {
    KnDbPool *db;
    const char *cloud_id;
    const char *state_dir; /* dnsmasq's host and lease files */
    const char
        *driver;      /* "linux", or "none": ports are rows only, nothing is wired (test driver) */
    const char *host; /* this machine's host name in the API */
    const char *ntp_servers; /* addresses for networks with the tag kilonova:ntp; NULL: none */
    guint wire_timeout_ms;   /* how long a part may stay silent; 0: 10 s */
} KnNetworksOptions;

KnNetworks *kn_networks_new (const KnNetworksOptions *options, GError **error);
void kn_networks_free (KnNetworks *networks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnNetworks, kn_networks_free)
const KnService *kn_networks_service (KnNetworks *networks);

/* Makes bridges, namespaces and dnsmasq agree with the database, removes ours that have no record; at start. */
bool kn_networks_recover (KnNetworks *networks, GError **error);

typedef struct {
    char *id, *network_id, *network_name, *project_id, *device_id, *mac;
    char *tap; /* "tap" + 11 characters of the id */
    char *
        bridge; /* what the interface is plugged into on the host; the driver "none" does not make it */
    guint mtu;
    bool ours;                  /* made for the server, goes with it */
    bool active;                /* wired at this moment */
    GPtrArray *addresses;       /* of KnPortAddress */
    GPtrArray *security_groups; /* of char*: names, ids alternating (name, id, name, id …) */
} KnPort;
typedef struct {
    char *address, *subnet_id, *cidr, *gateway;
    char **dns;    /* NULL-terminated */
    guint version; /* 4 or 6 */
    bool dhcp;
} KnPortAddress;
void kn_port_free (KnPort *port);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnPort, kn_port_free)

/* What a server asks for: exactly one of network_id and port_id, or neither: the project's only network (CONFLICT, public, if there are several). */
typedef struct {
    const char *network_id, *port_id, *fixed_ip;
    const char *const *security_groups; /* names or ids; NULL: default */
} KnPortWish;

/* Checks wishes before a 202 is given: existence, ownership, free addresses. Errors (public): BAD_REQUEST, NOT_FOUND, CONFLICT. */
bool kn_network_check_wishes (KnDb *db, const char *project_id, bool is_admin,
                              const KnPortWish *wishes, gsize n_wishes, GError **error);

/* Makes or takes the ports of @server_id, in order, inside the caller's transaction: address and MAC are allocated here. Repeatable.
 * Returns KnPort array (unref frees). */
GPtrArray *kn_network_allocate (KnDb *db, const char *project_id, const char *server_id,
                                const char *host, bool is_admin, const KnPortWish *wishes,
                                gsize n_wishes, GError **error);

/* The ports of a server in their order; array of KnPort. */
GPtrArray *kn_network_list_ports (KnDb *db, const char *server_id, GError **error);

/* The ports of all servers of @project_id (NULL: of all projects); array of KnPort, those of one server in their order. */
GPtrArray *kn_network_list_project_ports (KnDb *db, const char *project_id, GError **error);

/* Addresses of the NTP servers that the networks of @ports (of KnPort) tell their guests of; empty: none. g_strfreev. */
char **kn_network_list_ntp (KnNetworks *networks, KnDb *db, const GPtrArray *ports, GError **error);

/* Puts all ports of @server_id into the security group @name (a name or id of @project_id), or takes them out of it. The latter
 * fails with NOT_FOUND (public) if none of them is in it. */
bool kn_network_add_group (KnDb *db, const char *project_id, const char *server_id,
                           const char *name, GError **error);
bool kn_network_remove_group (KnDb *db, const char *project_id, const char *server_id,
                              const char *name, GError **error);

/* A security group for those who only look at it. */
typedef struct {
    const char *id, *protocol; /* protocol NULL: any */
    const char *cidr;          /* whom it lets in; NULL: the group .remote_group */
    const char *remote_group, *remote_project;
    gint64 port_min, port_max; /* -1: all */
} KnGroupRuleView;
typedef struct {
    const char *id, *name, *description, *project_id;
    const KnGroupRuleView *rules; /* what may come in */
    gsize n_rules;
} KnGroupView;
/* Calls @visit for the groups of @project_id, which has a default one from then on (NULL: of all projects); what it gets is
 * borrowed. */
bool kn_network_each_group (KnDb *db, const char *project_id,
                            void (*visit) (const KnGroupView *group, gpointer data), gpointer data,
                            GError **error);

/* Gives the server's ports back: ours are deleted, the user's own are unbound. In the caller's transaction. Repeatable. */
bool kn_network_release (KnDb *db, const char *server_id, GError **error);

/* Before the domain starts: bridge, namespace and dnsmasq stand and know the port. Slow; worker threads. Repeatable.
 * Errors (public) name port, network, host, the part and how long it was silent. */
bool kn_network_prepare (KnNetworks *networks, KnDb *db, const char *server_id, GError **error);

/* Looks at what prepare made without mending it: fails if bridge, namespace or dnsmasq of a port of @server_id is not there. To be
 * asked when the hypervisor refused to start a domain: if this fails too, its error is the reason. Errors as above. */
bool kn_network_check (KnNetworks *networks, KnDb *db, const char *server_id, GError **error);

/* After it started: waits until each tap is up in its bridge, marks the ports ACTIVE. Errors as above. */
bool kn_network_confirm (KnNetworks *networks, KnDb *db, const char *server_id, GError **error);

/* After the domain is off or gone: marks the ports DOWN and forgets leases; with the last port of a network its bridge stays until the network goes. Repeatable. */
bool kn_network_unplug (KnNetworks *networks, KnDb *db, const char *server_id, GError **error);

/* Brings dnsmasq up to date with ports that were released. Worker threads. */
bool kn_network_sync (KnNetworks *networks, KnDb *db, const char *network_id, GError **error);

/* Called for each port whose state changed outside of the calls above (a port deleted or its address changed by the API). */
typedef struct {
    void (*port_changed) (gpointer data, const char *server_id, const char *port_id);
    gpointer data;
} KnNetworkEvents;
void kn_networks_set_events (KnNetworks *networks, const KnNetworkEvents *events);
