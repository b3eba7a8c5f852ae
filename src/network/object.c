/* SPDX-License-Identifier: Apache-2.0 */
/* Records described by a table of attributes: life, comparison, columns. */
#include "network/object.h"

#include <string.h>

#include "base/error.h"
#include "base/id.h"
#include "base/time.h"
#include "base/util.h"

#define MEMBER(type, object, offset) (*(type *)(gpointer)((char *)(object) + (offset)))
#define CONST_MEMBER(type, object, offset)                                                         \
    (*(type const *)(gconstpointer)((const char *)(object) + (offset)))

#define MAX_COLUMNS 24

KnPair *
kn_pair_new (const char *first, const char *second)
{
    KnPair *pair = g_new0 (KnPair, 1);

    pair->first = g_strdup (first);
    pair->second = g_strdup (second);
    return pair;
}

void
kn_pair_free (KnPair *pair)
{
    if (pair == NULL)
        return;
    g_free (pair->first);
    g_free (pair->second);
    g_free (pair);
}

GPtrArray *
kn_pairs_new (void)
{
    return g_ptr_array_new_with_free_func ((GDestroyNotify)kn_pair_free);
}

gpointer
kn_object_new (const KnResource *resource)
{
    KnObject *object = g_malloc0 (resource->size);

    for (gsize i = 0; i < resource->n_attrs; i++)
        if (resource->attrs[i].type == KN_ATTR_INT)
            MEMBER (gint64, object, resource->attrs[i].offset) = KN_NO_INT;
    object->resource = resource;
    object->revision = 0;
    if (resource->init != NULL)
        resource->init (object);
    return object;
}

static void
clear_member (const KnAttr *attr, KnObject *object)
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
    case KN_ATTR_BOOL:
    case KN_ATTR_INT:
    case KN_ATTR_N:
        break;
    }
}

void
kn_object_free (gpointer object)
{
    const KnResource *resource = object != NULL ? ((KnObject *)object)->resource : NULL;

    if (object == NULL)
        return;
    for (gsize i = 0; i < resource->n_attrs; i++)
        if ((resource->attrs[i].flags & KN_A_ALIAS) == 0)
            clear_member (&resource->attrs[i], object);
    g_free (object);
}

GPtrArray *
kn_objects_new (void)
{
    return g_ptr_array_new_with_free_func (kn_object_free);
}

const KnAttr *
kn_attr_find (const KnResource *resource, const char *name)
{
    for (gsize i = 0; i < resource->n_attrs; i++)
        if (strcmp (resource->attrs[i].name, name) == 0)
            return &resource->attrs[i];
    return NULL;
}

bool
kn_object_has (const KnObject *object, const char *attribute)
{
    const KnAttr *attr = kn_attr_find (object->resource, attribute);

    g_assert (attr != NULL);
    return (object->present >> (attr - object->resource->attrs) & 1) != 0;
}

static gsize
attr_size (const KnAttr *attr)
{
    if (attr->type == KN_ATTR_BOOL)
        return sizeof (bool);
    return attr->type == KN_ATTR_INT ? sizeof (gint64) : sizeof (gpointer);
}

static void
move_member (const KnAttr *attr, KnObject *to, KnObject *from)
{
    clear_member (attr, to);
    memcpy ((char *)to + attr->offset, (char *)from + attr->offset, attr_size (attr));
    if (attr->type != KN_ATTR_BOOL && attr->type != KN_ATTR_INT)
        memset ((char *)from + attr->offset, 0, sizeof (gpointer));
}

void
kn_object_apply (KnObject *object, KnObject *change)
{
    for (gsize i = 0; i < object->resource->n_attrs; i++)
        if ((change->present >> i & 1) != 0)
            move_member (&object->resource->attrs[i], object, change);
}

void
kn_object_stamp (KnObject *object)
{
    g_free (object->updated_at);
    object->updated_at = kn_db_now ();
    if (object->id == NULL)
        object->id = kn_id_uuid ();
    if (object->created_at == NULL)
        object->created_at = g_strdup (object->updated_at);
    object->revision++;
}

