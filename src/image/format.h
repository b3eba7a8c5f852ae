/* SPDX-License-Identifier: Apache-2.0 */
/* What the bytes of an image are, and whether a hypervisor may be handed them. Pure: reads only through a callback. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum {
    KN_FORMAT_RAW,
    KN_FORMAT_QCOW2,
    KN_FORMAT_VMDK,
    KN_FORMAT_VDI,
    KN_FORMAT_VHD,
    KN_FORMAT_VHDX,
    KN_FORMAT_ISO,
    KN_FORMAT_AMI,
    KN_FORMAT_ARI,
    KN_FORMAT_AKI,
    KN_FORMAT_N
} KnFormat;

/* Bytes from the start that say the kind of an image, and enough to refuse a qcow2. */
#define KN_FORMAT_HEAD (64 * (gsize)1024)

typedef struct {
    /* Reads up to @len bytes at @offset, returns how many there were; fewer at the end of what there is. */
    gsize (*read) (gpointer data, guint64 offset, void *buffer, gsize len);
    gpointer data;
    guint64 size_bytes; /* of the whole image; 0 while it is still arriving */
} KnFormatInput;

typedef struct {
    KnFormat format;
    guint64 virtual_size_bytes; /* what a guest sees; 0 when it is not known yet */
    bool vhd_footer;            /* raw bytes that end like a fixed VHD */
    const char
        *archive; /* "gzip-compressed data": nothing that boots, though a kernel may be; or NULL */
} KnFormatInfo;

const char *kn_format_name (KnFormat format);
bool kn_format_from_string (const char *name, KnFormat *out_format);

/* The driver that QEMU reads @format with: "raw", "qcow2", "vmdk", "vdi", "vpc", "vhdx". Static. */
const char *kn_format_driver (KnFormat format);

/* Detects the format and refuses what points outside of itself, is encrypted or is damaged. While the image is still arriving
 * (.size_bytes 0), what cannot be judged yet is left to the call at the end. Errors (public): BAD_REQUEST saying what was found. */
bool kn_format_detect (const KnFormatInput *input, KnFormatInfo *out_info, GError **error);

/* Settles what the client declared with what was found: data that has no format of its own is `raw` whatever was declared
 * (but kernels and disks of Amazon's kinds stay what they are); other disagreement is refused. Errors (public): BAD_REQUEST. */
bool kn_format_resolve (KnFormat declared, const KnFormatInfo *info, KnFormat *out_format,
                        GError **error);
