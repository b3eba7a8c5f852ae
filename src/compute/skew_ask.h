/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a guest for its time, zone and name through its agent. */
#pragma once

#include "compute/skew.h"
#include "virt/domain.h"

#define KN_SKEW_DEADLINE_MS 2000

/* How guests are asked: libvirt, or what stands in for it in a benchmark or a test. */
typedef struct {
    char *(*ask) (gpointer data, const char *host, const char *server, const char *command,
                  guint deadline_ms, KnAgentFailure *out_failure);
    /* Whether guests of @host are ours to ask; NULL: all are. */
    bool (*serves) (gpointer data, const char *host);
    gpointer data;
} KnSkewOps;

/* The one that asks through libvirt; @virt has to outlive it. */
KnSkewOps kn_skew_ops (KnVirt *virt);

/* Asks the guest now. All questions together take at most the deadline; the operating system is asked for only with
 * @with_os. Never fails: what could not be had is in .why. The verdict is made, .since_us is the caller's. Waits: worker
 * threads only. */
KnSkew *kn_skew_ask (const KnSkewOps *ops, const char *host, const char *server, bool with_os);
