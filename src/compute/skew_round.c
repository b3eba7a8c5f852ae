/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds over all guests: a few threads ask, one stores. */
#include "compute/skew_round.h"

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"

#define BATCH 64
#define PAUSE_MAX_US (3600 * (gint64)G_USEC_PER_SEC)
#define OS_AGE_US (24 * 3600 * (gint64)G_USEC_PER_SEC)
#define PENDING_MAX 10000

/* ---- asking ---- */

typedef struct {
    const KnSkewTarget *target;
    KnSkew *skew;
} Result;

typedef struct {
    const KnSkewPlan *plan;
    const int *stop;
    GMutex lock; /* of the two queues */
    GQueue quick, slow;
    GAsyncQueue *results;
} Round;

typedef struct {
    Round *round;
    bool patient; /* begins with those that were silent */
} Asker;

static void
result_free (Result *result)
{
    kn_skew_free (result->skew);
    g_free (result);
}

static bool
stopped (const int *stop)
{
    return stop != NULL && g_atomic_int_get (stop) != 0;
}

static const KnSkewTarget *
take (Round *round, bool patient)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&round->lock);
    GQueue *first = patient ? &round->slow : &round->quick;
    GQueue *second = patient ? &round->quick : &round->slow;

    if (stopped (round->stop))
        return NULL;
    return g_queue_pop_head (g_queue_is_empty (first) ? second : first);
}

static KnSkew *
ask (const KnSkewPlan *plan, const KnSkewTarget *target)
{
    bool with_os = kn_time_now () - target->os_asked_us > OS_AGE_US;

    return kn_skew_ask (&plan->ops, target->host, target->server, with_os);
}

static gpointer
run_asker (gpointer data)
{
    const Asker *asker = data;
    Round *round = asker->round;
    const KnSkewTarget *target;

    while ((target = take (round, asker->patient)) != NULL) {
        Result *result = g_new (Result, 1);

        *result = (Result){ target, ask (round->plan, target) };
        g_async_queue_push (round->results, result);
    }
    /* The end of this thread's results. */
    g_async_queue_push (round->results, g_new0 (Result, 1));
    return NULL;
}

/* ---- storing ---- */

static void
tell (const char *server, const KnSkew *skew)
{
    g_autofree char *size = kn_skew_format (skew->skew_ms);

    if (skew->verdict >= KN_SKEW_KERBEROS && skew->since_us == skew->measured_us)
        kn_log (KN_LOG_WARNING, "a guest's clock is wrong", "server", server, "skew", size,
                "verdict", kn_skew_verdict_name (skew->verdict), NULL);
}

static bool
store_txn (KnDb *db, gpointer data, GError **error)
{
    const GPtrArray *batch = data;

    for (guint i = 0; i < batch->len; i++) {
        const Result *result = batch->pdata[i];

        if (!kn_store_skew_put (db, result->target->server, result->skew, error))
            return false;
    }
    return true;
}

static bool
store (const KnSkewPlan *plan, KnDb *db, GPtrArray *batch, GError **error)
{
    for (guint i = 0; plan->refine != NULL && i < batch->len; i++) {
        const Result *result = batch->pdata[i];

        plan->refine (plan->data, db, result->target->server, result->skew);
    }
    if (!kn_db_txn (db, store_txn, batch, error))
        return false;
    for (guint i = 0; i < batch->len; i++) {
        const Result *result = batch->pdata[i];

        tell (result->target->server, result->skew);
    }
    g_ptr_array_set_size (batch, 0);
    return true;
}

/* Takes what the askers give until all of them have ended. After an error the rest is dropped. */
static bool
collect (Round *round, guint n_askers, KnDb *db, GError **error)
{
    g_autoptr (GPtrArray) batch = g_ptr_array_new_with_free_func ((GDestroyNotify)result_free);
    bool good = true;

    while (n_askers > 0) {
        Result *result = g_async_queue_pop (round->results);

        if (result->target != NULL) {
            g_ptr_array_add (batch, result);
        } else {
            result_free (result);
            n_askers--;
        }
        if (batch->len < BATCH && g_async_queue_length (round->results) > 0)
            continue;
        good = good && (batch->len == 0 || store (round->plan, db, batch, error));
        g_ptr_array_set_size (batch, 0);
    }
    return good;
}

