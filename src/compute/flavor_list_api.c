/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of flavors: filters, order, pages. An administrator decides how many there are, so they are ordered here. */
#include "base/error.h"
#include "base/util.h"
#include "compute/flavor_store.h"
#include "compute/flavor_view.h"

#include <string.h>

#define LIMIT_MAX 1000

typedef struct {
    const char *name;
    bool text;
    gsize offset; /* in KnFlavor */
} SortKey;

static const SortKey sort_keys[] = {
    { "flavorid", true, offsetof (KnFlavor, flavor_id) },
    { "name", true, offsetof (KnFlavor, name) },
    { "id", false, offsetof (KnFlavor, id) },
    { "memory_mb", false, offsetof (KnFlavor, memory_mib) },
    { "vcpus", false, offsetof (KnFlavor, vcpus) },
    { "root_gb", false, offsetof (KnFlavor, root_gib) },
    { "ephemeral_gb", false, offsetof (KnFlavor, ephemeral_gib) },
    { "swap", false, offsetof (KnFlavor, swap_mib) },
};

typedef struct {
    KnFlavorScope scope;
    gint64 min_ram, min_disk, limit;
    const char *marker;
    const SortKey *sort_key;
    bool descending;
} ListQuery;

static bool
read_number (const KnRequest *req, const char *name, gint64 *out_number, GError **error)
{
    const char *text = kn_request_query (req, name);

    if (!text || kn_parse_int (text, 0, G_MAXINT64, out_number))
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST,
                     "Invalid value of %s: it must be a number that is not negative.", name);
    return false;
}

/* Administrators choose; "none" is both kinds, and without a word they see what users see. */
static bool
read_scope (const KnRequest *req, KnFlavorScope *out_scope, GError **error)
{
    const char *text = kn_request_query (req, "is_public");
    bool is_public = true;

    *out_scope = KN_FLAVORS_USABLE;
    if (!text || !kn_request_is_admin (req))
        return true;
    if (g_ascii_strcasecmp (text, "none") == 0) {
        *out_scope = KN_FLAVORS_ALL;
        return true;
    }
    if (!kn_parse_bool (text, &is_public)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "Invalid is_public filter [%.64s]", text);
        return false;
    }
    *out_scope = is_public ? KN_FLAVORS_USABLE : KN_FLAVORS_PRIVATE;
    return true;
}

static bool
read_order (const KnRequest *req, ListQuery *query, GError **error)
{
    const char *key = kn_request_query (req, "sort_key");
    const char *dir = kn_request_query (req, "sort_dir");

    query->sort_key = key ? NULL : &sort_keys[0];
    for (gsize i = 0; key && i < G_N_ELEMENTS (sort_keys); i++)
        if (strcmp (key, sort_keys[i].name) == 0)
            query->sort_key = &sort_keys[i];
    query->descending = dir && strcmp (dir, "desc") == 0;
    if (query->sort_key && (!dir || query->descending || strcmp (dir, "asc") == 0))
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "Invalid sort_key or sort_dir.");
    return false;
}

static bool
read_query (const KnRequest *req, ListQuery *query, GError **error)
{
    *query = (ListQuery){ .limit = LIMIT_MAX, .marker = kn_request_query (req, "marker") };
    if (!read_scope (req, &query->scope, error) || !read_order (req, query, error)
        || !read_number (req, "minRam", &query->min_ram, error)
        || !read_number (req, "minDisk", &query->min_disk, error)
        || !read_number (req, "limit", &query->limit, error))
        return false;
    query->limit = MIN (query->limit, LIMIT_MAX);
    return true;
}

static gint
compare (gconstpointer a, gconstpointer b, gpointer data)
{
    const ListQuery *query = data;
    const KnFlavor *left = *(KnFlavor *const *)a, *right = *(KnFlavor *const *)b;
    gsize offset = query->sort_key->offset;
    gint order;

    if (query->sort_key->text)
        order = strcmp (G_STRUCT_MEMBER (char *, left, offset),
                        G_STRUCT_MEMBER (char *, right, offset));
    else {
        gint64 l = G_STRUCT_MEMBER (gint64, left, offset);
        gint64 r = G_STRUCT_MEMBER (gint64, right, offset);

        order = (l > r) - (l < r);
    }
    if (order == 0)
        order = (left->id > right->id) - (left->id < right->id);
    return query->descending ? -order : order;
}

