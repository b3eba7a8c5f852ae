/* SPDX-License-Identifier: Apache-2.0 */
/* docs/properties.md from the registry. */
#include "guest/registry.h"

static const char *const types[KN_PROPERTY_N] = {
    [KN_PROPERTY_BOOL] = "true or false",
    [KN_PROPERTY_INT] = "whole number",
    [KN_PROPERTY_ENUM] = NULL,
    [KN_PROPERTY_TEXT] = "text",
    [KN_PROPERTY_CPUS] = "CPUs: `0-3,^2`",
    [KN_PROPERTY_PAGE] = "small, large, any, or a size: `2MB`",
    [KN_PROPERTY_ZONE] = "zone: `Asia/Shanghai`",
};

static const char *const wins[KN_WINS_N] = {
    [KN_WINS_ONLY] = "",
    [KN_WINS_EQUAL] = "both must agree",
    [KN_WINS_IMAGE] = "image wins",
    [KN_WINS_FLAVOR] = "flavor wins",
    [KN_WINS_EITHER] = "one is enough",
    [KN_WINS_LOWER] = "image may lower the flavor's limit",
    [KN_WINS_RULE] = "by rule",
};

static void
append_names (GString *doc, const KnGuestProperty *row)
{
    const char *index = row->flags & KN_PROPERTY_FAMILY ? "N" : "";
    if (row->name)
        g_string_append_printf (doc, "`%s%s`", row->name, index);
    if (row->spec)
        g_string_append_printf (doc, "%s`%s%s`", row->name ? "<br>" : "", row->spec, index);
    if (row->legacy)
        g_string_append_printf (doc, "<br>older: `%s`", row->legacy);
}

static void
append_values (GString *doc, const KnGuestProperty *row)
{
    for (gsize i = 0; row->values && row->values[i]; i++)
        g_string_append_printf (doc, "%s%s", i ? ", " : "", row->values[i]);
    if (!row->values)
        g_string_append (doc, types[row->type]);
    if (row->type == KN_PROPERTY_INT && row->max == G_MAXINT64)
        g_string_append_printf (doc, " from %" G_GINT64_FORMAT, row->min);
    else if (row->type == KN_PROPERTY_INT && (row->min || row->max))
        g_string_append_printf (doc, ", %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, row->min,
                                row->max);
}

static void
append_row (GString *doc, const KnGuestProperty *row)
{
    g_string_append (doc, "| ");
    append_names (doc, row);
    g_string_append (doc, " | ");
    append_values (doc, row);
    g_string_append_printf (doc, " | %s | %s | %s | %s | %s |\n", wins[row->wins],
                            row->effect ? row->effect : "",
                            row->flags & KN_PROPERTY_ON_SERVER ? "yes" : "", row->since, row->help);
}

char *
kn_guest_properties_format (void)
{
    gsize n;
    const KnGuestProperty *rows = kn_guest_properties (&n);
    GString *doc = g_string_new (
        "# Image properties and extra specs\n\n"
        "This page is printed by `kilonova guest-xml --properties`; `./dev check` compares.\n\n"
        "A name with an underscore is an image property, one with a colon a flavor's extra spec; "
        "they "
        "stand in one row where they mean the same. *On a server*: may be changed with `kilonova "
        "server "
        "set` and takes effect at the next start. *Since*: Nova's release with it (2012.1 … "
        "2015.1, then "
        "12 = Liberty and so on), or our profile.\n\n"
        "Extra specs whose prefix stands in the table (`hw:`, `os:`, `quota:` …) are checked; all "
        "others are free. Compute stores a "
        "bad one with a "
        "`Warning` header, a line in the log and an entry in `GET "
        "/flavors/ID/kilonova-warnings` (from microversion 2.86 "
        "on it refuses it), and refuses a server of that flavor.\n\n"
        "| Name | Values | Who wins | Acts on | On a server | Since | Meaning |\n"
        "|---|---|---|---|---|---|---|\n");
    for (gsize i = 0; i < n; i++)
        append_row (doc, &rows[i]);
    return g_string_free (doc, FALSE);
}
