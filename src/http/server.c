/* SPDX-License-Identifier: Apache-2.0 */
/* The server: a listening socket, libmicrohttpd's epoll threads, the worker pool, and the way of a request between them. */
#include "http/server_priv.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "http/body_priv.h"
#include "http/listen_priv.h"

/* Memory of a connection for its head, also its read buffer; all of it is touched by the first request. */
#define CONNECTION_MEMORY (16 * KIB)

/* Files that are open besides connections: databases, uploads, downloads, pipes. */
#define OTHER_FILES 1024

void
kn_http_count (KnHttp *http, const KnRequest *req)
{
    const gsize row
        = req->service_index >= 0 ? (gsize)req->service_index : http->options.n_services;
    const guint class = CLAMP (req->reply.status / 100, 1, KN_HTTP_STATUS_CLASSES) - 1;

    g_atomic_int_inc (&http->counters[row][class]);
}

static void *
on_target (void *data, const char *target, struct MHD_Connection *connection)
{
    KnHttp *http = data;
    KnRequest *req = kn_request_new (http, target);

    g_atomic_int_inc (&http->in_flight);
    req->connection = connection;
    return req;
}

static void
on_completed (void *data, struct MHD_Connection *connection, void **state,
              enum MHD_RequestTerminationCode why)
{
    KnHttp *http = data;
    KnRequest *req = *state;

    *state = NULL;
    if (req == NULL)
        return;
    if (req->upload != NULL)
        kn_upload_lost (req);
    kn_request_unref (req);
    /* Who waits has set @closing before; GLib's broadcast is a system call even with nobody waiting. */
    if (!g_atomic_int_dec_and_test (&http->in_flight) || !g_atomic_int_get (&http->closing))
        return;
    g_mutex_lock (&http->lock);
    g_cond_broadcast (&http->idle);
    g_mutex_unlock (&http->lock);
}

static enum MHD_Result
send_reply (KnRequest *req)
{
    const bool close = req->must_close || g_atomic_int_get (&req->http->closing) != 0;
    struct MHD_Response *response;
    enum MHD_Result result;

    if (req->answered_raw)
        return MHD_NO;
    kn_http_count (req->http, req);
    response = kn_request_build_response (req, close);
    if (response == NULL)
        return MHD_NO;
    result = MHD_queue_response (req->connection, req->reply.status, response);
    MHD_destroy_response (response);
    return result;
}

static enum MHD_Result
reject_head (KnRequest *req, const GError *error)
{
    const bool no_body = !req->chunked && req->content_length == 0;
    const bool small = !req->chunked && req->content_length <= KN_BODY_SWALLOW;

    kn_body_reject (req, error);
    req->stage = KN_STAGE_BODY;
    /* An answer before the body makes libmicrohttpd close the connection: only where nothing else is possible. */
    if (req->must_close || (!no_body && (req->expects_continue || (req->http->tls && !small)))) {
        req->must_close = true;
        return send_reply (req);
    }
    return MHD_YES;
}

static enum MHD_Result
on_head (KnRequest *req, const char *method, const char *version)
{
    g_autoptr (GError) error = NULL;

    if (!kn_dispatch_head (req, method, version, &error))
        return reject_head (req, error);
    if (req->row->route->sink == NULL) {
        req->stage = KN_STAGE_BODY;
        return MHD_YES;
    }
    req->stage = KN_STAGE_BEGIN;
    kn_upload_begin (req);
    return MHD_YES;
}

/* Task: runs a handler for a suspended connection. */
static void
run_handler (gpointer data)
{
    KnRequest *req = data;

    kn_dispatch_run (req);
    MHD_resume_connection (req->connection);
    kn_request_unref (req);
}

static void
refuse_busy (KnRequest *req)
{
    g_autoptr (GError) error = NULL;

    g_atomic_int_inc (&req->http->refused);
    kn_error_public (&error, KN_ERROR_UNAVAILABLE, "The server is busy, try again later.");
    kn_request_fail (req, error);
}

static enum MHD_Result
on_end (KnRequest *req)
{
    if (req->rejected || (req->upload != NULL && kn_upload_take_failure (req)))
        return send_reply (req);
    req->stage = KN_STAGE_RUN;
    if (req->upload != NULL) {
        kn_upload_finish (req);
        return MHD_YES;
    }
    if (req->row->route->run == KN_INLINE) {
        kn_dispatch_run (req);
        return send_reply (req);
    }
    MHD_suspend_connection (req->connection);
    if (!kn_workers_push (req->row->route->run == KN_HEAVY ? req->http->heavy : req->http->workers,
                          run_handler, kn_request_ref (req))) {
        kn_request_unref (req);
        refuse_busy (req);
        MHD_resume_connection (req->connection);
    }
    return MHD_YES;
}

