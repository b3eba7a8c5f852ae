/* SPDX-License-Identifier: Apache-2.0 */
/* The image and its rules: who may see it, who may change it, which states follow each other. */
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "guest/registry.h"
#include "image/format.h"
#include "image/image_priv.h"

/* Images that are read at a time. */
#define PAGE 64

typedef struct {
    const char *from;
    const char *to[2]; /* states that an action may lead to */
} KnImageStatusRow;

static const KnImageStatusRow status_rows[] = {
    { "active", { "deactivated", "active" } },
    { "deactivated", { "active", "deactivated" } },
};

bool
kn_image_status_may (const char *from, const char *to)
{
    for (guint i = 0; i < G_N_ELEMENTS (status_rows); i++) {
        if (strcmp (status_rows[i].from, from) != 0)
            continue;
        for (guint j = 0; j < G_N_ELEMENTS (status_rows[i].to) && status_rows[i].to[j]; j++) {
            if (strcmp (status_rows[i].to[j], to) == 0)
                return true;
        }
    }
    return false;
}

static void
set_not_found (GError **error, const char *id)
{
    /* What was sent may be any text. */
    g_autofree char *shown = g_utf8_make_valid (id, (gssize)strnlen (id, 64));

    kn_error_public (error, KN_ERROR_NOT_FOUND, "No image found with ID %s.", shown);
}

bool
kn_image_is_owner (const KnImageRow *row, const KnAuth *auth)
{
    return row->owner && auth->project_id && strcmp (row->owner, auth->project_id) == 0;
}

/* Whether @project_id may use the image; *@out_visible. */
static bool
find_visible (KnDb *db, const KnImageRow *row, const char *project_id, bool *out_visible,
              GError **error)
{
    if (strcmp (row->visibility, "public") == 0 || strcmp (row->visibility, "community") == 0
        || (project_id && g_strcmp0 (row->owner, project_id) == 0)) {
        *out_visible = true;
        return true;
    }
    if (strcmp (row->visibility, "shared") != 0 || !project_id) {
        *out_visible = false;
        return true;
    }

    GError *failed = NULL;
    g_autoptr (KnImageMember) member = kn_image_member_find (db, row->id, project_id, &failed);
    if (failed) {
        g_propagate_error (error, failed);
        return false;
    }
    *out_visible = member != NULL;
    return true;
}

static KnImageRow *
load_for (KnDb *db, const char *id, const char *project_id, bool any, GError **error)
{
    GError *failed = NULL;
    bool visible = any;
    g_autoptr (KnImageRow) row = kn_image_store_find (db, id, &failed);

    if (failed) {
        g_propagate_error (error, failed);
        return NULL;
    }
    if (row && !any && !find_visible (db, row, project_id, &visible, error))
        return NULL;
    if (!row || !visible) {
        set_not_found (error, id);
        return NULL;
    }
    return g_steal_pointer (&row);
}

KnImageRow *
kn_image_row_load (KnDb *db, const char *id, const KnAuth *auth, GError **error)
{
    return load_for (db, id, auth->project_id, auth->role >= KN_ROLE_ADMIN, error);
}

KnImageRow *
kn_image_row_load_own (KnDb *db, const char *id, const KnAuth *auth, GError **error)
{
    g_autoptr (KnImageRow) row = kn_image_row_load (db, id, auth, error);

    if (!row)
        return NULL;
    if (auth->role < KN_ROLE_ADMIN && !kn_image_is_owner (row, auth)) {
        kn_error_public (error, KN_ERROR_FORBIDDEN,
                         "Image %s belongs to another project and may not be changed.", row->id);
        return NULL;
    }
    return g_steal_pointer (&row);
}

/* The openstack command cannot list any image while one of these is no number. All other values are judged when a server is made. */
static bool
check_number (const char *name, const char *value, GError **error)
{
    const KnGuestProperty *row = kn_guest_property_find (name);
    const char *digits = *value == '-' ? value + 1 : value;

    if (row == NULL || row->type != KN_PROPERTY_INT
        || (*digits != '\0' && strspn (digits, "0123456789") == strlen (digits)))
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "%s cannot be '%.64s': it is a whole number.",
                     name, value);
    return false;
}

static bool
check_properties (const KnImages *images, const KnImageRow *row, GError **error)
{
    GHashTableIter iter;
    gpointer name, value;
    gsize bytes = 0;

    if (g_hash_table_size (row->properties) > images->max_properties) {
        kn_error_public (error, KN_ERROR_TOO_LARGE,
                         "An image may have %u properties; this one would have %u.",
                         images->max_properties, g_hash_table_size (row->properties));
        return false;
    }

    g_hash_table_iter_init (&iter, row->properties);
    while (g_hash_table_iter_next (&iter, &name, &value)) {
        bytes += strlen (name) + strlen (value);
        if (!check_number (name, value, error))
            return false;
    }
    if (bytes > KN_IMAGE_MAX_PROPERTY_BYTES) {
        kn_error_public (error, KN_ERROR_TOO_LARGE,
                         "The properties of an image may have %" G_GSIZE_FORMAT
                         " bytes; these have %" G_GSIZE_FORMAT ".",
                         (gsize)KN_IMAGE_MAX_PROPERTY_BYTES, bytes);
        return false;
    }
    return true;
}

