/* SPDX-License-Identifier: Apache-2.0 */
/* Commands to the agent inside the guest. */
#include <libvirt/libvirt-qemu.h>

#include "virt/domain.h"
#include "virt/virt_priv.h"

#define TIMEOUT_MAX_S 300
#define GRACE_S 5 /* libvirt first wakes the agent up, which has a time limit of its own */

static bool
ask (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    char *answer = virDomainQemuAgentCommand (call->domain, spec->text, spec->number, 0);

    if (answer) {
        *out_result = answer;
        return true;
    }
    /* Without a channel libvirt says that the argument is unsupported: for us this, too, is "no agent". */
    if (kn_virt_last_number () != VIR_ERR_ARGUMENT_UNSUPPORTED)
        return kn_virt_fail (call->host, call->conn, error);
    virResetLastError ();
    kn_error_public (error, KN_ERROR_CONFLICT, "The server has no guest agent channel.");
    return false;
}

char *
kn_domain_agent (KnVirtHost *host, const char *uuid, const char *command, guint timeout_s,
                 GError **error)
{
    guint timeout = CLAMP (timeout_s, 1, TIMEOUT_MAX_S);
    gpointer answer = NULL;
    const KnMonitorSpec spec = { .work = ask,
                                 .text = command,
                                 .number = (int)timeout,
                                 .timeout_ms = (timeout + GRACE_S) * 1000,
                                 .free_result = g_free };

    (void)kn_monitor_run (host, uuid, &spec, &answer, error);
    return answer;
}
