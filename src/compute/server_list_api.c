/* SPDX-License-Identifier: Apache-2.0 */
/* GET /servers and /servers/detail: Nova's filters, order and paging. */
#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "base/util.h"
#include "compute/answer_cache.h"
#include "compute/compute_priv.h"
#include "compute/server_filter.h"
#include "compute/server_store.h"
#include "compute/server_view.h"

#define MAX_LIMIT 1000
#define MAX_SORT_KEYS 8

typedef struct {
    const KnServerSortKey *key;
    bool ascending;
} SortRule;

/* What the query asks for. Strings are the request's. */
typedef struct {
    const KnRequest *req;
    KnServerScope scope;
    bool admin;
    const char *project; /* narrows an admin's list of all projects */
    char *changed_since;
    const char *ip;
    gint64 limit;
    GRegex *name;
    SortRule sort[MAX_SORT_KEYS + 1];
    guint n_sort, n_dirs;
    GError *error;        /* of the visit to the parameters */
    GPtrArray *all_ports; /* of KnPort; loaded where the view or a filter needs them */
    GHashTable *ports;    /* server id -> those of that server, in their order */
} ListQuery;

static void
list_query_clear (ListQuery *query)
{
    g_free (query->changed_since);
    g_clear_pointer (&query->name, g_regex_unref);
    g_clear_pointer (&query->ports, g_hash_table_unref);
    g_clear_pointer (&query->all_ports, g_ptr_array_unref);
    g_clear_error (&query->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ListQuery, list_query_clear)

/* The servers that go into the answer. */
typedef struct {
    const ListQuery *query;
    GPtrArray *servers; /* of KnServer, strings in .text */
    GStringChunk *text;
    bool more; /* the list was cut */
} Page;

static void
page_clear (Page *page)
{
    g_clear_pointer (&page->servers, g_ptr_array_unref);
    g_clear_pointer (&page->text, g_string_chunk_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Page, page_clear)

static bool
has_address (const ListQuery *query, const KnServer *server)
{
    const GPtrArray *ports = g_hash_table_lookup (query->ports, server->uuid);

    for (guint i = 0; ports != NULL && i < ports->len; i++) {
        const KnPort *port = g_ptr_array_index (ports, i);

        for (guint k = 0; k < port->addresses->len; k++) {
            const KnPortAddress *address = g_ptr_array_index (port->addresses, k);

            if (strstr (address->address, query->ip) != NULL)
                return true;
        }
    }
    return false;
}

static bool
matches (const ListQuery *query, const KnServer *server)
{
    if (query->project != NULL && strcmp (query->project, server->project_id) != 0)
        return false;
    if (query->name != NULL && !g_regex_match (query->name, server->name, 0, NULL))
        return false;
    if (!kn_server_filter_matches (query->req, server))
        return false;

    return query->ip == NULL || has_address (query, server);
}

static bool
collect (const KnServer *server, gpointer data)
{
    Page *page = data;

    if (!matches (page->query, server))
        return true;
    if (page->query->n_sort == 0 && (gint64)page->servers->len == page->query->limit) {
        page->more = true;
        return false;
    }
    g_ptr_array_add (page->servers, kn_server_copy (server, page->text));

    return true;
}

static int
compare (gconstpointer a, gconstpointer b, gpointer data)
{
    const KnServer *left = *(const KnServer *const *)a, *right = *(const KnServer *const *)b;
    const ListQuery *query = data;

    for (guint i = 0; i < query->n_sort; i++) {
        int order = kn_server_sort_compare (query->sort[i].key, left, right);

        if (order != 0)
            return query->sort[i].ascending ? order : -order;
    }
    return (left->id < right->id) - (left->id > right->id);
}

/* With an order of one's own the whole list is sorted first and cut afterwards. */
static bool
cut_sorted (Page *page, const char *marker, GError **error)
{
    const ListQuery *query = page->query;
    guint start = 0;

    g_ptr_array_sort_with_data (page->servers, compare, (gpointer)query);
    if (marker != NULL) {
        while (start < page->servers->len
               && strcmp (((KnServer *)g_ptr_array_index (page->servers, start))->uuid, marker)
                      != 0)
            start++;
        if (start == page->servers->len) {
            kn_error_public (error, KN_ERROR_BAD_REQUEST, "marker [%s] not found", marker);
            return false;
        }
        g_ptr_array_remove_range (page->servers, 0, start + 1);
    }
    page->more = page->servers->len > query->limit;
    if (page->more)
        g_ptr_array_remove_range (page->servers, (guint)query->limit,
                                  page->servers->len - (guint)query->limit);

    return true;
}

static bool
load_page (KnDb *db, const ListQuery *query, Page *page, GError **error)
{
    KnServerScope scope = query->scope;

    page->query = query;
    page->text = g_string_chunk_new (16 * KIB);
    page->servers = g_ptr_array_new_with_free_func (g_free);
    if (query->n_sort > 0)
        scope.marker = NULL;
    if (query->limit == 0)
        return true;

    return kn_store_server_each (db, &scope, collect, page, error)
           && (query->n_sort == 0 || cut_sorted (page, query->scope.marker, error));
}

static bool
read_sort (const char *name, const char *value, gpointer data)
{
    ListQuery *query = data;

    if (strcmp (name, "sort_key") == 0 && query->n_sort < MAX_SORT_KEYS) {
        query->sort[query->n_sort].key = kn_server_sort_find (value);
        if (query->sort[query->n_sort++].key == NULL)
            kn_error_public (&query->error, KN_ERROR_BAD_REQUEST,
                             "Servers cannot be sorted by '%.64s'.", value);
    } else if (strcmp (name, "sort_dir") == 0 && query->n_dirs < MAX_SORT_KEYS) {
        if (strcmp (value, "asc") != 0 && strcmp (value, "desc") != 0)
            kn_error_public (&query->error, KN_ERROR_BAD_REQUEST,
                             "sort_dir must be asc or desc, not '%.64s'.", value);
        query->sort[query->n_dirs++].ascending = strcmp (value, "asc") == 0;
    }
    return query->error == NULL;
}

static bool
read_limit (const KnRequest *req, gint64 *out_limit, GError **error)
{
    const char *text = kn_request_query (req, "limit");

    *out_limit = MAX_LIMIT;
    if (text == NULL)
        return true;
    if (!kn_parse_int (text, 0, G_MAXINT32, out_limit)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "limit must be an integer of 0 or more, not '%.64s'.", text);
        return false;
    }
    *out_limit = MIN (*out_limit, MAX_LIMIT);

    return true;
}

static bool
read_changes_since (ListQuery *query, GError **error)
{
    const char *text = kn_request_query (query->req, "changes-since");
    gint64 time_us;

    if (text == NULL)
        return true;
    if (!kn_time_parse (text, &time_us)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "changes-since is not a time: '%.64s'.",
                         text);
        return false;
    }
    query->changed_since = kn_time_dup (MAX (time_us, 1), KN_TIME_DB);
    query->scope.changed_since = query->changed_since;
    query->scope.with_deleted = true;

    return true;
}

