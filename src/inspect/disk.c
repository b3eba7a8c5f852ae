/* SPDX-License-Identifier: Apache-2.0 */
/* One disk: partition table, firmware, and the file system that holds an operating system. */
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/util.h"
#include "inspect/inspect.h"
#include "inspect/inspect_priv.h"

#define MEMORY_MIB 512
#define MAX_FILESYSTEMS 32
#define ESP "C12A7328-F81F-11D2-BA4B-00A0C93EC93B" /* UEFI specification 2.10, 5.3.3 */
#define BIOS_BOOT "21686148-6449-6E6F-744E-656564454649"

/* What a file system can be locked up in. */
static const struct {
    const char *type, *why;
} locked[] = {
    { "crypto_LUKS", "It is encrypted (LUKS)." },
    { "BitLocker", "It is encrypted (BitLocker)." },
};

static void
say_why (KnInspection *found, KnInspectStatus status, const char *why)
{
    found->status = status;
    g_free (found->why);
    found->why = g_strdup (why);
}

/* A disk with an ESP and no BIOS boot partition beside it boots by UEFI only; one with an MBR by BIOS. */
static void
read_layout (KnGuestfs *fs, KnInspection *found)
{
    bool esp = false, bios = false;
    g_auto (GStrv) partitions = kn_guestfs_list_partitions (fs);
    found->table = kn_guestfs_partition_table (fs);
    if (!found->table) {
        found->table = g_strdup ("none");
        return;
    }
    kn_inspection_note (found, "firmware", "partition table", "type", found->table);
    bool gpt = strcmp (found->table, "gpt") == 0;
    for (gsize i = 0; gpt && partitions && partitions[i] && i < MAX_FILESYSTEMS; i++) {
        g_autofree char *type = kn_guestfs_partition_type (fs, partitions[i]);
        if (!type)
            continue;
        esp |= g_ascii_strcasecmp (type, ESP) == 0;
        bios |= g_ascii_strcasecmp (type, BIOS_BOOT) == 0;
        if (g_ascii_strcasecmp (type, ESP) == 0)
            kn_inspection_note (found, "firmware", partitions[i], "partition type", "EFI system");
    }
    if (esp && !bios)
        found->firmware = g_strdup ("uefi");
    else if (!gpt)
        found->firmware = g_strdup ("bios");
}

static const char *
lock_on (KnGuestfs *fs, const char *device)
{
    g_autofree char *content = kn_guestfs_content (fs, device);
    for (gsize i = 0; content && i < G_N_ELEMENTS (locked); i++)
        if (strcmp (content, locked[i].type) == 0)
            return locked[i].why;
    return NULL;
}

static const char *
find_lock (KnGuestfs *fs)
{
    g_auto (GStrv) partitions = kn_guestfs_list_partitions (fs);
    const char *why = lock_on (fs, KN_GUESTFS_DISK);
    for (gsize i = 0; !why && partitions && partitions[i] && i < MAX_FILESYSTEMS; i++)
        why = lock_on (fs, partitions[i]);
    return why;
}

static bool
look_into (KnGuestfs *fs, const char *device, KnInspection *found)
{
    return kn_guestfs_mount (fs, device)
           && (kn_inspect_windows (fs, device, found) || kn_inspect_linux (fs, found));
}

static void
read_filesystems (KnGuestfs *fs, KnInspection *found)
{
    g_auto (GStrv) filesystems = kn_guestfs_list_filesystems (fs);
    if (!filesystems) {
        say_why (found, KN_INSPECT_UNREADABLE, "Its partitions cannot be read.");
        return;
    }
    for (gsize i = 0; filesystems[i] && filesystems[i + 1] && i < 2 * MAX_FILESYSTEMS; i += 2)
        if (strcmp (filesystems[i + 1], "swap") != 0 && look_into (fs, filesystems[i], found)) {
            kn_inspection_note (found, "filesystem", filesystems[i], "type", filesystems[i + 1]);
            found->status = KN_INSPECT_FOUND;
            return;
        }
    const char *lock = find_lock (fs);
    if (lock)
        say_why (found, KN_INSPECT_UNREADABLE, lock);
    else if (!filesystems[0])
        say_why (found, KN_INSPECT_NOTHING, "There is no file system on it.");
    else
        say_why (found, KN_INSPECT_NOTHING,
                 "None of its file systems holds a Windows or Linux that can be read.");
}

/* A /dev/kvm that exists proves nothing: the CPU has to have its part, too. */
static bool
has_kvm (void)
{
    g_autofree char *cpus = kn_file_read ("/proc/cpuinfo", 4 * MIB, NULL, NULL);
    return cpus && (strstr (cpus, " vmx ") || strstr (cpus, " svm "))
           && access ("/dev/kvm", R_OK | W_OK) == 0;
}

KnInspection *
kn_inspect_disk (const char *path, const char *format, const KnInspectLimits *limits,
                 GError **error)
{
    g_autoptr (KnInspection) found = kn_inspection_new ();
    const KnGuestfsSpec spec = { .path = path,
                                 .format = format,
                                 .cache_dir = limits->cache_dir,
                                 .memory_mib = limits->memory_mib ? limits->memory_mib : MEMORY_MIB,
                                 .emulate = !has_kvm () };
    g_autoptr (KnGuestfs) fs = kn_guestfs_new (&spec, error);
    if (!fs)
        return NULL;
    read_layout (fs, found);
    read_filesystems (fs, found);
    return g_steal_pointer (&found);
}
