/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of disks by QEMU's own backup job in push mode: what the disk held when the job began, read through all its layers,
 * written to a volume that stands alone. The guest goes on meanwhile. */
#include <string.h>

#include "base/fault.h"
#include "base/id.h"
#include "virt/domain.h"
#include "virt/virt_priv.h"

#define TIMEOUT_MS 45000
#define START_TIMEOUT_MS 120000
/* How long a job that was told to end may take. */
#define ABORT_WAIT_MS 20000
#define ABORT_LOOK_MS 100

/* A guest stands still while the job begins, and for as long as this when the whole job takes no longer. */
#define STILL_MAX_MS 100
#define STILL_LOOK_MS 5

#define READER_PREFIX "kilonova-copy-"
#define READER_MIB 16

bool
kn_disk_copy_is_reader (const char *name)
{
    return g_str_has_prefix (name, READER_PREFIX);
}

/* The uuid of the domain that reads the disk of a server that is off: always the same, so that it is found again. */
static char *
reader_uuid (const KnDiskCopy *copy)
{
    g_autofree char *name = g_strconcat (READER_PREFIX, copy->server, NULL);

    return kn_id_from_name (name);
}

/* ---- the domain that reads ---- */

static char *
format_reader (KnVirtHost *host, const KnDiskCopy *copy, GError **error)
{
    const KnVirtFacts *facts = kn_virt_host_facts (host, error);
    g_autofree char *uuid = reader_uuid (copy);
    g_autofree char *path = kn_volume_path (host, KN_POOL_INSTANCES, copy->disk);
    const char *machine;

    if (!facts)
        return NULL;
    machine = facts->default_q35 ? facts->default_q35 : facts->default_pc;
    return g_markup_printf_escaped (
        "<domain type='%s'><name>" READER_PREFIX "%s</name><uuid>%s</uuid>"
        "<metadata><kilonova:cloud xmlns:kilonova='" KN_VIRT_MARK_URI "' id='%s'/></metadata>"
        "<memory unit='MiB'>%d</memory><os><type arch='%s' machine='%s'>hvm</type></os>"
        "<devices><controller type='usb' model='none'/><memballoon model='none'/>"
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
        "<source file='%s'/><target dev='vda' bus='virtio'/><readonly/></disk></devices></domain>",
        facts->virt_type, copy->server, uuid, host->cloud_id, READER_MIB, facts->arch, machine,
        path);
}

/* It is made and never runs: its disk is only there to be read. */
static bool
start_reader (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    g_autoptr (virDomain) reader
        = virDomainCreateXML (call->conn, spec->text, VIR_DOMAIN_START_PAUSED);

    return reader || kn_virt_fail (call->host, call->conn, error);
}

/* ---- the job ---- */

/* The domain whose QEMU copies: the server's own, or the reader. */
static char *
find_copier (KnVirtHost *host, const KnDiskCopy *copy, bool *out_own, bool *out_running,
             GError **error)
{
    KnDomainState state = KN_DOMAIN_NONE;

    if (!kn_domain_load_state (host, copy->server, &state, error))
        return NULL;
    *out_running = state == KN_DOMAIN_RUNNING;
    *out_own = state == KN_DOMAIN_RUNNING || state == KN_DOMAIN_PAUSED;
    return *out_own ? g_strdup (copy->server) : reader_uuid (copy);
}

/* Whether a backup job is under way, and whose it is. */
static bool
load_job (KnDomainCall *call, const char *path, bool *out_any, bool *out_ours, GError **error)
{
    char *text = virDomainBackupGetXMLDesc (call->domain, 0);

    *out_any = text != NULL;
    *out_ours = false;
    if (!text) {
        int number = kn_virt_last_number ();

        if (number != VIR_ERR_NO_DOMAIN_BACKUP && number != VIR_ERR_OPERATION_INVALID
            && number != VIR_ERR_NO_SUPPORT)
            return kn_virt_fail (call->host, call->conn, error);
        virResetLastError ();
        return true;
    }
    g_autoptr (KnXmlView) view = kn_xml_view_new (text, error);

    free (text);
    if (!view)
        return false;
    g_auto (GStrv) targets = kn_xml_view_list (view, "//target/@file");

    *out_ours = g_strv_contains ((const char *const *)targets, path);
    return true;
}

/* Waits for news of any domain of the host, at most @ms. */
static void
wait_a_while (KnVirtHost *host, guint ms)
{
    kn_virt_wait_for_event (host, kn_virt_event_serial (host),
                            g_get_monotonic_time () + (gint64)ms * 1000);
}

/* Ends our job and waits until it is over; .text: the path of the copy. */
static bool
abort_job (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time () + ABORT_WAIT_MS * G_TIME_SPAN_MILLISECOND;
    bool any = false, ours = false, told = false;

    for (;;) {
        if (!load_job (call, spec->text, &any, &ours, error))
            return false;
        if (!ours)
            return true;
        if (!told && virDomainAbortJob (call->domain) < 0)
            virResetLastError (); /* over by itself, perhaps; the next look will tell */
        told = true;
        if (g_get_monotonic_time () >= deadline_us) {
            kn_error_set (error, KN_ERROR_TIMEOUT, "the copy of a disk does not end");
            return false;
        }
        wait_a_while (call->host, ABORT_LOOK_MS);
    }
}

