/* SPDX-License-Identifier: Apache-2.0 */
/* Everything else that is plugged in: console, display, input, agent, random numbers, TPM, watchdog, balloon, IOMMU. */
#include <string.h>

#include "guest/guest_priv.h"

#define MAX_SERIAL_PORTS 3
#define SPARE_PCIE_PORTS 4
#define MAX_PCIE_PORTS 64
#define AGENT "devices/channel[agent]"

static const KnRule rule_console
    = { "devices.console", "What the guest writes to its first serial port is the console log." };
static const KnRule rule_serial
    = { "devices.serial", "Serial consoles are served, so each port listens." };
static const KnRule rule_serial_more
    = { "devices.serial-more", "More than one serial port was asked for." };
static const KnRule rule_spice = { "devices.spice", "SPICE is configured." };
static const KnRule rule_vnc = { "devices.vnc", "The graphical console is VNC." };
static const KnRule rule_video_said
    = { "devices.video-said", "The image names the graphics card." };
static const KnRule rule_video_virtio
    = { "devices.video-virtio", "Virtio works as plain VGA until its driver is there." };
static const KnRule rule_video_qxl = { "devices.video-qxl", "SPICE works best with QXL." };
static const KnRule rule_video_power
    = { "devices.video-vga", "Firmware on Power shows its screen by VGA." };
static const KnRule rule_video_ram
    = { "devices.video-ram", "The image asks for video memory, and the flavor allows it." };
static const KnRule rule_tablet
    = { "devices.tablet",
        "A tablet keeps the pointer of a graphical console where the user's is." };
static const KnRule rule_input_said
    = { "devices.input-said", "The image names the bus of the input devices." };
static const KnRule rule_agent_said
    = { "devices.agent-said", "The agent's channel was asked for." };
static const KnRule rule_agent_always
    = { "devices.agent-always",
        "The agent's channel costs nothing, and without it no agent can ever be reached." };
static const KnRule rule_agent_off = { "devices.agent-off", "The agent's channel was declined." };
static const KnRule rule_agent_unasked
    = { "devices.agent-unasked", "Nova adds the agent's channel only when asked." };
static const KnRule rule_rng
    = { "devices.rng", "A guest without a source of random numbers is slow to start." };
static const KnRule rule_rng_off
    = { "devices.rng-off", "The flavor declines the random number generator." };
static const KnRule rule_rng_rate
    = { "devices.rng-rate", "The flavor limits the random number generator." };
static const KnRule rule_tpm_said = { "devices.tpm-said", "A TPM was asked for." };
static const KnRule rule_tpm_windows = { "devices.tpm-windows", "This Windows wants a TPM 2.0." };
static const KnRule rule_tpm_frozen
    = { "devices.tpm-frozen", "The guest has had this TPM since its first start." };
static const KnRule rule_spare
    = { "devices.pcie-spare",
        "Four PCIe slots are left free, since none can be added while the guest runs." };
static const KnRule rule_pcie
    = { "devices.pcie-ports",
        "The cloud's configuration keeps free slots for devices that are plugged in later." };
static const KnRule rule_sound = { "devices.sound", "A sound card was asked for." };
static const KnRule rule_no_tablet
    = { "devices.no-tablet",
        "The guest is to have no USB, so the pointer of a graphical console is its mouse." };
static const KnRule rule_no_balloon
    = { "devices.no-balloon", "The cloud's configuration wants no figures from guests." };
static const KnRule rule_watchdog = { "devices.watchdog", "A watchdog was asked for." };
static const KnRule rule_balloon
    = { "devices.balloon", "The balloon reports how much memory the guest really uses." };
static const KnRule rule_iommu = { "devices.iommu", "An IOMMU was asked for." };
static const KnRule rule_sev
    = { "devices.iommu-sev", "Encrypted memory is reached by virtio through the IOMMU." };

static void
say_iommu (KnDraft *draft, const char *element)
{
    if (!draft->sev)
        return;
    kn_because (draft, &rule_sev, NULL);
    kn_decide_in (draft, element, "driver/@iommu", "on");
}

