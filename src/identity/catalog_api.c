/* SPDX-License-Identifier: Apache-2.0 */
/* Regions, services and endpoints: our own, which are not stored, and those that operators add. */
#include "base/error.h"
#include "base/id.h"
#include "base/util.h"
#include "identity/entity.h"

#include <string.h>

KN_STMT (REGION_INSERT,
         "INSERT INTO catalog_regions (id, parent_region_id, description, extra, created_at)"
         " VALUES (?, ?, ?, ?, ?)");
KN_STMT (
    REGION_UPDATE,
    "UPDATE catalog_regions SET parent_region_id = ?, description = ?, extra = ? WHERE id = ?");
KN_STMT (REGION_SELECT,
         "SELECT id, parent_region_id, description, extra FROM catalog_regions WHERE id = ?");
KN_STMT (REGION_LIST,
         "SELECT id, parent_region_id, description, extra FROM catalog_regions ORDER BY id");
KN_STMT (REGION_REMOVE, "DELETE FROM catalog_regions WHERE id = ?");
KN_STMT (REGION_CHILD, "SELECT 1 FROM catalog_regions WHERE parent_region_id = ? LIMIT 1");
KN_STMT (REGION_ENDPOINT, "SELECT 1 FROM catalog_endpoints WHERE region_id = ? LIMIT 1");

KN_STMT (SERVICE_INSERT,
         "INSERT INTO catalog_services (id, type, name, description, enabled, extra,"
         " created_at) VALUES (?, ?, ?, ?, ?, ?, ?)");
KN_STMT (SERVICE_UPDATE,
         "UPDATE catalog_services SET type = ?, name = ?, description = ?, enabled = ?,"
         " extra = ? WHERE id = ?");
KN_STMT (SERVICE_SELECT, "SELECT id, type, name, description, enabled, extra FROM catalog_services"
                         " WHERE id = ?");
KN_STMT (SERVICE_LIST, "SELECT id, type, name, description, enabled, extra FROM catalog_services"
                       " ORDER BY type, id");
KN_STMT (SERVICE_REMOVE, "DELETE FROM catalog_services WHERE id = ?");
KN_STMT (SERVICE_DROP_ENDPOINTS, "DELETE FROM catalog_endpoints WHERE service_id = ?");

