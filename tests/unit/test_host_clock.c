/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of a host's clock, and what is found wrong with it. */
#include "base/time.h"
#include "base/util.h"
#include "compute/host_clocks.h"
#include "scratch_mariadb.h"

#include <string.h>

static int
kernel_is_kept (struct timex *timex)
{
    *timex = (struct timex){ .maxerror = 1500 };
    return TIME_OK;
}

static int
kernel_runs_free (struct timex *timex)
{
    *timex = (struct timex){ .status = STA_UNSYNC, .maxerror = 16000000 };
    return TIME_ERROR;
}

typedef struct {
    const char *files[6]; /* path, content, … */
    const char *chrony;   /* what it prints; NULL: it fails */
    int (*kernel) (struct timex *timex);
    gint64 rtc_ahead_s; /* G_MAXINT64: there is none */
    const char *by, *faults;
} HostCase;

static const HostCase host_cases[] = {
    { { NULL }, NULL, kernel_is_kept, 0, "kernel", "" },
    { { NULL }, NULL, kernel_runs_free, G_MAXINT64, "kernel", "not-synchronized" },
    { { "/run/systemd/timesync/synchronized", "", NULL },
      NULL,
      kernel_is_kept,
      -1,
      "timesyncd",
      "" },
    { { "/run/chrony/chronyd.pid", "1", NULL },
      "R,1,3,1795176000.1,0.000012,0,0,0,0,0,0,0,64,Normal",
      kernel_is_kept,
      0,
      "chrony",
      "" },
    { { "/run/chrony/chronyd.pid", "1", NULL },
      "R,1,3,1795176000.1,-2.5,0,0,0,0,0,0,0,64,Normal",
      kernel_is_kept,
      0,
      "chrony",
      "off" },
    { { "/run/chrony/chronyd.pid", "1", NULL },
      "7F7F0101,,0,0.0,0.0,0,0,0,0,0,0,0,0,Not synchronised",
      kernel_is_kept,
      0,
      "chrony",
      "not-synchronized" },
    /* A chrony that does not answer: the kernel's word counts. */
    { { "/run/chrony/chronyd.pid", "1", NULL }, NULL, kernel_is_kept, 0, "chrony", "" },
    { { "/run/chrony/chronyd.pid", "1", NULL }, "nonsense", kernel_is_kept, 0, "chrony", "" },
    { { "/etc/adjtime", "0.0 0 0.0\n0\nLOCAL\n", NULL },
      NULL,
      kernel_is_kept,
      7200,
      "kernel",
      "rtc-local" },
    { { "/etc/adjtime", "0.0 0 0.0\n0\nUTC\n", NULL },
      NULL,
      kernel_is_kept,
      -7200,
      "kernel",
      "rtc-off" },
};

static void
write_below (const char *root, const char *path, const char *text, int mode)
{
    g_autofree char *full = g_strconcat (root, path, NULL);
    g_autofree char *dir = g_path_get_dirname (full);

    g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
    g_assert_true (kn_file_write (full, text, strlen (text), mode, NULL));
}

static void
test_hosts (void)
{
    for (gsize i = 0; i < G_N_ELEMENTS (host_cases); i++) {
        const HostCase *c = &host_cases[i];
        g_autofree char *root = g_dir_make_tmp ("kn-host-XXXXXX", NULL);
        g_autofree char *chronyc = g_build_filename (root, "chronyc", NULL);
        const KnHostClockSources sources = { root, c->kernel, chronyc };
        g_autofree char *faults = NULL;
        KnHostClock clock;

        for (guint k = 0; c->files[k] != NULL; k += 2)
            write_below (root, c->files[k], c->files[k + 1], 0600);
        if (c->chrony != NULL) {
            g_autofree char *script = g_strdup_printf ("#!/bin/sh\necho '%s'\n", c->chrony);

            write_below (root, "/chronyc", script, 0700);
        }
        if (c->rtc_ahead_s != G_MAXINT64) {
            g_autofree char *seconds = g_strdup_printf (
                "%" G_GINT64_FORMAT "\n", kn_time_now () / G_USEC_PER_SEC + c->rtc_ahead_s);

            write_below (root, "/sys/class/rtc/rtc0/since_epoch", seconds, 0600);
        }
        clock = kn_host_clock_read (&sources);
        faults = kn_host_clock_faults (&clock);
        g_assert_cmpstr (faults, ==, c->faults);
        g_assert_cmpstr (clock.by, ==, c->by);
        g_assert_true (clock.has_rtc == (c->rtc_ahead_s != G_MAXINT64));
        kn_scratch_remove (root);
    }
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/host-clock/faults", test_hosts);
    return g_test_run ();
}
