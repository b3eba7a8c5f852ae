/* SPDX-License-Identifier: Apache-2.0 */
/* POST /servers: everything that can be refused is refused here; then records and jobs in one transaction. */
#include <string.h>

#include "base/error.h"
#include "base/id.h"
#include "base/util.h"
#include "compute/clock.h"
#include "compute/facts.h"
#include "compute/json_table.h"
#include "compute/keypair.h"
#include "compute/quota.h"
#include "compute/schedule.h"
#include "compute/server_api.h"
#include "compute/server_create.h"
#include "compute/server_spec.h"

#define MAX_BODY (256 * KIB)

/* All that the new servers are made of. */
typedef struct {
    KnCompute *compute;
    KnDb *db;
    KnRequest *req;
    KnServerSpec spec;
    KnFlavor *flavor;
    KnImage *image;
    KnKeypair *keypair;
    GHashTable *system_metadata;
    char *host, *extra_specs, *reservation_id, *admin_pass;
    const char *profile;
    gint64 count;
    GPtrArray *servers; /* of KnServer */
    GPtrArray *texts;
} Create;

static void
create_clear (Create *c)
{
    kn_server_spec_clear (&c->spec);
    g_clear_pointer (&c->flavor, kn_flavor_free);
    g_clear_pointer (&c->image, kn_image_free);
    g_clear_pointer (&c->keypair, kn_keypair_free);
    g_clear_pointer (&c->system_metadata, g_hash_table_unref);
    g_clear_pointer (&c->host, g_free);
    g_clear_pointer (&c->extra_specs, g_free);
    g_clear_pointer (&c->reservation_id, g_free);
    g_clear_pointer (&c->servers, g_ptr_array_unref);
    g_clear_pointer (&c->texts, g_ptr_array_unref);
    kn_secret_free (c->admin_pass);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Create, create_clear)

/* The project whose things the caller may use; an administrator may use anybody's image. */
static const char *
caller_project (const Create *c)
{
    return kn_request_auth (c->req)->project_id;
}

static bool
load_flavor (Create *c, GError **error)
{
    const char *project = kn_request_is_admin (c->req) ? NULL : caller_project (c);
    GError *local = NULL;

    c->flavor = kn_flavor_load (c->db, c->spec.flavor_id, project, &local);
    if (c->flavor == NULL)
        return kn_server_bad_reference (local, error);
    c->extra_specs = kn_json_table_format (c->flavor->extra_specs);

    return true;
}

/* The caller's roles; each contains the weaker ones. */
static char *
format_roles (KnRequest *req)
{
    static const struct {
        KnRole role;
        const char *name;
    } roles[] = { { KN_ROLE_ADMIN, "admin" },
                  { KN_ROLE_MEMBER, "member" },
                  { KN_ROLE_READER, "reader" } };
    g_autoptr (GString) text = g_string_new (NULL);

    for (gsize i = 0; i < G_N_ELEMENTS (roles); i++)
        if (kn_request_auth (req)->role >= roles[i].role)
            g_string_append_printf (text, "%s%s", text->len > 0 ? "," : "", roles[i].name);

    return g_strdup (text->str);
}

static bool
load_image (Create *c, GError **error)
{
    const char *project = kn_request_is_admin (c->req) ? NULL : caller_project (c);

    c->image = kn_server_load_image (c->db, c->spec.image_ref, project, c->flavor->memory_mib,
                                     c->flavor->root_gib, error);
    if (c->image == NULL)
        return false;
    c->system_metadata = kn_server_image_metadata (c->image, c->flavor->root_gib);
    g_hash_table_insert (c->system_metadata, g_strdup ("owner_user_name"),
                         g_strdup (kn_request_auth (c->req)->user_name));
    g_hash_table_insert (c->system_metadata, g_strdup ("owner_project_name"),
                         g_strdup (kn_request_auth (c->req)->project_name));
    g_hash_table_insert (c->system_metadata, g_strdup ("boot_roles"), format_roles (c->req));

    return true;
}

static bool
load_keypair (Create *c, GError **error)
{
    GError *local = NULL;

    if (c->spec.key_name == NULL)
        return true;
    c->keypair
        = kn_keypair_load (c->db, kn_request_auth (c->req)->user_id, c->spec.key_name, &local);

    return c->keypair != NULL || kn_server_bad_reference (local, error);
}

