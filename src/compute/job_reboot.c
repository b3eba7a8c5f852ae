/* SPDX-License-Identifier: Apache-2.0 */
/* server.reboot asks the guest first, server.reboot-hard does not. */
#include "compute/server_work.h"

/* A hard reboot that was asked for meanwhile takes over: then nothing is left to do. */
static bool
soft_begin (KnServerWork *work, KnJob *job, gpointer data, GError **error)
{
    if (!kn_server_work_begin (work, job, data, error))
        return false;
    work->alive = work->alive
                  && (work->server->task == KN_TASK_REBOOTING
                      || work->server->task == KN_TASK_REBOOT_STARTED);

    return true;
}

/* The guest shuts down and is started again; one that does not answer in time loses its power. */
static bool
soft_ask (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };
    bool off;

    if (!soft_begin (&work, job, data, error))
        return false;
    if (!work.alive)
        return true;
    if (!kn_server_work_set_task (&work, KN_TASK_REBOOT_STARTED, error)
        || !kn_server_ask_off (&work,
                               kn_config_int (work.compute->config, "compute.soft_reboot_timeout"),
                               &off, error))
        return false;

    return !work.alive || off || kn_domain_destroy (work.host, work.server->uuid, error);
}

static bool
soft_start (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return soft_begin (&work, job, data, error)
           && (!work.alive || kn_server_start_anew (&work, error));
}

static bool
soft_finish (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    if (!soft_begin (&work, job, data, error))
        return false;
    if (work.server == NULL)
        return true;
    if (!work.alive)
        return kn_history_end (work.db, work.server->uuid, KN_ACT_REBOOT_SOFT,
                               kn_job_request_id (job), work.server->host, NULL, error);

    return kn_server_settle (&work, KN_ACT_REBOOT_SOFT, KN_VM_ACTIVE, KN_POWER_RUNNING, error);
}

static void
soft_failed (KnJob *job, gpointer data, const GError *why)
{
    kn_server_fail (job, data, KN_ACT_REBOOT_SOFT, KN_FAIL_REVERT, why);
}

static bool
hard_cycle (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (!work.alive
               || (kn_server_work_set_task (&work, KN_TASK_REBOOT_STARTED_HARD, error)
                   && kn_server_power_cycle (&work, error)));
}

static bool
hard_finish (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (work.server == NULL
               || kn_server_settle (&work, KN_ACT_REBOOT_HARD, KN_VM_ACTIVE, KN_POWER_RUNNING,
                                    error));
}

static void
hard_failed (KnJob *job, gpointer data, const GError *why)
{
    kn_server_fail (job, data, KN_ACT_REBOOT_HARD, KN_FAIL_REVERT, why);
}

static const KnJobStep soft_steps[]
    = { { "ask", soft_ask }, { "start", soft_start }, { "finish", soft_finish } };
static const KnJobStep hard_steps[] = { { "cycle", hard_cycle }, { "finish", hard_finish } };

static const KnJobKind kinds[] = {
    {
        .kind = "server.reboot",
        .steps = soft_steps,
        .n_steps = G_N_ELEMENTS (soft_steps),
        .max_attempts = 5,
        .failed = soft_failed,
    },
    {
        .kind = "server.reboot-hard",
        .steps = hard_steps,
        .n_steps = G_N_ELEMENTS (hard_steps),
        .max_attempts = 5,
        .failed = hard_failed,
    },
};

void
kn_server_reboot_register (KnCompute *compute)
{
    for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
        kn_jobs_register (compute->jobs, &kinds[i], compute);
}
