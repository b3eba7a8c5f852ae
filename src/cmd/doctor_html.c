/* SPDX-License-Identifier: Apache-2.0 */
/* An audit as one HTML page: the fleet by severity, findings grouped by rule, before and after of each repair. What guests and
 * clouds say goes through escape(), all of it. */
#include "cmd/doctor_html.h"

#include <string.h>

#include "base/time.h"

#define MAX_SQUARES 5000 /* of the fleet's picture */

static const struct {
    const char *name, *title;
} severities[] = {
    { "critical", "Critical" },
    { "error", "Error" },
    { "warning", "Warning" },
    { "notice", "Notice" },
};
#define HEALTHY G_N_ELEMENTS (severities)

static const char style[]
    = ":root{color-scheme:light "
      "dark;--bg:#fff;--fg:#1b1f24;--soft:#5c6670;--line:#d8dee4;--card:#f6f8fa;"
      "--critical:#8b1a1a;--error:#c93c37;--warning:#b7791f;--notice:#3b6fb5;--healthy:#3a8f5c}"
      "@media(prefers-color-scheme:dark){:root{--bg:#14181d;--fg:#e6eaef;--soft:#9aa5b1;--line:#"
      "2d343c;"
      "--card:#1c2128;--critical:#e5534b;--error:#e5736c;--warning:#d5a34b;--notice:#6ea3e8;"
      "--healthy:#57ab79}}"
      "*{box-sizing:border-box}body{margin:0 auto;max-width:70rem;padding:2rem 1.5rem 4rem;"
      "background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}"
      "h1{margin:0;font-size:1.7rem}h2{margin:2.2rem 0 .6rem;font-size:1.25rem}p{margin:.4rem 0}"
      ".soft{color:var(--soft)}.counts{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.2rem 0}"
      ".count{flex:1 1 8rem;padding:.7rem 1rem;border:1px solid var(--line);border-left-width:6px;"
      "border-radius:6px;background:var(--card)}.count b{display:block;font-size:1.7rem}"
      ".fleet{display:flex;flex-wrap:wrap;gap:3px;margin:.8rem 0}"
      ".fleet i{width:13px;height:13px;border-radius:3px}"
      ".rule{margin:1rem 0;border:1px solid var(--line);border-left-width:6px;border-radius:6px;"
      "padding:.8rem 1.1rem;background:var(--card);break-inside:avoid-page}"
      ".rule h3{margin:0;font-size:1.05rem}.rule h3 small{font-weight:400;color:var(--soft)}"
      "summary{cursor:pointer;padding:.3rem 0}details{border-top:1px solid var(--line);"
      "padding:.2rem 0 .3rem}details>div{padding:0 0 .4rem 1.1rem}"
      "table{border-collapse:collapse;width:100%;margin:.4rem 0;font-size:.92rem}"
      "th,td{text-align:left;vertical-align:top;padding:.25rem .8rem .25rem 0;"
      "border-bottom:1px solid "
      "var(--line);overflow-wrap:anywhere}th{color:var(--soft);font-weight:600}"
      "code{font:.88em ui-monospace,monospace;overflow-wrap:anywhere}del{color:var(--error)}"
      "ins{color:var(--healthy);text-decoration:none}"
      ".critical{border-left-color:var(--critical)}.error{border-left-color:var(--error)}"
      ".warning{border-left-color:var(--warning)}.notice{border-left-color:var(--notice)}"
      ".healthy{border-left-color:var(--healthy)}i.critical{background:var(--critical)}"
      "i.error{background:var(--error)}i.warning{background:var(--warning)}"
      "i.notice{background:var(--notice)}i.healthy{background:var(--healthy)}"
      "@media print{details>div{display:block}}";

typedef struct {
    GString *out;
    const json_t *findings;
    gsize n;
} Page;

/* ---- text ---- */

static void
raw (Page *page, const char *html)
{
    g_string_append (page->out, html);
}

static void
escape (Page *page, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid (text ? text : "", -1);
    g_autofree char *escaped = g_markup_escape_text (valid, -1);
    g_string_append (page->out, escaped);
}

static void
element (Page *page, const char *tag, const char *text)
{
    g_string_append_printf (page->out, "<%s>", tag);
    escape (page, text);
    g_string_append_printf (page->out, "</%s>", tag);
}

static void
labelled (Page *page, const char *label, const char *text)
{
    raw (page, "<p><span class=\"soft\">");
    escape (page, label);
    raw (page, "</span> ");
    escape (page, text);
    raw (page, "</p>\n");
}

