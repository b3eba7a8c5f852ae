/* SPDX-License-Identifier: Apache-2.0 */
/* Ports as Compute uses them: wishes, allocation, lists, release. */
#include "network/network_priv.h"

#include <string.h>

#include "base/error.h"
#include "base/fault.h"

#define TAP_ID_LEN 11
#define SERVER_OWNER "compute:nova"

void
kn_port_free (KnPort *port)
{
    if (port == NULL)
        return;
    g_free (port->id);
    g_free (port->network_id);
    g_free (port->network_name);
    g_free (port->project_id);
    g_free (port->device_id);
    g_free (port->mac);
    g_free (port->tap);
    g_free (port->bridge);
    g_ptr_array_unref (port->addresses);
    g_ptr_array_unref (port->security_groups);
    g_free (port);
}

static void
address_free (gpointer data)
{
    KnPortAddress *address = data;

    g_free (address->address);
    g_free (address->subnet_id);
    g_free (address->cidr);
    g_free (address->gateway);
    g_strfreev (address->dns);
    g_free (address);
}

/* Networks, subnets and groups that were looked up already, by id: servers share them. */
typedef struct {
    KnDb *db;
    GHashTable *objects;
} KnCache;

static void
cache_begin (KnCache *cache, KnDb *db)
{
    cache->db = db;
    cache->objects = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, kn_object_free);
}

static void
cache_end (KnCache *cache)
{
    g_hash_table_unref (cache->objects);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KnCache, cache_end)

static gconstpointer
cache_find (KnCache *cache, const KnResource *resource, const char *id, GError **error)
{
    KnObject *object = g_hash_table_lookup (cache->objects, id);
    g_autoptr (GError) local = NULL;

    if (object != NULL)
        return object;
    object = resource->find (cache->db, id, &local);
    if (object != NULL)
        g_hash_table_insert (cache->objects, g_strdup (id), object);
    else if (local != NULL)
        g_propagate_error (error, g_steal_pointer (&local));
    else
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "%s '%s' went away meanwhile", resource->title,
                      id);
    return object;
}

static bool
add_address (KnCache *cache, KnPort *port, const KnPair *pair, GError **error)
{
    const KnSubnet *subnet = cache_find (cache, &kn_subnet_resource, pair->first, error);
    KnPortAddress *address;

    if (subnet == NULL)
        return false;
    address = g_new0 (KnPortAddress, 1);
    address->address = g_strdup (pair->second);
    address->subnet_id = g_strdup (pair->first);
    address->cidr = g_strdup (subnet->cidr);
    address->gateway = g_strdup (subnet->gateway_ip);
    address->dns = g_strdupv (subnet->dns);
    address->version = (guint)subnet->ip_version;
    address->dhcp = kn_subnet_has_dhcp (subnet);
    g_ptr_array_add (port->addresses, address);
    return true;
}

static bool
add_group (KnCache *cache, KnPort *port, const char *id, GError **error)
{
    const KnSecurityGroup *group = cache_find (cache, &kn_group_resource, id, error);

    if (group == NULL)
        return false;
    g_ptr_array_add (port->security_groups, g_strdup (group->base.name));
    g_ptr_array_add (port->security_groups, g_strdup (id));
    return true;
}

/* What Compute sees of @row; NULL on error. */
static KnPort *
port_from_row (KnCache *cache, const KnPortRow *row, GError **error)
{
    const KnNet *net = cache_find (cache, &kn_net_resource, row->network_id, error);
    g_autoptr (KnPort) port = NULL;

    if (net == NULL)
        return NULL;
    port = g_new0 (KnPort, 1);
    port->addresses = g_ptr_array_new_with_free_func (address_free);
    port->security_groups = g_ptr_array_new_with_free_func (g_free);
    port->id = g_strdup (row->base.id);
    port->network_id = g_strdup (row->network_id);
    port->network_name = g_strdup (net->base.name);
    port->project_id = g_strdup (row->base.project_id);
    port->device_id = g_strdup (row->device_id);
    port->mac = g_strdup (row->mac);
    port->tap = g_strdup_printf ("tap%.*s", TAP_ID_LEN, row->base.id);
    port->bridge = kn_bridge_name (row->network_id);
    port->mtu = (guint)net->mtu;
    port->ours = row->made_for_server;
    port->active = g_strcmp0 (row->status, "ACTIVE") == 0;
    for (guint i = 0; i < row->fixed_ips->len; i++)
        if (!add_address (cache, port, g_ptr_array_index (row->fixed_ips, i), error))
            return NULL;
    for (char **id = row->security_groups; *id != NULL; id++)
        if (!add_group (cache, port, *id, error))
            return NULL;
    return g_steal_pointer (&port);
}

