/* SPDX-License-Identifier: Apache-2.0 */
/* The disks' elements: source, driver, cache, limits, addresses, and which is booted. */
#include <string.h>

#include "guest/guest_priv.h"

static const KnRule rule_bus_said = { "disks.bus-said", "The image names the bus." };
static const KnRule rule_bus_default
    = { "disks.bus-virtio", "Virtio is the fastest bus, and nobody named another." };
static const KnRule rule_bus_windows
    = { "disks.bus-virtio-windows",
        "Nobody named a bus; Windows boots from virtio only if its driver is in the image.", true };
static const KnRule rule_bus_driverless
    = { "disks.bus-driverless", "Inspection found no virtio driver in this Windows." };
static const KnRule rule_bus_frozen
    = { "disks.bus-frozen",
        "The bus was frozen at the first start; the guest's drivers were set up for it." };
static const KnRule rule_bus_disk = { "disks.bus-asked", "The bus was asked for with this disk." };
static const KnRule rule_cdrom = {
    "disks.cdrom",
    "Linux kernels for clouds read CD-ROMs by virtio-scsi, Windows and installers by SATA; q35 has "
    "no IDE."
};
static const KnRule rule_source = { "disks.source", "The disk was made ready for this guest." };
static const KnRule rule_cache
    = { "disks.cache",
        "The host's page cache is left out: the guest's writes are on disk when it is told so." };
static const KnRule rule_config = { "disks.cloud", "The cloud's configuration says so." };
static const KnRule rule_limits = { "disks.limits", "The flavor limits each local disk." };
static const KnRule rule_qos = { "disks.volume-limits", "The volume's own limits." };
static const KnRule rule_unit = { "disks.unit", "Disks on virtio-scsi are numbered." };
static const KnRule rule_scsi = { "disks.scsi", "The SCSI controller that the disks are on." };
static const KnRule rule_rescue
    = { "disks.rescue", "The guest boots its rescue disk and keeps its own disks in place." };
static const KnRule rule_iothread = {
    "disks.iothread",
    "The disk is served by a thread of its own, so that slow storage does not hold up the guest."
};
static const KnRule rule_iommu
    = { "disks.iommu", "Encrypted memory is reached by virtio through the IOMMU." };

static const KnGuestDiskRole writing_order[] = {
    KN_GUEST_DISK_ROOT, KN_GUEST_DISK_EPHEMERAL, KN_GUEST_DISK_BLANK,
    KN_GUEST_DISK_SWAP, KN_GUEST_DISK_CONFIG,    KN_GUEST_DISK_VOLUME,
};

/* In the order of libvirt's schema. */
static const char *const limits[] = {
    "read_bytes_sec", "write_bytes_sec", "total_bytes_sec",
    "read_iops_sec",  "write_iops_sec",  "total_iops_sec",
};

typedef struct {
    KnDraft *draft;
    const KnSlot *slot;
    char *element; /* devices/disk[vda] */
    guint *next_unit;
    bool numbered;
} Writing;

static void
say (const Writing *w, const char *path, const char *value)
{
    if (value)
        kn_decide_in (w->draft, w->element, path, value);
}

static void
because_of_bus (const Writing *w)
{
    KnDraft *draft = w->draft;
    const KnOs *os = kn_draft_os (draft);
    bool cdrom = strcmp (w->slot->device, "cdrom") == 0;
    bool held = cdrom ? draft->slots->cdrom_bus_held : draft->slots->disk_bus_held;
    KnSaid said = kn_property (draft, cdrom ? "hw_cdrom_bus" : "hw_disk_bus");

    if (w->slot->disk->bus)
        kn_because (draft, &rule_bus_disk, "block device");
    else if (held)
        kn_because (draft, &rule_bus_frozen, "hardware identity");
    else if (said.text)
        kn_because (draft, &rule_bus_said, said.source);
    else if (cdrom)
        kn_because (draft, &rule_cdrom, NULL);
    else if (strcmp (w->slot->bus, "virtio") != 0)
        kn_because (draft, &rule_bus_driverless, "inspection");
    else if (os && os->predates_virtio && draft->virtio != KN_GUEST_DRIVERS_PRESENT)
        kn_because_of (draft, &rule_bus_windows, NULL,
                       "Nobody named a bus; %s is older than virtio, so it starts from it only if "
                       "the driver was put into the image (hw_disk_bus=%s works without).",
                       os->title, os->disk_bus);
    else if (draft->windows && draft->virtio != KN_GUEST_DRIVERS_PRESENT)
        kn_because (draft, &rule_bus_windows, NULL);
    else
        kn_because (draft, &rule_bus_default, NULL);
}

static const char *
store_name (const KnGuestDisk *disk)
{
    static const char *const names[KN_GUEST_STORE_N] = { "file", "block", "network" };
    return names[disk->store];
}

