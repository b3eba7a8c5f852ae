/* SPDX-License-Identifier: Apache-2.0 */
/* Asking: what image, server and flavor say, under current names, and which of them wins. */
#include <string.h>

#include "base/util.h"
#include "guest/guest_priv.h"
#include "guest/numa.h"

/* What is said may be long; a sentence about it is not. */
#define MAX_SENTENCE 1500

const KnGuestConfig kn_guest_config_default = {
    .vnc = true,
    .spice_agent = true,
    .vnc_listen = "127.0.0.1",
    .spice_listen = "127.0.0.1",
    .serial_listen = "127.0.0.1",
    .serial_port_first = 10000,
    .balloon_period_s = 10,
    .pointer_model = "usbtablet",
    .rng_path = "/dev/urandom",
};

void
kn_guest_fail (GError **error, const char *stage_and_class, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    g_autofree char *sentence = g_strdup_vprintf (format, args);
    va_end (args);
    if (strlen (sentence) > MAX_SENTENCE)
        sentence[MAX_SENTENCE] = '\0';
    g_autofree char *whole = g_utf8_make_valid (sentence, -1);
    kn_error_public_type (error, KN_ERROR_BAD_REQUEST, stage_and_class, "%s", whole);
}

const char *
kn_heard (const KnDraft *draft, const char *name, const char *value)
{
    const KnGuestProperty *row = kn_guest_property_find (name);
    if (!row || !(row->flags & KN_PROPERTY_ANY_CASE))
        return value;
    g_autofree char *canonical = kn_guest_property_canonical (row, value);
    return g_string_chunk_insert_const (draft->plan->text, canonical);
}

static void
hear (KnDraft *draft, const char *name, const char *value, const char *place, const char *said_as)
{
    value = kn_heard (draft, name, value);
    KnSaid *said = g_new (KnSaid, 1);
    *said = (KnSaid){ .text = value, .source = kn_keep (draft, "%s %s", place, said_as) };
    g_hash_table_replace (draft->properties, g_strdup (name), said);
}

/* VMware's images name their adapter; everything but ide is a SCSI controller of that model (objects/image_meta.py). */
static void
hear_vmware_adapter (KnDraft *draft, const char *value)
{
    bool ide = strcmp (value, "ide") == 0;
    hear (draft, "hw_disk_bus", ide ? "ide" : "scsi", "image", "vmware_adaptertype");
    if (!ide)
        hear (draft, "hw_scsi_model", value, "image", "vmware_adaptertype");
}

static const char *
current_name (const KnDraft *draft, const char *name)
{
    const KnGuestProperty *row = kn_guest_property_find (name);
    if (!row || g_strcmp0 (row->legacy, name) != 0)
        return name;
    bool ours = strcmp (name, "hw_ovirt_guest_agent") == 0; /* Nova does not know this twin */
    return ours && draft->profile->like_nova ? name : row->name;
}

/* Legacy names first, so that current ones replace them where both stand. */
static void
hear_image (KnDraft *draft, GHashTable *image)
{
    GHashTableIter iter;
    gpointer name, value;
    g_hash_table_iter_init (&iter, image);
    while (g_hash_table_iter_next (&iter, &name, &value)) {
        const char *current = current_name (draft, name);
        if (strcmp (name, "vmware_adaptertype") == 0)
            hear_vmware_adapter (draft, value);
        else if (current != (const char *)name)
            hear (draft, current, value, "image", name);
    }

    g_hash_table_iter_init (&iter, image);
    while (g_hash_table_iter_next (&iter, &name, &value))
        if (current_name (draft, name) == (const char *)name)
            hear (draft, name, value, "image", name);
}

static void
hear_server (KnDraft *draft, GHashTable *server)
{
    GHashTableIter iter;
    gpointer name, value;
    g_hash_table_iter_init (&iter, server);
    while (g_hash_table_iter_next (&iter, &name, &value))
        hear (draft, current_name (draft, name), value, "server", name);
}

