/* SPDX-License-Identifier: Apache-2.0 */
/* What is checked before a handler runs: framing, host, route, microversion, token, role, size. */
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "http/server_priv.h"

#define MAX_HEADERS 100
#define MAX_HOST 255

/* What one pass over the headers finds. */
typedef struct {
    KnRequest *req;
    guint n, n_host, n_length, n_encoding, n_token;
    const char *length, *encoding, *legacy_version, *version;
} Head;

typedef struct {
    const char *name;
    gsize count; /* offset in Head of the number of occurrences, or 0 */
    gsize value; /* offset in Head of the value, or 0 */
} HeaderRule;

static const HeaderRule header_rules[] = {
    { "Host", offsetof (Head, n_host), 0 },
    { "Content-Length", offsetof (Head, n_length), offsetof (Head, length) },
    { "Transfer-Encoding", offsetof (Head, n_encoding), offsetof (Head, encoding) },
    { "X-Auth-Token", offsetof (Head, n_token), 0 },
    { "X-OpenStack-Nova-API-Version", 0, offsetof (Head, legacy_version) },
    { "OpenStack-API-Version", 0, offsetof (Head, version) },
};

static enum MHD_Result
visit_header (void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
    Head *head = data;

    const char first = g_ascii_toupper (name[0]);

    head->n++;
    if (value == NULL)
        value = "";
    for (gsize i = 0; i < G_N_ELEMENTS (header_rules); i++) {
        const HeaderRule *rule = &header_rules[i];

        if (rule->name[0] != first || g_ascii_strcasecmp (rule->name, name) != 0)
            continue;
        if (rule->count != 0)
            G_STRUCT_MEMBER (guint, head, rule->count)++;
        if (rule->value != 0)
            G_STRUCT_MEMBER (const char *, head, rule->value) = value;
        if (i == 0)
            head->req->host = value;
        else if (rule->count == offsetof (Head, n_token))
            head->req->token = value;
        return MHD_YES;
    }
    if (g_ascii_strcasecmp ("Expect", name) == 0)
        head->req->expects_continue = true;
    return MHD_YES;
}

static bool
refuse (KnRequest *req, GError **error, const char *sentence)
{
    req->must_close = true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "%s", sentence);
    return false;
}

/* libmicrohttpd takes the first of several Content-Length headers and ignores it beside Transfer-Encoding: a proxy in front
 * may see it differently, so neither is let through. */
static bool
check_framing (KnRequest *req, const Head *head, GError **error)
{
    gint64 length = 0;

    if (head->n > MAX_HEADERS)
        return refuse (req, error, "The request has too many headers.");
    if (head->n_host > 1 || head->n_length > 1 || head->n_encoding > 1 || head->n_token > 1)
        return refuse (req, error, "A header that may occur once occurs twice.");
    if (head->n_length > 0 && head->n_encoding > 0)
        return refuse (req, error, "Content-Length and Transfer-Encoding exclude each other.");
    if (head->n_encoding > 0 && g_ascii_strcasecmp (head->encoding, "chunked") != 0)
        return refuse (req, error, "The only known Transfer-Encoding is chunked.");
    if (head->n_length > 0 && !kn_parse_int (head->length, 0, G_MAXINT64, &length))
        return refuse (req, error, "Content-Length is not a number.");
    req->chunked = head->n_encoding > 0;
    req->content_length = (guint64)length;
    return true;
}

/* The Host goes into links, so it may only hold what a host and port can. */
static bool
check_host (KnRequest *req, const char *version, GError **error)
{
    const char *host = req->host;

    if (host == NULL)
        return strcmp (version, "HTTP/1.0") == 0
               || refuse (req, error, "The request has no Host header.");
    if (*host == '\0' || strlen (host) > MAX_HOST)
        return refuse (req, error, "The Host header is not valid.");
    for (const char *c = host; *c != '\0'; c++)
        if (!g_ascii_isalnum (*c) && strchr (".-_:[]", *c) == NULL)
            return refuse (req, error, "The Host header is not valid.");
    return true;
}

static const char *const known_methods[]
    = { "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", NULL };

