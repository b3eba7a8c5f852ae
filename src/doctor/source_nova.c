/* SPDX-License-Identifier: Apache-2.0 */
/* Nova's tables instances and instance_system_metadata (Nova 26.2, db/main/models.py): os_type stands in a column, what came from
 * the image under keys image_*. */
#include "doctor/source_nova.h"

#include <string.h>

#include "doctor/source.h"

#define IMAGE_PREFIX "image_"

KN_STMT (NOVA_INSTANCES,
         "SELECT uuid, display_name, os_type, vm_state, project_id, image_ref, vcpus, memory_mb, "
         "host FROM instances WHERE deleted=0 ORDER BY id");
KN_STMT (NOVA_IMAGE_PROPERTIES,
         "SELECT m.instance_uuid, m.\"key\", m.value FROM instance_system_metadata m "
         "JOIN instances i ON i.uuid=m.instance_uuid "
         "WHERE i.deleted=0 AND m.deleted=0 AND m.\"key\" LIKE 'image%' ORDER BY m.id");
KN_STMT (NOVA_INSTANCE,
         "SELECT display_name, os_type, vm_state, deleted FROM instances WHERE uuid=?");

static void
take_row (KnFleet *fleet, KnRows *rows, GHashTable *by_uuid)
{
    KnSubject *subject = kn_fleet_add_subject (fleet, kn_rows_text (rows, 0));
    KnSubjectRecord *record = g_new0 (KnSubjectRecord, 1);

    record->display_name = kn_rows_dup (rows, 1);
    record->os_type = kn_rows_dup (rows, 2);
    record->vm_state = kn_rows_dup (rows, 3);
    record->project_id = kn_rows_dup (rows, 4);
    record->image_id = kn_rows_dup (rows, 5);
    record->vcpus = kn_rows_int (rows, 6);
    record->memory_mib = kn_rows_int (rows, 7);
    record->host = kn_rows_dup (rows, 8);
    record->image_properties = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    subject->record = record;
    subject->title = g_strdup (record->display_name);
    g_hash_table_insert (by_uuid, subject->uuid, subject);
}

static bool
load_instances (KnFleet *fleet, KnDb *db, GHashTable *by_uuid, GError **error)
{
    g_autoptr (GError) failed = NULL;
    g_autoptr (KnRows) rows = kn_db_query (db, &NOVA_INSTANCES, KN_NO_BIND, &failed);

    while (rows && !failed && kn_rows_next (rows, &failed))
        take_row (fleet, rows, by_uuid);
    if (!failed)
        return true;
    g_propagate_prefixed_error (error, g_steal_pointer (&failed),
                                "this is no cell database of Nova: ");
    return false;
}

static bool
load_properties (KnDb *db, GHashTable *by_uuid, GError **error)
{
    g_autoptr (GError) failed = NULL;
    g_autoptr (KnRows) rows = kn_db_query (db, &NOVA_IMAGE_PROPERTIES, KN_NO_BIND, &failed);

    while (rows && !failed && kn_rows_next (rows, &failed)) {
        const char *key = kn_rows_text (rows, 1), *value = kn_rows_text (rows, 2);
        KnSubject *subject = g_hash_table_lookup (by_uuid, kn_rows_text (rows, 0));

        if (subject && value && g_str_has_prefix (key, IMAGE_PREFIX))
            g_hash_table_insert (subject->record->image_properties,
                                 g_strdup (key + strlen (IMAGE_PREFIX)), g_strdup (value));
    }
    if (!failed)
        return true;
    g_propagate_error (error, g_steal_pointer (&failed));
    return false;
}

bool
kn_fleet_add_nova (KnFleet *fleet, KnDb *db, GError **error)
{
    g_autoptr (GHashTable) by_uuid = g_hash_table_new (g_str_hash, g_str_equal);

    fleet->has_records = true;
    return load_instances (fleet, db, by_uuid, error) && load_properties (db, by_uuid, error);
}

/* ---- after the hosts ---- */

/* Nova names a host as the machine calls itself, with or without its domain. */
static bool
is_host (const KnSubjectHost *host, const char *name)
{
    gsize len = strcspn (host->name, ".");

    return strcmp (host->name, name) == 0
           || (strncmp (host->name, name, len) == 0 && (name[len] == '\0' || name[len] == '.'));
}

static void
place (const KnFleet *fleet, KnSubject *subject)
{
    for (guint i = 0; subject->record->host && i < fleet->hosts->len; i++) {
        KnSubjectHost *host = fleet->hosts->pdata[i];

        if (is_host (host, subject->record->host))
            subject->host = host;
    }
}

static bool
find_deleted (KnSubject *subject, KnDb *db, GError **error)
{
    g_autoptr (GError) failed = NULL;
    g_autoptr (KnRows) rows
        = kn_db_query (db, &NOVA_INSTANCE, KN_BIND (kn_text (subject->uuid)), &failed);

    if (rows && kn_rows_next (rows, &failed)) {
        subject->record = g_new0 (KnSubjectRecord, 1);
        subject->record->display_name = kn_rows_dup (rows, 0);
        subject->record->os_type = kn_rows_dup (rows, 1);
        subject->record->vm_state = kn_rows_dup (rows, 2);
        subject->record->deleted = kn_rows_int (rows, 3) != 0;
    }
    if (!failed)
        return true;
    g_propagate_error (error, g_steal_pointer (&failed));
    return false;
}

bool
kn_fleet_match_nova (KnFleet *fleet, KnDb *db, GError **error)
{
    for (guint i = 0; i < fleet->subjects->len; i++) {
        KnSubject *subject = fleet->subjects->pdata[i];
        const KnDefinition *definition = kn_subject_definition (subject);

        if (subject->record && !definition)
            place (fleet, subject);
        else if (!subject->record && kn_definition_first (definition, "metadata/instance")
                 && !find_deleted (subject, db, error))
            return false;
    }
    return true;
}
