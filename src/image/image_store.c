/* SPDX-License-Identifier: Apache-2.0 */
/* Images in the database. */
#include <string.h>

#include "base/error.h"
#include "image/image_priv.h"

#define COLUMNS                                                                                    \
    "seq, id, name, status, owner, visibility, disk_format, declared_format, container_format, "   \
    "size, virtual_size, checksum, os_hash_algo, os_hash_value, min_disk, min_ram, protected, "    \
    "os_hidden, created_at, updated_at"

/* Properties and tags are read for this many images at once; missing ids are NULL, which matches nothing. */
#define BATCH 64
#define MARKS8 "?,?,?,?,?,?,?,?"
#define MARKS64 MARKS8 "," MARKS8 "," MARKS8 "," MARKS8 "," MARKS8 "," MARKS8 "," MARKS8 "," MARKS8

KN_STMT (IMAGE_FIND, "SELECT " COLUMNS " FROM images WHERE id=? AND deleted=0");
KN_STMT (IMAGE_PROPERTIES, "SELECT name, value FROM image_properties WHERE image_id=?");
KN_STMT (IMAGE_TAGS, "SELECT value FROM image_tags WHERE image_id=? ORDER BY value");
KN_STMT (IMAGES_PROPERTIES,
         "SELECT image_id, name, value FROM image_properties WHERE image_id IN (" MARKS64 ")");
KN_STMT (IMAGES_TAGS,
         "SELECT image_id, value FROM image_tags WHERE image_id IN (" MARKS64 ") ORDER BY value");
KN_STMT (IMAGE_INSERT,
         "INSERT INTO images (id, name, status, owner, visibility, disk_format, container_format, "
         "min_disk, min_ram, protected, os_hidden, created_at, updated_at, deleted) "
         "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,0)");
KN_STMT (IMAGE_UPDATE,
         "UPDATE images SET name=?, owner=?, visibility=?, disk_format=?, container_format=?, "
         "min_disk=?, min_ram=?, protected=?, os_hidden=?, updated_at=? WHERE id=? AND deleted=0");
KN_STMT (IMAGE_MOVE,
         "UPDATE images SET status=?, updated_at=? WHERE id=? AND status=? AND deleted=0");
KN_STMT (IMAGE_ACTIVATE,
         "UPDATE images SET status='active', disk_format=?, declared_format=?, size=?, "
         "virtual_size=?, checksum=?, os_hash_algo=?, os_hash_value=?, updated_at=? "
         "WHERE id=? AND status='saving' AND deleted=0");
KN_STMT (IMAGE_DELETE, "UPDATE images SET status='pending_delete', deleted=1, deleted_at=?, "
                       "updated_at=? WHERE id=? AND deleted=0");
KN_STMT (IMAGE_BURY,
         "UPDATE images SET status='deleted' WHERE id=? AND deleted=1 AND status='pending_delete'");
KN_STMT (IMAGE_IDS, "SELECT id FROM images WHERE status=? AND deleted=0 ORDER BY seq");
KN_STMT (IMAGE_IDS_PENDING,
         "SELECT id FROM images WHERE status='pending_delete' AND NOT EXISTS "
         "(SELECT 1 FROM image_uses WHERE image_uses.image_id=images.id) ORDER BY seq");
KN_STMT (IMAGE_USAGE, "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM images WHERE owner=? AND "
                      "deleted=0");
/* Who may see what: 1 everything, 2 own, 3 public, 4 community, 5 shared with the project. */
KN_STMT (IMAGE_LIST, "SELECT " COLUMNS " FROM images WHERE deleted=0 AND seq<? AND ("
                     "?=1 OR owner=? OR visibility='public' OR (?=1 AND visibility='community') OR "
                     "(visibility='shared' AND EXISTS (SELECT 1 FROM image_members m WHERE "
                     "m.image_id=images.id AND m.member=? AND (?='all' OR m.status=?)))) "
                     "ORDER BY seq DESC LIMIT ?");
