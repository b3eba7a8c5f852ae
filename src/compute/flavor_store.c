/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of flavors. A deleted one keeps its row, marked by its own id. */
#include "compute/flavor_store.h"

#include "base/error.h"

#define FLAVOR                                                                                     \
    "SELECT id, flavorid, name, vcpus, memory_mb, root_gb, ephemeral_gb, swap, rxtx_factor,"       \
    " is_public, disabled FROM flavors "
#define GRANTED "id IN (SELECT flavor_id FROM flavor_projects WHERE project_id=?)"

KN_STMT (FLAVOR_LIST, FLAVOR "WHERE deleted=0 ORDER BY id");
KN_STMT (FLAVOR_LIST_USABLE, FLAVOR "WHERE deleted=0 AND (is_public=1 OR " GRANTED ") ORDER BY id");
KN_STMT (FLAVOR_LIST_PRIVATE, FLAVOR "WHERE deleted=0 AND is_public=0 ORDER BY id");
KN_STMT (FLAVOR_FIND, FLAVOR "WHERE flavorid=? AND deleted=0");
KN_STMT (FLAVOR_FIND_USABLE,
         FLAVOR "WHERE flavorid=? AND deleted=0 AND (is_public=1 OR " GRANTED ")");
KN_STMT (FLAVOR_ANY, "SELECT 1 FROM flavors LIMIT 1");
KN_STMT (FLAVOR_INSERT, "INSERT INTO flavors (created_at, name, memory_mb, vcpus, swap, flavorid,"
                        " rxtx_factor, root_gb, ephemeral_gb, disabled, is_public, deleted)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, 0)");
KN_STMT (FLAVOR_DELETE, "UPDATE flavors SET deleted=id, deleted_at=? WHERE id=? AND deleted=0");

KN_STMT (SPEC_LIST, "SELECT \"key\", \"value\" FROM flavor_extra_specs WHERE flavor_id=?"
                    " ORDER BY \"key\"");
KN_STMT (SPEC_UPDATE, "UPDATE flavor_extra_specs SET \"value\"=?, updated_at=? WHERE flavor_id=?"
                      " AND \"key\"=?");
KN_STMT (SPEC_INSERT, "INSERT INTO flavor_extra_specs (\"value\", created_at, flavor_id, \"key\")"
                      " VALUES (?, ?, ?, ?)");
KN_STMT (SPEC_DELETE, "DELETE FROM flavor_extra_specs WHERE flavor_id=? AND \"key\"=?");

KN_STMT (PROJECT_LIST, "SELECT project_id FROM flavor_projects WHERE flavor_id=? ORDER BY id");
KN_STMT (PROJECT_INSERT, "INSERT INTO flavor_projects (created_at, flavor_id, project_id)"
                         " VALUES (?, ?, ?)");
KN_STMT (PROJECT_DELETE, "DELETE FROM flavor_projects WHERE flavor_id=? AND project_id=?");

static KnFlavor *
read_flavor (KnRows *rows)
{
    KnFlavor *flavor = kn_flavor_new ();
    const char *factor = kn_rows_text (rows, 8);

    flavor->id = kn_rows_int (rows, 0);
    flavor->flavor_id = kn_rows_dup (rows, 1);
    flavor->name = kn_rows_dup (rows, 2);
    flavor->vcpus = kn_rows_int (rows, 3);
    flavor->memory_mib = kn_rows_int (rows, 4);
    flavor->root_gib = kn_rows_int (rows, 5);
    flavor->ephemeral_gib = kn_rows_int (rows, 6);
    flavor->swap_mib = kn_rows_int (rows, 7);
    flavor->rxtx_factor = factor ? g_ascii_strtod (factor, NULL) : 1;
    flavor->is_public = kn_rows_int (rows, 9) != 0;
    flavor->disabled = kn_rows_int (rows, 10) != 0;
    return flavor;
}

/* Passes on the error with which reading of rows ended, if any. */
static bool
ended_well (GError *problem, GError **error)
{
    if (problem)
        g_propagate_error (error, problem);
    return !problem;
}

GPtrArray *
kn_store_flavor_list (KnDb *db, KnFlavorScope scope, const char *project_id, GError **error)
{
    static const KnStmt *const statements[] = {
        [KN_FLAVORS_ALL] = &FLAVOR_LIST,
        [KN_FLAVORS_USABLE] = &FLAVOR_LIST_USABLE,
        [KN_FLAVORS_PRIVATE] = &FLAVOR_LIST_PRIVATE,
    };
    const KnValue project = kn_text (project_id);
    g_autoptr (KnRows) rows
        = kn_db_query (db, statements[scope], &project, scope == KN_FLAVORS_USABLE ? 1 : 0, error);
    g_autoptr (GPtrArray) flavors = g_ptr_array_new_with_free_func ((GDestroyNotify)kn_flavor_free);
    GError *problem = NULL;

    if (!rows)
        return NULL;
    while (kn_rows_next (rows, &problem))
        g_ptr_array_add (flavors, read_flavor (rows));
    return ended_well (problem, error) ? g_steal_pointer (&flavors) : NULL;
}

