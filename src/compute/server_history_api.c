/* SPDX-License-Identifier: Apache-2.0 */
/* /servers/{id}/os-instance-actions: what was done with a server, when, and what came of it. */
#include "base/error.h"
#include "base/time.h"
#include "compute/history_store.h"
#include "compute/server_api.h"

/* Where the visits write to. */
typedef struct {
    KnJw *w;
    KnDb *db;
    const KnServer *server;
    gint64 id; /* of the last action */
    guint n;
} HistoryWriter;

static void
write_time (KnJw *w, const char *key, const char *db_time)
{
    g_autofree char *text = db_time != NULL ? kn_time_convert (db_time, KN_TIME_PLAIN) : NULL;

    kn_jw_string_member (w, key, text);
}

static void
write_action_members (KnJw *w, const KnServer *server, const KnHistoryAction *action)
{
    kn_jw_string_member (w, "action", action->action);
    kn_jw_string_member (w, "instance_uuid", server->uuid);
    kn_jw_string_member (w, "request_id", action->request_id);
    kn_jw_string_member (w, "user_id", action->user_id);
    kn_jw_string_member (w, "project_id", action->project_id);
    write_time (w, "start_time", action->start_time);
    kn_jw_string_member (w, "message", action->message);
}

static void
visit_listed (const KnHistoryAction *action, gpointer data)
{
    HistoryWriter *to = data;

    kn_jw_object (to->w);
    write_action_members (to->w, to->server, action);
    kn_jw_end (to->w);
}

/* One request may have led to one action only; should there be more, the newest is shown. */
static void
visit_shown (const KnHistoryAction *action, gpointer data)
{
    HistoryWriter *to = data;

    if (to->n++ > 0)
        return;
    write_action_members (to->w, to->server, action);
    to->id = action->id;
}

static void
visit_event (const KnHistoryEvent *event, gpointer data)
{
    KnJw *w = data;

    kn_jw_object (w);
    kn_jw_string_member (w, "event", event->event);
    write_time (w, "start_time", event->start_time);
    write_time (w, "finish_time", event->finish_time);
    kn_jw_string_member (w, "result", event->result);
    kn_jw_string_member (w, "traceback", event->traceback);
    kn_jw_end (w);
}

static bool
history_list (KnRequest *req, GError **error)
{
    g_auto (KnServerCall) call = { 0 };
    g_autoptr (KnJw) w = kn_jw_new ();
    HistoryWriter to = { .w = w };

    if (!kn_server_call_begin (&call, req, error))
        return false;
    to.server = call.server;
    kn_jw_object (w);
    kn_jw_array_member (w, "instanceActions");
    if (!kn_history_each (call.db, call.server->uuid, NULL, visit_listed, &to, error))
        return false;
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);

    return true;
}

static bool
history_show (KnRequest *req, GError **error)
{
    const char *request_id = kn_request_param (req, "request");
    g_auto (KnServerCall) call = { 0 };
    g_autoptr (KnJw) w = kn_jw_new ();
    HistoryWriter to = { .w = w };

    if (!kn_server_call_begin (&call, req, error))
        return false;
    to.server = call.server;
    kn_jw_object (w);
    kn_jw_object_member (w, "instanceAction");
    if (!kn_history_each (call.db, call.server->uuid, request_id, visit_shown, &to, error))
        return false;
    if (to.n == 0) {
        kn_error_public (error, KN_ERROR_NOT_FOUND, "Action for request_id %.64s not found",
                         request_id);
        return false;
    }
    if (kn_request_is_admin (req)) {
        kn_jw_array_member (w, "events");
        if (!kn_history_each_event (call.db, to.id, visit_event, w, error))
            return false;
        kn_jw_end (w);
    }
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);

    return true;
}

#define ALL "/v2.1/servers/{id}/os-instance-actions"

static const KnRoute routes[] = {
    { "GET", ALL, history_list, .role = KN_ROLE_READER, .run = KN_WORKER },
    { "GET", ALL "/{request}", history_show, .role = KN_ROLE_READER, .run = KN_WORKER },
};

void
kn_server_history_add_routes (GArray *all)
{
    g_array_append_vals (all, routes, G_N_ELEMENTS (routes));
}
