/* SPDX-License-Identifier: Apache-2.0 */
/* Inspections in the database. */
#include <string.h>

#include "image/inspection.h"

#define MESSAGE_MAX 1000 /* characters; its column has 1024 */

KN_STMT (INSPECTION_FIND, "SELECT state, requested_at, finished_at, message, found, filled "
                          "FROM image_inspections WHERE image_id=?");
KN_STMT (INSPECTION_AGAIN, "UPDATE image_inspections SET state='waiting', requested_at=?, "
                           "finished_at=NULL, message=NULL WHERE image_id=?");
KN_STMT (INSPECTION_INSERT,
         "INSERT INTO image_inspections (image_id, state, requested_at) VALUES (?,'waiting',?)");
KN_STMT (INSPECTION_FINISH, "UPDATE image_inspections SET state='done', finished_at=?, "
                            "message=NULL, found=?, filled=? WHERE image_id=?");
KN_STMT (INSPECTION_FAIL, "UPDATE image_inspections SET state='failed', finished_at=?, message=? "
                          "WHERE image_id=?");

void
kn_image_inspection_free (KnImageInspection *inspection)
{
    if (!inspection)
        return;
    g_free (inspection->state);
    g_free (inspection->requested_at);
    g_free (inspection->finished_at);
    g_free (inspection->message);
    kn_inspection_free (inspection->found);
    g_hash_table_unref (inspection->filled);
    g_free (inspection);
}

static json_t *
parse (const char *text)
{
    return text ? kn_json_parse (text, strlen (text), NULL) : NULL;
}

static KnImageInspection *
read_row (KnRows *rows)
{
    KnImageInspection *inspection = g_new (KnImageInspection, 1);
    *inspection = (KnImageInspection){
        .state = kn_rows_dup (rows, 0),
        .requested_at = kn_rows_dup (rows, 1),
        .finished_at = kn_rows_dup (rows, 2),
        .message = kn_rows_dup (rows, 3),
        .filled = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free),
    };
    g_autoptr (json_t) found = parse (kn_rows_text (rows, 4));
    g_autoptr (json_t) filled = parse (kn_rows_text (rows, 5));
    const char *name;
    json_t *value;
    inspection->found = found ? kn_inspection_read (found, NULL) : NULL;
    json_object_foreach (filled, name, value)
        if (json_is_string (value))
            g_hash_table_replace (inspection->filled, g_strdup (name),
                                  g_strdup (json_string_value (value)));
    return inspection;
}

KnImageInspection *
kn_image_inspection_find (KnDb *db, const char *image_id, GError **error)
{
    g_autoptr (KnRows) rows
        = kn_db_query (db, &INSPECTION_FIND, KN_BIND (kn_text (image_id)), error);
    return rows && kn_rows_next (rows, error) ? read_row (rows) : NULL;
}

bool
kn_image_inspection_request (KnDb *db, const char *image_id, GError **error)
{
    g_autofree char *now = kn_db_now ();
    gint64 changed = 0;
    if (!kn_db_exec (db, &INSPECTION_AGAIN, KN_BIND (kn_text (now), kn_text (image_id)), &changed,
                     error))
        return false;
    return changed > 0
           || kn_db_exec (db, &INSPECTION_INSERT, KN_BIND (kn_text (image_id), kn_text (now)), NULL,
                          error);
}

static char *
found_as_text (const KnInspection *found)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    kn_inspection_write (w, found);
    return kn_jw_finish (w, NULL);
}

static char *
table_as_text (GHashTable *table)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    GHashTableIter iter;
    gpointer name, value;
    kn_jw_object (w);
    g_hash_table_iter_init (&iter, table);
    while (g_hash_table_iter_next (&iter, &name, &value))
        kn_jw_string_member (w, name, value);
    kn_jw_end (w);
    return kn_jw_finish (w, NULL);
}

bool
kn_image_inspection_finish (KnDb *db, const char *image_id, const KnInspection *found,
                            GHashTable *filled, GError **error)
{
    g_autofree char *now = kn_db_now ();
    g_autofree char *facts = found_as_text (found);
    g_autofree char *properties = table_as_text (filled);
    return kn_db_exec (
        db, &INSPECTION_FINISH,
        KN_BIND (kn_text (now), kn_text (facts), kn_text (properties), kn_text (image_id)), NULL,
        error);
}

bool
kn_image_inspection_fail (KnDb *db, const char *image_id, const char *message, GError **error)
{
    g_autofree char *now = kn_db_now ();
    g_autofree char *cut
        = g_utf8_substring (message, 0, MIN (g_utf8_strlen (message, -1), MESSAGE_MAX));
    return kn_db_exec (db, &INSPECTION_FAIL,
                       KN_BIND (kn_text (now), kn_text (cut), kn_text (image_id)), NULL, error);
}
