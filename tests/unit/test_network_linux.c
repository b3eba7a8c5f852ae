/* SPDX-License-Identifier: Apache-2.0 */
/* The driver "linux" on a host of its own (mount, network and process namespaces), with real DHCP clients. */
#include "base/error.h"
#include "base/spawn.h"
#include "base/util.h"
#include "network/driver.h"
#include "network/netlink.h"
#include "network/netns.h"
#include "network/object.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NET_A "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
#define NET_B "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
#define MAC_1 "fa:16:3e:00:00:01"
#define MAC_2 "fa:16:3e:00:00:02"
/* Generous: a slow machine is not a broken one. Only where silence itself is tested the wait is short. */
#define WAIT_MS 30000
#define SHORT_WAIT_MS 300

static char *folder;

typedef struct {
    KnNetDriver *driver;
    char *state_dir;
    guint clients;
} Fixture;

static void
open_driver (Fixture *f, guint wait_ms)
{
    g_autoptr (GError) error = NULL;

    f->driver = kn_net_driver_linux.open (&(KnNetDriverOptions){ .cloud_id = "cloud-1",
                                                                 .state_dir = f->state_dir,
                                                                 .wire_timeout_ms = wait_ms },
                                          &error);
    g_assert_no_error (error);
}

static void
set_up (Fixture *f, gconstpointer data)
{
    f->state_dir = g_build_filename (folder, "networks", NULL);
    g_assert_cmpint (g_mkdir_with_parents (f->state_dir, 0755), ==, 0);
    open_driver (f, WAIT_MS);
}

/* ---- plans ---- */

static KnWirePlan *
new_plan (const char *id)
{
    KnWirePlan *plan = kn_wire_plan_new ();
    KnWireSubnet *subnet = g_new0 (KnWireSubnet, 1);

    plan->network_id = g_strdup (id);
    plan->network_name = g_strdup ("net001");
    plan->mtu = 1450;
    plan->dhcp_mac = g_strdup ("fa:16:3e:ff:00:01");
    subnet->id = g_strdup ("s");
    subnet->cidr = g_strdup ("192.168.2.0/24");
    subnet->gateway = g_strdup ("192.168.2.1");
    subnet->dhcp_address = g_strdup ("192.168.2.2");
    subnet->dns = g_strsplit ("9.9.9.9", " ", 0);
    subnet->routes = kn_pairs_new ();
    g_ptr_array_add (plan->subnets, subnet);
    return plan;
}

static void
add_host (KnWirePlan *plan, const char *mac, const char *address)
{
    KnWireHost *host = g_new0 (KnWireHost, 1);

    host->port_id = g_strdup ("p");
    host->mac = g_strdup (mac);
    host->address = g_strdup (address);
    g_ptr_array_add (plan->hosts, host);
}

static void
ensure (Fixture *f, const KnWirePlan *plan)
{
    g_autoptr (GError) error = NULL;
    KnSilence silence = { 0 };

    (void)f->driver->ops->ensure (f->driver, plan, &silence, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (silence.part, ==, "");
}

static void
remove_net (Fixture *f, const char *id)
{
    g_autoptr (GError) error = NULL;

    (void)f->driver->ops->remove (f->driver, id, &error);
    g_assert_no_error (error);
}

/* The pid of the network's dnsmasq. */
static int
pid_of (Fixture *f, const char *id)
{
    g_autofree char *path = g_build_filename (f->state_dir, id, "pid", NULL);
    g_autoptr (GError) error = NULL;
    g_autofree char *text = kn_file_read (path, 64, NULL, &error);

    g_assert_no_error (error);
    return atoi (text);
}

/* ---- the host ---- */

static KnLink *
find_link (const char *name)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnNetlink) nl = kn_netlink_open (&error);
    KnLink *link = NULL;

    g_assert_true (kn_netlink_find (nl, name, &link, &error));
    return link;
}

static void
remove_link (const char *name)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnNetlink) nl = kn_netlink_open (&error);
    g_autoptr (KnLink) link = find_link (name);

    g_assert_nonnull (link);
    g_assert_true (kn_netlink_remove (nl, link->index, &error));
}

static guint
count_processes (const char *word)
{
    g_autoptr (GDir) proc = g_dir_open ("/proc", 0, NULL);
    const char *name;
    guint n = 0;

    while ((name = g_dir_read_name (proc)) != NULL) {
        g_autofree char *path = g_build_filename ("/proc", name, "cmdline", NULL);
        g_autofree char *text
            = g_ascii_isdigit (*name) ? kn_file_read (path, 4096, NULL, NULL) : NULL;

        n += text != NULL && strcmp (text, word) == 0;
    }
    return n;
}

