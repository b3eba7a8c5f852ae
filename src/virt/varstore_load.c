/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a variable store, from wherever on a host it is. */
#include <string.h>

#include "base/id.h"
#include "virt/varstore.h"
#include "virt/virt_priv.h"

/* Another thread may take the folder's pool away between two calls of ours. */
#define TRIES 3

/* A pool on @folder: somebody's, or a transient one that the caller has to end. NULL: error. */
static virStoragePoolPtr
open_pool (KnVirtHost *host, virConnectPtr conn, const char *folder, bool *out_ours, GError **error)
{
    virStoragePoolPtr pool = virStoragePoolLookupByTargetPath (conn, folder);

    *out_ours = false;
    if (pool && virStoragePoolIsActive (pool) == 1)
        return pool;
    g_clear_pointer (&pool, virStoragePoolFree);
    virResetLastError ();

    g_autofree char *id = kn_id_uuid ();
    g_autofree char *name = g_strdup_printf ("kilonova-%.8s-look-%.8s", host->cloud_id, id);
    g_autofree char *xml = kn_pool_format_xml (name, folder);
    pool = virStoragePoolCreateXML (conn, xml, 0);
    if (!pool)
        (void)kn_virt_fail (host, conn, error);
    *out_ours = pool != NULL;
    return pool;
}

static bool
find_volume (KnPoolCall *call, const char *name, virStorageVolPtr *out_volume, GError **error)
{
    virStorageVolPtr volume = virStorageVolLookupByName (call->pool, name);

    if (!volume) {
        virResetLastError ();
        if (virStoragePoolRefresh (call->pool, 0) < 0)
            return kn_virt_fail (call->host, call->conn, error);
        volume = virStorageVolLookupByName (call->pool, name);
    }
    if (!volume)
        return kn_virt_fail (call->host, call->conn, error);
    *out_volume = volume;
    return true;
}

static bool
load_bytes (KnVirtHost *host, virConnectPtr conn, const char *path, GByteArray *out, GError **error)
{
    g_autofree char *folder = g_path_get_dirname (path), *name = g_path_get_basename (path);
    g_autoptr (virStoragePool) pool = NULL;
    g_autoptr (virStorageVol) volume = NULL;
    bool ours = false;

    pool = open_pool (host, conn, folder, &ours, error);
    if (!pool)
        return false;
    KnPoolCall call = { .host = host, .conn = conn, .pool = pool };
    bool done = find_volume (&call, name, &volume, error)
                && kn_pool_download_head (&call, volume, KN_VARSTORE_MAX, out, error);

    if (ours)
        (void)virStoragePoolDestroy (pool);
    virResetLastError ();
    return done;
}

KnVarStore *
kn_varstore_load_on (KnVirtHost *host, virConnectPtr conn, const char *path, GError **error)
{
    g_autoptr (GByteArray) bytes = g_byte_array_new ();
    g_autoptr (GError) why = NULL;

    if (!g_path_is_absolute (path)) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST, "'%s' is no absolute path", path);
        return NULL;
    }
    for (int i = 0; i < TRIES; i++) {
        g_clear_error (&why);
        g_byte_array_set_size (bytes, 0);
        if (load_bytes (host, conn, path, bytes, &why))
            return kn_varstore_parse (bytes->data, bytes->len, error);
    }
    g_propagate_error (error, g_steal_pointer (&why));
    return NULL;
}

KnVarStore *
kn_virt_load_varstore (KnVirtHost *host, const char *path, GError **error)
{
    g_autoptr (virConnect) conn = kn_virt_host_connection (host, error);

    return conn ? kn_varstore_load_on (host, conn, path, error) : NULL;
}

bool
kn_domain_load_varstore (KnVirtHost *host, const char *uuid, KnVarStore **out_store,
                         KnVarStore **out_template, GError **error)
{
    g_auto (KnDomainCall) call = { 0 };
    g_autoptr (KnXmlView) view = NULL;

    *out_store = *out_template = NULL;
    if (!kn_domain_call_open (&call, host, uuid, error))
        return false;
    if (kn_virt_is_test (call.conn))
        return true;
    char *text = virDomainGetXMLDesc (call.domain, 0);
    if (!text)
        return kn_virt_fail (host, call.conn, error);
    view = kn_xml_view_new (text, error);
    free (text);
    if (!view)
        return false;

    g_autofree char *path = kn_xml_view_dup (view, "/domain/os/nvram");
    g_autofree char *template = kn_xml_view_dup (view, "/domain/os/nvram/@template");
    if (!path || !*path)
        return true;
    *out_store = kn_varstore_load_on (host, call.conn, path, error);
    if (*out_store && template)
        *out_template = kn_varstore_load_on (host, call.conn, template, NULL);
    return *out_store != NULL;
}
