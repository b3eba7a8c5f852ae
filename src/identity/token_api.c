/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of tokens and of what the caller may reach with them. */
#include "base/error.h"
#include "base/time.h"
#include "base/util.h"
#include "identity/auth.h"

#include <string.h>

#define MAX_AUTH_BODY (16 * KIB)
#define MAX_PASSWORD 4096

/* One text for each method, in the order of the KN_METHOD_* bits. */
static const char *const method_names[] = { "password", "token", "application_credential", NULL };

/* {"id": …} or {"name": …, "domain": {"id": …} or {"name": …}} */
typedef struct {
    guint64 present;
    const char *id, *name;
    json_t *domain;
    const char *password;
} NameSpec;

static const KnJField name_fields[] = {
    { "id", KN_J_STRING, offsetof (NameSpec, id), .min = 1, .max = 64, .flags = KN_J_OPTIONAL },
    { "name", KN_J_STRING, offsetof (NameSpec, name), .min = 1, .max = 255,
      .flags = KN_J_OPTIONAL },
    { "domain", KN_J_OBJECT, offsetof (NameSpec, domain), .flags = KN_J_OPTIONAL },
    { "password", KN_J_STRING, offsetof (NameSpec, password), .max = MAX_PASSWORD,
      .flags = KN_J_OPTIONAL },
};
static const KnJShape name_shape
    = { name_fields, G_N_ELEMENTS (name_fields), offsetof (NameSpec, present), false };

typedef struct {
    guint64 present;
    json_t *identity, *scope;
} AuthSpec;

static const KnJField auth_fields[] = {
    { "identity", KN_J_OBJECT, offsetof (AuthSpec, identity) },
    { "scope", KN_J_ANY, offsetof (AuthSpec, scope), .flags = KN_J_OPTIONAL },
};
static const KnJShape auth_shape
    = { auth_fields, G_N_ELEMENTS (auth_fields), offsetof (AuthSpec, present), false };

typedef struct {
    guint64 present;
    json_t *methods, *password, *token, *credential;
} IdentitySpec;

static const KnJField identity_fields[] = {
    { "methods", KN_J_ARRAY, offsetof (IdentitySpec, methods), .min = 1, .max = 3 },
    { "password", KN_J_OBJECT, offsetof (IdentitySpec, password), .flags = KN_J_OPTIONAL },
    { "token", KN_J_OBJECT, offsetof (IdentitySpec, token), .flags = KN_J_OPTIONAL },
    { "application_credential", KN_J_OBJECT, offsetof (IdentitySpec, credential),
      .flags = KN_J_OPTIONAL },
};
static const KnJShape identity_shape
    = { identity_fields, G_N_ELEMENTS (identity_fields), offsetof (IdentitySpec, present), false };

/* @needs_domain: a name is unique only within its domain. */
static bool
read_name (const json_t *object, const char *where, bool needs_domain, KnAuthName *out_name,
           const char **out_password, GError **error)
{
    NameSpec spec = { 0 }, domain = { 0 };

    if (!kn_json_read (object, where, &name_shape, &spec, error))
        return false;
    if (spec.domain && !kn_json_read (spec.domain, "domain", &name_shape, &domain, error))
        return false;
    if (!spec.id && (!spec.name || (needs_domain && !domain.id && !domain.name))) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "'%s' needs an id%s.", where,
                         needs_domain ? ", or a name with the domain's id or name" : " or a name");
        return false;
    }
    *out_name = (KnAuthName){ spec.id, spec.name, domain.id, domain.name };
    if (out_password)
        *out_password = spec.password;
    return true;
}

static bool
read_password_method (const IdentitySpec *spec, KnAuthWish *wish, GError **error)
{
    json_t *user = NULL;

    if (!spec->password)
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "'identity' needs 'password'.");
    else
        user = kn_json_unwrap (spec->password, "user", error);
    if (!user || !read_name (user, "user", true, &wish->user, &wish->password, error))
        return false;
    if (!wish->password) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "'user' needs a password.");
        return false;
    }
    return true;
}

