/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/db: the ops table that SQLite and MariaDB stand behind, and what a connection is made of. */
#pragma once

#include "db/db.h"

/* What a database URL says. */
typedef struct {
    char *path; /* SQLite */
    char *user, *password, *host, *name, *socket, *tls_ca;
    guint port;
    bool migrate; /* MariaDB: an existing schema may be changed, the operator has a backup */
    bool foreign; /* somebody else's database, which is only read */
} KnDbTarget;

bool kn_db_target_parse (const char *url, KnDbTarget *out_target, GError **error);
void kn_db_target_clear (KnDbTarget *target);

typedef struct KnDbOps KnDbOps;

/* Base of an engine's connection. The flags describe the call that failed last. */
typedef struct {
    bool retry;       /* busy or deadlock: the same transaction may succeed when run again */
    bool rolled_back; /* the engine has ended the transaction, if there was one */
    bool lost;        /* the connection is gone and has to be opened again */
} KnDbConn;

typedef enum { KN_STEP_ROW, KN_STEP_DONE, KN_STEP_FAILED } KnDbStep;

/* A word in migration files and what it stands for in an engine. */
typedef struct {
    const char *token, *text;
} KnDbToken;

struct KnDbOps {
    const char *dialect; /* "sqlite", "mariadb" */
    bool one_writer;     /* writers of this process take turns before they ask the engine */
    bool ddl_commits; /* DDL ends a transaction: migrations are recorded statement by statement */
    const char *const *begin_write; /* NULL-terminated commands */
    const char *const *begin_read;
    const char *relax;       /* command of kn_db_relax(); NULL: the engine has none */
    const KnDbToken *tokens; /* ended by a NULL token */
    const char *backup_hint; /* where no backup can be made by us: what the operator has to do */

    KnDbConn *(*open) (const KnDbTarget *target, GError **error);
    void (*close) (KnDbConn *conn);
    bool (*alive) (KnDbConn *conn); /* cheap check before use outside of a transaction */
    /* Runs text without parameters and rows: BEGIN, COMMIT, DDL. */
    bool (*command) (KnDbConn *conn, const char *sql, GError **error);

    gpointer (*prepare) (KnDbConn *conn, const char *sql, bool *out_writes, GError **error);
    void (*finalize) (gpointer stmt);
    /* Binds and starts; rows, if any, come by step(). */
    bool (*start) (KnDbConn *conn, gpointer stmt, const KnValue *values, gsize n, GError **error);
    KnDbStep (*step) (KnDbConn *conn, gpointer stmt, GError **error);
    void (*reset) (gpointer stmt); /* ends a run, frees its rows and bindings */
    gint64 (*changes) (KnDbConn *conn, gpointer stmt);
    /* Rows that this connection has changed in all; NULL: no cheap way to notice what others change. */
    guint64 (*all_changes) (KnDbConn *conn);
    gint64 (*insert_id) (KnDbConn *conn, gpointer stmt);
    bool (*is_null) (gpointer stmt, guint column);
    gint64 (*integer) (gpointer stmt, guint column);
    const char *(*bytes) (gpointer stmt, guint column, gsize *out_len);

    /* Keeps other controllers out while the schema changes. */
    bool (*migrate_begin) (KnDbConn *conn, GError **error);
    bool (*migrate_end) (KnDbConn *conn, bool commit, GError **error);
    bool (*backup) (const KnDbTarget *target, const char *file, GError **error);
    bool (*exists_already) (KnDbConn *conn); /* the last DDL failed because its effect is there */
};

extern const KnDbOps kn_db_sqlite;
extern const KnDbOps kn_db_mariadb;

/* The connections of a pool; outlives the pool for as long as threads hold connections of it. */
typedef struct {
    GMutex lock;
    GPtrArray *connections; /* KnDb *, borrowed from their threads */
    /* Turn of the writers; FIFO is not needed, a deadline is. */
    GMutex writer_lock;
    GCond writer_free;
    bool writing;
    bool closed;
} KnDbRegistry;

struct KnDbPool {
    const KnDbOps *ops;
    KnDbTarget target;
    KnDbRegistry *registry; /* atomic rc box */
};

/* A prepared statement and the rows being read from it. */
struct KnRows {
    KnDb *db;
    const KnStmt *stmt;
    gpointer handle; /* NULL: the connection was lost under the reader */
    bool writes;
    bool open; /* rows are out */
};

struct KnDb {
    const KnDbOps *ops;
    KnDbRegistry *registry;
    const KnDbTarget *target; /* the pool's */
    KnDbConn *conn;           /* NULL: closed */
    GHashTable *prepared;     /* KnStmt * -> KnRows * */
    guint depth;              /* of nested transactions */
    bool read_only;           /* the outer transaction is kn_db_read_txn() */
    bool doomed;              /* a joined transaction failed: only rollback is left */
    bool relaxed;             /* kn_db_relax() */
    bool retry;               /* the last failure in this transaction was busy or deadlock */
    guint fail_after;
};

/* Opens a connection that belongs to the caller. */
KnDb *kn_db_open (const KnDbPool *pool, GError **error);
void kn_db_close (KnDb *db);

/* Counts down kn_db_fail_after(). */
bool kn_db_pass (KnDb *db, const char *name, GError **error);

/* Makes sure the connection can be used; outside of transactions a lost one is opened again. */
bool kn_db_ensure (KnDb *db, GError **error);

/* Runs plain text on the connection. */
bool kn_db_command (KnDb *db, const char *sql, GError **error);

/* Remembers what kind of failure the connection had. */
void kn_db_note_failure (KnDb *db);

/* This process's turn to write, on engines that know one writer. Errors: UNAVAILABLE after a deadline. */
bool kn_db_writer_lock (KnDb *db, GError **error);
void kn_db_writer_unlock (KnDb *db);

typedef struct {
    guint number;
    const char *name; /* "0005-jobs" */
    const char *sql;
} KnMigration;

/* Made from src/db/migrations by the build; ended by a NULL name, rising numbers. */
extern const KnMigration kn_db_migrations[];

/* Brings the schema up to @migrations. @backup_dir NULL: no backup (tests). */
bool kn_db_migrate (KnDb *db, const KnMigration *migrations, const char *backup_dir,
                    GError **error);

/* kn_db_pool_open() with migrations of the caller's choice, for tests. */
KnDbPool *kn_db_pool_open_with (const char *url, const KnMigration *migrations,
                                const char *backup_dir, GError **error);
