/* SPDX-License-Identifier: Apache-2.0 */
/* The hardware clock and the timers.
 *
 * A guest reads its time from the RTC when it starts. Linux takes it as UTC, Windows as its own local time. `localtime` is the
 * *host's* local time, which helps a Windows guest only where host and guest share a zone; a declared zone does always. Once
 * the guest has written its RTC, the offset that it wrote is the truth. (libvirt, formatdomain: Time keeping; Nova 26.2,
 * libvirt/driver.py, _set_clock and _set_kvm_timers.) */
#include <string.h>

#include "guest/guest_priv.h"

typedef enum { CLOCK_UTC, CLOCK_LOCALTIME, CLOCK_TIMEZONE, CLOCK_GUEST, CLOCK_N } ClockPolicy;

static const char *const policy_names[CLOCK_N] = {
    [CLOCK_UTC] = "utc",
    [CLOCK_LOCALTIME] = "localtime",
    [CLOCK_TIMEZONE] = "timezone",
    [CLOCK_GUEST] = "guest",
};

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
static const KnRule rule_said = { "clock.policy", "The clock policy says so." };
static const KnRule rule_timezone
    = { "clock.windows-timezone",
        "Windows keeps local time in the hardware clock, and its zone is declared." };
static const KnRule rule_guest
    = { "clock.guest",
        "The guest has set its hardware clock itself; the offset that it wrote is kept." };
static const KnRule rule_guest_waits
    = { "clock.guest-waits", "The guest owns its clock but has not written it yet." };
static const KnRule rule_pit
    = { "clock.pit-delay",
        "Late ticks are delivered at the normal rate, which boot loaders need." };
static const KnRule rule_rtc
    = { "clock.rtc-catchup",
        "Late ticks are made up for, so that guests that count ticks keep time." };
static const KnRule rule_hpet
    = { "clock.hpet", "The HPET is slow to emulate; guests do better with other timers." };
static const KnRule rule_hpet_said = { "clock.hpet-said", "The HPET was asked for." };
static const KnRule rule_no_timers
    = { "clock.no-timers-under-tcg", "Nova writes no timers for guests without KVM." };
static const KnRule rule_hypervclock
    = { "clock.hypervclock",
        "Windows reads the Hyper-V reference clock without leaving the guest." };
static const KnRule rule_tsc
    = { "clock.tsc",
        "The TSC frequency is pinned to this host's, so that Windows can rely on it." };
static const KnRule rule_no_hypervclock
    = { "clock.no-hypervclock-under-tcg",
        "Without KVM the Hyper-V reference clock has no effect." };

static bool
is_utc_zone (const char *zone)
{
    const char *const names[] = { "UTC", "Etc/UTC", "Universal", "Zulu", "GMT", "Etc/GMT", NULL };
    return zone && g_strv_contains (names, zone);
}

static void
decide_utc (KnDraft *draft)
{
    const char *os_type = draft->facts->os_type;
    KnSaid distro = kn_property (draft, "os_distro");
    if (draft->windows || kn_is ((KnSaid){ os_type, NULL }, "linux"))
        kn_because (draft, &rule_utc, "instances.os_type");
    else if (os_type && *os_type)
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
    kn_decide (draft, "clock/@offset", "utc");
}

static void
decide_localtime (KnDraft *draft)
{
    const char *zone = draft->host->zone;
    if (is_utc_zone (zone) && draft->profile->clock_policies)
        kn_because_of (
            draft, &rule_localtime_utc, "instances.os_type",
            "Windows keeps local time, but this host's zone is %s: set os_timezone, or the "
            "guest reads UTC.",
            zone);
    else
        kn_because (draft, &rule_localtime, "instances.os_type");
    kn_decide (draft, "clock/@offset", "localtime");
}

static void
decide_timezone (KnDraft *draft, KnSaid zone)
{
    kn_because (draft, &rule_timezone, zone.source);
    kn_decide (draft, "clock/@offset", "timezone");
    kn_decide (draft, "clock/@timezone", zone.text);
}

static void
decide_variable (KnDraft *draft)
{
    kn_because (draft, &rule_guest, "RTC of the guest");
    kn_decide (draft, "clock/@offset", "variable");
    kn_decide (draft, "clock/@basis", "utc");
    kn_decide_number (draft, "clock/@adjustment", draft->facts->rtc_offset_s);
}