static bool
read_token_method (const IdentitySpec *spec, KnAuthWish *wish, GError **error)
{
    wish->token = json_string_value (json_object_get (spec->token, "id"));
    if (wish->token)
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "'token' needs an id.");
    return false;
}

static bool
read_credential_method (const IdentitySpec *spec, KnAuthWish *wish, GError **error)
{
    const json_t *user = json_object_get (spec->credential, "user");

    wish->credential.id = json_string_value (json_object_get (spec->credential, "id"));
    wish->credential.name = json_string_value (json_object_get (spec->credential, "name"));
    wish->secret = json_string_value (json_object_get (spec->credential, "secret"));
    if (wish->secret && (wish->credential.id || (wish->credential.name && user)))
        return wish->credential.id || read_name (user, "user", true, &wish->user, NULL, error);
    kn_error_public (error, KN_ERROR_BAD_REQUEST,
                     "'application_credential' needs a secret, and an id or a name with its user.");
    return false;
}

static bool
read_methods (const IdentitySpec *spec, KnAuthWish *wish, GError **error)
{
    const json_t *element;
    gsize index;

    json_array_foreach (spec->methods, index, element) {
        const char *name = json_string_value (element);

        if (name && strcmp (name, "password") == 0)
            wish->methods |= KN_METHOD_PASSWORD;
        else if (name && strcmp (name, "token") == 0)
            wish->methods |= KN_METHOD_TOKEN;
        else if (name && strcmp (name, "application_credential") == 0)
            wish->methods |= KN_METHOD_APPLICATION_CREDENTIAL;
        else {
            kn_error_public (error, KN_ERROR_UNAUTHORIZED, "Authentication by '%s' is not offered.",
                             name ? name : "");
            return false;
        }
    }
    if ((wish->methods & KN_METHOD_PASSWORD) && !read_password_method (spec, wish, error))
        return false;
    if ((wish->methods & KN_METHOD_APPLICATION_CREDENTIAL)
        && !read_credential_method (spec, wish, error))
        return false;
    return !(wish->methods & KN_METHOD_TOKEN) || read_token_method (spec, wish, error);
}

/* "unscoped", {"project": …} or {"domain": …}. */
static bool
read_scope (const json_t *scope, KnAuthWish *wish, GError **error)
{
    const json_t *project = json_object_get (scope, "project");
    const json_t *domain = json_object_get (scope, "domain");
    const char *word = json_string_value (scope);

    wish->has_scope = scope && !json_is_null (scope);
    if (!wish->has_scope || (word && strcmp (word, "unscoped") == 0)
        || json_object_get (scope, "unscoped"))
        return true;
    if (json_object_size (scope) == 1 && project) {
        wish->scope = KN_SCOPE_PROJECT;
        return read_name (project, "project", true, &wish->target, NULL, error);
    }
    if (json_object_size (scope) == 1 && domain) {
        wish->scope = KN_SCOPE_DOMAIN;
        return read_name (domain, "domain", false, &wish->target, NULL, error);
    }
    if (json_object_size (scope) == 1
        && json_is_true (json_object_get (json_object_get (scope, "system"), "all"))) {
        wish->scope = KN_SCOPE_SYSTEM;
        return true;
    }
    kn_error_public (
        error, KN_ERROR_BAD_REQUEST,
        "'scope' must hold exactly one of project, domain and system, or be \"unscoped\".");
    return false;
}

static bool
read_wish (KnRequest *req, KnAuthWish *wish, GError **error)
{
    const json_t *body = kn_request_json (req, error);
    const json_t *auth = body ? kn_json_unwrap (body, "auth", error) : NULL;
    AuthSpec spec = { 0 };
    IdentitySpec identity = { 0 };

    return auth && kn_json_read (auth, "auth", &auth_shape, &spec, error)
           && kn_json_read (spec.identity, "identity", &identity_shape, &identity, error)
           && read_methods (&identity, wish, error) && read_scope (spec.scope, wish, error);
}

static void
write_reference (KnJw *w, const char *key, const char *id, const char *name)
{
    kn_jw_object_member (w, key);
    kn_jw_string_member (w, "id", id);
    kn_jw_string_member (w, "name", name);
    kn_jw_end (w);
}

