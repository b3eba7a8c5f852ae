/* SPDX-License-Identifier: Apache-2.0 */
/* kilonova passwd: sets a user's password in the database, for an operator who is locked out. */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/error.h"
#include "base/util.h"
#include "cmd/args.h"
#include "cmd/cmd.h"
#include "db/tools.h"
#include "identity/identity.h"

#define USAGE "USER [--domain NAME] [--password-file FILE] [--data DIR | --db URL]"
#define MAX_PASSWORD 1024

/* One line without its end, echo off on a terminal; NULL: none. */
static char *
read_line (const char *prompt)
{
    char line[MAX_PASSWORD + 2] = "";
    struct termios before;
    bool tty = tcgetattr (STDIN_FILENO, &before) == 0;

    if (tty) {
        struct termios quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        (void)fputs (prompt, stderr);
        (void)tcsetattr (STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    const char *got = fgets (line, sizeof line, stdin);
    if (tty) {
        (void)tcsetattr (STDIN_FILENO, TCSAFLUSH, &before);
        (void)fputc ('\n', stderr);
    }
    if (!got)
        return NULL;
    line[strcspn (line, "\r\n")] = '\0';
    char *password = g_strdup (line);
    explicit_bzero (line, sizeof line);
    return password;
}

static char *
read_password (const char *file, GError **error)
{
    if (file) {
        kn_autosecret text = kn_file_read (file, MAX_PASSWORD, NULL, error);
        if (!text)
            return NULL;
        text[strcspn (text, "\r\n")] = '\0';
        return g_strdup (text);
    }
    kn_autosecret first = read_line ("New password: ");
    if (!first || !isatty (STDIN_FILENO))
        return g_strdup (first ? first : "");

    kn_autosecret second = read_line ("Again: ");
    if (g_strcmp0 (first, second) == 0)
        return g_strdup (first);
    kn_error_set (error, KN_ERROR_BAD_REQUEST, "the two passwords differ");
    return NULL;
}

static bool
set_password (const char *url, const char *user, const char *domain, const char *file,
              GError **error)
{
    g_autoptr (KnDbPool) pool = kn_db_pool_attach (url, error);
    KnDb *db = pool ? kn_db_thread (pool, error) : NULL;

    if (!db || !kn_db_check_version (db, error))
        return false;
    kn_autosecret password = read_password (file, error);
    if (!password)
        return false;
    if (!*password) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST, "an empty password is not taken");
        return false;
    }
    return kn_identity_set_password (db, user, domain, password, error);
}

int
kn_cmd_passwd (int argc, char **argv)
{
    g_autoptr (GError) error = NULL;
    const char *domain = "default", *file = NULL;

    if (!kn_args_take (&argc, argv, "--domain", &domain, &error)
        || !kn_args_take (&argc, argv, "--password-file", &file, &error))
        return kn_args_fail ("passwd", USAGE, error);
    g_autoptr (KnConfig) config = kn_cmd_load_config (&argc, argv);
    if (!config)
        return 2;
    if (!kn_args_check (argc, argv, 1, 1, &error))
        return kn_args_fail ("passwd", USAGE, error);

    g_autofree char *url = kn_cmd_database_url (config);
    if (!set_password (url, argv[1], domain, file, &error))
        return kn_cmd_fail (error);
    (void)printf ("the password of '%s' is changed and its tokens are revoked; openrc and "
                  "clouds.yaml still have the old one\n",
                  argv[1]);
    return 0;
}
