/* SPDX-License-Identifier: Apache-2.0 */
/* Network cards: model, backend by the port's kind, queues and bandwidth (Nova 26.2, virt/libvirt/vif.py and designer.py). */
#include <string.h>

#include "guest/guest_priv.h"

static const KnRule rule_port = { "nics.port", "The port says how it is wired." };
static const KnRule rule_mac = { "nics.mac", "The port's MAC address belongs to the guest." };
static const KnRule rule_model_said = { "nics.model-said", "The image names the card." };
static const KnRule rule_model_default
    = { "nics.model-virtio", "Virtio is the fastest card, and nobody named another." };
static const KnRule rule_model_windows
    = { "nics.model-virtio-windows",
        "Nobody named a card; Windows has a network only if the virtio driver is in the image.",
        true };
static const KnRule rule_model_driverless
    = { "nics.model-driverless", "Inspection found no virtio driver in this Windows." };
static const KnRule rule_model_frozen
    = { "nics.model-frozen",
        "The card was frozen at the first start; the guest's drivers were set up for it." };
static const KnRule rule_qemu
    = { "nics.driver-qemu", "Without KVM the kernel's vhost cannot serve the card." };
static const KnRule rule_queues = { "nics.queues", "One queue for each vCPU was asked for." };
static const KnRule rule_no_queues
    = { "nics.no-queues", "More queues need the kernel's vhost, which is for KVM." };
static const KnRule rule_packed = { "nics.packed", "Packed queues were asked for." };
static const KnRule rule_queue_size
    = { "nics.queue-size", "The cloud's configuration sets the queues' size." };
static const KnRule rule_bandwidth = { "nics.bandwidth", "The flavor limits the bandwidth." };
static const KnRule rule_mtu = { "nics.mtu", "The network's MTU." };
static const KnRule rule_iommu
    = { "nics.iommu", "Encrypted memory is reached by virtio through the IOMMU." };

typedef enum {
    BACK_BRIDGE,
    BACK_OVS,
    BACK_ETHERNET, /* made and plugged by os-vif */
    BACK_TAP,
    BACK_VHOSTUSER,
    BACK_VF,
    BACK_PF,
    BACK_MACVTAP,
    BACK_N
} Backend;

/* bandwidth: whether the flavor's limits reach this kind; mtu: whether libvirt sets it. */
static const struct {
    const char *type;
    bool bandwidth, mtu, target;
} backends[BACK_N] = {
    [BACK_BRIDGE] = { "bridge", true, true, true },
    [BACK_OVS] = { "bridge", true, true, true },
    [BACK_ETHERNET] = { "ethernet", true, true, true },
    [BACK_TAP] = { "ethernet", false, true, true },
    [BACK_VHOSTUSER] = { "vhostuser", false, false, true },
    [BACK_VF] = { "hostdev", true, false, false },
    [BACK_PF] = { "hostdev", false, false, false },
    [BACK_MACVTAP] = { "direct", true, false, false },
};

static const struct {
    const char *kind;
    Backend backend;
} kinds[] = {
    { "bridge", BACK_BRIDGE },       { "ovs", BACK_OVS },   { "tap", BACK_TAP },
    { "vhostuser", BACK_VHOSTUSER }, { "hw_veb", BACK_VF }, { "hostdev_physical", BACK_PF },
    { "macvtap", BACK_MACVTAP },
};

#define IGB_LIBVIRT 9003000
#define IGB_QEMU 8000000

static const char *const kvm_models[] = { "virtio", "ne2k_pci",   "pcnet",   "rtl8139", "e1000",
                                          "e1000e", "spapr-vlan", "vmxnet3", NULL };

typedef struct {
    KnDraft *draft;
    const KnGuestNic *nic;
    Backend backend;
    const char *model;
    char *element;
    guint queues;
} Wiring;

static void
say (const Wiring *w, const char *path, const char *value)
{
    if (value)
        kn_decide_in (w->draft, w->element, path, value);
}

