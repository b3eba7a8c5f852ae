/* SPDX-License-Identifier: Apache-2.0 */
/* Who an image is shared with, and who stands on its bytes. */
#include "base/error.h"
#include "image/image_priv.h"

KN_STMT (MEMBER_FIND, "SELECT image_id, member, status, created_at, updated_at FROM image_members "
                      "WHERE image_id=? AND member=?");
KN_STMT (MEMBER_LIST, "SELECT image_id, member, status, created_at, updated_at FROM image_members "
                      "WHERE image_id=? ORDER BY id");
KN_STMT (MEMBER_INSERT,
         "INSERT INTO image_members (image_id, member, can_share, status, created_at, updated_at) "
         "VALUES (?,?,0,'pending',?,?)");
KN_STMT (MEMBER_STATUS,
         "UPDATE image_members SET status=?, updated_at=? WHERE image_id=? AND member=?");
KN_STMT (MEMBER_DELETE, "DELETE FROM image_members WHERE image_id=? AND member=?");
KN_STMT (USE_FIND, "SELECT 1 FROM image_uses WHERE image_id=? AND user_id=?");
KN_STMT (USE_INSERT,
         "INSERT INTO image_uses (image_id, user_id) SELECT id, ? FROM images WHERE id=? AND "
         "deleted=0 AND status IN ('active', 'deactivated')");
KN_STMT (USE_DELETE, "DELETE FROM image_uses WHERE image_id=? AND user_id=?");

void
kn_image_member_free (KnImageMember *member)
{
    if (!member)
        return;
    g_free (member->image_id);
    g_free (member->member);
    g_free (member->status);
    g_free (member->created_at);
    g_free (member->updated_at);
    g_free (member);
}

static KnImageMember *
read_member (KnRows *rows)
{
    KnImageMember *member = g_new0 (KnImageMember, 1);

    *member = (KnImageMember){ .image_id = kn_rows_dup (rows, 0),
                               .member = kn_rows_dup (rows, 1),
                               .status = kn_rows_dup (rows, 2),
                               .created_at = kn_rows_dup (rows, 3),
                               .updated_at = kn_rows_dup (rows, 4) };
    return member;
}

KnImageMember *
kn_image_member_find (KnDb *db, const char *image_id, const char *member, GError **error)
{
    g_autoptr (KnRows) rows
        = kn_db_query (db, &MEMBER_FIND, KN_BIND (kn_text (image_id), kn_text (member)), error);

    return rows && kn_rows_next (rows, error) ? read_member (rows) : NULL;
}

GPtrArray *
kn_image_member_list (KnDb *db, const char *image_id, GError **error)
{
    g_autoptr (GPtrArray) members
        = g_ptr_array_new_with_free_func ((GDestroyNotify)kn_image_member_free);
    GError *failed = NULL;
    g_autoptr (KnRows) rows = kn_db_query (db, &MEMBER_LIST, KN_BIND (kn_text (image_id)), error);

    if (!rows)
        return NULL;
    while (kn_rows_next (rows, &failed))
        g_ptr_array_add (members, read_member (rows));
    if (failed) {
        g_propagate_error (error, failed);
        return NULL;
    }
    return g_steal_pointer (&members);
}

bool
kn_image_member_insert (KnDb *db, const char *image_id, const char *member, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return kn_db_exec (db, &MEMBER_INSERT,
                       KN_BIND (kn_text (image_id), kn_text (member), kn_text (now), kn_text (now)),
                       NULL, error);
}

bool
kn_image_member_set_status (KnDb *db, const char *image_id, const char *member, const char *status,
                            GError **error)
{
    g_autofree char *now = kn_db_now ();

    return kn_db_exec (
        db, &MEMBER_STATUS,
        KN_BIND (kn_text (status), kn_text (now), kn_text (image_id), kn_text (member)), NULL,
        error);
}

bool
kn_image_member_delete (KnDb *db, const char *image_id, const char *member, bool *out_found,
                        GError **error)
{
    gint64 changed = 0;

    if (!kn_db_exec (db, &MEMBER_DELETE, KN_BIND (kn_text (image_id), kn_text (member)), &changed,
                     error))
        return false;
    *out_found = changed > 0;
    return true;
}

/* *@out_used: the use is there. */
static bool
find_use (KnDb *db, const char *id, const char *user_id, bool *out_used, GError **error)
{
    GError *failed = NULL;
    g_autoptr (KnRows) rows
        = kn_db_query (db, &USE_FIND, KN_BIND (kn_text (id), kn_text (user_id)), error);

    if (!rows)
        return false;
    bool used = kn_rows_next (rows, &failed);
    if (failed) {
        g_propagate_error (error, failed);
        return false;
    }
    *out_used = used;
    return true;
}

bool
kn_image_use_add (KnDb *db, const char *id, const char *user_id, GError **error)
{
    gint64 added = 0;
    bool used = false;

    if (!find_use (db, id, user_id, &used, error))
        return false;
    if (used)
        return true;
    if (!kn_db_exec (db, &USE_INSERT, KN_BIND (kn_text (user_id), kn_text (id)), &added, error))
        return false;
    if (added == 0) {
        kn_error_public (error, KN_ERROR_NOT_FOUND, "Image %s could not be found.", id);
        return false;
    }
    return true;
}

bool
kn_image_use_remove (KnDb *db, const char *id, const char *user_id, GError **error)
{
    return kn_db_exec (db, &USE_DELETE, KN_BIND (kn_text (id), kn_text (user_id)), NULL, error);
}
