/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the query of GET /v2/images, and matches images against it. */
#include "image/image_query.h"

#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "base/util.h"

#define MAX_SORTS 8

static void
filter_clear (gpointer data)
{
    KnImageFilter *filter = data;

    g_free (filter->name);
    g_strfreev (filter->values);
}

void
kn_image_query_free (KnImageQuery *query)
{
    if (!query)
        return;
    g_free (query->marker);
    g_free (query->member_status);
    g_free (query->visibility);
    g_array_unref (query->filters);
    g_array_unref (query->sorts);
    g_ptr_array_unref (query->tags);
    g_ptr_array_unref (query->sort_keys);
    g_ptr_array_unref (query->sort_dirs);
    g_clear_error (&query->error);
    g_free (query);
}

/* -- reading the query --------------------------------------------------------------------- */

static bool
refuse (GError **error, const char *name, const char *wanted)
{
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "The value of '%s' must be %s.", name, wanted);
    return false;
}

static bool
read_limit (KnImageQuery *query, const char *name, const char *value, GError **error)
{
    gint64 limit = 0;

    if (!kn_parse_int (value, 0, G_MAXINT64, &limit))
        return refuse (error, name, "a number that is not negative");
    query->limit = (guint)MIN (limit, KN_IMAGE_PAGE_MAX);
    return true;
}

static bool
read_size (KnImageQuery *query, const char *name, const char *value, GError **error)
{
    gint64 *slot = strcmp (name, "size_min") == 0 ? &query->size_min : &query->size_max;

    return kn_parse_int (value, 0, G_MAXINT64, slot)
           || refuse (error, name, "a number that is not negative");
}

static bool
read_marker (KnImageQuery *query, const char *name, const char *value, GError **error)
{
    g_free (query->marker);
    query->marker = g_strdup (value);
    return true;
}

static bool
read_visibility (KnImageQuery *query, const char *name, const char *value, GError **error)
{
    const KnImageAttr *attr = kn_image_attr_find ("visibility");

    if (strcmp (value, "all") != 0 && !g_strv_contains (attr->choices, value))
        return refuse (error, name, "one of public, private, shared, community, all");
    g_free (query->visibility);
    query->visibility = g_strdup (value);
    return true;
}

static bool
read_member_status (KnImageQuery *query, const char *name, const char *value, GError **error)
{
    static const char *const statuses[] = { "pending", "accepted", "rejected", "all", NULL };

    if (!g_strv_contains (statuses, value))
        return refuse (error, name, "one of pending, accepted, rejected, all");
    g_free (query->member_status);
    query->member_status = g_strdup (value);
    return true;
}

static bool
read_hidden (KnImageQuery *query, const char *name, const char *value, GError **error)
{
    return kn_parse_bool (value, &query->hidden) || refuse (error, name, "true or false");
}

static bool
read_tag (KnImageQuery *query, const char *name, const char *value, GError **error)
{
    g_ptr_array_add (query->tags, g_strdup (value));
    return true;
}

static bool
add_sort (KnImageQuery *query, const char *key, const char *dir, GError **error)
{
    const KnImageAttr *attr = kn_image_attr_find (key);
    KnImageSort sort = { .attr = attr, .descending = g_strcmp0 (dir, "asc") != 0 };

    if (!attr || !(attr->flags & KN_ATTR_SORT)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "A list cannot be sorted by '%s'.", key);
        return false;
    }
    if (dir && strcmp (dir, "asc") != 0 && strcmp (dir, "desc") != 0)
        return refuse (error, "sort_dir", "asc or desc");
    if (query->sorts->len >= MAX_SORTS) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "A list can be sorted by %d keys.",
                         MAX_SORTS);
        return false;
    }
    g_array_append_val (query->sorts, sort);
    return true;
}

/* sort=name:asc,size */
static bool
read_sort (KnImageQuery *query, const char *name, const char *value, GError **error)
{
    g_auto (GStrv) items = g_strsplit (value, ",", MAX_SORTS + 2);

    query->sort_given = true;
    if (!items[0])
        return refuse (error, name, "a list of keys");
    for (guint i = 0; items[i]; i++) {
        g_auto (GStrv) parts = g_strsplit (items[i], ":", 2);
        if (!parts[0])
            return refuse (error, name, "a list of keys");
        if (!add_sort (query, parts[0], parts[1], error))
            return false;
    }
    return true;
}

static bool
read_sort_key (KnImageQuery *query, const char *name, const char *value, GError **error)
{
    g_ptr_array_add (query->sort_keys, g_strdup (value));
    return true;
}

