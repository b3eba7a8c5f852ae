/* SPDX-License-Identifier: Apache-2.0 */
/* What the service says about itself: versions, resources, extensions, agents. */
#include "network/resource_api.h"

#include <string.h>

#include "base/error.h"
#include "base/id.h"
#include "base/time.h"

/* Only what is really there. */
static const struct {
    const char *alias, *name, *description;
} extensions[] = {
    { "agent", "agent", "The parts that serve networks on the hosts." },
    { "binding", "Port Binding", "Where and how a port is plugged in." },
    { "empty-string-filtering", "Empty String Filtering", "Filters with an empty value." },
    { "external-net", "Neutron external network", "The attribute router:external of networks." },
    { "filter-validation", "Filter parameters validation", "Unknown filters are refused." },
    { "ip-substring-filtering", "IP address substring filtering",
      "Ports by a part of an address." },
    { "net-mtu", "Network MTU", "The MTU of networks." },
    { "net-mtu-writable", "Network MTU (writable)", "The MTU of a network may be chosen." },
    { "pagination", "Pagination support", "Lists in pages." },
    { "project-id", "project_id field enabled", "project_id beside tenant_id." },
    { "quota_details", "Quota details management support", "Quotas with what is used." },
    { "quotas", "Quota management support", "Limits for each project." },
    { "security-group", "security-group", "Groups of rules for ports." },
    { "sorting", "Sorting support", "Lists in any order." },
    { "standard-attr-description", "standard-attr-description", "A description everywhere." },
    { "standard-attr-revisions", "Resource revision numbers",
      "A number that grows by each change." },
    { "standard-attr-tag", "Tag support for resources with standard attribute", "Tags." },
    { "standard-attr-timestamp", "Resource timestamps", "created_at and updated_at." },
};

static void
write_link (KnJw *w, const char *base, const char *path)
{
    kn_jw_array_member (w, "links");
    kn_jw_object (w);
    kn_jw_string_member (w, "rel", "self");
    kn_jw_format_member (w, "href", "%s/v2.0/%s", base, path);
    kn_jw_end (w);
    kn_jw_end (w);
}

bool
kn_discovery_versions (KnRequest *req, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_array_member (w, "versions");
    kn_jw_object (w);
    kn_jw_string_member (w, "id", "v2.0");
    kn_jw_string_member (w, "status", "CURRENT");
    write_link (w, kn_request_base_url (req), "");
    kn_jw_end (w);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

bool
kn_discovery_resources (KnRequest *req, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_array_member (w, "resources");
    for (gsize i = 0; kn_resources[i] != NULL; i++) {
        g_autofree char *path = g_strdelimit (g_strdup (kn_resources[i]->plural), "_", '-');

        kn_jw_object (w);
        kn_jw_string_member (w, "name", kn_resources[i]->name);
        kn_jw_string_member (w, "collection", kn_resources[i]->plural);
        write_link (w, kn_request_base_url (req), path);
        kn_jw_end (w);
    }
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static void
write_extension (KnJw *w, gsize i)
{
    kn_jw_object (w);
    kn_jw_string_member (w, "alias", extensions[i].alias);
    kn_jw_string_member (w, "name", extensions[i].name);
    kn_jw_string_member (w, "description", extensions[i].description);
    kn_jw_string_member (w, "updated", "2026-11-20T00:00:00-00:00");
    kn_jw_array_member (w, "links");
    kn_jw_end (w);
    kn_jw_end (w);
}

bool
kn_discovery_extensions (KnRequest *req, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_array_member (w, "extensions");
    for (gsize i = 0; i < G_N_ELEMENTS (extensions); i++)
        write_extension (w, i);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

bool
kn_discovery_extension (KnRequest *req, GError **error)
{
    const char *alias = kn_request_param (req, "id");
    g_autoptr (KnJw) w = kn_jw_new ();

    for (gsize i = 0; i < G_N_ELEMENTS (extensions); i++) {
        if (strcmp (extensions[i].alias, alias) != 0)
            continue;
        kn_jw_object (w);
        kn_jw_key (w, "extension");
        write_extension (w, i);
        kn_jw_end (w);
        kn_request_reply_json (req, 200, w);
        return true;
    }
    kn_error_public_type (error, KN_ERROR_NOT_FOUND, "HTTPNotFound",
                          "The extension '%s' is not loaded.", alias);
    return false;
}

/* One part serves the networks of this host: this program. It answers, so it is alive. */
static char *
agent_id (const KnNetworks *networks)
{
    g_autofree char *name
        = g_strdup_printf ("%s/network-agent/%s", networks->cloud_id, networks->host);

    return kn_id_from_name (name);
}

static void
write_agent (const KnNetworks *networks, KnJw *w)
{
    char now[KN_TIME_TEXT_MAX], started[KN_TIME_TEXT_MAX];
    g_autofree char *id = agent_id (networks);

    kn_time_format (kn_time_now (), KN_TIME_DB, now);
    kn_time_format (networks->started_us, KN_TIME_DB, started);
    kn_jw_object (w);
    kn_jw_string_member (w, "id", id);
    kn_jw_string_member (w, "agent_type", "DHCP agent");
    kn_jw_string_member (w, "binary", "kilonova");
    kn_jw_string_member (w, "topic", "dhcp_agent");
    kn_jw_string_member (w, "host", networks->host);
    kn_jw_bool_member (w, "admin_state_up", true);
    kn_jw_bool_member (w, "alive", true);
    kn_jw_null_member (w, "availability_zone");
    kn_jw_string_member (w, "created_at", started);
    kn_jw_string_member (w, "started_at", started);
    kn_jw_string_member (w, "heartbeat_timestamp", now);
    kn_jw_string_member (w, "description", "");
    kn_jw_object_member (w, "configurations");
    kn_jw_string_member (w, "driver", networks->driver->ops->name);
    kn_jw_end (w);
    kn_jw_end (w);
}

bool
kn_agents_list (KnRequest *req, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_array_member (w, "agents");
    write_agent (kn_request_service (req), w);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

bool
kn_agents_show (KnRequest *req, GError **error)
{
    const KnNetworks *networks = kn_request_service (req);
    g_autofree char *id = agent_id (networks);
    g_autoptr (KnJw) w = kn_jw_new ();

    if (strcmp (id, kn_request_param (req, "id")) != 0) {
        kn_error_public_type (error, KN_ERROR_NOT_FOUND, "AgentNotFound", "There is no agent %s.",
                              kn_request_param (req, "id"));
        return false;
    }
    kn_jw_object (w);
    kn_jw_key (w, "agent");
    write_agent (networks, w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}
