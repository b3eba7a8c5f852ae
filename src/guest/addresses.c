/* SPDX-License-Identifier: Apache-2.0 */
/* PCI addresses. libvirt gives them out in order, so a device that comes or goes would move those behind it, and Windows takes
 * a card in another slot for a new one. What libvirt gave at first is learnt from its definition, kept with the hardware
 * identity, and written ever after. */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "guest/guest_priv.h"
#include "guest/xml.h"

static const KnRule rule_kept
    = { "addresses.kept", "The device stays in the slot that it had at the first start." };

/* How a device is told from others of its kind: "disk vda", "interface fa:16:…", "controller usb 0", "rng". */
static const struct {
    const char *element, *child, *attribute, *second;
} told_by[] = {
    { "disk", "target", "dev", NULL },
    { "interface", "mac", "address", NULL },
    { "controller", NULL, "type", "index" },
    { "input", NULL, "type", NULL },
    { "rng", NULL, NULL, NULL },
    { "memballoon", NULL, NULL, NULL },
    { "video", NULL, NULL, NULL },
    { "watchdog", NULL, NULL, NULL },
};

static const char *const parts[] = { "domain", "bus", "slot", "function", "multifunction" };

/* Most bridges and root ports of one guest; bus numbers end at 255. */
#define MAX_BUSES 256

static xmlNode *
find_child (xmlNode *node, const char *name)
{
    for (xmlNode *child = node ? node->children : NULL; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE && strcmp ((const char *)child->name, name) == 0)
            return child;
    return NULL;
}

static char *
make_key (const char *element, const char *first, const char *second)
{
    return g_strjoin (" ", "address", element, first ? first : second, first ? second : NULL, NULL);
}

/* NULL: no device that is kept, or one that says too little. */
static char *
key_of (xmlNode *device)
{
    for (gsize i = 0; i < G_N_ELEMENTS (told_by); i++) {
        if (strcmp (told_by[i].element, (const char *)device->name) != 0)
            continue;
        xmlNode *from = told_by[i].child ? find_child (device, told_by[i].child) : device;
        g_autofree char *first
            = told_by[i].attribute ? kn_xml_dup_attribute (from, told_by[i].attribute) : NULL;
        g_autofree char *second
            = told_by[i].second ? kn_xml_dup_attribute (from, told_by[i].second) : NULL;
        if (told_by[i].attribute && !first)
            return NULL;
        return make_key (told_by[i].element, first, second);
    }
    return NULL;
}

static char *
read_address (xmlNode *device)
{
    xmlNode *address = find_child (device, "address");
    g_autofree char *type = kn_xml_dup_attribute (address, "type");
    if (g_strcmp0 (type, "pci") != 0)
        return NULL;
    GString *text = g_string_new (NULL);
    for (gsize i = 0; i < G_N_ELEMENTS (parts); i++) {
        g_autofree char *value = kn_xml_dup_attribute (address, parts[i]);
        g_string_append_printf (text, "%s%s", i ? " " : "", value ? value : "-");
    }
    return g_string_free (text, FALSE);
}

/* A bridge or root port is made again as what it was: "model pcie-root-port …". */
static void
learn_model (GHashTable *identity, xmlNode *device, const char *key)
{
    g_autofree char *model = kn_xml_dup_attribute (device, "model");
    if (model && g_str_has_prefix (key, "address controller pci "))
        g_hash_table_replace (identity, g_strconcat ("model", key + strlen ("address"), NULL),
                              g_steal_pointer (&model));
}

