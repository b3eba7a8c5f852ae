/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of servers: instances, instance_extra, instance_metadata, instance_system_metadata, block_device_mapping. */
#pragma once

#include "compute/server.h"
#include "db/db.h"

/* The server @id as @project_id may see it (NULL: any project), not deleted. Errors: NOT_FOUND (public). */
KnServer *kn_store_server_load (KnDb *db, const char *id, const char *project_id, GError **error);

/* As above, deleted ones too; NULL without error if there never was one. */
KnServer *kn_store_server_find (KnDb *db, const char *id, GError **error);

/* Which servers a list shows. NULL and 0 do not narrow. */
typedef struct {
    const char *project_id;
    const char *marker; /* uuid: begin after it; Errors: BAD_REQUEST (public) */
    bool with_deleted;  /* deleted ones too */
    bool only_deleted;
    const char *changed_since; /* database time; deleted ones count */
} KnServerScope;

/* Calls @visit for each, newest first, until it returns false. The record is borrowed until @visit returns. */
typedef bool (*KnServerVisit) (const KnServer *server, gpointer data);
bool kn_store_server_each (KnDb *db, const KnServerScope *scope, KnServerVisit visit, gpointer data,
                           GError **error);

/* A copy of @server whose strings live in @text. */
KnServer *kn_server_copy (const KnServer *server, GStringChunk *text);

/* Those of @host that are not deleted (NULL: of all hosts); array of KnServer. */
GPtrArray *kn_store_server_list_host (KnDb *db, const char *host, GError **error);

/* Writes a new server in state building/scheduling; fills .id and .created_at is the caller's. Run inside a transaction. */
bool kn_store_server_insert (KnDb *db, KnServer *server, GError **error);

/* Moves the server from the states that @server was read with to @task, if nobody was faster. Errors: CONFLICT (public). */
bool kn_store_server_claim (KnDb *db, const KnServer *server, KnTask task, GError **error);

/* A step under way says so, unless the server is being deleted: then false in @out_alive. */
bool kn_store_server_set_task (KnDb *db, const char *id, KnTask task, bool *out_alive,
                               GError **error);

/* The end of an act: state, power and no task, unless it is being deleted meanwhile (@out_alive false; may be NULL). */
bool kn_store_server_settle (KnDb *db, const char *id, KnVmState vm, KnPower power, bool *out_alive,
                             GError **error);

/* As above without a look at the task: the end of a delete that could not be done. */
bool kn_store_server_force_state (KnDb *db, const char *id, KnVmState vm, KnPower power,
                                  GError **error);

/* State and power as seen at the host, if the record still is what @server was read as and no task is under way. */
bool kn_store_server_set_seen (KnDb *db, const KnServer *server, KnVmState vm, KnPower power,
                               bool *out_changed, GError **error);

bool kn_store_server_set_launched (KnDb *db, const char *id, GError **error);
bool kn_store_server_set_locked (KnDb *db, const char *id, bool locked, const char *by,
                                 GError **error);

/* What PUT changes; NULL keeps. An empty address clears it. */
typedef struct {
    const char *name, *hostname, *access_ip_v4, *access_ip_v6;
    int auto_disk_config; /* -1 keeps */
} KnServerChange;
bool kn_store_server_update (KnDb *db, const char *id, const KnServerChange *change,
                             GError **error);

/* What rebuild changes in the row. */
bool kn_store_server_set_image (KnDb *db, const KnServer *server, GError **error);

/* instances.os_type alone. */
bool kn_store_server_set_os_type (KnDb *db, const char *id, const char *os_type, GError **error);

/* instances and its neighbours marked deleted (deleted=id), vm_state deleted. */
bool kn_store_server_delete (KnDb *db, const char *id, GError **error);

/* instance_extra: what was planned at the last start. */
typedef struct {
    char *identity, *xml, *plan; /* JSON, domain XML, JSON; NULL before the first start */
} KnServerPlan;
void kn_server_plan_clear (KnServerPlan *plan);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KnServerPlan, kn_server_plan_clear)
bool kn_store_server_load_plan (KnDb *db, const char *id, KnServerPlan *out_plan, GError **error);
bool kn_store_server_set_plan (KnDb *db, const char *id, const KnServerPlan *plan, GError **error);
/* The password is needed until the config drive is written; NULL wipes it. */
bool kn_store_server_set_admin_pass (KnDb *db, const char *id, const char *password,
                                     GError **error);

/* Both tables of key and value. */
typedef enum { KN_META_USER, KN_META_SYSTEM, KN_META_N } KnMetaTable;
/* char* -> char*; new reference. A key written twice by hand: the last counts. */
GHashTable *kn_store_meta_load (KnDb *db, KnMetaTable table, const char *id, GError **error);
bool kn_store_meta_set (KnDb *db, KnMetaTable table, const char *id, const char *key,
                        const char *value, GError **error);
/* For a server that has none yet. */
bool kn_store_meta_insert_all (KnDb *db, KnMetaTable table, const char *id, GHashTable *values,
                               GError **error);
bool kn_store_meta_delete (KnDb *db, KnMetaTable table, const char *id, const char *key,
                           bool *out_found, GError **error);
/* Removes all whose key begins with @prefix ("": all). */
bool kn_store_meta_clear (KnDb *db, KnMetaTable table, const char *id, const char *prefix,
                          GError **error);
/* User metadata of the servers of a project (NULL: all) whose row ids lie in the range: uuid -> (key -> value). */
GHashTable *kn_store_meta_load_project (KnDb *db, const char *project_id, gint64 first_id,
                                        gint64 last_id, GError **error);

/* The root disk's row of block_device_mapping. */
bool kn_store_root_disk_set (KnDb *db, const KnServer *server, GError **error);

/* How many servers are in each state. */
bool kn_store_server_count (KnDb *db, gint64 out_counts[KN_VM_N], GError **error);

/* Memory of all servers on @host, MiB. */
bool kn_store_server_memory_on (KnDb *db, const char *host, gint64 *out_mib, GError **error);

/* When the last server on each image went: image id -> gint64 (microseconds), G_MAXINT64 where one is still there. New reference. */
GHashTable *kn_store_server_images_left (KnDb *db, GError **error);
