/* SPDX-License-Identifier: Apache-2.0 */
/* The body of POST /servers as a record: shape and ranges checked, nothing looked up. */
#pragma once

#include "json/read.h"
#include "network/network.h"

#define KN_SERVER_MAX_NICS 32
#define KN_SERVER_MAX_GROUPS 64

typedef struct {
    /* from the document */
    guint64 present;
    const char *name, *image_ref, *admin_pass, *key_name, *user_data, *zone;
    const char *access_ip_v4, *access_ip_v6;
    const json_t *flavor_ref, *metadata_object, *networks, *security_groups, *block_devices,
        *old_block_devices, *personality;
    bool config_drive, return_reservation;
    int disk_config;
    gint64 min_count, max_count;

    /* made from it */
    char *flavor_id, *zone_name, *zone_host; /* zone_host: "nova:HOST" */
    char *address_v4, *address_v6;           /* NULL: none given */
    GHashTable *metadata;                    /* never NULL */
    const char *group_names[KN_SERVER_MAX_GROUPS + 1];
    KnPortWish wishes[KN_SERVER_MAX_NICS];
    guint n_wishes;
} KnServerSpec;

/* Errors (public): BAD_REQUEST naming what is wrong. */
bool kn_server_spec_read (const json_t *body, KnServerSpec *out_spec, GError **error);
void kn_server_spec_clear (KnServerSpec *spec);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KnServerSpec, kn_server_spec_clear)

/* Whether @text is base64 that stands for at most 64 KiB. Errors (public): BAD_REQUEST. */
bool kn_server_check_user_data (const char *text, GError **error);

/* OS-DCF:diskConfig: index 1 is AUTO. */
extern const char *const kn_server_disk_configs[];
