/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of instance_clock_skews and instance_clock_skew_history. */
#include "compute/skew_store.h"

#define NOTE_MS 1000 /* a skew that moved by less is no news */

#define COLUMNS                                                                                    \
    "method, why, verdict, measured_us, since_us, skew_ms, error_ms, noted_ms, zone, "             \
    "zone_offset_s, os_id, os_name, os_asked_us"

KN_STMT (SKEW_FIND, "SELECT " COLUMNS " FROM instance_clock_skews WHERE instance_uuid=?");
KN_STMT (SKEW_UPDATE,
         "UPDATE instance_clock_skews SET method=?, why=?, verdict=?, measured_us=?, since_us=?, "
         "skew_ms=?, error_ms=?, noted_ms=?, zone=?, zone_offset_s=?, os_id=?, os_name=?, "
         "os_asked_us=? WHERE instance_uuid=?");
KN_STMT (SKEW_INSERT, "INSERT INTO instance_clock_skews (" COLUMNS ", instance_uuid) "
                      "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
KN_STMT (HISTORY_INSERT,
         "INSERT INTO instance_clock_skew_history (instance_uuid, method, why, verdict, "
         "measured_us, skew_ms, error_ms) VALUES (?,?,?,?,?,?,?)");
/* MariaDB lets a statement read the table that it deletes from only through a table of its own. */
KN_STMT (HISTORY_TRIM,
         "DELETE FROM instance_clock_skew_history WHERE instance_uuid=? AND id<=(SELECT id FROM "
         "(SELECT id FROM instance_clock_skew_history WHERE instance_uuid=? ORDER BY id DESC "
         "LIMIT 1 OFFSET 50) AS last)");
KN_STMT (HISTORY_LIST,
         "SELECT method, why, verdict, measured_us, skew_ms, error_ms FROM "
         "instance_clock_skew_history WHERE instance_uuid=? ORDER BY id DESC LIMIT 50");
KN_STMT (TARGETS,
         "SELECT i.uuid, i.host, s.why, s.measured_us, s.since_us, s.os_asked_us FROM instances i "
         "LEFT JOIN instance_clock_skews s ON s.instance_uuid=i.uuid WHERE i.deleted=0 AND "
         "i.vm_state='active' AND i.task_state IS NULL AND i.host IS NOT NULL AND (? IS NULL OR "
         "i.uuid=?) ORDER BY i.id");
KN_STMT (SKEW_PRUNE, "DELETE FROM instance_clock_skews WHERE instance_uuid NOT IN "
                     "(SELECT uuid FROM instances WHERE deleted=0)");
KN_STMT (HISTORY_PRUNE, "DELETE FROM instance_clock_skew_history WHERE instance_uuid NOT IN "
                        "(SELECT instance_uuid FROM instance_clock_skews)");
KN_STMT (COUNT, "SELECT CASE WHEN i.vm_state='active' THEN s.verdict END, COUNT(*) FROM instances "
                "i LEFT JOIN instance_clock_skews s ON s.instance_uuid=i.uuid WHERE i.deleted=0 "
                "GROUP BY 1");
KN_STMT (KNOWN, "SELECT s.instance_uuid, s.skew_ms FROM instance_clock_skews s JOIN instances i ON "
                "i.uuid=s.instance_uuid WHERE i.deleted=0 AND i.vm_state='active' AND s.skew_ms IS "
                "NOT NULL ORDER BY ABS(s.skew_ms) DESC LIMIT ?");
G_STATIC_ASSERT (KN_SKEW_HISTORY_MAX == 50);

static KnValue
known (const KnSkew *skew, gint64 value)
{
    return skew->method == KN_SKEW_BY_NONE ? kn_null () : kn_int (value);
}

typedef struct {
    KnSkew *skew;
    gint64 noted_ms; /* the last one in the history */
} Stored;

static void
read_stored (KnRows *rows, Stored *out_stored)
{
    KnSkew *skew = g_new (KnSkew, 1);

    *skew = (KnSkew){
        .method = kn_skew_method_from_name (kn_rows_text (rows, 0)),
        .why = kn_skew_why_from_name (kn_rows_text (rows, 1)),
        .verdict = kn_skew_verdict_from_name (kn_rows_text (rows, 2)),
        .measured_us = kn_rows_int (rows, 3),
        .since_us = kn_rows_int (rows, 4),
        .skew_ms = kn_rows_int (rows, 5),
        .error_ms = kn_rows_int (rows, 6),
        .zone = kn_rows_dup (rows, 8),
        .has_zone = !kn_rows_is_null (rows, 9),
        .zone_offset_s = kn_rows_int (rows, 9),
        .os_id = kn_rows_dup (rows, 10),
        .os_name = kn_rows_dup (rows, 11),
        .os_asked_us = kn_rows_int (rows, 12),
    };
    *out_stored = (Stored){ skew, kn_rows_int (rows, 7) };
}

/* .skew NULL: there is none. */
static bool
find_stored (KnDb *db, const char *server, Stored *out_stored, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &SKEW_FIND, KN_BIND (kn_text (server)), error);
    g_autoptr (GError) problem = NULL;

    *out_stored = (Stored){ 0 };
    if (rows == NULL)
        return false;
    if (kn_rows_next (rows, &problem))
        read_stored (rows, out_stored);
    if (problem != NULL)
        g_propagate_error (error, g_steal_pointer (&problem));
    return problem == NULL;
}

