/* SPDX-License-Identifier: Apache-2.0 */
/* The option table: parser, --help, manual page and sample file come from it. */
#include "cmd/cmd.h"

#include "base/error.h"

#include <stdio.h>

KnConfig *
kn_cmd_load_config (int *argc, char **argv)
{
    g_autoptr (GError) error = NULL;
    KnConfig *config
        = kn_config_load (kn_options, kn_n_options, KN_CONFIG_FILE, argc, argv, &error);

    if (!config)
        (void)kn_cmd_fail (error);
    return config;
}

char *
kn_cmd_database_url (const KnConfig *config)
{
    const char *url = kn_config_string (config, "db.url");

    if (*url != '\0')
        return g_strdup (url);
    return g_strdup_printf ("sqlite:%s/kilonova.db", kn_config_string (config, "data.dir"));
}

int
kn_cmd_fail (const GError *error)
{
    (void)fprintf (stderr, "kilonova: %s\n", error->message);
    return 1;
}

static const char *const log_levels[] = { "error", "warning", "info", "debug", NULL };
static const char *const virt_types[] = { "auto", "kvm", "qemu", NULL };
static const char *const network_drivers[] = { "linux", "none", NULL };
static const char *const clock_policies[]
    = { "auto", "utc", "localtime", "timezone", "guest", NULL };
static const char *const inspect_modes[] = { "off", "suggest", "auto", NULL };
static const char *const profiles[] = { "kilonova-1", "nova-26", NULL };

