/* SPDX-License-Identifier: Apache-2.0 */
/* The hosts of this cloud: a list of handles by name. */
#include <libxml/parser.h>
#include <string.h>

#include "virt/virt_priv.h"

/* Calls on guests at the same time, those that hang among them. */
#define MONITORS_MAX 64

struct KnVirt {
    char *cloud_id;
    KnVirtNews *news;
    GMutex lock; /* of @hosts */
    GPtrArray *hosts;
    bool started;
};

static void
clear_news (gpointer data)
{
    KnVirtNews *news = data;

    g_mutex_clear (&news->lock);
}

static void
release_host (gpointer data)
{
    kn_virt_host_unref (data);
}

KnVirt *
kn_virt_new (const char *cloud_id)
{
    KnVirt *virt = g_new0 (KnVirt, 1);

    xmlInitParser ();
    kn_virt_error_silence ();
    virt->cloud_id = g_strdup (cloud_id);
    virt->news = g_atomic_rc_box_new0 (KnVirtNews);
    g_mutex_init (&virt->news->lock);
    g_mutex_init (&virt->lock);
    virt->hosts = g_ptr_array_new_with_free_func (release_host);
    return virt;
}

void
kn_virt_set_events (KnVirt *virt, const KnVirtEvents *events)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&virt->news->lock);

    virt->news->to = *events;
}

bool
kn_virt_start (KnVirt *virt, GError **error)
{
    if (virt->started)
        return true;
    if (!kn_virt_loop_register (error))
        return false;

    kn_virt_loop_start ();
    virt->started = true;
    return true;
}

void
kn_virt_stop (KnVirt *virt)
{
    g_mutex_lock (&virt->news->lock);
    virt->news->silent = true;
    g_mutex_unlock (&virt->news->lock);

    g_mutex_lock (&virt->lock);
    g_autoptr (GPtrArray) hosts = g_steal_pointer (&virt->hosts);
    virt->hosts = g_ptr_array_new_with_free_func (release_host);
    g_mutex_unlock (&virt->lock);
    for (guint i = 0; i < hosts->len; i++)
        kn_virt_host_halt (hosts->pdata[i]);

    if (virt->started)
        kn_virt_loop_stop ();
    virt->started = false;
}

void
kn_virt_free (KnVirt *virt)
{
    if (!virt)
        return;
    kn_virt_stop (virt);
    g_ptr_array_unref (virt->hosts);
    g_mutex_clear (&virt->lock);
    g_atomic_rc_box_release_full (virt->news, clear_news);
    g_free (virt->cloud_id);
    g_free (virt);
}

KnVirtHost *
kn_virt_host_new (KnVirt *virt, const KnVirtHostSpec *spec)
{
    KnVirtHost *host = g_new0 (KnVirtHost, 1);

    g_atomic_ref_count_init (&host->refs);
    host->news = g_atomic_rc_box_acquire (virt->news);
    host->cloud_id = g_strdup (virt->cloud_id);
    host->name = g_strdup (spec->name);
    host->uri = g_strdup (spec->uri);
    host->wish = g_strdup (spec->virt_type ? spec->virt_type : "auto");
    host->dirs[KN_POOL_INSTANCES] = g_strdup (spec->instance_dir);
    host->dirs[KN_POOL_IMAGES] = g_strdup (spec->image_dir);
    host->pools[KN_POOL_INSTANCES] = g_strdup_printf ("kilonova-%.8s-instances", virt->cloud_id);
    host->pools[KN_POOL_IMAGES] = g_strdup_printf ("kilonova-%.8s-images", virt->cloud_id);
    host->local = spec->local;
    host->announced = -1;
    host->facts = g_ptr_array_new_with_free_func ((GDestroyNotify)kn_virt_facts_free);
    host->stuck = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
    host->monitors = g_thread_pool_new (kn_monitor_thread, NULL, MONITORS_MAX, FALSE, NULL);
    host->sending = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
    g_mutex_init (&host->lock);
    g_cond_init (&host->changed);
    return host;
}

