/* SPDX-License-Identifier: Apache-2.0 */
/* Repairs on disk: FOLDER/ID/UUID.json and UUID.before.xml, UUID.wanted.xml, UUID.after.xml. Definitions hold passwords of
 * displays, so nobody else may read them. */
#include "doctor/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/id.h"
#include "base/util.h"
#include "json/read.h"
#include "json/write.h"

#define ENTRY_MAX (256 * KIB)
#define XML_MAX (16 * MIB)
#define FORMAT 1

struct KnRepairJournal {
    char *id, *path;
    int lock;
};

static const char *const step_names[KN_REPAIR_STEP_N + 1] = {
    [KN_REPAIR_BEGUN] = "begun",           [KN_REPAIR_DEFINED] = "defined",
    [KN_REPAIR_RESTARTING] = "restarting", [KN_REPAIR_RESTARTED] = "restarted",
    [KN_REPAIR_UNDONE] = "undone",         [KN_REPAIR_FAILED] = "failed",
};

const char *
kn_repair_step_name (KnRepairStep step)
{
    return step_names[step];
}

void
kn_repair_entry_free (gpointer data)
{
    KnRepairEntry *entry = data;

    if (!entry)
        return;
    g_free (entry->uuid);
    g_free (entry->name);
    g_free (entry->uri);
    g_free (entry->host);
    g_free (entry->why);
    g_strfreev (entry->rules);
    g_free (entry);
}

void
kn_repair_journal_close (KnRepairJournal *journal)
{
    if (!journal)
        return;
    kn_fd_clear (&journal->lock);
    g_free (journal->id);
    g_free (journal->path);
    g_free (journal);
}

const char *
kn_repair_journal_id (const KnRepairJournal *journal)
{
    return journal->id;
}

static KnRepairJournal *
open_folder (const char *folder, const char *id, GError **error)
{
    g_autoptr (KnRepairJournal) journal = g_new0 (KnRepairJournal, 1);

    journal->id = g_strdup (id);
    journal->path = g_build_filename (folder, id, NULL);
    g_autofree char *lock = g_build_filename (journal->path, "lock", NULL);
    journal->lock = open (lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (journal->lock < 0) {
        kn_error_set_errno (error, errno, "cannot open '%s'", lock);
        return NULL;
    }
    if (flock (journal->lock, LOCK_EX | LOCK_NB) != 0) {
        kn_error_set (error, KN_ERROR_IN_USE, "another process works on the repair '%s'", id);
        return NULL;
    }
    return g_steal_pointer (&journal);
}

KnRepairJournal *
kn_repair_journal_new (const char *folder, GError **error)
{
    g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
    g_autofree char *stamp = g_date_time_format (now, "%Y%m%d-%H%M%S");
    g_autofree char *random = kn_id_hex32 ();
    g_autofree char *id = g_strdup_printf ("%s-%.4s", stamp, random);
    g_autofree char *path = g_build_filename (folder, id, NULL);

    if (g_mkdir_with_parents (path, 0700) != 0) {
        kn_error_set_errno (error, errno, "cannot make the folder '%s'", path);
        return NULL;
    }
    return open_folder (folder, id, error);
}

static bool
is_id (const char *id)
{
    gsize len = strspn (id, "0123456789abcdef-");

    return len > 0 && id[len] == '\0';
}

KnRepairJournal *
kn_repair_journal_open (const char *folder, const char *id, GError **error)
{
    g_autofree char *path = g_build_filename (folder, id, NULL);

    if (!is_id (id) || !g_file_test (path, G_FILE_TEST_IS_DIR)) {
        kn_error_set (error, KN_ERROR_NOT_FOUND,
                      "there is no repair '%s' in '%s'; kilonova repair --list shows them", id,
                      folder);
        return NULL;
    }
    return open_folder (folder, id, error);
}

static char *
file_of (KnRepairJournal *journal, const KnRepairEntry *entry, const char *end)
{
    return g_strdup_printf ("%s/%s.%s", journal->path, entry->uuid, end);
}

static char *
text_file_of (KnRepairJournal *journal, const KnRepairEntry *entry, const char *which)
{
    bool own = strcmp (entry->uri, KN_REPAIR_OWN) == 0 || strcmp (entry->uri, KN_REPAIR_NOVA) == 0;
    g_autofree char *end = g_strdup_printf ("%s.%s", which, own ? "properties" : "xml");

    return file_of (journal, entry, end);
}

bool
kn_repair_journal_keep (KnRepairJournal *journal, const KnRepairEntry *entry, const char *which,
                        const char *text, GError **error)
{
    g_autofree char *path = text_file_of (journal, entry, which);

    return kn_file_write (path, text, strlen (text), 0600, error);
}

char *
kn_repair_journal_text (KnRepairJournal *journal, const KnRepairEntry *entry, const char *which,
                        GError **error)
{
    g_autofree char *path = text_file_of (journal, entry, which);

    return kn_file_read (path, XML_MAX, NULL, error);
}

bool
kn_repair_journal_write (KnRepairJournal *journal, const KnRepairEntry *entry, GError **error)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    gsize len = 0;

    kn_jw_object (w);
    kn_jw_int_member (w, "format", FORMAT);
    kn_jw_string_member (w, "uuid", entry->uuid);
    kn_jw_string_member (w, "name", entry->name);
    kn_jw_string_member (w, "uri", entry->uri);
    kn_jw_string_member (w, "host", entry->host);
    kn_jw_string_member (w, "step", step_names[entry->step]);
    kn_jw_string_member (w, "why", entry->why);
    kn_jw_bool_member (w, "restart", entry->restart);
    kn_jw_array_member (w, "rules");
    for (gsize i = 0; entry->rules[i]; i++)
        kn_jw_string (w, entry->rules[i]);
    kn_jw_end (w);
    kn_jw_end (w);
    g_autofree char *text = kn_jw_finish (w, &len);
    g_autofree char *path = file_of (journal, entry, "json");
    return kn_file_write (path, text, len, 0600, error);
}

