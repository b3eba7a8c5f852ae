/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's answers come from inside the guest: they are bounded and checked like a stranger's. */
#include "compute/skew_ask.h"

#include <string.h>

#include "base/time.h"
#include "json/read.h"

#define TEXT_MAX 128

static const KnSkewWhy why_of[KN_AGENT_FAILURE_N] = {
    [KN_AGENT_ANSWERED] = KN_SKEW_WHY_REFUSED, /* with something that makes no sense */
    [KN_AGENT_NO_CHANNEL] = KN_SKEW_WHY_NO_CHANNEL,
    [KN_AGENT_NOT_CONNECTED] = KN_SKEW_WHY_NOT_CONNECTED,
    [KN_AGENT_SILENT] = KN_SKEW_WHY_SILENT,
    [KN_AGENT_REFUSED] = KN_SKEW_WHY_REFUSED,
    [KN_AGENT_NOT_RUNNING] = KN_SKEW_WHY_NOT_RUNNING,
    [KN_AGENT_HOST_AWAY] = KN_SKEW_WHY_HOST_AWAY,
};

static char *
ask_libvirt (gpointer data, const char *host_name, const char *server, const char *command,
             guint deadline_ms, KnAgentFailure *out_failure)
{
    g_autoptr (KnVirtHost) host = kn_virt_find_host (data, host_name);

    if (host != NULL && kn_virt_host_is_up (host))
        return kn_domain_ask_agent (host, server, command, deadline_ms, out_failure);
    *out_failure = KN_AGENT_HOST_AWAY;
    return NULL;
}

static bool
serves (gpointer data, const char *host_name)
{
    g_autoptr (KnVirtHost) host = kn_virt_find_host (data, host_name);

    return host != NULL;
}

KnSkewOps
kn_skew_ops (KnVirt *virt)
{
    return (KnSkewOps){ .ask = ask_libvirt, .serves = serves, .data = virt };
}

/* One guest being asked. */
typedef struct {
    const KnSkewOps *ops;
    const char *host, *server;
    gint64 until_us; /* monotonic */
    KnAgentFailure failure;
} Talk;

typedef struct {
    guint64 present;
    gint64 time_ns;
} TimeAnswer;

static const KnJField time_fields[] = {
    { "return", KN_J_INT, offsetof (TimeAnswer, time_ns), 0, G_MAXINT64 },
};
static const KnJShape time_shape
    = { time_fields, G_N_ELEMENTS (time_fields), offsetof (TimeAnswer, present), false };

typedef struct {
    guint64 present;
    const char *zone;
    gint64 offset_s;
} ZoneAnswer;

static const KnJField zone_fields[] = {
    { "offset", KN_J_INT, offsetof (ZoneAnswer, offset_s), -26 * 3600, 26 * 3600 },
    { "zone", KN_J_STRING, offsetof (ZoneAnswer, zone), 0, 255, .flags = KN_J_OPTIONAL },
};
static const KnJShape zone_shape
    = { zone_fields, G_N_ELEMENTS (zone_fields), offsetof (ZoneAnswer, present), false };

typedef struct {
    guint64 present;
    const char *id, *name, *pretty_name;
} OsAnswer;

static const KnJField os_fields[] = {
    { "id", KN_J_STRING, offsetof (OsAnswer, id), 0, 255, .flags = KN_J_OPTIONAL },
    { "name", KN_J_STRING, offsetof (OsAnswer, name), 0, 255, .flags = KN_J_OPTIONAL },
    { "pretty-name", KN_J_STRING, offsetof (OsAnswer, pretty_name), 0, 255,
      .flags = KN_J_OPTIONAL },
};
static const KnJShape os_shape
    = { os_fields, G_N_ELEMENTS (os_fields), offsetof (OsAnswer, present), false };

/* The parsed answer, NULL if there is none or it is not JSON. */
static json_t *
ask (Talk *talk, const char *command)
{
    gint64 left_ms = (talk->until_us - g_get_monotonic_time ()) / 1000;
    g_autofree char *answer = NULL;

    talk->failure = KN_AGENT_SILENT;
    if (left_ms <= 0)
        return NULL;
    answer = talk->ops->ask (talk->ops->data, talk->host, talk->server, command, (guint)left_ms,
                             &talk->failure);
    return answer != NULL ? kn_json_parse (answer, strlen (answer), NULL) : NULL;
}

/* What a guest calls itself, fit for a line of text: bounded, without control characters. */
static char *
clean (const char *text)
{
    char *cut;

    if (text == NULL || *text == '\0')
        return NULL;
    cut = g_utf8_substring (text, 0, MIN (g_utf8_strlen (text, -1), TEXT_MAX));
    for (char *p = cut; *p != '\0'; p++)
        if (g_ascii_iscntrl (*p))
            *p = ' ';
    return cut;
}

static bool
ask_time (Talk *talk, KnSkew *skew)
{
    gint64 sent_us = kn_time_now ();
    g_autoptr (json_t) answer = ask (talk, "{\"execute\":\"guest-get-time\"}");
    gint64 answered_us = kn_time_now ();
    TimeAnswer found = { 0 };

    if (answer == NULL || !kn_json_read (answer, "answer", &time_shape, &found, NULL)) {
        skew->why = why_of[talk->failure];
        return false;
    }
    kn_skew_from_agent (skew, sent_us, found.time_ns / 1000, answered_us);
    return true;
}

/* Agents of old have no such command, and Windows may give no name: that is no failure. */
static void
ask_zone (Talk *talk, KnSkew *skew)
{
    g_autoptr (json_t) answer = ask (talk, "{\"execute\":\"guest-get-timezone\"}");
    const json_t *object = answer != NULL ? kn_json_unwrap (answer, "return", NULL) : NULL;
    ZoneAnswer found = { 0 };

    if (object == NULL || !kn_json_read (object, "answer", &zone_shape, &found, NULL))
        return;
    skew->has_zone = true;
    skew->zone_offset_s = found.offset_s;
    skew->zone = clean (found.zone);
}

static void
ask_os (Talk *talk, KnSkew *skew)
{
    g_autoptr (json_t) answer = ask (talk, "{\"execute\":\"guest-get-osinfo\"}");
    const json_t *object = answer != NULL ? kn_json_unwrap (answer, "return", NULL) : NULL;
    OsAnswer found = { 0 };

    if (object == NULL || !kn_json_read (object, "answer", &os_shape, &found, NULL))
        return;
    skew->os_id = clean (found.id);
    skew->os_name = clean (found.pretty_name != NULL ? found.pretty_name : found.name);
    skew->os_asked_us = skew->measured_us;
}

KnSkew *
kn_skew_ask (const KnSkewOps *ops, const char *host, const char *server, bool with_os)
{
    Talk talk = { .ops = ops, .host = host, .server = server };
    KnSkew *skew = g_new0 (KnSkew, 1);

    talk.until_us = g_get_monotonic_time () + KN_SKEW_DEADLINE_MS * (gint64)1000;
    if (ask_time (&talk, skew)) {
        skew->measured_us = kn_time_now ();
        ask_zone (&talk, skew);
        if (with_os)
            ask_os (&talk, skew);
    }
    skew->measured_us = kn_time_now ();
    skew->verdict = kn_skew_judge (skew);
    return skew;
}
