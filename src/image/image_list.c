/* SPDX-License-Identifier: Apache-2.0 */
/* Lists: paging and sorting of GET /v2/images. The newest images first is a walk along the key; other orders collect what
 * matches (without properties) and sort it. */
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "image/image_query.h"

#define SCAN_STEP 64
#define PAGE_MAX_BYTES (8 * MIB)

static KnImageScope
scope_of (const KnImageQuery *query, const KnAuth *auth)
{
    bool community = g_strcmp0 (query->visibility, "community") == 0
                     || g_strcmp0 (query->visibility, "all") == 0;

    return (KnImageScope){ .project_id = auth->role >= KN_ROLE_ADMIN ? NULL : auth->project_id,
                           .member_status = query->member_status,
                           .community = community };
}

static gsize
bytes_of (const KnImageRow *row)
{
    GHashTableIter iter;
    gpointer name, value;
    gsize bytes = 1024;

    g_hash_table_iter_init (&iter, row->properties);
    while (g_hash_table_iter_next (&iter, &name, &value))
        bytes += strlen (name) + strlen (value);
    return bytes;
}

/* Walks all images in @scope that are older than @before, newest first, until @take says false. */
static bool
walk (KnDb *db, const KnImageQuery *query, const KnImageScope *scope, gint64 before,
      bool (*take) (KnImageRow *row, gpointer data), gpointer data, GError **error)
{
    for (;;) {
        g_autoptr (GPtrArray) step = kn_image_store_list (db, scope, before, SCAN_STEP, error);
        if (!step)
            return false;
        for (guint i = 0; i < step->len; i++) {
            KnImageRow *row = step->pdata[i];
            before = row->seq;
            if (!kn_image_query_matches (query, row))
                continue;
            step->pdata[i] = NULL;
            if (!take (row, data))
                return true;
        }
        if (step->len < SCAN_STEP)
            return true;
    }
}

typedef struct {
    GPtrArray *rows;
    guint limit;
    gsize bytes;
    bool more;
} Page;

static bool
take_page (KnImageRow *row, gpointer data)
{
    Page *page = data;

    if (page->rows->len >= page->limit || page->bytes > PAGE_MAX_BYTES) {
        page->more = true;
        kn_image_row_free (row);
        return false;
    }
    page->bytes += bytes_of (row);
    g_ptr_array_add (page->rows, row);
    return true;
}

static bool
take_light (KnImageRow *row, gpointer data)
{
    g_hash_table_remove_all (row->properties);
    g_ptr_array_set_size (row->tags, 0);
    g_ptr_array_add (data, row);
    return true;
}

static gint
compare_by (const KnImageAttr *attr, const KnImageRow *a, const KnImageRow *b)
{
    gint64 x, y;

    switch (attr->type) {
    case KN_ATTR_INT:
        x = *kn_image_attr_int (attr, a);
        y = *kn_image_attr_int (attr, b);
        return (x > y) - (x < y);
    case KN_ATTR_BOOL:
        return *kn_image_attr_bool (attr, a) - *kn_image_attr_bool (attr, b);
    case KN_ATTR_STRING:
    case KN_ATTR_ENUM:
    case KN_ATTR_UUID:
    case KN_ATTR_TIME:
        return g_strcmp0 (*kn_image_attr_string (attr, a), *kn_image_attr_string (attr, b));
    case KN_ATTR_TAGS:
    case KN_ATTR_LINK:
        break;
    }
    return 0;
}

static gint
compare_rows (gconstpointer pa, gconstpointer pb, gpointer data)
{
    const KnImageRow *a = *(const KnImageRow *const *)pa, *b = *(const KnImageRow *const *)pb;
    const KnImageQuery *query = data;

    for (guint i = 0; i < query->sorts->len; i++) {
        const KnImageSort *sort = &g_array_index (query->sorts, KnImageSort, i);
        gint order = compare_by (sort->attr, a, b);
        if (order != 0)
            return sort->descending ? -order : order;
    }
    /* Equals: as they came, in the direction of the first key. */
    bool descending = g_array_index (query->sorts, KnImageSort, 0).descending;
    gint order = (a->seq > b->seq) - (a->seq < b->seq);
    return descending ? -order : order;
}

static bool
bad_marker (GError **error, const char *marker)
{
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "The marker is not an image that can be seen.");
    return false;
}

/* Fills @page from the sorted @all behind the marker, loading again what was left out. */
static bool
cut_page (const KnImageQuery *query, KnDb *db, const GPtrArray *all, Page *page, GError **error)
{
    guint at = 0;

    if (query->marker) {
        while (at < all->len && strcmp (((KnImageRow *)all->pdata[at])->id, query->marker) != 0)
            at++;
        if (at++ == all->len)
            return bad_marker (error, query->marker);
    }
    for (; at < all->len; at++) {
        const KnImageRow *light = all->pdata[at];
        GError *failed = NULL;
        KnImageRow *row = kn_image_store_find (db, light->id, &failed);
        if (failed) {
            g_propagate_error (error, failed);
            return false;
        }
        if (row && !take_page (row, page))
            return true;
    }
    return true;
}

static bool
run_sorted (const KnImageQuery *query, KnDb *db, const KnImageScope *scope, Page *page,
            GError **error)
{
    g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify)kn_image_row_free);

    if (!walk (db, query, scope, G_MAXINT64, take_light, all, error))
        return false;
    g_ptr_array_sort_with_data (all, compare_rows, (gpointer)query);
    return cut_page (query, db, all, page, error);
}

static bool
run_newest (const KnImageQuery *query, KnDb *db, const KnAuth *auth, const KnImageScope *scope,
            Page *page, GError **error)
{
    gint64 before = G_MAXINT64;

    if (query->marker) {
        g_autoptr (GError) failed = NULL;
        g_autoptr (KnImageRow) row = kn_image_row_load (db, query->marker, auth, &failed);
        if (!row && g_error_matches (failed, KN_ERROR, KN_ERROR_NOT_FOUND))
            return bad_marker (error, query->marker);
        if (!row) {
            g_propagate_error (error, g_steal_pointer (&failed));
            return false;
        }
        before = row->seq;
    }
    return walk (db, query, scope, before, take_page, page, error);
}

GPtrArray *
kn_image_query_run (const KnImageQuery *query, KnDb *db, const KnAuth *auth, bool *out_more,
                    GError **error)
{
    g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify)kn_image_row_free);
    Page page = { .rows = rows, .limit = query->limit };
    KnImageScope scope = scope_of (query, auth);

    bool done = query->sorts->len > 0 ? run_sorted (query, db, &scope, &page, error)
                                      : run_newest (query, db, auth, &scope, &page, error);
    if (!done)
        return NULL;
    *out_more = page.more && rows->len > 0;
    return g_steal_pointer (&rows);
}
