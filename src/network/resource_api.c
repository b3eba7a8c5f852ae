/* SPDX-License-Identifier: Apache-2.0 */
/* One set of handlers for all resources: list, create (one or many), show, update, delete. */
#include "network/resource_api.h"

#include <string.h>

#include "base/error.h"

#define BULK_MAX 500

KnScope
kn_scope_of (const KnRequest *req)
{
    return (KnScope){ .project_id = kn_request_auth (req)->project_id,
                      .admin = kn_request_is_admin (req) };
}

static const KnResource *
resource_of (const KnRequest *req)
{
    return kn_request_state (req);
}

static KnDb *
db_of (KnRequest *req, GError **error)
{
    const KnNetworks *networks = kn_request_service (req);

    return kn_db_thread (networks->options.db, error);
}

/* Fills what does not stand in the database but follows from the driver. */
static void
complete (const KnNetworks *networks, KnObject *object)
{
    KnPortRow *port = (KnPortRow *)object;
    g_autofree char *bridge = NULL;

    if (object->resource != &kn_port_resource)
        return;
    g_free (port->vif_type);
    g_free (port->vif_details);
    bridge = *port->host != '\0'
                 ? networks->driver->ops->bridge (networks->driver, port->network_id)
                 : NULL;
    port->vif_type = g_strdup (*port->host == '\0' ? "unbound" : networks->driver->ops->vif_type);
    port->vif_details = bridge != NULL ? g_strdup_printf ("{\"bridge_name\": \"%s\", "
                                                          "\"port_filter\": false}",
                                                          bridge)
                                       : g_strdup ("{}");
}

KnObject *
kn_resource_load (KnDb *db, const KnScope *scope, const KnResource *resource, const char *id,
                  bool change, GError **error)
{
    g_autoptr (GError) local = NULL;
    KnObject *object = resource->find (db, id, &local);

    if (object == NULL && local != NULL) {
        g_propagate_error (error, g_steal_pointer (&local));
        return NULL;
    }
    if (object == NULL || !resource->visible (db, scope, object)) {
        kn_object_free (object);
        kn_error_public_type (error, KN_ERROR_NOT_FOUND, resource->not_found, "There is no %s %s.",
                              resource->title, id);
        return NULL;
    }
    if (change && !scope->admin && g_strcmp0 (object->project_id, scope->project_id) != 0) {
        kn_object_free (object);
        kn_error_public_type (error, KN_ERROR_FORBIDDEN, "PolicyNotAuthorized",
                              "The %s %s belongs to another project.", resource->title, id);
        return NULL;
    }
    return object;
}

bool
kn_resource_list (KnRequest *req, GError **error)
{
    const KnResource *resource = resource_of (req);
    g_autoptr (KnListQuery) query = kn_list_query_read (req, resource, error);
    g_autoptr (GPtrArray) objects = kn_objects_new ();
    g_autoptr (KnJw) w = kn_jw_new ();
    KnScope scope = kn_scope_of (req);
    KnDb *db = query != NULL ? db_of (req, error) : NULL;

    if (db == NULL)
        return false;

    /* The first look of a project at its groups makes the default one. */
    if (resource == &kn_group_resource) {
        const char *asked = scope.admin ? kn_list_query_project (query) : NULL;
        const char *project_id = asked != NULL ? asked : scope.project_id;
        g_autofree char *id
            = project_id != NULL ? kn_group_ensure_default (db, project_id, error) : NULL;

        if (project_id != NULL && id == NULL)
            return false;
    }
    if (!resource->list (db, &scope, objects, error) || !kn_store_tags_load (db, objects, error))
        return false;
    for (guint i = 0; i < objects->len; i++)
        complete (kn_request_service (req), g_ptr_array_index (objects, i));
    if (!kn_list_write (req, query, resource, objects, w, error))
        return false;

    kn_request_reply_json (req, 200, w);
    return true;
}

