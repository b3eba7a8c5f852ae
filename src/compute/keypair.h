/* SPDX-License-Identifier: Apache-2.0 */
/* A user's public key. */
#pragma once

#include "db/db.h"

typedef struct {
    gint64 id;
    char *name, *user_id, *type, *public_key, *fingerprint;
    char *created_at; /* the database's text */
} KnKeypair;
void kn_keypair_free (KnKeypair *keypair);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnKeypair, kn_keypair_free)

/* The key @name of @user_id. Errors: NOT_FOUND (public). */
KnKeypair *kn_keypair_load (KnDb *db, const char *user_id, const char *name, GError **error);

/* Checks an OpenSSH public key line, and returns its fingerprint: MD5 in hex with colons, as Nova shows it. Caller frees.
 * Errors (public): BAD_REQUEST. */
char *kn_keypair_parse_public (const char *public_key, GError **error);

/* Makes an RSA pair: OpenSSH line, and PEM that only the caller will ever see (kn_secret_free). May take a moment. */
bool kn_keypair_generate (const char *comment, char **out_public, char **out_private,
                          GError **error);

/* Appends the routes of key pairs. */
void kn_keypair_add_routes (GArray *routes);
