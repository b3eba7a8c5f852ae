/* SPDX-License-Identifier: Apache-2.0 */
/* Findings -> one change a guest. */
#include "doctor/repair.h"

#include <string.h>

#include "base/error.h"

void
kn_repair_item_free (gpointer data)
{
    KnRepairItem *item = data;

    if (!item)
        return;
    g_free (item->uuid);
    g_free (item->name);
    g_free (item->host);
    g_free (item->uri);
    g_free (item->why_not);
    g_free (item->before);
    g_free (item->after);
    g_ptr_array_unref (item->rules);
    g_ptr_array_unref (item->edits);
    g_ptr_array_unref (item->steps);
    g_free (item);
}

static KnRepairItem *
new_item (const KnSubject *subject)
{
    KnRepairItem *item = g_new0 (KnRepairItem, 1);

    item->uuid = g_strdup (subject->uuid);
    item->name = g_strdup (subject->title ? subject->title : subject->name);
    item->host = g_strdup (subject->host ? subject->host->name : NULL);
    item->uri = g_strdup (subject->host ? subject->host->uri : NULL);
    item->running = subject->running;
    item->rules = g_ptr_array_new_with_free_func (g_free);
    item->edits = g_ptr_array_new_with_free_func (kn_edit_free);
    item->steps = g_ptr_array_new_with_free_func (g_free);
    return item;
}

static bool
has_edit (const GPtrArray *edits, const KnEdit *edit)
{
    for (guint i = 0; i < edits->len; i++) {
        const KnEdit *other = edits->pdata[i];

        if (other->kind == edit->kind && strcmp (other->path, edit->path) == 0
            && g_strcmp0 (other->value, edit->value) == 0)
            return true;
    }
    return false;
}

static void
take_findings (KnRepairItem *item, const GPtrArray *findings, const KnRepairWish *wish)
{
    for (guint i = 0; i < findings->len; i++) {
        const KnFinding *finding = findings->pdata[i];

        if (g_strcmp0 (finding->server, item->uuid) != 0 || finding->edits->len == 0
            || g_strcmp0 (finding->host, item->host) != 0
            || (finding->confidence == KN_CONFIDENCE_LOW && !wish->server))
            continue;
        g_ptr_array_add (item->rules, g_strdup (finding->rule->name));
        for (guint e = 0; e < finding->edits->len; e++) {
            const KnEdit *edit = finding->edits->pdata[e];

            if (has_edit (item->edits, edit))
                continue;
            g_ptr_array_add (item->edits,
                             kn_edit_new (edit->kind, edit->path, edit->value, edit->was));
            g_ptr_array_add (item->steps, kn_edit_describe (edit));
        }
    }
}

static const char *
find_obstacle (const KnSubject *subject, const KnRepairWish *wish)
{
    const KnDefinition *definition = subject->persistent;

    if (!definition)
        return "it has no persistent definition: whoever started it has to change it";
    if (wish->cloud_guests)
        return NULL;
    if (kn_definition_first (definition, "metadata/instance"))
        return "Nova writes its definition anew at every start: repair Nova's record instead, or "
               "say "
               "--cloud-guests";
    if (kn_definition_first (definition, "metadata/cloud"))
        return "Kilonova writes its definition anew at every start: set the server's properties "
               "instead (kilonova server set), or say --cloud-guests";
    return NULL;
}

static bool
is_wished (const KnSubject *subject, const KnRepairWish *wish)
{
    return !wish->server || g_strcmp0 (subject->uuid, wish->server) == 0
           || g_strcmp0 (subject->name, wish->server) == 0
           || g_strcmp0 (subject->title, wish->server) == 0;
}

static void
plan_change (KnRepairItem *item, const KnSubject *subject, const KnRepairWish *wish)
{
    g_autoptr (GError) error = NULL;

    item->why_not = g_strdup (find_obstacle (subject, wish));
    if (item->why_not)
        return;
    item->before = g_strdup (kn_definition_text (subject->persistent));
    item->after = kn_definition_edit (subject->persistent, item->edits, &error);
    if (!item->after)
        item->why_not = g_strdup (error->message);
}

GPtrArray *
kn_repair_plan (const KnFleet *fleet, const GPtrArray *findings, const KnRepairWish *wish)
{
    GPtrArray *items = g_ptr_array_new_with_free_func (kn_repair_item_free);
    g_autoptr (GHashTable) ill = g_hash_table_new (g_str_hash, g_str_equal);

    for (guint i = 0; i < findings->len; i++) {
        const KnFinding *finding = findings->pdata[i];

        if (finding->server)
            g_hash_table_add (ill, finding->server);
    }
    for (guint i = 0; i < fleet->subjects->len; i++) {
        const KnSubject *subject = fleet->subjects->pdata[i];

        if (!g_hash_table_contains (ill, subject->uuid) || !is_wished (subject, wish))
            continue;
        KnRepairItem *item = new_item (subject);

        take_findings (item, findings, wish);
        if (item->edits->len == 0) {
            kn_repair_item_free (item);
            continue;
        }
        plan_change (item, subject, wish);
        g_ptr_array_add (items, item);
    }
    return items;
}

/* Names and values come from strangers: they must not steer a terminal. */
static void append_safe (GString *out, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
append_safe (GString *out, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    g_autofree char *line = g_strdup_vprintf (format, args);
    va_end (args);
    for (char *c = line; *c; c++)
        if (g_ascii_iscntrl (*c))
            *c = '?';
    g_string_append (out, line);
    g_string_append_c (out, '\n');
}

char *
kn_repair_format_by_hand (const GPtrArray *findings)
{
    GString *out = g_string_new (NULL);

    for (guint i = 0; i < findings->len; i++) {
        const KnFinding *finding = findings->pdata[i];

        if (finding->edits->len == 0)
            append_safe (out, "by hand: %s  %s: %s", finding->name ? finding->name : "-",
                         finding->rule->name, finding->repair);
    }
    return g_string_free (out, FALSE);
}

char *
kn_repair_format_plan (const GPtrArray *items)
{
    GString *out = g_string_new (NULL);

    for (guint i = 0; i < items->len; i++) {
        const KnRepairItem *item = items->pdata[i];
        g_autofree char *rules = NULL;

        g_ptr_array_add (item->rules, NULL);
        rules = g_strjoinv (", ", (char **)item->rules->pdata);
        g_ptr_array_set_size (item->rules, (int)item->rules->len - 1);
        append_safe (out, "%s (%s, %s%s%s): %s", item->name, item->uuid,
                     item->running ? "running" : "off", item->host ? " on " : "",
                     item->host ? item->host : "", rules);
        if (item->why_not) {
            append_safe (out, "    left alone: %s", item->why_not);
            continue;
        }
        for (guint s = 0; s < item->steps->len; s++)
            append_safe (out, "    %s", (const char *)item->steps->pdata[s]);
    }
    return g_string_free (out, FALSE);
}
