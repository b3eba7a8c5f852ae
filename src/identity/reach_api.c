/* SPDX-License-Identifier: Apache-2.0 */
/* Where a user can go: projects, domains and the system on which he has a role. */
#include "identity/entity.h"

#include <string.h>

#define ACTOR                                                                                      \
    "(a.actor_type = 'user' AND a.actor_id = ?"                                                    \
    " OR a.actor_type = 'group' AND a.actor_id IN"                                                 \
    " (SELECT group_id FROM group_members WHERE user_id = ?))"
KN_STMT (REACH_PROJECTS,
         "WITH RECURSIVE below (id) AS (SELECT p.id FROM projects p JOIN role_assignments a"
         " ON a.inherited = 1 AND a.target_type = 'project' AND a.target_id = p.parent_id"
         " WHERE " ACTOR " UNION SELECT p.id FROM projects p JOIN below ON p.parent_id = below.id)"
         " SELECT p.id FROM projects p JOIN domains d ON d.id = p.domain_id"
         " WHERE p.enabled = 1 AND d.enabled = 1 AND (p.id IN (SELECT id FROM below)"
         " OR p.id IN (SELECT a.target_id FROM role_assignments a WHERE " ACTOR
         " AND a.inherited = 0 AND a.target_type = 'project')"
         " OR p.domain_id IN (SELECT a.target_id FROM role_assignments a WHERE " ACTOR
         " AND a.inherited = 1 AND a.target_type = 'domain')) ORDER BY p.name, p.id");
KN_STMT (REACH_DOMAINS, "SELECT DISTINCT d.id, d.name FROM domains d JOIN role_assignments a"
                        " ON a.target_type = 'domain' AND a.target_id = d.id AND a.inherited = 0"
                        " WHERE d.enabled = 1 AND " ACTOR " ORDER BY d.name");
KN_STMT (REACH_SYSTEM, "SELECT DISTINCT a.target_id FROM role_assignments a"
                       " WHERE a.target_type = 'system' AND " ACTOR);

static KnRows *
query (KnDb *db, KnScope scope, const char *user_id, GError **error)
{
    const KnValue user = kn_text (user_id);

    if (scope == KN_SCOPE_PROJECT)
        return kn_db_query (db, &REACH_PROJECTS, KN_BIND (user, user, user, user, user, user),
                            error);
    return kn_db_query (db, scope == KN_SCOPE_DOMAIN ? &REACH_DOMAINS : &REACH_SYSTEM,
                        KN_BIND (user, user), error);
}

static GPtrArray *
list_reachable (KnDb *db, KnScope scope, const char *user_id, GError **error)
{
    g_autoptr (KnRows) rows = query (db, scope, user_id, error);

    return kn_rows_list_texts (rows, error);
}

bool
kn_identity_reply_entities (KnRequest *req, KnDb *db, const KnResource *resource,
                            const GPtrArray *ids, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_entity_begin_list (w, resource->plural);
    for (guint i = 0; i < ids->len; i++) {
        g_autoptr (KnEntity) entity
            = kn_entity_load (db, resource, g_ptr_array_index (ids, i), error);

        if (!entity || !kn_entity_write (w, req, db, entity, error))
            return false;
    }
    kn_entity_end_list (w, req);
    kn_request_reply_json (req, 200, w);
    return true;
}

bool
kn_identity_reply_reachable (KnRequest *req, KnDb *db, const char *user_id, KnScope scope,
                             GError **error)
{
    g_autoptr (GPtrArray) ids = list_reachable (db, scope, user_id, error);

    return ids
           && kn_identity_reply_entities (
               req, db, scope == KN_SCOPE_DOMAIN ? &kn_domains : &kn_projects, ids, error);
}

static bool
list_own (KnRequest *req, GError **error)
{
    const KnIdentity *identity = kn_request_service (req);
    const KnScope *scope = kn_request_state (req);
    KnDb *db = kn_db_thread (identity->db, error);

    return db
           && kn_identity_reply_reachable (req, db, kn_request_auth (req)->user_id, *scope, error);
}

static bool
list_own_systems (KnRequest *req, GError **error)
{
    const KnIdentity *identity = kn_request_service (req);
    KnDb *db = kn_db_thread (identity->db, error);
    g_autoptr (GPtrArray) ids
        = db ? list_reachable (db, KN_SCOPE_SYSTEM, kn_request_auth (req)->user_id, error) : NULL;
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!ids)
        return false;
    kn_entity_begin_list (w, "system");
    if (ids->len > 0) {
        kn_jw_object (w);
        kn_jw_bool_member (w, "all", true);
        kn_jw_end (w);
    }
    kn_entity_end_list (w, req);
    kn_request_reply_json (req, 200, w);
    return true;
}

static const KnScope projects = KN_SCOPE_PROJECT, domains = KN_SCOPE_DOMAIN;

static const KnRoute routes[] = {
    { "GET", "/v3/auth/projects", list_own, .role = KN_ROLE_TOKEN, .run = KN_WORKER,
      .data = &projects },
    { "GET", "/v3/auth/domains", list_own, .role = KN_ROLE_TOKEN, .run = KN_WORKER,
      .data = &domains },
    { "GET", "/v3/auth/system", list_own_systems, .role = KN_ROLE_TOKEN, .run = KN_WORKER },
};
const KnRouteTable kn_identity_reach_routes = { routes, G_N_ELEMENTS (routes) };
