/* SPDX-License-Identifier: Apache-2.0 */
/* Facts: all that is known about one guest before it is planned. A plain record; the caller owns everything in it and keeps
 * it alive while a plan is made. Nothing here is looked up by guest/: no I/O, no clock, no globals. Everything that is left
 * zero means "not known" or "the default". */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum {
    KN_GUEST_DISK_ROOT,
    KN_GUEST_DISK_EPHEMERAL,
    KN_GUEST_DISK_SWAP,
    KN_GUEST_DISK_CONFIG,
    KN_GUEST_DISK_VOLUME,
    KN_GUEST_DISK_BLANK, /* another local disk that the user asked for */
    KN_GUEST_DISK_RESCUE,
    KN_GUEST_DISK_N
} KnGuestDiskRole;

typedef enum {
    KN_GUEST_STORE_FILE,
    KN_GUEST_STORE_BLOCK, /* a device node of the host */
    KN_GUEST_STORE_RBD,   /* "pool/image" in Ceph */
    KN_GUEST_STORE_N
} KnGuestStore;

/* What one disk may do in a second: iotune elements by name ("read_iops_sec"). */
typedef struct {
    const char *name, *value;
} KnGuestQos;

typedef struct {
    KnGuestDiskRole role;
    const char *path;   /* host path, or "pool/image" */
    const char *format; /* "qcow2", "raw" */
    const char *serial; /* volume id, or NULL */

    KnGuestStore store;
    const char *device;       /* "disk", "cdrom" (of an ISO image too), "lun"; NULL: by rule */
    const char *bus;          /* asked for with this disk; NULL: by rule */
    const char *const *hosts; /* RBD monitors "10.0.0.1:6789", NULL-terminated */
    const char *auth_user, *auth_secret_type, *auth_secret_uuid;
    const KnGuestQos *qos;
    gsize n_qos;
    bool is_root;           /* a volume that the guest boots from */
    bool of_volume_service; /* attached by the volume service: its own limits, its own driver */
} KnGuestDisk;

typedef struct {
    const char *port_id, *network_id, *mac, *bridge, *tap;
    guint mtu; /* 0: unset */

    const char *kind;             /* Neutron's vif type: "bridge" (also NULL), "ovs", "tap", … */
    const char *const *addresses; /* fixed addresses, NULL-terminated */
    const char *ovs_interface_id;
    bool plugged_by_os_vif; /* ovs: the tap is made and plugged for us */
    bool hybrid;            /* ovs with a filtering bridge between: .bridge is that bridge */
    const char *socket_path, *socket_mode; /* vhostuser */
    const char *pci_address;               /* "0000:0a:00.1" */
    const char *vlan;                      /* of a hardware switch */
    const char *macvtap_source, *macvtap_mode;
} KnGuestNic;

/* A NUMA cell of the host: its CPUs, which of them share a core, and its pages. */
typedef struct {
    guint64 size_kib, total, used;
} KnGuestHostPages;

typedef struct {
    guint id;
    guint64 memory_kib;
    const guint *cpus; /* ascending */
    const guint *core; /* core[i]: number of the core that cpus[i] belongs to */
    gsize n_cpus;
    const KnGuestHostPages *pages; /* ascending by size */
    gsize n_pages;
} KnGuestHostCell;

typedef struct {
    const char *arch;       /* "x86_64" */
    const char *virt_type;  /* "kvm" or "qemu" */
    const char *cpu_vendor; /* "Intel", "AMD", NULL: unknown */
    const char *zone;       /* the host's IANA zone, NULL: unknown */
    /* what this host's libvirt and QEMU know, NULL-terminated; NULL: not known */
    const char *const *machines, *const *hyperv;
    const char *default_q35, *default_pc; /* concrete machine types */
    guint64 libvirt_version, qemu_version;
    guint64 tsc_khz; /* 0: unknown or not fixed */
    bool uefi, secure_boot, tpm;

    /* firmware files; NULL: libvirt finds them */
    const char *loader, *nvram_template, *secure_loader, *secure_nvram_template;
    bool sev, sev_es, sev_snp; /* AMD memory encryption, with encrypted registers, with integrity */
    guint sev_cbit, sev_reduced_bits;
    bool no_cpu_control;           /* cgroups cannot limit CPU here */
    const char *const *cpu_models; /* that libvirt knows; NULL: unknown */
    const KnGuestHostCell *cells;
    gsize n_cells;
    const char *taken_cpus;       /* that belong to other guests: "1,4-5"; NULL: none */
    const char *agent_socket_dir; /* where agent sockets are made, NULL: libvirt chooses */
    const char *tpm_secret;       /* uuid of the libvirt secret that seals TPM state, NULL: none */
} KnGuestHost;

