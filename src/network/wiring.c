/* SPDX-License-Identifier: Apache-2.0 */
/* From rows to wires: what a network has to look like, and servers' ports before, during and after a run. */
#include "network/network_priv.h"

#include <string.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"

static KnWireSubnet *
plan_subnet (const KnSubnet *subnet, const KnPortRow *dhcp)
{
    KnWireSubnet *wire = g_new0 (KnWireSubnet, 1);

    wire->id = g_strdup (subnet->base.id);
    wire->cidr = g_strdup (subnet->cidr);
    wire->gateway = g_strdup (subnet->gateway_ip);
    wire->address_mode = g_strdup (subnet->address_mode);
    wire->dns = g_strdupv (subnet->dns);
    wire->routes = kn_pairs_new ();
    for (guint i = 0; i < subnet->routes->len; i++) {
        const KnPair *route = g_ptr_array_index (subnet->routes, i);

        g_ptr_array_add (wire->routes, kn_pair_new (route->first, route->second));
    }
    for (guint i = 0; dhcp != NULL && i < dhcp->fixed_ips->len; i++) {
        const KnPair *pair = g_ptr_array_index (dhcp->fixed_ips, i);

        if (kn_subnet_has_dhcp (subnet) && strcmp (pair->first, subnet->base.id) == 0)
            wire->dhcp_address = g_strdup (pair->second);
    }
    return wire;
}

static void
plan_hosts (KnWirePlan *plan, const KnPortRow *port)
{
    for (guint i = 0; port->admin_state_up && i < port->fixed_ips->len; i++) {
        KnWireHost *host = g_new0 (KnWireHost, 1);

        host->port_id = g_strdup (port->base.id);
        host->mac = g_strdup (port->mac);
        host->address = g_strdup (((KnPair *)port->fixed_ips->pdata[i])->second);
        g_ptr_array_add (plan->hosts, host);
    }
}

typedef struct {
    const KnNetworks *networks;
    const char *network_id;
    KnWirePlan *plan; /* stays NULL if there is no such network */
} KnPlanning;

/* One snapshot: a plan of rows that never stood side by side would be wrong. */
static bool
plan_txn (KnDb *db, gpointer data, GError **error)
{
    KnPlanning *planning = data;
    g_autoptr (GPtrArray) subnets = kn_objects_new (), ports = kn_objects_new ();
    g_autoptr (GError) local = NULL;
    g_autoptr (KnNet) net = (KnNet *)kn_store_net_find (db, planning->network_id, &local);
    const KnPortRow *dhcp = NULL;

    g_clear_pointer (&planning->plan, kn_wire_plan_free);
    if (net == NULL)
        return kn_rows_ended (&local, error);
    if (!kn_net_load_tags (db, net, error)
        || !kn_store_subnet_list_of (db, net->base.id, subnets, error)
        || !kn_store_port_list_of_network (db, net->base.id, ports, error))
        return false;

    planning->plan = kn_wire_plan_new ();
    planning->plan->network_id = g_strdup (net->base.id);
    planning->plan->network_name = g_strdup (net->base.name);
    planning->plan->mtu = (guint)net->mtu;
    kn_time_service_read (&planning->plan->time, net->base.tags, planning->networks->ntp_servers);
    for (guint i = 0; i < ports->len; i++) {
        const KnPortRow *port = g_ptr_array_index (ports, i);

        if (strcmp (port->device_owner, KN_DHCP_OWNER) == 0)
            dhcp = port;
        else
            plan_hosts (planning->plan, port);
    }
    planning->plan->dhcp_mac = dhcp != NULL ? g_strdup (dhcp->mac) : NULL;
    for (guint i = 0; i < subnets->len; i++)
        g_ptr_array_add (planning->plan->subnets,
                         plan_subnet (g_ptr_array_index (subnets, i), dhcp));
    return true;
}

/* The plan of @network_id; NULL without error if the network is gone. */
static KnWirePlan *
load_plan (const KnNetworks *networks, KnDb *db, const char *network_id, GError **error)
{
    KnPlanning planning = { .networks = networks, .network_id = network_id };

    if (!kn_db_read_txn (db, plan_txn, &planning, error))
        g_clear_pointer (&planning.plan, kn_wire_plan_free);
    return planning.plan;
}

/* Who was silent, in one public sentence that names everything an operator asks for first. What belongs to somebody else stays so
 * when it is tried again; all other troubles may pass. */
static void
set_unwired (const KnNetworks *networks, const KnPort *port, const KnSilence *silence,
             const GError *cause, GError **error)
{
    bool foreign = g_error_matches (cause, KN_ERROR, KN_ERROR_CONFLICT);
    g_autofree char *why = foreign ? g_strdup (kn_error_sentence (cause))
                                   : g_strdup_printf ("silent for %.1f s",
                                                      (double)silence->silent_us / G_USEC_PER_SEC);

    kn_error_public (error, foreign ? KN_ERROR_CONFLICT : KN_ERROR_TIMEOUT,
                     "Port %s of network '%s' (%s) could not be wired on host %s: %s, %s.",
                     port->id, port->network_name, port->network_id, networks->host, silence->part,
                     why);
}

/* Runs @step for @port; what fails is logged with its cause and becomes the public sentence. */
static bool
report (const KnNetworks *networks, const KnPort *port, const KnSilence *silence, GError *cause,
        GError **error)
{
    if (cause == NULL)
        return true;
    if (silence->part[0] == '\0') {
        g_propagate_error (error, cause);
        return false;
    }
    kn_log (KN_LOG_WARNING, "a port could not be wired", "port", port->id, "network",
            port->network_id, "server", port->device_id, "part", silence->part, "error",
            cause->message, NULL);
    set_unwired (networks, port, silence, cause, error);
    g_error_free (cause);
    return false;
}

