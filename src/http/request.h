/* SPDX-License-Identifier: Apache-2.0 */
/* A request and its answer, as a handler sees them. */
#pragma once

#include "http/auth.h"
#include "json/read.h"
#include "json/write.h"

typedef struct KnRequest KnRequest;

/* The request. All strings are borrowed and live as long as the request. */

/* KnService.data of the route's service; KnRoute.data. */
gpointer kn_request_service (const KnRequest *req);
gpointer kn_request_state (const KnRequest *req);

/* NULL only on KN_ROLE_NONE routes without a valid token. */
const KnAuth *kn_request_auth (const KnRequest *req);

/* "req-<uuid>" */
const char *kn_request_id (const KnRequest *req);
const char *kn_request_method (const KnRequest *req);

/* With the service's prefix, without the query. */
const char *kn_request_path (const KnRequest *req);

/* "{id}" of the path; never NULL. */
const char *kn_request_param (const KnRequest *req, const char *name);

/* The decoded value or NULL; the first if repeated. */
const char *kn_request_query (const KnRequest *req, const char *name);

/* NULL if absent. */
const char *kn_request_header (const KnRequest *req, const char *name);

/* The client's address. */
const char *kn_request_peer (const KnRequest *req);

/* Microversion in force, the minor of 2.x. */
guint kn_request_minor (const KnRequest *req);
bool kn_request_is_admin (const KnRequest *req);

/* Calls @visit for every query parameter in order, repeated ones too, until it returns false. */
void kn_request_each_query (const KnRequest *req,
                            bool (*visit) (const char *name, const char *value, gpointer data),
                            gpointer data);

/* The service's base URL as the client should see it: --public-url or the request's Host, plus the prefix ("http://h:8774/compute"). */
const char *kn_request_base_url (const KnRequest *req);
/* As above for another service by type ("image"); NULL if there is none. */
const char *kn_request_url_of (const KnRequest *req, const char *type);

/* The body: whole bytes (may be empty), or parsed JSON owned by the request. Errors (public): BAD_REQUEST. */
const char *kn_request_body (const KnRequest *req, gsize *out_len);
const json_t *kn_request_json (KnRequest *req, GError **error);

/* The answer. The last call wins; headers add up. With none at all a handler that returns true answers 204. */

/* @content_type is static everywhere. */

/* Takes the writer's bytes; the writer stays the caller's to free. */
void kn_request_reply_json (KnRequest *req, guint status, KnJw *w);
void kn_request_reply_text (KnRequest *req, guint status, const char *content_type,
                            const char *text);
/* Zero bytes. */
void kn_request_reply_empty (KnRequest *req, guint status);
/* Sends @size bytes of @fd from @offset; owns @fd from here on. */
void kn_request_reply_fd (KnRequest *req, guint status, const char *content_type, int fd,
                          guint64 offset, guint64 size);
void kn_request_add_header (KnRequest *req, const char *name, const char *value);
