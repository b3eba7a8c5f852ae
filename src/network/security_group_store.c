/* SPDX-License-Identifier: Apache-2.0 */
/* Security groups and their rules in the database. */
#include "network/network_priv.h"

#include "base/error.h"

#define GROUP_COLUMNS "project_id, name, description, created_at, updated_at, revision_number, id"
#define RULE_COLUMNS                                                                               \
    "project_id, security_group_id, description, direction, ethertype, protocol, "                 \
    "port_range_min, port_range_max, remote_ip_prefix, remote_group_id, created_at, updated_at, "  \
    "revision_number, id"

KN_STMT (GROUP_LIST, "SELECT " GROUP_COLUMNS " FROM securitygroups WHERE ?=1 OR project_id=?");
KN_STMT (GROUP_FIND, "SELECT " GROUP_COLUMNS " FROM securitygroups WHERE id=?");
KN_STMT (GROUP_INSERT, "INSERT INTO securitygroups (" GROUP_COLUMNS ") VALUES (?,?,?,?,?,?,?)");
KN_STMT (GROUP_UPDATE,
         "UPDATE securitygroups SET project_id=?, name=?, description=?, created_at=?, "
         "updated_at=?, revision_number=? WHERE id=? AND revision_number=?");
KN_STMT (GROUP_DELETE, "DELETE FROM securitygroups WHERE id=?");
KN_STMT (GROUP_FIND_DEFAULT,
         "SELECT security_group_id FROM default_security_group WHERE project_id=?");
KN_STMT (GROUP_INSERT_DEFAULT,
         "INSERT INTO default_security_group (project_id, security_group_id) VALUES (?,?)");
/* The rules of a project's groups: an administrator may have added one that belongs to another project. */
KN_STMT (RULE_LIST, "SELECT " RULE_COLUMNS " FROM securitygrouprules WHERE ?=1 OR project_id=? OR "
                    "security_group_id IN (SELECT id FROM securitygroups WHERE project_id=?) "
                    "ORDER BY created_at, id");
KN_STMT (RULE_LIST_OF, "SELECT " RULE_COLUMNS " FROM securitygrouprules WHERE security_group_id=? "
                       "ORDER BY created_at, id");
