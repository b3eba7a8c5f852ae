/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v2/metadefs/…: namespaces, their properties and what they stand on. They come from the registry of properties in the
 * program, so writing is refused. */
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "image/image_priv.h"
#include "image/metadef.h"

#define ROOT "/v2/metadefs/namespaces"
#define TEXT_MAX 4096
#define ZONE_MAX 64

/* -- writing ------------------------------------------------------------------------------- */

/* How names are written for people. */
static const struct {
    const char *word, *written;
} acronyms[] = {
    { "cpu", "CPU" },   { "tpm", "TPM" },       { "numa", "NUMA" }, { "pmu", "PMU" },
    { "pci", "PCI" },   { "usb", "USB" },       { "rng", "RNG" },   { "ram", "RAM" },
    { "os", "OS" },     { "id", "ID" },         { "vif", "VIF" },   { "scsi", "SCSI" },
    { "qemu", "QEMU" }, { "viommu", "vIOMMU" }, { "hpet", "HPET" }, { "cpus", "CPUs" },
    { "mb", "MiB" },    { "iops", "IOPS" },     { "vm", "VM" },     { "hv", "hypervisor" },
};

/* "cpu_max_sockets" -> "CPU max sockets"; caller frees. */
static char *
dup_title (const char *name)
{
    g_auto (GStrv) words = g_strsplit_set (name, "_:.", -1);
    GString *title = g_string_new (NULL);

    for (guint i = 0; words[i]; i++) {
        const char *written = words[i];
        for (gsize a = 0; a < G_N_ELEMENTS (acronyms); a++)
            if (strcmp (acronyms[a].word, words[i]) == 0)
                written = acronyms[a].written;
        if (*written)
            g_string_append_printf (title, "%s%s", title->len ? " " : "", written);
    }
    if (title->len)
        title->str[0] = g_ascii_toupper (title->str[0]);
    return g_string_free (title, FALSE);
}

static void
write_values (KnJw *w, const KnGuestProperty *row)
{
    kn_jw_array_member (w, "enum");
    for (gsize i = 0; row->values[i]; i++)
        kn_jw_string (w, row->values[i]);
    kn_jw_end (w);
}

static void
write_range (KnJw *w, const KnGuestProperty *row)
{
    if (!row->min && !row->max)
        return;
    kn_jw_int_member (w, "minimum", row->min);
    if (row->max != G_MAXINT64)
        kn_jw_int_member (w, "maximum", row->max);
}

static const char *const json_types[KN_PROPERTY_N] = {
    [KN_PROPERTY_BOOL] = "boolean", [KN_PROPERTY_INT] = "integer", [KN_PROPERTY_ENUM] = "string",
    [KN_PROPERTY_TEXT] = "string",  [KN_PROPERTY_CPUS] = "string", [KN_PROPERTY_PAGE] = "string",
    [KN_PROPERTY_ZONE] = "string",
};

/* The members of a property's object. */
static void
write_property (KnJw *w, const KnGuestProperty *row, const char *name)
{
    g_autofree char *title = dup_title (name);

    kn_jw_string_member (w, "title", title);
    kn_jw_format_member (w, "description", "%s%s", row->help,
                         row->flags & KN_PROPERTY_FAMILY
                             ? " The number behind the dot counts the nodes from 0."
                             : "");
    kn_jw_string_member (w, "type", json_types[row->type]);
    if (row->values)
        write_values (w, row);
    if (row->type == KN_PROPERTY_INT)
        write_range (w, row);
    else if (row->type == KN_PROPERTY_ZONE)
        kn_jw_int_member (w, "maxLength", ZONE_MAX);
    else if (row->type != KN_PROPERTY_BOOL && !row->values)
        kn_jw_int_member (w, "maxLength", TEXT_MAX);
}

/* The whole name of @row in @space with @prefix; a family's is that of its first member. NULL: not of this space. Caller frees. */
static char *
dup_name (const KnMetadefSpace *space, const KnGuestProperty *row, const char *prefix)
{
    const char *name = kn_metadef_property_name (space, row);

    if (!name)
        return NULL;
    return g_strconcat (prefix ? prefix : "", name, row->flags & KN_PROPERTY_FAMILY ? "0" : NULL,
                        NULL);
}

static void
write_properties (KnJw *w, const KnMetadefSpace *space, const char *prefix)
{
    gsize n;
    const KnGuestProperty *rows = kn_guest_properties (&n);

    kn_jw_object_member (w, "properties");
    for (gsize i = 0; i < n; i++) {
        g_autofree char *name = dup_name (space, &rows[i], prefix);
        if (!name)
            continue;
        kn_jw_object_member (w, name);
        write_property (w, &rows[i], kn_metadef_property_name (space, &rows[i]));
        kn_jw_end (w);
    }
    kn_jw_end (w);
}

