/* SPDX-License-Identifier: Apache-2.0 */
/* Names of time zones, and which of them was probably meant. */
#include "base/zone.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define NEAR 3

static int
compare (const void *name, const void *row)
{
    return g_ascii_strcasecmp (name, ((const KnWindowsZone *)row)->name);
}

const char *
kn_windows_zone_find (const char *name)
{
    gsize n;
    const KnWindowsZone *rows = kn_windows_zones (&n);
    const KnWindowsZone *row = bsearch (name, rows, n, sizeof *rows, compare);
    return row ? row->iana : NULL;
}

const char *
kn_zone_iana (const char *name)
{
    const char *found = kn_windows_zone_find (name);
    return found ? found : name;
}

/* Cities that no zone is named after, and whose people look for them. */
static const struct {
    const char *city, *zone;
} cities[] = {
    { "beijing", "Asia/Shanghai" },
    { "peking", "Asia/Shanghai" },
    { "shenzhen", "Asia/Shanghai" },
    { "delhi", "Asia/Kolkata" },
    { "new_delhi", "Asia/Kolkata" },
    { "mumbai", "Asia/Kolkata" },
    { "bangalore", "Asia/Kolkata" },
    { "osaka", "Asia/Tokyo" },
    { "frankfurt", "Europe/Berlin" },
    { "munich", "Europe/Berlin" },
    { "hamburg", "Europe/Berlin" },
    { "geneva", "Europe/Zurich" },
    { "milan", "Europe/Rome" },
    { "barcelona", "Europe/Madrid" },
    { "st_petersburg", "Europe/Moscow" },
    { "washington", "America/New_York" },
    { "boston", "America/New_York" },
    { "san_francisco", "America/Los_Angeles" },
    { "seattle", "America/Los_Angeles" },
    { "dallas", "America/Chicago" },
    { "rio_de_janeiro", "America/Sao_Paulo" },
};

static char *
normalise (const char *name)
{
    return g_strdelimit (g_strstrip (g_ascii_strdown (name, -1)), " -", '_');
}

static const char *
city_of (const char *name)
{
    const char *slash = strrchr (name, '/');
    return slash ? slash + 1 : name;
}

/* The same but for letter case and blanks, or the city without its area. */
static const char *
find_same (const char *bare, const char *const *known)
{
    const char *found = NULL;
    for (gsize i = 0; known[i]; i++) {
        g_autofree char *name = normalise (known[i]);
        if (strcmp (name, bare) == 0)
            return known[i];
        if (!found && strchr (name, '/') && strcmp (city_of (name), city_of (bare)) == 0)
            found = known[i];
    }
    for (gsize i = 0; !found && i < G_N_ELEMENTS (cities); i++)
        if (strcmp (cities[i].city, city_of (bare)) == 0)
            found = cities[i].zone;
    return found;
}

static void
look_near (const char *bare, const char *name, guint *nearest, const char **found)
{
    g_autofree char *other = normalise (name);
    guint d = kn_word_distance (bare, other);
    if (d < *nearest) {
        *nearest = d;
        *found = name;
    }
}

/* What follows "utc" or "gmt" in a number of hours such as "utc+8" and "+08:00", sign first ('_' is '-'); NULL: it is none. */
static const char *
find_hours (const char *bare)
{
    static const char *const prefixes[] = { "etc/utc", "gmt", "utc" };

    for (gsize i = 0; i < G_N_ELEMENTS (prefixes); i++)
        if (g_str_has_prefix (bare, prefixes[i])) {
            bare += strlen (prefixes[i]);
            break;
        }
    return (*bare == '+' || *bare == '_') && g_ascii_isdigit (bare[1]) ? bare : NULL;
}

/* "UTC+8" is east to whoever writes it, and the zones that are named by a number count westward: Etc/GMT-8. Another number would be
 * another time, so nothing near is looked for. */
static const char *
find_by_hours (const char *hours, const char *const *known)
{
    g_autofree char *digits = g_strdup (hours + (hours[1] == '0' ? 2 : 1));
    g_autofree char *meant = NULL;
    gint64 n = 0;

    if (g_str_has_suffix (digits, ":00"))
        digits[strlen (digits) - 3] = '\0';
    if (!kn_parse_int (digits, 1, 14, &n))
        return NULL;
    meant = g_strdup_printf ("Etc/GMT%c%d", *hours == '+' ? '-' : '+', (int)n);
    for (gsize i = 0; known[i]; i++)
        if (strcmp (known[i], meant) == 0)
            return known[i];
    return NULL;
}

const char *
kn_zone_suggest (const char *wrong, const char *const *known)
{
    gsize n;
    const KnWindowsZone *rows = kn_windows_zones (&n);
    g_autofree char *bare = normalise (wrong);
    const char *hours = find_hours (bare), *found = find_same (bare, known);
    guint nearest = strlen (bare) < 2 * NEAR ? 2 : NEAR + 1;
    if (hours)
        return find_by_hours (hours, known);
    if (found)
        return found;
    for (gsize i = 0; known[i]; i++)
        look_near (bare, known[i], &nearest, &found);
    for (gsize i = 0; i < n; i++)
        look_near (bare, rows[i].name, &nearest, &found);
    return found;
}
