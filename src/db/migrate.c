/* SPDX-License-Identifier: Apache-2.0 */
/* Brings a schema up to date; migrations/README.md says how the files are written. */
#include "db/db_priv.h"

#include "base/error.h"
#include "base/log.h"
#include "base/time.h"

#include <errno.h>
#include <string.h>

#define CREATE_VERSION                                                                             \
    "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY,"                      \
    " name VARCHAR(64) NOT NULL, statements INTEGER NOT NULL, complete INTEGER NOT NULL,"          \
    " applied_at DATETIME NOT NULL)"

KN_STMT (VERSION_LIST, "SELECT version, name, statements, complete FROM schema_version"
                       " ORDER BY version");
KN_STMT (VERSION_BEGIN, "INSERT INTO schema_version (version, name, statements, complete,"
                        " applied_at) VALUES (?, ?, 0, 0, ?)");
KN_STMT (VERSION_STEP, "UPDATE schema_version SET statements=? WHERE version=?");
KN_STMT (VERSION_DONE, "UPDATE schema_version SET complete=1, applied_at=? WHERE version=?");

/* What the database says that it has: indexed like the migrations. */
typedef struct {
    gint *done; /* statements that have run; -1: not begun */
    bool *complete;
    guint n_pending;
    bool fresh; /* no migration has ever run */
    guint newest;
} Applied;

static void
applied_clear (Applied *applied)
{
    g_free (applied->done);
    g_free (applied->complete);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Applied, applied_clear)

static guint
count (const KnMigration *migrations)
{
    guint n = 0;

    while (migrations[n].name)
        n++;
    return n;
}

static guint
newest_known (const KnMigration *migrations)
{
    guint n = count (migrations);

    return n ? migrations[n - 1].number : 0;
}

static bool
note_applied (const KnMigration *migrations, KnRows *rows, Applied *applied, GError **error)
{
    guint version = (guint)kn_rows_int (rows, 0);

    applied->fresh = false;
    applied->newest = version;
    for (guint i = 0; migrations[i].name; i++)
        if (migrations[i].number == version) {
            applied->done[i] = (gint)kn_rows_int (rows, 2);
            applied->complete[i] = kn_rows_int (rows, 3) != 0;
            applied->n_pending -= applied->complete[i] ? 1 : 0;
            return true;
        }
    kn_error_set (error, KN_ERROR_UNAVAILABLE,
                  "the database has schema version %u (%s), this program knows versions up to %u: "
                  "it is too old for this database, nothing was changed",
                  version, kn_rows_text (rows, 1), newest_known (migrations));
    return false;
}

static bool
load_applied (KnDb *db, const KnMigration *migrations, Applied *applied, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, &VERSION_LIST, KN_NO_BIND, error);
    g_autoptr (GError) problem = NULL;
    guint n = count (migrations);

    if (!rows)
        return false;
    *applied = (Applied){
        .done = g_new (gint, n + 1), .complete = g_new0 (bool, n + 1), .n_pending = n, .fresh = true
    };
    for (guint i = 0; i < n; i++)
        applied->done[i] = -1;
    while (kn_rows_next (rows, &problem))
        if (!note_applied (migrations, rows, applied, error))
            return false;
    if (problem)
        g_propagate_error (error, g_steal_pointer (&problem));
    return !problem;
}

/* The line as this engine reads it, NULL if it is another engine's. */
static char *
translate_line (const KnDbOps *ops, const char *line)
{
    g_autoptr (GString) text = NULL;

    if (*line == '@' && g_ascii_islower (line[1])) {
        gsize len = strlen (ops->dialect);

        if (strncmp (line + 1, ops->dialect, len) != 0 || line[len + 1] != ' ')
            return NULL;
        line += len + 2;
    }
    text = g_string_new (line);
    for (const KnDbToken *token = ops->tokens; token->token; token++)
        (void)g_string_replace (text, token->token, token->text, 0);
    return g_string_free (g_steal_pointer (&text), FALSE);
}

/* The statements of @sql in this engine's words. */
static GPtrArray *
split (const KnDbOps *ops, const char *sql)
{
    GPtrArray *statements = g_ptr_array_new_with_free_func (g_free);
    g_auto (GStrv) lines = g_strsplit (sql, "\n", -1);
    g_autoptr (GString) text = g_string_new (NULL);

    for (guint i = 0; lines[i]; i++) {
        g_autofree char *line = translate_line (ops, lines[i]);

        if (!line || !*g_strchomp (line))
            continue;
        g_string_append_printf (text, "%s\n", line);
        if (!g_str_has_suffix (line, ";"))
            continue;
        g_string_truncate (text, text->len - 2);
        g_ptr_array_add (statements, g_strdup (text->str));
        g_string_truncate (text, 0);
    }
    return statements;
}

