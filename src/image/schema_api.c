/* SPDX-License-Identifier: Apache-2.0 */
/* The version lists, and the JSON schemas from which clients learn attributes: written from the attribute table. */
#include <string.h>

#include "image/image_priv.h"

/* Minor versions only announce features; 2.8 and 2.10 on are about several stores, which there are not. */
static const struct {
    const char *id, *status;
} versions[] = { { "v2.9", "CURRENT" },   { "v2.7", "SUPPORTED" }, { "v2.6", "SUPPORTED" },
                 { "v2.5", "SUPPORTED" }, { "v2.4", "SUPPORTED" }, { "v2.3", "SUPPORTED" },
                 { "v2.2", "SUPPORTED" }, { "v2.1", "SUPPORTED" }, { "v2.0", "SUPPORTED" } };

bool
kn_image_api_versions (KnRequest *req, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    const char *status = kn_request_state (req);

    kn_jw_object (w);
    kn_jw_array_member (w, "versions");
    for (guint i = 0; i < G_N_ELEMENTS (versions); i++) {
        kn_jw_object (w);
        kn_jw_string_member (w, "id", versions[i].id);
        kn_jw_string_member (w, "status", versions[i].status);
        kn_jw_array_member (w, "links");
        kn_jw_object (w);
        kn_jw_string_member (w, "rel", "self");
        kn_jw_format_member (w, "href", "%s/v2/", kn_request_base_url (req));
        kn_jw_end (w);
        kn_jw_end (w);
        kn_jw_end (w);
    }
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, strcmp (status, "300") == 0 ? 300 : 200, w);
    return true;
}

static void
write_type (KnJw *w, const char *type, bool nullable)
{
    if (!nullable) {
        kn_jw_string_member (w, "type", type);
        return;
    }
    kn_jw_array_member (w, "type");
    kn_jw_string (w, "null");
    kn_jw_string (w, type);
    kn_jw_end (w);
}

static void
write_choices (KnJw *w, const KnImageAttr *attr)
{
    kn_jw_array_member (w, "enum");
    if (attr->flags & KN_ATTR_NULLABLE)
        kn_jw_null (w);
    for (guint i = 0; attr->choices[i]; i++)
        kn_jw_string (w, attr->choices[i]);
    kn_jw_end (w);
}

static void
write_string_list (KnJw *w, guint max)
{
    kn_jw_string_member (w, "type", "array");
    kn_jw_object_member (w, "items");
    kn_jw_string_member (w, "type", "string");
    kn_jw_int_member (w, "maxLength", max);
    kn_jw_end (w);
}

static void
write_attr_type (KnJw *w, const KnImageAttr *attr)
{
    bool nullable = attr->flags & KN_ATTR_NULLABLE;

    switch (attr->type) {
    case KN_ATTR_INT:
        write_type (w, "integer", nullable);
        break;
    case KN_ATTR_BOOL:
        write_type (w, "boolean", nullable);
        break;
    case KN_ATTR_TAGS:
        write_string_list (w, attr->max);
        break;
    case KN_ATTR_STRING:
    case KN_ATTR_ENUM:
    case KN_ATTR_UUID:
    case KN_ATTR_TIME:
    case KN_ATTR_LINK:
        write_type (w, "string", nullable);
        break;
    }
}

static void
write_attr (KnJw *w, const KnImageAttr *attr)
{
    kn_jw_object_member (w, attr->name);
    write_attr_type (w, attr);
    if (attr->type == KN_ATTR_STRING && attr->max > 0)
        kn_jw_int_member (w, "maxLength", attr->max);
    if (attr->choices)
        write_choices (w, attr);
    if (attr->type == KN_ATTR_UUID)
        kn_jw_string_member (w, "pattern",
                             "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}"
                             "-([0-9a-fA-F]){12}$");
    if (!(attr->flags & (KN_ATTR_SET | KN_ATTR_CREATE)))
        kn_jw_bool_member (w, "readOnly", true);
    kn_jw_string_member (w, "description", attr->description);
    kn_jw_end (w);
}

/* Members of an object schema after its opening brace. */
static void
write_image_schema (KnJw *w)
{
    gsize n = 0;
    const KnImageAttr *attrs = kn_image_attrs (&n);

    kn_jw_string_member (w, "name", "image");
    kn_jw_object_member (w, "properties");
    for (gsize i = 0; i < n; i++) {
        if (!(attrs[i].flags & KN_ATTR_HIDDEN))
            write_attr (w, &attrs[i]);
    }
    kn_jw_end (w);
    kn_jw_object_member (w, "additionalProperties");
    kn_jw_string_member (w, "type", "string");
    kn_jw_end (w);
    kn_jw_raw_member (w, "links",
                      "[{\"rel\": \"self\", \"href\": \"{self}\"}, "
                      "{\"rel\": \"enclosure\", \"href\": \"{file}\"}, "
                      "{\"rel\": \"describedby\", \"href\": \"{schema}\"}]");
}

static void
write_member_schema (KnJw *w)
{
    static const char *const texts[]
        = { "member_id", "image_id", "created_at", "updated_at", "schema", NULL };

    kn_jw_string_member (w, "name", "member");
    kn_jw_object_member (w, "properties");
    for (guint i = 0; texts[i]; i++) {
        kn_jw_object_member (w, texts[i]);
        kn_jw_string_member (w, "type", "string");
        kn_jw_end (w);
    }
    kn_jw_raw_member (
        w, "status", "{\"type\": \"string\", \"enum\": [\"pending\", \"accepted\", \"rejected\"]}");
    kn_jw_end (w);
}

/* A list of objects under the key @name. */
static void
write_list_schema (KnJw *w, const char *name, void (*write_item) (KnJw *w))
{
    static const char *const paging[] = { "first", "next", "schema", NULL };

    kn_jw_string_member (w, "name", name);
    kn_jw_object_member (w, "properties");
    kn_jw_object_member (w, name);
    kn_jw_string_member (w, "type", "array");
    kn_jw_object_member (w, "items");
    write_item (w);
    kn_jw_end (w);
    kn_jw_end (w);
    for (guint i = 0; paging[i]; i++) {
        kn_jw_object_member (w, paging[i]);
        kn_jw_string_member (w, "type", "string");
        kn_jw_end (w);
    }
    kn_jw_end (w);
    kn_jw_raw_member (w, "links",
                      "[{\"rel\": \"first\", \"href\": \"{first}\"}, "
                      "{\"rel\": \"next\", \"href\": \"{next}\"}, "
                      "{\"rel\": \"describedby\", \"href\": \"{schema}\"}]");
}

bool
kn_image_api_schema (KnRequest *req, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    const char *name = kn_request_state (req);

    kn_jw_object (w);
    if (strcmp (name, "image") == 0)
        write_image_schema (w);
    else if (strcmp (name, "member") == 0)
        write_member_schema (w);
    else if (strcmp (name, "images") == 0)
        write_list_schema (w, name, write_image_schema);
    else
        write_list_schema (w, name, write_member_schema);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}
