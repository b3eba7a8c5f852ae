/* SPDX-License-Identifier: Apache-2.0 */
/* server.snapshot and server.backup: the server's disk becomes an image. The disk is copied beside itself as it is at one moment,
 * then the copy's bytes go into the image store. The server's own files are never changed, so that an end at any point leaves
 * nothing but a copy, which is made anew. Payload: {"image": id}; of backups also {"owner", "backup_type", "rotation"}. */
#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/util.h"
#include "compute/facts.h"
#include "compute/server_work.h"
#include "virt/volume.h"

/* Windows gives its writers 10 s to be quiet. */
#define FREEZE_S 30
#define THAW_S 10
#define THAW_TRIES 3
#define POLL_MIN_MS 20
#define POLL_MAX_MS 1000
/* How often an upload looks whether it is still wanted. */
#define LOOK_BYTES (64 * MIB)

static const char *
image_of (const KnJob *job)
{
    return json_string_value (json_object_get (kn_job_payload (job), "image"));
}

/* Whether the server is still there and so is the image, which its owner may delete at any time. */
static bool
is_wanted (KnServerWork *work, bool *out_wanted, GError **error)
{
    g_autoptr (KnImage) image = NULL;
    GError *local = NULL;

    if (!work->alive) {
        *out_wanted = false;
        return true;
    }
    image = kn_image_load (work->db, image_of (work->job), NULL, &local);
    *out_wanted = image != NULL;
    if (image != NULL || g_error_matches (local, KN_ERROR, KN_ERROR_NOT_FOUND)) {
        g_clear_error (&local);
        return true;
    }
    g_propagate_error (error, local);
    return false;
}

/* Begins a step. @out_wanted: there is something left to do for it. */
static bool
begin_wanted (KnServerWork *work, KnJob *job, gpointer data, bool *out_wanted, GError **error)
{
    *out_wanted = false;

    return kn_server_work_begin (work, job, data, error)
           && (work->server == NULL || is_wanted (work, out_wanted, error));
}

/* As is_wanted(), with the server as it is now. */
static bool
look_again (KnServerWork *work, bool *out_wanted, GError **error)
{
    GError *local = NULL;
    g_autoptr (KnServer) now = kn_store_server_find (work->db, work->server->uuid, &local);

    if (local != NULL) {
        g_propagate_error (error, local);
        return false;
    }
    if (kn_job_cancelled (work->job)) {
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "the controller stops");
        return false;
    }
    work->alive = now != NULL && !now->deleted && now->task != KN_TASK_DELETING;

    return is_wanted (work, out_wanted, error);
}

/* Whether the image demands file systems that were at rest. */
static bool
load_demand (KnServerWork *work, bool *out_demanded, GError **error)
{
    g_autoptr (GHashTable) system
        = kn_store_meta_load (work->db, KN_META_SYSTEM, work->server->uuid, error);

    if (system == NULL)
        return false;
    *out_demanded = false;
    (void)kn_parse_bool (g_hash_table_lookup (system, "image_os_require_quiesce"), out_demanded);

    return true;
}

/* A guest that stays frozen stands still: this is tried again, and said aloud when it fails. */
static void
thaw (KnServerWork *work)
{
    g_autoptr (GError) why = NULL;

    for (guint i = 0; i < THAW_TRIES; i++) {
        g_clear_error (&why);
        if (kn_domain_thaw (work->host, work->server->uuid, THAW_S, &why))
            return;
    }
    kn_log (KN_LOG_ERROR, "the file systems of a guest may still be frozen", "server",
            work->server->uuid, "why", why->message, NULL);
}

/* Asks for rest. Without an agent the copy is what a power cut would leave, unless the image wants more. */
static bool
freeze (KnServerWork *work, bool *out_asked, GError **error)
{
    g_autoptr (GError) why = NULL;
    bool demanded = false;

    if (!load_demand (work, &demanded, error))
        return false;
    *out_asked = true;
    if (kn_domain_freeze (work->host, work->server->uuid, FREEZE_S, &why))
        return true;
    if (demanded) {
        thaw (work);
        kn_error_public (error, KN_ERROR_CONFLICT,
                         "The image wants the guest's file systems frozen for a snapshot "
                         "(os_require_quiesce), and that failed: %s",
                         kn_error_sentence (why));
        return false;
    }
    /* Where nobody was asked nothing can come late, either. */
    *out_asked = !g_error_matches (why, KN_ERROR, KN_ERROR_CONFLICT);
    kn_log (KN_LOG_INFO, "a snapshot is taken without freezing the guest's file systems", "server",
            work->server->uuid, "why", why->message, NULL);

    return true;
}

