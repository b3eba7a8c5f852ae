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

/* What the errors of libvirt's own agent calls come to. */
static bool
fail_agent (KnDomainCall *call, GError **error)
{
    int number = kn_virt_last_number ();

    if (number == VIR_ERR_ARGUMENT_UNSUPPORTED || number == VIR_ERR_NO_SUPPORT
        || number == VIR_ERR_OPERATION_UNSUPPORTED) {
        virResetLastError ();
        kn_error_public (error, KN_ERROR_CONFLICT, "The server has no guest agent channel.");
        return false;
    }
    if (number == VIR_ERR_AGENT_UNRESPONSIVE) {
        virResetLastError ();
        kn_error_public (error, KN_ERROR_TIMEOUT, "The guest agent does not answer.");
        return false;
    }
    return kn_virt_fail (call->host, call->conn, error);
}

/* libvirt's own agent calls wait as long as this says, for good; so every one says it. Older daemons do without. */
static void
limit_agent (KnDomainCall *call, int timeout_s)
{
    (void)virDomainAgentSetResponseTimeout (call->domain, timeout_s, 0);
    virResetLastError ();
}

typedef struct {
    gint64 skew_us, round_trip_us;
} Skew;

static bool
load_skew (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    long long seconds = 0;
    unsigned int nanoseconds = 0;

    limit_agent (call, spec->number);
    gint64 before_us = g_get_real_time ();
    if (virDomainGetTime (call->domain, &seconds, &nanoseconds, 0) < 0)
        return fail_agent (call, error);
    gint64 round_trip_us = g_get_real_time () - before_us;
    gint64 guest_us = (gint64)seconds * G_USEC_PER_SEC + nanoseconds / 1000;
    Skew *skew = g_new (Skew, 1);

    *skew = (Skew){ guest_us - before_us - round_trip_us / 2, round_trip_us };
    *out_result = skew;
    return true;
}

static bool
set_time (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    limit_agent (call, spec->number);
    gint64 now_us = g_get_real_time ();

    return virDomainSetTime (call->domain, now_us / G_USEC_PER_SEC,
                             (unsigned int)(now_us % G_USEC_PER_SEC) * 1000, 0)
               == 0
           || fail_agent (call, error);
}

/* Whether somebody is at the other end of the channel. */
static bool
check_connected (KnDomainCall *call, GError **error)
{
    char *text = virDomainGetXMLDesc (call->domain, 0);

    if (!text)
        return kn_virt_fail (call->host, call->conn, error);
    g_autoptr (KnXmlView) view = kn_xml_view_new (text, error);

    free (text);
    if (!view)
        return false;
    /* libvirt's test driver tells no state. */
    if (kn_virt_is_test (call->conn)
        || kn_xml_view_has (view, "/domain/devices/channel/target"
                                  "[@name='org.qemu.guest_agent.0' and @state='connected']"))
        return true;
    kn_error_public (error, KN_ERROR_CONFLICT, "No guest agent is connected.");
    return false;
}

static bool
freeze (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    if (!check_connected (call, error))
        return false;
    limit_agent (call, spec->number);
    return virDomainFSFreeze (call->domain, NULL, 0, 0) >= 0 || fail_agent (call, error);
}

static bool
thaw (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    limit_agent (call, spec->number);
    return virDomainFSThaw (call->domain, NULL, 0, 0) >= 0 || fail_agent (call, error);
}

typedef bool (*AgentWork) (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result,
                           GError **error);

static bool
run (KnVirtHost *host, const char *uuid, AgentWork work, guint timeout_s, gpointer *out_result,
     GError **error)
{
    guint timeout = CLAMP (timeout_s, 1, TIMEOUT_MAX_S);

    return kn_monitor_run (host, uuid,
                           &(KnMonitorSpec){ .work = work,
                                             .number = (int)timeout,
                                             .timeout_ms = (timeout + GRACE_S) * 1000,
                                             .free_result = g_free },
                           out_result, error);
}

bool
kn_domain_load_clock_skew (KnVirtHost *host, const char *uuid, guint timeout_s, gint64 *out_skew_us,
                           gint64 *out_round_trip_us, GError **error)
{
    gpointer result = NULL;

    if (!run (host, uuid, load_skew, timeout_s, &result, error))
        return false;
    g_autofree Skew *skew = result;

    *out_skew_us = skew->skew_us;
    if (out_round_trip_us)
        *out_round_trip_us = skew->round_trip_us;
    return true;
}

bool
kn_domain_set_time (KnVirtHost *host, const char *uuid, guint timeout_s, GError **error)
{
    return run (host, uuid, set_time, timeout_s, NULL, error);
}

bool
kn_domain_freeze (KnVirtHost *host, const char *uuid, guint timeout_s, GError **error)
{
    return run (host, uuid, freeze, timeout_s, NULL, error);
}

bool
kn_domain_thaw (KnVirtHost *host, const char *uuid, guint timeout_s, GError **error)
{
    return run (host, uuid, thaw, timeout_s, NULL, error);
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
