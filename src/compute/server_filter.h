/* SPDX-License-Identifier: Apache-2.0 */
/* Which servers a list's parameters ask for, and by what they may be sorted. */
#pragma once

#include "compute/server.h"
#include "http/request.h"

/* Whether @server is what the parameters of @req say, as far as they compare one member with one value; several `status` are
 * alternatives. Unknown parameters say nothing, and those for administrators nothing to others. */
bool kn_server_filter_matches (const KnRequest *req, const KnServer *server);

typedef struct KnServerSortKey KnServerSortKey;

/* NULL: servers cannot be sorted by @name. Static. */
const KnServerSortKey *kn_server_sort_find (const char *name);

/* Below, at or above 0 as @a stands before, with or after @b. */
int kn_server_sort_compare (const KnServerSortKey *key, const KnServer *a, const KnServer *b);
