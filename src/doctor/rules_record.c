/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that compare: the record with what the guest is, the definition with its plan, the running one with the persistent. */
#include <string.h>

#include "doctor/rules_priv.h"
#include "guest/registry.h"

/* ---- the record ---- */

static const char *
family_name (const char *type)
{
    if (!type || !*type)
        return NULL;
    if (g_ascii_strncasecmp (type, "win", 3) == 0 || g_ascii_strcasecmp (type, "mswindows") == 0)
        return "windows";
    return g_ascii_strcasecmp (type, "linux") == 0 ? "linux" : NULL;
}

/* Somebody who says another operating system than the record. */
typedef struct {
    const char *source, *said, *family;
} Witness;

static Witness
find_witness (const KnSubject *subject, const char *recorded)
{
    const KnDefinition *definition = kn_subject_definition (subject);
    const char *osinfo = kn_definition_get (definition, "metadata/libosinfo/os/@id");
    const char *distro = subject->record->image_properties
                             ? g_hash_table_lookup (subject->record->image_properties, "os_distro")
                             : NULL;
    const char *agent = subject->measured.os_id;
    const Witness witnesses[] = {
        { "guest agent", agent,
          agent ? (family_name (agent) ? family_name (agent) : "linux") : NULL },
        { "inspection of the disk", subject->record->inspected_os_type,
          family_name (subject->record->inspected_os_type) },
        { "image os_distro", distro, distro ? (family_name (distro) ? "windows" : "linux") : NULL },
        { "metadata/libosinfo/os/@id", osinfo,
          osinfo && strstr (osinfo, "microsoft.com/win") ? "windows" : NULL },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (witnesses); i++)
        if (witnesses[i].family && g_strcmp0 (witnesses[i].family, recorded) != 0)
            return witnesses[i];
    return (Witness){ 0 };
}

static void
check_os_type (KnExam *exam, const KnSubject *subject)
{
    const KnSubjectRecord *record = subject->record;

    if (!record || record->deleted)
        return;
    const char *recorded = family_name (record->os_type);
    Witness witness = find_witness (subject, recorded);
    bool empty = !record->os_type || !*record->os_type;

    /* No os_type is as good as linux: both get UTC. */
    if (!witness.family || (empty && strcmp (witness.family, "linux") == 0))
        return;
    KnFinding *finding = kn_exam_find (exam, "The record says os_type %s%s%s, the %s says %s.",
                                       empty ? "" : "'", empty ? "nothing" : record->os_type,
                                       empty ? "" : "'", witness.source, witness.family);
    kn_finding_note (finding, "instances.os_type = %s", empty ? "(null)" : record->os_type);
    kn_finding_note (finding, "%s = %s", witness.source, witness.said);
    if (witness.said == record->inspected_os_type && record->inspected_by)
        kn_finding_note (finding, "%s", record->inspected_by);
    kn_finding_record (finding, "os_type", witness.family, record->os_type);
}

/* Whether the property that was meant is there, so that the misspelt one beside it does no harm. */
static bool
is_said_rightly (GHashTable *properties, const KnGuestHint *hint, const char *right)
{
    return right && strcmp (right, hint->property) != 0
           && g_hash_table_contains (properties, right);
}

/* Values that only look like a family: "Windows" and "win" are taken for unknown by Nova. */
static void
check_properties (KnExam *exam, const KnSubject *subject)
{
    const KnSubjectRecord *record = subject->record;

    if (!record || record->deleted || !record->image_properties)
        return;
    g_autoptr (GPtrArray) hints = kn_guest_hints (record->image_properties);
    for (guint i = 0; i < hints->len; i++) {
        const KnGuestHint *hint = hints->pdata[i];
        const char *equals = hint->suggestion ? strchr (hint->suggestion, '=') : NULL;
        g_autofree char *right
            = equals ? g_strndup (hint->suggestion, (gsize)(equals - hint->suggestion)) : NULL;

        if (is_said_rightly (record->image_properties, hint, right))
            continue;
        KnFinding *finding = kn_exam_find (exam, "%s", hint->message);
        kn_finding_note (finding, "image_%s = %s", hint->property, hint->value);
        if (!right)
            continue;
        kn_finding_advise (finding, "Set %s.", hint->suggestion);
        kn_finding_record (finding, right, equals + 1,
                           g_hash_table_lookup (record->image_properties, right));
    }
}

