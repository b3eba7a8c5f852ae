/* SPDX-License-Identifier: Apache-2.0 */
/* Findings as JSON. */
#include "doctor/report.h"

#include <string.h>

#define FORMAT 1

static const char *const edit_names[KN_EDIT_N] = {
    [KN_EDIT_SET] = "set",
    [KN_EDIT_REMOVE] = "remove",
    [KN_EDIT_ADD] = "add",
};

static void
write_changes (KnJw *w, const GPtrArray *edits)
{
    kn_jw_array_member (w, "changes");
    for (guint i = 0; i < edits->len; i++) {
        const KnEdit *edit = edits->pdata[i];

        kn_jw_object (w);
        kn_jw_string_member (w, "action", edit_names[edit->kind]);
        kn_jw_string_member (w, "path", edit->path);
        kn_jw_string_member (w, "value", edit->value);
        kn_jw_string_member (w, "was", edit->was);
        kn_jw_end (w);
    }
    kn_jw_end (w);
}

static void
write_records (KnJw *w, const GPtrArray *records)
{
    kn_jw_array_member (w, "records");
    for (guint i = 0; i < records->len; i++) {
        const KnRecordEdit *edit = records->pdata[i];

        kn_jw_object (w);
        kn_jw_string_member (w, "name", edit->name);
        kn_jw_string_member (w, "value", edit->value);
        kn_jw_string_member (w, "was", edit->was);
        kn_jw_end (w);
    }
    kn_jw_end (w);
}

void
kn_finding_write (KnJw *w, const KnFinding *finding)
{
    kn_jw_object (w);
    kn_jw_string_member (w, "rule", finding->rule->name);
    kn_jw_string_member (w, "severity", kn_severity_name (finding->severity));
    kn_jw_string_member (w, "confidence", kn_confidence_name (finding->confidence));
    kn_jw_string_member (w, "title", finding->rule->title);
    kn_jw_object_member (w, "server");
    kn_jw_string_member (w, "id", finding->server);
    kn_jw_string_member (w, "name", finding->name);
    kn_jw_string_member (w, "host", finding->host);
    kn_jw_end (w);
    kn_jw_string_member (w, "what", finding->what);
    kn_jw_array_member (w, "evidence");
    for (guint i = 0; i < finding->evidence->len; i++)
        kn_jw_string (w, finding->evidence->pdata[i]);
    kn_jw_end (w);
    kn_jw_string_member (w, "causes", finding->rule->causes);
    kn_jw_string_member (w, "repair", finding->repair);
    write_changes (w, finding->edits);
    write_records (w, finding->records);
    kn_jw_bool_member (w, "automatic",
                       finding->edits->len > 0 || finding->records->len > 0
                           || finding->mended_by_start);
    kn_jw_bool_member (w, "mended_by_start", finding->mended_by_start);
    kn_jw_bool_member (w, "needs_reboot", finding->needs_reboot);
    kn_jw_end (w);
}

char *
kn_doctor_format_json (const KnFleet *fleet, const GPtrArray *findings)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_int_member (w, "format", FORMAT);
    kn_jw_int_member (w, "servers", fleet->subjects->len);
    kn_jw_array_member (w, "hosts");
    for (guint i = 0; i < fleet->hosts->len; i++) {
        const KnSubjectHost *host = fleet->hosts->pdata[i];

        kn_jw_object (w);
        kn_jw_string_member (w, "name", host->name);
        kn_jw_string_member (w, "uri", host->uri);
        kn_jw_string_member (w, "zone", host->zone);
        kn_jw_end (w);
    }
    kn_jw_end (w);
    kn_jw_array_member (w, "findings");
    for (guint i = 0; i < findings->len; i++)
        kn_finding_write (w, findings->pdata[i]);
    kn_jw_end (w);
    kn_jw_end (w);
    return kn_jw_finish (w, NULL);
}

char *
kn_doctor_format_rules (void)
{
    GString *out = g_string_new (NULL);
    gsize n;
    const KnDoctorRule *const *rules = kn_doctor_rules (&n);

    for (gsize i = 0; i < n; i++)
        g_string_append_printf (out, "%-24s %-8s %s\n", rules[i]->name,
                                kn_severity_name (rules[i]->severity), rules[i]->title);
    return g_string_free (out, FALSE);
}
