/* SPDX-License-Identifier: Apache-2.0 */
/* Rules for hosts' clocks, and who is told. */
#include "compute/host_clocks.h"

#include <string.h>

#include "base/log.h"
#include "base/time.h"

#define OFF_US G_USEC_PER_SEC /* what NTP keeps far below */
#define RTC_OFF_S 60

static bool
is_free_running (const KnHostClock *clock)
{
    return clock->has_sync && !clock->synchronized;
}

static bool
is_off (const KnHostClock *clock)
{
    return clock->has_offset && clock->offset_us > OFF_US;
}

static bool
is_rtc_local (const KnHostClock *clock)
{
    return clock->rtc_local;
}

static bool
is_rtc_off (const KnHostClock *clock)
{
    return clock->has_rtc && !clock->rtc_local && ABS (clock->rtc_offset_s) > RTC_OFF_S;
}

char *
kn_host_clock_faults (const KnHostClock *clock)
{
    g_autoptr (GString) codes = g_string_new (NULL);

    for (const KnHostClockRule *rule = kn_host_clock_rules; rule->code != NULL; rule++)
        if (rule->is_so (clock))
            g_string_append_printf (codes, "%s%s", codes->len > 0 ? "," : "", rule->code);
    return g_strdup (codes->str);
}

static const char *
find_local_host (KnCompute *compute, char **names)
{
    for (char **name = names; *name != NULL; name++) {
        g_autoptr (KnVirtHost) host = kn_virt_find_host (compute->virt, *name);

        if (host != NULL && kn_virt_host_is_local (host))
            return *name;
    }
    return NULL;
}

static void
tell (const char *host, const char *codes)
{
    g_auto (GStrv) list = g_strsplit (codes, ",", -1);

    if (*codes == '\0')
        kn_log (KN_LOG_INFO, "a host's clock is right again", "host", host, NULL);
    for (const KnHostClockRule *rule = kn_host_clock_rules; rule->code != NULL; rule++)
        if (g_strv_contains ((const char *const *)list, rule->code))
            kn_log (KN_LOG_WARNING, "a host's clock is not to be trusted", "host", host, "fault",
                    rule->code, "what", rule->text, NULL);
}

void
kn_host_clocks_watch (KnCompute *compute)
{
    g_auto (GStrv) names = kn_virt_list_hosts (compute->virt);
    const char *host = find_local_host (compute, names);
    KnHostClock clock;
    g_autofree char *codes = NULL;

    if (host == NULL)
        return;
    clock = kn_host_clock_read (NULL);
    codes = kn_host_clock_faults (&clock);
    g_mutex_lock (&compute->host_clock_lock);
    bool news = g_strcmp0 (compute->host_faults != NULL ? compute->host_faults : "", codes) != 0;
    g_free (compute->host_faults);
    compute->host_faults = g_strdup (codes);
    compute->host_clock = clock;
    g_mutex_unlock (&compute->host_clock_lock);
    if (news)
        tell (host, codes);
}

void
kn_host_clocks_write_metrics (KnCompute *compute, GString *out)
{
    g_auto (GStrv) names = kn_virt_list_hosts (compute->virt);
    const char *host = find_local_host (compute, names);
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&compute->host_clock_lock);

    if (host == NULL || compute->host_faults == NULL)
        return;
    g_string_append_printf (
        out,
        "# HELP kilonova_host_clock_synchronized Whether a time service keeps the host's clock.\n"
        "# TYPE kilonova_host_clock_synchronized gauge\n"
        "kilonova_host_clock_synchronized{host=\"%s\"} %d\n"
        "# HELP kilonova_host_clock_fault What is wrong with the host's clock.\n"
        "# TYPE kilonova_host_clock_fault gauge\n",
        host, compute->host_clock.synchronized ? 1 : 0);
    for (const KnHostClockRule *rule = kn_host_clock_rules; rule->code != NULL; rule++)
        g_string_append_printf (out, "kilonova_host_clock_fault{host=\"%s\",fault=\"%s\"} %d\n",
                                host, rule->code, rule->is_so (&compute->host_clock) ? 1 : 0);
}

/* ---- the API ---- */

