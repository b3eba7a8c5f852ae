/* SPDX-License-Identifier: Apache-2.0 */
/* GET …/kilonova-clock and …/kilonova-clocks. */
#pragma once

#include "json/write.h"

/* The member "warnings" of @w's object: an array of {code, text}; @warnings of KnClockWarning. */
void kn_clock_write_warnings (KnJw *w, const GPtrArray *warnings);

/* Appends the routes. */
void kn_clock_add_routes (GArray *routes);
