/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of authentication. */
#include "identity/auth.h"

#include "base/error.h"
#include "base/time.h"
#include "identity/auth_cache.h"

#include <string.h>

void
kn_grant_clear (KnGrant *grant)
{
    g_clear_pointer (&grant->user, kn_auth_user_free);
    g_clear_pointer (&grant->target, kn_auth_target_free);
    g_clear_pointer (&grant->roles, g_ptr_array_unref);
}

/* One sentence for an unknown user, a wrong password, a disabled account and a scope without a role. */
static bool
refuse (GError **error)
{
    kn_error_public (error, KN_ERROR_UNAUTHORIZED,
                     "The request you have made requires authentication.");
    return false;
}

static KnAuthUser *
find_user (KnDb *db, const KnAuthName *name, GError **error)
{
    if (name->id)
        return kn_auth_store_find_user (db, name->id, error);
    return kn_auth_store_find_user_by_name (db, name->name, name->domain_id, name->domain_name,
                                            error);
}

static KnAuthTarget *
find_target (KnDb *db, KnScope scope, const KnAuthName *name, GError **error)
{
    if (scope == KN_SCOPE_SYSTEM) {
        KnAuthTarget *system = g_new0 (KnAuthTarget, 1);

        system->id = g_strdup ("all");
        system->enabled = true;
        return system;
    }
    if (scope == KN_SCOPE_DOMAIN)
        return kn_auth_store_find_domain (db, name->id, name->name, error);
    if (name->id)
        return kn_auth_store_find_project (db, name->id, error);
    return kn_auth_store_find_project_by_name (db, name->name, name->domain_id, name->domain_name,
                                               error);
}

/* Fills target and roles. False without error: he has no role there, or it is disabled or unknown. */
static bool
enter_scope (KnDb *db, KnScope scope, const KnAuthName *name, KnGrant *grant, GError **error)
{
    grant->target = find_target (db, scope, name, error);
    if (!grant->target || !grant->target->enabled)
        return false;

    grant->roles = kn_auth_store_list_roles (db, grant->user->id, scope, grant->target, error);
    return grant->roles && grant->roles->len > 0;
}

static void
leave_scope (KnGrant *grant)
{
    g_clear_pointer (&grant->target, kn_auth_target_free);
    g_clear_pointer (&grant->roles, g_ptr_array_unref);
}

/* Leaves only the roles that the credential has. */
static void
keep_roles (GPtrArray *roles, const GPtrArray *ids)
{
    for (guint i = roles->len; i-- > 0;) {
        const KnAuthRole *role = g_ptr_array_index (roles, i);
        bool kept = false;

        for (guint k = 0; k < ids->len && !kept; k++)
            kept = strcmp (role->id, g_ptr_array_index (ids, k)) == 0;
        if (!kept)
            g_ptr_array_remove_index (roles, i);
    }
}

/* What an application credential takes away. False without error: it is gone or has expired. */
static bool
apply_credential (KnDb *db, KnGrant *grant, GError **error)
{
    g_autoptr (KnCredential) credential = NULL;

    if (*grant->token.credential_id == '\0')
        return true;
    credential = kn_credential_find (db, grant->token.credential_id, error);
    if (!credential || strcmp (credential->user_id, grant->user->id) != 0
        || (credential->expires_us && credential->expires_us <= kn_time_now ()))
        return false;
    grant->delegated = !credential->unrestricted;
    if (grant->roles)
        keep_roles (grant->roles, credential->role_ids);
    return grant->roles && grant->roles->len > 0;
}

/* Checks token against what the database says now. */
static bool
check_alive (KnDb *db, const KnGrant *grant, GError **error)
{
    const KnToken *token = &grant->token;
    gint64 not_before_us = grant->user->tokens_valid_after_us;
    bool revoked;

    if (grant->target)
        not_before_us = MAX (not_before_us, grant->target->tokens_valid_after_us);
    if (!grant->user->enabled || token->issued_us < not_before_us)
        return refuse (error);
    if (!kn_auth_store_is_revoked (db, token->audit_id, &revoked, error))
        return false;
    return !revoked || refuse (error);
}

