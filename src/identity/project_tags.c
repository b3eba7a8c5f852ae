/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of projects, and their routes. */
#include "identity/project_tags.h"

#include "base/error.h"
#include "base/util.h"

#include <string.h>

#define MAX_TAG 255

KN_STMT (TAG_LIST, "SELECT name FROM project_tags WHERE project_id = ? ORDER BY name");
KN_STMT (TAG_INSERT, "INSERT INTO project_tags (project_id, name) VALUES (?, ?)");
KN_STMT (TAG_REMOVE, "DELETE FROM project_tags WHERE project_id = ? AND name = ?");
KN_STMT (TAG_CLEAR, "DELETE FROM project_tags WHERE project_id = ?");

GPtrArray *
kn_project_tags_list (KnDb *db, const char *project_id, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &TAG_LIST, KN_BIND (kn_text (project_id)), error);

    return kn_rows_list_texts (rows, error);
}

static bool
check_tag (const char *tag, GError **error)
{
    if (tag && *tag && g_utf8_strlen (tag, -1) <= MAX_TAG && !strpbrk (tag, ",/"))
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST,
                     "A tag has 1 to %d characters, without comma and slash.", MAX_TAG);
    return false;
}

bool
kn_project_tags_check (const json_t *tags, GError **error)
{
    const json_t *tag;
    gsize i;

    if (!json_is_array (tags) || json_array_size (tags) > KN_PROJECT_MAX_TAGS) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "Invalid input for field 'tags': it must be a list of at most %d strings.",
                         KN_PROJECT_MAX_TAGS);
        return false;
    }
    json_array_foreach (tags, i, tag) {
        if (!check_tag (json_string_value (tag), error))
            return false;
    }
    return true;
}

bool
kn_project_tags_replace (KnDb *db, const char *project_id, const json_t *tags, GError **error)
{
    g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
    const json_t *tag;
    gsize i;

    if (!kn_db_exec (db, &TAG_CLEAR, KN_BIND (kn_text (project_id)), NULL, error))
        return false;
    json_array_foreach (tags, i, tag) {
        const char *name = json_string_value (tag);

        if (g_hash_table_add (seen, (gpointer)name)
            && !kn_db_exec (db, &TAG_INSERT, KN_BIND (kn_text (project_id), kn_text (name)), NULL,
                            error))
            return false;
    }
    return true;
}

bool
kn_project_tags_write (KnJw *w, KnDb *db, const char *project_id, GError **error)
{
    g_autoptr (GPtrArray) tags = kn_project_tags_list (db, project_id, error);

    if (!tags)
        return false;
    kn_jw_array_member (w, "tags");
    for (guint i = 0; i < tags->len; i++)
        kn_jw_string (w, g_ptr_array_index (tags, i));
    kn_jw_end (w);
    return true;
}

static KnEntity *
load_project (KnRequest *req, KnDb **out_db, GError **error)
{
    const KnIdentity *identity = kn_request_service (req);

    *out_db = kn_db_thread (identity->db, error);
    return *out_db ? kn_entity_load (*out_db, &kn_projects, kn_request_param (req, "id"), error)
                   : NULL;
}

static bool
reply_tags (KnRequest *req, KnDb *db, const char *project_id, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    if (!kn_project_tags_write (w, db, project_id, error))
        return false;
    kn_jw_object_member (w, "links");
    kn_jw_format_member (w, "self", "%s/v3/projects/%s/tags", kn_request_base_url (req),
                         project_id);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static bool
show_tags (KnRequest *req, GError **error)
{
    KnDb *db;
    g_autoptr (KnEntity) project = load_project (req, &db, error);

    return project && reply_tags (req, db, project->id, error);
}

typedef struct {
    const char *project_id;
    const json_t *tags;
} TagChange;

static bool
replace_in_txn (KnDb *db, gpointer data, GError **error)
{
    const TagChange *change = data;

    return kn_project_tags_replace (db, change->project_id, change->tags, error);
}

static bool
put_tags (KnRequest *req, GError **error)
{
    const json_t *body = kn_request_json (req, error);
    const json_t *tags = body ? json_object_get (body, "tags") : NULL;
    KnDb *db;
    g_autoptr (KnEntity) project = body ? load_project (req, &db, error) : NULL;

    return project && kn_project_tags_check (tags, error)
           && kn_db_txn (db, replace_in_txn, &(TagChange){ project->id, tags }, error)
           && reply_tags (req, db, project->id, error);
}

static bool
clear_tags (KnRequest *req, GError **error)
{
    KnDb *db;
    g_autoptr (KnEntity) project = load_project (req, &db, error);

    return project && kn_db_exec (db, &TAG_CLEAR, KN_BIND (kn_text (project->id)), NULL, error);
}

static bool
has_tag (KnDb *db, const char *project_id, const char *tag, bool *out_has, GError **error)
{
    g_autoptr (GPtrArray) tags = kn_project_tags_list (db, project_id, error);

    if (!tags)
        return false;
    *out_has = false;
    for (guint i = 0; i < tags->len; i++)
        *out_has = *out_has || strcmp (g_ptr_array_index (tags, i), tag) == 0;
    return true;
}

static bool
no_tag (GError **error)
{
    kn_error_public (error, KN_ERROR_NOT_FOUND, "The project does not have this tag.");
    return false;
}

static bool
check_one_tag (KnRequest *req, GError **error)
{
    KnDb *db;
    g_autoptr (KnEntity) project = load_project (req, &db, error);
    bool has;

    if (!project || !has_tag (db, project->id, kn_request_param (req, "tag"), &has, error))
        return false;
    return has || no_tag (error);
}

static bool
put_one_tag (KnRequest *req, GError **error)
{
    const char *tag = kn_request_param (req, "tag");
    KnDb *db;
    g_autoptr (KnEntity) project = load_project (req, &db, error);
    bool has;

    if (!project || !check_tag (tag, error) || !has_tag (db, project->id, tag, &has, error))
        return false;
    if (!has
        && !kn_db_exec (db, &TAG_INSERT, KN_BIND (kn_text (project->id), kn_text (tag)), NULL,
                        error))
        return false;
    kn_request_reply_empty (req, 201);
    return true;
}

static bool
remove_one_tag (KnRequest *req, GError **error)
{
    KnDb *db;
    g_autoptr (KnEntity) project = load_project (req, &db, error);
    gint64 changed;

    if (!project
        || !kn_db_exec (db, &TAG_REMOVE,
                        KN_BIND (kn_text (project->id), kn_text (kn_request_param (req, "tag"))),
                        &changed, error))
        return false;
    return changed > 0 || no_tag (error);
}

static const KnRoute routes[] = {
    { "GET", "/v3/projects/{id}/tags", show_tags, .role = KN_ROLE_ADMIN, .run = KN_WORKER },
    { "PUT", "/v3/projects/{id}/tags", put_tags, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .max_body = 64 * KIB },
    { "DELETE", "/v3/projects/{id}/tags", clear_tags, .role = KN_ROLE_ADMIN, .run = KN_WORKER },
    { "GET", "/v3/projects/{id}/tags/{tag}", check_one_tag, .role = KN_ROLE_ADMIN,
      .run = KN_WORKER },
    { "PUT", "/v3/projects/{id}/tags/{tag}", put_one_tag, .role = KN_ROLE_ADMIN, .run = KN_WORKER },
    { "DELETE", "/v3/projects/{id}/tags/{tag}", remove_one_tag, .role = KN_ROLE_ADMIN,
      .run = KN_WORKER },
};
const KnRouteTable kn_identity_tag_routes = { routes, G_N_ELEMENTS (routes) };
