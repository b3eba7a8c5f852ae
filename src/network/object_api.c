/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies into records and records into views, by the table of attributes. */
#include "network/resource_api.h"

#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "base/util.h"

#define MEMBER(type, object, offset) (*(type *)(gpointer)((char *)(object) + (offset)))
#define CONST_MEMBER(type, object, offset)                                                         \
    (*(type const *)(gconstpointer)((const char *)(object) + (offset)))

#define TEXT_MAX 255
#define LIST_MAX 100

static bool
bad_value (const KnAttr *attr, const char *expected, GError **error)
{
    kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "HTTPBadRequest",
                          "The value of '%s' is not valid: %s is expected.", attr->name, expected);
    return false;
}

/* The canonical spelling of a text; *@out_text may become NULL where a word stands for null. */
static bool
read_text (const KnAttr *attr, const json_t *json, KnNormalise normalise, char **out_text,
           GError **error)
{
    g_autofree char *number = NULL;
    glong max = attr->type == KN_ATTR_TEXT && attr->max > 0 ? (glong)attr->max : TEXT_MAX;
    const char *text = json_string_value (json);

    if (text == NULL && json_is_integer (json) && (attr->flags & KN_A_NUMBER) != 0)
        text = number = g_strdup_printf ("%" G_GINT64_FORMAT, (gint64)json_integer_value (json));
    if (text == NULL)
        return bad_value (attr, attr->what != NULL ? attr->what : "a string", error);
    if (g_utf8_strlen (text, -1) > max)
        return bad_value (attr, "a shorter string", error);
    if (attr->choices != NULL && !g_strv_contains (attr->choices, text)) {
        g_autofree char *choices = g_strjoinv (", ", (char **)attr->choices);

        return bad_value (attr, choices, error);
    }
    if (normalise == NULL) {
        *out_text = g_strdup (text);
        return true;
    }
    return normalise (text, out_text) ? true : bad_value (attr, attr->what, error);
}

static bool
read_bool (const KnAttr *attr, const json_t *json, bool *out_value, GError **error)
{
    if (json_is_boolean (json)) {
        *out_value = json_is_true (json);
        return true;
    }
    if (json_is_integer (json) && (json_integer_value (json) & ~1) == 0) {
        *out_value = json_integer_value (json) != 0;
        return true;
    }
    if (json_is_string (json) && kn_parse_bool (json_string_value (json), out_value))
        return true;
    return bad_value (attr, "true or false", error);
}

