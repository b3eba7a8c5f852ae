/* SPDX-License-Identifier: Apache-2.0 */
/* Applies what a client sends to an image: members of a create body, operations of a patch. */
#include <string.h>

#include "base/error.h"
#include "base/id.h"
#include "image/image_priv.h"
#include "image/patch.h"

#define RESERVED_PREFIX "os_glance_"

static bool
refuse_value (GError **error, const KnImageAttr *attr, const char *wanted)
{
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "The value of '%s' must be %s.", attr->name,
                     wanted);
    return false;
}

static bool
check_text (const char *text, gsize max, const char *name, GError **error)
{
    if ((gsize)g_utf8_strlen (text, -1) <= max)
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST,
                     "The value of '%s' may have %" G_GSIZE_FORMAT " characters.", name, max);
    return false;
}

static bool
set_string (KnImageRow *row, const KnImageAttr *attr, const json_t *value, GError **error)
{
    char **slot = kn_image_attr_string (attr, row);

    if (json_is_null (value) && (attr->flags & KN_ATTR_NULLABLE)) {
        g_clear_pointer (slot, g_free);
        return true;
    }
    const char *text = json_string_value (value);
    if (!text)
        return refuse_value (error, attr, "a string");
    if (attr->type == KN_ATTR_UUID && !kn_id_is_uuid (text))
        return refuse_value (error, attr, "a UUID");
    if (attr->type == KN_ATTR_STRING && !check_text (text, attr->max, attr->name, error))
        return false;
    if (attr->type == KN_ATTR_ENUM && !g_strv_contains (attr->choices, text)) {
        g_autofree char *choices = g_strjoinv (", ", (char **)attr->choices);
        g_autofree char *wanted = g_strdup_printf ("one of %s", choices);
        return refuse_value (error, attr, wanted);
    }
    g_free (*slot);
    *slot = attr->type == KN_ATTR_UUID ? g_ascii_strdown (text, -1) : g_strdup (text);
    return true;
}

static bool
set_int (KnImageRow *row, const KnImageAttr *attr, const json_t *value, GError **error)
{
    gint64 number = json_is_integer (value) ? json_integer_value (value) : -1;

    if (number < 0 || number > G_MAXINT32)
        return refuse_value (error, attr, "an integer from 0 to 2147483647");
    *kn_image_attr_int (attr, row) = number;
    return true;
}

static bool
set_bool (KnImageRow *row, const KnImageAttr *attr, const json_t *value, GError **error)
{
    if (!json_is_boolean (value))
        return refuse_value (error, attr, "true or false");
    *kn_image_attr_bool (attr, row) = json_is_true (value);
    return true;
}

static gint
compare_tags (gconstpointer a, gconstpointer b)
{
    return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static bool
add_tag (GPtrArray *tags, const KnImageAttr *attr, const json_t *value, GError **error)
{
    const char *tag = json_string_value (value);

    if (!tag)
        return refuse_value (error, attr, "a list of strings");
    if (!check_text (tag, attr->max, attr->name, error))
        return false;
    if (!g_ptr_array_find_with_equal_func (tags, tag, g_str_equal, NULL))
        g_ptr_array_add (tags, g_strdup (tag));
    g_ptr_array_sort (tags, compare_tags);
    return true;
}

static bool
set_tags (KnImageRow *row, const KnImageAttr *attr, const json_t *value, GError **error)
{
    g_autoptr (GPtrArray) tags = g_ptr_array_new_with_free_func (g_free);

    if (!json_is_array (value))
        return refuse_value (error, attr, "a list of strings");
    if (json_array_size (value) > KN_IMAGE_MAX_TAGS) {
        kn_error_public (error, KN_ERROR_TOO_LARGE, "An image may have %d tags.",
                         KN_IMAGE_MAX_TAGS);
        return false;
    }
    for (gsize i = 0; i < json_array_size (value); i++) {
        if (!add_tag (tags, attr, json_array_get (value, i), error))
            return false;
    }
    g_ptr_array_unref (row->tags);
    row->tags = g_steal_pointer (&tags);
    return true;
}

static bool
refuse_reserved (GError **error, const char *name)
{
    kn_error_public (error, KN_ERROR_FORBIDDEN, "The attribute '%s' is reserved.", name);
    return false;
}

static bool
set_property (KnImageRow *row, const char *name, const json_t *value, GError **error)
{
    const char *text = json_string_value (value);
    gsize len = (gsize)g_utf8_strlen (name, -1);

    if (g_str_has_prefix (name, RESERVED_PREFIX))
        return refuse_reserved (error, name);
    if (len == 0 || len > KN_IMAGE_MAX_PROPERTY_NAME) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "The name of a property has 1 to %d characters.",
                         KN_IMAGE_MAX_PROPERTY_NAME);
        return false;
    }
    if (!text) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "The value of property '%s' must be a string.", name);
        return false;
    }
    g_hash_table_replace (row->properties, g_strdup (name), g_strdup (text));
    return true;
}

