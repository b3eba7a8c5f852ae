/* SPDX-License-Identifier: Apache-2.0 */
/* An audit on a terminal. */
#include "cmd/doctor_print.h"

#include <stdio.h>
#include <string.h>

#include "cmd/args.h"

static const char *const severities[] = { "critical", "error", "warning", "notice" };

static const char *
text_of (const json_t *object, const char *key)
{
    const char *text = json_string_value (json_object_get (object, key));

    return text ? text : "";
}

static void
print_line (const char *label, const char *text)
{
    (void)printf ("    %-9s ", label);
    kn_args_print (text);
    (void)putchar ('\n');
}

static void
print_finding (const json_t *finding)
{
    const json_t *server = json_object_get (finding, "server");
    const json_t *evidence = json_object_get (finding, "evidence");
    const char *host = text_of (server, "host"), *name = text_of (server, "name");

    (void)printf ("%-8s ", text_of (finding, "severity"));
    kn_args_print (text_of (finding, "rule"));
    (void)fputs ("  ", stdout);
    kn_args_print (*name ? name : "-");
    (void)fputs (*host ? " on " : "", stdout);
    kn_args_print (host);
    (void)puts (strcmp (text_of (finding, "confidence"), "high") == 0 ? "" : "  (not certain)");
    print_line ("what", text_of (finding, "what"));
    for (gsize i = 0; i < json_array_size (evidence); i++)
        print_line (i == 0 ? "evidence" : "", json_string_value (json_array_get (evidence, i)));
    print_line ("causes", text_of (finding, "causes"));
    print_line ("repair", text_of (finding, "repair"));
    (void)printf ("    %-9s %s%s\n", "",
                  json_is_true (json_object_get (finding, "automatic")) ? "can be done by a program"
                                                                        : "by hand",
                  json_is_true (json_object_get (finding, "needs_reboot"))
                      ? "; takes effect at a stop and start"
                      : "");
}

static guint
count (const json_t *findings, const char *severity)
{
    guint n = 0;

    for (gsize i = 0; i < json_array_size (findings); i++)
        n += strcmp (text_of (json_array_get (findings, i), "severity"), severity) == 0;
    return n;
}

void
kn_doctor_print (const json_t *audit)
{
    const json_t *findings = json_object_get (audit, "findings");
    gsize n = json_array_size (findings);

    for (gsize i = 0; i < n; i++)
        print_finding (json_array_get (findings, i));
    (void)printf ("%s%" JSON_INTEGER_FORMAT " guests: ", n > 0 ? "\n" : "",
                  json_integer_value (json_object_get (audit, "servers")));
    if (n == 0) {
        (void)puts ("nothing found");
        return;
    }
    (void)printf ("%zu findings (", n);
    for (gsize i = 0; i < G_N_ELEMENTS (severities); i++)
        (void)printf ("%s%u %s", i ? ", " : "", count (findings, severities[i]), severities[i]);
    (void)puts (")");
}
