/* SPDX-License-Identifier: Apache-2.0 */
/* Guests of any libvirt host: virt-manager's, a Nova compute node's, anybody's. */
#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "doctor/source.h"

#define MEASURE_TIMEOUT_MS 20000

static char **
dup_list (const char *const *list)
{
    return list && list[0] ? g_strdupv ((char **)list) : NULL;
}

KnSubjectHost *
kn_fleet_add_host (KnFleet *fleet, const KnSurvey *survey, const char *uri, const char *name)
{
    const KnVirtFacts *facts = kn_survey_facts (survey);
    KnSubjectHost *host = kn_fleet_ensure_host (fleet, name              ? name
                                                       : facts->hostname ? facts->hostname
                                                                         : uri);

    if (host->uri)
        return host;
    host->uri = g_strdup (uri);
    host->arch = g_strdup (facts->arch);
    host->cpu_vendor = g_strdup (facts->cpu_vendor);
    host->zone = g_strdup (facts->zone);
    host->machines = dup_list (facts->machines);
    host->hyperv = dup_list (facts->hyperv);
    host->default_q35 = g_strdup (facts->default_q35);
    host->default_pc = g_strdup (facts->default_pc);
    host->libvirt_version = facts->libvirt_version;
    host->qemu_version = facts->qemu_version;
    host->invents = kn_survey_invents (survey);
    return host;
}

/* libvirt writes the state of the agent's channel into the running definition. */
static KnSubjectAgent
agent_state (const KnDefinition *live)
{
    const char *state
        = kn_definition_get (live, "devices/channel[org.qemu.guest_agent.0]/target/@state");

    if (!state)
        return KN_CHANNEL_NOT_MEASURED;
    return strcmp (state, "connected") == 0 ? KN_CHANNEL_CONNECTED : KN_CHANNEL_SILENT;
}

static bool
zone_is_unknown (const KnDefinition *definition)
{
    const char *zone = kn_definition_get (definition, "clock/@timezone");

    return zone && !kn_time_zone_exists (zone);
}

static void
take_figures (KnSubject *subject, const KnSurveyDomain *domain, const KnSubjectHost *host)
{
    KnSubjectMeasures *measured = &subject->measured;
    gint64 now_s = kn_time_now () / G_USEC_PER_SEC;

    measured->skew_s = kn_not_measured ("only a cloud's own servers are asked");
    measured->guest_cpus = measured->skew_s;
    measured->uptime_s = kn_not_measured ("libvirt does not know");
    if (host->invents || !domain->measured) {
        measured->balloon_update_s
            = kn_not_measured (host->invents ? "the test driver invents it" : "no answer in time");
        return;
    }
    if (domain->vcpu_time_ns && domain->vcpu_time_ns->len > 0)
        measured->vcpu_time_ns = g_array_ref (domain->vcpu_time_ns);
    if (domain->balloon_update >= 0)
        measured->balloon_update_s = kn_measured (
            domain->balloon_update > 0 ? MAX (now_s - domain->balloon_update, 0) : -1);
    else
        measured->balloon_update_s = kn_not_measured ("the balloon keeps no statistics");
}

void
kn_subject_take_domain (KnSubject *subject, KnSubjectHost *host, const KnSurveyDomain *domain)
{
    const KnDefinition *definition;

    subject->host = host;
    subject->persistent = domain->persistent ? kn_definition_new (domain->persistent, NULL) : NULL;
    subject->live = domain->live ? kn_definition_new (domain->live, NULL) : NULL;
    subject->running = subject->live != NULL;
    definition = kn_subject_definition (subject);
    take_figures (subject, domain, host);
    subject->measured.agent = host->invents ? KN_CHANNEL_NOT_MEASURED : agent_state (subject->live);
    subject->clock_zone_unknown = zone_is_unknown (definition);
    g_free (subject->name);
    subject->name = g_strdup (domain->name);
    if (!subject->title) {
        const char *nova = kn_definition_get (definition, "metadata/instance/name");
        subject->title = g_strdup (nova ? nova : kn_definition_get (definition, "title"));
    }
}

KnSubject *
kn_fleet_add_subject (KnFleet *fleet, const char *uuid)
{
    KnSubject *subject = kn_subject_new ();

    subject->uuid = g_strdup (uuid);
    g_ptr_array_add (fleet->subjects, subject);
    return subject;
}

bool
kn_fleet_add_survey (KnFleet *fleet, KnSurvey *survey, const char *uri, const char *name,
                     GError **error)
{
    g_autoptr (GPtrArray) domains = kn_survey_list (survey, error);
    g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);

    if (!domains)
        return false;
    if (!kn_survey_invents (survey))
        (void)kn_survey_measure (survey, domains, MEASURE_TIMEOUT_MS);
    for (guint i = 0; i < fleet->subjects->len; i++) {
        KnSubject *subject = fleet->subjects->pdata[i];

        if (subject->uuid && !kn_subject_definition (subject))
            g_hash_table_insert (known, subject->uuid, subject);
    }
    KnSubjectHost *host = kn_fleet_add_host (fleet, survey, uri, name);
    for (guint i = 0; i < domains->len; i++) {
        KnSurveyDomain *domain = domains->pdata[i];
        KnSubject *subject = g_hash_table_lookup (known, domain->uuid);

        if (!subject)
            subject = kn_fleet_add_subject (fleet, domain->uuid);
        kn_subject_take_domain (subject, host, domain);
    }
    kn_fleet_add_storage (fleet, survey, host, NULL);
    return true;
}

void
kn_fleet_add_domain (KnFleet *fleet, KnSurvey *survey, const char *uri, const char *name,
                     const KnSurveyDomain *domain)
{
    kn_subject_take_domain (kn_fleet_add_subject (fleet, domain->uuid),
                            kn_fleet_add_host (fleet, survey, uri, name), domain);
}

void
kn_fleet_identify (KnFleet *fleet)
{
    for (guint i = 0; i < fleet->subjects->len; i++)
        kn_subject_identify (fleet->subjects->pdata[i]);
}
