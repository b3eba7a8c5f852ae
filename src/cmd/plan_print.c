/* SPDX-License-Identifier: Apache-2.0 */
/* Plans and changes as the API gives them, printed for people. */
#include "cmd/plan_print.h"

#include <stdio.h>

#include "base/table.h"
#include "cmd/args.h"

const char *
kn_plan_text (const json_t *object, const char *key)
{
    const char *text = json_string_value (json_object_get (object, key));

    return text ? text : "";
}

static KnGuestDecision
read_decision (const json_t *object, const char *value_key)
{
    return (KnGuestDecision){
        .path = kn_plan_text (object, "path"),
        .value = json_string_value (json_object_get (object, value_key)),
        .rule = kn_plan_text (object, "rule"),
        .source = kn_plan_text (object, "source"),
        .reason = kn_plan_text (object, "reason"),
        .warning = json_is_true (json_object_get (object, "warning")),
    };
}

KnGuestDecision *
kn_plan_read_decisions (const json_t *list)
{
    gsize n = json_array_size (list);
    KnGuestDecision *decisions = g_new0 (KnGuestDecision, n);

    for (gsize i = 0; i < n; i++)
        decisions[i] = read_decision (json_array_get (list, i), "value");
    return decisions;
}

bool
kn_plan_print_changes (const json_t *body)
{
    const json_t *list = json_object_get (body, "changes");
    gsize n = json_array_size (list);
    g_autofree KnGuestDecision *before = g_new0 (KnGuestDecision, n);
    g_autofree KnGuestDecision *after = g_new0 (KnGuestDecision, n);
    g_autofree KnGuestChange *changes = g_new0 (KnGuestChange, n);

    if (n == 0)
        return false;
    for (gsize i = 0; i < n; i++) {
        const json_t *object = json_array_get (list, i);
        before[i] = read_decision (object, "before");
        after[i] = read_decision (object, "after");
        changes[i]
            = (KnGuestChange){ before[i].path, &before[i], *after[i].rule ? &after[i] : NULL };
    }
    g_autofree char *text = kn_guest_changes_explain (changes, n, kn_args_terminal_width ());
    (void)fputs (text, stdout);
    return true;
}

static bool
print_three (const json_t *list, const char *const *headings, const char *const *keys)
{
    g_autoptr (KnTable) table = kn_table_new (headings);

    for (gsize i = 0; i < json_array_size (list); i++) {
        const json_t *object = json_array_get (list, i);
        const char *cells[3];
        for (gsize k = 0; k < G_N_ELEMENTS (cells); k++) {
            const json_t *cell = json_object_get (object, keys[k]);
            cells[k] = json_is_string (cell) ? json_string_value (cell) : "(none)";
        }
        kn_table_add (table, cells);
    }
    g_autofree char *text = kn_table_format (table, kn_args_terminal_width ());
    (void)fputs (text, stdout);
    return true;
}

bool
kn_plan_print_hardware (const json_t *body)
{
    static const char *const headings[] = { "HARDWARE", "NOW", "THEN", NULL };
    static const char *const keys[] = { "label", "before", "after" };
    const json_t *list = json_object_get (body, "hardware");

    if (json_array_size (list) == 0)
        return false;
    const char *what
        = "\nThis changes hardware that the guest was installed on; it may not start, or "
          "may lose its network settings:\n";
    if (json_is_true (json_object_get (body, "undo")))
        what = "\nThe hardware of before comes back:\n";
    else if (json_is_true (json_object_get (body, "hardware_kept")))
        what = "\nThe hardware stays as the guest knows it; the profile alone would choose:\n";
    (void)fputs (what, stdout);
    return print_three (list, headings, keys);
}

bool
kn_plan_print_by_hand (const json_t *body)
{
    static const char *const headings[] = { "ELEMENT", "PLANNED", "FOUND", NULL };
    static const char *const keys[] = { "path", "planned", "found" };
    const json_t *list = json_object_get (body, "by_hand");

    if (json_array_size (list) == 0)
        return false;
    (void)fputs ("\nSomebody has edited the definition on the host; a hard reboot undoes it:\n",
                 stdout);
    return print_three (list, headings, keys);
}

void
kn_plan_print_json (const json_t *body)
{
    (void)json_dumpf (body, stdout, JSON_INDENT (2));
    (void)putchar ('\n');
}
