/* SPDX-License-Identifier: Apache-2.0 */
/* The flags of an NTFS volume. Layout of boot sector and file records: the Linux kernel's fs/ntfs3/ntfs.h. */
#include <string.h>

#include "inspect/inspect_priv.h"

#define RECORD_VOLUME 3
#define ATTRIBUTE_VOLUME_INFORMATION 0x70
#define ATTRIBUTE_END 0xffffffff
#define VOLUME_DIRTY 0x0001
#define MAX_CLUSTER (2 * 1024 * 1024)

static guint16
get16 (const guint8 *bytes, gsize at)
{
    return (guint16)(bytes[at] | bytes[at + 1] << 8);
}

static guint32
get32 (const guint8 *bytes, gsize at)
{
    return get16 (bytes, at) | (guint32)get16 (bytes, at + 2) << 16;
}

static guint64
get64 (const guint8 *bytes, gsize at)
{
    return get32 (bytes, at) | (guint64)get32 (bytes, at + 4) << 32;
}

/* 0: no NTFS. Sizes above 128 are powers of two, written as negative numbers. */
guint64
kn_ntfs_volume_offset (const void *boot, gsize len)
{
    const guint8 *bytes = boot;
    if (len < 512 || memcmp (bytes + 3, "NTFS    ", 8) != 0)
        return 0;
    guint64 sector = get16 (bytes, 0x0b), cluster = bytes[0x0d], record;
    if (cluster > 128)
        cluster = 256 - cluster < 32 ? (guint64)1 << (256 - cluster) : 0;
    cluster *= sector;
    gint8 per_record = (gint8)bytes[0x40];
    record = per_record > 0 ? (guint64)per_record * cluster
                            : (per_record > -24 ? (guint64)1 << -per_record : 0);
    guint64 table = get64 (bytes, 0x30);
    if (cluster == 0 || cluster > MAX_CLUSTER || record == 0 || record > MAX_CLUSTER
        || table > G_MAXINT64 / MAX_CLUSTER / 2)
        return 0;
    return table * cluster + RECORD_VOLUME * record;
}

bool
kn_ntfs_is_dirty (const void *record, gsize len)
{
    const guint8 *bytes = record;
    if (len < 0x30 || memcmp (bytes, "FILE", 4) != 0)
        return false;
    for (gsize at = get16 (bytes, 0x14); at + 0x18 <= len;) {
        guint32 type = get32 (bytes, at), size = get32 (bytes, at + 4);
        gsize value = at + get16 (bytes, at + 0x14);
        if (type == ATTRIBUTE_VOLUME_INFORMATION && value + 12 <= len)
            return get16 (bytes, value + 10) & VOLUME_DIRTY;
        if (type == ATTRIBUTE_END || size < 0x18)
            return false;
        at += size;
    }
    return false;
}
