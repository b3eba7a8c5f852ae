/* SPDX-License-Identifier: Apache-2.0 */
/* The profile of a server: what another one, or a hard reboot now, would change; changing it on purpose; taking that back. */
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "compute/facts.h"
#include "compute/json_table.h"
#include "compute/profile_store.h"
#include "compute/server_api.h"
#include "guest/explain.h"
#include "guest/registry.h"
#include "virt/domain.h"

#define MAX_BODY (4 * KIB)
#define KEPT_SOURCE "hardware identity"

/* The plan that a server would get, and how it differs from the one that it has. The first three say what is tried. */
typedef struct {
    const char *profile;
    const KnServerProfile *earlier; /* what an undo goes back to, NULL: none */
    bool hardware;                  /* the rules choose the hardware anew */

    KnVirtHost *host;
    KnServerFacts facts;
    KnServerPlan stored;
    json_t *stored_list; /* decisions as they were stored */
    KnGuestDecision *before;
    KnGuestPlan *plan;
    GArray *changes;
    /* hardware that is frozen now, and then; where it stays, what the profile alone would choose. NULL: none yet */
    GHashTable *now, *then;
} Trial;

static void
trial_clear (Trial *trial)
{
    g_clear_pointer (&trial->changes, g_array_unref);
    g_clear_pointer (&trial->plan, kn_guest_plan_free);
    g_clear_pointer (&trial->then, g_hash_table_unref);
    g_clear_pointer (&trial->now, g_hash_table_unref);
    g_clear_pointer (&trial->before, g_free);
    g_clear_pointer (&trial->stored_list, json_decref);
    g_clear_pointer (&trial->host, kn_virt_host_unref);
    kn_server_plan_clear (&trial->stored);
    kn_server_facts_clear (&trial->facts);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Trial, trial_clear)

static KnGuestDecision
read_decision (const json_t *object)
{
    const json_t *value = json_object_get (object, "value");

    return (KnGuestDecision){
        .path = json_string_value (json_object_get (object, "path")),
        .value = json_string_value (value),
        .rule = json_string_value (json_object_get (object, "rule")),
        .source = json_string_value (json_object_get (object, "source")),
        .reason = json_string_value (json_object_get (object, "reason")),
    };
}

static bool
read_stored (Trial *trial, GError **error)
{
    const char *text = trial->stored.plan;

    trial->stored_list = text != NULL ? kn_json_parse (text, strlen (text), error) : json_array ();
    if (trial->stored_list == NULL)
        return false;
    trial->before = g_new0 (KnGuestDecision, json_array_size (trial->stored_list));
    for (gsize i = 0; i < json_array_size (trial->stored_list); i++) {
        trial->before[i] = read_decision (json_array_get (trial->stored_list, i));
        if (trial->before[i].path == NULL || trial->before[i].source == NULL) {
            kn_error_set (error, KN_ERROR_INTERNAL, "a stored plan holds something else");
            return false;
        }
    }

    return true;
}

/* NULL text is no identity, which is fine. */
static bool
parse_identity (const char *text, GHashTable **out_identity, GError **error)
{
    *out_identity = text != NULL ? kn_json_table_parse (text, error) : NULL;
    return text == NULL || *out_identity != NULL;
}

/* Sets what is frozen in the facts, and the hardware of the next start. */
static bool
choose_hardware (Trial *trial, GError **error)
{
    KnGuestFacts *facts = &trial->facts.facts;
    g_autoptr (KnGuestPlan) fresh = NULL;

    if (!parse_identity (trial->stored.identity, &trial->now, error)
        || (trial->earlier != NULL
            && !parse_identity (trial->earlier->identity, &trial->then, error)))
        return false;
    facts->identity = trial->then;
    if (trial->then != NULL)
        return true;
    fresh = kn_guest_plan_new (facts, error);
    if (fresh == NULL)
        return false;
    trial->then = kn_guest_plan_identity (fresh);
    if (trial->earlier == NULL && !trial->hardware)
        facts->identity = trial->now;

    return true;
}

