/* SPDX-License-Identifier: Apache-2.0 */
/* Options from one table: INI file, environment, flags. */
#include "base/config.h"

#include "base/error.h"
#include "base/util.h"

#include <string.h>

struct KnConfig {
    const KnOption *options;
    gsize n_options;
    char **values; /* one for each option */
};

static char *
dup_name (const KnOption *option)
{
    return g_strdup_printf ("%s.%s", option->section, option->key);
}

/* "--api-listen", with `_` as `-`. */
static char *
dup_long_flag (const KnOption *option)
{
    char *flag = g_strdup_printf ("--%s-%s", option->section, option->key);

    return g_strdelimit (flag, "_", '-');
}

/* "KILONOVA_" and @text in capitals, with anything else as `_`. */
static char *
dup_variable (const char *text)
{
    g_autofree char *upper = g_ascii_strup (text, -1);

    return g_strconcat ("KILONOVA_", g_strdelimit (upper, "-.", '_'), NULL);
}

static bool
check_choice (const KnOption *option, const char *value)
{
    return g_strv_contains (option->choices, value);
}

/* Errors name the option, where the value came from and what is allowed. */
static bool
check_value (const KnOption *option, const char *value, const char *origin, GError **error)
{
    gint64 number;
    bool flag;

    if (option->type == KN_OPTION_INT && !kn_parse_int (value, option->min, option->max, &number)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "%s: '%s' is not a whole number from %" G_GINT64_FORMAT
                         " to %" G_GINT64_FORMAT "%s%s",
                         origin, value, option->min, option->max, option->unit ? " " : "",
                         option->unit ? option->unit : "");
        return false;
    }
    if (option->type == KN_OPTION_BOOL && !kn_parse_bool (value, &flag)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "%s: '%s' is neither true nor false", origin,
                         value);
        return false;
    }
    if (option->type == KN_OPTION_ENUM && !check_choice (option, value)) {
        g_autofree char *allowed = g_strjoinv (", ", (char **)option->choices);

        kn_error_public (error, KN_ERROR_BAD_REQUEST, "%s: '%s' is not one of: %s", origin, value,
                         allowed);
        return false;
    }
    return true;
}

static bool
set_value (KnConfig *config, gsize index, const char *value, const char *origin, GError **error)
{
    if (!check_value (&config->options[index], value, origin, error))
        return false;
    g_free (config->values[index]);
    config->values[index] = g_strdup (value);
    return true;
}

static bool
find_option (const KnConfig *config, const char *section, const char *key, gsize *out_index)
{
    for (gsize i = 0; i < config->n_options; i++) {
        if (strcmp (config->options[i].section, section) == 0
            && strcmp (config->options[i].key, key) == 0) {
            *out_index = i;
            return true;
        }
    }
    return false;
}

static bool
read_section (KnConfig *config, GKeyFile *file, const char *path, const char *section,
              GError **error)
{
    g_auto (GStrv) keys = g_key_file_get_keys (file, section, NULL, NULL);

    for (char **key = keys; key && *key; key++) {
        g_autofree char *value = g_key_file_get_string (file, section, *key, NULL);
        g_autofree char *origin = g_strdup_printf ("%s: [%s] %s", path, section, *key);
        gsize index;

        if (!find_option (config, section, *key, &index)) {
            kn_error_public (error, KN_ERROR_BAD_REQUEST,
                             "%s: there is no such option; see kilonova serve --help", origin);
            return false;
        }
        if (!set_value (config, index, value ? value : "", origin, error))
            return false;
    }
    return true;
}

static bool
read_file (KnConfig *config, const char *path, GError **error)
{
    g_autoptr (GKeyFile) file = g_key_file_new ();
    g_autoptr (GError) local = NULL;

    if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &local)) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "%s: %s", path, local->message);
        return false;
    }

    g_auto (GStrv) sections = g_key_file_get_groups (file, NULL);
    for (char **section = sections; *section; section++) {
        if (!read_section (config, file, path, *section, error))
            return false;
    }
    return true;
}

static bool
read_variable (KnConfig *config, gsize index, const char *name, GError **error)
{
    g_autofree char *variable = dup_variable (name);
    const char *value = g_getenv (variable);

    return !value || set_value (config, index, value, variable, error);
}

