/* SPDX-License-Identifier: Apache-2.0 */
/* Lists: filters by any attribute, order, pages, fields. */
#include "network/resource_api.h"

#include <string.h>

#include "base/error.h"
#include "base/util.h"

#define KEYS_MAX 500 /* parameters in one query */

typedef struct {
    const KnAttr *attr;
    char *value;
    bool
        first; /* of its group: values of one attribute are alternatives, attributes all have to match */
} KnFilter;

typedef struct {
    const KnAttr *attr;
    bool descending;
} KnSortKey;

typedef enum { TAGS_ALL, TAGS_ANY, NOT_TAGS_ALL, NOT_TAGS_ANY, TAGS_N } KnTagFilter;
static const char *const tag_filters[] = {
    [TAGS_ALL] = "tags",
    [TAGS_ANY] = "tags-any",
    [NOT_TAGS_ALL] = "not-tags",
    [NOT_TAGS_ANY] = "not-tags-any",
};
G_STATIC_ASSERT (G_N_ELEMENTS (tag_filters) == TAGS_N);

struct KnListQuery {
    const KnResource *resource;
    bool admin;
    GArray *filters, *sort; /* of KnFilter, KnSortKey */
    GPtrArray *fields;      /* of char * */
    char **tags[TAGS_N];
    char *marker;
    gint64 limit; /* 0: all */
    bool reverse;
    guint n_dirs;
    GError *error;
};

static void
clear_filter (gpointer filter)
{
    g_free (((KnFilter *)filter)->value);
}

void
kn_list_query_free (KnListQuery *query)
{
    if (query == NULL)
        return;
    g_array_unref (query->filters);
    g_array_unref (query->sort);
    g_ptr_array_unref (query->fields);
    for (gsize i = 0; i < TAGS_N; i++)
        g_strfreev (query->tags[i]);
    g_free (query->marker);
    g_clear_error (&query->error);
    g_free (query);
}

static bool
refuse (KnListQuery *query, const char *format, const char *subject)
{
    g_autofree char *quoted = g_strdelimit (g_strndup (subject, 64), "\n\r", ' ');
    g_auto (GStrv) parts = g_strsplit (format, "@", 2);

    kn_error_public_type (&query->error, KN_ERROR_BAD_REQUEST, "HTTPBadRequest", "%s%s%s", parts[0],
                          quoted, parts[1]);
    return false;
}

static bool
take_fields (KnListQuery *query, const char *value)
{
    g_ptr_array_add (query->fields, g_strdup (value));
    return true;
}

static bool
take_limit (KnListQuery *query, const char *value)
{
    return kn_parse_int (value, 0, G_MAXINT, &query->limit)
               ? true
               : refuse (query, "'@' is not a limit: a number of at least 0 is expected.", value);
}

static bool
take_marker (KnListQuery *query, const char *value)
{
    g_free (query->marker);
    query->marker = *value != '\0' ? g_strdup (value) : NULL;
    return true;
}

static bool
take_reverse (KnListQuery *query, const char *value)
{
    return kn_parse_bool (value, &query->reverse)
               ? true
               : refuse (query, "page_reverse is true or false, not '@'.", value);
}

static bool
take_sort_key (KnListQuery *query, const char *value)
{
    KnSortKey key = { .attr = kn_attr_find (query->resource, value) };

    if (key.attr == NULL || key.attr->type >= KN_ATTR_LINES)
        return refuse (query, "['@'] is invalid attribute for sorting", value);
    g_array_append_val (query->sort, key);
    return true;
}

static bool
take_sort_dir (KnListQuery *query, const char *value)
{
    bool descending = strcmp (value, "desc") == 0;

    if (!descending && strcmp (value, "asc") != 0)
        return refuse (query, "'@' is not a direction: asc or desc is expected.", value);
    if (query->n_dirs >= query->sort->len)
        return refuse (query, "There are more directions than sort keys@.", "");
    g_array_index (query->sort, KnSortKey, query->n_dirs++).descending = descending;
    return true;
}

static const struct {
    const char *name;
    bool (*take) (KnListQuery *query, const char *value);
    bool late; /* after the others: it refers to them */
} controls[] = {
    { "fields", take_fields, false },     { "limit", take_limit, false },
    { "marker", take_marker, false },     { "page_reverse", take_reverse, false },
    { "sort_key", take_sort_key, false }, { "sort_dir", take_sort_dir, true },
};

