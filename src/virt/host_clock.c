/* SPDX-License-Identifier: Apache-2.0 */
/* adjtimex(2), chrony, systemd-timesyncd, /sys/class/rtc and hwclock's /etc/adjtime. */
#include "virt/host_clock.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/spawn.h"
#include "base/time.h"
#include "base/util.h"

#define CHRONY_PID "/run/chrony/chronyd.pid"
#define TIMESYNC_DIR "/run/systemd/timesync"
#define RTC_SECONDS "/sys/class/rtc/rtc0/since_epoch"
#define ADJTIME "/etc/adjtime"
#define CHRONY_MS 2000

/* Columns of `chronyc -c tracking`. */
#define CHRONY_SYSTEM_TIME 4
#define CHRONY_LEAP 13

static const KnHostClockSources machine = { "", adjtimex, "chronyc" };

static bool
exists (const KnHostClockSources *sources, const char *path)
{
    g_autofree char *full = g_strconcat (sources->root, path, NULL);

    return access (full, F_OK) == 0;
}

static char *
read_text (const KnHostClockSources *sources, const char *path)
{
    g_autofree char *full = g_strconcat (sources->root, path, NULL);
    char *text = kn_file_read (full, 4 * KIB, NULL, NULL);

    return text ? g_strstrip (text) : NULL;
}

static void
read_kernel (const KnHostClockSources *sources, KnHostClock *clock)
{
    struct timex timex = { 0 };
    int state = sources->ask_kernel (&timex);

    clock->by = "kernel";
    if (state < 0)
        return;
    clock->has_sync = true;
    clock->synchronized = state != TIME_ERROR && (timex.status & STA_UNSYNC) == 0;
    clock->max_error_us = timex.maxerror;
}

static void
read_chrony (const KnHostClockSources *sources, KnHostClock *clock)
{
    const char *const argv[] = { sources->chronyc, "-n", "-c", "tracking", NULL };
    const KnSpawn options = { .timeout_ms = CHRONY_MS, .max_output = 4 * KIB };
    g_autofree char *text = NULL;
    g_auto (GStrv) columns = NULL;

    clock->by = "chrony";
    if (!kn_spawn (argv, &options, &text, NULL))
        return;
    columns = g_strsplit (g_strstrip (text), ",", -1);
    if (g_strv_length (columns) <= CHRONY_LEAP)
        return;
    clock->has_sync = true;
    clock->synchronized = strcmp (columns[CHRONY_LEAP], "Not synchronised") != 0;
    double offset_s = g_ascii_strtod (columns[CHRONY_SYSTEM_TIME], NULL);
    if (!clock->synchronized || !isfinite (offset_s) || fabs (offset_s) > 1e9)
        return;
    clock->has_offset = true;
    clock->offset_us = (gint64)(fabs (offset_s) * G_USEC_PER_SEC);
}

static void
read_service (const KnHostClockSources *sources, KnHostClock *clock)
{
    if (exists (sources, CHRONY_PID))
        read_chrony (sources, clock);
    else if (exists (sources, TIMESYNC_DIR))
        clock->by = "timesyncd";
}

static void
read_hardware (const KnHostClockSources *sources, KnHostClock *clock)
{
    g_autofree char *seconds = read_text (sources, RTC_SECONDS);
    g_autofree char *adjtime = read_text (sources, ADJTIME);
    gint64 value;

    clock->rtc_local = adjtime && g_str_has_suffix (adjtime, "\nLOCAL");
    if (!seconds || !kn_parse_int (seconds, 0, G_MAXINT64 / G_USEC_PER_SEC, &value))
        return;
    clock->has_rtc = true;
    clock->rtc_offset_s = value - clock->at_us / G_USEC_PER_SEC;
}

KnHostClock
kn_host_clock_read (const KnHostClockSources *sources)
{
    KnHostClock clock = { .at_us = kn_time_now () };

    if (!sources)
        sources = &machine;
    read_hardware (sources, &clock);
    read_kernel (sources, &clock);
    read_service (sources, &clock);
    return clock;
}
