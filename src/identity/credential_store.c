/* SPDX-License-Identifier: Apache-2.0 */
/* Application credentials as they are stored. */
#include "identity/credential_store.h"

#include "base/error.h"

#define COLUMNS                                                                                    \
    "SELECT id, user_id, project_id, name, description, secret_hash, unrestricted, expires_us"     \
    " FROM application_credentials "
KN_STMT (CREDENTIAL_BY_ID, COLUMNS "WHERE id = ?");
KN_STMT (CREDENTIAL_BY_NAME, COLUMNS "WHERE user_id = ? AND name = ?");
KN_STMT (CREDENTIAL_LIST, COLUMNS "WHERE user_id = ? ORDER BY name");
KN_STMT (CREDENTIAL_INSERT,
         "INSERT INTO application_credentials (id, user_id, project_id, name, description,"
         " secret_hash, unrestricted, expires_us, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
KN_STMT (CREDENTIAL_REMOVE, "DELETE FROM application_credentials WHERE id = ?");
KN_STMT (CREDENTIAL_ROLES, "SELECT role_id FROM application_credential_roles"
                           " WHERE credential_id = ? ORDER BY role_id");
KN_STMT (CREDENTIAL_ADD_ROLE, "INSERT INTO application_credential_roles (credential_id, role_id)"
                              " VALUES (?, ?)");

void
kn_credential_free (KnCredential *credential)
{
    if (!credential)
        return;
    g_free (credential->id);
    g_free (credential->user_id);
    g_free (credential->project_id);
    g_free (credential->name);
    g_free (credential->description);
    g_free (credential->secret_hash);
    g_clear_pointer (&credential->role_ids, g_ptr_array_unref);
    g_free (credential);
}

static KnCredential *
read_row (KnRows *rows)
{
    KnCredential *credential = g_new0 (KnCredential, 1);

    credential->id = kn_rows_dup (rows, 0);
    credential->user_id = kn_rows_dup (rows, 1);
    credential->project_id = kn_rows_dup (rows, 2);
    credential->name = kn_rows_dup (rows, 3);
    credential->description = kn_rows_dup (rows, 4);
    credential->secret_hash = kn_rows_dup (rows, 5);
    credential->unrestricted = kn_rows_int (rows, 6) != 0;
    credential->expires_us = kn_rows_int (rows, 7);
    credential->role_ids = g_ptr_array_new_with_free_func (g_free);
    return credential;
}

static bool
load_roles (KnDb *db, KnCredential *credential, GError **error)
{
    g_autoptr (GError) local = NULL;
    g_autoptr (KnRows) rows
        = kn_db_query (db, &CREDENTIAL_ROLES, KN_BIND (kn_text (credential->id)), error);

    if (!rows)
        return false;
    while (kn_rows_next (rows, &local))
        g_ptr_array_add (credential->role_ids, kn_rows_dup (rows, 0));
    if (local)
        g_propagate_error (error, g_steal_pointer (&local));
    return local == NULL;
}

static KnCredential *
find (KnDb *db, const KnStmt *stmt, const KnValue *values, gsize n_values, GError **error)
{
    g_autoptr (KnCredential) credential = NULL;

    {
        g_autoptr (KnRows) rows = kn_db_query (db, stmt, values, n_values, error);

        if (!rows || !kn_rows_next (rows, error))
            return NULL;
        credential = read_row (rows);
    }
    return load_roles (db, credential, error) ? g_steal_pointer (&credential) : NULL;
}

KnCredential *
kn_credential_find (KnDb *db, const char *id, GError **error)
{
    return find (db, &CREDENTIAL_BY_ID, KN_BIND (kn_text (id)), error);
}

KnCredential *
kn_credential_find_by_name (KnDb *db, const char *user_id, const char *name, GError **error)
{
    return find (db, &CREDENTIAL_BY_NAME, KN_BIND (kn_text (user_id), kn_text (name)), error);
}

static void
free_credential (gpointer data)
{
    kn_credential_free (data);
}

GPtrArray *
kn_credential_list (KnDb *db, const char *user_id, GError **error)
{
    g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func (free_credential);
    g_autoptr (GError) local = NULL;

    {
        g_autoptr (KnRows) rows
            = kn_db_query (db, &CREDENTIAL_LIST, KN_BIND (kn_text (user_id)), error);

        if (!rows)
            return NULL;
        while (kn_rows_next (rows, &local))
            g_ptr_array_add (list, read_row (rows));
    }
    if (local) {
        g_propagate_error (error, g_steal_pointer (&local));
        return NULL;
    }
    for (guint i = 0; i < list->len; i++) {
        if (!load_roles (db, g_ptr_array_index (list, i), error))
            return NULL;
    }
    return g_steal_pointer (&list);
}

static bool
insert (KnDb *db, gpointer data, GError **error)
{
    const KnCredential *c = data;
    g_autofree char *now = kn_db_now ();

    if (!kn_db_exec (db, &CREDENTIAL_INSERT,
                     KN_BIND (kn_text (c->id), kn_text (c->user_id), kn_text (c->project_id),
                              kn_text (c->name), kn_text (c->description), kn_text (c->secret_hash),
                              kn_int (c->unrestricted), kn_int (c->expires_us), kn_text (now)),
                     NULL, error))
        return false;
    for (guint i = 0; i < c->role_ids->len; i++) {
        if (!kn_db_exec (db, &CREDENTIAL_ADD_ROLE,
                         KN_BIND (kn_text (c->id), kn_text (g_ptr_array_index (c->role_ids, i))),
                         NULL, error))
            return false;
    }
    return true;
}

bool
kn_credential_create (KnDb *db, const KnCredential *credential, GError **error)
{
    g_autoptr (GError) local = NULL;

    if (kn_db_txn (db, insert, (gpointer)credential, &local))
        return true;
    if (g_error_matches (local, KN_ERROR, KN_ERROR_CONFLICT))
        kn_error_public (error, KN_ERROR_CONFLICT,
                         "There is another application credential with this name already.");
    else
        g_propagate_error (error, g_steal_pointer (&local));
    return false;
}

bool
kn_credential_remove (KnDb *db, const char *id, GError **error)
{
    return kn_db_exec (db, &CREDENTIAL_REMOVE, KN_BIND (kn_text (id)), NULL, error);
}
