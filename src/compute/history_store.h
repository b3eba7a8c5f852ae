/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of what happened to servers: instance_actions, instance_actions_events, instance_faults. */
#pragma once

#include "compute/server.h"
#include "db/db.h"

/* Writes an action with one event that has begun. Inside the transaction of the state change. */
bool kn_history_begin (KnDb *db, const KnServer *server, KnAct act, const char *request_id,
                       const char *user_id, GError **error);

/* Ends the event of the action of @request_id: success if @why is NULL. Repeatable. */
bool kn_history_end (KnDb *db, const char *server_id, KnAct act, const char *request_id,
                     const char *host, const char *why, GError **error);

/* A further event of the action of @request_id; *@out_fresh false: it has begun already. */
bool kn_history_begin_event (KnDb *db, const char *server_id, const char *request_id,
                             const char *event, bool *out_fresh, GError **error);
/* @details: a sentence that is shown as the event's traceback, since clients of 2.1 see no other text of it. Repeatable. */
bool kn_history_end_event (KnDb *db, const char *server_id, const char *request_id,
                           const char *event, const char *result, const char *details,
                           GError **error);

/* What users should know about an action that succeeds all the same. */
bool kn_history_note (KnDb *db, const char *server_id, const char *request_id, const char *note,
                      GError **error);

typedef struct {
    gint64 id;
    const char *action, *request_id, *user_id, *project_id, *start_time, *message;
} KnHistoryAction;
typedef struct {
    const char *event, *start_time, *finish_time, *result, *traceback;
} KnHistoryEvent;

/* Newest first; @request_id NULL: all of the server. The records are borrowed during the call. */
bool kn_history_each (KnDb *db, const char *server_id, const char *request_id,
                      void (*visit) (const KnHistoryAction *action, gpointer data), gpointer data,
                      GError **error);
bool kn_history_each_event (KnDb *db, gint64 action_id,
                            void (*visit) (const KnHistoryEvent *event, gpointer data),
                            gpointer data, GError **error);

typedef struct {
    gint64 code;
    char *message, *details, *created_at;
} KnServerFault;
void kn_server_fault_free (KnServerFault *fault);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnServerFault, kn_server_fault_free)

bool kn_history_add_fault (KnDb *db, const char *server_id, guint code, const char *message,
                           const char *details, const char *host, GError **error);
/* The latest; NULL without error if there is none. */
KnServerFault *kn_history_find_fault (KnDb *db, const char *server_id, GError **error);
