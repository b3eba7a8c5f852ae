/* SPDX-License-Identifier: Apache-2.0 */
/* Reconciling by listing, not by memory: at start, when a host comes back, when libvirt has news. */
#include "compute/reconcile.h"

#include <string.h>

#include "base/error.h"
#include "base/id.h"
#include "base/log.h"
#include "base/util.h"
#include "compute/clock.h"
#include "compute/history_store.h"
#include "compute/host_boot_store.h"
#include "compute/server_store.h"
#include "compute/server_work.h"
#include "virt/volume.h"

#define UUID_LEN 36

/* Records what @state says about @server, which nobody works on. */
static bool
follow (KnDb *db, const KnServer *server, KnDomainState state, GError **error)
{
    KnVmState vm;
    KnPower power;
    bool changed = false;

    kn_server_state_of_domain (state, &vm, &power);
    if (server->vm == KN_VM_ERROR)
        vm = KN_VM_ERROR;
    if ((server->vm == vm && server->power_state == (gint64)power) || server->vm == KN_VM_BUILDING)
        return true;
    if (!kn_store_server_set_seen (db, server, vm, power, &changed, error))
        return false;
    if (changed)
        kn_log (KN_LOG_INFO, "a server's power changed by itself", "server", server->uuid, "from",
                server->vm_state, "to", kn_vm_state_name (vm), NULL);

    return true;
}

bool
kn_reconcile_server (KnCompute *compute, KnDb *db, const char *host_name, const char *id,
                     GError **error)
{
    g_autoptr (KnVirtHost) host = kn_virt_find_host (compute->virt, host_name);
    g_autoptr (KnServer) server = NULL;
    GError *local = NULL;
    KnDomainState state;
    bool pending;

    server = kn_store_server_find (db, id, &local);
    if (local != NULL) {
        g_propagate_error (error, local);
        return false;
    }
    if (server == NULL || server->deleted || host == NULL || !kn_virt_host_is_up (host)
        || server->task != KN_TASK_NONE || g_strcmp0 (server->host, host_name) != 0)
        return true;
    if (!kn_jobs_pending (db, id, &pending, error))
        return false;

    if (pending)
        return true;
    if (!kn_domain_load_state (host, id, &state, error))
        return false;
    kn_server_clock_look (compute, db, server, host, state);

    return follow (db, server, state, error);
}

typedef struct {
    const KnServer *server;
    const char *request_id;
} Restart;

static bool
restart_txn (KnDb *db, gpointer data, GError **error)
{
    const Restart *restart = data;
    const KnServer *server = restart->server;
    const KnActRule *rule = kn_act_rule (KN_ACT_START);

    return kn_store_server_claim (db, server, rule->task, error)
           && kn_history_begin (db, server, KN_ACT_START, restart->request_id, server->user_id,
                                error)
           && kn_jobs_enqueue (db, rule->job, server->uuid, NULL, 1, restart->request_id, NULL,
                               error);
}

/* The host went down under a running server: it runs again. */
static bool
start_again (KnCompute *compute, KnDb *db, const KnServer *server, GError **error)
{
    g_autofree char *request_id = kn_id_request ();
    Restart restart = { server, request_id };

    kn_log (KN_LOG_INFO, "starting a server that ran before its host went down", "server",
            server->uuid, "host", server->host, "request", request_id, NULL);
    if (!kn_db_txn (db, restart_txn, &restart, error))
        return false;
    kn_jobs_wake (compute->jobs);

    return true;
}

typedef struct {
    const char *id;
    KnDomainState state;
} Drop;

/* All in one transaction: a job that ends or begins meanwhile is seen whole or not at all. */
static bool
drop_txn (KnDb *db, gpointer data, GError **error)
{
    const Drop *drop = data;
    g_autoptr (KnServer) server = kn_store_server_load (db, drop->id, NULL, error);
    bool pending;
    KnVmState vm;
    KnPower power;

    if (server == NULL || !kn_jobs_pending (db, drop->id, &pending, error))
        return false;
    if (pending || (server->task == KN_TASK_NONE && server->vm != KN_VM_BUILDING))
        return true;
    kn_server_state_of_domain (drop->state, &vm, &power);
    if (server->vm == KN_VM_BUILDING || server->task == KN_TASK_DELETING)
        vm = KN_VM_ERROR;

    return kn_store_server_force_state (db, drop->id, vm, power, error)
           && (vm != KN_VM_ERROR
               || kn_history_add_fault (db, drop->id, 500,
                                        "The work on this server was lost; delete it, or reboot it "
                                        "hard.",
                                        NULL, server->host, error));
}

/* A task without a job is a promise that nobody keeps: hands on the database, or a restored backup. */
static bool
drop_task (KnDb *db, const KnServer *server, KnDomainState state, GError **error)
{
    Drop drop = { server->uuid, state };

    kn_log (KN_LOG_WARNING, "a server has a task but no work may stand for it", "server",
            server->uuid, "task", server->task_state, NULL);

    return kn_db_txn (db, drop_txn, &drop, error);
}

