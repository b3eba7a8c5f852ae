/* SPDX-License-Identifier: Apache-2.0 */
/* kilonova server: the guest properties of a server, shown and set through the API. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cmd/args.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "cmd/plan_print.h"

#define WAIT_S 180
#define POLL_US (G_USEC_PER_SEC / 2)

#define PROPERTIES_USAGE "SERVER [--json] [--os-cloud NAME]"
#define SET_USAGE "SERVER KEY=VALUE… [--reboot hard] [--os-cloud NAME]    (KEY= takes KEY away)"
#define UPGRADE_USAGE                                                                              \
    "SERVER [--profile NAME] [--hardware [--yes]] [--undo] [--dry-run] [--reboot hard] [--json] "  \
    "[--os-cloud NAME]"

static gint
compare_names (gconstpointer a, gconstpointer b)
{
    return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* Prints name and value in columns, sorted. */
static void
print_members (const json_t *object)
{
    g_autoptr (GPtrArray) names = g_ptr_array_new ();
    const char *name;
    json_t *value;
    int width = 0;

    json_object_foreach ((json_t *)object, name, value) {
        width = MAX (width, (int)strlen (name));
        g_ptr_array_add (names, (gpointer)name);
    }
    g_ptr_array_sort (names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        const char *text = json_string_value (json_object_get (object, names->pdata[i]));
        kn_args_print (names->pdata[i]);
        (void)printf ("%*s", width + 2 - (int)strlen (names->pdata[i]), "");
        kn_args_print (text ? text : "");
        (void)putchar ('\n');
    }
}

static char *
properties_path (const char *id)
{
    return g_strdup_printf ("/servers/%s/kilonova-properties", id);
}

static bool
show_properties (const char *server, const char *cloud, bool as_json, GError **error)
{
    g_autoptr (KnClient) client = kn_client_new (cloud, error);
    g_autofree char *id = client ? kn_client_load_server_id (client, server, error) : NULL;
    g_autofree char *path = id ? properties_path (id) : NULL;
    g_autoptr (json_t) body = NULL;

    if (!path || !kn_client_call (client, "GET", "compute", path, NULL, &body, error))
        return false;
    if (as_json) {
        (void)json_dumpf (body, stdout, JSON_INDENT (2) | JSON_SORT_KEYS);
        (void)putchar ('\n');
        return true;
    }
    const char *profile = json_string_value (json_object_get (body, "profile"));
    (void)fputs ("profile: ", stdout);
    kn_args_print (profile ? profile : "none");
    (void)putchar ('\n');
    print_members (json_object_get (body, "properties"));
    return true;
}

static int
server_properties (int argc, char **argv)
{
    g_autoptr (GError) error = NULL;
    const char *cloud = NULL;
    bool as_json = kn_args_take_flag (&argc, argv, "--json");

    if (!kn_args_take (&argc, argv, "--os-cloud", &cloud, &error)
        || !kn_args_check (argc, argv, 1, 1, &error))
        return kn_args_fail ("server properties", PROPERTIES_USAGE, error);
    return show_properties (argv[1], cloud, as_json, &error) ? 0 : kn_cmd_fail (error);
}

/* -- set ----------------------------------------------------------------------------------- */

/* {"properties": {key: value or null}, "reboot": …} */
static json_t *
make_body (char **pairs, const char *reboot, GError **error)
{
    g_autoptr (json_t) properties = json_object ();

    for (guint i = 0; pairs[i]; i++) {
        const char *equals = strchr (pairs[i], '=');
        if (!equals || equals == pairs[i]) {
            kn_error_set (error, KN_ERROR_BAD_REQUEST, "'%s' is not KEY=VALUE", pairs[i]);
            return NULL;
        }
        g_autofree char *key = g_strndup (pairs[i], (gsize)(equals - pairs[i]));
        json_t *value = equals[1] ? json_string (equals + 1) : json_null ();
        if (!value || json_object_set_new (properties, key, value) != 0) {
            kn_error_set (error, KN_ERROR_BAD_REQUEST, "'%s' is not UTF-8", key);
            return NULL;
        }
    }

    json_t *body = json_pack ("{s:O}", "properties", properties);
    if (reboot)
        (void)json_object_set_new (body, "reboot", json_string (reboot));
    return body;
}

/* Whether the server rests; an ERROR is an error with the server's own fault. */
static bool
check_settled (const json_t *body, bool *out_settled, GError **error)
{
    const json_t *server = json_object_get (body, "server");
    const char *status = json_string_value (json_object_get (server, "status"));
    const json_t *task = json_object_get (server, "OS-EXT-STS:task_state");
    const json_t *fault = json_object_get (server, "fault");

    *out_settled = !json_is_string (task) && g_strcmp0 (status, "ACTIVE") == 0;
    if (g_strcmp0 (status, "ERROR") != 0 || json_is_string (task))
        return true;
    const char *message = json_string_value (json_object_get (fault, "message"));
    kn_error_set (error, KN_ERROR_CONFLICT, "the reboot failed: %s",
                  message ? message : "the server is in ERROR");
    return false;
}

