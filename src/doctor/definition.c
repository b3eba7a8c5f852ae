/* SPDX-License-Identifier: Apache-2.0 */
/* Domain definitions by path, and their edits. */
#include "doctor/definition.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"

#define PARSE_FLAGS (XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING)
#define TEXT_MAX (16 * MIB)

struct KnDefinition {
    char *text;
    xmlDocPtr doc;
};

/* One word of a path: `timer[pit]` or `@name`. */
typedef struct {
    const char *name, *key;
    gsize name_len, key_len;
    bool is_attribute;
} Word;

/* Attributes that a key may be the value of, and the child whose attribute it may be. */
static const char *const key_attributes[] = { "name", "id", "vcpu" };
static const struct {
    const char *child, *attribute;
} key_children[] = { { "target", "name" }, { "target", "dev" }, { "alias", "name" } };

static xmlDocPtr
parse (const char *text)
{
    gsize len = strlen (text);

    return len > TEXT_MAX ? NULL : xmlReadMemory (text, (int)len, NULL, NULL, PARSE_FLAGS);
}

KnDefinition *
kn_definition_new (const char *xml, GError **error)
{
    g_autoptr (KnDefinition) definition = g_new0 (KnDefinition, 1);

    definition->doc = parse (xml);
    xmlNodePtr root = definition->doc ? xmlDocGetRootElement (definition->doc) : NULL;
    if (!root || strcmp ((const char *)root->name, "domain") != 0 || definition->doc->intSubset) {
        kn_error_set (error, KN_ERROR_VIRT, "text of %zu bytes is no domain XML", strlen (xml));
        return NULL;
    }
    definition->text = g_strdup (xml);
    return g_steal_pointer (&definition);
}

void
kn_definition_free (KnDefinition *definition)
{
    if (!definition)
        return;
    if (definition->doc)
        xmlFreeDoc (definition->doc);
    g_free (definition->text);
    g_free (definition);
}

const char *
kn_definition_text (const KnDefinition *definition)
{
    return definition->text;
}

/* ---- reading ---- */

/* Cuts the first word off @path; NULL: that was the last. */
static const char *
next_word (const char *path, Word *out_word)
{
    *out_word = (Word){ .name = path, .is_attribute = *path == '@' };
    out_word->name += out_word->is_attribute;
    out_word->name_len = strcspn (out_word->name, "[/");
    const char *end = out_word->name + out_word->name_len;
    if (*end == '[') {
        out_word->key = end + 1;
        out_word->key_len = strcspn (out_word->key, "]");
        end = out_word->key + out_word->key_len;
        end += *end == ']';
    }
    return *end == '/' ? end + 1 : NULL;
}

static bool
is_text (const char *text, const char *part, gsize len)
{
    return text && strncmp (text, part, len) == 0 && text[len] == '\0';
}

static const char *
get_attribute (const xmlNode *element, const char *name, gsize len)
{
    for (const xmlAttr *attribute = element->properties; attribute; attribute = attribute->next)
        if (is_text ((const char *)attribute->name, name, len))
            return attribute->children ? (const char *)attribute->children->content : "";
    return NULL;
}

static const xmlNode *
find_element (const xmlNode *first, const char *name, gsize len)
{
    for (; first; first = first->next)
        if (first->type == XML_ELEMENT_NODE && is_text ((const char *)first->name, name, len))
            return first;
    return NULL;
}

static bool
has_key (const xmlNode *element, const Word *word)
{
    for (gsize i = 0; i < G_N_ELEMENTS (key_attributes); i++) {
        const char *name = key_attributes[i];

        if (is_text (get_attribute (element, name, strlen (name)), word->key, word->key_len))
            return true;
    }
    for (gsize i = 0; i < G_N_ELEMENTS (key_children); i++) {
        const char *child = key_children[i].child, *name = key_children[i].attribute;
        const xmlNode *node = find_element (element->children, child, strlen (child));

        if (node && is_text (get_attribute (node, name, strlen (name)), word->key, word->key_len))
            return true;
    }
    return false;
}

static const xmlNode *
find_word (const xmlNode *first, const Word *word)
{
    const xmlNode *node = find_element (first, word->name, word->name_len);

    while (node && word->key && !has_key (node, word))
        node = find_element (node->next, word->name, word->name_len);
    return node;
}

static const char *
get_text (const xmlNode *element)
{
    for (const xmlNode *node = element->children; node; node = node->next)
        if (node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE)
            return (const char *)node->content;
    return "";
}

/* The first branch that leads to the end of @path counts. */
static const char *
get_below (const xmlNode *element, const char *path)
{
    Word word;
    const char *rest = next_word (path, &word);

    if (word.is_attribute)
        return get_attribute (element, word.name, word.name_len);
    for (const xmlNode *node = find_word (element->children, &word); node;
         node = find_word (node->next, &word)) {
        const char *found = rest ? get_below (node, rest) : get_text (node);

        if (found)
            return found;
    }
    return NULL;
}

static const xmlNode *
root_of (const KnDefinition *definition)
{
    return xmlDocGetRootElement (definition->doc);
}

const char *
kn_definition_get (const KnDefinition *definition, const char *path)
{
    return definition ? get_below (root_of (definition), path) : NULL;
}

bool
kn_definition_is (const KnDefinition *definition, const char *path, const char *value)
{
    return g_strcmp0 (kn_definition_get (definition, path), value) == 0;
}

gint64
kn_definition_int (const KnDefinition *definition, const char *path, gint64 fallback)
{
    const char *text = kn_definition_get (definition, path);
    gint64 value = fallback;

    if (text)
        (void)kn_parse_int (text, G_MININT64, G_MAXINT64, &value);
    return value;
}

