/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of repairs of libvirt hosts: one folder a repair, in it for each guest the old definition, the new one and how far
 * it has come. What is written is on disk before the next step begins. */
#pragma once

#include "doctor/repair.h"

/* Steps of one guest's repair, in order. */
typedef enum {
    KN_REPAIR_BEGUN,      /* the old definition is kept; libvirt may have the new one or not */
    KN_REPAIR_DEFINED,    /* libvirt has the new one, and it was checked by the same rules */
    KN_REPAIR_RESTARTING, /* it is powered off and has to run again, whoever goes on with this */
    KN_REPAIR_RESTARTED,  /* and runs with it */
    KN_REPAIR_UNDONE,     /* libvirt has the old one again */
    KN_REPAIR_FAILED,     /* libvirt refused, or the finding stayed; it has the old one */
    KN_REPAIR_STEP_N
} KnRepairStep;
const char *kn_repair_step_name (KnRepairStep step);

/* .uri of a server of our own cloud: its texts are properties (JSON) instead of definitions. */
#define KN_REPAIR_OWN "own"
/* The same of an instance of a Nova, in its database. */
#define KN_REPAIR_NOVA "nova"

typedef struct {
    char *uuid, *name, *uri, *host;
    KnRepairStep step;
    char *why;    /* FAILED: the reason */
    char **rules; /* whose findings are repaired */
    bool restart; /* was asked for */
} KnRepairEntry;
void kn_repair_entry_free (gpointer entry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnRepairEntry, kn_repair_entry_free)

typedef struct KnRepairJournal KnRepairJournal;

/* A new repair in @folder (made if need be), under a new id. Locked until it is closed. */
KnRepairJournal *kn_repair_journal_new (const char *folder, GError **error);
/* The repair @id. Errors: NOT_FOUND, IN_USE: another process works on it. */
KnRepairJournal *kn_repair_journal_open (const char *folder, const char *id, GError **error);
void kn_repair_journal_close (KnRepairJournal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnRepairJournal, kn_repair_journal_close)
const char *kn_repair_journal_id (const KnRepairJournal *journal);

/* Keeps the guest's old definition and then the entry, as BEGUN. */
KnRepairEntry *kn_repair_journal_begin (KnRepairJournal *journal, const KnRepairItem *item,
                                        bool restart, GError **error);
/* Writes how far it has come. */
bool kn_repair_journal_write (KnRepairJournal *journal, const KnRepairEntry *entry, GError **error);
/* The kept definitions: "before", "wanted" (as handed to libvirt), "after" (as libvirt has it). Caller frees. */
char *kn_repair_journal_text (KnRepairJournal *journal, const KnRepairEntry *entry,
                              const char *which, GError **error);
bool kn_repair_journal_keep (KnRepairJournal *journal, const KnRepairEntry *entry,
                             const char *which, const char *text, GError **error);

/* All entries, of KnRepairEntry, by name; g_ptr_array_unref. */
GPtrArray *kn_repair_journal_list (KnRepairJournal *journal, GError **error);

/* Ids of the repairs in @folder, the oldest first, NULL-terminated; g_strfreev. None where there is no folder. */
char **kn_repair_journal_ids (const char *folder);
