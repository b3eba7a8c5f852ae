/* SPDX-License-Identifier: Apache-2.0 */
/* Quota sets, quota classes and limits. */
#include "base/error.h"
#include "base/util.h"
#include "compute/compute_priv.h"
#include "compute/quota_store.h"

#include <string.h>

#define LIMIT_MAX ((gint64)G_MAXINT32)

typedef struct {
    gint64 limits[KN_QUOTA_N];
    bool force;
    const char *tenant_id;
    guint64 present; /* bit i: limits[i] was given */
} QuotaSpec;

/* In the order of KnQuota, so that a field's bit is its quota. */
#define LIMIT(NAME, INDEX)                                                                         \
    {                                                                                              \
        NAME, KN_J_INT, offsetof (QuotaSpec, limits) + (INDEX) * sizeof (gint64), -1, LIMIT_MAX,   \
            .flags = KN_J_OPTIONAL | KN_J_LENIENT                                                  \
    }
static const KnJField quota_fields[] = {
    LIMIT ("instances", KN_QUOTA_INSTANCES),
    LIMIT ("cores", KN_QUOTA_CORES),
    LIMIT ("ram", KN_QUOTA_RAM),
    LIMIT ("metadata_items", KN_QUOTA_METADATA_ITEMS),
    LIMIT ("injected_files", KN_QUOTA_INJECTED_FILES),
    LIMIT ("injected_file_content_bytes", KN_QUOTA_INJECTED_FILE_CONTENT_BYTES),
    LIMIT ("injected_file_path_bytes", KN_QUOTA_INJECTED_FILE_PATH_BYTES),
    LIMIT ("key_pairs", KN_QUOTA_KEY_PAIRS),
    LIMIT ("server_groups", KN_QUOTA_SERVER_GROUPS),
    LIMIT ("server_group_members", KN_QUOTA_SERVER_GROUP_MEMBERS),
    LIMIT ("fixed_ips", KN_QUOTA_FIXED_IPS),
    LIMIT ("floating_ips", KN_QUOTA_FLOATING_IPS),
    LIMIT ("security_groups", KN_QUOTA_SECURITY_GROUPS),
    LIMIT ("security_group_rules", KN_QUOTA_SECURITY_GROUP_RULES),
    { "force", KN_J_BOOL, offsetof (QuotaSpec, force), .flags = KN_J_OPTIONAL | KN_J_LENIENT },
    { "tenant_id", KN_J_STRING, offsetof (QuotaSpec, tenant_id), 0, 255, .flags = KN_J_OPTIONAL },
};
static const KnJShape quota_shape
    = { quota_fields, G_N_ELEMENTS (quota_fields), offsetof (QuotaSpec, present), .closed = true };

/* A project's own quotas are for its members, all others for administrators. */
static bool
check_project (const KnRequest *req, GError **error)
{
    const char *own = kn_request_auth (req)->project_id;

    if (kn_request_is_admin (req) || g_strcmp0 (own, kn_request_param (req, "project")) == 0)
        return true;
    kn_error_public (error, KN_ERROR_FORBIDDEN,
                     "Policy doesn't allow you to see the quotas of another project.");
    return false;
}

/* Writes the set @name; @id NULL: without. */
static void
reply_set (KnRequest *req, const char *name, const char *id, const gint64 *limits)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_object_member (w, name);
    if (id)
        kn_jw_string_member (w, "id", id);
    for (guint i = 0; i < KN_QUOTA_N; i++)
        kn_jw_int_member (w, kn_quota_names[i], limits[i]);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
}

static bool
load_for (KnRequest *req, const char *project, gint64 *limits, KnDb **out_db, GError **error)
{
    *out_db = kn_compute_db (kn_compute_of (req), error);
    return *out_db && check_project (req, error)
           && kn_quota_load_limits (*out_db, project, limits, error);
}

static bool
quota_show (KnRequest *req, GError **error)
{
    const char *project = kn_request_param (req, "project");
    gint64 limits[KN_QUOTA_N];
    KnDb *db;

    if (!load_for (req, project, limits, &db, error))
        return false;
    reply_set (req, "quota_set", project, limits);
    return true;
}

static bool
quota_defaults (KnRequest *req, GError **error)
{
    gint64 limits[KN_QUOTA_N];
    KnDb *db;

    if (!load_for (req, NULL, limits, &db, error))
        return false;
    reply_set (req, "quota_set", kn_request_param (req, "project"), limits);
    return true;
}

