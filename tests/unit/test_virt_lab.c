/* SPDX-License-Identifier: Apache-2.0 */
/* virt/ over a real libvirtd with real guests (TCG), inside tests/lab/lab.sh: the suite `lab`. The guest is the boot sector
 * that prints the CMOS clock; see tests/guests. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

#include "base/id.h"
#include "base/spawn.h"
#include "base/util.h"
#include "virt/domain.h"
#include "virt/virt_priv.h"

#define URI "qemu:///system"
#define CLOUD "0123abcd-1111-4222-8333-444455556666"
#define OTHER_CLOUD "99999999-1111-4222-8333-444455556666"
#define WAIT_US (20 * G_TIME_SPAN_SECOND)

/* What the events said, newest last. */
static struct {
    GMutex lock;
    GCond changed;
    GPtrArray *lines;
} heard;

static KnVirt *virt;
static KnVirtHost *host;
static char *guests, *instance_dir, *image_dir;

/* ---- events ---- */

static void
hear_take (char *line)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&heard.lock);

    g_ptr_array_add (heard.lines, line);
    g_cond_broadcast (&heard.changed);
}

static void
on_state (gpointer data, const char *name, const char *uuid, KnDomainState state,
          const char *reason)
{
    hear_take (g_strdup_printf ("state %s %d", uuid, (int)state));
}

static void
on_rtc (gpointer data, const char *name, const char *uuid, gint64 offset_s)
{
    hear_take (g_strdup_printf ("rtc %s %" G_GINT64_FORMAT, uuid, offset_s));
}

static void
on_agent (gpointer data, const char *name, const char *uuid, bool connected)
{
    hear_take (g_strdup_printf ("agent %s %d", uuid, connected));
}

static void
on_host (gpointer data, const char *name, bool up, const char *why)
{
    hear_take (g_strdup_printf ("host %s %d", name, up));
}

static void
forget_events (void)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&heard.lock);

    g_ptr_array_set_size (heard.lines, 0);
}

static bool
was_heard (const char *start)
{
    for (guint i = 0; i < heard.lines->len; i++)
        if (g_str_has_prefix (heard.lines->pdata[i], start))
            return true;
    return false;
}

/* Waits for an event whose line begins so. */
static void assert_heard (const char *format, ...) G_GNUC_PRINTF (1, 2);
static void
assert_heard (const char *format, ...)
{
    va_list args;
    gint64 deadline_us = g_get_monotonic_time () + WAIT_US;

    va_start (args, format);
    g_autofree char *start = g_strdup_vprintf (format, args);
    va_end (args);
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&heard.lock);
    while (!was_heard (start))
        if (!g_cond_wait_until (&heard.changed, &heard.lock, deadline_us)) {
            for (guint i = 0; i < heard.lines->len; i++)
                g_test_message ("heard: %s", (char *)heard.lines->pdata[i]);
            g_error ("no event '%s'", start);
        }
}

/* ---- helpers ---- */

static void
run_command (const char *const *argv)
{
    g_autoptr (GError) error = NULL;

    kn_spawn (argv, &(KnSpawn){ .timeout_ms = 60000 }, NULL, &error);
    g_assert_no_error (error);
}

#define RUN(...) run_command ((const char *const[]){ __VA_ARGS__, NULL })

static void
restart_libvirtd (const char *signal, const char *stop)
{
    RUN ("restart-libvirtd", signal, stop);
}

static void
wait_until_up (void)
{
    gint64 deadline_us = g_get_monotonic_time () + WAIT_US;

    while (!kn_virt_host_is_up (host)) {
        g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
        g_usleep (10000);
    }
}

/* The console log of @uuid once it has at least @lines lines. */
static char *
wait_for_console (const char *uuid, guint lines)
{
    g_autofree char *name = g_strconcat (uuid, ".console", NULL);
    gint64 deadline_us = g_get_monotonic_time () + WAIT_US;

    for (;;) {
        g_autoptr (GError) error = NULL;
        gsize len = 0;
        char *text = kn_volume_load_tail (host, name, 4096, &len, &error);
        guint count = 0;

        g_assert_no_error (error);
        for (gsize i = 0; i < len; i++)
            count += text[i] == '\n';
        if (count >= lines)
            return text;
        g_free (text);
        g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
        g_usleep (50000);
    }
}

static char *
format_domain (const char *uuid, const char *name, const char *cloud, const char *clock)
{
    g_autofree char *disk_name = g_strconcat (uuid, ".disk", NULL);
    g_autofree char *disk = kn_volume_path (host, KN_POOL_INSTANCES, disk_name);
    g_autofree char *log_name = g_strconcat (uuid, ".console", NULL);
    g_autofree char *log = kn_volume_path (host, KN_POOL_INSTANCES, log_name);
    g_autofree char *mark
        = cloud ? g_strdup_printf (
              "<metadata><kilonova:cloud xmlns:kilonova='https://kilonova.dev/ns/1' id='%s'/>"
              "</metadata>",
              cloud)
                : g_strdup ("");

    return g_strdup_printf (
        "<domain type='qemu'><name>%s</name><uuid>%s</uuid>%s<memory unit='MiB'>32</memory>"
        "<vcpu>2</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os>"
        "<features><acpi/></features>%s<devices>"
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='%s'/>"
        "<target dev='vda' bus='virtio'/></disk>"
        "<serial type='pty'><log file='%s' append='off'/></serial>"
        "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
        "<graphics type='vnc' autoport='yes' listen='127.0.0.1'/>"
        "</devices></domain>",
        name, uuid, mark, clock, disk, log);
}

/* A guest of ours: overlay on @image, defined, not started. Name and uuid are new each time. */
static char *
make_guest (const char *image, const char *clock)
{
    static gint count = 0x100;
    g_autoptr (GError) error = NULL;
    g_autofree char *uuid = kn_id_uuid ();
    g_autofree char *name = g_strdup_printf ("instance-%08x", (guint)g_atomic_int_add (&count, 1));
    g_autofree char *disk = g_strconcat (uuid, ".disk", NULL);
    g_autofree char *xml = format_domain (uuid, name, CLOUD, clock);

    kn_volume_create_overlay (host, disk, image, "qcow2", 64 * MIB, &error);
    g_assert_no_error (error);
    kn_domain_define (host, xml, &error);
    g_assert_no_error (error);
    return g_steal_pointer (&uuid);
}

static void
drop_guest (const char *uuid)
{
    g_autoptr (GError) error = NULL;

    kn_domain_destroy (host, uuid, &error);
    g_assert_no_error (error);
    kn_domain_undefine (host, uuid, KN_UNDEFINE_ALL, &error);
    g_assert_no_error (error);
    kn_volume_delete_all (host, uuid, &error);
    g_assert_no_error (error);
}

static KnDomainState
get_state (const char *uuid)
{
    g_autoptr (GError) error = NULL;
    KnDomainState state = KN_DOMAIN_N;

    kn_domain_load_state (host, uuid, &state, &error);
    g_assert_no_error (error);
    return state;
}

