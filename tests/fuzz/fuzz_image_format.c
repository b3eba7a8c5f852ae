/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: the bytes of an image, while they arrive and as a whole. What is taken at the end was taken at the start. */
#include "image/format.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

typedef struct {
    const uint8_t *bytes;
    size_t len;
} Input;

static gsize
read_input (gpointer data, guint64 offset, void *buffer, gsize len)
{
    const Input *input = data;

    if (offset >= input->len)
        return 0;
    gsize n = MIN (len, input->len - (gsize)offset);
    memcpy (buffer, input->bytes + offset, n);
    return n;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    Input head = { data, MIN (size, KN_FORMAT_HEAD) }, whole = { data, size };
    KnFormatInfo early = { 0 }, late = { 0 };
    g_autoptr (GError) refused = NULL, error = NULL;

    bool begun = kn_format_detect (&(KnFormatInput){ .read = read_input, .data = &head }, &early,
                                   &refused);
    bool taken = kn_format_detect (
        &(KnFormatInput){ .read = read_input, .data = &whole, .size_bytes = size }, &late, &error);

    g_assert_true (begun == (refused == NULL) && taken == (error == NULL));
    if (taken)
        g_assert_true (begun && early.format == late.format);
    for (KnFormat f = 0; taken && f < KN_FORMAT_N; f++)
        (void)kn_format_resolve (f, &late, &(KnFormat){ 0 }, NULL);
    return 0;
}
