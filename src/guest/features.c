/* SPDX-License-Identifier: Apache-2.0 */
/* Hypervisor features besides Hyper-V's: ACPI, APIC, crash notes, hiding, performance counters. */
#include "guest/guest_priv.h"

static const KnRule rule_acpi
    = { "features.acpi", "Guests shut down and find their devices by ACPI." };
static const KnRule rule_apic = { "features.apic", "More than one CPU needs an APIC." };
static const KnRule rule_vmcoreinfo
    = { "features.vmcoreinfo", "A crashed guest's memory can be read from outside." };
static const KnRule rule_hidden
    = { "features.hidden", "The hypervisor's signature is hidden, as asked." };
static const KnRule rule_pmu = { "features.pmu", "Performance counters are as asked." };

static const KnRule rule_tb_cache
    = { "features.tb-cache", "The cloud's configuration sets how much translated code is kept." };

/* True if one of three says so; none of them can take it back (Nova 26.2, _set_features). */
static KnSaid
find_hidden (KnDraft *draft)
{
    const KnSaid all[]
        = { kn_spec (draft, "hw:hide_hypervisor_id"), kn_spec (draft, "hide_hypervisor_id"),
            kn_property (draft, "img_hide_hypervisor_id") };
    for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
        if (kn_true (all[i]))
            return all[i];
    return (KnSaid){ NULL, NULL };
}

static bool
decide_pmu (KnDraft *draft, GError **error)
{
    KnSaid said;
    if (!kn_pick (draft, "hw_pmu", &said, error))
        return false;
    if (said.text) {
        kn_because (draft, &rule_pmu, said.source);
        kn_decide (draft, "features/pmu/@state", kn_true (said) ? "on" : "off");
    }
    return true;
}

static void
decide_tb_cache (KnDraft *draft)
{
    if (!draft->profile->beyond_26 || draft->config->tb_cache_mib == 0 || draft->kvm
        || !kn_host_has (draft, 8000000, 5000000))
        return;
    kn_because (draft, &rule_tb_cache, "config tb_cache_size");
    kn_decide (draft, "features/tcg/tb-cache/@unit", "MiB");
    kn_decide_number (draft, "features/tcg/tb-cache", draft->config->tb_cache_mib);
}

bool
kn_decide_features (KnDraft *draft, GError **error)
{
    KnSaid hidden = find_hidden (draft);
    kn_because (draft, &rule_acpi, NULL);
    kn_decide (draft, "features/acpi", "");
    if (!draft->config->no_apic) {
        kn_because (draft, &rule_apic, NULL);
        kn_decide (draft, "features/apic", "");
    }
    if (draft->windows)
        kn_decide_hyperv (draft, hidden);
    if (draft->x86 || g_strcmp0 (draft->arch, "aarch64") == 0) {
        kn_because (draft, &rule_vmcoreinfo, NULL);
        kn_decide (draft, "features/vmcoreinfo", "");
    }
    if (hidden.text) {
        kn_because (draft, &rule_hidden, hidden.source);
        kn_decide (draft, "features/kvm/hidden/@state", "on");
    }
    decide_tb_cache (draft);
    return decide_pmu (draft, error);
}
