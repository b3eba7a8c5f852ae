/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of servers. */
#include "compute/server_store.h"

#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "compute/clock_store.h"

typedef enum { TEXT, INTEGER, BOOLEAN } Kind;

typedef struct {
    Kind kind;
    gsize offset;
} Column;

/* Two things have to stay equal: the columns of the statements and where they go in the record. */
#define VIEW_COLUMNS(X)                                                                            \
    X (INTEGER, id, "i.id")                                                                        \
    X (TEXT, uuid, "i.uuid")                                                                       \
    X (TEXT, name, "i.display_name")                                                               \
    X (TEXT, hostname, "i.hostname")                                                               \
    X (TEXT, description, "i.display_description")                                                 \
    X (TEXT, project_id, "i.project_id")                                                           \
    X (TEXT, user_id, "i.user_id")                                                                 \
    X (TEXT, image_ref, "i.image_ref")                                                             \
    X (TEXT, key_name, "i.key_name")                                                               \
    X (TEXT, host, "i.host")                                                                       \
    X (TEXT, node, "i.node")                                                                       \
    X (TEXT, zone, "i.availability_zone")                                                          \
    X (TEXT, os_type, "i.os_type")                                                                 \
    X (TEXT, root_device, "i.root_device_name")                                                    \
    X (TEXT, config_drive, "i.config_drive")                                                       \
    X (TEXT, reservation_id, "i.reservation_id")                                                   \
    X (TEXT, access_ip_v4, "i.access_ip_v4")                                                       \
    X (TEXT, access_ip_v6, "i.access_ip_v6")                                                       \
    X (TEXT, created_at, "i.created_at")                                                           \
    X (TEXT, updated_at, "i.updated_at")                                                           \
    X (TEXT, launched_at, "i.launched_at")                                                         \
    X (TEXT, terminated_at, "i.terminated_at")                                                     \
    X (TEXT, deleted_at, "i.deleted_at")                                                           \
    X (TEXT, vm_state, "i.vm_state")                                                               \
    X (TEXT, task_state, "COALESCE(i.task_state,'')")                                              \
    X (INTEGER, power_state, "i.power_state")                                                      \
    X (INTEGER, launch_index, "i.launch_index")                                                    \
    X (INTEGER, progress, "i.progress")                                                            \
    X (INTEGER, vcpus, "i.vcpus")                                                                  \
    X (INTEGER, memory_mib, "i.memory_mb")                                                         \
    X (INTEGER, root_gib, "i.root_gb")                                                             \
    X (INTEGER, ephemeral_gib, "i.ephemeral_gb")                                                   \
    X (INTEGER, flavor_row, "i.instance_type_id")                                                  \
    X (BOOLEAN, auto_disk_config, "i.auto_disk_config")                                            \
    X (BOOLEAN, locked, "i.locked")                                                                \
    X (BOOLEAN, deleted, "i.deleted")                                                              \
    X (TEXT, flavor_id, "e.flavorid")

/* What only work on one server needs. */
#define WORK_COLUMNS(X)                                                                            \
    X (TEXT, key_data, "i.key_data")                                                               \
    X (TEXT, user_data, "i.user_data")                                                             \
    X (TEXT, flavor_name, "e.flavor_name")                                                         \
    X (INTEGER, swap_mib, "e.swap_mb")                                                             \
    X (TEXT, extra_specs, "e.extra_specs")                                                         \
    X (TEXT, key_type, "e.key_type")                                                               \
    X (TEXT, admin_pass, "e.admin_pass")                                                           \
    X (TEXT, profile, "e.profile")

#define AS_SQL(kind, member, sql) ", " sql
#define AS_COLUMN(kind, member, sql) { kind, offsetof (KnServer, member) },

static const Column columns[] = { VIEW_COLUMNS (AS_COLUMN) WORK_COLUMNS (AS_COLUMN) };
enum {
#define AS_ONE(kind, member, sql) +1
    N_VIEW = VIEW_COLUMNS (AS_ONE),
    N_ALL = G_N_ELEMENTS (columns),
};

