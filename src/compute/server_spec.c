/* SPDX-License-Identifier: Apache-2.0 */
/* Reading POST /servers. */
#include "compute/server_spec.h"

#include <gio/gio.h>
#include <string.h>

#include "base/error.h"
#include "base/id.h"
#include "compute/server_api.h"

#define MAX_USER_DATA 65535
#define MAX_COUNT 1000

const char *const kn_server_disk_configs[] = { "MANUAL", "AUTO", NULL };

#define OPTIONAL_NULLABLE (KN_J_OPTIONAL | KN_J_NULLABLE)

static const KnJField server_fields[] = {
    { "name", KN_J_STRING, offsetof (KnServerSpec, name), 1, 255 },
    { "imageRef", KN_J_STRING, offsetof (KnServerSpec, image_ref), .flags = KN_J_OPTIONAL },
    { "flavorRef", KN_J_ANY, offsetof (KnServerSpec, flavor_ref) },
    { "adminPass", KN_J_STRING, offsetof (KnServerSpec, admin_pass), .flags = KN_J_OPTIONAL },
    { "metadata", KN_J_OBJECT, offsetof (KnServerSpec, metadata_object), .flags = KN_J_OPTIONAL },
    { "networks", KN_J_ARRAY, offsetof (KnServerSpec, networks), 0, KN_SERVER_MAX_NICS,
      .flags = KN_J_OPTIONAL },
    { "security_groups", KN_J_ARRAY, offsetof (KnServerSpec, security_groups), 0,
      KN_SERVER_MAX_GROUPS, .flags = KN_J_OPTIONAL },
    { "key_name", KN_J_STRING, offsetof (KnServerSpec, key_name), 1, 255,
      .flags = OPTIONAL_NULLABLE },
    { "user_data", KN_J_STRING, offsetof (KnServerSpec, user_data), 0, MAX_USER_DATA,
      .flags = OPTIONAL_NULLABLE },
    { "config_drive", KN_J_BOOL, offsetof (KnServerSpec, config_drive),
      .flags = OPTIONAL_NULLABLE | KN_J_LENIENT },
    { "min_count", KN_J_INT, offsetof (KnServerSpec, min_count), 1, MAX_COUNT,
      .flags = KN_J_OPTIONAL | KN_J_LENIENT },
    { "max_count", KN_J_INT, offsetof (KnServerSpec, max_count), 1, MAX_COUNT,
      .flags = KN_J_OPTIONAL | KN_J_LENIENT },
    { "return_reservation_id", KN_J_BOOL, offsetof (KnServerSpec, return_reservation),
      .flags = KN_J_OPTIONAL | KN_J_LENIENT },
    { "availability_zone", KN_J_STRING, offsetof (KnServerSpec, zone), 1, 255,
      .flags = OPTIONAL_NULLABLE },
    { "OS-DCF:diskConfig", KN_J_ENUM, offsetof (KnServerSpec, disk_config),
      .names = kn_server_disk_configs, .flags = KN_J_OPTIONAL },
    { "accessIPv4", KN_J_STRING, offsetof (KnServerSpec, access_ip_v4),
      .flags = OPTIONAL_NULLABLE },
    { "accessIPv6", KN_J_STRING, offsetof (KnServerSpec, access_ip_v6),
      .flags = OPTIONAL_NULLABLE },
    { "block_device_mapping_v2", KN_J_ARRAY, offsetof (KnServerSpec, block_devices), 0, 64,
      .flags = KN_J_OPTIONAL },
    { "block_device_mapping", KN_J_ARRAY, offsetof (KnServerSpec, old_block_devices), 0, 64,
      .flags = KN_J_OPTIONAL },
    { "personality", KN_J_ARRAY, offsetof (KnServerSpec, personality), 0, 64,
      .flags = KN_J_OPTIONAL },
};

static const KnJShape server_shape = {
    .fields = server_fields,
    .n_fields = G_N_ELEMENTS (server_fields),
    .present_offset = offsetof (KnServerSpec, present),
    .closed = true,
};

typedef struct {
    guint64 present;
    const json_t *server, *hints, *old_hints;
} Body;

static const KnJField body_fields[] = {
    { "server", KN_J_OBJECT, offsetof (Body, server) },
    { "os:scheduler_hints", KN_J_OBJECT, offsetof (Body, hints), .flags = KN_J_OPTIONAL },
    { "OS-SCH-HNT:scheduler_hints", KN_J_OBJECT, offsetof (Body, old_hints),
      .flags = KN_J_OPTIONAL },
};

