/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, attribute tables, dnsmasq's files, and allocation on both databases. */
#include "base/error.h"
#include "json/read.h"
#include "network/dnsmasq.h"
#include "network/resource_api.h"
#include "scratch_mariadb.h"

#include <string.h>

#define PROJECT "11111111111111111111111111111111"
#define OTHER "22222222222222222222222222222222"

static KnScratchMariadb *mariadb;
static char *mariadb_url;

/* ---- numbers ---- */

static KnIp
ip_of (const char *text)
{
    KnIp ip;

    g_assert_true (kn_ip_parse (text, &ip));
    return ip;
}

static KnCidr
cidr_of (const char *text)
{
    KnCidr cidr;

    g_assert_true (kn_cidr_parse (text, &cidr, NULL));
    return cidr;
}

static void
test_addresses (void)
{
    static const char *const bad[]
        = { "", "1.2.3", "1.2.3.4/24", "1.2.3.256", "::g", "a", "1::2::3" };
    static const char *const bad_cidrs[]
        = { "10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "10.0.0.0/8/8", "/8", "10.0.0.0/" };
    char text[KN_IP_TEXT_MAX];
    KnCidr cidr;
    bool exact;
    KnIp ip;

    for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
        g_assert_false (kn_ip_parse (bad[i], &ip));
    for (gsize i = 0; i < G_N_ELEMENTS (bad_cidrs); i++)
        g_assert_false (kn_cidr_parse (bad_cidrs[i], &cidr, NULL));
    g_assert_cmpstr (kn_ip_format (ip_of ("192.168.2.92"), text), ==, "192.168.2.92");
    g_assert_cmpstr (kn_ip_format (ip_of ("2001:DB8:0:0::1"), text), ==, "2001:db8::1");

    g_assert_true (kn_cidr_parse ("10.1.2.3/8", &cidr, &exact));
    g_assert_false (exact);
    g_assert_cmpstr (kn_cidr_format (&cidr, text), ==, "10.0.0.0/8");
    g_assert_cmpstr (kn_cidr_format_mask (&cidr, text), ==, "255.0.0.0");
    cidr = cidr_of ("10.0.0.0/30");
    g_assert_cmpstr (kn_ip_format (kn_cidr_last (&cidr), text), ==, "10.0.0.3");
    cidr = cidr_of ("0.0.0.0/0");
    g_assert_cmpstr (kn_cidr_format_mask (&cidr, text), ==, "0.0.0.0");
    cidr = cidr_of ("2001:db8::/64");
    g_assert_cmpstr (kn_ip_format (kn_cidr_last (&cidr), text), ==,
                     "2001:db8::ffff:ffff:ffff:ffff");
}

static void
test_ranges (void)
{
    static const struct {
        const char *a, *b;
        bool overlap;
    } pairs[] = {
        { "10.0.0.0/24", "10.0.0.128/25", true }, { "10.0.0.128/25", "10.0.0.0/24", true },
        { "10.0.0.0/24", "10.0.1.0/24", false },  { "10.0.0.0/24", "fd00::/64", false },
        { "fd00::/64", "fd00::/65", true },       { "0.0.0.0/0", "10.0.0.0/24", true },
    };
    static const struct {
        const char *cidr, *ip;
        bool host;
    } hosts[] = {
        { "10.0.0.0/24", "10.0.0.0", false }, { "10.0.0.0/24", "10.0.0.255", false },
        { "10.0.0.0/24", "10.0.0.1", true },  { "10.0.0.0/24", "10.0.1.1", false },
        { "10.0.0.0/31", "10.0.0.0", true },  { "10.0.0.4/32", "10.0.0.4", true },
        { "fd00::/64", "fd00::", false },     { "fd00::/64", "fd00::ffff:ffff:ffff:ffff", true },
        { "fd00::/64", "10.0.0.1", false },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (pairs); i++) {
        KnCidr a = cidr_of (pairs[i].a), b = cidr_of (pairs[i].b);

        g_assert_cmpint (kn_cidr_overlaps (&a, &b), ==, pairs[i].overlap);
    }
    for (gsize i = 0; i < G_N_ELEMENTS (hosts); i++) {
        KnCidr cidr = cidr_of (hosts[i].cidr);

        g_assert_cmpint (kn_cidr_is_host (&cidr, ip_of (hosts[i].ip)), ==, hosts[i].host);
    }
}

static void
check_pick (const char *start, const char *end, const char *used_text, const char *expected)
{
    g_autoptr (GArray) ranges = g_array_new (FALSE, FALSE, sizeof (KnIpRange));
    g_autoptr (GArray) used = g_array_new (FALSE, FALSE, sizeof (KnIp));
    g_auto (GStrv) words = g_strsplit (used_text, " ", 0);
    KnIpRange range = { ip_of (start), ip_of (end) };
    char text[KN_IP_TEXT_MAX];
    KnIp ip;

    g_array_append_val (ranges, range);
    for (char **word = words; *word != NULL; word++) {
        KnIp taken = ip_of (*word);

        g_array_append_val (used, taken);
    }
    if (expected == NULL) {
        g_assert_false (kn_range_pick (ranges, used, &ip));
        return;
    }
    g_assert_true (kn_range_pick (ranges, used, &ip));
    g_assert_cmpstr (kn_ip_format (ip, text), ==, expected);
}

static void
test_pick (void)
{
    KnIpRange range = { ip_of ("10.0.0.1"), ip_of ("10.0.0.3") };
    KnIp hole = ip_of ("10.0.0.2"), edge = ip_of ("10.0.0.1"), outside = ip_of ("10.0.0.9");
    g_autoptr (GArray) two = kn_range_without (&range, &hole);
    g_autoptr (GArray) one = kn_range_without (&range, &edge);
    g_autoptr (GArray) whole = kn_range_without (&range, &outside);

    check_pick ("10.0.0.2", "10.0.0.4", "", "10.0.0.2");
    check_pick ("10.0.0.2", "10.0.0.4", "10.0.0.3 10.0.0.2 10.0.0.1", "10.0.0.4");
    check_pick ("10.0.0.2", "10.0.0.4", "10.0.0.3 10.0.0.2 10.0.0.4", NULL);
    check_pick ("10.0.0.2", "10.0.0.4", "10.0.0.4", "10.0.0.2");
    check_pick ("255.255.255.255", "255.255.255.255", "255.255.255.255", NULL);
    check_pick ("ffff::ffff", "ffff::ffff", "", "ffff::ffff");
    check_pick ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL);
    g_assert_cmpuint (two->len, ==, 2);
    g_assert_cmpuint (one->len, ==, 1);
    g_assert_cmpuint (whole->len, ==, 1);
}

