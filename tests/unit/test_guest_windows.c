/* SPDX-License-Identifier: Apache-2.0 */
/* What kilonova-1 decides for Windows, and how it says why. */
#include "guest/plan.h"

#include <string.h>

#include "guest/os.h"

typedef struct {
    KnGuestFacts facts;
    KnGuestDisk disk;
    GHashTable *image, *flavor;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
    (void)data;
    f->image = g_hash_table_new (g_str_hash, g_str_equal);
    f->flavor = g_hash_table_new (g_str_hash, g_str_equal);
    f->disk = (KnGuestDisk){ .role = KN_GUEST_DISK_ROOT, .path = "/p/disk", .format = "qcow2" };
    f->facts = (KnGuestFacts){
        .id = 1,
        .uuid = "6c1a5f0e-0d4b-4b3e-9a55-0123456789ab",
        .name = "vm",
        .os_type = "windows",
        .profile = "kilonova-1",
        .vcpus = 4,
        .memory_mib = 8192,
        .image_properties = f->image,
        .extra_specs = f->flavor,
        .disks = &f->disk,
        .n_disks = 1,
        .host = { .arch = "x86_64", .virt_type = "kvm", .cpu_vendor = "Intel" },
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

static const KnGuestDecision *
find (const KnGuestPlan *made, const char *below, const char *name)
{
    char path[96];
    g_snprintf (path, sizeof path, "features/hyperv/%s%s", name, below);
    return kn_guest_plan_find (made, path);
}

static bool
is_on (const KnGuestPlan *made, const char *flag)
{
    return strcmp (flag, "time") == 0
               ? kn_guest_plan_find (made, "clock/timer[hypervclock]/@present") != NULL
               : find (made, "/@state", flag) != NULL;
}

/* Each flag is on or left out with a reason, and what is on has what it needs. */
static void
check_flags (const KnGuestPlan *made, const KnGuestHost *host)
{
    gsize n;
    const KnOsHyperv *flags = kn_os_hyperv (&n);
    bool intel = g_strcmp0 (host->cpu_vendor, "AMD") != 0;
    for (gsize i = 0; i < n; i++) {
        const KnGuestDecision *off = find (made, "", flags[i].name);
        g_assert_true (is_on (made, flags[i].name) == (off == NULL));
        if (off) {
            g_assert_null (off->value);
            g_assert_cmpuint (strlen (off->reason), >, 10);
            continue;
        }
        g_assert_null (flags[i].never);
        g_assert_true (!flags[i].vendor || g_strcmp0 (flags[i].vendor, host->cpu_vendor) == 0);
        g_assert_true (!flags[i].needs_tsc || host->tsc_khz != 0);
        g_assert_true (!flags[i].needs_intel || !intel || is_on (made, flags[i].needs_intel));
        for (gsize k = 0; flags[i].needs && flags[i].needs[k]; k++)
            g_assert_true (is_on (made, flags[i].needs[k]));
    }
}

/* The names of some of the flags; bit i of @choice stands for row i. */
static void
pick_flags (guint32 choice, const char **list)
{
    gsize n, count = 0;
    const KnOsHyperv *flags = kn_os_hyperv (&n);
    for (gsize i = 0; i < n; i++)
        if (choice & (1U << i))
            list[count++] = flags[i].list ? flags[i].list : flags[i].name;
    list[count] = NULL;
}

static void
test_dependencies_are_closed (Fixture *f, gconstpointer data)
{
    (void)data;
    gsize n;
    const KnOs *versions = kn_os_versions (&n);
    const char *const vendors[] = { "Intel", "AMD", NULL };
    static const char *list[33];
    g_autoptr (GRand) dice = g_rand_new_with_seed (26);
    f->facts.host.hyperv = list;
    for (guint i = 0; i < 600; i++) {
        const KnOs *os = &versions[i % n];
        pick_flags (g_rand_int (dice), list);
        f->facts.os.version = os->name;
        f->facts.host.cpu_vendor = vendors[i % G_N_ELEMENTS (vendors)];
        f->facts.host.tsc_khz = i % 2 ? 2900000 : 0;
        g_autoptr (KnGuestPlan) made = plan (f);
        if (os->hyperv)
            check_flags (made, &f->facts.host);
        else
            g_assert_null (kn_guest_plan_find (made, "features/hyperv")->value);
    }
}

static const struct {
    const char *version, *vendor, *flag, *reason; /* part of it */
} left_out[] = {
    { "11", "AMD", "evmcs", "Intel hosts only" },
    { "10", "Intel", "evmcs", "Windows 10 does not use it" },
    { NULL, "Intel", "stimer/direct", "os_version does not say" },
    { "10", "Intel", "reenlightenment", "fixed TSC frequency" },
    { "10", "Intel", "xmm_input", "does not know it" },
    { "10", "Intel", "reset", "QEMU leaves it off" },
    { "10", "Intel", "avic", "AVIC or APICv" },
    { "2012 R2", "Intel", "stimer/direct", "Windows Server 2012 R2 does not use it" },
};

static void
test_left_out_with_its_reason (Fixture *f, gconstpointer data)
{
    (void)data;
    for (gsize i = 0; i < G_N_ELEMENTS (left_out); i++) {
        f->facts.os.version = left_out[i].version;
        f->facts.host.cpu_vendor = left_out[i].vendor;
        g_autoptr (KnGuestPlan) made = plan (f);
        const KnGuestDecision *off = find (made, "", left_out[i].flag);
        g_assert_nonnull (off);
        g_assert_null (off->value);
        g_assert_nonnull (strstr (off->reason, left_out[i].reason));
    }
}

static void
test_without_kvm_nothing_has_an_effect (Fixture *f, gconstpointer data)
{
    (void)data;
    const char *const paths[] = { "features/hyperv", "clock/timer[hypervclock]" };
    f->facts.host.virt_type = "qemu";
    f->facts.os.version = "11";
    g_autoptr (KnGuestPlan) made = plan (f);
    for (gsize i = 0; i < G_N_ELEMENTS (paths); i++) {
        const KnGuestDecision *off = kn_guest_plan_find (made, paths[i]);
        g_assert_nonnull (off);
        g_assert_null (off->value);
        g_assert_nonnull (strstr (off->reason, "no effect"));
    }
}

static const struct {
    const char *version, *path, *reason; /* NULL: no warning */
    guint vcpus, memory_mib;
} warned[] = {
    { "11", "memory", "Windows 11 wants 4096 MiB at least", 2, 2048 },
    { "11", "memory", NULL, 2, 4096 },
    { "11", "vcpu", "Windows 11 wants 2 at least", 1, 4096 },
    { "10", "vcpu", NULL, 1, 2048 },
    { NULL, "memory", NULL, 1, 64 },
    { "XP", "devices/disk[vda]/target/@bus", "Windows XP is older than virtio", 1, 512 },
    { "2019", "devices/disk[vda]/target/@bus", "only if its driver is in the image", 1, 2048 },
};

static void
test_warnings (Fixture *f, gconstpointer data)
{
    (void)data;
    for (gsize i = 0; i < G_N_ELEMENTS (warned); i++) {
        f->facts.os.version = warned[i].version;
        f->facts.vcpus = warned[i].vcpus;
        f->facts.memory_mib = warned[i].memory_mib;
        g_autoptr (KnGuestPlan) made = plan (f);
        const KnGuestDecision *decision = kn_guest_plan_find (made, warned[i].path);
        g_assert_nonnull (decision);
        g_assert_true (decision->warning == (warned[i].reason != NULL));
        if (warned[i].reason)
            g_assert_nonnull (strstr (decision->reason, warned[i].reason));
    }
}

static const struct {
    const char *version, *edition, *nodes, *rule;
} sockets[] = {
    { "10", "Pro", NULL, "cpu.topology-windows" },
    { "10", "Pro", "2", "cpu.topology-windows-numa" },
    { "10", "Home", "2", "cpu.topology-windows-numa-one" },
};

static void
test_sockets_say_why (Fixture *f, gconstpointer data)
{
    (void)data;
    static const guint cpus[][2] = { { 0, 1 }, { 2, 3 } }, core[] = { 0, 1 };
    static const KnGuestHostCell cells[] = {
        { .id = 0, .memory_kib = 1 << 24, .cpus = cpus[0], .core = core, .n_cpus = 2 },
        { .id = 1, .memory_kib = 1 << 24, .cpus = cpus[1], .core = core, .n_cpus = 2 },
    };
    f->facts.host.cells = cells;
    f->facts.host.n_cells = G_N_ELEMENTS (cells);
    for (gsize i = 0; i < G_N_ELEMENTS (sockets); i++) {
        f->facts.os.version = sockets[i].version;
        f->facts.os.edition = sockets[i].edition;
        if (sockets[i].nodes)
            say (f->image, "hw_numa_nodes", sockets[i].nodes);
        g_autoptr (KnGuestPlan) made = plan (f);
        const KnGuestDecision *decision = kn_guest_plan_find (made, "cpu/topology/@sockets");
        g_assert_cmpstr (decision->rule, ==, sockets[i].rule);
    }
}

#define ADD(path, test) g_test_add (path, Fixture, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    ADD ("/guest/windows/dependencies", test_dependencies_are_closed);
    ADD ("/guest/windows/left-out", test_left_out_with_its_reason);
    ADD ("/guest/windows/without-kvm", test_without_kvm_nothing_has_an_effect);
    ADD ("/guest/windows/warnings", test_warnings);
    ADD ("/guest/windows/sockets", test_sockets_say_why);
    return g_test_run ();
}
