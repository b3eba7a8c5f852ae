/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a golden case. What the format leaves out is fixed: the host that the cases were made on (tests/golden/README.md). */
#include "cmd/guest_case.h"

#include <string.h>

#include "base/error.h"
#include "guest/plan.h"

#define STATE_DIR "/var/lib/nova/instances"
#define MAX_CASE_DISKS 64
#define MAX_CASE_NICS 64

struct KnGuestCase {
    GStringChunk *text;
    GPtrArray *owned;  /* arrays and records that the facts point into */
    GPtrArray *tables; /* hash tables */
    KnGuestFacts facts;
    KnGuestConfig config;
    KnGuestDisk disks[MAX_CASE_DISKS];
    KnGuestNic nics[MAX_CASE_NICS];
    char *folder;
};

/* ---- the host of the cases ---- */

#define CELL_CPUS 16

/* Machine types of all architectures on the host of the format, which is Nova 26.2's own fixture. */
#define MACHINES                                                                                   \
    "LX", "SPARCClassic", "SPARCbook", "SS-10", "SS-1000", "SS-2", "SS-20", "SS-2000", "SS-4",     \
        "SS-5", "SS-600MP", "Voyager", "akita", "ast2500-evb", "ast2600-evb", "bamboo-0.12",       \
        "bamboo-0.13", "beagle", "beaglexm", "borzoi", "canon-a1100", "cheetah", "collie",         \
        "connex", "cubieboard", "emcraft-sf2", "g3beige", "highbank", "imx25-pdk", "integratorcp", \
        "isapc", "kzm", "leon3_generic", "lm3s6965evb", "lm3s811evb", "mac99", "magnum",           \
        "mainstone", "malta", "mcimx6ul-evk", "mcimx7d-sabre", "microbit", "midway", "mips",       \
        "mipssim", "mpc8544ds", "mps2-an385", "mps2-an505", "mps2-an511", "mps2-an521", "musca-a", \
        "musca-b1", "musicpal", "n800", "n810", "n900", "netduino2", "netduinoplus2", "nuri",      \
        "orangepi-pc", "palmetto-bmc", "pc", "pc-0.10", "pc-0.11", "pc-0.12", "pc-0.13",           \
        "pc-0.14", "pc-0.15", "pc-1.0", "pc-1.1", "pc-1.2", "pc-1.3", "pc-i440fx-1.4",             \
        "pc-i440fx-1.5", "pc-i440fx-1.6", "pc-i440fx-1.7", "pc-i440fx-2.0", "pc-i440fx-2.1",       \
        "pc-i440fx-2.10", "pc-i440fx-2.11", "pc-i440fx-2.2", "pc-i440fx-2.3", "pc-i440fx-2.4",     \
        "pc-i440fx-2.5", "pc-i440fx-2.6", "pc-i440fx-2.7", "pc-i440fx-2.8", "pc-i440fx-2.9",       \
        "pc-q35-2.10", "pc-q35-2.11", "pc-q35-2.4", "pc-q35-2.5", "pc-q35-2.6", "pc-q35-2.7",      \
        "pc-q35-2.8", "pc-q35-2.9", "pica61", "prep", "q35", "raspi2", "raspi3", "realview-eb",    \
        "realview-eb-mpcore", "realview-pb-a8", "realview-pbx-a9", "ref405ep", "romulus-bmc",      \
        "sabrelite", "sbsa-ref", "smdkc210", "sonorapass-bmc", "spitz", "swift-bmc", "sx1",        \
        "sx1-v1", "syborg", "tacoma-bmc", "taihu", "terrier", "tosa", "verdex", "versatileab",     \
        "versatilepb", "vexpress-a15", "vexpress-a9", "virt", "virt-2.10", "virt-2.11",            \
        "virt-2.12", "virt-2.6", "virt-2.7", "virt-2.8", "virt-2.9", "virt-3.0", "virt-3.1",       \
        "virt-4.0", "virt-4.1", "virt-4.2", "virt-5.0", "virt-5.1", "virtex-ml507",                \
        "witherspoon-bmc", "xenfv", "xenpv", "xilinx-zynq-a9", "xlnx-versal-virt", "xlnx-zcu102",  \
        "z2"

