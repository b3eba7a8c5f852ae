/* SPDX-License-Identifier: Apache-2.0 */
/* Readers and the checks of one format each; for format*.c only. */
#pragma once

#include "base/error.h"
#include "image/format.h"

/* Reads exactly @len bytes at @offset; false: not there. */
bool kn_format_read (const KnFormatInput *input, guint64 offset, void *buffer, gsize len);

/* Sets BAD_REQUEST "The data is a <what>: <why>". Always returns false. */
bool kn_format_refuse (GError **error, const char *what, const char *why, ...) G_GNUC_PRINTF (3, 4);

/* Text that a foreign file says, for a message: printable, at most 100 bytes. Caller frees. */
char *kn_format_quote (const char *bytes, gsize len);

/* Whether the whole image is there, so that nothing may be left to a later call. */
static inline bool
kn_format_is_whole (const KnFormatInput *input)
{
    return input->size_bytes > 0;
}

bool kn_format_check_qcow2 (const KnFormatInput *input, KnFormatInfo *info, GError **error);
bool kn_format_check_vmdk (const KnFormatInput *input, KnFormatInfo *info, GError **error);
bool kn_format_check_vmdk_text (const KnFormatInput *input, KnFormatInfo *info, GError **error);
bool kn_format_check_vdi (const KnFormatInput *input, KnFormatInfo *info, GError **error);
bool kn_format_check_vhd (const KnFormatInput *input, KnFormatInfo *info, GError **error);
bool kn_format_check_vhdx (const KnFormatInput *input, KnFormatInfo *info, GError **error);

static inline guint32
kn_be32 (const guint8 *p)
{
    return (guint32)p[0] << 24 | (guint32)p[1] << 16 | (guint32)p[2] << 8 | p[3];
}
static inline guint64
kn_be64 (const guint8 *p)
{
    return (guint64)kn_be32 (p) << 32 | kn_be32 (p + 4);
}
static inline guint32
kn_le32 (const guint8 *p)
{
    return (guint32)p[3] << 24 | (guint32)p[2] << 16 | (guint32)p[1] << 8 | p[0];
}
static inline guint64
kn_le64 (const guint8 *p)
{
    return (guint64)kn_le32 (p + 4) << 32 | kn_le32 (p);
}
