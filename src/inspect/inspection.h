/* SPDX-License-Identifier: Apache-2.0 */
/* What was found in a disk: the operating system, what it says of its clock, drivers and firmware, and where each fact stood. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "json/read.h"
#include "json/write.h"

typedef enum {
    KN_INSPECT_FOUND,      /* an operating system */
    KN_INSPECT_NOTHING,    /* the disk was read, and there is none that we know */
    KN_INSPECT_UNREADABLE, /* encrypted, damaged, too slow: .why says it */
    KN_INSPECT_N
} KnInspectStatus;

/* Whether something is installed, where that can be said. */
typedef enum { KN_FOUND_UNKNOWN, KN_FOUND_NO, KN_FOUND_YES, KN_FOUND_N } KnFound;

/* A fact as it stood on the disk: file or key, name of the value, its text. */
typedef struct {
    char *fact, *source, *name, *value;
} KnEvidence;

/* A virtio driver of Windows; start: as in the registry (0 boot, 1 system, 2 auto, 3 demand, 4 disabled), -1: not said. */
typedef struct {
    char *name;
    int start;
    bool file; /* its .sys file is there */
} KnInspectDriver;

/* Strings are NULL where nothing was found. */
typedef struct {
    KnInspectStatus status;
    char *why; /* a sentence, for NOTHING and UNREADABLE */

    char *family;  /* "windows", "linux" */
    char *distro;  /* os_distro: "windows", "debian" */
    char *product; /* as the system calls itself */
    char *version; /* os_version: "2022", "12" */
    char *edition; /* os_edition: "pro" */
    char *arch;    /* "x86_64" */
    guint build;   /* of the Windows kernel; 0: not known */

    char *table;    /* "gpt", "msdos", "none" */
    char *firmware; /* what it boots by: "uefi", "bios" */

    bool has_universal, universal; /* Windows: RealTimeIsUniversal; Linux: what /etc/adjtime says */
    char *zone;                    /* IANA */
    char *windows_zone;            /* "China Standard Time" */
    bool has_bias;
    int bias_minutes; /* ActiveTimeBias: UTC minus local time */

    GPtrArray *drivers; /* of KnInspectDriver */
    KnFound storage;    /* a virtio storage driver that starts at boot */
    KnFound network;    /* a virtio network driver */
    KnFound agent, cloud_init;
    bool hibernated, dirty;

    GPtrArray *evidence; /* of KnEvidence */
} KnInspection;

KnInspection *kn_inspection_new (void);
void kn_inspection_free (KnInspection *found);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnInspection, kn_inspection_free)

/* Notes where @fact was found; texts are made valid UTF-8 and cut after 200 characters. */
void kn_inspection_note (KnInspection *found, const char *fact, const char *source,
                         const char *name, const char *value);
void kn_inspection_add_driver (KnInspection *found, const char *name, int start, bool file);

/* An object. kn_inspection_read() takes what kn_inspection_write() wrote. Errors: BAD_REQUEST. */
void kn_inspection_write (KnJw *w, const KnInspection *found);
KnInspection *kn_inspection_read (const json_t *object, GError **error);

/* The image properties that follow from it, char* -> char*; empty when nothing was found. New reference. */
GHashTable *kn_inspection_properties (const KnInspection *found);

/* The fact whose evidence stands behind an image property ("os.version" for os_version); NULL: none. Static. */
const char *kn_inspection_fact_of (const char *property);