int
kn_attr_compare (const KnAttr *attr, const KnObject *a, const KnObject *b)
{
    switch (attr->type) {
    case KN_ATTR_TEXT:
    case KN_ATTR_TIME:
        return g_strcmp0 (CONST_MEMBER (char *, a, attr->offset),
                          CONST_MEMBER (char *, b, attr->offset));
    case KN_ATTR_BOOL:
        return CONST_MEMBER (bool, a, attr->offset) - CONST_MEMBER (bool, b, attr->offset);
    case KN_ATTR_INT: {
        gint64 left = CONST_MEMBER (gint64, a, attr->offset);
        gint64 right = CONST_MEMBER (gint64, b, attr->offset);

        return left < right ? -1 : left > right;
    }
    case KN_ATTR_LINES:
    case KN_ATTR_PAIRS:
    case KN_ATTR_JSON:
    case KN_ATTR_RECORDS:
    case KN_ATTR_N:
        break;
    }
    return 0;
}

static bool
match_pairs (const KnAttr *attr, const GPtrArray *pairs, const char *value)
{
    const char *equals = strchr (value, '=');
    g_autofree char *key = equals != NULL ? g_strndup (value, (gsize)(equals - value)) : NULL;
    bool part;

    if (key == NULL || pairs == NULL)
        return false;

    part = g_str_has_suffix (key, "_substr");
    if (part)
        key[strlen (key) - strlen ("_substr")] = '\0';
    for (guint i = 0; i < pairs->len; i++) {
        const KnPair *pair = g_ptr_array_index (pairs, i);
        const char *text = strcmp (key, attr->keys[0]) == 0   ? pair->first
                           : strcmp (key, attr->keys[1]) == 0 ? pair->second
                                                              : NULL;

        if (text == NULL)
            continue;
        if (part ? strstr (text, equals + 1) != NULL : strcmp (text, equals + 1) == 0)
            return true;
    }
    return false;
}

static bool
match_int (gint64 number, const char *value)
{
    gint64 wanted;

    return kn_parse_int (value, G_MININT64 + 1, G_MAXINT64, &wanted) && wanted == number;
}

static bool
match_time (const char *db_time, const char *value)
{
    gint64 time_us, wanted_us;

    return db_time != NULL && kn_time_parse (db_time, &time_us) && kn_time_parse (value, &wanted_us)
           && time_us == wanted_us;
}

bool
kn_attr_match (const KnAttr *attr, const KnObject *object, const char *value)
{
    const char *text;
    bool truth;

    switch (attr->type) {
    case KN_ATTR_TEXT:
        text = CONST_MEMBER (char *, object, attr->offset);
        return strcmp (text != NULL ? text : "", value) == 0;
    case KN_ATTR_TIME:
        return match_time (CONST_MEMBER (char *, object, attr->offset), value);
    case KN_ATTR_BOOL:
        return kn_parse_bool (value, &truth) && truth == CONST_MEMBER (bool, object, attr->offset);
    case KN_ATTR_INT:
        return match_int (CONST_MEMBER (gint64, object, attr->offset), value);
    case KN_ATTR_LINES: {
        char *const *lines = CONST_MEMBER (char **, object, attr->offset);

        return lines != NULL && g_strv_contains ((const char *const *)lines, value);
    }
    case KN_ATTR_PAIRS:
        return match_pairs (attr, CONST_MEMBER (GPtrArray *, object, attr->offset), value);
    case KN_ATTR_JSON:
    case KN_ATTR_RECORDS:
    case KN_ATTR_N:
        break;
    }
    return false;
}

static GPtrArray *
pairs_from_text (const char *text)
{
    GPtrArray *pairs = kn_pairs_new ();
    g_auto (GStrv) lines = g_strsplit (text != NULL ? text : "", "\n", -1);

    for (char **line = lines; *line != NULL; line++) {
        g_auto (GStrv) words = g_strsplit (*line, " ", 2);

        if (words[0] != NULL && words[1] != NULL)
            g_ptr_array_add (pairs, kn_pair_new (words[0], words[1]));
    }
    return pairs;
}

static char *
pairs_to_text (const GPtrArray *pairs)
{
    GString *text = g_string_new (NULL);

    for (guint i = 0; pairs != NULL && i < pairs->len; i++) {
        const KnPair *pair = g_ptr_array_index (pairs, i);

        g_string_append_printf (text, "%s%s %s", i > 0 ? "\n" : "", pair->first, pair->second);
    }
    return g_string_free (text, FALSE);
}

static char **
lines_from_text (const char *text)
{
    return g_strsplit (text != NULL ? text : "", "\n", -1);
}