static bool
read_sort_dir (KnImageQuery *query, const char *name, const char *value, GError **error)
{
    g_ptr_array_add (query->sort_dirs, g_strdup (value));
    return true;
}

/* Splits "a,"b,c"" at commas outside of quotes. NULL: a quote is open. */
static char **
split_quoted (const char *text)
{
    g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func (g_free);
    g_autoptr (GString) item = g_string_new (NULL);
    bool quoted = false;

    for (const char *p = text; *p; p++) {
        if (*p == '"') {
            quoted = !quoted;
        } else if (*p == ',' && !quoted) {
            g_ptr_array_add (items, g_strdup (item->str));
            g_string_truncate (item, 0);
        } else {
            g_string_append_c (item, *p);
        }
    }
    if (quoted)
        return NULL;
    g_ptr_array_add (items, g_strdup (item->str));
    g_ptr_array_add (items, NULL);
    return (char **)g_ptr_array_free (g_steal_pointer (&items), FALSE);
}

static const struct {
    const char *prefix;
    KnImageFilterOp op;
} operators[] = { { "gte:", KN_FILTER_GTE }, { "gt:", KN_FILTER_GT },   { "lte:", KN_FILTER_LTE },
                  { "lt:", KN_FILTER_LT },   { "neq:", KN_FILTER_NEQ }, { "eq:", KN_FILTER_EQ } };

static bool
read_time_filter (KnImageFilter *filter, const char *value, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS (operators); i++) {
        if (!g_str_has_prefix (value, operators[i].prefix))
            continue;
        filter->op = operators[i].op;
        value += strlen (operators[i].prefix);
        break;
    }
    return kn_time_parse (value, &filter->number)
           || refuse (error, filter->name,
                      "a time, perhaps after gt:, gte:, lt:, lte:, eq: or neq:");
}

static bool
read_filter_value (KnImageFilter *filter, const char *value, GError **error)
{
    bool yes = false;

    if (filter->attr && filter->attr->type == KN_ATTR_TIME)
        return read_time_filter (filter, value, error);
    if (filter->attr && filter->attr->type == KN_ATTR_INT)
        return kn_parse_int (value, 0, G_MAXINT64, &filter->number)
               || refuse (error, filter->name, "a number that is not negative");
    if (filter->attr && filter->attr->type == KN_ATTR_BOOL) {
        if (!kn_parse_bool (value, &yes))
            return refuse (error, filter->name, "true or false");
        filter->number = yes;
        return true;
    }
    if (filter->attr && (filter->attr->flags & KN_ATTR_IN) && g_str_has_prefix (value, "in:")) {
        filter->op = KN_FILTER_IN;
        filter->values = split_quoted (value + 3);
        return filter->values || refuse (error, filter->name, "a list with closed quotes");
    }
    filter->values = g_new0 (char *, 2);
    filter->values[0] = g_strdup (value);
    return true;
}

static bool
read_filter (KnImageQuery *query, const char *name, const char *value, GError **error)
{
    const KnImageAttr *attr = kn_image_attr_find (name);
    KnImageFilter filter = { .attr = attr, .name = g_strdup (name), .op = KN_FILTER_EQ };

    /* What images do not have as an attribute of their own can only be a property. */
    if (attr && (attr->type == KN_ATTR_LINK || (attr->flags & KN_ATTR_HIDDEN)))
        filter.attr = NULL;
    if (!read_filter_value (&filter, value, error)) {
        filter_clear (&filter);
        return false;
    }
    g_array_append_val (query->filters, filter);
    return true;
}

static const struct {
    const char *name;
    bool (*read) (KnImageQuery *query, const char *name, const char *value, GError **error);
} parameters[] = {
    { "limit", read_limit },       { "marker", read_marker },
    { "sort", read_sort },         { "sort_key", read_sort_key },
    { "sort_dir", read_sort_dir }, { "visibility", read_visibility },
    { "os_hidden", read_hidden },  { "member_status", read_member_status },
    { "size_min", read_size },     { "size_max", read_size },
    { "tag", read_tag },
};

static bool
visit (const char *name, const char *value, gpointer data)
{
    KnImageQuery *query = data;

    for (guint i = 0; i < G_N_ELEMENTS (parameters); i++) {
        if (strcmp (parameters[i].name, name) == 0)
            return parameters[i].read (query, name, value, &query->error);
    }
    return read_filter (query, name, value, &query->error);
}

