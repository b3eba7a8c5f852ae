/* SPDX-License-Identifier: Apache-2.0 */
/* What guests' writes to their hardware clocks mean, and how that goes along with a server. */
#include "compute/clock.h"

#include <string.h>

#include "base/log.h"
#include "base/time.h"
#include "base/util.h"
#include "base/zone.h"
#include "compute/compute_priv.h"
#include "guest/clock.h"
#include "virt/domain.h"

/* What passes while QEMU starts is lost to a clock that begins at a given date: on a busy host, seconds. */
#define UNHEARD_S 30

#define OFFSET_PROPERTY "os_rtc_offset"
#define OFFSET_KEY "image_" OFFSET_PROPERTY

static bool
is_local (KnClockBase base)
{
    return base == KN_CLOCK_BASE_TIMEZONE || base == KN_CLOCK_BASE_LOCALTIME;
}

/* QEMU 7.2, util/qemu-timer and softmmu/rtc.c: the event is mktime(what was written) - now, and so what was written is the zone's
 * local time of the instant now + event. Measured: a July date written in November with TZ=Europe/Berlin came with July's offset. */
bool
kn_clock_meaning (const KnClockRow *row, gint64 event_s, gint64 heard_us, gint64 *out_offset_s)
{
    gint64 zone_s = 0;

    if (is_local (row->base)
        && (row->base_zone == NULL
            || !kn_zone_offset_at (row->base_zone, heard_us + event_s * G_USEC_PER_SEC, &zone_s)))
        return false;
    *out_offset_s = event_s + zone_s;
    return true;
}

KnClockSource
kn_clock_source_of (const KnClockRow *row, gint64 offset_s, gint64 at_us)
{
    gint64 given_s[2] = { 0, 0 };

    if (row->declared == KN_CLOCK_BASE_NONE
        || (is_local (row->declared)
            && (row->declared_zone == NULL
                || !kn_zone_offsets_around (row->declared_zone, at_us, given_s))))
        return KN_CLOCK_SOURCE_GUEST;
    for (gsize i = 0; i < G_N_ELEMENTS (given_s); i++)
        if (ABS (offset_s - given_s[i]) <= KN_GUEST_CLOCK_DRIFT_S)
            return KN_CLOCK_SOURCE_REPEAT;

    return KN_CLOCK_SOURCE_GUEST;
}

KnClockRow *
kn_clock_row_at_start (const KnDomainClock *clock, const char *host_zone, gint64 now_us)
{
    KnClockRow *row = g_new0 (KnClockRow, 1);

    row->base = kn_clock_base_from_name (clock->offset);
    if (row->base == KN_CLOCK_BASE_NONE) /* libvirt's default */
        row->base = KN_CLOCK_BASE_UTC;
    row->started_us = now_us;
    if (row->base == KN_CLOCK_BASE_TIMEZONE)
        row->base_zone = g_strdup (clock->timezone);
    else if (row->base == KN_CLOCK_BASE_LOCALTIME)
        row->base_zone = g_strdup (host_zone);

    if (is_local (row->base)) {
        row->base_offset_known = row->base_zone != NULL
                                 && kn_zone_offset_at (row->base_zone, now_us, &row->base_offset_s);
        return row;
    }
    row->base_offset_known = true;
    if (row->base == KN_CLOCK_BASE_VARIABLE)
        row->base_offset_s = clock->adjustment_s;
    return row;
}

static bool
gives_the_same (const KnClockRow *row, const char *zone, gint64 now_us)
{
    gint64 here_s = 0, there_s = 0;

    return g_strcmp0 (row->base_zone, zone) == 0
           || (row->base_zone != NULL && zone != NULL
               && kn_zone_offset_at (row->base_zone, now_us, &here_s)
               && kn_zone_offset_at (zone, now_us, &there_s) && here_s == there_s);
}

