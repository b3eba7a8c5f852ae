/* SPDX-License-Identifier: Apache-2.0 */
/* Repairs of guests on libvirt hosts, done, gone on with and undone. Every call may wait: commands and workers only. */
#pragma once

#include "doctor/journal.h"
#include "virt/survey.h"

typedef struct {
    const char *zone;   /* of guests that declare none, as the plan was made with; NULL: none */
    bool restart;       /* running guests are restarted */
    guint grace_s;      /* how long a guest is asked to go off before it is powered off */
    guint max_parallel; /* restarts at a time */
    /* Called before a guest is restarted, on any thread; false: leave it alone, *@error says why. May be NULL. */
    bool (*notice) (const KnRepairEntry *entry, gpointer data, GError **error);
    /* Called once, when all definitions are changed and before the first restart; may wait. May be NULL. */
    void (*before_restarts) (gpointer data);
    /* Whether restarts may still begin; NULL: always. Any thread. */
    bool (*may_restart) (gpointer data);
    /* Told of each guest when it is done with, by one thread at a time. */
    void (*report) (const KnRepairEntry *entry, gpointer data);
    gpointer data;
} KnRepairRun;

/* Carries out @items (of KnRepairItem; those with .why_not are skipped) on their hosts, of which @surveys has one each by URI
 * (char* -> KnSurvey*, opened for change). Each guest ends as DEFINED, RESTARTED or FAILED. False: the journal cannot be written. */
bool kn_repair_apply (KnRepairJournal *journal, GHashTable *surveys, const GPtrArray *items,
                      const KnRepairRun *run, GError **error);

/* Goes on with an interrupted repair: what was begun is finished or, where that fails, rolled back; what is left to be
 * restarted is. */
bool kn_repair_resume (KnRepairJournal *journal, GHashTable *surveys, const KnRepairRun *run,
                       GError **error);

/* Gives each guest the definition that it had, byte for byte. One whose definition is not the repaired one any more is left
 * alone and keeps its step, with the reason. */
bool kn_repair_undo (KnRepairJournal *journal, GHashTable *surveys, const KnRepairRun *run,
                     GError **error);
