/* SPDX-License-Identifier: Apache-2.0 */
/* JSON out: one growing buffer, a stack of open brackets as bits. */
#include "json/write.h"

#include "base/time.h"

#include <stdarg.h>
#include <string.h>

#define MAX_DEPTH 64
#define FIRST_SIZE 1024

struct KnJw {
    GString *text;
    guint depth;
    guint64 arrays; /* bit i: level i is an array */
    guint64 filled; /* bit i: level i has a member already */
    bool after_key;
};

KnJw *
kn_jw_new (void)
{
    KnJw *w = g_new0 (KnJw, 1);

    w->text = g_string_sized_new (FIRST_SIZE);
    return w;
}

void
kn_jw_free (KnJw *w)
{
    if (!w)
        return;
    if (w->text)
        g_string_free (w->text, TRUE);
    g_free (w);
}

char *
kn_jw_finish (KnJw *w, gsize *out_len)
{
    g_assert (w->depth == 0 && !w->after_key);
    if (out_len)
        *out_len = w->text->len;
    return g_string_free (g_steal_pointer (&w->text), FALSE);
}

static guint64
level_bit (const KnJw *w)
{
    return G_GUINT64_CONSTANT (1) << w->depth;
}

/* Writes the comma that a value or key needs, and notes that the level has a member. */
static void
separate (KnJw *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->filled & level_bit (w))
        g_string_append_c (w->text, ',');
    w->filled |= level_bit (w);
}

static void
begin (KnJw *w, char bracket)
{
    separate (w);
    g_string_append_c (w->text, bracket);
    g_assert (w->depth + 1 < MAX_DEPTH);
    w->depth++;
    w->filled &= ~level_bit (w);
    if (bracket == '[')
        w->arrays |= level_bit (w);
    else
        w->arrays &= ~level_bit (w);
}

void
kn_jw_object (KnJw *w)
{
    begin (w, '{');
}

void
kn_jw_array (KnJw *w)
{
    begin (w, '[');
}

void
kn_jw_end (KnJw *w)
{
    g_assert (w->depth > 0 && !w->after_key);
    g_string_append_c (w->text, w->arrays & level_bit (w) ? ']' : '}');
    w->depth--;
}

/* Bytes that cannot stand in a JSON string as they are. */
static bool
needs_escape (guchar c)
{
    return c < 0x20 || c == '"' || c == '\\' || c == 0x7f;
}

static void
append_escaped (GString *text, guchar c)
{
    switch (c) {
    case '"':
        g_string_append (text, "\\\"");
        break;
    case '\\':
        g_string_append (text, "\\\\");
        break;
    case '\n':
        g_string_append (text, "\\n");
        break;
    default:
        g_string_append_printf (text, "\\u%04x", c);
        break;
    }
}

static void
append_utf8 (GString *text, const char *value, gsize len)
{
    const char *run = value, *end = value + len;

    g_string_append_c (text, '"');
    for (const char *c = value; c < end; c++) {
        if (!needs_escape ((guchar)*c))
            continue;
        g_string_append_len (text, run, c - run);
        append_escaped (text, (guchar)*c);
        run = c + 1;
    }
    g_string_append_len (text, run, end - run);
    g_string_append_c (text, '"');
}

static bool
is_ascii (const char *value, gsize len)
{
    guchar bits = 0;

    for (gsize i = 0; i < len; i++)
        bits |= (guchar)value[i];
    return bits < 0x80;
}

static void
append_string (GString *text, const char *value)
{
    gsize len = strlen (value);

    if (is_ascii (value, len) || g_utf8_validate (value, (gssize)len, NULL)) {
        append_utf8 (text, value, len);
        return;
    }
    g_autofree char *valid = g_utf8_make_valid (value, (gssize)len);
    append_utf8 (text, valid, strlen (valid));
}

void
kn_jw_key (KnJw *w, const char *key)
{
    g_assert (!(w->arrays & level_bit (w)) && !w->after_key);
    separate (w);
    append_string (w->text, key);
    g_string_append_c (w->text, ':');
    w->after_key = true;
}

void
kn_jw_string (KnJw *w, const char *value)
{
    if (!value) {
        kn_jw_null (w);
        return;
    }
    separate (w);
    append_string (w->text, value);
}

void
kn_jw_int (KnJw *w, gint64 value)
{
    char digits[24];
    char *c = digits + sizeof digits;
    guint64 rest = value < 0 ? 0 - (guint64)value : (guint64)value;

    separate (w);
    do {
        *--c = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        *--c = '-';
    g_string_append_len (w->text, c, digits + sizeof digits - c);
}

void
kn_jw_bool (KnJw *w, bool value)
{
    separate (w);
    g_string_append (w->text, value ? "true" : "false");
}

void
kn_jw_double (KnJw *w, double value)
{
    char buffer[G_ASCII_DTOSTR_BUF_SIZE];

    separate (w);
    g_string_append (w->text, g_ascii_dtostr (buffer, sizeof buffer, value));
}

void
kn_jw_null (KnJw *w)
{
    separate (w);
    g_string_append_len (w->text, "null", 4);
}

void
kn_jw_raw (KnJw *w, const char *json)
{
    separate (w);
    g_string_append (w->text, json);
}

void
kn_jw_object_member (KnJw *w, const char *key)
{
    kn_jw_key (w, key);
    kn_jw_object (w);
}

void
kn_jw_array_member (KnJw *w, const char *key)
{
    kn_jw_key (w, key);
    kn_jw_array (w);
}

void
kn_jw_string_member (KnJw *w, const char *key, const char *value)
{
    kn_jw_key (w, key);
    kn_jw_string (w, value);
}

void
kn_jw_int_member (KnJw *w, const char *key, gint64 value)
{
    kn_jw_key (w, key);
    kn_jw_int (w, value);
}

void
kn_jw_bool_member (KnJw *w, const char *key, bool value)
{
    kn_jw_key (w, key);
    kn_jw_bool (w, value);
}

void
kn_jw_null_member (KnJw *w, const char *key)
{
    kn_jw_key (w, key);
    kn_jw_null (w);
}

void
kn_jw_raw_member (KnJw *w, const char *key, const char *json)
{
    kn_jw_key (w, key);
    kn_jw_raw (w, json);
}

void
kn_jw_time_member (KnJw *w, const char *key, const char *db_time)
{
    char text[] = "YYYY-MM-DDTHH:MM:SSZ";

    /* The two spellings differ in two characters; a column with more than seconds goes the long way. */
    if (db_time && strlen (db_time) == strlen ("YYYY-MM-DD HH:MM:SS")) {
        memcpy (text, db_time, strlen (db_time));
        text[10] = 'T';
        kn_jw_string_member (w, key, text);
        return;
    }
    g_autofree char *converted = db_time ? kn_time_convert (db_time, KN_TIME_SECONDS) : NULL;
    kn_jw_string_member (w, key, converted);
}

void
kn_jw_format_member (KnJw *w, const char *key, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    g_autofree char *value = g_strdup_vprintf (format, args);
    va_end (args);
    kn_jw_string_member (w, key, value);
}
