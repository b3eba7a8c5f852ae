/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual CPUs on host CPUs: how many, where they may run, and their share. */
#include <string.h>

#include "guest/guest_priv.h"

static const KnRule rule_vcpus = { "vcpus.count", "The flavor says how many.", false };
static const KnRule rule_shared
    = { "vcpus.shared-set",
        "The cloud's configuration keeps other host CPUs for guests that own theirs.", false };
static const KnRule rule_share
    = { "vcpus.share", "The flavor sets this guest's share of the host's CPU time.", false };

bool
kn_wants_realtime (const KnDraft *draft)
{
    return kn_true (kn_spec (draft, "hw:cpu_realtime"));
}

bool
kn_realtime_check (KnDraft *draft, GError **error)
{
    (void)draft;
    (void)error;
    return true;
}

bool
kn_numa_check (KnDraft *draft, GError **error)
{
    (void)draft;
    (void)error;
    return true;
}

bool
kn_choose_numa (KnDraft *draft, GError **error)
{
    (void)draft;
    (void)error;
    return true;
}

bool
kn_decide_pages (KnDraft *draft, GError **error)
{
    (void)draft;
    (void)error;
    return true;
}

static bool
decide_share (KnDraft *draft, GError **error)
{
    const char *const names[] = { "shares", "period", "quota" };
    for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
        g_autofree char *spec = g_strdup_printf ("quota:cpu_%s", names[i]);
        g_autofree char *path = g_strdup_printf ("cputune/%s", names[i]);
        KnSaid said = kn_spec (draft, spec);
        gint64 value = 0;
        if (!said.text)
            continue;
        if (draft->host->no_cpu_control) {
            kn_guest_fail (error, "driver/UnsupportedHostCPUControlPolicy",
                           "%s limits CPU time, which this host cannot do.", said.source);
            return false;
        }
        if (!kn_read_int (said.text, &value)) {
            kn_guest_fail (error, "driver/ValueError", "%s is '%s', which is no whole number.",
                           said.source, said.text);
            return false;
        }
        kn_because (draft, &rule_share, said.source);
        kn_decide_number (draft, path, value);
    }
    return true;
}

bool
kn_decide_vcpus (KnDraft *draft, GError **error)
{
    kn_because (draft, &rule_vcpus, "flavor");
    kn_decide_number (draft, "vcpu", draft->facts->vcpus);
    if (draft->config->cpu_shared_set) {
        kn_because (draft, &rule_shared, "config cpu_shared_set");
        kn_decide (draft, "vcpu/@cpuset", draft->config->cpu_shared_set);
    }
    return decide_share (draft, error);
}
