/* SPDX-License-Identifier: Apache-2.0 */
/* What the doctor finds in servers of this cloud. */
#pragma once

#include "compute/compute.h"
#include "doctor/finding.h"

/* Gathers the servers of @project_id (NULL: all, and domains of ours without a record), their definitions, hosts and figures.
 * Hosts that are away are left out. Asks hypervisors: worker threads only. */
KnFleet *kn_compute_load_fleet (KnCompute *compute, const char *project_id, GError **error);

/* Audits of all servers now and then (option doctor.audit_interval), for monitoring. */
typedef struct KnAudits KnAudits;
KnAudits *kn_audits_new (KnCompute *compute);
void kn_audits_free (KnAudits *audits);
/* The last audit's number of findings by severity; nothing before the first. @audits may be NULL. */
void kn_audits_write_metrics (KnAudits *audits, GString *out);

/* Answers a request with the findings that its user may see. The handler of GET /kilonova/findings. */
bool kn_compute_reply_findings (KnCompute *compute, KnRequest *req, GError **error);
