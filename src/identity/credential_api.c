/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of application credentials. */
#include "base/error.h"
#include "base/id.h"
#include "base/time.h"
#include "base/util.h"
#include "identity/auth_store.h"
#include "identity/credential_store.h"
#include "identity/entity.h"

#include <sodium.h>
#include <string.h>

#define SECRET_BYTES 48
#define MAX_SECRET 255

typedef struct {
    guint64 present;
    const char *name, *description, *secret, *expires_at;
    json_t *roles, *access_rules;
    bool unrestricted;
} CredentialSpec;

static const KnJField spec_fields[] = {
    { "name", KN_J_STRING, offsetof (CredentialSpec, name), .min = 1, .max = 255 },
    { "description", KN_J_STRING, offsetof (CredentialSpec, description), .max = 4096,
      .flags = KN_J_OPTIONAL | KN_J_NULLABLE },
    { "secret", KN_J_STRING, offsetof (CredentialSpec, secret), .min = 1, .max = MAX_SECRET,
      .flags = KN_J_OPTIONAL | KN_J_NULLABLE },
    { "expires_at", KN_J_STRING, offsetof (CredentialSpec, expires_at), .min = 1, .max = 64,
      .flags = KN_J_OPTIONAL | KN_J_NULLABLE },
    { "roles", KN_J_ARRAY, offsetof (CredentialSpec, roles), .max = 64,
      .flags = KN_J_OPTIONAL | KN_J_NULLABLE },
    { "unrestricted", KN_J_BOOL, offsetof (CredentialSpec, unrestricted),
      .flags = KN_J_OPTIONAL | KN_J_NULLABLE },
    { "access_rules", KN_J_ARRAY, offsetof (CredentialSpec, access_rules), .max = 64,
      .flags = KN_J_OPTIONAL | KN_J_NULLABLE },
};
static const KnJShape spec_shape
    = { spec_fields, G_N_ELEMENTS (spec_fields), offsetof (CredentialSpec, present), false };

/* --- who may --- */

static KnDb *
db_of (KnRequest *req, GError **error)
{
    const KnIdentity *identity = kn_request_service (req);

    return kn_db_thread (identity->db, error);
}

/* Admins may look and delete; making one is its user's own business. */
static bool
check_user (KnRequest *req, KnDb *db, bool own_only, GError **error)
{
    const char *user_id = kn_request_param (req, "id");
    g_autoptr (KnEntity) user = NULL;

    if (strcmp (kn_request_auth (req)->user_id, user_id) != 0
        && (own_only || !kn_request_is_admin (req))) {
        kn_error_public (error, KN_ERROR_FORBIDDEN,
                         "You are not authorized to perform the requested action.");
        return false;
    }
    user = kn_entity_load (db, &kn_users, user_id, error);
    return user != NULL;
}

/* A program that was given a credential may not make itself more of them, unless it was told so. */
static bool
check_delegated (KnRequest *req, GError **error)
{
    if (!kn_request_auth (req)->delegated)
        return true;
    kn_error_public (error, KN_ERROR_FORBIDDEN,
                     "An application credential that is not unrestricted cannot do this.");
    return false;
}

/* --- reading --- */

static bool
read_expiry (const CredentialSpec *spec, gint64 *out_expires_us, GError **error)
{
    if (!spec->expires_at)
        return true;
    if (kn_time_parse (spec->expires_at, out_expires_us) && *out_expires_us > kn_time_now ())
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST,
                     "Invalid input for field 'expires_at': it must be a time in the future.");
    return false;
}

static const KnAuthRole *
find_role (const GPtrArray *roles, const json_t *wanted)
{
    const char *id = json_string_value (json_object_get (wanted, "id"));
    const char *name = json_string_value (json_object_get (wanted, "name"));

    for (guint i = 0; i < roles->len; i++) {
        const KnAuthRole *role = g_ptr_array_index (roles, i);

        if ((id && strcmp (role->id, id) == 0) || (!id && name && strcmp (role->name, name) == 0))
            return role;
    }
    return NULL;
}

