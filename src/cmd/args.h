/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a command line: named ones are taken out, the rest stays in order. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Takes "--name VALUE" or "--name=VALUE" out of @argv; *@out_value stays as it is if it is not there. Errors: BAD_REQUEST. */
bool kn_args_take (int *argc, char **argv, const char *name, const char **out_value,
                   GError **error);

/* Takes the flag "--name" out of @argv; whether it was there. */
bool kn_args_take_flag (int *argc, char **argv, const char *name);

/* What remains are @min to @max words besides argv[0], none beginning with "--". Errors: BAD_REQUEST. */
bool kn_args_check (int argc, char **argv, int min, int max, GError **error);

/* Prints "kilonova <what>: <message>" and how it is used on stderr; returns 2. Of "--help" (an error of kn_args_check()) only how it
 * is used, on stdout; returns 0. */
int kn_args_fail (const char *what, const char *usage, const GError *error);

/* Columns of the terminal that standard output is (COLUMNS counts first); 0: it is none. */
guint kn_args_terminal_width (void);

/* Prints @text with control characters as '?': what a server says must not steer a terminal. */
void kn_args_print (const char *text);
