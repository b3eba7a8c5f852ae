/* SPDX-License-Identifier: Apache-2.0 */
/* Images in both databases and in a real folder: lists, uses, collecting, recovery, and each statement failing once. */
#include "image/image_priv.h"
#include "image/inspection.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/id.h"
#include "base/util.h"
#include "scratch_mariadb.h"

static KnScratchMariadb *mariadb;

typedef struct {
    char *folder;
    KnDbPool *pool;
    KnImages *images;
    KnDb *db;
} World;

static void
world_start (World *world, const char *url)
{
    g_autoptr (GError) error = NULL;

    world->folder = g_dir_make_tmp ("kn-image-XXXXXX", NULL);
    g_autofree char *dir = g_build_filename (world->folder, "images", NULL);
    g_autofree char *own = g_strdup_printf ("sqlite:%s/db", world->folder);

    world->pool = kn_db_pool_open (url ? url : own, url ? NULL : world->folder, &error);
    g_assert_no_error (error);
    world->images = kn_images_new (
        &(KnImagesOptions){
            .db = world->pool, .dir = dir, .max_size = MIB, .max_properties = 3, .max_images = 5 },
        &error);
    g_assert_no_error (error);
    world->db = kn_db_thread (world->pool, &error);
    g_assert_no_error (error);
}

static void
world_stop (World *world)
{
    kn_images_free (world->images);
    kn_db_pool_close (world->pool);
    kn_scratch_remove (world->folder);
    g_free (world->folder);
}

static KnImageRow *
new_row (const char *status, const char *owner, const char *visibility)
{
    KnImageRow *row = kn_image_row_new ();

    row->id = kn_id_uuid ();
    row->status = g_strdup (status);
    row->owner = g_strdup (owner);
    row->visibility = g_strdup (visibility);
    row->created_at = kn_db_now ();
    row->updated_at = kn_db_now ();
    g_hash_table_insert (row->properties, g_strdup ("os_type"), g_strdup ("linux"));
    g_ptr_array_add (row->tags, g_strdup ("t"));
    return row;
}

/* An image with bytes; caller frees the id. */
static char *
add_image (World *world, const char *status, const char *owner, const char *visibility)
{
    g_autoptr (KnImageRow) row = new_row (status, owner, visibility);
    const KnStoreOps *ops = world->images->store->ops;
    g_autoptr (GError) error = NULL;

    g_assert_true (kn_image_store_insert (world->db, row, &error));
    KnStorePut *put = ops->put_begin (world->images->store, row->id, &error);
    g_assert_no_error (error);
    g_assert_true (ops->put_write (put, "bytes", 5, &error));
    g_assert_true (ops->put_commit (put, &error));
    g_assert_true (ops->is_busy (world->images->store, row->id));
    ops->put_free (put);
    g_assert_false (ops->is_busy (world->images->store, row->id));
    return g_steal_pointer (&row->id);
}

static bool
has_bytes (World *world, const char *id)
{
    guint64 size = 0;

    return world->images->store->ops->size (world->images->store, id, &size, NULL) && size == 5;
}

static void
delete_image (World *world, const char *id)
{
    bool moved = false;

    g_assert_true (kn_image_store_delete (world->db, id, &moved, NULL) && moved);
    g_assert_true (kn_images_collect (world->images, NULL));
}

/* -- cases --------------------------------------------------------------------------------- */