static const xmlNode *
first_below (const xmlNode *element, const char *path)
{
    Word word;
    const char *rest = next_word (path, &word);

    for (const xmlNode *node = find_word (element->children, &word); node;
         node = find_word (node->next, &word)) {
        const xmlNode *found = rest ? first_below (node, rest) : node;

        if (found)
            return found;
    }
    return NULL;
}

const KnElement *
kn_definition_first (const KnDefinition *definition, const char *path)
{
    return definition ? first_below (root_of (definition), path) : NULL;
}

const KnElement *
kn_element_next (const KnElement *element)
{
    const char *name = (const char *)element->name;

    return find_element (element->next, name, strlen (name));
}

const char *
kn_element_get (const KnElement *element, const char *path)
{
    return get_below (element, path);
}

static const xmlNode *
skip_to_element (const xmlNode *node)
{
    while (node && node->type != XML_ELEMENT_NODE)
        node = node->next;
    return node;
}

const KnElement *
kn_element_child (const KnElement *element)
{
    return skip_to_element (element->children);
}

const KnElement *
kn_element_sibling (const KnElement *element)
{
    return skip_to_element (element->next);
}

const char *
kn_element_name (const KnElement *element)
{
    return (const char *)element->name;
}

/* ---- editing ---- */

KnEdit *
kn_edit_new (KnEditKind kind, const char *path, const char *value, const char *was)
{
    KnEdit *edit = g_new (KnEdit, 1);

    *edit = (KnEdit){ kind, g_strdup (path), g_strdup (value), g_strdup (was) };
    return edit;
}

void
kn_edit_free (gpointer data)
{
    KnEdit *edit = data;

    g_free (edit->path);
    g_free (edit->value);
    g_free (edit->was);
    g_free (edit);
}

char *
kn_edit_describe (const KnEdit *edit)
{
    switch (edit->kind) {
    case KN_EDIT_SET:
        return edit->was ? g_strdup_printf ("set %s to '%s' (was '%s')", edit->path, edit->value,
                                            edit->was)
                         : g_strdup_printf ("set %s to '%s' (was absent)", edit->path, edit->value);
    case KN_EDIT_REMOVE:
        return edit->was && *edit->was
                   ? g_strdup_printf ("remove %s (was '%s')", edit->path, edit->was)
                   : g_strdup_printf ("remove %s", edit->path);
    case KN_EDIT_ADD:
        return g_strdup_printf ("add to %s: %s", edit->path, edit->value);
    case KN_EDIT_N:
        break;
    }
    return NULL;
}

static xmlNodePtr
ensure_word (xmlNodePtr parent, const Word *word)
{
    const xmlNode *found = find_word (parent->children, word);
    if (found)
        return (xmlNodePtr)found;

    g_autofree char *name = g_strndup (word->name, word->name_len);
    xmlNodePtr node = xmlNewChild (parent, NULL, BAD_CAST name, NULL);
    if (word->key) {
        g_autofree char *key = g_strndup (word->key, word->key_len);
        xmlNewProp (node, BAD_CAST "name", BAD_CAST key);
    }
    return node;
}

static void
set_value (xmlNodePtr element, const char *path, const char *value)
{
    Word word;
    const char *rest = next_word (path, &word);

    if (word.is_attribute) {
        xmlSetProp (element, BAD_CAST word.name, BAD_CAST value);
        return;
    }
    xmlNodePtr node = ensure_word (element, &word);
    if (rest) {
        set_value (node, rest, value);
        return;
    }
    xmlNodeSetContent (node, NULL);
    xmlNodeAddContent (node, BAD_CAST value);
}

static void
remove_value (xmlNodePtr element, const char *path)
{
    Word word;
    const char *rest = next_word (path, &word);

    if (word.is_attribute) {
        xmlUnsetProp (element, BAD_CAST word.name);
        return;
    }
    xmlNodePtr node = (xmlNodePtr)find_word (element->children, &word);
    if (node && rest) {
        remove_value (node, rest);
    } else if (node) {
        xmlUnlinkNode (node);
        xmlFreeNode (node);
    }
}

static bool
add_child (xmlNodePtr root, const KnEdit *edit, GError **error)
{
    xmlNodePtr parent = (xmlNodePtr)first_below (root, edit->path);
    xmlDocPtr doc = parent ? parse (edit->value) : NULL;
    xmlNodePtr child = doc ? xmlDocGetRootElement (doc) : NULL;

    if (child)
        xmlAddChild (parent, xmlDocCopyNode (child, parent->doc, 1));
    else
        kn_error_set (error, KN_ERROR_VIRT, "the definition has no '%s' to add to", edit->path);
    if (doc)
        xmlFreeDoc (doc);
    return child != NULL;
}

char *
kn_definition_edit (const KnDefinition *definition, const GPtrArray *edits, GError **error)
{
    xmlDocPtr doc = xmlCopyDoc (definition->doc, 1);
    xmlNodePtr root = xmlDocGetRootElement (doc);
    xmlBufferPtr buffer = xmlBufferCreate ();
    char *text = NULL;
    bool done = true;

    for (guint i = 0; done && i < edits->len; i++) {
        const KnEdit *edit = edits->pdata[i];

        if (edit->kind == KN_EDIT_SET)
            set_value (root, edit->path, edit->value);
        else if (edit->kind == KN_EDIT_REMOVE)
            remove_value (root, edit->path);
        else
            done = add_child (root, edit, error);
    }
    if (done && xmlNodeDump (buffer, doc, root, 0, 0) >= 0)
        text = g_strdup ((const char *)xmlBufferContent (buffer));
    xmlBufferFree (buffer);
    xmlFreeDoc (doc);
    return text;
}
