/* SPDX-License-Identifier: Apache-2.0 */
/* Where the cloud is and who we are: the OS_* variables or an entry of clouds.yaml. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    char *auth_url, *username, *user_id, *password, *token;
    char *project_name, *project_id;
    char *user_domain_name, *user_domain_id, *project_domain_name, *project_domain_id;
    char *region_name, *interface, *cacert;
    char *verify; /* a boolean; NULL: true */
} KnClientSettings;

/* Errors: BAD_REQUEST, NOT_FOUND saying where it was looked for. Free what was filled with kn_client_settings_clear(). */
bool kn_client_settings_load (const char *cloud, KnClientSettings *out_settings, GError **error);
void kn_client_settings_clear (KnClientSettings *settings);
bool kn_client_settings_verify (const KnClientSettings *settings);