static void
write_user (KnJw *w, const KnAuthUser *user)
{
    kn_jw_object_member (w, "user");
    kn_jw_string_member (w, "id", user->id);
    kn_jw_string_member (w, "name", user->name);
    write_reference (w, "domain", user->domain_id, user->domain_name);
    kn_jw_null_member (w, "password_expires_at");
    kn_jw_end (w);
}

static void
write_scope (KnJw *w, const KnGrant *grant)
{
    if (grant->token.scope == KN_SCOPE_DOMAIN) {
        write_reference (w, "domain", grant->target->id, grant->target->name);
    } else if (grant->token.scope == KN_SCOPE_PROJECT) {
        kn_jw_object_member (w, "project");
        kn_jw_string_member (w, "id", grant->target->id);
        kn_jw_string_member (w, "name", grant->target->name);
        write_reference (w, "domain", grant->target->domain_id, grant->target->domain_name);
        kn_jw_end (w);
        kn_jw_bool_member (w, "is_domain", false);
    } else if (grant->token.scope == KN_SCOPE_SYSTEM) {
        kn_jw_object_member (w, "system");
        kn_jw_bool_member (w, "all", true);
        kn_jw_end (w);
    }
    if (*grant->token.credential_id != '\0') {
        kn_jw_object_member (w, "application_credential");
        kn_jw_string_member (w, "id", grant->token.credential_id);
        kn_jw_bool_member (w, "restricted", grant->delegated);
        kn_jw_end (w);
    }
}

static void
write_roles (KnJw *w, const GPtrArray *roles)
{
    kn_jw_array_member (w, "roles");
    for (guint i = 0; i < roles->len; i++) {
        const KnAuthRole *role = g_ptr_array_index (roles, i);

        kn_jw_object (w);
        kn_jw_string_member (w, "id", role->id);
        kn_jw_string_member (w, "name", role->name);
        kn_jw_end (w);
    }
    kn_jw_end (w);
}

static bool
write_token (KnJw *w, KnRequest *req, KnDb *db, const KnGrant *grant, GError **error)
{
    const KnToken *token = &grant->token;
    char time[KN_TIME_TEXT_MAX];

    kn_jw_object (w);
    kn_jw_object_member (w, "token");
    kn_jw_array_member (w, "methods");
    for (guint i = 0; method_names[i]; i++) {
        if (token->methods & (1U << i))
            kn_jw_string (w, method_names[i]);
    }
    kn_jw_end (w);
    write_user (w, grant->user);
    kn_jw_array_member (w, "audit_ids");
    kn_jw_string (w, token->audit_id);
    if (*token->parent_audit_id)
        kn_jw_string (w, token->parent_audit_id);
    kn_jw_end (w);
    kn_jw_string_member (w, "issued_at", kn_time_format (token->issued_us, KN_TIME_MICROS, time));
    kn_jw_string_member (w, "expires_at", kn_time_format (token->expires_us, KN_TIME_MICROS, time));
    write_scope (w, grant);
    if (grant->roles) {
        write_roles (w, grant->roles);

        const KnCatalogFor whom
            = { token->scope == KN_SCOPE_PROJECT ? grant->target->id : NULL, grant->user->id };

        if (!kn_request_query (req, "nocatalog")
            && !kn_identity_write_catalog (w, req, db, &whom, error))
            return false;
    }
    kn_jw_end (w);
    kn_jw_end (w);
    return true;
}

static bool
reply_token (KnRequest *req, KnDb *db, guint status, const KnGrant *grant, const char *text,
             GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!write_token (w, req, db, grant, error))
        return false;
    kn_request_add_header (req, "X-Subject-Token", text);
    kn_request_add_header (req, "Vary", "X-Auth-Token");
    kn_request_reply_json (req, status, w);
    return true;
}

