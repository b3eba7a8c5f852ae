/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about the agent's channel, the balloon, the TPM and disks of one guest. */
#include <string.h>

#include "doctor/rules_priv.h"

#define AGENT "org.qemu.guest_agent.0"
#define AGENT_XML "<channel type='unix'><target type='virtio' name='" AGENT "'/></channel>"
#define BALLOON "devices/memballoon"

/* The first channel whose target's name satisfies @is. */
static const KnElement *
find_channel (const KnSubject *subject, bool (*is) (const char *name, const char *type))
{
    const KnElement *channel
        = kn_definition_first (kn_subject_definition (subject), "devices/channel");

    for (; channel; channel = kn_element_next (channel)) {
        const char *name = kn_element_get (channel, "target/@name"),
                   *type = kn_element_get (channel, "target/@type");

        if (name && is (name, type ? type : ""))
            return channel;
    }
    return NULL;
}

static bool
is_agent (const char *name, const char *type)
{
    return strcmp (name, AGENT) == 0 && strcmp (type, "virtio") == 0;
}

/* Meant for the agent, but the agent does not look there. */
static bool
is_nearly_agent (const char *name, const char *type)
{
    return strstr (name, "guest_agent") || strstr (name, "guest-agent")
           || strstr (name, "qemu.agent") || strstr (name, "qemu-ga");
}

/* Guests that nobody knows anything of may be appliances: no channel is no fault there. */
static bool
wants_agent (const KnSubject *subject)
{
    return subject->os.family == KN_SUBJECT_OS_LINUX || subject->os.family == KN_SUBJECT_OS_WINDOWS;
}

static void
check_channel (KnExam *exam, const KnSubject *subject)
{
    if (!kn_subject_definition (subject) || !wants_agent (subject)
        || find_channel (subject, is_agent) || find_channel (subject, is_nearly_agent)
        || kn_subject_declares (subject, "hw_qemu_guest_agent", "false"))
        return;
    KnFinding *finding = kn_exam_find (exam, "The guest has no channel for the guest agent.");
    kn_finding_note (finding, "devices/channel[" AGENT "] = (absent)");
    kn_finding_add (finding, "devices", AGENT_XML);
    if (subject->record)
        kn_finding_record (finding, "hw_qemu_guest_agent", "yes", NULL);
}

static void
check_channel_name (KnExam *exam, const KnSubject *subject)
{
    const KnElement *channel = find_channel (subject, is_nearly_agent);

    if (!channel || find_channel (subject, is_agent))
        return;
    const char *name = kn_element_get (channel, "target/@name");
    g_autofree char *path = g_strdup_printf ("devices/channel[%s]/target/@name", name);
    KnFinding *finding
        = kn_exam_find (exam, "The channel is called '%s', which no agent looks for.", name);
    kn_finding_show (finding, subject, path);
    g_autofree char *type = g_strdup_printf ("devices/channel[%s]/target/@type", name);
    kn_finding_set (finding, subject, type, "virtio");
    kn_finding_set (finding, subject, path, AGENT);
}

/* ---- balloon ---- */

/* Assigned devices pin the guest's memory, so a balloon is left out on purpose there. */
static bool
has_assigned_device (const KnSubject *subject)
{
    return kn_definition_first (kn_subject_definition (subject), "devices/hostdev") != NULL;
}

static void
check_balloon (KnExam *exam, const KnSubject *subject)
{
    const KnDefinition *definition = kn_subject_definition (subject);
    const char *model = kn_definition_get (definition, BALLOON "/@model");

    if (!definition || !wants_agent (subject) || has_assigned_device (subject)
        || (model && strcmp (model, "none") != 0))
        return;
    KnFinding *finding = kn_exam_find (exam, "The guest has no memory balloon.");
    kn_finding_show (finding, subject, BALLOON "/@model");
    kn_finding_set (finding, subject, BALLOON "/@model", "virtio");
    kn_finding_set (finding, subject, BALLOON "/stats/@period", "10");
}

static void
check_period (KnExam *exam, const KnSubject *subject)
{
    const KnDefinition *definition = kn_subject_definition (subject);
    const char *model = kn_definition_get (definition, BALLOON "/@model");

    if (!model || strcmp (model, "none") == 0
        || kn_definition_int (definition, BALLOON "/stats/@period", 0) > 0)
        return;
    KnFinding *finding = kn_exam_find (exam, "Nobody asks the balloon for memory statistics.");
    kn_finding_show (finding, subject, BALLOON "/stats/@period");
    kn_finding_set (finding, subject, BALLOON "/stats/@period", "10");
}

/* ---- TPM ---- */

