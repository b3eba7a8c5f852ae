/* SPDX-License-Identifier: Apache-2.0 */
/* Likely mistakes: names that mean another one, values in the wrong case. */
#include <string.h>

#include "base/util.h"
#include "guest/guest_priv.h"

/* Seen in operators' notes and blogs; value NULL: the value is kept. */
static const struct {
    const char *wrong, *right, *value;
} confusions[] = {
    { "os", "os_type", NULL },
    { "ostype", "os_type", NULL },
    { "hw_os_type", "os_type", NULL },
    { "img_os_type", "os_type", NULL },
    { "operating_system", "os_type", NULL },
    { "hw_max_sockets", "hw_cpu_max_sockets", NULL },
    { "hw_max_cores", "hw_cpu_max_cores", NULL },
    { "hw_max_threads", "hw_cpu_max_threads", NULL },
    { "hw_max_cpu_sockets", "hw_cpu_max_sockets", NULL },
    { "hw_sockets", "hw_cpu_sockets", NULL },
    { "hw_cores", "hw_cpu_cores", NULL },
    { "hw_threads", "hw_cpu_threads", NULL },
    { "hw_guest_agent", "hw_qemu_guest_agent", NULL },
    { "qemu_guest_agent", "hw_qemu_guest_agent", NULL },
    { "hw_qemu_agent", "hw_qemu_guest_agent", NULL },
    { "hw_net_model", "hw_vif_model", NULL },
    { "hw_nic_model", "hw_vif_model", NULL },
    { "hw_disk_model", "hw_disk_bus", NULL },
    { "hw_firmware", "hw_firmware_type", NULL },
    { "hw_uefi", "hw_firmware_type", "uefi" },
    { "hw_secure_boot", "os_secure_boot", NULL },
    { "hw_timezone", "os_timezone", NULL },
    { "timezone", "os_timezone", NULL },
};

void
kn_guest_hint_free (KnGuestHint *hint)
{
    if (!hint)
        return;
    g_free (hint->property);
    g_free (hint->value);
    g_free (hint->message);
    g_free (hint->suggestion);
    g_free (hint);
}

/* Case, hyphens, colons and an `image.` or `image_` in front are how names are mistyped most. */
static char *
normalise (const char *name)
{
    g_autofree char *lower = g_ascii_strdown (name, -1);
    g_strdelimit (lower, ":-. ", '_');
    const char *bare = g_str_has_prefix (lower, "image_") ? lower + strlen ("image_") : lower;
    return g_strdup (bare);
}

const char *
kn_find_near (const char *name, gsize member)
{
    gsize n;
    const char *best = NULL;
    guint nearest = strlen (name) >= 8 ? 2 : 1;
    const KnGuestProperty *rows = kn_guest_properties (&n);
    for (gsize i = 0; i < n; i++) {
        const char *known = G_STRUCT_MEMBER (const char *, &rows[i], member);
        guint d = known ? kn_word_distance (name, known) : G_MAXUINT;
        if (d <= nearest && (d < nearest || !best)) {
            nearest = d;
            best = known;
        }
    }
    return best;
}

static gssize
find_confusion (const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS (confusions); i++)
        if (strcmp (confusions[i].wrong, name) == 0)
            return (gssize)i;
    return -1;
}

const char *
kn_guest_property_suggest (const char *name)
{
    g_autofree char *bare = normalise (name);
    gssize confusion = find_confusion (bare);
    if (confusion >= 0)
        return confusions[confusion].right;
    const KnGuestProperty *row = kn_guest_property_find (bare);
    if (row && row->name && strcmp (row->name, name) != 0)
        return row->name;
    return kn_find_near (bare, offsetof (KnGuestProperty, name));
}

KnGuestHint *
kn_guest_hint_new (const char *property, const char *value, char *message, char *suggestion)
{
    KnGuestHint *hint = g_new (KnGuestHint, 1);
    *hint = (KnGuestHint){ g_strdup (property), g_strdup (value), message, suggestion };
    return hint;
}

