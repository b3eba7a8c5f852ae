/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands; one file each. All return an exit status. */
#pragma once

#include "base/config.h"

typedef struct {
    const char *name;
    int (*run) (int argc, char **argv); /* argv[0] is the command's name */
    const char *usage;                  /* arguments after the name */
    const char *help;                   /* one line */
} KnCommand;

/* The options of `kilonova serve`, which other commands read too. */
extern const KnOption kn_options[];
extern const gsize kn_n_options;

/* Where the options' file is looked for when none is named. */
#define KN_CONFIG_FILE "/etc/kilonova/kilonova.conf"

/* Loads the options; on error prints it and returns NULL. */
KnConfig *kn_cmd_load_config (int *argc, char **argv);

/* The database URL: [db] url, otherwise the SQLite file in the data folder. Caller frees. */
char *kn_cmd_database_url (const KnConfig *config);

/* Prints "kilonova: <message>" on stderr and returns 1. */
int kn_cmd_fail (const GError *error);

int kn_cmd_serve (int argc, char **argv);
int kn_cmd_guest_xml (int argc, char **argv);
int kn_cmd_server (int argc, char **argv);
int kn_cmd_explain (int argc, char **argv);
int kn_cmd_clock (int argc, char **argv);
int kn_cmd_passwd (int argc, char **argv);
int kn_cmd_doctor (int argc, char **argv);
int kn_cmd_repair (int argc, char **argv);
int kn_cmd_db (int argc, char **argv);
int kn_cmd_inspect (int argc, char **argv);
