/* SPDX-License-Identifier: Apache-2.0 */
/* Splits and decodes the request target. */
#include "http/uri_priv.h"

#include <string.h>

#include "base/error.h"

/* Decodes percent escapes in place; in queries '+' is a space. */
static bool
decode (char *text, bool plus)
{
    char *out = text;

    for (const char *in = text; *in != '\0'; in++) {
        if (*in == '%') {
            const int high = g_ascii_xdigit_value (in[1]);
            const int low = high < 0 ? -1 : g_ascii_xdigit_value (in[2]);

            if (low < 0 || (high == 0 && low == 0))
                return false;
            *out++ = (char)(high * 16 + low);
            in += 2;
        } else {
            *out++ = plus && *in == '+' ? ' ' : *in;
        }
    }
    *out = '\0';
    return g_utf8_validate (text, out - text, NULL);
}

static bool
bad_uri (GError **error, const char *what)
{
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "The URL is malformed: %s.", what);
    return false;
}

static bool
split_path (KnUri *uri, char *path, GError **error)
{
    char *next = path + 1;

    while (next != NULL && *next != '\0') {
        char *segment = next;

        next = strchr (segment, '/');
        if (next != NULL)
            *next++ = '\0';
        if (uri->n_segments == KN_URI_MAX_SEGMENTS)
            return bad_uri (error, "the path has too many parts");
        if (!decode (segment, false))
            return bad_uri (error, "the path has a bad escape or is not UTF-8");
        uri->segments[uri->n_segments++] = segment;
    }
    return true;
}

static bool
split_query (KnUri *uri, char *query, GError **error)
{
    char *next = query;

    while (next != NULL) {
        char *name = next;
        char *value;

        next = strchr (name, '&');
        if (next != NULL)
            *next++ = '\0';
        if (*name == '\0')
            continue;
        value = strchr (name, '=');
        if (value != NULL)
            *value++ = '\0';
        else
            value = name + strlen (name);
        if (!decode (name, true) || (*value != '\0' && !decode (value, true)))
            return bad_uri (error, "the query has a bad escape or is not UTF-8");
        uri->query[uri->n_query++] = (KnPair){ name, value };
    }
    return true;
}

static guint
count_pairs (const char *query)
{
    guint n = 1;

    for (; *query != '\0'; query++)
        n += *query == '&';
    return n;
}

KnUri *
kn_uri_parse (const char *target, GError **error)
{
    const gsize len = strlen (target);
    const char *mark = strchr (target, '?');
    const gsize path_len = mark != NULL ? (gsize)(mark - target) : len;
    const guint n_pairs = mark != NULL ? count_pairs (mark + 1) : 0;
    g_autoptr (KnUri) uri = NULL;
    char *path, *copy;

    if (target[0] != '/' || len > KN_URI_MAX_LEN) {
        bad_uri (error, target[0] != '/' ? "it does not start with a slash" : "it is too long");
        return NULL;
    }
    if (n_pairs > KN_URI_MAX_QUERY) {
        bad_uri (error, "the query has too many parts");
        return NULL;
    }
    /* One block: the struct, the pairs, the path as sent, and a copy that is cut up. */
    uri = g_malloc (sizeof (KnUri) + n_pairs * sizeof (KnPair) + path_len + 1 + len + 1);
    uri->n_segments = 0;
    uri->n_query = 0;
    uri->query = (KnPair *)(uri + 1);
    path = (char *)(uri->query + n_pairs);
    copy = path + path_len + 1;
    memcpy (path, target, path_len);
    path[path_len] = '\0';
    memcpy (copy, target, len + 1);
    copy[path_len] = '\0';
    uri->path = path;
    if (!split_path (uri, copy, error)
        || (mark != NULL && !split_query (uri, copy + path_len + 1, error)))
        return NULL;
    return g_steal_pointer (&uri);
}

void
kn_uri_free (KnUri *uri)
{
    g_free (uri);
}

const char *
kn_uri_query (const KnUri *uri, const char *name)
{
    for (guint i = 0; i < uri->n_query; i++)
        if (strcmp (uri->query[i].name, name) == 0)
            return uri->query[i].value;
    return NULL;
}