bool
kn_skew_round (const KnSkewPlan *plan, const GPtrArray *targets, const int *stop, GError **error)
{
    Round round = { .plan = plan, .stop = stop };
    Asker askers[KN_SKEW_THREADS];
    GThread *threads[KN_SKEW_THREADS];
    guint n = MIN (KN_SKEW_THREADS, targets->len);
    KnDb *db = kn_db_thread (plan->db, error);
    bool good;

    if (db == NULL)
        return false;
    g_mutex_init (&round.lock);
    round.results = g_async_queue_new_full ((GDestroyNotify)result_free);
    for (guint i = 0; i < targets->len; i++) {
        KnSkewTarget *target = targets->pdata[i];

        g_queue_push_tail (target->why == KN_SKEW_WHY_SILENT ? &round.slow : &round.quick, target);
    }
    for (guint i = 0; i < n; i++) {
        askers[i] = (Asker){ &round, i == 0 };
        threads[i] = g_thread_new ("skew", run_asker, &askers[i]);
    }
    good = collect (&round, n, db, error);
    for (guint i = 0; i < n; i++)
        (void)g_thread_join (threads[i]);
    g_queue_clear (&round.quick);
    g_queue_clear (&round.slow);
    g_async_queue_unref (round.results);
    g_mutex_clear (&round.lock);
    return good;
}

KnSkew *
kn_skew_measure (const KnSkewPlan *plan, KnDb *db, const KnSkewTarget *target, GError **error)
{
    g_autoptr (KnSkew) skew = ask (plan, target);

    if (plan->refine != NULL)
        plan->refine (plan->data, db, target->server, skew);
    return kn_store_skew_put (db, target->server, skew, error) ? g_steal_pointer (&skew) : NULL;
}

/* ---- now and then ---- */

struct KnSkewRounds {
    KnSkewPlan plan;
    GThread *thread;
    int stop;
    GMutex lock; /* of .pending */
    GCond changed;
    GHashTable *pending; /* servers whose agent has come */
};

bool
kn_skew_is_due (const KnSkewTarget *target, guint interval_s, gint64 now_us)
{
    gint64 interval_us = interval_s * (gint64)G_USEC_PER_SEC;
    gint64 pause_us = interval_us / 2; /* another controller may have asked meanwhile */

    if (target->measured_us == 0)
        return true;
    /* As long again as it has been silent. */
    if (target->why == KN_SKEW_WHY_SILENT)
        pause_us = CLAMP (target->measured_us - target->since_us, pause_us,
                          MAX (pause_us, PAUSE_MAX_US));
    return now_us - target->measured_us >= pause_us;
}

static bool
is_ours (const KnSkewPlan *plan, const KnSkewTarget *target)
{
    return plan->ops.serves == NULL || plan->ops.serves (plan->ops.data, target->host);
}

/* Keeps those whose turn it is; a host that is not ours has another controller. */
static void
keep_due (const KnSkewPlan *plan, GPtrArray *targets)
{
    gint64 now_us = kn_time_now ();

    for (guint i = targets->len; i-- > 0;) {
        const KnSkewTarget *target = targets->pdata[i];

        if (!is_ours (plan, target) || !kn_skew_is_due (target, plan->interval_s, now_us))
            g_ptr_array_remove_index (targets, i);
    }
}

static bool
measure_all (KnSkewRounds *rounds, GError **error)
{
    KnDb *db = kn_db_thread (rounds->plan.db, error);
    g_autoptr (GPtrArray) targets = NULL;

    if (db == NULL || !kn_store_skew_prune (db, error))
        return false;
    targets = kn_store_skew_list_targets (db, NULL, error);
    if (targets == NULL)
        return false;
    keep_due (&rounds->plan, targets);
    return targets->len == 0 || kn_skew_round (&rounds->plan, targets, &rounds->stop, error);
}