#define FROM " FROM instances i LEFT JOIN instance_extra e ON e.instance_uuid=i.uuid "
#define SELECT_VIEW "SELECT 1" VIEW_COLUMNS (AS_SQL) FROM
#define SELECT_ALL "SELECT 1" VIEW_COLUMNS (AS_SQL) WORK_COLUMNS (AS_SQL) FROM

KN_STMT (SERVER_LOAD,
         SELECT_ALL "WHERE i.uuid=? AND i.deleted=0 AND (? IS NULL OR i.project_id=?)");
KN_STMT (SERVER_FIND, SELECT_ALL "WHERE i.uuid=?");
KN_STMT (SERVER_LIST_PROJECT,
         SELECT_VIEW "WHERE i.project_id=? AND i.deleted=0 AND i.id<? ORDER BY i.id DESC");
KN_STMT (SERVER_LIST_ALL, SELECT_VIEW "WHERE i.deleted=0 AND i.id<? ORDER BY i.id DESC");
KN_STMT (SERVER_LIST_ANY,
         SELECT_VIEW "WHERE (? IS NULL OR i.project_id=?) AND (?=1 OR i.deleted=0) "
                     "AND (?=0 OR i.deleted<>0) AND (? IS NULL OR "
                     "COALESCE(i.deleted_at,i.updated_at,i.created_at)>=?) AND i.id<? "
                     "ORDER BY i.id DESC");
KN_STMT (SERVER_LIST_HOST,
         SELECT_ALL "WHERE i.deleted=0 AND i.host IS NOT NULL AND (? IS NULL OR i.host=?) "
                    "ORDER BY i.id");
KN_STMT (SERVER_INSERT,
         "INSERT INTO instances (created_at, uuid, display_name, hostname, display_description, "
         "project_id, user_id, image_ref, key_name, key_data, user_data, host, node, launched_on, "
         "availability_zone, os_type, architecture, root_device_name, config_drive, "
         "reservation_id, access_ip_v4, access_ip_v6, vm_state, task_state, power_state, "
         "launch_index, vcpus, memory_mb, root_gb, ephemeral_gb, instance_type_id, "
         "auto_disk_config, progress, locked, deleted) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,"
         "?,?,?,?,?,?,?,?,0,?,?,?,?,?,?,?,0,0,0)");
KN_STMT (EXTRA_INSERT,
         "INSERT INTO instance_extra (created_at, instance_uuid, flavorid, flavor_name, "
         "swap_mb, extra_specs, key_type, admin_pass, profile, format, deleted) "
         "VALUES (?,?,?,?,?,?,?,?,?,1,0)");
KN_STMT (SERVER_CLAIM, "UPDATE instances SET task_state=?, updated_at=? WHERE uuid=? AND deleted=0 "
                       "AND vm_state=? AND COALESCE(task_state,'')=?");
KN_STMT (SERVER_SET_TASK,
         "UPDATE instances SET task_state=?, updated_at=? WHERE uuid=? AND deleted=0 "
         "AND COALESCE(task_state,'')<>'deleting'");
KN_STMT (SERVER_SETTLE,
         "UPDATE instances SET vm_state=?, power_state=?, task_state=NULL, progress=?, "
         "updated_at=? WHERE uuid=? AND deleted=0 AND COALESCE(task_state,'')<>'deleting'");
KN_STMT (SERVER_FORCE_STATE,
         "UPDATE instances SET vm_state=?, power_state=?, task_state=NULL, updated_at=? "
         "WHERE uuid=? AND deleted=0");
KN_STMT (SERVER_SET_SEEN,
         "UPDATE instances SET vm_state=?, power_state=?, updated_at=? WHERE uuid=? AND deleted=0 "
         "AND task_state IS NULL AND vm_state=? AND power_state=?");
