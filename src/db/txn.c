/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions: begin, commit, retry with a bound; the writers' turn. */
#include "db/db_priv.h"

#include "base/error.h"

#define ATTEMPTS_MAX 12
#define RETRY_BUDGET (15 * G_TIME_SPAN_SECOND)
#define WRITER_TIMEOUT (15 * G_TIME_SPAN_SECOND)
#define PAUSE_MAX_US (200 * G_TIME_SPAN_MILLISECOND)

bool
kn_db_writer_lock (KnDb *db, GError **error)
{
    KnDbRegistry *registry = db->registry;
    gint64 deadline = g_get_monotonic_time () + WRITER_TIMEOUT;

    if (!db->ops->one_writer)
        return true;

    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&registry->writer_lock);

    while (registry->writing)
        if (!g_cond_wait_until (&registry->writer_free, &registry->writer_lock, deadline)) {
            kn_error_set (error, KN_ERROR_UNAVAILABLE, "the database is busy: another write lasts");
            return false;
        }
    registry->writing = true;
    return true;
}

void
kn_db_writer_unlock (KnDb *db)
{
    KnDbRegistry *registry = db->registry;

    if (!db->ops->one_writer)
        return;

    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&registry->writer_lock);

    registry->writing = false;
    g_cond_signal (&registry->writer_free);
}

static bool
begin (KnDb *db, const char *const *commands, GError **error)
{
    for (; *commands; commands++)
        if (!kn_db_command (db, *commands, error))
            return false;
    return true;
}

static void
rollback (KnDb *db)
{
    if (db->conn->lost)
        return; /* the server does it */
    /* Fails where the engine has rolled back already. */
    if (!db->ops->command (db->conn, "ROLLBACK", NULL) && db->ops == &kn_db_mariadb)
        db->conn->lost = true;
}

static bool
commit (KnDb *db, GError **error)
{
    if (db->doomed) {
        kn_error_set (error, KN_ERROR_DB, "cannot commit: a part of the transaction has failed");
        return false;
    }
    if (kn_db_command (db, "COMMIT", error))
        return true;
    /* Nobody knows whether a commit whose answer was lost took place: running it again could do things twice. */
    if (db->conn->lost)
        db->retry = false;
    return false;
}

static bool
attempt (KnDb *db, KnTxnFn fn, gpointer data, GError **error)
{
    db->depth = 1;
    db->doomed = false;

    bool good = begin (db, db->read_only ? db->ops->begin_read : db->ops->begin_write, error)
                && fn (db, data, error) && commit (db, error);

    if (!good)
        rollback (db);
    db->depth = 0;
    db->doomed = false;
    return good;
}

static bool
attempt_in_turn (KnDb *db, KnTxnFn fn, gpointer data, GError **error)
{
    bool good;

    db->retry = false;
    if (!kn_db_ensure (db, error))
        return false;
    if (!db->read_only && !kn_db_writer_lock (db, error))
        return false;
    good = attempt (db, fn, data, error);
    if (!db->read_only)
        kn_db_writer_unlock (db);
    return good;
}

/* Waits 1, 2, 4 … ms with jitter on a condition that nobody signals. */
static void
pause_before_retry (guint tries)
{
    gint64 span = MIN ((gint64)1000 << MIN (tries, 16), PAUSE_MAX_US);
    gint64 deadline
        = g_get_monotonic_time () + span / 2 + g_random_int_range (0, (gint32)(span / 2) + 1);
    GMutex lock;
    GCond never;

    g_mutex_init (&lock);
    g_cond_init (&never);
    g_mutex_lock (&lock);
    while (g_cond_wait_until (&never, &lock, deadline))
        continue; /* spurious wake-up */
    g_mutex_unlock (&lock);
    g_cond_clear (&never);
    g_mutex_clear (&lock);
}

static bool
outer (KnDb *db, KnTxnFn fn, gpointer data, GError **error)
{
    gint64 deadline = g_get_monotonic_time () + RETRY_BUDGET;

    for (guint tries = 0;; tries++) {
        g_autoptr (GError) problem = NULL;

        if (attempt_in_turn (db, fn, data, &problem))
            return true;
        if (!db->retry || tries + 1 >= ATTEMPTS_MAX || g_get_monotonic_time () > deadline) {
            g_propagate_error (error, g_steal_pointer (&problem));
            return false;
        }
        pause_before_retry (tries);
    }
}

static bool
join (KnDb *db, KnTxnFn fn, gpointer data, GError **error)
{
    bool good;

    db->depth++;
    good = fn (db, data, error);
    db->depth--;
    /* What the inner part wrote before it failed must not be committed by the outer one. */
    if (!good)
        db->doomed = true;
    return good;
}

bool
kn_db_txn (KnDb *db, KnTxnFn fn, gpointer data, GError **error)
{
    if (db->depth > 0 && db->read_only) {
        kn_error_set (error, KN_ERROR_INTERNAL, "cannot write in a read transaction");
        return false;
    }
    return db->depth > 0 ? join (db, fn, data, error) : outer (db, fn, data, error);
}

bool
kn_db_read_txn (KnDb *db, KnTxnFn fn, gpointer data, GError **error)
{
    bool good;

    if (db->depth > 0)
        return join (db, fn, data, error);
    db->read_only = true;
    good = outer (db, fn, data, error);
    db->read_only = false;
    return good;
}
