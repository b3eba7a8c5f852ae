/* SPDX-License-Identifier: Apache-2.0 */
/* What can be known before a host is chosen. Nova checks part of it at the API and finds the rest on the host, after it has
 * said 202; our own profiles make a trial plan here, by the same code as the real one. */
#include <string.h>

#include "base/util.h"
#include "guest/guest_priv.h"

static bool
check_image (const KnDraft *draft, GError **error)
{
    const KnGuestFacts *facts = draft->facts;
    KnSaid drive = kn_property (draft, "img_config_drive");
    if (drive.text && !kn_is (drive, "optional") && !kn_is (drive, "mandatory")) {
        kn_guest_fail (error, "api/InvalidImageConfigDrive",
                       "img_config_drive is '%s'; allowed are optional, mandatory.", drive.text);
        return false;
    }
    if (facts->memory_mib < facts->image_min_ram_mib) {
        kn_guest_fail (error, "api/FlavorMemoryTooSmall",
                       "The image needs %" G_GUINT64_FORMAT
                       " MiB of memory, the flavor has %" G_GUINT64_FORMAT ".",
                       facts->image_min_ram_mib, facts->memory_mib);
        return false;
    }
    if (facts->root_gib != 0 && facts->root_gib < facts->image_min_disk_gib) {
        kn_guest_fail (error, "api/FlavorDiskSmallerThanMinDisk",
                       "The image needs a disk of %" G_GUINT64_FORMAT
                       " GiB, the flavor has %" G_GUINT64_FORMAT ".",
                       facts->image_min_disk_gib, facts->root_gib);
        return false;
    }
    return true;
}

/* The user's word, where there is one, has to be a boolean or nothing. */
static bool
check_config_drive (const KnDraft *draft, GError **error)
{
    bool yes;
    const char *said = draft->facts->config_drive;
    if (!said || !*said || kn_parse_bool (said, &yes))
        return true;
    kn_guest_fail (error, "api/ConfigDriveInvalidValue",
                   "config_drive is '%s'; it has to be true or false.", said);
    return false;
}

/* Nova's parser: booleans never fail, whole numbers have no range. */
static bool
is_readable (const KnDraft *draft, const KnGuestProperty *row, const char *value)
{
    gint64 number;
    if (row->effect && g_strcmp0 (row->effect, "os/type/@arch") == 0)
        return kn_architecture_canonical (value) != NULL;
    if (!draft->profile->like_nova)
        return kn_guest_property_allows (row, value, NULL);
    if (row->flags & (KN_PROPERTY_OURS | KN_PROPERTY_LATER))
        return true;
    if (row->later && g_strv_contains (row->later, value))
        return false;
    if (row->type == KN_PROPERTY_INT)
        return kn_read_int (value, &number);
    return row->type != KN_PROPERTY_ENUM || kn_guest_property_allows (row, value, NULL);
}

static bool
check_value (const KnDraft *draft, const KnGuestProperty *row, KnSaid said, GError **error)
{
    if (is_readable (draft, row, said.text))
        return true;
    g_autofree char *allowed = NULL;
    (void)kn_guest_property_allows (row, said.text, &allowed);
    kn_guest_fail (error, "api/InvalidRequest", "%s is '%.200s'; allowed is %s.", said.source,
                   said.text, allowed ? allowed : "the name of an architecture");
    return false;
}

static bool
check_properties (KnDraft *draft, GError **error)
{
    GHashTableIter iter;
    gpointer name, said;
    g_hash_table_iter_init (&iter, draft->properties);
    while (g_hash_table_iter_next (&iter, &name, &said)) {
        const KnGuestProperty *row = kn_guest_property_find (name);
        if (row && !check_value (draft, row, *(KnSaid *)said, error))
            return false;
    }
    return true;
}

