/* SPDX-License-Identifier: Apache-2.0 */
/* Aggregates of hosts. There is one availability zone, so that is the only one that an aggregate may name. */
#include "base/error.h"
#include "base/time.h"
#include "base/util.h"
#include "compute/aggregate_store.h"
#include "compute/compute_priv.h"
#include "compute/host.h"

#include <string.h>

#define ZONE_KEY "availability_zone"
#define TEXT_MAX 255
#define METADATA_MAX 128

typedef struct {
    const char *name, *zone;
    guint64 present;
} AggregateSpec;

enum { HAS_NAME = 1 << 0, HAS_ZONE = 1 << 1 };

static const KnJField aggregate_fields[] = {
    { "name", KN_J_STRING, offsetof (AggregateSpec, name), 1, TEXT_MAX, .flags = KN_J_OPTIONAL },
    { ZONE_KEY, KN_J_STRING, offsetof (AggregateSpec, zone), 1, TEXT_MAX,
      .flags = KN_J_OPTIONAL | KN_J_NULLABLE },
};
static const KnJShape aggregate_shape = { aggregate_fields, G_N_ELEMENTS (aggregate_fields),
                                          offsetof (AggregateSpec, present), .closed = true };

/* The answer to a creation has neither hosts nor metadata. */
typedef enum { VIEW_CREATED, VIEW_FULL } AggregateView;

static void
write_members (KnJw *w, const KnAggregate *aggregate)
{
    GHashTableIter iter;
    gpointer key, value;

    kn_jw_array_member (w, "hosts");
    for (guint i = 0; i < aggregate->hosts->len; i++)
        kn_jw_string (w, g_ptr_array_index (aggregate->hosts, i));
    kn_jw_end (w);
    kn_jw_object_member (w, "metadata");
    g_hash_table_iter_init (&iter, aggregate->metadata);
    while (g_hash_table_iter_next (&iter, &key, &value))
        kn_jw_string_member (w, key, value);
    kn_jw_end (w);
}

static void
write_aggregate (KnJw *w, const KnAggregate *aggregate, AggregateView view)
{
    g_autofree char *created = kn_time_convert (aggregate->created_at, KN_TIME_PLAIN);
    g_autofree char *updated = kn_time_convert (aggregate->updated_at, KN_TIME_PLAIN);

    kn_jw_object (w);
    kn_jw_int_member (w, "id", aggregate->id);
    kn_jw_string_member (w, "name", aggregate->name);
    kn_jw_string_member (w, ZONE_KEY, g_hash_table_lookup (aggregate->metadata, ZONE_KEY));
    kn_jw_string_member (w, "created_at", created);
    kn_jw_string_member (w, "updated_at", updated);
    kn_jw_bool_member (w, "deleted", false);
    kn_jw_null_member (w, "deleted_at");
    if (view == VIEW_FULL)
        write_members (w, aggregate);
    kn_jw_end (w);
}

/* The aggregate of the path's {id}. Errors: NOT_FOUND (public). */
static KnAggregate *
load_aggregate (const KnRequest *req, KnDb *db, GError **error)
{
    const char *text = kn_request_param (req, "id");
    gint64 id = 0;
    GError *problem = NULL;
    KnAggregate *aggregate = kn_parse_int (text, 1, G_MAXINT64, &id)
                                 ? kn_store_aggregate_find (db, id, &problem)
                                 : NULL;

    if (problem)
        g_propagate_error (error, problem);
    else if (!aggregate)
        kn_error_public (error, KN_ERROR_NOT_FOUND, "Aggregate %.255s could not be found.", text);
    return aggregate;
}

static bool
reply_aggregate (KnRequest *req, KnDb *db, gint64 id, AggregateView view, GError **error)
{
    g_autoptr (KnAggregate) aggregate = kn_store_aggregate_find (db, id, error);
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!aggregate) {
        if (error && !*error)
            kn_error_public (error, KN_ERROR_NOT_FOUND, "The aggregate has just been deleted.");
        return false;
    }
    kn_jw_object (w);
    kn_jw_key (w, "aggregate");
    write_aggregate (w, aggregate, view);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static bool
aggregate_list (KnRequest *req, GError **error)
{
    KnDb *db = kn_compute_db (kn_compute_of (req), error);
    g_autoptr (GPtrArray) aggregates = db ? kn_store_aggregate_list (db, error) : NULL;
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!aggregates)
        return false;
    kn_jw_object (w);
    kn_jw_array_member (w, "aggregates");
    for (guint i = 0; i < aggregates->len; i++)
        write_aggregate (w, g_ptr_array_index (aggregates, i), VIEW_FULL);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static bool
aggregate_show (KnRequest *req, GError **error)
{
    KnDb *db = kn_compute_db (kn_compute_of (req), error);
    g_autoptr (KnAggregate) aggregate = db ? load_aggregate (req, db, error) : NULL;

    return aggregate && reply_aggregate (req, db, aggregate->id, VIEW_FULL, error);
}

