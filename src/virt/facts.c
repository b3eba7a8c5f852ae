/* SPDX-License-Identifier: Apache-2.0 */
/* What a host can do: read from its capabilities and those of its domains. */
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "virt/facts_cells.h"

#define ZONE_LINK "/etc/localtime"
#define ZONE_FOLDER "zoneinfo/"
#define MEMORY_STATS 4
#define SEV "/domainCapabilities/features/sev[@supported='yes']"
/* cgroup 2 lists its controllers in the file, cgroup 1 has a folder for each. */
#define CGROUP_LIST "/sys/fs/cgroup/cgroup.controllers"
#define CGROUP_CPU "/sys/fs/cgroup/cpu"

/* The public record and what it points to. */
typedef struct {
    KnVirtFacts facts; /* first: it is what callers hold */
    GStringChunk *strings;
    char **machines, **hyperv, **models;
    KnVirtCells *cells;
    char *fingerprint; /* of all that it was read from */
} KnVirtFactsBox;

static const char *
keep (KnVirtFacts *facts, const char *text)
{
    KnVirtFactsBox *box = (KnVirtFactsBox *)facts;

    return text ? g_string_chunk_insert_const (box->strings, text) : NULL;
}

/* Keeps a string that libvirt or XPath allocated. */
static const char *
keep_take (KnVirtFacts *facts, char *text)
{
    const char *kept = keep (facts, text);

    free (text);
    return kept;
}

KnVirtFacts *
kn_virt_facts_new (void)
{
    KnVirtFactsBox *box = g_new0 (KnVirtFactsBox, 1);

    box->strings = g_string_chunk_new (512);
    box->machines = g_new0 (char *, 1);
    box->hyperv = g_new0 (char *, 1);
    box->models = g_new0 (char *, 1);
    box->cells = kn_virt_cells_new ();
    box->facts.machines = (const char *const *)box->machines;
    box->facts.hyperv = (const char *const *)box->hyperv;
    box->facts.cpu_models = (const char *const *)box->models;
    return &box->facts;
}

void
kn_virt_facts_free (KnVirtFacts *facts)
{
    KnVirtFactsBox *box = (KnVirtFactsBox *)facts;

    if (!box)
        return;
    g_string_chunk_free (box->strings);
    g_strfreev (box->machines);
    g_strfreev (box->hyperv);
    g_strfreev (box->models);
    kn_virt_cells_free (box->cells);
    g_free (box->fingerprint);
    g_free (box);
}

bool
kn_virt_facts_equal (const KnVirtFacts *a, const KnVirtFacts *b)
{
    return strcmp (((const KnVirtFactsBox *)a)->fingerprint,
                   ((const KnVirtFactsBox *)b)->fingerprint)
           == 0;
}

const char *
kn_virt_facts_choose_type (const char *wish, const char *arch, const KnXmlView *caps,
                           const char *const *features)
{
    if (strcmp (wish, "kvm") == 0)
        return "kvm";
    if (strcmp (wish, "qemu") == 0)
        return "qemu";

    /* A /dev/kvm makes libvirt list the type; only the processor says whether guests will start. */
    bool listed = kn_xml_view_has (caps, "/capabilities/guest/arch/domain[@type='kvm']");
    bool x86 = g_str_equal (arch, "x86_64") || g_str_equal (arch, "i686");
    bool able = !x86 || g_strv_contains (features, "vmx") || g_strv_contains (features, "svm");
    return listed && able ? "kvm" : "qemu";
}

static void
parse_machines (KnVirtFacts *facts, const KnXmlView *caps)
{
    KnVirtFactsBox *box = (KnVirtFactsBox *)facts;
    g_autofree char *arch
        = g_strdup_printf ("/capabilities/guest[os_type='hvm']/arch[@name='%s']", facts->arch);
    g_autofree char *own
        = g_strdup_printf ("%s/domain[@type='%s']/machine", arch, facts->virt_type);
    g_autofree char *common = g_strdup_printf ("%s/machine", arch);
    const char *base = kn_xml_view_has (caps, own) ? own : common;
    g_autofree char *q35 = g_strdup_printf ("%s[.='q35']/@canonical", base);
    g_autofree char *pc = g_strdup_printf ("%s[.='pc']/@canonical", base);

    g_strfreev (box->machines);
    box->machines = kn_xml_view_list (caps, base);
    facts->machines = (const char *const *)box->machines;
    facts->default_q35 = keep_take (facts, kn_xml_view_dup (caps, q35));
    facts->default_pc = keep_take (facts, kn_xml_view_dup (caps, pc));
}