const KnOption kn_options[] = {
    { "data", "dir", "data", KN_OPTION_STRING, "/var/lib/kilonova",
      .help = "Folder for the database, images, keys and guests' files" },
    { "db", "url", "db", KN_OPTION_STRING, "",
      .help = "Database: sqlite:FILE or mariadb://USER:PASSWORD@HOST/NAME; empty: SQLite in the "
              "data folder" },
    { "log", "level", NULL, KN_OPTION_ENUM, "info", .choices = log_levels,
      .help = "Which lines are written to stderr" },

    { "api", "listen", "listen", KN_OPTION_STRING, "127.0.0.1:8774",
      .help = "Address and port of the API" },
    { "api", "public_url", "public-url", KN_OPTION_STRING, "",
      .help = "URL under which clients reach the API; empty: what they wrote into Host" },
    { "api", "tls_cert", NULL, KN_OPTION_STRING, "",
      .help = "PEM file with the certificate chain" },
    { "api", "tls_key", NULL, KN_OPTION_STRING, "", .help = "PEM file with the private key" },
    { "api", "threads", NULL, KN_OPTION_INT, "0", 0, 256,
      .help = "Threads that speak HTTP; 0: one a core" },
    { "api", "workers", NULL, KN_OPTION_INT, "0", 0, 1024,
      .help = "Threads for requests that may wait; 0: four a core" },
    { "api", "max_connections", NULL, KN_OPTION_INT, "10000", 16, 1000000,
      .help = "Connections at the same time" },
    { "api", "idle_timeout", NULL, KN_OPTION_INT, "75", 1, 3600, "seconds",
      .help = "How long an idle connection is kept" },

    { "identity", "admin_password_file", "admin-password-file", KN_OPTION_STRING, "",
      .help = "File with admin's password for the first start (also variable "
              "KILONOVA_ADMIN_PASSWORD); without one a random password is made" },
    { "identity", "token_lifetime", NULL, KN_OPTION_INT, "3600", 60, 604800, "seconds",
      .help = "How long a token is valid" },
    { "identity", "key_file", NULL, KN_OPTION_STRING, "",
      .help = "File with token keys; shared by all controllers; empty: in the data folder" },
    { "identity", "hash_parallel", NULL, KN_OPTION_INT, "2", 1, 64,
      .help = "Password hashes computed at a time, 19 MiB each" },
    { "identity", "region", NULL, KN_OPTION_STRING, "RegionOne", .help = "Region in the catalog" },

    { "image", "max_size", NULL, KN_OPTION_INT, "1024", 1, 65536, "GiB",
      .help = "Largest image that may be uploaded" },
    { "image", "max_properties", NULL, KN_OPTION_INT, "128", 0, 4096,
      .help = "Custom properties of one image" },

    { "image", "inspect", NULL, KN_OPTION_ENUM, "auto", .choices = inspect_modes,
      .help = "Look into uploaded disks (libguestfs): auto fills in what nobody declared, suggest "
              "only says it, off does not look" },
    { "image", "inspect_parallel", NULL, KN_OPTION_INT, "1", 1, 64,
      .help = "Disks that are looked into at a time; each takes a core and half a GiB" },
    { "image", "inspect_timeout", NULL, KN_OPTION_INT, "300", 10, 86400, "seconds",
      .help = "How long a look into one disk may take" },

    { "host", "uri", NULL, KN_OPTION_STRING, "qemu:///system",
      .help = "libvirt URI of the first host" },
    { "host", "name", NULL, KN_OPTION_STRING, "",
      .help = "Its name in the API; empty: this machine's host name" },
    { "host", "virt_type", "virt-type", KN_OPTION_ENUM, "auto", .choices = virt_types,
      .help = "Domain type; auto: kvm where the host can" },
    { "host", "instance_dir", NULL, KN_OPTION_STRING, "",
      .help = "Folder for guests' files on the host; empty: DATA/instances" },

    { "network", "driver", NULL, KN_OPTION_ENUM, "linux", .choices = network_drivers,
      .help = "What wires guests: bridges and dnsmasq on this machine, or nothing" },
    { "network", "wire_timeout", NULL, KN_OPTION_INT, "10", 1, 600, "seconds",
      .help = "How long a part of the network may stay silent before a boot fails" },
    { "network", "ntp_servers", NULL, KN_OPTION_STRING, "",
      .help = "Addresses of NTP servers, separated by commas, for guests on networks with the tag "
              "kilonova:ntp" },

    { "compute", "default_profile", NULL, KN_OPTION_ENUM, "kilonova-1", .choices = profiles,
      .help = "Rules for the hardware of new servers" },
    { "compute", "availability_zone", NULL, KN_OPTION_STRING, "nova", .help = "Zone of the hosts" },
    { "compute", "vnc_listen", NULL, KN_OPTION_STRING, "127.0.0.1",
      .help = "Address on the host for guests' screens" },
    { "compute", "stop_timeout", NULL, KN_OPTION_INT, "60", 0, 3600, "seconds",
      .help = "How long a guest may take to shut down before it is powered off" },
    { "compute", "soft_reboot_timeout", NULL, KN_OPTION_INT, "120", 0, 3600, "seconds",
      .help = "How long a soft reboot may take before it becomes a hard one" },
    { "compute", "kms_host", NULL, KN_OPTION_STRING, "",
      .help = "HOST or HOST:PORT that activates Windows guests; cloudbase-init reads it from the "
              "config drive; empty: none" },
    { "compute", "time_after_gap", NULL, KN_OPTION_BOOL, "true",
      .help = "Set a guest's clock through its agent after unpause, resume and a start from a "
              "snapshot, where os_time_after_gap does not say otherwise" },

    { "clock", "default_policy", NULL, KN_OPTION_ENUM, "auto", .choices = clock_policies,
      .help = "What the hardware clock of Windows guests holds where neither server, image, flavor "
              "nor project says it" },
    { "clock", "default_timezone", NULL, KN_OPTION_STRING, "",
      .help = "Zone of Windows guests of which nobody says it: IANA's name or Windows' own; empty: "
              "the host's" },
    { "clock", "measure_interval", NULL, KN_OPTION_INT, "300", 0, 86400, "seconds",
      .help = "How often the clocks of running guests and of hosts are measured; 0: only on "
              "request" },

    { "compute", "non_inheritable_image_properties", NULL, KN_OPTION_STRING,
      "cache_in_nova,bittorrent",
      .help = "Properties of a server's image that its snapshots do not take over; "
              "comma-separated. Signatures never are" },
    { "doctor", "audit_interval", NULL, KN_OPTION_INT, "900", 0, 86400, "seconds",
      .help = "How often all servers are audited for the count of findings in /metrics; 0: never" },

    { "jobs", "workers", NULL, KN_OPTION_INT, "8", 1, 256,
      .help = "Operations on servers that run at a time" },
    { "jobs", "keep", NULL, KN_OPTION_INT, "604800", 60, 315360000, "seconds",
      .help = "How long records of finished jobs are kept" },
    { "jobs", "shutdown_grace", NULL, KN_OPTION_INT, "20", 0, 600, "seconds",
      .help = "How long running work may take at shutdown" },
};
const gsize kn_n_options = G_N_ELEMENTS (kn_options);
