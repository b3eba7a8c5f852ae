/* SPDX-License-Identifier: Apache-2.0 */
/* Pools: a connection for each thread that asks, closed with the thread or with the pool. */
#include "db/db_priv.h"

#include "base/error.h"
#include "base/util.h"

#include <string.h>

static void
target_set (KnDbTarget *target, const char *key, const char *value, GError **error)
{
    const struct {
        const char *key;
        char **field;
    } texts[] = {
        { "socket", &target->socket },
        { "user", &target->user },
        { "password", &target->password },
        { "tls_ca", &target->tls_ca },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
        if (g_str_equal (key, texts[i].key)) {
            g_free (*texts[i].field);
            *texts[i].field = g_strdup (value);
            return;
        }
    if (!g_str_equal (key, "migrate") || !kn_parse_bool (value, &target->migrate))
        kn_error_set (error, KN_ERROR_BAD_REQUEST,
                      "database URL: '%s=…' is not known (socket, user, password, tls_ca, migrate)",
                      key);
}

static bool
parse_query (const char *query, KnDbTarget *target, GError **error)
{
    GUriParamsIter iter;
    GError *problem = NULL;

    if (!query)
        return true;
    g_uri_params_iter_init (&iter, query, -1, "&", G_URI_PARAMS_NONE);
    for (;;) {
        g_autofree char *key = NULL;
        g_autofree char *value = NULL;

        if (!g_uri_params_iter_next (&iter, &key, &value, &problem) || problem)
            break;
        target_set (target, key, value, &problem);
        if (problem)
            break;
    }
    if (problem)
        g_propagate_error (error, problem);
    return !problem;
}

static bool
parse_mariadb (const char *url, KnDbTarget *target, GError **error)
{
    g_autoptr (GUri) uri = g_uri_parse (
        url, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED_QUERY | G_URI_FLAGS_PARSE_RELAXED,
        error);

    if (!uri) {
        g_prefix_error (error, "database URL: ");
        return false;
    }
    target->host = g_strdup (g_uri_get_host (uri));
    target->user = g_strdup (g_uri_get_user (uri));
    target->password = g_strdup (g_uri_get_password (uri));
    target->port = g_uri_get_port (uri) > 0 ? (guint)g_uri_get_port (uri) : 0;
    target->name = g_strdup (g_uri_get_path (uri) + strspn (g_uri_get_path (uri), "/"));
    if (!*target->name) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST, "database URL: the database's name is missing");
        return false;
    }
    return parse_query (g_uri_get_query (uri), target, error);
}

bool
kn_db_target_parse (const char *url, KnDbTarget *out_target, GError **error)
{
    KnDbTarget target = { .path = NULL };

    if (g_str_has_prefix (url, "sqlite:") && url[strlen ("sqlite:")])
        target.path = g_strdup (url + strlen ("sqlite:"));
    else if (!g_str_has_prefix (url, "mariadb:")) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST,
                      "database URL: it begins with 'sqlite:/' or 'mariadb://'");
        return false;
    } else if (!parse_mariadb (url, &target, error)) {
        kn_db_target_clear (&target);
        return false;
    }
    *out_target = target;
    return true;
}

void
kn_db_target_clear (KnDbTarget *target)
{
    g_free (target->path);
    g_free (target->user);
    kn_secret_free (target->password);
    g_free (target->host);
    g_free (target->name);
    g_free (target->socket);
    g_free (target->tls_ca);
    *target = (KnDbTarget){ .path = NULL };
}

static void
registry_clear (gpointer data)
{
    KnDbRegistry *registry = data;

    g_ptr_array_unref (registry->connections);
    g_mutex_clear (&registry->lock);
    g_mutex_clear (&registry->writer_lock);
    g_cond_clear (&registry->writer_free);
}

static KnDbRegistry *
registry_new (void)
{
    KnDbRegistry *registry = g_atomic_rc_box_new0 (KnDbRegistry);

    g_mutex_init (&registry->lock);
    g_mutex_init (&registry->writer_lock);
    g_cond_init (&registry->writer_free);
    registry->connections = g_ptr_array_new ();
    return registry;
}

static void
rows_destroy (gpointer data)
{
    KnRows *rows = data;

    rows->db->ops->finalize (g_steal_pointer (&rows->handle));
    /* A reader that still holds the rows frees them. */
    if (!rows->open)
        g_free (rows);
}

/* Closes the engine's side. Needs the registry's lock once other threads can know @db. */
static void
disconnect (KnDb *db)
{
    g_clear_pointer (&db->prepared, g_hash_table_destroy);
    if (db->conn)
        db->ops->close (g_steal_pointer (&db->conn));
}

static bool
reconnect (KnDb *db, GError **error)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&db->registry->lock);

    disconnect (db);
    db->relaxed = false;
    if (db->registry->closed) {
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "the database is closed");
        return false;
    }
    db->conn = db->ops->open (db->target, error);
    if (!db->conn)
        return false;
    db->prepared = g_hash_table_new_full (NULL, NULL, NULL, rows_destroy);
    return true;
}

bool
kn_db_relax (KnDb *db, GError **error)
{
    g_assert (db->depth == 0);
    if (db->relaxed || !db->ops->relax)
        return true;
    db->relaxed = kn_db_ensure (db, error) && db->ops->command (db->conn, db->ops->relax, error);
    return db->relaxed;
}

