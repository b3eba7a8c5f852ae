/* SPDX-License-Identifier: Apache-2.0 */
/* The Compute service for others: the API's service row, jobs, and what keeps servers and domains in agreement. */
#pragma once

#include "base/config.h"
#include "db/db.h"
#include "http/route.h"
#include "image/image.h"
#include "jobs/jobs.h"
#include "network/network.h"
#include "virt/virt.h"

typedef struct KnCompute KnCompute;

/* A property of a project, as its owner set it (`openstack project set --property NAME=VALUE`); *@out_value NULL: none. The caller
 * frees it. */
typedef bool (*KnFindProjectProperty) (KnDb *db, const char *project_id, const char *name,
                                       char **out_value, GError **error);

typedef struct {
    KnDbPool *db;
    KnJobs *jobs;
    KnVirt *virt;
    KnImages *images;
    KnNetworks *networks;
    const KnConfig *config;
    const char *cloud_id;
    KnFindProjectProperty find_project_property; /* NULL: projects say nothing */
} KnComputeOptions;

KnCompute *kn_compute_new (const KnComputeOptions *options, GError **error);
void kn_compute_free (KnCompute *compute);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnCompute, kn_compute_free)
const KnService *kn_compute_service (KnCompute *compute);

/* Registers the job kinds; before kn_jobs_start(). */
void kn_compute_register_jobs (KnCompute *compute);

/* First start: flavors m1.tiny … m1.xlarge. Does nothing if flavors or deleted flavors exist. */
bool kn_compute_bootstrap (KnCompute *compute, GError **error);

/* Brings records and domains into agreement by listing; at start, and for a host that came back (NULL: all). */
bool kn_compute_reconcile (KnCompute *compute, const char *host, GError **error);

/* The table for kn_virt_new(); its functions hand the news to a worker. */
KnVirtEvents kn_compute_virt_events (KnCompute *compute);

/* Starts what runs beside requests and jobs: measuring the guests' clocks. After hosts and jobs. */
void kn_compute_start (KnCompute *compute);
/* Ends it; before the hosts. */
void kn_compute_stop (KnCompute *compute);

void kn_compute_write_metrics (KnCompute *compute, GString *out);