#define ENDPOINT_COLUMNS "SELECT id, service_id, interface, region_id, url, enabled, extra"
KN_STMT (ENDPOINT_INSERT,
         "INSERT INTO catalog_endpoints (id, service_id, interface, region_id, url,"
         " enabled, extra, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
KN_STMT (ENDPOINT_UPDATE,
         "UPDATE catalog_endpoints SET service_id = ?, interface = ?, region_id = ?,"
         " url = ?, enabled = ?, extra = ? WHERE id = ?");
KN_STMT (ENDPOINT_SELECT, ENDPOINT_COLUMNS " FROM catalog_endpoints WHERE id = ?");
KN_STMT (ENDPOINT_LIST,
         ENDPOINT_COLUMNS " FROM catalog_endpoints ORDER BY service_id, interface, id");
KN_STMT (ENDPOINT_REMOVE, "DELETE FROM catalog_endpoints WHERE id = ?");

static bool
has_row (KnDb *db, const KnStmt *stmt, const char *id, bool *out_has, GError **error)
{
    g_autoptr (GError) local = NULL;
    g_autoptr (KnRows) rows = kn_db_query (db, stmt, KN_BIND (kn_text (id)), error);

    if (!rows)
        return false;
    *out_has = kn_rows_next (rows, &local);
    if (local)
        g_propagate_error (error, g_steal_pointer (&local));
    return local == NULL;
}

/* --- regions --- */

static void
each_own_region (KnRequest *req, void (*visit) (KnEntity *entity, gpointer data), gpointer data)
{
    const KnIdentity *identity = kn_request_service (req);

    visit (kn_entity_new (&kn_regions, g_strdup (identity->region)), data);
}

/* The caller may choose the id, in the body or in the path. */
static bool
region_prepare (KnRequest *req, KnEntity *entity, const KnEntity *old, GError **error)
{
    const KnIdentity *identity = kn_request_service (req);
    const char *id = json_string_value (json_object_get (entity->body, "id"));

    if (!old && id && *id) {
        if (g_utf8_strlen (id, -1) > 255) {
            kn_error_public (error, KN_ERROR_BAD_REQUEST,
                             "Invalid input for field 'id': it must be at most 255 characters "
                             "long.");
            return false;
        }
        g_free (entity->id);
        entity->id = g_strdup (id);
    }
    if (!old && strcmp (entity->id, identity->region) == 0) {
        kn_error_public (error, KN_ERROR_CONFLICT, "There is another region with this id already.");
        return false;
    }
    return true;
}

static bool
region_check (KnDb *db, KnEntity *entity, const KnEntity *old, GError **error)
{
    const char *parent_id = kn_entity_get (entity, "parent_region_id");
    g_autoptr (KnEntity) parent = NULL;

    if (!parent_id || !kn_entity_is_given (entity, "parent_region_id"))
        return true;
    parent = kn_entity_load (db, &kn_regions, parent_id, error);
    return parent != NULL;
}

static bool
region_removing (KnDb *db, const KnEntity *entity, GError **error)
{
    bool child, used;

    if (!has_row (db, &REGION_CHILD, entity->id, &child, error)
        || !has_row (db, &REGION_ENDPOINT, entity->id, &used, error))
        return false;
    if (!child && !used)
        return true;
    kn_error_public (error, KN_ERROR_FORBIDDEN,
                     "The region still has endpoints or regions below it.");
    return false;
}

/* Regions are in everybody's catalog. */
static bool
region_may_show (KnRequest *req, const KnEntity *entity)
{
    return true;
}

static const KnAttr region_attrs[] = {
    { "parent_region_id", KN_ATTR_TEXT, 255, KN_ATTR_NULLABLE, NULL },
    { "description", KN_ATTR_TEXT, 4096, KN_ATTR_EMPTY, "" },
};

const KnResource kn_regions = {
    .singular = "region",
    .plural = "regions",
    .attrs = region_attrs,
    .n_attrs = G_N_ELEMENTS (region_attrs),
    .insert = &REGION_INSERT,
    .update = &REGION_UPDATE,
    .select = &REGION_SELECT,
    .list = &REGION_LIST,
    .remove = &REGION_REMOVE,
    .new_id = kn_id_hex32,
    .prepare = region_prepare,
    .check = region_check,
    .removing = region_removing,
    .may_show = region_may_show,
    .each_builtin = each_own_region,
};

/* PUT /v3/regions/{id}: creates with this id. */
static bool
put_region (KnRequest *req, GError **error)
{
    const json_t *document = kn_request_json (req, error);
    json_t *body = document ? kn_json_unwrap (document, "region", error) : NULL;

    if (!body)
        return false;
    (void)json_object_set_new (body, "id", json_string (kn_request_param (req, "id")));
    return kn_entity_handle_create (req, error);
}

/* --- services --- */

static void
each_own_service (KnRequest *req, void (*visit) (KnEntity *entity, gpointer data), gpointer data)
{
    KnIdentity *identity = kn_request_service (req);
    const KnCatalogIds *ids = kn_identity_catalog_ids (identity);

    for (guint i = 0; identity->catalog[i]; i++) {
        KnEntity *entity = kn_entity_new (&kn_services, g_strdup (ids[i].service));

        kn_entity_take (entity, "type", g_strdup (identity->catalog[i]->type));
        kn_entity_take (entity, "name", g_strdup (identity->catalog[i]->name));
        visit (entity, data);
    }
}

static bool
service_removing (KnDb *db, const KnEntity *entity, GError **error)
{
    return kn_db_exec (db, &SERVICE_DROP_ENDPOINTS, KN_BIND (kn_text (entity->id)), NULL, error);
}

static const KnAttr service_attrs[] = {
    { "type", KN_ATTR_TEXT, 255, KN_ATTR_REQUIRED, NULL },
    { "name", KN_ATTR_TEXT, 255, KN_ATTR_NULLABLE | KN_ATTR_EMPTY, "" },
    { "description", KN_ATTR_TEXT, 4096, KN_ATTR_NULLABLE, NULL },
    { "enabled", KN_ATTR_BOOL, 0, 0, "1" },
};

const KnResource kn_services = {
    .singular = "service",
    .plural = "services",
    .attrs = service_attrs,
    .n_attrs = G_N_ELEMENTS (service_attrs),
    .insert = &SERVICE_INSERT,
    .update = &SERVICE_UPDATE,
    .select = &SERVICE_SELECT,
    .list = &SERVICE_LIST,
    .remove = &SERVICE_REMOVE,
    .new_id = kn_id_hex32,
    .removing = service_removing,
    .each_builtin = each_own_service,
};

/* --- endpoints --- */

static void
each_own_endpoint (KnRequest *req, void (*visit) (KnEntity *entity, gpointer data), gpointer data)
{
    KnIdentity *identity = kn_request_service (req);
    const KnCatalogIds *ids = kn_identity_catalog_ids (identity);

    for (guint i = 0; identity->catalog[i]; i++) {
        const KnService *service = identity->catalog[i];

        for (guint k = 0; kn_identity_interfaces[k]; k++) {
            KnEntity *entity = kn_entity_new (&kn_endpoints, g_strdup (ids[i].endpoints[k]));

            kn_entity_take (entity, "service_id", g_strdup (ids[i].service));
            kn_entity_take (entity, "interface", g_strdup (kn_identity_interfaces[k]));
            kn_entity_take (entity, "region_id", g_strdup (identity->region));
            kn_entity_take (entity, "url",
                            g_strconcat (kn_request_url_of (req, service->type),
                                         service->endpoint ? service->endpoint : "", NULL));
            visit (entity, data);
        }
    }
}

typedef struct {
    const char *id;
    bool found;
} Search;

static void
look_for (KnEntity *entity, gpointer data)
{
    Search *search = data;

    search->found = search->found || strcmp (entity->id, search->id) == 0;
    kn_entity_free (entity);
}

/* A region that is not known yet is made. */
static bool
ensure_region (KnDb *db, const char *id, GError **error)
{
    g_autofree char *now = kn_db_now ();
    bool known;

    if (!has_row (db, &REGION_SELECT, id, &known, error))
        return false;
    return known
           || kn_db_exec (
               db, &REGION_INSERT,
               KN_BIND (kn_text (id), kn_null (), kn_text (""), kn_text ("{}"), kn_text (now)),
               NULL, error);
}

/* COMPAT: "region" is the older word for region_id, which Keystone still takes and shows. */
static bool
endpoint_prepare (KnRequest *req, KnEntity *entity, const KnEntity *old, GError **error)
{
    const KnIdentity *identity = kn_request_service (req);
    const char *region = json_string_value (json_object_get (entity->body, "region"));
    const char *interface = kn_entity_get (entity, "interface");
    Search service = { .id = kn_entity_get (entity, "service_id") };
    KnDb *db = kn_db_thread (identity->db, error);

    if (!db)
        return false;
    if (region && !kn_entity_is_given (entity, "region_id"))
        kn_entity_take (entity, "region_id", g_strdup (region));
    if (!g_strv_contains (kn_identity_interfaces, interface)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "Invalid input for field 'interface': it must be admin, internal or "
                         "public.");
        return false;
    }
    each_own_service (req, look_for, &service);
    if (!service.found) {
        g_autoptr (KnEntity) stored = kn_entity_load (db, &kn_services, service.id, error);

        if (!stored)
            return false;
    }
    region = kn_entity_get (entity, "region_id");
    return !region || strcmp (region, identity->region) == 0 || ensure_region (db, region, error);
}

