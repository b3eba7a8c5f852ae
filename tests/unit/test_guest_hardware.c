/* SPDX-License-Identifier: Apache-2.0 */
/* Hardware of a guest: its place on the host's CPUs and pages, its firmware, and what of both stays. */
#include "guest/plan.h"

#include <string.h>

#include "base/error.h"

typedef struct {
    KnGuestFacts facts;
    KnGuestDisk disk;
    KnGuestHostCell cells[2];
    KnGuestHostPages pages[2][2];
    GHashTable *image, *flavor;
} Fixture;

static const guint cpus[2][4] = { { 0, 1, 2, 3 }, { 4, 5, 6, 7 } };
static const guint cores[2][4] = { { 0, 0, 2, 2 }, { 4, 4, 6, 6 } };

/* Two cells of two cores of two threads, each with 1 GiB and 256 pages of 2 MiB. */
static void
set_up (Fixture *f, gconstpointer data)
{
    static const char *const machines[] = { "pc-q35-7.2", "pc-i440fx-7.2", "q35", "pc", NULL };

    (void)data;
    f->image = g_hash_table_new (g_str_hash, g_str_equal);
    f->flavor = g_hash_table_new (g_str_hash, g_str_equal);
    f->disk = (KnGuestDisk){ .role = KN_GUEST_DISK_ROOT, .path = "/p/disk", .format = "qcow2" };
    for (guint i = 0; i < 2; i++) {
        f->pages[i][0] = (KnGuestHostPages){ .size_kib = 4, .total = 262144 };
        f->pages[i][1] = (KnGuestHostPages){ .size_kib = 2048, .total = 256 };
        f->cells[i] = (KnGuestHostCell){ .id = i,
                                         .memory_kib = 1048576,
                                         .cpus = cpus[i],
                                         .core = cores[i],
                                         .n_cpus = 4,
                                         .pages = f->pages[i],
                                         .n_pages = 2 };
    }
    f->facts = (KnGuestFacts){
        .id = 1,
        .uuid = "6c1a5f0e-0d4b-4b3e-9a55-0123456789ab",
        .name = "vm",
        .vcpus = 2,
        .memory_mib = 256,
        .flavor_name = "f",
        .image_properties = f->image,
        .extra_specs = f->flavor,
        .disks = &f->disk,
        .n_disks = 1,
        .nvram_path = "/p/VARS.fd",
        .host = { .arch = "x86_64",
                  .virt_type = "qemu",
                  .machines = machines,
                  .default_q35 = "pc-q35-7.2",
                  .default_pc = "pc-i440fx-7.2",
                  .uefi = true,
                  .secure_boot = true,
                  .tpm = true,
                  .cells = f->cells,
                  .n_cells = 2 },
        .cloud_id = "c1",
    };
}

static void
tear_down (Fixture *f, gconstpointer data)
{
    (void)data;
    g_hash_table_unref (f->image);
    g_hash_table_unref (f->flavor);
}

static void
say (GHashTable *table, const char *key, const char *value)
{
    g_hash_table_insert (table, (gpointer)key, (gpointer)value);
}

static KnGuestPlan *
plan (const Fixture *f)
{
    g_autoptr (GError) error = NULL;
    KnGuestPlan *made = kn_guest_plan_new (&f->facts, &error);

    g_assert_no_error (error);
    return made;
}

static void
assert_refused (const Fixture *f, const char *word)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnGuestPlan) made = kn_guest_plan_new (&f->facts, &error);

    g_assert_null (made);
    g_assert_nonnull (strstr (error->message, word));
}

static const char *
value_of (const KnGuestPlan *made, const char *path)
{
    const KnGuestDecision *decision = kn_guest_plan_find (made, path);

    return decision ? decision->value : NULL;
}

/* ---- place on the host ---- */

static void
test_pins_are_told (Fixture *f, gconstpointer data)
{
    (void)data;
    g_autoptr (KnGuestPlan) usual = plan (f);
    g_assert_null (kn_guest_plan_own_cpus (usual));
    g_assert_null (kn_guest_plan_own_pages (usual));

    say (f->flavor, "hw:cpu_policy", "dedicated");
    say (f->flavor, "hw:mem_page_size", "2MB");
    g_autoptr (KnGuestPlan) made = plan (f);
    g_assert_cmpstr (kn_guest_plan_own_cpus (made), ==, "0-1");
    g_assert_cmpstr (kn_guest_plan_own_pages (made), ==, "0:2048:128");
    g_assert_cmpstr (value_of (made, "cputune/vcpupin[0]/@cpuset"), ==, "0");
}

static void
test_small_pages_are_everybodys (Fixture *f, gconstpointer data)
{
    (void)data;
    say (f->flavor, "hw:mem_page_size", "small");
    g_autoptr (KnGuestPlan) made = plan (f);
    g_assert_null (kn_guest_plan_own_pages (made));
}

