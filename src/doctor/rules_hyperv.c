/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about Hyper-V enlightenments. Windows alone uses them and KVM alone gives them; on a Linux guest they do no harm.
 * Which flags and what they need: QEMU, docs/system/i386/hyperv.rst. */
#include <string.h>

#include "doctor/rules_priv.h"

#define HYPERV "features/hyperv"

enum { SET_BASE = 1 << 0, SET_TIMERS = 1 << 1, SET_GOOD = 1 << 2 };

/* What a flag is for. needs: flags without which QEMU refuses to start the guest. */
typedef struct {
    const char *name, *host;
    guint set;
    const char *needs[2];
} Flag;

static const Flag flags[] = {
    { "relaxed", "relaxed", SET_BASE },
    { "vapic", "vapic", SET_BASE },
    { "spinlocks", "spinlocks", SET_BASE },
    { "vpindex", "vpindex", SET_TIMERS },
    { "synic", "synic", SET_TIMERS, { "vpindex" } },
    { "stimer", "stimer", SET_TIMERS, { "synic" } },
    { "runtime", "runtime", SET_GOOD },
    { "frequencies", "frequencies", SET_GOOD },
    { "tlbflush", "tlbflush", SET_GOOD, { "vpindex" } },
    { "ipi", "ipi", SET_GOOD, { "vpindex" } },
    { "reenlightenment", "reenlightenment", 0, { "frequencies" } },
    { "evmcs", "evmcs", 0, { "vapic" } },
};

static bool
is_on (const KnSubject *subject, const char *flag)
{
    g_autofree char *path = g_strdup_printf (HYPERV "/%s/@state", flag);

    return kn_definition_is (kn_subject_definition (subject), path, "on");
}

static void
show (KnFinding *finding, const KnSubject *subject, const char *flag)
{
    g_autofree char *path = g_strdup_printf (HYPERV "/%s/@state", flag);

    kn_finding_show (finding, subject, path);
}

static bool
host_knows (const KnSubject *subject, const char *flag)
{
    const KnSubjectHost *host = subject->host;

    return !host || !host->hyperv || !host->hyperv[0]
           || g_strv_contains ((const char *const *)host->hyperv, flag);
}

static void
switch_on (KnFinding *finding, const KnSubject *subject, const Flag *flag)
{
    g_autofree char *path = g_strdup_printf (HYPERV "/%s/@state", flag->name);

    if (!host_knows (subject, flag->host))
        return;
    kn_finding_set (finding, subject, path, "on");
    if (strcmp (flag->name, "spinlocks") == 0
        && !kn_definition_get (kn_subject_definition (subject), HYPERV "/spinlocks/@retries"))
        kn_finding_set (finding, subject, HYPERV "/spinlocks/@retries", "8191");
}

static void
switch_off (KnFinding *finding, const KnSubject *subject, const char *flag)
{
    g_autofree char *path = g_strdup_printf (HYPERV "/%s", flag);

    kn_finding_remove (finding, subject, path);
}

static bool
is_windows_on_kvm (const KnSubject *subject)
{
    return kn_subject_is_windows (subject) && kn_subject_is_kvm (subject)
           && !kn_windows_wants (subject->os.version, NULL).no_hyperv;
}

static bool
is_old (const KnSubject *subject)
{
    return kn_windows_wants (subject->os.version, NULL).old;
}

static bool
is_passthrough (const KnSubject *subject)
{
    return kn_definition_is (kn_subject_definition (subject), HYPERV "/@mode", "passthrough");
}

static bool
has_any (const KnSubject *subject)
{
    return kn_definition_first (kn_subject_definition (subject), HYPERV) != NULL;
}

static void
check_missing (KnExam *exam, const KnSubject *subject)
{
    if (!is_windows_on_kvm (subject) || has_any (subject))
        return;
    KnFinding *finding = kn_exam_find (exam, "Windows runs without any Hyper-V feature.");
    kn_finding_show (finding, subject, HYPERV);
    guint sets = is_old (subject) ? SET_BASE : SET_BASE | SET_TIMERS | SET_GOOD;
    for (gsize i = 0; i < G_N_ELEMENTS (flags); i++)
        if (flags[i].set & sets)
            switch_on (finding, subject, &flags[i]);
}