/* Answers with one object under its name. */
static bool
reply_object (KnRequest *req, KnDb *db, guint status, KnObject *object, const GPtrArray *fields,
              GError **error)
{
    g_autoptr (GPtrArray) one = g_ptr_array_new ();
    g_autoptr (KnJw) w = kn_jw_new ();

    g_ptr_array_add (one, object);
    if (!kn_store_tags_load (db, one, error))
        return false;
    complete (kn_request_service (req), object);
    kn_jw_object (w);
    kn_jw_key (w, object->resource->name);
    kn_object_write (w, object, kn_request_is_admin (req), fields);
    kn_jw_end (w);
    kn_request_reply_json (req, status, w);
    return true;
}

static bool
take_field (const char *name, const char *value, gpointer data)
{
    if (strcmp (name, "fields") == 0)
        g_ptr_array_add (data, g_strdup (value));
    return true;
}

bool
kn_resource_show (KnRequest *req, GError **error)
{
    g_autoptr (GPtrArray) fields = g_ptr_array_new_with_free_func (g_free);
    KnScope scope = kn_scope_of (req);
    KnDb *db = db_of (req, error);
    KnObject *object;
    bool ok;

    if (db == NULL)
        return false;
    object = kn_resource_load (db, &scope, resource_of (req), kn_request_param (req, "id"), false,
                               error);
    if (object == NULL)
        return false;

    kn_request_each_query (req, take_field, fields);
    ok = reply_object (req, db, 200, object, fields, error);
    kn_object_free (object);
    return ok;
}

typedef struct KnWrite {
    KnRequest *req;
    const KnResource *resource;
    KnScope scope;
    const json_t *body; /* an object, or a list of them */
    bool bulk;
    GPtrArray *objects;
    KnEffects effects;
    bool (*run) (KnDb *db, struct KnWrite *write, GError **error);
} KnWrite;

static void
write_begin (KnWrite *write, KnRequest *req)
{
    *write = (KnWrite){ .req = req,
                        .resource = resource_of (req),
                        .scope = kn_scope_of (req),
                        .objects = kn_objects_new () };
    kn_effects_init (&write->effects);
}

static void
write_end (KnWrite *write)
{
    g_ptr_array_unref (write->objects);
    kn_effects_free (&write->effects);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KnWrite, write_end)

/* May run more than once. */
static bool
write_txn (KnDb *db, gpointer data, GError **error)
{
    KnWrite *write = data;

    g_ptr_array_set_size (write->objects, 0);
    kn_effects_clear (&write->effects);
    return kn_store_net_lock (db, error) && write->run (db, write, error);
}

/* Runs @fn in a transaction; afterwards the host follows. */
static bool
write_commit (KnWrite *write, bool (*fn) (KnDb *db, KnWrite *write, GError **error), KnDb **out_db,
              GError **error)
{
    KnDb *db = db_of (write->req, error);

    write->run = fn;
    if (db == NULL || !kn_db_txn (db, write_txn, write, error))
        return false;
    kn_effects_run (kn_request_service (write->req), db, &write->effects);
    *out_db = db;
    return true;
}

/* Only administrators make things for others. */
static bool
choose_project (const KnWrite *write, KnObject *object, GError **error)
{
    if (object->project_id == NULL)
        object->project_id = g_strdup (write->scope.project_id);
    if (object->project_id == NULL) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "The token is not scoped to a project.");
        return false;
    }
    if (write->scope.admin || g_strcmp0 (object->project_id, write->scope.project_id) == 0)
        return true;
    kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "HTTPBadRequest",
                          "Only administrators may create a %s for another project.",
                          write->resource->title);
    return false;
}

static bool
create_one (KnDb *db, KnWrite *write, const json_t *json, GError **error)
{
    KnObject *object = kn_object_new (write->resource);

    g_ptr_array_add (write->objects, object);
    if (!kn_object_read (object, json, KN_A_POST, write->scope.admin, error)
        || !choose_project (write, object, error))
        return false;
    object->tags = g_new0 (char *, 1);
    return (write->resource->quota == NULL
            || kn_net_quota_check (db, object->project_id, write->resource->quota, 1, error))
           && write->resource->create (db, &write->scope, object, &write->effects, error);
}