/* The flavor's number is a limit that the image may lower; 0 is no limit there and 1 in the end. */
static bool
choose_serial_ports (KnDraft *draft, gint64 *out_n, KnSaid *out_said, GError **error)
{
    KnSaid image = kn_property (draft, "hw_serial_port_count");
    KnSaid flavor = kn_spec (draft, "hw:serial_port_count");
    gint64 n_image = kn_number (image), n_flavor = 0;
    if (flavor.text && *flavor.text && !kn_read_int (flavor.text, &n_flavor)) {
        kn_guest_fail (error, "api/ImageSerialPortNumberInvalid",
                       "%s is '%s', which is no whole number.", flavor.source, flavor.text);
        return false;
    }
    if (n_image && n_flavor && n_image > n_flavor) {
        kn_guest_fail (error, "api/ImageSerialPortNumberExceedFlavorValue",
                       "hw_serial_port_count is %" G_GINT64_FORMAT
                       ", above the flavor's limit of %" G_GINT64_FORMAT ".",
                       n_image, n_flavor);
        return false;
    }
    *out_said = n_image ? image : flavor;
    *out_n = n_image ? n_image : n_flavor ? n_flavor : 1;
    return true;
}

bool
kn_serial_check (KnDraft *draft, GError **error)
{
    gint64 n;
    KnSaid said;
    return choose_serial_ports (draft, &n, &said, error);
}

static void
say_log (KnDraft *draft, const char *element)
{
    if (!draft->facts->console_log)
        return;
    kn_because (draft, &rule_console, NULL);
    kn_decide_in (draft, element, "log/@file", draft->facts->console_log);
    kn_decide_in (draft, element, "log/@append", "off");
}

static void
write_listening_port (KnDraft *draft, const char *element, KnSaid said, guint index)
{
    const KnGuestConfig *config = draft->config;
    g_autofree char *port = g_strdup_printf ("%u", config->serial_port_first + index);
    kn_because (draft, &rule_serial, said.text ? said.source : "config serial_console");
    kn_decide_in (draft, element, "@type", "tcp");
    kn_decide_in (draft, element, "source/@mode", "bind");
    kn_decide_in (draft, element, "source/@host", config->serial_listen);
    kn_decide_in (draft, element, "source/@service", port);
}

/* Without serial consoles Nova makes one port, whatever was asked for. */
static bool
decide_serial (KnDraft *draft, GError **error)
{
    const KnGuestConfig *config = draft->config;
    gint64 n = 1;
    KnSaid said = { NULL, NULL };
    if (!choose_serial_ports (draft, &n, &said, error))
        return false;
    if (!config->serial_console && draft->profile->like_nova) {
        n = 1;
        said = (KnSaid){ NULL, NULL };
    }
    if (n > MAX_SERIAL_PORTS) {
        kn_guest_fail (error, "driver/SerialPortNumberLimitExceeded",
                       "%s is %" G_GINT64_FORMAT "; a guest can have %d serial ports at most.",
                       said.source, n, MAX_SERIAL_PORTS);
        return false;
    }
    for (gint64 i = 0; i < n; i++) {
        g_autofree char *element = g_strdup_printf ("devices/serial[%d]", (int)i);
        if (config->serial_console)
            write_listening_port (draft, element, said, (guint)i);
        else {
            kn_because (draft, i ? &rule_serial_more : &rule_console, said.source);
            kn_decide_in (draft, element, "@type", "pty");
        }
        if (i == 0)
            say_log (draft, element);
    }
    return true;
}

static void
decide_graphics (KnDraft *draft)
{
    const KnGuestConfig *config = draft->config;
    const char *listen = draft->facts->vnc_listen ? draft->facts->vnc_listen : config->vnc_listen;
    if (config->spice && config->spice_agent) {
        kn_because (draft, &rule_spice, "config spice");
        kn_decide (draft, "devices/channel[spice]/@type", "spicevmc");
        kn_decide (draft, "devices/channel[spice]/target/@type", "virtio");
        kn_decide (draft, "devices/channel[spice]/target/@name", "com.redhat.spice.0");
    }
    if (config->vnc) {
        kn_because (draft, &rule_vnc, NULL);
        kn_decide (draft, "devices/graphics[vnc]/@type", "vnc");
        kn_decide (draft, "devices/graphics[vnc]/@autoport", "yes");
        kn_decide (draft, "devices/graphics[vnc]/@listen", listen ? listen : "127.0.0.1");
    }
    if (config->spice) {
        kn_because (draft, &rule_spice, "config spice");
        kn_decide (draft, "devices/graphics[spice]/@type", "spice");
        kn_decide (draft, "devices/graphics[spice]/@autoport", "yes");
        kn_decide (draft, "devices/graphics[spice]/@listen", config->spice_listen);
    }
}