/* Nova leaves extra specs to the code that uses them. */
static bool
check_specs (KnDraft *draft, GError **error)
{
    GHashTableIter iter;
    gpointer name, value;
    if (draft->profile->like_nova || !draft->facts->extra_specs)
        return true;
    g_hash_table_iter_init (&iter, draft->facts->extra_specs);
    while (g_hash_table_iter_next (&iter, &name, &value))
        if (!kn_guest_check_spec (name, value, error))
            return false;
    return true;
}

static bool
check_pick (KnDraft *draft, const char *name, GError **error)
{
    KnSaid said;
    return kn_pick (draft, name, &said, error);
}

/* In Nova's order, so that the first of several mistakes is the same one (compute/api.py, _validate_flavor_image_numa_pci). */
static bool
check_asked (KnDraft *draft, GError **error)
{
    bool encrypted;
    return check_config_drive (draft, error) && check_properties (draft, error)
           && check_image (draft, error) && check_specs (draft, error)
           && kn_encryption_check (draft, &encrypted, error) && check_pick (draft, "hw_pmu", error)
           && kn_serial_check (draft, error) && kn_realtime_check (draft, error)
           && kn_topology_check (draft, error)
           && (draft->facts->vcpus <= 1 || check_pick (draft, "hw_vif_multiqueue_enabled", error))
           && kn_numa_check (draft, error);
}

/* What the enumerations allow, for other hypervisors or older libvirt, and QEMU on x86 does not have: Nova writes it, and
 * libvirt refuses the definition on the host. */
static const struct {
    const char *property, *value, *because;
} impossible[] = {
    { "hw_disk_bus", "fdc", "a hard disk cannot be on a floppy controller" },
    { "hw_cdrom_bus", "fdc", "a CD-ROM drive cannot be on a floppy controller" },
    { "hw_cdrom_bus", "virtio", "there is no virtio CD-ROM drive" },
    { "hw_machine_type", "isapc", "it has no PCI bus, which a guest's disks and network need" },
    { "hw_machine_type", "xenfv", "it exists under Xen only" },
    { "hw_machine_type", "xenpv", "it exists under Xen only" },
    { "hw_scsi_model", "buslogic", "QEMU has no such controller" },
    { "hw_video_model", "xen", "it exists under Xen only" },
    { "hw_video_model", "gop", "it exists under bhyve only" },
    { "hw_viommu_model", "smmuv3", "it exists on ARM only" },
};

static bool
check_possible (const KnDraft *draft, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS (impossible); i++) {
        const KnGuestProperty *row = kn_guest_property_find (impossible[i].property);
        KnSaid image = kn_property (draft, row->name);
        KnSaid flavor = row->spec ? kn_spec (draft, row->spec) : (KnSaid){ NULL, NULL };
        KnSaid said = kn_is (image, impossible[i].value) ? image : flavor;
        if (!kn_is (said, impossible[i].value))
            continue;
        kn_guest_fail (error, "api/UnsupportedHardware", "%s cannot be '%s': %s.", said.source,
                       said.text, impossible[i].because);
        return false;
    }
    return true;
}

/* One that does nothing without the other: Nova drops the first without a word. */
static const struct {
    const char *spec, *needs;
} spec_companions[] = {
    { "quota:vif_inbound_peak", "quota:vif_inbound_average" },
    { "quota:vif_inbound_burst", "quota:vif_inbound_average" },
    { "quota:vif_outbound_peak", "quota:vif_outbound_average" },
    { "quota:vif_outbound_burst", "quota:vif_outbound_average" },
    { "hw_rng:rate_period", "hw_rng:rate_bytes" },
};

/* libvirt takes either the sum or its parts. */
static const struct {
    const char *sum, *parts[2];
} spec_sums[] = {
    { "quota:disk_total_bytes_sec", { "quota:disk_read_bytes_sec", "quota:disk_write_bytes_sec" } },
    { "quota:disk_total_iops_sec", { "quota:disk_read_iops_sec", "quota:disk_write_iops_sec" } },
};

