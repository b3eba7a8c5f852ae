/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for people. */
#include "guest/explain.h"

#include <string.h>

#define MAX_PATH_WIDTH 44
#define MAX_VALUE_WIDTH 28

bool
kn_guest_decision_is_in (const KnGuestDecision *decision, const char *part)
{
    if (!part)
        return true;
    gsize len = strlen (part);
    return strncmp (decision->path, part, len) == 0
           && (decision->path[len] == '\0' || strchr ("/@[", decision->path[len]));
}

static void
append_padded (GString *out, const char *text, int width)
{
    glong len = g_utf8_validate (text, -1, NULL) ? g_utf8_strlen (text, -1) : (glong)strlen (text);
    g_string_append (out, text);
    for (glong i = len; i < width; i++)
        g_string_append_c (out, ' ');
    g_string_append (out, "  ");
}

char *
kn_guest_plan_explain (const KnGuestPlan *plan, const char *part)
{
    GString *out = g_string_new (NULL);
    for (gsize i = 0; i < kn_guest_plan_count (plan); i++) {
        const KnGuestDecision *decision = kn_guest_plan_decision (plan, i);
        if (!kn_guest_decision_is_in (decision, part))
            continue;
        g_string_append (out, decision->warning ? "! " : "  ");
        append_padded (out, decision->path, MAX_PATH_WIDTH);
        append_padded (out, decision->value ? decision->value : "(left out)", MAX_VALUE_WIDTH);
        g_string_append_printf (out, "%s [%s]\n", decision->reason, decision->source);
    }
    return g_string_free (out, FALSE);
}
