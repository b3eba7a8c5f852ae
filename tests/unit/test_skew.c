/* SPDX-License-Identifier: Apache-2.0 */
/* Skews: arithmetic, verdicts, words, what is stored of them, and rounds over guests that answer, hang or lie. */
#include "base/error.h"
#include "base/time.h"
#include "compute/skew_metrics.h"
#include "compute/skew_round.h"
#include "compute/skew_rtc.h"
#include "scratch_mariadb.h"

#include <string.h>

#define SECOND_US ((gint64)G_USEC_PER_SEC)
#define HOUR_S 3600
/* Noon in November 2026, when no zone of the tests has daylight-saving time but Australia's. */
#define NOON_US (1795176000 * SECOND_US)

static KnScratchMariadb *mariadb;

/* ---- arithmetic and verdicts ---- */

static void
test_agent_arithmetic (void)
{
    KnSkew skew = { 0 };

    /* Asked at 100.0 s, answered at 100.4 s: the guest's clock was read at 100.2 s, more or less. */
    kn_skew_from_agent (&skew, 100000000, 100200000, 100400000);
    g_assert_cmpint (skew.method, ==, KN_SKEW_BY_AGENT);
    g_assert_cmpint (skew.skew_ms, ==, 0);
    g_assert_cmpint (skew.error_ms, ==, 200);

    kn_skew_from_agent (&skew, 100000000, 100200000 - 8 * HOUR_S * SECOND_US, 100400000);
    g_assert_cmpint (skew.skew_ms, ==, -8 * HOUR_S * 1000);
}

typedef struct {
    gint64 skew_ms, error_ms;
    KnSkewVerdict verdict;
} VerdictCase;

static const VerdictCase verdict_cases[] = {
    { 0, 5, KN_SKEW_RIGHT },
    { 5000, 0, KN_SKEW_RIGHT },
    { -6000, 100, KN_SKEW_DRIFT },
    /* Within what the measurement may be off by, nobody is accused. */
    { 6000, 1500, KN_SKEW_RIGHT },
    { 300000, 0, KN_SKEW_DRIFT },
    { 301000, 0, KN_SKEW_KERBEROS },
    { 600000, 10, KN_SKEW_KERBEROS },
    { 900000, 10, KN_SKEW_ZONE },
    { -3600000 + 59000, 10, KN_SKEW_ZONE },
    { -3600000 + 62000, 10, KN_SKEW_KERBEROS },
    { 4 * HOUR_S * 1000, 10, KN_SKEW_ZONE },
    { 4 * HOUR_S * 1000 + 400000, 10, KN_SKEW_KMS },
    { -8 * HOUR_S * 1000, 10, KN_SKEW_ZONE_KMS },
    { 20700 * 1000, 10, KN_SKEW_ZONE_KMS }, /* 5 h 45 m */
    /* No two zones are farther apart than 26 hours. */
    { 30 * HOUR_S * (gint64)1000, 10, KN_SKEW_KMS },
};

static void
test_verdicts (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (verdict_cases); i++) {
        const VerdictCase *c = &verdict_cases[i];
        KnSkew skew
            = { .method = KN_SKEW_BY_AGENT, .skew_ms = c->skew_ms, .error_ms = c->error_ms };

        g_assert_cmpstr (kn_skew_verdict_name (kn_skew_judge (&skew)), ==,
                         kn_skew_verdict_name (c->verdict));
        skew.method = KN_SKEW_BY_NONE;
        g_assert_cmpint (kn_skew_judge (&skew), ==, KN_SKEW_UNKNOWN);
    }
}

static void
test_names (void)
{
    for (guint i = 0; i < KN_SKEW_VERDICT_N; i++)
        g_assert_cmpint (kn_skew_verdict_from_name (kn_skew_verdict_name (i)), ==, i);
    for (guint i = 0; i < KN_SKEW_BY_N; i++)
        g_assert_cmpint (kn_skew_method_from_name (kn_skew_method_name (i)), ==, i);
    for (guint i = 1; i < KN_SKEW_WHY_N; i++)
        g_assert_cmpint (kn_skew_why_from_name (kn_skew_why_name (i)), ==, i);
    g_assert_null (kn_skew_why_name (KN_SKEW_WHY_NONE));
    g_assert_cmpint (kn_skew_verdict_from_name ("frob"), ==, KN_SKEW_UNKNOWN);
    g_assert_cmpint (kn_skew_why_from_name (NULL), ==, KN_SKEW_WHY_NONE);
}

