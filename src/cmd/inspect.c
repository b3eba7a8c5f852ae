/* SPDX-License-Identifier: Apache-2.0 */
/* kilonova inspect: what operating system is in a disk. A file is read here; an image of the cloud is read by the server. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "base/table.h"
#include "base/util.h"
#include "cmd/args.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "image/format.h"
#include "inspect/inspect.h"

#define USAGE "IMAGE|FILE [--json] [--timeout SECONDS] [--os-cloud NAME]"
#define CHILD_MEMORY (8 * GIB) /* address space; QEMU without KVM takes some 2 GiB of it */
#define POLL_MS 1000
#define POLL_MAX 1800

typedef struct {
    const char *what, *cloud, *format, *cache, *timeout;
    bool json, child, emulate;
    guint timeout_s;
} Options;

/* ---- a file ---- */

static gsize
read_file (gpointer data, guint64 offset, void *buffer, gsize len)
{
    ssize_t n = pread (*(int *)data, buffer, len, (off_t)offset);
    return n < 0 ? 0 : (gsize)n;
}

/* The driver that QEMU may read the file with: the same judgement as at an upload. */
static const char *
judge_format (const char *path, GError **error)
{
    kn_autofd fd = open (path, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? -1 : lseek (fd, 0, SEEK_END);
    KnFormatInfo info;
    if (size < 0) {
        kn_error_set_errno (error, errno, "cannot read '%s'", path);
        return NULL;
    }
    KnFormatInput input = { .read = read_file, .data = &fd, .size_bytes = (guint64)size };
    return kn_format_detect (&input, &info, error) ? kn_format_driver (info.format) : NULL;
}

/* A hostile disk must not take more than this from the machine, whatever it does to QEMU. */
static void
limit_ourselves (guint timeout_s)
{
    const struct rlimit cpu = { timeout_s, timeout_s + 5 }, space = { CHILD_MEMORY, CHILD_MEMORY },
                        core = { 0, 0 };
    (void)setrlimit (RLIMIT_CPU, &cpu);
    (void)setrlimit (RLIMIT_AS, &space);
    (void)setrlimit (RLIMIT_CORE, &core);
    if (nice (5) < 0)
        return; /* no harm */
}

static KnInspection *
inspect_file (const Options *options, GError **error)
{
    const char *format = options->format ? options->format : judge_format (options->what, error);
    const KnInspectLimits limits
        = { .timeout_s = options->timeout_s,
            .cache_dir = options->cache && *options->cache ? options->cache : NULL };
    if (!format)
        return NULL;
    if (!options->child)
        return kn_inspect_run (options->what, format, &limits, error);
    limit_ourselves (options->timeout_s);
    return kn_inspect_disk (options->what, format, &limits, error);
}

/* ---- what is printed ---- */

static void
print_rows (KnTable *table)
{
    g_autofree char *text = kn_table_format (table, kn_args_terminal_width ());
    (void)fputs (text, stdout);
}

static void
add_row (KnTable *table, const char *name, const char *value)
{
    const char *const cells[] = { name, value, NULL };
    if (value)
        kn_table_add (table, cells);
}

static void
print_facts (const json_t *object)
{
    static const struct {
        const char *member, *title;
    } rows[] = { { "product", "operating system" },
                 { "version", "os_version" },
                 { "edition", "os_edition" },
                 { "architecture", "architecture" },
                 { "firmware", "boots by" },
                 { "timezone", "time zone" },
                 { "windows_timezone", "its Windows name" },
                 { "virtio_storage", "virtio disk at boot" },
                 { "virtio_network", "virtio network" },
                 { "guest_agent", "guest agent" },
                 { "cloud_init", "cloud-init" } };
    const char *const headings[] = { "FACT", "VALUE", NULL };
    g_autoptr (KnTable) table = kn_table_new (headings);
    for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
        add_row (table, rows[i].title,
                 json_string_value (json_object_get (object, rows[i].member)));
    const json_t *universal = json_object_get (object, "real_time_is_universal");
    if (json_is_boolean (universal))
        add_row (table, "hardware clock keeps", json_is_true (universal) ? "UTC" : "local time");
    if (json_is_true (json_object_get (object, "hibernated")))
        add_row (table, "state", "hibernated: a session sleeps in it");
    if (json_is_true (json_object_get (object, "dirty")))
        add_row (table, "file system", "was not unmounted cleanly");
    print_rows (table);
}

static void
print_evidence (const json_t *object)
{
    const char *const headings[] = { "EVIDENCE FOR", "WHERE", "NAME", "VALUE", NULL };
    const char *const members[] = { "fact", "source", "name", "value" };
    g_autoptr (KnTable) table = kn_table_new (headings);
    const json_t *list = json_object_get (object, "evidence");
    for (gsize i = 0; i < json_array_size (list); i++) {
        const char *cells[G_N_ELEMENTS (members) + 1] = { NULL };
        for (gsize m = 0; m < G_N_ELEMENTS (members); m++)
            cells[m] = json_string_value (json_object_get (json_array_get (list, i), members[m]));
        kn_table_add (table, cells);
    }
    if (json_array_size (list) > 0) {
        (void)putchar ('\n');
        print_rows (table);
    }
}

static void
print_json (const json_t *object)
{
    char *text = json_dumps (object, JSON_INDENT (2) | JSON_PRESERVE_ORDER);
    (void)puts (text);
    free (text);
}

static void
print_found (const json_t *object, bool json)
{
    const char *why = json_string_value (json_object_get (object, "why"));
    if (json) {
        print_json (object);
        return;
    }
    if (why) {
        (void)fputs ("No operating system was found. ", stdout);
        kn_args_print (why);
        (void)putchar ('\n');
        return;
    }
    print_facts (object);
    print_evidence (object);
}

static json_t *
as_json (const KnInspection *found, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    gsize len = 0;
    kn_inspection_write (w, found);
    g_autofree char *text = kn_jw_finish (w, &len);
    return kn_json_parse (text, len, error);
}

static bool
run_file (const Options *options, GError **error)
{
    g_autoptr (KnInspection) found = inspect_file (options, error);
    g_autoptr (json_t) object = found ? as_json (found, error) : NULL;
    if (!object)
        return false;
    print_found (object, options->json);
    return true;
}

/* The parent tells what was wrong from what was printed: there is one format for both. */
static bool
run_child (const Options *options, GError **error)
{
    g_autoptr (GError) failed = NULL;
    if (run_file (options, &failed))
        return true;
    if (!g_error_matches (failed, KN_ERROR, KN_ERROR_UNAVAILABLE)) {
        g_propagate_error (error, g_steal_pointer (&failed));
        return false;
    }
    g_autoptr (json_t) object = json_pack ("{s:s}", "unavailable", failed->message);
    print_json (object);
    return true;
}

/* ---- an image of the cloud ---- */

static bool
is_over (const json_t *answer)
{
    const char *state
        = json_string_value (json_object_get (json_object_get (answer, "inspection"), "state"));
    return g_strcmp0 (state, "waiting") != 0 && g_strcmp0 (state, "running") != 0;
}

static bool
run_image (const Options *options, GError **error)
{
    g_autoptr (KnClient) client = kn_client_new (options->cloud, error);
    g_autofree char *id = client ? kn_client_load_image_id (client, options->what, error) : NULL;
    g_autofree char *path = id ? g_strdup_printf ("/v2/images/%s/kilonova-inspection", id) : NULL;
    g_autoptr (json_t) answer = NULL;

    if (!path || !kn_client_call (client, "POST", "image", path, NULL, &answer, error))
        return false;
    for (guint i = 0; !is_over (answer) && i < POLL_MAX; i++) {
        g_usleep (POLL_MS * 1000);
        g_clear_pointer (&answer, json_decref);
        if (!kn_client_call (client, "GET", "image", path, NULL, &answer, error))
            return false;
    }
    const json_t *inspection = json_object_get (answer, "inspection");
    if (!json_is_object (json_object_get (inspection, "found"))) {
        const char *why = json_string_value (json_object_get (inspection, "error"));
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "the image was not inspected: %s",
                      why ? why : "no answer in time");
        return false;
    }
    if (options->json)
        print_json (inspection);
    else
        print_found (json_object_get (inspection, "found"), false);
    return true;
}

