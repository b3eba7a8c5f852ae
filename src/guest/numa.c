/* SPDX-License-Identifier: Apache-2.0 */
/* What image and flavor wish of NUMA nodes, pinned CPUs and page sizes (Nova 26.2, virt/hardware.py, numa_get_constraints).
 * A topology comes about when nodes, page sizes or CPUs of its own are asked for. */
#include "guest/numa.h"

#include <string.h>

#include "base/util.h"

#define MAX_NODES 128

typedef struct {
    const char *policy, *thread_policy, *emulator;
    KnSaid policy_said, nodes_said, page_said;
    bool has_realtime, has_dedicated;
    KnCpus realtime, dedicated;
    gint64 nodes, page_kib;
} Wishes;

void
kn_numa_topology_free (KnNumaTopology *topology)
{
    if (!topology)
        return;
    g_free (topology->cells);
    g_free (topology);
}

static bool
check_enum (const char *property, KnSaid said, const char *class, GError **error)
{
    g_autofree char *allowed = NULL;
    if (!said.text || !*said.text
        || kn_guest_property_allows (kn_guest_property_find (property), said.text, &allowed))
        return true;
    kn_guest_fail (error, class, "%s is '%s'; allowed are %s.", said.source, said.text, allowed);
    return false;
}

static bool
read_policy (KnDraft *draft, Wishes *w, GError **error)
{
    KnSaid flavor = kn_spec (draft, "hw:cpu_policy"), image = kn_property (draft, "hw_cpu_policy");
    if (!check_enum ("hw_cpu_policy", flavor, "api/InvalidCPUAllocationPolicy", error))
        return false;
    bool flavor_mixed = kn_is (flavor, "mixed"), flavor_shared = kn_is (flavor, "shared");
    bool wants_own = kn_is (image, "dedicated") || (kn_is (image, "mixed") && flavor_shared);
    if ((flavor_mixed || flavor_shared) && wants_own) {
        kn_guest_fail (error, "api/ImageCPUPinningForbidden",
                       "The image asks for '%s' CPUs (hw_cpu_policy), the flavor gives '%s' ones.",
                       image.text, flavor.text);
        return false;
    }
    w->policy_said = flavor.text ? flavor : image;
    w->policy = w->policy_said.text;
    return true;
}

/* A flavor's "prefer" beats an image's stricter wish. */
static bool
read_thread_policy (KnDraft *draft, Wishes *w, GError **error)
{
    KnSaid flavor = kn_spec (draft, "hw:cpu_thread_policy");
    KnSaid image = kn_property (draft, "hw_cpu_thread_policy");
    if (!check_enum ("hw_cpu_thread_policy", flavor, "api/InvalidCPUThreadAllocationPolicy", error))
        return false;
    bool strict = flavor.text && !kn_is (flavor, "prefer");
    if (strict && image.text && strcmp (image.text, flavor.text) != 0) {
        kn_guest_fail (error, "api/ImageCPUThreadPolicyForbidden",
                       "The image asks for thread policy '%s', the flavor gives '%s'.", image.text,
                       flavor.text);
        return false;
    }
    /* "prefer" leaves it to the image; in Nova it beats the image without a word. */
    bool open = !flavor.text || (!strict && !draft->profile->like_nova && image.text);
    w->thread_policy = open ? image.text : flavor.text;
    return true;
}

static bool
read_emulator (KnDraft *draft, Wishes *w, GError **error)
{
    KnSaid said = kn_spec (draft, "hw:emulator_threads_policy");
    if (!said.text || !*said.text)
        return true;
    if (!kn_is (said, "share") && !kn_is (said, "isolate")) {
        kn_guest_fail (error, "api/InvalidEmulatorThreadsPolicy",
                       "%s is '%s'; allowed are share, isolate.", said.source, said.text);
        return false;
    }
    w->emulator = said.text;
    return true;
}

static bool
read_list (KnSaid said, KnCpus *out_cpus, GError **error)
{
    if (kn_cpus_parse (said.text, out_cpus))
        return true;
    kn_guest_fail (error, "api/Invalid", "%s is '%.200s', which is no list of CPUs.", said.source,
                   said.text);
    return false;
}

