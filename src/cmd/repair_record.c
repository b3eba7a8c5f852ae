/* SPDX-License-Identifier: Apache-2.0 */
/* Repair of what clouds have recorded of their servers: properties are set where the record stands and, if asked for, the server is
 * hard-rebooted by its cloud's API, which makes its guest anew. What the properties were is kept first. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fault.h"
#include "cmd/args.h"
#include "cmd/repair_priv.h"
#include "cmd/repair_record.h"
#include "guest/plan.h"

/* What is to be done to one server. */
typedef struct {
    char *id, *name;
    bool by_start; /* a start alone mends something */
    GPtrArray *rules;
    json_t *wanted, *before; /* properties: name -> value or null */
} Item;

static void
free_item (gpointer data)
{
    Item *item = data;

    g_free (item->id);
    g_free (item->name);
    g_ptr_array_unref (item->rules);
    json_decref (item->wanted);
    json_decref (item->before);
    g_free (item);
}

static const char *
text_of (const json_t *object, const char *key)
{
    const char *text = json_string_value (json_object_get (object, key));

    return text ? text : "";
}

/* ---- planning ---- */

static Item *
ensure_item (GPtrArray *items, const json_t *server)
{
    for (guint i = 0; i < items->len; i++) {
        Item *item = items->pdata[i];

        if (strcmp (item->id, text_of (server, "id")) == 0)
            return item;
    }
    Item *item = g_new0 (Item, 1);
    item->id = g_strdup (text_of (server, "id"));
    item->name = g_strdup (text_of (server, "name"));
    item->rules = g_ptr_array_new_with_free_func (g_free);
    item->wanted = json_object ();
    item->before = json_object ();
    g_ptr_array_add (items, item);
    return item;
}

/* Whether all that the finding wants of the record may be set on a server. */
static bool
can_set (const json_t *records)
{
    for (gsize i = 0; i < json_array_size (records); i++) {
        const json_t *record = json_array_get (records, i);

        if (!kn_guest_check_property (text_of (record, "name"), text_of (record, "value"), NULL))
            return false;
    }
    return json_array_size (records) > 0;
}

static void
take_finding (const KnRecords *records_of, GPtrArray *items, const json_t *finding)
{
    const json_t *records = json_object_get (finding, "records");
    const json_t *server = json_object_get (finding, "server");
    bool by_start = json_is_true (json_object_get (finding, "mended_by_start"));
    bool sure = strcmp (text_of (finding, "confidence"), "low") != 0;
    bool settable = can_set (records);

    if (!*text_of (server, "id") || !sure || (!by_start && !settable)) {
        (void)fputs ("by hand: ", stdout);
        kn_args_print (text_of (server, "name"));
        (void)fputs ("  ", stdout);
        kn_args_print (text_of (finding, "rule"));
        (void)fputs (": ", stdout);
        kn_args_print (text_of (finding, "repair"));
        (void)putchar ('\n');
        return;
    }
    Item *item = ensure_item (items, server);
    g_ptr_array_add (item->rules, g_strdup (text_of (finding, "rule")));
    item->by_start |= by_start;
    for (gsize i = 0; settable && i < json_array_size (records); i++) {
        const json_t *record = json_array_get (records, i);

        records_of->want (item->wanted, text_of (record, "name"),
                          json_object_get (record, "value"));
    }
}

static void
print_item (const Item *item, const KnRepairOptions *options)
{
    const char *name;
    json_t *value;

    kn_args_print (item->name);
    (void)printf (" (%s):", item->id);
    for (guint i = 0; i < item->rules->len; i++) {
        (void)fputs (i ? ", " : " ", stdout);
        kn_args_print (item->rules->pdata[i]);
    }
    (void)putchar ('\n');
    json_object_foreach (item->wanted, name, value) {
        const char *was = json_string_value (json_object_get (item->before, name));

        g_autofree char *line = g_strdup_printf ("    set property %s to '%s' (was %s%s%s)", name,
                                                 json_string_value (value), was ? "'" : "",
                                                 was ? was : "absent", was ? "'" : "");

        kn_args_print (line);
        (void)putchar ('\n');
    }
    (void)printf ("    %s\n", options->now || options->has_window
                                  ? "hard reboot: the guest is planned anew"
                                  : "it acts at the server's next stop and start or hard reboot");
}

