/* SPDX-License-Identifier: Apache-2.0 */
/* Roles, and which of them imply which. */
#include "base/error.h"
#include "base/id.h"
#include "base/util.h"
#include "identity/entity.h"

#include <string.h>

#define COLUMNS "SELECT id, name, domain_id, description, extra FROM roles "
KN_STMT (ROLE_INSERT, "INSERT INTO roles (id, name, domain_id, description, extra, created_at)"
                      " VALUES (?, ?, ?, ?, ?, ?)");
KN_STMT (ROLE_UPDATE, "UPDATE roles SET name = ?, domain_id = ?, description = ?, extra = ?"
                      " WHERE id = ?");
KN_STMT (ROLE_SELECT, COLUMNS "WHERE id = ?");
KN_STMT (ROLE_LIST, COLUMNS "ORDER BY name, id");
KN_STMT (ROLE_REMOVE, "DELETE FROM roles WHERE id = ?");
KN_STMT (IMPLIED_LIST, "SELECT implied_role_id FROM implied_roles WHERE prior_role_id = ?"
                       " ORDER BY implied_role_id");
KN_STMT (IMPLIED_PRIORS, "SELECT DISTINCT prior_role_id FROM implied_roles ORDER BY 1");
KN_STMT (IMPLIED_FIND, "SELECT 1 FROM implied_roles WHERE prior_role_id = ?"
                       " AND implied_role_id = ?");
KN_STMT (IMPLIED_INSERT,
         "INSERT INTO implied_roles (prior_role_id, implied_role_id) VALUES (?, ?)");
KN_STMT (IMPLIED_REMOVE,
         "DELETE FROM implied_roles WHERE prior_role_id = ? AND implied_role_id = ?");

/* Stored as '' for a role of the whole cloud. */
static bool
role_prepare (KnRequest *req, KnEntity *entity, const KnEntity *old, GError **error)
{
    if (!kn_entity_get (entity, "domain_id"))
        kn_entity_take (entity, "domain_id", g_strdup (""));
    return true;
}

/* The three roles that our rules know by name stay. */
static bool
is_own_role (const KnEntity *entity)
{
    static const char *const names[] = { "admin", "member", "reader", NULL };

    return *kn_entity_get (entity, "domain_id") == '\0'
           && g_strv_contains (names, kn_entity_get (entity, "name"));
}

static bool
role_check (KnDb *db, KnEntity *entity, const KnEntity *old, GError **error)
{
    const char *domain_id = kn_entity_get (entity, "domain_id");
    g_autoptr (KnEntity) domain = NULL;

    if (old && is_own_role (old)
        && strcmp (kn_entity_get (old, "name"), kn_entity_get (entity, "name")) != 0) {
        kn_error_public (error, KN_ERROR_FORBIDDEN, "The role %s is needed under this name.",
                         kn_entity_get (old, "name"));
        return false;
    }
    if (old || *domain_id == '\0')
        return true;
    domain = kn_entity_load (db, &kn_domains, domain_id, error);
    return domain != NULL;
}

static bool
role_removing (KnDb *db, const KnEntity *entity, GError **error)
{
    if (!is_own_role (entity))
        return true;
    kn_error_public (error, KN_ERROR_FORBIDDEN, "The role %s is needed and cannot be deleted.",
                     kn_entity_get (entity, "name"));
    return false;
}

static bool
role_write_more (KnJw *w, KnRequest *req, KnDb *db, const KnEntity *entity, GError **error)
{
    if (strstr (entity->extra, "\"options\""))
        return true;
    kn_jw_object_member (w, "options");
    kn_jw_end (w);
    return true;
}

/* Without domain_id the list has the roles of the whole cloud only. */
static bool
role_matches (KnRequest *req, KnDb *db, const KnEntity *entity)
{
    return kn_request_query (req, "domain_id") || *kn_entity_get (entity, "domain_id") == '\0';
}

static const KnAttr role_attrs[] = {
    { "name", KN_ATTR_TEXT, 255, KN_ATTR_REQUIRED, NULL },
    { "domain_id", KN_ATTR_TEXT, 64, KN_ATTR_FIXED | KN_ATTR_NULLABLE | KN_ATTR_EMPTY, NULL },
    { "description", KN_ATTR_TEXT, 4096, KN_ATTR_NULLABLE, NULL },
};

