/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: how much, and what backs it. */
#include <string.h>

#include "guest/guest_priv.h"

static const KnRule rule_size = { "memory.size", "The flavor says how much." };
static const KnRule rule_small = { "memory.small", "", true };
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

/* Which of AMD's kinds. Nova takes a model that nothing switches on for nothing. */
static bool
choose_encryption_model (KnDraft *draft, bool wanted, KnSaid *out_said, GError **error)
{
    if (!kn_pick_later (draft, "hw_mem_encryption_model", out_said, error))
        return false;
    if (out_said->text && !wanted) {
        kn_guest_fail (error, "api/InvalidRequest",
                       "%s has no effect without hw_mem_encryption=true.", out_said->source);
        return false;
    }
    bool es = kn_is (*out_said, "amd-sev-es"), snp = kn_is (*out_said, "amd-sev-snp");
    if (snp && !kn_true (kn_property (draft, "hw_firmware_stateless"))) {
        kn_guest_fail (error, "api/StatelessFirmwareRequired",
                       "%s is 'amd-sev-snp', which needs hw_firmware_stateless=true.",
                       out_said->source);
        return false;
    }
    bool lacks = (es && !draft->host->sev_es) || (snp && !draft->host->sev_snp);
    if (!draft->host_known || !lacks)
        return !snp || kn_require_host (draft, *out_said, 10005000, 9001000, error);
    kn_guest_fail (error, "driver/InvalidRequest",
                   "%s is '%s', but this host cannot encrypt memory that way.", out_said->source,
                   out_said->text);
    return false;
}

/* Nova builds an ordinary guest where the host cannot encrypt; we say so. */
static bool
choose_encryption (KnDraft *draft, KnSaid *out_model, GError **error)
{
    bool wanted = false;
    if (!kn_encryption_check (draft, &wanted, error)
        || !choose_encryption_model (draft, wanted, out_model, error))
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

/* Policies: no debugging, no shared keys, not to be sent, this platform only; 0x4 is encrypted registers. SNP's is its reserved
 * bit and SMT allowed (AMD SEV and SEV-SNP firmware ABI). */
static void
decide_encryption (KnDraft *draft, KnSaid model)
{
    bool snp = kn_is (model, "amd-sev-snp"), es = kn_is (model, "amd-sev-es");
    kn_because (draft, &rule_sev, NULL);
    kn_decide (draft, "memoryBacking/locked", "");
    kn_because (draft, &rule_launch, model.source);
    kn_decide (draft, "launchSecurity/@type", snp ? "sev-snp" : "sev");
    kn_decide (draft, "launchSecurity/policy", snp ? "0x30000" : es ? "0x0037" : "0x0033");
    kn_decide_number (draft, "launchSecurity/cbitpos", draft->host->sev_cbit);
    kn_decide_number (draft, "launchSecurity/reducedPhysBits", draft->host->sev_reduced_bits);
}

static void
because_of_size (KnDraft *draft)
{
    const KnOs *os = draft->profile->like_nova ? NULL : kn_draft_os (draft);
    kn_because (draft, &rule_size, "flavor");
    if (os && draft->facts->memory_mib < os->min_memory_mib)
        kn_because_of (draft, &rule_small, "flavor",
                       "The flavor says how much; %s wants %u MiB at least.", os->title,
                       os->min_memory_mib);
}

bool
kn_decide_memory (KnDraft *draft, GError **error)
{
    KnSaid locked, model;
    if (!choose_encryption (draft, &model, error))
        return false;
    because_of_size (draft);
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
        decide_encryption (draft, model);
    if (!kn_pick (draft, "hw_locked_memory", &locked, error))
        return false;
    if (kn_true (locked)) {
        kn_because (draft, &rule_locked, locked.source);
        kn_decide (draft, "memoryBacking/locked", "");
    }
    return true;
}
