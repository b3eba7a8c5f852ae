/* SPDX-License-Identifier: Apache-2.0 */
/* POST /servers/{id}/action: one table row an action. */
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "compute/keypair.h"
#include "compute/facts.h"
#include "compute/server_api.h"
#include "compute/server_create.h"
#include "compute/server_spec.h"
#include "virt/domain.h"
#include "virt/volume.h"

#define CONSOLE_MAX (512 * KIB)

typedef bool (*Action) (KnServerCall *call, KnRequest *req, const json_t *argument, GError **error);

typedef struct {
    const char *name;
    Action run;
    bool admin_only;
} ActionRow;

static bool
accept (KnRequest *req)
{
    kn_request_reply_empty (req, 202);
    return true;
}

/* Actions whose argument says nothing. */
static bool
begin_plain (KnServerCall *call, KnRequest *req, KnAct act, GError **error)
{
    return kn_server_begin_act (call, req, act, NULL, NULL, NULL, error) && accept (req);
}

static bool
action_start (KnServerCall *call, KnRequest *req, const json_t *argument, GError **error)
{
    return begin_plain (call, req, KN_ACT_START, error);
}

static bool
action_stop (KnServerCall *call, KnRequest *req, const json_t *argument, GError **error)
{
    return begin_plain (call, req, KN_ACT_STOP, error);
}

static bool
action_pause (KnServerCall *call, KnRequest *req, const json_t *argument, GError **error)
{
    return begin_plain (call, req, KN_ACT_PAUSE, error);
}

static bool
action_unpause (KnServerCall *call, KnRequest *req, const json_t *argument, GError **error)
{
    return begin_plain (call, req, KN_ACT_UNPAUSE, error);
}

static bool
action_force_delete (KnServerCall *call, KnRequest *req, const json_t *argument, GError **error)
{
    return begin_plain (call, req, KN_ACT_DELETE, error);
}

typedef struct {
    guint64 present;
    int type;
} RebootSpec;

static const char *const reboot_types[] = { "SOFT", "HARD", "soft", "hard", "Soft", "Hard", NULL };

static const KnJField reboot_fields[]
    = { { "type", KN_J_ENUM, offsetof (RebootSpec, type), .names = reboot_types } };

static const KnJShape reboot_shape = {
    .fields = reboot_fields,
    .n_fields = G_N_ELEMENTS (reboot_fields),
    .present_offset = offsetof (RebootSpec, present),
    .closed = true,
};

static bool
action_reboot (KnServerCall *call, KnRequest *req, const json_t *argument, GError **error)
{
    RebootSpec spec = { 0 };

    if (!kn_json_read (argument, "reboot", &reboot_shape, &spec, error))
        return false;

    return begin_plain (call, req, spec.type % 2 == 1 ? KN_ACT_REBOOT_HARD : KN_ACT_REBOOT_SOFT,
                        error);
}

static bool
action_lock (KnServerCall *call, KnRequest *req, const json_t *argument, GError **error)
{
    const char *by = kn_request_is_admin (req) ? "admin" : "owner";

    return kn_store_server_set_locked (call->db, call->server->uuid, true, by, error)
           && accept (req);
}

static bool
action_unlock (KnServerCall *call, KnRequest *req, const json_t *argument, GError **error)
{
    return kn_store_server_set_locked (call->db, call->server->uuid, false, NULL, error)
           && accept (req);
}

typedef struct {
    guint64 present;
    const json_t *length;
} ConsoleSpec;

static const KnJField console_fields[] = { { "length", KN_J_ANY, offsetof (ConsoleSpec, length),
                                             .flags = KN_J_OPTIONAL | KN_J_NULLABLE } };

static const KnJShape console_shape = {
    .fields = console_fields,
    .n_fields = G_N_ELEMENTS (console_fields),
    .present_offset = offsetof (ConsoleSpec, present),
    .closed = true,
};

/* Lines from the end: a number or a numeric string; none or -1 is everything. */
static bool
read_length (const json_t *argument, gint64 *out_lines, GError **error)
{
    ConsoleSpec spec = { 0 };
    const char *text;

    *out_lines = -1;
    if (!kn_json_read (argument, "os-getConsoleOutput", &console_shape, &spec, error))
        return false;
    if (spec.length == NULL)
        return true;
    *out_lines = json_integer_value (spec.length);
    text = json_string_value (spec.length);
    if ((json_is_integer (spec.length) && *out_lines >= -1)
        || (text != NULL && kn_parse_int (text, -1, G_MAXINT32, out_lines)))
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST,
                     "Invalid input for field/attribute length: it must be an integer of -1 or "
                     "more.");
    return false;
}