static void
reply_detail (KnRequest *req, const gint64 *limits, const gint64 *used)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_object_member (w, "quota_set");
    kn_jw_string_member (w, "id", kn_request_param (req, "project"));
    for (guint i = 0; i < KN_QUOTA_N; i++) {
        kn_jw_object_member (w, kn_quota_names[i]);
        kn_jw_int_member (w, "limit", limits[i]);
        kn_jw_int_member (w, "in_use", used[i]);
        kn_jw_int_member (w, "reserved", 0);
        kn_jw_end (w);
    }
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
}

static bool
quota_detail (KnRequest *req, GError **error)
{
    const char *project = kn_request_param (req, "project");
    gint64 limits[KN_QUOTA_N], used[KN_QUOTA_N];
    KnDb *db;

    if (!load_for (req, project, limits, &db, error)
        || !kn_store_quota_usage (db, project, used, error))
        return false;
    reply_detail (req, limits, used);
    return true;
}

static bool
read_spec (KnRequest *req, const char *name, QuotaSpec *spec, GError **error)
{
    const json_t *body = kn_request_json (req, error);
    const json_t *object = body ? kn_json_unwrap (body, name, error) : NULL;

    return object && kn_json_read (object, name, &quota_shape, spec, error);
}

typedef struct {
    const char *owner;
    const QuotaSpec *spec;
    bool is_class;
} Update;

/* A limit below what is in use is a mistake unless it is meant. */
static bool
check_usage (KnDb *db, const Update *update, GError **error)
{
    gint64 used[KN_QUOTA_N];

    if (update->is_class || update->spec->force)
        return true;
    if (!kn_store_quota_usage (db, update->owner, used, error))
        return false;
    for (guint i = 0; i < KN_QUOTA_N; i++)
        if (update->spec->present >> i & 1 && update->spec->limits[i] >= 0
            && update->spec->limits[i] < used[i]) {
            kn_error_public (error, KN_ERROR_BAD_REQUEST,
                             "Quota limit %" G_GINT64_FORMAT
                             " for %s is less than the %" G_GINT64_FORMAT " in use.",
                             update->spec->limits[i], kn_quota_names[i], used[i]);
            return false;
        }
    return true;
}

static bool
update_limits (KnDb *db, gpointer data, GError **error)
{
    const Update *update = data;
    bool good = check_usage (db, update, error);

    for (guint i = 0; good && i < KN_QUOTA_N; i++) {
        if (!(update->spec->present >> i & 1))
            continue;
        good = update->is_class
                   ? kn_store_quota_set_class (db, update->owner, i, update->spec->limits[i], error)
                   : kn_store_quota_set (db, update->owner, i, update->spec->limits[i], error);
    }
    return good;
}

static bool
quota_update (KnRequest *req, GError **error)
{
    QuotaSpec spec = { .force = false };
    const char *project = kn_request_param (req, "project");
    Update update = { .owner = project, .spec = &spec };
    gint64 limits[KN_QUOTA_N];
    KnDb *db = kn_compute_db (kn_compute_of (req), error);

    if (!db || !read_spec (req, "quota_set", &spec, error)
        || !kn_db_txn (db, update_limits, &update, error)
        || !kn_quota_load_limits (db, project, limits, error))
        return false;
    reply_set (req, "quota_set", NULL, limits);
    return true;
}

static bool
quota_delete (KnRequest *req, GError **error)
{
    KnDb *db = kn_compute_db (kn_compute_of (req), error);

    if (!db || !kn_store_quota_delete (db, kn_request_param (req, "project"), error))
        return false;
    kn_request_reply_empty (req, 202);
    return true;
}

/* Only the default class has an effect; others are kept. */
static bool
class_show (KnRequest *req, GError **error)
{
    const char *name = kn_request_param (req, "name");
    gint64 limits[KN_QUOTA_N];
    KnDb *db = kn_compute_db (kn_compute_of (req), error);

    if (!db || !kn_quota_load_limits (db, NULL, limits, error)
        || !kn_store_quota_read_class (db, name, limits, error))
        return false;
    reply_set (req, "quota_class_set", name, limits);
    return true;
}

static bool
class_update (KnRequest *req, GError **error)
{
    QuotaSpec spec = { .force = false };
    const char *name = kn_request_param (req, "name");
    Update update = { .owner = name, .spec = &spec, .is_class = true };
    gint64 limits[KN_QUOTA_N];
    KnDb *db = kn_compute_db (kn_compute_of (req), error);

    if (!db || !read_spec (req, "quota_class_set", &spec, error)
        || !kn_db_txn (db, update_limits, &update, error)
        || !kn_quota_load_limits (db, NULL, limits, error)
        || !kn_store_quota_read_class (db, name, limits, error))
        return false;
    reply_set (req, "quota_class_set", NULL, limits);
    return true;
}

