/* SPDX-License-Identifier: Apache-2.0 */
/* Error bodies as the clients of each service read them; for KnService.write_fault. */
#pragma once

#include "http/request.h"

/* {"itemNotFound": {"code": 404, "message": "…"}} */
void kn_fault_write_compute (KnRequest *req, guint status, const GError *error);

/* {"error": {"code": 404, "message": "…", "title": "Not Found"}} */
void kn_fault_write_identity (KnRequest *req, guint status, const GError *error);

/* {"NeutronError": {"type": "NetworkNotFound", "message": "…", "detail": ""}} */
void kn_fault_write_network (KnRequest *req, guint status, const GError *error);

/* The sentence that the client gets: @error's own if it is public, otherwise its code's generic one plus the request id. Caller frees. */
char *kn_fault_dup_sentence (const KnRequest *req, const GError *error);