static bool
decide_video_ram (KnDraft *draft, GError **error)
{
    KnSaid said = kn_property (draft, "hw_video_ram"),
           limit = kn_spec (draft, "hw_video:ram_max_mb");
    gint64 ram = kn_number (said), most = 0;
    if (limit.text && !kn_demand_number (limit, &most, error))
        return false;
    if (ram > most) {
        kn_guest_fail (error, "driver/RequestedVRamTooHigh",
                       "hw_video_ram is %" G_GINT64_FORMAT
                       " MiB; the flavor's hw_video:ram_max_mb allows %" G_GINT64_FORMAT ".",
                       ram, most);
        return false;
    }
    if (ram != 0 && most != 0) {
        kn_because (draft, &rule_video_ram, said.source);
        kn_decide_number (draft, "devices/video/model/@vram", ram * 1024);
    }
    return true;
}

/* Gives the reason, too. Nova 26.2, _get_video_type(). */
static const char *
default_video (KnDraft *draft)
{
    const char *const power[] = { "ppc", "ppc64", "ppc64le", NULL };
    const char *const only_virtio[] = { "aarch64", "mipsel", NULL };
    if (g_strv_contains (power, draft->arch)) {
        kn_because (draft, &rule_video_power, NULL);
        return "vga";
    }
    bool qxl = draft->config->spice && !g_strv_contains (only_virtio, draft->arch);
    kn_because (draft, qxl ? &rule_video_qxl : &rule_video_virtio, NULL);
    return qxl ? "qxl" : "virtio";
}

static bool
decide_video (KnDraft *draft, GError **error)
{
    KnSaid said = kn_property (draft, "hw_video_model");
    const char *model = said.text ? said.text : default_video (draft);
    if (said.text)
        kn_because (draft, &rule_video_said, said.source);
    kn_decide (draft, "devices/video/model/@type", model);
    if (!decide_video_ram (draft, error))
        return false;
    if (strcmp (model, "virtio") == 0)
        say_iommu (draft, "devices/video");
    return true;
}

/* SPICE's own agent moves the pointer, unless VNC is there too; and only unmodified guests have USB. */
static const char *
choose_pointer_bus (const KnDraft *draft)
{
    const KnGuestConfig *config = draft->config;
    KnSaid bus = kn_property (draft, "hw_input_bus");
    bool wanted = bus.text || kn_property (draft, "hw_pointer_model").text
                  || g_strcmp0 (config->pointer_model, "usbtablet") == 0;
    bool by_spice = config->spice && config->spice_agent && !config->vnc;
    if (!wanted || by_spice || strcmp (draft->os_kind, "hvm") != 0)
        return NULL;
    return bus.text ? bus.text : "usb";
}

static void
decide_input (KnDraft *draft)
{
    KnSaid said = kn_property (draft, "hw_input_bus");
    const char *pointer = choose_pointer_bus (draft);
    if (g_strcmp0 (pointer, "usb") == 0 && kn_declines_usb (draft)) {
        kn_because (draft, &rule_no_tablet, "hw_usb_model");
        kn_leave_out (draft, "devices/input[tablet]");
        pointer = NULL;
    }
    const char *keyboard = said.text ? said.text : NULL;
    if (!keyboard && strcmp (draft->arch, "aarch64") == 0)
        keyboard = "usb";
    kn_because (draft, said.text ? &rule_input_said : &rule_tablet, said.source);
    if (pointer) {
        kn_decide (draft, "devices/input[tablet]/@type", "tablet");
        kn_decide (draft, "devices/input[tablet]/@bus", pointer);
    }
    if (keyboard) {
        kn_decide (draft, "devices/input[keyboard]/@type", "keyboard");
        kn_decide (draft, "devices/input[keyboard]/@bus", keyboard);
    }
    draft->input_on_usb = g_strcmp0 (pointer, "usb") == 0 || g_strcmp0 (keyboard, "usb") == 0;
}