static void
check_no_domain (KnExam *exam, const KnSubject *subject)
{
    const KnSubjectRecord *record = subject->record;
    static const char *const without[]
        = { "building", "deleted", "soft-delete", "shelved_offloaded", "error", NULL };

    if (!record || record->deleted || kn_subject_definition (subject) || !subject->host
        || !subject->host->uri || (record->vm_state && g_strv_contains (without, record->vm_state)))
        return;
    KnFinding *finding = kn_exam_find (exam, "The record has no domain on its host.");
    kn_finding_note (finding, "vm_state = %s", record->vm_state ? record->vm_state : "(null)");
}

static void
check_no_record (KnExam *exam, const KnSubject *subject)
{
    const KnDefinition *definition = kn_subject_definition (subject);
    bool of_cloud = kn_definition_first (definition, "metadata/instance")
                    || kn_definition_first (definition, "metadata/cloud");
    bool deleted = subject->record && subject->record->deleted;

    if (!exam->fleet->has_records || !definition || !of_cloud || (subject->record && !deleted))
        return;
    KnFinding *finding = kn_exam_find (exam, "The domain belongs to a cloud, which has %s.",
                                       deleted ? "deleted it" : "no record of it");
    kn_finding_note (finding, "domain = %s, %s", subject->name,
                     subject->running ? "running" : "off");
}

/* ---- the plan ---- */

/* Parts of the definition that the guest rules decide and libvirt keeps as they are written. */
static const char *const planned_parts[]
    = { "clock/", "features/hyperv/", "cpu/topology/", "devices/memballoon/" };

static bool
is_planned (const char *path)
{
    for (gsize i = 0; i < G_N_ELEMENTS (planned_parts); i++)
        if (g_str_has_prefix (path, planned_parts[i]))
            return true;
    return false;
}

static bool
differs (const KnSubject *subject, const KnGuestDecision *decision)
{
    const KnDefinition *definition = kn_subject_definition (subject);

    /* What the guest wrote into its clock is news only since the last start. */
    if (!is_planned (decision->path) || strcmp (decision->rule, "clock.guest") == 0)
        return false;
    if (decision->value)
        return !kn_definition_is (definition, decision->path, decision->value);
    return strchr (decision->path, '@') ? kn_definition_get (definition, decision->path) != NULL
                                        : kn_definition_first (definition, decision->path) != NULL;
}

static void
check_plan (KnExam *exam, const KnSubject *subject)
{
    KnFinding *finding = NULL;

    if (!subject->plan || !kn_subject_definition (subject))
        return;
    for (gsize i = 0; i < kn_guest_plan_count (subject->plan); i++) {
        const KnGuestDecision *decision = kn_guest_plan_decision (subject->plan, i);

        if (!differs (subject, decision))
            continue;
        if (!finding)
            finding = kn_exam_find (exam, "The definition is not what the plan would give now.");
        const char *has = kn_definition_get (kn_subject_definition (subject), decision->path);
        kn_finding_note (finding, "%s = %s, planned %s: %s [%s; %s]", decision->path,
                         has ? has : "(absent)", decision->value ? decision->value : "(left out)",
                         decision->reason, decision->source, decision->rule);
        if (decision->value)
            kn_finding_set (finding, subject, decision->path, decision->value);
        else
            kn_finding_remove (finding, subject, decision->path);
    }
}

/* ---- running and persistent ---- */

