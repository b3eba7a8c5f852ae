/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: libmicrohttpd underneath, epoll threads for inline routes, a bounded worker pool for the rest. */
#pragma once

#include "http/route.h"

typedef struct KnHttp KnHttp;

typedef struct {
    const char *listen;             /* "127.0.0.1:8774", "[::1]:8774" */
    const char *public_url;         /* NULL: from each request's Host */
    const char *tls_cert, *tls_key; /* PEM files, both or neither */
    guint threads;                  /* epoll threads; 0: one a core */
    guint workers;                  /* worker threads; 0: 4 a core */
    guint heavy;                    /* threads for KN_HEAVY; 0: 2 */
    guint max_connections;          /* 0: 10,000 */
    guint queue;          /* requests waiting for a worker; more are answered 503; 0: 1,000 */
    guint idle_timeout_s; /* 0: 75 */
    KnAuthOps auth;
    const KnService *const *services;
    gsize n_services;
} KnHttpOptions;

/* Binds and starts. @options and the services must outlive the server. Errors: UNAVAILABLE naming the address. */
KnHttp *kn_http_start (const KnHttpOptions *options, GError **error);

/* The port that was bound (for listen ":0"). */
guint kn_http_port (const KnHttp *http);

/* Stops accepting, lets requests in flight finish within @grace_ms, then closes. */
void kn_http_stop (KnHttp *http, guint grace_ms);
void kn_http_free (KnHttp *http);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnHttp, kn_http_free)

/* Counters for /metrics: appends Prometheus text. */
void kn_http_write_metrics (const KnHttp *http, GString *out);