/* ---- doing ---- */

static KnRepairEntry *
begin (const KnRecords *records, KnRepairJournal *journal, const Item *item, bool restart,
       GError **error)
{
    g_autofree char *before = json_dumps (item->before, JSON_COMPACT | JSON_SORT_KEYS);
    g_autofree char *wanted = json_dumps (item->wanted, JSON_COMPACT | JSON_SORT_KEYS);
    KnRepairItem plan = { .uuid = item->id,
                          .name = item->name,
                          .uri = (char *)records->uri,
                          .running = true,
                          .rules = item->rules,
                          .before = before,
                          .after = wanted };

    return kn_repair_journal_begin (journal, &plan, restart, error);
}

static bool
settle (KnRepairJournal *journal, KnRepairEntry *entry, KnRepairStep step, const char *why,
        GError **error)
{
    entry->step = step;
    g_free (entry->why);
    entry->why = g_strdup (why);
    return kn_repair_journal_write (journal, entry, error);
}

static bool
restart (KnRepairOptions *options, const KnRecords *records, const KnRepairEntry *entry,
         const json_t *wanted, GError **error)
{
    if (!kn_repair_is_open (options)) {
        kn_error_set (error, KN_ERROR_CONFLICT, "the window is closed; it is not restarted");
        return false;
    }
    return kn_repair_post_notice (entry, options, error)
           && records->restart (records->data, entry->uuid, wanted, error);
}

/* The properties that the journal keeps as "before" or "wanted". NULL: error. */
static json_t *
load_kept (KnRepairJournal *journal, const KnRepairEntry *entry, const char *which, GError **error)
{
    g_autofree char *text = kn_repair_journal_text (journal, entry, which, error);

    return text ? kn_json_parse (text, strlen (text), error) : NULL;
}

/* Brings one entry as far as it is to go. False: the journal failed. */
static bool
carry_out (KnRepairOptions *options, const KnRecords *records, KnRepairJournal *journal,
           KnRepairEntry *entry, GError **error)
{
    g_autoptr (GError) failure = NULL;
    g_autoptr (json_t) wanted = load_kept (journal, entry, "wanted", error);
    g_autoptr (json_t) before = wanted ? load_kept (journal, entry, "before", error) : NULL;

    if (!before)
        return false;
    if (entry->step == KN_REPAIR_BEGUN) {
        if (!records->put (records->data, entry->uuid, wanted, before, &failure))
            return settle (journal, entry, KN_REPAIR_FAILED, failure->message, error);
        if (!kn_fault ("repair.defined", error)
            || !settle (journal, entry, KN_REPAIR_DEFINED, NULL, error))
            return false;
    }
    if (entry->step != KN_REPAIR_DEFINED || !entry->restart)
        return true;
    if (!restart (options, records, entry, wanted, &failure))
        return settle (journal, entry, KN_REPAIR_DEFINED, failure->message, error);
    g_autofree char *left = records->look (records->data, entry, &failure);
    g_autofree char *why = left ? g_strdup_printf ("still found after the repair: %s", left) : NULL;
    return settle (journal, entry, KN_REPAIR_RESTARTED,
                   why       ? why
                   : failure ? failure->message
                             : NULL,
                   error);
}

static int
apply (KnRepairOptions *options, const KnRecords *records, const GPtrArray *items, GError **error)
{
    g_autofree char *folder = kn_repair_folder (options);
    g_autoptr (KnRepairJournal) journal = kn_repair_journal_new (folder, error);
    g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func (kn_repair_entry_free);
    bool reboots = options->now || options->has_window;

    if (!journal)
        return KN_REPAIR_EXIT_ERROR;
    (void)printf ("repair %s\n", kn_repair_journal_id (journal));
    (void)fflush (stdout);
    for (guint i = 0; i < items->len; i++) {
        KnRepairEntry *entry = begin (records, journal, items->pdata[i], reboots, error);
        if (!entry)
            return KN_REPAIR_EXIT_ERROR;
        g_ptr_array_add (entries, entry);
    }
    return kn_records_again (options, records, journal, entries, error);
}

