/* SPDX-License-Identifier: Apache-2.0 */
/* Entities as JSON, and the handlers that all of them share. */
#include "base/error.h"
#include "base/util.h"
#include "identity/entity.h"

#include <string.h>

#define MAX_EXTRA (32 * KIB)

/* --- reading --- */

static bool
bad_value (GError **error, const KnAttr *attr, const char *what)
{
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "Invalid input for field '%s': it must be %s.",
                     attr->name, what);
    return false;
}

static bool
read_text (const json_t *value, const KnAttr *attr, char **out_text, GError **error)
{
    const char *text = json_string_value (value);

    if (json_is_null (value) && (attr->flags & KN_ATTR_NULLABLE)) {
        *out_text = NULL;
        return true;
    }
    if (json_is_null (value) && (attr->flags & KN_ATTR_EMPTY)) {
        *out_text = g_strdup ("");
        return true;
    }
    if (!text)
        return bad_value (error, attr, "a string");
    if (*text == '\0' && !(attr->flags & KN_ATTR_EMPTY))
        return bad_value (error, attr, "longer than nothing");
    if (g_utf8_strlen (text, -1) > (glong)attr->max) {
        g_autofree char *what = g_strdup_printf ("at most %u characters long", attr->max);

        return bad_value (error, attr, what);
    }
    *out_text = g_strdup (text);
    return true;
}

static bool
read_attr (KnEntity *entity, guint i, const json_t *value, GError **error)
{
    const KnAttr *attr = &entity->resource->attrs[i];
    char *text = NULL;

    if (attr->type == KN_ATTR_BOOL) {
        if (!json_is_boolean (value))
            return bad_value (error, attr, "true or false");
        text = g_strdup (json_is_true (value) ? "1" : "0");
    } else if (!read_text (value, attr, &text, error)) {
        return false;
    }
    g_free (entity->values[i]);
    entity->values[i] = text;
    entity->given |= 1U << i;
    return true;
}

static bool
is_elsewhere (const KnResource *resource, const char *name)
{
    static const char *const always[] = { "id", "links", NULL };

    return g_strv_contains (always, name)
           || (resource->elsewhere && g_strv_contains (resource->elsewhere, name));
}

/* Attributes go to their values, everything else is kept in extra. */
static bool
read_body (KnEntity *entity, json_t *body, GError **error)
{
    const KnResource *resource = entity->resource;
    g_autoptr (json_t) extra = json_loads (entity->extra, 0, NULL);
    const char *name;
    json_t *value;
    char *text;

    entity->body = body;
    json_object_foreach (body, name, value) {
        guint i = 0;

        while (i < resource->n_attrs && strcmp (resource->attrs[i].name, name) != 0)
            i++;
        if (i < resource->n_attrs) {
            if (!read_attr (entity, i, value, error))
                return false;
        } else if (!is_elsewhere (resource, name)) {
            (void)json_object_set (extra, name, value);
        }
    }
    text = json_dumps (extra, JSON_COMPACT);
    g_free (entity->extra);
    entity->extra = g_strdup (text);
    free (text);
    if (strlen (entity->extra) <= MAX_EXTRA)
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "The additional attributes are too long.");
    return false;
}

static bool
check_required (const KnEntity *entity, GError **error)
{
    for (guint i = 0; i < entity->resource->n_attrs; i++) {
        const KnAttr *attr = &entity->resource->attrs[i];

        if ((attr->flags & KN_ATTR_REQUIRED) && !(entity->given & (1U << i))) {
            kn_error_public (error, KN_ERROR_BAD_REQUEST, "'%s' is a required property.",
                             attr->name);
            return false;
        }
    }
    return true;
}

static bool
check_fixed (const KnEntity *entity, const KnEntity *old, GError **error)
{
    for (guint i = 0; i < entity->resource->n_attrs; i++) {
        const KnAttr *attr = &entity->resource->attrs[i];

        if ((attr->flags & KN_ATTR_FIXED) && g_strcmp0 (entity->values[i], old->values[i]) != 0) {
            kn_error_public (error, KN_ERROR_BAD_REQUEST, "'%s' cannot be changed.", attr->name);
            return false;
        }
    }
    return true;
}

