/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's NUMA topology: what was wished for (numa.c), fitted to a host (placement.c), written down (vcpus.c). */
#pragma once

#include "guest/cpus.h"
#include "guest/guest_priv.h"

/* Wishes for pages that leave the size to the host. */
enum { KN_PAGES_SMALL = -1, KN_PAGES_LARGE = -2, KN_PAGES_ANY = -3 };

typedef struct {
    KnCpus shared, pinned; /* vCPUs */
    gint64 memory_mib;
    gint64 page_kib; /* 0: nothing said; after the fit a size of the host */
    const KnGuestHostCell *host;
    KnCpus host_shared; /* host CPUs that the shared ones float over */
    KnCpus reserved;    /* host CPUs for QEMU's own threads */
} KnNumaCell;

typedef struct KnNumaTopology KnNumaTopology;
struct KnNumaTopology {
    KnNumaCell *cells;
    gsize n_cells;
    bool pinned;               /* dedicated or mixed */
    const char *thread_policy; /* NULL: nothing said */
    const char *emulator;      /* NULL: nothing said */
    KnCpus realtime;
    guint pins[KN_CPUS_MAX]; /* host CPU of a pinned vCPU */
    KnSaid said;             /* what brought the topology about */
};

void kn_numa_topology_free (KnNumaTopology *topology);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnNumaTopology, kn_numa_topology_free)

/* Fits each cell onto a cell of the host. Errors: claim/ComputeResourcesUnavailable. */
bool kn_numa_place (const KnDraft *draft, KnNumaTopology *topology, GError **error);
/* Writes into @plan what a placed topology keeps for itself. */
void kn_numa_note (const KnNumaTopology *topology, KnGuestPlan *plan);
