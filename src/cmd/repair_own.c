/* SPDX-License-Identifier: Apache-2.0 */
/* Repair of servers of a cloud of Kilonova, by its API: properties are set and, if asked for, the server is hard-rebooted, which
 * plans its guest anew; the cloud's journal of jobs carries the reboot through. What the properties were is kept first. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fault.h"
#include "cmd/args.h"
#include "cmd/client.h"
#include "cmd/repair_priv.h"
#include "guest/plan.h"

#define POLL_US 500000
#define REBOOT_MAX_S 600

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
take_finding (GPtrArray *items, const json_t *finding)
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

        (void)json_object_set (item->wanted, text_of (record, "name"),
                               json_object_get (record, "value"));
    }
}

/* The present values of what will be set, null where there is none. */
static bool
load_properties (KnClient *client, const char *id, const json_t *names, json_t *out_values,
                 GError **error)
{
    g_autofree char *path = g_strdup_printf ("/servers/%s/kilonova-properties", id);
    g_autoptr (json_t) body = NULL;
    const char *name;
    json_t *unused;

    if (!kn_client_call (client, "GET", "compute", path, NULL, &body, error))
        return false;
    json_object_foreach ((json_t *)names, name, unused) {
        json_t *value = json_object_get (json_object_get (body, "properties"), name);

        (void)json_object_set_new (out_values, name, value ? json_incref (value) : json_null ());
    }
    return true;
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
begin (KnRepairJournal *journal, const Item *item, bool restart, GError **error)
{
    g_autofree char *before = json_dumps (item->before, JSON_COMPACT | JSON_SORT_KEYS);
    g_autofree char *wanted = json_dumps (item->wanted, JSON_COMPACT | JSON_SORT_KEYS);
    KnRepairItem plan = { .uuid = item->id,
                          .name = item->name,
                          .uri = (char *)KN_REPAIR_OWN,
                          .running = true,
                          .rules = item->rules,
                          .before = before,
                          .after = wanted };

    return kn_repair_journal_begin (journal, &plan, restart, error);
}

static bool
put_properties (KnClient *client, const KnRepairEntry *entry, const char *text, bool reboot,
                GError **error)
{
    g_autofree char *path = g_strdup_printf ("/servers/%s/kilonova-properties", entry->uuid);
    g_autoptr (json_t) properties = kn_json_parse (text, strlen (text), error);
    g_autoptr (json_t) body = NULL;

    if (!properties)
        return false;
    body = json_pack ("{s:O, s:s}", "properties", properties, "reboot", reboot ? "hard" : "none");
    return kn_client_call (client, "PUT", "compute", path, body, NULL, error);
}

/* Waits for the end of the hard reboot. */
static bool
wait_active (KnClient *client, const char *id, GError **error)
{
    g_autofree char *path = g_strdup_printf ("/servers/%s", id);
    gint64 deadline = g_get_monotonic_time () + (gint64)REBOOT_MAX_S * G_USEC_PER_SEC;

    while (g_get_monotonic_time () < deadline) {
        g_autoptr (json_t) body = NULL;

        if (!kn_client_call (client, "GET", "compute", path, NULL, &body, error))
            return false;
        const char *status = text_of (json_object_get (body, "server"), "status");
        if (strcmp (status, "ACTIVE") == 0)
            return true;
        if (strcmp (status, "ERROR") == 0) {
            kn_error_set (error, KN_ERROR_CONFLICT, "the server is in ERROR after its hard reboot");
            return false;
        }
        g_usleep (POLL_US);
    }
    kn_error_set (error, KN_ERROR_TIMEOUT, "the hard reboot has not ended within %d s",
                  REBOOT_MAX_S);
    return false;
}

/* Names of the entry's rules that still find something; NULL: none (or *@error). */
static char *
check_again (KnClient *client, const KnRepairEntry *entry, GError **error)
{
    g_autofree char *path = g_strdup_printf ("/kilonova-findings?server=%s", entry->uuid);
    g_autoptr (json_t) audit = NULL;
    g_autoptr (GString) left = g_string_new (NULL);

    if (!kn_client_call (client, "GET", "compute", path, NULL, &audit, error))
        return NULL;
    const json_t *findings = json_object_get (audit, "findings");
    for (gsize i = 0; i < json_array_size (findings); i++) {
        const char *rule = text_of (json_array_get (findings, i), "rule");

        if (g_strv_contains ((const char *const *)entry->rules, rule))
            g_string_append_printf (left, "%s%s", left->len ? ", " : "", rule);
    }
    return left->len ? g_strdup (left->str) : NULL;
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
restart (KnRepairOptions *options, KnClient *client, KnRepairEntry *entry, const char *wanted,
         GError **error)
{
    if (!kn_repair_is_open (options)) {
        kn_error_set (error, KN_ERROR_CONFLICT, "the window is closed; it is not restarted");
        return false;
    }
    return kn_repair_post_notice (entry, options, error)
           && put_properties (client, entry, wanted, true, error)
           && wait_active (client, entry->uuid, error);
}

/* Brings one entry as far as it is to go. False: the journal failed. */
static bool
carry_out (KnRepairOptions *options, KnRepairJournal *journal, KnClient *client,
           KnRepairEntry *entry, GError **error)
{
    g_autoptr (GError) failure = NULL;
    g_autofree char *wanted = kn_repair_journal_text (journal, entry, "wanted", error);

    if (!wanted)
        return false;
    if (entry->step == KN_REPAIR_BEGUN) {
        if (!put_properties (client, entry, wanted, false, &failure))
            return settle (journal, entry, KN_REPAIR_FAILED, failure->message, error);
        if (!kn_fault ("repair.defined", error)
            || !settle (journal, entry, KN_REPAIR_DEFINED, NULL, error))
            return false;
    }
    if (entry->step != KN_REPAIR_DEFINED || !entry->restart)
        return true;
    if (!restart (options, client, entry, wanted, &failure))
        return settle (journal, entry, KN_REPAIR_DEFINED, failure->message, error);
    g_autofree char *left = check_again (client, entry, &failure);
    g_autofree char *why = left ? g_strdup_printf ("still found after the repair: %s", left) : NULL;
    return settle (journal, entry, KN_REPAIR_RESTARTED,
                   why       ? why
                   : failure ? failure->message
                             : NULL,
                   error);
}

static int
apply (KnRepairOptions *options, KnClient *client, const GPtrArray *items, GError **error)
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
        KnRepairEntry *entry = begin (journal, items->pdata[i], reboots, error);
        if (!entry)
            return KN_REPAIR_EXIT_ERROR;
        g_ptr_array_add (entries, entry);
    }
    return kn_repair_own_again (options, journal, entries, error);
}

