/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions -> domain XML, a pure function. A decision's path says all: `clock/timer[pit]/@tickpolicy` is an attribute of the
 * one <timer> with that key below <clock>. Elements appear in the order in which they are first spoken of. */
#include <string.h>

#include "guest/guest_priv.h"
#include "guest/xml.h"

typedef struct Node Node;
struct Node {
    const char *name, *key, *value; /* value of an attribute, text of an element */
    Node *first, *last, *next;
    bool is_attribute;
};

/* For these elements the key in brackets is also an attribute; for all others it only tells siblings apart. */
static const struct {
    const char *element, *attribute;
} keyed[] = {
    { "timer", "name" }, { "entry", "name" },     { "vcpupin", "vcpu" },
    { "cell", "id" },    { "memnode", "cellid" },
};

typedef struct {
    GPtrArray *nodes;
    GStringChunk *names;
} Forest;

static Node *
add_child (Forest *forest, Node *parent, const char *name, const char *key)
{
    Node *node = g_new0 (Node, 1);
    g_ptr_array_add (forest->nodes, node);
    node->name = g_string_chunk_insert_const (forest->names, name);
    node->key = key ? g_string_chunk_insert (forest->names, key) : NULL;
    if (parent->last)
        parent->last->next = node;
    else
        parent->first = node;
    parent->last = node;
    return node;
}

static void
add_attribute (Forest *forest, Node *element, const char *name, const char *value)
{
    Node *attribute = add_child (forest, element, name, NULL);
    attribute->is_attribute = true;
    attribute->value = value;
}

static Node *
ensure_element (Forest *forest, Node *parent, const char *name, const char *key)
{
    for (Node *node = parent->first; node; node = node->next)
        if (!node->is_attribute && strcmp (node->name, name) == 0 && !g_strcmp0 (node->key, key))
            return node;

    Node *node = add_child (forest, parent, name, key);
    for (gsize i = 0; key && i < G_N_ELEMENTS (keyed); i++)
        if (strcmp (keyed[i].element, name) == 0)
            add_attribute (forest, node, keyed[i].attribute, node->key);
    return node;
}

static void
plant (Forest *forest, Node *root, const KnGuestDecision *decision)
{
    g_autofree char *path = g_strdup (decision->path);
    Node *node = root;
    char *rest = path;
    while (rest && *rest != '@') {
        char *name = rest, *end = name + strcspn (name, "[/"), *key = NULL;
        if (*end == '[') {
            *end++ = '\0';
            key = end;
            end += strcspn (end, "]");
            *end++ = '\0';
        }
        rest = *end ? end + 1 : NULL;
        *end = '\0';
        node = ensure_element (forest, node, name, key);
    }

    if (rest)
        add_attribute (forest, node, rest + 1, decision->value);
    else
        node->value = decision->value;
}

static void
write_node (KnXml *xml, const Node *element)
{
    kn_xml_start (xml, element->name);
    for (const Node *node = element->first; node; node = node->next)
        if (node->is_attribute)
            kn_xml_attribute (xml, node->name, node->value);
    if (element->value && *element->value)
        kn_xml_text (xml, element->value);
    for (const Node *node = element->first; node; node = node->next)
        if (!node->is_attribute)
            write_node (xml, node);
    kn_xml_end (xml);
}

char *
kn_guest_plan_format_xml (const KnGuestPlan *plan, GError **error)
{
    g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func (g_free);
    Forest forest = { .nodes = nodes, .names = g_string_chunk_new (4096) };
    Node root = { .name = "domain" };
    for (gsize i = 0; i < plan->decisions->len; i++) {
        const KnGuestDecision *decision = kn_guest_plan_decision (plan, i);
        if (decision->value)
            plant (&forest, &root, decision);
    }

    g_autoptr (KnXml) xml = kn_xml_new ();
    write_node (xml, &root);
    g_string_chunk_free (forest.names);
    return kn_xml_finish (xml, error);
}
