/* SPDX-License-Identifier: Apache-2.0 */
/* The record of an inspection: in memory, as JSON, and as image properties. */
#include "inspect/inspection.h"

#include <string.h>

#include "base/error.h"
#include "base/time.h"
#include "guest/registry.h"

#define MAX_TEXT 200

static const char *const status_names[] = {
    [KN_INSPECT_FOUND] = "found",
    [KN_INSPECT_NOTHING] = "nothing",
    [KN_INSPECT_UNREADABLE] = "unreadable",
    NULL,
};
G_STATIC_ASSERT (G_N_ELEMENTS (status_names) == KN_INSPECT_N + 1);

static const char *const found_names[] = {
    [KN_FOUND_UNKNOWN] = "unknown",
    [KN_FOUND_NO] = "no",
    [KN_FOUND_YES] = "yes",
    NULL,
};
G_STATIC_ASSERT (G_N_ELEMENTS (found_names) == KN_FOUND_N + 1);

/* Members that are plain text, and that are one of "yes", "no", "unknown". */
static const struct {
    const char *name;
    gsize offset;
} texts[] = {
    { "why", offsetof (KnInspection, why) },
    { "family", offsetof (KnInspection, family) },
    { "distro", offsetof (KnInspection, distro) },
    { "product", offsetof (KnInspection, product) },
    { "version", offsetof (KnInspection, version) },
    { "edition", offsetof (KnInspection, edition) },
    { "architecture", offsetof (KnInspection, arch) },
    { "partition_table", offsetof (KnInspection, table) },
    { "firmware", offsetof (KnInspection, firmware) },
    { "timezone", offsetof (KnInspection, zone) },
    { "windows_timezone", offsetof (KnInspection, windows_zone) },
}, answers[] = {
    { "virtio_storage", offsetof (KnInspection, storage) },
    { "virtio_network", offsetof (KnInspection, network) },
    { "guest_agent", offsetof (KnInspection, agent) },
    { "cloud_init", offsetof (KnInspection, cloud_init) },
};

/* Image properties and the fact behind each. */
static const struct {
    const char *property, *fact;
} facts[] = {
    { "os_type", "os.family" },          { "os_distro", "os.distro" },
    { "os_version", "os.version" },      { "os_edition", "os.edition" },
    { "os_timezone", "clock.timezone" }, { "os_clock_policy", "clock.universal" },
    { "hw_firmware_type", "firmware" },  { "os_virtio_drivers", "drivers" },
};

static char **
text_of (const KnInspection *found, gsize i)
{
    return (char **)((char *)found + texts[i].offset);
}

static KnFound *
answer_of (const KnInspection *found, gsize i)
{
    return (KnFound *)((char *)found + answers[i].offset);
}

static void
evidence_free (gpointer data)
{
    KnEvidence *evidence = data;
    g_free (evidence->fact);
    g_free (evidence->source);
    g_free (evidence->name);
    g_free (evidence->value);
    g_free (evidence);
}

static void
driver_free (gpointer data)
{
    KnInspectDriver *driver = data;
    g_free (driver->name);
    g_free (driver);
}

KnInspection *
kn_inspection_new (void)
{
    KnInspection *found = g_new0 (KnInspection, 1);
    found->evidence = g_ptr_array_new_with_free_func (evidence_free);
    found->drivers = g_ptr_array_new_with_free_func (driver_free);
    return found;
}

void
kn_inspection_free (KnInspection *found)
{
    if (!found)
        return;
    for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
        g_free (*text_of (found, i));
    g_ptr_array_unref (found->evidence);
    g_ptr_array_unref (found->drivers);
    g_free (found);
}

static char *
short_text (const char *text)
{
    g_autofree char *valid = g_utf8_make_valid (text ? text : "", -1);
    return g_utf8_substring (valid, 0, MIN (g_utf8_strlen (valid, -1), MAX_TEXT));
}

void
kn_inspection_note (KnInspection *found, const char *fact, const char *source, const char *name,
                    const char *value)
{
    KnEvidence *evidence = g_new (KnEvidence, 1);
    *evidence = (KnEvidence){ .fact = short_text (fact),
                              .source = short_text (source),
                              .name = short_text (name),
                              .value = short_text (value) };
    g_ptr_array_add (found->evidence, evidence);
}

void
kn_inspection_add_driver (KnInspection *found, const char *name, int start, bool file)
{
    KnInspectDriver *driver = g_new (KnInspectDriver, 1);
    *driver = (KnInspectDriver){ .name = g_strdup (name), .start = start, .file = file };
    g_ptr_array_add (found->drivers, driver);
}

/* ---- out ---- */

static void
write_drivers (KnJw *w, const KnInspection *found)
{
    kn_jw_array_member (w, "drivers");
    for (guint i = 0; i < found->drivers->len; i++) {
        const KnInspectDriver *driver = found->drivers->pdata[i];
        kn_jw_object (w);
        kn_jw_string_member (w, "name", driver->name);
        kn_jw_int_member (w, "start", driver->start);
        kn_jw_bool_member (w, "file", driver->file);
        kn_jw_end (w);
    }
    kn_jw_end (w);
}

static void
write_evidence (KnJw *w, const KnInspection *found)
{
    kn_jw_array_member (w, "evidence");
    for (guint i = 0; i < found->evidence->len; i++) {
        const KnEvidence *evidence = found->evidence->pdata[i];
        kn_jw_object (w);
        kn_jw_string_member (w, "fact", evidence->fact);
        kn_jw_string_member (w, "source", evidence->source);
        kn_jw_string_member (w, "name", evidence->name);
        kn_jw_string_member (w, "value", evidence->value);
        kn_jw_end (w);
    }
    kn_jw_end (w);
}

