/* SPDX-License-Identifier: Apache-2.0 */
/* Availability zones. */
#include "base/error.h"
#include "base/time.h"
#include "compute/compute_priv.h"
#include "compute/host_store.h"

typedef struct {
    bool available; /* a host is up and takes servers */
    KnJw *hosts;    /* members of an object for the detailed list; NULL: brief */
} Zone;

static void
write_host (KnJw *w, const KnHostRow *row, bool up)
{
    g_autofree char *seen
        = up ? kn_time_dup (kn_time_now () / G_USEC_PER_SEC * G_USEC_PER_SEC, KN_TIME_PLAIN)
             : kn_time_convert (row->last_seen_up, KN_TIME_PLAIN);

    kn_jw_object_member (w, row->host);
    kn_jw_object_member (w, KN_HOST_BINARY);
    kn_jw_bool_member (w, "available", up);
    kn_jw_bool_member (w, "active", !row->disabled);
    kn_jw_string_member (w, "updated_at", seen);
    kn_jw_end (w);
    kn_jw_end (w);
}

static bool
visit_hosts (KnCompute *compute, KnDb *db, Zone *zone, GError **error)
{
    g_auto (GStrv) names = kn_virt_list_hosts (compute->virt);

    for (char **name = names; *name; name++) {
        g_autoptr (KnVirtHost) host = kn_virt_find_host (compute->virt, *name);
        g_autoptr (KnHostRow) row = host ? kn_store_host_ensure (db, *name, error) : NULL;
        bool up = host && kn_virt_host_is_up (host);

        if (host && !row)
            return false;
        zone->available |= up && !row->disabled;
        if (host && zone->hosts)
            write_host (zone->hosts, row, up);
    }
    return true;
}

static void
reply_zone (KnRequest *req, const Zone *zone)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_array_member (w, "availabilityZoneInfo");
    kn_jw_object (w);
    kn_jw_string_member (w, "zoneName", kn_compute_of (req)->zone);
    kn_jw_object_member (w, "zoneState");
    kn_jw_bool_member (w, "available", zone->available);
    kn_jw_end (w);
    if (zone->hosts) {
        g_autofree char *hosts = NULL;
        gsize len;

        kn_jw_end (zone->hosts);
        hosts = kn_jw_finish (zone->hosts, &len);
        kn_jw_raw_member (w, "hosts", hosts);
    } else
        kn_jw_null_member (w, "hosts");
    kn_jw_end (w);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
}

static bool
list_zones (KnRequest *req, Zone *zone, GError **error)
{
    KnCompute *compute = kn_compute_of (req);
    KnDb *db = kn_compute_db (compute, error);

    if (!db || !visit_hosts (compute, db, zone, error))
        return false;
    reply_zone (req, zone);
    return true;
}

static bool
zone_list (KnRequest *req, GError **error)
{
    Zone zone = { .available = false };

    return list_zones (req, &zone, error);
}

static bool
zone_list_detail (KnRequest *req, GError **error)
{
    g_autoptr (KnJw) hosts = kn_jw_new ();
    Zone zone = { .hosts = hosts };

    kn_jw_object (hosts);
    return list_zones (req, &zone, error);
}

static const KnRoute routes_of_zones[] = {
    { "GET", "/v2.1/os-availability-zone", zone_list, KN_ROLE_READER, KN_WORKER },
    { "GET", "/v2.1/os-availability-zone/detail", zone_list_detail, KN_ROLE_ADMIN, KN_WORKER },
};

void
kn_zone_add_routes (GArray *routes)
{
    g_array_append_vals (routes, routes_of_zones, G_N_ELEMENTS (routes_of_zones));
}
