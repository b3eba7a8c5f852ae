/* SPDX-License-Identifier: Apache-2.0 */
/* Security groups: attributes, rules of the objects, the default group of each project. */
#include "network/network_priv.h"

#include <string.h>

#include "base/error.h"
#include "network/formats.h"

#define DEFAULT_NAME "default"

static void
init (KnObject *object)
{
    KnSecurityGroup *group = (KnSecurityGroup *)object;

    group->base.name = g_strdup ("");
    group->base.description = g_strdup ("");
    group->rules = kn_objects_new ();
}

static bool
visible (KnDb *db, const KnScope *scope, const KnObject *object)
{
    return scope->admin || g_strcmp0 (object->project_id, scope->project_id) == 0;
}

/* The rules that a new group begins with. Everything may leave; the default group also lets its own members in. */
static const struct {
    const char *direction, *ethertype;
    bool only_default;
} first_rules[] = {
    { "egress", "IPv4", false },
    { "egress", "IPv6", false },
    { "ingress", "IPv4", true },
    { "ingress", "IPv6", true },
};

static bool
add_first_rules (KnDb *db, KnSecurityGroup *group, bool is_default, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS (first_rules); i++) {
        KnSecurityRule *rule;

        if (first_rules[i].only_default && !is_default)
            continue;
        rule = kn_object_new (&kn_rule_resource);
        g_ptr_array_add (group->rules, rule);
        rule->base.project_id = g_strdup (group->base.project_id);
        rule->group_id = g_strdup (group->base.id);
        rule->direction = g_strdup (first_rules[i].direction);
        g_free (rule->ethertype);
        rule->ethertype = g_strdup (first_rules[i].ethertype);
        if (first_rules[i].only_default)
            rule->remote_group_id = g_strdup (group->base.id);
        kn_object_stamp (&rule->base);
        if (!kn_store_rule_insert (db, rule, error))
            return false;
    }
    return true;
}

static bool
make_default (KnDb *db, const char *project_id, char **out_id, GError **error)
{
    g_autoptr (KnSecurityGroup) group = kn_object_new (&kn_group_resource);

    group->base.project_id = g_strdup (project_id);
    g_free (group->base.name);
    group->base.name = g_strdup (DEFAULT_NAME);
    g_free (group->base.description);
    group->base.description = g_strdup ("Default security group");
    kn_object_stamp (&group->base);
    if (!kn_store_group_insert (db, group, error)
        || !kn_store_group_insert_default (db, project_id, group->base.id, error)
        || !add_first_rules (db, group, true, error))
        return false;
    *out_id = g_strdup (group->base.id);
    return true;
}

typedef struct {
    const char *project_id;
    char *id;
} KnEnsureDefault;

static bool
ensure_default_txn (KnDb *db, gpointer data, GError **error)
{
    KnEnsureDefault *ensure = data;
    g_autoptr (GError) local = NULL;

    g_clear_pointer (&ensure->id, g_free);
    if (!kn_store_net_lock (db, error))
        return false;
    ensure->id = kn_store_group_find_default (db, ensure->project_id, &local);
    if (local != NULL) {
        g_propagate_error (error, g_steal_pointer (&local));
        return false;
    }
    return ensure->id != NULL || make_default (db, ensure->project_id, &ensure->id, error);
}

char *
kn_group_ensure_default (KnDb *db, const char *project_id, GError **error)
{
    KnEnsureDefault ensure = { .project_id = project_id };
    g_autoptr (GError) local = NULL;

    if (project_id == NULL) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "The token is not scoped to a project.");
        return NULL;
    }
    ensure.id = kn_store_group_find_default (db, project_id, &local);
    if (ensure.id != NULL)
        return ensure.id;
    if (local != NULL) {
        g_propagate_error (error, g_steal_pointer (&local));
        return NULL;
    }
    if (!kn_db_txn (db, ensure_default_txn, &ensure, &local)) {
        g_clear_pointer (&ensure.id, g_free);
        /* Another controller was faster. */
        if (g_error_matches (local, KN_ERROR, KN_ERROR_CONFLICT))
            return kn_store_group_find_default (db, project_id, error);
        g_propagate_error (error, g_steal_pointer (&local));
    }
    return ensure.id;
}

