/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of the hosts' service rows, and of what servers take of a host. */
#pragma once

#include "compute/host.h"

#define KN_HOST_BINARY "nova-compute"

typedef struct {
    gint64 id; /* of the service and of the hypervisor */
    char *host, *disabled_reason, *last_seen_up;
    bool disabled;
} KnHostRow;
void kn_host_row_free (KnHostRow *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnHostRow, kn_host_row_free)

/* The row of @host; NULL without error if there is none. */
KnHostRow *kn_store_host_find (KnDb *db, const char *host, GError **error);
/* As above, made if need be. */
KnHostRow *kn_store_host_ensure (KnDb *db, const char *host, GError **error);
bool kn_store_host_set_disabled (KnDb *db, gint64 id, bool disabled, const char *reason,
                                 GError **error);
bool kn_store_host_seen (KnDb *db, gint64 id, GError **error);

/* Sums over the servers on a host. */
typedef struct {
    gint64 servers, vcpus, memory_mib, disk_gib;
} KnHostUse;
bool kn_store_host_use (KnDb *db, const char *host, KnHostUse *out_use, GError **error);

/* Calls @visit for each server on @host. */
bool kn_store_host_each_server (KnDb *db, const char *host,
                                void (*visit) (gint64 id, const char *uuid, gpointer data),
                                gpointer data, GError **error);
