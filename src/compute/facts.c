/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of a server: its row, its metadata, its ports, its host. */
#include "compute/facts.h"

#include <string.h>

#include "base/time.h"
#include "compute/clock_facts.h"
#include "compute/json_table.h"
#include "compute/placement.h"
#include "virt/volume.h"

#define IMAGE_PREFIX "image_"

/* What users may say about the guest in the server's own metadata. */
static const char *const user_keys[]
    = { "os_clock_policy", "os_timezone", "os_time_after_gap", "kilonova:profile" };

char *
kn_server_disk_name (const KnServer *server)
{
    return g_strconcat (server->uuid, "_disk", NULL);
}

char *
kn_server_ephemeral_name (const KnServer *server)
{
    return g_strconcat (server->uuid, "_disk.eph0", NULL);
}

char *
kn_server_swap_name (const KnServer *server)
{
    return g_strconcat (server->uuid, "_disk.swap", NULL);
}

char *
kn_server_config_name (const KnServer *server)
{
    return g_strconcat (server->uuid, "_disk.config", NULL);
}

char *
kn_server_console_name (const KnServer *server)
{
    return g_strconcat (server->uuid, "_console.log", NULL);
}

char *
kn_server_snapshot_name (const KnServer *server)
{
    return g_strconcat (server->uuid, "_snapshot", NULL);
}

char *
kn_server_nvram_name (const KnServer *server)
{
    return g_strconcat (server->uuid, "_VARS.fd", NULL);
}

GHashTable *
kn_server_extra_specs (const KnServer *server, GError **error)
{
    return kn_json_table_parse (server->extra_specs, error);
}

GHashTable *
kn_server_properties (GHashTable *user_metadata)
{
    GHashTable *said = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

    for (guint i = 0; i < G_N_ELEMENTS (user_keys); i++) {
        const char *value = g_hash_table_lookup (user_metadata, user_keys[i]);

        if (value != NULL)
            g_hash_table_insert (said, g_strdup (user_keys[i]), g_strdup (value));
    }
    return said;
}

static const char *
keep (KnServerFacts *f, char *text)
{
    g_ptr_array_add (f->texts, text);
    return text;
}

static void
add_disk (KnServerFacts *f, KnVirtHost *host, KnGuestDiskRole role, const char *format, char *name)
{
    g_autofree char *owned = name;
    const KnGuestDisk disk = {
        .role = role,
        .path = keep (f, kn_volume_path (host, KN_POOL_INSTANCES, owned)),
        .format = format,
    };

    g_array_append_val (f->disks, disk);
}

static void
gather_disks (KnServerFacts *f, const KnServer *server, KnVirtHost *host)
{
    f->disks = g_array_new (false, false, sizeof (KnGuestDisk));
    add_disk (f, host, KN_GUEST_DISK_ROOT, "qcow2", kn_server_disk_name (server));
    if (server->ephemeral_gib > 0)
        add_disk (f, host, KN_GUEST_DISK_EPHEMERAL, "qcow2", kn_server_ephemeral_name (server));
    if (server->swap_mib > 0)
        add_disk (f, host, KN_GUEST_DISK_SWAP, "qcow2", kn_server_swap_name (server));
    if (server->config_drive != NULL && *server->config_drive != '\0')
        add_disk (f, host, KN_GUEST_DISK_CONFIG, "raw", kn_server_config_name (server));
    f->facts.disks = (const KnGuestDisk *)f->disks->data;
    f->facts.n_disks = f->disks->len;
}

static bool
gather_nics (KnServerFacts *f, KnDb *db, const KnServer *server, GError **error)
{
    f->nics = g_array_new (false, false, sizeof (KnGuestNic));
    f->ports = kn_network_list_ports (db, server->uuid, error);
    if (f->ports == NULL)
        return false;
    for (guint i = 0; i < f->ports->len; i++) {
        const KnPort *port = g_ptr_array_index (f->ports, i);
        const KnGuestNic nic = {
            .port_id = port->id,
            .network_id = port->network_id,
            .mac = port->mac,
            .bridge = port->bridge,
            .tap = port->tap,
            .mtu = port->mtu,
        };

        g_array_append_val (f->nics, nic);
    }
    f->facts.nics = (const KnGuestNic *)f->nics->data;
    f->facts.n_nics = f->nics->len;

    return true;
}

