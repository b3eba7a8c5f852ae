/* SPDX-License-Identifier: Apache-2.0 */
/* Password hashes: argon2id, 19 MiB, 2 passes (OWASP's second choice, RFC 9106 parameters), a bounded number at a time. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct KnPasswords KnPasswords;

/* At most @parallel computations run at a time; others wait their turn, so a login storm cannot take the memory. */
KnPasswords *kn_passwords_new (guint parallel);
void kn_passwords_free (KnPasswords *passwords);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnPasswords, kn_passwords_free)

/* The hash of @password as one text; caller frees. Worker threads only: takes tens of milliseconds. Errors: UNAVAILABLE (no memory). */
char *kn_passwords_hash (KnPasswords *passwords, const char *password, GError **error);

/* Whether @password is the one of @hash. With @hash NULL it does the same work and says no, so that the time does not
 * tell whether a user exists. */
bool kn_passwords_verify (KnPasswords *passwords, const char *hash, const char *password);
