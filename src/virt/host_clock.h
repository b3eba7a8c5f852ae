/* SPDX-License-Identifier: Apache-2.0 */
/* The clock of the machine that we run on: what keeps it right, and its hardware clock. Guests start with a host's time. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/timex.h>

/* Where it is read; all but tests pass NULL for this machine. */
typedef struct {
    const char *root; /* before the paths of files: "" */
    int (*ask_kernel) (struct timex *timex);
    const char *chronyc; /* the program */
} KnHostClockSources;

typedef struct {
    gint64 at_us;
    bool has_sync; /* the kernel would say: */
    bool synchronized;
    gint64 max_error_us;
    const char *
        by; /* "chrony", "timesyncd", "kernel" (somebody else, or nobody, disciplines it); static */
    bool has_offset; /* chrony says how far it is from its source: */
    gint64 offset_us;
    bool has_rtc;        /* there is a hardware clock that can be read: */
    gint64 rtc_offset_s; /* it is so far ahead of the system's UTC */
    bool rtc_local;      /* hwclock keeps local time in it */
} KnHostClock;

/* Reads it now; what cannot be read is left out. Waits up to 2 s for chrony: worker threads only. */
KnHostClock kn_host_clock_read (const KnHostClockSources *sources);
