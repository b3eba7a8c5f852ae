/* SPDX-License-Identifier: Apache-2.0 */
/* Machine and firmware: architecture, machine type, BIOS or UEFI, Secure Boot, and what is booted. */
#include <string.h>

#include "guest/guest_priv.h"

static const KnRule rule_arch
    = { "firmware.arch", "The guest has the host's architecture unless its image names another." };
static const KnRule rule_kind = { "firmware.hvm", "KVM and QEMU run unmodified guests." };
static const KnRule rule_machine_said
    = { "firmware.machine-said", "The image names the machine type." };
static const KnRule rule_machine_default
    = { "firmware.machine-default",
        "Nobody named a machine type, so the cloud's default is taken." };
static const KnRule rule_machine_pinned
    = { "firmware.machine-pinned",
        "The machine type is pinned to its concrete version, so that an upgrade of QEMU does not "
        "change hardware under the guest." };
static const KnRule rule_machine_frozen
    = { "firmware.machine-frozen",
        "The machine type was frozen at the first start and changes only by rebuild." };
static const KnRule rule_uefi = { "firmware.uefi", "The guest boots by UEFI." };
static const KnRule rule_secure
    = { "firmware.secure-boot", "Secure Boot checks what the firmware starts." };
static const KnRule rule_enrolled
    = { "firmware.enrolled-keys",
        "The variable store starts with vendors' keys enrolled: without them Secure Boot would "
        "check nothing." };
static const KnRule rule_store
    = { "firmware.variable-store",
        "UEFI's variables are a file of the server: it outlives stops and hard reboots and goes "
        "with the server." };
static const KnRule rule_secure_held
    = { "firmware.secure-boot-frozen",
        "Secure Boot is required, but the guest's firmware was frozen without it at the first "
        "start; a rebuild brings it.",
        .warning = true };
static const KnRule rule_windows
    = { "firmware.windows", "This Windows wants UEFI and Secure Boot." };
static const KnRule rule_machine_ide
    = { "firmware.machine-ide", "A disk was asked for on IDE, which q35 does not have." };
static const KnRule rule_machine_old
    = { "firmware.machine-old", "This Windows has no drivers for what is on q35." };
static const KnRule rule_stateless
    = { "firmware.stateless", "The firmware is to keep no variables, as asked." };
static const KnRule rule_boot = { "firmware.boot", "The guest boots from its first disk." };
static const KnRule rule_boot_menu = { "firmware.boot-menu", "The firmware shows its boot menu." };
static const KnRule rule_kernel
    = { "firmware.kernel", "The image comes with a kernel of its own, which is started directly." };
static const KnRule rule_smbios
    = { "firmware.smbios", "The SMBIOS tables carry what sysinfo says." };

/* Boards of other architectures (Nova 26.2, virt/libvirt/utils.py). */
static const struct {
    const char *arch, *machine;
} boards[] = {
    { "aarch64", "virt" },         { "armv7l", "virt" },           { "ppc64le", "pseries" },
    { "s390", "s390-ccw-virtio" }, { "s390x", "s390-ccw-virtio" },
};

/* The architecture whose default counts: in Nova an emulated guest has the host's, and so a board that it cannot have. */
const char *
kn_board_arch (const KnDraft *draft)
{
    if (!draft->profile->like_nova)
        return draft->arch;
    KnSaid said = kn_property (draft, "hw_architecture");
    const char *host = draft->host->arch ? draft->host->arch : "x86_64";
    return said.text ? kn_architecture_canonical (said.text) : host;
}

const char *
kn_default_machine (const KnDraft *draft)
{
    const char *arch = kn_board_arch (draft);
    const char *const *said = draft->config->machine_types;
    for (gsize i = 0; said && said[i]; i++) {
        gsize len = strlen (arch);
        if (strncmp (said[i], arch, len) == 0 && said[i][len] == '=')
            return said[i] + len + 1;
    }
    if (strcmp (arch, "x86_64") == 0 || strcmp (arch, "i686") == 0)
        return draft->profile->machine;
    for (gsize i = 0; i < G_N_ELEMENTS (boards); i++)
        if (strcmp (boards[i].arch, arch) == 0)
            return boards[i].machine;
    return "none";
}

