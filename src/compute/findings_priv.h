/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that gather a cloud's own servers for the doctor share. */
#pragma once

#include "compute/compute_priv.h"
#include "doctor/source.h"

/* Adds the storage of @host, whose own servers are in @fleet already as those of @where, and disks there whose server is gone. */
void kn_findings_add_host_storage (KnDb *db, KnFleet *fleet, KnVirtHost *host, KnSurvey *survey,
                                   const KnSubjectHost *where);
/* Adds the data folder and images that no server uses. */
bool kn_findings_add_cloud_storage (KnCompute *compute, KnDb *db, KnFleet *fleet, GError **error);