static GPtrArray *
ports_from_rows (KnDb *db, const GPtrArray *rows, GError **error)
{
    g_autoptr (GPtrArray) ports = g_ptr_array_new_with_free_func ((GDestroyNotify)kn_port_free);
    g_auto (KnCache) cache;

    cache_begin (&cache, db);
    for (guint i = 0; i < rows->len; i++) {
        KnPort *port = port_from_row (&cache, g_ptr_array_index (rows, i), error);

        if (port == NULL)
            return NULL;
        g_ptr_array_add (ports, port);
    }
    return g_steal_pointer (&ports);
}

typedef struct {
    const char *server_id, *project_id;
    GPtrArray *ports;
} KnListing;

static bool
list_txn (KnDb *db, gpointer data, GError **error)
{
    KnListing *listing = data;
    g_autoptr (GPtrArray) rows = kn_objects_new (), servers = g_ptr_array_new ();
    KnScope scope = { .project_id = listing->project_id, .admin = listing->project_id == NULL };

    g_clear_pointer (&listing->ports, g_ptr_array_unref);
    if (listing->server_id != NULL
            ? !kn_store_port_list_of_device (db, listing->server_id, rows, error)
            : !kn_store_port_list (db, &scope, rows, error))
        return false;
    for (guint i = 0; i < rows->len; i++)
        if (g_str_has_prefix (((KnPortRow *)rows->pdata[i])->device_owner, "compute:"))
            g_ptr_array_add (servers, rows->pdata[i]);
    listing->ports = ports_from_rows (db, servers, error);
    return listing->ports != NULL;
}

static GPtrArray *
list_ports (KnDb *db, KnListing *listing, GError **error)
{
    if (kn_db_read_txn (db, list_txn, listing, error))
        return listing->ports;
    g_clear_pointer (&listing->ports, g_ptr_array_unref);
    return NULL;
}

GPtrArray *
kn_network_list_ports (KnDb *db, const char *server_id, GError **error)
{
    return list_ports (db, &(KnListing){ .server_id = server_id }, error);
}

GPtrArray *
kn_network_list_project_ports (KnDb *db, const char *project_id, GError **error)
{
    return list_ports (db, &(KnListing){ .project_id = project_id }, error);
}

typedef struct {
    const GPtrArray *ports;
    GPtrArray *nets;
    GPtrArray *tags; /* all of theirs, borrowed from them */
} KnTimeListing;

static void
time_listing_end (KnTimeListing *listing)
{
    g_clear_pointer (&listing->tags, g_ptr_array_unref);
    g_clear_pointer (&listing->nets, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KnTimeListing, time_listing_end)

static bool
list_tags_txn (KnDb *db, gpointer data, GError **error)
{
    KnTimeListing *listing = data;

    time_listing_end (listing);
    listing->tags = g_ptr_array_new_null_terminated (4, NULL, TRUE);
    listing->nets = kn_objects_new ();
    for (guint i = 0; i < listing->ports->len; i++) {
        KnNet *net = NULL;

        if (!kn_net_load (db, &(KnScope){ .admin = true },
                          ((const KnPort *)listing->ports->pdata[i])->network_id, &net, error))
            return false;
        g_ptr_array_add (listing->nets, net);
        if (!kn_net_load_tags (db, net, error))
            return false;
        for (char **tag = net->base.tags; *tag != NULL; tag++)
            g_ptr_array_add (listing->tags, *tag);
    }
    return true;
}

char **
kn_network_list_ntp (KnNetworks *networks, KnDb *db, const GPtrArray *ports, GError **error)
{
    g_auto (KnTimeListing) listing = { .ports = ports };
    KnTimeService service;
    char **ntp;

    if (!kn_db_read_txn (db, list_tags_txn, &listing, error))
        return NULL;
    kn_time_service_read (&service, (char **)listing.tags->pdata, networks->ntp_servers);
    ntp = g_steal_pointer (&service.ntp);
    kn_time_service_clear (&service);
    return ntp != NULL ? ntp : g_new0 (char *, 1);
}

/* ---- wishes ---- */

/* Everything that one wish is checked and carried out with. */
typedef struct {
    KnDb *db;
    KnScope scope;
    const char *server_id, *host;
} KnWisher;

/* The network of @wish. In a request to Compute something that does not exist is a bad request, not an absent page. */
static bool
load_net (const KnWisher *wisher, const char *id, KnNet **out_net, GError **error)
{
    g_autoptr (GError) local = NULL;

    if (!kn_net_load (wisher->db, &wisher->scope, id, out_net, &local)) {
        if (!g_error_matches (local, KN_ERROR, KN_ERROR_NOT_FOUND)) {
            g_propagate_error (error, g_steal_pointer (&local));
            return false;
        }
        kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "NetworkNotFound",
                              "There is no network %s.", id);
        return false;
    }
    if ((*out_net)->external && !(*out_net)->shared && !wisher->scope.admin) {
        g_clear_pointer (out_net, kn_object_free);
        kn_error_public_type (error, KN_ERROR_FORBIDDEN, "ExternalNetworkAttachForbidden",
                              "Servers cannot be attached to the external network %s.", id);
        return false;
    }
    if (*(*out_net)->subnets == NULL) {
        g_clear_pointer (out_net, kn_object_free);
        kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "NetworkRequiresSubnet",
                              "Network %s has no subnet, so a server would get no address.", id);
        return false;
    }
    return true;
}

