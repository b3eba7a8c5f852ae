/* SPDX-License-Identifier: Apache-2.0 */
/* Hyper-V enlightenments: what Windows uses to run well under a hypervisor.
 *
 * Which flags: QEMU, docs/system/i386/hyperv.rst, which advises all but a few; by Windows version as Proxmox does
 * (CPUConfig.pm, get_hyperv_enlightenments). Which not: evmcs broke every Windows guest on AMD (Nova bug 2009280) and needs
 * an Intel host, reenlightenment broke live migration (bug 2046549) and needs a fixed TSC frequency. nova-26 is the list of
 * Nova 26.2's _set_features. */
#include <string.h>

#include "guest/guest_priv.h"

#define LISTED_ONLY G_MAXUINT64 /* only where the host's own list has it */

typedef struct {
    const char *name;     /* element below features/hyperv */
    const char *host;     /* in the host's list */
    guint64 libvirt;      /* first version that takes it */
    guint generation;     /* first Windows that gains by it */
    const char *needs[3]; /* flags without which QEMU refuses it */
    bool nova, ours;
    const char *vendor; /* of the host's CPU */
    bool needs_tsc;     /* a known, fixed TSC frequency */
    const char *because;
} Flag;

static const Flag flags[] = {
    { .name = "relaxed",
      .host = "relaxed",
      .generation = KN_WINDOWS_VISTA,
      .nova = true,
      .ours = true,
      .because = "Windows does not take a delayed virtual CPU for a hung one." },
    { .name = "vapic",
      .host = "vapic",
      .generation = KN_WINDOWS_VISTA,
      .nova = true,
      .ours = true,
      .because = "Interrupts are acknowledged without leaving the guest." },
    { .name = "spinlocks",
      .host = "spinlocks",
      .generation = KN_WINDOWS_VISTA,
      .nova = true,
      .ours = true,
      .because = "Windows tells the host after 8191 tries instead of spinning on." },
    { .name = "vpindex",
      .host = "vpindex",
      .libvirt = 1003003,
      .generation = KN_WINDOWS_7,
      .nova = true,
      .ours = true,
      .because = "Virtual CPUs have numbers, which the other flags build on." },
    { .name = "runtime",
      .host = "runtime",
      .libvirt = 1003003,
      .generation = KN_WINDOWS_7,
      .nova = true,
      .ours = true,
      .because = "Windows sees how long its CPUs really ran." },
    { .name = "synic",
      .host = "synic",
      .libvirt = 1003003,
      .generation = KN_WINDOWS_7,
      .needs = { "vpindex" },
      .nova = true,
      .ours = true,
      .because = "The synthetic interrupt controller, which synthetic timers need." },
    { .name = "stimer",
      .host = "stimer",
      .libvirt = 1003003,
      .generation = KN_WINDOWS_7,
      .needs = { "synic" },
      .ours = true,
      .because = "Without synthetic timers Windows ticks by the RTC and burns CPU when idle." },
    { .name = "stimer/direct",
      .host = "stimer",
      .libvirt = 5007000,
      .generation = KN_WINDOWS_10,
      .needs = { "stimer" },
      .ours = true,
      .because = "Synthetic timers fire as interrupts, without a message." },
    { .name = "reset",
      .host = "reset",
      .libvirt = 1003003,
      .nova = true,
      .because = "Windows may reset itself by the hypervisor." },
    { .name = "frequencies",
      .host = "frequencies",
      .libvirt = 4007000,
      .generation = KN_WINDOWS_7,
      .nova = true,
      .ours = true,
      .because = "Windows reads TSC and APIC frequencies instead of measuring." },
    { .name = "reenlightenment",
      .host = "reenlightenment",
      .libvirt = 4007000,
      .generation = KN_WINDOWS_10,
      .needs = { "frequencies" },
      .nova = true,
      .ours = true,
      .needs_tsc = true,
      .because = "Windows is told when a migration changes the TSC frequency." },
    { .name = "tlbflush",
      .host = "tlbflush",
      .libvirt = 4007000,
      .generation = KN_WINDOWS_7,
      .needs = { "vpindex" },
      .nova = true,
      .ours = true,
      .because = "One call flushes the TLBs of many virtual CPUs." },
    { .name = "ipi",
      .host = "ipi",
      .libvirt = 4010000,
      .generation = KN_WINDOWS_7,
      .needs = { "vpindex" },
      .nova = true,
      .ours = true,
      .because = "One call interrupts many virtual CPUs." },
    { .name = "evmcs",
      .host = "evmcs",
      .libvirt = 4010000,
      .generation = KN_WINDOWS_11,
      .needs = { "vapic" },
      .nova = true,
      .ours = true,
      .vendor = "Intel",
      .because
      = "Nested virtualisation, which current Windows uses for its own security, is faster." },
    { .name = "xmm_input",
      .host = "xmm_input",
      .libvirt = LISTED_ONLY,
      .generation = KN_WINDOWS_10,
      .ours = true,
      .because = "Calls pass their input in registers." },
    { .name = "emsr_bitmap",
      .host = "emsr_bitmap",
      .libvirt = LISTED_ONLY,
      .generation = KN_WINDOWS_11,
      .needs = { "evmcs" },
      .ours = true,
      .vendor = "Intel",
      .because = "Nested guests leave for fewer MSR accesses." },
};

