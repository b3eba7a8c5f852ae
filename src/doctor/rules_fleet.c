/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that need more than one guest: disks that two write to, storage that runs full, files that nobody uses. */
#include <string.h>

#include "doctor/rules_priv.h"

/* Ceph's own defaults (mon_osd_nearfull_ratio, mon_osd_full_ratio), good for file systems too. */
#define NEAR_FULL 0.85
#define FULL 0.95

/* What a disk element writes to: a path, a device, "pool/volume" or "protocol:name". Caller frees; NULL: nothing, or it only reads,
 * or it may be shared. */
static char *
written_source (const KnElement *disk)
{
    const char *device = kn_element_get (disk, "@device");
    const char *file = kn_element_get (disk, "source/@file"),
               *dev = kn_element_get (disk, "source/@dev"),
               *name = kn_element_get (disk, "source/@name"),
               *protocol = kn_element_get (disk, "source/@protocol"),
               *pool = kn_element_get (disk, "source/@pool"),
               *volume = kn_element_get (disk, "source/@volume");

    if ((device && strcmp (device, "disk") != 0 && strcmp (device, "lun") != 0)
        || kn_element_get (disk, "readonly") || kn_element_get (disk, "shareable")
        || kn_element_get (disk, "transient"))
        return NULL;
    if (file || dev)
        return g_strdup (file ? file : dev);
    if (protocol && name)
        return g_strdup_printf ("%s:%s", protocol, name);
    return pool && volume ? g_strdup_printf ("%s/%s", pool, volume) : NULL;
}

/* The same path on two hosts is another file unless the storage is shared, which only network disks are for sure. */
static char *
source_key (const KnSubject *subject, const char *source)
{
    bool network = strchr (source, ':') && *source != '/';

    return network ? g_strdup (source)
                   : g_strdup_printf ("%s %s", subject->host ? subject->host->name : "", source);
}

static void
report_pair (KnExam *exam, const KnSubject *subject, const KnSubject *other, const char *source)
{
    bool both = subject->running && other->running;

    exam->subject = subject;
    KnFinding *finding = kn_exam_find (
        exam, both ? "Two running guests write to %s." : "Two guests own %s.", source);
    exam->subject = NULL;
    finding->confidence = KN_CONFIDENCE_HIGH;
    finding->severity = both ? KN_SEVERITY_CRITICAL : KN_SEVERITY_ERROR;
    kn_finding_note (finding, "devices/disk/source = %s", source);
    kn_finding_note (finding, "the other guest = %s (%s), %s", other->name, other->uuid,
                     other->running ? "running" : "off");
}

static void
check_shared (KnExam *exam, const KnFleet *fleet)
{
    g_autoptr (GHashTable) owners = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < fleet->subjects->len; i++) {
        const KnSubject *subject = fleet->subjects->pdata[i];
        const KnDefinition *definition
            = subject->live ? subject->live : kn_subject_definition (subject);
        const KnElement *disk = kn_definition_first (definition, "devices/disk");

        for (; disk; disk = kn_element_next (disk)) {
            g_autofree char *source = written_source (disk);
            g_autofree char *key = source ? source_key (subject, source) : NULL;
            const KnSubject *other = key ? g_hash_table_lookup (owners, key) : NULL;

            if (other && other != subject) {
                report_pair (exam, subject, other, source);
                report_pair (exam, other, subject, source);
            } else if (key)
                g_hash_table_insert (owners, g_steal_pointer (&key), (gpointer)subject);
        }
    }
}

/* One guest that runs on two hosts at once. */
static void
check_twice (KnExam *exam, const KnFleet *fleet)
{
    g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

    for (guint i = 0; i < fleet->subjects->len; i++) {
        const KnSubject *subject = fleet->subjects->pdata[i];
        const KnSubject *other
            = subject->running ? g_hash_table_lookup (seen, subject->uuid) : NULL;

        if (subject->running && !other)
            g_hash_table_insert (seen, subject->uuid, (gpointer)subject);
        if (!other)
            continue;
        exam->subject = subject;
        KnFinding *finding = kn_exam_find (exam, "The guest runs on two hosts at once.");
        exam->subject = NULL;
        kn_finding_note (finding, "hosts = %s and %s", subject->host ? subject->host->name : "?",
                         other->host ? other->host->name : "?");
    }
}

/* ---- storage ---- */

static void
name_storage (KnFinding *finding, const KnStorage *storage)
{
    finding->name = g_strdup (storage->name);
    finding->host = g_strdup (storage->host);
}