const KnResource kn_roles = {
    .singular = "role",
    .plural = "roles",
    .attrs = role_attrs,
    .n_attrs = G_N_ELEMENTS (role_attrs),
    .insert = &ROLE_INSERT,
    .update = &ROLE_UPDATE,
    .select = &ROLE_SELECT,
    .list = &ROLE_LIST,
    .remove = &ROLE_REMOVE,
    .new_id = kn_id_hex32,
    .prepare = role_prepare,
    .check = role_check,
    .removing = role_removing,
    .write_more = role_write_more,
    .matches = role_matches,
};

/* --- implied roles --- */

static GPtrArray *
list_ids (KnDb *db, const KnStmt *stmt, const char *id, GError **error)
{
    const KnValue value = kn_text (id);
    g_autoptr (KnRows) rows = kn_db_query (db, stmt, id ? &value : NULL, id ? 1 : 0, error);

    return kn_rows_list_texts (rows, error);
}

static bool
write_short_role (KnJw *w, KnRequest *req, KnDb *db, const char *id, GError **error)
{
    g_autoptr (KnEntity) role = kn_entity_load (db, &kn_roles, id, error);

    if (!role)
        return false;
    kn_jw_object (w);
    kn_jw_string_member (w, "id", role->id);
    kn_jw_string_member (w, "name", kn_entity_get (role, "name"));
    kn_jw_object_member (w, "links");
    kn_jw_format_member (w, "self", "%s/v3/roles/%s", kn_request_base_url (req), role->id);
    kn_jw_end (w);
    kn_jw_end (w);
    return true;
}

static bool
write_inference (KnJw *w, KnRequest *req, KnDb *db, const char *prior, GError **error)
{
    g_autoptr (GPtrArray) implied = list_ids (db, &IMPLIED_LIST, prior, error);

    if (!implied)
        return false;
    kn_jw_key (w, "prior_role");
    if (!write_short_role (w, req, db, prior, error))
        return false;
    kn_jw_array_member (w, "implies");
    for (guint i = 0; i < implied->len; i++) {
        if (!write_short_role (w, req, db, g_ptr_array_index (implied, i), error))
            return false;
    }
    kn_jw_end (w);
    return true;
}

static KnDb *
db_of (KnRequest *req, GError **error)
{
    const KnIdentity *identity = kn_request_service (req);

    return kn_db_thread (identity->db, error);
}

static bool
list_inferences (KnRequest *req, GError **error)
{
    KnDb *db = db_of (req, error);
    g_autoptr (GPtrArray) priors = db ? list_ids (db, &IMPLIED_PRIORS, NULL, error) : NULL;
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!priors)
        return false;
    kn_entity_begin_list (w, "role_inferences");
    for (guint i = 0; i < priors->len; i++) {
        kn_jw_object (w);
        if (!write_inference (w, req, db, g_ptr_array_index (priors, i), error))
            return false;
        kn_jw_end (w);
    }
    kn_entity_end_list (w, req);
    kn_request_reply_json (req, 200, w);
    return true;
}

static void
write_self (KnJw *w, KnRequest *req)
{
    kn_jw_object_member (w, "links");
    kn_jw_format_member (w, "self", "%s%s", kn_request_base_url (req),
                         strchr (kn_request_path (req) + 1, '/'));
    kn_jw_end (w);
}

static bool
list_implied (KnRequest *req, GError **error)
{
    KnDb *db = db_of (req, error);
    const char *prior = kn_request_param (req, "id");
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!db)
        return false;
    kn_jw_object (w);
    kn_jw_object_member (w, "role_inference");
    if (!write_inference (w, req, db, prior, error))
        return false;
    kn_jw_end (w);
    write_self (w, req);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static bool
reply_rule (KnRequest *req, KnDb *db, guint status, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_object_member (w, "role_inference");
    kn_jw_key (w, "prior_role");
    if (!write_short_role (w, req, db, kn_request_param (req, "id"), error))
        return false;
    kn_jw_key (w, "implies");
    if (!write_short_role (w, req, db, kn_request_param (req, "implied"), error))
        return false;
    kn_jw_end (w);
    write_self (w, req);
    kn_jw_end (w);
    kn_request_reply_json (req, status, w);
    return true;
}

