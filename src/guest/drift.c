/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody has edited in a definition by hand. libvirt adds to what it is given (addresses, controllers, defaults) and
 * sorts devices, so only what was planned is looked for: each element's match is the one that shares most with it. */
#include <libxml/parser.h>
#include <string.h>

#include "guest/explain.h"
#include "guest/guest_priv.h"
#include "guest/xml.h"

typedef struct {
    GPtrArray *found; /* KnGuestDrift* */
    GString *path;
} Walk;

void
kn_guest_drift_free (KnGuestDrift *drift)
{
    if (!drift)
        return;
    g_free (drift->path);
    g_free (drift->planned);
    g_free (drift->found);
    g_free (drift);
}

/* libvirt replaces an alias of a machine type by what it stands for ("pc" by "pc-i440fx-7.2", "q35" by "pc-q35-7.2"), and leaves
 * out cpu/@match where it is the default. */
static bool
is_normalised (const Walk *walk, const char *name, const char *planned, const char *found)
{
    const char *path = walk->path->str;
    if (strcmp (path, "cpu") == 0 && strcmp (name, "/@match") == 0)
        return !found && strcmp (planned, "exact") == 0;
    return found && strcmp (path, "os/type") == 0 && strcmp (name, "/@machine") == 0
           && !strchr (planned, '.') && strstr (found, planned);
}

static void
report (Walk *walk, const char *name, const char *planned, const char *found)
{
    if (is_normalised (walk, name, planned, found))
        return;
    KnGuestDrift *drift = g_new (KnGuestDrift, 1);
    *drift = (KnGuestDrift){ g_strconcat (walk->path->str, name, NULL), g_strdup (planned),
                             g_strdup (found) };
    g_ptr_array_add (walk->found, drift);
}

static bool
is_element (const xmlNode *node)
{
    return node->type == XML_ELEMENT_NODE;
}

/* The text of an element without children, stripped; NULL: it has children, or none. Caller frees. */
static char *
dup_text (xmlNode *element)
{
    for (xmlNode *child = element->children; child; child = child->next)
        if (is_element (child))
            return NULL;
    xmlChar *text = xmlNodeGetContent (element);
    char *bare = g_strstrip (g_strdup (text ? (const char *)text : ""));
    xmlFree (text);
    if (*bare)
        return bare;
    g_free (bare);
    return NULL;
}

static bool
has_same_attribute (const xmlNode *element, const xmlAttr *attribute)
{
    const char *name = (const char *)attribute->name;
    g_autofree char *mine = kn_xml_dup_attribute (attribute->parent, name);
    g_autofree char *theirs = kn_xml_dup_attribute (element, name);
    return g_strcmp0 (mine, theirs) == 0;
}

/* How much of @planned, attributes and texts, is in @real too. */
static guint
score (xmlNode *planned, xmlNode *real)
{
    g_autofree char *mine = dup_text (planned), *theirs = dup_text (real);
    guint same = mine && g_strcmp0 (mine, theirs) == 0;
    for (xmlAttr *attribute = planned->properties; attribute; attribute = attribute->next)
        same += has_same_attribute (real, attribute);
    for (xmlNode *child = planned->children; child; child = child->next) {
        guint best = 0;
        for (xmlNode *other = real->children; is_element (child) && other; other = other->next)
            if (is_element (other) && xmlStrEqual (other->name, child->name))
                best = MAX (best, score (child, other));
        same += best;
    }
    return same;
}

/* Timers and the like are known by their names: another name is another thing, not a change of this one. */
static bool
is_another (const xmlNode *planned, const xmlNode *real)
{
    static const char *const named[] = { "timer", "entry", "feature", NULL };
    g_autofree char *mine = NULL, *theirs = NULL;

    if (!g_strv_contains (named, (const char *)planned->name))
        return false;
    mine = kn_xml_dup_attribute (planned, "name");
    theirs = kn_xml_dup_attribute (real, "name");
    return g_strcmp0 (mine, theirs) != 0;
}

static xmlNode *
find_match (xmlNode *planned, xmlNode *parent, GHashTable *taken)
{
    xmlNode *best = NULL;
    guint most = 0;
    for (xmlNode *other = parent->children; other; other = other->next) {
        if (!is_element (other) || !xmlStrEqual (other->name, planned->name)
            || g_hash_table_contains (taken, other) || is_another (planned, other))
            continue;
        guint same = score (planned, other);
        if (!best || same > most) {
            best = other;
            most = same;
        }
    }
    if (best)
        g_hash_table_add (taken, best);
    return best;
}

