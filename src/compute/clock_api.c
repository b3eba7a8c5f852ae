/* SPDX-License-Identifier: Apache-2.0 */
/* Guests' clocks over the API: one server, measured at once on request, or all that the caller may see. */
#include "compute/clock_api.h"

#include "base/error.h"
#include "base/time.h"
#include "base/util.h"
#include "compute/clock_scene.h"
#include "compute/server_api.h"

#define MAX_LIMIT 1000

static void
write_ms (KnJw *w, const char *key, bool known, gint64 ms)
{
    if (!known) {
        kn_jw_null_member (w, key);
        return;
    }
    kn_jw_key (w, key);
    kn_jw_double (w, (double)ms / 1000);
}

static void
write_time (KnJw *w, const char *key, gint64 time_us)
{
    g_autofree char *text = kn_time_dup (time_us, KN_TIME_SECONDS);

    kn_jw_string_member (w, key, text);
}

/* What a measurement and a line of the history have in common. */
static void
write_skew (KnJw *w, const KnSkew *skew)
{
    bool known = skew->method != KN_SKEW_BY_NONE;

    kn_jw_string_member (w, "method", kn_skew_method_name (skew->method));
    kn_jw_string_member (w, "why", kn_skew_why_name (skew->why));
    write_time (w, "measured_at", skew->measured_us);
    write_ms (w, "skew_seconds", known, skew->skew_ms);
    write_ms (w, "error_seconds", known, skew->error_ms);
    kn_jw_string_member (w, "verdict", kn_skew_verdict_name (skew->verdict));
}

static void
write_guest (KnJw *w, const KnSkew *skew)
{
    kn_jw_object_member (w, "guest");
    kn_jw_string_member (w, "zone", skew->zone);
    if (skew->has_zone)
        kn_jw_int_member (w, "zone_offset_seconds", skew->zone_offset_s);
    else
        kn_jw_null_member (w, "zone_offset_seconds");
    kn_jw_string_member (w, "os_id", skew->os_id);
    kn_jw_string_member (w, "os_name", skew->os_name);
    kn_jw_end (w);
}

void
kn_clock_write_warnings (KnJw *w, const GPtrArray *warnings)
{
    kn_jw_array_member (w, "warnings");
    for (guint i = 0; i < warnings->len; i++) {
        const KnClockWarning *warning = warnings->pdata[i];

        kn_jw_object (w);
        kn_jw_string_member (w, "code", warning->code);
        kn_jw_string_member (w, "text", warning->text);
        kn_jw_end (w);
    }
    kn_jw_end (w);
}

/* The members of a clock; the object stays open. */
static void
write_scene (KnJw *w, const KnClockScene *scene)
{
    const KnServer *server = scene->server;

    kn_jw_string_member (w, "server", server->uuid);
    kn_jw_string_member (w, "name", server->name);
    kn_jw_string_member (w, "status", kn_server_status (server));
    kn_jw_string_member (w, "os_type", server->os_type);
    kn_jw_string_member (w, "policy", scene->policy);
    kn_jw_string_member (w, "zone", scene->zone);
    write_skew (w, scene->skew);
    write_time (w, "since", scene->skew->since_us);
    kn_jw_string_member (w, "text", scene->text);
    write_guest (w, scene->skew);
    kn_clock_write_warnings (w, scene->warnings);
}

/* The RTC, where the guest owns it, and what the guest wrote into it. */
static void
write_hardware (KnJw *w, const KnClockScene *scene)
{
    gint64 offset_s;

    kn_jw_object_member (w, "hardware_clock");
    if (kn_clock_row_now (scene->clock.row, &offset_s))
        kn_jw_int_member (w, "offset_seconds", offset_s);
    else
        kn_jw_null_member (w, "offset_seconds");
    write_time (w, "written_at", scene->clock.row->written_us);
    kn_jw_array_member (w, "changes");
    for (guint i = 0; i < scene->clock.changes->len; i++) {
        const KnClockChange *change = &g_array_index (scene->clock.changes, KnClockChange, i);

        kn_jw_object (w);
        write_time (w, "at", change->at_us);
        if (change->has_before)
            kn_jw_int_member (w, "before_seconds", change->before_s);
        else
            kn_jw_null_member (w, "before_seconds");
        kn_jw_int_member (w, "offset_seconds", change->offset_s);
        kn_jw_end (w);
    }
    kn_jw_end (w);
    kn_jw_end (w);
}

