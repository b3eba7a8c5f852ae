/* SPDX-License-Identifier: Apache-2.0 */
/* Who is calling. http knows tokens only through this table, which main fills with identity's functions. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* What a route demands of the caller. */
typedef enum {
    KN_ROLE_NONE,   /* no token wanted */
    KN_ROLE_TOKEN,  /* any valid token, also an unscoped one */
    KN_ROLE_READER, /* a role on the project: reader, member or admin */
    KN_ROLE_MEMBER, /* member or admin */
    KN_ROLE_ADMIN,  /* admin */
} KnRole;

/* The caller of a request: everything a token says, still true at this moment. */
typedef struct {
    char *user_id, *user_name, *user_domain_id;
    char *project_id, *project_name; /* NULL: not scoped to a project */
    char *domain_id;                 /* NULL: not scoped to a domain */
    char *token_id;                  /* audit id of the token, never the token */
    gint64 expires_us;
    /* By an application credential that may not make or delete others. */
    bool delegated;
    KnRole role; /* the strongest of the caller's roles; TOKEN if unscoped or none of ours */
} KnAuth;

void kn_auth_clear (KnAuth *auth);

typedef struct {
    /* Fills @out_auth from the token text. Errors: UNAUTHORIZED. Called on HTTP threads: point reads only. */
    bool (*authenticate) (gpointer data, const char *token, KnAuth *out_auth, GError **error);
    gpointer data;
} KnAuthOps;
