/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes: made, listed, measured and deleted. */
#include "virt/volume.h"

#include <string.h>

#include "virt/virt_priv.h"

#define SPACE_MAX_AGE_MS 10000

char *
kn_volume_format_xml (const char *name, const char *format, guint64 size_bytes,
                      const char *base_path, const char *base_format)
{
    g_autofree char *head = g_markup_printf_escaped (
        "<volume><name>%s</name><capacity unit='bytes'>%" G_GUINT64_FORMAT "</capacity>"
        "<allocation unit='bytes'>0</allocation><target><format type='%s'/>",
        name, size_bytes, format);
    g_autofree char *backing
        = base_path ? g_markup_printf_escaped ("<backingStore><path>%s</path><format type='%s'/>"
                                               "</backingStore>",
                                               base_path, base_format)
                    : g_strdup ("");
    const char *compat = strcmp (format, "qcow2") == 0 ? "<compat>1.1</compat>" : "";

    return g_strconcat (head, compat, "</target>", backing, "</volume>", NULL);
}

char *
kn_volume_path (KnVirtHost *host, KnPool pool, const char *name)
{
    return g_build_filename (host->dirs[pool], name, NULL);
}

/* The virtual size of the image @base. */
static bool
load_base_size (KnVirtHost *host, const char *base, guint64 *out_bytes, GError **error)
{
    g_auto (KnPoolCall) call = { 0 };
    g_autoptr (virStorageVol) volume = NULL;
    virStorageVolInfo info;

    if (!kn_pool_call_open (&call, host, KN_POOL_IMAGES, error))
        return false;
    if (call.test) {
        *out_bytes = 0;
        return true;
    }
    if (!kn_pool_find_volume (&call, base, KN_POOL_LOOK_DEEP, &volume, error))
        return false;
    if (!volume) {
        kn_error_set (error, KN_ERROR_NOT_FOUND, "image '%s' is not on host '%s'", base,
                      host->name);
        return false;
    }
    if (virStorageVolGetInfo (volume, &info) < 0)
        return kn_virt_fail (host, call.conn, error);
    *out_bytes = info.capacity;
    return true;
}

static bool
delete_volume (KnPoolCall *call, virStorageVolPtr volume, GError **error)
{
    if (virStorageVolDelete (volume, 0) == 0)
        return true;
    if (kn_virt_last_number () != VIR_ERR_NO_STORAGE_VOL)
        return kn_virt_fail (call->host, call->conn, error);
    virResetLastError ();
    return true;
}

typedef enum { OVERLAY_GOOD, OVERLAY_BROKEN, OVERLAY_FOREIGN } OverlayState;

/* What stands under the overlay's name: one on @base_path, a file that a crash left before its header was written, or another. */
static bool
load_overlay_state (KnPoolCall *call, virStorageVolPtr volume, const char *base_path,
                    OverlayState *out_state, GError **error)
{
    char *text = virStorageVolGetXMLDesc (volume, 0);

    if (!text)
        return kn_virt_fail (call->host, call->conn, error);
    g_autoptr (KnXmlView) view = kn_xml_view_new (text, error);

    free (text);
    if (!view)
        return false;
    g_autofree char *format = kn_xml_view_dup (view, "/volume/target/format/@type");
    g_autofree char *backing = kn_xml_view_dup (view, "/volume/backingStore/path");

    if (g_strcmp0 (backing, base_path) == 0)
        *out_state = OVERLAY_GOOD;
    else
        *out_state = g_strcmp0 (format, "qcow2") == 0 ? OVERLAY_FOREIGN : OVERLAY_BROKEN;
    return true;
}

/* Makes the overlay of @xml; *@out_again: what stood there was broken and is gone now. */
static bool
create_overlay (KnPoolCall *call, const char *name, const char *xml, const char *base_path,
                bool *out_again, GError **error)
{
    g_autoptr (virStorageVol) volume = NULL;
    bool existed = false;
    OverlayState state = OVERLAY_GOOD;

    if (!kn_pool_create_volume (call, name, xml, &volume, &existed, error))
        return false;
    if (!existed || call->test)
        return true;
    if (!load_overlay_state (call, volume, base_path, &state, error))
        return false;
    if (state == OVERLAY_FOREIGN) {
        kn_error_set (error, KN_ERROR_CONFLICT, "volume '%s' exists and is not based on '%s'", name,
                      base_path);
        return false;
    }
    *out_again = state == OVERLAY_BROKEN;
    return state == OVERLAY_GOOD || delete_volume (call, volume, error);
}

bool
kn_volume_create_overlay (KnVirtHost *host, const char *name, const char *base,
                          const char *base_format, guint64 size_bytes, GError **error)
{
    g_auto (KnPoolCall) call = { 0 };
    guint64 base_bytes = 0;
    bool again = false;

    if (!kn_pool_call_open (&call, host, KN_POOL_INSTANCES, error)
        || !load_base_size (host, base, &base_bytes, error))
        return false;
    if (size_bytes > 0 && size_bytes < base_bytes) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "The disk of %" G_GUINT64_FORMAT " bytes is smaller than the image, which "
                         "has %" G_GUINT64_FORMAT " bytes.",
                         size_bytes, base_bytes);
        return false;
    }

    g_autofree char *base_path = kn_volume_path (host, KN_POOL_IMAGES, base);
    g_autofree char *xml = kn_volume_format_xml (name, "qcow2", MAX (size_bytes, base_bytes),
                                                 call.test ? NULL : base_path, base_format);
    if (!create_overlay (&call, name, xml, base_path, &again, error))
        return false;
    return !again || create_overlay (&call, name, xml, base_path, &again, error);
}

