/* SPDX-License-Identifier: Apache-2.0 */
/* Commands to the agent inside the guest. */
#include <libvirt/libvirt-qemu.h>

#include "virt/domain.h"
#include "virt/virt_priv.h"

#define TIMEOUT_MAX_S 300

char *
kn_domain_agent (KnVirtHost *host, const char *uuid, const char *command, guint timeout_s,
                 GError **error)
{
    g_auto (KnDomainCall) call = { 0 };

    if (!kn_domain_call_open (&call, host, uuid, error))
        return NULL;
    int timeout = (int)CLAMP (timeout_s, 1, TIMEOUT_MAX_S);
    char *answer = virDomainQemuAgentCommand (call.domain, command, timeout, 0);

    if (answer)
        return answer;
    /* Without a channel libvirt says that the argument is unsupported: for us this, too, is "no agent". */
    if (kn_virt_last_number () == VIR_ERR_ARGUMENT_UNSUPPORTED) {
        virResetLastError ();
        kn_error_public (error, KN_ERROR_CONFLICT, "The server has no guest agent channel.");
        return NULL;
    }
    (void)kn_virt_fail (host, call.conn, error);
    return NULL;
}
