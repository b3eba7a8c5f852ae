/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: the whole path of a case: JSON, facts, checks, plan, XML. What is planned is well-formed XML and planned again the same. */
#include <libxml/parser.h>
#include <stdint.h>
#include <string.h>

#include "cmd/guest_case.h"
#include "guest/plan.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static char *
plan_xml (const KnGuestFacts *facts)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnGuestPlan) plan = NULL;

    if (!kn_guest_check (facts, &error)) {
        g_assert_nonnull (error);
        return NULL;
    }
    plan = kn_guest_plan_new (facts, &error);
    g_assert_true ((plan == NULL) == (error != NULL));
    return plan ? kn_guest_plan_format_xml (plan, NULL) : NULL;
}

static void
try_profile (const json_t *document, const char *profile)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnGuestCase) guest_case = kn_guest_case_new (document, profile, &error);
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;

    if (!guest_case)
        return;
    first = plan_xml (kn_guest_case_facts (guest_case));
    second = plan_xml (kn_guest_case_facts (guest_case));
    g_assert_cmpstr (first, ==, second);
    if (!first)
        return;
    xmlDocPtr doc = xmlReadMemory (first, (int)strlen (first), NULL, NULL,
                                   XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_HUGE);
    g_assert_nonnull (doc);
    xmlFreeDoc (doc);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    g_autoptr (json_t) document = kn_json_parse ((const char *)data, size, NULL);

    if (!document)
        return 0;
    try_profile (document, "nova-26");
    try_profile (document, "kilonova-1");
    return 0;
}
