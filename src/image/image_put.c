/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of an image on their way into the store: judged, hashed and written while they arrive. */
#include <string.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/util.h"
#include "image/format.h"
#include "image/image_priv.h"
#include "image/inspection.h"

struct KnImagePut {
    KnImages *images;
    KnImageRow *row;
    KnFormat declared;
    KnStorePut *put;
    GChecksum *md5, *sha512;
    guint8 *head; /* the first bytes, until they have been judged */
    gsize head_len;
    bool judged;    /* the head was taken */
    bool claimed;   /* the row is `saving` for us */
    bool committed; /* the bytes may stand under the id */
    bool moved;     /* the row became active */
    bool done;      /* the image is active, for everybody */
    guint64 received;
};

static gsize
read_head (gpointer data, guint64 offset, void *buffer, gsize len)
{
    const KnImagePut *up = data;

    if (offset >= up->head_len)
        return 0;
    gsize n = MIN (len, up->head_len - (gsize)offset);
    memcpy (buffer, up->head + offset, n);
    return n;
}

static gsize
read_stored (gpointer data, guint64 offset, void *buffer, gsize len)
{
    KnImagePut *up = data;

    return up->images->store->ops->put_read (up->put, offset, buffer, len);
}

void
kn_image_put_give_back (KnImagePut *up)
{
    const KnStoreOps *store = up->images->store->ops;
    g_autoptr (GError) error = NULL;
    bool moved = false;

    if (!up->put)
        return;
    /* The bytes first: the database may lie on the disk that they have filled. */
    if (!up->done && up->committed)
        (void)store->remove (up->images->store, up->row->id, NULL);
    store->put_free (g_steal_pointer (&up->put));
    if (!up->done && up->claimed) {
        KnDb *db = kn_db_thread (up->images->db, &error);
        if (!db || !kn_image_store_move (db, up->row->id, "saving", "queued", &moved, &error))
            kn_log (KN_LOG_WARNING, "an interrupted upload stays `saving` until the next start",
                    "image", up->row->id, "error", error->message, NULL);
    }
    up->committed = up->claimed = false;
}

void
kn_image_put_free (KnImagePut *up)
{
    if (!up)
        return;
    kn_image_put_give_back (up);
    g_clear_pointer (&up->md5, g_checksum_free);
    g_clear_pointer (&up->sha512, g_checksum_free);
    g_free (up->head);
    kn_image_row_free (up->row);
    g_free (up);
}

static bool
refuse_size (const KnImages *images, GError **error)
{
    kn_error_public (error, KN_ERROR_TOO_LARGE,
                     "An image may have %" G_GUINT64_FORMAT " bytes; this one has more.",
                     images->max_size);
    return false;
}

static bool
check_room (const KnImages *images, KnDb *db, const KnImageRow *row, guint64 bytes, GError **error)
{
    if (bytes > images->max_size)
        return refuse_size (images, error);
    return !row->owner || kn_image_check_quota (images, db, row->owner, 0, bytes, error);
}

static bool
check_ready (const KnImageRow *row, KnFormat *out_declared, GError **error)
{
    if (strcmp (row->status, "queued") != 0) {
        kn_error_public (error, KN_ERROR_CONFLICT,
                         "Image %s is %s; only a queued image takes data.", row->id, row->status);
        return false;
    }
    if (!row->disk_format || !row->container_format
        || !kn_format_from_string (row->disk_format, out_declared)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "Set disk_format and container_format before uploading data.");
        return false;
    }
    return true;
}

/* The folder's lock first, then the row: a row that is `saving` always has a live lock or is a crash's. */
static bool
claim (KnImagePut *up, KnDb *db, GError **error)
{
    up->put = up->images->store->ops->put_begin (up->images->store, up->row->id, error);
    if (!up->put || !kn_image_store_move (db, up->row->id, "queued", "saving", &up->claimed, error))
        return false;
    if (!up->claimed) {
        kn_error_public (error, KN_ERROR_CONFLICT, "Image %s is not queued any more.", up->row->id);
        return false;
    }
    return true;
}

KnImagePut *
kn_image_put_new (KnImages *images, KnDb *db, KnImageRow **row, guint64 announced, GError **error)
{
    KnFormat declared = KN_FORMAT_RAW;

    if (!check_ready (*row, &declared, error) || !check_room (images, db, *row, announced, error))
        return NULL;

    g_autoptr (KnImagePut) up = g_new0 (KnImagePut, 1);
    *up = (KnImagePut){ .images = images,
                        .row = g_steal_pointer (row),
                        .declared = declared,
                        .md5 = g_checksum_new (G_CHECKSUM_MD5),
                        .sha512 = g_checksum_new (G_CHECKSUM_SHA512),
                        .head = g_malloc (KN_FORMAT_HEAD) };
    if (!claim (up, db, error) || !kn_fault ("image.upload.begin", error))
        return NULL;
    return g_steal_pointer (&up);
}