void
kn_inspection_write (KnJw *w, const KnInspection *found)
{
    kn_jw_object (w);
    kn_jw_string_member (w, "status", status_names[found->status]);
    for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
        kn_jw_string_member (w, texts[i].name, *text_of (found, i));
    kn_jw_int_member (w, "build", found->build);
    kn_jw_key (w, "real_time_is_universal");
    if (found->has_universal)
        kn_jw_bool (w, found->universal);
    else
        kn_jw_null (w);
    kn_jw_key (w, "active_time_bias");
    if (found->has_bias)
        kn_jw_int (w, found->bias_minutes);
    else
        kn_jw_null (w);
    for (gsize i = 0; i < G_N_ELEMENTS (answers); i++)
        kn_jw_string_member (w, answers[i].name, found_names[*answer_of (found, i)]);
    kn_jw_bool_member (w, "hibernated", found->hibernated);
    kn_jw_bool_member (w, "dirty", found->dirty);
    write_drivers (w, found);
    write_evidence (w, found);
    kn_jw_end (w);
}

/* ---- in ---- */

static int
index_of (const char *const *names, const json_t *value)
{
    const char *text = json_string_value (value);
    for (int i = 0; text && names[i]; i++)
        if (strcmp (names[i], text) == 0)
            return i;
    return -1;
}

static const char *
member_text (const json_t *object, const char *name)
{
    const char *text = json_string_value (json_object_get (object, name));
    return text ? text : "";
}

static void
read_lists (KnInspection *found, const json_t *object)
{
    const json_t *drivers = json_object_get (object, "drivers"),
                 *evidence = json_object_get (object, "evidence");
    for (gsize i = 0; i < json_array_size (drivers); i++) {
        const json_t *driver = json_array_get (drivers, i);
        kn_inspection_add_driver (found, member_text (driver, "name"),
                                  (int)json_integer_value (json_object_get (driver, "start")),
                                  json_is_true (json_object_get (driver, "file")));
    }
    for (gsize i = 0; i < json_array_size (evidence); i++) {
        const json_t *note = json_array_get (evidence, i);
        kn_inspection_note (found, member_text (note, "fact"), member_text (note, "source"),
                            member_text (note, "name"), member_text (note, "value"));
    }
}

KnInspection *
kn_inspection_read (const json_t *object, GError **error)
{
    g_autoptr (KnInspection) found = kn_inspection_new ();
    int status = index_of (status_names, json_object_get (object, "status"));
    if (status < 0) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST, "an inspection says no status");
        return NULL;
    }
    found->status = (KnInspectStatus)status;
    for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
        *text_of (found, i)
            = g_strdup (json_string_value (json_object_get (object, texts[i].name)));
    for (gsize i = 0; i < G_N_ELEMENTS (answers); i++)
        *answer_of (found, i)
            = (KnFound)MAX (0, index_of (found_names, json_object_get (object, answers[i].name)));
    found->build = (guint)json_integer_value (json_object_get (object, "build"));
    const json_t *universal = json_object_get (object, "real_time_is_universal"),
                 *bias = json_object_get (object, "active_time_bias");
    found->has_universal = json_is_boolean (universal);
    found->universal = json_is_true (universal);
    found->has_bias = json_is_integer (bias);
    found->bias_minutes = (int)json_integer_value (bias);
    found->hibernated = json_is_true (json_object_get (object, "hibernated"));
    found->dirty = json_is_true (json_object_get (object, "dirty"));
    read_lists (found, object);
    return g_steal_pointer (&found);
}

/* ---- what follows for the image ---- */

/* The text is the disk's, and nobody vouches for it: an image with a property that it cannot have makes no server. */
static bool
is_fit (const char *name, const char *value)
{
    const KnGuestProperty *row = kn_guest_property_find (name);
    return row && kn_guest_property_allows (row, value, NULL);
}

static bool
has_zone (const KnInspection *found)
{
    return found->zone && kn_time_zone_exists (found->zone);
}

static void
say (GHashTable *properties, const char *name, const char *value)
{
    if (value && *value && is_fit (name, value))
        g_hash_table_replace (properties, g_strdup (name), g_strdup (value));
}

/* Windows with RealTimeIsUniversal=1 keeps UTC; a Linux whose /etc/adjtime says LOCAL keeps the time of its zone. */
static const char *
clock_policy (const KnInspection *found)
{
    bool windows = g_strcmp0 (found->family, "windows") == 0;
    if (!found->has_universal || found->universal != windows)
        return NULL;
    if (windows)
        return "utc";
    return has_zone (found) ? "timezone" : "localtime";
}

GHashTable *
kn_inspection_properties (const KnInspection *found)
{
    GHashTable *properties = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    if (found->status != KN_INSPECT_FOUND)
        return properties;
    bool windows = g_strcmp0 (found->family, "windows") == 0;
    say (properties, "os_type", found->family);
    say (properties, "os_distro", found->distro);
    say (properties, "os_version", found->version);
    say (properties, "os_edition", found->edition);
    say (properties, "hw_firmware_type", found->firmware);
    say (properties, "os_clock_policy", clock_policy (found));
    if (has_zone (found)
        && (windows || clock_policy (found))) /* a Linux that keeps UTC needs none */
        say (properties, "os_timezone", found->zone);
    if (windows && found->storage != KN_FOUND_UNKNOWN)
        say (properties, "os_virtio_drivers",
             found->storage == KN_FOUND_YES ? "present" : "absent");
    return properties;
}

const char *
kn_inspection_fact_of (const char *property)
{
    for (gsize i = 0; i < G_N_ELEMENTS (facts); i++)
        if (strcmp (facts[i].property, property) == 0)
            return facts[i].fact;
    return NULL;
}
