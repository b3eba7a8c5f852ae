/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the servers' API share. */
#pragma once

#include "compute/compute_priv.h"
#include "compute/server_store.h"
#include "compute/server_view.h"

/* A request on one server: the connection and the server "{id}" within the caller's project (any project for administrators). */
typedef struct {
    KnCompute *compute;
    KnDb *db;
    KnServer *server;
} KnServerCall;
bool kn_server_call_begin (KnServerCall *call, KnRequest *req, GError **error);
void kn_server_call_clear (KnServerCall *call);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KnServerCall, kn_server_call_clear)

/* Refuses ordinary users' changes to a locked server. Errors (public): CONFLICT. */
bool kn_server_call_check_lock (const KnServerCall *call, KnRequest *req, GError **error);

/* Writes {"server": …} as it stands in the database now. @admin_pass: see KnServerContext. */
bool kn_server_reply (KnRequest *req, guint status, KnDb *db, const char *id, KnServerViewKind kind,
                      const char *admin_pass, GError **error);

/* Begins @act: checks the state, then in one transaction claims the server, runs @more (may be NULL), writes the history and the
 * job with @payload (borrowed, may be NULL); then wakes the workers. Errors (public): CONFLICT. */
bool kn_server_begin_act (KnServerCall *call, KnRequest *req, KnAct act, const json_t *payload,
                          KnTxnFn more, gpointer data, GError **error);

/* User metadata in a request: strings of 1 to 255 characters, within the project's limit. @out_values: new reference. */
bool kn_server_read_metadata (const json_t *object, const char *where, GHashTable **out_values,
                              GError **error);
bool kn_server_check_metadata_count (KnDb *db, const char *project_id, guint count, GError **error);

/* Names in requests: not empty, no white space around them. Errors (public): BAD_REQUEST. */
bool kn_server_check_name (const char *name, GError **error);
/* An address of that version in its shortest spelling; "" stays "". Caller frees. Errors (public): BAD_REQUEST. */
char *kn_server_parse_address (const char *text, guint version, GError **error);

/* The action `rebuild`, which has a file of its own. */
bool kn_server_action_rebuild (KnServerCall *call, KnRequest *req, const json_t *argument,
                               GError **error);

/* The actions `createImage` and `createBackup`, which have a file of their own. */
bool kn_server_action_create_image (KnServerCall *call, KnRequest *req, const json_t *argument,
                                    GError **error);
bool kn_server_action_create_backup (KnServerCall *call, KnRequest *req, const json_t *argument,
                                     GError **error);
