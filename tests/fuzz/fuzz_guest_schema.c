/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: facts -> XML. The bytes choose a host, a flavor, and properties from the registry with values that fit or do not. What
 * kilonova-1 takes has to become XML that libvirt's own schema takes. */
#include <libxml/relaxng.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "guest/plan.h"
#include "guest/registry.h"

#define SCHEMA "/usr/share/libvirt/schemas/domain.rng"
#define MOST_SAID 24

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

typedef struct {
    const uint8_t *next, *end;
} Bytes;

static guint
take (Bytes *bytes, guint below)
{
    return bytes->next < bytes->end ? *bytes->next++ % below : 0;
}

static const char *
pick (Bytes *bytes, const char *const *words, guint n)
{
    return words[take (bytes, n)];
}
#define PICK(BYTES, ...)                                                                           \
    pick (BYTES, (const char *const[]){ __VA_ARGS__ },                                             \
          G_N_ELEMENTS (((const char *const[]){ __VA_ARGS__ })))

/* A text from the input, as the database would hold it: UTF-8 without NUL. */
static char *
take_text (Bytes *bytes)
{
    gsize wanted = take (bytes, 32), len = MIN (wanted, (gsize)(bytes->end - bytes->next));
    g_autofree char *raw = g_strndup ((const char *)bytes->next, len);
    bytes->next += len;
    return g_utf8_make_valid (raw, -1);
}

static char *
make_value (Bytes *bytes, const KnGuestProperty *row)
{
    static const char *const odd[] = {
        "",     "0",  "1",       "2",   "4",      "8",   "-1",    "65536",    "9223372036854775807",
        "true", "no", "windows", "0-1", "0-3,^2", "2MB", "large", "required", "optional",
        "q35",  "pc", "<&\"'>",  "]]>", "a]b/c"
    };
    switch (take (bytes, 4)) {
    case 0:
        return take_text (bytes);
    case 1:
        return g_strdup (pick (bytes, odd, G_N_ELEMENTS (odd)));
    default:
        break;
    }
    if (row->values)
        return g_strdup (pick (bytes, row->values, g_strv_length ((char **)row->values)));
    if (row->type == KN_PROPERTY_BOOL)
        return g_strdup (PICK (bytes, "true", "false"));
    return g_strdup_printf ("%u", take (bytes, 9));
}

static char *
make_name (Bytes *bytes, const KnGuestProperty *row, const char *name)
{
    return row->flags & KN_PROPERTY_FAMILY ? g_strdup_printf ("%s%u", name, take (bytes, 3))
                                           : g_strdup (name);
}

static void
say_something (Bytes *bytes, GHashTable *image, GHashTable *flavor)
{
    gsize n;
    const KnGuestProperty *rows = kn_guest_properties (&n);
    for (guint left = take (bytes, MOST_SAID); left > 0; left--) {
        const KnGuestProperty *row = &rows[take (bytes, (guint)n)];
        bool on_image = row->name && (!row->spec || take (bytes, 2));
        g_hash_table_replace (on_image ? image : flavor,
                              make_name (bytes, row, on_image ? row->name : row->spec),
                              make_value (bytes, row));
    }
}

static KnGuestHost
make_host (Bytes *bytes)
{
    static const char *const flags[]
        = { "relaxed",  "vapic", "spinlocks",   "vpindex", "runtime", "synic",     "stimer",
            "tlbflush", "ipi",   "frequencies", "evmcs",   "reset",   "vendor_id", NULL };
    guint bits = take (bytes, 256);
    return (KnGuestHost){
        .arch = "x86_64",
        .virt_type = bits & 1 ? "kvm" : "qemu",
        .cpu_vendor = bits & 2 ? "Intel" : "AMD",
        .zone = "Asia/Shanghai",
        .hyperv = flags,
        .default_q35 = "pc-q35-7.2",
        .default_pc = "pc-i440fx-7.2",
        .libvirt_version = 9000000,
        .qemu_version = 7002000,
        .tsc_khz = bits & 4 ? 2000000 : 0,
        .uefi = bits & 8,
        .secure_boot = bits & 16,
        .tpm = bits & 32,
        .sev = bits & 64,
    };
}

