/* SPDX-License-Identifier: Apache-2.0 */
/* What an audit asks: images that no server stands on, and what inspection said of an image. */
#include <string.h>

#include "base/time.h"
#include "image/inspection.h"

KN_STMT (IMAGES_UNUSED,
         "SELECT id, name, size, COALESCE(updated_at, created_at) FROM images WHERE deleted=0 AND "
         "status='active' AND protected=0 AND NOT EXISTS (SELECT 1 FROM image_uses u WHERE "
         "u.image_id=images.id) AND NOT EXISTS (SELECT 1 FROM image_properties p WHERE "
         "p.image_id=images.id AND p.name='image_type' AND p.value IN ('snapshot', 'backup')) "
         "ORDER BY seq");

void
kn_unused_image_free (gpointer data)
{
    KnUnusedImage *image = data;

    g_free (image->id);
    g_free (image->name);
    g_free (image);
}

static KnUnusedImage *
read_unused (KnRows *rows)
{
    KnUnusedImage *image = g_new0 (KnUnusedImage, 1);
    const char *touched = kn_rows_text (rows, 3);

    image->id = kn_rows_dup (rows, 0);
    image->name = kn_rows_dup (rows, 1);
    image->size_bytes = (guint64)MAX (kn_rows_int (rows, 2), 0);
    if (!touched || !kn_time_parse (touched, &image->touched_us))
        image->touched_us = kn_time_now ();
    return image;
}

GPtrArray *
kn_image_list_unused (KnDb *db, GError **error)
{
    g_autoptr (GPtrArray) images = g_ptr_array_new_with_free_func (kn_unused_image_free);
    g_autoptr (KnRows) rows = kn_db_query (db, &IMAGES_UNUSED, KN_NO_BIND, error);
    GError *failed = NULL;

    if (!rows)
        return NULL;
    while (kn_rows_next (rows, &failed))
        g_ptr_array_add (images, read_unused (rows));
    if (!failed)
        return g_steal_pointer (&images);
    g_propagate_error (error, failed);
    return NULL;
}

static char *
dup_evidence (const KnInspection *found)
{
    const char *fact = kn_inspection_fact_of ("os_type");

    for (guint i = 0; i < found->evidence->len; i++) {
        const KnEvidence *evidence = found->evidence->pdata[i];

        if (g_strcmp0 (evidence->fact, fact) == 0)
            return g_strdup_printf ("%s: %s = %s", evidence->source, evidence->name,
                                    evidence->value);
    }
    return NULL;
}

bool
kn_image_find_inspected_os (KnDb *db, const char *id, char **out_family, char **out_evidence,
                            GError **error)
{
    GError *failed = NULL;
    g_autoptr (KnImageInspection) inspection = kn_image_inspection_find (db, id, &failed);
    const KnInspection *found = inspection ? inspection->found : NULL;

    if (failed) {
        g_propagate_error (error, failed);
        return false;
    }
    bool known = found && found->status == KN_INSPECT_FOUND;
    *out_family = g_strdup (known ? found->family : NULL);
    *out_evidence = known ? dup_evidence (found) : NULL;
    return true;
}
