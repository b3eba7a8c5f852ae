/* SPDX-License-Identifier: Apache-2.0 */
/* Records of a Nova cloud, in its cell database: the column instances.os_type, which the clock follows, and the image's properties in
 * instance_system_metadata. Each change carries its precondition, so that nothing is overwritten that somebody else has changed. The
 * hard reboots go through Nova's API. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cmd/args.h"
#include "cmd/client.h"
#include "cmd/repair_record.h"
#include "db/db.h"
#include "doctor/report.h"
#include "doctor/source.h"
#include "doctor/source_nova.h"

#define OS_TYPE "os_type" /* the column; other names are keys of the metadata */

KN_STMT (NOVA_OS_TYPE, "SELECT os_type FROM instances WHERE uuid=? AND deleted=0");
KN_STMT (NOVA_SET_OS_TYPE,
         "UPDATE instances SET os_type=?, updated_at=? WHERE uuid=? AND deleted=0 "
         "AND (os_type=? OR (os_type IS NULL AND ? IS NULL))");
KN_STMT (NOVA_KEY, "SELECT value FROM instance_system_metadata "
                   "WHERE instance_uuid=? AND \"key\"=? AND deleted=0 ORDER BY id DESC");
KN_STMT (NOVA_SET_KEY, "UPDATE instance_system_metadata SET value=?, updated_at=? "
                       "WHERE instance_uuid=? AND \"key\"=? AND value=? AND deleted=0");
KN_STMT (
    NOVA_ADD_KEY,
    "INSERT INTO instance_system_metadata (created_at, instance_uuid, \"key\", value, deleted) "
    "VALUES (?, ?, ?, ?, 0)");
KN_STMT (NOVA_DROP_KEY, "DELETE FROM instance_system_metadata "
                        "WHERE instance_uuid=? AND \"key\"=? AND value=? AND deleted=0");

typedef struct {
    KnDb *db;
    const KnRepairOptions *options;
    KnClient *client; /* of Nova's API; NULL: not needed yet */
} Nova;

/* ---- values ---- */

static void
want (json_t *wanted, const char *name, json_t *value)
{
    g_autofree char *key = g_strconcat ("image_", name, NULL);

    if (strcmp (name, OS_TYPE) == 0)
        (void)json_object_set (wanted, OS_TYPE, value);
    (void)json_object_set (wanted, key, value);
}

/* The first column of the first row; *@out_found false: there is no row. */
static bool
load_one (KnDb *db, const KnStmt *stmt, const KnValue *values, gsize n, char **out_value,
          bool *out_found, GError **error)
{
    g_autoptr (GError) failed = NULL;
    g_autoptr (KnRows) rows = kn_db_query (db, stmt, values, n, &failed);

    *out_found = rows && kn_rows_next (rows, &failed);
    *out_value = *out_found ? kn_rows_dup (rows, 0) : NULL;
    if (!failed)
        return true;
    g_propagate_error (error, g_steal_pointer (&failed));
    return false;
}

static bool
load_value (KnDb *db, const char *id, const char *name, char **out_value, GError **error)
{
    bool found = false;

    if (strcmp (name, OS_TYPE) != 0)
        return load_one (db, &NOVA_KEY, KN_BIND (kn_text (id), kn_text (name)), out_value, &found,
                         error);
    if (!load_one (db, &NOVA_OS_TYPE, KN_BIND (kn_text (id)), out_value, &found, error))
        return false;
    if (!found)
        kn_error_set (error, KN_ERROR_NOT_FOUND, "Nova has no instance '%s' any more", id);
    return found;
}

static bool
load (gpointer data, const char *id, const json_t *names, json_t *out_values, GError **error)
{
    const Nova *nova = data;
    const char *name;
    json_t *unused;

    json_object_foreach ((json_t *)names, name, unused) {
        g_autofree char *value = NULL;

        if (!load_value (nova->db, id, name, &value, error))
            return false;
        (void)json_object_set_new (out_values, name, value ? json_string (value) : json_null ());
    }
    return true;
}

