/* SPDX-License-Identifier: Apache-2.0 */
/* Fault points for tests. */
#include "base/fault.h"

#include "base/error.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

typedef enum { KN_FAULT_KILL, KN_FAULT_FAIL, KN_FAULT_PAUSE, KN_FAULT_N } KnFaultAction;

static const char *const action_names[] = {
    [KN_FAULT_KILL] = "kill",
    [KN_FAULT_FAIL] = "fail",
    [KN_FAULT_PAUSE] = "pause",
};
G_STATIC_ASSERT (G_N_ELEMENTS (action_names) == KN_FAULT_N);

typedef struct {
    char *name; /* without the `*` */
    bool prefix;
    int countdown;
    KnFaultAction action;
} KnFault;

/* Read once from the environment, then only countdowns change. */
typedef struct {
    GArray *faults; /* NULL: none are set */
    const char *list;
} KnFaultPlan;

static bool
parse_fault (const char *text, KnFault *out_fault)
{
    g_auto (GStrv) sides = g_strsplit (text, "=", 2);
    guint action = 0;

    if (!sides[0] || !sides[1])
        return false;
    while (action < KN_FAULT_N && strcmp (sides[1], action_names[action]) != 0)
        action++;
    if (action == KN_FAULT_N)
        return false;

    g_auto (GStrv) name = g_strsplit (sides[0], "@", 2);
    *out_fault = (KnFault){
        .name = g_strdup (name[0]),
        .prefix = g_str_has_suffix (name[0], "*"),
        .countdown = name[1] ? (int)g_ascii_strtoll (name[1], NULL, 10) : 1,
        .action = (KnFaultAction)action,
    };
    if (out_fault->prefix)
        out_fault->name[strlen (out_fault->name) - 1] = '\0';
    return true;
}

static gpointer
load_plan (gpointer unused)
{
    KnFaultPlan *plan = g_new0 (KnFaultPlan, 1);
    const char *text = g_getenv ("KILONOVA_FAULT");
    g_auto (GStrv) items = text ? g_strsplit (text, ",", -1) : NULL;

    plan->list = g_getenv ("KILONOVA_FAULT_LIST");
    for (char **item = items; item && *item; item++) {
        KnFault fault;

        if (!parse_fault (*item, &fault))
            continue;
        if (!plan->faults)
            plan->faults = g_array_new (FALSE, FALSE, sizeof (KnFault));
        g_array_append_val (plan->faults, fault);
    }
    return plan;
}

static const KnFaultPlan *
get_plan (void)
{
    static GOnce once = G_ONCE_INIT;

    return g_once (&once, load_plan, NULL);
}

static void
note_passing (const char *file, const char *name)
{
    int fd = open (file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    g_autofree char *line = g_strconcat (name, "\n", NULL);

    if (fd < 0)
        return;
    ssize_t ignored = write (fd, line, strlen (line));
    (void)ignored;
    (void)close (fd);
}

static bool
act (const KnFault *fault, const char *name, GError **error)
{
    switch (fault->action) {
    case KN_FAULT_KILL:
        (void)kill (getpid (), SIGKILL);
        return true;
    case KN_FAULT_FAIL:
        kn_error_set (error, KN_ERROR_INTERNAL, "fault point '%s'", name);
        return false;
    case KN_FAULT_PAUSE:
        g_usleep (2 * G_USEC_PER_SEC);
        return true;
    case KN_FAULT_N:
        break;
    }
    g_assert_not_reached ();
}

bool
kn_fault (const char *name, GError **error)
{
    const KnFaultPlan *plan = get_plan ();

    if (plan->list)
        note_passing (plan->list, name);
    for (guint i = 0; plan->faults && i < plan->faults->len; i++) {
        KnFault *fault = &g_array_index (plan->faults, KnFault, i);
        bool here = fault->prefix ? g_str_has_prefix (name, fault->name)
                                  : strcmp (name, fault->name) == 0;

        if (here && g_atomic_int_add (&fault->countdown, -1) == 1)
            return act (fault, name, error);
    }
    return true;
}
