/* SPDX-License-Identifier: Apache-2.0 */
/* USB: the controller, and ports for devices at the viewer's end. */
#include <string.h>

#include "guest/guest_priv.h"

static const KnRule rule_usb = { "devices.usb", "Something is on USB." };
static const KnRule rule_said = { "devices.usb-said", "The USB controller was asked for." };
static const KnRule rule_xhci
    = { "devices.usb-xhci", "The xHCI controller is the one that does not wake the host "
                            "without need, and q35 has a slot for it." };
static const KnRule rule_none
    = { "devices.no-usb", "Nothing is on USB, so no controller wakes the host for it." };
static const KnRule rule_redirected
    = { "devices.usb-redirected", "Devices at the viewer's end can be plugged into these ports." };

bool
kn_declines_usb (KnDraft *draft)
{
    KnSaid said;
    return kn_pick_later (draft, "hw_usb_model", &said, NULL) && kn_is (said, "none");
}

/* What was asked for by name and needs USB; NULL: nothing. */
static const char *
find_need (KnDraft *draft, KnSaid ports)
{
    KnSaid sound = { NULL, NULL };
    (void)kn_pick_later (draft, "hw_sound_model", &sound, NULL);
    const KnSaid said[] = { kn_property (draft, "hw_input_bus"), kn_property (draft, "hw_disk_bus"),
                            kn_property (draft, "hw_cdrom_bus"), sound };
    for (gsize i = 0; i < G_N_ELEMENTS (said); i++)
        if (kn_is (said[i], "usb"))
            return said[i].source;
    if (kn_property (draft, "hw_pointer_model").text && !said[0].text)
        return kn_property (draft, "hw_pointer_model").source;
    return kn_number (ports) > 0 ? ports.source : NULL;
}

static bool
check_usb (KnDraft *draft, GError **error)
{
    KnSaid model, ports;
    if (!kn_pick_later (draft, "hw_usb_model", &model, error)
        || !kn_pick_later (draft, "hw_redirected_usb_ports", &ports, error))
        return false;
    const char *need = kn_is (model, "none") ? find_need (draft, ports) : NULL;
    if (need) {
        kn_guest_fail (error, "api/InvalidRequest",
                       "%s is 'none', but %s asks for something on USB.", model.source, need);
        return false;
    }
    if (kn_number (ports) > 0 && !draft->config->spice) {
        kn_guest_fail (error, "api/InvalidRequest",
                       "%s asks for %s redirected USB ports, which need SPICE; this cloud's "
                       "graphical consoles are VNC.",
                       ports.source, ports.text);
        return false;
    }
    return true;
}

/* On q35 libvirt's default is an old UHCI behind a bridge to conventional PCI. Windows before 8 has no xHCI driver. */
static const char *
default_model (const KnDraft *draft)
{
    const KnOs *os = kn_draft_os (draft);
    bool old = os && !os->xhci;
    return !draft->profile->like_nova && draft->q35 && !old ? "qemu-xhci" : NULL;
}

static void
decide_controller (KnDraft *draft, KnSaid said, bool needed)
{
    const char *wish = said.text && !kn_is (said, "none") ? said.text : default_model (draft);
    const char *model = needed ? wish : "none";
    if (needed && model)
        model = kn_freeze (draft, "usb_model", model);
    kn_because (draft,
                said.text ? &rule_said
                : !needed ? &rule_none
                : model   ? &rule_xhci
                          : &rule_usb,
                said.source);
    kn_decide (draft, "devices/controller[usb]/@type", "usb");
    kn_decide (draft, "devices/controller[usb]/@index", "0");
    if (model)
        kn_decide (draft, "devices/controller[usb]/@model", model);
}

static void
decide_redirected (KnDraft *draft, KnSaid ports)
{
    for (gint64 i = 0; i < kn_number (ports); i++) {
        g_autofree char *element = g_strdup_printf ("devices/redirdev[%d]", (int)i);
        kn_because (draft, &rule_redirected, ports.source);
        kn_decide_in (draft, element, "@bus", "usb");
        kn_decide_in (draft, element, "@type", "spicevmc");
    }
}

bool
kn_decide_usb (KnDraft *draft, GError **error)
{
    KnSaid said, ports, sound;
    if (!check_usb (draft, error) || !kn_pick_later (draft, "hw_usb_model", &said, error)
        || !kn_pick_later (draft, "hw_redirected_usb_ports", &ports, error)
        || !kn_pick_later (draft, "hw_sound_model", &sound, error))
        return false;
    bool needed = draft->input_on_usb || kn_has_disk_on (draft, "usb")
                  || g_str_has_prefix (draft->arch, "ppc") || kn_number (ports) > 0
                  || kn_is (sound, "usb") || (said.text && !kn_is (said, "none"));
    decide_controller (draft, said, needed);
    decide_redirected (draft, ports);
    return true;
}
