/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's write to its clock means on each base, what a domain begins with, and how that goes along. Expected offsets are
 * taken from the zones' published rules, not computed. */
#include "base/error.h"
#include "base/time.h"
#include "base/zone.h"
#include "compute/clock.h"

#define SHANGHAI_S (8 * 3600)
#define CET_S 3600
#define CEST_S 7200

static gint64
at (const char *utc)
{
    gint64 time_us = 0;

    g_assert_true (kn_time_parse (utc, &time_us));
    return time_us;
}

/* Whether the guest says something of its own. */
static void
check_source (KnClockBase declared, const char *zone, gint64 offset_s, const char *time,
              KnClockSource source)
{
    const KnClockRow row = { .declared = declared, .declared_zone = (char *)zone };

    g_assert_cmpint (kn_clock_source_of (&row, offset_s, at (time)), ==, source);
}

static void
test_source (void)
{
    const char *winter = "2026-12-01 12:00:00";
    const KnClockBase zone = KN_CLOCK_BASE_TIMEZONE, host = KN_CLOCK_BASE_LOCALTIME;

    check_source (KN_CLOCK_BASE_UTC, NULL, 299, winter, KN_CLOCK_SOURCE_REPEAT);
    check_source (KN_CLOCK_BASE_UTC, NULL, 301, winter, KN_CLOCK_SOURCE_GUEST);
    check_source (KN_CLOCK_BASE_UTC, NULL, SHANGHAI_S, winter, KN_CLOCK_SOURCE_GUEST);
    check_source (zone, "Asia/Shanghai", SHANGHAI_S + 3, winter, KN_CLOCK_SOURCE_REPEAT);
    check_source (zone, "Asia/Shanghai", 9 * 3600, winter, KN_CLOCK_SOURCE_GUEST);
    /* Before or after a change of its zone, Windows follows its own. */
    check_source (zone, "Europe/Berlin", CEST_S, winter, KN_CLOCK_SOURCE_REPEAT);
    check_source (host, "Europe/Berlin", CET_S, winter, KN_CLOCK_SOURCE_REPEAT);
    check_source (host, "Europe/Berlin", 0, winter, KN_CLOCK_SOURCE_GUEST);
    check_source (host, NULL, 0, winter, KN_CLOCK_SOURCE_GUEST);
    check_source (KN_CLOCK_BASE_NONE, NULL, 0, winter, KN_CLOCK_SOURCE_GUEST);
}

typedef struct {
    const char *name;
    KnClockBase base;
    const char *zone;
    gint64 event_s;
    const char *heard;
    bool known;
    gint64 offset_s;
} Meaning;

static const Meaning meanings[] = {
    { "utc", KN_CLOCK_BASE_UTC, NULL, -28800, "2026-11-20 12:00:00", true, -28800 },
    { "variable", KN_CLOCK_BASE_VARIABLE, NULL, SHANGHAI_S, "2026-11-20 12:00:00", true,
      SHANGHAI_S },
    { "never-noted", KN_CLOCK_BASE_NONE, NULL, 60, "2026-11-20 12:00:00", true, 60 },
    { "same-time", KN_CLOCK_BASE_TIMEZONE, "Asia/Shanghai", 0, "2026-11-20 12:00:00", true,
      SHANGHAI_S },
    { "to-utc", KN_CLOCK_BASE_TIMEZONE, "Asia/Shanghai", -SHANGHAI_S, "2026-11-20 12:00:00", true,
      0 },
    { "localtime", KN_CLOCK_BASE_LOCALTIME, "America/New_York", 0, "2026-11-20 12:00:00", true,
      -5 * 3600 },
    { "quarters", KN_CLOCK_BASE_TIMEZONE, "Asia/Kathmandu", 0, "2026-11-20 12:00:00", true, 20700 },
    { "half-hour-summer", KN_CLOCK_BASE_TIMEZONE, "Australia/Lord_Howe", 0, "2026-12-20 12:00:00",
      true, 39600 },
    { "winter", KN_CLOCK_BASE_TIMEZONE, "Europe/Berlin", 0, "2026-03-29 00:59:00", true, CET_S },
    /* Windows writes the new local time after a change: as QEMU sees it, nothing has moved. */
    { "after-spring", KN_CLOCK_BASE_TIMEZONE, "Europe/Berlin", 0, "2026-03-29 01:00:30", true,
      CEST_S },
    { "after-autumn", KN_CLOCK_BASE_TIMEZONE, "Europe/Berlin", 0, "2026-10-25 01:00:30", true,
      CET_S },
    /* Measured with QEMU 7.2: month 7 written on 20 November, TZ=Europe/Berlin, came as -10630800. */
    { "july-in-november", KN_CLOCK_BASE_LOCALTIME, "Europe/Berlin", -10630800,
      "2026-11-20 16:53:40", true, -10623600 },
    { "southern", KN_CLOCK_BASE_TIMEZONE, "Pacific/Chatham", 0, "2026-11-20 12:00:00", true,
      49500 },
    { "unknown-host", KN_CLOCK_BASE_LOCALTIME, NULL, 0, "2026-11-20 12:00:00", false, 0 },
};