KN_STMT (SERVER_SET_LAUNCHED,
         "UPDATE instances SET launched_at=? WHERE uuid=? AND launched_at IS NULL");
KN_STMT (SERVER_SET_LOCKED,
         "UPDATE instances SET locked=?, locked_by=?, updated_at=? WHERE uuid=? AND deleted=0");
KN_STMT (SERVER_UPDATE,
         "UPDATE instances SET display_name=COALESCE(?,display_name), "
         "hostname=COALESCE(?,hostname), access_ip_v4=COALESCE(?,access_ip_v4), "
         "access_ip_v6=COALESCE(?,access_ip_v6), "
         "auto_disk_config=COALESCE(?,auto_disk_config), updated_at=? WHERE uuid=? AND deleted=0");
KN_STMT (SERVER_SET_IMAGE,
         "UPDATE instances SET image_ref=?, os_type=?, architecture=?, display_name=?, "
         "key_name=?, key_data=?, user_data=?, access_ip_v4=?, access_ip_v6=?, auto_disk_config=?, "
         "updated_at=? WHERE uuid=? AND deleted=0");
KN_STMT (SERVER_SET_OS_TYPE, "UPDATE instances SET os_type=?, updated_at=? WHERE uuid=?");
KN_STMT (SERVER_DELETE,
         "UPDATE instances SET deleted=id, deleted_at=?, terminated_at=?, updated_at=?, "
         "vm_state='deleted', task_state=NULL, power_state=0 WHERE uuid=? AND deleted=0");
KN_STMT (EXTRA_DELETE, "UPDATE instance_extra SET deleted=id, deleted_at=?, admin_pass=NULL, "
                       "xml=NULL, \"plan\"=NULL WHERE instance_uuid=? AND deleted=0");
KN_STMT (DISKS_DELETE, "UPDATE block_device_mapping SET deleted=id, deleted_at=? "
                       "WHERE instance_uuid=? AND deleted=0");
KN_STMT (PLAN_LOAD, "SELECT identity, xml, \"plan\" FROM instance_extra WHERE instance_uuid=?");
KN_STMT (PLAN_SET, "UPDATE instance_extra SET identity=?, xml=?, \"plan\"=?, updated_at=? "
                   "WHERE instance_uuid=?");
KN_STMT (EXTRA_SET_PASS, "UPDATE instance_extra SET admin_pass=? WHERE instance_uuid=?");
KN_STMT (DISK_INSERT,
         "INSERT INTO block_device_mapping (created_at, device_name, delete_on_termination, "
         "instance_uuid, deleted, source_type, destination_type, device_type, boot_index, "
         "image_id) VALUES (?,?,1,?,0,'image','local','disk',0,?)");
KN_STMT (SERVER_COUNT,
         "SELECT vm_state, COUNT(*) FROM instances WHERE deleted=0 GROUP BY vm_state");
/* 0 in the second column: a server is still there. */
KN_STMT (IMAGES_LEFT, "SELECT image_ref, MIN(deleted), MAX(deleted_at) FROM instances "
                      "WHERE image_ref IS NOT NULL GROUP BY image_ref");
KN_STMT (MEMORY_ON, "SELECT COALESCE(SUM(memory_mb),0) FROM instances WHERE host=? AND deleted=0");

static void
read_columns (KnRows *rows, guint n, GStringChunk *text, KnServer *out)
{
    for (guint i = 0; i < n; i++) {
        gpointer member = G_STRUCT_MEMBER_P (out, columns[i].offset);
        guint column = i + 1;

        switch (columns[i].kind) {
        case TEXT: {
            const char *value = kn_rows_text (rows, column);
            *(const char **)member = value != NULL ? g_string_chunk_insert (text, value) : NULL;
            break;
        }
        case INTEGER:
            *(gint64 *)member = kn_rows_int (rows, column);
            break;
        case BOOLEAN:
            *(bool *)member = kn_rows_int (rows, column) != 0;
            break;
        }
    }
    out->vm = kn_vm_state_from_name (out->vm_state);
    out->task = kn_task_from_name (out->task_state);
}

