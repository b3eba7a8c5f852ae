/* SPDX-License-Identifier: Apache-2.0 */
/* The parts that jobs on servers are put together from. */
#include "compute/server_work.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/util.h"
#include "compute/clock.h"
#include "compute/config_drive.h"
#include "compute/facts.h"
#include "compute/json_table.h"
#include "compute/move.h"
#include "compute/placement.h"
#include "compute/secure_boot.h"
#include "virt/volume.h"

/* How often a guest that is asked to shut down is asked again, and how soon a delete is noticed. */
#define ASK_SLICE_MS 5000

bool
kn_server_work_begin (KnServerWork *work, KnJob *job, gpointer data, GError **error)
{
    GError *local = NULL;

    work->compute = data;
    work->job = job;
    work->db = kn_job_db (job);
    work->server = kn_store_server_find (work->db, kn_job_object (job), &local);
    if (local != NULL) {
        g_propagate_error (error, local);
        return false;
    }
    if (work->server == NULL || work->server->deleted) {
        g_clear_pointer (&work->server, kn_server_free);
        return true;
    }
    work->alive = work->server->task != KN_TASK_DELETING;
    work->host = work->server->host != NULL
                     ? kn_virt_find_host (work->compute->virt, work->server->host)
                     : NULL;
    if (work->host == NULL) {
        kn_error_public (error, KN_ERROR_UNAVAILABLE, "Compute host %s is not known here.",
                         work->server->host != NULL ? work->server->host : "(none)");
        return false;
    }

    return true;
}

void
kn_server_work_clear (KnServerWork *work)
{
    g_clear_pointer (&work->server, kn_server_free);
    g_clear_pointer (&work->host, kn_virt_host_unref);
}

bool
kn_server_work_set_task (KnServerWork *work, KnTask task, GError **error)
{
    return kn_store_server_set_task (work->db, work->server->uuid, task, &work->alive, error);
}

/* The overlay on the image's bytes. The image may be out of the API already: the server's own record says what it is. */
static bool
ensure_root_disk (KnServerWork *work, GError **error)
{
    const char *image_id = work->server->image_ref;
    g_autofree char *name = kn_server_disk_name (work->server);
    g_autoptr (GHashTable) system = NULL;
    const char *driver;
    struct stat info;

    system = kn_store_meta_load (work->db, KN_META_SYSTEM, work->server->uuid, error);
    if (system == NULL)
        return false;
    driver = kn_image_driver (
        &(const KnImage){ .disk_format = g_hash_table_lookup (system, "image_disk_format") });
    if (driver == NULL) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "Image %s has a format that no guest can start from.", image_id);
        return false;
    }

    kn_autofd fd = kn_image_open (work->compute->images, image_id, error);
    if (fd < 0)
        return false;
    if (fstat (fd, &info) != 0) {
        kn_error_set_errno (error, errno, "cannot read the size of image '%s'", image_id);
        return false;
    }

    return kn_volume_ensure_image (work->host, image_id, fd, (guint64)info.st_size, error)
           && kn_volume_create_overlay (work->host, name, image_id, driver,
                                        (guint64)work->server->root_gib * GIB, error);
}

bool
kn_server_ensure_disks (KnServerWork *work, GError **error)
{
    const KnServer *server = work->server;
    g_autofree char *ephemeral = kn_server_ephemeral_name (server);
    g_autofree char *swap = kn_server_swap_name (server);

    if (!ensure_root_disk (work, error))
        return false;
    if (server->ephemeral_gib > 0
        && !kn_volume_create_empty (work->host, ephemeral, "qcow2",
                                    (guint64)server->ephemeral_gib * GIB, error))
        return false;

    return server->swap_mib == 0
           || kn_volume_create_empty (work->host, swap, "qcow2", (guint64)server->swap_mib * MIB,
                                      error);
}