bool
kn_auth_resolve (KnIdentity *identity, KnDb *db, const char *text, KnGrant *out_grant,
                 GError **error)
{
    g_auto (KnGrant) grant = { 0 };
    g_autoptr (GError) local = NULL;

    if (!kn_token_open (identity->keys, text, &grant.token)
        || grant.token.expires_us <= kn_time_now ())
        return refuse (error);

    grant.user = kn_auth_store_find_user (db, grant.token.user_id, &local);
    KnAuthName name = { .id = grant.token.scope_id };
    bool found = grant.user
                 && (grant.token.scope == KN_SCOPE_NONE
                     || enter_scope (db, grant.token.scope, &name, &grant, &local))
                 && apply_credential (db, &grant, &local);
    if (local) {
        g_propagate_error (error, g_steal_pointer (&local));
        return false;
    }
    if (!found)
        return refuse (error);
    if (!check_alive (db, &grant, error))
        return false;

    *out_grant = grant;
    grant = (KnGrant){ 0 };
    return true;
}

static KnCredential *
find_credential (KnDb *db, const KnAuthWish *wish, GError **error)
{
    g_autoptr (KnAuthUser) user = NULL;

    if (wish->credential.id)
        return kn_credential_find (db, wish->credential.id, error);
    user = find_user (db, &wish->user, error);
    return user ? kn_credential_find_by_name (db, user->id, wish->credential.name, error) : NULL;
}

static bool
prove_by_credential (KnIdentity *identity, KnDb *db, const KnAuthWish *wish, KnGrant *grant,
                     GError **error)
{
    g_autoptr (GError) local = NULL;
    g_autoptr (KnCredential) credential = find_credential (db, wish, &local);
    g_autoptr (KnAuthUser) user
        = credential ? kn_auth_store_find_user (db, credential->user_id, &local) : NULL;

    if (local) {
        g_propagate_error (error, g_steal_pointer (&local));
        return false;
    }
    bool right = kn_passwords_verify (identity->passwords,
                                      credential ? credential->secret_hash : NULL, wish->secret);
    if (!right || !user || !user->enabled
        || (credential->expires_us && credential->expires_us <= kn_time_now ())
        || (grant->user && strcmp (grant->user->id, user->id) != 0))
        return refuse (error);

    (void)g_strlcpy (grant->token.credential_id, credential->id, sizeof grant->token.credential_id);
    grant->token.expires_us = kn_time_now () + identity->token_lifetime_us;
    if (credential->expires_us)
        grant->token.expires_us = MIN (grant->token.expires_us, credential->expires_us);
    if (!grant->user)
        grant->user = g_steal_pointer (&user);
    return true;
}

/* Proves the caller by each method that he names; fills the user, and from an old token expiry and chain. */
static bool
prove (KnIdentity *identity, KnDb *db, const KnAuthWish *wish, KnGrant *grant, GError **error)
{
    g_auto (KnGrant) old = { 0 };
    g_autoptr (GError) local = NULL;

    if (wish->methods & KN_METHOD_TOKEN) {
        if (!kn_auth_resolve (identity, db, wish->token, &old, error))
            return false;
        grant->token.expires_us = old.token.expires_us;
        grant->token.methods |= old.token.methods;
        memcpy (grant->token.parent_audit_id,
                *old.token.parent_audit_id ? old.token.parent_audit_id : old.token.audit_id,
                sizeof grant->token.parent_audit_id);
        memcpy (grant->token.credential_id, old.token.credential_id,
                sizeof grant->token.credential_id);
        grant->user = g_steal_pointer (&old.user);
    }
    if ((wish->methods & KN_METHOD_APPLICATION_CREDENTIAL)
        && !prove_by_credential (identity, db, wish, grant, error))
        return false;
    if (wish->methods & KN_METHOD_PASSWORD) {
        g_autoptr (KnAuthUser) user = find_user (db, &wish->user, &local);

        if (local) {
            g_propagate_error (error, g_steal_pointer (&local));
            return false;
        }
        bool right = kn_passwords_verify (identity->passwords, user ? user->password_hash : NULL,
                                          wish->password);
        if (!right || !user || !user->enabled
            || (grant->user && strcmp (grant->user->id, user->id) != 0))
            return refuse (error);
        if (!grant->user)
            grant->user = g_steal_pointer (&user);
    }
    return grant->user || refuse (error);
}

/* A credential stands for one project: nothing else can be asked for. */
static bool
enter_credential_scope (KnDb *db, const KnAuthWish *wish, KnGrant *grant, GError **error)
{
    g_autoptr (GError) local = NULL;
    g_autoptr (KnCredential) credential
        = kn_credential_find (db, grant->token.credential_id, &local);
    bool entered = credential
                   && enter_scope (db, KN_SCOPE_PROJECT,
                                   &(KnAuthName){ .id = credential->project_id }, grant, &local)
                   && apply_credential (db, grant, &local);

    if (local) {
        g_propagate_error (error, g_steal_pointer (&local));
        return false;
    }
    if (!entered
        || (wish->has_scope
            && (wish->scope != KN_SCOPE_PROJECT
                || (wish->target.id && strcmp (wish->target.id, credential->project_id) != 0)
                || (!wish->target.id && strcmp (wish->target.name, grant->target->name) != 0))))
        return refuse (error);
    grant->token.scope = KN_SCOPE_PROJECT;
    (void)g_strlcpy (grant->token.scope_id, grant->target->id, sizeof grant->token.scope_id);
    return true;
}

