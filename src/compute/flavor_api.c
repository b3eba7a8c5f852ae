/* SPDX-License-Identifier: Apache-2.0 */
/* Flavors: show, create, delete. */
#include "base/error.h"
#include "base/id.h"
#include "base/util.h"
#include "compute/flavor_store.h"
#include "compute/flavor_view.h"

#include <string.h>

#define INT32 ((gint64)G_MAXINT32)

typedef struct {
    const char *name;
    json_t *id, *rxtx_factor;
    gint64 ram, vcpus, disk, ephemeral, swap;
    bool is_public;
    guint64 present;
} CreateSpec;

static const KnJField create_fields[] = {
    { "name", KN_J_STRING, offsetof (CreateSpec, name), 1, 255 },
    { "id", KN_J_ANY, offsetof (CreateSpec, id), .flags = KN_J_OPTIONAL | KN_J_NULLABLE },
    { "ram", KN_J_INT, offsetof (CreateSpec, ram), 1, INT32, .flags = KN_J_LENIENT },
    { "vcpus", KN_J_INT, offsetof (CreateSpec, vcpus), 1, INT32, .flags = KN_J_LENIENT },
    { "disk", KN_J_INT, offsetof (CreateSpec, disk), 0, INT32, .flags = KN_J_LENIENT },
    { "OS-FLV-EXT-DATA:ephemeral", KN_J_INT, offsetof (CreateSpec, ephemeral), 0, INT32,
      .flags = KN_J_LENIENT | KN_J_OPTIONAL },
    { "swap", KN_J_INT, offsetof (CreateSpec, swap), 0, INT32,
      .flags = KN_J_LENIENT | KN_J_OPTIONAL },
    { "rxtx_factor", KN_J_ANY, offsetof (CreateSpec, rxtx_factor), .flags = KN_J_OPTIONAL },
    { "os-flavor-access:is_public", KN_J_BOOL, offsetof (CreateSpec, is_public),
      .flags = KN_J_LENIENT | KN_J_OPTIONAL },
};
static const KnJShape create_shape = { create_fields, G_N_ELEMENTS (create_fields),
                                       offsetof (CreateSpec, present), .closed = true };

KnDb *
kn_flavor_db (const KnRequest *req, GError **error)
{
    return kn_compute_db (kn_compute_of (req), error);
}

KnFlavor *
kn_flavor_of (const KnRequest *req, KnDb *db, GError **error)
{
    const char *project = kn_request_is_admin (req) ? NULL : kn_request_auth (req)->project_id;

    return kn_flavor_load (db, kn_request_param (req, "id"), project, error);
}

static void
write_link (KnJw *w, const KnRequest *req, const char *rel, const char *version, const char *id)
{
    kn_jw_object (w);
    kn_jw_string_member (w, "rel", rel);
    kn_jw_format_member (w, "href", "%s%s/flavors/%s", kn_request_base_url (req), version, id);
    kn_jw_end (w);
}

/* Always with a fraction: clients show 1.0 as such. */
static void
write_factor (KnJw *w, double factor)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    g_autofree char *number = NULL;

    (void)g_ascii_dtostr (text, sizeof text, factor);
    number = g_strconcat (text, strpbrk (text, ".e") ? "" : ".0", NULL);
    kn_jw_raw_member (w, "rxtx_factor", number);
}

void
kn_flavor_write (KnJw *w, const KnRequest *req, const KnFlavor *flavor, KnFlavorView view)
{
    kn_jw_object (w);
    kn_jw_string_member (w, "id", flavor->flavor_id);
    kn_jw_string_member (w, "name", flavor->name);
    if (view == KN_FLAVOR_FULL) {
        kn_jw_int_member (w, "ram", flavor->memory_mib);
        kn_jw_int_member (w, "disk", flavor->root_gib);
        kn_jw_int_member (w, "vcpus", flavor->vcpus);
        kn_jw_int_member (w, "OS-FLV-EXT-DATA:ephemeral", flavor->ephemeral_gib);
        kn_jw_bool_member (w, "OS-FLV-DISABLED:disabled", flavor->disabled);
        kn_jw_bool_member (w, "os-flavor-access:is_public", flavor->is_public);
        /* Before microversion 2.75 no swap is an empty string. */
        if (flavor->swap_mib > 0)
            kn_jw_int_member (w, "swap", flavor->swap_mib);
        else
            kn_jw_string_member (w, "swap", "");
        write_factor (w, flavor->rxtx_factor);
    }
    kn_jw_array_member (w, "links");
    write_link (w, req, "self", "/v2.1", flavor->flavor_id);
    write_link (w, req, "bookmark", "", flavor->flavor_id);
    kn_jw_end (w);
    kn_jw_end (w);
}

static void
reply_flavor (KnRequest *req, const KnFlavor *flavor)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_key (w, "flavor");
    kn_flavor_write (w, req, flavor, KN_FLAVOR_FULL);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
}

static bool
flavor_show (KnRequest *req, GError **error)
{
    KnDb *db = kn_flavor_db (req, error);
    g_autoptr (KnFlavor) flavor = db ? kn_flavor_of (req, db, error) : NULL;

    if (!flavor)
        return false;
    reply_flavor (req, flavor);
    return true;
}

