/* SPDX-License-Identifier: Apache-2.0 */
/* Who has which role where, as it is stored. */
#pragma once

#include "db/db.h"

typedef struct {
    const char *actor_type, *actor_id;   /* "user" or "group" */
    const char *target_type, *target_id; /* "project", "domain" or "system" with id "all" */
    const char *role_id;
    bool inherited;
} KnAssignment;

/* Repeatable. */
bool kn_assignment_grant (KnDb *db, const KnAssignment *assignment, GError **error);

/* @out_existed: whether there was one. */
bool kn_assignment_withdraw (KnDb *db, const KnAssignment *assignment, bool *out_existed,
                             GError **error);
bool kn_assignment_exists (KnDb *db, const KnAssignment *assignment, bool *out_exists,
                           GError **error);

/* Ids of the roles of an actor on a target (role_id of @assignment is not read); free the strings with the array. */
GPtrArray *kn_assignment_list_roles (KnDb *db, const KnAssignment *assignment, GError **error);

/* Removes everything of an actor or on a target, which is about to go. Inside of a transaction. */
bool kn_assignments_forget_actor (KnDb *db, const char *type, const char *id, GError **error);
bool kn_assignments_forget_target (KnDb *db, const char *type, const char *id, GError **error);

/* One row with names; all fields borrowed. Actors, projects and domains have a domain too. */
typedef struct {
    KnAssignment a;
    const char *role_name, *role_domain_id;
    const char *actor_name, *actor_domain_id;
    const char *target_name, *target_domain_id;
} KnAssignmentRow;

bool kn_assignments_each (KnDb *db,
                          bool (*visit) (const KnAssignmentRow *row, gpointer data, GError **error),
                          gpointer data, GError **error);