static void
test_hardware_addresses (void)
{
    static const char *const bad[] = { "",
                                       "fa:16:3e:00:00",
                                       "01:00:5e:00:00:01",
                                       "00:00:00:00:00:00",
                                       "fa:16:3e:00:00:0g",
                                       "fa:16:3e:00:00:001",
                                       "fa163e000001xxxxx" };
    char text[KN_MAC_TEXT_MAX], ip_text[KN_IP_TEXT_MAX];
    KnCidr cidr = cidr_of ("2001:db8::/64"), narrow = cidr_of ("2001:db8::/80");
    KnIp ip;

    for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
        g_assert_false (kn_mac_parse (bad[i], text));
    g_assert_true (kn_mac_parse ("FA-16-3E-0A-0B-0C", text));
    g_assert_cmpstr (text, ==, "fa:16:3e:0a:0b:0c");
    g_assert_true (kn_mac_parse (kn_mac_random (text), text));
    g_assert_true (g_str_has_prefix (text, "fa:16:3e:"));

    g_assert_true (kn_cidr_eui64 (&cidr, "fa:16:3e:0a:0b:0c", &ip));
    g_assert_cmpstr (kn_ip_format (ip, ip_text), ==, "2001:db8::f816:3eff:fe0a:b0c");
    g_assert_false (kn_cidr_eui64 (&narrow, "fa:16:3e:0a:0b:0c", &ip));
}

/* ---- tables ---- */

static void
test_tables (void)
{
    for (gsize r = 0; kn_resources[r] != NULL; r++) {
        const KnResource *resource = kn_resources[r];

        g_assert_nonnull (resource->list);
        g_assert_nonnull (resource->find);
        g_assert_nonnull (resource->visible);
        g_assert_nonnull (resource->create);
        g_assert_nonnull (resource->remove);
        g_assert_cmpuint (resource->n_attrs, <, 64);
        for (gsize i = 0; i < resource->n_attrs; i++) {
            const KnAttr *attr = &resource->attrs[i];

            g_assert_true (kn_attr_find (resource, attr->name) == attr);
            g_assert_cmpuint (attr->offset, <, resource->size);
            g_assert_cmpint (attr->normalise != NULL, ==, attr->what != NULL);
            g_assert_cmpint (attr->type == KN_ATTR_PAIRS, ==, attr->keys[0] != NULL);
            g_assert_cmpint (attr->type == KN_ATTR_RECORDS, ==, attr->nested != NULL);
            if (attr->type == KN_ATTR_INT && (attr->flags & KN_A_SET) != 0)
                g_assert_cmpint (attr->max, >, attr->min);
        }
    }
}

static gpointer
read_object (const KnResource *resource, const char *json, guint when, bool admin, GError **error)
{
    g_autoptr (json_t) doc = kn_json_parse (json, strlen (json), error);
    KnObject *object = kn_object_new (resource);

    g_assert_nonnull (doc);
    if (kn_object_read (object, doc, when, admin, error))
        return object;
    kn_object_free (object);
    return NULL;
}

static void
test_bodies (void)
{
    static const struct {
        const char *json;
        bool admin;
        int code; /* -1: fine */
    } cases[] = {
        { "{\"name\": \"n\"}", false, -1 },
        { "{\"name\": 1}", false, KN_ERROR_BAD_REQUEST },
        { "{\"colour\": \"n\"}", false, KN_ERROR_BAD_REQUEST },
        { "{\"status\": \"ACTIVE\"}", true, KN_ERROR_BAD_REQUEST },
        { "{\"shared\": true}", false, KN_ERROR_FORBIDDEN },
        { "{\"shared\": false}", false, -1 },
        { "{\"shared\": \"True\"}", true, -1 },
        { "{\"shared\": \"maybe\"}", true, KN_ERROR_BAD_REQUEST },
        { "{\"mtu\": 67}", true, KN_ERROR_BAD_REQUEST },
        { "{\"mtu\": \"9000\"}", true, -1 },
        { "{\"mtu\": null}", true, KN_ERROR_BAD_REQUEST },
        { "{\"id\": \"x\"}", true, KN_ERROR_BAD_REQUEST },
        { "[]", true, KN_ERROR_BAD_REQUEST },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autoptr (GError) error = NULL;
        g_autoptr (KnNet) net
            = read_object (&kn_net_resource, cases[i].json, KN_A_POST, cases[i].admin, &error);

        g_assert_cmpint (net != NULL, ==, cases[i].code < 0);
        g_assert_cmpint (error != NULL ? error->code : -1, ==, cases[i].code);
        g_assert_true (error == NULL || kn_error_is_public (error));
    }
}

static bool
matches (gpointer object, const char *attribute, const char *value)
{
    return kn_attr_match (kn_attr_find (((KnObject *)object)->resource, attribute), object, value);
}

