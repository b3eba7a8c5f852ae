/* SPDX-License-Identifier: Apache-2.0 */
/* Options from one table: INI file, flags and environment; the same table prints help, manual and sample file. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum {
    KN_OPTION_STRING,
    KN_OPTION_INT,
    KN_OPTION_BOOL,
    KN_OPTION_ENUM,
    KN_OPTION_PATH,
    KN_OPTION_N
} KnOptionType;

typedef struct {
    const char *section; /* INI section: "api" */
    const char
        *key; /* INI key: "listen"; the flag is --api-listen, the variable KILONOVA_API_LISTEN */
    const char *
        flag; /* short common flag without section: "listen" for --listen (and KILONOVA_LISTEN), or NULL */
    KnOptionType type;
    const char *value;          /* the default as text */
    gint64 min, max;            /* for INT */
    const char *unit;           /* "seconds", "MiB" or NULL */
    const char *const *choices; /* for ENUM, NULL-terminated */
    const char *help;           /* one line */
} KnOption;

typedef struct KnConfig KnConfig;

/* Reads, in rising precedence: defaults, the INI file (--config FILE, KILONOVA_CONFIG, or @default_file if it exists),
 * environment, flags in @argv. Parsed flags are removed from @argv; what remains is for the caller. @options must outlive the result.
 * Errors: BAD_REQUEST naming the option, where it came from and what is allowed. */
KnConfig *kn_config_load (const KnOption *options, gsize n_options, const char *default_file,
                          int *argc, char **argv, GError **error);
void kn_config_free (KnConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnConfig, kn_config_free)

/* Values by "section.key"; asking for a key that is not in the table or of another type is our mistake (assert). Borrowed. */
const char *kn_config_string (const KnConfig *config, const char *name);
gint64 kn_config_int (const KnConfig *config, const char *name);
bool kn_config_bool (const KnConfig *config, const char *name);

/* Text made from the table; caller frees. */
char *kn_config_format_help (const KnOption *options, gsize n_options);
char *kn_config_format_sample (const KnOption *options, gsize n_options);
char *kn_config_format_manual (const KnOption *options, gsize n_options);
