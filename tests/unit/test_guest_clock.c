/* SPDX-License-Identifier: Apache-2.0 */
/* Which clock a guest gets, and why: who said what, and what the guest itself has set. */
#include "base/error.h"
#include "base/util.h"
#include "base/zone.h"
#include "guest/clock.h"
#include "guest/plan.h"
#include "guest/registry.h"

#include <string.h>

#define AT 1795193620000000 /* 2026-11-20 16:53:40 UTC */

typedef struct {
    const char *name;
    const char *os_type, *image_policy, *image_zone, *flavor_policy, *flavor_zone, *server_policy,
        *server_zone, *default_policy, *default_zone;
    const char *host_zone, *profile;
    bool wrote;
    gint64 offset_s;
    const char *set_by, *declared, *declared_zone;

    const char *offset, *timezone, *adjustment, *rule, *source; /* expected; source NULL: any */
    bool warning;
    const char *policy; /* in force */
} Case;

#define WINDOWS .os_type = "windows"
#define REPEATED(N, BY) .wrote = true, .offset_s = N, .set_by = "repeat", .declared = BY
#define GUEST(N) .offset = "variable", .adjustment = N, .rule = "clock.guest", .policy = "guest"

static const Case cases[] = {
    { "linux", .os_type = "linux", .offset = "utc", .rule = "clock.utc", .policy = "utc" },
    { "linux-in-capitals", .os_type = "Linux", .offset = "utc", .rule = "clock.utc",
      .policy = "utc" },
    { "linux-wrote", .os_type = "linux", .wrote = true, .offset_s = 28800, .offset = "utc",
      .rule = "clock.utc", .policy = "utc" },
    { "undeclared", .offset = "utc", .rule = "clock.undeclared", .policy = "utc" },
    { "windows", WINDOWS, .offset = "localtime", .rule = "clock.windows-localtime",
      .policy = "localtime" },
    { "windows-utc-host", WINDOWS, .host_zone = "Etc/UTC", .offset = "localtime",
      .rule = "clock.windows-localtime-utc-host", .warning = true, .policy = "localtime" },

    /* who says the zone: server, image, flavor, project or cloud */
    { "zone-server", WINDOWS, .server_zone = "Asia/Tokyo", .image_zone = "Asia/Shanghai",
      .flavor_zone = "Europe/Berlin", .default_zone = "UTC", .offset = "timezone",
      .timezone = "Asia/Tokyo", .rule = "clock.windows-timezone", .source = "server os_timezone",
      .policy = "timezone" },
    { "zone-image", WINDOWS, .image_zone = "Asia/Shanghai", .flavor_zone = "Europe/Berlin",
      .default_zone = "UTC", .offset = "timezone", .timezone = "Asia/Shanghai",
      .rule = "clock.windows-timezone", .source = "image os_timezone", .policy = "timezone" },
    { "zone-flavor", WINDOWS, .flavor_zone = "Europe/Berlin", .default_zone = "UTC",
      .offset = "timezone", .timezone = "Europe/Berlin", .rule = "clock.windows-timezone",
      .source = "flavor os:timezone", .policy = "timezone" },
    { "zone-default", WINDOWS, .default_zone = "Asia/Kathmandu", .offset = "timezone",
      .timezone = "Asia/Kathmandu", .rule = "clock.windows-timezone",
      .source = "project os_timezone", .policy = "timezone" },
    { "zone-of-windows", WINDOWS, .image_zone = "china standard time", .offset = "timezone",
      .timezone = "Asia/Shanghai", .rule = "clock.windows-timezone", .policy = "timezone" },
    { "zone-of-linux", .os_type = "linux", .default_zone = "Asia/Tokyo", .offset = "utc",
      .rule = "clock.utc", .policy = "utc" },

    /* what the guest said wins over what we guess */
    { "wrote", WINDOWS, .image_zone = "Asia/Tokyo", .wrote = true, .offset_s = 28800,
      GUEST ("28800"), .source = "RTC of the guest" },
    { "wrote-localtime", WINDOWS, .wrote = true, .offset_s = -18000, GUEST ("-18000") },
    { "drifted", WINDOWS, .wrote = true, .offset_s = 28803, GUEST ("28800") },
    { "drifted-kathmandu", WINDOWS, .wrote = true, .offset_s = 20690, GUEST ("20700") },
    { "too-far-to-be-drift", WINDOWS, .wrote = true, .offset_s = 28800 + 301, GUEST ("29101") },
    { "from-image", WINDOWS, .wrote = true, .offset_s = 3600, .set_by = "image", GUEST ("3600"),
      .source = "image os_rtc_offset" },
    { "by-user", WINDOWS, .wrote = true, .offset_s = 3600, .set_by = "user", GUEST ("3600"),
      .source = "server os_rtc_offset" },
    { "after-move", WINDOWS, .wrote = true, .offset_s = 3600, .set_by = "move", GUEST ("3600"),
      .source = "RTC on the host before" },

    /* writing back what it was given is nothing new: a declaration that is mended wins */
    { "repeated", WINDOWS, .image_zone = "Europe/Berlin", REPEATED (3600, "timezone"),
      .declared_zone = "Europe/Berlin", GUEST ("3600"), .source = "RTC of the guest" },
    { "repeated-localtime", WINDOWS, REPEATED (3600, "localtime"), GUEST ("3600") },
    { "was-undeclared", WINDOWS, REPEATED (0, "utc"), .offset = "localtime",
      .rule = "clock.windows-localtime", .policy = "localtime" },
    { "was-undeclared-zone", WINDOWS, .image_zone = "Asia/Shanghai", REPEATED (0, "utc"),
      .offset = "timezone", .timezone = "Asia/Shanghai", .rule = "clock.windows-timezone",
      .policy = "timezone" },
    { "was-without-zone", WINDOWS, .server_zone = "Asia/Shanghai", REPEATED (0, "localtime"),
      .offset = "timezone", .timezone = "Asia/Shanghai", .rule = "clock.windows-timezone",
      .policy = "timezone" },
    { "was-in-another-zone", WINDOWS, .server_zone = "Asia/Shanghai", REPEATED (32400, "timezone"),
      .declared_zone = "Asia/Tokyo", .offset = "timezone", .timezone = "Asia/Shanghai",
      .rule = "clock.windows-timezone", .policy = "timezone" },
    { "zone-was-taken-away", WINDOWS, REPEATED (32400, "timezone"), .declared_zone = "Asia/Tokyo",
      .offset = "localtime", .rule = "clock.windows-localtime", .policy = "localtime" },
    { "own-although-undeclared", WINDOWS, .wrote = true, .offset_s = 28800, .set_by = "guest",
      .declared = "utc", GUEST ("28800") },
    { "repeated-explicit", WINDOWS, .server_policy = "guest", REPEATED (7, "utc"), GUEST ("7") },

    /* explicit policies */
    { "guest", .os_type = "linux", .image_policy = "guest", .wrote = true, .offset_s = 28803,
      GUEST ("28803") },
    { "guest-waits", .os_type = "linux", .image_policy = "guest", .offset = "variable",
      .adjustment = "0", .rule = "clock.guest-waits", .policy = "guest" },
    { "guest-waits-with-zone", .os_type = "linux", .image_policy = "guest",
      .image_zone = "Asia/Tokyo", .offset = "timezone", .timezone = "Asia/Tokyo",
      .rule = "clock.windows-timezone", .policy = "timezone" },
    { "guest-windows-waits", WINDOWS, .server_policy = "guest", .offset = "localtime",
      .rule = "clock.windows-localtime", .policy = "localtime" },
    { "utc", .os_type = "linux", .image_policy = "utc", .offset = "utc", .rule = "clock.policy",
      .source = "image os_clock_policy", .policy = "utc" },
    { "utc-windows", WINDOWS, .server_policy = "utc", .wrote = true, .offset_s = 28800,
      .offset = "utc", .rule = "clock.windows-utc", .warning = true, .policy = "utc" },
    { "localtime-linux", .os_type = "linux", .flavor_policy = "localtime", .offset = "localtime",
      .rule = "clock.policy", .source = "flavor os:clock_policy", .policy = "localtime" },
    { "localtime-although-it-wrote", WINDOWS, .image_policy = "localtime", .wrote = true,
      .offset_s = 28800, .offset = "localtime", .rule = "clock.policy", .policy = "localtime" },
    { "timezone-although-it-wrote", WINDOWS, .image_policy = "timezone",
      .image_zone = "Europe/Berlin", .wrote = true, .offset_s = 28800, .offset = "timezone",
      .timezone = "Europe/Berlin", .rule = "clock.timezone", .policy = "timezone" },
    { "auto-on-server-beats-image", WINDOWS, .server_policy = "auto", .image_policy = "utc",
      .offset = "localtime", .rule = "clock.windows-localtime", .policy = "localtime" },
    { "image-beats-flavor", WINDOWS, .image_policy = "localtime", .flavor_policy = "utc",
      .offset = "localtime", .rule = "clock.policy", .policy = "localtime" },

    /* defaults are for Windows */
    { "default-utc", WINDOWS, .default_policy = "utc", .offset = "utc", .rule = "clock.windows-utc",
      .source = "project os_clock_policy", .warning = true, .policy = "utc" },
    { "default-is-not-for-linux", .os_type = "linux", .default_policy = "localtime",
      .offset = "utc", .rule = "clock.utc", .policy = "utc" },
    { "default-guest-keeps-drift", WINDOWS, .default_policy = "guest", .wrote = true,
      .offset_s = 28803, GUEST ("28803") },
    { "default-timezone-without-zone", WINDOWS, .default_policy = "timezone", .offset = "localtime",
      .rule = "clock.windows-localtime", .policy = "localtime" },
    { "image-beats-default", WINDOWS, .image_policy = "auto", .default_policy = "utc",
      .offset = "localtime", .rule = "clock.windows-localtime", .policy = "localtime" },

    /* Nova's profile knows nothing of all this */
    { "nova-windows", WINDOWS, .profile = "nova-26", .image_zone = "Asia/Tokyo",
      .server_policy = "utc", .wrote = true, .offset_s = 28800, .default_zone = "UTC",
      .offset = "localtime", .rule = "clock.windows-localtime", .policy = "localtime" },
    { "nova-linux", .os_type = "linux", .profile = "nova-26", .image_policy = "guest",
      .wrote = true, .offset_s = 28800, .offset = "utc", .rule = "clock.utc", .policy = "utc" },
};

