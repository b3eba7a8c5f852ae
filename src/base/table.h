/* SPDX-License-Identifier: Apache-2.0 */
/* Text in columns: for terminals wrapped to their width, for pipes one line a row. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define KN_TABLE_COLUMNS 8

typedef struct KnTable KnTable;

/* @headings: NULL-terminated, at most KN_TABLE_COLUMNS; borrowed. */
KnTable *kn_table_new (const char *const *headings);
void kn_table_free (KnTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnTable, kn_table_free)

/* Adds a row of as many cells as there are headings; the texts are copied, what is not printable becomes '?', NULL is empty. */
void kn_table_add (KnTable *table, const char *const *cells);

/* @width: columns of the terminal, at least 20; 0: lines may be as long as they need. Caller frees. */
char *kn_table_format (const KnTable *table, guint width);
