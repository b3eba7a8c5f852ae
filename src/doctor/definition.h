/* SPDX-License-Identifier: Apache-2.0 */
/* A domain definition as the rules read it, and the smallest change of it. Paths are those of the guest plan's decisions:
 * "clock/timer[pit]/@tickpolicy" below <domain>. A key in brackets is the element's name, id, alias or target; namespaces do
 * not count ("metadata/instance/name"). */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct KnDefinition KnDefinition;
typedef struct _xmlNode KnElement; /* an element of a definition; borrowed from it */

/* Parses without network, entities and DTD; keeps @xml as it is. Errors: VIRT: it is no domain XML. */
KnDefinition *kn_definition_new (const char *xml, GError **error);
void kn_definition_free (KnDefinition *definition);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnDefinition, kn_definition_free)

/* The text that it was made from. Borrowed. */
const char *kn_definition_text (const KnDefinition *definition);

/* The attribute ("clock/@offset", "@type") or text ("vcpu") at @path of the first element that has it. NULL: there is none;
 * an empty element's text is "". Borrowed. */
const char *kn_definition_get (const KnDefinition *definition, const char *path);
bool kn_definition_is (const KnDefinition *definition, const char *path, const char *value);
/* A whole decimal number, @fallback if there is none. */
gint64 kn_definition_int (const KnDefinition *definition, const char *path, gint64 fallback);

/* The first element at @path, the next sibling of the same name, and what is below an element. NULL: none. */
const KnElement *kn_definition_first (const KnDefinition *definition, const char *path);
const KnElement *kn_element_next (const KnElement *element);
const char *kn_element_get (const KnElement *element, const char *path);
/* The first element below @element, whatever its name, and the next. NULL: none. */
const KnElement *kn_element_child (const KnElement *element);
const KnElement *kn_element_sibling (const KnElement *element);
const char *kn_element_name (const KnElement *element);

/* One change. SET makes the elements on the way that are missing. */
typedef enum { KN_EDIT_SET, KN_EDIT_REMOVE, KN_EDIT_ADD, KN_EDIT_N } KnEditKind;
typedef struct {
    KnEditKind kind;
    char *path;  /* ADD: of the parent */
    char *value; /* SET: the new value; ADD: the XML of the new child; REMOVE: NULL */
    char *was;   /* SET, REMOVE: what stood there, NULL: nothing */
} KnEdit;
KnEdit *kn_edit_new (KnEditKind kind, const char *path, const char *value, const char *was);
void kn_edit_free (gpointer edit);
/* "set clock/@offset to 'localtime' (was 'utc')"; caller frees. */
char *kn_edit_describe (const KnEdit *edit);

/* The definition with @edits (of KnEdit) applied in order; what they do not name stays as it was. Caller frees. Errors: VIRT. */
char *kn_definition_edit (const KnDefinition *definition, const GPtrArray *edits, GError **error);