/* One change; it counts only if exactly one row was as expected. */
static bool
change (KnDb *db, const char *id, const char *name, const char *value, const char *was,
        GError **error)
{
    g_autofree char *now = kn_db_now ();
    gint64 changed = 0;
    bool done;

    if (strcmp (name, OS_TYPE) == 0)
        done = kn_db_exec (
            db, &NOVA_SET_OS_TYPE,
            KN_BIND (kn_text (value), kn_text (now), kn_text (id), kn_text (was), kn_text (was)),
            &changed, error);
    else if (!was)
        done = kn_db_exec (db, &NOVA_ADD_KEY,
                           KN_BIND (kn_text (now), kn_text (id), kn_text (name), kn_text (value)),
                           &changed, error);
    else if (!value)
        done = kn_db_exec (db, &NOVA_DROP_KEY,
                           KN_BIND (kn_text (id), kn_text (name), kn_text (was)), &changed, error);
    else
        done = kn_db_exec (
            db, &NOVA_SET_KEY,
            KN_BIND (kn_text (value), kn_text (now), kn_text (id), kn_text (name), kn_text (was)),
            &changed, error);
    if (done && changed != 1)
        kn_error_set (error, KN_ERROR_CONFLICT, "%s was changed meanwhile; nothing was done", name);
    return done && changed == 1;
}

typedef struct {
    Nova *nova;
    const char *id;
    const json_t *values, *expected;
} Put;

static bool
txn_put (KnDb *db, gpointer data, GError **error)
{
    const Put *put = data;
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)put->values, name, value) {
        const char *to = json_string_value (value),
                   *from = json_string_value (json_object_get (put->expected, name));
        g_autofree char *present = NULL;

        if (!load_value (db, put->id, name, &present, error))
            return false;
        if (g_strcmp0 (present, to) == 0)
            continue;
        if (g_strcmp0 (present, from) != 0) {
            kn_error_set (error, KN_ERROR_CONFLICT, "%s is '%s' by now; nothing was done", name,
                          present ? present : "(null)");
            return false;
        }
        if (!change (db, put->id, name, to, from, error))
            return false;
    }
    return true;
}

static bool
put (gpointer data, const char *id, const json_t *values, const json_t *expected, GError **error)
{
    Nova *nova = data;
    Put txn = { nova, id, values, expected };

    return kn_db_txn (nova->db, txn_put, &txn, error);
}

static bool
restart (gpointer data, const char *id, const json_t *values, GError **error)
{
    Nova *nova = data;
    g_autofree char *path = g_strdup_printf ("/servers/%s/action", id);
    g_autoptr (json_t) body = json_pack ("{s:{s:s}}", "reboot", "type", "HARD");

    if (!nova->client)
        nova->client = kn_client_new (nova->options->cloud, error);
    return nova->client && kn_client_call (nova->client, "POST", "compute", path, body, NULL, error)
           && kn_records_wait_active (nova->client, id, error);
}

/* Looks at the records and, where hosts were named, at the guests again. */
static char *
look (gpointer data, const KnRepairEntry *entry, GError **error)
{
    const Nova *nova = data;
    g_autoptr (KnFleet) fleet = kn_doctor_args_gather (&nova->options->doctor, NULL, error);
    g_autoptr (GPtrArray) findings = fleet ? kn_doctor_examine (fleet, NULL) : NULL;
    g_autoptr (GString) left = g_string_new (NULL);

    for (guint i = 0; findings && i < findings->len; i++) {
        const KnFinding *finding = findings->pdata[i];

        if (g_strcmp0 (finding->server, entry->uuid) == 0
            && g_strv_contains ((const char *const *)entry->rules, finding->rule->name))
            g_string_append_printf (left, "%s%s", left->len ? ", " : "", finding->rule->name);
    }
    return left->len ? g_strdup (left->str) : NULL;
}

/* ---- the SQL, for people and for those who want to run it themselves ---- */

/* As MariaDB and MySQL read it. Caller frees. */
static char *
quote (const char *value)
{
    GString *out = g_string_new ("'");

    if (!value) {
        (void)g_string_free (out, TRUE);
        return g_strdup ("NULL");
    }
    for (const char *c = value; *c; c++) {
        if (*c == '\'' || *c == '\\')
            g_string_append_c (out, *c);
        g_string_append_c (out, *c);
    }
    g_string_append_c (out, '\'');
    return g_string_free (out, FALSE);
}

