/* SPDX-License-Identifier: Apache-2.0 */
/* Domains on, off, paused and reset; each is idempotent where its header says so. */
#include "virt/domain.h"
#include "virt/virt_priv.h"

/* libvirt itself waits up to 30 s for another call on the same domain; making a large guest takes its time. */
#define TIMEOUT_MS 45000
#define START_TIMEOUT_MS 300000
/* Writing or reading the memory of a large guest on a slow disk. */
#define SAVE_TIMEOUT_MS 3600000
/* A guest that is still booting ignores the power button: press it again now and then. */
#define SHUTDOWN_REPEAT_S 10
/* Events tell when to look; without them (a host that just came back) look this often. */
#define SHUTDOWN_LOOK_S 1

/* State in libvirt's words to ours. */
static const KnDomainState states[] = {
    [VIR_DOMAIN_NOSTATE] = KN_DOMAIN_RUNNING,  [VIR_DOMAIN_RUNNING] = KN_DOMAIN_RUNNING,
    [VIR_DOMAIN_BLOCKED] = KN_DOMAIN_RUNNING,  [VIR_DOMAIN_PAUSED] = KN_DOMAIN_PAUSED,
    [VIR_DOMAIN_SHUTDOWN] = KN_DOMAIN_RUNNING, [VIR_DOMAIN_SHUTOFF] = KN_DOMAIN_SHUTOFF,
    [VIR_DOMAIN_CRASHED] = KN_DOMAIN_CRASHED,  [VIR_DOMAIN_PMSUSPENDED] = KN_DOMAIN_PAUSED,
};

bool
kn_domain_call_state (KnDomainCall *call, KnDomainState *out_state, GError **error)
{
    int state = VIR_DOMAIN_NOSTATE;

    if (virDomainGetState (call->domain, &state, NULL, 0) < 0) {
        if (kn_virt_last_number () != VIR_ERR_NO_DOMAIN)
            return kn_virt_fail (call->host, call->conn, error);
        virResetLastError ();
        *out_state = KN_DOMAIN_NONE;
        return true;
    }
    *out_state
        = state >= 0 && state < (int)G_N_ELEMENTS (states) ? states[state] : KN_DOMAIN_RUNNING;
    return true;
}

/* Whether there is saved memory of the domain. */
static bool
has_saved (KnDomainCall *call, bool *out_saved, GError **error)
{
    int saved = virDomainHasManagedSaveImage (call->domain, 0);

    if (saved < 0 && kn_virt_last_number () != VIR_ERR_NO_DOMAIN)
        return kn_virt_fail (call->host, call->conn, error);
    virResetLastError ();
    *out_saved = saved == 1;
    return true;
}

/* A domain that is off may be SAVED. */
static bool
load_saved (KnDomainCall *call, KnDomainState *out_state, GError **error)
{
    bool saved = false;

    if (!has_saved (call, &saved, error))
        return false;
    if (saved)
        *out_state = KN_DOMAIN_SAVED;
    return true;
}

bool
kn_domain_load_state (KnVirtHost *host, const char *uuid, KnDomainState *out_state, GError **error)
{
    g_auto (KnDomainCall) call = { 0 };

    if (!kn_domain_call_open_any (&call, host, uuid, error))
        return false;
    if (!call.domain) {
        *out_state = KN_DOMAIN_NONE;
        return true;
    }
    return kn_domain_call_state (&call, out_state, error)
           && (*out_state != KN_DOMAIN_SHUTOFF || load_saved (&call, out_state, error));
}

/* After a call that failed: fine if the domain is in @wanted already, otherwise libvirt's reason stands. */
static bool
accept_state (KnDomainCall *call, KnDomainState wanted, GError **error)
{
    g_autoptr (GError) reason = NULL;
    bool wrong_state = kn_virt_last_number () == VIR_ERR_OPERATION_INVALID;
    KnDomainState state = KN_DOMAIN_NONE;

    (void)kn_virt_fail (call->host, call->conn, &reason);
    if (wrong_state && kn_domain_call_state (call, &state, NULL) && state == wanted)
        return true;
    g_propagate_error (error, g_steal_pointer (&reason));
    return false;
}

/* ---- calls that wait for QEMU ---- */

static bool
start (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    return virDomainCreate (call->domain) == 0 || accept_state (call, KN_DOMAIN_RUNNING, error);
}

static bool
reset (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    return virDomainReset (call->domain, 0) == 0 || kn_virt_fail (call->host, call->conn, error);
}

static bool
suspend (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    return virDomainSuspend (call->domain) == 0 || accept_state (call, KN_DOMAIN_PAUSED, error);
}

static bool
resume (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    return virDomainResume (call->domain) == 0 || accept_state (call, KN_DOMAIN_RUNNING, error);
}

static bool
drop_saved (KnDomainCall *call, GError **error)
{
    bool saved = false;

    return has_saved (call, &saved, error)
           && (!saved || virDomainManagedSaveRemove (call->domain, 0) == 0
               || kn_virt_fail (call->host, call->conn, error));
}

static bool
save (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    KnDomainState state = KN_DOMAIN_NONE;
    bool saved = false;

    if (!kn_domain_call_state (call, &state, error) || !has_saved (call, &saved, error))
        return false;
    if (saved && state == KN_DOMAIN_SHUTOFF)
        return true;
    /* A file beside a guest that runs is an old one, or half of one. Paused by an attempt that was cut off, it is to run again. */
    return drop_saved (call, error)
           && (virDomainManagedSave (call->domain, VIR_DOMAIN_SAVE_RUNNING) == 0
               || kn_virt_fail (call->host, call->conn, error));
}

