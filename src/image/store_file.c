/* SPDX-License-Identifier: Apache-2.0 */
/* Images as files: <dir>/<id>. An upload is <dir>/.<id>.part under a lock of ours, so that a crash is told from work in progress. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/id.h"
#include "base/util.h"
#include "image/store.h"

#define PART_SUFFIX ".part"

typedef struct {
    KnStore base;
    int dir_fd;
} FileStore;

struct KnStorePut {
    FileStore *store;
    int fd;
    char *id, *part;
    guint64 written;
};

static char *
part_name (const char *id)
{
    return g_strdup_printf (".%s" PART_SUFFIX, id);
}

static void
file_free (KnStore *base)
{
    FileStore *store = (FileStore *)base;

    kn_fd_clear (&store->dir_fd);
    g_free (store);
}

static void
file_put_free (KnStorePut *put)
{
    if (!put)
        return;
    /* Unlink before the lock goes with the descriptor: nobody must find the name free of both. */
    if (put->fd >= 0)
        (void)unlinkat (put->store->dir_fd, put->part, 0);
    kn_fd_clear (&put->fd);
    g_free (put->id);
    g_free (put->part);
    g_free (put);
}

/* Opens the temporary name and locks it. One that died is taken over and emptied. */
static int
open_part (FileStore *store, const char *part, GError **error)
{
    kn_autofd fd = openat (store->dir_fd, part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        kn_error_set_errno (error, errno, "cannot create the upload '%s'", part);
        return -1;
    }
    if (flock (fd, LOCK_EX | LOCK_NB) < 0) {
        kn_error_public (error, KN_ERROR_CONFLICT, "Another upload of this image is under way.");
        return -1;
    }

    /* Between open and lock its last owner may have removed or renamed it: then what we hold has no name. */
    struct stat ours, named;
    if (fstat (fd, &ours) < 0 || fstatat (store->dir_fd, part, &named, AT_SYMLINK_NOFOLLOW) < 0
        || ours.st_ino != named.st_ino) {
        kn_error_public (error, KN_ERROR_CONFLICT, "Another upload of this image has just ended.");
        return -1;
    }
    if (ftruncate (fd, 0) < 0) {
        kn_error_set_errno (error, errno, "cannot empty the upload '%s'", part);
        return -1;
    }
    int taken = fd;
    fd = -1;
    return taken;
}

static KnStorePut *
file_put_begin (KnStore *base, const char *id, GError **error)
{
    FileStore *store = (FileStore *)base;
    g_autofree char *part = part_name (id);

    int fd = open_part (store, part, error);
    if (fd < 0)
        return NULL;

    KnStorePut *put = g_new0 (KnStorePut, 1);
    *put = (KnStorePut){
        .store = store, .fd = fd, .id = g_strdup (id), .part = g_steal_pointer (&part)
    };
    return put;
}

static bool
file_put_write (KnStorePut *put, const char *bytes, gsize len, GError **error)
{
    if (!kn_fault ("image.store.write", error))
        return false;

    while (len > 0) {
        gssize n = pwrite (put->fd, bytes, len, (off_t)put->written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            kn_error_set_errno (error, errno, "cannot write image '%s'", put->id);
            return false;
        }
        put->written += (guint64)n;
        bytes += n;
        len -= (gsize)n;
    }
    return true;
}

