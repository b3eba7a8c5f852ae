/* SPDX-License-Identifier: Apache-2.0 */
/* The hardware clock.
 *
 * A guest reads its time from the RTC when it starts. Linux takes it as UTC, Windows as its own local time. `localtime` is the
 * *host's* local time, which helps a Windows guest only where host and guest share a zone; a declared zone does always. Once
 * the guest has written its RTC, the offset that it wrote is the truth: Windows reads its RTC with the bias that it stored at its
 * last shutdown, whatever its zone's rules say by now. (libvirt, formatdomain: Time keeping; Nova 26.2, libvirt/driver.py,
 * _set_clock; Microsoft KB 899855.) */
#include "guest/clock.h"

#include <string.h>

#include "base/time.h"
#include "base/zone.h"
#include "guest/guest_priv.h"

#define QUARTER_S 900

typedef enum {
    CLOCK_AUTO,
    CLOCK_UTC,
    CLOCK_LOCALTIME,
    CLOCK_TIMEZONE,
    CLOCK_GUEST,
    CLOCK_N
} Policy;

static const char *const policy_names[CLOCK_N] = {
    [CLOCK_AUTO] = "auto",         [CLOCK_UTC] = "utc",     [CLOCK_LOCALTIME] = "localtime",
    [CLOCK_TIMEZONE] = "timezone", [CLOCK_GUEST] = "guest",
};

/* What was said, and what comes of it. */
typedef struct {
    Policy said, decides;
    const char *said_by; /* NULL: nobody */
    KnSaid zone;         /* .text: IANA */
    const char *zone_as; /* as it was written */
} Choice;

static const KnRule rule_utc = { "clock.utc", "The guest keeps UTC in its hardware clock." };
static const KnRule rule_undeclared
    = { "clock.undeclared", "Nobody said what the guest runs, so its hardware clock "
                            "keeps UTC; a Windows guest would be off by its zone." };
static const KnRule rule_mistyped = { "clock.mistyped", "", true };
static const KnRule rule_localtime = {
    "clock.windows-localtime",
    "Windows keeps local time in the hardware clock; without a declared zone that is the host's.",
    false
};
static const KnRule rule_localtime_utc = { "clock.windows-localtime-utc-host", "", true };
static const KnRule rule_windows_utc
    = { "clock.windows-utc",
        "Windows takes its hardware clock for local time: it has to have RealTimeIsUniversal=1, "
        "and cloudbase-init real_time_clock_utc=true, or it is off by its zone.",
        true };
static const KnRule rule_said = { "clock.policy", "The clock policy says so." };
static const KnRule rule_timezone = { "clock.windows-timezone", "" };
static const KnRule rule_zone_said = { "clock.timezone", "" };
static const KnRule rule_guest = { "clock.guest", "" };
static const KnRule rule_guest_waits
    = { "clock.guest-waits", "The guest owns its clock but has not written it yet." };

static bool
is_utc_zone (const char *zone)
{
    const char *const names[] = { "UTC", "Etc/UTC", "Universal", "Zulu", "GMT", "Etc/GMT", NULL };
    return zone && g_strv_contains (names, zone);
}

char *
kn_guest_clock_format_offset (gint64 offset_s)
{
    gint64 s = ABS (offset_s);
    g_autofree char *seconds = s % 60 ? g_strdup_printf (":%02d", (int)(s % 60)) : g_strdup ("");
    return g_strdup_printf ("UTC%c%02" G_GINT64_FORMAT ":%02d%s", offset_s < 0 ? '-' : '+',
                            s / 3600, (int)(s / 60 % 60), seconds);
}

gint64
kn_guest_clock_snap (gint64 offset_s, const gint64 *zone_offsets_s, gsize n)
{
    gint64 best_s = offset_s, nearest_s = KN_GUEST_CLOCK_DRIFT_S + 1;
    for (gsize i = 0; i < n; i++) {
        gint64 away_s = ABS (offset_s - zone_offsets_s[i]);
        if (away_s < nearest_s) {
            nearest_s = away_s;
            best_s = zone_offsets_s[i];
        }
    }
    if (nearest_s <= KN_GUEST_CLOCK_DRIFT_S)
        return best_s;
    gint64 half_s = offset_s < 0 ? -QUARTER_S / 2 : QUARTER_S / 2;
    gint64 quarter_s = (offset_s + half_s) / QUARTER_S * QUARTER_S;
    return ABS (offset_s - quarter_s) <= KN_GUEST_CLOCK_DRIFT_S ? quarter_s : offset_s;
}

/* ---- choosing ---- */

static Policy
policy_from_name (const char *name)
{
    for (guint i = 0; name && i < CLOCK_N; i++)
        if (strcmp (policy_names[i], name) == 0)
            return (Policy)i;
    return CLOCK_AUTO;
}

