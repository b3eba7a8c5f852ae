/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens, passwords and the rules of authentication. */
#include "base/error.h"
#include "base/time.h"
#include "base/util.h"
#include "identity/auth.h"

#include <sodium.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char *dir, *key_file;
    KnDbPool *pool;
    KnDb *db;
    KnIdentity *identity;
} Fixture;

static const KnService *const no_services[] = { NULL };

static void
set_up (Fixture *f, gconstpointer unused)
{
    g_autoptr (GError) error = NULL;
    bool created = false;

    f->dir = g_dir_make_tmp ("kn-identity-XXXXXX", NULL);
    f->key_file = g_build_filename (f->dir, "keys", NULL);
    g_autofree char *url = g_strdup_printf ("sqlite:%s/db", f->dir);
    f->pool = kn_db_pool_open (url, f->dir, &error);
    g_assert_no_error (error);
    f->db = kn_db_thread (f->pool, &error);
    f->identity = kn_identity_new (
        &(KnIdentityOptions){
            .db = f->pool, .key_file = f->key_file, .catalog = no_services, .region = "R" },
        &error);
    g_assert_no_error (error);
    g_assert_true (kn_identity_bootstrap (f->identity, "right", &created, &error));
    g_assert_true (created);
}

static void
tear_down (Fixture *f, gconstpointer unused)
{
    const char *argv[] = { "rm", "-rf", f->dir, NULL };

    kn_identity_free (f->identity);
    kn_db_pool_close (f->pool);
    (void)g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL,
                        NULL, NULL);
    g_free (f->dir);
    g_free (f->key_file);
}

static KnAuthWish
password_wish (const char *password)
{
    return (KnAuthWish){
        .methods = KN_METHOD_PASSWORD,
        .user = { .name = "admin", .domain_name = "Default" },
        .password = password,
        .has_scope = true,
        .scope = KN_SCOPE_PROJECT,
        .target = { .name = "admin", .domain_id = "default" },
    };
}

static char *
log_in (Fixture *f)
{
    g_autoptr (GError) error = NULL;
    g_auto (KnGrant) grant = { 0 };
    KnAuthWish wish = password_wish ("right");

    g_assert_true (kn_auth_login (f->identity, f->db, &wish, &grant, &error));
    g_assert_no_error (error);
    return kn_token_seal (f->identity->keys, &grant.token);
}

