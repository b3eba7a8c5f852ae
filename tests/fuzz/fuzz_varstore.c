/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: a UEFI variable store, which a guest writes. What can be read is bounded, printable and has a meaning. */
#include <stdint.h>

#include "virt/varstore.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnVarStore) store = kn_varstore_parse (data, size, &error);

    g_assert_true ((store == NULL) == (error != NULL));
    if (!store)
        return 0;
    g_autofree char *subjects = kn_varstore_subjects (store->db);

    g_assert_true (g_utf8_validate (subjects, -1, NULL));
    g_assert_nonnull (kn_varstore_summary (store));
    return 0;
}
