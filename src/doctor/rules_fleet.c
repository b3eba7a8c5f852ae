/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that need more than one guest: disks that two write to, guests that run twice. */
#include <string.h>

#include "doctor/rules_priv.h"

/* Of images of a block-device server the name alone says little; a cluster's are known by it, whichever member is asked. */
static char *
network_source (const KnElement *disk, const char *protocol, const char *name)
{
    static const char *const parts[]
        = { "source/host/@name", "source/host/@port", "source/host/@socket" };
    static const char *const clusters[] = { "rbd", "gluster", "sheepdog", "vxhs", NULL };
    g_autoptr (GString) key = g_string_new (NULL);

    g_string_printf (key, "%s:%s", protocol, name ? name : "");
    for (gsize i = 0; i < G_N_ELEMENTS (parts) && !g_strv_contains (clusters, protocol); i++) {
        const char *part = kn_element_get (disk, parts[i]);
        if (part)
            g_string_append_printf (key, "@%s", part);
    }
    return g_string_free (g_steal_pointer (&key), FALSE);
}

/* The path of a pool's volume on @host, so that one who names the volume and one who names the file are seen to mean the same. */
static char *
volume_source (const KnFleet *fleet, const char *host, const char *pool, const char *name)
{
    for (guint i = 0; i < fleet->volumes->len; i++) {
        const KnVolumeFile *volume = fleet->volumes->pdata[i];

        if (g_strcmp0 (volume->host, host) == 0 && g_strcmp0 (volume->pool, pool) == 0
            && g_strcmp0 (volume->name, name) == 0)
            return g_strdup (volume->path);
    }
    return g_strdup_printf ("%s/%s", pool, name);
}

/* What a disk element writes to: a path, a device, "pool/volume" or "protocol:name". Caller frees; NULL: nothing, or it only reads,
 * or it may be shared. */
static char *
written_source (const KnFleet *fleet, const KnSubject *subject, const KnElement *disk)
{
    const char *device = kn_element_get (disk, "@device");
    const char *file = kn_element_get (disk, "source/@file"),
               *dev = kn_element_get (disk, "source/@dev"),
               *protocol = kn_element_get (disk, "source/@protocol"),
               *pool = kn_element_get (disk, "source/@pool"),
               *volume = kn_element_get (disk, "source/@volume");

    if ((device && strcmp (device, "disk") != 0 && strcmp (device, "lun") != 0)
        || kn_element_get (disk, "readonly") || kn_element_get (disk, "shareable")
        || kn_element_get (disk, "transient"))
        return NULL;
    if (file || dev)
        return g_strdup (file ? file : dev);
    if (protocol)
        return network_source (disk, protocol, kn_element_get (disk, "source/@name"));
    return pool && volume
               ? volume_source (fleet, subject->host ? subject->host->name : NULL, pool, volume)
               : NULL;
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
            g_autofree char *source = written_source (fleet, subject, disk);
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
        kn_finding_note_hosts (finding, subject->host ? subject->host->name : "?",
                               other->host ? other->host->name : "?");
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
};
const KnDoctorRules kn_rules_fleet = { rows, G_N_ELEMENTS (rows) };
