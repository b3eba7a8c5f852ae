/* SPDX-License-Identifier: Apache-2.0 */
/* The first start, and passwords set from the command line. */
#include "base/error.h"
#include "base/id.h"
#include "base/time.h"
#include "identity/identity_priv.h"

KN_STMT (COUNT_USERS, "SELECT COUNT(*) FROM users");
KN_STMT (INSERT_DOMAIN, "INSERT INTO domains (id, name, description, enabled, extra, created_at)"
                        " VALUES (?, 'Default', 'The default domain', 1, '{}', ?)");
KN_STMT (INSERT_PROJECT, "INSERT INTO projects (id, domain_id, parent_id, name, description,"
                         " enabled, extra, created_at)"
                         " VALUES (?, ?, 'default', 'admin', 'Administrators', 1, '{}', ?)");
KN_STMT (INSERT_USER, "INSERT INTO users (id, domain_id, name, password_hash, enabled, extra,"
                      " created_at) VALUES (?, ?, 'admin', ?, 1, '{}', ?)");
KN_STMT (INSERT_ROLE, "INSERT INTO roles (id, name, description, extra, created_at)"
                      " VALUES (?, ?, NULL, '{}', ?)");
KN_STMT (INSERT_IMPLIED, "INSERT INTO implied_roles (prior_role_id, implied_role_id)"
                         " VALUES (?, ?)");
KN_STMT (INSERT_ASSIGNMENT, "INSERT INTO role_assignments (actor_type, actor_id, target_type,"
                            " target_id, role_id) VALUES ('user', ?, ?, ?, ?)");
KN_STMT (SET_PASSWORD, "UPDATE users SET password_hash = ?, tokens_valid_after_us = ?"
                       " WHERE name = ? AND domain_id IN"
                       " (SELECT id FROM domains WHERE id = ? OR name = ?)");

static bool
count_users (KnDb *db, gint64 *out_count, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &COUNT_USERS, KN_NO_BIND, error);

    if (!rows || !kn_rows_next (rows, error))
        return false;
    *out_count = kn_rows_int (rows, 0);
    return true;
}

static bool
insert_assignment (KnDb *db, const char *user_id, const char *target_type, const char *target_id,
                   const char *role_id, GError **error)
{
    return kn_db_exec (
        db, &INSERT_ASSIGNMENT,
        KN_BIND (kn_text (user_id), kn_text (target_type), kn_text (target_id), kn_text (role_id)),
        NULL, error);
}

/* Each role implies the one before it; the last one, admin, goes to the user on the project, its domain and the system. */
static bool
insert_roles (KnDb *db, const char *user_id, const char *project_id, const char *now,
              GError **error)
{
    static const char *const names[] = { "reader", "member", "admin" };
    g_autofree char *weaker = NULL;

    for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
        g_autofree char *id = kn_id_hex32 ();

        if (!kn_db_exec (db, &INSERT_ROLE,
                         KN_BIND (kn_text (id), kn_text (names[i]), kn_text (now)), NULL, error))
            return false;
        if (weaker
            && !kn_db_exec (db, &INSERT_IMPLIED, KN_BIND (kn_text (id), kn_text (weaker)), NULL,
                            error))
            return false;
        g_free (weaker);
        weaker = g_steal_pointer (&id);
    }
    return insert_assignment (db, user_id, "project", project_id, weaker, error)
           && insert_assignment (db, user_id, "domain", KN_DEFAULT_DOMAIN, weaker, error)
           && insert_assignment (db, user_id, "system", "all", weaker, error);
}

/* In and out of fill(). */
typedef struct {
    const char *password_hash;
    bool created;
} KnFirstStart;

static bool
fill (KnDb *db, gpointer data, GError **error)
{
    KnFirstStart *start = data;
    g_autofree char *now = kn_db_now (), *user_id = kn_id_hex32 (), *project_id = kn_id_hex32 ();
    gint64 users;

    start->created = false;
    if (!count_users (db, &users, error))
        return false;
    if (users > 0)
        return true;

    start->created = true;
    return kn_db_exec (db, &INSERT_DOMAIN, KN_BIND (kn_text (KN_DEFAULT_DOMAIN), kn_text (now)),
                       NULL, error)
           && kn_db_exec (
               db, &INSERT_PROJECT,
               KN_BIND (kn_text (project_id), kn_text (KN_DEFAULT_DOMAIN), kn_text (now)), NULL,
               error)
           && kn_db_exec (db, &INSERT_USER,
                          KN_BIND (kn_text (user_id), kn_text (KN_DEFAULT_DOMAIN),
                                   kn_text (start->password_hash), kn_text (now)),
                          NULL, error)
           && insert_roles (db, user_id, project_id, now, error);
}

bool
kn_identity_bootstrap (KnIdentity *identity, const char *password, bool *out_created,
                       GError **error)
{
    KnDb *db = kn_db_thread (identity->db, error);
    gint64 users;

    if (!db || !count_users (db, &users, error))
        return false;
    if (users > 0) { /* the usual start: no hashing */
        *out_created = false;
        return true;
    }

    g_autofree char *hash = kn_passwords_hash (identity->passwords, password, error);
    KnFirstStart start = { .password_hash = hash };
    if (!hash || !kn_db_txn (db, fill, &start, error))
        return false;
    *out_created = start.created;
    return true;
}

bool
kn_identity_set_password (KnDb *db, const char *user_name, const char *domain, const char *password,
                          GError **error)
{
    g_autoptr (KnPasswords) passwords = kn_passwords_new (1);
    g_autofree char *hash = kn_passwords_hash (passwords, password, error);
    gint64 changed;

    if (!hash
        || !kn_db_exec (db, &SET_PASSWORD,
                        KN_BIND (kn_text (hash), kn_int (kn_time_now ()), kn_text (user_name),
                                 kn_text (domain), kn_text (domain)),
                        &changed, error))
        return false;
    if (changed == 0) {
        kn_error_public (error, KN_ERROR_NOT_FOUND, "There is no user '%s' in domain '%s'.",
                         user_name, domain);
        return false;
    }
    return true;
}
