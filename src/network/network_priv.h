/* SPDX-License-Identifier: Apache-2.0 */
/* The records of the Network service and what its parts offer each other. */
#pragma once

#include "network/driver.h"
#include "network/ip.h"
#include "network/network.h"
#include "network/object.h"

#define KN_DHCP_OWNER "network:dhcp"

typedef struct {
    KnObject base;
    char *status;
    bool admin_state_up, shared, external;
    gint64 mtu;
    char **subnets; /* ids */
} KnNet;

typedef struct {
    KnObject base;
    char *network_id, *cidr, *gateway_ip, *ra_mode, *address_mode;
    gint64 ip_version;
    bool enable_dhcp;
    GPtrArray *pools;  /* first and last address */
    char **dns;        /* addresses */
    GPtrArray *routes; /* destination, next hop */
} KnSubnet;

typedef struct {
    KnObject base;
    char *network_id, *mac, *status, *device_id, *device_owner;
    char *host, *vif_type, *vif_details, *vnic_type, *profile;
    bool admin_state_up, made_for_server;
    gint64 position;
    GPtrArray *fixed_ips;   /* subnet id, address */
    char **security_groups; /* ids */
} KnPortRow;

typedef struct {
    KnObject base;
    GPtrArray *rules; /* of KnSecurityRule */
} KnSecurityGroup;

typedef struct {
    KnObject base;
    char *group_id, *direction, *ethertype, *protocol, *remote_prefix, *remote_group_id;
    gint64 port_min, port_max;
} KnSecurityRule;

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnNet, kn_object_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnSubnet, kn_object_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnPortRow, kn_object_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnSecurityGroup, kn_object_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnSecurityRule, kn_object_free)

extern const KnResource kn_net_resource, kn_subnet_resource, kn_port_resource, kn_group_resource,
    kn_rule_resource;
extern const KnResource *const kn_resources[]; /* all of them, NULL-terminated */

/* What has to be done on the host and told to others once the transaction is through. */
struct KnEffects {
    GPtrArray *changed; /* ids of networks whose DHCP has to be brought up to date */
    GPtrArray *removed; /* ids of networks that are gone */
    GPtrArray *ports;   /* KnPair: server id, port id */
};
void kn_effects_init (KnEffects *effects);
void
kn_effects_clear (KnEffects *effects); /* forgets what was noted: the transaction starts again */
void kn_effects_free (KnEffects *effects);
void kn_effects_network (KnEffects *effects, const char *network_id);
/* Carries them out; failures are logged, since the next start of a server repairs them. */
void kn_effects_run (KnNetworks *networks, KnDb *db, KnEffects *effects);

struct KnNetworks {
    KnNetworksOptions options;
    char *cloud_id, *state_dir, *host;
    char **ntp_servers;
    KnNetDriver *driver;
    KnNetworkEvents events;
    GMutex events_lock;
    KnService *service;
    gint64 started_us;
};

/* ---- the objects' rules (network.c, subnet.c, port.c, security_group.c) ---- */

bool kn_net_load (KnDb *db, const KnScope *scope, const char *id, KnNet **out_net, GError **error);
bool kn_net_load_tags (KnDb *db, KnNet *net, GError **error);
void kn_net_not_found (const char *id, GError **error);

/* Whether an address of @subnet follows from the hardware address. */
bool kn_subnet_is_auto (const KnSubnet *subnet);

/* Whether a DHCP server of ours answers in @subnet. */
bool kn_subnet_has_dhcp (const KnSubnet *subnet);

/* Gives the port that answers DHCP on @network_id an address in each subnet with DHCP; without such a subnet it goes. */
bool kn_port_ensure_dhcp (KnDb *db, const KnNet *net, GError **error);

/* Creates @port by @scope: MAC, addresses, groups. Needs base.project_id and network_id. */
bool kn_port_create (KnDb *db, const KnScope *scope, KnPortRow *port, GError **error);

/* The id of the default group of @project_id, made with its four rules if it is missing; caller frees. */
char *kn_group_ensure_default (KnDb *db, const char *project_id, GError **error);

/* Fails with OVER_QUOTA if @n more of @resource would be too many for @project_id. */
bool kn_net_quota_check (KnDb *db, const char *project_id, const char *resource, guint n,
                         GError **error);

/* ---- addresses (allocation.c) ---- */

/* Appends to port->fixed_ips: an address for each of @wishes (pairs, either part may be NULL), or, if @wishes is NULL, one of a
 * subnet of each IP version. The port has to stand in the database. Race-free among parallel transactions.
 * Errors (public): BAD_REQUEST, CONFLICT (IpAddressInUse, IpAddressGenerationFailure). */
bool kn_allocate_addresses (KnDb *db, KnPortRow *port, const GPtrArray *wishes, GError **error);

/* ---- the store ---- */

