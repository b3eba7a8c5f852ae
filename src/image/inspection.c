/* SPDX-License-Identifier: Apache-2.0 */
/* The job that inspects an image, and what its findings mean for the image's properties. */
#include "image/inspection.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/util.h"
#include "guest/registry.h"
#include "inspect/inspect.h"

#define KIND "image.inspect"
#define BUSY_PAUSE_MS 2000

/* The properties that an inspection has filled in, for people to see which they are. */
#define MARK "os_inspected"

bool
kn_image_inspection_is_automatic (const KnImages *images)
{
    return images->inspect_mode != KN_IMAGE_INSPECT_OFF;
}

bool
kn_image_inspection_enqueue (KnDb *db, const char *id, const char *request_id, GError **error)
{
    return kn_image_inspection_request (db, id, error)
           && kn_jobs_enqueue (db, KIND, id, NULL, 1, request_id, NULL, error);
}

/* ---- rules ---- */

static const char *
declared (const KnImageRow *row, const char *property)
{
    const char *value = g_hash_table_lookup (row->properties, property);
    return value && *value ? value : NULL;
}

static bool
says_the_same (const char *property, const char *a, const char *b)
{
    const KnGuestProperty *row = kn_guest_property_find (property);
    bool any_case = row && row->flags & KN_PROPERTY_ANY_CASE;
    return any_case ? g_ascii_strcasecmp (a, b) == 0 : strcmp (a, b) == 0;
}

/* What stands there and was not put there by us. */
static const char *
declared_by_somebody (const KnImageRow *row, GHashTable *filled, const char *property)
{
    const char *value = declared (row, property);
    const char *ours = filled ? g_hash_table_lookup (filled, property) : NULL;
    return value && (!ours || strcmp (value, ours) != 0) ? value : NULL;
}

static bool
declares_another (const KnImageRow *row, GHashTable *filled, const KnInspection *found)
{
    const char *type = declared_by_somebody (row, filled, "os_type");
    return type && !says_the_same ("os_type", type, found->family);
}

GHashTable *
kn_image_inspection_missing (const KnImageRow *row, const KnInspection *found, GHashTable *filled)
{
    GHashTable *missing = kn_inspection_properties (found);
    bool another = found->family && declares_another (row, filled, found);
    GHashTableIter iter;
    gpointer name;
    g_hash_table_iter_init (&iter, missing);
    while (g_hash_table_iter_next (&iter, &name, NULL))
        if (declared_by_somebody (row, filled, name)
            || (another && strcmp (name, "hw_firmware_type") != 0))
            g_hash_table_iter_remove (&iter);
    return missing;
}

/* Opinions about the same thing in other words are no contradiction: only these are facts of the disk. */
static const char *const facts[] = { "os_type",    "hw_firmware_type", "os_timezone",
                                     "os_version", "os_clock_policy",  "os_virtio_drivers" };

static const char *
evidence_of (const KnInspection *found, const char *property, char **out_text)
{
    const char *fact = kn_inspection_fact_of (property);
    for (guint i = 0; fact && i < found->evidence->len; i++) {
        const KnEvidence *evidence = found->evidence->pdata[i];
        if (strcmp (evidence->fact, fact) != 0)
            continue;
        *out_text
            = g_strdup_printf (" (%s, %s: %s)", evidence->source, evidence->name, evidence->value);
        return *out_text;
    }
    return "";
}

void
kn_image_inspection_contradict (const KnImageRow *row, const KnInspection *found,
                                GPtrArray *warnings)
{
    g_autoptr (GHashTable) says = kn_inspection_properties (found);
    for (gsize i = 0; i < G_N_ELEMENTS (facts); i++) {
        const char *value = declared (row, facts[i]), *fact = g_hash_table_lookup (says, facts[i]);
        g_autofree char *where = NULL;
        if (!value || !fact || says_the_same (facts[i], value, fact))
            continue;
        KnImageWarning *warning = g_new (KnImageWarning, 1);
        *warning = (KnImageWarning){
            .property = g_strdup (facts[i]),
            .value = g_strdup (value),
            .message
            = g_strdup_printf ("%s is declared as '%s', but the disk says '%s'%s.", facts[i], value,
                               fact, evidence_of (found, facts[i], &where)),
            .suggestion = g_strdup_printf ("%s=%s", facts[i], fact),
        };
        g_ptr_array_add (warnings, warning);
    }
}

/* ---- the job ---- */

typedef struct {
    KnImages *images;
    const char *id;
    const KnInspection *found;
} Applying;

static char *
mark_text (GHashTable *filled)
{
    g_autoptr (GList) names = g_list_sort (g_hash_table_get_keys (filled), (GCompareFunc)strcmp);
    GString *text = g_string_new (NULL);
    for (const GList *l = names; l; l = l->next)
        g_string_append_printf (text, "%s%s", text->len ? "," : "", (const char *)l->data);
    return g_string_free (text, FALSE);
}