static void
test_filters (void)
{
    g_autoptr (KnPortRow) port = kn_object_new (&kn_port_resource);

    g_ptr_array_add (port->fixed_ips, kn_pair_new ("subnet-1", "10.0.0.5"));
    port->base.updated_at = g_strdup ("2023-11-14 22:13:20");
    g_assert_true (matches (port, "admin_state_up", "True"));
    g_assert_true (matches (port, "admin_state_up", "1"));
    g_assert_false (matches (port, "admin_state_up", "false"));
    g_assert_false (matches (port, "admin_state_up", "perhaps"));
    g_assert_true (matches (port, "device_id", ""));
    g_assert_true (matches (port, "mac_address", ""));
    g_assert_true (matches (port, "fixed_ips", "ip_address=10.0.0.5"));
    g_assert_false (matches (port, "fixed_ips", "ip_address=10.0.0"));
    g_assert_true (matches (port, "fixed_ips", "ip_address_substr=0.0.5"));
    g_assert_true (matches (port, "fixed_ips", "subnet_id=subnet-1"));
    g_assert_false (matches (port, "fixed_ips", "10.0.0.5"));
    g_assert_false (matches (port, "fixed_ips", "colour=red"));
    g_assert_true (matches (port, "updated_at", "2023-11-14T22:13:20Z"));
    g_assert_true (matches (port, "revision_number", "0"));
}

/* ---- dnsmasq's files ---- */

static void
add_wire_subnet (KnWirePlan *plan, const char *cidr, const char *gateway, const char *dhcp,
                 const char *dns)
{
    KnWireSubnet *subnet = g_new0 (KnWireSubnet, 1);

    subnet->cidr = g_strdup (cidr);
    subnet->gateway = g_strdup (gateway);
    subnet->dhcp_address = g_strdup (dhcp);
    subnet->dns = g_strsplit (dns, " ", 0);
    subnet->routes = kn_pairs_new ();
    g_ptr_array_add (plan->subnets, subnet);
}

static void
add_wire_host (KnWirePlan *plan, const char *mac, const char *address)
{
    KnWireHost *host = g_new0 (KnWireHost, 1);

    host->mac = g_strdup (mac);
    host->address = g_strdup (address);
    g_ptr_array_add (plan->hosts, host);
}

static KnWirePlan *
sample_plan (void)
{
    KnWirePlan *plan = kn_wire_plan_new ();

    plan->mtu = 1450;
    add_wire_subnet (plan, "10.0.0.0/24", "10.0.0.1", "10.0.0.2", "8.8.8.8 fd00::53");
    add_wire_subnet (plan, "10.0.1.0/24", NULL, "10.0.1.2", "");
    add_wire_subnet (plan, "10.0.2.0/24", "10.0.2.1", NULL, "");
    add_wire_subnet (plan, "fd00::/64", "fd00::1", "fd00::2", "8.8.8.8 fd00::53");
    g_ptr_array_add (((KnWireSubnet *)plan->subnets->pdata[0])->routes,
                     kn_pair_new ("10.9.0.0/16", "10.0.0.9"));
    add_wire_host (plan, "fa:16:3e:00:00:01", "10.0.0.5");
    add_wire_host (plan, "fa:16:3e:00:00:01", "fd00::5");
    add_wire_host (plan, "fa:16:3e:00:00:02", "10.0.2.5");
    return plan;
}

static void
test_dnsmasq_files (void)
{
    g_autoptr (KnWirePlan) plan = sample_plan ();
    KnDnsmasq dnsmasq = { .dir = (char *)"/d", .netns = (char *)"n" };
    g_autofree char *hosts = kn_dnsmasq_format_hosts (plan);
    g_autofree char *options = kn_dnsmasq_format_options (plan);
    g_autofree char *config = kn_dnsmasq_format_config (&dnsmasq, plan);

    g_assert_cmpstr (hosts, ==, "fa:16:3e:00:00:01,10.0.0.5\nfa:16:3e:00:00:01,[fd00::5]\n");
    g_assert_cmpstr (
        options, ==,
        "tag:s0,option:dns-server,8.8.8.8\n"
        "tag:s0,option:router,10.0.0.1\n"
        "tag:s0,option:mtu,1450\n"
        "tag:s0,option:classless-static-route,10.9.0.0/16,10.0.0.9,0.0.0.0/0,10.0.0.1\n"
        "tag:s0,249,10.9.0.0/16,10.0.0.9,0.0.0.0/0,10.0.0.1\n"
        "tag:s1,option:dns-server\n"
        "tag:s1,option:router\n"
        "tag:s1,option:mtu,1450\n"
        "tag:s3,option6:dns-server,[fd00::53]\n");
    g_assert_nonnull (
        strstr (config, "\ndhcp-range=set:s0,10.0.0.0,static,255.255.255.0,86400s\n"));
    g_assert_nonnull (strstr (config, "\ndhcp-range=set:s3,fd00::,static,64,86400s\n"));
    g_assert_null (strstr (config, "10.0.2.0"));
    g_assert_nonnull (strstr (config, "\npid-file=/d/pid\n"));
}

static void
test_dnsmasq_time (void)
{
    g_autoptr (KnWirePlan) plan = kn_wire_plan_new ();
    const char *const tags[] = { "red", "kilonova:ntp", "kilonova:ntp=10.9.9.9",
                                 "kilonova:timezone=Europe/Berlin", NULL };
    const char *const servers[] = { "10.0.0.7", "fd00::7", "10.9.9.9", NULL };
    g_autofree char *options = NULL;

    plan->mtu = 1500;
    add_wire_subnet (plan, "10.0.0.0/24", NULL, "10.0.0.2", "");
    kn_time_service_read (&plan->time, (char **)tags, (char **)servers);
    options = kn_dnsmasq_format_options (plan);
    g_assert_cmpstr (options, ==,
                     "tag:s0,option:dns-server\n"
                     "tag:s0,option:router\n"
                     "tag:s0,option:mtu,1500\n"
                     "tag:s0,option:ntp-server,10.0.0.7,10.9.9.9\n"
                     "tag:s0,option:posix-timezone,\"CET-1CEST,M3.5.0,M10.5.0/3\"\n"
                     "tag:s0,option:tzdb-timezone,\"Europe/Berlin\"\n");
    g_assert_cmpuint (g_strv_length (plan->time.ntp), ==, 3);
}

