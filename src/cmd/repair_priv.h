/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of `kilonova repair` share. */
#pragma once

#include "cmd/doctor_args.h"
#include "doctor/repair_run.h"
#include "doctor/window.h"

enum { KN_REPAIR_EXIT_DONE = 0, KN_REPAIR_EXIT_LEFT = 1, KN_REPAIR_EXIT_ERROR = 2 };

typedef struct {
    KnDoctorArgs doctor;
    bool own, plan, apply, all, now, at_next_stop, cloud_guests, list;
    const char *resume, *undo, *webhook, *journal, *cloud;
    bool has_window;
    KnWindow window;
    gint64 grace_s, max_parallel;
    guint n_failed, n_done, n_staged; /* as reported */
} KnRepairOptions;

/* Posts the notice before a restart, if there is anybody to post it to. @data: the options. */
bool kn_repair_post_notice (const KnRepairEntry *entry, gpointer data, GError **error);
/* Whether restarts may begin now; waits until they may. @data: the options. */
bool kn_repair_is_open (gpointer data);
void kn_repair_wait (gpointer data);
/* Prints how far a guest has come, and counts. @data: the options. */
void kn_repair_print_entry (const KnRepairEntry *entry, gpointer data);
/* The last line of a repair; the exit status. */
int kn_repair_finish (const KnRepairOptions *options, const char *id);
/* Where repairs are kept; caller frees. */
char *kn_repair_folder (const KnRepairOptions *options);

/* ---- repair_own.c: servers of our own cloud, through its API ---- */

/* Plans, and applies if the options say so. Exit status, or an error. */
int kn_repair_own (KnRepairOptions *options, GError **error);
/* Goes on with or takes back the repair in @journal, whose @entries are servers of our own. */
int kn_repair_own_again (KnRepairOptions *options, KnRepairJournal *journal,
                         const GPtrArray *entries, GError **error);

/* ---- repair_nova.c: records of a Nova, in its database ---- */

int kn_repair_nova (KnRepairOptions *options, GError **error);
int kn_repair_nova_again (KnRepairOptions *options, KnRepairJournal *journal,
                          const GPtrArray *entries, GError **error);
