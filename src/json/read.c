/* SPDX-License-Identifier: Apache-2.0 */
/* JSON in. */
#include "json/read.h"

#include "base/error.h"
#include "base/id.h"
#include "base/util.h"

#include <string.h>

static const char *const type_names[] = {
    [KN_J_STRING] = "a string", [KN_J_INT] = "an integer", [KN_J_BOOL] = "true or false",
    [KN_J_ENUM] = "a string",   [KN_J_UUID] = "a UUID",    [KN_J_OBJECT] = "an object",
    [KN_J_ARRAY] = "a list",    [KN_J_ANY] = "a value",
};

/* Whether no container stands deeper than @left levels; jansson's own bound is 2048. */
static bool
is_shallow (const json_t *value, guint left)
{
    const char *key;
    json_t *member;
    gsize index;

    if (left == 0)
        return !json_is_object (value) && !json_is_array (value);
    json_object_foreach ((json_t *)value, key, member) {
        if (!is_shallow (member, left - 1))
            return false;
    }
    json_array_foreach (value, index, member) {
        if (!is_shallow (member, left - 1))
            return false;
    }
    return true;
}

json_t *
kn_json_parse (const char *bytes, gsize len, GError **error)
{
    json_error_t where;
    g_autoptr (json_t) document
        = json_loadb (bytes, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);

    if (!document) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "The body is not valid JSON: %s, line %d, column %d.", where.text,
                         where.line, where.column);
        return NULL;
    }
    if (!is_shallow (document, KN_JSON_MAX_DEPTH)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "The body is nested more than %d levels deep.", KN_JSON_MAX_DEPTH);
        return NULL;
    }
    return g_steal_pointer (&document);
}

json_t *
kn_json_unwrap (const json_t *body, const char *key, GError **error)
{
    json_t *object = json_object_get (body, key);

    if (!json_is_object (object)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "The body must be an object with '%s'.", key);
        return NULL;
    }
    return object;
}

G_GNUC_PRINTF (4, 5)
static bool
refuse (const char *where, const KnJField *field, GError **error, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    g_autofree char *why = g_strdup_vprintf (format, args);
    va_end (args);
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "Invalid input for field/attribute %s of %s: %s.",
                     field->name, where, why);
    return false;
}

static bool
read_string (const json_t *value, const char *where, const KnJField *field, const char **out_text,
             GError **error)
{
    const char *text = json_string_value (value);
    gint64 max = field->min == 0 && field->max == 0 ? 255 : field->max;

    if (!text)
        return refuse (where, field, error, "it must be a string");
    /* Characters, not bytes: OpenStack's limits count Unicode code points. */
    gint64 length = (gint64)g_utf8_strlen (text, (gssize)json_string_length (value));
    if (strlen (text) != json_string_length (value))
        return refuse (where, field, error, "it contains a NUL character");
    if (length < field->min || length > max)
        return refuse (where, field, error,
                       "it must have %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT " characters",
                       field->min, max);
    *out_text = text;
    return true;
}

static bool
read_int (const json_t *value, const char *where, const KnJField *field, gint64 *out_number,
          GError **error)
{
    bool bounded = field->min != 0 || field->max != 0;
    gint64 min = bounded ? field->min : G_MININT64, max = bounded ? field->max : G_MAXINT64;
    gint64 number = json_integer_value (value);
    bool lenient = (field->flags & KN_J_LENIENT) && json_is_string (value);

    if (lenient && !kn_parse_int (json_string_value (value), G_MININT64, G_MAXINT64, &number))
        return refuse (where, field, error, "'%s' is not an integer", json_string_value (value));
    if (!lenient && !json_is_integer (value))
        return refuse (where, field, error, "it must be an integer");
    if (number < min || number > max)
        return refuse (where, field, error,
                       "%" G_GINT64_FORMAT " is not between %" G_GINT64_FORMAT
                       " and %" G_GINT64_FORMAT,
                       number, min, max);
    *out_number = number;
    return true;
}