static bool
is_windows (const KnDraft *draft)
{
    const char *os_type = draft->facts->os_type;
    if (!os_type)
        return false;
    /* Nova compares the raw column; "Windows" is no Windows there. */
    return draft->profile->like_nova ? strcmp (os_type, "windows") == 0
                                     : g_ascii_strcasecmp (os_type, "windows") == 0;
}

/* Nova plans a guest that is rescued the old way from the rescue image, all but its NUMA cells, which were claimed at boot. */
bool
kn_hear_rescue_image (KnDraft *draft, GError **error)
{
    (void)error;
    if (!draft->facts->rescue || kn_is_stable_rescue (draft) || !draft->profile->like_nova)
        return true;
    g_hash_table_remove_all (draft->properties);
    if (draft->facts->rescue_properties)
        hear_image (draft, draft->facts->rescue_properties);
    return true;
}

static KnGuestDrivers
find_drivers (const KnDraft *draft)
{
    KnSaid said = kn_property (draft, "os_virtio_drivers");
    if (draft->facts->os.virtio != KN_GUEST_DRIVERS_UNKNOWN || draft->profile->like_nova)
        return draft->facts->os.virtio;
    return kn_is (said, "present")  ? KN_GUEST_DRIVERS_PRESENT
           : kn_is (said, "absent") ? KN_GUEST_DRIVERS_ABSENT
                                    : KN_GUEST_DRIVERS_UNKNOWN;
}

KnDraft *
kn_draft_new (const KnGuestFacts *facts, KnGuestPlan *plan, GError **error)
{
    const KnGuestProfile *profile = kn_guest_profile_find (facts->profile);
    if (!profile) {
        kn_guest_fail (error, "api/InvalidRequest",
                       "There is no profile '%s'; known are kilonova-1 and nova-26.",
                       facts->profile);
        return NULL;
    }

    KnDraft *draft = g_new0 (KnDraft, 1);
    draft->facts = facts;
    draft->host = &facts->host;
    draft->config = facts->config ? facts->config : &kn_guest_config_default;
    draft->profile = profile;
    draft->plan = plan;
    draft->properties = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    if (facts->image_properties)
        hear_image (draft, facts->image_properties);
    if (facts->server_properties)
        hear_server (draft, facts->server_properties);

    draft->host_known = facts->host.arch != NULL;
    draft->kvm = g_strcmp0 (facts->host.virt_type, "qemu") != 0;
    draft->windows = is_windows (draft);
    draft->virtio = find_drivers (draft);
    return draft;
}

void
kn_draft_free (KnDraft *draft)
{
    if (!draft)
        return;
    g_hash_table_unref (draft->properties);
    kn_numa_topology_free (draft->numa);
    g_free (draft->slots);
    g_free (draft);
}

KnSaid
kn_property (const KnDraft *draft, const char *name)
{
    const KnSaid *said = g_hash_table_lookup (draft->properties, name);
    return said ? *said : (KnSaid){ NULL, NULL };
}

KnSaid
kn_spec (const KnDraft *draft, const char *name)
{
    const char *text
        = draft->facts->extra_specs ? g_hash_table_lookup (draft->facts->extra_specs, name) : NULL;
    if (!text)
        return (KnSaid){ NULL, NULL };
    g_autofree char *source = g_strdup_printf ("flavor %s", name);
    return (KnSaid){ text, g_string_chunk_insert (draft->plan->text, source) };
}

/* oslo.utils' strutils.bool_from_string: everything that is not one of these is false. */
bool
kn_true (KnSaid said)
{
    bool yes = false;
    return said.text && kn_parse_bool (said.text, &yes) && yes;
}

bool
kn_is (KnSaid said, const char *value)
{
    return said.text && strcmp (said.text, value) == 0;
}

bool
kn_host_has (const KnDraft *draft, guint64 libvirt, guint64 qemu)
{
    const KnGuestHost *host = draft->host;
    return (host->libvirt_version == 0 || host->libvirt_version >= libvirt)
           && (host->qemu_version == 0 || host->qemu_version >= qemu);
}

