/* SPDX-License-Identifier: Apache-2.0 */
/* libguestfs, loaded at run time by its stable C interface (guestfs(3), version 1.48). */
#include "inspect/guestfs.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define LIBRARY "libguestfs.so.0"
#define ADD_DRIVE_READONLY 0 /* GUESTFS_ADD_DRIVE_OPTS_* */
#define ADD_DRIVE_FORMAT 1
#define KEY_MAX_PARTS 16

typedef struct guestfs_h guestfs_h;

typedef struct {
    guestfs_h *(*create) (void);
    void (*close) (guestfs_h *g);
    const char *(*last_error) (guestfs_h *g);
    void (*set_error_handler) (guestfs_h *g, void *handler, void *data);
    int (*set_backend) (guestfs_h *g, const char *backend);
    int (*set_backend_setting) (guestfs_h *g, const char *name, const char *value);
    int (*set_cachedir) (guestfs_h *g, const char *dir);
    int (*set_memsize) (guestfs_h *g, int mib);
    int (*add_drive_opts) (guestfs_h *g, const char *path, ...);
    int (*launch) (guestfs_h *g);
    int (*shutdown) (guestfs_h *g);
    char **(*list_filesystems) (guestfs_h *g);
    char **(*list_partitions) (guestfs_h *g);
    char *(*vfs_type) (guestfs_h *g, const char *device);
    char *(*part_get_parttype) (guestfs_h *g, const char *device);
    char *(*part_get_gpt_type) (guestfs_h *g, const char *device, int number);
    char *(*part_to_dev) (guestfs_h *g, const char *partition);
    int (*part_to_partnum) (guestfs_h *g, const char *partition);
    int (*mount_ro) (guestfs_h *g, const char *device, const char *where);
    int (*umount_all) (guestfs_h *g);
    char *(*case_sensitive_path) (guestfs_h *g, const char *path);
    int (*is_file) (guestfs_h *g, const char *path);
    int64_t (*filesize) (guestfs_h *g, const char *path);
    char *(*pread) (guestfs_h *g, const char *path, int count, int64_t offset, size_t *out_len);
    char *(*pread_device) (guestfs_h *g, const char *device, int count, int64_t offset,
                           size_t *out_len);
    char *(*readlink) (guestfs_h *g, const char *path);
    int (*hivex_open) (guestfs_h *g, const char *path, ...);
    int (*hivex_close) (guestfs_h *g);
    int64_t (*hivex_root) (guestfs_h *g);
    int64_t (*hivex_node_get_child) (guestfs_h *g, int64_t node, const char *name);
    int64_t (*hivex_node_get_value) (guestfs_h *g, int64_t node, const char *name);
    char *(*hivex_value_value) (guestfs_h *g, int64_t value, size_t *out_len);
} Library;

#define SYMBOL(name)                                                                               \
    {                                                                                              \
        "guestfs_" #name, offsetof (Library, name)                                                 \
    }
static const struct {
    const char *name;
    gsize offset;
} symbols[] = {
    SYMBOL (create),
    SYMBOL (close),
    SYMBOL (last_error),
    SYMBOL (set_error_handler),
    SYMBOL (set_backend),
    SYMBOL (set_backend_setting),
    SYMBOL (set_cachedir),
    SYMBOL (set_memsize),
    SYMBOL (add_drive_opts),
    SYMBOL (launch),
    SYMBOL (shutdown),
    SYMBOL (list_filesystems),
    SYMBOL (list_partitions),
    SYMBOL (vfs_type),
    SYMBOL (part_get_parttype),
    SYMBOL (part_get_gpt_type),
    SYMBOL (part_to_dev),
    SYMBOL (part_to_partnum),
    SYMBOL (mount_ro),
    SYMBOL (umount_all),
    SYMBOL (case_sensitive_path),
    SYMBOL (is_file),
    SYMBOL (filesize),
    SYMBOL (pread),
    SYMBOL (pread_device),
    SYMBOL (readlink),
    SYMBOL (hivex_open),
    SYMBOL (hivex_close),
    SYMBOL (hivex_root),
    SYMBOL (hivex_node_get_child),
    SYMBOL (hivex_node_get_value),
    SYMBOL (hivex_value_value),
};

struct KnGuestfs {
    Library lib;
    void *handle;
    guestfs_h *g;
    bool hive;
};

/* What the library gives is malloc'd; ours is GLib's. */
static char *
take_text (char *text)
{
    char *copy = g_strdup (text);
    free (text);
    return copy;
}

static char **
take_list (char **list)
{
    char **copy = g_strdupv (list);
    for (gsize i = 0; list && list[i]; i++)
        free (list[i]);
    free (list);
    return copy;
}

static char *
take_bytes (char *bytes, size_t len, gsize *out_len)
{
    if (!bytes)
        return NULL;
    char *copy = g_malloc (len + 1);
    memcpy (copy, bytes, len);
    copy[len] = '\0';
    free (bytes);
    *out_len = len;
    return copy;
}

static bool
load_library (KnGuestfs *fs, GError **error)
{
    fs->handle = dlopen (LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!fs->handle) {
        kn_error_set (error, KN_ERROR_UNAVAILABLE,
                      "libguestfs is not installed (Debian: libguestfs0, linux-image-cloud-amd64)");
        return false;
    }
    for (gsize i = 0; i < G_N_ELEMENTS (symbols); i++) {
        void *symbol = dlsym (fs->handle, symbols[i].name);
        if (!symbol) {
            kn_error_set (error, KN_ERROR_UNAVAILABLE, "libguestfs has no function '%s'",
                          symbols[i].name);
            return false;
        }
        memcpy ((char *)&fs->lib + symbols[i].offset, &symbol, sizeof symbol);
    }
    return true;
}

