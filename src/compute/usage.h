/* SPDX-License-Identifier: Apache-2.0 */
/* What projects have used over a span of time, from the servers' rows. */
#pragma once

#include "db/db.h"

/* One server's share of the span. Borrowed during the visit. */
typedef struct {
    const char *project_id, *uuid, *name, *flavor, *state; /* state: "terminated" once it is gone */
    const char *launched_at, *terminated_at; /* the database's text; NULL: still there */
    gint64 vcpus, memory_mib, disk_gib;
    gint64 uptime_us; /* of its life until the span's end */
    double hours;     /* within the span */
} KnUsage;

/* Visits servers that were there between @start_us and @end_us, those of a project together; @project_id NULL: all projects. */
bool kn_store_usage_each (KnDb *db, const char *project_id, gint64 start_us, gint64 end_us,
                          void (*visit) (const KnUsage *usage, gpointer data), gpointer data,
                          GError **error);

/* Appends the routes. */
void kn_usage_add_routes (GArray *routes);