static void
validate (const char *xml)
{
    static xmlRelaxNGPtr schema;
    if (!schema) {
        xmlRelaxNGParserCtxtPtr parser = xmlRelaxNGNewParserCtxt (SCHEMA);
        schema = xmlRelaxNGParse (parser);
        xmlRelaxNGFreeParserCtxt (parser);
        g_assert_nonnull (schema);
    }
    xmlDocPtr doc = xmlReadMemory (xml, (int)strlen (xml), NULL, NULL, XML_PARSE_NONET);
    g_assert_nonnull (doc);
    xmlRelaxNGValidCtxtPtr context = xmlRelaxNGNewValidCtxt (schema);
    int verdict = xmlRelaxNGValidateDoc (context, doc);
    if (verdict != 0) {
        (void)fprintf (stderr, "libvirt's schema refuses this:\n%s\n", xml);
        abort ();
    }
    xmlRelaxNGFreeValidCtxt (context);
    xmlFreeDoc (doc);
}

static void
plan (const KnGuestFacts *facts)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnGuestPlan) made = NULL;
    g_autofree char *xml = NULL;
    if (!kn_guest_check (facts, &error))
        return;
    made = kn_guest_plan_new (facts, &error);
    xml = made ? kn_guest_plan_format_xml (made, &error) : NULL;
    g_assert_true ((xml == NULL) == (error != NULL));
    if (xml)
        validate (xml);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    Bytes bytes = { data, data + size };
    g_autoptr (GHashTable) image = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr (GHashTable) flavor = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr (GHashTable) server = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    const KnGuestDisk disks[] = {
        { .role = KN_GUEST_DISK_ROOT, .path = "/p/root", .format = "qcow2" },
        { .role = KN_GUEST_DISK_CONFIG, .path = "/p/config", .format = "raw" },
        { .role = KN_GUEST_DISK_EPHEMERAL, .path = "/p/eph", .format = "qcow2" },
        { .role = KN_GUEST_DISK_SWAP, .path = "/p/swap", .format = "qcow2" },
    };
    const KnGuestNic nics[] = {
        { .port_id = "p1", .mac = "fa:16:3e:00:00:01", .bridge = "br", .tap = "t1" },
        { .port_id = "p2", .mac = "fa:16:3e:00:00:02", .bridge = "br", .tap = "t2", .mtu = 1450 }
    };
    KnGuestFacts facts
        = { .id = 1, .uuid = "6c1a5f0e-0d4b-4b3e-9a55-0123456789ab", .cloud_id = "c" };

    facts.host = make_host (&bytes);
    facts.profile = "kilonova-1";
    facts.vcpus = 1 + take (&bytes, 16);
    facts.memory_mib = 64 * (guint64)(1 + take (&bytes, 255));
    facts.disks = disks;
    facts.n_disks = 1 + take (&bytes, G_N_ELEMENTS (disks));
    facts.nics = nics;
    facts.n_nics = take (&bytes, G_N_ELEMENTS (nics) + 1);
    facts.console_log = take (&bytes, 2) ? "/p/console" : NULL;
    facts.has_rtc_offset = take (&bytes, 2);
    facts.rtc_offset_s = (gint64)take (&bytes, 256) * 3600 - 86400;
    facts.image_properties = image;
    facts.extra_specs = flavor;
    facts.server_properties = server;
    say_something (&bytes, image, flavor);
    g_autofree char *name = take_text (&bytes);
    facts.name = facts.flavor_name = facts.hostname = name;
    facts.os_type = g_hash_table_lookup (image, "os_type");
    plan (&facts);
    return 0;
}