static void
case_round_trip (World *world)
{
    g_autoptr (KnImageRow) row = new_row ("queued", "p", "private");
    g_autoptr (GError) error = NULL;

    g_assert_true (kn_image_store_insert (world->db, row, &error));
    g_hash_table_remove (row->properties, "os_type");
    g_hash_table_insert (row->properties, g_strdup ("käse"), g_strdup ("ж'\"?"));
    g_ptr_array_set_size (row->tags, 0);
    row->min_ram = 5;
    g_assert_true (kn_image_store_update (world->db, row, &error));

    g_autoptr (KnImageRow) back = kn_image_store_find (world->db, row->id, &error);
    g_assert_no_error (error);
    g_assert_cmpint (back->seq, ==, row->seq);
    g_assert_cmpint (back->min_ram, ==, 5);
    g_assert_cmpint (back->size, ==, -1);
    g_assert_cmpuint (back->tags->len, ==, 0);
    g_assert_cmpuint (g_hash_table_size (back->properties), ==, 1);
    g_assert_cmpstr (g_hash_table_lookup (back->properties, "käse"), ==, "ж'\"?");
    g_assert_false (kn_image_store_insert (world->db, row, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_CONFLICT);
}

static void
case_loads (World *world)
{
    g_autofree char *id = add_image (world, "active", "p", "shared");
    g_autoptr (GError) error = NULL;

    g_autoptr (KnImage) own = kn_image_load (world->db, id, "p", NULL);
    g_autoptr (KnImage) any = kn_image_load (world->db, id, NULL, NULL);
    g_assert_nonnull (own);
    g_assert_nonnull (any);
    g_assert_cmpstr (g_hash_table_lookup (own->properties, "os_type"), ==, "linux");
    g_assert_cmpstr (kn_image_driver (own), ==, "raw");
    g_assert_null (kn_image_load (world->db, id, "q", &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_NOT_FOUND);
    g_assert_true (kn_error_is_public (error));
    g_assert_true (kn_image_member_insert (world->db, id, "q", NULL));
    g_autoptr (KnImage) shared = kn_image_load (world->db, id, "q", NULL);
    g_assert_nonnull (shared);

    kn_autofd fd = kn_image_open (world->images, id, NULL);
    char bytes[5];
    g_assert_cmpint (read (fd, bytes, 5), ==, 5);
    g_assert_cmpmem (bytes, 5, "bytes", 5);
}

/* Bytes stay until the last use is gone; nobody new may begin to use a deleted image. */
static void
case_uses (World *world)
{
    g_autofree char *id = add_image (world, "active", "p", "private");
    g_autofree char *queued = add_image (world, "queued", "p", "private");
    g_autoptr (GError) error = NULL;

    for (guint i = 0; i < 2; i++)
        g_assert_true (kn_image_use_add (world->db, id, "server-1", &error));
    g_assert_true (kn_image_use_add (world->db, id, "server-2", &error));
    g_assert_false (kn_image_use_add (world->db, queued, "server-1", &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_NOT_FOUND);
    g_clear_error (&error);

    delete_image (world, id);
    g_assert_true (has_bytes (world, id));
    g_assert_null (kn_image_store_find (world->db, id, NULL));
    g_assert_true (kn_image_use_add (world->db, id, "server-1", &error));
    g_assert_false (kn_image_use_add (world->db, id, "server-3", &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_NOT_FOUND);

    g_assert_true (kn_image_use_remove (world->db, id, "server-1", NULL));
    g_assert_true (kn_images_collect (world->images, NULL));
    g_assert_true (has_bytes (world, id));
    for (guint i = 0; i < 2; i++)
        g_assert_true (kn_image_use_remove (world->db, id, "server-2", NULL));
    g_assert_true (kn_images_collect (world->images, NULL));
    g_assert_false (has_bytes (world, id));
}

/* A crash at any point of an upload: queued again, no bytes; an upload that lives is left alone. */
static void
case_recovery (World *world)
{
    const KnStoreOps *ops = world->images->store->ops;
    g_autofree char *dead = add_image (world, "saving", "p", "private");
    g_autofree char *alive = add_image (world, "saving", "p", "private");
    g_autofree char *deleted = add_image (world, "active", "p", "private");
    g_autofree char *part = g_strdup_printf ("%s/images/.%s.part", world->folder, dead);
    g_autofree char *foreign = g_strdup_printf ("%s/images/mine.img", world->folder);
    bool moved = false;

    g_assert_true (g_file_set_contents (part, "half", -1, NULL));
    g_assert_true (g_file_set_contents (foreign, "x", -1, NULL));
    g_assert_true (kn_image_store_delete (world->db, deleted, &moved, NULL));
    KnStorePut *put = ops->put_begin (world->images->store, alive, NULL);
    g_assert_nonnull (put);
    g_assert_null (ops->put_begin (world->images->store, alive, NULL));

    g_assert_true (kn_images_recover (world->images, NULL));
    g_autoptr (KnImageRow) first = kn_image_store_find (world->db, dead, NULL);
    g_autoptr (KnImageRow) second = kn_image_store_find (world->db, alive, NULL);
    g_assert_cmpstr (first->status, ==, "queued");
    g_assert_cmpstr (second->status, ==, "saving");
    g_assert_false (has_bytes (world, dead));
    g_assert_true (has_bytes (world, alive));
    g_assert_false (has_bytes (world, deleted));
    g_assert_false (g_file_test (part, G_FILE_TEST_EXISTS));
    g_assert_true (g_file_test (foreign, G_FILE_TEST_EXISTS));
    ops->put_free (put);
}

static bool
txn_many (KnDb *db, gpointer data, GError **error)
{
    for (guint i = 0; i < 70; i++) {
        g_autoptr (KnImageRow) row = new_row ("active", "p", "private");
        g_autoptr (KnImageRow) other = new_row ("active", "q", i % 2 ? "private" : "public");
        if (!kn_image_store_insert (db, row, error) || !kn_image_store_insert (db, other, error))
            return false;
    }
    return true;
}

static void
case_list (World *world)
{
    KnImageScope scope = { .project_id = "p", .member_status = "accepted" };
    gint64 before = G_MAXINT64, last = G_MAXINT64;
    guint n = 0;

    g_assert_true (kn_db_txn (world->db, txn_many, NULL, NULL));
    for (;;) {
        g_autoptr (GPtrArray) page = kn_image_store_list (world->db, &scope, before, 1000, NULL);
        for (guint i = 0; i < page->len; i++, n++) {
            const KnImageRow *row = page->pdata[i];
            g_assert_cmpint (row->seq, <, last);
            g_assert_cmpuint (g_hash_table_size (row->properties), ==, 1);
            g_assert_cmpuint (row->tags->len, ==, 1);
            last = before = row->seq;
        }
        g_assert_cmpuint (page->len, <=, 64);
        if (page->len < 64)
            break;
    }
    g_assert_cmpuint (n, ==, 105);
}

static void
case_quota (World *world)
{
    g_autoptr (GError) error = NULL;

    for (guint i = 0; i < 5; i++) {
        g_assert_true (kn_image_check_quota (world->images, world->db, "p", 1, 0, NULL));
        g_free (add_image (world, "active", "p", "private"));
    }
    g_assert_false (kn_image_check_quota (world->images, world->db, "p", 1, 0, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_OVER_QUOTA);
    g_assert_true (kn_image_check_quota (world->images, world->db, "p", 0, GIB, NULL));
    world->images->max_project_bytes = 1000;
    g_assert_false (kn_image_check_quota (world->images, world->db, "p", 0, 1001, NULL));
    g_assert_false (kn_image_check_quota (world->images, world->db, "p", 0, G_MAXUINT64, NULL));
}

static bool
txn_insert (KnDb *db, gpointer data, GError **error)
{
    return kn_image_store_insert (db, data, error);
}

static bool
txn_update (KnDb *db, gpointer data, GError **error)
{
    return kn_image_store_update (db, data, error);
}

/* Whichever statement fails: an error and the row as it was, never half of it. */
static void
case_each_failure (World *world)
{
    for (guint n = 1;; n++) {
        g_autoptr (KnImageRow) row = new_row ("queued", "p", "private");
        g_autoptr (GError) error = NULL;

        kn_db_fail_after (world->db, n);
        bool done = kn_db_txn (world->db, txn_insert, row, &error);
        kn_db_fail_after (world->db, 0);
        g_autoptr (KnImageRow) back = kn_image_store_find (world->db, row->id, NULL);
        g_assert_true (done == (back != NULL) && done == (error == NULL));
        if (!done)
            continue;

        g_hash_table_insert (row->properties, g_strdup ("new"), g_strdup ("x"));
        for (guint k = 1; !g_hash_table_contains (back->properties, "new"); k++) {
            kn_db_fail_after (world->db, k);
            done = kn_db_txn (world->db, txn_update, row, NULL);
            kn_db_fail_after (world->db, 0);
            kn_image_row_free (back);
            back = kn_image_store_find (world->db, row->id, NULL);
            g_assert_cmpuint (back->tags->len, ==, 1);
            g_assert_true (done == g_hash_table_contains (back->properties, "new"));
        }
        return;
    }
}

static void
case_folder (World *world)
{
    g_autofree char *id = add_image (world, "active", "p", "private");
    g_autofree char *dir = g_build_filename (world->folder, "images", NULL);
    g_autofree char *file = g_build_filename (dir, id, NULL);
    struct stat st;

    g_assert_cmpint (stat (dir, &st), ==, 0);
    g_assert_cmpuint (st.st_mode & 0777, ==, 0755);
    g_assert_cmpint (stat (file, &st), ==, 0);
    g_assert_cmpuint (st.st_mode & 0777, ==, 0644);
    g_assert_cmpuint (st.st_nlink, ==, 1);
}

/* What a disk or a program said may be long, and in any language. */
static void
case_inspection_fails (World *world)
{
    g_autoptr (KnImageRow) row = new_row ("active", "p1", "private");
    g_autoptr (GString) why = g_string_new ("x");
    g_autoptr (GError) error = NULL;

    for (guint i = 0; i < 1200; i++)
        g_string_append (why, "\xc3\xa9");
    g_assert_true (kn_image_store_insert (world->db, row, &error));
    g_assert_true (kn_image_inspection_request (world->db, row->id, &error));
    g_assert_true (kn_image_inspection_fail (world->db, row->id, why->str, &error));
    g_assert_no_error (error);
    g_autoptr (KnImageInspection) stored = kn_image_inspection_find (world->db, row->id, &error);
    g_assert_cmpstr (stored->state, ==, "failed");
    g_assert_true (g_utf8_validate (stored->message, -1, NULL));
    g_assert_true (g_str_has_prefix (why->str, stored->message));
}

typedef struct {
    const char *name;
    void (*run) (World *world);
} Case;

static const Case cases[] = {
    { "round-trip", case_round_trip },
    { "loads", case_loads },
    { "uses", case_uses },
    { "recovery", case_recovery },
    { "list", case_list },
    { "quota", case_quota },
    { "folder", case_folder },
    { "each-failure", case_each_failure },
    { "inspection-fails", case_inspection_fails },
};

static void
run_on_sqlite (gconstpointer data)
{
    const Case *c = data;
    World world = { 0 };

    world_start (&world, NULL);
    c->run (&world);
    world_stop (&world);
}

static void
run_on_mariadb (gconstpointer data)
{
    const Case *c = data;
    World world = { 0 };

    if (!mariadb) {
        g_test_skip ("mariadbd is not installed");
        return;
    }
    g_autofree char *url = kn_scratch_mariadb_url (mariadb);
    world_start (&world, url);
    c->run (&world);
    world_stop (&world);
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    mariadb = kn_scratch_mariadb_start ();
    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autofree char *sqlite = g_strdup_printf ("/image/sqlite/%s", cases[i].name);
        g_autofree char *maria = g_strdup_printf ("/image/mariadb/%s", cases[i].name);
        g_test_add_data_func (sqlite, &cases[i], run_on_sqlite);
        g_test_add_data_func (maria, &cases[i], run_on_mariadb);
    }
    int result = g_test_run ();
    kn_scratch_mariadb_stop (mariadb);
    return result;
}
