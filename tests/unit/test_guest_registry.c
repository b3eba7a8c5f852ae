/* SPDX-License-Identifier: Apache-2.0 */
/* The property registry, the hints, and sets of CPUs. */
#include <string.h>

#include "base/error.h"
#include "guest/cpus.h"
#include "guest/plan.h"
#include "guest/registry.h"

static void
test_rows_are_unique_and_whole (void)
{
    gsize n;
    const KnGuestProperty *rows = kn_guest_properties (&n);
    g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
    for (gsize i = 0; i < n; i++) {
        const KnGuestProperty *row = &rows[i];
        const char *const names[] = { row->name, row->spec, row->legacy };
        g_assert_true (row->name || row->spec);
        g_assert_nonnull (row->help);
        g_assert_nonnull (row->since);
        g_assert_true ((row->type == KN_PROPERTY_ENUM) == (row->values != NULL));
        g_assert_true ((row->wins == KN_WINS_EQUAL) == (row->conflict != NULL));
        g_assert_true ((row->name && row->spec) == (row->wins != KN_WINS_ONLY));
        g_assert_true (row->flags & KN_PROPERTY_QUIET || row->effect);
        g_assert_cmpint (row->min, <=, row->max);
        for (gsize k = 0; k < G_N_ELEMENTS (names); k++)
            if (names[k] && (k != 1 || g_strcmp0 (names[1], names[0]) != 0))
                g_assert_true (g_hash_table_add (seen, (gpointer)names[k]));
    }
}

static void
test_families (void)
{
    g_assert_nonnull (kn_guest_property_find ("hw_numa_mem.1"));
    g_assert_null (kn_guest_property_find ("hw_numa_mem.x"));
    g_assert_null (kn_guest_property_find ("hw_numa_mem."));
    g_assert_nonnull (kn_guest_spec_find ("hw:numa_cpus.127"));
}

static const struct {
    const char *wrong, *right;
} typos[] = {
    { "image.os_type", "os_type" },
    { "image_os_type", "os_type" },
    { "OS_TYPE", "os_type" },
    { "os-type", "os_type" },
    { "os", "os_type" },
    { "hw_max_sockets", "hw_cpu_max_sockets" },
    { "hw_cpu_max_socket", "hw_cpu_max_sockets" },
    { "hw_qemu_guest_agnet", "hw_qemu_guest_agent" },
    { "hw_disc_bus", "hw_disk_bus" },
    { "os_secureboot", "os_secure_boot" },
    { "colour", NULL },
    { "os_hash_algo", NULL },
    { "owner_specified.openstack.md5", NULL },
};

static void
test_suggestions (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (typos); i++)
        g_assert_cmpstr (kn_guest_property_suggest (typos[i].wrong), ==, typos[i].right);
}

static const struct {
    const char *name, *value, *suggestion; /* NULL: no hint */
} images[] = {
    { "os_type", "windows", NULL },
    { "os_type", "Windows", "os_type=windows" },
    { "image.os_type", "windows", "os_type=windows" },
    { "hw_max_sockets", "2", "hw_cpu_max_sockets=2" },
    { "os", "WINDOWS", "os_type=windows" },
    { "os_distro", "windows", "os_type=windows" },
    { "os_distro", "debian", NULL },
    { "hw_disk_bus", "SCSI", "hw_disk_bus=scsi" },
    { "hw_qemu_guest_agent", "yes", NULL },
    { "kernel_id", "22222222-2222-3333-4444-555555555555", NULL },
};

static void
test_hints (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (images); i++) {
        g_autoptr (GHashTable) image = g_hash_table_new (g_str_hash, g_str_equal);
        g_hash_table_insert (image, (gpointer)images[i].name, (gpointer)images[i].value);
        g_autoptr (GPtrArray) hints = kn_guest_hints (image);
        g_assert_cmpuint (hints->len, ==, images[i].suggestion ? 1 : 0);
        if (hints->len == 0)
            continue;
        const KnGuestHint *hint = g_ptr_array_index (hints, 0);
        g_assert_cmpstr (hint->property, ==, images[i].name);
        g_assert_cmpstr (hint->suggestion, ==, images[i].suggestion);
        g_assert_nonnull (strstr (hint->message, images[i].suggestion));
    }
}

static const struct {
    const char *name, *value, *complaint; /* NULL: fine */
} settings[] = {
    { "os_type", "windows", NULL },
    { "os_timezone", "Asia/Shanghai", NULL },
    { "os_clock_policy", "guest", NULL },
    { "hw_qemu_guest_agent", "no", NULL },
    { "os_type", "win", "allowed is linux, windows" },
    { "os_typ", "windows", "did you mean 'os_type'?" },
    { "image.os_type", "windows", "did you mean 'os_type'?" },
    { "hw_disk_bus", "sata", "rebuild" },
    { "os_timezone", "../etc/passwd", "a zone name" },
    { "os_timezone", "<x>", "a zone name" },
    { "hw:pmu", "yes", "There is no property" },
};

static void
test_settings (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (settings); i++) {
        g_autoptr (GError) error = NULL;
        bool good = kn_guest_check_property (settings[i].name, settings[i].value, &error);
        g_assert_true (good == (settings[i].complaint == NULL));
        if (good)
            continue;
        g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
        g_assert_nonnull (strstr (error->message, settings[i].complaint));
    }
}

