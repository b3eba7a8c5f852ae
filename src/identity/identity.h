/* SPDX-License-Identifier: Apache-2.0 */
/* The Identity service for others: the API's service row, the authenticator, and first start. */
#pragma once

#include "db/db.h"
#include "http/route.h"

typedef struct KnIdentity KnIdentity;

typedef struct {
    KnDbPool *db;
    const char
        *key_file; /* token keys: made on first use (0600), rotated by id; shared by controllers */
    guint token_lifetime_s; /* 0: 3600 */
    guint hash_parallel;    /* argon2id computations at a time, 19 MiB each; 0: 2 */
    const KnService *const *
        catalog; /* the services, for the catalog; NULL-terminated, may be filled after kn_identity_new() */
    const char *region; /* "RegionOne" */
} KnIdentityOptions;

KnIdentity *kn_identity_new (const KnIdentityOptions *options, GError **error);
void kn_identity_free (KnIdentity *identity);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnIdentity, kn_identity_free)
const KnService *kn_identity_service (KnIdentity *identity);
KnAuthOps kn_identity_auth_ops (KnIdentity *identity);

/* First start: domain Default, roles, project and user admin with @password, in one transaction. Does nothing if a user exists.
 * @out_created says which. */
bool kn_identity_bootstrap (KnIdentity *identity, const char *password, bool *out_created,
                            GError **error);

/* Sets a user's password (kilonova passwd). Revokes the user's tokens. Errors: NOT_FOUND. */
bool kn_identity_set_password (KnDb *db, const char *user_name, const char *domain,
                               const char *password, GError **error);

/* The property @name of a project, as somebody has set it; *@out_value NULL: there is none, or no such project. Caller frees. */
bool kn_identity_find_project_property (KnDb *db, const char *project_id, const char *name,
                                        char **out_value, GError **error);
