/* SPDX-License-Identifier: Apache-2.0 */
/* JSON patch as the Image API takes it: v2.1 ({"op","path","value"}) and v2.0 ({"replace": "/path", "value"}), RFC 6901 pointers. */
#pragma once

#include "json/read.h"

/* Media types of a PATCH body; the first also goes to the header Accept-Patch. */
#define KN_PATCH_TYPE_V21 "application/openstack-images-v2.1-json-patch"
#define KN_PATCH_TYPE_V20 "application/openstack-images-v2.0-json-patch"

#define KN_PATCH_MAX_OPS 512

typedef enum { KN_PATCH_ADD, KN_PATCH_REPLACE, KN_PATCH_REMOVE, KN_PATCH_N } KnPatchKind;

typedef struct {
    KnPatchKind kind;
    char **path;         /* unescaped segments, at least one; NULL-terminated */
    const json_t *value; /* borrowed from the document; NULL for REMOVE */
} KnPatchOp;

typedef enum { KN_PATCH_V21, KN_PATCH_V20 } KnPatchVersion;

/* Reads @document into an array of KnPatchOp (unref frees), which borrows from it. Errors (public): BAD_REQUEST. */
GArray *kn_patch_parse (const json_t *document, KnPatchVersion version, GError **error);

/* Splits an RFC 6901 pointer; NULL: it is none. g_strfreev. */
char **kn_patch_parse_pointer (const char *pointer);
