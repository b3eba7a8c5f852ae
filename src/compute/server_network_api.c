/* SPDX-License-Identifier: Apache-2.0 */
/* A server's addresses, ports and security groups as Compute shows them; and its volumes, of which there are none. */
#include <string.h>

#include "base/error.h"
#include "compute/server_api.h"

/* The server and its ports. */
typedef struct {
    KnServerCall call;
    GPtrArray *ports;
} PortsCall;

static void
ports_call_clear (PortsCall *call)
{
    kn_server_call_clear (&call->call);
    g_clear_pointer (&call->ports, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PortsCall, ports_call_clear)

static bool
ports_call_begin (PortsCall *call, KnRequest *req, GError **error)
{
    if (!kn_server_call_begin (&call->call, req, error))
        return false;
    call->ports = kn_network_list_ports (call->call.db, call->call.server->uuid, error);

    return call->ports != NULL;
}

static bool
ips_list (KnRequest *req, GError **error)
{
    g_auto (PortsCall) call = { 0 };
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!ports_call_begin (&call, req, error))
        return false;
    kn_jw_object (w);
    kn_server_write_addresses (w, "addresses", call.ports, false);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);

    return true;
}

static bool
ips_show (KnRequest *req, GError **error)
{
    const char *label = kn_request_param (req, "label");
    g_auto (PortsCall) call = { 0 };
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!ports_call_begin (&call, req, error))
        return false;
    for (guint i = 0; i < call.ports->len; i++) {
        const KnPort *port = g_ptr_array_index (call.ports, i);

        if (strcmp (port->network_name, label) != 0)
            continue;
        kn_jw_object (w);
        kn_server_write_network (w, call.ports, i, false);
        kn_jw_end (w);
        kn_request_reply_json (req, 200, w);
        return true;
    }
    kn_error_public (error, KN_ERROR_NOT_FOUND, "Instance is not a member of specified network");

    return false;
}

static void
write_interface (KnJw *w, const KnPort *port)
{
    kn_jw_object (w);
    kn_jw_string_member (w, "port_state", port->active ? "ACTIVE" : "DOWN");
    kn_jw_string_member (w, "port_id", port->id);
    kn_jw_string_member (w, "net_id", port->network_id);
    kn_jw_string_member (w, "mac_addr", port->mac);
    kn_jw_array_member (w, "fixed_ips");
    for (guint i = 0; i < port->addresses->len; i++) {
        const KnPortAddress *address = g_ptr_array_index (port->addresses, i);

        kn_jw_object (w);
        kn_jw_string_member (w, "subnet_id", address->subnet_id);
        kn_jw_string_member (w, "ip_address", address->address);
        kn_jw_end (w);
    }
    kn_jw_end (w);
    kn_jw_end (w);
}

static bool
interface_list (KnRequest *req, GError **error)
{
    g_auto (PortsCall) call = { 0 };
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!ports_call_begin (&call, req, error))
        return false;
    kn_jw_object (w);
    kn_jw_array_member (w, "interfaceAttachments");
    for (guint i = 0; i < call.ports->len; i++)
        write_interface (w, g_ptr_array_index (call.ports, i));
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);

    return true;
}

static bool
interface_show (KnRequest *req, GError **error)
{
    const char *id = kn_request_param (req, "port");
    g_auto (PortsCall) call = { 0 };
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!ports_call_begin (&call, req, error))
        return false;
    for (guint i = 0; i < call.ports->len; i++) {
        const KnPort *port = g_ptr_array_index (call.ports, i);

        if (strcmp (port->id, id) != 0)
            continue;
        kn_jw_object (w);
        kn_jw_key (w, "interfaceAttachment");
        write_interface (w, port);
        kn_jw_end (w);
        kn_request_reply_json (req, 200, w);
        return true;
    }
    kn_error_public (error, KN_ERROR_NOT_FOUND, "Port %.64s is not attached to the instance.", id);

    return false;
}

/* Each group once, with its id; rules are the Network service's business. */
static bool
groups_list (KnRequest *req, GError **error)
{
    g_auto (PortsCall) call = { 0 };
    g_autoptr (KnJw) w = kn_jw_new ();
    g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

    if (!ports_call_begin (&call, req, error))
        return false;
    kn_jw_object (w);
    kn_jw_array_member (w, "security_groups");
    for (guint i = 0; i < call.ports->len; i++) {
        const KnPort *port = g_ptr_array_index (call.ports, i);

        for (guint k = 0; k + 1 < port->security_groups->len; k += 2) {
            if (!g_hash_table_add (seen, g_ptr_array_index (port->security_groups, k + 1)))
                continue;
            kn_jw_object (w);
            kn_jw_string_member (w, "id", g_ptr_array_index (port->security_groups, k + 1));
            kn_jw_string_member (w, "name", g_ptr_array_index (port->security_groups, k));
            kn_jw_string_member (w, "description", "");
            kn_jw_string_member (w, "tenant_id", port->project_id);
            kn_jw_array_member (w, "rules");
            kn_jw_end (w);
            kn_jw_end (w);
        }
    }
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);

    return true;
}

static bool
volumes_list (KnRequest *req, GError **error)
{
    g_auto (KnServerCall) call = { 0 };
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!kn_server_call_begin (&call, req, error))
        return false;
    kn_jw_object (w);
    kn_jw_array_member (w, "volumeAttachments");
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);

    return true;
}

#define SERVER "/v2.1/servers/{id}"

static const KnRoute routes[] = {
    { "GET", SERVER "/ips", ips_list, .role = KN_ROLE_READER, .run = KN_WORKER },
    { "GET", SERVER "/ips/{label}", ips_show, .role = KN_ROLE_READER, .run = KN_WORKER },
    { "GET", SERVER "/os-interface", interface_list, .role = KN_ROLE_READER, .run = KN_WORKER },
    { "GET", SERVER "/os-interface/{port}", interface_show, .role = KN_ROLE_READER,
      .run = KN_WORKER },
    { "GET", SERVER "/os-security-groups", groups_list, .role = KN_ROLE_READER, .run = KN_WORKER },
    { "GET", SERVER "/os-volume_attachments", volumes_list, .role = KN_ROLE_READER,
      .run = KN_WORKER },
};

void
kn_server_network_add_routes (GArray *all)
{
    g_array_append_vals (all, routes, G_N_ELEMENTS (routes));
}
