/* SPDX-License-Identifier: Apache-2.0 */
/* A request from the inside: what the server, the dispatcher and the body code share. */
#pragma once

#include <microhttpd.h>

#include "http/request.h"
#include "http/router_priv.h"

typedef struct KnUpload KnUpload;

/* Where a request stands when libmicrohttpd calls us. */
typedef enum {
    KN_STAGE_HEAD,  /* the head has arrived */
    KN_STAGE_BEGIN, /* a worker runs the sink's begin(), the connection is suspended */
    KN_STAGE_BODY,  /* the body arrives */
    KN_STAGE_RUN, /* a worker runs the handler or the sink's finish(), the connection is suspended */
} KnStage;

typedef struct {
    guint status; /* 0: no answer yet */
    char *bytes;
    gsize len;
    const char *content_type; /* static */
    int fd;                   /* -1: none */
    guint64 offset, size;
    GArray *headers; /* KnPair, owned strings; NULL: none */
} KnReply;

struct KnRequest {
    gint refs; /* the connection holds one, a task on a worker another */
    struct KnHttp *http;
    struct MHD_Connection *connection;
    const char *method; /* one of the known ones, static */
    KnStage stage;
    KnUri *uri;
    GError *uri_error; /* why there is no @uri */
    int service_index; /* -1: none yet */
    const KnService *service;
    guint first; /* segments of the service's prefix */
    const KnRow *row;
    guint minor;
    bool has_auth;
    KnAuth auth;
    char id[48];

    const char *host, *token;
    guint64 content_length;
    bool chunked, expects_continue;
    GArray *header_copy; /* KnPair; sinks run beside the connection's thread and read this copy */
    char *peer;

    bool rejected;     /* the answer is decided; what still comes of the body is thrown away */
    bool must_close;   /* framing cannot be trusted: answer at once and close */
    bool answered_raw; /* the answer went out while the body was still arriving */
    guint64 discarded;
    char *body;
    gsize body_len, body_cap;
    json_t *json;
    KnUpload *upload;

    GPtrArray *strings; /* made on demand, live as long as the request */
    KnReply reply;
};

/* Parses @target; never fails: what is wrong with it is told once the head has come. */
KnRequest *kn_request_new (struct KnHttp *http, const char *target);
KnRequest *kn_request_ref (KnRequest *req);
void kn_request_unref (KnRequest *req);

/* Makes @error the answer: status, log line, the service's fault body. */
void kn_request_fail (KnRequest *req, const GError *error);

/* The answer as libmicrohttpd wants it; every header of ours is in it. The body's bytes move into it. */
struct MHD_Response *kn_request_build_response (KnRequest *req, bool close);

/* The answer as bytes of HTTP/1.1 that ask to close the connection, for the time before a body has ended. */
GString *kn_request_format_raw (KnRequest *req);

/* Copies headers and peer, so that they can be read while the connection goes on. */
void kn_request_detach (KnRequest *req);

/* Checks everything that can be known from the head. Errors: what the client shall be told. */
bool kn_dispatch_head (KnRequest *req, const char *method, const char *version, GError **error);

/* Runs the route's handler; afterwards there is an answer. */
void kn_dispatch_run (KnRequest *req);

/* Reads the microversion that the request asks for. Errors: BAD_REQUEST, NOT_ACCEPTABLE. */
bool kn_microversion_parse (const char *type, guint max_minor, const char *legacy,
                            const char *modern, guint *out_minor, GError **error);

/* Header names in which the services differ. */
typedef struct {
    const char *type;
    const char *request_id; /* a second name for the request id, or NULL */
    const char *legacy;     /* the older microversion header, or NULL */
} KnDialect;
const KnDialect *kn_dialect_of (const KnService *service);
