/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of profiles. */
#include "compute/profile_store.h"

#include "base/error.h"
#include "compute/server_store.h"

#define KEPT 32

KN_STMT (LIST, "SELECT id, created_at, profile, identity, new_profile, hardware "
               "FROM instance_profiles WHERE instance_uuid=? ORDER BY id DESC LIMIT 32");
KN_STMT (INSERT, "INSERT INTO instance_profiles (created_at, instance_uuid, user_id, profile, "
                 "identity, new_profile, hardware) VALUES (?,?,?,?,?,?,?)");
KN_STMT (OLDEST, "SELECT COUNT(*), MIN(id) FROM instance_profiles WHERE instance_uuid=?");
KN_STMT (DELETE, "DELETE FROM instance_profiles WHERE id=? AND instance_uuid=?");
KN_STMT (CLEAR, "DELETE FROM instance_profiles WHERE instance_uuid=?");
KN_STMT (SET, "UPDATE instance_extra SET profile=?, identity=?, updated_at=? "
              "WHERE instance_uuid=?");
KN_STMT (CLAIM, "UPDATE instances SET updated_at=? WHERE uuid=? AND task_state IS NULL "
                "AND deleted=0");

void
kn_server_profile_free (KnServerProfile *profile)
{
    if (!profile)
        return;
    g_free (profile->created_at);
    g_free (profile->profile);
    g_free (profile->new_profile);
    g_free (profile->identity);
    g_free (profile);
}

GPtrArray *
kn_store_profile_list (KnDb *db, const char *server, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &LIST, KN_BIND (kn_text (server)), error);
    g_autoptr (GPtrArray) list
        = g_ptr_array_new_with_free_func ((GDestroyNotify)kn_server_profile_free);
    GError *local = NULL;

    if (rows == NULL)
        return NULL;
    while (kn_rows_next (rows, &local)) {
        KnServerProfile *profile = g_new (KnServerProfile, 1);

        *profile = (KnServerProfile){
            .id = kn_rows_int (rows, 0),
            .created_at = kn_rows_dup (rows, 1),
            .profile = kn_rows_dup (rows, 2),
            .identity = kn_rows_dup (rows, 3),
            .new_profile = kn_rows_dup (rows, 4),
            .hardware = kn_rows_int (rows, 5) != 0,
        };
        g_ptr_array_add (list, profile);
    }
    if (local != NULL) {
        g_propagate_error (error, local);
        return NULL;
    }

    return g_steal_pointer (&list);
}

static bool
set (KnDb *db, const char *server, const char *profile, const char *identity, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return kn_db_exec (
        db, &SET, KN_BIND (kn_text (profile), kn_text (identity), kn_text (now), kn_text (server)),
        NULL, error);
}

/* Room for one more. */
static bool
drop_oldest (KnDb *db, const char *server, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &OLDEST, KN_BIND (kn_text (server)), error);
    gint64 n, oldest;

    if (rows == NULL || !kn_rows_next (rows, error))
        return false;
    n = kn_rows_int (rows, 0);
    oldest = kn_rows_int (rows, 1);
    g_clear_pointer (&rows, kn_rows_free);

    return n < KEPT
           || kn_db_exec (db, &DELETE, KN_BIND (kn_int (oldest), kn_text (server)), NULL, error);
}

bool
kn_store_profile_change (KnDb *db, const KnServer *server, const char *user_id, const char *profile,
                         const char *identity, bool hardware, GError **error)
{
    g_auto (KnServerPlan) now = { 0 };
    g_autofree char *time = kn_db_now ();

    return kn_store_server_load_plan (db, server->uuid, &now, error)
           && drop_oldest (db, server->uuid, error)
           && kn_db_exec (db, &INSERT,
                          KN_BIND (kn_text (time), kn_text (server->uuid), kn_text (user_id),
                                   kn_text (server->profile), kn_text (now.identity),
                                   kn_text (profile), kn_int (hardware)),
                          NULL, error)
           && set (db, server->uuid, profile, identity, error);
}

bool
kn_store_profile_undo (KnDb *db, const char *server, const KnServerProfile *earlier, GError **error)
{
    gint64 changed = 0;

    if (!kn_db_exec (db, &DELETE, KN_BIND (kn_int (earlier->id), kn_text (server)), &changed,
                     error))
        return false;
    if (changed == 0) {
        kn_error_public (error, KN_ERROR_CONFLICT, "This change has been undone already.");
        return false;
    }

    return set (db, server, earlier->profile, earlier->identity, error);
}

bool
kn_store_profile_clear (KnDb *db, const char *server, GError **error)
{
    return kn_db_exec (db, &CLEAR, KN_BIND (kn_text (server)), NULL, error);
}

bool
kn_store_profile_claim (KnDb *db, const char *server, GError **error)
{
    g_autofree char *now = kn_db_now ();
    gint64 changed = 0;

    if (!kn_db_exec (db, &CLAIM, KN_BIND (kn_text (now), kn_text (server)), &changed, error))
        return false;
    if (changed > 0)
        return true;
    kn_error_public (error, KN_ERROR_CONFLICT,
                     "Something else is being done with server %s; try again when it is over.",
                     server);
    return false;
}
