/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions by path, their edits, who runs what, and that the rules find what is there and accuse nobody else. */
#include <string.h>

#include <glib/gstdio.h>

#include "doctor/finding.h"
#include "doctor/repair_run.h"
#include "doctor/window.h"

#define WIN10 "http://microsoft.com/win/10"
#define DEBIAN "http://debian.org/debian/12"
#define ALL_FLAGS                                                                                  \
    "<relaxed state='on'/><vapic state='on'/><spinlocks state='on' retries='8191'/>"               \
    "<vpindex state='on'/><synic state='on'/><stimer state='on'/>"
#define TIMERS                                                                                     \
    "<timer name='rtc' tickpolicy='catchup'/><timer name='pit' tickpolicy='delay'/>"               \
    "<timer name='hpet' present='no'/>"
#define HYPERVCLOCK "<timer name='hypervclock' present='yes'/>"

typedef struct {
    const char *type, *os, *hyperv, *clock, *more;
} Guest;

static const Guest windows = { "kvm", WIN10, "<hyperv mode='custom'>" ALL_FLAGS "</hyperv>",
                               "<clock offset='localtime'>" TIMERS HYPERVCLOCK "</clock>", "" };
static const Guest debian = { "kvm", DEBIAN, "", "<clock offset='utc'>" TIMERS "</clock>", "" };

static char *
format (const Guest *guest)
{
    return g_strdup_printf (
        "<domain type='%s'><name>one</name><uuid>6c1a5f0e-0d4b-4b3e-9a55-0123456789aa</uuid>"
        "<metadata><o:libosinfo xmlns:o='http://libosinfo.org/xmlns/libvirt/domain/1.0'>"
        "<o:os id='%s'/></o:libosinfo></metadata><vcpu>2</vcpu>"
        "<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>"
        "<features><acpi/>%s</features><cpu mode='host-model'>"
        "<topology sockets='1' cores='2' threads='1'/></cpu>%s"
        "<devices><channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/>"
        "</channel><memballoon model='virtio'><stats "
        "period='10'/></memballoon>%s</devices></domain>",
        guest->type, guest->os, guest->hyperv, guest->clock, guest->more);
}

typedef struct {
    KnFleet *fleet;
    KnSubject *subject;
    GPtrArray *findings;
} Bench;

static void
set_up (Bench *bench, const Guest *guest, const char *host_zone)
{
    g_autofree char *xml = format (guest);

    bench->fleet = kn_fleet_new ();
    bench->subject = kn_subject_new ();
    bench->subject->uuid = g_strdup ("6c1a5f0e-0d4b-4b3e-9a55-0123456789aa");
    bench->subject->name = g_strdup ("one");
    bench->subject->persistent = kn_definition_new (xml, NULL);
    bench->subject->host = kn_fleet_ensure_host (bench->fleet, "host");
    bench->subject->host->zone = g_strdup (host_zone);
    g_ptr_array_add (bench->fleet->subjects, bench->subject);
}

/* The names of the rules that found something, joined. */
static char *
examine (Bench *bench)
{
    GString *names = g_string_new (NULL);

    g_assert_nonnull (bench->subject->persistent);
    kn_subject_identify (bench->subject);
    bench->findings = kn_doctor_examine (bench->fleet, NULL);
    for (guint i = 0; i < bench->findings->len; i++)
        g_string_append_printf (names, "%s%s", i ? " " : "",
                                ((KnFinding *)bench->findings->pdata[i])->rule->name);
    return g_string_free (names, FALSE);
}

static void
tear_down (Bench *bench)
{
    g_clear_pointer (&bench->findings, g_ptr_array_unref);
    kn_fleet_free (bench->fleet);
}

static void
check (const Guest *guest, const char *host_zone, const char *expected)
{
    Bench bench = { 0 };

    set_up (&bench, guest, host_zone);
    g_autofree char *found = examine (&bench);
    g_assert_cmpstr (found, ==, expected);
    tear_down (&bench);
}