static void
test_time_tags (void)
{
    static const struct {
        const char *tag;
        bool on_network, ok;
    } cases[] = {
        { "red", false, true },
        { "kilonova:ntp", true, true },
        { "kilonova:ntp", false, false },
        { "kilonova:ntp=10.0.0.1", true, true },
        { "kilonova:ntp=fd00::1", true, true },
        { "kilonova:ntp=pool.ntp.org", true, false },
        { "kilonova:ntp=", true, false },
        { "kilonova:timezone=Asia/Kathmandu", true, true },
        { "kilonova:timezone=Asia/Nowhere", true, false },
        { "kilonova:timezone=../zoneinfo/UTC", true, false },
        { "kilonova:timezone=/etc/localtime", true, false },
        { "kilonova:timezone=tzdata.zi", true, false },
        { "kilonova:timezone=Asia", true, false },
        { "kilonova:timezone=", true, false },
        { "kilonova:time", true, false },
    };
    g_autoptr (GError) error = NULL;
    g_auto (GStrv) servers = kn_time_service_parse_servers (" 10.0.0.1, fd00:0::1 ", &error);
    const char *const none[] = { NULL };

    g_assert_no_error (error);
    g_assert_cmpuint (g_strv_length (servers), ==, 2);
    g_assert_cmpstr (servers[1], ==, "fd00::1");
    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autoptr (GError) refused = NULL;

        g_assert_true (
            kn_time_service_check_tag (cases[i].tag, cases[i].on_network, servers, &refused)
            == cases[i].ok);
        g_assert_true (cases[i].ok == (refused == NULL));
    }
    g_assert_false (kn_time_service_check_tag ("kilonova:ntp", true, (char **)none, &error));
    g_assert_nonnull (strstr (error->message, "[network] ntp_servers"));
    g_clear_error (&error);
    g_assert_null (kn_time_service_parse_servers ("10.0.0.1 pool.ntp.org", &error));
    g_assert_nonnull (strstr (error->message, "'pool.ntp.org'"));
}

static void
test_leases (void)
{
    static const char good[] = "1795270531 fa:16:3e:00:00:01 10.0.0.5 * 01:fa:16:3e:00:00:01\n"
                               "duid 00:01\n"
                               "1795270531 12345 fd00::5 * 00:01:00:01\n";
    static const char moved[] = "1795270531 fa:16:3e:00:00:09 10.0.0.5 * *\n";
    g_autoptr (KnWirePlan) plan = sample_plan ();
    g_autofree char *both = g_strconcat (good, moved, NULL);
    g_autofree char *kept = NULL, *pruned = NULL;
    bool stale;

    kept = kn_dnsmasq_prune_leases (good, plan, &stale);
    g_assert_false (stale);
    g_assert_cmpstr (kept, ==, good);
    pruned = kn_dnsmasq_prune_leases (both, plan, &stale);
    g_assert_true (stale);
    g_assert_cmpstr (pruned, ==, good);
}

/* ---- the database ---- */

typedef struct {
    KnDbPool *pool;
    KnDb *db;
} Fixture;

typedef struct {
    KnScope scope;
    KnObject *object;
} Making;

static bool
make_txn (KnDb *db, gpointer data, GError **error)
{
    Making *making = data;
    KnEffects effects;
    bool ok;

    kn_effects_init (&effects);
    ok = kn_net_quota_check (db, making->object->project_id, making->object->resource->quota, 1,
                             error)
         && making->object->resource->create (db, &making->scope, making->object, &effects, error);
    kn_effects_free (&effects);
    return ok;
}

/* Creates an object of @project as the API would; NULL and @error if it is refused. */
static gpointer
make (Fixture *f, const KnResource *resource, const char *project, const char *json, GError **error)
{
    Making making = { .scope = { .project_id = project } };

    making.object = read_object (resource, json, KN_A_POST, false, error);
    if (making.object == NULL)
        return NULL;
    if (making.object->project_id == NULL)
        making.object->project_id = g_strdup (project);
    if (kn_db_txn (f->db, make_txn, &making, error))
        return making.object;
    kn_object_free (making.object);
    return NULL;
}

static char *
make_net (Fixture *f, const char *cidr)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnNet) net = make (f, &kn_net_resource, PROJECT, "{\"name\": \"net001\"}", &error);
    g_autoptr (KnSubnet) subnet = NULL;
    g_autofree char *json = NULL;

    g_assert_no_error (error);
    json = g_strdup_printf ("{\"network_id\": \"%s\", \"cidr\": \"%s\", \"ip_version\": 4}",
                            net->base.id, cidr);
    subnet = make (f, &kn_subnet_resource, PROJECT, json, &error);
    g_assert_no_error (error);
    return g_strdup (net->base.id);
}

static const char *
first_address (GPtrArray *ports, guint i)
{
    const KnPort *port = g_ptr_array_index (ports, i);

    g_assert_cmpuint (port->addresses->len, >=, 1);
    return ((KnPortAddress *)port->addresses->pdata[0])->address;
}