static void
test_hardware_clock (void)
{
    KnSkew skew = { 0 };

    /* Linux wrote its time: ten minutes ahead. */
    kn_skew_from_rtc (&skew, 600, 0, true);
    g_assert_cmpint (skew.method, ==, KN_SKEW_BY_RTC);
    g_assert_cmpint (skew.skew_ms, ==, 600000);
    /* Windows in Shanghai wrote its time: right. */
    kn_skew_from_rtc (&skew, 8 * HOUR_S + 2, 8 * HOUR_S, false);
    g_assert_cmpint (skew.skew_ms, ==, 2000);
    g_assert_cmpint (kn_skew_judge (&skew), ==, KN_SKEW_RIGHT);
    /* Said to be Linux, but eight hours: either wrong by that, or a Windows that is right. Nobody knows. */
    skew = (KnSkew){ 0 };
    kn_skew_from_rtc (&skew, 8 * HOUR_S, 0, true);
    g_assert_cmpint (skew.method, ==, KN_SKEW_BY_NONE);
}

static void
test_zone_steps (void)
{
    g_assert_cmpint (kn_skew_zone_step (8 * HOUR_S + 30, 60), ==, 8 * HOUR_S);
    g_assert_cmpint (kn_skew_zone_step (-20700 - 59, 60), ==, -20700);
    g_assert_cmpint (kn_skew_zone_step (600, 60), ==, 0);
    g_assert_cmpint (kn_skew_zone_step (30, 60), ==, 0);
    g_assert_cmpint (kn_skew_zone_step (27 * HOUR_S, 60), ==, 0);
}

static KnClockRow *
written (gint64 offset_s)
{
    KnClockRow *row = g_new0 (KnClockRow, 1);

    row->has_offset = true;
    row->offset_s = offset_s;
    row->started_us = NOON_US - SECOND_US;
    row->written_us = NOON_US;
    return row;
}

typedef struct {
    const char *os_type, *zone;
    gint64 offset_s;
    KnSkewVerdict verdict;
} RtcCase;

static const RtcCase rtc_cases[] = {
    { "linux", NULL, 1, KN_SKEW_RIGHT },
    { NULL, NULL, -600, KN_SKEW_KERBEROS },
    { NULL, NULL, 8 * HOUR_S, KN_SKEW_UNKNOWN },
    { "windows", "Asia/Shanghai", 8 * HOUR_S, KN_SKEW_RIGHT },
    { "Windows", "Asia/Shanghai", 8 * HOUR_S, KN_SKEW_RIGHT },
    { "windows", "Asia/Shanghai", 0, KN_SKEW_ZONE_KMS },
    { "windows", "Europe/Berlin", HOUR_S + 1, KN_SKEW_RIGHT },
    /* Whose local time it keeps, nobody knows. */
    { "windows", NULL, 8 * HOUR_S, KN_SKEW_UNKNOWN },
    { "windows", "No/Where", 8 * HOUR_S, KN_SKEW_UNKNOWN },
};

