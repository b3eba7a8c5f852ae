/* SPDX-License-Identifier: Apache-2.0 */
/* Our two storage pools on a host: made, started, looked up, refreshed; and the volumes in them by name. */
#include <string.h>

#include "virt/virt_priv.h"

/* libvirt refuses to read a folder again while a volume is made in it, by us or by another controller. */
#define REFRESH_TRY_S 15
#define REFRESH_PAUSE_MS 20
#define GATE_WAIT_S 30
#define NAME_MAX_LEN 200

/* ---- the gate: many may create at once, one refreshes alone ---- */

static bool
enter_shared (KnVirtHost *host, KnPool which, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time () + GATE_WAIT_S * G_TIME_SPAN_SECOND;
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);
    KnPoolGate *gate = &host->gates[which];

    while (gate->alone || gate->waiting > 0) {
        if (!g_cond_wait_until (&host->changed, &host->lock, deadline_us)) {
            kn_error_set (error, KN_ERROR_TIMEOUT, "storage pool '%s' on host '%s' stays busy",
                          host->pools[which], host->name);
            return false;
        }
    }
    gate->sharing++;
    return true;
}

static void
leave_shared (KnVirtHost *host, KnPool which)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    host->gates[which].sharing--;
    g_cond_broadcast (&host->changed);
}

/* Waits until nobody else is in. *@out_done: another thread has read the folder meanwhile, from after this call began. */
static bool
enter_alone (KnVirtHost *host, KnPool which, bool *out_done, GError **error)
{
    gint64 began_us = g_get_monotonic_time ();
    gint64 deadline_us = g_get_monotonic_time () + GATE_WAIT_S * G_TIME_SPAN_SECOND;
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);
    KnPoolGate *gate = &host->gates[which];
    bool free_in_time = true;

    gate->waiting++;
    while (free_in_time && (gate->alone || gate->sharing > 0))
        free_in_time = g_cond_wait_until (&host->changed, &host->lock, deadline_us);
    gate->waiting--;
    *out_done = free_in_time && host->refreshed_us[which] > began_us;
    gate->alone = free_in_time && !*out_done;
    if (gate->alone)
        host->refreshed_us[which] = g_get_monotonic_time ();
    g_cond_broadcast (&host->changed);
    if (!free_in_time)
        kn_error_set (error, KN_ERROR_TIMEOUT, "storage pool '%s' on host '%s' stays busy",
                      host->pools[which], host->name);
    return free_in_time;
}

static void
leave_alone (KnVirtHost *host, KnPool which, bool good)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    host->gates[which].alone = false;
    if (!good)
        host->refreshed_us[which] = 0;
    g_cond_broadcast (&host->changed);
}

/* ---- the pools ---- */

char *
kn_pool_format_xml (const char *name, const char *dir)
{
    return g_markup_printf_escaped (
        "<pool type='dir'><name>%s</name><target><path>%s</path></target></pool>", name, dir);
}

static bool
is_same_dir (const char *a, const char *b)
{
    g_autofree char *one = g_canonicalize_filename (a, "/");
    g_autofree char *other = g_canonicalize_filename (b, "/");

    return strcmp (one, other) == 0;
}

/* A pool of our name is ours only if it is on our folder. */
static bool
check_pool (KnVirtHost *host, virConnectPtr conn, virStoragePoolPtr pool, KnPool which,
            GError **error)
{
    char *text = virStoragePoolGetXMLDesc (pool, 0);

    if (!text)
        return kn_virt_fail (host, conn, error);
    g_autoptr (KnXmlView) view = kn_xml_view_new (text, error);

    free (text);
    if (!view)
        return false;
    g_autofree char *dir = kn_xml_view_dup (view, "/pool[@type='dir']/target/path");

    if (dir && is_same_dir (dir, host->dirs[which]))
        return true;
    kn_error_set (error, KN_ERROR_CONFLICT,
                  "storage pool '%s' on host '%s' is on '%s', not on '%s': it is not ours",
                  host->pools[which], host->name, dir ? dir : "something else", host->dirs[which]);
    return false;
}

