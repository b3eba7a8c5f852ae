/* SPDX-License-Identifier: Apache-2.0 */
/* Grants: roles of users and groups on projects, domains and the system, there or inherited by what is below. */
#include "base/error.h"
#include "identity/assignment_store.h"
#include "identity/entity.h"

#include <string.h>

/* What a route's path says. */
typedef struct {
    const char *actor_type, *target_type;
    const KnResource *actor, *target; /* target: NULL for the system */
    bool inherited;
} Kind;

static KnDb *
db_of (KnRequest *req, GError **error)
{
    const KnIdentity *identity = kn_request_service (req);

    return kn_db_thread (identity->db, error);
}

static bool
exists (KnDb *db, const KnResource *resource, const char *id, GError **error)
{
    g_autoptr (KnEntity) entity = kn_entity_load (db, resource, id, error);

    return entity != NULL;
}

/* The assignment that the path names, without its role; actor and target exist. */
static bool
read_path (KnRequest *req, KnDb *db, KnAssignment *out_assignment, GError **error)
{
    const Kind *kind = kn_request_state (req);

    *out_assignment = (KnAssignment){
        .actor_type = kind->actor_type,
        .actor_id = kn_request_param (req, "actor"),
        .target_type = kind->target_type,
        .target_id = kind->target ? kn_request_param (req, "target") : "all",
        .inherited = kind->inherited,
    };
    return (!kind->target || exists (db, kind->target, out_assignment->target_id, error))
           && exists (db, kind->actor, out_assignment->actor_id, error);
}

static bool
read_path_with_role (KnRequest *req, KnDb **out_db, KnAssignment *out_assignment, GError **error)
{
    *out_db = db_of (req, error);
    if (!*out_db || !read_path (req, *out_db, out_assignment, error))
        return false;
    out_assignment->role_id = kn_request_param (req, "role");
    return exists (*out_db, &kn_roles, out_assignment->role_id, error);
}

static bool
no_grant (GError **error)
{
    kn_error_public (error, KN_ERROR_NOT_FOUND, "The role is not granted there.");
    return false;
}

static bool
check_grant (KnRequest *req, GError **error)
{
    KnAssignment assignment;
    KnDb *db;
    bool is;

    return read_path_with_role (req, &db, &assignment, error)
           && kn_assignment_exists (db, &assignment, &is, error) && (is || no_grant (error));
}

/* A role of a domain only says what it implies, and only in its domain. */
static bool
check_domain_role (KnDb *db, const KnAssignment *assignment, GError **error)
{
    g_autoptr (KnEntity) role = kn_entity_load (db, &kn_roles, assignment->role_id, error);

    if (!role)
        return false;

    const char *domain_id = kn_entity_get (role, "domain_id");
    if (*domain_id == '\0' || strcmp (assignment->target_id, domain_id) == 0)
        return true;
    if (strcmp (assignment->target_type, "project") == 0) {
        g_autoptr (KnEntity) project
            = kn_entity_load (db, &kn_projects, assignment->target_id, error);

        if (!project)
            return false;
        if (strcmp (kn_entity_get (project, "domain_id"), domain_id) == 0)
            return true;
    }
    kn_error_public (error, KN_ERROR_FORBIDDEN, "The role belongs to another domain.");
    return false;
}

static bool
add_grant (KnRequest *req, GError **error)
{
    KnAssignment assignment;
    KnDb *db;

    return read_path_with_role (req, &db, &assignment, error)
           && check_domain_role (db, &assignment, error)
           && kn_assignment_grant (db, &assignment, error);
}

static bool
remove_grant (KnRequest *req, GError **error)
{
    KnAssignment assignment;
    KnDb *db;
    bool existed;

    return read_path_with_role (req, &db, &assignment, error)
           && kn_assignment_withdraw (db, &assignment, &existed, error)
           && (existed || no_grant (error));
}

static bool
list_grants (KnRequest *req, GError **error)
{
    KnDb *db = db_of (req, error);
    KnAssignment assignment;
    g_autoptr (GPtrArray) ids = NULL;

    if (!db || !read_path (req, db, &assignment, error))
        return false;
    ids = kn_assignment_list_roles (db, &assignment, error);
    return ids && kn_identity_reply_entities (req, db, &kn_roles, ids, error);
}

static const Kind user_on_project = { "user", "project", &kn_users, &kn_projects, false };
static const Kind group_on_project = { "group", "project", &kn_groups, &kn_projects, false };
static const Kind user_on_domain = { "user", "domain", &kn_users, &kn_domains, false };
static const Kind group_on_domain = { "group", "domain", &kn_groups, &kn_domains, false };
static const Kind user_on_system = { "user", "system", &kn_users, NULL, false };
static const Kind group_on_system = { "group", "system", &kn_groups, NULL, false };
static const Kind user_below_project = { "user", "project", &kn_users, &kn_projects, true };
static const Kind group_below_project = { "group", "project", &kn_groups, &kn_projects, true };
static const Kind user_below_domain = { "user", "domain", &kn_users, &kn_domains, true };
static const Kind group_below_domain = { "group", "domain", &kn_groups, &kn_domains, true };

/* The four things that can be done under each path. */
#define GRANT_ROUTES(path, tail, kind)                                                             \
    { "GET",          path "/roles" tail, list_grants, .role = KN_ROLE_ADMIN, .run = KN_WORKER,    \
      .data = &(kind) },                                                                           \
        { "GET",                                                                                   \
          path "/roles/{role}" tail,                                                               \
          check_grant,                                                                             \
          .role = KN_ROLE_ADMIN,                                                                   \
          .run = KN_WORKER,                                                                        \
          .data = &(kind) },                                                                       \
        { "PUT",                                                                                   \
          path "/roles/{role}" tail,                                                               \
          add_grant,                                                                               \
          .role = KN_ROLE_ADMIN,                                                                   \
          .run = KN_WORKER,                                                                        \
          .data = &(kind) },                                                                       \
    {                                                                                              \
        "DELETE", path "/roles/{role}" tail, remove_grant, .role = KN_ROLE_ADMIN,                  \
                                                           .run = KN_WORKER, .data = &(kind)       \
    }

#define BELOW "/inherited_to_projects"

static const KnRoute routes[] = {
    GRANT_ROUTES ("/v3/projects/{target}/users/{actor}", "", user_on_project),
    GRANT_ROUTES ("/v3/projects/{target}/groups/{actor}", "", group_on_project),
    GRANT_ROUTES ("/v3/domains/{target}/users/{actor}", "", user_on_domain),
    GRANT_ROUTES ("/v3/domains/{target}/groups/{actor}", "", group_on_domain),
    GRANT_ROUTES ("/v3/system/users/{actor}", "", user_on_system),
    GRANT_ROUTES ("/v3/system/groups/{actor}", "", group_on_system),
    GRANT_ROUTES ("/v3/OS-INHERIT/projects/{target}/users/{actor}", BELOW, user_below_project),
    GRANT_ROUTES ("/v3/OS-INHERIT/projects/{target}/groups/{actor}", BELOW, group_below_project),
    GRANT_ROUTES ("/v3/OS-INHERIT/domains/{target}/users/{actor}", BELOW, user_below_domain),
    GRANT_ROUTES ("/v3/OS-INHERIT/domains/{target}/groups/{actor}", BELOW, group_below_domain),
};
const KnRouteTable kn_identity_grant_routes = { routes, G_N_ELEMENTS (routes) };
