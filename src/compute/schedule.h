/* SPDX-License-Identifier: Apache-2.0 */
/* Which host a new server goes to. */
#pragma once

#include "compute/compute_priv.h"

/* The enabled host that is up and has promised least of its memory; when none is up, one that is away: the boot then says why it
 * cannot be reached. @forced (NULL: any) was named by an administrator. Errors (public): BAD_REQUEST for a host that does not exist,
 * UNAVAILABLE without any. Caller frees. */
char *kn_schedule_host (KnCompute *compute, KnDb *db, const char *forced, GError **error);
