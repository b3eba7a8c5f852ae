/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of servers: words, states, names; the config drive. */
#include "base/error.h"
#include "compute/config_drive.h"
#include "compute/json_table.h"
#include "compute/move.h"
#include "compute/server.h"
#include "compute/server_spec.h"
#include "network/network.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

static KnServer
server_in (KnVmState vm, KnTask task)
{
    return (KnServer){ .uuid = "u",
                       .project_id = "p",
                       .vm = vm,
                       .task = task,
                       .vm_state = kn_vm_state_name (vm),
                       .task_state = kn_task_name (task) };
}

static void
test_words (void)
{
    for (KnVmState vm = 0; vm < KN_VM_N; vm++) {
        g_assert_nonnull (kn_vm_state_name (vm));
        g_assert_cmpint (kn_vm_state_from_name (kn_vm_state_name (vm)), ==, vm);
    }
    for (KnTask task = 1; task < KN_TASK_N; task++)
        g_assert_cmpint (kn_task_from_name (kn_task_name (task)), ==, task);
    g_assert_cmpint (kn_task_from_name (NULL), ==, KN_TASK_NONE);
    g_assert_cmpint (kn_task_from_name (""), ==, KN_TASK_NONE);
    g_assert_cmpint (kn_vm_state_from_name ("by hand"), ==, KN_VM_ERROR);
}

/* NVRAM and TPM state tie a server to the host where they are; a BIOS guest goes anywhere. */
static void
test_move (void)
{
    static const struct {
        const char *firmware, *tpm, *word; /* word NULL: it may move */
    } cases[] = { { "bios", NULL, NULL },
                  { "uefi", NULL, "variables of its UEFI" },
                  { "uefi", "2.0", "state of its TPM" },
                  { "bios", "1.2", "state of its TPM" } };

    g_assert_true (kn_identity_check_move (NULL, "u", "b", NULL));
    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autoptr (GHashTable) identity
            = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
        g_autoptr (GError) error = NULL;

        g_hash_table_insert (identity, g_strdup ("firmware"), g_strdup (cases[i].firmware));
        if (cases[i].tpm)
            g_hash_table_insert (identity, g_strdup ("tpm_version"), g_strdup (cases[i].tpm));
        /* One that does not say where its state is, from before that was written down, is not held back. */
        g_assert_true (kn_identity_check_move (identity, "u", "b", &error));
        kn_identity_settle (identity, "a");
        g_assert_true (kn_identity_check_move (identity, "u", "a", &error));
        g_assert_true (kn_identity_check_move (identity, "u", "b", &error) == !cases[i].word);
        if (!cases[i].word)
            continue;
        g_assert_error (error, KN_ERROR, KN_ERROR_CONFLICT);
        g_assert_true (kn_error_is_public (error));
        g_assert_nonnull (strstr (error->message, cases[i].word));
        g_assert_nonnull (strstr (error->message, "host a"));
    }
}