static bool
restore (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    KnDomainState state = KN_DOMAIN_NONE;
    bool saved = false;

    if (!kn_domain_call_state (call, &state, error) || !has_saved (call, &saved, error))
        return false;
    if (state == KN_DOMAIN_SHUTOFF && !saved) {
        kn_error_public (error, KN_ERROR_CONFLICT,
                         "The saved memory of the server is gone; start it, or reboot it hard.");
        return false;
    }
    if (state == KN_DOMAIN_SHUTOFF && virDomainCreate (call->domain) < 0
        && !accept_state (call, KN_DOMAIN_RUNNING, error))
        return false;
    /* libvirt removes the file itself, unless it ends in between: then the next start would bring back an old memory. */
    return drop_saved (call, error);
}

/* Presses the power button. One that goes off meanwhile is fine. */
static bool
press_button (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    return virDomainShutdownFlags (call->domain, 0) == 0
           || accept_state (call, KN_DOMAIN_SHUTOFF, error);
}

bool
kn_domain_start (KnVirtHost *host, const char *uuid, GError **error)
{
    return kn_monitor_run (
        host, uuid, &(KnMonitorSpec){ .work = start, .timeout_ms = START_TIMEOUT_MS }, NULL, error);
}

bool
kn_domain_reset (KnVirtHost *host, const char *uuid, GError **error)
{
    return kn_monitor_run (host, uuid, &(KnMonitorSpec){ .work = reset, .timeout_ms = TIMEOUT_MS },
                           NULL, error);
}

bool
kn_domain_suspend (KnVirtHost *host, const char *uuid, GError **error)
{
    return kn_monitor_run (
        host, uuid, &(KnMonitorSpec){ .work = suspend, .timeout_ms = TIMEOUT_MS }, NULL, error);
}

bool
kn_domain_resume (KnVirtHost *host, const char *uuid, GError **error)
{
    return kn_monitor_run (host, uuid, &(KnMonitorSpec){ .work = resume, .timeout_ms = TIMEOUT_MS },
                           NULL, error);
}

bool
kn_domain_save (KnVirtHost *host, const char *uuid, GError **error)
{
    return kn_monitor_run (
        host, uuid, &(KnMonitorSpec){ .work = save, .timeout_ms = SAVE_TIMEOUT_MS, .alone = true },
        NULL, error);
}

bool
kn_domain_restore (KnVirtHost *host, const char *uuid, GError **error)
{
    return kn_monitor_run (
        host, uuid,
        &(KnMonitorSpec){ .work = restore, .timeout_ms = SAVE_TIMEOUT_MS, .alone = true }, NULL,
        error);
}

bool
kn_domain_drop_saved (KnVirtHost *host, const char *uuid, GError **error)
{
    g_auto (KnDomainCall) call = { 0 };

    return kn_domain_call_open_any (&call, host, uuid, error)
           && (!call.domain || drop_saved (&call, error));
}

/* libvirt kills QEMU for this and so never waits for it. */
bool
kn_domain_destroy (KnVirtHost *host, const char *uuid, GError **error)
{
    g_auto (KnDomainCall) call = { 0 };

    if (!kn_domain_call_open_any (&call, host, uuid, error))
        return false;
    if (!call.domain || virDomainDestroy (call.domain) == 0)
        return true;
    if (kn_virt_last_number () == VIR_ERR_NO_DOMAIN) {
        virResetLastError ();
        return true;
    }
    return accept_state (&call, KN_DOMAIN_SHUTOFF, error);
}

void
kn_virt_wait_for_event (KnVirtHost *host, guint64 serial, gint64 until_us)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    while (host->event_serial == serial && host->conn
           && g_cond_wait_until (&host->changed, &host->lock, until_us))
        continue;
}

guint64
kn_virt_event_serial (KnVirtHost *host)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    return host->event_serial;
}

static bool
is_off (KnDomainState state)
{
    return state == KN_DOMAIN_SHUTOFF || state == KN_DOMAIN_CRASHED || state == KN_DOMAIN_NONE;
}

bool
kn_domain_shutdown (KnVirtHost *host, const char *uuid, guint timeout_ms, GError **error)
{
    g_auto (KnDomainCall) call = { 0 };
    gint64 now_us = g_get_monotonic_time (), asked_us = 0;
    gint64 deadline_us = now_us + (gint64)timeout_ms * 1000;
    const KnMonitorSpec button = { .work = press_button, .timeout_ms = TIMEOUT_MS };

    if (!kn_domain_call_open (&call, host, uuid, error))
        return false;
    for (;;) {
        KnDomainState state = KN_DOMAIN_NONE;
        guint64 serial = kn_virt_event_serial (host);

        if (!kn_domain_call_state (&call, &state, error))
            return false;
        if (is_off (state))
            return true;
        now_us = g_get_monotonic_time ();
        if (now_us >= deadline_us)
            break;
        if (asked_us == 0 || now_us - asked_us > SHUTDOWN_REPEAT_S * G_TIME_SPAN_SECOND) {
            if (!kn_monitor_run (host, uuid, &button, NULL, error))
                return false;
            asked_us = now_us;
        }
        kn_virt_wait_for_event (host, serial,
                                MIN (deadline_us, now_us + SHUTDOWN_LOOK_S * G_TIME_SPAN_SECOND));
    }
    kn_error_public (error, KN_ERROR_TIMEOUT,
                     "The guest did not shut down within %u s of being asked.", timeout_ms / 1000);
    return false;
}