static void
test_hardware_clock_of_servers (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (rtc_cases); i++) {
        const RtcCase *c = &rtc_cases[i];
        const KnServer server = { .os_type = c->os_type };
        g_autoptr (KnClockRow) row = written (c->offset_s);
        KnSkew skew = { .why = KN_SKEW_WHY_NO_CHANNEL }, off = { .why = KN_SKEW_WHY_NOT_RUNNING };

        kn_skew_try_rtc (&skew, &server, row, c->zone);
        g_assert_cmpstr (kn_skew_verdict_name (skew.verdict), ==,
                         kn_skew_verdict_name (c->verdict));
        g_assert_cmpint (skew.why, ==, KN_SKEW_WHY_NO_CHANNEL);
        kn_skew_try_rtc (&off, &server, row, c->zone);
        g_assert_cmpint (off.method, ==, KN_SKEW_BY_NONE);
        /* What an earlier run wrote tells nothing of this one. */
        row->started_us = NOON_US + 1;
        skew = (KnSkew){ .why = KN_SKEW_WHY_NO_CHANNEL };
        kn_skew_try_rtc (&skew, &server, row, c->zone);
        g_assert_cmpint (skew.method, ==, KN_SKEW_BY_NONE);
    }
}

typedef struct {
    const char *os_type;
    KnClockChange change;
    gint64 step_s; /* 0: no sign */
} StepCase;

static const StepCase step_cases[] = {
    { NULL, { 1, true, 0, 8 * HOUR_S + 1 }, 8 * HOUR_S },
    { "linux", { 1, true, 2, -5 * HOUR_S }, -5 * HOUR_S },
    { NULL, { 1, false, 0, 20700 }, 20700 },
    { "windows", { 1, true, 0, 8 * HOUR_S }, 0 },
    { "WINDOWS", { 1, true, 0, 8 * HOUR_S }, 0 },
    { "linux", { 1, true, 0, 600 }, 0 },
    /* Back to UTC: it was wrong, and somebody mended it. */
    { "linux", { 1, true, 8 * HOUR_S, 0 }, 0 },
};

static void
test_windows_steps (void)
{
    g_autoptr (GArray) none = g_array_new (false, false, sizeof (KnClockChange));
    gint64 step_s = 0;

    g_assert_false (kn_skew_is_windows_step (none, &(KnServer){ 0 }, &step_s));
    for (gsize i = 0; i < G_N_ELEMENTS (step_cases); i++) {
        const StepCase *c = &step_cases[i];
        const KnServer server = { .os_type = c->os_type };
        g_autoptr (GArray) changes = g_array_new (false, false, sizeof (KnClockChange));

        g_array_append_val (changes, c->change);
        step_s = 0;
        g_assert_true (kn_skew_is_windows_step (changes, &server, &step_s) == (c->step_s != 0));
        g_assert_cmpint (step_s, ==, c->step_s);
    }
}

/* ---- words ---- */

typedef struct {
    gint64 skew_s;
    const char *os_type, *zone, *host_zone;
    gint64 guest_zone_s; /* 1: it did not say */
    const char *const says[6];
} WordCase;

static const WordCase word_cases[] = {
    { 0, NULL, NULL, "UTC", 1, { "0 ms ahead.", NULL } },
    { 40, NULL, NULL, "UTC", 1, { "40 s ahead", "Nothing fails yet", "NTP", NULL } },
    { -600, "linux", NULL, "UTC", 0, { "10 m 00 s behind", "Kerberos", "chronyc", NULL } },
    /* The classic: a Windows in Shanghai, on a host in UTC. */
    { -8 * HOUR_S,
      NULL,
      NULL,
      "UTC",
      8 * HOUR_S,
      { "8 h 00 m behind = Asia/Shanghai", "guest on a UTC clock", "0xC004F074", "0xC004F06C",
        "os_type=windows os_timezone=Asia/Shanghai --reboot hard", NULL } },
    { -8 * HOUR_S,
      "windows",
      "Asia/Singapore",
      "UTC",
      8 * HOUR_S,
      { "= Asia/Singapore guest", "12288", "set s1 os_timezone=Asia/Singapore --reboot hard",
        NULL } },
    /* Nobody said anything: the zone is a guess. */
    { -20700, NULL, NULL, NULL, 1, { "5 h 45 m behind = Asia/Kathmandu", "a guess", NULL } },
    /* A Linux that found the host's local time. */
    { 3600,
      "linux",
      NULL,
      "Europe/Berlin",
      0,
      { "UTC guest on a clock of Europe/Berlin", "os_clock_policy=utc", "Kerberos", NULL } },
    /* It says Berlin, but its clock was Shanghai's. */
    { 7 * HOUR_S,
      "windows",
      NULL,
      "UTC",
      3600,
      { "7 h 00 m ahead = Europe/Berlin", "clock of another zone", "os_timezone=Europe/Berlin",
        NULL } },
    /* Adelaide is half an hour beyond a whole one, and in its summer. */
    { 3600,
      "windows",
      "Australia/Adelaide",
      "UTC",
      37800,
      { "1 h 00 m ahead = a change of daylight-saving time in Australia/Adelaide", "Kerberos",
        "w32tm", NULL } },
    /* A second less is no other zone. */
    { -8 * HOUR_S + 1, NULL, NULL, NULL, 1, { "8 h 00 m behind", NULL } },
    { 6 * HOUR_S + 400, "windows", NULL, NULL, 1, { "6 h 07 m ahead", "KMS", "w32tm", NULL } },
};

