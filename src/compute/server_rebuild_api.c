/* SPDX-License-Identifier: Apache-2.0 */
/* The action `rebuild`: checks first, then the new image stands in the row and a job brings the disk. */
#include "base/error.h"
#include "base/util.h"
#include "compute/facts.h"
#include "compute/move.h"
#include "compute/server_api.h"
#include "compute/server_create.h"
#include "compute/server_spec.h"

typedef struct {
    guint64 present;
    const char *image_ref, *name, *admin_pass, *access_ip_v4, *access_ip_v6;
    const json_t *metadata, *personality;
    bool preserve_ephemeral;
    int disk_config;
} RebuildSpec;

#define OPTIONAL_NULLABLE (KN_J_OPTIONAL | KN_J_NULLABLE)

static const KnJField rebuild_fields[] = {
    { "imageRef", KN_J_STRING, offsetof (RebuildSpec, image_ref), 1, 255 },
    { "name", KN_J_STRING, offsetof (RebuildSpec, name), 1, 255, .flags = KN_J_OPTIONAL },
    { "adminPass", KN_J_STRING, offsetof (RebuildSpec, admin_pass), .flags = KN_J_OPTIONAL },
    { "accessIPv4", KN_J_STRING, offsetof (RebuildSpec, access_ip_v4), .flags = OPTIONAL_NULLABLE },
    { "accessIPv6", KN_J_STRING, offsetof (RebuildSpec, access_ip_v6), .flags = OPTIONAL_NULLABLE },
    { "metadata", KN_J_OBJECT, offsetof (RebuildSpec, metadata), .flags = KN_J_OPTIONAL },
    { "personality", KN_J_ARRAY, offsetof (RebuildSpec, personality), 0, 64,
      .flags = KN_J_OPTIONAL },
    { "preserve_ephemeral", KN_J_BOOL, offsetof (RebuildSpec, preserve_ephemeral),
      .flags = KN_J_OPTIONAL | KN_J_LENIENT },
    { "OS-DCF:diskConfig", KN_J_ENUM, offsetof (RebuildSpec, disk_config),
      .names = kn_server_disk_configs, .flags = KN_J_OPTIONAL },
};

static const KnJShape rebuild_shape = {
    .fields = rebuild_fields,
    .n_fields = G_N_ELEMENTS (rebuild_fields),
    .present_offset = offsetof (RebuildSpec, present),
    .closed = true,
};

/* What the transaction of a rebuild writes. */
typedef struct {
    KnServer after;
    KnImage *image;
    GHashTable *system_metadata;
    GHashTable *metadata; /* NULL: stays */
    char *admin_pass;
    char *address_v4, *address_v6; /* NULL: stays */
} Rebuild;

static void
rebuild_clear (Rebuild *rebuild)
{
    g_clear_pointer (&rebuild->image, kn_image_free);
    g_clear_pointer (&rebuild->system_metadata, g_hash_table_unref);
    g_clear_pointer (&rebuild->metadata, g_hash_table_unref);
    g_clear_pointer (&rebuild->address_v4, g_free);
    g_clear_pointer (&rebuild->address_v6, g_free);
    kn_secret_free (rebuild->admin_pass);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Rebuild, rebuild_clear)

static bool
rebuild_txn (KnDb *db, gpointer data, GError **error)
{
    const Rebuild *r = data;
    const char *id = r->after.uuid;

    return kn_image_use_add (db, r->after.image_ref, id, error)
           && kn_store_server_set_image (db, &r->after, error)
           && kn_store_meta_clear (db, KN_META_SYSTEM, id, "image_", error)
           && kn_store_meta_insert_all (db, KN_META_SYSTEM, id, r->system_metadata, error)
           && (r->metadata == NULL
               || (kn_store_meta_clear (db, KN_META_USER, id, "", error)
                   && kn_store_meta_insert_all (db, KN_META_USER, id, r->metadata, error)))
           && kn_store_server_set_admin_pass (db, id, r->admin_pass, error)
           && kn_store_root_disk_set (db, &r->after, error);
}

static bool
check_rebuild (const KnServerCall *call, const RebuildSpec *spec, GError **error)
{
    if (json_array_size (spec->personality) > 0) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "Files cannot be injected; use user_data.");
        return false;
    }
    return spec->name == NULL || kn_server_check_name (spec->name, error);
}

/* *@out_kept: what the firmware's state is bound to, NULL if the server was never started. */
static bool
load_kept (const KnServerCall *call, GHashTable **out_kept, GError **error)
{
    g_autoptr (GHashTable) identity = NULL;

    if (!kn_server_load_identity (call->db, call->server->uuid, &identity, error))
        return false;
    if (identity == NULL)
        return true;
    *out_kept = kn_guest_identity_firmware (identity);

    return kn_identity_check_move (*out_kept, call->server->uuid, call->server->host, error);
}

