/* SPDX-License-Identifier: Apache-2.0 */
/* An inspection in a child process: whatever the disk does to it, we go on. */
#include <string.h>

#include "base/error.h"
#include "base/spawn.h"
#include "base/util.h"
#include "inspect/inspect.h"

#define TIMEOUT_S 300
#define MAX_OUTPUT (1 * MIB)

static KnInspection *
unreadable (char *why)
{
    KnInspection *found = kn_inspection_new ();
    found->status = KN_INSPECT_UNREADABLE;
    found->why = why;
    return found;
}

static KnInspection *
read_output (const char *text, GError **error)
{
    g_autoptr (json_t) object = kn_json_parse (text, strlen (text), error);
    const char *unavailable
        = object ? json_string_value (json_object_get (object, "unavailable")) : NULL;
    if (unavailable) {
        kn_error_public (error, KN_ERROR_UNAVAILABLE, "Disks cannot be inspected here: %s.",
                         unavailable);
        return NULL;
    }
    return object ? kn_inspection_read (object, error) : NULL;
}

KnInspection *
kn_inspect_run (const char *path, const char *format, const KnInspectLimits *limits, GError **error)
{
    guint timeout_s = limits->timeout_s ? limits->timeout_s : TIMEOUT_S;
    g_autofree char *timeout = g_strdup_printf ("%u", timeout_s);
    const char *const argv[] = { "/proc/self/exe",
                                 "inspect",
                                 "--child",
                                 "--json",
                                 "--format",
                                 format,
                                 "--timeout",
                                 timeout,
                                 "--cache",
                                 limits->cache_dir ? limits->cache_dir : "",
                                 path,
                                 NULL };
    KnSpawn spawn = { .timeout_ms = timeout_s * 1000,
                      .max_output = MAX_OUTPUT,
                      .cancelled = limits->cancelled,
                      .data = limits->data };
    g_autoptr (GError) failed = NULL;
    g_autofree char *out = NULL;

    if (kn_spawn (argv, &spawn, &out, &failed))
        return read_output (out, error);
    if (g_error_matches (failed, KN_ERROR, KN_ERROR_TIMEOUT))
        return unreadable (g_strdup_printf ("It could not be read within %u s.", timeout_s));
    if (g_error_matches (failed, KN_ERROR, KN_ERROR_UNAVAILABLE)) {
        g_propagate_error (error, g_steal_pointer (&failed));
        return NULL;
    }
    return unreadable (g_strdup ("Reading it failed; it may be damaged."));
}
