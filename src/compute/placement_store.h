/* SPDX-License-Identifier: Apache-2.0 */
/* What of a host's CPUs and large pages belongs to which server (instance_placements), so that no two get the same. */
#pragma once

#include "db/db.h"

/* Borrowed texts: host CPUs "1,4-5" (NULL: none), pages "CELL:SIZE_KIB:COUNT,…" (NULL: none). */
typedef struct {
    const char *cpus, *pages;
} KnPlacement;

/* Calls @visit for what each server on @host but @except holds. */
typedef void (*KnPlacementVisit) (const KnPlacement *placement, gpointer data);
bool kn_store_placement_each (KnDb *db, const char *host, const char *except,
                              KnPlacementVisit visit, gpointer data, GError **error);

/* Until the end of the transaction nobody else takes anything of @host; it has to have a service row. */
bool kn_store_placement_lock (KnDb *db, const char *host, GError **error);

/* Replaces what @server holds; both NULL: nothing. Run inside a transaction. */
bool kn_store_placement_set (KnDb *db, const char *server, const char *host,
                             const KnPlacement *placement, GError **error);