static bool
create_txn (KnDb *db, KnWrite *write, GError **error)
{
    const json_t *entry;
    size_t i;

    if (!write->bulk)
        return create_one (db, write, write->body, error);
    json_array_foreach (write->body, i, entry)
        if (!create_one (db, write, entry, error))
            return false;
    return true;
}

/* {"network": {...}} or {"networks": [{...}, ...]}. */
static bool
read_body (KnWrite *write, GError **error)
{
    const json_t *json = kn_request_json (write->req, error);
    const json_t *one = json_object_get (json, write->resource->name);
    const json_t *many = json_object_get (json, write->resource->plural);

    if (json == NULL)
        return false;
    write->body = one != NULL ? one : many;
    write->bulk = one == NULL;
    if (json_object_size (json) == 1 && (json_is_object (one) || json_is_array (many))
        && json_array_size (many) <= BULK_MAX && (one != NULL || json_array_size (many) > 0))
        return true;
    kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "HTTPBadRequest",
                          "The body has to be an object with '%s', or with '%s', a list of at "
                          "most %d.",
                          write->resource->name, write->resource->plural, BULK_MAX);
    return false;
}

static bool
reply_many (KnWrite *write, KnDb *db, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_array_member (w, write->resource->plural);
    for (guint i = 0; i < write->objects->len; i++) {
        complete (kn_request_service (write->req), g_ptr_array_index (write->objects, i));
        kn_object_write (w, g_ptr_array_index (write->objects, i), write->scope.admin, NULL);
    }
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (write->req, 201, w);
    return true;
}

bool
kn_resource_create (KnRequest *req, GError **error)
{
    g_auto (KnWrite) write;
    KnDb *db = NULL;

    write_begin (&write, req);
    if (!read_body (&write, error) || !write_commit (&write, create_txn, &db, error))
        return false;
    if (write.bulk)
        return reply_many (&write, db, error);
    return reply_object (req, db, 201, g_ptr_array_index (write.objects, 0), NULL, error);
}

static bool
update_txn (KnDb *db, KnWrite *write, GError **error)
{
    KnObject *object, *change;

    object = kn_resource_load (db, &write->scope, write->resource,
                               kn_request_param (write->req, "id"), true, error);
    if (object == NULL)
        return false;

    g_ptr_array_add (write->objects, object);
    change = kn_object_new (write->resource);
    g_ptr_array_add (write->objects, change);
    return kn_object_read (change, write->body, KN_A_PUT, write->scope.admin, error)
           && write->resource->update (db, &write->scope, object, change, &write->effects, error);
}

bool
kn_resource_update (KnRequest *req, GError **error)
{
    g_auto (KnWrite) write;
    const json_t *json;
    KnDb *db = NULL;

    write_begin (&write, req);
    json = kn_request_json (req, error);
    write.body = json != NULL ? kn_json_unwrap (json, write.resource->name, error) : NULL;
    if (write.body == NULL || !write_commit (&write, update_txn, &db, error))
        return false;
    return reply_object (req, db, 200, g_ptr_array_index (write.objects, 0), NULL, error);
}

static bool
delete_txn (KnDb *db, KnWrite *write, GError **error)
{
    KnObject *object;

    object = kn_resource_load (db, &write->scope, write->resource,
                               kn_request_param (write->req, "id"), true, error);
    if (object == NULL)
        return false;
    g_ptr_array_add (write->objects, object);
    return write->resource->remove (db, &write->scope, object, &write->effects, error);
}

bool
kn_resource_delete (KnRequest *req, GError **error)
{
    g_auto (KnWrite) write;
    KnDb *db = NULL;

    write_begin (&write, req);
    if (!write_commit (&write, delete_txn, &db, error))
        return false;
    kn_request_reply_empty (req, 204);
    return true;
}
