/* SPDX-License-Identifier: Apache-2.0 */
/* Who has which role where, as it is stored. */
#include "identity/assignment_store.h"

#include "base/error.h"

#define SAME                                                                                       \
    " WHERE actor_id = ? AND actor_type = ? AND target_id = ? AND target_type = ?"                 \
    " AND role_id = ? AND inherited = ?"
KN_STMT (ASSIGNMENT_INSERT, "INSERT INTO role_assignments (actor_id, actor_type, target_id,"
                            " target_type, role_id, inherited) VALUES (?, ?, ?, ?, ?, ?)");
KN_STMT (ASSIGNMENT_REMOVE, "DELETE FROM role_assignments" SAME);
KN_STMT (ASSIGNMENT_FIND, "SELECT 1 FROM role_assignments" SAME);
KN_STMT (ASSIGNMENT_ROLES, "SELECT role_id FROM role_assignments WHERE actor_id = ?"
                           " AND actor_type = ? AND target_id = ? AND target_type = ?"
                           " AND inherited = ? ORDER BY role_id");
KN_STMT (ASSIGNMENT_FORGET_ACTOR,
         "DELETE FROM role_assignments WHERE actor_id = ? AND actor_type = ?");
KN_STMT (ASSIGNMENT_FORGET_TARGET,
         "DELETE FROM role_assignments WHERE target_id = ? AND target_type = ?");
KN_STMT (ASSIGNMENT_LIST,
         "SELECT a.actor_type, a.actor_id, a.target_type, a.target_id, a.role_id, a.inherited,"
         " r.name, r.domain_id, COALESCE(u.name, g.name), COALESCE(u.domain_id, g.domain_id),"
         " COALESCE(p.name, d.name), p.domain_id"
         " FROM role_assignments a JOIN roles r ON r.id = a.role_id"
         " LEFT JOIN users u ON a.actor_type = 'user' AND u.id = a.actor_id"
         " LEFT JOIN user_groups g ON a.actor_type = 'group' AND g.id = a.actor_id"
         " LEFT JOIN projects p ON a.target_type = 'project' AND p.id = a.target_id"
         " LEFT JOIN domains d ON a.target_type = 'domain' AND d.id = a.target_id");

#define BIND_ALL(a)                                                                                \
    KN_BIND (kn_text ((a)->actor_id), kn_text ((a)->actor_type), kn_text ((a)->target_id),         \
             kn_text ((a)->target_type), kn_text ((a)->role_id), kn_int ((a)->inherited))

bool
kn_assignment_exists (KnDb *db, const KnAssignment *a, bool *out_exists, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &ASSIGNMENT_FIND, BIND_ALL (a), error);
    g_autoptr (GError) local = NULL;
    bool exists;

    if (!rows)
        return false;
    exists = kn_rows_next (rows, &local);
    if (local) {
        g_propagate_error (error, g_steal_pointer (&local));
        return false;
    }
    *out_exists = exists;
    return true;
}

bool
kn_assignment_grant (KnDb *db, const KnAssignment *a, GError **error)
{
    bool exists;

    if (!kn_assignment_exists (db, a, &exists, error))
        return false;
    return exists || kn_db_exec (db, &ASSIGNMENT_INSERT, BIND_ALL (a), NULL, error);
}

bool
kn_assignment_withdraw (KnDb *db, const KnAssignment *a, bool *out_existed, GError **error)
{
    gint64 changed;

    if (!kn_db_exec (db, &ASSIGNMENT_REMOVE, BIND_ALL (a), &changed, error))
        return false;
    *out_existed = changed > 0;
    return true;
}

GPtrArray *
kn_assignment_list_roles (KnDb *db, const KnAssignment *a, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (
        db, &ASSIGNMENT_ROLES,
        KN_BIND (kn_text (a->actor_id), kn_text (a->actor_type), kn_text (a->target_id),
                 kn_text (a->target_type), kn_int (a->inherited)),
        error);

    return kn_rows_list_texts (rows, error);
}

bool
kn_assignments_forget_actor (KnDb *db, const char *type, const char *id, GError **error)
{
    return kn_db_exec (db, &ASSIGNMENT_FORGET_ACTOR, KN_BIND (kn_text (id), kn_text (type)), NULL,
                       error);
}

bool
kn_assignments_forget_target (KnDb *db, const char *type, const char *id, GError **error)
{
    return kn_db_exec (db, &ASSIGNMENT_FORGET_TARGET, KN_BIND (kn_text (id), kn_text (type)), NULL,
                       error);
}

bool
kn_assignments_each (KnDb *db,
                     bool (*visit) (const KnAssignmentRow *row, gpointer data, GError **error),
                     gpointer data, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &ASSIGNMENT_LIST, KN_NO_BIND, error);
    g_autoptr (GError) local = NULL;

    if (!rows)
        return false;
    while (kn_rows_next (rows, &local)) {
        const KnAssignmentRow row = {
            .a = { kn_rows_text (rows, 0), kn_rows_text (rows, 1), kn_rows_text (rows, 2),
                   kn_rows_text (rows, 3), kn_rows_text (rows, 4), kn_rows_int (rows, 5) != 0 },
            .role_name = kn_rows_text (rows, 6),
            .role_domain_id = kn_rows_text (rows, 7),
            .actor_name = kn_rows_text (rows, 8),
            .actor_domain_id = kn_rows_text (rows, 9),
            .target_name = kn_rows_text (rows, 10),
            .target_domain_id = kn_rows_text (rows, 11),
        };

        if (!visit (&row, data, error))
            return false;
    }
    if (local)
        g_propagate_error (error, g_steal_pointer (&local));
    return local == NULL;
}
