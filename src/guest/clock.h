/* SPDX-License-Identifier: Apache-2.0 */
/* Which clock policy is in force for a guest; pure. */
#pragma once

#include "guest/facts.h"

typedef struct {
    const char *policy; /* what decides: "utc", "localtime", "timezone", "guest"; static */
    char *said;         /* the policy that was chosen, "auto" too */
    char *said_by; /* "image os_clock_policy", "project os_clock_policy"; NULL: nobody, so auto */
    char *zone, *zone_by; /* the declared zone, IANA, and where; NULL: none */
} KnGuestClock;

void kn_guest_clock_clear (KnGuestClock *clock);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KnGuestClock, kn_guest_clock_clear)

/* Chooses for @facts as a plan does. Errors (public): BAD_REQUEST: policy timezone without a zone. */
bool kn_guest_clock_choose (const KnGuestFacts *facts, KnGuestClock *out_clock, GError **error);

/* Up to this, a clock that is off has drifted; beyond, somebody has set it. */
#define KN_GUEST_CLOCK_DRIFT_S 300

/* An offset without the drift of a guest's clock: that of the zone (its @zone_offsets_s, standard and daylight) or the multiple of
 * a quarter hour that is at most 5 minutes away; otherwise as it is. */
gint64 kn_guest_clock_snap (gint64 offset_s, const gint64 *zone_offsets_s, gsize n);

/* "UTC+08:00", "UTC-09:30:05"; caller frees. */
char *kn_guest_clock_format_offset (gint64 offset_s);
