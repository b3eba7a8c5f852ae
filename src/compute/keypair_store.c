/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of key pairs. */
#include "compute/keypair_store.h"

#define KEYPAIR                                                                                    \
    "SELECT id, name, user_id, type, public_key, fingerprint, created_at FROM key_pairs "

KN_STMT (KEYPAIR_LIST, KEYPAIR "WHERE user_id=? ORDER BY name");
KN_STMT (KEYPAIR_FIND, KEYPAIR "WHERE user_id=? AND name=?");
KN_STMT (KEYPAIR_INSERT, "INSERT INTO key_pairs (created_at, name, user_id, type, public_key,"
                         " fingerprint) VALUES (?, ?, ?, ?, ?, ?)");
KN_STMT (KEYPAIR_DELETE, "DELETE FROM key_pairs WHERE user_id=? AND name=?");

static KnKeypair *
read_keypair (KnRows *rows)
{
    KnKeypair *keypair = g_new (KnKeypair, 1);

    *keypair = (KnKeypair){
        .id = kn_rows_int (rows, 0),
        .name = kn_rows_dup (rows, 1),
        .user_id = kn_rows_dup (rows, 2),
        .type = kn_rows_dup (rows, 3),
        .public_key = kn_rows_dup (rows, 4),
        .fingerprint = kn_rows_dup (rows, 5),
        .created_at = kn_rows_dup (rows, 6),
    };
    return keypair;
}

GPtrArray *
kn_store_keypair_list (KnDb *db, const char *user_id, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &KEYPAIR_LIST, KN_BIND (kn_text (user_id)), error);
    g_autoptr (GPtrArray) keypairs
        = g_ptr_array_new_with_free_func ((GDestroyNotify)kn_keypair_free);
    g_autoptr (GError) problem = NULL;

    if (!rows)
        return NULL;
    while (kn_rows_next (rows, &problem))
        g_ptr_array_add (keypairs, read_keypair (rows));
    if (problem) {
        g_propagate_error (error, g_steal_pointer (&problem));
        return NULL;
    }
    return g_steal_pointer (&keypairs);
}

KnKeypair *
kn_store_keypair_find (KnDb *db, const char *user_id, const char *name, GError **error)
{
    g_autoptr (KnRows) rows
        = kn_db_query (db, &KEYPAIR_FIND, KN_BIND (kn_text (user_id), kn_text (name)), error);

    return rows && kn_rows_next (rows, error) ? read_keypair (rows) : NULL;
}

bool
kn_store_keypair_insert (KnDb *db, const KnKeypair *keypair, GError **error)
{
    return kn_db_exec (db, &KEYPAIR_INSERT,
                       KN_BIND (kn_text (keypair->created_at), kn_text (keypair->name),
                                kn_text (keypair->user_id), kn_text (keypair->type),
                                kn_text (keypair->public_key), kn_text (keypair->fingerprint)),
                       NULL, error);
}

bool
kn_store_keypair_delete (KnDb *db, const char *user_id, const char *name, bool *out_was,
                         GError **error)
{
    gint64 changed = 0;

    if (!kn_db_exec (db, &KEYPAIR_DELETE, KN_BIND (kn_text (user_id), kn_text (name)), &changed,
                     error))
        return false;
    *out_was = changed > 0;
    return true;
}
