/* SPDX-License-Identifier: Apache-2.0 */
/* The process: found by its command line and namespace, told by SIGHUP, believed only when it has read its files. */
#include "network/dnsmasq.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/spawn.h"
#include "base/util.h"
#include "network/netns.h"

#define FILE_MAX (16 * MIB)

/* ---- files ---- */

static char *
file_of (const KnDnsmasq *dnsmasq, const char *name)
{
    return g_build_filename (dnsmasq->dir, name, NULL);
}

/* The configuration's name is made from its text, so a command line says which one a process has. */
static char *
config_file (const KnDnsmasq *dnsmasq, const char *config)
{
    g_autofree char *sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, config, -1);
    g_autofree char *name = g_strdup_printf ("config-%.12s", sum);

    return file_of (dnsmasq, name);
}

/* Replaces a file in one step. It need not survive a power cut: after one there is no dnsmasq either. */
static bool
write_file (const KnDnsmasq *dnsmasq, const char *path, const char *text, GError **error)
{
    g_autofree char *draft = file_of (dnsmasq, "draft");
    kn_autofd fd = open (draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    gsize len = strlen (text), done = 0;

    while (fd >= 0 && done < len) {
        ssize_t n = write (fd, text + done, len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (gsize)n;
    }
    if (fd < 0 || done < len || fchmod (fd, 0644) != 0 || rename (draft, path) != 0) {
        kn_error_set_errno (error, errno, "cannot write '%s'", path);
        return false;
    }
    return true;
}

/* Writes @text unless it stands there already. */
static bool
refresh_file (const KnDnsmasq *dnsmasq, const char *path, const char *text, bool *changed,
              GError **error)
{
    g_autofree char *old = kn_file_read (path, FILE_MAX, NULL, NULL);

    if (old != NULL && strcmp (old, text) == 0)
        return true;
    *changed = true;
    return write_file (dnsmasq, path, text, error);
}

/* ---- processes ---- */

/* The argument that begins with @prefix of process @pid, NULL if there is none; caller frees. */
static char *
argument_of (int pid, const char *prefix)
{
    g_autofree char *path = g_strdup_printf ("/proc/%d/cmdline", pid);
    gsize len = 0;
    g_autofree char *text = kn_file_read (path, 64 * KIB, &len, NULL);

    for (const char *c = text; c != NULL && c < text + len; c += strlen (c) + 1)
        if (g_str_has_prefix (c, prefix))
            return g_strdup (c);
    return NULL;
}

/* The configuration that process @pid has, if it is a dnsmasq of this network; caller frees. */
static char *
config_of (const KnDnsmasq *dnsmasq, int pid)
{
    g_autofree char *prefix = g_strdup_printf ("--conf-file=%s/", dnsmasq->dir);
    g_autofree char *argument = argument_of (pid, prefix);

    return argument != NULL ? g_strdup (argument + strlen ("--conf-file=")) : NULL;
}

static int
read_pid (const KnDnsmasq *dnsmasq)
{
    g_autofree char *path = file_of (dnsmasq, "pid");
    g_autofree char *text = kn_file_read (path, 64, NULL, NULL);
    gint64 pid = 0;

    if (text == NULL || !kn_parse_int (g_strchomp (text), 2, G_MAXINT, &pid))
        return 0;
    return (int)pid;
}

/* The process that serves this network with @config in its namespace, 0 if there is none. */
static int
find_current (const KnDnsmasq *dnsmasq, const char *config)
{
    int pid = read_pid (dnsmasq);
    g_autofree char *has = pid > 0 ? config_of (dnsmasq, pid) : NULL;

    if (has == NULL || strcmp (has, config) != 0
        || kn_netns_inode_of (pid) != kn_netns_inode (dnsmasq->netns))
        return 0;
    return pid;
}

static bool
wait_for_exit (int fd, guint timeout_ms)
{
    struct pollfd poller = { .fd = fd, .events = POLLIN };

    return poll (&poller, 1, (int)timeout_ms) > 0;
}

/* Ends @pid if it still is a dnsmasq of this network once we hold on to it. */
static bool
end_process (const KnDnsmasq *dnsmasq, int pid, GError **error)
{
    static const int signals[] = { SIGTERM, SIGKILL };
    kn_autofd fd = pidfd_open (pid, 0);
    g_autofree char *config = fd >= 0 ? config_of (dnsmasq, pid) : NULL;

    if (config == NULL)
        return true;
    for (gsize i = 0; i < G_N_ELEMENTS (signals); i++) {
        (void)pidfd_send_signal (fd, signals[i], NULL, 0);
        if (wait_for_exit (fd, dnsmasq->timeout_ms))
            return true;
    }
    kn_error_set (error, KN_ERROR_TIMEOUT, "dnsmasq (pid %d) does not end", pid);
    return false;
}

bool
kn_dnsmasq_stop (const KnDnsmasq *dnsmasq, GError **error)
{
    g_autoptr (GDir) proc = g_dir_open ("/proc", 0, error);
    const char *name;

    if (proc == NULL)
        return false;
    /* All of /proc: one that was started just before we were killed may not stand in the pid file. */
    while ((name = g_dir_read_name (proc)) != NULL) {
        gint64 pid;
        g_autofree char *config = NULL;

        if (!kn_parse_int (name, 2, G_MAXINT, &pid))
            continue;
        config = config_of (dnsmasq, (int)pid);
        if (config != NULL && !end_process (dnsmasq, (int)pid, error))
            return false;
    }
    return true;
}

/* Whether the account that dnsmasq falls back to can reach its files again after a signal. */
static const char *
user_for (const KnDnsmasq *dnsmasq)
{
    for (g_autofree char *dir = g_strdup (dnsmasq->dir);;) {
        struct stat info;
        char *up;

        if (stat (dir, &info) != 0 || (info.st_mode & S_IXOTH) == 0)
            return "root";
        if (strcmp (dir, "/") == 0)
            return "nobody";
        up = g_path_get_dirname (dir);
        g_free (dir);
        dir = up;
    }
}

static void
forget_other_configs (const KnDnsmasq *dnsmasq, const char *config)
{
    g_autoptr (GDir) dir = g_dir_open (dnsmasq->dir, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
        g_autofree char *path = file_of (dnsmasq, name);

        if (g_str_has_prefix (name, "config-") && strcmp (path, config) != 0)
            (void)unlink (path);
    }
}

/* dnsmasq's first process ends when the one that stays has opened its sockets, or with the reason why not. */
static bool
start (const KnDnsmasq *dnsmasq, const char *config, GError **error)
{
    g_autofree char *argument = g_strdup_printf ("--conf-file=%s", config);
    g_autofree char *user = g_strdup_printf ("--user=%s", user_for (dnsmasq));
    const char *const argv[] = { "dnsmasq", argument, user, NULL };

    if (!kn_dnsmasq_stop (dnsmasq, error))
        return false;
    forget_other_configs (dnsmasq, config);
    return kn_spawn (argv, &(KnSpawn){ .timeout_ms = dnsmasq->timeout_ms, .netns = dnsmasq->netns },
                     NULL, error);
}

/* ---- changes ---- */

static void
set_silent (KnSilence *silence, gint64 since_us)
{
    g_strlcpy (silence->part, "dnsmasq", sizeof silence->part);
    silence->silent_us = g_get_monotonic_time () - since_us;
}

/* Waits for the last file that dnsmasq reads after SIGHUP to be closed by its reader. */
static bool
wait_for_reader (int notify, int process, guint timeout_ms, KnSilence *silence, GError **error)
{
    struct pollfd fds[]
        = { { .fd = notify, .events = POLLIN }, { .fd = process, .events = POLLIN } };
    gint64 start_us = g_get_monotonic_time ();
    int n = poll (fds, G_N_ELEMENTS (fds), (int)timeout_ms);

    if (n > 0 && fds[0].revents != 0)
        return true;
    set_silent (silence, start_us);
    kn_error_set (error, KN_ERROR_TIMEOUT, "dnsmasq %s",
                  n > 0 ? "ended instead of reading its files" : "did not read its files");
    return false;
}

static bool
tell (const KnDnsmasq *dnsmasq, int pid, KnSilence *silence, GError **error)
{
    g_autofree char *options = file_of (dnsmasq, "options");
    kn_autofd notify = inotify_init1 (IN_CLOEXEC | IN_NONBLOCK);
    kn_autofd process = pidfd_open (pid, 0);
    g_autofree char *config = process >= 0 ? config_of (dnsmasq, pid) : NULL;

    if (config == NULL || notify < 0 || inotify_add_watch (notify, options, IN_CLOSE_NOWRITE) < 0
        || pidfd_send_signal (process, SIGHUP, NULL, 0) != 0) {
        kn_error_set_errno (error, errno, "cannot signal dnsmasq (pid %d)", pid);
        return false;
    }
    return wait_for_reader (notify, process, dnsmasq->timeout_ms, silence, error);
}

/* A lease that belongs to nobody any more would keep its address from the next owner; dnsmasq reads leases only at its start. */
static bool
prune_leases (const KnDnsmasq *dnsmasq, const KnWirePlan *plan, bool *out_stale, GError **error)
{
    g_autofree char *path = file_of (dnsmasq, "leases");
    g_autofree char *leases = kn_file_read (path, FILE_MAX, NULL, NULL);
    g_autofree char *kept = NULL;

    *out_stale = false;
    if (leases == NULL)
        return true;
    kept = kn_dnsmasq_prune_leases (leases, plan, out_stale);
    return !*out_stale
           || (kn_dnsmasq_stop (dnsmasq, error) && write_file (dnsmasq, path, kept, error));
}

/* Writes all files; *@out_config is the configuration's path. */
static bool
write_files (const KnDnsmasq *dnsmasq, const KnWirePlan *plan, bool *changed, char **out_config,
             GError **error)
{
    g_autofree char *config = kn_dnsmasq_format_config (dnsmasq, plan);
    g_autofree char *hosts = kn_dnsmasq_format_hosts (plan);
    g_autofree char *options = kn_dnsmasq_format_options (plan);
    g_autofree char *config_path = config_file (dnsmasq, config);
    g_autofree char *hosts_path = file_of (dnsmasq, "hosts");
    g_autofree char *options_path = file_of (dnsmasq, "options");

    if (!refresh_file (dnsmasq, config_path, config, changed, error)
        || !refresh_file (dnsmasq, hosts_path, hosts, changed, error)
        || !refresh_file (dnsmasq, options_path, options, changed, error))
        return false;
    *out_config = g_steal_pointer (&config_path);
    return true;
}

bool
kn_dnsmasq_ensure (const KnDnsmasq *dnsmasq, const KnWirePlan *plan, bool sure, KnSilence *silence,
                   GError **error)
{
    g_autofree char *config = NULL;
    gint64 start_us = g_get_monotonic_time ();
    bool changed = false, stale = false;
    int pid;

    if (!write_files (dnsmasq, plan, &changed, &config, error)
        || !prune_leases (dnsmasq, plan, &stale, error))
        return false;
    pid = find_current (dnsmasq, config);
    if (pid > 0 && !stale && (!changed && sure))
        return true;
    /* One that does not answer its signal is replaced. */
    if (pid > 0 && !stale && tell (dnsmasq, pid, silence, NULL)) {
        silence->part[0] = '\0';
        return true;
    }
    if (!start (dnsmasq, config, error)) {
        set_silent (silence, start_us);
        return false;
    }
    silence->part[0] = '\0';
    return true;
}

bool
kn_dnsmasq_is_running (const KnDnsmasq *dnsmasq, const KnWirePlan *plan)
{
    g_autofree char *text = kn_dnsmasq_format_config (dnsmasq, plan);
    g_autofree char *config = config_file (dnsmasq, text);

    return find_current (dnsmasq, config) > 0;
}