static void
test_isolated_emulator_is_told (Fixture *f, gconstpointer data)
{
    (void)data;
    say (f->flavor, "hw:cpu_policy", "dedicated");
    say (f->flavor, "hw:emulator_threads_policy", "isolate");
    g_autoptr (KnGuestPlan) made = plan (f);
    g_assert_cmpstr (kn_guest_plan_own_cpus (made), ==, "0-2");
}

static void
test_taken_cpus (Fixture *f, gconstpointer data)
{
    static const struct {
        const char *taken, *own; /* own NULL: no room */
    } cases[] = {
        { "0-1", "2-3" }, { "0,2", "1,3" }, { "0-3", "4-5" },
        { "0-5", "6-7" }, { "0-6", NULL },  { "0,2,4,6", "1,3" },
    };

    (void)data;
    say (f->flavor, "hw:cpu_policy", "dedicated");
    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        f->facts.host.taken_cpus = cases[i].taken;
        if (!cases[i].own) {
            assert_refused (f, "too few CPUs that are free");
            continue;
        }
        g_autoptr (KnGuestPlan) made = plan (f);
        g_assert_cmpstr (kn_guest_plan_own_cpus (made), ==, cases[i].own);
    }
}

static void
test_taken_pages (Fixture *f, gconstpointer data)
{
    (void)data;
    say (f->flavor, "hw:mem_page_size", "large");
    f->pages[0][1].used = 129;
    g_autoptr (KnGuestPlan) made = plan (f);
    g_assert_cmpstr (kn_guest_plan_own_pages (made), ==, "1:2048:128");
    f->pages[1][1].used = 300; /* more than there are: somebody took pages away */
    assert_refused (f, "not enough memory in pages");
}

/* ---- firmware ---- */

static void
test_secure_boot_brings_what_it_needs (Fixture *f, gconstpointer data)
{
    (void)data;
    say (f->image, "os_secure_boot", "required");
    g_autoptr (KnGuestPlan) made = plan (f);
    g_assert_cmpstr (value_of (made, "os/type/@machine"), ==, "pc-q35-7.2");
    g_assert_cmpstr (value_of (made, "os/@firmware"), ==, "efi");
    g_assert_cmpstr (value_of (made, "os/loader/@secure"), ==, "yes");
    g_assert_cmpstr (value_of (made, "os/firmware/feature[secure-boot]/@name"), ==, "secure-boot");
    g_assert_cmpstr (value_of (made, "os/firmware/feature[enrolled-keys]/@enabled"), ==, "yes");
    g_assert_cmpstr (value_of (made, "features/smm/@state"), ==, "on");
    g_assert_cmpstr (value_of (made, "os/nvram"), ==, "/p/VARS.fd");
}

static void
test_secure_boot_is_never_ignored (Fixture *f, gconstpointer data)
{
    static const struct {
        const char *property, *value;
    } against[] = { { "hw_machine_type", "pc" },
                    { "hw_machine_type", "pc-i440fx-7.2" },
                    { "hw_disk_bus", "ide" } };

    (void)data;
    say (f->image, "os_secure_boot", "required");
    for (gsize i = 0; i < G_N_ELEMENTS (against); i++) {
        say (f->image, against[i].property, against[i].value);
        assert_refused (f, "q35");
        g_hash_table_remove (f->image, against[i].property);
    }
    f->facts.host.secure_boot = false;
    assert_refused (f, "this host's firmware cannot do it");
}

/* A wish that comes after the first start is not lost without a word. */
static void
test_late_wish_is_a_warning (Fixture *f, gconstpointer data)
{
    (void)data;
    g_autoptr (KnGuestPlan) first = plan (f);
    g_autoptr (GHashTable) identity = kn_guest_plan_identity (first);
    f->facts.identity = identity;
    say (f->image, "os_secure_boot", "required");
    g_autoptr (KnGuestPlan) later = plan (f);
    const KnGuestDecision *decision = kn_guest_plan_find (later, "os/loader/@secure");

    g_assert_null (decision->value);
    g_assert_true (decision->warning);
    g_assert_null (kn_guest_plan_find (later, "os/@firmware"));
}

/* Servers from before the variable store had a place of its own keep theirs. */
static void
test_old_store_stays (Fixture *f, gconstpointer data)
{
    (void)data;
    say (f->image, "hw_firmware_type", "uefi");
    g_autoptr (KnGuestPlan) first = plan (f);
    g_autoptr (GHashTable) identity = kn_guest_plan_identity (first);
    f->facts.identity = identity;
    g_autoptr (KnGuestPlan) again = plan (f);
    g_assert_cmpstr (value_of (again, "os/nvram"), ==, "/p/VARS.fd");
    g_hash_table_remove (identity, "nvram");
    g_autoptr (KnGuestPlan) old = plan (f);
    g_assert_null (kn_guest_plan_find (old, "os/nvram"));
}

/* ---- what a rebuild preserves ---- */

