/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: JSON patches of both versions, and pointers. What is accepted has a path of non-empty parts. */
#include "image/patch.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
parse (const json_t *document, KnPatchVersion version)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (GArray) ops = kn_patch_parse (document, version, &error);

    g_assert_true ((ops == NULL) == (error != NULL));
    for (guint i = 0; ops && i < ops->len; i++) {
        const KnPatchOp *op = &g_array_index (ops, KnPatchOp, i);
        g_assert_true (op->path[0] && op->path[0][0]);
        g_assert_true ((op->value == NULL) == (op->kind == KN_PATCH_REMOVE));
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup ((const char *)data, size);
    g_auto (GStrv) path = kn_patch_parse_pointer (text);
    g_autoptr (json_t) document = kn_json_parse ((const char *)data, size, NULL);

    if (!document)
        return 0;
    parse (document, KN_PATCH_V21);
    parse (document, KN_PATCH_V20);
    return 0;
}