/* The network for a server that names none: the only one its project may use. *@out_net stays NULL if there is none at all. */
static bool
load_only_net (const KnWisher *wisher, KnNet **out_net, GError **error)
{
    g_autoptr (GPtrArray) nets = kn_objects_new ();
    KnScope scope = { .project_id = wisher->scope.project_id };
    KnNet *only = NULL;

    if (!kn_store_net_list (wisher->db, &scope, nets, error))
        return false;
    for (guint i = 0; i < nets->len; i++) {
        KnNet *net = g_ptr_array_index (nets, i);

        if (net->external && !net->shared && strcmp (net->base.project_id, scope.project_id) != 0)
            continue;
        if (only != NULL) {
            kn_error_public_type (error, KN_ERROR_CONFLICT, "NetworkAmbiguous",
                                  "There are several networks; the request has to name one.");
            return false;
        }
        only = net;
    }
    return only == NULL || load_net (wisher, only->base.id, out_net, error);
}

static bool
wished_net (const KnWisher *wisher, const KnPortWish *wish, KnNet **out_net, GError **error)
{
    return wish->network_id != NULL ? load_net (wisher, wish->network_id, out_net, error)
                                    : load_only_net (wisher, out_net, error);
}

/* A port that the user made: it has to be free, or with this server already. */
static bool
load_port (const KnWisher *wisher, const char *id, KnPortRow **out_port, GError **error)
{
    g_autoptr (GError) local = NULL;
    g_autoptr (KnPortRow) port = (KnPortRow *)kn_store_port_find (wisher->db, id, &local);

    if (local != NULL) {
        g_propagate_error (error, g_steal_pointer (&local));
        return false;
    }
    if (port == NULL
        || (!wisher->scope.admin
            && strcmp (port->base.project_id, wisher->scope.project_id) != 0)) {
        kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "PortNotFound", "There is no port %s.",
                              id);
        return false;
    }
    if (*port->device_id != '\0' && g_strcmp0 (port->device_id, wisher->server_id) != 0) {
        kn_error_public_type (error, KN_ERROR_CONFLICT, "PortInUse", "Port %s is in use.", id);
        return false;
    }
    *out_port = g_steal_pointer (&port);
    return true;
}

/* The ids of the groups that are wished by name or id; NULL: default. */
static bool
find_groups (const KnWisher *wisher, const char *const *wished, char ***out_ids, GError **error)
{
    g_autoptr (GPtrArray) groups = kn_objects_new ();
    g_autoptr (GPtrArray) ids = g_ptr_array_new_null_terminated (2, g_free, TRUE);
    g_autofree char *fallback
        = kn_group_ensure_default (wisher->db, wisher->scope.project_id, error);
    KnScope scope = { .project_id = wisher->scope.project_id };

    if (fallback == NULL || !kn_store_group_list (wisher->db, &scope, groups, error))
        return false;
    for (; wished != NULL && *wished != NULL; wished++) {
        const char *id = NULL;

        for (guint i = 0; i < groups->len; i++) {
            const KnObject *group = g_ptr_array_index (groups, i);

            if (strcmp (group->id, *wished) != 0 && strcmp (group->name, *wished) != 0)
                continue;
            if (id != NULL) {
                kn_error_public_type (error, KN_ERROR_CONFLICT, "NoUniqueMatch",
                                      "Several security groups are named '%s'; name the id.",
                                      *wished);
                return false;
            }
            id = group->id;
        }
        if (id == NULL) {
            kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "SecurityGroupNotFound",
                                  "There is no security group '%s' in the project.", *wished);
            return false;
        }
        if (!g_ptr_array_find_with_equal_func (ids, id, g_str_equal, NULL))
            g_ptr_array_add (ids, g_strdup (id));
    }
    if (ids->len == 0)
        g_ptr_array_add (ids, g_steal_pointer (&fallback));
    *out_ids = (char **)g_ptr_array_steal (ids, NULL);
    return true;
}

