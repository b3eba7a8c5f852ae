/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about what was measured. What was not measured accuses nobody. */
#include <string.h>

#include "doctor/rules_priv.h"

/* A guest that has only begun has not come round to everything. */
#define SETTLED_S 180
#define SETTLED_VCPU_NS ((gint64)20 * 1000000000)
#define QUARTER_S 900
#define SKEW_SLACK_S 120
#define SKEW_MIN_S 1800
#define IDLE_VCPU_NS 30000000 /* what a vCPU that was never started has used, at most */
#define BUSY_VCPU_NS ((gint64)5 * 1000000000)
#define AWAKE_VCPU_NS 100000000 /* of the busiest, in a guest that runs for long */
#define STATS_OLD_S 300

static gint64
most_vcpu_time (const KnSubject *subject)
{
    const GArray *times = subject->measured.vcpu_time_ns;
    gint64 most = 0;

    for (guint i = 0; times && i < times->len; i++)
        most = MAX (most, g_array_index (times, gint64, i));
    return most;
}

/* Where nobody knows since when it runs, its busiest CPU says that it has. */
static bool
is_settled (const KnSubject *subject)
{
    const KnMeasure *uptime = &subject->measured.uptime_s;

    if (!subject->running)
        return false;
    return uptime->known ? uptime->value >= SETTLED_S : most_vcpu_time (subject) >= SETTLED_VCPU_NS;
}

/* Zones are whole quarters of an hour apart. */
static void
check_skew (KnExam *exam, const KnSubject *subject)
{
    const KnMeasure *skew = &subject->measured.skew_s;
    gint64 size = ABS (skew->value);
    gint64 rest = MIN (size % QUARTER_S, QUARTER_S - size % QUARTER_S);

    if (!skew->known || size < SKEW_MIN_S - SKEW_SLACK_S || rest > SKEW_SLACK_S)
        return;
    KnFinding *finding = kn_exam_find (
        exam, "The guest's clock is off by %+.2f hours, which is a difference of zones.",
        (double)skew->value / 3600);
    kn_finding_note (finding, "guest's clock minus true time = %" G_GINT64_FORMAT " s",
                     skew->value);
    kn_finding_show (finding, subject, "clock/@offset");
    finding->confidence = KN_CONFIDENCE_HIGH;
}

static void
check_vcpus (KnExam *exam, const KnSubject *subject)
{
    const GArray *times = subject->measured.vcpu_time_ns;
    gint64 most = most_vcpu_time (subject);
    gint64 awake = subject->measured.uptime_s.known ? AWAKE_VCPU_NS : BUSY_VCPU_NS;
    guint idle = 0;

    if (!times || times->len < 2 || most < awake
        || (subject->measured.uptime_s.known && !is_settled (subject)))
        return;
    for (guint i = 0; i < times->len; i++)
        idle += g_array_index (times, gint64, i) < IDLE_VCPU_NS;
    if (idle == 0)
        return;
    KnFinding *finding
        = kn_exam_find (exam, "%u of %u virtual CPUs have never run.", idle, times->len);
    for (guint i = 0; i < times->len; i++)
        kn_finding_note (finding, "vCPU %u has run %.2f s", i,
                         (double)g_array_index (times, gint64, i) / 1e9);
    kn_finding_show (finding, subject, "cpu/topology/@sockets");
}

static void
check_guest_cpus (KnExam *exam, const KnSubject *subject)
{
    const KnMeasure *seen = &subject->measured.guest_cpus;
    gint64 given = kn_definition_int (subject->live, "vcpu", 0);
    gint64 current = kn_definition_int (subject->live, "vcpu/@current", given);

    if (!seen->known || seen->value >= current)
        return;
    KnFinding *finding
        = kn_exam_find (exam, "The guest uses %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " CPUs.",
                        seen->value, current);
    kn_finding_show (finding, subject, "vcpu");
    kn_finding_show (finding, subject, "cpu/topology/@sockets");
    kn_finding_note (finding, "CPUs by the guest agent = %" G_GINT64_FORMAT, seen->value);
}