static bool
is_shown (const Trial *trial, const KnGuestChange *change, const char *part)
{
    const KnGuestDecision *any = change->after != NULL ? change->after : change->before;
    const KnGuestDecision *old = change->before;

    if (!kn_guest_decision_is_in (any, part))
        return false;
    /* Addresses are dealt anew with new hardware: saying so once, as hardware, is enough. */
    return change->after != NULL || strcmp (old->source, KEPT_SOURCE) != 0;
}

static void
narrow (Trial *trial, const char *part)
{
    for (guint i = trial->changes->len; i-- > 0;)
        if (!is_shown (trial, &g_array_index (trial->changes, KnGuestChange, i), part))
            g_array_remove_index (trial->changes, i);
}

static bool
try_profile (Trial *trial, const KnServerCall *call, GError **error)
{
    KnGuestFacts *facts = &trial->facts.facts;
    const KnGuestDecision *after;
    gsize n_after;

    trial->host = call->server->host != NULL
                      ? kn_virt_find_host (call->compute->virt, call->server->host)
                      : NULL;
    if (trial->host == NULL) {
        kn_error_public (error, KN_ERROR_CONFLICT, "Instance %s is not ready", call->server->uuid);
        return false;
    }
    if (!kn_store_server_load_plan (call->db, call->server->uuid, &trial->stored, error)
        || !read_stored (trial, error)
        || !kn_server_facts_load (call->compute, call->db, call->server, trial->host, &trial->facts,
                                  error))
        return false;
    facts->profile = trial->profile;
    if (!kn_guest_check (facts, error) || !choose_hardware (trial, error))
        return false;
    trial->plan = kn_guest_plan_new (facts, error);
    if (trial->plan == NULL)
        return false;

    after = kn_guest_plan_decisions (trial->plan, &n_after);
    trial->changes = kn_guest_decisions_compare (
        trial->before, json_array_size (trial->stored_list), after, n_after);

    return true;
}

/* -- the answer ------------------------------------------------------------------------------ */

static void
write_changes (KnJw *w, const Trial *trial)
{
    kn_jw_array_member (w, "changes");
    for (guint i = 0; i < trial->changes->len; i++) {
        const KnGuestChange *change = &g_array_index (trial->changes, KnGuestChange, i);
        const KnGuestDecision *after = change->after;

        kn_jw_object (w);
        kn_jw_string_member (w, "path", change->path);
        kn_jw_string_member (w, "before", change->before != NULL ? change->before->value : NULL);
        kn_jw_string_member (w, "after", after != NULL ? after->value : NULL);
        kn_jw_string_member (w, "rule", after != NULL ? after->rule : NULL);
        kn_jw_string_member (w, "source", after != NULL ? after->source : NULL);
        kn_jw_string_member (w, "reason", after != NULL ? after->reason : NULL);
        kn_jw_bool_member (w, "warning", after != NULL && after->warning);
        kn_jw_end (w);
    }
    kn_jw_end (w);
}

/* Addresses and what stands at them are not chosen by rules. */
static bool
is_chosen (const char *key)
{
    return strchr (key, ' ') == NULL;
}

static void
write_piece (KnJw *w, const char *key, const char *before, const char *after)
{
    if (!is_chosen (key) || g_strcmp0 (before, after) == 0)
        return;
    kn_jw_object (w);
    kn_jw_string_member (w, "key", key);
    kn_jw_string_member (w, "label", kn_guest_identity_label (key));
    kn_jw_string_member (w, "before", before);
    kn_jw_string_member (w, "after", after);
    kn_jw_end (w);
}

