/* SPDX-License-Identifier: Apache-2.0 */
/* GET and DELETE /images: images as older clients look for them in Compute (up to microversion 2.35). Everything else about them is
 * the Image service's. */
#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "base/util.h"
#include "compute/compute_priv.h"
#include "compute/server_view.h"

#define MAX_LIMIT 1000

/* The words of this API for the states of the other one. */
static const struct {
    const char *status, *shown;
    gint64 progress;
} states[] = {
    { "active", "ACTIVE", 100 },
    { "queued", "SAVING", 25 },
    { "saving", "SAVING", 50 },
    { "importing", "SAVING", 50 },
};

static void
write_link (KnJw *w, const char *rel, const char *href, const char *type)
{
    kn_jw_object (w);
    kn_jw_string_member (w, "rel", rel);
    kn_jw_string_member (w, "href", href);
    if (type != NULL)
        kn_jw_string_member (w, "type", type);
    kn_jw_end (w);
}

static void
write_links (KnJw *w, KnRequest *req, const char *id)
{
    const char *base = kn_request_base_url (req);
    g_autofree char *own = g_strdup_printf ("%s/v2.1/images/%s", base, id);
    g_autofree char *bookmark = g_strdup_printf ("%s/images/%s", base, id);
    g_autofree char *other
        = g_strdup_printf ("%s/v2/images/%s", kn_request_url_of (req, "image"), id);

    kn_jw_array_member (w, "links");
    write_link (w, "self", own, NULL);
    write_link (w, "bookmark", bookmark, NULL);
    write_link (w, "alternate", other, "application/vnd.openstack.image");
    kn_jw_end (w);
}

static void
write_time (KnJw *w, const char *key, const char *db_time)
{
    g_autofree char *text = db_time != NULL ? kn_time_convert (db_time, KN_TIME_SECONDS) : NULL;

    kn_jw_string_member (w, key, text);
}

static void
write_server (KnJw *w, KnRequest *req, const char *id)
{
    g_autofree char *own = g_strdup_printf ("%s/v2.1/servers/%s", kn_request_base_url (req), id);
    g_autofree char *bookmark = g_strdup_printf ("%s/servers/%s", kn_request_base_url (req), id);

    kn_jw_object_member (w, "server");
    kn_jw_string_member (w, "id", id);
    kn_jw_array_member (w, "links");
    write_link (w, "self", own, NULL);
    write_link (w, "bookmark", bookmark, NULL);
    kn_jw_end (w);
    kn_jw_end (w);
}

static void
write_detail (KnJw *w, KnRequest *req, const KnImage *image)
{
    const char *server = g_hash_table_lookup (image->properties, "instance_uuid");
    const char *shown = "UNKNOWN";
    gint64 progress = 0;

    for (gsize i = 0; i < G_N_ELEMENTS (states); i++)
        if (strcmp (states[i].status, image->status) == 0) {
            shown = states[i].shown;
            progress = states[i].progress;
        }
    kn_jw_int_member (w, "minRam", image->min_ram_mib);
    kn_jw_int_member (w, "minDisk", image->min_disk_gib);
    kn_json_write_table (w, "metadata", image->properties);
    write_time (w, "created", image->created_at);
    write_time (w, "updated", image->updated_at);
    kn_jw_string_member (w, "status", shown);
    kn_jw_int_member (w, "progress", progress);
    kn_jw_int_member (w, "OS-EXT-IMG-SIZE:size", (gint64)image->size_bytes);
    if (server != NULL)
        write_server (w, req, server);
}

typedef struct {
    KnJw *w;
    KnRequest *req;
    bool detail;
    const char *name, *status, *marker;
    gint64 left;
} Writer;

static bool
is_asked_for (const Writer *to, const KnImage *image)
{
    return (to->name == NULL || g_strcmp0 (to->name, image->name) == 0)
           && (to->status == NULL || g_ascii_strcasecmp (to->status, image->status) == 0);
}

static void
write_image (const Writer *to, const KnImage *image)
{
    kn_jw_object (to->w);
    kn_jw_string_member (to->w, "id", image->id);
    kn_jw_string_member (to->w, "name", image->name);
    write_links (to->w, to->req, image->id);
    if (to->detail)
        write_detail (to->w, to->req, image);
    kn_jw_end (to->w);
}

static bool
visit (const KnImage *image, gpointer data)
{
    Writer *to = data;

    if (to->marker != NULL) {
        if (strcmp (to->marker, image->id) == 0)
            to->marker = NULL;
        return true;
    }
    if (to->left == 0)
        return false;
    if (is_asked_for (to, image)) {
        write_image (to, image);
        to->left--;
    }
    return true;
}

static const char *
project_of (KnRequest *req)
{
    return kn_request_is_admin (req) ? NULL : kn_request_auth (req)->project_id;
}

static bool
image_list (KnRequest *req, GError **error)
{
    const char *limit = kn_request_query (req, "limit");
    KnDb *db = kn_compute_db (kn_compute_of (req), error);
    g_autoptr (KnJw) w = kn_jw_new ();
    Writer to = {
        .w = w,
        .req = req,
        .detail = kn_request_state (req) != NULL,
        .name = kn_request_query (req, "name"),
        .status = kn_request_query (req, "status"),
        .marker = kn_request_query (req, "marker"),
        .left = MAX_LIMIT,
    };

    if (db == NULL)
        return false;
    if (limit != NULL && !kn_parse_int (limit, 0, G_MAXINT64, &to.left)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "The limit must be a number of 0 or more.");
        return false;
    }
    to.left = MIN (to.left, MAX_LIMIT);
    kn_jw_object (w);
    kn_jw_array_member (w, "images");
    if (!kn_image_each (db, project_of (req), visit, &to, error))
        return false;
    if (to.marker != NULL) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "marker [%.64s] not found", to.marker);
        return false;
    }
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);

    return true;
}

static bool
image_show (KnRequest *req, GError **error)
{
    KnDb *db = kn_compute_db (kn_compute_of (req), error);
    g_autoptr (KnImage) image
        = db != NULL ? kn_image_load (db, kn_request_param (req, "id"), project_of (req), error)
                     : NULL;
    g_autoptr (KnJw) w = kn_jw_new ();
    const Writer to = { .w = w, .req = req, .detail = true };

    if (image == NULL)
        return false;
    kn_jw_object (w);
    kn_jw_key (w, "image");
    write_image (&to, image);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);

    return true;
}

static bool
image_delete (KnRequest *req, GError **error)
{
    KnCompute *compute = kn_compute_of (req);

    if (!kn_image_delete (compute->images, kn_request_param (req, "id"), kn_request_auth (req),
                          error))
        return false;
    kn_request_reply_empty (req, 204);

    return true;
}

static const KnRoute routes[] = {
    { "GET", "/v2.1/images", image_list, .role = KN_ROLE_READER, .run = KN_WORKER },
    { "GET", "/v2.1/images/detail", image_list, .role = KN_ROLE_READER, .run = KN_WORKER,
      .data = "detail" },
    { "GET", "/v2.1/images/{id}", image_show, .role = KN_ROLE_READER, .run = KN_WORKER },
    { "DELETE", "/v2.1/images/{id}", image_delete, .role = KN_ROLE_MEMBER, .run = KN_WORKER },
};

void
kn_image_proxy_add_routes (GArray *all)
{
    g_array_append_vals (all, routes, G_N_ELEMENTS (routes));
}