static bool
load_befores (const KnRecords *records, const GPtrArray *items, GError **error)
{
    for (guint i = 0; i < items->len; i++) {
        Item *item = items->pdata[i];

        if (!records->load (records->data, item->id, item->wanted, item->before, error))
            return false;
    }
    return true;
}

int
kn_records_repair (KnRepairOptions *options, const KnRecords *records, const json_t *audit,
                   GError **error)
{
    g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func (free_item);
    const json_t *findings = json_object_get (audit, "findings");

    for (gsize i = 0; i < json_array_size (findings); i++)
        take_finding (records, items, json_array_get (findings, i));
    if (!load_befores (records, items, error))
        return KN_REPAIR_EXIT_ERROR;
    for (guint i = 0; i < items->len; i++) {
        const Item *item = items->pdata[i];

        print_item (item, options);
        if (records->print)
            records->print (item->id, item->wanted, item->before);
    }
    if (items->len == 0)
        (void)puts ("nothing that this command can repair");
    else if (!options->apply)
        (void)printf ("%u servers would be repaired; say --apply to do it\n", items->len);
    return items->len > 0 && options->apply ? apply (options, records, items, error)
                                            : KN_REPAIR_EXIT_DONE;
}

/* ---- going back ---- */

/* Whether the record is as the repair has left it. */
static bool
is_as_repaired (const KnRecords *records, const KnRepairEntry *entry, const json_t *wanted,
                GError **error)
{
    g_autoptr (json_t) present = json_object ();

    if (!records->load (records->data, entry->uuid, wanted, present, error))
        return false;
    if (json_equal (wanted, present))
        return true;
    kn_error_set (error, KN_ERROR_CONFLICT,
                  "its properties were changed since the repair; nothing was undone");
    return false;
}

static bool
is_as_before (const KnRecords *records, const KnRepairEntry *entry, const json_t *before)
{
    g_autoptr (json_t) present = json_object ();

    return records->load (records->data, entry->uuid, before, present, NULL)
           && json_equal (before, present);
}

static bool
take_back (KnRepairOptions *options, const KnRecords *records, KnRepairJournal *journal,
           KnRepairEntry *entry, GError **error)
{
    g_autoptr (GError) failure = NULL;
    g_autoptr (json_t) wanted = load_kept (journal, entry, "wanted", error);
    g_autoptr (json_t) before = wanted ? load_kept (journal, entry, "before", error) : NULL;

    if (!before)
        return false;
    /* Interrupted before the record was reached. */
    bool done = entry->step == KN_REPAIR_BEGUN && is_as_before (records, entry, before);
    if (!done)
        done
            = is_as_repaired (records, entry, wanted, &failure)
              && records->put (records->data, entry->uuid, before, wanted, &failure)
              && (!options->now || records->restart (records->data, entry->uuid, before, &failure));
    return done ? settle (journal, entry, KN_REPAIR_UNDONE, NULL, error)
                : settle (journal, entry, entry->step, failure->message, error);
}

static bool
has_restarts (const GPtrArray *entries)
{
    for (guint i = 0; i < entries->len; i++)
        if (((const KnRepairEntry *)entries->pdata[i])->restart)
            return true;
    return false;
}

int
kn_records_again (KnRepairOptions *options, const KnRecords *records, KnRepairJournal *journal,
                  const GPtrArray *entries, GError **error)
{
    bool done = true;

    if (!options->undo && has_restarts (entries))
        kn_repair_wait (options);
    for (guint i = 0; done && i < entries->len; i++) {
        KnRepairEntry *entry = entries->pdata[i];

        if (entry->step == KN_REPAIR_FAILED || entry->step == KN_REPAIR_UNDONE)
            continue;
        done = options->undo ? take_back (options, records, journal, entry, error)
                             : carry_out (options, records, journal, entry, error);
        if (done)
            kn_repair_print_entry (entry, options);
    }
    return done ? kn_repair_finish (options, kn_repair_journal_id (journal)) : KN_REPAIR_EXIT_ERROR;
}
