/* SPDX-License-Identifier: Apache-2.0 */
/* POST /servers/{id}/action: one table row an action. */
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "compute/facts.h"
#include "compute/server_api.h"
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
action_suspend (KnServerCall *call, KnRequest *req, const json_t *argument, GError **error)
{
    return begin_plain (call, req, KN_ACT_SUSPEND, error);
}

static bool
action_resume (KnServerCall *call, KnRequest *req, const json_t *argument, GError **error)
{
    return begin_plain (call, req, KN_ACT_RESUME, error);
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
    { "rebuild", kn_server_action_rebuild },
    { "pause", action_pause },
    { "unpause", action_unpause },
    { "suspend", action_suspend },
    { "resume", action_resume },
    { "createImage", kn_server_action_create_image },
    { "createBackup", kn_server_action_create_backup },
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
