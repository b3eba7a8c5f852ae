/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server over a real socket, and its pure parts. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "http/fault.h"
#include "http/request_priv.h"
#include "http/server.h"

/* --- the services under test --- */

typedef struct {
    GMutex lock;
    GCond changed;
    guint waiting;    /* handlers inside hold() */
    bool released;    /* they may go on */
    guint64 received; /* bytes that the sink saw */
    guint aborted, finished;
    guint64 fail_at; /* the sink fails after so many bytes, 0: never */
    guint fd_open;
} Stage;

static Stage stage;

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

static const KnRoute compute_routes[] = {
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
static const KnService *const services[] = { &compute, &identity };

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

static KnHttp *
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

/* --- a client --- */

typedef struct {
    int fd;
    GString *in; /* received, not yet read */
} Client;

typedef struct {
    guint status;
    char *head, *body;
} Answer;

static Client
dial (KnHttp *http)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons ((guint16)kn_http_port (http)),
                                   .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
    const struct timeval limit = { .tv_sec = 20 };
    Client client = { socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), g_string_new (NULL) };

    g_assert_cmpint (client.fd, >=, 0);
    g_assert_cmpint (setsockopt (client.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), ==, 0);
    g_assert_cmpint (connect (client.fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    return client;
}

static void
hang_up (Client *client)
{
    (void)close (client->fd);
    g_string_free (client->in, TRUE);
}

/* Sends all; false if the server has closed meanwhile. */
static bool
send_bytes (Client *client, const char *bytes, gsize len)
{
    while (len > 0) {
        const ssize_t sent = send (client->fd, bytes, len, MSG_NOSIGNAL);

        if (sent < 0)
            return false;
        bytes += sent;
        len -= (gsize)sent;
    }
    return true;
}

static void
say (Client *client, const char *text)
{
    g_assert_true (send_bytes (client, text, strlen (text)));
}

/* False: the connection ended. */
static bool
receive (Client *client)
{
    char buffer[16 * 1024];
    const ssize_t got = recv (client->fd, buffer, sizeof buffer, 0);

    if (got <= 0)
        return false;
    g_string_append_len (client->in, buffer, got);
    return true;
}

static gsize
content_length (const char *head)
{
    const char *found = strstr (head, "\r\nContent-Length: ");

    return found != NULL ? (gsize)g_ascii_strtoull (found + 18, NULL, 10) : 0;
}

static Answer
hear (Client *client, bool has_body)
{
    Answer answer = { 0 };
    const char *end;
    gsize head_len, body_len;

    while ((end = strstr (client->in->str, "\r\n\r\n")) == NULL)
        if (!receive (client))
            return answer;
    head_len = (gsize)(end - client->in->str) + 2;
    answer.head = g_strndup (client->in->str, head_len);
    answer.status = (guint)g_ascii_strtoull (answer.head + 9, NULL, 10);
    body_len = has_body && answer.status != 204 ? content_length (answer.head) : 0;
    while (client->in->len < head_len + 2 + body_len)
        g_assert_true (receive (client));
    answer.body = g_strndup (client->in->str + head_len + 2, body_len);
    g_string_erase (client->in, 0, (gssize)(head_len + 2 + body_len));
    return answer;
}

static void
answer_clear (Answer *answer)
{
    g_free (answer->head);
    g_free (answer->body);
    *answer = (Answer){ 0 };
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Answer, answer_clear)

static const char *
header (const Answer *answer, const char *name)
{
    static char value[512];
    g_autofree char *wanted = g_strdup_printf ("\r\n%s: ", name);
    const char *found = strstr (answer->head, wanted);

    if (found == NULL)
        return NULL;
    found += strlen (wanted);
    g_strlcpy (value, found, MIN (sizeof value, (gsize)(strstr (found, "\r\n") - found) + 1));
    return value;
}

/* One request on @client: "GET /path" plus header lines. */
static Answer
ask (Client *client, const char *line, const char *headers)
{
    g_autofree char *text = g_strdup_printf ("%s HTTP/1.1\r\nHost: h:1\r\n%s\r\n", line, headers);

    say (client, text);
    return hear (client, !g_str_has_prefix (line, "HEAD"));
}

static char *
pattern (gsize len)
{
    char *bytes = g_malloc (len);

    for (gsize i = 0; i < len; i++)
        bytes[i] = (char)(i % 251);
    return bytes;
}

/* --- pure parts --- */

static void
test_uri (void)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnUri) uri = kn_uri_parse ("/a/b%2Fc//d%C3%A9/?x=1&y&&z=a%26b+c&x=2", &error);

    g_assert_no_error (error);
    g_assert_cmpuint (uri->n_segments, ==, 4);
    g_assert_cmpstr (uri->segments[1], ==, "b/c");
    g_assert_cmpstr (uri->segments[2], ==, "");
    g_assert_cmpstr (uri->segments[3], ==, "dé");
    g_assert_cmpstr (uri->path, ==, "/a/b%2Fc//d%C3%A9/");
    g_assert_cmpuint (uri->n_query, ==, 4);
    g_assert_cmpstr (kn_uri_query (uri, "x"), ==, "1");
    g_assert_cmpstr (kn_uri_query (uri, "y"), ==, "");
    g_assert_cmpstr (kn_uri_query (uri, "z"), ==, "a&b c");
    g_assert_null (kn_uri_query (uri, "w"));
}