static void
expect_refused (Fixture *f, const KnResource *resource, const char *json, KnErrorCode code,
                const char *type)
{
    g_autoptr (GError) error = NULL;
    KnObject *object = make (f, resource, PROJECT, json, &error);

    g_assert_null (object);
    g_assert_error (error, KN_ERROR, (int)code);
    if (type != NULL)
        g_assert_cmpstr (kn_error_type (error), ==, type);
}

static void
test_subnets (Fixture *f)
{
    static const struct {
        const char *rest;
        KnErrorCode code;
        const char *type;
    } cases[] = {
        { "\"cidr\": \"10.0.0.128/25\", \"ip_version\": 4", KN_ERROR_BAD_REQUEST, "InvalidInput" },
        { "\"cidr\": \"10.2.0.1/24\", \"ip_version\": 4", KN_ERROR_BAD_REQUEST, NULL },
        { "\"cidr\": \"10.2.0.0/24\", \"ip_version\": 6", KN_ERROR_BAD_REQUEST, NULL },
        { "\"cidr\": \"10.2.0.0/24\"", KN_ERROR_BAD_REQUEST, NULL },
        { "\"ip_version\": 4", KN_ERROR_BAD_REQUEST, "BadRequest" },
        { "\"cidr\": \"10.2.0.0/24\", \"ip_version\": 4, \"gateway_ip\": \"10.2.0.255\"",
          KN_ERROR_BAD_REQUEST, NULL },
        { "\"cidr\": \"10.2.0.0/24\", \"ip_version\": 4, \"allocation_pools\": "
          "[{\"start\": \"10.2.0.1\", \"end\": \"10.2.0.9\"}]",
          KN_ERROR_CONFLICT, "GatewayConflictWithAllocationPools" },
        { "\"cidr\": \"10.2.0.0/24\", \"ip_version\": 4, \"allocation_pools\": "
          "[{\"start\": \"10.2.1.2\", \"end\": \"10.2.1.9\"}]",
          KN_ERROR_BAD_REQUEST, "OutOfBoundsAllocationPool" },
        { "\"cidr\": \"10.2.0.0/24\", \"ip_version\": 4, \"allocation_pools\": "
          "[{\"start\": \"10.2.0.2\", \"end\": \"10.2.0.9\"}, {\"start\": \"10.2.0.9\", "
          "\"end\": \"10.2.0.19\"}]",
          KN_ERROR_CONFLICT, "OverlappingAllocationPools" },
        { "\"cidr\": \"10.2.0.0/24\", \"ip_version\": 4, \"ipv6_address_mode\": \"slaac\"",
          KN_ERROR_BAD_REQUEST, NULL },
        { "\"cidr\": \"fd00::/80\", \"ip_version\": 6, \"ipv6_address_mode\": \"slaac\"",
          KN_ERROR_BAD_REQUEST, NULL },
    };
    g_autofree char *net = make_net (f, "10.0.0.0/24");
    g_autofree char *twin = make_net (f, "10.0.0.0/24");

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autofree char *json
            = g_strdup_printf ("{\"network_id\": \"%s\", %s}", net, cases[i].rest);

        expect_refused (f, &kn_subnet_resource, json, cases[i].code, cases[i].type);
    }
    g_assert_cmpstr (net, !=, twin);
}

