/* SPDX-License-Identifier: Apache-2.0 */
/* Storage of a libvirt host: what its guests' disks are on, and the volumes of its pools. */
#include <string.h>

#include "base/space.h"
#include "base/time.h"
#include "doctor/source.h"

#define TIMEOUT_MS 30000

/* One host that is looked at. Keys and values are borrowed from @seen and the fleet. */
typedef struct {
    KnFleet *fleet;
    const KnSubjectHost *host;
    const KnSurveyStorage *seen;
    const KnStorageView *view;
    bool local;
    GHashTable *volumes;  /* path and "pool/volume" -> KnSurveyVolume */
    GHashTable *pools;    /* path and "pool/volume" -> KnSurveyPool */
    GHashTable *blocks;   /* path -> KnSurveyBlock */
    GHashTable *storages; /* name of a pool -> KnStorage */
    GHashTable *counted;  /* paths of disks */
    GHashTable *written;  /* KnSurveyPool: a guest's disk is in it; others are libraries */
} Look;

/* Pools whose `available` says when guests will stand still. Volume groups and lists of devices are full by being handed out. */
static bool
pool_fills (const KnSurveyPool *pool)
{
    static const char *const types[]
        = { "dir", "fs", "netfs", "rbd", "gluster", "vstorage", "zfs", NULL };

    return pool->type && g_strv_contains (types, pool->type) && pool->capacity_bytes > 0;
}

static void
index_volumes (Look *look, KnSurveyPool *pool)
{
    for (guint i = 0; i < pool->volumes->len; i++) {
        KnSurveyVolume *volume = pool->volumes->pdata[i];
        char *name = g_strdup_printf ("%s/%s", pool->name, volume->name);

        g_hash_table_insert (look->volumes, g_strdup (name), volume);
        g_hash_table_insert (look->pools, name, pool);
        g_hash_table_insert (look->volumes, g_strdup (volume->path), volume);
        g_hash_table_insert (look->pools, g_strdup (volume->path), pool);
    }
}

static void
index_seen (Look *look)
{
    for (guint i = 0; i < look->seen->pools->len; i++)
        index_volumes (look, look->seen->pools->pdata[i]);
    for (guint i = 0; i < look->seen->blocks->len; i++) {
        KnSurveyBlock *block = look->seen->blocks->pdata[i];
        g_hash_table_insert (look->blocks, block->path, block);
    }
}

/* ---- what a disk is on ---- */

static KnStorage *
add_storage (KnFleet *fleet, const char *host, const char *name)
{
    KnStorage *storage = kn_storage_new (name, host);

    g_ptr_array_add (fleet->storages, storage);
    return storage;
}

static KnStorage *
ensure_space (KnFleet *fleet, const char *host, const KnSpace *space, const char *name,
              const char *path)
{
    KnStorage *storage = NULL;

    for (guint i = 0; !storage && i < fleet->storages->len; i++) {
        KnStorage *other = fleet->storages->pdata[i];

        if (other->space == space->id)
            storage = other;
    }
    if (!storage)
        storage = add_storage (fleet, host, name);
    storage->space = space->id;
    storage->capacity_bytes = space->total_bytes;
    storage->used_bytes = space->used_bytes;
    if (!storage->where)
        storage->where = g_strdup_printf ("file system of %s, now", path);
    return storage;
}

/* This machine's own view of a pool's folder; libvirt's figures are as old as its last look at the pool. */
static bool
find_space (const Look *look, const KnSurveyPool *pool, KnSpace *out_space)
{
    return look->local && pool->dir && kn_space_find (pool->dir, out_space)
           && out_space->blocks_bytes == pool->capacity_bytes;
}

static KnStorage *
ensure_pool (Look *look, const KnSurveyPool *pool)
{
    KnSpace space;

    if (!pool_fills (pool))
        return NULL;
    if (find_space (look, pool, &space))
        return ensure_space (look->fleet, look->host->name, &space, pool->name, pool->dir);
    KnStorage *storage = g_hash_table_lookup (look->storages, pool->name);
    if (!storage) {
        storage = add_storage (look->fleet, look->host->name, pool->name);
        g_hash_table_insert (look->storages, pool->name, storage);
    }
    storage->capacity_bytes = pool->capacity_bytes;
    storage->used_bytes = pool->capacity_bytes - MIN (pool->available_bytes, pool->capacity_bytes);
    if (!storage->where)
        storage->where = g_strdup_printf ("pool '%s' (%s), when libvirt last looked at it",
                                          pool->name, pool->type);
    return storage;
}

