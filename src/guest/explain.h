/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for people: each decision with its reason and where it came from. */
#pragma once

#include "guest/plan.h"

/* Whether the decision is at or below @part ("clock", "devices/disk[vda]"); NULL: everything is. */
bool kn_guest_decision_is_in (const KnGuestDecision *decision, const char *part);

/* An aligned table of the decisions in @part. Caller frees. */
char *kn_guest_plan_explain (const KnGuestPlan *plan, const char *part);
