/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes into and out of volumes, by stream. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "virt/virt_priv.h"

#define CHUNK (256 * KIB)
#define PIECE (8 * MIB)

static void
abort_stream (virStreamPtr stream)
{
    (void)virStreamAbort (stream);
    virResetLastError ();
}

/* Reads up to @len bytes of @source: memory, then a file. Fewer than asked for only at the end; -1: errno. */
static gssize
read_source (KnByteSource *source, void *buffer, gsize len)
{
    if (!source->bytes)
        return read (source->fd, buffer, len);
    gsize count = MIN (len, source->left);

    memcpy (buffer, source->bytes, count);
    source->bytes += count;
    source->left -= count;
    return (gssize)count;
}

static bool
send_all (KnPoolCall *call, virStreamPtr stream, KnByteSource *source, guint64 len, GError **error)
{
    g_autofree char *buffer = g_malloc (CHUNK);

    while (len > 0) {
        gssize count = read_source (source, buffer, MIN (len, CHUNK));

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            kn_error_set_errno (error, errno, "cannot read what is to be sent to host '%s'",
                                call->host->name);
            return false;
        }
        if (count == 0) {
            kn_error_set (error, KN_ERROR_INTERNAL, "%" G_GUINT64_FORMAT " bytes are missing", len);
            return false;
        }
        for (gssize sent = 0; sent < count;) {
            int now = virStreamSend (stream, buffer + sent, (size_t)(count - sent));

            if (now < 0)
                return kn_virt_fail (call->host, call->conn, error);
            sent += now;
        }
        len -= (guint64)count;
    }
    return true;
}

bool
kn_pool_upload (KnPoolCall *call, virStorageVolPtr volume, KnByteSource *source, guint64 len,
                GError **error)
{
    /* The test driver has no files. */
    if (call->test || len == 0)
        return true;
    g_autoptr (virStream) stream = virStreamNew (call->conn, 0);

    if (!stream || virStorageVolUpload (volume, stream, 0, len, 0) < 0)
        return kn_virt_fail (call->host, call->conn, error);
    if (!send_all (call, stream, source, len, error)) {
        abort_stream (stream);
        return false;
    }
    if (virStreamFinish (stream) < 0)
        return kn_virt_fail (call->host, call->conn, error);
    return true;
}

/* Whether @volume has room for exactly @len bytes; the test driver's have no bytes at all. */
static bool
load_fits (KnPoolCall *call, virStorageVolPtr volume, gsize len, bool *out_fits, GError **error)
{
    virStorageVolInfo info = { .allocation = len };

    if (!call->test && virStorageVolGetInfoFlags (volume, &info, VIR_STORAGE_VOL_GET_PHYSICAL) < 0)
        return kn_virt_fail (call->host, call->conn, error);
    *out_fits = info.allocation == len;
    return true;
}

/* Makes the raw volume @name of @len bytes; one of another size is replaced. */
static bool
ensure_raw (KnPoolCall *call, const char *name, gsize len, virStorageVolPtr *out_volume,
            GError **error)
{
    g_autofree char *xml = kn_volume_format_xml (name, "raw", len, NULL, NULL);
    g_autoptr (virStorageVol) volume = NULL, old = NULL;
    bool existed = false, fits = true;

    if (!kn_pool_create_volume (call, name, xml, &volume, &existed, error)
        || (existed && !load_fits (call, volume, len, &fits, error)))
        return false;
    if (!fits) {
        old = g_steal_pointer (&volume);
        if (virStorageVolDelete (old, 0) < 0)
            return kn_virt_fail (call->host, call->conn, error);
        if (!kn_pool_create_volume (call, name, xml, &volume, &existed, error))
            return false;
    }
    *out_volume = g_steal_pointer (&volume);
    return true;
}

bool
kn_volume_put (KnVirtHost *host, const char *name, const void *bytes, gsize len, GError **error)
{
    g_auto (KnPoolCall) call = { 0 };
    g_autoptr (virStorageVol) volume = NULL;
    KnByteSource source = { .fd = -1, .bytes = bytes, .left = len };

    return kn_pool_call_open (&call, host, KN_POOL_INSTANCES, error)
           && ensure_raw (&call, name, len, &volume, error)
           && kn_pool_upload (&call, volume, &source, len, error);
}

static bool
receive_all (KnPoolCall *call, virStreamPtr stream, guint64 max, KnVolumeTake take, gpointer data,
             GError **error)
{
    g_autofree char *buffer = g_malloc (CHUNK);
    guint64 left = max;

    while (left > 0) {
        int count = virStreamRecv (stream, buffer, MIN (left, CHUNK));

        if (count < 0)
            return kn_virt_fail (call->host, call->conn, error);
        if (count == 0)
            break;
        if (!take (buffer, (gsize)count, data, error))
            return false;
        left -= (guint64)count;
    }
    return true;
}

/* One stream's worth. */
static bool
download_piece (KnPoolCall *call, virStorageVolPtr volume, guint64 offset, guint64 len,
                KnVolumeTake take, gpointer data, GError **error)
{
    g_autoptr (virStream) stream = virStreamNew (call->conn, 0);

    if (!stream || virStorageVolDownload (volume, stream, offset, len, 0) < 0)
        return kn_virt_fail (call->host, call->conn, error);
    if (!receive_all (call, stream, len, take, data, error)) {
        abort_stream (stream);
        return false;
    }
    if (virStreamFinish (stream) < 0)
        return kn_virt_fail (call->host, call->conn, error);
    return true;
}