static GHashTable *
preserve (Fixture *f)
{
    g_autoptr (KnGuestPlan) first = plan (f);
    g_autoptr (GHashTable) identity = kn_guest_plan_identity (first);

    g_assert_true (kn_guest_identity_is_whole (identity));
    GHashTable *part = kn_guest_identity_firmware (identity);
    g_assert_false (kn_guest_identity_is_whole (part));
    f->facts.identity = part;
    return part;
}

static void
test_preserved_firmware (Fixture *f, gconstpointer data)
{
    (void)data;
    say (f->image, "os_secure_boot", "required");
    say (f->image, "hw_tpm_version", "2.0");
    say (f->image, "hw_disk_bus", "sata");
    g_autoptr (GHashTable) part = preserve (f);
    g_hash_table_remove_all (f->image);

    /* The new image says nothing of firmware and TPM: both stay; its disk bus is its own. */
    g_autoptr (GError) error = NULL;
    g_assert_true (kn_guest_check_kept (&f->facts, &error));
    g_autoptr (KnGuestPlan) made = plan (f);
    g_assert_cmpstr (value_of (made, "os/loader/@secure"), ==, "yes");
    g_assert_cmpstr (value_of (made, "devices/tpm/backend/@version"), ==, "2.0");
    g_autoptr (GHashTable) identity = kn_guest_plan_identity (made);
    g_assert_cmpstr (g_hash_table_lookup (identity, "disk_bus"), ==, "virtio");
}

static void
test_preserved_against_the_image (Fixture *f, gconstpointer data)
{
    static const struct {
        const char *property, *value;
    } against[] = { { "hw_firmware_type", "bios" },
                    { "os_secure_boot", "disabled" },
                    { "hw_tpm_version", "1.2" },
                    { "hw_tpm_model", "tpm-tis" },
                    { "hw_machine_type", "pc" } };
    static const struct {
        const char *property, *value;
    } fine[] = { { "hw_firmware_type", "uefi" },
                 { "os_secure_boot", "required" },
                 { "hw_tpm_version", "2.0" },
                 { "hw_machine_type", "q35" } };

    (void)data;
    say (f->image, "os_secure_boot", "required");
    say (f->image, "hw_tpm_model", "tpm-crb");
    g_autoptr (GHashTable) part = preserve (f);
    for (gsize i = 0; i < G_N_ELEMENTS (against); i++) {
        g_autoptr (GError) error = NULL;
        g_hash_table_remove_all (f->image);
        say (f->image, against[i].property, against[i].value);
        if (strcmp (against[i].property, "os_secure_boot") == 0)
            say (f->image, "hw_firmware_type", "uefi");
        g_assert_false (kn_guest_check_kept (&f->facts, &error));
        g_assert_nonnull (strstr (error->message, "preserve_ephemeral"));
        g_assert_true (kn_error_is_public (error));
    }
    for (gsize i = 0; i < G_N_ELEMENTS (fine); i++) {
        g_autoptr (GError) error = NULL;
        g_hash_table_remove_all (f->image);
        say (f->image, fine[i].property, fine[i].value);
        if (strcmp (fine[i].property, "hw_tpm_version") == 0)
            say (f->image, "hw_tpm_model", "tpm-crb");
        if (strcmp (fine[i].property, "hw_firmware_type") == 0)
            say (f->image, "os_secure_boot", "required");
        g_assert_true (kn_guest_check_kept (&f->facts, &error));
        g_assert_no_error (error);
    }
}

/* A guest without a TPM leaves none behind: the new image gets the one that it asks for. */
static void
test_preserved_nothing (Fixture *f, gconstpointer data)
{
    (void)data;
    g_autoptr (GHashTable) part = preserve (f);
    say (f->image, "hw_tpm_version", "2.0");
    g_autoptr (KnGuestPlan) made = plan (f);
    g_assert_cmpstr (value_of (made, "devices/tpm/backend/@version"), ==, "2.0");
}

int
main (int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run) (Fixture *f, gconstpointer data);
    } tests[] = {
        { "/guest/place/told", test_pins_are_told },
        { "/guest/place/small-pages", test_small_pages_are_everybodys },
        { "/guest/place/emulator", test_isolated_emulator_is_told },
        { "/guest/place/taken-cpus", test_taken_cpus },
        { "/guest/place/taken-pages", test_taken_pages },
        { "/guest/firmware/secure-boot", test_secure_boot_brings_what_it_needs },
        { "/guest/firmware/refused", test_secure_boot_is_never_ignored },
        { "/guest/firmware/late", test_late_wish_is_a_warning },
        { "/guest/firmware/old-store", test_old_store_stays },
        { "/guest/preserve/firmware", test_preserved_firmware },
        { "/guest/preserve/against", test_preserved_against_the_image },
        { "/guest/preserve/nothing", test_preserved_nothing },
    };
    g_test_init (&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
        g_test_add (tests[i].name, Fixture, NULL, set_up, tests[i].run, tear_down);
    return g_test_run ();
}
