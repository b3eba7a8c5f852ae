/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a command line. */
#include "cmd/args.h"

#include "base/error.h"
#include "base/util.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_COLUMNS 1000

static void
drop (int *argc, char **argv, int at, int n)
{
    for (int i = at; i + n <= *argc; i++)
        argv[i] = i + n < *argc ? argv[i + n] : NULL;
    *argc -= n;
}

bool
kn_args_take (int *argc, char **argv, const char *name, const char **out_value, GError **error)
{
    gsize len = strlen (name);

    for (int i = 1; i < *argc; i++) {
        if (strncmp (argv[i], name, len) != 0 || (argv[i][len] != '=' && argv[i][len] != '\0'))
            continue;
        if (argv[i][len] == '=') {
            *out_value = argv[i] + len + 1;
            drop (argc, argv, i, 1);
            return true;
        }
        if (i + 1 >= *argc) {
            kn_error_set (error, KN_ERROR_BAD_REQUEST, "%s needs a value", name);
            return false;
        }
        *out_value = argv[i + 1];
        drop (argc, argv, i, 2);
        return true;
    }
    return true;
}

bool
kn_args_take_flag (int *argc, char **argv, const char *name)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp (argv[i], name) != 0)
            continue;
        drop (argc, argv, i, 1);
        return true;
    }
    return false;
}

static const char asked_for_help[] = "help is asked for";

bool
kn_args_check (int argc, char **argv, int min, int max, GError **error)
{
    for (int i = 1; i < argc; i++) {
        if (!g_str_has_prefix (argv[i], "--"))
            continue;
        if (strcmp (argv[i], "--help") == 0) {
            kn_error_set (error, KN_ERROR_BAD_REQUEST, "%s", asked_for_help);
            return false;
        }
        kn_error_set (error, KN_ERROR_BAD_REQUEST, "there is no option '%s'", argv[i]);
        return false;
    }
    if (argc - 1 >= min && argc - 1 <= max)
        return true;
    kn_error_set (error, KN_ERROR_BAD_REQUEST, "%s",
                  argc - 1 < min ? "something is missing" : "that is too much");
    return false;
}

int
kn_args_fail (const char *what, const char *usage, const GError *error)
{
    if (strcmp (error->message, asked_for_help) == 0) {
        (void)printf ("usage: kilonova %s %s\n", what, usage);
        return 0;
    }
    (void)fprintf (stderr, "kilonova %s: %s\nusage: kilonova %s %s\n", what, error->message, what,
                   usage);
    return 2;
}

guint
kn_args_terminal_width (void)
{
    const char *said = g_getenv ("COLUMNS");
    struct winsize size = { 0 };
    gint64 columns = 0;

    if (!isatty (STDOUT_FILENO))
        return 0;
    if (said && kn_parse_int (said, 1, MAX_COLUMNS, &columns))
        return (guint)columns;
    if (ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return MIN (size.ws_col, MAX_COLUMNS);
}

void
kn_args_print (const char *text)
{
    for (const char *p = text; *p; p++)
        (void)putchar ((guchar)*p < ' ' || *p == 127 ? '?' : *p);
}
