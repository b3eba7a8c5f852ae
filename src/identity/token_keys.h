/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that seal tokens, for this folder. */
#pragma once

#include "identity/token.h"

#include <sodium.h>

#define KN_TOKEN_KEY_ID_LEN 4

typedef struct {
    guint8 id[KN_TOKEN_KEY_ID_LEN];
    guint8 bytes[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
} KnTokenKey;

/* A copy of the key that seals; wipe it after use. */
KnTokenKey kn_token_keys_first (KnTokenKeys *keys);

/* A copy of the key with @id, if it is known to the file; wipe it after use. */
bool kn_token_keys_find (KnTokenKeys *keys, const guint8 *id, KnTokenKey *out_key);