static bool
has_volume (const char *name)
{
    g_autoptr (GError) error = NULL;
    g_auto (GStrv) names = kn_volume_list (host, KN_POOL_INSTANCES, &error);

    g_assert_no_error (error);
    return g_strv_contains ((const char *const *)names, name);
}

/* ---- tests ---- */

static void
test_facts (void)
{
    g_autoptr (GError) error = NULL;
    const KnVirtFacts *facts = kn_virt_host_facts (host, &error);

    g_assert_no_error (error);
    g_assert_cmpstr (facts->arch, ==, "x86_64");
    g_assert_cmpstr (facts->hypervisor, ==, "QEMU");
    g_assert_cmpuint (facts->cpus, >, 0);
    g_assert_cmpuint (facts->memory_mib, >, 0);
    g_assert_cmpuint (facts->memory_used_mib, >, 0);
    g_assert_cmpuint (facts->memory_used_mib, <, facts->memory_mib);
    g_assert_cmpuint (facts->libvirt_version, >=, 9000000);
    g_assert_cmpuint (facts->qemu_version, >=, 7000000);
    g_assert_true (g_str_has_prefix (facts->default_q35, "pc-q35-"));
    g_assert_true (g_str_has_prefix (facts->default_pc, "pc-i440fx-"));
    g_assert_true (g_strv_contains (facts->machines, "q35"));
    g_assert_true (g_strv_contains (facts->machines, facts->default_q35));
    g_assert_true (g_strv_contains (facts->hyperv, "spinlocks"));
    g_assert_true (g_strv_contains (facts->cpu_models, "qemu64"));
    g_assert_cmpuint (facts->n_cells, >, 0);
    g_assert_cmpuint (facts->cells[0].n_cpus, >, 0);
    g_assert_cmpuint (facts->cells[0].memory_kib, >, 0);
    g_assert_cmpuint (facts->cells[0].pages[0].size_kib, ==, 4);
    g_assert_nonnull (facts->hostname);
    g_assert_nonnull (facts->zone);
    g_assert_cmpstr (facts->virt_type, ==, "qemu");
}

static void
test_life (void)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *uuid = make_guest ("rtc.qcow2", "<clock offset='utc'/>");
    g_autofree char *disk = g_strconcat (uuid, ".disk", NULL);

    g_assert_cmpint (get_state (uuid), ==, KN_DOMAIN_SHUTOFF);
    g_assert_true (kn_domain_start (host, uuid, &error));
    g_assert_true (kn_domain_start (host, uuid, &error));
    assert_heard ("state %s %d", uuid, KN_DOMAIN_RUNNING);
    g_assert_cmpint (get_state (uuid), ==, KN_DOMAIN_RUNNING);

    g_assert_true (kn_domain_suspend (host, uuid, &error));
    g_assert_true (kn_domain_suspend (host, uuid, &error));
    assert_heard ("state %s %d", uuid, KN_DOMAIN_PAUSED);
    g_assert_cmpint (get_state (uuid), ==, KN_DOMAIN_PAUSED);
    g_assert_true (kn_domain_resume (host, uuid, &error));
    g_assert_true (kn_domain_resume (host, uuid, &error));
    g_assert_true (kn_domain_reset (host, uuid, &error));
    g_assert_cmpint (get_state (uuid), ==, KN_DOMAIN_RUNNING);

    g_auto (GStrv) ours = kn_domain_list (host, &error);
    g_assert_true (g_strv_contains ((const char *const *)ours, uuid));
    g_assert_true (kn_domain_destroy (host, uuid, &error));
    g_assert_true (kn_domain_destroy (host, uuid, &error));
    assert_heard ("state %s %d", uuid, KN_DOMAIN_SHUTOFF);
    g_assert_true (kn_domain_undefine (host, uuid, KN_UNDEFINE_KEEP_STATE, &error));
    g_assert_true (kn_domain_undefine (host, uuid, KN_UNDEFINE_ALL, &error));
    g_assert_cmpint (get_state (uuid), ==, KN_DOMAIN_NONE);
    g_assert_true (kn_domain_destroy (host, uuid, &error));

    g_assert_true (has_volume (disk));
    g_assert_true (kn_volume_delete_all (host, uuid, &error));
    g_assert_false (has_volume (disk));
    g_assert_no_error (error);
}

static void
test_wrong_state (void)
{
    g_autofree char *uuid = make_guest ("rtc.qcow2", "");
    g_autofree char *nobody = kn_id_uuid ();
    g_autoptr (GError) off = NULL, none = NULL, stats = NULL;

    g_assert_false (kn_domain_resume (host, uuid, &off));
    g_assert_error (off, KN_ERROR, KN_ERROR_CONFLICT);
    g_assert_true (kn_error_is_public (off));
    g_assert_false (kn_domain_start (host, nobody, &none));
    g_assert_error (none, KN_ERROR, KN_ERROR_NOT_FOUND);
    g_assert_null (kn_domain_load_stats (host, uuid, &stats));
    g_assert_error (stats, KN_ERROR, KN_ERROR_CONFLICT);
    drop_guest (uuid);
}

/* NVRAM and TPM state outlive the definition unless they are to go too. */
static void
test_kept_state (void)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *uuid = kn_id_uuid ();
    g_autofree char *xml = g_strdup_printf (
        "<domain type='qemu'><name>instance-0000eeee</name><uuid>%s</uuid><metadata>"
        "<kilonova:cloud xmlns:kilonova='https://kilonova.dev/ns/1' id='" CLOUD "'/></metadata>"
        "<memory unit='MiB'>64</memory><os firmware='efi'><type arch='x86_64' machine='q35'>hvm"
        "</type></os><features><acpi/></features><devices><tpm model='tpm-crb'>"
        "<backend type='emulator' version='2.0'/></tpm></devices></domain>",
        uuid);
    const char *nvram = "/var/lib/libvirt/qemu/nvram/instance-0000eeee_VARS.fd";
    g_autofree char *tpm = g_strconcat ("/var/lib/libvirt/swtpm/", uuid, NULL);

    for (KnUndefine what = KN_UNDEFINE_KEEP_STATE; what <= KN_UNDEFINE_ALL; what++) {
        bool kept = what == KN_UNDEFINE_KEEP_STATE;

        kn_domain_define (host, xml, &error);
        g_assert_no_error (error);
        kn_domain_start (host, uuid, &error);
        g_assert_no_error (error);
        g_assert_true (g_file_test (nvram, G_FILE_TEST_EXISTS));
        g_assert_true (g_file_test (tpm, G_FILE_TEST_EXISTS));
        g_assert_true (kn_domain_destroy (host, uuid, &error));
        kn_domain_undefine (host, uuid, what, &error);
        g_assert_no_error (error);
        g_assert_true (g_file_test (nvram, G_FILE_TEST_EXISTS) == kept);
        g_assert_true (g_file_test (tpm, G_FILE_TEST_EXISTS) == kept);
    }
}