static void
test_table (void)
{
    gsize n;
    const KnDoctorRule *const *rules = kn_doctor_rules (&n);
    g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);

    g_assert_cmpuint (n, >, 30);
    for (gsize i = 0; i < n; i++) {
        g_assert_true (g_hash_table_add (names, (gpointer)rules[i]->name));
        g_assert_true (!rules[i]->check != !rules[i]->check_fleet);
        g_assert_true (rules[i]->title && rules[i]->causes && rules[i]->repair && rules[i]->needs);
        g_assert_true (kn_doctor_rule_find (rules[i]->name) == rules[i]);
    }
    g_assert_null (kn_doctor_rule_find ("nothing"));
}

static void
test_paths (void)
{
    g_autofree char *xml = format (&windows);
    g_autoptr (KnDefinition) d = kn_definition_new (xml, NULL);

    g_assert_cmpstr (kn_definition_get (d, "@type"), ==, "kvm");
    g_assert_cmpstr (kn_definition_get (d, "vcpu"), ==, "2");
    g_assert_cmpstr (kn_definition_get (d, "clock/timer[pit]/@tickpolicy"), ==, "delay");
    g_assert_cmpstr (kn_definition_get (d, "metadata/libosinfo/os/@id"), ==, WIN10);
    g_assert_cmpstr (kn_definition_get (d, "devices/channel[org.qemu.guest_agent.0]/@type"), ==,
                     "unix");
    g_assert_null (kn_definition_get (d, "clock/timer[tsc]/@frequency"));
    g_assert_null (kn_definition_get (d, "clock/@timezone"));
    g_assert_null (kn_definition_new ("<network/>", NULL));
    g_assert_null (kn_definition_new ("<domain>", NULL));
    g_assert_null (kn_definition_new ("<!DOCTYPE x [<!ENTITY e 'x'>]><domain/>", NULL));
}

static void
test_edits (void)
{
    g_autofree char *xml = format (&debian);
    g_autoptr (KnDefinition) before = kn_definition_new (xml, NULL);
    g_autoptr (GPtrArray) edits = g_ptr_array_new_with_free_func (kn_edit_free);

    g_ptr_array_add (edits, kn_edit_new (KN_EDIT_SET, "clock/@offset", "localtime", "utc"));
    g_ptr_array_add (edits, kn_edit_new (KN_EDIT_SET, "clock/timer[tsc]/@frequency", "1", NULL));
    g_ptr_array_add (edits, kn_edit_new (KN_EDIT_SET, "features/hyperv/synic/@state", "on", NULL));
    g_ptr_array_add (edits, kn_edit_new (KN_EDIT_REMOVE, "clock/timer[hpet]", NULL, ""));
    g_ptr_array_add (edits, kn_edit_new (KN_EDIT_REMOVE, "clock/@nothing", NULL, NULL));
    g_ptr_array_add (edits, kn_edit_new (KN_EDIT_ADD, "devices", "<tpm model='tpm-crb'/>", NULL));
    g_autofree char *text = kn_definition_edit (before, edits, NULL);
    g_autoptr (KnDefinition) after = kn_definition_new (text, NULL);
    g_assert_cmpstr (kn_definition_get (after, "clock/@offset"), ==, "localtime");
    g_assert_cmpstr (kn_definition_get (after, "clock/timer[tsc]/@frequency"), ==, "1");
    g_assert_cmpstr (kn_definition_get (after, "features/hyperv/synic/@state"), ==, "on");
    g_assert_cmpstr (kn_definition_get (after, "devices/tpm/@model"), ==, "tpm-crb");
    g_assert_null (kn_definition_first (after, "clock/timer[hpet]"));
    g_assert_cmpstr (kn_definition_get (before, "clock/@offset"), ==, "utc");
    g_assert_cmpstr (kn_definition_get (after, "metadata/libosinfo/os/@id"), ==, DEBIAN);

    g_ptr_array_add (edits, kn_edit_new (KN_EDIT_ADD, "nowhere", "<x/>", NULL));
    g_assert_null (kn_definition_edit (before, edits, NULL));
}

