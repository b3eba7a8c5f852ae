/* SPDX-License-Identifier: Apache-2.0 */
/* GET /os-security-groups: the groups of the Network service as older clients look for them in Compute. They are made and changed
 * there. */
#include <string.h>

#include "base/error.h"
#include "compute/compute_priv.h"

typedef struct {
    KnJw *w;
    const char *id; /* NULL: all of them */
    guint n;
} Writer;

static bool
has_ports (const char *protocol)
{
    static const char *const with[] = { "tcp", "udp", NULL };

    return protocol != NULL && g_strv_contains (with, protocol);
}

static void
write_port (KnJw *w, const char *key, const KnGroupRuleView *rule, gint64 port, gint64 all)
{
    if (port >= 0)
        kn_jw_int_member (w, key, port);
    else if (rule->protocol == NULL)
        kn_jw_string_member (w, key, NULL);
    else
        kn_jw_int_member (w, key, has_ports (rule->protocol) ? all : -1);
}

static void
write_rule (KnJw *w, const KnGroupRuleView *rule, const char *group_id)
{
    kn_jw_object (w);
    kn_jw_string_member (w, "id", rule->id);
    kn_jw_string_member (w, "parent_group_id", group_id);
    kn_jw_string_member (w, "ip_protocol", rule->protocol);
    write_port (w, "from_port", rule, rule->port_min, 1);
    write_port (w, "to_port", rule, rule->port_max, 65535);
    kn_jw_object_member (w, "group");
    if (rule->cidr == NULL) {
        kn_jw_string_member (w, "name", rule->remote_group);
        kn_jw_string_member (w, "tenant_id", rule->remote_project);
    }
    kn_jw_end (w);
    kn_jw_object_member (w, "ip_range");
    if (rule->cidr != NULL)
        kn_jw_string_member (w, "cidr", rule->cidr);
    kn_jw_end (w);
    kn_jw_end (w);
}

static void
write_group (const KnGroupView *group, gpointer data)
{
    Writer *to = data;

    if (to->id != NULL && strcmp (to->id, group->id) != 0)
        return;
    to->n++;
    kn_jw_object (to->w);
    kn_jw_string_member (to->w, "id", group->id);
    kn_jw_string_member (to->w, "name", group->name);
    kn_jw_string_member (to->w, "description", group->description);
    kn_jw_string_member (to->w, "tenant_id", group->project_id);
    kn_jw_array_member (to->w, "rules");
    for (gsize i = 0; i < group->n_rules; i++)
        write_rule (to->w, &group->rules[i], group->id);
    kn_jw_end (to->w);
    kn_jw_end (to->w);
}

/* Administrators see the groups of all projects when they ask for that. */
static const char *
scope_of (KnRequest *req, bool one)
{
    bool all = kn_request_is_admin (req) && (one || kn_request_query (req, "all_tenants") != NULL);

    return all ? NULL : kn_request_auth (req)->project_id;
}

static bool
group_list (KnRequest *req, GError **error)
{
    KnDb *db = kn_compute_db (kn_compute_of (req), error);
    g_autoptr (KnJw) w = kn_jw_new ();
    Writer to = { .w = w };

    kn_jw_object (w);
    kn_jw_array_member (w, "security_groups");
    if (db == NULL || !kn_network_each_group (db, scope_of (req, false), write_group, &to, error))
        return false;
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);

    return true;
}

static bool
group_show (KnRequest *req, GError **error)
{
    KnDb *db = kn_compute_db (kn_compute_of (req), error);
    g_autoptr (KnJw) w = kn_jw_new ();
    Writer to = { .w = w, .id = kn_request_param (req, "id") };

    kn_jw_object (w);
    kn_jw_key (w, "security_group");
    if (db == NULL || !kn_network_each_group (db, scope_of (req, true), write_group, &to, error))
        return false;
    if (to.n == 0) {
        kn_error_public (error, KN_ERROR_NOT_FOUND, "Security group %.64s not found.", to.id);
        return false;
    }
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);

    return true;
}

static const KnRoute routes[] = {
    { "GET", "/v2.1/os-security-groups", group_list, .role = KN_ROLE_READER, .run = KN_WORKER },
    { "GET", "/v2.1/os-security-groups/{id}", group_show, .role = KN_ROLE_READER,
      .run = KN_WORKER },
};

void
kn_security_group_add_routes (GArray *all)
{
    g_array_append_vals (all, routes, G_N_ELEMENTS (routes));
}