/* Where the last @lines lines of @text begin. */
static const char *
last_lines (const char *text, gsize len, gint64 lines)
{
    const char *p = text + len;

    if (lines < 0)
        return text;
    if (lines == 0)
        return p;
    if (p > text && p[-1] == '\n')
        p--;
    while (p > text && (p[-1] != '\n' || --lines > 0))
        p--;

    return p;
}

static bool
action_console (KnServerCall *call, KnRequest *req, const json_t *argument, GError **error)
{
    g_autofree char *name = kn_server_console_name (call->server), *text = NULL, *valid = NULL;
    g_autoptr (KnVirtHost) host = NULL;
    g_autoptr (KnJw) w = kn_jw_new ();
    gsize len = 0;
    gint64 lines;

    if (!read_length (argument, &lines, error))
        return false;
    host = call->server->host != NULL ? kn_virt_find_host (call->compute->virt, call->server->host)
                                      : NULL;
    if (host == NULL || call->server->vm == KN_VM_BUILDING) {
        kn_error_public (error, KN_ERROR_CONFLICT, "Instance %s is not ready", call->server->uuid);
        return false;
    }
    text = kn_volume_load_tail (host, name, CONSOLE_MAX, &len, error);
    if (text == NULL)
        return false;

    /* A guest may print anything; JSON takes no NUL and no half characters. */
    for (gsize i = 0; i < len; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    valid = g_utf8_make_valid (last_lines (text, len, lines), -1);
    kn_jw_object (w);
    kn_jw_string_member (w, "output", valid);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);

    return true;
}

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
} Rebuild;

static void
rebuild_clear (Rebuild *rebuild)
{
    g_clear_pointer (&rebuild->image, kn_image_free);
    g_clear_pointer (&rebuild->system_metadata, g_hash_table_unref);
    g_clear_pointer (&rebuild->metadata, g_hash_table_unref);
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
    if (spec->preserve_ephemeral) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "The current driver does not support preserving ephemeral partitions.");
        return false;
    }
    if (spec->name != NULL && !kn_server_check_name (spec->name, error))
        return false;
    if (spec->access_ip_v4 != NULL && !kn_server_check_address (spec->access_ip_v4, 4, error))
        return false;

    return spec->access_ip_v6 == NULL || kn_server_check_address (spec->access_ip_v6, 6, error);
}

static bool
check_rebuilt_guest (const KnServerCall *call, const Rebuild *rebuild, GError **error)
{
    const KnServer *server = call->server;
    g_autoptr (GHashTable) extra_specs = kn_server_extra_specs (server, error);
    g_autoptr (GHashTable) stored = NULL;

    if (extra_specs == NULL)
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
            .user_metadata = rebuild->metadata != NULL ? rebuild->metadata : stored,
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

    rebuild->system_metadata = kn_server_image_metadata (rebuild->image, server->root_gib);
    rebuild->admin_pass = spec->admin_pass != NULL && *spec->admin_pass != '\0'
                              ? g_strdup (spec->admin_pass)
                              : kn_server_new_password ();
    rebuild->after = *server;
    rebuild->after.image_ref = rebuild->image->id;
    rebuild->after.os_type = g_hash_table_lookup (rebuild->image->properties, "os_type");
    if (spec->name != NULL)
        rebuild->after.name = spec->name;
    if (spec->access_ip_v4 != NULL)
        rebuild->after.access_ip_v4 = spec->access_ip_v4;
    if (spec->access_ip_v6 != NULL)
        rebuild->after.access_ip_v6 = spec->access_ip_v6;
    if (spec->disk_config >= 0)
        rebuild->after.auto_disk_config = spec->disk_config == 1;

    return check_rebuilt_guest (call, rebuild, error);
}

static bool
action_rebuild (KnServerCall *call, KnRequest *req, const json_t *argument, GError **error)
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
    payload = json_pack ("{s:s?, s:b}", "old_image", server->image_ref, "stopped",
                         server->vm == KN_VM_STOPPED);
    if (!kn_server_begin_act (call, req, KN_ACT_REBUILD, payload, rebuild_txn, &rebuild, error))
        return false;
    kn_request_add_header (req, "Location", location);

    return kn_server_reply (req, 202, call->db, server->uuid, KN_VIEW_BASIC, rebuild.admin_pass,
                            error);
}