static bool
run_statements (KnDb *db, const KnMigration *migration, guint from, bool resumed, GError **error)
{
    g_autoptr (GPtrArray) statements = split (db->ops, migration->sql);

    for (guint i = from; i < statements->len; i++) {
        g_autoptr (GError) problem = NULL;

        /* The first statement after an interruption may have run without having been recorded. */
        if (!kn_db_command (db, g_ptr_array_index (statements, i), &problem)
            && !(resumed && i == from && db->ops->exists_already (db->conn))) {
            g_propagate_prefixed_error (error, g_steal_pointer (&problem),
                                        "migration %s, statement %u: ", migration->name, i + 1);
            return false;
        }
        if (db->ops->ddl_commits
            && !kn_db_exec (db, &VERSION_STEP, KN_BIND (kn_int (i + 1), kn_int (migration->number)),
                            NULL, error))
            return false;
    }
    return true;
}

static bool
run_migration (KnDb *db, const KnMigration *migration, gint done, GError **error)
{
    g_autofree char *now = kn_db_now ();

    if (done < 0
        && !kn_db_exec (
            db, &VERSION_BEGIN,
            KN_BIND (kn_int (migration->number), kn_text (migration->name), kn_text (now)), NULL,
            error))
        return false;
    return run_statements (db, migration, (guint)MAX (done, 0), done >= 0, error)
           && kn_db_exec (db, &VERSION_DONE, KN_BIND (kn_text (now), kn_int (migration->number)),
                          NULL, error);
}

static bool
backup (KnDb *db, guint version, const char *backup_dir, GError **error)
{
    g_autofree char *stamp = NULL;
    g_autofree char *name = NULL;
    g_autofree char *file = NULL;
    g_autoptr (GDateTime) now = g_date_time_new_now_utc ();

    if (db->target->migrate || !backup_dir)
        return true;
    if (!db->ops->backup) {
        kn_error_set (error, KN_ERROR_UNAVAILABLE,
                      "the database has schema version %u and has to be brought up to date: %s",
                      version, db->ops->backup_hint);
        return false;
    }
    if (g_mkdir_with_parents (backup_dir, 0700) != 0) {
        kn_error_set_errno (error, errno, "cannot make the backup folder '%s'", backup_dir);
        return false;
    }
    stamp = g_date_time_format (now, "%Y%m%dT%H%M%SZ");
    name = g_strdup_printf ("schema-%04u-%s.db", version, stamp);
    file = g_build_filename (backup_dir, name, NULL);
    if (!db->ops->backup (db->target, file, error)) {
        g_prefix_error (error, "cannot back the database up before migrating it: ");
        return false;
    }
    kn_log (KN_LOG_INFO, "database backed up before its migration", "file", file, NULL);
    return true;
}

static bool
migrate_locked (KnDb *db, const KnMigration *migrations, const char *backup_dir, GError **error)
{
    g_auto (Applied) applied = { .done = NULL };

    if (!kn_db_command (db, CREATE_VERSION, error)
        || !load_applied (db, migrations, &applied, error))
        return false;
    if (!applied.fresh && applied.n_pending > 0 && !backup (db, applied.newest, backup_dir, error))
        return false;
    for (guint i = 0; migrations[i].name; i++)
        if (!applied.complete[i] && !run_migration (db, &migrations[i], applied.done[i], error))
            return false;
    return true;
}

bool
kn_db_migrate (KnDb *db, const KnMigration *migrations, const char *backup_dir, GError **error)
{
    bool good;

    if (!kn_db_writer_lock (db, error))
        return false;
    good = db->ops->migrate_begin (db->conn, error);
    if (good) {
        db->depth = 1; /* the engine's lock is ours: statements take no turn of their own */
        good = migrate_locked (db, migrations, backup_dir, error);
        db->depth = 0;
        db->doomed = false;
        good = db->ops->migrate_end (db->conn, good, good ? error : NULL) && good;
    }
    kn_db_writer_unlock (db);
    return good;
}