/* --- writing --- */

static void
write_attr (KnJw *w, const KnAttr *attr, const char *value)
{
    if (attr->flags & KN_ATTR_SECRET)
        return;
    if (attr->type == KN_ATTR_BOOL)
        kn_jw_bool_member (w, attr->name, value && strcmp (value, "0") != 0);
    else if (value && *value == '\0' && (attr->flags & KN_ATTR_NULLABLE))
        kn_jw_null_member (w, attr->name);
    else
        kn_jw_string_member (w, attr->name, value);
}

static void
write_extra (KnJw *w, const char *extra)
{
    g_autoptr (json_t) object = NULL;
    const char *name;
    json_t *value;

    if (strcmp (extra, "{}") == 0)
        return;
    object = json_loads (extra, 0, NULL);
    json_object_foreach (object, name, value) {
        char *text = json_dumps (value, JSON_COMPACT | JSON_ENCODE_ANY);

        kn_jw_raw_member (w, name, text);
        free (text);
    }
}

bool
kn_entity_write (KnJw *w, KnRequest *req, KnDb *db, const KnEntity *entity, GError **error)
{
    const KnResource *resource = entity->resource;

    kn_jw_object (w);
    kn_jw_string_member (w, "id", entity->id);
    for (guint i = 0; i < resource->n_attrs; i++)
        write_attr (w, &resource->attrs[i], entity->values[i]);
    write_extra (w, entity->extra);
    kn_jw_object_member (w, "links");
    kn_jw_format_member (w, "self", "%s/v3/%s/%s", kn_request_base_url (req), resource->plural,
                         entity->id);
    kn_jw_end (w);
    if (resource->write_more && !resource->write_more (w, req, db, entity, error))
        return false;
    kn_jw_end (w);
    return true;
}

void
kn_entity_begin_list (KnJw *w, const char *plural)
{
    kn_jw_object (w);
    kn_jw_array_member (w, plural);
}

void
kn_entity_end_list (KnJw *w, KnRequest *req)
{
    kn_jw_end (w);
    kn_jw_object_member (w, "links");
    kn_jw_null_member (w, "next");
    kn_jw_null_member (w, "previous");
    kn_jw_format_member (w, "self", "%s%s", kn_request_base_url (req),
                         strchr (kn_request_path (req) + 1, '/'));
    kn_jw_end (w);
    kn_jw_end (w);
}

/* --- filters --- */

typedef enum { MATCH_EXACT, MATCH_CONTAINS, MATCH_START, MATCH_END } Match;

static const struct {
    const char *suffix;
    Match match;
    bool fold;
} comparators[] = {
    { "", MATCH_EXACT, false },
    { "__contains", MATCH_CONTAINS, false },
    { "__icontains", MATCH_CONTAINS, true },
    { "__startswith", MATCH_START, false },
    { "__istartswith", MATCH_START, true },
    { "__endswith", MATCH_END, false },
    { "__iendswith", MATCH_END, true },
};

static bool
compare (const char *have, const char *wanted, Match match)
{
    switch (match) {
    case MATCH_EXACT:
        return strcmp (have, wanted) == 0;
    case MATCH_CONTAINS:
        return strstr (have, wanted) != NULL;
    case MATCH_START:
        return g_str_has_prefix (have, wanted);
    case MATCH_END:
        return g_str_has_suffix (have, wanted);
    }
    return false;
}

static bool
matches_text (const char *have, const char *wanted, Match match, bool fold)
{
    g_autofree char *folded_have = fold ? g_utf8_casefold (have, -1) : NULL;
    g_autofree char *folded_wanted = fold ? g_utf8_casefold (wanted, -1) : NULL;

    return fold ? compare (folded_have, folded_wanted, match) : compare (have, wanted, match);
}