static bool
read_int (const KnAttr *attr, const json_t *json, gint64 *out_value, GError **error)
{
    gint64 value;

    if (json_is_integer (json))
        value = json_integer_value (json);
    else if (!json_is_string (json)
             || !kn_parse_int (json_string_value (json), attr->min, attr->max, &value))
        return bad_value (attr, "a number", error);
    if (value < attr->min || value > attr->max) {
        g_autofree char *range = g_strdup_printf (
            "a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, attr->min, attr->max);

        return bad_value (attr, range, error);
    }
    *out_value = value;
    return true;
}

static bool
check_list (const KnAttr *attr, const json_t *json, GError **error)
{
    gsize max = attr->max > 0 ? (gsize)attr->max : LIST_MAX;

    if (!json_is_array (json))
        return bad_value (attr, "a list", error);
    if (json_array_size (json) > max) {
        g_autofree char *expected = g_strdup_printf ("a list of at most %zu entries", max);

        return bad_value (attr, expected, error);
    }
    return true;
}

static bool
read_lines (const KnAttr *attr, const json_t *json, char ***out_lines, GError **error)
{
    g_autoptr (GPtrArray) lines = g_ptr_array_new_null_terminated (4, g_free, TRUE);
    const json_t *entry;
    size_t i;

    if (!check_list (attr, json, error))
        return false;
    json_array_foreach (json, i, entry) {
        char *text = NULL;

        if (!read_text (attr, entry, attr->normalise, &text, error))
            return false;
        if (g_ptr_array_find_with_equal_func (lines, text, g_str_equal, NULL)) {
            g_free (text);
            return bad_value (attr, "a list without duplicates", error);
        }
        g_ptr_array_add (lines, text);
    }
    *out_lines = (char **)g_ptr_array_steal (lines, NULL);
    if (*out_lines == NULL)
        *out_lines = g_new0 (char *, 1);
    return true;
}

static bool
read_pair (const KnAttr *attr, const json_t *json, KnPair *pair, GError **error)
{
    char **parts[] = { &pair->first, &pair->second };
    g_autofree char *expected
        = g_strdup_printf ("a list of objects with '%s' and '%s'", attr->keys[0], attr->keys[1]);
    gsize found = 0;

    for (gsize i = 0; i < G_N_ELEMENTS (parts); i++) {
        const json_t *part = json_object_get (json, attr->keys[i]);

        if (part == NULL && (attr->flags & KN_A_PARTIAL) != 0)
            continue;
        if (!json_is_string (part) || !attr->parts[i](json_string_value (part), parts[i]))
            return bad_value (attr, expected, error);
        found++;
    }
    return found > 0 && json_object_size (json) == found ? true : bad_value (attr, expected, error);
}

static bool
read_pairs (const KnAttr *attr, const json_t *json, GPtrArray **out_pairs, GError **error)
{
    g_autoptr (GPtrArray) pairs = kn_pairs_new ();
    const json_t *entry;
    size_t i;

    if (!check_list (attr, json, error))
        return false;
    json_array_foreach (json, i, entry) {
        KnPair *pair = kn_pair_new (NULL, NULL);

        g_ptr_array_add (pairs, pair);
        if (!read_pair (attr, entry, pair, error))
            return false;
    }
    *out_pairs = g_steal_pointer (&pairs);
    return true;
}

static bool
read_json (const KnAttr *attr, const json_t *json, char **out_text, GError **error)
{
    g_autofree char *text = NULL;
    char *dumped;

    if (!json_is_object (json))
        return bad_value (attr, "an object", error);
    dumped = json_dumps (json, JSON_COMPACT);
    text = g_strdup (dumped != NULL ? dumped : "{}");
    free (dumped);
    if (attr->max > 0 && strlen (text) > (gsize)attr->max)
        return bad_value (attr, "a smaller object", error);
    *out_text = g_steal_pointer (&text);
    return true;
}

static bool
read_value (const KnAttr *attr, const json_t *json, KnObject *object, GError **error)
{
    switch (attr->type) {
    case KN_ATTR_TEXT:
        g_clear_pointer (&MEMBER (char *, object, attr->offset), g_free);
        return read_text (attr, json, attr->normalise, &MEMBER (char *, object, attr->offset),
                          error);
    case KN_ATTR_BOOL:
        return read_bool (attr, json, &MEMBER (bool, object, attr->offset), error);
    case KN_ATTR_INT:
        return read_int (attr, json, &MEMBER (gint64, object, attr->offset), error);
    case KN_ATTR_LINES:
        g_clear_pointer (&MEMBER (char **, object, attr->offset), g_strfreev);
        return read_lines (attr, json, &MEMBER (char **, object, attr->offset), error);
    case KN_ATTR_PAIRS:
        g_clear_pointer (&MEMBER (GPtrArray *, object, attr->offset), g_ptr_array_unref);
        return read_pairs (attr, json, &MEMBER (GPtrArray *, object, attr->offset), error);
    case KN_ATTR_JSON:
        g_clear_pointer (&MEMBER (char *, object, attr->offset), g_free);
        return read_json (attr, json, &MEMBER (char *, object, attr->offset), error);
    case KN_ATTR_TIME:
    case KN_ATTR_RECORDS:
    case KN_ATTR_N:
        break;
    }
    return bad_value (attr, "nothing", error);
}

static void
set_null (const KnAttr *attr, KnObject *object)
{
    switch (attr->type) {
    case KN_ATTR_TEXT:
    case KN_ATTR_TIME:
    case KN_ATTR_JSON:
        g_clear_pointer (&MEMBER (char *, object, attr->offset), g_free);
        break;
    case KN_ATTR_LINES:
        g_clear_pointer (&MEMBER (char **, object, attr->offset), g_strfreev);
        break;
    case KN_ATTR_PAIRS:
    case KN_ATTR_RECORDS:
        g_clear_pointer (&MEMBER (GPtrArray *, object, attr->offset), g_ptr_array_unref);
        break;
    case KN_ATTR_INT:
        MEMBER (gint64, object, attr->offset) = KN_NO_INT;
        break;
    case KN_ATTR_BOOL:
    case KN_ATTR_N:
        break;
    }
}

static bool
read_member (KnObject *object, const KnAttr *attr, const json_t *value, guint when, bool admin,
             GError **error)
{
    if ((attr->flags & when) == 0) {
        kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "HTTPBadRequest", "'%s' cannot be %s.",
                              attr->name, when == KN_A_POST ? "set" : "changed");
        return false;
    }
    if ((attr->flags & KN_A_ADMIN_SET) != 0 && !admin
        && !(attr->type == KN_ATTR_BOOL && json_is_false (value) && when == KN_A_POST)) {
        kn_error_public_type (error, KN_ERROR_FORBIDDEN, "PolicyNotAuthorized",
                              "Only administrators may set '%s'.", attr->name);
        return false;
    }

    object->present |= G_GUINT64_CONSTANT (1) << (attr - object->resource->attrs);
    if (json_is_null (value) && (attr->flags & KN_A_NULL) != 0) {
        set_null (attr, object);
        return true;
    }
    return read_value (attr, value, object, error);
}