int
kn_cmd_inspect (int argc, char **argv)
{
    g_autoptr (GError) error = NULL;
    Options options = { .timeout = "300" };
    gint64 timeout_s = 0;

    options.json = kn_args_take_flag (&argc, argv, "--json");
    options.child = kn_args_take_flag (&argc, argv, "--child");
    if (!kn_args_take (&argc, argv, "--os-cloud", &options.cloud, &error)
        || !kn_args_take (&argc, argv, "--format", &options.format, &error)
        || !kn_args_take (&argc, argv, "--cache", &options.cache, &error)
        || !kn_args_take (&argc, argv, "--timeout", &options.timeout, &error)
        || !kn_args_check (argc, argv, 1, 1, &error))
        return kn_args_fail ("inspect", USAGE, error);
    if (!kn_parse_int (options.timeout, 1, 86400, &timeout_s)) {
        kn_error_set (&error, KN_ERROR_BAD_REQUEST, "--timeout is a number of seconds");
        return kn_args_fail ("inspect", USAGE, error);
    }
    options.timeout_s = (guint)timeout_s;
    options.what = argv[1];
    bool file = options.child || access (options.what, F_OK) == 0 || strchr (options.what, '/');
    bool (*run) (const Options *, GError **) = options.child ? run_child
                                               : file        ? run_file
                                                             : run_image;
    return run (&options, &error) ? 0 : kn_cmd_fail (error);
}
