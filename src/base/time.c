/* SPDX-License-Identifier: Apache-2.0 */
/* Four spellings of a time. */
#include "base/time.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ZONE_FOLDER "/usr/share/zoneinfo"

typedef struct {
    char separator;
    bool fraction;
    const char *suffix;
} KnTimeStyle;

static const KnTimeStyle styles[] = {
    [KN_TIME_DB] = { ' ', false, "" },
    [KN_TIME_SECONDS] = { 'T', false, "Z" },
    [KN_TIME_MICROS] = { 'T', true, "Z" },
    [KN_TIME_PLAIN] = { 'T', true, "" },
};
G_STATIC_ASSERT (G_N_ELEMENTS (styles) == KN_TIME_N);

gint64
kn_time_now (void)
{
    return g_get_real_time ();
}

const char *
kn_time_format (gint64 time_us, KnTimeFormat format, char *buffer)
{
    const KnTimeStyle *style = &styles[format];
    time_t seconds = (time_t)(time_us / G_USEC_PER_SEC);
    struct tm tm;
    char fraction[8] = "";

    gmtime_r (&seconds, &tm);
    if (style->fraction)
        g_snprintf (fraction, sizeof fraction, ".%06d", (int)(time_us % G_USEC_PER_SEC));
    g_snprintf (buffer, KN_TIME_TEXT_MAX, "%04d-%02d-%02d%c%02d:%02d:%02d%s%s", tm.tm_year + 1900,
                tm.tm_mon + 1, tm.tm_mday, style->separator, tm.tm_hour, tm.tm_min, tm.tm_sec,
                fraction, style->suffix);
    return buffer;
}

char *
kn_time_dup (gint64 time_us, KnTimeFormat format)
{
    char buffer[KN_TIME_TEXT_MAX];

    return time_us == 0 ? NULL : g_strdup (kn_time_format (time_us, format, buffer));
}

/* Reads ".123456" (any number of digits) at *@text and moves past it. */
static gint64
parse_fraction (const char **text)
{
    gint64 value = 0, scale = G_USEC_PER_SEC;

    if (**text != '.')
        return 0;
    for ((*text)++; g_ascii_isdigit (**text); (*text)++) {
        if (scale > 1) {
            scale /= 10;
            value += (**text - '0') * scale;
        }
    }
    return value;
}

/* Reads "", "Z" or "+08:00". */
static bool
parse_zone (const char *text, gint64 *out_offset_s)
{
    int hours, minutes, end = 0;
    char sign;

    *out_offset_s = 0;
    if (*text == '\0' || strcmp (text, "Z") == 0)
        return true;
    if (sscanf (text, "%c%2d:%2d%n", &sign, &hours, &minutes, &end) != 3 || text[end] != '\0'
        || (sign != '+' && sign != '-') || hours > 23 || minutes > 59)
        return false;
    *out_offset_s = (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}

bool
kn_time_parse (const char *text, gint64 *out_time_us)
{
    int year, month, day, hour = 0, minute = 0, second = 0, end = 0;
    gint64 fraction, offset_s;
    char separator;

    if (!text || sscanf (text, "%4d-%2d-%2d%n", &year, &month, &day, &end) != 3)
        return false;
    text += end;
    if (*text != '\0') {
        if (sscanf (text, "%c%2d:%2d:%2d%n", &separator, &hour, &minute, &second, &end) != 4
            || (separator != ' ' && separator != 'T'))
            return false;
        text += end;
    }
    fraction = parse_fraction (&text);
    if (!parse_zone (text, &offset_s))
        return false;

    g_autoptr (GDateTime) time = g_date_time_new_utc (year, month, day, hour, minute, second);
    if (!time)
        return false;
    *out_time_us = (g_date_time_to_unix (time) - offset_s) * G_USEC_PER_SEC + fraction;
    return true;
}

char *
kn_time_convert (const char *db_time, KnTimeFormat format)
{
    gint64 time_us;

    return kn_time_parse (db_time, &time_us) ? kn_time_dup (time_us, format) : NULL;
}

bool
kn_time_zone_exists (const char *name)
{
    g_autofree char *path = g_build_filename (ZONE_FOLDER, name, NULL);
    g_autoptr (GTimeZone) zone = NULL;

    /* GLib takes rules such as UTC+3 and files such as posix/UTC for zones, too. */
    if (strpbrk (name, ":,.") || g_str_has_prefix (name, "posix/")
        || g_str_has_prefix (name, "right/") || !g_file_test (path, G_FILE_TEST_IS_REGULAR))
        return false;
    zone = g_time_zone_new_identifier (name);
    return zone != NULL;
}