static bool
reconcile_record (KnCompute *compute, KnDb *db, KnVirtHost *host, const KnServer *server,
                  bool host_rebooted, GError **error)
{
    KnDomainState state;
    bool pending;

    if (!kn_jobs_pending (db, server->uuid, &pending, error))
        return false;
    if (pending)
        return true;
    if (!kn_domain_load_state (host, server->uuid, &state, error))
        return false;
    if (server->task != KN_TASK_NONE || server->vm == KN_VM_BUILDING)
        return drop_task (db, server, state, error);
    if (host_rebooted && server->vm == KN_VM_ACTIVE
        && (state == KN_DOMAIN_NONE || state == KN_DOMAIN_SHUTOFF || state == KN_DOMAIN_SAVED))
        return start_again (compute, db, server, error);
    kn_server_clock_look (compute, db, server, host, state);

    return follow (db, server, state, error);
}

/* Domains with our mark: those of deleted servers go, those without any record are reported and left alone. */
static bool
reconcile_domain (KnDb *db, KnVirtHost *host, const char *id, GError **error)
{
    GError *local = NULL;
    g_autoptr (KnServer) server = kn_store_server_find (db, id, &local);

    if (local != NULL) {
        g_propagate_error (error, local);
        return false;
    }
    if (server == NULL) {
        kn_log (KN_LOG_WARNING, "a domain carries our mark but no record knows it", "domain", id,
                "host", kn_virt_host_name (host), NULL);
        return true;
    }
    if (!server->deleted)
        return true;
    kn_log (KN_LOG_WARNING, "removing what a deleted server left behind", "server", id, "host",
            kn_virt_host_name (host), NULL);

    return kn_domain_destroy (host, id, error)
           && kn_domain_undefine (host, id, KN_UNDEFINE_ALL, error)
           && kn_volume_delete_all (host, id, error);
}

static bool
reconcile_volume (KnDb *db, KnVirtHost *host, const char *name, GError **error)
{
    g_autofree char *id = g_strndup (name, UUID_LEN);
    g_autoptr (KnServer) server = NULL;
    GError *local = NULL;

    if (!kn_id_is_uuid (id))
        return true;
    server = kn_store_server_find (db, id, &local);
    if (local != NULL) {
        g_propagate_error (error, local);
        return false;
    }

    return server == NULL || !server->deleted || kn_volume_delete (host, name, error);
}

static bool
reconcile_leftovers (KnDb *db, KnVirtHost *host, GError **error)
{
    g_auto (GStrv) domains = kn_domain_list (host, error);
    g_auto (GStrv) volumes = NULL;

    if (domains == NULL)
        return false;
    for (char **id = domains; *id != NULL; id++)
        if (!reconcile_domain (db, host, *id, error))
            return false;
    volumes = kn_volume_list (host, KN_POOL_INSTANCES, error);
    if (volumes == NULL)
        return false;
    for (char **name = volumes; *name != NULL; name++)
        if (!reconcile_volume (db, host, *name, error))
            return false;

    return true;
}

/* Whether this machine was restarted since we saw it last. Of other machines we cannot know. */
static bool
note_boot (KnDb *db, KnVirtHost *host, bool *out_rebooted, GError **error)
{
    g_autofree char *boot_id = NULL;

    *out_rebooted = false;
    if (!kn_virt_host_is_local (host))
        return true;
    boot_id = kn_file_read ("/proc/sys/kernel/random/boot_id", KIB, NULL, error);
    if (boot_id == NULL)
        return false;
    g_strstrip (boot_id);

    return kn_store_host_boot_note (db, kn_virt_host_name (host), boot_id, out_rebooted, error);
}

static bool
reconcile_host (KnCompute *compute, KnDb *db, KnVirtHost *host, GError **error)
{
    const char *name = kn_virt_host_name (host);
    g_autoptr (GPtrArray) servers = kn_store_server_list_host (db, name, error);
    bool rebooted;

    if (servers == NULL || !note_boot (db, host, &rebooted, error))
        return false;
    for (guint i = 0; i < servers->len; i++)
        if (!reconcile_record (compute, db, host, g_ptr_array_index (servers, i), rebooted, error))
            return false;

    return reconcile_leftovers (db, host, error);
}

bool
kn_compute_reconcile (KnCompute *compute, const char *host_name, GError **error)
{
    g_auto (GStrv) names = kn_virt_list_hosts (compute->virt);
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&compute->reconciling);
    KnDb *db = kn_compute_db (compute, error);

    if (db == NULL)
        return false;
    for (char **name = names; *name != NULL; name++) {
        g_autoptr (KnVirtHost) host = NULL;
        g_autoptr (GError) local = NULL;

        if (host_name != NULL && strcmp (*name, host_name) != 0)
            continue;
        host = kn_virt_find_host (compute->virt, *name);
        if (host == NULL || !kn_virt_host_is_up (host)
            || reconcile_host (compute, db, host, &local))
            continue;

        /* A host that goes away meanwhile is looked at when it comes back; the others are not its business. */
        if (!kn_error_is_transient (local) && local->code != KN_ERROR_VIRT) {
            g_propagate_error (error, g_steal_pointer (&local));
            return false;
        }
        kn_log (KN_LOG_WARNING, "cannot compare a host with the records", "host", *name, "why",
                local->message, NULL);
    }

    return true;
}
