/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt's event loop: one for the process, run by one thread of ours. */
#include "virt/virt_priv.h"

/* libvirt knows one event loop a process, so there can be no context to hang these on. */
static struct {
    GMutex lock;
    bool registered;
    guint users;
    GThread *thread;
    int timer; /* fires when the thread is to look at @stop */
    gint stop;
} loop = { .timer = -1 };

static void
wake (int timer, void *data)
{
    virEventUpdateTimeout (timer, -1);
}

bool
kn_virt_loop_register (GError **error)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&loop.lock);

    if (loop.registered)
        return true;
    if (virInitialize () < 0 || virEventRegisterDefaultImpl () < 0) {
        kn_error_set (error, KN_ERROR_VIRT, "cannot set up libvirt: %s", virGetLastErrorMessage ());
        return false;
    }
    loop.timer = virEventAddTimeout (-1, wake, NULL, NULL);
    loop.registered = true;
    return true;
}

static gpointer
run (gpointer data)
{
    while (!g_atomic_int_get (&loop.stop))
        (void)virEventRunDefaultImpl ();
    return NULL;
}

void
kn_virt_loop_start (void)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&loop.lock);

    if (loop.users++ > 0)
        return;
    g_atomic_int_set (&loop.stop, 0);
    loop.thread = g_thread_new ("virt-events", run, NULL);
}

void
kn_virt_loop_stop (void)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&loop.lock);

    if (loop.users == 0 || --loop.users > 0)
        return;
    g_atomic_int_set (&loop.stop, 1);
    virEventUpdateTimeout (loop.timer, 0);
    g_thread_join (g_steal_pointer (&loop.thread));
}
