/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of authentication: who gets a token for what, and what a token is worth at this moment. */
#pragma once

#include "identity/auth_store.h"
#include "identity/credential_store.h"
#include "identity/identity_priv.h"

/* A token together with what stands behind it now. */
typedef struct {
    KnToken token;
    KnAuthUser *user;
    KnAuthTarget *target; /* NULL: unscoped */
    GPtrArray *roles;     /* of KnAuthRole; NULL: unscoped */
    bool delegated;       /* by an application credential that is not unrestricted */
} KnGrant;
void kn_grant_clear (KnGrant *grant);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KnGrant, kn_grant_clear)

/* A user or project as a request names it: by id, or by name and domain. */
typedef struct {
    const char *id, *name, *domain_id, *domain_name;
} KnAuthName;

/* What a caller asks for. Strings are borrowed. */
typedef struct {
    guint methods;   /* KN_METHOD_*: each of them must succeed, for the same user */
    KnAuthName user; /* KN_METHOD_PASSWORD */
    const char *password;
    const char *token;     /* KN_METHOD_TOKEN */
    KnAuthName credential; /* KN_METHOD_APPLICATION_CREDENTIAL: by id, or by name with .user */
    const char *secret;
    bool has_scope; /* false: the user's default project if he may use it, otherwise unscoped */
    KnScope scope;
    KnAuthName target;
} KnAuthWish;

/* Makes a grant with a fresh token. Errors (public): UNAUTHORIZED with one sentence for all reasons that would tell a stranger
 * something. Worker threads. */
bool kn_auth_login (KnIdentity *identity, KnDb *db, const KnAuthWish *wish, KnGrant *out_grant,
                    GError **error);

/* What the token @text is worth now. Errors (public): UNAUTHORIZED for one that is not valid (any more). */
bool kn_auth_resolve (KnIdentity *identity, KnDb *db, const char *text, KnGrant *out_grant,
                      GError **error);

/* The table for http. */
bool kn_auth_authenticate (gpointer identity, const char *text, KnAuth *out_auth, GError **error);
