/* SPDX-License-Identifier: Apache-2.0 */
/* Skews: words, arithmetic, verdicts. */
#include "compute/skew.h"

#include <string.h>

#define QUARTER_S 900
#define ZONE_STEP_MAX_S (26 * 3600) /* from UTC-12 to UTC+14 */
#define ZONE_TOLERANCE_S 60
#define RTC_ERROR_MS 1000 /* a hardware clock counts whole seconds */

#define RIGHT_MS 5000
#define KERBEROS_MS (300 * (gint64)1000)
#define KMS_MS (4 * 3600 * (gint64)1000)

static const char *const method_names[KN_SKEW_BY_N] = {
    [KN_SKEW_BY_NONE] = "none",
    [KN_SKEW_BY_AGENT] = "agent",
    [KN_SKEW_BY_RTC] = "rtc",
};

static const char *const why_names[KN_SKEW_WHY_N] = {
    [KN_SKEW_WHY_NONE] = NULL,
    [KN_SKEW_WHY_NOT_YET] = "not-yet",
    [KN_SKEW_WHY_NO_CHANNEL] = "no-channel",
    [KN_SKEW_WHY_NOT_CONNECTED] = "not-connected",
    [KN_SKEW_WHY_SILENT] = "silent",
    [KN_SKEW_WHY_REFUSED] = "refused",
    [KN_SKEW_WHY_NOT_RUNNING] = "not-running",
    [KN_SKEW_WHY_HOST_AWAY] = "host-away",
};

/* Ranges of the skew's size, disjoint for each .zone. */
typedef struct {
    const char *name;
    gint64 above_ms, up_to_ms;
    bool zone;
} VerdictRow;

static const VerdictRow verdicts[KN_SKEW_VERDICT_N] = {
    [KN_SKEW_UNKNOWN] = { "unknown", -1, -1, false },
    [KN_SKEW_RIGHT] = { "right", -1, RIGHT_MS, false },
    [KN_SKEW_DRIFT] = { "drift", RIGHT_MS, KERBEROS_MS, false },
    [KN_SKEW_KERBEROS] = { "kerberos", KERBEROS_MS, KMS_MS, false },
    [KN_SKEW_KMS] = { "kms", KMS_MS, G_MAXINT64, false },
    [KN_SKEW_ZONE] = { "zone", KERBEROS_MS, KMS_MS, true },
    [KN_SKEW_ZONE_KMS] = { "zone-kms", KMS_MS, G_MAXINT64, true },
};

void
kn_skew_free (KnSkew *skew)
{
    if (skew == NULL)
        return;
    g_free (skew->zone);
    g_free (skew->os_id);
    g_free (skew->os_name);
    g_free (skew);
}

static guint
find_name (const char *const *names, guint n, const char *name)
{
    for (guint i = 0; i < n; i++)
        if (name != NULL && g_strcmp0 (names[i], name) == 0)
            return i;
    return 0;
}

const char *
kn_skew_method_name (KnSkewMethod method)
{
    return method_names[method];
}

KnSkewMethod
kn_skew_method_from_name (const char *name)
{
    return find_name (method_names, KN_SKEW_BY_N, name);
}

const char *
kn_skew_why_name (KnSkewWhy why)
{
    return why_names[why];
}

KnSkewWhy
kn_skew_why_from_name (const char *name)
{
    return find_name (why_names, KN_SKEW_WHY_N, name);
}

const char *
kn_skew_verdict_name (KnSkewVerdict verdict)
{
    return verdicts[verdict].name;
}

KnSkewVerdict
kn_skew_verdict_from_name (const char *name)
{
    for (guint i = 0; i < KN_SKEW_VERDICT_N; i++)
        if (name != NULL && strcmp (verdicts[i].name, name) == 0)
            return i;
    return KN_SKEW_UNKNOWN;
}

void
kn_skew_from_agent (KnSkew *skew, gint64 sent_us, gint64 guest_us, gint64 answered_us)
{
    gint64 half_us = (answered_us - sent_us) / 2;

    skew->method = KN_SKEW_BY_AGENT;
    skew->why = KN_SKEW_WHY_NONE;
    skew->skew_ms = (guest_us - sent_us - half_us) / 1000;
    skew->error_ms = (half_us + 999) / 1000;
}

gint64
kn_skew_zone_step (gint64 seconds, gint64 tolerance_s)
{
    gint64 size = ABS (seconds);
    gint64 step = (size + QUARTER_S / 2) / QUARTER_S * QUARTER_S;

    if (step == 0 || step > ZONE_STEP_MAX_S || ABS (size - step) > tolerance_s)
        return 0;
    return seconds < 0 ? -step : step;
}

void
kn_skew_from_rtc (KnSkew *skew, gint64 offset_s, gint64 expected_s, bool zone_unsure)
{
    gint64 skew_s = offset_s - expected_s;

    if (zone_unsure && kn_skew_zone_step (skew_s, ZONE_TOLERANCE_S) != 0)
        return;
    skew->method = KN_SKEW_BY_RTC;
    skew->skew_ms = skew_s * 1000;
    skew->error_ms = RTC_ERROR_MS;
}

KnSkewVerdict
kn_skew_judge (const KnSkew *skew)
{
    gint64 size_ms = MAX (0, ABS (skew->skew_ms) - skew->error_ms);
    gint64 tolerance_s = ZONE_TOLERANCE_S + skew->error_ms / 1000;
    bool zone = kn_skew_zone_step (skew->skew_ms / 1000, tolerance_s) != 0;

    if (skew->method == KN_SKEW_BY_NONE)
        return KN_SKEW_UNKNOWN;
    for (guint i = 0; i < KN_SKEW_VERDICT_N; i++)
        if (verdicts[i].zone == (zone && size_ms > KERBEROS_MS) && size_ms > verdicts[i].above_ms
            && size_ms <= verdicts[i].up_to_ms)
            return i;
    return KN_SKEW_UNKNOWN;
}

bool
kn_skew_is_windows (const char *os_type)
{
    return os_type != NULL && g_ascii_strcasecmp (os_type, "windows") == 0;
}
