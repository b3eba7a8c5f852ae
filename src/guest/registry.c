/* SPDX-License-Identifier: Apache-2.0 */
/* The property registry. What each row says about Nova was read from Nova 26.2 (objects/image_meta.py, objects/fields.py,
 * api/validation/extra_specs) and measured with it; "since" counts Nova's releases (2013.2 … 2015.1, then 12 = Liberty …). */
#include "guest/registry.h"

#include <string.h>

#include "base/util.h"
#include "base/zone.h"
#include "guest/cpus.h"

#define LIST(...)                                                                                  \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
#define BUSES LIST ("fdc", "ide", "sata", "scsi", "usb", "virtio", "xen", "lxc", "uml")
/* QEMU throttles by no larger numbers (libvirt, QEMU_BLOCK_IOTUNE_MAX). */
#define MOST_IO G_GINT64_CONSTANT (1000000000000000)
#define COUNT .min = 0, .max = 65536

static const KnGuestProperty *table (gsize *out_n);

const KnGuestProperty *
kn_guest_properties (gsize *out_n)
{
    return table (out_n);
}

/* A family's name ends in a dot and takes a number: hw_numa_mem.1. */
static bool
is_of_family (const char *row_name, const char *name)
{
    gsize len = strlen (row_name);
    gint64 index;
    return strncmp (row_name, name, len) == 0 && kn_parse_int (name + len, 0, 65536, &index);
}

static bool
is_row_name (const KnGuestProperty *row, const char *row_name, const char *name)
{
    if (!row_name)
        return false;
    return row->flags & KN_PROPERTY_FAMILY ? is_of_family (row_name, name)
                                           : strcmp (row_name, name) == 0;
}

const KnGuestProperty *
kn_guest_property_find (const char *name)
{
    gsize n;
    const KnGuestProperty *rows = table (&n);
    for (gsize i = 0; i < n; i++)
        if (is_row_name (&rows[i], rows[i].name, name) || g_strcmp0 (rows[i].legacy, name) == 0)
            return &rows[i];
    return NULL;
}

const KnGuestProperty *
kn_guest_spec_find (const char *name)
{
    gsize n;
    const KnGuestProperty *rows = table (&n);
    for (gsize i = 0; i < n; i++)
        if (is_row_name (&rows[i], rows[i].spec, name))
            return &rows[i];
    return NULL;
}

static const struct {
    const char *property, *alias, *value;
} aliases[] = {
    { "hw_vif_model", "virtuale1000", "e1000" },
    { "hw_vif_model", "virtuale1000e", "e1000e" },
    { "hw_vif_model", "virtualpcnet32", "pcnet" },
    { "hw_vif_model", "virtualsriovethernetcard", "sriov" },
    { "hw_vif_model", "virtualvmxnet", "vmxnet" },
    { "hw_vif_model", "virtualvmxnet3", "vmxnet3" },
    { "hw_scsi_model", "lsilogicsas", "lsisas1068" },
    { "hw_scsi_model", "paravirtual", "vmpvscsi" },
    { "hw_vm_mode", "pv", "xen" },
    { "hw_vm_mode", "hv", "hvm" },
    { "hw_vm_mode", "baremetal", "hvm" },
    { "img_hv_type", "xapi", "xen" },
};

char *
kn_guest_property_canonical (const KnGuestProperty *property, const char *value)
{
    if (!(property->flags & KN_PROPERTY_ANY_CASE))
        return g_strdup (value);
    char *lower = g_ascii_strdown (value, -1);
    for (gsize i = 0; i < G_N_ELEMENTS (aliases); i++)
        if (g_strcmp0 (property->name, aliases[i].property) == 0
            && strcmp (aliases[i].alias, lower) == 0) {
            g_free (lower);
            return g_strdup (aliases[i].value);
        }
    return lower;
}

/* Area/City or UTC: letters, digits and "_+-" in up to three parts. Whether the zone exists is a question to the host. */
static bool
looks_like_zone (const char *text)
{
    gsize part = 0, slashes = 0;
    for (const char *c = text; *c; c++) {
        if (*c == '/') {
            if (part == 0 || ++slashes > 2)
                return false;
            part = 0;
        } else if (g_ascii_isalnum (*c) || strchr ("_+-", *c))
            part++;
        else
            return false;
    }
    return part > 0 && g_ascii_isalpha (text[0]) && strlen (text) <= 64;
}

static bool
looks_like_cpus (const char *text)
{
    KnCpus cpus = { 0 };
    return *text && kn_cpus_parse (text, &cpus);
}

