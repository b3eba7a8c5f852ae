/* SPDX-License-Identifier: Apache-2.0 */
/* The data folder: its lock, and the credential files that the first start leaves in it. */
#include "cmd/data_folder.h"

#include "base/error.h"
#include "base/id.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct KnDataFolder {
    char *path;
    int lock;
};

static char *
read_pid (int fd)
{
    char text[32] = "";
    ssize_t n = pread (fd, text, sizeof text - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    g_strstrip (text);
    return g_strdup (*text != '\0' ? text : "unknown");
}

static bool
lock_folder (KnDataFolder *folder, GError **error)
{
    g_autofree char *path = kn_data_folder_file (folder, "kilonova.lock");
    g_autofree char *pid = g_strdup_printf ("%d\n", (int)getpid ());

    folder->lock = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (folder->lock < 0) {
        kn_error_set_errno (error, errno, "cannot open '%s'", path);
        return false;
    }
    if (flock (folder->lock, LOCK_EX | LOCK_NB) != 0) {
        g_autofree char *holder = read_pid (folder->lock);

        kn_error_set (error, KN_ERROR_IN_USE,
                      "data folder '%s' is in use by the kilonova with pid %s; stop it first, or "
                      "give this one another folder with --data",
                      folder->path, holder);
        return false;
    }
    if (ftruncate (folder->lock, 0) != 0
        || pwrite (folder->lock, pid, strlen (pid), 0) != (ssize_t)strlen (pid)) {
        kn_error_set_errno (error, errno, "cannot write '%s'", path);
        return false;
    }
    return true;
}

KnDataFolder *
kn_data_folder_open (const char *path, GError **error)
{
    g_autoptr (KnDataFolder) folder = g_new0 (KnDataFolder, 1);

    folder->lock = -1;
    folder->path = g_canonicalize_filename (path, NULL);
    /* Searchable by all: QEMU, which may run as another user, reaches the guests' files below it. */
    if (g_mkdir_with_parents (folder->path, 0711) != 0) {
        kn_error_set_errno (error, errno, "cannot make data folder '%s'", folder->path);
        return NULL;
    }
    if (!lock_folder (folder, error))
        return NULL;
    return g_steal_pointer (&folder);
}

void
kn_data_folder_close (KnDataFolder *folder)
{
    if (!folder)
        return;
    kn_fd_clear (&folder->lock);
    g_free (folder->path);
    g_free (folder);
}

char *
kn_data_folder_file (const KnDataFolder *folder, const char *name)
{
    return g_build_filename (folder->path, name, NULL);
}

char *
kn_data_folder_ensure_dir (const KnDataFolder *folder, const char *name, int mode, GError **error)
{
    g_autofree char *path = kn_data_folder_file (folder, name);

    if (g_mkdir_with_parents (path, mode) != 0) {
        kn_error_set_errno (error, errno, "cannot make folder '%s'", path);
        return NULL;
    }
    return g_steal_pointer (&path);
}

bool
kn_data_folder_write_credentials (const KnDataFolder *folder, const char *auth_url,
                                  const char *region, const char *password, GError **error)
{
    g_autofree char *quoted = g_shell_quote (password);
    g_autofree char *openrc_path = kn_data_folder_file (folder, "openrc");
    g_autofree char *clouds_path = kn_data_folder_file (folder, "clouds.yaml");
    g_autofree char *openrc = g_strdup_printf (
        "export OS_AUTH_URL=%s\nexport OS_USERNAME=admin\nexport OS_PASSWORD=%s\n"
        "export OS_PROJECT_NAME=admin\nexport OS_USER_DOMAIN_NAME=Default\n"
        "export OS_PROJECT_DOMAIN_NAME=Default\nexport OS_IDENTITY_API_VERSION=3\n"
        "export OS_REGION_NAME=%s\n",
        auth_url, quoted, region);
    /* A YAML string in single quotes doubles the quotes inside. */
    g_auto (GStrv) parts = g_strsplit (password, "'", -1);
    g_autofree char *doubled = g_strjoinv ("''", parts);
    g_autofree char *clouds = g_strdup_printf (
        "clouds:\n  kilonova:\n    auth:\n      auth_url: %s\n      username: admin\n"
        "      password: '%s'\n      project_name: admin\n      user_domain_name: Default\n"
        "      project_domain_name: Default\n    region_name: %s\n"
        "    identity_api_version: 3\n",
        auth_url, doubled, region);

    bool ok = kn_file_write (openrc_path, openrc, strlen (openrc), 0600, error)
              && kn_file_write (clouds_path, clouds, strlen (clouds), 0600, error);
    memset (openrc, 0, strlen (openrc));
    memset (clouds, 0, strlen (clouds));
    return ok;
}