static bool
find_backend (const KnGuestNic *nic, Backend *out_backend, GError **error)
{
    const char *kind = nic->kind ? nic->kind : "bridge";
    for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++) {
        if (strcmp (kinds[i].kind, kind) != 0)
            continue;
        *out_backend = kinds[i].backend;
        if (*out_backend == BACK_OVS && nic->plugged_by_os_vif)
            *out_backend = BACK_ETHERNET;
        if (*out_backend == BACK_OVS && nic->hybrid)
            *out_backend = BACK_BRIDGE;
        return true;
    }
    kn_guest_fail (error, "driver/InternalError",
                   "Port %s cannot be wired: its binding is '%s', which no driver here plugs.",
                   nic->port_id ? nic->port_id : "", kind);
    return false;
}

static bool
check_model (const KnDraft *draft, const char *model, GError **error)
{
    if (g_strv_contains (kvm_models, model) || (!draft->kvm && strcmp (model, "lan9118") == 0))
        return true;
    if (draft->profile->beyond_26 && strcmp (model, "igb") == 0)
        return kn_require_host (draft, (KnSaid){ model, "hw_vif_model" }, IGB_LIBVIRT, IGB_QEMU,
                                error);
    kn_guest_fail (error, "driver/UnsupportedHardware",
                   "hw_vif_model is '%s', which %s guests do not have.", model,
                   draft->kvm ? "KVM" : "QEMU");
    return false;
}

/* Nova looks at the model only when there is a port. */
bool
kn_nic_model_check (KnDraft *draft, GError **error)
{
    KnSaid said = kn_property (draft, "hw_vif_model");
    return !said.text || check_model (draft, said.text, error);
}

static bool
choose_model (Wiring *w, GError **error)
{
    KnDraft *draft = w->draft;
    KnSaid said = kn_property (draft, "hw_vif_model");
    bool driverless
        = draft->windows && !draft->profile->like_nova && draft->virtio == KN_GUEST_DRIVERS_ABSENT;
    const KnOs *os = kn_draft_os (draft);
    const char *own = os ? os->nic_model : "e1000e";
    const char *model = said.text ? said.text : driverless ? own : "virtio";
    if (!said.text && draft->config->no_virtio_for_bridges)
        return true;

    w->model = kn_freeze (draft, "vif_model", model);
    if (!check_model (draft, w->model, error))
        return false;
    if (w->backend == BACK_VHOSTUSER && strcmp (w->model, "virtio") != 0
        && !draft->profile->like_nova) {
        kn_guest_fail (error, "driver/UnsupportedHardware",
                       "A port on vhost-user has to be a virtio card, but hw_vif_model is '%s'.",
                       w->model);
        return false;
    }
    if (kn_is_held (draft, "vif_model", model))
        kn_because (draft, &rule_model_frozen, "hardware identity");
    else if (said.text)
        kn_because (draft, &rule_model_said, said.source);
    else if (driverless)
        kn_because (draft, &rule_model_driverless, "inspection");
    else if (os && os->predates_virtio && draft->virtio != KN_GUEST_DRIVERS_PRESENT)
        kn_because_of (draft, &rule_model_windows, NULL,
                       "Nobody named a card; %s is older than virtio, so it has a network only if "
                       "the driver was put into the image (hw_vif_model=%s works without).",
                       os->title, os->nic_model);
    else if (draft->windows && draft->virtio != KN_GUEST_DRIVERS_PRESENT)
        kn_because (draft, &rule_model_windows, NULL);
    else
        kn_because (draft, &rule_model_default, NULL);
    return true;
}

static bool
choose_queues (Wiring *w, KnSaid *out_said, GError **error)
{
    KnDraft *draft = w->draft;
    guint most = draft->config->max_queues, vcpus = draft->facts->vcpus;
    if (vcpus <= 1) /* Nova does not even look for a conflict then */
        return true;
    if (!kn_pick (draft, "hw_vif_multiqueue_enabled", out_said, error))
        return false;
    if (kn_true (*out_said) && draft->kvm && g_strcmp0 (w->model, "virtio") == 0)
        w->queues = most ? MIN (most, vcpus) : vcpus;
    return true;
}

/* Nova leaves queues and packed rings out without a word where they cannot be. */
static bool
check_virtio_wish (const Wiring *w, KnSaid said, GError **error)
{
    if (!w->draft->profile->beyond_26 || !kn_true (said) || g_strcmp0 (w->model, "virtio") == 0)
        return true;
    kn_guest_fail (error, "api/InvalidRequest", "%s is for virtio cards, and this one is '%s'.",
                   said.source, w->model ? w->model : "libvirt's default");
    return false;
}