static void
test_ports (Fixture *f)
{
    g_autofree char *net = make_net (f, "10.0.0.0/29");
    g_autofree char *plain = g_strdup_printf ("{\"network_id\": \"%s\"}", net);
    g_autofree char *wished = g_strdup_printf (
        "{\"network_id\": \"%s\", \"fixed_ips\": [{\"ip_address\": \"10.0.0.5\"}], "
        "\"mac_address\": \"fa:16:3e:00:00:01\"}",
        net);
    g_autofree char *same_mac
        = g_strdup_printf ("{\"network_id\": \"%s\", \"mac_address\": \"FA:16:3E:00:00:01\"}", net);
    g_autofree char *outside = g_strdup_printf (
        "{\"network_id\": \"%s\", \"fixed_ips\": [{\"ip_address\": \"10.0.9.5\"}]}", net);
    g_autoptr (GError) error = NULL;
    g_autoptr (KnPortRow) first = make (f, &kn_port_resource, PROJECT, wished, &error);

    g_assert_no_error (error);
    g_assert_cmpuint (g_strv_length (first->security_groups), ==, 1);
    expect_refused (f, &kn_port_resource, wished, KN_ERROR_CONFLICT, "MacAddressInUse");
    expect_refused (f, &kn_port_resource, same_mac, KN_ERROR_CONFLICT, "MacAddressInUse");
    expect_refused (f, &kn_port_resource, outside, KN_ERROR_BAD_REQUEST, "InvalidIpForNetwork");

    /* .1 is the gateway, .2 answers DHCP, .5 is taken: .3, .4 and .6 are left. */
    for (guint i = 0; i < 3; i++) {
        static const char *const expected[] = { "10.0.0.3", "10.0.0.4", "10.0.0.6" };
        g_autoptr (KnPortRow) port = make (f, &kn_port_resource, PROJECT, plain, &error);

        g_assert_no_error (error);
        g_assert_cmpstr (((KnPair *)port->fixed_ips->pdata[0])->second, ==, expected[i]);
    }
    expect_refused (f, &kn_port_resource, plain, KN_ERROR_CONFLICT, "IpAddressGenerationFailure");
    /* Somebody else does not see the network. */
    g_assert_null (make (f, &kn_port_resource, OTHER, plain, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_NOT_FOUND);
}

static void
test_ipv6 (Fixture *f)
{
    g_autofree char *net = make_net (f, "10.0.0.0/24");
    g_autofree char *slaac
        = g_strdup_printf ("{\"network_id\": \"%s\", \"cidr\": \"fd00::/64\", \"ip_version\": 6, "
                           "\"ipv6_address_mode\": \"slaac\", \"ipv6_ra_mode\": \"slaac\"}",
                           net);
    g_autofree char *stateful
        = g_strdup_printf ("{\"network_id\": \"%s\", \"cidr\": \"fd01::/64\", \"ip_version\": 6, "
                           "\"ipv6_address_mode\": \"dhcpv6-stateful\"}",
                           net);
    g_autofree char *plain
        = g_strdup_printf ("{\"network_id\": \"%s\", \"mac_address\": \"fa:16:3e:0a:0b:0c\"}", net);
    g_autoptr (GError) error = NULL;
    g_autoptr (KnSubnet) a = make (f, &kn_subnet_resource, PROJECT, slaac, &error);
    g_autoptr (KnSubnet) b = make (f, &kn_subnet_resource, PROJECT, stateful, &error);
    g_autoptr (KnPortRow) port = make (f, &kn_port_resource, PROJECT, plain, &error);

    g_assert_no_error (error);
    g_assert_cmpuint (port->fixed_ips->len, ==, 3);
    g_assert_cmpstr (((KnPair *)port->fixed_ips->pdata[0])->second, ==, "10.0.0.3");
    g_assert_cmpstr (((KnPair *)port->fixed_ips->pdata[1])->second, ==, "fd01::3");
    g_assert_cmpstr (((KnPair *)port->fixed_ips->pdata[2])->second, ==, "fd00::f816:3eff:fe0a:b0c");
}

static void
test_default_group (Fixture *f)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *first = kn_group_ensure_default (f->db, PROJECT, &error);
    g_autofree char *again = kn_group_ensure_default (f->db, PROJECT, &error);
    g_autofree char *other = kn_group_ensure_default (f->db, OTHER, &error);
    g_autoptr (KnSecurityGroup) group = NULL;
    guint inward = 0;

    g_assert_no_error (error);
    g_assert_cmpstr (first, ==, again);
    g_assert_cmpstr (first, !=, other);
    group = (KnSecurityGroup *)kn_store_group_find (f->db, first, &error);
    g_assert_cmpuint (group->rules->len, ==, 4);
    for (guint i = 0; i < group->rules->len; i++) {
        const KnSecurityRule *rule = g_ptr_array_index (group->rules, i);

        if (strcmp (rule->direction, "ingress") == 0 && strcmp (rule->remote_group_id, first) == 0)
            inward++;
    }
    g_assert_cmpuint (inward, ==, 2);
    expect_refused (f, &kn_group_resource, "{\"name\": \"default\"}", KN_ERROR_CONFLICT, NULL);
}

static void
test_rules (Fixture *f)
{
    static const struct {
        const char *rest;
        int code;
    } cases[] = {
        { "\"protocol\": \"tcp\", \"port_range_min\": 22, \"port_range_max\": 22", -1 },
        { "\"protocol\": 6, \"port_range_min\": 22, \"port_range_max\": 22", KN_ERROR_CONFLICT },
        { "\"protocol\": \"tcp\", \"port_range_min\": 80, \"port_range_max\": 22",
          KN_ERROR_BAD_REQUEST },
        { "\"port_range_min\": 80, \"port_range_max\": 80", KN_ERROR_BAD_REQUEST },
        { "\"protocol\": \"icmp\", \"port_range_min\": 8, \"port_range_max\": 0", -1 },
        { "\"protocol\": \"icmp\", \"port_range_max\": 0", KN_ERROR_BAD_REQUEST },
        { "\"protocol\": \"bad\"", KN_ERROR_BAD_REQUEST },
        { "\"ethertype\": \"IPv5\"", KN_ERROR_BAD_REQUEST },
        { "\"protocol\": \"ipv6-icmp\"", KN_ERROR_BAD_REQUEST },
        { "\"remote_ip_prefix\": \"fd00::/64\"", KN_ERROR_BAD_REQUEST },
        { "\"remote_ip_prefix\": \"10.0.0.1\"", -1 },
        { "\"remote_ip_prefix\": \"10.0.0.1/32\"", KN_ERROR_CONFLICT },
        { "\"remote_ip_prefix\": \"bad\"", KN_ERROR_BAD_REQUEST },
        { "\"remote_group_id\": \"00000000-0000-0000-0000-000000000000\"", KN_ERROR_NOT_FOUND },
    };
    g_autoptr (GError) error = NULL;
    g_autofree char *group = kn_group_ensure_default (f->db, PROJECT, &error);

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autofree char *json
            = g_strdup_printf ("{\"security_group_id\": \"%s\", \"direction\": \"ingress\", %s}",
                               group, cases[i].rest);
        g_autoptr (GError) refused = NULL;
        g_autoptr (KnSecurityRule) rule = make (f, &kn_rule_resource, PROJECT, json, &refused);

        g_assert_cmpint (refused != NULL ? refused->code : -1, ==, cases[i].code);
    }
}

static GPtrArray *
allocate (KnDb *db, const char *server, const KnPortWish *wishes, gsize n, GError **error)
{
    return kn_network_allocate (db, PROJECT, server, "host1", false, wishes, n, error);
}

