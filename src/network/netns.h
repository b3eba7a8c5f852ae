/* SPDX-License-Identifier: Apache-2.0 */
/* Named network namespaces under /run/netns, as `ip netns` keeps them. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef bool (*KnNetnsFn) (gpointer data, GError **error);

/* Runs @fn inside the namespace @name, in a thread of its own: namespaces belong to threads, and only @fn ever sees this one.
 * Sockets that @fn opens stay inside. */
bool kn_netns_run (const char *name, KnNetnsFn fn, gpointer data, GError **error);

/* Makes the namespace @name unless it is there; its loopback carries @mark before it gets its name.
 * Errors: CONFLICT if a namespace of that name carries another mark. Repeatable. */
bool kn_netns_ensure (const char *name, const char *mark, GError **error);

/* Whether @name is a namespace with @mark. */
bool kn_netns_is_marked (const char *name, const char *mark);

/* Takes the name away; the kernel frees the namespace with its last user. Nothing happens to one without @mark. Repeatable. */
bool kn_netns_remove (const char *name, const char *mark, GError **error);

/* A number that is the same for the namespace @name and for processes in it, 0 if there is none. */
guint64 kn_netns_inode (const char *name);
guint64 kn_netns_inode_of (int pid);

/* Names in /run/netns that begin with @prefix; array of char*. */
GPtrArray *kn_netns_list (const char *prefix);
