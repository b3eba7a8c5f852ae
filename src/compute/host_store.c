/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of the hosts' service rows. */
#include "compute/host_store.h"

#include "base/error.h"
#include "base/id.h"

KN_STMT (HOST_FIND, "SELECT id, host, disabled, disabled_reason, last_seen_up FROM services"
                    " WHERE host=? AND \"binary\"='" KN_HOST_BINARY "' AND deleted=0");
KN_STMT (HOST_INSERT, "INSERT INTO services (created_at, host, \"binary\", topic, uuid)"
                      " VALUES (?, ?, '" KN_HOST_BINARY "', 'compute', ?)");
KN_STMT (HOST_DISABLE, "UPDATE services SET disabled=?, disabled_reason=?, updated_at=?"
                       " WHERE id=?");
KN_STMT (HOST_SEEN, "UPDATE services SET last_seen_up=? WHERE id=?");
KN_STMT (HOST_USE, "SELECT COUNT(*), SUM(vcpus), SUM(memory_mb), SUM(root_gb + ephemeral_gb)"
                   " FROM instances WHERE host=? AND deleted=0");
KN_STMT (HOST_SERVERS, "SELECT id, uuid FROM instances WHERE host=? AND deleted=0 ORDER BY id");

void
kn_host_row_free (KnHostRow *row)
{
    if (!row)
        return;
    g_free (row->host);
    g_free (row->disabled_reason);
    g_free (row->last_seen_up);
    g_free (row);
}

KnHostRow *
kn_store_host_find (KnDb *db, const char *host, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &HOST_FIND, KN_BIND (kn_text (host)), error);
    KnHostRow *row;

    if (!rows || !kn_rows_next (rows, error))
        return NULL;
    row = g_new (KnHostRow, 1);
    *row = (KnHostRow){
        .id = kn_rows_int (rows, 0),
        .host = kn_rows_dup (rows, 1),
        .disabled = kn_rows_int (rows, 2) != 0,
        .disabled_reason = kn_rows_dup (rows, 3),
        .last_seen_up = kn_rows_dup (rows, 4),
    };
    return row;
}

KnHostRow *
kn_store_host_ensure (KnDb *db, const char *host, GError **error)
{
    g_autofree char *now = kn_db_now ();
    g_autofree char *uuid = kn_id_uuid ();
    GError *problem = NULL;
    KnHostRow *row = kn_store_host_find (db, host, &problem);

    if (row || problem) {
        if (problem)
            g_propagate_error (error, problem);
        return row;
    }
    /* Another thread may be faster: then its row is there. */
    if (!kn_db_exec (db, &HOST_INSERT, KN_BIND (kn_text (now), kn_text (host), kn_text (uuid)),
                     NULL, &problem)
        && !g_error_matches (problem, KN_ERROR, KN_ERROR_CONFLICT)) {
        g_propagate_error (error, problem);
        return NULL;
    }
    g_clear_error (&problem);
    row = kn_store_host_find (db, host, &problem);
    if (problem)
        g_propagate_error (error, problem);
    else if (!row)
        kn_error_set (error, KN_ERROR_DB, "the row of host '%s' has vanished", host);
    return row;
}

bool
kn_store_host_set_disabled (KnDb *db, gint64 id, bool disabled, const char *reason, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return kn_db_exec (db, &HOST_DISABLE,
                       KN_BIND (kn_int (disabled), kn_text (reason), kn_text (now), kn_int (id)),
                       NULL, error);
}

bool
kn_store_host_seen (KnDb *db, gint64 id, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return kn_db_exec (db, &HOST_SEEN, KN_BIND (kn_text (now), kn_int (id)), NULL, error);
}

bool
kn_host_load_enabled (KnDb *db, const char *host, bool *out_enabled, GError **error)
{
    GError *problem = NULL;
    g_autoptr (KnHostRow) row = kn_store_host_find (db, host, &problem);

    if (problem) {
        g_propagate_error (error, problem);
        return false;
    }
    *out_enabled = !row || !row->disabled;
    return true;
}

bool
kn_host_note_up (KnDb *db, const char *host, GError **error)
{
    g_autoptr (KnHostRow) row = kn_store_host_ensure (db, host, error);

    return row && kn_store_host_seen (db, row->id, error);
}

bool
kn_store_host_use (KnDb *db, const char *host, KnHostUse *out_use, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &HOST_USE, KN_BIND (kn_text (host)), error);

    if (!rows || !kn_rows_next (rows, error))
        return false;
    *out_use = (KnHostUse){
        .servers = kn_rows_int (rows, 0),
        .vcpus = kn_rows_int (rows, 1),
        .memory_mib = kn_rows_int (rows, 2),
        .disk_gib = kn_rows_int (rows, 3),
    };
    return true;
}

bool
kn_store_host_each_server (KnDb *db, const char *host,
                           void (*visit) (gint64 id, const char *uuid, gpointer data),
                           gpointer data, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &HOST_SERVERS, KN_BIND (kn_text (host)), error);
    g_autoptr (GError) problem = NULL;

    if (!rows)
        return false;
    while (kn_rows_next (rows, &problem))
        visit (kn_rows_int (rows, 0), kn_rows_text (rows, 1), data);
    if (problem)
        g_propagate_error (error, g_steal_pointer (&problem));
    return !problem;
}
