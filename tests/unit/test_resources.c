/* SPDX-License-Identifier: Apache-2.0 */
/* Flavors, key pairs, quotas and hosts' rows, on both databases. */
#include "base/error.h"
#include "base/util.h"
#include "compute/flavor_store.h"
#include "compute/host_store.h"
#include "compute/keypair_store.h"
#include "compute/quota_store.h"
#include "scratch_mariadb.h"

#include <string.h>

#define KNOWN_KEY                                                                                  \
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFGf9696kIC6ZhJ9AoZYNqifmF5eWOdO+BMfiuAGpmFp t@x"

static KnScratchMariadb *mariadb;

typedef struct {
    KnDbPool *pool;
    KnDb *db;
} Fixture;

static void
set_up (Fixture *f, const char *url)
{
    g_autoptr (GError) error = NULL;

    f->pool = kn_db_pool_open (url, NULL, &error);
    g_assert_no_error (error);
    f->db = kn_db_thread (f->pool, &error);
    g_assert_no_error (error);
}

static void
test_flavors (Fixture *f)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnFlavor) own = kn_flavor_new ();
    g_autoptr (KnFlavor) found = NULL;
    g_autoptr (GPtrArray) all = NULL, usable = NULL, projects = NULL;
    bool was = false;

    g_assert_true (kn_flavor_bootstrap (f->db, &error));
    g_assert_true (kn_flavor_bootstrap (f->db, &error));
    found = kn_flavor_load (f->db, "3", "some-project", &error);
    g_assert_no_error (error);
    g_assert_cmpstr (found->name, ==, "m1.medium");
    g_assert_cmpint (found->memory_mib, ==, 4096);
    g_assert_cmpint (found->vcpus, ==, 2);
    g_assert_cmpint (found->root_gib, ==, 40);
    g_clear_pointer (&found, kn_flavor_free);

    own->flavor_id = g_strdup ("private");
    own->name = g_strdup ("caf\xc3\xa9");
    own->vcpus = own->memory_mib = 1;
    own->rxtx_factor = 1.5;
    own->is_public = false;
    g_assert_true (kn_store_flavor_insert (f->db, own, &error));
    g_assert_false (kn_store_flavor_insert (f->db, own, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_CONFLICT);
    g_clear_error (&error);
    g_assert_null (kn_flavor_load (f->db, "private", "p1", &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_NOT_FOUND);
    g_clear_error (&error);

    found = kn_flavor_load (f->db, "private", NULL, &error);
    g_assert_no_error (error);
    g_assert_true (found->rxtx_factor == 1.5);
    g_assert_true (kn_store_flavor_grant (f->db, found->id, "p1", &error));
    g_assert_false (kn_store_flavor_grant (f->db, found->id, "p1", &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_CONFLICT);
    g_clear_error (&error);
    all = kn_store_flavor_list (f->db, KN_FLAVORS_ALL, NULL, &error);
    g_assert_cmpuint (all->len, ==, 6);
    usable = kn_store_flavor_list (f->db, KN_FLAVORS_USABLE, "p2", &error);
    g_assert_cmpuint (usable->len, ==, 5);
    projects = kn_store_flavor_list_projects (f->db, found->id, &error);
    g_assert_cmpuint (projects->len, ==, 1);
    g_assert_true (kn_store_flavor_revoke (f->db, found->id, "p1", &was, &error));
    g_assert_true (was);

    g_assert_true (kn_store_flavor_set_spec (f->db, found->id, "os:timezone", "UTC", &error));
    g_assert_true (
        kn_store_flavor_set_spec (f->db, found->id, "os:timezone", "Asia/Shanghai", &error));
    g_clear_pointer (&found, kn_flavor_free);
    found = kn_flavor_load (f->db, "private", NULL, &error);
    g_assert_cmpstr (g_hash_table_lookup (found->extra_specs, "os:timezone"), ==, "Asia/Shanghai");

    /* The id is free again after deletion. */
    g_assert_true (kn_store_flavor_delete (f->db, found, &error));
    g_assert_true (kn_store_flavor_insert (f->db, own, &error));
    g_assert_no_error (error);
}

static void
test_keypairs (Fixture *f)
{
    static const char *const bad[] = {
        "",
        "ssh-rsa",
        "ssh-rsa JUNK nova@ubuntu",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIFGf9696kIC6ZhJ9AoZYNqifmF5eWOdO+BMfiuAGpmFp",
        "ssh-rsa AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA x",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFGf9696kIC6ZhJ9AoZYNqifmF5eWOdO+BMfiuAGpmFp\nx",
    };
    g_autoptr (GError) error = NULL;
    g_autofree char *fingerprint = kn_keypair_parse_public (KNOWN_KEY, &error);
    g_autofree char *public_line = NULL;
    g_autofree char *made = NULL;
    kn_autosecret private_pem = NULL;
    gint64 n = 0;

    g_assert_cmpstr (fingerprint, ==, "cb:d3:79:4b:07:f7:cb:3a:c2:7a:05:20:9c:d3:5b:d0");
    for (gsize i = 0; i < G_N_ELEMENTS (bad); i++) {
        g_assert_null (kn_keypair_parse_public (bad[i], &error));
        g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
        g_clear_error (&error);
    }
    g_assert_true (
        kn_keypair_generate ("Generated-by-Kilonova", &public_line, &private_pem, &error));
    made = kn_keypair_parse_public (public_line, &error);
    g_assert_no_error (error);
    g_assert_true (g_str_has_prefix (private_pem, "-----BEGIN RSA PRIVATE KEY-----\n"));

    KnKeypair own = { .name = (char *)"k 1",
                      .user_id = (char *)"u1",
                      .type = (char *)"ssh",
                      .public_key = public_line,
                      .fingerprint = made,
                      .created_at = (char *)"2023-11-14 22:13:20" };

    g_assert_true (kn_store_keypair_insert (f->db, &own, &error));
    g_assert_false (kn_store_keypair_insert (f->db, &own, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_CONFLICT);
    g_clear_error (&error);

    g_autoptr (KnKeypair) found = kn_keypair_load (f->db, "u1", "k 1", &error);

    g_assert_cmpstr (found->public_key, ==, public_line);
    g_assert_null (kn_keypair_load (f->db, "u2", "k 1", &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_NOT_FOUND);
    g_clear_error (&error);
    g_assert_true (kn_store_quota_count_keypairs (f->db, "u1", &n, &error));
    g_assert_cmpint (n, ==, 1);
}

static void
test_limits (Fixture *f)
{
    g_autoptr (GError) error = NULL;
    gint64 limits[KN_QUOTA_N], limit = 0;

    g_assert_true (kn_store_quota_set (f->db, "p1", KN_QUOTA_CORES, 5, &error));
    g_assert_true (kn_store_quota_set (f->db, "p1", KN_QUOTA_CORES, 6, &error));
    g_assert_true (kn_store_quota_set_class (f->db, "default", KN_QUOTA_RAM, -1, &error));
    g_assert_true (kn_quota_load_limits (f->db, "p1", limits, &error));
    g_assert_cmpint (limits[KN_QUOTA_CORES], ==, 6);
    g_assert_cmpint (limits[KN_QUOTA_RAM], ==, -1);
    g_assert_cmpint (limits[KN_QUOTA_INSTANCES], ==, 10);
    g_assert_true (kn_store_quota_delete (f->db, "p1", &error));
    g_assert_true (kn_quota_load_limit (f->db, "p1", "cores", &limit, &error));
    g_assert_cmpint (limit, ==, 20);
    g_assert_true (kn_store_quota_set (f->db, "p1", KN_QUOTA_KEY_PAIRS, 0, &error));
    g_assert_false (kn_quota_check_keypairs (f->db, "p1", "u1", &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_OVER_QUOTA);
}

static void
test_hosts (Fixture *f)
{
    g_autoptr (GError) error = NULL;
    bool enabled = false;
    g_autoptr (KnHostRow) row = kn_store_host_ensure (f->db, "host1", &error);
    g_autoptr (KnHostRow) again = kn_store_host_ensure (f->db, "host1", &error);

    g_assert_no_error (error);
    g_assert_cmpint (row->id, ==, again->id);
    g_assert_true (kn_store_host_set_disabled (f->db, row->id, true, "moving", &error));
    g_assert_true (kn_host_load_enabled (f->db, "host1", &enabled, &error));
    g_assert_false (enabled);
    g_assert_true (kn_host_load_enabled (f->db, "stranger", &enabled, &error));
    g_assert_true (enabled);
    g_assert_true (kn_host_note_up (f->db, "host2", &error));
    g_assert_no_error (error);
}

typedef struct {
    const char *name;
    void (*run) (Fixture *f);
} Case;

static const Case cases[] = {
    { "flavors", test_flavors },
    { "keypairs", test_keypairs },
    { "limits", test_limits },
    { "hosts", test_hosts },
};

static void
run_case (const Case *one, const char *url)
{
    Fixture f;

    set_up (&f, url);
    one->run (&f);
    kn_db_pool_close (f.pool);
}

static void
run_on_sqlite (gconstpointer data)
{
    g_autofree char *folder = g_dir_make_tmp ("kn-resources-XXXXXX", NULL);
    g_autofree char *url = g_strconcat ("sqlite:", folder, "/test.db", NULL);

    run_case (data, url);
    kn_scratch_remove (folder);
}

static void
run_on_mariadb (gconstpointer data)
{
    g_autofree char *url = NULL;

    if (!mariadb) {
        g_test_skip ("mariadbd is not installed");
        return;
    }
    url = kn_scratch_mariadb_url (mariadb);
    run_case (data, url);
}

int
main (int argc, char **argv)
{
    static const struct {
        const char *name;
        GTestDataFunc run;
    } engines[] = { { "sqlite", run_on_sqlite }, { "mariadb", run_on_mariadb } };
    int result;

    g_test_init (&argc, &argv, NULL);
    mariadb = kn_scratch_mariadb_start ();
    for (gsize e = 0; e < G_N_ELEMENTS (engines); e++)
        for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
            g_autofree char *path
                = g_strdup_printf ("/resources/%s/%s", engines[e].name, cases[i].name);

            g_test_add_data_func (path, &cases[i], engines[e].run);
        }
    result = g_test_run ();
    kn_scratch_mariadb_stop (mariadb);
    return result;
}
