/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog: our own services under the address that the client used. Ids never change. */
#include "base/id.h"
#include "identity/identity_priv.h"

static const char *const interfaces[] = { "admin", "internal", "public" };

static void
write_endpoint (KnJw *w, KnRequest *req, const KnIdentity *identity, const KnService *service,
                const char *interface)
{
    g_autofree char *name = g_strdup_printf ("endpoint:%s:%s", service->type, interface);
    g_autofree char *id = kn_id_from_name (name);

    kn_jw_object (w);
    kn_jw_string_member (w, "id", id);
    kn_jw_string_member (w, "interface", interface);
    kn_jw_string_member (w, "region", identity->region);
    kn_jw_string_member (w, "region_id", identity->region);
    kn_jw_format_member (w, "url", "%s%s", kn_request_url_of (req, service->type),
                         service->endpoint);
    kn_jw_end (w);
}

void
kn_identity_write_catalog (KnJw *w, KnRequest *req)
{
    const KnIdentity *identity = kn_request_service (req);

    kn_jw_array_member (w, "catalog");
    for (guint i = 0; identity->catalog[i]; i++) {
        const KnService *service = identity->catalog[i];
        g_autofree char *name = g_strconcat ("service:", service->type, NULL);
        g_autofree char *id = kn_id_from_name (name);

        kn_jw_object (w);
        kn_jw_string_member (w, "id", id);
        kn_jw_string_member (w, "type", service->type);
        kn_jw_string_member (w, "name", service->name);
        kn_jw_array_member (w, "endpoints");
        for (guint k = 0; k < G_N_ELEMENTS (interfaces); k++)
            write_endpoint (w, req, identity, service, interfaces[k]);
        kn_jw_end (w);
        kn_jw_end (w);
    }
    kn_jw_end (w);
}