KnSkew *
kn_store_skew_find (KnDb *db, const char *server, GError **error)
{
    Stored stored;

    return find_stored (db, server, &stored, error) ? stored.skew : NULL;
}

/* What the guest said of itself stays true when it is silent. */
static void
take_over (KnSkew *skew, const Stored *before)
{
    const KnSkew *old = before->skew;

    skew->since_us = skew->measured_us;
    if (old == NULL)
        return;
    if (old->method == skew->method && old->why == skew->why && old->verdict == skew->verdict)
        skew->since_us = old->since_us;
    if (!skew->has_zone && old->has_zone) {
        skew->has_zone = true;
        skew->zone_offset_s = old->zone_offset_s;
        skew->zone = g_strdup (old->zone);
    }
    if (skew->os_asked_us == 0) {
        skew->os_asked_us = old->os_asked_us;
        skew->os_id = g_strdup (old->os_id);
        skew->os_name = g_strdup (old->os_name);
    }
}

static bool
is_news (const KnSkew *skew, const Stored *before)
{
    const KnSkew *old = before->skew;

    return old == NULL || skew->since_us != old->since_us
           || (skew->method != KN_SKEW_BY_NONE
               && ABS (skew->skew_ms - before->noted_ms) >= NOTE_MS + skew->error_ms);
}

static bool
note (KnDb *db, const char *server, const KnSkew *skew, GError **error)
{
    return kn_db_exec (db, &HISTORY_INSERT,
                       KN_BIND (kn_text (server), kn_text (kn_skew_method_name (skew->method)),
                                kn_text (kn_skew_why_name (skew->why)),
                                kn_text (kn_skew_verdict_name (skew->verdict)),
                                kn_int (skew->measured_us), known (skew, skew->skew_ms),
                                known (skew, skew->error_ms)),
                       NULL, error)
           && kn_db_exec (db, &HISTORY_TRIM, KN_BIND (kn_text (server), kn_text (server)), NULL,
                          error);
}

static bool
write_latest (KnDb *db, const KnStmt *stmt, const char *server, const KnSkew *skew, gint64 noted_ms,
              GError **error)
{
    return kn_db_exec (
        db, stmt,
        KN_BIND (kn_text (kn_skew_method_name (skew->method)),
                 kn_text (kn_skew_why_name (skew->why)),
                 kn_text (kn_skew_verdict_name (skew->verdict)), kn_int (skew->measured_us),
                 kn_int (skew->since_us), known (skew, skew->skew_ms), known (skew, skew->error_ms),
                 known (skew, noted_ms), kn_text (skew->zone),
                 skew->has_zone ? kn_int (skew->zone_offset_s) : kn_null (), kn_text (skew->os_id),
                 kn_text (skew->os_name), kn_int (skew->os_asked_us), kn_text (server)),
        NULL, error);
}

typedef struct {
    const char *server;
    KnSkew *skew;
} Put;

static bool
put_txn (KnDb *db, gpointer data, GError **error)
{
    const Put *put = data;
    Stored before;
    bool good, news;

    if (!find_stored (db, put->server, &before, error))
        return false;
    take_over (put->skew, &before);
    news = is_news (put->skew, &before);
    good = write_latest (db, before.skew != NULL ? &SKEW_UPDATE : &SKEW_INSERT, put->server,
                         put->skew, news ? put->skew->skew_ms : before.noted_ms, error)
           && (!news || note (db, put->server, put->skew, error));
    kn_skew_free (before.skew);
    return good;
}