bool
kn_server_ensure_config_drive (KnServerWork *work, GError **error)
{
    const KnServer *server = work->server;
    g_autofree char *name = kn_server_config_name (server);
    g_autoptr (GHashTable) metadata = NULL;
    const char *kms_host = kn_config_string (work->compute->config, "compute.kms_host");
    g_autoptr (GPtrArray) ports = NULL;
    g_autoptr (GBytes) bytes = NULL;
    g_auto (GStrv) ntp = NULL;

    if (server->config_drive == NULL || *server->config_drive == '\0')
        return true;
    metadata = kn_store_meta_load (work->db, KN_META_USER, server->uuid, error);
    ports = metadata != NULL ? kn_network_list_ports (work->db, server->uuid, error) : NULL;
    ntp = ports != NULL ? kn_network_list_ntp (work->compute->networks, work->db, ports, error)
                        : NULL;
    if (ntp == NULL)
        return false;
    bytes = kn_config_drive_new (
        &(KnConfigDrive){
            .uuid = server->uuid,
            .name = server->name,
            .hostname = server->hostname,
            .project_id = server->project_id,
            .zone = server->zone,
            .launch_index = server->launch_index,
            .key_name = server->key_name,
            .key_type = server->key_type,
            .public_key = server->key_data,
            .admin_pass = server->admin_pass,
            .user_data = server->user_data,
            .kms_host = *kms_host != '\0' ? kms_host : NULL,
            .ntp = ntp,
            .metadata = metadata,
            .ports = ports,
        },
        error);
    if (bytes == NULL)
        return false;

    return kn_volume_put (work->host, name, g_bytes_get_data (bytes, NULL),
                          g_bytes_get_size (bytes), error);
}

/* Decisions and their reasons, for the API and for `explain`. */
static char *
format_decisions (const KnGuestPlan *plan)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_array (w);
    for (gsize i = 0; i < kn_guest_plan_count (plan); i++) {
        const KnGuestDecision *decision = kn_guest_plan_decision (plan, i);

        kn_jw_object (w);
        kn_jw_string_member (w, "path", decision->path);
        kn_jw_string_member (w, "value", decision->value);
        kn_jw_string_member (w, "rule", decision->rule);
        kn_jw_string_member (w, "source", decision->source);
        kn_jw_string_member (w, "reason", decision->reason);
        kn_jw_bool_member (w, "warning", decision->warning);
        kn_jw_end (w);
    }
    kn_jw_end (w);

    return kn_jw_finish (w, NULL);
}

static bool
define_once (KnServerWork *work, const KnGuestFacts *facts, KnServerPlan *out_plan,
             GHashTable **out_identity, GError **error)
{
    g_autoptr (KnGuestPlan) plan = kn_guest_plan_new (facts, error);
    g_autofree char *xml = plan != NULL ? kn_guest_plan_format_xml (plan, error) : NULL;
    g_autofree char *defined = NULL;

    if (xml == NULL || !kn_server_claim_placement (work, facts, plan, error)
        || !kn_domain_define (work->host, xml, error))
        return false;
    defined = kn_domain_load_xml (work->host, work->server->uuid, false, error);
    if (defined == NULL)
        return false;

    g_autoptr (GHashTable) identity = kn_guest_plan_identity (plan);
    if (!kn_guest_identity_learn (identity, defined, error))
        return false;
    kn_identity_settle (identity, kn_virt_host_name (work->host));

    *out_plan = (KnServerPlan){
        .identity = kn_json_table_format (identity),
        .xml = g_steal_pointer (&xml),
        .plan = format_decisions (plan),
    };
    *out_identity = g_steal_pointer (&identity);

    return true;
}

/* Whether libvirt has found a slot for something that had none. */
static bool
has_news (GHashTable *learned, GHashTable *frozen)
{
    GHashTableIter iter;
    gpointer key;

    if (frozen == NULL)
        return true;
    g_hash_table_iter_init (&iter, learned);
    while (g_hash_table_iter_next (&iter, &key, NULL))
        if (!g_hash_table_contains (frozen, key))
            return true;

    return false;
}

/* The first definition lets libvirt choose the slots, the second writes them down: from then on nothing moves. */
bool
kn_server_define (KnServerWork *work, KnServerPlan *out_plan, GError **error)
{
    g_auto (KnServerFacts) facts = { 0 };
    g_autoptr (GHashTable) first = NULL;
    g_autoptr (GHashTable) second = NULL;
    KnServerPlan plan = { 0 };

    /* What was heard of the guest's clock is among the facts. */
    if (!kn_server_clock_settle (work->compute, work->db, work->server->uuid, error)
        || !kn_server_facts_load (work->compute, work->db, work->server, work->host, &facts, error)
        || !kn_identity_check_move (facts.facts.identity, work->server->uuid,
                                    kn_virt_host_name (work->host), error)
        || !define_once (work, &facts.facts, &plan, &first, error))
        return false;
    if (has_news (first, facts.facts.identity)) {
        kn_server_plan_clear (&plan);
        facts.facts.identity = first;
        if (!define_once (work, &facts.facts, &plan, &second, error))
            return false;
    }
    *out_plan = plan;

    return true;
}

