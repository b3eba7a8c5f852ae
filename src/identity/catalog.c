/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog of tokens: our own services under the address that the client used, and what operators have added. */
#include "base/id.h"
#include "identity/identity_priv.h"

#include <string.h>

const char *const kn_identity_interfaces[] = { "admin", "internal", "public", NULL };

KN_STMT (CATALOG_ADDED, "SELECT e.service_id, e.id, e.interface, e.region_id, e.url, s.type, s.name"
                        " FROM catalog_endpoints e LEFT JOIN catalog_services s ON s.id = "
                        "e.service_id AND s.enabled = 1"
                        " WHERE e.enabled = 1 ORDER BY e.service_id, e.interface, e.id");

static char *
make_id (const char *kind, const char *type, const char *interface)
{
    g_autofree char *name = g_strconcat (kind, ":", type, interface ? ":" : NULL, interface, NULL);

    return kn_id_from_name (name);
}

static void
make_ids (KnIdentity *identity)
{
    while (identity->catalog[identity->n_ids])
        identity->n_ids++;
    identity->ids = g_new0 (KnCatalogIds, identity->n_ids);
    for (guint i = 0; i < identity->n_ids; i++) {
        const char *type = identity->catalog[i]->type;

        identity->ids[i].service = make_id ("service", type, NULL);
        for (guint k = 0; kn_identity_interfaces[k]; k++)
            identity->ids[i].endpoints[k] = make_id ("endpoint", type, kn_identity_interfaces[k]);
    }
}

const KnCatalogIds *
kn_identity_catalog_ids (KnIdentity *identity)
{
    if (g_once_init_enter (&identity->ids_ready)) {
        make_ids (identity);
        g_once_init_leave (&identity->ids_ready, 1);
    }
    return identity->ids;
}

void
kn_identity_free_ids (KnIdentity *identity)
{
    for (guint i = 0; i < identity->n_ids; i++) {
        g_free (identity->ids[i].service);
        for (guint k = 0; k < G_N_ELEMENTS (identity->ids[i].endpoints); k++)
            g_free (identity->ids[i].endpoints[k]);
    }
    g_free (identity->ids);
}

typedef struct {
    char *service_id, *id, *interface, *region_id, *url;
    char *type, *name; /* type NULL: a further endpoint of one of our own services */
} Added;

static void
free_added (gpointer data)
{
    Added *added = data;

    g_free (added->service_id);
    g_free (added->id);
    g_free (added->interface);
    g_free (added->region_id);
    g_free (added->url);
    g_free (added->type);
    g_free (added->name);
    g_free (added);
}

static GPtrArray *
load_added (KnDb *db, GError **error)
{
    g_autoptr (GPtrArray) list = g_ptr_array_new_with_free_func (free_added);
    g_autoptr (GError) local = NULL;
    g_autoptr (KnRows) rows = kn_db_query (db, &CATALOG_ADDED, KN_NO_BIND, error);

    if (!rows)
        return NULL;
    while (kn_rows_next (rows, &local)) {
        Added *added = g_new0 (Added, 1);

        added->service_id = kn_rows_dup (rows, 0);
        added->id = kn_rows_dup (rows, 1);
        added->interface = kn_rows_dup (rows, 2);
        added->region_id = kn_rows_dup (rows, 3);
        added->url = kn_rows_dup (rows, 4);
        added->type = kn_rows_dup (rows, 5);
        added->name = kn_rows_dup (rows, 6);
        g_ptr_array_add (list, added);
    }
    if (local) {
        g_propagate_error (error, g_steal_pointer (&local));
        return NULL;
    }
    return g_steal_pointer (&list);
}

/* Fills in "$(project_id)s" and its older spellings. NULL: the URL needs a project and there is none. */
static char *
expand_url (const char *url, const char *project_id, const char *user_id)
{
    static const struct {
        const char *name;
        bool project;
    } words[] = { { "(project_id)s", true }, { "(tenant_id)s", true }, { "(user_id)s", false } };
    GString *text = g_string_new (url);

    for (guint i = 0; i < G_N_ELEMENTS (words); i++) {
        const char *value = words[i].project ? project_id : user_id;

        for (const char *sign = "$%"; *sign; sign++) {
            g_autofree char *word = g_strdup_printf ("%c%s", *sign, words[i].name);

            if (!value && strstr (text->str, word)) {
                (void)g_string_free (text, TRUE);
                return NULL;
            }
            if (value)
                (void)g_string_replace (text, word, value, 0);
        }
    }
    return g_string_free (text, FALSE);
}

static void
write_endpoint (KnJw *w, const char *id, const char *interface, const char *region, const char *url)
{
    kn_jw_object (w);
    kn_jw_string_member (w, "id", id);
    kn_jw_string_member (w, "interface", interface);
    kn_jw_string_member (w, "region", region);
    kn_jw_string_member (w, "region_id", region);
    kn_jw_string_member (w, "url", url);
    kn_jw_end (w);
}

static void
begin_service (KnJw *w, const char *id, const char *type, const char *name)
{
    kn_jw_object (w);
    kn_jw_string_member (w, "id", id);
    kn_jw_string_member (w, "type", type);
    kn_jw_string_member (w, "name", name);
    kn_jw_array_member (w, "endpoints");
}

static void
end_service (KnJw *w)
{
    kn_jw_end (w);
    kn_jw_end (w);
}

static void
write_added_endpoints (KnJw *w, const GPtrArray *list, const char *service_id,
                       const KnCatalogFor *whom)
{
    for (guint i = 0; i < list->len; i++) {
        const Added *added = g_ptr_array_index (list, i);

        if (strcmp (added->service_id, service_id) != 0)
            continue;

        g_autofree char *url = expand_url (added->url, whom->project_id, whom->user_id);
        if (url)
            write_endpoint (w, added->id, added->interface, added->region_id, url);
    }
}

static void
write_own (KnJw *w, KnRequest *req, const KnService *service, const KnCatalogIds *ids,
           const GPtrArray *list, const KnCatalogFor *whom)
{
    const KnIdentity *identity = kn_request_service (req);
    g_autofree char *url = g_strconcat (kn_request_url_of (req, service->type),
                                        service->endpoint ? service->endpoint : "", NULL);

    begin_service (w, ids->service, service->type, service->name);
    for (guint i = 0; kn_identity_interfaces[i]; i++)
        write_endpoint (w, ids->endpoints[i], kn_identity_interfaces[i], identity->region, url);
    write_added_endpoints (w, list, ids->service, whom);
    end_service (w);
}

bool
kn_identity_write_catalog (KnJw *w, KnRequest *req, KnDb *db, const KnCatalogFor *whom,
                           GError **error)
{
    KnIdentity *identity = kn_request_service (req);
    const KnCatalogIds *ids = kn_identity_catalog_ids (identity);
    g_autoptr (GPtrArray) list = load_added (db, error);
    const char *last = "";

    if (!list)
        return false;
    kn_jw_array_member (w, "catalog");
    for (guint i = 0; identity->catalog[i]; i++)
        write_own (w, req, identity->catalog[i], &ids[i], list, whom);
    for (guint i = 0; i < list->len; i++) {
        const Added *added = g_ptr_array_index (list, i);

        if (!added->type || strcmp (added->service_id, last) == 0)
            continue;
        last = added->service_id;
        begin_service (w, added->service_id, added->type, added->name);
        write_added_endpoints (w, list, added->service_id, whom);
        end_service (w);
    }
    kn_jw_end (w);
    return true;
}