static bool
same_group (const KnFilter *a, const KnFilter *b)
{
    gsize len;

    if (a->attr != b->attr)
        return false;
    if (a->attr->type != KN_ATTR_PAIRS)
        return true;
    len = strcspn (a->value, "=") + 1;
    return strncmp (a->value, b->value, len) == 0;
}

static bool
take_filter (KnListQuery *query, const char *name, const char *value)
{
    const KnAttr *attr = kn_attr_find (query->resource, name);
    KnFilter filter = { .attr = attr, .first = true };

    for (gsize i = 0; i < TAGS_N; i++)
        if (strcmp (tag_filters[i], name) == 0) {
            g_strfreev (query->tags[i]);
            query->tags[i] = g_strsplit (value, ",", 0);
            return true;
        }
    if (attr == NULL || attr->type == KN_ATTR_JSON || attr->type == KN_ATTR_RECORDS
        || ((attr->flags & KN_A_ADMIN_SEE) != 0 && !query->admin))
        return refuse (query, "['@'] is invalid attribute for filtering", name);

    filter.value = g_strdup (value);
    for (guint i = 0; i < query->filters->len && filter.first; i++)
        filter.first = !same_group (&g_array_index (query->filters, KnFilter, i), &filter);
    g_array_append_val (query->filters, filter);
    return true;
}

static bool
visit (KnListQuery *query, const char *name, const char *value, bool late)
{
    for (gsize i = 0; i < G_N_ELEMENTS (controls); i++)
        if (strcmp (controls[i].name, name) == 0)
            return controls[i].late != late || controls[i].take (query, value);
    if (late)
        return true;
    if (query->filters->len >= KEYS_MAX)
        return refuse (query, "The query has too many parameters@.", "");
    return take_filter (query, name, value);
}

static bool
visit_early (const char *name, const char *value, gpointer data)
{
    return visit (data, name, value, false);
}

static bool
visit_late (const char *name, const char *value, gpointer data)
{
    return visit (data, name, value, true);
}

KnListQuery *
kn_list_query_read (const KnRequest *req, const KnResource *resource, GError **error)
{
    g_autoptr (KnListQuery) query = g_new0 (KnListQuery, 1);

    query->resource = resource;
    query->admin = kn_request_is_admin (req);
    query->filters = g_array_new (FALSE, FALSE, sizeof (KnFilter));
    g_array_set_clear_func (query->filters, clear_filter);
    query->sort = g_array_new (FALSE, FALSE, sizeof (KnSortKey));
    query->fields = g_ptr_array_new_with_free_func (g_free);

    kn_request_each_query (req, visit_early, query);
    if (query->error == NULL)
        kn_request_each_query (req, visit_late, query);
    if (query->error == NULL)
        return g_steal_pointer (&query);
    g_propagate_error (error, g_steal_pointer (&query->error));
    return NULL;
}

const char *
kn_list_query_project (const KnListQuery *query)
{
    for (guint i = 0; i < query->filters->len; i++) {
        const KnFilter *filter = &g_array_index (query->filters, KnFilter, i);

        if (filter->attr->offset == offsetof (KnObject, project_id) && *filter->value != '\0')
            return filter->value;
    }
    return NULL;
}

/* How many of @wanted the object has: all of them, some. */
static void
count_tags (char *const *have, char *const *wanted, bool *out_all, bool *out_any)
{
    *out_all = true;
    *out_any = false;
    for (; *wanted != NULL; wanted++) {
        bool has = have != NULL && g_strv_contains ((const char *const *)have, *wanted);

        *out_all = *out_all && has;
        *out_any = *out_any || has;
    }
}

static bool
match_tags (const KnListQuery *query, const KnObject *object)
{
    for (gsize i = 0; i < TAGS_N; i++) {
        bool all, any;

        if (query->tags[i] == NULL)
            continue;
        count_tags (object->tags, query->tags[i], &all, &any);
        if ((i == TAGS_ALL && !all) || (i == TAGS_ANY && !any) || (i == NOT_TAGS_ALL && all)
            || (i == NOT_TAGS_ANY && any))
            return false;
    }
    return true;
}

static bool
match_group (const KnListQuery *query, guint first, const KnObject *object)
{
    const KnFilter *leader = &g_array_index (query->filters, KnFilter, first);

    for (guint i = first; i < query->filters->len; i++) {
        const KnFilter *filter = &g_array_index (query->filters, KnFilter, i);

        if (same_group (leader, filter) && kn_attr_match (filter->attr, object, filter->value))
            return true;
    }
    return false;
}

