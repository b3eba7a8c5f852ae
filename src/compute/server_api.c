/* SPDX-License-Identifier: Apache-2.0 */
/* Show, update and delete of one server, and what all its routes share. */
#include "compute/server_api.h"

#include <gio/gio.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "compute/quota.h"

#define MAX_TEXT 255
#define MAX_TRIES 5

bool
kn_server_call_begin (KnServerCall *call, KnRequest *req, GError **error)
{
    const KnAuth *auth = kn_request_auth (req);
    const char *project = kn_request_is_admin (req) ? NULL : auth->project_id;

    call->compute = kn_compute_of (req);
    call->db = kn_compute_db (call->compute, error);
    if (call->db == NULL)
        return false;
    call->server = kn_store_server_load (call->db, kn_request_param (req, "id"), project, error);

    return call->server != NULL;
}

void
kn_server_call_clear (KnServerCall *call)
{
    g_clear_pointer (&call->server, kn_server_free);
}

bool
kn_server_call_check_lock (const KnServerCall *call, KnRequest *req, GError **error)
{
    if (!call->server->locked || kn_request_is_admin (req))
        return true;
    kn_error_public (error, KN_ERROR_CONFLICT, "Instance %s is locked", call->server->uuid);
    return false;
}

bool
kn_server_reply (KnRequest *req, guint status, KnDb *db, const char *id, KnServerViewKind kind,
                 const char *admin_pass, GError **error)
{
    g_autoptr (KnServer) server = kn_store_server_load (db, id, NULL, error);
    g_autoptr (GHashTable) metadata = NULL;
    g_autoptr (GPtrArray) ports = NULL;
    g_autoptr (KnServerFault) fault = NULL;
    g_autofree char *host_id = NULL;
    g_autoptr (KnJw) w = kn_jw_new ();
    GError *local = NULL;

    if (server == NULL)
        return false;
    metadata = kn_store_meta_load (db, KN_META_USER, id, error);
    ports = metadata != NULL ? kn_network_list_ports (db, id, error) : NULL;
    if (ports == NULL)
        return false;
    if (server->vm == KN_VM_ERROR)
        fault = kn_history_find_fault (db, id, &local);
    if (local != NULL) {
        g_propagate_error (error, local);
        return false;
    }

    host_id = kn_server_host_id (server);
    kn_jw_object (w);
    kn_jw_key (w, "server");
    kn_server_write (w, server,
                     &(KnServerContext){
                         .kind = kind,
                         .base_url = kn_request_base_url (req),
                         .admin = kn_request_is_admin (req),
                         .ports = ports,
                         .metadata = metadata,
                         .fault = fault,
                         .host_id = host_id,
                         .admin_pass = admin_pass,
                     });
    kn_jw_end (w);
    kn_request_reply_json (req, status, w);

    return true;
}

typedef struct {
    const KnServer *server;
    KnRequest *req;
    KnAct act;
    const json_t *payload;
    KnTxnFn more;
    gpointer data;
    bool raced; /* the state changed between reading and claiming */
} Begin;

static bool
begin_txn (KnDb *db, gpointer data, GError **error)
{
    Begin *b = data;
    const KnActRule *rule = kn_act_rule (b->act);
    const char *request_id = kn_request_id (b->req);
    GError *local = NULL;

    if (!kn_store_server_claim (db, b->server, rule->task, &local)) {
        b->raced = g_error_matches (local, KN_ERROR, KN_ERROR_CONFLICT);
        g_propagate_error (error, local);
        return false;
    }

    return (b->more == NULL || b->more (db, b->data, error))
           && kn_history_begin (db, b->server, b->act, request_id,
                                kn_request_auth (b->req)->user_id, error)
           && kn_jobs_enqueue (db, rule->job, b->server->uuid, b->payload, 1, request_id, NULL,
                               error);
}

bool
kn_server_begin_act (KnServerCall *call, KnRequest *req, KnAct act, const json_t *payload,
                     KnTxnFn more, gpointer data, GError **error)
{
    g_autoptr (KnServer) fresh = NULL;

    if (!kn_act_rule (act)->of_locked && !kn_server_call_check_lock (call, req, error))
        return false;

    /* Whoever was faster may have made the act impossible, or may not: the new state decides. */
    for (guint tries = 1;; tries++) {
        const KnServer *server = fresh != NULL ? fresh : call->server;
        Begin begin = { server, req, act, payload, more, data, false };
        GError *local = NULL;

        if (!kn_server_check_act (server, act, error))
            return false;
        if (kn_db_txn (call->db, begin_txn, &begin, &local))
            break;
        if (!begin.raced || tries == MAX_TRIES) {
            g_propagate_error (error, local);
            return false;
        }
        g_clear_error (&local);
        g_clear_pointer (&fresh, kn_server_free);
        fresh = kn_store_server_load (call->db, call->server->uuid, NULL, error);
        if (fresh == NULL)
            return false;
    }
    kn_jobs_wake (call->compute->jobs);

    return true;
}

bool
kn_server_check_name (const char *name, GError **error)
{
    g_autofree char *bare = g_strstrip (g_strdup (name));

    if (*bare != '\0' && strcmp (bare, name) == 0)
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST,
                     "The name must not be empty or begin or end with white space.");
    return false;
}

char *
kn_server_parse_address (const char *text, guint version, GError **error)
{
    g_autoptr (GInetAddress) address = g_inet_address_new_from_string (text);
    GSocketFamily family = version == 4 ? G_SOCKET_FAMILY_IPV4 : G_SOCKET_FAMILY_IPV6;

    if (*text == '\0')
        return g_strdup ("");
    if (address != NULL && g_inet_address_get_family (address) == family)
        return g_inet_address_to_string (address);
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "'%.64s' is not an IPv%u address.", text,
                     version);
    return NULL;
}

