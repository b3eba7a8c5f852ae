/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of CPU numbers. */
#include "guest/cpus.h"

#include <string.h>

#include "base/util.h"

#define N_WORDS (KN_CPUS_MAX / 64)

void
kn_cpus_add (KnCpus *cpus, guint cpu)
{
    if (cpu < KN_CPUS_MAX)
        cpus->words[cpu / 64] |= (guint64)1 << cpu % 64;
    else
        cpus->beyond = true;
}

void
kn_cpus_remove (KnCpus *cpus, guint cpu)
{
    if (cpu < KN_CPUS_MAX)
        cpus->words[cpu / 64] &= ~((guint64)1 << cpu % 64);
}

bool
kn_cpus_has (const KnCpus *cpus, guint cpu)
{
    return cpu < KN_CPUS_MAX && cpus->words[cpu / 64] >> cpu % 64 & 1;
}

guint
kn_cpus_count (const KnCpus *cpus)
{
    guint count = 0;
    for (gsize i = 0; i < N_WORDS; i++)
        count += (guint)__builtin_popcountll (cpus->words[i]);
    return count;
}

bool
kn_cpus_is_empty (const KnCpus *cpus)
{
    return kn_cpus_count (cpus) == 0 && !cpus->beyond;
}

KnCpus
kn_cpus_below (guint n)
{
    KnCpus cpus = { 0 };
    for (guint i = 0; i < MIN (n, KN_CPUS_MAX); i++)
        kn_cpus_add (&cpus, i);
    return cpus;
}

bool
kn_cpus_equal (const KnCpus *a, const KnCpus *b)
{
    return memcmp (a->words, b->words, sizeof a->words) == 0 && a->beyond == b->beyond;
}

KnCpus
kn_cpus_and (KnCpus a, KnCpus b)
{
    for (gsize i = 0; i < N_WORDS; i++)
        a.words[i] &= b.words[i];
    a.beyond = a.beyond && b.beyond;
    return a;
}

KnCpus
kn_cpus_or (KnCpus a, KnCpus b)
{
    for (gsize i = 0; i < N_WORDS; i++)
        a.words[i] |= b.words[i];
    a.beyond = a.beyond || b.beyond;
    return a;
}

KnCpus
kn_cpus_minus (KnCpus a, KnCpus b)
{
    for (gsize i = 0; i < N_WORDS; i++)
        a.words[i] &= ~b.words[i];
    return a;
}

bool
kn_cpus_is_within (const KnCpus *inner, const KnCpus *outer)
{
    KnCpus rest = kn_cpus_minus (*inner, *outer);
    return kn_cpus_is_empty (&rest);
}

static void
add_range (KnCpus *cpus, gint64 first, gint64 last)
{
    for (gint64 cpu = first; cpu <= MIN (last, KN_CPUS_MAX); cpu++)
        kn_cpus_add (cpus, (guint)cpu);
}

static bool
parse_rule (char *rule, KnCpus *in, KnCpus *out)
{
    gint64 first, last;
    KnCpus *to = in;
    if (*rule == '^') {
        to = out;
        rule++;
    }
    char *dash = strchr (rule, '-');
    if (dash)
        *dash = '\0';
    if (!kn_parse_int (g_strstrip (rule), 0, G_MAXINT64, &first))
        return false;
    last = first;
    if (dash && (!kn_parse_int (g_strstrip (dash + 1), 0, G_MAXINT64, &last) || last < first))
        return false;
    add_range (to, MIN (first, KN_CPUS_MAX), last);
    return true;
}

bool
kn_cpus_parse (const char *text, KnCpus *out_cpus)
{
    KnCpus in = { 0 }, out = { 0 };
    g_auto (GStrv) rules = g_strsplit (text, ",", -1);
    for (gsize i = 0; rules[i]; i++) {
        char *rule = g_strstrip (rules[i]);
        if (*rule && !parse_rule (rule, &in, &out))
            return false;
    }
    *out_cpus = kn_cpus_minus (in, out);
    return true;
}

char *
kn_cpus_format (const KnCpus *cpus)
{
    GString *text = g_string_new (NULL);
    for (guint cpu = 0; cpu < KN_CPUS_MAX; cpu++) {
        if (!kn_cpus_has (cpus, cpu))
            continue;
        guint last = cpu;
        while (kn_cpus_has (cpus, last + 1))
            last++;
        g_string_append_printf (text, "%s%u", text->len ? "," : "", cpu);
        if (last > cpu)
            g_string_append_printf (text, "-%u", last);
        cpu = last;
    }
    return g_string_free (text, FALSE);
}