/* A folder's pool holds files in it that libvirt has not listed, too. */
static const KnSurveyPool *
find_pool (Look *look, const char *path)
{
    const KnSurveyPool *pool = g_hash_table_lookup (look->pools, path);
    g_autofree char *dir = g_path_get_dirname (path);

    for (guint i = 0; !pool && i < look->seen->pools->len; i++) {
        const KnSurveyPool *other = look->seen->pools->pdata[i];

        if (pool_fills (other) && g_strcmp0 (other->dir, dir) == 0)
            pool = other;
    }
    return pool;
}

/* NULL: not a file, or of a host whose file systems cannot be seen. */
static KnStorage *
ensure_outside (Look *look, const char *path)
{
    g_autofree char *dir = g_path_get_dirname (path);
    KnSpace space;

    if (!look->local || !g_file_test (path, G_FILE_TEST_IS_REGULAR)
        || !kn_space_find (path, &space))
        return NULL;
    return ensure_space (look->fleet, look->host->name, &space, dir, dir);
}

/* ---- disks ---- */

/* What names the disk's file, device or volume; caller frees. NULL: nothing, or the guest only reads it. */
static char *
written_path (const Look *look, const KnElement *disk)
{
    const char *device = kn_element_get (disk, "@device");
    const char *protocol = kn_element_get (disk, "source/@protocol");
    const char *texts[]
        = { kn_element_get (disk, "source/@file"), kn_element_get (disk, "source/@dev"),
            g_strcmp0 (protocol, "rbd") == 0 ? kn_element_get (disk, "source/@name") : NULL };
    const char *pool = kn_element_get (disk, "source/@pool");
    const char *name = kn_element_get (disk, "source/@volume");

    if ((device && strcmp (device, "disk") != 0 && strcmp (device, "lun") != 0)
        || kn_element_get (disk, "readonly"))
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
        if (texts[i])
            return g_strdup (texts[i]);
    g_autofree char *key = pool && name ? g_strdup_printf ("%s/%s", pool, name) : NULL;
    const KnSurveyVolume *volume = key ? g_hash_table_lookup (look->volumes, key) : NULL;
    return volume ? g_strdup (volume->path) : NULL;
}

static void
count_growth (const Look *look, KnStorage *storage, const char *path, bool raw)
{
    const KnSurveyVolume *volume = g_hash_table_lookup (look->volumes, path);
    const KnSurveyBlock *block = g_hash_table_lookup (look->blocks, path);
    guint64 capacity = volume ? volume->capacity_bytes : block ? block->capacity_bytes : 0;
    guint64 taken = volume ? volume->allocation_bytes : block ? block->allocation_bytes : 0;

    storage->disks++;
    if (capacity > taken)
        storage->growth_bytes += capacity - taken;
    /* Other formats grow by snapshots even when each of their sectors was written. What was not measured may grow, too. */
    storage->grows |= !raw || capacity > taken || (!volume && !block);
}

static void
count_disk (Look *look, const KnElement *disk)
{
    g_autofree char *path = written_path (look, disk);
    const char *format = kn_element_get (disk, "driver/@type");

    if (!path || !g_hash_table_add (look->counted, g_strdup (path)))
        return;
    const KnSurveyPool *pool = find_pool (look, path);
    if (pool)
        g_hash_table_add (look->written, (gpointer)pool);
    KnStorage *storage = pool ? ensure_pool (look, pool) : ensure_outside (look, path);
    if (storage)
        count_growth (look, storage, path, !format || strcmp (format, "raw") == 0);
}

static void
count_disks (Look *look, const KnDefinition *definition)
{
    const KnElement *disk = kn_definition_first (definition, "devices/disk");

    for (; disk; disk = kn_element_next (disk))
        count_disk (look, disk);
}

/* ---- volumes ---- */

/* A guest that is off and has its disk outside of all pools: nobody says what stands behind that disk. */
static bool
has_hidden_chain (const Look *look, const KnSubject *subject)
{
    const KnElement *disk
        = subject->live ? NULL : kn_definition_first (subject->persistent, "devices/disk");

    for (; disk; disk = kn_element_next (disk)) {
        const char *format = kn_element_get (disk, "driver/@type");
        g_autofree char *path = written_path (look, disk);

        if (path && format && strcmp (format, "raw") != 0
            && !g_hash_table_contains (look->volumes, path))
            return true;
    }
    return false;
}

/* By its format, or by its name where any file would do. Files that are no disks lie in folders, too. */
static bool
is_disk (const KnSurveyVolume *volume)
{
    static const char *const formats[]
        = { "qcow", "qcow2", "qed", "vmdk", "vdi", "vpc", "vhd", "vhdx", "parallels", NULL };
    static const char *const endings[] = { ".img", ".raw" };

    if (volume->format && g_strv_contains (formats, volume->format))
        return true;
    for (gsize i = 0; i < G_N_ELEMENTS (endings); i++)
        if (g_str_has_suffix (volume->path, endings[i]))
            return g_strcmp0 (volume->format, "raw") == 0;
    return false;
}