/* A mask that only excludes is taken from all vCPUs. */
static bool
read_mask (const KnDraft *draft, KnSaid said, KnCpus *out_cpus, GError **error)
{
    const char *start = said.text + strspn (said.text, " \t");
    if (*start != '^')
        return read_list (said, out_cpus, error);
    g_autofree char *whole
        = g_strdup_printf ("0-%u,%s", MAX (draft->facts->vcpus, 1) - 1, said.text);
    return read_list ((KnSaid){ whole, said.source }, out_cpus, error);
}

bool
kn_wants_realtime (const KnDraft *draft)
{
    return kn_true (kn_spec (draft, "hw:cpu_realtime"));
}

static bool
read_realtime (KnDraft *draft, Wishes *w, GError **error)
{
    KnCpus all = kn_cpus_below (draft->facts->vcpus);
    KnSaid image = kn_property (draft, "hw_cpu_realtime_mask");
    KnSaid said = image.text && *image.text ? image : kn_spec (draft, "hw:cpu_realtime_mask");
    if (!kn_wants_realtime (draft))
        return true;
    w->realtime = all;
    if (said.text && *said.text && !read_mask (draft, said, &w->realtime, error))
        return false;
    if (!read_emulator (draft, w, error))
        return false;
    if (kn_cpus_is_empty (&w->realtime) || (kn_cpus_equal (&w->realtime, &all) && !w->emulator)) {
        kn_guest_fail (
            error, "api/RealtimeMaskNotFoundOrInvalid",
            "A real-time guest needs a vCPU that is not real-time (hw:cpu_realtime_mask), "
            "or CPUs for QEMU's own threads (hw:emulator_threads_policy).");
        return false;
    }
    if (!kn_cpus_is_within (&w->realtime, &all)) {
        kn_guest_fail (error, "api/RealtimeMaskNotFoundOrInvalid",
                       "%s is '%s', but the flavor has %u vCPUs.", said.source, said.text,
                       draft->facts->vcpus);
        return false;
    }
    w->has_realtime = true;
    return true;
}

bool
kn_realtime_check (KnDraft *draft, GError **error)
{
    Wishes w = { 0 };
    return read_realtime (draft, &w, error);
}

static bool
read_dedicated (KnDraft *draft, Wishes *w, GError **error)
{
    KnSaid said = kn_spec (draft, "hw:cpu_dedicated_mask");
    KnCpus all = kn_cpus_below (draft->facts->vcpus);
    if (!said.text || !*said.text)
        return true;
    if (!read_mask (draft, said, &w->dedicated, error))
        return false;
    KnCpus shared = kn_cpus_minus (all, w->dedicated);
    if (kn_cpus_is_empty (&w->dedicated) || kn_cpus_is_empty (&shared)
        || !kn_cpus_is_within (&w->dedicated, &all)) {
        kn_guest_fail (error, "api/InvalidMixedInstanceDedicatedMask",
                       "%s is '%s'; it has to name some, but not all, of the flavor's %u vCPUs.",
                       said.source, said.text, draft->facts->vcpus);
        return false;
    }
    w->has_dedicated = true;
    return true;
}

/* "resources:PCPU", "resources1:PCPU" … added up. */
static gint64
count_resource (const KnDraft *draft, const char *name)
{
    GHashTableIter iter;
    gpointer key, value;
    gint64 sum = 0, n;
    if (!draft->facts->extra_specs)
        return 0;
    g_hash_table_iter_init (&iter, draft->facts->extra_specs);
    while (g_hash_table_iter_next (&iter, &key, &value)) {
        const char *rest = key;
        if (!g_str_has_prefix (rest, "resources"))
            continue;
        rest += strlen ("resources");
        rest += strspn (rest, "0123456789");
        if (*rest == ':' && g_str_has_prefix (rest + 1, name) && kn_read_int (value, &n))
            sum += n;
    }
    return sum;
}

static bool
fail_request (GError **error, const char *sentence)
{
    kn_guest_fail (error, "api/InvalidRequest", "%s", sentence);
    return false;
}