bool
kn_db_ensure (KnDb *db, GError **error)
{
    if (db->conn && (db->depth > 0 || (!db->conn->lost && db->ops->alive (db->conn))))
        return true;
    return reconnect (db, error);
}

KnDb *
kn_db_open (const KnDbPool *pool, GError **error)
{
    KnDb *db = g_new (KnDb, 1);

    *db = (KnDb){ .ops = pool->ops,
                  .registry = g_atomic_rc_box_acquire (pool->registry),
                  .target = &pool->target };
    if (!reconnect (db, error)) {
        kn_db_close (db);
        return NULL;
    }
    return db;
}

void
kn_db_close (KnDb *db)
{
    if (!db)
        return;
    g_mutex_lock (&db->registry->lock);
    disconnect (db);
    (void)g_ptr_array_remove_fast (db->registry->connections, db);
    g_mutex_unlock (&db->registry->lock);
    g_atomic_rc_box_release_full (db->registry, registry_clear);
    g_free (db);
}

static void
close_thread_connections (gpointer data)
{
    g_ptr_array_unref (data);
}

/* This thread's connections, one for each pool. */
static GPrivate thread_connections = G_PRIVATE_INIT (close_thread_connections);

static GPtrArray *
connections_of_thread (void)
{
    GPtrArray *connections = g_private_get (&thread_connections);

    if (!connections) {
        connections = g_ptr_array_new_with_free_func ((GDestroyNotify)kn_db_close);
        g_private_set (&thread_connections, connections);
    }
    return connections;
}

static bool
is_closed (KnDb *db)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&db->registry->lock);

    return db->registry->closed;
}

/* Lets go of what belonged to pools that are closed by now. */
static void
forget_closed (GPtrArray *connections)
{
    for (guint i = connections->len; i > 0; i--)
        if (is_closed (g_ptr_array_index (connections, i - 1)))
            (void)g_ptr_array_remove_index_fast (connections, i - 1);
}

KnDb *
kn_db_thread (KnDbPool *pool, GError **error)
{
    GPtrArray *connections = connections_of_thread ();
    KnDb *db;

    for (guint i = 0; i < connections->len; i++) {
        db = g_ptr_array_index (connections, i);
        if (db->registry == pool->registry)
            return db;
    }
    forget_closed (connections);
    db = kn_db_open (pool, error);
    if (!db)
        return NULL;
    g_ptr_array_add (connections, db);
    g_mutex_lock (&pool->registry->lock);
    g_ptr_array_add (pool->registry->connections, db);
    g_mutex_unlock (&pool->registry->lock);
    return db;
}

static KnDbPool *
pool_new (const char *url, GError **error)
{
    KnDbTarget target;

    if (!kn_db_target_parse (url, &target, error))
        return NULL;

    KnDbPool *pool = g_new (KnDbPool, 1);

    *pool = (KnDbPool){ .ops = target.path ? &kn_db_sqlite : &kn_db_mariadb,
                        .target = target,
                        .registry = registry_new () };
    return pool;
}

KnDbPool *
kn_db_pool_open_with (const char *url, const KnMigration *migrations, const char *backup_dir,
                      GError **error)
{
    g_autoptr (KnDbPool) pool = pool_new (url, error);
    KnDb *db = pool ? kn_db_thread (pool, error) : NULL;

    if (!db || !kn_db_migrate (db, migrations, backup_dir, error))
        return NULL;
    return g_steal_pointer (&pool);
}

static KnDbPool *
attach (const char *url, bool foreign, GError **error)
{
    g_autoptr (KnDbPool) pool = pool_new (url, error);

    if (!pool)
        return NULL;
    pool->target.foreign = foreign;
    if (pool->target.path && !g_file_test (pool->target.path, G_FILE_TEST_EXISTS)) {
        kn_error_set (error, KN_ERROR_NOT_FOUND, "there is no database '%s'", pool->target.path);
        return NULL;
    }
    return kn_db_thread (pool, error) ? g_steal_pointer (&pool) : NULL;
}

KnDbPool *
kn_db_pool_attach (const char *url, GError **error)
{
    return attach (url, false, error);
}

KnDbPool *
kn_db_pool_attach_foreign (const char *url, GError **error)
{
    return attach (url, true, error);
}

KnDbPool *
kn_db_pool_open (const char *url, const char *backup_dir, GError **error)
{
    return kn_db_pool_open_with (url, kn_db_migrations, backup_dir, error);
}

void
kn_db_pool_close (KnDbPool *pool)
{
    if (!pool)
        return;
    g_mutex_lock (&pool->registry->lock);
    pool->registry->closed = true;
    for (guint i = 0; i < pool->registry->connections->len; i++)
        disconnect (g_ptr_array_index (pool->registry->connections, i));
    g_mutex_unlock (&pool->registry->lock);
    g_atomic_rc_box_release_full (pool->registry, registry_clear);
    kn_db_target_clear (&pool->target);
    g_free (pool);
}

bool
kn_db_pool_is_sqlite (const KnDbPool *pool)
{
    return pool->ops == &kn_db_sqlite;
}