static bool
endpoint_write_more (KnJw *w, KnRequest *req, KnDb *db, const KnEntity *entity, GError **error)
{
    kn_jw_string_member (w, "region", kn_entity_get (entity, "region_id"));
    return true;
}

static const KnAttr endpoint_attrs[] = {
    { "service_id", KN_ATTR_TEXT, 64, KN_ATTR_REQUIRED, NULL },
    { "interface", KN_ATTR_TEXT, 16, KN_ATTR_REQUIRED, NULL },
    { "region_id", KN_ATTR_TEXT, 255, KN_ATTR_NULLABLE, NULL },
    { "url", KN_ATTR_TEXT, 4096, KN_ATTR_REQUIRED, NULL },
    { "enabled", KN_ATTR_BOOL, 0, 0, "1" },
};
static const char *const endpoint_elsewhere[] = { "region", NULL };

const KnResource kn_endpoints = {
    .singular = "endpoint",
    .plural = "endpoints",
    .attrs = endpoint_attrs,
    .n_attrs = G_N_ELEMENTS (endpoint_attrs),
    .insert = &ENDPOINT_INSERT,
    .update = &ENDPOINT_UPDATE,
    .select = &ENDPOINT_SELECT,
    .list = &ENDPOINT_LIST,
    .remove = &ENDPOINT_REMOVE,
    .new_id = kn_id_hex32,
    .elsewhere = endpoint_elsewhere,
    .prepare = endpoint_prepare,
    .write_more = endpoint_write_more,
    .each_builtin = each_own_endpoint,
};