static void
test_uri_bad (void)
{
    static const char *const bad[] = { "*",
                                       "http://h/",
                                       "/%",
                                       "/%4",
                                       "/%zz",
                                       "/%00",
                                       "/a?b=%00",
                                       "/%ff",
                                       "/a?%ff",
                                       "",
                                       "/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5" };

    for (gsize i = 0; i < G_N_ELEMENTS (bad); i++) {
        g_autoptr (GError) error = NULL;

        g_assert_null (kn_uri_parse (bad[i], &error));
        g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
    }
}

static void
test_router_twice (void)
{
    static const KnRoute routes[] = {
        { "GET", "/a/{x}", echo, .until = 5 },
        { "GET", "/a/{y}", echo, .since = 5 },
    };
    static const KnService service
        = { .name = "s", .prefix = "/s", .routes = routes, .n_routes = G_N_ELEMENTS (routes) };
    static const KnService *const list[] = { &service };
    g_autoptr (GError) error = NULL;

    g_assert_null (kn_router_new (list, 1, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_INTERNAL);
}

/* Every row is found by its own path, whatever the others are. */
static void
test_router_reachable (void)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnRouter) router = kn_router_new (services, G_N_ELEMENTS (services), &error);

    g_assert_no_error (error);
    for (gsize i = 0; i < G_N_ELEMENTS (compute_routes); i++) {
        const KnRoute *route = &compute_routes[i];
        g_autofree char *path = g_strconcat ("/compute", route->path, NULL);
        g_autoptr (KnUri) uri = kn_uri_parse (path, &error);
        g_autofree char *allow = NULL;
        const KnRow *row;
        guint first;

        g_assert_no_error (error);
        g_assert_cmpint (kn_router_find_service (router, uri, &first), ==, 0);
        row = kn_router_find (router, 0, uri, first, route->method, MAX (route->since, 1), &allow);
        g_assert_nonnull (row);
        g_assert_true (row->route == route);
    }
}