/* The roles that were asked for, which the user must have on the project; by default all of them. */
static bool
choose_roles (KnDb *db, const KnAuth *auth, const json_t *wanted, GPtrArray *out_ids,
              GError **error)
{
    g_autoptr (GError) local = NULL;
    g_autoptr (KnAuthTarget) project = kn_auth_store_find_project (db, auth->project_id, &local);
    g_autoptr (GPtrArray) roles
        = project ? kn_auth_store_list_roles (db, auth->user_id, KN_SCOPE_PROJECT, project, &local)
                  : NULL;
    const json_t *element;
    gsize index;

    if (local) {
        g_propagate_error (error, g_steal_pointer (&local));
        return false;
    }
    if (!roles) {
        kn_error_public (error, KN_ERROR_UNAUTHORIZED, "The token's project is gone.");
        return false;
    }
    for (guint i = 0; !wanted && i < roles->len; i++)
        g_ptr_array_add (out_ids, g_strdup (((KnAuthRole *)g_ptr_array_index (roles, i))->id));
    json_array_foreach (wanted, index, element) {
        const KnAuthRole *role = find_role (roles, element);

        if (!role) {
            kn_error_public (error, KN_ERROR_BAD_REQUEST,
                             "The user does not have one of the roles on this project.");
            return false;
        }
        g_ptr_array_add (out_ids, g_strdup (role->id));
    }
    return true;
}

static char *
make_secret (void)
{
    guint8 random[SECRET_BYTES];
    const gsize len
        = sodium_base64_encoded_len (sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *text = g_malloc (len);

    randombytes_buf (random, sizeof random);
    (void)sodium_bin2base64 (text, len, random, sizeof random,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return text;
}

/* --- writing --- */

static bool
write_credential (KnJw *w, KnRequest *req, KnDb *db, const KnCredential *c, const char *secret,
                  GError **error)
{
    g_autofree char *expires = kn_time_dup (c->expires_us, KN_TIME_MICROS);

    kn_jw_object (w);
    kn_jw_string_member (w, "id", c->id);
    kn_jw_string_member (w, "name", c->name);
    kn_jw_string_member (w, "description", c->description);
    kn_jw_string_member (w, "project_id", c->project_id);
    kn_jw_string_member (w, "user_id", c->user_id);
    kn_jw_null_member (w, "system");
    kn_jw_bool_member (w, "unrestricted", c->unrestricted);
    /* COMPAT: Keystone writes this time without the Z. */
    if (expires && g_str_has_suffix (expires, "Z"))
        expires[strlen (expires) - 1] = '\0';
    kn_jw_string_member (w, "expires_at", expires);
    if (secret)
        kn_jw_string_member (w, "secret", secret);
    kn_jw_array_member (w, "roles");
    for (guint i = 0; i < c->role_ids->len; i++) {
        g_autoptr (KnEntity) role
            = kn_entity_load (db, &kn_roles, g_ptr_array_index (c->role_ids, i), error);

        if (!role)
            return false;
        kn_jw_object (w);
        kn_jw_string_member (w, "id", role->id);
        kn_jw_string_member (w, "name", kn_entity_get (role, "name"));
        kn_jw_null_member (w, "domain_id");
        kn_jw_end (w);
    }
    kn_jw_end (w);
    kn_jw_object_member (w, "links");
    kn_jw_format_member (w, "self", "%s/v3/users/%s/application_credentials/%s",
                         kn_request_base_url (req), c->user_id, c->id);
    kn_jw_end (w);
    kn_jw_end (w);
    return true;
}

static bool
reply (KnRequest *req, KnDb *db, const KnCredential *c, guint status, const char *secret,
       GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_key (w, "application_credential");
    if (!write_credential (w, req, db, c, secret, error))
        return false;
    kn_jw_end (w);
    kn_request_reply_json (req, status, w);
    return true;
}

/* --- handlers --- */

static bool
check_spec (KnRequest *req, const CredentialSpec *spec, GError **error)
{
    if (json_array_size (spec->access_rules) > 0) {
        kn_error_public (error, KN_ERROR_NOT_IMPLEMENTED,
                         "Access rules of application credentials are not offered.");
        return false;
    }
    if (!kn_request_auth (req)->project_id) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "An application credential is made with a token of a project.");
        return false;
    }
    return true;
}