/* Fails if @wish cannot be carried out as things are now, without doing it. */
static bool
check_fixed_ip (const KnWisher *wisher, const KnNet *net, const char *text, GError **error)
{
    g_autoptr (GPtrArray) subnets = kn_objects_new ();
    KnIp ip;

    if (!kn_ip_parse (text, &ip)) {
        kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "InvalidInput",
                              "'%s' is not an IP address.", text);
        return false;
    }
    if (!kn_store_subnet_list_of (wisher->db, net->base.id, subnets, error))
        return false;
    for (guint i = 0; i < subnets->len; i++) {
        const KnSubnet *subnet = g_ptr_array_index (subnets, i);
        g_autoptr (GArray) used = g_array_new (FALSE, FALSE, sizeof (KnIp));
        KnCidr cidr;

        if (!kn_cidr_parse (subnet->cidr, &cidr, NULL) || !kn_cidr_is_host (&cidr, ip))
            continue;
        if (!kn_store_address_list (wisher->db, subnet->base.id, used, error))
            return false;
        for (guint u = 0; u < used->len; u++)
            if (kn_ip_equal (g_array_index (used, KnIp, u), ip)) {
                kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "FixedIpAlreadyInUse",
                                      "Address %s is in use on network %s.", text, net->base.id);
                return false;
            }
        return true;
    }
    kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "InvalidIpForNetwork",
                          "Address %s is in no subnet of network %s.", text, net->base.id);
    return false;
}

static bool
check_wish (const KnWisher *wisher, const KnPortWish *wish, guint *made, GError **error)
{
    g_auto (GStrv) groups = NULL;

    if (wish->port_id != NULL) {
        g_autoptr (KnPortRow) port = NULL;

        return load_port (wisher, wish->port_id, &port, error);
    }

    g_autoptr (KnNet) net = NULL;
    if (!wished_net (wisher, wish, &net, error)
        || (wish->security_groups != NULL
            && !find_groups (wisher, wish->security_groups, &groups, error)))
        return false;
    if (net == NULL)
        return true;
    (*made)++;
    return wish->fixed_ip == NULL || check_fixed_ip (wisher, net, wish->fixed_ip, error);
}

bool
kn_network_check_wishes (KnDb *db, const char *project_id, bool is_admin, const KnPortWish *wishes,
                         gsize n_wishes, GError **error)
{
    KnWisher wisher = { .db = db, .scope = { project_id, is_admin } };
    guint made = 0;

    for (gsize i = 0; i < n_wishes; i++) {
        for (gsize k = 0; k < i; k++)
            if (wishes[i].port_id != NULL
                && g_strcmp0 (wishes[i].port_id, wishes[k].port_id) == 0) {
                kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "NetworkDuplicated",
                                      "Port %s is named twice.", wishes[i].port_id);
                return false;
            }
        if (!check_wish (&wisher, &wishes[i], &made, error))
            return false;
    }
    return made == 0 || kn_net_quota_check (db, project_id, "port", made, error);
}

/* ---- allocation ---- */

static KnPortRow *
new_server_port (const KnWisher *wisher, const KnNet *net, gint64 position)
{
    KnPortRow *port = kn_object_new (&kn_port_resource);

    port->base.project_id = g_strdup (wisher->scope.project_id);
    port->network_id = g_strdup (net->base.id);
    g_free (port->device_id);
    port->device_id = g_strdup (wisher->server_id);
    g_free (port->device_owner);
    port->device_owner = g_strdup (SERVER_OWNER);
    g_free (port->host);
    port->host = g_strdup (wisher->host);
    port->position = position;
    port->made_for_server = true;
    return port;
}

static void
mark_present (KnPortRow *port, const char *attribute)
{
    const KnAttr *attr = kn_attr_find (&kn_port_resource, attribute);

    port->base.present |= G_GUINT64_CONSTANT (1) << (attr - kn_port_resource.attrs);
}