/* Folders of this host alone. Of a remote one only libvirt's own kind of pool says so. */
static bool
is_private (const Look *look, const KnSurveyPool *pool)
{
    KnSpace space;

    if (strcmp (pool->type, "dir") != 0 && strcmp (pool->type, "fs") != 0)
        return false;
    return look->local ? find_space (look, pool, &space) && !space.network
                       : strcmp (pool->type, "fs") == 0;
}

/* @judged: what nobody uses in this pool may be said to be nobody's. */
static KnVolumeKind
judge (const Look *look, const KnSurveyPool *pool, const KnSurveyVolume *volume, bool judged,
       char **out_owner)
{
    if (look->view)
        return look->view->judge (pool, volume, look->view->data, out_owner);
    return judged && is_disk (volume) ? KN_VOLUME_DISK : KN_VOLUME_OTHER;
}

static void
add_volume (Look *look, const KnSurveyPool *pool, const KnSurveyVolume *volume, bool judged)
{
    g_autofree char *owner = NULL;
    KnVolumeKind kind = judge (look, pool, volume, judged, &owner);
    /* Of what has no time nobody can say that it was left alone. */
    KnVolumeFile *file = kn_volume_file_new (volume->changed_s > 0 ? kind : KN_VOLUME_OTHER,
                                             volume->path, look->host->name);

    file->pool = g_strdup (pool->name);
    file->name = g_strdup (volume->name);
    file->backing = g_strdup (volume->backing);
    file->owner = g_steal_pointer (&owner);
    file->allocation_bytes = volume->allocation_bytes;
    file->idle_s = kn_time_now () / G_USEC_PER_SEC - volume->changed_s;
    g_ptr_array_add (look->fleet->volumes, file);
}

static void
add_volumes (Look *look, bool hidden)
{
    for (guint p = 0; p < look->seen->pools->len; p++) {
        const KnSurveyPool *pool = look->seen->pools->pdata[p];
        bool judged = !hidden && pool->type && g_hash_table_contains (look->written, pool)
                      && is_private (look, pool);

        for (guint i = 0; i < pool->volumes->len; i++)
            add_volume (look, pool, pool->volumes->pdata[i], judged);
    }
}

/* Folders that are written to, whether a guest's disk is in them or not. */
static void
add_dirs (Look *look)
{
    for (gsize i = 0; look->view && look->view->dirs[i]; i++) {
        const char *dir = look->view->dirs[i];
        KnStorage *storage = NULL;

        for (guint p = 0; !storage && p < look->seen->pools->len; p++) {
            const KnSurveyPool *pool = look->seen->pools->pdata[p];
            if (g_strcmp0 (pool->dir, dir) == 0)
                storage = ensure_pool (look, pool);
        }
        if (storage)
            storage->grows = true;
    }
}

static void
look_at (Look *look)
{
    bool hidden = false;

    index_seen (look);
    for (guint i = 0; i < look->fleet->subjects->len; i++) {
        const KnSubject *subject = look->fleet->subjects->pdata[i];

        if (subject->host != look->host)
            continue;
        count_disks (look, subject->live);
        count_disks (look, subject->persistent);
        hidden |= has_hidden_chain (look, subject);
    }
    add_dirs (look);
    add_volumes (look, hidden);
}

void
kn_fleet_take_storage (KnFleet *fleet, const KnSubjectHost *host, const KnSurveyStorage *seen,
                       bool local, const KnStorageView *view)
{
    g_autoptr (GHashTable) volumes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr (GHashTable) pools = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr (GHashTable) blocks = g_hash_table_new (g_str_hash, g_str_equal);
    g_autoptr (GHashTable) storages = g_hash_table_new (g_str_hash, g_str_equal);
    g_autoptr (GHashTable) counted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr (GHashTable) written = g_hash_table_new (NULL, NULL);
    Look look = { .fleet = fleet,
                  .host = host,
                  .seen = seen,
                  .view = view,
                  .local = local,
                  .volumes = volumes,
                  .pools = pools,
                  .blocks = blocks,
                  .storages = storages,
                  .counted = counted,
                  .written = written };

    look_at (&look);
}

void
kn_fleet_add_storage (KnFleet *fleet, KnSurvey *survey, const KnSubjectHost *host,
                      const KnStorageView *view)
{
    g_autoptr (KnSurveyStorage) seen
        = host->invents ? NULL : kn_survey_load_storage (survey, TIMEOUT_MS);

    if (seen)
        kn_fleet_take_storage (fleet, host, seen, kn_survey_is_local (survey), view);
}

void
kn_fleet_add_folder (KnFleet *fleet, const char *host, const char *name, const char *path)
{
    KnSpace space;

    if (kn_space_find (path, &space))
        ensure_space (fleet, host, &space, name, path)->grows = true;
}
