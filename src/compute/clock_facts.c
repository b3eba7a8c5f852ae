/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers what is known about a server's clock. */
#include "compute/clock_facts.h"

#include "base/error.h"
#include "base/time.h"
#include "base/zone.h"

#define POLICY "os_clock_policy"
#define ZONE "os_timezone"

static const char *
keep (KnServerFacts *f, char *text)
{
    g_ptr_array_add (f->texts, text);
    return text;
}

/* What the project says, otherwise the option; neither: NULL. */
static bool
load_default (KnCompute *compute, KnDb *db, const KnServer *server, KnServerFacts *f,
              const char *property, const char *option, const char **out_value, const char **out_by,
              GError **error)
{
    const char *cloud = kn_config_string (compute->config, option);
    char *project = NULL;

    if (compute->find_project_property != NULL
        && !compute->find_project_property (db, server->project_id, property, &project, error))
        return false;
    if (project != NULL) {
        *out_value = keep (f, project);
        *out_by = keep (f, g_strconcat ("project ", property, NULL));
    } else if (*cloud != '\0') {
        *out_value = cloud;
        *out_by = keep (f, g_strconcat ("option ", option, NULL));
    }

    return true;
}

/* The offsets between which the declared zone goes back and forth; a policy that cannot be had is refused with the plan. */
static void
add_zone_offsets (KnGuestFacts *facts)
{
    g_auto (KnGuestClock) choice = { 0 };

    if (kn_guest_clock_choose (facts, &choice, NULL) && choice.zone != NULL
        && kn_zone_offsets_around (choice.zone, kn_time_now (), facts->zone_offsets_s))
        facts->n_zone_offsets = G_N_ELEMENTS (facts->zone_offsets_s);
}

bool
kn_clock_gather (KnCompute *compute, KnDb *db, const KnServer *server, KnServerFacts *f,
                 GError **error)
{
    g_autoptr (KnClockRow) row = kn_store_clock_load (db, server->uuid, error);
    KnGuestClockDefaults *defaults = &f->facts.clock_defaults;

    if (row == NULL
        || !load_default (compute, db, server, f, POLICY, "clock.default_policy", &defaults->policy,
                          &defaults->policy_by, error)
        || !load_default (compute, db, server, f, ZONE, "clock.default_timezone", &defaults->zone,
                          &defaults->zone_by, error))
        return false;
    f->facts.has_rtc_offset = row->has_offset;
    f->facts.rtc_offset_s = row->offset_s;
    f->facts.rtc_since_us = row->since_us;
    f->facts.rtc_set_by = kn_clock_source_name (row->source);
    f->facts.rtc_declared = kn_clock_base_name (row->declared);
    f->facts.rtc_declared_zone = keep (f, g_strdup (row->declared_zone));
    add_zone_offsets (&f->facts);

    return true;
}

void
kn_server_clock_clear (KnServerClock *clock)
{
    kn_guest_clock_clear (&clock->choice);
    g_clear_pointer (&clock->row, kn_clock_row_free);
    g_clear_pointer (&clock->changes, g_array_unref);
}

bool
kn_server_clock_load (KnCompute *compute, KnDb *db, const KnServer *server,
                      KnServerClock *out_clock, GError **error)
{
    g_auto (KnServerFacts) facts = { 0 };

    *out_clock = (KnServerClock){ 0 };
    if (!kn_server_facts_load_said (compute, db, server, &facts, error)
        || !kn_guest_clock_choose (&facts.facts, &out_clock->choice, error))
        return false;
    out_clock->row = kn_store_clock_load (db, server->uuid, error);
    if (out_clock->row == NULL)
        return false;
    out_clock->changes = kn_store_clock_changes (db, server->uuid, error);

    return out_clock->changes != NULL;
}

bool
kn_server_clock_check (KnCompute *compute, KnDb *db, const KnServer *server, GError **error)
{
    g_auto (KnServerFacts) facts = { 0 };
    g_auto (KnGuestClock) choice = { 0 };

    return kn_server_facts_load_said (compute, db, server, &facts, error)
           && kn_guest_clock_choose (&facts.facts, &choice, error);
}

bool
kn_clock_check_options (const KnConfig *config, GError **error)
{
    const char *zone = kn_config_string (config, "clock.default_timezone");
    const char *policy = kn_config_string (config, "clock.default_policy");

    if (*zone != '\0' && !kn_zone_check (zone, error)) {
        g_prefix_error (error, "option clock.default_timezone: ");
        return false;
    }
    if (*zone != '\0' || g_strcmp0 (policy, "timezone") != 0)
        return true;
    kn_error_set (error, KN_ERROR_BAD_REQUEST,
                  "option clock.default_policy: 'timezone' needs clock.default_timezone");
    return false;
}