typedef bool (*Starter) (KnServerWork *work, GError **error);

static bool
start_fresh (KnServerWork *work, GError **error)
{
    const char *id = work->server->uuid;

    return kn_server_clock_note_start (work->compute, work->db, work->server, work->host, error)
           && kn_domain_start (work->host, id, error);
}

/* Its clock goes on as it was defined when it was saved. */
static bool
restore (KnServerWork *work, GError **error)
{
    return kn_domain_restore (work->host, work->server->uuid, error);
}

/* Where the hypervisor refuses because a wire has gone meanwhile, the wire is the reason to tell, not the refusal. */
static bool
start_by (KnServerWork *work, Starter starter, GError **error)
{
    const char *id = work->server->uuid;
    g_autoptr (GError) refusal = NULL;

    if (starter (work, &refusal))
        return true;
    if (!kn_network_check (work->compute->networks, work->db, id, error)) {
        kn_log (KN_LOG_WARNING, "a server was refused for want of its network", "server", id, "why",
                refusal->message, NULL);
        return false;
    }
    g_propagate_error (error, g_steal_pointer (&refusal));
    return false;
}

static bool
start_domain (KnServerWork *work, GError **error)
{
    return start_by (work, start_fresh, error);
}

static bool
wire_and_start (KnServerWork *work, Starter starter, GError **error)
{
    const char *id = work->server->uuid;
    KnCompute *compute = work->compute;

    return kn_network_prepare (compute->networks, work->db, id, error)
           && start_by (work, starter, error)
           && kn_network_confirm (compute->networks, work->db, id, error);
}

bool
kn_server_power_on (KnServerWork *work, GError **error)
{
    return wire_and_start (work, start_fresh, error);
}

bool
kn_server_restore (KnServerWork *work, GError **error)
{
    return wire_and_start (work, restore, error);
}

/* Files of a server whose first boot failed before it had them. */
static bool
ensure_files (KnServerWork *work, GError **error)
{
    return work->server->launched_at != NULL
           || (kn_server_ensure_disks (work, error) && kn_server_ensure_config_drive (work, error));
}

/* Puts the last good definition back and starts it; @why is what the new one was refused with. */
static bool
start_with_old (KnServerWork *work, const KnServerPlan *old, const GError *why, GError **error)
{
    const char *id = work->server->uuid;
    g_autofree char *note = NULL;

    if (old->xml == NULL || kn_error_is_transient (why)) {
        if (error != NULL)
            *error = g_error_copy (why);
        return false;
    }
    note
        = g_strdup_printf ("Started with its earlier definition, since the new one was refused: %s",
                           kn_error_sentence (why));
    kn_log (KN_LOG_WARNING, "a server's new definition was refused, its earlier one is used",
            "server", id, "why", why->message, NULL);

    return kn_domain_define (work->host, old->xml, error) && kn_server_power_on (work, error)
           && kn_history_note (work->db, id, kn_job_request_id (work->job), note, error);
}

bool
kn_server_start_anew (KnServerWork *work, GError **error)
{
    const char *id = work->server->uuid;
    g_auto (KnServerPlan) old = { 0 };
    g_auto (KnServerPlan) plan = { 0 };
    g_autoptr (GError) why = NULL;

    /* Not even its earlier definition may start where its state is not. */
    if (!kn_server_check_move (work->db, work->server, kn_virt_host_name (work->host), error)
        || !kn_store_server_load_plan (work->db, id, &old, error) || !ensure_files (work, error))
        return false;
    if (!kn_server_define (work, &plan, &why)
        || !kn_network_prepare (work->compute->networks, work->db, id, &why)
        || !start_domain (work, &why))
        return start_with_old (work, &old, why, error);

    return kn_network_confirm (work->compute->networks, work->db, id, error)
           && kn_store_server_set_plan (work->db, id, &plan, error);
}

/* Takes the power. QEMU tells a second late what a guest did to its clock, so that is looked at as late as can be. */
static bool
cut_power (KnServerWork *work, GError **error)
{
    KnDomainState state;

    if (!kn_domain_load_state (work->host, work->server->uuid, &state, error))
        return false;
    kn_server_clock_look (work->compute, work->db, work->server, work->host, state);

    return kn_domain_destroy (work->host, work->server->uuid, error);
}