static gsize
read_at (int fd, guint64 offset, void *buffer, gsize len)
{
    gsize got = 0;

    if (offset > G_MAXINT64 - len)
        return 0;
    while (got < len) {
        gssize n = pread (fd, (char *)buffer + got, len - got, (off_t)(offset + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        got += (gsize)n;
    }
    return got;
}

static gsize
file_put_read (KnStorePut *put, guint64 offset, void *buffer, gsize len)
{
    return read_at (put->fd, offset, buffer, len);
}

static bool
file_put_commit (KnStorePut *put, GError **error)
{
    int dir = put->store->dir_fd;

    if (!kn_fault ("image.store.commit", error))
        return false;
    if (fchmod (put->fd, 0644) < 0 || fsync (put->fd) < 0) {
        kn_error_set_errno (error, errno, "cannot save image '%s'", put->id);
        return false;
    }
    /* A link and not a rename: the locked name says that we are at it until the caller has recorded the image. */
    if (unlinkat (dir, put->id, 0) < 0 && errno != ENOENT) {
        kn_error_set_errno (error, errno, "cannot replace the bytes of image '%s'", put->id);
        return false;
    }
    if (linkat (dir, put->part, dir, put->id, 0) < 0) {
        kn_error_set_errno (error, errno, "cannot name image '%s'", put->id);
        return false;
    }
    if (fsync (dir) < 0) {
        kn_error_set_errno (error, errno, "cannot save the folder of image '%s'", put->id);
        return false;
    }
    return true;
}

static int
file_get (KnStore *base, const char *id, GError **error)
{
    FileStore *store = (FileStore *)base;

    int fd = openat (store->dir_fd, id, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        kn_error_public (error, KN_ERROR_NOT_FOUND,
                         "The data of image %s is not in the image store any more; upload it again "
                         "as a new image.",
                         id);
    else if (fd < 0)
        kn_error_set_errno (error, errno, "cannot open image '%s'", id);
    return fd;
}

static bool
file_size (KnStore *base, const char *id, guint64 *out_size_bytes, GError **error)
{
    FileStore *store = (FileStore *)base;
    struct stat st;

    if (fstatat (store->dir_fd, id, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        kn_error_set (error, errno == ENOENT ? KN_ERROR_NOT_FOUND : KN_ERROR_INTERNAL,
                      "cannot find the bytes of image '%s': %s", id, g_strerror (errno));
        return false;
    }
    *out_size_bytes = (guint64)st.st_size;
    return true;
}

static bool
file_remove (KnStore *base, const char *id, GError **error)
{
    FileStore *store = (FileStore *)base;

    if (!kn_fault ("image.store.remove", error))
        return false;
    if (unlinkat (store->dir_fd, id, 0) < 0 && errno != ENOENT) {
        kn_error_set_errno (error, errno, "cannot remove image '%s'", id);
        return false;
    }
    return true;
}

/* Whether the upload @part is held by a lock; *@out_fd is then -1, else a locked descriptor, or -1 if there is no such file. */
static bool
part_is_held (FileStore *store, const char *part, int *out_fd)
{
    kn_autofd fd = openat (store->dir_fd, part, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    *out_fd = -1;
    if (fd < 0)
        return false;
    if (flock (fd, LOCK_EX | LOCK_NB) < 0)
        return true;
    *out_fd = fd;
    fd = -1;
    return false;
}

static bool
file_is_busy (KnStore *base, const char *id)
{
    g_autofree char *part = part_name (id);
    kn_autofd fd = -1;

    return part_is_held ((FileStore *)base, part, &fd);
}

static bool
is_part (const char *name)
{
    gsize len = strlen (name);

    if (name[0] != '.' || len != 1 + 36 + strlen (PART_SUFFIX)
        || !g_str_has_suffix (name, PART_SUFFIX))
        return false;
    g_autofree char *id = g_strndup (name + 1, 36);
    return kn_id_is_uuid (id);
}

static bool
file_sweep (KnStore *base, GError **error)
{
    FileStore *store = (FileStore *)base;
    g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", store->dir_fd);
    g_autoptr (GDir) dir = g_dir_open (path, 0, error);
    const char *name;

    if (!dir)
        return false;
    while ((name = g_dir_read_name (dir))) {
        kn_autofd fd = -1;
        if (!is_part (name) || part_is_held (store, name, &fd))
            continue;
        if (unlinkat (store->dir_fd, name, 0) < 0 && errno != ENOENT) {
            kn_error_set_errno (error, errno, "cannot remove the unfinished upload '%s'", name);
            return false;
        }
    }
    return true;
}

static const KnStoreOps file_ops = {
    .name = "file",
    .free = file_free,
    .put_begin = file_put_begin,
    .put_write = file_put_write,
    .put_read = file_put_read,
    .put_commit = file_put_commit,
    .put_free = file_put_free,
    .get = file_get,
    .size = file_size,
    .remove = file_remove,
    .is_busy = file_is_busy,
    .sweep = file_sweep,
};

KnStore *
kn_store_file_new (const char *dir, GError **error)
{
    if (g_mkdir_with_parents (dir, 0755) < 0 || chmod (dir, 0755) < 0) {
        kn_error_set_errno (error, errno, "cannot make the image folder '%s'", dir);
        return NULL;
    }
    int fd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        kn_error_set_errno (error, errno, "cannot open the image folder '%s'", dir);
        return NULL;
    }

    FileStore *store = g_new0 (FileStore, 1);
    *store = (FileStore){ .base.ops = &file_ops, .dir_fd = fd };
    return &store->base;
}
