/* SPDX-License-Identifier: Apache-2.0 */
/* Collects bodies within the route's limit; answers early, and lingers, where a body has to be refused. */
#include "http/body_priv.h"

#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/util.h"
#include "http/server_priv.h"

/* Sends the answer although the body has not ended, which libmicrohttpd cannot do, and half-closes: a client that reads
 * gets the answer, one that goes on sending gets EPIPE and then still finds the answer. */
static void
answer_raw (KnRequest *req)
{
    const union MHD_ConnectionInfo *info
        = MHD_get_connection_info (req->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    g_autoptr (GString) text = NULL;

    if (req->http->tls || info == NULL)
        return;
    kn_http_count (req->http, req);
    text = kn_request_format_raw (req);
    (void)send (info->connect_fd, text->str, text->len, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown (info->connect_fd, SHUT_WR);
    req->answered_raw = true;
}

static bool
ends_soon (const KnRequest *req)
{
    return !req->chunked && req->content_length <= KN_BODY_SWALLOW;
}

static gssize
discard (KnRequest *req, gsize len)
{
    if (!req->answered_raw && !ends_soon (req))
        answer_raw (req);
    req->discarded += len;
    return req->discarded <= KN_BODY_LINGER ? (gssize)len : -1;
}

void
kn_body_reject (KnRequest *req, const GError *error)
{
    kn_request_fail (req, error);
    req->rejected = true;
    g_clear_pointer (&req->body, g_free);
    req->body_len = req->body_cap = 0;
}

static void
append (KnRequest *req, const char *bytes, gsize len)
{
    if (req->body_len + len + 1 > req->body_cap) {
        gsize wanted = MAX (req->body_len + len + 1, 2 * req->body_cap);

        /* The announced length is believed up to a page or so: memory follows what really came. */
        if (!req->chunked)
            wanted = MAX (wanted, MIN (req->content_length + 1, 4 * KIB));
        req->body = g_realloc (req->body, wanted);
        req->body_cap = wanted;
    }
    memcpy (req->body + req->body_len, bytes, len);
    req->body_len += len;
    req->body[req->body_len] = '\0';
}

gssize
kn_body_take (KnRequest *req, const char *bytes, gsize len)
{
    const gsize max = req->row != NULL ? req->row->route->max_body : 0;

    if (req->rejected)
        return discard (req, len);
    if (req->upload != NULL)
        return kn_upload_take (req, bytes, len);
    if (max == 0) {
        /* Some clients send "{}" where nothing is due. */
        req->discarded += len;
        if (req->discarded <= KN_BODY_SWALLOW)
            return (gssize)len;
    } else if (len <= max - req->body_len) {
        append (req, bytes, len);
        return (gssize)len;
    }
    g_autoptr (GError) error = NULL;

    kn_error_public (&error, KN_ERROR_TOO_LARGE,
                     "The body is larger than %" G_GSIZE_FORMAT " bytes.", max);
    kn_body_reject (req, error);
    return discard (req, len);
}
