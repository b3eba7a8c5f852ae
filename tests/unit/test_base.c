/* SPDX-License-Identifier: Apache-2.0 */
/* Errors, ids, times, options, child processes, fault points. */
#include "base/config.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/id.h"
#include "base/spawn.h"
#include "base/table.h"
#include "base/time.h"
#include "base/util.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
test_error_public (void)
{
    g_autoptr (GError) error = NULL, hidden = NULL;

    kn_error_public_type (&error, KN_ERROR_IN_USE, "NetworkInUse", "Network %s is in use.", "n");
    g_prefix_error (&error, "port: ");
    g_assert_cmpstr (kn_error_sentence (error), ==, "port: Network n is in use.");
    g_assert_cmpstr (kn_error_type (error), ==, "NetworkInUse");
    g_assert_cmpuint (kn_error_status (error), ==, 409);

    kn_error_set_errno (&hidden, ENOSPC, "cannot write '/secret/path'");
    g_assert_error (hidden, KN_ERROR, KN_ERROR_NO_SPACE);
    g_assert_null (strstr (kn_error_sentence (hidden), "/secret"));
    g_assert_nonnull (strstr (hidden->message, "/secret/path': No space"));

    g_autoptr (GError) copy = g_error_copy (error);
    g_assert_true (kn_error_is_public (copy));
}

static void
test_error_rows (void)
{
    for (int code = 0; code < KN_ERROR_N; code++) {
        g_autoptr (GError) error = NULL;

        kn_error_set (&error, (KnErrorCode)code, "x");
        g_assert_cmpuint (kn_error_status (error), >=, 400);
        g_assert_nonnull (kn_error_fault (error));
        g_assert_cmpuint (strlen (kn_error_sentence (error)), >, 5);
    }
}

static void
test_ids (void)
{
    g_autofree char *uuid = kn_id_uuid (), *hex = kn_id_hex32 (), *request = kn_id_request ();
    g_autofree char *a = kn_id_from_name ("compute"), *b = kn_id_from_name ("compute"),
                    *c = kn_id_from_name ("image");

    g_assert_true (kn_id_is_uuid (uuid));
    g_assert_true (kn_id_is_hex32 (hex));
    g_assert_true (g_str_has_prefix (request, "req-") && kn_id_is_uuid (request + 4));
    g_assert_true (kn_id_is_uuid (a));
    g_assert_cmpstr (a, ==, b);
    g_assert_cmpstr (a, !=, c);
    g_assert_false (kn_id_is_uuid (hex));
    g_assert_false (kn_id_is_uuid (NULL));
    g_assert_false (kn_id_is_uuid ("6c1a5f0e-0000-0000-0000-00000000000g"));
}

static void
test_times (void)
{
    char buffer[KN_TIME_TEXT_MAX];
    gint64 t = 0;

    g_assert_true (kn_time_parse ("2023-11-14T22:13:20.000123Z", &t));
    g_assert_cmpint (t, ==, G_GINT64_CONSTANT (1700000000000123));
    g_assert_cmpstr (kn_time_format (t, KN_TIME_DB, buffer), ==, "2023-11-14 22:13:20");
    g_assert_cmpstr (kn_time_format (t, KN_TIME_SECONDS, buffer), ==, "2023-11-14T22:13:20Z");
    g_assert_cmpstr (kn_time_format (t, KN_TIME_MICROS, buffer), ==, "2023-11-14T22:13:20.000123Z");
    g_assert_cmpstr (kn_time_format (t, KN_TIME_PLAIN, buffer), ==, "2023-11-14T22:13:20.000123");
    g_assert_true (kn_time_parse ("2023-11-15 06:13:20+08:00", &t));
    g_assert_cmpint (t, ==, G_GINT64_CONSTANT (1700000000000000));
    g_assert_true (kn_time_parse ("2023-11-14", &t));
    g_assert_false (kn_time_parse ("2023-13-14 00:00:00", &t));
    g_assert_false (kn_time_parse ("2023-11-14 22:13:20 ", &t));
    g_assert_false (kn_time_parse ("yesterday", &t));
    g_assert_false (kn_time_parse (NULL, &t));
}

static void
test_parse (void)
{
    bool flag = false;
    gint64 number = 0;

    g_assert_true (kn_parse_bool ("Yes", &flag) && flag);
    g_assert_true (kn_parse_bool ("OFF", &flag) && !flag);
    g_assert_false (kn_parse_bool ("2", &flag));
    g_assert_true (kn_parse_int ("-3", -5, 5, &number) && number == -3);
    g_assert_false (kn_parse_int ("3x", -5, 5, &number));
    g_assert_false (kn_parse_int ("9", -5, 5, &number));
    g_assert_false (kn_parse_int ("", -5, 5, &number));
}

