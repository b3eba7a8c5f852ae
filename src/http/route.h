/* SPDX-License-Identifier: Apache-2.0 */
/* Routes and services: what the dispatcher must enforce before a handler runs, one table row each. */
#pragma once

#include "http/request.h"

typedef bool (*KnHandler) (KnRequest *req, GError **error);

/* A body that is handled while it arrives (image upload), always on worker threads, one call after the other; the client is
 * held back meanwhile, so memory stays constant. */
typedef struct {
    /* After the head: check, open; NULL: error. */
    gpointer (*begin) (KnRequest *req, GError **error);
    bool (*chunk) (KnRequest *req, gpointer sink, const char *bytes, gsize len, GError **error);
    /* The whole body was there; writes the answer. */
    bool (*finish) (KnRequest *req, gpointer sink, GError **error);
    /* Frees @sink: after finish, or after an error or a lost client. */
    void (*abort) (gpointer sink);
} KnBodySink;

/* Where a handler runs. */
typedef enum {
    KN_INLINE, /* on the connection's thread: memory and point reads only */
    KN_WORKER, /* on a worker: whatever can wait */
    KN_HEAVY, /* on one of few threads of their own: what burns CPU (password hashes), so that a storm of it delays nothing else */
} KnRun;

typedef struct {
    const char *method;
    const char *path; /* below the service's prefix: "/v2.1/servers/{id}" */
    KnHandler handler;
    KnRole role;
    KnRun run;
    /* Bytes; 0: none is handed over (up to 64 KiB are read and ignored). With .sink: 0 is no limit of ours. */
    gsize max_body;
    /* Microversion minors, 0: no bound; outside of them the route does not exist (404). */
    guint since, until;
    const KnBodySink *sink; /* instead of .handler */
    gconstpointer data;     /* for handlers that serve several rows */
} KnRoute;

typedef struct KnService KnService;
struct KnService {
    const char *type;     /* catalog type: "compute"; NULL: not in the catalog */
    const char *name;     /* catalog name: "nova" */
    const char *prefix;   /* "/compute" */
    const char *endpoint; /* appended to prefix for the catalog: "/v2.1" */
    const KnRoute *routes;
    gsize n_routes;
    guint max_minor; /* highest microversion minor; 0: the service has none. Minimum is 2.1 */
    /* Writes the body of an error answer; @status is final. May add headers. */
    void (*write_fault) (KnRequest *req, guint status, const GError *error);
    /* The status of @error where it differs from the code's own (OVER_QUOTA); NULL: kn_error_status(). */
    guint (*fault_status) (const GError *error);
    /* Adds the headers that every answer of this service carries; NULL: none. */
    void (*add_headers) (KnRequest *req);
    gpointer data;
    /* Roles of a token scoped to a domain count too (Identity); elsewhere READER and above need a project. */
    bool any_scope;
};