static bool
find_method (KnRequest *req, const char *method, GError **error)
{
    for (guint i = 0; known_methods[i] != NULL; i++)
        if (strcmp (known_methods[i], method) == 0) {
            req->method = known_methods[i];
            return true;
        }
    kn_error_public (error, KN_ERROR_METHOD, "The method is not known.");
    return false;
}

static bool
find_service (KnRequest *req, const Head *head, GError **error)
{
    const KnHttp *http = req->http;

    req->service_index = kn_router_find_service (http->router, req->uri, &req->first);
    if (req->service_index < 0) {
        kn_error_public (error, KN_ERROR_NOT_FOUND, "The resource could not be found.");
        return false;
    }
    req->service = http->options.services[req->service_index];
    return req->service->max_minor == 0
           || kn_microversion_parse (req->service->type, req->service->max_minor,
                                     head->legacy_version, head->version, &req->minor, error);
}

static bool
find_route (KnRequest *req, GError **error)
{
    g_autofree char *allow = NULL;

    req->row = kn_router_find (req->http->router, req->service_index, req->uri, req->first,
                               req->method, req->minor, &allow);
    if (req->row != NULL)
        return true;
    if (allow == NULL) {
        kn_error_public (error, KN_ERROR_NOT_FOUND, "The resource could not be found.");
        return false;
    }
    kn_request_add_header (req, "Allow", allow);
    kn_error_public (error, KN_ERROR_METHOD, "The method %s is not allowed for this resource.",
                     req->method);
    return false;
}

static bool
set_unauthorized (GError **error)
{
    kn_error_public (error, KN_ERROR_UNAUTHORIZED,
                     "The request you have made requires authentication.");
    return false;
}

static bool
authenticate (KnRequest *req, GError **error)
{
    const KnAuthOps *ops = &req->http->options.auth;
    const KnRole wanted = req->row->route->role;
    g_autoptr (GError) ignored = NULL;

    if (req->token == NULL || *req->token == '\0' || ops->authenticate == NULL)
        return wanted == KN_ROLE_NONE || set_unauthorized (error);
    req->has_auth = ops->authenticate (ops->data, req->token, &req->auth,
                                       wanted == KN_ROLE_NONE ? &ignored : error);
    return req->has_auth || wanted == KN_ROLE_NONE;
}

static bool
check_role (const KnRequest *req, GError **error)
{
    const KnRole wanted = req->row->route->role;
    const bool scoped = req->auth.project_id != NULL || req->service->any_scope;

    if (wanted <= KN_ROLE_TOKEN || (scoped && req->auth.role >= wanted))
        return true;
    kn_error_public (error, KN_ERROR_FORBIDDEN,
                     "You are not authorized to perform the requested action.");
    return false;
}

static bool
check_size (const KnRequest *req, GError **error)
{
    const KnRoute *route = req->row->route;
    const gsize max = route->sink == NULL && route->max_body == 0 ? 64 * KIB : route->max_body;

    if (max == 0 || req->chunked || req->content_length <= max)
        return true;
    kn_error_public (error, KN_ERROR_TOO_LARGE,
                     "The body is larger than %" G_GSIZE_FORMAT " bytes.", max);
    return false;
}

bool
kn_dispatch_head (KnRequest *req, const char *method, const char *version, GError **error)
{
    Head head = { .req = req };

    (void)MHD_get_connection_values (req->connection, MHD_HEADER_KIND, visit_header, &head);
    req->method = known_methods[0];
    if (req->uri == NULL) {
        g_propagate_error (error, g_steal_pointer (&req->uri_error));
        return false;
    }
    if (!check_framing (req, &head, error) || !check_host (req, version, error))
        return false;
    return find_service (req, &head, error) && find_method (req, method, error)
           && find_route (req, error) && authenticate (req, error) && check_role (req, error)
           && check_size (req, error);
}

void
kn_dispatch_run (KnRequest *req)
{
    g_autoptr (GError) error = NULL;

    if (!req->row->route->handler (req, &error))
        kn_request_fail (req, error);
    else if (req->reply.status == 0)
        kn_request_reply_empty (req, 204);
}
