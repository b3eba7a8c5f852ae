/* SPDX-License-Identifier: Apache-2.0 */
/* What is known about operating systems: the rows of data/os, compiled in. Pure look-ups; all rows are static. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* How much a version cares for a piece of hardware. */
typedef enum {
    KN_OS_NO,       /* has no use for it, or cannot start with it */
    KN_OS_CAN,      /* works with and without */
    KN_OS_WANTED,   /* certified with it; kilonova-1 gives it by rule */
    KN_OS_REQUIRED, /* setup refuses without; given by rule */
    KN_OS_NEED_N
} KnOsNeed;

typedef enum { KN_OS_BIOS, KN_OS_ANY_FIRMWARE, KN_OS_UEFI, KN_OS_FIRMWARE_N } KnOsFirmware;

/* A family. rtc: "utc" or "localtime". distros: values of os_distro that mean it, NULL-terminated. */
typedef struct {
    const char *name, *title; /* "windows", as in os_type */
    const char *rtc;
    const char *const *distros;
    const char *source;
} KnOsFamily;

/* A version of Windows. */
typedef struct {
    const char *name;         /* "2008r2", as in os_version */
    const char *title;        /* "Windows Server 2008 R2" */
    const char *const *names; /* other spellings, normalised, NULL-terminated */
    bool server;
    guint first_build, last_build; /* of its kernel */
    char hyperv;       /* set of enlightenments, 'A' to 'D', each with those before; 0: none */
    guint max_sockets; /* that no edition goes beyond; 0: the edition says it */
    guint min_memory_mib, min_vcpus;
    KnOsFirmware firmware;
    KnOsNeed secure_boot, tpm;
    const char *machine;              /* "any"; "pc": has no drivers for q35 */
    const char *disk_bus, *nic_model; /* that it has drivers of its own for: "sata", "e1000e" */
    bool xhci;                        /* has a driver of its own for USB 3 */
    bool predates_virtio;             /* came out before virtio did */
    const char *source;
} KnOs;

/* Editions of some versions that share a limit. */
typedef struct {
    const char *name, *title;
    const char *const *versions, *const *names; /* NULL-terminated */
    guint max_sockets;                          /* that the licence lets the kernel use */
    const char *source;
} KnOsEdition;

/* A Hyper-V enlightenment. Versions as libvirt counts them: 4.7.0 is 4007000; 0: not asked for. */
typedef struct {
    const char *name;                     /* element below features/hyperv */
    const char *list;                     /* its name in the host's list, NULL: the same */
    char set;                             /* first set with it; 0: in none */
    guint64 libvirt, qemu;                /* first versions that have it */
    const char *const *needs;             /* NULL-terminated, NULL: none; "time" is hypervclock */
    const char *needs_intel;              /* on Intel besides */
    bool listed, nested, needs_tsc, nova; /* see data/os/hyperv.ini */
    const char *vendor;                   /* of the only CPUs that have it, NULL: any */
    const char *never;                    /* why it is always left out, NULL: it is not */
    const char *because, *source;
} KnOsHyperv;

/* The rows in the order of their files. */
const KnOsFamily *kn_os_families (gsize *out_n);
const KnOs *kn_os_versions (gsize *out_n);
const KnOsEdition *kn_os_editions (gsize *out_n);
const KnOsHyperv *kn_os_hyperv (gsize *out_n);

/* The family that a value of os_type or os_distro means ("Windows", "win2k19", "ubuntu22.04"); NULL: not known. */
const KnOsFamily *kn_os_find_family (const char *name);

/* The row that a text means: "2008 R2", "Windows Server 2019", "win2k22", "10". NULL: not known (also for "UNKNOWN"). */
const KnOs *kn_os_find (const char *version);

/* The row of a kernel's build number. @server tells 10 from 2016; NULL: not known. */
const KnOs *kn_os_find_build (guint build, bool server);

/* The row of a product's name as the registry or an agent says it: "Windows Server 2012 R2 Standard Evaluation", "Windows 10
 * Pro" (which Windows 11 says too: the build knows better). NULL: not known. @out_edition (optional) becomes what follows the
 * version, normalised, to hand to kn_os_find_edition(); NULL where nothing does; caller frees. */
const KnOs *kn_os_find_product (const char *product, char **out_edition);

/* The row of an edition of @os: "Pro", "ServerStandardEval", "Core". NULL: not known (or @os is NULL). */
const KnOsEdition *kn_os_find_edition (const KnOs *os, const char *edition);

/* The most sockets that this version and edition use; 0: not known, which never lowers a limit. */
guint kn_os_max_sockets (const KnOs *os, const char *edition);
