/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts in words: cause, consequence, remedy. The limits are Kerberos's default of 5 minutes and the 4 hours within which a
 * KMS host accepts a client. */
#include <stdlib.h>

#include "base/zone.h"
#include "compute/skew.h"

#define MINUTE_MS 60000
#define HOUR_MS (60 * MINUTE_MS)
#define ZONE_TOLERANCE_S 60
#define CANDIDATES_MAX 3

#define KERBEROS "Kerberos logons fail beyond 5 minutes."
#define KMS                                                                                        \
    "Kerberos logons fail, and KMS activation fails beyond 4 hours: users see 0xC004F074 (\"no "   \
    "KMS could be contacted\"), the true 0xC004F06C is only in the guest's event 12288."
#define SET_TIME                                                                                   \
    "Let the guest follow an NTP server; to set it once: chronyc makestep (Linux), w32tm "         \
    "/resync (Windows)."

typedef struct {
    const char *cause, *consequence;
    const char *remedy; /* NULL: depends on the zones */
} WordRow;

static const WordRow words[KN_SKEW_VERDICT_N] = {
    [KN_SKEW_UNKNOWN] = { "", "", "" },
    [KN_SKEW_RIGHT] = { "", "", "" },
    [KN_SKEW_DRIFT] = { "Nothing corrects the guest's clock.",
                        "Nothing fails yet; logs and time stamps disagree.", SET_TIME },
    [KN_SKEW_KERBEROS] = { "The guest's clock was set wrong, or nothing has corrected it for long.",
                           KERBEROS, SET_TIME },
    [KN_SKEW_KMS] = { "The guest's clock was set wrong.", KMS, SET_TIME },
    [KN_SKEW_ZONE] = { NULL, KERBEROS, NULL },
    [KN_SKEW_ZONE_KMS] = { NULL, KMS, NULL },
};

static const char *const why_words[KN_SKEW_WHY_N] = {
    [KN_SKEW_WHY_NONE] = "",
    [KN_SKEW_WHY_NOT_YET] = "it has not been measured yet",
    [KN_SKEW_WHY_NO_CHANNEL]
    = "the guest has no agent channel; a hard reboot gives it one (profile kilonova-1, or "
      "hw_qemu_guest_agent=yes)",
    [KN_SKEW_WHY_NOT_CONNECTED]
    = "no agent runs in the guest; install and start qemu-guest-agent there",
    [KN_SKEW_WHY_SILENT] = "the agent in the guest has not answered within 2 s; restart it there",
    [KN_SKEW_WHY_REFUSED] = "the agent in the guest refuses guest-get-time; allow it in its "
                            "configuration",
    [KN_SKEW_WHY_NOT_RUNNING] = "the guest is not running",
    [KN_SKEW_WHY_HOST_AWAY] = "its host cannot be reached",
};

/* Zones that many guests live in, to have a name for an offset; what their offsets are is tzdata's business. */
static const char *const known_zones[] = {
    "Asia/Shanghai",       "Asia/Singapore",
    "Australia/Perth",     "Europe/Berlin",
    "Europe/Paris",        "Africa/Lagos",
    "America/New_York",    "America/Toronto",
    "America/Los_Angeles", "America/Chicago",
    "America/Denver",      "America/Sao_Paulo",
    "Europe/London",       "Europe/Lisbon",
    "Europe/Athens",       "Africa/Johannesburg",
    "Europe/Moscow",       "Europe/Istanbul",
    "Asia/Dubai",          "Asia/Karachi",
    "Asia/Kolkata",        "Asia/Kathmandu",
    "Asia/Dhaka",          "Asia/Yangon",
    "Asia/Bangkok",        "Asia/Jakarta",
    "Asia/Tokyo",          "Asia/Seoul",
    "Australia/Adelaide",  "Australia/Sydney",
    "Australia/Brisbane",  "Pacific/Noumea",
    "Pacific/Auckland",    "Pacific/Chatham",
    "Pacific/Apia",        "Pacific/Honolulu",
    "America/Anchorage",   "America/Halifax",
    "America/St_Johns",    "Atlantic/South_Georgia",
    "Atlantic/Azores",     "Asia/Tehran",
    "Asia/Kabul",          "America/Argentina/Buenos_Aires",
    "Pacific/Marquesas",   "Australia/Eucla",
    "Australia/Lord_Howe", "Pacific/Kiritimati",
    "Pacific/Pago_Pago",   "Australia/Darwin",
};

