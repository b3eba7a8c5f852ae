/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of host_boots: which boot of a host we saw last. */
#pragma once

#include "db/db.h"

/* Notes @boot_id; @out_changed says that another one had been noted. */
bool kn_store_host_boot_note (KnDb *db, const char *host, const char *boot_id, bool *out_changed,
                              GError **error);
