/* SPDX-License-Identifier: Apache-2.0 */
/* Application credentials as they are stored: a user's secret for programs, with some of his roles on one project. */
#pragma once

#include "db/db.h"

typedef struct {
    char *id, *user_id, *project_id, *name, *description, *secret_hash;
    bool unrestricted;
    gint64 expires_us; /* 0: never */
    GPtrArray *role_ids;
} KnCredential;
void kn_credential_free (KnCredential *credential);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnCredential, kn_credential_free)

/* NULL without error: there is none. */
KnCredential *kn_credential_find (KnDb *db, const char *id, GError **error);
KnCredential *kn_credential_find_by_name (KnDb *db, const char *user_id, const char *name,
                                          GError **error);

/* Array of KnCredential. */
GPtrArray *kn_credential_list (KnDb *db, const char *user_id, GError **error);

/* Errors: CONFLICT (public) for a name that the user has used. */
bool kn_credential_create (KnDb *db, const KnCredential *credential, GError **error);
bool kn_credential_remove (KnDb *db, const char *id, GError **error);