static bool
looks_like_page (const char *text)
{
    const char *const words[] = { "small", "large", "any", NULL };
    if (g_strv_contains (words, text))
        return true;
    gsize digits = strspn (text, "0123456789");
    const char *unit = text + digits;
    if (*unit && strchr ("kKMGT", *unit))
        unit += unit[1] == 'i' ? 2 : 1;
    return digits > 0 && digits < 10
           && (!*unit || strcmp (unit, "B") == 0 || strcmp (unit, "b") == 0
               || strcmp (unit, "bit") == 0);
}

/* XML has no place for control characters, and no name or version holds one. */
static bool
is_plain_text (const char *text)
{
    gsize len = strlen (text);
    if (len > 4096 || !g_utf8_validate (text, (gssize)len, NULL))
        return false;
    for (gsize i = 0; i < len; i++)
        if (g_ascii_iscntrl (text[i]))
            return false;
    return true;
}

static bool
is_int_of (const KnGuestProperty *row, const char *value)
{
    gint64 number;
    bool bounded = row->min || row->max;
    return kn_parse_int (value, bounded ? row->min : G_MININT64, bounded ? row->max : G_MAXINT64,
                         &number);
}

static bool
is_allowed (const KnGuestProperty *row, const char *value)
{
    bool yes;
    switch (row->type) {
    case KN_PROPERTY_BOOL:
        return kn_parse_bool (value, &yes);
    case KN_PROPERTY_INT:
        return is_int_of (row, value);
    case KN_PROPERTY_ENUM:
        return g_strv_contains (row->values, value);
    case KN_PROPERTY_CPUS:
        return looks_like_cpus (value);
    case KN_PROPERTY_PAGE:
        return looks_like_page (value);
    case KN_PROPERTY_ZONE:
        return kn_windows_zone_find (value) || looks_like_zone (value);
    case KN_PROPERTY_TEXT:
    case KN_PROPERTY_N:
        break;
    }
    return is_plain_text (value);
}

