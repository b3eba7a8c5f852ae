/* SPDX-License-Identifier: Apache-2.0 */
/* Golden cases: a case of tests/golden read into facts, as Compute would gather them from its tables and the host. */
#pragma once

#include "guest/facts.h"
#include "json/read.h"

typedef struct KnGuestCase KnGuestCase;

/* Borrows from @object, which has to outlive the result. @profile NULL: the default. Errors: BAD_REQUEST. */
KnGuestCase *kn_guest_case_new (const json_t *object, const char *profile, GError **error);
void kn_guest_case_free (KnGuestCase *guest_case);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnGuestCase, kn_guest_case_free)

const KnGuestFacts *kn_guest_case_facts (const KnGuestCase *guest_case);
