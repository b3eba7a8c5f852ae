/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a server may run on another host than before. */
#pragma once

#include "compute/server_store.h"

/* Whether @server can run on @host without losing what belongs to it: NVRAM and TPM state are where it last ran, and nothing
 * carries them to another host. Whatever lets a server change its host asks this first. Errors (public): CONFLICT. */
bool kn_server_check_move (KnDb *db, const KnServer *server, const char *host, GError **error);

/* The same for a frozen identity (NULL: never started). */
bool kn_identity_check_move (GHashTable *identity, const char *uuid, const char *host,
                             GError **error);

/* Writes into @identity that its firmware's state is on @host, if it has such state. */
void kn_identity_settle (GHashTable *identity, const char *host);
