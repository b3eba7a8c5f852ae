/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a mariadbd without system tables, which is up in a fraction of a second. */
#include "scratch_mariadb.h"

#include <glib/gstdio.h>
#include <mysql.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_DEADLINE_S 40

struct KnScratchMariadb {
    char *folder, *socket;
    pid_t pid;
    guint databases;
};

static void
die_with_parent (gpointer data)
{
    (void)data;
    (void)prctl (PR_SET_PDEATHSIG, SIGKILL);
}

static MYSQL *
connect_socket (const char *socket)
{
    MYSQL *mysql = mysql_init (NULL);

    if (mysql_real_connect (mysql, NULL, "root", NULL, NULL, 0, socket, 0))
        return mysql;
    mysql_close (mysql);
    return NULL;
}

static void
wait_until_ready (const KnScratchMariadb *server)
{
    gint64 deadline = g_get_monotonic_time () + START_DEADLINE_S * G_TIME_SPAN_SECOND;
    MYSQL *mysql;

    while (!(mysql = connect_socket (server->socket))) {
        g_assert_cmpint (g_get_monotonic_time (), <, deadline);
        g_assert_cmpint (waitpid (server->pid, NULL, WNOHANG), ==, 0);
        (void)g_poll (NULL, 0, 20);
    }
    mysql_close (mysql);
}

KnScratchMariadb *
kn_scratch_mariadb_start (void)
{
    g_autofree char *program = g_find_program_in_path ("mariadbd");
    g_autoptr (GError) error = NULL;
    KnScratchMariadb *server;

    if (!program && g_file_test ("/usr/sbin/mariadbd", G_FILE_TEST_IS_EXECUTABLE))
        program = g_strdup ("/usr/sbin/mariadbd");
    if (!program)
        return NULL;
    server = g_new0 (KnScratchMariadb, 1);
    server->folder = g_dir_make_tmp ("kn-mariadb-XXXXXX", &error);
    g_assert_no_error (error);
    server->socket = g_build_filename (server->folder, "socket", NULL);

    g_autofree char *datadir = g_strdup_printf ("--datadir=%s", server->folder);
    g_autofree char *socket = g_strdup_printf ("--socket=%s", server->socket);
    g_autofree char *pid_file = g_strdup_printf ("--pid-file=%s/pid", server->folder);
    g_autofree char *user = g_strdup_printf ("--user=%s", g_get_user_name ());
    const char *const argv[] = { program,
                                 "--no-defaults",
                                 datadir,
                                 socket,
                                 pid_file,
                                 user,
                                 "--skip-networking",
                                 "--skip-grant-tables",
                                 "--innodb-buffer-pool-size=8M",
                                 "--innodb-log-file-size=4M",
                                 "--innodb-flush-log-at-trx-commit=0",
                                 "--performance-schema=OFF",
                                 NULL };

    (void)g_spawn_async (NULL, (char **)argv, NULL,
                         G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL
                             | G_SPAWN_STDERR_TO_DEV_NULL,
                         die_with_parent, NULL, &server->pid, &error);
    g_assert_no_error (error);
    wait_until_ready (server);
    return server;
}

void
kn_scratch_remove (const char *folder)
{
    g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name (dir))) {
        g_autofree char *path = g_build_filename (folder, name, NULL);

        if (g_file_test (path, G_FILE_TEST_IS_DIR) && !g_file_test (path, G_FILE_TEST_IS_SYMLINK))
            kn_scratch_remove (path);
        else
            (void)g_unlink (path);
    }
    (void)g_rmdir (folder);
}

void
kn_scratch_mariadb_stop (KnScratchMariadb *server)
{
    if (!server)
        return;
    g_assert_cmpint (kill (server->pid, SIGKILL), ==, 0);
    g_assert_cmpint (waitpid (server->pid, NULL, 0), ==, server->pid);
    kn_scratch_remove (server->folder);
    g_free (server->folder);
    g_free (server->socket);
    g_free (server);
}

char *
kn_scratch_mariadb_url (KnScratchMariadb *server)
{
    guint number = ++server->databases;
    g_autofree char *sql = g_strdup_printf ("CREATE DATABASE kn%u", number);
    MYSQL *mysql = connect_socket (server->socket);

    g_assert_nonnull (mysql);
    g_assert_cmpint (mysql_query (mysql, sql), ==, 0);
    mysql_close (mysql);
    return g_strdup_printf ("mariadb:///kn%u?socket=%s&user=root", number, server->socket);
}

void
kn_scratch_mariadb_kick (KnScratchMariadb *server)
{
    MYSQL *mysql = connect_socket (server->socket);
    unsigned long own = mysql_thread_id (mysql);
    MYSQL_RES *result = mysql_list_processes (mysql);
    MYSQL_ROW row;

    while ((row = mysql_fetch_row (result))) {
        unsigned long id = strtoul (row[0], NULL, 10);

        if (id != own)
            (void)mysql_kill (mysql, id);
    }
    mysql_free_result (result);
    mysql_close (mysql);
}