/* Keystone takes anything but these words for true, the bare key too. */
static bool
is_true (const char *text)
{
    bool value;

    return !kn_parse_bool (text, &value) || value;
}

static bool
matches_attr (const KnAttr *attr, const char *have, const char *name, const char *wanted)
{
    const gsize len = strlen (attr->name);

    if (strncmp (name, attr->name, len) != 0 || (attr->flags & KN_ATTR_SECRET))
        return true;
    for (gsize i = 0; i < G_N_ELEMENTS (comparators); i++) {
        if (strcmp (name + len, comparators[i].suffix) != 0)
            continue;
        if (attr->type == KN_ATTR_BOOL)
            return (g_strcmp0 (have, "0") != 0) == is_true (wanted);
        return matches_text (have ? have : "", wanted, comparators[i].match, comparators[i].fold);
    }
    return true;
}

typedef struct {
    const KnEntity *entity;
    bool matches;
} Filter;

static bool
apply_filter (const char *name, const char *wanted, gpointer data)
{
    Filter *filter = data;
    const KnResource *resource = filter->entity->resource;

    for (guint i = 0; i < resource->n_attrs && filter->matches; i++)
        filter->matches
            = matches_attr (&resource->attrs[i], filter->entity->values[i], name, wanted);
    return filter->matches;
}

/* --- handlers --- */

typedef struct {
    KnRequest *req;
    KnDb *db;
    KnJw *w;
    const char *id; /* wanted built-in one, or NULL */
    KnEntity *found;
} Listing;

static bool
list_one (KnEntity *entity, gpointer data, GError **error)
{
    Listing *listing = data;
    Filter filter = { entity, true };

    kn_request_each_query (listing->req, apply_filter, &filter);
    if (!filter.matches
        || (entity->resource->matches
            && !entity->resource->matches (listing->req, listing->db, entity)))
        return true;
    return kn_entity_write (listing->w, listing->req, listing->db, entity, error);
}

static void
list_builtin (KnEntity *entity, gpointer data)
{
    (void)list_one (entity, data, NULL);
    kn_entity_free (entity);
}

static KnDb *
db_of (const KnRequest *req, GError **error)
{
    const KnIdentity *identity = kn_request_service (req);

    return kn_db_thread (identity->db, error);
}

bool
kn_entity_do_list (KnRequest *req, const KnResource *resource, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    Listing listing = { .req = req, .db = db_of (req, error), .w = w };

    if (!listing.db)
        return false;
    kn_entity_begin_list (w, resource->plural);
    if (resource->each_builtin)
        resource->each_builtin (req, list_builtin, &listing);
    if (!kn_entity_each (listing.db, resource, list_one, &listing, error))
        return false;
    kn_entity_end_list (w, req);
    kn_request_reply_json (req, 200, w);
    return true;
}

static void
find_builtin (KnEntity *entity, gpointer data)
{
    Listing *listing = data;

    if (!listing->found && strcmp (entity->id, listing->id) == 0)
        listing->found = entity;
    else
        kn_entity_free (entity);
}

/* The stored or built-in object; @out_builtin may be NULL. */
static KnEntity *
load_any (KnRequest *req, KnDb *db, const KnResource *resource, const char *id, bool *out_builtin,
          GError **error)
{
    Listing listing = { .req = req, .id = id };

    if (resource->each_builtin)
        resource->each_builtin (req, find_builtin, &listing);
    if (out_builtin)
        *out_builtin = listing.found != NULL;
    return listing.found ? listing.found : kn_entity_load (db, resource, id, error);
}

static bool
reply_entity (KnRequest *req, KnDb *db, const KnEntity *entity, guint status, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_key (w, entity->resource->singular);
    if (!kn_entity_write (w, req, db, entity, error))
        return false;
    kn_jw_end (w);
    kn_request_reply_json (req, status, w);
    return true;
}

bool
kn_entity_reply (KnRequest *req, const KnResource *resource, const char *id, guint status,
                 GError **error)
{
    KnDb *db = db_of (req, error);
    g_autoptr (KnEntity) entity = db ? kn_entity_load (db, resource, id, error) : NULL;

    return entity && reply_entity (req, db, entity, status, error);
}

