/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: how much, and what backs it. */
#include <string.h>

#include "guest/guest_priv.h"

static const KnRule rule_size = { "memory.size", "The flavor says how much." };
static const KnRule rule_locked = { "memory.locked", "The memory must not be swapped." };
static const KnRule rule_realtime = { "memory.realtime", "Real-time guests wait for no page." };
static const KnRule rule_sev
    = { "memory.encrypted", "Encrypted memory cannot be swapped or merged." };
static const KnRule rule_file
    = { "memory.file", "The cloud's configuration backs memory by files." };
static const KnRule rule_launch
    = { "memory.launch-security",
        "The memory is encrypted with a key that the host does not know." };

/* Image and flavor may both ask; an encrypted guest needs UEFI, which the image has to say (Nova 26.2, virt/hardware.py,
 * get_mem_encryption_constraint). */
bool
kn_encryption_check (KnDraft *draft, bool *out_wanted, GError **error)
{
    KnSaid image = kn_property (draft, "hw_mem_encryption"),
           flavor = kn_spec (draft, "hw:mem_encryption");
    if (kn_true (flavor) && image.text && !kn_true (image)) {
        kn_guest_fail (error, "api/FlavorImageConflict",
                       "The flavor asks for encrypted memory (hw:mem_encryption), and the image "
                       "declines it (hw_mem_encryption).");
        return false;
    }
    *out_wanted = kn_true (image) || kn_true (flavor);
    if (*out_wanted && !kn_is (kn_property (draft, "hw_firmware_type"), "uefi")) {
        kn_guest_fail (error, "api/FlavorImageConflict",
                       "Encrypted memory (%s) needs an image with hw_firmware_type=uefi.",
                       kn_true (image) ? image.source : flavor.source);
        return false;
    }
    KnSaid machine = kn_property (draft, "hw_machine_type");
    if (*out_wanted && machine.text && !strstr (machine.text, "q35")) {
        kn_guest_fail (error, "api/InvalidMachineType",
                       "Encrypted memory needs a q35 machine, but hw_machine_type is '%s'.",
                       machine.text);
        return false;
    }
    return true;
}

/* Nova builds an ordinary guest where the host cannot encrypt; we say so. */
static bool
choose_encryption (KnDraft *draft, GError **error)
{
    bool wanted = false;
    if (!kn_encryption_check (draft, &wanted, error))
        return false;
    if (!wanted || !draft->host_known)
        return true;
    if (!draft->host->sev && !draft->profile->like_nova) {
        kn_guest_fail (
            error, "driver/InvalidRequest",
            "Encrypted memory was asked for, but this host cannot encrypt it (AMD SEV).");
        return false;
    }
    draft->sev = draft->host->sev;
    if (draft->sev && !draft->q35) {
        kn_guest_fail (error, "driver/InvalidMachineType",
                       "Encrypted memory needs a q35 machine, but this guest's is '%s'.",
                       draft->machine);
        return false;
    }
    return true;
}

static void
decide_file_backing (KnDraft *draft)
{
    kn_because (draft, &rule_file, "config file_backed_memory");
    kn_decide (draft, "memoryBacking/source/@type", "file");
    kn_decide (draft, "memoryBacking/access/@mode", "shared");
    kn_decide (draft, "memoryBacking/allocation/@mode", "immediate");
    kn_decide (draft, "memoryBacking/discard", "");
}

static void
decide_encryption (KnDraft *draft)
{
    kn_because (draft, &rule_sev, NULL);
    kn_decide (draft, "memoryBacking/locked", "");
    kn_because (draft, &rule_launch, NULL);
    kn_decide (draft, "launchSecurity/@type", "sev");
    kn_decide (draft, "launchSecurity/policy", "0x0033");
    kn_decide_number (draft, "launchSecurity/cbitpos", draft->host->sev_cbit);
    kn_decide_number (draft, "launchSecurity/reducedPhysBits", draft->host->sev_reduced_bits);
}

bool
kn_decide_memory (KnDraft *draft, GError **error)
{
    KnSaid locked;
    if (!choose_encryption (draft, error))
        return false;
    kn_because (draft, &rule_size, "flavor");
    kn_decide_number (draft, "memory", (gint64)draft->facts->memory_mib * 1024);
    if (!kn_decide_pages (draft, error))
        return false;
    if (kn_wants_realtime (draft)) {
        kn_because (draft, &rule_realtime, "flavor hw:cpu_realtime");
        kn_decide (draft, "memoryBacking/nosharepages", "");
        kn_decide (draft, "memoryBacking/locked", "");
    }
    if (draft->config->file_backed_memory)
        decide_file_backing (draft);
    if (draft->sev)
        decide_encryption (draft);
    if (!kn_pick (draft, "hw_locked_memory", &locked, error))
        return false;
    if (kn_true (locked)) {
        kn_because (draft, &rule_locked, locked.source);
        kn_decide (draft, "memoryBacking/locked", "");
    }
    return true;
}
