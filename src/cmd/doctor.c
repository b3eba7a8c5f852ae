/* SPDX-License-Identifier: Apache-2.0 */
/* kilonova doctor: audits guests and prints what is wrong with them. Exit status 0: nothing found, 1: findings, 2: the audit
 * could not be made. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "cmd/args.h"
#include "cmd/cmd.h"
#include "doctor/report.h"
#include "doctor/source.h"

#define USAGE                                                                                      \
    "--libvirt URI [--libvirt URI…] [--zone AREA/CITY] [--rule RULE] [--server NAME|ID] "        \
    "[--json]\n"                                                                                   \
    "       kilonova doctor --rules"

enum { CLEAN = 0, FINDINGS = 1, FAILED = 2 };

typedef struct {
    GPtrArray *uris; /* char*, borrowed from argv */
    const char *zone, *server;
    const KnDoctorRule *rule;
    bool as_json;
} Options;

static bool
take_rule (const char *name, Options *options, GError **error)
{
    if (!name)
        return true;
    options->rule = kn_doctor_rule_find (name);
    if (!options->rule)
        kn_error_set (error, KN_ERROR_BAD_REQUEST,
                      "there is no rule '%s'; kilonova doctor --rules lists them", name);
    return options->rule != NULL;
}

static bool
take_options (int *argc, char **argv, Options *options, GError **error)
{
    const char *rule = NULL, *uri = NULL;

    do {
        uri = NULL;
        if (!kn_args_take (argc, argv, "--libvirt", &uri, error))
            return false;
        if (uri)
            g_ptr_array_add (options->uris, (gpointer)uri);
    } while (uri);
    if (!kn_args_take (argc, argv, "--zone", &options->zone, error)
        || !kn_args_take (argc, argv, "--server", &options->server, error)
        || !kn_args_take (argc, argv, "--rule", &rule, error) || !take_rule (rule, options, error))
        return false;
    options->as_json = kn_args_take_flag (argc, argv, "--json");
    if (!kn_args_check (*argc, argv, 0, 0, error))
        return false;
    if (options->uris->len == 0) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST, "say whose guests: --libvirt URI");
        return false;
    }
    if (options->zone && !kn_time_zone_exists (options->zone)) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST,
                      "there is no time zone '%s'; write it as Asia/Shanghai", options->zone);
        return false;
    }
    return true;
}

static bool
is_server (const KnFinding *finding, const char *server)
{
    return !server || g_strcmp0 (finding->server, server) == 0
           || g_strcmp0 (finding->name, server) == 0;
}

static void
keep_server (GPtrArray *findings, const char *server)
{
    for (guint i = findings->len; i-- > 0;)
        if (!is_server (findings->pdata[i], server))
            g_ptr_array_remove_index (findings, i);
}

static KnFleet *
gather (const Options *options, GError **error)
{
    g_autoptr (KnFleet) fleet = kn_fleet_new ();

    fleet->zone = g_strdup (options->zone);
    for (guint i = 0; i < options->uris->len; i++) {
        const char *uri = options->uris->pdata[i];
        g_autoptr (KnSurvey) survey = kn_survey_open (uri, KN_SURVEY_READ, error);

        if (!survey || !kn_fleet_add_survey (fleet, survey, uri, NULL, error))
            return NULL;
    }
    kn_fleet_identify (fleet);
    return g_steal_pointer (&fleet);
}

static int
audit (const Options *options, GError **error)
{
    g_autoptr (KnFleet) fleet = gather (options, error);

    if (!fleet)
        return FAILED;
    g_autoptr (GPtrArray) findings = kn_doctor_examine (fleet, options->rule);
    keep_server (findings, options->server);
    g_autofree char *text = options->as_json ? kn_doctor_format_json (fleet, findings)
                                             : kn_doctor_format_text (fleet, findings);
    (void)fputs (text, stdout);
    if (options->as_json)
        (void)putchar ('\n');
    return findings->len > 0 ? FINDINGS : CLEAN;
}

int
kn_cmd_doctor (int argc, char **argv)
{
    g_autoptr (GPtrArray) uris = g_ptr_array_new ();
    g_autoptr (GError) error = NULL;
    Options options = { .uris = uris };

    if (kn_args_take_flag (&argc, argv, "--rules")) {
        g_autofree char *rules = kn_doctor_format_rules ();
        (void)fputs (rules, stdout);
        return CLEAN;
    }
    if (!take_options (&argc, argv, &options, &error))
        return kn_args_fail ("doctor", USAGE, error);
    int status = audit (&options, &error);
    if (error)
        (void)kn_cmd_fail (error);
    return status;
}