static GHashTable *
new_table (const char *policy_key, const char *policy, const char *zone_key, const char *zone)
{
    GHashTable *table = g_hash_table_new (g_str_hash, g_str_equal);

    if (policy)
        g_hash_table_insert (table, (gpointer)policy_key, (gpointer)policy);
    if (zone)
        g_hash_table_insert (table, (gpointer)zone_key, (gpointer)zone);
    return table;
}

static void
check_value (const KnGuestPlan *plan, const char *path, const char *value)
{
    const KnGuestDecision *decision = kn_guest_plan_find (plan, path);

    g_assert_cmpstr (decision ? decision->value : NULL, ==, value);
}

static void
test_case (gconstpointer data)
{
    const Case *c = data;
    g_autoptr (GError) error = NULL;
    g_autoptr (GHashTable) image
        = new_table ("os_clock_policy", c->image_policy, "os_timezone", c->image_zone);
    g_autoptr (GHashTable) flavor
        = new_table ("os:clock_policy", c->flavor_policy, "os:timezone", c->flavor_zone);
    g_autoptr (GHashTable) server
        = new_table ("os_clock_policy", c->server_policy, "os_timezone", c->server_zone);
    const KnGuestFacts facts = {
        .uuid = "7a1bd6f2-0ee5-4bd5-a6b4-40d8d0ed4d0f",
        .os_type = c->os_type,
        .image_properties = image,
        .extra_specs = flavor,
        .server_properties = server,
        .vcpus = 1,
        .memory_mib = 512,
        .host = { .arch = "x86_64", .virt_type = "qemu", .zone = c->host_zone },
        .has_rtc_offset = c->wrote,
        .rtc_offset_s = c->offset_s,
        .rtc_since_us = AT,
        .rtc_set_by = c->set_by,
        .rtc_declared = c->declared,
        .rtc_declared_zone = c->declared_zone,
        .clock_defaults
        = { c->default_policy, "project os_clock_policy", c->default_zone, "project os_timezone" },
        .profile = c->profile,
    };
    g_autoptr (KnGuestPlan) plan = kn_guest_plan_new (&facts, &error);
    g_auto (KnGuestClock) clock = { 0 };
    const KnGuestDecision *offset;

    g_assert_no_error (error);
    offset = kn_guest_plan_find (plan, "clock/@offset");
    g_assert_cmpstr (offset->value, ==, c->offset);
    g_assert_cmpstr (offset->rule, ==, c->rule);
    g_assert_cmpint (offset->warning, ==, c->warning);
    if (c->source)
        g_assert_cmpstr (offset->source, ==, c->source);
    g_assert_cmpuint (strlen (offset->reason), >, 10);
    check_value (plan, "clock/@timezone", c->timezone);
    check_value (plan, "clock/@adjustment", c->adjustment);
    check_value (plan, "clock/@basis", c->adjustment ? "utc" : NULL);

    g_assert_true (kn_guest_clock_choose (&facts, &clock, &error));
    g_assert_cmpstr (clock.policy, ==, c->policy);
    if (c->timezone)
        g_assert_cmpstr (clock.zone, ==, c->timezone);
}