static void
test_microversion (void)
{
    static const struct {
        const char *legacy, *modern;
        int minor, code;
    } cases[] = {
        { NULL, NULL, 1, 0 },
        { "2.5", NULL, 5, 0 },
        { NULL, "compute 2.6", 6, 0 },
        { NULL, "Compute  2.6 ", 6, 0 },
        { "2.2", "compute 2.6", 6, 0 },
        { "2.2", "volume 3.60", 2, 0 },
        { NULL, "volume 3.60, compute 2.3", 3, 0 },
        { "latest", NULL, 7, 0 },
        { NULL, "compute latest", 7, 0 },
        { "2.8", NULL, 0, KN_ERROR_NOT_ACCEPTABLE },
        { "2.0", NULL, 0, KN_ERROR_NOT_ACCEPTABLE },
        { "3.1", NULL, 0, KN_ERROR_NOT_ACCEPTABLE },
        { "2.latest", NULL, 0, KN_ERROR_BAD_REQUEST },
        { "2", NULL, 0, KN_ERROR_BAD_REQUEST },
        { "2.01", NULL, 0, KN_ERROR_BAD_REQUEST },
        { "2.1.1", NULL, 0, KN_ERROR_BAD_REQUEST },
        { "", NULL, 0, KN_ERROR_BAD_REQUEST },
        { NULL, "compute", 0, KN_ERROR_BAD_REQUEST },
        { NULL, "2.1", 0, KN_ERROR_BAD_REQUEST },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autoptr (GError) error = NULL;
        guint minor = 0;

        if (kn_microversion_parse ("compute", 7, cases[i].legacy, cases[i].modern, &minor, &error))
            g_assert_cmpint ((int)minor, ==, cases[i].minor);
        else
            g_assert_error (error, KN_ERROR, cases[i].code);
    }
}

/* --- over the socket --- */

static void
test_keep_alive (void)
{
    g_autoptr (KnHttp) http = start (2, 10);
    Client client = dial (http);

    for (guint i = 0; i < 3; i++) {
        g_auto (Answer) answer = ask (&client, "GET /compute/open?q=%C3%A9+1", "");

        g_assert_cmpuint (answer.status, ==, 200);
        g_assert_nonnull (strstr (answer.body, "\"q\":\"é 1\""));
        g_assert_nonnull (strstr (answer.body, "\"base\":\"http://h:1/compute\""));
        g_assert_nonnull (strstr (answer.body, "\"other\":\"http://h:1/identity\""));
        g_assert_nonnull (strstr (answer.body, "\"peer\":\"127.0.0.1\""));
        g_assert_true (g_str_has_prefix (header (&answer, "X-Openstack-Request-Id"), "req-"));
        g_assert_cmpstr (header (&answer, "Content-Type"), ==, "application/json");
        g_assert_cmpstr (header (&answer, "OpenStack-API-Version"), ==, "compute 2.1");
        g_assert_cmpstr (header (&answer, "X-OpenStack-Nova-API-Version"), ==, "2.1");
        g_assert_nonnull (header (&answer, "Vary"));
        g_assert_true (g_str_has_prefix (header (&answer, "X-Compute-Request-Id"), "req-"));
    }
    hang_up (&client);
}

static void
test_pipelining (void)
{
    g_autoptr (KnHttp) http = start (2, 10);
    Client client = dial (http);

    say (&client, "GET /compute/things/one HTTP/1.1\r\nHost: h\r\n\r\n"
                  "GET /compute/worker HTTP/1.1\r\nHost: h\r\n\r\n"
                  "POST /compute/open HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"
                  "GET /compute/things/two HTTP/1.1\r\nHost: h\r\n\r\n");
    for (guint i = 0; i < 4; i++) {
        static const char *const wanted[] = { "one", "/compute/worker", "\"len\":2", "two" };
        g_auto (Answer) answer = hear (&client, true);

        g_assert_cmpuint (answer.status, ==, 200);
        g_assert_nonnull (strstr (answer.body, wanted[i]));
    }
    hang_up (&client);
}

