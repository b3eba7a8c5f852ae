/* SPDX-License-Identifier: Apache-2.0 */
/* One guest after the other: keep the old definition, define the new one, look with the same rules, restart if asked for. */
#include "doctor/repair_run.h"

#include <string.h>

#include "base/error.h"
#include "base/fault.h"
#include "doctor/source.h"

typedef struct {
    KnRepairJournal *journal;
    GHashTable *surveys;
    const KnRepairRun *run;
    GMutex lock;   /* of what follows, of reports and of the journal */
    GError *error; /* the journal's first */
} Work;

static KnSurvey *
find_survey (Work *work, const KnRepairEntry *entry, GError **error)
{
    KnSurvey *survey = g_hash_table_lookup (work->surveys, entry->uri);

    if (!survey)
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "host '%s' is not connected", entry->uri);
    return survey;
}

static bool
settle (Work *work, KnRepairEntry *entry, KnRepairStep step, const char *why, GError **error)
{
    entry->step = step;
    g_free (entry->why);
    entry->why = g_strdup (why);
    return kn_repair_journal_write (work->journal, entry, error);
}

static void
report (Work *work, const KnRepairEntry *entry)
{
    if (work->run->report)
        work->run->report (entry, work->run->data);
}

/* Names of those of the entry's rules that still find something in the guest; NULL: none. */
static char *
check_again (Work *work, KnSurvey *survey, const KnRepairEntry *entry, GError **error)
{
    g_autoptr (KnFleet) fleet = kn_fleet_new ();
    g_autoptr (KnSurveyDomain) domain = kn_survey_load (survey, entry->uuid, error);
    g_autoptr (GString) left = g_string_new (NULL);

    if (!domain)
        return g_strdup ("the domain");
    fleet->zone = g_strdup (work->run->zone);
    kn_fleet_add_domain (fleet, survey, entry->uri, entry->host, domain);
    kn_fleet_identify (fleet);
    for (gsize i = 0; entry->rules[i]; i++) {
        const KnDoctorRule *rule = kn_doctor_rule_find (entry->rules[i]);
        g_autoptr (GPtrArray) findings
            = rule && rule->check ? kn_doctor_examine (fleet, rule) : NULL;

        for (guint f = 0; findings && f < findings->len; f++)
            if (((KnFinding *)findings->pdata[f])->edits->len > 0)
                g_string_append_printf (left, "%s%s", left->len ? ", " : "", rule->name);
    }
    return left->len ? g_strdup (left->str) : NULL;
}

/* The persistent definition as libvirt has it now. */
static char *
load_text (KnSurvey *survey, const char *uuid, GError **error)
{
    g_autoptr (KnSurveyDomain) domain = kn_survey_load (survey, uuid, error);

    if (domain && !domain->persistent)
        kn_error_set (error, KN_ERROR_NOT_FOUND, "the domain '%s' is not persistent any more",
                      uuid);
    return domain ? g_strdup (domain->persistent) : NULL;
}

/* Back to the old definition; the entry ends as FAILED with both reasons. */
static bool
roll_back (Work *work, KnSurvey *survey, KnRepairEntry *entry, const char *why, GError **error)
{
    g_autoptr (GError) failure = NULL;
    g_autofree char *before = kn_repair_journal_text (work->journal, entry, "before", error);

    if (!before)
        return false;
    if (kn_survey_define (survey, before, &failure))
        return settle (work, entry, KN_REPAIR_FAILED, why, error);
    g_autofree char *both
        = g_strdup_printf ("%s; and the old definition was refused: %s", why, failure->message);
    return settle (work, entry, KN_REPAIR_FAILED, both, error);
}

