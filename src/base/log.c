/* SPDX-License-Identifier: Apache-2.0 */
/* Structured log lines on stderr. */
#include "base/log.h"

#include "base/time.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static const char *const level_names[] = {
    [KN_LOG_ERROR] = "error",
    [KN_LOG_WARNING] = "warning",
    [KN_LOG_INFO] = "info",
    [KN_LOG_DEBUG] = "debug",
};
G_STATIC_ASSERT (G_N_ELEMENTS (level_names) == KN_LOG_N);

static int log_level = KN_LOG_INFO;

void
kn_log_set_level (KnLogLevel level)
{
    g_atomic_int_set (&log_level, (int)level);
}

bool
kn_log_level_from_string (const char *name, KnLogLevel *out_level)
{
    for (guint i = 0; i < KN_LOG_N; i++) {
        if (strcmp (name, level_names[i]) == 0) {
            *out_level = (KnLogLevel)i;
            return true;
        }
    }
    return false;
}

/* Appends @value, quoted if a reader could not tell where it ends; control characters never reach the log as they are. */
static void
append_value (GString *line, const char *value)
{
    bool plain = *value != '\0';

    for (const char *c = value; plain && *c; c++)
        plain = g_ascii_isgraph (*c) && *c != '"' && *c != '=';
    if (plain) {
        g_string_append (line, value);
        return;
    }

    g_autofree char *escaped = g_strescape (value, NULL);
    g_string_append_printf (line, "\"%s\"", escaped);
}

void
kn_log (KnLogLevel level, const char *message, ...)
{
    char time[KN_TIME_TEXT_MAX];
    const char *key;
    va_list args;

    if ((int)level > g_atomic_int_get (&log_level))
        return;

    g_autoptr (GString) line = g_string_sized_new (160);
    g_string_append (line, kn_time_format (kn_time_now (), KN_TIME_MICROS, time));
    g_string_append_printf (line, " %s ", level_names[level]);
    g_string_append (line, message);
    va_start (args, message);
    while ((key = va_arg (args, const char *))) {
        const char *value = va_arg (args, const char *);

        if (!value)
            continue;
        g_string_append_printf (line, " %s=", key);
        append_value (line, value);
    }
    va_end (args);
    g_string_append_c (line, '\n');
    /* One write a line keeps lines of several threads apart; a full pipe or closed stderr is nobody's error. */
    ssize_t ignored = write (STDERR_FILENO, line->str, line->len);
    (void)ignored;
}
