/* SPDX-License-Identifier: Apache-2.0 */
/* Where records stand that `kilonova repair` changes: our own cloud's API, or Nova's database. Values are JSON objects of name ->
 * text or null (not there). */
#pragma once

#include "cmd/repair_priv.h"
#include "json/read.h"

typedef struct {
    const char *uri; /* of the journal's entries: KN_REPAIR_OWN, KN_REPAIR_NOVA */
    /* Adds to @wanted what a finding's record @name and @value (borrowed) come to here. */
    void (*want) (json_t *wanted, const char *name, json_t *value);
    /* The present values of the names of @names, into @out_values. */
    bool (*load) (gpointer data, const char *id, const json_t *names, json_t *out_values,
                  GError **error);
    /* Sets @values if the record holds @expected (or @values already). Errors: CONFLICT: it holds something else. */
    bool (*put) (gpointer data, const char *id, const json_t *values, const json_t *expected,
                 GError **error);
    /* Hard-reboots the server, whose record holds @values, and waits for the end. */
    bool (*restart) (gpointer data, const char *id, const json_t *values, GError **error);
    /* Names of the entry's rules that still find something; NULL: none, or *@error. Caller frees. */
    char *(*look) (gpointer data, const KnRepairEntry *entry, GError **error);
    /* More about the plan of one server, on stdout; may be NULL. */
    void (*print) (const char *id, const json_t *wanted, const json_t *before);
    gpointer data;
} KnRecords;

/* Plans by the findings of @audit, and applies if the options say so. Exit status, or an error. */
int kn_records_repair (KnRepairOptions *options, const KnRecords *records, const json_t *audit,
                       GError **error);
/* Goes on with the @entries, or takes them back. */
int kn_records_again (KnRepairOptions *options, const KnRecords *records, KnRepairJournal *journal,
                      const GPtrArray *entries, GError **error);

/* Waits until the server is ACTIVE again, at most ten minutes. */
bool kn_records_wait_active (KnClient *client, const char *id, GError **error);