static void
test_healthy (void)
{
    Guest guest = windows;

    check (&windows, "Asia/Shanghai", "");
    check (&debian, "Asia/Shanghai", "");
    check (&debian, "UTC", "");
    guest.clock
        = "<clock offset='variable' adjustment='28800' basis='utc'>" TIMERS HYPERVCLOCK "</clock>";
    check (&guest, "UTC", "");
    guest.clock
        = "<clock offset='timezone' timezone='Asia/Shanghai'>" TIMERS HYPERVCLOCK "</clock>";
    check (&guest, "UTC", "");
    /* Emulated: Hyper-V features mean nothing. */
    guest = (Guest){ "qemu", WIN10, "", "<clock offset='localtime'/>", "" };
    check (&guest, "Asia/Shanghai", "");
    /* Nobody knows what it is. */
    guest = debian;
    guest.os = "http://libosinfo.org/unknown";
    guest.clock = "<clock offset='localtime'/>";
    check (&guest, "Asia/Shanghai", "");
}

static void
test_declared (void)
{
    Guest guest = windows;
    Bench bench = { 0 };

    guest.clock = "<clock offset='utc'>" TIMERS HYPERVCLOCK "</clock>";
    check (&guest, "Asia/Shanghai", "clock-windows-utc");
    set_up (&bench, &guest, "Asia/Shanghai");
    bench.subject->clock_policy = g_strdup ("utc");
    g_autofree char *found = examine (&bench);
    g_assert_cmpstr (found, ==, "");
    tear_down (&bench);
}

/* On a host in UTC nobody can give a Windows the right time without knowing its zone. */
static void
test_zone (void)
{
    Bench bench = { 0 };

    check (&windows, "UTC", "clock-local-host-zone");
    set_up (&bench, &windows, "UTC");
    bench.fleet->zone = g_strdup ("Asia/Shanghai");
    g_autofree char *found = examine (&bench);
    g_assert_cmpstr (found, ==, "clock-local-host-zone");
    const KnFinding *finding = bench.findings->pdata[0];
    g_autofree char *text = kn_definition_edit (bench.subject->persistent, finding->edits, NULL);
    g_autoptr (KnDefinition) after = kn_definition_new (text, NULL);
    g_assert_cmpstr (kn_definition_get (after, "clock/@offset"), ==, "timezone");
    g_assert_cmpstr (kn_definition_get (after, "clock/@timezone"), ==, "Asia/Shanghai");
    tear_down (&bench);
}

/* A name is a hint, never more than a notice; a word in it is none. */
static void
test_name (void)
{
    Guest guest = { "qemu", "http://libosinfo.org/unknown", "", "<clock offset='utc'/>", "" };
    Bench bench = { 0 };

    set_up (&bench, &guest, "Asia/Shanghai");
    bench.subject->title = g_strdup ("build-win10-3");
    g_autofree char *found = examine (&bench);
    g_assert_cmpstr (found, ==, "clock-windows-utc");
    const KnFinding *finding = bench.findings->pdata[0];
    g_assert_cmpint (finding->severity, ==, KN_SEVERITY_NOTICE);
    g_assert_cmpint (finding->confidence, ==, KN_CONFIDENCE_LOW);
    tear_down (&bench);

    set_up (&bench, &guest, "Asia/Shanghai");
    bench.subject->title = g_strdup ("windows-updates");
    g_autofree char *nothing = examine (&bench);
    g_assert_cmpstr (nothing, ==, "");
    tear_down (&bench);
}

/* What is not measured accuses nobody; what is, does. */
static void
test_measured (void)
{
    Bench bench = { 0 };
    g_autofree char *xml = format (&windows);
    const gint64 times[] = { G_GINT64_CONSTANT (60000000000), 5000000 };

    set_up (&bench, &windows, "Asia/Shanghai");
    bench.subject->live = kn_definition_new (xml, NULL);
    bench.subject->running = true;
    g_autofree char *nothing = examine (&bench);
    g_assert_cmpstr (nothing, ==, "");
    g_clear_pointer (&bench.findings, g_ptr_array_unref);

    bench.subject->measured.agent = KN_CHANNEL_SILENT;
    bench.subject->measured.skew_s = kn_measured (-8 * 3600 + 3);
    bench.subject->measured.balloon_update_s = kn_measured (-1);
    bench.subject->measured.guest_cpus = kn_measured (1);
    bench.subject->measured.vcpu_time_ns = g_array_new (FALSE, FALSE, sizeof (gint64));
    g_array_append_vals (bench.subject->measured.vcpu_time_ns, times, G_N_ELEMENTS (times));
    g_autofree char *found = examine (&bench);
    g_assert_cmpstr (found, ==,
                     "clock-skew-zone vcpu-never-ran vcpu-not-seen agent-silent balloon-silent");
    g_clear_pointer (&bench.findings, g_ptr_array_unref);

    /* One that has only begun, and a drift that is no zone. */
    bench.subject->measured.uptime_s = kn_measured (20);
    bench.subject->measured.skew_s = kn_measured (400);
    bench.subject->measured.guest_cpus = kn_not_measured ("no agent");
    g_autofree char *early = examine (&bench);
    g_assert_cmpstr (early, ==, "");
    tear_down (&bench);
}

