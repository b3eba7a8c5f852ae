/* SPDX-License-Identifier: Apache-2.0 */
/* server.rebuild: a new disk from an image, same name, same addresses. The row has the new image already; the payload says what
 * was there before: {"old_image": "…", "stopped": false, "preserve": false}. */
#include "compute/server_work.h"

#include "compute/clock.h"
#include "compute/facts.h"
#include "compute/json_table.h"
#include "compute/profile_store.h"
#include "virt/volume.h"

static bool
step_power_off (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (!work.alive || kn_server_power_off (&work, error));
}

/* The new disk's guest sets its clock anew, unless it comes with what its image says. Where the firmware's state is preserved, so
 * is what its clock was set to. */
static bool
renew_clock (KnServerWork *work, GError **error)
{
    const char *id = work->server->uuid;
    g_autoptr (GHashTable) system = kn_store_meta_load (work->db, KN_META_SYSTEM, id, error);

    return system != NULL && kn_server_clock_settle (work->compute, work->db, id, error)
           && kn_server_clock_from_image (work->db, id, system, error);
}

/* All goes: disks, variable store, TPM state, and the hardware identity that the old guest knew. */
static bool
wipe_all (KnServerWork *work, GError **error)
{
    const char *id = work->server->uuid;

    return kn_volume_delete_all (work->host, id, error)
           && kn_domain_undefine (work->host, id, KN_UNDEFINE_ALL, error)
           && kn_store_server_set_plan (work->db, id, &(KnServerPlan){ 0 }, error);
}

/* What stays of the identity is what the firmware's state is bound to. */
static bool
reduce_identity (KnServerWork *work, GError **error)
{
    const char *id = work->server->uuid;
    g_auto (KnServerPlan) reduced = { 0 };
    g_autoptr (GHashTable) identity = NULL, part = NULL;

    if (!kn_server_load_identity (work->db, id, &identity, error))
        return false;
    if (identity != NULL) {
        part = kn_guest_identity_firmware (identity);
        reduced.identity = g_hash_table_size (part) > 0 ? kn_json_table_format (part) : NULL;
    }

    return kn_store_server_set_plan (work->db, id, &reduced, error);
}

/* Ephemeral disk, variable store and TPM state stay. Nothing is lost if this ends between two of the calls. */
static bool
wipe_system (KnServerWork *work, GError **error)
{
    const char *id = work->server->uuid;
    g_autofree char *ephemeral = kn_server_ephemeral_name (work->server);
    g_autofree char *nvram = kn_server_nvram_name (work->server);
    const char *const keep[] = { ephemeral, nvram, NULL };

    return kn_domain_undefine (work->host, id, KN_UNDEFINE_KEEP_STATE, error)
           && kn_volume_delete_all_but (work->host, id, keep, error)
           && reduce_identity (work, error);
}

/* The old disk goes, and with it the claim on the old image's bytes. */
static bool
step_wipe (KnJob *job, gpointer data, GError **error)
{
    const char *old_image = json_string_value (json_object_get (kn_job_payload (job), "old_image"));
    bool preserve = json_is_true (json_object_get (kn_job_payload (job), "preserve"));
    g_auto (KnServerWork) work = { 0 };
    const char *id;

    if (!kn_server_work_begin (&work, job, data, error))
        return false;
    if (!work.alive)
        return true;
    id = work.server->uuid;
    if (!(preserve ? wipe_system : wipe_all) (&work, error)
        || !kn_store_profile_clear (work.db, id, error)
        || (!preserve && !renew_clock (&work, error)))
        return false;
    if (old_image == NULL || g_strcmp0 (old_image, work.server->image_ref) == 0)
        return true;

    return kn_image_use_remove (work.db, old_image, id, error)
           && kn_images_collect (work.compute->images, error);
}

static bool
step_disks (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (!work.alive
               || (kn_server_work_set_task (&work, KN_TASK_REBUILD_SPAWNING, error)
                   && kn_server_ensure_disks (&work, error)
                   && kn_server_ensure_config_drive (&work, error)));
}

static bool
step_define (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };
    g_auto (KnServerPlan) plan = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (!work.alive
               || (kn_server_define (&work, &plan, error)
                   && kn_store_server_set_plan (work.db, work.server->uuid, &plan, error)));
}

static bool
was_stopped (const KnJob *job)
{
    return json_is_true (json_object_get (kn_job_payload (job), "stopped"));
}

static bool
step_start (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (!work.alive || was_stopped (job) || kn_server_power_on (&work, error));
}

static bool
step_finish (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };
    KnVmState vm = was_stopped (job) ? KN_VM_STOPPED : KN_VM_ACTIVE;
    KnPower power = was_stopped (job) ? KN_POWER_SHUTDOWN : KN_POWER_RUNNING;

    return kn_server_work_begin (&work, job, data, error)
           && (work.server == NULL
               || (kn_store_server_set_admin_pass (work.db, work.server->uuid, NULL, error)
                   && kn_server_settle (&work, KN_ACT_REBUILD, vm, power, error)));
}

static void
failed (KnJob *job, gpointer data, const GError *why)
{
    kn_server_fail (job, data, KN_ACT_REBUILD, KN_FAIL_ERROR, why);
}

static const KnJobStep steps[] = {
    { "power-off", step_power_off }, { "wipe", step_wipe },   { "disks", step_disks },
    { "define", step_define },       { "start", step_start }, { "finish", step_finish },
};

static const KnJobKind kind = {
    .kind = "server.rebuild",
    .steps = steps,
    .n_steps = G_N_ELEMENTS (steps),
    .max_attempts = 5,
    .failed = failed,
};

void
kn_server_rebuild_register (KnCompute *compute)
{
    kn_jobs_register (compute->jobs, &kind, compute);
}