static void
test_status (void)
{
    static const struct {
        KnVmState vm;
        KnTask task;
        const char *status;
    } cases[] = {
        { KN_VM_BUILDING, KN_TASK_SPAWNING, "BUILD" },
        { KN_VM_ACTIVE, KN_TASK_NONE, "ACTIVE" },
        { KN_VM_ACTIVE, KN_TASK_REBOOTING, "REBOOT" },
        { KN_VM_ACTIVE, KN_TASK_REBOOT_STARTED_HARD, "HARD_REBOOT" },
        { KN_VM_ERROR, KN_TASK_REBOOTING_HARD, "ERROR" },
        { KN_VM_ACTIVE, KN_TASK_DELETING, "ACTIVE" },
        { KN_VM_STOPPED, KN_TASK_REBUILDING, "REBUILD" },
        { KN_VM_STOPPED, KN_TASK_POWERING_ON, "SHUTOFF" },
        { KN_VM_PAUSED, KN_TASK_NONE, "PAUSED" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        KnServer server = server_in (cases[i].vm, cases[i].task);

        g_assert_cmpstr (kn_server_status (&server), ==, cases[i].status);
    }
}

static void
test_acts (void)
{
    static const struct {
        KnAct act;
        KnVmState vm;
        KnTask task;
        const char *refused; /* NULL: may begin */
    } cases[] = {
        { KN_ACT_STOP, KN_VM_ACTIVE, KN_TASK_NONE, NULL },
        { KN_ACT_STOP, KN_VM_STOPPED, KN_TASK_NONE,
          "Cannot 'stop' instance u while it is in vm_state stopped" },
        { KN_ACT_START, KN_VM_STOPPED, KN_TASK_NONE, NULL },
        { KN_ACT_START, KN_VM_ACTIVE, KN_TASK_NONE,
          "Cannot 'start' instance u while it is in vm_state active" },
        { KN_ACT_REBOOT_SOFT, KN_VM_ACTIVE, KN_TASK_REBOOTING,
          "Cannot 'reboot' instance u while it is in task_state rebooting" },
        { KN_ACT_REBOOT_HARD, KN_VM_ACTIVE, KN_TASK_REBOOTING, NULL },
        { KN_ACT_REBOOT_HARD, KN_VM_ERROR, KN_TASK_NONE, NULL },
        { KN_ACT_REBUILD, KN_VM_BUILDING, KN_TASK_SPAWNING,
          "Cannot 'rebuild' instance u while it is in vm_state building" },
        { KN_ACT_DELETE, KN_VM_BUILDING, KN_TASK_SPAWNING, NULL },
        { KN_ACT_DELETE, KN_VM_ACTIVE, KN_TASK_DELETING, NULL },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        KnServer server = server_in (cases[i].vm, cases[i].task);
        g_autoptr (GError) error = NULL;
        bool may = kn_server_check_act (&server, cases[i].act, &error);

        g_assert_cmpint (may, ==, cases[i].refused == NULL);
        if (may)
            continue;
        g_assert_error (error, KN_ERROR, KN_ERROR_CONFLICT);
        g_assert_cmpstr (kn_error_sentence (error), ==, cases[i].refused);
    }
    for (KnAct act = 0; act < KN_ACT_N; act++) {
        g_assert_nonnull (kn_act_rule (act)->job);
        g_assert_nonnull (kn_act_rule (act)->event);
        g_assert_cmpint (kn_act_rule (act)->vm_states, !=, 0);
    }
}

static void
test_names (void)
{
    static const struct {
        const char *name, *host;
    } cases[] = {
        { "web", "web" },
        { "Web Server_1", "web-server-1" },
        { "guest-instance-1.domain.com", "guest-instance-1-domain-com" },
        { "..", "server-u" },
        { "\xe6\x9c\x8d\xe5\x8a\xa1", "server-u" },
        { "-a-", "a" },
    };
    g_autofree char *lengthy = g_strnfill (255, 'x');
    g_autofree char *cut = kn_server_hostname (lengthy, "u");
    g_autofree char *password = kn_server_new_password ();
    KnServer one = server_in (KN_VM_ACTIVE, KN_TASK_NONE), other = one;
    g_autofree char *nowhere = kn_server_host_id (&one);

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autofree char *host = kn_server_hostname (cases[i].name, "u");

        g_assert_cmpstr (host, ==, cases[i].host);
    }
    g_assert_cmpuint (strlen (cut), ==, 63);
    g_assert_cmpuint (strlen (password), ==, 12);
    g_assert_cmpstr (nowhere, ==, "");

    one.host = other.host = "h";
    other.project_id = "another";
    g_autofree char *mine = kn_server_host_id (&one);
    g_autofree char *theirs = kn_server_host_id (&other);
    g_assert_cmpuint (strlen (mine), ==, 56);
    g_assert_cmpstr (mine, !=, theirs);
}

