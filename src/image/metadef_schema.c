/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON schemas of metadata definitions, from which clients learn what to show. */
#include <string.h>

#include "base/error.h"
#include "image/image_priv.h"

#define TEXT "{\"type\": \"string\"}"
#define NAME "{\"type\": \"string\", \"maxLength\": 255}"
#define TEXTS "{\"type\": \"array\", \"items\": {\"type\": \"string\"}}"

/* Around the members of an object, alone or in a list. */
#define ONE "{\"type\": \"object\", \"properties\": {"
#define ONE_END "}}"
#define MANY "{\"type\": \"array\", \"items\": " ONE
#define MANY_END ONE_END "}"

/* What a definition may say of a property. */
#define PROPERTY_MEMBERS                                                                           \
    "\"title\": " TEXT ", \"description\": " TEXT ", \"type\": {\"type\": \"string\", \"enum\": "  \
    "[\"array\", \"boolean\", \"integer\", \"number\", \"object\", \"string\"]}, \"enum\": "       \
    "{\"type\": \"array\"}, \"default\": {}, \"minimum\": {\"type\": \"number\"}, \"maximum\": "   \
    "{\"type\": \"number\"}, \"minLength\": {\"type\": \"integer\"}, \"maxLength\": {\"type\": "   \
    "\"integer\"}, \"pattern\": " TEXT ", \"items\": {\"type\": \"object\"}, \"readonly\": "       \
    "{\"type\": \"boolean\"}, \"operators\": " TEXTS

#define PROPERTIES                                                                                 \
    "{\"type\": \"object\", \"additionalProperties\": {\"type\": \"object\", \"required\": "       \
    "[\"title\", \"type\"], \"properties\": {" PROPERTY_MEMBERS "}}}"
#define ASSOCIATION_MEMBERS "\"name\": " NAME ", \"prefix\": " NAME ", \"properties_target\": " NAME
#define OBJECT_MEMBERS                                                                             \
    "\"name\": " NAME ", \"description\": " TEXT ", \"required\": " TEXTS                          \
    ", \"properties\": " PROPERTIES ", \"self\": " TEXT ", \"schema\": " TEXT
#define TAG_MEMBERS "\"name\": " NAME
#define NAMESPACE_MEMBERS                                                                          \
    "\"namespace\": " NAME ", \"display_name\": " NAME ", \"description\": " TEXT                  \
    ", \"visibility\": {\"type\": \"string\", \"enum\": [\"public\", \"private\"]}, "              \
    "\"protected\": {\"type\": \"boolean\"}, \"owner\": " NAME ", \"self\": " TEXT                 \
    ", \"schema\": " TEXT ", \"resource_type_associations\": " MANY ASSOCIATION_MEMBERS MANY_END   \
    ", \"properties\": " PROPERTIES ", \"objects\": " MANY OBJECT_MEMBERS MANY_END                 \
    ", \"tags\": " MANY TAG_MEMBERS MANY_END
#define PAGING "\"first\": " TEXT ", \"next\": " TEXT ", \"schema\": " TEXT

static const struct {
    const char *name, *required, *members;
} schemas[] = {
    { "namespace", "[\"namespace\"]", NAMESPACE_MEMBERS },
    { "namespaces", NULL, "\"namespaces\": " MANY NAMESPACE_MEMBERS MANY_END ", " PAGING },
    { "resource_type", "[\"name\"]", ASSOCIATION_MEMBERS },
    { "resource_types", NULL,
      "\"resource_type_associations\": " MANY ASSOCIATION_MEMBERS MANY_END },
    { "property", "[\"name\", \"title\", \"type\"]",
      "\"name\": " NAME ", \"schema\": " TEXT ", " PROPERTY_MEMBERS },
    { "properties", NULL, "\"properties\": " PROPERTIES ", " PAGING },
    { "object", "[\"name\"]", OBJECT_MEMBERS },
    { "objects", NULL, "\"objects\": " MANY OBJECT_MEMBERS MANY_END ", " PAGING },
    { "tag", "[\"name\"]", TAG_MEMBERS },
    { "tags", NULL, "\"tags\": " MANY TAG_MEMBERS MANY_END ", " PAGING },
};

bool
kn_metadef_api_schema (KnRequest *req, GError **error)
{
    const char *name = kn_request_param (req, "name");
    g_autoptr (KnJw) w = kn_jw_new ();

    for (gsize i = 0; i < G_N_ELEMENTS (schemas); i++) {
        if (strcmp (schemas[i].name, name) != 0)
            continue;
        g_autofree char *members = g_strdup_printf ("{%s}", schemas[i].members);
        kn_jw_object (w);
        kn_jw_string_member (w, "name", name);
        kn_jw_raw_member (w, "properties", members);
        if (schemas[i].required)
            kn_jw_raw_member (w, "required", schemas[i].required);
        kn_jw_bool_member (w, "additionalProperties", false);
        kn_jw_end (w);
        kn_request_reply_json (req, 200, w);
        return true;
    }
    kn_error_public (error, KN_ERROR_NOT_FOUND, "There is no schema 'metadefs/%.64s'.", name);
    return false;
}