static virStoragePoolPtr
define_pool (KnVirtHost *host, virConnectPtr conn, KnPool which, GError **error)
{
    g_autofree char *xml = kn_pool_format_xml (host->pools[which], host->dirs[which]);
    virStoragePoolPtr pool = virStoragePoolDefineXML (conn, xml, 0);

    if (pool)
        return pool;
    /* The folder belongs to a pool of another name; libvirt's sentence says which. */
    bool taken = kn_virt_last_number () == VIR_ERR_OPERATION_FAILED;
    g_autoptr (GError) reason = NULL;

    (void)kn_virt_fail (host, conn, &reason);
    if (taken)
        kn_error_set (error, KN_ERROR_CONFLICT, "cannot use folder '%s' on host '%s': %s",
                      host->dirs[which], host->name, reason->message);
    else
        g_propagate_error (error, g_steal_pointer (&reason));
    return NULL;
}

static bool
start_pool (KnVirtHost *host, virConnectPtr conn, virStoragePoolPtr pool, GError **error)
{
    /* The test driver has no folders to make. */
    unsigned int flags = kn_virt_is_test (conn) ? 0 : VIR_STORAGE_POOL_CREATE_WITH_BUILD;
    int active = virStoragePoolIsActive (pool);

    if (active < 0)
        return kn_virt_fail (host, conn, error);
    /* Another thread or controller may be faster. */
    if (active == 0 && virStoragePoolCreate (pool, flags) < 0) {
        g_autoptr (GError) reason = NULL;

        (void)kn_virt_fail (host, conn, &reason);
        if (virStoragePoolIsActive (pool) != 1) {
            g_propagate_error (error, g_steal_pointer (&reason));
            return false;
        }
    }
    if (virStoragePoolSetAutostart (pool, 1) < 0)
        return kn_virt_fail (host, conn, error);
    return true;
}

static bool
ensure_pool (KnVirtHost *host, virConnectPtr conn, KnPool which, GError **error)
{
    g_autoptr (virStoragePool) pool = virStoragePoolLookupByName (conn, host->pools[which]);

    if (!pool && kn_virt_last_number () != VIR_ERR_NO_STORAGE_POOL)
        return kn_virt_fail (host, conn, error);
    virResetLastError ();
    if (pool && !check_pool (host, conn, pool, which, error))
        return false;
    if (!pool) {
        g_autoptr (GError) reason = NULL;

        /* Another thread or controller may be faster here too. */
        pool = define_pool (host, conn, which, &reason);
        if (!pool)
            pool = virStoragePoolLookupByName (conn, host->pools[which]);
        virResetLastError ();
        if (!pool) {
            g_propagate_error (error, g_steal_pointer (&reason));
            return false;
        }
        if (!check_pool (host, conn, pool, which, error))
            return false;
    }
    return start_pool (host, conn, pool, error);
}

static bool
ensure_pools (KnVirtHost *host, virConnectPtr conn, GError **error)
{
    for (KnPool which = 0; which < KN_POOL_N; which++)
        if (!ensure_pool (host, conn, which, error))
            return false;

    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);
    if (host->conn == conn)
        host->pools_checked = true;
    return true;
}

static bool
is_checked (KnVirtHost *host, virConnectPtr conn)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    return host->conn == conn && host->pools_checked;
}

/* Once a connection is enough: a pool that is stopped later is found by the next call on it. */
bool
kn_volume_ensure_pools (KnVirtHost *host, GError **error)
{
    g_autoptr (virConnect) conn = kn_virt_host_connection (host, error);

    return conn && (is_checked (host, conn) || ensure_pools (host, conn, error));
}

void
kn_pool_call_clear (KnPoolCall *call)
{
    g_clear_pointer (&call->pool, virStoragePoolFree);
    g_clear_pointer (&call->conn, virConnectClose);
}

bool
kn_pool_call_open (KnPoolCall *call, KnVirtHost *host, KnPool which, GError **error)
{
    call->host = host;
    call->which = which;
    call->conn = kn_virt_host_connection (host, error);
    if (!call->conn)
        return false;
    if (!is_checked (host, call->conn) && !ensure_pools (host, call->conn, error))
        return false;

    call->test = kn_virt_is_test (call->conn);
    call->pool = virStoragePoolLookupByName (call->conn, host->pools[which]);
    if (call->pool && virStoragePoolIsActive (call->pool) == 1)
        return true;
    /* Somebody has stopped or removed it. */
    virResetLastError ();
    g_clear_pointer (&call->pool, virStoragePoolFree);
    if (!ensure_pools (host, call->conn, error))
        return false;
    call->pool = virStoragePoolLookupByName (call->conn, host->pools[which]);
    return call->pool || kn_virt_fail (host, call->conn, error);
}

