/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server over a real socket. */
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "http/request_priv.h"
#include "http/server.h"
#include "http_client.h"
#include "http_services.h"

static char *
pattern (gsize len)
{
    char *bytes = g_malloc (len);

    for (gsize i = 0; i < len; i++)
        bytes[i] = (char)(i % 251);
    return bytes;
}

/* --- the table --- */

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
    g_test_add_func ("/http/router-reachable", test_router_reachable);
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