/* First in every transaction that writes: one after the other. */
bool kn_store_net_lock (KnDb *db, GError **error);
bool kn_store_net_list (KnDb *db, const KnScope *scope, GPtrArray *nets, GError **error);
KnObject *kn_store_net_find (KnDb *db, const char *id, GError **error);
bool kn_store_net_insert (KnDb *db, const KnNet *net, GError **error);
bool kn_store_net_update (KnDb *db, const KnNet *net, GError **error);
bool kn_store_net_delete (KnDb *db, const char *id, GError **error);

bool kn_store_subnet_list (KnDb *db, const KnScope *scope, GPtrArray *subnets, GError **error);
bool kn_store_subnet_list_of (KnDb *db, const char *network_id, GPtrArray *subnets, GError **error);
KnObject *kn_store_subnet_find (KnDb *db, const char *id, GError **error);
bool kn_store_subnet_insert (KnDb *db, const KnSubnet *subnet, GError **error);
bool kn_store_subnet_update (KnDb *db, const KnSubnet *subnet, GError **error);
bool kn_store_subnet_delete (KnDb *db, const char *id, GError **error);

bool kn_store_port_list (KnDb *db, const KnScope *scope, GPtrArray *ports, GError **error);
bool kn_store_port_list_of_network (KnDb *db, const char *network_id, GPtrArray *ports,
                                    GError **error);
bool kn_store_port_list_of_device (KnDb *db, const char *device_id, GPtrArray *ports,
                                   GError **error);
KnObject *kn_store_port_find (KnDb *db, const char *id, GError **error);
/* Errors: CONFLICT if the MAC is taken in the network. */
bool kn_store_port_insert (KnDb *db, const KnPortRow *port, GError **error);
bool kn_store_port_update (KnDb *db, const KnPortRow *port, GError **error);
bool kn_store_port_delete (KnDb *db, const char *id, GError **error);
bool kn_store_port_set_status (KnDb *db, const char *id, const char *status, GError **error);
bool kn_store_port_set_groups (KnDb *db, const KnPortRow *port, GError **error);
/* Ids of the networks in which a server has a port. */
bool kn_store_port_list_wired (KnDb *db, GPtrArray *network_ids, GError **error);

/* Errors: CONFLICT if the address is taken. */
bool kn_store_address_insert (KnDb *db, const KnPortRow *port, const char *subnet_id,
                              const char *address, GError **error);
bool kn_store_address_delete (KnDb *db, const char *subnet_id, const char *address, GError **error);
bool kn_store_address_list (KnDb *db, const char *subnet_id, GArray *ips, GError **error);
/* Whether somebody other than the DHCP port has an address in @subnet_id; NULL error and -1 on failure. */
bool kn_store_subnet_in_use (KnDb *db, const char *subnet_id, bool *out_in_use, GError **error);

bool kn_store_group_list (KnDb *db, const KnScope *scope, GPtrArray *groups, GError **error);
KnObject *kn_store_group_find (KnDb *db, const char *id, GError **error);
bool kn_store_group_insert (KnDb *db, const KnSecurityGroup *group, GError **error);
bool kn_store_group_update (KnDb *db, const KnSecurityGroup *group, GError **error);
/* Errors: IN_USE. */
bool kn_store_group_delete (KnDb *db, const char *id, GError **error);
char *kn_store_group_find_default (KnDb *db, const char *project_id, GError **error);
bool kn_store_group_insert_default (KnDb *db, const char *project_id, const char *id,
                                    GError **error);
bool kn_store_rule_list (KnDb *db, const KnScope *scope, GPtrArray *rules, GError **error);
bool kn_store_rule_list_of (KnDb *db, const char *group_id, GPtrArray *rules, GError **error);
KnObject *kn_store_rule_find (KnDb *db, const char *id, GError **error);
bool kn_store_rule_insert (KnDb *db, const KnSecurityRule *rule, GError **error);
bool kn_store_rule_delete (KnDb *db, const char *id, GError **error);

bool kn_store_net_quota_count (KnDb *db, const char *project_id, const char *resource,
                               gint64 *out_n, GError **error);
/* False without error: no limit was set for the project. */
bool kn_store_net_quota_find (KnDb *db, const char *project_id, const char *resource,
                              gint64 *out_limit, GError **error);
bool kn_store_net_quota_set (KnDb *db, const char *project_id, const char *resource, gint64 limit,
                             GError **error);
bool kn_store_net_quota_reset (KnDb *db, const char *project_id, gint64 *out_n, GError **error);
GPtrArray *kn_store_net_quota_projects (KnDb *db, GError **error);

/* Fills the tags of @objects. */
bool kn_store_tags_load (KnDb *db, GPtrArray *objects, GError **error);
bool kn_store_tag_insert (KnDb *db, const char *object_id, const char *tag, GError **error);
bool kn_store_tag_delete (KnDb *db, const char *object_id, const char *tag, gint64 *out_n,
                          GError **error);
bool kn_store_tags_clear (KnDb *db, const char *object_id, GError **error);

/* ---- wires (wiring.c) ---- */

bool kn_wiring_recover (KnNetworks *networks, KnDb *db, GError **error);