static const char *
text_of (const json_t *object, const char *key)
{
    const char *text = json_string_value (json_object_get (object, key));
    return text ? text : "";
}

static const json_t *
finding_at (const Page *page, gsize i)
{
    return json_array_get (page->findings, i);
}

static gsize
severity_of (const json_t *finding)
{
    for (gsize s = 0; s < HEALTHY; s++)
        if (strcmp (severities[s].name, text_of (finding, "severity")) == 0)
            return s;
    return HEALTHY - 1;
}

/* ---- the fleet ---- */

/* Of each guest that has a finding: the worst of them. uuid -> severity. */
static GHashTable *
worst_by_server (const Page *page)
{
    GHashTable *worst = g_hash_table_new (g_str_hash, g_str_equal);
    for (gsize i = 0; i < page->n; i++) {
        const char *id = text_of (json_object_get (finding_at (page, i), "server"), "id");
        gsize now = severity_of (finding_at (page, i));
        gpointer before;
        if (!*id)
            continue;
        if (!g_hash_table_lookup_extended (worst, id, NULL, &before)
            || GPOINTER_TO_SIZE (before) > now)
            g_hash_table_replace (worst, (gpointer)id, GSIZE_TO_POINTER (now));
    }
    return worst;
}

static void
count_servers (GHashTable *worst, gsize servers, gsize counts[HEALTHY + 1])
{
    GHashTableIter iter;
    gpointer severity;
    g_hash_table_iter_init (&iter, worst);
    while (g_hash_table_iter_next (&iter, NULL, &severity))
        counts[GPOINTER_TO_SIZE (severity)]++;
    gsize ill = g_hash_table_size (worst);
    counts[HEALTHY] = servers > ill ? servers - ill : 0;
}

static void
write_count (Page *page, const char *class, const char *title, gsize count)
{
    g_string_append_printf (page->out, "<div class=\"count %s\"><b>%zu</b>%s</div>", class, count,
                            title);
}

static void
write_fleet (Page *page, gsize servers)
{
    g_autoptr (GHashTable) worst = worst_by_server (page);
    gsize counts[HEALTHY + 1] = { 0 }, drawn = 0;
    count_servers (worst, servers, counts);

    raw (page,
         "<h2>The fleet</h2>\n<p class=\"soft\">Each guest once, by the worst that was found in "
         "it.</p>\n<div class=\"counts\">");
    for (gsize s = 0; s < HEALTHY; s++)
        write_count (page, severities[s].name, severities[s].title, counts[s]);
    write_count (page, "healthy", "Healthy", counts[HEALTHY]);
    raw (page, "</div>\n<div class=\"fleet\" role=\"img\" aria-label=\"one square a guest\">");
    for (gsize s = 0; s <= HEALTHY; s++)
        for (gsize i = 0; i < counts[s] && drawn < MAX_SQUARES; i++, drawn++)
            g_string_append_printf (page->out, "<i class=\"%s\"></i>",
                                    s < HEALTHY ? severities[s].name : "healthy");
    raw (page, "</div>\n");
}

/* ---- findings ---- */

static void
write_cell (Page *page, const char *tag, const json_t *value, const char *otherwise)
{
    raw (page, "<td>");
    if (json_is_string (value)) {
        g_string_append_printf (page->out, "<%s><code>", tag);
        escape (page, json_string_value (value));
        g_string_append_printf (page->out, "</code></%s>", tag);
    } else {
        raw (page, "<span class=\"soft\">");
        raw (page, otherwise);
        raw (page, "</span>");
    }
    raw (page, "</td>");
}

/* The two kinds of changes, of the definition and of the record, have the same members under other names. */
static void
write_changes (Page *page, const json_t *list, const char *name, const char *heading)
{
    if (json_array_size (list) == 0)
        return;
    g_string_append_printf (page->out, "<table><tr><th>%s</th><th>Before</th><th>After</th></tr>\n",
                            heading);
    for (gsize i = 0; i < json_array_size (list); i++) {
        const json_t *change = json_array_get (list, i);
        raw (page, "<tr><td><code>");
        escape (page, text_of (change, name));
        raw (page, "</code></td>");
        write_cell (page, "del", json_object_get (change, "was"), "not there");
        write_cell (page, "ins", json_object_get (change, "value"), "removed");
        raw (page, "</tr>\n");
    }
    raw (page, "</table>\n");
}