/* "q35" and "pc" follow the installed QEMU; the concrete type behind them stays. */
static const char *
pin (const KnDraft *draft, const char *machine)
{
    if (draft->profile->like_nova)
        return machine;
    if (strcmp (machine, "q35") == 0 && draft->host->default_q35)
        return draft->host->default_q35;
    if (strcmp (machine, "pc") == 0 && draft->host->default_pc)
        return draft->host->default_pc;
    return machine;
}

/* q35 has no IDE. Nova writes such a definition, and libvirt refuses it. */
static bool
wants_ide (const KnDraft *draft)
{
    bool wants = kn_is (kn_property (draft, "hw_disk_bus"), "ide")
                 || kn_is (kn_property (draft, "hw_cdrom_bus"), "ide");
    for (gsize i = 0; i < draft->facts->n_disks; i++)
        wants = wants || g_strcmp0 (draft->facts->disks[i].bus, "ide") == 0;
    return wants;
}

/* XP and 2003 have no drivers for what is on q35. */
static bool
is_for_pc (const KnDraft *draft)
{
    const KnOs *os = kn_draft_os (draft);
    return os && strcmp (os->machine, "pc") == 0;
}

static const char *
wish_machine (const KnDraft *draft)
{
    KnSaid said = kn_property (draft, "hw_machine_type");
    if (said.text && *said.text)
        return said.text;
    if (!draft->profile->like_nova && draft->x86 && (wants_ide (draft) || is_for_pc (draft)))
        return "pc";
    return kn_default_machine (draft);
}

static bool
check_ide (const KnDraft *draft, GError **error)
{
    if (draft->profile->like_nova || !draft->q35 || !wants_ide (draft))
        return true;
    kn_guest_fail (error, "api/UnsupportedHardware",
                   "A disk is to be on IDE, which machine type '%s' does not have; use sata, or "
                   "hw_machine_type=pc.",
                   draft->machine);
    return false;
}

static const char *
choose_arch (const KnDraft *draft)
{
    KnSaid emulate = kn_property (draft, "hw_emulation_architecture");
    KnSaid arch = emulate.text ? emulate : kn_property (draft, "hw_architecture");
    if (arch.text)
        return kn_architecture_canonical (arch.text);
    return draft->host->arch ? draft->host->arch : "x86_64";
}

static bool
asks_secure_boot (const KnDraft *draft)
{
    return kn_is (kn_property (draft, "os_secure_boot"), "required")
           || kn_is (kn_spec (draft, "os:secure_boot"), "required");
}

/* Nova ignores os_secure_boot=required on a BIOS guest; we take it to mean what it needs. */
static bool
choose_uefi (KnDraft *draft)
{
    const char *frozen = kn_frozen (draft, "firmware");
    if (frozen)
        return strcmp (frozen, "uefi") == 0;
    KnSaid said = kn_property (draft, "hw_firmware_type");
    if (said.text)
        return strcmp (said.text, "uefi") == 0;
    if (strcmp (draft->arch, "aarch64") == 0)
        return true;
    return draft->profile->implied_firmware
           && (asks_secure_boot (draft) || kn_wants_windows_firmware (draft));
}

/* Windows 11, 2022 and 2025 get UEFI, Secure Boot and a TPM where nobody says otherwise and the host can. */
bool
kn_wants_windows_firmware (const KnDraft *draft)
{
    const KnOs *os = kn_draft_os (draft);
    const KnGuestHost *host = draft->host;
    bool can = !draft->host_known || (host->uefi && host->secure_boot && host->tpm);
    return draft->profile->implied_firmware && os && os->secure_boot >= KN_OS_WANTED && draft->q35
           && can;
}

/* Only the legacy name reaches Nova's driver, by a column of the instance; everywhere else than there, both do. */
static const char *
choose_kind (const KnDraft *draft)
{
    GHashTable *image = draft->facts->image_properties;
    const char *said = kn_property (draft, "hw_vm_mode").text;
    if (draft->profile->like_nova) {
        said = image ? g_hash_table_lookup (image, "vm_mode") : NULL;
        if (said)
            said = kn_heard (draft, "hw_vm_mode", said);
    }
    return said ? said : "hvm";
}

