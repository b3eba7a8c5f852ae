/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI variable stores: the one that Debian's OVMF starts with, ones made here with certificates of other names, broken ones. */
#include <gnutls/x509.h>
#include <string.h>

#include "base/error.h"
#include "virt/varstore.h"

#define OVMF "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
#define GUID_LEN 16

static const guint8 global_guid[] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                      0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };
static const guint8 security_guid[] = { 0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45,
                                        0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f };
static const guint8 enable_guid[] = { 0xc7, 0x0b, 0xa3, 0xf0, 0x08, 0xaf, 0x56, 0x45,
                                      0x99, 0xc4, 0x00, 0x10, 0x09, 0xc9, 0x3a, 0x44 };
static const guint8 x509_guid[] = { 0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
                                    0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72 };
static const guint8 nv_data_guid[] = { 0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c,
                                       0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50 };
static const guint8 store_guid[] = { 0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43,
                                     0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92 };

static void
put (GByteArray *out, const void *bytes, gsize len)
{
    g_byte_array_append (out, bytes, (guint)len);
}

static void
put32 (GByteArray *out, gsize value)
{
    guint32 little = GUINT32_TO_LE ((guint32)value);

    put (out, &little, sizeof little);
}

static void
put_zeros (GByteArray *out, gsize len)
{
    static const guint8 zeros[64] = { 0 };

    put (out, zeros, len);
}

/* A self-signed certificate of the common name @name; one key serves all. */
static GByteArray *
make_certificate (const char *name)
{
    static gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t crt = NULL;
    gnutls_datum_t der = { 0 };
    GByteArray *out = g_byte_array_new ();

    if (!key) {
        g_assert_cmpint (gnutls_x509_privkey_init (&key), ==, 0);
        g_assert_cmpint (
            gnutls_x509_privkey_generate (key, GNUTLS_PK_ECDSA,
                                          GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1), 0),
            ==, 0);
    }
    g_assert_cmpint (gnutls_x509_crt_init (&crt), ==, 0);
    gnutls_x509_crt_set_dn_by_oid (crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                   (unsigned int)strlen (name));
    gnutls_x509_crt_set_key (crt, key);
    gnutls_x509_crt_set_version (crt, 3);
    gnutls_x509_crt_set_serial (crt, "\x01\xab", 2);
    gnutls_x509_crt_set_activation_time (crt, 1700000000);
    gnutls_x509_crt_set_expiration_time (crt, 1800000000);
    g_assert_cmpint (gnutls_x509_crt_sign2 (crt, crt, key, GNUTLS_DIG_SHA256, 0), ==, 0);
    g_assert_cmpint (gnutls_x509_crt_export2 (crt, GNUTLS_X509_FMT_DER, &der), ==, 0);
    put (out, der.data, der.size);
    gnutls_free (der.data);
    gnutls_x509_crt_deinit (crt);
    return out;
}

static void
put_list (GByteArray *out, const char *name)
{
    g_autoptr (GByteArray) der = make_certificate (name);

    put (out, x509_guid, GUID_LEN);
    put32 (out, 28 + GUID_LEN + der->len);
    put32 (out, 0);
    put32 (out, GUID_LEN + der->len);
    put_zeros (out, GUID_LEN);
    put (out, der->data, der->len);
}

static void
put_variable (GByteArray *out, guint8 state, const char *name, const guint8 *vendor,
              const GByteArray *data)
{
    const guint8 head[4] = { 0xaa, 0x55, state, 0 };

    put (out, head, 4);
    put_zeros (out, 32);
    put32 (out, 2 * (strlen (name) + 1));
    put32 (out, data->len);
    put (out, vendor, GUID_LEN);
    for (gsize i = 0; i <= strlen (name); i++) {
        const guint8 letter[2] = { (guint8)name[i], 0 };

        put (out, letter, 2);
    }
    put (out, data->data, data->len);
    put_zeros (out, (4 - out->len % 4) % 4);
}

