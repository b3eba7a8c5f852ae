/* SPDX-License-Identifier: Apache-2.0 */
/* The operators' service: /healthz, /metrics, /. */
#pragma once

#include "compute/compute.h"
#include "http/server.h"
#include "jobs/jobs.h"

typedef struct KnOps KnOps;

/* @catalog: NULL-terminated, must stay valid. */
KnOps *kn_ops_new (const KnService *const *catalog);
void kn_ops_free (KnOps *ops);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnOps, kn_ops_free)
const KnService *kn_ops_service (const KnOps *ops);

/* From now on /healthz answers 200; before, 503. The parts are asked for their metrics. Thread-safe, once. */
void kn_ops_set_ready (KnOps *ops, KnHttp *http, KnJobs *jobs, KnCompute *compute);