/* The name under which the domain has the disk with the file @path. */
static char *
find_target (KnDomainCall *call, const char *path, GError **error)
{
    char *text = virDomainGetXMLDesc (call->domain, 0);

    if (!text) {
        (void)kn_virt_fail (call->host, call->conn, error);
        return NULL;
    }
    g_autoptr (KnXmlView) view = kn_xml_view_new (text, error);

    free (text);
    if (!view)
        return NULL;
    g_autofree char *query
        = g_strdup_printf ("/domain/devices/disk[source/@file='%s']/target/@dev", path);
    char *target = kn_xml_view_dup (view, query);

    if (!target)
        kn_error_set (error, KN_ERROR_INTERNAL, "the domain has no disk '%s'", path);
    return target;
}

/* .text: path of the disk, a newline, path of the copy. */
static bool
begin_job (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    g_auto (GStrv) paths = g_strsplit (spec->text, "\n", 2);
    g_autofree char *target = NULL, *xml = NULL;
    virTypedParameterPtr params = NULL;
    int type = 0, n_params = 0;
    bool any = false, ours = false;

    if (!load_job (call, paths[1], &any, &ours, error))
        return false;
    if (any) {
        kn_error_public (error, KN_ERROR_CONFLICT,
                         "A backup of the server is under way that Kilonova did not begin; try "
                         "again when it is over.");
        return false;
    }
    target = find_target (call, paths[0], error);
    if (!target)
        return false;
    xml = g_markup_printf_escaped (
        "<domainbackup mode='push'><disks><disk name='%s' backup='yes' type='file' "
        "backupmode='full'><target file='%s'/><driver type='qcow2'/></disk></disks>"
        "</domainbackup>",
        target, paths[1]);

    /* What an earlier job came to is forgotten, so that what is read later is this one's. */
    if (virDomainGetJobStats (call->domain, &type, &params, &n_params,
                              VIR_DOMAIN_JOB_STATS_COMPLETED)
        == 0)
        virTypedParamsFree (params, n_params);
    virResetLastError ();

    return virDomainBackupBegin (call->domain, xml, NULL, VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL)
               == 0
           || kn_virt_fail (call->host, call->conn, error);
}

typedef struct {
    int type;
    char *why;
} JobState;

static void
job_state_free (gpointer data)
{
    JobState *state = data;

    g_free (state->why);
    g_free (state);
}

static bool
load_stats (KnDomainCall *call, unsigned int flags, JobState *state, GError **error)
{
    virTypedParameterPtr params = NULL;
    const char *why = NULL;
    int n_params = 0;

    if (virDomainGetJobStats (call->domain, &state->type, &params, &n_params, flags) < 0)
        return kn_virt_fail (call->host, call->conn, error);
    if (virTypedParamsGetString (params, n_params, VIR_DOMAIN_JOB_ERRMSG, &why) == 1)
        state->why = kn_virt_error_scrub (why);
    virTypedParamsFree (params, n_params);
    virResetLastError ();
    return true;
}

/* How far the job is; once it is over, what it came to. */
static bool
look_at_job (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    JobState *state = g_new0 (JobState, 1);

    *out_result = state;
    return load_stats (call, 0, state, error)
           && (state->type != VIR_DOMAIN_JOB_NONE
               || load_stats (call, VIR_DOMAIN_JOB_STATS_COMPLETED, state, error));
}

/* ---- the four calls ---- */

static bool
is_test_host (KnVirtHost *host, bool *out_test, GError **error)
{
    g_autoptr (virConnect) conn = kn_virt_host_connection (host, error);

    *out_test = conn && kn_virt_is_test (conn);
    return conn != NULL;
}

static bool
abort_on (KnVirtHost *host, const char *uuid, const char *path, GError **error)
{
    GError *failed = NULL;

    if (kn_monitor_run (
            host, uuid,
            &(KnMonitorSpec){ .work = abort_job, .text = path, .timeout_ms = TIMEOUT_MS }, NULL,
            &failed))
        return true;
    if (!g_error_matches (failed, KN_ERROR, KN_ERROR_NOT_FOUND)) {
        g_propagate_error (error, failed);
        return false;
    }
    g_error_free (failed);
    return true;
}

bool
kn_disk_copy_end (KnVirtHost *host, const KnDiskCopy *copy, GError **error)
{
    g_autofree char *reader = reader_uuid (copy);
    g_autofree char *path = kn_volume_path (host, KN_POOL_INSTANCES, copy->copy);

    /* The reader's job ends with it. */
    return abort_on (host, copy->server, path, error) && kn_domain_destroy (host, reader, error);
}

static bool
make_volume (KnVirtHost *host, const KnDiskCopy *copy, GError **error)
{
    guint64 bytes = 0;

    return kn_volume_load_capacity (host, copy->disk, &bytes, error)
           && kn_volume_delete (host, copy->copy, error)
           && kn_volume_create_empty (host, copy->copy, "qcow2", bytes, error);
}

