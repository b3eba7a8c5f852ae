/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of server_clocks and server_clock_changes. */
#include "compute/clock_store.h"

#include <string.h>

KN_STMT (CLOCK_LOAD,
         "SELECT offset_s, since_us, source, base, base_zone, base_offset_s, started_us, "
         "written_us, declared, declared_zone FROM server_clocks WHERE instance_uuid=?");
KN_STMT (CLOCK_INSERT, "INSERT INTO server_clocks (instance_uuid) VALUES (?)");
KN_STMT (CLOCK_SET_BASE,
         "UPDATE server_clocks SET base=?, base_zone=?, base_offset_s=?, started_us=? "
         "WHERE instance_uuid=?");
KN_STMT (CLOCK_SET_DECLARED,
         "UPDATE server_clocks SET declared=?, declared_zone=? WHERE instance_uuid=?");
KN_STMT (CLOCK_SET_OFFSET,
         "UPDATE server_clocks SET offset_s=?, since_us=?, written_us=?, source=? "
         "WHERE instance_uuid=?");
KN_STMT (CLOCK_FORGET, "UPDATE server_clocks SET offset_s=NULL, since_us=NULL, "
                       "written_us=NULL, source=NULL WHERE instance_uuid=?");
KN_STMT (CLOCK_DELETE, "DELETE FROM server_clocks WHERE instance_uuid=?");
KN_STMT (CHANGE_INSERT, "INSERT INTO server_clock_changes (instance_uuid, at_us, before_s, "
                        "offset_s) VALUES (?,?,?,?)");
KN_STMT (CHANGE_LIST, "SELECT at_us, before_s, offset_s, id FROM server_clock_changes "
                      "WHERE instance_uuid=? ORDER BY id DESC");
KN_STMT (CHANGE_DELETE, "DELETE FROM server_clock_changes WHERE instance_uuid=?");
KN_STMT (CHANGE_PRUNE, "DELETE FROM server_clock_changes WHERE instance_uuid=? AND id<=?");

static const char *const base_names[] = {
    [KN_CLOCK_BASE_NONE] = NULL,
    [KN_CLOCK_BASE_UTC] = "utc",
    [KN_CLOCK_BASE_VARIABLE] = "variable",
    [KN_CLOCK_BASE_TIMEZONE] = "timezone",
    [KN_CLOCK_BASE_LOCALTIME] = "localtime",
};
G_STATIC_ASSERT (G_N_ELEMENTS (base_names) == KN_CLOCK_BASE_N);

static const char *const source_names[] = {
    [KN_CLOCK_SOURCE_NONE] = NULL,       [KN_CLOCK_SOURCE_GUEST] = "guest",
    [KN_CLOCK_SOURCE_REPEAT] = "repeat", [KN_CLOCK_SOURCE_IMAGE] = "image",
    [KN_CLOCK_SOURCE_USER] = "user",     [KN_CLOCK_SOURCE_MOVE] = "move",
};
G_STATIC_ASSERT (G_N_ELEMENTS (source_names) == KN_CLOCK_SOURCE_N);

void
kn_clock_row_free (KnClockRow *row)
{
    if (row == NULL)
        return;
    g_free (row->base_zone);
    g_free (row->declared_zone);
    g_free (row);
}

const char *
kn_clock_base_name (KnClockBase base)
{
    return base_names[base];
}

static guint
find_name (const char *const *names, guint n, const char *name)
{
    for (guint i = 1; name != NULL && i < n; i++)
        if (strcmp (names[i], name) == 0)
            return i;
    return 0;
}

KnClockBase
kn_clock_base_from_name (const char *name)
{
    return (KnClockBase)find_name (base_names, KN_CLOCK_BASE_N, name);
}

const char *
kn_clock_source_name (KnClockSource source)
{
    return source_names[source];
}

