/* SPDX-License-Identifier: Apache-2.0 */
/* Images on remote hosts: streamed once, and whole or not there. */
#include "virt/virt_priv.h"

/* Stands beside an image that has arrived whole: libvirt cannot rename a volume, so its presence alone proves nothing. */
#define DONE_SUFFIX ".whole"
#define SEND_WAIT_S 3600

/* Claims the image for this thread, or waits until another one has sent it. */
static bool
enter_sending (KnVirtHost *host, const char *base, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time () + SEND_WAIT_S * G_TIME_SPAN_SECOND;
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    while (g_hash_table_contains (host->sending, base)) {
        if (!g_cond_wait_until (&host->changed, &host->lock, deadline_us)) {
            kn_error_set (error, KN_ERROR_TIMEOUT, "image '%s' is not yet on host '%s'", base,
                          host->name);
            return false;
        }
    }
    g_hash_table_add (host->sending, g_strdup (base));
    return true;
}

static void
leave_sending (KnVirtHost *host, const char *base)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    g_hash_table_remove (host->sending, base);
    g_cond_broadcast (&host->changed);
}

static bool
has_volume (KnPoolCall *call, const char *name, KnPoolLook look, bool *out_has, GError **error)
{
    g_autoptr (virStorageVol) volume = NULL;

    if (!kn_pool_find_volume (call, name, look, &volume, error))
        return false;
    *out_has = volume != NULL;
    return true;
}

static bool
make_volume (KnPoolCall *call, const char *name, guint64 size_bytes, virStorageVolPtr *out_volume,
             GError **error)
{
    g_autofree char *xml = kn_volume_format_xml (name, "raw", size_bytes, NULL, NULL);
    bool existed = false;

    return kn_pool_create_volume (call, name, xml, out_volume, &existed, error);
}

static bool
send_image (KnPoolCall *call, const char *base, const char *mark, int fd, guint64 size_bytes,
            GError **error)
{
    g_autoptr (virStorageVol) partial = NULL, volume = NULL, done = NULL;
    KnByteSource source = { .fd = fd };

    if (!kn_pool_find_volume (call, base, KN_POOL_LOOK_DEEP, &partial, error))
        return false;
    if (partial && virStorageVolDelete (partial, 0) < 0)
        return kn_virt_fail (call->host, call->conn, error);
    /* The pool reads the format of what has arrived before it is used as a base. */
    return make_volume (call, base, size_bytes, &volume, error)
           && kn_pool_upload (call, volume, &source, size_bytes, error)
           && make_volume (call, mark, 0, &done, error) && kn_pool_refresh (call, error);
}

static bool
ensure_remote (KnPoolCall *call, const char *base, int fd, guint64 size_bytes, GError **error)
{
    g_autofree char *mark = g_strconcat (base, DONE_SUFFIX, NULL);
    bool whole = false;

    if (!has_volume (call, mark, KN_POOL_LOOK_KNOWN, &whole, error))
        return false;
    return whole || send_image (call, base, mark, fd, size_bytes, error);
}

bool
kn_volume_ensure_image (KnVirtHost *host, const char *base, int fd, guint64 size_bytes,
                        GError **error)
{
    g_auto (KnPoolCall) call = { 0 };
    bool there = false;

    if (!kn_pool_call_open (&call, host, KN_POOL_IMAGES, error))
        return false;
    if (call.test)
        return true;
    if (!host->local) {
        if (!enter_sending (host, base, error))
            return false;
        bool done = ensure_remote (&call, base, fd, size_bytes, error);

        leave_sending (host, base);
        return done;
    }
    if (!has_volume (&call, base, KN_POOL_LOOK_DEEP, &there, error))
        return false;
    if (!there)
        kn_error_set (error, KN_ERROR_NOT_FOUND, "image '%s' is not on host '%s'", base,
                      host->name);
    return there;
}