static bool
check_spec_companions (const KnDraft *draft, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS (spec_companions); i++) {
        if (!kn_number (kn_spec (draft, spec_companions[i].spec))
            || kn_number (kn_spec (draft, spec_companions[i].needs)))
            continue;
        kn_guest_fail (error, "api/InvalidRequest", "Extra spec %s has no effect without %s.",
                       spec_companions[i].spec, spec_companions[i].needs);
        return false;
    }
    for (gsize i = 0; i < G_N_ELEMENTS (spec_sums) * 2; i++) {
        const char *sum = spec_sums[i / 2].sum, *part = spec_sums[i / 2].parts[i % 2];
        if (!kn_number (kn_spec (draft, sum)) || !kn_number (kn_spec (draft, part)))
            continue;
        kn_guest_fail (error, "api/InvalidRequest", "Extra specs %s and %s exclude each other.",
                       sum, part);
        return false;
    }
    return true;
}

static bool
check_kernel_line (const KnDraft *draft, GError **error)
{
    bool kernel = draft->facts->kernel_path || kn_property (draft, "kernel_id").text;
    KnSaid line = kn_property (draft, "os_command_line");
    if (!line.text || kernel)
        return true;
    kn_guest_fail (error, "api/InvalidRequest",
                   "%s has no effect without a kernel image (kernel_id): the guest's own boot "
                   "loader has its own line.",
                   line.source);
    return false;
}

static bool
check_tpm_owner (const KnDraft *draft, GError **error)
{
    KnSaid owner = kn_spec (draft, "hw:tpm_secret_security");
    if (!kn_is (owner, "user"))
        return true;
    kn_guest_fail (error, "api/InvalidRequest",
                   "%s is 'user', but there is no key service here; TPM state belongs to the "
                   "server and is kept by its host (host, deployment).",
                   owner.source);
    return false;
}

/* Where a wish needs another, Nova ignores the one without the other. */
static bool
check_companions (const KnDraft *draft, GError **error)
{
    KnSaid boot = kn_property (draft, "os_secure_boot"),
           firmware = kn_property (draft, "hw_firmware_type");
    KnSaid spec = kn_spec (draft, "os:secure_boot");
    if (kn_is (firmware, "bios") && (kn_is (boot, "required") || kn_is (spec, "required"))) {
        kn_guest_fail (error, "api/InvalidRequest",
                       "Secure Boot is required (%s), but hw_firmware_type is 'bios'.",
                       kn_is (boot, "required") ? boot.source : spec.source);
        return false;
    }
    return check_spec_companions (draft, error) && check_kernel_line (draft, error)
           && check_tpm_owner (draft, error);
}

/* What no host can do comes before what this host cannot. */
static bool
try_plan (const KnGuestFacts *facts, GError **error)
{
    KnGuestFacts trial = *facts;
    trial.host = (KnGuestHost){ .virt_type = facts->host.virt_type };
    g_autoptr (KnGuestPlan) anywhere = kn_guest_plan_new (&trial, error);
    if (!anywhere || !facts->host.arch)
        return anywhere != NULL;
    g_autoptr (KnGuestPlan) here = kn_guest_plan_new (facts, error);
    return here != NULL;
}

bool
kn_guest_check (const KnGuestFacts *facts, GError **error)
{
    g_autoptr (KnGuestPlan) scratch = kn_guest_plan_new_empty ();
    g_autoptr (KnDraft) draft = kn_draft_new (facts, scratch, error);
    if (!draft || !check_asked (draft, error))
        return false;
    if (draft->profile->like_nova)
        return true;
    return check_possible (draft, error) && check_companions (draft, error)
           && kn_nic_model_check (draft, error) && try_plan (facts, error);
}

bool
kn_guest_wants_config_drive (const KnGuestFacts *facts)
{
    bool yes = false;
    const char *image = facts->image_properties
                            ? g_hash_table_lookup (facts->image_properties, "img_config_drive")
                            : NULL;
    if (g_strcmp0 (image, "mandatory") == 0 || (facts->config && facts->config->force_config_drive))
        return true;
    return facts->config_drive && kn_parse_bool (facts->config_drive, &yes) && yes;
}