/* The definition of before stays when the hypervisor refuses a new one, and the reason is libvirt's. */
static void
test_define_refused (void)
{
    g_autoptr (GError) error = NULL, no_mark = NULL;
    g_autofree char *uuid = make_guest ("rtc.qcow2", "<clock offset='utc'/>");
    g_autofree char *before = kn_domain_load_xml (host, uuid, false, &error);
    g_autofree char *wrong = format_domain (uuid, "instance-0000ffff", CLOUD, "");
    g_autofree char *unmarked = format_domain (uuid, "instance-0000ffff", NULL, "");

    g_assert_no_error (error);
    g_assert_false (kn_domain_define (host, wrong, &error));
    g_assert_nonnull (error);
    g_assert_true (kn_error_is_public (error));
    g_assert_false (kn_domain_define (host, unmarked, &no_mark));
    g_assert_error (no_mark, KN_ERROR, KN_ERROR_INTERNAL);
    g_autofree char *after = kn_domain_load_xml (host, uuid, false, NULL);
    g_assert_cmpstr (before, ==, after);
    drop_guest (uuid);
}

static char *
virsh_dumpxml (const char *name)
{
    g_autoptr (GError) error = NULL;
    char *text = NULL;

    kn_spawn ((const char *const[]){ "virsh", "-q", "-c", URI, "dumpxml", name, NULL },
              &(KnSpawn){ .timeout_ms = 10000 }, &text, &error);
    g_assert_no_error (error);
    return text;
}

static void
define_by_hand (const char *xml)
{
    g_autofree char *path = g_build_filename (g_get_tmp_dir (), "stranger.xml", NULL);

    g_assert_true (g_file_set_contents (path, xml, -1, NULL));
    RUN ("virsh", "-q", "-c", URI, "define", path);
}

static void
assert_untouched (const char *uuid, const char *name)
{
    g_autoptr (GError) none = NULL;
    g_autofree char *before = virsh_dumpxml (name);
    g_auto (GStrv) ours = kn_domain_list (host, NULL);

    g_assert_false (g_strv_contains ((const char *const *)ours, uuid));
    g_assert_cmpint (get_state (uuid), ==, KN_DOMAIN_NONE);
    g_assert_false (kn_domain_start (host, uuid, &none));
    g_assert_error (none, KN_ERROR, KN_ERROR_NOT_FOUND);
    g_assert_true (kn_domain_destroy (host, uuid, NULL));
    g_assert_true (kn_domain_undefine (host, uuid, KN_UNDEFINE_ALL, NULL));
    g_autofree char *after = virsh_dumpxml (name);
    g_assert_cmpstr (before, ==, after);
}

static void
test_strangers (void)
{
    static const char *const clouds[] = { NULL, OTHER_CLOUD };

    for (gsize i = 0; i < G_N_ELEMENTS (clouds); i++) {
        g_autoptr (GError) same_name = NULL, same_uuid = NULL;
        g_autofree char *uuid = kn_id_uuid ();
        g_autofree char *mine = kn_id_uuid ();
        g_autofree char *xml = format_domain (uuid, "instance-00000001", clouds[i], "");
        g_autofree char *my_name = format_domain (mine, "instance-00000001", CLOUD, "");
        g_autofree char *my_uuid = format_domain (uuid, "instance-00000002", CLOUD, "");

        define_by_hand (xml);
        assert_untouched (uuid, "instance-00000001");
        g_assert_false (kn_domain_define (host, my_name, &same_name));
        g_assert_error (same_name, KN_ERROR, KN_ERROR_CONFLICT);
        g_assert_nonnull (strstr (same_name->message, "instance-00000001"));
        g_assert_nonnull (strstr (same_name->message, uuid));
        g_assert_false (kn_domain_define (host, my_uuid, &same_uuid));
        g_assert_error (same_uuid, KN_ERROR, KN_ERROR_CONFLICT);
        g_assert_nonnull (strstr (same_uuid->message, "instance-00000001"));
        RUN ("virsh", "-q", "-c", URI, "undefine", "instance-00000001");
    }
}

/* Pools of our name on another folder, or on our folder with another name, belong to somebody else. */
static void
test_stranger_pools (void)
{
    g_autoptr (GError) error = NULL, name_error = NULL, dir_error = NULL;
    g_autoptr (KnVirt) second = kn_virt_new ("77777777-1111-4222-8333-444455556666");
    g_autofree char *theirs = g_build_filename (g_get_tmp_dir (), "theirs", NULL);
    g_autofree char *other = g_build_filename (g_get_tmp_dir (), "other", NULL);
    KnVirtHostSpec spec = { .name = "second",
                            .uri = URI,
                            .virt_type = "qemu",
                            .instance_dir = other,
                            .image_dir = theirs };

    g_assert_true (kn_virt_add_host (second, &spec, &error));
    g_autoptr (KnVirtHost) same = kn_virt_find_host (second, "second");
    g_mkdir (theirs, 0755);
    RUN ("virsh", "-q", "-c", URI, "pool-define-as", "kilonova-77777777-instances", "dir",
         "--target", theirs);
    g_assert_false (kn_volume_ensure_pools (same, &name_error));
    g_assert_error (name_error, KN_ERROR, KN_ERROR_CONFLICT);
    RUN ("virsh", "-q", "-c", URI, "pool-undefine", "kilonova-77777777-instances");

    RUN ("virsh", "-q", "-c", URI, "pool-define-as", "theirs", "dir", "--target", theirs);
    g_assert_false (kn_volume_ensure_pools (same, &dir_error));
    g_assert_error (dir_error, KN_ERROR, KN_ERROR_CONFLICT);
    g_assert_nonnull (strstr (dir_error->message, "theirs"));
    RUN ("virsh", "-q", "-c", URI, "pool-undefine", "theirs");
    RUN ("virsh", "-q", "-c", URI, "pool-destroy", "kilonova-77777777-instances");
    RUN ("virsh", "-q", "-c", URI, "pool-undefine", "kilonova-77777777-instances");
}

static void
test_rtc_event (void)
{
    g_autofree char *uuid = make_guest ("rtc-same.qcow2", "<clock offset='utc'/>");
    g_autoptr (GError) error = NULL;

    g_assert_true (kn_domain_start (host, uuid, &error));
    assert_heard ("rtc %s ", uuid);
    drop_guest (uuid);
}

static void
test_console_and_more (void)
{
    g_autoptr (GError) error = NULL, agent = NULL;
    g_autofree char *uuid
        = make_guest ("rtc.qcow2", "<clock offset='variable' adjustment='28800' basis='utc'/>");
    g_autofree char *address = NULL;
    guint port = 0;

    g_assert_true (kn_domain_start (host, uuid, &error));
    g_autofree char *text = wait_for_console (uuid, 2);
    g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
    g_autoptr (GDateTime) ahead = g_date_time_add_hours (now, 8);
    g_autofree char *day = g_date_time_format (ahead, "%Y%m%d%H");
    g_assert_nonnull (strstr (text, day));

    g_assert_true (kn_domain_load_vnc (host, uuid, &address, &port, &error));
    g_assert_cmpstr (address, ==, "127.0.0.1");
    g_assert_cmpuint (port, >=, 5900);
    g_assert_null (kn_domain_agent (host, uuid, "{\"execute\":\"guest-ping\"}", 2, &agent));
    g_assert_error (agent, KN_ERROR, KN_ERROR_CONFLICT);

    g_autofree char *live = kn_domain_load_xml (host, uuid, true, &error);
    g_assert_nonnull (strstr (live, "<domain type='qemu' id="));
    g_assert_no_error (error);
    drop_guest (uuid);
}