/* ---- clients: a namespace with one end of a pair whose other end is in the bridge ---- */

typedef struct {
    const char *tap, *mac;
    int host_ns;
} Plug;

static bool
plug_inside (gpointer data, GError **error)
{
    const Plug *plug = data;
    g_autoptr (KnNetlink) nl = kn_netlink_open (error);
    g_autoptr (KnLink) link = NULL;

    return kn_netlink_add_veth (nl, "eth0", plug->mac, plug->tap, plug->host_ns, error)
           && kn_netlink_find (nl, "eth0", &link, error)
           && kn_netlink_change (nl, link->index, &(KnLinkChange){ .up = true }, error);
}

/* Plugs a client with @mac into the network; returns the name of its namespace. */
static char *
plug_client (Fixture *f, const char *id, const char *mac)
{
    char *name = g_strdup_printf ("client-%u", f->clients++);
    g_autofree char *tap = g_strdup_printf ("tap%s", name);
    g_autofree char *bridge = kn_bridge_name (id);
    g_autoptr (KnLink) owner = find_link (bridge);
    g_autoptr (GError) error = NULL;
    g_autoptr (KnNetlink) nl = kn_netlink_open (&error);
    kn_autofd host_ns = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    Plug plug = { tap, mac, host_ns };

    g_assert_true (kn_netns_ensure (name, "test", &error));
    g_assert_true (kn_netns_run (name, plug_inside, &plug, &error));
    g_autoptr (KnLink) link = find_link (tap);
    g_assert_true (kn_netlink_change (
        nl, link->index, &(KnLinkChange){ .master = owner->index, .up = true }, &error));
    g_assert_no_error (error);
    return name;
}

static void
unplug_client (const char *name)
{
    g_autofree char *tap = g_strdup_printf ("tap%s", name);
    g_autoptr (GError) error = NULL;

    remove_link (tap);
    g_assert_true (kn_netns_remove (name, "test", &error));
}

/* What the client gets: "address mask router dns", or NULL. */
static char *
ask_dhcp (const char *client, const char *tries)
{
    g_autofree char *script = g_build_filename (folder, "bound", NULL);
    const char *const argv[] = { "busybox", "udhcpc", "-i", "eth0", "-n", "-q",   "-f",
                                 "-t",      tries,    "-T", "1",    "-s", script, NULL };
    g_autofree char *said = NULL;
    char *answer;

    if (!kn_spawn (argv, &(KnSpawn){ .netns = client }, &said, NULL))
        return NULL;
    answer = strstr (said, "bound ");
    g_assert_nonnull (answer);
    answer += strlen ("bound ");
    return g_strndup (answer, strcspn (answer, "\n"));
}

static void
expect_address (Fixture *f, const char *id, const char *mac, const char *address)
{
    g_autofree char *client = plug_client (f, id, mac);
    g_autofree char *answer = ask_dhcp (client, address != NULL ? "20" : "2");
    g_autofree char *expected
        = address != NULL ? g_strdup_printf ("%s 255.255.255.0 192.168.2.1 9.9.9.9", address)
                          : NULL;

    g_assert_cmpstr (answer, ==, expected);
    unplug_client (client);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (GPtrArray) left = f->driver->ops->list (f->driver, &error);
    g_autoptr (GPtrArray) namespaces = kn_netns_list ("");
    g_autoptr (KnNetlink) nl = kn_netlink_open (&error);
    g_autoptr (GPtrArray) links = kn_netlink_list (nl, &error);

    /* Nothing is left behind: one link (lo), no namespace, no process, no file. */
    g_assert_no_error (error);
    g_assert_cmpuint (left->len, ==, 0);
    g_assert_cmpuint (namespaces->len, ==, 0);
    g_assert_cmpuint (links->len, ==, 1);
    g_assert_cmpuint (count_processes ("dnsmasq"), ==, 0);
    g_assert_cmpint (rmdir (f->state_dir), ==, 0);
    f->driver->ops->close (f->driver);
    g_free (f->state_dir);
}

/* ---- tests ---- */

static void
test_same_range_twice (Fixture *f, gconstpointer data)
{
    g_autoptr (KnWirePlan) a = new_plan (NET_A), b = new_plan (NET_B);

    add_host (a, MAC_1, "192.168.2.92");
    add_host (b, MAC_1, "192.168.2.92");
    add_host (b, MAC_2, "192.168.2.93");
    ensure (f, a);
    ensure (f, b);
    expect_address (f, NET_A, MAC_1, "192.168.2.92");
    expect_address (f, NET_B, MAC_2, "192.168.2.93");
    expect_address (f, NET_B, MAC_1, "192.168.2.92");
    /* Known over there, a stranger here. */
    expect_address (f, NET_A, MAC_2, NULL);
    remove_net (f, NET_A);
    expect_address (f, NET_B, MAC_2, "192.168.2.93");
    remove_net (f, NET_B);
    remove_net (f, NET_B);
}

