/* SPDX-License-Identifier: Apache-2.0 */
/* kilonova repair: does what the doctor advises, keeps what was, and can undo it. Exit status 0: done, or nothing to do; 1: some
 * guests were not repaired; 2: it could not be tried. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/util.h"
#include "cmd/args.h"
#include "cmd/cmd.h"
#include "cmd/repair_priv.h"
#include "cmd/webhook.h"
#include "doctor/source.h"
#include "json/write.h"

#define USAGE                                                                                      \
    "[--plan | --apply] --own [--os-cloud NAME] | --nova-db URL [--libvirt URI…] | --libvirt "   \
    "URI…\n"                                                                                     \
    "           [--zone AREA/CITY]\n"                                                              \
    "           --all | --server NAME|ID | --rule RULE\n"                                          \
    "           [--at-next-stop | --now | --window 'Sat 02:00-05:00'] [--grace SECONDS]\n"         \
    "           [--max-parallel N] [--webhook URL] [--cloud-guests] [--journal FOLDER]\n"          \
    "       kilonova repair --resume ID | --undo ID | --list [--journal FOLDER]"

#define GRACE_S 120
#define JOURNAL_ROOT "/var/lib/kilonova/repairs"

/* ---- the command line ---- */

static bool
take_number (int *argc, char **argv, const char *name, gint64 min, gint64 max, gint64 *number,
             GError **error)
{
    const char *text = NULL;

    if (!kn_args_take (argc, argv, name, &text, error))
        return false;
    if (!text || kn_parse_int (text, min, max, number))
        return true;
    kn_error_set (error, KN_ERROR_BAD_REQUEST,
                  "%s is '%s', which is no number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                  name, text, min, max);
    return false;
}

static bool
take_texts (int *argc, char **argv, KnRepairOptions *options, GError **error)
{
    const char *window = NULL;

    if (!kn_doctor_args_take (argc, argv, &options->doctor, error)
        || !kn_args_take (argc, argv, "--resume", &options->resume, error)
        || !kn_args_take (argc, argv, "--undo", &options->undo, error)
        || !kn_args_take (argc, argv, "--webhook", &options->webhook, error)
        || !kn_args_take (argc, argv, "--journal", &options->journal, error)
        || !kn_args_take (argc, argv, "--os-cloud", &options->cloud, error)
        || !kn_args_take (argc, argv, "--window", &window, error)
        || !take_number (argc, argv, "--grace", 0, 3600, &options->grace_s, error)
        || !take_number (argc, argv, "--max-parallel", 1, 64, &options->max_parallel, error))
        return false;
    options->has_window = window != NULL;
    return !window || kn_window_parse (window, &options->window, error);
}

static void
take_flags (int *argc, char **argv, KnRepairOptions *options)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        { "--own", &options->own },
        { "--plan", &options->plan },
        { "--apply", &options->apply },
        { "--all", &options->all },
        { "--now", &options->now },
        { "--list", &options->list },
        { "--at-next-stop", &options->at_next_stop },
        { "--cloud-guests", &options->cloud_guests },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (flags); i++)
        *flags[i].flag = kn_args_take_flag (argc, argv, flags[i].name);
}

static bool
check_options (const KnRepairOptions *options, GError **error)
{
    int what = options->plan + options->apply + options->list + (options->resume != NULL)
               + (options->undo != NULL);
    int when = options->now + options->at_next_stop + options->has_window;

    if (what > 1 || when > 1) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST, "%s",
                      what > 1 ? "--plan, --apply, --resume, --undo and --list exclude each other"
                               : "--now, --at-next-stop and --window exclude each other");
        return false;
    }
    if (options->resume || options->undo || options->list)
        return true;
    if (options->own
        && (options->doctor.uris->len > 0 || options->doctor.zone || options->doctor.nova_db)) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST,
                      "--own goes with neither --libvirt nor --nova-db nor --zone");
        return false;
    }
    if (!options->own && !kn_doctor_args_check (&options->doctor, error))
        return false;
    if (options->all || options->doctor.server || options->doctor.rule)
        return true;
    kn_error_set (error, KN_ERROR_BAD_REQUEST, "say what to repair: --all, --server or --rule");
    return false;
}

static bool
take_options (int *argc, char **argv, KnRepairOptions *options, GError **error)
{
    take_flags (argc, argv, options);
    if (!take_texts (argc, argv, options, error) || !kn_args_check (*argc, argv, 0, 0, error))
        return false;
    return check_options (options, error);
}

/* Root keeps repairs beside the cloud's data, others in their own state folder. Caller frees. */
char *
kn_repair_folder (const KnRepairOptions *options)
{
    if (options->journal)
        return g_strdup (options->journal);
    return geteuid () == 0
               ? g_strdup (JOURNAL_ROOT)
               : g_build_filename (g_get_user_state_dir (), "kilonova", "repairs", NULL);
}

/* ---- what the run asks and tells ---- */

