/* SPDX-License-Identifier: Apache-2.0 */
/* What authentication reads. */
#include "identity/auth_store.h"

#define USER_COLUMNS                                                                               \
    "SELECT u.id, u.name, u.domain_id, d.name, u.password_hash, u.default_project_id,"             \
    " u.enabled AND d.enabled, u.tokens_valid_after_us"                                            \
    " FROM users u JOIN domains d ON d.id = u.domain_id "

KN_STMT (USER_BY_ID, USER_COLUMNS "WHERE u.id = ?");
KN_STMT (USER_BY_NAME, USER_COLUMNS "WHERE u.name = ? AND (d.id = ? OR d.name = ?)");

#define PROJECT_COLUMNS                                                                            \
    "SELECT p.id, p.name, p.domain_id, d.name, p.enabled AND d.enabled, p.tokens_valid_after_us,"  \
    " p.parent_id FROM projects p JOIN domains d ON d.id = p.domain_id "

KN_STMT (PROJECT_BY_ID, PROJECT_COLUMNS "WHERE p.id = ?");
KN_STMT (PROJECT_BY_NAME, PROJECT_COLUMNS "WHERE p.name = ? AND (d.id = ? OR d.name = ?)");
KN_STMT (DOMAIN_FIND,
         "SELECT id, name, NULL, NULL, enabled, 0, NULL FROM domains WHERE id = ? OR name = ?");

/* Roles held on one target: by the user or a group of his, on it, or inherited from its domain or a project above it; with all
 * that these imply. */
#define ACTOR                                                                                      \
    "(a.actor_type = 'user' AND a.actor_id = ?"                                                    \
    " OR a.actor_type = 'group' AND a.actor_id IN"                                                 \
    " (SELECT group_id FROM group_members WHERE user_id = ?))"
#define IMPLIED_TAIL                                                                               \
    " UNION SELECT i.implied_role_id FROM implied_roles i JOIN held h"                             \
    " ON h.role_id = i.prior_role_id)"                                                             \
    " SELECT r.id, r.name FROM held JOIN roles r ON r.id = held.role_id"                           \
    " WHERE r.domain_id = '' ORDER BY r.name"
KN_STMT (
    ROLES_ON_PROJECT,
    "WITH RECURSIVE up (id, parent_id, domain_id) AS ("
    "SELECT id, parent_id, domain_id FROM projects WHERE id = ?"
    " UNION SELECT p.id, p.parent_id, p.domain_id FROM projects p JOIN up"
    " ON p.id = up.parent_id), held (role_id) AS ("
    "SELECT a.role_id FROM role_assignments a WHERE " ACTOR
    " AND (a.inherited = 0 AND a.target_type = 'project' AND a.target_id = ?"
    " OR a.inherited = 1 AND (a.target_type = 'project'"
    " AND a.target_id IN (SELECT parent_id FROM up)"
    " OR a.target_type = 'domain' AND a.target_id IN (SELECT domain_id FROM up)))" IMPLIED_TAIL);
/* The same for a project right below its domain, as nearly all are: this runs for each request, and takes a seventh of the time. */
KN_STMT (ROLES_ON_TOP_PROJECT,
         "WITH RECURSIVE held (role_id) AS ("
         "SELECT a.role_id FROM role_assignments a WHERE " ACTOR
         " AND (a.inherited = 0 AND a.target_type = 'project' AND a.target_id = ?"
         " OR a.inherited = 1 AND a.target_type = 'domain' AND a.target_id = ?)" IMPLIED_TAIL);
KN_STMT (ROLES_ON_TARGET,
         "WITH RECURSIVE held (role_id) AS ("
         "SELECT a.role_id FROM role_assignments a WHERE " ACTOR
         " AND a.inherited = 0 AND a.target_type = ? AND a.target_id = ?" IMPLIED_TAIL);
KN_STMT (REVOKED, "SELECT 1 FROM token_revocations WHERE audit_id = ?");
KN_STMT (REVOKE_FORGET, "DELETE FROM token_revocations WHERE expires_us < ? OR audit_id = ?");
KN_STMT (REVOKE, "INSERT INTO token_revocations (audit_id, expires_us) VALUES (?, ?)");

void
kn_auth_user_free (KnAuthUser *user)
{
    if (!user)
        return;
    g_free (user->id);
    g_free (user->name);
    g_free (user->domain_id);
    g_free (user->domain_name);
    g_free (user->password_hash);
    g_free (user->default_project_id);
    g_free (user);
}

void
kn_auth_target_free (KnAuthTarget *target)
{
    if (!target)
        return;
    g_free (target->id);
    g_free (target->name);
    g_free (target->domain_id);
    g_free (target->domain_name);
    g_free (target->parent_id);
    g_free (target);
}

static void
free_role (gpointer data)
{
    KnAuthRole *role = data;

    g_free (role->id);
    g_free (role->name);
    g_free (role);
}

static KnAuthUser *
find_user (KnDb *db, const KnStmt *stmt, const KnValue *values, gsize n_values, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, stmt, values, n_values, error);

    if (!rows || !kn_rows_next (rows, error))
        return NULL;

    KnAuthUser *user = g_new0 (KnAuthUser, 1);
    user->id = kn_rows_dup (rows, 0);
    user->name = kn_rows_dup (rows, 1);
    user->domain_id = kn_rows_dup (rows, 2);
    user->domain_name = kn_rows_dup (rows, 3);
    user->password_hash = kn_rows_dup (rows, 4);
    user->default_project_id = kn_rows_dup (rows, 5);
    user->enabled = kn_rows_int (rows, 6) != 0;
    user->tokens_valid_after_us = kn_rows_int (rows, 7);
    return user;
}