/* Both roles of the path must exist; @out_is: whether the first implies the second directly. */
static bool
load_rule (KnRequest *req, KnDb *db, bool *out_is, GError **error)
{
    const char *prior_id = kn_request_param (req, "id"),
               *implied_id = kn_request_param (req, "implied");
    g_autoptr (KnEntity) prior = kn_entity_load (db, &kn_roles, prior_id, error);
    g_autoptr (KnEntity) implied = prior ? kn_entity_load (db, &kn_roles, implied_id, error) : NULL;
    g_autoptr (GError) local = NULL;
    g_autoptr (KnRows) rows = NULL;

    if (!implied)
        return false;
    /* A domain's role would reach beyond its domain. */
    if (*kn_entity_get (prior, "domain_id") == '\0'
        && *kn_entity_get (implied, "domain_id") != '\0') {
        kn_error_public (error, KN_ERROR_FORBIDDEN,
                         "A role of the whole cloud cannot imply a role of a domain.");
        return false;
    }
    if (strcmp (prior_id, implied_id) == 0 || is_own_role (implied)) {
        const bool admin = strcmp (kn_entity_get (implied, "name"), "admin") == 0;

        if (admin || strcmp (prior_id, implied_id) == 0) {
            kn_error_public (error, KN_ERROR_FORBIDDEN, "This role cannot be implied.");
            return false;
        }
    }
    rows = kn_db_query (db, &IMPLIED_FIND, KN_BIND (kn_text (prior_id), kn_text (implied_id)),
                        error);
    if (!rows)
        return false;
    *out_is = kn_rows_next (rows, &local);
    if (local)
        g_propagate_error (error, g_steal_pointer (&local));
    return local == NULL;
}

static bool
no_rule (GError **error)
{
    kn_error_public (error, KN_ERROR_NOT_FOUND, "The first role does not imply the second.");
    return false;
}

static bool
show_implied (KnRequest *req, GError **error)
{
    KnDb *db = db_of (req, error);
    bool is;

    if (!db || !load_rule (req, db, &is, error))
        return false;
    if (!is)
        return no_rule (error);
    /* COMPAT: Keystone answers HEAD without a body by 204. */
    if (strcmp (kn_request_method (req), "HEAD") == 0)
        return true;
    return reply_rule (req, db, 200, error);
}

static bool
add_implied (KnRequest *req, GError **error)
{
    KnDb *db = db_of (req, error);
    bool is;

    if (!db || !load_rule (req, db, &is, error))
        return false;
    if (!is
        && !kn_db_exec (db, &IMPLIED_INSERT,
                        KN_BIND (kn_text (kn_request_param (req, "id")),
                                 kn_text (kn_request_param (req, "implied"))),
                        NULL, error))
        return false;
    return reply_rule (req, db, 201, error);
}

static bool
remove_implied (KnRequest *req, GError **error)
{
    KnDb *db = db_of (req, error);
    bool is;

    if (!db || !load_rule (req, db, &is, error))
        return false;
    return is ? kn_db_exec (db, &IMPLIED_REMOVE,
                            KN_BIND (kn_text (kn_request_param (req, "id")),
                                     kn_text (kn_request_param (req, "implied"))),
                            NULL, error)
              : no_rule (error);
}

static const KnRoute routes[] = {
    { "GET", "/v3/roles", kn_entity_handle_list, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .data = &kn_roles },
    { "POST", "/v3/roles", kn_entity_handle_create, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .max_body = 64 * KIB, .data = &kn_roles },
    { "GET", "/v3/roles/{id}", kn_entity_handle_show, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .data = &kn_roles },
    { "PATCH", "/v3/roles/{id}", kn_entity_handle_update, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .max_body = 64 * KIB, .data = &kn_roles },
    { "DELETE", "/v3/roles/{id}", kn_entity_handle_remove, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .data = &kn_roles },
    { "GET", "/v3/role_inferences", list_inferences, .role = KN_ROLE_ADMIN, .run = KN_WORKER },
    { "GET", "/v3/roles/{id}/implies", list_implied, .role = KN_ROLE_ADMIN, .run = KN_WORKER },
    { "GET", "/v3/roles/{id}/implies/{implied}", show_implied, .role = KN_ROLE_ADMIN,
      .run = KN_WORKER },
    { "PUT", "/v3/roles/{id}/implies/{implied}", add_implied, .role = KN_ROLE_ADMIN,
      .run = KN_WORKER },
    { "DELETE", "/v3/roles/{id}/implies/{implied}", remove_implied, .role = KN_ROLE_ADMIN,
      .run = KN_WORKER },
};
const KnRouteTable kn_identity_role_routes = { routes, G_N_ELEMENTS (routes) };
