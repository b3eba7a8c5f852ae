/* SPDX-License-Identifier: Apache-2.0 */
/* A plan for people. */
#include "guest/explain.h"

#include <string.h>

#include "base/table.h"
#include "guest/guest_priv.h"

bool
kn_guest_decision_is_in (const KnGuestDecision *decision, const char *part)
{
    if (!part)
        return true;
    gsize len = strlen (part);
    return strncmp (decision->path, part, len) == 0
           && (decision->path[len] == '\0' || strchr ("/@[", decision->path[len]));
}

static const char *
show_value (const KnGuestDecision *decision)
{
    if (!decision || !decision->value)
        return "(left out)";
    return *decision->value ? decision->value : "(there)";
}

/* The sentence, then the fact it came from and the rule's name. */
static char *
dup_why (const KnGuestDecision *decision)
{
    return g_strdup_printf ("%s [%s; %s]", decision->reason, decision->source, decision->rule);
}

char *
kn_guest_decisions_explain (const KnGuestDecision *decisions, gsize n, const char *part,
                            guint width)
{
    static const char *const headings[] = { " ", "ELEMENT", "VALUE", "WHY", NULL };
    g_autoptr (KnTable) table = kn_table_new (headings);
    bool any = false;
    for (gsize i = 0; i < n; i++) {
        const KnGuestDecision *decision = &decisions[i];
        if (!kn_guest_decision_is_in (decision, part))
            continue;
        g_autofree char *why = dup_why (decision);
        const char *const cells[]
            = { decision->warning ? "!" : " ", decision->path, show_value (decision), why };
        kn_table_add (table, cells);
        any = true;
    }
    return any ? kn_table_format (table, width) : NULL;
}

const KnGuestDecision *
kn_guest_plan_decisions (const KnGuestPlan *plan, gsize *out_n)
{
    *out_n = plan->decisions->len;
    return (const KnGuestDecision *)(gpointer)plan->decisions->data;
}

char *
kn_guest_plan_explain (const KnGuestPlan *plan, const char *part, guint width)
{
    gsize n;
    const KnGuestDecision *decisions = kn_guest_plan_decisions (plan, &n);
    return kn_guest_decisions_explain (decisions, n, part, width);
}

/* By path; of several with one path the last counts, as in the XML. */
static GHashTable *
index_paths (const KnGuestDecision *decisions, gsize n)
{
    GHashTable *index = g_hash_table_new (g_str_hash, g_str_equal);
    for (gsize i = 0; i < n; i++)
        g_hash_table_insert (index, (gpointer)decisions[i].path, (gpointer)&decisions[i]);
    return index;
}

/* What is left out on purpose and what nobody spoke of are the same in the XML. */
static bool
is_same (const KnGuestDecision *a, const KnGuestDecision *b)
{
    return g_strcmp0 (a ? a->value : NULL, b ? b->value : NULL) == 0;
}

GArray *
kn_guest_decisions_compare (const KnGuestDecision *before, gsize n_before,
                            const KnGuestDecision *after, gsize n_after)
{
    GArray *changes = g_array_new (FALSE, TRUE, sizeof (KnGuestChange));
    g_autoptr (GHashTable) old = index_paths (before, n_before);
    g_autoptr (GHashTable) new = index_paths (after, n_after);
    for (gsize i = 0; i < n_after; i++) {
        const char *path = after[i].path;
        KnGuestChange change = { path, g_hash_table_lookup (old, path), &after[i] };
        if (g_hash_table_lookup (new, path) == &after[i] && !is_same (change.before, change.after))
            g_array_append_val (changes, change);
    }
    for (gsize i = 0; i < n_before; i++) {
        const char *path = before[i].path;
        KnGuestChange change = { path, &before[i], NULL };
        if (g_hash_table_lookup (old, path) == &before[i] && before[i].value
            && !g_hash_table_contains (new, path))
            g_array_append_val (changes, change);
    }
    return changes;
}

char *
kn_guest_changes_explain (const KnGuestChange *changes, gsize n, guint width)
{
    static const char *const headings[] = { " ", "ELEMENT", "NOW", "THEN", "WHY", NULL };
    g_autoptr (KnTable) table = kn_table_new (headings);
    for (gsize i = 0; i < n; i++) {
        const KnGuestChange *change = &changes[i];
        g_autofree char *why
            = change->after ? dup_why (change->after) : g_strdup ("Nothing asks for it any more.");
        const char *const cells[]
            = { change->after && change->after->warning ? "!" : " ", change->path,
                show_value (change->before), show_value (change->after), why };
        kn_table_add (table, cells);
    }
    return kn_table_format (table, width);
}

static const struct {
    const char *key, *label;
} labels[] = {
    { "machine", "machine type" },
    { "firmware", "firmware" },
    { "secure_boot", "Secure Boot" },
    { "disk_bus", "bus of the disks" },
    { "cdrom_bus", "bus of CD-ROMs" },
    { "vif_model", "network card" },
    { "scsi_model", "SCSI controller" },
    { "usb_model", "USB controller" },
    { "tpm_version", "TPM version" },
    { "tpm_model", "TPM interface" },
    { "nvram", "place of UEFI's variables" },
};

const char *
kn_guest_identity_label (const char *key)
{
    for (gsize i = 0; i < G_N_ELEMENTS (labels); i++)
        if (strcmp (labels[i].key, key) == 0)
            return labels[i].label;
    return key;
}
