/* SPDX-License-Identifier: Apache-2.0 */
/* GET /servers and /servers/detail: Nova's filters, order and paging. */
#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "base/util.h"
#include "compute/answer_cache.h"
#include "compute/compute_priv.h"
#include "compute/server_store.h"
#include "compute/server_view.h"

#define MAX_LIMIT 1000
#define MAX_SORT_KEYS 8

typedef enum { TEXT, NUMBER, FLAG } MemberKind;

/* A query parameter that has to be equal to a member of the record. */
typedef struct {
    const char *name;
    MemberKind kind;
    gsize offset;
    bool admin_only;
} Filter;
static const Filter *filter_find (const char *name);

/* What may be sorted by. */
typedef struct {
    const char *name;
    MemberKind kind;
    gsize offset;
} SortKey;
static const SortKey *sort_key_find (const char *name);

typedef struct {
    const SortKey *key;
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

static const char *
member_text (const KnServer *server, gsize offset)
{
    const char *text = *(const char *const *)G_STRUCT_MEMBER_P (server, offset);

    return text != NULL ? text : "";
}

static gint64
member_number (const KnServer *server, MemberKind kind, gsize offset)
{
    if (kind == FLAG)
        return *(const bool *)G_STRUCT_MEMBER_P (server, offset);
    return *(const gint64 *)G_STRUCT_MEMBER_P (server, offset);
}

static bool
equals (const KnServer *server, const Filter *filter, const char *value)
{
    gint64 number;
    bool flag;

    switch (filter->kind) {
    case TEXT:
        return strcmp (member_text (server, filter->offset), value) == 0;
    case NUMBER:
        return kn_parse_int (value, G_MININT64, G_MAXINT64, &number)
               && number == member_number (server, NUMBER, filter->offset);
    case FLAG:
        return kn_parse_bool (value, &flag) && flag == member_number (server, FLAG, filter->offset);
    }
    return false;
}

/* One parameter after the other against one server; several `status` are alternatives. */
typedef struct {
    const ListQuery *query;
    const KnServer *server;
    bool matches, status_asked, status_matches;
} Match;

static bool
match_parameter (const char *name, const char *value, gpointer data)
{
    Match *match = data;
    const Filter *filter;

    if (strcmp (name, "status") == 0) {
        match->status_asked = true;
        match->status_matches |= g_ascii_strcasecmp (value, kn_server_status (match->server)) == 0;
        return true;
    }
    filter = filter_find (name);
    if (filter != NULL && (match->query->admin || !filter->admin_only))
        match->matches = equals (match->server, filter, value);

    return match->matches;
}

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
    Match match = { .query = query, .server = server, .matches = true };

    if (query->project != NULL && strcmp (query->project, server->project_id) != 0)
        return false;
    if (query->name != NULL && !g_regex_match (query->name, server->name, 0, NULL))
        return false;
    kn_request_each_query (query->req, match_parameter, &match);
    if (!match.matches || (match.status_asked && !match.status_matches))
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
        const SortKey *key = query->sort[i].key;
        int order;

        if (key->kind == TEXT) {
            order = strcmp (member_text (left, key->offset), member_text (right, key->offset));
        } else {
            gint64 l = member_number (left, key->kind, key->offset);
            gint64 r = member_number (right, key->kind, key->offset);
            order = (l > r) - (l < r);
        }
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
        query->sort[query->n_sort].key = sort_key_find (value);
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

static const Filter filters[] = {
    { "image", TEXT, offsetof (KnServer, image_ref), false },
    { "image_ref", TEXT, offsetof (KnServer, image_ref), true },
    { "flavor", TEXT, offsetof (KnServer, flavor_id), false },
    { "reservation_id", TEXT, offsetof (KnServer, reservation_id), false },
    { "host", TEXT, offsetof (KnServer, host), true },
    { "node", TEXT, offsetof (KnServer, node), true },
    { "uuid", TEXT, offsetof (KnServer, uuid), true },
    { "user_id", TEXT, offsetof (KnServer, user_id), true },
    { "vm_state", TEXT, offsetof (KnServer, vm_state), true },
    { "task_state", TEXT, offsetof (KnServer, task_state), true },
    { "hostname", TEXT, offsetof (KnServer, hostname), true },
    { "key_name", TEXT, offsetof (KnServer, key_name), true },
    { "availability_zone", TEXT, offsetof (KnServer, zone), true },
    { "config_drive", TEXT, offsetof (KnServer, config_drive), true },
    { "os_type", TEXT, offsetof (KnServer, os_type), true },
    { "access_ip_v4", TEXT, offsetof (KnServer, access_ip_v4), true },
    { "access_ip_v6", TEXT, offsetof (KnServer, access_ip_v6), true },
    { "power_state", NUMBER, offsetof (KnServer, power_state), true },
    { "launch_index", NUMBER, offsetof (KnServer, launch_index), true },
    { "progress", NUMBER, offsetof (KnServer, progress), true },
    { "locked", FLAG, offsetof (KnServer, locked), true },
};

static const SortKey sort_keys[] = {
    { "access_ip_v4", TEXT, offsetof (KnServer, access_ip_v4) },
    { "access_ip_v6", TEXT, offsetof (KnServer, access_ip_v6) },
    { "auto_disk_config", FLAG, offsetof (KnServer, auto_disk_config) },
    { "availability_zone", TEXT, offsetof (KnServer, zone) },
    { "config_drive", TEXT, offsetof (KnServer, config_drive) },
    { "created_at", TEXT, offsetof (KnServer, created_at) },
    { "display_description", TEXT, offsetof (KnServer, description) },
    { "display_name", TEXT, offsetof (KnServer, name) },
    { "host", TEXT, offsetof (KnServer, host) },
    { "hostname", TEXT, offsetof (KnServer, hostname) },
    { "image_ref", TEXT, offsetof (KnServer, image_ref) },
    { "instance_type_id", NUMBER, offsetof (KnServer, flavor_row) },
    { "key_name", TEXT, offsetof (KnServer, key_name) },
    { "launch_index", NUMBER, offsetof (KnServer, launch_index) },
    { "launched_at", TEXT, offsetof (KnServer, launched_at) },
    { "locked", FLAG, offsetof (KnServer, locked) },
    { "node", TEXT, offsetof (KnServer, node) },
    { "os_type", TEXT, offsetof (KnServer, os_type) },
    { "power_state", NUMBER, offsetof (KnServer, power_state) },
    { "progress", NUMBER, offsetof (KnServer, progress) },
    { "project_id", TEXT, offsetof (KnServer, project_id) },
    { "root_device_name", TEXT, offsetof (KnServer, root_device) },
    { "task_state", TEXT, offsetof (KnServer, task_state) },
    { "terminated_at", TEXT, offsetof (KnServer, terminated_at) },
    { "updated_at", TEXT, offsetof (KnServer, updated_at) },
    { "user_id", TEXT, offsetof (KnServer, user_id) },
    { "uuid", TEXT, offsetof (KnServer, uuid) },
    { "vm_state", TEXT, offsetof (KnServer, vm_state) },
};

static const Filter *
filter_find (const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS (filters); i++)
        if (strcmp (filters[i].name, name) == 0)
            return &filters[i];

    return NULL;
}

static const SortKey *
sort_key_find (const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS (sort_keys); i++)
        if (strcmp (sort_keys[i].name, name) == 0)
            return &sort_keys[i];

    return NULL;
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
