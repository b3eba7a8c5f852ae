/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the Identity service. */
#pragma once

#include "identity/identity.h"
#include "identity/password.h"
#include "identity/token.h"

/* Ids of one of our own catalog entries. */
typedef struct {
    char *service, *endpoints[3]; /* as kn_identity_interfaces */
} KnCatalogIds;

struct KnIdentity {
    KnService service;
    KnDbPool *db;
    KnPasswords *passwords;
    KnTokenKeys *keys;
    gint64 token_lifetime_us;
    const KnService *const *catalog;
    char *region;
    guint64 serial;  /* random: tells this object from earlier ones at the same address */
    gsize ids_ready; /* for g_once_init_enter(): the catalog is complete only when requests come */
    KnCatalogIds *ids; /* as @catalog */
    guint n_ids;
    GArray *routes; /* of KnRoute: all routes of the service */
};

#define KN_DEFAULT_DOMAIN "default"

/* The route tables of the *_api.c files. */
typedef struct {
    const KnRoute *routes;
    gsize n_routes;
} KnRouteTable;

extern const KnRouteTable kn_identity_version_routes;
extern const KnRouteTable kn_identity_token_routes;
extern const KnRouteTable kn_identity_reach_routes;
extern const KnRouteTable kn_identity_domain_routes;
extern const KnRouteTable kn_identity_project_routes;
extern const KnRouteTable kn_identity_tag_routes;
extern const KnRouteTable kn_identity_user_routes;
extern const KnRouteTable kn_identity_group_routes;
extern const KnRouteTable kn_identity_role_routes;
extern const KnRouteTable kn_identity_grant_routes;
extern const KnRouteTable kn_identity_assignment_routes;
extern const KnRouteTable kn_identity_catalog_routes;
extern const KnRouteTable kn_identity_credential_routes;

/* Whose catalog it is; URLs that operators add may name them. */
typedef struct {
    const char *project_id; /* NULL: not scoped to a project */
    const char *user_id;
} KnCatalogFor;

/* Writes `"catalog": […]`: our own services, then what operators have added. */
bool kn_identity_write_catalog (KnJw *w, KnRequest *req, KnDb *db, const KnCatalogFor *whom,
                                GError **error);

/* "admin", "internal", "public"; NULL-terminated. */
extern const char *const kn_identity_interfaces[];

/* The ids of our own catalog entries, always the same. Borrowed. */
const KnCatalogIds *kn_identity_catalog_ids (KnIdentity *identity);
void kn_identity_free_ids (KnIdentity *identity);
