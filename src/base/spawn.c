/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes. After fork() the child calls only async-signal-safe functions, as other threads may hold locks. */
#include "base/spawn.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT_MS 30000
#define DEFAULT_MAX_OUTPUT (64 * KIB)
#define CANCEL_POLL_MS 200

/* What the child gets, prepared before fork(). */
typedef struct {
    const char *const *argv;
    const char *program; /* absolute path */
    int netns;           /* -1: stay in ours */
    int in, out, err;
} KnChild;

/* One output stream of a child. */
typedef struct {
    int fd;
    GByteArray *bytes;
} KnStream;

/* An open descriptor of the namespace @name, or -1 with @error set; -1 without error for NULL. */
static int
open_netns (const char *name, GError **error)
{
    if (!name)
        return -1;

    g_autofree char *path = g_build_filename ("/run/netns", name, NULL);
    int fd = open (path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        kn_error_set_errno (error, errno, "cannot enter network namespace '%s'", name);
    return fd;
}

static G_GNUC_NORETURN void
run_child (const KnChild *child)
{
    sigset_t none;

    sigemptyset (&none);
    if (sigprocmask (SIG_SETMASK, &none, NULL) == 0 && signal (SIGPIPE, SIG_DFL) != SIG_ERR
        && (child->netns < 0 || setns (child->netns, CLONE_NEWNET) == 0)
        && dup2 (child->in, STDIN_FILENO) >= 0 && dup2 (child->out, STDOUT_FILENO) >= 0
        && dup2 (child->err, STDERR_FILENO) >= 0)
        execv (child->program, (char *const *)child->argv);
    _exit (127);
}

static char *
find_program (const char *name, GError **error)
{
    char *program = g_find_program_in_path (name);

    if (!program)
        kn_error_set (error, KN_ERROR_NOT_FOUND, "program '%s' is not installed", name);
    return program;
}

/* Reads what is there; closes the stream at its end. False: more than @max came. */
static bool
drain (KnStream *stream, gsize max)
{
    guint8 buffer[4096];
    ssize_t n = read (stream->fd, buffer, sizeof buffer);

    if (n > 0)
        g_byte_array_append (stream->bytes, buffer, (guint)n);
    else if (n == 0 || errno != EINTR)
        kn_fd_clear (&stream->fd);
    return stream->bytes->len <= max;
}

static int
wait_ms (const KnSpawn *o, gint64 left_us)
{
    gint64 left_ms = left_us / 1000 + 1;

    return (int)(o->cancelled ? MIN (left_ms, CANCEL_POLL_MS) : left_ms);
}

/* Feeds the input and collects both streams until they end, the deadline passes, too much came or nobody wants it any more.
 * Returns an error code or -1. */
static int
communicate (KnStream streams[2], int *in, const KnSpawn *o, gsize max, gint64 deadline_us)
{
    const char *input = o->input;
    gsize left = input ? strlen (input) : 0;

    if (left == 0)
        kn_fd_clear (in);
    while (streams[0].fd >= 0 || streams[1].fd >= 0) {
        struct pollfd fds[3]
            = { { streams[0].fd, POLLIN, 0 }, { streams[1].fd, POLLIN, 0 }, { *in, POLLOUT, 0 } };
        gint64 wait_us = deadline_us - g_get_monotonic_time ();

        if (wait_us <= 0)
            return KN_ERROR_TIMEOUT;
        if (o->cancelled && o->cancelled (o->data))
            return KN_ERROR_UNAVAILABLE;
        if (poll (fds, 3, wait_ms (o, wait_us)) < 0 && errno != EINTR)
            return KN_ERROR_INTERNAL;
        for (guint i = 0; i < 2; i++) {
            if (fds[i].revents && !drain (&streams[i], max))
                return KN_ERROR_TOO_LARGE;
        }
        if (fds[2].revents) {
            ssize_t n = write (*in, input, left);

            if (n > 0) {
                input += n;
                left -= (gsize)n;
            }
            if (left == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
                kn_fd_clear (in);
        }
    }
    return -1;
}

/* Waits for @pid until the deadline; then kills it. False: it had to be killed. */
static bool
reap (pid_t pid, gint64 deadline_us, int *out_status)
{
    bool in_time = true;

    for (;;) {
        pid_t done = waitpid (pid, out_status, in_time ? WNOHANG : 0);

        if (done == pid || (done < 0 && errno != EINTR))
            return in_time;
        if (in_time && g_get_monotonic_time () >= deadline_us) {
            in_time = false;
            (void)kill (pid, SIGKILL);
        } else if (in_time) {
            g_usleep (500); /* output has ended: the exit is due at any moment */
        }
    }
}

static const char *
last_line (char *text)
{
    g_strchomp (text);
    const char *line = strrchr (text, '\n');

    return line ? line + 1 : text;
}

static bool
check_result (const char *name, int failure, bool in_time, int status, GByteArray *err,
              GError **error)
{
    g_byte_array_append (err, (const guint8 *)"", 1);
    if (failure == KN_ERROR_TOO_LARGE) {
        kn_error_set (error, KN_ERROR_INTERNAL, "'%s' printed too much", name);
        return false;
    }
    if (failure == KN_ERROR_UNAVAILABLE) {
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "'%s' was stopped", name);
        return false;
    }
    if (!in_time || failure >= 0) {
        kn_error_set (error, KN_ERROR_TIMEOUT, "'%s' did not end in time", name);
        return false;
    }
    if (WIFEXITED (status) && WEXITSTATUS (status) == 0)
        return true;
    kn_error_set (error, KN_ERROR_INTERNAL, "'%s' failed with %s %d: %s", name,
                  WIFEXITED (status) ? "status" : "signal",
                  WIFEXITED (status) ? WEXITSTATUS (status) : WTERMSIG (status),
                  last_line ((char *)err->data));
    return false;
}

bool
kn_spawn (const char *const *argv, const KnSpawn *options, char **out_stdout, GError **error)
{
    static const KnSpawn defaults = { 0 };
    const KnSpawn *o = options ? options : &defaults;
    gsize max = o->max_output ? o->max_output : DEFAULT_MAX_OUTPUT;
    gint64 deadline_us = g_get_monotonic_time ()
                         + (gint64)(o->timeout_ms ? o->timeout_ms : DEFAULT_TIMEOUT_MS) * 1000;
    g_autofree char *program = find_program (argv[0], error);
    g_autoptr (GError) local = NULL;
    g_autoptr (GByteArray) out = g_byte_array_new (), err = g_byte_array_new ();
    int in_pipe[2] = { -1, -1 }, out_pipe[2] = { -1, -1 }, err_pipe[2] = { -1, -1 };
    int status = 0;

    if (!program)
        return false;

    kn_autofd netns = open_netns (o->netns, &local);
    if (local) {
        g_propagate_error (error, g_steal_pointer (&local));
        return false;
    }

    bool piped = pipe2 (in_pipe, O_CLOEXEC) == 0 && pipe2 (out_pipe, O_CLOEXEC) == 0
                 && pipe2 (err_pipe, O_CLOEXEC) == 0;
    KnChild child = { argv, program, netns, in_pipe[0], out_pipe[1], err_pipe[1] };
    pid_t pid = piped ? fork () : -1;
    if (pid == 0)
        run_child (&child);

    int saved_errno = errno;
    kn_autofd feed = in_pipe[1];
    kn_fd_clear (&in_pipe[0]);
    kn_fd_clear (&out_pipe[1]);
    kn_fd_clear (&err_pipe[1]);
    KnStream streams[2] = { { out_pipe[0], out }, { err_pipe[0], err } };
    if (pid < 0) {
        kn_error_set_errno (error, saved_errno, "cannot start '%s'", argv[0]);
        kn_fd_clear (&streams[0].fd);
        kn_fd_clear (&streams[1].fd);
        return false;
    }

    (void)fcntl (feed, F_SETFL, O_NONBLOCK);
    int failure = communicate (streams, &feed, o, max, deadline_us);
    kn_fd_clear (&streams[0].fd);
    kn_fd_clear (&streams[1].fd);
    bool in_time = reap (pid, failure >= 0 ? 0 : deadline_us, &status);
    if (!check_result (argv[0], failure, in_time, status, err, error))
        return false;

    if (out_stdout)
        *out_stdout = g_strndup ((const char *)out->data, out->len);
    return true;
}

/* The child's child becomes the daemon and tells its pid through @pid_pipe; the child ends at once, so init is its parent. */
static G_GNUC_NORETURN void
run_daemon_parent (const KnChild *child, int pid_pipe)
{
    pid_t pid = setsid () >= 0 ? fork () : -1;

    if (pid == 0)
        run_child (child);
    ssize_t n = write (pid_pipe, &pid, sizeof pid);
    _exit (pid > 0 && n == sizeof pid ? 0 : 127);
}

bool
kn_spawn_daemon (const char *const *argv, const char *netns_name, pid_t *out_pid, GError **error)
{
    g_autofree char *program = find_program (argv[0], error);
    g_autoptr (GError) local = NULL;
    int pid_pipe[2] = { -1, -1 };
    pid_t daemon = -1;
    int status;

    if (!program)
        return false;

    kn_autofd netns = open_netns (netns_name, &local);
    kn_autofd null = open ("/dev/null", O_RDWR | O_CLOEXEC);
    if (local) {
        g_propagate_error (error, g_steal_pointer (&local));
        return false;
    }

    bool piped = null >= 0 && pipe2 (pid_pipe, O_CLOEXEC) == 0;
    KnChild child = { argv, program, netns, null, null, null };
    pid_t pid = piped ? fork () : -1;
    if (pid == 0)
        run_daemon_parent (&child, pid_pipe[1]);

    int saved_errno = errno;
    kn_autofd reader = pid_pipe[0];
    kn_fd_clear (&pid_pipe[1]);
    if (pid < 0) {
        kn_error_set_errno (error, saved_errno, "cannot start '%s'", argv[0]);
        return false;
    }

    while (waitpid (pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (read (reader, &daemon, sizeof daemon) != sizeof daemon || daemon <= 0) {
        kn_error_set (error, KN_ERROR_INTERNAL, "cannot start '%s' as a daemon", argv[0]);
        return false;
    }

    *out_pid = daemon;
    return true;
}
