/* SPDX-License-Identifier: Apache-2.0 */
/* /v2/images/{id}/members: sharing an image with projects, which accept or reject. */
#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "image/image_priv.h"

static void
write_member (KnJw *w, const KnImageMember *member)
{
    kn_jw_object (w);
    kn_jw_string_member (w, "member_id", member->member);
    kn_jw_string_member (w, "image_id", member->image_id);
    kn_jw_string_member (w, "status", member->status);
    kn_jw_time_member (w, "created_at", member->created_at);
    kn_jw_time_member (w, "updated_at", member->updated_at);
    kn_jw_string_member (w, "schema", "/v2/schemas/member");
    kn_jw_end (w);
}

static KnDb *
db_of (KnRequest *req, GError **error)
{
    KnImages *images = kn_request_service (req);

    return kn_db_thread (images->db, error);
}

static bool
may_manage (const KnImageRow *row, const KnAuth *auth)
{
    return auth->role >= KN_ROLE_ADMIN || kn_image_is_owner (row, auth);
}

/* The image of the request, if it is one that can have members. */
static KnImageRow *
load_shared (KnDb *db, const char *id, const KnAuth *auth, GError **error)
{
    g_autoptr (KnImageRow) row = kn_image_row_load (db, id, auth, error);

    if (!row)
        return NULL;
    if (strcmp (row->visibility, "shared") != 0) {
        kn_error_public (error, KN_ERROR_FORBIDDEN,
                         "Image %s is %s; only a shared image has members.", row->id,
                         row->visibility);
        return NULL;
    }
    return g_steal_pointer (&row);
}

static KnImageMember *
load_member (KnDb *db, const KnImageRow *row, const char *member_id, const KnAuth *auth,
             GError **error)
{
    GError *failed = NULL;
    KnImageMember *member = NULL;

    /* A member sees itself only. */
    if (may_manage (row, auth) || g_strcmp0 (member_id, auth->project_id) == 0)
        member = kn_image_member_find (db, row->id, member_id, &failed);
    if (failed)
        g_propagate_error (error, failed);
    else if (!member)
        kn_error_public (error, KN_ERROR_NOT_FOUND, "Image %s has no such member.", row->id);
    return member;
}

static void
reply_member (KnRequest *req, const KnImageMember *member)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    write_member (w, member);
    kn_request_reply_json (req, 200, w);
}

