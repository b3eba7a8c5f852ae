/* SPDX-License-Identifier: Apache-2.0 */
/* Findings as JSON and as text. */
#include "doctor/report.h"

#include <string.h>

#define FORMAT 1

static const char *const edit_names[KN_EDIT_N] = {
    [KN_EDIT_SET] = "set",
    [KN_EDIT_REMOVE] = "remove",
    [KN_EDIT_ADD] = "add",
};

/* ---- JSON ---- */

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
    kn_jw_bool_member (w, "automatic", finding->edits->len > 0 || finding->records->len > 0);
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
    return kn_jw_finish (g_steal_pointer (&w), NULL);
}

/* ---- text ---- */

/* Names and values come from guests and strangers: they must not steer a terminal. */
static void
harden (GString *out, gsize from)
{
    for (gsize i = from; i < out->len; i++)
        if (g_ascii_iscntrl (out->str[i]) && out->str[i] != '\n')
            out->str[i] = '?';
}

static void
append_line (GString *out, const char *label, const char *text)
{
    g_autofree char *line = g_strdup (text);

    g_strdelimit (line, "\n", ' ');
    g_string_append_printf (out, "    %-9s %s\n", label, line);
}

static void
append_finding (GString *out, const KnFinding *finding)
{
    g_autofree char *name = g_strdup (finding->name ? finding->name : "-");

    g_strdelimit (name, "\n", ' ');
    g_string_append_printf (out, "%-8s %s  %s%s%s%s\n", kn_severity_name (finding->severity),
                            finding->rule->name, name, finding->host ? " on " : "",
                            finding->host ? finding->host : "",
                            finding->confidence == KN_CONFIDENCE_HIGH ? "" : "  (not certain)");
    append_line (out, "what", finding->what);
    for (guint i = 0; i < finding->evidence->len; i++)
        append_line (out, i == 0 ? "evidence" : "", finding->evidence->pdata[i]);
    append_line (out, "causes", finding->rule->causes);
    append_line (out, "repair", finding->repair);
    g_autofree char *how = g_strdup_printf (
        "%s%s",
        finding->edits->len > 0 || finding->records->len > 0 ? "kilonova repair does it"
                                                             : "by hand",
        finding->needs_reboot ? "; takes effect at a stop and start" : "");
    append_line (out, "", how);
}

char *
kn_doctor_format_text (const KnFleet *fleet, const GPtrArray *findings)
{
    GString *out = g_string_new (NULL);
    guint counts[KN_SEVERITY_N] = { 0 };

    for (guint i = 0; i < findings->len; i++) {
        const KnFinding *finding = findings->pdata[i];
        gsize from = out->len;

        append_finding (out, finding);
        harden (out, from);
        counts[finding->severity]++;
    }
    g_string_append_printf (out, "%s%u guests on %u hosts: ", findings->len > 0 ? "\n" : "",
                            fleet->subjects->len, fleet->hosts->len);
    if (findings->len == 0)
        g_string_append (out, "nothing found\n");
    else
        g_string_append_printf (
            out, "%u findings (%u critical, %u errors, %u warnings, %u notices)\n", findings->len,
            counts[KN_SEVERITY_CRITICAL], counts[KN_SEVERITY_ERROR], counts[KN_SEVERITY_WARNING],
            counts[KN_SEVERITY_NOTICE]);
    return g_string_free (out, FALSE);
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
