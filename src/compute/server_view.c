/* SPDX-License-Identifier: Apache-2.0 */
/* Servers as JSON, in the closed schema of microversion 2.1. */
#include "compute/server_view.h"

#include <string.h>

#include "base/time.h"

static void
write_link (KnJw *w, const char *rel, const char *base_url, const char *version, const char *what,
            const char *id)
{
    kn_jw_object (w);
    kn_jw_string_member (w, "rel", rel);
    kn_jw_format_member (w, "href", "%s%s/%s/%s", base_url, version, what, id);
    kn_jw_end (w);
}

void
kn_server_write_links (KnJw *w, const char *base_url, const char *id)
{
    kn_jw_array_member (w, "links");
    write_link (w, "self", base_url, "/v2.1", "servers", id);
    write_link (w, "bookmark", base_url, "", "servers", id);
    kn_jw_end (w);
}

/* {"id": …, "links": [bookmark]}, or "" where there is nothing to refer to. */
static void
write_reference (KnJw *w, const char *key, const char *base_url, const char *what, const char *id)
{
    if (id == NULL) {
        kn_jw_string_member (w, key, "");
        return;
    }
    kn_jw_object_member (w, key);
    kn_jw_string_member (w, "id", id);
    kn_jw_array_member (w, "links");
    write_link (w, "bookmark", base_url, "", what, id);
    kn_jw_end (w);
    kn_jw_end (w);
}

void
kn_json_write_table (KnJw *w, const char *key, GHashTable *values)
{
    g_autoptr (GList) keys = values != NULL ? g_hash_table_get_keys (values) : NULL;

    keys = g_list_sort (keys, (GCompareFunc)strcmp);
    kn_jw_object_member (w, key);
    for (GList *l = keys; l != NULL; l = l->next)
        kn_jw_string_member (w, l->data, g_hash_table_lookup (values, l->data));
    kn_jw_end (w);
}

static void
write_port_addresses (KnJw *w, const KnPort *port, bool with_types)
{
    for (guint i = 0; i < port->addresses->len; i++) {
        const KnPortAddress *address = g_ptr_array_index (port->addresses, i);

        kn_jw_object (w);
        kn_jw_int_member (w, "version", address->version);
        kn_jw_string_member (w, "addr", address->address);
        if (with_types) {
            kn_jw_string_member (w, "OS-EXT-IPS:type", "fixed");
            kn_jw_string_member (w, "OS-EXT-IPS-MAC:mac_addr", port->mac);
        }
        kn_jw_end (w);
    }
}

void
kn_server_write_network (KnJw *w, const GPtrArray *ports, guint first, bool with_types)
{
    const KnPort *port = g_ptr_array_index (ports, first);

    /* Two networks may have one name: a key stands once, so both are listed under it. */
    kn_jw_array_member (w, port->network_name);
    for (guint i = first; i < ports->len; i++) {
        const KnPort *other = g_ptr_array_index (ports, i);

        if (strcmp (other->network_name, port->network_name) == 0)
            write_port_addresses (w, other, with_types);
    }
    kn_jw_end (w);
}

static bool
is_first_of_name (const GPtrArray *ports, guint index)
{
    const KnPort *port = g_ptr_array_index (ports, index);

    for (guint i = 0; i < index; i++) {
        const KnPort *other = g_ptr_array_index (ports, i);

        if (strcmp (other->network_name, port->network_name) == 0)
            return false;
    }
    return true;
}

void
kn_server_write_addresses (KnJw *w, const char *key, const GPtrArray *ports, bool with_types)
{
    kn_jw_object_member (w, key);
    for (guint i = 0; ports != NULL && i < ports->len; i++)
        if (is_first_of_name (ports, i))
            kn_server_write_network (w, ports, i, with_types);
    kn_jw_end (w);
}

void
kn_server_write_groups (KnJw *w, const GPtrArray *ports)
{
    const char *seen[64];
    guint n_seen = 0;

    for (guint i = 0; ports != NULL && i < ports->len; i++) {
        const KnPort *port = g_ptr_array_index (ports, i);

        for (guint k = 0; k + 1 < port->security_groups->len; k += 2) {
            const char *name = g_ptr_array_index (port->security_groups, k);
            bool known = false;

            for (guint j = 0; j < n_seen; j++)
                known = known || strcmp (seen[j], name) == 0;
            if (!known && n_seen < G_N_ELEMENTS (seen))
                seen[n_seen++] = name;
        }
    }
    if (n_seen == 0)
        return;
    kn_jw_array_member (w, "security_groups");
    for (guint j = 0; j < n_seen; j++) {
        kn_jw_object (w);
        kn_jw_string_member (w, "name", seen[j]);
        kn_jw_end (w);
    }
    kn_jw_end (w);
}

