/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about machine type and firmware. */
#include <string.h>

#include "doctor/rules_priv.h"

#define MACHINE "os/type/@machine"

static bool
is_alias (const char *machine)
{
    static const char *const aliases[] = { "pc", "q35", "virt", "ubuntu", "ubuntu-q35", NULL };

    return g_strv_contains (aliases, machine);
}

/* What the alias stands for on this host now, so that nothing changes for the guest. */
static const char *
resolve (const KnSubject *subject, const char *machine)
{
    const KnSubjectHost *host = subject->host;

    if (!host)
        return NULL;
    if (strcmp (machine, "q35") == 0)
        return host->default_q35;
    return strcmp (machine, "pc") == 0 ? host->default_pc : NULL;
}

static void
check_unpinned (KnExam *exam, const KnSubject *subject)
{
    const char *machine = kn_definition_get (kn_subject_definition (subject), MACHINE);

    if (!machine || !is_alias (machine))
        return;
    KnFinding *finding = kn_exam_find (exam, "The machine type '%s' is not a version.", machine);
    const char *now = resolve (subject, machine);
    kn_finding_show (finding, subject, MACHINE);
    if (now)
        kn_finding_set (finding, subject, MACHINE, now);
}

/* The newest of the same family that the host has. */
static const char *
replacement (const KnSubject *subject, const char *machine)
{
    if (strstr (machine, "q35"))
        return subject->host->default_q35;
    return strstr (machine, "440") || g_str_has_prefix (machine, "pc-") ? subject->host->default_pc
                                                                        : NULL;
}

static void
check_gone (KnExam *exam, const KnSubject *subject)
{
    const char *machine = kn_definition_get (kn_subject_definition (subject), MACHINE);
    const KnSubjectHost *host = subject->host;

    if (!machine || !host || !host->machines || !host->machines[0] || is_alias (machine)
        || g_strv_contains ((const char *const *)host->machines, machine))
        return;
    KnFinding *finding
        = kn_exam_find (exam, "This host's QEMU has no machine type '%s' (any more).", machine);
    const char *now = replacement (subject, machine);
    kn_finding_show (finding, subject, MACHINE);
    if (now) {
        kn_finding_note (finding, "nearest on this host = %s", now);
        kn_finding_set (finding, subject, MACHINE, now);
    }
}

static void
check_acpi (KnExam *exam, const KnSubject *subject)
{
    const KnDefinition *definition = kn_subject_definition (subject);
    const char *arch = kn_definition_get (definition, "os/type/@arch");
    bool x86 = g_strcmp0 (arch, "x86_64") == 0 || g_strcmp0 (arch, "i686") == 0;

    if (!x86 || kn_definition_first (definition, "features/acpi")
        || !kn_definition_is (definition, "os/type", "hvm")
        || kn_definition_is (definition, "os/type/@machine", "microvm"))
        return;
    KnFinding *finding = kn_exam_find (exam, "The guest has no ACPI.");
    kn_finding_show (finding, subject, "features/acpi");
    kn_finding_set (finding, subject, "features/acpi", "");
}

/* ---- firmware ---- */

static bool
is_uefi (const KnDefinition *definition)
{
    const char *loader = kn_definition_get (definition, "os/loader");

    return kn_definition_is (definition, "os/@firmware", "efi")
           || kn_definition_is (definition, "os/loader/@type", "pflash")
           || (loader
               && (strstr (loader, "OVMF") || strstr (loader, "ovmf") || strstr (loader, "edk2")));
}

static bool
is_secure (const KnDefinition *definition)
{
    const char *loader = kn_definition_get (definition, "os/loader");
    const KnElement *feature = kn_definition_first (definition, "os/firmware/feature");

    if (kn_definition_is (definition, "os/loader/@secure", "yes")
        || (loader
            && (strstr (loader, "secboot") || strstr (loader, ".ms.")
                || strstr (loader, "secure"))))
        return true;
    for (; feature; feature = kn_element_next (feature))
        if (g_strcmp0 (kn_element_get (feature, "@name"), "secure-boot") == 0
            && g_strcmp0 (kn_element_get (feature, "@enabled"), "yes") == 0)
            return true;
    return false;
}

static bool
needs_uefi (const KnSubject *subject)
{
    return kn_subject_is_windows (subject) && kn_subject_definition (subject)
           && kn_windows_wants (subject->os.version, NULL).needs_uefi;
}

static void
check_uefi (KnExam *exam, const KnSubject *subject)
{
    if (!needs_uefi (subject) || is_uefi (kn_subject_definition (subject)))
        return;
    KnFinding *finding = kn_exam_find (exam, "Windows %s runs under BIOS.", subject->os.version);
    kn_finding_show (finding, subject, "os/@firmware");
    kn_finding_show (finding, subject, "os/loader");
}

static void
check_secure (KnExam *exam, const KnSubject *subject)
{
    const KnDefinition *definition = kn_subject_definition (subject);

    if (!needs_uefi (subject) || !is_uefi (definition) || is_secure (definition))
        return;
    KnFinding *finding
        = kn_exam_find (exam, "Windows %s runs without Secure Boot.", subject->os.version);
    kn_finding_show (finding, subject, "os/loader/@secure");
    kn_finding_show (finding, subject, "os/loader");
}

static const KnDoctorRule rows[] = {
    { "machine-unpinned", KN_SEVERITY_NOTICE, KN_NEEDS_DEFINITION, true,
      "Machine type without a version",
      "An update of QEMU changes the guest's hardware: Windows asks for activation, devices move.",
      "Pin the version that the name stands for now.", check_unpinned },
    { "machine-gone", KN_SEVERITY_ERROR, KN_NEEDS_DEFINITION, true,
      "Machine type that this QEMU does not have",
      "The guest does not start after an update of the host (\"unsupported machine type\").",
      "Use a machine type that is still there; Windows may ask for activation.", check_gone },
    { "acpi-missing", KN_SEVERITY_WARNING, KN_NEEDS_DEFINITION, true, "No ACPI",
      "The guest sees one CPU whatever it was given, and does not react to a shutdown.",
      "Switch ACPI on; an old Windows that was installed without it has to be reinstalled.",
      check_acpi },
    { "firmware-bios", KN_SEVERITY_WARNING, KN_NEEDS_DEFINITION, true,
      "BIOS where this Windows wants UEFI",
      "Updates to current versions are refused; Secure Boot and Credential Guard cannot be had.",
      "Convert the disk in the guest (mbr2gpt), then change the firmware: by hand, one by one.",
      check_uefi },
    { "firmware-secure-boot", KN_SEVERITY_WARNING, KN_NEEDS_DEFINITION, true,
      "UEFI without Secure Boot",
      "Windows 11 counts the guest as unsupported; anti-cheat software and policies refuse it.",
      "Use a firmware with Secure Boot and enrolled keys; the variables start anew: by hand.",
      check_secure },
};
const KnDoctorRules kn_rules_machine = { rows, G_N_ELEMENTS (rows) };
