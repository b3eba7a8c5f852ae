/* SPDX-License-Identifier: Apache-2.0 */
/* Flavors: the object, and those that a new cloud begins with. */
#include "compute/flavor.h"

#include "base/error.h"
#include "compute/flavor_store.h"

typedef struct {
    const char *id, *name;
    gint64 memory_mib, vcpus, root_gib;
} FirstFlavor;

KnFlavor *
kn_flavor_new (void)
{
    KnFlavor *flavor = g_new (KnFlavor, 1);

    *flavor = (KnFlavor){
        .rxtx_factor = 1,
        .is_public = true,
        .extra_specs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free),
    };
    return flavor;
}

void
kn_flavor_free (KnFlavor *flavor)
{
    if (!flavor)
        return;
    g_free (flavor->flavor_id);
    g_free (flavor->name);
    g_hash_table_unref (flavor->extra_specs);
    g_free (flavor);
}

KnFlavor *
kn_flavor_load (KnDb *db, const char *flavor_id, const char *project_id, GError **error)
{
    GError *problem = NULL;
    KnFlavor *flavor = kn_store_flavor_find (db, flavor_id, project_id, &problem);

    if (problem)
        g_propagate_error (error, problem);
    else if (!flavor)
        kn_error_public (error, KN_ERROR_NOT_FOUND, "Flavor %.255s could not be found.", flavor_id);
    return flavor;
}

static const FirstFlavor first_flavors[] = {
    { "1", "m1.tiny", 512, 1, 1 },       { "2", "m1.small", 2048, 1, 20 },
    { "3", "m1.medium", 4096, 2, 40 },   { "4", "m1.large", 8192, 4, 80 },
    { "5", "m1.xlarge", 16384, 8, 160 },
};

static bool
insert_first (KnDb *db, gpointer data, GError **error)
{
    bool any = false;

    (void)data;
    if (!kn_store_flavor_any (db, &any, error))
        return false;
    for (gsize i = 0; !any && i < G_N_ELEMENTS (first_flavors); i++) {
        const FirstFlavor *first = &first_flavors[i];
        g_autoptr (KnFlavor) flavor = kn_flavor_new ();

        flavor->flavor_id = g_strdup (first->id);
        flavor->name = g_strdup (first->name);
        flavor->memory_mib = first->memory_mib;
        flavor->vcpus = first->vcpus;
        flavor->root_gib = first->root_gib;
        if (!kn_store_flavor_insert (db, flavor, error))
            return false;
    }
    return true;
}

bool
kn_flavor_bootstrap (KnDb *db, GError **error)
{
    return kn_db_txn (db, insert_first, NULL, error);
}
