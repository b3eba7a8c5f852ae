/* SPDX-License-Identifier: Apache-2.0 */
/* Host CPUs and large pages that a server keeps for itself. */
#pragma once

#include "compute/facts.h"
#include "compute/server_work.h"

/* Fills in the NUMA cells of @host as if nobody held anything of them. They live in @blocks, which frees with g_free(), and as
 * long as @host is held. */
bool kn_guest_cells_load (KnVirtHost *host, GPtrArray *blocks, KnGuestHost *out_host,
                          GError **error);

/* Fills in the facts' NUMA cells of @host, and what of them other servers hold. */
bool kn_server_gather_cells (KnServerFacts *f, KnDb *db, const KnServer *server, KnVirtHost *host,
                             GError **error);

/* Takes for the server what @plan keeps on its host, in place of what it held. Errors: UNAVAILABLE when another server was
 * faster: plan again. */
bool kn_server_claim_placement (KnServerWork *work, const KnGuestFacts *facts,
                                const KnGuestPlan *plan, GError **error);