/* Pieces of hardware that differ between @before and @after; NULL tables are empty. */
static void
write_hardware (KnJw *w, GHashTable *before, GHashTable *after)
{
    g_autoptr (GHashTable) none = g_hash_table_new (g_str_hash, g_str_equal);
    GHashTable *old = before != NULL ? before : none, *new = after != NULL ? after : none;
    g_autoptr (GList) keys = g_hash_table_get_keys (old);

    for (GList *key = keys; key != NULL; key = key->next)
        write_piece (w, key->data, g_hash_table_lookup (old, key->data),
                     g_hash_table_lookup (new, key->data));
    g_list_free (g_steal_pointer (&keys));
    keys = g_hash_table_get_keys (new);
    for (GList *key = keys; key != NULL; key = key->next)
        if (!g_hash_table_contains (old, key->data))
            write_piece (w, key->data, NULL, g_hash_table_lookup (new, key->data));
}

/* What was edited on the host; a domain that is not there has no edits. */
static bool
write_by_hand (KnJw *w, const Trial *trial, const char *id, const char *part, GError **error)
{
    g_autofree char *xml = NULL;
    g_autoptr (GPtrArray) drifts = NULL;
    GError *local = NULL;

    kn_jw_array_member (w, "by_hand");
    if (trial->stored.xml != NULL) {
        xml = kn_domain_load_xml (trial->host, id, false, &local);
        drifts = xml != NULL ? kn_guest_drift_list (trial->stored.xml, xml, &local) : NULL;
    }
    if (local != NULL && !g_error_matches (local, KN_ERROR, KN_ERROR_NOT_FOUND)) {
        g_propagate_error (error, local);
        return false;
    }
    g_clear_error (&local);
    for (guint i = 0; drifts != NULL && i < drifts->len; i++) {
        const KnGuestDrift *drift = g_ptr_array_index (drifts, i);

        if (!kn_guest_decision_is_in (&(KnGuestDecision){ .path = drift->path }, part))
            continue;
        kn_jw_object (w);
        kn_jw_string_member (w, "path", drift->path);
        kn_jw_string_member (w, "planned", drift->planned);
        kn_jw_string_member (w, "found", drift->found);
        kn_jw_end (w);
    }
    kn_jw_end (w);

    return true;
}

static void
write_trial (KnJw *w, const Trial *trial, const KnServerCall *call)
{
    bool kept = trial->earlier == NULL && !trial->hardware;
    bool same = g_strcmp0 (trial->profile, call->server->profile) == 0;

    kn_jw_string_member (w, "profile", call->server->profile);
    kn_jw_string_member (w, "new_profile", trial->profile);
    write_changes (w, trial);
    kn_jw_bool_member (w, "hardware_kept", kept);
    kn_jw_array_member (w, "hardware");
    if (trial->now != NULL && !(kept && same))
        write_hardware (w, trial->now, trial->then);
    kn_jw_end (w);
}

static bool
check_profile (const char *profile, GError **error)
{
    const KnGuestProperty *row = kn_guest_property_find ("kilonova:profile");
    g_autofree char *allowed = NULL;

    if (kn_guest_property_allows (row, profile, &allowed))
        return true;
    kn_error_public (error, KN_ERROR_BAD_REQUEST, "There is no profile '%.64s'; there are %s.",
                     profile, allowed);
    return false;
}

/* -- kilonova-plan/changes -------------------------------------------------------------------- */

static bool
changes_show (KnRequest *req, GError **error)
{
    const char *said = kn_request_query (req, "profile"), *part = kn_request_query (req, "part");
    g_auto (KnServerCall) call = { 0 };
    g_auto (Trial) trial = { 0 };
    g_autoptr (KnJw) w = kn_jw_new ();

    if ((said != NULL && !check_profile (said, error)) || !kn_server_call_begin (&call, req, error))
        return false;
    trial.profile = said != NULL ? said : call.server->profile;
    if (!try_profile (&trial, &call, error))
        return false;
    if (trial.stored.plan == NULL) {
        kn_error_public (error, KN_ERROR_CONFLICT,
                         "Server %s has no plan yet: it has never been started.",
                         call.server->uuid);
        return false;
    }
    narrow (&trial, part);
    kn_jw_object (w);
    write_trial (w, &trial, &call);
    if (!write_by_hand (w, &trial, call.server->uuid, part, error))
        return false;
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);

    return true;
}

