/* SPDX-License-Identifier: Apache-2.0 */
/* server.boot: from the record to a running guest. */
#include "compute/server_work.h"
#include "compute/time_set.h"

static bool
step_disks (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    if (!kn_server_work_begin (&work, job, data, error))
        return false;

    return !work.alive
           || (kn_server_work_set_task (&work, KN_TASK_BLOCK_DEVICES, error)
               && kn_server_ensure_disks (&work, error));
}

static bool
step_config_drive (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (!work.alive || kn_server_ensure_config_drive (&work, error));
}

static bool
step_define (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };
    g_auto (KnServerPlan) plan = { 0 };

    if (!kn_server_work_begin (&work, job, data, error))
        return false;

    /* The identity is stored before the guest sees it: from here on its hardware stays. */
    return !work.alive
           || (kn_server_work_set_task (&work, KN_TASK_SPAWNING, error)
               && kn_server_define (&work, &plan, error)
               && kn_store_server_set_plan (work.db, work.server->uuid, &plan, error));
}

static bool
step_start (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (!work.alive || kn_server_power_on (&work, error));
}

/* A guest from a snapshot may go by what it knew when that was taken. */
static bool
begin_time_set (KnServerWork *work, GError **error)
{
    static const char *const copies[] = { "snapshot", "backup", NULL };
    g_autoptr (GHashTable) system
        = kn_store_meta_load (work->db, KN_META_SYSTEM, work->server->uuid, error);

    if (system == NULL)
        return false;
    const char *type = g_hash_table_lookup (system, "image_image_type");

    return type == NULL || !g_strv_contains (copies, type)
           || kn_time_set_begin (work, KN_GAP_SNAPSHOT, error);
}

static bool
step_finish (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    if (!kn_server_work_begin (&work, job, data, error))
        return false;

    return work.server == NULL
           || (kn_store_server_set_admin_pass (work.db, work.server->uuid, NULL, error)
               && kn_server_settle (&work, KN_ACT_CREATE, KN_VM_ACTIVE, KN_POWER_RUNNING, error)
               && begin_time_set (&work, error));
}

static void
failed (KnJob *job, gpointer data, const GError *why)
{
    kn_server_fail (job, data, KN_ACT_CREATE, KN_FAIL_ERROR, why);
}

static const KnJobStep steps[] = {
    { "disks", step_disks },   { "config-drive", step_config_drive },
    { "define", step_define }, { "start", step_start },
    { "finish", step_finish },
};

static const KnJobKind kind = {
    .kind = "server.boot",
    .steps = steps,
    .n_steps = G_N_ELEMENTS (steps),
    .max_attempts = 5,
    .failed = failed,
};

void
kn_server_boot_register (KnCompute *compute)
{
    kn_jobs_register (compute->jobs, &kind, compute);
}
