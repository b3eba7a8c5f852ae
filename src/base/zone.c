/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine's tzdata knows of time zones. */
#include "base/zone.h"

#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "base/util.h"

#define INDEX "/usr/share/zoneinfo/tzdata.zi"
#define MAX_INDEX (4 * MIB)
#define YEAR_S (366 * 24 * 3600)

/* GLib's intervals count local or universal times; universal is what we ask with. */
static gint64
offset_at (GTimeZone *zone, gint64 time_s)
{
    int interval = g_time_zone_find_interval (zone, G_TIME_TYPE_UNIVERSAL, time_s);

    return g_time_zone_get_offset (zone, MAX (interval, 0));
}

static gint64
to_seconds (gint64 time_us)
{
    gint64 seconds = time_us / G_USEC_PER_SEC;

    return time_us % G_USEC_PER_SEC < 0 ? seconds - 1 : seconds;
}

bool
kn_zone_offset_at (const char *name, gint64 time_us, gint64 *out_offset_s)
{
    g_autoptr (GTimeZone) zone = g_time_zone_new_identifier (name);

    if (zone == NULL)
        return false;
    *out_offset_s = offset_at (zone, to_seconds (time_us));
    return true;
}

/* Days are enough to find the other offset: no rule lasts shorter than weeks. */
static gint64
other_offset (GTimeZone *zone, gint64 time_s, gint64 now_s)
{
    for (gint64 away = 24 * 3600; away <= YEAR_S; away += 24 * 3600) {
        gint64 before = offset_at (zone, time_s - away), after = offset_at (zone, time_s + away);

        if (before != now_s)
            return before;
        if (after != now_s)
            return after;
    }
    return now_s;
}

bool
kn_zone_offsets_around (const char *name, gint64 time_us, gint64 out_offsets_s[2])
{
    g_autoptr (GTimeZone) zone = g_time_zone_new_identifier (name);

    if (zone == NULL)
        return false;
    out_offsets_s[0] = offset_at (zone, to_seconds (time_us));
    out_offsets_s[1] = other_offset (zone, to_seconds (time_us), out_offsets_s[0]);
    return true;
}

/* A line of the index: "Z NAME …" is a zone, "L TARGET NAME" another name of one. */
static char *
read_name (const char *line)
{
    g_auto (GStrv) words = g_strsplit (line, " ", 4);
    guint n = g_strv_length (words);

    if (n >= 2 && strcmp (words[0], "Z") == 0)
        return g_strdup (words[1]);
    return n >= 3 && strcmp (words[0], "L") == 0 ? g_strdup (words[2]) : NULL;
}

char **
kn_zone_list (void)
{
    g_autoptr (GStrvBuilder) names = g_strv_builder_new ();
    g_autofree char *text = kn_file_read (INDEX, MAX_INDEX, NULL, NULL);
    g_auto (GStrv) lines = g_strsplit (text != NULL ? text : "", "\n", -1);

    for (char **line = lines; *line != NULL; line++) {
        g_autofree char *name = **line == 'Z' || **line == 'L' ? read_name (*line) : NULL;

        if (name != NULL)
            g_strv_builder_add (names, name);
    }
    return g_strv_builder_end (names);
}

static bool
is_numbered (const char *name)
{
    return g_str_has_prefix (name, "Etc/GMT+") || g_str_has_prefix (name, "Etc/GMT-");
}

/* tzdata has these files, but they say nothing of where a guest is: the host's own zone, rules for POSIX texts, "not set yet". */
static bool
is_no_place (const char *name)
{
    return strcmp (name, "localtime") == 0 || strcmp (name, "posixrules") == 0
           || strcmp (name, "Factory") == 0;
}

bool
kn_zone_check (const char *name, GError **error)
{
    g_auto (GStrv) known = NULL;
    const char *near;

    if (!is_no_place (name) && (kn_windows_zone_find (name) != NULL || kn_time_zone_exists (name)))
        return true;
    known = kn_zone_list ();
    near = kn_zone_suggest (name, (const char *const *)known);
    kn_error_public (
        error, KN_ERROR_BAD_REQUEST,
        "There is no time zone '%.64s'%s%s%s; a zone (os_timezone) has an IANA name such as "
        "Asia/Shanghai, or one of Windows such as China Standard Time.",
        name, near != NULL ? "; did you mean " : "", near != NULL ? near : "",
        near != NULL && is_numbered (near)
            ? " (these count westward: Etc/GMT-8 is 8 h ahead of UTC)"
            : "");
    return false;
}
