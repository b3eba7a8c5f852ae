/* SPDX-License-Identifier: Apache-2.0 */
/* Key pairs: checking public keys, fingerprints, making new ones. */
#include "compute/keypair.h"

#include "base/error.h"
#include "base/util.h"
#include "compute/keypair_store.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>

#define RSA_BITS 2048
/* An RSA key of 16384 bits takes about 2.8 KB as text. */
#define PUBLIC_KEY_MAX 16384
#define MD5_BYTES 16

static const char *const key_types[] = {
    "ssh-rsa",
    "ssh-dss",
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    NULL,
};

void
kn_keypair_free (KnKeypair *keypair)
{
    if (!keypair)
        return;
    g_free (keypair->name);
    g_free (keypair->user_id);
    g_free (keypair->type);
    g_free (keypair->public_key);
    g_free (keypair->fingerprint);
    g_free (keypair->created_at);
    g_free (keypair);
}

KnKeypair *
kn_keypair_load (KnDb *db, const char *user_id, const char *name, GError **error)
{
    GError *problem = NULL;
    KnKeypair *keypair = kn_store_keypair_find (db, user_id, name, &problem);

    if (problem)
        g_propagate_error (error, problem);
    else if (!keypair)
        kn_error_public (error, KN_ERROR_NOT_FOUND, "Keypair %.255s could not be found.", name);
    return keypair;
}

static char *
format_fingerprint (const guchar *blob, gsize len)
{
    g_autoptr (GChecksum) md5 = g_checksum_new (G_CHECKSUM_MD5);
    guint8 digest[MD5_BYTES];
    gsize size = sizeof digest;
    GString *text = g_string_new (NULL);

    g_checksum_update (md5, blob, (gssize)len);
    g_checksum_get_digest (md5, digest, &size);
    for (gsize i = 0; i < size; i++)
        g_string_append_printf (text, "%s%02x", i ? ":" : "", digest[i]);
    return g_string_free (text, FALSE);
}

/* Whether @blob is a row of length-prefixed fields (RFC 4253) of which the first is @type and none is missing. */
static bool
is_key_blob (const guchar *blob, gsize len, const char *type)
{
    guint n = 0;

    while (len >= 4) {
        gsize field = (gsize)blob[0] << 24 | (gsize)blob[1] << 16 | (gsize)blob[2] << 8 | blob[3];

        blob += 4;
        len -= 4;
        if (field == 0 || field > len)
            return false;
        if (n++ == 0 && (field != strlen (type) || memcmp (blob, type, field) != 0))
            return false;
        blob += field;
        len -= field;
    }
    return n >= 2 && len == 0;
}

char *
kn_keypair_parse_public (const char *public_key, GError **error)
{
    /* Key files end with a newline, and clients send them as they are. */
    g_autofree char *line = g_strchomp (g_strndup (public_key, PUBLIC_KEY_MAX + 1));
    g_auto (GStrv) words = NULL;
    g_autofree guchar *blob = NULL;
    gsize len = 0;

    if (strlen (public_key) <= PUBLIC_KEY_MAX && !strpbrk (line, "\r\n"))
        words = g_strsplit (line, " ", 3);
    if (words && words[0] && words[1] && g_strv_contains (key_types, words[0])
        && strlen (words[1]) % 4 == 0)
        blob = g_base64_decode (words[1], &len);
    if (blob && is_key_blob (blob, len, words[0]))
        return format_fingerprint (blob, len);
    kn_error_public (error, KN_ERROR_BAD_REQUEST,
                     "Keypair data is invalid: it is no OpenSSH public key line.");
    return NULL;
}

static void
append_field (GByteArray *blob, const void *bytes, gsize len)
{
    const guint8 prefix[4]
        = { (guint8)(len >> 24), (guint8)(len >> 16), (guint8)(len >> 8), (guint8)len };

    (void)g_byte_array_append (blob, prefix, sizeof prefix);
    (void)g_byte_array_append (blob, bytes, (guint)len);
}

/* A positive number: a zero byte in front where its first bit is set. */
static void
append_number (GByteArray *blob, const gnutls_datum_t *number)
{
    g_autofree guint8 *bytes = g_malloc0 ((gsize)number->size + 1);
    const guint8 *first = number->data;
    gsize len = number->size;

    while (len > 1 && *first == 0) {
        first++;
        len--;
    }
    memcpy (bytes + 1, first, len);
    if (*first & 0x80)
        append_field (blob, bytes, len + 1);
    else
        append_field (blob, bytes + 1, len);
}

static char *
format_public (gnutls_x509_privkey_t key, const char *comment)
{
    gnutls_datum_t m = { NULL, 0 }, e = { NULL, 0 };
    g_autoptr (GByteArray) blob = g_byte_array_new ();
    g_autofree char *base64 = NULL;

    if (gnutls_x509_privkey_export_rsa_raw (key, &m, &e, NULL, NULL, NULL, NULL) != 0)
        return NULL;
    append_field (blob, "ssh-rsa", strlen ("ssh-rsa"));
    append_number (blob, &e);
    append_number (blob, &m);
    gnutls_free (m.data);
    gnutls_free (e.data);
    base64 = g_base64_encode (blob->data, blob->len);
    return g_strdup_printf ("ssh-rsa %s %s", base64, comment);
}

static char *
format_private (gnutls_x509_privkey_t key)
{
    gnutls_datum_t pem = { NULL, 0 };
    char *text;

    if (gnutls_x509_privkey_export2 (key, GNUTLS_X509_FMT_PEM, &pem) != 0)
        return NULL;
    text = g_strndup ((const char *)pem.data, pem.size);
    gnutls_memset (pem.data, 0, pem.size);
    gnutls_free (pem.data);
    return text;
}

bool
kn_keypair_generate (const char *comment, char **out_public, char **out_private, GError **error)
{
    gnutls_x509_privkey_t key = NULL;
    int code = gnutls_x509_privkey_init (&key);

    if (code == 0)
        code = gnutls_x509_privkey_generate (key, GNUTLS_PK_RSA, RSA_BITS, 0);
    if (code == 0) {
        g_autofree char *public_line = format_public (key, comment);
        kn_autosecret private_pem = format_private (key);

        if (public_line && private_pem) {
            *out_public = g_steal_pointer (&public_line);
            *out_private = g_steal_pointer (&private_pem);
        } else
            code = GNUTLS_E_INTERNAL_ERROR;
    }
    gnutls_x509_privkey_deinit (key);
    if (code != 0)
        kn_error_set (error, KN_ERROR_INTERNAL, "cannot make a key: %s", gnutls_strerror (code));
    return code == 0;
}