/* 2024-05-06 is a Monday. */
static bool
is_open (const char *text, guint day, guint hour, guint minute)
{
    KnWindow window;
    g_autoptr (GDateTime) now = g_date_time_new_utc (2024, 5, (int)day, (int)hour, (int)minute, 0);
    g_autoptr (GError) error = NULL;

    g_assert_true (kn_window_parse (text, &window, &error));
    bool open = kn_window_is_open (&window, now);
    g_assert_cmpint (open, ==, kn_window_wait_s (&window, now) == 0);
    return open;
}

static void
test_window (void)
{
    static const char *const bad[]
        = { "", "Sat", "Someday 02:00-05:00", "02:00", "02:00-02:00", "25:00-26:00", "Sat 2-5" };
    KnWindow window;

    g_assert_true (is_open ("Sat 02:00-05:00", 11, 2, 0));
    g_assert_false (is_open ("Sat 02:00-05:00", 11, 5, 0));
    g_assert_false (is_open ("Saturday 02:00-05:00", 12, 3, 0));
    g_assert_true (is_open ("02:00-05:00", 8, 4, 59));
    /* Past midnight: the day is that of the begin. */
    g_assert_true (is_open ("Fri 22:00-04:00", 10, 23, 0));
    g_assert_true (is_open ("Fri 22:00-04:00", 11, 3, 59));
    g_assert_false (is_open ("Fri 22:00-04:00", 10, 3, 0));
    g_assert_true (is_open ("Mon-Fri 01:00-03:00", 6, 1, 30));
    g_assert_false (is_open ("Mon-Fri 01:00-03:00", 11, 1, 30));
    g_assert_true (is_open ("Sat-Sun 01:00-03:00", 12, 1, 30));
    g_assert_true (is_open ("Sun-Mon 01:00-03:00", 6, 1, 30));

    g_autoptr (GDateTime) monday = g_date_time_new_utc (2024, 5, 6, 0, 0, 30);
    g_assert_true (kn_window_parse ("Tue 02:00-05:00", &window, NULL));
    g_assert_cmpint (kn_window_wait_s (&window, monday), ==, 26 * 3600 - 30);
    for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
        g_assert_false (kn_window_parse (bad[i], &window, NULL));
}

static bool
is_closed (gpointer data)
{
    return false;
}

static void
remove_folder (const char *path)
{
    g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name (dir)) != NULL) {
        g_autofree char *inside = g_build_filename (path, name, NULL);
        (void)g_remove (inside);
    }
    g_assert_cmpint (g_rmdir (path), ==, 0);
}

typedef struct {
    char *folder, *path;
    GHashTable *no_hosts;
    KnRepairJournal *journal;
    KnRepairEntry *entry;
} Repair;

/* One guest that is to be restarted, on a host that is not connected. */
static void
begin_repair (Repair *repair)
{
    g_autoptr (GPtrArray) rules = g_ptr_array_new ();
    g_autoptr (GError) error = NULL;
    const KnRepairItem item = { .uuid = (char *)"6c1a5f0e-0d4b-4b3e-9a55-0123456789aa",
                                .name = (char *)"one",
                                .uri = (char *)"qemu:///system",
                                .before = (char *)"<domain/>",
                                .after = (char *)"<domain/>",
                                .rules = rules,
                                .running = true };

    repair->folder = g_dir_make_tmp ("kilonova-test-XXXXXX", NULL);
    repair->no_hosts = g_hash_table_new (g_str_hash, g_str_equal);
    repair->journal = kn_repair_journal_new (repair->folder, &error);
    g_assert_no_error (error);
    repair->path = g_build_filename (repair->folder, kn_repair_journal_id (repair->journal), NULL);
    repair->entry = kn_repair_journal_begin (repair->journal, &item, true, &error);
    g_assert_no_error (error);
}

