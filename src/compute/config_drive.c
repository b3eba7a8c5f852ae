/* SPDX-License-Identifier: Apache-2.0 */
/* The config drive, written by libarchive. */
#include "compute/config_drive.h"

#include <errno.h>
#include <archive.h>
#include <archive_entry.h>
#include <sodium.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "json/write.h"
#include "network/network.h"

#define SEED_BYTES 512

/* ECMA-119, 8.4: the primary volume descriptor and the volume identifier in it. */
#define SECTOR 2048
#define PRIMARY_DESCRIPTOR (16 * SECTOR)
#define LABEL_OFFSET 40
#define LABEL_LEN 32

/* Guests look for a version that they know; all of them read the same files. */
static const char *const versions[] = { "2012-08-10", "2018-08-27", "2020-10-14", "latest" };

bool
kn_config_drive_check_kms_host (const char *text, GError **error)
{
    const char *colon = strchr (text, ':');
    gsize host_len = colon != NULL ? (gsize)(colon - text) : strlen (text);
    gsize fits = strspn (text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ".-_");
    gint64 port;

    if (fits == host_len && (colon == NULL || host_len > 0)
        && (colon == NULL || kn_parse_int (colon + 1, 1, G_MAXUINT16, &port)))
        return true;
    kn_error_set (error, KN_ERROR_BAD_REQUEST,
                  "option [compute] kms_host: '%s' is not HOST or HOST:PORT", text);
    return false;
}

static void
write_keys (KnJw *w, const KnConfigDrive *d)
{
    kn_jw_object_member (w, "public_keys");
    if (d->public_key != NULL)
        kn_jw_string_member (w, d->key_name, d->public_key);
    kn_jw_end (w);
    kn_jw_array_member (w, "keys");
    if (d->public_key != NULL) {
        kn_jw_object (w);
        kn_jw_string_member (w, "name", d->key_name);
        kn_jw_string_member (w, "type", d->key_type != NULL ? d->key_type : "ssh");
        kn_jw_string_member (w, "data", d->public_key);
        kn_jw_end (w);
    }
    kn_jw_end (w);
}

static void
write_seed (KnJw *w)
{
    guchar seed[SEED_BYTES];
    g_autofree char *text = NULL;

    randombytes_buf (seed, sizeof seed);
    text = g_base64_encode (seed, sizeof seed);
    kn_jw_string_member (w, "random_seed", text);
}

char *
kn_config_drive_format_metadata (const KnConfigDrive *d)
{
    g_autoptr (KnJw) w = kn_jw_new ();
    GHashTableIter iter;
    gpointer key, value;

    kn_jw_object (w);
    kn_jw_string_member (w, "uuid", d->uuid);
    kn_jw_string_member (w, "name", d->name);
    kn_jw_string_member (w, "hostname", d->hostname);
    kn_jw_int_member (w, "launch_index", d->launch_index);
    kn_jw_string_member (w, "availability_zone", d->zone);
    kn_jw_string_member (w, "project_id", d->project_id);
    if (d->admin_pass != NULL)
        kn_jw_string_member (w, "admin_pass", d->admin_pass);
    /* cloudbase-init, get_kms_host: "kms_host" in "meta", which is the user's, goes before this one. */
    if (d->kms_host != NULL)
        kn_jw_string_member (w, "kms_host", d->kms_host);
    kn_jw_object_member (w, "meta");
    if (d->metadata != NULL) {
        g_hash_table_iter_init (&iter, d->metadata);
        while (g_hash_table_iter_next (&iter, &key, &value))
            kn_jw_string_member (w, key, value);
    }
    kn_jw_end (w);
    write_keys (w, d);
    kn_jw_array_member (w, "devices");
    kn_jw_end (w);
    write_seed (w);
    kn_jw_end (w);

    return kn_jw_finish (w, NULL);
}

static void
write_resolvers (KnJw *w, char *const *dns)
{
    for (char *const *server = dns; server != NULL && *server != NULL; server++) {
        kn_jw_object (w);
        kn_jw_string_member (w, "type", "dns");
        kn_jw_string_member (w, "address", *server);
        kn_jw_end (w);
    }
}

static void
write_route (KnJw *w, const KnPortAddress *address)
{
    if (address->gateway == NULL)
        return;
    kn_jw_object (w);
    kn_jw_string_member (w, "network", address->version == 6 ? "::" : "0.0.0.0");
    kn_jw_string_member (w, "netmask", address->version == 6 ? "::" : "0.0.0.0");
    kn_jw_string_member (w, "gateway", address->gateway);
    kn_jw_end (w);
}

