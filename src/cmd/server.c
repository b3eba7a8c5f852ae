/* SPDX-License-Identifier: Apache-2.0 */
/* kilonova server: the guest properties of a server, shown and set through the API. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cmd/args.h"
#include "cmd/client.h"
#include "cmd/cmd.h"

#define WAIT_S 180
#define POLL_US (G_USEC_PER_SEC / 2)

#define PROPERTIES_USAGE "SERVER [--json] [--os-cloud NAME]"
#define SET_USAGE "SERVER KEY=VALUE… [--reboot hard] [--os-cloud NAME]    (KEY= takes KEY away)"

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
    return true;
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

static int
server_set (int argc, char **argv)
{
    g_autoptr (GError) error = NULL;
    const char *cloud = NULL, *reboot = NULL;

    if (!kn_args_take (&argc, argv, "--os-cloud", &cloud, &error)
        || !kn_args_take (&argc, argv, "--reboot", &reboot, &error)
        || !kn_args_check (argc, argv, 2, G_MAXINT, &error))
        return kn_args_fail ("server set", SET_USAGE, error);
    if (reboot && strcmp (reboot, "hard") != 0) {
        kn_error_set (&error, KN_ERROR_BAD_REQUEST,
                      "--reboot takes 'hard': a soft reboot keeps the old definition");
        return kn_args_fail ("server set", SET_USAGE, error);
    }
    g_autoptr (json_t) body = make_body (argv + 2, reboot, &error);
    if (!body)
        return kn_args_fail ("server set", SET_USAGE, error);
    return set_properties (argv[1], body, cloud, &error) ? 0 : kn_cmd_fail (error);
}

/* -- table --------------------------------------------------------------------------------- */

static const KnCommand verbs[] = {
    { "properties", server_properties, PROPERTIES_USAGE, "print what shapes the guest" },
    { "set", server_set, SET_USAGE, "set what shapes the guest" },
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
