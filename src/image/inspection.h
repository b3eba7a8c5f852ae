/* SPDX-License-Identifier: Apache-2.0 */
/* Inspections of images: asked for at upload or on request, done by a job, and what follows for the image's properties. */
#pragma once

#include "image/image_priv.h"
#include "inspect/inspection.h"

/* The newest inspection of an image. */
typedef struct {
    char *state; /* "waiting", "done", "failed" */
    char *requested_at, *finished_at;
    char *message;       /* why it failed, NULL */
    KnInspection *found; /* NULL until done */
    GHashTable *filled;  /* properties that were filled in from it, char* -> char* */
} KnImageInspection;

void kn_image_inspection_free (KnImageInspection *inspection);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnImageInspection, kn_image_inspection_free)

/* -- statements: inspection_store.c -------------------------------------------------------- */

/* NULL without an error: none. */
KnImageInspection *kn_image_inspection_find (KnDb *db, const char *image_id, GError **error);
/* The image waits for an inspection; what an earlier one filled in is remembered. */
bool kn_image_inspection_request (KnDb *db, const char *image_id, GError **error);
bool kn_image_inspection_finish (KnDb *db, const char *image_id, const KnInspection *found,
                                 GHashTable *filled, GError **error);
bool kn_image_inspection_fail (KnDb *db, const char *image_id, const char *message, GError **error);

/* -- rules and the job: inspection.c ------------------------------------------------------- */

/* Asks for an inspection of the active image @id, in the caller's transaction; wake the jobs after it. */
bool kn_image_inspection_enqueue (KnDb *db, const char *id, const char *request_id, GError **error);

/* Whether uploads are inspected by themselves. */
bool kn_image_inspection_is_automatic (const KnImages *images);

/* What @found says and @row does not: properties to fill in, char* -> char*. @filled: what an earlier inspection put there (may be
 * NULL), which may be replaced. A row that declares another system gets its firmware only. New reference. */
GHashTable *kn_image_inspection_missing (const KnImageRow *row, const KnInspection *found,
                                         GHashTable *filled);

/* Adds a warning to @warnings (of KnImageWarning) for each property that says something else than the disk. */
void kn_image_inspection_contradict (const KnImageRow *row, const KnInspection *found,
                                     GPtrArray *warnings);

/* -- handlers: inspection_api.c ------------------------------------------------------------ */

bool kn_image_api_inspection (KnRequest *req, GError **error);
bool kn_image_api_inspect (KnRequest *req, GError **error);