/* What an attempt that was cut off may have left: a guest that stands still, or whose file systems do. */
static void
let_go_on (KnServerWork *work)
{
    if (work->server->vm != KN_VM_ACTIVE)
        return;
    (void)kn_domain_resume (work->host, work->server->uuid, NULL);
    (void)kn_domain_thaw (work->host, work->server->uuid, THAW_S, NULL);
}

static bool
begin_copy (KnServerWork *work, const KnDiskCopy *copy, bool *out_done, GError **error)
{
    bool running = false, asked = false, begun;

    if (kn_job_attempt (work->job) > 1 || work->server->task == KN_TASK_IMAGE_SNAPSHOT
        || work->server->task == KN_TASK_IMAGE_PENDING_UPLOAD)
        let_go_on (work);
    if (!kn_server_work_set_task (work, KN_TASK_IMAGE_SNAPSHOT, error)
        || !kn_disk_copy_prepare (work->host, copy, &running, error)
        || (running && !freeze (work, &asked, error)))
        return false;
    begun = kn_fault ("compute.snapshot.frozen", error)
            && kn_disk_copy_begin (work->host, copy, out_done, error);
    if (asked)
        thaw (work);

    return begun && kn_server_work_set_task (work, KN_TASK_IMAGE_PENDING_UPLOAD, error);
}

static bool
wait_for_copy (KnServerWork *work, const KnDiskCopy *copy, bool done, GError **error)
{
    guint pause_ms = POLL_MIN_MS;
    bool wanted = true;

    while (!done) {
        if (!kn_disk_copy_poll (work->host, copy, pause_ms, &done, error)
            || !look_again (work, &wanted, error))
            return false;
        if (!wanted)
            return true;
        pause_ms = MIN (pause_ms * 2, POLL_MAX_MS);
    }
    return true;
}

static bool
step_copy (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };
    g_autofree char *disk = NULL, *name = NULL;
    bool wanted, done = false;

    if (!begin_wanted (&work, job, data, &wanted, error))
        return false;
    if (!wanted)
        return true;
    disk = kn_server_disk_name (work.server);
    name = kn_server_snapshot_name (work.server);
    const KnDiskCopy copy = { .server = work.server->uuid, .disk = disk, .copy = name };

    return begin_copy (&work, &copy, &done, error) && kn_fault ("compute.snapshot.begun", error)
           && wait_for_copy (&work, &copy, done, error)
           && kn_disk_copy_end (work.host, &copy, error);
}

typedef struct {
    KnServerWork *work;
    KnImagePut *put;
    guint64 sent, looked;
    bool unwanted;
} Upload;

static bool
take (const char *bytes, gsize len, gpointer data, GError **error)
{
    Upload *up = data;
    bool wanted = true;

    up->sent += len;
    if (up->sent - up->looked >= LOOK_BYTES) {
        up->looked = up->sent;
        if (!look_again (up->work, &wanted, error))
            return false;
    }
    up->unwanted = !wanted;
    if (up->unwanted) {
        kn_error_set (error, KN_ERROR_GONE, "the image is not wanted any more");
        return false;
    }

    return kn_image_put_write (up->put, bytes, len, error);
}

/* Deleted while its bytes were coming: that is no failure of the snapshot. */
static bool
forgive_gone (GError *local, GError **error)
{
    if (g_error_matches (local, KN_ERROR, KN_ERROR_GONE)
        || g_error_matches (local, KN_ERROR, KN_ERROR_NOT_FOUND)) {
        g_error_free (local);
        return true;
    }
    g_propagate_error (error, local);
    return false;
}

static bool
send_copy (KnServerWork *work, GError **error)
{
    KnImages *images = work->compute->images;
    g_autofree char *name = kn_server_snapshot_name (work->server);
    GError *local = NULL;
    g_autoptr (KnImagePut) put = kn_image_put_begin (images, image_of (work->job), &local);
    Upload up = { .work = work, .put = put };

    if (put == NULL)
        return forgive_gone (local, error);
    if (!kn_volume_download (work->host, name, take, &up, &local))
        return up.unwanted ? forgive_gone (local, error)
                           : (g_propagate_error (error, local), false);

    return kn_image_put_finish (put, &local) || forgive_gone (local, error);
}

static bool
step_upload (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };
    g_autoptr (KnImage) image = NULL;
    bool wanted;

    if (!begin_wanted (&work, job, data, &wanted, error))
        return false;
    if (!wanted)
        return true;
    image = kn_image_load (work.db, image_of (job), NULL, error);
    if (image == NULL)
        return false;
    /* All was done but the record of it. */
    if (g_strcmp0 (image->status, "active") == 0)
        return true;

    return kn_server_work_set_task (&work, KN_TASK_IMAGE_UPLOADING, error)
           && send_copy (&work, error);
}