/* Those of @set that are off and that the host could give. */
static void
check_set (KnExam *exam, const KnSubject *subject, guint set, const char *what)
{
    KnFinding *finding = NULL;

    if (!is_windows_on_kvm (subject) || !has_any (subject) || is_passthrough (subject))
        return;
    for (gsize i = 0; i < G_N_ELEMENTS (flags); i++) {
        if (!(flags[i].set & set) || is_on (subject, flags[i].name)
            || !host_knows (subject, flags[i].host))
            continue;
        if (!finding)
            finding = kn_exam_find (exam, "%s", what);
        show (finding, subject, flags[i].name);
        switch_on (finding, subject, &flags[i]);
    }
}

static void
check_partial (KnExam *exam, const KnSubject *subject)
{
    check_set (exam, subject, SET_BASE, "Basic Hyper-V features are missing.");
}

static void
check_stimer (KnExam *exam, const KnSubject *subject)
{
    if (!is_old (subject))
        check_set (exam, subject, SET_TIMERS, "Windows has no synthetic timers.");
}

/* A flag that is on while one that it needs is off: the guest does not start. Missing timers are check_stimer's. */
static void
check_needs (KnExam *exam, const KnSubject *subject)
{
    bool timers_seen_to = is_windows_on_kvm (subject) && !is_old (subject);
    KnFinding *finding = NULL;

    if (!kn_subject_is_kvm (subject) || is_passthrough (subject))
        return;
    for (gsize i = 0; i < G_N_ELEMENTS (flags); i++) {
        const char *need = flags[i].needs[0];

        if (!need || !is_on (subject, flags[i].name) || is_on (subject, need))
            continue;
        if (!finding)
            finding = kn_exam_find (exam, "Hyper-V feature %s needs %s, which is off.",
                                    flags[i].name, need);
        show (finding, subject, flags[i].name);
        show (finding, subject, need);
        for (gsize n = 0; n < G_N_ELEMENTS (flags); n++)
            if (strcmp (flags[n].name, need) == 0)
                switch_on (finding, subject, &flags[n]);
    }
    if (finding && timers_seen_to)
        kn_finding_note (finding, "QEMU refuses to start such a guest");
}

/* AMD by the host, else by the model that the guest is given (QEMU's names). */
static bool
is_amd (const KnSubject *subject)
{
    static const char *const models[] = { "EPYC", "Opteron", "athlon", "phenom", "Dhyana" };
    const KnDefinition *definition = kn_subject_definition (subject);
    const char *model = kn_definition_get (definition, "cpu/model");

    if (subject->host && subject->host->cpu_vendor)
        return strcmp (subject->host->cpu_vendor, "AMD") == 0
               || strcmp (subject->host->cpu_vendor, "Hygon") == 0;
    for (gsize i = 0; model && i < G_N_ELEMENTS (models); i++)
        if (g_str_has_prefix (model, models[i]))
            return true;
    return kn_definition_is (definition, "cpu/vendor", "AMD");
}

static void
check_evmcs (KnExam *exam, const KnSubject *subject)
{
    if (!kn_subject_is_kvm (subject) || !is_on (subject, "evmcs") || !is_amd (subject))
        return;
    KnFinding *finding = kn_exam_find (exam, "evmcs exists on Intel processors only.");
    show (finding, subject, "evmcs");
    if (subject->host && subject->host->cpu_vendor)
        kn_finding_note (finding, "the host's CPU vendor = %s", subject->host->cpu_vendor);
    else
        kn_finding_show (finding, subject, "cpu/model");
    switch_off (finding, subject, "evmcs");
}

static void
check_reenlightenment (KnExam *exam, const KnSubject *subject)
{
    const KnDefinition *definition = kn_subject_definition (subject);

    if (!kn_subject_is_kvm (subject) || !is_on (subject, "reenlightenment")
        || kn_definition_get (definition, "clock/timer[tsc]/@frequency"))
        return;
    KnFinding *finding
        = kn_exam_find (exam, "reenlightenment is on, but the TSC frequency is not pinned.");
    show (finding, subject, "reenlightenment");
    kn_finding_show (finding, subject, "clock/timer[tsc]/@frequency");
    switch_off (finding, subject, "reenlightenment");
}

