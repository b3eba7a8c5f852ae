/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up what is known about operating systems; the rows are in data/os. */
#include "guest/os.h"

#include <string.h>

#include "guest/guest_priv.h"

#define MAX_NAME 64

/* "Windows Server (R) 2008 R2" and "2008r2" are the same: lower case, letters, digits and dots only. */
static char *
squeeze (const char *text)
{
    const char *const marks[] = { "(r)", "(tm)" };
    GString *out = g_string_new (NULL);
    g_autofree char *lower = g_ascii_strdown (text, -1);
    for (const char *c = lower; *c && out->len < MAX_NAME; c++) {
        for (gsize i = 0; i < G_N_ELEMENTS (marks); i++)
            if (g_str_has_prefix (c, marks[i]))
                c += strlen (marks[i]) - 1;
        if (g_ascii_isalnum (*c) || *c == '.')
            g_string_append_c (out, *c);
    }
    return g_string_free (out, FALSE);
}

/* The part behind "Microsoft Windows Server". */
static const char *
skip_maker (const char *name)
{
    const char *const prefixes[]
        = { "microsoft", "windows", "hyperv", "storage", "web", "server", "win" };
    for (gsize i = 0; i < G_N_ELEMENTS (prefixes); i++)
        if (g_str_has_prefix (name, prefixes[i]))
            name += strlen (prefixes[i]);
    return name;
}

static bool
has_name (const KnOs *os, const char *name)
{
    return strcmp (os->name, name) == 0 || g_strv_contains (os->names, name);
}

const KnOs *
kn_os_find (const char *version)
{
    gsize n;
    const KnOs *rows = kn_os_versions (&n);
    g_autofree char *whole = squeeze (version ? version : "");
    const char *name = skip_maker (whole);
    for (gsize i = 0; i < n; i++)
        if (has_name (&rows[i], name))
            return &rows[i];
    return NULL;
}

const KnOs *
kn_os_find_build (guint build, bool server)
{
    gsize n;
    const KnOs *rows = kn_os_versions (&n);
    for (gsize i = 0; i < n; i++)
        if (rows[i].server == server && build >= rows[i].first_build && build <= rows[i].last_build)
            return &rows[i];
    return NULL;
}

/* How many characters of @text a name of @os takes; a number must not go on: "2012" is not in "20120". */
static gsize
match_length (const KnOs *os, const char *text)
{
    gsize best = g_str_has_prefix (text, os->name) ? strlen (os->name) : 0;
    for (gsize i = 0; os->names[i]; i++)
        if (g_str_has_prefix (text, os->names[i]))
            best = MAX (best, strlen (os->names[i]));
    return g_ascii_isdigit (text[best]) || text[best] == '.' ? 0 : best;
}

const KnOs *
kn_os_find_product (const char *product, char **out_edition)
{
    gsize n, longest = 0;
    const KnOs *rows = kn_os_versions (&n), *best = NULL;
    g_autofree char *whole = squeeze (product ? product : "");
    const char *name = skip_maker (whole);
    for (gsize i = 0; i < n; i++) {
        gsize length = match_length (&rows[i], name);
        if (length > longest) {
            longest = length;
            best = &rows[i];
        }
    }
    if (out_edition)
        *out_edition = best && name[longest] ? g_strdup (name + longest) : NULL;
    return best;
}

static const KnOsEdition *
find_exact_edition (const KnOs *os, const char *name)
{
    gsize n;
    const KnOsEdition *rows = kn_os_editions (&n);
    for (gsize i = 0; i < n; i++)
        if (g_strv_contains (rows[i].versions, os->name) && g_strv_contains (rows[i].names, name))
            return &rows[i];
    return NULL;
}

/* "ServerStandardEvalCore" is Standard: takes one thing away that says nothing about the licence. */
static bool
shorten_edition (char *name)
{
    const char *const suffixes[] = { "edition", "evaluation", "eval", "core", "full", "kn", "n" };
    if (g_str_has_prefix (name, "server")) {
        memmove (name, name + strlen ("server"), strlen (name + strlen ("server")) + 1);
        return true;
    }
    for (gsize i = 0; i < G_N_ELEMENTS (suffixes); i++)
        if (g_str_has_suffix (name, suffixes[i])) {
            name[strlen (name) - strlen (suffixes[i])] = '\0';
            return true;
        }
    return false;
}

const KnOsEdition *
kn_os_find_edition (const KnOs *os, const char *edition)
{
    if (!os || !edition)
        return NULL;
    g_autofree char *name = squeeze (edition);
    do {
        const KnOsEdition *row = find_exact_edition (os, name);
        if (row)
            return row;
    } while (shorten_edition (name));
    return NULL;
}

guint
kn_os_max_sockets (const KnOs *os, const char *edition)
{
    const KnOsEdition *row = kn_os_find_edition (os, edition);
    return row ? row->max_sockets : os ? os->max_sockets : 0;
}

/* "win2k19" is windows, "ubuntu22.04" is linux: a word of the table, and a version behind it. */
static bool
is_distro (const char *name, const char *word)
{
    gsize len = strlen (word);
    return strncmp (name, word, len) == 0 && !g_ascii_isalpha (name[len]);
}

const KnOsFamily *
kn_os_find_family (const char *name)
{
    gsize n;
    const KnOsFamily *rows = kn_os_families (&n);
    g_autofree char *lower = g_ascii_strdown (name ? name : "", -1);
    for (gsize i = 0; i < n; i++)
        for (gsize k = 0; rows[i].distros[k]; k++)
            if (is_distro (lower, rows[i].distros[k]))
                return &rows[i];
    return NULL;
}

const KnOs *
kn_draft_os (const KnDraft *draft)
{
    KnSaid said = kn_property (draft, "os_version");
    return draft->windows ? kn_os_find (said.text ? said.text : draft->facts->os.version) : NULL;
}

const char *
kn_draft_edition (const KnDraft *draft)
{
    KnSaid said = kn_property (draft, "os_edition");
    return said.text ? said.text : draft->facts->os.edition;
}