static void
write_finding (Page *page, const json_t *finding, bool open)
{
    const json_t *server = json_object_get (finding, "server"),
                 *evidence = json_object_get (finding, "evidence");
    const char *name = text_of (server, "name"), *host = text_of (server, "host");

    raw (page, open ? "<details open><summary><b>" : "<details><summary><b>");
    escape (page, *name ? name : text_of (server, "id"));
    raw (page, "</b> <span class=\"soft\">");
    escape (page, host);
    raw (page, "</span> ");
    escape (page, text_of (finding, "what"));
    raw (page, "</summary><div>\n");
    for (gsize i = 0; i < json_array_size (evidence); i++) {
        raw (page, "<p><code>");
        escape (page, json_string_value (json_array_get (evidence, i)));
        raw (page, "</code></p>\n");
    }
    labelled (page, "Repair:", text_of (finding, "repair"));
    write_changes (page, json_object_get (finding, "changes"), "path", "Definition");
    write_changes (page, json_object_get (finding, "records"), "name", "Record");
    raw (page, "<p class=\"soft\">");
    raw (page, json_is_true (json_object_get (finding, "automatic")) ? "kilonova repair does this"
                                                                     : "To be done by hand");
    raw (page, json_is_true (json_object_get (finding, "needs_reboot"))
                   ? "; it takes effect at a stop and start. "
                   : ". ");
    escape (page, "Confidence: ");
    escape (page, text_of (finding, "confidence"));
    raw (page, ".</p>\n</div></details>\n");
}

static bool
is_of_rule (const json_t *finding, const char *rule)
{
    return strcmp (text_of (finding, "rule"), rule) == 0;
}

static void
write_rule (Page *page, gsize first)
{
    const json_t *head = finding_at (page, first);
    const char *rule = text_of (head, "rule");
    gsize n = 0;
    for (gsize i = first; i < page->n; i++)
        n += is_of_rule (finding_at (page, i), rule);

    g_string_append_printf (page->out, "<section class=\"rule %s\">\n<h3>",
                            severities[severity_of (head)].name);
    escape (page, text_of (head, "title"));
    raw (page, " <small>");
    escape (page, rule);
    g_string_append_printf (page->out, ", %zu</small></h3>\n", n);
    labelled (page, "What it causes:", text_of (head, "causes"));
    for (gsize i = first; i < page->n; i++)
        if (is_of_rule (finding_at (page, i), rule))
            write_finding (page, finding_at (page, i), i == first);
    raw (page, "</section>\n");
}

/* The worst come first in the audit, so the rules do here. */
static void
write_rules (Page *page)
{
    g_autoptr (GHashTable) written = g_hash_table_new (g_str_hash, g_str_equal);
    raw (page, "<h2>Findings by cause</h2>\n");
    if (page->n == 0)
        raw (page, "<p>Nothing was found.</p>\n");
    for (gsize i = 0; i < page->n; i++)
        if (g_hash_table_add (written, (gpointer)text_of (finding_at (page, i), "rule")))
            write_rule (page, i);
}

static void
write_hosts (Page *page, const json_t *hosts)
{
    if (json_array_size (hosts) == 0)
        return;
    raw (page, "<h2>Hosts</h2>\n<table><tr><th>Name</th><th>libvirt</th><th>Time zone</th></tr>\n");
    for (gsize i = 0; i < json_array_size (hosts); i++) {
        const json_t *host = json_array_get (hosts, i);
        raw (page, "<tr>");
        element (page, "td", text_of (host, "name"));
        element (page, "td", text_of (host, "uri"));
        element (page, "td", text_of (host, "zone"));
        raw (page, "</tr>\n");
    }
    raw (page, "</table>\n");
}

char *
kn_doctor_html (const json_t *audit, gint64 made_us)
{
    char made[KN_TIME_TEXT_MAX];
    gsize servers = (gsize)MAX (json_integer_value (json_object_get (audit, "servers")), 0);
    Page page = { .out = g_string_new (NULL), .findings = json_object_get (audit, "findings") };
    page.n = json_array_size (page.findings);

    raw (&page, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                "<title>Guests: what is wrong, and what to do</title>\n<style>");
    raw (&page, style);
    raw (&page, "</style>\n</head>\n<body>\n<h1>Guests: what is wrong, and what to do</h1>\n");
    g_string_append_printf (page.out,
                            "<p class=\"soft\">%zu guests, %zu findings. kilonova doctor, %s UTC"
                            "</p>\n",
                            servers, page.n, kn_time_format (made_us, KN_TIME_DB, made));
    write_fleet (&page, servers);
    write_rules (&page);
    write_hosts (&page, json_object_get (audit, "hosts"));
    raw (&page, "</body>\n</html>\n");
    return g_string_free (page.out, FALSE);
}