static bool
set_default_name_taken (GError **error)
{
    kn_error_public_type (error, KN_ERROR_CONFLICT, "SecurityGroupDefaultAlreadyExists",
                          "Every project has one group named 'default' already.");
    return false;
}

static bool
create (KnDb *db, const KnScope *scope, KnObject *object, KnEffects *effects, GError **error)
{
    KnSecurityGroup *group = (KnSecurityGroup *)object;
    g_autofree char *id = kn_group_ensure_default (db, object->project_id, error);

    if (id == NULL)
        return false;
    if (g_ascii_strcasecmp (object->name, DEFAULT_NAME) == 0)
        return set_default_name_taken (error);
    kn_object_stamp (object);
    return kn_store_group_insert (db, group, error) && add_first_rules (db, group, false, error);
}

static bool
update (KnDb *db, const KnScope *scope, KnObject *object, KnObject *change, KnEffects *effects,
        GError **error)
{
    bool named = kn_object_has (change, "name");
    bool is_default = strcmp (object->name, DEFAULT_NAME) == 0;

    if (named && is_default != (strcmp (change->name, DEFAULT_NAME) == 0)) {
        kn_error_public_type (error, KN_ERROR_CONFLICT,
                              is_default ? "SecurityGroupCannotUpdateDefault"
                                         : "SecurityGroupDefaultAlreadyExists",
                              "The name 'default' stays with the project's first group.");
        return false;
    }
    kn_object_apply (object, change);
    kn_object_stamp (object);
    return kn_store_group_update (db, (KnSecurityGroup *)object, error);
}

static bool
remove_group (KnDb *db, const KnScope *scope, KnObject *object, KnEffects *effects, GError **error)
{
    g_autoptr (GError) local = NULL;

    if (strcmp (object->name, DEFAULT_NAME) == 0 && !scope->admin) {
        kn_error_public_type (error, KN_ERROR_CONFLICT, "SecurityGroupCannotRemoveDefault",
                              "The default security group cannot be deleted.");
        return false;
    }
    if (!kn_store_tags_clear (db, object->id, error))
        return false;
    if (kn_store_group_delete (db, object->id, &local))
        return true;
    if (g_error_matches (local, KN_ERROR, KN_ERROR_IN_USE))
        kn_error_public_type (error, KN_ERROR_IN_USE, "SecurityGroupInUse",
                              "Security group %s is in use by ports.", object->id);
    else
        g_propagate_error (error, g_steal_pointer (&local));
    return false;
}

#define A(attribute, kind, member)                                                                 \
    .name = attribute, .type = KN_ATTR_##kind, .offset = offsetof (KnSecurityGroup, member)
static const KnAttr attrs[] = {
    { A ("id", TEXT, base.id) },
    { A ("name", TEXT, base.name), .flags = KN_A_SET | KN_A_REQUIRED },
    { A ("description", TEXT, base.description), .flags = KN_A_SET },
    { A ("project_id", TEXT, base.project_id), .flags = KN_A_POST, .normalise = kn_format_project,
      .what = "a project id" },
    { A ("tenant_id", TEXT, base.project_id), .flags = KN_A_POST | KN_A_ALIAS,
      .normalise = kn_format_project, .what = "a project id" },
    { A ("security_group_rules", RECORDS, rules), .nested = &kn_rule_resource },
    { A ("tags", LINES, base.tags) },
    { A ("created_at", TIME, base.created_at) },
    { A ("updated_at", TIME, base.updated_at) },
    { A ("revision_number", INT, base.revision) },
};

const KnResource kn_group_resource = {
    .name = "security_group",
    .plural = "security_groups",
    .title = "security group",
    .not_found = "SecurityGroupNotFound",
    .quota = "security_group",
    .size = sizeof (KnSecurityGroup),
    .attrs = attrs,
    .n_attrs = G_N_ELEMENTS (attrs),
    .init = init,
    .list = kn_store_group_list,
    .find = kn_store_group_find,
    .visible = visible,
    .create = create,
    .update = update,
    .remove = remove_group,
};
