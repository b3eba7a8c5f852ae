/* SPDX-License-Identifier: Apache-2.0 */
/* Linux: os-release(5), the zone, what the hardware clock keeps, agent and cloud-init. */
#include <string.h>

#include "inspect/inspect_priv.h"

#define MAX_TEXT_FILE (64 * (gsize)1024)
#define ZONE_FOLDER "zoneinfo/"

static char *
unquote (const char *value)
{
    gsize len = strlen (value);
    bool quoted = len >= 2 && (*value == '"' || *value == '\'') && value[len - 1] == *value;
    return quoted ? g_strndup (value + 1, len - 2) : g_strdup (value);
}

/* The value of @key in lines KEY=value; NULL: none. */
static char *
find_assignment (const char *text, const char *key)
{
    g_auto (GStrv) lines = g_strsplit (text, "\n", 200);
    gsize len = strlen (key);
    for (char **line = lines; *line; line++)
        if (strncmp (g_strstrip (*line), key, len) == 0 && (*line)[len] == '=')
            return unquote (*line + len + 1);
    return NULL;
}

static char *
take_assignment (KnInspection *found, const char *fact, const char *file, const char *text,
                 const char *key)
{
    char *value = find_assignment (text, key);
    if (value)
        kn_inspection_note (found, fact, file, key, value);
    return value;
}

static bool
read_release (KnGuestfs *fs, KnInspection *found)
{
    const char *const files[] = { "/etc/os-release", "/usr/lib/os-release" };
    for (gsize i = 0; i < G_N_ELEMENTS (files); i++) {
        gsize len = 0;
        g_autofree char *text = kn_guestfs_read (fs, files[i], MAX_TEXT_FILE, &len);
        g_autofree char *valid = text ? g_utf8_make_valid (text, -1) : NULL;
        if (!valid || !strchr (valid, '='))
            continue;
        found->distro = take_assignment (found, "os.distro", files[i], valid, "ID");
        found->version = take_assignment (found, "os.version", files[i], valid, "VERSION_ID");
        found->product = take_assignment (found, "os.product", files[i], valid, "PRETTY_NAME");
        if (found->distro)
            kn_inspection_note (found, "os.family", files[i], "ID", found->distro);
        return found->distro != NULL;
    }
    return false;
}

static void
read_zone (KnGuestfs *fs, KnInspection *found)
{
    g_autofree char *link = kn_guestfs_read_link (fs, "/etc/localtime");
    const char *zone = link ? strstr (link, ZONE_FOLDER) : NULL;
    if (zone) {
        found->zone = g_strdup (zone + strlen (ZONE_FOLDER));
        kn_inspection_note (found, "clock.timezone", "/etc/localtime", "link", link);
        return;
    }
    gsize len = 0;
    g_autofree char *text = kn_guestfs_read (fs, "/etc/timezone", 256, &len);
    if (!text || !g_utf8_validate (text, -1, NULL) || !*g_strstrip (text))
        return;
    found->zone = g_strdup (text);
    kn_inspection_note (found, "clock.timezone", "/etc/timezone", "text", text);
}

/* The third line of adjtime (hwclock(8)) is UTC or LOCAL. */
static void
read_adjtime (KnGuestfs *fs, KnInspection *found)
{
    gsize len = 0;
    g_autofree char *text = kn_guestfs_read (fs, "/etc/adjtime", 1024, &len);
    g_auto (GStrv) lines = text ? g_strsplit (text, "\n", 4) : NULL;
    if (!lines || g_strv_length (lines) < 3)
        return;
    const char *mode = g_strstrip (lines[2]);
    found->has_universal = strcmp (mode, "UTC") == 0 || strcmp (mode, "LOCAL") == 0;
    found->universal = strcmp (mode, "UTC") == 0;
    if (found->has_universal)
        kn_inspection_note (found, "clock.universal", "/etc/adjtime", "line 3", mode);
}

static KnFound
look_for (KnGuestfs *fs, KnInspection *found, const char *fact, const char *const *files)
{
    for (gsize i = 0; files[i]; i++)
        if (kn_guestfs_has_file (fs, files[i])) {
            kn_inspection_note (found, fact, files[i], "file", "there");
            return KN_FOUND_YES;
        }
    return KN_FOUND_NO;
}

const char *
kn_inspect_elf_machine (const void *bytes, gsize len)
{
    /* e_machine of elf(5), in the byte order that e_ident names */
    static const struct {
        guint16 code;
        const char *arch;
    } machines[] = { { 3, "i686" },    { 21, "ppc64" },    { 22, "s390x" },   { 40, "armv7l" },
                     { 62, "x86_64" }, { 183, "aarch64" }, { 243, "riscv64" } };
    const guint8 *head = bytes;
    if (len < 20 || memcmp (head, "\177ELF", 4) != 0)
        return NULL;
    guint16 code = (guint16)(head[5] == 2 ? head[18] << 8 | head[19] : head[19] << 8 | head[18]);
    for (gsize i = 0; i < G_N_ELEMENTS (machines); i++)
        if (machines[i].code == code)
            return code == 21 && head[5] == 1 ? "ppc64le" : machines[i].arch;
    return NULL;
}

static void
read_architecture (KnGuestfs *fs, KnInspection *found)
{
    const char *const programs[] = { "/bin/sh", "/usr/bin/env", "/sbin/init" };
    for (gsize i = 0; i < G_N_ELEMENTS (programs) && !found->arch; i++) {
        gsize len = 0;
        g_autofree char *head = kn_guestfs_read (fs, programs[i], 64, &len);
        const char *arch = head ? kn_inspect_elf_machine (head, len) : NULL;
        if (!arch)
            continue;
        found->arch = g_strdup (arch);
        kn_inspection_note (found, "os.architecture", programs[i], "e_machine", arch);
    }
}

bool
kn_inspect_linux (KnGuestfs *fs, KnInspection *found)
{
    static const char *const agents[] = { "/usr/sbin/qemu-ga", "/usr/bin/qemu-ga", NULL };
    static const char *const inits[] = { "/usr/bin/cloud-init", "/usr/local/bin/cloud-init", NULL };
    if (!read_release (fs, found))
        return false;
    found->family = g_strdup ("linux");
    read_zone (fs, found);
    read_adjtime (fs, found);
    read_architecture (fs, found);
    found->agent = look_for (fs, found, "agent", agents);
    found->cloud_init = look_for (fs, found, "cloud_init", inits);
    return true;
}