static bool
check_rebuilt_guest (const KnServerCall *call, const Rebuild *rebuild, const RebuildSpec *spec,
                     GError **error)
{
    const KnServer *server = call->server;
    g_autoptr (GHashTable) extra_specs = kn_server_extra_specs (server, error);
    g_autoptr (GHashTable) stored = NULL;
    g_autoptr (KnVirtHost) host
        = server->host != NULL ? kn_virt_find_host (call->compute->virt, server->host) : NULL;
    g_autoptr (GHashTable) kept = NULL;

    if (extra_specs == NULL || (spec->preserve_ephemeral && !load_kept (call, &kept, error)))
        return false;
    stored = kn_store_meta_load (call->db, KN_META_USER, server->uuid, error);
    if (stored == NULL)
        return false;

    return kn_server_check_guest (
        &(KnServerWish){
            .name = server->name,
            .profile = server->profile,
            .flavor_name = server->flavor_name,
            .vcpus = server->vcpus,
            .memory_mib = server->memory_mib,
            .root_gib = server->root_gib,
            .ephemeral_gib = server->ephemeral_gib,
            .swap_mib = server->swap_mib,
            .system_metadata = rebuild->system_metadata,
            .extra_specs = extra_specs,
            .identity = kept,
            .user_metadata = rebuild->metadata != NULL ? rebuild->metadata : stored,
            .host = host,
        },
        error);
}

static bool
prepare_rebuild (KnServerCall *call, KnRequest *req, const RebuildSpec *spec, Rebuild *rebuild,
                 GError **error)
{
    const KnServer *server = call->server;
    const char *project = kn_request_is_admin (req) ? NULL : server->project_id;

    rebuild->image = kn_server_load_image (call->db, spec->image_ref, project, server->memory_mib,
                                           server->root_gib, error);
    if (rebuild->image == NULL)
        return false;
    if (spec->metadata != NULL
        && (!kn_server_read_metadata (spec->metadata, "metadata", &rebuild->metadata, error)
            || !kn_server_check_metadata_count (call->db, server->project_id,
                                                g_hash_table_size (rebuild->metadata), error)))
        return false;

    if (spec->access_ip_v4 != NULL
        && (rebuild->address_v4 = kn_server_parse_address (spec->access_ip_v4, 4, error)) == NULL)
        return false;
    if (spec->access_ip_v6 != NULL
        && (rebuild->address_v6 = kn_server_parse_address (spec->access_ip_v6, 6, error)) == NULL)
        return false;
    rebuild->system_metadata = kn_server_image_metadata (rebuild->image, server->root_gib);
    rebuild->admin_pass = spec->admin_pass != NULL && *spec->admin_pass != '\0'
                              ? g_strdup (spec->admin_pass)
                              : kn_server_new_password ();
    rebuild->after = *server;
    rebuild->after.image_ref = rebuild->image->id;
    rebuild->after.os_type = g_hash_table_lookup (rebuild->image->properties, "os_type");
    if (spec->name != NULL)
        rebuild->after.name = spec->name;
    if (rebuild->address_v4 != NULL)
        rebuild->after.access_ip_v4 = rebuild->address_v4;
    if (rebuild->address_v6 != NULL)
        rebuild->after.access_ip_v6 = rebuild->address_v6;
    if (spec->disk_config >= 0)
        rebuild->after.auto_disk_config = spec->disk_config == 1;

    return check_rebuilt_guest (call, rebuild, spec, error);
}

bool
kn_server_action_rebuild (KnServerCall *call, KnRequest *req, const json_t *argument,
                          GError **error)
{
    const KnServer *server = call->server;
    g_auto (Rebuild) rebuild = { 0 };
    g_autoptr (json_t) payload = NULL;
    g_autofree char *location
        = g_strdup_printf ("%s/v2.1/servers/%s", kn_request_base_url (req), server->uuid);
    RebuildSpec spec = { .disk_config = -1 };

    if (!kn_json_read (argument, "rebuild", &rebuild_shape, &spec, error)
        || !check_rebuild (call, &spec, error)
        || !kn_server_check_act (server, KN_ACT_REBUILD, error)
        || !prepare_rebuild (call, req, &spec, &rebuild, error))
        return false;
    payload = json_pack ("{s:s?, s:b, s:b}", "old_image", server->image_ref, "stopped",
                         server->vm == KN_VM_STOPPED, "preserve", spec.preserve_ephemeral);
    if (!kn_server_begin_act (call, req, KN_ACT_REBUILD, payload, rebuild_txn, &rebuild, error))
        return false;
    kn_request_add_header (req, "Location", location);

    return kn_server_reply (req, 202, call->db, server->uuid, KN_VIEW_BASIC, rebuild.admin_pass,
                            error);
}