static void
test_changes (Fixture *f, gconstpointer data)
{
    g_autoptr (KnWirePlan) before = new_plan (NET_A), more = new_plan (NET_A);
    g_autoptr (KnWirePlan) moved = new_plan (NET_A), other = new_plan (NET_A);
    int pid;

    add_host (before, MAC_1, "192.168.2.10");
    ensure (f, before);
    pid = pid_of (f, NET_A);
    ensure (f, before);
    g_assert_cmpint (pid_of (f, NET_A), ==, pid);

    /* One more host: told by a signal. */
    add_host (more, MAC_1, "192.168.2.10");
    add_host (more, MAC_2, "192.168.2.11");
    ensure (f, more);
    g_assert_cmpint (pid_of (f, NET_A), ==, pid);
    expect_address (f, NET_A, MAC_1, "192.168.2.10");
    expect_address (f, NET_A, MAC_2, "192.168.2.11");

    /* An address that was leased to one goes to another at once. */
    add_host (moved, MAC_2, "192.168.2.10");
    ensure (f, moved);
    expect_address (f, NET_A, MAC_2, "192.168.2.10");

    /* Another DHCP address and MTU. */
    add_host (other, MAC_2, "192.168.2.10");
    other->mtu = 1400;
    g_free (((KnWireSubnet *)other->subnets->pdata[0])->dhcp_address);
    ((KnWireSubnet *)other->subnets->pdata[0])->dhcp_address = g_strdup ("192.168.2.200");
    ensure (f, other);
    expect_address (f, NET_A, MAC_2, "192.168.2.10");
    g_autofree char *bridge = kn_bridge_name (NET_A);
    g_autoptr (KnLink) link = find_link (bridge);
    g_assert_cmpuint (link->mtu, ==, 1400);
    remove_net (f, NET_A);
}

static void
test_without_dhcp (Fixture *f, gconstpointer data)
{
    g_autoptr (KnWirePlan) with = new_plan (NET_A), without = new_plan (NET_A);

    add_host (with, MAC_1, "192.168.2.10");
    ensure (f, with);
    g_assert_cmpuint (count_processes ("dnsmasq"), ==, 1);
    g_clear_pointer (&without->dhcp_mac, g_free);
    g_clear_pointer (&((KnWireSubnet *)without->subnets->pdata[0])->dhcp_address, g_free);
    ensure (f, without);
    g_assert_cmpuint (count_processes ("dnsmasq"), ==, 0);
    ensure (f, with);
    expect_address (f, NET_A, MAC_1, "192.168.2.10");
    remove_net (f, NET_A);
}

