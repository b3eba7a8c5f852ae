/* SPDX-License-Identifier: Apache-2.0 */
/* Inside this folder: what is looked for in a mounted file system. */
#pragma once

#include "inspect/guestfs.h"
#include "inspect/inspection.h"

/* Whether the mounted file system holds a Windows (Linux); what it says is written to @found. @device: where it lies. */
bool kn_inspect_windows (KnGuestfs *fs, const char *device, KnInspection *found);
bool kn_inspect_linux (KnGuestfs *fs, KnInspection *found);

/* What the machine code of an ELF header stands for ("x86_64"); NULL: no ELF header, or not known. Static. */
const char *kn_inspect_elf_machine (const void *bytes, gsize len);

/* Whether the flags of an NTFS volume say that it was not unmounted cleanly. @boot: its first 512 bytes; @record: bytes from
 * offset kn_ntfs_volume_offset() on. Pure; both may be hostile. (NTFS: record 3 of the master file table is $Volume.) */
guint64 kn_ntfs_volume_offset (const void *boot, gsize len);
bool kn_ntfs_is_dirty (const void *record, gsize len);
#define KN_NTFS_RECORD 1024
