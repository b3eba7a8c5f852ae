/* SPDX-License-Identifier: Apache-2.0 */
/* Storage that runs full, that is promised more than once, and files that nobody uses. */
#include <string.h>

#include "doctor/rules_priv.h"

/* Ceph's own defaults (mon_osd_nearfull_ratio, mon_osd_full_ratio), good for file systems too. */
#define NEAR_FULL 0.85
#define FULL 0.95
#define GIB ((double)(1 << 30))

static void
name_storage (KnFinding *finding, const KnStorage *storage)
{
    finding->name = g_strdup (storage->name);
    finding->host = g_strdup (storage->host);
    if (storage->where)
        kn_finding_note (finding, "storage = %s", storage->where);
}

static double
used_ratio (const KnStorage *storage)
{
    return storage->capacity_bytes ? (double)storage->used_bytes / (double)storage->capacity_bytes
                                   : 0;
}

static void
check_full (KnExam *exam, const KnFleet *fleet)
{
    for (guint i = 0; i < fleet->storages->len; i++) {
        const KnStorage *storage = fleet->storages->pdata[i];
        double near = storage->near_full > 0 ? storage->near_full : NEAR_FULL;
        double full = storage->full > 0 ? storage->full : FULL;
        double ratio = used_ratio (storage);

        if (!storage->grows || ratio < near)
            continue;
        KnFinding *finding
            = kn_exam_find (exam, "The storage '%s' is %.0f %% full.", storage->name, ratio * 100);
        if (ratio >= full)
            finding->severity = KN_SEVERITY_CRITICAL;
        name_storage (finding, storage);
        kn_finding_note (finding,
                         "used = %.1f of %.1f GiB (%.2f), near-full from %.2f, full from %.2f",
                         (double)storage->used_bytes / GIB, (double)storage->capacity_bytes / GIB,
                         ratio, near, full);
        kn_finding_note (finding, "disks that guests write to = %u", storage->disks);
    }
}

static void
check_promised (KnExam *exam, const KnFleet *fleet)
{
    for (guint i = 0; i < fleet->storages->len; i++) {
        const KnStorage *storage = fleet->storages->pdata[i];
        guint64 promised = storage->used_bytes + storage->growth_bytes;

        if (storage->capacity_bytes == 0 || storage->growth_bytes == 0
            || promised <= storage->capacity_bytes)
            continue;
        KnFinding *finding = kn_exam_find (
            exam, "When all disks on '%s' are written full, they need %.2f times what it has.",
            storage->name, (double)promised / (double)storage->capacity_bytes);
        name_storage (finding, storage);
        kn_finding_note (finding,
                         "used = %.1f GiB, thin disks may grow by %.1f GiB, it has %.1f GiB",
                         (double)storage->used_bytes / GIB, (double)storage->growth_bytes / GIB,
                         (double)storage->capacity_bytes / GIB);
    }
}

/* ---- what nobody uses ---- */

static void
use_source (GHashTable *used, const KnElement *element)
{
    static const char *const kinds[] = { "source/@file", "source/@dev" };

    for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++) {
        const char *path = kn_element_get (element, kinds[i]);
        if (path)
            g_hash_table_add (used, g_strdup (path));
    }
    const char *pool = kn_element_get (element, "source/@pool");
    const char *volume = kn_element_get (element, "source/@volume");
    if (pool && volume)
        g_hash_table_add (used, g_strdup_printf ("%s/%s", pool, volume));
}

static const KnElement *
find_child (const KnElement *element, const char *name)
{
    const KnElement *child = kn_element_child (element);

    while (child && strcmp (kn_element_name (child), name) != 0)
        child = kn_element_sibling (child);
    return child;
}

/* The disk, what it is being copied to, and what stands behind it as far as libvirt says it: of guests that run. */
static void
use_disk (GHashTable *used, const KnElement *disk)
{
    const KnElement *mirror = find_child (disk, "mirror");

    if (mirror)
        use_source (used, mirror);
    for (; disk; disk = find_child (disk, "backingStore"))
        use_source (used, disk);
}