static bool
drop_copy (KnServerWork *work, GError **error)
{
    g_autofree char *disk = kn_server_disk_name (work->server);
    g_autofree char *name = kn_server_snapshot_name (work->server);
    const KnDiskCopy copy = { .server = work->server->uuid, .disk = disk, .copy = name };

    return kn_disk_copy_end (work->host, &copy, error)
           && kn_volume_delete (work->host, name, error);
}

/* The copy goes; so does the image of a server that is being deleted, which has no bytes. */
static bool
step_clean (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };
    g_autoptr (KnImage) image = NULL;

    if (!kn_server_work_begin (&work, job, data, error))
        return false;
    if (work.server != NULL && !drop_copy (&work, error))
        return false;
    image = kn_image_load (kn_job_db (job), image_of (job), NULL, NULL);
    if (image == NULL || g_strcmp0 (image->status, "queued") != 0)
        return true;

    return kn_image_discard (work.compute->images, image->id, error);
}

/* Of the backups of this type only the newest ones stay. */
static bool
step_rotate (KnJob *job, gpointer data, GError **error)
{
    const json_t *payload = kn_job_payload (job);
    gint64 keep = json_integer_value (json_object_get (payload, "rotation"));
    const char *owner = json_string_value (json_object_get (payload, "owner"));
    const char *type = json_string_value (json_object_get (payload, "backup_type"));
    KnCompute *compute = data;
    g_autoptr (GPtrArray) backups
        = kn_image_list_backups (kn_job_db (job), owner, kn_job_object (job), type, error);

    if (backups == NULL)
        return false;
    for (guint i = 0; i < backups->len; i++)
        if ((gint64)i >= keep
            && !kn_image_discard (compute->images, g_ptr_array_index (backups, i), error))
            return false;

    return true;
}

static bool
finish (KnJob *job, gpointer data, KnAct act, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (work.server == NULL || kn_server_settle_as_seen (&work, act, error));
}

static bool
snapshot_finish (KnJob *job, gpointer data, GError **error)
{
    return finish (job, data, KN_ACT_SNAPSHOT, error);
}

static bool
backup_finish (KnJob *job, gpointer data, GError **error)
{
    return finish (job, data, KN_ACT_BACKUP, error);
}

/* No half image, no frozen guest, no copy. */
static void
undo (KnJob *job, gpointer data)
{
    g_auto (KnServerWork) work = { 0 };
    g_autoptr (GError) why = NULL;
    KnCompute *compute = data;

    if (!kn_image_discard (compute->images, image_of (job), &why))
        kn_log (KN_LOG_WARNING, "the image of a snapshot that failed stays", "image",
                image_of (job), "why", why->message, NULL);
    g_clear_error (&why);
    if (kn_server_work_begin (&work, job, data, &why) && work.server != NULL) {
        let_go_on (&work);
        (void)drop_copy (&work, &why);
    }
    if (why != NULL)
        kn_log (KN_LOG_WARNING, "the copy of a snapshot that failed stays", "server",
                kn_job_object (job), "why", why->message, NULL);
}

static void
snapshot_failed (KnJob *job, gpointer data, const GError *why)
{
    undo (job, data);
    kn_server_fail (job, data, KN_ACT_SNAPSHOT, KN_FAIL_REVERT, why);
}

static void
backup_failed (KnJob *job, gpointer data, const GError *why)
{
    undo (job, data);
    kn_server_fail (job, data, KN_ACT_BACKUP, KN_FAIL_REVERT, why);
}

static const KnJobStep snapshot_steps[] = { { "copy", step_copy },
                                            { "upload", step_upload },
                                            { "clean", step_clean },
                                            { "finish", snapshot_finish } };
static const KnJobStep backup_steps[] = { { "copy", step_copy },
                                          { "upload", step_upload },
                                          { "clean", step_clean },
                                          { "rotate", step_rotate },
                                          { "finish", backup_finish } };

static const KnJobKind kinds[] = {
    {
        .kind = "server.snapshot",
        .steps = snapshot_steps,
        .n_steps = G_N_ELEMENTS (snapshot_steps),
        .max_attempts = 5,
        .failed = snapshot_failed,
    },
    {
        .kind = "server.backup",
        .steps = backup_steps,
        .n_steps = G_N_ELEMENTS (backup_steps),
        .max_attempts = 5,
        .failed = backup_failed,
    },
};

void
kn_server_snapshot_register (KnCompute *compute)
{
    for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
        kn_jobs_register (compute->jobs, &kinds[i], compute);
}