KnImagePut *
kn_image_put_begin (KnImages *images, const char *id, GError **error)
{
    KnDb *db = kn_db_thread (images->db, error);

    /* What a crash of whoever began this before has left. */
    if (!db || !kn_image_recover_upload (images, db, id, error))
        return NULL;
    g_autoptr (KnImageRow) row
        = kn_image_row_load (db, id, &(KnAuth){ .role = KN_ROLE_ADMIN }, error);

    return row ? kn_image_put_new (images, db, &row, 0, error) : NULL;
}

static bool
store_bytes (KnImagePut *up, const char *bytes, gsize len, GError **error)
{
    GError *failed = NULL;

    if (up->images->store->ops->put_write (up->put, bytes, len, &failed))
        return true;
    if (g_error_matches (failed, KN_ERROR, KN_ERROR_NO_SPACE)) {
        kn_log (KN_LOG_ERROR, "the image store is full", "image", up->row->id, NULL);
        g_error_free (failed);
        kn_error_public (error, KN_ERROR_NO_SPACE,
                         "There is no space left for image data. The image is queued again.");
        return false;
    }
    g_propagate_error (error, failed);
    return false;
}

/* Judges the first bytes before any of them reaches the disk. */
static bool
judge_head (KnImagePut *up, GError **error)
{
    KnFormatInput input = { .read = read_head, .data = up };
    KnFormatInfo info;
    KnFormat format;

    if (!kn_format_detect (&input, &info, error)
        || !kn_format_resolve (up->declared, &info, &format, error))
        return false;
    up->judged = true;
    return store_bytes (up, (const char *)up->head, up->head_len, error);
}

bool
kn_image_put_write (KnImagePut *up, const char *bytes, gsize len, GError **error)
{
    up->received += len;
    if (up->received > up->images->max_size)
        return refuse_size (up->images, error);
    g_checksum_update (up->md5, (const guchar *)bytes, (gssize)len);
    g_checksum_update (up->sha512, (const guchar *)bytes, (gssize)len);

    if (!up->judged) {
        gsize n = MIN (len, KN_FORMAT_HEAD - up->head_len);
        memcpy (up->head + up->head_len, bytes, n);
        up->head_len += n;
        bytes += n;
        len -= n;
        if (up->head_len == KN_FORMAT_HEAD && !judge_head (up, error))
            return false;
    }
    return len == 0 || store_bytes (up, bytes, len, error);
}

static void
replace (char **slot, const char *value)
{
    g_free (*slot);
    *slot = g_strdup (value);
}

/* The whole image is there: settles format and sizes. */
static bool
judge_whole (KnImagePut *up, GError **error)
{
    KnFormatInput input = { .read = read_stored, .data = up, .size_bytes = up->received };
    KnImageRow *row = up->row;
    KnFormatInfo info;
    KnFormat format;

    if (!kn_format_detect (&input, &info, error)
        || !kn_format_resolve (up->declared, &info, &format, error))
        return false;

    replace (&row->declared_format, row->disk_format);
    replace (&row->disk_format, kn_format_name (format));
    replace (&row->checksum, g_checksum_get_string (up->md5));
    replace (&row->os_hash_algo, "sha512");
    replace (&row->os_hash_value, g_checksum_get_string (up->sha512));
    row->size = (gint64)up->received;
    row->virtual_size = (gint64)info.virtual_size_bytes;
    return true;
}

/* A snapshot has what its server's image said. */
static bool
wants_inspection (const KnImagePut *up)
{
    const char *type = g_hash_table_lookup (up->row->properties, "image_type");

    return g_strcmp0 (type, "snapshot") != 0 && g_strcmp0 (type, "backup") != 0
           && kn_image_inspection_is_automatic (up->images);
}

/* The image becomes active, and waits for an inspection from the same moment on. */
static bool
activate_row (KnDb *db, gpointer data, GError **error)
{
    KnImagePut *up = data;

    return kn_image_store_activate (db, up->row, &up->moved, error)
           && (!up->moved || !wants_inspection (up)
               || kn_image_inspection_enqueue (db, up->row->id, NULL, error));
}

static bool
activate (KnImagePut *up, KnDb *db, GError **error)
{
    up->committed = true;
    if (!up->images->store->ops->put_commit (up->put, error)
        || !kn_fault ("image.upload.activate", error) || !kn_db_txn (db, activate_row, up, error))
        return false;
    if (!up->moved) {
        kn_error_public (error, KN_ERROR_GONE, "Image %s was deleted during the upload.",
                         up->row->id);
        return false;
    }
    up->done = true;
    if (up->images->jobs)
        kn_jobs_wake (up->images->jobs);
    return true;
}

bool
kn_image_put_finish (KnImagePut *up, GError **error)
{
    KnDb *db = kn_db_thread (up->images->db, error);

    if (db && (up->judged || judge_head (up, error)) && judge_whole (up, error)
        && check_room (up->images, db, up->row, up->received, error) && activate (up, db, error))
        return true;
    kn_image_put_give_back (up);
    return false;
}

const KnImageRow *
kn_image_put_row (const KnImagePut *up)
{
    return up->row;
}
