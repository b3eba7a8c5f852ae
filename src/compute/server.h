/* SPDX-License-Identifier: Apache-2.0 */
/* A server (Nova's word in the database: instance): its record, its states, and what may be done in which of them. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum {
    KN_VM_BUILDING,
    KN_VM_ACTIVE,
    KN_VM_PAUSED,
    KN_VM_SUSPENDED,
    KN_VM_STOPPED,
    KN_VM_ERROR,
    KN_VM_DELETED,
    KN_VM_N
} KnVmState;

typedef enum {
    KN_TASK_NONE,
    KN_TASK_SCHEDULING,
    KN_TASK_BLOCK_DEVICES,
    KN_TASK_NETWORKING,
    KN_TASK_SPAWNING,
    KN_TASK_POWERING_OFF,
    KN_TASK_POWERING_ON,
    KN_TASK_REBOOTING,
    KN_TASK_REBOOT_STARTED,
    KN_TASK_REBOOTING_HARD,
    KN_TASK_REBOOT_STARTED_HARD,
    KN_TASK_REBUILDING,
    KN_TASK_REBUILD_SPAWNING,
    KN_TASK_PAUSING,
    KN_TASK_UNPAUSING,
    KN_TASK_SUSPENDING,
    KN_TASK_RESUMING,
    KN_TASK_IMAGE_SNAPSHOT,
    KN_TASK_IMAGE_SNAPSHOT_PENDING,
    KN_TASK_IMAGE_PENDING_UPLOAD,
    KN_TASK_IMAGE_UPLOADING,
    KN_TASK_IMAGE_BACKUP,
    KN_TASK_DELETING,
    KN_TASK_N
} KnTask;

/* instances.power_state. */
typedef enum {
    KN_POWER_NONE = 0,
    KN_POWER_RUNNING = 1,
    KN_POWER_PAUSED = 3,
    KN_POWER_SHUTDOWN = 4,
    KN_POWER_CRASHED = 6,
} KnPower;

typedef enum {
    KN_ACT_CREATE,
    KN_ACT_START,
    KN_ACT_STOP,
    KN_ACT_REBOOT_SOFT,
    KN_ACT_REBOOT_HARD,
    KN_ACT_REBUILD,
    KN_ACT_PAUSE,
    KN_ACT_UNPAUSE,
    KN_ACT_SUSPEND,
    KN_ACT_RESUME,
    KN_ACT_SNAPSHOT,
    KN_ACT_BACKUP,
    KN_ACT_DELETE,
    KN_ACT_N
} KnAct;

/* A row of `instances` with its neighbours. Strings are borrowed from .text and live as long as it; NULL is SQL's NULL. */
typedef struct {
    GStringChunk *text; /* NULL in a list: the list's own */
    gint64 id;
    const char *uuid, *name, *hostname, *description;
    const char *project_id, *user_id;
    const char *image_ref; /* NULL: none */
    const char *key_name, *key_data, *user_data;
    const char *host, *node, *zone;
    const char *os_type, *root_device, *config_drive, *reservation_id;
    const char *access_ip_v4, *access_ip_v6;
    const char *created_at, *updated_at, *launched_at, *terminated_at, *deleted_at;
    const char *vm_state, *task_state; /* as they stand in the columns; "" for no task */
    KnVmState vm;
    KnTask task;
    gint64 power_state, launch_index, progress, vcpus, memory_mib, root_gib, ephemeral_gib;
    gint64 flavor_row;
    bool auto_disk_config, locked, deleted;

    /* instance_extra */
    const char *flavor_id, *flavor_name, *key_type, *admin_pass, *profile;
    const char *extra_specs; /* JSON object of strings */
    gint64 swap_mib;
} KnServer;

void kn_server_free (KnServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnServer, kn_server_free)

/* The words of the columns. Unknown words (an operator's hand, a newer program) count as ERROR and NONE. */
const char *kn_vm_state_name (KnVmState state);
KnVmState kn_vm_state_from_name (const char *name);
const char *kn_task_name (KnTask task); /* NULL for KN_TASK_NONE */
KnTask kn_task_from_name (const char *name);

/* The API's status: "ACTIVE", "REBOOT" … Static. */
const char *kn_server_status (const KnServer *server);

/* Whether `progress` is part of the view in this status. */
bool kn_server_status_has_progress (const char *status);

/* What an act needs and does: words for people and for the tables. */
typedef struct {
    const char *name;    /* as users call it: "stop" */
    const char *history; /* instance_actions.action */
    const char *event;   /* instance_actions_events.event */
    const char *job;     /* kind of the job */
    guint vm_states;     /* bits of KnVmState in which it may begin */
    guint tasks;         /* bits of KnTask in which it may begin */
    KnTask task;         /* the task while it lasts */
    bool of_locked;      /* a locked server takes it too */
} KnActRule;
const KnActRule *kn_act_rule (KnAct act);

/* Whether @act may begin now. Errors (public): CONFLICT naming the state. A lock is looked at by the API. */
bool kn_server_check_act (const KnServer *server, KnAct act, GError **error);

/* instance-%08x; caller frees. */
char *kn_server_domain_name (const KnServer *server);

/* A host name made of a display name, as Nova makes it; never empty. Caller frees. */
char *kn_server_hostname (const char *name, const char *uuid);

/* hostId of the API: says whether two servers share a host, not which. Caller frees; "" without host. */
char *kn_server_host_id (const KnServer *server);

/* Twelve characters that cannot be mistaken for each other. Caller frees with kn_secret_free(). */
char *kn_server_new_password (void);