static void
parse_domain_caps (KnVirtFacts *facts, const KnXmlView *caps)
{
    KnVirtFactsBox *box = (KnVirtFactsBox *)facts;

    g_strfreev (box->hyperv);
    box->hyperv = kn_xml_view_list (
        caps, "/domainCapabilities/features/hyperv/enum[@name='features']/value");
    facts->hyperv = (const char *const *)box->hyperv;
    facts->uefi
        = kn_xml_view_has (caps, "/domainCapabilities/os/enum[@name='firmware'][value='efi']");
    facts->secure_boot
        = kn_xml_view_has (caps, "/domainCapabilities/os/loader/enum[@name='secure'][value='yes']");
    facts->tpm = kn_xml_view_has (caps, "/domainCapabilities/devices/tpm[@supported='yes']/"
                                        "enum[@name='backendModel'][value='emulator']");
    g_strfreev (box->models);
    box->models = kn_xml_view_list (caps, "/domainCapabilities/cpu/mode[@name='custom']/model");
    facts->cpu_models = (const char *const *)box->models;
    facts->sev = kn_xml_view_has (caps, SEV);
    facts->sev_cbit = (guint)kn_xml_view_int (caps, SEV "/cbitpos", 0);
    facts->sev_reduced_bits = (guint)kn_xml_view_int (caps, SEV "/reducedPhysBits", 0);
}

/* Hertz; libvirt measures it where KVM can say it. Only an invariant counter keeps its pace in all states of the processor. */
static guint64
parse_tsc (const KnXmlView *caps)
{
    gint64 hz = kn_xml_view_int (caps,
                                 "/capabilities/host/cpu[feature[@name='invtsc']]"
                                 "/counter[@name='tsc']/@frequency",
                                 0);

    return hz > 0 ? (guint64)hz / 1000 : 0;
}

static void
parse_cells (KnVirtFacts *facts, const KnXmlView *caps)
{
    KnVirtFactsBox *box = (KnVirtFactsBox *)facts;

    kn_virt_cells_free (box->cells);
    box->cells = kn_virt_cells_new ();
    kn_virt_cells_parse (box->cells, caps);
    facts->cells = kn_virt_cells_get (box->cells, &facts->n_cells);
}

void
kn_virt_facts_parse (KnVirtFacts *facts, const KnXmlView *caps, const KnXmlView *domain_caps)
{
    facts->cpu_model = keep_take (facts, kn_xml_view_dup (caps, "/capabilities/host/cpu/model"));
    facts->cpu_vendor = keep_take (facts, kn_xml_view_dup (caps, "/capabilities/host/cpu/vendor"));
    facts->tsc_khz = parse_tsc (caps);
    parse_cells (facts, caps);
    parse_machines (facts, caps);
    if (domain_caps)
        parse_domain_caps (facts, domain_caps);
}

/* All features of the host's processor: capabilities leave out those that its model implies (svm in EPYC). */
static char **
load_features (virConnectPtr conn, const KnXmlView *caps)
{
    xmlXPathObjectPtr cpu = xmlXPathEval (BAD_CAST "/capabilities/host/cpu", caps->xpath);
    g_autoptr (KnXmlView) expanded = NULL;

    if (cpu && cpu->nodesetval && cpu->nodesetval->nodeNr > 0) {
        xmlBufferPtr text = xmlBufferCreate ();

        (void)xmlNodeDump (text, caps->doc, cpu->nodesetval->nodeTab[0], 0, 0);
        const char *one = (const char *)xmlBufferContent (text);
        char *full
            = virConnectBaselineCPU (conn, &one, 1, VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES);

        if (full)
            expanded = kn_xml_view_new (full, NULL);
        free (full);
        xmlBufferFree (text);
    }
    if (cpu)
        xmlXPathFreeObject (cpu);
    virResetLastError ();
    return expanded ? kn_xml_view_list (expanded, "/cpu/feature/@name")
                    : kn_xml_view_list (caps, "/capabilities/host/cpu/feature/@name");
}

