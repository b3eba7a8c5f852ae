/* SPDX-License-Identifier: Apache-2.0 */
/* The option table and the data folder. */
#include "base/error.h"
#include "base/util.h"
#include "cmd/cmd.h"
#include "cmd/data_folder.h"
#include "cmd/notify.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void
test_options_unique (void)
{
    g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

    for (gsize i = 0; i < kn_n_options; i++) {
        const KnOption *option = &kn_options[i];
        char *name = g_strdup_printf ("%s-%s", option->section, option->key);

        g_assert_true (g_hash_table_add (seen, name));
        /* A short flag that repeats the long one would only be noise. */
        g_assert_true (!option->flag || g_hash_table_add (seen, g_strdup (option->flag)));
        g_assert_cmpuint (strlen (option->help), >, 10);
        g_assert_true (option->type != KN_OPTION_ENUM || option->choices);
    }
}

/* Each default, given as a flag, is a value that the table itself allows. */
static void
test_options_defaults (void)
{
    for (gsize i = 0; i < kn_n_options; i++) {
        const KnOption *option = &kn_options[i];
        g_autofree char *flag
            = g_strdup_printf ("--%s-%s=%s", option->section, option->key, option->value);
        char *argv[] = { (char *)"serve", g_strdelimit (flag, "_", '-'), NULL };
        g_autoptr (GError) error = NULL;
        int argc = 2;

        g_autoptr (KnConfig) config
            = kn_config_load (kn_options, kn_n_options, NULL, &argc, argv, &error);
        g_assert_no_error (error);
        g_assert_nonnull (config);
        g_assert_cmpint (argc, ==, 1);
    }
}

static void
test_database_url (void)
{
    char *argv[] = { (char *)"serve", (char *)"--data", (char *)"/d", NULL };
    char *other[] = { (char *)"serve", (char *)"--db=mariadb:///x?socket=/s", NULL };
    g_autoptr (GError) error = NULL;
    int argc = 3, other_argc = 2;

    g_autoptr (KnConfig) sqlite
        = kn_config_load (kn_options, kn_n_options, NULL, &argc, argv, &error);
    g_autoptr (KnConfig) mariadb
        = kn_config_load (kn_options, kn_n_options, NULL, &other_argc, other, &error);
    g_autofree char *a = kn_cmd_database_url (sqlite), *b = kn_cmd_database_url (mariadb);
    g_assert_cmpstr (a, ==, "sqlite:/d/kilonova.db");
    g_assert_cmpstr (b, ==, "mariadb:///x?socket=/s");
}

/* A folder of this test that is removed with all in it. */
static char *
make_dir (void)
{
    return g_dir_make_tmp ("kn-cmd-XXXXXX", NULL);
}

static void
remove_dir (const char *dir)
{
    const char *names[] = { "kilonova.lock", "openrc", "clouds.yaml" };

    for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
        g_autofree char *path = g_build_filename (dir, names[i], NULL);

        (void)unlink (path);
    }
    g_assert_cmpint (rmdir (dir), ==, 0);
}

static void
test_folder_lock (void)
{
    g_autofree char *dir = make_dir ();
    g_autofree char *pid = g_strdup_printf ("pid %d;", (int)getpid ());
    g_autoptr (GError) error = NULL;
    g_autoptr (KnDataFolder) folder = kn_data_folder_open (dir, &error);

    g_assert_no_error (error);
    g_assert_null (kn_data_folder_open (dir, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_IN_USE);
    g_assert_nonnull (strstr (error->message, pid));
    g_clear_error (&error);

    g_clear_pointer (&folder, kn_data_folder_close);
    folder = kn_data_folder_open (dir, &error);
    g_assert_no_error (error);
    remove_dir (dir);
}

static void
test_folder_credentials (void)
{
    g_autofree char *dir = make_dir ();
    g_autoptr (GError) error = NULL;
    g_autoptr (KnDataFolder) folder = kn_data_folder_open (dir, &error);
    g_autofree char *openrc = kn_data_folder_file (folder, "openrc");
    g_autofree char *clouds = kn_data_folder_file (folder, "clouds.yaml");
    struct stat st;

    g_assert_true (kn_data_folder_write_credentials (folder, "http://h:1/identity/v3", "R",
                                                     "it's $x", &error));
    for (guint i = 0; i < 2; i++) {
        g_assert_cmpint (stat (i ? openrc : clouds, &st), ==, 0);
        g_assert_cmpuint (st.st_mode & 0777, ==, 0600);
    }

    g_autofree char *sourced = g_strdup_printf (". '%s'; printf %%s \"$OS_PASSWORD\"", openrc);
    const char *argv[] = { "sh", "-c", sourced, NULL };
    g_autofree char *password = NULL;
    g_assert_true (g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
                                 &password, NULL, NULL, &error));
    g_assert_cmpstr (password, ==, "it's $x");
    g_autofree char *yaml = kn_file_read (clouds, 4 * KIB, NULL, &error);
    g_assert_nonnull (strstr (yaml, "password: 'it''s $x'"));
    g_clear_pointer (&folder, kn_data_folder_close);
    remove_dir (dir);
}

static void
test_notify (void)
{
    g_autofree char *dir = make_dir ();
    g_autofree char *path = g_build_filename (dir, "s", NULL);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    kn_autofd fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char text[32] = "";

    g_strlcpy (address.sun_path, path, sizeof address.sun_path);
    g_assert_cmpint (bind (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_setenv ("NOTIFY_SOCKET", path, TRUE);
    kn_notify ("READY=1");
    g_assert_cmpint (recv (fd, text, sizeof text - 1, MSG_DONTWAIT), ==, 7);
    g_assert_cmpstr (text, ==, "READY=1");
    g_unsetenv ("NOTIFY_SOCKET");
    kn_notify ("READY=1");
    g_assert_cmpint (recv (fd, text, sizeof text - 1, MSG_DONTWAIT), ==, -1);
    (void)unlink (path);
    remove_dir (dir);
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/cmd/options/unique", test_options_unique);
    g_test_add_func ("/cmd/options/defaults", test_options_defaults);
    g_test_add_func ("/cmd/database-url", test_database_url);
    g_test_add_func ("/cmd/folder/lock", test_folder_lock);
    g_test_add_func ("/cmd/folder/credentials", test_folder_credentials);
    g_test_add_func ("/cmd/notify", test_notify);
    return g_test_run ();
}
