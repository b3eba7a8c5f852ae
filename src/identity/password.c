/* SPDX-License-Identifier: Apache-2.0 */
/* Password hashes. */
#include "identity/password.h"

#include "base/error.h"
#include "base/util.h"

#include <sodium.h>
#include <string.h>

#define OPS_LIMIT 2
#define MEM_LIMIT (19 * MIB)

struct KnPasswords {
    GMutex lock;
    GCond freed;
    guint free;  /* computations that may start now */
    char *dummy; /* a hash of nobody's password */
};

KnPasswords *
kn_passwords_new (guint parallel)
{
    KnPasswords *passwords = g_new0 (KnPasswords, 1);

    g_mutex_init (&passwords->lock);
    g_cond_init (&passwords->freed);
    passwords->free = MAX (parallel, 1);
    return passwords;
}

void
kn_passwords_free (KnPasswords *passwords)
{
    if (!passwords)
        return;
    g_free (passwords->dummy);
    g_mutex_clear (&passwords->lock);
    g_cond_clear (&passwords->freed);
    g_free (passwords);
}

static void
enter (KnPasswords *passwords)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&passwords->lock);

    while (passwords->free == 0)
        g_cond_wait (&passwords->freed, &passwords->lock);
    passwords->free--;
}

static void
leave (KnPasswords *passwords)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&passwords->lock);

    passwords->free++;
    g_cond_signal (&passwords->freed);
}

char *
kn_passwords_hash (KnPasswords *passwords, const char *password, GError **error)
{
    char hash[crypto_pwhash_STRBYTES];

    enter (passwords);
    int failed = crypto_pwhash_str_alg (hash, password, strlen (password), OPS_LIMIT, MEM_LIMIT,
                                        crypto_pwhash_ALG_ARGON2ID13);
    leave (passwords);
    if (failed) {
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "cannot hash a password: no memory");
        return NULL;
    }
    return g_strdup (hash);
}

/* The dummy hash; made when the first unknown user comes. NULL if there is no memory. */
static const char *
get_dummy (KnPasswords *passwords)
{
    const char *dummy = g_atomic_pointer_get (&passwords->dummy);

    if (dummy)
        return dummy;
    g_autofree char *fresh = kn_passwords_hash (passwords, "", NULL);
    if (fresh && g_atomic_pointer_compare_and_exchange (&passwords->dummy, NULL, fresh))
        return g_steal_pointer (&fresh);
    return g_atomic_pointer_get (&passwords->dummy);
}

bool
kn_passwords_verify (KnPasswords *passwords, const char *hash, const char *password)
{
    const char *against = hash ? hash : get_dummy (passwords);

    if (!against)
        return false;
    enter (passwords);
    bool same = crypto_pwhash_str_verify (against, password, strlen (password)) == 0;
    leave (passwords);
    return same && hash;
}
