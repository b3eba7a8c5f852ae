/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest rules know of a server: properties in force, the plan with its reasons; and what its hypervisor measures. */
#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "base/util.h"
#include "compute/clock_api.h"
#include "compute/clock_facts.h"
#include "compute/clock_scene.h"
#include "compute/facts.h"
#include "compute/secure_boot.h"
#include "compute/server_api.h"
#include "compute/server_create.h"
#include "virt/domain.h"

#define MAX_BODY (64 * KIB)
#define OFFSET "os_rtc_offset"

static bool
server_diagnostics (KnRequest *req, GError **error)
{
    g_auto (KnServerCall) call = { 0 };
    g_autoptr (KnVirtHost) host = NULL;
    g_autoptr (GArray) stats = NULL;
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!kn_server_call_begin (&call, req, error))
        return false;
    if (call.server->host != NULL)
        host = kn_virt_find_host (call.compute->virt, call.server->host);
    if (host == NULL || call.server->vm == KN_VM_BUILDING) {
        kn_error_public (error, KN_ERROR_CONFLICT, "Instance %s is not ready", call.server->uuid);
        return false;
    }
    stats = kn_domain_load_stats (host, call.server->uuid, error);
    if (stats == NULL)
        return false;
    kn_jw_object (w);
    for (guint i = 0; i < stats->len; i++) {
        const KnDomainStat *stat = &g_array_index (stats, KnDomainStat, i);

        kn_jw_int_member (w, stat->name, stat->value);
    }
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);

    return true;
}

static bool
reply_properties (KnRequest *req, const KnServerCall *call, GError **error)
{
    g_autoptr (KnServer) server = kn_store_server_load (call->db, call->server->uuid, NULL, error);
    g_autoptr (GHashTable) system = NULL;
    g_autoptr (GHashTable) image = g_hash_table_new (g_str_hash, g_str_equal);
    g_autoptr (KnClockRow) row = NULL;
    g_autofree char *offset = NULL;
    g_autoptr (KnJw) w = kn_jw_new ();
    GHashTableIter iter;
    gpointer key, value;

    if (server == NULL)
        return false;
    system = kn_store_meta_load (call->db, KN_META_SYSTEM, server->uuid, error);
    if (system == NULL)
        return false;
    g_hash_table_iter_init (&iter, system);
    while (g_hash_table_iter_next (&iter, &key, &value))
        if (g_str_has_prefix (key, "image_"))
            g_hash_table_insert (image, (char *)key + strlen ("image_"), value);

    row = kn_store_clock_load (call->db, server->uuid, error);
    if (row == NULL)
        return false;
    offset = g_strdup_printf ("%" G_GINT64_FORMAT, row->offset_s);
    if (row->has_offset)
        g_hash_table_insert (image, (char *)OFFSET, offset);
    else
        g_hash_table_remove (image, OFFSET);

    /* The column counts, whatever the copied property says. */
    if (server->os_type != NULL)
        g_hash_table_insert (image, (char *)"os_type", (char *)server->os_type);
    else
        g_hash_table_remove (image, "os_type");
    kn_jw_object (w);
    kn_jw_string_member (w, "profile", server->profile);
    kn_json_write_table (w, "properties", image);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);

    return true;
}

static bool
properties_show (KnRequest *req, GError **error)
{
    g_auto (KnServerCall) call = { 0 };

    return kn_server_call_begin (&call, req, error) && reply_properties (req, &call, error);
}

typedef struct {
    guint64 present;
    const json_t *properties;
    int reboot;
} PropertiesSpec;

static const char *const reboots[] = { "none", "hard", NULL };

static const KnJField properties_fields[] = {
    { "properties", KN_J_OBJECT, offsetof (PropertiesSpec, properties) },
    { "reboot", KN_J_ENUM, offsetof (PropertiesSpec, reboot), .names = reboots,
      .flags = KN_J_OPTIONAL },
};

static const KnJShape properties_shape = {
    .fields = properties_fields,
    .n_fields = G_N_ELEMENTS (properties_fields),
    .present_offset = offsetof (PropertiesSpec, present),
    .closed = true,
};

/* null takes a property away; a string has to be one that the guest rules know. */
static bool
check_properties (const json_t *properties, GError **error)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)properties, name, value) {
        if (json_is_null (value))
            continue;
        if (!json_is_string (value)) {
            kn_error_public (
                error, KN_ERROR_BAD_REQUEST,
                "The value of property '%.64s' must be a string, or null to remove it.", name);
            return false;
        }
        if (!kn_server_check_property (name, json_string_value (value), error))
            return false;
    }
    return true;
}

typedef struct {
    KnCompute *compute;
    const char *id;
    const json_t *properties;
} SetProperties;

/* The guest's own setting is no copy of the image's: it changes with each write of the guest. */
static bool
set_offset (KnDb *db, const char *id, const char *value, GError **error)
{
    gint64 offset_s = 0;

    if (!kn_store_meta_delete (db, KN_META_SYSTEM, id, "image_" OFFSET, NULL, error))
        return false;
    if (value == NULL || !kn_parse_int (value, G_MININT64, G_MAXINT64, &offset_s))
        return kn_store_clock_forget (db, id, error);
    return kn_store_clock_set_offset (db, id, offset_s, kn_time_now (), KN_CLOCK_SOURCE_USER,
                                      error);
}

