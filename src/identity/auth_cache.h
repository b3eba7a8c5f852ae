/* SPDX-License-Identifier: Apache-2.0 */
/* What tokens were worth a moment ago: kept by each thread, and used only as long as nobody has committed anything since. */
#pragma once

#include "http/auth.h"
#include "identity/identity_priv.h"

/* The caller behind the token @text, if this thread knows him and the database has not changed. @out_version is for
 * kn_auth_cache_keep(), read before the database is. */
bool kn_auth_cache_find (const KnIdentity *identity, KnDb *db, const char *text,
                         guint64 *out_version, KnAuth *out_auth);

/* Remembers @auth for @text; @version 0: the engine cannot tell of changes, so nothing is kept. */
void kn_auth_cache_keep (const KnIdentity *identity, guint64 version, const char *text,
                         const KnAuth *auth);