/* "file=writeback" in the cloud's configuration; the default without an entry is none. */
static void
say_cache (const Writing *w)
{
    const char *store = store_name (w->slot->disk), *const *modes = w->draft->config->cache_modes;
    for (gsize i = 0; modes && modes[i]; i++) {
        gsize len = strlen (store);
        if (strncmp (modes[i], store, len) == 0 && modes[i][len] == '=') {
            kn_because (w->draft, &rule_config, "config disk_cachemodes");
            say (w, "driver/@cache", modes[i] + len + 1);
            return;
        }
    }
    kn_because (w->draft, &rule_cache, NULL);
    say (w, "driver/@cache", "none");
}

static void
say_driver (const Writing *w)
{
    const KnGuestDisk *disk = w->slot->disk;
    kn_because (w->draft, &rule_source, "block device");
    /* Nova names the driver everywhere but on its own RBD disks. */
    if (disk->store != KN_GUEST_STORE_RBD || disk->of_volume_service)
        say (w, "driver/@name", "qemu");
    say (w, "driver/@type", disk->format ? disk->format : "raw");
    say_cache (w);
    if (disk->store == KN_GUEST_STORE_BLOCK)
        say (w, "driver/@io", "native");
    if (w->draft->config->discard && !disk->of_volume_service) {
        kn_because (w->draft, &rule_config, "config hw_disk_discard");
        say (w, "driver/@discard", w->draft->config->discard);
    }
    if (kn_host_has_iothreads (w->draft) && strcmp (w->slot->bus, "virtio") == 0) {
        kn_because (w->draft, &rule_iothread, NULL);
        say (w, "driver/@iothread", "1");
    }
    if (w->draft->sev && strcmp (w->slot->bus, "virtio") == 0) {
        kn_because (w->draft, &rule_iommu, NULL);
        say (w, "driver/@iommu", "on");
    }
}

static void
say_rbd (const Writing *w)
{
    const KnGuestDisk *disk = w->slot->disk;
    say (w, "source/@protocol", "rbd");
    say (w, "source/@name", disk->path);
    for (gsize i = 0; disk->hosts && disk->hosts[i]; i++) {
        const char *port = strrchr (disk->hosts[i], ':');
        g_autofree char *host = g_strdup_printf ("source/host[%zu]/@name", i);
        g_autofree char *on = g_strdup_printf ("source/host[%zu]/@port", i);
        g_autofree char *name = port ? g_strndup (disk->hosts[i], (gsize)(port - disk->hosts[i]))
                                     : g_strdup (disk->hosts[i]);
        say (w, host, name);
        say (w, on, port ? port + 1 : NULL);
    }
    if (disk->auth_user) {
        say (w, "auth/@username", disk->auth_user);
        say (w, "auth/secret/@type", disk->auth_secret_type ? disk->auth_secret_type : "ceph");
        say (w, "auth/secret/@uuid", disk->auth_secret_uuid);
    }
}

static void
say_source (const Writing *w)
{
    const KnGuestDisk *disk = w->slot->disk;
    kn_because (w->draft, &rule_source, "block device");
    switch (disk->store) {
    case KN_GUEST_STORE_FILE:
        say (w, "source/@file", disk->path);
        break;
    case KN_GUEST_STORE_BLOCK:
        say (w, "source/@dev", disk->path);
        break;
    case KN_GUEST_STORE_RBD:
        say_rbd (w);
        break;
    case KN_GUEST_STORE_N:
        g_assert_not_reached ();
    }
}

/* A volume's limits may also be for bursts: read_bytes_sec_max, …_max_length; and the size that counts as one operation. */
static bool
is_limit (const char *name)
{
    const char *const suffixes[] = { "", "_max", "_max_length" };
    for (gsize i = 0; i < G_N_ELEMENTS (limits); i++)
        for (gsize k = 0; k < G_N_ELEMENTS (suffixes); k++)
            if (g_str_has_prefix (name, limits[i])
                && strcmp (name + strlen (limits[i]), suffixes[k]) == 0)
                return true;
    return strcmp (name, "size_iops_sec") == 0;
}

static void
say_limits (const Writing *w)
{
    const KnGuestDisk *disk = w->slot->disk;
    for (gsize i = 0; i < disk->n_qos; i++) {
        if (!is_limit (disk->qos[i].name))
            continue;
        g_autofree char *path = g_strdup_printf ("iotune/%s", disk->qos[i].name);
        kn_because (w->draft, &rule_qos, "volume");
        say (w, path, disk->qos[i].value);
    }
    for (gsize i = 0; !disk->of_volume_service && i < G_N_ELEMENTS (limits); i++) {
        g_autofree char *spec = g_strdup_printf ("quota:disk_%s", limits[i]);
        g_autofree char *path = g_strdup_printf ("iotune/%s", limits[i]);
        KnSaid said = kn_spec (w->draft, spec);
        if (!kn_is_limit (w->draft, said))
            continue;
        kn_because (w->draft, &rule_limits, said.source);
        say (w, path, said.text);
    }
}