static void
free_host (KnVirtHost *host)
{
    g_atomic_rc_box_release_full (host->news, clear_news);
    g_free (host->cloud_id);
    g_free (host->name);
    g_free (host->uri);
    g_free (host->wish);
    for (gsize i = 0; i < KN_POOL_N; i++) {
        g_free (host->dirs[i]);
        g_free (host->pools[i]);
    }
    g_free (host->why);
    g_ptr_array_unref (host->facts);
    g_thread_pool_free (host->monitors, FALSE, FALSE);
    g_hash_table_unref (host->stuck);
    g_hash_table_unref (host->sending);
    g_mutex_clear (&host->lock);
    g_cond_clear (&host->changed);
    g_free (host);
}

KnVirtHost *
kn_virt_host_ref (KnVirtHost *host)
{
    g_atomic_ref_count_inc (&host->refs);
    return host;
}

void
kn_virt_host_unref (KnVirtHost *host)
{
    if (host && g_atomic_ref_count_dec (&host->refs))
        free_host (host);
}

/* Needs virt->lock. */
static KnVirtHost *
find_locked (KnVirt *virt, const char *name)
{
    for (guint i = 0; i < virt->hosts->len; i++) {
        KnVirtHost *host = virt->hosts->pdata[i];

        if (strcmp (host->name, name) == 0)
            return host;
    }
    return NULL;
}

static bool
check_spec (const KnVirtHostSpec *spec, GError **error)
{
    static const char *const types[] = { "auto", "kvm", "qemu", NULL };

    if (spec->virt_type && !g_strv_contains (types, spec->virt_type)) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST,
                      "virt type '%s' of host '%s' is not auto, kvm or qemu", spec->virt_type,
                      spec->uri);
        return false;
    }
    if (!g_path_is_absolute (spec->instance_dir) || !g_path_is_absolute (spec->image_dir)) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST, "folders of host '%s' must be absolute paths",
                      spec->uri);
        return false;
    }
    return true;
}

bool
kn_virt_add_host (KnVirt *virt, const KnVirtHostSpec *spec, GError **error)
{
    if (!check_spec (spec, error) || !kn_virt_loop_register (error))
        return false;
    g_autoptr (KnVirtHost) host = kn_virt_host_new (virt, spec);

    kn_virt_host_run (host);
    g_mutex_lock (&virt->lock);
    bool taken = find_locked (virt, host->name) != NULL;
    if (!taken)
        g_ptr_array_add (virt->hosts, kn_virt_host_ref (host));
    g_mutex_unlock (&virt->lock);
    if (!taken) {
        kn_virt_host_list (host);
        return true;
    }

    kn_virt_host_halt (host);
    kn_error_set (error, KN_ERROR_CONFLICT, "there are two hosts of the name '%s'", host->name);
    return false;
}

KnVirtHost *
kn_virt_find_host (KnVirt *virt, const char *name)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&virt->lock);
    KnVirtHost *host = find_locked (virt, name);

    return host ? kn_virt_host_ref (host) : NULL;
}

char **
kn_virt_list_hosts (KnVirt *virt)
{
    g_autoptr (GStrvBuilder) names = g_strv_builder_new ();
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&virt->lock);

    for (guint i = 0; i < virt->hosts->len; i++)
        g_strv_builder_add (names, ((KnVirtHost *)virt->hosts->pdata[i])->name);
    return g_strv_builder_end (names);
}

const char *
kn_virt_host_name (const KnVirtHost *host)
{
    return host->name;
}

const char *
kn_virt_host_uri (const KnVirtHost *host)
{
    return host->uri;
}

bool
kn_virt_host_is_up (KnVirtHost *host)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);

    return host->conn != NULL;
}

bool
kn_virt_host_is_local (const KnVirtHost *host)
{
    return host->local;
}