static void
test_file (void)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp ("kn-XXXXXX", NULL);
    g_autofree char *path = g_build_filename (dir, "f", NULL);
    struct stat st;
    gsize len;

    g_assert_true (kn_file_write (path, "a\0b", 3, 0600, &error));
    g_assert_cmpint (stat (path, &st), ==, 0);
    g_assert_cmpuint (st.st_mode & 0777, ==, 0600);
    g_autofree char *bytes = kn_file_read (path, 3, &len, &error);
    g_assert_cmpmem (bytes, len, "a\0b", 3);
    g_assert_null (kn_file_read (path, 2, &len, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_TOO_LARGE);
    g_clear_error (&error);
    (void)unlink (path);
    g_assert_null (kn_file_read (path, 2, &len, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_NOT_FOUND);
    (void)rmdir (dir);
}

static const char *const choices[] = { "auto", "kvm", NULL };
static const KnOption options[] = {
    { "api", "listen", "listen", KN_OPTION_STRING, "here", .help = "where" },
    { "api", "idle_timeout", NULL, KN_OPTION_INT, "75", 1, 100, "seconds", .help = "how long" },
    { "host", "virt_type", "virt-type", KN_OPTION_ENUM, "auto", .choices = choices,
      .help = "kind" },
    { "log", "quiet", "quiet", KN_OPTION_BOOL, "false", .help = "less" },
};

static KnConfig *
load (GError **error, const char *const *words)
{
    g_autofree char **argv = NULL;
    int argc = 0;

    argv = (char **)g_memdup2 (words, (g_strv_length ((char **)words) + 1) * sizeof *words);
    argc = (int)g_strv_length (argv);
    return kn_config_load (options, G_N_ELEMENTS (options), NULL, &argc, argv, error);
}

static void
test_config_precedence (void)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp ("kn-XXXXXX", NULL);
    g_autofree char *path = g_build_filename (dir, "kilonova.conf", NULL);
    const char *text = "[api]\nlisten = file\nidle_timeout = 5\n[log]\nquiet = yes\n";

    g_assert_true (kn_file_write (path, text, strlen (text), 0600, &error));
    g_setenv ("KILONOVA_API_IDLE_TIMEOUT", "6", TRUE);
    const char *words[]
        = { "serve", "--config", path, "--api-idle-timeout=7", "--virt-type", "kvm", "rest", NULL };
    g_autoptr (KnConfig) config = load (&error, words);

    g_assert_no_error (error);
    g_assert_cmpstr (kn_config_string (config, "api.listen"), ==, "file");
    g_assert_cmpint (kn_config_int (config, "api.idle_timeout"), ==, 7);
    g_assert_cmpstr (kn_config_string (config, "host.virt_type"), ==, "kvm");
    g_assert_true (kn_config_bool (config, "log.quiet"));
    const char *fewer[] = { "serve", NULL };
    g_autoptr (KnConfig) other = load (&error, fewer);
    g_assert_cmpint (kn_config_int (other, "api.idle_timeout"), ==, 6);
    g_unsetenv ("KILONOVA_API_IDLE_TIMEOUT");
    (void)unlink (path);
    (void)rmdir (dir);
}

static void
test_config_refuses (void)
{
    static const struct {
        const char *words[4], *names;
    } rows[] = {
        { { "serve", "--api-idle-timeout", "0" }, "1 to 100 seconds" },
        { { "serve", "--virt-type=xen" }, "auto, kvm" },
        { { "serve", "--quiet=perhaps" }, "neither" },
        { { "serve", "--listen" }, "wants a value" },
        { { "serve", "--config=/nonexistent" }, "/nonexistent" },
    };

    for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
        g_autoptr (GError) error = NULL;

        g_assert_null (load (&error, rows[i].words));
        g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
        g_assert_nonnull (strstr (error->message, rows[i].names));
    }
}

static void
test_config_texts (void)
{
    g_autofree char *help = kn_config_format_help (options, G_N_ELEMENTS (options));
    g_autofree char *sample = kn_config_format_sample (options, G_N_ELEMENTS (options));
    g_autofree char *manual = kn_config_format_manual (options, G_N_ELEMENTS (options));

    g_assert_nonnull (strstr (help, "--listen, --api-listen"));
    g_assert_nonnull (strstr (sample, "#idle_timeout = 75"));
    g_assert_nonnull (strstr (manual, "KILONOVA_HOST_VIRT_TYPE"));
}

