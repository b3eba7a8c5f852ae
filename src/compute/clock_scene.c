/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers policy, zone, measurement and warnings of one server. */
#include "compute/clock_scene.h"

#include <string.h>

#include "base/error.h"
#include "compute/server_store.h"
#include "compute/skew_rtc.h"

void
kn_clock_scene_clear (KnClockScene *scene)
{
    kn_server_clock_clear (&scene->clock);
    g_clear_pointer (&scene->host_zone, g_free);
    g_clear_pointer (&scene->skew, kn_skew_free);
    g_clear_pointer (&scene->text, g_free);
    g_clear_pointer (&scene->warnings, g_ptr_array_unref);
}

static void
warning_free (KnClockWarning *warning)
{
    g_free (warning->text);
    g_free (warning);
}

/* A wish that cannot be had (an operator's hand in the database) does not hide what the guest does. */
static bool
load_clock (KnCompute *compute, KnDb *db, const KnServer *server, KnServerClock *out_clock,
            GError **error)
{
    GError *problem = NULL;

    if (kn_server_clock_load (compute, db, server, out_clock, &problem))
        return true;
    if (!g_error_matches (problem, KN_ERROR, KN_ERROR_BAD_REQUEST)) {
        g_propagate_error (error, problem);
        return false;
    }
    g_clear_error (&problem);
    if (out_clock->row == NULL)
        out_clock->row = kn_store_clock_load (db, server->uuid, error);
    if (out_clock->row != NULL && out_clock->changes == NULL)
        out_clock->changes = kn_store_clock_changes (db, server->uuid, error);
    return out_clock->changes != NULL;
}

/* What the domain was started with says which policy is in force. */
static const char *
policy_of (const KnClockRow *row)
{
    if (row->base == KN_CLOCK_BASE_NONE)
        return NULL;
    return row->base == KN_CLOCK_BASE_VARIABLE ? "guest" : kn_clock_base_name (row->base);
}

static void
load_host_zone (KnCompute *compute, KnClockScene *scene)
{
    const char *name = scene->server->host;
    g_autoptr (KnVirtHost) host = name != NULL ? kn_virt_find_host (compute->virt, name) : NULL;
    const KnVirtFacts *facts = host != NULL ? kn_virt_host_facts (host, NULL) : NULL;

    scene->host_zone = g_strdup (facts != NULL ? facts->zone : NULL);
}

/* What was measured once says nothing about a guest that is off. */
static bool
load_skew (KnDb *db, KnClockScene *scene, GError **error)
{
    GError *problem = NULL;

    scene->skew = kn_store_skew_find (db, scene->server->uuid, &problem);
    if (problem != NULL) {
        g_propagate_error (error, problem);
        return false;
    }
    if (scene->skew == NULL) {
        scene->skew = g_new0 (KnSkew, 1);
        scene->skew->why = KN_SKEW_WHY_NOT_YET;
    }
    if (scene->server->vm != KN_VM_ACTIVE) {
        scene->skew->method = KN_SKEW_BY_NONE;
        scene->skew->why = KN_SKEW_WHY_NOT_RUNNING;
        scene->skew->verdict = KN_SKEW_UNKNOWN;
    }
    return true;
}

static void
warn (KnClockScene *scene, const char *code, char *text)
{
    KnClockWarning *warning = g_new (KnClockWarning, 1);

    *warning = (KnClockWarning){ code, text };
    g_ptr_array_add (scene->warnings, warning);
}

#define REPAIR                                                                                     \
    "so its hardware clock, timers and Hyper-V features are not for Windows: kilonova server set " \
    "%s os_type=windows --reboot hard"

/* An undeclared Windows gives itself away: its agent says so, or it sets its hardware clock to local time. */
static void
warn_of_windows (KnClockScene *scene)
{
    const KnServer *server = scene->server;
    const char *declared = server->os_type != NULL ? server->os_type : "to be nothing";
    const char *says = scene->skew->os_id;
    g_autofree char *size = NULL;
    gint64 step_s;

    if (kn_skew_is_windows (server->os_type))
        return;
    if (g_strcmp0 (says, "mswindows") == 0) {
        warn (scene, "undeclared-windows",
              g_strdup_printf ("The guest's agent says that it is %s, but the server is declared "
                               "%s, " REPAIR,
                               scene->skew->os_name != NULL ? scene->skew->os_name : "Windows",
                               declared, server->uuid));
        return;
    }
    /* A guest whose agent says something else is believed. */
    if (says != NULL || !kn_skew_is_windows_step (scene->clock.changes, server, &step_s))
        return;
    size = kn_skew_format (step_s * 1000);
    *strrchr (size, ' ') = '\0';
    warn (scene, "undeclared-windows",
          g_strdup_printf ("The guest has moved its hardware clock by %s, a whole zone, as Windows "
                           "does to keep local time in it. The server is declared %s, " REPAIR,
                           size, declared, server->uuid));
}

bool
kn_clock_scene_load (KnCompute *compute, KnDb *db, const KnServer *server, KnClockScene *out_scene,
                     GError **error)
{
    KnClockScene *scene = out_scene;

    *scene = (KnClockScene){
        .server = server,
        .warnings = g_ptr_array_new_with_free_func ((GDestroyNotify)warning_free),
    };
    if (!load_clock (compute, db, server, &scene->clock, error) || !load_skew (db, scene, error))
        return false;
    scene->policy = policy_of (scene->clock.row);
    scene->zone = scene->clock.choice.zone;
    load_host_zone (compute, scene);
    scene->text = kn_skew_explain (scene->skew, &(KnSkewScene){ server->uuid, server->os_type,
                                                                scene->zone, scene->host_zone });
    warn_of_windows (scene);
    return true;
}

void
kn_clock_refine_skew (KnCompute *compute, KnDb *db, const char *id, KnSkew *skew)
{
    g_auto (KnServerClock) clock = { 0 };
    g_autoptr (KnServer) server = NULL;

    if (skew->method != KN_SKEW_BY_NONE)
        return;
    server = kn_store_server_load (db, id, NULL, NULL);
    if (server != NULL && load_clock (compute, db, server, &clock, NULL))
        kn_skew_try_rtc (skew, server, clock.row, clock.choice.zone);
}
