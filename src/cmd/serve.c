/* SPDX-License-Identifier: Apache-2.0 */
/* kilonova serve: makes the parts, connects them, starts them, and takes them down in reverse. */
#include "base/error.h"
#include "base/id.h"
#include "base/log.h"
#include "base/util.h"
#include "cmd/cloud.h"
#include "cmd/cmd.h"
#include "cmd/data_folder.h"
#include "cmd/notify.h"
#include "cmd/ops_service.h"
#include "compute/clock_facts.h"
#include "compute/compute.h"
#include "http/server.h"
#include "identity/identity.h"

#include <malloc.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_SERVICES 8

/* Everything that one process runs. Freed in reverse order of making. */
typedef struct {
    KnConfig *config;
    KnDataFolder *folder;
    KnDbPool *db;
    char *cloud_id;
    KnVirt *virt;
    KnJobs *jobs;
    KnImages *images;
    KnNetworks *networks;
    KnIdentity *identity;
    KnCompute *compute;
    KnOps *ops;
    KnHttp *http;
    GThread *recovery;
    int stopping;
    char *host_name, *owner;
    const KnService *catalog[MAX_SERVICES + 1];
    const KnService *services[MAX_SERVICES + 1];
    gsize n_services;
} KnController;

static void
kn_controller_free (KnController *c)
{
    kn_http_free (c->http);
    kn_ops_free (c->ops);
    kn_jobs_free (c->jobs);
    kn_virt_free (c->virt);
    kn_compute_free (c->compute);
    kn_identity_free (c->identity);
    kn_networks_free (c->networks);
    kn_images_free (c->images);
    kn_db_pool_close (c->db);
    kn_data_folder_close (c->folder);
    kn_config_free (c->config);
    g_free (c->cloud_id);
    g_free (c->host_name);
    g_free (c->owner);
    g_free (c);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnController, kn_controller_free)

static bool
open_state (KnController *c, GError **error)
{
    g_autofree char *url = kn_cmd_database_url (c->config);
    g_autofree char *backups = NULL;

    c->folder = kn_data_folder_open (kn_config_string (c->config, "data.dir"), error);
    if (!c->folder)
        return false;

    backups = kn_data_folder_ensure_dir (c->folder, "backups", 0700, error);
    if (!backups)
        return false;

    c->db = kn_db_pool_open (url, backups, error);
    if (!c->db)
        return false;

    c->cloud_id = kn_cloud_load_id (c->db, error);
    return c->cloud_id != NULL;
}

static bool
make_identity (KnController *c, GError **error)
{
    const char *configured = kn_config_string (c->config, "identity.key_file");
    g_autofree char *key_file = *configured != '\0' ? g_strdup (configured)
                                                    : kn_data_folder_file (c->folder, "token-keys");

    c->identity = kn_identity_new (
        &(KnIdentityOptions){
            .db = c->db,
            .key_file = key_file,
            .token_lifetime_s = (guint)kn_config_int (c->config, "identity.token_lifetime"),
            .hash_parallel = (guint)kn_config_int (c->config, "identity.hash_parallel"),
            .catalog = c->catalog,
            .region = kn_config_string (c->config, "identity.region"),
        },
        error);
    return c->identity != NULL;
}

static bool
make_images (KnController *c, GError **error)
{
    g_autofree char *dir = kn_data_folder_ensure_dir (c->folder, "images", 0755, error);

    if (!dir)
        return false;
    c->images = kn_images_new (
        &(KnImagesOptions){
            .db = c->db,
            .dir = dir,
            .max_size = (guint64)kn_config_int (c->config, "image.max_size") * GIB,
            .max_properties = (guint)kn_config_int (c->config, "image.max_properties"),
        },
        error);
    return c->images != NULL;
}