/* What the project or the cloud says is about guests that keep local time: Linux would be wrong by it. */
static void
add_defaults (KnDraft *draft, KnSaid *policy, KnSaid *zone)
{
    const KnGuestClockDefaults *defaults = &draft->facts->clock_defaults;
    if (!zone->text && defaults->zone)
        *zone = (KnSaid){ defaults->zone, defaults->zone_by };
    /* A default that lacks its zone is none. */
    if (policy->text || !draft->windows || !defaults->policy
        || (!zone->text && strcmp (defaults->policy, "timezone") == 0))
        return;
    *policy = (KnSaid){ defaults->policy, defaults->policy_by };
}

/* Whether the guest has said something about its clock that still counts. One that only wrote back the time that a declaration
 * gave it has not: where that declaration was wrong and is mended now, what it wrote was as wrong. */
static bool
has_spoken (const KnDraft *draft, const Choice *choice)
{
    const KnGuestFacts *facts = draft->facts;
    if (!facts->has_rtc_offset || g_strcmp0 (facts->rtc_set_by, "repeat") != 0)
        return facts->has_rtc_offset;
    if (!choice->zone.text)
        return g_strcmp0 (facts->rtc_declared, "localtime") == 0;
    return g_strcmp0 (facts->rtc_declared, "timezone") == 0
           && g_strcmp0 (facts->rtc_declared_zone, choice->zone.text) == 0;
}

/* What the guest said wins over what we guess; a zone wins over the host's. */
static Policy
decide_by_guess (const KnDraft *draft, const Choice *choice)
{
    if (!draft->windows)
        return CLOCK_UTC;
    if (has_spoken (draft, choice))
        return CLOCK_GUEST;
    return choice->zone.text ? CLOCK_TIMEZONE : CLOCK_LOCALTIME;
}

static Policy
decide_policy (const KnDraft *draft, const Choice *choice)
{
    if (choice->said == CLOCK_AUTO)
        return decide_by_guess (draft, choice);
    if (choice->said != CLOCK_GUEST || draft->facts->has_rtc_offset)
        return choice->said;
    /* It has not spoken yet. */
    if (draft->windows)
        return decide_by_guess (draft, choice);
    return choice->zone.text ? CLOCK_TIMEZONE : CLOCK_GUEST;
}

static bool
choose (KnDraft *draft, Choice *out_choice, GError **error)
{
    KnSaid policy = { NULL, NULL }, zone = { NULL, NULL };
    Choice choice = { .decides = draft->windows ? CLOCK_LOCALTIME : CLOCK_UTC };
    if (!draft->profile->clock_policies) {
        *out_choice = choice;
        return true;
    }
    if (!kn_pick (draft, "os_clock_policy", &policy, error)
        || !kn_pick (draft, "os_timezone", &zone, error))
        return false;
    add_defaults (draft, &policy, &zone);
    choice.said = policy_from_name (policy.text);
    choice.said_by = policy.source;
    choice.zone_as = zone.text;
    choice.zone = (KnSaid){ zone.text ? kn_zone_iana (zone.text) : NULL, zone.source };
    if (choice.said == CLOCK_TIMEZONE && !zone.text) {
        kn_guest_fail (error, "api/InvalidRequest",
                       "os_clock_policy is 'timezone', but os_timezone does not say which.");
        return false;
    }
    choice.decides = decide_policy (draft, &choice);
    *out_choice = choice;
    return true;
}

bool
kn_guest_clock_choose (const KnGuestFacts *facts, KnGuestClock *out_clock, GError **error)
{
    g_autoptr (KnGuestPlan) scratch = kn_guest_plan_new_empty ();
    g_autoptr (KnDraft) draft = kn_draft_new (facts, scratch, error);
    Choice choice;
    if (!draft || !choose (draft, &choice, error))
        return false;
    *out_clock = (KnGuestClock){
        .policy = policy_names[choice.decides],
        .said = g_strdup (policy_names[choice.said]),
        .said_by = g_strdup (choice.said_by),
        .zone = g_strdup (choice.zone.text),
        .zone_by = g_strdup (choice.zone.source),
    };
    return true;
}

void
kn_guest_clock_clear (KnGuestClock *clock)
{
    g_clear_pointer (&clock->said, g_free);
    g_clear_pointer (&clock->said_by, g_free);
    g_clear_pointer (&clock->zone, g_free);
    g_clear_pointer (&clock->zone_by, g_free);
}

/* ---- deciding ---- */

static void
decide_undeclared (KnDraft *draft)
{
    const char *os_type = draft->facts->os_type;
    KnSaid distro = kn_property (draft, "os_distro");
    if (os_type && *os_type)
        kn_because_of (
            draft, &rule_mistyped, "instances.os_type",
            "os_type is '%s', which is neither linux nor windows, so the clock keeps UTC.",
            os_type);
    else if (distro.text && g_str_has_prefix (distro.text, "win"))
        kn_because_of (
            draft, &rule_mistyped, distro.source,
            "There is no os_type, so the clock keeps UTC; os_distro is '%s', did you mean "
            "os_type=windows?",
            distro.text);
    else
        kn_because (draft, &rule_undeclared, "instances.os_type");
}

