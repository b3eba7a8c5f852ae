/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the Network API that all resources share. */
#pragma once

#include "http/route.h"
#include "network/network_priv.h"

/* Reads @json into @object: only what may be set at @when (KN_A_POST or KN_A_PUT) by @admin.
 * Errors (public): BAD_REQUEST, FORBIDDEN. */
bool kn_object_read (KnObject *object, const json_t *json, guint when, bool admin, GError **error);

/* Writes the view of @object; @fields (char *, may be NULL or empty) limits it. */
void kn_object_write (KnJw *w, const KnObject *object, bool admin, const GPtrArray *fields);

/* What a list was asked for: filters, order, page. */
typedef struct KnListQuery KnListQuery;

/* Reads the query of @req for a list of @resource. Errors (public): BAD_REQUEST. */
KnListQuery *kn_list_query_read (const KnRequest *req, const KnResource *resource, GError **error);
void kn_list_query_free (KnListQuery *query);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnListQuery, kn_list_query_free)

/* Writes the page of @objects that was asked for: {"networks": [...], "networks_links": [...]}. Sorts @objects.
 * Errors (public): NOT_FOUND for an unknown marker. */
bool kn_list_write (KnRequest *req, const KnListQuery *query, const KnResource *resource,
                    GPtrArray *objects, KnJw *w, GError **error);
/* The project that filters ask for, or NULL. */
const char *kn_list_query_project (const KnListQuery *query);

/* Who asks. */
KnScope kn_scope_of (const KnRequest *req);

/* The object of @resource with @id if @scope may see it (and change it, if @change). Errors (public): NOT_FOUND, FORBIDDEN. */
KnObject *kn_resource_load (KnDb *db, const KnScope *scope, const KnResource *resource,
                            const char *id, bool change, GError **error);

/* Generic handlers; the route's data is the KnResource. */
bool kn_resource_list (KnRequest *req, GError **error);
bool kn_resource_create (KnRequest *req, GError **error);
bool kn_resource_show (KnRequest *req, GError **error);
bool kn_resource_update (KnRequest *req, GError **error);
bool kn_resource_delete (KnRequest *req, GError **error);

/* Handlers of the other files. */
bool kn_tags_list (KnRequest *req, GError **error);
bool kn_tags_replace (KnRequest *req, GError **error);
bool kn_tags_clear (KnRequest *req, GError **error);
bool kn_tag_check (KnRequest *req, GError **error);
bool kn_tag_add (KnRequest *req, GError **error);
bool kn_tag_remove (KnRequest *req, GError **error);
bool kn_net_quota_list (KnRequest *req, GError **error);
bool kn_net_quota_tenant (KnRequest *req, GError **error);
bool kn_net_quota_show (KnRequest *req, GError **error);
bool kn_net_quota_defaults (KnRequest *req, GError **error);
bool kn_net_quota_details (KnRequest *req, GError **error);
bool kn_net_quota_update (KnRequest *req, GError **error);
bool kn_net_quota_delete (KnRequest *req, GError **error);
bool kn_discovery_versions (KnRequest *req, GError **error);
bool kn_discovery_resources (KnRequest *req, GError **error);
bool kn_discovery_extensions (KnRequest *req, GError **error);
bool kn_discovery_extension (KnRequest *req, GError **error);
bool kn_agents_list (KnRequest *req, GError **error);
bool kn_agents_show (KnRequest *req, GError **error);