/* BEGUN -> DEFINED or FAILED. False: the journal failed. */
static bool
define (Work *work, KnRepairEntry *entry, GError **error)
{
    g_autoptr (GError) failure = NULL;
    KnSurvey *survey = find_survey (work, entry, &failure);
    g_autofree char *before = kn_repair_journal_text (work->journal, entry, "before", error);
    g_autofree char *wanted
        = before ? kn_repair_journal_text (work->journal, entry, "wanted", error) : NULL;
    g_autofree char *present = survey ? load_text (survey, entry->uuid, &failure) : NULL;

    if (!wanted)
        return false;
    if (!present)
        return settle (work, entry, KN_REPAIR_FAILED, failure->message, error);
    /* After an interruption libvirt may have the new one already; somebody else's change is not overwritten. */
    if (strcmp (present, before) != 0) {
        g_autofree char *left = check_again (work, survey, entry, &failure);
        if (left)
            return settle (work, entry, KN_REPAIR_FAILED,
                           "its definition was changed meanwhile; nothing was done", error);
    } else if (!kn_survey_define (survey, wanted, &failure)) {
        return settle (work, entry, KN_REPAIR_FAILED, failure->message, error);
    }
    if (!kn_fault ("repair.defined", error))
        return false;
    g_autofree char *left = check_again (work, survey, entry, &failure);
    if (left) {
        g_autofree char *why = g_strdup_printf ("still found after the repair: %s", left);
        return roll_back (work, survey, entry, why, error);
    }
    g_autofree char *after = load_text (survey, entry->uuid, &failure);
    if (!after)
        return settle (work, entry, KN_REPAIR_FAILED, failure->message, error);
    return kn_repair_journal_keep (work->journal, entry, "after", after, error)
           && settle (work, entry, KN_REPAIR_DEFINED, NULL, error);
}

static bool
settle_locked (Work *work, KnRepairEntry *entry, KnRepairStep step, const char *why, GError **error)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&work->lock);

    return settle (work, entry, step, why, error);
}

/* Restarts the guest if it runs, or if it did when an earlier attempt powered it off: that it is to run again is written first. */
static bool
restart_one (Work *work, KnSurvey *survey, KnRepairEntry *entry, GError **error)
{
    bool running = entry->step == KN_REPAIR_RESTARTING;

    if (!running && !kn_survey_load_running (survey, entry->uuid, &running, error))
        return false;
    return !running
           || (settle_locked (work, entry, KN_REPAIR_RESTARTING, NULL, error)
               && kn_survey_restart (survey, entry->uuid, work->run->grace_s, error));
}

/* DEFINED -> RESTARTED; a guest that cannot be restarted keeps its step, with the reason. */
static void
restart (gpointer data, gpointer user_data)
{
    KnRepairEntry *entry = data;
    Work *work = user_data;
    const KnRepairRun *run = work->run;
    g_autoptr (GError) failure = NULL;
    bool open = !run->may_restart || run->may_restart (run->data);
    KnSurvey *survey = open ? find_survey (work, entry, &failure) : NULL;
    bool done = false;

    if (!open)
        kn_error_set (&failure, KN_ERROR_CONFLICT, "the window is closed; it is not restarted");
    else if (survey && (!run->notice || run->notice (entry, run->data, &failure)))
        done = restart_one (work, survey, entry, &failure);

    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&work->lock);
    (void)settle (work, entry, done ? KN_REPAIR_RESTARTED : entry->step,
                  done ? NULL : failure->message, work->error ? NULL : &work->error);
    report (work, entry);
}

static bool
is_waiting (const KnRepairEntry *entry)
{
    return (entry->step == KN_REPAIR_DEFINED || entry->step == KN_REPAIR_RESTARTING)
           && entry->restart;
}

/* Restarts those that are defined and are to be restarted, some at a time. */
static bool
restart_all (Work *work, const GPtrArray *entries, GError **error)
{
    guint parallel = MAX (work->run->max_parallel, 1), waiting = 0;

    for (guint i = 0; i < entries->len; i++)
        waiting += is_waiting (entries->pdata[i]);
    if (waiting == 0)
        return true;
    if (work->run->before_restarts)
        work->run->before_restarts (work->run->data);
    GThreadPool *pool = g_thread_pool_new (restart, work, (int)parallel, FALSE, error);

    if (!pool)
        return false;
    for (guint i = 0; i < entries->len; i++)
        if (is_waiting (entries->pdata[i]))
            (void)g_thread_pool_push (pool, entries->pdata[i], NULL);
    g_thread_pool_free (pool, FALSE, TRUE);
    if (!work->error)
        return true;
    g_propagate_error (error, g_steal_pointer (&work->error));
    return false;
}

