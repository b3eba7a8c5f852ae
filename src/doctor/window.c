/* SPDX-License-Identifier: Apache-2.0 */
/* When a maintenance window is open. */
#include "doctor/window.h"

#include <string.h>

#include "base/error.h"
#include "base/util.h"

#define DAY_MIN (24 * 60)

static const char *const days[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

/* 1 to 7, 0: no day. Takes "Sat" and "Saturday". */
static guint
parse_day (const char *text)
{
    for (guint i = 0; i < G_N_ELEMENTS (days); i++)
        if (strlen (text) >= 3 && g_ascii_strncasecmp (text, days[i], 3) == 0)
            return i + 1;
    return 0;
}

static bool
parse_days (const char *text, KnWindow *window)
{
    g_auto (GStrv) ends = g_strsplit (text, "-", 2);

    window->first_day = parse_day (ends[0]);
    window->last_day = ends[1] ? parse_day (ends[1]) : window->first_day;
    return window->first_day && window->last_day;
}

static bool
parse_minute (const char *text, guint *out_minute)
{
    g_auto (GStrv) parts = g_strsplit (text, ":", 2);
    gint64 hour = 0, minute = 0;

    if (!parts[0] || !parts[1] || !kn_parse_int (parts[0], 0, 24, &hour)
        || !kn_parse_int (parts[1], 0, 59, &minute) || hour * 60 + minute > DAY_MIN)
        return false;
    *out_minute = (guint)(hour * 60 + minute);
    return true;
}

bool
kn_window_parse (const char *text, KnWindow *out_window, GError **error)
{
    const char *blank = strrchr (text, ' ');
    g_autofree char *when = g_strndup (text, blank ? (gsize)(blank - text) : 0);
    g_auto (GStrv) ends = g_strsplit (blank ? blank + 1 : text, "-", 2);
    KnWindow window = { .first_day = 1, .last_day = 7 };

    g_strstrip (when);
    if ((*when && !parse_days (when, &window)) || !ends[0] || !ends[1]
        || !parse_minute (ends[0], &window.from_min) || !parse_minute (ends[1], &window.to_min)
        || window.from_min == window.to_min) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST,
                      "'%s' is no window; write it as 'Sat 02:00-05:00', 'Mon-Fri 22:00-04:00' or "
                      "'02:00-05:00'",
                      text);
        return false;
    }
    *out_window = window;
    return true;
}

static bool
is_day (const KnWindow *window, guint day)
{
    return window->first_day <= window->last_day
               ? day >= window->first_day && day <= window->last_day
               : day >= window->first_day || day <= window->last_day;
}

bool
kn_window_is_open (const KnWindow *window, GDateTime *now)
{
    guint day = (guint)g_date_time_get_day_of_week (now);
    guint before = day == 1 ? 7 : day - 1;
    guint minute = (guint)(g_date_time_get_hour (now) * 60 + g_date_time_get_minute (now));

    if (window->to_min > window->from_min)
        return is_day (window, day) && minute >= window->from_min && minute < window->to_min;
    return (is_day (window, day) && minute >= window->from_min)
           || (is_day (window, before) && minute < window->to_min);
}

gint64
kn_window_wait_s (const KnWindow *window, GDateTime *now)
{
    gint64 seconds = g_date_time_get_second (now);

    if (kn_window_is_open (window, now))
        return 0;
    /* By minutes of local time, so that a change to summer time in between does not matter. */
    for (gint64 minute = 1; minute <= 8 * DAY_MIN; minute++) {
        g_autoptr (GDateTime) then = g_date_time_add_minutes (now, (int)minute);

        if (kn_window_is_open (window, then))
            return minute * 60 - seconds;
    }
    return 8 * DAY_MIN * 60;
}