static bool
read_environment (KnConfig *config, GError **error)
{
    for (gsize i = 0; i < config->n_options; i++) {
        const KnOption *option = &config->options[i];
        g_autofree char *name = dup_name (option);

        if (option->flag && !read_variable (config, i, option->flag, error))
            return false;
        if (!read_variable (config, i, name, error))
            return false;
    }
    return true;
}

/* Whether @arg is this flag; *@out_value is what stands after '=' or NULL. */
static bool
match_flag (const KnOption *option, const char *arg, const char **out_value)
{
    g_autofree char *name = dup_long_flag (option);
    g_autofree char *common = option->flag ? g_strconcat ("--", option->flag, NULL) : NULL;
    const char *candidates[] = { name, common };

    for (guint i = 0; i < G_N_ELEMENTS (candidates); i++) {
        gsize len = candidates[i] ? strlen (candidates[i]) : 0;

        if (len > 0 && strncmp (arg, candidates[i], len) == 0
            && (arg[len] == '\0' || arg[len] == '=')) {
            *out_value = arg[len] == '=' ? arg + len + 1 : NULL;
            return true;
        }
    }
    return false;
}

static bool
find_flag (const KnConfig *config, const char *arg, gsize *out_index, const char **out_value)
{
    for (gsize i = 0; i < config->n_options; i++) {
        if (match_flag (&config->options[i], arg, out_value)) {
            *out_index = i;
            return true;
        }
    }
    return false;
}

/* Takes known flags out of @argv; unknown words stay, in order. */
static bool
read_flags (KnConfig *config, int *argc, char **argv, GError **error)
{
    int kept = 1;

    for (int i = 1; i < *argc; i++) {
        const char *flag = argv[i], *value = NULL;
        gsize index;

        if (!find_flag (config, flag, &index, &value)) {
            argv[kept++] = argv[i];
            continue;
        }
        if (!value && config->options[index].type == KN_OPTION_BOOL)
            value = "true";
        if (!value && i + 1 < *argc)
            value = argv[++i];
        if (!value) {
            kn_error_public (error, KN_ERROR_BAD_REQUEST, "%s wants a value", flag);
            return false;
        }
        if (!set_value (config, index, value, flag, error))
            return false;
    }
    argv[kept] = NULL;
    *argc = kept;
    return true;
}

/* The file named by --config (taken out of @argv) or KILONOVA_CONFIG. */
static char *
take_config_path (int *argc, char **argv)
{
    for (int i = 1; i < *argc; i++) {
        bool joined = g_str_has_prefix (argv[i], "--config=");
        int words = joined ? 1 : 2;

        if (!joined && (strcmp (argv[i], "--config") != 0 || i + 1 >= *argc))
            continue;
        char *path = g_strdup (joined ? argv[i] + strlen ("--config=") : argv[i + 1]);
        memmove (&argv[i], &argv[i + words], (gsize)(*argc - i - words + 1) * sizeof (char *));
        *argc -= words;
        return path;
    }
    return g_strdup (g_getenv ("KILONOVA_CONFIG"));
}

KnConfig *
kn_config_load (const KnOption *options, gsize n_options, const char *default_file, int *argc,
                char **argv, GError **error)
{
    g_autoptr (KnConfig) config = g_new0 (KnConfig, 1);
    g_autofree char *path = take_config_path (argc, argv);

    config->options = options;
    config->n_options = n_options;
    config->values = g_new0 (char *, n_options + 1);
    for (gsize i = 0; i < n_options; i++)
        config->values[i] = g_strdup (options[i].value);

    if (!path && default_file && g_file_test (default_file, G_FILE_TEST_EXISTS))
        path = g_strdup (default_file);
    if (path && !read_file (config, path, error))
        return NULL;
    if (!read_environment (config, error) || !read_flags (config, argc, argv, error))
        return NULL;
    return g_steal_pointer (&config);
}

void
kn_config_free (KnConfig *config)
{
    if (!config)
        return;
    for (gsize i = 0; config->values && i < config->n_options; i++)
        g_free (config->values[i]);
    g_free (config->values);
    g_free (config);
}

