/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of virt/ that need no libvirt: errors, XML, facts, volume XML. */
#include <string.h>

#include "virt/domain.h"
#include "virt/virt_priv.h"

static void
test_error_codes (void)
{
    static const struct {
        int number;
        KnErrorCode code;
    } cases[] = {
        { VIR_ERR_NO_DOMAIN, KN_ERROR_NOT_FOUND },
        { VIR_ERR_NO_STORAGE_VOL, KN_ERROR_NOT_FOUND },
        { VIR_ERR_OPERATION_INVALID, KN_ERROR_CONFLICT },
        { VIR_ERR_AGENT_UNRESPONSIVE, KN_ERROR_CONFLICT },
        { VIR_ERR_RESOURCE_BUSY, KN_ERROR_IN_USE },
        { VIR_ERR_NO_SUPPORT, KN_ERROR_NOT_IMPLEMENTED },
        { VIR_ERR_OPERATION_TIMEOUT, KN_ERROR_TIMEOUT },
        { VIR_ERR_RPC, KN_ERROR_UNAVAILABLE },
        { VIR_ERR_CONFIG_UNSUPPORTED, KN_ERROR_VIRT },
        { VIR_ERR_INTERNAL_ERROR, KN_ERROR_VIRT },
        { -1, KN_ERROR_VIRT },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
        g_assert_cmpint (kn_virt_error_code (cases[i].number), ==, cases[i].code);
}

static void
test_error_connection (void)
{
    virError broken = { .code = VIR_ERR_SYSTEM_ERROR, .domain = VIR_FROM_RPC };
    virError other = { .code = VIR_ERR_SYSTEM_ERROR, .domain = VIR_FROM_QEMU };

    g_assert_true (kn_virt_error_is_connection (&broken));
    g_assert_false (kn_virt_error_is_connection (&other));
}

static void
test_error_scrub (void)
{
    static const char *const cases[][2] = {
        { "Cannot access storage file '/srv/cloud/instances/a b.disk': No such file",
          "Cannot access storage file 'a b.disk': No such file" },
        { "unable to open /var/lib/x/y.img: Permission denied",
          "unable to open y.img: Permission denied" },
        { "Cannot write data: Input/output error", "Cannot write data: Input/output error" },
        { "unable to connect to qemu+tls://host/system",
          "unable to connect to qemu+tls://host/system" },
        { "-drive file=/a/b/c,format=raw: bad", "-drive file=c,format=raw: bad" },
        { "two (/a/b) and \"/c/d/\"", "two (b) and \"d\"" },
        { "a line\nand one with a / alone", "a line and one with a / alone" },
        { "target '/' is busy", "target '/' is busy" },
        { "file:/etc/x, //etc/y", "file:x, y" },
        { "/first/word is it", "word is it" },
        { "", "" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autofree char *text = kn_virt_error_scrub (cases[i][0]);

        g_assert_cmpstr (text, ==, cases[i][1]);
    }
}

static void
test_error_scrub_bounds (void)
{
    g_autofree char *slashes = g_strnfill (5000, '/');
    g_autofree char *one = kn_virt_error_scrub (slashes);
    g_autofree char *bytes = kn_virt_error_scrub ("bad \xff byte '/x");

    g_assert_cmpuint (strlen (one), <=, 1000);
    g_assert_true (g_utf8_validate (bytes, -1, NULL));
}

static void
test_xml_read (void)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnXmlView) view = kn_xml_view_new ("<a n='7'><b>one</b><b>two</b><c/></a>", &error);

    g_assert_no_error (error);
    g_autofree char *first = kn_xml_view_dup (view, "/a/b");
    g_autofree char *none = kn_xml_view_dup (view, "/a/d");
    g_auto (GStrv) all = kn_xml_view_list (view, "/a/b");

    g_assert_cmpstr (first, ==, "one");
    g_assert_null (none);
    g_assert_cmpuint (g_strv_length (all), ==, 2);
    g_assert_true (kn_xml_view_has (view, "/a/c"));
    g_assert_cmpint (kn_xml_view_int (view, "/a/@n", 1), ==, 7);
    g_assert_cmpint (kn_xml_view_int (view, "/a/@m", 1), ==, 1);
    g_assert_cmpint (kn_xml_view_int (view, "/a/b", 1), ==, 1);
}

