/* SPDX-License-Identifier: Apache-2.0 */
/* The command line as a client of the API, of any cloud: OS_* variables or clouds.yaml, a token, the catalog. */
#pragma once

#include "json/read.h"

typedef struct KnClient KnClient;

/* @cloud names an entry of clouds.yaml; NULL: OS_CLOUD, otherwise the OS_* variables. Logs in at the first call.
 * Errors: BAD_REQUEST saying what is missing. */
KnClient *kn_client_new (const char *cloud, GError **error);
void kn_client_free (KnClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnClient, kn_client_free)

/* Calls @path below the endpoint of @service ("compute"). @body NULL: none. *@out_body (may be NULL) is the answer, NULL if it is
 * empty; json_decref. Errors: what the API said, by status; UNAVAILABLE if it cannot be reached. */
bool kn_client_call (KnClient *client, const char *method, const char *service, const char *path,
                     const json_t *body, json_t **out_body, GError **error);

/* The id of the server (image) that has @name as id or, if there is one only, as name. Caller frees. Errors: NOT_FOUND, CONFLICT listing ids. */
char *kn_client_load_server_id (KnClient *client, const char *name, GError **error);
char *kn_client_load_image_id (KnClient *client, const char *name, GError **error);