static enum MHD_Result
on_begun (KnRequest *req)
{
    req->stage = KN_STAGE_BODY;
    if (!kn_upload_take_failure (req))
        return MHD_YES;
    if (req->expects_continue || req->http->tls) {
        req->must_close = true;
        return send_reply (req);
    }
    return MHD_YES;
}

static enum MHD_Result
on_finished (KnRequest *req)
{
    if (req->upload != NULL && !kn_upload_take_failure (req) && req->reply.status == 0)
        kn_request_reply_empty (req, 204);
    return send_reply (req);
}

static enum MHD_Result
on_access (void *data, struct MHD_Connection *connection, const char *url, const char *method,
           const char *version, const char *bytes, size_t *len, void **state)
{
    KnRequest *req = *state;

    if (req == NULL)
        return MHD_NO;
    if (*len > 0) {
        const gssize taken = kn_body_take (req, bytes, *len);

        if (taken < 0)
            return MHD_NO;
        *len -= (size_t)taken;
        return MHD_YES;
    }
    switch (req->stage) {
    case KN_STAGE_HEAD:
        return on_head (req, method, version);
    case KN_STAGE_BEGIN:
        return on_begun (req);
    case KN_STAGE_BODY:
        return on_end (req);
    case KN_STAGE_RUN:
        return on_finished (req);
    }
    return MHD_NO;
}

/* Our own parser decodes the target: libmicrohttpd would decode %2F before we split. */
static size_t
keep_escapes (void *data, struct MHD_Connection *connection, char *text)
{
    return strlen (text);
}

G_GNUC_PRINTF (2, 0)
static void
on_log (void *data, const char *format, va_list args)
{
    g_autofree char *text = g_strdup_vprintf (format, args);

    kn_log (KN_LOG_DEBUG, "libmicrohttpd", "text", g_strchomp (text), NULL);
}

static bool
load_tls (const KnHttpOptions *options, char **out_cert, char **out_key, GError **error)
{
    if (options->tls_cert == NULL)
        return true;
    *out_cert = kn_file_read (options->tls_cert, MIB, NULL, error);
    if (*out_cert == NULL)
        return false;
    *out_key = kn_file_read (options->tls_key, MIB, NULL, error);
    return *out_key != NULL;
}

static bool
start_daemon (KnHttp *http, int fd, char *cert, char *key, GError **error)
{
    const KnHttpOptions *options = &http->options;
    const struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, cert },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, key },
        { MHD_OPTION_END, 0, NULL },
    };
    const guint flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME
                        | MHD_USE_ERROR_LOG | (http->tls ? MHD_USE_TLS : 0);

    /* A pool of one is not a pool to libmicrohttpd, but it takes the number. */
    http->daemon = MHD_start_daemon (
        flags, 0, NULL, NULL, on_access, http, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE,
        options->threads > 1 ? options->threads : 0, MHD_OPTION_CONNECTION_LIMIT,
        options->max_connections, MHD_OPTION_CONNECTION_TIMEOUT, options->idle_timeout_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)(4 * KIB), MHD_OPTION_URI_LOG_CALLBACK,
        on_target, http, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_ARRAY, http->tls ? tls : tls + 2, MHD_OPTION_END);
    if (http->daemon != NULL)
        return true;
    kn_error_set (error, KN_ERROR_UNAVAILABLE, "cannot start the HTTP server on '%s'",
                  options->listen);
    return false;
}

static void
set_defaults (KnHttpOptions *options)
{
    const guint cores = g_get_num_processors ();

    if (options->threads == 0)
        options->threads = cores;
    if (options->workers == 0)
        options->workers = 4 * cores;
    if (options->heavy == 0)
        options->heavy = 2;
    if (options->max_connections == 0)
        options->max_connections = 10000;
    if (options->queue == 0)
        options->queue = 1000;
    if (options->idle_timeout_s == 0)
        options->idle_timeout_s = 75;
}