static const KnJShape body_shape = {
    .fields = body_fields,
    .n_fields = G_N_ELEMENTS (body_fields),
    .present_offset = offsetof (Body, present),
    .closed = true,
};

typedef struct {
    guint64 present;
    const char *network_id, *port_id, *fixed_ip;
} NetworkItem;

static const KnJField network_fields[] = {
    { "uuid", KN_J_UUID, offsetof (NetworkItem, network_id), .flags = OPTIONAL_NULLABLE },
    { "port", KN_J_UUID, offsetof (NetworkItem, port_id), .flags = OPTIONAL_NULLABLE },
    { "fixed_ip", KN_J_STRING, offsetof (NetworkItem, fixed_ip), 1, 45,
      .flags = KN_J_OPTIONAL | KN_J_NULLABLE },
};

static const KnJShape network_shape = {
    .fields = network_fields,
    .n_fields = G_N_ELEMENTS (network_fields),
    .present_offset = offsetof (NetworkItem, present),
    .closed = true,
};

typedef struct {
    guint64 present;
    const char *name;
} GroupItem;

static const KnJField group_fields[]
    = { { "name", KN_J_STRING, offsetof (GroupItem, name), 1, 255 } };

static const KnJShape group_shape = {
    .fields = group_fields,
    .n_fields = G_N_ELEMENTS (group_fields),
    .present_offset = offsetof (GroupItem, present),
    .closed = true,
};

static bool
refuse (GError **error, const char *sentence)
{
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "%s", sentence);
    return false;
}

/* A flavor is named by a string or, by old clients, by a number. */
static bool
read_flavor (KnServerSpec *spec, GError **error)
{
    if (json_is_string (spec->flavor_ref)) {
        const char *text = json_string_value (spec->flavor_ref);
        const char *slash = strrchr (text, '/');

        spec->flavor_id = g_strdup (slash != NULL ? slash + 1 : text);
    } else if (json_is_integer (spec->flavor_ref)) {
        spec->flavor_id
            = g_strdup_printf ("%" JSON_INTEGER_FORMAT, json_integer_value (spec->flavor_ref));
    }
    if (spec->flavor_id != NULL && *spec->flavor_id != '\0' && strlen (spec->flavor_id) <= 1020)
        return true;

    return refuse (error, "Invalid flavorRef provided.");
}

static bool
read_groups (KnServerSpec *spec, GError **error)
{
    gsize index;
    json_t *item;

    json_array_foreach (spec->security_groups, index, item) {
        GroupItem group = { 0 };

        if (!kn_json_read (item, "security_groups", &group_shape, &group, error))
            return false;
        spec->group_names[index] = group.name;
    }
    return true;
}

static bool
check_wish (const KnServerSpec *spec, const NetworkItem *item, GError **error)
{
    g_autoptr (GInetAddress) address = NULL;

    if (item->network_id == NULL && item->port_id == NULL)
        return refuse (error, "Each of the networks needs a uuid or a port.");
    if (item->fixed_ip != NULL) {
        address = g_inet_address_new_from_string (item->fixed_ip);
        if (address == NULL)
            return refuse (error, "A fixed_ip of the networks is not an IP address.");
    }
    if (spec->max_count > 1 && (item->port_id != NULL || item->fixed_ip != NULL))
        return refuse (error, "Several servers cannot share a port or a fixed_ip.");

    return true;
}

static bool
read_networks (KnServerSpec *spec, GError **error)
{
    const char *const *groups = spec->group_names[0] != NULL ? spec->group_names : NULL;
    gsize index;
    json_t *object;

    json_array_foreach (spec->networks, index, object) {
        NetworkItem item = { 0 };

        if (!kn_json_read (object, "networks", &network_shape, &item, error)
            || !check_wish (spec, &item, error))
            return false;
        spec->wishes[spec->n_wishes++] = (KnPortWish){
            .network_id = item.port_id == NULL ? item.network_id : NULL,
            .port_id = item.port_id,
            .fixed_ip = item.fixed_ip,
            .security_groups = groups,
        };
    }
    if (spec->n_wishes == 0)
        spec->wishes[spec->n_wishes++] = (KnPortWish){ .security_groups = groups };

    return true;
}

