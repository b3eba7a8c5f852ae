/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas: what is allowed by default, and the checks. */
#include "compute/quota.h"

#include "base/error.h"
#include "compute/quota_store.h"

#include <string.h>

#define DEFAULT_CLASS "default"

const char *const kn_quota_names[KN_QUOTA_N] = {
    [KN_QUOTA_INSTANCES] = "instances",
    [KN_QUOTA_CORES] = "cores",
    [KN_QUOTA_RAM] = "ram",
    [KN_QUOTA_METADATA_ITEMS] = "metadata_items",
    [KN_QUOTA_INJECTED_FILES] = "injected_files",
    [KN_QUOTA_INJECTED_FILE_CONTENT_BYTES] = "injected_file_content_bytes",
    [KN_QUOTA_INJECTED_FILE_PATH_BYTES] = "injected_file_path_bytes",
    [KN_QUOTA_KEY_PAIRS] = "key_pairs",
    [KN_QUOTA_SERVER_GROUPS] = "server_groups",
    [KN_QUOTA_SERVER_GROUP_MEMBERS] = "server_group_members",
    [KN_QUOTA_FIXED_IPS] = "fixed_ips",
    [KN_QUOTA_FLOATING_IPS] = "floating_ips",
    [KN_QUOTA_SECURITY_GROUPS] = "security_groups",
    [KN_QUOTA_SECURITY_GROUP_RULES] = "security_group_rules",
};

/* Nova's figures. What the network counts has no limit here: its own quotas hold. */
static const gint64 default_limits[KN_QUOTA_N] = {
    [KN_QUOTA_INSTANCES] = 10,
    [KN_QUOTA_CORES] = 20,
    [KN_QUOTA_RAM] = 51200,
    [KN_QUOTA_METADATA_ITEMS] = 128,
    [KN_QUOTA_INJECTED_FILES] = 5,
    [KN_QUOTA_INJECTED_FILE_CONTENT_BYTES] = 10240,
    [KN_QUOTA_INJECTED_FILE_PATH_BYTES] = 255,
    [KN_QUOTA_KEY_PAIRS] = 100,
    [KN_QUOTA_SERVER_GROUPS] = 10,
    [KN_QUOTA_SERVER_GROUP_MEMBERS] = 10,
    [KN_QUOTA_FIXED_IPS] = -1,
    [KN_QUOTA_FLOATING_IPS] = -1,
    [KN_QUOTA_SECURITY_GROUPS] = -1,
    [KN_QUOTA_SECURITY_GROUP_RULES] = -1,
};

bool
kn_quota_load_limits (KnDb *db, const char *project_id, gint64 out_limits[KN_QUOTA_N],
                      GError **error)
{
    memcpy (out_limits, default_limits, sizeof default_limits);
    return kn_store_quota_read_class (db, DEFAULT_CLASS, out_limits, error)
           && (!project_id || kn_store_quota_read (db, project_id, out_limits, error));
}

bool
kn_quota_load_limit (KnDb *db, const char *project_id, const char *resource, gint64 *out_limit,
                     GError **error)
{
    gint64 limits[KN_QUOTA_N];

    if (!kn_quota_load_limits (db, project_id, limits, error))
        return false;
    for (guint i = 0; i < KN_QUOTA_N; i++)
        if (strcmp (resource, kn_quota_names[i]) == 0) {
            *out_limit = limits[i];
            return true;
        }
    kn_error_set (error, KN_ERROR_INTERNAL, "there is no quota '%s'", resource);
    return false;
}

static void
append_excess (GString *text, const char *name, gint64 wanted, gint64 used, gint64 limit)
{
    g_string_append_printf (text,
                            "%s%s (asked for %" G_GINT64_FORMAT ", in use %" G_GINT64_FORMAT
                            " of %" G_GINT64_FORMAT ")",
                            text->len ? ", " : "", name, wanted, used, limit);
}

bool
kn_quota_check_servers (KnDb *db, const char *project_id, gint64 servers, gint64 cores,
                        gint64 ram_mib, GError **error)
{
    const gint64 wanted[KN_QUOTA_N] = {
        [KN_QUOTA_INSTANCES] = servers,
        [KN_QUOTA_CORES] = cores,
        [KN_QUOTA_RAM] = ram_mib,
    };
    gint64 limits[KN_QUOTA_N], used[KN_QUOTA_N];
    g_autoptr (GString) excess = g_string_new (NULL);

    if (!kn_quota_load_limits (db, project_id, limits, error)
        || !kn_store_quota_usage (db, project_id, used, error))
        return false;
    for (guint i = 0; i < KN_QUOTA_N; i++)
        if (wanted[i] > 0 && limits[i] >= 0 && used[i] + wanted[i] > limits[i])
            append_excess (excess, kn_quota_names[i], wanted[i], used[i], limits[i]);
    if (excess->len)
        kn_error_public (error, KN_ERROR_OVER_QUOTA, "Quota exceeded for %s.", excess->str);
    return excess->len == 0;
}

bool
kn_quota_check_keypairs (KnDb *db, const char *project_id, const char *user_id, GError **error)
{
    gint64 limit = 0, used = 0;

    if (!kn_quota_load_limit (db, project_id, kn_quota_names[KN_QUOTA_KEY_PAIRS], &limit, error)
        || !kn_store_quota_count_keypairs (db, user_id, &used, error))
        return false;
    if (limit >= 0 && used >= limit) {
        kn_error_public (error, KN_ERROR_OVER_QUOTA,
                         "Quota exceeded, too many key pairs (%" G_GINT64_FORMAT
                         " of %" G_GINT64_FORMAT ").",
                         used, limit);
        return false;
    }
    return true;
}