bool
kn_choose_machine (KnDraft *draft, GError **error)
{
    draft->arch = choose_arch (draft);
    draft->emulated = draft->host->arch && strcmp (draft->arch, draft->host->arch) != 0;
    draft->x86 = strcmp (draft->arch, "x86_64") == 0 || strcmp (draft->arch, "i686") == 0;

    draft->machine = kn_freeze (draft, "machine", pin (draft, wish_machine (draft)));
    draft->q35 = strstr (draft->machine, "q35") != NULL;
    if (!check_ide (draft, error))
        return false;
    draft->uefi = choose_uefi (draft);
    kn_freeze (draft, "firmware", draft->uefi ? "uefi" : "bios");

    draft->os_kind = choose_kind (draft);
    if (strcmp (draft->os_kind, "hvm") != 0 && !draft->profile->like_nova) {
        kn_guest_fail (error, "api/InvalidRequest",
                       "hw_vm_mode is '%s', but KVM and QEMU run hvm guests only.", draft->os_kind);
        return false;
    }
    return true;
}

/* Nova asks for the architecture's own boards only where it looks for UEFI firmware; libvirt refuses the others later. */
static bool
check_board (const KnDraft *draft, GError **error)
{
    const char *machine = draft->machine;
    bool pc = g_str_has_prefix (machine, "pc") || strcmp (machine, "q35") == 0
              || strcmp (machine, "isapc") == 0 || g_str_has_prefix (machine, "xen");
    bool asked = draft->uefi && (draft->host->uefi || !draft->host_known);
    if (pc == draft->x86 || (draft->profile->like_nova && !asked))
        return true;
    kn_guest_fail (error, "driver/InternalError",
                   "Machine type '%s' does not exist for architecture %s; name another in "
                   "hw_machine_type.",
                   machine, draft->arch);
    return false;
}

static bool
check_machine (const KnDraft *draft, GError **error)
{
    if (!draft->host->machines || g_strv_contains (draft->host->machines, draft->machine))
        return check_board (draft, error);
    g_autofree char *known = g_strjoinv (", ", (char **)draft->host->machines);
    kn_guest_fail (error, "driver/InvalidMachineType",
                   "hw_machine_type is '%s', which this host does not have. It has: %.2000s.",
                   draft->machine, known);
    return false;
}

static void
decide_machine (KnDraft *draft)
{
    KnSaid said = kn_property (draft, "hw_machine_type");
    KnSaid arch = kn_property (draft, "hw_architecture");
    kn_because (draft, &rule_arch, arch.text ? arch.source : "host");
    kn_decide (draft, "os/type/@arch", draft->arch);

    bool held = kn_is_held (draft, "machine", pin (draft, wish_machine (draft)));
    bool pinned = said.text && strcmp (said.text, draft->machine) != 0;
    if (held)
        kn_because (draft, &rule_machine_frozen, "hardware identity");
    else if (!said.text && !draft->profile->like_nova && draft->x86 && wants_ide (draft))
        kn_because (draft, &rule_machine_ide, "hw_disk_bus");
    else if (!said.text && !draft->profile->like_nova && draft->x86 && is_for_pc (draft))
        kn_because (draft, &rule_machine_old, "os_version");
    else if (pinned || (!said.text && draft->host->default_q35 && !draft->profile->like_nova))
        kn_because (draft, &rule_machine_pinned, said.text ? said.source : NULL);
    else if (said.text)
        kn_because (draft, &rule_machine_said, said.source);
    else
        kn_because (draft, &rule_machine_default, NULL);
    kn_decide (draft, "os/type/@machine", draft->machine);

    kn_because (draft, &rule_kind, NULL);
    kn_decide (draft, "os/type", draft->os_kind);
}

static bool
host_has_secure_boot (const KnDraft *draft)
{
    bool host = draft->host->secure_boot || !draft->host_known;
    return host && draft->q35 && strcmp (draft->arch, "x86_64") == 0;
}