void
kn_columns_read (KnRows *rows, guint first, const KnColumn *columns, gsize n, gpointer record)
{
    for (gsize i = 0; i < n; i++) {
        guint c = first + (guint)i;
        gsize offset = columns[i].offset;

        switch (columns[i].type) {
        case KN_COL_TEXT:
            g_free (MEMBER (char *, record, offset));
            MEMBER (char *, record, offset) = kn_rows_dup (rows, c);
            break;
        case KN_COL_INT:
            MEMBER (gint64, record, offset)
                = kn_rows_is_null (rows, c) ? KN_NO_INT : kn_rows_int (rows, c);
            break;
        case KN_COL_BOOL:
            MEMBER (bool, record, offset) = kn_rows_int (rows, c) != 0;
            break;
        case KN_COL_LINES:
            g_strfreev (MEMBER (char **, record, offset));
            MEMBER (char **, record, offset) = lines_from_text (kn_rows_text (rows, c));
            break;
        case KN_COL_PAIRS:
            g_clear_pointer (&MEMBER (GPtrArray *, record, offset), g_ptr_array_unref);
            MEMBER (GPtrArray *, record, offset) = pairs_from_text (kn_rows_text (rows, c));
            break;
        }
    }
}

/* The value of one column; what has to live until the statement ran is added to @keep. */
static KnValue
bind_column (const KnColumn *column, gconstpointer record, GPtrArray *keep)
{
    gint64 number;
    char *text;

    switch (column->type) {
    case KN_COL_TEXT:
        return kn_text (CONST_MEMBER (char *, record, column->offset));
    case KN_COL_INT:
        number = CONST_MEMBER (gint64, record, column->offset);
        return number == KN_NO_INT ? kn_null () : kn_int (number);
    case KN_COL_BOOL:
        return kn_int (CONST_MEMBER (bool, record, column->offset));
    case KN_COL_LINES: {
        char **lines = CONST_MEMBER (char **, record, column->offset);

        text = lines != NULL ? g_strjoinv ("\n", lines) : g_strdup ("");
        break;
    }
    case KN_COL_PAIRS:
        text = pairs_to_text (CONST_MEMBER (GPtrArray *, record, column->offset));
        break;
    default:
        g_assert_not_reached ();
    }
    g_ptr_array_add (keep, text);
    return kn_text (text);
}

static bool
exec_columns (KnDb *db, const KnStmt *stmt, const KnColumn *columns, gsize n, gconstpointer record,
              gint64 revision, gint64 *out_changed, GError **error)
{
    g_autoptr (GPtrArray) keep = g_ptr_array_new_with_free_func (g_free);
    KnValue values[MAX_COLUMNS + 1];
    gsize n_values = 0;

    g_assert (n <= MAX_COLUMNS);
    for (gsize i = 0; i < n; i++)
        values[n_values++] = bind_column (&columns[i], record, keep);
    if (revision >= 0)
        values[n_values++] = kn_int (revision);
    return kn_db_exec (db, stmt, values, n_values, out_changed, error);
}

bool
kn_columns_insert (KnDb *db, const KnStmt *stmt, const KnColumn *columns, gsize n,
                   gconstpointer record, GError **error)
{
    return exec_columns (db, stmt, columns, n, record, -1, NULL, error);
}

bool
kn_columns_update (KnDb *db, const KnStmt *stmt, const KnColumn *columns, gsize n,
                   const KnObject *object, GError **error)
{
    gint64 changed = 0;

    if (!exec_columns (db, stmt, columns, n, object, object->revision - 1, &changed, error))
        return false;
    if (changed > 0)
        return true;
    kn_error_public_type (error, KN_ERROR_CONFLICT, "RevisionNumberConstraintFailed",
                          "The %s %s was changed by another request meanwhile. Try again.",
                          object->resource->title, object->id);
    return false;
}

bool
kn_rows_ended (GError **local, GError **error)
{
    if (*local == NULL)
        return true;
    g_propagate_error (error, g_steal_pointer (local));
    return false;
}

bool
kn_columns_read_all (KnRows *rows, const KnResource *resource, const KnColumn *columns, gsize n,
                     GPtrArray *objects, GError **error)
{
    g_autoptr (GError) local = NULL;

    while (kn_rows_next (rows, &local)) {
        KnObject *object = kn_object_new (resource);

        kn_columns_read (rows, 0, columns, n, object);
        g_ptr_array_add (objects, object);
    }
    return kn_rows_ended (&local, error);
}