static void
test_routes (void)
{
    static const struct {
        const char *line, *headers;
        guint status;
        const char *body; /* part of it */
    } cases[] = {
        { "GET /compute", "", 200, "/compute" },
        { "GET /compute/", "", 200, "/compute/" },
        { "GET /compute/things/a%2Fb", "", 200, "a/b" },
        { "GET /compute/things/detail", "", 200, "\"method\"" },
        { "DELETE /compute/things/detail", "", 204, "" },
        { "GET /compute/nowhere", "", 404, "itemNotFound" },
        { "GET /compute/things", "", 404, "itemNotFound" },
        { "GET /identity/nowhere", "", 404, "{\"error\":{\"code\":404" },
        { "GET /computer", "", 404, "error" },
        { "GET /", "", 404, "error" },
        { "POST /compute/things/1", "Content-Length: 0\r\n", 405, "badMethod" },
        { "BREW /compute/things/1", "", 405, "badMethod" },
        { "GET /compute/%zz", "", 400, "error" },
        { "GET /compute/new", "", 404, "itemNotFound" },
        { "GET /compute/new", "X-OpenStack-Nova-API-Version: 2.5\r\n", 200, "\"minor\":5" },
        { "GET /compute/versioned", "OpenStack-API-Version: compute 2.4\r\n", 200, "\"minor\":4" },
        { "GET /compute/open", "OpenStack-API-Version: compute 2.9\r\n", 406,
          "{\"computeFault\":{\"code\":406,\"message\":\"Version 2.9 is not supported by the API. "
          "Minimum is 2.1 and maximum is 2.7.\"}}" },
        { "GET /compute/open", "OpenStack-API-Version: compute x\r\n", 400, "badRequest" },
    };
    g_autoptr (KnHttp) http = start (2, 10);
    Client client = dial (http);

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_auto (Answer) answer = ask (&client, cases[i].line, cases[i].headers);

        g_test_message ("%s", cases[i].line);
        g_assert_cmpuint (answer.status, ==, cases[i].status);
        g_assert_nonnull (strstr (answer.body, cases[i].body));
        if (answer.status == 405 && cases[i].line[0] == 'P')
            g_assert_cmpstr (header (&answer, "Allow"), ==, "GET, HEAD, DELETE");
        if (answer.status == 204)
            g_assert_null (header (&answer, "Content-Type"));
    }
    hang_up (&client);
}

static void
test_head (void)
{
    g_autoptr (KnHttp) http = start (2, 10);
    Client client = dial (http);
    g_auto (Answer) answer = ask (&client, "HEAD /compute/things/four", "");
    g_auto (Answer) after = { 0 };

    g_assert_cmpuint (answer.status, ==, 200);
    g_assert_cmpstr (header (&answer, "Content-Length"), ==, "4");
    after = ask (&client, "GET /compute/things/four", "");
    g_assert_cmpstr (after.body, ==, "four");
    hang_up (&client);
}

static void
test_roles (void)
{
    static const char *const paths[] = { "open", "token", "reader", "member", "admin" };
    g_autoptr (KnHttp) http = start (2, 10);
    Client client = dial (http);

    for (int have = 0; have <= 5; have++)
        for (int want = 0; want < 5; want++) {
            g_autofree char *line = g_strdup_printf ("GET /compute/%s", paths[want]);
            g_autofree char *token
                = have > 0 ? g_strdup_printf ("X-Auth-Token: %d\r\n", have) : g_strdup ("");
            const guint expected = want == 0                   ? 200
                                   : have == 0 || have == 5    ? 401
                                   : have >= want || want == 1 ? 200
                                                               : 403;
            g_auto (Answer) answer = ask (&client, line, token);

            g_assert_cmpuint (answer.status, ==, expected);
            if (expected == 401)
                g_assert_cmpstr (header (&answer, "WWW-Authenticate"), ==,
                                 "Keystone uri=\"http://h:1/identity\"");
        }
    hang_up (&client);
}

static void
test_domain_scope (void)
{
    g_autoptr (KnHttp) http = start (2, 10);
    Client client = dial (http);
    g_auto (Answer) refused = ask (&client, "GET /compute/admin", "X-Auth-Token: 4d\r\n");
    g_auto (Answer) taken = ask (&client, "GET /identity/admin", "X-Auth-Token: 4d\r\n");

    g_assert_cmpuint (refused.status, ==, 403);
    g_assert_cmpuint (taken.status, ==, 200);
    hang_up (&client);
}

