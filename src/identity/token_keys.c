/* SPDX-License-Identifier: Apache-2.0 */
/* The key file. */
#include "identity/token_keys.h"

#include "base/error.h"
#include "base/util.h"

#include <string.h>

#define MAX_FILE (16 * KIB)
#define RELOAD_INTERVAL_US (G_USEC_PER_SEC)

struct KnTokenKeys {
    char *path;
    GMutex lock; /* protects what follows */
    GArray *keys;
    gint64 loaded_us; /* monotonic: forged key ids must not make us read the file for each token */
};

static bool
parse_key (const char *line, KnTokenKey *out_key)
{
    g_auto (GStrv) words = g_strsplit (line, " ", 2);
    gsize id_len = 0, key_len = 0;

    return words[0] && words[1]
           && sodium_hex2bin (out_key->id, sizeof out_key->id, words[0], strlen (words[0]), NULL,
                              &id_len, NULL)
                  == 0
           && sodium_hex2bin (out_key->bytes, sizeof out_key->bytes, words[1], strlen (words[1]),
                              NULL, &key_len, NULL)
                  == 0
           && id_len == sizeof out_key->id && key_len == sizeof out_key->bytes;
}

static void
wipe_key (gpointer data)
{
    sodium_memzero (data, sizeof (KnTokenKey));
}

static GArray *
parse_keys (const char *path, const char *text, GError **error)
{
    g_autoptr (GArray) keys = g_array_new (FALSE, TRUE, sizeof (KnTokenKey));
    g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

    g_array_set_clear_func (keys, wipe_key);
    for (guint i = 0; lines[i]; i++) {
        KnTokenKey key;

        if (*lines[i] == '\0' || *lines[i] == '#')
            continue;
        if (!parse_key (lines[i], &key)) {
            kn_error_set (error, KN_ERROR_BAD_REQUEST,
                          "token keys '%s', line %u: expected 8 hex digits, a blank, 64 hex digits",
                          path, i + 1);
            return NULL;
        }
        g_array_append_val (keys, key);
    }
    if (keys->len == 0) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST, "token keys '%s': there is no key in it", path);
        return NULL;
    }
    return g_steal_pointer (&keys);
}

/* Makes the file with one random key. */
static bool
create_file (const char *path, GError **error)
{
    guint8 id[KN_TOKEN_KEY_ID_LEN], key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
    char id_hex[2 * sizeof id + 1], key_hex[2 * sizeof key + 1];

    randombytes_buf (id, sizeof id);
    randombytes_buf (key, sizeof key);
    kn_autosecret text = g_strdup_printf (
        "# Token keys: the first seals new tokens, all of them open old ones.\n%s %s\n",
        sodium_bin2hex (id_hex, sizeof id_hex, id, sizeof id),
        sodium_bin2hex (key_hex, sizeof key_hex, key, sizeof key));
    sodium_memzero (key, sizeof key);
    sodium_memzero (key_hex, sizeof key_hex);
    return kn_file_write (path, text, strlen (text), 0600, error);
}

static GArray *
load_file (const char *path, GError **error)
{
    g_autoptr (GError) local = NULL;
    kn_autosecret text = kn_file_read (path, MAX_FILE, NULL, &local);

    if (!text && g_error_matches (local, KN_ERROR, KN_ERROR_NOT_FOUND)) {
        g_clear_error (&local);
        if (!create_file (path, error))
            return NULL;
        text = kn_file_read (path, MAX_FILE, NULL, &local);
    }
    if (!text) {
        g_propagate_prefixed_error (error, g_steal_pointer (&local), "token keys: ");
        return NULL;
    }
    return parse_keys (path, text, error);
}

KnTokenKeys *
kn_token_keys_load (const char *path, GError **error)
{
    g_autoptr (GArray) loaded = load_file (path, error);

    if (!loaded)
        return NULL;

    KnTokenKeys *keys = g_new0 (KnTokenKeys, 1);
    keys->path = g_strdup (path);
    keys->keys = g_steal_pointer (&loaded);
    keys->loaded_us = g_get_monotonic_time ();
    g_mutex_init (&keys->lock);
    return keys;
}

void
kn_token_keys_free (KnTokenKeys *keys)
{
    if (!keys)
        return;
    g_array_unref (keys->keys);
    g_mutex_clear (&keys->lock);
    g_free (keys->path);
    g_free (keys);
}

KnTokenKey
kn_token_keys_first (KnTokenKeys *keys)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&keys->lock);

    return g_array_index (keys->keys, KnTokenKey, 0);
}

/* Needs the lock. */
static bool
find_locked (const KnTokenKeys *keys, const guint8 *id, KnTokenKey *out_key)
{
    for (guint i = 0; i < keys->keys->len; i++) {
        const KnTokenKey *key = &g_array_index (keys->keys, KnTokenKey, i);

        if (memcmp (key->id, id, sizeof key->id) == 0) {
            *out_key = *key;
            return true;
        }
    }
    return false;
}

bool
kn_token_keys_find (KnTokenKeys *keys, const guint8 *id, KnTokenKey *out_key)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&keys->lock);
    gint64 now_us = g_get_monotonic_time ();

    if (find_locked (keys, id, out_key))
        return true;
    if (now_us - keys->loaded_us < RELOAD_INTERVAL_US)
        return false;

    /* Another controller may have rotated the keys. A file that is broken just now leaves us with what we have. */
    keys->loaded_us = now_us;
    GArray *fresh = load_file (keys->path, NULL);
    if (!fresh)
        return false;
    g_array_unref (keys->keys);
    keys->keys = fresh;
    return find_locked (keys, id, out_key);
}