static void
test_reason (void)
{
    g_autoptr (GError) error = NULL;
    const KnGuestFacts facts = {
        .uuid = "7a1bd6f2-0ee5-4bd5-a6b4-40d8d0ed4d0f",
        .os_type = "windows",
        .vcpus = 1,
        .memory_mib = 512,
        .host = { .arch = "x86_64", .virt_type = "qemu" },
        .has_rtc_offset = true,
        .rtc_offset_s = 28803,
        .rtc_since_us = AT,
    };
    g_autoptr (KnGuestPlan) plan = kn_guest_plan_new (&facts, &error);

    g_assert_no_error (error);
    g_assert_cmpstr (kn_guest_plan_find (plan, "clock/@offset")->reason, ==,
                     "The guest has set its hardware clock to UTC+08:00:03 (since 2026-11-20 "
                     "16:53:40 UTC); 3 s of that are drift and are left out.");
}

static void
test_timezone_without_zone (void)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (GHashTable) image = new_table ("os_clock_policy", "timezone", NULL, NULL);
    const KnGuestFacts facts = { .os_type = "windows", .image_properties = image };
    g_auto (KnGuestClock) clock = { 0 };

    g_assert_false (kn_guest_clock_choose (&facts, &clock, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
}

static void
test_snap (void)
{
    /* The zone's own offsets come first: Lord Howe's are half an hour apart, and a made-up one lies beside a quarter. */
    const gint64 lord_howe[] = { 37800, 39600 }, odd[] = { 28800 + 240, 28800 };

    g_assert_cmpint (kn_guest_clock_snap (37790, lord_howe, 2), ==, 37800);
    g_assert_cmpint (kn_guest_clock_snap (39899, lord_howe, 2), ==, 39600);
    g_assert_cmpint (kn_guest_clock_snap (28800 + 200, odd, 1), ==, 28800 + 240);
    g_assert_cmpint (kn_guest_clock_snap (28800 + 10, odd, 2), ==, 28800);
    g_assert_cmpint (kn_guest_clock_snap (0, NULL, 0), ==, 0);
    g_assert_cmpint (kn_guest_clock_snap (300, NULL, 0), ==, 0);
    g_assert_cmpint (kn_guest_clock_snap (301, NULL, 0), ==, 301);
    g_assert_cmpint (kn_guest_clock_snap (599, NULL, 0), ==, 599);
    g_assert_cmpint (kn_guest_clock_snap (600, NULL, 0), ==, 900);
    g_assert_cmpint (kn_guest_clock_snap (-300, NULL, 0), ==, 0);
    g_assert_cmpint (kn_guest_clock_snap (-301, NULL, 0), ==, -301);
    g_assert_cmpint (kn_guest_clock_snap (-34205, NULL, 0), ==, -34200);
    /* A guest years off owns its clock all the same. */
    g_assert_cmpint (kn_guest_clock_snap (-3155760005, NULL, 0), ==, -3155760000);
}

static void
check_format (gint64 offset_s, const char *text)
{
    g_autofree char *said = kn_guest_clock_format_offset (offset_s);

    g_assert_cmpstr (said, ==, text);
}

static void
test_format (void)
{
    check_format (0, "UTC+00:00");
    check_format (20700, "UTC+05:45");
    check_format (-34205, "UTC-09:30:05");
}

static void
check_suggestion (const char *wrong, const char *meant)
{
    g_auto (GStrv) known = kn_zone_list ();

    g_assert_cmpstr (kn_zone_suggest (wrong, (const char *const *)known), ==, meant);
}

static void
test_names (void)
{
    gsize n;
    const KnWindowsZone *rows = kn_windows_zones (&n);

    g_assert_cmpuint (n, >, 130);
    for (gsize i = 0; i < n; i++) {
        if (i > 0)
            g_assert_cmpint (g_ascii_strcasecmp (rows[i - 1].name, rows[i].name), <, 0);
        g_assert_cmpstr (kn_windows_zone_find (rows[i].name), ==, rows[i].iana);
        g_assert_true (kn_zone_check (rows[i].iana, NULL));
    }
    /* From Microsoft's table of default zones. */
    g_assert_cmpstr (kn_zone_iana ("W. Europe Standard Time"), ==, "Europe/Berlin");
    g_assert_cmpstr (kn_zone_iana ("pacific standard time"), ==, "America/Los_Angeles");
    g_assert_cmpstr (kn_zone_iana ("Nepal Standard Time"), ==, "Asia/Kathmandu");
    g_assert_cmpstr (kn_zone_iana ("Europe/Paris"), ==, "Europe/Paris");

    check_suggestion ("asia/shanghai", "Asia/Shanghai");
    check_suggestion ("Shanghai", "Asia/Shanghai");
    check_suggestion ("Asia/Beijing", "Asia/Shanghai");
    check_suggestion ("America/New York", "America/New_York");
    check_suggestion ("Europe/Berlni", "Europe/Berlin");
    check_suggestion ("China Standart Time", "China Standard Time");
    check_suggestion ("Mars/Olympus_Mons", NULL);
    /* tzdata, file etcetera: the sign of these is POSIX's, positive to the west. */
    check_suggestion ("GMT+8", "Etc/GMT-8");
    check_suggestion ("utc-5", "Etc/GMT+5");
    check_suggestion ("+08:00", "Etc/GMT-8");
    check_suggestion ("etc/gmt+8", "Etc/GMT+8");
    check_suggestion ("UTC+05:30", NULL);
    check_suggestion ("UTC+15", NULL);
}

static void
test_check (void)
{
    static const char *const wrong[]
        = { "asia/shanghai", "posix/Europe/Berlin", "right/UTC",  "UTC+3",
            "+08:00",        "../etc/passwd",       "tzdata.zi",  "",
            "Europe",        "localtime",           "posixrules", "Factory" };
    g_autoptr (GError) error = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++) {
        g_test_message ("%s", wrong[i]);
        g_assert_false (kn_zone_check (wrong[i], NULL));
    }
    g_assert_false (kn_zone_check ("asia/shanghai", &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
    g_assert_nonnull (strstr (kn_error_sentence (error), "did you mean Asia/Shanghai"));
    g_clear_error (&error);
    g_assert_false (kn_zone_check ("GMT+8", &error));
    g_assert_nonnull (
        strstr (kn_error_sentence (error), "did you mean Etc/GMT-8 (these count west"));
    g_assert_true (kn_zone_check ("Etc/GMT+12", NULL));
    g_assert_true (kn_zone_check ("EST5EDT", NULL));
    g_assert_true (kn_zone_check ("America/Argentina/Buenos_Aires", NULL));
    g_assert_true (kn_zone_check ("Asia/Calcutta", NULL));
    g_assert_true (kn_guest_property_allows (kn_guest_property_find ("os_timezone"),
                                             "China Standard Time", NULL));
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autofree char *path = g_strconcat ("/guest-clock/policy/", cases[i].name, NULL);

        g_test_add_data_func (path, &cases[i], test_case);
    }
    g_test_add_func ("/guest-clock/reason", test_reason);
    g_test_add_func ("/guest-clock/timezone-without-zone", test_timezone_without_zone);
    g_test_add_func ("/guest-clock/snap", test_snap);
    g_test_add_func ("/guest-clock/format", test_format);
    g_test_add_func ("/guest-clock/names", test_names);
    g_test_add_func ("/guest-clock/check", test_check);
    return g_test_run ();
}
