/* SPDX-License-Identifier: Apache-2.0 */
/* Version documents. */
#include "identity/identity_priv.h"

/* Keystone of the Zed release announces this one. */
#define API_VERSION "v3.14"

static void
write_version (KnJw *w, KnRequest *req)
{
    kn_jw_object (w);
    kn_jw_string_member (w, "id", API_VERSION);
    kn_jw_string_member (w, "status", "stable");
    kn_jw_string_member (w, "updated", "2020-04-07T00:00:00Z");
    kn_jw_array_member (w, "links");
    kn_jw_object (w);
    kn_jw_string_member (w, "rel", "self");
    kn_jw_format_member (w, "href", "%s/v3/", kn_request_base_url (req));
    kn_jw_end (w);
    kn_jw_end (w);
    kn_jw_array_member (w, "media-types");
    kn_jw_object (w);
    kn_jw_string_member (w, "base", "application/json");
    kn_jw_string_member (w, "type", "application/vnd.openstack.identity-v3+json");
    kn_jw_end (w);
    kn_jw_end (w);
    kn_jw_end (w);
}

static bool
list_versions (KnRequest *req, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    g_autofree char *location = g_strconcat (kn_request_base_url (req), "/v3/", NULL);

    kn_jw_object (w);
    kn_jw_object_member (w, "versions");
    kn_jw_array_member (w, "values");
    write_version (w, req);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_add_header (req, "Location", location);
    kn_request_reply_json (req, 300, w);
    return true;
}

static bool
show_version (KnRequest *req, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_key (w, "version");
    write_version (w, req);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static const KnRoute routes[] = {
    { "GET", "/", list_versions, .role = KN_ROLE_NONE, .run = KN_INLINE },
    { "GET", "/v3", show_version, .role = KN_ROLE_NONE, .run = KN_INLINE },
};
const KnRouteTable kn_identity_version_routes = { routes, G_N_ELEMENTS (routes) };
