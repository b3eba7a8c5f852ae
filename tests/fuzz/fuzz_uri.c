/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: request targets, and the router with them. What is accepted, encoded again, means the same. */
#include "http/uri_priv.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static char *
format (const KnUri *uri)
{
    GString *text = g_string_new (uri->n_segments == 0 ? "/" : NULL);

    for (guint i = 0; i < uri->n_segments; i++) {
        g_string_append_c (text, '/');
        g_string_append_uri_escaped (text, uri->segments[i], NULL, TRUE);
    }
    /* An empty last segment would read as a trailing slash. */
    if (uri->n_segments > 0 && *uri->segments[uri->n_segments - 1] == '\0')
        g_string_append_c (text, '/');
    for (guint i = 0; i < uri->n_query; i++) {
        g_string_append_c (text, i == 0 ? '?' : '&');
        g_string_append_uri_escaped (text, uri->query[i].name, NULL, FALSE);
        g_string_append_c (text, '=');
        g_string_append_uri_escaped (text, uri->query[i].value, NULL, FALSE);
    }
    return g_string_free (text, FALSE);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    g_autofree char *target = g_strndup ((const char *)data, size);
    g_autoptr (GError) error = NULL;
    g_autoptr (KnUri) uri = kn_uri_parse (target, &error);

    g_assert_true ((uri == NULL) == (error != NULL));
    if (uri == NULL)
        return 0;

    g_autofree char *text = format (uri);
    g_autoptr (KnUri) again = strlen (text) <= KN_URI_MAX_LEN ? kn_uri_parse (text, NULL) : NULL;

    if (again == NULL)
        return 0;
    g_assert_cmpuint (again->n_segments, ==, uri->n_segments);
    for (guint i = 0; i < uri->n_segments; i++)
        g_assert_cmpstr (again->segments[i], ==, uri->segments[i]);
    g_assert_cmpuint (again->n_query, ==, uri->n_query);
    for (guint i = 0; i < uri->n_query; i++)
        g_assert_cmpstr (again->query[i].value, ==, uri->query[i].value);
    return 0;
}
