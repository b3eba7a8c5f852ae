/* SPDX-License-Identifier: Apache-2.0 */
/* What operators ask of a database beside a running server: its version, a copy, a check. */
#pragma once

#include "db/db.h"

/* The newest migration that the database has (0: none) and the newest that this program knows. */
bool kn_db_load_version (KnDb *db, guint *out_version, guint *out_known, GError **error);

/* Errors: UNAVAILABLE unless the database has just the schema of this program. */
bool kn_db_check_version (KnDb *db, GError **error);

/* Copies the database to @file, which must not exist, while others go on (writers wait). Errors: CONFLICT, NOT_IMPLEMENTED with
 * what to do instead (MariaDB), NO_SPACE, DB. */
bool kn_db_backup (KnDbPool *pool, const char *file, GError **error);

/* What is wrong with the database: sentences, at most 100; unref frees. MariaDB's own files are its own business. */
GPtrArray *kn_db_check (KnDbPool *pool, GError **error);
