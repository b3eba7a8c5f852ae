/* SPDX-License-Identifier: Apache-2.0 */
/* Detects what an image is from its bytes; one table row a kind of file. */
#include "image/format.h"

#include <string.h>

#include "image/format_priv.h"

typedef struct {
    guint64 offset;
    const char *magic;
    gsize len;
    KnFormat format;
    /* NULL: nothing more to check */
    bool (*check) (const KnFormatInput *input, KnFormatInfo *info, GError **error);
    const char *refused; /* what it is, when that is never taken */
    const char *archive; /* what it is, when only a kernel or ramdisk may be that */
} KnMagic;

typedef struct {
    const char *name, *driver;
} KnFormatRow;

static const KnFormatRow formats[] = {
    [KN_FORMAT_RAW] = { "raw", "raw" },    [KN_FORMAT_QCOW2] = { "qcow2", "qcow2" },
    [KN_FORMAT_VMDK] = { "vmdk", "vmdk" }, [KN_FORMAT_VDI] = { "vdi", "vdi" },
    [KN_FORMAT_VHD] = { "vhd", "vpc" },    [KN_FORMAT_VHDX] = { "vhdx", "vhdx" },
    [KN_FORMAT_ISO] = { "iso", "raw" },    [KN_FORMAT_AMI] = { "ami", "raw" },
    [KN_FORMAT_ARI] = { "ari", "raw" },    [KN_FORMAT_AKI] = { "aki", "raw" },
};
G_STATIC_ASSERT (G_N_ELEMENTS (formats) == KN_FORMAT_N);

const char *
kn_format_name (KnFormat format)
{
    g_return_val_if_fail (format < KN_FORMAT_N, NULL);
    return formats[format].name;
}

const char *
kn_format_driver (KnFormat format)
{
    g_return_val_if_fail (format < KN_FORMAT_N, NULL);
    return formats[format].driver;
}

bool
kn_format_from_string (const char *name, KnFormat *out_format)
{
    for (guint i = 0; i < KN_FORMAT_N; i++) {
        if (g_strcmp0 (name, formats[i].name) == 0) {
            *out_format = i;
            return true;
        }
    }
    return false;
}

bool
kn_format_read (const KnFormatInput *input, guint64 offset, void *buffer, gsize len)
{
    return input->read (input->data, offset, buffer, len) == len;
}

bool
kn_format_refuse (GError **error, const char *what, const char *why, ...)
{
    va_list args;

    va_start (args, why);
    g_autofree char *reason = g_strdup_vprintf (why, args);
    va_end (args);

    kn_error_public (error, KN_ERROR_BAD_REQUEST, "The data is a %s that is refused: %s.", what,
                     reason);
    return false;
}

char *
kn_format_quote (const char *bytes, gsize len)
{
    gsize n = strnlen (bytes, MIN (len, 100));
    char *text = g_strndup (bytes, n);

    for (gsize i = 0; i < n; i++) {
        if (!g_ascii_isprint (text[i]) || text[i] == '\'')
            text[i] = '?';
    }
    return text;
}

#define MAGIC(OFFSET, BYTES) .offset = OFFSET, .magic = BYTES, .len = sizeof (BYTES) - 1

