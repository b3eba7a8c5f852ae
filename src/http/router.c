/* SPDX-License-Identifier: Apache-2.0 */
/* Compiles route tables into a tree of path segments; literals win over parameters, with backtracking. */
#include "http/router_priv.h"

#include <string.h>

#include "base/error.h"

typedef struct Node Node;
struct Node {
    char *text;          /* literal segment; NULL: root or parameter */
    GPtrArray *literals; /* Node, sorted by text once compiled; NULL: none */
    Node *param;         /* "{name}" */
    GPtrArray *rows;     /* KnRow; NULL: none */
};

typedef struct {
    const KnService *service;
    char **prefix; /* segments */
    guint n_prefix;
    Node *root;
} Table;

struct KnRouter {
    Table *tables;
    gsize n_tables;
};

static void
node_free (gpointer data)
{
    Node *node = data;

    if (node == NULL)
        return;
    g_free (node->text);
    g_clear_pointer (&node->literals, g_ptr_array_unref);
    node_free (node->param);
    g_clear_pointer (&node->rows, g_ptr_array_unref);
    g_free (node);
}

static void
row_free (gpointer data)
{
    KnRow *row = data;

    for (guint i = 0; i < row->n_params; i++)
        g_free (row->params[i].name);
    g_free (row);
}

/* Splits "/a/{b}/" into its non-empty segments. */
static char **
split (const char *path)
{
    g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
    g_auto (GStrv) parts = g_strsplit (path, "/", -1);

    for (char **part = parts; *part != NULL; part++)
        if (**part != '\0')
            g_strv_builder_add (builder, *part);
    return g_strv_builder_end (builder);
}

static Node *
ensure_literal (Node *node, const char *text)
{
    Node *child;

    if (node->literals == NULL)
        node->literals = g_ptr_array_new_with_free_func (node_free);
    for (guint i = 0; i < node->literals->len; i++) {
        child = g_ptr_array_index (node->literals, i);
        if (strcmp (child->text, text) == 0)
            return child;
    }
    child = g_new0 (Node, 1);
    child->text = g_strdup (text);
    g_ptr_array_add (node->literals, child);
    return child;
}

static bool
bad_row (GError **error, const KnService *service, const KnRoute *route, const char *what)
{
    kn_error_set (error, KN_ERROR_INTERNAL, "route '%s %s%s' %s",
                  route->method != NULL ? route->method : "", service->prefix, route->path, what);
    return false;
}

/* Whether two rows of one path would both match at some microversion. */
static bool
rows_overlap (const KnRoute *a, const KnRoute *b)
{
    const guint a_until = a->until != 0 ? a->until : G_MAXUINT;
    const guint b_until = b->until != 0 ? b->until : G_MAXUINT;

    return strcmp (a->method, b->method) == 0 && a->since <= b_until && b->since <= a_until;
}

static bool
add_row (Table *table, const KnRoute *route, GError **error)
{
    g_auto (GStrv) segments = split (route->path);
    Node *node = table->root;
    KnRow *row;

    if (route->method == NULL || (route->handler == NULL) == (route->sink == NULL))
        return bad_row (error, table->service, route, "needs a method and a handler or a sink");
    row = g_new0 (KnRow, 1);
    row->route = route;
    for (guint i = 0; segments[i] != NULL; i++) {
        const gsize len = strlen (segments[i]);

        if (segments[i][0] != '{') {
            node = ensure_literal (node, segments[i]);
            continue;
        }
        if (segments[i][len - 1] != '}' || row->n_params == KN_ROUTE_MAX_PARAMS) {
            row_free (row);
            return bad_row (error, table->service, route, "has a bad parameter");
        }
        row->params[row->n_params].name = g_strndup (segments[i] + 1, len - 2);
        row->params[row->n_params++].segment = i;
        if (node->param == NULL)
            node->param = g_new0 (Node, 1);
        node = node->param;
    }
    if (node->rows == NULL)
        node->rows = g_ptr_array_new_with_free_func (row_free);
    for (guint i = 0; i < node->rows->len; i++) {
        const KnRow *other = g_ptr_array_index (node->rows, i);

        if (rows_overlap (other->route, route)) {
            row_free (row);
            return bad_row (error, table->service, route, "occurs twice");
        }
    }
    g_ptr_array_add (node->rows, row);
    return true;
}

static int
compare_nodes (gconstpointer a, gconstpointer b)
{
    return strcmp ((*(Node *const *)a)->text, (*(Node *const *)b)->text);
}

static void
sort_nodes (Node *node)
{
    if (node->literals != NULL) {
        g_ptr_array_sort (node->literals, compare_nodes);
        for (guint i = 0; i < node->literals->len; i++)
            sort_nodes (g_ptr_array_index (node->literals, i));
    }
    if (node->param != NULL)
        sort_nodes (node->param);
}