static void
use_definition (GHashTable *used, const KnDefinition *definition)
{
    static const char *const texts[] = { "os/kernel", "os/initrd", "os/loader", "os/nvram" };
    static const char *const files[] = { "devices/serial", "devices/console" };

    for (gsize i = 0; i < G_N_ELEMENTS (texts); i++) {
        const char *path = kn_definition_get (definition, texts[i]);
        if (path)
            g_hash_table_add (used, g_strdup (path));
    }
    for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
        for (const KnElement *e = kn_definition_first (definition, files[i]); e;
             e = kn_element_next (e)) {
            const char *path = kn_element_get (e, "source/@path");
            if (path)
                g_hash_table_add (used, g_strdup (path));
        }
    for (const KnElement *disk = kn_definition_first (definition, "devices/disk"); disk;
         disk = kn_element_next (disk))
        use_disk (used, disk);
}

/* All that guests name, and the files behind volumes, whoever uses those. */
static GHashTable *
list_used (const KnFleet *fleet)
{
    GHashTable *used = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < fleet->subjects->len; i++) {
        const KnSubject *subject = fleet->subjects->pdata[i];

        use_definition (used, subject->persistent);
        use_definition (used, subject->live);
    }
    for (guint i = 0; i < fleet->volumes->len; i++) {
        const KnVolumeFile *volume = fleet->volumes->pdata[i];

        if (volume->backing)
            g_hash_table_add (used, g_strdup (volume->backing));
    }
    return used;
}

static bool
is_used (GHashTable *used, const KnVolumeFile *volume)
{
    g_autofree char *name = volume->pool && volume->name
                                ? g_strdup_printf ("%s/%s", volume->pool, volume->name)
                                : NULL;

    return g_hash_table_contains (used, volume->path)
           || (name && g_hash_table_contains (used, name));
}

typedef struct {
    const char *what; /* with the path, or with the owner */
    bool names_owner;
    const char *label; /* of the path */
    gint64 idle_s;     /* what was touched since may be about to be used */
} Kind;

static const Kind kinds[KN_VOLUME_N] = {
    [KN_VOLUME_DISK] = { "No guest of this host uses %s.", false, "file", 3600 },
    [KN_VOLUME_SERVER_GONE]
    = { "The disk is of server %s, which does not exist.", true, "file", 3600 },
    [KN_VOLUME_IMAGE]
    = { "No server uses the image '%s', and none did lately.", true, "image", 90 * 86400 },
};

static KnFinding *
find_unused (KnExam *exam, const KnVolumeFile *volume)
{
    const Kind *kind = &kinds[volume->kind];
    const char *subject = kind->names_owner ? volume->owner : volume->path;
    g_auto (GStrv) parts = g_strsplit (kind->what, "%s", 2);

    return kn_exam_find (exam, "%s%s%s", parts[0], subject, parts[1]);
}

static void
check_unused (KnExam *exam, const KnFleet *fleet)
{
    g_autoptr (GHashTable) used = list_used (fleet);

    for (guint i = 0; i < fleet->volumes->len; i++) {
        const KnVolumeFile *volume = fleet->volumes->pdata[i];

        if (!kinds[volume->kind].what || volume->idle_s < kinds[volume->kind].idle_s
            || is_used (used, volume))
            continue;
        KnFinding *finding = find_unused (exam, volume);
        finding->name = g_strdup (volume->path);
        finding->host = g_strdup (volume->host);
        finding->confidence = KN_CONFIDENCE_MEDIUM;
        kn_finding_note (finding, "%s = %s", kinds[volume->kind].label, volume->path);
        kn_finding_note (finding, "allocated = %" G_GUINT64_FORMAT " bytes",
                         volume->allocation_bytes);
        kn_finding_note (finding, "untouched for = %" G_GINT64_FORMAT " hours",
                         volume->idle_s / 3600);
    }
}

static const KnDoctorRule rows[] = {
    { "storage-full", KN_SEVERITY_WARNING, KN_NEEDS_MEASUREMENT, false, "Storage nearly full",
      "Guests pause with I/O errors when it is full; Ceph refuses all writes.",
      "Free or add space.", .check_fleet = check_full },
    { "storage-promised", KN_SEVERITY_NOTICE, KN_NEEDS_MEASUREMENT, false,
      "Storage promised more than once",
      "Thin disks that grow fill the storage, and then all guests on it stop.",
      "Watch the storage, or add space.", .check_fleet = check_promised },
    { "storage-unused", KN_SEVERITY_NOTICE, KN_NEEDS_MEASUREMENT | KN_NEEDS_DEFINITION, false,
      "A disk or image that nobody uses", "Space is lost.",
      "Find out whose it is, then remove it by hand.", .check_fleet = check_unused },
};
const KnDoctorRules kn_rules_storage = { rows, G_N_ELEMENTS (rows) };
