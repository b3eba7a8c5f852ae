/* SPDX-License-Identifier: Apache-2.0 */
/* The security groups of a server: those of all its ports. */
#include "network/network_priv.h"

#include <string.h>

#include "base/error.h"

typedef struct {
    const char *project_id, *server_id, *name;
    bool add;
} KnRegroup;

/* The group of the project that has @name as id or, only once, as name. Caller frees. */
static char *
load_group_id (KnDb *db, const KnRegroup *regroup, GError **error)
{
    g_autoptr (GPtrArray) groups = kn_objects_new ();
    KnScope scope = { .project_id = regroup->project_id };
    const char *found = NULL;

    if (!kn_store_group_list (db, &scope, groups, error))
        return NULL;
    for (guint i = 0; i < groups->len; i++) {
        const KnObject *group = g_ptr_array_index (groups, i);

        if (strcmp (group->id, regroup->name) != 0 && strcmp (group->name, regroup->name) != 0)
            continue;
        if (found != NULL) {
            kn_error_public_type (error, KN_ERROR_CONFLICT, "NoUniqueMatch",
                                  "Several security groups are named '%s'; name the id.",
                                  regroup->name);
            return NULL;
        }
        found = group->id;
    }
    if (found == NULL)
        kn_error_public_type (error, KN_ERROR_NOT_FOUND, "SecurityGroupNotFound",
                              "There is no security group '%s' in the project.", regroup->name);
    return g_strdup (found);
}

/* Whether @port was in the group before; afterwards it is as asked for. */
static bool
regroup_port (KnDb *db, KnPortRow *port, const char *id, bool add, bool *out_was, GError **error)
{
    g_autoptr (GPtrArray) ids = g_ptr_array_new_null_terminated (4, g_free, TRUE);
    bool was = false;

    for (char **group = port->security_groups; group != NULL && *group != NULL; group++) {
        bool same = strcmp (*group, id) == 0;

        was = was || same;
        if (!same || add)
            g_ptr_array_add (ids, g_strdup (*group));
    }
    *out_was = was;
    if (was == add)
        return true;
    if (add)
        g_ptr_array_add (ids, g_strdup (id));
    g_strfreev (port->security_groups);
    port->security_groups = (char **)g_ptr_array_steal (ids, NULL);
    return kn_store_port_set_groups (db, port, error);
}

static bool
regroup_txn (KnDb *db, gpointer data, GError **error)
{
    const KnRegroup *regroup = data;
    g_autoptr (GPtrArray) ports = kn_objects_new ();
    g_autofree char *id = load_group_id (db, regroup, error);
    bool any = false, was;

    if (id == NULL || !kn_store_port_list_of_device (db, regroup->server_id, ports, error))
        return false;
    for (guint i = 0; i < ports->len; i++) {
        if (!regroup_port (db, g_ptr_array_index (ports, i), id, regroup->add, &was, error))
            return false;
        any = any || was;
    }
    if (regroup->add || any)
        return true;
    kn_error_public_type (error, KN_ERROR_NOT_FOUND, "SecurityGroupNotFound",
                          "The server is not in the security group '%s'.", regroup->name);
    return false;
}

bool
kn_network_add_group (KnDb *db, const char *project_id, const char *server_id, const char *name,
                      GError **error)
{
    return kn_db_txn (db, regroup_txn, &(KnRegroup){ project_id, server_id, name, true }, error);
}

bool
kn_network_remove_group (KnDb *db, const char *project_id, const char *server_id, const char *name,
                         GError **error)
{
    return kn_db_txn (db, regroup_txn, &(KnRegroup){ project_id, server_id, name, false }, error);
}

static const KnObject *
find_group (const GPtrArray *groups, const char *id)
{
    for (guint i = 0; i < groups->len; i++) {
        const KnObject *group = g_ptr_array_index (groups, i);

        if (g_strcmp0 (group->id, id) == 0)
            return group;
    }
    return NULL;
}

static KnGroupRuleView
view_rule (const KnSecurityRule *rule, const GPtrArray *groups)
{
    const KnObject *remote = find_group (groups, rule->remote_group_id);
    const char *all = g_strcmp0 (rule->ethertype, "IPv6") == 0 ? "::/0" : "0.0.0.0/0";
    const char *cidr = rule->remote_prefix != NULL ? rule->remote_prefix : all;

    return (KnGroupRuleView){
        .id = rule->base.id,
        .protocol = rule->protocol,
        .cidr = rule->remote_group_id != NULL ? NULL : cidr,
        .remote_group = remote != NULL ? remote->name : rule->remote_group_id,
        .remote_project = remote != NULL ? remote->project_id : rule->base.project_id,
        .port_min = rule->port_min,
        .port_max = rule->port_max,
    };
}

bool
kn_network_each_group (KnDb *db, const char *project_id,
                       void (*visit) (const KnGroupView *group, gpointer data), gpointer data,
                       GError **error)
{
    g_autoptr (GPtrArray) groups = kn_objects_new ();
    g_autofree char *first
        = project_id != NULL ? kn_group_ensure_default (db, project_id, error) : NULL;
    KnScope scope = { .project_id = project_id, .admin = project_id == NULL };

    if (project_id != NULL && first == NULL)
        return false;
    if (!kn_store_group_list (db, &scope, groups, error))
        return false;
    for (guint i = 0; i < groups->len; i++) {
        const KnSecurityGroup *group = g_ptr_array_index (groups, i);
        g_autoptr (GArray) rules = g_array_new (false, false, sizeof (KnGroupRuleView));

        for (guint k = 0; k < group->rules->len; k++) {
            const KnSecurityRule *rule = g_ptr_array_index (group->rules, k);
            KnGroupRuleView view = view_rule (rule, groups);

            if (g_strcmp0 (rule->direction, "ingress") == 0)
                g_array_append_val (rules, view);
        }
        visit (
            &(KnGroupView){
                .id = group->base.id,
                .name = group->base.name,
                .description = group->base.description,
                .project_id = group->base.project_id,
                .rules = (const KnGroupRuleView *)rules->data,
                .n_rules = rules->len,
            },
            data);
    }
    return true;
}
