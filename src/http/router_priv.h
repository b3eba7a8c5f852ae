/* SPDX-License-Identifier: Apache-2.0 */
/* The route tables of all services, compiled once: finding a row costs one step a path segment. */
#pragma once

#include "http/route.h"
#include "http/uri_priv.h"

#define KN_ROUTE_MAX_PARAMS 6

/* A compiled row. */
typedef struct {
    const KnRoute *route;
    guint n_params;
    struct {
        char *name;
        guint segment; /* counted after the service's prefix */
    } params[KN_ROUTE_MAX_PARAMS];
} KnRow;

typedef struct KnRouter KnRouter;

/* Compiles the tables. Errors: INTERNAL naming a row that is malformed or occurs twice. */
KnRouter *kn_router_new (const KnService *const *services, gsize n_services, GError **error);
void kn_router_free (KnRouter *router);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnRouter, kn_router_free)

/* The index of the service whose prefix is the longest that matches, or -1. @out_first: number of segments of the prefix. */
int kn_router_find_service (const KnRouter *router, const KnUri *uri, guint *out_first);

/* The row of service @index for @method at microversion @minor, or NULL. HEAD is served by GET rows. If other methods exist
 * for the path, *@out_allow lists them (caller frees), else it is NULL. */
const KnRow *kn_router_find (const KnRouter *router, int index, const KnUri *uri, guint first,
                             const char *method, guint minor, char **out_allow);
