/* SPDX-License-Identifier: Apache-2.0 */
/* The page of an audit: counted right, nothing of a guest's is markup, nothing is loaded from elsewhere. */
#include <string.h>

#include "cmd/doctor_html.h"

#define FINDING(rule, severity, id, name)                                                          \
    "{\"rule\":\"" rule "\",\"severity\":\"" severity                                              \
    "\",\"confidence\":\"high\",\"title\":\"T " rule "\",\"server\":{\"id\":\"" id                 \
    "\",\"name\":\"" name "\",\"host\":\"node1\"},"                                                \
    "\"what\":\"W\",\"evidence\":[\"clock/@offset = utc\"],\"causes\":\"C\",\"repair\":\"R\","     \
    "\"changes\":[{\"action\":\"set\",\"path\":\"clock/@offset\",\"value\":\"localtime\","         \
    "\"was\":\"utc\"}],\"records\":[{\"name\":\"os_type\",\"value\":\"windows\",\"was\":null}],"   \
    "\"automatic\":true,\"needs_reboot\":true}"

static char *
page_of (const char *findings, guint servers)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *text = g_strdup_printf (
        "{\"format\":1,\"servers\":%u,\"hosts\":[],\"findings\":[%s]}", servers, findings);
    g_autoptr (json_t) audit = kn_json_parse (text, strlen (text), &error);
    g_assert_no_error (error);
    return kn_doctor_html (audit, 1700000000 * (gint64)G_USEC_PER_SEC);
}

static guint
count_of (const char *text, const char *part)
{
    guint n = 0;
    for (const char *p = strstr (text, part); p; p = strstr (p + 1, part))
        n++;
    return n;
}

static void
assert_has (const char *page, const char *part)
{
    if (!strstr (page, part))
        g_error ("the page has no '%s'", part);
}

/* Two findings of one rule are one group; a guest counts once, by its worst. */
static void
test_groups (void)
{
    g_autofree char *page
        = page_of (FINDING ("a", "error", "1", "one") "," FINDING (
                       "a", "error", "2", "two") "," FINDING ("b", "warning", "1", "one"),
                   5);
    g_assert_cmpuint (count_of (page, "<section"), ==, 2);
    g_assert_cmpuint (count_of (page, "<details"), ==, 3);
    assert_has (page, "count error\"><b>2</b>");
    assert_has (page, "count warning\"><b>0</b>");
    assert_has (page, "count healthy\"><b>3</b>");
    g_assert_cmpuint (count_of (page, "<i class=\"healthy\">"), ==, 3);
    assert_has (page, "<del><code>utc</code></del>");
    assert_has (page, "<ins><code>localtime</code></ins>");
    assert_has (page, "not there"); /* the record's value before */
    assert_has (page, "2023-11-14 22:13:20 UTC");
}

static void
test_hostile_names (void)
{
    g_autofree char *page
        = page_of (FINDING ("a", "error", "1", "</title><script>alert(1)</script>"), 1);
    g_assert_cmpuint (count_of (page, "<script"), ==, 0);
    assert_has (page, "&lt;script&gt;");
}

static void
test_self_contained (void)
{
    g_autofree char *page = page_of (FINDING ("a", "no such word", "1", "one"), 1);
    const char *const loads[] = { "src=", "href=", "url(", "@import", "http:", "https:" };
    for (gsize i = 0; i < G_N_ELEMENTS (loads); i++)
        g_assert_cmpuint (count_of (page, loads[i]), ==, 0);
}

static void
test_nothing_found (void)
{
    g_autofree char *page = page_of ("", 0);
    assert_has (page, "Nothing was found.");
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/doctor-html/groups", test_groups);
    g_test_add_func ("/doctor-html/hostile-names", test_hostile_names);
    g_test_add_func ("/doctor-html/self-contained", test_self_contained);
    g_test_add_func ("/doctor-html/nothing-found", test_nothing_found);
    return g_test_run ();
}
