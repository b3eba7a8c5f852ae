/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt's test driver as a host: it has no machines and takes domains of its own type only, so it is presented as a QEMU
 * host, and what is defined on it is put into its words. */
#include "virt/virt_priv.h"

#define ARCH "i686"

static const char *const machines[] = { "pc-i440fx-7.2", "pc", "pc-q35-7.2", "q35", NULL };

bool
kn_virt_is_test (virConnectPtr conn)
{
    return g_strcmp0 (virConnectGetType (conn), "TEST") == 0;
}

void
kn_virt_test_present (KnVirtFacts *facts)
{
    facts->arch = "x86_64";
    facts->virt_type = "qemu";
    facts->machines = machines;
    facts->default_pc = machines[0];
    facts->default_q35 = machines[2];
}

static void
set_attribute (const KnXmlView *view, const char *path, const char *name, const char *value)
{
    xmlXPathObjectPtr found = xmlXPathEval (BAD_CAST path, view->xpath);

    if (found && found->nodesetval && found->nodesetval->nodeNr > 0)
        xmlSetProp (found->nodesetval->nodeTab[0], BAD_CAST name, BAD_CAST value);
    if (found)
        xmlXPathFreeObject (found);
}

char *
kn_virt_test_adapt (const char *xml, GError **error)
{
    g_autoptr (KnXmlView) view = kn_xml_view_new (xml, error);
    xmlChar *text = NULL;
    int len = 0;

    if (!view)
        return NULL;
    set_attribute (view, "/domain", "type", "test");
    set_attribute (view, "/domain/os/type", "arch", ARCH);
    xmlDocDumpMemory (view->doc, &text, &len);
    char *adapted = g_strdup ((const char *)text);

    xmlFree (text);
    return adapted;
}
