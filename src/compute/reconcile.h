/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing records into agreement with what hosts really run. */
#pragma once

#include "compute/compute_priv.h"

/* One server whose domain has changed; nothing happens while a job works on it or if it is not ours. */
bool kn_reconcile_server (KnCompute *compute, KnDb *db, const char *host, const char *id,
                          GError **error);