KN_STMT (PROPERTY_INSERT, "INSERT INTO image_properties (image_id, name, value) VALUES (?,?,?)");
KN_STMT (PROPERTY_UPDATE, "UPDATE image_properties SET value=? WHERE image_id=? AND name=?");
KN_STMT (PROPERTY_DELETE, "DELETE FROM image_properties WHERE image_id=? AND name=?");
KN_STMT (PROPERTIES_CLEAR, "DELETE FROM image_properties WHERE image_id=?");
KN_STMT (TAG_INSERT, "INSERT INTO image_tags (image_id, value) VALUES (?,?)");
KN_STMT (TAGS_CLEAR, "DELETE FROM image_tags WHERE image_id=?");
KN_STMT (MEMBERS_CLEAR, "DELETE FROM image_members WHERE image_id=?");
KN_STMT (INSPECTION_CLEAR, "DELETE FROM image_inspections WHERE image_id=?");
KN_STMT (IMAGE_BACKUPS,
         "SELECT id FROM images i WHERE i.owner=? AND i.deleted=0 AND i.protected=0 AND "
         "EXISTS (SELECT 1 FROM image_properties p WHERE p.image_id=i.id AND "
         "p.name='image_type' AND p.value='backup') AND "
         "EXISTS (SELECT 1 FROM image_properties p WHERE p.image_id=i.id AND "
         "p.name='instance_uuid' AND p.value=?) AND "
         "EXISTS (SELECT 1 FROM image_properties p WHERE p.image_id=i.id AND "
         "p.name='backup_type' AND p.value=?) ORDER BY i.seq DESC");

KnImageRow *
kn_image_row_new (void)
{
    KnImageRow *row = g_new0 (KnImageRow, 1);

    row->size = row->virtual_size = -1;
    row->properties = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    row->tags = g_ptr_array_new_with_free_func (g_free);
    return row;
}

void
kn_image_row_free (KnImageRow *row)
{
    if (!row)
        return;

    char *const strings[]
        = { row->id,         row->name,         row->status,          row->owner,
            row->visibility, row->disk_format,  row->declared_format, row->container_format,
            row->checksum,   row->os_hash_algo, row->os_hash_value,   row->created_at,
            row->updated_at };
    for (guint i = 0; i < G_N_ELEMENTS (strings); i++)
        g_free (strings[i]);
    g_hash_table_unref (row->properties);
    g_ptr_array_unref (row->tags);
    g_free (row);
}

static gint64
int_or_unknown (KnRows *rows, guint column)
{
    return kn_rows_is_null (rows, column) ? -1 : kn_rows_int (rows, column);
}

static KnImageRow *
read_row (KnRows *rows)
{
    KnImageRow *row = kn_image_row_new ();

    row->seq = kn_rows_int (rows, 0);
    row->id = kn_rows_dup (rows, 1);
    row->name = kn_rows_dup (rows, 2);
    row->status = kn_rows_dup (rows, 3);
    row->owner = kn_rows_dup (rows, 4);
    row->visibility = kn_rows_dup (rows, 5);
    row->disk_format = kn_rows_dup (rows, 6);
    row->declared_format = kn_rows_dup (rows, 7);
    row->container_format = kn_rows_dup (rows, 8);
    row->size = int_or_unknown (rows, 9);
    row->virtual_size = int_or_unknown (rows, 10);
    row->checksum = kn_rows_dup (rows, 11);
    row->os_hash_algo = kn_rows_dup (rows, 12);
    row->os_hash_value = kn_rows_dup (rows, 13);
    row->min_disk = kn_rows_int (rows, 14);
    row->min_ram = kn_rows_int (rows, 15);
    row->is_protected = kn_rows_int (rows, 16) != 0;
    row->os_hidden = kn_rows_int (rows, 17) != 0;
    row->created_at = kn_rows_dup (rows, 18);
    row->updated_at = kn_rows_dup (rows, 19);
    return row;
}

