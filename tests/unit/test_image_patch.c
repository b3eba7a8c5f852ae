/* SPDX-License-Identifier: Apache-2.0 */
/* JSON patches of both versions, pointers, and what is none. */
#include "image/patch.h"

#include <string.h>

#include "base/error.h"

typedef struct {
    const char *pointer;
    const char *path[4]; /* NULL first: refused */
} Pointer;

static const Pointer pointers[] = {
    { "/name", { "name" } }, { "/tags/-", { "tags", "-" } }, { "/a~1b", { "a/b" } },
    { "/a~0b", { "a~b" } },  { "/~01", { "~1" } },           { "/hw:x", { "hw:x" } },
    { "", { NULL } },        { "name", { NULL } },           { "/", { NULL } },
    { "//name", { NULL } },  { "/name/", { NULL } },         { "/a~", { NULL } },
    { "/a~2b", { NULL } },
};

static void
test_pointers (void)
{
    for (guint i = 0; i < G_N_ELEMENTS (pointers); i++) {
        g_auto (GStrv) path = kn_patch_parse_pointer (pointers[i].pointer);
        const char *const *want = pointers[i].path;

        if (!want[0])
            g_assert_null (path);
        else
            g_assert_cmpstrv (path, (char **)want);
    }
}

typedef struct {
    KnPatchVersion version;
    const char *text;
    int n; /* -1: refused */
} Document;

static const Document documents[] = {
    { KN_PATCH_V21, "[]", 0 },
    { KN_PATCH_V21, "[{\"op\":\"add\",\"path\":\"/os_type\",\"value\":\"windows\"}]", 1 },
    { KN_PATCH_V21, "[{\"op\":\"replace\",\"path\":\"/name\",\"value\":null}]", 1 },
    { KN_PATCH_V21, "[{\"op\":\"remove\",\"path\":\"/x\"}]", 1 },
    { KN_PATCH_V21, "[{\"op\":\"remove\",\"path\":\"/x\",\"value\":1}]", 1 },
    { KN_PATCH_V21, "[{\"op\":\"test\",\"path\":\"/x\",\"value\":1}]", -1 },
    { KN_PATCH_V21, "[{\"op\":\"add\",\"path\":\"/x\"}]", -1 },
    { KN_PATCH_V21, "[{\"op\":\"add\",\"value\":\"x\"}]", -1 },
    { KN_PATCH_V21, "[{\"path\":\"/x\",\"value\":\"x\"}]", -1 },
    { KN_PATCH_V21, "[{\"op\":1,\"path\":\"/x\",\"value\":\"x\"}]", -1 },
    { KN_PATCH_V21, "[1]", -1 },
    { KN_PATCH_V21, "{}", -1 },
    { KN_PATCH_V21, "[{\"add\":\"/x\",\"value\":\"x\"}]", -1 },
    { KN_PATCH_V20, "[{\"add\":\"/x\",\"value\":\"x\"}]", 1 },
    { KN_PATCH_V20, "[{\"remove\":\"/x\"}]", 1 },
    { KN_PATCH_V20, "[{\"add\":\"/x\",\"remove\":\"/x\",\"value\":\"x\"}]", -1 },
    { KN_PATCH_V20, "[{\"replace\":\"/x\"}]", -1 },
    { KN_PATCH_V20, "[{\"op\":\"remove\",\"path\":\"/x\"}]", -1 },
    { KN_PATCH_V20, "[{\"add\":7,\"value\":\"x\"}]", -1 },
};

static void
test_documents (void)
{
    for (guint i = 0; i < G_N_ELEMENTS (documents); i++) {
        const Document *d = &documents[i];
        g_autoptr (json_t) json = kn_json_parse (d->text, strlen (d->text), NULL);
        g_autoptr (GError) error = NULL;
        g_autoptr (GArray) ops = kn_patch_parse (json, d->version, &error);

        if (d->n < 0) {
            g_assert_null (ops);
            g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
            g_assert_true (kn_error_is_public (error));
            continue;
        }
        g_assert_no_error (error);
        g_assert_cmpuint (ops->len, ==, (guint)d->n);
    }
}

static void
test_values (void)
{
    static const char text[] = "[{\"op\":\"add\",\"path\":\"/a~1b\",\"value\":\"x\"},"
                               "{\"op\":\"remove\",\"path\":\"/b\",\"value\":\"unused\"}]";
    g_autoptr (json_t) json = kn_json_parse (text, strlen (text), NULL);
    g_autoptr (GArray) ops = kn_patch_parse (json, KN_PATCH_V21, NULL);
    const KnPatchOp *add = &g_array_index (ops, KnPatchOp, 0);
    const KnPatchOp *remove = &g_array_index (ops, KnPatchOp, 1);

    g_assert_cmpint (add->kind, ==, KN_PATCH_ADD);
    g_assert_cmpstr (add->path[0], ==, "a/b");
    g_assert_cmpstr (json_string_value (add->value), ==, "x");
    g_assert_cmpint (remove->kind, ==, KN_PATCH_REMOVE);
    g_assert_null (remove->value);
}

static void
test_too_many (void)
{
    g_autoptr (GString) text = g_string_new ("[");
    g_autoptr (GError) error = NULL;

    for (guint i = 0; i <= KN_PATCH_MAX_OPS; i++)
        g_string_append_printf (text, "%s{\"op\":\"remove\",\"path\":\"/x%u\"}", i ? "," : "", i);
    g_string_append_c (text, ']');
    g_autoptr (json_t) json = kn_json_parse (text->str, text->len, NULL);
    g_assert_null (kn_patch_parse (json, KN_PATCH_V21, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/image/patch/pointers", test_pointers);
    g_test_add_func ("/image/patch/documents", test_documents);
    g_test_add_func ("/image/patch/values", test_values);
    g_test_add_func ("/image/patch/too-many", test_too_many);
    return g_test_run ();
}
