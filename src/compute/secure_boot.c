/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a server's Secure Boot keys. */
#include "compute/secure_boot.h"

#include "base/log.h"
#include "base/time.h"
#include "compute/facts.h"
#include "virt/varstore.h"

#define PREFIX "secure_boot_"
#define VALUE_MAX 255 /* of a metadata column, characters */

static const char *const members[] = { "certificates", "template", "kek", "db", "read_at" };

/* BIOS guests have no variable store. */
static bool
load_is_uefi (KnServerWork *work, bool *out_uefi, GError **error)
{
    g_autoptr (GHashTable) identity = NULL;

    if (!kn_server_load_identity (work->db, work->server->uuid, &identity, error))
        return false;
    *out_uefi
        = identity != NULL && g_strcmp0 (g_hash_table_lookup (identity, "firmware"), "uefi") == 0;

    return true;
}

static bool
set (KnServerWork *work, const char *key, const char *value, GError **error)
{
    g_autofree char *name = g_strconcat (PREFIX, key, NULL);
    g_autofree char *bounded
        = g_utf8_substring (value, 0, MIN (g_utf8_strlen (value, -1), VALUE_MAX));

    return kn_store_meta_set (work->db, KN_META_SYSTEM, work->server->uuid, name, bounded, error);
}

static bool
record (KnServerWork *work, const KnVarStore *store, const KnVarStore *template, GError **error)
{
    g_autofree char *kek = kn_varstore_subjects (store->kek);
    g_autofree char *db = kn_varstore_subjects (store->db);
    g_autofree char *now = kn_db_now ();

    return set (work, "certificates", kn_varstore_summary (store), error)
           && set (work, "kek", kek, error) && set (work, "db", db, error)
           && set (work, "enforced", store->enforced ? "true" : "false", error)
           && set (work, "read_at", now, error)
           && (template == NULL || set (work, "template", kn_varstore_summary (template), error));
}

static bool
read_and_record (KnServerWork *work, GError **error)
{
    g_autoptr (KnVarStore) store = NULL, template = NULL;
    bool uefi;

    if (!load_is_uefi (work, &uefi, error))
        return false;
    if (!uefi)
        return true;

    return kn_domain_load_varstore (work->host, work->server->uuid, &store, &template, error)
           && (store == NULL || record (work, store, template, error));
}

void
kn_server_record_keys (KnServerWork *work)
{
    g_autoptr (GError) error = NULL;

    if (!read_and_record (work, &error))
        kn_log (KN_LOG_WARNING, "cannot record a server's Secure Boot keys", "server",
                work->server->uuid, "why", error->message, NULL);
}

void
kn_server_write_keys (KnJw *w, GHashTable *system_metadata)
{
    if (!g_hash_table_contains (system_metadata, PREFIX "certificates")) {
        kn_jw_null_member (w, "secure_boot");
        return;
    }
    kn_jw_object_member (w, "secure_boot");
    for (gsize i = 0; i < G_N_ELEMENTS (members); i++) {
        g_autofree char *key = g_strconcat (PREFIX, members[i], NULL);

        kn_jw_string_member (w, members[i], g_hash_table_lookup (system_metadata, key));
    }
    const char *enforced = g_hash_table_lookup (system_metadata, PREFIX "enforced");
    kn_jw_bool_member (w, "enforced", g_strcmp0 (enforced, "true") == 0);
    kn_jw_end (w);
}