KnServer *
kn_server_copy (const KnServer *server, GStringChunk *text)
{
    KnServer *copy = g_memdup2 (server, sizeof *server);

    copy->text = NULL;
    for (guint i = 0; i < N_ALL; i++) {
        const char **member = (const char **)G_STRUCT_MEMBER_P (copy, columns[i].offset);

        if (columns[i].kind == TEXT && *member != NULL)
            *member = g_string_chunk_insert (text, *member);
    }

    return copy;
}

/* The one row of @rows, NULL without error if there is none. */
static KnServer *
read_one (KnRows *rows, GError **error)
{
    g_autoptr (KnServer) server = NULL;
    GError *local = NULL;

    if (!kn_rows_next (rows, &local)) {
        if (local != NULL)
            g_propagate_error (error, local);
        return NULL;
    }
    server = g_new0 (KnServer, 1);
    server->text = g_string_chunk_new (1024);
    read_columns (rows, N_ALL, server->text, server);

    return g_steal_pointer (&server);
}

KnServer *
kn_store_server_load (KnDb *db, const char *id, const char *project_id, GError **error)
{
    g_autoptr (KnRows) rows = NULL;
    GError *local = NULL;
    KnServer *server;

    rows = kn_db_query (db, &SERVER_LOAD,
                        KN_BIND (kn_text (id), kn_text (project_id), kn_text (project_id)), error);
    if (rows == NULL)
        return NULL;
    server = read_one (rows, &local);
    if (local != NULL)
        g_propagate_error (error, local);
    else if (server == NULL)
        kn_error_public (error, KN_ERROR_NOT_FOUND, "Instance %s could not be found.", id);

    return server;
}

KnServer *
kn_store_server_find (KnDb *db, const char *id, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &SERVER_FIND, KN_BIND (kn_text (id)), error);

    return rows != NULL ? read_one (rows, error) : NULL;
}

static bool
find_marker (KnDb *db, const char *marker, gint64 *out_id, GError **error)
{
    g_autoptr (KnServer) server = NULL;
    GError *local = NULL;

    if (marker == NULL) {
        *out_id = G_MAXINT64;
        return true;
    }
    server = kn_store_server_find (db, marker, &local);
    if (local != NULL) {
        g_propagate_error (error, local);
        return false;
    }
    if (server == NULL) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "marker [%s] not found", marker);
        return false;
    }
    *out_id = server->id;

    return true;
}

static KnRows *
query_scope (KnDb *db, const KnServerScope *scope, gint64 before, GError **error)
{
    if (scope->with_deleted || scope->only_deleted || scope->changed_since != NULL)
        return kn_db_query (db, &SERVER_LIST_ANY,
                            KN_BIND (kn_text (scope->project_id), kn_text (scope->project_id),
                                     kn_int (scope->with_deleted || scope->only_deleted),
                                     kn_int (scope->only_deleted), kn_text (scope->changed_since),
                                     kn_text (scope->changed_since), kn_int (before)),
                            error);
    if (scope->project_id != NULL)
        return kn_db_query (db, &SERVER_LIST_PROJECT,
                            KN_BIND (kn_text (scope->project_id), kn_int (before)), error);

    return kn_db_query (db, &SERVER_LIST_ALL, KN_BIND (kn_int (before)), error);
}

bool
kn_store_server_each (KnDb *db, const KnServerScope *scope, KnServerVisit visit, gpointer data,
                      GError **error)
{
    g_autoptr (KnRows) rows = NULL;
    GStringChunk *text;
    GError *local = NULL;
    gint64 before;

    if (!find_marker (db, scope->marker, &before, error))
        return false;
    rows = query_scope (db, scope, before, error);
    if (rows == NULL)
        return false;

    text = g_string_chunk_new (2048);
    while (kn_rows_next (rows, &local)) {
        KnServer server = { 0 };

        g_string_chunk_clear (text);
        read_columns (rows, N_VIEW, text, &server);
        if (!visit (&server, data))
            break;
    }
    g_string_chunk_free (text);
    if (local != NULL)
        g_propagate_error (error, local);

    return local == NULL;
}

