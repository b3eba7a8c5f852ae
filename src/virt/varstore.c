/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of UEFI variable stores. Layouts: UEFI 2.10 (EFI_SIGNATURE_LIST, 32.4.1), Platform Initialization 1.7 volume 3
 * (EFI_FIRMWARE_VOLUME_HEADER), EDK2 MdeModulePkg/Include/Guid/VariableFormat.h (the store and its variables). */
#include "virt/varstore.h"

#include <gnutls/x509.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"

#define VOLUME_HEADER 56 /* without its block map */
#define STORE_HEADER 28
#define VARIABLE_HEADER 60
#define LIST_HEADER 28
#define GUID_LEN 16
#define VARIABLE_START 0x55aa
#define STATE_ADDED 0x3f
#define STATE_LEAVING 0x3e /* valid unless a newer one is complete */
#define CERTIFICATES_MAX 64
#define TEXT_MAX 128
#define SERIAL_MAX 20 /* RFC 5280, 4.1.2.2 */

typedef struct {
    const guint8 *bytes;
    gsize len;
} Span;

/* GUIDs as they lie in memory: the first three parts little-endian. */
static const guint8 nv_data_guid[] = { 0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c,
                                       0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50 };
static const guint8 store_guid[] = { 0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43,
                                     0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92 };
static const guint8 global_guid[] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                      0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };
static const guint8 security_guid[] = { 0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45,
                                        0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f };
static const guint8 enable_guid[] = { 0xc7, 0x0b, 0xa3, 0xf0, 0x08, 0xaf, 0x56, 0x45,
                                      0x99, 0xc4, 0x00, 0x10, 0x09, 0xc9, 0x3a, 0x44 };
static const guint8 x509_guid[] = { 0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
                                    0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72 };

/* Microsoft's certificates for Secure Boot by their common names. */
static const struct {
    const char *subject;
    guint year;
} known[] = {
    { "Microsoft Corporation KEK CA 2011", 2011 },
    { "Microsoft Windows Production PCA 2011", 2011 },
    { "Microsoft Corporation UEFI CA 2011", 2011 },
    { "Microsoft Corporation KEK 2K CA 2023", 2023 },
    { "Windows UEFI CA 2023", 2023 },
    { "Microsoft UEFI CA 2023", 2023 },
    { "Microsoft Option ROM UEFI CA 2023", 2023 },
};

static guint16
get16 (const guint8 *at)
{
    return (guint16)(at[0] | at[1] << 8);
}

static guint32
get32 (const guint8 *at)
{
    return get16 (at) | (guint32)get16 (at + 2) << 16;
}

static void
free_certificate (gpointer data)
{
    KnVarCertificate *certificate = data;

    g_free (certificate->subject);
    g_free (certificate->serial);
    g_free (certificate);
}

void
kn_varstore_free (KnVarStore *store)
{
    if (!store)
        return;
    g_ptr_array_unref (store->pk);
    g_ptr_array_unref (store->kek);
    g_ptr_array_unref (store->db);
    g_free (store);
}

static bool
fail (GError **error, const char *why)
{
    kn_error_set (error, KN_ERROR_BAD_REQUEST, "cannot read the variable store: %s", why);
    return false;
}

/* ---- certificates ---- */

/* A copy that is short and printable, whatever was in the certificate. */
static char *
tidy (const char *text)
{
    g_autofree char *valid = g_utf8_make_valid (text, -1);
    GString *out = g_string_new (NULL);

    for (const char *at = valid; *at && out->len < TEXT_MAX; at = g_utf8_next_char (at)) {
        gunichar letter = g_utf8_get_char (at);

        g_string_append_unichar (out, g_unichar_isprint (letter) ? letter : '?');
    }
    return g_string_free (out, false);
}

static char *
read_subject (gnutls_x509_crt_t crt)
{
    char name[512];
    size_t len = sizeof name - 1;

    if (gnutls_x509_crt_get_dn_by_oid (crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &len) != 0) {
        len = sizeof name - 1;
        if (gnutls_x509_crt_get_dn (crt, name, &len) != 0)
            return g_strdup ("?");
    }
    name[MIN (len, sizeof name - 1)] = '\0';
    return tidy (name);
}

