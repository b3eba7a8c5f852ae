/* SPDX-License-Identifier: Apache-2.0 */
/* What all controllers of one cloud share: its id. */
#include "cmd/cloud.h"

#include "base/error.h"
#include "base/id.h"

KN_STMT (CLOUD_LOAD, "SELECT value FROM cloud_settings WHERE name = ?");
KN_STMT (CLOUD_INSERT, "INSERT INTO cloud_settings (name, value, created_at) VALUES (?, ?, ?)");

static bool
load_setting (KnDb *db, const char *name, char **out_value, GError **error)
{
    g_autoptr (GError) local = NULL;
    g_autoptr (KnRows) rows = kn_db_query (db, &CLOUD_LOAD, KN_BIND (kn_text (name)), error);

    if (!rows)
        return false;
    *out_value = kn_rows_next (rows, &local) ? kn_rows_dup (rows, 0) : NULL;
    if (!local)
        return true;
    g_propagate_error (error, g_steal_pointer (&local));
    return false;
}

static bool
ensure_id (KnDb *db, gpointer data, GError **error)
{
    char **out_id = data;
    g_autofree char *now = kn_db_now ();

    g_clear_pointer (out_id, g_free);
    if (!load_setting (db, "id", out_id, error))
        return false;
    if (*out_id)
        return true;
    *out_id = kn_id_uuid ();
    return kn_db_exec (db, &CLOUD_INSERT,
                       KN_BIND (kn_text ("id"), kn_text (*out_id), kn_text (now)), NULL, error);
}

char *
kn_cloud_load_id (KnDbPool *pool, GError **error)
{
    g_autofree char *id = NULL;
    KnDb *db = kn_db_thread (pool, error);

    if (!db || !load_setting (db, "id", &id, error))
        return NULL;
    if (!id && !kn_db_txn (db, ensure_id, &id, error))
        return NULL;
    return g_steal_pointer (&id);
}
