/* SPDX-License-Identifier: Apache-2.0 */
/* kilonova db: version, copy and check of the database, also beside a running server. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cmd/args.h"
#include "cmd/cmd.h"
#include "db/tools.h"

#define OPTIONS "[--data DIR | --db URL]"

typedef bool (*Verb) (KnDbPool *pool, const char *argument, int *out_status, GError **error);

static bool
db_version (KnDbPool *pool, const char *argument, int *out_status, GError **error)
{
    guint version = 0, known = 0;
    KnDb *db = kn_db_thread (pool, error);

    if (!db || !kn_db_load_version (db, &version, &known, error))
        return false;
    (void)printf ("database: %u\nprogram:  %u\n", version, known);
    *out_status = version == known ? 0 : 1;
    return true;
}

static bool
db_backup (KnDbPool *pool, const char *argument, int *out_status, GError **error)
{
    if (!kn_db_backup (pool, argument, error))
        return false;
    (void)printf ("copied to %s\n", argument);
    return true;
}

static bool
db_check (KnDbPool *pool, const char *argument, int *out_status, GError **error)
{
    g_autoptr (GPtrArray) problems = kn_db_check (pool, error);

    if (!problems)
        return false;
    for (guint i = 0; i < problems->len; i++)
        (void)printf ("%s\n", (const char *)problems->pdata[i]);
    if (problems->len == 0)
        (void)puts ("nothing is wrong");
    *out_status = problems->len > 0 ? 1 : 0;
    return true;
}

static const struct {
    const char *name;
    Verb run;
    int n_arguments;
    const char *usage;
} verbs[] = {
    { "version", db_version, 0, OPTIONS },
    { "backup", db_backup, 1, "FILE " OPTIONS },
    { "check", db_check, 0, OPTIONS },
};

static int
run_verb (gsize index, int argc, char **argv)
{
    g_autofree char *what = g_strdup_printf ("db %s", verbs[index].name);
    g_autoptr (GError) error = NULL;
    int status = 0;

    g_autoptr (KnConfig) config = kn_cmd_load_config (&argc, argv);
    if (!config)
        return 2;
    int n = verbs[index].n_arguments;
    if (!kn_args_check (argc, argv, n, n, &error))
        return kn_args_fail (what, verbs[index].usage, error);

    g_autofree char *url = kn_cmd_database_url (config);
    g_autoptr (KnDbPool) pool = kn_db_pool_attach (url, &error);
    if (!pool || !verbs[index].run (pool, n > 0 ? argv[1] : NULL, &status, &error))
        return kn_cmd_fail (error);
    return status;
}

int
kn_cmd_db (int argc, char **argv)
{
    for (gsize i = 0; argc > 1 && i < G_N_ELEMENTS (verbs); i++) {
        if (strcmp (argv[1], verbs[i].name) == 0)
            return run_verb (i, argc - 1, argv + 1);
    }
    (void)fputs ("usage:\n", stderr);
    for (gsize i = 0; i < G_N_ELEMENTS (verbs); i++)
        (void)fprintf (stderr, "  kilonova db %s %s\n", verbs[i].name, verbs[i].usage);
    return 2;
}
