/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about the hardware clock and the timers.
 *
 * A guest takes its time from the RTC at start: Windows reads it as local time, the others as UTC. (libvirt, formatdomain: Time
 * keeping; QEMU, -rtc.) A `variable` clock is what a guest's own writing, oVirt and Kilonova make: for Windows it is right. */
#include <string.h>

#include "doctor/rules_priv.h"

#define OFFSET "clock/@offset"
#define HALF_HOUR_S 1800

static bool
is_utc_zone (const char *zone)
{
    static const char *const names[]
        = { "UTC", "Etc/UTC", "Universal", "Zulu", "GMT", "Etc/GMT", "UCT", "Etc/UCT", NULL };

    return zone && g_strv_contains (names, zone);
}

/* The zone that the guest lives in: its own, else its fleet's. NULL: nobody said. */
static const char *
guest_zone (const KnExam *exam, const KnSubject *subject)
{
    return subject->zone ? subject->zone : exam->fleet->zone;
}

static const char *
host_zone (const KnSubject *subject)
{
    return subject->host ? subject->host->zone : NULL;
}

/* What the clock element says; libvirt's default is utc. */
static const char *
offset_of (const KnSubject *subject)
{
    const char *offset = kn_definition_get (kn_subject_definition (subject), OFFSET);

    return offset ? offset : "utc";
}

static bool
has_definition (const KnSubject *subject)
{
    return kn_subject_definition (subject) != NULL;
}

static void
clear_clock (KnFinding *finding, const KnSubject *subject, const char *offset)
{
    static const char *const others[]
        = { "clock/@adjustment", "clock/@basis", "clock/@start", "clock/@timezone" };

    for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
        if (strcmp (others[i], "clock/@timezone") != 0 || strcmp (offset, "timezone") != 0)
            kn_finding_remove (finding, subject, others[i]);
    kn_finding_set (finding, subject, OFFSET, offset);
}

static void
record_windows (KnFinding *finding, const KnSubject *subject)
{
    const char *os_type = subject->record ? subject->record->os_type : NULL;

    if (subject->record && (!os_type || strcmp (os_type, "windows") != 0))
        kn_finding_record (finding, "os_type", "windows", os_type);
}

/* Local time, as well as it can be given: the declared zone, else the host's if that is not UTC. */
static void
give_local_time (KnExam *exam, KnFinding *finding, const KnSubject *subject)
{
    const char *zone = guest_zone (exam, subject), *host = host_zone (subject);

    if (!kn_subject_is_windows (subject))
        return;
    record_windows (finding, subject);
    if (zone && !(is_utc_zone (zone) && is_utc_zone (host))) {
        clear_clock (finding, subject, "timezone");
        kn_finding_set (finding, subject, "clock/@timezone", zone);
        kn_finding_advise (finding, "Give it the clock of its zone, %s.", zone);
    } else if (!is_utc_zone (host)) {
        clear_clock (finding, subject, "localtime");
        kn_finding_advise (finding,
                           "Give it the host's local time%s%s; declare its zone if that "
                           "is another one.",
                           host ? ", " : "", host ? host : "");
    } else {
        kn_finding_advise (finding, "Say which zone the guest lives in (--zone AREA/CITY, or "
                                    "os_timezone): on this host local time is UTC.");
    }
}

static void
check_windows_utc (KnExam *exam, const KnSubject *subject)
{
    if (!kn_subject_is_windows (subject) || !has_definition (subject)
        || strcmp (offset_of (subject), "utc") != 0
        || g_strcmp0 (subject->clock_policy, "utc") == 0)
        return;
    const char *zone = guest_zone (exam, subject);
    if (is_utc_zone (zone))
        return;

    KnFinding *finding = kn_exam_find (
        exam, "Windows takes the hardware clock for local time, but it is given UTC.");
    kn_finding_show (finding, subject, OFFSET);
    kn_finding_note (finding, "%s = %s", subject->os.source, subject->os.evidence);
    give_local_time (exam, finding, subject);
}

static void
check_local_host (KnExam *exam, const KnSubject *subject)
{
    const char *zone = guest_zone (exam, subject), *host = host_zone (subject);
    bool declared = g_strcmp0 (subject->clock_policy, "localtime") == 0;

    if (!kn_subject_is_windows (subject) || !has_definition (subject) || declared
        || strcmp (offset_of (subject), "localtime") != 0 || !host)
        return;
    if (zone ? strcmp (zone, host) == 0 || (is_utc_zone (zone) && is_utc_zone (host))
             : !is_utc_zone (host))
        return;

    KnFinding *finding = kn_exam_find (
        exam, "The clock follows the host's zone, %s, and %s%s.", host,
        zone ? "the guest lives in " : "no zone is declared for the guest", zone ? zone : "");
    kn_finding_show (finding, subject, OFFSET);
    kn_finding_note (finding, "zone of the host = %s", host);
    give_local_time (exam, finding, subject);
    if (!zone) {
        finding->severity = KN_SEVERITY_WARNING;
        finding->confidence = MIN (finding->confidence, KN_CONFIDENCE_MEDIUM);
    }
}