bool
kn_volume_create_empty (KnVirtHost *host, const char *name, const char *format, guint64 size_bytes,
                        GError **error)
{
    g_auto (KnPoolCall) call = { 0 };
    g_autoptr (virStorageVol) volume = NULL;
    g_autofree char *xml = kn_volume_format_xml (name, format, size_bytes, NULL, NULL);
    bool existed = false;

    return kn_pool_call_open (&call, host, KN_POOL_INSTANCES, error)
           && kn_pool_create_volume (&call, name, xml, &volume, &existed, error);
}

/* Deletes NAME.0, NAME.1, … as far as the pool knows them. */
static bool
delete_rotated (KnPoolCall *call, const char *name, GError **error)
{
    for (guint i = 0; i < KN_VOLUME_ROTATED_MAX; i++) {
        g_autofree char *part = g_strdup_printf ("%s.%u", name, i);
        g_autoptr (virStorageVol) volume = NULL;

        if (!kn_pool_find_volume (call, part, KN_POOL_LOOK_KNOWN, &volume, error))
            return false;
        if (!volume)
            return true;
        if (!delete_volume (call, volume, error))
            return false;
    }
    return true;
}

bool
kn_volume_delete (KnVirtHost *host, const char *name, GError **error)
{
    g_auto (KnPoolCall) call = { 0 };
    g_autoptr (virStorageVol) volume = NULL;

    if (!kn_pool_call_open (&call, host, KN_POOL_INSTANCES, error)
        || !kn_pool_find_volume (&call, name, KN_POOL_LOOK_DEEP, &volume, error))
        return false;
    if (volume && !delete_volume (&call, volume, error))
        return false;
    return delete_rotated (&call, name, error);
}

bool
kn_volume_load_capacity (KnVirtHost *host, const char *name, guint64 *out_bytes, GError **error)
{
    g_auto (KnPoolCall) call = { 0 };
    g_autoptr (virStorageVol) volume = NULL;
    virStorageVolInfo info;

    if (!kn_pool_call_open (&call, host, KN_POOL_INSTANCES, error)
        || !kn_pool_find_volume (&call, name, KN_POOL_LOOK_DEEP, &volume, error))
        return false;
    if (!volume) {
        kn_error_set (error, KN_ERROR_NOT_FOUND, "volume '%s' is not on host '%s'", name,
                      host->name);
        return false;
    }
    if (virStorageVolGetInfo (volume, &info) < 0)
        return kn_virt_fail (host, call.conn, error);
    *out_bytes = info.capacity;
    return true;
}

static void
free_volumes (virStorageVolPtr *volumes)
{
    for (gsize i = 0; volumes && volumes[i]; i++)
        (void)virStorageVolFree (volumes[i]);
    free (volumes);
}

bool
kn_volume_delete_all_but (KnVirtHost *host, const char *prefix, const char *const *keep,
                          GError **error)
{
    g_auto (KnPoolCall) call = { 0 };
    virStorageVolPtr *volumes = NULL;
    bool done = true;

    if (!kn_volume_check_name (prefix, error)
        || !kn_pool_call_open (&call, host, KN_POOL_INSTANCES, error)
        || !kn_pool_refresh (&call, error))
        return false;
    if (virStoragePoolListAllVolumes (call.pool, &volumes, 0) < 0)
        return kn_virt_fail (host, call.conn, error);
    for (gsize i = 0; done && volumes[i]; i++) {
        const char *name = virStorageVolGetName (volumes[i]);

        if (g_str_has_prefix (name, prefix) && !g_strv_contains (keep, name))
            done = delete_volume (&call, volumes[i], error);
    }
    free_volumes (volumes);
    return done;
}

bool
kn_volume_delete_all (KnVirtHost *host, const char *prefix, GError **error)
{
    static const char *const none[] = { NULL };

    return kn_volume_delete_all_but (host, prefix, none, error);
}

char **
kn_volume_list (KnVirtHost *host, KnPool pool, GError **error)
{
    g_auto (KnPoolCall) call = { 0 };
    g_autoptr (GStrvBuilder) names = g_strv_builder_new ();
    virStorageVolPtr *volumes = NULL;

    if (!kn_pool_call_open (&call, host, pool, error) || !kn_pool_refresh (&call, error))
        return NULL;
    if (virStoragePoolListAllVolumes (call.pool, &volumes, 0) < 0) {
        (void)kn_virt_fail (host, call.conn, error);
        return NULL;
    }
    for (gsize i = 0; volumes[i]; i++)
        g_strv_builder_add (names, virStorageVolGetName (volumes[i]));
    free_volumes (volumes);
    return g_strv_builder_end (names);
}

bool
kn_volume_load_space (KnVirtHost *host, KnPool pool, guint64 *out_total, guint64 *out_free,
                      GError **error)
{
    g_auto (KnPoolCall) call = { 0 };
    virStoragePoolInfo info;

    if (!kn_pool_call_open (&call, host, pool, error)
        || !kn_pool_refresh_if_older (&call, SPACE_MAX_AGE_MS, error))
        return false;
    if (virStoragePoolGetInfo (call.pool, &info) < 0)
        return kn_virt_fail (host, call.conn, error);
    *out_total = info.capacity;
    *out_free = info.available;
    return true;
}
