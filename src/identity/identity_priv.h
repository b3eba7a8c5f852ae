/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the Identity service. */
#pragma once

#include "identity/identity.h"
#include "identity/password.h"
#include "identity/token.h"

struct KnIdentity {
    KnService service;
    KnDbPool *db;
    KnPasswords *passwords;
    KnTokenKeys *keys;
    gint64 token_lifetime_us;
    const KnService *const *catalog;
    char *region;
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

/* Writes `"catalog": […]`. */
void kn_identity_write_catalog (KnJw *w, KnRequest *req);
