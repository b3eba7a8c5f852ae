/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers. */
#include "base/id.h"

#include <string.h>

/* Random part of our UUIDs' name space, made once. */
#define KN_ID_NAMESPACE "\x5d\x0c\x4b\x1e\x9a\x6f\x4e\x39\x8f\x27\x2b\x71\xd3\x60\xae\x94"

char *
kn_id_uuid (void)
{
    return g_uuid_string_random ();
}

/* The 32 hex digits of @uuid. */
static char *
strip_dashes (const char *uuid)
{
    char *hex = g_malloc (33);
    gsize n = 0;

    for (const char *c = uuid; *c; c++) {
        if (*c != '-')
            hex[n++] = *c;
    }
    hex[n] = '\0';
    return hex;
}

char *
kn_id_hex32 (void)
{
    g_autofree char *uuid = g_uuid_string_random ();

    return strip_dashes (uuid);
}

char *
kn_id_request (void)
{
    g_autofree char *uuid = g_uuid_string_random ();

    return g_strconcat ("req-", uuid, NULL);
}

char *
kn_id_from_name (const char *name)
{
    g_autoptr (GChecksum) sha1 = g_checksum_new (G_CHECKSUM_SHA1);
    guint8 d[20];
    gsize len = sizeof d;

    g_checksum_update (sha1, (const guchar *)KN_ID_NAMESPACE, 16);
    g_checksum_update (sha1, (const guchar *)name, -1);
    g_checksum_get_digest (sha1, d, &len);
    d[6] = (guint8)((d[6] & 0x0f) | 0x50); /* version 5 */
    d[8] = (guint8)((d[8] & 0x3f) | 0x80); /* RFC 4122 variant */
    return g_strdup_printf ("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                            d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10],
                            d[11], d[12], d[13], d[14], d[15]);
}

bool
kn_id_is_uuid (const char *text)
{
    if (!text || strlen (text) != 36)
        return false;
    for (guint i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text[i] != '-' : !g_ascii_isxdigit (text[i]))
            return false;
    }
    return true;
}

bool
kn_id_is_hex32 (const char *text)
{
    return text && strlen (text) == 32 && strspn (text, "0123456789abcdefABCDEF") == 32;
}