typedef struct {
    guint64 present;
    const char *name;
} GroupSpec;

static const KnJField group_fields[]
    = { { "name", KN_J_STRING, offsetof (GroupSpec, name), 1, 255 } };

static const KnJShape group_shape = {
    .fields = group_fields,
    .n_fields = G_N_ELEMENTS (group_fields),
    .present_offset = offsetof (GroupSpec, present),
    .closed = true,
};

static bool
action_add_group (KnServerCall *call, KnRequest *req, const json_t *argument, GError **error)
{
    GroupSpec spec = { 0 };

    return kn_json_read (argument, "addSecurityGroup", &group_shape, &spec, error)
           && kn_server_call_check_lock (call, req, error)
           && kn_network_add_group (call->db, call->server->project_id, call->server->uuid,
                                    spec.name, error)
           && accept (req);
}

static bool
action_remove_group (KnServerCall *call, KnRequest *req, const json_t *argument, GError **error)
{
    GroupSpec spec = { 0 };

    return kn_json_read (argument, "removeSecurityGroup", &group_shape, &spec, error)
           && kn_server_call_check_lock (call, req, error)
           && kn_network_remove_group (call->db, call->server->project_id, call->server->uuid,
                                       spec.name, error)
           && accept (req);
}

typedef struct {
    guint64 present;
    int state;
} ResetSpec;

static const char *const reset_states[] = { "active", "error", NULL };

static const KnJField reset_fields[]
    = { { "state", KN_J_ENUM, offsetof (ResetSpec, state), .names = reset_states } };

static const KnJShape reset_shape = {
    .fields = reset_fields,
    .n_fields = G_N_ELEMENTS (reset_fields),
    .present_offset = offsetof (ResetSpec, present),
    .closed = true,
};

static bool
action_reset_state (KnServerCall *call, KnRequest *req, const json_t *argument, GError **error)
{
    ResetSpec spec = { 0 };

    return kn_json_read (argument, "os-resetState", &reset_shape, &spec, error)
           && kn_store_server_force_state (call->db, call->server->uuid,
                                           spec.state == 0 ? KN_VM_ACTIVE : KN_VM_ERROR,
                                           (KnPower)call->server->power_state, error)
           && accept (req);
}

static const ActionRow actions[] = {
    { "os-start", action_start },
    { "os-stop", action_stop },
    { "reboot", action_reboot },
    { "rebuild", action_rebuild },
    { "pause", action_pause },
    { "unpause", action_unpause },
    { "lock", action_lock },
    { "unlock", action_unlock },
    { "forceDelete", action_force_delete },
    { "os-getConsoleOutput", action_console },
    { "addSecurityGroup", action_add_group },
    { "removeSecurityGroup", action_remove_group },
    { "os-resetState", action_reset_state, .admin_only = true },
};

static const ActionRow *
find_action (const json_t *body, const json_t **out_argument, GError **error)
{
    const char *name = json_object_iter_key (json_object_iter ((json_t *)body));

    if (json_object_size (body) != 1) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "The body must be an object with exactly one action.");
        return NULL;
    }
    *out_argument = json_object_get (body, name);
    for (gsize i = 0; i < G_N_ELEMENTS (actions); i++)
        if (strcmp (actions[i].name, name) == 0)
            return &actions[i];
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "There is no such action: %.64s", name);

    return NULL;
}

static bool
server_action (KnRequest *req, GError **error)
{
    g_auto (KnServerCall) call = { 0 };
    const json_t *body = kn_request_json (req, error), *argument = NULL;
    const ActionRow *action = body != NULL ? find_action (body, &argument, error) : NULL;

    if (action == NULL)
        return false;
    if (action->admin_only && !kn_request_is_admin (req)) {
        kn_error_public (error, KN_ERROR_FORBIDDEN, "Only administrators may do this: %s",
                         action->name);
        return false;
    }

    return kn_server_call_begin (&call, req, error) && action->run (&call, req, argument, error);
}

static const KnRoute routes[] = {
    { "POST", "/v2.1/servers/{id}/action", server_action, .role = KN_ROLE_MEMBER, .run = KN_WORKER,
      .max_body = 256 * KIB },
};

void
kn_server_action_add_routes (GArray *all)
{
    g_array_append_vals (all, routes, G_N_ELEMENTS (routes));
}
