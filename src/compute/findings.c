/* SPDX-License-Identifier: Apache-2.0 */
/* Servers as subjects of the doctor: record, plan, definitions and figures of each. */
#include "compute/findings.h"

#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "compute/clock_store.h"
#include "compute/facts.h"
#include "compute/findings_priv.h"
#include "compute/skew_store.h"
#include "doctor/source.h"
#include "guest/clock.h"
#include "json/read.h"
#include "virt/domain.h"

#define AGENT_DEADLINE_MS 2000
#define CERTIFICATES "secure_boot_certificates"

/* One gathering. */
typedef struct {
    KnCompute *compute;
    KnDb *db;
    KnFleet *fleet;
    GStringChunk *text;
    GPtrArray *servers;  /* of KnServer */
    GHashTable *domains; /* uuid -> KnSurveyDomain*, of the host at hand */
} Gathering;

static bool
take_server (const KnServer *server, gpointer data)
{
    Gathering *g = data;

    /* What is under way looks wrong in every second place. */
    if (server->task == KN_TASK_NONE && server->vm != KN_VM_BUILDING && server->host)
        g_ptr_array_add (g->servers, kn_server_copy (server, g->text));
    return true;
}

static GHashTable *
ref_table (GHashTable *table)
{
    return table ? g_hash_table_ref (table) : NULL;
}

static KnSubjectRecord *
make_record (const KnServer *server, const KnServerFacts *facts)
{
    KnSubjectRecord *record = g_new0 (KnSubjectRecord, 1);

    record->os_type = g_strdup (server->os_type);
    record->vm_state = g_strdup (server->vm_state);
    record->display_name = g_strdup (server->name);
    record->project_id = g_strdup (server->project_id);
    record->image_id = g_strdup (server->image_ref);
    record->vcpus = server->vcpus;
    record->memory_mib = server->memory_mib;
    record->image_properties = ref_table (facts->image_properties);
    record->extra_specs = ref_table (facts->extra_specs);
    record->server_properties = ref_table (facts->server_properties);
    return record;
}

/* What server, image, flavor, project and cloud declare about the clock; `auto` declares nothing. */
static void
take_clock (KnSubject *subject, const KnGuestFacts *facts)
{
    g_auto (KnGuestClock) clock = { 0 };

    if (!kn_guest_clock_choose (facts, &clock, NULL))
        return;
    subject->zone = g_steal_pointer (&clock.zone);
    if (clock.said_by && g_strcmp0 (clock.said, "auto") != 0)
        subject->clock_policy = g_strdup (clock.policy);
}

/* ---- figures ---- */

static void
take_skew (Gathering *g, KnSubject *subject)
{
    g_autoptr (KnSkew) skew = kn_store_skew_find (g->db, subject->uuid, NULL);

    subject->measured.skew_s = kn_not_measured ("nobody has asked the guest yet");
    if (!skew)
        return;
    subject->measured.skew_s = skew->method == KN_SKEW_BY_NONE
                                   ? kn_not_measured (kn_skew_why_name (skew->why))
                                   : kn_measured (skew->skew_ms / 1000);
    subject->measured.os_id = g_strdup (skew->os_id);
}

static void
take_uptime (Gathering *g, KnSubject *subject)
{
    g_autoptr (KnClockRow) row = kn_store_clock_load (g->db, subject->uuid, NULL);

    if (row && row->started_us > 0)
        subject->measured.uptime_s
            = kn_measured ((kn_time_now () - row->started_us) / G_USEC_PER_SEC);
}

/* Per-vCPU time and the age of the balloon's statistics, by the names of Nova's diagnostics. */
static void
take_stats (KnSubject *subject, KnVirtHost *host)
{
    g_autoptr (GArray) stats = kn_domain_load_stats (host, subject->uuid, NULL);
    KnSubjectMeasures *measured = &subject->measured;
    gint64 now_s = kn_time_now () / G_USEC_PER_SEC;

    if (!stats)
        return;
    measured->vcpu_time_ns = g_array_new (FALSE, FALSE, sizeof (gint64));
    for (guint i = 0; i < stats->len; i++) {
        const KnDomainStat *stat = &g_array_index (stats, KnDomainStat, i);

        if (g_str_has_prefix (stat->name, "cpu") && g_str_has_suffix (stat->name, "_time"))
            g_array_append_val (measured->vcpu_time_ns, stat->value);
        else if (strcmp (stat->name, "memory-last_update") == 0)
            measured->balloon_update_s
                = kn_measured (stat->value > 0 ? MAX (now_s - stat->value, 0) : -1);
    }
}

/* The CPUs that are online by the guest's own word. */
static void
take_guest_cpus (KnSubject *subject, KnVirtHost *host)
{
    KnAgentFailure failure;
    g_autofree char *answer = kn_domain_ask_agent (
        host, subject->uuid, "{\"execute\":\"guest-get-vcpus\"}", AGENT_DEADLINE_MS, &failure);
    g_autoptr (json_t) document = answer ? kn_json_parse (answer, strlen (answer), NULL) : NULL;
    const json_t *cpus = document ? json_object_get (document, "return") : NULL;
    gint64 online = 0;

    for (gsize i = 0; i < json_array_size (cpus); i++)
        online += json_is_true (json_object_get (json_array_get (cpus, i), "online"));
    if (online > 0)
        subject->measured.guest_cpus = kn_measured (online);
}

