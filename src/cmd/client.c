/* SPDX-License-Identifier: Apache-2.0 */
/* A client of the API: libcurl, one login, the catalog. */
#include "cmd/client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/id.h"
#include "base/util.h"
#include "cmd/client_settings.h"

#define MAX_ANSWER (16 * MIB)
#define TIMEOUT_S 120L
#define CONNECT_TIMEOUT_S 10L

struct KnClient {
    KnClientSettings settings;
    CURL *curl;
    char *token;     /* NULL: not logged in */
    json_t *catalog; /* of the token */
};

/* One exchange. */
typedef struct {
    GString *body;
    char *subject_token; /* X-Subject-Token of the answer */
    bool too_large;
} Answer;

static void
answer_clear (Answer *answer)
{
    if (answer->body)
        g_string_free (answer->body, TRUE);
    kn_secret_free (answer->subject_token);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Answer, answer_clear)

KnClient *
kn_client_new (const char *cloud, GError **error)
{
    KnClientSettings settings;

    if (!kn_client_settings_load (cloud, &settings, error))
        return NULL;

    KnClient *client = g_new0 (KnClient, 1);
    client->settings = settings;
    client->curl = curl_easy_init ();
    return client;
}

void
kn_client_free (KnClient *client)
{
    if (!client)
        return;
    curl_easy_cleanup (client->curl);
    kn_client_settings_clear (&client->settings);
    kn_secret_free (client->token);
    json_decref (client->catalog);
    g_free (client);
}

/* -- one request --------------------------------------------------------------------------- */

static size_t
on_body (char *bytes, size_t size, size_t n, void *data)
{
    Answer *answer = data;

    answer->too_large = answer->body->len + size * n > MAX_ANSWER;
    if (answer->too_large)
        return 0;
    g_string_append_len (answer->body, bytes, (gssize)(size * n));
    return size * n;
}

static size_t
on_header (char *bytes, size_t size, size_t n, void *data)
{
    static const char name[] = "x-subject-token:";
    Answer *answer = data;

    if (size * n > sizeof name && g_ascii_strncasecmp (bytes, name, sizeof name - 1) == 0) {
        kn_secret_free (answer->subject_token);
        answer->subject_token
            = g_strstrip (g_strndup (bytes + sizeof name - 1, size * n - (sizeof name - 1)));
    }
    return size * n;
}

