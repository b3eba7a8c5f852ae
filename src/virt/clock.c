/* SPDX-License-Identifier: Apache-2.0 */
/* The hardware clock of a domain. */
#include "virt/clock.h"

#include <jansson.h>
#include <libvirt/libvirt-qemu.h>
#include <string.h>

#include "virt/domain.h"
#include "virt/virt_priv.h"

#define ASK_TIMEOUT_MS 5000

/* The board's alias of its RTC's date (QEMU, hw/rtc/mc146818rtc.c). */
#define ASK_RTC                                                                                    \
    "{\"execute\":\"qom-get\",\"arguments\":{\"path\":\"/machine\",\"property\":\"rtc-time\"}}"

G_DEFINE_AUTOPTR_CLEANUP_FUNC (json_t, json_decref)

void
kn_domain_clock_clear (KnDomainClock *clock)
{
    g_clear_pointer (&clock->offset, g_free);
    g_clear_pointer (&clock->timezone, g_free);
}

bool
kn_domain_load_clock (KnVirtHost *host, const char *uuid, KnClockOf which, KnDomainClock *out_clock,
                      GError **error)
{
    g_autofree char *xml = kn_domain_load_xml (host, uuid, which == KN_CLOCK_RUNNING, error);
    g_autoptr (KnXmlView) view = xml != NULL ? kn_xml_view_new (xml, error) : NULL;

    if (view == NULL)
        return false;
    g_autofree char *basis = kn_xml_view_dup (view, "/domain/clock/@basis");
    *out_clock = (KnDomainClock){
        .offset = kn_xml_view_dup (view, "/domain/clock/@offset"),
        .timezone = kn_xml_view_dup (view, "/domain/clock/@timezone"),
        .adjustment_s = kn_xml_view_int (view, "/domain/clock/@adjustment", 0),
        .basis_utc = g_strcmp0 (basis, "localtime") != 0,
    };

    return true;
}

/* The date as QEMU spells struct tm. */
static bool
read_date (const char *answer, gint64 *out_rtc_s)
{
    g_autoptr (json_t) root = json_loads (answer, JSON_REJECT_DUPLICATES, NULL);
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;

    if (root == NULL
        || json_unpack (root, "{s:{s:i,s:i,s:i,s:i,s:i,s:i}}", "return", "tm_year", &year, "tm_mon",
                        &month, "tm_mday", &day, "tm_hour", &hour, "tm_min", &minute, "tm_sec",
                        &second)
               != 0)
        return false;
    g_autoptr (GDateTime) time
        = g_date_time_new_utc (year + 1900, month + 1, day, hour, minute, second);
    if (time == NULL)
        return false;
    *out_rtc_s = g_date_time_to_unix (time);
    return true;
}

static bool
ask (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    char *answer = NULL;

    if (kn_virt_is_test (call->conn))
        return true;
    if (virDomainQemuMonitorCommand (call->domain, spec->text, &answer, 0) < 0)
        return kn_virt_fail (call->host, call->conn, error);
    *out_result = answer;
    return true;
}

bool
kn_domain_load_rtc (KnVirtHost *host, const char *uuid, bool *out_known, gint64 *out_rtc_s,
                    GError **error)
{
    gpointer result = NULL;
    const KnMonitorSpec spec
        = { .work = ask, .text = ASK_RTC, .timeout_ms = ASK_TIMEOUT_MS, .free_result = free };

    if (!kn_monitor_run (host, uuid, &spec, &result, error))
        return false;
    *out_known = result != NULL && read_date (result, out_rtc_s);
    free (result);
    return true;
}