static void
test_stats (void)
{
    static const char *const wanted[]
        = { "cpu0_time", "cpu1_time", "memory",     "memory-actual", "memory-rss",
            "vda_read",  "vda_write", "vda_errors", "vda_read_req",  "vda_write_req" };
    g_autoptr (GError) error = NULL;
    g_autofree char *uuid = make_guest ("rtc.qcow2", "");

    g_assert_true (kn_domain_start (host, uuid, &error));
    g_autofree char *text = wait_for_console (uuid, 1);
    g_autoptr (GArray) stats = kn_domain_load_stats (host, uuid, &error);
    g_autoptr (GHashTable) values = g_hash_table_new (g_str_hash, g_str_equal);
    g_assert_no_error (error);
    for (guint i = 0; i < stats->len; i++) {
        KnDomainStat *stat = &g_array_index (stats, KnDomainStat, i);

        g_test_message ("%s %" G_GINT64_FORMAT, stat->name, stat->value);
        g_hash_table_insert (values, stat->name, &stat->value);
    }
    for (gsize i = 0; i < G_N_ELEMENTS (wanted); i++)
        if (!g_hash_table_contains (values, wanted[i]))
            g_error ("no figure '%s'", wanted[i]);
    g_assert_cmpint (*(gint64 *)g_hash_table_lookup (values, "vda_read"), >=, 512);
    g_assert_cmpint (*(gint64 *)g_hash_table_lookup (values, "memory"), ==, 32 * 1024);
    drop_guest (uuid);
}

static void
test_shutdown_timeout (void)
{
    g_autoptr (GError) error = NULL, timeout = NULL;
    g_autofree char *uuid = make_guest ("rtc.qcow2", "");

    g_assert_true (kn_domain_shutdown (host, uuid, 500, &error));
    g_assert_true (kn_domain_start (host, uuid, &error));
    g_assert_false (kn_domain_shutdown (host, uuid, 500, &timeout));
    g_assert_error (timeout, KN_ERROR, KN_ERROR_TIMEOUT);
    g_assert_cmpint (get_state (uuid), ==, KN_DOMAIN_RUNNING);
    drop_guest (uuid);
}

/* The process of a running guest, from the file that libvirt keeps. */
static pid_t
get_qemu (const char *uuid)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *xml = kn_domain_load_xml (host, uuid, true, &error);
    g_autoptr (KnXmlView) view = kn_xml_view_new (xml, &error);
    g_autofree char *name = kn_xml_view_dup (view, "/domain/name");
    g_autofree char *path = g_strdup_printf ("/run/libvirt/qemu/%s.pid", name);
    g_autofree char *text = kn_file_read (path, 64, NULL, &error);
    gint64 pid = 0;

    g_assert_no_error (error);
    g_assert_true (kn_parse_int (g_strstrip (text), 2, G_MAXINT, &pid));
    return (pid_t)pid;
}

/* A QEMU that hangs costs its own calls a deadline, further ones nothing, and other guests nothing either. */
static void
test_hung_guest (void)
{
    g_autoptr (GError) error = NULL, first = NULL, again = NULL;
    g_autofree char *hung = make_guest ("rtc.qcow2", "");
    g_autofree char *fine = make_guest ("rtc.qcow2", "");

    g_assert_true (kn_domain_start (host, hung, &error));
    g_assert_true (kn_domain_start (host, fine, &error));
    pid_t pid = get_qemu (hung);
    g_assert_cmpint (kill (pid, SIGSTOP), ==, 0);
    g_assert_null (kn_domain_load_stats (host, hung, &first));
    g_assert_error (first, KN_ERROR, KN_ERROR_TIMEOUT);
    gint64 begin_us = g_get_monotonic_time ();
    g_assert_false (kn_domain_suspend (host, hung, &again));
    g_assert_error (again, KN_ERROR, KN_ERROR_TIMEOUT);
    g_assert_cmpint (get_state (hung), ==, KN_DOMAIN_RUNNING);
    g_autoptr (GArray) stats = kn_domain_load_stats (host, fine, &error);
    g_assert_no_error (error);
    g_assert_cmpint (g_get_monotonic_time () - begin_us, <, G_TIME_SPAN_SECOND);

    g_assert_cmpint (kill (pid, SIGCONT), ==, 0);
    gint64 deadline_us = g_get_monotonic_time () + WAIT_US;
    for (g_autoptr (GError) still = NULL; !kn_domain_suspend (host, hung, &still);
         g_clear_error (&still)) {
        g_assert_error (still, KN_ERROR, KN_ERROR_TIMEOUT);
        g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
        g_usleep (10000);
    }
    drop_guest (hung);
    drop_guest (fine);
}

/* libvirtd dies under running guests: calls fail at once, the host comes back by itself, guests have not noticed. */
static void
test_restart (void)
{
    g_autoptr (GError) error = NULL, away = NULL, away_volume = NULL;
    g_autofree char *uuid = make_guest ("rtc.qcow2", "");
    KnDomainState state = KN_DOMAIN_N;

    g_assert_true (kn_domain_start (host, uuid, &error));
    forget_events ();
    restart_libvirtd ("KILL", "--stop");
    gint64 begin_us = g_get_monotonic_time ();
    g_assert_false (kn_domain_load_state (host, uuid, &state, &away));
    g_assert_error (away, KN_ERROR, KN_ERROR_UNAVAILABLE);
    g_assert_null (kn_volume_list (host, KN_POOL_INSTANCES, &away_volume));
    g_assert_error (away_volume, KN_ERROR, KN_ERROR_UNAVAILABLE);
    g_assert_cmpint (g_get_monotonic_time () - begin_us, <, G_TIME_SPAN_SECOND);
    g_assert_false (kn_virt_host_is_up (host));
    assert_heard ("host lab 0");

    restart_libvirtd ("KILL", NULL);
    begin_us = g_get_monotonic_time ();
    assert_heard ("host lab 1");
    g_test_message ("back after %.0f ms", (double)(g_get_monotonic_time () - begin_us) / 1000);
    g_assert_cmpint (get_state (uuid), ==, KN_DOMAIN_RUNNING);
    g_assert_true (has_volume ("nothing") == false);

    /* Events come again. Not of the guest of before: libvirt tells nobody of one that ends while it still takes it over. */
    g_autofree char *young = make_guest ("rtc.qcow2", "");
    g_assert_true (kn_domain_start (host, young, &error));
    assert_heard ("state %s %d", young, KN_DOMAIN_RUNNING);
    drop_guest (young);
    drop_guest (uuid);
}