/* Hands over @len bytes of the volume's file from @offset on, in streams of bounded length: libvirt reads what the host sends as
 * fast as it comes and keeps in memory what has not been asked for yet. */
static bool
download (KnPoolCall *call, virStorageVolPtr volume, guint64 offset, guint64 len, KnVolumeTake take,
          gpointer data, GError **error)
{
    for (guint64 done = 0; done < len; done += PIECE)
        if (!download_piece (call, volume, offset + done, MIN (len - done, PIECE), take, data,
                             error))
            return false;
    return true;
}

static bool
append_bytes (const char *bytes, gsize len, gpointer data, GError **error)
{
    g_byte_array_append (data, (const guint8 *)bytes, (guint)len);
    return true;
}

bool
kn_pool_download_head (KnPoolCall *call, virStorageVolPtr volume, gsize max, GByteArray *out,
                       GError **error)
{
    virStorageVolInfo info;

    if (virStorageVolGetInfoFlags (volume, &info, VIR_STORAGE_VOL_GET_PHYSICAL) < 0)
        return kn_virt_fail (call->host, call->conn, error);
    guint64 len = MIN (info.allocation, max);

    return len == 0 || download (call, volume, 0, len, append_bytes, out, error);
}

/* The last @max bytes of one file; what is gone by now has none. */
static bool
download_tail (KnPoolCall *call, virStorageVolPtr volume, gsize max, GByteArray *out,
               GError **error)
{
    virStorageVolInfo info;

    /* The physical size: the guest writes this file and so could make up a header with another one. */
    if (virStorageVolGetInfoFlags (volume, &info, VIR_STORAGE_VOL_GET_PHYSICAL) < 0) {
        if (kn_virt_error_is_connection (virGetLastError ()))
            return kn_virt_fail (call->host, call->conn, error);
        virResetLastError ();
        return true;
    }
    guint64 len = MIN (info.allocation, max);

    return download (call, volume, info.allocation - len, len, append_bytes, out, error);
}

bool
kn_volume_download (KnVirtHost *host, const char *name, KnVolumeTake take, gpointer data,
                    GError **error)
{
    g_auto (KnPoolCall) call = { 0 };
    g_autoptr (virStorageVol) volume = NULL;
    virStorageVolInfo info;

    if (!kn_pool_call_open (&call, host, KN_POOL_INSTANCES, error)
        || !kn_pool_find_volume (&call, name, KN_POOL_LOOK_DEEP, &volume, error))
        return false;
    if (!volume) {
        kn_error_set (error, KN_ERROR_NOT_FOUND, "volume '%s' is not on host '%s'", name,
                      host->name);
        return false;
    }
    if (call.test)
        return virStorageVolGetInfo (volume, &info) == 0
                   ? kn_virt_test_disk (info.capacity, take, data, error)
                   : kn_virt_fail (host, call.conn, error);
    if (virStorageVolGetInfoFlags (volume, &info, VIR_STORAGE_VOL_GET_PHYSICAL) < 0)
        return kn_virt_fail (host, call.conn, error);
    return download (&call, volume, 0, info.allocation, take, data, error);
}

/* The tail of @name, then of NAME.0, NAME.1 … until @max bytes are together; newest part first in @parts. */
static bool
collect_tail (KnPoolCall *call, const char *name, gsize max, GPtrArray *parts, GError **error)
{
    gsize have = 0;

    for (int i = -1; i < KN_VOLUME_ROTATED_MAX && have < max; i++) {
        g_autofree char *part_name = i < 0 ? g_strdup (name) : g_strdup_printf ("%s.%d", name, i);
        g_autoptr (virStorageVol) volume = NULL;
        g_autoptr (GByteArray) part = g_byte_array_new ();

        if (!kn_pool_find_volume (call, part_name, KN_POOL_LOOK_KNOWN, &volume, error))
            return false;
        if (!volume)
            return true;
        if (!download_tail (call, volume, max - have, part, error))
            return false;
        have += part->len;
        g_ptr_array_add (parts, g_steal_pointer (&part));
    }
    return true;
}

static void
free_part (gpointer data)
{
    g_byte_array_unref (data);
}

char *
kn_volume_load_tail (KnVirtHost *host, const char *name, gsize max_bytes, gsize *out_len,
                     GError **error)
{
    g_auto (KnPoolCall) call = { 0 };
    g_autoptr (GPtrArray) parts = g_ptr_array_new_with_free_func (free_part);
    GString *text = g_string_new (NULL);

    /* Logs are made and renamed behind libvirt's back, so the folder is always read again. */
    if (!kn_volume_check_name (name, error)
        || !kn_pool_call_open (&call, host, KN_POOL_INSTANCES, error)
        || (!call.test
            && (!kn_pool_refresh (&call, error)
                || !collect_tail (&call, name, max_bytes, parts, error)))) {
        (void)g_string_free (text, true);
        return NULL;
    }
    for (guint i = parts->len; i > 0; i--) {
        const GByteArray *part = parts->pdata[i - 1];

        g_string_append_len (text, (const char *)part->data, part->len);
    }
    if (out_len)
        *out_len = text->len;
    return g_string_free (text, false);
}