bool
kn_disk_copy_prepare (KnVirtHost *host, const KnDiskCopy *copy, bool *out_running, GError **error)
{
    g_autofree char *copier = NULL, *xml = NULL;
    bool test = false, own = false;

    if (!is_test_host (host, &test, error) || !kn_disk_copy_end (host, copy, error)
        || !make_volume (host, copy, error))
        return false;
    copier = find_copier (host, copy, &own, out_running, error);
    if (!copier)
        return false;
    if (own || test)
        return true;
    xml = format_reader (host, copy, error);

    return xml
           && kn_monitor_run (host, copy->server,
                              &(KnMonitorSpec){ .work = start_reader,
                                                .text = xml,
                                                .timeout_ms = START_TIMEOUT_MS },
                              NULL, error);
}

/* What the job's state means. */
static bool
judge (const JobState *state, bool *out_done, GError **error)
{
    *out_done = state->type == VIR_DOMAIN_JOB_COMPLETED;
    if (*out_done || state->type == VIR_DOMAIN_JOB_BOUNDED
        || state->type == VIR_DOMAIN_JOB_UNBOUNDED)
        return true;
    if (state->type == VIR_DOMAIN_JOB_FAILED || state->type == VIR_DOMAIN_JOB_CANCELLED) {
        bool full = state->why && strstr (state->why, "No space left on device");

        kn_error_public (error, full ? KN_ERROR_NO_SPACE : KN_ERROR_VIRT,
                         "The disk could not be copied: %s",
                         state->why ? state->why : "the hypervisor gave no reason.");
        return false;
    }
    /* libvirt was restarted in between and knows nothing of it: whether the copy is whole cannot be told. */
    kn_error_public (error, KN_ERROR_UNAVAILABLE, "The copy of the disk was interrupted.");
    return false;
}

/* Whether the job of @copier is over, well or not. */
static bool
look (KnVirtHost *host, const char *copier, bool *out_done, GError **error)
{
    gpointer result = NULL;
    GError *failed = NULL;

    if (kn_monitor_run (host, copier,
                        &(KnMonitorSpec){ .work = look_at_job,
                                          .timeout_ms = TIMEOUT_MS,
                                          .free_result = job_state_free },
                        &result, &failed)) {
        bool good = judge (result, out_done, error);

        job_state_free (result);
        return good;
    }
    /* The guest went off, or on, while its disk was being read. */
    if (g_error_matches (failed, KN_ERROR, KN_ERROR_NOT_FOUND)
        || g_error_matches (failed, KN_ERROR, KN_ERROR_CONFLICT)) {
        g_error_free (failed);
        kn_error_public (error, KN_ERROR_UNAVAILABLE,
                         "The guest was powered on or off while its disk was copied.");
        return false;
    }
    g_propagate_error (error, failed);
    return false;
}

static bool
begin_and_wait_a_little (KnVirtHost *host, const char *copier, const char *paths, bool *out_done,
                         GError **error)
{
    gint64 until_us = g_get_monotonic_time () + STILL_MAX_MS * G_TIME_SPAN_MILLISECOND;

    if (!kn_monitor_run (
            host, copier,
            &(KnMonitorSpec){ .work = begin_job, .text = paths, .timeout_ms = TIMEOUT_MS }, NULL,
            error)
        || !kn_fault ("virt.copy.held", error))
        return false;
    while (!*out_done && g_get_monotonic_time () < until_us) {
        wait_a_while (host, STILL_LOOK_MS);
        if (!look (host, copier, out_done, error))
            return false;
    }
    return true;
}

bool
kn_disk_copy_begin (KnVirtHost *host, const KnDiskCopy *copy, bool *out_done, GError **error)
{
    g_autofree char *from = kn_volume_path (host, KN_POOL_INSTANCES, copy->disk);
    g_autofree char *to = kn_volume_path (host, KN_POOL_INSTANCES, copy->copy);
    g_autofree char *paths = g_strconcat (from, "\n", to, NULL);
    g_autofree char *copier = NULL;
    bool test = false, own = false, running = false, begun;

    if (!is_test_host (host, &test, error))
        return false;
    *out_done = test;
    if (test)
        return true;
    copier = find_copier (host, copy, &own, &running, error);
    if (!copier || (running && !kn_domain_suspend (host, copier, error)))
        return false;
    begun = begin_and_wait_a_little (host, copier, paths, out_done, error);

    /* The first error counts; a guest that does not go on is one, too. */
    return (!running || kn_domain_resume (host, copier, begun ? error : NULL)) && begun;
}

bool
kn_disk_copy_poll (KnVirtHost *host, const KnDiskCopy *copy, guint pause_ms, bool *out_done,
                   GError **error)
{
    bool own = false, running = false;

    wait_a_while (host, pause_ms);
    g_autofree char *copier = find_copier (host, copy, &own, &running, error);

    return copier && look (host, copier, out_done, error);
}