static void
say_no_queues (const Wiring *w, KnSaid multiqueue)
{
    if (!w->draft->profile->beyond_26 || !kn_true (multiqueue) || w->queues)
        return;
    g_autofree char *path = g_strconcat (w->element, "/driver/@queues", NULL);
    kn_because (w->draft, &rule_no_queues, multiqueue.source);
    kn_leave_out (w->draft, path);
}

static bool
say_packed (const Wiring *w, GError **error)
{
    KnDraft *draft = w->draft;
    KnSaid said;
    if (!kn_pick_later (draft, "hw_virtio_packed_ring", &said, error)
        || !check_virtio_wish (w, said, error))
        return false;
    if (!kn_true (said))
        return true;
    if (!kn_require_host (draft, said, 6003000, 4002000, error))
        return false;
    kn_because (draft, &rule_packed, said.source);
    say (w, "driver/@packed", "on");
    return true;
}

static void
say_queue_sizes (const Wiring *w)
{
    const KnGuestConfig *config = w->draft->config;
    g_autofree char *rx = g_strdup_printf ("%u", config->rx_queue_size);
    g_autofree char *tx = g_strdup_printf ("%u", config->tx_queue_size);
    bool virtio = g_strcmp0 (w->model, "virtio") == 0, user = w->backend == BACK_VHOSTUSER;
    if (config->rx_queue_size && (virtio || user)) {
        kn_because (w->draft, &rule_queue_size, "config rx_queue_size");
        say (w, "driver/@rx_queue_size", rx);
    }
    if (config->tx_queue_size && user) {
        kn_because (w->draft, &rule_queue_size, "config tx_queue_size");
        say (w, "driver/@tx_queue_size", tx);
    }
}

static void
say_driver (const Wiring *w, KnSaid multiqueue)
{
    KnDraft *draft = w->draft;
    bool named = w->backend != BACK_VHOSTUSER && g_strcmp0 (w->model, "virtio") == 0;
    if (named && !draft->kvm) {
        kn_because (draft, &rule_qemu, "host");
        say (w, "driver/@name", "qemu");
    } else if (named && (w->queues || draft->config->rx_queue_size)) {
        kn_because (draft, w->queues ? &rule_queues : &rule_queue_size, multiqueue.source);
        say (w, "driver/@name", "vhost");
    }
    if (w->queues) {
        g_autofree char *text = g_strdup_printf ("%u", w->queues);
        kn_because (draft, &rule_queues, multiqueue.source);
        say (w, "driver/@queues", text);
    }
    say_queue_sizes (w);
    if (draft->sev && g_strcmp0 (w->model, "virtio") == 0) {
        kn_because (draft, &rule_iommu, NULL);
        say (w, "driver/@iommu", "on");
    }
}

/* "0000:0a:00.1" */
static void
say_pci_address (const Wiring *w, const char *base)
{
    const char *const names[] = { "domain", "bus", "slot", "function" };
    g_auto (GStrv) parts = g_strsplit_set (w->nic->pci_address ? w->nic->pci_address : "", ":.", 4);
    for (gsize i = 0; i < G_N_ELEMENTS (names) && parts[i]; i++) {
        g_autofree char *path = g_strdup_printf ("%s/@%s", base, names[i]);
        g_autofree char *value = g_strdup_printf ("0x%s", parts[i]);
        say (w, path, value);
    }
}

static void
say_source (const Wiring *w)
{
    const KnGuestNic *nic = w->nic;
    kn_because (w->draft, &rule_port, "port");
    switch (w->backend) {
    case BACK_BRIDGE:
    case BACK_OVS:
        say (w, "source/@bridge", nic->bridge);
        break;
    case BACK_VHOSTUSER:
        say (w, "source/@type", "unix");
        say (w, "source/@mode", nic->socket_mode);
        say (w, "source/@path", nic->socket_path);
        break;
    case BACK_VF:
        say (w, "source/address/@type", "pci");
        say_pci_address (w, "source/address");
        say (w, "vlan/tag/@id", nic->vlan);
        break;
    case BACK_MACVTAP:
        say (w, "source/@dev", nic->macvtap_source);
        say (w, "source/@mode", nic->macvtap_mode);
        break;
    case BACK_ETHERNET:
    case BACK_TAP:
    case BACK_PF:
    case BACK_N:
        break;
    }
}

