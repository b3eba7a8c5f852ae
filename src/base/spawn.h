/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes: argv only, no shell, a deadline and a cap on what they may print. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct {
    guint timeout_ms;  /* 0: 30 s */
    gsize max_output;  /* bytes of stdout kept and of stderr kept; 0: 64 KiB; more is an error */
    const char *input; /* stdin, NULL: /dev/null */
    /* Asked now and then: true ends the child, and the call with UNAVAILABLE. NULL: never. */
    bool (*cancelled) (gconstpointer data);
    gconstpointer data;
    const char *netns; /* name of a network namespace under /run/netns to run in, NULL: ours */
} KnSpawn;

/* Runs @argv (searched in PATH) to its end. On exit status 0 returns true and, if wanted, its stdout (caller frees).
 * Errors: TIMEOUT (the child was killed), UNAVAILABLE (.cancelled said so), INTERNAL with the status and the last line of stderr. Thread-safe; worker threads only. */
bool kn_spawn (const char *const *argv, const KnSpawn *options, char **out_stdout, GError **error);

/* Starts @argv as a daemon of its own session that survives us, in @netns if given, output to /dev/null, and returns its pid.
 * It is reparented: nobody has to wait for it. */
bool kn_spawn_daemon (const char *const *argv, const char *netns, pid_t *out_pid, GError **error);