static bool
read_properties (KnDb *db, KnImageRow *row, GError **error)
{
    GError *failed = NULL;
    g_autoptr (KnRows) rows
        = kn_db_query (db, &IMAGE_PROPERTIES, KN_BIND (kn_text (row->id)), error);

    if (!rows)
        return false;
    while (kn_rows_next (rows, &failed))
        g_hash_table_insert (row->properties, kn_rows_dup (rows, 0), kn_rows_dup (rows, 1));
    if (failed)
        g_propagate_error (error, failed);
    return failed == NULL;
}

static bool
read_tags (KnDb *db, KnImageRow *row, GError **error)
{
    GError *failed = NULL;
    g_autoptr (KnRows) rows = kn_db_query (db, &IMAGE_TAGS, KN_BIND (kn_text (row->id)), error);

    if (!rows)
        return false;
    while (kn_rows_next (rows, &failed))
        g_ptr_array_add (row->tags, kn_rows_dup (rows, 0));
    if (failed)
        g_propagate_error (error, failed);
    return failed == NULL;
}

static KnImageRow *
find_bare (KnDb *db, const char *id, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &IMAGE_FIND, KN_BIND (kn_text (id)), error);

    return rows && kn_rows_next (rows, error) ? read_row (rows) : NULL;
}

KnImageRow *
kn_image_store_find (KnDb *db, const char *id, GError **error)
{
    g_autoptr (KnImageRow) row = find_bare (db, id, error);

    if (!row || !read_properties (db, row, error) || !read_tags (db, row, error))
        return NULL;
    return g_steal_pointer (&row);
}

static bool
insert_property (KnDb *db, const char *id, const char *name, const char *value, GError **error)
{
    return kn_db_exec (db, &PROPERTY_INSERT,
                       KN_BIND (kn_text (id), kn_text (name), kn_text (value)), NULL, error);
}

static bool
write_tags (KnDb *db, const KnImageRow *row, GError **error)
{
    if (!kn_db_exec (db, &TAGS_CLEAR, KN_BIND (kn_text (row->id)), NULL, error))
        return false;
    for (guint i = 0; i < row->tags->len; i++) {
        const char *tag = g_ptr_array_index (row->tags, i);
        if (!kn_db_exec (db, &TAG_INSERT, KN_BIND (kn_text (row->id), kn_text (tag)), NULL, error))
            return false;
    }
    return true;
}

bool
kn_image_store_insert (KnDb *db, KnImageRow *row, GError **error)
{
    GHashTableIter iter;
    gpointer name, value;

    if (!kn_db_insert (db, &IMAGE_INSERT,
                       KN_BIND (kn_text (row->id), kn_text (row->name), kn_text (row->status),
                                kn_text (row->owner), kn_text (row->visibility),
                                kn_text (row->disk_format), kn_text (row->container_format),
                                kn_int (row->min_disk), kn_int (row->min_ram),
                                kn_int (row->is_protected), kn_int (row->os_hidden),
                                kn_text (row->created_at), kn_text (row->updated_at)),
                       &row->seq, error))
        return false;

    g_hash_table_iter_init (&iter, row->properties);
    while (g_hash_table_iter_next (&iter, &name, &value)) {
        if (!insert_property (db, row->id, name, value, error))
            return false;
    }
    return write_tags (db, row, error);
}

/* Properties that went away. */
static bool
drop_properties (KnDb *db, const KnImageRow *row, GHashTable *old, GError **error)
{
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init (&iter, old);
    while (g_hash_table_iter_next (&iter, &name, NULL)) {
        if (g_hash_table_contains (row->properties, name))
            continue;
        if (!kn_db_exec (db, &PROPERTY_DELETE, KN_BIND (kn_text (row->id), kn_text (name)), NULL,
                         error))
            return false;
    }
    return true;
}

