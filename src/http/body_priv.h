/* SPDX-License-Identifier: Apache-2.0 */
/* Request bodies: collected, handed to a sink, or thrown away after a refusal. */
#pragma once

#include "http/request_priv.h"

/* A body that nobody wants is read to its end up to this size, so that the connection lives on; beyond, it is closed. */
#define KN_BODY_SWALLOW ((guint64)64 * 1024)

/* What is read and thrown away at most after an answer in the middle of a body. */
#define KN_BODY_LINGER ((guint64)64 * 1024 * 1024)

/* Takes @len bytes of the body; returns how many it took (fewer: the connection is suspended), or -1 to drop the connection. */
gssize kn_body_take (KnRequest *req, const char *bytes, gsize len);

/* Refuses the request while its body is due or arriving. */
void kn_body_reject (KnRequest *req, const GError *error);

/* Uploads. Both suspend the connection until the worker is through; kn_upload_begin() is false if the server is too busy (a failure then waits). */
bool kn_upload_begin (KnRequest *req);
void kn_upload_finish (KnRequest *req);

/* Makes a failure of the sink the answer; false: there is none. */
bool kn_upload_take_failure (KnRequest *req);

/* As kn_body_take(). */
gssize kn_upload_take (KnRequest *req, const char *bytes, gsize len);

/* The connection has ended: the sink is aborted, now or when the worker is back. */
void kn_upload_lost (KnRequest *req);
void kn_upload_free (KnUpload *upload);
