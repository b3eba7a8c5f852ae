/* SPDX-License-Identifier: Apache-2.0 */
/* Where each disk sits: kind of device, bus and name. Names are given in the order root, ephemeral, swap, volumes, config
 * drive, rescue disk, as Nova 26.2 does (virt/libvirt/blockinfo.py); the XML has another order (disks.c). */
#include <string.h>

#include "guest/guest_priv.h"

static const struct {
    const char *bus, *prefix;
    guint most;
} buses[] = {
    { "virtio", "vd", 26 }, { "scsi", "sd", 26 }, { "sata", "sd", 26 },
    { "usb", "sd", 26 },    { "ide", "hd", 4 },   { "fdc", "fd", 26 },
};

static const KnGuestDiskRole naming_order[] = {
    KN_GUEST_DISK_ROOT,   KN_GUEST_DISK_EPHEMERAL, KN_GUEST_DISK_BLANK,  KN_GUEST_DISK_SWAP,
    KN_GUEST_DISK_VOLUME, KN_GUEST_DISK_CONFIG,    KN_GUEST_DISK_RESCUE,
};

static gssize
find_bus (const char *name)
{
    for (gsize i = 0; name && i < G_N_ELEMENTS (buses); i++)
        if (strcmp (buses[i].bus, name) == 0)
            return (gssize)i;
    return -1;
}

static bool
check_bus (const KnDraft *draft, KnSaid said, GError **error)
{
    if (!said.text || find_bus (said.text) >= 0)
        return true;
    kn_guest_fail (error, "block-devices/UnsupportedHardware",
                   "%s is '%s', which %s guests do not have.", said.source, said.text,
                   draft->kvm ? "KVM" : "QEMU");
    return false;
}

/* An ISO image that the guest boots from: an installer, whatever system it is for. */
static bool
boots_from_iso (const KnDraft *draft)
{
    for (gsize i = 0; i < draft->facts->n_disks; i++)
        if (draft->facts->disks[i].role == KN_GUEST_DISK_ROOT
            && g_strcmp0 (draft->facts->disks[i].device, "cdrom") == 0)
            return true;
    return false;
}

/* Cloud kernels of Linux have no AHCI driver, and Windows has no virtio-scsi driver before one is installed; installers have AHCI;
 * q35 has no IDE. */
static const char *
default_cdrom_bus (const KnDraft *draft)
{
    const char *const without_ide[]
        = { "ppc", "ppcle", "ppc64", "ppc64le", "s390", "s390x", "aarch64", NULL };
    if (g_strv_contains (without_ide, kn_board_arch (draft)))
        return "scsi";
    if (!draft->q35)
        return "ide";
    if (draft->profile->like_nova || draft->windows || boots_from_iso (draft))
        return "sata";
    return "scsi";
}

/* Without evidence a Windows guest gets virtio as in Nova; SATA only where inspection found that the driver is missing. */
static const char *
default_disk_bus (const KnDraft *draft)
{
    bool no_driver = draft->virtio == KN_GUEST_DRIVERS_ABSENT && draft->windows;
    if (no_driver && !draft->profile->like_nova)
        return draft->q35 ? "sata" : "ide";
    return "virtio";
}

static bool
choose_buses (KnDraft *draft, struct KnSlots *slots, GError **error)
{
    KnSaid disk = kn_property (draft, "hw_disk_bus"), cdrom = kn_property (draft, "hw_cdrom_bus");
    if (!check_bus (draft, disk, error) || !check_bus (draft, cdrom, error))
        return false;
    const char *disk_wish = disk.text ? disk.text : default_disk_bus (draft);
    const char *cdrom_wish = cdrom.text ? cdrom.text : default_cdrom_bus (draft);
    slots->disk_bus = kn_freeze (draft, "disk_bus", disk_wish);
    slots->disk_bus_held = kn_is_held (draft, "disk_bus", disk_wish);
    slots->cdrom_bus = kn_freeze (draft, "cdrom_bus", cdrom_wish);
    slots->cdrom_bus_held = kn_is_held (draft, "cdrom_bus", cdrom_wish);
    return true;
}

static bool
is_taken (const struct KnSlots *slots, const char *dev)
{
    for (gsize i = 0; i < slots->n; i++)
        if (strcmp (slots->slots[i].dev, dev) == 0)
            return true;
    return false;
}