static bool
choose_secure_boot (KnDraft *draft, bool *out_secure, KnSaid *out_said, GError **error)
{
    if (!kn_pick (draft, "os_secure_boot", out_said, error))
        return false;
    bool by_rule
        = !kn_property (draft, "hw_firmware_type").text && kn_wants_windows_firmware (draft);
    const char *wish = out_said->text ? out_said->text : by_rule ? "optional" : "disabled";
    const KnGuestProperty *row = kn_guest_property_find ("os_secure_boot");
    g_autofree char *allowed = NULL;
    if (!kn_guest_property_allows (row, wish, &allowed)) {
        kn_guest_fail (error, "driver/Invalid", "%s is '%s'; allowed are %s.", out_said->source,
                       wish, allowed);
        return false;
    }
    bool possible = host_has_secure_boot (draft);
    if (strcmp (wish, "required") == 0 && !possible) {
        kn_guest_fail (error, "driver/SecureBootNotSupported",
                       "Secure Boot is required (%s), but %s.", out_said->source,
                       draft->q35 ? "this host's firmware cannot do it"
                                  : "it needs a q35 machine (hw_machine_type=q35)");
        return false;
    }
    *out_secure = strcmp (wish, "disabled") != 0 && possible;
    return true;
}

static bool
wants_stateless (const KnDraft *draft)
{
    return draft->profile->beyond_26 && kn_true (kn_property (draft, "hw_firmware_stateless"));
}

/* Servers from before the store had a place of its own keep the one that libvirt chose. */
static void
decide_store (KnDraft *draft)
{
    bool elsewhere = kn_frozen (draft, "firmware") && !kn_frozen (draft, "nvram");
    if (!draft->facts->nvram_path || elsewhere || wants_stateless (draft))
        return;
    kn_freeze (draft, "nvram", "pool");
    kn_because (draft, &rule_store, NULL);
    kn_decide (draft, "os/nvram", draft->facts->nvram_path);
}

static void
decide_loader (KnDraft *draft, bool secure)
{
    const KnGuestHost *host = draft->host;
    const char *loader = secure ? host->secure_loader : host->loader;
    const char *template = secure ? host->secure_nvram_template : host->nvram_template;
    if (!loader) { /* libvirt finds the files by what they have to be able to do */
        kn_decide (draft, "os/@firmware", "efi");
        kn_decide (draft, "os/firmware/feature[secure-boot]/@name", "secure-boot");
        kn_decide (draft, "os/firmware/feature[secure-boot]/@enabled", secure ? "yes" : "no");
        if (secure) /* libvirt 9.0 refuses a "no" here */
            kn_decide (draft, "os/loader/@secure", "yes");
        if (secure && !draft->profile->like_nova) {
            kn_because (draft, &rule_enrolled, NULL);
            kn_decide (draft, "os/firmware/feature[enrolled-keys]/@name", "enrolled-keys");
            kn_decide (draft, "os/firmware/feature[enrolled-keys]/@enabled", "yes");
        }
        return;
    }
    kn_decide (draft, "os/loader/@type", "pflash");
    kn_decide (draft, "os/loader/@readonly", "yes");
    kn_decide (draft, "os/loader/@secure", secure ? "yes" : "no");
    kn_decide (draft, "os/loader", loader);
    if (!wants_stateless (draft))
        kn_decide (draft, "os/nvram/@template", template);
}

/* A wish that came after the first start. */
static void
warn_of_held (KnDraft *draft)
{
    KnSaid said = kn_property (draft, "os_secure_boot");
    if (!kn_is (said, "required"))
        said = kn_spec (draft, "os:secure_boot");
    if (draft->profile->like_nova || !kn_frozen (draft, "firmware") || !kn_is (said, "required"))
        return;
    kn_because (draft, &rule_secure_held, said.source);
    kn_leave_out (draft, "os/loader/@secure");
}

static bool
fail_uefi (const KnDraft *draft, GError **error)
{
    KnSaid firmware = kn_property (draft, "hw_firmware_type");
    KnSaid secure = kn_property (draft, "os_secure_boot");
    if (!secure.text)
        secure = kn_spec (draft, "os:secure_boot");
    KnSaid said = firmware.text ? firmware : secure;
    kn_guest_fail (error, "driver/UEFINotSupported",
                   "%s%s%s, but this host has no UEFI firmware for %s.",
                   said.text ? said.source : "The guest needs UEFI", said.text ? " is " : "",
                   said.text ? said.text : "", draft->arch);
    return false;
}

