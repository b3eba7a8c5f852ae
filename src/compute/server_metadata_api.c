/* SPDX-License-Identifier: Apache-2.0 */
/* /servers/{id}/metadata: what users note on their servers. */
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "compute/clock_facts.h"
#include "compute/server_api.h"
#include "compute/server_create.h"

#define MAX_BODY (64 * KIB)

static bool
reply_all (KnRequest *req, KnServerCall *call, GError **error)
{
    g_autoptr (GHashTable) values
        = kn_store_meta_load (call->db, KN_META_USER, call->server->uuid, error);
    g_autoptr (KnJw) w = kn_jw_new ();

    if (values == NULL)
        return false;
    kn_jw_object (w);
    kn_json_write_table (w, "metadata", values);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);

    return true;
}

static void
reply_one (KnRequest *req, const char *key, const char *value)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_object_member (w, "meta");
    kn_jw_string_member (w, key, value);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
}

static bool
refuse_missing (GError **error)
{
    kn_error_public (error, KN_ERROR_NOT_FOUND, "Metadata item was not found");
    return false;
}

static bool
metadata_list (KnRequest *req, GError **error)
{
    g_auto (KnServerCall) call = { 0 };

    return kn_server_call_begin (&call, req, error) && reply_all (req, &call, error);
}

/* Metadata may choose the server's clock: what cannot be had at its next start is refused now. */
static bool
check_clock (KnCompute *compute, KnDb *db, const KnServer *server, GError **error)
{
    g_autoptr (KnServer) whole = kn_store_server_load (db, server->uuid, NULL, error);

    return whole != NULL && kn_server_clock_check (compute, db, whole, error);
}

/* What a write leaves behind has to fit the quota, whatever was there before. */
typedef struct {
    KnCompute *compute;
    const KnServer *server;
    GHashTable *values;
    bool replace;
} Write;

static bool
write_txn (KnDb *db, gpointer data, GError **error)
{
    const Write *write = data;
    const char *id = write->server->uuid;
    g_autoptr (GHashTable) after = NULL;
    GHashTableIter iter;
    gpointer key, value;

    if (write->replace && !kn_store_meta_clear (db, KN_META_USER, id, "", error))
        return false;
    g_hash_table_iter_init (&iter, write->values);
    while (g_hash_table_iter_next (&iter, &key, &value))
        if (!kn_store_meta_set (db, KN_META_USER, id, key, value, error))
            return false;
    after = kn_store_meta_load (db, KN_META_USER, id, error);

    return after != NULL
           && kn_server_check_metadata_count (db, write->server->project_id,
                                              g_hash_table_size (after), error)
           && check_clock (write->compute, db, write->server, error);
}

static GHashTable *
read_values (const json_t *object, const char *where, GError **error)
{
    g_autoptr (GHashTable) values = NULL;

    if (!kn_server_read_metadata (object, where, &values, error)
        || !kn_server_check_said (values, error))
        return NULL;
    return g_steal_pointer (&values);
}

/* {"metadata": {…}} */
static GHashTable *
read_table (KnRequest *req, GError **error)
{
    const json_t *body = kn_request_json (req, error);
    const json_t *object = body != NULL ? kn_json_unwrap (body, "metadata", error) : NULL;

    if (object == NULL)
        return NULL;
    if (json_object_size (body) != 1) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "The body may only have 'metadata'.");
        return NULL;
    }
    return read_values (object, "metadata", error);
}

static bool
write_table (KnRequest *req, bool replace, GError **error)
{
    g_auto (KnServerCall) call = { 0 };
    g_autoptr (GHashTable) values = read_table (req, error);
    Write write = { .values = values, .replace = replace };

    if (values == NULL || !kn_server_call_begin (&call, req, error)
        || !kn_server_call_check_lock (&call, req, error))
        return false;
    write.server = call.server;
    write.compute = call.compute;

    return kn_db_txn (call.db, write_txn, &write, error) && reply_all (req, &call, error);
}