static void
test_xml_refused (void)
{
    static const char *const cases[] = {
        "",
        "<a>",
        "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        "<a>&undefined;</a>",
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autoptr (GError) error = NULL;
        g_autoptr (KnXmlView) view = kn_xml_view_new (cases[i], &error);

        g_assert_null (view);
        g_assert_error (error, KN_ERROR, KN_ERROR_VIRT);
    }
}

static const char caps_text[]
    = "<capabilities><host><cpu><arch>x86_64</arch><model>EPYC</model><vendor>AMD</vendor></cpu>"
      "</host>"
      "<guest><os_type>hvm</os_type><arch name='i686'><machine>pc-old</machine></arch></guest>"
      "<guest><os_type>hvm</os_type><arch name='x86_64'>"
      "<machine>pc-i440fx-7.2</machine><machine canonical='pc-i440fx-7.2'>pc</machine>"
      "<machine>pc-q35-7.2</machine><machine canonical='pc-q35-7.2'>q35</machine>"
      "<domain type='qemu'/><domain type='kvm'/></arch></guest></capabilities>";

static const char domain_caps_text[]
    = "<domainCapabilities><os><enum name='firmware'><value>efi</value></enum>"
      "<loader><enum name='secure'><value>yes</value><value>no</value></enum></loader></os>"
      "<devices><tpm supported='yes'><enum name='backendModel'><value>passthrough</value>"
      "<value>emulator</value></enum></tpm></devices>"
      "<features><hyperv supported='yes'><enum name='features'><value>relaxed</value>"
      "<value>vapic</value></enum></hyperv></features></domainCapabilities>";

static void
test_facts_parse (void)
{
    g_autoptr (KnXmlView) caps = kn_xml_view_new (caps_text, NULL);
    g_autoptr (KnXmlView) domain_caps = kn_xml_view_new (domain_caps_text, NULL);
    g_autoptr (KnVirtFacts) facts = kn_virt_facts_new ();

    facts->arch = "x86_64";
    facts->virt_type = "qemu";
    kn_virt_facts_parse (facts, caps, domain_caps);
    g_assert_cmpstr (facts->cpu_vendor, ==, "AMD");
    g_assert_cmpstr (facts->cpu_model, ==, "EPYC");
    g_assert_cmpuint (g_strv_length ((char **)facts->machines), ==, 4);
    g_assert_cmpstr (facts->default_q35, ==, "pc-q35-7.2");
    g_assert_cmpstr (facts->default_pc, ==, "pc-i440fx-7.2");
    g_assert_true (g_strv_contains (facts->hyperv, "vapic"));
    g_assert_true (facts->uefi && facts->secure_boot && facts->tpm);
}

static void
test_facts_missing (void)
{
    g_autoptr (KnXmlView) caps = kn_xml_view_new ("<capabilities/>", NULL);
    g_autoptr (KnVirtFacts) facts = kn_virt_facts_new ();

    facts->arch = "riscv64";
    facts->virt_type = "qemu";
    kn_virt_facts_parse (facts, caps, NULL);
    g_assert_null (facts->cpu_vendor);
    g_assert_null (facts->default_q35);
    g_assert_null (facts->machines[0]);
    g_assert_null (facts->hyperv[0]);
    g_assert_false (facts->uefi || facts->secure_boot || facts->tpm);
}