bool
kn_repair_post_notice (const KnRepairEntry *entry, gpointer data, GError **error)
{
    const KnRepairOptions *options = data;
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!options->webhook)
        return true;
    kn_jw_object (w);
    kn_jw_string_member (w, "event", "server.restart");
    kn_jw_object_member (w, "server");
    kn_jw_string_member (w, "id", entry->uuid);
    kn_jw_string_member (w, "name", entry->name);
    kn_jw_string_member (w, "host", entry->host);
    kn_jw_end (w);
    kn_jw_array_member (w, "rules");
    for (gsize i = 0; entry->rules[i]; i++)
        kn_jw_string (w, entry->rules[i]);
    kn_jw_end (w);
    kn_jw_end (w);
    g_autofree char *body = kn_jw_finish (w, NULL);
    return kn_webhook_post (options->webhook, body, error);
}

bool
kn_repair_is_open (gpointer data)
{
    const KnRepairOptions *options = data;
    g_autoptr (GDateTime) now = g_date_time_new_now_local ();

    return !options->has_window || kn_window_is_open (&options->window, now);
}

void
kn_repair_print_entry (const KnRepairEntry *entry, gpointer data)
{
    KnRepairOptions *options = data;
    bool waits = entry->step == KN_REPAIR_DEFINED && entry->restart;

    options->n_failed += entry->step == KN_REPAIR_FAILED || entry->why;
    options->n_staged += entry->step == KN_REPAIR_DEFINED;
    options->n_done += entry->step != KN_REPAIR_FAILED;
    kn_args_print (kn_repair_step_name (entry->step));
    (void)fputs ("  ", stdout);
    kn_args_print (entry->name);
    if (waits)
        (void)fputs (" (not restarted)", stdout);
    if (entry->why) {
        (void)fputs (": ", stdout);
        kn_args_print (entry->why);
    }
    (void)putchar ('\n');
    (void)fflush (stdout);
}

/* Definitions are changed at once, since they act at a start only; restarts wait for the window. */
void
kn_repair_wait (gpointer data)
{
    const KnRepairOptions *options = data;
    g_autoptr (GDateTime) now = g_date_time_new_now_local ();
    gint64 wait_s = options->has_window ? kn_window_wait_s (&options->window, now) : 0;

    if (wait_s == 0)
        return;
    (void)printf ("the window opens in %" G_GINT64_FORMAT
                  " minutes; waiting (ended before: kilonova "
                  "repair --resume)\n",
                  (wait_s + 59) / 60);
    (void)fflush (stdout);
    while ((now = (g_date_time_unref (now), g_date_time_new_now_local ()))
           && (wait_s = kn_window_wait_s (&options->window, now)) > 0)
        (void)sleep ((unsigned int)MIN (wait_s, 60));
}

static KnRepairRun
make_run (KnRepairOptions *options)
{
    return (KnRepairRun){ .zone = options->doctor.zone,
                          .restart = options->now || options->has_window,
                          .grace_s = (guint)options->grace_s,
                          .max_parallel = (guint)options->max_parallel,
                          .notice = kn_repair_post_notice,
                          .before_restarts = kn_repair_wait,
                          .may_restart = kn_repair_is_open,
                          .report = kn_repair_print_entry,
                          .data = options };
}

static GHashTable *
new_surveys (void)
{
    return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)kn_survey_close);
}

/* ---- the verbs ---- */

int
kn_repair_finish (const KnRepairOptions *options, const char *id)
{
    if (options->undo) {
        (void)printf ("repair %s: %u undone, %u not; guests that run keep what they run with until "
                      "they are stopped and started\n",
                      id, options->n_done, options->n_failed);
        return options->n_failed > 0 ? KN_REPAIR_EXIT_LEFT : KN_REPAIR_EXIT_DONE;
    }
    (void)printf ("repair %s: %u done, of which %u act at the next stop and start; %u not done\n",
                  id, options->n_done, options->n_staged, options->n_failed);
    if (options->n_done > 0)
        (void)printf ("undo it with: kilonova repair --undo %s\n", id);
    return options->n_failed > 0 ? KN_REPAIR_EXIT_LEFT : KN_REPAIR_EXIT_DONE;
}

static int
apply (KnRepairOptions *options, GHashTable *surveys, const GPtrArray *items, GError **error)
{
    g_autofree char *folder = kn_repair_folder (options);
    g_autoptr (KnRepairJournal) journal = kn_repair_journal_new (folder, error);
    KnRepairRun run = make_run (options);

    if (!journal)
        return KN_REPAIR_EXIT_ERROR;
    (void)printf ("repair %s\n", kn_repair_journal_id (journal));
    (void)fflush (stdout);
    if (!kn_repair_apply (journal, surveys, items, &run, error))
        return KN_REPAIR_EXIT_ERROR;
    return kn_repair_finish (options, kn_repair_journal_id (journal));
}

static guint
count_doable (const GPtrArray *items)
{
    guint n = 0;

    for (guint i = 0; i < items->len; i++)
        n += !((const KnRepairItem *)items->pdata[i])->why_not;
    return n;
}

