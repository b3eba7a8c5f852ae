/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for people: each decision with its reason and where it came from; and what tells two plans of a guest apart. */
#pragma once

#include "guest/plan.h"

/* Whether the decision is at or below @part ("clock", "devices/disk[vda]"); NULL: everything is. */
bool kn_guest_decision_is_in (const KnGuestDecision *decision, const char *part);

/* A table of the decisions in @part, "!" in front of what is worth a look. @width: columns of the terminal, 0: a line each,
 * however long. NULL: nothing is in @part. Caller frees. */
char *kn_guest_decisions_explain (const KnGuestDecision *decisions, gsize n, const char *part,
                                  guint width);
char *kn_guest_plan_explain (const KnGuestPlan *plan, const char *part, guint width);

/* The decisions of a plan, in order; borrowed. */
const KnGuestDecision *kn_guest_plan_decisions (const KnGuestPlan *plan, gsize *out_n);

/* A path that two plans decide differently. Borrowed from them. */
typedef struct {
    const char *path;
    const KnGuestDecision *before, *after; /* NULL: this plan has no such path */
} KnGuestChange;

/* What @after decides differently than @before, in the order of @after; what only @before has comes last. GArray of
 * KnGuestChange; unref frees. */
GArray *kn_guest_decisions_compare (const KnGuestDecision *before, gsize n_before,
                                    const KnGuestDecision *after, gsize n_after);

/* A table of changes; as above. */
char *kn_guest_changes_explain (const KnGuestChange *changes, gsize n, guint width);

/* A piece of hardware in words for people: "machine" -> "machine type"; other keys stay. Static or @key. */
const char *kn_guest_identity_label (const char *key);

/* A value that is not as planned: somebody edited it. */
typedef struct {
    char *path, *planned, *found; /* found NULL: it is gone; planned NULL: it was added */
} KnGuestDrift;
void kn_guest_drift_free (KnGuestDrift *drift);

/* What of @planned_xml is different in @domain_xml, a persistent definition as libvirt gives it. GPtrArray of KnGuestDrift.
 * Errors: VIRT: one of them is no domain XML. */
GPtrArray *kn_guest_drift_list (const char *planned_xml, const char *domain_xml, GError **error);
