/* SPDX-License-Identifier: Apache-2.0 */
/* server.set-time: by the guest's agent, with a value, within a limit. A job of its own, so that nothing else that is asked of
 * the server has to wait for an agent that is still starting. Payload: {"server": id, "until_us": wall clock}. */
#include "compute/time_set.h"

#include "base/error.h"
#include "base/id.h"
#include "base/log.h"
#include "base/time.h"
#include "base/util.h"
#include "compute/facts.h"

#define AGENT_DEADLINE_S 2
#define RETRY_PAUSE_MS 1000
/* A clock that is this near is left alone: setting it would be no more exact. */
#define NEAR_US (100 * G_TIME_SPAN_MILLISECOND)
#define KIND "server.set-time"

#define PROPERTY "os_time_after_gap"
#define SPEC "os:time_after_gap"

/* How long the agent may take to come up: that of a guest that goes on is there at once, one that boots takes its time. */
static const gint64 limits_s[KN_GAP_N] = {
    [KN_GAP_PAUSED] = 30,
    [KN_GAP_SUSPENDED] = 60,
    [KN_GAP_SNAPSHOT] = 600,
};

/* The server's own word, then the image's, then the flavor's, then the cloud's. */
static bool
load_wish (KnServerWork *work, bool *out_wanted, GError **error)
{
    const char *id = work->server->uuid;
    g_autoptr (GHashTable) user = kn_store_meta_load (work->db, KN_META_USER, id, error);
    g_autoptr (GHashTable) system = NULL, specs = NULL;

    if (user == NULL)
        return false;
    system = kn_store_meta_load (work->db, KN_META_SYSTEM, id, error);
    specs = system != NULL ? kn_server_extra_specs (work->server, error) : NULL;
    if (specs == NULL)
        return false;
    const char *const said[] = {
        g_hash_table_lookup (user, PROPERTY),
        g_hash_table_lookup (system, "image_" PROPERTY),
        g_hash_table_lookup (specs, SPEC),
    };

    for (gsize i = 0; i < G_N_ELEMENTS (said); i++)
        if (said[i] != NULL && kn_parse_bool (said[i], out_wanted))
            return true;
    *out_wanted = kn_config_bool (work->compute->config, "compute.time_after_gap");

    return true;
}

typedef struct {
    KnServerWork *work;
    KnGap gap;
} Begin;

static bool
begin_txn (KnDb *db, gpointer data, GError **error)
{
    const Begin *b = data;
    const char *id = b->work->server->uuid, *request_id = kn_job_request_id (b->work->job);
    g_autofree char *object = kn_id_from_name (id);
    g_autoptr (json_t) payload
        = json_pack ("{s:s, s:I}", "server", id, "until_us",
                     (json_int_t)kn_time_now () + limits_s[b->gap] * (json_int_t)G_USEC_PER_SEC);
    bool fresh = false;

    return kn_history_begin_event (db, id, request_id, KN_TIME_SET_EVENT, &fresh, error)
           && (!fresh || kn_jobs_enqueue (db, KIND, object, payload, 1, request_id, NULL, error));
}

bool
kn_time_set_begin (KnServerWork *work, KnGap gap, GError **error)
{
    Begin begin = { work, gap };
    bool wanted = false;

    if (!work->alive)
        return true;
    if (!load_wish (work, &wanted, error))
        return false;
    if (!wanted)
        return true;
    if (!kn_db_txn (work->db, begin_txn, &begin, error))
        return false;
    kn_jobs_wake (work->compute->jobs);

    return true;
}

/* What a try came to. */
typedef enum {
    TRY_DONE,
    TRY_LATER, /* the agent, or the host, may come */
    TRY_NEVER, /* there is nobody to ask */
} Try;

static char *
describe (gint64 skew_us, bool known)
{
    gint64 off_us = ABS (skew_us);

    if (!known)
        return g_strdup (
            "The guest's clock was set; how far it was off could not be asked before.");
    if (off_us <= NEAR_US)
        return g_strdup_printf ("The guest's clock was right to %.3f s and left alone.",
                                (double)off_us / G_USEC_PER_SEC);

    return g_strdup_printf ("The guest's clock was %.3f s %s and was set.",
                            (double)off_us / G_USEC_PER_SEC, skew_us < 0 ? "behind" : "ahead");
}