static void
put_names (GByteArray *out, guint8 state, const char *name, const guint8 *vendor,
           const char *const *subjects)
{
    g_autoptr (GByteArray) lists = g_byte_array_new ();

    for (; subjects && *subjects; subjects++)
        put_list (lists, *subjects);
    put_variable (out, state, name, vendor, lists);
}

static GByteArray *
begin_store (void)
{
    GByteArray *out = g_byte_array_new ();

    put_zeros (out, 16);
    put (out, nv_data_guid, GUID_LEN);
    put_zeros (out, 8);
    put (out, "_FVH", 4);
    put_zeros (out, 4);
    put (out, "\x48\0\0\0\0\0\0\x02", 8);
    put_zeros (out, 16);
    put (out, store_guid, GUID_LEN);
    put32 (out, 512 * 1024);
    put_zeros (out, 8);
    return out;
}

static KnVarStore *
read_store (const GByteArray *bytes)
{
    g_autoptr (GError) error = NULL;
    KnVarStore *store = kn_varstore_parse (bytes->data, bytes->len, &error);

    g_assert_no_error (error);
    g_assert_nonnull (store);
    return store;
}

static void
test_debian (void)
{
    g_autofree char *bytes = NULL;
    g_autoptr (GError) error = NULL;
    gsize len = 0;

    if (!g_file_get_contents (OVMF, &bytes, &len, NULL)) {
        g_test_skip ("no OVMF here");
        return;
    }
    g_autoptr (KnVarStore) store = kn_varstore_parse (bytes, len, &error);
    g_assert_no_error (error);
    g_autofree char *kek = kn_varstore_subjects (store->kek);
    g_autofree char *db = kn_varstore_subjects (store->db);

    g_assert_true (store->enforced);
    g_assert_cmpuint (store->pk->len, ==, 1);
    g_assert_nonnull (strstr (kek, "Microsoft Corporation KEK CA 2011"));
    g_assert_nonnull (strstr (db, "Microsoft Windows Production PCA 2011"));
    g_assert_nonnull (strstr (db, "Microsoft Corporation UEFI CA 2011"));
    const KnVarCertificate *first = store->db->pdata[0];
    g_assert_cmpuint (strlen (first->serial), >, 8);
}

static void
test_generations (void)
{
    static const struct {
        const char *kek[3], *db[4], *summary;
        bool only_2011;
    } cases[] = {
        { { "Microsoft Corporation KEK CA 2011" },
          { "Microsoft Windows Production PCA 2011", "Microsoft Corporation UEFI CA 2011" },
          "2011",
          true },
        { { "Microsoft Corporation KEK CA 2011", "Microsoft Corporation KEK 2K CA 2023" },
          { "Microsoft Windows Production PCA 2011", "Windows UEFI CA 2023" },
          "2011, 2023",
          false },
        { { "Microsoft Corporation KEK 2K CA 2023" },
          { "Windows UEFI CA 2023", "Microsoft UEFI CA 2023", "Microsoft Option ROM UEFI CA 2023" },
          "2023",
          false },
        { { "Our own" }, { "Our own" }, "other", false },
        { { NULL }, { NULL }, "none", false },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autoptr (GByteArray) bytes = begin_store ();
        put_names (bytes, 0x3f, "KEK", global_guid, cases[i].kek);
        put_names (bytes, 0x3f, "db", security_guid, cases[i].db);
        g_autoptr (KnVarStore) store = read_store (bytes);

        g_assert_cmpstr (kn_varstore_summary (store), ==, cases[i].summary);
        g_assert_true (kn_varstore_is_only_2011 (store) == cases[i].only_2011);
        g_assert_false (store->enforced);
    }
}

