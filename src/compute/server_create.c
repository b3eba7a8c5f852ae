/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that create and rebuild have in common. */
#include "compute/server_create.h"

#include <string.h>

#include "base/error.h"
#include "base/id.h"
#include "base/time.h"
#include "base/util.h"
#include "base/zone.h"
#include "compute/facts.h"
#include "compute/placement.h"
#include "guest/plan.h"

#define PROFILE_KEY "kilonova:profile"

bool
kn_server_bad_reference (GError *local, GError **error)
{
    if (local->domain == KN_ERROR && local->code == KN_ERROR_NOT_FOUND)
        local->code = KN_ERROR_BAD_REQUEST;
    g_propagate_error (error, local);

    return false;
}

static bool
check_image (const KnImage *image, gint64 memory_mib, gint64 root_gib, GError **error)
{
    guint64 bytes = MAX (image->virtual_size_bytes, image->size_bytes);

    if (strcmp (image->status, "active") != 0) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "Image %s is not active: it is %s.",
                         image->id, image->status);
        return false;
    }
    if (image->min_ram_mib > memory_mib) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "The flavor's memory is too small for image %s: it needs %" G_GINT64_FORMAT
                         " MiB.",
                         image->id, image->min_ram_mib);
        return false;
    }
    if (root_gib > 0
        && (image->min_disk_gib > root_gib
            || image->virtual_size_bytes > (guint64)root_gib * GIB)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "The flavor's disk is too small for image %s: it needs %" G_GUINT64_FORMAT
                         " GiB.",
                         image->id, MAX ((guint64)image->min_disk_gib, (bytes + GIB - 1) / GIB));
        return false;
    }

    return true;
}

KnImage *
kn_server_load_image (KnDb *db, const char *id, const char *project_id, gint64 memory_mib,
                      gint64 root_gib, GError **error)
{
    g_autoptr (KnImage) image = NULL;
    GError *local = NULL;

    if (id == NULL || !kn_id_is_uuid (id)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "Invalid imageRef provided.");
        return NULL;
    }
    image = kn_image_load (db, id, project_id, &local);
    if (image == NULL) {
        (void)kn_server_bad_reference (local, error);
        return NULL;
    }

    return check_image (image, memory_mib, root_gib, error) ? g_steal_pointer (&image) : NULL;
}

/* The image's part of the system metadata, without its prefix. */
static GHashTable *
image_part (GHashTable *system_metadata)
{
    GHashTable *properties = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init (&iter, system_metadata);
    while (g_hash_table_iter_next (&iter, &key, &value))
        if (g_str_has_prefix (key, "image_"))
            g_hash_table_insert (properties, g_strdup ((char *)key + strlen ("image_")),
                                 g_strdup (value));

    return properties;
}

/* QEMU takes a zone that it does not know for UTC without a word, so it is refused here. */
bool
kn_server_check_zone (const char *zone, GError **error)
{
    return zone == NULL || kn_zone_check (zone, error);
}

bool
kn_server_check_property (const char *name, const char *value, GError **error)
{
    /* First the zone: that answer says which one was meant. */
    return (strcmp (name, "os_timezone") != 0 || kn_server_check_zone (value, error))
           && kn_guest_check_property (name, value, error);
}

bool
kn_server_check_said (GHashTable *user_metadata, GError **error)
{
    g_autoptr (GHashTable) said = kn_server_properties (user_metadata);
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init (&iter, said);
    while (g_hash_table_iter_next (&iter, &key, &value))
        if (strcmp (key, PROFILE_KEY) != 0 && !kn_server_check_property (key, value, error))
            return false;

    return true;
}

bool
kn_server_check_guest (const KnServerWish *wish, GError **error)
{
    g_autoptr (GHashTable) properties = image_part (wish->system_metadata);
    g_autoptr (GHashTable) server = kn_server_properties (wish->user_metadata);
    KnGuestFacts facts = {
        .name = wish->name,
        .os_type = g_hash_table_lookup (properties, "os_type"),
        .image_properties = properties,
        .extra_specs = wish->extra_specs,
        .server_properties = server,
        .vcpus = (guint)wish->vcpus,
        .memory_mib = (guint64)wish->memory_mib,
        .root_gib = (guint64)wish->root_gib,
        .ephemeral_gib = (guint64)wish->ephemeral_gib,
        .swap_mib = (guint64)wish->swap_mib,
        .flavor_name = wish->flavor_name,
        .profile = wish->profile,
        .identity = wish->identity,
    };

    g_autoptr (GPtrArray) cells = g_ptr_array_new_with_free_func (g_free);

    /* What others hold there does not count here: that passes. */
    if (wish->host != NULL && kn_guest_host_load (wish->host, &facts.host, NULL))
        (void)kn_guest_cells_load (wish->host, cells, &facts.host, NULL);

    return kn_server_check_zone (g_hash_table_lookup (server, "os_timezone"), error)
           && kn_server_check_zone (g_hash_table_lookup (properties, "os_timezone"), error)
           && kn_server_check_zone (g_hash_table_lookup (wish->extra_specs, "os:timezone"), error)
           && kn_guest_check (&facts, error)
           && (wish->identity == NULL || kn_guest_check_kept (&facts, error));
}

const char *
kn_server_choose_profile (GHashTable *user_metadata, GHashTable *extra_specs,
                          GHashTable *image_properties, const char *fallback)
{
    GHashTable *const places[] = { user_metadata, extra_specs, image_properties };

    for (gsize i = 0; i < G_N_ELEMENTS (places); i++) {
        const char *said = places[i] != NULL ? g_hash_table_lookup (places[i], PROFILE_KEY) : NULL;

        if (said != NULL)
            return said;
    }
    return fallback;
}
