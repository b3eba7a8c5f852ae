/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of key pairs. */
#pragma once

#include "compute/keypair.h"

/* KnKeypair * of @user_id by name. */
GPtrArray *kn_store_keypair_list (KnDb *db, const char *user_id, GError **error);
/* NULL without error if there is none. */
KnKeypair *kn_store_keypair_find (KnDb *db, const char *user_id, const char *name, GError **error);
/* Errors: CONFLICT. */
bool kn_store_keypair_insert (KnDb *db, const KnKeypair *keypair, GError **error);
bool kn_store_keypair_delete (KnDb *db, const char *user_id, const char *name, bool *out_was,
                              GError **error);