GPtrArray *
kn_store_server_list_host (KnDb *db, const char *host, GError **error)
{
    g_autoptr (GPtrArray) servers = g_ptr_array_new_with_free_func ((GDestroyNotify)kn_server_free);
    g_autoptr (KnRows) rows = NULL;
    GError *local = NULL;
    KnServer *server;

    rows = kn_db_query (db, &SERVER_LIST_HOST, KN_BIND (kn_text (host), kn_text (host)), error);
    if (rows == NULL)
        return NULL;
    while ((server = read_one (rows, &local)) != NULL)
        g_ptr_array_add (servers, server);
    if (local != NULL) {
        g_propagate_error (error, local);
        return NULL;
    }

    return g_steal_pointer (&servers);
}

bool
kn_store_server_insert (KnDb *db, KnServer *s, GError **error)
{
    return kn_db_insert (
               db, &SERVER_INSERT,
               KN_BIND (
                   kn_text (s->created_at), kn_text (s->uuid), kn_text (s->name),
                   kn_text (s->hostname), kn_text (s->description), kn_text (s->project_id),
                   kn_text (s->user_id), kn_text (s->image_ref), kn_text (s->key_name),
                   kn_text (s->key_data), kn_text (s->user_data), kn_text (s->host),
                   kn_text (s->node), kn_text (s->host), kn_text (s->zone), kn_text (s->os_type),
                   kn_text ("x86_64"), kn_text (s->root_device), kn_text (s->config_drive),
                   kn_text (s->reservation_id), kn_text (s->access_ip_v4),
                   kn_text (s->access_ip_v6), kn_text (kn_vm_state_name (KN_VM_BUILDING)),
                   kn_text (kn_task_name (KN_TASK_SCHEDULING)), kn_int (s->launch_index),
                   kn_int (s->vcpus), kn_int (s->memory_mib), kn_int (s->root_gib),
                   kn_int (s->ephemeral_gib), kn_int (s->flavor_row), kn_int (s->auto_disk_config)),
               &s->id, error)
           && kn_db_exec (
               db, &EXTRA_INSERT,
               KN_BIND (kn_text (s->created_at), kn_text (s->uuid), kn_text (s->flavor_id),
                        kn_text (s->flavor_name), kn_int (s->swap_mib), kn_text (s->extra_specs),
                        kn_text (s->key_type), kn_text (s->admin_pass), kn_text (s->profile)),
               NULL, error);
}

bool
kn_store_server_claim (KnDb *db, const KnServer *server, KnTask task, GError **error)
{
    g_autofree char *now = kn_db_now ();
    gint64 changed;

    if (!kn_db_exec (db, &SERVER_CLAIM,
                     KN_BIND (kn_text (kn_task_name (task)), kn_text (now), kn_text (server->uuid),
                              kn_text (server->vm_state), kn_text (server->task_state)),
                     &changed, error))
        return false;
    if (changed == 0) {
        kn_error_public (
            error, KN_ERROR_CONFLICT,
            "The state of instance %s has changed meanwhile; look at it and try again.",
            server->uuid);
        return false;
    }

    return true;
}

/* Runs an UPDATE and says in @out_hit (may be NULL) whether it met a row. */
static bool
update (KnDb *db, const KnStmt *stmt, const KnValue *values, gsize n_values, bool *out_hit,
        GError **error)
{
    gint64 changed = 0;

    if (!kn_db_exec (db, stmt, values, n_values, &changed, error))
        return false;
    if (out_hit != NULL)
        *out_hit = changed > 0;

    return true;
}

