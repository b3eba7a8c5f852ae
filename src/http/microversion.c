/* SPDX-License-Identifier: Apache-2.0 */
/* Microversions: "X-OpenStack-Nova-API-Version: 2.1" and "OpenStack-API-Version: compute 2.1". */
#include "http/request_priv.h"

#include <string.h>

#include "base/error.h"
#include "base/util.h"

/* Finds the version that the modern header names for @type; false: the header is malformed. NULL: it names other services only. */
static bool
pick_version (const char *type, const char *header, char **out_version)
{
    g_auto (GStrv) items = g_strsplit (header, ",", 16);

    for (char **item = items; *item != NULL; item++) {
        g_auto (GStrv) words = NULL;

        g_strstrip (*item);
        words = g_strsplit_set (*item, " \t", 2);
        if (words[0] == NULL || words[1] == NULL)
            return false;
        if (g_ascii_strcasecmp (words[0], type) == 0) {
            g_free (*out_version);
            *out_version = g_strdup (g_strstrip (words[1]));
        }
    }
    return true;
}

static bool
parse_digits (const char *text, gint64 *out_value)
{
    return strlen (text) <= 5 && strspn (text, "0123456789") == strlen (text)
           && (text[0] != '0' || text[1] == '\0') && kn_parse_int (text, 0, 99999, out_value);
}

static bool
set_malformed (GError **error, const char *text)
{
    kn_error_public (error, KN_ERROR_BAD_REQUEST,
                     "API Version String %s is of invalid format. Must be of format "
                     "MajorNum.MinorNum.",
                     text);
    return false;
}

bool
kn_microversion_parse (const char *type, guint max_minor, const char *legacy, const char *modern,
                       guint *out_minor, GError **error)
{
    g_autofree char *version = NULL;
    g_auto (GStrv) parts = NULL;
    gint64 major, minor;

    if (modern != NULL && !pick_version (type, modern, &version))
        return set_malformed (error, "of the OpenStack-API-Version header");
    if (version == NULL && legacy != NULL)
        version = g_strstrip (g_strdup (legacy));
    if (version == NULL) {
        *out_minor = 1;
        return true;
    }
    if (strcmp (version, "latest") == 0) {
        *out_minor = max_minor;
        return true;
    }
    parts = g_strsplit (version, ".", 3);
    if (g_strv_length (parts) != 2 || !parse_digits (parts[0], &major)
        || !parse_digits (parts[1], &minor) || major == 0)
        return set_malformed (error, version);
    if (major != 2 || minor < 1 || minor > max_minor) {
        kn_error_public (error, KN_ERROR_NOT_ACCEPTABLE,
                         "Version %s is not supported by the API. Minimum is 2.1 and maximum is "
                         "2.%u.",
                         version, max_minor);
        return false;
    }
    *out_minor = (guint)minor;
    return true;
}

static const KnDialect dialects[] = {
    { "compute", "X-Compute-Request-Id", "X-OpenStack-Nova-API-Version" },
    { "volumev3", "X-Compute-Request-Id", NULL },
};

const KnDialect *
kn_dialect_of (const KnService *service)
{
    static const KnDialect plain = { 0 };

    if (service == NULL || service->type == NULL)
        return &plain;
    for (gsize i = 0; i < G_N_ELEMENTS (dialects); i++)
        if (strcmp (dialects[i].type, service->type) == 0)
            return &dialects[i];
    return &plain;
}
