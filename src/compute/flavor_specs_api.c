/* SPDX-License-Identifier: Apache-2.0 */
/* Extra specs of flavors. What the guest rules know is checked by them: refused from microversion 2.86 on, as in Nova; below it
 * stored, with a warning to who sets it, in the log, and with the flavor. */
#include "base/error.h"
#include "base/log.h"
#include "base/util.h"
#include "compute/flavor_store.h"
#include "compute/flavor_view.h"
#include "compute/server_create.h"
#include "guest/plan.h"

#include <string.h>

#define TEXT_MAX 255
#define SPECS_MAX 128
#define CHECKED_SINCE 86 /* 2.86 */
#define WARNINGS_MAX 8   /* headers of one answer */

static bool
check_spec (const char *key, const json_t *value, GError **error)
{
    gsize len = strlen (key);
    bool good = len > 0 && len <= TEXT_MAX;
    const char *text = json_string_value (value);

    for (const char *c = key; good && *c; c++)
        good = g_ascii_isalnum (*c) || strchr ("-_:. ", *c);
    if (!good) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "Key names of extra specs may hold letters, digits, '.', ':', '-', '_' "
                         "and spaces, 255 at most.");
        return false;
    }
    if (json_is_number (value) || (text && g_utf8_strlen (text, -1) <= TEXT_MAX))
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST,
                     "The value of extra spec %.255s must be a string of at most 255 characters.",
                     key);
    return false;
}

/* The value as text; numbers are taken as they are written. Caller frees. */
static char *
dup_value (const json_t *value)
{
    char *dump;
    char *text;

    if (json_is_string (value))
        return g_strdup (json_string_value (value));
    dump = json_dumps (value, JSON_ENCODE_ANY);
    text = g_strdup (dump);
    free (dump);
    return text;
}

static bool
check_specs (const json_t *specs, GError **error)
{
    const char *key;
    json_t *value;

    if (json_object_size (specs) > SPECS_MAX) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "At most %d extra specs can be set at once.",
                         SPECS_MAX);
        return false;
    }
    json_object_foreach ((json_t *)specs, key, value) {
        if (!check_spec (key, value, error))
            return false;
    }
    return true;
}

typedef struct {
    gint64 flavor;
    const json_t *specs;
} SetSpecs;

static bool
set_specs (KnDb *db, gpointer data, GError **error)
{
    const SetSpecs *set = data;
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)set->specs, key, value) {
        g_autofree char *text = dup_value (value);

        if (!kn_store_flavor_set_spec (db, set->flavor, key, text, error))
            return false;
    }
    return true;
}

/* Writes the members of @specs as they were stored. */
static void
write_specs (KnJw *w, const json_t *specs)
{
    const char *key;
    json_t *value;

    kn_jw_object (w);
    json_object_foreach ((json_t *)specs, key, value) {
        g_autofree char *text = dup_value (value);

        kn_jw_string_member (w, key, text);
    }
    kn_jw_end (w);
}

/* What is wrong with one spec; the zone is asked for here, since the guest rules know no host. NULL: nothing. */
static KnGuestHint *
find_hint (const char *key, const char *value)
{
    g_autoptr (GError) error = NULL;
    KnGuestHint *hint = kn_guest_spec_hint (key, value);

    if (hint || strcmp (key, "os:timezone") != 0 || kn_server_check_zone (value, &error))
        return hint;
    return kn_guest_hint_new (key, value, g_strdup (kn_error_sentence (error)), NULL);
}

/* As a header's quoted string: what is not printable ASCII is left out. */
static void
add_warning_header (KnRequest *req, const char *message)
{
    g_autoptr (GString) text = g_string_new ("299 kilonova \"");

    for (const char *c = message; *c; c++)
        if (g_ascii_isprint (*c) && *c != '"' && *c != '\\')
            g_string_append_c (text, *c);
    g_string_append_c (text, '"');
    kn_request_add_header (req, "Warning", text->str);
}

static void
warn_of_specs (KnRequest *req, const KnFlavor *flavor, const json_t *specs)
{
    const char *key;
    json_t *value;
    guint n = 0;

    json_object_foreach ((json_t *)specs, key, value) {
        g_autofree char *text = dup_value (value);
        g_autoptr (KnGuestHint) hint = find_hint (key, text);

        if (!hint || n++ >= WARNINGS_MAX)
            continue;
        add_warning_header (req, hint->message);
        kn_log (KN_LOG_WARNING, "a doubtful extra spec was stored", "request", kn_request_id (req),
                "flavor", flavor->flavor_id, "spec", key, "why", hint->message, NULL);
    }
}

static bool
check_known_specs (const KnRequest *req, const json_t *specs, GError **error)
{
    const char *key;
    json_t *value;

    if (kn_request_minor (req) < CHECKED_SINCE)
        return true;
    json_object_foreach ((json_t *)specs, key, value) {
        g_autofree char *text = dup_value (value);

        if (!kn_guest_check_spec (key, text, error)
            || (strcmp (key, "os:timezone") == 0 && !kn_server_check_zone (text, error)))
            return false;
    }
    return true;
}

static bool
store_specs (KnRequest *req, const json_t *specs, GError **error)
{
    KnDb *db = kn_flavor_db (req, error);
    g_autoptr (KnFlavor) flavor = db ? kn_flavor_of (req, db, error) : NULL;
    SetSpecs set = { .specs = specs };

    if (!flavor || !check_specs (specs, error) || !check_known_specs (req, specs, error))
        return false;
    set.flavor = flavor->id;
    if (!kn_db_txn (db, set_specs, &set, error))
        return false;
    warn_of_specs (req, flavor, specs);
    return true;
}

