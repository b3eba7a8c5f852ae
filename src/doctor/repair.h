/* SPDX-License-Identifier: Apache-2.0 */
/* What would be done to which guest: findings turned into one change of each guest's persistent definition. Pure. */
#pragma once

#include "doctor/finding.h"

typedef struct {
    char *uuid, *name, *host, *uri;
    bool running;
    char *why_not;        /* why nothing is done to it; NULL: it is repaired */
    GPtrArray *rules;     /* char*: names of the rules whose findings are repaired */
    GPtrArray *edits;     /* of KnEdit, without repetitions */
    GPtrArray *steps;     /* char*: the edits in words */
    char *before, *after; /* definitions; after: as it is handed to libvirt */
} KnRepairItem;
void kn_repair_item_free (gpointer item);

typedef struct {
    const char *server; /* uuid, name or title; NULL: all */
    bool cloud_guests;  /* guests whose cloud writes their definition, too */
} KnRepairWish;

/* Items for all guests of @fleet that @findings are about, in the order of the fleet; g_ptr_array_unref. What rests on a name
 * only is left alone unless the server is named. */
GPtrArray *kn_repair_plan (const KnFleet *fleet, const GPtrArray *findings,
                           const KnRepairWish *wish);

/* Findings that no program mends, one line each; caller frees. */
char *kn_repair_format_by_hand (const GPtrArray *findings);
/* What will be done, or why not; caller frees. */
char *kn_repair_format_plan (const GPtrArray *items);
