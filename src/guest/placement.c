/* SPDX-License-Identifier: Apache-2.0 */
/* Fits guest NUMA cells onto host cells: pages, memory, and host CPUs for pinned vCPUs. Siblings are filled before the next
 * core, as Nova prefers; which of several equal cores is taken is our own order, lowest first. */
#include "guest/numa.h"

#include <string.h>

typedef struct {
    const KnDraft *draft;
    KnCpus shared, dedicated; /* of the host, by configuration; dedicated ones that are free */
} Host;

/* Without configuration every host CPU serves both kinds (Nova 26.2, _get_host_numa_topology). */
static Host
read_host (const KnDraft *draft)
{
    const KnGuestConfig *config = draft->config;
    Host host = { .draft = draft };
    KnCpus all = { 0 };
    for (gsize c = 0; c < draft->host->n_cells; c++)
        for (gsize i = 0; i < draft->host->cells[c].n_cpus; i++)
            kn_cpus_add (&all, draft->host->cells[c].cpus[i]);

    bool has_shared
        = config->cpu_shared_set && kn_cpus_parse (config->cpu_shared_set, &host.shared);
    bool has_own
        = config->cpu_dedicated_set && kn_cpus_parse (config->cpu_dedicated_set, &host.dedicated);
    if (!has_shared && !has_own)
        host.shared = all;
    if (!has_own && !has_shared)
        host.dedicated = all;
    KnCpus taken = { 0 };
    if (draft->host->taken_cpus && kn_cpus_parse (draft->host->taken_cpus, &taken))
        host.dedicated = kn_cpus_minus (host.dedicated, taken);
    return host;
}

static KnCpus
cell_cpus (const KnGuestHostCell *cell, KnCpus within)
{
    KnCpus cpus = { 0 };
    for (gsize i = 0; i < cell->n_cpus; i++)
        kn_cpus_add (&cpus, cell->cpus[i]);
    return kn_cpus_and (cpus, within);
}

static bool
has_pages (const KnGuestHostPages *pages, gint64 memory_mib)
{
    guint64 need = (guint64)memory_mib * 1024, used = MIN (pages->used, pages->total);
    return (pages->total - used) * pages->size_kib >= need && need % pages->size_kib == 0;
}

/* Largest first; 0: no size fits. */
static gint64
choose_page (const KnGuestHostCell *host, gint64 wish, gint64 memory_mib)
{
    for (gsize i = host->n_pages; i-- > 0;) {
        const KnGuestHostPages *pages = &host->pages[i];
        bool smallest = i == 0;
        bool wanted = wish == KN_PAGES_ANY || (wish == KN_PAGES_SMALL && smallest)
                      || (wish == KN_PAGES_LARGE && !smallest) || wish == (gint64)pages->size_kib;
        if (wanted && has_pages (pages, memory_mib))
            return (gint64)pages->size_kib;
    }
    return 0;
}

static guint
count_threads (const KnGuestHostCell *host, const KnCpus *usable, guint core)
{
    guint n = 0;
    for (gsize i = 0; i < host->n_cpus; i++)
        n += host->core[i] == core && kn_cpus_has (usable, host->cpus[i]);
    return n;
}

static guint
most_threads (const KnGuestHostCell *host, const KnCpus *usable)
{
    guint most = 0;
    for (gsize i = 0; i < host->n_cpus; i++)
        most = MAX (most, count_threads (host, usable, host->core[i]));
    return most;
}

/* Lists usable CPUs of cores that have at least @threads free ones, at most @per_core of each. */
static gsize
list_cpus (const KnGuestHostCell *host, const KnCpus *usable, guint threads, guint per_core,
           guint *out_list)
{
    gsize n = 0;
    for (gsize i = 0; i < host->n_cpus; i++) {
        guint core = host->core[i], before = 0;
        bool first = true;
        for (gsize j = 0; j < i; j++)
            first = first && host->core[j] != core;
        if (!first || count_threads (host, usable, core) < threads)
            continue;
        for (gsize j = i; j < host->n_cpus && before < per_core; j++)
            if (host->core[j] == core && kn_cpus_has (usable, host->cpus[j])) {
                out_list[n++] = host->cpus[j];
                before++;
            }
    }
    return n;
}

static bool
reserve (const KnGuestHostCell *host, KnNumaCell *cell, KnCpus usable, const guint *taken, gsize n,
         bool whole_cores)
{
    for (gsize i = 0; i < n; i++)
        for (gsize j = 0; j < host->n_cpus; j++) {
            if (host->cpus[j] != taken[i])
                continue;
            kn_cpus_remove (&usable, taken[i]);
            for (gsize k = 0; whole_cores && k < host->n_cpus; k++)
                if (host->core[k] == host->core[j])
                    kn_cpus_remove (&usable, host->cpus[k]);
        }
    for (gsize i = 0; i < host->n_cpus; i++)
        if (kn_cpus_has (&usable, host->cpus[i])) {
            kn_cpus_add (&cell->reserved, host->cpus[i]);
            return true;
        }
    return false;
}

