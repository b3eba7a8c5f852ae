/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of usage. */
#include "compute/usage.h"

#include "base/time.h"

KN_STMT (USAGE_LIST,
         "SELECT i.project_id, i.uuid, i.display_name, e.flavor_name, i.vm_state, i.launched_at,"
         " i.terminated_at, i.vcpus, i.memory_mb, i.root_gb + i.ephemeral_gb FROM instances i"
         " LEFT JOIN instance_extra e ON e.instance_uuid=i.uuid WHERE i.launched_at<=?"
         " AND (i.terminated_at IS NULL OR i.terminated_at>=?) AND (?=1 OR i.project_id=?)"
         " ORDER BY i.project_id, i.id");

static KnUsage
read_usage (KnRows *rows, gint64 start_us, gint64 end_us)
{
    gint64 launched_us = start_us, ended_us = end_us;
    KnUsage usage = {
        .project_id = kn_rows_text (rows, 0),
        .uuid = kn_rows_text (rows, 1),
        .name = kn_rows_text (rows, 2),
        .flavor = kn_rows_text (rows, 3),
        .state = kn_rows_text (rows, 4),
        .launched_at = kn_rows_text (rows, 5),
        .terminated_at = kn_rows_text (rows, 6),
        .vcpus = kn_rows_int (rows, 7),
        .memory_mib = kn_rows_int (rows, 8),
        .disk_gib = kn_rows_int (rows, 9),
    };

    (void)kn_time_parse (usage.launched_at, &launched_us);
    if (usage.terminated_at) {
        (void)kn_time_parse (usage.terminated_at, &ended_us);
        usage.state = "terminated";
    }
    ended_us = MIN (ended_us, end_us);
    usage.uptime_us = MAX (ended_us - launched_us, 0);
    usage.hours
        = (double)MAX (ended_us - MAX (launched_us, start_us), 0) / (3600.0 * G_USEC_PER_SEC);
    return usage;
}

bool
kn_store_usage_each (KnDb *db, const char *project_id, gint64 start_us, gint64 end_us,
                     void (*visit) (const KnUsage *usage, gpointer data), gpointer data,
                     GError **error)
{
    char start[KN_TIME_TEXT_MAX], end[KN_TIME_TEXT_MAX];
    g_autoptr (KnRows) rows = kn_db_query (
        db, &USAGE_LIST,
        KN_BIND (kn_text (kn_time_format (end_us, KN_TIME_DB, end)),
                 kn_text (kn_time_format (start_us, KN_TIME_DB, start)),
                 kn_int (project_id == NULL), kn_text (project_id ? project_id : "")),
        error);
    g_autoptr (GError) problem = NULL;

    if (!rows)
        return false;
    while (kn_rows_next (rows, &problem)) {
        KnUsage usage = read_usage (rows, start_us, end_us);

        visit (&usage, data);
    }
    if (problem)
        g_propagate_error (error, g_steal_pointer (&problem));
    return !problem;
}
