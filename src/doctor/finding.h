/* SPDX-License-Identifier: Apache-2.0 */
/* Findings: what is wrong with a guest, how we know, what it causes and what to do. */
#pragma once

#include "doctor/subject.h"

typedef enum {
    KN_SEVERITY_NOTICE,  /* worth knowing */
    KN_SEVERITY_WARNING, /* something does not work as it should, or will not after the next start */
    KN_SEVERITY_ERROR,   /* users suffer */
    KN_SEVERITY_CRITICAL, /* data or the guest are at risk */
    KN_SEVERITY_N
} KnSeverity;
const char *kn_severity_name (KnSeverity severity);

enum {
    KN_NEEDS_DEFINITION = 1 << 0,
    KN_NEEDS_RECORD = 1 << 1,
    KN_NEEDS_MEASUREMENT = 1 << 2,
};

typedef struct KnExam KnExam;

/* One row of the table. Exactly one of the two functions is set; neither does I/O. */
typedef struct {
    const char *name; /* "clock-windows-utc": stable */
    KnSeverity severity;
    guint needs;
    bool needs_reboot; /* the repair takes effect at a stop and start */
    const char *title;
    const char *causes; /* the symptom that users report */
    const char *repair; /* what to do, in general */
    void (*check) (KnExam *exam, const KnSubject *subject);
    void (*check_fleet) (KnExam *exam, const KnFleet *fleet);
} KnDoctorRule;

/* A change of what a cloud has recorded: an image property of the server ("os_type") and its new value. */
typedef struct {
    char *name, *value, *was; /* value NULL: to be taken away; was NULL: not there */
} KnRecordEdit;

typedef struct {
    const KnDoctorRule *rule;
    KnSeverity severity;
    KnConfidence confidence;
    char *server, *name, *host; /* uuid, name and host; NULL: not about one guest */
    char *what;                 /* one sentence */
    GPtrArray *evidence;        /* char*: "clock/@offset = utc" */
    char *repair;               /* one sentence: the rule's, or what fits better here */
    GPtrArray *edits;           /* of KnEdit: the persistent definition's repair; empty: by hand */
    GPtrArray *records;         /* of KnRecordEdit: the record's repair */
    bool needs_reboot;
    bool
        mended_by_start; /* the plan that the server's cloud has for its next start is free of it */
} KnFinding;
void kn_finding_free (gpointer finding);

/* All rows. */
const KnDoctorRule *const *kn_doctor_rules (gsize *out_n);
const KnDoctorRule *kn_doctor_rule_find (const char *name);

/* Examines the fleet by all rules, or by @only (borrowed, NULL: all). Pure. An array of KnFinding, the worst first, then by
 * name; g_ptr_array_unref. The findings borrow nothing from the fleet. */
GPtrArray *kn_doctor_examine (const KnFleet *fleet, const KnDoctorRule *only);

/* Finds out which of @findings the next start mends by itself: those that the same rule does not find in the definition that the
 * subject's plan gives. Pure; changes .mended_by_start. */
void kn_doctor_try_plans (const KnFleet *fleet, GPtrArray *findings);

/* Takes away what users of a cloud do not learn: names of hosts, and paths on them. */
void kn_finding_hide_hosts (KnFinding *finding);

/* ---- for rules ---- */

struct KnExam {
    const KnFleet *fleet;
    const KnSubject *subject; /* NULL in check_fleet */
    const KnDoctorRule *rule;
    GPtrArray *findings;
};

/* A new finding about exam->subject, owned by the exam. */
KnFinding *kn_exam_find (KnExam *exam, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Notes "@path = value" as the judged definition has it, "(absent)" if it has not. */
void kn_finding_show (KnFinding *finding, const KnSubject *subject, const char *path);
void kn_finding_note (KnFinding *finding, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Notes the two hosts that a guest is on. */
void kn_finding_note_hosts (KnFinding *finding, const char *one, const char *other);
/* The repair's steps. */
void kn_finding_set (KnFinding *finding, const KnSubject *subject, const char *path,
                     const char *value);
void kn_finding_remove (KnFinding *finding, const KnSubject *subject, const char *path);
void kn_finding_add (KnFinding *finding, const char *parent, const char *xml);
void kn_finding_record (KnFinding *finding, const char *name, const char *value, const char *was);
/* Replaces the rule's repair text. */
void kn_finding_advise (KnFinding *finding, const char *format, ...) G_GNUC_PRINTF (2, 3);
