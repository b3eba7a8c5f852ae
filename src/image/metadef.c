/* SPDX-License-Identifier: Apache-2.0 */
/* Which namespace each row of the property registry belongs to. Names that begin with OS:: are those that Glance gives to
 * namespaces of the same kind; what only we have is below KN::. */
#include "image/metadef.h"

#include <string.h>

#define STEMS(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static const char *const types[KN_METADEF_N] = {
    [KN_METADEF_IMAGE] = "OS::Glance::Image",
    [KN_METADEF_FLAVOR] = "OS::Nova::Flavor",
    [KN_METADEF_SERVER] = "OS::Nova::Server",
};

static const KnMetadefSpace spaces[] = {
    { "KN::Compute::Clock", "Guest clock", "What the guest's hardware clock holds, and its zone.",
      "os_", "os:", STEMS ("clock_", "time"), true },
    { "KN::Compute::Flavor", "Flavors", "Settings that stand on flavors under their full name.",
      NULL, "", NULL, false },
    { "KN::Compute::Image", "Images", "Settings that stand on images under their full name.", "",
      NULL, NULL, false },
    { "KN::Compute::LibvirtFlavor", "Guest hardware on flavors",
      "CPU pinning, real time and other settings that only a flavor may have.", NULL, "hw:", NULL,
      false },
    { "KN::Compute::Profile", "Profile", "The rules that a new server's guest is planned by.",
      "kilonova:", "kilonova:", NULL, true },
    { "KN::Compute::SecureBoot", "Secure Boot",
      "Whether the guest's firmware checks what it boots.", "os_", "os:", NULL, false },
    { "KN::Compute::Video", "Video limits", "How much video memory an image may ask for.", NULL,
      "hw_video:", NULL, false },
    { "OS::Compute::CPUPinning", "CPU pinning", "Whether a guest's vCPUs own CPUs of the host.",
      "hw_", "hw:", STEMS ("cpu_policy", "cpu_thread_policy", "cpu_realtime"), false },
    { "OS::Compute::GuestMemoryBacking", "Memory and NUMA",
      "NUMA nodes in the guest, and what backs its memory.", "hw_",
      "hw:", STEMS ("numa_", "mem_", "locked_"), false },
    { "OS::Compute::Libvirt", "Guest hardware",
      "Devices and features that an image or a flavor may choose.", "hw_", "hw:", NULL, false },
    { "OS::Compute::LibvirtImage", "Guest hardware on images",
      "Buses, cards and other hardware that an image's drivers are made for.", "hw_", NULL, NULL,
      false },
    { "OS::Compute::Quota", "Limits", "How much CPU, disk and network a guest may use.", NULL,
      "quota:", NULL, false },
    { "OS::Compute::RandomNumberGenerator", "Random numbers",
      "The guest's random number generator and its limits.", NULL, "hw_rng:", NULL, false },
    { "OS::Compute::TPM", "TPM", "The emulated TPM of the guest.", "hw_", "hw:", STEMS ("tpm_"),
      false },
    { "OS::Compute::VirtCPUTopology", "CPU topology",
      "Sockets, cores and threads that the guest sees.", "hw_",
      "hw:", STEMS ("cpu_sockets", "cpu_cores", "cpu_threads", "cpu_max_"), false },
    { "OS::Compute::Watchdog", "Watchdog", "What happens when the guest hangs.", "hw_",
      "hw:", STEMS ("watchdog_"), false },
    { "OS::OperatingSystem", "Operating system", "What the image holds.", "", NULL, STEMS ("os_"),
      false },
};

const KnMetadefSpace *
kn_metadef_spaces (gsize *out_n)
{
    *out_n = G_N_ELEMENTS (spaces);
    return spaces;
}

const KnMetadefSpace *
kn_metadef_space_find (const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS (spaces); i++)
        if (strcmp (spaces[i].name, name) == 0)
            return &spaces[i];
    return NULL;
}

const char *
kn_metadef_type_name (KnMetadefType type)
{
    return types[type];
}

const char *
kn_metadef_prefix (const KnMetadefSpace *space, KnMetadefType type)
{
    switch (type) {
    case KN_METADEF_IMAGE:
        return space->image_prefix;
    case KN_METADEF_FLAVOR:
        return space->flavor_prefix;
    case KN_METADEF_SERVER:
        return space->on_server ? space->image_prefix : NULL;
    case KN_METADEF_N:
        break;
    }
    return NULL;
}

const char *
kn_metadef_prefix_of (const KnMetadefSpace *space, const char *type)
{
    for (guint i = 0; i < KN_METADEF_N; i++)
        if (strcmp (types[i], type) == 0)
            return kn_metadef_prefix (space, (KnMetadefType)i);
    return NULL;
}

/* @name behind @prefix, NULL: it has another. */
static const char *
cut (const char *name, const char *prefix)
{
    return name && prefix && g_str_has_prefix (name, prefix) ? name + strlen (prefix) : NULL;
}

static bool
has_stem (const KnMetadefSpace *space, const char *rest)
{
    for (gsize i = 0; space->stems && space->stems[i]; i++)
        if (g_str_has_prefix (rest, space->stems[i]))
            return true;
    return !space->stems;
}

/* The name that @row would have in @space. */
static const char *
match (const KnMetadefSpace *space, const KnGuestProperty *row)
{
    const char *image = cut (row->name, space->image_prefix);
    const char *flavor = cut (row->spec, space->flavor_prefix);
    const char *rest = space->image_prefix ? image : flavor;
    if (!rest || !has_stem (space, rest))
        return NULL;
    return !space->image_prefix || !space->flavor_prefix || g_strcmp0 (image, flavor) == 0 ? rest
                                                                                           : NULL;
}

/* A row that stands on both goes where both are; then prefixes and stems that say more win. */
static guint
rank (const KnMetadefSpace *space)
{
    bool both = space->image_prefix && space->flavor_prefix;
    const char *prefix = space->image_prefix ? space->image_prefix : space->flavor_prefix;
    return (both ? 4U : 0U) + (*prefix ? 2U : 0U) + (space->stems ? 1U : 0U);
}

/* Whether another space of the same side is meant for @row. */
static bool
is_beaten (const KnMetadefSpace *space, const KnGuestProperty *row)
{
    for (gsize i = 0; i < G_N_ELEMENTS (spaces); i++) {
        const KnMetadefSpace *other = &spaces[i];
        bool same_side = (other->image_prefix && space->image_prefix)
                         || (other->flavor_prefix && space->flavor_prefix);
        if (other != space && same_side && rank (other) > rank (space) && match (other, row))
            return true;
    }
    return false;
}

const char *
kn_metadef_property_name (const KnMetadefSpace *space, const KnGuestProperty *row)
{
    const char *name = match (space, row);
    return name && !is_beaten (space, row) ? name : NULL;
}
