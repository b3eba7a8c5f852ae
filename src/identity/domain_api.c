/* SPDX-License-Identifier: Apache-2.0 */
/* Domains. */
#include "base/error.h"
#include "base/id.h"
#include "base/util.h"
#include "identity/assignment_store.h"
#include "identity/entity.h"

#include <string.h>

KN_STMT (DOMAIN_INSERT, "INSERT INTO domains (id, name, description, enabled, extra, created_at)"
                        " VALUES (?, ?, ?, ?, ?, ?)");
KN_STMT (DOMAIN_UPDATE,
         "UPDATE domains SET name = ?, description = ?, enabled = ?, extra = ? WHERE id = ?");
KN_STMT (DOMAIN_SELECT, "SELECT id, name, description, enabled, extra FROM domains WHERE id = ?");
KN_STMT (DOMAIN_LIST, "SELECT id, name, description, enabled, extra FROM domains ORDER BY name");
KN_STMT (DOMAIN_REMOVE, "DELETE FROM domains WHERE id = ?");

KN_STMT (DOMAIN_DROP_USER_ROLES, "DELETE FROM role_assignments WHERE actor_type = 'user'"
                                 " AND actor_id IN (SELECT id FROM users WHERE domain_id = ?)");
KN_STMT (DOMAIN_DROP_GROUP_ROLES,
         "DELETE FROM role_assignments WHERE actor_type = 'group'"
         " AND actor_id IN (SELECT id FROM user_groups WHERE domain_id = ?)");
KN_STMT (DOMAIN_DROP_PROJECT_ROLES,
         "DELETE FROM role_assignments WHERE target_type = 'project'"
         " AND target_id IN (SELECT id FROM projects WHERE domain_id = ?)");
KN_STMT (DOMAIN_DROP_PROJECTS, "DELETE FROM projects WHERE domain_id = ?");
KN_STMT (DOMAIN_DROP_USERS, "DELETE FROM users WHERE domain_id = ?");
KN_STMT (DOMAIN_DROP_GROUPS, "DELETE FROM user_groups WHERE domain_id = ?");
KN_STMT (DOMAIN_DROP_ROLES, "DELETE FROM roles WHERE domain_id = ?");

/* Everything in the domain goes with it. */
static bool
domain_removing (KnDb *db, const KnEntity *entity, GError **error)
{
    static const KnStmt *const steps[] = {
        &DOMAIN_DROP_USER_ROLES, &DOMAIN_DROP_GROUP_ROLES, &DOMAIN_DROP_PROJECT_ROLES,
        &DOMAIN_DROP_PROJECTS,   &DOMAIN_DROP_USERS,       &DOMAIN_DROP_GROUPS,
        &DOMAIN_DROP_ROLES,
    };

    if (strcmp (kn_entity_get (entity, "enabled"), "0") != 0) {
        kn_error_public (error, KN_ERROR_FORBIDDEN,
                         "A domain that is enabled cannot be deleted; disable it first.");
        return false;
    }
    for (guint i = 0; i < G_N_ELEMENTS (steps); i++) {
        if (!kn_db_exec (db, steps[i], KN_BIND (kn_text (entity->id)), NULL, error))
            return false;
    }
    return kn_assignments_forget_target (db, "domain", entity->id, error);
}

static bool
domain_write_more (KnJw *w, KnRequest *req, KnDb *db, const KnEntity *entity, GError **error)
{
    kn_jw_array_member (w, "tags");
    kn_jw_end (w);
    kn_jw_object_member (w, "options");
    kn_jw_end (w);
    return true;
}

static bool
domain_may_show (KnRequest *req, const KnEntity *entity)
{
    const KnAuth *auth = kn_request_auth (req);

    return strcmp (auth->user_domain_id, entity->id) == 0
           || g_strcmp0 (auth->domain_id, entity->id) == 0;
}

static const KnAttr domain_attrs[] = {
    { "name", KN_ATTR_TEXT, 64, KN_ATTR_REQUIRED, NULL },
    { "description", KN_ATTR_TEXT, 4096, KN_ATTR_EMPTY, "" },
    { "enabled", KN_ATTR_BOOL, 0, 0, "1" },
};
static const char *const domain_elsewhere[] = { "tags", "options", NULL };

const KnResource kn_domains = {
    .singular = "domain",
    .plural = "domains",
    .attrs = domain_attrs,
    .n_attrs = G_N_ELEMENTS (domain_attrs),
    .insert = &DOMAIN_INSERT,
    .update = &DOMAIN_UPDATE,
    .select = &DOMAIN_SELECT,
    .list = &DOMAIN_LIST,
    .remove = &DOMAIN_REMOVE,
    .new_id = kn_id_hex32,
    .elsewhere = domain_elsewhere,
    .removing = domain_removing,
    .write_more = domain_write_more,
    .may_show = domain_may_show,
};

/* --- domains among the projects --- */

static bool
project_prepare (KnRequest *req, KnEntity *entity, const KnEntity *old, GError **error)
{
    if (!kn_entity_get (entity, "domain_id") && !kn_entity_get (entity, "parent_id"))
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST,
                     "A project that acts as a domain has no domain and no parent.");
    return false;
}

static bool
project_write_more (KnJw *w, KnRequest *req, KnDb *db, const KnEntity *entity, GError **error)
{
    kn_jw_bool_member (w, "is_domain", true);
    return domain_write_more (w, req, db, entity, error);
}

static const KnAttr project_attrs[] = {
    { "name", KN_ATTR_TEXT, 64, KN_ATTR_REQUIRED, NULL },
    { "domain_id", KN_ATTR_TEXT, 64, KN_ATTR_NULLABLE | KN_ATTR_VIRTUAL, NULL },
    { "parent_id", KN_ATTR_TEXT, 64, KN_ATTR_NULLABLE | KN_ATTR_VIRTUAL, NULL },
    { "description", KN_ATTR_TEXT, 4096, KN_ATTR_EMPTY, "" },
    { "enabled", KN_ATTR_BOOL, 0, 0, "1" },
};
static const char *const project_elsewhere[] = { "tags", "options", "is_domain", NULL };

const KnResource kn_domain_projects = {
    .singular = "project",
    .plural = "projects",
    .attrs = project_attrs,
    .n_attrs = G_N_ELEMENTS (project_attrs),
    .insert = &DOMAIN_INSERT,
    .update = &DOMAIN_UPDATE,
    .select = &DOMAIN_SELECT,
    .list = &DOMAIN_LIST,
    .remove = &DOMAIN_REMOVE,
    .new_id = kn_id_hex32,
    .elsewhere = project_elsewhere,
    .prepare = project_prepare,
    .removing = domain_removing,
    .write_more = project_write_more,
    .may_show = domain_may_show,
};

static const KnRoute routes[] = {
    { "GET", "/v3/domains", kn_entity_handle_list, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .data = &kn_domains },
    { "POST", "/v3/domains", kn_entity_handle_create, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .max_body = 64 * KIB, .data = &kn_domains },
    { "GET", "/v3/domains/{id}", kn_entity_handle_show, .role = KN_ROLE_TOKEN, .run = KN_WORKER,
      .data = &kn_domains },
    { "PATCH", "/v3/domains/{id}", kn_entity_handle_update, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .max_body = 64 * KIB, .data = &kn_domains },
    { "DELETE", "/v3/domains/{id}", kn_entity_handle_remove, .role = KN_ROLE_ADMIN,
      .run = KN_WORKER, .data = &kn_domains },
};
const KnRouteTable kn_identity_domain_routes = { routes, G_N_ELEMENTS (routes) };
