/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of flavors, their extra specs and their access lists. */
#pragma once

#include "compute/flavor.h"

/* Which flavors a list shows. */
typedef enum {
    KN_FLAVORS_ALL,
    KN_FLAVORS_USABLE, /* public ones, and private ones of the project */
    KN_FLAVORS_PRIVATE,
} KnFlavorScope;

/* KnFlavor *, without extra specs, by row id. */
GPtrArray *kn_store_flavor_list (KnDb *db, KnFlavorScope scope, const char *project_id,
                                 GError **error);
/* NULL without error if there is none that @project_id (NULL: any) may use. With extra specs. */
KnFlavor *kn_store_flavor_find (KnDb *db, const char *flavor_id, const char *project_id,
                                GError **error);
/* Whether any flavor is or was there. */
bool kn_store_flavor_any (KnDb *db, bool *out_any, GError **error);
/* Errors: CONFLICT for a taken id or name. */
bool kn_store_flavor_insert (KnDb *db, const KnFlavor *flavor, GError **error);
bool kn_store_flavor_delete (KnDb *db, const KnFlavor *flavor, GError **error);

bool kn_store_flavor_set_spec (KnDb *db, gint64 id, const char *key, const char *value,
                               GError **error);
bool kn_store_flavor_unset_spec (KnDb *db, gint64 id, const char *key, GError **error);

/* Ids of projects that may use a private flavor; char *. */
GPtrArray *kn_store_flavor_list_projects (KnDb *db, gint64 id, GError **error);
/* Errors: CONFLICT. */
bool kn_store_flavor_grant (KnDb *db, gint64 id, const char *project_id, GError **error);
bool kn_store_flavor_revoke (KnDb *db, gint64 id, const char *project_id, bool *out_was,
                             GError **error);
