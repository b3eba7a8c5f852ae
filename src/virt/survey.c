/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at all domains of a host, through a connection of its own. */
#include "virt/survey.h"

#include <string.h>

#include "virt/virt_priv.h"

#define RESTART_POLL_US 200000

struct KnSurvey {
    KnVirt *virt;     /* without thread and events */
    KnVirtHost *host; /* for errors and facts; never connected by itself */
    virConnectPtr conn;
    KnVirtFacts *facts;
    bool invents;
    unsigned int secrets; /* flag for definitions that are given back */
};

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
    survey->facts = kn_virt_facts_load (survey->host, survey->conn, error);
    return survey->facts ? g_steal_pointer (&survey) : NULL;
}

void
kn_survey_close (KnSurvey *survey)
{
    if (!survey)
        return;
    kn_virt_facts_free (survey->facts);
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
    g_free (domain);
}

/* NULL without an error: it vanished. */
static KnSurveyDomain *
look (KnSurvey *survey, virDomainPtr domain, GError **error)
{
    g_autoptr (KnSurveyDomain) seen = g_new0 (KnSurveyDomain, 1);
    char uuid[VIR_UUID_STRING_BUFLEN];
    int active = virDomainIsActive (domain), persistent = virDomainIsPersistent (domain);
    bool failed = active < 0 || persistent < 0;

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
kn_survey_restart (KnSurvey *survey, const char *uuid, guint grace_s, GError **error)
{
    g_autoptr (virDomain) domain = find (survey, uuid, error);

    if (!domain)
        return false;
    if (virDomainIsActive (domain) != 1)
        return true;
    if (!ask_off (domain, grace_s) && virDomainDestroy (domain) < 0
        && virDomainIsActive (domain) != 0)
        return kn_virt_fail (survey->host, survey->conn, error);
    return virDomainCreate (domain) == 0 || kn_virt_fail (survey->host, survey->conn, error);
}
