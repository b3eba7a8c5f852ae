/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of actions, their events, and faults. */
#include "compute/history_store.h"

#include "base/error.h"

KN_STMT (
    ACTION_INSERT,
    "INSERT INTO instance_actions (created_at, \"action\", instance_uuid, request_id, user_id, "
    "project_id, start_time, deleted) VALUES (?,?,?,?,?,?,?,0)");
KN_STMT (EVENT_INSERT, "INSERT INTO instance_actions_events (created_at, event, action_id, "
                       "start_time, deleted) VALUES (?,?,?,?,0)");
KN_STMT (ACTION_END, "UPDATE instance_actions SET finish_time=?, updated_at=?, "
                     "message=COALESCE(?,message) WHERE instance_uuid=? AND request_id=?");
KN_STMT (ACTION_NOTE,
         "UPDATE instance_actions SET message=? WHERE instance_uuid=? AND request_id=?");
KN_STMT (EVENT_END,
         "UPDATE instance_actions_events SET finish_time=?, updated_at=?, result=?, traceback=?, "
         "details=?, host=? WHERE event=? AND action_id IN (SELECT id FROM instance_actions "
         "WHERE instance_uuid=? AND request_id=?)");
KN_STMT (EVENT_ADD,
         "INSERT INTO instance_actions_events (created_at, event, action_id, start_time, deleted) "
         "SELECT ?, ?, a.id, ?, 0 FROM instance_actions a WHERE a.instance_uuid=? AND "
         "a.request_id=? AND NOT EXISTS (SELECT 1 FROM instance_actions_events e WHERE "
         "e.action_id=a.id AND e.event=?)");
KN_STMT (EVENT_FINISH,
         "UPDATE instance_actions_events SET finish_time=?, updated_at=?, result=?, traceback=?, "
         "details=? WHERE event=? AND action_id IN (SELECT id FROM instance_actions "
         "WHERE instance_uuid=? AND request_id=?)");
KN_STMT (
    ACTION_LIST,
    "SELECT id, \"action\", request_id, user_id, project_id, start_time, message "
    "FROM instance_actions WHERE instance_uuid=? AND deleted=0 AND (? IS NULL OR request_id=?) "
    "ORDER BY id DESC LIMIT 1000");
KN_STMT (EVENT_LIST, "SELECT event, start_time, finish_time, result, traceback "
                     "FROM instance_actions_events WHERE action_id=? AND deleted=0 ORDER BY id");
KN_STMT (FAULT_INSERT, "INSERT INTO instance_faults (created_at, instance_uuid, code, message, "
                       "details, host, deleted) VALUES (?,?,?,?,?,?,0)");
KN_STMT (FAULT_FIND, "SELECT code, message, details, created_at FROM instance_faults "
                     "WHERE instance_uuid=? AND deleted=0 ORDER BY id DESC LIMIT 1");

bool
kn_history_begin (KnDb *db, const KnServer *server, KnAct act, const char *request_id,
                  const char *user_id, GError **error)
{
    const KnActRule *rule = kn_act_rule (act);
    g_autofree char *now = kn_db_now ();
    gint64 action_id;

    if (!kn_db_insert (db, &ACTION_INSERT,
                       KN_BIND (kn_text (now), kn_text (rule->history), kn_text (server->uuid),
                                kn_text (request_id), kn_text (user_id),
                                kn_text (server->project_id), kn_text (now)),
                       &action_id, error))
        return false;

    return kn_db_exec (
        db, &EVENT_INSERT,
        KN_BIND (kn_text (now), kn_text (rule->event), kn_int (action_id), kn_text (now)), NULL,
        error);
}

bool
kn_history_end (KnDb *db, const char *server_id, KnAct act, const char *request_id,
                const char *host, const char *why, GError **error)
{
    const char *result = why == NULL ? "Success" : "Error";
    g_autofree char *now = kn_db_now ();

    return kn_db_exec (db, &ACTION_END,
                       KN_BIND (kn_text (now), kn_text (now), kn_text (why), kn_text (server_id),
                                kn_text (request_id)),
                       NULL, error)
           && kn_db_exec (db, &EVENT_END,
                          KN_BIND (kn_text (now), kn_text (now), kn_text (result), kn_text (why),
                                   kn_text (why), kn_text (host),
                                   kn_text (kn_act_rule (act)->event), kn_text (server_id),
                                   kn_text (request_id)),
                          NULL, error);
}

