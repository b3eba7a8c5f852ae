/* SPDX-License-Identifier: Apache-2.0 */
/* The file system under a path of this machine. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    guint64 id;           /* the same for all paths on one file system */
    guint64 blocks_bytes; /* its size, with what is kept for root */
    guint64 total_bytes;  /* what users can fill: used and available, as df counts it */
    guint64 used_bytes;
    bool network; /* other machines see the same files */
} KnSpace;

/* False: @path cannot be reached. May hang as long as a dead file server does. */
bool kn_space_find (const char *path, KnSpace *out_space);