/* The flavor may count CPUs as placement resources instead of by policy. */
static bool
apply_resources (KnDraft *draft, Wishes *w, GError **error)
{
    gint64 shared = count_resource (draft, "VCPU"), own = count_resource (draft, "PCPU");
    bool isolate = g_strcmp0 (w->emulator, "isolate") == 0;
    if (w->policy && (shared || own))
        return fail_request (error, "A CPU policy excludes resources:VCPU and resources:PCPU.");
    if (shared && own)
        return fail_request (error, "resources:VCPU and resources:PCPU exclude each other.");
    if (own && own != (gint64)draft->facts->vcpus + isolate)
        return fail_request (error, "resources:PCPU has to be the number of vCPUs, plus one if the "
                                    "emulator's threads are isolated.");
    if (own)
        w->policy = "dedicated";
    if (shared)
        w->policy = "shared";
    if (own || shared)
        w->policy_said
            = (KnSaid){ w->policy, own ? "flavor resources:PCPU" : "flavor resources:VCPU" };
    return true;
}

static bool
apply_hyperthreading (KnDraft *draft, Wishes *w, GError **error)
{
    KnSaid flavor = kn_spec (draft, "trait:HW_CPU_HYPERTHREADING");
    KnSaid image = kn_property (draft, "trait:HW_CPU_HYPERTHREADING");
    const char *trait = flavor.text ? flavor.text : kn_is (image, "required") ? "required" : NULL;
    if (!trait)
        return true;
    if (w->thread_policy)
        return fail_request (error,
                             "trait:HW_CPU_HYPERTHREADING and a thread policy exclude each other.");
    if (strcmp (trait, "forbidden") == 0)
        w->thread_policy = "isolate";
    else if (strcmp (trait, "required") == 0)
        w->thread_policy = "require";
    return true;
}

static bool
fail_shared (GError **error, const char *class, const char *what)
{
    kn_guest_fail (error, class, "%s needs CPUs of the guest's own (hw:cpu_policy=dedicated).",
                   what);
    return false;
}

static bool
check_shared (const Wishes *w, GError **error)
{
    if (w->thread_policy)
        return fail_shared (error, "api/CPUThreadPolicyConfigurationInvalid", "A thread policy");
    if (g_strcmp0 (w->emulator, "isolate") == 0)
        return fail_shared (error, "api/BadRequirementEmulatorThreadsPolicy",
                            "Isolating the emulator's threads");
    if (w->has_dedicated)
        return fail_shared (error, "api/RequiredMixedInstancePolicy", "hw:cpu_dedicated_mask");
    if (w->has_realtime)
        return fail_shared (error, "api/RealtimeConfigurationInvalid", "Real-time scheduling");
    return true;
}

static bool
check_mixed (Wishes *w, GError **error)
{
    if (w->has_realtime == w->has_dedicated) {
        kn_guest_fail (error, "api/RequiredMixedOrRealtimeCPUMask",
                       "A mixed guest needs one of hw:cpu_dedicated_mask and hw:cpu_realtime_mask, "
                       "and not both.");
        return false;
    }
    if (w->has_realtime)
        w->dedicated = w->realtime;
    return true;
}

static bool
check_policy (KnDraft *draft, Wishes *w, GError **error)
{
    if (!w->policy || strcmp (w->policy, "shared") == 0)
        return check_shared (w, error);
    if (strcmp (w->policy, "mixed") == 0)
        return check_mixed (w, error);
    if (w->has_dedicated)
        return fail_shared (error, "api/RequiredMixedInstancePolicy", "hw:cpu_dedicated_mask");
    w->dedicated = kn_cpus_below (draft->facts->vcpus);
    return true;
}

static bool
read_nodes (KnDraft *draft, Wishes *w, GError **error)
{
    KnSaid flavor = kn_spec (draft, "hw:numa_nodes"), image = kn_property (draft, "hw_numa_nodes");
    if (flavor.text && *flavor.text && kn_number (image) != 0) {
        kn_guest_fail (
            error, "api/ImageNUMATopologyForbidden",
            "Image and flavor both say how many NUMA nodes; the flavor's word is enough.");
        return false;
    }
    w->nodes_said = flavor.text && *flavor.text ? flavor : image;
    if (!w->nodes_said.text)
        return true;
    if (!kn_read_int (w->nodes_said.text, &w->nodes) || w->nodes < 1) {
        kn_guest_fail (error, "api/InvalidNUMANodesNumber", "%s is '%s'; it has to be 1 or more.",
                       w->nodes_said.source, w->nodes_said.text);
        return false;
    }
    return true;
}

