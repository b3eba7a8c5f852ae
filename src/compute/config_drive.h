/* SPDX-License-Identifier: Apache-2.0 */
/* The config drive: an ISO image labelled config-2 that cloud-init and cloudbase-init read. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* What is written. Borrowed. */
typedef struct {
    const char *uuid, *name, *hostname, *project_id, *zone;
    gint64 launch_index;
    const char *key_name, *key_type, *public_key; /* NULL: no key */
    const char *admin_pass;                       /* NULL: none */
    const char *user_data;                        /* base64, NULL: none */
    const char *kms_host;                         /* HOST[:PORT], NULL: none */
    char *const *ntp;                             /* addresses; NULL: none */
    GHashTable *metadata;                         /* the user's; NULL: none */
    const GPtrArray *ports;                       /* of KnPort */
} KnConfigDrive;

/* Whether @text is empty or HOST[:PORT], as cloudbase-init splits it at colons. Errors: BAD_REQUEST. */
bool kn_config_drive_check_kms_host (const char *text, GError **error);

/* The bytes of the image. NULL on error. Unref the result. */
GBytes *kn_config_drive_new (const KnConfigDrive *drive, GError **error);

/* openstack/latest/meta_data.json, network_data.json and vendor_data.json; caller frees. */
char *kn_config_drive_format_metadata (const KnConfigDrive *drive);
char *kn_config_drive_format_network (const KnConfigDrive *drive);
char *kn_config_drive_format_vendor (const KnConfigDrive *drive);
