/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the doctor: the tables of rules, one a file, and what rules ask together. */
#pragma once

#include "doctor/finding.h"

typedef struct {
    const KnDoctorRule *rows;
    gsize n;
} KnDoctorRules;

extern const KnDoctorRules kn_rules_clock, kn_rules_hyperv, kn_rules_cpu, kn_rules_device,
    kn_rules_machine, kn_rules_record, kn_rules_fleet, kn_rules_storage, kn_rules_measured;

/* Whether the subject was declared (by property @name with @value) to be as it is. */
bool kn_subject_declares (const KnSubject *subject, const char *name, const char *value);

/* What Windows wants, by version ("11") and edition. */
typedef struct {
    bool known;                 /* the version is */
    bool no_hyperv;             /* XP and 2003 use no Hyper-V features */
    bool old;                   /* before 7 and 2008 R2: no synthetic timers */
    bool needs_uefi, needs_tpm; /* Windows 11 */
    guint max_sockets;          /* 0: not known */
    guint sure_sockets;         /* that no edition of a client version goes beyond; 0: not known */
} KnWindowsWants;
KnWindowsWants kn_windows_wants (const char *version, const char *edition);
