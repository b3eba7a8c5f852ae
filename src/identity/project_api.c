/* SPDX-License-Identifier: Apache-2.0 */
/* Projects. */
#include "base/error.h"
#include "base/id.h"
#include "base/time.h"
#include "base/util.h"
#include "identity/assignment_store.h"
#include "identity/entity.h"
#include "identity/project_properties.h"
#include "identity/project_tags.h"

#include <string.h>

#define MAX_DEPTH 5

#define COLUMNS "SELECT id, name, domain_id, parent_id, description, enabled, extra FROM projects "
KN_STMT (PROJECT_INSERT,
         "INSERT INTO projects (id, name, domain_id, parent_id, description, enabled,"
         " extra, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
KN_STMT (PROJECT_UPDATE, "UPDATE projects SET name = ?, domain_id = ?, parent_id = ?,"
                         " description = ?, enabled = ?, extra = ? WHERE id = ?");
KN_STMT (PROJECT_SELECT, COLUMNS "WHERE id = ?");
KN_STMT (PROJECT_LIST, COLUMNS "ORDER BY name, id");
KN_STMT (PROJECT_REMOVE, "DELETE FROM projects WHERE id = ?");
KN_STMT (PROJECT_CHILDREN, "SELECT id FROM projects WHERE parent_id = ? ORDER BY id");
KN_STMT (PROJECT_CHILD, "SELECT 1 FROM projects WHERE parent_id = ? LIMIT 1");
KN_STMT (PROJECT_EXPIRE_TOKENS, "UPDATE projects SET tokens_valid_after_us = ? WHERE id = ?");

/* --- rules --- */

static bool
project_prepare (KnRequest *req, KnEntity *entity, const KnEntity *old, GError **error)
{
    const json_t *tags = json_object_get (entity->body, "tags");
    const KnAuth *auth = kn_request_auth (req);
    const char *domain = auth->domain_id ? auth->domain_id : auth->user_domain_id;

    if (!old && !kn_entity_get (entity, "domain_id"))
        kn_entity_take (entity, "domain_id", g_strdup (domain));
    return (!tags || kn_project_tags_check (tags, error))
           && kn_project_properties_check (entity->body, error);
}

/* A parent is the domain, or a project of the same domain that is not nested too deeply. */
static bool
check_parent (KnDb *db, const KnEntity *entity, GError **error)
{
    const char *domain_id = kn_entity_get (entity, "domain_id");
    g_autofree char *next = g_strdup (kn_entity_get (entity, "parent_id"));

    for (guint depth = 1; strcmp (next, domain_id) != 0; depth++) {
        g_autoptr (KnEntity) parent = kn_entity_load (db, &kn_projects, next, error);

        if (!parent)
            return false;
        if (strcmp (kn_entity_get (parent, "domain_id"), domain_id) != 0 || depth == MAX_DEPTH) {
            kn_error_public (error, depth == MAX_DEPTH ? KN_ERROR_FORBIDDEN : KN_ERROR_BAD_REQUEST,
                             depth == MAX_DEPTH ? "The project is nested too deeply."
                                                : "The parent is in another domain.");
            return false;
        }
        g_free (next);
        next = g_strdup (kn_entity_get (parent, "parent_id"));
    }
    return true;
}

static bool
project_check (KnDb *db, KnEntity *entity, const KnEntity *old, GError **error)
{
    g_autoptr (KnEntity) domain = NULL;

    if (old)
        return true;
    domain = kn_entity_load (db, &kn_domains, kn_entity_get (entity, "domain_id"), error);
    if (!domain)
        return false;
    if (!kn_entity_get (entity, "parent_id"))
        kn_entity_take (entity, "parent_id", g_strdup (domain->id));
    return check_parent (db, entity, error);
}

static bool
project_written (KnDb *db, const KnEntity *entity, const KnEntity *old, GError **error)
{
    const json_t *tags = json_object_get (entity->body, "tags");

    if (tags && !kn_project_tags_replace (db, entity->id, tags, error))
        return false;
    /* Tokens from before do not come back when it is enabled again. */
    return !old || strcmp (kn_entity_get (entity, "enabled"), "0") != 0
           || kn_db_exec (db, &PROJECT_EXPIRE_TOKENS,
                          KN_BIND (kn_int (kn_time_now ()), kn_text (entity->id)), NULL, error);
}

static bool
project_removing (KnDb *db, const KnEntity *entity, GError **error)
{
    g_autoptr (GError) local = NULL;
    bool has_child;

    {
        g_autoptr (KnRows) rows
            = kn_db_query (db, &PROJECT_CHILD, KN_BIND (kn_text (entity->id)), error);

        if (!rows)
            return false;
        has_child = kn_rows_next (rows, &local);
    }
    if (local) {
        g_propagate_error (error, g_steal_pointer (&local));
        return false;
    }
    if (has_child) {
        kn_error_public (error, KN_ERROR_FORBIDDEN,
                         "The project has others below it; delete those first.");
        return false;
    }
    return kn_assignments_forget_target (db, "project", entity->id, error);
}

/* --- views --- */

typedef struct {
    KnJw *w;
    KnRequest *req;
    KnDb *db;
} View;

static bool
write_wrapped (const View *view, const KnEntity *project, GError **error)
{
    kn_jw_object (view->w);
    kn_jw_key (view->w, "project");
    if (!kn_entity_write (view->w, view->req, view->db, project, error))
        return false;
    kn_jw_end (view->w);
    return true;
}

/* The projects above, as a list of projects or as nested ids. */
static bool
write_parents (const View *view, const KnEntity *entity, bool as_ids, GError **error)
{
    g_autofree char *next = g_strdup (kn_entity_get (entity, "parent_id"));
    guint open = 0;

    if (as_ids)
        kn_jw_key (view->w, "parents");
    else
        kn_jw_array_member (view->w, "parents");
    while (next) {
        g_autoptr (GError) local = NULL;
        g_autoptr (KnEntity) parent = kn_entity_find (view->db, &kn_projects, next, &local);

        if (local) {
            g_propagate_error (error, g_steal_pointer (&local));
            return false;
        }
        if (as_ids) {
            kn_jw_object (view->w);
            kn_jw_key (view->w, next);
            open++;
        }
        if (!parent)
            break;
        if (!as_ids && !write_wrapped (view, parent, error))
            return false;
        g_free (next);
        next = g_strdup (kn_entity_get (parent, "parent_id"));
    }
    if (as_ids)
        kn_jw_null (view->w);
    else
        kn_jw_end (view->w);
    for (; open > 0; open--)
        kn_jw_end (view->w);
    return true;
}

static GPtrArray *
list_children (KnDb *db, const char *id, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &PROJECT_CHILDREN, KN_BIND (kn_text (id)), error);

    return kn_rows_list_texts (rows, error);
}