static bool
try_pins (KnNumaTopology *topology, KnNumaCell *cell, const KnGuestHostCell *host, KnCpus usable,
          guint threads, guint per_core, bool reserve_one)
{
    guint list[KN_CPUS_MAX];
    gsize wanted = kn_cpus_count (&cell->pinned), n = 0;
    if (list_cpus (host, &usable, threads, per_core, list) < wanted)
        return false;
    bool isolate = g_strcmp0 (topology->thread_policy, "isolate") == 0;
    if (reserve_one && !reserve (host, cell, usable, list, wanted, isolate))
        return false;
    for (guint vcpu = 0; vcpu < KN_CPUS_MAX && n < wanted; vcpu++)
        if (kn_cpus_has (&cell->pinned, vcpu))
            topology->pins[vcpu] = list[n++];
    return true;
}

/* isolate: one thread a core; require: siblings only; otherwise siblings first, then any. */
static bool
pin (KnNumaTopology *topology, KnNumaCell *cell, const KnGuestHostCell *host, KnCpus usable,
     bool reserve_one)
{
    guint most = most_threads (host, &usable);
    bool require = g_strcmp0 (topology->thread_policy, "require") == 0;
    if (g_strcmp0 (topology->thread_policy, "isolate") == 0)
        return try_pins (topology, cell, host, usable, most, 1, reserve_one);
    if (require && most <= 1)
        return false;
    for (guint threads = most; threads > (require ? 1 : 0); threads--)
        if (try_pins (topology, cell, host, usable, threads, threads, reserve_one))
            return true;
    return !require && try_pins (topology, cell, host, usable, 1, most, reserve_one);
}

static bool
fit_cell (const Host *host, KnNumaTopology *topology, KnNumaCell *cell, const KnGuestHostCell *on,
          bool reserve_one)
{
    KnCpus shared = cell_cpus (on, host->shared), own = cell_cpus (on, host->dedicated);
    gint64 page = 0;
    if (cell->page_kib) {
        page = choose_page (on, cell->page_kib, cell->memory_mib);
        if (!page)
            return false;
    } else if (on->n_pages ? !has_pages (&on->pages[0], cell->memory_mib)
                           : (guint64)cell->memory_mib * 1024 > on->memory_kib)
        return false;

    guint n_shared = kn_cpus_count (&cell->shared), n_own = kn_cpus_count (&cell->pinned);
    bool mixed_or_shared = !topology->pinned || n_shared > 0;
    if (mixed_or_shared && n_shared > kn_cpus_count (&shared))
        return false;
    if (topology->pinned) {
        if (n_own + reserve_one > kn_cpus_count (&own)
            || (guint64)cell->memory_mib * 1024 > on->memory_kib
            || !pin (topology, cell, on, own, reserve_one))
            return false;
    }
    cell->page_kib = page;
    cell->host = on;
    cell->host_shared = shared;
    return true;
}

/* Cells keep their order; each takes the first free host cell that it fits on. Host cells are alike in all that counts here
 * except what is free, so a backtracking search would find nothing more. */
bool
kn_numa_place (const KnDraft *draft, KnNumaTopology *topology, GError **error)
{
    Host host = read_host (draft);
    KnCpus used = { 0 };
    bool isolate = g_strcmp0 (topology->emulator, "isolate") == 0;
    for (gsize i = 0; i < topology->n_cells; i++) {
        KnNumaCell *cell = &topology->cells[i];
        for (guint c = 0; c < draft->host->n_cells && !cell->host; c++)
            if (!kn_cpus_has (&used, c)
                && fit_cell (&host, topology, cell, &draft->host->cells[c], isolate && i == 0))
                kn_cpus_add (&used, c);
        if (cell->host)
            continue;
        if (draft->host->n_cells == 0) {
            kn_guest_fail (error, "claim/ComputeResourcesUnavailable",
                           "%s needs the NUMA nodes of the host, and this host's are not known.",
                           topology->said.source);
            return false;
        }
        kn_guest_fail (error, "claim/ComputeResourcesUnavailable",
                       "NUMA node %zu of the guest (%" G_GINT64_FORMAT
                       " MiB) fits on no NUMA node of "
                       "this host: too few CPUs that are free, or not enough memory in pages of "
                       "that size.",
                       i, cell->memory_mib);
        return false;
    }
    return true;
}

/* The smallest pages are everybody's: they are not counted. */
static void
note_pages (const KnNumaCell *cell, GString *out)
{
    if (cell->page_kib <= 0 || cell->host->n_pages == 0
        || cell->page_kib == (gint64)cell->host->pages[0].size_kib)
        return;
    g_string_append_printf (out, "%s%u:%" G_GINT64_FORMAT ":%" G_GINT64_FORMAT,
                            out->len > 0 ? "," : "", cell->host->id, cell->page_kib,
                            cell->memory_mib * 1024 / cell->page_kib);
}

void
kn_numa_note (const KnNumaTopology *topology, KnGuestPlan *plan)
{
    g_autoptr (GString) pages = g_string_new (NULL);
    KnCpus own = { 0 };
    for (gsize i = 0; i < topology->n_cells; i++) {
        const KnNumaCell *cell = &topology->cells[i];
        own = kn_cpus_or (own, cell->reserved);
        for (guint vcpu = 0; vcpu < KN_CPUS_MAX; vcpu++)
            if (kn_cpus_has (&cell->pinned, vcpu))
                kn_cpus_add (&own, topology->pins[vcpu]);
        note_pages (cell, pages);
    }
    g_autofree char *cpus = kn_cpus_format (&own);
    if (!kn_cpus_is_empty (&own))
        plan->own_cpus = g_string_chunk_insert (plan->text, cpus);
    if (pages->len > 0)
        plan->own_pages = g_string_chunk_insert (plan->text, pages->str);
}
