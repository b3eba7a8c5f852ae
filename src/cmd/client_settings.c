/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the OS_* variables or clouds.yaml into one record, by one table. */
#include "cmd/client_settings.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/error.h"
#include "base/util.h"

#define MAX_YAML (1 * MIB)

typedef struct {
    const char *variable;
    const char *key; /* in clouds.yaml, below the cloud */
    bool in_auth;    /* … below its "auth" */
    gsize offset;
    const char *unless; /* the value when nothing is said, or NULL */
} Setting;

#define AT(MEMBER) .offset = offsetof (KnClientSettings, MEMBER)

static const Setting settings_table[] = {
    { "OS_AUTH_URL", "auth_url", true, AT (auth_url) },
    { "OS_USERNAME", "username", true, AT (username) },
    { "OS_USER_ID", "user_id", true, AT (user_id) },
    { "OS_PASSWORD", "password", true, AT (password) },
    { "OS_TOKEN", "token", true, AT (token) },
    { "OS_PROJECT_NAME", "project_name", true, AT (project_name) },
    { "OS_PROJECT_ID", "project_id", true, AT (project_id) },
    { "OS_USER_DOMAIN_NAME", "user_domain_name", true, AT (user_domain_name) },
    { "OS_USER_DOMAIN_ID", "user_domain_id", true, AT (user_domain_id) },
    { "OS_PROJECT_DOMAIN_NAME", "project_domain_name", true, AT (project_domain_name) },
    { "OS_PROJECT_DOMAIN_ID", "project_domain_id", true, AT (project_domain_id) },
    { "OS_REGION_NAME", "region_name", false, AT (region_name) },
    { "OS_INTERFACE", "interface", false, AT (interface), "public" },
    { "OS_CACERT", "cacert", false, AT (cacert) },
    { "OS_VERIFY", "verify", false, AT (verify) },
};

static char **
slot_of (KnClientSettings *settings, const Setting *row)
{
    return (char **)((char *)settings + row->offset);
}

void
kn_client_settings_clear (KnClientSettings *settings)
{
    for (gsize i = 0; i < G_N_ELEMENTS (settings_table); i++)
        kn_secret_free (*slot_of (settings, &settings_table[i]));
    *settings = (KnClientSettings){ 0 };
}

bool
kn_client_settings_verify (const KnClientSettings *settings)
{
    bool verify = true;

    if (settings->verify)
        (void)kn_parse_bool (settings->verify, &verify);
    return verify;
}

static void
read_variables (KnClientSettings *settings)
{
    for (gsize i = 0; i < G_N_ELEMENTS (settings_table); i++) {
        const char *value = g_getenv (settings_table[i].variable);
        if (value && *value)
            *slot_of (settings, &settings_table[i]) = g_strdup (value);
    }
}

/* -- clouds.yaml --------------------------------------------------------------------------- */

static const yaml_node_t *
member (yaml_document_t *document, const yaml_node_t *map, const char *key)
{
    if (!map || map->type != YAML_MAPPING_NODE)
        return NULL;
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
         p++) {
        const yaml_node_t *name = yaml_document_get_node (document, p->key);
        if (name && name->type == YAML_SCALAR_NODE
            && strcmp ((const char *)name->data.scalar.value, key) == 0)
            return yaml_document_get_node (document, p->value);
    }
    return NULL;
}

static void
read_entry (yaml_document_t *document, const yaml_node_t *entry, KnClientSettings *settings)
{
    const yaml_node_t *auth = member (document, entry, "auth");

    for (gsize i = 0; i < G_N_ELEMENTS (settings_table); i++) {
        const Setting *row = &settings_table[i];
        const yaml_node_t *value = member (document, row->in_auth ? auth : entry, row->key);
        if (!value || value->type != YAML_SCALAR_NODE)
            continue;
        kn_secret_free (*slot_of (settings, row));
        *slot_of (settings, row)
            = g_strndup ((const char *)value->data.scalar.value, value->data.scalar.length);
    }
}

