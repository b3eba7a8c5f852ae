/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: sealed records that only we can read, so none is stored. XChaCha20-Poly1305 (libsodium) under a key that the token
 * names by its id; text form: base64url of key id (4 bytes), nonce (24), sealed record. About 160 characters. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum {
    KN_SCOPE_NONE,
    KN_SCOPE_PROJECT,
    KN_SCOPE_DOMAIN,
    KN_SCOPE_SYSTEM, /* its id is "all" */
    KN_SCOPE_N
} KnScope;

/* "project", "domain", "system"; as in role_assignments.target_type. */
const char *kn_scope_name (KnScope scope);

/* Ways in which the caller proved who he is; bits. */
enum {
    KN_METHOD_PASSWORD = 1 << 0,
    KN_METHOD_TOKEN = 1 << 1,
    KN_METHOD_APPLICATION_CREDENTIAL = 1 << 2
};

#define KN_AUDIT_ID_LEN 22 /* 16 random bytes in base64url */

typedef struct {
    char user_id[65];
    KnScope scope;
    char scope_id[65];      /* project, domain or "all"; empty for KN_SCOPE_NONE */
    char credential_id[65]; /* application credential, empty: none */
    guint methods;
    gint64 issued_us, expires_us;
    char audit_id[KN_AUDIT_ID_LEN + 1];
    char parent_audit_id[KN_AUDIT_ID_LEN
                         + 1]; /* the first token of a chain of rescoped ones, or empty */
} KnToken;

typedef struct KnTokenKeys KnTokenKeys;

/* Loads the keys of @path, making the file (mode 0600) with one random key if it is missing. Each line is "ID KEY": the id as 8
 * hex digits, the key as 64. The first line seals, all of them open: to rotate, put a new line on top and remove the last one
 * when its tokens have expired. The file is read again when a token names an unknown key. */
KnTokenKeys *kn_token_keys_load (const char *path, GError **error);
void kn_token_keys_free (KnTokenKeys *keys);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnTokenKeys, kn_token_keys_free)

/* Gives @token a fresh audit id. */
void kn_token_new_audit_id (KnToken *token);

/* The text of @token; caller frees with kn_secret_free(). Thread-safe. */
char *kn_token_seal (KnTokenKeys *keys, const KnToken *token);

/* Reads @text. False for anything that we did not seal; says nothing about expiry or revocation. Thread-safe. */
bool kn_token_open (KnTokenKeys *keys, const char *text, KnToken *out_token);
