/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of servers: words, states, and which act may begin in which state. */
#include "compute/server.h"

#include <sodium.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"

#define B(bit) (1u << (bit))

static const char *const vm_names[KN_VM_N] = {
    [KN_VM_BUILDING] = "building",   [KN_VM_ACTIVE] = "active",   [KN_VM_PAUSED] = "paused",
    [KN_VM_SUSPENDED] = "suspended", [KN_VM_STOPPED] = "stopped", [KN_VM_ERROR] = "error",
    [KN_VM_DELETED] = "deleted",
};
G_STATIC_ASSERT (G_N_ELEMENTS (vm_names) == KN_VM_N);

static const char *const task_names[KN_TASK_N] = {
    [KN_TASK_NONE] = NULL,
    [KN_TASK_SCHEDULING] = "scheduling",
    [KN_TASK_BLOCK_DEVICES] = "block_device_mapping",
    [KN_TASK_NETWORKING] = "networking",
    [KN_TASK_SPAWNING] = "spawning",
    [KN_TASK_POWERING_OFF] = "powering-off",
    [KN_TASK_POWERING_ON] = "powering-on",
    [KN_TASK_REBOOTING] = "rebooting",
    [KN_TASK_REBOOT_STARTED] = "reboot_started",
    [KN_TASK_REBOOTING_HARD] = "rebooting_hard",
    [KN_TASK_REBOOT_STARTED_HARD] = "reboot_started_hard",
    [KN_TASK_REBUILDING] = "rebuilding",
    [KN_TASK_REBUILD_SPAWNING] = "rebuild_spawning",
    [KN_TASK_PAUSING] = "pausing",
    [KN_TASK_UNPAUSING] = "unpausing",
    [KN_TASK_SUSPENDING] = "suspending",
    [KN_TASK_RESUMING] = "resuming",
    [KN_TASK_IMAGE_SNAPSHOT] = "image_snapshot",
    [KN_TASK_IMAGE_SNAPSHOT_PENDING] = "image_snapshot_pending",
    [KN_TASK_IMAGE_PENDING_UPLOAD] = "image_pending_upload",
    [KN_TASK_IMAGE_UPLOADING] = "image_uploading",
    [KN_TASK_IMAGE_BACKUP] = "image_backup",
    [KN_TASK_DELETING] = "deleting",
};
G_STATIC_ASSERT (G_N_ELEMENTS (task_names) == KN_TASK_N);

/* What clients see; a task has its own word only where Nova's clients know one. */
static const char *const vm_status[KN_VM_N] = {
    [KN_VM_BUILDING] = "BUILD",      [KN_VM_ACTIVE] = "ACTIVE",   [KN_VM_PAUSED] = "PAUSED",
    [KN_VM_SUSPENDED] = "SUSPENDED", [KN_VM_STOPPED] = "SHUTOFF", [KN_VM_ERROR] = "ERROR",
    [KN_VM_DELETED] = "DELETED",
};

typedef struct {
    guint vm_states;
    const char *status;
} TaskStatus;

static const TaskStatus task_status[KN_TASK_N] = {
    [KN_TASK_REBOOTING] = { B (KN_VM_ACTIVE), "REBOOT" },
    [KN_TASK_REBOOT_STARTED] = { B (KN_VM_ACTIVE), "REBOOT" },
    [KN_TASK_REBOOTING_HARD]
    = { B (KN_VM_ACTIVE) | B (KN_VM_PAUSED) | B (KN_VM_SUSPENDED) | B (KN_VM_STOPPED),
        "HARD_REBOOT" },
    [KN_TASK_REBOOT_STARTED_HARD]
    = { B (KN_VM_ACTIVE) | B (KN_VM_PAUSED) | B (KN_VM_SUSPENDED) | B (KN_VM_STOPPED),
        "HARD_REBOOT" },
    [KN_TASK_REBUILDING] = { B (KN_VM_ACTIVE) | B (KN_VM_STOPPED) | B (KN_VM_ERROR), "REBUILD" },
    [KN_TASK_REBUILD_SPAWNING]
    = { B (KN_VM_ACTIVE) | B (KN_VM_STOPPED) | B (KN_VM_ERROR), "REBUILD" },
};

