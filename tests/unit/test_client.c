/* SPDX-License-Identifier: Apache-2.0 */
/* The command line as a client: words, OS_* variables, clouds.yaml. */
#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "cmd/args.h"
#include "cmd/client_settings.h"
#include "scratch_mariadb.h"

static void
test_words (void)
{
    const char *text[]
        = { "set", "one", "--reboot", "hard", "--json", "a=--b", "--os-cloud=x", NULL };
    char **argv = (char **)text;
    int argc = G_N_ELEMENTS (text) - 1;
    const char *reboot = NULL, *cloud = NULL, *other = "kept";
    g_autoptr (GError) error = NULL;

    g_assert_true (kn_args_take (&argc, argv, "--reboot", &reboot, &error));
    g_assert_true (kn_args_take (&argc, argv, "--os-cloud", &cloud, &error));
    g_assert_true (kn_args_take (&argc, argv, "--other", &other, &error));
    g_assert_true (kn_args_take_flag (&argc, argv, "--json"));
    g_assert_false (kn_args_take_flag (&argc, argv, "--json"));
    g_assert_cmpstr (reboot, ==, "hard");
    g_assert_cmpstr (cloud, ==, "x");
    g_assert_cmpstr (other, ==, "kept");
    g_assert_cmpint (argc, ==, 3);
    g_assert_cmpstr (argv[1], ==, "one");
    g_assert_cmpstr (argv[2], ==, "a=--b");
    g_assert_null (argv[3]);
    g_assert_true (kn_args_check (argc, argv, 2, 2, &error));
}

static void
test_wrong_words (void)
{
    const char *few[] = { "set", "--reboot", NULL }, *strange[] = { "set", "--frob", NULL };
    char **missing = (char **)few, **unknown = (char **)strange;
    const char *value = NULL;
    int argc = 2;
    g_autoptr (GError) first = NULL, second = NULL, third = NULL;

    g_assert_false (kn_args_take (&argc, missing, "--reboot", &value, &first));
    g_assert_error (first, KN_ERROR, KN_ERROR_BAD_REQUEST);
    g_assert_false (kn_args_check (2, unknown, 0, 5, &second));
    g_assert_error (second, KN_ERROR, KN_ERROR_BAD_REQUEST);
    g_assert_false (kn_args_check (1, unknown, 1, 1, &third));
    g_assert_error (third, KN_ERROR, KN_ERROR_BAD_REQUEST);
}

/* -- settings ------------------------------------------------------------------------------ */

/* Sets what @pairs says (name, value, …, NULL), and nothing else that begins with OS_. */
static void
set_environment (const char *const *pairs)
{
    g_auto (GStrv) names = g_listenv ();

    for (guint i = 0; names[i]; i++) {
        if (g_str_has_prefix (names[i], "OS_"))
            g_unsetenv (names[i]);
    }
    for (guint i = 0; pairs[i]; i += 2)
        g_setenv (pairs[i], pairs[i + 1], TRUE);
}

static void
test_variables (void)
{
    const char *const good[] = { "OS_AUTH_URL", "http://h/v3", "OS_USERNAME",    "u",
                                 "OS_PASSWORD", "p",           "OS_REGION_NAME", "",
                                 NULL };
    const char *const bad[][5] = { { NULL },
                                   { "OS_AUTH_URL", "http://h/v3", NULL },
                                   { "OS_USERNAME", "u", "OS_PASSWORD", "p", NULL } };
    KnClientSettings settings;
    g_autoptr (GError) error = NULL;

    set_environment (good);
    g_assert_true (kn_client_settings_load (NULL, &settings, &error));
    g_assert_cmpstr (settings.auth_url, ==, "http://h/v3");
    g_assert_cmpstr (settings.interface, ==, "public");
    g_assert_null (settings.region_name);
    g_assert_true (kn_client_settings_verify (&settings));
    kn_client_settings_clear (&settings);

    for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
        g_autoptr (GError) problem = NULL;
        set_environment (bad[i]);
        g_assert_false (kn_client_settings_load (NULL, &settings, &problem));
        g_assert_error (problem, KN_ERROR, KN_ERROR_BAD_REQUEST);
    }
}

typedef struct {
    const char *name, *text;
    KnErrorCode code; /* KN_ERROR_N: taken */
} Yaml;

static const Yaml yamls[] = {
    { "plain",
      "clouds:\n  c:\n    auth:\n      auth_url: http://h/v3\n      username: u\n"
      "      password: 'it''s'\n    region_name: R\n    verify: false\n",
      KN_ERROR_N },
    { "flow",
      "{clouds: {c: {auth: {auth_url: 'http://h/v3', username: u, password: \"it's\"},"
      " region_name: R, verify: no, other: [1, {a: b}]}}}",
      KN_ERROR_N },
    { "other-cloud", "clouds:\n  d: {}\n", KN_ERROR_NOT_FOUND },
    { "empty", "", KN_ERROR_NOT_FOUND },
    { "list", "- clouds\n", KN_ERROR_NOT_FOUND },
    { "no-map", "clouds: text\n", KN_ERROR_NOT_FOUND },
    { "entry-is-text", "clouds:\n  c: text\n", KN_ERROR_BAD_REQUEST },
    { "auth-is-list", "clouds:\n  c:\n    auth: [1]\n", KN_ERROR_BAD_REQUEST },
    { "value-is-map", "clouds:\n  c:\n    auth:\n      auth_url: {a: b}\n", KN_ERROR_BAD_REQUEST },
    { "broken", "clouds: [\n", KN_ERROR_BAD_REQUEST },
    { "password-missing", "clouds:\n  c:\n    auth: {auth_url: x, username: u}\n",
      KN_ERROR_BAD_REQUEST },
};

static void
test_yaml (gconstpointer data)
{
    const Yaml *yaml = data;
    g_autofree char *folder = g_dir_make_tmp ("kn-client-XXXXXX", NULL);
    g_autofree char *file = g_build_filename (folder, "clouds.yaml", NULL);
    const char *const environment[]
        = { "OS_CLIENT_CONFIG_FILE", file, "OS_CLOUD", "c", "OS_AUTH_URL", "x", NULL };
    KnClientSettings settings;
    g_autoptr (GError) error = NULL;

    g_assert_true (g_file_set_contents (file, yaml->text, -1, NULL));
    set_environment (environment);
    bool loaded = kn_client_settings_load (NULL, &settings, &error);
    kn_scratch_remove (folder);
    if (yaml->code != KN_ERROR_N) {
        g_assert_false (loaded);
        g_assert_error (error, KN_ERROR, (gint)yaml->code);
        return;
    }
    g_assert_no_error (error);
    g_assert_cmpstr (settings.auth_url, ==, "http://h/v3");
    g_assert_cmpstr (settings.password, ==, "it's");
    g_assert_cmpstr (settings.region_name, ==, "R");
    g_assert_false (kn_client_settings_verify (&settings));
    kn_client_settings_clear (&settings);
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/client/words", test_words);
    g_test_add_func ("/client/wrong-words", test_wrong_words);
    g_test_add_func ("/client/variables", test_variables);
    for (guint i = 0; i < G_N_ELEMENTS (yamls); i++) {
        g_autofree char *path = g_strdup_printf ("/client/yaml/%s", yamls[i].name);
        g_test_add_data_func (path, &yamls[i], test_yaml);
    }
    return g_test_run ();
}