static void
say_target (const Wiring *w)
{
    const KnGuestNic *nic = w->nic;
    if (backends[w->backend].mtu && nic->mtu) {
        g_autofree char *text = g_strdup_printf ("%u", nic->mtu);
        kn_because (w->draft, &rule_mtu, "network");
        say (w, "mtu/@size", text);
    }
    kn_because (w->draft, &rule_port, "port");
    if (backends[w->backend].target)
        say (w, "target/@dev", nic->tap);
    if (w->backend == BACK_OVS) {
        say (w, "virtualport/@type", "openvswitch");
        say (w, "virtualport/parameters/@interfaceid",
             nic->ovs_interface_id ? nic->ovs_interface_id : nic->port_id);
    }
}

/* Peak and burst count only beside the average of their direction; without it Nova drops them without a word, and check.c
 * refuses them for our own profiles. */
static void
say_bandwidth (const Wiring *w)
{
    const char *const directions[] = { "inbound", "outbound" }, *const what[]
                                                                = { "average", "peak", "burst" };
    for (gsize d = 0; d < G_N_ELEMENTS (directions); d++) {
        g_autofree char *average = g_strdup_printf ("quota:vif_%s_average", directions[d]);
        if (!kn_is_limit (w->draft, kn_spec (w->draft, average)))
            continue;
        for (gsize i = 0; i < G_N_ELEMENTS (what); i++) {
            g_autofree char *spec = g_strdup_printf ("quota:vif_%s_%s", directions[d], what[i]);
            g_autofree char *path = g_strdup_printf ("bandwidth/%s/@%s", directions[d], what[i]);
            KnSaid said = kn_spec (w->draft, spec);
            if (!kn_is_limit (w->draft, said))
                continue;
            kn_because (w->draft, &rule_bandwidth, said.source);
            say (w, path, said.text);
        }
    }
}

/* A whole physical function is a host device, no interface. */
static void
write_physical (KnDraft *draft, const KnGuestNic *nic, gsize index)
{
    g_autofree char *element = g_strdup_printf ("devices/hostdev[%zu]", index);
    Wiring w = { .draft = draft, .nic = nic, .backend = BACK_PF, .element = element };
    kn_because (draft, &rule_port, "port");
    say (&w, "@mode", "subsystem");
    say (&w, "@type", "pci");
    say (&w, "@managed", "yes");
    say_pci_address (&w, "source/address");
}

static bool
write_nic (KnDraft *draft, const KnGuestNic *nic, gsize index, GError **error)
{
    g_autofree char *element = g_strdup_printf ("devices/interface[%zu]", index);
    Wiring w = { .draft = draft, .nic = nic, .element = element };
    KnSaid multiqueue = { NULL, NULL };
    if (!find_backend (nic, &w.backend, error))
        return false;
    if (w.backend == BACK_PF) {
        write_physical (draft, nic, index);
        return true;
    }

    kn_because (draft, &rule_port, "port");
    say (&w, "@type", backends[w.backend].type);
    if (w.backend == BACK_VF)
        say (&w, "@managed", "yes");
    kn_because (draft, &rule_mac, "port");
    say (&w, "mac/@address", nic->mac);
    if (w.backend != BACK_VF) {
        if (!choose_model (&w, error))
            return false;
        /* The driver of macvtap ports is made for virtio, whatever the image says. */
        say (&w, "model/@type", w.backend == BACK_MACVTAP ? "virtio" : w.model);
        if (!choose_queues (&w, &multiqueue, error) || !check_virtio_wish (&w, multiqueue, error))
            return false;
        say_driver (&w, multiqueue);
        say_no_queues (&w, multiqueue);
        if (!say_packed (&w, error))
            return false;
    }
    say_source (&w);
    say_target (&w);
    if (backends[w.backend].bandwidth)
        say_bandwidth (&w);
    return true;
}

bool
kn_decide_nics (KnDraft *draft, GError **error)
{
    for (gsize i = 0; i < draft->facts->n_nics; i++)
        if (!write_nic (draft, &draft->facts->nics[i], i, error))
            return false;
    return true;
}
