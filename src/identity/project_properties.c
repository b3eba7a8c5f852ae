/* SPDX-License-Identifier: Apache-2.0 */
/* Properties of projects that the guest rules know. They stand among the attributes that a project may have besides its own. */
#include "identity/project_properties.h"

#include <string.h>

#include "base/error.h"
#include "base/zone.h"
#include "guest/registry.h"
#include "identity/identity.h"

KN_STMT (PROJECT_EXTRA, "SELECT extra FROM projects WHERE id = ?");

static const char *const known[] = { "os_clock_policy", "os_timezone" };

static bool
check (const char *name, const json_t *value, GError **error)
{
    const KnGuestProperty *row = kn_guest_property_find (name);
    const char *text = json_string_value (value);
    g_autofree char *allowed = NULL;

    if (json_is_null (value))
        return true;
    if (!text || !kn_guest_property_allows (row, text, &allowed)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "%s cannot be '%.64s'; allowed is %s.", name,
                         text ? text : "", allowed ? allowed : "a text");
        return false;
    }
    return row->type != KN_PROPERTY_ZONE || kn_zone_check (text, error);
}

bool
kn_project_properties_check (const json_t *body, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS (known); i++) {
        const json_t *value = json_object_get (body, known[i]);

        if (value && !check (known[i], value, error))
            return false;
    }
    return true;
}

bool
kn_identity_find_project_property (KnDb *db, const char *project_id, const char *name,
                                   char **out_value, GError **error)
{
    g_autoptr (KnRows) rows
        = kn_db_query (db, &PROJECT_EXTRA, KN_BIND (kn_text (project_id)), error);
    GError *local = NULL;
    json_t *extra;

    *out_value = NULL;
    if (!rows)
        return false;
    if (!kn_rows_next (rows, &local)) {
        if (local)
            g_propagate_error (error, local);
        return local == NULL;
    }
    extra = json_loads (kn_rows_text (rows, 0), 0, NULL);
    *out_value = g_strdup (json_string_value (json_object_get (extra, name)));
    json_decref (extra);
    return true;
}
