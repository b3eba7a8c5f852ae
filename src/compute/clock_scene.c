/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers policy, zone, measurement and warnings of one server. */
#include "compute/clock_scene.h"

#include <string.h>

#include "compute/server_store.h"
#include "json/read.h"

void
kn_clock_scene_clear (KnClockScene *scene)
{
    g_clear_pointer (&scene->policy, g_free);
    g_clear_pointer (&scene->zone, g_free);
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

/* What the plan of the last start says of @path; NULL: nothing. */
static const char *
find_decision (const json_t *plan, const char *path)
{
    for (gsize i = 0; i < json_array_size (plan); i++) {
        const json_t *decision = json_array_get (plan, i);
        const char *at = json_string_value (json_object_get (decision, "path"));

        if (g_strcmp0 (at, path) == 0)
            return json_string_value (json_object_get (decision, "value"));
    }
    return NULL;
}

static bool
load_policy (KnDb *db, KnClockScene *scene, GError **error)
{
    g_auto (KnServerPlan) stored = { 0 };
    g_autoptr (json_t) plan = NULL;

    if (!kn_store_server_load_plan (db, scene->server->uuid, &stored, error))
        return false;
    plan = stored.plan != NULL ? kn_json_parse (stored.plan, strlen (stored.plan), NULL) : NULL;
    const char *offset = find_decision (plan, "clock/@offset");
    scene->policy = g_strdup (g_strcmp0 (offset, "variable") == 0 ? "guest" : offset);
    return true;
}

/* What was said on the server wins over what its image says. */
static bool
load_zone (KnDb *db, KnClockScene *scene, GError **error)
{
    g_autoptr (GHashTable) user = kn_store_meta_load (db, KN_META_USER, scene->server->uuid, error);
    g_autoptr (GHashTable) system
        = user != NULL ? kn_store_meta_load (db, KN_META_SYSTEM, scene->server->uuid, error) : NULL;

    if (system == NULL)
        return false;
    const char *said = g_hash_table_lookup (user, "os_timezone");
    scene->zone
        = g_strdup (said != NULL ? said : g_hash_table_lookup (system, "image_os_timezone"));
    return true;
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

/* An undeclared Windows gives itself away: its agent says so. */
static bool
warn_of_windows (KnClockScene *scene)
{
    const char *os_type = scene->server->os_type;

    if (g_strcmp0 (os_type, "windows") == 0 || g_strcmp0 (scene->skew->os_id, "mswindows") != 0)
        return false;
    warn (
        scene, "undeclared-windows",
        g_strdup_printf ("The guest's agent says that it is %s, but the server is declared %s, so "
                         "its hardware clock, timers and Hyper-V features are not for Windows: "
                         "kilonova server set %s os_type=windows --reboot hard",
                         scene->skew->os_name != NULL ? scene->skew->os_name : "Windows",
                         os_type != NULL ? os_type : "to be nothing", scene->server->uuid));
    return true;
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
    if (!load_policy (db, scene, error) || !load_zone (db, scene, error)
        || !load_skew (db, scene, error))
        return false;
    load_host_zone (compute, scene);
    scene->text = kn_skew_explain (scene->skew, &(KnSkewScene){ server->uuid, server->os_type,
                                                                scene->zone, scene->host_zone });
    (void)warn_of_windows (scene);
    return true;
}

GPtrArray *
kn_clock_warnings_load (KnCompute *compute, KnDb *db, const KnServer *server, GError **error)
{
    g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
    g_auto (KnClockScene) scene = { 0 };

    if (!kn_clock_scene_load (compute, db, server, &scene, error))
        return NULL;
    for (guint i = 0; i < scene.warnings->len; i++) {
        KnClockWarning *warning = scene.warnings->pdata[i];

        g_ptr_array_add (texts, g_steal_pointer (&warning->text));
    }
    return g_steal_pointer (&texts);
}
