/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata definitions: the registry of properties in the shape that Horizon and the clients read. Nothing is stored. */
#pragma once

#include "guest/registry.h"

/* A namespace: properties that stand on the same things under the same prefixes. A NULL prefix: they do not stand there. */
typedef struct {
    const char *name, *title, *description;
    const char *image_prefix, *flavor_prefix;
    const char *const *stems; /* what the names begin with behind the prefix; NULL: anything */
    bool on_server;           /* also in a server's own metadata, under the image's prefix */
} KnMetadefSpace;

/* In the order of their names. */
const KnMetadefSpace *kn_metadef_spaces (gsize *out_n);
/* NULL: none has that name. */
const KnMetadefSpace *kn_metadef_space_find (const char *name);

/* Resource types, by number. */
typedef enum { KN_METADEF_IMAGE, KN_METADEF_FLAVOR, KN_METADEF_SERVER, KN_METADEF_N } KnMetadefType;
const char *kn_metadef_type_name (KnMetadefType type); /* "OS::Nova::Flavor" */
/* The prefix of @space's properties on things of @type, NULL: they do not stand there. */
const char *kn_metadef_prefix (const KnMetadefSpace *space, KnMetadefType type);
/* As above for a type's name; also NULL for a type that is not known. */
const char *kn_metadef_prefix_of (const KnMetadefSpace *space, const char *type);

/* The name of @row in @space without prefix, NULL: it belongs elsewhere. Borrowed; a family's ends in a dot. */
const char *kn_metadef_property_name (const KnMetadefSpace *space, const KnGuestProperty *row);
