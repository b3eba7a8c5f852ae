/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas: limits of a project, and what it uses. */
#include "network/resource_api.h"

#include <string.h>

#include "base/error.h"

#define LIMIT_MAX G_MAXINT32

/* A limit of -1 is none. */
static const struct {
    const char *resource;
    gint64 limit;
} defaults[] = {
    { "network", 100 }, { "port", 500 }, { "security_group", 10 }, { "security_group_rule", 100 },
    { "subnet", 100 },
};

static KnDb *
db_of (KnRequest *req, GError **error)
{
    const KnNetworks *networks = kn_request_service (req);

    return kn_db_thread (networks->options.db, error);
}

static bool
load_limit (KnDb *db, const char *project_id, gsize i, gint64 *out_limit, GError **error)
{
    g_autoptr (GError) local = NULL;

    if (!kn_store_net_quota_find (db, project_id, defaults[i].resource, out_limit, &local)) {
        if (local != NULL) {
            g_propagate_error (error, g_steal_pointer (&local));
            return false;
        }
        *out_limit = defaults[i].limit;
    }
    return true;
}

bool
kn_net_quota_check (KnDb *db, const char *project_id, const char *resource, guint n, GError **error)
{
    gint64 limit = -1, used = 0;

    for (gsize i = 0; i < G_N_ELEMENTS (defaults); i++)
        if (strcmp (defaults[i].resource, resource) == 0
            && !load_limit (db, project_id, i, &limit, error))
            return false;
    if (limit < 0)
        return true;
    if (!kn_store_net_quota_count (db, project_id, resource, &used, error))
        return false;
    if (used + n <= limit)
        return true;
    kn_error_public_type (error, KN_ERROR_OVER_QUOTA, "OverQuota",
                          "Quota exceeded for resources: ['%s']. The limit is %d, %d are in use.",
                          resource, (int)limit, (int)used);
    return false;
}

static bool
write_limits (KnDb *db, const char *project_id, bool with_use, KnJw *w, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS (defaults); i++) {
        gint64 limit = defaults[i].limit, used = 0;

        if (project_id != NULL && !load_limit (db, project_id, i, &limit, error))
            return false;
        if (!with_use) {
            kn_jw_int_member (w, defaults[i].resource, limit);
            continue;
        }
        if (!kn_store_net_quota_count (db, project_id, defaults[i].resource, &used, error))
            return false;
        kn_jw_object_member (w, defaults[i].resource);
        kn_jw_int_member (w, "limit", limit);
        kn_jw_int_member (w, "used", used);
        kn_jw_int_member (w, "reserved", 0);
        kn_jw_end (w);
    }
    return true;
}

/* Others' quotas are for administrators. */
static bool
check_project (const KnRequest *req, const char *project_id, GError **error)
{
    if (kn_request_is_admin (req) || g_strcmp0 (project_id, kn_request_auth (req)->project_id) == 0)
        return true;
    kn_error_public_type (error, KN_ERROR_FORBIDDEN, "AdminRequired",
                          "Only administrators see the quota of another project.");
    return false;
}

static bool
reply_quota (KnRequest *req, const char *project_id, bool with_use, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    KnDb *db = db_of (req, error);

    if (db == NULL)
        return false;
    kn_jw_object (w);
    kn_jw_object_member (w, "quota");
    if (!write_limits (db, project_id, with_use, w, error))
        return false;
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

bool
kn_net_quota_list (KnRequest *req, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    g_autoptr (GPtrArray) projects = NULL;
    KnDb *db = db_of (req, error);

    projects = db != NULL ? kn_store_net_quota_projects (db, error) : NULL;
    if (projects == NULL)
        return false;
    kn_jw_object (w);
    kn_jw_array_member (w, "quotas");
    for (guint i = 0; i < projects->len; i++) {
        const char *project_id = g_ptr_array_index (projects, i);

        kn_jw_object (w);
        kn_jw_string_member (w, "project_id", project_id);
        kn_jw_string_member (w, "tenant_id", project_id);
        if (!write_limits (db, project_id, false, w, error))
            return false;
        kn_jw_end (w);
    }
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

/* Which project the token is for. */
bool
kn_net_quota_tenant (KnRequest *req, GError **error)
{
    const char *project_id = kn_request_auth (req)->project_id;
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_object_member (w, "tenant");
    kn_jw_string_member (w, "tenant_id", project_id);
    kn_jw_string_member (w, "project_id", project_id);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

bool
kn_net_quota_show (KnRequest *req, GError **error)
{
    const char *project_id = kn_request_param (req, "id");

    return check_project (req, project_id, error) && reply_quota (req, project_id, false, error);
}

bool
kn_net_quota_defaults (KnRequest *req, GError **error)
{
    return check_project (req, kn_request_param (req, "id"), error)
           && reply_quota (req, NULL, false, error);
}

bool
kn_net_quota_details (KnRequest *req, GError **error)
{
    const char *project_id = kn_request_param (req, "id");

    return check_project (req, project_id, error) && reply_quota (req, project_id, true, error);
}

typedef struct {
    const char *project_id;
    const json_t *quota;
} KnQuotaChange;

static bool
is_known (const char *resource)
{
    for (gsize i = 0; i < G_N_ELEMENTS (defaults); i++)
        if (strcmp (defaults[i].resource, resource) == 0)
            return true;
    return false;
}

static bool
update_txn (KnDb *db, gpointer data, GError **error)
{
    const KnQuotaChange *change = data;
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)change->quota, key, value) {
        json_int_t limit = json_integer_value (value);

        /* Clients send the project along. */
        if (strcmp (key, "tenant_id") == 0 || strcmp (key, "project_id") == 0)
            continue;
        if (!is_known (key) || !json_is_integer (value) || limit < -1 || limit > LIMIT_MAX) {
            kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "HTTPBadRequest",
                                  "'%s' is not a quota, or its value is not a number from -1 "
                                  "(no limit) to %d.",
                                  key, LIMIT_MAX);
            return false;
        }
        if (!kn_store_net_quota_set (db, change->project_id, key, limit, error))
            return false;
    }
    return true;
}

bool
kn_net_quota_update (KnRequest *req, GError **error)
{
    KnQuotaChange change = { .project_id = kn_request_param (req, "id") };
    const json_t *json = kn_request_json (req, error);
    KnDb *db;

    change.quota = json != NULL ? kn_json_unwrap (json, "quota", error) : NULL;
    db = change.quota != NULL ? db_of (req, error) : NULL;
    return db != NULL && kn_db_txn (db, update_txn, &change, error)
           && reply_quota (req, change.project_id, false, error);
}

bool
kn_net_quota_delete (KnRequest *req, GError **error)
{
    const char *project_id = kn_request_param (req, "id");
    KnDb *db = db_of (req, error);
    gint64 n = 0;

    if (db == NULL || !kn_store_net_quota_reset (db, project_id, &n, error))
        return false;
    if (n == 0) {
        kn_error_public_type (error, KN_ERROR_NOT_FOUND, "TenantQuotaNotFound",
                              "No quota was set for project %s.", project_id);
        return false;
    }
    kn_request_reply_empty (req, 204);
    return true;
}