static KnAuthTarget *
find_target (KnDb *db, const KnStmt *stmt, const KnValue *values, gsize n_values, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, stmt, values, n_values, error);

    if (!rows || !kn_rows_next (rows, error))
        return NULL;

    KnAuthTarget *target = g_new0 (KnAuthTarget, 1);
    target->id = kn_rows_dup (rows, 0);
    target->name = kn_rows_dup (rows, 1);
    target->domain_id = kn_rows_dup (rows, 2);
    target->domain_name = kn_rows_dup (rows, 3);
    target->enabled = kn_rows_int (rows, 4) != 0;
    target->tokens_valid_after_us = kn_rows_int (rows, 5);
    target->parent_id = kn_rows_dup (rows, 6);
    return target;
}

KnAuthUser *
kn_auth_store_find_user (KnDb *db, const char *id, GError **error)
{
    return find_user (db, &USER_BY_ID, KN_BIND (kn_text (id)), error);
}

KnAuthUser *
kn_auth_store_find_user_by_name (KnDb *db, const char *name, const char *domain_id,
                                 const char *domain_name, GError **error)
{
    return find_user (db, &USER_BY_NAME,
                      KN_BIND (kn_text (name), kn_text (domain_id), kn_text (domain_name)), error);
}

KnAuthTarget *
kn_auth_store_find_project (KnDb *db, const char *id, GError **error)
{
    return find_target (db, &PROJECT_BY_ID, KN_BIND (kn_text (id)), error);
}

KnAuthTarget *
kn_auth_store_find_project_by_name (KnDb *db, const char *name, const char *domain_id,
                                    const char *domain_name, GError **error)
{
    return find_target (db, &PROJECT_BY_NAME,
                        KN_BIND (kn_text (name), kn_text (domain_id), kn_text (domain_name)),
                        error);
}

KnAuthTarget *
kn_auth_store_find_domain (KnDb *db, const char *id, const char *name, GError **error)
{
    return find_target (db, &DOMAIN_FIND, KN_BIND (kn_text (id), kn_text (name)), error);
}

static KnRows *
query_roles (KnDb *db, const char *user_id, KnScope scope, const KnAuthTarget *target,
             GError **error)
{
    const KnValue user = kn_text (user_id), id = kn_text (target->id);

    if (scope != KN_SCOPE_PROJECT)
        return kn_db_query (db, &ROLES_ON_TARGET,
                            KN_BIND (user, user, kn_text (kn_scope_name (scope)), id), error);
    if (g_strcmp0 (target->parent_id, target->domain_id) == 0)
        return kn_db_query (db, &ROLES_ON_TOP_PROJECT,
                            KN_BIND (user, user, id, kn_text (target->domain_id)), error);
    return kn_db_query (db, &ROLES_ON_PROJECT, KN_BIND (id, user, user, id), error);
}

GPtrArray *
kn_auth_store_list_roles (KnDb *db, const char *user_id, KnScope scope, const KnAuthTarget *target,
                          GError **error)
{
    g_autoptr (GPtrArray) roles = g_ptr_array_new_with_free_func (free_role);
    g_autoptr (GError) local = NULL;
    g_autoptr (KnRows) rows = query_roles (db, user_id, scope, target, error);

    if (!rows)
        return NULL;
    while (kn_rows_next (rows, &local)) {
        KnAuthRole *role = g_new0 (KnAuthRole, 1);

        role->id = kn_rows_dup (rows, 0);
        role->name = kn_rows_dup (rows, 1);
        g_ptr_array_add (roles, role);
    }
    if (local) {
        g_propagate_error (error, g_steal_pointer (&local));
        return NULL;
    }
    return g_steal_pointer (&roles);
}

bool
kn_auth_store_is_revoked (KnDb *db, const char *audit_id, bool *out_revoked, GError **error)
{
    g_autoptr (GError) local = NULL;
    g_autoptr (KnRows) rows = kn_db_query (db, &REVOKED, KN_BIND (kn_text (audit_id)), error);

    if (!rows)
        return false;
    bool revoked = kn_rows_next (rows, &local);
    if (local) {
        g_propagate_error (error, g_steal_pointer (&local));
        return false;
    }
    *out_revoked = revoked;
    return true;
}

/* What write_revocation() needs inside its transaction. */
typedef struct {
    const char *audit_id;
    gint64 expires_us, now_us;
} KnRevocation;

static bool
write_revocation (KnDb *db, gpointer data, GError **error)
{
    const KnRevocation *r = data;

    return kn_db_exec (db, &REVOKE_FORGET, KN_BIND (kn_int (r->now_us), kn_text (r->audit_id)),
                       NULL, error)
           && kn_db_exec (db, &REVOKE, KN_BIND (kn_text (r->audit_id), kn_int (r->expires_us)),
                          NULL, error);
}

bool
kn_auth_store_revoke (KnDb *db, const char *audit_id, gint64 expires_us, gint64 now_us,
                      GError **error)
{
    return kn_db_txn (db, write_revocation, &(KnRevocation){ audit_id, expires_us, now_us }, error);
}
