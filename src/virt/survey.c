/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at all domains of a host, through a connection of its own. */
#include "virt/survey.h"

#include <string.h>

#include "base/fault.h"
#include "virt/survey_priv.h"

#define RESTART_POLL_US 200000
#define NO_ID ((unsigned int)-1)

/* A URI without an address is this machine. */
static bool
is_local (const char *uri)
{
    g_autoptr (GUri) parsed = g_uri_parse (uri, G_URI_FLAGS_NONE, NULL);
    const char *address = parsed ? g_uri_get_host (parsed) : NULL;

    return !address || !*address;
}

static virConnectPtr
connect_to (const char *uri, KnSurveyMode mode, GError **error)
{
    /* The test driver's objects live in the daemon, and it has no read-only side. */
    virConnectPtr conn
        = mode == KN_SURVEY_READ ? virConnectOpenReadOnly (uri) : virConnectOpen (uri);

    if (conn)
        return conn;
    g_autofree char *why = kn_virt_error_scrub (virGetLastErrorMessage ());
    virResetLastError ();
    kn_error_set (error, KN_ERROR_UNAVAILABLE, "cannot reach the host '%s': %s", uri, why);
    return NULL;
}

KnSurvey *
kn_survey_open (const char *uri, KnSurveyMode mode, GError **error)
{
    g_autoptr (KnSurvey) survey = g_new0 (KnSurvey, 1);
    const KnVirtHostSpec spec
        = { .name = uri, .uri = uri, .virt_type = "auto", .local = is_local (uri) };

    survey->virt = kn_virt_new ("survey");
    survey->host = kn_virt_host_new (survey->virt, &spec);
    if (!kn_virt_loop_register (error))
        return NULL;
    survey->conn = connect_to (uri, mode, error);
    if (!survey->conn)
        return NULL;
    survey->secrets = mode == KN_SURVEY_CHANGE ? VIR_DOMAIN_XML_SECURE : 0;
    survey->invents = kn_virt_is_test (survey->conn);
    survey->local = is_local (uri);
    survey->facts = survey->own_facts = kn_virt_facts_load (survey->host, survey->conn, error);
    return survey->facts ? g_steal_pointer (&survey) : NULL;
}

KnSurvey *
kn_survey_of (KnVirtHost *host, GError **error)
{
    g_autoptr (KnSurvey) survey = g_new0 (KnSurvey, 1);

    survey->host = kn_virt_host_ref (host);
    survey->facts = kn_virt_host_facts (host, error);
    survey->conn = survey->facts ? kn_virt_host_connection (host, error) : NULL;
    if (!survey->conn)
        return NULL;
    survey->invents = kn_virt_is_test (survey->conn);
    survey->local = is_local (host->uri);
    return g_steal_pointer (&survey);
}

void
kn_survey_close (KnSurvey *survey)
{
    if (!survey)
        return;
    kn_virt_facts_free (survey->own_facts);
    if (survey->conn)
        (void)virConnectClose (survey->conn);
    kn_virt_host_unref (survey->host);
    kn_virt_free (survey->virt);
    g_free (survey);
}

const KnVirtFacts *
kn_survey_facts (const KnSurvey *survey)
{
    return survey->facts;
}

bool
kn_survey_invents (const KnSurvey *survey)
{
    return survey->invents;
}

bool
kn_survey_is_local (const KnSurvey *survey)
{
    return survey->local;
}

void
kn_survey_domain_free (gpointer data)
{
    KnSurveyDomain *domain = data;

    if (!domain)
        return;
    g_free (domain->uuid);
    g_free (domain->name);
    free (domain->persistent);
    free (domain->live);
    g_clear_pointer (&domain->vcpu_time_ns, g_array_unref);
    g_free (domain);
}

/* NULL without an error: it vanished. What was just looked up or listed knows by its id whether it runs, and one that does not
 * is persistent, so that most domains cost one question. */