/* A guest that set its clock after @plan was made, with @then, is defined anew. */
static bool
follow_clock (KnServerWork *work, const KnClockRow *then, KnServerPlan *plan, GError **error)
{
    const char *id = work->server->uuid;
    g_autoptr (KnClockRow) now = NULL;

    if (!kn_server_clock_settle (work->compute, work->db, id, error))
        return false;
    now = kn_store_clock_load (work->db, id, error);
    if (now == NULL)
        return false;
    if (now->has_offset == then->has_offset && now->offset_s == then->offset_s)
        return true;
    kn_server_plan_clear (plan);

    return kn_server_define (work, plan, error);
}

bool
kn_server_power_cycle (KnServerWork *work, GError **error)
{
    const char *id = work->server->uuid;
    g_auto (KnServerPlan) old = { 0 };
    g_auto (KnServerPlan) plan = { 0 };
    g_autoptr (KnClockRow) clock = kn_store_clock_load (work->db, id, error);
    g_autoptr (GError) why = NULL;

    /* All that can be refused comes before the power goes. */
    if (clock == NULL || !kn_store_server_load_plan (work->db, id, &old, error)
        || !ensure_files (work, error) || !kn_server_define (work, &plan, error)
        || !kn_network_prepare (work->compute->networks, work->db, id, error)
        || !cut_power (work, error) || !kn_domain_drop_saved (work->host, id, error)
        || !kn_fault ("compute.power-cycle.off", error)
        || !follow_clock (work, clock, &plan, error))
        return false;
    if (start_domain (work, &why))
        return kn_network_confirm (work->compute->networks, work->db, id, error)
               && kn_store_server_set_plan (work->db, id, &plan, error);

    if (!start_with_old (work, &old, why, error))
        return false;
    g_propagate_error (error, g_steal_pointer (&why));

    return false;
}

/* Whether somebody has asked for something else meanwhile: a delete, a hard reboot. */
static bool
is_overtaken (KnServerWork *work, bool *out_overtaken, GError **error)
{
    GError *local = NULL;
    g_autoptr (KnServer) now = kn_store_server_find (work->db, work->server->uuid, &local);

    if (local != NULL) {
        g_propagate_error (error, local);
        return false;
    }
    *out_overtaken = now == NULL || now->deleted || now->task == KN_TASK_DELETING
                     || now->task == KN_TASK_REBOOTING_HARD;

    return true;
}

bool
kn_server_ask_off (KnServerWork *work, gint64 timeout_s, bool *out_off, GError **error)
{
    gint64 deadline = g_get_monotonic_time () + timeout_s * G_USEC_PER_SEC;
    bool overtaken = false;

    *out_off = false;
    while (!overtaken) {
        gint64 left_ms = (deadline - g_get_monotonic_time ()) / 1000;
        GError *local = NULL;

        if (left_ms <= 0)
            return true;
        if (kn_domain_shutdown (work->host, work->server->uuid, (guint)MIN (left_ms, ASK_SLICE_MS),
                                &local)) {
            *out_off = true;
            return true;
        }
        /* No domain, or one that is off: what was asked for. */
        if (g_error_matches (local, KN_ERROR, KN_ERROR_NOT_FOUND)
            || g_error_matches (local, KN_ERROR, KN_ERROR_CONFLICT)) {
            g_error_free (local);
            *out_off = true;
            return true;
        }
        if (!g_error_matches (local, KN_ERROR, KN_ERROR_TIMEOUT)) {
            g_propagate_error (error, local);
            return false;
        }
        g_clear_error (&local);
        if (kn_job_cancelled (work->job)) {
            kn_error_set (error, KN_ERROR_UNAVAILABLE, "the controller stops");
            return false;
        }
        if (!is_overtaken (work, &overtaken, error))
            return false;
    }
    work->alive = false;

    return true;
}

bool
kn_server_power_off (KnServerWork *work, GError **error)
{
    return cut_power (work, error)
           && kn_network_unplug (work->compute->networks, work->db, work->server->uuid, error);
}