static void
test_words (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (word_cases); i++) {
        const WordCase *c = &word_cases[i];
        KnSkew skew = { .method = KN_SKEW_BY_AGENT,
                        .measured_us = NOON_US,
                        .skew_ms = c->skew_s * 1000,
                        .has_zone = c->guest_zone_s != 1,
                        .zone_offset_s = c->guest_zone_s };
        const KnSkewScene scene = { "s1", c->os_type, c->zone, c->host_zone };
        g_autofree char *text = NULL;

        skew.verdict = kn_skew_judge (&skew);
        text = kn_skew_explain (&skew, &scene);
        for (guint k = 0; c->says[k] != NULL; k++)
            if (strstr (text, c->says[k]) == NULL)
                g_error ("'%s' is not in: %s", c->says[k], text);
    }
}

static void
test_unknown_says_why (void)
{
    const KnSkewScene scene = { .server = "s1" };

    for (guint i = 1; i < KN_SKEW_WHY_N; i++) {
        const KnSkew skew = { .why = i };
        g_autofree char *text = kn_skew_explain (&skew, &scene);

        g_assert_true (g_str_has_prefix (text, "Unknown: "));
        g_assert_cmpuint (strlen (text), >, strlen ("Unknown: ."));
    }
}

/* ---- asking ---- */

typedef struct {
    const char *time, *zone, *os; /* answers; NULL: none */
    KnAgentFailure failure;
    gint64 ahead_us; /* of a guest whose .time is "" */
    guint pause_ms;
    gint asked;
} Guest;

static char *
answer_as (Guest *guest, const char *command, KnAgentFailure *out_failure)
{
    const char *answer = strstr (command, "get-time\"") ? guest->time
                         : strstr (command, "timezone") ? guest->zone
                                                        : guest->os;

    g_atomic_int_inc (&guest->asked);
    *out_failure = answer != NULL ? KN_AGENT_ANSWERED : guest->failure;
    if (answer == NULL || *answer != '\0')
        return g_strdup (answer);
    return g_strdup_printf ("{\"return\": %" G_GINT64_FORMAT "}",
                            (kn_time_now () + guest->ahead_us) * 1000);
}

static char *
ask_one (gpointer data, const char *host, const char *server, const char *command,
         guint deadline_ms, KnAgentFailure *out_failure)
{
    g_assert_cmpuint (deadline_ms, <=, KN_SKEW_DEADLINE_MS);
    return answer_as (data, command, out_failure);
}