/* What an earlier inspection filled in and this one does not say goes away again. */
static void
fill (KnImageRow *row, GHashTable *before, GHashTable *missing)
{
    GHashTableIter iter;
    gpointer name, value;
    g_hash_table_iter_init (&iter, before);
    while (g_hash_table_iter_next (&iter, &name, &value))
        if (g_strcmp0 (declared (row, name), value) == 0)
            g_hash_table_remove (row->properties, name);
    g_hash_table_iter_init (&iter, missing);
    while (g_hash_table_iter_next (&iter, &name, &value))
        g_hash_table_replace (row->properties, g_strdup (name), g_strdup (value));
    g_hash_table_remove (row->properties, MARK);
    if (g_hash_table_size (missing) > 0)
        g_hash_table_replace (row->properties, g_strdup (MARK), mark_text (missing));
}

static bool
apply (KnDb *db, gpointer data, GError **error)
{
    const Applying *a = data;
    GError *failed = NULL;
    g_autoptr (KnImageRow) row = kn_image_store_find (db, a->id, &failed);
    g_autoptr (KnImageInspection) earlier
        = row ? kn_image_inspection_find (db, a->id, &failed) : NULL;
    if (failed) {
        g_propagate_error (error, failed);
        return false;
    }
    if (!row || !earlier) /* the image is gone */
        return true;

    g_autoptr (GHashTable) missing = kn_image_inspection_missing (row, a->found, earlier->filled);
    if (a->images->inspect_mode != KN_IMAGE_INSPECT_AUTO)
        g_hash_table_remove_all (missing);
    fill (row, earlier->filled, missing);
    return kn_image_store_update (db, row, error)
           && kn_image_inspection_finish (db, a->id, a->found, missing, error);
}

/* The child reads through our descriptor, wherever the store keeps the bytes. */
static KnInspection *
read_image (KnImages *images, const KnImageRow *row, KnJob *job, GError **error)
{
    KnImage image = { .disk_format = row->disk_format };
    const char *driver = kn_image_driver (&image);
    kn_autofd fd = driver ? kn_image_open (images, row->id, error) : -1;
    if (!driver)
        kn_error_public (error, KN_ERROR_BAD_REQUEST, "It is no disk.");
    if (fd < 0)
        return NULL;
    g_autofree char *path = g_strdup_printf ("/proc/%d/fd/%d", (int)getpid (), fd);
    const KnInspectLimits limits = { .timeout_s = images->inspect_timeout_s,
                                     .cache_dir = images->inspect_cache,
                                     .cancelled = (bool (*) (gconstpointer))kn_job_cancelled,
                                     .data = job };
    return kn_inspect_run (path, driver, &limits, error);
}

static bool
run_inspection (KnImages *images, KnJob *job, GError **error)
{
    KnDb *db = kn_job_db (job);
    GError *failed = NULL;
    g_autoptr (KnImageRow) row = kn_image_store_find (db, kn_job_object (job), &failed);
    if (failed) {
        g_propagate_error (error, failed);
        return false;
    }
    if (!row || strcmp (row->status, "queued") == 0 || strcmp (row->status, "saving") == 0)
        return true;
    g_autoptr (KnInspection) found = read_image (images, row, job, error);
    Applying applying = { .images = images, .id = row->id, .found = found };
    if (!found || !kn_fault ("image.inspect.read", error)
        || !kn_db_txn (db, apply, &applying, error))
        return false;
    kn_log (KN_LOG_INFO, "image inspected", "request", kn_job_request_id (job), "image", row->id,
            "system", found->product, "why", found->why, NULL);
    return true;
}

/* Only so many at a time: each takes a core and half a gigabyte. */
static bool
step_inspect (KnJob *job, gpointer data, GError **error)
{
    KnImages *images = data;
    bool room = g_atomic_int_add (&images->inspecting, 1) < (gint)images->inspect_parallel;
    bool good = true;
    if (room)
        good = run_inspection (images, job, error);
    else
        kn_job_again (job, BUSY_PAUSE_MS);
    g_atomic_int_add (&images->inspecting, -1);
    return good;
}

static void
inspection_failed (KnJob *job, gpointer data, const GError *why)
{
    g_autoptr (GError) error = NULL;
    if (!kn_image_inspection_fail (kn_job_db (job), kn_job_object (job), kn_error_sentence (why),
                                   &error))
        kn_log (KN_LOG_WARNING, "an inspection that failed stays `waiting`", "image",
                kn_job_object (job), "error", error->message, NULL);
}

static const KnJobStep steps[] = { { "inspect", step_inspect } };
static const KnJobKind kind = { .kind = KIND,
                                .steps = steps,
                                .n_steps = G_N_ELEMENTS (steps),
                                .max_attempts = 2,
                                .failed = inspection_failed };

void
kn_images_set_inspection (KnImages *images, KnJobs *jobs, const KnImagesInspection *options)
{
    images->jobs = jobs;
    images->inspect_mode = options->mode;
    images->inspect_timeout_s = options->timeout_s;
    images->inspect_parallel = MAX (options->parallel, 1);
    images->inspect_cache = g_strdup (options->cache_dir);
    kn_jobs_register (jobs, &kind, images);
}