static bool
make_networks (KnController *c, GError **error)
{
    g_autofree char *dir = kn_data_folder_ensure_dir (c->folder, "networks", 0755, error);

    if (!dir)
        return false;
    c->networks = kn_networks_new (
        &(KnNetworksOptions){
            .db = c->db,
            .cloud_id = c->cloud_id,
            .state_dir = dir,
            .driver = kn_config_string (c->config, "network.driver"),
            .host = c->host_name,
            .ntp_servers = kn_config_string (c->config, "network.ntp_servers"),
            .wire_timeout_ms = (guint)kn_config_int (c->config, "network.wire_timeout") * 1000,
        },
        error);
    return c->networks != NULL;
}

static bool
make_jobs (KnController *c, GError **error)
{
    static const char *const modes[] = {
        [KN_IMAGE_INSPECT_OFF] = "off",
        [KN_IMAGE_INSPECT_SUGGEST] = "suggest",
        [KN_IMAGE_INSPECT_AUTO] = "auto",
    };
    g_autofree char *cache = kn_data_folder_ensure_dir (c->folder, "appliance", 0700, error);
    KnImagesInspection inspection
        = { .timeout_s = (guint)kn_config_int (c->config, "image.inspect_timeout"),
            .parallel = (guint)kn_config_int (c->config, "image.inspect_parallel"),
            .cache_dir = cache };

    if (!cache)
        return false;
    while (strcmp (modes[inspection.mode], kn_config_string (c->config, "image.inspect")) != 0)
        inspection.mode++;
    c->jobs = kn_jobs_new (c->db, c->owner, (guint)kn_config_int (c->config, "jobs.workers"));
    kn_jobs_set_keep (c->jobs, (guint)kn_config_int (c->config, "jobs.keep"));
    kn_images_set_inspection (c->images, c->jobs, &inspection);
    return true;
}

static bool
make_compute (KnController *c, GError **error)
{
    c->virt = kn_virt_new (c->cloud_id);
    if (!kn_clock_check_options (c->config, error))
        return false;
    c->compute = kn_compute_new (
        &(KnComputeOptions){
            .db = c->db,
            .jobs = c->jobs,
            .virt = c->virt,
            .images = c->images,
            .networks = c->networks,
            .config = c->config,
            .cloud_id = c->cloud_id,
            .find_project_property = kn_identity_find_project_property,
        },
        error);
    if (!c->compute)
        return false;

    KnVirtEvents events = kn_compute_virt_events (c->compute);
    kn_virt_set_events (c->virt, &events);
    kn_compute_register_jobs (c->compute);
    return true;
}

/* The catalog's services, then the operators' one, which has no place in the catalog. */
static void
list_services (KnController *c)
{
    const KnService *services[] = {
        kn_identity_service (c->identity),
        kn_images_service (c->images),
        kn_compute_service (c->compute),
        kn_networks_service (c->networks),
    };

    G_STATIC_ASSERT (G_N_ELEMENTS (services) < MAX_SERVICES);
    for (gsize i = 0; i < G_N_ELEMENTS (services); i++)
        c->catalog[i] = c->services[i] = services[i];
    c->n_services = G_N_ELEMENTS (services);
    c->ops = kn_ops_new (c->catalog);
    c->services[c->n_services++] = kn_ops_service (c->ops);
}

static bool
make_parts (KnController *c, GError **error)
{
    const char *name = kn_config_string (c->config, "host.name");
    g_autofree char *random = kn_id_hex32 ();

    c->host_name = g_strdup (*name != '\0' ? name : g_get_host_name ());
    c->owner = g_strdup_printf ("%s:%d:%.8s", c->host_name, (int)getpid (), random);
    if (!open_state (c, error) || !make_identity (c, error) || !make_images (c, error)
        || !make_networks (c, error) || !make_jobs (c, error) || !make_compute (c, error))
        return false;
    list_services (c);
    return true;
}

static const char *
string_or_null (const KnConfig *config, const char *name)
{
    const char *value = kn_config_string (config, name);

    return *value != '\0' ? value : NULL;
}

