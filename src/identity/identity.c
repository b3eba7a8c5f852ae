/* SPDX-License-Identifier: Apache-2.0 */
/* The Identity service: its context and its row. */
#include "identity/auth.h"

#include "http/fault.h"

#include <sodium.h>

/* Every *_api.c of this folder. */
static const KnRouteTable *const route_tables[] = {
    &kn_identity_version_routes,    &kn_identity_token_routes,      &kn_identity_reach_routes,
    &kn_identity_domain_routes,     &kn_identity_project_routes,    &kn_identity_tag_routes,
    &kn_identity_user_routes,       &kn_identity_group_routes,      &kn_identity_role_routes,
    &kn_identity_grant_routes,      &kn_identity_assignment_routes, &kn_identity_catalog_routes,
    &kn_identity_credential_routes,
};

static GArray *
collect_routes (void)
{
    GArray *routes = g_array_new (FALSE, FALSE, sizeof (KnRoute));

    for (guint i = 0; i < G_N_ELEMENTS (route_tables); i++)
        g_array_append_vals (routes, route_tables[i]->routes, (guint)route_tables[i]->n_routes);
    return routes;
}

KnIdentity *
kn_identity_new (const KnIdentityOptions *options, GError **error)
{
    g_autoptr (KnTokenKeys) keys = kn_token_keys_load (options->key_file, error);

    if (!keys)
        return NULL;

    KnIdentity *identity = g_new0 (KnIdentity, 1);
    identity->db = options->db;
    identity->keys = g_steal_pointer (&keys);
    identity->passwords = kn_passwords_new (options->hash_parallel ? options->hash_parallel : 2);
    identity->token_lifetime_us
        = (gint64)(options->token_lifetime_s ? options->token_lifetime_s : 3600) * G_USEC_PER_SEC;
    identity->catalog = options->catalog;
    identity->region = g_strdup (options->region);
    randombytes_buf (&identity->serial, sizeof identity->serial);
    identity->routes = collect_routes ();
    identity->service = (KnService){
        .type = "identity",
        .name = "keystone",
        .prefix = "/identity",
        .endpoint = "/v3",
        .routes = (const KnRoute *)(void *)identity->routes->data,
        .n_routes = identity->routes->len,
        .write_fault = kn_fault_write_identity,
        .any_scope = true,
        .data = identity,
    };
    return identity;
}

void
kn_identity_free (KnIdentity *identity)
{
    if (!identity)
        return;
    kn_passwords_free (identity->passwords);
    kn_token_keys_free (identity->keys);
    kn_identity_free_ids (identity);
    g_array_unref (identity->routes);
    g_free (identity->region);
    g_free (identity);
}

const KnService *
kn_identity_service (KnIdentity *identity)
{
    return &identity->service;
}

KnAuthOps
kn_identity_auth_ops (KnIdentity *identity)
{
    return (KnAuthOps){ kn_auth_authenticate, identity };
}
