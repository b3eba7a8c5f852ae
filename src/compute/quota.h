/* SPDX-License-Identifier: Apache-2.0 */
/* What a project may have. Usage is counted from the tables, never kept beside them. */
#pragma once

#include "db/db.h"

/* Whether @project_id may have @servers more with @cores and @ram_mib more in all. For use inside the transaction that makes
 * them. Errors: OVER_QUOTA (public) naming what was asked for, used and allowed. */
bool kn_quota_check_servers (KnDb *db, const char *project_id, gint64 servers, gint64 cores,
                             gint64 ram_mib, GError **error);

/* Whether @user_id of @project_id may have one key pair more; inside the transaction that makes it. Errors: OVER_QUOTA (public). */
bool kn_quota_check_keypairs (KnDb *db, const char *project_id, const char *user_id,
                              GError **error);

/* The limit on @resource ("metadata_items", "injected_files" …) of @project_id; -1: none. */
bool kn_quota_load_limit (KnDb *db, const char *project_id, const char *resource, gint64 *out_limit,
                          GError **error);

/* Appends the routes of quota sets, quota classes and limits. */
void kn_quota_add_routes (GArray *routes);