/* The usual soft limit of 1024 files would end far below max_connections. */
static void
raise_file_limit (guint max_connections)
{
    struct rlimit limit;

    if (getrlimit (RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= max_connections + OTHER_FILES)
        return;
    limit.rlim_cur = MIN (limit.rlim_max, max_connections + OTHER_FILES);
    if (setrlimit (RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < max_connections + OTHER_FILES)
        kn_log (KN_LOG_WARNING, "fewer files may be open than there may be connections", NULL);
}

static char *
strip_slash (const char *url)
{
    char *copy = g_strdup (url);

    while (copy != NULL && g_str_has_suffix (copy, "/"))
        copy[strlen (copy) - 1] = '\0';
    return copy;
}

KnHttp *
kn_http_start (const KnHttpOptions *options, GError **error)
{
    g_autoptr (KnHttp) http = g_new0 (KnHttp, 1);
    g_autofree char *cert = NULL;
    kn_autosecret key = NULL;
    kn_autofd fd = -1;

    g_mutex_init (&http->lock);
    g_cond_init (&http->idle);
    g_rw_lock_init (&http->gate);
    http->options = *options;
    set_defaults (&http->options);
    raise_file_limit (http->options.max_connections);
    http->public_url = strip_slash (options->public_url);
    http->tls = options->tls_cert != NULL;
    http->counters = g_malloc0_n (options->n_services + 1, sizeof *http->counters);
    http->router = kn_router_new (options->services, options->n_services, error);
    if (http->router == NULL || !load_tls (options, &cert, &key, error))
        return NULL;
    fd = kn_listen (options->listen, &http->port, error);
    if (fd < 0)
        return NULL;
    http->workers = kn_workers_new (http->options.workers, http->options.queue);
    http->heavy = kn_workers_new (http->options.heavy, http->options.queue);
    if (!start_daemon (http, fd, cert, key, error))
        return NULL;
    fd = -1; /* the daemon's now */
    return g_steal_pointer (&http);
}

guint
kn_http_port (const KnHttp *http)
{
    return http->port;
}

static void
wait_idle (KnHttp *http, guint grace_ms)
{
    const gint64 deadline = g_get_monotonic_time () + (gint64)grace_ms * 1000;

    g_mutex_lock (&http->lock);
    while (g_atomic_int_get (&http->in_flight) > 0)
        if (!g_cond_wait_until (&http->idle, &http->lock, deadline))
            break;
    g_mutex_unlock (&http->lock);
}

void
kn_http_stop (KnHttp *http, guint grace_ms)
{
    kn_autofd fd = -1;

    if (http->daemon == NULL)
        return;
    g_atomic_int_set (&http->closing, 1);
    fd = MHD_quiesce_daemon (http->daemon);
    /* New clients are refused from here on; the number stays taken until no thread of the daemon can know it any more. */
    if (fd >= 0)
        (void)shutdown (fd, SHUT_RDWR);
    wait_idle (http, grace_ms);
    /* No upload may be suspended from here on; then what the workers still hold comes back. */
    g_rw_lock_writer_lock (&http->gate);
    g_atomic_int_set (&http->stopping, 1);
    g_rw_lock_writer_unlock (&http->gate);
    kn_workers_drain (http->workers);
    kn_workers_drain (http->heavy);
    wait_idle (http, MIN (grace_ms, 1000));
    MHD_stop_daemon (g_steal_pointer (&http->daemon));
}

void
kn_http_free (KnHttp *http)
{
    if (http == NULL)
        return;
    kn_http_stop (http, 0);
    kn_workers_free (http->workers);
    kn_workers_free (http->heavy);
    kn_router_free (http->router);
    g_free (http->public_url);
    g_free (http->counters);
    g_rw_lock_clear (&http->gate);
    g_cond_clear (&http->idle);
    g_mutex_clear (&http->lock);
    g_free (http);
}

void
kn_http_write_metrics (const KnHttp *http, GString *out)
{
    const KnHttpOptions *options = &http->options;

    g_string_append (out, "# HELP kilonova_http_requests_total Requests answered.\n"
                          "# TYPE kilonova_http_requests_total counter\n");
    for (gsize i = 0; i <= options->n_services; i++)
        for (guint class = 0; class < KN_HTTP_STATUS_CLASSES; class ++)
            g_string_append_printf (
                out, "kilonova_http_requests_total{service=\"%s\",code=\"%uxx\"} %u\n",
                i < options->n_services ? options->services[i]->name : "none", class + 1,
                (guint)g_atomic_int_get (&http->counters[i][class]));
    g_string_append_printf (out,
                            "# TYPE kilonova_http_in_flight gauge\nkilonova_http_in_flight %u\n"
                            "# TYPE kilonova_http_queue gauge\nkilonova_http_queue %u\n"
                            "# TYPE kilonova_http_refused_total counter\n"
                            "kilonova_http_refused_total %u\n",
                            (guint)g_atomic_int_get (&http->in_flight),
                            kn_workers_queued (http->workers),
                            (guint)g_atomic_int_get (&http->refused));
}
