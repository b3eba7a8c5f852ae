/* SPDX-License-Identifier: Apache-2.0 */
/* What the cloud knows of its hosts beside libvirt: the rows of nova-compute services. */
#pragma once

#include "db/db.h"

/* Whether the scheduler may put servers on @host: no administrator has disabled its service. */
bool kn_host_load_enabled (KnDb *db, const char *host, bool *out_enabled, GError **error);

/* Notes that @host was up just now; `openstack compute service list` shows it. Makes the host's row if need be. */
bool kn_host_note_up (KnDb *db, const char *host, GError **error);

/* Append the routes of services, hypervisors, availability zones and aggregates. */
void kn_service_add_routes (GArray *routes);
void kn_hypervisor_add_routes (GArray *routes);
void kn_zone_add_routes (GArray *routes);
void kn_aggregate_add_routes (GArray *routes);