static KnSurveyDomain *
look (KnSurvey *survey, virDomainPtr domain, GError **error)
{
    g_autoptr (KnSurveyDomain) seen = g_new0 (KnSurveyDomain, 1);
    char uuid[VIR_UUID_STRING_BUFLEN];
    int active = virDomainGetID (domain) != NO_ID;
    int persistent = active ? virDomainIsPersistent (domain) : 1;
    bool failed = persistent < 0;

    if (!failed && active > 0)
        failed = !(seen->live = virDomainGetXMLDesc (domain, 0));
    if (!failed && persistent > 0)
        failed = !(seen->persistent
                   = virDomainGetXMLDesc (domain, VIR_DOMAIN_XML_INACTIVE | survey->secrets));
    if (failed) {
        if (kn_virt_last_number () == VIR_ERR_NO_DOMAIN)
            virResetLastError ();
        else
            (void)kn_virt_fail (survey->host, survey->conn, error);
        return NULL;
    }
    (void)virDomainGetUUIDString (domain, uuid);
    seen->uuid = g_strdup (uuid);
    seen->name = g_strdup (virDomainGetName (domain));
    seen->balloon_update = -1;
    return g_steal_pointer (&seen);
}

GPtrArray *
kn_survey_list (KnSurvey *survey, GError **error)
{
    g_autoptr (GPtrArray) seen = g_ptr_array_new_with_free_func (kn_survey_domain_free);
    g_autoptr (GError) failure = NULL;
    virDomainPtr *domains = NULL;

    if (virConnectListAllDomains (survey->conn, &domains, 0) < 0) {
        (void)kn_virt_fail (survey->host, survey->conn, error);
        return NULL;
    }
    for (gsize i = 0; domains[i]; i++) {
        KnSurveyDomain *one = failure ? NULL : look (survey, domains[i], &failure);

        if (one)
            g_ptr_array_add (seen, one);
        (void)virDomainFree (domains[i]);
    }
    free (domains);
    if (!failure)
        return g_steal_pointer (&seen);
    g_propagate_error (error, g_steal_pointer (&failure));
    return NULL;
}

static virDomainPtr
find (KnSurvey *survey, const char *uuid, GError **error)
{
    virDomainPtr domain = virDomainLookupByUUIDString (survey->conn, uuid);

    if (!domain)
        (void)kn_virt_fail (survey->host, survey->conn, error);
    return domain;
}

KnSurveyDomain *
kn_survey_load (KnSurvey *survey, const char *uuid, GError **error)
{
    g_autoptr (virDomain) domain = find (survey, uuid, error);
    KnSurveyDomain *seen = domain ? look (survey, domain, error) : NULL;

    if (domain && !seen && error && !*error)
        kn_error_set (error, KN_ERROR_NOT_FOUND, "the domain '%s' has vanished", uuid);
    return seen;
}

/* ---- figures ---- */

/* One call that may hang; what it needs outlives the caller. */
typedef struct {
    gatomicrefcount refs;
    GMutex lock;
    GCond over;
    bool done;
    virConnectPtr conn;
    virDomainStatsRecordPtr *records;
} Figures;

static void
release_figures (Figures *figures)
{
    if (!g_atomic_ref_count_dec (&figures->refs))
        return;
    if (figures->records)
        virDomainStatsRecordListFree (figures->records);
    (void)virConnectClose (figures->conn);
    g_mutex_clear (&figures->lock);
    g_cond_clear (&figures->over);
    g_free (figures);
}

static gpointer
ask_figures (gpointer data)
{
    Figures *figures = data;
    virDomainStatsRecordPtr *records = NULL;
    /* Somebody else's job on a domain must not hold up a reader: take what there is. */
    int count = virConnectGetAllDomainStats (
        figures->conn, VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_BALLOON, &records,
        VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE | VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);

    virResetLastError ();
    g_mutex_lock (&figures->lock);
    figures->records = count < 0 ? NULL : records;
    figures->done = true;
    g_cond_signal (&figures->over);
    g_mutex_unlock (&figures->lock);
    release_figures (figures);
    return NULL;
}

static bool
wait_figures (Figures *figures, guint timeout_ms)
{
    gint64 deadline = g_get_monotonic_time () + (gint64)timeout_ms * 1000;
    bool in_time = true;
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&figures->lock);

    while (!figures->done && in_time)
        in_time = g_cond_wait_until (&figures->over, &figures->lock, deadline);
    return figures->done && figures->records;
}

