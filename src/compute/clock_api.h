/* SPDX-License-Identifier: Apache-2.0 */
/* GET …/kilonova-clock and …/kilonova-clocks. */
#pragma once

#include <glib.h>

/* Appends the routes. */
void kn_clock_add_routes (GArray *routes);