/* What the operating system is, beyond os_type; from properties or from inspection of the disk. */
typedef enum {
    KN_GUEST_DRIVERS_UNKNOWN,
    KN_GUEST_DRIVERS_ABSENT,
    KN_GUEST_DRIVERS_PRESENT,
    KN_GUEST_DRIVERS_N
} KnGuestDrivers;

typedef struct {
    const char *version; /* "10", "2022" */
    const char *edition; /* "Pro" */
    KnGuestDrivers virtio;
} KnGuestOs;

/* The cloud's own choices about guests. NULL in KnGuestFacts: kn_guest_config_default. */
typedef struct {
    bool vnc, spice, spice_agent, serial_console;
    const char *vnc_listen, *spice_listen, *serial_listen;
    guint serial_port_first;
    const char *cpu_mode; /* "host-model", …; NULL: host-model on x86 */
    const char *const *cpu_models, *const *cpu_flags;
    const char *const *cache_modes; /* "file=writeback" */
    const char *discard;
    gint64 balloon_period_s;
    guint tb_cache_mib; /* of translated code under TCG; 0: QEMU's default */
    guint pcie_ports, max_queues, rx_queue_size, tx_queue_size;
    const char *pointer_model;
    const char *disk_prefix;          /* of all device names; NULL: by bus */
    const char *const *machine_types; /* "x86_64=q35" */
    const char *cpu_shared_set, *cpu_dedicated_set;
    const char *sysinfo_serial; /* "unique", "none", … */
    const char *rng_path;
    bool no_apic, file_backed_memory, no_virtio_for_bridges, force_config_drive;
} KnGuestConfig;
extern const KnGuestConfig kn_guest_config_default;

/* What the project or the cloud says about clocks where server, image and flavor do not. */
typedef struct {
    const char *policy, *policy_by; /* for Windows only; "project os_clock_policy" */
    const char *zone, *zone_by;
} KnGuestClockDefaults;

typedef struct {
    /* the instance row */
    gint64 id; /* names instance-%08x */
    const char *uuid, *name, *hostname, *project_id, *project_name, *user_id, *user_name, *image_id;
    /* instances.os_type: what the clock and feature rules read; NULL: undeclared */
    const char *os_type;
    gint64 created_us;

    /* what was asked for */
    /* char* -> char*: from instance_system_metadata image_*, without the prefix */
    GHashTable *image_properties;
    GHashTable *extra_specs; /* char* -> char* of the flavor */
    /* char* -> char*: set on the server itself (kilonova server set); beats the image's */
    GHashTable *server_properties;
    guint vcpus;
    guint64 memory_mib, root_gib, ephemeral_gib, swap_mib;
    const char *flavor_name;
    guint64 image_min_ram_mib, image_min_disk_gib;
    const char *config_drive; /* as the user said it: "", "True", …; NULL: nothing said */

    /* what stands ready */
    const KnGuestDisk *disks;
    gsize n_disks;
    const KnGuestNic *nics;
    gsize n_nics;
    const char *console_log; /* host path, NULL: none */
    const char *vnc_listen;  /* "127.0.0.1"; beats the config's */
    const char *nvram_path;  /* host path of UEFI's variable store, NULL: libvirt chooses */
    const char *kernel_path, *ramdisk_path; /* direct kernel boot, NULL: none */
    bool rescue;                            /* this is the rescue guest: boots its RESCUE disk */
    GHashTable *rescue_properties;          /* of the rescue image */

    KnGuestHost host;
    KnGuestOs os;
    const KnGuestConfig *config;

    /* the clock */
    bool has_rtc_offset; /* the guest has written its RTC: */
    gint64 rtc_offset_s; /*   RTC minus UTC */
    gint64 rtc_since_us; /*   0: not known */
    /* "guest", "image", "user", "move"; "repeat": it wrote back what a declaration had given it */
    const char *rtc_set_by;
    const char *rtc_declared; /* that declaration: "utc", "localtime", "timezone" */
    const char *rtc_declared_zone;
    gint64 zone_offsets_s[2]; /* of the declared zone, standard and daylight */
    guint n_zone_offsets;     /* 0: no zone is declared */
    KnGuestClockDefaults clock_defaults;

    /* what stays as it was */
    const char *profile; /* "kilonova-1", "nova-26": the one that the instance was created with */
    /* hardware identity frozen at first start (kn_guest_plan_identity()); NULL before it */
    GHashTable *identity;
    const char *cloud_id; /* our mark */
    const char *product_version;
} KnGuestFacts;
