/* SPDX-License-Identifier: Apache-2.0 */
/* What ties a server to its host. */
#include "compute/move.h"

#include "base/error.h"
#include "compute/facts.h"

#define HOME_KEY "state host" /* with a blank: not hardware that is shown */

/* What of an identity says that there is state outside the disks. */
static const char *
find_state (GHashTable *identity)
{
    if (g_hash_table_contains (identity, "tpm_version"))
        return "the state of its TPM";
    if (g_strcmp0 (g_hash_table_lookup (identity, "firmware"), "uefi") == 0)
        return "the variables of its UEFI";
    return NULL;
}

void
kn_identity_settle (GHashTable *identity, const char *host)
{
    if (find_state (identity) != NULL)
        g_hash_table_replace (identity, g_strdup (HOME_KEY), g_strdup (host));
}

bool
kn_identity_check_move (GHashTable *identity, const char *uuid, const char *host, GError **error)
{
    const char *home = identity != NULL ? g_hash_table_lookup (identity, HOME_KEY) : NULL;
    const char *state = identity != NULL ? find_state (identity) : NULL;

    if (home == NULL || state == NULL || g_strcmp0 (home, host) == 0)
        return true;
    kn_error_public (error, KN_ERROR_CONFLICT,
                     "Server %s cannot run on host %s: that would lose %s, which is on host %s. "
                     "Let it run there, or rebuild it without preserve_ephemeral.",
                     uuid, host, state, home);
    return false;
}

bool
kn_server_check_move (KnDb *db, const KnServer *server, const char *host, GError **error)
{
    g_autoptr (GHashTable) identity = NULL;

    return kn_server_load_identity (db, server->uuid, &identity, error)
           && kn_identity_check_move (identity, server->uuid, host, error);
}
