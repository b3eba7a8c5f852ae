/* SPDX-License-Identifier: Apache-2.0 */
/* What all controllers of one cloud share. */
#pragma once

#include "db/db.h"

/* The cloud's id, made at the first start; it marks domains, pools and bridges as ours. Caller frees. */
char *kn_cloud_load_id (KnDbPool *pool, GError **error);
