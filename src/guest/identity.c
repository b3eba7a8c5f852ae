/* SPDX-License-Identifier: Apache-2.0 */
/* Hardware identity: what a guest's drivers were installed for. It is written down at the first start and given back in the
 * facts ever after, so that a later os_type or property changes rules and never hardware. MACs and the uuid belong to ports
 * and server already. */
#include "guest/guest_priv.h"

const char *
kn_frozen (const KnDraft *draft, const char *key)
{
    GHashTable *identity = draft->facts->identity;
    return identity ? g_hash_table_lookup (identity, key) : NULL;
}

bool
kn_is_held (const KnDraft *draft, const char *key, const char *wish)
{
    const char *frozen = kn_frozen (draft, key);
    return frozen && g_strcmp0 (frozen, wish) != 0;
}

const char *
kn_freeze (KnDraft *draft, const char *key, const char *value)
{
    const char *frozen = kn_frozen (draft, key);
    const char *kept = frozen ? frozen : value;
    g_hash_table_replace (draft->plan->identity, g_strdup (key), g_strdup (kept));
    return kept;
}