static void
write_associations (KnJw *w, const KnMetadefSpace *space)
{
    kn_jw_array_member (w, "resource_type_associations");
    for (guint i = 0; i < KN_METADEF_N; i++) {
        const char *prefix = kn_metadef_prefix (space, (KnMetadefType)i);
        if (!prefix)
            continue;
        kn_jw_object (w);
        kn_jw_string_member (w, "name", kn_metadef_type_name ((KnMetadefType)i));
        if (*prefix)
            kn_jw_string_member (w, "prefix", prefix);
        if (i == KN_METADEF_SERVER)
            kn_jw_string_member (w, "properties_target", "metadata");
        kn_jw_end (w);
    }
    kn_jw_end (w);
}

/* The members of a namespace's object that lists show. */
static void
write_space (KnJw *w, const KnMetadefSpace *space)
{
    kn_jw_string_member (w, "namespace", space->name);
    kn_jw_string_member (w, "display_name", space->title);
    kn_jw_string_member (w, "description", space->description);
    kn_jw_string_member (w, "visibility", "public");
    kn_jw_bool_member (w, "protected", true);
    kn_jw_format_member (w, "self", ROOT "/%s", space->name);
    kn_jw_string_member (w, "schema", "/v2/schemas/metadefs/namespace");
    write_associations (w, space);
}

/* -- the list ------------------------------------------------------------------------------ */

typedef struct {
    gint64 limit;
    const char *marker, *types;
    bool none, descending;
} ListQuery;

static bool
refuse_value (GError **error, const char *name, const char *wanted)
{
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "The value of '%s' must be %s.", name, wanted);
    return false;
}

static bool
read_query (const KnRequest *req, ListQuery *out, GError **error)
{
    static const char *const keys[]
        = { "namespace", "created_at", "updated_at", "display_name", NULL };
    const char *limit = kn_request_query (req, "limit"), *dir = kn_request_query (req, "sort_dir");
    const char *key = kn_request_query (req, "sort_key");
    const char *visibility = kn_request_query (req, "visibility");

    *out = (ListQuery){ .limit = KN_IMAGE_PAGE_DEFAULT,
                        .marker = kn_request_query (req, "marker"),
                        .types = kn_request_query (req, "resource_types"),
                        .none = g_strcmp0 (visibility, "private") == 0,
                        .descending = g_strcmp0 (dir, "desc") == 0 };
    if (limit && !kn_parse_int (limit, 0, G_MAXINT64, &out->limit))
        return refuse_value (error, "limit", "a number that is not negative");
    if (visibility && !out->none && strcmp (visibility, "public") != 0)
        return refuse_value (error, "visibility", "public or private");
    if (dir && !out->descending && strcmp (dir, "asc") != 0)
        return refuse_value (error, "sort_dir", "asc or desc");
    if (key && !g_strv_contains (keys, key))
        return refuse_value (error, "sort_key",
                             "namespace, created_at, updated_at or display_name");
    out->limit = MIN (out->limit, KN_IMAGE_PAGE_MAX);
    if (!out->marker || kn_metadef_space_find (out->marker))
        return true;
    kn_error_public (error, KN_ERROR_NOT_FOUND, "There is no namespace '%.255s' to go on behind.",
                     out->marker);
    return false;
}

static bool
has_type (const KnMetadefSpace *space, const char *types)
{
    g_auto (GStrv) wanted = types ? g_strsplit (types, ",", 64) : NULL;

    for (guint i = 0; wanted && wanted[i]; i++)
        if (kn_metadef_prefix_of (space, g_strstrip (wanted[i])))
            return true;
    return !wanted;
}

/* @next: the last one of a page that is not the last, or NULL. */
static void
write_links (KnJw *w, const KnRequest *req, const KnMetadefSpace *next)
{
    g_autoptr (GString) url = g_string_new (ROOT);

    kn_image_append_query (req, url);
    kn_jw_string_member (w, "first", url->str);
    if (next)
        kn_jw_format_member (w, "next", "%s%cmarker=%s", url->str,
                             strchr (url->str, '?') ? '&' : '?', next->name);
    kn_jw_string_member (w, "schema", "/v2/schemas/metadefs/namespaces");
}