static void
write_fault (KnJw *w, const KnServerFault *fault, bool admin)
{
    kn_jw_object_member (w, "fault");
    kn_jw_int_member (w, "code", fault->code);
    kn_jw_time_member (w, "created", fault->created_at);
    kn_jw_string_member (w, "message", fault->message);
    if (fault->details != NULL && (admin || fault->code != 500))
        kn_jw_string_member (w, "details", fault->details);
    kn_jw_end (w);
}

static void
write_basic (KnJw *w, const KnServer *s, const KnServerContext *c, const char *status)
{
    kn_jw_string_member (w, "status", status);
    kn_jw_string_member (w, "tenant_id", s->project_id);
    kn_jw_string_member (w, "user_id", s->user_id);
    kn_json_write_table (w, "metadata", c->metadata);
    kn_jw_string_member (w, "hostId", c->host_id);
    write_reference (w, "image", c->base_url, "images", s->image_ref);
    write_reference (w, "flavor", c->base_url, "flavors", s->flavor_id);
    kn_jw_time_member (w, "created", s->created_at);
    kn_jw_time_member (w, "updated", s->updated_at != NULL ? s->updated_at : s->created_at);
    kn_server_write_addresses (w, "addresses", c->ports, c->kind == KN_VIEW_FULL);
    kn_jw_string_member (w, "accessIPv4", s->access_ip_v4 != NULL ? s->access_ip_v4 : "");
    kn_jw_string_member (w, "accessIPv6", s->access_ip_v6 != NULL ? s->access_ip_v6 : "");
    kn_jw_string_member (w, "OS-DCF:diskConfig", s->auto_disk_config ? "AUTO" : "MANUAL");
    if (kn_server_status_has_progress (status))
        kn_jw_int_member (w, "progress", s->progress);
    if (c->fault != NULL && (strcmp (status, "ERROR") == 0 || strcmp (status, "DELETED") == 0))
        write_fault (w, c->fault, c->admin);
    if (c->admin_pass != NULL)
        kn_jw_string_member (w, "adminPass", c->admin_pass);
}

/* Compute writes these two with a fraction and without Z. */
static void
write_usage_time (KnJw *w, const char *key, const char *db_time)
{
    g_autofree char *text = db_time != NULL ? kn_time_convert (db_time, KN_TIME_PLAIN) : NULL;

    kn_jw_string_member (w, key, text);
}

static void
write_extended (KnJw *w, const KnServer *s, const KnServerContext *c)
{
    kn_jw_string_member (w, "OS-EXT-AZ:availability_zone", s->zone != NULL ? s->zone : "");
    kn_jw_string_member (w, "config_drive", s->config_drive != NULL ? s->config_drive : "");
    kn_jw_string_member (w, "key_name", s->key_name);
    write_usage_time (w, "OS-SRV-USG:launched_at", s->launched_at);
    write_usage_time (w, "OS-SRV-USG:terminated_at", s->terminated_at);
    kn_server_write_groups (w, c->ports);
    if (c->admin) {
        char name[32];

        g_snprintf (name, sizeof name, "instance-%08x", (guint)s->id);
        kn_jw_string_member (w, "OS-EXT-SRV-ATTR:host", s->host);
        kn_jw_string_member (w, "OS-EXT-SRV-ATTR:instance_name", name);
        kn_jw_string_member (w, "OS-EXT-SRV-ATTR:hypervisor_hostname", s->node);
    }
    kn_jw_string_member (w, "OS-EXT-STS:task_state", kn_task_name (s->task));
    kn_jw_string_member (w, "OS-EXT-STS:vm_state",
                         s->deleted ? "deleted" : kn_vm_state_name (s->vm));
    kn_jw_int_member (w, "OS-EXT-STS:power_state", s->power_state);
    kn_jw_array_member (w, "os-extended-volumes:volumes_attached");
    kn_jw_end (w);
}

void
kn_server_write (KnJw *w, const KnServer *server, const KnServerContext *context)
{
    kn_jw_object (w);
    kn_jw_string_member (w, "id", server->uuid);
    kn_jw_string_member (w, "name", server->name);
    if (context->kind != KN_VIEW_BRIEF)
        write_basic (w, server, context, kn_server_status (server));
    if (context->kind == KN_VIEW_FULL)
        write_extended (w, server, context);
    kn_server_write_links (w, context->base_url, server->uuid);
    kn_jw_end (w);
}