static void
test_meaning (gconstpointer data)
{
    const Meaning *m = data;
    const KnClockRow row = { .base = m->base, .base_zone = (char *)m->zone };
    gint64 offset_s = 0;

    g_assert_cmpint (kn_clock_meaning (&row, m->event_s, at (m->heard), &offset_s), ==, m->known);
    g_assert_cmpint (offset_s, ==, m->offset_s);
}

static void
check_start (const char *offset, const char *zone, gint64 adjustment_s, const char *host_zone,
             const char *now, KnClockBase base, bool known, gint64 offset_s)
{
    const KnDomainClock clock = { .offset = (char *)offset,
                                  .timezone = (char *)zone,
                                  .adjustment_s = adjustment_s,
                                  .basis_utc = true };
    g_autoptr (KnClockRow) row = kn_clock_row_at_start (&clock, host_zone, at (now));

    g_assert_cmpint (row->base, ==, base);
    g_assert_cmpint (row->base_offset_known, ==, known);
    g_assert_cmpint (row->base_offset_s, ==, offset_s);
    g_assert_cmpint (row->started_us, ==, at (now));
}

static void
test_start (void)
{
    const char *summer = "2026-07-01 12:00:00", *winter = "2026-12-01 12:00:00";

    check_start (NULL, NULL, 0, "Europe/Berlin", winter, KN_CLOCK_BASE_UTC, true, 0);
    check_start ("utc", NULL, 0, "Europe/Berlin", winter, KN_CLOCK_BASE_UTC, true, 0);
    check_start ("variable", NULL, 28803, "Europe/Berlin", winter, KN_CLOCK_BASE_VARIABLE, true,
                 28803);
    check_start ("timezone", "Europe/Berlin", 0, "UTC", winter, KN_CLOCK_BASE_TIMEZONE, true,
                 CET_S);
    check_start ("timezone", "Europe/Berlin", 0, "UTC", summer, KN_CLOCK_BASE_TIMEZONE, true,
                 CEST_S);
    check_start ("localtime", NULL, 0, "Asia/Shanghai", winter, KN_CLOCK_BASE_LOCALTIME, true,
                 SHANGHAI_S);
    check_start ("localtime", NULL, 0, NULL, winter, KN_CLOCK_BASE_LOCALTIME, false, 0);
}

static KnClockRow *
new_localtime (const char *zone, gint64 offset_s)
{
    KnClockRow *row = g_new0 (KnClockRow, 1);

    row->base = KN_CLOCK_BASE_LOCALTIME;
    row->base_zone = g_strdup (zone);
    row->base_offset_known = true;
    row->base_offset_s = offset_s;
    return row;
}

static void
test_carry_to_another_zone (void)
{
    gint64 now_us = at ("2026-11-20 12:00:00");
    g_autoptr (KnClockRow) cold = new_localtime ("Asia/Shanghai", SHANGHAI_S);
    g_autoptr (KnClockRow) live = new_localtime ("Asia/Shanghai", SHANGHAI_S);
    gint64 meant_s = 0;

    g_assert_true (kn_clock_carry (cold, &(KnClockMove){ .to_zone = "Europe/Berlin" }, now_us));
    g_assert_true (cold->has_offset);
    g_assert_cmpint (cold->offset_s, ==, SHANGHAI_S);
    g_assert_cmpint (cold->source, ==, KN_CLOCK_SOURCE_MOVE);
    g_assert_cmpint (cold->since_us, ==, now_us);
    g_assert_cmpstr (cold->base_zone, ==, "Asia/Shanghai");

    /* Still running: it keeps what it reads, and what it writes is read with the new host's zone. */
    g_assert_true (
        kn_clock_carry (live, &(KnClockMove){ .to_zone = "Europe/Berlin", .live = true }, now_us));
    g_assert_cmpint (live->offset_s, ==, SHANGHAI_S);
    g_assert_cmpint (live->base_offset_s, ==, SHANGHAI_S);
    g_assert_cmpstr (live->base_zone, ==, "Europe/Berlin");
    g_assert_true (kn_clock_meaning (live, SHANGHAI_S - CET_S, now_us, &meant_s));
    g_assert_cmpint (meant_s, ==, SHANGHAI_S);
}