/* The server's own metadata goes before everything else: what it says already is changed there, or nothing would come of it. */
static bool
set_metadata (KnDb *db, const char *id, const char *name, const char *value, GError **error)
{
    g_autoptr (GHashTable) user = kn_store_meta_load (db, KN_META_USER, id, error);

    if (user == NULL)
        return false;
    g_autoptr (GHashTable) said = kn_server_properties (user);
    if (!g_hash_table_contains (said, name))
        return true;
    return value != NULL ? kn_store_meta_set (db, KN_META_USER, id, name, value, error)
                         : kn_store_meta_delete (db, KN_META_USER, id, name, NULL, error);
}

static bool
set_property (KnDb *db, const char *id, const char *name, const char *value, GError **error)
{
    g_autofree char *key = g_strconcat ("image_", name, NULL);

    if (strcmp (name, OFFSET) == 0)
        return set_offset (db, id, value, error);
    if (!set_metadata (db, id, name, value, error))
        return false;
    bool stored = value != NULL ? kn_store_meta_set (db, KN_META_SYSTEM, id, key, value, error)
                                : kn_store_meta_delete (db, KN_META_SYSTEM, id, key, NULL, error);

    return stored
           && (strcmp (name, "os_type") != 0 || kn_store_server_set_os_type (db, id, value, error));
}

static bool
set_properties_txn (KnDb *db, gpointer data, GError **error)
{
    const SetProperties *set = data;
    g_autoptr (KnServer) server = NULL;
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)set->properties, name, value) {
        if (!set_property (db, set->id, name, json_string_value (value), error))
            return false;
    }
    server = kn_store_server_load (db, set->id, NULL, error);

    return server != NULL && kn_server_clock_check (set->compute, db, server, error);
}

static bool
properties_set (KnRequest *req, GError **error)
{
    g_auto (KnServerCall) call = { 0 };
    PropertiesSpec spec = { 0 };
    SetProperties set = { 0 };
    const json_t *body = kn_request_json (req, error);

    if (body == NULL || !kn_json_read (body, "the body", &properties_shape, &spec, error)
        || !check_properties (spec.properties, error) || !kn_server_call_begin (&call, req, error)
        || !kn_server_call_check_lock (&call, req, error))
        return false;
    set = (SetProperties){ call.compute, call.server->uuid, spec.properties };
    if (spec.reboot == 1 ? !kn_server_begin_act (&call, req, KN_ACT_REBOOT_HARD, NULL,
                                                 set_properties_txn, &set, error)
                         : !kn_db_txn (call.db, set_properties_txn, &set, error))
        return false;

    return reply_properties (req, &call, error);
}

/* What the guest has set its clock to, which the next start will keep where the policy lets it. */
static void
write_clock (KnJw *w, const KnClockRow *row)
{
    g_autofree char *since = kn_time_dup (row->since_us, KN_TIME_SECONDS);

    kn_jw_object_member (w, "clock");
    kn_jw_key (w, "rtc_offset_s");
    if (row->has_offset)
        kn_jw_int (w, row->offset_s);
    else
        kn_jw_null (w);
    kn_jw_string_member (w, "since", since);
    kn_jw_string_member (w, "set_by", kn_clock_source_name (row->source));
    kn_jw_end (w);
}

/* The decisions of the last start; before it, none. */
static bool
plan_show (KnRequest *req, GError **error)
{
    g_auto (KnServerCall) call = { 0 };
    g_auto (KnServerPlan) plan = { 0 };
    g_auto (KnClockScene) scene = { 0 };
    g_autoptr (GHashTable) system = NULL;
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!kn_server_call_begin (&call, req, error)
        || !kn_store_server_load_plan (call.db, call.server->uuid, &plan, error)
        || !kn_clock_scene_load (call.compute, call.db, call.server, &scene, error))
        return false;
    system = kn_store_meta_load (call.db, KN_META_SYSTEM, call.server->uuid, error);
    if (system == NULL)
        return false;
    kn_jw_object (w);
    kn_jw_string_member (w, "profile", call.server->profile);
    kn_server_write_keys (w, system);
    kn_jw_raw_member (w, "decisions", plan.plan != NULL ? plan.plan : "[]");
    write_clock (w, scene.clock.row);
    kn_clock_write_warnings (w, scene.warnings);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);

    return true;
}

#define SERVER "/v2.1/servers/{id}"

static const KnRoute routes[] = {
    { "GET", SERVER "/diagnostics", server_diagnostics, .role = KN_ROLE_ADMIN, .run = KN_WORKER },
    { "GET", SERVER "/kilonova-properties", properties_show, .role = KN_ROLE_READER,
      .run = KN_WORKER },
    { "PUT", SERVER "/kilonova-properties", properties_set, .role = KN_ROLE_MEMBER,
      .run = KN_WORKER, .max_body = MAX_BODY },
    { "GET", SERVER "/kilonova-plan", plan_show, .role = KN_ROLE_READER, .run = KN_WORKER },
};

void
kn_server_guest_add_routes (GArray *all)
{
    g_array_append_vals (all, routes, G_N_ELEMENTS (routes));
}