static bool
is_off_utc (const KnSubject *subject)
{
    const char *offset = offset_of (subject);
    const KnDefinition *definition = kn_subject_definition (subject);
    gint64 adjustment = kn_definition_int (definition, "clock/@adjustment", 0);
    bool local_basis = kn_definition_is (definition, "clock/@basis", "localtime");

    if (strcmp (offset, "localtime") == 0)
        return !is_utc_zone (host_zone (subject));
    if (strcmp (offset, "timezone") == 0)
        return !is_utc_zone (kn_definition_get (definition, "clock/@timezone"));
    return strcmp (offset, "variable") == 0
           && (ABS (adjustment) >= HALF_HOUR_S
               || (local_basis && !is_utc_zone (host_zone (subject))));
}

static void
check_linux_local (KnExam *exam, const KnSubject *subject)
{
    bool declared = subject->clock_policy && strcmp (subject->clock_policy, "utc") != 0;

    if (subject->os.family != KN_SUBJECT_OS_LINUX || !has_definition (subject) || declared
        || !is_off_utc (subject))
        return;
    KnFinding *finding = kn_exam_find (
        exam, "Linux takes the hardware clock for UTC, but it is given another time.");
    kn_finding_show (finding, subject, OFFSET);
    if (kn_definition_get (kn_subject_definition (subject), "clock/@adjustment"))
        kn_finding_show (finding, subject, "clock/@adjustment");
    kn_finding_note (finding, "%s = %s", subject->os.source, subject->os.evidence);
    clear_clock (finding, subject, "utc");
    if (subject->record && subject->record->os_type
        && g_ascii_strcasecmp (subject->record->os_type, "linux") != 0)
        kn_finding_record (finding, "os_type", "linux", subject->record->os_type);
}

static void
check_absolute (KnExam *exam, const KnSubject *subject)
{
    if (!has_definition (subject) || strcmp (offset_of (subject), "absolute") != 0)
        return;
    KnFinding *finding
        = kn_exam_find (exam, "The hardware clock begins at the same moment at every start.");
    kn_finding_show (finding, subject, OFFSET);
    kn_finding_show (finding, subject, "clock/@start");
    if (kn_subject_is_windows (subject))
        give_local_time (exam, finding, subject);
    else
        clear_clock (finding, subject, "utc");
}

static void
check_zone_name (KnExam *exam, const KnSubject *subject)
{
    const char *zone = guest_zone (exam, subject);

    if (!subject->clock_zone_unknown)
        return;
    KnFinding *finding = kn_exam_find (exam, "The clock's time zone does not exist.");
    kn_finding_show (finding, subject, "clock/@timezone");
    if (kn_subject_is_windows (subject)) {
        give_local_time (exam, finding, subject);
        if (!zone)
            finding->confidence = MIN (finding->confidence, KN_CONFIDENCE_MEDIUM);
    } else if (subject->os.family == KN_SUBJECT_OS_LINUX) {
        clear_clock (finding, subject, "utc");
    }
}

/* ---- timers ---- */

static bool
is_windows_on_kvm (const KnSubject *subject)
{
    return kn_subject_is_windows (subject) && kn_subject_is_kvm (subject);
}

static bool
is_x86 (const KnSubject *subject)
{
    const char *arch = kn_definition_get (kn_subject_definition (subject), "os/type/@arch");

    return g_strcmp0 (arch, "x86_64") == 0 || g_strcmp0 (arch, "i686") == 0;
}

static void
check_ticks (KnExam *exam, const KnSubject *subject)
{
    static const struct {
        const char *path, *value;
    } wanted[] = { { "clock/timer[rtc]/@tickpolicy", "catchup" },
                   { "clock/timer[pit]/@tickpolicy", "delay" } };
    const KnDefinition *definition = kn_subject_definition (subject);
    KnFinding *finding = NULL;

    if (!is_windows_on_kvm (subject) || !is_x86 (subject))
        return;
    for (gsize i = 0; i < G_N_ELEMENTS (wanted); i++) {
        const char *value = kn_definition_get (definition, wanted[i].path);

        /* `discard` for the PIT is what Proxmox gives Windows on purpose. */
        if (value && (strcmp (value, wanted[i].value) == 0 || i == 1))
            continue;
        if (!finding)
            finding = kn_exam_find (exam, "Ticks that come late are lost.");
        kn_finding_show (finding, subject, wanted[i].path);
        kn_finding_set (finding, subject, wanted[i].path, wanted[i].value);
    }
}