bool
kn_server_read_metadata (const json_t *object, const char *where, GHashTable **out_values,
                         GError **error)
{
    g_autoptr (GHashTable) values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)object, key, value) {
        const char *text = json_string_value (value);
        glong key_len = g_utf8_strlen (key, -1);

        if (key_len < 1 || key_len > MAX_TEXT || text == NULL
            || strlen (text) != json_string_length (value) || g_utf8_strlen (text, -1) > MAX_TEXT) {
            kn_error_public (error, KN_ERROR_BAD_REQUEST,
                             "Invalid input for field/attribute %s: keys have 1 to %d characters, "
                             "values are strings of up to %d.",
                             where, MAX_TEXT, MAX_TEXT);
            return false;
        }
        g_hash_table_insert (values, g_strdup (key), g_strdup (text));
    }
    *out_values = g_steal_pointer (&values);

    return true;
}

bool
kn_server_check_metadata_count (KnDb *db, const char *project_id, guint count, GError **error)
{
    gint64 limit;

    if (!kn_quota_load_limit (db, project_id, "metadata_items", &limit, error))
        return false;
    if (limit < 0 || count <= limit)
        return true;
    kn_error_public (error, KN_ERROR_OVER_QUOTA,
                     "A server may have %" G_GINT64_FORMAT " metadata items, not %u.", limit,
                     count);
    return false;
}

static bool
server_show (KnRequest *req, GError **error)
{
    g_auto (KnServerCall) call = { 0 };

    return kn_server_call_begin (&call, req, error)
           && kn_server_reply (req, 200, call.db, call.server->uuid, KN_VIEW_FULL, NULL, error);
}

static const char *const disk_configs[] = { "MANUAL", "AUTO", NULL };

typedef struct {
    guint64 present;
    const char *name, *access_ip_v4, *access_ip_v6;
    int disk_config;
} UpdateSpec;

static const KnJField update_fields[] = {
    { "name", KN_J_STRING, offsetof (UpdateSpec, name), 1, 255, .flags = KN_J_OPTIONAL },
    { "accessIPv4", KN_J_STRING, offsetof (UpdateSpec, access_ip_v4),
      .flags = KN_J_OPTIONAL | KN_J_NULLABLE },
    { "accessIPv6", KN_J_STRING, offsetof (UpdateSpec, access_ip_v6),
      .flags = KN_J_OPTIONAL | KN_J_NULLABLE },
    { "OS-DCF:diskConfig", KN_J_ENUM, offsetof (UpdateSpec, disk_config), .names = disk_configs,
      .flags = KN_J_OPTIONAL },
};

static const KnJShape update_shape = {
    .fields = update_fields,
    .n_fields = G_N_ELEMENTS (update_fields),
    .present_offset = offsetof (UpdateSpec, present),
    .closed = true,
};

static bool
server_update (KnRequest *req, GError **error)
{
    g_auto (KnServerCall) call = { 0 };
    g_autofree char *v4 = NULL, *v6 = NULL;
    UpdateSpec spec = { .disk_config = -1 };
    const json_t *body = kn_request_json (req, error);
    const json_t *object = body != NULL ? kn_json_unwrap (body, "server", error) : NULL;

    if (object == NULL || !kn_json_read (object, "server", &update_shape, &spec, error)
        || (spec.name != NULL && !kn_server_check_name (spec.name, error)))
        return false;
    if ((spec.access_ip_v4 != NULL
         && (v4 = kn_server_parse_address (spec.access_ip_v4, 4, error)) == NULL)
        || (spec.access_ip_v6 != NULL
            && (v6 = kn_server_parse_address (spec.access_ip_v6, 6, error)) == NULL)
        || !kn_server_call_begin (&call, req, error))
        return false;

    return kn_store_server_update (call.db, call.server->uuid,
                                   &(KnServerChange){
                                       .name = spec.name,
                                       .access_ip_v4 = v4,
                                       .access_ip_v6 = v6,
                                       .auto_disk_config = spec.disk_config,
                                   },
                                   error)
           && kn_server_reply (req, 200, call.db, call.server->uuid, KN_VIEW_BASIC, NULL, error);
}

static bool
server_delete (KnRequest *req, GError **error)
{
    g_auto (KnServerCall) call = { 0 };
    bool pending;

    if (!kn_server_call_begin (&call, req, error))
        return false;

    /* Said twice: the first one is on its way. */
    if (call.server->task == KN_TASK_DELETING) {
        if (!kn_jobs_pending (call.db, call.server->uuid, &pending, error))
            return false;
        if (pending) {
            kn_request_reply_empty (req, 204);
            return true;
        }
    }
    if (!kn_server_begin_act (&call, req, KN_ACT_DELETE, NULL, NULL, NULL, error))
        return false;
    kn_request_reply_empty (req, 204);

    return true;
}

static const KnRoute routes[] = {
    { "GET", "/v2.1/servers/{id}", server_show, .role = KN_ROLE_READER, .run = KN_INLINE },
    { "PUT", "/v2.1/servers/{id}", server_update, .role = KN_ROLE_MEMBER, .run = KN_WORKER,
      .max_body = 64 * KIB },
    { "DELETE", "/v2.1/servers/{id}", server_delete, .role = KN_ROLE_MEMBER, .run = KN_WORKER },
};

void
kn_server_add_routes (GArray *all)
{
    g_array_append_vals (all, routes, G_N_ELEMENTS (routes));
}