/* The mask of "10.0.0.0/24": dotted for IPv4, all ones in hex groups for IPv6. Caller frees. */
static char *
format_netmask (const char *cidr, guint version)
{
    const char *slash = strchr (cidr, '/');
    guint bits = slash != NULL ? (guint)g_ascii_strtoull (slash + 1, NULL, 10) : 0;
    GString *text = g_string_new (NULL);

    if (version == 4) {
        guint32 mask = bits == 0 ? 0 : 0xffffffffu << (32 - MIN (bits, 32));

        g_string_printf (text, "%u.%u.%u.%u", mask >> 24, (mask >> 16) & 255, (mask >> 8) & 255,
                         mask & 255);
        return g_string_free (text, false);
    }
    for (guint i = 0; i < 8; i++) {
        guint left = bits > i * 16 ? MIN (bits - i * 16, 16) : 0;

        g_string_append_printf (text, "%s%x", i > 0 ? ":" : "",
                                left == 0 ? 0 : (0xffffu << (16 - left)) & 0xffffu);
    }
    return g_string_free (text, false);
}

static void
write_static (KnJw *w, const KnPortAddress *address)
{
    g_autofree char *netmask = format_netmask (address->cidr, address->version);

    kn_jw_string_member (w, "ip_address", address->address);
    kn_jw_string_member (w, "netmask", netmask);
    kn_jw_array_member (w, "routes");
    write_route (w, address);
    kn_jw_end (w);
    kn_jw_array_member (w, "services");
    write_resolvers (w, address->dns);
    kn_jw_end (w);
}

static void
write_networks (KnJw *w, const GPtrArray *ports)
{
    guint n = 0;

    for (guint i = 0; i < ports->len; i++) {
        const KnPort *port = g_ptr_array_index (ports, i);

        for (guint k = 0; k < port->addresses->len; k++) {
            const KnPortAddress *address = g_ptr_array_index (port->addresses, k);
            bool dhcp = address->dhcp && address->version == 4;

            kn_jw_object (w);
            kn_jw_format_member (w, "id", "network%u", n++);
            kn_jw_format_member (w, "type", "ipv%u%s", address->version, dhcp ? "_dhcp" : "");
            kn_jw_string_member (w, "link", port->tap);
            kn_jw_string_member (w, "network_id", port->network_id);
            if (!dhcp)
                write_static (w, address);
            kn_jw_end (w);
        }
    }
}

char *
kn_config_drive_format_network (const KnConfigDrive *d)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_array_member (w, "links");
    for (guint i = 0; i < d->ports->len; i++) {
        const KnPort *port = g_ptr_array_index (d->ports, i);

        kn_jw_object (w);
        kn_jw_string_member (w, "id", port->tap);
        kn_jw_string_member (w, "vif_id", port->id);
        kn_jw_string_member (w, "type", "bridge");
        if (port->mtu > 0)
            kn_jw_int_member (w, "mtu", port->mtu);
        else
            kn_jw_null_member (w, "mtu");
        kn_jw_string_member (w, "ethernet_mac_address", port->mac);
        kn_jw_end (w);
    }
    kn_jw_end (w);
    kn_jw_array_member (w, "networks");
    write_networks (w, d->ports);
    kn_jw_end (w);
    kn_jw_array_member (w, "services");
    for (guint i = 0; i < d->ports->len; i++) {
        const KnPort *port = g_ptr_array_index (d->ports, i);

        for (guint k = 0; k < port->addresses->len; k++)
            write_resolvers (w,
                             ((const KnPortAddress *)g_ptr_array_index (port->addresses, k))->dns);
    }
    kn_jw_end (w);
    kn_jw_end (w);

    return kn_jw_finish (w, NULL);
}

/* cloud-init takes the text below its own name as if it stood in user data (its documentation, "Vendor-data"); what the user says
 * goes before it. The plain members are for guests' own programs: cloudbase-init reads no vendor data. */
static void
write_ntp (KnJw *w, char *const *ntp)
{
    g_autoptr (GString) text = g_string_new ("#cloud-config\nntp:\n  servers:\n");

    for (char *const *address = ntp; *address != NULL; address++)
        g_string_append_printf (text, "    - '%s'\n", *address);
    kn_jw_string_member (w, "cloud-init", text->str);
    kn_jw_array_member (w, "ntp");
    for (char *const *address = ntp; *address != NULL; address++)
        kn_jw_string (w, *address);
    kn_jw_end (w);
}