/* "2MB", "1GiB", "8388608b": a number and a unit that ends in b, bit or B; a bare number is KiB. */
static bool
read_size (const char *text, gint64 *out_kib)
{
    const char letters[] = "KMGTPE";
    if (kn_parse_int (text, 0, G_MAXINT32, out_kib))
        return true;
    char *end = NULL;
    gdouble number = g_ascii_strtod (text, &end);
    if (end == text || number < 0 || number > 1e12)
        return false;
    const char *letter = *end ? strchr (letters, *end) : NULL;
    gdouble bytes = number;
    if (letter) {
        for (const char *l = letters; l <= letter; l++)
            bytes *= 1024;
        end += end[1] == 'i' ? 2 : 1;
    }
    bool bits = strcmp (end, "b") == 0 || strcmp (end, "bit") == 0;
    if ((!bits && strcmp (end, "B") != 0) || bytes > 1e15)
        return false;
    *out_kib = (gint64)(bits ? bytes / 8 : bytes) / 1024;
    return true;
}

static bool
read_page (KnSaid said, gint64 *out_kib, GError **error)
{
    static const struct {
        const char *word;
        gint64 value;
    } words[]
        = { { "small", KN_PAGES_SMALL }, { "large", KN_PAGES_LARGE }, { "any", KN_PAGES_ANY } };
    for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
        if (kn_is (said, words[i].word)) {
            *out_kib = words[i].value;
            return true;
        }
    if (read_size (said.text, out_kib))
        return true;
    kn_guest_fail (error, "api/MemoryPageSizeInvalid",
                   "%s is '%s'; allowed are small, large, any, or a size such as 2MB.", said.source,
                   said.text);
    return false;
}

/* The image may choose only where the flavor leaves the choice. */
static bool
read_pages (KnDraft *draft, Wishes *w, GError **error)
{
    KnSaid flavor = kn_spec (draft, "hw:mem_page_size"),
           image = kn_property (draft, "hw_mem_page_size");
    bool open = false;
    if (flavor.text && *flavor.text) {
        if (!read_page (flavor, &w->page_kib, error))
            return false;
        open = w->page_kib == KN_PAGES_ANY || w->page_kib == KN_PAGES_LARGE;
        w->page_said = flavor;
    }
    if (!image.text || !*image.text)
        return true;
    if (!open) {
        kn_guest_fail (error, "api/MemoryPageSizeForbidden",
                       "hw_mem_page_size is '%s', but the flavor does not leave the choice "
                       "(hw:mem_page_size has to be large or any).",
                       image.text);
        return false;
    }
    w->page_said = image;
    return read_page (image, &w->page_kib, error);
}

static bool
check_locked (KnDraft *draft, GError **error)
{
    KnSaid said;
    if (!kn_pick (draft, "hw_locked_memory", &said, error))
        return false;
    bool paged
        = kn_spec (draft, "hw:mem_page_size").text || kn_property (draft, "hw_mem_page_size").text;
    if (!kn_true (said) || paged)
        return true;
    kn_guest_fail (error, "api/LockMemoryForbidden",
                   "Locked memory (%s) needs a page size (hw:mem_page_size).", said.source);
    return false;
}

/* Values N = 0, 1, … of a family; the first missing one ends it. */
static gsize
count_family (KnDraft *draft, bool of_flavor, const char *name)
{
    gsize n = 0;
    for (; n < MAX_NODES; n++) {
        g_autofree char *key = g_strdup_printf ("%s%zu", name, n);
        if (!(of_flavor ? kn_spec (draft, key) : kn_property (draft, key)).text)
            break;
    }
    return n;
}

typedef struct {
    bool of_flavor;
    const char *name;
    gsize n;
} Family;

static bool
find_family (KnDraft *draft, const char *spec, const char *property, Family *out, GError **error)
{
    gsize n_flavor = count_family (draft, true, spec),
          n_image = count_family (draft, false, property);
    if (n_flavor && n_image) {
        kn_guest_fail (
            error, "api/ImageNUMATopologyForbidden",
            "Image (%sN) and flavor (%sN) both lay out the NUMA nodes; the flavor's word is "
            "enough.",
            property, spec);
        return false;
    }
    *out = (Family){ n_flavor > 0, n_flavor ? spec : property, n_flavor ? n_flavor : n_image };
    return true;
}