static bool
check_zone (const KnRequest *req, const char *zone, GError **error)
{
    const char *own = kn_compute_of (req)->zone;

    if (!zone || strcmp (zone, own) == 0)
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "This cloud has one availability zone: %s.", own);
    return false;
}

static bool
check_name (const char *name, GError **error)
{
    if (name[0] != ' ' && name[strlen (name) - 1] != ' ')
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST,
                     "Invalid input for field/attribute name: no spaces at its ends.");
    return false;
}

static bool
read_spec (KnRequest *req, AggregateSpec *spec, GError **error)
{
    const json_t *body = kn_request_json (req, error);
    const json_t *object = body ? kn_json_unwrap (body, "aggregate", error) : NULL;

    return object && kn_json_read (object, "aggregate", &aggregate_shape, spec, error)
           && (!spec->name || check_name (spec->name, error))
           && check_zone (req, spec->zone, error);
}

typedef struct {
    gint64 id; /* 0: a new one */
    const AggregateSpec *spec;
} Change;

static bool
apply_change (KnDb *db, gpointer data, GError **error)
{
    Change *change = data;
    const AggregateSpec *spec = change->spec;
    gint64 id = change->id;

    if (id == 0 && !kn_store_aggregate_insert (db, spec->name, &id, error))
        return false;
    if (change->id != 0 && spec->name && !kn_store_aggregate_rename (db, id, spec->name, error))
        return false;
    if (spec->present & HAS_ZONE
        && !kn_store_aggregate_set_metadata (db, id, ZONE_KEY, spec->zone, error))
        return false;
    change->id = id;
    return true;
}

static bool
change_aggregate (KnDb *db, Change *change, GError **error)
{
    GError *problem = NULL;
    Change tried = *change; /* a retry begins afresh */

    if (kn_db_txn (db, apply_change, &tried, &problem)) {
        *change = tried;
        return true;
    }
    if (!g_error_matches (problem, KN_ERROR, KN_ERROR_CONFLICT)) {
        g_propagate_error (error, problem);
        return false;
    }
    g_clear_error (&problem);
    kn_error_public (error, KN_ERROR_CONFLICT, "Aggregate %s already exists.", change->spec->name);
    return false;
}

static bool
aggregate_create (KnRequest *req, GError **error)
{
    AggregateSpec spec = { .name = NULL };
    Change change = { .spec = &spec };
    KnDb *db = kn_compute_db (kn_compute_of (req), error);

    if (!db || !read_spec (req, &spec, error))
        return false;
    if (!spec.name) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "An aggregate needs a name.");
        return false;
    }
    return change_aggregate (db, &change, error)
           && reply_aggregate (req, db, change.id, VIEW_CREATED, error);
}

static bool
aggregate_update (KnRequest *req, GError **error)
{
    AggregateSpec spec = { .name = NULL };
    Change change = { .spec = &spec };
    KnDb *db = kn_compute_db (kn_compute_of (req), error);
    g_autoptr (KnAggregate) aggregate = NULL;

    if (!db || !read_spec (req, &spec, error))
        return false;
    if (spec.present == 0) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "There is nothing to update.");
        return false;
    }
    aggregate = load_aggregate (req, db, error);
    if (!aggregate)
        return false;
    change.id = aggregate->id;
    return change_aggregate (db, &change, error)
           && reply_aggregate (req, db, change.id, VIEW_FULL, error);
}

static bool
aggregate_delete (KnRequest *req, GError **error)
{
    KnDb *db = kn_compute_db (kn_compute_of (req), error);
    g_autoptr (KnAggregate) aggregate = db ? load_aggregate (req, db, error) : NULL;
    GError *problem = NULL;

    if (!aggregate)
        return false;
    if (kn_store_aggregate_delete (db, aggregate->id, &problem)) {
        kn_request_reply_empty (req, 200);
        return true;
    }
    if (!g_error_matches (problem, KN_ERROR, KN_ERROR_IN_USE)) {
        g_propagate_error (error, problem);
        return false;
    }
    g_clear_error (&problem);
    kn_error_public (error, KN_ERROR_CONFLICT, "Aggregate %s still has hosts.", aggregate->name);
    return false;
}

typedef struct {
    const char *host;
    guint64 present;
} HostSpec;

static const KnJField host_fields[]
    = { { "host", KN_J_STRING, offsetof (HostSpec, host), 1, TEXT_MAX } };
static const KnJShape host_shape
    = { host_fields, G_N_ELEMENTS (host_fields), offsetof (HostSpec, present), .closed = true };

static bool
add_host (KnRequest *req, KnDb *db, const KnAggregate *aggregate, const json_t *object,
          GError **error)
{
    HostSpec spec = { .host = NULL };
    g_autoptr (KnVirtHost) host = NULL;
    GError *problem = NULL;

    if (!kn_json_read (object, "add_host", &host_shape, &spec, error))
        return false;
    host = kn_virt_find_host (kn_compute_of (req)->virt, spec.host);
    if (!host) {
        kn_error_public (error, KN_ERROR_NOT_FOUND, "Compute host %s could not be found.",
                         spec.host);
        return false;
    }
    if (kn_store_aggregate_add_host (db, aggregate->id, spec.host, &problem))
        return true;
    if (!g_error_matches (problem, KN_ERROR, KN_ERROR_CONFLICT)) {
        g_propagate_error (error, problem);
        return false;
    }
    g_clear_error (&problem);
    kn_error_public (error, KN_ERROR_CONFLICT, "Host %s is in aggregate %s already.", spec.host,
                     aggregate->name);
    return false;
}

