/* SPDX-License-Identifier: Apache-2.0 */
/* When storage is full or promised too often, and which volumes are accused of being nobody's. */
#include <string.h>

#include "doctor/finding.h"

typedef struct {
    const char *used; /* percent of 1,000 GB that are used */
    guint64 growth_gb;
    double near_full, full;
    bool grows;
    const char *found;
} Filling;

static void
test_storage (void)
{
    static const Filling fillings[] = {
        { "84", 0, 0, 0, true, "" },
        { "85", 0, 0, 0, true, "storage-full:warning" },
        { "94", 0, 0, 0, true, "storage-full:warning" },
        { "95", 0, 0, 0, true, "storage-full:critical" },
        { "100", 0, 0, 0, false, "" }, /* nobody writes to it */
        { "80", 0, 0.75, 0.8, true, "storage-full:critical" },
        { "89", 0, 0.9, 0.97, true, "" },
        { "40", 600, 0, 0, true, "" }, /* promised to the last byte */
        { "40", 601, 0, 0, true, "storage-promised:notice" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (fillings); i++) {
        const Filling *filling = &fillings[i];
        g_autoptr (KnFleet) fleet = kn_fleet_new ();
        KnStorage *storage = kn_storage_new ("vms", "host");

        storage->capacity_bytes = 1000000000000;
        storage->used_bytes = 10000000000 * g_ascii_strtoull (filling->used, NULL, 10);
        storage->growth_bytes = filling->growth_gb * 1000000000;
        storage->near_full = filling->near_full;
        storage->full = filling->full;
        storage->grows = filling->grows;
        g_ptr_array_add (fleet->storages, storage);
        g_autoptr (GPtrArray) findings = kn_doctor_examine (fleet, NULL);
        const KnFinding *finding = findings->len ? findings->pdata[0] : NULL;
        g_autofree char *found = finding ? g_strdup_printf ("%s:%s", finding->rule->name,
                                                            kn_severity_name (finding->severity))
                                         : g_strdup ("");

        g_assert_cmpuint (findings->len, <=, 1);
        g_assert_cmpstr (found, ==, filling->found);
    }
}

static void
test_unused (void)
{
    static const struct {
        KnVolumeKind kind;
        const char *path;
        gint64 idle_s;
        const char *what; /* NULL: not accused */
    } volumes[] = {
        { KN_VOLUME_OTHER, "/p/readme", 1000000, NULL },
        { KN_VOLUME_DISK, "/p/fresh", 3599, NULL },
        { KN_VOLUME_DISK, "/p/lost", 3600, "No guest of this host uses /p/lost." },
        { KN_VOLUME_DISK, "/p/base", 1000000, NULL },
        { KN_VOLUME_SERVER_GONE, "/p/x_disk", 3600,
          "The disk is of server x, which does not exist." },
        { KN_VOLUME_IMAGE, "/p/i", 90 * 86400 - 1, NULL },
        { KN_VOLUME_IMAGE, "/p/j", 90 * 86400,
          "No server uses the image 'x', and none did lately." },
    };
    g_autoptr (KnFleet) fleet = kn_fleet_new ();

    for (gsize i = 0; i < G_N_ELEMENTS (volumes); i++) {
        KnVolumeFile *volume = kn_volume_file_new (volumes[i].kind, volumes[i].path, "host");

        volume->idle_s = volumes[i].idle_s;
        volume->owner = g_strdup ("x");
        volume->backing = g_strdup (i == 0 ? "/p/base" : NULL);
        g_ptr_array_add (fleet->volumes, volume);
    }
    g_autoptr (GPtrArray) findings = kn_doctor_examine (fleet, NULL);
    guint expected = 0;

    for (gsize i = 0; i < G_N_ELEMENTS (volumes); i++) {
        const KnFinding *found = NULL;

        for (guint f = 0; f < findings->len; f++)
            if (strcmp (((KnFinding *)findings->pdata[f])->name, volumes[i].path) == 0)
                found = findings->pdata[f];
        g_assert_cmpstr (found ? found->what : NULL, ==, volumes[i].what);
        expected += volumes[i].what != NULL;
    }
    g_assert_cmpuint (findings->len, ==, expected);
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/doctor-storage/filling", test_storage);
    g_test_add_func ("/doctor-storage/unused", test_unused);
    return g_test_run ();
}
