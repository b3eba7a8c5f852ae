/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of CPU numbers. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define KN_CPUS_MAX 1024

typedef struct {
    guint64 words[KN_CPUS_MAX / 64];
    bool beyond; /* it also held numbers of KN_CPUS_MAX and above */
} KnCpus;

/* Reads "0-3,^2,7": numbers, ranges, and exclusions, which win. False: it is no such list. */
bool kn_cpus_parse (const char *text, KnCpus *out_cpus);
/* "0-1,3,7"; caller frees. */
char *kn_cpus_format (const KnCpus *cpus);

KnCpus kn_cpus_below (guint n); /* 0 … n-1 */
void kn_cpus_add (KnCpus *cpus, guint cpu);
void kn_cpus_remove (KnCpus *cpus, guint cpu);
bool kn_cpus_has (const KnCpus *cpus, guint cpu);
guint kn_cpus_count (const KnCpus *cpus);
bool kn_cpus_is_empty (const KnCpus *cpus);
bool kn_cpus_equal (const KnCpus *a, const KnCpus *b);
bool kn_cpus_is_within (const KnCpus *inner, const KnCpus *outer);
KnCpus kn_cpus_and (KnCpus a, KnCpus b);
KnCpus kn_cpus_or (KnCpus a, KnCpus b);
KnCpus kn_cpus_minus (KnCpus a, KnCpus b);
