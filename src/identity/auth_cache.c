/* SPDX-License-Identifier: Apache-2.0 */
/* A few callers a thread, found by the hash of their token: the token itself is not kept. */
#include "identity/auth_cache.h"

#include "base/time.h"

#include <sodium.h>
#include <string.h>

#define SLOTS 16

typedef struct {
    guint64 serial, version; /* of the identity and of its database; version 0: empty */
    guint8 digest[crypto_generichash_BYTES];
    KnAuth auth;
} Slot;

static void
slots_free (gpointer data)
{
    Slot *slots = data;

    for (guint i = 0; i < SLOTS; i++)
        kn_auth_clear (&slots[i].auth);
    g_free (slots);
}

static GPrivate slots_of_thread = G_PRIVATE_INIT (slots_free);

static Slot *
find_slot (const char *text, guint8 *out_digest)
{
    Slot *slots = g_private_get (&slots_of_thread);

    if (!slots) {
        slots = g_new0 (Slot, SLOTS);
        g_private_set (&slots_of_thread, slots);
    }
    (void)crypto_generichash (out_digest, crypto_generichash_BYTES, (const guint8 *)text,
                              strlen (text), NULL, 0);
    return &slots[out_digest[0] % SLOTS];
}

static void
copy_auth (const KnAuth *from, KnAuth *to)
{
    *to = (KnAuth){
        .user_id = g_strdup (from->user_id),
        .user_name = g_strdup (from->user_name),
        .user_domain_id = g_strdup (from->user_domain_id),
        .project_id = g_strdup (from->project_id),
        .project_name = g_strdup (from->project_name),
        .domain_id = g_strdup (from->domain_id),
        .token_id = g_strdup (from->token_id),
        .expires_us = from->expires_us,
        .delegated = from->delegated,
        .role = from->role,
    };
}

bool
kn_auth_cache_find (const KnIdentity *identity, KnDb *db, const char *text, guint64 *out_version,
                    KnAuth *out_auth)
{
    guint8 digest[crypto_generichash_BYTES];
    const Slot *slot;

    *out_version = kn_db_version (db);
    if (*out_version == 0)
        return false;
    slot = find_slot (text, digest);
    if (slot->version != *out_version || slot->serial != identity->serial
        || sodium_memcmp (slot->digest, digest, sizeof digest) != 0
        || slot->auth.expires_us <= kn_time_now ())
        return false;
    copy_auth (&slot->auth, out_auth);
    return true;
}

void
kn_auth_cache_keep (const KnIdentity *identity, guint64 version, const char *text,
                    const KnAuth *auth)
{
    guint8 digest[crypto_generichash_BYTES];
    Slot *slot;

    if (version == 0)
        return;
    slot = find_slot (text, digest);
    kn_auth_clear (&slot->auth);
    slot->serial = identity->serial;
    slot->version = version;
    memcpy (slot->digest, digest, sizeof digest);
    copy_auth (auth, &slot->auth);
}
