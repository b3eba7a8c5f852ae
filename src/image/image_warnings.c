/* SPDX-License-Identifier: Apache-2.0 */
/* What is probably wrong with an image. */
#include <string.h>

#include "base/error.h"
#include "base/zone.h"
#include "guest/plan.h"
#include "image/image_priv.h"

void
kn_image_warning_free (gpointer data)
{
    KnImageWarning *warning = data;

    g_free (warning->property);
    g_free (warning->value);
    g_free (warning->message);
    g_free (warning->suggestion);
    g_free (warning);
}

/* Data without a format of its own counts as raw, whatever was declared. */
static void
add_format_warning (GPtrArray *warnings, const KnImageRow *row)
{
    if (!row->declared_format || g_strcmp0 (row->declared_format, row->disk_format) == 0)
        return;

    KnImageWarning *warning = g_new0 (KnImageWarning, 1);
    *warning = (KnImageWarning){
        .property = g_strdup ("disk_format"),
        .value = g_strdup (row->declared_format),
        .message = g_strdup_printf ("The image was declared as %s, but its data is %s; it is used "
                                    "as %s.",
                                    row->declared_format, row->disk_format, row->disk_format),
        .suggestion = g_strdup_printf ("disk_format=%s", row->disk_format),
    };
    g_ptr_array_add (warnings, warning);
}

static void
add_hints (GPtrArray *warnings, const KnImageRow *row)
{
    g_autoptr (GPtrArray) hints = kn_guest_hints (row->properties);

    for (guint i = 0; i < hints->len; i++) {
        const KnGuestHint *hint = hints->pdata[i];
        KnImageWarning *warning = g_new0 (KnImageWarning, 1);
        *warning = (KnImageWarning){ .property = g_strdup (hint->property),
                                     .value = g_strdup (hint->value),
                                     .message = g_strdup (hint->message),
                                     .suggestion = g_strdup (hint->suggestion) };
        g_ptr_array_add (warnings, warning);
    }
}

/* QEMU would take it for UTC. */
static void
add_zone_warning (GPtrArray *warnings, const KnImageRow *row)
{
    const char *zone = g_hash_table_lookup (row->properties, "os_timezone");
    g_autoptr (GError) error = NULL;

    if (!zone || kn_zone_check (zone, &error))
        return;
    KnImageWarning *warning = g_new0 (KnImageWarning, 1);
    *warning = (KnImageWarning){
        .property = g_strdup ("os_timezone"),
        .value = g_strdup (zone),
        .message
        = g_strdup_printf ("%s Servers from this image are refused.", kn_error_sentence (error)),
        .suggestion = g_strdup ("an IANA name such as os_timezone=Asia/Shanghai"),
    };
    g_ptr_array_add (warnings, warning);
}

static gint
compare_warnings (gconstpointer a, gconstpointer b)
{
    const KnImageWarning *x = *(KnImageWarning *const *)a, *y = *(KnImageWarning *const *)b;

    return strcmp (x->property, y->property);
}

GPtrArray *
kn_image_warnings (const KnImageRow *row)
{
    GPtrArray *warnings = g_ptr_array_new_with_free_func (kn_image_warning_free);

    add_format_warning (warnings, row);
    add_hints (warnings, row);
    add_zone_warning (warnings, row);
    g_ptr_array_sort (warnings, compare_warnings);
    return warnings;
}