/* Defines all that are BEGUN, then restarts. */
static bool
go_on (Work *work, const GPtrArray *entries, GError **error)
{
    for (guint i = 0; i < entries->len; i++) {
        KnRepairEntry *entry = entries->pdata[i];

        if (entry->step == KN_REPAIR_BEGUN && !define (work, entry, error))
            return false;
        if (!is_waiting (entry))
            report (work, entry);
    }
    return restart_all (work, entries, error);
}

static void
set_up (Work *work, KnRepairJournal *journal, GHashTable *surveys, const KnRepairRun *run)
{
    *work = (Work){ .journal = journal, .surveys = surveys, .run = run };
    g_mutex_init (&work->lock);
}

bool
kn_repair_apply (KnRepairJournal *journal, GHashTable *surveys, const GPtrArray *items,
                 const KnRepairRun *run, GError **error)
{
    g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func (kn_repair_entry_free);
    Work work;

    for (guint i = 0; i < items->len; i++) {
        const KnRepairItem *item = items->pdata[i];
        KnRepairEntry *entry;

        if (item->why_not)
            continue;
        entry = kn_repair_journal_begin (journal, item, run->restart, error);
        if (!entry)
            return false;
        g_ptr_array_add (entries, entry);
    }
    if (!kn_fault ("repair.begun", error))
        return false;
    set_up (&work, journal, surveys, run);
    bool done = go_on (&work, entries, error);
    g_mutex_clear (&work.lock);
    return done;
}

bool
kn_repair_resume (KnRepairJournal *journal, GHashTable *surveys, const KnRepairRun *run,
                  GError **error)
{
    g_autoptr (GPtrArray) entries = kn_repair_journal_list (journal, error);
    Work work;

    if (!entries)
        return false;
    set_up (&work, journal, surveys, run);
    bool done = go_on (&work, entries, error);
    g_mutex_clear (&work.lock);
    return done;
}

/* Gives back the old definition. False: the journal failed. */
static bool
undo (Work *work, KnRepairEntry *entry, GError **error)
{
    g_autoptr (GError) failure = NULL;
    KnSurvey *survey = find_survey (work, entry, &failure);
    g_autofree char *before = kn_repair_journal_text (work->journal, entry, "before", error);
    g_autofree char *after = kn_repair_journal_text (work->journal, entry, "after", NULL);
    g_autofree char *present = survey ? load_text (survey, entry->uuid, &failure) : NULL;

    if (!before)
        return false;
    if (!present)
        return settle (work, entry, entry->step, failure->message, error);
    if (strcmp (present, before) == 0)
        return settle (work, entry, KN_REPAIR_UNDONE, NULL, error);
    g_autofree char *left = after ? NULL : check_again (work, survey, entry, &failure);
    if (left || (after && strcmp (present, after) != 0))
        return settle (work, entry, entry->step,
                       "its definition was changed since the repair; nothing was undone", error);
    if (!kn_survey_define (survey, before, &failure))
        return settle (work, entry, entry->step, failure->message, error);
    if (!kn_fault ("repair.undone", error))
        return false;
    g_autofree char *now = load_text (survey, entry->uuid, &failure);
    bool same = now && strcmp (now, before) == 0;
    return settle (work, entry, KN_REPAIR_UNDONE,
                   same ? NULL : "libvirt took the old definition and writes it another way now",
                   error);
}

bool
kn_repair_undo (KnRepairJournal *journal, GHashTable *surveys, const KnRepairRun *run,
                GError **error)
{
    g_autoptr (GPtrArray) entries = kn_repair_journal_list (journal, error);
    Work work;
    bool done = entries != NULL;

    set_up (&work, journal, surveys, run);
    for (guint i = 0; done && i < entries->len; i++) {
        KnRepairEntry *entry = entries->pdata[i];

        if (entry->step == KN_REPAIR_FAILED || entry->step == KN_REPAIR_UNDONE)
            continue;
        done = undo (&work, entry, error);
        if (done)
            report (&work, entry);
    }
    g_mutex_clear (&work.lock);
    return done;
}
