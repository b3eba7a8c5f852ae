/* SPDX-License-Identifier: Apache-2.0 */
/* Skews and signs from RTC_CHANGE. */
#include "compute/skew_rtc.h"

#include <string.h>

#include "base/zone.h"

#define STEP_TOLERANCE_S 60

static bool
is_windows (const KnServer *server)
{
    return kn_skew_is_windows (server->os_type);
}

/* Whether there is somebody who could have been asked: a guest that does not run shows nothing. */
static bool
is_worth_a_try (const KnSkew *skew, const KnClockRow *row)
{
    return skew->method == KN_SKEW_BY_NONE && skew->why != KN_SKEW_WHY_NOT_RUNNING
           && skew->why != KN_SKEW_WHY_HOST_AWAY && row->has_offset
           && row->written_us >= row->started_us && row->written_us > 0;
}

void
kn_skew_try_rtc (KnSkew *skew, const KnServer *server, const KnClockRow *row, const char *zone)
{
    gint64 expected_s = 0;

    if (!is_worth_a_try (skew, row))
        return;
    if (is_windows (server)
        && (zone == NULL || !kn_zone_offset_at (zone, row->written_us, &expected_s)))
        return;
    kn_skew_from_rtc (skew, row->offset_s, expected_s, !is_windows (server));
    skew->verdict = kn_skew_judge (skew);
}

bool
kn_skew_is_windows_step (const GArray *changes, const KnServer *server, gint64 *out_step_s)
{
    const KnClockChange *last
        = changes->len > 0 ? &g_array_index (changes, KnClockChange, 0) : NULL;
    gint64 step_s, offset_s;

    if (last == NULL || is_windows (server))
        return false;
    /* Where it was before is not known, it was UTC: that is what such servers start with. */
    step_s = kn_skew_zone_step (last->offset_s - (last->has_before ? last->before_s : 0),
                                STEP_TOLERANCE_S);
    offset_s = kn_skew_zone_step (last->offset_s, STEP_TOLERANCE_S);
    if (step_s == 0 || offset_s == 0)
        return false;
    *out_step_s = step_s;
    return true;
}
