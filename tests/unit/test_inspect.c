/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from an inspection, and the small parsers; disks themselves are read in tests/inspect. */
#include <string.h>

#include "image/inspection.h"
#include "inspect/inspect_priv.h"

static KnInspection *
windows (void)
{
    KnInspection *found = kn_inspection_new ();
    found->status = KN_INSPECT_FOUND;
    found->family = g_strdup ("windows");
    found->distro = g_strdup ("windows");
    found->version = g_strdup ("2022");
    found->edition = g_strdup ("Standard");
    found->firmware = g_strdup ("uefi");
    found->zone = g_strdup ("Asia/Shanghai");
    found->storage = KN_FOUND_YES;
    return found;
}

static void
assert_says (GHashTable *properties, const char *name, const char *value)
{
    g_assert_cmpstr (g_hash_table_lookup (properties, name), ==, value);
}

static void
test_round_trip (void)
{
    g_autoptr (KnInspection) found = windows ();
    g_autoptr (GError) error = NULL;
    found->has_universal = found->universal = found->has_bias = found->dirty = true;
    found->bias_minutes = -480;
    found->build = 20348;
    kn_inspection_add_driver (found, "viostor", 0, true);
    kn_inspection_note (found, "os.version", "SOFTWARE\\X", "Build", "bad \xff byte");

    g_autoptr (KnJw) w = kn_jw_new ();
    kn_inspection_write (w, found);
    gsize len;
    g_autofree char *text = kn_jw_finish (w, &len);
    g_autoptr (json_t) object = kn_json_parse (text, len, &error);
    g_assert_no_error (error);
    g_autoptr (KnInspection) again = kn_inspection_read (object, &error);
    g_assert_no_error (error);
    g_autoptr (KnJw) w2 = kn_jw_new ();
    kn_inspection_write (w2, again);
    g_autofree char *text2 = kn_jw_finish (w2, NULL);
    g_assert_cmpstr (text, ==, text2);
    g_assert_cmpint (again->bias_minutes, ==, -480);

    g_autoptr (json_t) none = json_object ();
    g_assert_null (kn_inspection_read (none, &error));
    g_assert_nonnull (error);
}

static void
test_properties (void)
{
    g_autoptr (KnInspection) found = windows ();
    g_autoptr (GHashTable) local = kn_inspection_properties (found);
    assert_says (local, "os_type", "windows");
    assert_says (local, "os_timezone", "Asia/Shanghai");
    assert_says (local, "os_virtio_drivers", "present");
    assert_says (local, "hw_firmware_type", "uefi");
    assert_says (local, "os_clock_policy", NULL);

    found->has_universal = found->universal = true;
    found->storage = KN_FOUND_NO;
    g_autoptr (GHashTable) universal = kn_inspection_properties (found);
    assert_says (universal, "os_clock_policy", "utc");
    assert_says (universal, "os_virtio_drivers", "absent");

    /* A Linux keeps UTC and needs no zone, unless its adjtime says LOCAL. */
    g_free (found->family);
    found->family = g_strdup ("linux");
    g_autoptr (GHashTable) linux_utc = kn_inspection_properties (found);
    assert_says (linux_utc, "os_timezone", NULL);
    assert_says (linux_utc, "os_clock_policy", NULL);
    found->universal = false;
    g_autoptr (GHashTable) linux_local = kn_inspection_properties (found);
    assert_says (linux_local, "os_clock_policy", "timezone");
    assert_says (linux_local, "os_timezone", "Asia/Shanghai");

    /* A disk may say anything: what no property may be is left out, or its image would make no server. */
    g_free (found->zone);
    found->zone = g_strdup ("Mars/Base");
    g_free (found->version);
    found->version = g_strdup ("12\n13");
    g_autoptr (GHashTable) odd = kn_inspection_properties (found);
    assert_says (odd, "os_clock_policy", "localtime");
    assert_says (odd, "os_timezone", NULL);
    assert_says (odd, "os_version", NULL);
    assert_says (odd, "os_type", "linux");

    found->status = KN_INSPECT_UNREADABLE;
    g_autoptr (GHashTable) none = kn_inspection_properties (found);
    g_assert_cmpuint (g_hash_table_size (none), ==, 0);
}

static void
declare (KnImageRow *row, const char *name, const char *value)
{
    g_hash_table_replace (row->properties, g_strdup (name), g_strdup (value));
}

