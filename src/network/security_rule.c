/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of security groups: attributes and checks. */
#include "network/network_priv.h"

#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "network/formats.h"

/* IANA's numbers of the protocols that may be named. */
static const struct {
    const char *name;
    int number;
    enum { PORTS = 1, ICMP = 2, ONLY_IPV6 = 4 } flags;
} protocols[] = {
    { "ah", 51, 0 },
    { "dccp", 33, PORTS },
    { "egp", 8, 0 },
    { "esp", 50, 0 },
    { "gre", 47, 0 },
    { "icmp", 1, ICMP },
    { "icmpv6", 58, ICMP | ONLY_IPV6 },
    { "igmp", 2, 0 },
    { "ipip", 4, 0 },
    { "ipv6-encap", 41, ONLY_IPV6 },
    { "ipv6-frag", 44, ONLY_IPV6 },
    { "ipv6-icmp", 58, ICMP | ONLY_IPV6 },
    { "ipv6-nonxt", 59, ONLY_IPV6 },
    { "ipv6-opts", 60, ONLY_IPV6 },
    { "ipv6-route", 43, ONLY_IPV6 },
    { "ospf", 89, 0 },
    { "pgm", 113, 0 },
    { "rsvp", 46, 0 },
    { "sctp", 132, PORTS },
    { "tcp", 6, PORTS },
    { "udp", 17, PORTS },
    { "udplite", 136, PORTS },
    { "vrrp", 112, 0 },
};

/* The protocol's number, -1 for any; false: not a protocol. */
static bool
protocol_number (const char *text, int *out_number, guint *out_flags)
{
    gint64 number;

    *out_flags = 0;
    *out_number = -1;
    if (text == NULL)
        return true;
    for (gsize i = 0; i < G_N_ELEMENTS (protocols); i++) {
        bool by_number = kn_parse_int (text, 0, 255, &number) && number == protocols[i].number;

        if (!by_number && strcmp (protocols[i].name, text) != 0)
            continue;
        *out_number = protocols[i].number;
        *out_flags = protocols[i].flags;
        return true;
    }
    if (!kn_parse_int (text, 0, 255, &number))
        return false;
    *out_number = (int)number;
    return true;
}

static bool
normalise_protocol (const char *text, char **out_text)
{
    g_autofree char *lower = g_ascii_strdown (text, -1);
    guint flags;
    int number;

    if (strcmp (lower, "any") == 0 || *lower == '\0') {
        *out_text = NULL;
        return true;
    }
    if (!protocol_number (lower, &number, &flags))
        return false;
    *out_text = g_steal_pointer (&lower);
    return true;
}

static bool
normalise_ethertype (const char *text, char **out_text)
{
    if (g_ascii_strcasecmp (text, "IPv4") != 0 && g_ascii_strcasecmp (text, "IPv6") != 0)
        return false;
    *out_text = g_strdup (text[3] == '4' ? "IPv4" : "IPv6");
    return true;
}

static void
init (KnObject *object)
{
    KnSecurityRule *rule = (KnSecurityRule *)object;

    rule->base.description = g_strdup ("");
    rule->ethertype = g_strdup ("IPv4");
}

/* COMPAT: the words up to the first semicolon are what clients and conformance tests look for. */
static bool
refuse (GError **error, const char *type, const char *sentence)
{
    kn_error_public_type (error, KN_ERROR_BAD_REQUEST, type, "%s", sentence);
    return false;
}

/* COMPAT: as above. */
static bool
refuse_number (GError **error, const char *type, const char *what, gint64 number, gint64 from,
               gint64 to)
{
    kn_error_public_type (error, KN_ERROR_BAD_REQUEST, type,
                          "Invalid value for %s %" G_GINT64_FORMAT
                          "; numbers from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
                          " are expected.",
                          what, number, from, to);
    return false;
}

static bool
is_within (gint64 number, gint64 from, gint64 to)
{
    return number == KN_NO_INT || (number >= from && number <= to);
}