bool
kn_store_server_set_task (KnDb *db, const char *id, KnTask task, bool *out_alive, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return update (db, &SERVER_SET_TASK,
                   KN_BIND (kn_text (kn_task_name (task)), kn_text (now), kn_text (id)), out_alive,
                   error);
}

bool
kn_store_server_settle (KnDb *db, const char *id, KnVmState vm, KnPower power, bool *out_alive,
                        GError **error)
{
    g_autofree char *now = kn_db_now ();

    return update (db, &SERVER_SETTLE,
                   KN_BIND (kn_text (kn_vm_state_name (vm)), kn_int (power),
                            kn_int (vm == KN_VM_ACTIVE ? 100 : 0), kn_text (now), kn_text (id)),
                   out_alive, error);
}

bool
kn_store_server_force_state (KnDb *db, const char *id, KnVmState vm, KnPower power, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return update (
        db, &SERVER_FORCE_STATE,
        KN_BIND (kn_text (kn_vm_state_name (vm)), kn_int (power), kn_text (now), kn_text (id)),
        NULL, error);
}

bool
kn_store_server_set_seen (KnDb *db, const KnServer *server, KnVmState vm, KnPower power,
                          bool *out_changed, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return update (db, &SERVER_SET_SEEN,
                   KN_BIND (kn_text (kn_vm_state_name (vm)), kn_int (power), kn_text (now),
                            kn_text (server->uuid), kn_text (server->vm_state),
                            kn_int (server->power_state)),
                   out_changed, error);
}

bool
kn_store_server_set_launched (KnDb *db, const char *id, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return update (db, &SERVER_SET_LAUNCHED, KN_BIND (kn_text (now), kn_text (id)), NULL, error);
}

bool
kn_store_server_set_locked (KnDb *db, const char *id, bool locked, const char *by, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return update (db, &SERVER_SET_LOCKED,
                   KN_BIND (kn_int (locked), kn_text (by), kn_text (now), kn_text (id)), NULL,
                   error);
}

bool
kn_store_server_update (KnDb *db, const char *id, const KnServerChange *change, GError **error)
{
    g_autofree char *now = kn_db_now ();
    KnValue disk_config
        = change->auto_disk_config < 0 ? kn_null () : kn_int (change->auto_disk_config);

    return update (db, &SERVER_UPDATE,
                   KN_BIND (kn_text (change->name), kn_text (change->hostname),
                            kn_text (change->access_ip_v4), kn_text (change->access_ip_v6),
                            disk_config, kn_text (now), kn_text (id)),
                   NULL, error);
}

bool
kn_store_server_set_image (KnDb *db, const KnServer *s, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return update (db, &SERVER_SET_IMAGE,
                   KN_BIND (kn_text (s->image_ref), kn_text (s->os_type), kn_text ("x86_64"),
                            kn_text (s->name), kn_text (s->key_name), kn_text (s->key_data),
                            kn_text (s->user_data), kn_text (s->access_ip_v4),
                            kn_text (s->access_ip_v6), kn_int (s->auto_disk_config), kn_text (now),
                            kn_text (s->uuid)),
                   NULL, error);
}

bool
kn_store_server_set_os_type (KnDb *db, const char *id, const char *os_type, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return update (db, &SERVER_SET_OS_TYPE,
                   KN_BIND (kn_text (os_type), kn_text (now), kn_text (id)), NULL, error);
}

bool
kn_store_server_delete (KnDb *db, const char *id, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return update (db, &SERVER_DELETE,
                   KN_BIND (kn_text (now), kn_text (now), kn_text (now), kn_text (id)), NULL, error)
           && update (db, &EXTRA_DELETE, KN_BIND (kn_text (now), kn_text (id)), NULL, error)
           && update (db, &DISKS_DELETE, KN_BIND (kn_text (now), kn_text (id)), NULL, error)
           && kn_store_meta_clear (db, KN_META_USER, id, "", error)
           && kn_store_meta_clear (db, KN_META_SYSTEM, id, "", error)
           && kn_store_clock_delete (db, id, error);
}

