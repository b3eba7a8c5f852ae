/* SPDX-License-Identifier: Apache-2.0 */
/* Guests' clocks in Prometheus's text format. */
#include "compute/skew_metrics.h"

#include "compute/skew_store.h"

/* Series of one scrape; those that are farthest off come first. */
#define SERIES_MAX 10000

static void
write_skew (const char *server, gint64 skew_ms, gpointer data)
{
    g_string_append_printf (data, "kilonova_guest_clock_skew_seconds{server=\"%s\"} %s%d.%03d\n",
                            server, skew_ms < 0 ? "-" : "", (int)(ABS (skew_ms) / 1000),
                            (int)(ABS (skew_ms) % 1000));
}

void
kn_skew_write_metrics (KnDb *db, GString *out)
{
    gint64 counts[KN_SKEW_VERDICT_N];

    if (!kn_store_skew_count (db, counts, NULL))
        return;
    g_string_append (out, "# HELP kilonova_guest_clocks Servers by the verdict on their clock.\n"
                          "# TYPE kilonova_guest_clocks gauge\n");
    for (guint i = 0; i < KN_SKEW_VERDICT_N; i++)
        g_string_append_printf (out, "kilonova_guest_clocks{verdict=\"%s\"} %" G_GINT64_FORMAT "\n",
                                kn_skew_verdict_name (i), counts[i]);
    g_string_append (out, "# HELP kilonova_guest_clock_skew_seconds How far a guest's clock is "
                          "ahead of true time.\n"
                          "# TYPE kilonova_guest_clock_skew_seconds gauge\n");
    (void)kn_store_skew_each_known (db, SERIES_MAX, write_skew, out, NULL);
}
