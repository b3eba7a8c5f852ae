/* SPDX-License-Identifier: Apache-2.0 */
/* The timers of the clock. (Nova 26.2, libvirt/driver.py, _set_kvm_timers.) */
#include "guest/guest_priv.h"

static const KnRule rule_pit
    = { "clock.pit-delay",
        "Late ticks are delivered at the normal rate, which boot loaders need." };
static const KnRule rule_rtc
    = { "clock.rtc-catchup",
        "Late ticks are made up for, so that guests that count ticks keep time." };
static const KnRule rule_hpet
    = { "clock.hpet", "The HPET is slow to emulate; guests do better with other timers." };
static const KnRule rule_hpet_said = { "clock.hpet-said", "The HPET was asked for." };
static const KnRule rule_no_timers
    = { "clock.no-timers-under-tcg", "Nova writes no timers for guests without KVM." };
static const KnRule rule_hypervclock
    = { "clock.hypervclock",
        "Windows reads the Hyper-V reference clock without leaving the guest." };
static const KnRule rule_tsc
    = { "clock.tsc",
        "The TSC frequency is pinned to this host's, so that Windows can rely on it." };
static const KnRule rule_no_hypervclock
    = { "clock.no-hypervclock-under-tcg",
        "Without KVM the Hyper-V reference clock has no effect." };

static void
decide_hpet (KnDraft *draft)
{
    if (!draft->x86)
        return;
    KnSaid said = kn_property (draft, "hw_time_hpet");
    bool on = kn_true (said);
    kn_because (draft, on ? &rule_hpet_said : &rule_hpet, said.source);
    kn_decide (draft, "clock/timer[hpet]/@present", on ? "yes" : "no");
}

void
kn_decide_timers (KnDraft *draft)
{
    if (!draft->kvm && !draft->profile->timers_under_tcg) {
        kn_because (draft, &rule_no_timers, NULL);
        kn_leave_out (draft, "clock/timer");
        return;
    }
    kn_because (draft, &rule_pit, NULL);
    kn_decide (draft, "clock/timer[pit]/@tickpolicy", "delay");
    kn_because (draft, &rule_rtc, NULL);
    kn_decide (draft, "clock/timer[rtc]/@tickpolicy", "catchup");
    decide_hpet (draft);
    if (!draft->windows)
        return;
    if (draft->kvm && draft->profile->hyperv_by_host && draft->host->tsc_khz) {
        kn_because (draft, &rule_tsc, "host");
        kn_decide_number (draft, "clock/timer[tsc]/@frequency",
                          (gint64)draft->host->tsc_khz * 1000);
    }
    if (draft->kvm) {
        kn_because (draft, &rule_hypervclock, "instances.os_type");
        kn_decide (draft, "clock/timer[hypervclock]/@present", "yes");
    } else {
        kn_because (draft, &rule_no_hypervclock, "host");
        kn_leave_out (draft, "clock/timer[hypervclock]");
    }
}
