/* SPDX-License-Identifier: Apache-2.0 */
/* /v2/images: create, list, show, patch, delete, tags, deactivate and reactivate. */
#include <string.h>

#include "base/error.h"
#include "base/id.h"
#include "base/log.h"
#include "image/image_priv.h"
#include "image/inspection.h"
#include "image/patch.h"

static KnDb *
db_of (KnRequest *req, GError **error)
{
    KnImages *images = kn_request_service (req);

    return kn_db_thread (images->db, error);
}

static void
reply_image (KnRequest *req, guint status, const KnImageRow *row)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_image_write (w, row);
    kn_request_reply_json (req, status, w);
}

/* -- create -------------------------------------------------------------------------------- */

typedef struct {
    KnImages *images;
    KnImageRow *row;
} Create;

static bool
txn_create (KnDb *db, gpointer data, GError **error)
{
    Create *create = data;
    GError *failed = NULL;

    if (create->row->owner
        && !kn_image_check_quota (create->images, db, create->row->owner, 1, 0, error))
        return false;
    if (kn_image_store_insert (db, create->row, &failed))
        return true;
    if (!g_error_matches (failed, KN_ERROR, KN_ERROR_CONFLICT)) {
        g_propagate_error (error, failed);
        return false;
    }
    g_error_free (failed);
    kn_error_public (error, KN_ERROR_CONFLICT, "There is or was an image with ID %s.",
                     create->row->id);
    return false;
}

static KnImageRow *
new_row (const KnAuth *auth)
{
    KnImageRow *row = kn_image_row_new ();

    row->status = g_strdup ("queued");
    row->visibility = g_strdup ("shared");
    row->owner = g_strdup (auth->project_id);
    row->created_at = kn_db_now ();
    row->updated_at = g_strdup (row->created_at);
    return row;
}

static bool
read_members (const json_t *body, KnImageRow *row, const KnImageEditor *editor, GError **error)
{
    const char *name;
    json_t *value;

    if (!json_is_object (body)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "The body must be a JSON object.");
        return false;
    }
    json_object_foreach ((json_t *)body, name, value) {
        if (!kn_image_edit_set (row, editor, name, value, error))
            return false;
    }
    if (!row->id)
        row->id = kn_id_uuid ();
    return true;
}

bool
kn_image_api_create (KnRequest *req, GError **error)
{
    KnImages *images = kn_request_service (req);
    KnImageEditor editor = { .auth = kn_request_auth (req), .creating = true };
    g_autoptr (KnImageRow) row = new_row (editor.auth);

    const json_t *body = kn_request_json (req, error);
    if (!body || !read_members (body, row, &editor, error) || !kn_image_check (images, row, error))
        return false;

    KnDb *db = db_of (req, error);
    if (!db || !kn_db_txn (db, txn_create, &(Create){ images, row }, error))
        return false;

    g_autofree char *url = g_strdup_printf ("%s/v2/images/%s", kn_request_base_url (req), row->id);
    kn_request_add_header (req, "Location", url);
    reply_image (req, 201, row);
    return true;
}

/* -- list ---------------------------------------------------------------------------------- */

static bool
append_query (const char *name, const char *value, gpointer data)
{
    GString *url = data;

    if (strcmp (name, "marker") == 0)
        return true;
    g_autofree char *key = g_uri_escape_string (name, NULL, FALSE);
    g_autofree char *text = g_uri_escape_string (value, NULL, FALSE);
    g_string_append_printf (url, "%c%s=%s", strchr (url->str, '?') ? '&' : '?', key, text);
    return true;
}

void
kn_image_append_query (const KnRequest *req, GString *url)
{
    kn_request_each_query (req, append_query, url);
}

static void
write_links (KnJw *w, const KnRequest *req, const GPtrArray *rows, bool more)
{
    g_autoptr (GString) url = g_string_new ("/v2/images");

    kn_image_append_query (req, url);
    kn_jw_string_member (w, "first", url->str);
    if (more) {
        const KnImageRow *last = rows->pdata[rows->len - 1];
        g_string_append_printf (url, "%cmarker=%s", strchr (url->str, '?') ? '&' : '?', last->id);
        kn_jw_string_member (w, "next", url->str);
    }
    kn_jw_string_member (w, "schema", "/v2/schemas/images");
}

/* "/v2/images/" names an image with an empty id. */
bool
kn_image_api_no_id (KnRequest *req, GError **error)
{
    kn_error_public (error, KN_ERROR_NOT_FOUND, "No image ID was given.");
    return false;
}

