/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: a hypervisor's sentence for users. It is one line of UTF-8, bounded, and taking paths out twice changes nothing. */
#include <stdint.h>
#include <string.h>

#include "virt/virt_priv.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup ((const char *)data, size);
    g_autofree char *once = kn_virt_error_scrub (text);

    g_assert_true (g_utf8_validate (once, -1, NULL));
    g_assert_cmpuint (strlen (once), <=, 3000);
    g_assert_null (strpbrk (once, "\r\n"));
    /* No absolute path of two parts is left at the start of a word. */
    g_assert_null (strstr (once, " /etc/"));
    g_assert_null (strstr (once, "'/etc/"));
    return 0;
}
