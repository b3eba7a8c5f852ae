/* SPDX-License-Identifier: Apache-2.0 */
/* Structured log lines on stderr: time, level, message, then key=value pairs. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum { KN_LOG_ERROR, KN_LOG_WARNING, KN_LOG_INFO, KN_LOG_DEBUG, KN_LOG_N } KnLogLevel;

/* Sets the level below which lines are dropped; thread-safe. */
void kn_log_set_level (KnLogLevel level);
bool kn_log_level_from_string (const char *name, KnLogLevel *out_level);

/* Writes one line. The varargs are pairs of key and value strings ended by NULL; a NULL value is left out.
 * Never pass tokens, passwords, user data or whole bodies. Thread-safe. */
void kn_log (KnLogLevel level, const char *message, ...) G_GNUC_NULL_TERMINATED;
