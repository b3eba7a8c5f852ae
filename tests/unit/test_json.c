/* SPDX-License-Identifier: Apache-2.0 */
/* JSON in and out. */
#include "base/error.h"
#include "json/read.h"
#include "json/write.h"

#include <string.h>

typedef struct {
    guint64 present;
    const char *name, *uuid;
    gint64 count;
    bool flag;
    int colour;
    json_t *list;
} Spec;

enum { F_NAME, F_UUID, F_COUNT, F_FLAG, F_COLOUR, F_LIST };
static const char *const colours[] = { "red", "green", NULL };
static const KnJField fields[] = {
    [F_NAME] = { "name", KN_J_STRING, offsetof (Spec, name), .min = 1, .max = 5 },
    [F_UUID] = { "uuid", KN_J_UUID, offsetof (Spec, uuid), .flags = KN_J_OPTIONAL },
    [F_COUNT] = { "count", KN_J_INT, offsetof (Spec, count), .min = 1, .max = 9,
                  .flags = KN_J_OPTIONAL | KN_J_LENIENT | KN_J_NULLABLE },
    [F_FLAG] = { "flag", KN_J_BOOL, offsetof (Spec, flag), .flags = KN_J_OPTIONAL | KN_J_LENIENT },
    [F_COLOUR]
    = { "colour", KN_J_ENUM, offsetof (Spec, colour), .names = colours, .flags = KN_J_OPTIONAL },
    [F_LIST] = { "list", KN_J_ARRAY, offsetof (Spec, list), .max = 2, .flags = KN_J_OPTIONAL },
};
static const KnJShape shape = { fields, G_N_ELEMENTS (fields), offsetof (Spec, present), true };

static bool
read_spec (const char *text, Spec *out_spec, json_t **out_document, GError **error)
{
    *out_document = kn_json_parse (text, strlen (text), error);
    return *out_document && kn_json_read (*out_document, "thing", &shape, out_spec, error);
}

static void
test_read_takes (void)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (json_t) document = NULL;
    Spec spec = { .count = 4 };

    bool ok = read_spec ("{\"name\":\"\\u00e4\\u00f6\\u00fcxy\",\"count\":\"7\",\"flag\":\"yes\","
                         "\"colour\":\"green\",\"list\":[1,2]}",
                         &spec, &document, &error);

    g_assert_no_error (error);
    g_assert_true (ok);
    g_assert_cmpstr (spec.name, ==, "äöüxy");
    g_assert_cmpint (spec.count, ==, 7);
    g_assert_true (spec.flag);
    g_assert_cmpint (spec.colour, ==, 1);
    g_assert_cmpuint (spec.present, ==,
                      1 << F_NAME | 1 << F_COUNT | 1 << F_FLAG | 1 << F_COLOUR | 1 << F_LIST);
}

static void
test_read_null_keeps (void)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (json_t) document = NULL;
    Spec spec = { .count = 4 };

    g_assert_true (read_spec ("{\"name\":\"a\",\"count\":null}", &spec, &document, &error));
    g_assert_cmpint (spec.count, ==, 4);
    g_assert_cmpuint (spec.present, ==, 1 << F_NAME | 1 << F_COUNT);
}

static void
test_read_refuses (void)
{
    static const struct {
        const char *text, *names;
    } rows[] = {
        { "", "JSON" },
        { "[]", "'thing' must be an object" },
        { "{\"name\":\"a\"} x", "JSON" },
        { "{\"name\":\"a\",\"name\":\"b\"}", "JSON" },
        { "{\"count\":1}", "name" },
        { "{\"name\":\"\"}", "name" },
        { "{\"name\":\"abcdef\"}", "name" },
        { "{\"name\":null}", "name" },
        { "{\"name\":\"a\",\"count\":0}", "count" },
        { "{\"name\":\"a\",\"count\":1.5}", "count" },
        { "{\"name\":\"a\",\"count\":\"x\"}", "'x'" },
        { "{\"name\":\"a\",\"count\":99999999999999999999}", "JSON" },
        { "{\"name\":\"a\",\"flag\":3}", "flag" },
        { "{\"name\":\"a\",\"colour\":\"blue\"}", "red, green" },
        { "{\"name\":\"a\",\"uuid\":\"zz\"}", "uuid" },
        { "{\"name\":\"a\",\"list\":[1,2,3]}", "list" },
        { "{\"name\":\"a\",\"list\":{}}", "list" },
        { "{\"name\":\"a\",\"more\":1}", "'more'" },
        { "{\"name\":\"a\\u0000b\"}", "JSON" },
    };

    for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
        g_autoptr (GError) error = NULL;
        g_autoptr (json_t) document = NULL;
        Spec spec = { 0 };

        g_assert_false (read_spec (rows[i].text, &spec, &document, &error));
        g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
        g_assert_true (kn_error_is_public (error));
        if (!strstr (error->message, rows[i].names))
            g_error ("%s: '%s' does not name %s", rows[i].text, error->message, rows[i].names);
    }
}

static void
test_read_depth (void)
{
    g_autoptr (GString) deep = g_string_new (NULL);
    g_autoptr (GError) error = NULL;

    for (guint i = 0; i < KN_JSON_MAX_DEPTH + 1; i++)
        g_string_append_c (deep, '[');
    for (guint i = 0; i < KN_JSON_MAX_DEPTH + 1; i++)
        g_string_append_c (deep, ']');
    g_assert_null (kn_json_parse (deep->str, deep->len, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
}

static void
test_write (void)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    gsize len;

    kn_jw_object (w);
    kn_jw_string_member (w, "a", "q\"\\\n\x01ü");
    kn_jw_array_member (w, "b");
    kn_jw_int (w, G_MININT64);
    kn_jw_object (w);
    kn_jw_end (w);
    kn_jw_array (w);
    kn_jw_end (w);
    kn_jw_bool (w, false);
    kn_jw_string (w, NULL);
    kn_jw_end (w);
    kn_jw_time_member (w, "t", "2023-11-14 22:13:20");
    kn_jw_time_member (w, "n", NULL);
    kn_jw_format_member (w, "f", "%s/%d", "x", 1);
    kn_jw_string_member (w, "bad", "\xff!");
    kn_jw_end (w);
    g_autofree char *text = kn_jw_finish (w, &len);

    g_assert_cmpstr (
        text, ==,
        "{\"a\":\"q\\\"\\\\\\n\\u0001ü\",\"b\":[-9223372036854775808,{},[],false,null],"
        "\"t\":\"2023-11-14T22:13:20Z\",\"n\":null,\"f\":\"x/1\",\"bad\":\"\xef\xbf\xbd!\"}");
    g_assert_cmpuint (len, ==, strlen (text));
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/json/read/takes", test_read_takes);
    g_test_add_func ("/json/read/null-keeps", test_read_null_keeps);
    g_test_add_func ("/json/read/refuses", test_read_refuses);
    g_test_add_func ("/json/read/depth", test_read_depth);
    g_test_add_func ("/json/write", test_write);
    return g_test_run ();
}