KnRepairEntry *
kn_repair_journal_begin (KnRepairJournal *journal, const KnRepairItem *item, bool restart,
                         GError **error)
{
    g_autoptr (KnRepairEntry) entry = g_new0 (KnRepairEntry, 1);
    g_autoptr (GStrvBuilder) rules = g_strv_builder_new ();

    for (guint i = 0; i < item->rules->len; i++)
        g_strv_builder_add (rules, item->rules->pdata[i]);
    *entry = (KnRepairEntry){
        .uuid = g_strdup (item->uuid),
        .name = g_strdup (item->name),
        .uri = g_strdup (item->uri),
        .host = g_strdup (item->host),
        .step = KN_REPAIR_BEGUN,
        .rules = g_strv_builder_end (rules),
        .restart = restart && item->running,
    };
    if (!kn_repair_journal_keep (journal, entry, "before", item->before, error)
        || !kn_repair_journal_keep (journal, entry, "wanted", item->after, error)
        || !kn_repair_journal_write (journal, entry, error))
        return NULL;
    return g_steal_pointer (&entry);
}

/* ---- reading back ---- */

typedef struct {
    guint64 present;
    gint64 format;
    const char *uuid, *name, *uri, *host, *why;
    int step;
    bool restart;
    const json_t *rules;
} EntryText;

static const KnJField entry_fields[] = {
    { "format", KN_J_INT, offsetof (EntryText, format), FORMAT, FORMAT },
    { "uuid", KN_J_UUID, offsetof (EntryText, uuid) },
    { "name", KN_J_STRING, offsetof (EntryText, name), 0, 4096 },
    { "uri", KN_J_STRING, offsetof (EntryText, uri), 0, 4096 },
    { "host", KN_J_STRING, offsetof (EntryText, host), 0, 4096, .flags = KN_J_NULLABLE },
    { "step", KN_J_ENUM, offsetof (EntryText, step), .names = step_names },
    { "why", KN_J_STRING, offsetof (EntryText, why), 0, 65536, .flags = KN_J_NULLABLE },
    { "restart", KN_J_BOOL, offsetof (EntryText, restart) },
    { "rules", KN_J_ARRAY, offsetof (EntryText, rules), 0, 1000 },
};
static const KnJShape entry_shape = {
    .fields = entry_fields,
    .n_fields = G_N_ELEMENTS (entry_fields),
    .present_offset = offsetof (EntryText, present),
    .closed = true,
};

static KnRepairEntry *
read_entry (const char *path, GError **error)
{
    gsize len = 0;
    g_autofree char *bytes = kn_file_read (path, ENTRY_MAX, &len, error);
    g_autoptr (json_t) document = bytes ? kn_json_parse (bytes, len, error) : NULL;
    EntryText text = { 0 };

    if (!document || !kn_json_read (document, "repair", &entry_shape, &text, error)) {
        g_prefix_error (error, "'%s': ", path);
        return NULL;
    }
    g_autoptr (GStrvBuilder) rules = g_strv_builder_new ();
    for (gsize i = 0; i < json_array_size (text.rules); i++) {
        const char *rule = json_string_value (json_array_get (text.rules, i));
        if (rule)
            g_strv_builder_add (rules, rule);
    }
    KnRepairEntry *entry = g_new0 (KnRepairEntry, 1);
    *entry = (KnRepairEntry){ .uuid = g_strdup (text.uuid),
                              .name = g_strdup (text.name),
                              .uri = g_strdup (text.uri),
                              .host = g_strdup (text.host),
                              .step = (KnRepairStep)text.step,
                              .why = g_strdup (text.why),
                              .restart = text.restart,
                              .rules = g_strv_builder_end (rules) };
    return entry;
}

static gint
by_name (gconstpointer a, gconstpointer b)
{
    const KnRepairEntry *left = *(KnRepairEntry *const *)a, *right = *(KnRepairEntry *const *)b;

    return strcmp (left->name, right->name);
}

GPtrArray *
kn_repair_journal_list (KnRepairJournal *journal, GError **error)
{
    g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func (kn_repair_entry_free);
    g_autoptr (GDir) dir = g_dir_open (journal->path, 0, error);
    const char *name;

    if (!dir)
        return NULL;
    while ((name = g_dir_read_name (dir)) != NULL) {
        if (!g_str_has_suffix (name, ".json"))
            continue;
        g_autofree char *path = g_build_filename (journal->path, name, NULL);
        KnRepairEntry *entry = read_entry (path, error);
        if (!entry)
            return NULL;
        g_ptr_array_add (entries, entry);
    }
    g_ptr_array_sort (entries, by_name);
    return g_steal_pointer (&entries);
}

static gint
compare_texts (gconstpointer a, gconstpointer b)
{
    return strcmp (*(const char *const *)a, *(const char *const *)b);
}

char **
kn_repair_journal_ids (const char *folder)
{
    GPtrArray *ids = g_ptr_array_new ();
    g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name (dir)) != NULL)
        if (is_id (name))
            g_ptr_array_add (ids, g_strdup (name));
    g_ptr_array_sort (ids, compare_texts);
    g_ptr_array_add (ids, NULL);
    return (char **)g_ptr_array_free (ids, FALSE);
}
