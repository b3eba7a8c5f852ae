/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about virtual CPUs: how many sockets Windows uses, and what the guest is told to be. */
#include <string.h>

#include "doctor/rules_priv.h"

#define TOPOLOGY "cpu/topology"

static gint64
part (const KnSubject *subject, const char *name)
{
    g_autofree char *path = g_strdup_printf (TOPOLOGY "/@%s", name);

    return MAX (kn_definition_int (kn_subject_definition (subject), path, 1), 1);
}

/* Without a topology each virtual CPU is a socket. */
static gint64
count_sockets (const KnSubject *subject, gint64 vcpus)
{
    const KnDefinition *definition = kn_subject_definition (subject);

    return kn_definition_first (definition, TOPOLOGY) ? part (subject, "sockets") : vcpus;
}

static void
one_socket (KnFinding *finding, const KnSubject *subject, gint64 vcpus)
{
    gint64 threads = part (subject, "threads");
    g_autofree char *cores = NULL, *lanes = NULL;

    if (vcpus % threads != 0)
        threads = 1;
    cores = g_strdup_printf ("%" G_GINT64_FORMAT, vcpus / threads);
    lanes = g_strdup_printf ("%" G_GINT64_FORMAT, threads);
    kn_finding_set (finding, subject, TOPOLOGY "/@sockets", "1");
    if (kn_definition_get (kn_subject_definition (subject), TOPOLOGY "/@dies"))
        kn_finding_set (finding, subject, TOPOLOGY "/@dies", "1");
    kn_finding_set (finding, subject, TOPOLOGY "/@cores", cores);
    kn_finding_set (finding, subject, TOPOLOGY "/@threads", lanes);
}

static void
check_sockets (KnExam *exam, const KnSubject *subject)
{
    const KnDefinition *definition = kn_subject_definition (subject);
    KnWindowsWants wants = kn_windows_wants (subject->os.version, subject->os.edition);
    guint limit = wants.max_sockets ? wants.max_sockets : wants.sure_sockets;
    gint64 vcpus = kn_definition_int (definition, "vcpu", 1);
    gint64 sockets = definition ? count_sockets (subject, vcpus) : 0;
    bool numa = kn_definition_first (definition, "cpu/numa") != NULL;

    if (!kn_subject_is_windows (subject) || limit == 0 || sockets <= limit)
        return;
    KnFinding *finding = kn_exam_find (
        exam, "The guest has %" G_GINT64_FORMAT " sockets, and Windows %s%s%s uses %u.", sockets,
        subject->os.version, subject->os.edition ? " " : "",
        subject->os.edition ? subject->os.edition : "", limit);
    kn_finding_show (finding, subject, TOPOLOGY "/@sockets");
    kn_finding_show (finding, subject, "vcpu");
    if (!wants.max_sockets) {
        finding->confidence = MIN (finding->confidence, KN_CONFIDENCE_MEDIUM);
        kn_finding_note (finding, "the edition is not known; Enterprise and Workstation use 4");
    }
    /* Sockets and NUMA nodes belong together: that is for a person. */
    if (numa)
        kn_finding_advise (finding,
                           "Give the guest at most %u sockets; its NUMA nodes have to "
                           "follow.",
                           limit);
    else
        one_socket (finding, subject, vcpus);
}

/* Recent guests are built for x86-64-v2, which QEMU's default model lacks; it also hides AES. */
static void
check_model (KnExam *exam, const KnSubject *subject)
{
    const KnDefinition *definition = kn_subject_definition (subject);
    const char *mode = kn_definition_get (definition, "cpu/@mode"),
               *model = kn_definition_get (definition, "cpu/model");
    static const char *const defaults[] = { "qemu64", "kvm64", "qemu32", "kvm32", NULL };
    bool chosen = mode && strcmp (mode, "custom") != 0;

    if (!kn_subject_is_kvm (subject) || chosen
        || !kn_definition_is (definition, "os/type/@arch", "x86_64")
        || (model && !g_strv_contains (defaults, model)))
        return;
    KnFinding *finding = kn_exam_find (exam, "The guest runs on QEMU's oldest processor model.");
    kn_finding_show (finding, subject, "cpu/@mode");
    kn_finding_show (finding, subject, "cpu/model");
    kn_finding_remove (finding, subject, "cpu/@match");
    kn_finding_remove (finding, subject, "cpu/@check");
    kn_finding_remove (finding, subject, "cpu/model");
    kn_finding_set (finding, subject, "cpu/@mode", "host-model");
}

static const KnDoctorRule rows[] = {
    { "cpu-sockets", KN_SEVERITY_ERROR, KN_NEEDS_DEFINITION, true, "More sockets than Windows uses",
      "The guest shows fewer CPUs than it was given: a flavor of 4 shows 2 in Task Manager.",
      "Give the guest one socket with many cores.", check_sockets },
    { "cpu-model", KN_SEVERITY_WARNING, KN_NEEDS_DEFINITION, true, "The default processor model",
      "Current distributions stop at boot (\"CPU does not support x86-64-v2\"), encryption is "
      "slow.",
      "Use host-model.", check_model },
};
const KnDoctorRules kn_rules_cpu = { rows, G_N_ELEMENTS (rows) };
