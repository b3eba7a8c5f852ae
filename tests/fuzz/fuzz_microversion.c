/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: the two microversion headers, one a line. What is accepted is inside the range, and says the same in the other header. */
#include "http/request_priv.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup ((const char *)data, size);
    g_auto (GStrv) lines = g_strsplit (text, "\n", 2);
    g_autoptr (GError) error = NULL;
    guint minor = 0, again = 0;
    const char *modern = lines[0] != NULL ? lines[1] : NULL;

    if (!kn_microversion_parse ("compute", 96, lines[0], modern, &minor, &error)) {
        g_assert_nonnull (error);
        return 0;
    }
    g_assert_cmpuint (minor, >=, 1);
    g_assert_cmpuint (minor, <=, 96);

    g_autofree char *written = g_strdup_printf ("compute 2.%u", minor);

    g_assert_true (kn_microversion_parse ("compute", 96, NULL, written, &again, NULL));
    g_assert_cmpuint (again, ==, minor);
    return 0;
}
