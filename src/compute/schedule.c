/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler: the least loaded host by promised memory. */
#include "compute/schedule.h"

#include "base/error.h"
#include "compute/host.h"
#include "compute/server_store.h"

/* Memory that is left on @name by the servers' own sizes, MiB; false in @out_usable if the host is away or disabled. */
static bool
load_room (KnCompute *compute, KnDb *db, const char *name, gint64 *out_free_mib, bool *out_usable,
           GError **error)
{
    g_autoptr (KnVirtHost) host = kn_virt_find_host (compute->virt, name);
    const KnVirtFacts *facts;
    gint64 promised;
    bool enabled;

    *out_usable = false;
    if (host == NULL || !kn_virt_host_is_up (host))
        return true;
    if (!kn_host_load_enabled (db, name, &enabled, error)
        || !kn_store_server_memory_on (db, name, &promised, error))
        return false;
    facts = kn_virt_host_facts (host, NULL);
    if (facts == NULL || !enabled)
        return true;
    *out_free_mib = (gint64)facts->memory_mib - promised;
    *out_usable = true;

    return true;
}

static char *
check_forced (KnCompute *compute, const char *name, GError **error)
{
    g_autoptr (KnVirtHost) host = kn_virt_find_host (compute->virt, name);

    if (host == NULL) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "Compute host %.255s could not be found.",
                         name);
        return NULL;
    }

    return g_strdup (name);
}

char *
kn_schedule_host (KnCompute *compute, KnDb *db, const char *forced, GError **error)
{
    g_auto (GStrv) names = kn_virt_list_hosts (compute->virt);
    const char *best = names[0];
    gint64 best_free = G_MININT64;

    if (forced != NULL)
        return check_forced (compute, forced, error);
    for (char **name = names; *name != NULL; name++) {
        gint64 free_mib = 0;
        bool usable;

        if (!load_room (compute, db, *name, &free_mib, &usable, error))
            return NULL;
        if (usable && free_mib > best_free) {
            best = *name;
            best_free = free_mib;
        }
    }
    if (best == NULL)
        kn_error_public (error, KN_ERROR_UNAVAILABLE, "There is no compute host.");

    return g_strdup (best);
}
