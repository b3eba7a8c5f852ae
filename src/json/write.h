/* SPDX-License-Identifier: Apache-2.0 */
/* JSON out: an append-only writer. Commas are its business; nesting is checked by assertions. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct KnJw KnJw;

KnJw *kn_jw_new (void);
void kn_jw_free (KnJw *w);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnJw, kn_jw_free)

/* Ends the writer and returns its bytes (g_free). */
char *kn_jw_finish (KnJw *w, gsize *out_len);

void kn_jw_object (KnJw *w);               /* { as a value */
void kn_jw_array (KnJw *w);                /* [ as a value */
void kn_jw_end (KnJw *w);                  /* } or ], whatever is open */
void kn_jw_key (KnJw *w, const char *key); /* inside an object, before a value */

/* Values. A NULL string becomes null. Strings must be UTF-8; bytes that are not become U+FFFD. */
void kn_jw_string (KnJw *w, const char *value);
void kn_jw_int (KnJw *w, gint64 value);
void kn_jw_bool (KnJw *w, bool value);
void kn_jw_double (KnJw *w, double value);
void kn_jw_null (KnJw *w);
void kn_jw_raw (KnJw *w, const char *json); /* text that is JSON already */

/* Members: key and value in one. */
void kn_jw_object_member (KnJw *w, const char *key);
void kn_jw_array_member (KnJw *w, const char *key);
void kn_jw_string_member (KnJw *w, const char *key, const char *value);
void kn_jw_int_member (KnJw *w, const char *key, gint64 value);
void kn_jw_bool_member (KnJw *w, const char *key, bool value);
void kn_jw_null_member (KnJw *w, const char *key);
void kn_jw_raw_member (KnJw *w, const char *key, const char *json);
/* @time is the database's text or NULL; written in Compute's form …Z, or null. */
void kn_jw_time_member (KnJw *w, const char *key, const char *db_time);
/* A member whose value is a formatted string (URLs). */
void kn_jw_format_member (KnJw *w, const char *key, const char *format, ...) G_GNUC_PRINTF (3, 4);