/* A libvirtd that hangs is given up after 30 s; as long as this takes, it is run with `-m slow` only. */
static void
test_hung_daemon (void)
{
    g_autoptr (GError) error = NULL, away = NULL;
    g_autofree char *text = kn_file_read ("/run/libvirt/libvirtd.pid", 64, NULL, &error);
    g_autofree char *nobody = kn_id_uuid ();
    KnDomainState state = KN_DOMAIN_N;
    gint64 pid = 0;

    g_assert_no_error (error);
    g_assert_true (kn_parse_int (g_strstrip (text), 2, G_MAXINT, &pid));
    forget_events ();
    g_assert_cmpint (kill ((pid_t)pid, SIGSTOP), ==, 0);
    gint64 begin_us = g_get_monotonic_time ();
    g_assert_false (kn_domain_load_state (host, nobody, &state, &away));
    g_assert_error (away, KN_ERROR, KN_ERROR_UNAVAILABLE);
    g_test_message ("given up after %.1f s: %s",
                    (double)(g_get_monotonic_time () - begin_us) / G_TIME_SPAN_SECOND,
                    away->message);
    g_assert_cmpint (g_get_monotonic_time () - begin_us, <, 35 * G_TIME_SPAN_SECOND);
    assert_heard ("host lab 0");
    g_assert_cmpint (kill ((pid_t)pid, SIGCONT), ==, 0);
    assert_heard ("host lab 1");
    g_assert_cmpint (get_state (nobody), ==, KN_DOMAIN_NONE);
}

/* A full disk is told apart, and nothing half-made stays. */
static void
test_full_disk (void)
{
    g_autoptr (GError) error = NULL, overlay = NULL, put = NULL;
    g_autoptr (KnVirt) other = kn_virt_new ("66666666-1111-4222-8333-444455556666");
    g_autofree char *disks = g_build_filename (g_get_tmp_dir (), "tiny", NULL);
    g_autofree char *bytes = g_malloc0 (4 * MIB);
    KnVirtHostSpec spec = { .name = "tiny",
                            .uri = URI,
                            .virt_type = "qemu",
                            .instance_dir = disks,
                            .image_dir = image_dir };

    g_mkdir (disks, 0755);
    RUN ("mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", disks);
    RUN ("virsh", "-q", "-c", URI, "pool-destroy", "kilonova-0123abcd-images");
    RUN ("virsh", "-q", "-c", URI, "pool-undefine", "kilonova-0123abcd-images");
    g_assert_true (kn_virt_add_host (other, &spec, &error));
    g_autoptr (KnVirtHost) tiny = kn_virt_find_host (other, "tiny");
    g_assert_false (
        kn_volume_create_overlay (tiny, "disk", "big.qcow2", "qcow2", 200 * MIB, &overlay));
    g_test_message ("%s", overlay->message);
    g_assert_error (overlay, KN_ERROR, KN_ERROR_NO_SPACE);
    g_assert_false (kn_volume_put (tiny, "config", bytes, 4 * MIB, &put));
    g_test_message ("%s", put->message);
    g_assert_error (put, KN_ERROR, KN_ERROR_NO_SPACE);
    g_auto (GStrv) left = kn_volume_list (tiny, KN_POOL_INSTANCES, &error);
    g_assert_no_error (error);
    g_assert_false (g_strv_contains ((const char *const *)left, "disk"));
    g_assert_true (kn_volume_delete (tiny, "config", &error));
    RUN ("virsh", "-q", "-c", URI, "pool-destroy", "kilonova-66666666-images");
    RUN ("virsh", "-q", "-c", URI, "pool-undefine", "kilonova-66666666-images");
    RUN ("virsh", "-q", "-c", URI, "pool-destroy", "kilonova-66666666-instances");
    RUN ("virsh", "-q", "-c", URI, "pool-undefine", "kilonova-66666666-instances");
    RUN ("umount", disks);
}

static void
test_overlay (void)
{
    g_autoptr (GError) error = NULL, small = NULL, foreign = NULL, missing = NULL;
    g_autofree char *path = kn_volume_path (host, KN_POOL_INSTANCES, "over");
    g_autofree char *info = NULL;

    kn_volume_create_overlay (host, "over", "big.qcow2", "qcow2", 200 * MIB, &error);
    g_assert_no_error (error);
    g_assert_true (
        kn_volume_create_overlay (host, "over", "big.qcow2", "qcow2", 200 * MIB, &error));
    kn_spawn ((const char *const[]){ "qemu-img", "info", "--output=json", path, NULL },
              &(KnSpawn){ 0 }, &info, &error);
    g_assert_no_error (error);
    g_assert_nonnull (strstr (info, "\"virtual-size\": 209715200"));
    g_assert_nonnull (strstr (info, "\"backing-filename-format\": \"qcow2\""));
    g_assert_nonnull (strstr (info, "\"compat\": \"1.1\""));

    g_assert_false (
        kn_volume_create_overlay (host, "small", "big.qcow2", "qcow2", 50 * MIB, &small));
    g_assert_error (small, KN_ERROR, KN_ERROR_BAD_REQUEST);
    g_assert_true (kn_error_is_public (small));
    g_assert_false (has_volume ("small"));
    g_assert_true (kn_volume_create_overlay (host, "own-size", "big.qcow2", "qcow2", 0, &error));
    g_assert_false (
        kn_volume_create_overlay (host, "over", "rtc.qcow2", "qcow2", 200 * MIB, &foreign));
    g_assert_error (foreign, KN_ERROR, KN_ERROR_CONFLICT);
    g_assert_false (kn_volume_create_overlay (host, "x", "none.qcow2", "qcow2", MIB, &missing));
    g_assert_error (missing, KN_ERROR, KN_ERROR_NOT_FOUND);
    g_assert_true (kn_volume_delete (host, "over", &error));
    g_assert_true (kn_volume_delete (host, "over", &error));
    g_assert_true (kn_volume_delete (host, "own-size", &error));
}

/* What a crash left before the header was written is made again. */
static void
test_overlay_broken (void)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *path = kn_volume_path (host, KN_POOL_INSTANCES, "half");

    g_assert_true (g_file_set_contents (path, "", 0, NULL));
    kn_volume_create_overlay (host, "half", "big.qcow2", "qcow2", 200 * MIB, &error);
    g_assert_no_error (error);
    g_autofree char *head = NULL;
    g_assert_true (g_file_get_contents (path, &head, NULL, NULL));
    g_assert_cmpint (memcmp (head, "QFI\xfb", 4), ==, 0);
    g_assert_true (kn_volume_delete (host, "half", &error));
}

