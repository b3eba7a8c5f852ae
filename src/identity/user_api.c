/* SPDX-License-Identifier: Apache-2.0 */
/* Users, their passwords, and what they belong to. */
#include "base/error.h"
#include "base/id.h"
#include "base/time.h"
#include "base/util.h"
#include "identity/assignment_store.h"
#include "identity/entity.h"

#include <string.h>

#define MAX_PASSWORD 4096

#define COLUMNS                                                                                    \
    "SELECT id, name, domain_id, default_project_id, enabled, password_hash, extra FROM users "
KN_STMT (USER_INSERT, "INSERT INTO users (id, name, domain_id, default_project_id, enabled,"
                      " password_hash, extra, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
KN_STMT (USER_UPDATE, "UPDATE users SET name = ?, domain_id = ?, default_project_id = ?,"
                      " enabled = ?, password_hash = ?, extra = ? WHERE id = ?");
KN_STMT (USER_SELECT, COLUMNS "WHERE id = ?");
KN_STMT (USER_LIST, COLUMNS "ORDER BY name, id");
KN_STMT (USER_REMOVE, "DELETE FROM users WHERE id = ?");
KN_STMT (USER_EXPIRE_TOKENS, "UPDATE users SET tokens_valid_after_us = ? WHERE id = ?");
KN_STMT (USER_GROUPS, "SELECT group_id FROM group_members WHERE user_id = ? ORDER BY group_id");

/* --- rules --- */

static bool
hash_password (KnRequest *req, KnEntity *entity, GError **error)
{
    const KnIdentity *identity = kn_request_service (req);
    const char *password = kn_entity_get (entity, "password");
    char *hash;

    if (!password)
        return true;
    hash = kn_passwords_hash (identity->passwords, password, error);
    if (!hash)
        return false;
    kn_entity_take (entity, "password", hash);
    return true;
}

static bool
user_prepare (KnRequest *req, KnEntity *entity, const KnEntity *old, GError **error)
{
    const KnAuth *auth = kn_request_auth (req);

    if (!kn_entity_get (entity, "domain_id"))
        kn_entity_take (entity, "domain_id",
                        g_strdup (auth->domain_id ? auth->domain_id : auth->user_domain_id));
    return !kn_entity_is_given (entity, "password") || hash_password (req, entity, error);
}

static bool
user_check (KnDb *db, KnEntity *entity, const KnEntity *old, GError **error)
{
    g_autoptr (KnEntity) domain
        = old ? NULL : kn_entity_load (db, &kn_domains, kn_entity_get (entity, "domain_id"), error);

    return old || domain;
}

/* A new password or disabling ends all sessions, also for the time after enabling again. */
static bool
user_written (KnDb *db, const KnEntity *entity, const KnEntity *old, GError **error)
{
    const bool disabled = strcmp (kn_entity_get (entity, "enabled"), "0") == 0;

    if (!old || (!disabled && !kn_entity_is_given (entity, "password")))
        return true;
    return kn_db_exec (db, &USER_EXPIRE_TOKENS,
                       KN_BIND (kn_int (kn_time_now ()), kn_text (entity->id)), NULL, error);
}

static bool
user_removing (KnDb *db, const KnEntity *entity, GError **error)
{
    return kn_assignments_forget_actor (db, "user", entity->id, error);
}

static bool
user_write_more (KnJw *w, KnRequest *req, KnDb *db, const KnEntity *entity, GError **error)
{
    kn_jw_null_member (w, "password_expires_at");
    if (!strstr (entity->extra, "\"options\"")) {
        kn_jw_object_member (w, "options");
        kn_jw_end (w);
    }
    return true;
}

static bool
is_self (KnRequest *req, const char *user_id)
{
    return strcmp (kn_request_auth (req)->user_id, user_id) == 0;
}

static bool
user_may_show (KnRequest *req, const KnEntity *entity)
{
    return is_self (req, entity->id);
}

static const KnAttr user_attrs[] = {
    { "name", KN_ATTR_TEXT, 255, KN_ATTR_REQUIRED, NULL },
    { "domain_id", KN_ATTR_TEXT, 64, KN_ATTR_FIXED | KN_ATTR_NULLABLE, NULL },
    { "default_project_id", KN_ATTR_TEXT, 64, KN_ATTR_NULLABLE, NULL },
    { "enabled", KN_ATTR_BOOL, 0, 0, "1" },
    { "password", KN_ATTR_TEXT, MAX_PASSWORD, KN_ATTR_NULLABLE | KN_ATTR_SECRET, NULL },
};

static const char *const user_elsewhere[] = { "password_expires_at", "original_password", NULL };

const KnResource kn_users = {
    .singular = "user",
    .plural = "users",
    .attrs = user_attrs,
    .n_attrs = G_N_ELEMENTS (user_attrs),
    .insert = &USER_INSERT,
    .update = &USER_UPDATE,
    .select = &USER_SELECT,
    .list = &USER_LIST,
    .remove = &USER_REMOVE,
    .new_id = kn_id_hex32,
    .elsewhere = user_elsewhere,
    .prepare = user_prepare,
    .check = user_check,
    .written = user_written,
    .removing = user_removing,
    .write_more = user_write_more,
    .may_show = user_may_show,
};

/* --- what users do for themselves --- */

typedef struct {
    guint64 present;
    const char *password, *original;
} PasswordSpec;

static const KnJField password_fields[] = {
    { "password", KN_J_STRING, offsetof (PasswordSpec, password), .min = 1, .max = MAX_PASSWORD },
    { "original_password", KN_J_STRING, offsetof (PasswordSpec, original), .min = 0,
      .max = MAX_PASSWORD },
};
static const KnJShape password_shape
    = { password_fields, G_N_ELEMENTS (password_fields), offsetof (PasswordSpec, present), false };

/* Asks for the old password instead of a token, so that one can leave a terminal alone. */
static bool
change_password (KnRequest *req, GError **error)
{
    const KnIdentity *identity = kn_request_service (req);
    const json_t *document = kn_request_json (req, error);
    const json_t *body = document ? kn_json_unwrap (document, "user", error) : NULL;
    PasswordSpec spec = { 0 };
    KnDb *db = kn_db_thread (identity->db, error);
    g_autoptr (KnEntity) user = NULL;
    g_autoptr (KnEntity) old = NULL;
    g_autoptr (GError) local = NULL;
    char *hash;

    if (!db || !body || !kn_json_read (body, "user", &password_shape, &spec, error))
        return false;
    user = kn_entity_find (db, &kn_users, kn_request_param (req, "id"), &local);
    if (local) {
        g_propagate_error (error, g_steal_pointer (&local));
        return false;
    }
    const bool right = kn_passwords_verify (
        identity->passwords, user ? kn_entity_get (user, "password") : NULL, spec.original);
    if (!user || !right) {
        kn_error_public (error, KN_ERROR_UNAUTHORIZED,
                         "The request you have made requires authentication.");
        return false;
    }
    hash = kn_passwords_hash (identity->passwords, spec.password, error);
    if (!hash)
        return false;
    old = kn_entity_load (db, &kn_users, user->id, error);
    if (!old) {
        g_free (hash);
        return false;
    }
    kn_entity_take (user, "password", hash);
    user->given = G_MAXUINT;
    if (!kn_entity_update (db, user, old, error))
        return false;
    kn_request_reply_empty (req, 204);
    return true;
}

/* The user of the path, for himself or an admin. */
static KnEntity *
load_own (KnRequest *req, KnDb **out_db, GError **error)
{
    const KnIdentity *identity = kn_request_service (req);
    const char *id = kn_request_param (req, "id");

    *out_db = kn_db_thread (identity->db, error);
    if (!*out_db)
        return NULL;
    if (!kn_request_is_admin (req) && !is_self (req, id)) {
        kn_error_public (error, KN_ERROR_FORBIDDEN,
                         "You are not authorized to perform the requested action.");
        return NULL;
    }
    return kn_entity_load (*out_db, &kn_users, id, error);
}

static bool
list_projects (KnRequest *req, GError **error)
{
    KnDb *db;
    g_autoptr (KnEntity) user = load_own (req, &db, error);

    return user && kn_identity_reply_reachable (req, db, user->id, KN_SCOPE_PROJECT, error);
}

static GPtrArray *
list_group_ids (KnDb *db, const char *user_id, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &USER_GROUPS, KN_BIND (kn_text (user_id)), error);

    return kn_rows_list_texts (rows, error);
}

