/* SPDX-License-Identifier: Apache-2.0 */
/* The actions `createImage` and `createBackup`: the image stands in the API at once, queued; a job brings its bytes. */
#include <string.h>

#include "base/error.h"
#include "base/id.h"
#include "compute/quota.h"
#include "compute/server_api.h"
#include "compute/snapshot_image.h"

/* Since this microversion the answer names the image in its body. */
#define MINOR_BODY 45
/* Since this microversion the number of properties is the Image service's matter. */
#define MINOR_NO_QUOTA 39

typedef struct {
    guint64 present;
    const char *name, *backup_type;
    const json_t *metadata;
    gint64 rotation;
} SnapshotSpec;

static const KnJField image_fields[] = {
    { "name", KN_J_STRING, offsetof (SnapshotSpec, name), 1, 255 },
    { "metadata", KN_J_OBJECT, offsetof (SnapshotSpec, metadata), .flags = KN_J_OPTIONAL },
};

static const KnJShape image_shape = {
    .fields = image_fields,
    .n_fields = G_N_ELEMENTS (image_fields),
    .present_offset = offsetof (SnapshotSpec, present),
    .closed = true,
};

static const KnJField backup_fields[] = {
    { "name", KN_J_STRING, offsetof (SnapshotSpec, name), 1, 255 },
    { "backup_type", KN_J_STRING, offsetof (SnapshotSpec, backup_type), 0, 255 },
    { "rotation", KN_J_INT, offsetof (SnapshotSpec, rotation), 0, G_MAXINT32,
      .flags = KN_J_LENIENT },
    { "metadata", KN_J_OBJECT, offsetof (SnapshotSpec, metadata), .flags = KN_J_OPTIONAL },
};

static const KnJShape backup_shape = {
    .fields = backup_fields,
    .n_fields = G_N_ELEMENTS (backup_fields),
    .present_offset = offsetof (SnapshotSpec, present),
    .closed = true,
};

/* What both actions make of a request. */
typedef struct {
    KnCompute *compute;
    KnSnapshot snapshot;
    GHashTable *metadata;
    char *id;
} Work;

static void
work_clear (Work *work)
{
    g_clear_pointer (&work->metadata, g_hash_table_unref);
    g_clear_pointer (&work->id, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Work, work_clear)

static bool
is_plain_key (const char *key)
{
    for (const char *p = key; *p != '\0'; p++)
        if (!g_ascii_isalnum (*p) && strchr ("-_:. ", *p) == NULL)
            return false;

    return true;
}

static bool
check_keys (GHashTable *metadata, GError **error)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init (&iter, metadata);
    while (g_hash_table_iter_next (&iter, &key, NULL)) {
        if (is_plain_key (key))
            continue;
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "Invalid input for field/attribute metadata: the key '%.64s' may have "
                         "letters, digits, spaces and the characters -_:. only.",
                         (const char *)key);
        return false;
    }
    return true;
}

static bool
check_count (KnServerCall *call, KnRequest *req, guint count, GError **error)
{
    gint64 limit;

    if (kn_request_minor (req) >= MINOR_NO_QUOTA)
        return true;
    if (!kn_quota_load_limit (call->db, kn_request_auth (req)->project_id, "metadata_items", &limit,
                              error))
        return false;
    if (limit < 0 || count <= limit)
        return true;
    kn_error_public (error, KN_ERROR_OVER_QUOTA,
                     "A snapshot may be given %" G_GINT64_FORMAT " metadata items, not %u.", limit,
                     count);
    return false;
}

static bool
prepare (KnServerCall *call, KnRequest *req, const SnapshotSpec *spec, Work *work, GError **error)
{
    const KnAuth *auth = kn_request_auth (req);

    if (!kn_server_check_name (spec->name, error)
        || !kn_server_read_metadata (spec->metadata, "metadata", &work->metadata, error)
        || !check_keys (work->metadata, error)
        || !check_count (call, req, g_hash_table_size (work->metadata), error))
        return false;
    work->compute = call->compute;
    work->id = kn_id_uuid ();
    work->snapshot = (KnSnapshot){
        .server = call->server,
        .id = work->id,
        .name = spec->name,
        .image_type = spec->backup_type != NULL ? "backup" : "snapshot",
        .backup_type = spec->backup_type,
        .user_id = auth->user_id,
        .project_id = auth->project_id != NULL ? auth->project_id : call->server->project_id,
        .metadata = work->metadata,
    };

    return true;
}

static bool
make_image (KnDb *db, gpointer data, GError **error)
{
    const Work *work = data;

    return kn_snapshot_make_image (work->compute, db, &work->snapshot, error);
}

static void
reply_image (KnRequest *req, const char *id)
{
    g_autofree char *location
        = g_strdup_printf ("%s/v2/images/%s", kn_request_url_of (req, "image"), id);
    g_autoptr (KnJw) w = NULL;

    if (kn_request_minor (req) < MINOR_BODY) {
        kn_request_add_header (req, "Location", location);
        kn_request_reply_empty (req, 202);
        return;
    }
    w = kn_jw_new ();
    kn_jw_object (w);
    kn_jw_string_member (w, "image_id", id);
    kn_jw_end (w);
    kn_request_reply_json (req, 202, w);
}

bool
kn_server_action_create_image (KnServerCall *call, KnRequest *req, const json_t *argument,
                               GError **error)
{
    g_auto (Work) work = { 0 };
    SnapshotSpec spec = { 0 };
    g_autoptr (json_t) payload = NULL;

    if (!kn_json_read (argument, "createImage", &image_shape, &spec, error)
        || !prepare (call, req, &spec, &work, error))
        return false;
    payload = json_pack ("{s:s}", "image", work.id);
    if (!kn_server_begin_act (call, req, KN_ACT_SNAPSHOT, payload, make_image, &work, error))
        return false;
    reply_image (req, work.id);

    return true;
}

bool
kn_server_action_create_backup (KnServerCall *call, KnRequest *req, const json_t *argument,
                                GError **error)
{
    g_auto (Work) work = { 0 };
    SnapshotSpec spec = { 0 };
    g_autoptr (json_t) payload = NULL;

    if (!kn_json_read (argument, "createBackup", &backup_shape, &spec, error)
        || !prepare (call, req, &spec, &work, error))
        return false;
    payload
        = json_pack ("{s:s, s:s, s:s, s:I}", "image", work.id, "owner", work.snapshot.project_id,
                     "backup_type", spec.backup_type, "rotation", (json_int_t)spec.rotation);
    if (!kn_server_begin_act (call, req, KN_ACT_BACKUP, payload, make_image, &work, error))
        return false;
    /* With a rotation of 0 nothing is kept, so there is nothing to point at. */
    if (spec.rotation > 0)
        reply_image (req, work.id);
    else
        kn_request_reply_empty (req, 202);

    return true;
}
