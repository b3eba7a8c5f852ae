/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of instance_placements. */
#include "compute/placement_store.h"

#include "compute/host_store.h"

KN_STMT (PLACEMENT_LIST, "SELECT cpus, pages FROM instance_placements"
                         " WHERE host=? AND instance_uuid<>? ORDER BY instance_uuid");
KN_STMT (PLACEMENT_HOST, "SELECT host FROM instance_placements WHERE instance_uuid=?");
KN_STMT (PLACEMENT_DELETE, "DELETE FROM instance_placements WHERE instance_uuid=?");
KN_STMT (PLACEMENT_INSERT, "INSERT INTO instance_placements (instance_uuid, host, cpus, pages)"
                           " VALUES (?,?,?,?)");
KN_STMT (PLACEMENT_LOCK, "UPDATE services SET topic=topic WHERE host=?"
                         " AND \"binary\"='" KN_HOST_BINARY "' AND deleted=0");

bool
kn_store_placement_each (KnDb *db, const char *host, const char *except, KnPlacementVisit visit,
                         gpointer data, GError **error)
{
    g_autoptr (KnRows) rows
        = kn_db_query (db, &PLACEMENT_LIST, KN_BIND (kn_text (host), kn_text (except)), error);
    GError *local = NULL;

    if (rows == NULL)
        return false;
    while (kn_rows_next (rows, &local)) {
        const KnPlacement placement = { kn_rows_text (rows, 0), kn_rows_text (rows, 1) };

        visit (&placement, data);
    }
    if (local != NULL)
        g_propagate_error (error, local);

    return local == NULL;
}

bool
kn_store_placement_lock (KnDb *db, const char *host, GError **error)
{
    return kn_db_exec (db, &PLACEMENT_LOCK, KN_BIND (kn_text (host)), NULL, error);
}

bool
kn_store_placement_set (KnDb *db, const char *server, const char *host,
                        const KnPlacement *placement, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &PLACEMENT_HOST, KN_BIND (kn_text (server)), error);
    GError *local = NULL;
    bool found = rows != NULL && kn_rows_next (rows, &local);

    if (local != NULL)
        g_propagate_error (error, local);
    if (rows == NULL || local != NULL)
        return false;
    /* Most servers never hold anything: nothing is written for them. */
    if (found && !kn_db_exec (db, &PLACEMENT_DELETE, KN_BIND (kn_text (server)), NULL, error))
        return false;

    return (placement->cpus == NULL && placement->pages == NULL)
           || kn_db_exec (db, &PLACEMENT_INSERT,
                          KN_BIND (kn_text (server), kn_text (host), kn_text (placement->cpus),
                                   kn_text (placement->pages)),
                          NULL, error);
}