static bool
write_properties (KnDb *db, const KnImageRow *row, GError **error)
{
    g_autoptr (KnImageRow) stored = kn_image_row_new ();
    GHashTableIter iter;
    gpointer name, value;

    stored->id = g_strdup (row->id);
    if (!read_properties (db, stored, error)
        || !drop_properties (db, row, stored->properties, error))
        return false;

    g_hash_table_iter_init (&iter, row->properties);
    while (g_hash_table_iter_next (&iter, &name, &value)) {
        const char *old = g_hash_table_lookup (stored->properties, name);
        if (old && strcmp (old, value) == 0)
            continue;
        bool done = old ? kn_db_exec (db, &PROPERTY_UPDATE,
                                      KN_BIND (kn_text (value), kn_text (row->id), kn_text (name)),
                                      NULL, error)
                        : insert_property (db, row->id, name, value, error);
        if (!done)
            return false;
    }
    return true;
}

bool
kn_image_store_update (KnDb *db, const KnImageRow *row, GError **error)
{
    gint64 changed = 0;

    if (!kn_db_exec (db, &IMAGE_UPDATE,
                     KN_BIND (kn_text (row->name), kn_text (row->owner), kn_text (row->visibility),
                              kn_text (row->disk_format), kn_text (row->container_format),
                              kn_int (row->min_disk), kn_int (row->min_ram),
                              kn_int (row->is_protected), kn_int (row->os_hidden),
                              kn_text (row->updated_at), kn_text (row->id)),
                     &changed, error))
        return false;
    if (changed == 0) {
        kn_error_set (error, KN_ERROR_NOT_FOUND, "image '%s' is gone", row->id);
        return false;
    }
    return write_properties (db, row, error) && write_tags (db, row, error);
}

bool
kn_image_store_move (KnDb *db, const char *id, const char *from, const char *to, bool *out_moved,
                     GError **error)
{
    g_autofree char *now = kn_db_now ();
    gint64 changed = 0;

    if (!kn_db_exec (db, &IMAGE_MOVE,
                     KN_BIND (kn_text (to), kn_text (now), kn_text (id), kn_text (from)), &changed,
                     error))
        return false;
    *out_moved = changed > 0;
    return true;
}

bool
kn_image_store_activate (KnDb *db, const KnImageRow *row, bool *out_moved, GError **error)
{
    g_autofree char *now = kn_db_now ();
    gint64 changed = 0;

    if (!kn_db_exec (db, &IMAGE_ACTIVATE,
                     KN_BIND (kn_text (row->disk_format), kn_text (row->declared_format),
                              kn_int (row->size), kn_int (row->virtual_size),
                              kn_text (row->checksum), kn_text (row->os_hash_algo),
                              kn_text (row->os_hash_value), kn_text (now), kn_text (row->id)),
                     &changed, error))
        return false;
    *out_moved = changed > 0;
    return true;
}

/* Calls @add (row, column 1, column 2) for what @stmt finds for the images in @page. */
static bool
each_of_page (KnDb *db, const KnStmt *stmt, const GPtrArray *page,
              void (*add) (KnImageRow *row, KnRows *rows), GError **error)
{
    g_autoptr (GHashTable) by_id = g_hash_table_new (g_str_hash, g_str_equal);
    KnValue ids[BATCH];
    GError *failed = NULL;

    for (guint i = 0; i < BATCH; i++)
        ids[i] = kn_null ();
    for (guint i = 0; i < page->len; i++) {
        KnImageRow *row = g_ptr_array_index (page, i);
        ids[i] = kn_text (row->id);
        g_hash_table_insert (by_id, row->id, row);
    }

    g_autoptr (KnRows) rows = kn_db_query (db, stmt, ids, BATCH, error);
    if (!rows)
        return false;
    while (kn_rows_next (rows, &failed)) {
        KnImageRow *row = g_hash_table_lookup (by_id, kn_rows_text (rows, 0));
        if (row)
            add (row, rows);
    }
    if (failed)
        g_propagate_error (error, failed);
    return failed == NULL;
}

static void
add_property (KnImageRow *row, KnRows *rows)
{
    g_hash_table_insert (row->properties, kn_rows_dup (rows, 1), kn_rows_dup (rows, 2));
}

static void
add_tag (KnImageRow *row, KnRows *rows)
{
    g_ptr_array_add (row->tags, kn_rows_dup (rows, 1));
}

