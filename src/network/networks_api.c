/* SPDX-License-Identifier: Apache-2.0 */
/* Routes and faults of the Network API. */
#include "network/networks_api.h"

#include "base/error.h"
#include "base/util.h"
#include "http/fault.h"
#include "network/resource_api.h"

static guint
fault_status (const GError *error)
{
    return g_error_matches (error, KN_ERROR, KN_ERROR_OVER_QUOTA) ? 409 : kn_error_status (error);
}

#define BODY (256 * KIB)

#define ROUTE(verb, where, fn, who, body, what)                                                    \
    {                                                                                              \
        .method = verb, .path = where, .handler = fn, .role = who, .run = KN_WORKER,               \
        .max_body = body, .data = what                                                             \
    }
#define READ(where, fn, what) ROUTE ("GET", where, fn, KN_ROLE_READER, 0, what)
#define WRITE(verb, where, fn, what) ROUTE (verb, where, fn, KN_ROLE_MEMBER, BODY, what)
#define ADMIN(verb, where, fn, body) ROUTE (verb, where, fn, KN_ROLE_ADMIN, body, NULL)

#define TAGS(where, what)                                                                          \
    READ (where "/{id}/tags", kn_tags_list, what),                                                 \
        WRITE ("PUT", where "/{id}/tags", kn_tags_replace, what),                                  \
        WRITE ("DELETE", where "/{id}/tags", kn_tags_clear, what),                                 \
        READ (where "/{id}/tags/{tag}", kn_tag_check, what),                                       \
        WRITE ("PUT", where "/{id}/tags/{tag}", kn_tag_add, what),                                 \
        WRITE ("DELETE", where "/{id}/tags/{tag}", kn_tag_remove, what)

#define RESOURCE(where, what)                                                                      \
    READ (where, kn_resource_list, what), WRITE ("POST", where, kn_resource_create, what),         \
        READ (where "/{id}", kn_resource_show, what),                                              \
        WRITE ("DELETE", where "/{id}", kn_resource_delete, what)

static const KnRoute routes[] = {
    { .method = "GET", .path = "/", .handler = kn_discovery_versions, .run = KN_INLINE },
    { .method = "GET", .path = "/v2.0", .handler = kn_discovery_resources, .role = KN_ROLE_TOKEN },
    READ ("/v2.0/extensions", kn_discovery_extensions, NULL),
    READ ("/v2.0/extensions/{id}", kn_discovery_extension, NULL),
    RESOURCE ("/v2.0/networks", &kn_net_resource),
    WRITE ("PUT", "/v2.0/networks/{id}", kn_resource_update, &kn_net_resource),
    TAGS ("/v2.0/networks", &kn_net_resource),
    RESOURCE ("/v2.0/subnets", &kn_subnet_resource),
    WRITE ("PUT", "/v2.0/subnets/{id}", kn_resource_update, &kn_subnet_resource),
    TAGS ("/v2.0/subnets", &kn_subnet_resource),
    RESOURCE ("/v2.0/ports", &kn_port_resource),
    WRITE ("PUT", "/v2.0/ports/{id}", kn_resource_update, &kn_port_resource),
    TAGS ("/v2.0/ports", &kn_port_resource),
    RESOURCE ("/v2.0/security-groups", &kn_group_resource),
    WRITE ("PUT", "/v2.0/security-groups/{id}", kn_resource_update, &kn_group_resource),
    TAGS ("/v2.0/security-groups", &kn_group_resource),
    RESOURCE ("/v2.0/security-group-rules", &kn_rule_resource),
    ADMIN ("GET", "/v2.0/quotas", kn_net_quota_list, 0),
    READ ("/v2.0/quotas/tenant", kn_net_quota_tenant, NULL),
    READ ("/v2.0/quotas/project", kn_net_quota_tenant, NULL),
    READ ("/v2.0/quotas/{id}", kn_net_quota_show, NULL),
    READ ("/v2.0/quotas/{id}/default", kn_net_quota_defaults, NULL),
    READ ("/v2.0/quotas/{id}/details", kn_net_quota_details, NULL),
    READ ("/v2.0/quotas/{id}/details.json", kn_net_quota_details, NULL),
    ADMIN ("PUT", "/v2.0/quotas/{id}", kn_net_quota_update, BODY),
    ADMIN ("DELETE", "/v2.0/quotas/{id}", kn_net_quota_delete, 0),
    ADMIN ("GET", "/v2.0/agents", kn_agents_list, 0),
    ADMIN ("GET", "/v2.0/agents/{id}", kn_agents_show, 0),
};

KnService *
kn_networks_service_new (KnNetworks *networks)
{
    KnService *service = g_new (KnService, 1);

    *service = (KnService){
        .type = "network",
        .name = "neutron",
        .prefix = "/network",
        .endpoint = "",
        .routes = routes,
        .n_routes = G_N_ELEMENTS (routes),
        .write_fault = kn_fault_write_network,
        .fault_status = fault_status,
        .data = networks,
    };
    return service;
}
