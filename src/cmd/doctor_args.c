/* SPDX-License-Identifier: Apache-2.0 */
/* The common arguments of doctor and repair. */
#include "cmd/doctor_args.h"

#include "base/error.h"
#include "base/time.h"
#include "cmd/args.h"
#include "doctor/source.h"
#include "doctor/source_nova.h"

void
kn_doctor_args_clear (KnDoctorArgs *args)
{
    g_clear_pointer (&args->uris, g_ptr_array_unref);
}

static bool
take_rule (const char *name, KnDoctorArgs *args, GError **error)
{
    if (!name)
        return true;
    args->rule = kn_doctor_rule_find (name);
    if (!args->rule)
        kn_error_set (error, KN_ERROR_BAD_REQUEST,
                      "there is no rule '%s'; kilonova doctor --rules lists them", name);
    return args->rule != NULL;
}

static bool
take_uris (int *argc, char **argv, KnDoctorArgs *args, GError **error)
{
    const char *uri;

    args->uris = g_ptr_array_new ();
    do {
        uri = NULL;
        if (!kn_args_take (argc, argv, "--libvirt", &uri, error))
            return false;
        if (uri)
            g_ptr_array_add (args->uris, (gpointer)uri);
    } while (uri);
    return true;
}

bool
kn_doctor_args_take (int *argc, char **argv, KnDoctorArgs *out_args, GError **error)
{
    const char *rule = NULL;

    if (!take_uris (argc, argv, out_args, error)
        || !kn_args_take (argc, argv, "--nova-db", &out_args->nova_db, error)
        || !kn_args_take (argc, argv, "--zone", &out_args->zone, error)
        || !kn_args_take (argc, argv, "--server", &out_args->server, error)
        || !kn_args_take (argc, argv, "--rule", &rule, error) || !take_rule (rule, out_args, error))
        return false;
    if (!out_args->zone || kn_time_zone_exists (out_args->zone))
        return true;
    kn_error_set (error, KN_ERROR_BAD_REQUEST,
                  "there is no time zone '%s'; write it as Asia/Shanghai", out_args->zone);
    return false;
}

bool
kn_doctor_args_check (const KnDoctorArgs *args, GError **error)
{
    if (args->uris->len > 0 || args->nova_db)
        return true;
    kn_error_set (error, KN_ERROR_BAD_REQUEST,
                  "say whose guests: --own, --libvirt URI or --nova-db URL");
    return false;
}

static bool
add_hosts (KnFleet *fleet, const KnDoctorArgs *args, GHashTable *surveys, GError **error)
{
    KnSurveyMode mode = surveys ? KN_SURVEY_CHANGE : KN_SURVEY_READ;

    for (guint i = 0; i < args->uris->len; i++) {
        const char *uri = args->uris->pdata[i];
        g_autoptr (KnSurvey) survey = kn_survey_open (uri, mode, error);

        if (!survey || !kn_fleet_add_survey (fleet, survey, uri, NULL, error))
            return false;
        if (surveys)
            g_hash_table_insert (surveys, g_strdup (uri), g_steal_pointer (&survey));
    }
    return true;
}

/* Records first: the hosts' guests complete them. */
static bool
add_all (KnFleet *fleet, const KnDoctorArgs *args, GHashTable *surveys, GError **error)
{
    if (!args->nova_db)
        return add_hosts (fleet, args, surveys, error);
    g_autoptr (KnDbPool) pool = kn_db_pool_attach_foreign (args->nova_db, error);
    KnDb *db = pool ? kn_db_thread (pool, error) : NULL;

    return db && kn_fleet_add_nova (fleet, db, error) && add_hosts (fleet, args, surveys, error)
           && kn_fleet_match_nova (fleet, db, error);
}

KnFleet *
kn_doctor_args_gather (const KnDoctorArgs *args, GHashTable *surveys, GError **error)
{
    g_autoptr (KnFleet) fleet = kn_fleet_new ();

    fleet->zone = g_strdup (args->zone);
    if (!add_all (fleet, args, surveys, error))
        return NULL;
    kn_fleet_identify (fleet);
    return g_steal_pointer (&fleet);
}

json_t *
kn_doctor_args_ask (const KnDoctorArgs *args, KnClient *client, GError **error)
{
    g_autofree char *id
        = args->server ? kn_client_load_server_id (client, args->server, error) : NULL;
    json_t *audit = NULL;

    if (args->server && !id)
        return NULL;
    g_autofree char *path
        = g_strdup_printf ("/kilonova-findings?%s%s&%s%s", args->rule ? "rule=" : "",
                           args->rule ? args->rule->name : "", id ? "server=" : "", id ? id : "");
    (void)kn_client_call (client, "GET", "compute", path, NULL, &audit, error);
    return audit;
}

static bool
is_server (const KnFinding *finding, const char *server)
{
    return !server || g_strcmp0 (finding->server, server) == 0
           || g_strcmp0 (finding->name, server) == 0;
}

void
kn_doctor_args_keep_server (const KnDoctorArgs *args, GPtrArray *findings)
{
    for (guint i = findings->len; i-- > 0;)
        if (!is_server (findings->pdata[i], args->server))
            g_ptr_array_remove_index (findings, i);
}