static void
test_framing (void)
{
    static const char *const heads[] = {
        "Host: a\r\nHost: b\r\n",
        "Host: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n",
        "Host: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Host: a\r\nTransfer-Encoding: gzip, chunked\r\n",
        "Host: a/b\r\n",
        "Host: \"><script>\r\n",
        "X: y\r\n",
        "Host: a\r\nX-Auth-Token: 1\r\nX-Auth-Token: 4\r\n",
        "Host: a\r\nContent-Length: 2x\r\n",
        "Host: a\r\nContent-Length: -1\r\n",
        "Host: a\r\nContent-Length: 99999999999999999999\r\n",
    };
    g_autoptr (KnHttp) http = start (2, 10);

    for (gsize i = 0; i < G_N_ELEMENTS (heads); i++) {
        Client client = dial (http);
        g_autofree char *text
            = g_strdup_printf ("POST /compute/open HTTP/1.1\r\n%s\r\n{}", heads[i]);
        g_auto (Answer) answer = { 0 };

        say (&client, text);
        answer = hear (&client, true);
        g_test_message ("%s", heads[i]);
        g_assert_true (answer.status == 400 || (i == 10 && answer.status == 413));
        g_assert_false (receive (&client));
        hang_up (&client);
    }
}

static void
test_many_headers (void)
{
    g_autoptr (KnHttp) http = start (2, 10);
    g_autoptr (GString) headers = g_string_new (NULL);
    Client client = dial (http);
    g_auto (Answer) answer = { 0 };

    for (guint i = 0; i < 101; i++)
        g_string_append_printf (headers, "X-%u: y\r\n", i);
    answer = ask (&client, "GET /compute/open", headers->str);
    g_assert_cmpuint (answer.status, ==, 400);
    hang_up (&client);

    client = dial (http);
    for (guint i = 0; i < 64 * 1024; i++)
        g_string_append_c (headers, 'a');
    g_string_prepend (headers, "GET /compute/open HTTP/1.1\r\nHost: h\r\nX: ");
    (void)send_bytes (&client, headers->str, headers->len);
    answer_clear (&answer);
    answer = hear (&client, true);
    g_assert_true (answer.status == 0 || answer.status == 431 || answer.status == 413);
    hang_up (&client);
}

