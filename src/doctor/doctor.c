/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: all rules over all subjects. */
#include <string.h>

#include "doctor/rules_priv.h"

static const KnDoctorRules *const tables[] = {
    &kn_rules_clock,  &kn_rules_hyperv,   &kn_rules_cpu,   &kn_rules_device,  &kn_rules_machine,
    &kn_rules_record, &kn_rules_measured, &kn_rules_fleet, &kn_rules_storage,
};

#define RULES_MAX 128

const KnDoctorRule *const *
kn_doctor_rules (gsize *out_n)
{
    static const KnDoctorRule *rules[RULES_MAX];
    static gsize n_rules, ready;

    if (g_once_init_enter (&ready)) {
        for (gsize t = 0; t < G_N_ELEMENTS (tables); t++)
            for (gsize i = 0; i < tables[t]->n; i++)
                rules[n_rules++] = &tables[t]->rows[i];
        g_assert (n_rules <= RULES_MAX);
        g_once_init_leave (&ready, 1);
    }
    *out_n = n_rules;
    return rules;
}

const KnDoctorRule *
kn_doctor_rule_find (const char *name)
{
    gsize n;
    const KnDoctorRule *const *rules = kn_doctor_rules (&n);

    for (gsize i = 0; i < n; i++)
        if (strcmp (rules[i]->name, name) == 0)
            return rules[i];
    return NULL;
}

static gint
compare (gconstpointer a, gconstpointer b)
{
    const KnFinding *left = *(const KnFinding *const *)a, *right = *(const KnFinding *const *)b;

    if (left->severity != right->severity)
        return left->severity > right->severity ? -1 : 1;
    int by_rule = strcmp (left->rule->name, right->rule->name);
    return by_rule ? by_rule : g_strcmp0 (left->name, right->name);
}

static void
examine_by (const KnDoctorRule *rule, const KnFleet *fleet, GPtrArray *findings)
{
    KnExam exam = { .fleet = fleet, .rule = rule, .findings = findings };

    if (rule->check_fleet) {
        rule->check_fleet (&exam, fleet);
        return;
    }
    for (guint i = 0; i < fleet->subjects->len; i++) {
        exam.subject = fleet->subjects->pdata[i];
        rule->check (&exam, exam.subject);
    }
}

GPtrArray *
kn_doctor_examine (const KnFleet *fleet, const KnDoctorRule *only)
{
    GPtrArray *findings = g_ptr_array_new_with_free_func (kn_finding_free);
    gsize n;
    const KnDoctorRule *const *rules = kn_doctor_rules (&n);

    for (gsize i = 0; i < n; i++)
        if (!only || only == rules[i])
            examine_by (rules[i], fleet, findings);
    g_ptr_array_sort (findings, compare);
    return findings;
}

/* ---- what a start would mend ---- */

static KnDefinition *
make_planned (const KnSubject *subject)
{
    g_autofree char *xml = subject->plan ? kn_guest_plan_format_xml (subject->plan, NULL) : NULL;

    return xml ? kn_definition_new (xml, NULL) : NULL;
}

static bool
is_in_plan (const KnFleet *fleet, const KnSubject *subject, KnDefinition *planned,
            const KnDoctorRule *rule)
{
    g_autoptr (GPtrArray) findings = g_ptr_array_new_with_free_func (kn_finding_free);
    KnSubject trial = *subject; /* borrows all of it */
    KnExam exam = { .fleet = fleet, .subject = &trial, .rule = rule, .findings = findings };

    trial.persistent = planned;
    trial.live = NULL;
    trial.running = false;
    rule->check (&exam, &trial);
    return findings->len > 0;
}

void
kn_doctor_try_plans (const KnFleet *fleet, GPtrArray *findings)
{
    g_autoptr (GHashTable) subjects = g_hash_table_new (g_str_hash, g_str_equal);
    g_autoptr (GHashTable) plans = g_hash_table_new_full (g_direct_hash, g_direct_equal, NULL,
                                                          (GDestroyNotify)kn_definition_free);

    for (guint i = 0; i < fleet->subjects->len; i++) {
        KnSubject *subject = fleet->subjects->pdata[i];
        g_hash_table_insert (subjects, subject->uuid, subject);
    }
    for (guint i = 0; i < findings->len; i++) {
        KnFinding *finding = findings->pdata[i];
        const KnSubject *subject
            = finding->server ? g_hash_table_lookup (subjects, finding->server) : NULL;

        if (!subject || !subject->plan || !finding->rule->check
            || finding->rule->needs & KN_NEEDS_MEASUREMENT)
            continue;
        KnDefinition *planned = g_hash_table_lookup (plans, subject);
        if (!planned && (planned = make_planned (subject)))
            g_hash_table_insert (plans, (gpointer)subject, planned);
        finding->mended_by_start = planned && !is_in_plan (fleet, subject, planned, finding->rule);
    }
}