bool
kn_guest_identity_learn (GHashTable *identity, const char *domain_xml, GError **error)
{
    g_autoptr (xmlDoc) doc
        = xmlReadMemory (domain_xml, (int)strlen (domain_xml), "domain.xml", NULL,
                         XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    xmlNode *devices = doc ? find_child (xmlDocGetRootElement (doc), "devices") : NULL;
    if (!devices) {
        kn_error_set (error, KN_ERROR_VIRT, "cannot read a domain's devices: no domain XML");
        return false;
    }
    for (xmlNode *device = devices->children; device; device = device->next) {
        if (device->type != XML_ELEMENT_NODE)
            continue;
        g_autofree char *key = key_of (device), *address = read_address (device);
        if (!key || !address)
            continue;
        learn_model (identity, device, key);
        g_hash_table_replace (identity, g_steal_pointer (&key), g_steal_pointer (&address));
    }
    return true;
}

static void
keep_address (KnDraft *draft, const char *element, const char *key)
{
    const char *frozen = kn_frozen (draft, key);
    if (!frozen)
        return;
    (void)kn_freeze (draft, key, frozen);
    g_auto (GStrv) values = g_strsplit (frozen, " ", -1);
    if (g_strv_length (values) != G_N_ELEMENTS (parts))
        return;
    kn_because (draft, &rule_kept, "hardware identity");
    kn_decide_in (draft, element, "address/@type", "pci");
    for (gsize i = 0; i < G_N_ELEMENTS (parts); i++) {
        g_autofree char *path = g_strdup_printf ("address/@%s", parts[i]);
        if (strcmp (values[i], "-") != 0)
            kn_decide_in (draft, element, path, values[i]);
    }
}

static void
keep_slots (KnDraft *draft)
{
    for (gsize i = 0; i < draft->slots->n; i++) {
        const KnSlot *slot = &draft->slots->slots[i];
        g_autofree char *element = g_strdup_printf ("devices/disk[%s]", slot->dev);
        g_autofree char *key = make_key ("disk", slot->dev, NULL);
        if (strcmp (slot->bus, "virtio") == 0)
            keep_address (draft, element, key);
    }
}

static void
keep_nics (KnDraft *draft)
{
    for (gsize i = 0; i < draft->facts->n_nics; i++) {
        g_autofree char *element = g_strdup_printf ("devices/interface[%zu]", i);
        g_autofree char *key = make_key ("interface", draft->facts->nics[i].mac, NULL);
        keep_address (draft, element, key);
    }
}

static void
keep_buses (KnDraft *draft)
{
    for (guint i = 1; i < MAX_BUSES; i++) {
        g_autofree char *element = g_strdup_printf ("devices/controller[pci %u]", i);
        g_autofree char *key = g_strdup_printf ("address controller pci %u", i);
        g_autofree char *model_key = g_strdup_printf ("model controller pci %u", i);
        g_autofree char *index = g_strdup_printf ("%u", i);
        if (!kn_frozen (draft, key) || !kn_frozen (draft, model_key))
            continue;
        kn_because (draft, &rule_kept, "hardware identity");
        kn_decide_in (draft, element, "@type", "pci");
        kn_decide_in (draft, element, "@index", index);
        kn_decide_in (draft, element, "@model", kn_freeze (draft, model_key, NULL));
        keep_address (draft, element, key);
    }
}

/* Elements that are in the plan, and the controller of the agent's channel, which libvirt adds by itself. */
static const struct {
    const char *element, *proof, *key;
} singles[] = {
    { "devices/controller[scsi]", "devices/controller[scsi]/@type", "address controller scsi 0" },
    { "devices/controller[usb]", "devices/controller[usb]/@type", "address controller usb 0" },
    { "devices/controller[sata]", NULL, "address controller sata 0" },
    { "devices/controller[virtio-serial]", NULL, "address controller virtio-serial 0" },
    { "devices/input[tablet]", "devices/input[tablet]/@type", "address input tablet" },
    { "devices/input[keyboard]", "devices/input[keyboard]/@type", "address input keyboard" },
    { "devices/rng", "devices/rng/@model", "address rng" },
    { "devices/memballoon", "devices/memballoon/@model", "address memballoon" },
    { "devices/video", "devices/video/model/@type", "address video" },
    { "devices/watchdog", "devices/watchdog/@model", "address watchdog" },
};

static void
ensure_controller (KnDraft *draft, const char *element, const char *key)
{
    g_auto (GStrv) words = g_strsplit (key, " ", -1);
    g_autofree char *type = g_strconcat (element, "/@type", NULL);
    if (!kn_frozen (draft, key))
        return;
    kn_because (draft, &rule_kept, "hardware identity");
    if (!kn_guest_plan_find (draft->plan, type))
        kn_decide (draft, type, words[2]);
    kn_decide_in (draft, element, "@index", words[3]);
}

bool
kn_decide_addresses (KnDraft *draft, GError **error)
{
    (void)error;
    if (!draft->facts->identity)
        return true;
    keep_buses (draft);
    keep_slots (draft);
    keep_nics (draft);
    for (gsize i = 0; i < G_N_ELEMENTS (singles); i++) {
        if (!singles[i].proof)
            ensure_controller (draft, singles[i].element, singles[i].key);
        else if (!kn_guest_plan_find (draft->plan, singles[i].proof))
            continue;
        keep_address (draft, singles[i].element, singles[i].key);
    }
    return true;
}
