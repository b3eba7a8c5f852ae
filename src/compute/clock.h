/* SPDX-License-Identifier: Apache-2.0 */
/* The hardware clocks of servers: what their guests wrote, what that means, and how it goes along. Offsets are RTC minus UTC in
 * seconds. */
#pragma once

#include "compute/clock_store.h"
#include "compute/compute.h"
#include "compute/server.h"
#include "virt/clock.h"

/* ---- rules; pure but for the zones of tzdata ---- */

/* What an RTC_CHANGE of @event_s means on the base of @row, when it was heard at @heard_us. On utc and variable it is the offset.
 * On timezone and localtime QEMU takes what the guest wrote for local time of that zone *at the time that was written*, whatever
 * the zone's offset was when it started. False: the zone is not known. */
bool kn_clock_meaning (const KnClockRow *row, gint64 event_s, gint64 heard_us,
                       gint64 *out_offset_s);

/* Whether a guest that has set its clock to @offset_s at @at_us says something of its own (GUEST), or gives back what its
 * declaration gives it, give or take the drift (REPEAT): then another declaration may still be right. */
KnClockSource kn_clock_source_of (const KnClockRow *row, gint64 offset_s, gint64 at_us);

/* What a domain's clock begins with when it is started at @now_us on a host in @host_zone (NULL: unknown). Caller frees. */
KnClockRow *kn_clock_row_at_start (const KnDomainClock *clock, const char *host_zone,
                                   gint64 now_us);

/* What changes for a guest's clock when its server goes elsewhere. */
typedef struct {
    const char *to_zone; /* the new host's zone, NULL: unknown */
    bool live;           /* the guest goes on running */
} KnClockMove;

/* Carries @row along in place. A guest that never wrote its RTC but read the old host's local time owns that offset from now on
 * where the new host's zone gives another; one that goes on running keeps what it was started with. True: @row changed. */
bool kn_clock_carry (KnClockRow *row, const KnClockMove *move, gint64 now_us);

/* ---- one server ---- */

/* Before a domain is started: settles what was heard of its earlier life and takes note of what it begins with. */
bool kn_server_clock_note_start (KnCompute *compute, KnDb *db, const KnServer *server,
                                 KnVirtHost *host, GError **error);

/* Looks at the running domain for writes that nobody heard: Kilonova or libvirtd was down. Asks QEMU only where the guest's own
 * setting counts. */
bool kn_server_clock_reconcile (KnCompute *compute, KnDb *db, const KnServer *server,
                                KnVirtHost *host, GError **error);

/* The same for a domain in @state, if that is one in which it has a clock. A QEMU that does not answer is no reason to stop: that is
 * logged. */
void kn_server_clock_look (KnCompute *compute, KnDb *db, const KnServer *server, KnVirtHost *host,
                           KnDomainState state);

/* The server goes to another host or flavor: call it in the transaction that records that. */
bool kn_server_clock_carry (KnDb *db, const KnServer *server, const KnClockMove *move,
                            GError **error);

/* Adds os_rtc_offset to the @properties of an image that is made of the server's disk, if its guest owns its RTC. */
bool kn_server_clock_to_image (KnDb *db, const KnServer *server, GHashTable *properties,
                               GError **error);

/* A server's disk is made from an image: takes over its os_rtc_offset, which stands in the @system_metadata, and forgets what was
 * before. */
bool kn_server_clock_from_image (KnDb *db, const char *server, GHashTable *system_metadata,
                                 GError **error);

/* ---- what is heard ---- */

typedef struct KnClockNews KnClockNews;
KnClockNews *kn_clock_news_new (void);
void kn_clock_news_free (KnClockNews *news);

/* An RTC_CHANGE; on the event thread. True: the first of a burst: call kn_server_clock_settle() in KN_CLOCK_SETTLE_MS. */
bool kn_clock_news_hear (KnClockNews *news, const char *server, gint64 event_s);

/* QEMU tells the first of a burst at once and the last within a second. */
#define KN_CLOCK_SETTLE_MS 2000

/* Stores what the last event of @server means; nothing heard is fine. */
bool kn_server_clock_settle (KnCompute *compute, KnDb *db, const char *server, GError **error);

/* The same for all of whom something was heard. */
void kn_clock_settle_all (KnCompute *compute, KnDb *db);
