/* SPDX-License-Identifier: Apache-2.0 */
/* Records of a Nova cloud: its cell database, MariaDB's or a SQLite copy. Read only. */
#pragma once

#include "db/db.h"
#include "doctor/subject.h"

/* Adds a subject with a record for each instance that is not deleted; to be called before hosts are added, which complete them by
 * uuid. Errors: DB: it is no database of Nova. */
bool kn_fleet_add_nova (KnFleet *fleet, KnDb *db, GError **error);

/* To be called when all hosts are in: says of each record where it should be, and of each domain of Nova's without a record
 * whether Nova has deleted it. */
bool kn_fleet_match_nova (KnFleet *fleet, KnDb *db, GError **error);