static void
test_ask (void)
{
    Guest guest = { .time = "",
                    .zone = "{\"return\": {\"offset\": 28800, \"zone\": \"CST\\u0007\"}}",
                    .os = "{\"return\": {\"id\": \"mswindows\", \"name\": \"Microsoft Windows\", "
                          "\"pretty-name\": \"Windows Server 2022\"}}",
                    .ahead_us = -8 * HOUR_S * SECOND_US };
    const KnSkewOps ops = { .ask = ask_one, .data = &guest };
    g_autoptr (KnSkew) skew = kn_skew_ask (&ops, "h", "s", true), brief = NULL;

    g_assert_cmpint (skew->method, ==, KN_SKEW_BY_AGENT);
    g_assert_cmpint (ABS (skew->skew_ms + 8 * HOUR_S * 1000), <, 1000);
    g_assert_cmpint (skew->verdict, ==, KN_SKEW_ZONE_KMS);
    g_assert_true (skew->has_zone);
    g_assert_cmpint (skew->zone_offset_s, ==, 28800);
    /* What a guest calls itself does not steer a terminal. */
    g_assert_cmpstr (skew->zone, ==, "CST ");
    g_assert_cmpstr (skew->os_id, ==, "mswindows");
    g_assert_cmpstr (skew->os_name, ==, "Windows Server 2022");
    g_assert_cmpint (guest.asked, ==, 3);

    brief = kn_skew_ask (&ops, "h", "s", false);
    g_assert_null (brief->os_id);
    g_assert_cmpint (guest.asked, ==, 5);
}

static const char *const lies[] = {
    "",
    "{",
    "[]",
    "{\"return\": {}}",
    "{\"return\": \"now\"}",
    "{\"return\": -5}",
    "{\"error\": {\"class\": \"CommandNotFound\"}}",
    "{\"return\": 1e400}",
    NULL,
};

static void
test_guests_that_lie (void)
{
    for (guint i = 1; lies[i] != NULL; i++) {
        Guest guest = { .time = lies[i], .zone = lies[i], .os = lies[i] };
        const KnSkewOps ops = { .ask = ask_one, .data = &guest };
        g_autoptr (KnSkew) skew = kn_skew_ask (&ops, "h", "s", true);

        g_assert_cmpint (skew->verdict, ==, KN_SKEW_UNKNOWN);
        g_assert_cmpint (skew->why, ==, KN_SKEW_WHY_REFUSED);

        guest.time = "";
        g_clear_pointer (&skew, kn_skew_free);
        skew = kn_skew_ask (&ops, "h", "s", true);
        g_assert_cmpint (skew->verdict, ==, KN_SKEW_RIGHT);
        g_assert_false (skew->has_zone);
        g_assert_null (skew->os_id);
    }
}

static void
test_reasons (void)
{
    for (KnAgentFailure f = KN_AGENT_NO_CHANNEL; f < KN_AGENT_FAILURE_N; f++) {
        Guest guest = { .failure = f };
        const KnSkewOps ops = { .ask = ask_one, .data = &guest };
        g_autoptr (KnSkew) skew = kn_skew_ask (&ops, "h", "s", true);

        g_assert_cmpint (skew->verdict, ==, KN_SKEW_UNKNOWN);
        g_assert_nonnull (kn_skew_why_name (skew->why));
        g_assert_cmpint (guest.asked, ==, 1);
    }
}

static void
test_turns (void)
{
    KnSkewTarget t = { .measured_us = 1000 * SECOND_US, .since_us = 1000 * SECOND_US };

    g_assert_false (kn_skew_is_due (&t, 300, 1100 * SECOND_US));
    g_assert_true (kn_skew_is_due (&t, 300, 1299 * SECOND_US));
    /* Silent for 1000 s: not before another 1000. */
    t = (KnSkewTarget){ .measured_us = 2000 * SECOND_US,
                        .since_us = 1000 * SECOND_US,
                        .why = KN_SKEW_WHY_SILENT };
    g_assert_false (kn_skew_is_due (&t, 300, 2900 * SECOND_US));
    g_assert_true (kn_skew_is_due (&t, 300, 3001 * SECOND_US));
    /* For a week: an hour is enough. */
    t.since_us = -600000 * SECOND_US;
    g_assert_true (kn_skew_is_due (&t, 300, (2000 + HOUR_S) * SECOND_US));
    t.measured_us = 0;
    g_assert_true (kn_skew_is_due (&t, 300, 0));
}

/* ---- both databases ---- */

typedef struct {
    KnDbPool *pool;
    KnDb *db;
} Fixture;

