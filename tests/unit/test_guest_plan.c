/* SPDX-License-Identifier: Apache-2.0 */
/* The guest plan: decisions, reasons, frozen hardware, XML. */
#include "guest/explain.h"
#include "guest/plan.h"

#include <string.h>

#include "base/error.h"

typedef struct {
    KnGuestFacts facts;
    KnGuestDisk disks[2];
    KnGuestNic nic;
    GHashTable *image, *flavor, *server;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
    (void)data;
    f->image = g_hash_table_new (g_str_hash, g_str_equal);
    f->flavor = g_hash_table_new (g_str_hash, g_str_equal);
    f->server = g_hash_table_new (g_str_hash, g_str_equal);
    f->disks[0] = (KnGuestDisk){ .role = KN_GUEST_DISK_ROOT, .path = "/p/disk", .format = "qcow2" };
    f->disks[1] = (KnGuestDisk){ .role = KN_GUEST_DISK_CONFIG, .path = "/p/c", .format = "raw" };
    f->nic
        = (KnGuestNic){ .port_id = "p1", .mac = "fa:16:3e:00:00:01", .bridge = "br", .tap = "t" };
    f->facts = (KnGuestFacts){
        .id = 26,
        .uuid = "6c1a5f0e-0d4b-4b3e-9a55-0123456789ab",
        .name = "vm",
        .vcpus = 4,
        .memory_mib = 1024,
        .flavor_name = "m1.medium",
        .image_properties = f->image,
        .extra_specs = f->flavor,
        .server_properties = f->server,
        .disks = f->disks,
        .n_disks = 2,
        .nics = &f->nic,
        .n_nics = 1,
        .host
        = { .arch = "x86_64", .virt_type = "qemu", .default_q35 = "pc-q35-7.2", .zone = "UTC" },
        .cloud_id = "c1",
    };
}

static void
tear_down (Fixture *f, gconstpointer data)
{
    (void)data;
    g_hash_table_unref (f->image);
    g_hash_table_unref (f->flavor);
    g_hash_table_unref (f->server);
}

static void
say (GHashTable *table, const char *key, const char *value)
{
    g_hash_table_insert (table, (gpointer)key, (gpointer)value);
}

static KnGuestPlan *
plan (const Fixture *f)
{
    g_autoptr (GError) error = NULL;
    KnGuestPlan *made = kn_guest_plan_new (&f->facts, &error);
    g_assert_no_error (error);
    return made;
}

static char *
xml_of (const Fixture *f)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnGuestPlan) made = plan (f);
    char *xml = kn_guest_plan_format_xml (made, &error);
    g_assert_no_error (error);
    return xml;
}

static void
assert_value (const KnGuestPlan *made, const char *path, const char *value)
{
    const KnGuestDecision *decision = kn_guest_plan_find (made, path);
    g_assert_nonnull (decision);
    g_assert_cmpstr (decision->value, ==, value);
}

static void
test_every_decision_has_its_reason (Fixture *f, gconstpointer data)
{
    const char *const types[] = { NULL, "linux", "windows", "beos" };
    const char *const profiles[] = { "kilonova-1", "nova-26" };
    (void)data;
    for (gsize i = 0; i < G_N_ELEMENTS (types) * G_N_ELEMENTS (profiles); i++) {
        f->facts.os_type = types[i / 2];
        f->facts.profile = profiles[i % 2];
        f->facts.host.virt_type = i % 2 ? "kvm" : "qemu";
        g_autoptr (KnGuestPlan) made = plan (f);
        g_assert_cmpuint (kn_guest_plan_count (made), >, 40);
        for (gsize d = 0; d < kn_guest_plan_count (made); d++) {
            const KnGuestDecision *decision = kn_guest_plan_decision (made, d);
            g_assert_cmpuint (strlen (decision->rule), >, 3);
            g_assert_cmpuint (strlen (decision->source), >, 0);
            g_assert_cmpuint (strlen (decision->reason), >, 10);
            g_assert_true (g_str_has_suffix (decision->reason, ".")
                           || g_str_has_suffix (decision->reason, "?"));
        }
    }
}

/* Rows that an operator changed by hand are read by no check before the plan. */
static void
test_unchecked_values_are_refused (Fixture *f, gconstpointer data)
{
    const char *const rows[][2] = {
        { "hw_redirected_usb_ports", "999999999" }, { "hw_usb_model", "uhci" },
        { "hw_sound_model", "gramophone" },         { "hw_maxphysaddr_mode", "magic" },
        { "hw_mem_encryption_model", "amd-sev-x" },
    };
    (void)data;
    f->facts.profile = "kilonova-1";
    for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
        g_autoptr (GError) error = NULL;
        g_hash_table_remove_all (f->image);
        say (f->image, rows[i][0], rows[i][1]);
        g_assert_null (kn_guest_plan_new (&f->facts, &error));
        g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
        g_assert_nonnull (strstr (error->message, rows[i][0]));
    }
}

