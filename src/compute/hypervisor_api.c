/* SPDX-License-Identifier: Apache-2.0 */
/* Hypervisors: what hosts have and what servers take of it. Sums count promises, as the scheduler does. */
#include "base/error.h"
#include "base/util.h"
#include "compute/compute_priv.h"
#include "compute/host_store.h"
#include "virt/volume.h"

#include <gio/gio.h>
#include <string.h>
#include <time.h>

/* One host as the API shows it. */
typedef struct {
    KnVirtHost *host;
    KnHostRow *row;
    const KnVirtFacts *facts; /* NULL: the host is away */
    KnHostUse use;
    guint64 disk_total, disk_free; /* bytes */
} Hypervisor;

static void
hypervisor_free (gpointer data)
{
    Hypervisor *hypervisor = data;

    kn_virt_host_unref (hypervisor->host);
    kn_host_row_free (hypervisor->row);
    g_free (hypervisor);
}

static Hypervisor *
load_hypervisor (KnDb *db, KnVirtHost *host, GError **error)
{
    const char *name = kn_virt_host_name (host);
    KnHostRow *row = kn_store_host_ensure (db, name, error);
    Hypervisor *hypervisor;
    KnHostUse use;

    if (!row || !kn_store_host_use (db, name, &use, error)) {
        kn_host_row_free (row);
        return NULL;
    }
    hypervisor = g_new (Hypervisor, 1);
    *hypervisor = (Hypervisor){ .host = g_steal_pointer (&host), .row = row, .use = use };
    if (!kn_virt_host_is_up (hypervisor->host))
        return hypervisor;
    /* A host that goes away just now is shown as down; that is no error of the list. */
    hypervisor->facts = kn_virt_host_facts (hypervisor->host, NULL);
    if (hypervisor->facts)
        (void)kn_volume_load_space (hypervisor->host, KN_POOL_INSTANCES, &hypervisor->disk_total,
                                    &hypervisor->disk_free, NULL);
    return hypervisor;
}

/* All hosts of the cloud, Hypervisor *. */
static GPtrArray *
load_hypervisors (KnRequest *req, GError **error)
{
    KnCompute *compute = kn_compute_of (req);
    KnDb *db = kn_compute_db (compute, error);
    g_auto (GStrv) names = kn_virt_list_hosts (compute->virt);
    g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (hypervisor_free);

    if (!db)
        return NULL;
    for (char **name = names; *name; name++) {
        KnVirtHost *host = kn_virt_find_host (compute->virt, *name);
        Hypervisor *hypervisor = host ? load_hypervisor (db, host, error) : NULL;

        if (host && !hypervisor) {
            kn_virt_host_unref (host);
            return NULL;
        }
        if (hypervisor)
            g_ptr_array_add (found, hypervisor);
    }
    return g_steal_pointer (&found);
}

static void
write_brief (KnJw *w, const Hypervisor *hypervisor)
{
    kn_jw_int_member (w, "id", hypervisor->row->id);
    kn_jw_string_member (w, "hypervisor_hostname", hypervisor->row->host);
    kn_jw_string_member (w, "state", hypervisor->facts ? "up" : "down");
    kn_jw_string_member (w, "status", hypervisor->row->disabled ? "disabled" : "enabled");
}

static gint64
gib (guint64 bytes)
{
    return (gint64)(bytes / GIB);
}

/* What is counted, by the name in the answer; sums of it are the statistics. */
typedef enum {
    VCPUS,
    VCPUS_USED,
    MEMORY_MB,
    MEMORY_MB_USED,
    FREE_RAM_MB,
    LOCAL_GB,
    LOCAL_GB_USED,
    FREE_DISK_GB,
    DISK_AVAILABLE_LEAST,
    RUNNING_VMS,
    CURRENT_WORKLOAD,
    FIGURE_N
} Figure;

static const char *const figure_names[] = {
    [VCPUS] = "vcpus",
    [VCPUS_USED] = "vcpus_used",
    [MEMORY_MB] = "memory_mb",
    [MEMORY_MB_USED] = "memory_mb_used",
    [FREE_RAM_MB] = "free_ram_mb",
    [LOCAL_GB] = "local_gb",
    [LOCAL_GB_USED] = "local_gb_used",
    [FREE_DISK_GB] = "free_disk_gb",
    [DISK_AVAILABLE_LEAST] = "disk_available_least",
    [RUNNING_VMS] = "running_vms",
    [CURRENT_WORKLOAD] = "current_workload",
};
G_STATIC_ASSERT (G_N_ELEMENTS (figure_names) == FIGURE_N);

