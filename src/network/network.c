/* SPDX-License-Identifier: Apache-2.0 */
/* Networks: their attributes and rules. */
#include "network/network_priv.h"

#include <string.h>

#include "base/error.h"
#include "network/formats.h"

#define MTU_DEFAULT 1500
#define MTU_MIN 68 /* RFC 791 */
#define MTU_MAX 65535

static void
init (KnObject *object)
{
    KnNet *net = (KnNet *)object;

    net->base.name = g_strdup ("");
    net->base.description = g_strdup ("");
    net->status = g_strdup ("ACTIVE");
    net->admin_state_up = true;
    net->mtu = MTU_DEFAULT;
}

void
kn_net_not_found (const char *id, GError **error)
{
    kn_error_public_type (error, KN_ERROR_NOT_FOUND, "NetworkNotFound", "There is no network %s.",
                          id);
}

static bool
visible (KnDb *db, const KnScope *scope, const KnObject *object)
{
    const KnNet *net = (const KnNet *)object;

    return scope->admin || net->shared || net->external
           || g_strcmp0 (object->project_id, scope->project_id) == 0;
}

bool
kn_net_load (KnDb *db, const KnScope *scope, const char *id, KnNet **out_net, GError **error)
{
    g_autoptr (GError) local = NULL;
    KnObject *object = kn_store_net_find (db, id, &local);

    if (object == NULL && local != NULL) {
        g_propagate_error (error, g_steal_pointer (&local));
        return false;
    }
    if (object == NULL || !visible (db, scope, object)) {
        kn_object_free (object);
        kn_net_not_found (id, error);
        return false;
    }
    *out_net = (KnNet *)object;
    return true;
}

bool
kn_net_load_tags (KnDb *db, KnNet *net, GError **error)
{
    g_autoptr (GPtrArray) one = g_ptr_array_new ();

    g_ptr_array_add (one, net);
    return kn_store_tags_load (db, one, error);
}

static bool
create (KnDb *db, const KnScope *scope, KnObject *object, KnEffects *effects, GError **error)
{
    KnNet *net = (KnNet *)object;
    g_autofree char *group = kn_group_ensure_default (db, object->project_id, error);

    if (group == NULL)
        return false;
    g_strfreev (net->subnets);
    net->subnets = g_new0 (char *, 1);
    kn_object_stamp (object);
    return kn_store_net_insert (db, net, error);
}

/* Others' ports and subnets would be left on a network that they no longer see. */
static bool
check_unshare (KnDb *db, const KnNet *net, GError **error)
{
    g_autoptr (GPtrArray) ports = kn_objects_new ();

    if (!kn_store_port_list_of_network (db, net->base.id, ports, error))
        return false;
    for (guint i = 0; i < ports->len; i++) {
        const KnPortRow *port = g_ptr_array_index (ports, i);

        if (strcmp (port->base.project_id, net->base.project_id) != 0) {
            kn_error_public_type (error, KN_ERROR_CONFLICT, "InvalidSharedSetting",
                                  "Network %s cannot stop being shared: another project has "
                                  "ports on it.",
                                  net->base.id);
            return false;
        }
    }
    return true;
}

static bool
update (KnDb *db, const KnScope *scope, KnObject *object, KnObject *change, KnEffects *effects,
        GError **error)
{
    KnNet *net = (KnNet *)object;
    bool was_shared = net->shared;

    kn_object_apply (object, change);
    if (was_shared && !net->shared && !check_unshare (db, net, error))
        return false;
    kn_object_stamp (object);
    kn_effects_network (effects, object->id);
    return kn_store_net_update (db, net, error);
}

static bool
remove_parts (KnDb *db, const KnNet *net, GPtrArray *ports, GError **error)
{
    for (guint i = 0; i < ports->len; i++) {
        const KnPortRow *port = g_ptr_array_index (ports, i);

        if (strcmp (port->device_owner, KN_DHCP_OWNER) != 0) {
            kn_error_public_type (error, KN_ERROR_IN_USE, "NetworkInUse",
                                  "Network %s has ports; delete them first.", net->base.id);
            return false;
        }
        if (!kn_store_port_delete (db, port->base.id, error))
            return false;
    }
    for (char **id = net->subnets; *id != NULL; id++)
        if (!kn_store_subnet_delete (db, *id, error) || !kn_store_tags_clear (db, *id, error))
            return false;
    return true;
}

static bool
remove_net (KnDb *db, const KnScope *scope, KnObject *object, KnEffects *effects, GError **error)
{
    g_autoptr (GPtrArray) ports = kn_objects_new ();
    const KnNet *net = (const KnNet *)object;

    if (!kn_store_port_list_of_network (db, object->id, ports, error)
        || !remove_parts (db, net, ports, error) || !kn_store_tags_clear (db, object->id, error)
        || !kn_store_net_delete (db, object->id, error))
        return false;
    g_ptr_array_add (effects->removed, g_strdup (object->id));
    return true;
}

#define A(attribute, kind, member)                                                                 \
    .name = attribute, .type = KN_ATTR_##kind, .offset = offsetof (KnNet, member)
static const KnAttr attrs[] = {
    { A ("id", TEXT, base.id) },
    { A ("name", TEXT, base.name), .flags = KN_A_SET },
    { A ("description", TEXT, base.description), .flags = KN_A_SET },
    { A ("project_id", TEXT, base.project_id), .flags = KN_A_POST, .normalise = kn_format_project,
      .what = "a project id" },
    { A ("tenant_id", TEXT, base.project_id), .flags = KN_A_POST | KN_A_ALIAS,
      .normalise = kn_format_project, .what = "a project id" },
    { A ("admin_state_up", BOOL, admin_state_up), .flags = KN_A_SET },
    { A ("status", TEXT, status) },
    { A ("subnets", LINES, subnets) },
    { A ("shared", BOOL, shared), .flags = KN_A_SET | KN_A_ADMIN_SET },
    { A ("router:external", BOOL, external), .flags = KN_A_SET | KN_A_ADMIN_SET },
    { A ("mtu", INT, mtu), .flags = KN_A_SET, .min = MTU_MIN, .max = MTU_MAX },
    { A ("tags", LINES, base.tags) },
    { A ("created_at", TIME, base.created_at) },
    { A ("updated_at", TIME, base.updated_at) },
    { A ("revision_number", INT, base.revision) },
};

const KnResource kn_net_resource = {
    .name = "network",
    .plural = "networks",
    .title = "network",
    .not_found = "NetworkNotFound",
    .quota = "network",
    .size = sizeof (KnNet),
    .attrs = attrs,
    .n_attrs = G_N_ELEMENTS (attrs),
    .init = init,
    .list = kn_store_net_list,
    .find = kn_store_net_find,
    .visible = visible,
    .create = create,
    .update = update,
    .remove = remove_net,
};
