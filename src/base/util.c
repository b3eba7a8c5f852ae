/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers that GLib 2.74 lacks. */
#include "base/util.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void
kn_fd_clear (int *fd)
{
    if (*fd >= 0)
        (void)close (*fd);
    *fd = -1;
}

void
kn_secret_free (char *secret)
{
    if (!secret)
        return;
    sodium_memzero (secret, strlen (secret));
    g_free (secret);
}

void
kn_secret_clear (char **secret)
{
    kn_secret_free (*secret);
    *secret = NULL;
}

static bool
read_all (int fd, char *bytes, gsize size, gsize *out_len)
{
    gsize len = 0;

    while (len < size) {
        ssize_t n = read (fd, bytes + len, size - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        if (n == 0)
            break;
        len += (gsize)n;
    }
    *out_len = len;
    return true;
}

char *
kn_file_read (const char *path, gsize max_bytes, gsize *out_len, GError **error)
{
    kn_autofd fd = open (path, O_RDONLY | O_CLOEXEC);
    g_autofree char *bytes = NULL;
    gsize len = 0;

    if (fd < 0) {
        kn_error_set_errno (error, errno, "cannot open '%s'", path);
        return NULL;
    }

    bytes = g_malloc (max_bytes + 1);
    if (!read_all (fd, bytes, max_bytes + 1, &len)) {
        kn_error_set_errno (error, errno, "cannot read '%s'", path);
        return NULL;
    }
    if (len > max_bytes) {
        kn_error_set (error, KN_ERROR_TOO_LARGE, "'%s' has more than %" G_GSIZE_FORMAT " bytes",
                      path, max_bytes);
        return NULL;
    }

    bytes[len] = '\0';
    if (out_len)
        *out_len = len;
    return g_realloc (g_steal_pointer (&bytes), len + 1);
}

static bool
write_all (int fd, const char *bytes, gsize len)
{
    while (len > 0) {
        ssize_t n = write (fd, bytes, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes += n;
        len -= (gsize)n;
    }
    return true;
}

bool
kn_file_write (const char *path, const void *bytes, gsize len, int mode, GError **error)
{
    g_autofree char *temporary = g_strdup_printf ("%s.XXXXXX", path);
    kn_autofd fd = g_mkstemp_full (temporary, O_RDWR | O_CLOEXEC, mode);

    if (fd < 0) {
        kn_error_set_errno (error, errno, "cannot create '%s'", temporary);
        return false;
    }

    if (!write_all (fd, bytes, len) || fsync (fd) != 0 || rename (temporary, path) != 0) {
        kn_error_set_errno (error, errno, "cannot write '%s'", path);
        (void)unlink (temporary);
        return false;
    }
    return true;
}

bool
kn_parse_int (const char *text, gint64 min, gint64 max, gint64 *out_value)
{
    return text && g_ascii_string_to_signed (text, 10, min, max, out_value, NULL);
}

bool
kn_parse_bool (const char *text, bool *out_value)
{
    static const char *const words[2][6]
        = { { "false", "0", "f", "off", "n", "no" }, { "true", "1", "t", "on", "y", "yes" } };

    for (guint value = 0; text && value < 2; value++) {
        for (guint i = 0; i < G_N_ELEMENTS (words[value]); i++) {
            if (g_ascii_strcasecmp (text, words[value][i]) == 0) {
                *out_value = value != 0;
                return true;
            }
        }
    }
    return false;
}

guint
kn_word_distance (const char *a, const char *b)
{
    guint rows[3][64], *before = rows[0], *last = rows[1], *row = rows[2];
    gsize la = strlen (a), lb = strlen (b);
    if (la > 63 || lb > 63)
        return G_MAXUINT;
    for (gsize j = 0; j <= lb; j++)
        last[j] = (guint)j;
    for (gsize i = 1; i <= la; i++) {
        row[0] = (guint)i;
        for (gsize j = 1; j <= lb; j++) {
            row[j] = MIN (MIN (last[j], row[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = MIN (row[j], before[j - 2] + 1);
        }
        guint *next = before;
        before = last;
        last = row;
        row = next;
    }
    return last[lb];
}