static bool
check_icmp (const KnSecurityRule *rule, GError **error)
{
    static const char type[] = "SecurityGroupInvalidIcmpValue";

    if (!is_within (rule->port_min, 0, 255))
        return refuse_number (error, type, "ICMP type (port-range-min)", rule->port_min, 0, 255);
    if (!is_within (rule->port_max, 0, 255))
        return refuse_number (error, type, "ICMP code (port-range-max)", rule->port_max, 0, 255);
    if (rule->port_min == KN_NO_INT && rule->port_max != KN_NO_INT)
        return refuse (error, "SecurityGroupMissingIcmpType",
                       "ICMP type (port-range-min) is missing; a code needs one.");
    return true;
}

static bool
check_ports (const KnSecurityRule *rule, guint flags, int protocol, GError **error)
{
    static const char type[] = "SecurityGroupInvalidPortValue";

    if (rule->port_min == KN_NO_INT && rule->port_max == KN_NO_INT)
        return true;
    if (protocol < 0)
        return refuse (error, "SecurityGroupProtocolRequiredWithPorts",
                       "A range of ports needs a protocol.");
    if ((flags & ICMP) != 0)
        return check_icmp (rule, error);
    if ((flags & PORTS) == 0)
        return refuse (error, "SecurityGroupInvalidProtocolForPort", "This protocol has no ports.");
    if (!is_within (rule->port_min, 1, 65535))
        return refuse_number (error, type, "port", rule->port_min, 1, 65535);
    if (!is_within (rule->port_max, 1, 65535))
        return refuse_number (error, type, "port", rule->port_max, 1, 65535);
    if (rule->port_min == KN_NO_INT || rule->port_max == KN_NO_INT
        || rule->port_min > rule->port_max)
        return refuse (error, "SecurityGroupInvalidPortRange",
                       "For this protocol port_range_min must be <= port_range_max; both are "
                       "needed.");
    return true;
}

static bool
check_remote (const KnSecurityRule *rule, GError **error)
{
    KnCidr cidr;

    if (rule->remote_prefix == NULL)
        return true;
    if (rule->remote_group_id != NULL)
        return refuse (error, "SecurityGroupRemoteGroupAndRemoteIpPrefix",
                       "Only one of remote_ip_prefix and remote_group_id may be given.");
    if (!kn_cidr_parse (rule->remote_prefix, &cidr, NULL)
        || cidr.base.version != (strcmp (rule->ethertype, "IPv6") == 0 ? 6u : 4u))
        return refuse (error, "SecurityGroupRuleParameterConflict",
                       "Conflicting value ethertype; remote_ip_prefix is of the other IP version.");
    return true;
}

static bool
check_rule (const KnSecurityRule *rule, GError **error)
{
    guint flags;
    int protocol;

    (void)protocol_number (rule->protocol, &protocol, &flags);
    if ((flags & ONLY_IPV6) != 0 && strcmp (rule->ethertype, "IPv6") != 0)
        return refuse (error, "SecurityGroupEthertypeConflictWithProtocol",
                       "This protocol exists in IPv6 only.");
    return check_ports (rule, flags, protocol, error) && check_remote (rule, error);
}

static bool
same_rule (const KnSecurityRule *a, const KnSecurityRule *b)
{
    int left, right;
    guint flags;

    (void)protocol_number (a->protocol, &left, &flags);
    (void)protocol_number (b->protocol, &right, &flags);
    return left == right && strcmp (a->direction, b->direction) == 0
           && strcmp (a->ethertype, b->ethertype) == 0 && a->port_min == b->port_min
           && a->port_max == b->port_max && g_strcmp0 (a->remote_prefix, b->remote_prefix) == 0
           && g_strcmp0 (a->remote_group_id, b->remote_group_id) == 0;
}

static bool
check_group (KnDb *db, const KnScope *scope, const char *id, GError **error)
{
    g_autoptr (GError) local = NULL;
    g_autoptr (KnSecurityGroup) group = (KnSecurityGroup *)kn_store_group_find (db, id, &local);

    if (local != NULL) {
        g_propagate_error (error, g_steal_pointer (&local));
        return false;
    }
    if (group != NULL
        && (scope->admin || g_strcmp0 (group->base.project_id, scope->project_id) == 0))
        return true;
    kn_error_public_type (error, KN_ERROR_NOT_FOUND, "SecurityGroupNotFound",
                          "There is no security group %s.", id);
    return false;
}

