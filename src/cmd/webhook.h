/* SPDX-License-Identifier: Apache-2.0 */
/* A notice to somebody's web address. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Posts the JSON text @body to @url (http or https) and waits at most 10 s. Errors: UNAVAILABLE naming the address and what it
 * answered, if not 2xx. Thread-safe. */
bool kn_webhook_post (const char *url, const char *body, GError **error);
