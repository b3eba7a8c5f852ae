/* SPDX-License-Identifier: Apache-2.0 */
/* Which server holds which CPUs and pages: from the table into the facts, and from a plan into the table. */
#include "compute/placement.h"

#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "compute/host_store.h"
#include "compute/placement_store.h"
#include "guest/cpus.h"

/* What others hold. */
typedef struct {
    KnCpus cpus;
    GHashTable *pages; /* "CELL:SIZE_KIB" -> count (gint64*) */
} Taken;

static void
taken_clear (Taken *taken)
{
    g_clear_pointer (&taken->pages, g_hash_table_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Taken, taken_clear)

/* Adds "CELL:SIZE_KIB:COUNT,…" to @pages; what cannot be read is nobody's. */
static void
add_pages (GHashTable *pages, const char *text)
{
    g_auto (GStrv) parts = g_strsplit (text, ",", -1);

    for (char **part = parts; *part != NULL; part++) {
        char *colon = strrchr (*part, ':');
        gint64 count, *sum;

        if (colon == NULL || !kn_parse_int (colon + 1, 0, G_MAXINT64 / 2, &count))
            continue;
        *colon = '\0';
        sum = g_hash_table_lookup (pages, *part);
        if (sum == NULL) {
            sum = g_new0 (gint64, 1);
            g_hash_table_insert (pages, g_strdup (*part), sum);
        }
        *sum += MIN (count, G_MAXINT64 / 2 - *sum);
    }
}

static void
add_taken (const KnPlacement *placement, gpointer data)
{
    Taken *taken = data;
    KnCpus cpus = { 0 };

    if (placement->cpus != NULL && kn_cpus_parse (placement->cpus, &cpus))
        taken->cpus = kn_cpus_or (taken->cpus, cpus);
    if (placement->pages != NULL)
        add_pages (taken->pages, placement->pages);
}

static bool
load_taken (KnDb *db, const char *host, const char *except, Taken *taken, GError **error)
{
    taken->pages = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

    return kn_store_placement_each (db, host, except, add_taken, taken, error);
}

static guint64
count_pages (const Taken *taken, guint cell, guint64 size_kib)
{
    g_autofree char *key = g_strdup_printf ("%u:%" G_GUINT64_FORMAT, cell, size_kib);
    const gint64 *count = g_hash_table_lookup (taken->pages, key);

    return count != NULL ? (guint64)*count : 0;
}

static KnGuestHostCell
copy_cell (const KnVirtCell *cell, const Taken *taken, GPtrArray *blocks)
{
    KnGuestHostPages *pages = g_new0 (KnGuestHostPages, cell->n_pages + 1);

    g_ptr_array_add (blocks, pages);
    for (gsize i = 0; i < cell->n_pages; i++)
        pages[i] = (KnGuestHostPages){
            .size_kib = cell->pages[i].size_kib,
            .total = cell->pages[i].total,
            .used = count_pages (taken, cell->id, cell->pages[i].size_kib),
        };

    return (KnGuestHostCell){
        .id = cell->id,
        .memory_kib = cell->memory_kib,
        .cpus = cell->cpus,
        .core = cell->core,
        .n_cpus = cell->n_cpus,
        .pages = pages,
        .n_pages = cell->n_pages,
    };
}

static bool
load_cells (KnVirtHost *host, const Taken *taken, GPtrArray *blocks, KnGuestHost *out_host,
            GError **error)
{
    const KnVirtFacts *facts = kn_virt_host_facts (host, error);
    KnGuestHostCell *cells;

    if (facts == NULL)
        return false;
    cells = g_new0 (KnGuestHostCell, facts->n_cells + 1);
    g_ptr_array_add (blocks, cells);
    for (gsize i = 0; i < facts->n_cells; i++)
        cells[i] = copy_cell (&facts->cells[i], taken, blocks);
    out_host->cells = cells;
    out_host->n_cells = facts->n_cells;

    return true;
}

bool
kn_guest_cells_load (KnVirtHost *host, GPtrArray *blocks, KnGuestHost *out_host, GError **error)
{
    g_auto (Taken) nothing = { .pages = g_hash_table_new (g_str_hash, g_str_equal) };

    return load_cells (host, &nothing, blocks, out_host, error);
}

bool
kn_server_gather_cells (KnServerFacts *f, KnDb *db, const KnServer *server, KnVirtHost *host,
                        GError **error)
{
    g_auto (Taken) taken = { 0 };

    if (!load_taken (db, kn_virt_host_name (host), server->uuid, &taken, error)
        || !load_cells (host, &taken, f->texts, &f->facts.host, error))
        return false;
    if (!kn_cpus_is_empty (&taken.cpus)) {
        char *text = kn_cpus_format (&taken.cpus);

        g_ptr_array_add (f->texts, text);
        f->facts.host.taken_cpus = text;
    }

    return true;
}

typedef struct {
    const KnServer *server;
    const KnGuestHost *host;
    KnPlacement wish;
} Claim;

static guint64
find_total (const KnGuestHost *host, guint cell, guint64 size_kib)
{
    for (gsize i = 0; i < host->n_cells; i++)
        for (gsize j = 0; host->cells[i].id == cell && j < host->cells[i].n_pages; j++)
            if (host->cells[i].pages[j].size_kib == size_kib)
                return host->cells[i].pages[j].total;
    return 0;
}

/* Whether @claim fits beside what others hold by now. */
static bool
fits (const Claim *claim, const Taken *taken)
{
    g_autoptr (GHashTable) pages = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    GHashTableIter iter;
    gpointer key, count;
    KnCpus cpus = { 0 }, both;

    if (claim->wish.cpus != NULL && !kn_cpus_parse (claim->wish.cpus, &cpus))
        return false;
    both = kn_cpus_and (cpus, taken->cpus);
    if (!kn_cpus_is_empty (&both))
        return false;
    if (claim->wish.pages != NULL)
        add_pages (pages, claim->wish.pages);
    g_hash_table_iter_init (&iter, pages);
    while (g_hash_table_iter_next (&iter, &key, &count)) {
        guint64 cell = g_ascii_strtoull (key, NULL, 10);
        guint64 size = g_ascii_strtoull (strchr (key, ':') + 1, NULL, 10);

        if (*(gint64 *)count + (gint64)count_pages (taken, (guint)cell, size)
            > (gint64)find_total (claim->host, (guint)cell, size))
            return false;
    }

    return true;
}

static bool
claim_txn (KnDb *db, gpointer data, GError **error)
{
    const Claim *claim = data;
    const KnServer *server = claim->server;
    g_auto (Taken) taken = { 0 };

    if (!kn_store_placement_lock (db, server->host, error)
        || !load_taken (db, server->host, server->uuid, &taken, error))
        return false;
    if (!fits (claim, &taken)) {
        kn_error_public (error, KN_ERROR_UNAVAILABLE,
                         "Another server took the CPUs or pages that this one was to get.");
        return false;
    }

    return kn_store_placement_set (db, server->uuid, server->host, &claim->wish, error);
}

bool
kn_server_claim_placement (KnServerWork *work, const KnGuestFacts *facts, const KnGuestPlan *plan,
                           GError **error)
{
    g_autoptr (KnHostRow) row = NULL;
    Claim claim = {
        .server = work->server,
        .host = &facts->host,
        .wish = { kn_guest_plan_own_cpus (plan), kn_guest_plan_own_pages (plan) },
    };

    /* The usual server keeps nothing for itself: no lock for it. */
    if (claim.wish.cpus == NULL && claim.wish.pages == NULL)
        return kn_store_placement_set (work->db, work->server->uuid, work->server->host,
                                       &claim.wish, error);
    row = kn_store_host_ensure (work->db, work->server->host, error);

    return row != NULL && kn_db_txn (work->db, claim_txn, &claim, error);
}
