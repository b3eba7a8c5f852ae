/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys a server's Secure Boot trusts: read from its variable store when it starts and stops, kept with its record. */
#pragma once

#include "compute/server_work.h"
#include "json/write.h"

/* Reads the store of a UEFI server that has just been started or stopped and writes down what it found, as system metadata
 * secure_boot_*. What cannot be read leaves the earlier record and a line in the log: no server fails for it. */
void kn_server_record_keys (KnServerWork *work);

/* Writes the member "secure_boot" from a server's system metadata, null where nothing is recorded:
 * {"certificates": "2011", "template": "2011", "kek": "…; …", "db": "…; …", "enforced": true, "read_at": "…"}. */
void kn_server_write_keys (KnJw *w, GHashTable *system_metadata);