/* A text that is neither yes nor no is no in Nova; check.c refuses it for our own profiles. */
static void
decide_agent (KnDraft *draft)
{
    KnSaid said = kn_property (draft, "hw_qemu_guest_agent");
    bool on = said.text ? kn_true (said) : draft->profile->agent_always;
    if (said.text)
        kn_because (draft, on ? &rule_agent_said : &rule_agent_off, said.source);
    else
        kn_because (draft, on ? &rule_agent_always : &rule_agent_unasked, NULL);
    if (!on) {
        kn_leave_out (draft, AGENT);
        return;
    }
    if (draft->sev) {
        kn_decide (draft, "devices/controller[virtio-serial]/@type", "virtio-serial");
        kn_decide (draft, "devices/controller[virtio-serial]/driver/@iommu", "on");
    }
    kn_decide (draft, AGENT "/@type", "unix");
    if (draft->host->agent_socket_dir) {
        g_autofree char *path
            = g_strdup_printf ("%s/org.qemu.guest_agent.0.instance-%08" G_GINT64_MODIFIER "x.sock",
                               draft->host->agent_socket_dir, draft->facts->id);
        kn_decide (draft, AGENT "/source/@mode", "bind");
        kn_decide (draft, AGENT "/source/@path", path);
    }
    kn_decide (draft, AGENT "/target/@type", "virtio");
    kn_decide (draft, AGENT "/target/@name", "org.qemu.guest_agent.0");
}

/* libvirt's period is a second where nobody says one; Nova drops the limit then. */
static bool
decide_rng_rate (KnDraft *draft, GError **error)
{
    KnSaid bytes = kn_spec (draft, "hw_rng:rate_bytes"),
           period = kn_spec (draft, "hw_rng:rate_period");
    gint64 n_bytes = 0, n_period = 0;
    if (!bytes.text)
        return true;
    if (!kn_demand_number (bytes, &n_bytes, error)
        || (period.text && !kn_demand_number (period, &n_period, error)))
        return false;
    if (n_bytes && (n_period || !draft->profile->like_nova)) {
        kn_because (draft, &rule_rng_rate, bytes.source);
        kn_decide_number (draft, "devices/rng/rate/@bytes", n_bytes);
        if (n_period)
            kn_decide_number (draft, "devices/rng/rate/@period", n_period);
    }
    return true;
}

static bool
decide_rng (KnDraft *draft, GError **error)
{
    KnSaid allowed = kn_spec (draft, "hw_rng:allowed");
    if (allowed.text && !kn_true (allowed)) {
        kn_because (draft, &rule_rng_off, allowed.source);
        kn_leave_out (draft, "devices/rng");
        return true;
    }
    kn_because (draft, &rule_rng, allowed.source);
    kn_decide (draft, "devices/rng/@model", "virtio");
    if (!decide_rng_rate (draft, error))
        return false;
    kn_because (draft, &rule_rng, allowed.source);
    kn_decide (draft, "devices/rng/backend/@model", "random");
    kn_decide (draft, "devices/rng/backend",
               draft->config->rng_path ? draft->config->rng_path : "/dev/urandom");
    say_iommu (draft, "devices/rng");
    return true;
}

static bool
check_tpm (const KnDraft *draft, KnSaid version, KnSaid model, GError **error)
{
    const struct {
        const char *name;
        KnSaid said;
    } both[] = { { "hw_tpm_version", version }, { "hw_tpm_model", model } };
    for (gsize i = 0; i < G_N_ELEMENTS (both); i++) {
        g_autofree char *allowed = NULL;
        const KnGuestProperty *row = kn_guest_property_find (both[i].name);
        if (both[i].said.text && !kn_guest_property_allows (row, both[i].said.text, &allowed)) {
            kn_guest_fail (error, "driver/Invalid", "%s is '%s'; allowed are %s.",
                           both[i].said.source, both[i].said.text, allowed);
            return false;
        }
    }
    if (kn_is (model, "tpm-crb") && kn_is (version, "1.2")) {
        kn_guest_fail (error, "driver/Invalid",
                       "A TPM of model tpm-crb is of version 2.0, not 1.2.");
        return false;
    }
    if (draft->host_known && !draft->host->tpm) {
        kn_guest_fail (
            error, "driver/Invalid",
            "A TPM was asked for (%s), but this host cannot emulate one: swtpm is missing.",
            version.text ? version.source
            : model.text ? model.source
                         : "os_version");
        return false;
    }
    return true;
}

static void
write_tpm (KnDraft *draft, const char *version, const char *model)
{
    kn_decide (draft, "devices/tpm/@model", kn_freeze (draft, "tpm_model", model));
    kn_decide (draft, "devices/tpm/backend/@type", "emulator");
    kn_decide (draft, "devices/tpm/backend/@version", kn_freeze (draft, "tpm_version", version));
    if (draft->host->tpm_secret)
        kn_decide (draft, "devices/tpm/backend/encryption/@secret", draft->host->tpm_secret);
}