static void
test_put_and_tail (void)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *bytes = g_malloc (MIB);
    g_autofree char *path = kn_volume_path (host, KN_POOL_INSTANCES, "conf");
    gsize len = 0;

    for (gsize i = 0; i < MIB; i++)
        bytes[i] = (char)(i % 251);
    kn_volume_put (host, "conf", bytes, MIB, &error);
    g_assert_no_error (error);
    g_autofree char *tail = kn_volume_load_tail (host, "conf", 1000, &len, &error);
    g_assert_cmpmem (tail, len, bytes + MIB - 1000, 1000);

    kn_volume_put (host, "conf", "short", 5, &error);
    g_assert_no_error (error);
    g_autofree char *all = kn_volume_load_tail (host, "conf", 1000, &len, &error);
    g_assert_cmpstr (all, ==, "short");
    kn_volume_put (host, "conf", "other", 5, &error);
    g_autofree char *other = kn_volume_load_tail (host, "conf", 1000, &len, &error);
    g_assert_cmpstr (other, ==, "other");

    g_autofree char *none = kn_volume_load_tail (host, "nothing", 1000, &len, &error);
    g_assert_cmpstr (none, ==, "");
    g_assert_true (kn_volume_delete (host, "conf", &error));
    g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
}

/* virtlogd renames a full log to .0 and so on; the tail goes through all of them, and all are deleted. */
static void
test_rotated (void)
{
    static const char *const parts[][2]
        = { { "log", "newest" }, { "log.0", "middle " }, { "log.1", "oldest " } };
    g_autoptr (GError) error = NULL;
    gsize len = 0;

    for (gsize i = 0; i < G_N_ELEMENTS (parts); i++) {
        g_autofree char *path = kn_volume_path (host, KN_POOL_INSTANCES, parts[i][0]);

        g_assert_true (g_file_set_contents (path, parts[i][1], -1, NULL));
    }
    g_autofree char *all = kn_volume_load_tail (host, "log", 1000, &len, &error);
    g_assert_cmpstr (all, ==, "oldest middle newest");
    g_autofree char *some = kn_volume_load_tail (host, "log", 9, &len, &error);
    g_assert_cmpstr (some, ==, "le newest");
    g_assert_true (kn_volume_delete (host, "log", &error));
    g_assert_false (has_volume ("log") || has_volume ("log.0") || has_volume ("log.1"));
}

static void
test_images_and_space (void)
{
    g_autoptr (GError) error = NULL, missing = NULL;
    guint64 total = 0, left = 0;
    g_auto (GStrv) images = kn_volume_list (host, KN_POOL_IMAGES, &error);

    g_assert_true (g_strv_contains ((const char *const *)images, "rtc.qcow2"));
    g_assert_true (kn_volume_ensure_image (host, "rtc.qcow2", -1, 0, &error));
    g_assert_false (kn_volume_ensure_image (host, "none", -1, 0, &missing));
    g_assert_error (missing, KN_ERROR, KN_ERROR_NOT_FOUND);
    g_assert_true (kn_volume_load_space (host, KN_POOL_INSTANCES, &total, &left, &error));
    g_assert_cmpuint (total, >=, left);
    g_assert_cmpuint (left, >, 0);
}

/* A host that is not this machine gets an image once, by stream; one that broke off is sent again. */
static void
test_image_send (void)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnVirt) away = kn_virt_new ("88888888-1111-4222-8333-444455556666");
    g_autofree char *remote_instances = g_build_filename (g_get_tmp_dir (), "far", "disks", NULL);
    g_autofree char *remote_images = g_build_filename (g_get_tmp_dir (), "far", "images", NULL);
    g_autofree char *source = g_build_filename (image_dir, "big.qcow2", NULL);
    g_autofree char *copy = g_build_filename (remote_images, "big", NULL);
    KnVirtHostSpec spec = { .name = "far",
                            .uri = URI,
                            .virt_type = "qemu",
                            .instance_dir = remote_instances,
                            .image_dir = remote_images };

    g_assert_true (kn_virt_add_host (away, &spec, &error));
    g_autoptr (KnVirtHost) far = kn_virt_find_host (away, "far");
    g_autofree char *want = NULL, *got = NULL;
    gsize want_len = 0, got_len = 0;
    g_assert_true (g_file_get_contents (source, &want, &want_len, NULL));
    g_assert_true (kn_volume_ensure_pools (far, &error));
    g_assert_true (g_file_set_contents (copy, "broken off", -1, NULL));

    kn_autofd fd = g_open (source, O_RDONLY | O_CLOEXEC, 0);
    kn_volume_ensure_image (far, "big", fd, want_len, &error);
    g_assert_no_error (error);
    g_assert_true (g_file_get_contents (copy, &got, &got_len, NULL));
    g_assert_cmpmem (got, got_len, want, want_len);
    g_assert_true (kn_volume_ensure_image (far, "big", -1, want_len, &error));
    kn_volume_create_overlay (far, "over", "big", "qcow2", 200 * MIB, &error);
    g_assert_no_error (error);
}

typedef struct {
    guint index;
    GError *error;
} Starter;

/* All that a start needs, as 20 workers do it at the same moment. */
static gpointer
start_one (gpointer data)
{
    Starter *starter = data;
    g_autofree char *disk = g_strdup_printf ("many-%u.disk", starter->index);
    g_autofree char *config = g_strdup_printf ("many-%u.config", starter->index);
    g_autofree char *bytes = g_malloc0 (64 * KIB);
    bool done = kn_volume_create_overlay (host, disk, "big.qcow2", "qcow2", GIB, &starter->error)
                && kn_volume_put (host, config, bytes, 64 * KIB, &starter->error);

    if (done && starter->index % 4 == 0)
        g_strfreev (kn_volume_list (host, KN_POOL_INSTANCES, &starter->error));
    return NULL;
}

static void
test_many (void)
{
    Starter starters[20];
    GThread *threads[G_N_ELEMENTS (starters)];
    g_autoptr (GError) error = NULL;
    gint64 begin_us = g_get_monotonic_time ();

    for (guint i = 0; i < G_N_ELEMENTS (starters); i++) {
        starters[i] = (Starter){ .index = i };
        threads[i] = g_thread_new ("starter", start_one, &starters[i]);
    }
    for (guint i = 0; i < G_N_ELEMENTS (starters); i++) {
        g_thread_join (threads[i]);
        g_assert_no_error (starters[i].error);
    }
    g_test_message ("20 overlays and config drives: %.0f ms",
                    (double)(g_get_monotonic_time () - begin_us) / 1000);
    g_auto (GStrv) names = kn_volume_list (host, KN_POOL_INSTANCES, &error);
    g_assert_cmpuint (g_strv_length (names), ==, 40);
    g_assert_true (kn_volume_delete_all (host, "many-", &error));
    g_assert_no_error (error);
}

/* A pool that somebody stops comes back with the next call. */
static void
test_pool_stopped (void)
{
    g_autoptr (GError) error = NULL;

    RUN ("virsh", "-q", "-c", URI, "pool-destroy", "kilonova-0123abcd-instances");
    kn_volume_create_empty (host, "empty", "raw", MIB, &error);
    g_assert_no_error (error);
    g_assert_true (has_volume ("empty"));
    g_assert_true (kn_volume_delete (host, "empty", &error));
}

