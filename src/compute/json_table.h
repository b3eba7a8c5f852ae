/* SPDX-License-Identifier: Apache-2.0 */
/* String tables as JSON text, for columns that hold one. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* {"key": "value"} in the order of its keys; NULL counts as empty. Caller frees. */
char *kn_json_table_format (GHashTable *values);

/* The other way round; NULL text is an empty table. New reference. Errors: INTERNAL when the text is no object of strings. */
GHashTable *kn_json_table_parse (const char *text, GError **error);