static const char *
get_value (const KnConfig *config, const char *name, KnOptionType type)
{
    g_auto (GStrv) parts = g_strsplit (name, ".", 2);
    gsize index = 0;
    bool known = parts[0] && parts[1] && find_option (config, parts[0], parts[1], &index);

    g_assert (known && (type == KN_OPTION_STRING || config->options[index].type == type));
    return config->values[index];
}

const char *
kn_config_string (const KnConfig *config, const char *name)
{
    return get_value (config, name, KN_OPTION_STRING);
}

gint64
kn_config_int (const KnConfig *config, const char *name)
{
    return g_ascii_strtoll (get_value (config, name, KN_OPTION_INT), NULL, 10);
}

bool
kn_config_bool (const KnConfig *config, const char *name)
{
    bool value = false;

    (void)kn_parse_bool (get_value (config, name, KN_OPTION_BOOL), &value);
    return value;
}

/* "one of a, b", "1..60 seconds", or "". */
static char *
dup_allowed (const KnOption *option)
{
    g_autofree char *choices = NULL;

    if (option->type == KN_OPTION_ENUM) {
        choices = g_strjoinv (", ", (char **)option->choices);
        return g_strconcat ("one of ", choices, NULL);
    }
    if (option->type == KN_OPTION_INT)
        return g_strdup_printf ("%" G_GINT64_FORMAT "..%" G_GINT64_FORMAT "%s%s", option->min,
                                option->max, option->unit ? " " : "",
                                option->unit ? option->unit : "");
    return g_strdup (option->type == KN_OPTION_BOOL ? "true or false" : "");
}

static void
append_details (GString *text, const KnOption *option)
{
    g_autofree char *allowed = dup_allowed (option);

    if (*allowed != '\0')
        g_string_append_printf (text, " (%s)", allowed);
    if (option->value && *option->value != '\0')
        g_string_append_printf (text, " [%s]", option->value);
}

char *
kn_config_format_help (const KnOption *options, gsize n_options)
{
    GString *text = g_string_new ("  --config FILE\n        INI file with these options\n");

    for (gsize i = 0; i < n_options; i++) {
        g_autofree char *flag = dup_long_flag (&options[i]);

        if (options[i].flag)
            g_string_append_printf (text, "  --%s, %s\n        %s", options[i].flag, flag,
                                    options[i].help);
        else
            g_string_append_printf (text, "  %s\n        %s", flag, options[i].help);
        append_details (text, &options[i]);
        g_string_append_c (text, '\n');
    }
    return g_string_free (text, FALSE);
}

char *
kn_config_format_sample (const KnOption *options, gsize n_options)
{
    GString *text = g_string_new ("# Kilonova: every option with its default.\n");
    const char *section = "";

    for (gsize i = 0; i < n_options; i++) {
        if (strcmp (section, options[i].section) != 0)
            g_string_append_printf (text, "\n[%s]\n", options[i].section);
        section = options[i].section;
        g_autofree char *allowed = dup_allowed (&options[i]);
        g_string_append_printf (text, "# %s%s%s%s\n#%s = %s\n", options[i].help,
                                *allowed ? " (" : "", allowed, *allowed ? ")" : "", options[i].key,
                                options[i].value ? options[i].value : "");
    }
    return g_string_free (text, FALSE);
}

char *
kn_config_format_manual (const KnOption *options, gsize n_options)
{
    GString *text = g_string_new (
        ".TH KILONOVA 8\n.SH NAME\nkilonova \\- virtual machines with the OpenStack APIs\n"
        ".SH SYNOPSIS\n.B kilonova serve\n[\\fIoptions\\fR]\n.SH OPTIONS\n"
        "Each option is a flag, a key of the INI file and an environment variable.\n");

    for (gsize i = 0; i < n_options; i++) {
        g_autofree char *flag = dup_long_flag (&options[i]);
        g_autofree char *name = dup_name (&options[i]);
        g_autofree char *variable = dup_variable (name);
        g_auto (GStrv) dashes = g_strsplit (flag, "-", -1);
        g_autofree char *escaped = g_strjoinv ("\\-", dashes);

        g_string_append_printf (text, ".TP\n.BR %s\n%s", escaped, options[i].help);
        append_details (text, &options[i]);
        g_string_append_printf (text, "\n.br\nINI [%s] %s, variable %s\n", options[i].section,
                                options[i].key, variable);
    }
    return g_string_free (text, FALSE);
}