typedef struct {
    const char *name;
    KnQuota quota;
} LimitName;

static const LimitName maximums[] = {
    { "maxTotalInstances", KN_QUOTA_INSTANCES },
    { "maxTotalCores", KN_QUOTA_CORES },
    { "maxTotalRAMSize", KN_QUOTA_RAM },
    { "maxServerMeta", KN_QUOTA_METADATA_ITEMS },
    { "maxImageMeta", KN_QUOTA_METADATA_ITEMS },
    { "maxPersonality", KN_QUOTA_INJECTED_FILES },
    { "maxPersonalitySize", KN_QUOTA_INJECTED_FILE_CONTENT_BYTES },
    { "maxTotalKeypairs", KN_QUOTA_KEY_PAIRS },
    { "maxServerGroups", KN_QUOTA_SERVER_GROUPS },
    { "maxServerGroupMembers", KN_QUOTA_SERVER_GROUP_MEMBERS },
    { "maxTotalFloatingIps", KN_QUOTA_FLOATING_IPS },
    { "maxSecurityGroups", KN_QUOTA_SECURITY_GROUPS },
    { "maxSecurityGroupRules", KN_QUOTA_SECURITY_GROUP_RULES },
};
static const LimitName usages[] = {
    { "totalInstancesUsed", KN_QUOTA_INSTANCES },
    { "totalCoresUsed", KN_QUOTA_CORES },
    { "totalRAMUsed", KN_QUOTA_RAM },
    { "totalServerGroupsUsed", KN_QUOTA_SERVER_GROUPS },
    { "totalFloatingIpsUsed", KN_QUOTA_FLOATING_IPS },
    { "totalSecurityGroupsUsed", KN_QUOTA_SECURITY_GROUPS },
};

static bool
limits_show (KnRequest *req, GError **error)
{
    const char *asked = kn_request_query (req, "tenant_id");
    const char *project
        = asked && kn_request_is_admin (req) ? asked : kn_request_auth (req)->project_id;
    gint64 limits[KN_QUOTA_N], used[KN_QUOTA_N];
    g_autoptr (KnJw) w = kn_jw_new ();
    KnDb *db = kn_compute_db (kn_compute_of (req), error);

    if (!db || !kn_quota_load_limits (db, project, limits, error)
        || !kn_store_quota_usage (db, project, used, error))
        return false;
    kn_jw_object (w);
    kn_jw_object_member (w, "limits");
    kn_jw_array_member (w, "rate");
    kn_jw_end (w);
    kn_jw_object_member (w, "absolute");
    for (gsize i = 0; i < G_N_ELEMENTS (maximums); i++)
        kn_jw_int_member (w, maximums[i].name, limits[maximums[i].quota]);
    for (gsize i = 0; i < G_N_ELEMENTS (usages); i++)
        kn_jw_int_member (w, usages[i].name, used[usages[i].quota]);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static const KnRoute routes_of_quotas[] = {
    { "GET", "/v2.1/limits", limits_show, KN_ROLE_READER, KN_WORKER },
    { "GET", "/v2.1/os-quota-sets/{project}", quota_show, KN_ROLE_READER, KN_WORKER },
    { "GET", "/v2.1/os-quota-sets/{project}/defaults", quota_defaults, KN_ROLE_READER, KN_WORKER },
    { "GET", "/v2.1/os-quota-sets/{project}/detail", quota_detail, KN_ROLE_READER, KN_WORKER },
    { "PUT", "/v2.1/os-quota-sets/{project}", quota_update, KN_ROLE_ADMIN, KN_WORKER, 16 * KIB },
    { "DELETE", "/v2.1/os-quota-sets/{project}", quota_delete, KN_ROLE_ADMIN, KN_WORKER },
    { "GET", "/v2.1/os-quota-class-sets/{name}", class_show, KN_ROLE_ADMIN, KN_WORKER },
    { "PUT", "/v2.1/os-quota-class-sets/{name}", class_update, KN_ROLE_ADMIN, KN_WORKER, 16 * KIB },
};

void
kn_quota_add_routes (GArray *routes)
{
    g_array_append_vals (routes, routes_of_quotas, G_N_ELEMENTS (routes_of_quotas));
}