static void
take_certificates (Gathering *g, KnSubject *subject)
{
    g_autoptr (GHashTable) system = kn_store_meta_load (g->db, KN_META_SYSTEM, subject->uuid, NULL);
    const char *years = system ? g_hash_table_lookup (system, CERTIFICATES) : NULL;

    if (years)
        subject->measured.certificates = strcmp (years, "2011") == 0 ? KN_CERTIFICATES_2011
                                         : strstr (years, "2023")    ? KN_CERTIFICATES_2023
                                                                     : KN_CERTIFICATES_NOT_MEASURED;
}

static void
measure (Gathering *g, KnSubject *subject, KnVirtHost *host)
{
    take_certificates (g, subject);
    if (!subject->running || subject->host->invents)
        return;
    take_skew (g, subject);
    take_uptime (g, subject);
    take_stats (subject, host);
    if (subject->measured.agent == KN_CHANNEL_CONNECTED)
        take_guest_cpus (subject, host);
}

/* ---- one server ---- */

/* What the disk says, whatever was declared. */
static bool
take_inspection (Gathering *g, KnSubjectRecord *record, GError **error)
{
    return !record->image_id
           || kn_image_find_inspected_os (g->db, record->image_id, &record->inspected_os_type,
                                          &record->inspected_by, error);
}

static bool
add_server (Gathering *g, const KnServer *server, KnVirtHost *host, KnSubjectHost *where,
            GError **error)
{
    g_auto (KnServerFacts) facts = { 0 };
    const KnSurveyDomain *domain = g_hash_table_lookup (g->domains, server->uuid);

    if (!kn_server_facts_load (g->compute, g->db, server, host, &facts, error))
        return false;
    KnSubject *subject = kn_fleet_add_subject (g->fleet, server->uuid);
    subject->record = make_record (server, &facts);
    if (!take_inspection (g, subject->record, error))
        return false;
    subject->title = g_strdup (server->name);
    subject->name = kn_server_domain_name (server);
    subject->host = where;
    take_clock (subject, &facts.facts);
    if (domain) {
        kn_subject_take_domain (subject, where, domain);
        measure (g, subject, host);
    }
    subject->plan = kn_guest_plan_new (&facts.facts, NULL);
    g_hash_table_remove (g->domains, server->uuid);
    return true;
}

/* Domains with our mark that no record is left for. */
static bool
add_orphans (Gathering *g, KnSubjectHost *where, GError **error)
{
    GHashTableIter iter;
    gpointer domain;
    GError *local = NULL;

    g_hash_table_iter_init (&iter, g->domains);
    while (g_hash_table_iter_next (&iter, NULL, &domain)) {
        const KnSurveyDomain *seen = domain;
        const char *xml = seen->persistent ? seen->persistent : seen->live;
        g_autoptr (KnDefinition) definition = xml ? kn_definition_new (xml, NULL) : NULL;
        g_autoptr (KnServer) record = NULL;

        if (!kn_definition_is (definition, "metadata/cloud/@id", g->compute->cloud_id))
            continue;
        record = kn_store_server_find (g->db, seen->uuid, &local);
        if (local) {
            g_propagate_error (error, local);
            return false;
        }
        if (!record || record->deleted)
            kn_subject_take_domain (kn_fleet_add_subject (g->fleet, seen->uuid), where, seen);
    }
    return true;
}

static bool
add_host (Gathering *g, const char *name, bool all, GError **error)
{
    g_autoptr (KnVirtHost) host = kn_virt_find_host (g->compute->virt, name);
    g_autoptr (KnSurvey) survey = host ? kn_survey_of (host, NULL) : NULL;
    g_autoptr (GPtrArray) domains = survey ? kn_survey_list (survey, NULL) : NULL;
    g_autoptr (GHashTable) by_uuid = g_hash_table_new (g_str_hash, g_str_equal);

    /* A host that is away has its own alarm. */
    if (!domains)
        return true;
    KnSubjectHost *where = kn_fleet_add_host (g->fleet, survey, kn_virt_host_uri (host), name);
    for (guint i = 0; i < domains->len; i++)
        g_hash_table_insert (by_uuid, ((KnSurveyDomain *)domains->pdata[i])->uuid,
                             domains->pdata[i]);
    g->domains = by_uuid;
    for (guint i = 0; i < g->servers->len; i++) {
        const KnServer *server = g->servers->pdata[i];

        if (strcmp (server->host, name) == 0 && !add_server (g, server, host, where, error))
            return false;
    }
    if (all) {
        if (!add_orphans (g, where, error))
            return false;
        kn_findings_add_host_storage (g->db, g->fleet, host, survey, where);
    }
    return true;
}

KnFleet *
kn_compute_load_fleet (KnCompute *compute, const char *project_id, GError **error)
{
    g_autoptr (KnFleet) fleet = kn_fleet_new ();
    g_autoptr (GPtrArray) servers = g_ptr_array_new ();
    g_auto (GStrv) hosts = kn_virt_list_hosts (compute->virt);
    Gathering g = { .compute = compute, .fleet = fleet, .servers = servers };
    const KnServerScope scope = { .project_id = project_id };

    g.db = kn_compute_db (compute, error);
    if (!g.db)
        return NULL;
    g.text = g_string_chunk_new (4096);
    bool done = kn_store_server_each (g.db, &scope, take_server, &g, error);
    fleet->has_records = true;
    for (gsize i = 0; done && hosts[i]; i++)
        done = add_host (&g, hosts[i], project_id == NULL, error);
    if (done && !project_id)
        done = kn_findings_add_cloud_storage (compute, g.db, fleet, error);
    for (guint i = 0; i < servers->len; i++)
        kn_server_free (servers->pdata[i]);
    g_string_chunk_free (g.text);
    if (!done)
        return NULL;
    kn_fleet_identify (fleet);
    return g_steal_pointer (&fleet);
}