/* What the guest said wins over what we guess; a zone wins over the host's. */
static void
decide_auto (KnDraft *draft, KnSaid zone)
{
    if (!draft->windows)
        decide_utc (draft);
    else if (draft->facts->has_rtc_offset)
        decide_variable (draft);
    else if (zone.text)
        decide_timezone (draft, zone);
    else
        decide_localtime (draft);
}

static void
decide_as_told (KnDraft *draft, ClockPolicy policy, KnSaid said, KnSaid zone)
{
    if (policy == CLOCK_GUEST && draft->facts->has_rtc_offset) {
        decide_variable (draft);
        return;
    }
    if (policy == CLOCK_GUEST && (zone.text || draft->windows)) {
        decide_auto (draft, zone);
        return;
    }
    if (policy == CLOCK_TIMEZONE) {
        decide_timezone (draft, zone);
        return;
    }
    kn_because (draft, policy == CLOCK_GUEST ? &rule_guest_waits : &rule_said, said.source);
    kn_decide (draft, "clock/@offset", policy == CLOCK_LOCALTIME ? "localtime" : "utc");
}

static bool
choose_policy (KnSaid said, ClockPolicy *out_policy)
{
    for (gsize i = 0; said.text && i < CLOCK_N; i++)
        if (strcmp (policy_names[i], said.text) == 0) {
            *out_policy = (ClockPolicy)i;
            return true;
        }
    return false;
}

static bool
decide_offset (KnDraft *draft, GError **error)
{
    if (draft->profile->like_nova) {
        if (draft->windows)
            decide_localtime (draft);
        else
            decide_utc (draft);
        return true;
    }

    KnSaid said, zone;
    if (!kn_pick (draft, "os_clock_policy", &said, error)
        || !kn_pick (draft, "os_timezone", &zone, error))
        return false;
    ClockPolicy policy;
    if (!choose_policy (said, &policy)) {
        decide_auto (draft, zone);
        return true;
    }
    if (policy == CLOCK_TIMEZONE && !zone.text) {
        kn_guest_fail (error, "api/InvalidRequest",
                       "os_clock_policy is 'timezone', but os_timezone does not say which.");
        return false;
    }
    decide_as_told (draft, policy, said, zone);
    return true;
}

static void
decide_hpet (KnDraft *draft)
{
    if (!draft->x86)
        return;
    KnSaid said = kn_property (draft, "hw_time_hpet");
    bool on = kn_true (said);
    kn_because (draft, on ? &rule_hpet_said : &rule_hpet, said.source);
    kn_decide (draft, "clock/timer[hpet]/@present", on ? "yes" : "no");
}

static void
decide_timers (KnDraft *draft)
{
    if (!draft->kvm && !draft->profile->timers_under_tcg) {
        kn_because (draft, &rule_no_timers, NULL);
        kn_leave_out (draft, "clock/timer");
        return;
    }
    kn_because (draft, &rule_pit, NULL);
    kn_decide (draft, "clock/timer[pit]/@tickpolicy", "delay");
    kn_because (draft, &rule_rtc, NULL);
    kn_decide (draft, "clock/timer[rtc]/@tickpolicy", "catchup");
    decide_hpet (draft);
    if (!draft->windows)
        return;
    if (draft->kvm && draft->profile->hyperv_by_host && draft->host->tsc_khz) {
        kn_because (draft, &rule_tsc, "host");
        kn_decide_number (draft, "clock/timer[tsc]/@frequency",
                          (gint64)draft->host->tsc_khz * 1000);
    }
    if (draft->kvm) {
        kn_because (draft, &rule_hypervclock, "instances.os_type");
        kn_decide (draft, "clock/timer[hypervclock]/@present", "yes");
    } else {
        kn_because (draft, &rule_no_hypervclock, "host");
        kn_leave_out (draft, "clock/timer[hypervclock]");
    }
}

bool
kn_decide_clock (KnDraft *draft, GError **error)
{
    if (!decide_offset (draft, error))
        return false;
    decide_timers (draft);
    return true;
}
