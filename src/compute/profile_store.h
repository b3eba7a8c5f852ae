/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of profiles: the one that a server is planned by, and what it was before. */
#pragma once

#include "compute/server.h"
#include "db/db.h"

/* What a server was before a change of its profile. */
typedef struct {
    gint64 id;
    char *created_at, *profile, *new_profile;
    char *identity; /* JSON; NULL: it had none yet */
    bool hardware;  /* that change let the rules choose the hardware anew */
} KnServerProfile;
void kn_server_profile_free (KnServerProfile *profile);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnServerProfile, kn_server_profile_free)

/* Newest first; array of KnServerProfile. */
GPtrArray *kn_store_profile_list (KnDb *db, const char *server, GError **error);

/* Writes down what the server is, and gives it @profile and @identity (JSON, NULL: to be frozen anew at the next start). In a
 * transaction. Only the last 32 changes can be undone. */
bool kn_store_profile_change (KnDb *db, const KnServer *server, const char *user_id,
                              const char *profile, const char *identity, bool hardware,
                              GError **error);

/* Makes the server what @earlier says, and forgets @earlier. In a transaction. Errors (public): CONFLICT: somebody did already. */
bool kn_store_profile_undo (KnDb *db, const char *server, const KnServerProfile *earlier,
                            GError **error);

/* Forgets all of it: a rebuilt server's disk knows nothing of earlier hardware. */
bool kn_store_profile_clear (KnDb *db, const char *server, GError **error);

/* Keeps jobs from beginning until the transaction ends. Errors (public): CONFLICT: one is under way. */
bool kn_store_profile_claim (KnDb *db, const char *server, GError **error);
