/* SPDX-License-Identifier: Apache-2.0 */
/* Table of subcommands. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

static int cmd_help (int argc, char **argv);

static int
cmd_version (int argc, char **argv)
{
    (void)puts ("kilonova " KN_VERSION);
    return 0;
}

static int
print_config_text (char *(*format) (const KnOption *options, gsize n_options))
{
    g_autofree char *text = format (kn_options, kn_n_options);

    (void)fputs (text, stdout);
    return 0;
}

static int
cmd_sample_config (int argc, char **argv)
{
    return print_config_text (kn_config_format_sample);
}

static int
cmd_manual (int argc, char **argv)
{
    return print_config_text (kn_config_format_manual);
}

static const KnCommand commands[] = {
    { "serve", kn_cmd_serve, "[options]", "run the cloud" },
    { "server", kn_cmd_server, "properties|set|upgrade-profile SERVER …",
      "print or set what shapes a server's guest" },
    { "explain", kn_cmd_explain, "SERVER [PART] [--diff]",
      "print every decision about a guest with its reason" },
    { "doctor", kn_cmd_doctor, "--own | --libvirt URI | --nova-db URL",
      "find what is wrong in guests that exist, and say what to do" },
    { "repair", kn_cmd_repair, "[--plan | --apply | --undo ID] …",
      "do what the doctor advises, and undo it" },
    { "clock", kn_cmd_clock, "[SERVER|--all|--hosts] …",
      "print how wrong the clocks of guests and hosts are" },
    { "inspect", kn_cmd_inspect, "IMAGE|FILE [--json]", "say what operating system is in a disk" },
    { "passwd", kn_cmd_passwd, "USER [--domain NAME]", "set a user's password in the database" },
    { "db", kn_cmd_db, "version|backup FILE|check", "the database's version, a copy, a check" },
    { "guest-xml", kn_cmd_guest_xml, "CASE [--profile NAME] [--explain]",
      "plan the guest of a case file and print its domain XML" },
    { "sample-config", cmd_sample_config, "", "print a configuration file with every option" },
    { "manual", cmd_manual, "", "print the manual page (troff)" },
    { "version", cmd_version, "", "print the version" },
    { "help", cmd_help, "", "print this" },
};

static int
cmd_help (int argc, char **argv)
{
    (void)puts ("usage: kilonova COMMAND [arguments]\n");
    for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
        (void)printf ("  %-14s %-32s %s\n", commands[i].name, commands[i].usage, commands[i].help);
    (void)puts ("\nkilonova serve --help lists the options.");
    return 0;
}

static const KnCommand *
find_command (const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS (commands); i++) {
        if (strcmp (name, commands[i].name) == 0)
            return &commands[i];
    }
    return NULL;
}

int
main (int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "help";

    if (strcmp (name, "--help") == 0 || strcmp (name, "-h") == 0)
        name = "help";
    if (strcmp (name, "--version") == 0)
        name = "version";

    const KnCommand *command = find_command (name);
    if (!command) {
        (void)fprintf (stderr, "kilonova: there is no command '%s'; see kilonova help\n", name);
        return 2;
    }
    return argc > 1 ? command->run (argc - 1, argv + 1) : command->run (argc, argv);
}