/* Nova passes over a node that the guest does not have, and over all of them where nothing asks for nodes. */
static bool
check_family_key (const char *key, const char *source, gsize n_cells, GError **error)
{
    gint64 index;
    const KnGuestProperty *row
        = strchr (key, ':') ? kn_guest_spec_find (key) : kn_guest_property_find (key);
    if (!row || !(row->flags & KN_PROPERTY_FAMILY))
        return true;
    if (!kn_parse_int (strrchr (key, '.') + 1, 0, 65536, &index) || (gsize)index < n_cells)
        return true;
    if (n_cells == 0)
        kn_guest_fail (error, "api/InvalidRequest", "%s %s has no effect without hw%cnuma_nodes.",
                       source, key, strchr (key, ':') ? ':' : '_');
    else
        kn_guest_fail (error, "api/InvalidRequest",
                       "%s %s is about a NUMA node that the guest does not have; it has %zu, "
                       "counted from 0.",
                       source, key, n_cells);
    return false;
}

static bool
check_families (const KnDraft *draft, gsize n_cells, GError **error)
{
    GHashTableIter iter;
    gpointer key;
    if (draft->profile->like_nova)
        return true;
    g_hash_table_iter_init (&iter, draft->properties);
    while (g_hash_table_iter_next (&iter, &key, NULL))
        if (!check_family_key (key, "image", n_cells, error))
            return false;
    if (!draft->facts->extra_specs)
        return true;
    g_hash_table_iter_init (&iter, draft->facts->extra_specs);
    while (g_hash_table_iter_next (&iter, &key, NULL))
        if (!check_family_key (key, "flavor", n_cells, error))
            return false;
    return true;
}

static KnSaid
family_said (KnDraft *draft, const Family *family, gsize index)
{
    g_autofree char *key = g_strdup_printf ("%s%zu", family->name, index);
    return family->of_flavor ? kn_spec (draft, key) : kn_property (draft, key);
}

static void
share_out (KnNumaCell *cell, KnCpus cpus, const Wishes *w)
{
    cell->pinned = kn_cpus_and (cpus, w->dedicated);
    cell->shared = kn_cpus_minus (cpus, w->dedicated);
    cell->page_kib = w->page_kib;
}

static bool
lay_out_evenly (KnDraft *draft, KnNumaTopology *topology, const Wishes *w, GError **error)
{
    gsize n = topology->n_cells, vcpus = draft->facts->vcpus;
    if (vcpus % n || draft->facts->memory_mib % n) {
        kn_guest_fail (error, "api/ImageNUMATopologyAsymmetric",
                       "%zu vCPUs and %" G_GUINT64_FORMAT
                       " MiB do not divide by %zu NUMA nodes; say "
                       "hw:numa_cpus.N and hw:numa_mem.N for each.",
                       vcpus, draft->facts->memory_mib, n);
        return false;
    }
    for (gsize i = 0; i < n; i++) {
        KnCpus cpus = kn_cpus_minus (kn_cpus_below ((guint)((i + 1) * (vcpus / n))),
                                     kn_cpus_below ((guint)(i * (vcpus / n))));
        share_out (&topology->cells[i], cpus, w);
        topology->cells[i].memory_mib = (gint64)(draft->facts->memory_mib / n);
    }
    return true;
}

static bool
check_cell_cpus (KnDraft *draft, const KnCpus *cpus, KnCpus *left, GError **error)
{
    KnCpus all = kn_cpus_below (draft->facts->vcpus);
    if (!kn_cpus_is_within (cpus, &all)) {
        kn_guest_fail (error, "api/ImageNUMATopologyCPUOutOfRange",
                       "A NUMA node has a vCPU above %u, the last of the flavor.",
                       draft->facts->vcpus - 1);
        return false;
    }
    if (!kn_cpus_is_within (cpus, left)) {
        kn_guest_fail (error, "api/ImageNUMATopologyCPUDuplicates", "A vCPU is in two NUMA nodes.");
        return false;
    }
    *left = kn_cpus_minus (*left, *cpus);
    return true;
}