bool
kn_clock_carry (KnClockRow *row, const KnClockMove *move, gint64 now_us)
{
    if (row->base != KN_CLOCK_BASE_LOCALTIME)
        return false;
    if (!row->has_offset && row->base_offset_known
        && !gives_the_same (row, move->to_zone, now_us)) {
        row->has_offset = true;
        row->offset_s = row->base_offset_s;
        row->since_us = now_us;
        row->source = KN_CLOCK_SOURCE_MOVE;
        if (!move->live)
            return true;
    }
    if (!move->live)
        return false;
    /* What the guest writes from now on is read with the new host's zone. */
    g_free (row->base_zone);
    row->base_zone = g_strdup (move->to_zone);
    return true;
}

typedef struct {
    const char *server;
    const KnClockMove *move;
} Carry;

static bool
carry_txn (KnDb *db, gpointer data, GError **error)
{
    const Carry *carry = data;
    gint64 now_us = kn_time_now ();
    g_autoptr (KnClockRow) row = kn_store_clock_load (db, carry->server, error);
    bool owned;

    if (row == NULL)
        return false;
    owned = row->has_offset;
    if (!kn_clock_carry (row, carry->move, now_us))
        return true;

    return kn_store_clock_set_base (db, carry->server, row, error)
           && (owned || !row->has_offset
               || kn_store_clock_set_offset (db, carry->server, row->offset_s, now_us, row->source,
                                             error));
}

bool
kn_server_clock_carry (KnDb *db, const KnServer *server, const KnClockMove *move, GError **error)
{
    Carry carry = { server->uuid, move };

    return kn_db_txn (db, carry_txn, &carry, error);
}

/* A guest on UTC that writes UTC says nothing that its image's guests need, and a Windows that nobody declared would stay there. */
static bool
goes_into_images (const KnClockRow *row)
{
    return row->has_offset
           && (row->source != KN_CLOCK_SOURCE_REPEAT || row->declared != KN_CLOCK_BASE_UTC);
}

bool
kn_server_clock_to_image (KnDb *db, const KnServer *server, GHashTable *properties, GError **error)
{
    g_autoptr (KnClockRow) row = kn_store_clock_load (db, server->uuid, error);

    if (row == NULL)
        return false;
    if (goes_into_images (row))
        g_hash_table_replace (properties, g_strdup (OFFSET_PROPERTY),
                              g_strdup_printf ("%" G_GINT64_FORMAT, row->offset_s));
    else
        g_hash_table_remove (properties, OFFSET_PROPERTY);

    return true;
}

bool
kn_server_clock_from_image (KnDb *db, const char *server, GHashTable *system_metadata,
                            GError **error)
{
    const char *text = g_hash_table_lookup (system_metadata, OFFSET_KEY);
    gint64 offset_s;

    if (text == NULL || !kn_parse_int (text, G_MININT64, G_MAXINT64, &offset_s))
        return kn_store_clock_forget (db, server, error);

    return kn_store_clock_set_offset (db, server, offset_s, kn_time_now (), KN_CLOCK_SOURCE_IMAGE,
                                      error);
}

static const char *
host_zone (KnVirtHost *host)
{
    const KnVirtFacts *facts = kn_virt_host_facts (host, NULL);

    return facts != NULL ? facts->zone : NULL;
}

bool
kn_server_clock_note_start (KnCompute *compute, KnDb *db, const KnServer *server, KnVirtHost *host,
                            GError **error)
{
    g_auto (KnDomainClock) clock = { 0 };
    g_autoptr (KnClockRow) row = NULL;
    KnDomainState state;

    if (!kn_server_clock_settle (compute, db, server->uuid, error)
        || !kn_domain_load_state (host, server->uuid, &state, error))
        return false;
    if (state != KN_DOMAIN_SHUTOFF && state != KN_DOMAIN_CRASHED) /* noted when it was started */
        return true;
    if (!kn_domain_load_clock (host, server->uuid, KN_CLOCK_DEFINED, &clock, error))
        return false;
    row = kn_clock_row_at_start (&clock, host_zone (host), kn_time_now ());

    return kn_store_clock_set_base (db, server->uuid, row, error);
}

static bool
is_base_of (const KnClockRow *row, const KnClockRow *live)
{
    return row->base == live->base
           && (row->base != KN_CLOCK_BASE_TIMEZONE
               || g_strcmp0 (row->base_zone, live->base_zone) == 0);
}