static char *
read_serial (gnutls_x509_crt_t crt)
{
    guint8 serial[SERIAL_MAX * 2];
    size_t len = sizeof serial;
    GString *text = g_string_new (NULL);

    if (gnutls_x509_crt_get_serial (crt, serial, &len) != 0)
        len = 0;
    for (size_t i = 0; i < len; i++)
        g_string_append_printf (text, "%02x", serial[i]);
    return g_string_free (text, false);
}

static guint
find_year (const char *subject)
{
    for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
        if (strcmp (known[i].subject, subject) == 0)
            return known[i].year;
    return 0;
}

static bool
add_certificate (GPtrArray *out, Span der, GError **error)
{
    gnutls_x509_crt_t crt = NULL;
    gnutls_datum_t datum = { (unsigned char *)der.bytes, (unsigned int)der.len };

    if (out->len == CERTIFICATES_MAX)
        return fail (error, "it has too many certificates");
    if (gnutls_x509_crt_init (&crt) != 0)
        return fail (error, "no memory for a certificate");
    if (gnutls_x509_crt_import (crt, &datum, GNUTLS_X509_FMT_DER) != 0) {
        gnutls_x509_crt_deinit (crt);
        return fail (error, "a certificate in it is none");
    }

    KnVarCertificate *certificate = g_new0 (KnVarCertificate, 1);
    certificate->subject = read_subject (crt);
    certificate->serial = read_serial (crt);
    certificate->year = find_year (certificate->subject);
    g_ptr_array_add (out, certificate);
    gnutls_x509_crt_deinit (crt);
    return true;
}

/* A variable of signature lists; those of hashes and bare keys are passed over. */
static bool
read_lists (GPtrArray *out, Span data, GError **error)
{
    while (data.len > 0) {
        if (data.len < LIST_HEADER)
            return fail (error, "a signature list is cut off");
        gsize size = get32 (data.bytes + 16), header = get32 (data.bytes + 20);
        gsize each = get32 (data.bytes + 24);
        bool fits = size >= LIST_HEADER && size <= data.len && header <= size - LIST_HEADER
                    && each > GUID_LEN && (size - LIST_HEADER - header) % each == 0;

        if (!fits)
            return fail (error, "a signature list has impossible sizes");
        bool certificates = memcmp (data.bytes, x509_guid, GUID_LEN) == 0;
        for (gsize at = LIST_HEADER + header; certificates && at < size; at += each) {
            Span der = { data.bytes + at + GUID_LEN, each - GUID_LEN };

            if (!add_certificate (out, der, error))
                return false;
        }
        data.bytes += size;
        data.len -= size;
    }
    return true;
}

/* ---- variables ---- */

typedef struct {
    const char *name;
    const guint8 *vendor;
    Span data;
    bool complete; /* not one that was about to be replaced */
} Wanted;

enum { WANT_PK, WANT_KEK, WANT_DB, WANT_ENABLE, WANT_N };

/* UTF-16 with its end. */
static bool
is_named (Span name, const char *wish)
{
    gsize letters = strlen (wish) + 1;

    if (name.len != letters * 2)
        return false;
    for (gsize i = 0; i < letters; i++)
        if (get16 (name.bytes + 2 * i) != (guchar)wish[i])
            return false;
    return true;
}

static void
take_variable (Wanted *wanted, const guint8 *header, Span name, Span data)
{
    guint8 state = header[2];

    if (state != STATE_ADDED && state != STATE_LEAVING)
        return;
    for (gsize i = 0; i < WANT_N; i++) {
        Wanted *want = &wanted[i];
        bool same
            = memcmp (header + 44, want->vendor, GUID_LEN) == 0 && is_named (name, want->name);

        if (same && (state == STATE_ADDED || !want->complete)) {
            want->data = data;
            want->complete = state == STATE_ADDED;
        }
    }
}