bool
kn_history_begin_event (KnDb *db, const char *server_id, const char *request_id, const char *event,
                        bool *out_fresh, GError **error)
{
    g_autofree char *now = kn_db_now ();
    gint64 added = 0;

    if (!kn_db_exec (db, &EVENT_ADD,
                     KN_BIND (kn_text (now), kn_text (event), kn_text (now), kn_text (server_id),
                              kn_text (request_id), kn_text (event)),
                     &added, error))
        return false;
    *out_fresh = added > 0;

    return true;
}

bool
kn_history_end_event (KnDb *db, const char *server_id, const char *request_id, const char *event,
                      const char *result, const char *details, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return kn_db_exec (db, &EVENT_FINISH,
                       KN_BIND (kn_text (now), kn_text (now), kn_text (result), kn_text (details),
                                kn_text (details), kn_text (event), kn_text (server_id),
                                kn_text (request_id)),
                       NULL, error);
}

bool
kn_history_note (KnDb *db, const char *server_id, const char *request_id, const char *note,
                 GError **error)
{
    return kn_db_exec (db, &ACTION_NOTE,
                       KN_BIND (kn_text (note), kn_text (server_id), kn_text (request_id)), NULL,
                       error);
}

bool
kn_history_each (KnDb *db, const char *server_id, const char *request_id,
                 void (*visit) (const KnHistoryAction *action, gpointer data), gpointer data,
                 GError **error)
{
    g_autoptr (KnRows) rows = NULL;
    GError *local = NULL;

    rows = kn_db_query (db, &ACTION_LIST,
                        KN_BIND (kn_text (server_id), kn_text (request_id), kn_text (request_id)),
                        error);
    if (rows == NULL)
        return false;
    while (kn_rows_next (rows, &local)) {
        g_autofree char *action = kn_rows_dup (rows, 1), *request = kn_rows_dup (rows, 2),
                        *user = kn_rows_dup (rows, 3), *project = kn_rows_dup (rows, 4),
                        *start = kn_rows_dup (rows, 5), *message = kn_rows_dup (rows, 6);
        const KnHistoryAction record = {
            .id = kn_rows_int (rows, 0),
            .action = action,
            .request_id = request,
            .user_id = user,
            .project_id = project,
            .start_time = start,
            .message = message,
        };

        visit (&record, data);
    }
    if (local != NULL)
        g_propagate_error (error, local);

    return local == NULL;
}

bool
kn_history_each_event (KnDb *db, gint64 action_id,
                       void (*visit) (const KnHistoryEvent *event, gpointer data), gpointer data,
                       GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &EVENT_LIST, KN_BIND (kn_int (action_id)), error);
    GError *local = NULL;

    if (rows == NULL)
        return false;
    while (kn_rows_next (rows, &local)) {
        g_autofree char *event = kn_rows_dup (rows, 0), *start = kn_rows_dup (rows, 1),
                        *finish = kn_rows_dup (rows, 2), *result = kn_rows_dup (rows, 3),
                        *traceback = kn_rows_dup (rows, 4);
        const KnHistoryEvent record = {
            .event = event,
            .start_time = start,
            .finish_time = finish,
            .result = result,
            .traceback = traceback,
        };

        visit (&record, data);
    }
    if (local != NULL)
        g_propagate_error (error, local);

    return local == NULL;
}

bool
kn_history_add_fault (KnDb *db, const char *server_id, guint code, const char *message,
                      const char *details, const char *host, GError **error)
{
    g_autofree char *now = kn_db_now ();
    g_autofree char *brief = g_utf8_make_valid (message, -1);
    g_autofree char *cut = g_utf8_substring (brief, 0, MIN (g_utf8_strlen (brief, -1), 1000));

    return kn_db_exec (db, &FAULT_INSERT,
                       KN_BIND (kn_text (now), kn_text (server_id), kn_int (code), kn_text (cut),
                                kn_text (details), kn_text (host)),
                       NULL, error);
}

KnServerFault *
kn_history_find_fault (KnDb *db, const char *server_id, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &FAULT_FIND, KN_BIND (kn_text (server_id)), error);
    GError *local = NULL;
    KnServerFault *fault;

    if (rows == NULL)
        return NULL;
    if (!kn_rows_next (rows, &local)) {
        if (local != NULL)
            g_propagate_error (error, local);
        return NULL;
    }
    fault = g_new0 (KnServerFault, 1);
    fault->code = kn_rows_int (rows, 0);
    fault->message = kn_rows_dup (rows, 1);
    fault->details = kn_rows_dup (rows, 2);
    fault->created_at = kn_rows_dup (rows, 3);

    return fault;
}

void
kn_server_fault_free (KnServerFault *fault)
{
    if (fault == NULL)
        return;
    g_free (fault->message);
    g_free (fault->details);
    g_free (fault->created_at);
    g_free (fault);
}