static void
test_carry_changes_nothing (void)
{
    gint64 now_us = at ("2026-11-20 12:00:00");
    g_autoptr (KnClockRow) same = new_localtime ("Asia/Shanghai", SHANGHAI_S);
    g_autoptr (KnClockRow) written = new_localtime ("Asia/Shanghai", SHANGHAI_S);
    KnClockRow utc = { .base = KN_CLOCK_BASE_UTC, .base_offset_known = true };
    KnClockRow variable
        = { .base = KN_CLOCK_BASE_VARIABLE, .has_offset = true, .offset_s = SHANGHAI_S };

    /* Another name, the same time. */
    g_assert_false (kn_clock_carry (same, &(KnClockMove){ .to_zone = "Asia/Singapore" }, now_us));
    g_assert_false (same->has_offset);
    written->has_offset = true;
    written->offset_s = 3600;
    g_assert_false (kn_clock_carry (written, &(KnClockMove){ .to_zone = "UTC" }, now_us));
    g_assert_cmpint (written->offset_s, ==, 3600);
    g_assert_false (kn_clock_carry (&utc, &(KnClockMove){ .to_zone = "Asia/Tokyo" }, now_us));
    g_assert_false (kn_clock_carry (&variable, &(KnClockMove){ .to_zone = "Asia/Tokyo" }, now_us));
    g_assert_cmpint (variable.offset_s, ==, SHANGHAI_S);
}

static void
test_now (void)
{
    KnClockRow row = { 0 };
    gint64 offset_s = 7;

    g_assert_false (kn_clock_row_now (&row, &offset_s));
    row = (KnClockRow){ .base_offset_known = true, .base_offset_s = 28800, .started_us = 10 };
    g_assert_true (kn_clock_row_now (&row, &offset_s));
    g_assert_cmpint (offset_s, ==, 28800);
    row.has_offset = true;
    row.offset_s = 28803;
    row.written_us = 20;
    g_assert_true (kn_clock_row_now (&row, &offset_s));
    g_assert_cmpint (offset_s, ==, 28803);
    row.started_us = 30; /* snapped at its next start */
    g_assert_true (kn_clock_row_now (&row, &offset_s));
    g_assert_cmpint (offset_s, ==, 28800);
}

static void
check_around (const char *zone, const char *time, gint64 now_s, gint64 other_s)
{
    gint64 offsets_s[2] = { 1, 1 };

    g_assert_true (kn_zone_offsets_around (zone, at (time), offsets_s));
    g_assert_cmpint (offsets_s[0], ==, now_s);
    g_assert_cmpint (offsets_s[1], ==, other_s);
}

static void
test_zones (void)
{
    gint64 offset_s = 0;
    g_auto (GStrv) names = kn_zone_list ();

    check_around ("Europe/Berlin", "2026-01-15 00:00:00", CET_S, CEST_S);
    check_around ("Europe/Berlin", "2026-07-15 00:00:00", CEST_S, CET_S);
    check_around ("Asia/Shanghai", "2026-07-15 00:00:00", SHANGHAI_S, SHANGHAI_S);
    check_around ("Pacific/Chatham", "2026-01-15 00:00:00", 49500, 45900);
    /* A rule that changed: Jordan has had no winter time since 2022. */
    check_around ("Asia/Amman", "2022-12-01 00:00:00", 3 * 3600, 2 * 3600);
    check_around ("Asia/Amman", "2026-12-01 00:00:00", 3 * 3600, 3 * 3600);
    g_assert_true (kn_zone_offset_at ("America/New_York", at ("2026-03-08 06:59:59"), &offset_s));
    g_assert_cmpint (offset_s, ==, -5 * 3600);
    g_assert_true (kn_zone_offset_at ("America/New_York", at ("2026-03-08 07:00:00"), &offset_s));
    g_assert_cmpint (offset_s, ==, -4 * 3600);
    g_assert_true (kn_zone_offset_at ("Europe/Berlin", at ("1969-12-31 23:59:59"), &offset_s));
    g_assert_cmpint (offset_s, ==, CET_S);
    g_assert_false (kn_zone_offset_at ("Europe/Bremen", 0, &offset_s));
    g_assert_true (g_strv_contains ((const char *const *)names, "Europe/Berlin"));
    g_assert_true (g_strv_contains ((const char *const *)names, "Asia/Calcutta"));
}

static void
test_hear (void)
{
    KnClockNews *news = kn_clock_news_new ();

    g_assert_true (kn_clock_news_hear (news, "a", 5));
    g_assert_false (kn_clock_news_hear (news, "a", 6));
    g_assert_true (kn_clock_news_hear (news, "b", 7));
    kn_clock_news_free (news);
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS (meanings); i++) {
        g_autofree char *path = g_strconcat ("/clock/meaning/", meanings[i].name, NULL);

        g_test_add_data_func (path, &meanings[i], test_meaning);
    }
    g_test_add_func ("/clock/source", test_source);
    g_test_add_func ("/clock/start", test_start);
    g_test_add_func ("/clock/carry/zone", test_carry_to_another_zone);
    g_test_add_func ("/clock/carry/nothing", test_carry_changes_nothing);
    g_test_add_func ("/clock/now", test_now);
    g_test_add_func ("/clock/zones", test_zones);
    g_test_add_func ("/clock/hear", test_hear);
    return g_test_run ();
}
