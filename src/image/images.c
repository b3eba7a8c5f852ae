/* SPDX-License-Identifier: Apache-2.0 */
/* The Image service: context, recovery, and the table of routes. */
#include <string.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/util.h"
#include "image/image_priv.h"
#include "image/inspection.h"
#include "image/patch.h"

#define MAX_IMAGES_DEFAULT 10000

int
kn_image_open (KnImages *images, const char *id, GError **error)
{
    return images->store->ops->get (images->store, id, error);
}

/* Bytes first, then the record: a crash in between repeats both. */
bool
kn_images_collect (KnImages *images, GError **error)
{
    KnDb *db = kn_db_thread (images->db, error);
    g_autoptr (GPtrArray) ids = db ? kn_image_store_list_ids (db, "pending_delete", error) : NULL;

    if (!ids)
        return false;
    for (guint i = 0; i < ids->len; i++) {
        const char *id = ids->pdata[i];
        if (!images->store->ops->remove (images->store, id, error)
            || !kn_fault ("image.collect.removed", error) || !kn_image_store_bury (db, id, error))
            return false;
    }
    return true;
}

bool
kn_image_recover_upload (KnImages *images, KnDb *db, const char *id, GError **error)
{
    GError *failed = NULL;
    bool moved = false;
    g_autoptr (KnImageRow) row = kn_image_store_find (db, id, &failed);

    if (failed) {
        g_propagate_error (error, failed);
        return false;
    }
    if (!row || strcmp (row->status, "saving") != 0
        || images->store->ops->is_busy (images->store, id))
        return true;
    if (!images->store->ops->remove (images->store, id, error)
        || !kn_image_store_move (db, id, "saving", "queued", &moved, error))
        return false;
    kn_log (KN_LOG_WARNING, "an upload was interrupted; the image is queued again", "image", id,
            NULL);
    return true;
}

bool
kn_images_recover (KnImages *images, GError **error)
{
    KnDb *db = kn_db_thread (images->db, error);
    g_autoptr (GPtrArray) ids = db ? kn_image_store_list_ids (db, "saving", error) : NULL;

    if (!ids)
        return false;
    for (guint i = 0; i < ids->len; i++) {
        if (!kn_image_recover_upload (images, db, ids->pdata[i], error))
            return false;
    }
    return images->store->ops->sweep (images->store, error) && kn_images_collect (images, error);
}

static void
write_fault (KnRequest *req, guint status, const GError *error)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    if (status == 415 && strcmp (kn_request_method (req), "PATCH") == 0)
        kn_request_add_header (req, "Accept-Patch", KN_PATCH_TYPE_V21 ", " KN_PATCH_TYPE_V20);
    kn_jw_object (w);
    kn_jw_object_member (w, "error");
    kn_jw_int_member (w, "code", status);
    kn_jw_string_member (w, "message", kn_error_sentence (error));
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, status, w);
}

static guint
fault_status (const GError *error)
{
    return g_error_matches (error, KN_ERROR, KN_ERROR_OVER_QUOTA) ? 413 : kn_error_status (error);
}

#define BODY_MAX (256 * KIB)
#define IMAGE "/v2/images/{id}"
#define METADEFS "/v2/metadefs"
#define SPACE METADEFS "/namespaces/{namespace}"