static void
check_full (KnExam *exam, const KnFleet *fleet)
{
    for (guint i = 0; fleet->storages && i < fleet->storages->len; i++) {
        const KnStorage *storage = fleet->storages->pdata[i];
        double near = storage->near_full > 0 ? storage->near_full : NEAR_FULL;
        double full = storage->full > 0 ? storage->full : FULL;
        double ratio = storage->capacity_bytes
                           ? (double)storage->used_bytes / (double)storage->capacity_bytes
                           : 0;

        if (ratio < near)
            continue;
        KnFinding *finding
            = kn_exam_find (exam, "The storage '%s' is %.0f %% full.", storage->name, ratio * 100);
        if (ratio >= full)
            finding->severity = KN_SEVERITY_CRITICAL;
        name_storage (finding, storage);
        kn_finding_note (finding, "used = %.2f of %.2f, near-full from %.2f, full from %.2f", ratio,
                         1.0, near, full);
    }
}

static void
check_promised (KnExam *exam, const KnFleet *fleet)
{
    for (guint i = 0; fleet->storages && i < fleet->storages->len; i++) {
        const KnStorage *storage = fleet->storages->pdata[i];

        if (storage->capacity_bytes == 0 || storage->promised_bytes <= storage->capacity_bytes)
            continue;
        KnFinding *finding = kn_exam_find (
            exam, "The disks on '%s' may grow to %.1f times what it holds.", storage->name,
            (double)storage->promised_bytes / (double)storage->capacity_bytes);
        name_storage (finding, storage);
        kn_finding_note (finding, "promised = %" G_GUINT64_FORMAT " bytes of %" G_GUINT64_FORMAT,
                         storage->promised_bytes, storage->capacity_bytes);
    }
}

/* Sources of all disks and the files behind them, whoever uses them. */
static GHashTable *
list_used (const KnFleet *fleet)
{
    static const char *const kinds[] = { "devices/disk", "devices/serial", "devices/console" };
    static const char *const texts[] = { "os/kernel", "os/initrd", "os/loader", "os/nvram" };
    GHashTable *used = g_hash_table_new (g_str_hash, g_str_equal);

    for (guint i = 0; i < fleet->subjects->len; i++) {
        const KnSubject *subject = fleet->subjects->pdata[i];
        const KnDefinition *both[] = { subject->persistent, subject->live };

        for (gsize d = 0; d < G_N_ELEMENTS (both); d++) {
            for (gsize t = 0; t < G_N_ELEMENTS (texts); t++) {
                const char *text = kn_definition_get (both[d], texts[t]);
                if (text)
                    g_hash_table_add (used, (gpointer)text);
            }
            for (gsize k = 0; k < G_N_ELEMENTS (kinds); k++)
                for (const KnElement *e = kn_definition_first (both[d], kinds[k]); e;
                     e = kn_element_next (e)) {
                    const char *file = kn_element_get (e, "source/@file");
                    const char *path = file ? file : kn_element_get (e, "source/@path");
                    if (path)
                        g_hash_table_add (used, (gpointer)path);
                }
        }
    }
    for (guint i = 0; i < fleet->volumes->len; i++) {
        const KnVolumeFile *volume = fleet->volumes->pdata[i];

        if (volume->backing)
            g_hash_table_add (used, volume->backing);
    }
    return used;
}

static void
check_unused (KnExam *exam, const KnFleet *fleet)
{
    if (!fleet->volumes)
        return;
    g_autoptr (GHashTable) used = list_used (fleet);
    for (guint i = 0; i < fleet->volumes->len; i++) {
        const KnVolumeFile *volume = fleet->volumes->pdata[i];

        if (g_hash_table_contains (used, volume->path))
            continue;
        KnFinding *finding = kn_exam_find (exam, "No guest of this host uses %s.", volume->path);
        finding->name = g_strdup (volume->path);
        finding->host = g_strdup (volume->host);
        finding->confidence = KN_CONFIDENCE_MEDIUM;
        kn_finding_note (finding, "allocated = %" G_GUINT64_FORMAT " bytes",
                         volume->allocation_bytes);
    }
}

static const KnDoctorRule rows[] = {
    { "disk-two-writers", KN_SEVERITY_CRITICAL, KN_NEEDS_DEFINITION, false,
      "Two guests write to one disk",
      "The file system on the disk is destroyed as soon as both run.",
      "Stop one of them now; find out whose disk it is.", .check_fleet = check_shared },
    { "domain-twice", KN_SEVERITY_CRITICAL, KN_NEEDS_DEFINITION, false,
      "A guest that runs on two hosts",
      "Both write to the same disk and answer to the same address: data is destroyed.",
      "Power off the one that should not be there, now.", .check_fleet = check_twice },
    { "storage-full", KN_SEVERITY_ERROR, KN_NEEDS_MEASUREMENT, false, "Storage nearly full",
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
const KnDoctorRules kn_rules_fleet = { rows, G_N_ELEMENTS (rows) };