static bool
remove_host (KnRequest *req, KnDb *db, const KnAggregate *aggregate, const json_t *object,
             GError **error)
{
    HostSpec spec = { .host = NULL };
    bool was = false;

    (void)req;
    if (!kn_json_read (object, "remove_host", &host_shape, &spec, error)
        || !kn_store_aggregate_remove_host (db, aggregate->id, spec.host, &was, error))
        return false;
    if (!was)
        kn_error_public (error, KN_ERROR_NOT_FOUND, "Host %s is not in aggregate %s.", spec.host,
                         aggregate->name);
    return was;
}

typedef struct {
    gint64 id;
    const json_t *metadata;
} SetMetadata;

static bool
store_metadata (KnDb *db, gpointer data, GError **error)
{
    const SetMetadata *set = data;
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)set->metadata, key, value) {
        if (!kn_store_aggregate_set_metadata (db, set->id, key, json_string_value (value), error))
            return false;
    }
    return true;
}

static bool
check_metadata (const KnRequest *req, const json_t *metadata, GError **error)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)metadata, key, value) {
        const char *text = json_string_value (value);
        bool good = *key && g_utf8_strlen (key, -1) <= TEXT_MAX
                    && (json_is_null (value) || (text && g_utf8_strlen (text, -1) <= TEXT_MAX));

        if (!good) {
            kn_error_public (error, KN_ERROR_BAD_REQUEST,
                             "Metadata are strings of at most %d characters, or null.", TEXT_MAX);
            return false;
        }
        if (strcmp (key, ZONE_KEY) == 0 && !check_zone (req, text, error))
            return false;
    }
    if (json_object_size (metadata) > METADATA_MAX)
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "At most %d keys can be set at once.",
                         METADATA_MAX);
    return json_object_size (metadata) <= METADATA_MAX;
}

static bool
set_metadata (KnRequest *req, KnDb *db, const KnAggregate *aggregate, const json_t *object,
              GError **error)
{
    const json_t *metadata = kn_json_unwrap (object, "metadata", error);
    SetMetadata set = { .id = aggregate->id, .metadata = metadata };

    return metadata && check_metadata (req, metadata, error)
           && kn_db_txn (db, store_metadata, &set, error);
}

typedef struct {
    const char *name;
    bool (*run) (KnRequest *req, KnDb *db, const KnAggregate *aggregate, const json_t *object,
                 GError **error);
} AggregateAction;

static const AggregateAction actions[] = {
    { "add_host", add_host },
    { "remove_host", remove_host },
    { "set_metadata", set_metadata },
};

static const AggregateAction *
find_action (const json_t *body, GError **error)
{
    for (gsize i = 0; json_object_size (body) == 1 && i < G_N_ELEMENTS (actions); i++)
        if (json_object_get (body, actions[i].name))
            return &actions[i];
    kn_error_public (error, KN_ERROR_BAD_REQUEST,
                     "The body must be add_host, remove_host or set_metadata.");
    return NULL;
}

static bool
aggregate_action (KnRequest *req, GError **error)
{
    const json_t *body = kn_request_json (req, error);
    const AggregateAction *action = body ? find_action (body, error) : NULL;
    const json_t *object = action ? kn_json_unwrap (body, action->name, error) : NULL;
    KnDb *db = object ? kn_compute_db (kn_compute_of (req), error) : NULL;
    g_autoptr (KnAggregate) aggregate = db ? load_aggregate (req, db, error) : NULL;

    return aggregate && action->run (req, db, aggregate, object, error)
           && reply_aggregate (req, db, aggregate->id, VIEW_FULL, error);
}

static const KnRoute routes_of_aggregates[] = {
    { "GET", "/v2.1/os-aggregates", aggregate_list, KN_ROLE_ADMIN, KN_WORKER },
    { "POST", "/v2.1/os-aggregates", aggregate_create, KN_ROLE_ADMIN, KN_WORKER, 16 * KIB },
    { "GET", "/v2.1/os-aggregates/{id}", aggregate_show, KN_ROLE_ADMIN, KN_WORKER },
    { "PUT", "/v2.1/os-aggregates/{id}", aggregate_update, KN_ROLE_ADMIN, KN_WORKER, 16 * KIB },
    { "DELETE", "/v2.1/os-aggregates/{id}", aggregate_delete, KN_ROLE_ADMIN, KN_WORKER },
    { "POST", "/v2.1/os-aggregates/{id}/action", aggregate_action, KN_ROLE_ADMIN, KN_WORKER,
      256 * KIB },
};

void
kn_aggregate_add_routes (GArray *routes)
{
    g_array_append_vals (routes, routes_of_aggregates, G_N_ELEMENTS (routes_of_aggregates));
}