bool
kn_image_api_list (KnRequest *req, GError **error)
{
    if (g_str_has_suffix (kn_request_path (req), "/"))
        return kn_image_api_no_id (req, error);

    g_autoptr (KnImageQuery) query = kn_image_query_parse (req, error);
    KnDb *db = query ? db_of (req, error) : NULL;
    bool more = false;

    if (!db)
        return false;
    g_autoptr (GPtrArray) rows
        = kn_image_query_run (query, db, kn_request_auth (req), &more, error);
    if (!rows)
        return false;

    g_autoptr (KnJw) w = kn_jw_new ();
    kn_jw_object (w);
    kn_jw_array_member (w, "images");
    for (guint i = 0; i < rows->len; i++)
        kn_image_write (w, rows->pdata[i]);
    kn_jw_end (w);
    write_links (w, req, rows, more);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

/* -- show ---------------------------------------------------------------------------------- */

bool
kn_image_api_show (KnRequest *req, GError **error)
{
    KnDb *db = db_of (req, error);

    if (!db)
        return false;
    g_autoptr (KnImageRow) row
        = kn_image_row_load (db, kn_request_param (req, "id"), kn_request_auth (req), error);
    if (!row)
        return false;
    reply_image (req, 200, row);
    return true;
}

bool
kn_image_api_warnings (KnRequest *req, GError **error)
{
    KnDb *db = db_of (req, error);

    if (!db)
        return false;
    g_autoptr (KnImageRow) row
        = kn_image_row_load (db, kn_request_param (req, "id"), kn_request_auth (req), error);
    if (!row)
        return false;

    g_autoptr (GPtrArray) warnings = kn_image_warnings (row);
    GError *failed = NULL;
    g_autoptr (KnImageInspection) inspection = kn_image_inspection_find (db, row->id, &failed);
    if (failed) {
        g_propagate_error (error, failed);
        return false;
    }
    if (inspection && inspection->found)
        kn_image_inspection_contradict (row, inspection->found, warnings);
    g_autoptr (KnJw) w = kn_jw_new ();
    kn_jw_object (w);
    kn_jw_array_member (w, "warnings");
    for (guint i = 0; i < warnings->len; i++) {
        const KnImageWarning *warning = warnings->pdata[i];
        kn_jw_object (w);
        kn_jw_string_member (w, "property", warning->property);
        kn_jw_string_member (w, "value", warning->value);
        kn_jw_string_member (w, "message", warning->message);
        kn_jw_string_member (w, "suggestion", warning->suggestion);
        kn_jw_end (w);
    }
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

/* -- change -------------------------------------------------------------------------------- */

/* One change of an image: load it as it is now, let @apply change it, write it back. */
typedef struct {
    KnImages *images;
    const KnAuth *auth;
    const char *id;
    bool (*apply) (KnImageRow *row, gpointer data, GError **error);
    gpointer data;
    KnImageRow *row; /* the result */
} Change;

static bool
txn_change (KnDb *db, gpointer data, GError **error)
{
    Change *change = data;
    g_autoptr (KnImageRow) row = kn_image_row_load_own (db, change->id, change->auth, error);

    if (!row || !change->apply (row, change->data, error)
        || !kn_image_check (change->images, row, error))
        return false;
    g_free (row->updated_at);
    row->updated_at = kn_db_now ();
    if (!kn_image_store_update (db, row, error))
        return false;
    kn_image_row_free (change->row);
    change->row = g_steal_pointer (&row);
    return true;
}

static KnImageRow *
change_image (KnRequest *req, bool (*apply) (KnImageRow *row, gpointer data, GError **error),
              gpointer data, GError **error)
{
    Change change = { .images = kn_request_service (req),
                      .auth = kn_request_auth (req),
                      .id = kn_request_param (req, "id"),
                      .apply = apply,
                      .data = data };
    KnDb *db = db_of (req, error);

    if (!db || !kn_db_txn (db, txn_change, &change, error)) {
        kn_image_row_free (change.row);
        return NULL;
    }
    return change.row;
}

typedef struct {
    KnImageEditor editor;
    const json_t *document;
    bool v20;
} Patch;

static bool
apply_patch (KnImageRow *row, gpointer data, GError **error)
{
    Patch *patch = data;

    return kn_image_edit_patch (row, &patch->editor, patch->document, patch->v20, error);
}

/* The media type without its parameters is @type. */
static bool
has_type (const KnRequest *req, const char *type)
{
    const char *header = kn_request_header (req, "Content-Type");
    gsize len = strlen (type);

    return header && g_ascii_strncasecmp (header, type, len) == 0
           && (header[len] == '\0' || header[len] == ';' || header[len] == ' ');
}

bool
kn_image_api_patch (KnRequest *req, GError **error)
{
    Patch patch
        = { .editor = { .auth = kn_request_auth (req) }, .v20 = has_type (req, KN_PATCH_TYPE_V20) };

    if (!patch.v20 && !has_type (req, KN_PATCH_TYPE_V21)) {
        kn_error_public (error, KN_ERROR_MEDIA_TYPE, "A patch has the type %s or %s.",
                         KN_PATCH_TYPE_V21, KN_PATCH_TYPE_V20);
        return false;
    }
    patch.document = kn_request_json (req, error);
    if (!patch.document)
        return false;

    g_autoptr (KnImageRow) row = change_image (req, apply_patch, &patch, error);
    if (!row)
        return false;
    reply_image (req, 200, row);
    return true;
}

/* -- tags ---------------------------------------------------------------------------------- */

static bool
apply_tag_put (KnImageRow *row, gpointer data, GError **error)
{
    const char *tag = data;

    if (g_utf8_strlen (tag, -1) > 255) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "A tag may have 255 characters.");
        return false;
    }
    if (!g_ptr_array_find_with_equal_func (row->tags, tag, g_str_equal, NULL))
        g_ptr_array_add (row->tags, g_strdup (tag));
    return true;
}

