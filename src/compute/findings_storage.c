/* SPDX-License-Identifier: Apache-2.0 */
/* Storage of the cloud itself: its pools, the data folder, disks of servers that are gone, images that nobody uses. */
#include "compute/findings_priv.h"

#include "base/id.h"
#include "base/time.h"
#include "compute/server_store.h"
#include "virt/volume.h"

#define UUID_LEN 36

/* One host's volumes. */
typedef struct {
    KnDb *db;
    char *dir;           /* of the instances pool */
    GHashTable *servers; /* uuid -> whether there is such a server */
} Volumes;

static bool
has_server (Volumes *v, const char *uuid)
{
    gpointer known;

    if (g_hash_table_lookup_extended (v->servers, uuid, NULL, &known))
        return GPOINTER_TO_INT (known) != 0;
    g_autoptr (GError) failure = NULL;
    KnServer *server = kn_store_server_find (v->db, uuid, &failure);
    /* Who cannot be asked about accuses nobody. */
    bool there = failure || (server && !server->deleted);

    kn_server_free (server);
    g_hash_table_insert (v->servers, g_strdup (uuid), GINT_TO_POINTER (there));
    return there;
}

/* A server's files begin with its uuid. */
static KnVolumeKind
judge (const KnSurveyPool *pool, const KnSurveyVolume *volume, gpointer data, char **out_owner)
{
    Volumes *v = data;
    g_autofree char *uuid = g_strndup (volume->name, UUID_LEN);

    if (g_strcmp0 (pool->dir, v->dir) != 0 || !kn_id_is_uuid (uuid) || has_server (v, uuid))
        return KN_VOLUME_OTHER;
    *out_owner = g_steal_pointer (&uuid);
    return KN_VOLUME_SERVER_GONE;
}

static char *
pool_dir (KnVirtHost *host, KnPool pool)
{
    g_autofree char *inside = kn_volume_path (host, pool, "x");

    return g_path_get_dirname (inside);
}

void
kn_findings_add_host_storage (KnDb *db, KnFleet *fleet, KnVirtHost *host, KnSurvey *survey,
                              const KnSubjectHost *where)
{
    g_autofree char *instances = pool_dir (host, KN_POOL_INSTANCES);
    g_autofree char *images = pool_dir (host, KN_POOL_IMAGES);
    g_autoptr (GHashTable) servers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
    const char *const dirs[] = { instances, images, NULL };
    Volumes volumes = { .db = db, .dir = instances, .servers = servers };
    const KnStorageView view = { .dirs = dirs, .judge = judge, .data = &volumes };
    guint64 total, available;

    /* These look at the folders again. */
    for (KnPool pool = 0; pool < KN_POOL_N; pool++)
        (void)kn_volume_load_space (host, pool, &total, &available, NULL);
    kn_fleet_add_storage (fleet, survey, where, &view);
}

/* ---- images ---- */

static void
add_image (KnFleet *fleet, const KnUnusedImage *image, const gint64 *left_us)
{
    gint64 since_us = MAX (image->touched_us, left_us ? *left_us : 0);
    gint64 idle_s = (kn_time_now () - since_us) / G_USEC_PER_SEC;

    if (since_us == G_MAXINT64)
        return;
    KnVolumeFile *file = kn_volume_file_new (KN_VOLUME_IMAGE, image->id, NULL);
    file->owner = g_strdup (image->name ? image->name : image->id);
    file->allocation_bytes = image->size_bytes;
    file->idle_s = idle_s;
    g_ptr_array_add (fleet->volumes, file);
}

bool
kn_findings_add_cloud_storage (KnCompute *compute, KnDb *db, KnFleet *fleet, GError **error)
{
    g_autoptr (GPtrArray) unused = kn_image_list_unused (db, error);
    g_autoptr (GHashTable) left = unused ? kn_store_server_images_left (db, error) : NULL;

    if (!left)
        return false;
    for (guint i = 0; i < unused->len; i++) {
        const KnUnusedImage *image = unused->pdata[i];
        add_image (fleet, image, g_hash_table_lookup (left, image->id));
    }
    kn_fleet_add_folder (fleet, g_get_host_name (), "data folder",
                         kn_config_string (compute->config, "data.dir"));
    return true;
}