bool
kn_entity_do_show (KnRequest *req, const KnResource *resource, GError **error)
{
    const char *id = kn_request_param (req, "id");
    KnDb *db = db_of (req, error);
    g_autoptr (KnEntity) entity = db ? load_any (req, db, resource, id, NULL, error) : NULL;

    if (!entity)
        return false;
    if (!kn_request_is_admin (req) && !(resource->may_show && resource->may_show (req, entity))) {
        kn_error_public (error, KN_ERROR_FORBIDDEN,
                         "You are not authorized to perform the requested action.");
        return false;
    }
    return reply_entity (req, db, entity, 200, error);
}

bool
kn_entity_do_create (KnRequest *req, const KnResource *resource, GError **error)
{
    const json_t *document = kn_request_json (req, error);
    json_t *body = document ? kn_json_unwrap (document, resource->singular, error) : NULL;
    g_autoptr (KnEntity) entity = kn_entity_new (resource, resource->new_id ());
    KnDb *db = db_of (req, error);

    if (!db || !body || !read_body (entity, body, error) || !check_required (entity, error))
        return false;
    if (resource->prepare && !resource->prepare (req, entity, NULL, error))
        return false;
    return kn_entity_create (db, entity, error)
           && kn_entity_reply (req, resource, entity->id, 201, error);
}

static bool
refuse_builtin (const KnResource *resource, const char *id, GError **error)
{
    kn_error_public (error, KN_ERROR_FORBIDDEN,
                     "The %s %s is Kilonova's own: it cannot be changed or deleted.",
                     resource->singular, id);
    return false;
}

bool
kn_entity_do_update (KnRequest *req, const KnResource *resource, GError **error)
{
    const char *id = kn_request_param (req, "id");
    const json_t *document = kn_request_json (req, error);
    json_t *body = document ? kn_json_unwrap (document, resource->singular, error) : NULL;
    KnDb *db = body ? db_of (req, error) : NULL;
    bool builtin = false;
    g_autoptr (KnEntity) old = db ? load_any (req, db, resource, id, &builtin, error) : NULL;
    g_autoptr (KnEntity) entity = NULL;

    if (!old)
        return false;
    if (builtin)
        return refuse_builtin (resource, id, error);
    entity = kn_entity_load (db, resource, id, error);
    if (!entity || !read_body (entity, body, error) || !check_fixed (entity, old, error))
        return false;
    if (resource->prepare && !resource->prepare (req, entity, old, error))
        return false;
    return kn_entity_update (db, entity, old, error)
           && kn_entity_reply (req, resource, id, 200, error);
}

bool
kn_entity_do_remove (KnRequest *req, const KnResource *resource, GError **error)
{
    const char *id = kn_request_param (req, "id");
    KnDb *db = db_of (req, error);
    bool builtin = false;
    g_autoptr (KnEntity) entity = db ? load_any (req, db, resource, id, &builtin, error) : NULL;

    if (!entity)
        return false;
    if (builtin)
        return refuse_builtin (resource, id, error);
    if (!kn_entity_remove (db, resource, id, error))
        return false;
    kn_request_reply_empty (req, 204);
    return true;
}

bool
kn_entity_handle_create (KnRequest *req, GError **error)
{
    return kn_entity_do_create (req, kn_request_state (req), error);
}

bool
kn_entity_handle_list (KnRequest *req, GError **error)
{
    return kn_entity_do_list (req, kn_request_state (req), error);
}

bool
kn_entity_handle_show (KnRequest *req, GError **error)
{
    return kn_entity_do_show (req, kn_request_state (req), error);
}

bool
kn_entity_handle_update (KnRequest *req, GError **error)
{
    return kn_entity_do_update (req, kn_request_state (req), error);
}

bool
kn_entity_handle_remove (KnRequest *req, GError **error)
{
    return kn_entity_do_remove (req, kn_request_state (req), error);
}
