/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing and opening tokens. */
#include "identity/token.h"

#include "base/util.h"
#include "identity/token_keys.h"

#include <sodium.h>
#include <string.h>

#define FORMAT_VERSION 1
#define MAX_RECORD 512
#define NONCE_LEN crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_LEN crypto_aead_xchacha20poly1305_ietf_ABYTES
#define MAX_SEALED (KN_TOKEN_KEY_ID_LEN + NONCE_LEN + MAX_RECORD + TAG_LEN)

const char *
kn_scope_name (KnScope scope)
{
    static const char *const names[KN_SCOPE_N] = { "unscoped", "project", "domain", "system" };

    return names[scope];
}

/* A record being written or read; @ok turns false at the first thing that does not fit. */
typedef struct {
    guint8 *bytes;
    gsize size, at;
    bool ok;
} KnCursor;

static void
put (KnCursor *c, const void *bytes, gsize len)
{
    c->ok = c->ok && len <= c->size - c->at;
    if (!c->ok)
        return;
    memcpy (c->bytes + c->at, bytes, len);
    c->at += len;
}

static void
take (KnCursor *c, void *bytes, gsize len)
{
    c->ok = c->ok && len <= c->size - c->at;
    if (!c->ok)
        return;
    memcpy (bytes, c->bytes + c->at, len);
    c->at += len;
}

static void
put_byte (KnCursor *c, guint value)
{
    guint8 byte = (guint8)value;

    put (c, &byte, 1);
}

static guint
take_byte (KnCursor *c)
{
    guint8 byte = 0;

    take (c, &byte, 1);
    return byte;
}

static void
put_time (KnCursor *c, gint64 time_us)
{
    gint64 big = GINT64_TO_BE (time_us);

    put (c, &big, sizeof big);
}

static gint64
take_time (KnCursor *c)
{
    gint64 big = 0;

    take (c, &big, sizeof big);
    return GINT64_FROM_BE (big);
}

/* Ids of 32 hex digits shrink to 16 bytes, marked by length 0xff; others ("default") stand as they are. */
#define PACKED 0xff

static void
put_id (KnCursor *c, const char *id)
{
    guint8 packed[16];
    gsize len = 0;

    if (strlen (id) == 32 && sodium_hex2bin (packed, sizeof packed, id, 32, NULL, &len, NULL) == 0
        && len == sizeof packed) {
        put_byte (c, PACKED);
        put (c, packed, sizeof packed);
        return;
    }
    put_byte (c, (guint)strlen (id));
    put (c, id, strlen (id));
}

static void
take_id (KnCursor *c, char out_id[65])
{
    guint8 packed[16];
    guint len = take_byte (c);

    if (len == PACKED) {
        take (c, packed, sizeof packed);
        if (c->ok)
            (void)sodium_bin2hex (out_id, 65, packed, sizeof packed);
        return;
    }
    c->ok = c->ok && len <= 64;
    if (!c->ok)
        return;
    take (c, out_id, len);
    out_id[len] = '\0';
}

static void
put_record (KnCursor *c, const KnToken *token)
{
    put_byte (c, FORMAT_VERSION);
    put_byte (c, token->methods);
    put_byte (c, token->scope);
    put_id (c, token->user_id);
    put_id (c, token->scope_id);
    put_id (c, token->credential_id);
    put_time (c, token->issued_us);
    put_time (c, token->expires_us);
    put_id (c, token->audit_id);
    put_id (c, token->parent_audit_id);
}

static bool
take_audit_id (KnCursor *c, char out_id[KN_AUDIT_ID_LEN + 1])
{
    char id[65] = "";

    take_id (c, id);
    return g_strlcpy (out_id, id, KN_AUDIT_ID_LEN + 1) <= KN_AUDIT_ID_LEN;
}

static bool
take_record (KnCursor *c, KnToken *out_token)
{
    KnToken token = { 0 };

    if (take_byte (c) != FORMAT_VERSION)
        return false;
    token.methods = take_byte (c);
    guint scope = take_byte (c);
    take_id (c, token.user_id);
    take_id (c, token.scope_id);
    take_id (c, token.credential_id);
    token.issued_us = take_time (c);
    token.expires_us = take_time (c);
    if (!take_audit_id (c, token.audit_id) || !take_audit_id (c, token.parent_audit_id) || !c->ok
        || scope >= KN_SCOPE_N)
        return false;

    token.scope = (KnScope)scope;
    *out_token = token;
    return true;
}

void
kn_token_new_audit_id (KnToken *token)
{
    guint8 random[16];

    randombytes_buf (random, sizeof random);
    (void)sodium_bin2base64 (token->audit_id, sizeof token->audit_id, random, sizeof random,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

char *
kn_token_seal (KnTokenKeys *keys, const KnToken *token)
{
    guint8 record[MAX_RECORD], sealed[MAX_SEALED];
    guint8 *nonce = sealed + KN_TOKEN_KEY_ID_LEN, *body = nonce + NONCE_LEN;
    KnCursor cursor = { record, sizeof record, 0, true };
    KnTokenKey key = kn_token_keys_first (keys);
    unsigned long long body_len;

    put_record (&cursor, token);
    g_assert (cursor.ok);

    memcpy (sealed, key.id, KN_TOKEN_KEY_ID_LEN);
    randombytes_buf (nonce, NONCE_LEN);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt (body, &body_len, record, cursor.at, sealed,
                                                      KN_TOKEN_KEY_ID_LEN, NULL, nonce, key.bytes);
    sodium_memzero (&key, sizeof key);

    gsize len = KN_TOKEN_KEY_ID_LEN + NONCE_LEN + (gsize)body_len;
    gsize text_len = sodium_base64_encoded_len (len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *text = g_malloc (text_len);
    return sodium_bin2base64 (text, text_len, sealed, len,
                              sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool
kn_token_open (KnTokenKeys *keys, const char *text, KnToken *out_token)
{
    guint8 record[MAX_RECORD], sealed[MAX_SEALED];
    const guint8 *nonce = sealed + KN_TOKEN_KEY_ID_LEN, *body = nonce + NONCE_LEN;
    unsigned long long record_len;
    KnTokenKey key;
    gsize len;

    if (sodium_base642bin (sealed, sizeof sealed, text, strlen (text), NULL, &len, NULL,
                           sodium_base64_VARIANT_URLSAFE_NO_PADDING)
            != 0
        || len < KN_TOKEN_KEY_ID_LEN + NONCE_LEN + TAG_LEN
        || !kn_token_keys_find (keys, sealed, &key))
        return false;

    bool opened = crypto_aead_xchacha20poly1305_ietf_decrypt (
                      record, &record_len, NULL, body, len - KN_TOKEN_KEY_ID_LEN - NONCE_LEN,
                      sealed, KN_TOKEN_KEY_ID_LEN, nonce, key.bytes)
                  == 0;
    sodium_memzero (&key, sizeof key);
    KnCursor cursor = { record, opened ? (gsize)record_len : 0, 0, true };
    return opened && take_record (&cursor, out_token);
}
