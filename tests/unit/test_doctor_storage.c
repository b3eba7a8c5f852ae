/* SPDX-License-Identifier: Apache-2.0 */
/* When storage is full or promised too often, and which volumes are accused of being nobody's. */
#include <string.h>

#include "doctor/source.h"
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

/* ---- what libvirt told of a host elsewhere ---- */

typedef struct {
    const char *type, *dir;
    guint64 available_gb; /* of 1,000 */
    const char *disk;     /* source of the only guest's only disk */
    guint64 taken_gb;     /* of the disk's 500 */
    const char *path;     /* of its volume */
    const char *found;
} Told;

static const Told told[] = {
    { "rbd", NULL, 200, "<source protocol='rbd' name='vms/one'/>", 500, "vms/one", "" },
    { "rbd", NULL, 100, "<source protocol='rbd' name='vms/one'/>", 400, "vms/one", "storage-full" },
    { "rbd", NULL, 200, "<source protocol='rbd' name='vms/one'/>", 299, "vms/one",
      "storage-promised" },
    { "rbd", NULL, 0, "<source protocol='rbd' name='other/one'/>", 0, "vms/one", "" },
    { "dir", "/vms", 100, "<source file='/vms/one'/>", 490, "/vms/one", "storage-full" },
    { "dir", "/vms", 100, "<source pool='vms' volume='one'/>", 490, "/vms/one", "storage-full" },
    { "netfs", "/vms", 100, "<source file='/vms/unlisted'/>", 0, "/vms/one", "storage-full" },
    { "dir", "/vms", 100, "<source file='/vms/below/one'/>", 0, "/vms/one", "" },
    /* Written from end to end: it takes no more. */
    { "dir", "/vms", 0, "<source file='/vms/one'/>", 500, "/vms/one", "" },
    { "dir", "/vms", 0, "<source file='/vms/one'/><readonly/>", 0, "/vms/one", "" },
    /* A volume group is full when all of it was handed out. */
    { "logical", "/dev/vg", 0, "<source dev='/dev/vg/one'/>", 500, "/dev/vg/one", "" },
    { "iscsi", "/dev/disk", 0, "<source dev='/dev/disk/one'/>", 500, "/dev/disk/one", "" },
};

static void
test_told (void)
{
    const guint64 gb = 1000000000;

    for (gsize i = 0; i < G_N_ELEMENTS (told); i++) {
        g_autoptr (KnFleet) fleet = kn_fleet_new ();
        g_autoptr (KnSurveyStorage) seen = kn_survey_storage_new ();
        KnSurveyPool *pool = kn_survey_storage_add_pool (seen);
        KnSurveyVolume *volume = kn_survey_pool_add_volume (pool);
        KnSubject *subject = kn_fleet_add_subject (fleet, "6c1a5f0e-0d4b-4b3e-9a55-0123456789aa");
        g_autofree char *xml = g_strdup_printf (
            "<domain type='kvm'><name>one</name><devices><disk device='disk'>"
            "<driver type='raw'/>%s<target dev='vda'/></disk></devices></domain>",
            told[i].disk);

        pool->name = g_strdup ("vms");
        pool->type = g_strdup (told[i].type);
        pool->dir = g_strdup (told[i].dir);
        pool->capacity_bytes = 1000 * gb;
        pool->available_bytes = told[i].available_gb * gb;
        volume->name = g_strdup ("one");
        volume->path = g_strdup (told[i].path);
        volume->capacity_bytes = 500 * gb;
        volume->allocation_bytes = told[i].taken_gb * gb;
        subject->host = kn_fleet_ensure_host (fleet, "elsewhere");
        subject->persistent = kn_definition_new (xml, NULL);
        kn_fleet_take_storage (fleet, subject->host, seen, false, NULL);

        g_autoptr (GString) found = g_string_new (NULL);
        for (gsize r = 0; r < 3; r++) {
            static const char *const rules[]
                = { "storage-full", "storage-promised", "storage-unused" };
            g_autoptr (GPtrArray) findings
                = kn_doctor_examine (fleet, kn_doctor_rule_find (rules[r]));
            g_assert_cmpuint (findings->len, <=, 1);
            g_string_append (found, findings->len ? rules[r] : "");
        }
        g_assert_cmpstr (found->str, ==, told[i].found);
    }
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/doctor-storage/filling", test_storage);
    g_test_add_func ("/doctor-storage/unused", test_unused);
    g_test_add_func ("/doctor-storage/told", test_told);
    return g_test_run ();
}