/* Two cells of two cores of two threads, CPUs out of order, as a host with hyper-threading lists them. */
#define CPU(id, siblings) "<cpu id='" id "' socket_id='0' core_id='0' siblings='" siblings "'/>"
static const char cells_caps[]
    = "<capabilities><host><cpu><arch>x86_64</arch>"
      "<counter name='tsc' frequency='2300000123' scaling='no'/><feature name='invtsc'/></cpu>"
      "<topology><cells num='2'><cell id='0'><memory unit='KiB'>2048</memory>"
      "<pages unit='KiB' size='2048'>7</pages><pages unit='KiB' size='4'>512</pages>"
      "<cpus num='4'>" CPU ("4", "0,4") CPU ("0", "0,4") CPU ("5", "1,5")
          CPU ("1", "1,5") "</cpus></cell><cell id='1'><memory unit='KiB'>1024</memory>"
                           "<cpus num='2'>" CPU ("2", "2-3")
                               CPU ("3", "2-3") "</cpus></cell></cells></topology>"
                                                "</host></capabilities>";

static void
test_facts_cells (void)
{
    g_autoptr (KnXmlView) caps = kn_xml_view_new (cells_caps, NULL);
    g_autoptr (KnVirtFacts) facts = kn_virt_facts_new ();
    const guint cpus[] = { 0, 1, 4, 5 }, cores[] = { 0, 1, 0, 1 };

    facts->arch = "x86_64";
    facts->virt_type = "kvm";
    kn_virt_facts_parse (facts, caps, NULL);
    kn_virt_facts_parse (facts, caps, NULL); /* again is the same */
    g_assert_cmpuint (facts->tsc_khz, ==, 2300000);
    g_assert_cmpuint (facts->n_cells, ==, 2);
    const KnVirtCell *first = &facts->cells[0], *second = &facts->cells[1];
    g_assert_cmpuint (first->memory_kib, ==, 2048);
    g_assert_cmpmem (first->cpus, first->n_cpus * sizeof (guint), cpus, sizeof cpus);
    g_assert_cmpmem (first->core, first->n_cpus * sizeof (guint), cores, sizeof cores);
    g_assert_cmpuint (first->n_pages, ==, 2);
    g_assert_cmpuint (first->pages[0].size_kib, ==, 4);
    g_assert_cmpuint (first->pages[1].total, ==, 7);
    g_assert_cmpuint (second->id, ==, 1);
    g_assert_cmpuint (second->core[1], ==, 2);
    g_assert_cmpuint (second->n_pages, ==, 0);
}

/* A counter whose pace may change is none to rely on; numbers that make no sense are left out. */
static void
test_facts_odd (void)
{
    g_autoptr (KnXmlView) caps = kn_xml_view_new (
        "<capabilities><host><cpu><counter name='tsc' frequency='2300000000'/></cpu><topology>"
        "<cells><cell id='-1'/><cell><cpus/></cell><cell id='0'><memory>lots</memory>"
        "<pages size='0'>1</pages><pages size='4'>-3</pages><cpus><cpu id='99999999'/>"
        "<cpu id='3' siblings=',,'/></cpus></cell></cells></topology></host></capabilities>",
        NULL);
    g_autoptr (KnXmlView) domain_caps = kn_xml_view_new (
        "<domainCapabilities><cpu><mode name='custom'><model usable='no'>EPYC</model>"
        "<model>qemu64</model></mode></cpu><features><sev supported='yes'><cbitpos>51</cbitpos>"
        "<reducedPhysBits>1</reducedPhysBits></sev></features></domainCapabilities>",
        NULL);
    g_autoptr (KnVirtFacts) facts = kn_virt_facts_new ();

    facts->arch = "x86_64";
    facts->virt_type = "kvm";
    kn_virt_facts_parse (facts, caps, domain_caps);
    g_assert_cmpuint (facts->tsc_khz, ==, 0);
    g_assert_cmpuint (facts->n_cells, ==, 1);
    g_assert_cmpuint (facts->cells[0].memory_kib, ==, 0);
    g_assert_cmpuint (facts->cells[0].n_cpus, ==, 1);
    g_assert_cmpuint (facts->cells[0].core[0], ==, 3);
    g_assert_cmpuint (facts->cells[0].pages[0].total, ==, 0);
    g_assert_true (g_strv_contains (facts->cpu_models, "qemu64"));
    g_assert_true (facts->sev);
    g_assert_cmpuint (facts->sev_cbit, ==, 51);
    g_assert_cmpuint (facts->sev_reduced_bits, ==, 1);
}