static void
check_hpet (KnExam *exam, const KnSubject *subject)
{
    const char *present
        = kn_definition_get (kn_subject_definition (subject), "clock/timer[hpet]/@present");

    if (!is_windows_on_kvm (subject) || !is_x86 (subject) || g_strcmp0 (present, "no") == 0
        || kn_subject_declares (subject, "hw_time_hpet", "true"))
        return;
    KnFinding *finding = kn_exam_find (exam, "The emulated HPET is on.");
    kn_finding_show (finding, subject, "clock/timer[hpet]/@present");
    kn_finding_set (finding, subject, "clock/timer[hpet]/@present", "no");
}

static void
check_hypervclock (KnExam *exam, const KnSubject *subject)
{
    if (!is_windows_on_kvm (subject) || !is_x86 (subject)
        || kn_windows_wants (subject->os.version, NULL).no_hyperv
        || kn_definition_is (kn_subject_definition (subject), "clock/timer[hypervclock]/@present",
                             "yes"))
        return;
    KnFinding *finding = kn_exam_find (exam, "Windows has no Hyper-V reference clock.");
    kn_finding_show (finding, subject, "clock/timer[hypervclock]/@present");
    kn_finding_set (finding, subject, "clock/timer[hypervclock]/@present", "yes");
}

static void
check_kvmclock (KnExam *exam, const KnSubject *subject)
{
    if (subject->os.family != KN_SUBJECT_OS_LINUX || !kn_subject_is_kvm (subject)
        || !kn_definition_is (kn_subject_definition (subject), "clock/timer[kvmclock]/@present",
                              "no"))
        return;
    KnFinding *finding = kn_exam_find (exam, "The KVM clock was taken from a Linux guest.");
    kn_finding_show (finding, subject, "clock/timer[kvmclock]/@present");
    kn_finding_remove (finding, subject, "clock/timer[kvmclock]");
}

static const KnDoctorRule rows[] = {
    { "clock-windows-utc", KN_SEVERITY_ERROR, KN_NEEDS_DEFINITION, true,
      "Windows on a UTC hardware clock",
      "The guest is off by its zone after every start: KMS activation fails (0xC004F074), sessions "
      "and tickets expire, logs disagree.",
      "Give the guest local time.", check_windows_utc },
    { "clock-local-host-zone", KN_SEVERITY_ERROR, KN_NEEDS_DEFINITION, true,
      "Local time of a host in another zone",
      "The guest is off by the difference of the zones after every start, although its clock is "
      "set to local time.",
      "Give the guest the clock of its own zone.", check_local_host },
    { "clock-linux-local", KN_SEVERITY_ERROR, KN_NEEDS_DEFINITION, true,
      "Linux on a hardware clock that is not UTC",
      "The guest is off by a zone until NTP has set it; file times and certificates of the first "
      "minutes are wrong.",
      "Give the guest UTC.", check_linux_local },
    { "clock-absolute", KN_SEVERITY_ERROR, KN_NEEDS_DEFINITION, true,
      "The clock starts at a fixed moment",
      "Every start throws the guest back to the same date; certificates, licences and logs go "
      "wrong.",
      "Let the clock follow the host's.", check_absolute },
    { "clock-zone-unknown", KN_SEVERITY_ERROR, KN_NEEDS_DEFINITION, true,
      "The clock's zone does not exist", "QEMU takes an unknown zone for UTC, without a word.",
      "Name an existing zone.", check_zone_name },
    { "timer-ticks", KN_SEVERITY_WARNING, KN_NEEDS_DEFINITION, true, "Late ticks are not made up",
      "The clock of a busy guest falls behind, boot loaders time out too early.",
      "Let the RTC catch up and delay the PIT.", check_ticks },
    { "timer-hpet", KN_SEVERITY_WARNING, KN_NEEDS_DEFINITION, true, "Windows with an HPET",
      "Idle guests burn CPU and time drifts: each read of the HPET leaves the guest.",
      "Switch the HPET off.", check_hpet },
    { "timer-hypervclock", KN_SEVERITY_WARNING, KN_NEEDS_DEFINITION, true,
      "Windows without the Hyper-V clock",
      "Each look at the time leaves the guest; databases and games are slow, CPU use is high.",
      "Add the hypervclock timer.", check_hypervclock },
    { "timer-kvmclock", KN_SEVERITY_WARNING, KN_NEEDS_DEFINITION, true,
      "Linux without the KVM clock",
      "The guest falls back to slower and less exact clocks, and jumps after migration.",
      "Give the KVM clock back.", check_kvmclock },
};
const KnDoctorRules kn_rules_clock = { rows, G_N_ELEMENTS (rows) };
