/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads: the bytes of an image from an API client. */
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "image/image_priv.h"

#define CONTENT_TYPE "application/octet-stream"

/* A client that sends chunks (glance) reads no answer before its last one: it is let finish, up to this much, and its bytes are
 * dropped, so that it hears why it was refused and not that a pipe is broken. */
#define DISCARD_MAX (16 * GIB)

typedef struct {
    KnImagePut *put; /* NULL: there was none, or it is over */
    bool deaf;       /* the client reads no answer until it has sent everything */
    GError *refusal; /* what it will hear then */
    guint64 dropped; /* bytes since then */
} Upload;

static void
upload_abort (gpointer data)
{
    Upload *up = data;

    kn_image_put_free (up->put);
    g_clear_error (&up->refusal);
    g_free (up);
}

static bool
check_media_type (const KnRequest *req, GError **error)
{
    const char *type = kn_request_header (req, "Content-Type");
    gsize len = strlen (CONTENT_TYPE);

    if (type && g_ascii_strncasecmp (type, CONTENT_TYPE, len) == 0
        && (type[len] == '\0' || type[len] == ';' || type[len] == ' '))
        return true;
    kn_error_public (error, KN_ERROR_MEDIA_TYPE, "Image data has the type " CONTENT_TYPE ".");
    return false;
}

/* What the client says that it will send; 0: it does not say. */
static guint64
announced_bytes (const KnRequest *req)
{
    const char *text = kn_request_header (req, "Content-Length");
    gint64 bytes = 0;

    return text && kn_parse_int (text, 0, G_MAXINT64, &bytes) ? (guint64)bytes : 0;
}

static bool
is_deaf (const KnRequest *req)
{
    return kn_request_header (req, "Content-Length") == NULL;
}

static KnImagePut *
begin_put (KnRequest *req, GError **error)
{
    KnImages *images = kn_request_service (req);
    KnDb *db = kn_db_thread (images->db, error);

    if (!db || !check_media_type (req, error))
        return NULL;

    g_autoptr (KnImageRow) row
        = kn_image_row_load_own (db, kn_request_param (req, "id"), kn_request_auth (req), error);

    return row ? kn_image_put_new (images, db, &row, announced_bytes (req), error) : NULL;
}

static gpointer
upload_begin (KnRequest *req, GError **error)
{
    GError *refusal = NULL;
    KnImagePut *put = begin_put (req, &refusal);

    if (!put && !is_deaf (req)) {
        g_propagate_error (error, refusal);
        return NULL;
    }
    Upload *up = g_new0 (Upload, 1);

    *up = (Upload){ .put = put, .deaf = is_deaf (req), .refusal = refusal };
    return up;
}

static bool
upload_chunk (KnRequest *req, gpointer data, const char *bytes, gsize len, GError **error)
{
    Upload *up = data;

    if (up->refusal) {
        up->dropped += len;
        if (up->dropped <= DISCARD_MAX)
            return true;
        g_propagate_error (error, g_steal_pointer (&up->refusal));
        return false;
    }
    if (kn_image_put_write (up->put, bytes, len, &up->refusal))
        return true;
    /* Now and not when we are freed: the client may have its answer before that. */
    kn_image_put_give_back (up->put);
    if (up->deaf)
        return true;
    g_propagate_error (error, g_steal_pointer (&up->refusal));
    return false;
}

static bool
upload_finish (KnRequest *req, gpointer data, GError **error)
{
    Upload *up = data;

    if (up->refusal) {
        g_propagate_error (error, g_steal_pointer (&up->refusal));
        return false;
    }
    if (!kn_image_put_finish (up->put, error))
        return false;
    const KnImageRow *row = kn_image_put_row (up->put);

    kn_log (KN_LOG_INFO, "image uploaded", "request", kn_request_id (req), "image", row->id,
            "project", row->owner, "format", row->disk_format, NULL);
    kn_request_reply_empty (req, 204);
    return true;
}

const KnBodySink kn_image_upload_sink = {
    .begin = upload_begin, .chunk = upload_chunk, .finish = upload_finish, .abort = upload_abort
};
