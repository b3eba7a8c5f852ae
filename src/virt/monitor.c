/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that wait for a guest's QEMU. libvirt gives them no end when QEMU hangs (a stopped process, a disk that is away), so
 * each runs on a thread that can be left behind, over a connection that the other calls do not share: libvirtd serves only
 * a few calls of one connection at a time. */
#include "virt/virt_priv.h"

#define KEEPALIVE_S 5
#define KEEPALIVE_COUNT 5

/* Shared by the caller and the thread. */
typedef struct {
    gatomicrefcount refs;
    KnVirtHost *host;
    char *uuid, *text;
    char *key; /* of @host->stuck: guest and QEMU hang separately */
    KnMonitorSpec spec;
    virConnectPtr conn; /* set by the thread under @lock; owned */

    GMutex lock;
    GCond finished;
    bool started, done, left; /* @left: the caller has gone */
    bool good;
    gpointer result;
    GError *error;
} KnMonitorJob;

static void
job_unref (KnMonitorJob *job)
{
    if (!g_atomic_ref_count_dec (&job->refs))
        return;
    if (job->result && job->spec.free_result)
        job->spec.free_result (job->result);
    g_clear_error (&job->error);
    g_clear_pointer (&job->conn, virConnectClose);
    kn_virt_host_unref (job->host);
    g_free (job->uuid);
    g_free (job->text);
    g_free (job->key);
    g_mutex_clear (&job->lock);
    g_cond_clear (&job->finished);
    g_free (job);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnMonitorJob, job_unref)

static KnMonitorJob *
job_new (KnVirtHost *host, const char *uuid, const KnMonitorSpec *spec)
{
    KnMonitorJob *job = g_new0 (KnMonitorJob, 1);

    g_atomic_ref_count_init (&job->refs);
    job->host = kn_virt_host_ref (host);
    job->uuid = g_strdup (uuid);
    job->text = g_strdup (spec->text);
    job->spec = *spec;
    job->spec.text = job->text;
    job->key = g_strconcat (uuid, spec->asks_guest ? "/guest" : "", NULL);
    g_mutex_init (&job->lock);
    g_cond_init (&job->finished);
    return job;
}

/* ---- the connection ---- */

static virConnectPtr
find_connection (KnVirtHost *host, bool *out_away)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    *out_away = host->conn == NULL;
    if (!host->conn || !host->monitor)
        return NULL;
    (void)virConnectRef (host->monitor);
    return host->monitor;
}

/* Keeps @conn for the next calls unless another thread was faster. */
static void
keep_connection (KnVirtHost *host, virConnectPtr conn)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    if (host->monitor || !host->conn || host->stop)
        return;
    (void)virConnectRef (conn);
    host->monitor = conn;
}

/* Forgets @conn if it is the one that is kept: it is broken, or somebody hangs in it. */
static void
drop_connection (KnVirtHost *host, virConnectPtr conn)
{
    g_mutex_lock (&host->lock);
    virConnectPtr dropped = conn && host->monitor == conn ? g_steal_pointer (&host->monitor) : NULL;
    g_mutex_unlock (&host->lock);

    if (dropped)
        (void)virConnectClose (dropped);
}

static virConnectPtr
open_new (KnVirtHost *host, GError **error)
{
    virConnectPtr conn = virConnectOpen (host->uri);

    if (!conn) {
        (void)kn_virt_fail (host, NULL, error);
        return NULL;
    }
    (void)virConnectSetKeepAlive (conn, KEEPALIVE_S, KEEPALIVE_COUNT);
    virResetLastError ();
    return conn;
}

static virConnectPtr
open_connection (KnVirtHost *host, bool alone, GError **error)
{
    bool away = false;
    g_autoptr (virConnect) conn = find_connection (host, &away);

    if (conn && !alone)
        return g_steal_pointer (&conn);
    /* The main connection knows why. */
    if (away)
        return kn_virt_host_connection (host, error);
    g_autoptr (virConnect) fresh = open_new (host, error);
    if (fresh && !alone)
        keep_connection (host, fresh);
    return g_steal_pointer (&fresh);
}