/* ---- reading the folder again ---- */

static void
pause_before_retry (KnVirtHost *host)
{
    gint64 until_us = g_get_monotonic_time () + REFRESH_PAUSE_MS * 1000;
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    while (g_cond_wait_until (&host->changed, &host->lock, until_us))
        continue;
}

/* Tells "a volume is being made here" from real failures: libvirt has no number of its own for it. */
static bool
is_pool_busy (void)
{
    const virError *failure = virGetLastError ();

    return failure && failure->code == VIR_ERR_INTERNAL_ERROR
           && failure->domain == VIR_FROM_STORAGE;
}

static bool
refresh_until_done (KnPoolCall *call, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time () + REFRESH_TRY_S * G_TIME_SPAN_SECOND;

    while (virStoragePoolRefresh (call->pool, 0) < 0) {
        if (!is_pool_busy () || g_get_monotonic_time () >= deadline_us)
            return kn_virt_fail (call->host, call->conn, error);
        pause_before_retry (call->host);
    }
    return true;
}

bool
kn_pool_refresh (KnPoolCall *call, GError **error)
{
    bool done = false;

    if (!enter_alone (call->host, call->which, &done, error))
        return false;
    if (done)
        return true;
    done = refresh_until_done (call, error);
    leave_alone (call->host, call->which, done);
    return done;
}

bool
kn_pool_refresh_if_older (KnPoolCall *call, guint max_age_ms, GError **error)
{
    g_mutex_lock (&call->host->lock);
    gint64 last_us = call->host->refreshed_us[call->which];
    g_mutex_unlock (&call->host->lock);
    gint64 age_us = g_get_monotonic_time () - last_us;

    return (last_us > 0 && age_us < (gint64)max_age_ms * 1000) || kn_pool_refresh (call, error);
}

/* ---- volumes ---- */

bool
kn_volume_check_name (const char *name, GError **error)
{
    gsize len = strlen (name);

    if (len > 0 && len <= NAME_MAX_LEN && name[0] != '.' && !strchr (name, '/')
        && g_utf8_validate (name, (gssize)len, NULL))
        return true;
    kn_error_set (error, KN_ERROR_INTERNAL, "'%s' cannot be the name of a volume", name);
    return false;
}

static bool
look_up (KnPoolCall *call, const char *name, virStorageVolPtr *out_volume, GError **error)
{
    virStorageVolPtr volume = virStorageVolLookupByName (call->pool, name);

    if (!volume) {
        if (kn_virt_last_number () != VIR_ERR_NO_STORAGE_VOL)
            return kn_virt_fail (call->host, call->conn, error);
        virResetLastError ();
    }
    *out_volume = volume;
    return true;
}

bool
kn_pool_find_volume (KnPoolCall *call, const char *name, KnPoolLook look,
                     virStorageVolPtr *out_volume, GError **error)
{
    virStorageVolPtr volume = NULL;

    if (!kn_volume_check_name (name, error) || !look_up (call, name, &volume, error))
        return false;
    if (!volume && look == KN_POOL_LOOK_DEEP && !call->test
        && (!kn_pool_refresh (call, error) || !look_up (call, name, &volume, error)))
        return false;
    *out_volume = volume;
    return true;
}

bool
kn_pool_create_volume (KnPoolCall *call, const char *name, const char *xml,
                       virStorageVolPtr *out_volume, bool *out_existed, GError **error)
{
    g_autoptr (GError) reason = NULL;

    if (!kn_volume_check_name (name, error) || !enter_shared (call->host, call->which, error))
        return false;
    virStorageVolPtr volume = virStorageVolCreateXML (call->pool, xml, 0);

    if (!volume)
        (void)kn_virt_fail (call->host, call->conn, &reason);
    leave_shared (call->host, call->which);

    /* The pool may know the name, or the folder has a file that the pool has not seen yet: each has another number. */
    bool may_exist = reason && !kn_error_is_transient (reason);
    if (may_exist && !kn_pool_find_volume (call, name, KN_POOL_LOOK_DEEP, &volume, error))
        return false;
    if (!volume) {
        g_propagate_error (error, g_steal_pointer (&reason));
        return false;
    }
    *out_existed = reason != NULL;
    *out_volume = volume;
    return true;
}