static bool
name_slot (const KnDraft *draft, KnSlot *slot, GError **error)
{
    gssize bus = find_bus (slot->bus);
    g_assert (bus >= 0);
    const char *configured = draft->config->disk_prefix;
    bool usable = configured && g_ascii_isalpha (*configured)
                  && strspn (configured, "abcdefghijklmnopqrstuvwxyz") == strlen (configured);
    const char *prefix = usable ? configured : buses[bus].prefix;
    for (guint i = 0; i < buses[bus].most; i++) {
        g_snprintf (slot->dev, sizeof slot->dev, "%.4s%c", prefix, 'a' + (int)i);
        if (!is_taken (draft->slots, slot->dev))
            return true;
    }
    kn_guest_fail (error, "block-devices/TooManyDiskDevices",
                   "The guest has more disks than the %u that fit on its %s bus.", buses[bus].most,
                   slot->bus);
    return false;
}

/* Nova 26.2 makes a plain disk of an ISO image (its bug 2054446). */
static const char *
default_device (const KnDraft *draft, const KnGuestDisk *disk)
{
    const char *const known[] = { "disk", "cdrom", "floppy", "lun", NULL };
    bool plain = disk->role == KN_GUEST_DISK_ROOT && draft->profile->like_nova;
    if (disk->device && !plain)
        return g_strv_contains (known, disk->device) ? disk->device : "disk";
    return disk->role == KN_GUEST_DISK_CONFIG ? "cdrom" : "disk";
}

static const char *
bus_of_device (const struct KnSlots *slots, const char *device)
{
    if (strcmp (device, "cdrom") == 0)
        return slots->cdrom_bus;
    return strcmp (device, "floppy") == 0 ? "fdc" : slots->disk_bus;
}

/* A LUN is passed through, so it has to be a device of the host; Nova writes one on a file, and libvirt refuses it. */
static bool
check_lun (const KnDraft *draft, const KnSlot *slot, GError **error)
{
    if (draft->profile->like_nova || strcmp (slot->device, "lun") != 0
        || slot->disk->store == KN_GUEST_STORE_BLOCK)
        return true;
    kn_guest_fail (error, "block-devices/UnsupportedRescueDevice",
                   "A disk is to be a lun, which only a block device of the host can be; this one "
                   "is a file or on the network.");
    return false;
}

static bool
add_slot (KnDraft *draft, const KnGuestDisk *disk, GError **error)
{
    struct KnSlots *slots = draft->slots;
    if (slots->n == KN_MAX_SLOTS) {
        kn_guest_fail (error, "block-devices/TooManyDiskDevices",
                       "A guest can have %d disks at most.", KN_MAX_SLOTS);
        return false;
    }
    KnSlot slot = { .disk = disk, .device = default_device (draft, disk) };
    slot.bus = find_bus (disk->bus) >= 0 ? disk->bus : bus_of_device (slots, slot.device);
    slot.boots = disk->role == KN_GUEST_DISK_ROOT || disk->is_root;
    if (!check_lun (draft, &slot, error) || !name_slot (draft, &slot, error))
        return false;
    slots->slots[slots->n++] = slot;
    return true;
}

bool
kn_is_stable_rescue (const KnDraft *draft)
{
    GHashTable *said = draft->facts->rescue_properties;
    return draft->facts->rescue && said
           && (g_hash_table_contains (said, "hw_rescue_device")
               || g_hash_table_contains (said, "hw_rescue_bus"));
}

static const char *
rescue_said (const KnDraft *draft, const char *name)
{
    GHashTable *said = draft->facts->rescue_properties;
    return said ? g_hash_table_lookup (said, name) : NULL;
}

/* Without a bus, Nova goes by the machine type of the *rescue image*; we go by the guest's. */
static const char *
default_rescue_bus (const KnDraft *draft, const char *device)
{
    g_autofree char *key
        = g_strdup_printf ("hw_%s_bus", strcmp (device, "lun") == 0 ? "disk" : device);
    const char *said = rescue_said (draft, key);
    if (said && find_bus (said) >= 0)
        return said;
    if (strcmp (device, "cdrom") != 0)
        return strcmp (device, "floppy") == 0 ? "fdc" : said ? said : "virtio";
    if (!draft->profile->like_nova)
        return draft->slots->cdrom_bus;
    const char *machine = rescue_said (draft, "hw_machine_type");
    machine = machine ? machine : kn_default_machine (draft);
    return strstr (machine, "q35") ? "sata" : "ide";
}

