/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU that the guest sees: model, flags and topology. */
#include <string.h>

#include "guest/numa.h"

static const KnRule rule_mode
    = { "cpu.mode",
        "The guest sees this host's CPU by name and features, so that it can move to a like one." };
static const KnRule rule_mode_config
    = { "cpu.mode-config", "The cloud's configuration chooses the CPU." };
static const KnRule rule_match
    = { "cpu.match", "A host that lacks a feature must not run the guest with less." };
static const KnRule rule_emulated
    = { "cpu.emulated", "Another architecture is emulated, so there is no host model." };
static const KnRule rule_flag = { "cpu.flag", "The cloud's configuration adds this CPU flag." };
static const KnRule rule_sockets
    = { "cpu.topology-sockets", "Nobody asked for a topology: each vCPU is a socket, as in Nova." };
static const KnRule rule_one_socket
    = { "cpu.topology-windows", "Windows licences count sockets, so all vCPUs are cores of one." };
static const KnRule rule_numa_sockets
    = { "cpu.topology-windows-numa",
        "The guest has NUMA nodes, and its Windows may use a socket for each." };
static const KnRule rule_numa_one_socket
    = { "cpu.topology-windows-numa-one",
        "The guest has NUMA nodes, but this edition of Windows does not use a socket for each." };
static const KnRule rule_width
    = { "cpu.maxphysaddr", "The width of physical addresses was asked for." };
static const KnRule rule_asked = { "cpu.topology-asked", "The topology meets what was asked for." };
static const KnRule rule_tcg
    = { "cpu.tcg",
        "Emulation offers all that QEMU can do; host-model would promise more than it has." };

static const struct {
    const char *arch, *model;
} emulated_models[] = { { "aarch64", "cortex-a57" }, { "ppc64le", "POWER8" } };

static bool
check_models (const KnDraft *draft, GError **error)
{
    const char *const *wanted = draft->config->cpu_models, *const *known = draft->host->cpu_models;
    for (gsize i = 0; known && wanted && wanted[i]; i++) {
        if (g_strv_contains (known, wanted[i]))
            continue;
        kn_guest_fail (
            error, "driver/InvalidCPUInfo",
            "The cloud is configured for CPU model '%s', which this host's libvirt does not "
            "know.",
            wanted[i]);
        return false;
    }
    return true;
}

static void
decide_emulated (KnDraft *draft)
{
    kn_because (draft, &rule_emulated, "image");
    for (gsize i = 0; i < G_N_ELEMENTS (emulated_models); i++)
        if (strcmp (emulated_models[i].arch, draft->arch) == 0)
            kn_decide (draft, "cpu/model", emulated_models[i].model);
}

static bool
is_maximum (const KnDraft *draft)
{
    return !draft->config->cpu_mode && !draft->kvm && !draft->profile->like_nova && draft->x86
           && !draft->emulated;
}

/* Under TCG libvirt turns host-model into a list that QEMU cannot fully emulate; "maximum" is what it can. */
static void
decide_model (KnDraft *draft)
{
    const char *mode = draft->config->cpu_mode;
    if (g_strcmp0 (mode, "none") == 0)
        return;
    if (is_maximum (draft)) {
        kn_because (draft, &rule_tcg, "host");
        kn_decide (draft, "cpu/@mode", "maximum");
        return;
    }
    kn_because (draft, mode ? &rule_mode_config : &rule_mode, mode ? "config cpu_mode" : NULL);
    bool arm = strcmp (draft->arch, "aarch64") == 0;
    kn_decide (draft, "cpu/@mode", mode ? mode : arm ? "host-passthrough" : "host-model");
    if (draft->config->cpu_models && draft->config->cpu_models[0]) {
        kn_because (draft, &rule_mode_config, "config cpu_models");
        kn_decide (draft, "cpu/model", draft->config->cpu_models[0]);
    }
}

/* "+pcid", "pcid" or "-pcid". */
static void
decide_flags (KnDraft *draft)
{
    /* libvirt takes flags only on top of a model, which another architecture has here only by name. */
    if (draft->emulated && !draft->profile->like_nova)
        return;
    for (gsize i = 0; draft->config->cpu_flags && draft->config->cpu_flags[i]; i++) {
        const char *flag = draft->config->cpu_flags[i];
        bool off = *flag == '-';
        const char *name = off || *flag == '+' ? flag + 1 : flag;
        g_autofree char *lower = g_ascii_strdown (name, -1);
        g_autofree char *element = g_strdup_printf ("cpu/feature[%zu]", i);
        kn_because (draft, &rule_flag, "config cpu_model_extra_flags");
        kn_decide_in (draft, element, "@name", lower);
        kn_decide_in (draft, element, "@policy", off ? "disable" : "require");
    }
}

/* Bits without a mode, and the mode "emulate" without bits, say too little (check.c). */
static bool
decide_address_width (KnDraft *draft, GError **error)
{
    KnSaid mode, bits;
    if (!kn_pick_later (draft, "hw_maxphysaddr_mode", &mode, error)
        || !kn_pick_later (draft, "hw_maxphysaddr_bits", &bits, error))
        return false;
    if (!mode.text && !bits.text)
        return true;
    if (!mode.text || (kn_is (mode, "emulate") && !bits.text)) {
        kn_guest_fail (error, "api/InvalidRequest", "%s is '%s', which needs hw_maxphysaddr_%s.",
                       mode.text ? mode.source : bits.source, mode.text ? mode.text : bits.text,
                       mode.text ? "bits" : "mode=emulate");
        return false;
    }
    if (!kn_require_host (draft, mode, 8007000, 2007000, error))
        return false;
    kn_because (draft, &rule_width, mode.source);
    kn_decide (draft, "cpu/maxphysaddr/@mode", mode.text);
    if (bits.text)
        kn_decide (draft, "cpu/maxphysaddr/@bits", bits.text);
    return true;
}

static void
because_of_topology (KnDraft *draft, const KnTopology *topology, KnSaid said)
{
    bool few = draft->windows && draft->profile->windows_one_socket;
    if (said.text)
        kn_because (draft, &rule_asked, said.source);
    else if (few && topology->sockets > 1)
        kn_because (draft, &rule_numa_sockets, draft->numa ? draft->numa->said.source : NULL);
    else if (few && draft->numa && draft->numa->n_cells > 1)
        kn_because (draft, &rule_numa_one_socket, "os_edition");
    else if (few)
        kn_because (draft, &rule_one_socket, "instances.os_type");
    else
        kn_because (draft, &rule_sockets, NULL);
}

static bool
decide_topology (KnDraft *draft, GError **error)
{
    KnTopology topology;
    KnSaid said;
    if (!kn_topology_choose (draft, &topology, &said, error))
        return false;
    because_of_topology (draft, &topology, said);
    kn_decide_number (draft, "cpu/topology/@sockets", topology.sockets);
    kn_decide_number (draft, "cpu/topology/@cores", topology.cores);
    kn_decide_number (draft, "cpu/topology/@threads", topology.threads);
    return true;
}

bool
kn_decide_cpu (KnDraft *draft, GError **error)
{
    if (!check_models (draft, error))
        return false;
    if (draft->emulated)
        decide_emulated (draft);
    else
        decide_model (draft);
    if (!is_maximum (draft)) {
        kn_because (draft, &rule_match, NULL);
        kn_decide (draft, "cpu/@match", "exact");
    }
    decide_flags (draft);
    if (!decide_address_width (draft, error))
        return false;
    return decide_topology (draft, error);
}
