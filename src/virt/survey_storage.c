/* SPDX-License-Identifier: Apache-2.0 */
/* Pools, volumes and disks of a host, looked at through a survey's connection. */
#include <string.h>

#include "virt/survey_priv.h"

/* So many volumes of one host are looked at; each costs a round trip. */
#define VOLUMES_MAX 20000

/* One look that may hang; what it needs outlives the caller. */
typedef struct {
    gatomicrefcount refs;
    GMutex lock;
    GCond over;
    bool done;
    virConnectPtr conn;
    guint volumes;
    KnSurveyStorage *storage;
} Look;

static void
free_volume (gpointer data)
{
    KnSurveyVolume *volume = data;

    g_free (volume->name);
    g_free (volume->path);
    g_free (volume->format);
    g_free (volume->backing);
    g_free (volume);
}

static void
free_pool (gpointer data)
{
    KnSurveyPool *pool = data;

    g_free (pool->name);
    g_free (pool->type);
    g_free (pool->dir);
    g_ptr_array_unref (pool->volumes);
    g_free (pool);
}

static void
free_block (gpointer data)
{
    KnSurveyBlock *block = data;

    g_free (block->path);
    g_free (block);
}

KnSurveyStorage *
kn_survey_storage_new (void)
{
    KnSurveyStorage *storage = g_new0 (KnSurveyStorage, 1);

    storage->pools = g_ptr_array_new_with_free_func (free_pool);
    storage->blocks = g_ptr_array_new_with_free_func (free_block);
    return storage;
}

KnSurveyPool *
kn_survey_storage_add_pool (KnSurveyStorage *storage)
{
    KnSurveyPool *pool = g_new0 (KnSurveyPool, 1);

    pool->volumes = g_ptr_array_new_with_free_func (free_volume);
    g_ptr_array_add (storage->pools, pool);
    return pool;
}

KnSurveyVolume *
kn_survey_pool_add_volume (KnSurveyPool *pool)
{
    KnSurveyVolume *volume = g_new0 (KnSurveyVolume, 1);

    g_ptr_array_add (pool->volumes, volume);
    return volume;
}

void
kn_survey_storage_free (KnSurveyStorage *storage)
{
    if (!storage)
        return;
    g_ptr_array_unref (storage->pools);
    g_ptr_array_unref (storage->blocks);
    g_free (storage);
}

static void
release (Look *look)
{
    if (!g_atomic_ref_count_dec (&look->refs))
        return;
    kn_survey_storage_free (look->storage);
    (void)virConnectClose (look->conn);
    g_mutex_clear (&look->lock);
    g_cond_clear (&look->over);
    g_free (look);
}

/* ---- pools ---- */

static guint64
read_bytes (const KnXmlView *view, const char *path)
{
    return (guint64)MAX (kn_xml_view_int (view, path, 0), 0);
}

/* "1700000000.123456789" */
static gint64
read_time (const KnXmlView *view, const char *path)
{
    g_autofree char *text = kn_xml_view_dup (view, path);

    return text ? g_ascii_strtoll (text, NULL, 10) : 0;
}

/* One that has vanished is left out; libvirt looks at the file to answer. */
static void
read_volume (virStorageVolPtr handle, KnSurveyPool *pool)
{
    char *text = virStorageVolGetXMLDesc (handle, 0);
    g_autoptr (KnXmlView) view = text ? kn_xml_view_new (text, NULL) : NULL;

    free (text);
    virResetLastError ();
    g_autofree char *name = view ? kn_xml_view_dup (view, "/volume/name") : NULL;
    g_autofree char *path = view ? kn_xml_view_dup (view, "/volume/target/path") : NULL;
    if (!name || !path)
        return;
    KnSurveyVolume *volume = kn_survey_pool_add_volume (pool);

    volume->name = g_steal_pointer (&name);
    volume->path = g_steal_pointer (&path);
    volume->format = kn_xml_view_dup (view, "/volume/target/format/@type");
    volume->backing = kn_xml_view_dup (view, "/volume/backingStore/path");
    volume->capacity_bytes = read_bytes (view, "/volume/capacity");
    volume->allocation_bytes = read_bytes (view, "/volume/allocation");
    volume->changed_s = read_time (view, "/volume/target/timestamps/mtime");
}

static void
read_volumes (Look *look, virStoragePoolPtr handle, KnSurveyPool *pool)
{
    virStorageVolPtr *all = NULL;

    if (virStoragePoolListAllVolumes (handle, &all, 0) < 0) {
        virResetLastError ();
        return;
    }
    for (gsize i = 0; all[i]; i++) {
        if (look->volumes++ < VOLUMES_MAX)
            read_volume (all[i], pool);
        (void)virStorageVolFree (all[i]);
    }
    free (all);
}