static void
decide_utc (KnDraft *draft, const Choice *choice)
{
    if (choice->said == CLOCK_UTC)
        kn_because (draft, draft->windows ? &rule_windows_utc : &rule_said, choice->said_by);
    else if (draft->facts->os_type && g_ascii_strcasecmp (draft->facts->os_type, "linux") == 0)
        kn_because (draft, &rule_utc, "instances.os_type");
    else
        decide_undeclared (draft);
    kn_decide (draft, "clock/@offset", "utc");
}

static void
decide_localtime (KnDraft *draft, const Choice *choice)
{
    const char *zone = draft->host->zone;
    const char *source = choice->said == CLOCK_LOCALTIME ? choice->said_by : "instances.os_type";
    if (draft->windows && is_utc_zone (zone) && draft->profile->clock_policies)
        kn_because_of (
            draft, &rule_localtime_utc, source,
            "Windows keeps local time, but this host's zone is %s: set os_timezone, or the "
            "guest reads UTC.",
            zone);
    else
        kn_because (draft, choice->said == CLOCK_LOCALTIME ? &rule_said : &rule_localtime, source);
    kn_decide (draft, "clock/@offset", "localtime");
}

static void
decide_timezone (KnDraft *draft, const Choice *choice)
{
    bool told = choice->said == CLOCK_TIMEZONE;
    bool mapped = strcmp (choice->zone.text, choice->zone_as) != 0;
    kn_because_of (draft, told ? &rule_zone_said : &rule_timezone, choice->zone.source, "%s%s%s%s.",
                   told ? "The clock policy says that the hardware clock keeps the declared zone's "
                          "time"
                        : "Windows keeps local time in the hardware clock, and its zone is "
                          "declared",
                   mapped ? "; Windows calls it " : "", mapped ? choice->zone_as : "",
                   told || choice->said_by ? ""
                                           : "; once the guest sets another time, that is kept");
    kn_decide (draft, "clock/@offset", "timezone");
    kn_decide (draft, "clock/@timezone", choice->zone.text);
}

/* How the guest came by its offset; the last row is for facts that do not say. */
static const struct {
    const char *set_by, *source, *words;
} setters[] = {
    { "image", "image os_rtc_offset", "The guest that this image was made from had set" },
    { "user", "server os_rtc_offset", "Somebody has said that the guest had set" },
    { "move", "RTC on the host before", "On the host that it came from the guest has had" },
    { NULL, "RTC of the guest", "The guest has set" },
};

static void
explain_guest (KnDraft *draft, gint64 start_s)
{
    const KnGuestFacts *facts = draft->facts;
    char since[KN_TIME_TEXT_MAX] = "";
    gsize i = 0;
    while (setters[i].set_by && g_strcmp0 (setters[i].set_by, facts->rtc_set_by) != 0)
        i++;
    if (facts->rtc_since_us)
        (void)kn_time_format (facts->rtc_since_us, KN_TIME_DB, since);
    g_autofree char *offset = kn_guest_clock_format_offset (facts->rtc_offset_s);
    g_autofree char *drift
        = start_s == facts->rtc_offset_s
              ? g_strdup ("that is kept")
              : g_strdup_printf ("%" G_GINT64_FORMAT " s of that are drift and are left out",
                                 facts->rtc_offset_s - start_s);
    kn_because_of (draft, &rule_guest, setters[i].source, "%s its hardware clock to %s%s%s%s; %s.",
                   setters[i].words, offset, *since ? " (since " : "", since, *since ? " UTC)" : "",
                   drift);
}

static void
decide_guest (KnDraft *draft, const Choice *choice)
{
    const KnGuestFacts *facts = draft->facts;
    gint64 start_s = facts->has_rtc_offset ? facts->rtc_offset_s : 0;
    if (choice->said == CLOCK_AUTO)
        start_s = kn_guest_clock_snap (start_s, facts->zone_offsets_s, facts->n_zone_offsets);
    if (facts->has_rtc_offset)
        explain_guest (draft, start_s);
    else
        kn_because (draft, &rule_guest_waits, choice->said_by);
    kn_decide (draft, "clock/@offset", "variable");
    kn_decide (draft, "clock/@basis", "utc");
    kn_decide_number (draft, "clock/@adjustment", start_s);
}

bool
kn_decide_clock (KnDraft *draft, GError **error)
{
    static void (*const decide[CLOCK_N]) (KnDraft * draft, const Choice *choice) = {
        [CLOCK_UTC] = decide_utc,
        [CLOCK_LOCALTIME] = decide_localtime,
        [CLOCK_TIMEZONE] = decide_timezone,
        [CLOCK_GUEST] = decide_guest,
    };
    Choice choice;
    if (!choose (draft, &choice, error))
        return false;
    decide[choice.decides](draft, &choice);
    kn_decide_timers (draft);
    return true;
}