static void
take_figures (KnSurveyDomain *domain, const virDomainStatsRecord *record)
{
    unsigned int vcpus = 0;

    domain->measured = true;
    (void)virTypedParamsGetUInt (record->params, record->nparams, "vcpu.current", &vcpus);
    domain->vcpu_time_ns = g_array_new (FALSE, FALSE, sizeof (gint64));
    for (unsigned int i = 0; i < vcpus; i++) {
        char field[VIR_TYPED_PARAM_FIELD_LENGTH];
        unsigned long long time = 0;
        gint64 time_ns;

        (void)g_snprintf (field, sizeof field, "vcpu.%u.time", i);
        if (virTypedParamsGetULLong (record->params, record->nparams, field, &time) <= 0)
            continue;
        time_ns = (gint64)time;
        g_array_append_val (domain->vcpu_time_ns, time_ns);
    }
    unsigned long long updated = 0;
    if (virTypedParamsGetULLong (record->params, record->nparams, "balloon.last-update", &updated)
        > 0)
        domain->balloon_update = (gint64)updated;
}

bool
kn_survey_measure (KnSurvey *survey, GPtrArray *domains, guint timeout_ms)
{
    Figures *figures = g_new0 (Figures, 1);
    g_autoptr (GHashTable) by_uuid = g_hash_table_new (g_str_hash, g_str_equal);

    g_atomic_ref_count_init (&figures->refs);
    g_atomic_ref_count_inc (&figures->refs);
    g_mutex_init (&figures->lock);
    g_cond_init (&figures->over);
    (void)virConnectRef (survey->conn);
    figures->conn = survey->conn;
    g_thread_unref (g_thread_new ("survey", ask_figures, figures));
    bool answered = wait_figures (figures, timeout_ms);
    for (guint i = 0; i < domains->len; i++)
        g_hash_table_insert (by_uuid, ((KnSurveyDomain *)domains->pdata[i])->uuid,
                             domains->pdata[i]);
    for (gsize i = 0; answered && figures->records[i]; i++) {
        char uuid[VIR_UUID_STRING_BUFLEN];
        KnSurveyDomain *domain = NULL;

        if (virDomainGetUUIDString (figures->records[i]->dom, uuid) == 0)
            domain = g_hash_table_lookup (by_uuid, uuid);
        if (domain)
            take_figures (domain, figures->records[i]);
    }
    release_figures (figures);
    return answered;
}

bool
kn_survey_define (KnSurvey *survey, const char *xml, GError **error)
{
    g_autoptr (virDomain) domain = virDomainDefineXMLFlags (survey->conn, xml, 0);

    return domain || kn_virt_fail (survey->host, survey->conn, error);
}

/* Waits for the guest to go off by itself. */
static bool
ask_off (virDomainPtr domain, guint grace_s)
{
    gint64 deadline = g_get_monotonic_time () + (gint64)grace_s * G_USEC_PER_SEC;
    bool asked = grace_s > 0 && virDomainShutdown (domain) == 0;

    while (asked && virDomainIsActive (domain) == 1 && g_get_monotonic_time () < deadline)
        g_usleep (RESTART_POLL_US);
    virResetLastError ();
    return virDomainIsActive (domain) == 0;
}

bool
kn_survey_load_running (KnSurvey *survey, const char *uuid, bool *out_running, GError **error)
{
    g_autoptr (virDomain) domain = find (survey, uuid, error);
    int active = domain ? virDomainIsActive (domain) : -1;

    if (domain && active < 0)
        (void)kn_virt_fail (survey->host, survey->conn, error);
    *out_running = active == 1;
    return active >= 0;
}

bool
kn_survey_restart (KnSurvey *survey, const char *uuid, guint grace_s, GError **error)
{
    g_autoptr (virDomain) domain = find (survey, uuid, error);

    if (!domain)
        return false;
    if (virDomainIsActive (domain) == 1 && !ask_off (domain, grace_s)
        && virDomainDestroy (domain) < 0 && virDomainIsActive (domain) != 0)
        return kn_virt_fail (survey->host, survey->conn, error);
    if (!kn_fault ("repair.off", error))
        return false;
    return virDomainCreate (domain) == 0 || kn_virt_fail (survey->host, survey->conn, error);
}