/* A server whose new definition was refused runs on with its earlier one: the action tells. */
static bool
check_outcome (KnClient *client, const char *id, GError **error)
{
    g_autofree char *path = g_strdup_printf ("/servers/%s/os-instance-actions", id);
    g_autoptr (json_t) body = NULL;

    if (!kn_client_call (client, "GET", "compute", path, NULL, &body, error))
        return false;

    const json_t *actions = json_object_get (body, "instanceActions"); /* newest first */
    const json_t *last = json_array_get (actions, 0);
    const char *message = json_string_value (json_object_get (last, "message"));
    if (!message || g_strcmp0 (json_string_value (json_object_get (last, "action")), "reboot") != 0)
        return true;
    kn_error_set (error, KN_ERROR_CONFLICT,
                  "the reboot failed and the server runs as before; what was set is stored and is "
                  "tried again at its next start: %s",
                  message);
    return false;
}

static bool
wait_for_reboot (KnClient *client, const char *id, GError **error)
{
    g_autofree char *path = g_strdup_printf ("/servers/%s", id);
    gint64 deadline = g_get_monotonic_time () + WAIT_S * G_USEC_PER_SEC;
    bool settled = false;

    while (!settled) {
        g_autoptr (json_t) body = NULL;
        if (g_get_monotonic_time () > deadline) {
            kn_error_set (error, KN_ERROR_TIMEOUT, "the server has not come up within %d s",
                          WAIT_S);
            return false;
        }
        if (!kn_client_call (client, "GET", "compute", path, NULL, &body, error)
            || !check_settled (body, &settled, error))
            return false;
        if (!settled)
            g_usleep (POLL_US);
    }
    return check_outcome (client, id, error);
}

static bool
set_properties (const char *server, const json_t *body, const char *cloud, GError **error)
{
    g_autoptr (KnClient) client = kn_client_new (cloud, error);
    g_autofree char *id = client ? kn_client_load_server_id (client, server, error) : NULL;
    g_autofree char *path = id ? properties_path (id) : NULL;
    bool reboot = json_object_get (body, "reboot") != NULL;

    if (!path || !kn_client_call (client, "PUT", "compute", path, body, NULL, error))
        return false;
    if (!reboot) {
        (void)printf ("stored; it takes effect at the next hard reboot (--reboot hard does one)\n");
        return true;
    }
    (void)printf ("stored; rebooting\n");
    (void)fflush (stdout);
    if (!wait_for_reboot (client, id, error))
        return false;
    (void)printf ("the server is up again\n");
    return true;
}

static bool
check_reboot (const char *how, GError **error)
{
    if (!how || strcmp (how, "hard") == 0)
        return true;
    kn_error_set (error, KN_ERROR_BAD_REQUEST,
                  "--reboot takes 'hard': a soft reboot keeps the old definition");
    return false;
}

static int
server_set (int argc, char **argv)
{
    g_autoptr (GError) error = NULL;
    const char *cloud = NULL, *reboot = NULL;

    if (!kn_args_take (&argc, argv, "--os-cloud", &cloud, &error)
        || !kn_args_take (&argc, argv, "--reboot", &reboot, &error)
        || !kn_args_check (argc, argv, 2, G_MAXINT, &error))
        return kn_args_fail ("server set", SET_USAGE, error);
    if (!check_reboot (reboot, &error))
        return kn_args_fail ("server set", SET_USAGE, error);
    g_autoptr (json_t) body = make_body (argv + 2, reboot, &error);
    if (!body)
        return kn_args_fail ("server set", SET_USAGE, error);
    return set_properties (argv[1], body, cloud, &error) ? 0 : kn_cmd_fail (error);
}

/* -- upgrade-profile ----------------------------------------------------------------------- */

typedef struct {
    const char *server, *profile, *cloud, *reboot;
    bool hardware, undo, dry_run, yes, json;
} Upgrade;

static json_t *
make_upgrade_body (const Upgrade *upgrade, bool dry_run)
{
    json_t *body = json_object ();

    if (upgrade->undo)
        (void)json_object_set_new (body, "undo", json_true ());
    if (upgrade->profile)
        (void)json_object_set_new (body, "profile", json_string (upgrade->profile));
    if (upgrade->hardware)
        (void)json_object_set_new (body, "hardware", json_string ("change"));
    if (dry_run)
        (void)json_object_set_new (body, "dry_run", json_true ());
    else if (upgrade->reboot)
        (void)json_object_set_new (body, "reboot", json_string (upgrade->reboot));
    return body;
}

static void
print_upgrade (const json_t *body, const Upgrade *upgrade)
{
    if (upgrade->json) {
        kn_plan_print_json (body);
        return;
    }
    (void)fputs ("profile ", stdout);
    kn_args_print (kn_plan_text (body, "profile"));
    (void)fputs (" -> ", stdout);
    kn_args_print (kn_plan_text (body, "new_profile"));
    (void)putchar ('\n');
    if (!kn_plan_print_changes (body))
        (void)fputs ("Nothing in the guest's definition changes.\n", stdout);
    kn_plan_print_hardware (body);
}

