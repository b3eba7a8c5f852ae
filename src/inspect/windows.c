/* SPDX-License-Identifier: Apache-2.0 */
/* Windows: what its registry says of product, clock, drivers and services. Keys as Windows itself writes them; where each
 * stands is noted as evidence. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "base/zone.h"
#include "guest/os.h"

#include "inspect/inspect_priv.h"

#define CONFIG_FOLDER "/windows/system32/config/"
#define DRIVERS_FOLDER "/windows/system32/drivers/"
#define CURRENT_VERSION "Microsoft\\Windows NT\\CurrentVersion"
#define MAX_HIVE ((gint64)(512 * MIB)) /* SOFTWARE of an old machine has some 150 MB */
#define START_BOOT 0
#define START_DISABLED 4

/* virtio-win's services. */
static const struct {
    const char *service;
    bool storage, network;
} drivers[] = {
    { "viostor", true, false },  { "vioscsi", true, false }, { "netkvm", false, true },
    { "balloon", false, false }, { "vioser", false, false }, { "viorng", false, false },
};

typedef struct {
    KnGuestfs *fs;
    KnInspection *found;
    const char *hive; /* "SYSTEM", for evidence */
    char *control_set;
} Reader;

/* ---- values ---- */

static void
note (const Reader *r, const char *fact, const char *key, const char *name, const char *value)
{
    g_autofree char *source = g_strdup_printf ("%s\\%s", r->hive, key);
    kn_inspection_note (r->found, fact, source, name, value);
}

/* REG_SZ is UTF-16; NULL: not there. */
static char *
read_text (const Reader *r, const char *key, const char *name)
{
    gsize len = 0;
    g_autofree char *bytes = kn_guestfs_hive_value (r->fs, key, name, &len);
    if (!bytes || len < 2)
        return NULL;
    char *text
        = g_convert (bytes, (gssize)(len & ~(gsize)1), "UTF-8", "UTF-16LE", NULL, NULL, NULL);
    return text ? g_strstrip (text) : NULL; /* ends at the first NUL */
}

/* REG_DWORD, or REG_QWORD as some write it by hand. */
static bool
read_number (const Reader *r, const char *key, const char *name, gint64 *out_value)
{
    gsize len = 0;
    g_autofree char *bytes = kn_guestfs_hive_value (r->fs, key, name, &len);
    guint64 value = 0;
    if (!bytes || (len != 4 && len != 8))
        return false;
    for (gsize i = len; i-- > 0;)
        value = value << 8 | (guint8)bytes[i];
    *out_value = len == 4 ? (gint32)(guint32)value : (gint64)value;
    return true;
}

static char *
take_text (const Reader *r, const char *fact, const char *key, const char *name)
{
    char *text = read_text (r, key, name);
    if (text)
        note (r, fact, key, name, text);
    return text;
}

static bool
take_number (const Reader *r, const char *fact, const char *key, const char *name,
             gint64 *out_value)
{
    if (!read_number (r, key, name, out_value))
        return false;
    g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, *out_value);
    note (r, fact, key, name, text);
    return true;
}

static bool
open_hive (Reader *r, const char *name)
{
    g_autofree char *path = g_strconcat (CONFIG_FOLDER, name, NULL);
    g_autofree char *real = kn_guestfs_find (r->fs, path);
    gint64 size = real ? kn_guestfs_size (r->fs, real) : -1;
    r->hive = name;
    return size > 0 && size <= MAX_HIVE && kn_guestfs_open_hive (r->fs, real);
}

/* ---- product ---- */

static void
take_build (Reader *r)
{
    g_autofree char *text = take_text (r, "os.build", CURRENT_VERSION, "CurrentBuildNumber");
    if (!text)
        text = take_text (r, "os.build", CURRENT_VERSION, "CurrentBuild");
    gint64 build;
    if (text && kn_parse_int (text, 0, G_MAXUINT, &build))
        r->found->build = (guint)build;
}

/* The build knows better than the name: Windows 11 calls itself 10, and only InstallationType tells 10 from 2016. */
static void
take_version (Reader *r)
{
    KnInspection *found = r->found;
    g_autofree char *kind = take_text (r, "os.kind", CURRENT_VERSION, "InstallationType");
    g_autofree char *rest = NULL;
    const KnOs *named = found->product ? kn_os_find_product (found->product, &rest) : NULL;
    bool server = kind ? g_ascii_strncasecmp (kind, "Server", 6) == 0 : named && named->server;
    const KnOs *os = found->build ? kn_os_find_build (found->build, server) : NULL;
    if (!os)
        os = named;
    if (!os)
        return;
    found->version = g_strdup (os->name);
    const char *said = found->build ? "CurrentBuildNumber" : "ProductName";
    note (r, "os.version", CURRENT_VERSION, said, os->title);

    g_autofree char *id = take_text (r, "os.edition", CURRENT_VERSION, "EditionID");
    const KnOsEdition *edition = kn_os_find_edition (os, id);
    if (!edition && rest) {
        edition = kn_os_find_edition (os, rest);
        if (edition)
            note (r, "os.edition", CURRENT_VERSION, "ProductName", found->product);
    }
    if (edition)
        found->edition = g_strdup (edition->title);
}

static bool
read_software (Reader *r)
{
    if (!open_hive (r, "SOFTWARE"))
        return false;
    r->found->product = take_text (r, "os.product", CURRENT_VERSION, "ProductName");
    take_build (r);
    take_version (r);
    kn_guestfs_close_hive (r->fs);
    return r->found->product || r->found->build;
}

/* ---- clock, drivers, services ---- */

static void
choose_control_set (Reader *r)
{
    gint64 current = 1;
    (void)read_number (r, "Select", "Current", &current);
    r->control_set = g_strdup_printf ("ControlSet%03d", (int)CLAMP (current, 1, 999));
}

