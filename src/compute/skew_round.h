/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring all guests now and then, a few at a time, so that those that hang delay nobody else. */
#pragma once

#include "compute/skew_ask.h"
#include "compute/skew_store.h"

#define KN_SKEW_THREADS 4

typedef struct {
    KnDbPool *db;
    KnSkewOps ops; /* asks guests; any thread */
    /* Makes more of what the agent did not tell, before it is stored (may be NULL). Runs on the round's own thread. */
    void (*refine) (gpointer data, KnDb *db, const char *server, KnSkew *skew);
    /* At the end of each whole round (may be NULL). The same thread. */
    void (*after) (gpointer data);
    gpointer data;    /* of both */
    guint interval_s; /* between rounds; 0: only who is asked for */
} KnSkewPlan;

/* One round: asks @targets (all of them, whenever they were asked last) with KN_SKEW_THREADS threads and stores what they say.
 * One thread sees to those that were silent the last time. Ends early when *@stop (may be NULL) becomes 1. Borrows @targets. */
bool kn_skew_round (const KnSkewPlan *plan, const GPtrArray *targets, const int *stop,
                    GError **error);

/* Whether it is @target's turn at @now_us: a guest that stays silent is asked less and less often, once an hour at last. */
bool kn_skew_is_due (const KnSkewTarget *target, guint interval_s, gint64 now_us);

typedef struct KnSkewRounds KnSkewRounds;

/* A thread that does rounds until it is freed. Copies @plan; what it points to has to outlive the result. */
KnSkewRounds *kn_skew_rounds_new (const KnSkewPlan *plan);
/* Waits for what is under way, a few seconds at most. */
void kn_skew_rounds_free (KnSkewRounds *rounds);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnSkewRounds, kn_skew_rounds_free)

/* Has @server measured soon: its agent has just come. Any thread; returns at once. */
void kn_skew_rounds_wake (KnSkewRounds *rounds, const char *server);

/* Measures @server now and stores it, on the caller's thread. A server that is not running is not asked. */
KnSkew *kn_skew_measure (const KnSkewPlan *plan, KnDb *db, const KnSkewTarget *target,
                         GError **error);