/* Clients say `the image on the local disk` also where nobody asked for block devices; nothing else is there to be had. */
static bool
check_block_devices (KnServerSpec *spec, GError **error)
{
    const json_t *device = json_array_get (spec->block_devices, 0);
    const char *source = json_string_value (json_object_get (device, "source_type"));
    const char *target = json_string_value (json_object_get (device, "destination_type"));
    const char *image = json_string_value (json_object_get (device, "uuid"));

    if (json_array_size (spec->old_block_devices) > 0)
        return refuse (error, "There is no Block Storage service: volumes cannot be attached.");
    if (json_array_size (spec->block_devices) == 0)
        return true;
    if (json_array_size (spec->block_devices) > 1 || g_strcmp0 (source, "image") != 0
        || g_strcmp0 (target, "local") != 0 || image == NULL)
        return refuse (error, "There is no Block Storage service: block_device_mapping_v2 may only "
                              "name the image on the local disk.");
    if (spec->image_ref == NULL || *spec->image_ref == '\0')
        spec->image_ref = image;

    return strcmp (spec->image_ref, image) == 0
           || refuse (error, "imageRef and block_device_mapping_v2 name different images.");
}

/* "ZONE", "ZONE:HOST" or "ZONE:HOST:NODE"; host and node are one here. */
static void
read_zone (KnServerSpec *spec)
{
    g_auto (GStrv) parts = NULL;

    if (spec->zone == NULL)
        return;
    parts = g_strsplit (spec->zone, ":", 3);
    if (*parts[0] != '\0')
        spec->zone_name = g_strdup (parts[0]);
    if (parts[1] != NULL && *parts[1] != '\0')
        spec->zone_host = g_strdup (parts[1]);
    else if (parts[1] != NULL && parts[2] != NULL)
        spec->zone_host = g_strdup (parts[2]);
}

bool
kn_server_check_user_data (const char *text, GError **error)
{
    gsize n_digits = 0;

    for (const char *p = text; *p != '\0'; p++) {
        if (g_ascii_isalnum (*p) || strchr ("+/=", *p) != NULL)
            n_digits++;
        else if (!g_ascii_isspace (*p))
            return refuse (error, "Userdata content cannot be decoded: it must be base64.");
    }
    return n_digits % 4 == 0
           || refuse (error, "Userdata content cannot be decoded: it must be base64.");
}

static bool
check_texts (const KnServerSpec *spec, GError **error)
{
    if (!kn_server_check_name (spec->name, error))
        return false;
    if (spec->user_data != NULL && !kn_server_check_user_data (spec->user_data, error))
        return false;
    if (json_array_size (spec->personality) > 0)
        return refuse (error, "Files cannot be injected; use user_data.");

    return spec->max_count >= spec->min_count || refuse (error, "min_count must be <= max_count");
}

static bool
read_addresses (KnServerSpec *spec, GError **error)
{
    if (spec->access_ip_v4 != NULL)
        spec->address_v4 = kn_server_parse_address (spec->access_ip_v4, 4, error);
    if (spec->access_ip_v4 != NULL && spec->address_v4 == NULL)
        return false;
    if (spec->access_ip_v6 != NULL)
        spec->address_v6 = kn_server_parse_address (spec->access_ip_v6, 6, error);

    return spec->access_ip_v6 == NULL || spec->address_v6 != NULL;
}

static bool
check_hints (const json_t *hints, GError **error)
{
    const char *group = json_string_value (json_object_get (hints, "group"));

    if (group == NULL)
        return true;
    if (!kn_id_is_uuid (group))
        return refuse (error, "The scheduler hint 'group' must be the UUID of a server group.");
    return refuse (error, "The server group of the scheduler hint could not be found.");
}

bool
kn_server_spec_read (const json_t *document, KnServerSpec *out_spec, GError **error)
{
    KnServerSpec *spec = out_spec;
    Body body = { 0 };

    *spec = (KnServerSpec){ .config_drive = true, .disk_config = -1, .min_count = 1 };
    if (!kn_json_read (document, "the body", &body_shape, &body, error)
        || !kn_json_read (body.server, "server", &server_shape, spec, error)
        || !check_hints (body.hints != NULL ? body.hints : body.old_hints, error))
        return false;
    if (spec->max_count == 0)
        spec->max_count = spec->min_count;
    read_zone (spec);

    return check_texts (spec, error) && read_addresses (spec, error) && read_flavor (spec, error)
           && check_block_devices (spec, error) && read_groups (spec, error)
           && read_networks (spec, error)
           && kn_server_read_metadata (spec->metadata_object, "metadata", &spec->metadata, error);
}

void
kn_server_spec_clear (KnServerSpec *spec)
{
    g_clear_pointer (&spec->flavor_id, g_free);
    g_clear_pointer (&spec->zone_name, g_free);
    g_clear_pointer (&spec->zone_host, g_free);
    g_clear_pointer (&spec->address_v4, g_free);
    g_clear_pointer (&spec->address_v6, g_free);
    g_clear_pointer (&spec->metadata, g_hash_table_unref);
}
