/* SPDX-License-Identifier: Apache-2.0 */
/* A flavor: how large a server is. */
#pragma once

#include "db/db.h"

typedef struct {
    gint64 id;       /* of the row: instances.instance_type_id */
    char *flavor_id; /* of the API: "3" */
    char *name;
    gint64 vcpus, memory_mib, root_gib, ephemeral_gib, swap_mib;
    double rxtx_factor; /* kept and shown, has no effect */
    bool is_public, disabled;
    GHashTable *extra_specs; /* char* -> char*; never NULL */
} KnFlavor;

KnFlavor *kn_flavor_new (void);
void kn_flavor_free (KnFlavor *flavor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnFlavor, kn_flavor_free)

/* The flavor @flavor_id as @project_id may use it (NULL: any), with its extra specs. Errors: NOT_FOUND (public). */
KnFlavor *kn_flavor_load (KnDb *db, const char *flavor_id, const char *project_id, GError **error);

/* m1.tiny … m1.xlarge with ids 1 … 5, unless there is or ever was a flavor. */
bool kn_flavor_bootstrap (KnDb *db, GError **error);

/* Appends the routes of flavors, their extra specs and access lists. */
void kn_flavor_add_routes (GArray *routes);