#define ANY_TASK (B (KN_TASK_N) - 1)
#define ANY_VM (B (KN_VM_N) - 1)

static const KnActRule acts[KN_ACT_N] = {
    [KN_ACT_CREATE] = { "create", "create", "compute__do_build_and_run_instance", "server.boot",
                        B (KN_VM_BUILDING), B (KN_TASK_SCHEDULING), KN_TASK_SCHEDULING },
    [KN_ACT_START] = { "start", "start", "compute_start_instance", "server.start",
                       B (KN_VM_STOPPED), B (KN_TASK_NONE), KN_TASK_POWERING_ON },
    [KN_ACT_STOP] = { "stop", "stop", "compute_stop_instance", "server.stop",
                      B (KN_VM_ACTIVE) | B (KN_VM_ERROR), B (KN_TASK_NONE), KN_TASK_POWERING_OFF },
    [KN_ACT_REBOOT_SOFT] = { "reboot", "reboot", "compute_reboot_instance", "server.reboot",
                             B (KN_VM_ACTIVE), B (KN_TASK_NONE), KN_TASK_REBOOTING },
    [KN_ACT_REBOOT_HARD]
    = { "reboot", "reboot", "compute_reboot_instance", "server.reboot-hard",
        B (KN_VM_ACTIVE) | B (KN_VM_STOPPED) | B (KN_VM_PAUSED) | B (KN_VM_SUSPENDED)
            | B (KN_VM_ERROR),
        B (KN_TASK_NONE) | B (KN_TASK_REBOOTING) | B (KN_TASK_REBOOT_STARTED) | B (KN_TASK_PAUSING)
            | B (KN_TASK_UNPAUSING) | B (KN_TASK_SUSPENDING) | B (KN_TASK_RESUMING),
        KN_TASK_REBOOTING_HARD },
    [KN_ACT_REBUILD] = { "rebuild", "rebuild", "compute_rebuild_instance", "server.rebuild",
                         B (KN_VM_ACTIVE) | B (KN_VM_STOPPED) | B (KN_VM_ERROR), B (KN_TASK_NONE),
                         KN_TASK_REBUILDING },
    [KN_ACT_PAUSE] = { "pause", "pause", "compute_pause_instance", "server.pause", B (KN_VM_ACTIVE),
                       B (KN_TASK_NONE), KN_TASK_PAUSING },
    [KN_ACT_UNPAUSE] = { "unpause", "unpause", "compute_unpause_instance", "server.unpause",
                         B (KN_VM_PAUSED), B (KN_TASK_NONE), KN_TASK_UNPAUSING },
    [KN_ACT_SUSPEND] = { "suspend", "suspend", "compute_suspend_instance", "server.suspend",
                         B (KN_VM_ACTIVE), B (KN_TASK_NONE), KN_TASK_SUSPENDING },
    [KN_ACT_RESUME] = { "resume", "resume", "compute_resume_instance", "server.resume",
                        B (KN_VM_SUSPENDED), B (KN_TASK_NONE), KN_TASK_RESUMING },
    [KN_ACT_SNAPSHOT]
    = { "snapshot", "createImage", "compute_snapshot_instance", "server.snapshot",
        B (KN_VM_ACTIVE) | B (KN_VM_STOPPED) | B (KN_VM_PAUSED) | B (KN_VM_SUSPENDED),
        B (KN_TASK_NONE), KN_TASK_IMAGE_SNAPSHOT_PENDING, .of_locked = true },
    [KN_ACT_BACKUP]
    = { "backup", "createBackup", "compute_backup_instance", "server.backup",
        B (KN_VM_ACTIVE) | B (KN_VM_STOPPED) | B (KN_VM_PAUSED) | B (KN_VM_SUSPENDED),
        B (KN_TASK_NONE), KN_TASK_IMAGE_BACKUP, .of_locked = true },
    [KN_ACT_DELETE] = { "delete", "delete", "compute_terminate_instance", "server.delete", ANY_VM,
                        ANY_TASK, KN_TASK_DELETING },
};