/* The scope that was asked for, or the default project. */
static bool
choose_scope (KnDb *db, const KnAuthWish *wish, KnGrant *grant, GError **error)
{
    g_autoptr (GError) local = NULL;
    KnAuthName preferred = { .id = grant->user->default_project_id };

    if (*grant->token.credential_id != '\0')
        return enter_credential_scope (db, wish, grant, error);
    if (wish->has_scope && wish->scope == KN_SCOPE_NONE)
        return true;
    if (!wish->has_scope && !preferred.id)
        return true;

    KnScope scope = wish->has_scope ? wish->scope : KN_SCOPE_PROJECT;
    bool entered
        = enter_scope (db, scope, wish->has_scope ? &wish->target : &preferred, grant, &local);
    if (local) {
        g_propagate_error (error, g_steal_pointer (&local));
        return false;
    }
    if (!entered && wish->has_scope)
        return refuse (error);
    if (!entered) {
        leave_scope (grant);
        return true;
    }
    grant->token.scope = scope;
    (void)g_strlcpy (grant->token.scope_id, grant->target->id, sizeof grant->token.scope_id);
    return true;
}

bool
kn_auth_login (KnIdentity *identity, KnDb *db, const KnAuthWish *wish, KnGrant *out_grant,
               GError **error)
{
    g_auto (KnGrant) grant = { 0 };

    if (!prove (identity, db, wish, &grant, error) || !choose_scope (db, wish, &grant, error))
        return false;

    KnToken *token = &grant.token;
    token->methods |= wish->methods;
    token->issued_us = kn_time_now ();
    if (token->expires_us == 0)
        token->expires_us = token->issued_us + identity->token_lifetime_us;
    (void)g_strlcpy (token->user_id, grant.user->id, sizeof token->user_id);
    kn_token_new_audit_id (token);

    *out_grant = grant;
    grant = (KnGrant){ 0 };
    return true;
}

static KnRole
strongest_role (const GPtrArray *roles)
{
    static const struct {
        const char *name;
        KnRole role;
    } known[] = {
        { "admin", KN_ROLE_ADMIN },
        { "member", KN_ROLE_MEMBER },
        { "reader", KN_ROLE_READER },
    };
    KnRole strongest = KN_ROLE_TOKEN;

    for (guint i = 0; roles && i < roles->len; i++) {
        const KnAuthRole *role = g_ptr_array_index (roles, i);

        for (guint k = 0; k < G_N_ELEMENTS (known); k++) {
            if (strcmp (role->name, known[k].name) == 0)
                strongest = MAX (strongest, known[k].role);
        }
    }
    return strongest;
}

bool
kn_auth_authenticate (gpointer data, const char *text, KnAuth *out_auth, GError **error)
{
    KnIdentity *identity = data;
    KnDb *db = kn_db_thread (identity->db, error);
    g_auto (KnGrant) grant = { 0 };
    guint64 version = 0;

    if (!db)
        return false;
    if (kn_auth_cache_find (identity, db, text, &version, out_auth))
        return true;
    if (!kn_auth_resolve (identity, db, text, &grant, error))
        return false;

    KnAuth auth = {
        .user_id = g_steal_pointer (&grant.user->id),
        .user_name = g_steal_pointer (&grant.user->name),
        .user_domain_id = g_steal_pointer (&grant.user->domain_id),
        .token_id = g_strdup (grant.token.audit_id),
        .expires_us = grant.token.expires_us,
        .delegated = grant.delegated,
        .role = strongest_role (grant.roles),
    };
    if (grant.token.scope == KN_SCOPE_PROJECT) {
        auth.project_id = g_steal_pointer (&grant.target->id);
        auth.project_name = g_steal_pointer (&grant.target->name);
    } else if (grant.token.scope == KN_SCOPE_DOMAIN) {
        auth.domain_id = g_steal_pointer (&grant.target->id);
    }
    kn_auth_cache_keep (identity, version, text, &auth);
    *out_auth = auth;
    return true;
}
