/* SPDX-License-Identifier: Apache-2.0 */
/* The file system under a path of this machine. */
#include "base/space.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>

/* Not all of them are in Linux' magic.h; the figures are those of statfs(2). */
#define CIFS_MAGIC 0xff534d42
#define GPFS_MAGIC 0x47504653
#define LUSTRE_MAGIC 0x0bd00bd0
#define OCFS2_MAGIC 0x7461636f
#define GFS2_FS_MAGIC 0x01161970
#define CEPH_MAGIC 0x00c36400

static bool
is_network (guint32 type)
{
    /* FUSE is how gluster and many others are mounted. */
    static const guint32 types[]
        = { NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, CIFS_MAGIC,    CEPH_MAGIC,      GPFS_MAGIC,
            LUSTRE_MAGIC,    OCFS2_MAGIC,     GFS2_FS_MAGIC, FUSE_SUPER_MAGIC };

    for (gsize i = 0; i < G_N_ELEMENTS (types); i++)
        if (types[i] == type)
            return true;
    return false;
}

bool
kn_space_find (const char *path, KnSpace *out_space)
{
    struct stat file;
    struct statfs system;

    if (stat (path, &file) < 0 || statfs (path, &system) < 0 || system.f_blocks == 0)
        return false;
    guint64 unit = (guint64)(system.f_frsize ? system.f_frsize : system.f_bsize);
    guint64 used = (system.f_blocks - system.f_bfree) * unit;

    *out_space = (KnSpace){ .id = file.st_dev,
                            .blocks_bytes = system.f_blocks * unit,
                            .total_bytes = used + system.f_bavail * unit,
                            .used_bytes = used,
                            .network = is_network ((guint32)system.f_type) };
    return true;
}
