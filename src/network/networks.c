/* SPDX-License-Identifier: Apache-2.0 */
/* The Network service: context, routes, faults, and what follows a change on the host. */
#include "network/networks_api.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"

#define WIRE_TIMEOUT_MS 10000

static const KnNetDriverOps *const drivers[] = { &kn_net_driver_none, &kn_net_driver_linux };

const KnResource *const kn_resources[]
    = { &kn_net_resource,   &kn_subnet_resource, &kn_port_resource,
        &kn_group_resource, &kn_rule_resource,   NULL };

static const KnNetDriverOps *
find_driver (const char *name, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS (drivers); i++)
        if (strcmp (drivers[i]->name, name) == 0)
            return drivers[i];
    kn_error_set (error, KN_ERROR_BAD_REQUEST, "there is no network driver '%s'", name);
    return NULL;
}

KnNetworks *
kn_networks_new (const KnNetworksOptions *options, GError **error)
{
    const KnNetDriverOps *ops = find_driver (options->driver, error);
    g_autoptr (KnNetworks) networks = NULL;
    g_auto (GStrv) ntp_servers = NULL;

    if (ops == NULL)
        return NULL;

    ntp_servers = kn_time_service_parse_servers (
        options->ntp_servers != NULL ? options->ntp_servers : "", error);
    if (ntp_servers == NULL) {
        g_prefix_error (error, "option [network] ntp_servers: ");
        return NULL;
    }

    networks = g_new0 (KnNetworks, 1);
    networks->ntp_servers = g_steal_pointer (&ntp_servers);
    g_mutex_init (&networks->events_lock);
    networks->options = *options;
    networks->cloud_id = g_strdup (options->cloud_id);
    networks->state_dir = g_strdup (options->state_dir);
    networks->host = g_strdup (options->host);
    networks->started_us = kn_time_now ();
    networks->service = kn_networks_service_new (networks);
    networks->driver = ops->open (
        &(KnNetDriverOptions){
            .cloud_id = networks->cloud_id,
            .state_dir = networks->state_dir,
            .wire_timeout_ms
            = options->wire_timeout_ms > 0 ? options->wire_timeout_ms : WIRE_TIMEOUT_MS,
        },
        error);
    return networks->driver != NULL ? g_steal_pointer (&networks) : NULL;
}

void
kn_networks_free (KnNetworks *networks)
{
    if (networks == NULL)
        return;
    if (networks->driver != NULL)
        networks->driver->ops->close (networks->driver);
    g_mutex_clear (&networks->events_lock);
    g_free (networks->cloud_id);
    g_free (networks->state_dir);
    g_free (networks->host);
    g_strfreev (networks->ntp_servers);
    g_free (networks->service);
    g_free (networks);
}

const KnService *
kn_networks_service (KnNetworks *networks)
{
    return networks->service;
}

void
kn_networks_set_events (KnNetworks *networks, const KnNetworkEvents *events)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&networks->events_lock);

    networks->events = *events;
}

bool
kn_networks_recover (KnNetworks *networks, GError **error)
{
    KnDb *db = kn_db_thread (networks->options.db, error);

    return db != NULL && kn_wiring_recover (networks, db, error);
}

void
kn_effects_init (KnEffects *effects)
{
    effects->changed = g_ptr_array_new_with_free_func (g_free);
    effects->removed = g_ptr_array_new_with_free_func (g_free);
    effects->ports = kn_pairs_new ();
}

void
kn_effects_clear (KnEffects *effects)
{
    g_ptr_array_set_size (effects->changed, 0);
    g_ptr_array_set_size (effects->removed, 0);
    g_ptr_array_set_size (effects->ports, 0);
}

void
kn_effects_free (KnEffects *effects)
{
    g_ptr_array_unref (effects->changed);
    g_ptr_array_unref (effects->removed);
    g_ptr_array_unref (effects->ports);
}

void
kn_effects_network (KnEffects *effects, const char *network_id)
{
    if (!g_ptr_array_find_with_equal_func (effects->changed, network_id, g_str_equal, NULL))
        g_ptr_array_add (effects->changed, g_strdup (network_id));
}

static void
log_late (const char *what, const char *network_id, const GError *error)
{
    kn_log (KN_LOG_WARNING, what, "network", network_id, "error", error->message, NULL);
}

void
kn_effects_run (KnNetworks *networks, KnDb *db, KnEffects *effects)
{
    KnNetworkEvents events;

    for (guint i = 0; i < effects->changed->len; i++) {
        g_autoptr (GError) error = NULL;
        const char *id = g_ptr_array_index (effects->changed, i);

        if (!kn_network_sync (networks, db, id, &error))
            log_late ("DHCP does not know of a change yet", id, error);
    }
    for (guint i = 0; i < effects->removed->len; i++) {
        g_autoptr (GError) error = NULL;
        const char *id = g_ptr_array_index (effects->removed, i);

        if (!networks->driver->ops->remove (networks->driver, id, &error))
            log_late ("a deleted network still stands on the host", id, error);
    }

    g_mutex_lock (&networks->events_lock);
    events = networks->events;
    g_mutex_unlock (&networks->events_lock);
    for (guint i = 0; events.port_changed != NULL && i < effects->ports->len; i++) {
        const KnPair *pair = g_ptr_array_index (effects->ports, i);

        events.port_changed (events.data, pair->first, pair->second);
    }
}