static bool
load_specs (KnDb *db, KnFlavor *flavor, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &SPEC_LIST, KN_BIND (kn_int (flavor->id)), error);
    GError *problem = NULL;

    if (!rows)
        return false;
    while (kn_rows_next (rows, &problem))
        g_hash_table_insert (flavor->extra_specs, kn_rows_dup (rows, 0), kn_rows_dup (rows, 1));
    return ended_well (problem, error);
}

static KnFlavor *
find_row (KnDb *db, const char *flavor_id, const char *project_id, GError **error)
{
    const KnValue values[] = { kn_text (flavor_id), kn_text (project_id) };
    g_autoptr (KnRows) rows = kn_db_query (db, project_id ? &FLAVOR_FIND_USABLE : &FLAVOR_FIND,
                                           values, project_id ? 2 : 1, error);

    return rows && kn_rows_next (rows, error) ? read_flavor (rows) : NULL;
}

KnFlavor *
kn_store_flavor_find (KnDb *db, const char *flavor_id, const char *project_id, GError **error)
{
    g_autoptr (KnFlavor) flavor = find_row (db, flavor_id, project_id, error);

    return flavor && load_specs (db, flavor, error) ? g_steal_pointer (&flavor) : NULL;
}

bool
kn_store_flavor_any (KnDb *db, bool *out_any, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &FLAVOR_ANY, KN_NO_BIND, error);
    GError *problem = NULL;

    if (!rows)
        return false;
    *out_any = kn_rows_next (rows, &problem);
    return ended_well (problem, error);
}

bool
kn_store_flavor_insert (KnDb *db, const KnFlavor *flavor, GError **error)
{
    g_autofree char *now = kn_db_now ();
    char factor[G_ASCII_DTOSTR_BUF_SIZE];

    return kn_db_exec (
        db, &FLAVOR_INSERT,
        KN_BIND (kn_text (now), kn_text (flavor->name), kn_int (flavor->memory_mib),
                 kn_int (flavor->vcpus), kn_int (flavor->swap_mib), kn_text (flavor->flavor_id),
                 kn_text (g_ascii_dtostr (factor, sizeof factor, flavor->rxtx_factor)),
                 kn_int (flavor->root_gib), kn_int (flavor->ephemeral_gib),
                 kn_int (flavor->is_public)),
        NULL, error);
}

bool
kn_store_flavor_delete (KnDb *db, const KnFlavor *flavor, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return kn_db_exec (db, &FLAVOR_DELETE, KN_BIND (kn_text (now), kn_int (flavor->id)), NULL,
                       error);
}

bool
kn_store_flavor_set_spec (KnDb *db, gint64 id, const char *key, const char *value, GError **error)
{
    g_autofree char *now = kn_db_now ();
    const KnValue values[] = { kn_text (value), kn_text (now), kn_int (id), kn_text (key) };
    gint64 changed = 0;

    if (!kn_db_exec (db, &SPEC_UPDATE, values, G_N_ELEMENTS (values), &changed, error))
        return false;
    return changed > 0 || kn_db_exec (db, &SPEC_INSERT, values, G_N_ELEMENTS (values), NULL, error);
}

bool
kn_store_flavor_unset_spec (KnDb *db, gint64 id, const char *key, GError **error)
{
    return kn_db_exec (db, &SPEC_DELETE, KN_BIND (kn_int (id), kn_text (key)), NULL, error);
}

GPtrArray *
kn_store_flavor_list_projects (KnDb *db, gint64 id, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &PROJECT_LIST, KN_BIND (kn_int (id)), error);

    return kn_rows_list_texts (rows, error);
}

bool
kn_store_flavor_grant (KnDb *db, gint64 id, const char *project_id, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return kn_db_exec (db, &PROJECT_INSERT,
                       KN_BIND (kn_text (now), kn_int (id), kn_text (project_id)), NULL, error);
}

bool
kn_store_flavor_revoke (KnDb *db, gint64 id, const char *project_id, bool *out_was, GError **error)
{
    gint64 changed = 0;

    if (!kn_db_exec (db, &PROJECT_DELETE, KN_BIND (kn_int (id), kn_text (project_id)), &changed,
                     error))
        return false;
    *out_was = changed > 0;
    return true;
}
