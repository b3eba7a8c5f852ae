/* SPDX-License-Identifier: Apache-2.0 */
/* A mariadbd of the test's own: temporary folder, socket only, gone with the test. */
#pragma once

#include <glib.h>

typedef struct KnScratchMariadb KnScratchMariadb;

/* NULL: mariadbd is not installed. Anything else that goes wrong is an assertion. */
KnScratchMariadb *kn_scratch_mariadb_start (void);
void kn_scratch_mariadb_stop (KnScratchMariadb *server);

/* The URL of a new, empty database; caller frees. */
char *kn_scratch_mariadb_url (KnScratchMariadb *server);

/* Ends all connections of clients from the server's side. */
void kn_scratch_mariadb_kick (KnScratchMariadb *server);

/* Removes @folder and what is in it. */
void kn_scratch_remove (const char *folder);
