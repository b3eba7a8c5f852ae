/* SPDX-License-Identifier: Apache-2.0 */
/* os-simple-tenant-usage: hours of servers, processors, memory and disk by project. */
#include "base/error.h"
#include "base/time.h"
#include "compute/compute_priv.h"
#include "compute/usage.h"

#include <string.h>

/* A list of projects that is being written: the servers of one come together. */
typedef struct {
    KnJw *w;
    gint64 start_us, end_us;
    bool with_servers;
    char *project; /* the one under way; NULL: none yet */
    double hours, vcpu_hours, memory_hours, disk_hours;
} Report;

static void
write_double (KnJw *w, const char *key, double value)
{
    kn_jw_key (w, key);
    kn_jw_double (w, value);
}

static void
write_time (KnJw *w, const char *key, const char *db_time)
{
    g_autofree char *text = kn_time_convert (db_time, KN_TIME_PLAIN);

    kn_jw_string_member (w, key, text);
}

static void
begin_project (Report *report, const char *project)
{
    report->project = g_strdup (project);
    report->hours = report->vcpu_hours = report->memory_hours = report->disk_hours = 0;
    kn_jw_object (report->w);
    kn_jw_string_member (report->w, "tenant_id", project);
    if (report->with_servers)
        kn_jw_array_member (report->w, "server_usages");
}

static void
end_project (Report *report)
{
    char text[KN_TIME_TEXT_MAX];
    KnJw *w = report->w;

    if (!report->project)
        return;
    if (report->with_servers)
        kn_jw_end (w);
    kn_jw_string_member (w, "start", kn_time_format (report->start_us, KN_TIME_PLAIN, text));
    kn_jw_string_member (w, "stop", kn_time_format (report->end_us, KN_TIME_PLAIN, text));
    write_double (w, "total_hours", report->hours);
    write_double (w, "total_vcpus_usage", report->vcpu_hours);
    write_double (w, "total_memory_mb_usage", report->memory_hours);
    write_double (w, "total_local_gb_usage", report->disk_hours);
    kn_jw_end (w);
    g_clear_pointer (&report->project, g_free);
}

static void
write_server (KnJw *w, const KnUsage *usage)
{
    kn_jw_object (w);
    kn_jw_string_member (w, "instance_id", usage->uuid);
    kn_jw_string_member (w, "name", usage->name);
    kn_jw_string_member (w, "tenant_id", usage->project_id);
    kn_jw_string_member (w, "flavor", usage->flavor ? usage->flavor : "");
    kn_jw_string_member (w, "state", usage->state);
    kn_jw_int_member (w, "vcpus", usage->vcpus);
    kn_jw_int_member (w, "memory_mb", usage->memory_mib);
    kn_jw_int_member (w, "local_gb", usage->disk_gib);
    write_double (w, "hours", usage->hours);
    kn_jw_int_member (w, "uptime", usage->uptime_us / G_USEC_PER_SEC);
    write_time (w, "started_at", usage->launched_at);
    write_time (w, "ended_at", usage->terminated_at);
    kn_jw_end (w);
}

static void
add_server (const KnUsage *usage, gpointer data)
{
    Report *report = data;
    const char *project = usage->project_id ? usage->project_id : "";

    if (!report->project || strcmp (report->project, project) != 0) {
        end_project (report);
        begin_project (report, project);
    }
    report->hours += usage->hours;
    report->vcpu_hours += usage->hours * (double)usage->vcpus;
    report->memory_hours += usage->hours * (double)usage->memory_mib;
    report->disk_hours += usage->hours * (double)usage->disk_gib;
    if (report->with_servers)
        write_server (report->w, usage);
}

static bool
read_time (const KnRequest *req, const char *name, gint64 *out_us, GError **error)
{
    const char *text = kn_request_query (req, name);

    if (!text || kn_time_parse (text, out_us))
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "%s is not a time.", name);
    return false;
}

static bool
read_span (const KnRequest *req, Report *report, GError **error)
{
    report->end_us = kn_time_now ();
    report->start_us = report->end_us - 1;
    if (!read_time (req, "start", &report->start_us, error)
        || !read_time (req, "end", &report->end_us, error))
        return false;
    if (report->start_us < report->end_us)
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "The start must lie before the end.");
    return false;
}

static bool
write_report (KnRequest *req, Report *report, const char *project, GError **error)
{
    KnDb *db = kn_compute_db (kn_compute_of (req), error);
    bool good = db
                && kn_store_usage_each (db, project, report->start_us, report->end_us, add_server,
                                        report, error);

    if (good)
        end_project (report);
    g_clear_pointer (&report->project, g_free);
    return good;
}

static bool
usage_list (KnRequest *req, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    const char *detailed = kn_request_query (req, "detailed");
    Report report = { .w = w, .with_servers = detailed && strcmp (detailed, "1") == 0 };

    if (!read_span (req, &report, error))
        return false;
    kn_jw_object (w);
    kn_jw_array_member (w, "tenant_usages");
    if (!write_report (req, &report, NULL, error))
        return false;
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

/* Writes one project's report as the answer's member, an empty object if it had no servers. */
static bool
reply_project (KnRequest *req, const char *project, Report *report, GError **error)
{
    g_autoptr (KnJw) inner = kn_jw_new ();
    g_autoptr (KnJw) w = kn_jw_new ();
    g_autofree char *text = NULL;
    gsize len = 0;

    report->w = inner;
    if (!write_report (req, report, project, error))
        return false;
    text = kn_jw_finish (inner, &len);
    kn_jw_object (w);
    kn_jw_raw_member (w, "tenant_usage", len ? text : "{}");
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static bool
usage_show (KnRequest *req, GError **error)
{
    const char *project = kn_request_param (req, "project");
    Report report = { .with_servers = true };

    if (!kn_request_is_admin (req) && g_strcmp0 (kn_request_auth (req)->project_id, project) != 0) {
        kn_error_public (error, KN_ERROR_FORBIDDEN,
                         "Policy doesn't allow you to see the usage of another project.");
        return false;
    }
    return read_span (req, &report, error) && reply_project (req, project, &report, error);
}

static const KnRoute routes_of_usage[] = {
    { "GET", "/v2.1/os-simple-tenant-usage", usage_list, KN_ROLE_ADMIN, KN_WORKER },
    { "GET", "/v2.1/os-simple-tenant-usage/{project}", usage_show, KN_ROLE_READER, KN_WORKER },
};

void
kn_usage_add_routes (GArray *routes)
{
    g_array_append_vals (routes, routes_of_usage, G_N_ELEMENTS (routes_of_usage));
}
