/* SPDX-License-Identifier: Apache-2.0 */
/* What is known about a server's clock, for its plan and for people. */
#pragma once

#include "compute/clock_store.h"
#include "compute/facts.h"
#include "guest/clock.h"

/* Adds to @facts what the guest, the project and the cloud say about the clock, and the offsets of the declared zone. What server,
 * image and flavor say is in there already. */
bool kn_clock_gather (KnCompute *compute, KnDb *db, const KnServer *server, KnServerFacts *facts,
                      GError **error);

/* Policy, zone and history of one server. */
typedef struct {
    KnGuestClock choice; /* of its next start */
    KnClockRow *row;     /* what its guest wrote, and what its domain was started with */
    GArray *changes;     /* of KnClockChange, newest first */
} KnServerClock;

void kn_server_clock_clear (KnServerClock *clock);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KnServerClock, kn_server_clock_clear)

/* Errors (public): BAD_REQUEST: the policy is timezone, and no zone is declared. */
bool kn_server_clock_load (KnCompute *compute, KnDb *db, const KnServer *server,
                           KnServerClock *out_clock, GError **error);

/* Whether the clock that is asked for can be had, as it stands in the database: inside the transaction that has changed it. */
bool kn_server_clock_check (KnCompute *compute, KnDb *db, const KnServer *server, GError **error);

/* Whether the options say something that exists: at start. Errors: BAD_REQUEST naming the option. */
bool kn_clock_check_options (const KnConfig *config, GError **error);
