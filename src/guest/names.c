/* SPDX-License-Identifier: Apache-2.0 */
/* Who the guest is: name, uuid, what the SMBIOS tables say, and the metadata that other tools read. */
#include <string.h>

#include "base/time.h"
#include "guest/guest_priv.h"

#define NOVA_NS "http://openstack.org/xmlns/libvirt/nova/1.1"
#define OUR_NS "https://kilonova.dev/ns/1"
#define NOVA "metadata/nova:instance"

static const KnRule rule_domain
    = { "names.domain", "The domain type is what this host runs guests with." };
static const KnRule rule_name
    = { "names.name", "Names follow the row's number, as operators know them from Nova." };
static const KnRule rule_uuid = { "names.uuid", "The domain carries the server's uuid." };
static const KnRule rule_metadata
    = { "names.metadata", "Monitoring and billing tools read Nova's metadata element." };
static const KnRule rule_mark
    = { "names.mark", "Only domains with this mark are ever touched by this cloud." };
static const KnRule rule_smbios
    = { "names.smbios", "The guest can read in its SMBIOS tables where it runs and who it is." };

bool
kn_decide_names (KnDraft *draft, GError **error)
{
    (void)error;
    const KnGuestFacts *facts = draft->facts;
    kn_because (draft, &rule_domain, "host");
    kn_decide (draft, "@type", draft->kvm && !draft->emulated ? "kvm" : "qemu");
    kn_because (draft, &rule_uuid, "instances.uuid");
    kn_decide (draft, "uuid", facts->uuid);
    kn_because (draft, &rule_name, "instances.id");
    g_autofree char *name = g_strdup_printf ("instance-%08" G_GINT64_MODIFIER "x", facts->id);
    kn_decide (draft, "name", name);
    return true;
}

static void
decide_owner (KnDraft *draft)
{
    const KnGuestFacts *facts = draft->facts;
    if (!facts->user_id || !facts->project_id)
        return;
    kn_decide (draft, NOVA "/nova:owner/nova:user/@uuid", facts->user_id);
    kn_decide (draft, NOVA "/nova:owner/nova:user", facts->user_name);
    kn_decide (draft, NOVA "/nova:owner/nova:project/@uuid", facts->project_id);
    kn_decide (draft, NOVA "/nova:owner/nova:project", facts->project_name);
}

static void
decide_flavor (KnDraft *draft)
{
    const KnGuestFacts *facts = draft->facts;
    const struct {
        const char *path;
        guint64 value;
    } sizes[] = {
        { NOVA "/nova:flavor/nova:memory", facts->memory_mib },
        { NOVA "/nova:flavor/nova:disk", facts->root_gib },
        { NOVA "/nova:flavor/nova:swap", facts->swap_mib },
        { NOVA "/nova:flavor/nova:ephemeral", facts->ephemeral_gib },
        { NOVA "/nova:flavor/nova:vcpus", facts->vcpus },
    };
    kn_decide (draft, NOVA "/nova:flavor/@name", facts->flavor_name);
    for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
        kn_decide_number (draft, sizes[i].path, (gint64)sizes[i].value);
}

static void
decide_port (KnDraft *draft, gsize index)
{
    const KnGuestNic *nic = &draft->facts->nics[index];
    g_autofree char *port = g_strdup_printf (NOVA "/nova:ports/nova:port[%zu]", index);
    kn_decide_in (draft, port, "@uuid", nic->port_id);
    for (gsize i = 0; nic->addresses && nic->addresses[i]; i++) {
        const char *address = nic->addresses[i];
        g_autofree char *ip = g_strdup_printf ("%s/nova:ip[%zu]", port, i);
        kn_decide_in (draft, ip, "@type", "fixed");
        kn_decide_in (draft, ip, "@address", address);
        kn_decide_in (draft, ip, "@ipVersion", strchr (address, ':') ? "6" : "4");
    }
}

static void
decide_mark (KnDraft *draft)
{
    if (!draft->facts->cloud_id)
        return;
    kn_because (draft, &rule_mark, "cloud");
    kn_decide (draft, "metadata/kilonova:cloud/@xmlns:kilonova", OUR_NS);
    kn_decide (draft, "metadata/kilonova:cloud/@id", draft->facts->cloud_id);
}

static const char *
version (const KnDraft *draft)
{
    return draft->facts->product_version ? draft->facts->product_version : KN_VERSION;
}

static void
decide_smbios (KnDraft *draft)
{
    const KnGuestFacts *facts = draft->facts;
    kn_because (draft, &rule_smbios, "instances.uuid");
    kn_decide (draft, "sysinfo/@type", "smbios");
    kn_decide (draft, "sysinfo/system/entry[manufacturer]", draft->profile->manufacturer);
    kn_decide (draft, "sysinfo/system/entry[product]", draft->profile->product);
    kn_decide (draft, "sysinfo/system/entry[version]", version (draft));
    if (g_strcmp0 (draft->config->sysinfo_serial, "none") != 0)
        kn_decide (draft, "sysinfo/system/entry[serial]", facts->uuid);
    kn_decide (draft, "sysinfo/system/entry[uuid]", facts->uuid);
    kn_decide (draft, "sysinfo/system/entry[family]", "Virtual Machine");
}

/* A guest on a volume has no image of its own. */
static bool
boots_from_volume (const KnGuestFacts *facts)
{
    for (gsize i = 0; i < facts->n_disks; i++)
        if (facts->disks[i].is_root)
            return true;
    return false;
}

bool
kn_decide_metadata (KnDraft *draft, GError **error)
{
    (void)error;
    const KnGuestFacts *facts = draft->facts;
    char created[KN_TIME_TEXT_MAX];
    kn_because (draft, &rule_metadata, "instance row and flavor");
    kn_decide (draft, NOVA "/@xmlns:nova", NOVA_NS);
    kn_decide (draft, NOVA "/nova:package/@version", version (draft));
    kn_decide (draft, NOVA "/nova:name", facts->name);
    kn_decide (draft, NOVA "/nova:creationTime",
               kn_time_format (facts->created_us, KN_TIME_DB, created));
    decide_flavor (draft);
    decide_owner (draft);
    if (facts->image_id && !boots_from_volume (facts)) {
        kn_decide (draft, NOVA "/nova:root/@type", "image");
        kn_decide (draft, NOVA "/nova:root/@uuid", facts->image_id);
    }
    if (facts->n_nics == 0)
        kn_decide (draft, NOVA "/nova:ports", "");
    for (gsize i = 0; i < facts->n_nics; i++)
        decide_port (draft, i);
    decide_mark (draft);

    if (!draft->x86)
        return true;
    decide_smbios (draft);
    return true;
}
