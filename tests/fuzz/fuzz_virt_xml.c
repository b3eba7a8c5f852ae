/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: what a host says of itself. XML that is read gives facts that can be used, and is read again the same. */
#include <stdint.h>

#include "virt/virt_priv.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static const char *const features[] = { "svm", NULL };
    g_autofree char *text = g_strndup ((const char *)data, size);
    g_autoptr (GError) error = NULL;
    g_autoptr (KnXmlView) view = kn_xml_view_new (text, &error);
    g_autoptr (KnVirtFacts) facts = kn_virt_facts_new ();

    g_assert_true ((view == NULL) == (error != NULL));
    if (!view)
        return 0;
    facts->arch = "x86_64";
    facts->virt_type = kn_virt_facts_choose_type ("auto", facts->arch, view, features);
    kn_virt_facts_parse (facts, view, view);
    g_assert_nonnull (facts->machines);
    g_assert_nonnull (facts->hyperv);

    g_autofree char *adapted = kn_virt_test_adapt (text, &error);
    g_autoptr (KnXmlView) again = kn_xml_view_new (adapted, &error);

    g_assert_no_error (error);
    g_assert_nonnull (again);
    return 0;
}