static void
test_bodies (void)
{
    g_autoptr (KnHttp) http = start (2, 10);
    Client client = dial (http);
    g_autofree char *bytes = pattern (300 * KIB);
    g_auto (Answer) whole = { 0 };
    g_auto (Answer) chunked = { 0 };
    g_auto (Answer) ignored = { 0 };

    say (&client, "POST /compute/big HTTP/1.1\r\nHost: h\r\nContent-Length: 307200\r\n\r\n");
    g_assert_true (send_bytes (&client, bytes, 300 * KIB));
    whole = hear (&client, true);
    g_assert_cmpuint (whole.status, ==, 200);
    g_assert_nonnull (strstr (whole.body, "\"len\":307200"));

    say (&client, "POST /compute/open HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "5;x=y\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nTrailer: t\r\n\r\n");
    chunked = hear (&client, true);
    g_assert_cmpuint (chunked.status, ==, 200);
    g_assert_nonnull (strstr (chunked.body, "\"body\":\"hello world\""));

    /* A small body where none is due is read and ignored. */
    say (&client, "GET /compute/open HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}");
    ignored = hear (&client, true);
    g_assert_cmpuint (ignored.status, ==, 200);
    g_assert_nonnull (strstr (ignored.body, "\"len\":0"));
    hang_up (&client);
}

/* A small excess keeps the connection; the answer comes after the body. */
static void
test_too_large (void)
{
    g_autoptr (KnHttp) http = start (2, 10);
    Client client = dial (http);
    g_autofree char *bytes = pattern (MIB);
    g_auto (Answer) small = { 0 };
    g_auto (Answer) after = { 0 };
    g_auto (Answer) large = { 0 };
    g_auto (Answer) endless = { 0 };

    say (&client, "POST /compute/open HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n");
    g_assert_true (send_bytes (&client, bytes, 1001));
    small = hear (&client, true);
    g_assert_cmpuint (small.status, ==, 413);
    g_assert_nonnull (strstr (small.body, "overLimit"));
    after = ask (&client, "GET /compute/open", "");
    g_assert_cmpuint (after.status, ==, 200);

    /* A large one is answered while it arrives. */
    say (&client, "POST /compute/open HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n");
    g_assert_true (send_bytes (&client, bytes, MIB));
    large = hear (&client, true);
    g_assert_cmpuint (large.status, ==, 413);
    g_assert_cmpstr (header (&large, "Connection"), ==, "close");
    g_assert_false (receive (&client));
    hang_up (&client);

    client = dial (http);
    say (&client, "POST /compute/open HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (guint i = 0; i < 10; i++)
        say (&client, "a0\r\n0123456789012345678901234567890123456789012345678901234567890123456789"
                      "012345678901234567890123456789012345678901234567890123456789012345678901234"
                      "56789012345678\r\n");
    endless = hear (&client, true);
    g_assert_cmpuint (endless.status, ==, 413);
    g_assert_false (receive (&client));
    hang_up (&client);
}

static void
test_expect (void)
{
    g_autoptr (KnHttp) http = start (2, 10);
    Client client = dial (http);
    g_auto (Answer) interim = { 0 };
    g_auto (Answer) taken = { 0 };
    g_auto (Answer) refused = { 0 };

    say (&client, "POST /compute/open HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                  "Content-Length: 2\r\n\r\n");
    interim = hear (&client, false);
    g_assert_cmpuint (interim.status, ==, 100);
    say (&client, "{}");
    taken = hear (&client, true);
    g_assert_cmpuint (taken.status, ==, 200);
    say (&client, "PUT /compute/things/1/file?refuse HTTP/1.1\r\nHost: h\r\nX-Auth-Token: 3\r\n"
                  "Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n");
    refused = hear (&client, true);
    g_assert_cmpuint (refused.status, ==, 409);
    hang_up (&client);
}

static void
test_internal_error (void)
{
    g_autoptr (KnHttp) http = start (2, 10);
    Client client = dial (http);
    g_auto (Answer) answer = { 0 };
    const char *id;

    kn_log_set_level (KN_LOG_ERROR - 1);
    answer = ask (&client, "GET /compute/fail", "");
    kn_log_set_level (KN_LOG_ERROR);
    g_assert_cmpuint (answer.status, ==, 500);
    g_assert_null (strstr (answer.body, "secret"));
    g_assert_null (header (&answer, "X-Never"));
    id = header (&answer, "X-Openstack-Request-Id");
    g_assert_nonnull (strstr (answer.body, id));
    hang_up (&client);
}

static void
test_file (void)
{
    g_autoptr (KnHttp) http = start (2, 10);
    Client client = dial (http);
    g_auto (Answer) answer = ask (&client, "GET /compute/file", "");
    g_auto (Answer) head = ask (&client, "HEAD /compute/file", "");

    g_assert_cmpuint (answer.status, ==, 206);
    g_assert_cmpstr (answer.body, ==, "23456");
    g_assert_cmpstr (header (&head, "Content-Length"), ==, "5");
    hang_up (&client);
}

static void
reset_stage (void)
{
    stage.waiting = stage.aborted = stage.finished = 0;
    stage.received = stage.fail_at = 0;
    stage.released = false;
}

static void
wait_for (const guint *counter, guint value)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&stage.lock);
    const gint64 deadline = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;

    while (*counter < value)
        g_assert_true (g_cond_wait_until (&stage.changed, &stage.lock, deadline));
}

static void
test_queue_full (void)
{
    g_autoptr (KnHttp) http = start (1, 1);
    g_autoptr (GString) metrics = g_string_new (NULL);
    Client running = dial (http), waiting = dial (http), refused = dial (http);
    static const char text[] = "GET /compute/hold HTTP/1.1\r\nHost: h\r\n\r\n";
    g_auto (Answer) first = { 0 };
    g_auto (Answer) second = { 0 };
    g_auto (Answer) third = { 0 };

    reset_stage ();
    say (&running, text);
    wait_for (&stage.waiting, 1);
    say (&waiting, text);
    do {
        g_string_truncate (metrics, 0);
        kn_http_write_metrics (http, metrics);
        g_thread_yield ();
    } while (strstr (metrics->str, "kilonova_http_queue 1\n") == NULL);
    third = ask (&refused, "GET /compute/hold", "");
    g_assert_cmpuint (third.status, ==, 503);
    g_mutex_lock (&stage.lock);
    stage.released = true;
    g_cond_broadcast (&stage.changed);
    g_mutex_unlock (&stage.lock);
    first = hear (&running, true);
    second = hear (&waiting, true);
    g_assert_cmpuint (first.status, ==, 204);
    g_assert_cmpuint (second.status, ==, 204);
    hang_up (&running);
    hang_up (&waiting);
    hang_up (&refused);
}

/* Heavy work that takes all its threads leaves the workers alone. */
static void
test_heavy (void)
{
    g_autoptr (KnHttp) http = start (1, 10);
    Client busy[3] = { dial (http), dial (http), dial (http) };
    Client client = dial (http);
    g_auto (Answer) answer = { 0 };

    reset_stage ();
    for (guint i = 0; i < 3; i++)
        say (&busy[i], "GET /compute/heavy HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_for (&stage.waiting, 2);
    answer = ask (&client, "GET /compute/worker", "");
    g_assert_cmpuint (answer.status, ==, 200);
    g_mutex_lock (&stage.lock);
    stage.released = true;
    g_cond_broadcast (&stage.changed);
    g_mutex_unlock (&stage.lock);
    for (guint i = 0; i < 3; i++) {
        g_auto (Answer) done = hear (&busy[i], true);

        g_assert_cmpuint (done.status, ==, 204);
        hang_up (&busy[i]);
    }
    hang_up (&client);
}

static void
upload (Client *client, const char *query, guint64 announced, const char *bytes, gsize len)
{
    g_autofree char *text
        = g_strdup_printf ("PUT /compute/things/1/file%s HTTP/1.1\r\nHost: h\r\n"
                           "X-Auth-Token: 3\r\nContent-Length: %" G_GUINT64_FORMAT "\r\n\r\n",
                           query, announced);

    say (client, text);
    (void)send_bytes (client, bytes, len);
}

static void
test_sink (void)
{
    static const gsize sizes[] = { 0, 1, 256 * 1024, 256 * 1024 + 1, 512 * 1024, 5000000 };
    g_autoptr (KnHttp) http = start (2, 10);
    g_autofree char *bytes = pattern (5000000);
    Client client = dial (http);

    reset_stage ();
    for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++) {
        g_auto (Answer) answer = { 0 };

        upload (&client, "", sizes[i], bytes, sizes[i]);
        answer = hear (&client, true);
        g_assert_cmpuint (answer.status, ==, 204);
        g_assert_cmpuint (stage.received, ==, sizes[i]);
        g_assert_cmpuint (stage.finished, ==, i + 1);
        g_assert_cmpuint (stage.aborted, ==, i + 1);
    }
    hang_up (&client);
}

static void
test_sink_refused (void)
{
    g_autoptr (KnHttp) http = start (2, 10);
    g_autofree char *bytes = pattern (MIB);
    Client client = dial (http);
    g_auto (Answer) small = { 0 };
    g_auto (Answer) large = { 0 };
    g_auto (Answer) full = { 0 };

    reset_stage ();
    upload (&client, "?refuse", 10, bytes, 10);
    small = hear (&client, true);
    g_assert_cmpuint (small.status, ==, 409);
    upload (&client, "?refuse", 10 * MIB, bytes, MIB);
    large = hear (&client, true);
    g_assert_cmpuint (large.status, ==, 409);
    g_assert_cmpuint (stage.aborted, ==, 0);
    hang_up (&client);

    client = dial (http);
    stage.fail_at = 300 * KIB;
    upload (&client, "", 100 * MIB, bytes, MIB);
    full = hear (&client, true);
    g_assert_cmpuint (full.status, ==, 507);
    g_assert_nonnull (strstr (full.body, "The image store is full."));
    g_assert_cmpuint (stage.aborted, ==, 1);
    hang_up (&client);
}

static void
test_sink_lost (void)
{
    g_autoptr (KnHttp) http = start (2, 10);
    g_autofree char *bytes = pattern (MIB);
    Client client = dial (http);

    reset_stage ();
    upload (&client, "", 10 * MIB, bytes, MIB);
    hang_up (&client);
    wait_for (&stage.aborted, 1);
    g_assert_cmpuint (stage.finished, ==, 0);
}

static gpointer
release_later (gpointer data)
{
    wait_for (&stage.waiting, 1);
    g_mutex_lock (&stage.lock);
    stage.released = true;
    g_cond_broadcast (&stage.changed);
    g_mutex_unlock (&stage.lock);
    return NULL;
}

/* A request that runs is answered before the server stops, and then nobody listens. */
static void
test_stop (void)
{
    g_autoptr (KnHttp) http = start (1, 1);
    g_autofree char *bytes = pattern (MIB);
    Client client = dial (http), idle = dial (http), sending = dial (http);
    g_autoptr (GThread) thread = NULL;
    g_auto (Answer) answer = { 0 };

    reset_stage ();
    say (&client, "GET /compute/hold HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_for (&stage.waiting, 1);
    upload (&sending, "", 10 * MIB, bytes, MIB / 8);
    thread = g_thread_new ("release", release_later, NULL);
    kn_http_stop (http, 200);
    g_thread_join (g_steal_pointer (&thread));
    answer = hear (&client, true);
    g_assert_cmpuint (answer.status, ==, 204);
    g_assert_false (receive (&idle));
    g_assert_false (receive (&sending));
    hang_up (&client);
    hang_up (&idle);
    hang_up (&sending);
}

static void
test_address_taken (void)
{
    g_autoptr (KnHttp) http = start (1, 1);
    g_autofree char *address = g_strdup_printf ("127.0.0.1:%u", kn_http_port (http));
    g_autoptr (GError) error = NULL;
    KnHttpOptions options = { .listen = address, .services = services, .n_services = 2 };

    g_assert_null (kn_http_start (&options, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_UNAVAILABLE);
    g_assert_nonnull (strstr (error->message, address));
    g_clear_error (&error);
    options.listen = "nonsense";
    g_assert_null (kn_http_start (&options, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    kn_log_set_level (KN_LOG_ERROR);
    g_test_add_func ("/http/uri", test_uri);
    g_test_add_func ("/http/uri-bad", test_uri_bad);
    g_test_add_func ("/http/router-twice", test_router_twice);
    g_test_add_func ("/http/router-reachable", test_router_reachable);
    g_test_add_func ("/http/microversion", test_microversion);
    g_test_add_func ("/http/keep-alive", test_keep_alive);
    g_test_add_func ("/http/pipelining", test_pipelining);
    g_test_add_func ("/http/routes", test_routes);
    g_test_add_func ("/http/head", test_head);
    g_test_add_func ("/http/roles", test_roles);
    g_test_add_func ("/http/domain-scope", test_domain_scope);
    g_test_add_func ("/http/framing", test_framing);
    g_test_add_func ("/http/many-headers", test_many_headers);
    g_test_add_func ("/http/bodies", test_bodies);
    g_test_add_func ("/http/too-large", test_too_large);
    g_test_add_func ("/http/expect", test_expect);
    g_test_add_func ("/http/internal-error", test_internal_error);
    g_test_add_func ("/http/file", test_file);
    g_test_add_func ("/http/queue-full", test_queue_full);
    g_test_add_func ("/http/heavy", test_heavy);
    g_test_add_func ("/http/sink", test_sink);
    g_test_add_func ("/http/sink-refused", test_sink_refused);
    g_test_add_func ("/http/sink-lost", test_sink_lost);
    g_test_add_func ("/http/stop", test_stop);
    g_test_add_func ("/http/address-taken", test_address_taken);
    return g_test_run ();
}
