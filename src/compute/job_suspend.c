/* SPDX-License-Identifier: Apache-2.0 */
/* server.suspend writes the guest's memory to a file on its host and powers it off; server.resume goes on from there. The
 * definition stays as it is meanwhile: what is planned anew takes effect at the next cold start. */
#include "compute/server_work.h"
#include "compute/time_set.h"

static bool
suspend_save (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (!work.alive || kn_domain_save (work.host, work.server->uuid, error));
}

static bool
suspend_wires (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (!work.alive
               || kn_network_unplug (work.compute->networks, work.db, work.server->uuid, error));
}

static bool
suspend_finish (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (work.server == NULL || kn_server_settle_as_seen (&work, KN_ACT_SUSPEND, error));
}

static void
suspend_failed (KnJob *job, gpointer data, const GError *why)
{
    kn_server_fail (job, data, KN_ACT_SUSPEND, KN_FAIL_REVERT, why);
}

static bool
resume_restore (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (!work.alive || kn_server_restore (&work, error));
}

static bool
resume_finish (KnJob *job, gpointer data, GError **error)
{
    g_auto (KnServerWork) work = { 0 };

    return kn_server_work_begin (&work, job, data, error)
           && (work.server == NULL
               || (kn_server_settle_as_seen (&work, KN_ACT_RESUME, error)
                   && kn_time_set_begin (&work, KN_GAP_SUSPENDED, error)));
}

static void
resume_failed (KnJob *job, gpointer data, const GError *why)
{
    kn_server_fail (job, data, KN_ACT_RESUME, KN_FAIL_REVERT, why);
}

static const KnJobStep suspend_steps[]
    = { { "save", suspend_save }, { "wires", suspend_wires }, { "finish", suspend_finish } };
static const KnJobStep resume_steps[]
    = { { "restore", resume_restore }, { "finish", resume_finish } };

static const KnJobKind kinds[] = {
    {
        .kind = "server.suspend",
        .steps = suspend_steps,
        .n_steps = G_N_ELEMENTS (suspend_steps),
        .max_attempts = 5,
        .failed = suspend_failed,
    },
    {
        .kind = "server.resume",
        .steps = resume_steps,
        .n_steps = G_N_ELEMENTS (resume_steps),
        .max_attempts = 5,
        .failed = resume_failed,
    },
};

void
kn_server_suspend_register (KnCompute *compute)
{
    for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
        kn_jobs_register (compute->jobs, &kinds[i], compute);
}
