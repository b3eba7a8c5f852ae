/* SPDX-License-Identifier: Apache-2.0 */
/* Which projects may use a private flavor. */
#include "base/error.h"
#include "base/util.h"
#include "compute/flavor_store.h"
#include "compute/flavor_view.h"

#include <string.h>

typedef struct {
    const char *tenant;
    guint64 present;
} AccessSpec;

static const KnJField access_fields[]
    = { { "tenant", KN_J_STRING, offsetof (AccessSpec, tenant), 1, 255 } };
static const KnJShape access_shape = { access_fields, G_N_ELEMENTS (access_fields),
                                       offsetof (AccessSpec, present), .closed = true };

static bool
reply_access (KnRequest *req, KnDb *db, const KnFlavor *flavor, GError **error)
{
    g_autoptr (GPtrArray) projects = kn_store_flavor_list_projects (db, flavor->id, error);
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!projects)
        return false;
    kn_jw_object (w);
    kn_jw_array_member (w, "flavor_access");
    for (guint i = 0; i < projects->len; i++) {
        kn_jw_object (w);
        kn_jw_string_member (w, "flavor_id", flavor->flavor_id);
        kn_jw_string_member (w, "tenant_id", g_ptr_array_index (projects, i));
        kn_jw_end (w);
    }
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static bool
access_list (KnRequest *req, GError **error)
{
    KnDb *db = kn_flavor_db (req, error);
    g_autoptr (KnFlavor) flavor = db ? kn_flavor_of (req, db, error) : NULL;

    if (!flavor)
        return false;
    if (flavor->is_public) {
        kn_error_public (error, KN_ERROR_NOT_FOUND, "A public flavor has no access list.");
        return false;
    }
    return reply_access (req, db, flavor, error);
}

static bool
add_access (KnDb *db, const KnFlavor *flavor, const char *project, GError **error)
{
    GError *problem = NULL;

    if (flavor->is_public) {
        kn_error_public (error, KN_ERROR_CONFLICT, "Everybody may use a public flavor already.");
        return false;
    }
    if (kn_store_flavor_grant (db, flavor->id, project, &problem))
        return true;
    if (!g_error_matches (problem, KN_ERROR, KN_ERROR_CONFLICT)) {
        g_propagate_error (error, problem);
        return false;
    }
    g_clear_error (&problem);
    kn_error_public (error, KN_ERROR_CONFLICT, "Project %s may use flavor %s already.", project,
                     flavor->flavor_id);
    return false;
}

static bool
remove_access (KnDb *db, const KnFlavor *flavor, const char *project, GError **error)
{
    bool was = false;

    if (!kn_store_flavor_revoke (db, flavor->id, project, &was, error))
        return false;
    if (!was)
        kn_error_public (error, KN_ERROR_NOT_FOUND,
                         "Project %s is not on the access list of flavor %s.", project,
                         flavor->flavor_id);
    return was;
}

typedef struct {
    const char *name;
    bool (*run) (KnDb *db, const KnFlavor *flavor, const char *project, GError **error);
} AccessAction;

static const AccessAction actions[] = {
    { "addTenantAccess", add_access },
    { "removeTenantAccess", remove_access },
};

static const AccessAction *
find_action (const json_t *body, GError **error)
{
    for (gsize i = 0; json_object_size (body) == 1 && i < G_N_ELEMENTS (actions); i++)
        if (json_object_get (body, actions[i].name))
            return &actions[i];
    kn_error_public (error, KN_ERROR_BAD_REQUEST,
                     "The body must be addTenantAccess or removeTenantAccess.");
    return NULL;
}

static bool
access_action (KnRequest *req, GError **error)
{
    AccessSpec spec = { .tenant = NULL };
    const json_t *body = kn_request_json (req, error);
    const AccessAction *action = body ? find_action (body, error) : NULL;
    const json_t *object = action ? kn_json_unwrap (body, action->name, error) : NULL;
    KnDb *db = object ? kn_flavor_db (req, error) : NULL;
    g_autoptr (KnFlavor) flavor = NULL;

    if (!db || !kn_json_read (object, action->name, &access_shape, &spec, error))
        return false;
    flavor = kn_flavor_of (req, db, error);
    return flavor && action->run (db, flavor, spec.tenant, error)
           && reply_access (req, db, flavor, error);
}

static const KnRoute routes_of_access[] = {
    { "GET", "/v2.1/flavors/{id}/os-flavor-access", access_list, KN_ROLE_ADMIN, KN_WORKER },
    { "POST", "/v2.1/flavors/{id}/action", access_action, KN_ROLE_ADMIN, KN_WORKER, 16 * KIB },
};

void
kn_flavor_access_add_routes (GArray *routes)
{
    g_array_append_vals (routes, routes_of_access, G_N_ELEMENTS (routes_of_access));
}
