/* SPDX-License-Identifier: Apache-2.0 */
/* Turns an answer into a response of libmicrohttpd, or into plain bytes. */
#include "http/server_priv.h"

#include <stdio.h>
#include <unistd.h>

typedef void (*HeaderFn) (gpointer data, const char *name, const char *value);

/* "2.96"; by hand, since two formats would be a twentieth of a small answer's time. */
static void
format_version (guint minor, char *out)
{
    *out++ = '2';
    *out++ = '.';
    if (minor >= 100)
        *out++ = (char)('0' + minor / 100 % 10);
    if (minor >= 10)
        *out++ = (char)('0' + minor / 10 % 10);
    *out++ = (char)('0' + minor % 10);
    *out = '\0';
}

static void
each_version_header (const KnRequest *req, const KnDialect *dialect, HeaderFn emit, gpointer data)
{
    char version[8], named[48], *end = named;

    format_version (req->minor, version);
    end = g_stpcpy (g_stpcpy (end, req->service->type), " ");
    (void)g_stpcpy (end, version);
    emit (data, "OpenStack-API-Version", named);
    if (dialect->legacy != NULL)
        emit (data, dialect->legacy, version);
    emit (data, "Vary",
          dialect->legacy != NULL ? "OpenStack-API-Version, X-OpenStack-Nova-API-Version"
                                  : "OpenStack-API-Version");
}

static void
each_header (const KnRequest *req, HeaderFn emit, gpointer data)
{
    const KnDialect *dialect = kn_dialect_of (req->service);
    const GArray *own = req->reply.headers;

    if (req->reply.content_type != NULL)
        emit (data, "Content-Type", req->reply.content_type);
    emit (data, "X-Openstack-Request-Id", req->id);
    if (dialect->request_id != NULL)
        emit (data, dialect->request_id, req->id);
    if (req->service != NULL && req->service->max_minor > 0)
        each_version_header (req, dialect, emit, data);
    for (guint i = 0; own != NULL && i < own->len; i++)
        emit (data, g_array_index (own, KnPair, i).name, g_array_index (own, KnPair, i).value);
}

static void
add_service_headers (KnRequest *req)
{
    if (req->service != NULL && req->service->add_headers != NULL)
        req->service->add_headers (req);
}

static void
emit_to_response (gpointer data, const char *name, const char *value)
{
    (void)MHD_add_response_header (data, name, value);
}

static struct MHD_Response *
create_response (KnReply *reply)
{
    struct MHD_Response *response;

    if (reply->fd >= 0) {
        response = MHD_create_response_from_fd_at_offset64 (reply->size, reply->fd, reply->offset);
        if (response != NULL)
            reply->fd = -1;
        return response;
    }
    if (reply->len == 0)
        return MHD_create_response_from_buffer (0, (void *)"", MHD_RESPMEM_PERSISTENT);
    response
        = MHD_create_response_from_buffer_with_free_callback (reply->len, reply->bytes, g_free);
    if (response != NULL)
        reply->bytes = NULL;
    return response;
}

struct MHD_Response *
kn_request_build_response (KnRequest *req, bool close)
{
    struct MHD_Response *response;

    add_service_headers (req);
    response = create_response (&req->reply);
    if (response == NULL)
        return NULL;
    each_header (req, emit_to_response, response);
    if (close)
        (void)MHD_add_response_header (response, "Connection", "close");
    return response;
}

static void
emit_to_text (gpointer data, const char *name, const char *value)
{
    g_string_append_printf (data, "%s: %s\r\n", name, value);
}

GString *
kn_request_format_raw (KnRequest *req)
{
    GString *text = g_string_sized_new (1024);

    add_service_headers (req);
    g_string_append_printf (text, "HTTP/1.1 %u %s\r\n", req->reply.status,
                            MHD_get_reason_phrase_for (req->reply.status));
    each_header (req, emit_to_text, text);
    g_string_append_printf (
        text, "Connection: close\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n", req->reply.len);
    if (req->reply.len > 0)
        g_string_append_len (text, req->reply.bytes, (gssize)req->reply.len);
    return text;
}
