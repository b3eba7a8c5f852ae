/* SPDX-License-Identifier: Apache-2.0 */
/* Key pairs: list, import or make, show, delete. They belong to users, not to projects. */
#include "base/error.h"
#include "base/time.h"
#include "base/util.h"
#include "compute/compute_priv.h"
#include "compute/keypair_store.h"
#include "compute/quota.h"

#include <string.h>

#define PUBLIC_KEY_MAX 16384

typedef struct {
    const char *name, *public_key;
    guint64 present;
} CreateSpec;

static const KnJField create_fields[] = {
    { "name", KN_J_STRING, offsetof (CreateSpec, name), 1, 255 },
    { "public_key", KN_J_STRING, offsetof (CreateSpec, public_key), 0, PUBLIC_KEY_MAX,
      .flags = KN_J_OPTIONAL | KN_J_NULLABLE },
};
static const KnJShape create_shape = { create_fields, G_N_ELEMENTS (create_fields),
                                       offsetof (CreateSpec, present), .closed = true };

/* What an answer shows beside name, public key and fingerprint. */
typedef enum { VIEW_LIST, VIEW_CREATED, VIEW_FULL } KeypairView;

static void
write_times (KnJw *w, const KnKeypair *keypair)
{
    g_autofree char *created = kn_time_convert (keypair->created_at, KN_TIME_PLAIN);

    kn_jw_string_member (w, "created_at", created);
    kn_jw_null_member (w, "updated_at");
    kn_jw_bool_member (w, "deleted", false);
    kn_jw_null_member (w, "deleted_at");
    kn_jw_int_member (w, "id", keypair->id);
}

static void
write_keypair (KnJw *w, const KnKeypair *keypair, KeypairView view, const char *private_key)
{
    kn_jw_object (w);
    kn_jw_object_member (w, "keypair");
    kn_jw_string_member (w, "name", keypair->name);
    kn_jw_string_member (w, "public_key", keypair->public_key);
    kn_jw_string_member (w, "fingerprint", keypair->fingerprint);
    if (view != VIEW_LIST)
        kn_jw_string_member (w, "user_id", keypair->user_id);
    if (view == VIEW_FULL)
        write_times (w, keypair);
    if (private_key)
        kn_jw_string_member (w, "private_key", private_key);
    kn_jw_end (w);
    kn_jw_end (w);
}

static bool
keypair_list (KnRequest *req, GError **error)
{
    KnDb *db = kn_compute_db (kn_compute_of (req), error);
    g_autoptr (GPtrArray) keypairs
        = db ? kn_store_keypair_list (db, kn_request_auth (req)->user_id, error) : NULL;
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!keypairs)
        return false;
    kn_jw_object (w);
    kn_jw_array_member (w, "keypairs");
    for (guint i = 0; i < keypairs->len; i++)
        write_keypair (w, g_ptr_array_index (keypairs, i), VIEW_LIST, NULL);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static bool
keypair_show (KnRequest *req, GError **error)
{
    KnDb *db = kn_compute_db (kn_compute_of (req), error);
    g_autoptr (KnKeypair) keypair = db ? kn_keypair_load (db, kn_request_auth (req)->user_id,
                                                          kn_request_param (req, "name"), error)
                                       : NULL;
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!keypair)
        return false;
    write_keypair (w, keypair, VIEW_FULL, NULL);
    kn_request_reply_json (req, 200, w);
    return true;
}

/* File names are made of it on clients and in guests. */
static bool
check_name (const char *name, GError **error)
{
    gsize len = strlen (name);
    bool good = len > 0 && name[0] != ' ' && name[len - 1] != ' ';

    for (const char *c = name; good && *c; c++)
        good = g_ascii_isalnum (*c) || strchr ("_- ", *c);
    if (!good)
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "Keypair name may hold letters, digits, '_', '-' and inner spaces only.");
    return good;
}

