/* SPDX-License-Identifier: Apache-2.0 */
/* Reading libvirt's XML by XPath, with defaults for what is not there. */
#include <libxml/parser.h>
#include <libxml/xpathInternals.h>
#include <string.h>

#include "base/util.h"
#include "virt/virt_priv.h"

#define PARSE_FLAGS (XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOBLANKS)
#define TEXT_MAX (16 * MIB)

KnXmlView *
kn_xml_view_new (const char *text, GError **error)
{
    gsize len = strlen (text);

    if (len > TEXT_MAX) {
        kn_error_set (error, KN_ERROR_VIRT, "XML of %zu bytes is too long", len);
        return NULL;
    }
    g_autoptr (KnXmlView) view = g_new0 (KnXmlView, 1);

    view->doc = xmlReadMemory (text, (int)len, NULL, NULL, PARSE_FLAGS);
    if (!view->doc || !xmlDocGetRootElement (view->doc)) {
        kn_error_set (error, KN_ERROR_VIRT, "XML of %zu bytes is not well-formed", len);
        return NULL;
    }
    if (view->doc->intSubset || view->doc->extSubset) {
        kn_error_set (error, KN_ERROR_VIRT, "XML with a document type is not read");
        return NULL;
    }

    view->xpath = xmlXPathNewContext (view->doc);
    if (!view->xpath
        || xmlXPathRegisterNs (view->xpath, BAD_CAST "kilonova", BAD_CAST KN_VIRT_MARK_URI) != 0) {
        kn_error_set (error, KN_ERROR_VIRT, "cannot prepare XPath");
        return NULL;
    }
    return g_steal_pointer (&view);
}

void
kn_xml_view_free (KnXmlView *view)
{
    if (!view)
        return;
    if (view->xpath)
        xmlXPathFreeContext (view->xpath);
    if (view->doc)
        xmlFreeDoc (view->doc);
    g_free (view);
}

char **
kn_xml_view_list (const KnXmlView *view, const char *path)
{
    g_autoptr (GStrvBuilder) texts = g_strv_builder_new ();
    xmlXPathObjectPtr found = xmlXPathEval (BAD_CAST path, view->xpath);

    for (int i = 0; found && found->nodesetval && i < found->nodesetval->nodeNr; i++) {
        xmlChar *text = xmlNodeGetContent (found->nodesetval->nodeTab[i]);

        g_strv_builder_add (texts, text ? (const char *)text : "");
        xmlFree (text);
    }
    if (found)
        xmlXPathFreeObject (found);
    return g_strv_builder_end (texts);
}

char *
kn_xml_view_dup (const KnXmlView *view, const char *path)
{
    g_auto (GStrv) texts = kn_xml_view_list (view, path);

    return g_strdup (texts[0]);
}

bool
kn_xml_view_has (const KnXmlView *view, const char *path)
{
    g_autofree char *text = kn_xml_view_dup (view, path);

    return text != NULL;
}

gint64
kn_xml_view_int (const KnXmlView *view, const char *path, gint64 fallback)
{
    g_autofree char *text = kn_xml_view_dup (view, path);
    gint64 value = fallback;

    if (text)
        (void)kn_parse_int (text, G_MININT64, G_MAXINT64, &value);
    return value;
}