/* Replaces a base that is not the running domain's: one that was never noted, or a domain that others started. */
static bool
mend_base (KnDb *db, const KnServer *server, KnVirtHost *host, const KnDomainClock *clock,
           KnClockRow *row, GError **error)
{
    g_autoptr (KnClockRow) live = kn_clock_row_at_start (clock, host_zone (host), kn_time_now ());

    if (is_base_of (row, live))
        return true;
    if (!kn_store_clock_set_base (db, server->uuid, live, error))
        return false;
    row->base = live->base;
    row->base_offset_known = live->base_offset_known;
    row->base_offset_s = live->base_offset_s;
    row->started_us = live->started_us;
    if (live->base != KN_CLOCK_BASE_VARIABLE) {
        row->declared = live->base;
        g_free (row->declared_zone);
        row->declared_zone = g_strdup (live->base_zone);
    }
    g_free (row->base_zone);
    row->base_zone = g_steal_pointer (&live->base_zone);

    return true;
}

/* What the guest reads now. libvirt's own count, where it agrees with QEMU, is exact; QEMU's clock tells whole seconds. */
static bool
load_offset (KnVirtHost *host, const KnServer *server, const KnDomainClock *clock, bool *out_known,
             gint64 *out_offset_s, GError **error)
{
    gint64 rtc_s = 0;

    if (!kn_domain_load_rtc (host, server->uuid, out_known, &rtc_s, error))
        return false;
    if (!*out_known)
        return true;
    *out_offset_s = rtc_s - kn_time_now () / G_USEC_PER_SEC;
    if (kn_clock_base_from_name (clock->offset) == KN_CLOCK_BASE_VARIABLE && clock->basis_utc
        && ABS (clock->adjustment_s - *out_offset_s) <= KN_CLOCK_SAME_S)
        *out_offset_s = clock->adjustment_s;
    return true;
}

static bool
look (KnDb *db, const KnServer *server, KnVirtHost *host, KnClockRow *row, GError **error)
{
    g_auto (KnDomainClock) clock = { 0 };
    gint64 offset_s = 0, known_s = 0, now_us = kn_time_now ();
    bool known = false;

    if (!kn_domain_load_clock (host, server->uuid, KN_CLOCK_RUNNING, &clock, error)
        || !mend_base (db, server, host, &clock, row, error))
        return false;
    /* A clock on UTC is not the guest's own. */
    if (row->base == KN_CLOCK_BASE_UTC)
        return true;
    if (!load_offset (host, server, &clock, &known, &offset_s, error))
        return false;
    if (!known || !kn_clock_row_now (row, &known_s) || ABS (offset_s - known_s) <= UNHEARD_S)
        return true;
    kn_log (KN_LOG_INFO, "a guest has set its clock unheard", "server", server->uuid, NULL);

    return kn_store_clock_set_offset (db, server->uuid, offset_s, now_us,
                                      kn_clock_source_of (row, offset_s, now_us), error);
}

bool
kn_server_clock_reconcile (KnCompute *compute, KnDb *db, const KnServer *server, KnVirtHost *host,
                           GError **error)
{
    g_autoptr (KnClockRow) row = NULL;

    if (!kn_server_clock_settle (compute, db, server->uuid, error))
        return false;
    row = kn_store_clock_load (db, server->uuid, error);
    if (row == NULL)
        return false;

    return row->base == KN_CLOCK_BASE_UTC || look (db, server, host, row, error);
}

void
kn_server_clock_look (KnCompute *compute, KnDb *db, const KnServer *server, KnVirtHost *host,
                      KnDomainState state)
{
    g_autoptr (GError) error = NULL;

    if ((state == KN_DOMAIN_RUNNING || state == KN_DOMAIN_PAUSED)
        && !kn_server_clock_reconcile (compute, db, server, host, &error))
        kn_log (KN_LOG_WARNING, "cannot look at a guest's clock", "server", server->uuid, "why",
                error->message, NULL);
}