/* New hardware is changed on purpose only: the user has seen it named and said yes. */
static bool
confirm (const json_t *body, const Upgrade *upgrade, GError **error)
{
    char answer[16] = "";

    if (!upgrade->hardware || upgrade->yes
        || json_array_size (json_object_get (body, "hardware")) == 0)
        return true;
    if (!isatty (STDIN_FILENO)) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST,
                      "the guest's hardware would change; say --yes if that is meant");
        return false;
    }
    (void)fputs ("\nChange this hardware at the next start? [y/N] ", stdout);
    (void)fflush (stdout);
    if (fgets (answer, sizeof answer, stdin) && g_ascii_strncasecmp (answer, "y", 1) == 0)
        return true;
    kn_error_set (error, KN_ERROR_CONFLICT, "nothing was changed");
    return false;
}

static bool
finish_upgrade (KnClient *client, const char *id, const Upgrade *upgrade, GError **error)
{
    if (upgrade->reboot && !wait_for_reboot (client, id, error))
        return false;
    if (!upgrade->json)
        (void)printf ("\n%s%s\n",
                      upgrade->reboot ? "The server is up again."
                                      : "Stored; it takes effect at the next start or hard reboot.",
                      upgrade->undo ? "" : " upgrade-profile --undo takes it back.");
    return true;
}

static bool
upgrade_profile (const Upgrade *upgrade, GError **error)
{
    g_autoptr (KnClient) client = kn_client_new (upgrade->cloud, error);
    g_autofree char *id = client ? kn_client_load_server_id (client, upgrade->server, error) : NULL;
    g_autofree char *path = id ? g_strdup_printf ("/servers/%s/kilonova-profile", id) : NULL;
    g_autoptr (json_t) trial = make_upgrade_body (upgrade, true);
    g_autoptr (json_t) wish = make_upgrade_body (upgrade, false);
    g_autoptr (json_t) seen = NULL;
    g_autoptr (json_t) done = NULL;

    if (!path || !kn_client_call (client, "PUT", "compute", path, trial, &seen, error))
        return false;
    if (!upgrade->json || upgrade->dry_run)
        print_upgrade (seen, upgrade);
    if (upgrade->dry_run)
        return true;
    if (!confirm (seen, upgrade, error)
        || !kn_client_call (client, "PUT", "compute", path, wish, &done, error))
        return false;
    if (upgrade->json)
        print_upgrade (done, upgrade);
    return finish_upgrade (client, id, upgrade, error);
}

static int
server_upgrade_profile (int argc, char **argv)
{
    g_autoptr (GError) error = NULL;
    Upgrade upgrade = { 0 };

    upgrade.hardware = kn_args_take_flag (&argc, argv, "--hardware");
    upgrade.undo = kn_args_take_flag (&argc, argv, "--undo");
    upgrade.dry_run = kn_args_take_flag (&argc, argv, "--dry-run");
    upgrade.yes = kn_args_take_flag (&argc, argv, "--yes");
    upgrade.json = kn_args_take_flag (&argc, argv, "--json");
    if (!kn_args_take (&argc, argv, "--os-cloud", &upgrade.cloud, &error)
        || !kn_args_take (&argc, argv, "--profile", &upgrade.profile, &error)
        || !kn_args_take (&argc, argv, "--reboot", &upgrade.reboot, &error)
        || !kn_args_check (argc, argv, 1, 1, &error) || !check_reboot (upgrade.reboot, &error))
        return kn_args_fail ("server upgrade-profile", UPGRADE_USAGE, error);
    if (upgrade.undo && (upgrade.profile || upgrade.hardware)) {
        kn_error_set (&error, KN_ERROR_BAD_REQUEST,
                      "--undo goes back to what was; it takes neither --profile nor --hardware");
        return kn_args_fail ("server upgrade-profile", UPGRADE_USAGE, error);
    }
    upgrade.server = argv[1];
    return upgrade_profile (&upgrade, &error) ? 0 : kn_cmd_fail (error);
}

/* -- table --------------------------------------------------------------------------------- */

static const KnCommand verbs[] = {
    { "properties", server_properties, PROPERTIES_USAGE, "print what shapes the guest" },
    { "set", server_set, SET_USAGE, "set what shapes the guest" },
    { "upgrade-profile", server_upgrade_profile, UPGRADE_USAGE,
      "plan the guest by other rules from its next start on" },
};

int
kn_cmd_server (int argc, char **argv)
{
    for (gsize i = 0; argc > 1 && i < G_N_ELEMENTS (verbs); i++) {
        if (strcmp (argv[1], verbs[i].name) == 0)
            return verbs[i].run (argc - 1, argv + 1);
    }
    (void)fputs ("usage:\n", stderr);
    for (gsize i = 0; i < G_N_ELEMENTS (verbs); i++)
        (void)fprintf (stderr, "  kilonova server %s %s\n", verbs[i].name, verbs[i].usage);
    return 2;
}