static void
keep_tpm (KnDraft *draft, KnSaid version)
{
    const char *frozen = kn_frozen (draft, "tpm_version");
    if (kn_is (version, frozen))
        kn_because (draft, &rule_tpm_said, version.source);
    else if (kn_wants_windows_firmware (draft))
        kn_because (draft, &rule_tpm_windows, "os_version");
    else
        kn_because (draft, &rule_tpm_frozen, "hardware identity");
    write_tpm (draft, frozen, kn_frozen (draft, "tpm_model"));
}

/* A model without a version is no TPM in Nova; in our profiles it is one of version 2.0. A guest that has none gets none later:
 * hardware is added at rebuild. */
static bool
decide_tpm (KnDraft *draft, GError **error)
{
    KnSaid version, model = { NULL, NULL };
    bool ours = draft->profile->own_tpm_key;
    if (!kn_pick (draft, "hw_tpm_version", &version, error))
        return false;
    if ((version.text || ours) && !kn_pick (draft, "hw_tpm_model", &model, error))
        return false;
    if (kn_frozen (draft, "tpm_version"))
        keep_tpm (draft, version);
    if (kn_frozen (draft, "tpm_version") || kn_guest_identity_is_whole (draft->facts->identity))
        return true;

    bool by_rule = draft->uefi && kn_wants_windows_firmware (draft);
    KnSaid said = version.text ? version : model;
    if (!said.text && !by_rule)
        return true;
    if (!check_tpm (draft, version, model, error))
        return false;
    kn_because (draft, said.text ? &rule_tpm_said : &rule_tpm_windows,
                said.text ? said.source : "os_version");
    write_tpm (draft, version.text ? version.text : "2.0",
               model.text  ? model.text
               : said.text ? "tpm-tis"
                           : "tpm-crb");
    return true;
}

static void
write_pcie_ports (KnDraft *draft, guint n)
{
    kn_decide (draft, "devices/controller[pcie-root]/@type", "pci");
    if (!draft->profile->like_nova)
        kn_decide (draft, "devices/controller[pcie-root]/@index", "0");
    kn_decide (draft, "devices/controller[pcie-root]/@model", "pcie-root");
    for (guint i = 0; i < n; i++) {
        g_autofree char *element = g_strdup_printf ("devices/controller[pcie-root-port %u]", i);
        kn_decide_in (draft, element, "@type", "pci");
        kn_decide_in (draft, element, "@model", "pcie-root-port");
    }
}

/* Devices that sit on a root port each: cards, virtio disks, and the controllers of SCSI, serial channels, USB, random numbers
 * and balloon. */
static guint
count_pcie_devices (const KnDraft *draft)
{
    guint n = (guint)draft->facts->n_nics + 5;
    for (gsize i = 0; i < draft->slots->n; i++)
        n += strcmp (draft->slots->slots[i].bus, "virtio") == 0;
    return n;
}

/* Nova's number is of all ports; ours is of those that are left free. */
static void
decide_pcie_ports (KnDraft *draft)
{
    guint configured = draft->config->pcie_ports;
    if (!draft->q35 || kn_frozen (draft, "address controller pci 1"))
        return;
    if (configured) {
        kn_because (draft, &rule_pcie, "config num_pcie_ports");
        write_pcie_ports (draft, configured);
    } else if (!draft->profile->like_nova) {
        guint n = MIN (count_pcie_devices (draft) + SPARE_PCIE_PORTS, MAX_PCIE_PORTS);
        kn_because (draft, &rule_spare, NULL);
        write_pcie_ports (draft, n);
    }
}

static bool
decide_watchdog (KnDraft *draft, GError **error)
{
    KnSaid said;
    if (!kn_pick (draft, "hw_watchdog_action", &said, error))
        return false;
    if (!said.text || !*said.text || strcmp (said.text, "disabled") == 0)
        return true;
    g_autofree char *allowed = NULL;
    if (!kn_guest_property_allows (kn_guest_property_find ("hw_watchdog_action"), said.text,
                                   &allowed)) {
        kn_guest_fail (error, "driver/InvalidWatchdogAction", "%s is '%s'; allowed are %s.",
                       said.source, said.text, allowed);
        return false;
    }
    kn_because (draft, &rule_watchdog, said.source);
    kn_decide (draft, "devices/watchdog/@model", "i6300esb");
    kn_decide (draft, "devices/watchdog/@action", said.text);
    return true;
}