bool
kn_guest_host_load (KnVirtHost *host, KnGuestHost *out_host, GError **error)
{
    const KnVirtFacts *facts = kn_virt_host_facts (host, error);

    bool names_machines;

    if (facts == NULL)
        return false;
    /* A host that names no machine types (libvirt's test driver) takes any. */
    names_machines = facts->machines != NULL && *facts->machines != NULL;
    *out_host = (KnGuestHost){
        .arch = facts->arch,
        .virt_type = facts->virt_type,
        .cpu_vendor = facts->cpu_vendor,
        .zone = facts->zone,
        .machines = names_machines ? facts->machines : NULL,
        .hyperv = facts->hyperv,
        .default_q35 = facts->default_q35,
        .default_pc = facts->default_pc,
        .libvirt_version = facts->libvirt_version,
        .qemu_version = facts->qemu_version,
        .uefi = facts->uefi,
        .secure_boot = facts->secure_boot,
        .tpm = facts->tpm,
        .tsc_khz = facts->tsc_khz,
        .cpu_models = facts->cpu_models != NULL && *facts->cpu_models ? facts->cpu_models : NULL,
        .sev = facts->sev,
        .sev_cbit = facts->sev_cbit,
        .sev_reduced_bits = facts->sev_reduced_bits,
        .no_cpu_control = facts->no_cpu_control,
    };

    return true;
}

/* An ISO image is a CD-ROM to the guest. */
static void
mark_iso_root (KnServerFacts *f)
{
    const char *format = g_hash_table_lookup (f->image_properties, "disk_format");

    if (g_strcmp0 (format, "iso") == 0)
        g_array_index (f->disks, KnGuestDisk, 0).device = "cdrom";
}

static bool
gather_said (KnServerFacts *f, KnDb *db, const KnServer *server, GError **error)
{
    g_autoptr (GHashTable) system = kn_store_meta_load (db, KN_META_SYSTEM, server->uuid, error);
    g_autoptr (GHashTable) user = NULL;
    GHashTableIter iter;
    gpointer key, value;

    if (system == NULL)
        return false;
    user = kn_store_meta_load (db, KN_META_USER, server->uuid, error);
    if (user == NULL)
        return false;

    f->image_properties = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_iter_init (&iter, system);
    while (g_hash_table_iter_next (&iter, &key, &value))
        if (g_str_has_prefix (key, IMAGE_PREFIX))
            g_hash_table_insert (f->image_properties,
                                 g_strdup ((char *)key + strlen (IMAGE_PREFIX)), g_strdup (value));

    f->server_properties = kn_server_properties (user);
    f->facts.image_properties = f->image_properties;
    f->facts.server_properties = f->server_properties;
    f->facts.project_name = keep (f, g_strdup (g_hash_table_lookup (system, "owner_project_name")));
    f->facts.user_name = keep (f, g_strdup (g_hash_table_lookup (system, "owner_user_name")));

    return true;
}

bool
kn_server_load_identity (KnDb *db, const char *id, GHashTable **out_identity, GError **error)
{
    g_auto (KnServerPlan) plan = { 0 };

    *out_identity = NULL;
    if (!kn_store_server_load_plan (db, id, &plan, error))
        return false;
    if (plan.identity != NULL)
        *out_identity = kn_json_table_parse (plan.identity, error);

    return plan.identity == NULL || *out_identity != NULL;
}

static bool
gather_frozen (KnServerFacts *f, KnDb *db, const KnServer *server, GError **error)
{
    bool loaded = kn_server_load_identity (db, server->uuid, &f->identity, error);

    f->facts.identity = f->identity;
    return loaded;
}