/* A new driver on what an old one left: the same process goes on, and what died comes back. */
static void
test_restart (Fixture *f, gconstpointer data)
{
    g_autoptr (KnWirePlan) plan = new_plan (NET_A);
    g_autoptr (GError) error = NULL;
    g_autoptr (GPtrArray) ids = NULL;
    int pid;

    add_host (plan, MAC_1, "192.168.2.10");
    ensure (f, plan);
    pid = pid_of (f, NET_A);
    f->driver->ops->close (f->driver);
    open_driver (f, WAIT_MS);
    ids = f->driver->ops->list (f->driver, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (ids->len, ==, 1);
    g_assert_cmpstr (ids->pdata[0], ==, NET_A);
    ensure (f, plan);
    g_assert_cmpint (pid_of (f, NET_A), ==, pid);

    /* The pid file lies: another process has the number. */
    g_autofree char *path = g_build_filename (f->state_dir, NET_A, "pid", NULL);
    g_assert_true (kn_file_write (path, "1\n", 2, 0644, &error));
    ensure (f, plan);
    g_assert_cmpuint (count_processes ("dnsmasq"), ==, 1);
    expect_address (f, NET_A, MAC_1, "192.168.2.10");
    remove_net (f, NET_A);
}

static void
expect_silent (Fixture *f, const KnWirePlan *plan, const char *part)
{
    g_autoptr (GError) error = NULL;
    KnSilence silence = { 0 };

    g_assert_false (f->driver->ops->check (f->driver, plan, &silence, &error));
    g_assert_nonnull (error);
    g_assert_cmpstr (silence.part, ==, part);
    g_assert_cmpint (silence.silent_us, >, 0);
}

static void
expect_well (Fixture *f, const KnWirePlan *plan)
{
    g_autoptr (GError) error = NULL;
    KnSilence silence = { 0 };

    g_assert_true (f->driver->ops->check (f->driver, plan, &silence, &error));
    g_assert_no_error (error);
}

static void
test_broken_parts (Fixture *f, gconstpointer data)
{
    g_autoptr (KnWirePlan) plan = new_plan (NET_A);
    g_autofree char *bridge = kn_bridge_name (NET_A);
    g_autoptr (GError) error = NULL;

    add_host (plan, MAC_1, "192.168.2.10");
    ensure (f, plan);
    expect_well (f, plan);

    remove_link (bridge);
    expect_silent (f, plan,
                   "bridge "
                   "knaaaaaaaaaaaa4");
    ensure (f, plan);
    expect_address (f, NET_A, MAC_1, "192.168.2.10");

    g_assert_cmpint (kill (pid_of (f, NET_A), SIGKILL), ==, 0);
    while (count_processes ("dnsmasq") > 0)
        (void)waitpid (-1, NULL, 0);
    expect_silent (f, plan, "dnsmasq");
    ensure (f, plan);
    expect_address (f, NET_A, MAC_1, "192.168.2.10");

    g_assert_true (kn_netns_remove ("kn-" NET_A, "kilonova cloud-1 " NET_A, &error));
    expect_silent (f, plan, "DHCP namespace kn-" NET_A);
    ensure (f, plan);
    g_assert_cmpuint (count_processes ("dnsmasq"), ==, 1);
    expect_address (f, NET_A, MAC_1, "192.168.2.10");
    expect_well (f, plan);
    remove_net (f, NET_A);
}

static void
confirm (Fixture *f, const char *tap, const char *part)
{
    g_autoptr (GError) error = NULL;
    KnSilence silence = { 0 };
    bool ok;

    f->driver->ops->close (f->driver);
    open_driver (f, part != NULL ? SHORT_WAIT_MS : WAIT_MS);
    ok = f->driver->ops->confirm_tap (f->driver, NET_A, tap, &silence, &error);
    f->driver->ops->close (f->driver);
    open_driver (f, WAIT_MS);

    g_assert_cmpint (ok, ==, part == NULL);
    if (part == NULL) {
        g_assert_no_error (error);
        return;
    }
    g_assert_cmpstr (silence.part, ==, part);
    g_assert_cmpint (silence.silent_us, >=, SHORT_WAIT_MS * 1000);
    g_assert_error (error, KN_ERROR, KN_ERROR_TIMEOUT);
}

static void
test_taps (Fixture *f, gconstpointer data)
{
    g_autoptr (KnWirePlan) plan = new_plan (NET_A);
    g_autofree char *bridge = kn_bridge_name (NET_A);
    g_autofree char *client = NULL, *tap = NULL;

    ensure (f, plan);
    client = plug_client (f, NET_A, MAC_1);
    tap = g_strdup_printf ("tap%s", client);
    confirm (f, tap, NULL);
    confirm (f, "tapnobody", "tap tapnobody, which does not exist");
    remove_link (bridge);
    confirm (f, tap, "bridge knaaaaaaaaaaaa4");
    ensure (f, plan);
    g_autofree char *part = g_strdup_printf ("tap %s, which is not in its bridge", tap);
    confirm (f, tap, part);
    unplug_client (client);
    remove_net (f, NET_A);
}

/* What carries our names but not our mark is nobody's to touch. */
static void
test_strangers (Fixture *f, gconstpointer data)
{
    g_autoptr (KnWirePlan) plan = new_plan (NET_A);
    g_autofree char *bridge = kn_bridge_name (NET_A);
    g_autoptr (GError) error = NULL;
    g_autoptr (KnNetlink) nl = kn_netlink_open (&error);
    KnSilence silence = { 0 };

    g_assert_true (kn_netlink_add_bridge (nl, bridge, &error));
    g_assert_false (f->driver->ops->ensure (f->driver, plan, &silence, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_CONFLICT);
    g_assert_true (kn_error_is_public (error));
    g_assert_nonnull (strstr (error->message, bridge));
    g_assert_true (g_str_has_prefix (silence.part, "bridge"));
    g_clear_error (&error);
    remove_net (f, NET_A);
    g_autoptr (KnLink) still = find_link (bridge);
    g_assert_nonnull (still);
    remove_link (bridge);

    g_assert_true (kn_netns_ensure ("kn-" NET_A, "somebody", &error));
    g_assert_false (f->driver->ops->ensure (f->driver, plan, &silence, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_CONFLICT);
    g_clear_error (&error);
    remove_net (f, NET_A);
    g_assert_true (kn_netns_is_marked ("kn-" NET_A, "somebody"));
    g_assert_true (kn_netns_remove ("kn-" NET_A, "somebody", &error));
}

/* A kill between making the bridge and marking it. */
static void
test_half_made (Fixture *f, gconstpointer data)
{
    g_autoptr (KnWirePlan) plan = new_plan (NET_A);
    g_autofree char *bridge = kn_bridge_name (NET_A);
    g_autofree char *dir = g_build_filename (f->state_dir, NET_A, NULL);
    g_autofree char *intent = g_build_filename (dir, "making-bridge", NULL);
    g_autofree char *netns = g_build_filename ("/run/netns", "kn-" NET_A, NULL);
    g_autoptr (GError) error = NULL;
    g_autoptr (KnNetlink) nl = kn_netlink_open (&error);

    g_assert_cmpint (g_mkdir_with_parents (dir, 0755), ==, 0);
    g_assert_true (kn_file_write (intent, "", 0, 0644, &error));
    g_assert_true (kn_netlink_add_bridge (nl, bridge, &error));
    /* And one between making the namespace's file and binding it. */
    g_assert_true (kn_file_write (netns, "", 0, 0444, &error));
    add_host (plan, MAC_1, "192.168.2.10");
    ensure (f, plan);
    expect_address (f, NET_A, MAC_1, "192.168.2.10");
    remove_net (f, NET_A);

    g_assert_cmpint (g_mkdir_with_parents (dir, 0755), ==, 0);
    g_assert_true (kn_file_write (intent, "", 0, 0644, &error));
    g_assert_true (kn_netlink_add_bridge (nl, bridge, &error));
    remove_net (f, NET_A);
}

/* ---- a host of our own ---- */

static void
write_script (void)
{
    static const char script[]
        = "#!/bin/sh\n[ \"$1\" = bound ] && echo \"bound $ip $subnet $router $dns\"\nexit 0\n";
    g_autofree char *path = g_build_filename (folder, "bound", NULL);
    g_autoptr (GError) error = NULL;

    g_assert_true (kn_file_write (path, script, strlen (script), 0755, &error));
}

static int
run_inside (int argc, char **argv)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnNetlink) nl = NULL;
    g_autoptr (KnLink) lo = NULL;

    g_assert_cmpint (mount ("proc", "/proc", "proc", 0, NULL), ==, 0);
    g_assert_cmpint (mount ("tmpfs", "/run", "tmpfs", 0, "mode=755"), ==, 0);
    nl = kn_netlink_open (&error);
    g_assert_true (kn_netlink_find (nl, "lo", &lo, &error));
    g_assert_true (kn_netlink_change (nl, lo->index, &(KnLinkChange){ .up = true }, &error));
    write_script ();

    g_test_init (&argc, &argv, NULL);
#define TEST(name, fn) g_test_add ("/network-linux/" name, Fixture, NULL, set_up, fn, tear_down)
    TEST ("same-range-twice", test_same_range_twice);
    TEST ("changes", test_changes);
    TEST ("without-dhcp", test_without_dhcp);
    TEST ("restart", test_restart);
    TEST ("broken-parts", test_broken_parts);
    TEST ("taps", test_taps);
    TEST ("strangers", test_strangers);
    TEST ("half-made", test_half_made);
    return g_test_run ();
}

static int
skip (const char *reason)
{
    g_print ("1..0 # SKIP %s\n", reason);
    return 0;
}

int
main (int argc, char **argv)
{
    int status = 0;
    pid_t pid;

    if (geteuid () != 0)
        return skip ("needs root");
    folder = g_dir_make_tmp ("test-network-linux-XXXXXX", NULL);
    g_assert_cmpint (chmod (folder, 0755), ==, 0);
    if (unshare (CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID) != 0)
        return skip ("cannot make namespaces");
    g_assert_cmpint (mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);

    /* The child is the first process of its namespace: all that it starts ends with it. */
    pid = fork ();
    if (pid == 0)
        _exit (run_inside (argc, argv));
    while (waitpid (pid, &status, 0) < 0 && errno == EINTR)
        ;
    g_autofree char *script = g_build_filename (folder, "bound", NULL);
    (void)unlink (script);
    (void)rmdir (folder);
    g_free (folder);
    /* No handlers at exit: LeakSanitizer would clone a helper into the process namespace that is dead. */
    _exit (WIFEXITED (status) ? WEXITSTATUS (status) : 1);
}