/* Adds the host's figures to @figures. */
static void
add_figures (const Hypervisor *hypervisor, gint64 figures[FIGURE_N])
{
    const KnVirtFacts *facts = hypervisor->facts;
    const KnHostUse *use = &hypervisor->use;
    gint64 memory = facts ? (gint64)facts->memory_mib : 0, total = gib (hypervisor->disk_total);

    figures[VCPUS] += facts ? facts->cpus : 0;
    figures[VCPUS_USED] += use->vcpus;
    figures[MEMORY_MB] += memory;
    figures[MEMORY_MB_USED] += use->memory_mib;
    figures[FREE_RAM_MB] += memory - use->memory_mib;
    figures[LOCAL_GB] += total;
    figures[LOCAL_GB_USED] += use->disk_gib;
    figures[FREE_DISK_GB] += total - use->disk_gib;
    figures[DISK_AVAILABLE_LEAST] += gib (hypervisor->disk_free);
    figures[RUNNING_VMS] += use->servers;
}

static void
write_figures (KnJw *w, const gint64 figures[FIGURE_N])
{
    for (guint i = 0; i < FIGURE_N; i++)
        kn_jw_int_member (w, figure_names[i], figures[i]);
}

/* COMPAT: up to microversion 2.27 a string that holds JSON. */
static void
write_cpu_info (KnJw *w, const KnVirtFacts *facts)
{
    g_autoptr (KnJw) inner = kn_jw_new ();
    g_autofree char *text = NULL;

    kn_jw_object (inner);
    if (facts) {
        kn_jw_string_member (inner, "arch", facts->arch);
        kn_jw_string_member (inner, "model", facts->cpu_model);
        kn_jw_string_member (inner, "vendor", facts->cpu_vendor);
        kn_jw_object_member (inner, "topology");
        kn_jw_int_member (inner, "sockets", facts->sockets);
        kn_jw_int_member (inner, "cores", facts->cores);
        kn_jw_int_member (inner, "threads", facts->threads);
        kn_jw_end (inner);
    }
    kn_jw_end (inner);
    text = kn_jw_finish (inner, NULL);
    kn_jw_string_member (w, "cpu_info", text);
}

/* The address in the host's libvirt URI, of this machine where it has none. Caller frees. */
static char *
host_address (KnVirtHost *host)
{
    g_autoptr (GUri) uri = g_uri_parse (kn_virt_host_uri (host), G_URI_FLAGS_NONE, NULL);
    const char *name = uri ? g_uri_get_host (uri) : NULL;
    GList *addresses = NULL;
    char *text = NULL;

    if (name && *name && !g_hostname_is_ip_address (name))
        addresses = g_resolver_lookup_by_name (g_resolver_get_default (), name, NULL, NULL);
    else if (name && *name)
        text = g_strdup (name);
    if (addresses)
        text = g_inet_address_to_string (addresses->data);
    g_resolver_free_addresses (addresses);
    return text ? text : g_strdup ("127.0.0.1");
}

static void
write_full (KnJw *w, const Hypervisor *hypervisor)
{
    const KnVirtFacts *facts = hypervisor->facts;
    g_autofree char *address = host_address (hypervisor->host);
    gint64 figures[FIGURE_N] = { 0 };

    kn_jw_object (w);
    write_brief (w, hypervisor);
    add_figures (hypervisor, figures);
    write_figures (w, figures);
    write_cpu_info (w, facts);
    kn_jw_string_member (w, "host_ip", address);
    kn_jw_string_member (w, "hypervisor_type", facts ? facts->hypervisor : "QEMU");
    kn_jw_int_member (w, "hypervisor_version", facts ? (gint64)facts->qemu_version : 0);
    kn_jw_object_member (w, "service");
    kn_jw_int_member (w, "id", hypervisor->row->id);
    kn_jw_string_member (w, "host", hypervisor->row->host);
    kn_jw_string_member (w, "disabled_reason", hypervisor->row->disabled_reason);
    kn_jw_end (w);
    kn_jw_end (w);
}