static void
write_earlier (const KnSkew *skew, gpointer data)
{
    KnJw *w = data;

    kn_jw_object (w);
    write_skew (w, skew);
    kn_jw_end (w);
}

static bool
read_flag (const KnRequest *req, const char *name, bool *out_value, GError **error)
{
    const char *text = kn_request_query (req, name);

    *out_value = false;
    if (text == NULL || kn_parse_bool (text, out_value))
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "%s must be a boolean, not '%.64s'.", name, text);
    return false;
}

/* A server that does not run, or that somebody works on, is not asked: what is stored has to do. */
static bool
measure (const KnServerCall *call, GError **error)
{
    g_autoptr (GPtrArray) targets
        = kn_store_skew_list_targets (call->db, call->server->uuid, error);
    g_autoptr (KnSkew) skew = NULL;

    if (targets == NULL || targets->len == 0)
        return targets != NULL;
    skew = kn_skew_measure (&call->compute->skew_plan, call->db, targets->pdata[0], error);
    return skew != NULL;
}

static bool
clock_show (KnRequest *req, GError **error)
{
    g_auto (KnServerCall) call = { 0 };
    g_auto (KnClockScene) scene = { 0 };
    g_autoptr (KnJw) w = kn_jw_new ();
    bool now;

    if (!read_flag (req, "now", &now, error) || !kn_server_call_begin (&call, req, error)
        || (now && !measure (&call, error))
        || !kn_clock_scene_load (call.compute, call.db, call.server, &scene, error))
        return false;
    kn_jw_object (w);
    kn_jw_object_member (w, "clock");
    write_scene (w, &scene);
    write_hardware (w, &scene);
    kn_jw_array_member (w, "history");
    if (!kn_store_skew_each_earlier (call.db, call.server->uuid, write_earlier, w, error))
        return false;
    kn_jw_end (w);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

/* ---- all of them ---- */

static bool
copy_visit (const KnServer *server, gpointer data)
{
    GPtrArray *servers = data;
    GStringChunk *text = g_string_chunk_new (KIB);
    KnServer *copy = kn_server_copy (server, text);

    copy->text = text;
    g_ptr_array_add (servers, copy);
    return servers->len < MAX_LIMIT;
}

static bool
read_scope (KnRequest *req, KnServerScope *out_scope, GError **error)
{
    bool all;

    if (!read_flag (req, "all_tenants", &all, error))
        return false;
    if (all && !kn_request_is_admin (req)) {
        kn_error_public (error, KN_ERROR_FORBIDDEN,
                         "Only administrators see the servers of all projects.");
        return false;
    }
    *out_scope = (KnServerScope){
        .project_id = all ? NULL : kn_request_auth (req)->project_id,
        .marker = kn_request_query (req, "marker"),
    };
    return true;
}

/* At most MAX_LIMIT, newest first; the rest begins after the marker. */
static bool
clocks_list (KnRequest *req, GError **error)
{
    KnCompute *compute = kn_compute_of (req);
    KnDb *db = kn_compute_db (compute, error);
    g_autoptr (GPtrArray) servers = g_ptr_array_new_with_free_func ((GDestroyNotify)kn_server_free);
    g_autoptr (KnJw) w = kn_jw_new ();
    KnServerScope scope;

    if (db == NULL || !read_scope (req, &scope, error)
        || !kn_store_server_each (db, &scope, copy_visit, servers, error))
        return false;
    kn_jw_object (w);
    kn_jw_array_member (w, "clocks");
    for (guint i = 0; i < servers->len; i++) {
        g_auto (KnClockScene) scene = { 0 };

        if (!kn_clock_scene_load (compute, db, servers->pdata[i], &scene, error))
            return false;
        kn_jw_object (w);
        write_scene (w, &scene);
        kn_jw_end (w);
    }
    kn_jw_end (w);
    kn_jw_bool_member (w, "more", servers->len == MAX_LIMIT);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static const KnRoute routes[] = {
    { "GET", "/v2.1/servers/{id}/kilonova-clock", clock_show, .role = KN_ROLE_READER,
      .run = KN_WORKER },
    { "GET", "/v2.1/kilonova-clocks", clocks_list, .role = KN_ROLE_READER, .run = KN_WORKER },
};

void
kn_clock_add_routes (GArray *all)
{
    g_array_append_vals (all, routes, G_N_ELEMENTS (routes));
}
