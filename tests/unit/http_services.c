/* SPDX-License-Identifier: Apache-2.0 */
/* Services for tests of the HTTP server. */
#include "http_services.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/util.h"
#include "http/fault.h"

Stage stage;

static bool
echo (KnRequest *req, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    const KnAuth *auth = kn_request_auth (req);
    gsize len;
    const char *body = kn_request_body (req, &len);

    kn_jw_object (w);
    kn_jw_string_member (w, "method", kn_request_method (req));
    kn_jw_string_member (w, "path", kn_request_path (req));
    kn_jw_string_member (w, "base", kn_request_base_url (req));
    kn_jw_string_member (w, "other", kn_request_url_of (req, "identity"));
    kn_jw_string_member (w, "peer", kn_request_peer (req));
    kn_jw_string_member (w, "q", kn_request_query (req, "q"));
    kn_jw_string_member (w, "user", auth != NULL ? auth->user_id : NULL);
    kn_jw_int_member (w, "minor", kn_request_minor (req));
    kn_jw_int_member (w, "len", (gint64)len);
    kn_jw_string_member (w, "body", len < 100 ? body : "long");
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static bool
show (KnRequest *req, GError **error)
{
    kn_request_reply_text (req, 200, "text/plain", kn_request_param (req, "id"));
    return true;
}

static bool
nothing (KnRequest *req, GError **error)
{
    return true;
}

static bool
fail (KnRequest *req, GError **error)
{
    kn_request_add_header (req, "X-Never", "seen");
    kn_error_set (error, KN_ERROR_DB, "the table '/secret' is gone");
    return false;
}

static bool
send_file (KnRequest *req, GError **error)
{
    char path[] = "/tmp/kn-http-XXXXXX";
    int fd = mkstemp (path);

    g_assert_cmpint (fd, >=, 0);
    g_assert_cmpint (unlink (path), ==, 0);
    g_assert_cmpint (write (fd, "0123456789", 10), ==, 10);
    kn_request_reply_fd (req, 206, "application/octet-stream", fd, 2, 5);
    return true;
}

static bool
hold (KnRequest *req, GError **error)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&stage.lock);

    stage.waiting++;
    g_cond_broadcast (&stage.changed);
    while (!stage.released)
        g_cond_wait (&stage.changed, &stage.lock);
    return true;
}

static gpointer
sink_begin (KnRequest *req, GError **error)
{
    if (kn_request_query (req, "refuse") != NULL) {
        kn_error_public (error, KN_ERROR_CONFLICT, "It is not in the state queued.");
        return NULL;
    }
    g_assert_nonnull (kn_request_header (req, "Host"));
    return g_new0 (guint64, 1);
}

static bool
sink_chunk (KnRequest *req, gpointer sink, const char *bytes, gsize len, GError **error)
{
    guint64 *seen = sink;

    for (gsize i = 0; i < len; i++)
        g_assert_cmpint (bytes[i], ==, (char)((*seen + i) % 251));
    *seen += len;
    if (stage.fail_at > 0 && *seen >= stage.fail_at) {
        kn_error_public (error, KN_ERROR_NO_SPACE, "The image store is full.");
        return false;
    }
    return true;
}

static bool
sink_finish (KnRequest *req, gpointer sink, GError **error)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&stage.lock);

    stage.received = *(guint64 *)sink;
    stage.finished++;
    return true;
}

static void
sink_abort (gpointer sink)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&stage.lock);

    stage.aborted++;
    g_cond_broadcast (&stage.changed);
    g_free (sink);
}

static const KnBodySink sink = { sink_begin, sink_chunk, sink_finish, sink_abort };

const KnRoute compute_routes[N_COMPUTE_ROUTES] = {
    { "GET", "/", echo },
    { "GET", "/open", echo },
    { "POST", "/open", echo, .max_body = 1000 },
    { "POST", "/big", echo, .max_body = 300 * KIB, .run = KN_WORKER },
    { "GET", "/worker", echo, .run = KN_WORKER },
    { "GET", "/hold", hold, .run = KN_WORKER },
    { "GET", "/heavy", hold, .run = KN_HEAVY },
    { "GET", "/token", echo, .role = KN_ROLE_TOKEN },
    { "GET", "/reader", echo, .role = KN_ROLE_READER },
    { "GET", "/member", echo, .role = KN_ROLE_MEMBER },
    { "GET", "/admin", echo, .role = KN_ROLE_ADMIN },
    { "GET", "/things/{id}", show },
    { "DELETE", "/things/{id}", nothing },
    { "GET", "/things/detail", echo },
    { "GET", "/new", echo, .since = 5 },
    { "GET", "/versioned", echo, .until = 4 },
    { "GET", "/versioned", show, .since = 5 },
    { "GET", "/fail", fail },
    { "GET", "/file", send_file, .run = KN_WORKER },
    { "PUT", "/things/{id}/file", .sink = &sink, .role = KN_ROLE_MEMBER },
};

static const KnRoute identity_routes[] = {
    { "GET", "/v3", echo },
    { "GET", "/admin", echo, .role = KN_ROLE_ADMIN },
};

static const KnService compute = {
    .type = "compute",
    .name = "nova",
    .prefix = "/compute",
    .routes = compute_routes,
    .n_routes = G_N_ELEMENTS (compute_routes),
    .max_minor = 7,
    .write_fault = kn_fault_write_compute,
};
static const KnService identity = {
    .type = "identity",
    .name = "keystone",
    .prefix = "/identity",
    .routes = identity_routes,
    .n_routes = G_N_ELEMENTS (identity_routes),
    .write_fault = kn_fault_write_identity,
    .any_scope = true,
};
const KnService *const services[N_SERVICES] = { &compute, &identity };

/* Tokens: "<role number>", with a 'd' behind for a domain's. */
static bool
fake_auth (gpointer data, const char *token, KnAuth *out_auth, GError **error)
{
    if (token[0] < '1' || token[0] > '4') {
        kn_error_public (error, KN_ERROR_UNAUTHORIZED, "No such token.");
        return false;
    }
    out_auth->user_id = g_strdup ("u1");
    out_auth->role = (KnRole)(token[0] - '0');
    if (token[1] == 'd')
        out_auth->domain_id = g_strdup ("default");
    else if (out_auth->role > KN_ROLE_TOKEN)
        out_auth->project_id = g_strdup ("p1");
    return true;
}

KnHttp *
start (guint workers, guint queue)
{
    g_autoptr (GError) error = NULL;
    const KnHttpOptions options = { .listen = "127.0.0.1:0",
                                    .threads = 2,
                                    .workers = workers,
                                    .queue = queue,
                                    .auth = { fake_auth, NULL },
                                    .services = services,
                                    .n_services = G_N_ELEMENTS (services) };
    KnHttp *http = kn_http_start (&options, &error);

    g_assert_no_error (error);
    return http;
}
