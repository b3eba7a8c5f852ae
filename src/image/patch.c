/* SPDX-License-Identifier: Apache-2.0 */
/* Reads JSON patches into a list of operations. */
#include "image/patch.h"

#include <string.h>

#include "base/error.h"

static const char *const kind_names[]
    = { [KN_PATCH_ADD] = "add", [KN_PATCH_REPLACE] = "replace", [KN_PATCH_REMOVE] = "remove" };
G_STATIC_ASSERT (G_N_ELEMENTS (kind_names) == KN_PATCH_N);

/* Undoes ~1 and ~0 in place; false: a tilde that means nothing. */
static bool
unescape (char *segment)
{
    char *to = segment;

    for (const char *from = segment; *from; from++) {
        if (*from != '~') {
            *to++ = *from;
            continue;
        }
        from++;
        if (*from != '0' && *from != '1')
            return false;
        *to++ = *from == '0' ? '~' : '/';
    }
    *to = '\0';
    return true;
}

char **
kn_patch_parse_pointer (const char *pointer)
{
    if (pointer[0] != '/')
        return NULL;

    g_auto (GStrv) path = g_strsplit (pointer + 1, "/", 8);
    for (guint i = 0; path[i]; i++) {
        /* An empty name is no property of an image. */
        if (!path[i][0] || !unescape (path[i]))
            return NULL;
    }
    return path[0] ? g_steal_pointer (&path) : NULL;
}

static bool
read_kind (const char *name, KnPatchKind *out_kind)
{
    for (guint i = 0; i < KN_PATCH_N; i++) {
        if (g_strcmp0 (name, kind_names[i]) == 0) {
            *out_kind = i;
            return true;
        }
    }
    return false;
}

/* v2.1: {"op": "add", "path": "/x"} */
static const char *
read_v21 (const json_t *item, KnPatchKind *out_kind, GError **error)
{
    const char *op = json_string_value (json_object_get (item, "op"));
    const char *path = json_string_value (json_object_get (item, "path"));

    if (!op || !read_kind (op, out_kind)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "Each operation needs 'op', which is add, replace or remove.");
        return NULL;
    }
    if (!path)
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "The operation '%s' needs a 'path'.", op);
    return path;
}

/* v2.0: {"add": "/x"} */
static const char *
read_v20 (const json_t *item, KnPatchKind *out_kind, GError **error)
{
    const char *path = NULL;
    guint found = 0;

    for (guint i = 0; i < KN_PATCH_N; i++) {
        const json_t *value = json_object_get (item, kind_names[i]);
        if (!value)
            continue;
        found++;
        path = json_string_value (value);
        *out_kind = i;
    }
    if (found == 1 && path)
        return path;

    kn_error_public (error, KN_ERROR_BAD_REQUEST,
                     "Each operation needs exactly one of add, replace and remove with a path.");
    return NULL;
}

static bool
read_op (const json_t *item, KnPatchVersion version, KnPatchOp *out_op, GError **error)
{
    KnPatchKind kind = KN_PATCH_ADD;

    if (!json_is_object (item)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "Each operation of a patch is an object.");
        return false;
    }
    const char *text
        = version == KN_PATCH_V20 ? read_v20 (item, &kind, error) : read_v21 (item, &kind, error);
    if (!text)
        return false;

    const json_t *value = json_object_get (item, "value");
    if (!value && kind != KN_PATCH_REMOVE) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "The operation '%s' needs a 'value'.",
                         kind_names[kind]);
        return false;
    }
    char **path = kn_patch_parse_pointer (text);
    if (!path) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "A path begins with '/', has no empty part, and writes '/' as ~1 and '~' "
                         "as ~0.");
        return false;
    }
    *out_op = (KnPatchOp){ .kind = kind,
                           .path = path,
                           .value = kind == KN_PATCH_REMOVE ? NULL : value };
    return true;
}

static void
clear_op (gpointer data)
{
    KnPatchOp *op = data;

    g_strfreev (op->path);
}

GArray *
kn_patch_parse (const json_t *document, KnPatchVersion version, GError **error)
{
    if (!json_is_array (document) || json_array_size (document) > KN_PATCH_MAX_OPS) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "A patch is a list of at most %d operations.",
                         KN_PATCH_MAX_OPS);
        return NULL;
    }

    g_autoptr (GArray) ops = g_array_new (FALSE, FALSE, sizeof (KnPatchOp));
    g_array_set_clear_func (ops, clear_op);
    for (gsize i = 0; i < json_array_size (document); i++) {
        KnPatchOp op = { 0 };
        if (!read_op (json_array_get (document, i), version, &op, error))
            return NULL;
        g_array_append_val (ops, op);
    }
    return g_steal_pointer (&ops);
}
