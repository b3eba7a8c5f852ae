/* SPDX-License-Identifier: Apache-2.0 */
/* Hyper-V enlightenments: what Windows uses to run well under a hypervisor. Which there are, who gains by each and what it needs
 * is data/os/hyperv.ini; which of them a Windows gets is the set of its version in data/os/versions.ini. nova-26 is the list of
 * Nova 26.2's _set_features. */
#include <string.h>

#include "guest/guest_priv.h"

/* Domain capabilities list what there is from this libvirt on (its news of 9.0.0); before, an empty list says nothing. */
#define LISTED_SINCE 9000000

static const KnRule rule_tcg
    = { "hyperv.no-kvm",
        "Without KVM, Hyper-V features have no effect: the CPU still says that it is emulated." };
static const KnRule rule_x86 = { "hyperv.no-x86", "Hyper-V features exist on x86 only." };
static const KnRule rule_old
    = { "hyperv.old",
        "This Windows is older than its own hypervisor and knows no Hyper-V features." };
static const KnRule rule_on = { "hyperv.on", "" };
static const KnRule rule_off = { "hyperv.left-out", "" };
static const KnRule rule_vendor
    = { "hyperv.vendor", "The Hyper-V signature is hidden too, for drivers that look for it." };

/* A list that the host gives is the truth; without one its versions are. */
static bool
host_knows (const KnGuestHost *host, const KnOsHyperv *flag)
{
    const char *name = flag->list ? flag->list : flag->name;
    bool told = host->hyperv && (*host->hyperv || host->libvirt_version >= LISTED_SINCE);
    bool listed = told && g_strv_contains (host->hyperv, name);
    if (flag->listed)
        return listed;
    return (host->libvirt_version == 0 || host->libvirt_version >= flag->libvirt)
           && (host->qemu_version == 0 || host->qemu_version >= flag->qemu) && (listed || !told);
}

static const char *
missing_need (const KnDraft *draft, const KnOsHyperv *flag, GHashTable *on)
{
    bool intel = g_strcmp0 (draft->host->cpu_vendor, "AMD") != 0;
    for (gsize i = 0; flag->needs && flag->needs[i]; i++)
        if (!g_hash_table_contains (on, flag->needs[i]))
            return flag->needs[i];
    return intel && flag->needs_intel && !g_hash_table_contains (on, flag->needs_intel)
               ? flag->needs_intel
               : NULL;
}

/* Nested virtualisation needs vmx or svm, which the cloud may have taken away. */
static const char *
find_refused_nesting (const KnDraft *draft)
{
    const char *const off[] = { "-vmx", "-svm", NULL };
    for (gsize i = 0; draft->config->cpu_flags && draft->config->cpu_flags[i]; i++) {
        g_autofree char *lower = g_ascii_strdown (draft->config->cpu_flags[i], -1);
        if (g_strv_contains (off, lower))
            return draft->config->cpu_flags[i];
    }
    return NULL;
}

/* Of a Windows that nobody named, only what every one since 7 uses is taken for sure. */
static char *
find_objection_of_guest (const KnDraft *draft, const KnOsHyperv *flag)
{
    const KnOs *os = kn_draft_os (draft);
    char set = os ? os->hyperv : 'B';
    if (flag->set <= set)
        return NULL;
    return os ? g_strdup_printf ("%s does not use it.", os->title)
              : g_strdup ("Not every Windows uses it, and os_version does not say which this is.");
}

/* NULL: nothing speaks against it. */
static char *
find_objection (const KnDraft *draft, const KnOsHyperv *flag, GHashTable *on)
{
    const KnGuestHost *host = draft->host;
    const char *refused = flag->nested ? find_refused_nesting (draft) : NULL;
    if (flag->never)
        return g_strdup (flag->never);
    if (flag->vendor && g_strcmp0 (host->cpu_vendor, flag->vendor) != 0)
        return g_strdup_printf ("It works on %s hosts only.", flag->vendor);
    if (!host_knows (host, flag))
        return g_strdup ("This host's libvirt or QEMU does not know it.");
    if (flag->needs_tsc && host->tsc_khz == 0)
        return g_strdup ("It needs a fixed TSC frequency, which this host does not promise.");
    if (refused)
        return g_strdup_printf ("It is for nested guests, and the cloud's configuration says %s.",
                                refused);
    g_autofree char *objection = find_objection_of_guest (draft, flag);
    if (objection)
        return g_steal_pointer (&objection);
    const char *need = missing_need (draft, flag, on);
    return need ? g_strdup_printf ("It needs %s, which is left out.", need) : NULL;
}

static void
switch_on (KnDraft *draft, const KnOsHyperv *flag)
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
    gsize n;
    const KnOsHyperv *flags = kn_os_hyperv (&n);
    g_autoptr (GHashTable) on = g_hash_table_new (g_str_hash, g_str_equal);
    g_hash_table_add (on,
                      (gpointer) "time"); /* the clock gives every Windows under KVM hypervclock */
    for (gsize i = 0; i < n; i++) {
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

static void
decide_like_nova (KnDraft *draft)
{
    gsize n;
    const KnOsHyperv *flags = kn_os_hyperv (&n);
    for (gsize i = 0; i < n; i++)
        if (flags[i].nova)
            switch_on (draft, &flags[i]);
}

/* Whether the profile leaves all of them out, and says why. */
static bool
leave_all_out (KnDraft *draft)
{
    const KnOs *os = kn_draft_os (draft);
    const KnRule *rule = !draft->kvm || draft->emulated ? &rule_tcg
                         : !draft->x86                  ? &rule_x86
                         : os && os->hyperv == 0        ? &rule_old
                                                        : NULL;
    if (!rule)
        return false;
    kn_because (draft, rule, rule == &rule_old ? "os_version" : "host");
    kn_leave_out (draft, "features/hyperv");
    return true;
}

void
kn_decide_hyperv (KnDraft *draft, KnSaid hidden)
{
    bool by_host = draft->profile->hyperv_by_host;
    if (by_host && leave_all_out (draft))
        return;
    if (by_host)
        decide_by_host (draft);
    else
        decide_like_nova (draft);
    if (hidden.text) {
        kn_because (draft, &rule_vendor, hidden.source);
        kn_decide (draft, "features/hyperv/vendor_id/@state", "on");
        kn_decide (draft, "features/hyperv/vendor_id/@value", "1234567890ab");
    }
}
