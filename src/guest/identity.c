/* SPDX-License-Identifier: Apache-2.0 */
/* Hardware identity: what a guest's drivers were installed for. It is written down at the first start and given back in the
 * facts ever after, so that a later os_type or property changes rules and never hardware. MACs and the uuid belong to ports
 * and server already. */
#include <string.h>

#include "guest/guest_priv.h"

/* Every plan has a disk bus: an identity without one is what a rebuild left of it. */
#define WHOLE_MARK "disk_bus"

/* What a variable store and a TPM's state are bound to, and who may ask for something else. */
static const struct {
    const char *key, *property;
} firmware_keys[] = {
    { "machine", "hw_machine_type" },
    { "firmware", "hw_firmware_type" },
    { "secure_boot", "os_secure_boot" },
    { "nvram", NULL },
    { "state host", NULL },
    { "tpm_version", "hw_tpm_version" },
    { "tpm_model", "hw_tpm_model" },
};

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

bool
kn_guest_identity_is_whole (GHashTable *identity)
{
    return identity && g_hash_table_contains (identity, WHOLE_MARK);
}

GHashTable *
kn_guest_identity_firmware (GHashTable *identity)
{
    GHashTable *part = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    for (gsize i = 0; i < G_N_ELEMENTS (firmware_keys); i++) {
        const char *value = g_hash_table_lookup (identity, firmware_keys[i].key);
        if (value)
            g_hash_table_insert (part, g_strdup (firmware_keys[i].key), g_strdup (value));
    }
    return part;
}

/* Whether two values are one to the firmware: of machines, the family counts. */
static bool
is_same (const char *key, const char *kept, const char *wish)
{
    if (strcmp (key, "machine") == 0)
        return (strstr (kept, "q35") != NULL) == (strstr (wish, "q35") != NULL);
    return strcmp (kept, wish) == 0;
}

bool
kn_guest_check_kept (const KnGuestFacts *facts, GError **error)
{
    KnGuestFacts fresh = *facts;
    fresh.identity = NULL;
    g_autoptr (KnGuestPlan) plan = kn_guest_plan_new (&fresh, error);
    g_autoptr (KnGuestPlan) scratch = kn_guest_plan_new_empty ();
    g_autoptr (KnDraft) draft = plan ? kn_draft_new (&fresh, scratch, error) : NULL;
    if (!draft)
        return false;
    for (gsize i = 0; i < G_N_ELEMENTS (firmware_keys); i++) {
        const char *key = firmware_keys[i].key, *name = firmware_keys[i].property;
        const char *kept = g_hash_table_lookup (facts->identity, key);
        const char *wish = g_hash_table_lookup (plan->identity, key);
        const KnGuestProperty *row = name ? kn_guest_property_find (name) : NULL;
        KnSaid said = name ? kn_property (draft, name) : (KnSaid){ NULL, NULL };
        if (!said.text && row && row->spec)
            said = kn_spec (draft, row->spec);
        if (!kept || !wish || !said.text || is_same (key, kept, wish))
            continue;
        kn_guest_fail (error, "api/InvalidRequest",
                       "%s asks for %s '%s', but the firmware's state that is to be preserved "
                       "belongs to '%s'; rebuild without preserve_ephemeral.",
                       said.source, key, wish, kept);
        return false;
    }
    return true;
}

const char *
kn_freeze (KnDraft *draft, const char *key, const char *value)
{
    const char *frozen = kn_frozen (draft, key);
    const char *kept = frozen ? frozen : value;
    g_hash_table_replace (draft->plan->identity, g_strdup (key), g_strdup (kept));
    return kept;
}
