/* SPDX-License-Identifier: Apache-2.0 */
/* kilonova doctor: audits guests and prints what is wrong with them. Exit status 0: nothing found, 1: findings, 2: the audit
 * could not be made. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "base/util.h"
#include "cmd/args.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "cmd/doctor_args.h"
#include "cmd/doctor_html.h"
#include "cmd/doctor_print.h"
#include "doctor/report.h"

#define USAGE                                                                                      \
    "--own [--os-cloud NAME] | [--nova-db URL] [--libvirt URI…] [--zone AREA/CITY]\n"            \
    "           [--rule RULE] [--server NAME|ID] [--json] [--html FILE]\n"                         \
    "       kilonova doctor --rules"

enum { CLEAN = 0, FINDINGS = 1, FAILED = 2 };

/* The audit of libvirt hosts as JSON text; caller frees. */
static char *
audit_hosts (const KnDoctorArgs *args, GError **error)
{
    g_autoptr (KnFleet) fleet = kn_doctor_args_gather (args, NULL, error);

    if (!fleet)
        return NULL;
    g_autoptr (GPtrArray) findings = kn_doctor_examine (fleet, args->rule);
    kn_doctor_args_keep_server (args, findings);
    return kn_doctor_format_json (fleet, findings);
}

/* The audit that the cloud makes of its own servers. */
static json_t *
audit_own (const KnDoctorArgs *args, const char *cloud, GError **error)
{
    g_autoptr (KnClient) client = kn_client_new (cloud, error);

    return client ? kn_doctor_args_ask (args, client, error) : NULL;
}

static json_t *
make_audit (const KnDoctorArgs *args, bool own, const char *cloud, GError **error)
{
    if (own)
        return audit_own (args, cloud, error);
    g_autofree char *text = audit_hosts (args, error);
    return text ? kn_json_parse (text, strlen (text), error) : NULL;
}

static bool
write_html (const json_t *audit, const char *file, GError **error)
{
    g_autofree char *html = kn_doctor_html (audit, kn_time_now ());

    return kn_file_write (file, html, strlen (html), 0644, error);
}

static int
print_audit (const json_t *audit, bool as_json, const char *html)
{
    gsize n = json_array_size (json_object_get (audit, "findings"));

    if (as_json) {
        (void)json_dumpf (audit, stdout, JSON_COMPACT);
        (void)putchar ('\n');
    } else if (html) {
        (void)printf ("%s: %zu findings\n", html, n);
    } else {
        kn_doctor_print (audit);
    }
    return n > 0 ? FINDINGS : CLEAN;
}

static bool
check_source (const KnDoctorArgs *args, bool own, GError **error)
{
    if (!own)
        return kn_doctor_args_check (args, error);
    if (args->uris->len == 0 && !args->zone && !args->nova_db)
        return true;
    kn_error_set (error, KN_ERROR_BAD_REQUEST,
                  "--own goes with neither --libvirt nor --nova-db nor --zone: the cloud knows its "
                  "hosts, and zones "
                  "are properties (os_timezone)");
    return false;
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
    bool own = kn_args_take_flag (&argc, argv, "--own");
    const char *cloud = NULL, *html = NULL;
    if (!kn_args_take (&argc, argv, "--os-cloud", &cloud, &error)
        || !kn_args_take (&argc, argv, "--html", &html, &error)
        || !kn_doctor_args_take (&argc, argv, &args, &error)
        || !kn_args_check (argc, argv, 0, 0, &error) || !check_source (&args, own, &error))
        return kn_args_fail ("doctor", USAGE, error);
    g_autoptr (json_t) audit = make_audit (&args, own, cloud, &error);
    if (audit && (!html || write_html (audit, html, &error)))
        return print_audit (audit, as_json, html);
    (void)kn_cmd_fail (error);
    return FAILED;
}