static bool
check_guest (Create *c, GError **error)
{
    const KnFlavor *flavor = c->flavor;
    g_autoptr (KnVirtHost) host = kn_virt_find_host (c->compute->virt, c->host);

    c->profile = kn_server_choose_profile (
        c->spec.metadata, flavor->extra_specs, c->image->properties,
        kn_config_string (c->compute->config, "compute.default_profile"));

    return kn_server_check_guest (
        &(KnServerWish){
            .name = c->spec.name,
            .profile = c->profile,
            .flavor_name = flavor->name,
            .vcpus = flavor->vcpus,
            .memory_mib = flavor->memory_mib,
            .root_gib = flavor->root_gib,
            .ephemeral_gib = flavor->ephemeral_gib,
            .swap_mib = flavor->swap_mib,
            .system_metadata = c->system_metadata,
            .extra_specs = flavor->extra_specs,
            .user_metadata = c->spec.metadata,
            .host = host,
        },
        error);
}

static bool
choose_host (Create *c, GError **error)
{
    if (c->spec.zone_name != NULL && strcmp (c->spec.zone_name, c->compute->zone) != 0) {
        kn_error_public (error, KN_ERROR_BAD_REQUEST,
                         "The requested availability zone is not available");
        return false;
    }
    if (c->spec.zone_host != NULL && !kn_request_is_admin (c->req)) {
        kn_error_public (error, KN_ERROR_FORBIDDEN,
                         "Only administrators may name the host of a server.");
        return false;
    }
    c->host = kn_schedule_host (c->compute, c->db, c->spec.zone_host, error);

    return c->host != NULL;
}

/* As many as the quota allows, but at least min_count. */
static bool
choose_count (Create *c, GError **error)
{
    const KnFlavor *flavor = c->flavor;
    GError *local = NULL;

    for (c->count = c->spec.max_count;; c->count--) {
        if (kn_quota_check_servers (c->db, caller_project (c), c->count, c->count * flavor->vcpus,
                                    c->count * flavor->memory_mib, &local))
            return true;
        if (c->count == c->spec.min_count
            || !g_error_matches (local, KN_ERROR, KN_ERROR_OVER_QUOTA)) {
            g_propagate_error (error, local);
            return false;
        }
        g_clear_error (&local);
    }
}

static bool
check_networks (Create *c, GError **error)
{
    GError *local = NULL;

    return kn_network_check_wishes (c->db, caller_project (c), kn_request_is_admin (c->req),
                                    c->spec.wishes, c->spec.n_wishes, &local)
           || kn_server_bad_reference (local, error);
}

static const char *
keep (Create *c, char *text)
{
    g_ptr_array_add (c->texts, text);
    return text;
}

static KnServer *
new_server (Create *c, gint64 index)
{
    const KnServerSpec *spec = &c->spec;
    const KnFlavor *flavor = c->flavor;
    const KnAuth *auth = kn_request_auth (c->req);
    KnServer *s = g_new0 (KnServer, 1);

    s->uuid = keep (c, kn_id_uuid ());
    s->name = c->spec.max_count > 1
                  ? keep (c, g_strdup_printf ("%s-%" G_GINT64_FORMAT, spec->name, index + 1))
                  : spec->name;
    s->hostname = keep (c, kn_server_hostname (s->name, s->uuid));
    s->description = s->name;
    s->project_id = auth->project_id;
    s->user_id = auth->user_id;
    s->image_ref = c->image->id;
    s->key_name = c->keypair != NULL ? c->keypair->name : NULL;
    s->key_data = c->keypair != NULL ? c->keypair->public_key : NULL;
    s->key_type = c->keypair != NULL ? c->keypair->type : NULL;
    s->user_data = spec->user_data;
    s->host = s->node = c->host;
    s->zone = c->compute->zone;
    s->os_type = g_hash_table_lookup (c->image->properties, "os_type");
    s->root_device = "/dev/vda";
    s->config_drive = spec->config_drive ? "True" : "";
    s->reservation_id = c->reservation_id;
    s->access_ip_v4 = spec->address_v4;
    s->access_ip_v6 = spec->address_v6;
    s->created_at = keep (c, kn_db_now ());
    s->auto_disk_config = spec->disk_config != 0;
    s->launch_index = index;
    s->vcpus = flavor->vcpus;
    s->memory_mib = flavor->memory_mib;
    s->root_gib = flavor->root_gib;
    s->ephemeral_gib = flavor->ephemeral_gib;
    s->swap_mib = flavor->swap_mib;
    s->flavor_row = flavor->id;
    s->flavor_id = flavor->flavor_id;
    s->flavor_name = flavor->name;
    s->extra_specs = c->extra_specs;
    s->admin_pass = c->admin_pass;
    s->profile = c->profile;
    s->vm = KN_VM_BUILDING;
    s->task = KN_TASK_SCHEDULING;

    return s;
}

