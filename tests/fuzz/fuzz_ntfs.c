/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: the boot sector and a file record of an NTFS volume, and the head of a program. */
#include <stdint.h>

#include "inspect/inspect_priv.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    (void)kn_ntfs_volume_offset (data, size);
    (void)kn_ntfs_is_dirty (data, size);
    (void)kn_inspect_elf_machine (data, size);
    return 0;
}