static bool
check_required (const KnObject *object, GError **error)
{
    for (gsize i = 0; i < object->resource->n_attrs; i++) {
        const KnAttr *attr = &object->resource->attrs[i];

        if ((attr->flags & KN_A_REQUIRED) == 0 || (object->present >> i & 1) != 0)
            continue;
        kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "HTTPBadRequest", "A %s needs '%s'.",
                              object->resource->title, attr->name);
        return false;
    }
    return true;
}

bool
kn_object_read (KnObject *object, const json_t *json, guint when, bool admin, GError **error)
{
    const char *key;
    json_t *value;

    if (!json_is_object (json)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "A %s is a JSON object.",
                         object->resource->title);
        return false;
    }
    json_object_foreach ((json_t *)json, key, value) {
        const KnAttr *attr = kn_attr_find (object->resource, key);

        if (attr == NULL) {
            kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "HTTPBadRequest",
                                  "A %s has no attribute '%s'.", object->resource->title, key);
            return false;
        }
        if (!read_member (object, attr, value, when, admin, error))
            return false;
    }
    return when != KN_A_POST || check_required (object, error);
}

static void
write_strings (KnJw *w, char *const *lines)
{
    kn_jw_array (w);
    for (; lines != NULL && *lines != NULL; lines++)
        kn_jw_string (w, *lines);
    kn_jw_end (w);
}

static void
write_pairs (KnJw *w, const KnAttr *attr, const GPtrArray *pairs)
{
    kn_jw_array (w);
    for (guint i = 0; pairs != NULL && i < pairs->len; i++) {
        const KnPair *pair = g_ptr_array_index (pairs, i);

        kn_jw_object (w);
        kn_jw_string_member (w, attr->keys[0], pair->first);
        kn_jw_string_member (w, attr->keys[1], pair->second);
        kn_jw_end (w);
    }
    kn_jw_end (w);
}

static void
write_records (KnJw *w, const GPtrArray *records, bool admin)
{
    kn_jw_array (w);
    for (guint i = 0; records != NULL && i < records->len; i++)
        kn_object_write (w, g_ptr_array_index (records, i), admin, NULL);
    kn_jw_end (w);
}

static void
write_value (KnJw *w, const KnAttr *attr, const KnObject *object, bool admin)
{
    gint64 number;

    switch (attr->type) {
    case KN_ATTR_TEXT:
        kn_jw_string (w, CONST_MEMBER (char *, object, attr->offset));
        break;
    case KN_ATTR_TIME: {
        g_autofree char *time
            = kn_time_convert (CONST_MEMBER (char *, object, attr->offset), KN_TIME_SECONDS);

        kn_jw_string (w, time);
        break;
    }
    case KN_ATTR_BOOL:
        kn_jw_bool (w, CONST_MEMBER (bool, object, attr->offset));
        break;
    case KN_ATTR_INT:
        number = CONST_MEMBER (gint64, object, attr->offset);
        if (number == KN_NO_INT)
            kn_jw_null (w);
        else
            kn_jw_int (w, number);
        break;
    case KN_ATTR_LINES:
        write_strings (w, CONST_MEMBER (char **, object, attr->offset));
        break;
    case KN_ATTR_PAIRS:
        write_pairs (w, attr, CONST_MEMBER (GPtrArray *, object, attr->offset));
        break;
    case KN_ATTR_JSON:
        kn_jw_raw (w, CONST_MEMBER (char *, object, attr->offset) != NULL
                          ? CONST_MEMBER (char *, object, attr->offset)
                          : "{}");
        break;
    case KN_ATTR_RECORDS:
        write_records (w, CONST_MEMBER (GPtrArray *, object, attr->offset), admin);
        break;
    case KN_ATTR_N:
        break;
    }
}

void
kn_object_write (KnJw *w, const KnObject *object, bool admin, const GPtrArray *fields)
{
    kn_jw_object (w);
    for (gsize i = 0; i < object->resource->n_attrs; i++) {
        const KnAttr *attr = &object->resource->attrs[i];

        if ((attr->flags & KN_A_ADMIN_SEE) != 0 && !admin)
            continue;
        if (fields != NULL && fields->len > 0
            && !g_ptr_array_find_with_equal_func ((GPtrArray *)fields, attr->name, g_str_equal,
                                                  NULL))
            continue;
        kn_jw_key (w, attr->name);
        write_value (w, attr, object, admin);
    }
    kn_jw_end (w);
}
