/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks of hosts, before their guests suffer: what is wrong with them, in words. */
#pragma once

#include "compute/compute_priv.h"
#include "virt/host_clock.h"

/* One thing that is wrong. */
typedef struct {
    const char *code;
    bool (*is_so) (const KnHostClock *clock);
    const char *text; /* cause, consequence, remedy */
} KnHostClockRule;

/* The rules, ended by a NULL code. */
extern const KnHostClockRule kn_host_clock_rules[];

/* Codes of the rules that @clock breaks, joined by commas; "" is fine. Caller frees. */
char *kn_host_clock_faults (const KnHostClock *clock);

/* Looks at this machine's clock; tells the log what is new since the last look. One thread at a time. */
void kn_host_clocks_watch (KnCompute *compute);

/* kilonova_host_clock_synchronized and kilonova_host_clock_faults, as of the last look. */
void kn_host_clocks_write_metrics (KnCompute *compute, GString *out);

/* Appends the route. */
void kn_host_clock_add_routes (GArray *routes);