static const KnRule rule_tcg
    = { "hyperv.no-kvm",
        "Without KVM, Hyper-V features have no effect: the CPU still says that it is emulated." };
static const KnRule rule_on = { "hyperv.on", "" };
static const KnRule rule_off = { "hyperv.left-out", "" };
static const KnRule rule_vendor
    = { "hyperv.vendor", "The Hyper-V signature is hidden too, for drivers that look for it." };

static bool
host_knows (const KnDraft *draft, const Flag *flag)
{
    const KnGuestHost *host = draft->host;
    bool listed = host->hyperv && g_strv_contains (host->hyperv, flag->host);
    if (flag->libvirt == LISTED_ONLY)
        return listed;
    bool new_enough = host->libvirt_version == 0 || host->libvirt_version >= flag->libvirt;
    return new_enough && (listed || !host->hyperv);
}

static const char *
missing_need (const Flag *flag, GHashTable *on)
{
    for (gsize i = 0; i < G_N_ELEMENTS (flag->needs) && flag->needs[i]; i++)
        if (!g_hash_table_contains (on, flag->needs[i]))
            return flag->needs[i];
    return NULL;
}

/* NULL: nothing speaks against it. */
static char *
find_objection (const KnDraft *draft, const Flag *flag, GHashTable *on)
{
    const KnWindows *windows = kn_draft_windows (draft);
    guint generation = windows ? windows->generation : KN_WINDOWS_7;
    const char *need = missing_need (flag, on);
    if (!host_knows (draft, flag))
        return g_strdup ("This host's libvirt or QEMU does not know it.");
    if (flag->vendor && g_strcmp0 (draft->host->cpu_vendor, flag->vendor) != 0)
        return g_strdup_printf ("It works on %s hosts only.", flag->vendor);
    if (flag->needs_tsc && draft->host->tsc_khz == 0)
        return g_strdup ("It needs a fixed TSC frequency, which this host does not promise.");
    if (generation < flag->generation)
        return windows ? g_strdup_printf ("Windows %s does not use it.", windows->name)
                       : g_strdup (
                           "Not every Windows uses it, and os_version does not say which this is.");
    if (need)
        return g_strdup_printf ("It needs %s, which is left out.", need);
    return NULL;
}

static void
switch_on (KnDraft *draft, const Flag *flag)
{
    g_autofree char *path = g_strdup_printf ("features/hyperv/%s/@state", flag->name);
    kn_because_of (draft, &rule_on, "instances.os_type", "%s", flag->because);
    kn_decide (draft, path, "on");
    if (strcmp (flag->name, "spinlocks") == 0)
        kn_decide (draft, "features/hyperv/spinlocks/@retries", "8191");
}

static void
decide_by_host (KnDraft *draft)
{
    g_autoptr (GHashTable) on = g_hash_table_new (g_str_hash, g_str_equal);
    for (gsize i = 0; i < G_N_ELEMENTS (flags); i++) {
        if (!flags[i].ours)
            continue;
        g_autofree char *objection = find_objection (draft, &flags[i], on);
        if (!objection) {
            switch_on (draft, &flags[i]);
            g_hash_table_add (on, (gpointer)flags[i].name);
            continue;
        }
        g_autofree char *path = g_strdup_printf ("features/hyperv/%s", flags[i].name);
        kn_because_of (draft, &rule_off, "host", "%s", objection);
        kn_leave_out (draft, path);
    }
}

void
kn_decide_hyperv (KnDraft *draft, KnSaid hidden)
{
    if (draft->profile->hyperv_by_host && !draft->kvm) {
        kn_because (draft, &rule_tcg, "host");
        kn_leave_out (draft, "features/hyperv");
        return;
    }
    if (draft->profile->hyperv_by_host)
        decide_by_host (draft);
    else
        for (gsize i = 0; i < G_N_ELEMENTS (flags); i++)
            if (flags[i].nova)
                switch_on (draft, &flags[i]);
    if (hidden.text) {
        kn_because (draft, &rule_vendor, hidden.source);
        kn_decide (draft, "features/hyperv/vendor_id/@state", "on");
        kn_decide (draft, "features/hyperv/vendor_id/@value", "1234567890ab");
    }
}
