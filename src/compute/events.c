/* SPDX-License-Identifier: Apache-2.0 */
/* News of domains and hosts. A piece of news says only where to look: the state is asked for afresh, since what was true when
 * libvirt wrote it may have changed by the time it is read. */
#include "compute/events.h"

#include "base/error.h"
#include "base/log.h"
#include "compute/clock.h"
#include "compute/host.h"
#include "compute/reconcile.h"

typedef enum {
    NEWS_HOST,  /* it came */
    NEWS_STATE, /* of a domain */
    NEWS_CLOCK  /* a guest has set its own; .host is NULL */
} NewsKind;

typedef struct {
    NewsKind kind;
    char *host, *server;
} News;

static void
news_free (News *news)
{
    g_free (news->host);
    g_free (news->server);
    g_free (news);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (News, news_free)

static bool
handle (KnCompute *compute, const News *news, GError **error)
{
    KnDb *db = kn_compute_db (compute, error);

    if (db == NULL)
        return false;
    if (news->kind == NEWS_CLOCK)
        return kn_server_clock_settle (compute, db, news->server, error);
    if (news->kind == NEWS_STATE)
        return kn_reconcile_server (compute, db, news->host, news->server, error);

    return kn_host_note_up (db, news->host, error)
           && kn_compute_reconcile (compute, news->host, error);
}

static void
work (gpointer data, gpointer user_data)
{
    g_autoptr (News) news = data;
    g_autoptr (GError) error = NULL;

    if (!handle (user_data, news, &error))
        kn_log (KN_LOG_WARNING, "cannot follow what happened on a host", "host", news->host,
                "server", news->server, "why", error->message, NULL);
}

GThreadPool *
kn_compute_news_new (KnCompute *compute, GError **error)
{
    return g_thread_pool_new_full (work, compute, (GDestroyNotify)news_free, 1, false, error);
}

static void
push (KnCompute *compute, NewsKind kind, const char *host, const char *server)
{
    News *news = g_new0 (News, 1);

    news->kind = kind;
    news->host = g_strdup (host);
    news->server = g_strdup (server);
    (void)g_thread_pool_push (compute->news, news, NULL);
}

static void
on_domain_state (gpointer data, const char *host, const char *uuid, KnDomainState state,
                 const char *reason)
{
    push (data, NEWS_STATE, host, uuid);
}

typedef struct {
    KnCompute *compute;
    char *server;
} Settle;

static gboolean
settle_clock (gpointer data)
{
    const Settle *settle = data;

    push (settle->compute, NEWS_CLOCK, NULL, settle->server);
    return G_SOURCE_REMOVE;
}

static void
settle_free (gpointer data)
{
    Settle *settle = data;

    g_free (settle->server);
    g_free (settle);
}

/* The event thread runs the main context that the time-out is for. */
static void
on_rtc_change (gpointer data, const char *host, const char *uuid, gint64 offset_s)
{
    KnCompute *compute = data;
    Settle *settle;

    if (!kn_clock_news_hear (compute->clock_news, uuid, offset_s))
        return;
    settle = g_new (Settle, 1);
    *settle = (Settle){ compute, g_strdup (uuid) };
    (void)g_timeout_add_full (G_PRIORITY_DEFAULT, KN_CLOCK_SETTLE_MS, settle_clock, settle,
                              settle_free);
}

/* The agent has come: what it has to say is not waited for until the next round. */
static void
on_agent (gpointer data, const char *host, const char *uuid, bool connected)
{
    KnCompute *compute = data;
    KnSkewRounds *skews = g_atomic_pointer_get (&compute->skews);

    if (connected && skews != NULL)
        kn_skew_rounds_wake (skews, uuid);
}

static void
on_host_state (gpointer data, const char *host, bool up, const char *why)
{
    if (up)
        kn_log (KN_LOG_INFO, "a compute host is up", "host", host, NULL);
    else
        kn_log (KN_LOG_WARNING, "a compute host is away", "host", host, "why", why, NULL);
    if (up)
        push (data, NEWS_HOST, host, NULL);
}

KnVirtEvents
kn_compute_virt_events (KnCompute *compute)
{
    return (KnVirtEvents){
        .domain_state = on_domain_state,
        .agent = on_agent,
        .rtc_change = on_rtc_change,
        .host_state = on_host_state,
        .data = compute,
    };
}