static const KnStmt wipes[] = {
    { "WIPE_SERVERS", "DELETE FROM instances", NULL },
    { "WIPE_SKEWS", "DELETE FROM instance_clock_skews", NULL },
    { "WIPE_HISTORY", "DELETE FROM instance_clock_skew_history", NULL },
};

static void
set_up (Fixture *f, const char *url)
{
    g_autoptr (GError) error = NULL;

    f->pool = kn_db_pool_open (url, NULL, &error);
    g_assert_no_error (error);
    f->db = kn_db_thread (f->pool, &error);
    g_assert_no_error (error);
    for (gsize i = 0; i < G_N_ELEMENTS (wipes); i++)
        g_assert_true (kn_db_exec (f->db, &wipes[i], KN_NO_BIND, NULL, &error));
}

static void
insert (Fixture *f, const char *id, const char *state)
{
    g_autoptr (GError) error = NULL;
    KN_STMT (INSERT, "INSERT INTO instances (uuid, vm_state, memory_mb, vcpus, root_gb, "
                     "ephemeral_gb, instance_type_id, host) VALUES (?,?,1,1,1,1,1,'h')");

    (void)kn_db_exec (f->db, &INSERT, KN_BIND (kn_text (id), kn_text (state)), NULL, &error);
    g_assert_no_error (error);
}

static void
put (Fixture *f, const char *id, KnSkew skew)
{
    g_autoptr (GError) error = NULL;
    KnSkew *mine = g_new (KnSkew, 1);

    *mine = skew;
    mine->verdict = kn_skew_judge (mine);
    (void)kn_store_skew_put (f->db, id, mine, &error);
    g_assert_no_error (error);
    kn_skew_free (mine);
}

static void
count_visit (const KnSkew *skew, gpointer data)
{
    (*(guint *)data)++;
}

static guint
count_earlier (Fixture *f, const char *id)
{
    g_autoptr (GError) error = NULL;
    guint n = 0;

    (void)kn_store_skew_each_earlier (f->db, id, count_visit, &n, &error);
    g_assert_no_error (error);
    return n;
}

static void
test_store (Fixture *f)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnSkew) found = NULL, gone = NULL;
    g_autoptr (GString) metrics = g_string_new (NULL);

    insert (f, "a", "active");
    insert (f, "b", "stopped");
    g_assert_null (kn_store_skew_find (f->db, "a", &error));
    g_assert_no_error (error);

    put (f, "a",
         (KnSkew){ .method = KN_SKEW_BY_AGENT,
                   .measured_us = 100,
                   .skew_ms = 7,
                   .has_zone = true,
                   .zone_offset_s = -3600,
                   .zone = g_strdup ("X"),
                   .os_id = g_strdup ("debian"),
                   .os_asked_us = 100 });
    /* The same again is no news: the time since when stays. */
    put (f, "a", (KnSkew){ .method = KN_SKEW_BY_AGENT, .measured_us = 200, .skew_ms = 600 });
    found = kn_store_skew_find (f->db, "a", &error);
    g_assert_cmpint (found->since_us, ==, 100);
    g_assert_cmpint (found->measured_us, ==, 200);
    g_assert_cmpint (found->skew_ms, ==, 600);
    g_assert_cmpstr (found->zone, ==, "X");
    g_assert_cmpstr (found->os_id, ==, "debian");
    g_assert_cmpuint (count_earlier (f, "a"), ==, 1);
    /* Slow drift adds up to news. */
    put (f, "a", (KnSkew){ .method = KN_SKEW_BY_AGENT, .measured_us = 300, .skew_ms = 1200 });
    g_assert_cmpuint (count_earlier (f, "a"), ==, 2);
    put (f, "a", (KnSkew){ .why = KN_SKEW_WHY_SILENT, .measured_us = 400 });
    kn_skew_free (found);
    found = kn_store_skew_find (f->db, "a", &error);
    g_assert_cmpint (found->since_us, ==, 400);
    g_assert_cmpint (found->method, ==, KN_SKEW_BY_NONE);
    g_assert_cmpint (found->why, ==, KN_SKEW_WHY_SILENT);
    g_assert_true (found->has_zone);

    put (f, "b", (KnSkew){ .method = KN_SKEW_BY_AGENT, .measured_us = 400, .skew_ms = -1500 });
    put (f, "gone", (KnSkew){ .method = KN_SKEW_BY_AGENT, .measured_us = 400, .skew_ms = 1 });
    g_assert_true (kn_store_skew_prune (f->db, &error));
    gone = kn_store_skew_find (f->db, "gone", &error);
    g_assert_null (gone);
    g_assert_cmpuint (count_earlier (f, "gone"), ==, 0);
    g_assert_cmpuint (count_earlier (f, "b"), ==, 1);

    put (f, "a", (KnSkew){ .method = KN_SKEW_BY_AGENT, .measured_us = 500, .skew_ms = -28800250 });
    kn_skew_write_metrics (f->db, metrics);
    g_assert_nonnull (
        strstr (metrics->str, "\nkilonova_guest_clock_skew_seconds{server=\"a\"} -28800.250\n"));
    g_assert_nonnull (strstr (metrics->str, "\nkilonova_guest_clocks{verdict=\"zone-kms\"} 1\n"));
    g_assert_nonnull (strstr (metrics->str, "\nkilonova_guest_clocks{verdict=\"unknown\"} 1\n"));
    /* What does not run has no clock. */
    g_assert_null (strstr (metrics->str, "server=\"b\""));
}

