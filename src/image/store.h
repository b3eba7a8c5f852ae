/* SPDX-License-Identifier: Apache-2.0 */
/* Where the bytes of images lie: one ops table. `file` is a folder; others (rbd) can follow. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct KnStore KnStore;
typedef struct KnStorePut KnStorePut;

typedef struct {
    const char *name; /* "file" */

    void (*free) (KnStore *store);

    /* Begins an upload. Its bytes are seen by nobody before commit. Errors: CONFLICT (one is under way), NO_SPACE. */
    KnStorePut *(*put_begin) (KnStore *store, const char *id, GError **error);
    bool (*put_write) (KnStorePut *put, const char *bytes, gsize len, GError **error);
    /* Reads back up to @len bytes at @offset of what was written; returns how many there are. */
    gsize (*put_read) (KnStorePut *put, guint64 offset, void *buffer, gsize len);
    /* Makes the bytes durable and visible under the id. */
    bool (*put_commit) (KnStorePut *put, GError **error);
    /* Ends the upload: is_busy() is true until now. Without a commit nothing stays behind. */
    void (*put_free) (KnStorePut *put);

    /* A read descriptor; the caller closes it. Errors: NOT_FOUND. -1: error. */
    int (*get) (KnStore *store, const char *id, GError **error);
    bool (*size) (KnStore *store, const char *id, guint64 *out_size_bytes, GError **error);
    /* Ensure: none is fine. */
    bool (*remove) (KnStore *store, const char *id, GError **error);

    /* Whether somebody, of whatever process, is uploading @id at this moment. */
    bool (*is_busy) (KnStore *store, const char *id);
    /* Removes what uploads that died have left. */
    bool (*sweep) (KnStore *store, GError **error);
} KnStoreOps;

struct KnStore {
    const KnStoreOps *ops;
};

/* The store in the folder @dir (made with its parents, 0755; files 0644, since a libvirt pool stands on it). */
KnStore *kn_store_file_new (const char *dir, GError **error);

static inline void
kn_store_free (KnStore *store)
{
    if (store)
        store->ops->free (store);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnStore, kn_store_free)
