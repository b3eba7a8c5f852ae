/* SPDX-License-Identifier: Apache-2.0 */
/* Facts: all that is known about one guest before it is planned. A plain record; the caller owns everything in it and keeps
 * it alive while a plan is made. Nothing here is looked up by guest/: no I/O, no clock, no globals. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* One property or extra spec, with where it was said. */
typedef enum {
    KN_SAID_IMAGE,
    KN_SAID_FLAVOR,
    KN_SAID_SERVER,
    KN_SAID_INSTANCE_ROW,
    KN_SAID_INSPECTION,
    KN_SAID_CONFIG,
    KN_SAID_N
} KnGuestSource;

typedef enum {
    KN_GUEST_DISK_ROOT,
    KN_GUEST_DISK_EPHEMERAL,
    KN_GUEST_DISK_SWAP,
    KN_GUEST_DISK_CONFIG,
    KN_GUEST_DISK_VOLUME,
    KN_GUEST_DISK_N
} KnGuestDiskRole;

typedef struct {
    KnGuestDiskRole role;
    const char *path;   /* host path of a file */
    const char *format; /* "qcow2", "raw" */
    const char *serial; /* volume id, or NULL */
} KnGuestDisk;

typedef struct {
    const char *port_id, *network_id, *mac, *bridge, *tap;
    guint mtu; /* 0: unset */
} KnGuestNic;

typedef struct {
    const char *arch;       /* "x86_64" */
    const char *virt_type;  /* "kvm" or "qemu" */
    const char *cpu_vendor; /* "Intel", "AMD", NULL: unknown */
    const char *zone;       /* the host's IANA zone, NULL: unknown */
    const char *const *machines,
        *const *hyperv; /* NULL-terminated; what this host's libvirt and QEMU know */
    const char *default_q35, *default_pc; /* concrete machine types */
    guint64 libvirt_version, qemu_version;
    guint64 tsc_khz; /* 0: unknown or not fixed */
    bool uefi, secure_boot, tpm;
} KnGuestHost;

typedef struct {
    /* the instance row */
    gint64 id; /* names instance-%08x */
    const char *uuid, *name, *hostname, *project_id, *project_name, *user_id, *user_name, *image_id;
    const char
        *os_type; /* instances.os_type: what the clock and feature rules read; NULL: undeclared */
    gint64 created_us;

    /* what was asked for */
    GHashTable *
        image_properties; /* char* -> char*: from instance_system_metadata image_*, without the prefix */
    GHashTable *extra_specs; /* char* -> char* of the flavor */
    GHashTable *
        server_properties; /* char* -> char*: set on the server itself (kilonova server set); beats the image's */
    guint vcpus;
    guint64 memory_mib, root_gib, ephemeral_gib, swap_mib;
    const char *flavor_name;

    /* what stands ready */
    const KnGuestDisk *disks;
    gsize n_disks;
    const KnGuestNic *nics;
    gsize n_nics;
    const char *console_log; /* host path, NULL: none */
    const char *vnc_listen;  /* "127.0.0.1" */

    KnGuestHost host;
    bool has_rtc_offset; /* the guest has written its RTC: */
    gint64 rtc_offset_s; /*   RTC minus UTC */

    /* what stays as it was */
    const char *profile; /* "kilonova-1", "nova-26": the one that the instance was created with */
    GHashTable *
        identity; /* hardware identity frozen at first start (kn_guest_plan_identity()); NULL before it */
    const char *cloud_id; /* our mark */
    const char *product_version;
} KnGuestFacts;
