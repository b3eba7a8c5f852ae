/* SPDX-License-Identifier: Apache-2.0 */
/* VDI, VHD and VHDX: sizes, and that none of them is a difference to a parent disk. */
#include <string.h>

#include "image/format_priv.h"

bool
kn_format_check_vdi (const KnFormatInput *input, KnFormatInfo *info, GError **error)
{
    static const guint8 none[16] = { 0 };
    guint8 raw[512];

    if (!kn_format_read (input, 0, raw, sizeof raw))
        return kn_format_refuse (error, "VDI image", "its header is cut short");

    guint32 version = kn_le32 (raw + 68), type = kn_le32 (raw + 76);
    guint64 size = kn_le64 (raw + 368);
    if (version != 0x00010001)
        return kn_format_refuse (error, "VDI image", "its version %u.%u is unknown", version >> 16,
                                 version & 0xffff);
    if (type != 1 && type != 2)
        return kn_format_refuse (error, "VDI image",
                                 "it is neither dynamic nor fixed, so it stands on another disk");
    /* the UUID of the parent's last snapshot, then that of the parent */
    if (memcmp (raw + 424, none, 16) != 0 || memcmp (raw + 440, none, 16) != 0)
        return kn_format_refuse (error, "VDI image", "it has a parent disk");
    if (size > G_MAXINT64)
        return kn_format_refuse (error, "VDI image", "its size is out of range");

    info->virtual_size_bytes = size;
    return true;
}

bool
kn_format_check_vhd (const KnFormatInput *input, KnFormatInfo *info, GError **error)
{
    guint8 raw[512];

    if (!kn_format_read (input, 0, raw, sizeof raw))
        return kn_format_refuse (error, "VHD image", "its header is cut short");

    guint32 type = kn_be32 (raw + 60);
    guint64 size = kn_be64 (raw + 48);
    if (type == 4)
        return kn_format_refuse (error, "VHD image", "it is a difference to a parent disk");
    if (type != 2 && type != 3)
        return kn_format_refuse (error, "VHD image", "its type %u is unknown", type);
    if (size > G_MAXINT64)
        return kn_format_refuse (error, "VHD image", "its size is out of range");

    info->virtual_size_bytes = size;
    return true;
}

/* VHDX ([MS-VHDX]): region table at 192 KiB, in it the metadata region, in that the items. GUIDs as they lie in the file. */
static const guint8 region_metadata[16] = { 0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
                                            0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e };
static const guint8 item_parameters[16] = { 0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d,
                                            0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b };
static const guint8 item_size[16] = { 0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48,
                                      0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8 };
static const guint8 item_parent[16] = { 0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45,
                                        0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c };

#define VHDX_REGION_TABLE (192 * 1024)
#define VHDX_MAX_ENTRIES 2047

/* Finds where the metadata region begins; 0: nowhere. */
static guint64
find_metadata (const KnFormatInput *input)
{
    guint8 head[16], entry[32];

    if (!kn_format_read (input, VHDX_REGION_TABLE, head, sizeof head)
        || memcmp (head, "regi", 4) != 0)
        return 0;

    guint32 n = MIN (kn_le32 (head + 8), VHDX_MAX_ENTRIES);
    for (guint32 i = 0; i < n; i++) {
        if (!kn_format_read (input, VHDX_REGION_TABLE + 16 + (guint64)i * 32, entry, sizeof entry))
            return 0;
        if (memcmp (entry, region_metadata, 16) == 0)
            return kn_le64 (entry + 16);
    }
    return 0;
}

static bool
check_item (const KnFormatInput *input, guint64 base, const guint8 *entry, KnFormatInfo *info,
            GError **error)
{
    guint8 value[8] = { 0 };
    guint64 at = base + kn_le32 (entry + 16);

    if (memcmp (entry, item_parent, 16) == 0)
        return kn_format_refuse (error, "VHDX image", "it has a parent disk");
    if (memcmp (entry, item_parameters, 16) == 0) {
        if (!kn_format_read (input, at, value, sizeof value))
            return kn_format_refuse (error, "VHDX image", "its metadata is cut short");
        if (kn_le32 (value + 4) & 2)
            return kn_format_refuse (error, "VHDX image", "it has a parent disk");
    }
    if (memcmp (entry, item_size, 16) == 0) {
        if (!kn_format_read (input, at, value, sizeof value))
            return kn_format_refuse (error, "VHDX image", "its metadata is cut short");
        info->virtual_size_bytes = kn_le64 (value);
    }
    return true;
}

bool
kn_format_check_vhdx (const KnFormatInput *input, KnFormatInfo *info, GError **error)
{
    guint8 head[32], entry[32];

    info->virtual_size_bytes = 0;
    if (!kn_format_is_whole (input))
        return true;

    guint64 base = find_metadata (input);
    if (base == 0 || base > G_MAXINT64 || !kn_format_read (input, base, head, sizeof head)
        || memcmp (head, "metadata", 8) != 0)
        return kn_format_refuse (error, "VHDX image", "its metadata is missing");

    guint32 n = MIN (head[10] | (guint32)head[11] << 8, VHDX_MAX_ENTRIES);
    for (guint32 i = 0; i < n; i++) {
        if (!kn_format_read (input, base + 32 + (guint64)i * 32, entry, sizeof entry))
            return kn_format_refuse (error, "VHDX image", "its metadata is cut short");
        if (!check_item (input, base, entry, info, error))
            return false;
    }
    if (info->virtual_size_bytes == 0 || info->virtual_size_bytes > G_MAXINT64)
        return kn_format_refuse (error, "VHDX image", "its size is out of range");
    return true;
}
