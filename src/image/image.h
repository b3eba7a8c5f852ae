/* SPDX-License-Identifier: Apache-2.0 */
/* The Image service for others: the API's service row, and images as Compute sees them. */
#pragma once

#include "base/config.h"
#include "db/db.h"
#include "http/route.h"
#include "jobs/jobs.h"

typedef struct KnImages KnImages;

typedef struct {
    KnDbPool *db;
    const char *dir;      /* folder of the `file` store; Compute's read-only pool on this machine */
    guint64 max_size;     /* bytes of one image */
    guint max_properties; /* per image */
    guint max_images;     /* per project; 0: 10,000 */
    guint64 max_project_bytes; /* of all images of a project; 0: no limit */
} KnImagesOptions;

KnImages *kn_images_new (const KnImagesOptions *options, GError **error);
void kn_images_free (KnImages *images);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnImages, kn_images_free)
const KnService *kn_images_service (KnImages *images);

/* What is done with what an inspection finds. */
typedef enum {
    KN_IMAGE_INSPECT_OFF,     /* uploads are not inspected */
    KN_IMAGE_INSPECT_SUGGEST, /* inspected, and nothing is changed */
    KN_IMAGE_INSPECT_AUTO,    /* properties that nobody declared are filled in */
    KN_IMAGE_INSPECT_N
} KnImageInspectMode;

typedef struct {
    KnImageInspectMode mode;
    guint timeout_s; /* of one disk */
    guint parallel;  /* disks at a time */
    const char *cache_dir;
} KnImagesInspection;

/* Before kn_jobs_start(). Copies @options. */
void kn_images_set_inspection (KnImages *images, KnJobs *jobs, const KnImagesInspection *options);

/* Removes bytes of uploads that a crash interrupted and of deleted images that nothing uses; at start. */
bool kn_images_recover (KnImages *images, GError **error);

typedef struct {
    char *id, *name, *status, *owner, *visibility, *disk_format, *container_format, *checksum;
    guint64 size_bytes, virtual_size_bytes; /* virtual: what a guest sees */
    char *created_at, *updated_at;          /* as in the database */
    gint64 min_ram_mib, min_disk_gib;
    GHashTable *properties; /* custom properties, char* -> char* */
} KnImage;
void kn_image_free (KnImage *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnImage, kn_image_free)

/* The image @id as @project_id may use it (own, public, community, shared with it); @project_id NULL: any. NULL with NOT_FOUND (public). */
KnImage *kn_image_load (KnDb *db, const char *id, const char *project_id, GError **error);

/* What QEMU reads its bytes with ("qcow2", "raw"; an ISO and Amazon's kinds are raw): the backing format of overlays. Static; NULL: unknown. */
const char *kn_image_driver (const KnImage *image);

/* The name of its bytes in the image pool ("<id>") and a read descriptor (caller closes). */
int kn_image_open (KnImages *images, const char *id, GError **error);

/* An image that is made here and not by a client of the API. */
typedef struct {
    const char *id, *name, *owner, *visibility, *disk_format, *container_format;
    const char *member; /* project that it is shared with; NULL: none */
    gint64 min_ram_mib, min_disk_gib;
    GHashTable *properties; /* char* -> char*; borrowed */
} KnImageSpec;
/* Writes the image, queued; for use inside the caller's transaction. Errors (public): OVER_QUOTA, TOO_LARGE for its properties,
 * BAD_REQUEST for a property that has the name of an attribute. */
bool kn_image_create (KnImages *images, KnDb *db, const KnImageSpec *spec, GError **error);

/* Calls @visit for each image that @project_id may use, newest first, until it returns false; what it gets is borrowed. */
bool kn_image_each (KnDb *db, const char *project_id,
                    bool (*visit) (const KnImage *image, gpointer data), gpointer data,
                    GError **error);

/* Deletes the image as the API does it for @auth. Errors (public): NOT_FOUND, FORBIDDEN. */
bool kn_image_delete (KnImages *images, const char *id, const KnAuth *auth, GError **error);

/* Deletes the image and its bytes; none is fine. */
bool kn_image_discard (KnImages *images, const char *id, GError **error);

/* Brings the bytes of a queued image: it is `saving` until they are all there and judged, then `active`. Errors (public):
 * NOT_FOUND, CONFLICT when it is not queued. */
typedef struct KnImagePut KnImagePut;
KnImagePut *kn_image_put_begin (KnImages *images, const char *id, GError **error);
/* Errors (public): BAD_REQUEST for bytes that are refused, TOO_LARGE, NO_SPACE. */
bool kn_image_put_write (KnImagePut *put, const char *bytes, gsize len, GError **error);
/* As above; GONE when the image was deleted meanwhile. */
bool kn_image_put_finish (KnImagePut *put, GError **error);
/* Without a finish that succeeded the image is queued again and no bytes stay. */
void kn_image_put_free (KnImagePut *put);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnImagePut, kn_image_put_free)

/* Ids of the backups of @server_id of that type which @owner may delete, newest first; array of char*. */
GPtrArray *kn_image_list_backups (KnDb *db, const char *owner, const char *server_id,
                                  const char *backup_type, GError **error);

/* What inspection found on the image's disk: "windows", "linux"; and the file or key with the value that says so. Both are for the
 * caller to free, and NULL for an image that was not inspected or has no system that is known. */
bool kn_image_find_inspected_os (KnDb *db, const char *id, char **out_family, char **out_evidence,
                                 GError **error);

/* An image that no server stands on. */
typedef struct {
    char *id, *name;
    guint64 size_bytes;
    gint64 touched_us; /* when it was last changed */
} KnUnusedImage;
void kn_unused_image_free (gpointer image);
/* Active images that no server stands on, of KnUnusedImage; without snapshots and backups, which are kept to be unused, and without
 * protected ones. */
GPtrArray *kn_image_list_unused (KnDb *db, GError **error);

/* @user_id (a server's uuid) stands on the bytes of image @id: while any does, deleting the image takes it out of the API but
 * keeps the bytes. Both are for use inside the caller's transaction and repeatable; add fails with NOT_FOUND when the image is gone. */
bool kn_image_use_add (KnDb *db, const char *id, const char *user_id, GError **error);
bool kn_image_use_remove (KnDb *db, const char *id, const char *user_id, GError **error);
/* After the transaction that removed a use: drops bytes that nobody needs any more. */
bool kn_images_collect (KnImages *images, GError **error);