typedef struct {
    const char *project_id;
    const KnKeypair *keypair;
} Insert;

static bool
insert_keypair (KnDb *db, gpointer data, GError **error)
{
    const Insert *insert = data;
    GError *problem = NULL;

    if (!kn_quota_check_keypairs (db, insert->project_id, insert->keypair->user_id, error))
        return false;
    if (kn_store_keypair_insert (db, insert->keypair, &problem))
        return true;
    if (!g_error_matches (problem, KN_ERROR, KN_ERROR_CONFLICT)) {
        g_propagate_error (error, problem);
        return false;
    }
    g_clear_error (&problem);
    kn_error_public (error, KN_ERROR_CONFLICT, "Key pair '%s' already exists.",
                     insert->keypair->name);
    return false;
}

/* The public key that was given, or a new pair. */
static bool
choose_key (const CreateSpec *spec, KnKeypair *keypair, char **out_private, GError **error)
{
    if (spec->public_key)
        keypair->public_key = g_strdup (spec->public_key);
    else if (!kn_keypair_generate ("Generated-by-Kilonova", &keypair->public_key, out_private,
                                   error))
        return false;
    keypair->fingerprint = kn_keypair_parse_public (keypair->public_key, error);
    return keypair->fingerprint != NULL;
}

static bool
keypair_create (KnRequest *req, GError **error)
{
    CreateSpec spec = { .name = NULL };
    const KnAuth *auth = kn_request_auth (req);
    const json_t *body = kn_request_json (req, error);
    const json_t *object = body ? kn_json_unwrap (body, "keypair", error) : NULL;
    g_autoptr (KnKeypair) keypair = g_new0 (KnKeypair, 1);
    kn_autosecret private_key = NULL;
    g_autoptr (KnJw) w = kn_jw_new ();
    KnDb *db;

    if (!object || !kn_json_read (object, "keypair", &create_shape, &spec, error)
        || !check_name (spec.name, error) || !choose_key (&spec, keypair, &private_key, error))
        return false;
    keypair->name = g_strdup (spec.name);
    keypair->user_id = g_strdup (auth->user_id);
    keypair->type = g_strdup ("ssh");
    keypair->created_at = kn_db_now ();
    db = kn_compute_db (kn_compute_of (req), error);
    if (!db
        || !kn_db_txn (db, insert_keypair,
                       &(Insert){ .project_id = auth->project_id, .keypair = keypair }, error))
        return false;
    write_keypair (w, keypair, VIEW_CREATED, private_key);
    kn_request_reply_json (req, 200, w);
    return true;
}

static bool
keypair_delete (KnRequest *req, GError **error)
{
    const char *name = kn_request_param (req, "name");
    KnDb *db = kn_compute_db (kn_compute_of (req), error);
    bool was = false;

    if (!db || !kn_store_keypair_delete (db, kn_request_auth (req)->user_id, name, &was, error))
        return false;
    if (!was) {
        kn_error_public (error, KN_ERROR_NOT_FOUND, "Keypair %.255s could not be found.", name);
        return false;
    }
    kn_request_reply_empty (req, 202);
    return true;
}

static const KnRoute routes_of_keypairs[] = {
    { "GET", "/v2.1/os-keypairs", keypair_list, KN_ROLE_READER, KN_WORKER },
    /* Making a key takes a good part of a second of CPU. */
    { "POST", "/v2.1/os-keypairs", keypair_create, KN_ROLE_MEMBER, KN_HEAVY, 64 * KIB },
    { "GET", "/v2.1/os-keypairs/{name}", keypair_show, KN_ROLE_READER, KN_INLINE },
    { "DELETE", "/v2.1/os-keypairs/{name}", keypair_delete, KN_ROLE_MEMBER, KN_WORKER },
};

void
kn_keypair_add_routes (GArray *routes)
{
    g_array_append_vals (routes, routes_of_keypairs, G_N_ELEMENTS (routes_of_keypairs));
}