static bool
has_offset (const char *zone, gint64 at_us, gint64 offset_s)
{
    gint64 found;

    return zone != NULL && kn_zone_offset_at (zone, at_us, &found) && found == offset_s;
}

char *
kn_skew_format (gint64 skew_ms)
{
    gint64 size = ABS (skew_ms);
    const char *way = skew_ms < 0 ? "behind" : "ahead";

    if (size < 1000)
        return g_strdup_printf ("%d ms %s", (int)size, way);
    if (size < MINUTE_MS)
        return g_strdup_printf ("%d s %s", (int)(size / 1000), way);
    size = (size + 500) / 1000 * 1000;
    if (size < HOUR_MS)
        return g_strdup_printf ("%d m %02d s %s", (int)(size / MINUTE_MS),
                                (int)(size % MINUTE_MS / 1000), way);
    size = (size + MINUTE_MS / 2) / MINUTE_MS * MINUTE_MS;
    return g_strdup_printf ("%d h %02d m %s", (int)(size / HOUR_MS),
                            (int)(size % HOUR_MS / MINUTE_MS), way);
}

/* "Asia/Shanghai", or as many names as the offset has among the zones that are known. */
static char *
name_zones (gint64 offset_s, gint64 at_us)
{
    g_autoptr (GString) text = g_string_new (NULL);
    guint n = 0;

    for (gsize i = 0; i < G_N_ELEMENTS (known_zones) && n < CANDIDATES_MAX; i++) {
        if (!has_offset (known_zones[i], at_us, offset_s))
            continue;
        g_string_append_printf (text, "%s%s", n++ > 0 ? ", " : "", known_zones[i]);
    }
    if (n == 0)
        g_string_printf (text, "UTC%+d:%02d", (int)(offset_s / 3600),
                         abs ((int)(offset_s % 3600)) / 60);
    return g_strdup (text->str);
}

typedef enum { TOOK_UTC, TOOK_LOCAL, OTHER_ZONE, MISSED_CHANGE, CAUSE_N } CauseKind;

/* What a guest that is off by a zone found in its hardware clock, and where it is likely to live. */
typedef struct {
    CauseKind kind;
    bool told;            /* its own word, or somebody's, agrees */
    char *zone;           /* IANA name, or several; owned */
    const char *settable; /* an IANA name to set; NULL: there is none; borrowed */
} Cause;

/* Before and after the zone's name. */
static const struct {
    const char *before, *after;
} cause_words[CAUSE_N] = {
    [TOOK_UTC] = { "", " guest on a UTC clock: it keeps local time in its hardware clock and found "
                       "UTC there" },
    [TOOK_LOCAL] = { "UTC guest on a clock of ",
                     ": it keeps UTC in its hardware clock and found local time there" },
    [OTHER_ZONE] = { "", " guest on a clock of another zone: it keeps local time in its hardware "
                         "clock and found another zone's there" },
    [MISSED_CHANGE] = { "a change of daylight-saving time in ",
                        " that the guest, or its hardware clock, has missed" },
};

static const char *
first_known (gint64 offset_s, gint64 at_us)
{
    for (gsize i = 0; i < G_N_ELEMENTS (known_zones); i++)
        if (has_offset (known_zones[i], at_us, offset_s))
            return known_zones[i];
    return NULL;
}

static bool
is_windows (const KnSkew *skew, const KnSkewScene *scene)
{
    return kn_skew_is_windows (scene->os_type) || g_strcmp0 (skew->os_id, "mswindows") == 0;
}

static Cause
lives_at (CauseKind kind, bool told, gint64 offset_s, gint64 at_us)
{
    return (Cause){ kind, told, name_zones (offset_s, at_us), first_known (offset_s, at_us) };
}

static bool
has_changed_by (const char *zone, gint64 at_us, gint64 step_s)
{
    gint64 offsets_s[2];

    return zone != NULL && kn_zone_offsets_around (zone, at_us, offsets_s)
           && ABS (offsets_s[0] - offsets_s[1]) == ABS (step_s);
}