static void
check_tpm (KnExam *exam, const KnSubject *subject)
{
    const KnDefinition *definition = kn_subject_definition (subject);
    KnWindowsWants wants = kn_windows_wants (subject->os.version, NULL);
    const char *version = kn_definition_get (definition, "devices/tpm/backend/@version");
    bool there = kn_definition_first (definition, "devices/tpm") != NULL;
    bool other = there && !kn_definition_is (definition, "devices/tpm/backend/@type", "emulator");

    if (!kn_subject_is_windows (subject) || !wants.needs_tpm || !definition || other
        || (there && (!version || strcmp (version, "2.0") == 0)))
        return;
    KnFinding *finding = kn_exam_find (
        exam, there ? "Windows %s needs a TPM 2.0 and has a TPM %s." : "Windows %s has no TPM%s.",
        subject->os.version, there ? version : "");
    kn_finding_show (finding, subject, "devices/tpm/backend/@version");
    if (there) {
        kn_finding_set (finding, subject, "devices/tpm/@model", "tpm-crb");
        kn_finding_set (finding, subject, "devices/tpm/backend/@version", "2.0");
        kn_finding_advise (finding, "Give it a TPM 2.0; what the old one sealed (BitLocker keys) "
                                    "has to be released in the guest before.");
    } else {
        kn_finding_add (finding, "devices",
                        "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>");
    }
    if (subject->record) {
        kn_finding_record (finding, "hw_tpm_version", "2.0", version);
        kn_finding_record (finding, "hw_tpm_model", "tpm-crb", NULL);
    }
}

/* ---- disks ---- */

static void
check_cache (KnExam *exam, const KnSubject *subject)
{
    const KnElement *disk = kn_definition_first (kn_subject_definition (subject), "devices/disk");

    for (; disk; disk = kn_element_next (disk)) {
        const char *cache = kn_element_get (disk, "driver/@cache"),
                   *dev = kn_element_get (disk, "target/@dev"),
                   *device = kn_element_get (disk, "@device");
        bool writes = (!device || strcmp (device, "disk") == 0)
                      && !kn_element_get (disk, "readonly") && !kn_element_get (disk, "transient");

        if (g_strcmp0 (cache, "unsafe") != 0 || !writes || !dev)
            continue;
        g_autofree char *path = g_strdup_printf ("devices/disk[%s]/driver/@cache", dev);
        KnFinding *finding
            = kn_exam_find (exam, "Disk %s does not write what the guest has flushed.", dev);
        kn_finding_show (finding, subject, path);
        kn_finding_set (finding, subject, path, "none");
    }
}

static void
check_reboot (KnExam *exam, const KnSubject *subject)
{
    const KnDefinition *definition = kn_subject_definition (subject);

    if (!kn_definition_is (definition, "on_reboot", "destroy"))
        return;
    KnFinding *finding = kn_exam_find (exam, "A guest that restarts itself is powered off.");
    kn_finding_show (finding, subject, "on_reboot");
    kn_finding_set (finding, subject, "on_reboot", "restart");
}

static const KnDoctorRule rows[] = {
    { "agent-channel", KN_SEVERITY_NOTICE, KN_NEEDS_DEFINITION, true,
      "No channel for the guest agent",
      "Password changes, consistent snapshots, clean shutdown and time correction do not work, "
      "even with the agent installed.",
      "Add the channel; the agent has to be installed in the guest.", check_channel },
    { "agent-channel-name", KN_SEVERITY_WARNING, KN_NEEDS_DEFINITION, true,
      "The agent's channel has another name", "The agent inside starts and is never reached.",
      "Call the channel " AGENT ".", check_channel_name },
    { "balloon-missing", KN_SEVERITY_WARNING, KN_NEEDS_DEFINITION, true, "No memory balloon",
      "Monitoring shows no memory use of the guest, whatever its agent does.",
      "Add a virtio balloon with a statistics period.", check_balloon },
    { "balloon-period", KN_SEVERITY_NOTICE, KN_NEEDS_DEFINITION, true,
      "A balloon without a statistics period",
      "Monitoring shows the guest's whole memory as used, or nothing.", "Set a statistics period.",
      check_period },
    { "tpm-missing", KN_SEVERITY_ERROR, KN_NEEDS_DEFINITION, true, "No TPM 2.0 for this Windows",
      "Windows 11 cannot be installed or upgraded; BitLocker and Credential Guard stay off.",
      "Add an emulated TPM 2.0.", check_tpm },
    { "disk-unsafe", KN_SEVERITY_CRITICAL, KN_NEEDS_DEFINITION, true, "A disk that ignores flushes",
      "A crash or power cut of the host destroys file systems and databases.", "Use cache none.",
      check_cache },
    { "lifecycle-reboot", KN_SEVERITY_WARNING, KN_NEEDS_DEFINITION, true,
      "A restart powers the guest off",
      "The guest is gone after an update; an installation left it so.", "Restart on reboot.",
      check_reboot },
};
const KnDoctorRules kn_rules_device = { rows, G_N_ELEMENTS (rows) };
