/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of networks, subnets, ports and groups. */
#include "network/resource_api.h"

#include <string.h>

#include "base/error.h"
#include "network/time_service.h"

#define TAG_MAX 60
#define TAGS_MAX 50

typedef struct {
    KnRequest *req;
    KnScope scope;
    const char *tag;    /* to add or remove */
    const json_t *list; /* to replace all with */
    KnObject *object;
} KnTagging;

static void
tagging_end (KnTagging *tagging)
{
    kn_object_free (tagging->object);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KnTagging, tagging_end)

static bool
load (KnDb *db, KnTagging *tagging, bool change, GError **error)
{
    g_autoptr (GPtrArray) one = g_ptr_array_new ();

    g_clear_pointer (&tagging->object, kn_object_free);
    tagging->object = kn_resource_load (db, &tagging->scope, kn_request_state (tagging->req),
                                        kn_request_param (tagging->req, "id"), change, error);
    if (tagging->object == NULL)
        return false;
    g_ptr_array_add (one, tagging->object);
    return kn_store_tags_load (db, one, error);
}

static bool
begin (KnTagging *tagging, KnRequest *req, KnDb **out_db, GError **error)
{
    const KnNetworks *networks = kn_request_service (req);

    *tagging = (KnTagging){ .req = req, .scope = kn_scope_of (req) };
    *out_db = kn_db_thread (networks->options.db, error);
    return *out_db != NULL;
}

static bool
is_network (const KnTagging *tagging)
{
    return kn_request_state (tagging->req) == &kn_net_resource;
}

/* Tags of networks say what DHCP tells their guests. */
static bool
commit (KnTagging *tagging, KnDb *db, KnTxnFn txn, GError **error)
{
    KnEffects effects;

    if (!kn_db_txn (db, txn, tagging, error))
        return false;
    kn_effects_init (&effects);
    if (is_network (tagging))
        kn_effects_network (&effects, tagging->object->id);
    kn_effects_run (kn_request_service (tagging->req), db, &effects);
    kn_effects_free (&effects);
    return true;
}

static bool
check_tag (const KnTagging *tagging, const char *tag, GError **error)
{
    const KnNetworks *networks = kn_request_service (tagging->req);

    if (tag != NULL && *tag != '\0' && g_utf8_strlen (tag, -1) <= TAG_MAX
        && strchr (tag, ',') == NULL)
        return kn_time_service_check_tag (tag, is_network (tagging), networks->ntp_servers, error);
    kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "HTTPBadRequest",
                          "A tag has 1 to %d characters and no comma.", TAG_MAX);
    return false;
}

static void
reply_tags (KnTagging *tagging)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_array_member (w, "tags");
    for (char **tag = tagging->object->tags; *tag != NULL; tag++)
        kn_jw_string (w, *tag);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (tagging->req, 200, w);
}

bool
kn_tags_list (KnRequest *req, GError **error)
{
    g_auto (KnTagging) tagging = { 0 };
    KnDb *db;

    if (!begin (&tagging, req, &db, error) || !load (db, &tagging, false, error))
        return false;
    reply_tags (&tagging);
    return true;
}

static bool
set_no_tag (const KnTagging *tagging, const char *tag, GError **error)
{
    kn_error_public_type (error, KN_ERROR_NOT_FOUND, "TagNotFound", "The %s %s has no such tag.",
                          tagging->object->resource->title, tagging->object->id);
    return false;
}

bool
kn_tag_check (KnRequest *req, GError **error)
{
    g_auto (KnTagging) tagging = { 0 };
    const char *tag = kn_request_param (req, "tag");
    KnDb *db;

    if (!begin (&tagging, req, &db, error) || !load (db, &tagging, false, error))
        return false;
    if (!g_strv_contains ((const char *const *)tagging.object->tags, tag))
        return set_no_tag (&tagging, tag, error);
    kn_request_reply_empty (req, 204);
    return true;
}

static bool
replace_txn (KnDb *db, gpointer data, GError **error)
{
    KnTagging *tagging = data;
    const json_t *entry;
    size_t i;

    if (!load (db, tagging, true, error) || !kn_store_tags_clear (db, tagging->object->id, error))
        return false;
    json_array_foreach (tagging->list, i, entry) {
        const char *tag = json_string_value (entry);
        g_autoptr (GError) local = NULL;

        if (!check_tag (tagging, tag, error))
            return false;
        if (!kn_store_tag_insert (db, tagging->object->id, tag, &local)
            && !g_error_matches (local, KN_ERROR, KN_ERROR_CONFLICT)) {
            g_propagate_error (error, g_steal_pointer (&local));
            return false;
        }
    }
    return load (db, tagging, true, error);
}

bool
kn_tags_replace (KnRequest *req, GError **error)
{
    g_auto (KnTagging) tagging = { 0 };
    const json_t *json;
    KnDb *db;

    if (!begin (&tagging, req, &db, error))
        return false;
    json = kn_request_json (req, error);
    if (json == NULL)
        return false;
    tagging.list = json_object_get (json, "tags");
    if (!json_is_array (tagging.list) || json_array_size (tagging.list) > TAGS_MAX) {
        kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "HTTPBadRequest",
                              "The body has to be an object with 'tags', a list of at most %d.",
                              TAGS_MAX);
        return false;
    }
    if (!commit (&tagging, db, replace_txn, error))
        return false;
    reply_tags (&tagging);
    return true;
}

static bool
clear_txn (KnDb *db, gpointer data, GError **error)
{
    KnTagging *tagging = data;

    return load (db, tagging, true, error) && kn_store_tags_clear (db, tagging->object->id, error);
}

bool
kn_tags_clear (KnRequest *req, GError **error)
{
    g_auto (KnTagging) tagging = { 0 };
    KnDb *db;

    if (!begin (&tagging, req, &db, error) || !commit (&tagging, db, clear_txn, error))
        return false;
    kn_request_reply_empty (req, 204);
    return true;
}

static bool
add_txn (KnDb *db, gpointer data, GError **error)
{
    KnTagging *tagging = data;

    if (!load (db, tagging, true, error))
        return false;
    if (g_strv_contains ((const char *const *)tagging->object->tags, tagging->tag))
        return true;
    if (g_strv_length (tagging->object->tags) >= TAGS_MAX) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "There cannot be more than %d tags.",
                         TAGS_MAX);
        return false;
    }
    return kn_store_tag_insert (db, tagging->object->id, tagging->tag, error);
}

bool
kn_tag_add (KnRequest *req, GError **error)
{
    g_auto (KnTagging) tagging = { 0 };
    KnDb *db;

    if (!begin (&tagging, req, &db, error))
        return false;
    tagging.tag = kn_request_param (req, "tag");
    if (!check_tag (&tagging, tagging.tag, error) || !commit (&tagging, db, add_txn, error))
        return false;
    kn_request_reply_empty (req, 201);
    return true;
}

static bool
remove_txn (KnDb *db, gpointer data, GError **error)
{
    KnTagging *tagging = data;
    gint64 n = 0;

    if (!load (db, tagging, true, error)
        || !kn_store_tag_delete (db, tagging->object->id, tagging->tag, &n, error))
        return false;
    return n > 0 ? true : set_no_tag (tagging, tagging->tag, error);
}

bool
kn_tag_remove (KnRequest *req, GError **error)
{
    g_auto (KnTagging) tagging = { 0 };
    KnDb *db;

    if (!begin (&tagging, req, &db, error))
        return false;
    tagging.tag = kn_request_param (req, "tag");
    if (!commit (&tagging, db, remove_txn, error))
        return false;
    kn_request_reply_empty (req, 204);
    return true;
}