static Cause
find_cause (const KnSkew *skew, const KnSkewScene *scene, gint64 step_s)
{
    gint64 at_us = skew->measured_us;

    if (has_offset (scene->zone, at_us, -step_s))
        return (Cause){ TOOK_UTC, true, g_strdup (scene->zone), scene->zone };
    if (skew->has_zone && skew->zone_offset_s == -step_s)
        return lives_at (TOOK_UTC, true, -step_s, at_us);
    if (has_changed_by (scene->zone, at_us, step_s))
        return (Cause){ MISSED_CHANGE, true, g_strdup (scene->zone), scene->zone };
    if (is_windows (skew, scene) && skew->has_zone && skew->zone_offset_s != 0)
        return lives_at (OTHER_ZONE, true, skew->zone_offset_s, at_us);
    if (has_offset (scene->zone, at_us, step_s))
        return (Cause){ TOOK_LOCAL, true, g_strdup (scene->zone), scene->zone };
    if (has_offset (scene->host_zone, at_us, step_s))
        return (Cause){ TOOK_LOCAL, true, g_strdup (scene->host_zone), NULL };
    if (step_s < 0 || is_windows (skew, scene))
        return lives_at (TOOK_UTC, false, -step_s, at_us);
    return lives_at (TOOK_LOCAL, false, step_s, at_us);
}

static void
append_cause (GString *text, const Cause *cause)
{
    g_string_append_printf (text, " = %s%s%s%s.", cause_words[cause->kind].before, cause->zone,
                            cause_words[cause->kind].after,
                            cause->told ? "" : " (the zone is a guess)");
}

static void
append_remedy (GString *text, const Cause *cause, const KnSkewScene *scene)
{
    bool windows = kn_skew_is_windows (scene->os_type);

    if (cause->kind == MISSED_CHANGE) {
        g_string_append (text, " " SET_TIME);
        return;
    }
    if (cause->kind == TOOK_LOCAL) {
        g_string_append_printf (
            text,
            " If it runs Linux: kilonova server set %s os_type=linux os_clock_policy=utc "
            "--reboot hard.",
            scene->server);
        return;
    }
    g_string_append_printf (text,
                            windows ? " To do: kilonova server set %s"
                                    : " If it runs Windows: kilonova server set %s "
                                      "os_type=windows",
                            scene->server);
    g_string_append_printf (text, " os_timezone=%s --reboot hard.",
                            cause->settable != NULL ? cause->settable : "AREA/CITY");
}

static void
append_zone (GString *text, const KnSkew *skew, const KnSkewScene *scene)
{
    gint64 step_s
        = kn_skew_zone_step (skew->skew_ms / 1000, ZONE_TOLERANCE_S + skew->error_ms / 1000);
    Cause cause = find_cause (skew, scene, step_s);

    append_cause (text, &cause);
    g_string_append_printf (text, " %s", words[skew->verdict].consequence);
    append_remedy (text, &cause, scene);
    g_free (cause.zone);
}

static void
append_verdict (GString *text, const KnSkew *skew, const KnSkewScene *scene)
{
    const WordRow *row = &words[skew->verdict];

    if (skew->verdict == KN_SKEW_ZONE || skew->verdict == KN_SKEW_ZONE_KMS) {
        append_zone (text, skew, scene);
        return;
    }
    g_string_append_c (text, '.');
    if (*row->cause != '\0')
        g_string_append_printf (text, " %s %s %s", row->cause, row->consequence, row->remedy);
}

char *
kn_skew_explain (const KnSkew *skew, const KnSkewScene *scene)
{
    g_autoptr (GString) text = g_string_new (NULL);
    g_autofree char *size = kn_skew_format (skew->skew_ms);

    if (skew->verdict == KN_SKEW_UNKNOWN)
        return g_strdup_printf ("Unknown: %s.", why_words[skew->why]);
    g_string_append (text, size);
    if (skew->method == KN_SKEW_BY_RTC)
        g_string_append_printf (text, " (by what it last wrote into its hardware clock: %s)",
                                why_words[skew->why]);
    append_verdict (text, skew, scene);
    return g_strdup (text->str);
}