static void
gather_row (KnServerFacts *f, KnCompute *compute, const KnServer *server)
{
    gint64 created_us = 0;

    (void)kn_time_parse (server->created_at, &created_us);
    f->facts.id = server->id;
    f->facts.uuid = server->uuid;
    f->facts.name = server->name;
    f->facts.hostname = server->hostname;
    f->facts.project_id = server->project_id;
    f->facts.user_id = server->user_id;
    f->facts.image_id = server->image_ref;
    f->facts.os_type = server->os_type;
    f->facts.created_us = created_us;
    f->facts.vcpus = (guint)server->vcpus;
    f->facts.memory_mib = (guint64)server->memory_mib;
    f->facts.root_gib = (guint64)server->root_gib;
    f->facts.ephemeral_gib = (guint64)server->ephemeral_gib;
    f->facts.swap_mib = (guint64)server->swap_mib;
    f->facts.flavor_name = server->flavor_name;
    f->facts.vnc_listen = kn_config_string (compute->config, "compute.vnc_listen");
    f->facts.profile = server->profile;
    f->facts.cloud_id = compute->cloud_id;
    f->facts.product_version = KN_VERSION;
}

bool
kn_server_facts_load_said (KnCompute *compute, KnDb *db, const KnServer *server,
                           KnServerFacts *out_facts, GError **error)
{
    KnServerFacts *f = out_facts;

    *f = (KnServerFacts){ .texts = g_ptr_array_new_with_free_func (g_free) };
    gather_row (f, compute, server);
    f->extra_specs = kn_server_extra_specs (server, error);
    f->facts.extra_specs = f->extra_specs;

    return f->extra_specs != NULL && gather_said (f, db, server, error)
           && kn_clock_gather (compute, db, server, f, error);
}

bool
kn_server_facts_load (KnCompute *compute, KnDb *db, const KnServer *server, KnVirtHost *host,
                      KnServerFacts *out_facts, GError **error)
{
    g_autofree char *console = kn_server_console_name (server);
    g_autofree char *nvram = kn_server_nvram_name (server);
    KnServerFacts *f = out_facts;

    if (!kn_server_facts_load_said (compute, db, server, f, error))
        return false;
    f->facts.console_log = keep (f, kn_volume_path (host, KN_POOL_INSTANCES, console));
    f->facts.nvram_path = keep (f, kn_volume_path (host, KN_POOL_INSTANCES, nvram));
    gather_disks (f, server, host);
    mark_iso_root (f);

    return gather_nics (f, db, server, error) && kn_guest_host_load (host, &f->facts.host, error)
           && kn_server_gather_cells (f, db, server, host, error)
           && gather_frozen (f, db, server, error);
}

void
kn_server_facts_clear (KnServerFacts *f)
{
    g_clear_pointer (&f->image_properties, g_hash_table_unref);
    g_clear_pointer (&f->extra_specs, g_hash_table_unref);
    g_clear_pointer (&f->server_properties, g_hash_table_unref);
    g_clear_pointer (&f->identity, g_hash_table_unref);
    g_clear_pointer (&f->ports, g_ptr_array_unref);
    g_clear_pointer (&f->nics, g_array_unref);
    g_clear_pointer (&f->disks, g_array_unref);
    g_clear_pointer (&f->texts, g_ptr_array_unref);
}

static void
take (GHashTable *metadata, const char *key, char *value)
{
    g_hash_table_insert (metadata, g_strconcat (IMAGE_PREFIX, key, NULL), value);
}

GHashTable *
kn_server_image_metadata (const KnImage *image, gint64 root_gib)
{
    GHashTable *metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    gint64 min_disk = root_gib > 0 ? root_gib : image->min_disk_gib;
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init (&iter, image->properties);
    while (g_hash_table_iter_next (&iter, &key, &value))
        take (metadata, key, g_strdup (value));
    /* A snapshot says what it once came from. */
    if (!g_hash_table_contains (metadata, IMAGE_PREFIX "base_image_ref"))
        take (metadata, "base_image_ref", g_strdup (image->id));
    take (metadata, "disk_format", g_strdup (image->disk_format));
    take (metadata, "container_format", g_strdup (image->container_format));
    take (metadata, "min_ram", g_strdup_printf ("%" G_GINT64_FORMAT, image->min_ram_mib));
    take (metadata, "min_disk", g_strdup_printf ("%" G_GINT64_FORMAT, min_disk));

    return metadata;
}