static void
read_row (KnRows *rows, KnClockRow *row)
{
    row->has_offset = !kn_rows_is_null (rows, 0);
    row->offset_s = kn_rows_int (rows, 0);
    row->since_us = kn_rows_int (rows, 1);
    row->source
        = (KnClockSource)find_name (source_names, KN_CLOCK_SOURCE_N, kn_rows_text (rows, 2));
    row->base = kn_clock_base_from_name (kn_rows_text (rows, 3));
    row->base_zone = kn_rows_dup (rows, 4);
    row->base_offset_known = !kn_rows_is_null (rows, 5);
    row->base_offset_s = kn_rows_int (rows, 5);
    row->started_us = kn_rows_int (rows, 6);
    row->written_us = kn_rows_int (rows, 7);
    row->declared = kn_clock_base_from_name (kn_rows_text (rows, 8));
    row->declared_zone = kn_rows_dup (rows, 9);
}

/* @out_found (may be NULL): there is a row. */
static KnClockRow *
load (KnDb *db, const char *server, bool *out_found, GError **error)
{
    g_autoptr (KnClockRow) row = g_new0 (KnClockRow, 1);
    g_autoptr (KnRows) rows = kn_db_query (db, &CLOCK_LOAD, KN_BIND (kn_text (server)), error);
    GError *local = NULL;
    bool found;

    if (rows == NULL)
        return NULL;
    found = kn_rows_next (rows, &local);
    if (local != NULL) {
        g_propagate_error (error, local);
        return NULL;
    }
    if (found)
        read_row (rows, row);
    if (out_found != NULL)
        *out_found = found;

    return g_steal_pointer (&row);
}

KnClockRow *
kn_store_clock_load (KnDb *db, const char *server, GError **error)
{
    return load (db, server, NULL, error);
}

/* Gives the row as it stands, making it first. Inside a transaction. */
static KnClockRow *
ensure (KnDb *db, const char *server, GError **error)
{
    bool found = false;
    g_autoptr (KnClockRow) row = load (db, server, &found, error);

    if (row == NULL
        || (!found && !kn_db_exec (db, &CLOCK_INSERT, KN_BIND (kn_text (server)), NULL, error)))
        return NULL;
    return g_steal_pointer (&row);
}

typedef struct {
    const char *server;
    const KnClockRow *row;
} SetBase;

static bool
set_declared (KnDb *db, const SetBase *set, GError **error)
{
    const KnClockRow *row = set->row;

    return row->base == KN_CLOCK_BASE_VARIABLE
           || kn_db_exec (db, &CLOCK_SET_DECLARED,
                          KN_BIND (kn_text (kn_clock_base_name (row->base)),
                                   kn_text (row->base_zone), kn_text (set->server)),
                          NULL, error);
}

static bool
set_base_txn (KnDb *db, gpointer data, GError **error)
{
    const SetBase *set = data;
    const KnClockRow *row = set->row;
    g_autoptr (KnClockRow) before = ensure (db, set->server, error);

    return before != NULL
           && kn_db_exec (
               db, &CLOCK_SET_BASE,
               KN_BIND (kn_text (kn_clock_base_name (row->base)), kn_text (row->base_zone),
                        row->base_offset_known ? kn_int (row->base_offset_s) : kn_null (),
                        kn_int (row->started_us), kn_text (set->server)),
               NULL, error)
           && set_declared (db, set, error);
}

bool
kn_store_clock_set_base (KnDb *db, const char *server, const KnClockRow *row, GError **error)
{
    SetBase set = { server, row };

    return kn_db_txn (db, set_base_txn, &set, error);
}

/* Leaves the newest KN_CLOCK_CHANGES_MAX. */
static bool
prune (KnDb *db, const char *server, GError **error)
{
    gint64 last = 0;
    guint n = 0;
    GError *local = NULL;

    {
        g_autoptr (KnRows) rows = kn_db_query (db, &CHANGE_LIST, KN_BIND (kn_text (server)), error);

        if (rows == NULL)
            return false;
        while (last == 0 && kn_rows_next (rows, &local))
            if (n++ == KN_CLOCK_CHANGES_MAX)
                last = kn_rows_int (rows, 3);
    }
    if (local != NULL) {
        g_propagate_error (error, local);
        return false;
    }

    return last == 0
           || kn_db_exec (db, &CHANGE_PRUNE, KN_BIND (kn_text (server), kn_int (last)), NULL,
                          error);
}