static void
set_options (KnClient *client, const char *method, const char *url, const char *body,
             Answer *answer)
{
    CURL *curl = client->curl;
    bool verify = kn_client_settings_verify (&client->settings);

    curl_easy_reset (curl);
    (void)curl_easy_setopt (curl, CURLOPT_URL, url);
    (void)curl_easy_setopt (curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt (curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt (curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt (curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    (void)curl_easy_setopt (curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    (void)curl_easy_setopt (curl, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
    (void)curl_easy_setopt (curl, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
    if (client->settings.cacert)
        (void)curl_easy_setopt (curl, CURLOPT_CAINFO, client->settings.cacert);
    (void)curl_easy_setopt (curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt (curl, CURLOPT_WRITEDATA, answer);
    (void)curl_easy_setopt (curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt (curl, CURLOPT_HEADERDATA, answer);
    if (body)
        (void)curl_easy_setopt (curl, CURLOPT_COPYPOSTFIELDS, body);
}

static struct curl_slist *
make_headers (const KnClient *client)
{
    struct curl_slist *headers = curl_slist_append (NULL, "Content-Type: application/json");

    headers = curl_slist_append (headers, "Accept: application/json");
    /* No "Expect: 100-continue" before short bodies. */
    headers = curl_slist_append (headers, "Expect:");
    if (client->token) {
        kn_autosecret line = g_strdup_printf ("X-Auth-Token: %s", client->token);
        headers = curl_slist_append (headers, line);
    }
    return headers;
}

/* *@out_status: whatever the server answered. Errors: UNAVAILABLE. */
static bool
exchange (KnClient *client, const char *method, const char *url, const char *body, Answer *answer,
          long *out_status, GError **error)
{
    char reason[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = make_headers (client);

    answer->body = g_string_new (NULL);
    set_options (client, method, url, body, answer);
    (void)curl_easy_setopt (client->curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt (client->curl, CURLOPT_ERRORBUFFER, reason);
    CURLcode code = curl_easy_perform (client->curl);
    curl_slist_free_all (headers);
    (void)curl_easy_setopt (client->curl, CURLOPT_ERRORBUFFER, NULL);
    if (code != CURLE_OK) {
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "cannot reach %s: %s", url,
                      answer->too_large ? "the answer is too large"
                      : *reason         ? reason
                                        : curl_easy_strerror (code));
        return false;
    }
    (void)curl_easy_getinfo (client->curl, CURLINFO_RESPONSE_CODE, out_status);
    return true;
}

/* -- answers ------------------------------------------------------------------------------- */

static const struct {
    long status;
    KnErrorCode code;
} codes[] = {
    { 400, KN_ERROR_BAD_REQUEST },     { 401, KN_ERROR_UNAUTHORIZED }, { 403, KN_ERROR_FORBIDDEN },
    { 404, KN_ERROR_NOT_FOUND },       { 409, KN_ERROR_CONFLICT },     { 413, KN_ERROR_TOO_LARGE },
    { 501, KN_ERROR_NOT_IMPLEMENTED }, { 503, KN_ERROR_UNAVAILABLE },
};

/* The sentence of a fault, whatever the service calls it: {"anything": {"message": …}}. */
static const char *
find_message (const json_t *body)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)body, name, value) {
        const char *text = json_string_value (json_object_get (value, "message"));
        if (text)
            return text;
    }
    return NULL;
}

static bool
check_status (long status, const json_t *body, const char *url, GError **error)
{
    const char *message = find_message (body);
    KnErrorCode code = KN_ERROR_INTERNAL;

    if (status >= 200 && status < 300)
        return true;
    for (gsize i = 0; i < G_N_ELEMENTS (codes); i++) {
        if (codes[i].status == status)
            code = codes[i].code;
    }
    if (message)
        kn_error_set (error, code, "%s (HTTP %ld)", message, status);
    else
        kn_error_set (error, code, "%s answered HTTP %ld", url, status);
    return false;
}

/* Parses the answer if there is one; what is no JSON counts as none unless it should be some. */
static json_t *
parse_answer (const Answer *answer)
{
    return answer->body->len > 0 ? kn_json_parse (answer->body->str, answer->body->len, NULL)
                                 : NULL;
}

/* -- login --------------------------------------------------------------------------------- */

static void
set_text (json_t *object, const char *key, const char *value)
{
    if (value)
        (void)json_object_set_new (object, key, json_string (value));
}

static json_t *
make_domain (const char *id, const char *name)
{
    json_t *domain = json_object ();

    set_text (domain, "id", id);
    if (!id)
        set_text (domain, "name", name ? name : "Default");
    return domain;
}

static json_t *
make_identity (const KnClientSettings *s)
{
    if (s->token)
        return json_pack ("{s:[s], s:{s:s}}", "methods", "token", "token", "id", s->token);

    json_t *user = json_object ();
    set_text (user, "id", s->user_id);
    if (!s->user_id) {
        set_text (user, "name", s->username);
        (void)json_object_set_new (user, "domain",
                                   make_domain (s->user_domain_id, s->user_domain_name));
    }
    set_text (user, "password", s->password);
    return json_pack ("{s:[s], s:{s:o}}", "methods", "password", "password", "user", user);
}

static json_t *
make_login (const KnClientSettings *s)
{
    json_t *auth = json_pack ("{s:o}", "identity", make_identity (s));
    json_t *project = json_object ();

    set_text (project, "id", s->project_id);
    if (!s->project_id && s->project_name) {
        set_text (project, "name", s->project_name);
        (void)json_object_set_new (project, "domain",
                                   make_domain (s->project_domain_id, s->project_domain_name));
    }
    if (json_object_size (project) > 0)
        (void)json_object_set_new (auth, "scope", json_pack ("{s:O}", "project", project));
    json_decref (project);
    return json_pack ("{s:o}", "auth", auth);
}

/* "/v3" belongs to the URL, but openrc files leave it out now and then. */
static char *
login_url (const char *auth_url)
{
    g_autofree char *base = g_strdup (auth_url);
    gsize len = strlen (base);

    while (len > 0 && base[len - 1] == '/')
        base[--len] = '\0';
    return g_str_has_suffix (base, "/v3") ? g_strdup_printf ("%s/auth/tokens", base)
                                          : g_strdup_printf ("%s/v3/auth/tokens", base);
}

static bool
login (KnClient *client, GError **error)
{
    g_autofree char *url = login_url (client->settings.auth_url);
    g_autoptr (json_t) request = make_login (&client->settings);
    kn_autosecret text = json_dumps (request, JSON_COMPACT);
    g_auto (Answer) answer = { 0 };
    long status = 0;

    if (!exchange (client, "POST", url, text, &answer, &status, error))
        return false;
    g_autoptr (json_t) body = parse_answer (&answer);
    if (!check_status (status, body, url, error)) {
        g_prefix_error (error, "login failed: ");
        return false;
    }
    if (!answer.subject_token) {
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "%s gave no token: is it an Identity service?",
                      url);
        return false;
    }
    client->token = g_steal_pointer (&answer.subject_token);
    client->catalog = json_incref (json_object_get (json_object_get (body, "token"), "catalog"));
    return true;
}

static bool
endpoint_fits (const KnClientSettings *s, const json_t *endpoint)
{
    const char *interface = json_string_value (json_object_get (endpoint, "interface"));
    const char *region = json_string_value (json_object_get (endpoint, "region_id"));

    return g_strcmp0 (interface, s->interface) == 0
           && (!s->region_name || g_strcmp0 (region, s->region_name) == 0);
}

/* The service's address of the catalog. Borrowed. */
static const char *
load_endpoint (const KnClient *client, const char *service, GError **error)
{
    for (gsize i = 0; i < json_array_size (client->catalog); i++) {
        const json_t *entry = json_array_get (client->catalog, i);
        const json_t *endpoints = json_object_get (entry, "endpoints");
        if (g_strcmp0 (json_string_value (json_object_get (entry, "type")), service) != 0)
            continue;
        for (gsize k = 0; k < json_array_size (endpoints); k++) {
            const json_t *endpoint = json_array_get (endpoints, k);
            const char *url = json_string_value (json_object_get (endpoint, "url"));
            if (url && endpoint_fits (&client->settings, endpoint))
                return url;
        }
    }
    kn_error_set (error, KN_ERROR_NOT_FOUND,
                  "the catalog has no %s service for interface '%s'%s%s; is a project named?",
                  service, client->settings.interface,
                  client->settings.region_name ? " in region " : "",
                  client->settings.region_name ? client->settings.region_name : "");
    return NULL;
}

/* -- calls --------------------------------------------------------------------------------- */

bool
kn_client_call (KnClient *client, const char *method, const char *service, const char *path,
                const json_t *body, json_t **out_body, GError **error)
{
    char *text = body ? json_dumps (body, JSON_COMPACT) : NULL;
    g_auto (Answer) answer = { 0 };
    long status = 0;

    if (!client->token && !login (client, error)) {
        free (text);
        return false;
    }
    const char *endpoint = load_endpoint (client, service, error);
    g_autofree char *url = endpoint ? g_strconcat (endpoint, path, NULL) : NULL;
    bool sent = url && exchange (client, method, url, text, &answer, &status, error);
    free (text);
    if (!sent)
        return false;

    g_autoptr (json_t) reply = parse_answer (&answer);
    if (!check_status (status, reply, url, error))
        return false;
    if (out_body)
        *out_body = g_steal_pointer (&reply);
    return true;
}

typedef struct {
    const char *service, *path, *list, *one; /* path: with the name, escaped, at its end */
    bool pattern;                            /* the name is a regular expression there */
} Collection;

static const Collection servers = { "compute", "/servers?name=", "servers", "server", true };
static const Collection images = { "image", "/v2/images?name=", "images", "image", false };

static bool
set_ambiguous (GError **error, const Collection *of, const char *name, const GPtrArray *ids)
{
    g_autoptr (GString) text = g_string_new (NULL);

    for (guint i = 0; i < ids->len; i++)
        g_string_append_printf (text, "%s%s", i ? ", " : "", (const char *)ids->pdata[i]);
    kn_error_set (error, KN_ERROR_CONFLICT, "%u %ss are called '%s'; use an id: %s", ids->len,
                  of->one, name, text->str);
    return false;
}

/* Ids of all objects with just this name. */
static GPtrArray *
list_named (KnClient *client, const Collection *of, const char *name, GError **error)
{
    g_autofree char *escaped = g_regex_escape_string (name, -1);
    g_autofree char *pattern = g_strdup_printf ("^%s$", escaped);
    g_autofree char *quoted = g_uri_escape_string (of->pattern ? pattern : name, NULL, FALSE);
    g_autofree char *path = g_strconcat (of->path, quoted, NULL);
    g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
    g_autoptr (json_t) body = NULL;

    if (!kn_client_call (client, "GET", of->service, path, NULL, &body, error))
        return NULL;
    const json_t *list = json_object_get (body, of->list);
    for (gsize i = 0; i < json_array_size (list); i++) {
        const json_t *object = json_array_get (list, i);
        const char *id = json_string_value (json_object_get (object, "id"));
        if (id && g_strcmp0 (json_string_value (json_object_get (object, "name")), name) == 0)
            g_ptr_array_add (ids, g_strdup (id));
    }
    return g_steal_pointer (&ids);
}

static char *
load_id (KnClient *client, const Collection *of, const char *name, GError **error)
{
    if (kn_id_is_uuid (name))
        return g_strdup (name);

    g_autoptr (GPtrArray) ids = list_named (client, of, name, error);
    if (!ids)
        return NULL;
    if (ids->len == 0) {
        kn_error_set (error, KN_ERROR_NOT_FOUND, "there is no %s '%s'", of->one, name);
        return NULL;
    }
    if (ids->len > 1) {
        (void)set_ambiguous (error, of, name, ids);
        return NULL;
    }
    return g_strdup (ids->pdata[0]);
}

char *
kn_client_load_server_id (KnClient *client, const char *name, GError **error)
{
    return load_id (client, &servers, name, error);
}

char *
kn_client_load_image_id (KnClient *client, const char *name, GError **error)
{
    return load_id (client, &images, name, error);
}