/* -- kilonova-profile ------------------------------------------------------------------------- */

static bool
profile_show (KnRequest *req, GError **error)
{
    g_auto (KnServerCall) call = { 0 };
    g_autoptr (KnJw) w = kn_jw_new ();
    g_autoptr (GPtrArray) earlier = NULL;
    const char *const *names = kn_guest_property_find ("kilonova:profile")->values;

    if (!kn_server_call_begin (&call, req, error))
        return false;
    earlier = kn_store_profile_list (call.db, call.server->uuid, error);
    if (earlier == NULL)
        return false;
    kn_jw_object (w);
    kn_jw_string_member (w, "profile", call.server->profile);
    kn_jw_array_member (w, "profiles");
    for (; *names != NULL; names++)
        kn_jw_string (w, *names);
    kn_jw_end (w);
    kn_jw_array_member (w, "history");
    for (guint i = 0; i < earlier->len; i++) {
        const KnServerProfile *change = g_ptr_array_index (earlier, i);

        kn_jw_object (w);
        kn_jw_time_member (w, "created_at", change->created_at);
        kn_jw_string_member (w, "profile", change->profile);
        kn_jw_string_member (w, "new_profile", change->new_profile);
        kn_jw_string_member (w, "hardware", change->hardware ? "change" : "keep");
        kn_jw_end (w);
    }
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);

    return true;
}

typedef struct {
    guint64 present;
    const char *profile;
    bool undo, dry_run;
    int hardware, reboot;
} ProfileSpec;

static const char *const hardware_words[] = { "keep", "change", NULL };
static const char *const reboots[] = { "none", "hard", NULL };

static const KnJField profile_fields[] = {
    { "profile", KN_J_STRING, offsetof (ProfileSpec, profile), 1, 64, .flags = KN_J_OPTIONAL },
    { "undo", KN_J_BOOL, offsetof (ProfileSpec, undo), .flags = KN_J_OPTIONAL },
    { "hardware", KN_J_ENUM, offsetof (ProfileSpec, hardware), .names = hardware_words,
      .flags = KN_J_OPTIONAL },
    { "dry_run", KN_J_BOOL, offsetof (ProfileSpec, dry_run), .flags = KN_J_OPTIONAL },
    { "reboot", KN_J_ENUM, offsetof (ProfileSpec, reboot), .names = reboots,
      .flags = KN_J_OPTIONAL },
};

static const KnJShape profile_shape = {
    .fields = profile_fields,
    .n_fields = G_N_ELEMENTS (profile_fields),
    .present_offset = offsetof (ProfileSpec, present),
    .closed = true,
};

static bool
check_spec (const KnServerCall *call, const ProfileSpec *spec, GError **error)
{
    bool same = g_strcmp0 (spec->profile, call->server->profile) == 0;

    if (spec->undo && (spec->profile != NULL || spec->hardware != 0)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "undo goes back to what was; it takes neither profile nor hardware.");
        return false;
    }
    if (spec->undo || !same || spec->hardware == 1)
        return spec->undo || check_profile (spec->profile, error);
    kn_error_public (error, KN_ERROR_CONFLICT, "Server %s has the profile %s already.",
                     call->server->uuid, spec->profile);
    return false;
}

/* What the transaction of a change writes. */
typedef struct {
    const KnServer *server;
    const char *user_id, *profile, *identity;
    const KnServerProfile *earlier; /* undo */
    bool hardware, claim;
} Change;

