/* SPDX-License-Identifier: Apache-2.0 */
/* Guests' files, always through libvirt's storage pools and streams, so that a remote host needs nothing of ours. */
#pragma once

#include "virt/virt.h"

typedef enum { KN_POOL_INSTANCES, KN_POOL_IMAGES, KN_POOL_N } KnPool;

/* Defines and starts our two pools if need be; a stranger's pool of that name or folder is CONFLICT. */
bool kn_volume_ensure_pools (KnVirtHost *host, GError **error);

/* Makes the qcow2 overlay @name on image volume @base of format @base_format ("qcow2", "raw"), grown to @size_bytes (never below
 * the image's own size: BAD_REQUEST, public; 0: the image's own size). An existing one stays as it is. */
bool kn_volume_create_overlay (KnVirtHost *host, const char *name, const char *base,
                               const char *base_format, guint64 size_bytes, GError **error);

/* Makes an empty volume of @format; an existing one stays. */
bool kn_volume_create_empty (KnVirtHost *host, const char *name, const char *format,
                             guint64 size_bytes, GError **error);

/* Makes or replaces the raw volume @name with @bytes, streamed. */
bool kn_volume_put (KnVirtHost *host, const char *name, const void *bytes, gsize len,
                    GError **error);

/* The image @base on a remote host, streamed once from @fd; on a local one only checks that it is there. */
bool kn_volume_ensure_image (KnVirtHost *host, const char *base, int fd, guint64 size_bytes,
                             GError **error);

/* The last @max_bytes of a volume that a guest appends to (console log, with what virtlogd has rotated away). Not yet there: "". Caller frees. */
char *kn_volume_load_tail (KnVirtHost *host, const char *name, gsize max_bytes, gsize *out_len,
                           GError **error);

/* Hands the bytes of the volume's file to @take, a piece at a time, as they come; false ends it. */
typedef bool (*KnVolumeTake) (const char *bytes, gsize len, gpointer data, GError **error);
bool kn_volume_download (KnVirtHost *host, const char *name, KnVolumeTake take, gpointer data,
                         GError **error);

/* What a guest sees of the volume's size, bytes. */
bool kn_volume_load_capacity (KnVirtHost *host, const char *name, guint64 *out_bytes,
                              GError **error);

/* Deletes a volume and what virtlogd has rotated away from it (NAME.0, NAME.1 …); none is fine. */
bool kn_volume_delete (KnVirtHost *host, const char *name, GError **error);

/* Deletes every volume in the instances pool whose name begins with @prefix (a server's uuid); reads the folder once. */
bool kn_volume_delete_all (KnVirtHost *host, const char *prefix, GError **error);

/* As above, but those named in @keep (NULL-terminated) stay. */
bool kn_volume_delete_all_but (KnVirtHost *host, const char *prefix, const char *const *keep,
                               GError **error);

/* Names of the volumes in @pool, NULL-terminated; g_strfreev. Refreshes the pool. */
char **kn_volume_list (KnVirtHost *host, KnPool pool, GError **error);

/* Host path of a volume in the instances pool, for domain XML; it need not exist. Caller frees. */
char *kn_volume_path (KnVirtHost *host, KnPool pool, const char *name);

/* Capacity of the file system under the pool, bytes. */
bool kn_volume_load_space (KnVirtHost *host, KnPool pool, guint64 *out_total, guint64 *out_free,
                           GError **error);