static Try
judge (const GError *why, char **out_text)
{
    /* No channel, or no guest that runs: neither changes by waiting. */
    bool never = g_error_matches (why, KN_ERROR, KN_ERROR_CONFLICT)
                 || g_error_matches (why, KN_ERROR, KN_ERROR_NOT_FOUND);

    *out_text = g_strdup (kn_error_sentence (why));
    return never ? TRY_NEVER : TRY_LATER;
}

static Try
ask_agent (KnVirtHost *host, const char *id, char **out_text)
{
    g_autoptr (GError) why = NULL;
    gint64 skew_us = 0;
    bool known = kn_domain_load_clock_skew (host, id, AGENT_DEADLINE_S, &skew_us, NULL, &why);

    /* An agent that may not tell the time may still set it. */
    if (!known && !g_error_matches (why, KN_ERROR, KN_ERROR_VIRT))
        return judge (why, out_text);
    g_clear_error (&why);
    if ((!known || ABS (skew_us) > NEAR_US)
        && !kn_domain_set_time (host, id, AGENT_DEADLINE_S, &why))
        return judge (why, out_text);
    *out_text = describe (skew_us, known);

    return TRY_DONE;
}

static Try
try_once (KnCompute *compute, const KnServer *server, char **out_text)
{
    g_autoptr (KnVirtHost) host
        = server->host != NULL ? kn_virt_find_host (compute->virt, server->host) : NULL;
    KnDomainState state = KN_DOMAIN_NONE;
    g_autoptr (GError) why = NULL;

    if (host == NULL) {
        *out_text = g_strdup ("The server has no host.");
        return TRY_NEVER;
    }
    if (!kn_domain_load_state (host, server->uuid, &state, &why))
        return judge (why, out_text);
    if (state != KN_DOMAIN_RUNNING) {
        *out_text = g_strdup ("The guest does not run any more.");
        return TRY_NEVER;
    }

    return ask_agent (host, server->uuid, out_text);
}

/* Each outcome has its word in the event, so that one who looks for "Error" finds what somebody has to look into. */
static bool
record (KnJob *job, const char *server_id, const char *result, const char *text, GError **error)
{
    kn_log (KN_LOG_INFO, "a guest's clock after a gap", "server", server_id, "result", result,
            "what", text, NULL);
    return kn_history_end_event (kn_job_db (job), server_id, kn_job_request_id (job),
                                 KN_TIME_SET_EVENT, result, text, error);
}

static bool
step_set (KnJob *job, gpointer data, GError **error)
{
    const json_t *payload = kn_job_payload (job);
    const char *id = json_string_value (json_object_get (payload, "server"));
    gint64 until_us = json_integer_value (json_object_get (payload, "until_us"));
    g_autofree char *text = NULL, *sentence = NULL;
    g_autoptr (KnServer) server = NULL;
    GError *local = NULL;
    Try outcome;

    server = kn_store_server_find (kn_job_db (job), id, &local);
    if (local != NULL) {
        g_propagate_error (error, local);
        return false;
    }
    if (server == NULL || server->deleted)
        return true;
    outcome = try_once (data, server, &text);
    if (outcome == TRY_DONE)
        return record (job, id, "Success", text, error);
    if (outcome == TRY_LATER && kn_time_now () < until_us) {
        kn_job_again (job, RETRY_PAUSE_MS);
        return true;
    }
    sentence = g_strdup_printf ("The guest's clock could not be set: not possible: %s", text);

    return record (job, id, "Skipped", sentence, error);
}

static void
failed (KnJob *job, gpointer data, const GError *why)
{
    const char *id = json_string_value (json_object_get (kn_job_payload (job), "server"));

    (void)record (job, id, "Error", kn_error_sentence (why), NULL);
}

static const KnJobStep steps[] = { { "set", step_set } };

static const KnJobKind kind = {
    .kind = KIND,
    .steps = steps,
    .n_steps = G_N_ELEMENTS (steps),
    .max_attempts = 5,
    .failed = failed,
};

void
kn_server_time_register (KnCompute *compute)
{
    kn_jobs_register (compute->jobs, &kind, compute);
}
