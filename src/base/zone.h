/* SPDX-License-Identifier: Apache-2.0 */
/* Time zones as this machine's tzdata has them. All read files: worker threads only. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* The zone's offset from UTC at the instant @time_us, east positive, in seconds. False: there is no such zone. */
bool kn_zone_offset_at (const char *name, gint64 time_us, gint64 *out_offset_s);

/* The zone's two offsets around @time_us: the one in force and the one before or after the nearest change within a year (the same
 * without one). False: there is no such zone. */
bool kn_zone_offsets_around (const char *name, gint64 time_us, gint64 out_offsets_s[2]);

/* All names that tzdata has, NULL-terminated; empty where it tells none. g_strfreev. */
char **kn_zone_list (void);
