/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of quotas, and of what is counted against them. */
#pragma once

#include "compute/quota.h"

typedef enum {
    KN_QUOTA_INSTANCES,
    KN_QUOTA_CORES,
    KN_QUOTA_RAM,
    KN_QUOTA_METADATA_ITEMS,
    KN_QUOTA_INJECTED_FILES,
    KN_QUOTA_INJECTED_FILE_CONTENT_BYTES,
    KN_QUOTA_INJECTED_FILE_PATH_BYTES,
    KN_QUOTA_KEY_PAIRS,
    KN_QUOTA_SERVER_GROUPS,
    KN_QUOTA_SERVER_GROUP_MEMBERS,
    KN_QUOTA_FIXED_IPS,
    KN_QUOTA_FLOATING_IPS,
    KN_QUOTA_SECURITY_GROUPS,
    KN_QUOTA_SECURITY_GROUP_RULES,
    KN_QUOTA_N
} KnQuota;

extern const char *const kn_quota_names[KN_QUOTA_N];

/* The limits of a project; of new projects with @project_id NULL. -1: none. */
bool kn_quota_load_limits (KnDb *db, const char *project_id, gint64 out_limits[KN_QUOTA_N],
                           GError **error);

/* What a project's servers use; what is not counted by project stays 0. */
bool kn_store_quota_usage (KnDb *db, const char *project_id, gint64 out_used[KN_QUOTA_N],
                           GError **error);
bool kn_store_quota_count_keypairs (KnDb *db, const char *user_id, gint64 *out_count,
                                    GError **error);

/* Stored limits; those that are not stored stay as they are in @limits. */
bool kn_store_quota_read (KnDb *db, const char *project_id, gint64 limits[KN_QUOTA_N],
                          GError **error);
bool kn_store_quota_read_class (KnDb *db, const char *name, gint64 limits[KN_QUOTA_N],
                                GError **error);
bool kn_store_quota_set (KnDb *db, const char *project_id, KnQuota quota, gint64 limit,
                         GError **error);
bool kn_store_quota_set_class (KnDb *db, const char *name, KnQuota quota, gint64 limit,
                               GError **error);
bool kn_store_quota_delete (KnDb *db, const char *project_id, GError **error);