/* A network may be deleted, wires and all, between our reading of it and our making its wires: then they go again. Whoever
 * deletes it after this look finds them himself. */
static bool
remove_if_gone (KnNetworks *networks, KnDb *db, const char *network_id, GError **error)
{
    g_autoptr (GError) local = NULL;
    g_autoptr (KnWirePlan) plan = load_plan (networks, db, network_id, &local);

    if (plan != NULL)
        return true;
    return kn_rows_ended (&local, error)
           && networks->driver->ops->remove (networks->driver, network_id, error);
}

typedef bool (*KnPlanStep) (KnNetDriver *driver, const KnWirePlan *plan, KnSilence *silence,
                            GError **error);

static bool
run_plan_step (KnNetworks *networks, KnDb *db, const KnPort *port, KnPlanStep step, GError **error)
{
    g_autoptr (KnWirePlan) plan = NULL;
    KnSilence silence = { 0 };
    GError *cause = NULL;

    plan = load_plan (networks, db, port->network_id, &cause);
    if (plan == NULL && cause == NULL)
        kn_net_not_found (port->network_id, &cause);
    if (plan != NULL && step (networks->driver, plan, &silence, &cause))
        (void)remove_if_gone (networks, db, port->network_id, &cause);
    return report (networks, port, &silence, cause, error);
}

/* Calls @step once for each network of the server's ports. */
static bool
each_network (KnNetworks *networks, KnDb *db, GPtrArray *ports, KnPlanStep step, GError **error)
{
    g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

    for (guint i = 0; i < ports->len; i++) {
        const KnPort *port = g_ptr_array_index (ports, i);

        if (g_hash_table_add (seen, port->network_id)
            && !run_plan_step (networks, db, port, step, error))
            return false;
    }
    return true;
}

bool
kn_network_prepare (KnNetworks *networks, KnDb *db, const char *server_id, GError **error)
{
    g_autoptr (GPtrArray) ports = kn_network_list_ports (db, server_id, error);

    return ports != NULL && kn_fault ("network.prepare", error)
           && each_network (networks, db, ports, networks->driver->ops->ensure, error)
           && kn_fault ("network.prepared", error);
}

bool
kn_network_check (KnNetworks *networks, KnDb *db, const char *server_id, GError **error)
{
    g_autoptr (GPtrArray) ports = kn_network_list_ports (db, server_id, error);

    return ports != NULL && each_network (networks, db, ports, networks->driver->ops->check, error);
}

static bool
confirm_port (KnNetworks *networks, KnDb *db, const KnPort *port, GError **error)
{
    KnSilence silence = { 0 };
    GError *cause = NULL;

    (void)networks->driver->ops->confirm_tap (networks->driver, port->network_id, port->tap,
                                              &silence, &cause);
    return report (networks, port, &silence, cause, error)
           && kn_store_port_set_status (db, port->id, "ACTIVE", error);
}

bool
kn_network_confirm (KnNetworks *networks, KnDb *db, const char *server_id, GError **error)
{
    g_autoptr (GPtrArray) ports = kn_network_list_ports (db, server_id, error);

    if (ports == NULL || !kn_fault ("network.confirm", error))
        return false;
    for (guint i = 0; i < ports->len; i++)
        if (!confirm_port (networks, db, g_ptr_array_index (ports, i), error))
            return false;
    /* A DHCP server that died since the preparation is back before the guest has booted far enough to ask it. */
    return each_network (networks, db, ports, networks->driver->ops->check, NULL)
           || each_network (networks, db, ports, networks->driver->ops->ensure, error);
}

bool
kn_network_unplug (KnNetworks *networks, KnDb *db, const char *server_id, GError **error)
{
    g_autoptr (GPtrArray) ports = kn_network_list_ports (db, server_id, error);

    if (ports == NULL || !kn_fault ("network.unplug", error))
        return false;
    for (guint i = 0; i < ports->len; i++)
        if (!kn_store_port_set_status (db, ((KnPort *)ports->pdata[i])->id, "DOWN", error))
            return false;
    return true;
}

bool
kn_network_sync (KnNetworks *networks, KnDb *db, const char *network_id, GError **error)
{
    g_autoptr (KnWirePlan) plan = NULL;
    g_autoptr (GError) local = NULL;
    KnSilence silence = { 0 };

    if (!networks->driver->ops->exists (networks->driver, network_id))
        return true;
    plan = load_plan (networks, db, network_id, &local);
    if (plan == NULL)
        return kn_rows_ended (&local, error);
    return networks->driver->ops->ensure (networks->driver, plan, &silence, error)
           && remove_if_gone (networks, db, network_id, error);
}

static void
recover_one (KnNetworks *networks, KnDb *db, const char *network_id)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnWirePlan) plan = load_plan (networks, db, network_id, &error);
    KnSilence silence = { 0 };

    if (plan != NULL)
        (void)(networks->driver->ops->ensure (networks->driver, plan, &silence, &error)
               && remove_if_gone (networks, db, network_id, &error));
    else if (error == NULL)
        (void)networks->driver->ops->remove (networks->driver, network_id, &error);
    if (error != NULL)
        kn_log (KN_LOG_WARNING, "a network could not be recovered", "network", network_id, "error",
                error->message, NULL);
}

bool
kn_wiring_recover (KnNetworks *networks, KnDb *db, GError **error)
{
    g_autoptr (GPtrArray) ids = networks->driver->ops->list (networks->driver, error);
    g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

    if (ids == NULL || !kn_store_port_list_wired (db, ids, error))
        return false;
    for (guint i = 0; i < ids->len; i++)
        if (g_hash_table_add (seen, g_ptr_array_index (ids, i)))
            recover_one (networks, db, g_ptr_array_index (ids, i));
    return true;
}