static bool
load_befores (KnClient *client, const GPtrArray *items, GError **error)
{
    for (guint i = 0; i < items->len; i++) {
        Item *item = items->pdata[i];

        if (!load_properties (client, item->id, item->wanted, item->before, error))
            return false;
    }
    return true;
}

int
kn_repair_own (KnRepairOptions *options, GError **error)
{
    g_autoptr (KnClient) client = kn_client_new (options->cloud, error);
    g_autoptr (json_t) audit = client ? kn_doctor_args_ask (&options->doctor, client, error) : NULL;
    g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func (free_item);
    const json_t *findings = json_object_get (audit, "findings");

    if (!audit)
        return KN_REPAIR_EXIT_ERROR;
    for (gsize i = 0; i < json_array_size (findings); i++)
        take_finding (items, json_array_get (findings, i));
    if (!load_befores (client, items, error))
        return KN_REPAIR_EXIT_ERROR;
    for (guint i = 0; i < items->len; i++)
        print_item (items->pdata[i], options);
    if (items->len == 0)
        (void)puts ("nothing that this command can repair");
    else if (!options->apply)
        (void)printf ("%u servers would be repaired; say --apply to do it\n", items->len);
    return items->len > 0 && options->apply ? apply (options, client, items, error)
                                            : KN_REPAIR_EXIT_DONE;
}

/* ---- going on, going back ---- */

static bool
is_as_repaired (KnClient *client, const KnRepairEntry *entry, const char *wanted_text,
                GError **error)
{
    g_autoptr (json_t) wanted = kn_json_parse (wanted_text, strlen (wanted_text), error);
    g_autoptr (json_t) present = json_object ();

    if (!wanted || !load_properties (client, entry->uuid, wanted, present, error))
        return false;
    if (json_equal (wanted, present))
        return true;
    kn_error_set (error, KN_ERROR_CONFLICT,
                  "its properties were changed since the repair; nothing was undone");
    return false;
}

static bool
take_back (KnRepairOptions *options, KnRepairJournal *journal, KnClient *client,
           KnRepairEntry *entry, GError **error)
{
    g_autoptr (GError) failure = NULL;
    g_autofree char *before = kn_repair_journal_text (journal, entry, "before", error);
    g_autofree char *wanted = kn_repair_journal_text (journal, entry, "wanted", error);

    if (!before || !wanted)
        return false;
    bool begun = entry->step == KN_REPAIR_BEGUN;
    bool done = (begun || is_as_repaired (client, entry, wanted, &failure))
                && put_properties (client, entry, before, options->now, &failure)
                && (!options->now || wait_active (client, entry->uuid, &failure));
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
kn_repair_own_again (KnRepairOptions *options, KnRepairJournal *journal, const GPtrArray *entries,
                     GError **error)
{
    g_autoptr (KnClient) client = kn_client_new (options->cloud, error);
    bool done = client != NULL;

    if (done && !options->undo && has_restarts (entries))
        kn_repair_wait (options);
    for (guint i = 0; done && i < entries->len; i++) {
        KnRepairEntry *entry = entries->pdata[i];

        if (entry->step == KN_REPAIR_FAILED || entry->step == KN_REPAIR_UNDONE)
            continue;
        done = options->undo ? take_back (options, journal, client, entry, error)
                             : carry_out (options, journal, client, entry, error);
        if (done)
            kn_repair_print_entry (entry, options);
    }
    return done ? kn_repair_finish (options, kn_repair_journal_id (journal)) : KN_REPAIR_EXIT_ERROR;
}
