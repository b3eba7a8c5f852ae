/* SPDX-License-Identifier: Apache-2.0 */
/* Text in columns. */
#include "base/table.h"

#include <string.h>

#define GAP 2
#define MIN_WIDTH 20

struct KnTable {
    GPtrArray *cells; /* char*, row after row, headings first; valid UTF-8 */
    guint n;          /* columns */
};

static guint
char_width (gunichar c)
{
    return g_unichar_iszerowidth (c) ? 0 : g_unichar_iswide (c) ? 2 : 1;
}

static guint
text_width (const char *text)
{
    guint width = 0;
    for (const char *p = text; *p; p = g_utf8_next_char (p))
        width += char_width (g_utf8_get_char (p));
    return width;
}

/* What a server says must not steer a terminal. */
static char *
dup_printable (const char *text)
{
    g_autofree char *valid = g_utf8_make_valid (text ? text : "", -1);
    GString *out = g_string_new (NULL);
    for (const char *p = valid; *p; p = g_utf8_next_char (p)) {
        gunichar c = g_utf8_get_char (p);
        g_string_append_unichar (out, g_unichar_isprint (c) ? c : '?');
    }
    return g_string_free (out, FALSE);
}

KnTable *
kn_table_new (const char *const *headings)
{
    KnTable *table = g_new0 (KnTable, 1);
    table->cells = g_ptr_array_new_with_free_func (g_free);
    table->n = g_strv_length ((char **)headings);
    g_assert (table->n > 0 && table->n <= KN_TABLE_COLUMNS);
    kn_table_add (table, headings);
    return table;
}

void
kn_table_free (KnTable *table)
{
    if (!table)
        return;
    g_ptr_array_unref (table->cells);
    g_free (table);
}

void
kn_table_add (KnTable *table, const char *const *cells)
{
    for (guint i = 0; i < table->n; i++)
        g_ptr_array_add (table->cells, dup_printable (cells[i]));
}

/* The widest column gives way first, so that short ones stay whole. */
static void
fit (guint *widths, guint n, guint width)
{
    guint room = MAX (width, MIN_WIDTH) - MIN ((n - 1) * GAP, MIN_WIDTH / 2), total = 0;
    for (guint i = 0; i < n; i++) {
        widths[i] = MIN (widths[i], room);
        total += widths[i];
    }
    for (; total > room; total--) {
        guint widest = 0;
        for (guint i = 1; i < n; i++)
            if (widths[i] > widths[widest])
                widest = i;
        widths[widest]--;
    }
}

static void
measure (const KnTable *table, guint width, guint *widths)
{
    for (guint i = 0; i < table->cells->len; i++) {
        guint cell = text_width (table->cells->pdata[i]);
        widths[i % table->n] = MAX (widths[i % table->n], cell);
    }
    if (width > 0)
        fit (widths, table->n, width);
    for (guint i = 0; i < table->n; i++)
        widths[i] = MAX (widths[i], 1);
}

/* Bytes of @text that go into one line of @width columns: up to a space, else behind one of "/-_,", else what fits. */
static gsize
take_line (const char *text, guint width)
{
    gsize space = 0, mark = 0;
    guint used = 0;
    const char *p = text;
    for (; *p; p = g_utf8_next_char (p)) {
        used += char_width (g_utf8_get_char (p));
        if (used > width && p > text)
            break;
        if (*p == ' ')
            space = (gsize)(p - text);
        else if (strchr ("/-_,", *p))
            mark = (gsize)(p + 1 - text);
    }
    if (!*p || *p == ' ')
        return (gsize)(p - text);
    return space ? space : mark ? mark : (gsize)(p - text);
}

static void
append_line (const KnTable *table, const char **rest, const guint *widths, GString *out)
{
    guint owed = 0; /* spaces that only come when something follows */
    for (guint i = 0; i < table->n; i++) {
        gsize len = take_line (rest[i], widths[i]);
        g_autofree char *piece = g_strndup (rest[i], len);
        rest[i] += len;
        while (*rest[i] == ' ')
            rest[i]++;
        if (*piece) {
            g_string_append_printf (out, "%*s%s", (int)owed, "", piece);
            owed = 0;
        }
        owed += widths[i] - MIN (widths[i], text_width (piece)) + GAP;
    }
    g_string_append_c (out, '\n');
}

static void
append_row (const KnTable *table, guint first, const guint *widths, GString *out)
{
    const char *rest[KN_TABLE_COLUMNS];
    bool more = true;
    for (guint i = 0; i < table->n; i++)
        rest[i] = table->cells->pdata[first + i];
    while (more) {
        append_line (table, rest, widths, out);
        more = false;
        for (guint i = 0; i < table->n; i++)
            more = more || *rest[i];
    }
}

char *
kn_table_format (const KnTable *table, guint width)
{
    guint widths[KN_TABLE_COLUMNS] = { 0 };
    GString *out = g_string_new (NULL);
    measure (table, width, widths);
    for (guint first = 0; first < table->cells->len; first += table->n)
        append_row (table, first, widths, out);
    return g_string_free (out, FALSE);
}