static void
test_declared_stays (void)
{
    g_autoptr (KnInspection) found = windows ();
    g_autoptr (KnImageRow) row = kn_image_row_new ();
    declare (row, "os_version", "2019");
    declare (row, "os_type", "Windows"); /* the same in other letters */
    g_autoptr (GHashTable) missing = kn_image_inspection_missing (row, found, NULL);
    assert_says (missing, "os_version", NULL);
    assert_says (missing, "os_type", NULL);
    assert_says (missing, "os_edition", "Standard");

    /* What we filled in ourselves may be renewed; what somebody changed since is theirs. */
    g_autoptr (GHashTable) filled = g_hash_table_new (g_str_hash, g_str_equal);
    g_hash_table_replace (filled, (gpointer) "os_version", (gpointer) "2019");
    g_autoptr (GHashTable) renewed = kn_image_inspection_missing (row, found, filled);
    assert_says (renewed, "os_version", "2022");

    declare (row, "os_type", "linux");
    g_autoptr (GHashTable) other = kn_image_inspection_missing (row, found, NULL);
    g_assert_cmpuint (g_hash_table_size (other), ==, 1);
    assert_says (other, "hw_firmware_type", "uefi");
}

static void
test_contradictions (void)
{
    g_autoptr (KnInspection) found = windows ();
    g_autoptr (KnImageRow) row = kn_image_row_new ();
    g_autoptr (GPtrArray) warnings = g_ptr_array_new_with_free_func (kn_image_warning_free);
    kn_inspection_note (found, "os.version", "SOFTWARE\\K", "CurrentBuildNumber", "20348");
    declare (row, "os_version", "2019");
    declare (row, "os_type", "windows");
    declare (row, "os_edition", "standard"); /* an opinion about words, not about the disk */
    kn_image_inspection_contradict (row, found, warnings);
    g_assert_cmpuint (warnings->len, ==, 1);
    const KnImageWarning *warning = warnings->pdata[0];
    g_assert_cmpstr (warning->property, ==, "os_version");
    g_assert_nonnull (strstr (warning->message, "SOFTWARE\\K, CurrentBuildNumber: 20348"));
    g_assert_cmpstr (warning->suggestion, ==, "os_version=2022");
}

static void
test_elf (void)
{
    guint8 head[64] = { 0x7f, 'E', 'L', 'F', 2, 1 };
    head[18] = 62;
    g_assert_cmpstr (kn_inspect_elf_machine (head, sizeof head), ==, "x86_64");
    head[5] = 2; /* the other byte order */
    head[18] = 0;
    head[19] = 22;
    g_assert_cmpstr (kn_inspect_elf_machine (head, sizeof head), ==, "s390x");
    g_assert_null (kn_inspect_elf_machine (head, 10));
    g_assert_null (kn_inspect_elf_machine ("#!/bin/sh and more text", 23));
}

static void
test_ntfs (void)
{
    /* 512-byte sectors, 8 a cluster, table at cluster 4, records of 1 KiB */
    guint8 boot[512] = { 0 };
    memcpy (boot + 3, "NTFS    ", 8);
    boot[0x0c] = 2;
    boot[0x0d] = 8;
    boot[0x30] = 4;
    boot[0x40] = 0xf6;
    g_assert_cmpuint (kn_ntfs_volume_offset (boot, sizeof boot), ==, 4 * 4096 + 3 * 1024);
    g_assert_cmpuint (kn_ntfs_volume_offset (boot, 100), ==, 0);
    boot[0x0d] = 0;
    g_assert_cmpuint (kn_ntfs_volume_offset (boot, sizeof boot), ==, 0);

    guint8 record[KN_NTFS_RECORD] = { 'F', 'I', 'L', 'E' };
    record[0x14] = 0x38;
    record[0x38] = 0x70;
    record[0x38 + 4] = 0x28;
    record[0x38 + 0x14] = 0x18;
    g_assert_false (kn_ntfs_is_dirty (record, sizeof record));
    record[0x38 + 0x18 + 10] = 1;
    g_assert_true (kn_ntfs_is_dirty (record, sizeof record));
    record[0x38 + 4] = 0; /* an attribute without a length must not be gone round for ever */
    record[0x38] = 0x10;
    g_assert_false (kn_ntfs_is_dirty (record, sizeof record));
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/inspect/round-trip", test_round_trip);
    g_test_add_func ("/inspect/properties", test_properties);
    g_test_add_func ("/inspect/declared-stays", test_declared_stays);
    g_test_add_func ("/inspect/contradictions", test_contradictions);
    g_test_add_func ("/inspect/elf", test_elf);
    g_test_add_func ("/inspect/ntfs", test_ntfs);
    return g_test_run ();
}