void
kn_server_state_of_domain (KnDomainState state, KnVmState *out_vm, KnPower *out_power)
{
    static const struct {
        KnVmState vm;
        KnPower power;
    } states[KN_DOMAIN_N] = {
        [KN_DOMAIN_NONE] = { KN_VM_STOPPED, KN_POWER_SHUTDOWN },
        [KN_DOMAIN_RUNNING] = { KN_VM_ACTIVE, KN_POWER_RUNNING },
        [KN_DOMAIN_PAUSED] = { KN_VM_PAUSED, KN_POWER_PAUSED },
        [KN_DOMAIN_SHUTOFF] = { KN_VM_STOPPED, KN_POWER_SHUTDOWN },
        [KN_DOMAIN_CRASHED] = { KN_VM_STOPPED, KN_POWER_CRASHED },
        [KN_DOMAIN_SAVED] = { KN_VM_SUSPENDED, KN_POWER_SHUTDOWN },
    };

    *out_vm = states[state].vm;
    *out_power = states[state].power;
}

typedef struct {
    KnServerWork *work;
    KnAct act;
    KnVmState vm;
    KnPower power;
} Settlement;

static bool
settle_txn (KnDb *db, gpointer data, GError **error)
{
    const Settlement *s = data;
    const KnServer *server = s->work->server;
    const char *request_id = kn_job_request_id (s->work->job);

    return kn_store_server_settle (db, server->uuid, s->vm, s->power, &s->work->alive, error)
           && (s->vm != KN_VM_ACTIVE || kn_store_server_set_launched (db, server->uuid, error))
           && kn_history_end (db, server->uuid, s->act, request_id, server->host, NULL, error);
}

/* Whether the firmware ran, or no longer runs, for the act: then its variables may be others. */
static bool
writes_variables (KnAct act)
{
    static const KnAct acts[] = { KN_ACT_CREATE, KN_ACT_REBUILD,     KN_ACT_START,
                                  KN_ACT_STOP,   KN_ACT_REBOOT_SOFT, KN_ACT_REBOOT_HARD };

    for (gsize i = 0; i < G_N_ELEMENTS (acts); i++)
        if (acts[i] == act)
            return true;
    return false;
}

bool
kn_server_settle (KnServerWork *work, KnAct act, KnVmState vm, KnPower power, GError **error)
{
    Settlement settlement = { work, act, vm, power };

    if (writes_variables (act))
        kn_server_record_keys (work);
    return kn_db_txn (work->db, settle_txn, &settlement, error);
}

bool
kn_server_settle_as_seen (KnServerWork *work, KnAct act, GError **error)
{
    KnDomainState state;
    KnVmState vm;
    KnPower power;

    if (!kn_domain_load_state (work->host, work->server->uuid, &state, error))
        return false;
    kn_server_state_of_domain (state, &vm, &power);

    return kn_server_settle (work, act, vm, power, error);
}

typedef struct {
    const KnServer *server;
    const char *request_id;
    KnAct act;
    KnVmState vm;
    KnPower power;
    const GError *why;
} Failure;

static bool
fail_txn (KnDb *db, gpointer data, GError **error)
{
    const Failure *f = data;
    const KnServer *server = f->server;
    const char *sentence = kn_error_sentence (f->why);
    bool ok = f->act == KN_ACT_DELETE
                  ? kn_store_server_force_state (db, server->uuid, f->vm, f->power, error)
                  : kn_store_server_settle (db, server->uuid, f->vm, f->power, NULL, error);

    return ok
           && kn_history_add_fault (db, server->uuid, kn_error_status (f->why), sentence,
                                    f->why->message, server->host, error)
           && kn_history_end (db, server->uuid, f->act, f->request_id, server->host, sentence,
                              error);
}

void
kn_server_fail (KnJob *job, gpointer data, KnAct act, KnFailure how, const GError *why)
{
    g_auto (KnServerWork) work = { 0 };
    g_autoptr (GError) error = NULL;
    KnDomainState state = KN_DOMAIN_NONE;
    Failure failure = { .request_id = kn_job_request_id (job), .act = act, .why = why };

    (void)kn_server_work_begin (&work, job, data, NULL);
    if (work.server == NULL)
        return;
    if (work.host != NULL)
        (void)kn_domain_load_state (work.host, work.server->uuid, &state, NULL);
    failure.server = work.server;
    kn_server_state_of_domain (state, &failure.vm, &failure.power);
    if (how == KN_FAIL_ERROR)
        failure.vm = KN_VM_ERROR;
    if (state == KN_DOMAIN_NONE)
        failure.power = KN_POWER_NONE;

    if (!kn_db_txn (work.db, fail_txn, &failure, &error))
        kn_log (KN_LOG_ERROR, "cannot record that work on a server failed", "server",
                work.server->uuid, "why", error->message, NULL);
}
