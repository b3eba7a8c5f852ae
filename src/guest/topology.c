/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets, cores and threads.
 *
 * Limits and wishes come from image and flavor. Among all splits of the vCPUs within the limits, the one that meets most
 * wishes wins; among equals Nova takes the one with most sockets (Nova 26.2, virt/hardware.py). Windows licences count
 * sockets, so kilonova-1 gives it the one with fewest. */
#include "guest/numa.h"

#define NO_LIMIT 65536

static const char *const image_limits[]
    = { "hw_cpu_max_sockets", "hw_cpu_max_cores", "hw_cpu_max_threads" };
static const char *const flavor_limits[]
    = { "hw:cpu_max_sockets", "hw:cpu_max_cores", "hw:cpu_max_threads" };
static const char *const image_wishes[] = { "hw_cpu_sockets", "hw_cpu_cores", "hw_cpu_threads" };
static const char *const flavor_wishes[] = { "hw:cpu_sockets", "hw:cpu_cores", "hw:cpu_threads" };

typedef struct {
    KnTopology max, wish;
} Constraints;

static KnTopology
read_image (const KnDraft *draft, const char *const names[3])
{
    return (KnTopology){ kn_number (kn_property (draft, names[0])),
                         kn_number (kn_property (draft, names[1])),
                         kn_number (kn_property (draft, names[2])) };
}

static bool
read_flavor (const KnDraft *draft, const char *const names[3], KnTopology *out, GError **error)
{
    gint64 values[3] = { 0, 0, 0 };
    for (gsize i = 0; i < 3; i++) {
        KnSaid said = kn_spec (draft, names[i]);
        if (said.text && !kn_read_int (said.text, &values[i])) {
            kn_guest_fail (error, "api/InvalidRequest",
                           "Extra spec %s is '%s', which is no whole number.", names[i], said.text);
            return false;
        }
    }
    *out = (KnTopology){ values[0], values[1], values[2] };
    return true;
}

static bool
exceeds (KnTopology a, KnTopology b)
{
    return a.sockets > b.sockets || a.cores > b.cores || a.threads > b.threads;
}

static bool
exceeds_set (KnTopology image, KnTopology flavor)
{
    return (flavor.sockets && image.sockets > flavor.sockets)
           || (flavor.cores && image.cores > flavor.cores)
           || (flavor.threads && image.threads > flavor.threads);
}

static gint64
first_set (gint64 a, gint64 b)
{
    return a ? a : b ? b : NO_LIMIT;
}

static bool
is_set (KnTopology t)
{
    return t.sockets || t.cores || t.threads;
}

static const char *
format (char buffer[64], KnTopology t)
{
    g_snprintf (buffer, 64,
                "%" G_GINT64_FORMAT " sockets, %" G_GINT64_FORMAT " cores, %" G_GINT64_FORMAT
                " threads",
                t.sockets, t.cores, t.threads);
    return buffer;
}

/* An unknown version or edition never lowers a limit (os.h). */
static bool
limit_by_edition (KnDraft *draft, Constraints *limits, GError **error)
{
    const KnOs *os = kn_draft_os (draft);
    const KnOsEdition *edition = kn_os_find_edition (os, kn_draft_edition (draft));
    guint most = kn_os_max_sockets (os, kn_draft_edition (draft));
    if (!draft->profile->windows_one_socket || most == 0)
        return true;
    if (limits->wish.sockets > most) {
        kn_guest_fail (error, "api/ImageVCPUTopologyRangeExceeded",
                       "%" G_GINT64_FORMAT " sockets are wished for, but %s%s%s uses %u at most.",
                       limits->wish.sockets, os->title, edition ? " " : "",
                       edition ? edition->title : "", most);
        return false;
    }
    limits->max.sockets = MIN (limits->max.sockets, most);
    return true;
}

static bool
read_constraints (KnDraft *draft, Constraints *out, GError **error)
{
    KnTopology flavor_max, flavor_wish, image_max = read_image (draft, image_limits);
    KnTopology image_wish = read_image (draft, image_wishes);
    char a[64], b[64];
    if (!read_flavor (draft, flavor_limits, &flavor_max, error))
        return false;
    if (exceeds_set (image_max, flavor_max)) {
        kn_guest_fail (error, "api/ImageVCPULimitsRangeExceeded",
                       "The image's limits (%s) are above the flavor's (%s).",
                       format (a, image_max), format (b, flavor_max));
        return false;
    }
    out->max = (KnTopology){ first_set (image_max.sockets, flavor_max.sockets),
                             first_set (image_max.cores, flavor_max.cores),
                             first_set (image_max.threads, flavor_max.threads) };

    if (!read_flavor (draft, flavor_wishes, &flavor_wish, error))
        return false;
    if (exceeds (flavor_wish, out->max)) {
        if (!draft->profile->like_nova && !is_set (image_wish)) {
            kn_guest_fail (error, "api/ImageVCPUTopologyRangeExceeded",
                           "The flavor wishes for %s, above the limits (%s).",
                           format (a, flavor_wish), format (b, out->max));
            return false;
        }
        flavor_wish = (KnTopology){ 0, 0, 0 };
    }
    if (exceeds (image_wish, out->max)) {
        kn_guest_fail (error, "api/ImageVCPUTopologyRangeExceeded",
                       "The image wishes for %s, above the limits (%s).", format (a, image_wish),
                       format (b, out->max));
        return false;
    }
    out->wish = is_set (image_wish) ? image_wish : flavor_wish;
    return limit_by_edition (draft, out, error);
}