static bool
metadata_merge (KnRequest *req, GError **error)
{
    return write_table (req, false, error);
}

static bool
metadata_replace (KnRequest *req, GError **error)
{
    return write_table (req, true, error);
}

static bool
metadata_show (KnRequest *req, GError **error)
{
    const char *key = kn_request_param (req, "key");
    g_auto (KnServerCall) call = { 0 };
    g_autoptr (GHashTable) values = NULL;
    const char *value;

    if (!kn_server_call_begin (&call, req, error))
        return false;
    values = kn_store_meta_load (call.db, KN_META_USER, call.server->uuid, error);
    if (values == NULL)
        return false;
    value = g_hash_table_lookup (values, key);
    if (value == NULL)
        return refuse_missing (error);
    reply_one (req, key, value);

    return true;
}

/* {"meta": {"KEY": "value"}} with the key of the path. */
static GHashTable *
read_item (KnRequest *req, GError **error)
{
    const json_t *body = kn_request_json (req, error);
    const json_t *object = body != NULL ? kn_json_unwrap (body, "meta", error) : NULL;

    if (object == NULL)
        return NULL;
    if (json_object_size (body) != 1 || json_object_size (object) != 1
        || json_object_get (object, kn_request_param (req, "key")) == NULL) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "The body must be 'meta' with the one item that the URL names.");
        return NULL;
    }
    return read_values (object, "meta", error);
}

static bool
metadata_set (KnRequest *req, GError **error)
{
    const char *key = kn_request_param (req, "key");
    g_auto (KnServerCall) call = { 0 };
    g_autoptr (GHashTable) values = read_item (req, error);
    Write write = { .values = values };

    if (values == NULL || !kn_server_call_begin (&call, req, error)
        || !kn_server_call_check_lock (&call, req, error))
        return false;
    write.server = call.server;
    write.compute = call.compute;
    if (!kn_db_txn (call.db, write_txn, &write, error))
        return false;
    reply_one (req, key, g_hash_table_lookup (values, key));

    return true;
}

typedef struct {
    KnServerCall *call;
    const char *key;
    bool found;
} Delete;

static bool
delete_txn (KnDb *db, gpointer data, GError **error)
{
    Delete *delete = data;
    KnServerCall *call = delete->call;

    return kn_store_meta_delete (db, KN_META_USER, call->server->uuid, delete->key, &delete->found,
                                 error)
           && check_clock (call->compute, db, call->server, error);
}

static bool
metadata_delete (KnRequest *req, GError **error)
{
    g_auto (KnServerCall) call = { 0 };
    Delete delete = { &call, kn_request_param (req, "key"), false };

    if (!kn_server_call_begin (&call, req, error) || !kn_server_call_check_lock (&call, req, error)
        || !kn_db_txn (call.db, delete_txn, &delete, error))
        return false;
    if (!delete.found)
        return refuse_missing (error);
    kn_request_reply_empty (req, 204);

    return true;
}

#define ALL "/v2.1/servers/{id}/metadata"
#define ONE ALL "/{key}"

static const KnRoute routes[] = {
    { "GET", ALL, metadata_list, .role = KN_ROLE_READER, .run = KN_INLINE },
    { "POST", ALL, metadata_merge, .role = KN_ROLE_MEMBER, .run = KN_WORKER, .max_body = MAX_BODY },
    { "PUT", ALL, metadata_replace, .role = KN_ROLE_MEMBER, .run = KN_WORKER,
      .max_body = MAX_BODY },
    { "GET", ONE, metadata_show, .role = KN_ROLE_READER, .run = KN_INLINE },
    { "PUT", ONE, metadata_set, .role = KN_ROLE_MEMBER, .run = KN_WORKER, .max_body = MAX_BODY },
    { "DELETE", ONE, metadata_delete, .role = KN_ROLE_MEMBER, .run = KN_WORKER },
};

void
kn_server_metadata_add_routes (GArray *all)
{
    g_array_append_vals (all, routes, G_N_ELEMENTS (routes));
}