static const char *const machines[] = { MACHINES, NULL };
/* Our own profiles pin a type to what QEMU 7.2 really has. */
static const char *const own_machines[] = { MACHINES, "pc-i440fx-7.2", "pc-q35-7.2", NULL };

static const char *const cpu_models[] = {
    "486",
    "pentium",
    "pentium2",
    "pentium3",
    "pentiumpro",
    "coreduo",
    "n270",
    "core2duo",
    "qemu32",
    "kvm32",
    "cpu64-rhel5",
    "cpu64-rhel6",
    "qemu64",
    "kvm64",
    "Conroe",
    "Penryn",
    "Nehalem",
    "Nehalem-IBRS",
    "Westmere",
    "Westmere-IBRS",
    "SandyBridge",
    "SandyBridge-IBRS",
    "IvyBridge",
    "IvyBridge-IBRS",
    "Haswell-noTSX",
    "Haswell-noTSX-IBRS",
    "Haswell",
    "Haswell-IBRS",
    "Broadwell-noTSX",
    "Broadwell-noTSX-IBRS",
    "Broadwell",
    "Broadwell-IBRS",
    "Skylake-Client",
    "Skylake-Client-IBRS",
    "Skylake-Client-noTSX-IBRS",
    "Skylake-Server",
    "Skylake-Server-IBRS",
    "Skylake-Server-noTSX-IBRS",
    "Cascadelake-Server",
    "Cascadelake-Server-noTSX",
    "Icelake-Client",
    "Icelake-Client-noTSX",
    "Icelake-Server",
    "Icelake-Server-noTSX",
    "Cooperlake",
    "Snowridge",
    "athlon",
    "phenom",
    "EPYC",
    "EPYC-IBPB",
    "EPYC-Rome",
    "EPYC-Milan",
    "Dhyana",
    "Opteron_G1",
    "Opteron_G2",
    "Opteron_G3",
    "Opteron_G4",
    "Opteron_G5",
    NULL,
};

static const KnGuestHostPages pages[] = {
    { 4, 6291456, 0 },
    { 2048, 4096, 0 },
    { 1048576, 8, 0 },
};