KnRouter *
kn_router_new (const KnService *const *services, gsize n_services, GError **error)
{
    g_autoptr (KnRouter) router = g_new0 (KnRouter, 1);

    router->tables = g_new0 (Table, n_services);
    router->n_tables = n_services;
    for (gsize i = 0; i < n_services; i++) {
        Table *table = &router->tables[i];

        table->service = services[i];
        table->prefix = split (services[i]->prefix);
        table->n_prefix = g_strv_length (table->prefix);
        table->root = g_new0 (Node, 1);
        for (gsize k = 0; k < services[i]->n_routes; k++)
            if (!add_row (table, &services[i]->routes[k], error))
                return NULL;
        sort_nodes (table->root);
    }
    return g_steal_pointer (&router);
}

void
kn_router_free (KnRouter *router)
{
    if (router == NULL)
        return;
    for (gsize i = 0; i < router->n_tables; i++) {
        g_strfreev (router->tables[i].prefix);
        node_free (router->tables[i].root);
    }
    g_free (router->tables);
    g_free (router);
}

static bool
has_prefix (const Table *table, const KnUri *uri)
{
    if (table->n_prefix > uri->n_segments)
        return false;
    for (guint i = 0; i < table->n_prefix; i++)
        if (strcmp (table->prefix[i], uri->segments[i]) != 0)
            return false;
    return true;
}

int
kn_router_find_service (const KnRouter *router, const KnUri *uri, guint *out_first)
{
    int best = -1;

    for (gsize i = 0; i < router->n_tables; i++) {
        const Table *table = &router->tables[i];

        if (has_prefix (table, uri)
            && (best < 0 || table->n_prefix > router->tables[best].n_prefix)) {
            best = (int)i;
            *out_first = table->n_prefix;
        }
    }
    return best;
}

typedef struct {
    const KnUri *uri;
    const char *method;
    guint minor;
    const Node *known; /* first node that has rows at this microversion */
} Search;

static bool
row_is_open (const KnRow *row, guint minor)
{
    return row->route->since <= minor && (row->route->until == 0 || minor <= row->route->until);
}

static const KnRow *
find_in_node (const Node *node, Search *search)
{
    const KnRow *for_head = NULL;
    const bool head = strcmp (search->method, "HEAD") == 0;

    for (guint i = 0; node->rows != NULL && i < node->rows->len; i++) {
        const KnRow *row = g_ptr_array_index (node->rows, i);

        if (!row_is_open (row, search->minor))
            continue;
        if (search->known == NULL)
            search->known = node;
        if (strcmp (row->route->method, search->method) == 0)
            return row;
        if (head && strcmp (row->route->method, "GET") == 0)
            for_head = row;
    }
    return for_head;
}

static const Node *
find_literal (const Node *node, const char *text)
{
    gsize low = 0, high = node->literals != NULL ? node->literals->len : 0;

    while (low < high) {
        const gsize middle = (low + high) / 2;
        const Node *child = g_ptr_array_index (node->literals, middle);
        const int order = strcmp (text, child->text);

        if (order == 0)
            return child;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static const KnRow *
find_below (const Node *node, guint segment, Search *search)
{
    const Node *child;
    const KnRow *row = NULL;

    if (segment == search->uri->n_segments)
        return find_in_node (node, search);
    child = find_literal (node, search->uri->segments[segment]);
    if (child != NULL)
        row = find_below (child, segment + 1, search);
    if (row == NULL && node->param != NULL && search->uri->segments[segment][0] != '\0')
        row = find_below (node->param, segment + 1, search);
    return row;
}

static char *
list_methods (const Search *search)
{
    g_autoptr (GPtrArray) methods = g_ptr_array_new ();

    for (guint i = 0; i < search->known->rows->len; i++) {
        const KnRow *row = g_ptr_array_index (search->known->rows, i);

        if (!row_is_open (row, search->minor))
            continue;
        g_ptr_array_add (methods, (gpointer)row->route->method);
        if (strcmp (row->route->method, "GET") == 0)
            g_ptr_array_add (methods, (gpointer) "HEAD");
    }
    g_ptr_array_add (methods, NULL);
    return g_strjoinv (", ", (char **)methods->pdata);
}

const KnRow *
kn_router_find (const KnRouter *router, int index, const KnUri *uri, guint first,
                const char *method, guint minor, char **out_allow)
{
    Search search = { .uri = uri, .method = method, .minor = minor };
    const KnRow *row = find_below (router->tables[index].root, first, &search);

    *out_allow = row == NULL && search.known != NULL ? list_methods (&search) : NULL;
    return row;
}
