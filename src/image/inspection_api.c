/* SPDX-License-Identifier: Apache-2.0 */
/* /v2/images/{id}/kilonova-inspection: what the image's disk holds, and a new look at it. */
#include <string.h>

#include "base/error.h"
#include "image/inspection.h"

static void
write_table (KnJw *w, const char *name, GHashTable *table)
{
    g_autoptr (GList) names = g_list_sort (g_hash_table_get_keys (table), (GCompareFunc)strcmp);
    kn_jw_object_member (w, name);
    for (const GList *l = names; l; l = l->next)
        kn_jw_string_member (w, l->data, g_hash_table_lookup (table, l->data));
    kn_jw_end (w);
}

/* filled: what stands on the image because of it; suggested: what it would add. */
static void
reply (KnRequest *req, guint status, const KnImageRow *row, const KnImageInspection *inspection)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    kn_jw_object (w);
    kn_jw_object_member (w, "inspection");
    kn_jw_string_member (w, "image_id", row->id);
    kn_jw_string_member (w, "state", inspection->state);
    kn_jw_time_member (w, "requested_at", inspection->requested_at);
    kn_jw_time_member (w, "finished_at", inspection->finished_at);
    kn_jw_string_member (w, "error", inspection->message);
    kn_jw_key (w, "found");
    if (inspection->found) {
        g_autoptr (GHashTable) missing
            = kn_image_inspection_missing (row, inspection->found, inspection->filled);
        GHashTableIter iter;
        gpointer name;
        g_hash_table_iter_init (&iter, missing);
        while (g_hash_table_iter_next (&iter, &name, NULL))
            if (g_hash_table_contains (row->properties, name))
                g_hash_table_iter_remove (&iter);
        kn_inspection_write (w, inspection->found);
        write_table (w, "filled", inspection->filled);
        write_table (w, "suggested", missing);
    } else {
        kn_jw_null (w);
    }
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, status, w);
}

static bool
reply_current (KnRequest *req, KnDb *db, guint status, const KnImageRow *row, GError **error)
{
    GError *failed = NULL;
    g_autoptr (KnImageInspection) inspection = kn_image_inspection_find (db, row->id, &failed);
    if (failed) {
        g_propagate_error (error, failed);
        return false;
    }
    if (!inspection) {
        kn_error_public (error, KN_ERROR_NOT_FOUND,
                         "Image %s has not been inspected; POST to this address asks for it.",
                         row->id);
        return false;
    }
    reply (req, status, row, inspection);
    return true;
}

bool
kn_image_api_inspection (KnRequest *req, GError **error)
{
    KnImages *images = kn_request_service (req);
    KnDb *db = kn_db_thread (images->db, error);
    g_autoptr (KnImageRow) row
        = db ? kn_image_row_load (db, kn_request_param (req, "id"), kn_request_auth (req), error)
             : NULL;
    return row && reply_current (req, db, 200, row, error);
}

typedef struct {
    const char *id, *request_id;
} Asking;

/* In one transaction, so that two who ask at once get one inspection. */
static bool
ask (KnDb *db, gpointer data, GError **error)
{
    const Asking *asking = data;
    GError *failed = NULL;
    g_autoptr (KnImageInspection) now = kn_image_inspection_find (db, asking->id, &failed);
    if (failed) {
        g_propagate_error (error, failed);
        return false;
    }
    bool waiting = now && strcmp (now->state, "waiting") == 0;
    return waiting || kn_image_inspection_enqueue (db, asking->id, asking->request_id, error);
}

bool
kn_image_api_inspect (KnRequest *req, GError **error)
{
    KnImages *images = kn_request_service (req);
    KnDb *db = kn_db_thread (images->db, error);
    g_autoptr (KnImageRow) row = db ? kn_image_row_load_own (db, kn_request_param (req, "id"),
                                                             kn_request_auth (req), error)
                                    : NULL;
    if (!row)
        return false;
    if (strcmp (row->status, "active") != 0 && strcmp (row->status, "deactivated") != 0) {
        kn_error_public (error, KN_ERROR_CONFLICT,
                         "Image %s is %s; there is nothing to inspect before it has data.", row->id,
                         row->status);
        return false;
    }
    Asking asking = { row->id, kn_request_id (req) };
    if (!kn_db_txn (db, ask, &asking, error))
        return false;
    kn_jobs_wake (images->jobs);
    return reply_current (req, db, 202, row, error);
}