static bool
is_amazon_kind (const char *format)
{
    static const char *const kinds[] = { "ami", "ari", "aki", NULL };

    return format && g_strv_contains (kinds, format);
}

bool
kn_image_check (const KnImages *images, const KnImageRow *row, GError **error)
{
    if (row->tags->len > KN_IMAGE_MAX_TAGS) {
        kn_error_public (error, KN_ERROR_TOO_LARGE, "An image may have %d tags.",
                         KN_IMAGE_MAX_TAGS);
        return false;
    }
    if (row->disk_format && row->container_format
        && (is_amazon_kind (row->disk_format) || is_amazon_kind (row->container_format))
        && strcmp (row->disk_format, row->container_format) != 0) {
        kn_error_public (
            error, KN_ERROR_BAD_REQUEST,
            "With ami, ari or aki, disk_format and container_format must be the same.");
        return false;
    }
    return check_properties (images, row, error);
}

bool
kn_image_check_quota (const KnImages *images, KnDb *db, const char *project_id, guint new_images,
                      guint64 bytes, GError **error)
{
    gint64 have_images = 0, have_bytes = 0;

    if (!kn_image_store_usage (db, project_id, &have_images, &have_bytes, error))
        return false;
    if ((guint64)have_images + new_images > images->max_images) {
        kn_error_public (error, KN_ERROR_OVER_QUOTA,
                         "The project has %" G_GINT64_FORMAT " images and may have %u.",
                         have_images, images->max_images);
        return false;
    }
    if (images->max_project_bytes > 0
        && (bytes > images->max_project_bytes
            || (guint64)have_bytes > images->max_project_bytes - bytes)) {
        kn_error_public (error, KN_ERROR_OVER_QUOTA,
                         "The project's images have %" G_GINT64_FORMAT
                         " bytes and may have %" G_GUINT64_FORMAT ".",
                         have_bytes, images->max_project_bytes);
        return false;
    }
    return true;
}

void
kn_image_free (KnImage *image)
{
    if (!image)
        return;
    g_free (image->id);
    g_free (image->name);
    g_free (image->status);
    g_free (image->owner);
    g_free (image->visibility);
    g_free (image->disk_format);
    g_free (image->container_format);
    g_free (image->checksum);
    g_free (image->created_at);
    g_free (image->updated_at);
    g_clear_pointer (&image->properties, g_hash_table_unref);
    g_free (image);
}

/* Takes what it needs out of @row. */
static KnImage *
take_image (KnImageRow *row)
{
    KnImage *image = g_new0 (KnImage, 1);

    *image = (KnImage){ .id = g_steal_pointer (&row->id),
                        .name = g_steal_pointer (&row->name),
                        .status = g_steal_pointer (&row->status),
                        .owner = g_steal_pointer (&row->owner),
                        .visibility = g_steal_pointer (&row->visibility),
                        .disk_format = g_steal_pointer (&row->disk_format),
                        .container_format = g_steal_pointer (&row->container_format),
                        .checksum = g_steal_pointer (&row->checksum),
                        .size_bytes = (guint64)MAX (row->size, 0),
                        .virtual_size_bytes = (guint64)MAX (row->virtual_size, 0),
                        .created_at = g_steal_pointer (&row->created_at),
                        .updated_at = g_steal_pointer (&row->updated_at),
                        .min_ram_mib = row->min_ram,
                        .min_disk_gib = row->min_disk,
                        .properties = g_hash_table_ref (row->properties) };
    return image;
}

KnImage *
kn_image_load (KnDb *db, const char *id, const char *project_id, GError **error)
{
    g_autoptr (KnImageRow) row = load_for (db, id, project_id, project_id == NULL, error);

    return row ? take_image (row) : NULL;
}

bool
kn_image_each (KnDb *db, const char *project_id,
               bool (*visit) (const KnImage *image, gpointer data), gpointer data, GError **error)
{
    const KnImageScope scope = { .project_id = project_id, .member_status = "accepted" };
    gint64 before = G_MAXINT64;

    for (;;) {
        g_autoptr (GPtrArray) page = kn_image_store_list (db, &scope, before, PAGE, error);

        if (!page)
            return false;
        for (guint i = 0; i < page->len; i++) {
            KnImageRow *row = g_ptr_array_index (page, i);
            before = row->seq;
            g_autoptr (KnImage) image = take_image (row);

            if (!visit (image, data))
                return true;
        }
        if (page->len < PAGE)
            return true;
    }
}

const char *
kn_image_driver (const KnImage *image)
{
    KnFormat format = KN_FORMAT_RAW;

    if (image->disk_format && !kn_format_from_string (image->disk_format, &format))
        return NULL;
    return kn_format_driver (format);
}