/* The value of "subtree": nested ids, null where nothing is below. Depth is bounded by check_parent(). */
static bool
write_subtree_ids (const View *view, const char *id, GError **error)
{
    g_autoptr (GPtrArray) ids = list_children (view->db, id, error);

    if (!ids)
        return false;
    if (ids->len == 0) {
        kn_jw_null (view->w);
        return true;
    }
    kn_jw_object (view->w);
    for (guint i = 0; i < ids->len; i++) {
        kn_jw_key (view->w, g_ptr_array_index (ids, i));
        if (!write_subtree_ids (view, g_ptr_array_index (ids, i), error))
            return false;
    }
    kn_jw_end (view->w);
    return true;
}

static bool
write_subtree_list (const View *view, const char *id, GError **error)
{
    g_autoptr (GPtrArray) ids = list_children (view->db, id, error);

    if (!ids)
        return false;
    for (guint i = 0; i < ids->len; i++) {
        g_autoptr (KnEntity) child
            = kn_entity_load (view->db, &kn_projects, g_ptr_array_index (ids, i), error);

        if (!child || !write_wrapped (view, child, error)
            || !write_subtree_list (view, child->id, error))
            return false;
    }
    return true;
}

static bool
write_hierarchy (const View *view, const KnEntity *entity, GError **error)
{
    if (kn_request_query (view->req, "parents_as_list")
        && !write_parents (view, entity, false, error))
        return false;
    if (kn_request_query (view->req, "parents_as_ids")
        && !write_parents (view, entity, true, error))
        return false;
    if (kn_request_query (view->req, "subtree_as_list")) {
        kn_jw_array_member (view->w, "subtree");
        if (!write_subtree_list (view, entity->id, error))
            return false;
        kn_jw_end (view->w);
    } else if (kn_request_query (view->req, "subtree_as_ids")) {
        kn_jw_key (view->w, "subtree");
        if (!write_subtree_ids (view, entity->id, error))
            return false;
    }
    return true;
}

/* Only the project that was asked for shows what is above and below. */
static bool
is_subject (KnRequest *req, const KnEntity *entity)
{
    return strcmp (kn_request_method (req), "GET") == 0
           && g_str_has_suffix (kn_request_path (req), entity->id);
}

static bool
project_write_more (KnJw *w, KnRequest *req, KnDb *db, const KnEntity *entity, GError **error)
{
    kn_jw_bool_member (w, "is_domain", false);
    if (!strstr (entity->extra, "\"options\"")) {
        kn_jw_object_member (w, "options");
        kn_jw_end (w);
    }
    if (!kn_project_tags_write (w, db, entity->id, error))
        return false;
    return !is_subject (req, entity) || write_hierarchy (&(View){ w, req, db }, entity, error);
}

/* Whether the project has all (or, without @all, one) of the comma-separated tags. */
static bool
has_tags (const GPtrArray *tags, const char *wanted, bool all)
{
    g_auto (GStrv) names = g_strsplit (wanted, ",", KN_PROJECT_MAX_TAGS);

    for (char **name = names; *name; name++) {
        bool found = false;

        for (guint i = 0; i < tags->len && !found; i++)
            found = strcmp (g_ptr_array_index (tags, i), *name) == 0;
        if (found != all)
            return !all;
    }
    return all;
}