/* The node's memory: libvirt's node info leaves out what was plugged in after the boot (measured: 8 of 24 GiB on a virtual
 * machine with hot-plugged memory), its memory statistics do not; drivers without statistics have the info only. */
static guint64
load_memory_mib (virConnectPtr conn, const virNodeInfo *node)
{
    virNodeMemoryStats stats[MEMORY_STATS];
    int count = MEMORY_STATS;
    guint64 memory_kib = node->memory;

    if (virNodeGetMemoryStats (conn, VIR_NODE_MEMORY_STATS_ALL_CELLS, stats, &count, 0) < 0) {
        virResetLastError ();
        return memory_kib / 1024;
    }
    for (int i = 0; i < count; i++) {
        if (g_str_equal (stats[i].field, VIR_NODE_MEMORY_STATS_TOTAL))
            memory_kib = MAX (memory_kib, stats[i].value);
    }
    return memory_kib / 1024;
}

static bool
load_node (KnVirtHost *host, virConnectPtr conn, KnVirtFacts *facts, GError **error)
{
    virNodeInfo node;
    unsigned long libvirt_version = 0, hypervisor_version = 0;

    if (virNodeGetInfo (conn, &node) < 0 || virConnectGetLibVersion (conn, &libvirt_version) < 0
        || virConnectGetVersion (conn, &hypervisor_version) < 0)
        return kn_virt_fail (host, conn, error);

    facts->cpus = node.cpus;
    facts->sockets = node.sockets * MAX (node.nodes, 1);
    facts->cores = node.cores;
    facts->threads = node.threads;
    facts->memory_mib = load_memory_mib (conn, &node);
    facts->libvirt_version = libvirt_version;
    facts->qemu_version = hypervisor_version;
    facts->hypervisor = keep (facts, virConnectGetType (conn));
    facts->hostname = keep_take (facts, virConnectGetHostname (conn));
    return true;
}

/* The IANA zone of this machine, NULL if its clock's file is a copy of unknown name. */
static char *
load_zone (void)
{
    g_autofree char *target = g_file_read_link (ZONE_LINK, NULL);
    const char *folder = target ? strstr (target, ZONE_FOLDER) : NULL;

    if (folder)
        return g_strdup (folder + strlen (ZONE_FOLDER));
    if (access (ZONE_LINK, F_OK) != 0)
        return g_strdup ("UTC");
    char *named = kn_file_read ("/etc/timezone", 256, NULL, NULL);
    return named ? g_strstrip (named) : NULL;
}

static bool
lacks_cpu_control (void)
{
    g_autofree char *list = kn_file_read (CGROUP_LIST, 1024, NULL, NULL);
    g_auto (GStrv) names = list ? g_strsplit_set (list, " \n", -1) : NULL;

    if (names)
        return !g_strv_contains ((const char *const *)names, "cpu");
    return access (CGROUP_CPU, F_OK) != 0;
}

/* Domain capabilities of the present virt type: a hypervisor without them (the test driver) has none to tell, and libvirt tells
 * them to nobody who may only read. */
static bool
load_domain_caps (KnVirtHost *host, virConnectPtr conn, const KnVirtFacts *facts, char **out_text,
                  GError **error)
{
    const char *machine = facts->default_q35 ? "q35" : NULL;
    char *text
        = virConnectGetDomainCapabilities (conn, NULL, facts->arch, machine, facts->virt_type, 0);

    int number = text ? VIR_ERR_OK : kn_virt_last_number ();

    if (!text && number != VIR_ERR_NO_SUPPORT && number != VIR_ERR_OPERATION_DENIED)
        return kn_virt_fail (host, conn, error);
    virResetLastError ();
    *out_text = g_strdup (text);
    free (text);
    return true;
}