static bool
lay_out_as_told (KnDraft *draft, KnNumaTopology *topology, const Wishes *w, const Family *cpus,
                 const Family *memory, GError **error)
{
    KnCpus left = kn_cpus_below (draft->facts->vcpus);
    gint64 total = 0;
    for (gsize i = 0; i < topology->n_cells; i++) {
        KnCpus of_cell = { 0 };
        if (!read_list (family_said (draft, cpus, i), &of_cell, error)
            || !check_cell_cpus (draft, &of_cell, &left, error))
            return false;
        share_out (&topology->cells[i], of_cell, w);
        topology->cells[i].memory_mib = kn_number (family_said (draft, memory, i));
        total += topology->cells[i].memory_mib;
    }
    if (!kn_cpus_is_empty (&left)) {
        g_autofree char *list = kn_cpus_format (&left);
        kn_guest_fail (error, "api/ImageNUMATopologyCPUsUnassigned",
                       "vCPUs %s are in no NUMA node.", list);
        return false;
    }
    if (total != (gint64)draft->facts->memory_mib) {
        kn_guest_fail (error, "api/ImageNUMATopologyMemoryOutOfRange",
                       "The NUMA nodes have %" G_GINT64_FORMAT " MiB, the flavor %" G_GUINT64_FORMAT
                       ".",
                       total, draft->facts->memory_mib);
        return false;
    }
    return true;
}

static bool
lay_out (KnDraft *draft, KnNumaTopology *topology, const Wishes *w, GError **error)
{
    Family cpus, memory;
    if (!find_family (draft, "hw:numa_cpus.", "hw_numa_cpus.", &cpus, error)
        || !find_family (draft, "hw:numa_mem.", "hw_numa_mem.", &memory, error))
        return false;
    if (cpus.n == 0 && memory.n == 0)
        return lay_out_evenly (draft, topology, w, error);
    if (cpus.n != topology->n_cells || memory.n != topology->n_cells) {
        kn_guest_fail (error, "api/ImageNUMATopologyIncomplete",
                       "vCPUs and memory have to be said for all %zu NUMA nodes, or for none.",
                       topology->n_cells);
        return false;
    }
    return lay_out_as_told (draft, topology, w, &cpus, &memory, error);
}

static bool
read_wishes (KnDraft *draft, Wishes *w, GError **error)
{
    return read_policy (draft, w, error) && read_thread_policy (draft, w, error)
           && read_realtime (draft, w, error) && read_dedicated (draft, w, error)
           && read_emulator (draft, w, error) && apply_resources (draft, w, error)
           && apply_hyperthreading (draft, w, error) && check_policy (draft, w, error)
           && read_nodes (draft, w, error) && read_pages (draft, w, error)
           && check_locked (draft, error);
}

/* *@out_topology stays NULL where nothing asks for a topology. */
static bool
make_topology (KnDraft *draft, KnNumaTopology **out_topology, GError **error)
{
    Wishes w = { 0 };
    if (!read_wishes (draft, &w, error))
        return false;
    bool own = w.policy && strcmp (w.policy, "shared") != 0;
    if (!w.nodes && !w.page_kib && !own)
        return check_families (draft, 0, error);
    if (draft->facts->vcpus > KN_CPUS_MAX) {
        kn_guest_fail (error, "claim/ComputeResourcesUnavailable",
                       "A guest with NUMA nodes or CPUs of its own can have %d vCPUs.",
                       KN_CPUS_MAX);
        return false;
    }
    if (w.nodes > (gint64)draft->facts->vcpus) /* also bounds what is allocated */
        w.nodes = (gint64)draft->facts->vcpus + 1;

    g_autoptr (KnNumaTopology) topology = g_new0 (KnNumaTopology, 1);
    topology->n_cells = (gsize)MAX (w.nodes, 1);
    topology->cells = g_new0 (KnNumaCell, topology->n_cells);
    topology->pinned = own;
    topology->thread_policy = w.thread_policy;
    topology->emulator = w.emulator;
    topology->realtime = w.realtime;
    topology->said = w.nodes_said.text ? w.nodes_said : own ? w.policy_said : w.page_said;
    if (!lay_out (draft, topology, &w, error) || !check_families (draft, topology->n_cells, error))
        return false;
    *out_topology = g_steal_pointer (&topology);
    return true;
}

bool
kn_numa_check (KnDraft *draft, GError **error)
{
    g_autoptr (KnNumaTopology) topology = NULL;
    return make_topology (draft, &topology, error);
}

bool
kn_choose_numa (KnDraft *draft, GError **error)
{
    if (!make_topology (draft, &draft->numa, error))
        return false;
    if (!draft->numa || !draft->host_known)
        return true;
    if (!kn_numa_place (draft, draft->numa, error))
        return false;
    kn_numa_note (draft->numa, draft->plan);
    return true;
}