bool
kn_host_has_iothreads (const KnDraft *draft)
{
    return draft->profile->beyond_26 && kn_host_has (draft, 0, 9000000);
}

static char *
format_version (guint64 version)
{
    return g_strdup_printf ("%u.%u", (guint)(version / 1000000), (guint)(version / 1000 % 1000));
}

bool
kn_require_host (const KnDraft *draft, KnSaid said, guint64 libvirt, guint64 qemu, GError **error)
{
    if (kn_host_has (draft, libvirt, qemu))
        return true;
    g_autofree char *needs_libvirt = format_version (libvirt), *needs_qemu = format_version (qemu);
    g_autofree char *has_libvirt = format_version (draft->host->libvirt_version);
    g_autofree char *has_qemu = format_version (draft->host->qemu_version);
    kn_guest_fail (error, "driver/UnsupportedHardware",
                   "%s is '%s', which needs libvirt %s and QEMU %s; this host has %s and %s.",
                   said.source, said.text, needs_libvirt, needs_qemu, has_libvirt, has_qemu);
    return false;
}

bool
kn_read_int (const char *text, gint64 *out_value)
{
    g_autofree char *trimmed = g_strstrip (g_strdup (text));
    const char *digits = *trimmed == '+' ? trimmed + 1 : trimmed;
    return kn_parse_int (digits, G_MININT64, G_MAXINT64, out_value);
}

/* Nova reads these only on the host, where a word that is no number ends the build. */
bool
kn_demand_number (KnSaid said, gint64 *out_value, GError **error)
{
    if (kn_read_int (said.text, out_value))
        return true;
    kn_guest_fail (error, "driver/ValueError", "%s is '%s', which is no whole number.", said.source,
                   said.text);
    return false;
}

gint64
kn_number (KnSaid said)
{
    gint64 value = 0;
    if (said.text)
        (void)kn_read_int (said.text, &value);
    return value;
}

bool
kn_is_limit (const KnDraft *draft, KnSaid said)
{
    return said.text && (draft->profile->like_nova || kn_number (said) != 0);
}

static bool
say_the_same (const KnGuestProperty *row, KnSaid image, KnSaid flavor)
{
    if (row->type == KN_PROPERTY_BOOL)
        return kn_true (image) == kn_true (flavor);
    return strcmp (image.text, flavor.text) == 0;
}

bool
kn_pick (KnDraft *draft, const char *name, KnSaid *out_said, GError **error)
{
    const KnGuestProperty *row = kn_guest_property_find (name);
    g_assert (row && row->spec);
    KnSaid image = kn_property (draft, name), flavor = kn_spec (draft, row->spec);

    if (row->wins == KN_WINS_EQUAL && image.text && flavor.text
        && !say_the_same (row, image, flavor)) {
        kn_guest_fail (
            error, row->conflict,
            "Image and flavor disagree: %s is '%s' on the image, %s is '%s' on the flavor; "
            "they have to say the same.",
            name, image.text, row->spec, flavor.text);
        return false;
    }

    bool flavor_first = row->wins == KN_WINS_FLAVOR || row->wins == KN_WINS_EQUAL;
    if (row->wins == KN_WINS_EITHER)
        flavor_first = kn_true (flavor);
    KnSaid first = flavor_first ? flavor : image;
    *out_said = first.text ? first : flavor_first ? image : flavor;
    return true;
}

bool
kn_pick_later (KnDraft *draft, const char *name, KnSaid *out_said, GError **error)
{
    *out_said = (KnSaid){ NULL, NULL };
    if (!draft->profile->beyond_26)
        return true;
    if (!kn_pick (draft, name, out_said, error))
        return false;
    g_autofree char *allowed = NULL;
    const KnGuestProperty *row = kn_guest_property_find (name);
    if (!out_said->text || kn_guest_property_allows (row, out_said->text, &allowed))
        return true;
    kn_guest_fail (error, "api/InvalidRequest", "%s is '%.200s'; allowed is %s.", out_said->source,
                   out_said->text, allowed);
    return false;
}