static void
test_table (void)
{
    g_autoptr (GHashTable) table = g_hash_table_new (g_str_hash, g_str_equal);
    g_autoptr (GHashTable) back = NULL, none = NULL;
    g_autoptr (GError) error = NULL;
    g_autofree char *text = NULL;

    g_hash_table_insert (table, (char *)"hw:x\"y", (char *)"caf\xc3\xa9");
    text = kn_json_table_format (table);
    back = kn_json_table_parse (text, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (g_hash_table_lookup (back, "hw:x\"y"), ==, "caf\xc3\xa9");
    none = kn_json_table_parse (NULL, &error);
    g_assert_cmpuint (g_hash_table_size (none), ==, 0);
    g_assert_null (kn_json_table_parse ("{\"a\": 1}", &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_INTERNAL);
}

/* What POST /servers takes and what it refuses; `%s` stands for the rest of a server that is right. */
static void
test_spec (void)
{
#define GOOD "\"name\":\"n\",\"imageRef\":\"i\",\"flavorRef\":\"1\""
    static const struct {
        const char *body;
        bool good;
    } cases[] = {
        { "{\"server\":{" GOOD "}}", true },
        { "{\"server\":{" GOOD "},\"os:scheduler_hints\":{\"anything\":[1]}}", true },
        { "{\"server\":{" GOOD "},\"os:scheduler_hints\":{\"group\":\"x\"}}", false },
        { "{\"server\":{" GOOD ",\"min_count\":\"2\",\"max_count\":3}}", true },
        { "{\"server\":{" GOOD ",\"min_count\":3,\"max_count\":2}}", false },
        { "{\"server\":{" GOOD ",\"max_count\":0}}", false },
        { "{\"server\":{" GOOD ",\"max_count\":\"x\"}}", false },
        { "{\"server\":{" GOOD ",\"surprise\":1}}", false },
        { "{\"server\":{\"name\":\" \",\"imageRef\":\"i\",\"flavorRef\":1}}", false },
        { "{\"server\":{\"name\":\"n\",\"imageRef\":\"i\",\"flavorRef\":1}}", true },
        { "{\"server\":{\"name\":\"n\",\"imageRef\":\"i\",\"flavorRef\":null}}", false },
        { "{\"server\":{" GOOD ",\"user_data\":\"aGFsbG8=\"}}", true },
        { "{\"server\":{" GOOD ",\"user_data\":\"nicht base64!\"}}", false },
        { "{\"server\":{" GOOD ",\"accessIPv4\":\"1.2.3.4\"}}", true },
        { "{\"server\":{" GOOD ",\"accessIPv4\":\"1.2.3.4.5\"}}", false },
        { "{\"server\":{" GOOD ",\"accessIPv6\":\"1.2.3.4\"}}", false },
        { "{\"server\":{" GOOD ",\"networks\":[{}]}}", false },
        { "{\"server\":{" GOOD ",\"networks\":[{\"uuid\":\"x\"}]}}", false },
        { "{\"server\":{" GOOD ",\"networks\":\"auto\"}}", false },
        { "{\"server\":{" GOOD ",\"networks\":[{\"uuid\":\"7a1bd6f2-0ee5-4bd5-a6b4-40d8d0ed4d0f\","
          "\"fixed_ip\":\"10.0.0.5\"}]}}",
          true },
        { "{\"server\":{" GOOD ",\"max_count\":2,\"networks\":[{\"uuid\":"
          "\"7a1bd6f2-0ee5-4bd5-a6b4-40d8d0ed4d0f\",\"fixed_ip\":\"10.0.0.5\"}]}}",
          false },
        { "{\"server\":{" GOOD ",\"personality\":[]}}", true },
        { "{\"server\":{" GOOD ",\"personality\":[{\"path\":\"/a\",\"contents\":\"\"}]}}", false },
        { "{\"server\":{" GOOD ",\"metadata\":{\"a\":1}}}", false },
        { "{\"server\":{" GOOD ",\"metadata\":{\"\":\"x\"}}}", false },
        { "{\"server\":{\"name\":\"n\",\"flavorRef\":\"1\",\"block_device_mapping_v2\":[{"
          "\"uuid\":\"i\",\"source_type\":\"image\",\"destination_type\":\"local\"}]}}",
          true },
        { "{\"server\":{" GOOD ",\"block_device_mapping_v2\":[{\"uuid\":\"v\","
          "\"source_type\":\"volume\",\"destination_type\":\"volume\"}]}}",
          false },
        { "{}", false },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autoptr (GError) error = NULL;
        g_autoptr (json_t) body = kn_json_parse (cases[i].body, strlen (cases[i].body), &error);
        g_auto (KnServerSpec) spec = { 0 };
        bool good;

        g_assert_no_error (error);
        good = kn_server_spec_read (body, &spec, &error);
        if (good != cases[i].good)
            g_error ("%s: %s", cases[i].body, good ? "taken" : error->message);
        if (!good)
            g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
    }
}

static void
test_zone (void)
{
    static const struct {
        const char *zone, *name, *host;
    } cases[] = { { "nova", "nova", NULL },
                  { "nova:lab", "nova", "lab" },
                  { "nova:lab:node", "nova", "lab" },
                  { ":lab", NULL, "lab" },
                  { "nova::node", "nova", "node" } };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autofree char *text = g_strdup_printf (
            "{\"server\":{" GOOD ",\"availability_zone\":\"%s\"}}", cases[i].zone);
        g_autoptr (GError) error = NULL;
        g_autoptr (json_t) body = kn_json_parse (text, strlen (text), &error);
        g_auto (KnServerSpec) spec = { 0 };

        g_assert_true (kn_server_spec_read (body, &spec, &error));
        g_assert_cmpstr (spec.zone_name, ==, cases[i].name);
        g_assert_cmpstr (spec.zone_host, ==, cases[i].host);
    }
}

static void
free_address (gpointer data)
{
    KnPortAddress *address = data;

    g_strfreev (address->dns);
    g_free (address);
}

/* A port with one address by DHCP and one that the guest has to set itself. Strings are static but for .dns. */
static GPtrArray *
make_ports (void)
{
    static const char *const dns[] = { "9.9.9.9", NULL };
    GPtrArray *ports = g_ptr_array_new_with_free_func (g_free);
    KnPort *port = g_new0 (KnPort, 1);
    KnPortAddress *leased = g_new0 (KnPortAddress, 1), *fixed = g_new0 (KnPortAddress, 1);

    *port = (KnPort){ .id = (char *)"port",
                      .network_id = (char *)"net",
                      .mac = (char *)"fa:16:3e:0:0:1",
                      .tap = (char *)"tap1",
                      .mtu = 1450 };
    port->addresses = g_ptr_array_new_with_free_func (free_address);
    *leased = (KnPortAddress){
        .address = (char *)"10.0.0.5", .cidr = (char *)"10.0.0.0/24", .version = 4, .dhcp = true
    };
    *fixed = (KnPortAddress){ .address = (char *)"10.1.0.5",
                              .cidr = (char *)"10.1.0.0/20",
                              .gateway = (char *)"10.1.0.1",
                              .version = 4,
                              .dns = g_strdupv ((char **)dns) };
    g_ptr_array_add (port->addresses, leased);
    g_ptr_array_add (port->addresses, fixed);
    g_ptr_array_add (ports, port);

    return ports;
}

/* Names and contents of the files in an ISO image. */
static GHashTable *
read_image (GBytes *bytes)
{
    GHashTable *files = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    struct archive *iso = archive_read_new ();
    struct archive_entry *entry;
    gsize len;
    const void *data = g_bytes_get_data (bytes, &len);

    g_assert_cmpint (archive_read_support_format_iso9660 (iso), ==, ARCHIVE_OK);
    g_assert_cmpint (archive_read_open_memory (iso, data, len), ==, ARCHIVE_OK);
    while (archive_read_next_header (iso, &entry) == ARCHIVE_OK) {
        gsize size = (gsize)archive_entry_size (entry);
        char *text;

        if (archive_entry_filetype (entry) != AE_IFREG)
            continue;
        text = g_malloc0 (size + 1);
        g_assert_cmpint (archive_read_data (iso, text, size), ==, (gssize)size);
        g_hash_table_insert (files, g_strdup (archive_entry_pathname (entry)), text);
    }
    archive_read_free (iso);

    return files;
}

static void
test_kms_host (void)
{
    static const char *const good[] = { "", "kms", "kms.example.org:1688", "10.0.0.7" };
    static const char *const bad[]
        = { "kms:", ":1688", "kms:x", "a:1:2", "fd00::7", "k ms", "kms:70000" };

    for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
        g_assert_true (kn_config_drive_check_kms_host (good[i], NULL));
    for (gsize i = 0; i < G_N_ELEMENTS (bad); i++) {
        g_autoptr (GError) error = NULL;

        g_assert_false (kn_config_drive_check_kms_host (bad[i], &error));
        g_assert_nonnull (strstr (error->message, bad[i]));
    }
}

static void
test_config_drive (void)
{
    g_autoptr (GPtrArray) ports = make_ports ();
    g_autoptr (GHashTable) metadata = g_hash_table_new (g_str_hash, g_str_equal);
    g_autoptr (GHashTable) files = NULL;
    g_autoptr (GBytes) bytes = NULL;
    g_autoptr (GError) error = NULL;
    const char *const ntp[] = { "10.0.0.7", "fd00::7", NULL };
    const KnConfigDrive drive = {
        .uuid = "u",
        .name = "caf\xc3\xa9",
        .hostname = "h",
        .project_id = "p",
        .zone = "nova",
        .key_name = "k",
        .public_key = "ssh-ed25519 AAAA",
        .admin_pass = "secret",
        .user_data = "I2Nsb3VkLWNvbmZpZwo=",
        .kms_host = "kms.example.org:1688",
        .ntp = (char *const *)ntp,
        .metadata = metadata,
        .ports = ports,
    };
    g_autoptr (json_t) meta = NULL, network = NULL, vendor = NULL;
    const char *text;

    g_hash_table_insert (metadata, (char *)"role", (char *)"web");
    bytes = kn_config_drive_new (&drive, &error);
    g_assert_no_error (error);

    /* The label stands in the primary volume descriptor: sector 16, byte 40. */
    text = g_bytes_get_data (bytes, NULL);
    g_assert_cmpint (strncmp (text + 16 * 2048 + 40, "config-2 ", 9), ==, 0);

    files = read_image (bytes);
    g_assert_cmpstr (g_hash_table_lookup (files, "openstack/latest/user_data"), ==,
                     "#cloud-config\n");
    text = g_hash_table_lookup (files, "openstack/latest/meta_data.json");
    meta = kn_json_parse (text, strlen (text), &error);
    g_assert_cmpstr (json_string_value (json_object_get (meta, "admin_pass")), ==, "secret");
    g_assert_cmpstr (json_string_value (json_object_get (meta, "name")), ==, "caf\xc3\xa9");
    g_assert_cmpstr (
        json_string_value (json_object_get (json_object_get (meta, "public_keys"), "k")), ==,
        "ssh-ed25519 AAAA");
    g_assert_cmpstr (json_string_value (json_object_get (json_object_get (meta, "meta"), "role")),
                     ==, "web");

    /* Where cloudbase-init looks for it, and where cloud-init looks for NTP servers. */
    g_assert_cmpstr (json_string_value (json_object_get (meta, "kms_host")), ==,
                     "kms.example.org:1688");
    text = g_hash_table_lookup (files, "openstack/latest/vendor_data.json");
    vendor = kn_json_parse (text, strlen (text), &error);
    g_assert_cmpstr (json_string_value (json_object_get (vendor, "cloud-init")), ==,
                     "#cloud-config\nntp:\n  servers:\n    - '10.0.0.7'\n    - 'fd00::7'\n");
    g_assert_cmpuint (json_array_size (json_object_get (vendor, "ntp")), ==, 2);
    g_assert_cmpstr (json_string_value (json_object_get (vendor, "kms_host")), ==,
                     "kms.example.org:1688");

    text = g_hash_table_lookup (files, "openstack/latest/network_data.json");
    network = kn_json_parse (text, strlen (text), &error);
    const json_t *networks = json_object_get (network, "networks");
    g_assert_cmpuint (json_array_size (networks), ==, 2);
    g_assert_cmpstr (json_string_value (json_object_get (json_array_get (networks, 0), "type")), ==,
                     "ipv4_dhcp");
    g_assert_cmpstr (json_string_value (json_object_get (json_array_get (networks, 1), "netmask")),
                     ==, "255.255.240.0");
    g_ptr_array_unref (((KnPort *)g_ptr_array_index (ports, 0))->addresses);
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/server/words", test_words);
    g_test_add_func ("/server/status", test_status);
    g_test_add_func ("/server/acts", test_acts);
    g_test_add_func ("/server/names", test_names);
    g_test_add_func ("/server/move", test_move);
    g_test_add_func ("/server/table", test_table);
    g_test_add_func ("/server/spec", test_spec);
    g_test_add_func ("/server/zone", test_zone);
    g_test_add_func ("/server/kms-host", test_kms_host);
    g_test_add_func ("/server/config-drive", test_config_drive);

    return g_test_run ();
}
