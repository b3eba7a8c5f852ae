/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual CPUs on host CPUs: how many, where they may run, their share, and the memory beside them. */
#include "guest/numa.h"

#include <string.h>

static const KnRule rule_vcpus = { "vcpus.count", "The flavor says how many." };
static const KnRule rule_few = { "vcpus.few", "", true };
static const KnRule rule_shared
    = { "vcpus.shared-set",
        "The cloud's configuration keeps other host CPUs for guests that own theirs." };
static const KnRule rule_share
    = { "vcpus.share", "The flavor sets this guest's share of the host's CPU time." };
static const KnRule rule_cell
    = { "vcpus.numa", "The guest has NUMA nodes, so that it can place its work near its memory." };
static const KnRule rule_pin = { "vcpus.pin", "The vCPU owns this host CPU." };
static const KnRule rule_float
    = { "vcpus.float", "The vCPU stays on the host's NUMA node that holds its memory." };
static const KnRule rule_emulator
    = { "vcpus.emulator", "QEMU's own threads run where they disturb least." };
static const KnRule rule_no_iothread
    = { "vcpus.no-iothread",
        "Before QEMU 9.0 a snapshot of a disk with a thread of its own may end the guest." };
static const KnRule rule_iothread = { "vcpus.iothread", "Disks are served by one thread." };
static const KnRule rule_realtime = { "vcpus.realtime", "These vCPUs are scheduled in real time." };
static const KnRule rule_pages
    = { "vcpus.pages", "The memory is backed by pages of the size asked for." };

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
        if (!kn_demand_number (said, &value, error))
            return false;
        kn_because (draft, &rule_share, said.source);
        kn_decide_number (draft, path, value);
    }
    return true;
}

static void
decide_cpus (KnDraft *draft, const char *path, const KnCpus *cpus)
{
    g_autofree char *text = kn_cpus_format (cpus);
    kn_decide (draft, path, text);
}

static KnCpus
pinned_to (const KnNumaTopology *topology, const KnNumaCell *cell, guint vcpu)
{
    KnCpus cpus = { 0 };
    if (!kn_cpus_has (&cell->pinned, vcpu))
        return cell->host_shared;
    kn_cpus_add (&cpus, topology->pins[vcpu]);
    return cpus;
}

static const KnNumaCell *
cell_of (const KnNumaTopology *topology, guint vcpu)
{
    for (gsize i = 0; i < topology->n_cells; i++)
        if (kn_cpus_has (&topology->cells[i].shared, vcpu)
            || kn_cpus_has (&topology->cells[i].pinned, vcpu))
            return &topology->cells[i];
    return NULL;
}

static void
decide_pins (KnDraft *draft)
{
    const KnNumaTopology *topology = draft->numa;
    for (guint vcpu = 0; vcpu < draft->facts->vcpus; vcpu++) {
        const KnNumaCell *cell = cell_of (topology, vcpu);
        if (!cell)
            continue;
        KnCpus cpus = pinned_to (topology, cell, vcpu);
        bool own = kn_cpus_has (&cell->pinned, vcpu);
        g_autofree char *path = g_strdup_printf ("cputune/vcpupin[%u]/@cpuset", vcpu);
        kn_because (draft, own ? &rule_pin : &rule_float, topology->said.source);
        decide_cpus (draft, path, &cpus);
    }
}

/* isolate: the reserved CPU; share with a shared set: that; otherwise where the vCPUs run that are not real-time. */
static void
decide_emulator (KnDraft *draft)
{
    const KnNumaTopology *topology = draft->numa;
    KnCpus cpus = { 0 }, shared;
    const char *set = draft->config->cpu_shared_set;
    if (g_strcmp0 (topology->emulator, "isolate") == 0) {
        for (gsize i = 0; i < topology->n_cells; i++)
            cpus = kn_cpus_or (cpus, topology->cells[i].reserved);
    } else if (g_strcmp0 (topology->emulator, "share") == 0 && set
               && kn_cpus_parse (set, &shared)) {
        cpus = shared;
    } else
        for (guint vcpu = 0; vcpu < draft->facts->vcpus; vcpu++) {
            const KnNumaCell *cell = cell_of (topology, vcpu);
            if (cell && !kn_cpus_has (&topology->realtime, vcpu))
                cpus = kn_cpus_or (cpus, pinned_to (topology, cell, vcpu));
        }
    kn_because (draft, &rule_emulator,
                topology->emulator ? "flavor hw:emulator_threads_policy" : NULL);
    decide_cpus (draft, "cputune/emulatorpin/@cpuset", &cpus);
    if (kn_host_has_iothreads (draft)) {
        kn_decide (draft, "cputune/iothreadpin/@iothread", "1");
        decide_cpus (draft, "cputune/iothreadpin/@cpuset", &cpus);
    }
}

static bool
has_huge_pages (const KnNumaTopology *topology)
{
    for (gsize i = 0; i < topology->n_cells; i++) {
        const KnNumaCell *cell = &topology->cells[i];
        if (cell->host && cell->host->n_pages
            && cell->page_kib > (gint64)cell->host->pages[0].size_kib)
            return true;
    }
    return false;
}

