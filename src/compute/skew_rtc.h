/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's writes to its hardware clock tell where no agent does. */
#pragma once

#include "compute/clock_store.h"
#include "compute/server.h"
#include "compute/skew.h"

/* Fills @skew from the last write of the present run, if the agent told nothing and it is known what the guest keeps in its
 * hardware clock: UTC, or the local time of @zone (NULL: none is declared) for Windows. */
void kn_skew_try_rtc (KnSkew *skew, const KnServer *server, const KnClockRow *row,
                      const char *zone);

/* Whether the last of @changes (newest first) is the sign of a Windows that nobody declared: a step by a zone away from UTC.
 * *@out_step_s is its size. */
bool kn_skew_is_windows_step (const GArray *changes, const KnServer *server, gint64 *out_step_s);