bool
kn_store_skew_put (KnDb *db, const char *server, KnSkew *skew, GError **error)
{
    Put put = { server, skew };

    return kn_db_txn (db, put_txn, &put, error);
}

bool
kn_store_skew_each_earlier (KnDb *db, const char *server,
                            void (*visit) (const KnSkew *skew, gpointer data), gpointer data,
                            GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &HISTORY_LIST, KN_BIND (kn_text (server)), error);
    g_autoptr (GError) problem = NULL;

    if (rows == NULL)
        return false;
    while (kn_rows_next (rows, &problem)) {
        const KnSkew skew = {
            .method = kn_skew_method_from_name (kn_rows_text (rows, 0)),
            .why = kn_skew_why_from_name (kn_rows_text (rows, 1)),
            .verdict = kn_skew_verdict_from_name (kn_rows_text (rows, 2)),
            .measured_us = kn_rows_int (rows, 3),
            .skew_ms = kn_rows_int (rows, 4),
            .error_ms = kn_rows_int (rows, 5),
        };

        visit (&skew, data);
    }
    if (problem != NULL)
        g_propagate_error (error, g_steal_pointer (&problem));
    return problem == NULL;
}

void
kn_skew_target_free (KnSkewTarget *target)
{
    if (target == NULL)
        return;
    g_free (target->server);
    g_free (target->host);
    g_free (target);
}

GPtrArray *
kn_store_skew_list_targets (KnDb *db, const char *server, GError **error)
{
    g_autoptr (GPtrArray) targets
        = g_ptr_array_new_with_free_func ((GDestroyNotify)kn_skew_target_free);
    g_autoptr (KnRows) rows
        = kn_db_query (db, &TARGETS, KN_BIND (kn_text (server), kn_text (server)), error);
    g_autoptr (GError) problem = NULL;

    if (rows == NULL)
        return NULL;
    while (kn_rows_next (rows, &problem)) {
        KnSkewTarget *target = g_new (KnSkewTarget, 1);

        *target = (KnSkewTarget){
            .server = kn_rows_dup (rows, 0),
            .host = kn_rows_dup (rows, 1),
            .why = kn_skew_why_from_name (kn_rows_text (rows, 2)),
            .measured_us = kn_rows_int (rows, 3),
            .since_us = kn_rows_int (rows, 4),
            .os_asked_us = kn_rows_int (rows, 5),
        };
        g_ptr_array_add (targets, target);
    }
    if (problem == NULL)
        return g_steal_pointer (&targets);
    g_propagate_error (error, g_steal_pointer (&problem));
    return NULL;
}

bool
kn_store_skew_prune (KnDb *db, GError **error)
{
    return kn_db_exec (db, &SKEW_PRUNE, KN_NO_BIND, NULL, error)
           && kn_db_exec (db, &HISTORY_PRUNE, KN_NO_BIND, NULL, error);
}

bool
kn_store_skew_count (KnDb *db, gint64 out_counts[KN_SKEW_VERDICT_N], GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &COUNT, KN_NO_BIND, error);
    g_autoptr (GError) problem = NULL;

    if (rows == NULL)
        return false;
    for (guint i = 0; i < KN_SKEW_VERDICT_N; i++)
        out_counts[i] = 0;
    while (kn_rows_next (rows, &problem))
        out_counts[kn_skew_verdict_from_name (kn_rows_text (rows, 0))] += kn_rows_int (rows, 1);
    if (problem != NULL)
        g_propagate_error (error, g_steal_pointer (&problem));
    return problem == NULL;
}

bool
kn_store_skew_each_known (KnDb *db, guint limit,
                          void (*visit) (const char *server, gint64 skew_ms, gpointer data),
                          gpointer data, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &KNOWN, KN_BIND (kn_int (limit)), error);
    g_autoptr (GError) problem = NULL;

    if (rows == NULL)
        return false;
    while (kn_rows_next (rows, &problem))
        visit (kn_rows_text (rows, 0), kn_rows_int (rows, 1), data);
    if (problem != NULL)
        g_propagate_error (error, g_steal_pointer (&problem));
    return problem == NULL;
}