static void
decide_cell (KnDraft *draft, gsize index)
{
    const KnNumaCell *cell = &draft->numa->cells[index];
    KnCpus cpus = kn_cpus_or (cell->shared, cell->pinned);
    g_autofree char *element = g_strdup_printf ("cpu/numa/cell[%zu]", index);
    g_autofree char *list = kn_cpus_format (&cpus);
    g_autofree char *memory = g_strdup_printf ("%" G_GINT64_FORMAT, cell->memory_mib * 1024);
    kn_because (draft, &rule_cell, draft->numa->said.source);
    kn_decide_in (draft, element, "@cpus", list);
    kn_decide_in (draft, element, "@memory", memory);
    if (has_huge_pages (draft->numa))
        kn_decide_in (draft, element, "@memAccess", "shared");
}

static void
decide_memory_node (KnDraft *draft, gsize index)
{
    g_autofree char *element = g_strdup_printf ("numatune/memnode[%zu]", index);
    g_autofree char *host = g_strdup_printf ("%u", draft->numa->cells[index].host->id);
    kn_decide_in (draft, element, "@mode", "strict");
    kn_decide_in (draft, element, "@nodeset", host);
}

static void
decide_topology (KnDraft *draft)
{
    const KnNumaTopology *topology = draft->numa;
    for (gsize i = 0; i < topology->n_cells; i++)
        decide_cell (draft, i);
    if (!topology->cells[0].host)
        return;

    KnCpus nodes = { 0 };
    for (gsize i = 0; i < topology->n_cells; i++)
        kn_cpus_add (&nodes, topology->cells[i].host->id);
    kn_decide (draft, "numatune/memory/@mode", "strict");
    decide_cpus (draft, "numatune/memory/@nodeset", &nodes);
    for (gsize i = 0; i < topology->n_cells; i++)
        decide_memory_node (draft, i);
    decide_pins (draft);
    decide_emulator (draft);
    if (!kn_cpus_is_empty (&topology->realtime)) {
        kn_because (draft, &rule_realtime, "flavor hw:cpu_realtime");
        decide_cpus (draft, "cputune/vcpusched/@vcpus", &topology->realtime);
        kn_decide (draft, "cputune/vcpusched/@scheduler", "fifo");
        kn_decide (draft, "cputune/vcpusched/@priority", "1");
    }
}

/* Pages of the smallest size are what every guest has; libvirt takes only larger ones. */
bool
kn_decide_pages (KnDraft *draft, GError **error)
{
    const KnNumaTopology *topology = draft->numa;
    bool asked = false;
    for (gsize i = 0; topology && i < topology->n_cells; i++)
        asked |= topology->cells[i].page_kib != 0;
    if (asked && draft->config->file_backed_memory) {
        kn_guest_fail (error, "driver/MemoryPagesUnsupported",
                       "A page size was asked for, but this cloud backs memory by files.");
        return false;
    }
    for (gsize i = 0; topology && i < topology->n_cells; i++) {
        const KnNumaCell *cell = &topology->cells[i];
        if (!cell->host || !cell->page_kib
            || cell->page_kib <= (gint64)cell->host->pages[0].size_kib)
            continue;
        g_autofree char *element = g_strdup_printf ("memoryBacking/hugepages/page[%zu]", i);
        g_autofree char *size = g_strdup_printf ("%" G_GINT64_FORMAT, cell->page_kib);
        g_autofree char *node = g_strdup_printf ("%zu", i);
        kn_because (draft, &rule_pages, topology->said.source);
        kn_decide_in (draft, element, "@size", size);
        kn_decide_in (draft, element, "@unit", "KiB");
        kn_decide_in (draft, element, "@nodeset", node);
    }
    return true;
}

bool
kn_decide_vcpus (KnDraft *draft, GError **error)
{
    const KnOs *os = draft->profile->like_nova ? NULL : kn_draft_os (draft);
    kn_because (draft, &rule_vcpus, "flavor");
    if (os && draft->facts->vcpus < os->min_vcpus)
        kn_because_of (draft, &rule_few, "flavor",
                       "The flavor says how many; %s wants %u at least.", os->title, os->min_vcpus);
    kn_decide_number (draft, "vcpu", draft->facts->vcpus);
    if (kn_host_has_iothreads (draft)) {
        kn_because (draft, &rule_iothread, NULL);
        kn_decide (draft, "iothreads", "1");
    } else if (draft->profile->beyond_26) {
        kn_because (draft, &rule_no_iothread, NULL);
        kn_leave_out (draft, "iothreads");
    }
    if (draft->numa)
        decide_topology (draft);
    else if (draft->config->cpu_shared_set) {
        kn_because (draft, &rule_shared, "config cpu_shared_set");
        kn_decide (draft, "vcpu/@cpuset", draft->config->cpu_shared_set);
    }
    return decide_share (draft, error);
}