const char *
kn_vm_state_name (KnVmState state)
{
    return vm_names[state];
}

KnVmState
kn_vm_state_from_name (const char *name)
{
    for (guint i = 0; i < KN_VM_N; i++)
        if (g_strcmp0 (vm_names[i], name) == 0)
            return i;

    return KN_VM_ERROR;
}

const char *
kn_task_name (KnTask task)
{
    return task_names[task];
}

KnTask
kn_task_from_name (const char *name)
{
    for (guint i = 0; name != NULL && i < KN_TASK_N; i++)
        if (g_strcmp0 (task_names[i], name) == 0)
            return i;

    return KN_TASK_NONE;
}

const char *
kn_server_status (const KnServer *server)
{
    const TaskStatus *by_task = &task_status[server->task];

    if (server->deleted)
        return vm_status[KN_VM_DELETED];
    return (by_task->vm_states & B (server->vm)) != 0 ? by_task->status : vm_status[server->vm];
}

bool
kn_server_status_has_progress (const char *status)
{
    static const char *const with[]
        = { "ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING", NULL };

    return g_strv_contains (with, status);
}

const KnActRule *
kn_act_rule (KnAct act)
{
    return &acts[act];
}

bool
kn_server_check_act (const KnServer *server, KnAct act, GError **error)
{
    const KnActRule *rule = &acts[act];

    if ((rule->vm_states & B (server->vm)) == 0) {
        kn_error_public (error, KN_ERROR_CONFLICT,
                         "Cannot '%s' instance %s while it is in vm_state %s", rule->name,
                         server->uuid, vm_names[server->vm]);
        return false;
    }
    if ((rule->tasks & B (server->task)) == 0) {
        kn_error_public (error, KN_ERROR_CONFLICT,
                         "Cannot '%s' instance %s while it is in task_state %s", rule->name,
                         server->uuid, task_names[server->task]);
        return false;
    }

    return true;
}

char *
kn_server_domain_name (const KnServer *server)
{
    return g_strdup_printf ("instance-%08x", (guint)server->id);
}

char *
kn_server_hostname (const char *name, const char *uuid)
{
    g_autoptr (GString) host = g_string_new (NULL);

    for (const char *p = name; *p != '\0' && host->len < 63; p++) {
        if (g_ascii_isalnum (*p) || *p == '-')
            g_string_append_c (host, g_ascii_tolower (*p));
        else if (*p == ' ' || *p == '_' || *p == '.')
            g_string_append_c (host, '-');
    }
    while (host->len > 0 && host->str[host->len - 1] == '-')
        g_string_truncate (host, host->len - 1);
    while (host->len > 0 && host->str[0] == '-')
        g_string_erase (host, 0, 1);

    if (host->len == 0)
        return g_strdup_printf ("server-%s", uuid);
    return g_strdup (host->str);
}

char *
kn_server_host_id (const KnServer *server)
{
    g_autoptr (GChecksum) sum = NULL;

    if (server->host == NULL)
        return g_strdup ("");

    /* Salted with the project, so that projects cannot compare notes; 56 digits as clients expect. */
    sum = g_checksum_new (G_CHECKSUM_SHA256);
    g_checksum_update (sum, (const guchar *)server->project_id, -1);
    g_checksum_update (sum, (const guchar *)server->host, -1);

    return g_strndup (g_checksum_get_string (sum), 56);
}

char *
kn_server_new_password (void)
{
    static const char letters[] = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    char *password = g_new0 (char, 13);

    for (guint i = 0; i < 12; i++)
        password[i] = letters[randombytes_uniform (sizeof letters - 1)];

    return password;
}

void
kn_server_free (KnServer *server)
{
    if (server == NULL)
        return;
    if (server->text != NULL)
        g_string_chunk_free (server->text);
    g_free (server);
}
