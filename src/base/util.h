/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers that GLib 2.74 lacks: owned file descriptors, wiped secrets, mutex scopes, sizes, files. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define KIB ((gsize)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* Closes *@fd if it is open; for kn_autofd. */
void kn_fd_clear (int *fd);
#define kn_autofd __attribute__ ((cleanup (kn_fd_clear))) int

/* Wipes and frees a NUL-terminated secret; NULL is fine. */
void kn_secret_free (char *secret);
#define kn_autosecret __attribute__ ((cleanup (kn_secret_clear))) char *
void kn_secret_clear (char **secret);

/* Reads at most @max_bytes of the file @path (NUL-terminated result, caller frees). Errors: NOT_FOUND, TOO_LARGE, INTERNAL. */
char *kn_file_read (const char *path, gsize max_bytes, gsize *out_len, GError **error);

/* Writes @path atomically (temporary file, fsync, rename) with @mode. Errors: NO_SPACE, INTERNAL. */
bool kn_file_write (const char *path, const void *bytes, gsize len, int mode, GError **error);

/* Parses a whole decimal string within [@min, @max]; false leaves *@out_value alone. */
bool kn_parse_int (const char *text, gint64 min, gint64 max, gint64 *out_value);

/* OpenStack's booleans, any case: true 1 t on y yes / false 0 f off n no. False: not one of them. */
bool kn_parse_bool (const char *text, bool *out_value);

/* How many letters have to be put in, taken out, replaced or swapped with their neighbour to make one word of the other (Damerau).
 * Words of more than 63 letters are as far apart as can be. */
guint kn_word_distance (const char *a, const char *b);
