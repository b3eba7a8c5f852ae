/* SPDX-License-Identifier: Apache-2.0 */
/* Plans and changes as the API gives them, printed for people. */
#pragma once

#include "guest/explain.h"
#include "json/read.h"

/* The member @key of @object, "" if it is no string. */
const char *kn_plan_text (const json_t *object, const char *key);

/* The API's list of decisions as records that borrow from it. Caller frees the array. */
KnGuestDecision *kn_plan_read_decisions (const json_t *list);

/* Each prints one part of an answer of kilonova-plan/changes or kilonova-profile; false: there was none of it. */
bool kn_plan_print_changes (const json_t *body);
bool kn_plan_print_hardware (const json_t *body);
bool kn_plan_print_by_hand (const json_t *body);

void kn_plan_print_json (const json_t *body);