static bool
decide_sound (KnDraft *draft, GError **error)
{
    KnSaid said;
    if (!kn_pick_later (draft, "hw_sound_model", &said, error))
        return false;
    if (!said.text)
        return true;
    if (kn_is (said, "virtio") && !kn_require_host (draft, said, 10004000, 8002000, error))
        return false;
    kn_because (draft, &rule_sound, said.source);
    kn_decide (draft, "devices/sound/@model", said.text);
    return true;
}

/* Where no element stands, libvirt adds a balloon of its own. */
static void
decide_no_balloon (KnDraft *draft)
{
    if (!draft->profile->beyond_26)
        return;
    kn_because (draft, &rule_no_balloon, "config mem_stats_period_seconds");
    kn_decide (draft, "devices/memballoon/@model", "none");
}

/* A guest that runs out of memory takes back what the balloon holds, and what it does not use goes back to the host. */
static void
decide_balloon (KnDraft *draft)
{
    if (draft->config->balloon_period_s <= 0) {
        decide_no_balloon (draft);
        return;
    }
    kn_because (draft, &rule_balloon, NULL);
    kn_decide (draft, "devices/memballoon/@model", "virtio");
    if (draft->profile->beyond_26 && kn_host_has (draft, 6009000, 5001000)) {
        kn_decide (draft, "devices/memballoon/@autodeflate", "on");
        kn_decide (draft, "devices/memballoon/@freePageReporting", "on");
    }
    kn_decide_number (draft, "devices/memballoon/stats/@period", draft->config->balloon_period_s);
    say_iommu (draft, "devices/memballoon");
}

/* auto: virtio from libvirt 8.3 on. Our profiles take the model that this libvirt also accepts with its attributes. */
static const char *
resolve_iommu (const KnDraft *draft, const char *model)
{
    if (strcmp (model, "auto") != 0)
        return model;
    if (draft->host->libvirt_version >= 8003000 && draft->profile->like_nova)
        return "virtio";
    return draft->x86 ? "intel" : "smmuv3";
}

static bool
decide_iommu (KnDraft *draft, GError **error)
{
    KnSaid said;
    if (!kn_pick (draft, "hw_viommu_model", &said, error))
        return false;
    if (!said.text || !*said.text)
        return true;
    bool arm = strcmp (draft->arch, "aarch64") == 0;
    if (!draft->x86 && !arm) {
        kn_guest_fail (error, "driver/InvalidVIOMMUArchitecture",
                       "%s asks for an IOMMU, which guests of architecture %s do not have.",
                       said.source, draft->arch);
        return false;
    }
    if (draft->x86 ? !draft->q35 : !strstr (draft->machine, "virt")) {
        kn_guest_fail (error, "driver/InvalidVIOMMUMachineType",
                       "%s asks for an IOMMU, which machine type '%s' does not have; %s has.",
                       said.source, draft->machine, draft->x86 ? "q35" : "virt");
        return false;
    }

    const char *model = resolve_iommu (draft, said.text);
    kn_because (draft, &rule_iommu, said.source);
    kn_decide (draft, "devices/iommu/@model", model);
    if (draft->profile->like_nova || strcmp (model, "intel") == 0) {
        kn_decide (draft, "devices/iommu/driver/@intremap", "on");
        kn_decide (draft, "devices/iommu/driver/@caching_mode", "on");
        kn_decide (draft, "devices/iommu/driver/@aw_bits", "48");
        kn_decide (draft, "devices/iommu/driver/@eim", draft->q35 ? "on" : "off");
        kn_decide (draft, "devices/iommu/driver/@iotlb", "on");
    }
    kn_decide (draft, "features/ioapic/@driver", "qemu");
    return true;
}

bool
kn_decide_devices (KnDraft *draft, GError **error)
{
    if (!decide_serial (draft, error))
        return false;
    decide_graphics (draft);
    if (draft->config->vnc || draft->config->spice) {
        if (!decide_video (draft, error))
            return false;
        decide_input (draft);
    }
    decide_agent (draft);
    if (!decide_rng (draft, error) || !decide_tpm (draft, error))
        return false;
    decide_pcie_ports (draft);
    if (!decide_sound (draft, error) || !decide_watchdog (draft, error))
        return false;
    decide_balloon (draft);
    return decide_iommu (draft, error);
}