static bool
read_projects (ListQuery *query, GError **error)
{
    const char *all = kn_request_query (query->req, "all_tenants");
    const char *project = kn_request_query (query->req, "tenant_id");
    bool everybody = false;

    query->scope.project_id = kn_request_auth (query->req)->project_id;
    if (all == NULL)
        return true;
    if (*all == '\0') {
        everybody = true;
    } else if (!kn_parse_bool (all, &everybody)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "all_tenants must be a boolean, not '%.64s'.",
                         all);
        return false;
    }
    if (everybody && !query->admin) {
        kn_error_public (error, KN_ERROR_FORBIDDEN,
                         "Only administrators may list the servers of all projects.");
        return false;
    }
    if (everybody) {
        query->project = project != NULL ? project : kn_request_query (query->req, "project_id");
        query->scope.project_id = query->project;
    }

    return true;
}

static bool
read_deleted (ListQuery *query, GError **error)
{
    const char *deleted = kn_request_query (query->req, "deleted");
    const char *status = kn_request_query (query->req, "status");
    bool wanted = status != NULL && g_ascii_strcasecmp (status, "deleted") == 0;

    if (wanted && !query->admin) {
        kn_error_public (error, KN_ERROR_FORBIDDEN,
                         "Only administrators may list deleted servers.");
        return false;
    }
    if (deleted != NULL && query->admin)
        (void)kn_parse_bool (deleted, &wanted);
    query->scope.only_deleted = wanted;

    return true;
}

/* A name that is no valid expression is searched for as it stands. */
static GRegex *
name_pattern (const char *name)
{
    g_autofree char *literal = NULL;
    GRegex *regex;

    if (name == NULL || strlen (name) > KIB)
        return NULL;
    regex = g_regex_new (name, G_REGEX_OPTIMIZE, 0, NULL);
    if (regex != NULL)
        return regex;
    literal = g_regex_escape_string (name, -1);

    return g_regex_new (literal, 0, 0, NULL);
}

static bool
read_query (KnRequest *req, ListQuery *query, GError **error)
{
    query->req = req;
    query->admin = kn_request_is_admin (req);
    query->scope.marker = kn_request_query (req, "marker");
    query->ip = kn_request_query (req, "ip");
    query->name = name_pattern (kn_request_query (req, "name"));
    kn_request_each_query (req, read_sort, query);
    if (query->error != NULL) {
        g_propagate_error (error, g_steal_pointer (&query->error));
        return false;
    }

    return read_limit (req, &query->limit, error) && read_changes_since (query, error)
           && read_projects (query, error) && read_deleted (query, error);
}

/* The parameters of the request again, without the old marker. */
static bool
append_parameter (const char *name, const char *value, gpointer data)
{
    GString *url = data;

    if (strcmp (name, "marker") != 0) {
        g_string_append_uri_escaped (url, name, NULL, false);
        g_string_append_c (url, '=');
        g_string_append_uri_escaped (url, value, NULL, false);
        g_string_append_c (url, '&');
    }
    return true;
}