static bool
project_matches (KnRequest *req, KnDb *db, const KnEntity *entity)
{
    static const struct {
        const char *name;
        bool all, wanted;
    } filters[] = {
        { "tags", true, true },
        { "tags-any", false, true },
        { "not-tags", true, false },
        { "not-tags-any", false, false },
    };
    for (guint i = 0; i < G_N_ELEMENTS (filters); i++) {
        const char *wanted = kn_request_query (req, filters[i].name);
        g_autoptr (GPtrArray) tags = wanted ? kn_project_tags_list (db, entity->id, NULL) : NULL;

        if (tags && has_tags (tags, wanted, filters[i].all) != filters[i].wanted)
            return false;
    }
    return true;
}

static bool
project_may_show (KnRequest *req, const KnEntity *entity)
{
    return g_strcmp0 (kn_request_auth (req)->project_id, entity->id) == 0;
}

static const KnAttr project_attrs[] = {
    { "name", KN_ATTR_TEXT, 64, KN_ATTR_REQUIRED, NULL },
    { "domain_id", KN_ATTR_TEXT, 64, KN_ATTR_FIXED | KN_ATTR_NULLABLE, NULL },
    { "parent_id", KN_ATTR_TEXT, 64, KN_ATTR_FIXED | KN_ATTR_NULLABLE, NULL },
    { "description", KN_ATTR_TEXT, 4096, KN_ATTR_EMPTY, "" },
    { "enabled", KN_ATTR_BOOL, 0, 0, "1" },
};
static const char *const project_elsewhere[] = { "tags", "is_domain", "parents", "subtree", NULL };

const KnResource kn_projects = {
    .singular = "project",
    .plural = "projects",
    .attrs = project_attrs,
    .n_attrs = G_N_ELEMENTS (project_attrs),
    .insert = &PROJECT_INSERT,
    .update = &PROJECT_UPDATE,
    .select = &PROJECT_SELECT,
    .list = &PROJECT_LIST,
    .remove = &PROJECT_REMOVE,
    .new_id = kn_id_hex32,
    .elsewhere = project_elsewhere,
    .prepare = project_prepare,
    .check = project_check,
    .written = project_written,
    .removing = project_removing,
    .write_more = project_write_more,
    .matches = project_matches,
    .may_show = project_may_show,
};

/* --- the project routes: domains are projects too --- */

/* What the path's id is. */
static bool
find_kind (KnRequest *req, const KnResource **out_kind, GError **error)
{
    const KnIdentity *identity = kn_request_service (req);
    KnDb *db = kn_db_thread (identity->db, error);
    g_autoptr (GError) local = NULL;
    g_autoptr (KnEntity) domain
        = db ? kn_entity_find (db, &kn_domain_projects, kn_request_param (req, "id"), &local)
             : NULL;

    const bool failed = local != NULL;

    if (failed)
        g_propagate_error (error, g_steal_pointer (&local));
    else if (db)
        *out_kind = domain ? &kn_domain_projects : &kn_projects;
    return db && !failed;
}

static bool
create_project (KnRequest *req, GError **error)
{
    const json_t *document = kn_request_json (req, error);
    const json_t *body = json_object_get (document, "project");

    return document
           && kn_entity_do_create (req,
                                   json_is_true (json_object_get (body, "is_domain"))
                                       ? &kn_domain_projects
                                       : &kn_projects,
                                   error);
}

static bool
list_projects (KnRequest *req, GError **error)
{
    const char *text = kn_request_query (req, "is_domain");
    bool domains = false;

    return kn_entity_do_list (
        req,
        text && (!kn_parse_bool (text, &domains) || domains) ? &kn_domain_projects : &kn_projects,
        error);
}

static bool
show_project (KnRequest *req, GError **error)
{
    const KnResource *kind;

    return find_kind (req, &kind, error) && kn_entity_do_show (req, kind, error);
}

static bool
update_project (KnRequest *req, GError **error)
{
    const KnResource *kind;

    return find_kind (req, &kind, error) && kn_entity_do_update (req, kind, error);
}

static bool
remove_project (KnRequest *req, GError **error)
{
    const KnResource *kind;

    return find_kind (req, &kind, error) && kn_entity_do_remove (req, kind, error);
}

static const KnRoute routes[] = {
    { "GET", "/v3/projects", list_projects, .role = KN_ROLE_ADMIN, .run = KN_WORKER },
    { "POST", "/v3/projects", create_project, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .max_body = 64 * KIB },
    { "GET", "/v3/projects/{id}", show_project, .role = KN_ROLE_TOKEN, .run = KN_WORKER },
    { "PATCH", "/v3/projects/{id}", update_project, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .max_body = 64 * KIB },
    { "DELETE", "/v3/projects/{id}", remove_project, .role = KN_ROLE_ADMIN, .run = KN_WORKER },
};
const KnRouteTable kn_identity_project_routes = { routes, G_N_ELEMENTS (routes) };