/* Deleted ones do not count; one that is being replaced counts until the new one is complete, wherever that stands. */
static void
test_states (void)
{
    const char *const old[] = { "Microsoft Corporation UEFI CA 2011", NULL };
    const char *const current[] = { "Windows UEFI CA 2023", NULL };
    g_autoptr (GByteArray) leaving = begin_store (), replaced = begin_store ();

    put_names (leaving, 0x3d, "db", security_guid, current);
    put_names (leaving, 0x3e, "db", security_guid, old);
    put_names (leaving, 0x7f, "db", security_guid, current);
    put_names (leaving, 0x3f, "db", global_guid, current);
    g_autoptr (KnVarStore) one = read_store (leaving);
    g_assert_cmpstr (kn_varstore_summary (one), ==, "2011");

    put_names (replaced, 0x3f, "db", security_guid, current);
    put_names (replaced, 0x3e, "db", security_guid, old);
    g_autoptr (KnVarStore) other = read_store (replaced);
    g_assert_cmpstr (kn_varstore_summary (other), ==, "2023");
    const KnVarCertificate *certificate = other->db->pdata[0];
    g_assert_cmpstr (certificate->serial, ==, "01ab");
}

static void
test_enforced (void)
{
    const char *const key[] = { "Platform key", NULL };

    for (guint8 on = 0; on < 3; on++) { /* 2: nothing is said of it */
        g_autoptr (GByteArray) bytes = begin_store (), value = g_byte_array_new ();

        put_names (bytes, 0x3f, "PK", global_guid, key);
        put (value, &on, 1);
        if (on < 2)
            put_variable (bytes, 0x3f, "SecureBootEnable", enable_guid, value);
        g_autoptr (KnVarStore) store = read_store (bytes);
        g_assert_true (store->enforced == (on > 0));
    }
}

static void
test_text (void)
{
    const char *const names[] = { "a\x01\x7f; \xc3\xa9", NULL };
    g_autoptr (GByteArray) bytes = begin_store ();

    put_names (bytes, 0x3f, "db", security_guid, names);
    g_autoptr (KnVarStore) store = read_store (bytes);
    const KnVarCertificate *certificate = store->db->pdata[0];
    g_assert_true (g_utf8_validate (certificate->subject, -1, NULL));
    for (const char *at = certificate->subject; *at; at = g_utf8_next_char (at))
        g_assert_true (g_unichar_isprint (g_utf8_get_char (at)));
}

/* Cut anywhere or with any byte changed, it is read or refused, and nothing worse. */
static void
test_broken (void)
{
    const char *const names[] = { "Windows UEFI CA 2023", NULL };
    g_autoptr (GByteArray) bytes = begin_store ();
    guint refused = 0;

    put_names (bytes, 0x3f, "db", security_guid, names);
    for (gsize len = 0; len < bytes->len; len++) {
        g_autofree guint8 *part = g_memdup2 (bytes->data, len);
        g_autoptr (GError) error = NULL;
        g_autoptr (KnVarStore) store = kn_varstore_parse (part, len, &error);

        g_assert_true ((store == NULL) == (error != NULL));
        refused += store == NULL;
    }
    g_assert_cmpuint (refused, >, 0);
    for (gsize at = 0; at < bytes->len; at++)
        for (guint bit = 0; bit < 8; bit++) {
            g_autoptr (GError) error = NULL;
            bytes->data[at] ^= (guint8)(1u << bit);
            g_autoptr (KnVarStore) store = kn_varstore_parse (bytes->data, bytes->len, &error);
            g_assert_true ((store == NULL) == (error != NULL));
            bytes->data[at] ^= (guint8)(1u << bit);
        }
}

static void
test_many (void)
{
    g_autoptr (GByteArray) bytes = begin_store (), lists = g_byte_array_new ();
    g_autoptr (GError) error = NULL;

    for (int i = 0; i < 65; i++)
        put_list (lists, "x");
    put_variable (bytes, 0x3f, "db", security_guid, lists);
    g_assert_null (kn_varstore_parse (bytes->data, bytes->len, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
    g_assert_nonnull (strstr (error->message, "too many"));
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/varstore/debian", test_debian);
    g_test_add_func ("/varstore/generations", test_generations);
    g_test_add_func ("/varstore/states", test_states);
    g_test_add_func ("/varstore/enforced", test_enforced);
    g_test_add_func ("/varstore/text", test_text);
    g_test_add_func ("/varstore/broken", test_broken);
    g_test_add_func ("/varstore/many", test_many);
    return g_test_run ();
}