static void
check_passthrough (KnExam *exam, const KnSubject *subject)
{
    if (!kn_subject_is_kvm (subject) || !is_passthrough (subject))
        return;
    KnFinding *finding
        = kn_exam_find (exam, "The guest is given whatever Hyper-V features its host has.");
    kn_finding_show (finding, subject, HYPERV "/@mode");
    kn_finding_set (finding, subject, HYPERV "/@mode", "custom");
    guint sets = is_old (subject) ? SET_BASE : SET_BASE | SET_TIMERS | SET_GOOD;
    for (gsize i = 0; i < G_N_ELEMENTS (flags); i++)
        if (flags[i].set & sets)
            switch_on (finding, subject, &flags[i]);
}

static void
check_unknown (KnExam *exam, const KnSubject *subject)
{
    KnFinding *finding = NULL;

    if (!kn_subject_is_kvm (subject) || is_passthrough (subject))
        return;
    for (gsize i = 0; i < G_N_ELEMENTS (flags); i++) {
        if (!is_on (subject, flags[i].name) || host_knows (subject, flags[i].host))
            continue;
        if (!finding)
            finding = kn_exam_find (exam, "This host does not know the Hyper-V feature %s.",
                                    flags[i].name);
        show (finding, subject, flags[i].name);
        switch_off (finding, subject, flags[i].name);
    }
}

static const KnDoctorRule rows[] = {
    { "hyperv-missing", KN_SEVERITY_ERROR, KN_NEEDS_DEFINITION, true,
      "Windows without Hyper-V features",
      "Blue screen CLOCK_WATCHDOG_TIMEOUT on a busy host, 30 % and more CPU when idle, slow "
      "guests.",
      "Switch the Hyper-V features on.", check_missing },
    { "hyperv-partial", KN_SEVERITY_ERROR, KN_NEEDS_DEFINITION, true,
      "Basic Hyper-V features missing",
      "Blue screen CLOCK_WATCHDOG_TIMEOUT: a virtual CPU that waits for the host is taken for a "
      "hung one.",
      "Switch the missing features on.", check_partial },
    { "hyperv-stimer", KN_SEVERITY_WARNING, KN_NEEDS_DEFINITION, true,
      "Windows without synthetic timers",
      "Idle guests burn 5 to 50 % of a CPU for each virtual CPU: they tick by the RTC.",
      "Switch on vpindex, synic and stimer.", check_stimer },
    { "hyperv-needs", KN_SEVERITY_ERROR, KN_NEEDS_DEFINITION, true,
      "A Hyper-V feature without what it needs", "The guest does not start.",
      "Switch on what the feature needs.", check_needs },
    { "hyperv-evmcs-amd", KN_SEVERITY_ERROR, KN_NEEDS_DEFINITION, true, "evmcs on AMD",
      "Windows hangs or restarts while it boots.", "Take evmcs away.", check_evmcs },
    { "hyperv-reenlightenment", KN_SEVERITY_WARNING, KN_NEEDS_DEFINITION, true,
      "reenlightenment without a pinned TSC", "Live migration is refused.",
      "Take reenlightenment away, or pin the TSC frequency.", check_reenlightenment },
    { "hyperv-passthrough", KN_SEVERITY_WARNING, KN_NEEDS_DEFINITION, true,
      "Hyper-V features passed through",
      "The guest changes with its host: no live migration, and Windows under BIOS can freeze "
      "early.",
      "List the features.", check_passthrough },
    { "hyperv-unknown", KN_SEVERITY_ERROR, KN_NEEDS_DEFINITION, true,
      "A Hyper-V feature that the host does not know", "The guest does not start on this host.",
      "Take the feature away.", check_unknown },
};
const KnDoctorRules kn_rules_hyperv = { rows, G_N_ELEMENTS (rows) };