static const KnRoute routes[] = {
    { "GET", "/v3/regions", kn_entity_handle_list, .role = KN_ROLE_TOKEN, .run = KN_WORKER,
      .data = &kn_regions },
    { "POST", "/v3/regions", kn_entity_handle_create, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .max_body = 64 * KIB, .data = &kn_regions },
    { "GET", "/v3/regions/{id}", kn_entity_handle_show, .role = KN_ROLE_TOKEN, .run = KN_WORKER,
      .data = &kn_regions },
    { "PUT", "/v3/regions/{id}", put_region, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .max_body = 64 * KIB, .data = &kn_regions },
    { "PATCH", "/v3/regions/{id}", kn_entity_handle_update, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .max_body = 64 * KIB, .data = &kn_regions },
    { "DELETE", "/v3/regions/{id}", kn_entity_handle_remove, .role = KN_ROLE_ADMIN,
      .run = KN_WORKER, .data = &kn_regions },

    { "GET", "/v3/services", kn_entity_handle_list, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .data = &kn_services },
    { "POST", "/v3/services", kn_entity_handle_create, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .max_body = 64 * KIB, .data = &kn_services },
    { "GET", "/v3/services/{id}", kn_entity_handle_show, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .data = &kn_services },
    { "PATCH", "/v3/services/{id}", kn_entity_handle_update, .role = KN_ROLE_ADMIN,
      .run = KN_WORKER, .max_body = 64 * KIB, .data = &kn_services },
    { "DELETE", "/v3/services/{id}", kn_entity_handle_remove, .role = KN_ROLE_ADMIN,
      .run = KN_WORKER, .data = &kn_services },

    { "GET", "/v3/endpoints", kn_entity_handle_list, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .data = &kn_endpoints },
    { "POST", "/v3/endpoints", kn_entity_handle_create, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .max_body = 64 * KIB, .data = &kn_endpoints },
    { "GET", "/v3/endpoints/{id}", kn_entity_handle_show, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .data = &kn_endpoints },
    { "PATCH", "/v3/endpoints/{id}", kn_entity_handle_update, .role = KN_ROLE_ADMIN,
      .run = KN_WORKER, .max_body = 64 * KIB, .data = &kn_endpoints },
    { "DELETE", "/v3/endpoints/{id}", kn_entity_handle_remove, .role = KN_ROLE_ADMIN,
      .run = KN_WORKER, .data = &kn_endpoints },
};
const KnRouteTable kn_identity_catalog_routes = { routes, G_N_ELEMENTS (routes) };
