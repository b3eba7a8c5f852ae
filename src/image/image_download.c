/* SPDX-License-Identifier: Apache-2.0 */
/* Downloads: the bytes of an image, whole or a range. */
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/util.h"
#include "image/image_priv.h"

#define CONTENT_TYPE "application/octet-stream"

typedef struct {
    guint64 first, len;
} Range;

typedef enum { RANGE_NONE, RANGE_ONE, RANGE_BAD } RangeKind;

/* "bytes=a-b", "bytes=a-", "bytes=-n" (RFC 9110, 14.2). Several ranges, or another unit: as if none was asked for. */
static RangeKind
parse_range (const char *text, guint64 size, Range *out_range)
{
    gint64 first = 0, last = 0;

    if (!text || !g_str_has_prefix (text, "bytes=") || strchr (text, ','))
        return RANGE_NONE;
    g_auto (GStrv) ends = g_strsplit (text + 6, "-", 2);
    if (g_strv_length (ends) != 2)
        return RANGE_BAD;

    bool has_first = kn_parse_int (ends[0], 0, G_MAXINT64, &first);
    bool has_last = kn_parse_int (ends[1], 0, G_MAXINT64, &last);
    if ((ends[0][0] && !has_first) || (ends[1][0] && !has_last) || (!has_first && !has_last))
        return RANGE_BAD;
    if (!has_first) {
        guint64 n = MIN ((guint64)last, size);
        *out_range = (Range){ size - n, n };
        return n > 0 ? RANGE_ONE : RANGE_BAD;
    }
    if ((guint64)first >= size || (has_last && last < first))
        return RANGE_BAD;
    guint64 end = has_last ? MIN ((guint64)last + 1, size) : size;
    *out_range = (Range){ (guint64)first, end - (guint64)first };
    return RANGE_ONE;
}

static bool
refuse_range (KnRequest *req, guint64 size, GError **error)
{
    g_autofree char *value = g_strdup_printf ("bytes */%" G_GUINT64_FORMAT, size);
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_request_add_header (req, "Content-Range", value);
    kn_jw_object (w);
    kn_jw_object_member (w, "error");
    kn_jw_int_member (w, "code", 416);
    kn_jw_format_member (w, "message", "The range is outside of the %" G_GUINT64_FORMAT " bytes.",
                         size);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 416, w);
    return true;
}

static bool
send_bytes (KnRequest *req, const KnImageRow *row, int owned_fd, guint64 size, GError **error)
{
    Range range = { 0, size };
    kn_autofd fd = owned_fd;
    RangeKind kind = parse_range (kn_request_header (req, "Range"), size, &range);

    kn_request_add_header (req, "Accept-Ranges", "bytes");
    if (kind == RANGE_BAD)
        return refuse_range (req, size, error);
    if (kind == RANGE_ONE) {
        g_autofree char *value = g_strdup_printf ("bytes %" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT
                                                  "/%" G_GUINT64_FORMAT,
                                                  range.first, range.first + range.len - 1, size);
        kn_request_add_header (req, "Content-Range", value);
    } else if (row->checksum) {
        kn_request_add_header (req, "Content-MD5", row->checksum);
    }

    int given = fd;
    fd = -1;
    kn_request_reply_fd (req, kind == RANGE_ONE ? 206 : 200, CONTENT_TYPE, given, range.first,
                         range.len);
    return true;
}

bool
kn_image_api_download (KnRequest *req, GError **error)
{
    KnImages *images = kn_request_service (req);
    KnDb *db = kn_db_thread (images->db, error);
    guint64 size = 0;

    if (!db)
        return false;
    g_autoptr (KnImageRow) row
        = kn_image_row_load (db, kn_request_param (req, "id"), kn_request_auth (req), error);
    if (!row)
        return false;
    if (strcmp (row->status, "deactivated") == 0 && !kn_request_is_admin (req)) {
        kn_error_public (error, KN_ERROR_FORBIDDEN, "Image %s is deactivated.", row->id);
        return false;
    }
    if (row->size < 0) {
        kn_request_reply_empty (req, 204);
        return true;
    }
    int fd = images->store->ops->get (images->store, row->id, error);
    if (fd < 0)
        return false;
    if (!images->store->ops->size (images->store, row->id, &size, error)) {
        (void)close (fd);
        return false;
    }
    return send_bytes (req, row, fd, size, error);
}