static void
test_history_is_bounded (Fixture *f)
{
    for (guint i = 0; i < KN_SKEW_HISTORY_MAX + 20; i++)
        put (f, "a",
             (KnSkew){ .method = KN_SKEW_BY_AGENT,
                       .measured_us = 100 + i,
                       .skew_ms = 10000 * (gint64)i });
    g_assert_cmpuint (count_earlier (f, "a"), ==, KN_SKEW_HISTORY_MAX);
}

static gint turn;

/* Odd guests are silent, the others are right. */
static char *
ask_many (gpointer data, const char *host, const char *server, const char *command,
          guint deadline_ms, KnAgentFailure *out_failure)
{
    Guest guest = { .time = server[2] % 2 == 0 ? "" : NULL, .failure = KN_AGENT_SILENT };
    int *last_good = data;

    if (strstr (command, "get-time\"") != NULL) {
        int now = g_atomic_int_add (&turn, 1);

        if (guest.time != NULL)
            g_atomic_int_set (last_good, now);
    }
    return answer_as (&guest, command, out_failure);
}

static void
test_round (Fixture *f)
{
    g_autoptr (GError) error = NULL;
    int last_good = -1, stop = 1;
    const KnSkewPlan plan = { .db = f->pool, .ops = { .ask = ask_many, .data = &last_good } };
    g_autoptr (GPtrArray) targets = NULL, again = NULL;
    gint64 counts[KN_SKEW_VERDICT_N];

    for (guint i = 0; i < 200; i++) {
        g_autofree char *id = g_strdup_printf ("%02u%c", i / 10, (char)('0' + i % 10));

        insert (f, id, "active");
    }
    targets = kn_store_skew_list_targets (f->db, NULL, &error);
    g_assert_cmpuint (targets->len, ==, 200);
    g_assert_true (kn_skew_round (&plan, targets, NULL, &error));
    g_assert_no_error (error);
    g_assert_true (kn_store_skew_count (f->db, counts, &error));
    g_assert_cmpint (counts[KN_SKEW_RIGHT], ==, 100);
    g_assert_cmpint (counts[KN_SKEW_UNKNOWN], ==, 100);

    /* They are remembered: now one thread alone cares for them until the others are through. */
    again = kn_store_skew_list_targets (f->db, NULL, &error);
    g_assert_cmpint (((KnSkewTarget *)again->pdata[1])->why, ==, KN_SKEW_WHY_SILENT);
    g_atomic_int_set (&turn, 0);
    g_assert_true (kn_skew_round (&plan, again, NULL, &error));
    g_assert_cmpint (turn, ==, 200);

    /* Told to stop, nobody is asked any more. */
    g_atomic_int_set (&turn, 0);
    g_assert_true (kn_skew_round (&plan, again, &stop, &error));
    g_assert_cmpint (turn, ==, 0);
}