static void
write_short (KnJw *w, const Hypervisor *hypervisor)
{
    kn_jw_object (w);
    write_brief (w, hypervisor);
    kn_jw_end (w);
}

static bool
reply_list (KnRequest *req, void (*write) (KnJw *w, const Hypervisor *hypervisor), GError **error)
{
    g_autoptr (GPtrArray) hypervisors = load_hypervisors (req, error);
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!hypervisors)
        return false;
    kn_jw_object (w);
    kn_jw_array_member (w, "hypervisors");
    for (guint i = 0; i < hypervisors->len; i++)
        write (w, g_ptr_array_index (hypervisors, i));
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static bool
hypervisor_list (KnRequest *req, GError **error)
{
    return reply_list (req, write_short, error);
}

static bool
hypervisor_list_detail (KnRequest *req, GError **error)
{
    return reply_list (req, write_full, error);
}

static bool
hypervisor_statistics (KnRequest *req, GError **error)
{
    g_autoptr (GPtrArray) hypervisors = load_hypervisors (req, error);
    gint64 figures[FIGURE_N] = { 0 };
    g_autoptr (KnJw) w = kn_jw_new ();
    gint64 n = 0;

    if (!hypervisors)
        return false;
    for (guint i = 0; i < hypervisors->len; i++) {
        const Hypervisor *hypervisor = g_ptr_array_index (hypervisors, i);

        if (hypervisor->row->disabled)
            continue;
        add_figures (hypervisor, figures);
        n++;
    }
    kn_jw_object (w);
    kn_jw_object_member (w, "hypervisor_statistics");
    kn_jw_int_member (w, "count", n);
    write_figures (w, figures);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

/* The one with the path's {id}. Errors: NOT_FOUND (public). Borrowed from @hypervisors. */
static const Hypervisor *
find_by_id (const KnRequest *req, const GPtrArray *hypervisors, GError **error)
{
    const char *text = kn_request_param (req, "id");
    gint64 id = 0;
    bool number = kn_parse_int (text, 1, G_MAXINT64, &id);

    for (guint i = 0; number && i < hypervisors->len; i++) {
        const Hypervisor *hypervisor = g_ptr_array_index (hypervisors, i);

        if (hypervisor->row->id == id)
            return hypervisor;
    }
    kn_error_public (error, KN_ERROR_NOT_FOUND, "Hypervisor with ID '%.255s' could not be found.",
                     text);
    return NULL;
}

static bool
hypervisor_show (KnRequest *req, GError **error)
{
    g_autoptr (GPtrArray) hypervisors = load_hypervisors (req, error);
    const Hypervisor *hypervisor = hypervisors ? find_by_id (req, hypervisors, error) : NULL;
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!hypervisor)
        return false;
    kn_jw_object (w);
    kn_jw_key (w, "hypervisor");
    write_full (w, hypervisor);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

/* " 12:00:00 up 1 day,  2:03,  0 users,  load average: 0.10, 0.20, 0.30", the form that clients take apart. Caller frees. */
static char *
format_uptime (GError **error)
{
    g_autofree char *up = kn_file_read ("/proc/uptime", KIB, NULL, error);
    g_autofree char *load = up ? kn_file_read ("/proc/loadavg", KIB, NULL, error) : NULL;
    g_auto (GStrv) words = load ? g_strsplit (load, " ", 4) : NULL;
    g_autoptr (GDateTime) now = g_date_time_new_now_local ();
    g_autofree char *clock = g_date_time_format (now, "%H:%M:%S");
    gint64 minutes;

    if (!load || g_strv_length (words) < 3)
        return NULL;
    minutes = (gint64)(g_ascii_strtod (up, NULL) / 60);
    return g_strdup_printf (" %s up %" G_GINT64_FORMAT " days, %2" G_GINT64_FORMAT
                            ":%02" G_GINT64_FORMAT ",  0 users,  load average: %s, %s, %s",
                            clock, minutes / 1440, minutes / 60 % 24, minutes % 60, words[0],
                            words[1], words[2]);
}

static bool
hypervisor_uptime (KnRequest *req, GError **error)
{
    g_autoptr (GPtrArray) hypervisors = load_hypervisors (req, error);
    const Hypervisor *hypervisor = hypervisors ? find_by_id (req, hypervisors, error) : NULL;
    g_autoptr (KnJw) w = kn_jw_new ();
    g_autofree char *uptime = NULL;

    if (!hypervisor)
        return false;
    if (!kn_virt_host_is_local (hypervisor->host)) {
        /* No agent of ours runs there, and libvirt does not know. */
        kn_error_public (error, KN_ERROR_NOT_IMPLEMENTED,
                         "The uptime of a remote hypervisor is not known.");
        return false;
    }
    uptime = format_uptime (error);
    if (!uptime)
        return false;
    kn_jw_object (w);
    kn_jw_object_member (w, "hypervisor");
    write_brief (w, hypervisor);
    kn_jw_string_member (w, "uptime", uptime);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static void
write_server (gint64 id, const char *uuid, gpointer data)
{
    KnJw *w = data;

    kn_jw_object (w);
    kn_jw_string_member (w, "uuid", uuid);
    kn_jw_format_member (w, "name", "instance-%08x", (guint)id);
    kn_jw_end (w);
}

static bool
write_with_servers (KnJw *w, KnDb *db, const Hypervisor *hypervisor, GError **error)
{
    bool good = true;

    kn_jw_object (w);
    write_brief (w, hypervisor);
    if (hypervisor->use.servers > 0) {
        kn_jw_array_member (w, "servers");
        good = kn_store_host_each_server (db, hypervisor->row->host, write_server, w, error);
        kn_jw_end (w);
    }
    kn_jw_end (w);
    return good;
}

/* Hypervisors with the path's {id} in their name; @db NULL: without their servers. */
static bool
reply_search (KnRequest *req, KnDb *db, GError **error)
{
    const char *pattern = kn_request_param (req, "id");
    g_autoptr (GPtrArray) hypervisors = load_hypervisors (req, error);
    g_autoptr (KnJw) w = kn_jw_new ();
    guint n = 0;

    if (!hypervisors)
        return false;
    kn_jw_object (w);
    kn_jw_array_member (w, "hypervisors");
    for (guint i = 0; i < hypervisors->len; i++) {
        const Hypervisor *hypervisor = g_ptr_array_index (hypervisors, i);

        if (!strstr (hypervisor->row->host, pattern))
            continue;
        n++;
        if (!db)
            write_short (w, hypervisor);
        else if (!write_with_servers (w, db, hypervisor, error))
            return false;
    }
    kn_jw_end (w);
    kn_jw_end (w);
    if (n > 0)
        kn_request_reply_json (req, 200, w);
    else
        kn_error_public (error, KN_ERROR_NOT_FOUND, "No hypervisor matching '%.255s' was found.",
                         pattern);
    return n > 0;
}

static bool
hypervisor_search (KnRequest *req, GError **error)
{
    return reply_search (req, NULL, error);
}

static bool
hypervisor_servers (KnRequest *req, GError **error)
{
    KnDb *db = kn_compute_db (kn_compute_of (req), error);

    return db && reply_search (req, db, error);
}

static const KnRoute routes_of_hypervisors[] = {
    { "GET", "/v2.1/os-hypervisors", hypervisor_list, KN_ROLE_ADMIN, KN_WORKER },
    { "GET", "/v2.1/os-hypervisors/detail", hypervisor_list_detail, KN_ROLE_ADMIN, KN_WORKER },
    { "GET", "/v2.1/os-hypervisors/statistics", hypervisor_statistics, KN_ROLE_ADMIN, KN_WORKER },
    { "GET", "/v2.1/os-hypervisors/{id}", hypervisor_show, KN_ROLE_ADMIN, KN_WORKER },
    { "GET", "/v2.1/os-hypervisors/{id}/uptime", hypervisor_uptime, KN_ROLE_ADMIN, KN_WORKER },
    { "GET", "/v2.1/os-hypervisors/{id}/search", hypervisor_search, KN_ROLE_ADMIN, KN_WORKER },
    { "GET", "/v2.1/os-hypervisors/{id}/servers", hypervisor_servers, KN_ROLE_ADMIN, KN_WORKER },
};

void
kn_hypervisor_add_routes (GArray *routes)
{
    g_array_append_vals (routes, routes_of_hypervisors, G_N_ELEMENTS (routes_of_hypervisors));
}