/* What does not change by itself while a guest runs. (The adjustment of a variable clock does.) */
static const char *const steady[] = {
    "clock/@offset",
    "clock/@timezone",
    "clock/@basis",
    "clock/timer[rtc]/@tickpolicy",
    "clock/timer[pit]/@tickpolicy",
    "clock/timer[hpet]/@present",
    "clock/timer[hypervclock]/@present",
    "clock/timer[kvmclock]/@present",
    "clock/timer[tsc]/@frequency",
    "features/hyperv/relaxed/@state",
    "features/hyperv/vapic/@state",
    "features/hyperv/spinlocks/@state",
    "features/hyperv/vpindex/@state",
    "features/hyperv/synic/@state",
    "features/hyperv/stimer/@state",
    "features/hyperv/evmcs/@state",
    "features/hyperv/reenlightenment/@state",
    "cpu/topology/@sockets",
    "cpu/topology/@cores",
    "cpu/topology/@threads",
    "vcpu",
    "memory",
    "devices/memballoon/@model",
    "devices/memballoon/stats/@period",
    "devices/tpm/backend/@version",
    "on_reboot",
};

static void
check_running (KnExam *exam, const KnSubject *subject)
{
    static const char *const agent = "devices/channel[org.qemu.guest_agent.0]";
    KnFinding *finding = NULL;

    if (!subject->live || !subject->persistent)
        return;
    /* What is passed through is spelt out in the running definition only. */
    bool passed = kn_definition_is (subject->persistent, "features/hyperv/@mode", "passthrough");
    for (gsize i = 0; i < G_N_ELEMENTS (steady); i++) {
        if (passed && g_str_has_prefix (steady[i], "features/hyperv/"))
            continue;
        const char *live = kn_definition_get (subject->live, steady[i]),
                   *next = kn_definition_get (subject->persistent, steady[i]);

        if (g_strcmp0 (live, next) == 0)
            continue;
        if (!finding)
            finding
                = kn_exam_find (exam, "The running guest is not what the next start will make.");
        kn_finding_note (finding, "%s = %s now, %s at the next start", steady[i],
                         live ? live : "(absent)", next ? next : "(absent)");
    }
    bool has = kn_definition_first (subject->live, agent) != NULL,
         will = kn_definition_first (subject->persistent, agent) != NULL;
    if (has != will) {
        if (!finding)
            finding
                = kn_exam_find (exam, "The running guest is not what the next start will make.");
        kn_finding_note (finding, "%s = %s now, %s at the next start", agent,
                         has ? "present" : "(absent)", will ? "present" : "(absent)");
    }
}

static const KnDoctorRule rows[] = {
    { "record-os-type", KN_SEVERITY_ERROR, KN_NEEDS_RECORD, true,
      "The recorded os_type is not what the guest runs",
      "Clock, timers and Hyper-V features are those of another system: 8 hours off after every "
      "start, CLOCK_WATCHDOG_TIMEOUT.",
      "Set the recorded os_type to what the guest runs.", check_os_type },
    { "record-property", KN_SEVERITY_WARNING, KN_NEEDS_RECORD, true,
      "A property that is misspelt or not allowed",
      "The setting has no effect, without a word, and the guest is built as if it were not there.",
      "Correct the property.", check_properties },
    { "record-no-domain", KN_SEVERITY_CRITICAL, KN_NEEDS_RECORD, false, "A record without a domain",
      "The server cannot be started.", "Hard-reboot or rebuild the server.", check_no_domain },
    { "domain-no-record", KN_SEVERITY_WARNING, KN_NEEDS_RECORD | KN_NEEDS_DEFINITION, false,
      "A domain without a record",
      "The guest uses memory, disk and addresses that nobody is charged for and nobody can see.",
      "Find out whose it is, then undefine it by hand.", check_no_record },
    { "plan-differs", KN_SEVERITY_NOTICE, KN_NEEDS_RECORD | KN_NEEDS_DEFINITION, true,
      "The definition differs from the plan",
      "The guest changes at its next hard reboot, or was changed by hand.",
      "Stop and start the server.", check_plan },
    { "running-differs", KN_SEVERITY_NOTICE, KN_NEEDS_DEFINITION, true,
      "The running definition differs from the persistent one",
      "The guest behaves differently after its next stop and start.",
      "Stop and start the guest when it suits its users.", check_running },
};
const KnDoctorRules kn_rules_record = { rows, G_N_ELEMENTS (rows) };
