/* SPDX-License-Identifier: Apache-2.0 */
/* kilonova explain: every decision about a server's guest, with its reason. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cmd/args.h"
#include "cmd/client.h"
#include "cmd/cmd.h"

#define USAGE "SERVER [PART] [--json] [--os-cloud NAME]"

static const char *
text_of (const json_t *decision, const char *key)
{
    const char *text = json_string_value (json_object_get (decision, key));

    return text ? text : "";
}

/* Whether the decision is at or below @part ("clock"); NULL: all are. */
static bool
is_in (const json_t *decision, const char *part)
{
    const char *path = text_of (decision, "path");
    gsize len = part ? strlen (part) : 0;

    return !part || (strncmp (path, part, len) == 0 && (!path[len] || strchr ("/@[", path[len])));
}

static void
print_decision (const json_t *decision)
{
    const json_t *value = json_object_get (decision, "value");

    (void)fputs (json_is_true (json_object_get (decision, "warning")) ? "! " : "  ", stdout);
    kn_args_print (text_of (decision, "path"));
    (void)fputs (" = ", stdout);
    kn_args_print (json_is_string (value) ? json_string_value (value) : "(left out)");
    (void)fputs ("\n      ", stdout);
    kn_args_print (text_of (decision, "reason"));
    (void)fputs (" [", stdout);
    kn_args_print (text_of (decision, "source"));
    (void)fputs ("; ", stdout);
    kn_args_print (text_of (decision, "rule"));
    (void)fputs ("]\n", stdout);
}

static bool
print_plan (const json_t *body, const char *part, GError **error)
{
    const json_t *decisions = json_object_get (body, "decisions");
    gsize n = json_array_size (decisions), warnings = 0, shown = 0;

    if (n == 0) {
        kn_error_set (error, KN_ERROR_NOT_FOUND,
                      "there is no plan yet: the server has never been started");
        return false;
    }
    for (gsize i = 0; i < n; i++)
        warnings += json_is_true (json_object_get (json_array_get (decisions, i), "warning"));

    (void)fputs ("profile ", stdout);
    kn_args_print (text_of (body, "profile"));
    (void)printf (", %zu decisions, %zu to look at (marked with !)\n", n, warnings);
    for (gsize i = 0; i < n; i++) {
        const json_t *decision = json_array_get (decisions, i);
        if (!is_in (decision, part))
            continue;
        print_decision (decision);
        shown++;
    }
    if (shown > 0)
        return true;
    kn_error_set (error, KN_ERROR_NOT_FOUND, "the plan has no part '%s'", part);
    return false;
}

static bool
explain (const char *server, const char *part, const char *cloud, bool as_json, GError **error)
{
    g_autoptr (KnClient) client = kn_client_new (cloud, error);
    g_autofree char *id = client ? kn_client_load_server_id (client, server, error) : NULL;
    g_autofree char *path = id ? g_strdup_printf ("/servers/%s/kilonova-plan", id) : NULL;
    g_autoptr (json_t) body = NULL;

    if (!path || !kn_client_call (client, "GET", "compute", path, NULL, &body, error))
        return false;
    if (!as_json)
        return print_plan (body, part, error);
    (void)json_dumpf (body, stdout, JSON_INDENT (2));
    (void)putchar ('\n');
    return true;
}

int
kn_cmd_explain (int argc, char **argv)
{
    g_autoptr (GError) error = NULL;
    const char *cloud = NULL;
    bool as_json = kn_args_take_flag (&argc, argv, "--json");

    if (!kn_args_take (&argc, argv, "--os-cloud", &cloud, &error)
        || !kn_args_check (argc, argv, 1, 2, &error))
        return kn_args_fail ("explain", USAGE, error);
    return explain (argv[1], argc > 2 ? argv[2] : NULL, cloud, as_json, &error)
               ? 0
               : kn_cmd_fail (error);
}