static void
write_next (KnJw *w, KnRequest *req, const Page *page)
{
    const KnServer *last = g_ptr_array_index (page->servers, page->servers->len - 1);
    g_autoptr (GString) url = g_string_new (kn_request_base_url (req));
    const char *path = strstr (kn_request_path (req), "/v2.1");

    g_string_append (url, path);
    g_string_append_c (url, '?');
    kn_request_each_query (req, append_parameter, url);
    g_string_append_printf (url, "marker=%s", last->uuid);
    kn_jw_array_member (w, "servers_links");
    kn_jw_object (w);
    kn_jw_string_member (w, "rel", "next");
    kn_jw_string_member (w, "href", url->str);
    kn_jw_end (w);
    kn_jw_end (w);
}

/* The user metadata of the page's servers, in one statement. */
static GHashTable *
load_metadata (KnDb *db, const Page *page, GError **error)
{
    gint64 first = G_MAXINT64, last = 0;

    for (guint i = 0; i < page->servers->len; i++) {
        const KnServer *server = g_ptr_array_index (page->servers, i);

        first = MIN (first, server->id);
        last = MAX (last, server->id);
    }
    return kn_store_meta_load_project (db, page->query->scope.project_id, first, last, error);
}

static bool
write_detail (KnJw *w, KnDb *db, const Page *page, GError **error)
{
    const ListQuery *query = page->query;
    g_autoptr (GHashTable) metadata = load_metadata (db, page, error);
    KnServerContext context = {
        .kind = KN_VIEW_FULL,
        .base_url = kn_request_base_url (query->req),
        .admin = query->admin,
    };

    if (metadata == NULL)
        return false;
    for (guint i = 0; i < page->servers->len; i++) {
        const KnServer *server = g_ptr_array_index (page->servers, i);
        g_autoptr (KnServerFault) fault = NULL;
        g_autofree char *host_id = kn_server_host_id (server);

        if (server->vm == KN_VM_ERROR || server->deleted) {
            GError *local = NULL;

            fault = kn_history_find_fault (db, server->uuid, &local);
            if (local != NULL) {
                g_propagate_error (error, local);
                return false;
            }
        }
        context.fault = fault;
        context.host_id = host_id;
        context.metadata = g_hash_table_lookup (metadata, server->uuid);
        context.ports = g_hash_table_lookup (query->ports, server->uuid);
        kn_server_write (w, server, &context);
    }

    return true;
}

static void
write_brief (KnJw *w, const Page *page)
{
    const KnServerContext context
        = { .kind = KN_VIEW_BRIEF, .base_url = kn_request_base_url (page->query->req) };

    for (guint i = 0; i < page->servers->len; i++)
        kn_server_write (w, g_ptr_array_index (page->servers, i), &context);
}

/* The ports of all servers that may be shown, by server. */
static bool
load_ports (KnDb *db, ListQuery *query, GError **error)
{
    g_autoptr (GPtrArray) ports
        = kn_network_list_project_ports (db, query->scope.project_id, error);

    if (ports == NULL)
        return false;
    query->ports
        = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
    for (guint i = 0; i < ports->len; i++) {
        KnPort *port = g_ptr_array_index (ports, i);
        GPtrArray *of_server = g_hash_table_lookup (query->ports, port->device_id);

        if (of_server == NULL) {
            of_server = g_ptr_array_new ();
            g_hash_table_insert (query->ports, port->device_id, of_server);
        }
        g_ptr_array_add (of_server, port);
    }
    query->all_ports = g_steal_pointer (&ports);

    return true;
}

static bool
list_servers (KnRequest *req, bool detailed, GError **error)
{
    g_auto (ListQuery) query = { 0 };
    g_auto (Page) page = { 0 };
    g_autoptr (KnJw) w = kn_jw_new ();
    KnDb *db = kn_compute_db (kn_compute_of (req), error);
    guint64 version;

    if (db == NULL)
        return false;
    if (kn_answer_cache_reply (req, db, &version))
        return true;
    if (!read_query (req, &query, error))
        return false;
    if ((detailed || query.ip != NULL) && !load_ports (db, &query, error))
        return false;
    if (!load_page (db, &query, &page, error))
        return false;

    kn_jw_object (w);
    kn_jw_array_member (w, "servers");
    if (!detailed)
        write_brief (w, &page);
    else if (page.servers->len > 0 && !write_detail (w, db, &page, error))
        return false;
    kn_jw_end (w);
    if (page.more)
        write_next (w, req, &page);
    kn_jw_end (w);
    kn_answer_cache_put (req, version, w);

    return true;
}

static bool
server_list (KnRequest *req, GError **error)
{
    return list_servers (req, false, error);
}

static bool
server_list_detail (KnRequest *req, GError **error)
{
    return list_servers (req, true, error);
}

static const KnRoute routes[] = {
    { "GET", "/v2.1/servers", server_list, .role = KN_ROLE_READER, .run = KN_WORKER },
    { "GET", "/v2.1/servers/detail", server_list_detail, .role = KN_ROLE_READER, .run = KN_WORKER },
};

void
kn_server_list_add_routes (GArray *all)
{
    g_array_append_vals (all, routes, G_N_ELEMENTS (routes));
}