static void
remove_file (const Repair *repair, const char *end)
{
    g_autofree char *path = g_strdup_printf ("%s/%s.%s", repair->path, repair->entry->uuid, end);

    g_assert_cmpint (g_remove (path), ==, 0);
}

static void
end_repair (Repair *repair)
{
    kn_repair_entry_free (repair->entry);
    kn_repair_journal_close (repair->journal);
    g_hash_table_unref (repair->no_hosts);
    remove_folder (repair->path);
    g_assert_cmpint (g_rmdir (repair->folder), ==, 0);
    g_free (repair->path);
    g_free (repair->folder);
}

/* Gone on with after the window, while the host is away: the guest stays DEFINED, with one reason. */
static void
test_restart_that_waits (void)
{
    g_autoptr (GError) error = NULL;
    const KnRepairRun run = { .may_restart = is_closed };
    Repair repair;

    begin_repair (&repair);
    repair.entry->step = KN_REPAIR_DEFINED;
    g_assert_true (kn_repair_journal_write (repair.journal, repair.entry, &error));
    g_assert_true (kn_repair_resume (repair.journal, repair.no_hosts, &run, &error));
    g_assert_no_error (error);

    g_autoptr (GPtrArray) entries = kn_repair_journal_list (repair.journal, &error);
    const KnRepairEntry *after = entries->pdata[0];
    g_assert_cmpint (after->step, ==, KN_REPAIR_DEFINED);
    g_assert_cmpstr (after->why, ==, "the window is closed; it is not restarted");
    end_repair (&repair);
}

/* A journal that lost its texts is an error and nothing worse. */
static void
test_journal_without_texts (void)
{
    g_autoptr (GError) error = NULL;
    const KnRepairRun run = { 0 };
    Repair repair;

    begin_repair (&repair);
    remove_file (&repair, "before.xml");
    remove_file (&repair, "wanted.xml");
    g_assert_false (kn_repair_resume (repair.journal, repair.no_hosts, &run, &error));
    g_assert_nonnull (error);
    end_repair (&repair);
}

/* Users learn neither names of hosts nor paths on them, wherever a rule says them. */
static void
test_hidden_hosts (void)
{
    Bench bench = { 0 };

    set_up (&bench, &debian, NULL);
    KnExam exam = { .fleet = bench.fleet,
                    .subject = bench.subject,
                    .rule = kn_doctor_rule_find ("disk-two-writers"),
                    .findings = g_ptr_array_new_with_free_func (kn_finding_free) };
    KnFinding *finding = kn_exam_find (&exam, "Two guests own %s.", "/var/lib/disks/a b.qcow2");
    kn_finding_note (finding, "os/nvram = /var/lib/one, planned nothing");
    kn_finding_note (finding, "image_os_type = a/b");
    kn_finding_note_hosts (finding, "node1", "node2");

    kn_finding_hide_hosts (finding);
    g_assert_null (finding->host);
    g_assert_cmpstr (finding->what, ==, "Two guests own (a path of the host)");
    g_assert_cmpuint (finding->evidence->len, ==, 2);
    g_assert_cmpstr (finding->evidence->pdata[0], ==, "os/nvram = (a path of the host)");
    g_assert_cmpstr (finding->evidence->pdata[1], ==, "image_os_type = a/b");
    g_ptr_array_unref (exam.findings);
    tear_down (&bench);
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/doctor/table", test_table);
    g_test_add_func ("/doctor/paths", test_paths);
    g_test_add_func ("/doctor/edits", test_edits);
    g_test_add_func ("/doctor/healthy", test_healthy);
    g_test_add_func ("/doctor/declared", test_declared);
    g_test_add_func ("/doctor/zone", test_zone);
    g_test_add_func ("/doctor/name", test_name);
    g_test_add_func ("/doctor/measured", test_measured);
    g_test_add_func ("/doctor/window", test_window);
    g_test_add_func ("/doctor/restart-that-waits", test_restart_that_waits);
    g_test_add_func ("/doctor/journal-without-texts", test_journal_without_texts);
    g_test_add_func ("/doctor/hidden-hosts", test_hidden_hosts);
    return g_test_run ();
}
