/* SPDX-License-Identifier: Apache-2.0 */
/* server.start, server.stop, server.pause, server.unpause. */
#include "compute/server_work.h"
#include "compute/time_set.h"

/* Ends @job with the state that its domain has now. */
static bool
settle_as_seen (KnJob *job, gpointer data, KnAct act, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (work.server == NULL || kn_server_settle_as_seen (&work, act, error));
}

static bool
start_power (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (!work.alive || kn_server_start_anew (&work, error));
}

static bool
start_finish (KnJob *job, gpointer data, GError **error)
{
    return settle_as_seen (job, data, KN_ACT_START, error);
}

static void
start_failed (KnJob *job, gpointer data, const GError *why)
{
    kn_server_fail (job, data, KN_ACT_START, KN_FAIL_REVERT, why);
}

static bool
stop_ask (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };
    bool off;

    if (!kn_server_work_begin (&work, job, data, error))
        return false;

    return !work.alive
           || kn_server_ask_off (
               &work, kn_config_int (work.compute->config, "compute.stop_timeout"), &off, error);
}

static bool
stop_power (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (!work.alive || kn_server_power_off (&work, error));
}

static bool
stop_finish (KnJob *job, gpointer data, GError **error)
{
    return settle_as_seen (job, data, KN_ACT_STOP, error);
}

static void
stop_failed (KnJob *job, gpointer data, const GError *why)
{
    kn_server_fail (job, data, KN_ACT_STOP, KN_FAIL_REVERT, why);
}

static bool
pause_cpus (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (!work.alive || kn_domain_suspend (work.host, work.server->uuid, error));
}

static bool
pause_finish (KnJob *job, gpointer data, GError **error)
{
    return settle_as_seen (job, data, KN_ACT_PAUSE, error);
}

static void
pause_failed (KnJob *job, gpointer data, const GError *why)
{
    kn_server_fail (job, data, KN_ACT_PAUSE, KN_FAIL_REVERT, why);
}

static bool
unpause_cpus (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (!work.alive || kn_domain_resume (work.host, work.server->uuid, error));
}

static bool
unpause_finish (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (work.server == NULL
               || (kn_server_settle_as_seen (&work, KN_ACT_UNPAUSE, error)
                   && kn_time_set_begin (&work, KN_GAP_PAUSED, error)));
}

static void
unpause_failed (KnJob *job, gpointer data, const GError *why)
{
    kn_server_fail (job, data, KN_ACT_UNPAUSE, KN_FAIL_REVERT, why);
}

static const KnJobStep start_steps[] = { { "power", start_power }, { "finish", start_finish } };
static const KnJobStep stop_steps[]
    = { { "ask", stop_ask }, { "power", stop_power }, { "finish", stop_finish } };
static const KnJobStep pause_steps[] = { { "cpus", pause_cpus }, { "finish", pause_finish } };
static const KnJobStep unpause_steps[] = { { "cpus", unpause_cpus }, { "finish", unpause_finish } };

#define KIND(NAME, PREFIX)                                                                         \
    {                                                                                              \
        .kind = NAME, .steps = PREFIX##_steps, .n_steps = G_N_ELEMENTS (PREFIX##_steps),           \
        .max_attempts = 5, .failed = PREFIX##_failed,                                              \
    }

static const KnJobKind kinds[] = {
    KIND ("server.start", start),
    KIND ("server.stop", stop),
    KIND ("server.pause", pause),
    KIND ("server.unpause", unpause),
};

void
kn_server_power_register (KnCompute *compute)
{
    for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
        kn_jobs_register (compute->jobs, &kinds[i], compute);
}