/* The value in the spelling that the property takes, where there is one. */
static char *
mend_value (const KnGuestProperty *row, const char *value)
{
    g_autofree char *lower = g_ascii_strdown (value, -1);
    g_strstrip (lower);
    return g_strdup (kn_guest_property_allows (row, lower, NULL) ? lower : value);
}

static KnGuestHint *
hint_at_name (const char *name, const char *value)
{
    const char *right = kn_guest_property_suggest (name);
    if (!right)
        return NULL;
    g_autofree char *bare = normalise (name);
    gssize confusion = find_confusion (bare);
    const char *meant
        = confusion >= 0 && confusions[confusion].value ? confusions[confusion].value : value;
    g_autofree char *mended = mend_value (kn_guest_property_find (right), meant);
    return kn_guest_hint_new (
        name, value,
        g_strdup_printf ("'%s' is not a property that shapes a guest, so it has no "
                         "effect; did you mean %s=%s?",
                         name, right, mended),
        g_strdup_printf ("%s=%s", right, mended));
}

static KnGuestHint *
hint_at_value (const KnGuestProperty *row, const char *name, const char *value)
{
    g_autofree char *allowed = NULL;
    if (kn_guest_property_allows (row, value, &allowed))
        return NULL;
    g_autofree char *mended = mend_value (row, value);
    if (strcmp (mended, value) != 0)
        return kn_guest_hint_new (
            name, value,
            g_strdup_printf ("%s is '%s', which other clouds take for unknown; write %s=%s.", name,
                             value, name, mended),
            g_strdup_printf ("%s=%s", name, mended));
    return kn_guest_hint_new (
        name, value,
        g_strdup_printf ("%s is '%s', which is not allowed; allowed is %s.", name, value, allowed),
        NULL);
}

static void
hint_at_missing_os_type (GHashTable *properties, GPtrArray *hints)
{
    const char *distro = g_hash_table_lookup (properties, "os_distro");
    const KnOsFamily *family = kn_os_find_family (distro);
    if (!family || strcmp (family->rtc, "localtime") != 0
        || g_hash_table_contains (properties, "os_type"))
        return;
    g_ptr_array_add (
        hints,
        kn_guest_hint_new ("os_distro", distro,
                           g_strdup_printf ("os_distro is '%s', but the clock follows os_type, "
                                            "which is missing; did you mean os_type=windows?",
                                            distro),
                           g_strdup ("os_type=windows")));
}

GPtrArray *
kn_guest_hints (GHashTable *image_properties)
{
    GPtrArray *hints = g_ptr_array_new_with_free_func ((GDestroyNotify)kn_guest_hint_free);
    GHashTableIter iter;
    gpointer name, value;
    g_hash_table_iter_init (&iter, image_properties);
    while (g_hash_table_iter_next (&iter, &name, &value)) {
        const KnGuestProperty *row = kn_guest_property_find (name);
        KnGuestHint *hint = row ? hint_at_value (row, name, value) : hint_at_name (name, value);
        if (hint)
            g_ptr_array_add (hints, hint);
    }
    hint_at_missing_os_type (image_properties, hints);
    return hints;
}

bool
kn_guest_check_property (const char *name, const char *value, GError **error)
{
    const KnGuestProperty *row = kn_guest_property_find (name);
    g_autofree char *allowed = NULL;
    if (!row || strcmp (row->name ? row->name : "", name) != 0) {
        const char *near = kn_guest_property_suggest (name);
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "There is no property '%s'%s%s%s", name,
                         near ? "; did you mean '" : "", near ? near : "", near ? "'?" : ".");
        return false;
    }
    if (!(row->flags & KN_PROPERTY_ON_SERVER)) {
        kn_error_public (
            error, KN_ERROR_BAD_REQUEST,
            "%s cannot be changed on a server: it belongs to the hardware that the guest was "
            "installed on. Set it on the image and rebuild.",
            name);
        return false;
    }
    if (!kn_guest_property_allows (row, value, &allowed)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "%s cannot be '%.200s'; allowed is %s.", name,
                         value, allowed);
        return false;
    }
    return true;
}