static bool
start_http (KnController *c, GError **error)
{
    c->http = kn_http_start (
        &(KnHttpOptions){
            .listen = kn_config_string (c->config, "api.listen"),
            .public_url = string_or_null (c->config, "api.public_url"),
            .tls_cert = string_or_null (c->config, "api.tls_cert"),
            .tls_key = string_or_null (c->config, "api.tls_key"),
            .threads = (guint)kn_config_int (c->config, "api.threads"),
            .workers = (guint)kn_config_int (c->config, "api.workers"),
            .heavy = (guint)kn_config_int (c->config, "identity.hash_parallel"),
            .max_connections = (guint)kn_config_int (c->config, "api.max_connections"),
            .idle_timeout_s = (guint)kn_config_int (c->config, "api.idle_timeout"),
            .auth = kn_identity_auth_ops (c->identity),
            .services = c->services,
            .n_services = c->n_services,
        },
        error);
    return c->http != NULL;
}

/* The URL for people on this machine: --public-url, otherwise the bound address; a wildcard address is spelled as loopback. */
static char *
dup_local_url (const KnController *c)
{
    const char *public_url = string_or_null (c->config, "api.public_url");
    const char *listen = kn_config_string (c->config, "api.listen");
    const char *scheme = string_or_null (c->config, "api.tls_cert") ? "https" : "http";
    const char *colon = strrchr (listen, ':');
    g_autofree char *host = g_strndup (listen, colon ? (gsize)(colon - listen) : strlen (listen));

    if (public_url)
        return g_strdup (public_url);
    if (strcmp (host, "0.0.0.0") == 0 || strcmp (host, "[::]") == 0 || *host == '\0')
        return g_strdup_printf ("%s://127.0.0.1:%u", scheme, kn_http_port (c->http));
    return g_strdup_printf ("%s://%s:%u", scheme, host, kn_http_port (c->http));
}