typedef struct {
    const char *server;
    gint64 offset_s, at_us;
    KnClockSource source;
} SetOffset;

bool
kn_clock_row_now (const KnClockRow *row, gint64 *out_offset_s)
{
    bool written = row->has_offset && row->written_us >= row->started_us;

    if (row->base_offset_known && !written)
        *out_offset_s = row->base_offset_s;
    else if (row->has_offset)
        *out_offset_s = row->offset_s;
    else
        return false;
    return true;
}

static bool
note_change (KnDb *db, const SetOffset *set, const KnClockRow *before, GError **error)
{
    gint64 before_s = 0;
    bool known = kn_clock_row_now (before, &before_s);

    /* Linux writes the same time again every eleven minutes. */
    if (known && before->has_offset && ABS (set->offset_s - before_s) <= KN_CLOCK_SAME_S)
        return true;

    return kn_db_exec (db, &CHANGE_INSERT,
                       KN_BIND (kn_text (set->server), kn_int (set->at_us),
                                known ? kn_int (before_s) : kn_null (), kn_int (set->offset_s)),
                       NULL, error)
           && prune (db, set->server, error);
}

static bool
set_offset_txn (KnDb *db, gpointer data, GError **error)
{
    const SetOffset *set = data;
    g_autoptr (KnClockRow) before = ensure (db, set->server, error);
    bool by_guest = set->source == KN_CLOCK_SOURCE_GUEST || set->source == KN_CLOCK_SOURCE_REPEAT;
    bool same;

    if (before == NULL || (by_guest && !note_change (db, set, before, error)))
        return false;
    same = before->has_offset && before->source == set->source
           && ABS (set->offset_s - before->offset_s) <= KN_CLOCK_SAME_S;

    return kn_db_exec (db, &CLOCK_SET_OFFSET,
                       KN_BIND (kn_int (set->offset_s),
                                kn_int (same ? before->since_us : set->at_us),
                                by_guest ? kn_int (set->at_us) : kn_null (),
                                kn_text (source_names[set->source]), kn_text (set->server)),
                       NULL, error);
}

bool
kn_store_clock_set_offset (KnDb *db, const char *server, gint64 offset_s, gint64 at_us,
                           KnClockSource source, GError **error)
{
    SetOffset set = { server, offset_s, at_us, source };

    return kn_db_txn (db, set_offset_txn, &set, error);
}

bool
kn_store_clock_forget (KnDb *db, const char *server, GError **error)
{
    return kn_db_exec (db, &CLOCK_FORGET, KN_BIND (kn_text (server)), NULL, error);
}

static bool
delete_txn (KnDb *db, gpointer data, GError **error)
{
    const char *server = data;

    return kn_db_exec (db, &CHANGE_DELETE, KN_BIND (kn_text (server)), NULL, error)
           && kn_db_exec (db, &CLOCK_DELETE, KN_BIND (kn_text (server)), NULL, error);
}

bool
kn_store_clock_delete (KnDb *db, const char *server, GError **error)
{
    return kn_db_txn (db, delete_txn, (gpointer)server, error);
}

GArray *
kn_store_clock_changes (KnDb *db, const char *server, GError **error)
{
    g_autoptr (GArray) changes = g_array_new (false, false, sizeof (KnClockChange));
    g_autoptr (KnRows) rows = kn_db_query (db, &CHANGE_LIST, KN_BIND (kn_text (server)), error);
    GError *local = NULL;

    if (rows == NULL)
        return NULL;
    while (kn_rows_next (rows, &local)) {
        const KnClockChange change = {
            .at_us = kn_rows_int (rows, 0),
            .has_before = !kn_rows_is_null (rows, 1),
            .before_s = kn_rows_int (rows, 1),
            .offset_s = kn_rows_int (rows, 2),
        };

        g_array_append_val (changes, change);
    }
    if (local != NULL) {
        g_propagate_error (error, local);
        return NULL;
    }

    return g_steal_pointer (&changes);
}
