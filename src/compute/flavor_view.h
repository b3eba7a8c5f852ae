/* SPDX-License-Identifier: Apache-2.0 */
/* A flavor as JSON, and what the API files of flavors share. */
#pragma once

#include "compute/compute_priv.h"
#include "compute/flavor.h"

typedef enum { KN_FLAVOR_BRIEF, KN_FLAVOR_FULL } KnFlavorView;

/* Writes the object. */
void kn_flavor_write (KnJw *w, const KnRequest *req, const KnFlavor *flavor, KnFlavorView view);

/* The flavor named by the path's {id}, as the caller may see it; administrators see all. Errors: NOT_FOUND (public). */
KnFlavor *kn_flavor_of (const KnRequest *req, KnDb *db, GError **error);

/* This request's connection. */
KnDb *kn_flavor_db (const KnRequest *req, GError **error);

/* Tables of routes of the other files. */
void kn_flavor_list_add_routes (GArray *routes);
void kn_flavor_specs_add_routes (GArray *routes);
void kn_flavor_access_add_routes (GArray *routes);