static const struct {
    const char *name, *value, *complaint; /* NULL: fine */
} specs[] = {
    { "hw:cpu_policy", "dedicated", NULL },
    { "hw:cpu_policy", "foo", "allowed is shared, dedicated, mixed" },
    { "hw:cpu_polcy", "shared", "did you mean 'hw:cpu_policy'?" },
    { "hw:max_cpu_sockets", "2", "did you mean 'hw:cpu_max_sockets'?" },
    { "hw:rng_allowed", "true", "did you mean 'hw_rng:allowed'?" },
    { "HW:PMU", "true", NULL }, /* a prefix of somebody else's */
    { "hw:disk_bus", "scsi", "hw_disk_bus is a property of images" },
    { "hw:unknown", "1", "There is no extra spec 'hw:unknown'" },
    { "hw:", "1", "There is no extra spec 'hw:'" },
    { "hw_rng:x", "1", "There is no extra spec" },
    { "hw_video:ram_max_mb", "-1", "a whole number from 0 to 65536" },
    { "os:secureboot", "required", "did you mean 'os:secure_boot'?" },
    { "os:timezone", "<x>", "a zone name" },
    { "quota:cpu_shares", "99999999999999999999", "a whole number from 1 to 262144" },
    { "quota:disk_read_bytes_sec", "1000000000000000", NULL },
    { "quota:disk_read_bytes_sec", "1000000000000001", "a whole number from 0" },
    { "quota:disk_read_bytes_sec", "9223372036854775808", "a whole number from 0" },
    { "hw:numa_cpus.1", "0-3,^2", NULL },
    { "hw:numa_cpus.1", "3-1", "a list of CPU numbers" },
    { "hw:numa_cpus.x", "0", "There is no extra spec" },
    { "hw:mem_page_size", "2MB", NULL },
    { "hw:mem_page_size", "1GiB", NULL },
    { "hw:mem_page_size", "2MBMB", "a size such as 2MB" },
    { "hw:mem_page_size", "MB", "a size such as 2MB" },
    { "hide_hypervisor_id", "maybe", "true or false" },
    { "trait:HW_CPU_X86_AVX2", "required", NULL },
    { "resources:VCPU", "2", NULL },
    { "aggregate_instance_extra_specs:ssd", "true", NULL },
    { "custom", "", NULL },
    { "", "", NULL },
};

static void
test_specs (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (specs); i++) {
        g_autoptr (GError) error = NULL;
        bool good = kn_guest_check_spec (specs[i].name, specs[i].value, &error);
        g_test_message ("%s=%s", specs[i].name, specs[i].value);
        g_assert_true (good == (specs[i].complaint == NULL));
        if (good)
            continue;
        g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
        g_assert_cmpstr (kn_error_type (error), ==, "api/InvalidRequest");
        g_assert_nonnull (strstr (error->message, specs[i].complaint));
    }
}

static const struct {
    const char *name, *value, *message, *suggestion; /* message NULL: no hint */
} doubts[] = {
    { "hw:cpu_policy", "Dedicated", "allowed is", "hw:cpu_policy=dedicated" },
    { "hw:max_cpu_cores", "4", "did you mean", "hw:cpu_max_cores=4" },
    { "hw_cpu_policy", "shared", "has no effect on a flavor", "hw:cpu_policy=shared" },
    { "os_type", "windows", "a property of images", NULL },
    { "hw:disk_bus", "scsi", "a property of images", NULL },
    { "hw:cpu_policy", "no such", "allowed is", NULL },
    { "hw:pmu", "true", NULL, NULL },
    { "colour", "green", NULL, NULL },
};

static void
test_spec_hints (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (doubts); i++) {
        g_autoptr (KnGuestHint) hint = kn_guest_spec_hint (doubts[i].name, doubts[i].value);
        g_test_message ("%s=%s", doubts[i].name, doubts[i].value);
        g_assert_true ((hint != NULL) == (doubts[i].message != NULL));
        if (!hint)
            continue;
        g_assert_nonnull (strstr (hint->message, doubts[i].message));
        g_assert_cmpstr (hint->suggestion, ==, doubts[i].suggestion);
    }
}

static const struct {
    const char *text, *back; /* NULL: no list */
} lists[] = {
    { "0-3,^2,7", "0-1,3,7" }, { " 1 , 2-2 ", "1-2" }, { "", "" },     { "^0", "" },
    { "3-1", NULL },           { "a", NULL },          { "-1", NULL }, { "0-3,^0-1", "2-3" },
    { "99999999999", "" },     { "1-", NULL },
};

static void
test_cpus (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (lists); i++) {
        KnCpus cpus = { 0 };
        g_assert_true (kn_cpus_parse (lists[i].text, &cpus) == (lists[i].back != NULL));
        g_autofree char *back = kn_cpus_format (&cpus);
        g_assert_cmpstr (back, ==, lists[i].back ? lists[i].back : "");
    }
    KnCpus four = kn_cpus_below (4), far = { 0 };
    g_assert_true (kn_cpus_parse ("0-4000000000", &far));
    g_assert_true (far.beyond);
    g_assert_false (kn_cpus_is_within (&far, &four));
    g_assert_true (kn_cpus_is_within (&four, &far));
    g_assert_cmpuint (kn_cpus_count (&four), ==, 4);
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/guest/registry/rows", test_rows_are_unique_and_whole);
    g_test_add_func ("/guest/registry/families", test_families);
    g_test_add_func ("/guest/registry/suggestions", test_suggestions);
    g_test_add_func ("/guest/registry/hints", test_hints);
    g_test_add_func ("/guest/registry/settings", test_settings);
    g_test_add_func ("/guest/registry/specs", test_specs);
    g_test_add_func ("/guest/registry/spec-hints", test_spec_hints);
    g_test_add_func ("/guest/cpus", test_cpus);
    return g_test_run ();
}
