/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: token texts, and records that were sealed by us but say anything. What opens is sealed and opened again the same. */
#include "identity/token.h"

#include "base/util.h"

#include <sodium.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static KnTokenKeys *keys;
static guint8 key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];

static void
load_keys (void)
{
    char path[] = "/tmp/kn-fuzz-keys-XXXXXX";
    char hex[2 * sizeof key + 1];
    g_autofree char *line = NULL;
    const int fd = g_mkstemp (path);

    g_assert_cmpint (fd, >=, 0);
    line = g_strdup_printf ("00000000 %s\n", sodium_bin2hex (hex, sizeof hex, key, sizeof key));
    g_assert_true (write (fd, line, strlen (line)) == (gssize)strlen (line));
    (void)close (fd);
    keys = kn_token_keys_load (path, NULL);
    g_assert_nonnull (keys);
    (void)unlink (path);
}

static void
check (const char *text)
{
    KnToken token, again;

    if (!kn_token_open (keys, text, &token))
        return;

    kn_autosecret sealed = kn_token_seal (keys, &token);

    g_assert_true (kn_token_open (keys, sealed, &again));
    g_assert_cmpstr (again.user_id, ==, token.user_id);
    g_assert_cmpstr (again.audit_id, ==, token.audit_id);
    g_assert_cmpint (again.expires_us, ==, token.expires_us);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    guint8 sealed[4 + 24 + 4096 + 16] = { 0 };
    char text[2 * sizeof sealed];
    unsigned long long len;
    g_autofree char *raw = g_strndup ((const char *)data, size);

    if (keys == NULL)
        load_keys ();
    check (raw);
    if (size > 512)
        return 0;
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt (sealed + 28, &len, data, size, sealed, 4,
                                                      NULL, sealed + 4, key);
    check (sodium_bin2base64 (text, sizeof text, sealed, 28 + (size_t)len,
                              sodium_base64_VARIANT_URLSAFE_NO_PADDING));
    return 0;
}
