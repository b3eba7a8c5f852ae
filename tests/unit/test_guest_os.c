/* SPDX-License-Identifier: Apache-2.0 */
/* What is known about operating systems: every row is reachable, unique and says where it is from. */
#include <string.h>

#include "guest/os.h"

static void
check_source (const char *source)
{
    g_assert_nonnull (source);
    g_assert_cmpuint (strlen (source), >, 8);
}

/* Each name of each version finds its own row: so none is in two rows. */
static void
test_versions (void)
{
    gsize n;
    const KnOs *rows = kn_os_versions (&n);
    g_assert_cmpuint (n, >=, 16);
    for (gsize i = 0; i < n; i++) {
        const KnOs *os = &rows[i];
        check_source (os->source);
        g_assert_true (kn_os_find (os->name) == os);
        g_assert_true (kn_os_find (os->title) == os);
        for (gsize k = 0; os->names[k]; k++)
            g_assert_true (kn_os_find (os->names[k]) == os);
        g_assert_cmpuint (os->first_build, <=, os->last_build);
        g_assert_cmpuint (os->min_memory_mib, >, 0);
        g_assert_cmpuint (os->min_vcpus, >, 0);
        g_assert_true (os->firmware != KN_OS_BIOS || os->secure_boot == KN_OS_NO);
        g_assert_true (os->secure_boot < KN_OS_REQUIRED || os->firmware == KN_OS_UEFI);
        g_assert_true (os->hyperv == 0 || (os->hyperv >= 'A' && os->hyperv <= 'D'));
    }
}

/* Of each kind, builds tell the versions apart but for Vista and 2008, whose kernels are the same. */
static void
test_builds (void)
{
    gsize n;
    const KnOs *rows = kn_os_versions (&n);
    for (gsize i = 0; i < n; i++) {
        g_assert_true (kn_os_find_build (rows[i].first_build, rows[i].server) == &rows[i]);
        for (gsize k = i + 1; k < n; k++)
            g_assert_true (rows[i].server != rows[k].server
                           || rows[i].last_build < rows[k].first_build
                           || rows[k].last_build < rows[i].first_build);
    }
}

static void
test_editions (void)
{
    gsize n;
    const KnOsEdition *rows = kn_os_editions (&n);
    for (gsize i = 0; i < n; i++) {
        check_source (rows[i].source);
        g_assert_cmpuint (rows[i].max_sockets, >, 0);
        for (gsize v = 0; rows[i].versions[v]; v++) {
            const KnOs *os = kn_os_find (rows[i].versions[v]);
            g_assert_nonnull (os);
            g_assert_cmpstr (os->name, ==, rows[i].versions[v]);
            g_assert_true (os->max_sockets == 0 || rows[i].max_sockets <= os->max_sockets);
            g_assert_true (kn_os_find_edition (os, rows[i].title) == &rows[i]);
            for (gsize k = 0; rows[i].names[k]; k++)
                g_assert_true (kn_os_find_edition (os, rows[i].names[k]) == &rows[i]);
        }
    }
}

static void
test_families (void)
{
    gsize n;
    const KnOsFamily *rows = kn_os_families (&n);
    for (gsize i = 0; i < n; i++) {
        check_source (rows[i].source);
        g_assert_true (kn_os_find_family (rows[i].name) == &rows[i]);
        for (gsize k = 0; rows[i].distros[k]; k++)
            g_assert_true (kn_os_find_family (rows[i].distros[k]) == &rows[i]);
    }
}

/* What a flag needs stands before it, so that one pass closes the dependencies; every set has flags. */
static void
test_hyperv (void)
{
    gsize n;
    guint of_set[5] = { 0 };
    const KnOsHyperv *rows = kn_os_hyperv (&n);
    g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
    g_hash_table_add (seen, (gpointer) "time");
    for (gsize i = 0; i < n; i++) {
        check_source (rows[i].source);
        for (gsize k = 0; rows[i].needs && rows[i].needs[k]; k++)
            g_assert_true (g_hash_table_contains (seen, rows[i].needs[k]));
        if (rows[i].needs_intel)
            g_assert_true (g_hash_table_contains (seen, rows[i].needs_intel));
        g_assert_true (g_hash_table_add (seen, (gpointer)rows[i].name));
        g_assert_true ((rows[i].never != NULL) == (rows[i].set == 0));
        of_set[rows[i].set ? rows[i].set - 'A' + 1 : 0]++;
    }
    for (gsize i = 0; i < G_N_ELEMENTS (of_set); i++)
        g_assert_cmpuint (of_set[i], >, 0);
}

static const struct {
    const char *said, *name; /* NULL: not known */
} versions[] = {
    { "2008 R2", "2008r2" },
    { "Windows Server 2008 R2", "2008r2" },
    { "Windows Server (R) 2008", "2008" },
    { "win2k8r2", "2008r2" },
    { "win10", "10" },
    { "WINDOWS-11", "11" },
    { "Microsoft Windows Server 2019", "2019" },
    { "Hyper-V Server 2016", "2016" },
    { "8.1", "8.1" },
    { "XP", "xp" },
    { "win2k3r2", "2003" },
    { "UNKNOWN", NULL },
    { "WINDOWS", NULL },
    { "DESKTOP", NULL },
    { "windows", NULL },
    { "2013", NULL },
    { "", NULL },
    { NULL, NULL },
};