static void
check_agent (KnExam *exam, const KnSubject *subject)
{
    if (subject->measured.agent != KN_CHANNEL_SILENT || !is_settled (subject)
        || kn_subject_declares (subject, "hw_qemu_guest_agent", "false"))
        return;
    KnFinding *finding = kn_exam_find (exam, "The agent's channel is there, and nobody answers.");
    kn_finding_note (finding, "devices/channel[org.qemu.guest_agent.0]/target/@state = %s",
                     "disconnected");
}

static void
check_balloon (KnExam *exam, const KnSubject *subject)
{
    const KnMeasure *age = &subject->measured.balloon_update_s;
    bool period = kn_definition_int (subject->live, "devices/memballoon/stats/@period", 0) > 0;

    if (!age->known || !period || !is_settled (subject)
        || (age->value >= 0 && age->value < STATS_OLD_S))
        return;
    KnFinding *finding
        = kn_exam_find (exam, "The balloon is asked for memory statistics and does not answer.");
    kn_finding_show (finding, subject, "devices/memballoon/stats/@period");
    if (age->value < 0)
        kn_finding_note (finding, "last statistics = never");
    else
        kn_finding_note (finding, "last statistics = %" G_GINT64_FORMAT " s ago", age->value);
}

static void
check_certificates (KnExam *exam, const KnSubject *subject)
{
    if (subject->measured.certificates != KN_CERTIFICATES_2011)
        return;
    KnFinding *finding
        = kn_exam_find (exam, "The guest's firmware trusts Microsoft's certificates of 2011 only.");
    kn_finding_show (finding, subject, "os/nvram");
}

static const KnDoctorRule rows[] = {
    { "clock-skew-zone", KN_SEVERITY_ERROR, KN_NEEDS_MEASUREMENT, true,
      "The guest is off by a time zone",
      "KMS activation fails (0xC004F074) from 4 hours on, Kerberos from 5 minutes on; sessions "
      "expire.",
      "Correct what the clock is based on, then restart; until then set the time in the guest.",
      check_skew },
    { "vcpu-never-ran", KN_SEVERITY_ERROR, KN_NEEDS_MEASUREMENT, true,
      "Virtual CPUs that never ran",
      "The guest is slower than its flavor: it does not use all of its CPUs.",
      "Give Windows one socket with many cores; bring offline CPUs up in Linux.", check_vcpus },
    { "vcpu-not-seen", KN_SEVERITY_ERROR, KN_NEEDS_MEASUREMENT, true,
      "The guest sees fewer CPUs than it was given",
      "Task Manager or nproc show fewer CPUs than the flavor has.",
      "Give Windows one socket with many cores; bring offline CPUs up in Linux.",
      check_guest_cpus },
    { "agent-silent", KN_SEVERITY_NOTICE, KN_NEEDS_MEASUREMENT, false, "The guest agent is silent",
      "Password changes, consistent snapshots and clean shutdown do not work.",
      "Install or start qemu-guest-agent in the guest.", check_agent },
    { "balloon-silent", KN_SEVERITY_NOTICE, KN_NEEDS_MEASUREMENT, false,
      "No memory statistics from the balloon",
      "Monitoring shows no memory use, although everything is set up on the host.",
      "Install or start the balloon driver (and its service, on Windows) in the guest.",
      check_balloon },
    { "certificates-2011", KN_SEVERITY_WARNING, KN_NEEDS_MEASUREMENT, false,
      "Secure Boot certificates of 2011 only",
      "They expired in June 2026: boot loaders signed since then do not start.",
      "Enrol the certificates of 2023 in the guest's firmware variables.", check_certificates },
};
const KnDoctorRules kn_rules_measured = { rows, G_N_ELEMENTS (rows) };
