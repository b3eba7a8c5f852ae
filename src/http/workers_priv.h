/* SPDX-License-Identifier: Apache-2.0 */
/* A fixed pool of threads with a bounded queue. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct KnWorkers KnWorkers;
typedef void (*KnTask) (gpointer data);

KnWorkers *kn_workers_new (guint threads, guint queue_max);

/* Queues a task; false: the queue is full or closed. */
bool kn_workers_push (KnWorkers *workers, KnTask task, gpointer data);

/* Queues a task that goes on with work that was accepted before; never refused. */
void kn_workers_push_urgent (KnWorkers *workers, KnTask task, gpointer data);

guint kn_workers_queued (KnWorkers *workers);

/* From now on kn_workers_push() refuses; returns when nothing is queued or running. */
void kn_workers_drain (KnWorkers *workers);

/* Runs what is queued, ends the threads. */
void kn_workers_free (KnWorkers *workers);
