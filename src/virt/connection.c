/* SPDX-License-Identifier: Apache-2.0 */
/* One thread a host: it connects, tells, notices the loss and connects again. Calls borrow what it holds. */
#include <string.h>

#include "virt/virt_priv.h"

/* libvirtd is asked for a sign of life every 5 s and given up after 5 unanswered ones, so a call to a daemon that hangs
 * ends after at most KEEPALIVE_S * (KEEPALIVE_COUNT + 1) = 30 s. */
#define KEEPALIVE_S 5
#define KEEPALIVE_COUNT 5
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 1000
#define FIRST_TRY_S 10
#define HALT_S 5

typedef enum { WORK_NONE, WORK_END, WORK_CLOSE, WORK_TELL, WORK_CONNECT } KnHostWork;

virConnectPtr
kn_virt_host_connection (KnVirtHost *host, GError **error)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    if (!host->conn) {
        kn_error_public (error, KN_ERROR_UNAVAILABLE, "Host '%s' is not reachable: %s", host->name,
                         host->why ? host->why : "not connected yet");
        return NULL;
    }
    (void)virConnectRef (host->conn);
    return host->conn;
}

void
kn_virt_host_lost (KnVirtHost *host, virConnectPtr conn, const char *why)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    if (conn == host->opening)
        host->opening_lost = true;
    if (!conn || conn != host->conn)
        return;
    host->dead = g_steal_pointer (&host->conn);
    g_free (host->why);
    host->why = g_strdup (why);
    host->backoff_ms = BACKOFF_MIN_MS;
    host->next_try_us = g_get_monotonic_time () + BACKOFF_MIN_MS * 1000;
    g_cond_broadcast (&host->changed);
}

static void
on_close (virConnectPtr conn, int reason, void *data)
{
    static const char *const reasons[] = {
        [VIR_CONNECT_CLOSE_REASON_ERROR] = "the connection broke",
        [VIR_CONNECT_CLOSE_REASON_EOF] = "libvirt closed the connection",
        [VIR_CONNECT_CLOSE_REASON_KEEPALIVE] = "libvirt gives no sign of life",
        [VIR_CONNECT_CLOSE_REASON_CLIENT] = "the connection was closed",
    };
    bool known = reason >= 0 && reason < (int)G_N_ELEMENTS (reasons);

    kn_virt_host_lost (data, conn, known ? reasons[reason] : "the connection was closed");
}

static void
release_host (void *data)
{
    kn_virt_host_unref (data);
}

/* Callbacks hold the connection, so they go first. */
static void
close_connection (virConnectPtr conn, const int *callbacks, gsize n_callbacks)
{
    kn_virt_events_deregister (conn, callbacks, n_callbacks);
    (void)virConnectUnregisterCloseCallback (conn, on_close);
    (void)virConnectClose (conn);
    virResetLastError ();
}

/* Takes away the second connection, which broke together with the first; to be closed. */
static virConnectPtr
take_monitor (KnVirtHost *host)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    return g_steal_pointer (&host->monitor);
}

static void
set_why (KnVirtHost *host, const char *why)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    g_free (host->why);
    host->why = g_strdup (why);
}

/* The name of a host that was given none: what libvirt says, or what its address says. */
static void
ensure_name (KnVirtHost *host, virConnectPtr conn)
{
    g_autofree char *said = NULL;

    if (conn) {
        char *hostname = virConnectGetHostname (conn);

        said = g_strdup (hostname);
        free (hostname);
    }
    g_autoptr (GUri) uri = g_uri_parse (host->uri, G_URI_FLAGS_NONE, NULL);
    const char *address = uri ? g_uri_get_host (uri) : NULL;
    bool has_address = address && *address;
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    if (!host->name)
        host->name = g_strdup (said ? said : has_address ? address : g_get_host_name ());
}

/* Takes *@facts over unless the last ones say the same, so that a host that comes and goes does not pile them up. */
static void
publish (KnVirtHost *host, virConnectPtr conn, KnVirtFacts **facts, const int *callbacks,
         gsize n_callbacks)
{
    const KnVirtFacts *last
        = host->facts->len > 0 ? host->facts->pdata[host->facts->len - 1] : NULL;

    if (!last || !kn_virt_facts_equal (last, *facts))
        g_ptr_array_add (host->facts, g_steal_pointer (facts));
    memcpy (host->callbacks, callbacks, n_callbacks * sizeof (*callbacks));
    host->n_callbacks = n_callbacks;
    host->conn = conn;
    host->pools_checked = false;
    g_clear_pointer (&host->why, g_free);
    host->backoff_ms = BACKOFF_MIN_MS;
}

static bool
set_up (KnVirtHost *host, virConnectPtr conn, GError **error)
{
    int callbacks[KN_VIRT_CALLBACKS_MAX];
    gsize n_callbacks = 0;

    /* Neither is there for connections inside one process (test:///default). */
    (void)virConnectSetKeepAlive (conn, KEEPALIVE_S, KEEPALIVE_COUNT);
    if (virConnectRegisterCloseCallback (conn, on_close, kn_virt_host_ref (host), release_host) < 0)
        kn_virt_host_unref (host);
    virResetLastError ();

    ensure_name (host, conn);
    if (!kn_virt_events_register (host, conn, callbacks, &n_callbacks, error))
        return false;
    g_autoptr (KnVirtFacts) facts = kn_virt_facts_load (host, conn, error);
    if (!facts) {
        kn_virt_events_deregister (conn, callbacks, n_callbacks);
        return false;
    }

    g_mutex_lock (&host->lock);
    bool usable = !host->opening_lost && !host->stop;
    if (usable)
        publish (host, conn, &facts, callbacks, n_callbacks);
    g_mutex_unlock (&host->lock);
    if (!usable) {
        kn_virt_events_deregister (conn, callbacks, n_callbacks);
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "the connection broke while it was set up");
    }
    return usable;
}

