/* SPDX-License-Identifier: Apache-2.0 */
/* Findings over HTTP, and their count for monitoring from an audit of all servers now and then. */
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "compute/compute_priv.h"
#include "compute/findings.h"
#include "doctor/report.h"

/* The audits of one process. */
struct KnAudits {
    KnCompute *compute;
    GThread *thread;
    GMutex lock; /* everything below */
    GCond changed;
    bool stop, has_counts;
    gint64 counts[KN_SEVERITY_N];
};

static void
take_counts (KnAudits *audits, const GPtrArray *findings)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&audits->lock);

    for (gsize i = 0; i < KN_SEVERITY_N; i++)
        audits->counts[i] = 0;
    for (guint i = 0; i < findings->len; i++)
        audits->counts[((const KnFinding *)findings->pdata[i])->severity]++;
    audits->has_counts = true;
}

static void
audit_all (KnAudits *audits)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnFleet) fleet = kn_compute_load_fleet (audits->compute, NULL, &error);

    if (!fleet) {
        kn_log (KN_LOG_WARNING, "cannot audit the servers", "why", error->message, NULL);
        return;
    }
    g_autoptr (GPtrArray) findings = kn_doctor_examine (fleet, NULL);
    take_counts (audits, findings);
}

/* Whether it is time for another audit; false: the end. */
static bool
wait_until (KnAudits *audits, gint64 when_us)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&audits->lock);

    while (!audits->stop && g_get_monotonic_time () < when_us)
        (void)g_cond_wait_until (&audits->changed, &audits->lock, when_us);
    return !audits->stop;
}

static gpointer
run_audits (gpointer data)
{
    KnAudits *audits = data;
    gint64 interval_us
        = kn_config_int (audits->compute->config, "doctor.audit_interval") * G_USEC_PER_SEC;
    /* The first one lets what was just started settle. */
    gint64 next_us = g_get_monotonic_time () + MIN (interval_us, G_USEC_PER_SEC * (gint64)60);

    while (interval_us > 0 && wait_until (audits, next_us)) {
        audit_all (audits);
        next_us = g_get_monotonic_time () + interval_us;
    }
    return NULL;
}

KnAudits *
kn_audits_new (KnCompute *compute)
{
    KnAudits *audits = g_new0 (KnAudits, 1);

    audits->compute = compute;
    g_mutex_init (&audits->lock);
    g_cond_init (&audits->changed);
    audits->thread = g_thread_new ("audits", run_audits, audits);
    return audits;
}

void
kn_audits_free (KnAudits *audits)
{
    if (!audits)
        return;
    g_mutex_lock (&audits->lock);
    audits->stop = true;
    g_cond_broadcast (&audits->changed);
    g_mutex_unlock (&audits->lock);
    (void)g_thread_join (audits->thread);
    g_mutex_clear (&audits->lock);
    g_cond_clear (&audits->changed);
    g_free (audits);
}

void
kn_audits_write_metrics (KnAudits *audits, GString *out)
{
    g_autoptr (GMutexLocker) locker = audits ? g_mutex_locker_new (&audits->lock) : NULL;

    if (!audits || !audits->has_counts)
        return;
    g_string_append (out, "# HELP kilonova_findings What the doctor found in the servers at the "
                          "last audit.\n"
                          "# TYPE kilonova_findings gauge\n");
    for (gsize i = 0; i < KN_SEVERITY_N; i++)
        g_string_append_printf (out, "kilonova_findings{severity=\"%s\"} %" G_GINT64_FORMAT "\n",
                                kn_severity_name (i), audits->counts[i]);
}

/* ---- the route ---- */

static bool
choose_rule (KnRequest *req, const KnDoctorRule **out_rule, GError **error)
{
    const char *name = kn_request_query (req, "rule");

    *out_rule = name ? kn_doctor_rule_find (name) : NULL;
    if (!name || *out_rule)
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "There is no rule '%.64s'.", name);
    return false;
}

static void
keep_server (GPtrArray *findings, const char *server)
{
    for (guint i = findings->len; server && i-- > 0;)
        if (g_strcmp0 (((KnFinding *)findings->pdata[i])->server, server) != 0)
            g_ptr_array_remove_index (findings, i);
}

/* Users learn neither which host they are on nor paths there. */
static void
hide_hosts (KnFleet *fleet, GPtrArray *findings)
{
    g_ptr_array_set_size (fleet->hosts, 0);
    for (guint i = 0; i < findings->len; i++)
        kn_finding_hide_hosts (findings->pdata[i]);
}

bool
kn_compute_reply_findings (KnCompute *compute, KnRequest *req, GError **error)
{
    bool admin = kn_request_is_admin (req);
    const char *project = admin ? NULL : kn_request_auth (req)->project_id;
    const KnDoctorRule *rule = NULL;

    if (!choose_rule (req, &rule, error))
        return false;
    g_autoptr (KnFleet) fleet = kn_compute_load_fleet (compute, project, error);
    if (!fleet)
        return false;
    g_autoptr (GPtrArray) findings = kn_doctor_examine (fleet, rule);
    KnAudits *audits = g_atomic_pointer_get (&compute->audits);
    if (admin && !rule && audits)
        take_counts (audits, findings);
    keep_server (findings, kn_request_query (req, "server"));
    kn_doctor_try_plans (fleet, findings);
    if (!admin)
        hide_hosts (fleet, findings);

    g_autofree char *text = kn_doctor_format_json (fleet, findings);
    g_autoptr (KnJw) w = kn_jw_new ();
    kn_jw_raw (w, text);
    kn_request_reply_json (req, 200, w);
    return true;
}

static bool
findings_list (KnRequest *req, GError **error)
{
    return kn_compute_reply_findings (kn_compute_of (req), req, error);
}

static const KnRoute routes[] = {
    { "GET", "/v2.1/kilonova-findings", findings_list, .role = KN_ROLE_READER, .run = KN_WORKER },
};

void
kn_findings_add_routes (GArray *all)
{
    g_array_append_vals (all, routes, G_N_ELEMENTS (routes));
}
