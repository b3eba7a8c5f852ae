/* SPDX-License-Identifier: Apache-2.0 */
/* kilonova doctor: audits guests and prints what is wrong with them. Exit status 0: nothing found, 1: findings, 2: the audit
 * could not be made. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cmd/args.h"
#include "cmd/cmd.h"
#include "cmd/doctor_args.h"
#include "doctor/report.h"

#define USAGE                                                                                      \
    "--libvirt URI [--libvirt URI…] [--zone AREA/CITY] [--rule RULE] [--server NAME|ID] "        \
    "[--json]\n"                                                                                   \
    "       kilonova doctor --rules"

enum { CLEAN = 0, FINDINGS = 1, FAILED = 2 };

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

static int
audit (const KnDoctorArgs *args, bool as_json, GError **error)
{
    g_autoptr (KnFleet) fleet = kn_doctor_args_gather (args, NULL, error);

    if (!fleet)
        return FAILED;
    g_autoptr (GPtrArray) findings = kn_doctor_examine (fleet, args->rule);
    keep_server (findings, args->server);
    g_autofree char *text = as_json ? kn_doctor_format_json (fleet, findings)
                                    : kn_doctor_format_text (fleet, findings);
    (void)fputs (text, stdout);
    if (as_json)
        (void)putchar ('\n');
    return findings->len > 0 ? FINDINGS : CLEAN;
}

int
kn_cmd_doctor (int argc, char **argv)
{
    g_auto (KnDoctorArgs) args = { 0 };
    g_autoptr (GError) error = NULL;

    if (kn_args_take_flag (&argc, argv, "--rules")) {
        g_autofree char *rules = kn_doctor_format_rules ();
        (void)fputs (rules, stdout);
        return CLEAN;
    }
    bool as_json = kn_args_take_flag (&argc, argv, "--json");
    if (!kn_doctor_args_take (&argc, argv, &args, &error)
        || !kn_args_check (argc, argv, 0, 0, &error) || !kn_doctor_args_check (&args, &error))
        return kn_args_fail ("doctor", USAGE, error);
    int status = audit (&args, as_json, &error);
    if (error)
        (void)kn_cmd_fail (error);
    return status;
}
