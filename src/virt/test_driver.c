/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt's test driver as a host: it has no machines and takes domains of its own type only, so it is presented as a QEMU
 * host, and what is defined on it is put into its words. */
#include <string.h>

#include "base/util.h"
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

#define CLUSTER_BITS 16
#define CLUSTER (1u << CLUSTER_BITS)
#define L2_ENTRIES (CLUSTER / 8)

static void
put32 (guint8 *at, guint32 value)
{
    guint32 big = GUINT32_TO_BE (value);

    memcpy (at, &big, sizeof big);
}

static void
put64 (guint8 *at, guint64 value)
{
    guint64 big = GUINT64_TO_BE (value);

    memcpy (at, &big, sizeof big);
}

/* QEMU's docs/interop/qcow2: header, refcount table, one refcount block, an L1 table without entries; a cluster each. */
bool
kn_virt_test_disk (guint64 size_bytes, KnVolumeTake take, gpointer data, GError **error)
{
    g_autofree guint8 *file = g_malloc0 (4 * CLUSTER);
    guint64 per_l2 = (guint64)L2_ENTRIES * CLUSTER;

    memcpy (file, "QFI\xfb", 4);
    put32 (file + 4, 3); /* version */
    put32 (file + 20, CLUSTER_BITS);
    put64 (file + 24, size_bytes);
    put32 (file + 36, (guint32)((size_bytes + per_l2 - 1) / per_l2)); /* entries of the L1 table */
    put64 (file + 40, 3 * CLUSTER);                                   /* L1 table */
    put64 (file + 48, CLUSTER);                                       /* refcount table */
    put32 (file + 56, 1);                                             /* its clusters */
    put32 (file + 96, 4);                                             /* refcounts of 16 bits */
    put32 (file + 100, 104);                                          /* length of the header */
    put64 (file + CLUSTER, 2 * CLUSTER);
    for (guint i = 0; i < 4; i++)
        file[2 * CLUSTER + 2 * i + 1] = 1;
    return take ((const char *)file, 4 * CLUSTER, data, error);
}