static bool
change_txn (KnDb *db, gpointer data, GError **error)
{
    const Change *c = data;

    if (c->claim && !kn_store_profile_claim (db, c->server->uuid, error))
        return false;
    if (c->earlier != NULL)
        return kn_store_profile_undo (db, c->server->uuid, c->earlier, error);

    return kn_store_profile_change (db, c->server, c->user_id, c->profile, c->identity, c->hardware,
                                    error);
}

static bool
apply (KnServerCall *call, KnRequest *req, Change *change, bool reboot, GError **error)
{
    if (reboot)
        return kn_server_begin_act (call, req, KN_ACT_REBOOT_HARD, NULL, change_txn, change, error);
    change->claim = true;

    return kn_server_call_check_lock (call, req, error)
           && kn_db_txn (call->db, change_txn, change, error);
}

/* The last change, for an undo. Errors (public): CONFLICT: there is none. */
static const KnServerProfile *
find_earlier (const KnServerCall *call, GPtrArray *list, GError **error)
{
    if (list->len > 0)
        return g_ptr_array_index (list, 0);
    kn_error_public (error, KN_ERROR_CONFLICT,
                     "The profile of server %s has not been changed since its disk was made.",
                     call->server->uuid);
    return NULL;
}

static bool
change_profile (KnServerCall *call, KnRequest *req, const ProfileSpec *spec,
                const KnServerProfile *earlier, GError **error)
{
    g_auto (Trial) trial = { .profile = earlier != NULL ? earlier->profile : spec->profile,
                             .earlier = earlier,
                             .hardware = spec->hardware == 1 };
    g_autoptr (KnJw) w = kn_jw_new ();

    if (!try_profile (&trial, call, error))
        return false;
    Change change = { .server = call->server,
                      .user_id = kn_request_auth (req)->user_id,
                      .profile = trial.profile,
                      .identity = trial.hardware ? NULL : trial.stored.identity,
                      .earlier = earlier,
                      .hardware = trial.hardware };
    if (!spec->dry_run && !apply (call, req, &change, spec->reboot == 1, error))
        return false;

    narrow (&trial, NULL);
    kn_jw_object (w);
    write_trial (w, &trial, call);
    kn_jw_bool_member (w, "undo", earlier != NULL);
    kn_jw_bool_member (w, "applied", !spec->dry_run);
    kn_jw_end (w);
    kn_request_reply_json (req, spec->dry_run || spec->reboot == 0 ? 200 : 202, w);

    return true;
}

static bool
profile_set (KnRequest *req, GError **error)
{
    g_auto (KnServerCall) call = { 0 };
    g_autoptr (GPtrArray) list = NULL;
    ProfileSpec spec = { 0 };
    const KnServerProfile *earlier = NULL;
    const json_t *body = kn_request_json (req, error);

    if (body == NULL || !kn_json_read (body, "the body", &profile_shape, &spec, error)
        || !kn_server_call_begin (&call, req, error))
        return false;
    if (spec.profile == NULL && !spec.undo)
        spec.profile = kn_config_string (call.compute->config, "compute.default_profile");
    if (!check_spec (&call, &spec, error))
        return false;
    list = kn_store_profile_list (call.db, call.server->uuid, error);
    if (list == NULL || (spec.undo && (earlier = find_earlier (&call, list, error)) == NULL))
        return false;

    return change_profile (&call, req, &spec, earlier, error);
}

#define SERVER "/v2.1/servers/{id}"

static const KnRoute routes[] = {
    { "GET", SERVER "/kilonova-plan/changes", changes_show, .role = KN_ROLE_READER,
      .run = KN_WORKER },
    { "GET", SERVER "/kilonova-profile", profile_show, .role = KN_ROLE_READER, .run = KN_WORKER },
    { "PUT", SERVER "/kilonova-profile", profile_set, .role = KN_ROLE_MEMBER, .run = KN_WORKER,
      .max_body = MAX_BODY },
};

void
kn_server_profile_add_routes (GArray *all)
{
    g_array_append_vals (all, routes, G_N_ELEMENTS (routes));
}
