/* SPDX-License-Identifier: Apache-2.0 */
/* Findings for programs: the API's answer and what `kilonova doctor --json` prints. */
#pragma once

#include "doctor/finding.h"
#include "json/write.h"

/* Writes one finding as a JSON object: rule, severity, title, server {id, name, host}, what, evidence, causes, repair, changes,
 * records, needs_reboot, automatic, confidence. */
void kn_finding_write (KnJw *w, const KnFinding *finding);

/* The whole audit: {"format": 1, "servers": N, "hosts": […], "findings": […]}. Caller frees. */
char *kn_doctor_format_json (const KnFleet *fleet, const GPtrArray *findings);

/* All rules: an aligned list. Caller frees. */
char *kn_doctor_format_rules (void);
