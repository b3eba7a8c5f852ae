/* SPDX-License-Identifier: Apache-2.0 */
/* The Compute service: its context, its service row and its jobs. */
#include "compute/compute_priv.h"

#include "base/error.h"
#include "compute/clock.h"
#include "compute/clock_api.h"
#include "compute/clock_scene.h"
#include "compute/config_drive.h"
#include "compute/discovery.h"
#include "compute/events.h"
#include "compute/findings.h"
#include "compute/flavor.h"
#include "compute/host.h"
#include "compute/host_clocks.h"
#include "compute/keypair.h"
#include "compute/quota.h"
#include "compute/server_store.h"
#include "compute/server_work.h"
#include "compute/skew_metrics.h"
#include "compute/usage.h"
#include "http/fault.h"

/* Only what is complete is announced: a range with holes breaks clients that pick from it. */
#define MAX_MINOR 1

static void (*const parts[]) (GArray *routes) = {
    kn_discovery_add_routes,      kn_flavor_add_routes,
    kn_keypair_add_routes,        kn_quota_add_routes,
    kn_usage_add_routes,          kn_service_add_routes,
    kn_hypervisor_add_routes,     kn_zone_add_routes,
    kn_aggregate_add_routes,      kn_server_add_routes,
    kn_server_create_add_routes,  kn_server_list_add_routes,
    kn_server_action_add_routes,  kn_server_metadata_add_routes,
    kn_server_network_add_routes, kn_server_history_add_routes,
    kn_server_guest_add_routes,   kn_security_group_add_routes,
    kn_image_proxy_add_routes,    kn_server_profile_add_routes,
    kn_host_clock_add_routes,     kn_clock_add_routes,
    kn_findings_add_routes,
};

static void (*const job_kinds[]) (KnCompute *compute) = {
    kn_server_boot_register,    kn_server_power_register,    kn_server_reboot_register,
    kn_server_rebuild_register, kn_server_delete_register,   kn_server_suspend_register,
    kn_server_time_register,    kn_server_snapshot_register,
};

KnCompute *
kn_compute_of (const KnRequest *req)
{
    return kn_request_service (req);
}

KnDb *
kn_compute_db (KnCompute *compute, GError **error)
{
    return kn_db_thread (compute->db, error);
}

static void
make_service (KnCompute *compute)
{
    compute->routes = g_array_new (false, false, sizeof (KnRoute));
    for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
        parts[i](compute->routes);

    compute->service = (KnService){
        .type = "compute",
        .name = "nova",
        .prefix = "/compute",
        .endpoint = "/v2.1",
        .routes = (const KnRoute *)compute->routes->data,
        .n_routes = compute->routes->len,
        .max_minor = MAX_MINOR,
        .write_fault = kn_fault_write_compute,
        .data = compute,
    };
}

static void
refine_skew (gpointer data, KnDb *db, const char *server, KnSkew *skew)
{
    kn_clock_refine_skew (data, db, server, skew);
}

static void
watch_hosts (gpointer data)
{
    kn_host_clocks_watch (data);
}

KnCompute *
kn_compute_new (const KnComputeOptions *options, GError **error)
{
    g_autoptr (KnCompute) compute = NULL;

    if (!kn_config_drive_check_kms_host (kn_config_string (options->config, "compute.kms_host"),
                                         error))
        return NULL;

    compute = g_new0 (KnCompute, 1);
    g_mutex_init (&compute->reconciling);
    compute->clock_news = kn_clock_news_new ();
    g_mutex_init (&compute->host_clock_lock);
    compute->db = options->db;
    compute->jobs = options->jobs;
    compute->virt = options->virt;
    compute->images = options->images;
    compute->networks = options->networks;
    compute->config = options->config;
    compute->find_project_property = options->find_project_property;
    compute->cloud_id = g_strdup (options->cloud_id);
    compute->zone = g_strdup (kn_config_string (options->config, "compute.availability_zone"));
    compute->news = kn_compute_news_new (compute, error);
    if (compute->news == NULL)
        return NULL;
    make_service (compute);
    compute->skew_plan = (KnSkewPlan){
        .db = options->db,
        .ops = kn_skew_ops (options->virt),
        .refine = refine_skew,
        .after = watch_hosts,
        .data = compute,
        .interval_s = (guint)kn_config_int (options->config, "clock.measure_interval"),
    };

    return g_steal_pointer (&compute);
}

/* What was heard in the last seconds is not lost. */
static void
settle_clocks (KnCompute *compute)
{
    KnDb *db = compute->db != NULL ? kn_compute_db (compute, NULL) : NULL;

    if (db != NULL)
        kn_clock_settle_all (compute, db);
}

void
kn_compute_free (KnCompute *compute)
{
    if (compute == NULL)
        return;
    if (compute->news != NULL)
        g_thread_pool_free (compute->news, true, true);
    settle_clocks (compute);
    kn_clock_news_free (compute->clock_news);
    if (compute->routes != NULL)
        g_array_unref (compute->routes);
    g_mutex_clear (&compute->reconciling);
    g_mutex_clear (&compute->host_clock_lock);
    g_free (compute->host_faults);
    g_free (compute->cloud_id);
    g_free (compute->zone);
    g_free (compute);
}

const KnService *
kn_compute_service (KnCompute *compute)
{
    return &compute->service;
}

void
kn_compute_register_jobs (KnCompute *compute)
{
    for (gsize i = 0; i < G_N_ELEMENTS (job_kinds); i++)
        job_kinds[i](compute);
}

bool
kn_compute_bootstrap (KnCompute *compute, GError **error)
{
    KnDb *db = kn_compute_db (compute, error);

    return db != NULL && kn_flavor_bootstrap (db, error);
}

void
kn_compute_start (KnCompute *compute)
{
    KnSkewRounds *skews = kn_skew_rounds_new (&compute->skew_plan);

    g_atomic_pointer_set (&compute->skews, skews);
    g_atomic_pointer_set (&compute->audits, kn_audits_new (compute));
}

void
kn_compute_stop (KnCompute *compute)
{
    KnSkewRounds *skews = g_atomic_pointer_get (&compute->skews);
    KnAudits *audits = g_atomic_pointer_get (&compute->audits);

    g_atomic_pointer_set (&compute->audits, NULL);
    kn_audits_free (audits);
    g_atomic_pointer_set (&compute->skews, NULL);
    kn_skew_rounds_free (skews);
}

void
kn_compute_write_metrics (KnCompute *compute, GString *out)
{
    KnDb *db = kn_compute_db (compute, NULL);
    gint64 counts[KN_VM_N];

    if (db == NULL || !kn_store_server_count (db, counts, NULL))
        return;
    g_string_append (out, "# HELP kilonova_servers Servers by state.\n"
                          "# TYPE kilonova_servers gauge\n");
    for (guint i = 0; i < KN_VM_N; i++)
        if (i != KN_VM_DELETED)
            g_string_append_printf (out, "kilonova_servers{state=\"%s\"} %" G_GINT64_FORMAT "\n",
                                    kn_vm_state_name (i), counts[i]);
    kn_skew_write_metrics (db, out);
    kn_host_clocks_write_metrics (compute, out);
    kn_audits_write_metrics (g_atomic_pointer_get (&compute->audits), out);
}