/* "/timer[pit]": by the name, device or address that people know it by. */
static void
append_step (GString *path, xmlNode *element)
{
    static const struct {
        const char *child, *attribute;
    } keys[] = { { NULL, "name" },
                 { "target", "dev" },
                 { "mac", "address" },
                 { "target", "name" },
                 { NULL, "type" } };
    bool lonely = true;
    for (xmlNode *other = element->parent->children; other; other = other->next)
        lonely = lonely
                 && (other == element || !is_element (other)
                     || !xmlStrEqual (other->name, element->name));
    g_string_append_printf (path, "%s%s", path->len ? "/" : "", (const char *)element->name);
    for (gsize i = 0; !lonely && i < G_N_ELEMENTS (keys); i++) {
        xmlNode *holder = keys[i].child ? NULL : element;
        for (xmlNode *child = element->children; !holder && child; child = child->next)
            if (is_element (child) && xmlStrEqual (child->name, BAD_CAST keys[i].child))
                holder = child;
        g_autofree char *key = kn_xml_dup_attribute (holder, keys[i].attribute);
        if (!key)
            continue;
        g_string_append_printf (path, "[%s]", key);
        return;
    }
}

static void
compare_attributes (Walk *walk, xmlNode *planned, xmlNode *real)
{
    for (xmlAttr *attribute = planned->properties; attribute; attribute = attribute->next) {
        if (has_same_attribute (real, attribute))
            continue;
        g_autofree char *mine = kn_xml_dup_attribute (planned, (const char *)attribute->name);
        g_autofree char *theirs = kn_xml_dup_attribute (real, (const char *)attribute->name);
        g_autofree char *name = g_strdup_printf ("/@%s", (const char *)attribute->name);
        report (walk, name, mine, theirs);
    }
}

/* Where libvirt adds nothing of its own, all that nobody planned was put there by hand. */
static void
report_added (Walk *walk, xmlNode *real, GHashTable *taken)
{
    const char *path = walk->path->str;
    bool features = strcmp (path, "features") == 0;

    if (!features && strcmp (path, "clock") != 0 && strcmp (path, "features/hyperv") != 0)
        return;
    for (xmlNode *child = real->children; child; child = child->next) {
        gsize len = walk->path->len;
        if (!is_element (child) || g_hash_table_contains (taken, child)
            || (features && !xmlStrEqual (child->name, BAD_CAST "hyperv")))
            continue;
        append_step (walk->path, child);
        report (walk, "", NULL, "(there)");
        g_string_truncate (walk->path, len);
    }
}

/* Plans are a few levels deep; the parser bounds what else there may be. */
static void
compare (Walk *walk, xmlNode *planned, xmlNode *real)
{
    g_autoptr (GHashTable) taken = g_hash_table_new (NULL, NULL);
    g_autofree char *mine = dup_text (planned), *theirs = dup_text (real);
    compare_attributes (walk, planned, real);
    if (mine && g_strcmp0 (mine, theirs) != 0)
        report (walk, "", mine, theirs);
    for (xmlNode *child = planned->children; child; child = child->next) {
        if (!is_element (child))
            continue;
        gsize len = walk->path->len;
        xmlNode *match = find_match (child, real, taken);
        append_step (walk->path, child);
        if (match)
            compare (walk, child, match);
        else
            report (walk, "", "(there)", NULL);
        g_string_truncate (walk->path, len);
    }
    report_added (walk, real, taken);
}

static xmlDoc *
read_domain (const char *xml, GError **error)
{
    xmlDoc *doc = xmlReadMemory (xml, (int)strlen (xml), "domain.xml", NULL,
                                 XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (doc && xmlDocGetRootElement (doc))
        return doc;
    xmlFreeDoc (doc);
    kn_error_set (error, KN_ERROR_VIRT, "cannot compare definitions: no domain XML");
    return NULL;
}

GPtrArray *
kn_guest_drift_list (const char *planned_xml, const char *domain_xml, GError **error)
{
    g_autoptr (xmlDoc) planned = read_domain (planned_xml, error);
    g_autoptr (xmlDoc) real = planned ? read_domain (domain_xml, error) : NULL;
    if (!real)
        return NULL;
    Walk walk = { g_ptr_array_new_with_free_func ((GDestroyNotify)kn_guest_drift_free),
                  g_string_new (NULL) };
    compare (&walk, xmlDocGetRootElement (planned), xmlDocGetRootElement (real));
    g_string_free (walk.path, TRUE);
    return walk.found;
}
