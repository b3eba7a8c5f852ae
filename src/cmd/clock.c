/* SPDX-License-Identifier: Apache-2.0 */
/* kilonova clock: how wrong the clocks of guests and hosts are, and what to do. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/table.h"
#include "cmd/args.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "cmd/plan_print.h"
#include "compute/skew.h"

#define USAGE "[SERVER [--now] | --all | --hosts] [--json] [--os-cloud NAME]"
#define PAGES_MAX 100

static const char *const clock_headings[]
    = { "SERVER", "OS", "POLICY", "ZONE", "SKEW", "SINCE", "VERDICT", NULL };

static const char *
text_of (const json_t *object, const char *key)
{
    const char *text = json_string_value (json_object_get (object, key));

    return text != NULL ? text : "-";
}

static void
print_table (const KnTable *table)
{
    g_autofree char *text = kn_table_format (table, kn_args_terminal_width ());

    (void)fputs (text, stdout);
}

/* ---- guests ---- */

static char *
format_skew (const json_t *clock)
{
    const json_t *seconds = json_object_get (clock, "skew_seconds");

    if (!json_is_number (seconds) || fabs (json_number_value (seconds)) > 1e12)
        return g_strdup ("-");
    return kn_skew_format ((gint64)(json_number_value (seconds) * 1000));
}

static char *
format_verdict (const json_t *clock)
{
    const char *why = json_string_value (json_object_get (clock, "why"));
    const char *verdict = text_of (clock, "verdict");

    return why != NULL ? g_strdup_printf ("%s (%s)", verdict, why) : g_strdup (verdict);
}

static void
add_clock (KnTable *table, const json_t *clock)
{
    g_autofree char *skew = format_skew (clock), *verdict = format_verdict (clock);
    const char *const cells[] = {
        text_of (clock, "name"),
        text_of (clock, "os_type"),
        text_of (clock, "policy"),
        text_of (clock, "zone"),
        skew,
        text_of (clock, "since"),
        verdict,
    };

    G_STATIC_ASSERT (G_N_ELEMENTS (cells) + 1 == G_N_ELEMENTS (clock_headings));
    kn_table_add (table, cells);
}

static void
print_notes (const json_t *clock, const char *name)
{
    const json_t *warnings = json_object_get (clock, "warnings");

    for (gsize i = 0; i < json_array_size (warnings); i++) {
        (void)fputs ("! ", stdout);
        kn_args_print (name);
        (void)fputs (": ", stdout);
        kn_args_print (text_of (json_array_get (warnings, i), "text"));
        (void)putchar ('\n');
    }
}

/* What a list says below its table: of clocks that are wrong, and of warnings. */
static void
print_trouble (const json_t *clock)
{
    const char *verdict = text_of (clock, "verdict"), *name = text_of (clock, "name");

    if (strcmp (verdict, "right") != 0 && strcmp (verdict, "unknown") != 0) {
        kn_args_print (name);
        (void)fputs (": ", stdout);
        kn_args_print (text_of (clock, "text"));
        (void)putchar ('\n');
    }
    print_notes (clock, name);
}

static void
print_clocks (const json_t *clocks)
{
    g_autoptr (KnTable) table = kn_table_new (clock_headings);

    for (gsize i = 0; i < json_array_size (clocks); i++)
        add_clock (table, json_array_get (clocks, i));
    print_table (table);
    for (gsize i = 0; i < json_array_size (clocks); i++)
        print_trouble (json_array_get (clocks, i));
}

/* All pages as one array; NULL: error. */
static json_t *
load_clocks (KnClient *client, bool all, GError **error)
{
    g_autoptr (json_t) clocks = json_array ();
    g_autofree char *marker = g_strdup ("");
    bool more = true;

    for (guint page = 0; more && page < PAGES_MAX; page++) {
        g_autofree char *path = g_strdup_printf ("/kilonova-clocks?all_tenants=%d%s%s", all,
                                                 *marker != '\0' ? "&marker=" : "", marker);
        g_autoptr (json_t) body = NULL;

        if (!kn_client_call (client, "GET", "compute", path, NULL, &body, error))
            return NULL;
        const json_t *found = json_object_get (body, "clocks");
        gsize n = json_array_size (found);
        (void)json_array_extend (clocks, (json_t *)found);
        more = n > 0 && json_is_true (json_object_get (body, "more"));
        g_free (marker);
        marker = g_strdup (n > 0 ? text_of (json_array_get (found, n - 1), "server") : "");
    }
    return g_steal_pointer (&clocks);
}

static bool
show_all (KnClient *client, bool all, bool as_json, GError **error)
{
    g_autoptr (json_t) clocks = load_clocks (client, all, error);

    if (clocks == NULL)
        return false;
    if (as_json)
        kn_plan_print_json (clocks);
    else
        print_clocks (clocks);
    return true;
}

static void
print_history (const json_t *clock)
{
    static const char *const headings[] = { "MEASURED", "BY", "SKEW", "VERDICT", NULL };
    const json_t *history = json_object_get (clock, "history");
    g_autoptr (KnTable) table = kn_table_new (headings);

    for (gsize i = 0; i < json_array_size (history); i++) {
        const json_t *line = json_array_get (history, i);
        g_autofree char *skew = format_skew (line), *verdict = format_verdict (line);
        const char *const cells[]
            = { text_of (line, "measured_at"), text_of (line, "method"), skew, verdict };

        kn_table_add (table, cells);
    }
    if (json_array_size (history) > 0)
        print_table (table);
}