static void
test_spawn (void)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *out = NULL;
    const char *cat[] = { "cat", NULL },
               *fails[] = { "sh", "-c", "echo one >&2; echo two >&2; exit 3", NULL };
    const char *sleeps[] = { "sleep", "30", NULL }, *yes[] = { "yes", NULL },
               *none[] = { "no-such-program", NULL };

    g_assert_true (kn_spawn (cat, &(KnSpawn){ .input = "hello" }, &out, &error));
    g_assert_cmpstr (out, ==, "hello");
    g_assert_false (kn_spawn (fails, NULL, NULL, &error));
    g_assert_nonnull (strstr (error->message, "status 3: two"));
    g_clear_error (&error);
    g_assert_false (kn_spawn (sleeps, &(KnSpawn){ .timeout_ms = 50 }, NULL, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_TIMEOUT);
    g_clear_error (&error);
    g_assert_false (kn_spawn (yes, &(KnSpawn){ .max_output = 1000 }, NULL, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_INTERNAL);
    g_clear_error (&error);
    g_assert_false (kn_spawn (none, NULL, NULL, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_NOT_FOUND);
    g_clear_error (&error);
    g_assert_false (kn_spawn (cat, &(KnSpawn){ .netns = "kn-test-none" }, NULL, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_NOT_FOUND);
}

static void
test_spawn_daemon (void)
{
    g_autoptr (GError) error = NULL;
    const char *sleeps[] = { "sleep", "30", NULL };
    pid_t pid = 0;

    g_assert_true (kn_spawn_daemon (sleeps, NULL, &pid, &error));
    g_assert_cmpint (kill (pid, 0), ==, 0);
    g_assert_cmpint (getsid (pid), !=, getsid (0));
    g_assert_cmpint (kill (pid, SIGKILL), ==, 0);
}

static void
test_fault (void)
{
    if (g_test_subprocess ()) {
        g_autoptr (GError) error = NULL;

        g_setenv ("KILONOVA_FAULT", "job.boot.*@2=fail,other=kill", TRUE);
        g_assert_true (kn_fault ("job.boot.a", &error));
        g_assert_true (kn_fault ("job.stop.a", &error));
        g_assert_false (kn_fault ("job.boot.b", &error));
        g_assert_error (error, KN_ERROR, KN_ERROR_INTERNAL);
        g_clear_error (&error);
        g_assert_true (kn_fault ("job.boot.b", &error));
        (void)kn_fault ("other", &error);
        exit (0);
    }
    g_test_trap_subprocess (NULL, 0, 0);
    g_assert_false (g_test_trap_has_passed ()); /* killed at the last point */
    g_test_trap_assert_stderr_unmatched ("*ERROR*");
}

static void
test_table (void)
{
    static const char *const headings[] = { "A", "B", NULL };
    static const char *const first[] = { "one", "a sentence that is long", NULL };
    static const char *const second[] = { "two\x1b[1m", "\xe4\xb8\xad\xff", NULL };
    static const char *const third[] = { "path/of/parts/without/a/space", NULL, NULL };
    g_autoptr (KnTable) table = kn_table_new (headings);
    kn_table_add (table, first);
    kn_table_add (table, second);
    g_autofree char *pipe = kn_table_format (table, 0);
    g_assert_cmpstr (pipe, ==,
                     "A        B\n"
                     "one      a sentence that is long\n"
                     "two?[1m  \xe4\xb8\xad\xef\xbf\xbd\n");
    g_autofree char *narrow = kn_table_format (table, 20);
    g_assert_cmpstr (narrow, ==,
                     "A        B\n"
                     "one      a sentence\n"
                     "         that is\n"
                     "         long\n"
                     "two?[1m  \xe4\xb8\xad\xef\xbf\xbd\n");
    kn_table_add (table, third);
    g_autofree char *parts = kn_table_format (table, 24);
    g_auto (GStrv) lines = g_strsplit (parts, "\n", -1);
    for (guint i = 0; lines[i]; i++)
        g_assert_cmpint (g_utf8_strlen (lines[i], -1), <=, 24);
    g_assert_nonnull (strstr (parts, "path/of/"));
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/base/error/public", test_error_public);
    g_test_add_func ("/base/error/rows", test_error_rows);
    g_test_add_func ("/base/ids", test_ids);
    g_test_add_func ("/base/times", test_times);
    g_test_add_func ("/base/parse", test_parse);
    g_test_add_func ("/base/file", test_file);
    g_test_add_func ("/base/config/precedence", test_config_precedence);
    g_test_add_func ("/base/config/refuses", test_config_refuses);
    g_test_add_func ("/base/config/texts", test_config_texts);
    g_test_add_func ("/base/spawn", test_spawn);
    g_test_add_func ("/base/spawn/daemon", test_spawn_daemon);
    g_test_add_func ("/base/fault", test_fault);
    g_test_add_func ("/base/table", test_table);
    return g_test_run ();
}