static void
set_fingerprint (KnVirtFacts *facts, const char *caps, const char *domain_caps)
{
    KnVirtFactsBox *box = (KnVirtFactsBox *)facts;
    g_autofree char *all = g_strdup_printf (
        "%s\n%s\n%u %u %u %u %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT
        "\n%s\n%s\n%s\n",
        caps, domain_caps ? domain_caps : "", facts->cpus, facts->sockets, facts->cores,
        facts->threads, facts->memory_mib, facts->libvirt_version, facts->qemu_version,
        facts->hostname ? facts->hostname : "", facts->zone ? facts->zone : "", facts->virt_type);

    box->fingerprint = g_compute_checksum_for_string (G_CHECKSUM_SHA256, all, -1);
}

KnVirtFacts *
kn_virt_facts_load (KnVirtHost *host, virConnectPtr conn, GError **error)
{
    g_autoptr (KnVirtFacts) facts = kn_virt_facts_new ();

    if (!load_node (host, conn, facts, error))
        return NULL;
    char *text = virConnectGetCapabilities (conn);
    if (!text) {
        (void)kn_virt_fail (host, conn, error);
        return NULL;
    }
    g_autofree char *caps_text = g_strdup (text);
    free (text);
    g_autoptr (KnXmlView) caps = kn_xml_view_new (caps_text, error);
    if (!caps)
        return NULL;

    g_auto (GStrv) features = load_features (conn, caps);
    g_autofree char *zone = host->local ? load_zone () : NULL;
    g_autofree char *domain_caps_text = NULL;
    g_autoptr (KnXmlView) domain_caps = NULL;

    facts->arch = keep_take (facts, kn_xml_view_dup (caps, "/capabilities/host/cpu/arch"));
    facts->virt_type = kn_virt_facts_choose_type (host->wish, facts->arch ? facts->arch : "", caps,
                                                  (const char *const *)features);
    facts->zone = keep (facts, zone);
    facts->no_cpu_control = host->local && lacks_cpu_control ();
    parse_machines (facts, caps);
    if (!load_domain_caps (host, conn, facts, &domain_caps_text, error))
        return NULL;
    if (domain_caps_text && !(domain_caps = kn_xml_view_new (domain_caps_text, error)))
        return NULL;
    kn_virt_facts_parse (facts, caps, domain_caps);
    if (kn_virt_is_test (conn))
        kn_virt_test_present (facts);
    set_fingerprint (facts, caps_text, domain_caps_text);
    return g_steal_pointer (&facts);
}

/* Memory that is neither free nor cache, MiB. */
static guint64
count_used_mib (const virNodeMemoryStats *stats, int count)
{
    guint64 total = 0, idle = 0;

    for (int i = 0; i < count; i++) {
        if (g_str_equal (stats[i].field, VIR_NODE_MEMORY_STATS_TOTAL))
            total = stats[i].value;
        else
            idle += stats[i].value; /* free, buffers, cached */
    }
    return total > idle ? (total - idle) / 1024 : 0;
}

const KnVirtFacts *
kn_virt_host_facts (KnVirtHost *host, GError **error)
{
    g_autoptr (virConnect) conn = kn_virt_host_connection (host, error);

    if (!conn)
        return NULL;
    virNodeMemoryStats stats[MEMORY_STATS];
    int count = MEMORY_STATS; /* libvirt takes no other number */

    if (virNodeGetMemoryStats (conn, VIR_NODE_MEMORY_STATS_ALL_CELLS, stats, &count, 0) < 0) {
        if (kn_virt_last_number () != VIR_ERR_NO_SUPPORT) {
            (void)kn_virt_fail (host, conn, error);
            return NULL;
        }
        virResetLastError ();
        count = 0;
    }

    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&host->lock);
    KnVirtFacts *facts = host->facts->pdata[host->facts->len - 1];
    __atomic_store_n (&facts->memory_used_mib, count_used_mib (stats, count), __ATOMIC_RELAXED);
    return facts;
}
