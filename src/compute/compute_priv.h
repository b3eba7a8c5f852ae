/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/compute: the context, and what each part adds to the service. */
#pragma once

#include "compute/compute.h"
#include "compute/skew_round.h"
#include "virt/host_clock.h"

struct KnCompute {
    KnDbPool *db;
    KnJobs *jobs;
    KnVirt *virt;
    KnImages *images;
    KnNetworks *networks;
    const KnConfig *config;
    KnFindProjectProperty find_project_property;
    char *cloud_id;
    char *zone;     /* the name of the only availability zone */
    GArray *routes; /* of KnRoute */
    KnService service;
    GMutex reconciling;  /* one comparison of hosts and records at a time */
    GThreadPool *news;   /* one worker for what libvirt tells */
    KnSkewRounds *skews; /* from kn_compute_start() to kn_compute_stop() */
    KnSkewPlan skew_plan;
    struct KnClockNews *clock_news;
    GMutex host_clock_lock; /* of the next two, as of the last look */
    KnHostClock host_clock;
    char *host_faults;       /* NULL: nobody has looked yet */
    struct KnAudits *audits; /* from kn_compute_start() to kn_compute_stop() */
};

/* The context of a request on one of our routes. */
KnCompute *kn_compute_of (const KnRequest *req);

/* This thread's connection. */
KnDb *kn_compute_db (KnCompute *compute, GError **error);

/* Each part of the API appends its table of routes. */
void kn_server_add_routes (GArray *routes);
void kn_server_create_add_routes (GArray *routes);
void kn_server_list_add_routes (GArray *routes);
void kn_server_action_add_routes (GArray *routes);
void kn_server_metadata_add_routes (GArray *routes);
void kn_server_network_add_routes (GArray *routes);
void kn_server_history_add_routes (GArray *routes);
void kn_server_guest_add_routes (GArray *routes);
void kn_security_group_add_routes (GArray *routes);
void kn_image_proxy_add_routes (GArray *routes);
void kn_server_profile_add_routes (GArray *routes);
void kn_findings_add_routes (GArray *routes);
