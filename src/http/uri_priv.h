/* SPDX-License-Identifier: Apache-2.0 */
/* The request target, split and decoded: path segments first split at '/', then decoded, so that %2F stays inside its segment. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define KN_URI_MAX_LEN 8192
#define KN_URI_MAX_SEGMENTS 24
#define KN_URI_MAX_QUERY 256

typedef struct {
    const char *name, *value;
} KnPair;

typedef struct {
    const char *path; /* as sent, without the query */
    guint n_segments, n_query;
    const char *segments[KN_URI_MAX_SEGMENTS]; /* decoded; a trailing slash adds none */
    KnPair *query;                             /* decoded, in order */
} KnUri;

/* Parses an origin-form target ("/a/b?c=d"). Errors (public, BAD_REQUEST): form, length, counts, escapes, NUL, not UTF-8. */
KnUri *kn_uri_parse (const char *target, GError **error);
void kn_uri_free (KnUri *uri);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnUri, kn_uri_free)

/* The first query value called @name, or NULL. */
const char *kn_uri_query (const KnUri *uri, const char *name);
