/* SPDX-License-Identifier: Apache-2.0 */
/* An audit as one page to hand around: no script, nothing loaded from elsewhere. */
#pragma once

#include "json/read.h"

/* @audit is what `kilonova doctor --json` prints; @made_us: when. Caller frees. */
char *kn_doctor_html (const json_t *audit, gint64 made_us);
