/* SPDX-License-Identifier: Apache-2.0 */
/* A fixed pool of threads with a bounded queue. */
#include "http/workers_priv.h"

typedef struct {
    KnTask run;
    gpointer data;
} Item;

struct KnWorkers {
    GMutex lock; /* guards everything below */
    GCond work, quiet;
    Item *ring; /* grows: urgent tasks are not refused */
    guint size, head, queued;
    guint queue_max, running;
    bool closed, ending;
    GThread **threads;
    guint n_threads;
};

static Item
take_item (KnWorkers *workers)
{
    const Item item = workers->ring[workers->head];

    workers->head = (workers->head + 1) % workers->size;
    workers->queued--;
    return item;
}

static gpointer
work (gpointer data)
{
    KnWorkers *workers = data;

    g_mutex_lock (&workers->lock);
    for (;;) {
        Item item;

        while (workers->queued == 0 && !workers->ending)
            g_cond_wait (&workers->work, &workers->lock);
        if (workers->queued == 0)
            break;
        item = take_item (workers);
        workers->running++;
        g_mutex_unlock (&workers->lock);
        item.run (item.data);
        g_mutex_lock (&workers->lock);
        workers->running--;
        if (workers->queued == 0 && workers->running == 0)
            g_cond_broadcast (&workers->quiet);
    }
    g_mutex_unlock (&workers->lock);
    return NULL;
}

KnWorkers *
kn_workers_new (guint threads, guint queue_max)
{
    KnWorkers *workers = g_new0 (KnWorkers, 1);

    g_mutex_init (&workers->lock);
    g_cond_init (&workers->work);
    g_cond_init (&workers->quiet);
    workers->queue_max = queue_max;
    workers->size = 64;
    workers->ring = g_new (Item, workers->size);
    workers->n_threads = threads;
    workers->threads = g_new0 (GThread *, threads);
    for (guint i = 0; i < threads; i++)
        workers->threads[i] = g_thread_new ("http-worker", work, workers);
    return workers;
}

static void
grow_ring (KnWorkers *workers)
{
    Item *ring = g_new (Item, (gsize)workers->size * 2);

    for (guint i = 0; i < workers->queued; i++)
        ring[i] = workers->ring[(workers->head + i) % workers->size];
    g_free (workers->ring);
    workers->ring = ring;
    workers->size *= 2;
    workers->head = 0;
}

static void
append_item (KnWorkers *workers, KnTask task, gpointer data)
{
    if (workers->queued == workers->size)
        grow_ring (workers);
    workers->ring[(workers->head + workers->queued) % workers->size] = (Item){ task, data };
    workers->queued++;
    g_cond_signal (&workers->work);
}

bool
kn_workers_push (KnWorkers *workers, KnTask task, gpointer data)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&workers->lock);

    if (workers->closed || workers->queued >= workers->queue_max)
        return false;
    append_item (workers, task, data);
    return true;
}

void
kn_workers_push_urgent (KnWorkers *workers, KnTask task, gpointer data)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&workers->lock);

    append_item (workers, task, data);
}

guint
kn_workers_queued (KnWorkers *workers)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&workers->lock);

    return workers->queued;
}

void
kn_workers_drain (KnWorkers *workers)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&workers->lock);

    workers->closed = true;
    while (workers->queued > 0 || workers->running > 0)
        g_cond_wait (&workers->quiet, &workers->lock);
}

void
kn_workers_free (KnWorkers *workers)
{
    if (workers == NULL)
        return;
    g_mutex_lock (&workers->lock);
    workers->closed = workers->ending = true;
    g_cond_broadcast (&workers->work);
    g_mutex_unlock (&workers->lock);
    for (guint i = 0; i < workers->n_threads; i++)
        g_thread_join (workers->threads[i]);
    g_free (workers->threads);
    g_free (workers->ring);
    g_cond_clear (&workers->work);
    g_cond_clear (&workers->quiet);
    g_mutex_clear (&workers->lock);
    g_free (workers);
}
