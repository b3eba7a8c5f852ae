/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of what is known of guests' clocks. */
#pragma once

#include "compute/skew.h"
#include "db/db.h"

/* So many earlier words are kept of one server. */
#define KN_SKEW_HISTORY_MAX 50

/* The latest word on @server; NULL without error: it was never measured. */
KnSkew *kn_store_skew_find (KnDb *db, const char *server, GError **error);

/* Stores @skew as the latest word, and in the history if it says something new. Fills .since_us, and zone and operating
 * system from before where @skew has none. */
bool kn_store_skew_put (KnDb *db, const char *server, KnSkew *skew, GError **error);

/* Calls @visit for each word that was new, latest first. */
bool kn_store_skew_each_earlier (KnDb *db, const char *server,
                                 void (*visit) (const KnSkew *skew, gpointer data), gpointer data,
                                 GError **error);

/* A server that could be measured. */
typedef struct {
    char *server, *host;
    KnSkewWhy why; /* of the last time */
    gint64 measured_us, since_us, os_asked_us;
} KnSkewTarget;
void kn_skew_target_free (KnSkewTarget *target);

/* Servers that run and that nobody works on; @server NULL: all. Array of KnSkewTarget. */
GPtrArray *kn_store_skew_list_targets (KnDb *db, const char *server, GError **error);

/* Drops what is stored of servers that are gone. */
bool kn_store_skew_prune (KnDb *db, GError **error);

/* Servers that are there by verdict; those that do not run count as unknown. */
bool kn_store_skew_count (KnDb *db, gint64 out_counts[KN_SKEW_VERDICT_N], GError **error);

/* Calls @visit for at most @limit servers that run and whose skew is known, the farthest off first. */
bool kn_store_skew_each_known (KnDb *db, guint limit,
                               void (*visit) (const char *server, gint64 skew_ms, gpointer data),
                               gpointer data, GError **error);