/* A volume counts even where it is on another bus; the boot volume is unit 0 (Nova 26.2, _get_guest_storage_config). */
static void
say_unit (const Writing *w)
{
    bool volume = w->slot->disk->role == KN_GUEST_DISK_VOLUME;
    bool scsi = strcmp (w->slot->bus, "scsi") == 0;
    if (!w->numbered || (!scsi && !volume))
        return;
    guint unit = w->slot->disk->is_root ? 0 : (*w->next_unit)++;
    if (!scsi)
        return;
    g_autofree char *text = g_strdup_printf ("%u", unit);
    kn_because (w->draft, &rule_unit, NULL);
    say (w, "address/@type", "drive");
    say (w, "address/@controller", "0");
    say (w, "address/@unit", text);
}

static void
write_slot (KnDraft *draft, const KnSlot *slot, bool numbered, guint *next_unit)
{
    g_autofree char *element = g_strdup_printf ("devices/disk[%s]", slot->dev);
    Writing w = { draft, slot, element, next_unit, numbered };
    kn_because (draft, &rule_source, "block device");
    say (&w, "@type", store_name (slot->disk));
    say (&w, "@device", slot->device);
    say_driver (&w);
    say_source (&w);
    because_of_bus (&w);
    say (&w, "target/@dev", slot->dev);
    say (&w, "target/@bus", slot->bus);
    kn_because (draft, &rule_source, "block device");
    /* A passed-through LUN has a serial of its own; libvirt refuses another, which Nova writes. */
    if (draft->profile->like_nova || strcmp (slot->device, "lun") != 0)
        say (&w, "serial", slot->disk->serial);
    say_limits (&w);
    say_unit (&w);
}

bool
kn_has_disk_on (const KnDraft *draft, const char *bus)
{
    for (gsize i = 0; i < draft->slots->n; i++)
        if (strcmp (draft->slots->slots[i].bus, bus) == 0)
            return true;
    return false;
}

/* hw_scsi_model alone brings the controller; where a disk is on SCSI without it, Nova leaves the model to libvirt (lsilogic on
 * pc), and we take virtio-scsi. */
static const char *
choose_scsi_model (KnDraft *draft)
{
    KnSaid said = kn_property (draft, "hw_scsi_model");
    const char *model = said.text ? said.text : NULL;
    if (!model && !draft->profile->like_nova && kn_has_disk_on (draft, "scsi"))
        model = "virtio-scsi";
    return model || kn_frozen (draft, "scsi_model") ? kn_freeze (draft, "scsi_model", model) : NULL;
}

static void
write_scsi_controller (KnDraft *draft, const char *model)
{
    KnSaid said = kn_property (draft, "hw_scsi_model");
    kn_because (draft, &rule_scsi, said.text ? said.source : NULL);
    kn_decide (draft, "devices/controller[scsi]/@type", "scsi");
    kn_decide (draft, "devices/controller[scsi]/@index", "0");
    kn_decide (draft, "devices/controller[scsi]/@model", model);
    if (draft->sev && strcmp (model, "virtio-scsi") == 0)
        kn_decide (draft, "devices/controller[scsi]/driver/@iommu", "on");
}

static void
write_rescue (KnDraft *draft, bool numbered, guint *next_unit, bool first)
{
    for (gsize i = 0; i < draft->slots->n; i++) {
        const KnSlot *slot = &draft->slots->slots[i];
        bool is_first = i == 0;
        if (slot->disk->role != KN_GUEST_DISK_RESCUE || is_first != first)
            continue;
        write_slot (draft, slot, numbered, next_unit);
        if (!first) {
            g_autofree char *order = g_strdup_printf ("devices/disk[%s]/boot/@order", slot->dev);
            kn_because (draft, &rule_rescue, "rescue image");
            kn_decide (draft, order, "1");
        }
    }
}

bool
kn_decide_disks (KnDraft *draft, GError **error)
{
    (void)error;
    const char *scsi = choose_scsi_model (draft);
    bool numbered = g_strcmp0 (scsi, "virtio-scsi") == 0;
    guint next_unit = 0;
    for (gsize i = 0; i < draft->slots->n; i++)
        next_unit |= draft->slots->slots[i].disk->is_root;

    write_rescue (draft, numbered, &next_unit, true);
    for (gsize r = 0; r < G_N_ELEMENTS (writing_order); r++)
        for (gsize i = 0; i < draft->slots->n; i++)
            if (draft->slots->slots[i].disk->role == writing_order[r])
                write_slot (draft, &draft->slots->slots[i], numbered, &next_unit);
    if (scsi)
        write_scsi_controller (draft, scsi);
    write_rescue (draft, numbered, &next_unit, false);
    return true;
}

void
kn_decide_boot_order (KnDraft *draft, const KnRule *rule)
{
    if (draft->facts->rescue)
        return;
    for (gsize i = 0; i < draft->slots->n; i++) {
        const KnSlot *slot = &draft->slots->slots[i];
        if (!slot->boots)
            continue;
        kn_because (draft, rule, "block device");
        kn_decide (draft, "os/boot/@dev", strcmp (slot->device, "cdrom") == 0 ? "cdrom" : "hd");
        return;
    }
}