static bool
matches (const KnListQuery *query, const KnObject *object)
{
    for (guint i = 0; i < query->filters->len; i++)
        if (g_array_index (query->filters, KnFilter, i).first && !match_group (query, i, object))
            return false;
    return match_tags (query, object);
}

static gint
compare (gconstpointer a, gconstpointer b, gpointer data)
{
    const KnObject *left = *(const KnObject *const *)a, *right = *(const KnObject *const *)b;
    const KnListQuery *query = data;
    int order;

    for (guint i = 0; i < query->sort->len; i++) {
        const KnSortKey *key = &g_array_index (query->sort, KnSortKey, i);

        order = kn_attr_compare (key->attr, left, right);
        if (order != 0)
            return key->descending ? -order : order;
    }
    order = query->sort->len == 0 ? g_strcmp0 (left->created_at, right->created_at) : 0;
    return order != 0 ? order : g_strcmp0 (left->id, right->id);
}

/* The page's bounds within the sorted matches. */
static bool
find_page (const KnListQuery *query, const GPtrArray *found, guint *out_from, guint *out_to,
           GError **error)
{
    guint limit = query->limit > 0 ? (guint)query->limit : G_MAXUINT;
    guint at = query->reverse ? found->len : 0;
    bool seen = query->marker == NULL;

    for (guint i = 0; !seen && i < found->len; i++)
        if (strcmp (((KnObject *)found->pdata[i])->id, query->marker) == 0) {
            seen = true;
            at = query->reverse ? i : i + 1;
        }
    if (!seen) {
        kn_error_public_type (error, KN_ERROR_NOT_FOUND, query->resource->not_found,
                              "There is no %s %s, which is the marker.", query->resource->title,
                              query->marker);
        return false;
    }
    *out_from = query->reverse ? at - MIN (at, limit) : at;
    *out_to = query->reverse ? at : at + MIN (found->len - at, limit);
    return true;
}

static bool
copy_parameter (const char *name, const char *value, gpointer data)
{
    GString *text = data;

    if (strcmp (name, "marker") == 0 || strcmp (name, "page_reverse") == 0)
        return true;
    g_string_append_uri_escaped (text, name, ":", FALSE);
    g_string_append_c (text, '=');
    g_string_append_uri_escaped (text, value, ":", FALSE);
    g_string_append_c (text, '&');
    return true;
}

static void
write_link (KnRequest *req, const KnListQuery *query, KnJw *w, const KnObject *marker,
            bool backwards)
{
    g_autofree char *collection = g_strdelimit (g_strdup (query->resource->plural), "_", '-');
    g_autoptr (GString) text = g_string_new (kn_request_base_url (req));

    g_string_append_printf (text, "/v2.0/%s?", collection);
    kn_request_each_query (req, copy_parameter, text);
    g_string_append_printf (text, "marker=%s", marker->id);
    if (backwards)
        g_string_append (text, "&page_reverse=True");
    kn_jw_object (w);
    kn_jw_string_member (w, "rel", backwards ? "previous" : "next");
    kn_jw_string_member (w, "href", text->str);
    kn_jw_end (w);
}

static void
write_links (KnRequest *req, const KnListQuery *query, const GPtrArray *found, guint from, guint to,
             KnJw *w)
{
    g_autofree char *key = g_strconcat (query->resource->plural, "_links", NULL);

    if (query->limit == 0 || from >= to || (from == 0 && to == found->len))
        return;
    kn_jw_array_member (w, key);
    if (to < found->len)
        write_link (req, query, w, g_ptr_array_index (found, to - 1), false);
    if (from > 0)
        write_link (req, query, w, g_ptr_array_index (found, from), true);
    kn_jw_end (w);
}

bool
kn_list_write (KnRequest *req, const KnListQuery *query, const KnResource *resource,
               GPtrArray *objects, KnJw *w, GError **error)
{
    g_autoptr (GPtrArray) found = g_ptr_array_new ();
    guint from, to;

    for (guint i = 0; i < objects->len; i++)
        if (matches (query, g_ptr_array_index (objects, i)))
            g_ptr_array_add (found, g_ptr_array_index (objects, i));
    g_ptr_array_sort_with_data (found, compare, (gpointer)query);
    if (!find_page (query, found, &from, &to, error))
        return false;

    kn_jw_object (w);
    kn_jw_array_member (w, resource->plural);
    for (guint i = from; i < to; i++)
        kn_object_write (w, g_ptr_array_index (found, i), query->admin, query->fields);
    kn_jw_end (w);
    write_links (req, query, found, from, to, w);
    kn_jw_end (w);
    return true;
}