static bool
read_bool (const json_t *value, const char *where, const KnJField *field, bool *out_flag,
           GError **error)
{
    if (json_is_boolean (value)) {
        *out_flag = json_is_true (value);
        return true;
    }
    if ((field->flags & KN_J_LENIENT) && json_is_string (value)
        && kn_parse_bool (json_string_value (value), out_flag))
        return true;
    return refuse (where, field, error, "it must be true or false");
}

static bool
read_enum (const json_t *value, const char *where, const KnJField *field, int *out_index,
           GError **error)
{
    const char *text = json_string_value (value);

    for (int i = 0; text && field->names[i]; i++) {
        if (strcmp (text, field->names[i]) == 0) {
            *out_index = i;
            return true;
        }
    }
    g_autofree char *allowed = g_strjoinv (", ", (char **)field->names);
    return refuse (where, field, error, "'%s' is not one of %s", text ? text : "(no string)",
                   allowed);
}

static bool
read_container (const json_t *value, const char *where, const KnJField *field,
                const json_t **out_value, GError **error)
{
    bool array = field->type == KN_J_ARRAY;
    gint64 size = (gint64)json_array_size (value);

    if (field->type != KN_J_ANY && (array ? !json_is_array (value) : !json_is_object (value)))
        return refuse (where, field, error, "it must be %s", type_names[field->type]);
    if (array && field->max > 0 && (size < field->min || size > field->max))
        return refuse (where, field, error,
                       "it must have %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT " elements",
                       field->min, field->max);
    *out_value = value;
    return true;
}

static bool
read_field (const json_t *value, const char *where, const KnJField *field, gpointer out_struct,
            GError **error)
{
    gpointer member = (char *)out_struct + field->offset;

    switch (field->type) {
    case KN_J_STRING:
        return read_string (value, where, field, member, error);
    case KN_J_INT:
        return read_int (value, where, field, member, error);
    case KN_J_BOOL:
        return read_bool (value, where, field, member, error);
    case KN_J_ENUM:
        return read_enum (value, where, field, member, error);
    case KN_J_UUID:
        if (!kn_id_is_uuid (json_string_value (value)))
            return refuse (where, field, error, "it must be a UUID");
        *(const char **)member = json_string_value (value);
        return true;
    case KN_J_OBJECT:
    case KN_J_ARRAY:
    case KN_J_ANY:
        return read_container (value, where, field, member, error);
    }
    g_assert_not_reached ();
}

static bool
check_closed (const json_t *object, const char *where, const KnJShape *shape, GError **error)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)object, key, value) {
        gsize i = 0;

        while (i < shape->n_fields && strcmp (shape->fields[i].name, key) != 0)
            i++;
        if (i == shape->n_fields) {
            kn_error_public (error, KN_ERROR_BAD_REQUEST,
                             "Additional properties are not allowed: '%s' is unknown in %s.", key,
                             where);
            return false;
        }
    }
    return true;
}

bool
kn_json_read (const json_t *object, const char *where, const KnJShape *shape, gpointer out_struct,
              GError **error)
{
    guint64 *present = (guint64 *)(void *)((char *)out_struct + shape->present_offset);

    g_assert (shape->n_fields <= 64);
    if (!json_is_object (object)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "'%s' must be an object.", where);
        return false;
    }
    if (shape->closed && !check_closed (object, where, shape, error))
        return false;

    *present = 0;
    for (gsize i = 0; i < shape->n_fields; i++) {
        const KnJField *field = &shape->fields[i];
        const json_t *value = json_object_get (object, field->name);

        if (!value && !(field->flags & KN_J_OPTIONAL))
            return refuse (where, field, error, "it is required");
        if (!value)
            continue;
        if (!json_is_null (value) || !(field->flags & KN_J_NULLABLE)) {
            if (!read_field (value, where, field, out_struct, error))
                return false;
        }
        *present |= G_GUINT64_CONSTANT (1) << i;
    }
    return true;
}
