/* SPDX-License-Identifier: Apache-2.0 */
/* What is known about Windows versions and editions. Sockets: the number that the edition's licence lets the kernel use
 * (Microsoft's edition comparisons; measured for Windows 10 by reading Kernel-RegisteredProcessors; 64 for servers from 2012
 * on). UEFI, Secure Boot and TPM: Windows 11 requires them, 2022 and 2025 are certified with them. */
#include <string.h>

#include "guest/guest_priv.h"

static const KnWindows versions[] = {
    { "vista", KN_WINDOWS_VISTA, false }, { "2008", KN_WINDOWS_VISTA, false },
    { "7", KN_WINDOWS_7, false },         { "2008r2", KN_WINDOWS_7, false },
    { "8", KN_WINDOWS_8, false },         { "2012", KN_WINDOWS_8, false },
    { "8.1", KN_WINDOWS_8, false },       { "2012r2", KN_WINDOWS_8, false },
    { "10", KN_WINDOWS_10, false },       { "2016", KN_WINDOWS_10, false },
    { "2019", KN_WINDOWS_10, false },     { "11", KN_WINDOWS_11, true },
    { "2022", KN_WINDOWS_11, true },      { "2025", KN_WINDOWS_11, true },
};

static const struct {
    const char *version, *edition;
    guint sockets;
} limits[] = {
    { "7", "home", 1 },
    { "7", "homebasic", 1 },
    { "7", "homepremium", 1 },
    { "7", "professional", 2 },
    { "7", "pro", 2 },
    { "7", "enterprise", 2 },
    { "7", "ultimate", 2 },
    { "2008r2", "foundation", 1 },
    { "2008r2", "standard", 4 },
    { "2008r2", "enterprise", 8 },
    { "2008r2", "datacenter", 64 },
    { "8.1", "core", 1 },
    { "8.1", "pro", 2 },
    { "8.1", "enterprise", 2 },
    { "10", "home", 1 },
    { "10", "pro", 2 },
    { "10", "professional", 2 },
    { "10", "education", 2 },
    { "10", "enterprise", 4 },
    { "10", "proworkstation", 4 },
    { "11", "home", 1 },
    { "11", "pro", 2 },
    { "11", "professional", 2 },
    { "11", "education", 2 },
    { "11", "enterprise", 4 },
    { "11", "proworkstation", 4 },
    { "2012", NULL, 64 },
    { "2012r2", NULL, 64 },
    { "2016", NULL, 64 },
    { "2019", NULL, 64 },
    { "2022", NULL, 64 },
    { "2025", NULL, 64 },
};

/* "Windows Server 2008 R2" and "2008r2" are the same: lower case, without spaces, dots kept, prefixes dropped. */
static char *
normalise (const char *text)
{
    const char *const prefixes[] = { "microsoft", "windows", "server", "win" };
    GString *out = g_string_new (NULL);
    for (const char *c = text; *c && out->len < 64; c++)
        if (g_ascii_isalnum (*c) || *c == '.')
            g_string_append_c (out, g_ascii_tolower (*c));
    for (gsize i = 0; i < G_N_ELEMENTS (prefixes); i++)
        if (g_str_has_prefix (out->str, prefixes[i]))
            g_string_erase (out, 0, (gssize)strlen (prefixes[i]));
    return g_string_free (out, FALSE);
}

const KnWindows *
kn_windows_find (const char *version)
{
    if (!version)
        return NULL;
    g_autofree char *name = normalise (version);
    for (gsize i = 0; i < G_N_ELEMENTS (versions); i++)
        if (strcmp (versions[i].name, name) == 0)
            return &versions[i];
    return NULL;
}

guint
kn_windows_max_sockets (const char *version, const char *edition)
{
    const KnWindows *windows = kn_windows_find (version);
    if (!windows)
        return 0;
    g_autofree char *name = normalise (edition ? edition : "");
    for (gsize i = 0; i < G_N_ELEMENTS (limits); i++)
        if (strcmp (limits[i].version, windows->name) == 0
            && (!limits[i].edition || strcmp (limits[i].edition, name) == 0))
            return limits[i].sockets;
    return 0;
}

const KnWindows *
kn_draft_windows (const KnDraft *draft)
{
    KnSaid said = kn_property (draft, "os_version");
    return draft->windows ? kn_windows_find (said.text ? said.text : draft->facts->os.version)
                          : NULL;
}