bool
kn_image_api_members (KnRequest *req, GError **error)
{
    const KnAuth *auth = kn_request_auth (req);
    KnDb *db = db_of (req, error);

    if (!db)
        return false;
    g_autoptr (KnImageRow) row = load_shared (db, kn_request_param (req, "id"), auth, error);
    g_autoptr (GPtrArray) members = row ? kn_image_member_list (db, row->id, error) : NULL;
    if (!members)
        return false;

    g_autoptr (KnJw) w = kn_jw_new ();
    kn_jw_object (w);
    kn_jw_array_member (w, "members");
    for (guint i = 0; i < members->len; i++) {
        const KnImageMember *member = members->pdata[i];
        if (may_manage (row, auth) || g_strcmp0 (member->member, auth->project_id) == 0)
            write_member (w, member);
    }
    kn_jw_end (w);
    kn_jw_string_member (w, "schema", "/v2/schemas/members");
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

bool
kn_image_api_member_show (KnRequest *req, GError **error)
{
    const KnAuth *auth = kn_request_auth (req);
    KnDb *db = db_of (req, error);

    if (!db)
        return false;
    g_autoptr (KnImageRow) row = load_shared (db, kn_request_param (req, "id"), auth, error);
    g_autoptr (KnImageMember) member
        = row ? load_member (db, row, kn_request_param (req, "member"), auth, error) : NULL;
    if (!member)
        return false;
    reply_member (req, member);
    return true;
}

/* -- changes ------------------------------------------------------------------------------- */

typedef struct {
    const KnAuth *auth;
    const char *image_id, *member_id, *status;
    KnImageMember *result;
} MemberChange;

typedef struct {
    char *member, *status;
    guint64 present;
} MemberBody;

static const KnJField create_fields[] = {
    { "member", KN_J_STRING, offsetof (MemberBody, member), 1, 64 },
};
static const KnJField update_fields[] = {
    { "status", KN_J_STRING, offsetof (MemberBody, status), 1, 20 },
};
static const KnJShape create_shape
    = { create_fields, G_N_ELEMENTS (create_fields), offsetof (MemberBody, present) };
static const KnJShape update_shape
    = { update_fields, G_N_ELEMENTS (update_fields), offsetof (MemberBody, present) };

/* The image, which the caller may share. */
static KnImageRow *
load_managed (KnDb *db, const MemberChange *change, GError **error)
{
    g_autoptr (KnImageRow) row = load_shared (db, change->image_id, change->auth, error);

    if (!row)
        return NULL;
    if (!may_manage (row, change->auth)) {
        kn_error_public (error, KN_ERROR_FORBIDDEN,
                         "Image %s belongs to another project, which alone may share it.", row->id);
        return NULL;
    }
    return g_steal_pointer (&row);
}

static bool
insert_member (KnDb *db, const KnImageRow *row, const char *member_id, GError **error)
{
    GError *failed = NULL;
    g_autoptr (GPtrArray) members = kn_image_member_list (db, row->id, error);

    if (!members)
        return false;
    if (members->len >= KN_IMAGE_MAX_MEMBERS) {
        kn_error_public (error, KN_ERROR_TOO_LARGE, "An image may have %d members.",
                         KN_IMAGE_MAX_MEMBERS);
        return false;
    }
    if (kn_image_member_insert (db, row->id, member_id, &failed))
        return true;
    if (!g_error_matches (failed, KN_ERROR, KN_ERROR_CONFLICT)) {
        g_propagate_error (error, failed);
        return false;
    }
    g_error_free (failed);
    kn_error_public (error, KN_ERROR_CONFLICT, "Image %s is shared with this project already.",
                     row->id);
    return false;
}

static bool
keep_result (KnDb *db, const KnImageRow *row, MemberChange *change, GError **error)
{
    kn_image_member_free (change->result);
    change->result = load_member (db, row, change->member_id, change->auth, error);
    return change->result != NULL;
}

static bool
txn_member_create (KnDb *db, gpointer data, GError **error)
{
    MemberChange *change = data;
    g_autoptr (KnImageRow) row = load_managed (db, change, error);

    return row && insert_member (db, row, change->member_id, error)
           && keep_result (db, row, change, error);
}

static bool
txn_member_update (KnDb *db, gpointer data, GError **error)
{
    MemberChange *change = data;
    g_autoptr (KnImageRow) row = load_shared (db, change->image_id, change->auth, error);
    g_autoptr (KnImageMember) member
        = row ? load_member (db, row, change->member_id, change->auth, error) : NULL;

    if (!member)
        return false;
    if (change->auth->role < KN_ROLE_ADMIN
        && g_strcmp0 (change->auth->project_id, change->member_id) != 0) {
        kn_error_public (error, KN_ERROR_FORBIDDEN,
                         "Only the member itself may accept or reject the image.");
        return false;
    }
    return kn_image_member_set_status (db, row->id, change->member_id, change->status, error)
           && keep_result (db, row, change, error);
}

static bool
txn_member_delete (KnDb *db, gpointer data, GError **error)
{
    MemberChange *change = data;
    g_autoptr (KnImageRow) row = load_managed (db, change, error);
    bool found = false;

    if (!row || !kn_image_member_delete (db, row->id, change->member_id, &found, error))
        return false;
    if (!found)
        kn_error_public (error, KN_ERROR_NOT_FOUND, "Image %s has no such member.", row->id);
    return found;
}

static bool
run_change (KnRequest *req, KnTxnFn fn, MemberChange *change, GError **error)
{
    KnDb *db = db_of (req, error);

    change->auth = kn_request_auth (req);
    change->image_id = kn_request_param (req, "id");
    if (db && kn_db_txn (db, fn, change, error))
        return true;
    g_clear_pointer (&change->result, kn_image_member_free);
    return false;
}

static bool
reply_change (KnRequest *req, KnTxnFn fn, MemberChange *change, GError **error)
{
    if (!run_change (req, fn, change, error))
        return false;
    g_autoptr (KnImageMember) member = change->result;
    reply_member (req, member);
    return true;
}

bool
kn_image_api_member_create (KnRequest *req, GError **error)
{
    const json_t *json = kn_request_json (req, error);
    MemberBody body = { 0 };

    if (!json || !kn_json_read (json, "body", &create_shape, &body, error))
        return false;
    return reply_change (req, txn_member_create, &(MemberChange){ .member_id = body.member },
                         error);
}

bool
kn_image_api_member_update (KnRequest *req, GError **error)
{
    static const char *const statuses[] = { "pending", "accepted", "rejected", NULL };
    const json_t *json = kn_request_json (req, error);
    MemberBody body = { 0 };

    if (!json || !kn_json_read (json, "body", &update_shape, &body, error))
        return false;
    if (!g_strv_contains (statuses, body.status)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "The status of a member is pending, accepted or rejected.");
        return false;
    }
    return reply_change (
        req, txn_member_update,
        &(MemberChange){ .member_id = kn_request_param (req, "member"), .status = body.status },
        error);
}

bool
kn_image_api_member_delete (KnRequest *req, GError **error)
{
    MemberChange change = { .member_id = kn_request_param (req, "member") };

    if (!run_change (req, txn_member_delete, &change, error))
        return false;
    kn_request_reply_empty (req, 204);
    return true;
}