static char *
key_below (const Reader *r, const char *rest)
{
    return g_strdup_printf ("%s\\%s", r->control_set, rest);
}

static void
read_clock (Reader *r)
{
    KnInspection *found = r->found;
    g_autofree char *key = key_below (r, "Control\\TimeZoneInformation");
    gint64 number = 0;
    found->has_universal = take_number (r, "clock.universal", key, "RealTimeIsUniversal", &number);
    found->universal = number != 0;
    found->has_bias = take_number (r, "clock.bias", key, "ActiveTimeBias", &number);
    found->bias_minutes = (int)CLAMP (number, -24 * 60, 24 * 60);

    found->windows_zone = take_text (r, "clock.timezone", key, "TimeZoneKeyName");
    if (!found->windows_zone || !*found->windows_zone) {
        g_free (found->windows_zone);
        found->windows_zone = take_text (r, "clock.timezone", key, "StandardName");
    }
    const char *zone = found->windows_zone ? kn_windows_zone_find (found->windows_zone) : NULL;
    found->zone = g_strdup (zone);
}

static void
read_driver (Reader *r, gsize i)
{
    g_autofree char *below = g_strconcat ("Services\\", drivers[i].service, NULL);
    g_autofree char *key = key_below (r, below);
    g_autofree char *file = g_strconcat (DRIVERS_FOLDER, drivers[i].service, ".sys", NULL);
    gint64 start = -1;
    if (!kn_guestfs_hive_has (r->fs, key))
        return;
    bool there = kn_guestfs_has_file (r->fs, file);
    (void)take_number (r, "drivers", key, "Start", &start);
    kn_inspection_add_driver (r->found, drivers[i].service, (int)start, there);
    if (drivers[i].storage && there && start == START_BOOT)
        r->found->storage = KN_FOUND_YES;
    if (drivers[i].network && there && start >= 0 && start < START_DISABLED)
        r->found->network = KN_FOUND_YES;
}

static KnFound
read_service (Reader *r, const char *fact, const char *service)
{
    g_autofree char *below = g_strconcat ("Services\\", service, NULL);
    g_autofree char *key = key_below (r, below);
    gint64 start;
    if (!kn_guestfs_hive_has (r->fs, key))
        return KN_FOUND_NO;
    return take_number (r, fact, key, "Start", &start) && start == START_DISABLED ? KN_FOUND_NO
                                                                                  : KN_FOUND_YES;
}

static void
read_architecture (Reader *r)
{
    static const struct {
        const char *said, *arch;
    } names[] = { { "AMD64", "x86_64" }, { "x86", "i686" }, { "ARM64", "aarch64" } };
    g_autofree char *key = key_below (r, "Control\\Session Manager\\Environment");
    g_autofree char *said = take_text (r, "os.architecture", key, "PROCESSOR_ARCHITECTURE");
    for (gsize i = 0; said && i < G_N_ELEMENTS (names); i++)
        if (g_ascii_strcasecmp (names[i].said, said) == 0)
            r->found->arch = g_strdup (names[i].arch);
}

static void
read_system (Reader *r)
{
    if (!open_hive (r, "SYSTEM"))
        return;
    choose_control_set (r);
    read_clock (r);
    r->found->storage = r->found->network = KN_FOUND_NO;
    for (gsize i = 0; i < G_N_ELEMENTS (drivers); i++)
        read_driver (r, i);
    r->found->agent = read_service (r, "agent", "QEMU-GA");
    r->found->cloud_init = read_service (r, "cloud_init", "cloudbase-init");
    read_architecture (r);
    kn_guestfs_close_hive (r->fs);
    g_clear_pointer (&r->control_set, g_free);
}

/* ---- the file system itself ---- */

/* hiberfil.sys begins with HIBR (or WAKE, while it is being read) where a session sleeps in it. */
static void
read_hibernation (KnGuestfs *fs, KnInspection *found)
{
    g_autofree char *path = kn_guestfs_find (fs, "/hiberfil.sys");
    gsize len = 0;
    g_autofree char *head = path ? kn_guestfs_read (fs, path, 4, &len) : NULL;
    found->hibernated = head && len == 4
                        && (g_ascii_strncasecmp (head, "HIBR", 4) == 0
                            || g_ascii_strncasecmp (head, "RSTR", 4) == 0);
    if (found->hibernated)
        kn_inspection_note (found, "hibernated", "hiberfil.sys", "signature", head);
}

static void
read_dirty (KnGuestfs *fs, const char *device, KnInspection *found)
{
    gsize len = 0;
    g_autofree char *boot = kn_guestfs_read_device (fs, device, 0, 512, &len);
    guint64 at = boot ? kn_ntfs_volume_offset (boot, len) : 0;
    g_autofree char *record
        = at ? kn_guestfs_read_device (fs, device, at, KN_NTFS_RECORD, &len) : NULL;
    found->dirty = record && kn_ntfs_is_dirty (record, len);
    if (found->dirty)
        kn_inspection_note (found, "dirty", device, "$VOLUME_INFORMATION", "dirty");
}

bool
kn_inspect_windows (KnGuestfs *fs, const char *device, KnInspection *found)
{
    g_autofree char *software = kn_guestfs_find (fs, CONFIG_FOLDER "software");
    Reader r = { .fs = fs, .found = found };
    if (!software || !read_software (&r))
        return false;
    found->family = g_strdup ("windows");
    found->distro = g_strdup ("windows");
    note (&r, "os.family", CURRENT_VERSION, "ProductName", found->product);
    read_system (&r);
    read_hibernation (fs, found);
    read_dirty (fs, device, found);
    return true;
}
