/* SPDX-License-Identifier: Apache-2.0 */
/* Short questions to the agent inside a guest, with a deadline and a reason when there is no answer. */
#include <libvirt/libvirt-qemu.h>

#include "virt/domain.h"
#include "virt/virt_priv.h"

typedef struct {
    char *answer; /* NULL: */
    int number;   /* libvirt's reason */
} Reply;

typedef struct {
    int number;
    KnAgentFailure failure;
} FailureRow;

#define AT_ONCE_US (G_USEC_PER_SEC / 2)
#define GRACE_MS 250 /* libvirt ends the call by itself; a daemon that does not is left behind */

static const FailureRow failures[] = {
    { VIR_ERR_ARGUMENT_UNSUPPORTED, KN_AGENT_NO_CHANNEL },
    { VIR_ERR_NO_SUPPORT, KN_AGENT_NO_CHANNEL },
    { VIR_ERR_OPERATION_UNSUPPORTED, KN_AGENT_NO_CHANNEL },
    { VIR_ERR_AGENT_UNRESPONSIVE, KN_AGENT_NOT_CONNECTED },
    { VIR_ERR_AGENT_UNSYNCED, KN_AGENT_SILENT },
    { VIR_ERR_OPERATION_TIMEOUT, KN_AGENT_SILENT },
    { VIR_ERR_OPERATION_INVALID, KN_AGENT_NOT_RUNNING },
};

static KnAgentFailure
failure_of (int number)
{
    for (gsize i = 0; i < G_N_ELEMENTS (failures); i++)
        if (failures[i].number == number)
            return failures[i].failure;
    return KN_AGENT_REFUSED;
}

static void
free_reply (gpointer data)
{
    Reply *reply = data;

    g_free (reply->answer);
    g_free (reply);
}

static bool
ask (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    gint64 asked_us = g_get_monotonic_time ();

    /* Its greeting of the agent, which comes first, would otherwise take 5 s and a worker of the daemon's. */
    (void)virDomainAgentSetResponseTimeout (call->domain, spec->number, 0);
    char *answer = virDomainQemuAgentCommand (call->domain, spec->text, spec->number, 0);
    int number = answer ? VIR_ERR_OK : kn_virt_last_number ();

    /* What says that the connection broke is everybody's business. */
    if (!answer && kn_virt_error_code (number) == KN_ERROR_UNAVAILABLE)
        return kn_virt_fail (call->host, call->conn, error);
    virResetLastError ();
    /* The same number for an agent that is not there, which is known at once, and for one that hangs. */
    if (number == VIR_ERR_AGENT_UNRESPONSIVE && g_get_monotonic_time () - asked_us > AT_ONCE_US)
        number = VIR_ERR_AGENT_UNSYNCED;
    Reply *reply = g_new (Reply, 1);

    *reply = (Reply){ answer, number };
    *out_result = reply;
    return true;
}

static KnAgentFailure
failure_of_error (const GError *error)
{
    if (g_error_matches (error, KN_ERROR, KN_ERROR_TIMEOUT))
        return KN_AGENT_SILENT;
    return g_error_matches (error, KN_ERROR, KN_ERROR_NOT_FOUND) ? KN_AGENT_NOT_RUNNING
                                                                 : KN_AGENT_HOST_AWAY;
}

char *
kn_domain_ask_agent (KnVirtHost *host, const char *uuid, const char *command, guint deadline_ms,
                     KnAgentFailure *out_failure)
{
    const KnMonitorSpec spec = { .work = ask,
                                 .text = command,
                                 .number = (int)((deadline_ms + 999) / 1000),
                                 .timeout_ms = deadline_ms + GRACE_MS,
                                 .free_result = free_reply,
                                 .asks_guest = true };
    g_autoptr (GError) error = NULL;
    gpointer result = NULL;

    if (!kn_monitor_run (host, uuid, &spec, &result, &error)) {
        *out_failure = failure_of_error (error);
        return NULL;
    }
    Reply *reply = result;
    char *answer = g_steal_pointer (&reply->answer);

    *out_failure = answer ? KN_AGENT_ANSWERED : failure_of (reply->number);
    free_reply (reply);
    return answer;
}