static char *
describe_int (const KnGuestProperty *row)
{
    if (!row->min && !row->max)
        return g_strdup ("a whole number");
    if (row->max == G_MAXINT64)
        return g_strdup_printf ("a whole number from %" G_GINT64_FORMAT, row->min);
    return g_strdup_printf ("a whole number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                            row->min, row->max);
}

static char *
describe_allowed (const KnGuestProperty *row)
{
    switch (row->type) {
    case KN_PROPERTY_BOOL:
        return g_strdup ("true or false");
    case KN_PROPERTY_INT:
        return describe_int (row);
    case KN_PROPERTY_ENUM:
        return g_strjoinv (", ", (char **)row->values);
    case KN_PROPERTY_CPUS:
        return g_strdup ("a list of CPU numbers such as 0-3,^2");
    case KN_PROPERTY_PAGE:
        return g_strdup ("small, large, any, or a size such as 2MB");
    case KN_PROPERTY_ZONE:
        return g_strdup ("a zone name such as Asia/Shanghai or China Standard Time");
    case KN_PROPERTY_TEXT:
    case KN_PROPERTY_N:
        break;
    }
    return g_strdup ("text of up to 4096 bytes without control characters");
}

bool
kn_guest_property_allows (const KnGuestProperty *property, const char *value, char **out_allowed)
{
    if (is_allowed (property, value))
        return true;
    if (out_allowed)
        *out_allowed = describe_allowed (property);
    return false;
}

static const KnGuestProperty rows[] = {
    /* operating system and clock */
    { .name = "os_type",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("linux", "windows"),
      .flags = KN_PROPERTY_ANY_CASE | KN_PROPERTY_ON_SERVER,
      .effect = "clock, features/hyperv, cpu/topology",
      .since = "2012.1",
      .help = "Operating system family; decides clock, timers and Hyper-V features." },
    { .name = "os_distro",
      .legacy = "vmware_ostype",
      .type = KN_PROPERTY_TEXT,
      .flags = KN_PROPERTY_ON_SERVER | KN_PROPERTY_QUIET,
      .since = "2012.1",
      .help = "Distribution, for people and for hints; it does not set the clock." },
    { .name = "os_version",
      .type = KN_PROPERTY_TEXT,
      .flags = KN_PROPERTY_ON_SERVER | KN_PROPERTY_OURS,
      .effect = "features/hyperv, os/firmware, tpm",
      .since = "kilonova-1",
      .help = "Release: 10, 11, 2019, 2022 … for Windows." },
    { .name = "os_edition",
      .type = KN_PROPERTY_TEXT,
      .flags = KN_PROPERTY_ON_SERVER | KN_PROPERTY_OURS,
      .effect = "cpu/topology",
      .since = "kilonova-1",
      .help = "Edition: Home, Pro, Standard …; limits the sockets that Windows uses." },
    { .name = "os_virtio_drivers",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("present", "absent"),
      .flags = KN_PROPERTY_OURS,
      .effect = "devices/disk/target/@bus, devices/interface/model/@type",
      .since = "kilonova-1",
      .help
      = "Whether this Windows has virtio storage drivers that start at boot; inspection fills "
        "it in. Without them it gets SATA and e1000e." },
    { .name = "os_inspected",
      .type = KN_PROPERTY_TEXT,
      .flags = KN_PROPERTY_OURS | KN_PROPERTY_QUIET,
      .since = "kilonova-1",
      .help = "The properties that inspection of the disk has filled in." },
    { .name = "os_clock_policy",
      .spec = "os:clock_policy",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("auto", "utc", "localtime", "timezone", "guest"),
      .wins = KN_WINS_IMAGE,
      .flags = KN_PROPERTY_ON_SERVER | KN_PROPERTY_OURS,
      .effect = "clock/@offset",
      .since = "kilonova-1",
      .help = "What the hardware clock holds." },
    { .name = "os_timezone",
      .spec = "os:timezone",
      .type = KN_PROPERTY_ZONE,
      .wins = KN_WINS_IMAGE,
      .flags = KN_PROPERTY_ON_SERVER | KN_PROPERTY_OURS,
      .effect = "clock/@timezone",
      .since = "kilonova-1",
      .help = "The guest's own zone, where its clock holds local time." },
    { .name = "os_time_after_gap",
      .spec = "os:time_after_gap",
      .type = KN_PROPERTY_BOOL,
      .wins = KN_WINS_IMAGE,
      .flags = KN_PROPERTY_ON_SERVER | KN_PROPERTY_OURS | KN_PROPERTY_QUIET,
      .since = "kilonova-1",
      .help = "Set the guest's clock through its agent after unpause, resume and a start from a "
              "snapshot." },
    { .name = "os_rtc_offset",
      .type = KN_PROPERTY_INT,
      .min = -4000000000,
      .max = 4000000000,
      .flags = KN_PROPERTY_ON_SERVER | KN_PROPERTY_OURS,
      .effect = "clock/@adjustment",
      .since = "kilonova-1",
      .help = "Hardware clock minus UTC in seconds, as the guest on this disk set it; written by "
              "snapshots." },
    { .name = "hw_time_hpet",
      .type = KN_PROPERTY_BOOL,
      .flags = KN_PROPERTY_ON_SERVER,
      .effect = "clock/timer[hpet]",
      .since = "19",
      .help = "Give the guest an HPET." },
    { .name = "img_hide_hypervisor_id",
      .spec = "hw:hide_hypervisor_id",
      .type = KN_PROPERTY_BOOL,
      .wins = KN_WINS_EITHER,
      .flags = KN_PROPERTY_ON_SERVER,
      .effect = "features/kvm/hidden, features/hyperv/vendor_id",
      .since = "16",
      .help = "Hide the hypervisor's signature, for drivers that refuse virtual machines." },
    { .spec = "hide_hypervisor_id",
      .type = KN_PROPERTY_BOOL,
      .effect = "features/kvm/hidden",
      .since = "18",
      .help = "Older name of hw:hide_hypervisor_id." },
    { .name = "hw_pmu",
      .spec = "hw:pmu",
      .type = KN_PROPERTY_BOOL,
      .wins = KN_WINS_EQUAL,
      .conflict = "api/FlavorImageConflict",
      .flags = KN_PROPERTY_ON_SERVER,
      .effect = "features/pmu",
      .since = "20",
      .help = "Performance counters on or off; nothing said leaves it to the host." },

    /* firmware and boot */
    { .name = "hw_firmware_type",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("bios", "uefi"),
      .effect = "os/loader",
      .since = "13",
      .help = "Firmware that the guest boots with." },
    { .name = "os_secure_boot",
      .spec = "os:secure_boot",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("disabled", "optional", "required"),
      .wins = KN_WINS_EQUAL,
      .conflict = "driver/FlavorImageConflict",
      .effect = "os/loader/@secure, features/smm",
      .since = "14",
      .help = "UEFI Secure Boot." },
    { .name = "hw_firmware_stateless",
      .type = KN_PROPERTY_BOOL,
      .flags = KN_PROPERTY_LATER,
      .effect = "os/loader/@stateless",
      .since = "30",
      .help = "UEFI that keeps no variables." },
    { .name = "hw_machine_type",
      .type = KN_PROPERTY_TEXT,
      .effect = "os/type/@machine",
      .since = "2014.1",
      .help = "Machine type: q35, pc, or a concrete version." },
    { .name = "hw_architecture",
      .legacy = "architecture",
      .type = KN_PROPERTY_TEXT,
      .flags = KN_PROPERTY_ANY_CASE,
      .effect = "os/type/@arch",
      .since = "12",
      .help = "Architecture the image is built for." },
    { .name = "hw_emulation_architecture",
      .type = KN_PROPERTY_TEXT,
      .flags = KN_PROPERTY_ANY_CASE,
      .effect = "os/type/@arch",
      .since = "25",
      .help = "Architecture to emulate, whatever the host is." },
    { .name = "hw_vm_mode",
      .legacy = "vm_mode",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("hvm", "xen", "uml", "exe"),
      .flags = KN_PROPERTY_ANY_CASE,
      .effect = "os/type",
      .since = "2012.1",
      .help = "Virtualisation mode; KVM and QEMU run hvm only." },
    { .name = "hw_boot_menu",
      .spec = "hw:boot_menu",
      .type = KN_PROPERTY_BOOL,
      .wins = KN_WINS_IMAGE,
      .flags = KN_PROPERTY_ON_SERVER,
      .effect = "os/bootmenu",
      .since = "2015.1",
      .help = "Show the firmware's boot menu." },
    { .name = "os_command_line",
      .type = KN_PROPERTY_TEXT,
      .effect = "os/cmdline",
      .since = "2014.1",
      .help = "Kernel command line; only with a kernel image." },

    /* CPU */
    { .name = "hw_cpu_sockets",
      .spec = "hw:cpu_sockets",
      .type = KN_PROPERTY_INT,
      COUNT,
      .wins = KN_WINS_RULE,
      .flags = KN_PROPERTY_ON_SERVER,
      .effect = "cpu/topology",
      .since = "2014.2",
      .help = "Preferred number of sockets." },
    { .name = "hw_cpu_cores",
      .spec = "hw:cpu_cores",
      .type = KN_PROPERTY_INT,
      COUNT,
      .wins = KN_WINS_RULE,
      .flags = KN_PROPERTY_ON_SERVER,
      .effect = "cpu/topology",
      .since = "2014.2",
      .help = "Preferred number of cores in a socket." },
    { .name = "hw_cpu_threads",
      .spec = "hw:cpu_threads",
      .type = KN_PROPERTY_INT,
      COUNT,
      .wins = KN_WINS_RULE,
      .flags = KN_PROPERTY_ON_SERVER,
      .effect = "cpu/topology",
      .since = "2014.2",
      .help = "Preferred number of threads in a core." },
    { .name = "hw_cpu_max_sockets",
      .spec = "hw:cpu_max_sockets",
      .type = KN_PROPERTY_INT,
      COUNT,
      .wins = KN_WINS_LOWER,
      .flags = KN_PROPERTY_ON_SERVER,
      .effect = "cpu/topology",
      .since = "2014.2",
      .help = "Most sockets that the guest can use." },
    { .name = "hw_cpu_max_cores",
      .spec = "hw:cpu_max_cores",
      .type = KN_PROPERTY_INT,
      COUNT,
      .wins = KN_WINS_LOWER,
      .flags = KN_PROPERTY_ON_SERVER,
      .effect = "cpu/topology",
      .since = "2014.2",
      .help = "Most cores in a socket." },
    { .name = "hw_cpu_max_threads",
      .spec = "hw:cpu_max_threads",
      .type = KN_PROPERTY_INT,
      COUNT,
      .wins = KN_WINS_LOWER,
      .flags = KN_PROPERTY_ON_SERVER,
      .effect = "cpu/topology",
      .since = "2014.2",
      .help = "Most threads in a core." },
    { .name = "hw_cpu_policy",
      .spec = "hw:cpu_policy",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("shared", "dedicated", "mixed"),
      .wins = KN_WINS_RULE,
      .effect = "cputune/vcpupin",
      .since = "2015.1",
      .help = "Whether vCPUs own host CPUs." },
    { .name = "hw_cpu_thread_policy",
      .spec = "hw:cpu_thread_policy",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("prefer", "isolate", "require"),
      .wins = KN_WINS_RULE,
      .effect = "cputune/vcpupin",
      .since = "13",
      .help = "How pinned vCPUs use the threads of a host core." },
    { .spec = "hw:cpu_dedicated_mask",
      .type = KN_PROPERTY_CPUS,
      .effect = "cputune/vcpupin",
      .since = "22",
      .help = "Which vCPUs of a mixed guest own host CPUs." },
    { .spec = "hw:emulator_threads_policy",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("share", "isolate"),
      .effect = "cputune/emulatorpin",
      .since = "16",
      .help = "Where QEMU's own threads run." },
    { .spec = "hw:cpu_realtime",
      .type = KN_PROPERTY_BOOL,
      .effect = "cputune/vcpusched",
      .since = "13",
      .help = "Real-time scheduling of pinned vCPUs." },
    { .name = "hw_cpu_realtime_mask",
      .spec = "hw:cpu_realtime_mask",
      .type = KN_PROPERTY_CPUS,
      .wins = KN_WINS_IMAGE,
      .effect = "cputune/vcpusched",
      .since = "13",
      .help = "Which vCPUs are real-time." },
    { .name = "hw_maxphysaddr_mode",
      .spec = "hw:maxphysaddr_mode",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("passthrough", "emulate"),
      .wins = KN_WINS_FLAVOR,
      .flags = KN_PROPERTY_LATER,
      .effect = "cpu/maxphysaddr/@mode",
      .since = "29",
      .help = "How many bits physical addresses have: as the host's, or as said." },
    { .name = "hw_maxphysaddr_bits",
      .spec = "hw:maxphysaddr_bits",
      .type = KN_PROPERTY_INT,
      .min = 32,
      .max = 52,
      .wins = KN_WINS_FLAVOR,
      .flags = KN_PROPERTY_LATER,
      .effect = "cpu/maxphysaddr/@bits",
      .since = "29",
      .help = "Bits of physical addresses; needs the mode." },
    { .spec = "quota:cpu_shares",
      .type = KN_PROPERTY_INT,
      .min = 1,
      .max = 262144,
      .effect = "cputune/shares",
      .since = "2013.1",
      .help = "Relative weight." },
    { .spec = "quota:cpu_period",
      .type = KN_PROPERTY_INT,
      .min = 1000,
      .max = 1000000,
      .effect = "cputune/period",
      .since = "2013.1",
      .help = "Microseconds of one period." },
    { .spec = "quota:cpu_quota",
      .type = KN_PROPERTY_INT,
      .min = -1,
      .max = G_MAXINT32,
      .effect = "cputune/quota",
      .since = "2013.1",
      .help = "Microseconds that each vCPU may use in a period; -1: no limit." },

    /* memory and NUMA */
    { .name = "hw_numa_nodes",
      .spec = "hw:numa_nodes",
      .type = KN_PROPERTY_INT,
      .min = 1,
      .max = 64,
      .wins = KN_WINS_RULE,
      .effect = "cpu/numa",
      .since = "2014.2",
      .help = "NUMA nodes in the guest." },
    { .name = "hw_numa_cpus.",
      .spec = "hw:numa_cpus.",
      .type = KN_PROPERTY_CPUS,
      .wins = KN_WINS_RULE,
      .flags = KN_PROPERTY_FAMILY,
      .effect = "cpu/numa/cell/@cpus",
      .since = "2014.2",
      .help = "vCPUs of a node." },
    { .name = "hw_numa_mem.",
      .spec = "hw:numa_mem.",
      .type = KN_PROPERTY_INT,
      .min = 1,
      .max = G_MAXINT32,
      .wins = KN_WINS_RULE,
      .flags = KN_PROPERTY_FAMILY,
      .effect = "cpu/numa/cell/@memory",
      .since = "2014.2",
      .help = "MiB of a node." },
    { .name = "hw_mem_page_size",
      .spec = "hw:mem_page_size",
      .type = KN_PROPERTY_PAGE,
      .wins = KN_WINS_RULE,
      .effect = "memoryBacking/hugepages",
      .since = "2015.1",
      .help = "Size of the pages that back the memory." },
    { .name = "hw_locked_memory",
      .spec = "hw:locked_memory",
      .type = KN_PROPERTY_BOOL,
      .wins = KN_WINS_EQUAL,
      .conflict = "api/FlavorImageLockedMemoryConflict",
      .effect = "memoryBacking/locked",
      .since = "26",
      .help = "Keep the memory from being swapped." },
    { .name = "hw_mem_encryption",
      .spec = "hw:mem_encryption",
      .type = KN_PROPERTY_BOOL,
      .wins = KN_WINS_RULE,
      .effect = "launchSecurity",
      .since = "20",
      .help = "Encrypt the memory (AMD SEV)." },
    { .name = "hw_mem_encryption_model",
      .spec = "hw:mem_encryption_model",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("amd-sev", "amd-sev-es", "amd-sev-snp"),
      .wins = KN_WINS_EQUAL,
      .conflict = "api/FlavorImageConflict",
      .flags = KN_PROPERTY_LATER,
      .effect = "launchSecurity",
      .since = "32",
      .help = "Which memory encryption; needs hw_mem_encryption." },

    /* disks */
    { .name = "hw_disk_bus",
      .type = KN_PROPERTY_ENUM,
      .values = BUSES,
      .effect = "devices/disk/target/@bus",
      .since = "2013.1",
      .help = "Bus of the disks." },
    { .name = "hw_cdrom_bus",
      .type = KN_PROPERTY_ENUM,
      .values = BUSES,
      .effect = "devices/disk/target/@bus",
      .since = "2013.1",
      .help = "Bus of CD-ROM drives." },
    { .name = "hw_floppy_bus",
      .type = KN_PROPERTY_ENUM,
      .values = BUSES,
      .flags = KN_PROPERTY_QUIET,
      .since = "12",
      .help = "Bus of floppy drives." },
    { .name = "hw_scsi_model",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("buslogic", "ibmvscsi", "lsilogic", "lsisas1068", "lsisas1078", "virtio-scsi",
                      "vmpvscsi"),
      .flags = KN_PROPERTY_ANY_CASE,
      .effect = "devices/controller[scsi]",
      .since = "2014.1",
      .help = "SCSI controller." },
    { .name = "img_config_drive",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("optional", "mandatory"),
      .effect = "devices/disk",
      .since = "12",
      .help = "Whether the guest needs a config drive." },
    { .name = "hw_rescue_device",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("cdrom", "disk", "floppy", "fs", "lun"),
      .effect = "devices/disk",
      .since = "21",
      .help = "Device that a rescue image is attached as." },
    { .name = "hw_rescue_bus",
      .type = KN_PROPERTY_ENUM,
      .values = BUSES,
      .effect = "devices/disk",
      .since = "21",
      .help = "Bus that a rescue image is attached to." },
    { .spec = "quota:disk_read_bytes_sec",
      .type = KN_PROPERTY_INT,
      .min = 0,
      .max = MOST_IO,
      .effect = "devices/disk/iotune/read_bytes_sec",
      .since = "2013.1",
      .help = "Limit of each local disk." },
    { .spec = "quota:disk_read_iops_sec",
      .type = KN_PROPERTY_INT,
      .min = 0,
      .max = MOST_IO,
      .effect = "devices/disk/iotune/read_iops_sec",
      .since = "2013.1",
      .help = "Limit of each local disk." },
    { .spec = "quota:disk_write_bytes_sec",
      .type = KN_PROPERTY_INT,
      .min = 0,
      .max = MOST_IO,
      .effect = "devices/disk/iotune/write_bytes_sec",
      .since = "2013.1",
      .help = "Limit of each local disk." },
    { .spec = "quota:disk_write_iops_sec",
      .type = KN_PROPERTY_INT,
      .min = 0,
      .max = MOST_IO,
      .effect = "devices/disk/iotune/write_iops_sec",
      .since = "2013.1",
      .help = "Limit of each local disk." },
    { .spec = "quota:disk_total_bytes_sec",
      .type = KN_PROPERTY_INT,
      .min = 0,
      .max = MOST_IO,
      .effect = "devices/disk/iotune/total_bytes_sec",
      .since = "2013.1",
      .help = "Limit of each local disk." },
    { .spec = "quota:disk_total_iops_sec",
      .type = KN_PROPERTY_INT,
      .min = 0,
      .max = MOST_IO,
      .effect = "devices/disk/iotune/total_iops_sec",
      .since = "2013.1",
      .help = "Limit of each local disk." },

    /* network */
    { .name = "hw_vif_model",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("virtio", "e1000", "e1000e", "rtl8139", "ne2k_pci", "pcnet", "vmxnet3",
                      "spapr-vlan", "igb", "lan9118", "netfront", "sriov", "vmxnet"),
      .later = LIST ("igb"),
      .flags = KN_PROPERTY_ANY_CASE,
      .effect = "devices/interface/model/@type",
      .since = "2013.1",
      .help = "Network card." },
    { .name = "hw_vif_multiqueue_enabled",
      .spec = "hw:vif_multiqueue_enabled",
      .type = KN_PROPERTY_BOOL,
      .wins = KN_WINS_EQUAL,
      .conflict = "api/FlavorImageConflict",
      .effect = "devices/interface/driver/@queues",
      .since = "12",
      .help = "One queue for each vCPU (KVM, virtio)." },
    { .name = "hw_virtio_packed_ring",
      .spec = "hw:virtio_packed_ring",
      .type = KN_PROPERTY_BOOL,
      .wins = KN_WINS_EQUAL,
      .conflict = "api/FlavorImageConflict",
      .flags = KN_PROPERTY_LATER,
      .effect = "devices/interface/driver/@packed",
      .since = "29",
      .help = "Packed queues of virtio network cards." },
    { .spec = "quota:vif_inbound_average",
      .type = KN_PROPERTY_INT,
      .min = 0,
      .max = G_MAXINT32,
      .effect = "devices/interface/bandwidth",
      .since = "2013.1",
      .help = "KiB a second into the guest." },
    { .spec = "quota:vif_inbound_peak",
      .type = KN_PROPERTY_INT,
      .min = 0,
      .max = G_MAXINT32,
      .effect = "devices/interface/bandwidth",
      .since = "2013.1",
      .help = "Most KiB a second; needs the average." },
    { .spec = "quota:vif_inbound_burst",
      .type = KN_PROPERTY_INT,
      .min = 0,
      .max = G_MAXINT32,
      .effect = "devices/interface/bandwidth",
      .since = "2013.1",
      .help = "KiB at peak speed; needs the average." },
    { .spec = "quota:vif_outbound_average",
      .type = KN_PROPERTY_INT,
      .min = 0,
      .max = G_MAXINT32,
      .effect = "devices/interface/bandwidth",
      .since = "2013.1",
      .help = "KiB a second out of the guest." },
    { .spec = "quota:vif_outbound_peak",
      .type = KN_PROPERTY_INT,
      .min = 0,
      .max = G_MAXINT32,
      .effect = "devices/interface/bandwidth",
      .since = "2013.1",
      .help = "Most KiB a second; needs the average." },
    { .spec = "quota:vif_outbound_burst",
      .type = KN_PROPERTY_INT,
      .min = 0,
      .max = G_MAXINT32,
      .effect = "devices/interface/bandwidth",
      .since = "2013.1",
      .help = "KiB at peak speed; needs the average." },

    /* other devices */
    { .name = "hw_qemu_guest_agent",
      .legacy = "hw_ovirt_guest_agent",
      .type = KN_PROPERTY_BOOL,
      .flags = KN_PROPERTY_ON_SERVER,
      .effect = "devices/channel[agent]",
      .since = "2013.2",
      .help = "The channel of the QEMU guest agent." },
    { .name = "hw_video_model",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("virtio", "vga", "cirrus", "qxl", "bochs", "none", "vmvga", "xen", "gop"),
      .effect = "devices/video/model/@type",
      .since = "2014.1",
      .help = "Graphics card." },
    { .name = "hw_video_ram",
      .type = KN_PROPERTY_INT,
      .min = 0,
      .max = 65536,
      .effect = "devices/video/model/@vram",
      .since = "2014.1",
      .help = "MiB of video memory; needs the flavor's hw_video:ram_max_mb." },
    { .spec = "hw_video:ram_max_mb",
      .type = KN_PROPERTY_INT,
      .min = 0,
      .max = 65536,
      .effect = "devices/video/model/@vram",
      .since = "2014.1",
      .help = "Most MiB that hw_video_ram may ask for." },
    { .name = "hw_pointer_model",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("usbtablet"),
      .effect = "devices/input",
      .since = "14",
      .help = "Pointing device." },
    { .name = "hw_input_bus",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("usb", "virtio"),
      .effect = "devices/input",
      .since = "23",
      .help = "Bus of tablet and keyboard." },
    { .name = "hw_sound_model",
      .spec = "hw:sound_model",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("sb16", "es1370", "pcspk", "ac97", "ich6", "ich9", "usb", "virtio"),
      .wins = KN_WINS_EQUAL,
      .conflict = "api/FlavorImageConflict",
      .flags = KN_PROPERTY_LATER,
      .effect = "devices/sound/@model",
      .since = "32",
      .help = "Sound card." },
    { .name = "hw_usb_model",
      .spec = "hw:usb_model",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("none", "qemu-xhci", "nec-xhci"),
      .wins = KN_WINS_EQUAL,
      .conflict = "api/FlavorImageConflict",
      .flags = KN_PROPERTY_LATER,
      .effect = "devices/controller[usb]/@model",
      .since = "32",
      .help = "USB controller; none: no USB at all." },
    { .name = "hw_redirected_usb_ports",
      .spec = "hw:redirected_usb_ports",
      .type = KN_PROPERTY_INT,
      .min = 0,
      .max = 15,
      .wins = KN_WINS_EQUAL,
      .conflict = "api/FlavorImageConflict",
      .flags = KN_PROPERTY_LATER,
      .effect = "devices/redirdev",
      .since = "32",
      .help = "USB ports for devices at the viewer's end; needs SPICE." },
    { .name = "hw_rng_model",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("virtio"),
      .flags = KN_PROPERTY_QUIET,
      .since = "2014.1",
      .help = "Random number generator; always virtio." },
    { .spec = "hw_rng:allowed",
      .type = KN_PROPERTY_BOOL,
      .effect = "devices/rng",
      .since = "2014.1",
      .help
      = "Whether the guest gets a random number generator (it does unless this says false)." },
    { .spec = "hw_rng:rate_bytes",
      .type = KN_PROPERTY_INT,
      .min = 0,
      .max = G_MAXINT32,
      .effect = "devices/rng/rate/@bytes",
      .since = "2014.1",
      .help = "Bytes that it may give in a period." },
    { .spec = "hw_rng:rate_period",
      .type = KN_PROPERTY_INT,
      .min = 0,
      .max = G_MAXINT32,
      .effect = "devices/rng/rate/@period",
      .since = "2014.1",
      .help = "Milliseconds of that period." },
    { .name = "hw_watchdog_action",
      .spec = "hw:watchdog_action",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("none", "pause", "poweroff", "reset", "disabled"),
      .wins = KN_WINS_IMAGE,
      .flags = KN_PROPERTY_ON_SERVER,
      .effect = "devices/watchdog/@action",
      .since = "2014.1",
      .help = "What happens when the guest stops feeding its watchdog." },
    { .name = "hw_serial_port_count",
      .spec = "hw:serial_port_count",
      .type = KN_PROPERTY_INT,
      .min = 0,
      .max = 3,
      .wins = KN_WINS_LOWER,
      .effect = "devices/serial",
      .since = "2014.2",
      .help = "Serial ports, where serial consoles are served." },
    { .name = "hw_tpm_version",
      .spec = "hw:tpm_version",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("1.2", "2.0"),
      .wins = KN_WINS_EQUAL,
      .conflict = "driver/FlavorImageConflict",
      .effect = "devices/tpm/backend/@version",
      .since = "22",
      .help = "Version of the emulated TPM." },
    { .name = "hw_tpm_model",
      .spec = "hw:tpm_model",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("tpm-tis", "tpm-crb"),
      .wins = KN_WINS_EQUAL,
      .conflict = "driver/FlavorImageConflict",
      .effect = "devices/tpm/@model",
      .since = "22",
      .help = "Interface of the emulated TPM." },
    { .spec = "hw:tpm_secret_security",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("user", "host", "deployment"),
      .flags = KN_PROPERTY_LATER | KN_PROPERTY_QUIET,
      .since = "33",
      .help = "Who keeps the TPM's secret; there is no key service here, so not the user." },
    { .name = "hw_viommu_model",
      .spec = "hw:viommu_model",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("intel", "smmuv3", "virtio", "auto"),
      .wins = KN_WINS_FLAVOR,
      .effect = "devices/iommu",
      .since = "26",
      .help = "IOMMU in the guest." },

    /* checked, but shaping no XML */
    { .name = "hw_disk_type",
      .legacy = "vmware_disktype",
      .type = KN_PROPERTY_TEXT,
      .flags = KN_PROPERTY_QUIET,
      .since = "12",
      .help = "VMware's disk type." },
    { .name = "hw_ipxe_boot",
      .legacy = "ipxe_boot",
      .type = KN_PROPERTY_BOOL,
      .flags = KN_PROPERTY_QUIET,
      .since = "12",
      .help = "Network boot of XenServer." },
    { .name = "hw_pci_numa_affinity_policy",
      .spec = "hw:pci_numa_affinity_policy",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("required", "preferred", "legacy", "socket"),
      .wins = KN_WINS_EQUAL,
      .conflict = "api/FlavorImageConflict",
      .flags = KN_PROPERTY_QUIET,
      .since = "20",
      .help = "How near PCI devices have to be; decides placement only." },
    { .name = "img_hv_type",
      .legacy = "hypervisor_type",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("baremetal", "bhyve", "docker", "fake", "hyperv", "ironic", "kqemu", "kvm",
                      "lxc", "lxd", "openvz", "parallels", "vz", "phyp", "qemu", "test", "uml",
                      "vbox", "vmware", "xen", "zvm", "prsm"),
      .flags = KN_PROPERTY_ANY_CASE | KN_PROPERTY_QUIET,
      .since = "12",
      .help = "Hypervisor the image is for; decides placement only." },
    { .name = "img_version",
      .legacy = "vmware_image_version",
      .type = KN_PROPERTY_INT,
      .flags = KN_PROPERTY_QUIET,
      .since = "12",
      .help = "Version of the image." },
    { .name = "os_require_quiesce",
      .type = KN_PROPERTY_BOOL,
      .flags = KN_PROPERTY_QUIET,
      .since = "12",
      .help = "Refuse a snapshot when the guest's file systems cannot be frozen." },
    { .name = "os_admin_user",
      .type = KN_PROPERTY_TEXT,
      .flags = KN_PROPERTY_QUIET,
      .since = "12",
      .help = "Name of the administrator in the guest." },
    { .name = "kilonova:profile",
      .spec = "kilonova:profile",
      .type = KN_PROPERTY_ENUM,
      .values = LIST ("kilonova-1", "nova-26"),
      .wins = KN_WINS_IMAGE,
      .flags = KN_PROPERTY_OURS | KN_PROPERTY_QUIET,
      .since = "kilonova-1",
      .help
      = "Rules that a new server is planned by; a server keeps the profile it was created with." },
};

static const KnGuestProperty *
table (gsize *out_n)
{
    *out_n = G_N_ELEMENTS (rows);
    return rows;
}