/* The password for admin: from the variable, the file, or made up. */
static char *
dup_admin_password (const KnController *c, GError **error)
{
    const char *variable = g_getenv ("KILONOVA_ADMIN_PASSWORD");
    const char *path = kn_config_string (c->config, "identity.admin_password_file");
    guint8 random[18];
    char text[sodium_base64_ENCODED_LEN (sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];

    if (variable && *variable != '\0')
        return g_strdup (variable);
    if (*path != '\0') {
        char *password = kn_file_read (path, 4 * KIB, NULL, error);

        return password ? g_strchomp (password) : NULL;
    }
    randombytes_buf (random, sizeof random);
    return g_strdup (sodium_bin2base64 (text, sizeof text, random, sizeof random,
                                        sodium_base64_VARIANT_URLSAFE_NO_PADDING));
}

static bool
bootstrap (KnController *c, GError **error)
{
    kn_autosecret password = dup_admin_password (c, error);
    g_autofree char *local_url = NULL, *auth_url = NULL;
    bool created;

    if (!password || !kn_identity_bootstrap (c->identity, password, &created, error)
        || !kn_compute_bootstrap (c->compute, error))
        return false;
    if (!created)
        return true;
    local_url = dup_local_url (c);
    auth_url = g_strconcat (local_url, "/identity/v3", NULL);
    return kn_data_folder_write_credentials (
        c->folder, auth_url, kn_config_string (c->config, "identity.region"), password, error);
}

static bool
add_host (KnController *c, GError **error)
{
    const char *configured = kn_config_string (c->config, "host.instance_dir");
    g_autofree char *images = kn_data_folder_ensure_dir (c->folder, "images", 0755, error);
    g_autofree char *instances
        = *configured != '\0' ? g_strdup (configured)
                              : kn_data_folder_ensure_dir (c->folder, "instances", 0711, error);

    if (!images || !instances)
        return false;
    return kn_virt_add_host (c->virt,
                             &(KnVirtHostSpec){
                                 .name = c->host_name,
                                 .uri = kn_config_string (c->config, "host.uri"),
                                 .virt_type = kn_config_string (c->config, "host.virt_type"),
                                 .instance_dir = instances,
                                 .image_dir = images,
                                 .local = true,
                             },
                             error);
}

/* Brings hosts, networks, images and servers into agreement with the database, then lets jobs run. The API answers meanwhile. */
static bool
recover (KnController *c, GError **error)
{
    return kn_virt_start (c->virt, error) && add_host (c, error)
           && kn_networks_recover (c->networks, error) && kn_images_recover (c->images, error)
           && kn_compute_reconcile (c->compute, NULL, error) && kn_jobs_start (c->jobs, error);
}

static gpointer
run_recovery (gpointer data)
{
    KnController *c = data;
    g_autoptr (GError) error = NULL;

    if (recover (c, &error)) {
        kn_compute_start (c->compute);
        kn_ops_set_ready (c->ops, c->http, c->jobs, c->compute);
        kn_notify ("READY=1");
        kn_log (KN_LOG_INFO, "ready", "host", c->host_name, NULL);
        return NULL;
    }
    kn_log (KN_LOG_ERROR, "cannot start", "error", error->message, NULL);
    g_atomic_int_set (&c->stopping, 2);
    (void)kill (getpid (), SIGTERM);
    return NULL;
}

static void
stop (KnController *c)
{
    guint grace_ms = (guint)kn_config_int (c->config, "jobs.shutdown_grace") * 1000;

    kn_notify ("STOPPING=1");
    if (c->recovery)
        (void)g_thread_join (c->recovery);
    kn_http_stop (c->http, grace_ms);
    kn_jobs_stop (c->jobs, grace_ms);
    if (c->compute)
        kn_compute_stop (c->compute);
    kn_virt_stop (c->virt);
}

static int
run (KnController *c, const sigset_t *signals, GError **error)
{
    g_autofree char *url = NULL;
    int signal_number = 0;

    if (!make_parts (c, error) || !start_http (c, error))
        return 1;
    if (!bootstrap (c, error)) {
        kn_http_stop (c->http, 0);
        return 1;
    }

    url = dup_local_url (c);
    kn_log (KN_LOG_INFO, "listening", "url", url, "cloud", c->cloud_id, NULL);
    c->recovery = g_thread_new ("recovery", run_recovery, c);
    (void)sigwait (signals, &signal_number);
    kn_log (KN_LOG_INFO, "stopping", "signal", g_strsignal (signal_number), NULL);
    stop (c);
    return g_atomic_int_get (&c->stopping) == 2 ? 1 : 0;
}

/* Blocks the signals that end us, in all threads that will be made; they are waited for in run(). */
static void
block_signals (sigset_t *out_signals)
{
    sigemptyset (out_signals);
    sigaddset (out_signals, SIGTERM);
    sigaddset (out_signals, SIGINT);
    (void)pthread_sigmask (SIG_BLOCK, out_signals, NULL);
    (void)signal (SIGPIPE, SIG_IGN);
}

static int
print_help (void)
{
    g_autofree char *options = kn_config_format_help (kn_options, kn_n_options);

    (void)printf ("usage: kilonova serve [options]\n\n%s", options);
    return 0;
}

int
kn_cmd_serve (int argc, char **argv)
{
    g_autoptr (KnController) c = g_new0 (KnController, 1);
    g_autoptr (GError) error = NULL;
    KnLogLevel level = KN_LOG_INFO;
    sigset_t signals;

    if (argc > 1 && strcmp (argv[1], "--help") == 0)
        return print_help ();
    c->config = kn_cmd_load_config (&argc, argv);
    if (!c->config)
        return 2;
    if (argc > 1) {
        (void)fprintf (stderr, "kilonova: serve does not know '%s'; see kilonova serve --help\n",
                       argv[1]);
        return 2;
    }
    if (sodium_init () < 0) {
        (void)fputs ("kilonova: no random numbers can be had\n", stderr);
        return 1;
    }

    /* Many mostly sleeping threads: two arenas instead of eight a core keep the heap small. */
    (void)mallopt (M_ARENA_MAX, 2);
    (void)kn_log_level_from_string (kn_config_string (c->config, "log.level"), &level);
    kn_log_set_level (level);
    block_signals (&signals);
    int status = run (c, &signals, &error);
    return error ? kn_cmd_fail (error) : status;
}
