/* SPDX-License-Identifier: Apache-2.0 */
/* The header of a qcow2 (QEMU's docs/interop/qcow2): what it may say, and that it points to nothing outside of itself. */
#include <string.h>

#include "image/format_priv.h"

enum {
    FEATURE_CORRUPT = 1 << 1,
    FEATURE_DATA_FILE = 1 << 2,
    FEATURE_COMPRESSION = 1 << 3,
    /* dirty, corrupt, data file, compression type, extended L2 entries */
    FEATURES_KNOWN = 0x1f,
};

typedef struct {
    guint32 version, backing_len, cluster_bits, crypt, l1_entries, header_len;
    guint64 backing_offset, size, l1_offset, refcount_offset, incompatible;
    guint8 compression;
} Qcow2;

static bool
read_header (const KnFormatInput *input, Qcow2 *h)
{
    guint8 raw[112] = { 0 };

    if (!kn_format_read (input, 0, raw, 72))
        return false;

    *h = (Qcow2){ .version = kn_be32 (raw + 4),
                  .backing_offset = kn_be64 (raw + 8),
                  .backing_len = kn_be32 (raw + 16),
                  .cluster_bits = kn_be32 (raw + 20),
                  .size = kn_be64 (raw + 24),
                  .crypt = kn_be32 (raw + 32),
                  .l1_entries = kn_be32 (raw + 36),
                  .l1_offset = kn_be64 (raw + 40),
                  .refcount_offset = kn_be64 (raw + 48),
                  .header_len = 72 };
    if (h->version < 3)
        return true;
    if (!kn_format_read (input, 72, raw + 72, 32))
        return false;

    h->incompatible = kn_be64 (raw + 72);
    h->header_len = kn_be32 (raw + 100);
    if (h->header_len > 104 && kn_format_read (input, 104, raw + 104, 1))
        h->compression = raw[104];
    return true;
}

static bool
refuse_backing (const KnFormatInput *input, const Qcow2 *h, GError **error)
{
    char name[100] = "";
    gsize got
        = input->read (input->data, h->backing_offset, name, MIN (h->backing_len, sizeof name));
    g_autofree char *quoted = kn_format_quote (name, got);

    return kn_format_refuse (error, "qcow2 image", "it has a backing file '%s'", quoted);
}

static bool
check_features (const Qcow2 *h, GError **error)
{
    if (h->incompatible & FEATURE_DATA_FILE)
        return kn_format_refuse (error, "qcow2 image", "its data is in an external data file");
    if (h->incompatible & ~(guint64)FEATURES_KNOWN)
        return kn_format_refuse (
            error, "qcow2 image",
            "it needs unknown features (incompatible bits 0x%" G_GINT64_MODIFIER "x)",
            h->incompatible & ~(guint64)FEATURES_KNOWN);
    if (h->incompatible & FEATURE_CORRUPT)
        return kn_format_refuse (error, "qcow2 image", "it is marked as corrupt");
    if (h->crypt != 0)
        return kn_format_refuse (error, "qcow2 image", "it is encrypted");
    if (h->compression > 1 || (h->compression != 0 && !(h->incompatible & FEATURE_COMPRESSION)))
        return kn_format_refuse (error, "qcow2 image", "its compression type is unknown");
    return true;
}

static bool
check_layout (const KnFormatInput *input, const Qcow2 *h, GError **error)
{
    if (h->cluster_bits < 9 || h->cluster_bits > 21)
        return kn_format_refuse (error, "qcow2 image", "its cluster size is out of range");

    guint64 cluster = (guint64)1 << h->cluster_bits;
    if (h->version >= 3 && (h->header_len < 104 || h->header_len > cluster || h->header_len % 8))
        return kn_format_refuse (error, "qcow2 image", "its header length is out of range");
    if (h->size > (guint64)1 << 56 || h->l1_entries > 32 * 1024 * 1024 / 8)
        return kn_format_refuse (error, "qcow2 image", "its size is out of range");
    if (h->l1_offset % cluster || h->refcount_offset % cluster || h->refcount_offset == 0)
        return kn_format_refuse (error, "qcow2 image", "its tables are out of place");

    if (!kn_format_is_whole (input))
        return true;

    /* Wholly zero images may have no L1 table allocated, but those that have one must contain it. */
    guint64 l1_end = h->l1_offset + (guint64)h->l1_entries * 8;
    if (l1_end < h->l1_offset || l1_end > input->size_bytes
        || h->refcount_offset >= input->size_bytes)
        return kn_format_refuse (error, "qcow2 image",
                                 "its tables lie beyond its end, so it is cut short");
    return true;
}

bool
kn_format_check_qcow2 (const KnFormatInput *input, KnFormatInfo *info, GError **error)
{
    Qcow2 h;

    if (!read_header (input, &h))
        return kn_format_refuse (error, "qcow2 image", "its header is cut short");
    if (h.version == 1)
        return kn_format_refuse (error, "qcow image of version 1",
                                 "only versions 2 and 3 are taken");
    if (h.version != 2 && h.version != 3)
        return kn_format_refuse (error, "qcow2 image", "its version %u is unknown", h.version);
    if (h.backing_offset != 0)
        return refuse_backing (input, &h, error);
    if (!check_features (&h, error) || !check_layout (input, &h, error))
        return false;

    info->virtual_size_bytes = h.size;
    return true;
}