KN_STMT (RULE_FIND, "SELECT " RULE_COLUMNS " FROM securitygrouprules WHERE id=?");
KN_STMT (RULE_INSERT, "INSERT INTO securitygrouprules (" RULE_COLUMNS ") "
                      "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
KN_STMT (RULE_DELETE, "DELETE FROM securitygrouprules WHERE id=?");

#define G(kind, member)                                                                            \
    {                                                                                              \
        KN_COL_##kind, offsetof (KnSecurityGroup, member)                                          \
    }
static const KnColumn group_columns[] = {
    G (TEXT, base.project_id), G (TEXT, base.name),       G (TEXT, base.description),
    G (TEXT, base.created_at), G (TEXT, base.updated_at), G (INT, base.revision),
    G (TEXT, base.id),
};
#define R(kind, member)                                                                            \
    {                                                                                              \
        KN_COL_##kind, offsetof (KnSecurityRule, member)                                           \
    }
static const KnColumn rule_columns[] = {
    R (TEXT, base.project_id), R (TEXT, group_id),        R (TEXT, base.description),
    R (TEXT, direction),       R (TEXT, ethertype),       R (TEXT, protocol),
    R (INT, port_min),         R (INT, port_max),         R (TEXT, remote_prefix),
    R (TEXT, remote_group_id), R (TEXT, base.created_at), R (TEXT, base.updated_at),
    R (INT, base.revision),    R (TEXT, base.id),
};

static bool
read_groups (KnRows *rows, GPtrArray *groups, GError **error)
{
    return rows != NULL
           && kn_columns_read_all (rows, &kn_group_resource, group_columns,
                                   G_N_ELEMENTS (group_columns), groups, error);
}

static bool
read_rules (KnRows *rows, GPtrArray *rules, GError **error)
{
    return rows != NULL
           && kn_columns_read_all (rows, &kn_rule_resource, rule_columns,
                                   G_N_ELEMENTS (rule_columns), rules, error);
}

/* Moves each of @rules to its group. */
static void
distribute_rules (GPtrArray *groups, GPtrArray *rules)
{
    g_autoptr (GHashTable) by_id = g_hash_table_new (g_str_hash, g_str_equal);

    for (guint i = 0; i < groups->len; i++) {
        KnSecurityGroup *group = g_ptr_array_index (groups, i);

        g_hash_table_insert (by_id, group->base.id, group);
    }
    while (rules->len > 0) {
        KnSecurityRule *rule = g_ptr_array_steal_index (rules, 0);
        KnSecurityGroup *group = g_hash_table_lookup (by_id, rule->group_id);

        if (group != NULL)
            g_ptr_array_add (group->rules, rule);
        else
            kn_object_free (rule);
    }
}

bool
kn_store_group_list (KnDb *db, const KnScope *scope, GPtrArray *groups, GError **error)
{
    g_autoptr (GPtrArray) rules = kn_objects_new ();
    g_autoptr (KnRows) rows = kn_db_query (
        db, &GROUP_LIST, KN_BIND (kn_int (scope->admin), kn_text (scope->project_id)), error);

    if (!read_groups (rows, groups, error) || !kn_store_rule_list (db, scope, rules, error))
        return false;
    distribute_rules (groups, rules);
    return true;
}

KnObject *
kn_store_group_find (KnDb *db, const char *id, GError **error)
{
    g_autoptr (GPtrArray) groups = kn_objects_new (), rules = kn_objects_new ();
    g_autoptr (KnRows) rows = kn_db_query (db, &GROUP_FIND, KN_BIND (kn_text (id)), error);

    if (!read_groups (rows, groups, error) || groups->len == 0
        || !kn_store_rule_list_of (db, id, rules, error))
        return NULL;
    distribute_rules (groups, rules);
    return g_ptr_array_steal_index (groups, 0);
}

bool
kn_store_group_insert (KnDb *db, const KnSecurityGroup *group, GError **error)
{
    return kn_columns_insert (db, &GROUP_INSERT, group_columns, G_N_ELEMENTS (group_columns), group,
                              error);
}

bool
kn_store_group_update (KnDb *db, const KnSecurityGroup *group, GError **error)
{
    return kn_columns_update (db, &GROUP_UPDATE, group_columns, G_N_ELEMENTS (group_columns),
                              &group->base, error);
}

bool
kn_store_group_delete (KnDb *db, const char *id, GError **error)
{
    return kn_db_exec (db, &GROUP_DELETE, KN_BIND (kn_text (id)), NULL, error);
}

char *
kn_store_group_find_default (KnDb *db, const char *project_id, GError **error)
{
    g_autoptr (KnRows) rows
        = kn_db_query (db, &GROUP_FIND_DEFAULT, KN_BIND (kn_text (project_id)), error);

    return rows != NULL && kn_rows_next (rows, error) ? kn_rows_dup (rows, 0) : NULL;
}

bool
kn_store_group_insert_default (KnDb *db, const char *project_id, const char *id, GError **error)
{
    return kn_db_exec (db, &GROUP_INSERT_DEFAULT, KN_BIND (kn_text (project_id), kn_text (id)),
                       NULL, error);
}

bool
kn_store_rule_list (KnDb *db, const KnScope *scope, GPtrArray *rules, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (
        db, &RULE_LIST,
        KN_BIND (kn_int (scope->admin), kn_text (scope->project_id), kn_text (scope->project_id)),
        error);

    return read_rules (rows, rules, error);
}

bool
kn_store_rule_list_of (KnDb *db, const char *group_id, GPtrArray *rules, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &RULE_LIST_OF, KN_BIND (kn_text (group_id)), error);

    return read_rules (rows, rules, error);
}

KnObject *
kn_store_rule_find (KnDb *db, const char *id, GError **error)
{
    g_autoptr (GPtrArray) rules = kn_objects_new ();
    g_autoptr (KnRows) rows = kn_db_query (db, &RULE_FIND, KN_BIND (kn_text (id)), error);

    if (!read_rules (rows, rules, error) || rules->len == 0)
        return NULL;
    return g_ptr_array_steal_index (rules, 0);
}

bool
kn_store_rule_insert (KnDb *db, const KnSecurityRule *rule, GError **error)
{
    return kn_columns_insert (db, &RULE_INSERT, rule_columns, G_N_ELEMENTS (rule_columns), rule,
                              error);
}

bool
kn_store_rule_delete (KnDb *db, const char *id, GError **error)
{
    return kn_db_exec (db, &RULE_DELETE, KN_BIND (kn_text (id)), NULL, error);
}
