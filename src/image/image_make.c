/* SPDX-License-Identifier: Apache-2.0 */
/* Images that are made of servers: written, thrown away. */
#include <string.h>

#include "base/error.h"
#include "image/image_priv.h"

static bool
check_names (GHashTable *properties, GError **error)
{
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init (&iter, properties);
    while (g_hash_table_iter_next (&iter, &name, NULL)) {
        if (!kn_image_attr_find (name))
            continue;
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "'%s' is an attribute of images and cannot be the name of a property.",
                         (const char *)name);
        return false;
    }
    return true;
}

static void
copy_properties (KnImageRow *row, GHashTable *properties)
{
    GHashTableIter iter;
    gpointer name, value;

    g_hash_table_iter_init (&iter, properties);
    while (g_hash_table_iter_next (&iter, &name, &value))
        g_hash_table_insert (row->properties, g_strdup (name), g_strdup (value));
}

static bool
share (KnDb *db, const KnImageSpec *spec, GError **error)
{
    return !spec->member
           || (kn_image_member_insert (db, spec->id, spec->member, error)
               && kn_image_member_set_status (db, spec->id, spec->member, "accepted", error));
}

bool
kn_image_create (KnImages *images, KnDb *db, const KnImageSpec *spec, GError **error)
{
    g_autoptr (KnImageRow) row = kn_image_row_new ();

    if (!check_names (spec->properties, error))
        return false;
    row->id = g_strdup (spec->id);
    row->name = g_strdup (spec->name);
    row->status = g_strdup ("queued");
    row->owner = g_strdup (spec->owner);
    row->visibility = g_strdup (spec->visibility);
    row->disk_format = g_strdup (spec->disk_format);
    row->container_format = g_strdup (spec->container_format);
    row->min_ram = spec->min_ram_mib;
    row->min_disk = spec->min_disk_gib;
    row->created_at = kn_db_now ();
    row->updated_at = g_strdup (row->created_at);
    copy_properties (row, spec->properties);

    return kn_image_check (images, row, error)
           && kn_image_check_quota (images, db, row->owner, 1, 0, error)
           && kn_image_store_insert (db, row, error) && share (db, spec, error);
}

static bool
txn_discard (KnDb *db, gpointer data, GError **error)
{
    bool moved = false;

    return kn_image_store_delete (db, data, &moved, error);
}

bool
kn_image_discard (KnImages *images, const char *id, GError **error)
{
    KnDb *db = kn_db_thread (images->db, error);

    return db && kn_db_txn (db, txn_discard, (gpointer)id, error)
           && kn_images_collect (images, error);
}