static void
read_pool (Look *look, virStoragePoolPtr handle, KnSurveyStorage *storage)
{
    char *text = virStoragePoolGetXMLDesc (handle, 0);
    g_autoptr (KnXmlView) view = text ? kn_xml_view_new (text, NULL) : NULL;

    free (text);
    virResetLastError ();
    if (!view)
        return;
    KnSurveyPool *pool = kn_survey_storage_add_pool (storage);

    pool->name = kn_xml_view_dup (view, "/pool/name");
    pool->type = kn_xml_view_dup (view, "/pool/@type");
    pool->dir = kn_xml_view_dup (view, "/pool/target/path");
    pool->capacity_bytes = read_bytes (view, "/pool/capacity");
    pool->available_bytes = read_bytes (view, "/pool/available");
    read_volumes (look, handle, pool);
}

static bool
read_pools (Look *look, KnSurveyStorage *storage)
{
    virStoragePoolPtr *all = NULL;
    int count
        = virConnectListAllStoragePools (look->conn, &all, VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE);

    virResetLastError ();
    for (int i = 0; i < count; i++) {
        read_pool (look, all[i], storage);
        (void)virStoragePoolFree (all[i]);
    }
    free (all);
    return count >= 0;
}

/* ---- disks ---- */

static guint64
read_figure (const virDomainStatsRecord *record, guint number, const char *what, bool *out_has)
{
    char field[VIR_TYPED_PARAM_FIELD_LENGTH];
    unsigned long long value = 0;

    (void)g_snprintf (field, sizeof field, "block.%u.%s", number, what);
    *out_has = virTypedParamsGetULLong (record->params, record->nparams, field, &value) > 0;
    virResetLastError ();
    return value;
}

/* Of a guest that runs `physical` is what the file takes and `allocation` how far it was written since it began; of one that
 * is off `physical` is the file's length and `allocation` what it takes (measured, libvirt 9.0). */
static void
read_block (const virDomainStatsRecord *record, guint number, GPtrArray *blocks)
{
    char field[VIR_TYPED_PARAM_FIELD_LENGTH];
    const char *path = NULL;
    bool runs = false, has_size = false, has_taken = false;

    (void)g_snprintf (field, sizeof field, "block.%u.path", number);
    if (virTypedParamsGetString (record->params, record->nparams, field, &path) <= 0 || !path)
        return;
    (void)read_figure (record, number, "rd.reqs", &runs);
    guint64 capacity = read_figure (record, number, "capacity", &has_size);
    guint64 taken = read_figure (record, number, runs ? "physical" : "allocation", &has_taken);
    if (!has_size || !has_taken)
        return;
    KnSurveyBlock *block = g_new0 (KnSurveyBlock, 1);
    block->path = g_strdup (path);
    block->capacity_bytes = capacity;
    block->allocation_bytes = taken;
    g_ptr_array_add (blocks, block);
}

static void
read_blocks (Look *look, KnSurveyStorage *storage)
{
    virDomainStatsRecordPtr *records = NULL;
    /* Somebody else's job on a domain must not hold up a reader: take what there is. */
    int count = virConnectGetAllDomainStats (look->conn, VIR_DOMAIN_STATS_BLOCK, &records,
                                             VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);

    virResetLastError ();
    for (int i = 0; i < count; i++) {
        unsigned int disks = 0;

        (void)virTypedParamsGetUInt (records[i]->params, records[i]->nparams, "block.count",
                                     &disks);
        for (guint disk = 0; disk < disks; disk++)
            read_block (records[i], disk, storage->blocks);
    }
    virResetLastError ();
    if (count >= 0)
        virDomainStatsRecordListFree (records);
}

static gpointer
look_around (gpointer data)
{
    Look *look = data;
    KnSurveyStorage *storage = kn_survey_storage_new ();
    bool told = read_pools (look, storage);
    if (told)
        read_blocks (look, storage);
    else
        g_clear_pointer (&storage, kn_survey_storage_free);
    g_mutex_lock (&look->lock);
    look->storage = storage;
    look->done = true;
    g_cond_signal (&look->over);
    g_mutex_unlock (&look->lock);
    release (look);
    return NULL;
}

KnSurveyStorage *
kn_survey_load_storage (KnSurvey *survey, guint timeout_ms)
{
    gint64 deadline = g_get_monotonic_time () + (gint64)timeout_ms * 1000;
    Look *look = g_new0 (Look, 1);
    bool in_time = true;

    g_atomic_ref_count_init (&look->refs);
    g_atomic_ref_count_inc (&look->refs);
    g_mutex_init (&look->lock);
    g_cond_init (&look->over);
    (void)virConnectRef (survey->conn);
    look->conn = survey->conn;
    g_thread_unref (g_thread_new ("storage", look_around, look));
    g_mutex_lock (&look->lock);
    while (!look->done && in_time)
        in_time = g_cond_wait_until (&look->over, &look->lock, deadline);
    KnSurveyStorage *storage = g_steal_pointer (&look->storage);
    g_mutex_unlock (&look->lock);
    release (look);
    return storage;
}