void
kn_server_plan_clear (KnServerPlan *plan)
{
    g_clear_pointer (&plan->identity, g_free);
    g_clear_pointer (&plan->xml, g_free);
    g_clear_pointer (&plan->plan, g_free);
}

bool
kn_store_server_load_plan (KnDb *db, const char *id, KnServerPlan *out_plan, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &PLAN_LOAD, KN_BIND (kn_text (id)), error);
    GError *local = NULL;

    if (rows == NULL)
        return false;
    if (!kn_rows_next (rows, &local)) {
        if (local != NULL)
            g_propagate_error (error, local);
        else
            kn_error_set (error, KN_ERROR_DB, "server '%s' has no row in instance_extra", id);
        return false;
    }
    *out_plan = (KnServerPlan){
        .identity = kn_rows_dup (rows, 0),
        .xml = kn_rows_dup (rows, 1),
        .plan = kn_rows_dup (rows, 2),
    };

    return true;
}

bool
kn_store_server_set_plan (KnDb *db, const char *id, const KnServerPlan *plan, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return update (db, &PLAN_SET,
                   KN_BIND (kn_text (plan->identity), kn_text (plan->xml), kn_text (plan->plan),
                            kn_text (now), kn_text (id)),
                   NULL, error);
}

bool
kn_store_server_set_admin_pass (KnDb *db, const char *id, const char *password, GError **error)
{
    return update (db, &EXTRA_SET_PASS, KN_BIND (kn_text (password), kn_text (id)), NULL, error);
}

bool
kn_store_root_disk_set (KnDb *db, const KnServer *server, GError **error)
{
    g_autofree char *now = kn_db_now ();

    return update (db, &DISKS_DELETE, KN_BIND (kn_text (now), kn_text (server->uuid)), NULL, error)
           && kn_db_exec (db, &DISK_INSERT,
                          KN_BIND (kn_text (now), kn_text (server->root_device),
                                   kn_text (server->uuid), kn_text (server->image_ref)),
                          NULL, error);
}

bool
kn_store_server_count (KnDb *db, gint64 out_counts[KN_VM_N], GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &SERVER_COUNT, KN_NO_BIND, error);
    GError *local = NULL;

    if (rows == NULL)
        return false;
    for (guint i = 0; i < KN_VM_N; i++)
        out_counts[i] = 0;
    while (kn_rows_next (rows, &local))
        out_counts[kn_vm_state_from_name (kn_rows_text (rows, 0))] += kn_rows_int (rows, 1);
    if (local != NULL)
        g_propagate_error (error, local);

    return local == NULL;
}

bool
kn_store_server_memory_on (KnDb *db, const char *host, gint64 *out_mib, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &MEMORY_ON, KN_BIND (kn_text (host)), error);

    if (rows == NULL || !kn_rows_next (rows, error))
        return false;
    *out_mib = kn_rows_int (rows, 0);

    return true;
}

GHashTable *
kn_store_server_images_left (KnDb *db, GError **error)
{
    g_autoptr (GHashTable) left = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr (KnRows) rows = kn_db_query (db, &IMAGES_LEFT, KN_NO_BIND, error);
    GError *failed = NULL;

    if (rows == NULL)
        return NULL;
    while (kn_rows_next (rows, &failed)) {
        const char *deleted_at = kn_rows_text (rows, 2);
        gint64 when_us = G_MAXINT64;

        if (kn_rows_int (rows, 1) != 0
            && (deleted_at == NULL || !kn_time_parse (deleted_at, &when_us)))
            when_us = kn_time_now ();
        g_hash_table_insert (left, kn_rows_dup (rows, 0), g_memdup2 (&when_us, sizeof when_us));
    }
    if (failed == NULL)
        return g_steal_pointer (&left);
    g_propagate_error (error, failed);
    return NULL;
}
