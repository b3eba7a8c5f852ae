/* SPDX-License-Identifier: Apache-2.0 */
/* kilonova guest-xml: plans the guest of a case file by the same code as the server, and prints its domain XML, its reasons,
 * or the error. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "cmd/args.h"
#include "cmd/cmd.h"
#include "cmd/guest_case.h"
#include "guest/explain.h"
#include "guest/plan.h"
#include "guest/registry.h"
#include "json/write.h"

#define MAX_CASE_FILE (256 * MIB)

typedef struct {
    const char *file, *profile, *only;
    bool many, explain, json, properties;
} Options;

static bool
parse_options (int argc, char **argv, Options *out, GError **error)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = { { "--explain", &out->explain },
                  { "--json", &out->json },
                  { "--properties", &out->properties } };
    const struct {
        const char *name;
        const char **value;
    } values[]
        = { { "--profile", &out->profile }, { "--cases", &out->file }, { "--only", &out->only } };

    for (int i = 1; i < argc; i++) {
        bool known = false;
        for (gsize f = 0; f < G_N_ELEMENTS (flags); f++)
            if (strcmp (argv[i], flags[f].name) == 0)
                known = *flags[f].flag = true;
        for (gsize v = 0; !known && v < G_N_ELEMENTS (values); v++)
            if (strcmp (argv[i], values[v].name) == 0 && i + 1 < argc) {
                out->many |= strcmp (argv[i], "--cases") == 0;
                *values[v].value = argv[++i];
                known = true;
            }
        if (!known && (argv[i][0] != '-' || strcmp (argv[i], "-") == 0) && !out->file) {
            out->file = argv[i];
            known = true;
        }
        if (!known) {
            kn_error_set (error, KN_ERROR_BAD_REQUEST, "guest-xml does not take '%s'", argv[i]);
            return false;
        }
    }
    if (!out->file)
        out->file = "-";
    return true;
}

static json_t *
load (const char *file, GError **error)
{
    gsize len = 0;
    g_autofree char *bytes
        = kn_file_read (strcmp (file, "-") == 0 ? "/dev/stdin" : file, MAX_CASE_FILE, &len, error);
    return bytes ? kn_json_parse (bytes, len, error) : NULL;
}

static KnGuestPlan *
make_plan (const json_t *object, const char *profile, GError **error)
{
    g_autoptr (KnGuestCase) guest_case = kn_guest_case_new (object, profile, error);
    if (!guest_case)
        return NULL;
    const KnGuestFacts *facts = kn_guest_case_facts (guest_case);
    if (!kn_guest_check (facts, error))
        return NULL;
    return kn_guest_plan_new (facts, error);
}

/* The type of a guest error is Nova's "stage/Class". */
static void
write_error (KnJw *w, const GError *error)
{
    const char *type = kn_error_type (error);
    const char *slash = type ? strchr (type, '/') : NULL;
    g_autofree char *stage = slash ? g_strndup (type, (gsize)(slash - type)) : NULL;
    kn_jw_object_member (w, "error");
    kn_jw_string_member (w, "class", slash ? slash + 1 : "InternalError");
    kn_jw_string_member (w, "message", error->message);
    kn_jw_string_member (w, "stage", stage ? stage : "api");
    kn_jw_end (w);
}

/* What the flavors API refuses from microversion 2.86 on: key -> sentence. */
static void
write_refused_specs (KnJw *w, const json_t *object)
{
    const json_t *flavor = json_object_get (object, "flavor");
    const char *key;
    json_t *value;
    bool any = false;
    json_object_foreach (json_object_get (flavor, "extra_specs"), key, value) {
        g_autoptr (GError) error = NULL;
        const char *text = json_string_value (value);
        if (!text || kn_guest_check_spec (key, text, &error))
            continue;
        if (!any)
            kn_jw_object_member (w, "flavor_api_rejects");
        any = true;
        kn_jw_string_member (w, key, kn_error_sentence (error));
    }
    if (any)
        kn_jw_end (w);
}

static void
write_result (KnJw *w, const json_t *object, const char *profile)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnGuestPlan) plan = make_plan (object, profile, &error);
    g_autofree char *xml = plan ? kn_guest_plan_format_xml (plan, &error) : NULL;
    kn_jw_object (w);
    kn_jw_string_member (w, "id", json_string_value (json_object_get (object, "id")));
    kn_jw_object_member (w, "result");
    if (xml)
        kn_jw_string_member (w, "xml", xml);
    else
        write_error (w, error);
    kn_jw_end (w);
    write_refused_specs (w, object);
    kn_jw_end (w);
}

static int
run_many (const json_t *document, const char *profile)
{
    const json_t *cases = json_object_get (document, "cases");
    g_autoptr (KnJw) w = kn_jw_new ();
    kn_jw_array (w);
    for (gsize i = 0; i < json_array_size (cases); i++)
        write_result (w, json_array_get (cases, i), profile);
    kn_jw_end (w);
    g_autofree char *text = kn_jw_finish (w, NULL);
    (void)puts (text);
    return 0;
}

static void
write_decisions (const KnGuestPlan *plan, const char *only)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    kn_jw_array (w);
    for (gsize i = 0; i < kn_guest_plan_count (plan); i++) {
        const KnGuestDecision *d = kn_guest_plan_decision (plan, i);
        if (!kn_guest_decision_is_in (d, only))
            continue;
        kn_jw_object (w);
        kn_jw_string_member (w, "path", d->path);
        kn_jw_string_member (w, "value", d->value);
        kn_jw_string_member (w, "rule", d->rule);
        kn_jw_string_member (w, "source", d->source);
        kn_jw_string_member (w, "reason", d->reason);
        kn_jw_bool_member (w, "warning", d->warning);
        kn_jw_end (w);
    }
    kn_jw_end (w);
    g_autofree char *text = kn_jw_finish (w, NULL);
    (void)puts (text);
}

static int
print_error (const GError *error)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    kn_jw_object (w);
    write_error (w, error);
    kn_jw_end (w);
    g_autofree char *text = kn_jw_finish (w, NULL);
    (void)puts (text);
    return 1;
}

static int
run_one (const json_t *object, const Options *options)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnGuestPlan) plan = make_plan (object, options->profile, &error);
    if (!plan)
        return print_error (error);
    if (options->explain && options->json) {
        write_decisions (plan, options->only);
        return 0;
    }
    g_autofree char *text
        = options->explain ? kn_guest_plan_explain (plan, options->only, kn_args_terminal_width ())
                           : kn_guest_plan_format_xml (plan, &error);
    if (!text && !error)
        kn_error_set (&error, KN_ERROR_NOT_FOUND, "the plan has no part '%s'", options->only);
    if (!text)
        return print_error (error);
    (void)fputs (text, stdout);
    return 0;
}

int
kn_cmd_guest_xml (int argc, char **argv)
{
    Options options = { 0 };
    g_autoptr (GError) error = NULL;
    if (!parse_options (argc, argv, &options, &error))
        return kn_cmd_fail (error);
    if (options.properties) {
        g_autofree char *text = kn_guest_properties_format ();
        (void)fputs (text, stdout);
        return 0;
    }
    g_autoptr (json_t) document = load (options.file, &error);
    if (!document)
        return kn_cmd_fail (error);
    return options.many ? run_many (document, options.profile) : run_one (document, &options);
}
