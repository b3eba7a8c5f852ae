/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of server_clocks and server_clock_changes. Offsets are RTC minus UTC in seconds. */
#pragma once

#include "db/db.h"

/* Offsets that differ by no more are the same: clocks tick in seconds. */
#define KN_CLOCK_SAME_S 2

/* How the domain's clock was defined when it started; what an RTC_CHANGE means depends on it. */
typedef enum {
    KN_CLOCK_BASE_NONE, /* never started */
    KN_CLOCK_BASE_UTC,
    KN_CLOCK_BASE_VARIABLE,
    KN_CLOCK_BASE_TIMEZONE,
    KN_CLOCK_BASE_LOCALTIME,
    KN_CLOCK_BASE_N
} KnClockBase;

/* Whom the offset is from. */
typedef enum {
    KN_CLOCK_SOURCE_NONE,
    KN_CLOCK_SOURCE_GUEST,  /* it wrote its RTC */
    KN_CLOCK_SOURCE_REPEAT, /* it wrote back what it had been given by declaration */
    KN_CLOCK_SOURCE_IMAGE,  /* the guest that the image was made from */
    KN_CLOCK_SOURCE_USER,   /* os_rtc_offset set on the server */
    KN_CLOCK_SOURCE_MOVE,   /* what the guest saw on a host of another zone */
    KN_CLOCK_SOURCE_N
} KnClockSource;

/* One server. */
typedef struct {
    bool has_offset; /* the guest owns its RTC: */
    gint64 offset_s;
    gint64 since_us;   /* so long it has been the same */
    gint64 written_us; /* the guest's last write; 0: it is not from a guest's write here */
    KnClockSource source;

    /* the domain as it was started last */
    KnClockBase base;
    char *base_zone;        /* TIMEZONE: the declared, LOCALTIME: the host's; NULL: not known */
    gint64 base_offset_s;   /* what the RTC began with */
    bool base_offset_known; /* a host of unknown zone has none */
    gint64 started_us;

    /* UTC, TIMEZONE or LOCALTIME: the last start that was not by what the guest had set */
    KnClockBase declared;
    char *declared_zone;
} KnClockRow;

void kn_clock_row_free (KnClockRow *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnClockRow, kn_clock_row_free)

/* What the server's RTC shows, or showed when it was on last. False: not known. */
bool kn_clock_row_now (const KnClockRow *row, gint64 *out_offset_s);

/* "utc", "variable" … as they stand in the column and in libvirt's clock/@offset. */
const char *kn_clock_base_name (KnClockBase base);
KnClockBase kn_clock_base_from_name (const char *name);
/* "guest", "repeat", "image", "user", "move"; NULL for none. */
const char *kn_clock_source_name (KnClockSource source);

/* An empty row for a server of which nothing is recorded. NULL: error. */
KnClockRow *kn_store_clock_load (KnDb *db, const char *server, GError **error);

/* Takes note of what the domain starts with: .base* and .started_us of @row; .declared* follow. */
bool kn_store_clock_set_base (KnDb *db, const char *server, const KnClockRow *row, GError **error);

/* Stores an offset; by the guest (GUEST, REPEAT), it is a change in its history, too. */
bool kn_store_clock_set_offset (KnDb *db, const char *server, gint64 offset_s, gint64 at_us,
                                KnClockSource source, GError **error);

/* The guest does not own its RTC any more; the history stays. */
bool kn_store_clock_forget (KnDb *db, const char *server, GError **error);

/* Removes all that is recorded of a server. */
bool kn_store_clock_delete (KnDb *db, const char *server, GError **error);

/* One write of the guest. */
typedef struct {
    gint64 at_us;
    bool has_before;
    gint64 before_s; /* what its RTC was before */
    gint64 offset_s;
} KnClockChange;

/* How many changes of a server are kept. */
#define KN_CLOCK_CHANGES_MAX 64

/* Array of KnClockChange, newest first; unref. */
GArray *kn_store_clock_changes (KnDb *db, const char *server, GError **error);