/* Letters, digits, dots, underscores, hyphens and inner spaces. */
static bool
is_flavor_id (const char *text)
{
    gsize len = strlen (text);

    if (len == 0 || len > 255 || text[0] == ' ' || text[len - 1] == ' ')
        return false;
    for (const char *c = text; *c; c++)
        if (!g_ascii_isalnum (*c) && !strchr ("._- ", *c))
            return false;
    return true;
}

/* The id that was asked for, as text; a new one if none was. */
static char *
choose_id (const json_t *id, GError **error)
{
    g_autofree char *text = NULL;

    if (!id || json_is_null (id))
        return kn_id_uuid ();
    if (json_is_integer (id))
        text = g_strdup_printf ("%" JSON_INTEGER_FORMAT, json_integer_value (id));
    else if (json_is_string (id))
        text = g_strdup (json_string_value (id));
    if (text && is_flavor_id (text))
        return g_steal_pointer (&text);
    kn_error_public (error, KN_ERROR_BAD_REQUEST,
                     "Invalid input for field/attribute id: it may hold letters, digits, '.', '_', "
                     "'-' and inner spaces, 255 at most.");
    return NULL;
}

static bool
parse_factor (const json_t *value, double *out_factor, GError **error)
{
    const char *text = json_string_value (value);
    char *end = NULL;
    double factor = json_is_number (value) ? json_number_value (value) : 0;

    if (!value)
        return true;
    if (text)
        factor = g_ascii_strtod (text, &end);
    if ((!text && !json_is_number (value)) || (text && (*end || end == text))
        || !(factor > 0 && factor < 1e38)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "Invalid input for field/attribute rxtx_factor: it must be a positive "
                         "number.");
        return false;
    }
    *out_factor = factor;
    return true;
}

static bool
check_name (const char *name, GError **error)
{
    gunichar first = g_utf8_get_char (name);
    gunichar last = g_utf8_get_char (g_utf8_prev_char (name + strlen (name)));
    bool good = !g_unichar_isspace (first) && !g_unichar_isspace (last);

    for (const char *c = name; good && *c; c = g_utf8_next_char (c))
        good = g_unichar_isprint (g_utf8_get_char (c));
    if (!good)
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "Invalid input for field/attribute name: it must be printable, without "
                         "spaces at its ends.");
    return good;
}

static KnFlavor *
parse_flavor (KnRequest *req, GError **error)
{
    CreateSpec spec = { .is_public = true };
    const json_t *body = kn_request_json (req, error);
    const json_t *object = body ? kn_json_unwrap (body, "flavor", error) : NULL;
    g_autoptr (KnFlavor) flavor = kn_flavor_new ();

    if (!object || !kn_json_read (object, "flavor", &create_shape, &spec, error)
        || !check_name (spec.name, error)
        || !parse_factor (spec.rxtx_factor, &flavor->rxtx_factor, error))
        return NULL;
    flavor->flavor_id = choose_id (spec.id, error);
    if (!flavor->flavor_id)
        return NULL;
    flavor->name = g_strdup (spec.name);
    flavor->memory_mib = spec.ram;
    flavor->vcpus = spec.vcpus;
    flavor->root_gib = spec.disk;
    flavor->ephemeral_gib = spec.ephemeral;
    flavor->swap_mib = spec.swap;
    flavor->is_public = spec.is_public;
    return g_steal_pointer (&flavor);
}

static bool
flavor_create (KnRequest *req, GError **error)
{
    g_autoptr (KnFlavor) flavor = parse_flavor (req, error);
    KnDb *db = flavor ? kn_flavor_db (req, error) : NULL;
    GError *problem = NULL;

    if (!db)
        return false;
    if (kn_store_flavor_insert (db, flavor, &problem)) {
        reply_flavor (req, flavor);
        return true;
    }
    if (!g_error_matches (problem, KN_ERROR, KN_ERROR_CONFLICT)) {
        g_propagate_error (error, problem);
        return false;
    }
    g_clear_error (&problem);
    kn_error_public (error, KN_ERROR_CONFLICT,
                     "A flavor with the id %s or the name %s exists already.", flavor->flavor_id,
                     flavor->name);
    return false;
}

static bool
flavor_delete (KnRequest *req, GError **error)
{
    KnDb *db = kn_flavor_db (req, error);
    g_autoptr (KnFlavor) flavor = db ? kn_flavor_of (req, db, error) : NULL;

    if (!flavor || !kn_store_flavor_delete (db, flavor, error))
        return false;
    kn_request_reply_empty (req, 202);
    return true;
}

static const KnRoute routes_of_flavors[] = {
    { "GET", "/v2.1/flavors/{id}", flavor_show, KN_ROLE_READER, KN_INLINE },
    { "POST", "/v2.1/flavors", flavor_create, KN_ROLE_ADMIN, KN_WORKER, 64 * KIB },
    { "DELETE", "/v2.1/flavors/{id}", flavor_delete, KN_ROLE_ADMIN, KN_WORKER },
};

void
kn_flavor_add_routes (GArray *routes)
{
    g_array_append_vals (routes, routes_of_flavors, G_N_ELEMENTS (routes_of_flavors));
    kn_flavor_list_add_routes (routes);
    kn_flavor_specs_add_routes (routes);
    kn_flavor_access_add_routes (routes);
}