static void
write_seconds (KnJw *w, const char *key, bool known, gint64 us)
{
    if (!known) {
        kn_jw_null_member (w, key);
        return;
    }
    kn_jw_key (w, key);
    kn_jw_double (w, (double)us / G_USEC_PER_SEC);
}

static void
write_warnings (KnJw *w, const KnHostClock *clock)
{
    kn_jw_array_member (w, "warnings");
    for (const KnHostClockRule *rule = kn_host_clock_rules; rule->code != NULL; rule++) {
        if (!rule->is_so (clock))
            continue;
        kn_jw_object (w);
        kn_jw_string_member (w, "code", rule->code);
        kn_jw_string_member (w, "text", rule->text);
        kn_jw_end (w);
    }
    kn_jw_end (w);
}

static void
write_local (KnJw *w, const KnHostClock *clock)
{
    char time[KN_TIME_TEXT_MAX];

    kn_jw_string_member (w, "time", kn_time_format (clock->at_us, KN_TIME_SECONDS, time));
    kn_jw_object_member (w, "ntp");
    if (clock->has_sync)
        kn_jw_bool_member (w, "synchronized", clock->synchronized);
    else
        kn_jw_null_member (w, "synchronized");
    kn_jw_string_member (w, "by", clock->by);
    write_seconds (w, "offset_seconds", clock->has_offset, clock->offset_us);
    write_seconds (w, "max_error_seconds", clock->has_sync, clock->max_error_us);
    kn_jw_end (w);
    kn_jw_object_member (w, "hardware_clock");
    write_seconds (w, "offset_seconds", clock->has_rtc, clock->rtc_offset_s * G_USEC_PER_SEC);
    kn_jw_string_member (w, "keeps", clock->rtc_local ? "local" : "utc");
    kn_jw_end (w);
}

static void
write_host (KnJw *w, KnVirtHost *host, const KnHostClock *clock)
{
    const KnVirtFacts *facts = kn_virt_host_facts (host, NULL);
    bool local = kn_virt_host_is_local (host);

    kn_jw_object (w);
    kn_jw_string_member (w, "host", kn_virt_host_name (host));
    kn_jw_bool_member (w, "known", local);
    kn_jw_string_member (w, "zone", facts != NULL ? facts->zone : NULL);
    if (local)
        write_local (w, clock);
    else
        kn_jw_string_member (w, "why",
                             "Nothing of Kilonova runs there, and libvirt does not tell "
                             "a host's time.");
    write_warnings (w, local ? clock : &(KnHostClock){ 0 });
    kn_jw_end (w);
}

static bool
host_clocks_list (KnRequest *req, GError **error)
{
    KnCompute *compute = kn_compute_of (req);
    g_auto (GStrv) names = kn_virt_list_hosts (compute->virt);
    KnHostClock clock = kn_host_clock_read (NULL);
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_array_member (w, "hosts");
    for (char **name = names; *name != NULL; name++) {
        g_autoptr (KnVirtHost) host = kn_virt_find_host (compute->virt, *name);

        if (host != NULL)
            write_host (w, host, &clock);
    }
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

/* ---- tables ---- */

const KnHostClockRule kn_host_clock_rules[] = {
    { "not-synchronized", is_free_running,
      "No time service keeps this host's clock, and guests start with its time: install chrony, or "
      "check why it has no source (chronyc sources)." },
    { "off", is_off,
      "This host's clock is more than a second from its time source, and guests start with it: "
      "chronyc makestep." },
    { "rtc-local", is_rtc_local,
      "This host keeps local time in its hardware clock, which is wrong for an hour after each "
      "daylight-saving change: timedatectl set-local-rtc 0." },
    { "rtc-off", is_rtc_off,
      "This host's hardware clock is off by more than a minute, and it starts with that time after "
      "a "
      "power cut: hwclock --systohc." },
    { NULL, NULL, NULL },
};

static const KnRoute routes[] = {
    { "GET", "/v2.1/kilonova-host-clocks", host_clocks_list, .role = KN_ROLE_ADMIN,
      .run = KN_WORKER },
};

void
kn_host_clock_add_routes (GArray *all)
{
    g_array_append_vals (all, routes, G_N_ELEMENTS (routes));
}
