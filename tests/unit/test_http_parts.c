/* SPDX-License-Identifier: Apache-2.0 */
/* The pure parts of the HTTP server: request targets, route tables, microversions. */
#include "base/error.h"
#include "http/request_priv.h"

#include <string.h>

static bool
echo (KnRequest *req, GError **error)
{
    return true;
}

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

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/http/uri", test_uri);
    g_test_add_func ("/http/uri-bad", test_uri_bad);
    g_test_add_func ("/http/router-twice", test_router_twice);
    g_test_add_func ("/http/microversion", test_microversion);
    return g_test_run ();
}
