/* SPDX-License-Identifier: Apache-2.0 */
/* Guests' clocks for Prometheus. */
#pragma once

#include "db/db.h"

/* Appends kilonova_guest_clock_skew_seconds by server and kilonova_guest_clocks by verdict. */
void kn_skew_write_metrics (KnDb *db, GString *out);