static void
test_spellings (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (versions); i++) {
        const KnOs *os = kn_os_find (versions[i].said);
        g_assert_cmpstr (os ? os->name : NULL, ==, versions[i].name);
    }
}

static const struct {
    const char *product, *name, *edition;
    guint sockets;
} products[] = {
    { "Windows Server 2012 R2 Standard Evaluation", "2012r2", "2012-standard", 64 },
    { "Windows 10 Pro", "10", "10-pro", 2 },
    { "Windows 7 Home Premium", "7", "7-home", 1 },
    { "Windows 8.1 Single Language", "8.1", "8-core", 1 },
    { "Microsoft Windows Server 2008 R2 Enterprise ", "2008r2", "2008-enterprise", 8 },
    { "Windows Server (R) 2008 Datacenter", "2008", "2008-datacenter", 64 },
    { "Windows Server 2022 Datacenter Azure Edition", "2022", "2012-datacenter", 64 },
    { "Windows 11 Pro for Workstations", "11", "10-workstation", 4 },
    { "Windows Server 2016 Essentials", "2016", "2012-essentials", 2 },
    { "Microsoft Windows XP Professional", "xp", "xp-professional", 2 },
    { "Windows 10 Surprise", "10", NULL, 0 },
    { "Windows Server 2019 Surprise", "2019", NULL, 64 },
    { "Windows Server 2019", "2019", NULL, 64 },
    { "Windows 20120", NULL, NULL, 0 },
    { "Debian GNU/Linux 12", NULL, NULL, 0 },
};

static void
test_products (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (products); i++) {
        g_autofree char *rest = NULL;
        const KnOs *os = kn_os_find_product (products[i].product, &rest);
        const KnOsEdition *edition = kn_os_find_edition (os, rest);
        g_assert_cmpstr (os ? os->name : NULL, ==, products[i].name);
        g_assert_cmpstr (edition ? edition->name : NULL, ==, products[i].edition);
        g_assert_cmpuint (kn_os_max_sockets (os, rest), ==, products[i].sockets);
    }
}

/* What the registry's EditionID says. */
static const struct {
    const char *version, *id, *edition;
} ids[] = {
    { "10", "Core", "10-home" },
    { "10", "CoreSingleLanguage", "10-home" },
    { "10", "ProfessionalN", "10-pro" },
    { "11", "ProfessionalWorkstation", "10-workstation" },
    { "10", "EnterpriseSEval", "10-enterprise" },
    { "11", "IoTEnterprise", "10-enterprise" },
    { "10", "ServerRdsh", "10-enterprise" },
    { "2019", "ServerStandardEval", "2012-standard" },
    { "2022", "ServerDatacenterCor", NULL },
    { "2022", "ServerTurbine", "2012-datacenter" },
    { "2016", "ServerSolution", "2012-essentials" },
    { "2008r2", "ServerStandardCore", "2008-standard" },
    { "7", "HomeBasicN", "7-home" },
    { "7", "DESKTOP", NULL },
    { "7", "", NULL },
};

static void
test_edition_ids (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (ids); i++) {
        const KnOsEdition *edition = kn_os_find_edition (kn_os_find (ids[i].version), ids[i].id);
        g_assert_cmpstr (edition ? edition->name : NULL, ==, ids[i].edition);
    }
    g_assert_null (kn_os_find_edition (NULL, "Pro"));
}

static const struct {
    guint build;
    bool server;
    const char *name;
} builds[] = {
    { 7601, false, "7" },     { 7601, true, "2008r2" }, { 19045, false, "10" },
    { 14393, false, "10" },   { 14393, true, "2016" },  { 17763, true, "2019" },
    { 19042, true, "2019" },  { 20348, true, "2022" },  { 25398, true, "2022" },
    { 26100, true, "2025" },  { 26100, false, "11" },   { 22631, false, "11" },
    { 6002, false, "vista" }, { 6002, true, "2008" },   { 9600, true, "2012r2" },
    { 2600, false, "xp" },    { 3790, true, "2003" },   { 1, false, NULL },
};

static void
test_build_numbers (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (builds); i++) {
        const KnOs *os = kn_os_find_build (builds[i].build, builds[i].server);
        g_assert_cmpstr (os ? os->name : NULL, ==, builds[i].name);
    }
}

static const struct {
    const char *said, *family;
} distros[] = {
    { "windows", "windows" },
    { "win2k19", "windows" },
    { "Win10", "windows" },
    { "winnt4.0", "windows" },
    { "ubuntu22.04", "linux" },
    { "Debian", "linux" },
    { "windsor", NULL },
    { "freebsd", NULL },
    { "", NULL },
    { NULL, NULL },
};

static void
test_distros (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (distros); i++) {
        const KnOsFamily *family = kn_os_find_family (distros[i].said);
        g_assert_cmpstr (family ? family->name : NULL, ==, distros[i].family);
    }
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/guest/os/versions", test_versions);
    g_test_add_func ("/guest/os/builds", test_builds);
    g_test_add_func ("/guest/os/editions", test_editions);
    g_test_add_func ("/guest/os/families", test_families);
    g_test_add_func ("/guest/os/hyperv", test_hyperv);
    g_test_add_func ("/guest/os/spellings", test_spellings);
    g_test_add_func ("/guest/os/products", test_products);
    g_test_add_func ("/guest/os/edition-ids", test_edition_ids);
    g_test_add_func ("/guest/os/build-numbers", test_build_numbers);
    g_test_add_func ("/guest/os/distros", test_distros);
    return g_test_run ();
}