static bool
is_wanted (const KnFlavor *flavor, const ListQuery *query)
{
    return flavor->memory_mib >= query->min_ram && flavor->root_gib >= query->min_disk;
}

/* Where the page begins: after the marker, which may itself be filtered out. */
static bool
find_start (const GPtrArray *flavors, const char *marker, guint *out_start, GError **error)
{
    *out_start = 0;
    for (guint i = 0; marker && i < flavors->len; i++)
        if (strcmp (((KnFlavor *)g_ptr_array_index (flavors, i))->flavor_id, marker) == 0) {
            *out_start = i + 1;
            return true;
        }
    if (marker)
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "marker [%.255s] not found", marker);
    return !marker;
}

static bool
append_parameter (const char *name, const char *value, gpointer data)
{
    GString *url = data;
    g_autofree char *key = g_uri_escape_string (name, NULL, FALSE);
    g_autofree char *text = g_uri_escape_string (value, NULL, FALSE);

    if (strcmp (name, "marker") != 0)
        g_string_append_printf (url, "%s=%s&", key, text);
    return true;
}

static void
write_next (KnJw *w, const KnRequest *req, const char *marker)
{
    g_autoptr (GString) url = g_string_new (kn_request_base_url (req));
    g_autofree char *text = g_uri_escape_string (marker, NULL, FALSE);
    bool detail = g_str_has_suffix (kn_request_path (req), "/detail");

    g_string_append_printf (url, "/v2.1/flavors%s?", detail ? "/detail" : "");
    kn_request_each_query (req, append_parameter, url);
    g_string_append_printf (url, "marker=%s", text);
    kn_jw_array_member (w, "flavors_links");
    kn_jw_object (w);
    kn_jw_string_member (w, "rel", "next");
    kn_jw_string_member (w, "href", url->str);
    kn_jw_end (w);
    kn_jw_end (w);
}

static void
reply_list (KnRequest *req, const GPtrArray *flavors, guint start, const ListQuery *query,
            KnFlavorView view)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    const char *last = NULL, *next = NULL;
    gint64 n = 0;

    kn_jw_object (w);
    kn_jw_array_member (w, "flavors");
    for (guint i = start; i < flavors->len && !next; i++) {
        const KnFlavor *flavor = g_ptr_array_index (flavors, i);

        if (!is_wanted (flavor, query))
            continue;
        if (n++ < query->limit) {
            kn_flavor_write (w, req, flavor, view);
            last = flavor->flavor_id;
        } else
            next = last;
        if (n > query->limit)
            break;
    }
    kn_jw_end (w);
    if (next)
        write_next (w, req, next);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
}

static bool
list (KnRequest *req, KnFlavorView view, GError **error)
{
    ListQuery query;
    KnDb *db = kn_flavor_db (req, error);
    g_autoptr (GPtrArray) flavors = NULL;
    guint start = 0;

    if (!db || !read_query (req, &query, error))
        return false;
    flavors = kn_store_flavor_list (db, query.scope, kn_request_auth (req)->project_id, error);
    if (!flavors)
        return false;
    g_ptr_array_sort_with_data (flavors, compare, &query);
    if (!find_start (flavors, query.marker, &start, error))
        return false;
    reply_list (req, flavors, start, &query, view);
    return true;
}

static bool
list_brief (KnRequest *req, GError **error)
{
    return list (req, KN_FLAVOR_BRIEF, error);
}

static bool
list_full (KnRequest *req, GError **error)
{
    return list (req, KN_FLAVOR_FULL, error);
}

static const KnRoute routes_of_lists[] = {
    { "GET", "/v2.1/flavors", list_brief, KN_ROLE_READER, KN_WORKER },
    { "GET", "/v2.1/flavors/detail", list_full, KN_ROLE_READER, KN_WORKER },
};

void
kn_flavor_list_add_routes (GArray *routes)
{
    g_array_append_vals (routes, routes_of_lists, G_N_ELEMENTS (routes_of_lists));
}