static const KnMagic magics[] = {
    { MAGIC (0, "QFI\xfb"), .format = KN_FORMAT_QCOW2, .check = kn_format_check_qcow2 },
    { MAGIC (0, "KDMV"), .format = KN_FORMAT_VMDK, .check = kn_format_check_vmdk },
    { MAGIC (0, "COWD"), .refused = "VMDK of the old COWD kind" },
    { MAGIC (64, "\x7f\x10\xda\xbe"), .format = KN_FORMAT_VDI, .check = kn_format_check_vdi },
    { MAGIC (0, "conectix"), .format = KN_FORMAT_VHD, .check = kn_format_check_vhd },
    { MAGIC (0, "vhdxfile"), .format = KN_FORMAT_VHDX, .check = kn_format_check_vhdx },
    { MAGIC (0, "QED\0"), .refused = "QED disk image" },
    { MAGIC (0, "LUKS\xba\xbe"), .refused = "LUKS-encrypted disk image" },
    { MAGIC (0, "WithoutFreeSpace"), .refused = "Parallels disk image" },
    { MAGIC (0, "WithouFreSpacExt"), .refused = "Parallels disk image" },
    { MAGIC (0, "Bochs Virtual HD Image"), .refused = "Bochs disk image" },
    { MAGIC (0, "#!/bin/sh\n#V2.0 Format"), .refused = "cloop disk image" },
    { MAGIC (0, "\x1f\x8b\x08"), .archive = "gzip-compressed file" },
    { MAGIC (0, "\xfd"
                "7zXZ\0"),
      .archive = "xz-compressed file" },
    { MAGIC (0, "\x28\xb5\x2f\xfd"), .archive = "zstd-compressed file" },
    { MAGIC (0, "BZh91AY&SY"), .archive = "bzip2-compressed file" },
    { MAGIC (0, "PK\x03\x04"), .archive = "zip archive" },
    { MAGIC (0, "7z\xbc\xaf\x27\x1c"), .archive = "7z archive" },
    { MAGIC (257, "ustar"), .archive = "tar archive (an OVA, perhaps)" },
    { MAGIC (0, "<!DOCTYPE"), .archive = "web page" },
    { MAGIC (0, "<!doctype"), .archive = "web page" },
    { MAGIC (0, "<html"), .archive = "web page" },
    { MAGIC (32769, "CD001"), .format = KN_FORMAT_ISO },
};

static bool
magic_matches (const KnFormatInput *input, const KnMagic *row)
{
    guint8 bytes[32];

    g_assert (row->len <= sizeof bytes);
    return kn_format_read (input, row->offset, bytes, row->len)
           && memcmp (bytes, row->magic, row->len) == 0;
}

static bool
has_vhd_footer (const KnFormatInput *input)
{
    char cookie[8];

    return input->size_bytes >= 1024
           && kn_format_read (input, input->size_bytes - 512, cookie, sizeof cookie)
           && memcmp (cookie, "conectix", sizeof cookie) == 0;
}

static bool
apply_magic (const KnMagic *row, const KnFormatInput *input, KnFormatInfo *info, GError **error)
{
    if (row->refused)
        return kn_format_refuse (error, row->refused, "this kind is not supported");

    info->format = row->archive ? KN_FORMAT_RAW : row->format;
    info->archive = row->archive;
    info->virtual_size_bytes = input->size_bytes;
    return row->check ? row->check (input, info, error) : true;
}

bool
kn_format_detect (const KnFormatInput *input, KnFormatInfo *out_info, GError **error)
{
    KnFormatInfo info = { .format = KN_FORMAT_RAW, .virtual_size_bytes = input->size_bytes };

    for (guint i = 0; i < G_N_ELEMENTS (magics); i++) {
        if (!magic_matches (input, &magics[i]))
            continue;
        if (!apply_magic (&magics[i], input, &info, error))
            return false;
        *out_info = info;
        return true;
    }

    if (!kn_format_check_vmdk_text (input, &info, error))
        return false;

    info.vhd_footer = has_vhd_footer (input);
    *out_info = info;
    return true;
}

static bool
is_amazon_kind (KnFormat format)
{
    return format == KN_FORMAT_AMI || format == KN_FORMAT_ARI || format == KN_FORMAT_AKI;
}

bool
kn_format_resolve (KnFormat declared, const KnFormatInfo *info, KnFormat *out_format,
                   GError **error)
{
    if (info->archive && !is_amazon_kind (declared))
        return kn_format_refuse (error, info->archive,
                                 "a disk image is wanted, so unpack or fetch the disk itself");

    if (info->format == declared) {
        *out_format = declared;
        return true;
    }
    if (info->format == KN_FORMAT_RAW) {
        bool keep = is_amazon_kind (declared) || (declared == KN_FORMAT_VHD && info->vhd_footer);
        *out_format = keep ? declared : KN_FORMAT_RAW;
        return true;
    }
    /* a hybrid ISO is a disk too */
    if (info->format == KN_FORMAT_ISO && declared == KN_FORMAT_RAW) {
        *out_format = KN_FORMAT_RAW;
        return true;
    }

    kn_error_public (error, KN_ERROR_BAD_REQUEST,
                     "The image is declared as '%s' but its data is '%s'. Set disk_format to '%s' "
                     "and upload again.",
                     formats[declared].name, formats[info->format].name,
                     formats[info->format].name);
    return false;
}