static void
set_opening (KnVirtHost *host, virConnectPtr conn)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    host->opening = conn;
    host->opening_lost = false;
}

static void
try_connect (KnVirtHost *host)
{
    virConnectPtr conn = virConnectOpen (host->uri);

    if (!conn) {
        g_autofree char *why = kn_virt_error_scrub (virGetLastErrorMessage ());

        virResetLastError ();
        ensure_name (host, NULL);
        set_why (host, why);
        return;
    }
    g_autoptr (GError) error = NULL;

    set_opening (host, conn);
    bool up = set_up (host, conn, &error);
    set_opening (host, NULL);
    if (!up) {
        ensure_name (host, NULL);
        set_why (host, error->message);
        close_connection (conn, NULL, 0);
    }
}

/* Tells the upper layer of a change; only this thread does, so the news come in order. */
static void
announce (KnVirtHost *host)
{
    g_mutex_lock (&host->lock);
    gint now = host->conn != NULL;
    g_autofree char *why = g_strdup (host->why);
    host->announced = now;
    g_mutex_unlock (&host->lock);

    kn_virt_news_host (host, now, now ? NULL : why);
}

/* What the thread has to do next; needs host->lock. */
static KnHostWork
find_work (const KnVirtHost *host)
{
    if (host->stop)
        return WORK_END;
    if (host->dead)
        return WORK_CLOSE;
    if (host->listed && host->announced != (host->conn != NULL))
        return WORK_TELL;
    if (!host->conn && g_get_monotonic_time () >= host->next_try_us)
        return WORK_CONNECT;
    return WORK_NONE;
}

/* Waits until there is something to do; *@out_dead is a connection to close. */
static KnHostWork
wait_for_work (KnVirtHost *host, virConnectPtr *out_dead)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);
    KnHostWork work = WORK_NONE;

    while ((work = find_work (host)) == WORK_NONE) {
        if (host->conn)
            g_cond_wait (&host->changed, &host->lock);
        else
            (void)g_cond_wait_until (&host->changed, &host->lock, host->next_try_us);
    }
    *out_dead = g_steal_pointer (&host->dead);
    return work;
}

static void
after_try (KnVirtHost *host)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    if (!host->conn) {
        host->next_try_us = g_get_monotonic_time () + (gint64)host->backoff_ms * 1000;
        host->backoff_ms = MIN (host->backoff_ms * 2, BACKOFF_MAX_MS);
    }
    host->tried = true;
    g_cond_broadcast (&host->changed);
}

static void
close_both (KnVirtHost *host, virConnectPtr conn)
{
    g_autoptr (virConnect) monitor = take_monitor (host);

    close_connection (conn, host->callbacks, host->n_callbacks);
}

static void
close_last (KnVirtHost *host, virConnectPtr dead)
{
    g_mutex_lock (&host->lock);
    virConnectPtr last = g_steal_pointer (&host->conn);
    host->running = false;
    g_free (host->why);
    host->why = g_strdup ("the program is stopping");
    g_mutex_unlock (&host->lock);

    if (dead)
        close_both (host, dead);
    if (last)
        close_both (host, last);
    g_mutex_lock (&host->lock);
    g_cond_broadcast (&host->changed);
    g_mutex_unlock (&host->lock);
}

static gpointer
run (gpointer data)
{
    g_autoptr (KnVirtHost) host = data;
    virConnectPtr dead = NULL;
    KnHostWork work = WORK_NONE;

    while ((work = wait_for_work (host, &dead)) != WORK_END) {
        if (dead)
            close_both (host, dead);
        if (work == WORK_TELL)
            announce (host);
        if (work == WORK_CONNECT) {
            try_connect (host);
            after_try (host);
        }
    }
    close_last (host, dead);
    return NULL;
}

void
kn_virt_host_run (KnVirtHost *host)
{
    gint64 deadline_us = g_get_monotonic_time () + FIRST_TRY_S * G_TIME_SPAN_SECOND;

    host->running = true;
    host->backoff_ms = BACKOFF_MIN_MS;
    g_thread_unref (g_thread_new ("virt-host", run, kn_virt_host_ref (host)));

    g_mutex_lock (&host->lock);
    while (!host->tried && g_cond_wait_until (&host->changed, &host->lock, deadline_us))
        continue;
    g_mutex_unlock (&host->lock);
    ensure_name (host, NULL);
}

void
kn_virt_host_list (KnVirtHost *host)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    host->listed = true;
    g_cond_broadcast (&host->changed);
}

void
kn_virt_host_halt (KnVirtHost *host)
{
    gint64 deadline_us = g_get_monotonic_time () + HALT_S * G_TIME_SPAN_SECOND;
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    host->stop = true;
    g_cond_broadcast (&host->changed);
    while (host->running && g_cond_wait_until (&host->changed, &host->lock, deadline_us))
        continue;
}
