/* SPDX-License-Identifier: Apache-2.0 */
/* Records of a cloud of Kilonova, by its API; the cloud's journal of jobs carries a reboot through. */
#include <string.h>

#include "base/error.h"
#include "cmd/client.h"
#include "cmd/repair_record.h"

#define POLL_US 500000
#define REBOOT_MAX_S 600

static const char *
text_of (const json_t *object, const char *key)
{
    const char *text = json_string_value (json_object_get (object, key));

    return text ? text : "";
}

static void
want (json_t *wanted, const char *name, json_t *value)
{
    (void)json_object_set (wanted, name, value);
}

static bool
load (gpointer data, const char *id, const json_t *names, json_t *out_values, GError **error)
{
    g_autofree char *path = g_strdup_printf ("/servers/%s/kilonova-properties", id);
    g_autoptr (json_t) body = NULL;
    const char *name;
    json_t *unused;

    if (!kn_client_call (data, "GET", "compute", path, NULL, &body, error))
        return false;
    json_object_foreach ((json_t *)names, name, unused) {
        json_t *value = json_object_get (json_object_get (body, "properties"), name);

        (void)json_object_set_new (out_values, name, value ? json_incref (value) : json_null ());
    }
    return true;
}

static bool
send_properties (KnClient *client, const char *id, const json_t *values, const char *reboot,
                 GError **error)
{
    g_autofree char *path = g_strdup_printf ("/servers/%s/kilonova-properties", id);
    g_autoptr (json_t) body
        = json_pack ("{s:O, s:s}", "properties", (json_t *)values, "reboot", reboot);

    return kn_client_call (client, "PUT", "compute", path, body, NULL, error);
}

static bool
put (gpointer data, const char *id, const json_t *values, const json_t *expected, GError **error)
{
    g_autoptr (json_t) present = json_object ();

    if (!load (data, id, values, present, error))
        return false;
    if (json_equal (present, values))
        return true;
    if (json_equal (present, expected))
        return send_properties (data, id, values, "none", error);
    kn_error_set (error, KN_ERROR_CONFLICT,
                  "its properties were changed meanwhile; nothing was done");
    return false;
}

bool
kn_records_wait_active (KnClient *client, const char *id, GError **error)
{
    g_autofree char *path = g_strdup_printf ("/servers/%s", id);
    gint64 deadline = g_get_monotonic_time () + (gint64)REBOOT_MAX_S * G_USEC_PER_SEC;

    while (g_get_monotonic_time () < deadline) {
        g_autoptr (json_t) body = NULL;

        if (!kn_client_call (client, "GET", "compute", path, NULL, &body, error))
            return false;
        const char *status = text_of (json_object_get (body, "server"), "status");
        if (strcmp (status, "ACTIVE") == 0)
            return true;
        if (strcmp (status, "ERROR") == 0) {
            kn_error_set (error, KN_ERROR_CONFLICT, "the server is in ERROR after its hard reboot");
            return false;
        }
        g_usleep (POLL_US);
    }
    kn_error_set (error, KN_ERROR_TIMEOUT, "the hard reboot has not ended within %d s",
                  REBOOT_MAX_S);
    return false;
}

static bool
restart (gpointer data, const char *id, const json_t *values, GError **error)
{
    return send_properties (data, id, values, "hard", error)
           && kn_records_wait_active (data, id, error);
}

/* Names of the entry's rules that still find something; NULL: none (or *@error). */
static char *
look (gpointer data, const KnRepairEntry *entry, GError **error)
{
    KnClient *client = data;
    g_autofree char *path = g_strdup_printf ("/kilonova-findings?server=%s", entry->uuid);
    g_autoptr (json_t) audit = NULL;
    g_autoptr (GString) left = g_string_new (NULL);

    if (!kn_client_call (client, "GET", "compute", path, NULL, &audit, error))
        return NULL;
    const json_t *findings = json_object_get (audit, "findings");
    for (gsize i = 0; i < json_array_size (findings); i++) {
        const char *rule = text_of (json_array_get (findings, i), "rule");

        if (g_strv_contains ((const char *const *)entry->rules, rule))
            g_string_append_printf (left, "%s%s", left->len ? ", " : "", rule);
    }
    return left->len ? g_strdup (left->str) : NULL;
}

static KnRecords
make_records (KnClient *client)
{
    return (KnRecords){ .uri = KN_REPAIR_OWN,
                        .want = want,
                        .load = load,
                        .put = put,
                        .restart = restart,
                        .look = look,
                        .data = client };
}

int
kn_repair_own (KnRepairOptions *options, GError **error)
{
    g_autoptr (KnClient) client = kn_client_new (options->cloud, error);
    g_autoptr (json_t) audit = client ? kn_doctor_args_ask (&options->doctor, client, error) : NULL;
    const KnRecords records = make_records (client);

    return audit ? kn_records_repair (options, &records, audit, error) : KN_REPAIR_EXIT_ERROR;
}

int
kn_repair_own_again (KnRepairOptions *options, KnRepairJournal *journal, const GPtrArray *entries,
                     GError **error)
{
    g_autoptr (KnClient) client = kn_client_new (options->cloud, error);
    const KnRecords records = make_records (client);

    return client ? kn_records_again (options, &records, journal, entries, error)
                  : KN_REPAIR_EXIT_ERROR;
}