static bool
measure_some (KnSkewRounds *rounds, GHashTable *servers, GError **error)
{
    KnDb *db = kn_db_thread (rounds->plan.db, error);
    g_autoptr (GPtrArray) targets
        = db != NULL ? kn_store_skew_list_targets (db, NULL, error) : NULL;

    if (targets == NULL)
        return false;
    for (guint i = targets->len; i-- > 0;) {
        const KnSkewTarget *target = targets->pdata[i];

        if (!is_ours (&rounds->plan, target) || !g_hash_table_contains (servers, target->server))
            g_ptr_array_remove_index (targets, i);
    }
    return targets->len == 0 || kn_skew_round (&rounds->plan, targets, &rounds->stop, error);
}

/* Waits for the next round (NULL) or for servers to be asked before it (new reference). */
static GHashTable *
wait_for_work (KnSkewRounds *rounds, gint64 next_us)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&rounds->lock);

    while (!stopped (&rounds->stop) && g_hash_table_size (rounds->pending) == 0
           && g_get_monotonic_time () < next_us)
        (void)g_cond_wait_until (&rounds->changed, &rounds->lock, next_us);
    if (g_hash_table_size (rounds->pending) == 0)
        return NULL;
    GHashTable *servers = rounds->pending;
    rounds->pending = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
    return servers;
}

static void
work (KnSkewRounds *rounds, GHashTable *servers)
{
    g_autoptr (GError) error = NULL;
    bool good
        = servers != NULL ? measure_some (rounds, servers, &error) : measure_all (rounds, &error);

    if (!good)
        kn_log (KN_LOG_WARNING, "cannot measure the guests' clocks", "why", error->message, NULL);
    if (servers == NULL && rounds->plan.after != NULL)
        rounds->plan.after (rounds->plan.data);
}

static gpointer
run_rounds (gpointer data)
{
    KnSkewRounds *rounds = data;
    gint64 interval_us = rounds->plan.interval_s * (gint64)G_USEC_PER_SEC;
    gint64 next_us = interval_us > 0 ? g_get_monotonic_time () : G_MAXINT64;
    KnDb *db = kn_db_thread (rounds->plan.db, NULL);

    /* What a power cut loses is measured again. */
    if (db != NULL)
        (void)kn_db_relax (db, NULL);
    while (!stopped (&rounds->stop)) {
        g_autoptr (GHashTable) servers = wait_for_work (rounds, next_us);

        if (stopped (&rounds->stop))
            break;
        work (rounds, servers);
        if (servers == NULL)
            next_us = g_get_monotonic_time () + interval_us;
    }
    return NULL;
}

KnSkewRounds *
kn_skew_rounds_new (const KnSkewPlan *plan)
{
    KnSkewRounds *rounds = g_new0 (KnSkewRounds, 1);

    rounds->plan = *plan;
    g_mutex_init (&rounds->lock);
    g_cond_init (&rounds->changed);
    rounds->pending = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
    rounds->thread = g_thread_new ("skews", run_rounds, rounds);
    return rounds;
}

void
kn_skew_rounds_free (KnSkewRounds *rounds)
{
    if (rounds == NULL)
        return;
    g_mutex_lock (&rounds->lock);
    g_atomic_int_set (&rounds->stop, 1);
    g_cond_broadcast (&rounds->changed);
    g_mutex_unlock (&rounds->lock);
    (void)g_thread_join (rounds->thread);
    g_hash_table_unref (rounds->pending);
    g_mutex_clear (&rounds->lock);
    g_cond_clear (&rounds->changed);
    g_free (rounds);
}

void
kn_skew_rounds_wake (KnSkewRounds *rounds, const char *server)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&rounds->lock);

    if (g_hash_table_size (rounds->pending) >= PENDING_MAX)
        return;
    g_hash_table_add (rounds->pending, g_strdup (server));
    g_cond_broadcast (&rounds->changed);
}
