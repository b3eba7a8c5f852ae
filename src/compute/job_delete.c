/* SPDX-License-Identifier: Apache-2.0 */
/* server.delete: from any state to nothing left. */
#include "compute/server_work.h"

#include "compute/placement_store.h"
#include "compute/profile_store.h"
#include "virt/volume.h"

static bool
step_power_off (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (work.server == NULL || kn_server_power_off (&work, error));
}

static bool
step_undefine (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (work.server == NULL
               || kn_domain_undefine (work.host, work.server->uuid, KN_UNDEFINE_ALL, error));
}

static bool
step_files (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (work.server == NULL || kn_volume_delete_all (work.host, work.server->uuid, error));
}

static bool
forget_txn (KnDb *db, gpointer data, GError **error)
{
    const KnServerWork *work = data;
    const KnServer *server = work->server;

    return kn_network_release (db, server->uuid, error)
           && (server->image_ref == NULL
               || kn_image_use_remove (db, server->image_ref, server->uuid, error))
           && kn_store_profile_clear (db, server->uuid, error)
           && kn_store_placement_set (db, server->uuid, "", &(KnPlacement){ 0 }, error)
           && kn_store_server_delete (db, server->uuid, error)
           && kn_history_end (db, server->uuid, KN_ACT_DELETE, kn_job_request_id (work->job),
                              server->host, NULL, error);
}

static bool
step_record (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };
    g_autoptr (GPtrArray) ports = NULL;
    KnCompute *compute = data;

    if (!kn_server_work_begin (&work, job, data, error))
        return false;
    if (work.server == NULL)
        return true;
    ports = kn_network_list_ports (work.db, work.server->uuid, error);
    if (ports == NULL || !kn_db_txn (work.db, forget_txn, &work, error))
        return false;
    for (guint i = 0; i < ports->len; i++) {
        const KnPort *port = g_ptr_array_index (ports, i);

        if (!kn_network_sync (compute->networks, work.db, port->network_id, error))
            return false;
    }

    return true;
}

/* Bytes of images that were deleted while this server stood on them. */
static bool
step_collect (KnJob *job, gpointer data, GError **error)
{
    KnCompute *compute = data;

    return kn_images_collect (compute->images, error);
}

static void
failed (KnJob *job, gpointer data, const GError *why)
{
    kn_server_fail (job, data, KN_ACT_DELETE, KN_FAIL_ERROR, why);
}

static const KnJobStep steps[] = {
    { "power-off", step_power_off }, { "undefine", step_undefine }, { "files", step_files },
    { "record", step_record },       { "collect", step_collect },
};

static const KnJobKind kind = {
    .kind = "server.delete",
    .steps = steps,
    .n_steps = G_N_ELEMENTS (steps),
    .max_attempts = 8,
    .failed = failed,
};

void
kn_server_delete_register (KnCompute *compute)
{
    kn_jobs_register (compute->jobs, &kind, compute);
}
