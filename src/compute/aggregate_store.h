/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of aggregates: named groups of hosts with metadata. */
#pragma once

#include "db/db.h"

typedef struct {
    gint64 id;
    char *name, *created_at, *updated_at;
    GPtrArray *hosts;     /* char * */
    GHashTable *metadata; /* char * -> char * */
} KnAggregate;
void kn_aggregate_free (KnAggregate *aggregate);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnAggregate, kn_aggregate_free)

/* KnAggregate *, by id. */
GPtrArray *kn_store_aggregate_list (KnDb *db, GError **error);
/* NULL without error if there is none. */
KnAggregate *kn_store_aggregate_find (KnDb *db, gint64 id, GError **error);
/* Errors: CONFLICT for a taken name. */
bool kn_store_aggregate_insert (KnDb *db, const char *name, gint64 *out_id, GError **error);
bool kn_store_aggregate_rename (KnDb *db, gint64 id, const char *name, GError **error);
/* Errors: IN_USE while hosts are in it. */
bool kn_store_aggregate_delete (KnDb *db, gint64 id, GError **error);
/* Errors: CONFLICT. */
bool kn_store_aggregate_add_host (KnDb *db, gint64 id, const char *host, GError **error);
bool kn_store_aggregate_remove_host (KnDb *db, gint64 id, const char *host, bool *out_was,
                                     GError **error);
/* @value NULL: removes the key. */
bool kn_store_aggregate_set_metadata (KnDb *db, gint64 id, const char *key, const char *value,
                                      GError **error);
