/* SPDX-License-Identifier: Apache-2.0 */
/* kilonova explain: every decision about a server's guest, with its reason; and what would be decided differently now. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cmd/args.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "cmd/plan_print.h"

#define USAGE "SERVER [PART] [--diff] [--profile NAME] [--json] [--os-cloud NAME]"

typedef struct {
    const char *server, *part, *cloud, *profile;
    bool diff, json;
} Options;

static bool
fail_part (const char *part, GError **error)
{
    kn_error_set (
        error, KN_ERROR_NOT_FOUND,
        "the plan has no part '%s'; parts are elements as explain prints them without one: "
        "clock, cpu, features/hyperv, devices/disk[vda] …",
        part);
    return false;
}

/* What the running guest gave away. */
static void
print_warnings (const json_t *body)
{
    const json_t *warnings = json_object_get (body, "warnings");

    for (gsize i = 0; i < json_array_size (warnings); i++) {
        (void)fputs ("! ", stdout);
        kn_args_print (kn_plan_text (json_array_get (warnings, i), "text"));
        (void)putchar ('\n');
    }
}

/* Which keys the guest's Secure Boot trusts, where it has UEFI. */
static void
print_keys (const json_t *keys)
{
    static const struct {
        const char *member, *what;
    } lines[] = {
        { "certificates", "Secure Boot certificates, by Microsoft's generation: " },
        { "template", "  in what new guests of this host start with: " },
        { "kek", "  KEK: " },
        { "db", "  db: " },
        { "read_at", "  read from the guest's variable store at " },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (lines); i++) {
        if (!json_is_string (json_object_get (keys, lines[i].member)))
            continue;
        (void)fputs (lines[i].what, stdout);
        kn_args_print (kn_plan_text (keys, lines[i].member));
        (void)fputs ("\n", stdout);
    }
}

static bool
print_plan (const json_t *body, const char *part, GError **error)
{
    const json_t *list = json_object_get (body, "decisions");
    gsize n = json_array_size (list), warnings = 0;

    if (n == 0) {
        kn_error_set (error, KN_ERROR_NOT_FOUND,
                      "there is no plan yet: the server has never been started");
        return false;
    }
    g_autofree KnGuestDecision *decisions = kn_plan_read_decisions (list);
    g_autofree char *text
        = kn_guest_decisions_explain (decisions, n, part, kn_args_terminal_width ());
    if (!text)
        return fail_part (part, error);
    for (gsize i = 0; i < n; i++)
        warnings += decisions[i].warning;
    (void)fputs ("profile ", stdout);
    kn_args_print (kn_plan_text (body, "profile"));
    (void)printf (", %zu decisions, %zu to look at (marked with !)\n", n, warnings);
    if (!part || strcmp (part, "os") == 0)
        print_keys (json_object_get (body, "secure_boot"));
    (void)fputs (text, stdout);
    print_warnings (body);
    return true;
}

static bool
print_diff (const json_t *body, const Options *options)
{
    (void)fputs ("profile ", stdout);
    kn_args_print (kn_plan_text (body, "profile"));
    if (strcmp (kn_plan_text (body, "profile"), kn_plan_text (body, "new_profile")) != 0) {
        (void)fputs (", compared with ", stdout);
        kn_args_print (kn_plan_text (body, "new_profile"));
    }
    (void)putchar ('\n');
    if (!kn_plan_print_changes (body))
        (void)printf ("%s would change nothing%s.\n",
                      options->profile ? "That profile" : "A hard reboot",
                      options->part ? " there" : "");
    kn_plan_print_hardware (body);
    kn_plan_print_by_hand (body);
    return true;
}

/* Leaves of the plan's decisions only those in @part. */
static bool
narrow (json_t *body, const char *part, GError **error)
{
    json_t *list = json_object_get (body, "decisions");
    g_autofree KnGuestDecision *decisions = kn_plan_read_decisions (list);

    for (gsize i = json_array_size (list); i-- > 0;)
        if (!kn_guest_decision_is_in (&decisions[i], part))
            (void)json_array_remove (list, i);
    return json_array_size (list) > 0 || fail_part (part, error);
}

static char *
make_path (const Options *options, const char *id)
{
    GString *path = g_string_new (NULL);
    const char *const names[] = { "part", "profile" };
    const char *const values[] = { options->part, options->profile };
    char mark = '?';

    g_string_printf (path, "/servers/%s/kilonova-plan%s", id, options->diff ? "/changes" : "");
    for (gsize i = 0; options->diff && i < G_N_ELEMENTS (names); i++) {
        g_autofree char *escaped = values[i] ? g_uri_escape_string (values[i], NULL, FALSE) : NULL;
        if (!escaped)
            continue;
        g_string_append_printf (path, "%c%s=%s", mark, names[i], escaped);
        mark = '&';
    }
    return g_string_free (path, FALSE);
}

static bool
explain (const Options *options, GError **error)
{
    g_autoptr (KnClient) client = kn_client_new (options->cloud, error);
    g_autofree char *id = client ? kn_client_load_server_id (client, options->server, error) : NULL;
    g_autofree char *path = id ? make_path (options, id) : NULL;
    g_autoptr (json_t) body = NULL;

    if (!path || !kn_client_call (client, "GET", "compute", path, NULL, &body, error))
        return false;
    if (!options->json)
        return options->diff ? print_diff (body, options) : print_plan (body, options->part, error);
    if (options->part && !options->diff && !narrow (body, options->part, error))
        return false;
    kn_plan_print_json (body);
    return true;
}

int
kn_cmd_explain (int argc, char **argv)
{
    g_autoptr (GError) error = NULL;
    Options options = { 0 };

    options.json = kn_args_take_flag (&argc, argv, "--json");
    options.diff = kn_args_take_flag (&argc, argv, "--diff");
    if (!kn_args_take (&argc, argv, "--os-cloud", &options.cloud, &error)
        || !kn_args_take (&argc, argv, "--profile", &options.profile, &error)
        || !kn_args_check (argc, argv, 1, 2, &error))
        return kn_args_fail ("explain", USAGE, error);
    options.server = argv[1];
    options.part = argc > 2 ? argv[2] : NULL;
    /* Another profile is a question about what would change. */
    options.diff = options.diff || options.profile;
    return explain (&options, &error) ? 0 : kn_cmd_fail (error);
}
