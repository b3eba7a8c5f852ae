/* SPDX-License-Identifier: Apache-2.0 */
/* Extra specs of flavors: whether one may stand there, and what was probably meant by one that may not. */
#include <string.h>

#include "base/util.h"
#include "guest/guest_priv.h"

/* Seen in flavors; the first three are what Nova 26 itself takes for the limits' names (api/validation/extra_specs/hw.py). */
static const struct {
    const char *wrong, *right;
} confusions[] = {
    { "hw:max_cpu_sockets", "hw:cpu_max_sockets" },
    { "hw:max_cpu_cores", "hw:cpu_max_cores" },
    { "hw:max_cpu_threads", "hw:cpu_max_threads" },
    { "hw:max_sockets", "hw:cpu_max_sockets" },
    { "hw:max_cores", "hw:cpu_max_cores" },
    { "hw:max_threads", "hw:cpu_max_threads" },
    { "hw:sockets", "hw:cpu_sockets" },
    { "hw:cores", "hw:cpu_cores" },
    { "hw:threads", "hw:cpu_threads" },
    { "hw:cpu_pinning", "hw:cpu_policy" },
    { "hw:page_size", "hw:mem_page_size" },
    { "hw:hugepages", "hw:mem_page_size" },
    { "hw:secure_boot", "os:secure_boot" },
    { "hw:timezone", "os:timezone" },
    { "hw:video_ram", "hw_video:ram_max_mb" },
    { "quota:shares", "quota:cpu_shares" },
};

/* With '_' wherever somebody might have written another mark. */
static char *
normalise (const char *name)
{
    return g_strdelimit (g_ascii_strdown (name, -1), ":-. ", '_');
}

static const char *
find_confusion (const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS (confusions); i++)
        if (g_ascii_strcasecmp (confusions[i].wrong, name) == 0)
            return confusions[i].right;
    return NULL;
}

/* The spec that differs in its marks and in letter case only, or is the image property's twin. */
static const char *
find_same (const char *name)
{
    gsize n;
    g_autofree char *plain = normalise (name);
    const KnGuestProperty *rows = kn_guest_properties (&n);
    for (gsize i = 0; i < n; i++) {
        if (!rows[i].spec)
            continue;
        g_autofree char *spec = normalise (rows[i].spec);
        if (strcmp (spec, plain) == 0 || g_strcmp0 (rows[i].name, plain) == 0)
            return rows[i].spec;
    }
    return NULL;
}

const char *
kn_guest_spec_suggest (const char *name)
{
    const char *right = find_confusion (name);
    if (!right)
        right = find_same (name);
    if (!right)
        right = kn_find_near (name, offsetof (KnGuestProperty, spec));
    return g_strcmp0 (right, name) == 0 ? NULL : right;
}

/* The image property that was written as an extra spec and has none: "hw:disk_bus". */
static const KnGuestProperty *
find_image_property (const char *name)
{
    g_autofree char *plain = normalise (name);
    const KnGuestProperty *row = kn_guest_property_find (plain);
    return row && row->name && !row->spec ? row : NULL;
}

/* Whether the guest rules own the part before the colon. Everybody else's prefixes are free. */
static bool
is_prefix_ours (const char *name)
{
    gsize n;
    const char *colon = strchr (name, ':');
    const KnGuestProperty *rows = kn_guest_properties (&n);
    for (gsize i = 0; colon && i < n; i++)
        if (rows[i].spec && strncmp (rows[i].spec, name, (gsize)(colon - name) + 1) == 0)
            return true;
    return false;
}

static void
fail_name (const char *name, GError **error)
{
    const char *right = kn_guest_spec_suggest (name);
    const KnGuestProperty *property = right ? NULL : find_image_property (name);
    if (right)
        kn_guest_fail (error, "api/InvalidRequest",
                       "There is no extra spec '%.64s'; did you mean '%s'?", name, right);
    else if (property)
        kn_guest_fail (error, "api/InvalidRequest",
                       "There is no extra spec '%.64s': %s is a property of images.", name,
                       property->name);
    else
        kn_guest_fail (error, "api/InvalidRequest",
                       "There is no extra spec '%.64s'; keys with a prefix of your own are free.",
                       name);
}

bool
kn_guest_check_spec (const char *name, const char *value, GError **error)
{
    const KnGuestProperty *row = kn_guest_spec_find (name);
    g_autofree char *allowed = NULL;
    if (!row && !is_prefix_ours (name))
        return true;
    if (!row) {
        fail_name (name, error);
        return false;
    }
    if (kn_guest_property_allows (row, value, &allowed))
        return true;
    kn_guest_fail (error, "api/InvalidRequest",
                   "Extra spec %.64s cannot be '%.200s'; allowed is %s.", name, value, allowed);
    return false;
}

/* A key without a prefix is free, but one that is named like a property was meant to do something. */
static char *
dup_doubt (const char *name)
{
    const char *right = strchr (name, ':') || kn_guest_spec_find (name) ? NULL : find_same (name);
    const KnGuestProperty *property = strchr (name, ':') || kn_guest_spec_find (name) || right
                                          ? NULL
                                          : kn_guest_property_find (name);
    if (right)
        return g_strdup_printf ("'%.64s' has no effect on a flavor; did you mean '%s'?", name,
                                right);
    if (property)
        return g_strdup_printf ("'%.64s' has no effect on a flavor: it is a property of images.",
                                name);
    return NULL;
}

static char *
dup_suggestion (const char *name, const char *value)
{
    const KnGuestProperty *known = kn_guest_spec_find (name);
    const char *right = known ? name : kn_guest_spec_suggest (name);
    const KnGuestProperty *row = right ? kn_guest_spec_find (right) : NULL;
    if (!row)
        return NULL;
    g_autofree char *lower = g_strstrip (g_ascii_strdown (value, -1));
    const char *fit = kn_guest_property_allows (row, value, NULL) ? value : lower;
    return kn_guest_property_allows (row, fit, NULL) ? g_strdup_printf ("%s=%s", right, fit) : NULL;
}

KnGuestHint *
kn_guest_spec_hint (const char *name, const char *value)
{
    g_autoptr (GError) error = NULL;
    char *message = kn_guest_check_spec (name, value, &error)
                        ? dup_doubt (name)
                        : g_strdup (kn_error_sentence (error));
    return message ? kn_guest_hint_new (name, value, message, dup_suggestion (name, value)) : NULL;
}