static GPtrArray *
list_bare (KnDb *db, const KnImageScope *scope, gint64 before_seq, guint limit, GError **error)
{
    g_autoptr (GPtrArray) page = g_ptr_array_new_with_free_func ((GDestroyNotify)kn_image_row_free);
    GError *failed = NULL;
    g_autoptr (KnRows) rows
        = kn_db_query (db, &IMAGE_LIST,
                       KN_BIND (kn_int (before_seq), kn_int (scope->project_id == NULL),
                                kn_text (scope->project_id), kn_int (scope->community),
                                kn_text (scope->project_id), kn_text (scope->member_status),
                                kn_text (scope->member_status), kn_int (limit)),
                       error);

    if (!rows)
        return NULL;
    while (kn_rows_next (rows, &failed))
        g_ptr_array_add (page, read_row (rows));
    if (failed) {
        g_propagate_error (error, failed);
        return NULL;
    }
    return g_steal_pointer (&page);
}

GPtrArray *
kn_image_store_list (KnDb *db, const KnImageScope *scope, gint64 before_seq, guint limit,
                     GError **error)
{
    g_autoptr (GPtrArray) page = list_bare (db, scope, before_seq, MIN (limit, BATCH), error);

    if (!page)
        return NULL;
    if (page->len > 0
        && (!each_of_page (db, &IMAGES_PROPERTIES, page, add_property, error)
            || !each_of_page (db, &IMAGES_TAGS, page, add_tag, error)))
        return NULL;
    return g_steal_pointer (&page);
}

bool
kn_image_store_delete (KnDb *db, const char *id, bool *out_moved, GError **error)
{
    g_autofree char *now = kn_db_now ();
    gint64 changed = 0;

    if (!kn_db_exec (db, &IMAGE_DELETE, KN_BIND (kn_text (now), kn_text (now), kn_text (id)),
                     &changed, error)
        || !kn_db_exec (db, &PROPERTIES_CLEAR, KN_BIND (kn_text (id)), NULL, error)
        || !kn_db_exec (db, &TAGS_CLEAR, KN_BIND (kn_text (id)), NULL, error)
        || !kn_db_exec (db, &MEMBERS_CLEAR, KN_BIND (kn_text (id)), NULL, error)
        || !kn_db_exec (db, &INSPECTION_CLEAR, KN_BIND (kn_text (id)), NULL, error))
        return false;
    *out_moved = changed > 0;
    return true;
}

bool
kn_image_store_bury (KnDb *db, const char *id, GError **error)
{
    return kn_db_exec (db, &IMAGE_BURY, KN_BIND (kn_text (id)), NULL, error);
}

GPtrArray *
kn_image_store_list_ids (KnDb *db, const char *status, GError **error)
{
    bool pending = strcmp (status, "pending_delete") == 0;
    g_autoptr (KnRows) rows = pending
                                  ? kn_db_query (db, &IMAGE_IDS_PENDING, KN_NO_BIND, error)
                                  : kn_db_query (db, &IMAGE_IDS, KN_BIND (kn_text (status)), error);

    return kn_rows_list_texts (rows, error);
}

bool
kn_image_store_usage (KnDb *db, const char *project_id, gint64 *out_images, gint64 *out_bytes,
                      GError **error)
{
    GError *failed = NULL;
    g_autoptr (KnRows) rows = kn_db_query (db, &IMAGE_USAGE, KN_BIND (kn_text (project_id)), error);

    if (!rows)
        return false;
    if (!kn_rows_next (rows, &failed)) {
        if (failed)
            g_propagate_error (error, failed);
        else
            kn_error_set (error, KN_ERROR_DB, "cannot count images: no row");
        return false;
    }
    *out_images = kn_rows_int (rows, 0);
    *out_bytes = kn_rows_int (rows, 1);
    return true;
}

GPtrArray *
kn_image_list_backups (KnDb *db, const char *owner, const char *server_id, const char *backup_type,
                       GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (
        db, &IMAGE_BACKUPS, KN_BIND (kn_text (owner), kn_text (server_id), kn_text (backup_type)),
        error);

    return kn_rows_list_texts (rows, error);
}
