/* SPDX-License-Identifier: Apache-2.0 */
/* How networks become real on a host: an ops table, chosen once at start. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "network/time_service.h"

/* What one network has to look like. Plain records; a driver keeps nothing of them. */
typedef struct {
    char *id, *cidr, *gateway; /* gateway may be NULL */
    char *dhcp_address; /* of the host that answers DHCP here, NULL: no DHCP in this subnet */
    char *address_mode; /* IPv6: "slaac", "dhcpv6-stateful", "dhcpv6-stateless" or NULL */
    char **dns;
    GPtrArray *routes; /* KnPair: destination, next hop */
} KnWireSubnet;

typedef struct {
    char *port_id, *mac, *address;
} KnWireHost;

typedef struct {
    char *network_id, *network_name;
    guint mtu;
    KnTimeService time; /* what DHCP tells guests that ask */
    char *dhcp_mac;     /* NULL: no DHCP at all */
    GPtrArray *subnets; /* of KnWireSubnet */
    GPtrArray *hosts;   /* of KnWireHost: who may get which address */
} KnWirePlan;

/* Which part failed and for how long it was waited for; parts are words for users. */
typedef struct {
    char
        part[160]; /* "bridge kn0123456789abc", "dhcp namespace", "dnsmasq", "tap tap01234567-89" */
    gint64 silent_us;
} KnSilence;

typedef struct KnNetDriver KnNetDriver;

typedef struct {
    const char *cloud_id, *state_dir;
    guint wire_timeout_ms;
} KnNetDriverOptions;

typedef struct {
    const char *name;
    const char *vif_type; /* how a bound port is plugged */
    KnNetDriver *(*open) (const KnNetDriverOptions *options, GError **error);
    void (*close) (KnNetDriver *driver);
    /* What an interface in @network_id is plugged into on the host; NULL: nothing. Caller frees. */
    char *(*bridge) (KnNetDriver *driver, const char *network_id);
    /* Whether anything of @network_id stands on this host. */
    bool (*exists) (KnNetDriver *driver, const char *network_id);
    /* Makes the host agree with @plan; repeatable. On failure @silence says what was waited for. */
    bool (*ensure) (KnNetDriver *driver, const KnWirePlan *plan, KnSilence *silence,
                    GError **error);
    /* Takes everything of @network_id away, if it is ours; repeatable. */
    bool (*remove) (KnNetDriver *driver, const char *network_id, GError **error);
    /* Looks at what stands there without mending it: true if bridge, namespace and dnsmasq are all right. */
    bool (*check) (KnNetDriver *driver, const KnWirePlan *plan, KnSilence *silence, GError **error);
    /* Waits until @tap is up in the bridge of @network_id. */
    bool (*confirm_tap) (KnNetDriver *driver, const char *network_id, const char *tap,
                         KnSilence *silence, GError **error);
    /* Ids of all networks of this cloud that stand on this host; array of char*. */
    GPtrArray *(*list) (KnNetDriver *driver, GError **error);
} KnNetDriverOps;

/* Every driver's own struct begins with this. */
struct KnNetDriver {
    const KnNetDriverOps *ops;
};

extern const KnNetDriverOps kn_net_driver_none, kn_net_driver_linux;

/* "kn" and 13 digits of the network's id: an interface's name has 15 characters at most. Caller frees. */
char *kn_bridge_name (const char *network_id);

KnWirePlan *kn_wire_plan_new (void);
void kn_wire_plan_free (KnWirePlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnWirePlan, kn_wire_plan_free)
