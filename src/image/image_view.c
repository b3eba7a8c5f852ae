/* SPDX-License-Identifier: Apache-2.0 */
/* An image as the API shows it. */
#include <string.h>

#include "image/image_priv.h"

static void
write_warnings (KnJw *w, const KnImageRow *row)
{
    g_autoptr (GPtrArray) warnings = kn_image_warnings (row);
    g_autoptr (GString) text = g_string_new (NULL);

    for (guint i = 0; i < warnings->len; i++) {
        const KnImageWarning *warning = g_ptr_array_index (warnings, i);
        g_string_append_printf (text, "%s%s", i > 0 ? " " : "", warning->message);
    }
    if (text->len > 0)
        kn_jw_string_member (w, "kilonova_warnings", text->str);
}

static void
write_link (KnJw *w, const char *name, const KnImageRow *row)
{
    if (strcmp (name, "self") == 0)
        kn_jw_format_member (w, name, "/v2/images/%s", row->id);
    else if (strcmp (name, "file") == 0)
        kn_jw_format_member (w, name, "/v2/images/%s/file", row->id);
    else if (strcmp (name, "schema") == 0)
        kn_jw_string_member (w, name, "/v2/schemas/image");
    else
        write_warnings (w, row);
}

static void
write_int (KnJw *w, const KnImageAttr *attr, const KnImageRow *row)
{
    gint64 value = *kn_image_attr_int (attr, row);

    if (value < 0)
        kn_jw_null_member (w, attr->name);
    else
        kn_jw_int_member (w, attr->name, value);
}

static void
write_tags (KnJw *w, const KnImageRow *row)
{
    kn_jw_array_member (w, "tags");
    for (guint i = 0; i < row->tags->len; i++)
        kn_jw_string (w, g_ptr_array_index (row->tags, i));
    kn_jw_end (w);
}

static void
write_attr (KnJw *w, const KnImageAttr *attr, const KnImageRow *row)
{
    switch (attr->type) {
    case KN_ATTR_STRING:
    case KN_ATTR_ENUM:
    case KN_ATTR_UUID:
        kn_jw_string_member (w, attr->name, *kn_image_attr_string (attr, row));
        break;
    case KN_ATTR_INT:
        write_int (w, attr, row);
        break;
    case KN_ATTR_BOOL:
        kn_jw_bool_member (w, attr->name, *kn_image_attr_bool (attr, row));
        break;
    case KN_ATTR_TIME:
        kn_jw_time_member (w, attr->name, *kn_image_attr_string (attr, row));
        break;
    case KN_ATTR_TAGS:
        write_tags (w, row);
        break;
    case KN_ATTR_LINK:
        write_link (w, attr->name, row);
        break;
    }
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
    return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static void
write_properties (KnJw *w, const KnImageRow *row)
{
    guint n = 0;
    g_autofree gpointer *names = g_hash_table_get_keys_as_array (row->properties, &n);

    qsort (names, n, sizeof *names, compare_names);
    for (guint i = 0; i < n; i++)
        kn_jw_string_member (w, names[i], g_hash_table_lookup (row->properties, names[i]));
}

void
kn_image_write (KnJw *w, const KnImageRow *row)
{
    gsize n = 0;
    const KnImageAttr *attrs = kn_image_attrs (&n);

    kn_jw_object (w);
    for (gsize i = 0; i < n; i++) {
        if (!(attrs[i].flags & KN_ATTR_HIDDEN))
            write_attr (w, &attrs[i], row);
    }
    write_properties (w, row);
    kn_jw_end (w);
}
