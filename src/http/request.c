/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers read from a request and write into its answer. */
#include "http/request_priv.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "http/body_priv.h"
#include "http/fault.h"
#include "http/server_priv.h"

/* "req-" and a random UUID, as kn_id_request() but without its allocations: this runs for each request. */
static void
format_id (char *out)
{
    static const char digits[] = "0123456789abcdef";
    static const char layout[] = "req-xxxxxxxx-xxxx-4xxx-Vxxx-xxxxxxxxxxxx";
    guint32 bits = 0;
    guint left = 0;

    for (const char *c = layout; *c != '\0'; c++) {
        if (*c != 'x' && *c != 'V') {
            *out++ = *c;
            continue;
        }
        if (left == 0) {
            bits = g_random_int ();
            left = 8;
        }
        *out++ = digits[*c == 'x' ? bits & 15 : 8 | (bits & 3)];
        bits >>= 4;
        left--;
    }
    *out = '\0';
}

KnRequest *
kn_request_new (KnHttp *http, const char *target)
{
    KnRequest *req = g_new0 (KnRequest, 1);

    req->refs = 1;
    req->http = http;
    req->uri = kn_uri_parse (target, &req->uri_error);
    req->service_index = -1;
    req->minor = 1;
    req->reply.fd = -1;
    format_id (req->id);
    return req;
}

KnRequest *
kn_request_ref (KnRequest *req)
{
    g_atomic_int_inc (&req->refs);
    return req;
}

static void
free_pairs (GArray *pairs)
{
    if (pairs == NULL)
        return;
    for (guint i = 0; i < pairs->len; i++) {
        g_free ((char *)g_array_index (pairs, KnPair, i).name);
        g_free ((char *)g_array_index (pairs, KnPair, i).value);
    }
    g_array_unref (pairs);
}

static void
clear_reply (KnReply *reply)
{
    g_free (reply->bytes);
    if (reply->fd >= 0)
        (void)close (reply->fd);
    *reply = (KnReply){ .fd = -1, .headers = reply->headers };
}

static void
clear_headers (KnReply *reply)
{
    free_pairs (g_steal_pointer (&reply->headers));
}

void
kn_request_unref (KnRequest *req)
{
    if (req == NULL || !g_atomic_int_dec_and_test (&req->refs))
        return;
    kn_upload_free (req->upload);
    clear_reply (&req->reply);
    clear_headers (&req->reply);
    kn_auth_clear (&req->auth);
    kn_uri_free (req->uri);
    free_pairs (req->header_copy);
    g_clear_error (&req->uri_error);
    g_free (req->peer);
    g_free (req->body);
    json_decref (req->json);
    g_clear_pointer (&req->strings, g_ptr_array_unref);
    g_free (req);
}

/* Gives @text to the request. */
static const char *
keep_string (const KnRequest *req, char *text)
{
    KnRequest *mutable_req = (KnRequest *)req;

    if (req->strings == NULL)
        mutable_req->strings = g_ptr_array_new_with_free_func (g_free);
    g_ptr_array_add (mutable_req->strings, text);
    return text;
}

gpointer
kn_request_service (const KnRequest *req)
{
    return req->service->data;
}

gpointer
kn_request_state (const KnRequest *req)
{
    return (gpointer)req->row->route->data;
}

const KnAuth *
kn_request_auth (const KnRequest *req)
{
    return req->has_auth ? &req->auth : NULL;
}

const char *
kn_request_id (const KnRequest *req)
{
    return req->id;
}

const char *
kn_request_method (const KnRequest *req)
{
    return req->method;
}

const char *
kn_request_path (const KnRequest *req)
{
    return req->uri != NULL ? req->uri->path : "";
}

const char *
kn_request_param (const KnRequest *req, const char *name)
{
    for (guint i = 0; i < req->row->n_params; i++)
        if (strcmp (req->row->params[i].name, name) == 0)
            return req->uri->segments[req->first + req->row->params[i].segment];
    g_error ("route '%s' has no parameter '%s'", req->row->route->path, name);
}

const char *
kn_request_query (const KnRequest *req, const char *name)
{
    return req->uri != NULL ? kn_uri_query (req->uri, name) : NULL;
}

void
kn_request_each_query (const KnRequest *req,
                       bool (*visit) (const char *name, const char *value, gpointer data),
                       gpointer data)
{
    for (guint i = 0; i < req->uri->n_query; i++)
        if (!visit (req->uri->query[i].name, req->uri->query[i].value, data))
            return;
}

const char *
kn_request_header (const KnRequest *req, const char *name)
{
    if (req->header_copy == NULL)
        return MHD_lookup_connection_value (req->connection, MHD_HEADER_KIND, name);
    for (guint i = 0; i < req->header_copy->len; i++)
        if (g_ascii_strcasecmp (g_array_index (req->header_copy, KnPair, i).name, name) == 0)
            return g_array_index (req->header_copy, KnPair, i).value;
    return NULL;
}