static void
test_same_facts_same_xml (Fixture *f, gconstpointer data)
{
    (void)data;
    g_autofree char *first = xml_of (f);
    g_autoptr (KnGuestPlan) made = plan (f);
    g_autoptr (GHashTable) identity = kn_guest_plan_identity (made);
    f->facts.identity = identity;
    g_autofree char *second = xml_of (f);
    g_assert_cmpstr (first, ==, second);
}

static void
test_os_type_changes_no_hardware (Fixture *f, gconstpointer data)
{
    (void)data;
    g_autoptr (KnGuestPlan) before = plan (f);
    g_autoptr (GHashTable) identity = kn_guest_plan_identity (before);
    f->facts.identity = identity;
    f->facts.os_type = "windows";
    f->facts.host.default_q35 = "pc-q35-9.9";
    say (f->image, "hw_disk_bus", "sata");
    say (f->image, "hw_vif_model", "e1000");
    g_autoptr (KnGuestPlan) after = plan (f);

    const char *const hardware[]
        = { "os/type/@machine", "devices/disk[vda]/target/@bus", "devices/disk[sda]/target/@bus",
            "devices/interface[0]/model/@type" };
    for (gsize i = 0; i < G_N_ELEMENTS (hardware); i++)
        assert_value (after, hardware[i], kn_guest_plan_find (before, hardware[i])->value);
    assert_value (before, "clock/@offset", "utc");
    assert_value (after, "clock/@offset", "localtime");
    assert_value (after, "cpu/topology/@sockets", "1");
    assert_value (before, "cpu/topology/@sockets", "4");
}

static void
test_clock_says_why (Fixture *f, gconstpointer data)
{
    (void)data;
    say (f->image, "os_distro", "windows");
    g_autoptr (KnGuestPlan) mistaken = plan (f);
    const KnGuestDecision *clock = kn_guest_plan_find (mistaken, "clock/@offset");
    g_assert_cmpstr (clock->value, ==, "utc");
    g_assert_true (clock->warning);
    g_assert_nonnull (strstr (clock->reason, "did you mean os_type=windows?"));

    f->facts.os_type = "windows";
    g_autoptr (KnGuestPlan) on_utc_host = plan (f);
    clock = kn_guest_plan_find (on_utc_host, "clock/@offset");
    g_assert_cmpstr (clock->value, ==, "localtime");
    g_assert_true (clock->warning);
    g_assert_nonnull (strstr (clock->reason, "os_timezone"));

    say (f->server, "os_timezone", "Asia/Shanghai");
    g_autoptr (KnGuestPlan) with_zone = plan (f);
    clock = kn_guest_plan_find (with_zone, "clock/@offset");
    g_assert_cmpstr (clock->value, ==, "timezone");
    g_assert_cmpstr (clock->source, ==, "server os_timezone");
    g_assert_false (clock->warning);
}

static void
test_names_and_marks (Fixture *f, gconstpointer data)
{
    (void)data;
    g_autoptr (KnGuestPlan) made = plan (f);
    assert_value (made, "name", "instance-0000001a");
    assert_value (made, "metadata/kilonova:cloud/@id", "c1");
    g_autofree char *xml = kn_guest_plan_format_xml (made, NULL);
    g_assert_nonnull (
        strstr (xml, "<kilonova:cloud xmlns:kilonova=\"https://kilonova.dev/ns/1\" id=\"c1\"/>"));
}

static void
test_xml_carries_any_name (Fixture *f, gconstpointer data)
{
    (void)data;
    f->facts.name = "a<b>&\"'\x01\xff 雪";
    g_autofree char *xml = xml_of (f);
    g_assert_nonnull (strstr (xml, "a&lt;b&gt;&amp;"));
    g_assert_nonnull (strstr (xml, "雪"));
    g_assert_null (strchr (xml, '\x01'));
    g_assert_true (g_utf8_validate (xml, -1, NULL));
}

static void
test_left_out_is_a_decision (Fixture *f, gconstpointer data)
{
    (void)data;
    f->facts.os_type = "windows";
    g_autoptr (KnGuestPlan) made = plan (f);
    const KnGuestDecision *hyperv = kn_guest_plan_find (made, "features/hyperv");
    g_assert_nonnull (hyperv);
    g_assert_null (hyperv->value);
    g_autofree char *xml = kn_guest_plan_format_xml (made, NULL);
    g_assert_null (strstr (xml, "hyperv"));
    g_autofree char *text = kn_guest_plan_explain (made, "features/hyperv", 0);
    g_assert_nonnull (strstr (text, "(left out)"));
    g_assert_null (strstr (text, "clock"));
}