/* Reads @cloud from the text of a file; *@out_found: it is there. */
static bool
read_yaml (const char *text, gsize len, const char *cloud, KnClientSettings *settings,
           bool *out_found, GError **error)
{
    yaml_parser_t parser;
    yaml_document_t document;

    if (!yaml_parser_initialize (&parser)) {
        kn_error_set (error, KN_ERROR_INTERNAL, "cannot make a YAML parser");
        return false;
    }
    yaml_parser_set_input_string (&parser, (const guchar *)text, len);
    if (!yaml_parser_load (&parser, &document)) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST, "line %zu: %s", parser.problem_mark.line + 1,
                      parser.problem ? parser.problem : "not YAML");
        yaml_parser_delete (&parser);
        return false;
    }
    const yaml_node_t *clouds
        = member (&document, yaml_document_get_root_node (&document), "clouds");
    const yaml_node_t *entry = member (&document, clouds, cloud);
    *out_found = entry != NULL;
    if (entry)
        read_entry (&document, entry, settings);
    yaml_document_delete (&document);
    yaml_parser_delete (&parser);
    return true;
}

static bool
read_file (const char *path, const char *cloud, KnClientSettings *settings, bool *out_found,
           GError **error)
{
    gsize len = 0;
    kn_autosecret text = kn_file_read (path, MAX_YAML, &len, error);

    if (!text)
        return false;
    if (!read_yaml (text, len, cloud, settings, out_found, error)) {
        g_prefix_error (error, "cannot read '%s': ", path);
        return false;
    }
    return true;
}

/* The folders of openstacksdk, in its order; a clouds.yaml that OS_CLIENT_CONFIG_FILE names comes first. */
static GPtrArray *
list_files (const char *name)
{
    GPtrArray *files = g_ptr_array_new_with_free_func (g_free);
    const char *named = g_getenv ("OS_CLIENT_CONFIG_FILE");

    if (named && *named && strcmp (name, "clouds.yaml") == 0)
        g_ptr_array_add (files, g_strdup (named));
    g_ptr_array_add (files, g_strdup (name));
    g_ptr_array_add (files, g_build_filename (g_get_user_config_dir (), "openstack", name, NULL));
    g_ptr_array_add (files, g_build_filename ("/etc/openstack", name, NULL));
    return files;
}

/* The first file that exists decides, as in openstacksdk. */
static bool
read_first (const char *name, const char *cloud, KnClientSettings *settings, bool *out_found,
            GError **error)
{
    g_autoptr (GPtrArray) files = list_files (name);

    *out_found = false;
    for (guint i = 0; i < files->len; i++) {
        if (g_file_test (files->pdata[i], G_FILE_TEST_EXISTS))
            return read_file (files->pdata[i], cloud, settings, out_found, error);
    }
    return true;
}

static bool
read_cloud (const char *cloud, KnClientSettings *settings, GError **error)
{
    bool found = false, secret = false;

    if (!read_first ("clouds.yaml", cloud, settings, &found, error))
        return false;
    if (!found) {
        kn_error_set (error, KN_ERROR_NOT_FOUND,
                      "no cloud '%s' in clouds.yaml (looked for in this folder, in "
                      "~/.config/openstack and in /etc/openstack; OS_CLIENT_CONFIG_FILE names "
                      "another file)",
                      cloud);
        return false;
    }
    return read_first ("secure.yaml", cloud, settings, &secret, error);
}

static bool
check (const KnClientSettings *s, GError **error)
{
    if (!s->auth_url) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST,
                      "no cloud is named: set OS_CLOUD, or source the openrc that kilonova serve "
                      "has written into its data folder");
        return false;
    }
    if (!s->token && !(s->password && (s->username || s->user_id))) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST,
                      "user name or password is missing: set OS_USERNAME and OS_PASSWORD");
        return false;
    }
    return true;
}

bool
kn_client_settings_load (const char *cloud, KnClientSettings *out_settings, GError **error)
{
    KnClientSettings settings = { 0 };
    const char *named = cloud ? cloud : g_getenv ("OS_CLOUD");
    bool good = true;

    if (named && *named)
        good = read_cloud (named, &settings, error);
    else
        read_variables (&settings);
    for (gsize i = 0; i < G_N_ELEMENTS (settings_table); i++) {
        const Setting *row = &settings_table[i];
        if (row->unless && !*slot_of (&settings, row))
            *slot_of (&settings, row) = g_strdup (row->unless);
    }
    if (!good || !check (&settings, error)) {
        kn_client_settings_clear (&settings);
        return false;
    }
    *out_settings = settings;
    return true;
}