static bool
specs_create (KnRequest *req, GError **error)
{
    const json_t *body = kn_request_json (req, error);
    const json_t *specs = body ? kn_json_unwrap (body, "extra_specs", error) : NULL;
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!specs || !store_specs (req, specs, error))
        return false;
    kn_jw_object (w);
    kn_jw_key (w, "extra_specs");
    write_specs (w, specs);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static bool
spec_update (KnRequest *req, GError **error)
{
    const char *key = kn_request_param (req, "key");
    const json_t *body = kn_request_json (req, error);
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!body)
        return false;
    if (json_object_size (body) != 1 || !json_object_get (body, key)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "The body must hold exactly the key that the address names.");
        return false;
    }
    if (!store_specs (req, body, error))
        return false;
    write_specs (w, body);
    kn_request_reply_json (req, 200, w);
    return true;
}

static gint
compare_keys (gconstpointer a, gconstpointer b)
{
    return strcmp (a, b);
}

static void
write_table (KnJw *w, GHashTable *specs)
{
    g_autoptr (GList) keys = g_list_sort (g_hash_table_get_keys (specs), compare_keys);

    kn_jw_object (w);
    for (GList *key = keys; key; key = key->next)
        kn_jw_string_member (w, key->data, g_hash_table_lookup (specs, key->data));
    kn_jw_end (w);
}

static bool
specs_list (KnRequest *req, GError **error)
{
    KnDb *db = kn_flavor_db (req, error);
    g_autoptr (KnFlavor) flavor = db ? kn_flavor_of (req, db, error) : NULL;
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!flavor)
        return false;
    kn_jw_object (w);
    kn_jw_key (w, "extra_specs");
    write_table (w, flavor->extra_specs);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

/* The value of the path's {key}. Errors: NOT_FOUND (public). */
static const char *
find_spec (const KnRequest *req, const KnFlavor *flavor, GError **error)
{
    const char *key = kn_request_param (req, "key");
    const char *value = g_hash_table_lookup (flavor->extra_specs, key);

    if (!value)
        kn_error_public (error, KN_ERROR_NOT_FOUND, "Flavor %s has no extra spec %.255s.",
                         flavor->flavor_id, key);
    return value;
}

static bool
spec_show (KnRequest *req, GError **error)
{
    KnDb *db = kn_flavor_db (req, error);
    g_autoptr (KnFlavor) flavor = db ? kn_flavor_of (req, db, error) : NULL;
    const char *value = flavor ? find_spec (req, flavor, error) : NULL;
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!value)
        return false;
    kn_jw_object (w);
    kn_jw_string_member (w, kn_request_param (req, "key"), value);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static bool
spec_delete (KnRequest *req, GError **error)
{
    KnDb *db = kn_flavor_db (req, error);
    g_autoptr (KnFlavor) flavor = db ? kn_flavor_of (req, db, error) : NULL;

    if (!flavor || !find_spec (req, flavor, error)
        || !kn_store_flavor_unset_spec (db, flavor->id, kn_request_param (req, "key"), error))
        return false;
    kn_request_reply_empty (req, 200);
    return true;
}

static gint
compare_hints (gconstpointer a, gconstpointer b)
{
    const KnGuestHint *x = *(KnGuestHint *const *)a, *y = *(KnGuestHint *const *)b;

    return strcmp (x->property, y->property);
}

static GPtrArray *
list_hints (const KnFlavor *flavor)
{
    GPtrArray *hints = g_ptr_array_new_with_free_func ((GDestroyNotify)kn_guest_hint_free);
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init (&iter, flavor->extra_specs);
    while (g_hash_table_iter_next (&iter, &key, &value)) {
        KnGuestHint *hint = find_hint (key, value);

        if (hint)
            g_ptr_array_add (hints, hint);
    }
    g_ptr_array_sort (hints, compare_hints);
    return hints;
}

static bool
warnings_list (KnRequest *req, GError **error)
{
    KnDb *db = kn_flavor_db (req, error);
    g_autoptr (KnFlavor) flavor = db ? kn_flavor_of (req, db, error) : NULL;
    g_autoptr (GPtrArray) hints = flavor ? list_hints (flavor) : NULL;
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!hints)
        return false;
    kn_jw_object (w);
    kn_jw_array_member (w, "warnings");
    for (guint i = 0; i < hints->len; i++) {
        const KnGuestHint *hint = hints->pdata[i];

        kn_jw_object (w);
        kn_jw_string_member (w, "property", hint->property);
        kn_jw_string_member (w, "value", hint->value);
        kn_jw_string_member (w, "message", hint->message);
        kn_jw_string_member (w, "suggestion", hint->suggestion);
        kn_jw_end (w);
    }
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static const KnRoute routes_of_specs[] = {
    { "GET", "/v2.1/flavors/{id}/os-extra_specs", specs_list, KN_ROLE_READER, KN_WORKER },
    { "POST", "/v2.1/flavors/{id}/os-extra_specs", specs_create, KN_ROLE_ADMIN, KN_WORKER,
      256 * KIB },
    { "GET", "/v2.1/flavors/{id}/os-extra_specs/{key}", spec_show, KN_ROLE_READER, KN_WORKER },
    { "PUT", "/v2.1/flavors/{id}/os-extra_specs/{key}", spec_update, KN_ROLE_ADMIN, KN_WORKER,
      16 * KIB },
    { "DELETE", "/v2.1/flavors/{id}/os-extra_specs/{key}", spec_delete, KN_ROLE_ADMIN, KN_WORKER },
    { "GET", "/v2.1/flavors/{id}/kilonova-warnings", warnings_list, KN_ROLE_READER, KN_WORKER },
};

void
kn_flavor_specs_add_routes (GArray *routes)
{
    g_array_append_vals (routes, routes_of_specs, G_N_ELEMENTS (routes_of_specs));
}