static void
test_check_needs_no_host (Fixture *f, gconstpointer data)
{
    g_autoptr (GError) error = NULL;
    (void)data;
    f->facts.host = (KnGuestHost){ .virt_type = "kvm" };
    f->facts.n_disks = f->facts.n_nics = 0;
    f->facts.uuid = f->facts.name = NULL;
    g_assert_true (kn_guest_check (&f->facts, &error));
    g_assert_no_error (error);

    say (f->image, "hw_tpm_version", "2.0");
    say (f->flavor, "hw:tpm_version", "1.2");
    g_assert_false (kn_guest_check (&f->facts, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
    g_assert_true (kn_error_is_public (error));
    g_assert_cmpstr (kn_error_type (error), ==, "driver/FlavorImageConflict");
}

static void
test_unknown_profile (Fixture *f, gconstpointer data)
{
    g_autoptr (GError) error = NULL;
    (void)data;
    f->facts.profile = "nova-1";
    g_assert_null (kn_guest_plan_new (&f->facts, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
}

static void
test_changes (Fixture *f, gconstpointer data)
{
    (void)data;
    gsize n_before, n_after;
    g_autoptr (KnGuestPlan) before = plan (f);
    f->facts.os_type = "windows";
    say (f->image, "hw_qemu_guest_agent", "no");
    g_autoptr (KnGuestPlan) after = plan (f);
    const KnGuestDecision *old = kn_guest_plan_decisions (before, &n_before);
    const KnGuestDecision *new = kn_guest_plan_decisions (after, &n_after);
    g_autoptr (GArray) none = kn_guest_decisions_compare (old, n_before, old, n_before);
    g_assert_cmpuint (none->len, ==, 0);

    g_autoptr (GArray) changes = kn_guest_decisions_compare (old, n_before, new, n_after);
    bool clock = false, agent = false;
    for (guint i = 0; i < changes->len; i++) {
        const KnGuestChange *change = &g_array_index (changes, KnGuestChange, i);
        clock |= strcmp (change->path, "clock/@offset") == 0 && change->before && change->after;
        agent |= g_str_has_prefix (change->path, "devices/channel") && !change->after;
    }
    g_assert_true (clock && agent);
    g_autofree char *text = kn_guest_changes_explain (
        (const KnGuestChange *)(gpointer)changes->data, changes->len, 0);
    g_assert_nonnull (strstr (text, "Nothing asks for it any more."));
}

static void
test_drift (Fixture *f, gconstpointer data)
{
    (void)data;
    (void)f;
    const char *planned
        = "<domain><memory>1</memory><clock offset='utc'><timer name='pit' tickpolicy='delay'/>"
          "<timer name='rtc' track='guest'/><timer name='hpet' present='no'/></clock>"
          "<features><acpi/></features><devices><disk><target dev='vda'/></disk>"
          "<disk><target dev='vdb'/></disk><rng/></devices></domain>";
    const char *real
        = "<domain id='1'><memory unit='KiB'>2</memory><clock offset='utc'><timer name='rtc' "
          "track='wall'/>"
          "<timer name='pit' tickpolicy='delay'/><timer name='tsc'/></clock>"
          "<features><acpi/><apic/><hyperv><relaxed/></hyperv></features><devices><emulator>/q</"
          "emulator>"
          "<disk><target dev='vdb'/><address/></disk><disk><target "
          "dev='vda'/></disk></devices></domain>";
    g_autoptr (GPtrArray) same = kn_guest_drift_list (planned, planned, NULL);
    g_assert_cmpuint (same->len, ==, 0);
    g_autoptr (GPtrArray) drifts = kn_guest_drift_list (planned, real, NULL);
    static const char *const want[][3] = { { "memory", "1", "2" },
                                           { "clock/timer[rtc]/@track", "guest", "wall" },
                                           { "clock/timer[hpet]", "(there)", NULL },
                                           { "clock/timer[tsc]", NULL, "(there)" },
                                           { "features/hyperv", NULL, "(there)" },
                                           { "devices/rng", "(there)", NULL } };
    g_assert_cmpuint (drifts->len, ==, G_N_ELEMENTS (want));
    for (gsize i = 0; i < G_N_ELEMENTS (want); i++) {
        const KnGuestDrift *drift = g_ptr_array_index (drifts, i);
        g_assert_cmpstr (drift->path, ==, want[i][0]);
        g_assert_cmpstr (drift->planned, ==, want[i][1]);
        g_assert_cmpstr (drift->found, ==, want[i][2]);
    }
    g_autoptr (GError) error = NULL;
    g_assert_null (kn_guest_drift_list (planned, "no XML", &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_VIRT);
}

int
main (int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run) (Fixture *f, gconstpointer data);
    } tests[] = {
        { "/guest/plan/reasons", test_every_decision_has_its_reason },
        { "/guest/plan/unchecked-values", test_unchecked_values_are_refused },
        { "/guest/plan/stable", test_same_facts_same_xml },
        { "/guest/plan/identity", test_os_type_changes_no_hardware },
        { "/guest/plan/clock", test_clock_says_why },
        { "/guest/plan/names", test_names_and_marks },
        { "/guest/plan/xml", test_xml_carries_any_name },
        { "/guest/plan/left-out", test_left_out_is_a_decision },
        { "/guest/plan/check", test_check_needs_no_host },
        { "/guest/plan/profile", test_unknown_profile },
        { "/guest/plan/changes", test_changes },
        { "/guest/plan/drift", test_drift },
    };
    g_test_init (&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
        g_test_add (tests[i].name, Fixture, NULL, set_up, tests[i].run, tear_down);
    return g_test_run ();
}