/* sort_key=a&sort_key=b with one sort_dir for all, or one for each. */
static bool
join_sorts (KnImageQuery *query, GError **error)
{
    guint n_keys = query->sort_keys->len, n_dirs = query->sort_dirs->len;

    if (query->sort_given && (n_keys || n_dirs)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "Use either sort, or sort_key and sort_dir, but not both.");
        return false;
    }
    if (n_keys == 0 && n_dirs > 0 && !query->sort_given) {
        g_ptr_array_add (query->sort_keys, g_strdup ("created_at"));
        n_keys = 1;
    }
    if (n_dirs > 1 && n_dirs != n_keys) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "Give one sort_dir for all, or one for each sort_key.");
        return false;
    }
    for (guint i = 0; i < n_keys; i++) {
        const char *dir = n_dirs == 0 ? NULL : query->sort_dirs->pdata[n_dirs > 1 ? i : 0];
        if (!add_sort (query, query->sort_keys->pdata[i], dir, error))
            return false;
    }
    return true;
}

KnImageQuery *
kn_image_query_parse (const KnRequest *req, GError **error)
{
    g_autoptr (KnImageQuery) query = g_new0 (KnImageQuery, 1);

    *query = (KnImageQuery){ .limit = KN_IMAGE_PAGE_DEFAULT,
                             .size_min = -1,
                             .size_max = -1,
                             .member_status = g_strdup ("accepted"),
                             .filters = g_array_new (FALSE, FALSE, sizeof (KnImageFilter)),
                             .sorts = g_array_new (FALSE, FALSE, sizeof (KnImageSort)),
                             .tags = g_ptr_array_new_with_free_func (g_free),
                             .sort_keys = g_ptr_array_new_with_free_func (g_free),
                             .sort_dirs = g_ptr_array_new_with_free_func (g_free) };
    g_array_set_clear_func (query->filters, filter_clear);

    kn_request_each_query (req, visit, query);
    if (query->error) {
        g_propagate_error (error, g_steal_pointer (&query->error));
        return NULL;
    }
    return join_sorts (query, error) ? g_steal_pointer (&query) : NULL;
}

/* -- matching ------------------------------------------------------------------------------ */

static bool
matches_number (const KnImageFilter *filter, gint64 value)
{
    switch (filter->op) {
    case KN_FILTER_EQ:
    case KN_FILTER_IN:
        return value == filter->number;
    case KN_FILTER_NEQ:
        return value != filter->number;
    case KN_FILTER_GT:
        return value > filter->number;
    case KN_FILTER_GTE:
        return value >= filter->number;
    case KN_FILTER_LT:
        return value < filter->number;
    case KN_FILTER_LTE:
        return value <= filter->number;
    }
    return false;
}

static bool
matches_filter (const KnImageFilter *filter, const KnImageRow *row)
{
    const KnImageAttr *attr = filter->attr;
    gint64 time_us = 0;

    if (!attr) {
        const char *value = g_hash_table_lookup (row->properties, filter->name);
        return value && strcmp (value, filter->values[0]) == 0;
    }
    switch (attr->type) {
    case KN_ATTR_INT:
        return matches_number (filter, *kn_image_attr_int (attr, row));
    case KN_ATTR_BOOL:
        return matches_number (filter, *kn_image_attr_bool (attr, row));
    case KN_ATTR_TIME:
        return kn_time_parse (*kn_image_attr_string (attr, row), &time_us)
               && matches_number (filter, time_us);
    case KN_ATTR_TAGS:
        return g_ptr_array_find_with_equal_func (row->tags, filter->values[0], g_str_equal, NULL);
    case KN_ATTR_STRING:
    case KN_ATTR_ENUM:
    case KN_ATTR_UUID:
    case KN_ATTR_LINK:
        break;
    }
    const char *value = *kn_image_attr_string (attr, row);
    return value && g_strv_contains ((const char *const *)filter->values, value);
}

bool
kn_image_query_matches (const KnImageQuery *query, const KnImageRow *row)
{
    if (row->os_hidden != query->hidden)
        return false;
    if (query->visibility && strcmp (query->visibility, "all") != 0
        && strcmp (query->visibility, row->visibility) != 0)
        return false;
    if ((query->size_min >= 0 && row->size < query->size_min)
        || (query->size_max >= 0 && (row->size < 0 || row->size > query->size_max)))
        return false;
    for (guint i = 0; i < query->tags->len; i++) {
        if (!g_ptr_array_find_with_equal_func (row->tags, query->tags->pdata[i], g_str_equal, NULL))
            return false;
    }
    for (guint i = 0; i < query->filters->len; i++) {
        if (!matches_filter (&g_array_index (query->filters, KnImageFilter, i), row))
            return false;
    }
    return true;
}
