/* SPDX-License-Identifier: Apache-2.0 */
/* Properties of snapshots. What is inherited and what is added is what Nova 26 does (compute/utils.py,
 * initialize_instance_snapshot_metadata; virt/libvirt/driver.py, _create_snapshot_metadata; utils.py,
 * get_image_from_system_metadata). */
#include "compute/snapshot_image.h"

#include <string.h>

#include "base/util.h"
#include "compute/clock.h"

#define IMAGE_PREFIX "image_"

/* Attributes of the image and no properties of it. */
static const char *const attributes[]
    = { "min_ram", "min_disk", "disk_format", "container_format", NULL };

/* What stands beside the image's properties in the server's record and goes along. */
static const char *const others[] = { "boot_roles", "owner_project_name", "owner_user_name", NULL };

/* A signature is of other bytes; block devices are not part of this image. */
static const char *const never[] = {
    "img_signature",
    "img_signature_hash_method",
    "img_signature_certificate_uuid",
    "img_signature_key_type",
    "cinder_encryption_key_id",
    "cinder_encryption_key_deletion_policy",
    "mappings",
    "block_device_mapping",
    "img_mappings",
    "img_block_device_mapping",
    NULL,
};

static void
put (GHashTable *properties, const char *name, const char *value)
{
    if (value != NULL)
        g_hash_table_insert (properties, g_strdup (name), g_strdup (value));
}

/* The name under which @key of the server's record goes into the image; NULL: it stays. */
static const char *
inherited_name (const char *key, const char *const *unwanted)
{
    const char *name = key;

    if (g_str_has_prefix (key, IMAGE_PREFIX))
        name = key + strlen (IMAGE_PREFIX);
    else if (!g_strv_contains (others, key))
        return NULL;

    return g_strv_contains (attributes, name) || g_strv_contains (never, name)
                   || g_strv_contains (unwanted, name)
               ? NULL
               : name;
}

static void
inherit (GHashTable *properties, GHashTable *system, const char *unwanted_list)
{
    g_auto (GStrv) unwanted = g_strsplit (unwanted_list, ",", -1);
    GHashTableIter iter;
    gpointer key, value;

    for (char **name = unwanted; *name != NULL; name++)
        g_strstrip (*name);
    g_hash_table_iter_init (&iter, system);
    while (g_hash_table_iter_next (&iter, &key, &value)) {
        const char *name = inherited_name (key, (const char *const *)unwanted);

        if (name != NULL)
            put (properties, name, value);
    }
}

static void
add_own (GHashTable *properties, const KnSnapshot *s)
{
    const KnServer *server = s->server;
    GHashTableIter iter;
    gpointer key, value;

    put (properties, "instance_uuid", server->uuid);
    put (properties, "user_id", s->user_id);
    put (properties, "image_type", s->image_type);
    put (properties, "backup_type", s->backup_type);
    if (s->metadata != NULL) {
        g_hash_table_iter_init (&iter, s->metadata);
        while (g_hash_table_iter_next (&iter, &key, &value))
            put (properties, key, value);
    }
    if (g_strcmp0 (s->project_id, server->project_id) != 0)
        put (properties, "instance_owner", server->project_id);
    put (properties, "image_location", "snapshot");
    put (properties, "image_state", "available");
    put (properties, "owner_id", server->project_id);
    if (server->os_type != NULL && *server->os_type != '\0')
        put (properties, "os_type", server->os_type);
}

static gint64
number (GHashTable *system, const char *key)
{
    gint64 value = 0;

    (void)kn_parse_int (g_hash_table_lookup (system, key), 0, G_MAXINT64, &value);
    return value;
}

bool
kn_snapshot_make_image (KnCompute *compute, KnDb *db, const KnSnapshot *snapshot, GError **error)
{
    const KnServer *server = snapshot->server;
    bool foreign = g_strcmp0 (snapshot->project_id, server->project_id) != 0;
    g_autoptr (GHashTable) system = kn_store_meta_load (db, KN_META_SYSTEM, server->uuid, error);
    g_autoptr (GHashTable) properties
        = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

    if (system == NULL)
        return false;
    inherit (properties, system,
             kn_config_string (compute->config, "compute.non_inheritable_image_properties"));
    add_own (properties, snapshot);
    if (!kn_server_clock_to_image (db, server, properties, error))
        return false;

    /* A copy of a disk is a qcow2 whatever the image was; `ami` and its kind stand for a raw one. */
    return kn_image_create (compute->images, db,
                            &(KnImageSpec){
                                .id = snapshot->id,
                                .name = snapshot->name,
                                .owner = snapshot->project_id,
                                .visibility = foreign ? "shared" : "private",
                                .member = foreign ? server->project_id : NULL,
                                .disk_format = "qcow2",
                                .container_format = "bare",
                                .min_ram_mib = number (system, "image_min_ram"),
                                .min_disk_gib = number (system, "image_min_disk"),
                                .properties = properties,
                            },
                            error);
}