/* Buses that a rescue device of this kind can sit on; Nova defines the others too, and libvirt refuses them. */
static bool
check_rescue_place (const KnDraft *draft, const char *device, const char *bus, GError **error)
{
    static const struct {
        const char *device, *buses[7];
    } places[] = {
        { "disk", { "virtio", "scsi", "sata", "usb", "ide" } },
        { "cdrom", { "scsi", "sata", "usb", "ide" } },
        { "floppy", { "fdc" } },
        { "lun", { NULL } }, /* a rescue image is a file */
    };
    bool fits = false;
    for (gsize i = 0; i < G_N_ELEMENTS (places); i++)
        if (strcmp (places[i].device, device) == 0)
            fits = g_strv_contains (places[i].buses, bus);
    if (strcmp (bus, "ide") == 0 && draft->q35)
        fits = false;
    if (fits || draft->profile->like_nova)
        return true;
    kn_guest_fail (error, "block-devices/UnsupportedRescueBus",
                   "A guest of machine type '%s' cannot be rescued from a %s on bus '%s'; set "
                   "hw_rescue_device and hw_rescue_bus of the rescue image to disk and virtio.",
                   draft->machine, device, bus);
    return false;
}

static bool
add_stable_rescue (KnDraft *draft, const KnGuestDisk *disk, GError **error)
{
    const char *device = rescue_said (draft, "hw_rescue_device");
    const char *bus = rescue_said (draft, "hw_rescue_bus");
    device = device ? device : "disk";
    const KnGuestProperty *row = kn_guest_property_find ("hw_rescue_bus");
    if (bus && find_bus (bus) < 0) {
        bool known = kn_guest_property_allows (row, bus, NULL);
        kn_guest_fail (error,
                       known ? "block-devices/UnsupportedRescueBus" : "block-devices/ValueError",
                       "hw_rescue_bus is '%s', which this hypervisor does not have.", bus);
        return false;
    }
    if (strcmp (device, "fs") == 0) {
        kn_guest_fail (
            error, "block-devices/UnsupportedRescueDevice",
            "hw_rescue_device is 'fs'; a guest is rescued from a disk, cdrom, floppy or lun.");
        return false;
    }
    if (!bus && strcmp (device, "lun") == 0 && draft->profile->like_nova) {
        kn_guest_fail (error, "driver/AttributeError",
                       "hw_rescue_device is 'lun'; name its bus in hw_rescue_bus.");
        return false;
    }
    struct KnSlots *slots = draft->slots;
    KnSlot slot = { .disk = disk,
                    .device = device,
                    .bus = bus ? bus : default_rescue_bus (draft, device),
                    .boots = true };
    if (!check_rescue_place (draft, slot.device, slot.bus, error)
        || !name_slot (draft, &slot, error))
        return false;
    slots->slots[slots->n++] = slot;
    return true;
}

static bool
add_role (KnDraft *draft, KnGuestDiskRole role, GError **error)
{
    for (gsize i = 0; i < draft->facts->n_disks; i++) {
        const KnGuestDisk *disk = &draft->facts->disks[i];
        if (disk->role != role || disk->is_root)
            continue;
        bool stable = role == KN_GUEST_DISK_RESCUE && kn_is_stable_rescue (draft);
        if (!(stable ? add_stable_rescue (draft, disk, error) : add_slot (draft, disk, error)))
            return false;
    }
    return true;
}

static bool
add_root_volume (KnDraft *draft, GError **error)
{
    for (gsize i = 0; i < draft->facts->n_disks; i++)
        if (draft->facts->disks[i].is_root)
            return add_slot (draft, &draft->facts->disks[i], error);
    return true;
}

bool
kn_choose_slots (KnDraft *draft, GError **error)
{
    struct KnSlots *slots = draft->slots = g_new0 (struct KnSlots, 1);
    if (!choose_buses (draft, slots, error))
        return false;
    bool rescue_first = draft->facts->rescue && !kn_is_stable_rescue (draft);
    if (rescue_first && !add_role (draft, KN_GUEST_DISK_RESCUE, error))
        return false;
    if (!add_root_volume (draft, error))
        return false;
    for (gsize i = 0; i < G_N_ELEMENTS (naming_order); i++) {
        if (rescue_first && naming_order[i] == KN_GUEST_DISK_RESCUE)
            continue;
        if (!add_role (draft, naming_order[i], error))
            return false;
    }
    return true;
}

const char *
kn_root_device (const KnDraft *draft)
{
    const struct KnSlots *slots = draft->slots;
    for (gsize i = 0; i < slots->n; i++)
        if (slots->slots[i].boots
            || (slots->slots[i].disk->role == KN_GUEST_DISK_RESCUE && !kn_is_stable_rescue (draft)))
            return slots->slots[i].dev;
    return NULL;
}