static void
test_facts_type (void)
{
    static const char *const none[] = { "sse", NULL };
    static const char *const intel[] = { "sse", "vmx", NULL };
    static const char *const amd[] = { "svm", NULL };
    g_autoptr (KnXmlView) caps = kn_xml_view_new (caps_text, NULL);
    g_autoptr (KnXmlView) bare = kn_xml_view_new (
        "<capabilities><guest><arch><domain type='qemu'/></arch></guest></capabilities>", NULL);

    g_assert_cmpstr (kn_virt_facts_choose_type ("auto", "x86_64", caps, none), ==, "qemu");
    g_assert_cmpstr (kn_virt_facts_choose_type ("auto", "x86_64", caps, intel), ==, "kvm");
    g_assert_cmpstr (kn_virt_facts_choose_type ("auto", "x86_64", caps, amd), ==, "kvm");
    g_assert_cmpstr (kn_virt_facts_choose_type ("auto", "x86_64", bare, intel), ==, "qemu");
    g_assert_cmpstr (kn_virt_facts_choose_type ("auto", "aarch64", caps, none), ==, "kvm");
    g_assert_cmpstr (kn_virt_facts_choose_type ("kvm", "x86_64", caps, none), ==, "kvm");
    g_assert_cmpstr (kn_virt_facts_choose_type ("qemu", "x86_64", caps, intel), ==, "qemu");
}

static void
test_volume_xml (void)
{
    g_autofree char *text = kn_volume_format_xml ("a<b", "qcow2", 123, "/p/'q'/img", "raw");
    g_autoptr (KnXmlView) view = kn_xml_view_new (text, NULL);
    g_autofree char *name = kn_xml_view_dup (view, "/volume/name");
    g_autofree char *base = kn_xml_view_dup (view, "/volume/backingStore/path");

    g_assert_cmpstr (name, ==, "a<b");
    g_assert_cmpstr (base, ==, "/p/'q'/img");
    g_assert_cmpint (kn_xml_view_int (view, "/volume/capacity", 0), ==, 123);
    g_assert_cmpint (kn_xml_view_int (view, "/volume/allocation", 9), ==, 0);
}

static void
test_volume_names (void)
{
    static const char *const bad[] = { "", ".", "..", "../x", "a/b", ".hidden", "\xff" };
    g_autofree char *longest = g_strnfill (201, 'x');

    for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
        g_assert_false (kn_volume_check_name (bad[i], NULL));
    g_assert_false (kn_volume_check_name (longest, NULL));
    g_assert_true (kn_volume_check_name ("6c1a5f0e-0000-4000-8000-000000000000.disk", NULL));
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/virt/error/codes", test_error_codes);
    g_test_add_func ("/virt/error/connection", test_error_connection);
    g_test_add_func ("/virt/error/scrub", test_error_scrub);
    g_test_add_func ("/virt/error/scrub-bounds", test_error_scrub_bounds);
    g_test_add_func ("/virt/xml/read", test_xml_read);
    g_test_add_func ("/virt/xml/refused", test_xml_refused);
    g_test_add_func ("/virt/facts/parse", test_facts_parse);
    g_test_add_func ("/virt/facts/cells", test_facts_cells);
    g_test_add_func ("/virt/facts/odd", test_facts_odd);
    g_test_add_func ("/virt/facts/missing", test_facts_missing);
    g_test_add_func ("/virt/facts/type", test_facts_type);
    g_test_add_func ("/virt/volume/xml", test_volume_xml);
    g_test_add_func ("/virt/volume/names", test_volume_names);
    return g_test_run ();
}
