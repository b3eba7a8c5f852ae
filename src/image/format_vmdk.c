/* SPDX-License-Identifier: Apache-2.0 */
/* VMDK: a single sparse extent that holds its own descriptor is taken; anything that names another file is not. */
#include <string.h>

#include "image/format_priv.h"

#define SECTOR 512
#define DESCRIPTOR_MAX (64 * 1024)

static const char *const self_contained[] = { "monolithicSparse", "streamOptimized", NULL };

/* The value of "key=value" or "key = "value"" in @line if that is @key; caller frees. */
static char *
value_of (const char *line, const char *key)
{
    gsize len = strlen (key);

    if (g_ascii_strncasecmp (line, key, len) != 0)
        return NULL;

    const char *p = line + len;
    while (*p == ' ' || *p == '\t')
        p++;
    if (*p++ != '=')
        return NULL;

    g_autofree char *value = g_strstrip (g_strdup (p));
    gsize n = strlen (value);
    if (n >= 2 && value[0] == '"' && value[n - 1] == '"')
        return g_strndup (value + 1, n - 2);
    return g_steal_pointer (&value);
}

static bool
is_extent (const char *line)
{
    static const char *const access[] = { "RW ", "RDONLY ", "NOACCESS ", NULL };

    for (guint i = 0; access[i]; i++) {
        if (g_ascii_strncasecmp (line, access[i], strlen (access[i])) == 0)
            return true;
    }
    return false;
}

static bool
check_line (const char *line, guint *n_extents, bool *typed, GError **error)
{
    g_autofree char *type = value_of (line, "createType");
    g_autofree char *parent = value_of (line, "parentCID");

    if (type) {
        g_autofree char *quoted = kn_format_quote (type, strlen (type));
        *typed = true;
        if (!g_strv_contains (self_contained, type))
            return kn_format_refuse (error, "VMDK image", "its type '%s' keeps data in other files",
                                     quoted);
    }
    if (parent && g_ascii_strcasecmp (parent, "ffffffff") != 0)
        return kn_format_refuse (error, "VMDK image", "it has a parent disk");
    if (g_ascii_strncasecmp (line, "parentFileNameHint", 18) == 0)
        return kn_format_refuse (error, "VMDK image", "it has a parent disk");
    if (is_extent (line) && ++*n_extents > 1)
        return kn_format_refuse (error, "VMDK image", "it has foreign extents");
    if (is_extent (line) && !strstr (line, " SPARSE "))
        return kn_format_refuse (error, "VMDK image", "it has foreign extents");
    return true;
}

static bool
check_descriptor (const char *text, GError **error)
{
    g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
    guint n_extents = 0;
    bool typed = false;

    for (guint i = 0; lines[i]; i++) {
        if (!check_line (g_strstrip (lines[i]), &n_extents, &typed, error))
            return false;
    }
    if (!typed)
        return kn_format_refuse (error, "VMDK image", "its descriptor does not say its type");
    return true;
}

bool
kn_format_check_vmdk (const KnFormatInput *input, KnFormatInfo *info, GError **error)
{
    guint8 raw[SECTOR];

    if (!kn_format_read (input, 0, raw, sizeof raw))
        return kn_format_refuse (error, "VMDK image", "its header is cut short");

    guint32 version = kn_le32 (raw + 4);
    guint64 capacity = kn_le64 (raw + 12);
    guint64 offset = kn_le64 (raw + 28), sectors = kn_le64 (raw + 36);
    if (version < 1 || version > 3)
        return kn_format_refuse (error, "VMDK image", "its version %u is unknown", version);
    if (capacity > G_MAXINT64 / SECTOR)
        return kn_format_refuse (error, "VMDK image", "its size is out of range");
    if (offset == 0 || sectors == 0)
        return kn_format_refuse (error, "VMDK image",
                                 "it has no descriptor of its own, so it is part of another one");
    if (offset > G_MAXINT32 || sectors > DESCRIPTOR_MAX / SECTOR)
        return kn_format_refuse (error, "VMDK image", "its descriptor is out of range");

    gsize len = sectors * SECTOR;
    g_autofree char *text = g_malloc0 (len + 1);
    gsize got = input->read (input->data, offset * SECTOR, text, len);
    if (got < len && kn_format_is_whole (input))
        return kn_format_refuse (error, "VMDK image", "its descriptor is cut short");

    info->virtual_size_bytes = capacity * SECTOR;
    return got < len ? true : check_descriptor (text, error);
}

/* Comments and empty lines, then "version=": the text file that describes extents in other files. */
bool
kn_format_check_vmdk_text (const KnFormatInput *input, KnFormatInfo *info, GError **error)
{
    char text[4096 + 1];
    gsize got = input->read (input->data, 0, text, sizeof text - 1);
    const char *p = text;

    text[got] = '\0';
    if (strlen (text) < got)
        got = strlen (text);
    if (g_ascii_strncasecmp (text, "# Disk DescriptorFile", 21) == 0)
        return kn_format_refuse (error, "VMDK descriptor",
                                 "its data is in other files; upload a single-file VMDK");
    while (*p == '#' || *p == ' ' || *p == '\r' || *p == '\n') {
        const char *end = *p == '#' ? strchr (p, '\n') : p;
        if (!end)
            return true;
        p = end + 1;
    }
    if (g_str_has_prefix (p, "version=") && g_ascii_isdigit (p[8]))
        return kn_format_refuse (error, "VMDK descriptor",
                                 "its data is in other files; upload a single-file VMDK");
    return true;
}