static char *
format_peer (struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info
        = MHD_get_connection_info (connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char text[INET6_ADDRSTRLEN] = "";

    if (info == NULL || info->client_addr == NULL)
        return g_strdup ("");
    if (info->client_addr->sa_family == AF_INET)
        (void)inet_ntop (AF_INET, &((const struct sockaddr_in *)info->client_addr)->sin_addr, text,
                         sizeof text);
    else if (info->client_addr->sa_family == AF_INET6)
        (void)inet_ntop (AF_INET6, &((const struct sockaddr_in6 *)info->client_addr)->sin6_addr,
                         text, sizeof text);
    return g_strdup (text);
}

const char *
kn_request_peer (const KnRequest *req)
{
    if (req->peer == NULL)
        ((KnRequest *)req)->peer = format_peer (req->connection);
    return req->peer;
}

static enum MHD_Result
copy_header (void *data, enum MHD_ValueKind kind, const char *name, const char *value)
{
    const KnPair pair = { g_strdup (name), g_strdup (value != NULL ? value : "") };

    g_array_append_val ((GArray *)data, pair);
    return MHD_YES;
}

void
kn_request_detach (KnRequest *req)
{
    GArray *headers = g_array_new (FALSE, FALSE, sizeof (KnPair));

    (void)kn_request_peer (req);
    (void)MHD_get_connection_values (req->connection, MHD_HEADER_KIND, copy_header, headers);
    req->header_copy = headers;
    req->host = kn_request_header (req, "Host");
}

guint
kn_request_minor (const KnRequest *req)
{
    return req->minor;
}

bool
kn_request_is_admin (const KnRequest *req)
{
    return req->has_auth && req->auth.role == KN_ROLE_ADMIN;
}

static const char *
url_of_service (const KnRequest *req, const KnService *service)
{
    const KnHttp *http = req->http;
    const char *prefix = strcmp (service->prefix, "/") == 0 ? "" : service->prefix;

    if (http->public_url != NULL)
        return keep_string (req, g_strconcat (http->public_url, prefix, NULL));
    return keep_string (req, g_strconcat (http->tls ? "https://" : "http://",
                                          req->host != NULL ? req->host : http->options.listen,
                                          prefix, NULL));
}

const char *
kn_request_base_url (const KnRequest *req)
{
    return url_of_service (req, req->service);
}

const char *
kn_request_url_of (const KnRequest *req, const char *type)
{
    const KnHttpOptions *options = &req->http->options;

    for (gsize i = 0; i < options->n_services; i++)
        if (g_strcmp0 (options->services[i]->type, type) == 0)
            return url_of_service (req, options->services[i]);
    return NULL;
}

const char *
kn_request_body (const KnRequest *req, gsize *out_len)
{
    if (out_len != NULL)
        *out_len = req->body_len;
    return req->body != NULL ? req->body : "";
}

const json_t *
kn_request_json (KnRequest *req, GError **error)
{
    if (req->json == NULL)
        req->json = kn_json_parse (req->body != NULL ? req->body : "", req->body_len, error);
    return req->json;
}

void
kn_request_reply_json (KnRequest *req, guint status, KnJw *w)
{
    clear_reply (&req->reply);
    req->reply.status = status;
    req->reply.bytes = kn_jw_finish (w, &req->reply.len);
    req->reply.content_type = "application/json";
}

void
kn_request_reply_text (KnRequest *req, guint status, const char *content_type, const char *text)
{
    clear_reply (&req->reply);
    req->reply.status = status;
    req->reply.bytes = g_strdup (text);
    req->reply.len = strlen (text);
    req->reply.content_type = content_type;
}

void
kn_request_reply_empty (KnRequest *req, guint status)
{
    clear_reply (&req->reply);
    req->reply.status = status;
}

void
kn_request_reply_fd (KnRequest *req, guint status, const char *content_type, int fd, guint64 offset,
                     guint64 size)
{
    clear_reply (&req->reply);
    req->reply.status = status;
    req->reply.content_type = content_type;
    req->reply.fd = fd;
    req->reply.offset = offset;
    req->reply.size = size;
}

void
kn_request_add_header (KnRequest *req, const char *name, const char *value)
{
    const KnPair pair = { g_strdup (name), g_strdup (value) };

    if (req->reply.headers == NULL)
        req->reply.headers = g_array_new (FALSE, FALSE, sizeof (KnPair));
    g_array_append_val (req->reply.headers, pair);
}

/* The one log line of a failed request; what the client did wrong is not worth more than debug. */
static void
log_failure (const KnRequest *req, guint status, const GError *error)
{
    const bool ours = g_error_matches (error, KN_ERROR, KN_ERROR_INTERNAL)
                      || g_error_matches (error, KN_ERROR, KN_ERROR_DB)
                      || error->domain != KN_ERROR;
    KnLogLevel level = KN_LOG_DEBUG;

    if (status >= 500)
        level = ours ? KN_LOG_ERROR : KN_LOG_WARNING;
    kn_log (level, "request failed", "request_id", req->id, "method", req->method, "path",
            kn_request_path (req), "project_id", req->auth.project_id, "error", error->message,
            NULL);
}

void
kn_request_fail (KnRequest *req, const GError *error)
{
    const KnService *service = req->service;
    const guint status = service != NULL && service->fault_status != NULL
                             ? service->fault_status (error)
                             : kn_error_status (error);

    log_failure (req, status, error);
    if (status != 405)
        clear_headers (&req->reply);
    if (service != NULL && service->write_fault != NULL)
        service->write_fault (req, status, error);
    else
        kn_fault_write_identity (req, status, error);
    if (status == 401) {
        const char *identity = kn_request_url_of (req, "identity");
        g_autofree char *value
            = g_strdup_printf ("Keystone uri=\"%s\"", identity != NULL ? identity : "");

        kn_request_add_header (req, "WWW-Authenticate", value);
    }
}