static void
print_clock (const json_t *clock)
{
    g_autoptr (KnTable) table = kn_table_new (clock_headings);

    add_clock (table, clock);
    print_table (table);
    kn_args_print (text_of (clock, "text"));
    (void)putchar ('\n');
    print_notes (clock, text_of (clock, "name"));
    print_history (clock);
}

static bool
show_one (KnClient *client, const char *server, bool now, bool as_json, GError **error)
{
    g_autofree char *id = kn_client_load_server_id (client, server, error);
    g_autofree char *path
        = id != NULL ? g_strdup_printf ("/servers/%s/kilonova-clock?now=%d", id, now) : NULL;
    g_autoptr (json_t) body = NULL;

    if (path == NULL || !kn_client_call (client, "GET", "compute", path, NULL, &body, error))
        return false;
    if (as_json)
        kn_plan_print_json (body);
    else
        print_clock (json_object_get (body, "clock"));
    return true;
}

/* ---- hosts ---- */

static char *
format_ntp (const json_t *host)
{
    const json_t *ntp = json_object_get (host, "ntp");
    const json_t *synchronized = json_object_get (ntp, "synchronized");

    if (!json_is_boolean (synchronized))
        return g_strdup ("unknown");
    return g_strdup_printf ("%s (%s)", json_is_true (synchronized) ? "yes" : "no",
                            text_of (ntp, "by"));
}

static char *
format_hardware (const json_t *host)
{
    const json_t *hardware = json_object_get (host, "hardware_clock");
    const json_t *offset = json_object_get (hardware, "offset_seconds");

    if (!json_is_number (offset))
        return g_strdup ("unknown");
    return g_strdup_printf ("%s %+.0f s", text_of (hardware, "keeps"), json_number_value (offset));
}

/* "right", "unknown", or what is wrong: "not-synchronized, rtc-off". */
static char *
format_faults (const json_t *host)
{
    const json_t *warnings = json_object_get (host, "warnings");
    g_autoptr (GString) codes = g_string_new (NULL);

    if (!json_is_true (json_object_get (host, "known")))
        return g_strdup ("unknown");
    for (gsize i = 0; i < json_array_size (warnings); i++)
        g_string_append_printf (codes, "%s%s", i > 0 ? ", " : "",
                                text_of (json_array_get (warnings, i), "code"));
    return g_strdup (codes->len > 0 ? codes->str : "right");
}

static void
add_host (KnTable *table, const json_t *host)
{
    g_autofree char *ntp = format_ntp (host), *hardware = format_hardware (host);
    g_autofree char *faults = format_faults (host);

    const char *const cells[]
        = { text_of (host, "host"), text_of (host, "zone"), ntp, hardware, faults };

    kn_table_add (table, cells);
}

static bool
show_hosts (KnClient *client, bool as_json, GError **error)
{
    static const char *const headings[]
        = { "HOST", "ZONE", "NTP", "HARDWARE CLOCK", "VERDICT", NULL };
    g_autoptr (KnTable) table = kn_table_new (headings);
    g_autoptr (json_t) body = NULL;

    if (!kn_client_call (client, "GET", "compute", "/kilonova-host-clocks", NULL, &body, error))
        return false;
    const json_t *hosts = json_object_get (body, "hosts");
    if (as_json) {
        kn_plan_print_json (hosts);
        return true;
    }
    for (gsize i = 0; i < json_array_size (hosts); i++)
        add_host (table, json_array_get (hosts, i));
    print_table (table);
    for (gsize i = 0; i < json_array_size (hosts); i++)
        print_notes (json_array_get (hosts, i), text_of (json_array_get (hosts, i), "host"));
    return true;
}

/* ---- the command ---- */

typedef struct {
    const char *server;
    bool now, all, hosts, as_json;
} Wish;

static bool
check_wish (const Wish *wish, GError **error)
{
    if ((wish->server != NULL) + wish->all + wish->hosts > 1) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST,
                      "a server, --all and --hosts exclude each other");
        return false;
    }
    if (wish->now && wish->server == NULL) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST, "--now measures one server: name it");
        return false;
    }
    return true;
}

static bool
show (const Wish *wish, const char *cloud, GError **error)
{
    g_autoptr (KnClient) client = kn_client_new (cloud, error);

    if (client == NULL)
        return false;
    if (wish->hosts)
        return show_hosts (client, wish->as_json, error);
    if (wish->server != NULL)
        return show_one (client, wish->server, wish->now, wish->as_json, error);
    return show_all (client, wish->all, wish->as_json, error);
}

int
kn_cmd_clock (int argc, char **argv)
{
    g_autoptr (GError) error = NULL;
    const char *cloud = NULL;
    Wish wish = {
        .now = kn_args_take_flag (&argc, argv, "--now"),
        .all = kn_args_take_flag (&argc, argv, "--all"),
        .hosts = kn_args_take_flag (&argc, argv, "--hosts"),
        .as_json = kn_args_take_flag (&argc, argv, "--json"),
    };

    if (!kn_args_take (&argc, argv, "--os-cloud", &cloud, &error)
        || !kn_args_check (argc, argv, 0, 1, &error))
        return kn_args_fail ("clock", USAGE, error);
    wish.server = argc > 1 ? argv[1] : NULL;
    if (!check_wish (&wish, &error))
        return kn_args_fail ("clock", USAGE, error);
    return show (&wish, cloud, &error) ? 0 : kn_cmd_fail (error);
}
