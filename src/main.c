/* SPDX-License-Identifier: Apache-2.0 */
/* Table of subcommands. */
#include <stdio.h>

int
main (void)
{
    puts ("kilonova " KN_VERSION);
    return 0;
}