static bool
insert_server (Create *c, KnDb *db, KnServer *s, GError **error)
{
    const KnAuth *auth = kn_request_auth (c->req);
    g_autoptr (GPtrArray) ports = NULL;

    if (!kn_store_server_insert (db, s, error)
        || !kn_store_meta_insert_all (db, KN_META_SYSTEM, s->uuid, c->system_metadata, error)
        || !kn_store_meta_insert_all (db, KN_META_USER, s->uuid, c->spec.metadata, error)
        || !kn_server_clock_from_image (db, s->uuid, c->system_metadata, error)
        || !kn_store_root_disk_set (db, s, error)
        || !kn_image_use_add (db, s->image_ref, s->uuid, error))
        return false;
    ports = kn_network_allocate (db, s->project_id, s->uuid, c->host, kn_request_is_admin (c->req),
                                 c->spec.wishes, c->spec.n_wishes, error);

    return ports != NULL
           && kn_history_begin (db, s, KN_ACT_CREATE, kn_request_id (c->req), auth->user_id, error)
           && kn_jobs_enqueue (db, kn_act_rule (KN_ACT_CREATE)->job, s->uuid, NULL, 1,
                               kn_request_id (c->req), NULL, error);
}

static bool
create_txn (KnDb *db, gpointer data, GError **error)
{
    Create *c = data;

    g_ptr_array_set_size (c->servers, 0);
    if (!kn_quota_check_servers (db, caller_project (c), c->count, c->count * c->flavor->vcpus,
                                 c->count * c->flavor->memory_mib, error))
        return false;
    for (gint64 i = 0; i < c->count; i++) {
        KnServer *server = new_server (c, i);

        g_ptr_array_add (c->servers, server);
        if (!insert_server (c, db, server, error))
            return false;
    }

    return true;
}

static char *
new_reservation (void)
{
    g_autofree char *hex = kn_id_hex32 ();

    return g_strdup_printf ("r-%.8s", hex);
}

static void
write_groups (KnJw *w, const KnServerSpec *spec)
{
    static const char *const fallback[] = { "default", NULL };
    const char *const *names = spec->group_names[0] != NULL ? spec->group_names : fallback;

    kn_jw_array_member (w, "security_groups");
    for (; *names != NULL; names++) {
        kn_jw_object (w);
        kn_jw_string_member (w, "name", *names);
        kn_jw_end (w);
    }
    kn_jw_end (w);
}

static void
reply_created (Create *c)
{
    const KnServer *first = g_ptr_array_index (c->servers, 0);
    const char *base_url = kn_request_base_url (c->req);
    g_autofree char *location = g_strdup_printf ("%s/v2.1/servers/%s", base_url, first->uuid);
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    if (c->spec.return_reservation) {
        kn_jw_string_member (w, "reservation_id", c->reservation_id);
    } else {
        kn_jw_object_member (w, "server");
        kn_jw_string_member (w, "id", first->uuid);
        kn_server_write_links (w, base_url, first->uuid);
        kn_jw_string_member (w, "OS-DCF:diskConfig",
                             kn_server_disk_configs[first->auto_disk_config ? 1 : 0]);
        write_groups (w, &c->spec);
        kn_jw_string_member (w, "adminPass", c->admin_pass);
        kn_jw_end (w);
        kn_request_add_header (c->req, "Location", location);
    }
    kn_jw_end (w);
    kn_request_reply_json (c->req, 202, w);
}

static bool
server_create (KnRequest *req, GError **error)
{
    g_auto (Create) c = { .compute = kn_compute_of (req), .req = req };
    const json_t *body = kn_request_json (req, error);

    if (body == NULL || !kn_server_spec_read (body, &c.spec, error))
        return false;
    c.db = kn_compute_db (c.compute, error);
    if (c.db == NULL || !load_flavor (&c, error) || !load_image (&c, error)
        || !load_keypair (&c, error)
        || !kn_server_check_metadata_count (c.db, caller_project (&c),
                                            g_hash_table_size (c.spec.metadata), error)
        || !choose_host (&c, error) || !check_guest (&c, error) || !choose_count (&c, error)
        || !check_networks (&c, error))
        return false;

    c.servers = g_ptr_array_new_with_free_func (g_free);
    c.texts = g_ptr_array_new_with_free_func (g_free);
    c.reservation_id = new_reservation ();
    c.admin_pass = c.spec.admin_pass != NULL && *c.spec.admin_pass != '\0'
                       ? g_strdup (c.spec.admin_pass)
                       : kn_server_new_password ();
    if (!kn_db_txn (c.db, create_txn, &c, error))
        return false;
    kn_jobs_wake (c.compute->jobs);
    reply_created (&c);

    return true;
}

static const KnRoute routes[] = {
    { "POST", "/v2.1/servers", server_create, .role = KN_ROLE_MEMBER, .run = KN_WORKER,
      .max_body = MAX_BODY },
};

void
kn_server_create_add_routes (GArray *all)
{
    g_array_append_vals (all, routes, G_N_ELEMENTS (routes));
}
