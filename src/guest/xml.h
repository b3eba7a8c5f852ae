/* SPDX-License-Identifier: Apache-2.0 */
/* KnXml: an XML writer that keeps its first error until the end, so that callers write straight down. */
#pragma once

#include <glib.h>
#include <libxml/tree.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC (xmlDoc, xmlFreeDoc)

/* The attribute's value, NULL: @element is NULL or has none. Caller frees with g_free(). */
char *kn_xml_dup_attribute (const xmlNode *element, const char *name);

typedef struct KnXml KnXml;

KnXml *kn_xml_new (void);
void kn_xml_free (KnXml *xml);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnXml, kn_xml_free)

void kn_xml_start (KnXml *xml, const char *name);
void kn_xml_attribute (KnXml *xml, const char *name, const char *value);
void kn_xml_text (KnXml *xml, const char *text);
void kn_xml_end (KnXml *xml);

/* The document, or the first error. Caller frees with g_free(). */
char *kn_xml_finish (KnXml *xml, GError **error);