static bool
create_token (KnRequest *req, GError **error)
{
    KnIdentity *identity = kn_request_service (req);
    KnDb *db = kn_db_thread (identity->db, error);
    g_auto (KnGrant) grant = { 0 };
    KnAuthWish wish = { 0 };

    if (!db || !read_wish (req, &wish, error)
        || !kn_auth_login (identity, db, &wish, &grant, error))
        return false;

    kn_autosecret text = kn_token_seal (identity->keys, &grant.token);
    return reply_token (req, db, 201, &grant, text, error);
}

/* Resolves X-Subject-Token, which its owner and admins may ask for. Errors (public): NOT_FOUND, FORBIDDEN, BAD_REQUEST. */
static bool
resolve_subject (KnRequest *req, KnGrant *out_grant, const char **out_text, GError **error)
{
    KnIdentity *identity = kn_request_service (req);
    const char *text = kn_request_header (req, "X-Subject-Token");
    KnDb *db = kn_db_thread (identity->db, error);
    g_autoptr (GError) local = NULL;

    if (!db)
        return false;
    if (!text) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "The header X-Subject-Token is missing.");
        return false;
    }
    if (!kn_auth_resolve (identity, db, text, out_grant, &local)) {
        if (!g_error_matches (local, KN_ERROR, KN_ERROR_UNAUTHORIZED)) {
            g_propagate_error (error, g_steal_pointer (&local));
            return false;
        }
        kn_error_public (error, KN_ERROR_NOT_FOUND, "The token is not valid.");
        return false;
    }
    if (!kn_request_is_admin (req)
        && strcmp (out_grant->user->id, kn_request_auth (req)->user_id) != 0) {
        kn_error_public (error, KN_ERROR_FORBIDDEN, "Only admins may look at others' tokens.");
        return false;
    }
    *out_text = text;
    return true;
}

static bool
validate_token (KnRequest *req, GError **error)
{
    KnIdentity *identity = kn_request_service (req);
    KnDb *db = kn_db_thread (identity->db, error);
    g_auto (KnGrant) grant = { 0 };
    const char *text;

    return db && resolve_subject (req, &grant, &text, error)
           && reply_token (req, db, 200, &grant, text, error);
}

static bool
revoke_token (KnRequest *req, GError **error)
{
    KnIdentity *identity = kn_request_service (req);
    KnDb *db = kn_db_thread (identity->db, error);
    g_auto (KnGrant) grant = { 0 };
    const char *text;

    if (!db || !resolve_subject (req, &grant, &text, error)
        || !kn_auth_store_revoke (db, grant.token.audit_id, grant.token.expires_us, kn_time_now (),
                                  error))
        return false;
    kn_request_reply_empty (req, 204);
    return true;
}

static bool
show_catalog (KnRequest *req, GError **error)
{
    const KnIdentity *identity = kn_request_service (req);
    const KnAuth *auth = kn_request_auth (req);
    KnDb *db = kn_db_thread (identity->db, error);
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!db)
        return false;
    if (auth->role == KN_ROLE_TOKEN && !auth->project_id && !auth->domain_id) {
        kn_error_public (error, KN_ERROR_FORBIDDEN, "An unscoped token has no catalog.");
        return false;
    }
    kn_jw_object (w);
    if (!kn_identity_write_catalog (w, req, db, &(KnCatalogFor){ auth->project_id, auth->user_id },
                                    error))
        return false;
    kn_jw_object_member (w, "links");
    kn_jw_format_member (w, "self", "%s/v3/auth/catalog", kn_request_base_url (req));
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static const KnRoute routes[] = {
    { "POST", "/v3/auth/tokens", create_token, .role = KN_ROLE_NONE, .run = KN_HEAVY,
      .max_body = MAX_AUTH_BODY },
    { "GET", "/v3/auth/tokens", validate_token, .role = KN_ROLE_TOKEN, .run = KN_INLINE },
    { "DELETE", "/v3/auth/tokens", revoke_token, .role = KN_ROLE_TOKEN, .run = KN_WORKER },
    { "GET", "/v3/auth/catalog", show_catalog, .role = KN_ROLE_TOKEN, .run = KN_INLINE },
};
const KnRouteTable kn_identity_token_routes = { routes, G_N_ELEMENTS (routes) };