static bool
list_groups (KnRequest *req, GError **error)
{
    KnDb *db;
    g_autoptr (KnEntity) user = load_own (req, &db, error);
    g_autoptr (GPtrArray) ids = user ? list_group_ids (db, user->id, error) : NULL;

    return ids && kn_identity_reply_entities (req, db, &kn_groups, ids, error);
}

static const KnRoute routes[] = {
    { "GET", "/v3/users", kn_entity_handle_list, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .data = &kn_users },
    { "POST", "/v3/users", kn_entity_handle_create, .role = KN_ROLE_ADMIN, .run = KN_HEAVY,
      .max_body = 64 * KIB, .data = &kn_users },
    { "GET", "/v3/users/{id}", kn_entity_handle_show, .role = KN_ROLE_TOKEN, .run = KN_WORKER,
      .data = &kn_users },
    { "PATCH", "/v3/users/{id}", kn_entity_handle_update, .role = KN_ROLE_ADMIN, .run = KN_HEAVY,
      .max_body = 64 * KIB, .data = &kn_users },
    { "DELETE", "/v3/users/{id}", kn_entity_handle_remove, .role = KN_ROLE_ADMIN, .run = KN_WORKER,
      .data = &kn_users },
    { "POST", "/v3/users/{id}/password", change_password, .role = KN_ROLE_NONE, .run = KN_HEAVY,
      .max_body = 16 * KIB },
    { "GET", "/v3/users/{id}/projects", list_projects, .role = KN_ROLE_TOKEN, .run = KN_WORKER },
    { "GET", "/v3/users/{id}/groups", list_groups, .role = KN_ROLE_TOKEN, .run = KN_WORKER },
};
const KnRouteTable kn_identity_user_routes = { routes, G_N_ELEMENTS (routes) };