static bool
apply_tag_delete (KnImageRow *row, gpointer data, GError **error)
{
    guint index = 0;

    if (!g_ptr_array_find_with_equal_func (row->tags, data, g_str_equal, &index)) {
        kn_error_public (error, KN_ERROR_NOT_FOUND, "The image has no such tag.");
        return false;
    }
    g_ptr_array_remove_index (row->tags, index);
    return true;
}

static bool
change_tag (KnRequest *req, bool (*apply) (KnImageRow *, gpointer, GError **), GError **error)
{
    g_autoptr (KnImageRow) row
        = change_image (req, apply, (gpointer)kn_request_param (req, "tag"), error);

    if (!row)
        return false;
    kn_request_reply_empty (req, 204);
    return true;
}

bool
kn_image_api_tag_put (KnRequest *req, GError **error)
{
    return change_tag (req, apply_tag_put, error);
}

bool
kn_image_api_tag_delete (KnRequest *req, GError **error)
{
    return change_tag (req, apply_tag_delete, error);
}

/* -- deactivate, reactivate, delete -------------------------------------------------------- */

typedef struct {
    const KnAuth *auth;
    const char *id, *to;
} Move;

static bool
txn_move (KnDb *db, gpointer data, GError **error)
{
    const Move *move = data;
    g_autoptr (KnImageRow) row = kn_image_row_load_own (db, move->id, move->auth, error);
    bool moved = false;

    if (!row)
        return false;
    if (!kn_image_status_may (row->status, move->to)) {
        kn_error_public (error, KN_ERROR_FORBIDDEN, "Image %s is %s and cannot become %s.", row->id,
                         row->status, move->to);
        return false;
    }
    return strcmp (row->status, move->to) == 0
           || kn_image_store_move (db, row->id, row->status, move->to, &moved, error);
}

bool
kn_image_api_action (KnRequest *req, GError **error)
{
    Move move = { .auth = kn_request_auth (req),
                  .id = kn_request_param (req, "id"),
                  .to = kn_request_state (req) };
    KnDb *db = db_of (req, error);

    if (!db || !kn_db_txn (db, txn_move, &move, error))
        return false;
    kn_request_reply_empty (req, 204);
    return true;
}

static bool
txn_delete (KnDb *db, gpointer data, GError **error)
{
    const Move *move = data;
    g_autoptr (KnImageRow) row = kn_image_row_load_own (db, move->id, move->auth, error);
    bool moved = false;

    if (!row)
        return false;
    if (row->is_protected) {
        kn_error_public (error, KN_ERROR_FORBIDDEN,
                         "Image %s is protected; set protected to false before deleting it.",
                         row->id);
        return false;
    }
    return kn_image_store_delete (db, row->id, &moved, error);
}

bool
kn_image_delete (KnImages *images, const char *id, const KnAuth *auth, GError **error)
{
    Move move = { .auth = auth, .id = id };
    KnDb *db = kn_db_thread (images->db, error);

    if (!db || !kn_db_txn (db, txn_delete, &move, error))
        return false;
    /* The image is gone for the API whatever becomes of its bytes: collecting is tried again at the next occasion. */
    g_autoptr (GError) failed = NULL;
    if (!kn_images_collect (images, &failed))
        kn_log (KN_LOG_WARNING, "bytes of deleted images stay for now", "image", id, "error",
                failed->message, NULL);
    return true;
}

bool
kn_image_api_delete (KnRequest *req, GError **error)
{
    if (!kn_image_delete (kn_request_service (req), kn_request_param (req, "id"),
                          kn_request_auth (req), error))
        return false;
    kn_request_reply_empty (req, 204);
    return true;
}