static void
assert_refused (Fixture *f, const char *text)
{
    g_autoptr (GError) error = NULL;
    g_auto (KnGrant) grant = { 0 };

    g_assert_false (kn_auth_resolve (f->identity, f->db, text, &grant, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_UNAUTHORIZED);
}

static void
test_login (Fixture *f, gconstpointer unused)
{
    g_autoptr (GError) error = NULL;
    kn_autosecret text = log_in (f);
    KnAuth auth = { 0 };

    g_assert_cmpuint (strlen (text), <, 255);
    g_assert_true (kn_auth_authenticate (f->identity, text, &auth, &error));
    g_assert_cmpstr (auth.user_name, ==, "admin");
    g_assert_cmpstr (auth.project_name, ==, "admin");
    g_assert_cmpint (auth.role, ==, KN_ROLE_ADMIN);
    kn_auth_clear (&auth);
}

static void
test_refusals_sound_alike (Fixture *f, gconstpointer unused)
{
    KnAuthWish wishes[] = { password_wish ("wrong"), password_wish ("right"),
                            password_wish ("right"), password_wish ("") };
    g_autofree char *first = NULL;

    wishes[1].user.name = "nobody";
    wishes[2].target.name = "nowhere";
    for (guint i = 0; i < G_N_ELEMENTS (wishes); i++) {
        g_autoptr (GError) error = NULL;
        g_auto (KnGrant) grant = { 0 };

        g_assert_false (kn_auth_login (f->identity, f->db, &wishes[i], &grant, &error));
        g_assert_error (error, KN_ERROR, KN_ERROR_UNAUTHORIZED);
        if (!first)
            first = g_strdup (error->message);
        g_assert_cmpstr (error->message, ==, first);
    }
}

static void
test_rescope_keeps_expiry (Fixture *f, gconstpointer unused)
{
    g_autoptr (GError) error = NULL;
    kn_autosecret text = log_in (f);
    g_auto (KnGrant) first = { 0 }, second = { 0 };
    KnAuthWish wish = { .methods = KN_METHOD_TOKEN, .token = text, .has_scope = true };

    g_assert_true (kn_auth_resolve (f->identity, f->db, text, &first, &error));
    g_assert_true (kn_auth_login (f->identity, f->db, &wish, &second, &error));
    g_assert_cmpint (second.token.expires_us, ==, first.token.expires_us);
    g_assert_cmpstr (second.token.parent_audit_id, ==, first.token.audit_id);
    g_assert_null (second.target);
}

static void
test_revoked_and_expired (Fixture *f, gconstpointer unused)
{
    g_autoptr (GError) error = NULL;
    kn_autosecret text = log_in (f);
    g_auto (KnGrant) grant = { 0 };

    g_assert_true (kn_auth_resolve (f->identity, f->db, text, &grant, &error));
    g_assert_true (kn_auth_store_revoke (f->db, grant.token.audit_id, grant.token.expires_us,
                                         kn_time_now (), &error));
    assert_refused (f, text);

    grant.token.expires_us = kn_time_now () - 1;
    kn_token_new_audit_id (&grant.token);
    kn_autosecret late = kn_token_seal (f->identity->keys, &grant.token);
    assert_refused (f, late);
}

KN_STMT (SET_ENABLED, "UPDATE users SET enabled = ? WHERE name = 'admin'");

static gpointer
disable_elsewhere (gpointer data)
{
    KnDb *db = kn_db_thread (data, NULL);

    g_assert_true (kn_db_exec (db, &SET_ENABLED, KN_BIND (kn_int (0)), NULL, NULL));
    return NULL;
}

static bool
is_good (Fixture *f, const char *text)
{
    KnAuth auth = { 0 };
    bool good = kn_auth_authenticate (f->identity, text, &auth, NULL);

    if (good)
        g_assert_cmpstr (auth.user_name, ==, "admin");
    kn_auth_clear (&auth);
    return good;
}

/* What is remembered of a token ends with the next commit, by this connection or another. */
static void
test_changes_are_noticed (Fixture *f, gconstpointer unused)
{
    kn_autosecret text = log_in (f);

    for (guint i = 0; i < 3; i++)
        g_assert_true (is_good (f, text));
    g_assert_true (kn_db_exec (f->db, &SET_ENABLED, KN_BIND (kn_int (0)), NULL, NULL));
    g_assert_false (is_good (f, text));
    g_assert_true (kn_db_exec (f->db, &SET_ENABLED, KN_BIND (kn_int (1)), NULL, NULL));
    for (guint i = 0; i < 3; i++)
        g_assert_true (is_good (f, text));
    g_thread_join (g_thread_new ("other", disable_elsewhere, f->pool));
    g_assert_false (is_good (f, text));
}

static void
test_new_password_ends_tokens (Fixture *f, gconstpointer unused)
{
    g_autoptr (GError) error = NULL;
    kn_autosecret text = log_in (f);
    g_auto (KnGrant) grant = { 0 };
    KnAuthWish wish = password_wish ("new");

    g_assert_true (kn_identity_set_password (f->db, "admin", "Default", "new", &error));
    assert_refused (f, text);
    g_assert_true (kn_auth_login (f->identity, f->db, &wish, &grant, &error));
    g_assert_false (kn_identity_set_password (f->db, "nobody", "Default", "new", &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_NOT_FOUND);
}

static void
test_forged_tokens (Fixture *f, gconstpointer unused)
{
    kn_autosecret text = log_in (f);
    KnToken token;

    for (gsize i = 0; i < strlen (text); i++) {
        char kept = text[i];

        text[i] = kept == 'A' ? 'B' : 'A';
        g_assert_false (kn_token_open (f->identity->keys, text, &token));
        text[i] = kept;
    }
    g_assert_true (kn_token_open (f->identity->keys, text, &token));
    text[20] = '\0';
    g_assert_false (kn_token_open (f->identity->keys, text, &token));
    g_assert_false (kn_token_open (f->identity->keys, "", &token));
}

static void
test_rotated_keys (Fixture *f, gconstpointer unused)
{
    g_autoptr (GError) error = NULL;
    kn_autosecret text = log_in (f);
    g_autofree char *old = kn_file_read (f->key_file, 4 * KIB, NULL, &error);
    g_autofree char *both = g_strdup_printf ("00000001 %064d\n%s", 7,
                                             old); /* a new key on top; the old one still opens */
    g_autofree char *only_new = g_strdup_printf ("00000001 %064d\n", 7);
    KnToken token;

    g_assert_true (kn_file_write (f->key_file, both, strlen (both), 0600, &error));
    g_autoptr (KnTokenKeys) rotated = kn_token_keys_load (f->key_file, &error);
    g_assert_true (kn_token_open (rotated, text, &token));
    kn_autosecret fresh = kn_token_seal (rotated, &token);

    g_assert_true (kn_file_write (f->key_file, only_new, strlen (only_new), 0600, &error));
    g_autoptr (KnTokenKeys) later = kn_token_keys_load (f->key_file, &error);
    g_assert_false (kn_token_open (later, text, &token));
    g_assert_true (kn_token_open (later, fresh, &token));
    g_assert_true (kn_file_write (f->key_file, "junk\n", 5, 0600, &error));
    g_assert_null (kn_token_keys_load (f->key_file, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
}

static void
test_passwords (void)
{
    g_autoptr (KnPasswords) passwords = kn_passwords_new (1);
    g_autoptr (GError) error = NULL;
    g_autofree char *hash = kn_passwords_hash (passwords, "pässwörd", &error);

    g_assert_nonnull (strstr (hash, "$argon2id$v=19$m=19456,t=2,p=1$"));
    g_assert_true (kn_passwords_verify (passwords, hash, "pässwörd"));
    g_assert_false (kn_passwords_verify (passwords, hash, "passwörd"));
    g_assert_false (kn_passwords_verify (passwords, NULL, ""));
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_assert_cmpint (sodium_init (), >=, 0);
#define ADD(name, function) g_test_add (name, Fixture, NULL, set_up, function, tear_down)
    ADD ("/identity/login", test_login);
    ADD ("/identity/refusals-sound-alike", test_refusals_sound_alike);
    ADD ("/identity/rescope-keeps-expiry", test_rescope_keeps_expiry);
    ADD ("/identity/revoked-and-expired", test_revoked_and_expired);
    ADD ("/identity/changes-are-noticed", test_changes_are_noticed);
    ADD ("/identity/new-password-ends-tokens", test_new_password_ends_tokens);
    ADD ("/identity/forged-tokens", test_forged_tokens);
    ADD ("/identity/rotated-keys", test_rotated_keys);
    g_test_add_func ("/identity/passwords", test_passwords);
    return g_test_run ();
}
