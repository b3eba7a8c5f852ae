/* SPDX-License-Identifier: Apache-2.0 */
/* Findings as rules make them. */
#include "doctor/finding.h"

#include <string.h>

#define HOSTS "hosts = "

static const char *const severity_names[KN_SEVERITY_N] = {
    [KN_SEVERITY_NOTICE] = "notice",
    [KN_SEVERITY_WARNING] = "warning",
    [KN_SEVERITY_ERROR] = "error",
    [KN_SEVERITY_CRITICAL] = "critical",
};

const char *
kn_severity_name (KnSeverity severity)
{
    return severity_names[severity];
}

static void
free_record_edit (gpointer data)
{
    KnRecordEdit *edit = data;

    g_free (edit->name);
    g_free (edit->value);
    g_free (edit->was);
    g_free (edit);
}

void
kn_finding_free (gpointer data)
{
    KnFinding *finding = data;

    g_free (finding->server);
    g_free (finding->name);
    g_free (finding->host);
    g_free (finding->what);
    g_free (finding->repair);
    g_ptr_array_unref (finding->evidence);
    g_ptr_array_unref (finding->edits);
    g_ptr_array_unref (finding->records);
    g_free (finding);
}

static const char *
name_of (const KnSubject *subject)
{
    return subject->title ? subject->title : subject->name;
}

/* What rests on a guess about the operating system is no surer than the guess, and no louder than a notice if it is a name. */
static void
weigh (KnFinding *finding, const KnSubject *subject)
{
    if (subject->os.family == KN_SUBJECT_OS_UNKNOWN)
        return;
    finding->confidence = MIN (finding->confidence, subject->os.confidence);
    if (subject->os.confidence == KN_CONFIDENCE_LOW)
        finding->severity = KN_SEVERITY_NOTICE;
}

KnFinding *
kn_exam_find (KnExam *exam, const char *format, ...)
{
    const KnSubject *subject = exam->subject;
    KnFinding *finding = g_new0 (KnFinding, 1);
    va_list args;

    va_start (args, format);
    finding->what = g_strdup_vprintf (format, args);
    va_end (args);
    finding->rule = exam->rule;
    finding->severity = exam->rule->severity;
    finding->confidence = KN_CONFIDENCE_HIGH;
    finding->needs_reboot = exam->rule->needs_reboot;
    finding->repair = g_strdup (exam->rule->repair);
    finding->evidence = g_ptr_array_new_with_free_func (g_free);
    finding->edits = g_ptr_array_new_with_free_func (kn_edit_free);
    finding->records = g_ptr_array_new_with_free_func (free_record_edit);
    if (subject) {
        finding->server = g_strdup (subject->uuid);
        finding->name = g_strdup (name_of (subject));
        finding->host = g_strdup (subject->host ? subject->host->name : NULL);
        weigh (finding, subject);
    }
    g_ptr_array_add (exam->findings, finding);
    return finding;
}

void
kn_finding_show (KnFinding *finding, const KnSubject *subject, const char *path)
{
    const char *value = kn_definition_get (kn_subject_definition (subject), path);

    kn_finding_note (finding, "%s = %s", path, value ? value : "(absent)");
}

void
kn_finding_note (KnFinding *finding, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    g_ptr_array_add (finding->evidence, g_strdup_vprintf (format, args));
    va_end (args);
}

void
kn_finding_note_hosts (KnFinding *finding, const char *one, const char *other)
{
    kn_finding_note (finding, HOSTS "%s and %s", one, other);
}

/* Where a path ends cannot be told: the rest of the text goes with it. */
static void
hide_path (char **text)
{
    const char *path = strstr (*text, " /");

    if (!path)
        return;
    char *rest = g_strdup_printf ("%.*s (a path of the host)", (int)(path - *text), *text);
    g_free (*text);
    *text = rest;
}

void
kn_finding_hide_hosts (KnFinding *finding)
{
    g_clear_pointer (&finding->host, g_free);
    hide_path (&finding->what);
    for (guint i = finding->evidence->len; i-- > 0;) {
        if (g_str_has_prefix (finding->evidence->pdata[i], HOSTS))
            g_ptr_array_remove_index (finding->evidence, i);
        else
            hide_path ((char **)&finding->evidence->pdata[i]);
    }
}

void
kn_finding_set (KnFinding *finding, const KnSubject *subject, const char *path, const char *value)
{
    const char *was = kn_definition_get (kn_subject_definition (subject), path);

    if (g_strcmp0 (was, value) != 0)
        g_ptr_array_add (finding->edits, kn_edit_new (KN_EDIT_SET, path, value, was));
}

void
kn_finding_remove (KnFinding *finding, const KnSubject *subject, const char *path)
{
    const char *was = kn_definition_get (kn_subject_definition (subject), path);

    if (was)
        g_ptr_array_add (finding->edits, kn_edit_new (KN_EDIT_REMOVE, path, NULL, was));
}

void
kn_finding_add (KnFinding *finding, const char *parent, const char *xml)
{
    g_ptr_array_add (finding->edits, kn_edit_new (KN_EDIT_ADD, parent, xml, NULL));
}

void
kn_finding_record (KnFinding *finding, const char *name, const char *value, const char *was)
{
    KnRecordEdit *edit = g_new (KnRecordEdit, 1);

    *edit = (KnRecordEdit){ g_strdup (name), g_strdup (value), g_strdup (was) };
    g_ptr_array_add (finding->records, edit);
}

void
kn_finding_advise (KnFinding *finding, const char *format, ...)
{
    va_list args;

    g_free (finding->repair);
    va_start (args, format);
    finding->repair = g_strdup_vprintf (format, args);
    va_end (args);
}
