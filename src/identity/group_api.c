/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of users. */
#include "base/error.h"
#include "base/id.h"
#include "base/util.h"
#include "identity/assignment_store.h"
#include "identity/entity.h"

#define COLUMNS "SELECT id, name, domain_id, description, extra FROM user_groups "
KN_STMT (GROUP_INSERT, "INSERT INTO user_groups (id, name, domain_id, description, extra,"
                       " created_at) VALUES (?, ?, ?, ?, ?, ?)");
KN_STMT (GROUP_UPDATE, "UPDATE user_groups SET name = ?, domain_id = ?, description = ?,"
                       " extra = ? WHERE id = ?");
KN_STMT (GROUP_SELECT, COLUMNS "WHERE id = ?");
KN_STMT (GROUP_LIST, COLUMNS "ORDER BY name, id");
KN_STMT (GROUP_REMOVE, "DELETE FROM user_groups WHERE id = ?");
KN_STMT (MEMBER_LIST, "SELECT user_id FROM group_members WHERE group_id = ? ORDER BY user_id");
KN_STMT (MEMBER_FIND, "SELECT 1 FROM group_members WHERE group_id = ? AND user_id = ?");
KN_STMT (MEMBER_INSERT, "INSERT INTO group_members (group_id, user_id) VALUES (?, ?)");
KN_STMT (MEMBER_REMOVE, "DELETE FROM group_members WHERE group_id = ? AND user_id = ?");

static bool
group_prepare (KnRequest *req, KnEntity *entity, const KnEntity *old, GError **error)
{
    const KnAuth *auth = kn_request_auth (req);

    if (!kn_entity_get (entity, "domain_id"))
        kn_entity_take (entity, "domain_id",
                        g_strdup (auth->domain_id ? auth->domain_id : auth->user_domain_id));
    return true;
}

static bool
group_check (KnDb *db, KnEntity *entity, const KnEntity *old, GError **error)
{
    g_autoptr (KnEntity) domain
        = old ? NULL : kn_entity_load (db, &kn_domains, kn_entity_get (entity, "domain_id"), error);

    return old || domain;
}

static bool
group_removing (KnDb *db, const KnEntity *entity, GError **error)
{
    return kn_assignments_forget_actor (db, "group", entity->id, error);
}

static const KnAttr group_attrs[] = {
    { "name", KN_ATTR_TEXT, 64, KN_ATTR_REQUIRED, NULL },
    { "domain_id", KN_ATTR_TEXT, 64, KN_ATTR_FIXED | KN_ATTR_NULLABLE, NULL },
    { "description", KN_ATTR_TEXT, 4096, KN_ATTR_EMPTY, "" },
};

const KnResource kn_groups = {
    .singular = "group",
    .plural = "groups",
    .attrs = group_attrs,
    .n_attrs = G_N_ELEMENTS (group_attrs),
    .insert = &GROUP_INSERT,
    .update = &GROUP_UPDATE,
    .select = &GROUP_SELECT,
    .list = &GROUP_LIST,
    .remove = &GROUP_REMOVE,
    .new_id = kn_id_hex32,
    .prepare = group_prepare,
    .check = group_check,
    .removing = group_removing,
};

/* --- members --- */

static GPtrArray *
list_member_ids (KnDb *db, const char *group_id, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &MEMBER_LIST, KN_BIND (kn_text (group_id)), error);

    return kn_rows_list_texts (rows, error);
}

static KnEntity *
load_group (KnRequest *req, KnDb **out_db, GError **error)
{
    const KnIdentity *identity = kn_request_service (req);

    *out_db = kn_db_thread (identity->db, error);
    return *out_db ? kn_entity_load (*out_db, &kn_groups, kn_request_param (req, "id"), error)
                   : NULL;
}

static bool
list_members (KnRequest *req, GError **error)
{
    KnDb *db;
    g_autoptr (KnEntity) group = load_group (req, &db, error);
    g_autoptr (GPtrArray) ids = group ? list_member_ids (db, group->id, error) : NULL;

    return ids && kn_identity_reply_entities (req, db, &kn_users, ids, error);
}

static bool
is_member (KnDb *db, const char *group_id, const char *user_id, bool *out_is, GError **error)
{
    g_autoptr (GError) local = NULL;
    g_autoptr (KnRows) rows
        = kn_db_query (db, &MEMBER_FIND, KN_BIND (kn_text (group_id), kn_text (user_id)), error);

    if (!rows)
        return false;
    *out_is = kn_rows_next (rows, &local);
    if (local)
        g_propagate_error (error, g_steal_pointer (&local));
    return local == NULL;
}

/* The group and user of the path, and whether one is in the other. */
static bool
load_membership (KnRequest *req, KnDb **out_db, bool *out_is, GError **error)
{
    g_autoptr (KnEntity) group = load_group (req, out_db, error);
    g_autoptr (KnEntity) user
        = group ? kn_entity_load (*out_db, &kn_users, kn_request_param (req, "user"), error) : NULL;

    return user && is_member (*out_db, group->id, user->id, out_is, error);
}

static bool
no_member (GError **error)
{
    kn_error_public (error, KN_ERROR_NOT_FOUND, "The user is not in this group.");
    return false;
}

static bool
check_member (KnRequest *req, GError **error)
{
    KnDb *db;
    bool is;

    return load_membership (req, &db, &is, error) && (is || no_member (error));
}

static bool
add_member (KnRequest *req, GError **error)
{
    KnDb *db;
    bool is;

    return load_membership (req, &db, &is, error)
           && (is
               || kn_db_exec (db, &MEMBER_INSERT,
                              KN_BIND (kn_text (kn_request_param (req, "id")),
                                       kn_text (kn_request_param (req, "user"))),
                              NULL, error));
}

static bool
remove_member (KnRequest *req, GError **error)
{
    KnDb *db;
    bool is;

    if (!load_membership (req, &db, &is, error))
        return false;
    return is ? kn_db_exec (db, &MEMBER_REMOVE,
                            KN_BIND (kn_text (kn_request_param (req, "id")),
                                     kn_text (kn_request_param (req, "user"))),
                            NULL, error)
              : no_member (error);
}

static const KnRoute routes[] = {
    { "GET", "/v3/groups", kn_entity_handle_list, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .data = &kn_groups },
    { "POST", "/v3/groups", kn_entity_handle_create, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .max_body = 64 * KIB, .data = &kn_groups },
    { "GET", "/v3/groups/{id}", kn_entity_handle_show, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .data = &kn_groups },
    { "PATCH", "/v3/groups/{id}", kn_entity_handle_update, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .max_body = 64 * KIB, .data = &kn_groups },
    { "DELETE", "/v3/groups/{id}", kn_entity_handle_remove, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .data = &kn_groups },
    { "GET", "/v3/groups/{id}/users", list_members, .role = KN_ROLE_ADMIN, .run = KN_WORKER },
    { "GET", "/v3/groups/{id}/users/{user}", check_member, .role = KN_ROLE_ADMIN,
      .run = KN_WORKER },
    { "PUT", "/v3/groups/{id}/users/{user}", add_member, .role = KN_ROLE_ADMIN, .run = KN_WORKER },
    { "DELETE", "/v3/groups/{id}/users/{user}", remove_member, .role = KN_ROLE_ADMIN,
      .run = KN_WORKER },
};
const KnRouteTable kn_identity_group_routes = { routes, G_N_ELEMENTS (routes) };