static bool
check_may_set (const KnImageRow *row, const KnImageEditor *editor, const KnImageAttr *attr,
               GError **error)
{
    if (attr->flags & KN_ATTR_HIDDEN)
        return refuse_reserved (error, attr->name);
    if (!(attr->flags & KN_ATTR_SET) && !(editor->creating && (attr->flags & KN_ATTR_CREATE))) {
        kn_error_public (error, KN_ERROR_FORBIDDEN, "The attribute '%s' is read-only.", attr->name);
        return false;
    }
    if ((attr->flags & KN_ATTR_QUEUED) && strcmp (row->status, "queued") != 0) {
        kn_error_public (error, KN_ERROR_FORBIDDEN,
                         "The attribute '%s' may change only while the image is queued.",
                         attr->name);
        return false;
    }
    return true;
}

/* What only admin may say. */
static bool
check_privilege (const KnImageRow *row, const KnImageEditor *editor, const KnImageAttr *attr,
                 const json_t *value, GError **error)
{
    const char *text = json_string_value (value);
    bool admin = editor->auth->role >= KN_ROLE_ADMIN;

    if (admin)
        return true;
    if (strcmp (attr->name, "visibility") == 0 && g_strcmp0 (text, "public") == 0
        && (editor->creating || strcmp (row->visibility, "public") != 0)) {
        kn_error_public (error, KN_ERROR_FORBIDDEN, "Only admin may make an image public.");
        return false;
    }
    if ((attr->flags & KN_ATTR_ADMIN) && g_strcmp0 (text, row->owner) != 0) {
        kn_error_public (error, KN_ERROR_FORBIDDEN, "Only admin may set '%s'.", attr->name);
        return false;
    }
    return true;
}

bool
kn_image_edit_set (KnImageRow *row, const KnImageEditor *editor, const char *name,
                   const json_t *value, GError **error)
{
    const KnImageAttr *attr = kn_image_attr_find (name);

    if (!attr)
        return set_property (row, name, value, error);
    if (!check_may_set (row, editor, attr, error)
        || !check_privilege (row, editor, attr, value, error))
        return false;

    switch (attr->type) {
    case KN_ATTR_STRING:
    case KN_ATTR_ENUM:
    case KN_ATTR_UUID:
        return set_string (row, attr, value, error);
    case KN_ATTR_INT:
        return set_int (row, attr, value, error);
    case KN_ATTR_BOOL:
        return set_bool (row, attr, value, error);
    case KN_ATTR_TAGS:
        return set_tags (row, attr, value, error);
    case KN_ATTR_TIME:
    case KN_ATTR_LINK:
        break;
    }
    return refuse_reserved (error, name);
}

bool
kn_image_edit_remove (KnImageRow *row, const char *name, GError **error)
{
    if (g_str_has_prefix (name, RESERVED_PREFIX))
        return refuse_reserved (error, name);
    if (kn_image_attr_find (name)) {
        kn_error_public (error, KN_ERROR_FORBIDDEN, "The attribute '%s' may not be removed.", name);
        return false;
    }
    if (!g_hash_table_remove (row->properties, name)) {
        kn_error_public (error, KN_ERROR_CONFLICT, "The image has no property '%s'.", name);
        return false;
    }
    return true;
}

/* A path of several parts: only the list of tags has such. */
static bool
apply_deep (KnImageRow *row, const KnPatchOp *op, GError **error)
{
    const KnImageAttr *attr = kn_image_attr_find (op->path[0]);

    if (attr && (attr->flags & KN_ATTR_HIDDEN))
        return refuse_reserved (error, op->path[0]);
    if (attr && attr->type == KN_ATTR_TAGS && op->kind == KN_PATCH_ADD && !op->path[2]
        && strcmp (op->path[1], "-") == 0)
        return add_tag (row->tags, attr, op->value, error);

    kn_error_public (error, KN_ERROR_BAD_REQUEST,
                     "The path '/%s/%s' is not one of an image; only '/tags/-' has two parts.",
                     op->path[0], op->path[1]);
    return false;
}

static bool
apply_op (KnImageRow *row, const KnImageEditor *editor, const KnPatchOp *op, bool v20,
          GError **error)
{
    const char *name = op->path[0];
    bool base = kn_image_attr_find (name) != NULL;
    bool there = base || g_hash_table_contains (row->properties, name);

    if (op->path[1])
        return apply_deep (row, op, error);
    if (op->kind == KN_PATCH_REMOVE)
        return kn_image_edit_remove (row, name, error);
    if (op->kind == KN_PATCH_REPLACE && !there && !g_str_has_prefix (name, RESERVED_PREFIX)) {
        kn_error_public (error, KN_ERROR_CONFLICT,
                         "The image has no property '%s' to replace; use add.", name);
        return false;
    }
    if (op->kind == KN_PATCH_ADD && there && v20) {
        kn_error_public (error, KN_ERROR_CONFLICT, "The image has '%s' already; use replace.",
                         name);
        return false;
    }
    return kn_image_edit_set (row, editor, name, op->value, error);
}

bool
kn_image_edit_patch (KnImageRow *row, const KnImageEditor *editor, const json_t *document, bool v20,
                     GError **error)
{
    g_autoptr (GArray) ops = kn_patch_parse (document, v20 ? KN_PATCH_V20 : KN_PATCH_V21, error);

    if (!ops)
        return false;
    for (guint i = 0; i < ops->len; i++) {
        if (!apply_op (row, editor, &g_array_index (ops, KnPatchOp, i), v20, error))
            return false;
    }
    return true;
}
