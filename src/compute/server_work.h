/* SPDX-License-Identifier: Apache-2.0 */
/* What the steps of all jobs on servers have in common. */
#pragma once

#include "compute/compute_priv.h"
#include "compute/history_store.h"
#include "compute/server_store.h"
#include "virt/domain.h"

/* One step under way. */
typedef struct {
    KnCompute *compute;
    KnJob *job;
    KnDb *db;
    KnServer *server; /* as it stands in the database now; NULL: gone */
    KnVirtHost *host; /* NULL only if .server is */
    bool alive;       /* the server is there and nobody deletes it */
} KnServerWork;

/* Loads what the step works on. Errors: UNAVAILABLE when the host is unknown. */
bool kn_server_work_begin (KnServerWork *work, KnJob *job, gpointer data, GError **error);
void kn_server_work_clear (KnServerWork *work);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KnServerWork, kn_server_work_clear)

/* Shows users what is being done; refreshes .alive. */
bool kn_server_work_set_task (KnServerWork *work, KnTask task, GError **error);

/* Disks and config drive. Each is "make it so". */
bool kn_server_ensure_disks (KnServerWork *work, GError **error);
bool kn_server_ensure_config_drive (KnServerWork *work, GError **error);

/* Plans the server from the database as it is now and defines its domain. A definition that is refused changes nothing.
 * @out_plan is what to store once it has proved good; clear it with kn_server_plan_clear(). */
bool kn_server_define (KnServerWork *work, KnServerPlan *out_plan, GError **error);

/* Network, power on, network again. */
bool kn_server_power_on (KnServerWork *work, GError **error);

/* The same for a server whose memory is saved: it goes on with the definition that it has. */
bool kn_server_restore (KnServerWork *work, GError **error);

/* Plans anew and starts with it: for a server that is off, or (power off and on) for one that runs. Whatever the hypervisor
 * refuses, the definition that it took the last time is kept or put back: a running server runs on with it and the refusal is
 * the error; one that was off starts with it and the history says why. */
bool kn_server_start_anew (KnServerWork *work, GError **error);
bool kn_server_power_cycle (KnServerWork *work, GError **error);

/* Asks the guest to shut down for as long as @timeout_s allows, looking now and then whether the server is being deleted.
 * @out_off: it did. */
bool kn_server_ask_off (KnServerWork *work, gint64 timeout_s, bool *out_off, GError **error);

/* Power off without asking, ports down. */
bool kn_server_power_off (KnServerWork *work, GError **error);

/* The end of a job, in one transaction: the state (unless the server is being deleted) and the history. */
bool kn_server_settle (KnServerWork *work, KnAct act, KnVmState vm, KnPower power, GError **error);

/* The same with the state that the domain has now. */
bool kn_server_settle_as_seen (KnServerWork *work, KnAct act, GError **error);

/* How a job that could not be done ends. */
typedef enum {
    KN_FAIL_ERROR, /* the server is unusable: ERROR */
    KN_FAIL_REVERT /* it is what its domain is: running, paused or off */
} KnFailure;
void kn_server_fail (KnJob *job, gpointer data, KnAct act, KnFailure how, const GError *why);

/* vm_state and power_state that belong to a domain's state. */
void kn_server_state_of_domain (KnDomainState state, KnVmState *out_vm, KnPower *out_power);

/* The job kinds, each in a file of its own. */
void kn_server_boot_register (KnCompute *compute);
void kn_server_power_register (KnCompute *compute);
void kn_server_reboot_register (KnCompute *compute);
void kn_server_rebuild_register (KnCompute *compute);
void kn_server_delete_register (KnCompute *compute);
void kn_server_suspend_register (KnCompute *compute);
void kn_server_snapshot_register (KnCompute *compute);
void kn_server_time_register (KnCompute *compute);
