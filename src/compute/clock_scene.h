/* SPDX-License-Identifier: Apache-2.0 */
/* All that is known about the clock of one server, gathered for those who show it. */
#pragma once

#include "compute/clock_facts.h"
#include "compute/compute_priv.h"
#include "compute/server.h"

/* Something to do about it. */
typedef struct {
    const char *code; /* static */
    char *text;       /* cause, consequence, remedy; owned */
} KnClockWarning;

typedef struct {
    const KnServer *server; /* borrowed */
    const char *policy;     /* in force since the last start; NULL: never started; static */
    const char *zone;       /* declared, IANA; NULL: none; of .clock */
    char *host_zone;        /* NULL: unknown */
    KnSkew *skew;           /* never NULL: where nothing was measured, it says why */
    char *text;             /* the verdict in words */
    GPtrArray *warnings;    /* of KnClockWarning */
    KnServerClock clock;    /* policy of the next start, hardware clock and its changes */
} KnClockScene;

void kn_clock_scene_clear (KnClockScene *scene);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KnClockScene, kn_clock_scene_clear)

/* Reads what is stored; nothing is measured. */
bool kn_clock_scene_load (KnCompute *compute, KnDb *db, const KnServer *server,
                          KnClockScene *out_scene, GError **error);

/* Where the agent told nothing, the hardware clock may: see kn_skew_try_rtc(). */
void kn_clock_refine_skew (KnCompute *compute, KnDb *db, const char *server, KnSkew *skew);
