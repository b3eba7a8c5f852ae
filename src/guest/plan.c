/* SPDX-License-Identifier: Apache-2.0 */
/* The plan: runs the concepts over a draft and keeps their decisions in order. */
#include "guest/plan.h"

#include <string.h>

#include "guest/guest_priv.h"

/* What later concepts build on is chosen first; then each writes its part of the domain. */
static const KnConcept concepts[] = {
    kn_choose_numa,      kn_hear_rescue_image, kn_choose_machine,  kn_choose_slots,
    kn_decide_names,     kn_decide_memory,     kn_decide_vcpus,    kn_decide_metadata,
    kn_decide_cpu,       kn_decide_firmware,   kn_decide_features, kn_decide_clock,
    kn_decide_disks,     kn_decide_nics,       kn_decide_devices,  kn_decide_usb,
    kn_decide_addresses,
};

KnGuestPlan *
kn_guest_plan_new_empty (void)
{
    KnGuestPlan *plan = g_new0 (KnGuestPlan, 1);
    plan->text = g_string_chunk_new (8192);
    plan->decisions = g_array_sized_new (FALSE, TRUE, sizeof (KnGuestDecision), 160);
    plan->identity = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    return plan;
}

KnGuestPlan *
kn_guest_plan_new (const KnGuestFacts *facts, GError **error)
{
    g_autoptr (KnGuestPlan) plan = kn_guest_plan_new_empty ();
    g_autoptr (KnDraft) draft = kn_draft_new (facts, plan, error);
    if (!draft)
        return NULL;

    for (gsize i = 0; i < G_N_ELEMENTS (concepts); i++)
        if (!concepts[i](draft, error))
            return NULL;
    return g_steal_pointer (&plan);
}

void
kn_guest_plan_free (KnGuestPlan *plan)
{
    if (!plan)
        return;
    g_string_chunk_free (plan->text);
    g_array_unref (plan->decisions);
    g_hash_table_unref (plan->identity);
    g_free (plan);
}

gsize
kn_guest_plan_count (const KnGuestPlan *plan)
{
    return plan->decisions->len;
}

const KnGuestDecision *
kn_guest_plan_decision (const KnGuestPlan *plan, gsize index)
{
    return &g_array_index (plan->decisions, KnGuestDecision, index);
}

const KnGuestDecision *
kn_guest_plan_find (const KnGuestPlan *plan, const char *path)
{
    for (gsize i = 0; i < plan->decisions->len; i++) {
        const KnGuestDecision *decision = kn_guest_plan_decision (plan, i);
        if (strcmp (decision->path, path) == 0)
            return decision;
    }
    return NULL;
}

const char *
kn_guest_plan_own_cpus (const KnGuestPlan *plan)
{
    return plan->own_cpus;
}

const char *
kn_guest_plan_own_pages (const KnGuestPlan *plan)
{
    return plan->own_pages;
}

GHashTable *
kn_guest_plan_identity (const KnGuestPlan *plan)
{
    return g_hash_table_ref (plan->identity);
}

char *
kn_keep (KnDraft *draft, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    g_autofree char *text = g_strdup_vprintf (format, args);
    va_end (args);
    return g_string_chunk_insert (draft->plan->text, text);
}

const char *
kn_by_profile (KnDraft *draft)
{
    return kn_keep (draft, "profile %s", draft->profile->name);
}

void
kn_because (KnDraft *draft, const KnRule *rule, const char *source)
{
    draft->rule = rule;
    draft->reason = rule->because;
    draft->source
        = source ? g_string_chunk_insert_const (draft->plan->text, source) : kn_by_profile (draft);
}

void
kn_because_of (KnDraft *draft, const KnRule *rule, const char *source, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    g_autofree char *reason = g_strdup_vprintf (format, args);
    va_end (args);

    kn_because (draft, rule, source);
    draft->reason = g_string_chunk_insert (draft->plan->text, reason);
}

static void
add_decision (KnDraft *draft, const char *path, const char *value)
{
    GStringChunk *text = draft->plan->text;
    KnGuestDecision decision = {
        .path = g_string_chunk_insert (text, path),
        .value = value ? g_string_chunk_insert (text, value) : NULL,
        .rule = draft->rule->name,
        .source = draft->source,
        .reason = draft->reason,
        .warning = draft->rule->warning,
    };
    g_array_append_val (draft->plan->decisions, decision);
}

void
kn_decide (KnDraft *draft, const char *path, const char *value)
{
    add_decision (draft, path, value ? value : "");
}

void
kn_decide_in (KnDraft *draft, const char *element, const char *path, const char *value)
{
    g_autofree char *whole = g_strconcat (element, "/", path, NULL);
    kn_decide (draft, whole, value);
}

void
kn_decide_number (KnDraft *draft, const char *path, gint64 value)
{
    char text[32];
    g_snprintf (text, sizeof text, "%" G_GINT64_FORMAT, value);
    kn_decide (draft, path, text);
}

void
kn_leave_out (KnDraft *draft, const char *path)
{
    add_decision (draft, path, NULL);
}
