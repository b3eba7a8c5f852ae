/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of host_boots. */
#include "compute/host_boot_store.h"

#include <string.h>

KN_STMT (BOOT_FIND, "SELECT boot_id FROM host_boots WHERE host=?");
KN_STMT (BOOT_INSERT, "INSERT INTO host_boots (boot_id, host) VALUES (?,?)");
KN_STMT (BOOT_UPDATE, "UPDATE host_boots SET boot_id=? WHERE host=?");

bool
kn_store_host_boot_note (KnDb *db, const char *host, const char *boot_id, bool *out_changed,
                         GError **error)
{
    g_autofree char *known = NULL;
    g_autoptr (KnRows) rows = kn_db_query (db, &BOOT_FIND, KN_BIND (kn_text (host)), error);
    GError *local = NULL;

    *out_changed = false;
    if (rows == NULL)
        return false;
    if (kn_rows_next (rows, &local))
        known = kn_rows_dup (rows, 0);
    if (local != NULL) {
        g_propagate_error (error, local);
        return false;
    }
    if (known != NULL && strcmp (known, boot_id) == 0)
        return true;
    *out_changed = known != NULL;

    return kn_db_exec (db, known != NULL ? &BOOT_UPDATE : &BOOT_INSERT,
                       KN_BIND (kn_text (boot_id), kn_text (host)), NULL, error);
}
