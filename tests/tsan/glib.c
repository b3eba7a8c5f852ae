/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the thread sanitizer what GLib's locks and counters order. GLib is not built with it and its locks are futexes of
 * its own, so without this each use of them looks like a race. Our calls end here and go on to the real functions. */
#include <dlfcn.h>
#include <glib.h>
#include <sanitizer/tsan_interface.h>

/* The real function of the same name, looked up once. */
#define REAL(name) ((__typeof__ (&(name)))real (G_STRINGIFY (name), &real_##name))

static gpointer
real (const char *name, gpointer *cached)
{
    if (!g_atomic_pointer_get (cached))
        g_atomic_pointer_set (cached, dlsym (RTLD_NEXT, name));
    return g_atomic_pointer_get (cached);
}

#define TAKES(name, type)                                                                          \
    static gpointer real_##name;                                                                   \
    void (name) (type * lock)                                                                      \
    {                                                                                              \
        REAL (name) (lock);                                                                        \
        __tsan_acquire (lock);                                                                     \
    }
#define GIVES(name, type)                                                                          \
    static gpointer real_##name;                                                                   \
    void (name) (type * lock)                                                                      \
    {                                                                                              \
        __tsan_release (lock);                                                                     \
        REAL (name) (lock);                                                                        \
    }
#define TRIES(name, type)                                                                          \
    static gpointer real_##name;                                                                   \
    gboolean (name) (type * lock)                                                                  \
    {                                                                                              \
        gboolean taken = REAL (name) (lock);                                                       \
        if (taken)                                                                                 \
            __tsan_acquire (lock);                                                                 \
        return taken;                                                                              \
    }

TAKES (g_mutex_lock, GMutex)
GIVES (g_mutex_unlock, GMutex)
TRIES (g_mutex_trylock, GMutex)
TAKES (g_rec_mutex_lock, GRecMutex)
GIVES (g_rec_mutex_unlock, GRecMutex)
TAKES (g_rw_lock_reader_lock, GRWLock)
GIVES (g_rw_lock_reader_unlock, GRWLock)
TAKES (g_rw_lock_writer_lock, GRWLock)
GIVES (g_rw_lock_writer_unlock, GRWLock)

/* Waiting gives the mutex away and takes it again. */
static gpointer real_g_cond_wait, real_g_cond_wait_until;

void
g_cond_wait (GCond *cond, GMutex *mutex)
{
    __tsan_release (mutex);
    REAL (g_cond_wait) (cond, mutex);
    __tsan_acquire (mutex);
}

gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
    gboolean signalled;

    __tsan_release (mutex);
    signalled = REAL (g_cond_wait_until) (cond, mutex, end_time);
    __tsan_acquire (mutex);
    return signalled;
}

/* What was pushed was ready before it is popped. */
static gpointer real_g_async_queue_push, real_g_async_queue_pop, real_g_async_queue_timeout_pop,
    real_g_async_queue_try_pop;

void
g_async_queue_push (GAsyncQueue *queue, gpointer data)
{
    __tsan_release (queue);
    REAL (g_async_queue_push) (queue, data);
}

gpointer
g_async_queue_pop (GAsyncQueue *queue)
{
    gpointer data = REAL (g_async_queue_pop) (queue);

    __tsan_acquire (queue);
    return data;
}

gpointer
g_async_queue_timeout_pop (GAsyncQueue *queue, guint64 timeout)
{
    gpointer data = REAL (g_async_queue_timeout_pop) (queue, timeout);

    __tsan_acquire (queue);
    return data;
}

gpointer
g_async_queue_try_pop (GAsyncQueue *queue)
{
    gpointer data = REAL (g_async_queue_try_pop) (queue);

    __tsan_acquire (queue);
    return data;
}

/* What a pool's thread does comes after the push that asked for it and before the end of g_thread_pool_free(). */
typedef struct {
    GFunc work;
    gpointer data;
} Pool;

static char pools; /* stands for all of them */
static gpointer real_g_thread_pool_new, real_g_thread_pool_push, real_g_thread_pool_free;

static void
run_pooled (gpointer item, gpointer data)
{
    const Pool *pool = data;

    __tsan_acquire (&pools);
    pool->work (item, pool->data);
    __tsan_release (&pools);
}

GThreadPool *
g_thread_pool_new (GFunc work, gpointer data, gint max_threads, gboolean exclusive, GError **error)
{
    static GQueue kept = G_QUEUE_INIT; /* reachable for the leak checker */
    Pool *pool = g_new (Pool, 1);

    *pool = (Pool){ work, data };
    g_queue_push_tail (&kept, pool);
    return REAL (g_thread_pool_new) (run_pooled, pool, max_threads, exclusive, error);
}

gboolean
g_thread_pool_push (GThreadPool *pool, gpointer data, GError **error)
{
    __tsan_release (&pools);
    return REAL (g_thread_pool_push) (pool, data, error);
}

void
g_thread_pool_free (GThreadPool *pool, gboolean immediate, gboolean wait)
{
    REAL (g_thread_pool_free) (pool, immediate, wait);
    __tsan_acquire (&pools);
}

/* Whoever drops the last reference comes after all who dropped theirs before. */
static gpointer real_g_atomic_rc_box_release_full, real_g_atomic_ref_count_dec;

void
g_atomic_rc_box_release_full (gpointer box, GDestroyNotify clear)
{
    __tsan_release (box);
    __tsan_acquire (box);
    REAL (g_atomic_rc_box_release_full) (box, clear);
}

gboolean (g_atomic_ref_count_dec) (gatomicrefcount *count)
{
    gboolean last;

    __tsan_release (count);
    last = REAL (g_atomic_ref_count_dec) (count);
    if (last)
        __tsan_acquire (count);
    return last;
}
