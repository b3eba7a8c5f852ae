/* SPDX-License-Identifier: Apache-2.0 */
/* Time zones: their names, in IANA's and in Windows' spelling, and what this machine's tzdata knows of them. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* ---- tzdata; these read files: worker threads only ---- */

/* Whether somebody may name @name as a zone: one of tzdata's or one of Windows'. Errors (public): BAD_REQUEST with "did you mean". */
bool kn_zone_check (const char *name, GError **error);

/* The zone's offset from UTC at the instant @time_us, east positive, in seconds. False: there is no such zone. */
bool kn_zone_offset_at (const char *name, gint64 time_us, gint64 *out_offset_s);

/* The zone's two offsets around @time_us: the one in force and the one before or after the nearest change within a year (the same
 * without one). False: there is no such zone. */
bool kn_zone_offsets_around (const char *name, gint64 time_us, gint64 out_offsets_s[2]);

/* All names that tzdata has, NULL-terminated; empty where it tells none. g_strfreev. */
char **kn_zone_list (void);

/* ---- names; pure ---- */

/* A zone as Windows calls it, and the IANA zone that it stands for (CLDR; data/windows-zones.ini). */
typedef struct {
    const char *name, *iana;
} KnWindowsZone;

/* All rows, sorted by lower-case name. */
const KnWindowsZone *kn_windows_zones (gsize *out_n);

/* "Asia/Shanghai" for "China Standard Time", in any letter case; NULL: Windows knows no such zone. Static. */
const char *kn_windows_zone_find (const char *name);

/* The IANA name of what somebody wrote: that of a zone of Windows, else the text itself. Borrowed. */
const char *kn_zone_iana (const char *name);

/* The name that was probably meant by @wrong, of the IANA names @known (NULL-terminated) and those of Windows; NULL: none is near.
 * Borrowed from @known, or static. */
const char *kn_zone_suggest (const char *wrong, const char *const *known);
