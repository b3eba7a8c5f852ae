/* SPDX-License-Identifier: Apache-2.0 */
/* The server's inside, for the dispatcher and the body code. */
#pragma once

#include "http/request_priv.h"
#include "http/server.h"
#include "http/workers_priv.h"

#define KN_HTTP_STATUS_CLASSES 5

struct KnHttp {
    KnHttpOptions options;
    char *public_url; /* without trailing slash, or NULL */
    bool tls;
    guint port;
    struct MHD_Daemon *daemon;
    KnRouter *router;
    KnWorkers *workers, *heavy;
    GRWLock
        gate; /* writer: turning @stopping on; readers: whoever is about to suspend for an upload */
    gint stopping; /* atomic */
    gint closing;  /* atomic: answers ask to close the connection */

    gint in_flight; /* atomic */
    GMutex lock;    /* taken to signal or wait for @in_flight reaching 0 */
    GCond idle;

    gint (*counters)[KN_HTTP_STATUS_CLASSES]; /* atomic, one row a service and one for the rest */
    gint refused;                             /* atomic: answered 503 because the queue was full */
};

/* Counts the answer of @req. */
void kn_http_count (struct KnHttp *http, const KnRequest *req);
