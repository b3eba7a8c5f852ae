/* SPDX-License-Identifier: Apache-2.0 */
/* What operating system is in a disk image. */
#pragma once

#include "inspect/inspection.h"

typedef struct {
    guint timeout_s;                        /* 0: 300 */
    guint memory_mib;                       /* of the appliance; 0: 512 */
    bool (*cancelled) (gconstpointer data); /* see KnSpawn; kn_inspect_run() only */
    gconstpointer data;
    const char *cache_dir; /* NULL: the library's choice */
} KnInspectLimits;

/* Reads the disk @path of @format ("qcow2", "raw") in this process, which should end soon after: it loads libguestfs and may
 * hang on a hostile disk. A disk that cannot be read is no error: see .status. Errors: UNAVAILABLE: libguestfs is not there. */
KnInspection *kn_inspect_disk (const char *path, const char *format, const KnInspectLimits *limits,
                               GError **error);

/* The same in a child process of the same program, with limits on time, memory and output: what the server does. Worker threads
 * only. A disk that is too slow or brings the child down is UNREADABLE. Errors: UNAVAILABLE. */
KnInspection *kn_inspect_run (const char *path, const char *format, const KnInspectLimits *limits,
                              GError **error);
