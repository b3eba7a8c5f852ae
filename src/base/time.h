/* SPDX-License-Identifier: Apache-2.0 */
/* Times are microseconds since 1970 in UTC; four spellings of them are in use. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum {
    KN_TIME_DB,      /* 2023-11-14 22:13:20          Nova's columns */
    KN_TIME_SECONDS, /* 2023-11-14T22:13:20Z         Compute, Image, Network */
    KN_TIME_MICROS,  /* 2023-11-14T22:13:20.000000Z  Identity */
    KN_TIME_PLAIN, /* 2023-11-14T22:13:20.000000   Compute's instance actions, flavor and keypair times */
    KN_TIME_N
} KnTimeFormat;

#define KN_TIME_TEXT_MAX 32

gint64 kn_time_now (void);

/* Formats into @buffer (KN_TIME_TEXT_MAX bytes), returns it. */
const char *kn_time_format (gint64 time_us, KnTimeFormat format, char *buffer);

/* As above, newly allocated; NULL for @time_us 0, which stands for "never". */
char *kn_time_dup (gint64 time_us, KnTimeFormat format);

/* Reads any of the spellings, with or without fraction and Z, or with an offset. False: not a time. */
bool kn_time_parse (const char *text, gint64 *out_time_us);

/* Turns the database's spelling into @format without a detour for NULL (returns NULL); caller frees. */
char *kn_time_convert (const char *db_time, KnTimeFormat format);

/* Whether @name is a time zone that this machine's tzdata knows ("Asia/Shanghai"). Reads a file: worker threads only. */
bool kn_time_zone_exists (const char *name);