static int
plan_or_apply (KnRepairOptions *options, GError **error)
{
    const KnRepairWish wish = { options->doctor.server, options->cloud_guests };
    g_autoptr (GHashTable) surveys = new_surveys ();
    g_autoptr (KnFleet) fleet = kn_doctor_args_gather (&options->doctor, surveys, error);

    if (!fleet)
        return KN_REPAIR_EXIT_ERROR;
    g_autoptr (GPtrArray) findings = kn_doctor_examine (fleet, options->doctor.rule);
    g_autoptr (GPtrArray) items = kn_repair_plan (fleet, findings, &wish);
    g_autofree char *plan = kn_repair_format_plan (items);
    g_autofree char *by_hand = kn_repair_format_by_hand (findings);
    guint n = count_doable (items);

    (void)fputs (plan, stdout);
    (void)fputs (by_hand, stdout);
    if (n == 0) {
        (void)puts ("nothing that this command can repair");
        return KN_REPAIR_EXIT_DONE;
    }
    if (options->apply)
        return apply (options, surveys, items, error);
    (void)printf ("%u guests would be repaired; say --apply to do it%s\n", n,
                  options->now          ? ", and restart those that run"
                  : options->has_window ? ", and restart those that run in the window"
                                        : " (it acts at each guest's next stop and start)");
    return KN_REPAIR_EXIT_DONE;
}

static bool
open_surveys (const GPtrArray *entries, GHashTable *surveys, GError **error)
{
    for (guint i = 0; i < entries->len; i++) {
        const KnRepairEntry *entry = entries->pdata[i];
        KnSurvey *survey;

        if (g_hash_table_contains (surveys, entry->uri))
            continue;
        survey = kn_survey_open (entry->uri, KN_SURVEY_CHANGE, error);
        if (!survey)
            return false;
        g_hash_table_insert (surveys, g_strdup (entry->uri), survey);
    }
    return true;
}

static bool
is_of (const GPtrArray *entries, const char *uri)
{
    return entries->len > 0 && strcmp (((const KnRepairEntry *)entries->pdata[0])->uri, uri) == 0;
}

static int
go_back_or_on (KnRepairOptions *options, GError **error)
{
    const char *id = options->undo ? options->undo : options->resume;
    g_autofree char *folder = kn_repair_folder (options);
    g_autoptr (KnRepairJournal) journal = kn_repair_journal_open (folder, id, error);
    g_autoptr (GPtrArray) entries = journal ? kn_repair_journal_list (journal, error) : NULL;
    g_autoptr (GHashTable) surveys = new_surveys ();
    KnRepairRun run = make_run (options);

    if (entries && is_of (entries, KN_REPAIR_OWN))
        return kn_repair_own_again (options, journal, entries, error);
    if (entries && is_of (entries, KN_REPAIR_NOVA))
        return kn_repair_nova_again (options, journal, entries, error);
    if (!entries || !open_surveys (entries, surveys, error))
        return KN_REPAIR_EXIT_ERROR;
    bool done = options->undo ? kn_repair_undo (journal, surveys, &run, error)
                              : kn_repair_resume (journal, surveys, &run, error);
    if (!done)
        return KN_REPAIR_EXIT_ERROR;
    return kn_repair_finish (options, id);
}

static int
print_list (const KnRepairOptions *options, GError **error)
{
    g_autofree char *folder = kn_repair_folder (options);
    g_auto (GStrv) ids = kn_repair_journal_ids (folder);

    for (gsize i = 0; ids[i]; i++) {
        g_autoptr (KnRepairJournal) journal = kn_repair_journal_open (folder, ids[i], NULL);
        g_autoptr (GPtrArray) entries = journal ? kn_repair_journal_list (journal, error) : NULL;
        guint counts[KN_REPAIR_STEP_N] = { 0 };

        (void)printf ("%s ", ids[i]);
        if (!journal) {
            (void)puts ("is being worked on");
            continue;
        }
        if (!entries)
            return KN_REPAIR_EXIT_ERROR;
        for (guint e = 0; e < entries->len; e++)
            counts[((const KnRepairEntry *)entries->pdata[e])->step]++;
        for (KnRepairStep s = 0; s < KN_REPAIR_STEP_N; s++)
            if (counts[s])
                (void)printf (" %u %s", counts[s], kn_repair_step_name (s));
        (void)putchar ('\n');
    }
    return KN_REPAIR_EXIT_DONE;
}

int
kn_cmd_repair (int argc, char **argv)
{
    KnRepairOptions options = { .grace_s = GRACE_S, .max_parallel = 1 };
    g_autoptr (GError) error = NULL;
    int status;

    if (!take_options (&argc, argv, &options, &error)) {
        kn_doctor_args_clear (&options.doctor);
        return kn_args_fail ("repair", USAGE, error);
    }
    if (options.list)
        status = print_list (&options, &error);
    else if (options.resume || options.undo)
        status = go_back_or_on (&options, &error);
    else
        status = options.own              ? kn_repair_own (&options, &error)
                 : options.doctor.nova_db ? kn_repair_nova (&options, &error)
                                          : plan_or_apply (&options, &error);
    if (error)
        (void)kn_cmd_fail (error);
    kn_doctor_args_clear (&options.doctor);
    return status;
}