static const guint cpus[2][CELL_CPUS] = {
    { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
    { 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 },
};
static const guint cores[CELL_CPUS] = { 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7 };

static const KnGuestHostCell cells[] = {
    { .id = 0,
      .memory_kib = 33554432,
      .cpus = cpus[0],
      .core = cores,
      .n_cpus = CELL_CPUS,
      .pages = pages,
      .n_pages = G_N_ELEMENTS (pages) },
    { .id = 1,
      .memory_kib = 33554432,
      .cpus = cpus[1],
      .core = cores,
      .n_cpus = CELL_CPUS,
      .pages = pages,
      .n_pages = G_N_ELEMENTS (pages) },
};

static const KnGuestHost case_host = {
    .arch = "x86_64",
    .machines = own_machines,
    .default_q35 = "pc-q35-7.2",
    .default_pc = "pc-i440fx-7.2",
    .libvirt_version = 9000000,
    .qemu_version = 7002000,
    .uefi = true,
    .secure_boot = true,
    .tpm = true,
    .loader = "/usr/share/OVMF/OVMF_CODE_4M.fd",
    .nvram_template = "/usr/share/OVMF/OVMF_VARS_4M.fd",
    .secure_loader = "/usr/share/OVMF/OVMF_CODE_4M.ms.fd",
    .secure_nvram_template = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
    .sev_cbit = 47,
    .sev_reduced_bits = 1,
    .cpu_models = cpu_models,
    .cells = cells,
    .n_cells = G_N_ELEMENTS (cells),
};

/* ---- small readers ---- */

static const char *
keep (KnGuestCase *c, const char *text)
{
    return g_string_chunk_insert_const (c->text, text);
}

/* Any scalar as the text that Nova's own objects would have. */
static const char *
as_text (KnGuestCase *c, const json_t *value)
{
    if (json_is_string (value))
        return json_string_value (value);
    if (json_is_boolean (value))
        return json_is_true (value) ? "True" : "False";
    if (!json_is_integer (value))
        return NULL;
    g_autofree char *number = g_strdup_printf ("%" JSON_INTEGER_FORMAT, json_integer_value (value));
    return keep (c, number);
}

static const char *
get_text (KnGuestCase *c, const json_t *object, const char *key)
{
    return as_text (c, json_object_get (object, key));
}

static gint64
get_int (const json_t *object, const char *key)
{
    return json_integer_value (json_object_get (object, key));
}

static bool
get_bool (const json_t *object, const char *key, bool otherwise)
{
    const json_t *value = json_object_get (object, key);
    return json_is_boolean (value) ? json_is_true (value) : otherwise;
}

static const char *const *
as_list (KnGuestCase *c, const json_t *array)
{
    if (!json_is_array (array))
        return NULL;
    gsize n = json_array_size (array);
    const char **list = g_new0 (const char *, n + 1);
    g_ptr_array_add (c->owned, list);
    for (gsize i = 0; i < n; i++) {
        const char *text = as_text (c, json_array_get (array, i));
        list[i] = text ? text : "";
    }
    return list;
}

static GHashTable *
as_table (KnGuestCase *c, const json_t *object)
{
    GHashTable *table = g_hash_table_new (g_str_hash, g_str_equal);
    const char *key;
    json_t *value;
    g_ptr_array_add (c->tables, table);
    json_object_foreach ((json_t *)object, key, value) {
        const char *text = as_text (c, value);
        if (text)
            g_hash_table_insert (table, (gpointer)key, (gpointer)text);
    }
    return table;
}

/* ---- nova.conf ---- */

typedef enum { OPTION_BOOL, OPTION_UINT, OPTION_INT64, OPTION_TEXT, OPTION_LIST } OptionType;

static const struct {
    const char *name;
    OptionType type;
    gsize offset;
} options[] = {
    { "vnc.enabled", OPTION_BOOL, offsetof (KnGuestConfig, vnc) },
    { "vnc.server_listen", OPTION_TEXT, offsetof (KnGuestConfig, vnc_listen) },
    { "spice.enabled", OPTION_BOOL, offsetof (KnGuestConfig, spice) },
    { "spice.agent_enabled", OPTION_BOOL, offsetof (KnGuestConfig, spice_agent) },
    { "spice.server_listen", OPTION_TEXT, offsetof (KnGuestConfig, spice_listen) },
    { "serial_console.enabled", OPTION_BOOL, offsetof (KnGuestConfig, serial_console) },
    { "serial_console.proxyclient_address", OPTION_TEXT, offsetof (KnGuestConfig, serial_listen) },
    { "libvirt.cpu_mode", OPTION_TEXT, offsetof (KnGuestConfig, cpu_mode) },
    { "libvirt.cpu_models", OPTION_LIST, offsetof (KnGuestConfig, cpu_models) },
    { "libvirt.cpu_model_extra_flags", OPTION_LIST, offsetof (KnGuestConfig, cpu_flags) },
    { "libvirt.disk_cachemodes", OPTION_LIST, offsetof (KnGuestConfig, cache_modes) },
    { "libvirt.hw_disk_discard", OPTION_TEXT, offsetof (KnGuestConfig, discard) },
    { "libvirt.mem_stats_period_seconds", OPTION_INT64,
      offsetof (KnGuestConfig, balloon_period_s) },
    { "libvirt.num_pcie_ports", OPTION_UINT, offsetof (KnGuestConfig, pcie_ports) },
    { "libvirt.tb_cache_size", OPTION_UINT, offsetof (KnGuestConfig, tb_cache_mib) },
    { "libvirt.max_queues", OPTION_UINT, offsetof (KnGuestConfig, max_queues) },
    { "libvirt.rx_queue_size", OPTION_UINT, offsetof (KnGuestConfig, rx_queue_size) },
    { "libvirt.tx_queue_size", OPTION_UINT, offsetof (KnGuestConfig, tx_queue_size) },
    { "libvirt.hw_machine_type", OPTION_LIST, offsetof (KnGuestConfig, machine_types) },
    { "libvirt.sysinfo_serial", OPTION_TEXT, offsetof (KnGuestConfig, sysinfo_serial) },
    { "libvirt.rng_dev_path", OPTION_TEXT, offsetof (KnGuestConfig, rng_path) },
    { "libvirt.disk_prefix", OPTION_TEXT, offsetof (KnGuestConfig, disk_prefix) },
    { "compute.cpu_shared_set", OPTION_TEXT, offsetof (KnGuestConfig, cpu_shared_set) },
    { "compute.cpu_dedicated_set", OPTION_TEXT, offsetof (KnGuestConfig, cpu_dedicated_set) },
    { "pointer_model", OPTION_TEXT, offsetof (KnGuestConfig, pointer_model) },
    { "workarounds.libvirt_disable_apic", OPTION_BOOL, offsetof (KnGuestConfig, no_apic) },
    { "force_config_drive", OPTION_BOOL, offsetof (KnGuestConfig, force_config_drive) },
};

static void
set_option (KnGuestCase *c, gsize i, const json_t *value)
{
    char *field = (char *)&c->config + options[i].offset;
    switch (options[i].type) {
    case OPTION_BOOL:
        *(bool *)field = json_is_true (value);
        break;
    case OPTION_UINT:
        *(guint *)(gpointer)field = (guint)json_integer_value (value);
        break;
    case OPTION_INT64:
        *(gint64 *)(gpointer)field = json_integer_value (value);
        break;
    case OPTION_TEXT:
        *(const char **)(gpointer)field = as_text (c, value);
        break;
    case OPTION_LIST:
        *(const char *const **)(gpointer)field = as_list (c, value);
        break;
    }
}

static void
read_config (KnGuestCase *c, const json_t *config)
{
    c->config = kn_guest_config_default;
    for (gsize i = 0; i < G_N_ELEMENTS (options); i++) {
        const json_t *value = json_object_get (config, options[i].name);
        if (value)
            set_option (c, i, value);
    }
    const json_t *bridges = json_object_get (config, "libvirt.use_virtio_for_bridges");
    c->config.no_virtio_for_bridges = json_is_false (bridges);
    c->config.file_backed_memory = get_int (config, "libvirt.file_backed_memory") > 0;
    c->facts.config = &c->config;
}

/* ---- host and operating system ---- */

static void
read_host (KnGuestCase *c, const json_t *object)
{
    const json_t *host = json_object_get (object, "host");
    KnGuestHost *to = &c->facts.host;
    *to = case_host;
    to->virt_type = get_text (c, object, "virt_type");
    to->sev = get_bool (host, "amd_sev", false);
    to->sev_es = get_bool (host, "amd_sev_es", false);
    to->sev_snp = get_bool (host, "amd_sev_snp", false);
    to->uefi = get_bool (host, "uefi", true);
    to->secure_boot = get_bool (host, "secure_boot", true);
    if (!get_bool (host, "firmware_files", true))
        to->loader = to->secure_loader = NULL;
    to->no_cpu_control = !get_bool (host, "cpu_control_policy", true);
    to->cpu_vendor = get_text (c, host, "cpu_vendor");
    to->zone = get_text (c, host, "zone");
    to->hyperv = as_list (c, json_object_get (host, "hyperv"));
    to->tsc_khz = (guint64)get_int (host, "tsc_khz");
    to->tpm = get_bool (host, "tpm", true);
    if (json_object_get (host, "libvirt"))
        to->libvirt_version = (guint64)get_int (host, "libvirt");
    if (json_object_get (host, "qemu"))
        to->qemu_version = (guint64)get_int (host, "qemu");
    if (g_strcmp0 (c->facts.profile, "nova-26") == 0) { /* a key service and Nova's own folder */
        to->tpm_secret = "5ec2e7aa-1111-2222-3333-444444444444";
        to->agent_socket_dir = "/var/lib/libvirt/qemu";
        to->machines = machines;
    }
}

static void
read_os (KnGuestCase *c, const json_t *os)
{
    const char *drivers = get_text (c, os, "drivers");
    c->facts.os.version = get_text (c, os, "version");
    c->facts.os.edition = get_text (c, os, "edition");
    if (g_strcmp0 (drivers, "present") == 0)
        c->facts.os.virtio = KN_GUEST_DRIVERS_PRESENT;
    else if (g_strcmp0 (drivers, "absent") == 0)
        c->facts.os.virtio = KN_GUEST_DRIVERS_ABSENT;
}

/* ---- disks ---- */

static KnGuestDisk *
add_disk (KnGuestCase *c, KnGuestDiskRole role)
{
    if (c->facts.n_disks == MAX_CASE_DISKS)
        return NULL;
    KnGuestDisk *disk = &c->disks[c->facts.n_disks++];
    *disk = (KnGuestDisk){ .role = role };
    return disk;
}

static const char *const rbd_monitors[] = { "10.0.0.1:6789", "10.0.0.2:6789", NULL };

static void
put_in_store (KnGuestCase *c, KnGuestDisk *disk, const json_t *config, const char *file)
{
    const char *type = get_text (c, config, "libvirt.images_type");
    const char *pool = get_text (c, config, "libvirt.images_rbd_pool");
    if (g_strcmp0 (type, "rbd") != 0) {
        g_autofree char *path = g_build_filename (c->folder, file, NULL);
        bool raw = g_strcmp0 (type, "raw") == 0 || g_strcmp0 (type, "flat") == 0;
        disk->path = keep (c, path);
        disk->format = raw || disk->role == KN_GUEST_DISK_CONFIG ? "raw" : "qcow2";
        return;
    }
    g_autofree char *name = g_strdup_printf ("%s/%s_%s", pool ? pool : "rbd", c->facts.uuid, file);
    disk->store = KN_GUEST_STORE_RBD;
    disk->path = keep (c, name);
    disk->format = "raw";
    disk->hosts = rbd_monitors;
    disk->auth_user = get_text (c, config, "libvirt.rbd_user");
    disk->auth_secret_uuid = get_text (c, config, "libvirt.rbd_secret_uuid");
}

static void
add_local (KnGuestCase *c, KnGuestDiskRole role, const json_t *config, const char *file,
           const json_t *asked)
{
    KnGuestDisk *disk = add_disk (c, role);
    if (!disk)
        return;
    disk->device = get_text (c, asked, "device_type");
    disk->bus = get_text (c, asked, "disk_bus");
    put_in_store (c, disk, config, file);
}

static void
add_root (KnGuestCase *c, const json_t *object, const json_t *config)
{
    const char *format = get_text (c, json_object_get (object, "image"), "disk_format");
    add_local (c, KN_GUEST_DISK_ROOT, config, "disk", NULL);
    if (g_strcmp0 (format, "iso") == 0 && c->facts.n_disks > 0)
        c->disks[c->facts.n_disks - 1].device = "cdrom";
}

/* A blank local disk that the user asked for takes the place of the flavor's ephemeral or swap disk. */
static void
add_blank_disks (KnGuestCase *c, const json_t *object, const json_t *config)
{
    const json_t *asked = json_object_get (object, "block_devices");
    const json_t *swap = NULL;
    guint n_ephemeral = 0;
    for (gsize i = 0; i < json_array_size (asked); i++) {
        const json_t *device = json_array_get (asked, i);
        if (g_strcmp0 (get_text (c, device, "source_type"), "blank") != 0
            || g_strcmp0 (get_text (c, device, "destination_type"), "local") != 0)
            continue;
        if (g_strcmp0 (get_text (c, device, "guest_format"), "swap") == 0) {
            swap = device;
            continue;
        }
        g_autofree char *file = g_strdup_printf ("disk.eph%u", n_ephemeral++);
        add_local (c, KN_GUEST_DISK_EPHEMERAL, config, file, device);
    }
    if (n_ephemeral == 0 && c->facts.ephemeral_gib > 0)
        add_local (c, KN_GUEST_DISK_EPHEMERAL, config, "disk.eph0", NULL);
    if (swap || c->facts.swap_mib > 0)
        add_local (c, KN_GUEST_DISK_SWAP, config, "disk.swap", swap);
}

static void
read_rbd (KnGuestCase *c, KnGuestDisk *disk, const json_t *data)
{
    const json_t *names = json_object_get (data, "hosts"), *ports = json_object_get (data, "ports");
    gsize n = json_array_size (names);
    const char **hosts = g_new0 (const char *, n + 1);
    g_ptr_array_add (c->owned, hosts);
    for (gsize i = 0; i < n; i++) {
        const char *port = as_text (c, json_array_get (ports, i));
        g_autofree char *host = g_strdup_printf ("%s:%s", as_text (c, json_array_get (names, i)),
                                                 port ? port : "6789");
        hosts[i] = keep (c, host);
    }
    disk->store = KN_GUEST_STORE_RBD;
    disk->path = get_text (c, data, "name");
    disk->hosts = hosts;
    if (get_bool (data, "auth_enabled", false)) {
        disk->auth_user = get_text (c, data, "auth_username");
        disk->auth_secret_type = get_text (c, data, "secret_type");
        disk->auth_secret_uuid = get_text (c, data, "secret_uuid");
    }
}

static void
read_qos (KnGuestCase *c, KnGuestDisk *disk, const json_t *specs)
{
    const char *key;
    json_t *value;
    KnGuestQos *qos = g_new0 (KnGuestQos, json_object_size (specs) + 1);
    g_ptr_array_add (c->owned, qos);
    json_object_foreach ((json_t *)specs, key, value)
        qos[disk->n_qos++] = (KnGuestQos){ key, as_text (c, value) };
    disk->qos = qos;
}

static void
add_volume (KnGuestCase *c, const json_t *volume)
{
    const json_t *info = json_object_get (volume, "connection_info");
    const json_t *data = json_object_get (info, "data");
    const json_t *boot = json_object_get (volume, "boot_index");
    KnGuestDisk *disk = add_disk (c, KN_GUEST_DISK_VOLUME);
    if (!disk)
        return;
    disk->of_volume_service = true;
    disk->format = "raw";
    disk->serial = get_text (c, info, "serial");
    disk->device = get_text (c, volume, "device_type");
    disk->bus = get_text (c, volume, "disk_bus");
    disk->is_root = boot && json_integer_value (boot) == 0;
    if (g_strcmp0 (get_text (c, info, "driver_volume_type"), "rbd") == 0) {
        read_rbd (c, disk, data);
    } else {
        disk->store = KN_GUEST_STORE_BLOCK;
        disk->path = get_text (c, data, "device_path");
    }
    read_qos (c, disk, json_object_get (data, "qos_specs"));
}

static bool
has_root_volume (const json_t *volumes)
{
    for (gsize i = 0; i < json_array_size (volumes); i++) {
        const json_t *boot = json_object_get (json_array_get (volumes, i), "boot_index");
        if (boot && json_integer_value (boot) == 0)
            return true;
    }
    return false;
}

static void
add_config_drive (KnGuestCase *c, const json_t *config, const char *file)
{
    if (!kn_guest_wants_config_drive (&c->facts))
        return;
    add_local (c, KN_GUEST_DISK_CONFIG, config, file, NULL);
    if (g_strcmp0 (get_text (c, config, "config_drive_format"), "vfat") == 0)
        c->disks[c->facts.n_disks - 1].device = "disk";
}

/* A rescue image that says nothing about its device comes up alone with the root disk. */
static void
read_disks (KnGuestCase *c, const json_t *object)
{
    const json_t *config = json_object_get (object, "config"),
                 *rescue = json_object_get (object, "rescue");
    const json_t *said = json_object_get (rescue, "image_properties");
    const json_t *volumes = json_object_get (object, "volumes");
    bool stable
        = json_object_get (said, "hw_rescue_device") || json_object_get (said, "hw_rescue_bus");
    bool alone = rescue && !stable;

    c->facts.disks = c->disks;
    if (alone || !has_root_volume (volumes))
        add_root (c, object, config);
    if (!alone)
        add_blank_disks (c, object, config);
    add_config_drive (c, config, alone ? "disk.config.rescue" : "disk.config");
    for (gsize i = 0; !alone && i < json_array_size (volumes); i++)
        add_volume (c, json_array_get (volumes, i));
    if (rescue) {
        c->facts.rescue = true;
        c->facts.rescue_properties = as_table (c, said);
        add_local (c, KN_GUEST_DISK_RESCUE, config, "disk.rescue", NULL);
    }
}

/* ---- network ---- */

static const char *const *
read_addresses (KnGuestCase *c, const json_t *subnets)
{
    GPtrArray *list = g_ptr_array_new ();
    for (gsize i = 0; i < json_array_size (subnets); i++) {
        const json_t *ips = json_object_get (json_array_get (subnets, i), "ips");
        for (gsize j = 0; j < json_array_size (ips); j++)
            g_ptr_array_add (list, (gpointer)as_text (c, json_array_get (ips, j)));
    }
    g_ptr_array_add (list, NULL);
    gpointer *strings = g_ptr_array_free (list, FALSE);
    g_ptr_array_add (c->owned, strings);
    return (const char *const *)strings;
}

static void
read_nic (KnGuestCase *c, const json_t *vif, KnGuestNic *nic)
{
    const json_t *details = json_object_get (vif, "details"),
                 *profile = json_object_get (vif, "profile");
    *nic = (KnGuestNic){
        .port_id = get_text (c, vif, "id"),
        .network_id = get_text (c, vif, "network_id"),
        .mac = get_text (c, vif, "address"),
        .bridge = get_text (c, vif, "bridge"),
        .tap = get_text (c, vif, "devname"),
        .mtu = (guint)get_int (vif, "mtu"),
        .kind = get_text (c, vif, "type"),
        .ovs_interface_id = get_text (c, vif, "ovs_interfaceid"),
        .plugged_by_os_vif = get_bool (vif, "delegate_create", false),
        .hybrid = get_bool (details, "ovs_hybrid_plug", false),
        .addresses = read_addresses (c, json_object_get (vif, "subnets")),
        .socket_path = get_text (c, details, "vhostuser_socket"),
        .socket_mode = get_text (c, details, "vhostuser_mode"),
        .vlan = get_text (c, details, "vlan"),
        .macvtap_source = get_text (c, details, "macvtap_source"),
        .macvtap_mode = get_text (c, details, "macvtap_mode"),
        .pci_address = get_text (c, profile, "pci_slot"),
    };
    if (nic->hybrid && nic->port_id) {
        g_autofree char *bridge = g_strdup_printf ("qbr%.11s", nic->port_id);
        nic->bridge = keep (c, bridge);
    }
}

static void
read_network (KnGuestCase *c, const json_t *network)
{
    gsize n = MIN (json_array_size (network), MAX_CASE_NICS);
    for (gsize i = 0; i < n; i++)
        read_nic (c, json_array_get (network, i), &c->nics[i]);
    c->facts.nics = c->nics;
    c->facts.n_nics = n;
}

/* ---- the case ---- */

static void
read_flavor (KnGuestCase *c, const json_t *flavor)
{
    KnGuestFacts *facts = &c->facts;
    facts->flavor_name = get_text (c, flavor, "name");
    facts->vcpus = (guint)CLAMP (get_int (flavor, "vcpus"), 0, 65536);
    facts->memory_mib = (guint64)get_int (flavor, "ram");
    facts->root_gib = (guint64)get_int (flavor, "disk");
    facts->ephemeral_gib = (guint64)get_int (flavor, "ephemeral");
    facts->swap_mib = (guint64)get_int (flavor, "swap");
    facts->extra_specs = as_table (c, json_object_get (flavor, "extra_specs"));
}

static void
read_kernel (KnGuestCase *c, const json_t *source, const char *suffix)
{
    g_autofree char *kernel = g_strdup_printf ("%s/kernel%s", c->folder, suffix);
    g_autofree char *ramdisk = g_strdup_printf ("%s/ramdisk%s", c->folder, suffix);
    if (get_text (c, source, "kernel_id"))
        c->facts.kernel_path = keep (c, kernel);
    if (get_text (c, source, "ramdisk_id"))
        c->facts.ramdisk_path = keep (c, ramdisk);
}

static void
read_instance (KnGuestCase *c, const json_t *object)
{
    const json_t *instance = json_object_get (object, "instance"),
                 *rescue = json_object_get (object, "rescue");
    KnGuestFacts *facts = &c->facts;
    facts->id = get_int (instance, "id");
    facts->uuid = get_text (c, instance, "uuid");
    facts->name = get_text (c, instance, "display_name");
    facts->user_id = "fedcba9876543210fedcba9876543210";
    facts->user_name = "oracle-user";
    facts->project_id = "0123456789abcdef0123456789abcdef";
    facts->project_name = "oracle-project";
    facts->image_id = "11111111-2222-3333-4444-555555555555";
    facts->created_us = 1700000000LL * G_USEC_PER_SEC;
    facts->product_version = "26.2.2";
    const char *os_type = get_text (c, instance, "os_type");
    facts->os_type = os_type ? os_type : g_hash_table_lookup (facts->image_properties, "os_type");

    g_autofree char *folder = g_build_filename (STATE_DIR, facts->uuid ? facts->uuid : "", NULL);
    g_autofree char *log = g_build_filename (folder, "console.log", NULL);
    c->folder = g_steal_pointer (&folder);
    facts->console_log = keep (c, log);
    read_kernel (c, rescue ? rescue : instance, rescue ? ".rescue" : "");
}

static void
read_rest (KnGuestCase *c, const json_t *object)
{
    const json_t *image = json_object_get (object, "image"),
                 *offset = json_object_get (object, "rtc_offset");
    const json_t *identity = json_object_get (object, "identity"),
                 *server = json_object_get (object, "server_properties");
    c->facts.image_min_ram_mib = (guint64)get_int (image, "min_ram");
    c->facts.image_min_disk_gib = (guint64)get_int (image, "min_disk");
    c->facts.config_drive = get_text (c, object, "config_drive");
    c->facts.has_rtc_offset = offset != NULL;
    c->facts.rtc_offset_s = json_integer_value (offset);
    if (identity)
        c->facts.identity = as_table (c, identity);
    if (server)
        c->facts.server_properties = as_table (c, server);
}

KnGuestCase *
kn_guest_case_new (const json_t *object, const char *profile, GError **error)
{
    if (!json_is_object (object)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "A case has to be a JSON object.");
        return NULL;
    }
    KnGuestCase *c = g_new0 (KnGuestCase, 1);
    c->text = g_string_chunk_new (4096);
    c->owned = g_ptr_array_new_with_free_func (g_free);
    c->tables = g_ptr_array_new_with_free_func ((GDestroyNotify)g_hash_table_unref);
    c->facts.profile = profile;
    c->facts.image_properties = as_table (c, json_object_get (object, "image_properties"));
    read_host (c, object);
    read_os (c, json_object_get (object, "os"));
    read_config (c, json_object_get (object, "config"));
    read_flavor (c, json_object_get (object, "flavor"));
    read_rest (c, object);
    read_instance (c, object);
    read_disks (c, object);
    read_network (c, json_object_get (object, "network"));
    return c;
}

void
kn_guest_case_free (KnGuestCase *c)
{
    if (!c)
        return;
    g_ptr_array_unref (c->tables);
    g_ptr_array_unref (c->owned);
    g_string_chunk_free (c->text);
    g_free (c->folder);
    g_free (c);
}

const KnGuestFacts *
kn_guest_case_facts (const KnGuestCase *c)
{
    return &c->facts;
}
