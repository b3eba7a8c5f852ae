/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers: dashed UUIDs, 32-digit ones for projects and users, request ids. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* A new random UUID "6c1a5f0e-…"; caller frees. */
char *kn_id_uuid (void);

/* A new id of 32 hex digits, as Identity uses for projects and users; caller frees. */
char *kn_id_hex32 (void);

/* A new request id "req-<uuid>"; caller frees. */
char *kn_id_request (void);

/* A UUID that is always the same for @name (RFC 4122 version 5 in our own namespace); caller frees. */
char *kn_id_from_name (const char *name);

/* Whether @text is a UUID with dashes / 32 hex digits, upper or lower case. */
bool kn_id_is_uuid (const char *text);
bool kn_id_is_hex32 (const char *text);
