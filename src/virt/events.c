/* SPDX-License-Identifier: Apache-2.0 */
/* News from libvirt: what happens to domains, handed on by uuid. A stranger's domain is among them: nobody knows its uuid. */
#include "virt/virt_priv.h"

typedef struct {
    KnDomainState state; /* KN_DOMAIN_N: not worth telling */
    const char *reason;
} KnLifecycleRow;

typedef struct {
    int id;
    virConnectDomainEventGenericCallback callback;
} KnCallbackRow;

/* SHUTDOWN only says that the guest has finished; STOPPED follows when QEMU is gone. */
static const KnLifecycleRow lifecycle[] = {
    [VIR_DOMAIN_EVENT_DEFINED] = { KN_DOMAIN_N, NULL },
    [VIR_DOMAIN_EVENT_UNDEFINED] = { KN_DOMAIN_N, NULL },
    [VIR_DOMAIN_EVENT_STARTED] = { KN_DOMAIN_RUNNING, "started" },
    [VIR_DOMAIN_EVENT_SUSPENDED] = { KN_DOMAIN_PAUSED, "paused" },
    [VIR_DOMAIN_EVENT_RESUMED] = { KN_DOMAIN_RUNNING, "resumed" },
    [VIR_DOMAIN_EVENT_STOPPED] = { KN_DOMAIN_SHUTOFF, "stopped" },
    [VIR_DOMAIN_EVENT_SHUTDOWN] = { KN_DOMAIN_N, NULL },
    [VIR_DOMAIN_EVENT_PMSUSPENDED] = { KN_DOMAIN_PAUSED, "asleep" },
    [VIR_DOMAIN_EVENT_CRASHED] = { KN_DOMAIN_CRASHED, "guest panic" },
};

static const char *const stopped_reasons[] = {
    [VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN] = "shut down",
    [VIR_DOMAIN_EVENT_STOPPED_DESTROYED] = "powered off",
    [VIR_DOMAIN_EVENT_STOPPED_CRASHED] = "crashed",
    [VIR_DOMAIN_EVENT_STOPPED_MIGRATED] = "migrated",
    [VIR_DOMAIN_EVENT_STOPPED_SAVED] = "saved",
    [VIR_DOMAIN_EVENT_STOPPED_FAILED] = "hypervisor failed",
    [VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT] = "snapshot loaded",
};

static void
count_event (KnVirtHost *host)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    host->event_serial++;
    g_cond_broadcast (&host->changed);
}

static int
on_lifecycle (virConnectPtr conn, virDomainPtr domain, int event, int detail, void *data)
{
    KnVirtHost *host = data;
    char uuid[VIR_UUID_STRING_BUFLEN];

    count_event (host);
    if (event < 0 || event >= (int)G_N_ELEMENTS (lifecycle) || lifecycle[event].state == KN_DOMAIN_N
        || virDomainGetUUIDString (domain, uuid) < 0)
        return 0;
    const char *reason = lifecycle[event].reason;
    if (event == VIR_DOMAIN_EVENT_STOPPED && detail >= 0
        && detail < (int)G_N_ELEMENTS (stopped_reasons))
        reason = stopped_reasons[detail];

    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->news->lock);
    if (!host->news->silent && host->news->to.domain_state)
        host->news->to.domain_state (host->news->to.data, host->name, uuid, lifecycle[event].state,
                                     reason);
    return 0;
}

static void
on_rtc_change (virConnectPtr conn, virDomainPtr domain, long long offset_s, void *data)
{
    KnVirtHost *host = data;
    char uuid[VIR_UUID_STRING_BUFLEN];

    if (virDomainGetUUIDString (domain, uuid) < 0)
        return;
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->news->lock);
    if (!host->news->silent && host->news->to.rtc_change)
        host->news->to.rtc_change (host->news->to.data, host->name, uuid, offset_s);
}

static void
on_agent (virConnectPtr conn, virDomainPtr domain, int state, int reason, void *data)
{
    KnVirtHost *host = data;
    char uuid[VIR_UUID_STRING_BUFLEN];

    if (virDomainGetUUIDString (domain, uuid) < 0)
        return;
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->news->lock);
    if (!host->news->silent && host->news->to.agent)
        host->news->to.agent (host->news->to.data, host->name, uuid,
                              state == VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED);
}

void
kn_virt_news_host (KnVirtHost *host, bool up, const char *why)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->news->lock);

    if (!host->news->silent && host->news->to.host_state)
        host->news->to.host_state (host->news->to.data, host->name, up, why);
}

static const KnCallbackRow callback_rows[] = {
    { VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK (on_lifecycle) },
    { VIR_DOMAIN_EVENT_ID_RTC_CHANGE, VIR_DOMAIN_EVENT_CALLBACK (on_rtc_change) },
    { VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK (on_agent) },
    { 0, NULL },
};
G_STATIC_ASSERT (G_N_ELEMENTS (callback_rows) <= KN_VIRT_CALLBACKS_MAX);

static void
release_host (void *data)
{
    kn_virt_host_unref (data);
}

bool
kn_virt_events_register (KnVirtHost *host, virConnectPtr conn, int *callbacks, gsize *out_count,
                         GError **error)
{
    gsize count = 0;

    for (const KnCallbackRow *row = callback_rows; row->callback; row++) {
        int id = virConnectDomainEventRegisterAny (conn, NULL, row->id, row->callback,
                                                   kn_virt_host_ref (host), release_host);

        if (id < 0) {
            (void)kn_virt_fail (host, conn, error);
            kn_virt_host_unref (host);
            kn_virt_events_deregister (conn, callbacks, count);
            return false;
        }
        callbacks[count++] = id;
    }
    *out_count = count;
    return true;
}

void
kn_virt_events_deregister (virConnectPtr conn, const int *callbacks, gsize count)
{
    for (gsize i = 0; i < count; i++)
        (void)virConnectDomainEventDeregisterAny (conn, callbacks[i]);
    virResetLastError ();
}
