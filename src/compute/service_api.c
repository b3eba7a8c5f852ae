/* SPDX-License-Identifier: Apache-2.0 */
/* The hosts as compute services: list, enable, disable. */
#include "base/error.h"
#include "base/time.h"
#include "base/util.h"
#include "compute/compute_priv.h"
#include "compute/host_store.h"

#include <string.h>

typedef struct {
    const char *host, *binary, *reason;
    guint64 present;
} ServiceSpec;

static const KnJField service_fields[] = {
    { "host", KN_J_STRING, offsetof (ServiceSpec, host), 1, 255 },
    { "binary", KN_J_STRING, offsetof (ServiceSpec, binary), 1, 255 },
    { "disabled_reason", KN_J_STRING, offsetof (ServiceSpec, reason), 1, 255,
      .flags = KN_J_OPTIONAL },
};
static const KnJShape service_shape = { service_fields, G_N_ELEMENTS (service_fields),
                                        offsetof (ServiceSpec, present), .closed = true };

/* One of the ways to change a service; the route's data. */
typedef struct {
    bool disable, wants_reason;
} ServiceAction;

static const ServiceAction enable = { false, false };
static const ServiceAction disable = { true, false };
static const ServiceAction disable_log_reason = { true, true };

static bool
is_asked_for (const KnRequest *req, const char *parameter, const char *value)
{
    const char *wanted = kn_request_query (req, parameter);

    return !wanted || strcmp (wanted, value) == 0;
}

static void
write_service (KnJw *w, KnCompute *compute, const KnHostRow *row, bool up)
{
    g_autofree char *seen
        = up ? kn_time_dup (kn_time_now () / G_USEC_PER_SEC * G_USEC_PER_SEC, KN_TIME_PLAIN)
             : kn_time_convert (row->last_seen_up, KN_TIME_PLAIN);

    kn_jw_object (w);
    kn_jw_int_member (w, "id", row->id);
    kn_jw_string_member (w, "binary", KN_HOST_BINARY);
    kn_jw_string_member (w, "host", row->host);
    kn_jw_string_member (w, "zone", compute->zone);
    kn_jw_string_member (w, "status", row->disabled ? "disabled" : "enabled");
    kn_jw_string_member (w, "state", up ? "up" : "down");
    kn_jw_string_member (w, "updated_at", seen);
    kn_jw_string_member (w, "disabled_reason", row->disabled_reason);
    kn_jw_end (w);
}

/* COMPAT: the scheduler and the conductor are parts of this process and no services of their own. */
static bool
service_list (KnRequest *req, GError **error)
{
    KnCompute *compute = kn_compute_of (req);
    KnDb *db = kn_compute_db (compute, error);
    g_auto (GStrv) names = kn_virt_list_hosts (compute->virt);
    bool compute_wanted = is_asked_for (req, "binary", KN_HOST_BINARY);
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!db)
        return false;
    kn_jw_object (w);
    kn_jw_array_member (w, "services");
    for (char **name = names; compute_wanted && *name; name++) {
        g_autoptr (KnVirtHost) host = kn_virt_find_host (compute->virt, *name);
        g_autoptr (KnHostRow) row = NULL;

        if (!host || !is_asked_for (req, "host", *name))
            continue;
        row = kn_store_host_ensure (db, *name, error);
        if (!row)
            return false;
        write_service (w, compute, row, kn_virt_host_is_up (host));
    }
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

/* The row of a host that is part of this cloud. Errors: NOT_FOUND (public). */
static KnHostRow *
find_service (KnCompute *compute, KnDb *db, const ServiceSpec *spec, GError **error)
{
    g_autoptr (KnVirtHost) host = kn_virt_find_host (compute->virt, spec->host);

    if (!host || strcmp (spec->binary, KN_HOST_BINARY) != 0) {
        kn_error_public (error, KN_ERROR_NOT_FOUND, "Could not find service %s on host %s.",
                         spec->binary, spec->host);
        return NULL;
    }
    return kn_store_host_ensure (db, spec->host, error);
}

static void
reply_change (KnRequest *req, const ServiceSpec *spec, const ServiceAction *action)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_object_member (w, "service");
    kn_jw_string_member (w, "host", spec->host);
    kn_jw_string_member (w, "binary", spec->binary);
    kn_jw_string_member (w, "status", action->disable ? "disabled" : "enabled");
    if (action->wants_reason)
        kn_jw_string_member (w, "disabled_reason", spec->reason);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
}

static bool
service_change (KnRequest *req, GError **error)
{
    const ServiceAction *action = kn_request_state (req);
    KnCompute *compute = kn_compute_of (req);
    ServiceSpec spec = { .host = NULL };
    const json_t *body = kn_request_json (req, error);
    KnDb *db = body ? kn_compute_db (compute, error) : NULL;
    g_autoptr (KnHostRow) row = NULL;

    if (!db || !kn_json_read (body, "service", &service_shape, &spec, error))
        return false;
    if (action->wants_reason != (spec.reason != NULL)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "disabled_reason goes with disable-log-reason, and only with it.");
        return false;
    }
    row = find_service (compute, db, &spec, error);
    if (!row || !kn_store_host_set_disabled (db, row->id, action->disable, spec.reason, error))
        return false;
    reply_change (req, &spec, action);
    return true;
}

static const KnRoute routes_of_services[] = {
    { "GET", "/v2.1/os-services", service_list, KN_ROLE_ADMIN, KN_WORKER },
    { "PUT", "/v2.1/os-services/enable", service_change, KN_ROLE_ADMIN, KN_WORKER, 16 * KIB,
      .data = &enable },
    { "PUT", "/v2.1/os-services/disable", service_change, KN_ROLE_ADMIN, KN_WORKER, 16 * KIB,
      .data = &disable },
    { "PUT", "/v2.1/os-services/disable-log-reason", service_change, KN_ROLE_ADMIN, KN_WORKER,
      16 * KIB, .data = &disable_log_reason },
};

void
kn_service_add_routes (GArray *routes)
{
    g_array_append_vals (routes, routes_of_services, G_N_ELEMENTS (routes_of_services));
}