static const KnRoute routes[] = {
    { "GET", "/", kn_image_api_versions, KN_ROLE_NONE, KN_INLINE, .data = "300" },
    { "GET", "/v2", kn_image_api_versions, KN_ROLE_NONE, KN_INLINE, .data = "300" },
    { "GET", "/versions", kn_image_api_versions, KN_ROLE_NONE, KN_INLINE, .data = "200" },
    { "GET", "/v2/schemas/image", kn_image_api_schema, KN_ROLE_TOKEN, KN_INLINE, .data = "image" },
    { "GET", "/v2/schemas/images", kn_image_api_schema, KN_ROLE_TOKEN, KN_INLINE,
      .data = "images" },
    { "GET", "/v2/schemas/member", kn_image_api_schema, KN_ROLE_TOKEN, KN_INLINE,
      .data = "member" },
    { "GET", "/v2/schemas/members", kn_image_api_schema, KN_ROLE_TOKEN, KN_INLINE,
      .data = "members" },
    { "GET", "/v2/images", kn_image_api_list, KN_ROLE_READER, KN_WORKER },
    { "DELETE", "/v2/images", kn_image_api_no_id, KN_ROLE_READER, KN_INLINE },
    { "POST", "/v2/images", kn_image_api_create, KN_ROLE_MEMBER, KN_WORKER, BODY_MAX },
    { "GET", IMAGE, kn_image_api_show, KN_ROLE_READER, KN_INLINE },
    { "PATCH", IMAGE, kn_image_api_patch, KN_ROLE_MEMBER, KN_WORKER, BODY_MAX },
    { "DELETE", IMAGE, kn_image_api_delete, KN_ROLE_MEMBER, KN_WORKER },
    { "GET", IMAGE "/kilonova-warnings", kn_image_api_warnings, KN_ROLE_READER, KN_INLINE },
    { "GET", IMAGE "/kilonova-inspection", kn_image_api_inspection, KN_ROLE_READER, KN_WORKER },
    { "POST", IMAGE "/kilonova-inspection", kn_image_api_inspect, KN_ROLE_MEMBER, KN_WORKER,
      BODY_MAX },
    { "PUT", IMAGE "/file", NULL, KN_ROLE_MEMBER, KN_WORKER, .sink = &kn_image_upload_sink },
    { "GET", IMAGE "/file", kn_image_api_download, KN_ROLE_READER, KN_WORKER },
    { "PUT", IMAGE "/tags/{tag}", kn_image_api_tag_put, KN_ROLE_MEMBER, KN_WORKER },
    { "DELETE", IMAGE "/tags/{tag}", kn_image_api_tag_delete, KN_ROLE_MEMBER, KN_WORKER },
    { "POST", IMAGE "/actions/deactivate", kn_image_api_action, KN_ROLE_MEMBER, KN_WORKER, BODY_MAX,
      .data = "deactivated" },
    { "POST", IMAGE "/actions/reactivate", kn_image_api_action, KN_ROLE_MEMBER, KN_WORKER, BODY_MAX,
      .data = "active" },
    { "GET", IMAGE "/members", kn_image_api_members, KN_ROLE_READER, KN_WORKER },
    { "POST", IMAGE "/members", kn_image_api_member_create, KN_ROLE_MEMBER, KN_WORKER, BODY_MAX },
    { "GET", IMAGE "/members/{member}", kn_image_api_member_show, KN_ROLE_READER, KN_INLINE },
    { "PUT", IMAGE "/members/{member}", kn_image_api_member_update, KN_ROLE_MEMBER, KN_WORKER,
      BODY_MAX },
    { "DELETE", IMAGE "/members/{member}", kn_image_api_member_delete, KN_ROLE_MEMBER, KN_WORKER },

    { "GET", "/v2/schemas/metadefs/{name}", kn_metadef_api_schema, KN_ROLE_READER, KN_INLINE },
    { "GET", METADEFS "/resource_types", kn_metadef_api_types, KN_ROLE_READER, KN_INLINE },
    { "GET", METADEFS "/namespaces", kn_metadef_api_list, KN_ROLE_READER, KN_INLINE },
    { "POST", METADEFS "/namespaces", kn_metadef_api_refuse, KN_ROLE_READER, KN_INLINE, BODY_MAX },
    { "GET", SPACE, kn_metadef_api_show, KN_ROLE_READER, KN_INLINE },
    { "PUT", SPACE, kn_metadef_api_refuse, KN_ROLE_READER, KN_INLINE, BODY_MAX },
    { "DELETE", SPACE, kn_metadef_api_refuse, KN_ROLE_READER, KN_INLINE },
    { "GET", SPACE "/resource_types", kn_metadef_api_associations, KN_ROLE_READER, KN_INLINE },
    { "POST", SPACE "/resource_types", kn_metadef_api_refuse, KN_ROLE_READER, KN_INLINE, BODY_MAX },
    { "DELETE", SPACE "/resource_types/{name}", kn_metadef_api_refuse, KN_ROLE_READER, KN_INLINE },
    { "GET", SPACE "/properties", kn_metadef_api_properties, KN_ROLE_READER, KN_INLINE },
    { "POST", SPACE "/properties", kn_metadef_api_refuse, KN_ROLE_READER, KN_INLINE, BODY_MAX },
    { "DELETE", SPACE "/properties", kn_metadef_api_refuse, KN_ROLE_READER, KN_INLINE },
    { "GET", SPACE "/properties/{name}", kn_metadef_api_property, KN_ROLE_READER, KN_INLINE },
    { "PUT", SPACE "/properties/{name}", kn_metadef_api_refuse, KN_ROLE_READER, KN_INLINE,
      BODY_MAX },
    { "DELETE", SPACE "/properties/{name}", kn_metadef_api_refuse, KN_ROLE_READER, KN_INLINE },
    { "GET", SPACE "/objects", kn_metadef_api_empty, KN_ROLE_READER, KN_INLINE, .data = "objects" },
    { "POST", SPACE "/objects", kn_metadef_api_refuse, KN_ROLE_READER, KN_INLINE, BODY_MAX },
    { "DELETE", SPACE "/objects", kn_metadef_api_refuse, KN_ROLE_READER, KN_INLINE },
    { "GET", SPACE "/objects/{name}", kn_metadef_api_missing, KN_ROLE_READER, KN_INLINE,
      .data = "object" },
    { "PUT", SPACE "/objects/{name}", kn_metadef_api_refuse, KN_ROLE_READER, KN_INLINE, BODY_MAX },
    { "DELETE", SPACE "/objects/{name}", kn_metadef_api_refuse, KN_ROLE_READER, KN_INLINE },
    { "GET", SPACE "/tags", kn_metadef_api_empty, KN_ROLE_READER, KN_INLINE, .data = "tags" },
    { "POST", SPACE "/tags", kn_metadef_api_refuse, KN_ROLE_READER, KN_INLINE, BODY_MAX },
    { "DELETE", SPACE "/tags", kn_metadef_api_refuse, KN_ROLE_READER, KN_INLINE },
    { "GET", SPACE "/tags/{name}", kn_metadef_api_missing, KN_ROLE_READER, KN_INLINE,
      .data = "tag" },
    { "POST", SPACE "/tags/{name}", kn_metadef_api_refuse, KN_ROLE_READER, KN_INLINE, BODY_MAX },
    { "PUT", SPACE "/tags/{name}", kn_metadef_api_refuse, KN_ROLE_READER, KN_INLINE, BODY_MAX },
    { "DELETE", SPACE "/tags/{name}", kn_metadef_api_refuse, KN_ROLE_READER, KN_INLINE },
};

KnImages *
kn_images_new (const KnImagesOptions *options, GError **error)
{
    KnStore *store = kn_store_file_new (options->dir, error);

    if (!store)
        return NULL;

    KnImages *images = g_new0 (KnImages, 1);
    *images = (KnImages){
        .db = options->db,
        .store = store,
        .max_size = options->max_size,
        .max_project_bytes = options->max_project_bytes,
        .max_properties = options->max_properties,
        .max_images = options->max_images > 0 ? options->max_images : MAX_IMAGES_DEFAULT,
        .service = { .type = "image",
                     .name = "glance",
                     .prefix = "/image",
                     .endpoint = "",
                     .routes = routes,
                     .n_routes = G_N_ELEMENTS (routes),
                     .write_fault = write_fault,
                     .fault_status = fault_status },
    };
    images->service.data = images;
    return images;
}

void
kn_images_free (KnImages *images)
{
    if (!images)
        return;
    kn_store_free (images->store);
    g_free (images->inspect_cache);
    g_free (images);
}

const KnService *
kn_images_service (KnImages *images)
{
    return &images->service;
}