static bool
check_new (KnDb *db, const KnSecurityRule *rule, GError **error)
{
    g_autoptr (GPtrArray) rules = kn_objects_new ();

    if (!kn_store_rule_list_of (db, rule->group_id, rules, error))
        return false;
    for (guint i = 0; i < rules->len; i++) {
        const KnSecurityRule *other = g_ptr_array_index (rules, i);

        if (!same_rule (rule, other))
            continue;
        kn_error_public_type (error, KN_ERROR_CONFLICT, "SecurityGroupRuleExists",
                              "The group has this rule already: %s.", other->base.id);
        return false;
    }
    return true;
}

static bool
create (KnDb *db, const KnScope *scope, KnObject *object, KnEffects *effects, GError **error)
{
    KnSecurityRule *rule = (KnSecurityRule *)object;

    if (!check_rule (rule, error) || !check_group (db, scope, rule->group_id, error)
        || (rule->remote_group_id != NULL && !check_group (db, scope, rule->remote_group_id, error))
        || !check_new (db, rule, error))
        return false;
    kn_object_stamp (object);
    return kn_store_rule_insert (db, rule, error);
}

static bool
remove_rule (KnDb *db, const KnScope *scope, KnObject *object, KnEffects *effects, GError **error)
{
    return kn_store_rule_delete (db, object->id, error);
}

static bool
visible (KnDb *db, const KnScope *scope, const KnObject *object)
{
    return scope->admin || g_strcmp0 (object->project_id, scope->project_id) == 0;
}

static const char *const directions[] = { "ingress", "egress", NULL };

#define A(attribute, kind, member)                                                                 \
    .name = attribute, .type = KN_ATTR_##kind, .offset = offsetof (KnSecurityRule, member)
static const KnAttr attrs[] = {
    { A ("id", TEXT, base.id) },
    { A ("project_id", TEXT, base.project_id), .flags = KN_A_POST, .normalise = kn_format_project,
      .what = "a project id" },
    { A ("tenant_id", TEXT, base.project_id), .flags = KN_A_POST | KN_A_ALIAS,
      .normalise = kn_format_project, .what = "a project id" },
    { A ("security_group_id", TEXT, group_id), .flags = KN_A_POST | KN_A_REQUIRED,
      .normalise = kn_format_uuid, .what = "a UUID" },
    { A ("direction", TEXT, direction), .flags = KN_A_POST | KN_A_REQUIRED, .choices = directions },
    { A ("ethertype", TEXT, ethertype), .flags = KN_A_POST, .normalise = normalise_ethertype,
      .what = "IPv4 or IPv6" },
    { A ("protocol", TEXT, protocol), .flags = KN_A_POST | KN_A_NULL | KN_A_NUMBER,
      .normalise = normalise_protocol, .what = "a protocol's name or number" },
    { A ("port_range_min", INT, port_min), .flags = KN_A_POST | KN_A_NULL, .min = G_MININT32,
      .max = G_MAXINT32 },
    { A ("port_range_max", INT, port_max), .flags = KN_A_POST | KN_A_NULL, .min = G_MININT32,
      .max = G_MAXINT32 },
    { A ("remote_ip_prefix", TEXT, remote_prefix), .flags = KN_A_POST | KN_A_NULL,
      .normalise = kn_format_prefix, .what = "an address or a range of addresses" },
    { A ("remote_group_id", TEXT, remote_group_id), .flags = KN_A_POST | KN_A_NULL },
    { A ("description", TEXT, base.description), .flags = KN_A_POST },
    { A ("created_at", TIME, base.created_at) },
    { A ("updated_at", TIME, base.updated_at) },
    { A ("revision_number", INT, base.revision) },
};

const KnResource kn_rule_resource = {
    .name = "security_group_rule",
    .plural = "security_group_rules",
    .title = "security group rule",
    .not_found = "SecurityGroupRuleNotFound",
    .quota = "security_group_rule",
    .size = sizeof (KnSecurityRule),
    .attrs = attrs,
    .n_attrs = G_N_ELEMENTS (attrs),
    .init = init,
    .list = kn_store_rule_list,
    .find = kn_store_rule_find,
    .visible = visible,
    .create = create,
    .remove = remove_rule,
};