static bool
read_variables (Span store, Wanted *wanted, GError **error)
{
    gsize at = STORE_HEADER;

    while (at + VARIABLE_HEADER <= store.len && get16 (store.bytes + at) == VARIABLE_START) {
        const guint8 *header = store.bytes + at;
        gsize name_len = get32 (header + 36), data_len = get32 (header + 40);
        gsize left = store.len - at - VARIABLE_HEADER;

        if (name_len > left || data_len > left - name_len)
            return fail (error, "a variable is longer than the store");
        const guint8 *name = header + VARIABLE_HEADER;
        take_variable (wanted, header, (Span){ name, name_len },
                       (Span){ name + name_len, data_len });
        at += (VARIABLE_HEADER + name_len + data_len + 3) & ~(gsize)3;
    }
    return true;
}

/* The variable store within the firmware volume that @bytes begin with. */
static bool
find_store (Span bytes, Span *out_store, GError **error)
{
    if (bytes.len < VOLUME_HEADER + STORE_HEADER || memcmp (bytes.bytes + 40, "_FVH", 4) != 0
        || memcmp (bytes.bytes + 16, nv_data_guid, GUID_LEN) != 0)
        return fail (error, "it does not begin with a firmware volume of variables");
    gsize header = get16 (bytes.bytes + 48);
    if (header < VOLUME_HEADER || header > bytes.len - STORE_HEADER)
        return fail (error, "the volume's header has an impossible size");
    const guint8 *store = bytes.bytes + header;
    if (memcmp (store, store_guid, GUID_LEN) != 0)
        return fail (error, "its variables are not of the authenticated kind");
    gsize size = get32 (store + 16);
    if (size < STORE_HEADER)
        return fail (error, "the store has an impossible size");
    *out_store = (Span){ store, MIN (size, bytes.len - header) };
    return true;
}

KnVarStore *
kn_varstore_parse (const void *bytes, gsize len, GError **error)
{
    Wanted wanted[WANT_N] = {
        [WANT_PK] = { "PK", global_guid },
        [WANT_KEK] = { "KEK", global_guid },
        [WANT_DB] = { "db", security_guid },
        [WANT_ENABLE] = { "SecureBootEnable", enable_guid },
    };
    Span store;

    if (!find_store ((Span){ bytes, len }, &store, error) || !read_variables (store, wanted, error))
        return NULL;
    g_autoptr (KnVarStore) out = g_new0 (KnVarStore, 1);
    out->pk = g_ptr_array_new_with_free_func (free_certificate);
    out->kek = g_ptr_array_new_with_free_func (free_certificate);
    out->db = g_ptr_array_new_with_free_func (free_certificate);
    if (!read_lists (out->pk, wanted[WANT_PK].data, error)
        || !read_lists (out->kek, wanted[WANT_KEK].data, error)
        || !read_lists (out->db, wanted[WANT_DB].data, error))
        return NULL;
    Span enable = wanted[WANT_ENABLE].data;
    out->enforced = out->pk->len > 0 && (enable.len != 1 || *enable.bytes != 0);
    return g_steal_pointer (&out);
}

/* ---- what it means ---- */

static bool
has_year (const KnVarStore *store, guint year)
{
    const GPtrArray *const both[] = { store->kek, store->db };

    for (gsize i = 0; i < G_N_ELEMENTS (both); i++)
        for (guint j = 0; j < both[i]->len; j++)
            if (((const KnVarCertificate *)both[i]->pdata[j])->year == year)
                return true;
    return false;
}

const char *
kn_varstore_summary (const KnVarStore *store)
{
    bool old = has_year (store, 2011), current = has_year (store, 2023);

    if (old || current)
        return old && current ? "2011, 2023" : old ? "2011" : "2023";
    return store->kek->len + store->db->len > 0 ? "other" : "none";
}

bool
kn_varstore_is_only_2011 (const KnVarStore *store)
{
    return has_year (store, 2011) && !has_year (store, 2023);
}

char *
kn_varstore_subjects (const GPtrArray *certificates)
{
    GString *text = g_string_new (NULL);

    for (guint i = 0; i < certificates->len; i++) {
        const KnVarCertificate *certificate = certificates->pdata[i];

        g_string_append_printf (text, "%s%s", i > 0 ? "; " : "", certificate->subject);
    }
    return g_string_free (text, false);
}