static bool
decide_uefi (KnDraft *draft, GError **error)
{
    /* Foreign firmware is not looked for yet: only the host's own architecture has known files. */
    if (draft->host_known && (!draft->host->uefi || draft->emulated))
        return fail_uefi (draft, error);
    bool pc = g_str_has_prefix (draft->machine, "pc-i440fx-") || strcmp (draft->machine, "pc") == 0;
    if (!pc && !draft->q35) { /* what the firmware's own description lists */
        kn_guest_fail (error, "driver/UEFINotSupported",
                       "hw_firmware_type is 'uefi', but there is no UEFI firmware for machine type "
                       "'%s'; use pc or q35.",
                       draft->machine);
        return false;
    }
    KnSaid said;
    bool secure;
    if (!choose_secure_boot (draft, &secure, &said, error))
        return false;
    const char *frozen = kn_freeze (draft, "secure_boot", secure ? "yes" : "no");
    secure = strcmp (frozen, "yes") == 0;

    KnSaid firmware = kn_property (draft, "hw_firmware_type");
    if (kn_wants_windows_firmware (draft) && !firmware.text && !said.text)
        kn_because (draft, &rule_windows, "os_version");
    else if (secure)
        kn_because (draft, &rule_secure, said.text ? said.source : "hardware identity");
    else
        kn_because (draft, &rule_uefi, firmware.text ? firmware.source : NULL);
    if (secure)
        kn_decide (draft,
                   draft->profile->like_nova ? "features/smm/smm/@state" : "features/smm/@state",
                   "on");
    decide_loader (draft, secure);
    decide_store (draft);
    if (!secure)
        warn_of_held (draft);
    return true;
}

/* os_command_line replaces all of the default line (libvirt driver of Nova 26.2); QEMU's TCG needs no_timer_check. */
static void
decide_kernel (KnDraft *draft)
{
    const KnGuestFacts *facts = draft->facts;
    KnSaid line = kn_property (draft, "os_command_line");
    kn_because (draft, &rule_kernel, "image");
    kn_decide (draft, "os/kernel", facts->kernel_path);
    if (facts->ramdisk_path)
        kn_decide (draft, "os/initrd", facts->ramdisk_path);
    if (line.text && !facts->rescue) {
        kn_because (draft, &rule_kernel, line.source);
        kn_decide (draft, "os/cmdline", line.text);
        return;
    }
    const char *root = kn_root_device (draft);
    g_autofree char *text
        = g_strdup_printf ("root=/dev/%s console=tty0 console=ttyS0 console=hvc0%s",
                           root ? root : "vda", draft->kvm ? "" : " no_timer_check");
    kn_decide (draft, "os/cmdline", text);
}

static bool
decide_boot_menu (KnDraft *draft, GError **error)
{
    KnSaid said;
    if (!kn_pick (draft, "hw_boot_menu", &said, error))
        return false;
    if (kn_true (said)) {
        kn_because (draft, &rule_boot_menu, said.source);
        kn_decide (draft, "os/bootmenu/@enable", "yes");
    }
    return true;
}

static bool
decide_stateless (KnDraft *draft, GError **error)
{
    KnSaid said = kn_property (draft, "hw_firmware_stateless");
    if (!wants_stateless (draft))
        return true;
    if (!draft->uefi) {
        kn_guest_fail (error, "api/InvalidRequest",
                       "%s is for UEFI, and this guest boots by BIOS (hw_firmware_type=uefi).",
                       said.source);
        return false;
    }
    if (!kn_require_host (draft, said, 8006000, 0, error))
        return false;
    kn_because (draft, &rule_stateless, said.source);
    kn_decide (draft, "os/loader/@stateless", "yes");
    return true;
}

bool
kn_decide_firmware (KnDraft *draft, GError **error)
{
    if (!check_machine (draft, error))
        return false;
    decide_machine (draft);
    if ((draft->uefi && !decide_uefi (draft, error)) || !decide_stateless (draft, error))
        return false;
    if (!draft->uefi)
        warn_of_held (draft);

    if (draft->facts->kernel_path)
        decide_kernel (draft);
    else
        kn_decide_boot_order (draft, &rule_boot);
    if (!decide_boot_menu (draft, error))
        return false;
    if (draft->x86) {
        kn_because (draft, &rule_smbios, NULL);
        kn_decide (draft, "os/smbios/@mode", "sysinfo");
    }
    return true;
}