/* A host that is not there is added all the same, and says so. */
static void
test_away_at_start (void)
{
    g_autoptr (GError) error = NULL, away = NULL;
    g_autoptr (KnVirt) other = kn_virt_new (CLOUD);
    KnVirtHostSpec spec = { .name = "nowhere",
                            .uri = "qemu+unix:///system?socket=/nonexistent/libvirt-sock",
                            .virt_type = "auto",
                            .instance_dir = "/nonexistent/a",
                            .image_dir = "/nonexistent/b" };

    g_assert_true (kn_virt_add_host (other, &spec, &error));
    g_autoptr (KnVirtHost) gone = kn_virt_find_host (other, "nowhere");
    g_assert_false (kn_virt_host_is_up (gone));
    g_assert_null (kn_virt_host_facts (gone, &away));
    g_assert_error (away, KN_ERROR, KN_ERROR_UNAVAILABLE);
    g_assert_nonnull (strstr (away->message, "nowhere"));
    g_assert_null (strstr (away->message, "/nonexistent"));
}

/* libvirt's test driver: domains and pools without guests and files. */
static void
test_driver (void)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnVirt) other = kn_virt_new (CLOUD);
    KnVirtHostSpec spec = { .name = "test",
                            .uri = "test+unix:///default?socket=/run/libvirt/libvirt-sock",
                            .virt_type = "auto",
                            .instance_dir = "/kilonova/instances",
                            .image_dir = "/kilonova/images",
                            .local = true };
    const char *uuid = "11111111-2222-4333-8444-555555555555";
    const char *xml
        = "<domain type='qemu'><name>instance-00000007</name>"
          "<uuid>11111111-2222-4333-8444-555555555555</uuid><metadata>"
          "<kilonova:cloud xmlns:kilonova='https://kilonova.dev/ns/1' id='" CLOUD "'/></metadata>"
          "<memory>8192</memory><vcpu>1</vcpu><os>"
          "<type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os></domain>";
    KnDomainState state = KN_DOMAIN_N;
    gsize len = 1;

    g_assert_true (kn_virt_add_host (other, &spec, &error));
    g_autoptr (KnVirtHost) test = kn_virt_find_host (other, "test");
    const KnVirtFacts *facts = kn_virt_host_facts (test, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (facts->virt_type, ==, "qemu");
    g_assert_cmpstr (facts->arch, ==, "x86_64");
    g_assert_cmpstr (facts->hypervisor, ==, "TEST");
    kn_volume_create_overlay (test, "d", "some-image", "qcow2", GIB, &error);
    g_assert_no_error (error);
    kn_volume_create_overlay (test, "d", "some-image", "qcow2", GIB, &error);
    g_assert_no_error (error);
    kn_volume_put (test, "c", "xyz", 3, &error);
    kn_volume_put (test, "c", "other", 5, &error);
    g_assert_no_error (error);
    g_assert_true (kn_volume_ensure_image (test, "some-image", -1, 1, &error));
    g_autofree char *tail = kn_volume_load_tail (test, "log", 10, &len, &error);
    g_assert_cmpstr (tail, ==, "");
    kn_domain_define (test, xml, &error);
    g_assert_no_error (error);
    kn_domain_start (test, uuid, &error);
    g_assert_no_error (error);
    g_assert_true (kn_domain_load_state (test, uuid, &state, &error));
    g_assert_cmpint (state, ==, KN_DOMAIN_RUNNING);
    g_assert_true (kn_domain_destroy (test, uuid, &error));
    g_assert_true (kn_domain_undefine (test, uuid, KN_UNDEFINE_ALL, &error));
    g_assert_true (kn_volume_delete_all (test, "d", &error));
    g_assert_true (kn_volume_delete (test, "c", &error));
    g_auto (GStrv) names = kn_volume_list (test, KN_POOL_INSTANCES, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (g_strv_length (names), ==, 0);
}

/* ---- costs: run with `-m perf` ---- */

static void
say_cost (const char *what, gint64 begin_us, guint count)
{
    g_test_message ("%-32s %8.2f ms", what,
                    (double)(g_get_monotonic_time () - begin_us) / 1000 / count);
}

static void
measure_storage (guint count)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *bytes = g_malloc0 (512 * KIB);
    gint64 begin_us = g_get_monotonic_time ();
    gsize len = 0;

    for (guint i = 0; i < count; i++) {
        g_autofree char *name = g_strdup_printf ("cost-%u.disk", i);

        g_assert_true (kn_volume_create_overlay (host, name, "big.qcow2", "qcow2", GIB, &error));
    }
    say_cost ("create overlay", begin_us, count);
    begin_us = g_get_monotonic_time ();
    for (guint i = 0; i < count; i++) {
        g_autofree char *name = g_strdup_printf ("cost-%u.config", i);

        g_assert_true (kn_volume_put (host, name, bytes, 512 * KIB, &error));
    }
    say_cost ("put 512 KiB", begin_us, count);
    begin_us = g_get_monotonic_time ();
    for (guint i = 0; i < count; i++)
        g_strfreev (kn_volume_list (host, KN_POOL_INSTANCES, &error));
    say_cost ("list (refresh), 2 x count files", begin_us, count);
    begin_us = g_get_monotonic_time ();
    for (guint i = 0; i < count; i++) {
        g_autofree char *name = g_strdup_printf ("cost-%u.config", i);

        g_free (kn_volume_load_tail (host, name, 4096, &len, &error));
    }
    say_cost ("tail 4 KiB, 2 x count files", begin_us, count);
    begin_us = g_get_monotonic_time ();
    for (guint i = 0; i < count; i++) {
        g_autofree char *name = g_strdup_printf ("cost-%u.disk", i);

        g_assert_true (kn_volume_delete (host, name, &error));
    }
    say_cost ("delete", begin_us, count);
    begin_us = g_get_monotonic_time ();
    g_assert_true (kn_volume_delete_all (host, "cost-", &error));
    say_cost ("delete all of a prefix, count", begin_us, 1);
    g_assert_no_error (error);
}