static bool
make_port (const KnWisher *wisher, const KnPortWish *wish, gint64 position, GError **error)
{
    g_autoptr (KnPortRow) port = NULL;
    g_autoptr (KnNet) net = NULL;
    char **groups = NULL;

    if (!wished_net (wisher, wish, &net, error))
        return false;
    if (net == NULL)
        return true;
    if (!kn_net_quota_check (wisher->db, wisher->scope.project_id, "port", 1, error)
        || !find_groups (wisher, wish->security_groups, &groups, error))
        return false;

    port = new_server_port (wisher, net, position);
    g_strfreev (port->security_groups);
    port->security_groups = groups;
    mark_present (port, "security_groups");
    if (wish->fixed_ip != NULL) {
        g_ptr_array_add (port->fixed_ips, kn_pair_new (NULL, wish->fixed_ip));
        mark_present (port, "fixed_ips");
    }
    return kn_port_create (wisher->db, &wisher->scope, port, error);
}

static bool
take_port (const KnWisher *wisher, const char *id, gint64 position, GError **error)
{
    g_autoptr (KnPortRow) port = NULL;

    if (!load_port (wisher, id, &port, error))
        return false;
    g_free (port->device_id);
    port->device_id = g_strdup (wisher->server_id);
    g_free (port->device_owner);
    port->device_owner = g_strdup (SERVER_OWNER);
    g_free (port->host);
    port->host = g_strdup (wisher->host);
    port->position = position;
    kn_object_stamp (&port->base);
    return kn_store_port_update (wisher->db, port, error);
}

typedef struct {
    KnWisher wisher;
    const KnPortWish *wishes;
    gsize n_wishes;
    GPtrArray *ports;
} KnAllocating;

static bool
allocate_txn (KnDb *db, gpointer data, GError **error)
{
    KnAllocating *a = data;

    g_clear_pointer (&a->ports, g_ptr_array_unref);
    if (!kn_store_net_lock (db, error))
        return false;
    a->ports = kn_network_list_ports (db, a->wisher.server_id, error);
    if (a->ports == NULL)
        return false;
    /* A repetition: the first time was through. */
    if (a->ports->len > 0)
        return true;
    for (gsize i = 0; i < a->n_wishes; i++) {
        const KnPortWish *wish = &a->wishes[i];

        if (wish->port_id != NULL ? !take_port (&a->wisher, wish->port_id, (gint64)i, error)
                                  : !make_port (&a->wisher, wish, (gint64)i, error))
            return false;
    }
    g_ptr_array_unref (a->ports);
    a->ports = kn_network_list_ports (db, a->wisher.server_id, error);
    return a->ports != NULL;
}

GPtrArray *
kn_network_allocate (KnDb *db, const char *project_id, const char *server_id, const char *host,
                     bool is_admin, const KnPortWish *wishes, gsize n_wishes, GError **error)
{
    KnAllocating allocating = {
        .wisher
        = { .db = db, .scope = { project_id, is_admin }, .server_id = server_id, .host = host },
        .wishes = wishes,
        .n_wishes = n_wishes,
    };

    if (!kn_db_txn (db, allocate_txn, &allocating, error))
        g_clear_pointer (&allocating.ports, g_ptr_array_unref);
    return allocating.ports;
}

/* ---- release ---- */

static bool
give_back (KnDb *db, KnPortRow *port, GError **error)
{
    if (port->made_for_server)
        return kn_store_tags_clear (db, port->base.id, error)
               && kn_store_port_delete (db, port->base.id, error);
    g_free (port->device_id);
    port->device_id = g_strdup ("");
    g_free (port->device_owner);
    port->device_owner = g_strdup ("");
    g_free (port->host);
    port->host = g_strdup ("");
    g_free (port->status);
    port->status = g_strdup ("DOWN");
    port->position = 0;
    kn_object_stamp (&port->base);
    return kn_store_port_update (db, port, error);
}

static bool
release_txn (KnDb *db, gpointer data, GError **error)
{
    g_autoptr (GPtrArray) rows = kn_objects_new ();

    if (!kn_store_net_lock (db, error) || !kn_store_port_list_of_device (db, data, rows, error))
        return false;
    for (guint i = 0; i < rows->len; i++) {
        KnPortRow *port = g_ptr_array_index (rows, i);

        if (g_str_has_prefix (port->device_owner, "compute:") && !give_back (db, port, error))
            return false;
    }
    return true;
}

bool
kn_network_release (KnDb *db, const char *server_id, GError **error)
{
    return kn_db_txn (db, release_txn, (gpointer)server_id, error);
}
