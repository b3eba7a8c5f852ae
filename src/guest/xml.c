/* SPDX-License-Identifier: Apache-2.0 */
/* KnXml over libxml2's xmlTextWriter. Characters that XML 1.0 cannot carry become U+FFFD here, in one place. */
#include "guest/xml.h"

#include <libxml/xmlwriter.h>

#include "base/error.h"

struct KnXml {
    xmlBufferPtr buffer;
    xmlTextWriterPtr writer;
    bool failed;
};

char *
kn_xml_dup_attribute (const xmlNode *element, const char *name)
{
    xmlChar *value = element ? xmlGetProp (element, BAD_CAST name) : NULL;
    char *copy = g_strdup ((const char *)value);
    xmlFree (value);
    return copy;
}

KnXml *
kn_xml_new (void)
{
    KnXml *xml = g_new0 (KnXml, 1);
    xml->buffer = xmlBufferCreateSize (8192);
    xml->writer = xml->buffer ? xmlNewTextWriterMemory (xml->buffer, 0) : NULL;
    xml->failed = !xml->writer || xmlTextWriterSetIndent (xml->writer, 1) < 0;
    return xml;
}

void
kn_xml_free (KnXml *xml)
{
    if (!xml)
        return;
    if (xml->writer)
        xmlFreeTextWriter (xml->writer);
    if (xml->buffer)
        xmlBufferFree (xml->buffer);
    g_free (xml);
}

static void
note (KnXml *xml, int result)
{
    xml->failed |= result < 0;
}

/* Section 2.2 of XML 1.0. */
static bool
is_xml_char (gunichar c)
{
    return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0xd7ff)
           || (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
}

static bool
is_plain (const char *text)
{
    for (const char *c = text; *c; c++)
        if ((guchar)*c < 0x20 || (guchar)*c >= 0x7f)
            return false;
    return true;
}

static char *
make_writable (const char *text)
{
    g_autofree char *utf8 = g_utf8_make_valid (text, -1);
    GString *out = g_string_sized_new (strlen (utf8));
    for (const char *c = utf8; *c; c = g_utf8_next_char (c)) {
        gunichar u = g_utf8_get_char (c);
        g_string_append_unichar (out, is_xml_char (u) ? u : 0xfffd);
    }
    return g_string_free (out, FALSE);
}

void
kn_xml_start (KnXml *xml, const char *name)
{
    if (!xml->failed)
        note (xml, xmlTextWriterStartElement (xml->writer, BAD_CAST name));
}

void
kn_xml_attribute (KnXml *xml, const char *name, const char *value)
{
    if (xml->failed)
        return;
    g_autofree char *mended = is_plain (value) ? NULL : make_writable (value);
    note (xml, xmlTextWriterWriteAttribute (xml->writer, BAD_CAST name,
                                            BAD_CAST (mended ? mended : value)));
}

void
kn_xml_text (KnXml *xml, const char *text)
{
    if (xml->failed)
        return;
    g_autofree char *mended = is_plain (text) ? NULL : make_writable (text);
    note (xml, xmlTextWriterWriteString (xml->writer, BAD_CAST (mended ? mended : text)));
}

void
kn_xml_end (KnXml *xml)
{
    if (!xml->failed)
        note (xml, xmlTextWriterEndElement (xml->writer));
}

char *
kn_xml_finish (KnXml *xml, GError **error)
{
    if (!xml->failed)
        note (xml, xmlTextWriterFlush (xml->writer));
    if (xml->failed) {
        kn_error_set (error, KN_ERROR_INTERNAL, "cannot write XML: libxml2 gave up");
        return NULL;
    }
    return g_strndup ((const char *)xmlBufferContent (xml->buffer),
                      (gsize)xmlBufferLength (xml->buffer));
}
