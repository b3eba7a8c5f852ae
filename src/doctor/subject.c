/* SPDX-License-Identifier: Apache-2.0 */
/* Subjects and fleets: made, freed, asked. */
#include "doctor/subject.h"

#include <string.h>

static const char *const confidence_names[KN_CONFIDENCE_N] = {
    [KN_CONFIDENCE_LOW] = "low",
    [KN_CONFIDENCE_MEDIUM] = "medium",
    [KN_CONFIDENCE_HIGH] = "high",
};

const char *
kn_confidence_name (KnConfidence confidence)
{
    return confidence_names[confidence];
}

KnSubject *
kn_subject_new (void)
{
    return g_new0 (KnSubject, 1);
}

static void
free_record (KnSubjectRecord *record)
{
    if (!record)
        return;
    g_free (record->os_type);
    g_free (record->vm_state);
    g_free (record->display_name);
    g_free (record->project_id);
    g_free (record->image_id);
    g_free (record->host);
    g_free (record->inspected_os_type);
    g_free (record->inspected_by);
    g_clear_pointer (&record->image_properties, g_hash_table_unref);
    g_clear_pointer (&record->extra_specs, g_hash_table_unref);
    g_clear_pointer (&record->server_properties, g_hash_table_unref);
    g_free (record);
}

void
kn_subject_free (gpointer data)
{
    KnSubject *subject = data;

    if (!subject)
        return;
    g_free (subject->uuid);
    g_free (subject->name);
    g_free (subject->title);
    g_free (subject->zone);
    g_free (subject->clock_policy);
    g_free (subject->measured.os_id);
    g_free (subject->measured.os_version);
    g_clear_pointer (&subject->measured.vcpu_time_ns, g_array_unref);
    kn_definition_free (subject->persistent);
    kn_definition_free (subject->live);
    kn_guest_plan_free (subject->plan);
    free_record (subject->record);
    g_free (subject);
}

const KnDefinition *
kn_subject_definition (const KnSubject *subject)
{
    return subject->persistent ? subject->persistent : subject->live;
}

bool
kn_subject_is_kvm (const KnSubject *subject)
{
    return kn_definition_is (kn_subject_definition (subject), "@type", "kvm");
}

bool
kn_subject_is_windows (const KnSubject *subject)
{
    return subject->os.family == KN_SUBJECT_OS_WINDOWS;
}

static void
free_host (gpointer data)
{
    KnSubjectHost *host = data;

    g_free (host->name);
    g_free (host->uri);
    g_free (host->arch);
    g_free (host->cpu_vendor);
    g_free (host->zone);
    g_strfreev (host->machines);
    g_strfreev (host->hyperv);
    g_free (host->default_q35);
    g_free (host->default_pc);
    g_free (host);
}

static void
free_storage (gpointer data)
{
    KnStorage *storage = data;

    g_free (storage->name);
    g_free (storage->host);
    g_free (storage->where);
    g_free (storage);
}

KnStorage *
kn_storage_new (const char *name, const char *host)
{
    KnStorage *storage = g_new0 (KnStorage, 1);

    storage->name = g_strdup (name);
    storage->host = g_strdup (host);
    return storage;
}

static void
free_volume (gpointer data)
{
    KnVolumeFile *volume = data;

    g_free (volume->path);
    g_free (volume->host);
    g_free (volume->backing);
    g_free (volume->pool);
    g_free (volume->name);
    g_free (volume->owner);
    g_free (volume);
}

KnVolumeFile *
kn_volume_file_new (KnVolumeKind kind, const char *path, const char *host)
{
    KnVolumeFile *volume = g_new0 (KnVolumeFile, 1);

    volume->kind = kind;
    volume->path = g_strdup (path);
    volume->host = g_strdup (host);
    return volume;
}

KnFleet *
kn_fleet_new (void)
{
    KnFleet *fleet = g_new0 (KnFleet, 1);

    fleet->subjects = g_ptr_array_new_with_free_func (kn_subject_free);
    fleet->hosts = g_ptr_array_new_with_free_func (free_host);
    fleet->storages = g_ptr_array_new_with_free_func (free_storage);
    fleet->volumes = g_ptr_array_new_with_free_func (free_volume);
    return fleet;
}

void
kn_fleet_free (KnFleet *fleet)
{
    if (!fleet)
        return;
    g_ptr_array_unref (fleet->subjects);
    g_ptr_array_unref (fleet->hosts);
    g_ptr_array_unref (fleet->storages);
    g_ptr_array_unref (fleet->volumes);
    g_free (fleet->zone);
    g_free (fleet);
}

KnSubjectHost *
kn_fleet_ensure_host (KnFleet *fleet, const char *name)
{
    for (guint i = 0; i < fleet->hosts->len; i++) {
        KnSubjectHost *host = fleet->hosts->pdata[i];

        if (strcmp (host->name, name) == 0)
            return host;
    }
    KnSubjectHost *host = g_new0 (KnSubjectHost, 1);

    host->name = g_strdup (name);
    g_ptr_array_add (fleet->hosts, host);
    return host;
}