/* ---- the thread ---- */

static void
set_stuck (KnVirtHost *host, const char *key, int change)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);
    int count = GPOINTER_TO_INT (g_hash_table_lookup (host->stuck, key)) + change;

    if (count > 0)
        g_hash_table_insert (host->stuck, g_strdup (key), GINT_TO_POINTER (count));
    else
        g_hash_table_remove (host->stuck, key);
}

static bool
is_stuck (KnVirtHost *host, const char *key)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    return g_hash_table_contains (host->stuck, key);
}

static bool
begin_job (KnMonitorJob *job)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&job->lock);

    job->started = true;
    return !job->left;
}

static void
end_job (KnMonitorJob *job, bool good, gpointer result, GError *error)
{
    g_mutex_lock (&job->lock);
    job->good = good;
    job->result = result;
    job->error = error;
    job->done = true;
    bool left = job->left;
    g_cond_signal (&job->finished);
    g_mutex_unlock (&job->lock);

    if (left)
        set_stuck (job->host, job->key, -1);
}

static void
run_job (KnMonitorJob *job)
{
    g_auto (KnDomainCall) call = { 0 };
    GError *error = NULL;
    gpointer result = NULL;
    virConnectPtr conn = open_connection (job->host, job->spec.alone, &error);
    bool good = conn != NULL;

    if (good) {
        g_mutex_lock (&job->lock);
        (void)virConnectRef (conn);
        job->conn = conn;
        g_mutex_unlock (&job->lock);
        good = kn_domain_call_open_on (&call, job->host, conn, job->uuid, &error)
               && job->spec.work (&call, &job->spec, &result, &error);
    }
    if (!good && g_error_matches (error, KN_ERROR, KN_ERROR_UNAVAILABLE))
        drop_connection (job->host, conn);
    end_job (job, good, result, error);
}

void
kn_monitor_thread (gpointer data, gpointer user_data)
{
    g_autoptr (KnMonitorJob) job = data;

    if (begin_job (job))
        run_job (job);
}

/* ---- the caller ---- */

/* Waits for the end. False: the time is over and the job is left to itself in *@out_conn (a reference, or NULL). */
static bool
wait_for_job (KnMonitorJob *job, virConnectPtr *out_conn)
{
    gint64 deadline_us = g_get_monotonic_time () + (gint64)job->spec.timeout_ms * 1000;
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&job->lock);

    while (!job->done && g_cond_wait_until (&job->finished, &job->lock, deadline_us))
        continue;
    job->left = !job->done;
    if (job->left && job->started)
        set_stuck (job->host, job->key, 1);
    if (job->left && job->conn) {
        (void)virConnectRef (job->conn);
        *out_conn = job->conn;
    }
    return job->done;
}

static bool
fail_stuck (KnVirtHost *host, GError **error)
{
    kn_error_public (error, KN_ERROR_TIMEOUT,
                     "The hypervisor process of the server on host '%s' does not answer.",
                     host->name);
    return false;
}

bool
kn_monitor_run (KnVirtHost *host, const char *uuid, const KnMonitorSpec *spec, gpointer *out_result,
                GError **error)
{
    g_autoptr (KnMonitorJob) job = job_new (host, uuid, spec);
    g_autoptr (virConnect) hung = NULL;

    /* Where QEMU hangs, the guest does. */
    if (is_stuck (host, uuid) || is_stuck (host, job->key))
        return fail_stuck (host, error);
    g_atomic_ref_count_inc (&job->refs);
    (void)g_thread_pool_push (host->monitors, job, NULL);
    if (!wait_for_job (job, &hung)) {
        drop_connection (host, hung);
        return fail_stuck (host, error);
    }
    if (!job->good) {
        g_propagate_error (error, g_steal_pointer (&job->error));
        return false;
    }
    if (out_result)
        *out_result = g_steal_pointer (&job->result);
    return true;
}