static void
test_servers (Fixture *f)
{
    g_autofree char *net = make_net (f, "192.168.2.0/24");
    g_autofree char *second = make_net (f, "192.168.2.0/24");
    g_autofree char *json
        = g_strdup_printf ("{\"network_id\": \"%s\", \"name\": \"mine\"}", second);
    g_autoptr (GError) error = NULL;
    g_autoptr (KnPortRow) mine = make (f, &kn_port_resource, PROJECT, json, &error);
    const char *const groups[] = { "default", NULL };
    const KnPortWish wishes[] = {
        { .network_id = net, .fixed_ip = "192.168.2.92", .security_groups = groups },
        { .port_id = mine->base.id },
        { .network_id = net },
    };
    const KnPortWish none = { 0 };
    g_autoptr (GPtrArray) ports = NULL, again = NULL, left = NULL, of_project = NULL;

    g_assert_true (kn_network_check_wishes (f->db, PROJECT, false, wishes, 3, &error));
    g_assert_false (kn_network_check_wishes (f->db, PROJECT, false, &none, 1, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_CONFLICT);
    g_clear_error (&error);

    ports = allocate (f->db, "server-1", wishes, 3, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (ports->len, ==, 3);
    g_assert_cmpstr (first_address (ports, 0), ==, "192.168.2.92");
    g_assert_cmpstr (((KnPort *)ports->pdata[1])->id, ==, mine->base.id);
    g_assert_false (((KnPort *)ports->pdata[1])->ours);
    g_assert_true (((KnPort *)ports->pdata[0])->ours);
    g_assert_cmpstr (((KnPort *)ports->pdata[0])->network_name, ==, "net001");
    g_assert_cmpstr (((KnPort *)ports->pdata[0])->security_groups->pdata[0], ==, "default");
    g_assert_cmpuint (strlen (((KnPort *)ports->pdata[0])->tap), ==, 14);
    g_assert_cmpuint (strlen (((KnPort *)ports->pdata[0])->bridge), ==, 15);

    again = allocate (f->db, "server-1", wishes, 3, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (again->len, ==, 3);
    for (guint i = 0; i < 3; i++)
        g_assert_cmpstr (((KnPort *)again->pdata[i])->id, ==, ((KnPort *)ports->pdata[i])->id);
    g_assert_null (allocate (f->db, "server-2", &wishes[1], 1, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_CONFLICT);
    g_clear_error (&error);
    of_project = kn_network_list_project_ports (f->db, PROJECT, &error);
    g_assert_cmpuint (of_project->len, ==, 3);

    g_assert_true (kn_network_release (f->db, "server-1", &error));
    g_assert_true (kn_network_release (f->db, "server-1", &error));
    left = kn_network_list_ports (f->db, "server-1", &error);
    g_assert_no_error (error);
    g_assert_cmpuint (left->len, ==, 0);
    g_assert_true (kn_network_check_wishes (f->db, PROJECT, false, wishes, 2, &error));
}

static void
test_bad_wishes (Fixture *f)
{
    static const char unknown[] = "00000000-0000-0000-0000-000000000000";
    const char *const groups[] = { "nobody", NULL };
    g_autofree char *net = make_net (f, "10.0.0.0/24");
    g_autoptr (GError) local = NULL;
    g_autoptr (KnNet) bare = make (f, &kn_net_resource, PROJECT, "{}", &local);
    const struct {
        KnPortWish wish;
        const char *project, *type;
    } cases[] = {
        { { .network_id = unknown }, PROJECT, "NetworkNotFound" },
        { { .network_id = net }, OTHER, "NetworkNotFound" },
        { { .network_id = bare->base.id }, PROJECT, "NetworkRequiresSubnet" },
        { { .port_id = unknown }, PROJECT, "PortNotFound" },
        { { .network_id = net, .fixed_ip = "10.0.0.2" }, PROJECT, "FixedIpAlreadyInUse" },
        { { .network_id = net, .fixed_ip = "10.0.1.2" }, PROJECT, "InvalidIpForNetwork" },
        { { .network_id = net, .fixed_ip = "x" }, PROJECT, "InvalidInput" },
        { { .network_id = net, .security_groups = groups }, PROJECT, "SecurityGroupNotFound" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autoptr (GError) error = NULL;

        g_assert_false (
            kn_network_check_wishes (f->db, cases[i].project, false, &cases[i].wish, 1, &error));
        g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
        g_assert_cmpstr (kn_error_type (error), ==, cases[i].type);
        g_assert_true (kn_error_is_public (error));
    }
}

static void
test_quota (Fixture *f)
{
    g_autoptr (GError) error = NULL;

    g_assert_true (kn_store_net_quota_set (f->db, PROJECT, "network", 1, &error));
    g_autoptr (KnNet) net = make (f, &kn_net_resource, PROJECT, "{}", &error);
    g_assert_no_error (error);
    expect_refused (f, &kn_net_resource, "{}", KN_ERROR_OVER_QUOTA, "OverQuota");
    g_assert_true (kn_store_net_quota_set (f->db, PROJECT, "network", -1, &error));
    g_autoptr (KnNet) second = make (f, &kn_net_resource, PROJECT, "{}", &error);
    g_assert_no_error (error);
}

#define THREADS 4
#define EACH 6

typedef struct {
    KnDbPool *pool;
    const char *net;
    guint number;
} Worker;

static gpointer
allocate_many (gpointer data)
{
    const Worker *worker = data;
    g_autoptr (GError) error = NULL;
    KnDb *db = kn_db_thread (worker->pool, &error);

    for (guint i = 0; i < EACH; i++) {
        g_autofree char *server = g_strdup_printf ("server-%u-%u", worker->number, i);
        g_autoptr (GPtrArray) ports
            = allocate (db, server, &(KnPortWish){ .network_id = worker->net }, 1, &error);

        g_assert_no_error (error);
        g_assert_cmpuint (ports->len, ==, 1);
    }
    return NULL;
}

/* Everybody takes the lowest free address at the same moment; nobody gets one twice, and none is skipped. */
static void
test_parallel (Fixture *f)
{
    g_autofree char *net = make_net (f, "10.0.0.0/27");
    g_autoptr (GPtrArray) ports = NULL;
    g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
    g_autoptr (GError) error = NULL;
    Worker workers[THREADS];
    GThread *threads[THREADS];

    for (guint i = 0; i < THREADS; i++) {
        workers[i] = (Worker){ f->pool, net, i };
        threads[i] = g_thread_new ("allocate", allocate_many, &workers[i]);
    }
    for (guint i = 0; i < THREADS; i++)
        (void)g_thread_join (threads[i]);
    ports = kn_network_list_project_ports (f->db, PROJECT, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (ports->len, ==, THREADS * EACH);
    for (guint i = 0; i < ports->len; i++)
        g_assert_true (g_hash_table_add (seen, (gpointer)first_address (ports, i)));
}

/* Each call of the database fails in turn: an error is passed on, and nothing is left half done. */
static void
test_failing (Fixture *f)
{
    g_autofree char *net = make_net (f, "10.0.0.0/24");
    const KnPortWish wish = { .network_id = net };
    guint n = 1;

    for (;; n++) {
        g_autoptr (GError) error = NULL;
        g_autoptr (GPtrArray) ports = NULL, after = NULL;

        kn_db_fail_after (f->db, n);
        ports = allocate (f->db, "server-1", &wish, 1, &error);
        kn_db_fail_after (f->db, 0);
        if (ports != NULL)
            break;
        g_assert_nonnull (error);
        g_clear_error (&error);
        after = kn_network_list_ports (f->db, "server-1", &error);
        g_assert_no_error (error);
        g_assert_cmpuint (after->len, ==, 0);
        g_assert_cmpuint (n, <, 100);
    }
    g_assert_cmpuint (n, >, 10);
}

/* ---- both engines ---- */

typedef void (*StoreTest) (Fixture *f);

static const struct {
    const char *name;
    StoreTest run;
} store_tests[] = {
    { "subnets", test_subnets },
    { "ports", test_ports },
    { "ipv6", test_ipv6 },
    { "default-group", test_default_group },
    { "rules", test_rules },
    { "servers", test_servers },
    { "bad-wishes", test_bad_wishes },
    { "quota", test_quota },
    { "parallel", test_parallel },
    { "failing", test_failing },
};

static void
open_fixture (Fixture *f, const char *url)
{
    g_autoptr (GError) error = NULL;

    f->pool = kn_db_pool_open (url, NULL, &error);
    g_assert_no_error (error);
    f->db = kn_db_thread (f->pool, &error);
    g_assert_no_error (error);
}

static void
run_on_sqlite (gconstpointer data)
{
    g_autofree char *folder = g_dir_make_tmp ("test-network-XXXXXX", NULL);
    g_autofree char *url = g_strdup_printf ("sqlite:%s/db", folder);
    Fixture f = { 0 };

    open_fixture (&f, url);
    store_tests[GPOINTER_TO_UINT (data)].run (&f);
    kn_db_pool_close (f.pool);
    kn_scratch_remove (folder);
}

KN_STMT (CLEAR_PORTS, "DELETE FROM ports");
KN_STMT (CLEAR_SUBNETS, "DELETE FROM subnets");
KN_STMT (CLEAR_NETWORKS, "DELETE FROM networks");
KN_STMT (CLEAR_GROUPS, "DELETE FROM securitygroups");
KN_STMT (CLEAR_QUOTAS, "DELETE FROM network_quotas");

/* A schema takes MariaDB a second or two: one serves all tests. */
static void
run_on_mariadb (gconstpointer data)
{
    static const KnStmt *const clear[]
        = { &CLEAR_PORTS, &CLEAR_SUBNETS, &CLEAR_NETWORKS, &CLEAR_GROUPS, &CLEAR_QUOTAS };
    g_autoptr (GError) error = NULL;
    Fixture f = { 0 };

    if (mariadb == NULL && (mariadb = kn_scratch_mariadb_start ()) != NULL)
        mariadb_url = kn_scratch_mariadb_url (mariadb);
    if (mariadb == NULL) {
        g_test_skip ("mariadbd is not installed");
        return;
    }
    open_fixture (&f, mariadb_url);
    store_tests[GPOINTER_TO_UINT (data)].run (&f);
    for (gsize i = 0; i < G_N_ELEMENTS (clear); i++) {
        g_assert_true (kn_db_exec (f.db, clear[i], KN_NO_BIND, NULL, &error));
        g_assert_no_error (error);
    }
    kn_db_pool_close (f.pool);
}

int
main (int argc, char **argv)
{
    int status;

    g_test_init (&argc, &argv, NULL);
    g_test_add_func ("/network/addresses", test_addresses);
    g_test_add_func ("/network/ranges", test_ranges);
    g_test_add_func ("/network/pick", test_pick);
    g_test_add_func ("/network/hardware-addresses", test_hardware_addresses);
    g_test_add_func ("/network/tables", test_tables);
    g_test_add_func ("/network/bodies", test_bodies);
    g_test_add_func ("/network/filters", test_filters);
    g_test_add_func ("/network/dnsmasq-files", test_dnsmasq_files);
    g_test_add_func ("/network/dnsmasq-time", test_dnsmasq_time);
    g_test_add_func ("/network/time-tags", test_time_tags);
    g_test_add_func ("/network/leases", test_leases);
    for (guint i = 0; i < G_N_ELEMENTS (store_tests); i++) {
        g_autofree char *sqlite = g_strdup_printf ("/network/sqlite/%s", store_tests[i].name);
        g_autofree char *maria = g_strdup_printf ("/network/mariadb/%s", store_tests[i].name);

        g_test_add_data_func (sqlite, GUINT_TO_POINTER (i), run_on_sqlite);
        g_test_add_data_func (maria, GUINT_TO_POINTER (i), run_on_mariadb);
    }
    status = g_test_run ();
    if (mariadb != NULL)
        kn_scratch_mariadb_stop (mariadb);
    g_free (mariadb_url);
    return status;
}
