/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's clock after a gap. A guest that was paused or suspended, or that was started from a snapshot, counts on from where
 * it was; its agent sets it right. What came of it is an event of the action that ended the gap. */
#pragma once

#include "compute/server_work.h"

/* The event's name in instance_actions_events. */
#define KN_TIME_SET_EVENT "kilonova_set_guest_time"

typedef enum { KN_GAP_PAUSED, KN_GAP_SUSPENDED, KN_GAP_SNAPSHOT, KN_GAP_N } KnGap;

/* Asks for the clock of @work's server to be set, unless that is switched off (os_time_after_gap on the server, its image or its
 * flavor, else the option compute.time_after_gap). The action does not wait for it. Repeatable: once for each action. */
bool kn_time_set_begin (KnServerWork *work, KnGap gap, GError **error);