/* A database that fails at any statement neither hangs the round nor leaves half of it. */
static void
test_round_without_database (Fixture *f)
{
    int last_good = -1;
    const KnSkewPlan plan = { .db = f->pool, .ops = { .ask = ask_many, .data = &last_good } };
    g_autoptr (GPtrArray) targets = NULL;
    bool good = false;

    insert (f, "000", "active");
    targets = kn_store_skew_list_targets (f->db, NULL, NULL);
    for (guint n = 1; !good; n++) {
        g_autoptr (GError) error = NULL;
        g_autoptr (KnSkew) found = NULL;

        g_assert_cmpuint (n, <, 20);
        kn_db_fail_after (f->db, n);
        good = kn_skew_round (&plan, targets, NULL, &error);
        kn_db_fail_after (f->db, 0);
        g_assert_true (good == (error == NULL));
        found = kn_store_skew_find (f->db, "000", NULL);
        g_assert_true (good == (found != NULL));
        g_assert_cmpuint (count_earlier (f, "000"), ==, good ? 1 : 0);
    }
}

typedef struct {
    const char *name;
    void (*run) (Fixture *f);
} Case;

static const Case cases[] = {
    { "store", test_store },
    { "history-is-bounded", test_history_is_bounded },
    { "round", test_round },
    { "round-without-database", test_round_without_database },
};

static void
run_case (const Case *test, const char *url)
{
    Fixture fixture = { 0 };

    set_up (&fixture, url);
    test->run (&fixture);
    kn_db_pool_close (fixture.pool);
}

static void
run_on_sqlite (gconstpointer data)
{
    g_autofree char *folder = g_dir_make_tmp ("kn-skew-XXXXXX", NULL);
    g_autofree char *url = g_strdup_printf ("sqlite:%s/test.db", folder);

    run_case (data, url);
    kn_scratch_remove (folder);
}

/* One database for all: migrations take MariaDB seconds. */
static void
run_on_mariadb (gconstpointer data)
{
    static char *url;

    if (mariadb == NULL) {
        g_test_skip ("mariadbd is not installed");
        return;
    }
    if (url == NULL)
        url = kn_scratch_mariadb_url (mariadb);
    run_case (data, url);
}

static const struct {
    const char *name;
    GTestDataFunc run;
} engines[] = { { "sqlite", run_on_sqlite }, { "mariadb", run_on_mariadb } };

static void
add_cases (void)
{
    for (gsize e = 0; e < G_N_ELEMENTS (engines); e++)
        for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
            g_autofree char *path = g_strdup_printf ("/skew/%s/%s", engines[e].name, cases[i].name);

            g_test_add_data_func (path, &cases[i], engines[e].run);
        }
}

int
main (int argc, char **argv)
{
    int result;

    g_test_init (&argc, &argv, NULL);
    mariadb = kn_scratch_mariadb_start ();
    g_test_add_func ("/skew/agent-arithmetic", test_agent_arithmetic);
    g_test_add_func ("/skew/verdicts", test_verdicts);
    g_test_add_func ("/skew/names", test_names);
    g_test_add_func ("/skew/hardware-clock", test_hardware_clock);
    g_test_add_func ("/skew/zone-steps", test_zone_steps);
    g_test_add_func ("/skew/hardware-clock-of-servers", test_hardware_clock_of_servers);
    g_test_add_func ("/skew/windows-steps", test_windows_steps);
    g_test_add_func ("/skew/words", test_words);
    g_test_add_func ("/skew/unknown-says-why", test_unknown_says_why);
    g_test_add_func ("/skew/ask", test_ask);
    g_test_add_func ("/skew/guests-that-lie", test_guests_that_lie);
    g_test_add_func ("/skew/reasons", test_reasons);
    g_test_add_func ("/skew/turns", test_turns);
    add_cases ();
    result = g_test_run ();
    kn_scratch_mariadb_stop (mariadb);
    return result;
}
