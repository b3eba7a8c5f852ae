/* SPDX-License-Identifier: Apache-2.0 */
/* Version documents and the list of extensions. */
#include "compute/discovery.h"

#include "base/error.h"
#include "compute/compute_priv.h"

#include <string.h>

#define MAX_VERSION "2.1"
/* When the API of this name and version was settled: clients read it as a date. */
#define V20_UPDATED "2011-01-21T11:33:21Z"
#define V21_UPDATED "2013-07-23T11:33:21Z"

typedef struct {
    const char *id, *path, *status, *version, *min_version, *updated;
} Version;

/* COMPAT: v2.0 stands in the list because clients look for it there; only its document exists. */
static const Version versions[] = {
    { "v2.0", "/v2/", "SUPPORTED", "", "", V20_UPDATED },
    { "v2.1", "/v2.1/", "CURRENT", MAX_VERSION, "2.1", V21_UPDATED },
};

static void
write_members (KnJw *w, const KnRequest *req, const Version *version)
{
    kn_jw_string_member (w, "id", version->id);
    kn_jw_string_member (w, "status", version->status);
    kn_jw_string_member (w, "version", version->version);
    kn_jw_string_member (w, "min_version", version->min_version);
    kn_jw_string_member (w, "updated", version->updated);
    kn_jw_array_member (w, "links");
    kn_jw_object (w);
    kn_jw_string_member (w, "rel", "self");
    kn_jw_format_member (w, "href", "%s%s", kn_request_base_url (req), version->path);
    kn_jw_end (w);
}

static bool
version_list (KnRequest *req, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    (void)error;
    kn_jw_object (w);
    kn_jw_array_member (w, "versions");
    for (gsize i = 0; i < G_N_ELEMENTS (versions); i++) {
        kn_jw_object (w);
        write_members (w, req, &versions[i]);
        kn_jw_end (w);
        kn_jw_end (w);
    }
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static bool
version_show (KnRequest *req, GError **error)
{
    const Version *version = kn_request_state (req);
    g_autoptr (KnJw) w = kn_jw_new ();

    (void)error;
    kn_jw_object (w);
    kn_jw_object_member (w, "version");
    write_members (w, req, version);
    kn_jw_object (w);
    kn_jw_string_member (w, "rel", "describedby");
    kn_jw_string_member (w, "type", "text/html");
    kn_jw_string_member (w, "href", "https://docs.openstack.org/");
    kn_jw_end (w);
    kn_jw_end (w);
    kn_jw_array_member (w, "media-types");
    kn_jw_object (w);
    kn_jw_string_member (w, "base", "application/json");
    kn_jw_format_member (w, "type", "application/vnd.openstack.compute+json;version=%s",
                         version->id[3] == '0' ? "2" : "2.1");
    kn_jw_end (w);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

typedef struct {
    const char *alias, *name, *description;
} Extension;

/* Parts of the API that old clients look for by alias before they use them. */
static const Extension extensions[] = {
    { "os-admin-actions", "AdminActions", "Administrators' actions on servers." },
    { "os-attach-interfaces", "AttachInterfaces", "Ports of servers." },
    { "os-availability-zone", "AvailabilityZone", "Zones of hosts." },
    { "os-config-drive", "ConfigDrive", "Servers say whether they have a config drive." },
    { "os-console-output", "ConsoleOutput", "The console log of servers." },
    { "os-consoles", "Consoles", "Consoles of servers." },
    { "os-extended-availability-zone", "ExtendedAvailabilityZone", "Servers say their zone." },
    { "os-extended-server-attributes", "ExtendedServerAttributes",
      "Servers say host and instance name to administrators." },
    { "os-extended-status", "ExtendedStatus", "Servers say power, task and life cycle state." },
    { "os-flavor-access", "FlavorAccess", "Flavors of some projects only." },
    { "os-flavor-extra-specs", "FlavorExtraSpecs", "Keys and values of flavors." },
    { "os-flavor-manage", "FlavorManage", "Administrators make and delete flavors." },
    { "os-hypervisors", "Hypervisors", "What hosts have." },
    { "os-instance-actions", "InstanceActions", "What happened to servers." },
    { "os-keypairs", "Keypairs", "Public keys of users." },
    { "os-quota-class-sets", "QuotaClasses", "Default limits." },
    { "os-quota-sets", "Quotas", "Limits of projects." },
    { "os-security-groups", "SecurityGroups", "Servers say their security groups." },
    { "os-server-diagnostics", "ServerDiagnostics", "Figures of running servers." },
    { "os-server-usage", "ServerUsage", "Servers say when they were launched." },
    { "os-services", "Services", "Hosts as services." },
    { "os-used-limits", "UsedLimits", "Limits say what is in use." },
    { "os-user-data", "UserData", "Servers take user data." },
};

static void
write_extension (KnJw *w, const Extension *extension)
{
    kn_jw_object (w);
    kn_jw_string_member (w, "alias", extension->alias);
    kn_jw_string_member (w, "name", extension->name);
    kn_jw_string_member (w, "description", extension->description);
    kn_jw_string_member (w, "namespace", "https://kilonova.dev/ns/1");
    kn_jw_string_member (w, "updated", "2014-12-03T00:00:00Z");
    kn_jw_array_member (w, "links");
    kn_jw_end (w);
    kn_jw_end (w);
}

static bool
extension_list (KnRequest *req, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    (void)error;
    kn_jw_object (w);
    kn_jw_array_member (w, "extensions");
    for (gsize i = 0; i < G_N_ELEMENTS (extensions); i++)
        write_extension (w, &extensions[i]);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static bool
extension_show (KnRequest *req, GError **error)
{
    const char *alias = kn_request_param (req, "alias");
    g_autoptr (KnJw) w = kn_jw_new ();

    for (gsize i = 0; i < G_N_ELEMENTS (extensions); i++) {
        if (strcmp (alias, extensions[i].alias) != 0)
            continue;
        kn_jw_object (w);
        kn_jw_key (w, "extension");
        write_extension (w, &extensions[i]);
        kn_jw_end (w);
        kn_request_reply_json (req, 200, w);
        return true;
    }
    kn_error_public (error, KN_ERROR_NOT_FOUND, "There is no extension %.255s.", alias);
    return false;
}

static const KnRoute routes_of_discovery[] = {
    { "GET", "/", version_list, KN_ROLE_NONE, KN_INLINE },
    { "GET", "/v2", version_show, KN_ROLE_NONE, KN_INLINE, .data = &versions[0] },
    { "GET", "/v2.1", version_show, KN_ROLE_NONE, KN_INLINE, .data = &versions[1] },
    { "GET", "/v2.1/extensions", extension_list, KN_ROLE_READER, KN_INLINE },
    { "GET", "/v2.1/extensions/{alias}", extension_show, KN_ROLE_READER, KN_INLINE },
};

void
kn_discovery_add_routes (GArray *routes)
{
    g_array_append_vals (routes, routes_of_discovery, G_N_ELEMENTS (routes_of_discovery));
}
