/* SPDX-License-Identifier: Apache-2.0 */
/* Maintenance windows: "Sat 02:00-05:00", "22:00-04:00" (every day), "Mon-Fri 01:00-03:00", in local time. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    guint first_day, last_day; /* 1: Monday … 7: Sunday; of the begin */
    guint from_min, to_min;    /* minutes of the day; to <= from: ends the next day */
} KnWindow;

/* Errors: BAD_REQUEST naming what is wrong. */
bool kn_window_parse (const char *text, KnWindow *out_window, GError **error);
bool kn_window_is_open (const KnWindow *window, GDateTime *now);
/* Seconds from @now until it opens; 0: it is open. */
gint64 kn_window_wait_s (const KnWindow *window, GDateTime *now);
