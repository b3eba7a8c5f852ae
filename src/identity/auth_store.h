/* SPDX-License-Identifier: Apache-2.0 */
/* What authentication reads: point reads only. */
#pragma once

#include "db/db.h"
#include "http/auth.h"
#include "identity/token.h"

/* A user as authentication sees him. */
typedef struct {
    char *id, *name, *domain_id, *domain_name, *password_hash, *default_project_id;
    bool enabled; /* he and his domain */
    gint64 tokens_valid_after_us;
} KnAuthUser;
void kn_auth_user_free (KnAuthUser *user);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnAuthUser, kn_auth_user_free)

/* A project or domain that a token can be scoped to. */
typedef struct {
    char *id, *name, *domain_id, *domain_name; /* of a domain: only id and name */
    char *parent_id;                           /* of a project: its domain or another project */
    bool enabled;                              /* it and its domain */
    gint64 tokens_valid_after_us;
} KnAuthTarget;
void kn_auth_target_free (KnAuthTarget *target);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnAuthTarget, kn_auth_target_free)

/* One role that somebody has. */
typedef struct {
    char *id, *name;
} KnAuthRole;

/* Each finds by id, or by name within a domain (by id or name). NULL without error: there is none. */
KnAuthUser *kn_auth_store_find_user (KnDb *db, const char *id, GError **error);
KnAuthUser *kn_auth_store_find_user_by_name (KnDb *db, const char *name, const char *domain_id,
                                             const char *domain_name, GError **error);
KnAuthTarget *kn_auth_store_find_project (KnDb *db, const char *id, GError **error);
KnAuthTarget *kn_auth_store_find_project_by_name (KnDb *db, const char *name, const char *domain_id,
                                                  const char *domain_name, GError **error);
KnAuthTarget *kn_auth_store_find_domain (KnDb *db, const char *id, const char *name,
                                         GError **error);

/* The roles of @user_id on the target: also by groups, inherited and implied ones; array of KnAuthRole, unref frees. */
GPtrArray *kn_auth_store_list_roles (KnDb *db, const char *user_id, KnScope scope,
                                     const KnAuthTarget *target, GError **error);

/* Whether the token with @audit_id was revoked. */
bool kn_auth_store_is_revoked (KnDb *db, const char *audit_id, bool *out_revoked, GError **error);

/* Revokes the token; also drops rows of tokens that have expired by @now_us. Repeatable. */
bool kn_auth_store_revoke (KnDb *db, const char *audit_id, gint64 expires_us, gint64 now_us,
                           GError **error);