bool
kn_metadef_api_list (KnRequest *req, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    const KnMetadefSpace *last = NULL, *next = NULL;
    ListQuery query;
    gsize n;
    const KnMetadefSpace *spaces = kn_metadef_spaces (&n);

    if (!read_query (req, &query, error))
        return false;
    bool begun = !query.marker;
    kn_jw_object (w);
    kn_jw_array_member (w, "namespaces");
    for (gsize i = 0; i < n && !query.none && !next; i++) {
        const KnMetadefSpace *space = &spaces[query.descending ? n - 1 - i : i];
        bool shown = begun && has_type (space, query.types);
        begun = begun || strcmp (space->name, query.marker) == 0;
        if (!shown)
            continue;
        if (query.limit-- <= 0) {
            next = last;
            break;
        }
        last = space;
        kn_jw_object (w);
        write_space (w, space);
        kn_jw_end (w);
    }
    kn_jw_end (w);
    write_links (w, req, next);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

/* -- one namespace ------------------------------------------------------------------------- */

/* The path's namespace, and the prefix of the query's resource_type (NULL: none was named, or it does not stand there). */
static const KnMetadefSpace *
load_space (const KnRequest *req, const char **out_prefix, GError **error)
{
    const char *name = kn_request_param (req, "namespace");
    const char *type = kn_request_query (req, "resource_type");
    const KnMetadefSpace *space = kn_metadef_space_find (name);

    if (!space) {
        kn_error_public (error, KN_ERROR_NOT_FOUND, "There is no namespace '%.255s'.", name);
        return NULL;
    }
    *out_prefix = type ? kn_metadef_prefix_of (space, type) : NULL;
    return space;
}

static bool
reply (KnRequest *req, KnJw *w)
{
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

bool
kn_metadef_api_show (KnRequest *req, GError **error)
{
    const char *prefix;
    const KnMetadefSpace *space = load_space (req, &prefix, error);
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!space)
        return false;
    kn_jw_object (w);
    write_space (w, space);
    write_properties (w, space, prefix);
    kn_jw_raw_member (w, "objects", "[]");
    kn_jw_raw_member (w, "tags", "[]");
    return reply (req, w);
}

bool
kn_metadef_api_properties (KnRequest *req, GError **error)
{
    const char *prefix;
    const KnMetadefSpace *space = load_space (req, &prefix, error);
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!space)
        return false;
    kn_jw_object (w);
    write_properties (w, space, prefix);
    kn_jw_string_member (w, "schema", "/v2/schemas/metadefs/properties");
    return reply (req, w);
}

bool
kn_metadef_api_property (KnRequest *req, GError **error)
{
    const char *prefix, *wanted = kn_request_param (req, "name");
    const KnMetadefSpace *space = load_space (req, &prefix, error);
    g_autoptr (KnJw) w = kn_jw_new ();
    gsize n;
    const KnGuestProperty *rows = kn_guest_properties (&n);

    for (gsize i = 0; space && i < n; i++) {
        g_autofree char *name = dup_name (space, &rows[i], prefix);
        if (g_strcmp0 (name, wanted) != 0)
            continue;
        kn_jw_object (w);
        kn_jw_string_member (w, "name", name);
        write_property (w, &rows[i], kn_metadef_property_name (space, &rows[i]));
        kn_jw_string_member (w, "schema", "/v2/schemas/metadefs/property");
        return reply (req, w);
    }
    if (space)
        kn_error_public (error, KN_ERROR_NOT_FOUND, "Namespace %s has no property '%.255s'.",
                         space->name, wanted);
    return false;
}

bool
kn_metadef_api_associations (KnRequest *req, GError **error)
{
    const char *prefix;
    const KnMetadefSpace *space = load_space (req, &prefix, error);
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!space)
        return false;
    kn_jw_object (w);
    write_associations (w, space);
    return reply (req, w);
}

/* The registry has no objects and no tags: lists of them are empty. */
bool
kn_metadef_api_empty (KnRequest *req, GError **error)
{
    const char *prefix, *what = kn_request_state (req);
    const KnMetadefSpace *space = load_space (req, &prefix, error);
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!space)
        return false;
    kn_jw_object (w);
    kn_jw_array_member (w, what);
    kn_jw_end (w);
    kn_jw_format_member (w, "first", ROOT "/%s/%s", space->name, what);
    kn_jw_format_member (w, "schema", "/v2/schemas/metadefs/%s", what);
    return reply (req, w);
}

bool
kn_metadef_api_missing (KnRequest *req, GError **error)
{
    const char *prefix, *what = kn_request_state (req);
    const KnMetadefSpace *space = load_space (req, &prefix, error);

    if (space)
        kn_error_public (error, KN_ERROR_NOT_FOUND, "Namespace %s has no %s '%.255s'.", space->name,
                         what, kn_request_param (req, "name"));
    return false;
}

bool
kn_metadef_api_types (KnRequest *req, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    (void)error;
    kn_jw_object (w);
    kn_jw_array_member (w, "resource_types");
    for (guint i = 0; i < KN_METADEF_N; i++) {
        kn_jw_object (w);
        kn_jw_string_member (w, "name", kn_metadef_type_name ((KnMetadefType)i));
        kn_jw_end (w);
    }
    kn_jw_end (w);
    return reply (req, w);
}

bool
kn_metadef_api_refuse (KnRequest *req, GError **error)
{
    kn_error_public (error, KN_ERROR_FORBIDDEN,
                     "Metadata definitions come from the registry of properties in the program; "
                     "they cannot be changed.");
    return false;
}
