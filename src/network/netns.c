/* SPDX-License-Identifier: Apache-2.0 */
/* Named network namespaces. */
#include "network/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/util.h"
#include "network/netlink.h"

#define NETNS_DIR "/run/netns"

typedef struct {
    int ns; /* to enter; -1: make a new one */
    KnNetnsFn fn;
    gpointer data;
    bool ok;
    GError *error;
} KnNetnsCall;

static gpointer
call_inside (gpointer data)
{
    KnNetnsCall *call = data;

    if (call->ns >= 0 ? setns (call->ns, CLONE_NEWNET) != 0 : unshare (CLONE_NEWNET) != 0)
        kn_error_set_errno (&call->error, errno, "cannot %s a network namespace",
                            call->ns >= 0 ? "enter" : "make");
    else
        call->ok = call->fn (call->data, &call->error);
    return NULL;
}

static bool
run_in_thread (KnNetnsCall *call, GError **error)
{
    GThread *thread = g_thread_try_new ("netns", call_inside, call, error);

    if (thread == NULL)
        return false;
    (void)g_thread_join (thread);
    if (!call->ok)
        g_propagate_error (error, call->error);
    return call->ok;
}

static char *
path_of (const char *name)
{
    return g_build_filename (NETNS_DIR, name, NULL);
}

/* Whether a namespace is bound to @path, and not just a file left over. */
static bool
is_bound (const char *path)
{
    struct statfs fs;

    return statfs (path, &fs) == 0 && fs.f_type == NSFS_MAGIC;
}

bool
kn_netns_run (const char *name, KnNetnsFn fn, gpointer data, GError **error)
{
    g_autofree char *path = path_of (name);
    kn_autofd fd = open (path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || !is_bound (path)) {
        kn_error_set (error, KN_ERROR_NOT_FOUND, "there is no network namespace '%s'", name);
        return false;
    }
    return run_in_thread (&(KnNetnsCall){ .ns = fd, .fn = fn, .data = data }, error);
}

static bool
read_mark (gpointer data, GError **error)
{
    g_autoptr (KnNetlink) nl = kn_netlink_open (error);
    g_autoptr (KnLink) lo = NULL;

    if (nl == NULL || !kn_netlink_find (nl, "lo", &lo, error))
        return false;
    *(char **)data = g_strdup (lo != NULL ? lo->alias : NULL);
    return true;
}

bool
kn_netns_is_marked (const char *name, const char *mark)
{
    g_autofree char *found = NULL;

    return kn_netns_run (name, read_mark, &found, NULL) && g_strcmp0 (found, mark) == 0;
}

typedef struct {
    const char *mark, *path;
} KnNewNetns;

/* In the new namespace: the mark first, then the name, so that no namespace of ours is ever without it. */
static bool
mark_and_bind (gpointer data, GError **error)
{
    const KnNewNetns *new = data;
    g_autoptr (KnNetlink) nl = kn_netlink_open (error);
    g_autoptr (KnLink) lo = NULL;

    if (nl == NULL || !kn_netlink_find (nl, "lo", &lo, error) || lo == NULL
        || !kn_netlink_change (nl, lo->index, &(KnLinkChange){ .alias = new->mark, .up = true },
                               error))
        return false;
    if (mount ("/proc/thread-self/ns/net", new->path, "none", MS_BIND, NULL) != 0) {
        kn_error_set_errno (error, errno, "cannot name a network namespace '%s'", new->path);
        return false;
    }
    return true;
}

/* The folder is a shared mount of its own before anything is bound in it, as `ip netns` makes it: that command would otherwise
 * cover it later, names and all, and they could never be removed again. */
static bool
ensure_dir (GError **error)
{
    if (g_mkdir_with_parents (NETNS_DIR, 0755) != 0) {
        kn_error_set_errno (error, errno, "cannot make '%s'", NETNS_DIR);
        return false;
    }
    if (mount ("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) == 0)
        return true;
    if (errno != EINVAL || mount (NETNS_DIR, NETNS_DIR, "none", MS_BIND | MS_REC, NULL) != 0
        || mount ("", NETNS_DIR, "none", MS_SHARED | MS_REC, NULL) != 0) {
        kn_error_set_errno (error, errno, "cannot share the mount '%s'", NETNS_DIR);
        return false;
    }
    return true;
}

bool
kn_netns_ensure (const char *name, const char *mark, GError **error)
{
    g_autofree char *path = path_of (name);

    if (is_bound (path)) {
        if (kn_netns_is_marked (name, mark))
            return true;
        kn_error_set (error, KN_ERROR_CONFLICT,
                      "network namespace '%s' exists and belongs to somebody else", name);
        return false;
    }
    if (!ensure_dir (error))
        return false;

    kn_autofd fd = open (path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0444);
    if (fd < 0) {
        kn_error_set_errno (error, errno, "cannot make '%s'", path);
        return false;
    }
    return run_in_thread (&(KnNetnsCall){ .ns = -1,
                                          .fn = mark_and_bind,
                                          .data = &(KnNewNetns){ .mark = mark, .path = path } },
                          error);
}

bool
kn_netns_remove (const char *name, const char *mark, GError **error)
{
    g_autofree char *path = path_of (name);

    if (is_bound (path)) {
        if (!kn_netns_is_marked (name, mark))
            return true;
        if (umount2 (path, MNT_DETACH) != 0) {
            kn_error_set_errno (error, errno, "cannot release network namespace '%s'", name);
            return false;
        }
    }
    if (unlink (path) != 0 && errno != ENOENT) {
        kn_error_set_errno (error, errno, "cannot remove '%s'", path);
        return false;
    }
    return true;
}

static guint64
inode_of (const char *path)
{
    struct stat info;

    return stat (path, &info) == 0 ? (guint64)info.st_ino : 0;
}

guint64
kn_netns_inode (const char *name)
{
    g_autofree char *path = path_of (name);

    return is_bound (path) ? inode_of (path) : 0;
}

guint64
kn_netns_inode_of (int pid)
{
    g_autofree char *path = g_strdup_printf ("/proc/%d/ns/net", pid);

    return inode_of (path);
}

GPtrArray *
kn_netns_list (const char *prefix)
{
    GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
    g_autoptr (GDir) dir = g_dir_open (NETNS_DIR, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
        if (g_str_has_prefix (name, prefix))
            g_ptr_array_add (names, g_strdup (name));
    return names;
}