bool
kn_topology_check (KnDraft *draft, GError **error)
{
    Constraints constraints;
    return read_constraints (draft, &constraints, error);
}

static int
score (KnTopology t, KnTopology wish)
{
    return (wish.sockets && t.sockets == wish.sockets) + (wish.cores && t.cores == wish.cores)
           + (wish.threads && t.threads == wish.threads);
}

static int
count_set (KnTopology t)
{
    return (t.sockets != 0) + (t.cores != 0) + (t.threads != 0);
}

/* Fewest threads first; then most sockets, or fewest where sockets are what is licensed. */
static bool
is_better (KnTopology a, KnTopology b, KnTopology wish, bool few_sockets)
{
    int score_a = score (a, wish), score_b = score (b, wish);
    if (score_a != score_b)
        return score_a > score_b;
    if (a.threads != b.threads)
        return a.threads < b.threads;
    return few_sockets ? a.sockets < b.sockets : a.sockets > b.sockets;
}

static bool
find_best (gint64 vcpus, const Constraints *limits, bool few_sockets, KnTopology *out)
{
    bool found = false;
    for (gint64 s = 1; s <= MIN (vcpus, limits->max.sockets); s++) {
        if (vcpus % s)
            continue;
        for (gint64 c = 1; c <= MIN (vcpus / s, limits->max.cores); c++) {
            KnTopology t = { s, c, vcpus / s / c };
            if (t.sockets * t.cores * t.threads != vcpus || t.threads > limits->max.threads)
                continue;
            if (!found || is_better (t, *out, limits->wish, few_sockets))
                *out = t;
            found = true;
        }
    }
    return found;
}

/* Who shaped the topology, for the reason: a wish before a limit, the image before the flavor. */
static KnSaid
find_said (const KnDraft *draft)
{
    KnSaid said = { NULL, NULL };
    for (gsize i = 0; i < 3 && !said.text; i++)
        said = kn_property (draft, image_wishes[i]);
    for (gsize i = 0; i < 3 && !said.text; i++)
        said = kn_spec (draft, flavor_wishes[i]);
    for (gsize i = 0; i < 3 && !said.text; i++)
        said = kn_property (draft, image_limits[i]);
    for (gsize i = 0; i < 3 && !said.text; i++)
        said = kn_spec (draft, flavor_limits[i]);
    return said;
}

/* A socket for each NUMA node, where the edition has as many and the vCPUs can be split so; 0: nothing to wish for. */
static gint64
sockets_for_numa (const KnDraft *draft, const Constraints *limits)
{
    gint64 n = draft->numa ? (gint64)draft->numa->n_cells : 0;
    bool fits = n > 1 && n <= limits->max.sockets && draft->facts->vcpus % (guint64)n == 0;
    return fits && (gint64)draft->facts->vcpus / n <= limits->max.cores ? n : 0;
}

bool
kn_topology_choose (KnDraft *draft, KnTopology *out_topology, KnSaid *out_said, GError **error)
{
    Constraints limits;
    char text[64];
    gint64 vcpus = draft->facts->vcpus;
    bool few = draft->windows && draft->profile->windows_one_socket;
    if (!read_constraints (draft, &limits, error))
        return false;
    if (few && !is_set (limits.wish))
        limits.wish.sockets = sockets_for_numa (draft, &limits);
    if (!find_best (vcpus, &limits, few, out_topology)) {
        kn_guest_fail (error, "driver/ImageVCPULimitsRangeImpossible",
                       "%" G_GINT64_FORMAT " vCPUs cannot be split within the limits (%s).", vcpus,
                       format (text, limits.max));
        return false;
    }
    if (!draft->profile->like_nova
        && score (*out_topology, limits.wish) < count_set (limits.wish)) {
        kn_guest_fail (error, "api/InvalidRequest",
                       "%" G_GINT64_FORMAT
                       " vCPUs cannot be split as wished for (%s; 0 is no wish).",
                       vcpus, format (text, limits.wish));
        return false;
    }
    *out_said = find_said (draft);
    return true;
}