static bool
create_credential (KnRequest *req, GError **error)
{
    const KnIdentity *identity = kn_request_service (req);
    const KnAuth *auth = kn_request_auth (req);
    const json_t *document = kn_request_json (req, error);
    const json_t *body
        = document ? kn_json_unwrap (document, "application_credential", error) : NULL;
    CredentialSpec spec = { 0 };
    KnDb *db = db_of (req, error);
    g_autoptr (KnCredential) c = g_new0 (KnCredential, 1);
    kn_autosecret secret = NULL;

    c->role_ids = g_ptr_array_new_with_free_func (g_free);
    if (!db || !body || !check_user (req, db, true, error) || !check_delegated (req, error)
        || !kn_json_read (body, "application_credential", &spec_shape, &spec, error)
        || !check_spec (req, &spec, error) || !read_expiry (&spec, &c->expires_us, error)
        || !choose_roles (db, auth, spec.roles, c->role_ids, error))
        return false;

    secret = spec.secret ? g_strdup (spec.secret) : make_secret ();
    c->secret_hash = kn_passwords_hash (identity->passwords, secret, error);
    if (!c->secret_hash)
        return false;
    c->id = kn_id_hex32 ();
    c->user_id = g_strdup (auth->user_id);
    c->project_id = g_strdup (auth->project_id);
    c->name = g_strdup (spec.name);
    c->description = g_strdup (spec.description);
    c->unrestricted = spec.unrestricted;
    return kn_credential_create (db, c, error) && reply (req, db, c, 201, secret, error);
}

static bool
list_credentials (KnRequest *req, GError **error)
{
    KnDb *db = db_of (req, error);
    const char *name = kn_request_query (req, "name");
    g_autoptr (GPtrArray) list = db && check_user (req, db, false, error)
                                     ? kn_credential_list (db, kn_request_param (req, "id"), error)
                                     : NULL;
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!list)
        return false;
    kn_entity_begin_list (w, "application_credentials");
    for (guint i = 0; i < list->len; i++) {
        const KnCredential *c = g_ptr_array_index (list, i);

        if ((!name || strcmp (c->name, name) == 0)
            && !write_credential (w, req, db, c, NULL, error))
            return false;
    }
    kn_entity_end_list (w, req);
    kn_request_reply_json (req, 200, w);
    return true;
}

/* The credential of the path, which must be the path's user's. */
static KnCredential *
load_credential (KnRequest *req, KnDb *db, GError **error)
{
    const char *id = kn_request_param (req, "credential");
    g_autoptr (GError) local = NULL;
    g_autoptr (KnCredential) c = NULL;

    if (!check_user (req, db, false, error))
        return NULL;
    c = kn_credential_find (db, id, &local);
    if (local) {
        g_propagate_error (error, g_steal_pointer (&local));
        return NULL;
    }
    if (c && strcmp (c->user_id, kn_request_param (req, "id")) == 0)
        return g_steal_pointer (&c);
    kn_error_public (error, KN_ERROR_NOT_FOUND, "Could not find application credential: %s.", id);
    return NULL;
}

static bool
show_credential (KnRequest *req, GError **error)
{
    KnDb *db = db_of (req, error);
    g_autoptr (KnCredential) c = db ? load_credential (req, db, error) : NULL;

    return c && reply (req, db, c, 200, NULL, error);
}

static bool
remove_credential (KnRequest *req, GError **error)
{
    KnDb *db = db_of (req, error);
    g_autoptr (KnCredential) c
        = db && check_delegated (req, error) ? load_credential (req, db, error) : NULL;

    return c && kn_credential_remove (db, c->id, error);
}

#define PATH "/v3/users/{id}/application_credentials"

static const KnRoute routes[] = {
    { "GET", PATH, list_credentials, .role = KN_ROLE_TOKEN, .run = KN_WORKER },
    { "POST", PATH, create_credential, .role = KN_ROLE_TOKEN, .run = KN_HEAVY,
      .max_body = 64 * KIB },
    { "GET", PATH "/{credential}", show_credential, .role = KN_ROLE_TOKEN, .run = KN_WORKER },
    { "DELETE", PATH "/{credential}", remove_credential, .role = KN_ROLE_TOKEN, .run = KN_WORKER },
};
const KnRouteTable kn_identity_credential_routes = { routes, G_N_ELEMENTS (routes) };
