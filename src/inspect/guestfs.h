/* SPDX-License-Identifier: Apache-2.0 */
/* One libguestfs appliance with one disk, read-only. The library is loaded when the first appliance is made and never before:
 * it costs tens of MB. File systems and registry hives are parsed inside of the appliance, so that a hostile disk is confined
 * there. Not thread-safe; a process makes one and ends. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct KnGuestfs KnGuestfs;

#define KN_GUESTFS_DISK "/dev/sda" /* the one disk, as the appliance names it */

typedef struct {
    const char *path;   /* of the disk */
    const char *format; /* "qcow2", "raw": never guessed */
    const char
        *cache_dir;   /* where the appliance is kept between runs, NULL: the library's choice */
    guint memory_mib; /* of the appliance */
    bool emulate;     /* without KVM, whatever the machine seems to have */
} KnGuestfsSpec;

/* Starts the appliance: some seconds without KVM. Errors: UNAVAILABLE: libguestfs is not installed or does not start. */
KnGuestfs *kn_guestfs_new (const KnGuestfsSpec *spec, GError **error);
void kn_guestfs_free (KnGuestfs *fs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnGuestfs, kn_guestfs_free)

/* What the library said last. Borrowed. */
const char *kn_guestfs_why (KnGuestfs *fs);

/* Device names and types in turn ("/dev/sda1", "ntfs", …), NULL-terminated; g_strfreev. NULL: the disk cannot be read. */
char **kn_guestfs_list_filesystems (KnGuestfs *fs);
char **kn_guestfs_list_partitions (KnGuestfs *fs);
/* What blkid(8) takes a device for: "crypto_LUKS"; NULL: it cannot tell. g_free. */
char *kn_guestfs_content (KnGuestfs *fs, const char *device);
/* "gpt", "msdos"; NULL: none. g_free. */
char *kn_guestfs_partition_table (KnGuestfs *fs);
/* The GPT type of a partition in upper case; NULL: none. g_free. */
char *kn_guestfs_partition_type (KnGuestfs *fs, const char *partition);

/* Mounts @device read-only as the only file system. */
bool kn_guestfs_mount (KnGuestfs *fs, const char *device);

/* @path as it is spelled on the disk, following no case ("/windows/system32" -> "/Windows/System32"); NULL: not there. g_free. */
char *kn_guestfs_find (KnGuestfs *fs, const char *path);
bool kn_guestfs_has_file (KnGuestfs *fs, const char *path);
/* Size in bytes, -1: none. */
gint64 kn_guestfs_size (KnGuestfs *fs, const char *path);
/* Up to @max bytes of a file from its start, NUL-terminated; NULL: not readable. g_free. */
char *kn_guestfs_read (KnGuestfs *fs, const char *path, gsize max, gsize *out_len);
char *kn_guestfs_read_device (KnGuestfs *fs, const char *device, guint64 offset, gsize len,
                              gsize *out_len);
/* Where a symbolic link points, NULL: none. g_free. */
char *kn_guestfs_read_link (KnGuestfs *fs, const char *path);

/* A registry hive, one at a time. */
bool kn_guestfs_open_hive (KnGuestfs *fs, const char *path);
void kn_guestfs_close_hive (KnGuestfs *fs);
/* The bytes of value @name under @key ("Microsoft\\Windows NT\\CurrentVersion"), NULL: none; g_free. */
char *kn_guestfs_hive_value (KnGuestfs *fs, const char *key, const char *name, gsize *out_len);
/* Whether @key is there. */
bool kn_guestfs_hive_has (KnGuestfs *fs, const char *key);