char *
kn_config_drive_format_vendor (const KnConfigDrive *d)
{
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    if (d->ntp != NULL && *d->ntp != NULL)
        write_ntp (w, d->ntp);
    if (d->kms_host != NULL)
        kn_jw_string_member (w, "kms_host", d->kms_host);
    kn_jw_end (w);

    return kn_jw_finish (w, NULL);
}

typedef struct {
    const char *name;
    const void *bytes;
    gsize len;
} File;

static bool
set_archive_error (struct archive *iso, GError **error)
{
    const char *why = archive_error_string (iso);

    kn_error_set (error, archive_errno (iso) == ENOSPC ? KN_ERROR_NO_SPACE : KN_ERROR_INTERNAL,
                  "cannot write the config drive: %s", why != NULL ? why : "no reason given");
    return false;
}

static bool
add_file (struct archive *iso, const char *version, const File *file, GError **error)
{
    g_autofree char *path = g_strdup_printf ("openstack/%s/%s", version, file->name);
    struct archive_entry *entry = archive_entry_new ();
    bool ok;

    archive_entry_set_pathname (entry, path);
    archive_entry_set_size (entry, (gint64)file->len);
    archive_entry_set_filetype (entry, AE_IFREG);
    archive_entry_set_perm (entry, 0444);
    archive_entry_set_mtime (entry, g_get_real_time () / G_USEC_PER_SEC, 0);
    ok = archive_write_header (iso, entry) == ARCHIVE_OK
         && archive_write_data (iso, file->bytes, file->len) == (la_ssize_t)file->len;
    archive_entry_free (entry);

    return ok || set_archive_error (iso, error);
}

static la_ssize_t
append_bytes (struct archive *iso, void *data, const void *bytes, size_t len)
{
    g_byte_array_append (data, bytes, (guint)len);
    return (la_ssize_t)len;
}

/* libarchive spells the label CONFIG_2 in the primary descriptor, as the letter of the standard wants it; guests look for what
 * everybody else writes there. */
static void
write_label (GByteArray *image)
{
    char label[LABEL_LEN + 1];

    g_snprintf (label, sizeof label, "%-*s", LABEL_LEN, "config-2");
    memcpy (image->data + PRIMARY_DESCRIPTOR + LABEL_OFFSET, label, LABEL_LEN);
}

static bool
write_image (struct archive *iso, const File *files, gsize n_files, GByteArray *out, GError **error)
{
    if (archive_write_set_format_iso9660 (iso) != ARCHIVE_OK
        || archive_write_set_options (iso,
                                      "volume-id=config-2,publisher=kilonova,joliet,rockridge,!pad")
               != ARCHIVE_OK
        || archive_write_set_bytes_per_block (iso, 0) != ARCHIVE_OK
        || archive_write_open (iso, out, NULL, append_bytes, NULL) != ARCHIVE_OK)
        return set_archive_error (iso, error);
    for (gsize v = 0; v < G_N_ELEMENTS (versions); v++)
        for (gsize i = 0; i < n_files; i++)
            if (!add_file (iso, versions[v], &files[i], error))
                return false;

    if (archive_write_close (iso) != ARCHIVE_OK)
        return set_archive_error (iso, error);
    if (out->len > PRIMARY_DESCRIPTOR + SECTOR)
        write_label (out);

    return true;
}

GBytes *
kn_config_drive_new (const KnConfigDrive *drive, GError **error)
{
    g_autofree char *metadata = kn_config_drive_format_metadata (drive);
    g_autofree char *network = kn_config_drive_format_network (drive);
    g_autofree char *vendor = kn_config_drive_format_vendor (drive);
    gsize user_len = 0;
    g_autofree guchar *user
        = drive->user_data != NULL ? g_base64_decode (drive->user_data, &user_len) : NULL;
    const File files[] = {
        { "meta_data.json", metadata, strlen (metadata) },
        { "network_data.json", network, strlen (network) },
        { "vendor_data.json", vendor, strlen (vendor) },
        { "vendor_data2.json", "{}", 2 },
        { "user_data", user, user_len },
    };
    struct archive *iso = archive_write_new ();
    GByteArray *out = g_byte_array_new ();
    bool ok = write_image (iso, files, G_N_ELEMENTS (files) - (user == NULL ? 1 : 0), out, error);

    archive_write_free (iso);
    if (!ok) {
        g_byte_array_unref (out);
        return NULL;
    }

    return g_byte_array_free_to_bytes (out);
}
