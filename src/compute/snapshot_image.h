/* SPDX-License-Identifier: Apache-2.0 */
/* The image that a snapshot of a server becomes. */
#pragma once

#include "compute/compute_priv.h"
#include "compute/server_store.h"

typedef struct {
    const KnServer *server;
    const char *id, *name;
    const char *image_type;           /* "snapshot", "backup" */
    const char *backup_type;          /* NULL for a snapshot */
    const char *user_id, *project_id; /* the caller's */
    GHashTable *metadata;             /* what the caller wants said; wins over what is inherited */
} KnSnapshot;

/* Writes the image, queued, with the properties of the server's own image and what Nova adds; in the caller's transaction.
 * Errors: those of kn_image_create(). */
bool kn_snapshot_make_image (KnCompute *compute, KnDb *db, const KnSnapshot *snapshot,
                             GError **error);
