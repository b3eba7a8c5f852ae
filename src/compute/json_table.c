/* SPDX-License-Identifier: Apache-2.0 */
/* String tables as JSON text. */
#include "compute/json_table.h"

#include <string.h>

#include "base/error.h"
#include "json/read.h"
#include "json/write.h"

char *
kn_json_table_format (GHashTable *values)
{
    g_autoptr (GList) keys = values != NULL ? g_hash_table_get_keys (values) : NULL;
    g_autoptr (KnJw) w = kn_jw_new ();

    keys = g_list_sort (keys, (GCompareFunc)strcmp);
    kn_jw_object (w);
    for (GList *l = keys; l != NULL; l = l->next)
        kn_jw_string_member (w, l->data, g_hash_table_lookup (values, l->data));
    kn_jw_end (w);

    return kn_jw_finish (w, NULL);
}

GHashTable *
kn_json_table_parse (const char *text, GError **error)
{
    g_autoptr (GHashTable) values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr (json_t) object = NULL;
    const char *key;
    json_t *value;

    if (text == NULL)
        return g_steal_pointer (&values);
    object = kn_json_parse (text, strlen (text), error);
    if (object == NULL)
        return NULL;
    json_object_foreach (object, key, value) {
        if (!json_is_string (value)) {
            kn_error_set (error, KN_ERROR_INTERNAL, "stored table: '%s' is not a string", key);
            return NULL;
        }
        g_hash_table_insert (values, g_strdup (key), g_strdup (json_string_value (value)));
    }

    return g_steal_pointer (&values);
}