static void
print_change (const char *id, const char *name, const char *value, const char *was)
{
    g_autofree char *to = quote (value), *from = quote (was), *key = quote (name);
    g_autofree char *line = NULL;

    if (strcmp (name, OS_TYPE) == 0)
        line = g_strdup_printf ("UPDATE instances SET os_type=%s WHERE uuid='%s' AND deleted=0 AND "
                                "os_type%s%s;",
                                to, id, was ? "=" : " IS NULL", was ? from : "");
    else if (!was)
        line = g_strdup_printf (
            "INSERT INTO instance_system_metadata (created_at, instance_uuid, "
            "`key`, value, deleted) SELECT NOW(), '%s', %s, %s, 0 FROM DUAL WHERE "
            "NOT EXISTS (SELECT 1 FROM instance_system_metadata WHERE "
            "instance_uuid='%s' AND `key`=%s AND deleted=0);",
            id, key, to, id, key);
    else if (!value)
        line = g_strdup_printf ("DELETE FROM instance_system_metadata WHERE instance_uuid='%s' AND "
                                "`key`=%s AND value=%s AND deleted=0;",
                                id, key, from);
    else
        line = g_strdup_printf ("UPDATE instance_system_metadata SET value=%s WHERE "
                                "instance_uuid='%s' AND `key`=%s AND value=%s AND deleted=0;",
                                to, id, key, from);
    (void)printf ("      ");
    kn_args_print (line);
    (void)putchar ('\n');
}

static void
print_changes (const char *id, const json_t *values, const json_t *from)
{
    const char *name;
    json_t *value;

    (void)puts ("      BEGIN;");
    json_object_foreach ((json_t *)values, name, value) {
        const char *to = json_string_value (value),
                   *was = json_string_value (json_object_get (from, name));

        if (g_strcmp0 (to, was) != 0)
            print_change (id, name, to, was);
    }
    (void)puts ("      COMMIT;");
}

static void
print_sql (const char *id, const json_t *wanted, const json_t *before)
{
    (void)puts ("    as SQL (each statement has to change one row):");
    print_changes (id, wanted, before);
    (void)puts ("    and back:");
    print_changes (id, before, wanted);
}

/* ---- the verbs ---- */

static KnRecords
make_records (Nova *nova)
{
    return (KnRecords){ .uri = KN_REPAIR_NOVA,
                        .want = want,
                        .load = load,
                        .put = put,
                        .restart = restart,
                        .look = look,
                        .print = print_sql,
                        .data = nova };
}

static json_t *
make_audit (const KnRepairOptions *options, GError **error)
{
    g_autoptr (KnFleet) fleet = kn_doctor_args_gather (&options->doctor, NULL, error);

    if (!fleet)
        return NULL;
    g_autoptr (GPtrArray) findings = kn_doctor_examine (fleet, options->doctor.rule);
    kn_doctor_args_keep_server (&options->doctor, findings);
    g_autofree char *text = kn_doctor_format_json (fleet, findings);
    return kn_json_parse (text, strlen (text), error);
}

/* For the plan a look is enough; changes want a connection that may write. */
static KnDbPool *
attach (const KnRepairOptions *options, GError **error)
{
    bool writes = options->apply || options->undo || options->resume;

    return writes ? kn_db_pool_attach (options->doctor.nova_db, error)
                  : kn_db_pool_attach_foreign (options->doctor.nova_db, error);
}

int
kn_repair_nova (KnRepairOptions *options, GError **error)
{
    g_autoptr (json_t) audit = make_audit (options, error);
    g_autoptr (KnDbPool) pool = audit ? attach (options, error) : NULL;
    Nova nova = { .db = pool ? kn_db_thread (pool, error) : NULL, .options = options };
    const KnRecords records = make_records (&nova);
    int status
        = nova.db ? kn_records_repair (options, &records, audit, error) : KN_REPAIR_EXIT_ERROR;

    kn_client_free (nova.client);
    return status;
}

int
kn_repair_nova_again (KnRepairOptions *options, KnRepairJournal *journal, const GPtrArray *entries,
                      GError **error)
{
    if (!options->doctor.nova_db) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST,
                      "this repair is of a Nova: say which database again, --nova-db URL");
        return KN_REPAIR_EXIT_ERROR;
    }
    g_autoptr (KnDbPool) pool = attach (options, error);
    Nova nova = { .db = pool ? kn_db_thread (pool, error) : NULL, .options = options };
    const KnRecords records = make_records (&nova);
    int status = nova.db ? kn_records_again (options, &records, journal, entries, error)
                         : KN_REPAIR_EXIT_ERROR;

    kn_client_free (nova.client);
    return status;
}