static void
measure_domain (guint count)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *uuid = make_guest ("rtc.qcow2", "");
    g_autofree char *xml = format_domain (uuid, "instance-0000cccc", CLOUD, "");
    KnDomainState state = KN_DOMAIN_N;
    gint64 define_us = 0, start_us = 0, destroy_us = 0, undefine_us = 0;

    g_assert_true (kn_domain_undefine (host, uuid, KN_UNDEFINE_ALL, &error));
    for (guint i = 0; i < count; i++) {
        gint64 at_us[5];

        at_us[0] = g_get_monotonic_time ();
        g_assert_true (kn_domain_define (host, xml, &error));
        at_us[1] = g_get_monotonic_time ();
        g_assert_true (kn_domain_start (host, uuid, &error));
        at_us[2] = g_get_monotonic_time ();
        g_assert_true (kn_domain_destroy (host, uuid, &error));
        at_us[3] = g_get_monotonic_time ();
        g_assert_true (kn_domain_undefine (host, uuid, KN_UNDEFINE_ALL, &error));
        at_us[4] = g_get_monotonic_time ();
        define_us += at_us[1] - at_us[0];
        start_us += at_us[2] - at_us[1];
        destroy_us += at_us[3] - at_us[2];
        undefine_us += at_us[4] - at_us[3];
    }
    g_test_message ("define %.2f start %.2f destroy %.2f undefine %.2f ms",
                    (double)define_us / 1000 / count, (double)start_us / 1000 / count,
                    (double)destroy_us / 1000 / count, (double)undefine_us / 1000 / count);

    g_assert_true (kn_domain_define (host, xml, &error));
    g_assert_true (kn_domain_start (host, uuid, &error));
    gint64 begin_us = g_get_monotonic_time ();
    for (guint i = 0; i < 100; i++)
        g_assert_true (kn_domain_load_state (host, uuid, &state, &error));
    say_cost ("state", begin_us, 100);
    begin_us = g_get_monotonic_time ();
    for (guint i = 0; i < 100; i++)
        g_array_unref (kn_domain_load_stats (host, uuid, &error));
    say_cost ("stats", begin_us, 100);
    begin_us = g_get_monotonic_time ();
    for (guint i = 0; i < 100; i++)
        g_assert_nonnull (kn_virt_host_facts (host, &error));
    say_cost ("facts", begin_us, 100);
    begin_us = g_get_monotonic_time ();
    for (guint i = 0; i < 100; i++)
        g_free (kn_domain_load_xml (host, uuid, true, &error));
    say_cost ("live XML", begin_us, 100);
    drop_guest (uuid);
}

static gpointer
boot_one (gpointer data)
{
    g_autoptr (GError) error = NULL;
    char *uuid = make_guest ("rtc.qcow2", "");
    g_autofree char *config = g_strconcat (uuid, ".config", NULL);
    g_autofree char *bytes = g_malloc0 (64 * KIB);

    kn_volume_put (host, config, bytes, 64 * KIB, &error);
    g_assert_no_error (error);
    kn_domain_start (host, uuid, &error);
    g_assert_no_error (error);
    return uuid;
}

static void
measure_boots (guint count)
{
    g_autoptr (GPtrArray) threads = g_ptr_array_new ();
    gint64 begin_us = g_get_monotonic_time ();

    for (guint i = 0; i < count; i++)
        g_ptr_array_add (threads, g_thread_new ("boot", boot_one, NULL));
    g_auto (GStrv) uuids = g_new0 (char *, count + 1);
    for (guint i = 0; i < count; i++)
        uuids[i] = g_thread_join (threads->pdata[i]);
    say_cost ("boot, all at once, each", begin_us, count);
    for (guint i = 0; i < count; i++)
        drop_guest (uuids[i]);
}

static void
test_costs (void)
{
    measure_storage (100);
    measure_domain (10);
    measure_boots (20);
}

static void
prepare (void)
{
    static const char *const images[] = { "rtc.qcow2", "rtc-same.qcow2" };
    g_autoptr (GError) error = NULL;
    g_autofree char *build = g_test_build_filename (G_TEST_DIST, "..", "guests", "build", NULL);
    g_autofree char *big = NULL;

    guests = g_build_filename (g_get_tmp_dir (), "guests", NULL);
    instance_dir = g_build_filename (g_get_tmp_dir (), "cloud", "instances", NULL);
    image_dir = g_build_filename (g_get_tmp_dir (), "cloud", "images", NULL);
    g_mkdir_with_parents (image_dir, 0755);
    RUN (build, guests, "rtc");
    for (gsize i = 0; i < G_N_ELEMENTS (images); i++) {
        g_autofree char *from = g_build_filename (guests, images[i], NULL);

        RUN ("cp", from, image_dir);
    }
    big = g_build_filename (image_dir, "big.qcow2", NULL);
    RUN ("qemu-img", "create", "-q", "-f", "qcow2", big, "100M");

    heard.lines = g_ptr_array_new_with_free_func (g_free);
    virt = kn_virt_new (CLOUD);
    kn_virt_set_events (virt, &(KnVirtEvents){ .domain_state = on_state,
                                               .rtc_change = on_rtc,
                                               .agent = on_agent,
                                               .host_state = on_host });
    KnVirtHostSpec spec = { .name = "lab",
                            .uri = URI,
                            .virt_type = "auto",
                            .instance_dir = instance_dir,
                            .image_dir = image_dir,
                            .local = true };
    kn_virt_start (virt, &error);
    g_assert_no_error (error);
    kn_virt_add_host (virt, &spec, &error);
    g_assert_no_error (error);
    host = kn_virt_find_host (virt, "lab");
    g_assert_nonnull (host);
    wait_until_up ();
    assert_heard ("host lab 1");
    kn_volume_ensure_pools (host, &error);
    g_assert_no_error (error);
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    if (!g_getenv ("KILONOVA_LAB")) {
        g_printerr ("run me inside tests/lab/lab.sh\n");
        return 77;
    }
    prepare ();
    if (g_test_perf ())
        g_test_add_func ("/virt/costs", test_costs);
    if (g_test_slow ())
        g_test_add_func ("/virt/host/hung", test_hung_daemon);
    g_test_add_func ("/virt/facts", test_facts);
    g_test_add_func ("/virt/volume/overlay", test_overlay);
    g_test_add_func ("/virt/volume/overlay-broken", test_overlay_broken);
    g_test_add_func ("/virt/volume/put-and-tail", test_put_and_tail);
    g_test_add_func ("/virt/volume/rotated", test_rotated);
    g_test_add_func ("/virt/volume/images", test_images_and_space);
    g_test_add_func ("/virt/volume/image-send", test_image_send);
    g_test_add_func ("/virt/volume/many", test_many);
    g_test_add_func ("/virt/volume/pool-stopped", test_pool_stopped);
    g_test_add_func ("/virt/volume/full-disk", test_full_disk);
    g_test_add_func ("/virt/domain/life", test_life);
    g_test_add_func ("/virt/domain/kept-state", test_kept_state);
    g_test_add_func ("/virt/domain/wrong-state", test_wrong_state);
    g_test_add_func ("/virt/domain/define-refused", test_define_refused);
    g_test_add_func ("/virt/domain/strangers", test_strangers);
    g_test_add_func ("/virt/domain/rtc-event", test_rtc_event);
    g_test_add_func ("/virt/domain/console", test_console_and_more);
    g_test_add_func ("/virt/domain/stats", test_stats);
    g_test_add_func ("/virt/domain/shutdown-timeout", test_shutdown_timeout);
    g_test_add_func ("/virt/domain/hung", test_hung_guest);
    g_test_add_func ("/virt/host/stranger-pools", test_stranger_pools);
    g_test_add_func ("/virt/host/away", test_away_at_start);
    g_test_add_func ("/virt/host/restart", test_restart);
    g_test_add_func ("/virt/host/test-driver", test_driver);
    int status = g_test_run ();

    kn_virt_host_unref (host);
    kn_virt_stop (virt);
    kn_virt_free (virt);
    g_ptr_array_unref (heard.lines);
    g_free (guests);
    g_free (instance_dir);
    g_free (image_dir);
    return status;
}