static bool
start (KnGuestfs *fs, const KnGuestfsSpec *spec)
{
    const Library *lib = &fs->lib;
    return lib->set_backend (fs->g, "direct") == 0
           && (!spec->emulate || lib->set_backend_setting (fs->g, "force_tcg", "1") == 0)
           && (!spec->cache_dir || lib->set_cachedir (fs->g, spec->cache_dir) == 0)
           && lib->set_memsize (fs->g, (int)spec->memory_mib) == 0
           && lib->add_drive_opts (fs->g, spec->path, ADD_DRIVE_READONLY, 1, ADD_DRIVE_FORMAT,
                                   spec->format, -1)
                  == 0
           && lib->launch (fs->g) == 0;
}

KnGuestfs *
kn_guestfs_new (const KnGuestfsSpec *spec, GError **error)
{
    g_autoptr (KnGuestfs) fs = g_new0 (KnGuestfs, 1);
    if (!load_library (fs, error))
        return NULL;
    fs->g = fs->lib.create ();
    if (!fs->g) {
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "libguestfs makes no handle");
        return NULL;
    }
    fs->lib.set_error_handler (fs->g, NULL, NULL);
    if (!start (fs, spec)) {
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "the appliance does not start: %.200s",
                      kn_guestfs_why (fs));
        return NULL;
    }
    return g_steal_pointer (&fs);
}

void
kn_guestfs_free (KnGuestfs *fs)
{
    if (!fs)
        return;
    if (fs->g) {
        (void)fs->lib.shutdown (fs->g);
        fs->lib.close (fs->g);
    }
    if (fs->handle)
        (void)dlclose (fs->handle);
    g_free (fs);
}

const char *
kn_guestfs_why (KnGuestfs *fs)
{
    const char *why = fs->lib.last_error (fs->g);
    return why ? why : "unknown error";
}

char **
kn_guestfs_list_filesystems (KnGuestfs *fs)
{
    return take_list (fs->lib.list_filesystems (fs->g));
}

char **
kn_guestfs_list_partitions (KnGuestfs *fs)
{
    return take_list (fs->lib.list_partitions (fs->g));
}

char *
kn_guestfs_content (KnGuestfs *fs, const char *device)
{
    return take_text (fs->lib.vfs_type (fs->g, device));
}

char *
kn_guestfs_partition_table (KnGuestfs *fs)
{
    return take_text (fs->lib.part_get_parttype (fs->g, KN_GUESTFS_DISK));
}

char *
kn_guestfs_partition_type (KnGuestfs *fs, const char *partition)
{
    g_autofree char *device = take_text (fs->lib.part_to_dev (fs->g, partition));
    int number = device ? fs->lib.part_to_partnum (fs->g, partition) : -1;
    return number < 0 ? NULL : take_text (fs->lib.part_get_gpt_type (fs->g, device, number));
}

bool
kn_guestfs_mount (KnGuestfs *fs, const char *device)
{
    return fs->lib.umount_all (fs->g) == 0 && fs->lib.mount_ro (fs->g, device, "/") == 0;
}

char *
kn_guestfs_find (KnGuestfs *fs, const char *path)
{
    return take_text (fs->lib.case_sensitive_path (fs->g, path));
}

bool
kn_guestfs_has_file (KnGuestfs *fs, const char *path)
{
    g_autofree char *found = kn_guestfs_find (fs, path);
    return found && fs->lib.is_file (fs->g, found) == 1;
}

gint64
kn_guestfs_size (KnGuestfs *fs, const char *path)
{
    return fs->lib.filesize (fs->g, path);
}

char *
kn_guestfs_read (KnGuestfs *fs, const char *path, gsize max, gsize *out_len)
{
    size_t len = 0;
    char *bytes = fs->lib.pread (fs->g, path, (int)max, 0, &len);
    return take_bytes (bytes, len, out_len);
}

char *
kn_guestfs_read_device (KnGuestfs *fs, const char *device, guint64 offset, gsize len,
                        gsize *out_len)
{
    size_t n = 0;
    char *bytes = fs->lib.pread_device (fs->g, device, (int)len, (int64_t)offset, &n);
    return take_bytes (bytes, n, out_len);
}

char *
kn_guestfs_read_link (KnGuestfs *fs, const char *path)
{
    return take_text (fs->lib.readlink (fs->g, path));
}

bool
kn_guestfs_open_hive (KnGuestfs *fs, const char *path)
{
    kn_guestfs_close_hive (fs);
    fs->hive = fs->lib.hivex_open (fs->g, path, -1) == 0;
    return fs->hive;
}

void
kn_guestfs_close_hive (KnGuestfs *fs)
{
    if (fs->hive)
        (void)fs->lib.hivex_close (fs->g);
    fs->hive = false;
}

/* Node 0: not there. */
static int64_t
find_key (KnGuestfs *fs, const char *key)
{
    g_auto (GStrv) parts = g_strsplit (key, "\\", KEY_MAX_PARTS);
    int64_t node = fs->hive ? fs->lib.hivex_root (fs->g) : 0;
    for (char **part = parts; node > 0 && *part; part++)
        node = fs->lib.hivex_node_get_child (fs->g, node, *part);
    return MAX (node, 0);
}

bool
kn_guestfs_hive_has (KnGuestfs *fs, const char *key)
{
    return find_key (fs, key) > 0;
}

char *
kn_guestfs_hive_value (KnGuestfs *fs, const char *key, const char *name, gsize *out_len)
{
    int64_t node = find_key (fs, key);
    int64_t value = node > 0 ? fs->lib.hivex_node_get_value (fs->g, node, name) : 0;
    size_t len = 0;
    char *bytes = value > 0 ? fs->lib.hivex_value_value (fs->g, value, &len) : NULL;
    return take_bytes (bytes, len, out_len);
}
